"""One object in the points of a frame: where it is looked for, what of the points may be its own, and whether they are good enough to be believed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from .arrays import Bools, Float64s
from .cuboids import Cuboid
from .moments import seen_sweep
from .motion import Motion, motion_at
from .registration import ObjectModel, Registration
from .scene import Scene
from .taxonomy import Taxonomy
from .terrain import ground
from .tracks import Track

__all__ = [
    *("BENT_MPS2", "BENT_RADPS2", "FEWEST", "MARGIN_M", "STILL_M", "STILL_RAD", "STILL_SIGMAS", "UNTIMED_STEP_S"),
    *("Around", "Near", "Proposal", "Sighting", "Sightings", "Verdict", "spread", "starts_within"),
]

UNTIMED_STEP_S = 0.5  # of frames whose times nobody knows
LOWEST_M = 0.2  # points closer to the cuboid's bottom than this are the ground's; of low objects a share of the height
LOWEST_SHARE, MARGIN_M, AROUND_M = 0.15, 0.1, 0.3
STEP_M = 0.4  # between the places an object is looked for at; registration finds the rest of the way
FARTHEST_M = 6.0
FEWEST, LEAST_OVERLAP, LEAST_COVERAGE, WORST_RESIDUAL_M = 8, 0.5, 0.1, 0.1  # the gate
SIGMAS = 4.0  # a shift beyond so many standard deviations of prediction and registration together is not believed
STILL_M, STILL_RAD, STILL_SIGMAS = 0.12, math.radians(4.0), 3.0  # what an object that stands may seem to move by
BENT_MPS2, BENT_RADPS2 = 1.5, 0.4  # how the way between two keyframes may bend
GROUND_REACH_M, FEWEST_GROUND = 25.0, 100


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


@dataclass(frozen=True, eq=False)
class Sighting:
    """A proposal that still is the prediction, the shift (4,) the points ask for along the base frame's axes, and its covariance."""

    proposal: Proposal
    shift: Float64s
    noise: Float64s

    @property
    def is_believed(self) -> bool:
        return self.proposal.verdict == Verdict.REGISTERED


@dataclass(frozen=True, eq=False)
class Around:
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
class Near:
    """Points around an object, in its predicted frame (K, 3), and when it was seen, after the frame's stamp."""

    local: Float64s
    late_s: float


class Sightings:
    """What the sweeps of a scene show of one track's object.

    track : in the base frame
    sensors : names of the LiDARs whose points are taken together
    """

    def __init__(self, scene: Scene, track: Track, sensors: tuple[str, ...]) -> None:
        self.scene, self.track, self.sensors = scene, track, sensors
        category = Taxonomy.default().get(track.category)
        self.is_yaw_told = category is None or not category.is_yaw_from_motion
        self.notes: dict[str, None] = {}
        self._start_ns = int(scene.times_ns[0])

    def seconds(self, time_ns: int) -> float:
        return (time_ns - self._start_ns) * (1e-9 if self.scene.has_time else UNTIMED_STEP_S)

    def motion(self, time_ns: int) -> Motion | None:
        """As the track tells; None where it does not."""
        motion = motion_at(self.track, time_ns) if self.scene.has_time else None
        return motion if motion is not None and motion.is_known else None

    def around(self, frame: int, center_m: Float64s) -> Around | None:
        """The frame's points of all sensors; None where it has no sweep or no pose."""
        names = [name for name in self.sensors if self.scene.has_points(frame, name)]
        if self.scene.trajectory is not None and not self.scene.trajectory.covers(self.scene.times_ns[frame : frame + 1]).all():
            names = []
        sweeps = [seen_sweep(self.scene, frame, name, center_m, deskew=True, notes=self.notes) for name in names]
        if not sweeps:
            return None
        return Around(center_m, np.concatenate([s.xyz for s in sweeps]), np.concatenate([s.late_s for s in sweeps]))

    def near(self, around: Around | None, expected: Cuboid, motion: Motion | None, covariance: Float64s, late_ref_s: float) -> Near | None:
        """Points that may be the object's, where it is expected; with a motion, as they would have been seen at `late_ref_s`."""
        if around is None:
            return None
        half = expected.size_m / 2
        xyz, late = around.xyz + (around.origin_m - expected.center_m), around.late_s
        reach = np.minimum(SIGMAS * np.sqrt(np.diag(covariance)[:2]), FARTHEST_M)
        speed = 0.0 if motion is None else float(motion.speed_mps[0])
        radius = math.hypot(*half[:2]) + AROUND_M + math.hypot(*reach) + speed * float(np.abs(late - late_ref_s).max(initial=0.0))
        close = np.flatnonzero((np.hypot(xyz[:, 0], xyz[:, 1]) <= radius) & (np.abs(xyz[:, 2]) <= half[2] + 2.0))
        xyz, late = xyz[close], late[close]
        here = Motion(expected.as_cuboids(), np.zeros((1, 3)), np.zeros(1), False)
        if motion is not None:
            here = Motion(expected.as_cuboids(), motion.velocity_mps, motion.yaw_rate_radps, True)
        local = here.localise(xyz + expected.center_m, late - late_ref_s)
        own = (np.abs(local) <= half + AROUND_M).all(1)
        late_s = float(np.median(late[own])) if own.any() else late_ref_s
        keep = (local[:, 2] >= min(LOWEST_M, LOWEST_SHARE * expected.size_m[2]) - half[2]) & (local[:, 2] <= half[2] + AROUND_M)
        return Near(np.ascontiguousarray(local[keep]), late_s)

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
            around, known, motion = self.around(frame, cuboid.center_m), np.zeros((4, 4)), self.motion(stamp)
            near = self.near(around, cuboid, None, known, reference or 0.0)
            if near is not None and motion is not None:
                near = self.near(around, cuboid, motion, known, near.late_s if reference is None else reference)
            if near is not None:
                own = near.local[_is_own(near.local, cuboid, motion, near.late_s if reference is None else reference)]
                model.add(own)
                reference = near.late_s if reference is None and len(own) else reference
        return model, reference or 0.0

    def judge(self, frame: int, predicted: Cuboid, near: Near | None, model: ObjectModel, starts: Float64s, covariance: Float64s) -> Sighting:
        """Where the points say that the object is, beginning from `starts` (S, 4) seen from its prediction, and whether they pass the gate."""
        proposal = Proposal(frame, predicted, predicted, Verdict.NO_SWEEP)
        if near is None:
            return Sighting(proposal, np.zeros(4), np.eye(4))
        if len(near.local) < FEWEST or len(model) < FEWEST:
            return Sighting(replace(proposal, verdict=Verdict.FEW_POINTS, n_points=len(near.local)), np.zeros(4), np.eye(4))
        turn = np.eye(4)
        turn[:3, :3] = predicted.as_cuboids().rotation[0]
        found = model.register(near.local, starts @ turn, turn.T @ covariance @ turn)
        shift, noise = turn @ found.pose, turn @ found.covariance @ turn.T
        proposal = replace(
            proposal,
            verdict=_gate(found, shift, noise + covariance),
            overlap=found.overlap,
            residual_m=found.residual_m,
            shift_m=float(np.linalg.norm(shift[:3])),
            n_points=found.n_points,
        )
        return Sighting(proposal, shift, noise)


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


def _is_own(local: Float64s, cuboid: Cuboid, motion: Motion | None, late_s: float) -> Bools:
    """(K,) bool: in the cuboid, whether that says where the object was when it was seen or, so much earlier, at the stamp."""
    most = cuboid.size_m / 2 + MARGIN_M
    way = np.zeros(3) if motion is None else late_s * (motion.velocity_mps[0] @ cuboid.as_cuboids().rotation[0])
    return np.asarray((np.abs(local) <= most).all(1) | (np.abs(local - way) <= most).all(1))


def starts_within(covariance: Float64s, yaw_rad: float) -> Float64s:
    """(S, 4) places an object may be at, none first, then along and across its heading, within three standard deviations."""
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
    return np.concatenate([np.zeros((1, 4)), starts[np.any(starts != 0, axis=1)]])


def spread(covariance: Float64s, shift: Float64s) -> float:
    """Standard deviation along a shift seen from above."""
    length = float(np.hypot(*shift[:2]))
    unit = shift[:2] / length if length else np.array([1.0, 0.0])
    return math.sqrt(float(unit @ covariance[:2, :2] @ unit))
