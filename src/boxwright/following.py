"""An object followed away from a keyframe, frame after frame: predicted, looked for in the points, and corrected where these can be believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .arrays import Float64s
from .motion import MotionFilter, pose_of
from .registration import ObjectModel
from .rotations import wrap_rad
from .sightings import (
    BENT_MPS2,
    BENT_RADPS2,
    MARGIN_M,
    STILL_M,
    STILL_RAD,
    STILL_SIGMAS,
    UNTIMED_STEP_S,
    Around,
    Near,
    Proposal,
    Sightings,
    Verdict,
    spread,
    starts_within,
)

__all__ = ["follow"]

KNOWN_MPS = 2.0  # a velocity surer than this takes an object's own motion out of its points
DRIFT_MPS, DRIFT_SIGMAS = 0.5, 4.0  # a velocity as sure as this is a movement, however short the way
GROUND_SIGMA_M = 0.1
NEAR_S = 3.0  # a keyframe so near tells how the object moves at the next


def follow(sightings: Sightings, key: int, frames: list[int], model: ObjectModel, late_s: float, progress: Callable[[], Any]) -> list[Proposal]:
    """From keyframe `key` to frames that lie away from it one after the other, all before or all after it.

    model, late_s : of `sightings.model_from`
    An object stands until points say otherwise; then its way is followed anew from the frames before they did.
    """
    filter, is_still = _begin(sightings, key, frames)
    path = _Path(sightings, model.copy(), filter, late_s)
    done: list[Proposal] = []
    for i, frame in enumerate(frames):
        progress()
        proposal = path.step_still(frame) if is_still else path.step(frame)
        if proposal is None:  # it moves: anew from the keyframe, or from a second before
            is_still = False
            first = max(i - _frames_in(sightings, 1.0), 0)
            filter = _begin(sightings, key, frames)[0]
            if first:
                filter = MotionFilter(sightings.seconds(int(sightings.scene.times_ns[frames[first - 1]])), sightings.track.cuboids[key])
            path = _Path(sightings, model.copy(), filter, late_s)
            done = done[:first] + [path.step(frames[k]) for k in range(first, i + 1)]
        else:
            done.append(proposal)
    return done


def _frames_in(sightings: Sightings, seconds: float) -> int:
    times = sightings.scene.times_ns
    if len(times) < 2:
        return 1
    step = np.median(np.diff(times)) * (1e-9 if sightings.scene.has_time else UNTIMED_STEP_S)
    return max(round(seconds / float(step)), 1)


def _begin(sightings: Sightings, key: int, frames: list[int]) -> tuple[MotionFilter, bool]:
    """The filter at a keyframe, and whether the object may stand: yes unless the next keyframe on the other side tells a movement."""
    track, stamp = sightings.track, int(sightings.track.times_ns[key])
    anchor, now_s = track.cuboids[key], sightings.seconds(stamp)
    other = key - 1 if int(sightings.scene.times_ns[frames[0]]) > stamp else key + 1
    if not 0 <= other < len(track):
        return MotionFilter(now_s, anchor), True
    gap = now_s - sightings.seconds(int(track.times_ns[other]))
    between = track.at(np.array([(stamp + int(track.times_ns[other])) // 2]))
    if not between.is_valid[0] or abs(gap) > NEAR_S:
        return MotionFilter(now_s, anchor), True
    before = track.cuboids[other]
    way, turn = anchor.center_m - before.center_m, float(wrap_rad(anchor.yaw_rad - before.yaw_rad))
    if np.hypot(*way[:2]) <= STILL_M and abs(turn) <= STILL_RAD:
        return MotionFilter(now_s, anchor, np.zeros(3), 0.0, (0.5, 0.05)), True
    motion = sightings.motion(stamp)
    velocity = way / gap if motion is None else motion.velocity_mps[0]
    sigma = (0.2 + BENT_MPS2 * abs(gap) / 2, 0.02 + BENT_RADPS2 * abs(gap) / 2)
    return MotionFilter(now_s, anchor, velocity, turn / gap, sigma), False


class _Path:
    """A way away from the keyframe that a filter begins at, frame after frame."""

    def __init__(self, sightings: Sightings, model: ObjectModel, filter: MotionFilter, late_s: float) -> None:
        self.sightings, self.model, self.filter, self.late_s = sightings, model, filter, late_s
        self.anchor = filter.cuboid
        self.above_m = math.nan  # of the anchor's centre over the ground; known after the first frame that has a ground

    def step_still(self, frame: int) -> Proposal | None:
        """The anchor once more; None where the points say that it has moved."""
        sightings = self.sightings
        ahead = self.filter.ahead(self._time(frame))
        covariance = ahead.covariance[:4, :4].copy()
        covariance[:2, :2] += np.outer(*[(ahead.mean[:4] - pose_of(self.anchor))[:2]] * 2)
        around = sightings.around(frame, self.anchor.center_m)
        if around is not None and math.isnan(self.above_m):
            self.above_m = float(self.anchor.center_m[2]) - around.ground_m(self.anchor.center_m)
        near = sightings.near(around, self.anchor, None, covariance, self.late_s)
        seen = sightings.judge(frame, self.anchor, near, self.model, starts_within(covariance, self.anchor.yaw_rad), covariance)
        if not seen.is_believed or near is None:
            return seen.proposal
        self.filter.predict(self._time(frame) + self._later(near))
        self.filter.update(pose_of(self.anchor) + seen.shift, seen.noise)
        velocity = self.filter.velocity_mps[:2]
        is_sure = velocity @ np.linalg.solve(self.filter.velocity_covariance, velocity) > DRIFT_SIGMAS**2
        length = float(np.hypot(*seen.shift[:2]))
        if length > max(STILL_M, STILL_SIGMAS * spread(seen.noise, seen.shift)) or (length > STILL_M and is_sure and np.hypot(*velocity) > DRIFT_MPS):
            return None
        self._learn(near, np.zeros(4))
        return replace(seen.proposal, verdict=Verdict.AGREES)

    def step(self, frame: int) -> Proposal:
        """Where the filter expects it, corrected by the points where they pass the gate."""
        sightings, stamp = self.sightings, self._time(frame)
        self.filter.predict(stamp)
        around = sightings.around(frame, self.filter.mean[:3])
        self._stay_on_ground(around)
        pose, covariance = self.filter.mean[:4], self.filter.covariance[:4, :4]
        is_known = self.filter.velocity_covariance.trace() < KNOWN_MPS**2
        motion = self.filter.motion()
        predicted = motion.cuboids[0]
        near = sightings.near(around, predicted, motion if is_known else None, covariance, self.late_s)
        seen = sightings.judge(frame, predicted, near, self.model, starts_within(covariance, pose[3]), covariance)
        if not seen.is_believed or near is None:
            return seen.proposal
        later = 0.0 if is_known else self._later(near)
        self.filter.predict(stamp + later)
        self.filter.update(pose + seen.shift, seen.noise)
        self._learn(near, np.append(seen.shift[:3] @ predicted.as_cuboids().rotation[0], seen.shift[3]))
        return replace(seen.proposal, cuboid=self.filter.ahead(stamp).motion().cuboids[0])

    def _stay_on_ground(self, around: Around | None) -> None:
        """The height follows the ground; how high the object stands over it is what the first frame says."""
        if around is not None:
            ground_m = around.ground_m(self.filter.mean[:3])
            if math.isnan(self.above_m):
                self.above_m = self.filter.mean[2] - ground_m
            elif not math.isnan(ground_m):
                self.filter.update_height(ground_m + self.above_m, GROUND_SIGMA_M)

    def _time(self, frame: int) -> float:
        return self.sightings.seconds(int(self.sightings.scene.times_ns[frame]))

    def _later(self, near: Near) -> float:
        return near.late_s - self.late_s if self.sightings.scene.has_time else 0.0

    def _learn(self, near: Near, pose: Float64s) -> None:
        cos, sin = math.cos(pose[3]), math.sin(pose[3])
        local = (near.local - pose[:3]) @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        self.model.add(local[(np.abs(local) <= self.model.half + MARGIN_M).all(1)])
