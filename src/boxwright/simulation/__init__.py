"""Recordings with known truth: a LiDAR and cameras on a moving vehicle, in a street with traffic.

The light is traced, the sensors are imperfect, and chance is a seed: see `chance.py` for why the same seed gives the same recording everywhere.
Nothing that fits or checks labels may read a constant from here.
"""

from __future__ import annotations

import dataclasses
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Float64s, Int32s, UInt8s, check_kinds
from ..cameras import FisheyeCamera, PinholeCamera, UncalibratedCamera
from ..errors import ArgumentError, FrameMissing
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..scene import CameraSensor, Lidar, Scene
from .actors import actors, ego_route
from .chance import Chance
from .lidar import SpinningLidar, ego_pose
from .motion import Route
from .motorway import motorway_actors, motorway_ego, motorway_mesh
from .pictures import Picture, SimulatedCamera
from .site import site_mesh
from .truth import true_tracks
from .world import World

__all__ = ["SimulatedData", "simulate"]

SEED, N_FRAMES = 7, 41  # unless told otherwise; the sample is made with them
MAX_FRAMES = 90
FRAME_S = 0.1
FIRST_STAMP_NS = 1_795_000_000_000_000_000
WORLD_FROM_SITE = Pose.from_yaw(-0.7, (1250.0, -640.0, 87.0))
POSE_STEP_NS = 20_000_000
KEPT_PICTURES = 8

_AHEAD = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # ego from a camera that looks along x


def simulate(
    seed: int = SEED,
    n_frames: int = N_FRAMES,
    *,
    n_beams: int = 32,
    n_columns: int = 560,
    image_scale: float = 1.0,
    min_points: int = 5,
    scenery: str = "street",
    cameras: Sequence[CameraSensor] | None = None,
) -> Scene:
    """A recording at 10 Hz and its truth: a drive along a street with parked and moving traffic, and around a corner; or along a motorway.

    seed : everything that is left to chance; 0 <= seed < 2**63; 7 is the sample's
    n_frames : 1 to 90; as many as the sample has by default
    n_beams, n_columns : the LiDAR's beams, and how often it fires in a turn
    image_scale : makes the pictures larger or smaller; they are rendered when asked for
    min_points : things that never get as many points in a sweep have no track
    cameras : other ones than "front", "right" and "rear", of any model and with rolling shutters; image_scale does not touch them
    scenery : "street", as in the sample, or "motorway", with traffic of up to 35 m/s in both directions

    The scene has the LiDAR "lidar", the cameras "front" and "right" (pinhole) and "rear" (fisheye), a trajectory, and true tracks in the world
    frame with a keyframe for every frame. `scene.data` is SimulatedData, which knows whose every point and pixel is.
    Points are given in the LiDAR's frame at each point's own time; a label says where its object is at the frame's stamp.
    Raises ArgumentError for numbers out of range.
    """
    seed, n_frames, n_beams, n_columns, min_points = (
        _whole(name, value, low, high)
        for name, value, low, high in (
            ("seed", seed, 0, 2**63 - 1),
            ("n_frames", n_frames, 1, MAX_FRAMES),
            ("n_beams", n_beams, 1, 256),
            ("n_columns", n_columns, 8, 8192),
            ("min_points", min_points, 1, 10**9),
        )
    )
    if not 0.05 <= image_scale <= 8:
        raise ArgumentError(expected="a number within 0.05..8", got=repr(image_scale), field="image_scale")
    if scenery not in ("street", "motorway"):
        raise ArgumentError(expected="'street' or 'motorway'", got=repr(scenery)[:60], field="scenery")
    duration_s = n_frames * FRAME_S
    if scenery == "street":
        world, ego = World(site_mesh(Chance(seed, 1)), actors(seed, duration_s)), ego_route(Chance(seed, 6), duration_s)
    else:
        world, ego = World(motorway_mesh(), motorway_actors(seed, duration_s)), motorway_ego(Chance(seed, 6), duration_s)
    lidar = SpinningLidar(seed, n_beams, n_columns, Pose.from_quat(_tilt(0.004, 0.012, 0.006), (0.95, 0.0, 1.86)))
    rig = _cameras(seed, image_scale) if cameras is None else _given_cameras(seed, cameras)
    times_s: Float64s = np.arange(n_frames, dtype=np.float64) * FRAME_S
    times_ns = FIRST_STAMP_NS + np.arange(n_frames, dtype=np.int64) * int(FRAME_S * 1e9)
    turns = [lidar.turn(world, ego, i, float(times_s[i]), int(times_ns[i])) for i in range(n_frames)]
    tracks, which = true_tracks(world.cast, turns, times_s, times_ns, WORLD_FROM_SITE, min_points)
    track_of_object = np.full(len(world.cast) + 2, -1, np.int32)  # the last row stands for object -1, nothing
    track_of_object[which] = np.arange(len(which))
    return Scene(
        f"simulated-{seed}",
        times_ns,
        {"lidar": Lidar("lidar", lidar.ego_from_lidar)},
        {name: dataclasses.replace(camera.sensor, times_ns=times_ns + round(camera.delay_s * 1e9)) for name, camera in rig.items()},
        _trajectory(ego, n_frames),
        tracks,
        SimulatedData([(turn.sweep, track_of_object[turn.object_index]) for turn in turns], rig, world, ego, track_of_object),
        notes=("a simulated recording: every label is exact",),
    )


class SimulatedData:
    """Points and pictures of a simulated scene, and whose they are. Pictures are rendered when asked for."""

    def __init__(
        self, turns: list[tuple[Sweep, Int32s]], cameras: dict[str, SimulatedCamera], world: World, ego: Route, track_of_object: Int32s
    ) -> None:
        self._turns, self._cameras, self._world, self._ego, self._track_of_object = turns, cameras, world, ego, track_of_object
        self._pictures: OrderedDict[tuple[int, str], Picture] = OrderedDict()

    def points(self, frame_index: int, sensor: str) -> Sweep:
        return self._turn(frame_index, sensor)[0]

    def image(self, frame_index: int, camera: str) -> UInt8s:
        return self._picture(frame_index, camera).rgb

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return sensor == "lidar" and 0 <= frame_index < len(self._turns)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return camera in self._cameras and 0 <= frame_index < len(self._turns)

    def point_track_index(self, frame_index: int) -> Int32s:
        """(N,) int32: the track each point of the sweep belongs to, -1 where it belongs to none."""
        return self._turn(frame_index, "lidar")[1]

    def pixel_track_index(self, frame_index: int, camera: str) -> Int32s:
        """(H, W) int32: the track seen in each pixel, -1 where there is none."""
        return self._track_of_object[self._picture(frame_index, camera).object_index]

    def depth_m(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(H, W) float32: z in the cam frame, as `project_points` gives it; inf for the sky, NaN outside the circle of a fisheye."""
        return self._picture(frame_index, camera).depth_m

    def _turn(self, frame_index: int, sensor: str) -> tuple[Sweep, Int32s]:
        if not self.has_points(frame_index, sensor):
            raise FrameMissing("no sweep", field=f"frame {frame_index}, {sensor}")
        return self._turns[frame_index]

    def _picture(self, frame_index: int, camera: str) -> Picture:
        if not self.has_image(frame_index, camera):
            raise FrameMissing("no image", field=f"frame {frame_index}, {camera}")
        key = (frame_index, camera)
        if key not in self._pictures:
            self._pictures[key] = self._cameras[camera].expose(self._world, self._ego, frame_index, frame_index * FRAME_S)
            while len(self._pictures) > KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return self._pictures[key]


def _cameras(seed: int, scale: float) -> dict[str, SimulatedCamera]:
    """Each fires when the LiDAR's beams sweep past its middle."""

    def px(value: float) -> int:
        return max(round(value * scale), 8)

    front = PinholeCamera(px(480), px(300), 272 * scale, 271 * scale, 238.6 * scale, 149.3 * scale, (-0.26, 0.085, 0.0006, -0.0004, -0.012))
    right = PinholeCamera(px(288), px(216), 170 * scale, 170 * scale, 144.7 * scale, 106.6 * scale, (-0.11, 0.016, -0.0003, 0.0005))
    bent = (-0.021, 0.004, -0.0021, 0.0002)
    rear = FisheyeCamera(px(300), px(300), 93.3 * scale, 93.3 * scale, 149.8 * scale, 149.2 * scale, bent, math.radians(97.0))
    return {
        "front": SimulatedCamera(seed, 0, CameraSensor("front", front, _mount(0.0, 0.02, (1.75, 0.02, 1.45))), 0.0),
        "right": SimulatedCamera(seed, 1, CameraSensor("right", right, _mount(-1.45, 0.05, (1.2, -0.85, 1.50))), -0.023),
        "rear": SimulatedCamera(seed, 2, CameraSensor("rear", rear, _mount(3.12, 0.30, (-0.85, 0.0, 1.35))), 0.049),
    }


def _given_cameras(seed: int, cameras: Sequence[CameraSensor]) -> dict[str, SimulatedCamera]:
    """They fire with the frames."""
    check_kinds("cameras", cameras, CameraSensor, "CameraSensor", "make them: bw.CameraSensor(name, camera, ego_from_cam)")
    for sensor in cameras:
        if isinstance(sensor.camera, UncalibratedCamera):
            sensor.camera.refuse(f"camera {sensor.name}")
    names = [sensor.name for sensor in cameras]
    if len(set(names)) < len(names) or set(names) & {"world", "ego", "lidar"}:
        raise ArgumentError(expected="names that differ, and are no frame of reference", got=", ".join(names), field="cameras", hint="rename one")
    return {sensor.name: SimulatedCamera(seed, number, sensor, 0.0) for number, sensor in enumerate(cameras)}


def _mount(yaw: float, down: float, place: tuple[float, float, float]) -> Pose:
    """ego_from_cam of a camera turned left by `yaw` and then down."""
    turned = Pose.from_yaw(yaw).rotation @ Pose.from_quat(_tilt(0.0, down, 0.0)).rotation
    return Pose(turned @ _AHEAD, place)


def _tilt(roll: float, pitch: float, yaw: float) -> Float64s:
    """(4,) quaternion of small turns about x, y, z."""
    quat = np.array([1.0, roll / 2, pitch / 2, yaw / 2])
    unit: Float64s = quat / np.linalg.norm(quat)
    return unit


def _trajectory(ego: Route, n_frames: int) -> Trajectory:
    """World from ego at 50 Hz, from before the first point to after the last one."""
    offsets_ns = np.arange(-5 * POSE_STEP_NS, round(n_frames * FRAME_S * 1e9) + POSE_STEP_NS, POSE_STEP_NS, dtype=np.int64)
    offsets_s: Float64s = offsets_ns.astype(np.float64) * 1e-9
    rotation, place = ego_pose(ego, offsets_s)
    poses = [WORLD_FROM_SITE @ Pose(r, p) for r, p in zip(rotation, place, strict=True)]
    return Trajectory(FIRST_STAMP_NS + offsets_ns, poses)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ArgumentError(expected=f"a whole number within {low}..{high}", got=repr(value), field=name)
    return int(value)
