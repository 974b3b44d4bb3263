"""The fault of clocks: poses of another moment than the labels."""

from __future__ import annotations

import numpy as np

from ..arrays import Float64s, Int64s
from ..errors import number_of
from ..frames import Trajectory
from .evidence import Evidence, points_frame
from .verdicts import FaultVerdict, Presence, absent, found, undecidable

__all__ = ["clocks"]

_NAME = "clock_offset"
_REACHES_NS = 500_000_000, 1_500_000_000  # the further one where the nearer does not tell: it needs poses for longer
_INSIDE = 0.8  # of the reach: what is best beyond may be the foot of something that is better further off
_STEP_NS = 25_000_000
_STILL_M = 1.0
_LEAST_M = 0.3  # by right poses: errors of labels and poses, not of clocks
_N_LABELS = 3
_N_FREE = 10  # labels beyond one of each object: spreads a third less by one more free number come by chance once in thousands of times (F test)
_SHORT_S, _LONG_S = 1e-3, 60.0  # between frames


def clocks(evidence: Evidence) -> tuple[FaultVerdict, int | None]:
    """What stands is in one place in the world: poses of another moment move it about as the vehicle speeds up, brakes and turns. And by how many
    nanoseconds later poses should be taken: 0 where that is not found, None where it is more than was looked, so that poses mislead."""
    scene = evidence.scene
    if scene.trajectory is None or not scene.has_time:
        return undecidable(_NAME, "there are no poses of the vehicle with times", "open a recording with them"), 0
    step_s = float(np.median(np.diff(scene.times_ns))) * 1e-9 if len(scene) > 1 else 0.1
    if not _SHORT_S < step_s < _LONG_S:
        why = f"frames are {step_s:.3g} s apart, as those of no drive: their stamps look like those of another unit"
        return undecidable(_NAME, why, "give stamps of frames and poses in nanoseconds, and run the doctor again"), None
    near_ns, far_ns = _REACHES_NS
    verdict, later_ns = _within(evidence, near_ns)
    if verdict.presence != Presence.ABSENT and (not later_ns or abs(later_ns) >= _INSIDE * near_ns):
        further, much_later_ns = _within(evidence, far_ns)
        if further.presence == Presence.FOUND and abs(much_later_ns or 0) > near_ns:
            return further, much_later_ns
    return verdict, later_ns


def _within(evidence: Evidence, reach_ns: int) -> tuple[FaultVerdict, int | None]:
    """What poses of moments up to so far off say; None where they are best as far off as that."""
    offsets = np.arange(-reach_ns, reach_ns + 1, _STEP_NS)
    spreads, n, n_free = _spreads(evidence, offsets)
    if n < 3 or n_free < _N_FREE:
        some = f"only {number_of(n, 'object')} with {number_of(n_free + n, 'label')}" if n else "no object"
        why = f"{some} stood still, in {_N_LABELS} frames or more with poses for {reach_ns * 1e-9:g} s before and after"
        return undecidable(_NAME, why, "label parked objects over more frames of a clip in which the vehicle turns, brakes or speeds up"), 0
    middle = len(offsets) // 2
    best = int(np.argmin(spreads))
    now, least = float(spreads[middle]), float(spreads[best])
    seconds = float(offsets[best]) * 1e-9
    if abs(best - middle) >= 2 and now - least > 0.02 and now > 1.5 * least:
        saw = f"{n} tracks that stand wander by {now:.3f} m, and by {least:.3f} m if poses are taken {seconds:+.3f} s later"
        at_end = best in (0, len(offsets) - 1)
        if at_end or least > _LEAST_M:
            limit = "as far as was looked" if at_end else "far for things that stand"
            why = f"{saw}, which is {limit}: the clocks are further off than that, or it is something else"
            return undecidable(_NAME, why, "compare the first and last stamps of sweeps and poses"), None
        change = f"add {seconds:+.3f} s to the stamps of the sweeps, or take it off those of the poses"
        return found(_NAME, saw, 1 - least / now + 0.3, change), int(offsets[best])
    around = float(min(spreads[middle - 4], spreads[middle + 4]))
    if around > 1.25 * now and around - now > 0.005:
        return absent(_NAME, f"{n} tracks that stand wander by {now:.3f} m, and by {around:.3f} m with poses 0.1 s off", 0.9), 0
    why = f"the vehicle drives too evenly, or these things are not quite still: {n} wander by {now:.3f} m, and by {around:.3f} m with poses 0.1 s off"
    return undecidable(_NAME, why, "look at a part of the drive in which the vehicle turns, brakes or speeds up"), 0


def _spreads(evidence: Evidence, offsets: np.ndarray) -> tuple[Float64s, int, int]:
    """For each offset, how far tracks that stand wander in the world, in the median; how many there are, and how many labels beyond one of each."""
    scene, labels = evidence.scene, evidence.labels
    covered = np.ones(len(scene), bool)
    for offset in (offsets[0], offsets[-1], 0):
        covered &= scene.trajectory.covers(scene.times_ns + offset)  # type: ignore[union-attr]
    frames = np.flatnonzero(covered)[:: max(1, int(covered.sum()) // 150)]
    tracks = [np.flatnonzero((labels.track == k) & np.isin(labels.frame, frames)) for k in np.unique(labels.track).tolist()]
    tracks = [rows for rows in tracks if len(rows) >= _N_LABELS]
    centers_ego = scene.ego_from(points_frame(scene)).apply(labels.center_m)
    spreads = np.empty((len(tracks), len(offsets)))
    for column, offset in enumerate(offsets.tolist()):
        places = _in_world(scene.trajectory, scene.times_ns[labels.frame] + offset, centers_ego)  # type: ignore[arg-type]
        spreads[:, column] = [np.sqrt(((places[rows] - places[rows].mean(0)) ** 2).sum(1).mean()) for rows in tracks]
    still = spreads.min(1) < _STILL_M
    n_free = sum(len(rows) - 1 for rows, stands in zip(tracks, still) if stands)
    return np.median(spreads[still], axis=0) if still.any() else np.zeros(len(offsets)), int(still.sum()), n_free


def _in_world(trajectory: Trajectory, times_ns: Int64s, centers_ego: Float64s) -> Float64s:
    """(R, 3) places in the world of things seen at (R,) times; poses are held beyond those that are known."""
    rotation, translation = trajectory.sample(times_ns, outside="hold")
    return np.asarray(np.einsum("rij,rj->ri", rotation, centers_ego) + translation)
