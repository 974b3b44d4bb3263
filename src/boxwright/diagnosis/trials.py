"""Labels as they are against labels with faults undone.

Four things tell: the points that cuboids hold, where moving objects go, that things that stand keep place and heading while the vehicle turns, and
boxes that a person drew in pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..errors import number_of
from ..frames import Pose
from ..rotations import wrap_rad
from .evidence import Evidence, Labels, is_boxlike
from .fits import shares_of_boxes

__all__ = ["NEAR", "Trial", "View", "at_least", "compared", "in_world", "is_alike"]

NEAR = np.radians(20)  # of where an object goes, or the opposite way: its heading fits
_BY_CHANCE = 4 * NEAR / (2 * np.pi)  # how often a heading does that has nothing to do with it
_N_POINTS = 5
_N_TRACKS = 4
_N_MOVING = 3
_LEAST_M = 2.0
_TURN = np.radians(8)  # less does not change which points a cuboid holds
_SHIFT_M = 0.5
_N_RESTING = 6
_STEADY = np.radians(3)  # of heading
_STILL_M = 1.0
_ALIKE = 0.7  # length of a mean direction, 1 where all are one; 0.2 where only those near 0 are left out
_ON_BOX, _OFF_BOX = 0.5, 0.1  # IoU of a cuboid in the picture with the box of its object: it lies there, or it does not
_MORE_IOU = 0.1  # less is how boxes are drawn
_OFF_BY_CHANCE = 0.1  # how often a right cuboid lies off its box, at most: names that were mixed up
_RARE = 0.003
_MOST = 20.0  # log-odds that one kind of evidence adds at most


@dataclass(frozen=True)
class View:
    """Labels as one supposition has them.

    counts : (R,) points over the ground in each cuboid, NaN where its frame has no sweep
    moving : (K,) rows of objects that move by more than 2 m/s and 0.8 m, and (K,) where they go, in the labels' own frame
    unrest : (T, 2) by how many radians and metres each track turns and wanders in the world; NaN where the vehicle does not turn meanwhile
    """

    evidence: Evidence
    labels: Labels

    @cached_property
    def counts(self) -> Float64s:
        return self.evidence.counts(self.labels)

    @cached_property
    def moving(self) -> tuple[Int64s, Float64s]:
        return _moving(self.evidence, self.labels)

    @cached_property
    def unrest(self) -> Float64s:
        return _unrest(self.evidence, self.labels)

    @cached_property
    def shares(self) -> Float64s:
        """(T,) mean IoU of the boxes of each track with its cuboids, in pictures; NaN where none is drawn."""
        rows, shares = shares_of_boxes(self.evidence, self.labels)
        track, n = self.labels.track[rows], len(self.evidence.scene.tracks)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.bincount(track, shares, minlength=n) / np.bincount(track, minlength=n))

    def n_ahead(self, chosen: Bools, moving: tuple[Int64s, Float64s] | None = None) -> tuple[int, int]:
        """Of the objects in the chosen rows of `moving`, own or given: how many head where they go, or the opposite way, most of the time; how many
        there are."""
        rows, ahead = moving or self.moving
        rows, off = rows[chosen], self.labels.yaw_rad[rows[chosen]] - ahead[chosen]
        fits = np.abs(wrap_rad(2 * off)) / 2 < NEAR
        names, which = np.unique(self.labels.track[rows], return_inverse=True)
        return int((np.bincount(which, fits, minlength=len(names)) > np.bincount(which, minlength=len(names)) / 2).sum()), len(names)

    def usually_off(self, chosen: Bools) -> float:
        """Median over objects, in the chosen rows of `moving`, of the angle between heading and way, whichever end is ahead; 0 where none moves."""
        rows, ahead = self.moving
        spin = np.exp(2j * (self.labels.yaw_rad[rows[chosen]] - ahead[chosen]))
        off = np.abs(np.angle(_of_each(self.labels.track[rows[chosen]], spin))) / 2
        return float(np.median(off)) if len(off) else 0.0


@dataclass(frozen=True)
class Trial:
    """One view against another.

    gain : mean of log(points + 1) that a track's cuboids gain; t : how many standard errors that is; n : tracks that tell
    before, after : how many of n_moving objects head where they go
    restless, steadier : how many things are far steadier in the world before, and after
    further, nearer : how many cuboids fit boxes drawn in pictures better before, and after; left, come : of these, how many lie off their boxes
        otherwise
    """

    gain: float
    t: float
    n: int
    before: int
    after: int
    n_moving: int
    restless: int = 0
    steadier: int = 0
    further: int = 0
    nearer: int = 0
    left: int = 0
    come: int = 0

    def _chance(self, t: float) -> float:
        """How often tracks that gain nothing on the whole would come to this."""
        from scipy.special import stdtr

        return float(stdtr(self.n - 1, -t)) if self.n >= _N_TRACKS else 1.0

    def _moves(self, more: int, fewer: int) -> bool:
        """Whether more than chance head where they go, and clearly more than otherwise."""
        enough = self.n_moving >= _N_MOVING and more > 0.6 * self.n_moving and more - fewer > 0.3 * self.n_moving
        return enough and at_least(more, self.n_moving, _BY_CHANCE) < 0.02

    def _rests(self, more: int, fewer: int) -> bool:
        """Whether things are steadier so, by more than chance."""
        return more + fewer >= _N_RESTING and at_least(more, more + fewer, 0.5) < 0.02

    def _fits_boxes(self, more: int, fewer: int, on_box: int) -> bool:
        """Whether cuboids fit boxes better so, by more than chance: so many of them, or some that lie nowhere near theirs otherwise."""
        n = more + fewer
        return at_least(more, n, 0.5) < _RARE or (on_box > n / 2 and at_least(on_box, n, _OFF_BY_CHANCE) < _RARE)

    @property
    def is_nearer(self) -> bool:
        """Whether cuboids fit boxes better then."""
        return self._fits_boxes(self.nearer, self.further, self.come)

    @property
    def is_further(self) -> bool:
        """Whether cuboids fit boxes better now."""
        return self._fits_boxes(self.further, self.nearer, self.left)

    @property
    def is_better(self) -> bool:
        by_points = self.gain > 0.15 and self._chance(self.t) < _RARE
        better = by_points or self.is_nearer or self._moves(self.after, self.before) or self._rests(self.steadier, self.restless)
        contradicted = self.n_moving >= 5 and self._moves(self.before, self.after)
        contradicted |= self.is_further and not by_points  # boxes may have been made of the labels
        return better and not contradicted and self._chance(-self.t) > _RARE and not self._rests(self.restless, self.steadier)

    @property
    def is_worse(self) -> bool:
        by_points = self.gain < -0.05 and self._chance(-self.t) < 0.01
        by_boxes = self.is_further and self._chance(self.t) > _RARE
        return by_points or by_boxes or self._moves(self.before, self.after) or self._rests(self.restless, self.steadier)

    @property
    def leans(self) -> bool:
        """Whether it would be better by about one in twenty by chance, which is no finding."""
        return self.gain > 0.15 and self._chance(self.t) < 0.05

    @property
    def is_of_few(self) -> bool:
        return self.n < _N_TRACKS and self.n_moving < _N_MOVING and max(self.restless + self.steadier, self.further + self.nearer) < _N_RESTING

    @property
    def odds(self) -> float:
        """Logarithm of how much more the second view explains."""
        points = -math.log(max(self._chance(abs(self.t)), 1e-9)) * (1 if self.t > 0 else -1)
        motion = (self.after - self.before) * -math.log(_BY_CHANCE)
        rest = (self.steadier - self.restless) * math.log(2)
        boxes = (self.nearer - self.further) * math.log(2) - (self.come - self.left) * math.log(2 * _OFF_BY_CHANCE)
        known = np.array([points, motion * (self.n_moving >= _N_MOVING), rest * (self.steadier + self.restless >= _N_RESTING), boxes])
        return float(known.clip(-_MOST, _MOST).sum())

    def change(self) -> str:
        parts = []
        if self.n:
            parts.append(f"cuboids of {number_of(self.n, 'object')} would hold {np.exp(self.gain):.2f} times the points")
        if self.n_moving:
            parts.append(f"{self.after} instead of {self.before} of {number_of(self.n_moving, 'moving object')} would head where they go")
        if self.restless + self.steadier:
            things = number_of(self.restless + self.steadier, "thing")
            parts.append(f"{self.steadier} instead of {self.restless} of {things} would stand still while the vehicle turns")
        if self.further + self.nearer:
            objects = number_of(self.further + self.nearer, "object")
            parts.append(f"{self.nearer} instead of {self.further} of {objects} would fit boxes drawn in pictures better")
        return ", ".join(parts)


def compared(now: View, then: View) -> Trial:
    """What would be better, or worse, if labels were as `then` has them."""
    turned = np.abs(wrap_rad(2 * (then.labels.yaw_rad - now.labels.yaw_rad))) / 2
    shifted = np.linalg.norm(then.labels.center_m - now.labels.center_m, axis=1) > _SHIFT_M
    with np.errstate(invalid="ignore"):
        tells = np.maximum(now.counts, then.counts) >= _N_POINTS
    tells &= ((turned > _TURN) & is_boxlike(now.labels)) | shifted
    gains = np.log1p(then.counts[tells]) - np.log1p(now.counts[tells])
    which = np.unique(now.labels.track[tells], return_inverse=True)[1]
    gain = np.bincount(which, gains) / np.bincount(which) if len(gains) else gains  # cuboids of one track tell the same
    n = len(gain)
    spread = max(float(gain.std(ddof=1)), 0.05) if n > 1 else 1.0
    mean = float(gain.mean()) if n else 0.0
    return Trial(mean, mean * math.sqrt(n) / spread, n, *_motion(now, then, turned, bool(shifted.any())), *_rest(now, then), *_boxes(now, then))


def _motion(now: View, then: View, turned: Float64s, is_elsewhere: bool) -> tuple[int, int, int]:
    """How many head where they go in each view, and how many tell; things that stand seem to move where all are in the wrong place."""
    if is_elsewhere:
        before, n_before = now.n_ahead(is_boxlike(now.labels)[now.moving[0]])
        after, n_after = then.n_ahead(is_boxlike(then.labels)[then.moving[0]])
        n = min(n_before, n_after)
        return (round(before * n / n_before), round(after * n / n_after), n) if n else (0, 0, 0)
    tells = turned[now.moving[0]] > 2 * NEAR
    return now.n_ahead(tells)[0], *then.n_ahead(tells, now.moving)


def _rest(now: View, then: View) -> tuple[int, int]:
    """How many things are twice as steady and more, now and then; those that move, or are steady either way, do not tell."""
    (turn, wander), (turn_then, wander_then) = now.unrest.T, then.unrest.T
    stands = np.minimum(wander, wander_then) < _STILL_M
    quieter = (turn < turn_then / 2) & (turn_then > _STEADY), (turn_then < turn / 2) & (turn > _STEADY)
    nearer = (wander < wander_then / 2) & (wander_then > _STILL_M / 2), (wander_then < wander / 2) & (wander > _STILL_M / 2)
    before, after = ((quieter[k] | nearer[k]) & ~(quieter[1 - k] | nearer[1 - k]) & stands for k in (0, 1))
    return int(before.sum()), int(after.sum())


def _boxes(now: View, then: View) -> tuple[int, int, int, int]:
    """How many tracks fit their boxes better now, and then; and how many of these lie off them otherwise."""
    own, other = now.shares, then.shares
    found = []
    for one, two in ((own, other), (other, own)):
        better = (one > two + _MORE_IOU) & (one > _ON_BOX)
        found.append((int(better.sum()), int((better & (two < _OFF_BOX)).sum())))
    (further, left), (nearer, come) = found
    return further, nearer, left, come


def _unrest(evidence: Evidence, labels: Labels) -> Float64s:
    """Spreads of twice the yaw (ends may be taken for each other) and of places, over the frames with poses of each track."""
    scene, unrest = evidence.scene, np.full((len(evidence.scene.tracks), 2), np.nan)
    known = np.array([pose is not None for pose in evidence.poses], bool)
    rows = np.flatnonzero(known[labels.frame]) if scene.has_time else np.zeros(0, np.int64)
    if not len(rows):
        return unrest
    rotation, places = (values[rows] for values in in_world(evidence, labels))
    own = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    track, n = labels.track[rows], len(unrest)
    count = np.maximum(np.bincount(track, minlength=n), 1)
    means = [np.bincount(track, column, minlength=n) / count for column in places.T]
    wander = np.sqrt(sum(np.bincount(track, (column - mean[track]) ** 2, minlength=n) for column, mean in zip(places.T, means)) / count)
    turned = _spread_of(own, track, count)
    tells = (turned > _STEADY) & (count >= 2)
    unrest[tells] = np.column_stack([_spread_of(2 * (own + labels.yaw_rad[rows]), track, count) / 2, wander])[tells]
    return unrest


def _spread_of(angle: Float64s, track: Int64s, count: Float64s) -> Float64s:
    """Circular standard deviation of each track's angles."""
    length = np.hypot(*(np.bincount(track, part(angle), minlength=len(count)) / count for part in (np.cos, np.sin)))
    return np.asarray(np.sqrt(-2 * np.log(length.clip(1e-9, 1))))


def is_alike(track: Int64s, off_rad: Float64s) -> bool:
    """Whether objects are off by about one angle, or by quarters from it: by the mean direction of four times the angle (K. V. Mardia and P. E. Jupp,
    Directional Statistics, Rayleigh's test). track, off_rad : (K,)"""
    each = _of_each(track, np.exp(4j * off_rad))
    length = float(np.abs(each.mean())) if len(each) else 0.0
    return length > _ALIKE and math.exp(-len(each) * length**2) < 0.05


def _of_each(track: Int64s, spin: np.ndarray) -> np.ndarray:
    """The mean direction of each track's, as complex numbers of length 1."""
    which = np.unique(track, return_inverse=True)[1]
    total = np.bincount(which, spin.real) + 1j * np.bincount(which, spin.imag)
    return np.asarray(total / np.maximum(np.abs(total), 1e-9))


def at_least(k: int, n: int, share: float) -> float:
    """The chance of k or more of n."""
    from scipy.special import bdtrc

    return float(bdtrc(k - 1, n, share))


def _moving(evidence: Evidence, labels: Labels) -> tuple[Int64s, Float64s]:
    """Of objects that come at least 2 m away from where they were first: things that stand are moved about less by poses that are not exact."""
    rows, ahead = [np.zeros(0, np.int64)], [np.zeros(0)]
    scene, known = evidence.scene, np.array([pose is not None for pose in evidence.poses], bool)
    rotation, places = in_world(evidence, labels)
    for k in np.unique(labels.track).tolist() if scene.has_time else ():
        mine = np.flatnonzero((labels.track == k) & known[labels.frame])
        if len(mine) < 2 or np.linalg.norm(places[mine, :2] - places[mine[0], :2], axis=1).max() < _LEAST_M:
            continue
        after = mine[np.minimum(np.arange(len(mine)) + max(1, len(mine) // 20), len(mine) - 1)]
        way = places[after] - places[mine]
        seconds = (scene.times_ns[labels.frame[after]] - scene.times_ns[labels.frame[mine]]) * 1e-9
        far = np.linalg.norm(way[:, :2], axis=1)
        goes = (far > 0.8) & (far > 2 * seconds)
        own = np.einsum("rji,rj->ri", rotation[mine[goes]], way[goes])
        rows.append(mine[goes])
        ahead.append(np.arctan2(own[:, 1], own[:, 0]))
    return np.concatenate(rows), np.concatenate(ahead)


def in_world(evidence: Evidence, labels: Labels) -> tuple[Float64s, Float64s]:
    """(R, 3, 3) how the labels' frame is turned in the world, and (R, 3) where labels are in it; of no meaning where no pose is known."""
    poses = [pose or Pose.identity() for pose in evidence.poses]
    if not len(labels):
        return np.zeros((0, 3, 3)), np.zeros((0, 3))
    rotation, place = np.array([pose.rotation for pose in poses]), np.array([pose.translation_m for pose in poses])
    turn = rotation[labels.frame]
    return turn, np.einsum("rij,rj->ri", turn, labels.center_m) + place[labels.frame]
