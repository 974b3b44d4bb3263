"""Where things were at the moment they were seen: the points of a sweep, and objects that move during its turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Float64s, Int32s, Int64s
from .containment import points_in_cuboids
from .cuboids import Cuboids, same_frame
from .kernels import poses
from .motion import Motion
from .scene import Scene
from .tracks import Track

__all__ = ["SeenSweep", "base_frame", "own_points", "seen_sweep", "track_in_base"]


def base_frame(scene: Scene) -> str:
    """The frame that sweeps are brought into: the world's, or that of the labels (of the first LiDAR) in a scene without poses."""
    if scene.trajectory is not None:
        return "world"
    return scene.label_frame if scene.label_frame != "world" else next(iter(scene.lidars), "lidar")


def track_in_base(scene: Scene, track: Track) -> Track | None:
    """The track with its keyframes in the base frame; keyframes that no pose covers are left out, None where that leaves none."""
    base = base_frame(scene)
    if scene.trajectory is None or track.cuboids.frame in (None, base):
        same_frame(base, track.cuboids.frame, f"sweeps and track {track.track_id!r}")
        return track
    is_covered = scene.trajectory.covers(track.times_ns)
    if not is_covered.any():
        return None
    track = track.take(is_covered)
    carried = [
        track.cuboids[k : k + 1].transformed(scene.transform(base, track.cuboids.frame or base, int(t)), frame=base)
        for k, t in enumerate(track.times_ns)
    ]
    return track.replace(cuboids=Cuboids.concatenate(carried))


@dataclass(frozen=True, eq=False)
class SeenSweep:
    """The finite points of a sweep, each where it was when it was seen.

    xyz : (K, 3) float64, base frame, less an origin
    late_s : (K,) when each was seen, after the frame's stamp
    point_index : (K,) int32 rows of the sweep
    is_timed : each point's own time is known
    is_raw : the points came with the vehicle's own motion in them, which poses have taken out
    """

    xyz: Float64s
    late_s: Float64s
    point_index: Int32s
    intensity: NDArray[Any] | None
    is_timed: bool
    is_raw: bool


def seen_sweep(scene: Scene, frame_index: int, sensor: str, origin_m: Float64s, *, deskew: bool, notes: dict[str, None]) -> SeenSweep:
    """A sweep in the base frame; what poses do not reach is told in `notes`."""
    sweep, lidar, stamp = scene.points(frame_index, sensor), scene.lidar(sensor), int(scene.times_ns[frame_index])
    index = np.flatnonzero(sweep.is_finite).astype(np.int32)
    offset = sweep.time_offset_ns if deskew else None
    late_ns = np.full(len(index), sweep.timestamp_ns - stamp if deskew else 0, np.int64)
    if offset is not None:
        late_ns += offset[index]
    intensity, is_raw = None if sweep.intensity is None else sweep.intensity[index], False
    if scene.trajectory is None:
        base_from_sweep = scene.ego_from(base_frame(scene)).inverse() @ lidar.ego_from_lidar
    else:
        base_from_sweep = scene.world_from_ego(sweep.timestamp_ns) @ lidar.ego_from_lidar
        if offset is not None and len(offset) and not sweep.is_deskewed:
            moments = np.array([offset.min(), offset.max()]) + sweep.timestamp_ns
            if scene.trajectory.covers(moments).all():
                sweep, is_raw = sweep.deskewed(scene.trajectory, lidar.ego_from_lidar), True
            else:
                notes[f"frame {frame_index}, {sensor}: poses do not cover the time of every point, so the turn was taken for one instant"] = None
    shift = base_from_sweep.apply(np.array(sweep.origin_m)) - origin_m
    xyz = np.empty((len(index), 3))
    poses.apply_each(sweep.xyz[index], np.zeros(len(index), np.int64), base_from_sweep.rotation[None].copy(), shift[None], xyz)
    late_s: Float64s = late_ns.astype(np.float64) * 1e-9
    return SeenSweep(xyz, late_s, index, intensity, offset is not None, is_raw)


def own_points(seen: SeenSweep, motions: Sequence[Motion], origin_m: Float64s, margin_m: float) -> list[tuple[Int64s, Float64s]]:
    """For every object, at one moment each, the rows of the sweep that lie in its cuboid at their own moment, and their places in its frame."""
    if not motions or not len(seen.xyz):
        return [(np.zeros(0, np.int64), np.zeros((0, 3)))] * len(motions)
    late = float(np.abs(seen.late_s).max())
    now = Cuboids.concatenate([motion.cuboids[:1] for motion in motions])
    half = now.size_m / 2
    rates = np.array([float(motion.yaw_rate_radps[0]) for motion in motions])
    reach = margin_m + late * (np.array([float(motion.speed_mps[0]) for motion in motions]) + np.abs(rates) * np.linalg.norm(half, axis=1))
    hits = points_in_cuboids(seen.xyz, now.replace(center_m=now.center_m - origin_m, size_m=now.size_m + 2 * reach[:, None], frame=None))
    found = []
    for k, motion in enumerate(motions):
        rows = hits.indices(k)
        local = motion.localise(seen.xyz[rows] + origin_m, seen.late_s[rows])
        inside = (local <= half[k] + margin_m).all(1) & (local >= -half[k] - [margin_m, margin_m, 0.0]).all(1)
        found.append((rows[inside], local[inside]))
    return found
