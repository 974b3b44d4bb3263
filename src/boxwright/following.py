"""One object followed from frame to frame: predicted, looked for in the frame's points, and believed only where the points are good enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from .arrays import Bools, Float64s
from .cuboids import Cuboid
from .moments import Motion, base_frame, motion_at, seen_sweep
from .motion import MotionFilter
from .registration import ObjectModel, Registration
from .rotations import quat_from_yaw, quat_multiply, wrap_rad
from .scene import Scene
from .taxonomy import Taxonomy
from .terrain import ground
from .tracks import Track

__all__ = ["Follower", "Proposal", "Verdict"]

UNTIMED_STEP_S = 0.5  # of frames whose times nobody knows
LOWEST_M = 0.2  # points closer to the cuboid's bottom than this are the ground's; of low objects a share of the height
LOWEST_SHARE, MARGIN_M, AROUND_M = 0.15, 0.1, 0.3
KNOWN_M_S = 2.0  # a velocity surer than this takes an object's own motion out of its points
STEP_M = 0.4  # between the places an object is looked for at; registration finds the rest of the way
FARTHEST_M = 6.0
FEWEST, LEAST_OVERLAP, LEAST_COVERAGE, WORST_RESIDUAL_M = 8, 0.5, 0.1, 0.1  # the gate
SIGMAS = 4.0  # a shift beyond so many standard deviations of prediction and registration together is not believed
STILL_M, STILL_RAD, STILL_SIGMAS = 0.12, math.radians(4.0), 3.0  # what an object that stands may seem to move by
DRIFT_M_S, DRIFT_SIGMAS = 0.5, 4.0  # a velocity as sure as this is a movement, however short the way
AGREED_M, AGREED_RAD = 0.05, math.radians(1.5)  # between keyframes a shift shorter than this is left alone
STILL_SIGMA = 0.05, 0.02  # metres and radians; of a curve that does not move
# Between keyframes points have to lie so much better where they ask the object to be than where it is expected; the fewer they are, the better.
LEAST_GAIN, GAIN_NOISE = 0.1, 1.5
BENT_M_S2, BENT_UNPOSED_M_S2, BENT_RAD_S2 = 1.5, 6.0, 0.4  # what the curve between keyframes may miss; without poses the vehicle's own way too
GROUND_REACH_M, GROUND_SIGMA_M, FEWEST_GROUND = 25.0, 0.1, 100


class Verdict(IntEnum):
    """What the gate says of a proposal. All from NO_SWEEP on are flagged: there the prediction stands."""

    REGISTERED = 0  # the frame's points moved it
    AGREES = 1  # the points are where the prediction puts them, which stands as it is
    NO_SWEEP = 2
    FEW_POINTS = 3
    LOW_OVERLAP = 4
    HIGH_RESIDUAL = 5
    FAR_SHIFT = 6


@dataclass(frozen=True, eq=False)
class Proposal:
    """A cuboid of the base frame for one frame, the prediction it came from, and why."""

    frame_index: int
    cuboid: Cuboid
    predicted: Cuboid
    verdict: Verdict
    overlap: float = math.nan
    residual_m: float = math.nan
    shift_m: float = math.nan
    n_points: int = 0
    gain: float = 0.0


@dataclass(frozen=True, eq=False)
class _Around:
    """A frame's points (K, 3), base frame less an origin, and when each was seen, after the frame's stamp."""

    origin_m: Float64s
    xyz: Float64s
    late_s: Float64s

    def ground_m(self, center_m: Float64s) -> float:
        """Height of the ground under a place, base frame; NaN where there are too few points around it."""
        off = center_m - self.origin_m
        near = self.xyz[np.hypot(*(self.xyz[:, :2] - off[:2]).T) <= GROUND_REACH_M]
        return float(ground(near).height_m(off[None])[0] + self.origin_m[2]) if len(near) >= FEWEST_GROUND else math.nan


@dataclass(frozen=True, eq=False)
class _Near:
    """Points around an object, in its predicted frame (K, 3), and when it was seen, after the frame's stamp."""

    local: Float64s
    late_s: float


class Follower:
    """Follows one track of the base frame through a scene; what is found in one frame helps in the next.

    sensors : names of the LiDARs whose points are taken together
    progress : called once for each frame
    """

    def __init__(self, scene: Scene, track: Track, sensors: tuple[str, ...], progress: Callable[[], Any]) -> None:
        self.scene, self.track, self.sensors, self.progress = scene, track, sensors, progress
        category = Taxonomy.default().get(track.category)
        self.is_yaw_told = category is None or not category.is_yaw_from_motion
        self.notes: dict[str, None] = {}
        self._start_ns = int(scene.times_ns[0])

    def seconds(self, time_ns: int) -> float:
        return (time_ns - self._start_ns) * (1e-9 if self.scene.has_time else UNTIMED_STEP_S)

    # ------------------------------------------------------------ beyond the keyframes
    def extrapolate(self, key: int, frames: list[int], model: ObjectModel, late_s: float) -> list[Proposal]:
        """From keyframe `key` to frames that lie away from it one after the other, all before or all after it.

        An object stands until points say otherwise; then its way is followed anew from the frames before they did.
        """
        anchor = self.track.cuboids[key]
        filter, is_still = self._begin(key, frames)
        path = _Path(self, anchor, model.copy(), filter, late_s)
        done: list[Proposal] = []
        for i, frame in enumerate(frames):
            self.progress()
            if is_still:
                proposal = path.step_still(frame)
                if proposal is None:  # it moves: anew from the keyframe, or from a second before
                    is_still = False
                    first = max(i - self._frames_in(1.0), 0)
                    filter = self._begin(key, frames)[0]
                    if first:
                        filter = MotionFilter(self.seconds(int(self.scene.times_ns[frames[first - 1]])), pose_of(anchor))
                    path = _Path(self, anchor, model.copy(), filter, late_s)
                    done = [*done[:first], *(path.step(frames[k]) for k in range(first, i + 1))]
                    continue
            else:
                proposal = path.step(frame)
            done.append(proposal)
        return done

    def _frames_in(self, seconds: float) -> int:
        times = self.scene.times_ns
        if len(times) < 2:
            return 1
        step = np.median(np.diff(times)) * (1e-9 if self.scene.has_time else UNTIMED_STEP_S)
        return max(round(seconds / float(step)), 1)

    def _begin(self, key: int, frames: list[int]) -> tuple[MotionFilter, bool]:
        """The filter at a keyframe, and whether the object may stand: yes unless the next keyframe on the other side tells a movement."""
        track, stamp = self.track, int(self.track.times_ns[key])
        anchor = track.cuboids[key]
        other = key - 1 if int(self.scene.times_ns[frames[0]]) > stamp else key + 1
        if 0 <= other < len(track):
            gap = self.seconds(stamp) - self.seconds(int(track.times_ns[other]))
            between = track.at(np.array([(stamp + int(track.times_ns[other])) // 2]))
            if between.is_valid[0] and abs(gap) <= 3.0:
                before = track.cuboids[other]
                way, turn = anchor.center_m - before.center_m, float(wrap_rad(anchor.yaw_rad - before.yaw_rad))
                if np.hypot(*way[:2]) > STILL_M or abs(turn) > STILL_RAD:
                    motion = motion_at(track, stamp)
                    velocity = way / gap if motion is None or not self.scene.has_time else motion.velocity_m_s
                    sigma = (0.2 + BENT_M_S2 * abs(gap) / 2, 0.02 + BENT_RAD_S2 * abs(gap) / 2)
                    return MotionFilter(self.seconds(stamp), pose_of(anchor), velocity, turn / gap, sigma), False
                return MotionFilter(self.seconds(stamp), pose_of(anchor), np.zeros(3), 0.0, (0.5, 0.05)), True
        return MotionFilter(self.seconds(stamp), pose_of(anchor)), True

    # ------------------------------------------------------------ between the keyframes
    def interpolate(self, left: int, right: int, frames: list[int], model: ObjectModel, late_s: float) -> list[Proposal]:
        """Frames between two keyframes, from both ends inwards; the curve is the prediction, and a frame's correction is tried first in the next."""
        ends = self.track.times_ns[[left, right]]
        is_still = _apart(self.track.cuboids[left], self.track.cuboids[right]) == (True, True)
        hints = {0: np.zeros(4), 1: np.zeros(4)}
        found: dict[int, Proposal] = {}
        for frame in sorted(frames, key=lambda i: int(np.abs(self.scene.times_ns[i] - ends).min())):
            self.progress()
            stamp = int(self.scene.times_ns[frame])
            side = int(abs(stamp - ends[1]) < abs(stamp - ends[0]))
            sigma = STILL_SIGMA if is_still else self._curve_sigma(stamp, ends)
            found[frame], hints[side] = self._between(frame, sigma, model, late_s, hints[side], is_still)
        return [found[frame] for frame in frames]

    def _curve_sigma(self, stamp: int, ends: Float64s | np.ndarray) -> tuple[float, float]:
        t0, t1 = (abs(self.seconds(stamp) - self.seconds(int(end))) for end in ends)
        bent = BENT_M_S2 if base_frame(self.scene) == "world" else BENT_UNPOSED_M_S2
        return 0.03 + bent * t0 * t1 / 2, 0.02 + BENT_RAD_S2 * t0 * t1 / 2

    def _between(
        self, frame: int, sigma: tuple[float, float], model: ObjectModel, late: float, hint: Float64s, is_still: bool
    ) -> tuple[Proposal, Float64s]:
        stamp = int(self.scene.times_ns[frame])
        predicted = self.track.at(np.array([stamp])).cuboids[0]
        motion = motion_at(self.track, stamp) if self.scene.has_time else None
        covariance = np.diag([sigma[0] ** 2, sigma[0] ** 2, 0.1**2, sigma[1] ** 2])
        around = self.around(frame, predicted.center_m)
        near = self.near(around, predicted, None if motion is None else motion.velocity_m_s, covariance, late)
        starts = np.concatenate([np.zeros((1, 4)), hint[None], starts_within(covariance, predicted.yaw_rad)])
        proposal, shift, noise = self.judge(frame, predicted, near, model, starts, covariance)
        if proposal.verdict != Verdict.REGISTERED:
            return proposal, hint
        if proposal.gain < 1 + max(LEAST_GAIN, GAIN_NOISE / math.sqrt(proposal.n_points)):
            return replace(proposal, verdict=Verdict.AGREES), hint
        limit = max(STILL_M, STILL_SIGMAS * spread(noise, shift)) if is_still else AGREED_M
        if np.hypot(*shift[:2]) <= limit and abs(shift[3]) <= (STILL_RAD if is_still else AGREED_RAD):
            return replace(proposal, verdict=Verdict.AGREES), hint
        gain = covariance @ np.linalg.inv(covariance + noise)
        return replace(proposal, cuboid=moved(predicted, gain @ shift)), shift

    # ------------------------------------------------------------ points
    def around(self, frame: int, center_m: Float64s) -> _Around | None:
        """The frame's points of all sensors; None where it has no sweep or no pose."""
        names = [name for name in self.sensors if self.scene.has_points(frame, name)]
        if self.scene.trajectory is not None and not self.scene.trajectory.covers(self.scene.times_ns[frame : frame + 1]).all():
            names = []
        sweeps = [seen_sweep(self.scene, frame, name, center_m, deskew=True, notes=self.notes) for name in names]
        if not sweeps:
            return None
        return _Around(center_m, np.concatenate([s.xyz for s in sweeps]), np.concatenate([s.late_s for s in sweeps]))

    def near(self, around: _Around | None, expected: Cuboid, velocity: Float64s | None, covariance: Float64s, late_ref_s: float) -> _Near | None:
        """Points that may be the object's, where it is expected; with a velocity, as they would have been seen at `late_ref_s`."""
        if around is None:
            return None
        half = expected.size_m / 2
        xyz, late = around.xyz + (around.origin_m - expected.center_m), around.late_s
        reach = np.minimum(SIGMAS * np.sqrt(np.diag(covariance)[:2]), FARTHEST_M)
        speed = 0.0 if velocity is None else float(np.linalg.norm(velocity))
        radius = math.hypot(*half[:2]) + AROUND_M + math.hypot(*reach) + speed * float(np.abs(late - late_ref_s).max(initial=0.0))
        close = np.flatnonzero((np.hypot(xyz[:, 0], xyz[:, 1]) <= radius) & (np.abs(xyz[:, 2]) <= half[2] + 2.0))
        xyz, late = xyz[close], late[close]
        rotation = expected.as_cuboids().rotation[0]
        local = (xyz if velocity is None else xyz - (late - late_ref_s)[:, None] * velocity) @ rotation
        own = (np.abs(local) <= half + AROUND_M).all(1)
        late_s = float(np.median(late[own])) if own.any() else late_ref_s
        keep = (local[:, 2] >= min(LOWEST_M, LOWEST_SHARE * expected.size_m[2]) - half[2]) & (local[:, 2] <= half[2] + AROUND_M)
        return _Near(np.ascontiguousarray(local[keep]), late_s)

    def model_from(self, keys: list[int]) -> tuple[ObjectModel, float]:
        """The object's points at keyframes, as if all were seen as long after their frame's stamp as those of the first, and how long that is.

        Whether a cuboid says where its object was at the stamp, or when it was seen, does not matter then.
        """
        model = ObjectModel(self.track.cuboids.size_m[keys[0]], is_yaw_told=self.is_yaw_told)
        reference: float | None = None
        for key in keys:
            stamp, cuboid = int(self.track.times_ns[key]), self.track.cuboids[key]
            frame = int(np.searchsorted(self.scene.times_ns, stamp))
            if frame == len(self.scene) or int(self.scene.times_ns[frame]) != stamp:
                continue
            around, known = self.around(frame, cuboid.center_m), np.zeros((4, 4))
            near = self.near(around, cuboid, None, known, reference or 0.0)
            motion = motion_at(self.track, stamp) if self.scene.has_time and len(self.track) > 1 else None
            if near is not None and motion is not None:
                near = self.near(around, cuboid, motion.velocity_m_s, known, near.late_s if reference is None else reference)
            if near is not None:
                own = near.local[is_own(near.local, cuboid, motion, near.late_s if reference is None else reference)]
                model.add(own)
                reference = near.late_s if reference is None and len(own) else reference
        return model, reference or 0.0

    # ------------------------------------------------------------ the gate
    def judge(
        self, frame: int, predicted: Cuboid, near: _Near | None, model: ObjectModel, starts: Float64s, covariance: Float64s
    ) -> tuple[Proposal, Float64s, Float64s]:
        """A proposal that still is the prediction, the shift (4,) the points ask for along the base frame's axes, and its covariance."""
        proposal = Proposal(frame, predicted, predicted, Verdict.NO_SWEEP)
        nothing = np.zeros(4), np.eye(4)
        if near is None:
            return proposal, *nothing
        if len(near.local) < FEWEST or len(model) < FEWEST:
            return replace(proposal, verdict=Verdict.FEW_POINTS, n_points=len(near.local)), *nothing
        turn = np.eye(4)
        turn[:3, :3] = predicted.as_cuboids().rotation[0]
        starts[:, :3] = starts[:, :3] @ turn[:3, :3]
        found = model.register(near.local, starts, turn.T @ covariance @ turn)
        shift, noise = turn @ found.pose, turn @ found.covariance @ turn.T
        proposal = replace(
            proposal,
            verdict=_gate(found, shift, noise + covariance),
            overlap=found.overlap,
            residual_m=found.residual_m,
            shift_m=float(np.linalg.norm(shift[:3])),
            gain=found.gain,
            n_points=found.n_points,
        )
        return proposal, shift, noise


class _Path:
    """A way away from a keyframe, frame after frame."""

    def __init__(self, follower: Follower, anchor: Cuboid, model: ObjectModel, filter: MotionFilter, late_s: float) -> None:
        self.follower, self.anchor, self.model, self.filter, self.late_s = follower, anchor, model, filter, late_s
        self.above_m = math.nan  # of the anchor's centre over the ground; known after the first frame that has a ground

    def step_still(self, frame: int) -> Proposal | None:
        """The anchor once more; None where the points say that it has moved."""
        follower = self.follower
        pose, covariance = self.filter.ahead(self._time(frame))
        covariance = covariance.copy()
        covariance[:2, :2] += np.outer(*[(pose - pose_of(self.anchor))[:2]] * 2)
        around = follower.around(frame, self.anchor.center_m)
        if around is not None and math.isnan(self.above_m):
            self.above_m = float(self.anchor.center_m[2]) - around.ground_m(self.anchor.center_m)
        near = follower.near(around, self.anchor, None, covariance, self.late_s)
        starts = np.concatenate([np.zeros((1, 4)), starts_within(covariance, self.anchor.yaw_rad)])
        proposal, shift, noise = follower.judge(frame, self.anchor, near, self.model, starts, covariance)
        if proposal.verdict != Verdict.REGISTERED or near is None:
            return proposal
        self.filter.predict(self._time(frame) + self._later(near))
        self.filter.update(pose_of(self.anchor) + shift, noise)
        velocity = self.filter.mean[4:6]
        is_sure = velocity @ np.linalg.solve(self.filter.covariance[4:6, 4:6], velocity) > DRIFT_SIGMAS**2
        length = float(np.hypot(*shift[:2]))
        if length > max(STILL_M, STILL_SIGMAS * spread(noise, shift)) or (length > STILL_M and is_sure and np.hypot(*velocity) > DRIFT_M_S):
            return None
        self._learn(near, np.zeros(4))
        return replace(proposal, verdict=Verdict.AGREES)

    def step(self, frame: int) -> Proposal:
        """Where the filter expects it, corrected by the points where they pass the gate."""
        follower, stamp = self.follower, self._time(frame)
        self.filter.predict(stamp)
        around = follower.around(frame, self.filter.mean[:3])
        self._stay_on_ground(around)
        pose, covariance = self.filter.ahead(stamp)
        is_known = self.filter.covariance[4:6, 4:6].trace() < KNOWN_M_S**2
        velocity = np.append(self.filter.mean[4:6], 0.0) if is_known else None
        predicted = moved(self.anchor, pose - pose_of(self.anchor))
        near = follower.near(around, predicted, velocity, covariance, self.late_s)
        starts = np.concatenate([np.zeros((1, 4)), starts_within(covariance, pose[3])])
        proposal, shift, noise = follower.judge(frame, predicted, near, self.model, starts, covariance)
        if proposal.verdict != Verdict.REGISTERED or near is None:
            return proposal
        later = 0.0 if is_known else self._later(near)
        self.filter.predict(stamp + later)
        self.filter.update(pose + shift, noise)
        self._learn(near, np.append(shift[:3] @ predicted.as_cuboids().rotation[0], shift[3]))
        return replace(proposal, cuboid=moved(self.anchor, self.filter.ahead(stamp)[0] - pose_of(self.anchor)))

    def _stay_on_ground(self, around: _Around | None) -> None:
        """The height follows the ground; how high the object stands over it is what the first frame says."""
        if around is not None:
            ground_m = around.ground_m(self.filter.mean[:3])
            if math.isnan(self.above_m):
                self.above_m = self.filter.mean[2] - ground_m
            elif not math.isnan(ground_m):
                self.filter.update_height(ground_m + self.above_m, GROUND_SIGMA_M)

    def _time(self, frame: int) -> float:
        return self.follower.seconds(int(self.follower.scene.times_ns[frame]))

    def _later(self, near: _Near) -> float:
        return near.late_s - self.late_s if self.follower.scene.has_time else 0.0

    def _learn(self, near: _Near, pose: Float64s) -> None:
        cos, sin = math.cos(pose[3]), math.sin(pose[3])
        local = (near.local - pose[:3]) @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        self.model.add(local[(np.abs(local) <= self.model.half + MARGIN_M).all(1)])


def _gate(found: Registration, shift: Float64s, covariance: Float64s) -> Verdict:
    if found.n_points < FEWEST:
        return Verdict.FEW_POINTS
    if found.overlap < LEAST_OVERLAP or found.coverage < LEAST_COVERAGE:
        return Verdict.LOW_OVERLAP
    if found.residual_m > WORST_RESIDUAL_M:
        return Verdict.HIGH_RESIDUAL
    if shift @ np.linalg.solve(covariance, shift) > SIGMAS**2:
        return Verdict.FAR_SHIFT
    return Verdict.REGISTERED


def pose_of(cuboid: Cuboid) -> Float64s:
    """(4,) x, y, z, yaw."""
    return np.append(cuboid.center_m, cuboid.yaw_rad)


def moved(cuboid: Cuboid, shift: Float64s) -> Cuboid:
    """Shifted by x, y, z and turned about the vertical by yaw; the very same where all are 0."""
    if not shift.any():
        return cuboid
    quat = quat_multiply(quat_from_yaw(shift[3]), cuboid.quat_wxyz)
    return Cuboid(cuboid.center_m + shift[:3], cuboid.size_m, quat_wxyz=quat / np.linalg.norm(quat), frame=cuboid.frame)


def is_own(local: Float64s, cuboid: Cuboid, motion: Motion | None, late_s: float) -> Bools:
    """(K,) bool: in the cuboid, whether that says where the object was when it was seen or, so much earlier, at the stamp."""
    most = cuboid.size_m / 2 + MARGIN_M
    way = np.zeros(3) if motion is None else late_s * (motion.velocity_m_s @ cuboid.as_cuboids().rotation[0])
    return np.asarray((np.abs(local) <= most).all(1) | (np.abs(local - way) <= most).all(1))


def starts_within(covariance: Float64s, yaw_rad: float) -> Float64s:
    """(S, 4) places an object may be at, along and across its heading, within three standard deviations."""
    along = np.array([math.cos(yaw_rad), math.sin(yaw_rad)])
    across = np.array([-along[1], along[0]])
    steps = []
    for axis in (along, across):
        far = min(3 * math.sqrt(axis @ covariance[:2, :2] @ axis), FARTHEST_M)
        n = int(far / STEP_M)
        steps.append(STEP_M * np.arange(-n, n + 1))
    a, b = (grid.ravel() for grid in np.meshgrid(*steps, indexing="ij"))
    starts = np.zeros((len(a), 4))
    starts[:, :2] = a[:, None] * along + b[:, None] * across
    return starts[np.any(starts != 0, axis=1)]


def spread(covariance: Float64s, shift: Float64s) -> float:
    """Standard deviation along a shift seen from above."""
    length = float(np.hypot(*shift[:2]))
    unit = shift[:2] / length if length else np.array([1.0, 0.0])
    return math.sqrt(float(unit @ covariance[:2, :2] @ unit))


def _apart(one: Cuboid, other: Cuboid) -> tuple[bool, bool]:
    """Whether two cuboids are at the same place, and turned alike."""
    turn = float(wrap_rad(one.yaw_rad - other.yaw_rad))
    return bool(np.hypot(*(one.center_m - other.center_m)[:2]) <= STILL_M), abs(turn) <= STILL_RAD
