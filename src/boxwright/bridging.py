"""An object between two keyframes: the curve is expected, the points of each frame say how far it is off, and what all frames say is made one way.

How far the curve is off changes smoothly from nothing at one keyframe to nothing at the other. That is a Gaussian process (Rasmussen and Williams,
Gaussian Processes for Machine Learning, chapter 2): one frame's points count as much as they are sure, neighbours help each other, and what a single
frame alone says does not move anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Float64s
from .moments import base_frame
from .motion import moved
from .registration import ObjectModel
from .rotations import wrap_rad
from .sightings import BENT_MPS2, BENT_RADPS2, STILL_M, STILL_RAD, Near, Proposal, Sighting, Sightings, Verdict, starts_within

__all__ = ["TOGETHER_S", "bridge"]

BENT_UNPOSED_MPS2 = 6.0  # without poses the vehicle's own way bends the curve too
STILL_SIGMA = 0.05, 0.02  # metres and radians; of a curve that does not move
DRAWN_M, DRAWN_RAD, RISE_M = 0.03, 0.02, 0.1  # what the curve misses even beside a keyframe, and in height
TOGETHER_S = 0.7  # so near in time, the curve is off alike
ALIKE_M, ALIKE_RAD = 0.03, 0.01  # what registrations to one model are off by alike
REACH = 12  # frames on either side that are heard
ODD_SIGMAS = 3.0  # what is so far from what the others say is looked at again
SURE_SIGMAS = 2.0  # a correction as sure as this is made
AGREED_M, AGREED_RAD = 0.05, np.radians(1.5)  # a shorter one is left alone


@dataclass(eq=False)
class _Row:
    """One frame: sigma (4,) of the curve there, its points, and what they say."""

    frame: int
    seconds: float
    sigma: Float64s
    near: Near | None
    seen: Sighting


def bridge(
    sightings: Sightings, left: int, right: int, frames: list[int], model: ObjectModel, late_s: float, progress: Callable[[], Any]
) -> list[Proposal]:
    """Frames between two keyframes; each frame's points are first looked for where those of the frame before it towards its keyframe were."""
    track, times = sightings.track, sightings.scene.times_ns
    ends = track.times_ns[[left, right]]
    one, other = track.cuboids[left], track.cuboids[right]
    is_still = np.hypot(*(one.center_m - other.center_m)[:2]) <= STILL_M and abs(wrap_rad(one.yaw_rad - other.yaw_rad)) <= STILL_RAD
    hints = [np.zeros(4), np.zeros(4)]
    rows: dict[int, _Row] = {}
    for frame in sorted(frames, key=lambda i: int(np.abs(times[i] - ends).min())):
        progress()
        side = int(abs(times[frame] - ends[1]) < abs(times[frame] - ends[0]))
        rows[frame] = _look(sightings, frame, _sigma(sightings, int(times[frame]), ends, bool(is_still)), model, late_s, hints[side])
        if rows[frame].seen.is_believed:
            hints[side] = rows[frame].seen.shift
    ordered = [rows[frame] for frame in frames]
    _look_again(sightings, ordered, model)
    return _made_one(ordered, STILL_M if is_still else AGREED_M, STILL_RAD if is_still else AGREED_RAD)


def _sigma(sightings: Sightings, stamp: int, ends: Any, is_still: bool) -> Float64s:
    """(4,) of the curve along x, y, z and in yaw."""
    if is_still:
        return np.array([STILL_SIGMA[0], STILL_SIGMA[0], RISE_M, STILL_SIGMA[1]])
    t0, t1 = (abs(sightings.seconds(stamp) - sightings.seconds(int(end))) for end in ends)
    bent = BENT_MPS2 if base_frame(sightings.scene) == "world" else BENT_UNPOSED_MPS2
    place = DRAWN_M + bent * t0 * t1 / 2
    return np.array([place, place, RISE_M, DRAWN_RAD + BENT_RADPS2 * t0 * t1 / 2])


def _look(sightings: Sightings, frame: int, sigma: Float64s, model: ObjectModel, late_s: float, hint: Float64s) -> _Row:
    stamp = int(sightings.scene.times_ns[frame])
    predicted = sightings.track.at(np.array([stamp])).cuboids[0]
    covariance = np.diag(sigma**2)
    near = sightings.near(sightings.around(frame, predicted.center_m), predicted, sightings.motion(stamp), covariance, late_s)
    starts = starts_within(covariance, predicted.yaw_rad)
    seen = sightings.judge(frame, predicted, near, model, np.concatenate([starts[:1], hint[None], starts[1:]]), covariance)
    return _Row(frame, sightings.seconds(stamp), sigma, near, seen)


def _look_again(sightings: Sightings, rows: list[_Row], model: ObjectModel) -> None:
    """What differs from all that its neighbours say is looked for once more, from where they put it; what then still differs is not believed."""
    for i, row in enumerate(rows):
        if not row.seen.is_believed:
            continue
        mean, covariance = _expected(rows, i, without=True)
        if not _is_odd(row.seen, mean, covariance):
            continue
        starts = np.concatenate([mean[None], np.zeros((1, 4))])
        again = sightings.judge(row.frame, row.seen.proposal.predicted, row.near, model, starts[:1], covariance + np.outer(mean, mean))
        if again.is_believed and _is_odd(again, mean, covariance):
            again = replace(again, proposal=replace(again.proposal, verdict=Verdict.FAR_SHIFT))
        row.seen = again


def _is_odd(seen: Sighting, mean: Float64s, covariance: Float64s) -> bool:
    off = (seen.shift - mean)[[0, 1, 3]]
    both = (covariance + seen.noise)[np.ix_([0, 1, 3], [0, 1, 3])]
    return float(off @ np.linalg.solve(both, off)) > ODD_SIGMAS**2


def _expected(rows: list[_Row], i: int, *, without: bool = False) -> tuple[Float64s, Float64s]:
    """(4,) how far the curve is off in frame i, as it and the frames around it say, and (4, 4) covariance; `without` its own points."""
    near = [k for k in range(max(i - REACH, 0), min(i + REACH + 1, len(rows))) if rows[k].seen.is_believed and not (without and k == i)]
    prior = np.diag(rows[i].sigma ** 2)
    if not near:
        return np.zeros(4), prior
    shifts = np.array([rows[k].seen.shift for k in near]).reshape(-1)
    seconds = np.array([rows[k].seconds for k in near])
    sigma = np.array([rows[k].sigma for k in near])

    def alike(a: Float64s, b: Float64s) -> Float64s:
        together: Float64s = np.exp(-((a[:, None] - b) ** 2) / (2 * TOGETHER_S**2))
        return together

    n = len(near)
    spread = np.einsum("nm,na,ma,ab->namb", alike(seconds, seconds), sigma, sigma, np.eye(4)).reshape(4 * n, 4 * n)
    common = np.einsum("nm,ab->namb", np.ones((n, n)), np.diag(np.square([ALIKE_M, ALIKE_M, ALIKE_M, ALIKE_RAD]))).reshape(4 * n, 4 * n)
    noise = np.zeros((n, 4, n, 4))
    for k, row in enumerate(near):
        noise[k, :, k, :] = rows[row].seen.noise
    cross = np.einsum("m,a,ma,ab->amb", alike(np.array([rows[i].seconds]), seconds)[0], rows[i].sigma, sigma, np.eye(4)).reshape(4, 4 * n)
    gain = np.linalg.solve(spread + common + noise.reshape(4 * n, 4 * n), cross.T).T
    return gain @ shifts, prior - gain @ cross.T


def _made_one(rows: list[_Row], agreed_m: float, agreed_rad: float) -> list[Proposal]:
    """What is believed goes where all together say; where they say little, or are not sure, the curve stands."""
    made = []
    for i, row in enumerate(rows):
        proposal = row.seen.proposal
        if row.seen.is_believed:
            shift, covariance = _expected(rows, i)
            is_sure = shift @ np.linalg.solve(covariance, shift) > SURE_SIGMAS**2
            is_small = np.hypot(*shift[:2]) <= agreed_m and abs(shift[3]) <= agreed_rad
            proposal = (
                replace(proposal, verdict=Verdict.AGREES) if is_small or not is_sure else replace(proposal, cuboid=moved(proposal.predicted, shift))
            )
        made.append(proposal)
    return made
