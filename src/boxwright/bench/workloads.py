"""What is measured: seeded inputs of the sizes an annotator's day brings. Every workload can be made small, for tests and quick runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Floats, Int64s
from ..cameras import PinholeCamera
from ..cuboids import Cuboids
from ..frames import Pose
from ..tracks import Track
from .formats import PointFile, point_file

__all__ = [
    "Clusters",
    "Overlaps",
    "PointsAndCuboids",
    "Rig",
    "Tracks",
    "aggregated_points",
    "clusters",
    "overlaps",
    "points_and_cuboids",
    "real_workloads",
    "rig",
    "sweep_points",
    "tracks",
    "workloads",
]

SEED = 20260521
HALF_EXTENT_M = 75.0
FAR_M = 15.0
SENSOR_M = 1.7
CAR_M = np.array([4.5, 1.9, 1.6])


@dataclass(frozen=True, eq=False)
class PointsAndCuboids:
    """points : (N, 3); cuboids : M"""

    points: Floats
    cuboids: Cuboids


@dataclass(frozen=True, eq=False)
class Rig:
    """points_lidar : (N, 3); one camera and one (4, 4) cam_from_lidar for each picture; dtype of what is wanted back"""

    points_lidar: Floats
    cameras: list[PinholeCamera]
    cam_from_lidar: list[Float64s]
    dtype: Any


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Two sets of upright cuboids."""

    a: Cuboids
    b: Cuboids


@dataclass(frozen=True, eq=False)
class Clusters:
    """points : (N, 3), cluster k is offsets[k]:offsets[k + 1]; yaw_rad : (K,) the truth"""

    points: Floats
    offsets: Int64s
    yaw_rad: Float64s


@dataclass(frozen=True, eq=False)
class Tracks:
    """tracks, and the times of all frames"""

    tracks: Sequence[Track]
    times_ns: Int64s
    method: str


def sweep_points(n: int = 120_000, seed: int = SEED) -> Floats:
    """(n, 3) float32: 64 beams turning over a flat ground, within 150 m x 150 m. In each degree stands a low thing, seen over, and a wall."""
    rng = np.random.default_rng(seed)
    n_columns = math.ceil(n / 64 * 1.6)
    azimuth = np.linspace(-math.pi, math.pi, n_columns, endpoint=False)[:, None]
    slope = np.tan(np.radians(np.linspace(-25, 3, 64)))
    sector = np.arange(n_columns) * 360 // n_columns
    low_m, top_m, wall_m = (rng.uniform(*span, 360)[sector][:, None] for span in ((4.0, 60.0), (-1.4, 0.5), (20.0, 120.0)))
    ground = np.where(slope < -0.01, SENSOR_M / np.maximum(-slope, 1e-6), np.inf)
    reach = np.minimum(np.where(low_m * slope < top_m, np.minimum(ground, low_m), ground), wall_m)
    reach = reach + rng.normal(0, 0.02, reach.shape)
    xyz = np.stack([reach * np.cos(azimuth), reach * np.sin(azimuth), reach * slope], -1).reshape(-1, 3)
    xyz = xyz[(np.abs(xyz[:, :2]) < HALF_EXTENT_M).all(1)]
    kept = np.sort(rng.choice(len(xyz), n, replace=len(xyz) < n))
    points: Floats = np.ascontiguousarray(xyz[kept], np.float32)
    return points


def aggregated_points(n: int = 10_000_000) -> Floats:
    """(n, 3) float32: sweeps of a drive, 1.5 m apart, in one frame."""
    per_sweep = min(n, 120_000)
    parts = []
    for i in range(math.ceil(n / per_sweep)):
        part = sweep_points(per_sweep, SEED + i)
        part[:, 0] += np.float32(1.5 * i)
        parts.append(part)
    return np.ascontiguousarray(np.concatenate(parts)[:n])


def cuboids_on(points: Floats, m: int, *, min_range_m: float = 0.0, tilted: bool = False, seed: int = SEED) -> Cuboids:
    """m car-sized cuboids around points of the cloud, hardly one on another, none whose centre is nearer to the origin than min_range_m.

    Of the squares of 2.5 m that hold points each gets one, the fuller the likelier; every square twice only where there are fewer than m.
    """
    rng = np.random.default_rng(seed + m)
    beyond = points[np.hypot(points[:, 0], points[:, 1]) >= (min_range_m + 3 if min_range_m else 0)]
    square = np.floor(beyond[:, :2] / 2.5).astype(np.int64) @ np.array([1_000_000, 1])
    _, square, count = np.unique(square, return_inverse=True, return_counts=True)
    likely = count ** (1.0 if min_range_m else 0.5)
    chosen = rng.choice(len(count), m, replace=m > len(count), p=likely / likely.sum())
    member = np.argsort(square, kind="stable")[(np.cumsum(count) - count)[chosen] + (rng.random(m) * count[chosen]).astype(np.int64)]
    center = beyond[member].astype(np.float64) + rng.uniform(-0.6, 0.6, (m, 3))
    size = CAR_M * rng.uniform(0.8, 1.2, (m, 3))
    yaw = rng.uniform(-math.pi, math.pi, m)
    if not tilted:
        return Cuboids(center, size, yaw, frame="lidar")
    quat = np.stack([np.cos(yaw / 2), *rng.normal(0, 0.03, (2, m)), np.sin(yaw / 2)], -1)
    return Cuboids(center, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame="lidar")


def points_and_cuboids(n: int = 120_000, m: int = 100, *, far: bool = False, tilted: bool = False) -> PointsAndCuboids:
    points = sweep_points(n) if n <= 1_000_000 else aggregated_points(n)
    return PointsAndCuboids(points, cuboids_on(points, m, min_range_m=FAR_M if far else 0.0, tilted=tilted))


def rig(n: int = 120_000, n_cameras: int = 6, dtype: Any = np.float64) -> Rig:
    """Cameras looking all around, with a barrel distortion that folds within reach of the rays."""
    cam_from_forward = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    cameras, mounts = [], []
    for i in range(n_cameras):
        yaw = 2 * math.pi * i / n_cameras
        lidar_from_forward = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
        mount = np.eye(4)
        mount[:3, :3] = cam_from_forward @ lidar_from_forward.T
        mount[:3, 3] = (0.1 * i - 0.2, 0.3, -0.4)
        cameras.append(PinholeCamera(1600, 900, 1250.0 + i, 1252.0 + i, 799.5 + i, 449.5 - i, distortion=(-0.32, 0.11, 4e-4, -3e-4, -0.02)))
        mounts.append(mount)
    return Rig(sweep_points(n), cameras, mounts, dtype)


def overlaps(n: int = 1000) -> Overlaps:
    """Two labellings of one crowded place: the second is the first, moved a little, and as many strangers."""
    rng = np.random.default_rng(SEED + 7)

    def some(k: int) -> tuple[Float64s, Float64s, Float64s]:
        center = rng.uniform((-60, -60, -1), (60, 60, 1), (k, 3))
        return center, CAR_M * rng.uniform(0.8, 1.2, (k, 3)), rng.uniform(-math.pi, math.pi, k)

    center, size, yaw = some(n)
    other, other_size, other_yaw = some(n - n // 2)
    half = n // 2
    moved = center[:half] + rng.normal(0, 0.3, (half, 3))
    b = Cuboids(
        np.concatenate([moved, other]),
        np.concatenate([size[:half] * rng.uniform(0.95, 1.05, (half, 3)), other_size]),
        np.concatenate([yaw[:half] + rng.normal(0, 0.1, half), other_yaw]),
        frame="lidar",
    )
    return Overlaps(Cuboids(center, size, yaw, frame="lidar"), b)


def clusters(k: int = 200, n: int = 216_000, seed: int = SEED) -> Clusters:
    """k vehicles seen from the origin: the two sides that face it, 2 cm of noise, one point in ten from within the outline (glass, mirrors)."""
    rng = np.random.default_rng(seed + 3)
    counts = rng.multinomial(n - 20 * k, rng.dirichlet(np.full(k, 2.0))) + 20
    yaws, parts = rng.uniform(-math.pi, math.pi, k), []
    for count, yaw in zip(counts, yaws):
        half = CAR_M / 2 * rng.uniform(0.8, 1.25, 3)
        bearing, reach = rng.uniform(-math.pi, math.pi), rng.uniform(8, 50)
        turn = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
        center = np.array([reach * math.cos(bearing), reach * math.sin(bearing), -0.9])
        toward = -(turn.T @ center)
        local = rng.uniform(-1, 1, (count, 3)) * half
        facing = np.abs(toward[:2]) * half[1::-1]
        on_front = rng.random(count) < facing[0] / facing.sum()
        on_side = ~on_front & (rng.random(count) < 0.9)
        local[on_front, 0] = math.copysign(half[0], toward[0])
        local[on_side, 1] = math.copysign(half[1], toward[1])
        parts.append(local @ turn.T + center + rng.normal(0, 0.02, (count, 3)))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Clusters(np.concatenate(parts).astype(np.float32), offsets, yaws)


def tracks(n: int = 10_000, n_frames: int = 200, every: int = 10, method: str = "linear") -> Tracks:
    """n vehicles on curved ways, frames of 10 Hz, a keyframe every few frames and at the last."""
    rng = np.random.default_rng(SEED + 11)
    times = np.arange(n_frames, dtype=np.int64) * 100_000_000 + 1_700_000_000_000_000_000
    keys = np.unique(np.append(np.arange(0, n_frames, every), n_frames - 1))
    seconds = (times[keys] - times[0]) * 1e-9
    made = []
    for i in range(n):
        turn, speed = rng.normal(0, 0.05), rng.uniform(0, 15)
        yaw = rng.uniform(-math.pi, math.pi) + turn * seconds
        step = np.diff(seconds, prepend=0) * speed
        center = np.stack([np.cumsum(step * np.cos(yaw)), np.cumsum(step * np.sin(yaw)), 0.01 * seconds], -1) + rng.uniform(-500, 500, 3)
        size = np.tile(CAR_M * rng.uniform(0.9, 1.1, 3), (len(keys), 1))
        made.append(Track(str(i), "car", times[keys], Cuboids(center, size, yaw, frame="world"), method=method))
    return Tracks(made, times, method)


Make = Callable[[], Any]

POINT_FILES = {".bin": "bin", "binary PCD": "pcd", "compressed PCD": "compressed.pcd", "PLY": "ply", "LAS": "las"}


def _point_file(n: int, kind: str) -> PointFile:
    return point_file(aggregated_points(n), kind)


def point_files(title: str, n: int) -> dict[str, list[tuple[str, Make]]]:
    """Files of n points, one of each kind."""
    return {f"read_points, {name}": [(title, partial(_point_file, n, kind))] for name, kind in POINT_FILES.items()}


def workloads(quick: bool = False) -> dict[str, list[tuple[str, Make]]]:
    """function of a Job -> (title, how it is made); the quick ones take seconds in all."""
    if quick:
        return {
            "points_in_cuboids": [
                ("20k points x 100 cuboids", lambda: points_and_cuboids(20_000)),
                ("20k x 100 tilted", lambda: points_and_cuboids(20_000, tilted=True)),
            ],
            "iou": [("200 x 200 cuboids", lambda: overlaps(200))],
            "project_points": [("20k points x 6 cameras, float64", lambda: rig(20_000))],
            "fit_rectangles": [("40 clusters, 20k points", lambda: clusters(40, 20_000))],
            "interpolate_tracks, linear": [("500 tracks x 200 frames", lambda: tracks(500))],
            "interpolate_tracks, makima": [("500 tracks x 200 frames", lambda: tracks(500, method="makima"))],
            **point_files("50k points", 50_000),
        }
    return {
        "points_in_cuboids": [
            ("120k points x 10 cuboids", lambda: points_and_cuboids(m=10)),
            ("120k x 100", lambda: points_and_cuboids(m=100)),
            ("120k x 100 far", lambda: points_and_cuboids(m=100, far=True)),
            ("120k x 100 far, tilted", lambda: points_and_cuboids(m=100, far=True, tilted=True)),
            ("120k x 1000", lambda: points_and_cuboids(m=1000)),
            ("10 M x 200", lambda: points_and_cuboids(10_000_000, 200)),
            ("small call: 1,000 x 100", lambda: points_and_cuboids(1000, 100)),
        ],
        "iou": [("1000 x 1000 cuboids", overlaps)],
        "project_points": [
            ("120k points x 6 cameras, float64", rig),
            ("120k points x 6 cameras, float32", lambda: rig(dtype=np.float32)),
        ],
        "fit_rectangles": [("200 clusters, 216k points", clusters)],
        "interpolate_tracks, linear": [("10k tracks x 200 frames, keyframe every 10", tracks)],
        "interpolate_tracks, makima": [("10k tracks x 200 frames, keyframe every 10", lambda: tracks(method="makima"))],
        **point_files("1 M points", 1_000_000),
    }


def real_workloads(folder: Path) -> Iterator[tuple[str, str, Make]]:
    """(function, title, how it is made) from the real recordings in a folder, one sweep of each dataset found."""
    from ..formats import read

    for dataset, pattern, scene in (("Argoverse 2", "av2/sensor/7fab2350*", None), ("KITTI tracking", "kitti_tracking/training", "0001")):
        for path in sorted(folder.glob(pattern)):
            clip = read(path, scene=scene)
            frame = next((i for i in range(len(clip)) if clip.has_points(i)), None)
            if frame is None:
                continue
            sweep, cuboids = clip.points(frame), clip.cuboids(frame, frame=clip.points(frame).frame)
            what = f"{dataset}: {len(sweep):,} points"
            yield "points_in_cuboids", f"{what} x {len(cuboids)}", partial(PointsAndCuboids, sweep.xyz, cuboids)
            yield "read_points, compressed PCD", what, partial(point_file, np.ascontiguousarray(sweep.xyz, np.float32), "compressed.pcd")
            pinholes = {name: sensor.camera for name, sensor in clip.cameras.items() if isinstance(sensor.camera, PinholeCamera)}
            poses = [clip.cam_from(frame, name, source=sweep.frame) for name in pinholes]
            # exact rotations: cv2 takes a vector, so it cannot take a file's rounded matrix as it stands
            mounts = [Pose.from_quat(pose.quat_wxyz, pose.translation_m).matrix() for pose in poses]
            if pinholes:
                yield "project_points", f"{what} x {len(pinholes)} cameras", partial(Rig, sweep.xyz, list(pinholes.values()), mounts, np.float64)
