"""Verbs over a scene: sweeps as one cloud, a cuboid carried on, boxes set to the stamp; nobody else does the last two."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Float64s
from .contender import Contender, DifferenceError, Job, Work, itself

__all__ = ["JOBS", "works"]

SAME_M = 1e-3
AGGREGATE, PROPAGATE, RETIME = "aggregate", "propagate, between two keyframes", "retime"


@cache
def drive(n_frames: int, n_columns: int) -> bw.Scene:
    """A simulated street, each point with its own time."""
    return bw.simulate(5, n_frames, n_beams=32, n_columns=n_columns, image_scale=0.1)


def numpy_union(scene: bw.Scene) -> Float64s:
    """Every sweep taken for one instant and turned into the world frame, one after the other."""
    parts = []
    for i, stamp in enumerate(scene.times_ns.tolist()):
        sweep = scene.points(i)
        pose = scene.world_from_ego(stamp) @ scene.lidars["lidar"].ego_from_lidar
        xyz = sweep.xyz[np.isfinite(sweep.xyz).all(1)].astype(np.float64)
        parts.append(xyz @ pose.rotation.T + pose.translation_m)
    return np.concatenate(parts)


def our_union(scene: bw.Scene) -> bw.Aggregate:
    return bw.aggregate(scene, moving="keep", deskew=False)


def same_union(_: Any, ours: Float64s, theirs: Float64s) -> str:
    apart = float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf
    if apart > SAME_M:
        raise DifferenceError(f"{len(ours):,} against {len(theirs):,} points, {apart:.3g} m apart")
    return f"{len(ours):,} points within {apart:.1g} m"


def sweeps_moved(scene: bw.Scene, made: Any) -> tuple[int, int]:
    """The points of all sweeps; what is kept of a point, or the numbers of a cuboid."""
    read = sum(scene.points(i).xyz.nbytes for i in range(len(scene)))
    return read, len(made) * (3 * 4 + 9 if isinstance(made, bw.Aggregate) else 10 * 8)


def _between(scene: bw.Scene) -> bw.Proposals:
    """The longest track, from its first to its last keyframe."""
    track = max(scene.tracks, key=lambda track: (len(track), track.track_id)).take([0, -1])
    first, last = np.searchsorted(scene.times_ns, track.times_ns).tolist()
    return bw.propagate(scene, track, first, last)


def _no_rival(workload: Any, ours: Any, theirs: Any) -> str:
    return ""


JOBS = (
    Job(
        verb="tracks",
        function=AGGREGATE,
        ours=(Contender("boxwright", itself, our_union, lambda _, cloud: cloud.xyz.astype(np.float64) + cloud.origin_m),),
        rivals=(Contender("numpy, one instant a sweep", itself, numpy_union, lambda _, xyz: xyz),),
        same=same_union,
        moved=sweeps_moved,
    ),
    Job("tracks", PROPAGATE, (Contender("boxwright", itself, _between, lambda _, made: made.cuboids.center_m),), (), _no_rival, sweeps_moved),
    Job("tracks", RETIME, (Contender("boxwright", itself, bw.retime, lambda _, made: made.evidence),), (), _no_rival, sweeps_moved),
)


def works(quick: bool) -> dict[str, list[Work]]:
    n_frames, n_columns = (6, 300) if quick else (20, 1000)
    work = Work(f"{n_frames} sweeps of up to {32 * n_columns:,} points", partial(drive, n_frames, n_columns))
    return {function: [work] for function in (AGGREGATE, PROPAGATE, RETIME)}
