"""A small made-up scene for tests of pictures, commands and windows: a road, two cars and a walker, two cameras, a moving ego."""

from __future__ import annotations

import numpy as np

import boxwright as bw

N_FRAMES = 6
STEP_NS = 100_000_000
START_NS = 1_700_000_000_000_000_000
CAR_SIZE = (4.4, 1.8, 1.5)
EGO_FROM_LIDAR = bw.Pose.identity()
AHEAD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # ego from a camera that looks along x


def times_ns() -> np.ndarray:
    return START_NS + STEP_NS * np.arange(N_FRAMES)


def trajectory() -> bw.Trajectory:
    return bw.Trajectory(times_ns(), [bw.Pose.from_yaw(0.02 * i, (100 + 0.8 * i, 50.0, 2.0)) for i in range(N_FRAMES)])


def tracks() -> list[bw.Track]:
    """A parked car ahead on the left, a car driving away ahead, a walker crossing on the right; a keyframe in every frame, in the world frame."""
    k = np.arange(N_FRAMES, dtype=float)
    stamps = times_ns()

    def track(name, category, x, y, size, yaw):
        center = np.column_stack([x, y, np.full(N_FRAMES, 2.0 + size[2] / 2)])
        return bw.Track(name, category, stamps, bw.Cuboids(center, np.tile(size, (N_FRAMES, 1)), yaw, frame="world"))

    return [
        track("parked", "car", 112 + 0 * k, 54 + 0 * k, CAR_SIZE, np.full(N_FRAMES, np.pi)),
        track("driving", "car", 115 + 1.2 * k + 0.05 * k**2, 50 + 0 * k, CAR_SIZE, np.zeros(N_FRAMES)),
        track("walker", "pedestrian", 109 + 0 * k, 45 + 0.15 * k, (0.6, 0.6, 1.75), np.full(N_FRAMES, np.pi / 2)),
    ]


def surface(cuboid: bw.Cuboid, step_m: float = 0.12) -> np.ndarray:
    """(N, 3) points on the sides of a cuboid that face the origin of its frame."""
    length, width, height = cuboid.size_m
    up = np.arange(0.15, height - 0.02, step_m) - height / 2
    faces = []
    for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
        normal = cuboid.as_cuboids().rotation[0][:, axis] * sign
        middle = cuboid.center_m + normal * cuboid.size_m[axis] / 2
        if normal @ middle > 0:
            continue
        along = np.arange(-(width, length)[axis] / 2 + 0.02, (width, length)[axis] / 2, step_m)
        a, b = (grid.ravel() for grid in np.meshgrid(along, up))
        local = np.zeros((len(a), 3))
        local[:, 1 - axis], local[:, 2], local[:, axis] = a, b, sign * cuboid.size_m[axis] / 2
        faces.append(local @ cuboid.as_cuboids().rotation[0].T + cuboid.center_m)
    return np.concatenate(faces) if faces else np.zeros((0, 3))


class Data:
    """Points and pictures made when asked for; the second camera has none."""

    def __init__(self, scene: bw.Scene) -> None:
        self.scene = scene

    def points(self, frame_index: int, sensor: str) -> bw.Sweep:
        cuboids = self.scene.cuboids(frame_index, "lidar")
        x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-25, 35, 0.8), np.arange(-20, 20, 0.8)))
        floor = np.column_stack([x, y, np.zeros(len(x))])
        xyz = np.concatenate([floor, *[surface(cuboid) for cuboid in cuboids]]).astype(np.float32)
        return bw.Sweep(xyz, int(self.scene.times_ns[frame_index]), "lidar", np.linspace(0, 1, len(xyz), dtype=np.float32))

    def image(self, frame_index: int, camera: str) -> np.ndarray:
        width, height = self.scene.camera(camera).camera.size_px
        picture = np.full((height, width, 3), (120, 150, 190), np.uint8)
        picture[height // 2 :] = (90, 90, 90)
        return picture

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return True

    def has_image(self, frame_index: int, camera: str) -> bool:
        return camera == "front"


def scene(name: str = "street") -> bw.Scene:
    cameras = {
        "front": bw.CameraSensor("front", bw.PinholeCamera(640, 360, 420, 420, 319.5, 179.5), bw.Pose(AHEAD, (0.5, 0.0, 1.5))),
        "wide": bw.CameraSensor("wide", bw.FisheyeCamera(300, 300, 95, 95, 149.5, 149.5), bw.Pose(AHEAD, (0.5, 0.0, 1.5))),
    }
    empty = bw.Scene(name, times_ns(), {"lidar": bw.Lidar("lidar", EGO_FROM_LIDAR)}, cameras, trajectory(), tracks())
    return empty.replace(data=Data(empty))
