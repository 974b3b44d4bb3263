"""Scenes made for the tests of the formats: nothing square, no round angles, nothing at height 0."""

from __future__ import annotations

import numpy as np

import boxwright as bw
from boxwright.scene import NoData


class MemoryData(NoData):
    """Sweeps and pictures held in memory: (frame, sensor) -> data."""

    def __init__(self, sweeps=None, images=None):
        self.sweeps, self.images = sweeps or {}, images or {}

    def points(self, frame_index, sensor):
        return self.sweeps[frame_index, sensor]

    def image(self, frame_index, camera):
        return self.images[frame_index, camera]

    def has_points(self, frame_index, sensor):
        return (frame_index, sensor) in self.sweeps

    def has_image(self, frame_index, camera):
        return (frame_index, camera) in self.images


def tilted(angle=0.3, yaw=1.1, t=(0.3, -0.2, 1.7)):
    from boxwright.rotations import quat_from_axis_angle, quat_from_yaw, quat_multiply

    return bw.Pose.from_quat(quat_multiply(quat_from_yaw(yaw), quat_from_axis_angle(np.array([0.6, 0.8, 0.0]), angle)), t)


CAM_AXES = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # ego_from_cam of a camera that looks ahead


def full_scene(rng, n_frames=4):
    """Every field of a Scene in use."""
    times = 1_700_000_000_123_456_789 + np.arange(n_frames) * 100_000_003
    poses = [bw.Pose.from_yaw(0.07 * i + 0.4, (500_000.25 + 1.3 * i, 5_400_000.5 - 0.7 * i, 211.0 + 0.01 * i)) for i in range(n_frames + 1)]
    trajectory = bw.Trajectory(np.append(times, times[-1] + 100_000_003), poses)
    quats = rng.normal(size=(3, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    flat = bw.Cuboids(rng.uniform(1, 60, (3, 3)), rng.uniform(0.5, 5, (3, 3)), rng.uniform(-3, 3, 3), frame="world")
    free = bw.Cuboids(rng.uniform(1, 60, (3, 3)), rng.uniform(0.5, 5, (3, 3)), quat_wxyz=quats, frame="world").transformed(poses[1], frame="world")
    tracks = [
        bw.Track(
            "7", "car", times[:3], flat, visibility=[0, 1, 2], origin=[0, 1, 3], attributes={"colour": "grün"}, source_attributes={"token": "a/b"}
        ),
        bw.Track(
            "x y",
            "person",
            times[1:4],
            free,
            method="linear",
            keyframe_attributes=[{"pose": "walks"}, {}, {"pose": None, "speed": 0.1}],
            keyframe_source_attributes=[{"n": 3}, {"list": [1, 2.5, {"deep": True}]}, {}],
        ),
    ]
    lidars = {"lidar": bw.Lidar("lidar", tilted(0.02), ((0.0, 0.0, 0.1), (0.0, 0.0, -0.1))), "rear": bw.Lidar("rear")}
    front = bw.PinholeCamera(48, 32, 30.3, 30.7, 23.1, 15.9, (0.1, -0.02, 0.001, 0.002, 0.003))
    cameras = {
        "front": bw.CameraSensor("front", front, bw.Pose(CAM_AXES, (1.0, 0.2, 1.5)), times - 5_000_000),
        "round": bw.CameraSensor("round", bw.FisheyeCamera(40, 40, 12.5, 12.5, 19.5, 19.5, (0.01, 0.0, 0.0, 0.001), 1.7), tilted(0.2)),
    }
    sweeps, images = {}, {}
    for i in range(n_frames - 1):
        n = 50 + i
        sweeps[i, "lidar"] = bw.Sweep(
            rng.normal(0, 20, (n, 3)).astype(np.float32),
            int(times[i]),
            intensity=rng.integers(0, 255, n).astype(np.uint8),
            time_offset_ns=rng.integers(-(10**8), 10**8, n),
            fields={"ring": rng.integers(0, 64, n).astype(np.uint16)},
        )
        v, u = np.mgrid[:32, :48]
        images[i, "front"] = np.stack([200 + u, 3 * v + i, 20 + 2 * u], 2).astype(np.uint8)
    sweeps[0, "rear"] = bw.Sweep(rng.normal(0, 20, (7, 3)), int(times[0]) + 12345, frame="rear", origin_m=(1e6, 2e6, 0.5), is_deskewed=True)
    sweeps[1, "rear"] = bw.Sweep(np.zeros((0, 3), np.float32), int(times[1]), frame="rear")
    return bw.Scene(
        "clip 1",
        times,
        lidars,
        cameras,
        trajectory,
        tracks,
        MemoryData(sweeps, images),
        frame_ids=tuple(f"f{i}" for i in range(n_frames)),
        tags=[bw.Tag("weather", ["rain"]), bw.Tag("score", 0.25, (int(times[1]), int(times[2])))],
        relations=[bw.Relation("follows", "7", "x y", (int(times[0]), int(times[2]))), bw.Relation("owns", "x y", "7")],
        source_attributes={"site": {"name": "A"}},
        notes=["one note"],
    )


def assert_same_labels(a, b, exact=True, tol_m=0.0, tol_rad=0.0):
    assert [t.track_id for t in a.tracks] == [t.track_id for t in b.tracks]
    for x, y in zip(a.tracks, b.tracks):
        assert x.category == y.category
        np.testing.assert_array_equal(x.times_ns, y.times_ns)
        np.testing.assert_array_equal(x.visibility, y.visibility)
        if exact:
            for name in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
                np.testing.assert_array_equal(getattr(x.cuboids, name), getattr(y.cuboids, name), err_msg=name)
        else:
            p, q = (track.cuboids[track.visibility != bw.Visibility.OUTSIDE] for track in (x, y))
            np.testing.assert_allclose(p.center_m, q.center_m, rtol=0, atol=tol_m)
            np.testing.assert_allclose(p.size_m, q.size_m, rtol=0, atol=tol_m)
            assert angle_between(p.quat_wxyz, q.quat_wxyz).max(initial=0) <= tol_rad


def angle_between(a, b):
    """(M,) angles between unit quaternions, precise for small ones."""
    b = np.where((a * b).sum(-1, keepdims=True) < 0, -b, b)
    return 4 * np.arcsin(np.minimum(np.linalg.norm(a - b, axis=-1) / 2, 1))
