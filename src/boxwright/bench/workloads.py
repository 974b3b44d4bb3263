"""What is measured: seeded inputs of the sizes an annotator's day brings. Every workload can be made small, for tests and quick runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Float64s, Floats, Int64s
from ..cameras import FisheyeCamera, PinholeCamera
from ..cuboids import Cuboids
from ..tracks import Track

__all__ = [
    "Boxes",
    "Clusters",
    "Fisheye",
    "Overlaps",
    "PointsAndCuboids",
    "Rig",
    "Terrain",
    "Tracks",
    "aggregated_points",
    "boxes",
    "clusters",
    "fisheye",
    "overlaps",
    "points_and_cuboids",
    "rig",
    "sweep_points",
    "terrain",
    "tracks",
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
class Fisheye:
    """points_lidar : (N, 3); one camera, and its (4, 4) cam_from_lidar"""

    points_lidar: Floats
    camera: FisheyeCamera
    cam_from_lidar: Float64s


@dataclass(frozen=True, eq=False)
class Boxes:
    """Cuboids that lie whole in the picture of a camera without distortion, in its own frame: their corners alone tell their boxes."""

    cuboids_cam: Cuboids
    camera: PinholeCamera


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Two sets of cuboids in one frame."""

    a: Cuboids
    b: Cuboids


@dataclass(frozen=True, eq=False)
class Clusters:
    """points : (N, 3), cluster k is offsets[k]:offsets[k + 1]; truth : (K,) its cuboids, whose faces stand face_margin_m off the points"""

    points: Floats
    offsets: Int64s
    truth: Cuboids
    face_margin_m: float


@dataclass(frozen=True, eq=False)
class Terrain:
    """points : (N, 3) of a whole sweep; the true height_m (K,) of the ground under xy (K, 2)"""

    points: Floats
    xy: Float64s
    height_m: Float64s


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


def points_and_cuboids(
    n: int = 120_000, m: int = 100, *, far: bool = False, tilted: bool = False, dtype: Any = np.float32, strided: bool = False
) -> PointsAndCuboids:
    """strided : as a sensor's file holds them, x, y, z and intensity side by side"""
    points = sweep_points(n) if n <= 1_000_000 else aggregated_points(n)
    cuboids = cuboids_on(points, m, min_range_m=FAR_M if far else 0.0, tilted=tilted)
    given = np.zeros((n, 4), dtype)[:, :3] if strided else np.empty((n, 3), dtype)
    given[:] = points
    return PointsAndCuboids(given, cuboids)


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


def fisheye(n: int = 120_000) -> Fisheye:
    """A camera of nearly half a sphere, ahead."""
    cam_from_lidar = np.eye(4)
    cam_from_lidar[:3] = [[0, -1, 0, 0.1], [0, 0, -1, 0.3], [1, 0, 0, -0.4]]
    camera = FisheyeCamera(1600, 1200, 510.0, 512.0, 799.5, 599.5, distortion=(0.02, -0.004, 0.001, -0.0002))
    return Fisheye(sweep_points(n), camera, cam_from_lidar)


def boxes(n: int = 1000) -> Boxes:
    """n vehicles 30 to 80 m ahead of a camera, turned in any way."""
    rng = np.random.default_rng(SEED + 5)
    depth = rng.uniform(30, 80, n)
    center = np.stack([depth * rng.uniform(-0.4, 0.4, n), depth * rng.uniform(-0.15, 0.15, n), depth], -1)
    quat = rng.normal(size=(n, 4))
    cuboids = Cuboids(center, CAR_M * rng.uniform(0.8, 1.2, (n, 3)), quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame="cam")
    return Boxes(cuboids, PinholeCamera(1600, 900, 1250.0, 1252.0, 799.5, 449.5))


def overlaps(n: int = 1000, *, offset_m: float = 0.0, tilted: bool = False) -> Overlaps:
    """Two labellings of one crowded place: the second is the first, moved a little, and as many strangers.

    offset_m : how far from the origin of x and y the place lies, as in national grids
    """
    rng = np.random.default_rng(SEED + 7)
    place = np.array([offset_m, offset_m, 0.0])

    def some(k: int) -> tuple[Float64s, Float64s, Float64s]:
        center = rng.uniform((-60, -60, -1), (60, 60, 1), (k, 3))
        return center, CAR_M * rng.uniform(0.8, 1.2, (k, 3)), rng.uniform(-math.pi, math.pi, k)

    def cuboids(center: Float64s, size: Float64s, yaw: Float64s) -> Cuboids:
        if not tilted:
            return Cuboids(center + place, size, yaw, frame="lidar")
        quat = np.stack([np.cos(yaw / 2), *rng.normal(0, 0.05, (2, len(yaw))), np.sin(yaw / 2)], -1)
        return Cuboids(center + place, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame="lidar")

    center, size, yaw = some(n)
    other, other_size, other_yaw = some(n - n // 2)
    half = n // 2
    moved = center[:half] + rng.normal(0, 0.3, (half, 3))
    second = (
        np.concatenate([moved, other]),
        np.concatenate([size[:half] * rng.uniform(0.95, 1.05, (half, 3)), other_size]),
        np.concatenate([yaw[:half] + rng.normal(0, 0.1, half), other_yaw]),
    )
    return Overlaps(cuboids(center, size, yaw), cuboids(*second))


def clusters(k: int = 200, n: int = 216_000, seed: int = SEED) -> Clusters:
    """k vehicles seen from the origin: the two sides that face it, 2 cm of noise, one point in ten from within the outline (glass, mirrors)."""
    rng = np.random.default_rng(seed + 3)
    counts = rng.multinomial(n - 20 * k, rng.dirichlet(np.full(k, 2.0))) + 20
    yaws, parts = rng.uniform(-math.pi, math.pi, k), []
    centers, halves = np.empty((k, 3)), np.empty((k, 3))
    for i, (count, yaw) in enumerate(zip(counts, yaws)):
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
        centers[i], halves[i] = center, half
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Clusters(np.concatenate(parts).astype(np.float32), offsets, Cuboids(centers, 2 * halves, yaws, frame="lidar"), 0.0)


def terrain(n: int = 120_000) -> Terrain:
    """A sweep whose ground, and all that stands on it, follows long low waves; asked for the height under 5,000 of its ground points."""
    points = sweep_points(n)
    is_ground = np.abs(points[:, 2] + SENSOR_M) < 0.02
    xy = points[:, :2].astype(np.float64)
    wave_m = 0.6 * np.sin(xy[:, 0] / 25) * np.cos(xy[:, 1] / 30)
    points[:, 2] += wave_m.astype(np.float32)
    asked = np.random.default_rng(SEED + 9).choice(np.flatnonzero(is_ground), min(5000, int(is_ground.sum())), replace=False)
    return Terrain(points, xy[asked], wave_m[asked] - SENSOR_M)


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
