"""Faults that points and motion show: mirrored labels, yaw of another sign or zero, degrees, bottoms for centres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..rotations import wrap_rad
from .evidence import Evidence, Labels, is_boxlike
from .turns import as_quarter_turned, as_raised, as_yaw, mirrored, mirrored_turns
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["bottoms", "degrees", "headings"]

_CHANGES = {
    "left_handed": "negate y and yaw of every label",
    "yaw_sign": "negate every yaw",
    "yaw_zero_axis": "turn every yaw by a quarter",
}
_UNDONE: dict[str, Callable[[Labels], Labels]] = {"left_handed": mirrored, "yaw_sign": mirrored_turns, "yaw_zero_axis": as_quarter_turned}
_N_POINTS = 5
_N_LABELS = 4
_NEAR = np.radians(20)
_TURNS = np.arange(36) * np.radians(5)


@dataclass(frozen=True)
class Trial:
    """Labels as a fault would have them against labels as they are.

    gain : mean of log(points + 1) that a cuboid gains; t : how many standard errors that is; n : cuboids that tell
    before, after : shares of moving objects that head where they go, as they are and as undone; n_moving : how many there are
    """

    gain: float
    t: float
    n: int
    before: float
    after: float
    n_moving: int

    @property
    def is_better(self) -> bool:
        by_points = self.n >= _N_LABELS and self.gain > 0.15 and self.t > 3
        by_motion = self.n_moving >= 3 and self.after > 0.6 and self.after - self.before > 0.3
        contradicted = (self.n >= _N_LABELS and self.t < -3) or (self.n_moving >= 5 and self.before - self.after > 0.3)
        return (by_points or by_motion) and not contradicted

    @property
    def is_worse(self) -> bool:
        by_points = self.n >= _N_LABELS and self.gain < -0.05 and self.t < -2.5
        by_motion = self.n_moving >= 3 and self.before > 0.6 and self.before - self.after > 0.3
        return by_points or by_motion

    @property
    def weight(self) -> float:
        return max(self.t, 0.0) * (self.n >= _N_LABELS) + 10 * max(self.after - self.before, 0.0) * (self.n_moving >= 3)

    def said(self) -> str:
        parts = []
        if self.n:
            parts.append(f"{np.exp(self.gain):.2f} times the points in {number_of(self.n, 'cuboid')} ({self.t:+.1f} standard errors)")
        if self.n_moving:
            parts.append(f"{self.after:.0%} instead of {self.before:.0%} of {self.n_moving} moving objects head where they go")
        return "undone, " + " and ".join(parts) if parts else "nothing tells"


def headings(evidence: Evidence) -> tuple[list[FaultVerdict], Labels]:
    """left_handed, yaw_sign, yaw_zero_axis: the one of them that explains points and motion best, where one does."""
    labels = evidence.labels
    counts, yaws, moving = evidence.counts(labels), labels.yaw_rad, _moving(evidence, labels)
    trials = {name: _trial(evidence, undo(labels), counts, moving) for name, undo in _UNDONE.items()}
    better = [name for name in trials if trials[name].is_better]
    best = max(better, key=lambda name: trials[name].weight, default=None)
    results = []
    for name, trial in trials.items():
        if name == best:
            results.append(found(name, trial.said(), 1 - np.exp(-trial.weight / 4), _CHANGES[name]))
        elif trial.is_worse or best is not None:
            results.append(absent(name, trial.said(), 1 - np.exp(-max(-trial.t, 10 * (trial.before - trial.after), 3) / 4)))
        else:
            results.append(undecidable(name, _why(evidence, trial, yaws)))
    return results, labels if best is None else _UNDONE[best](labels)


def _why(evidence: Evidence, trial: Trial, yaws: Float64s) -> str:
    if not len(yaws):
        return "there is no cuboid"
    if not evidence.clouds and not trial.n_moving:
        return "there are neither sweeps nor moving objects with poses"
    return f"only {number_of(trial.n, 'cuboid')} with points and {trial.n_moving} moving objects tell it from its absence; {trial.said()}"


def _trial(evidence: Evidence, undone: Labels, counts: Float64s, moving: tuple[Float64s, Float64s]) -> Trial:
    labels = evidence.labels
    there = evidence.counts(undone)
    with np.errstate(invalid="ignore"):
        tells = np.maximum(counts, there) >= _N_POINTS
    turned = np.abs(wrap_rad(2 * (undone.yaw_rad - labels.yaw_rad))) / 2
    shifted = np.linalg.norm(undone.center_m - labels.center_m, axis=1)
    tells &= ((turned > np.radians(8)) & is_boxlike(labels)) | (shifted > 0.5)
    gains = np.log1p(there[tells]) - np.log1p(counts[tells])
    n = len(gains)
    spread = float(gains.std(ddof=1)) if n > 1 else 1.0
    t = float(gains.mean() / (max(spread, 0.05) / np.sqrt(n))) if n else 0.0
    rows, ahead = moving
    if shifted.any():
        return Trial(float(gains.mean()) if n else 0.0, t, n, 0.0, 0.0, 0)  # mirrored places move in another way
    tells_too = turned[rows.astype(int)] > 2 * _NEAR
    rows, ahead = rows[tells_too].astype(int), ahead[tells_too]
    before, after = (_share_ahead(yaw[rows] - ahead) for yaw in (labels.yaw_rad, undone.yaw_rad))
    return Trial(float(gains.mean()) if n else 0.0, t, n, before, after, _n_tracks(labels, rows))


def _n_tracks(labels: Labels, rows: Float64s) -> int:
    return len(np.unique(labels.track[rows]))


def _share_ahead(off: Float64s) -> float:
    """Of those that head where they go, or the opposite way."""
    return float((np.abs(wrap_rad(2 * off)) / 2 < _NEAR).mean()) if len(off) else 0.0


def _moving(evidence: Evidence, labels: Labels) -> tuple[Float64s, Float64s]:
    """Rows of objects that move by more than 2 m/s and 0.8 m, and where they go, in the labels' own frame."""
    rows, ahead = list[int](), list[float]()
    times = evidence.scene.times_ns
    if not evidence.scene.has_time:
        return np.zeros(0), np.zeros(0)
    for k in np.unique(labels.track).tolist():
        mine = np.flatnonzero(labels.track == k)
        mine = mine[[evidence.poses[i] is not None for i in labels.frame[mine].tolist()]]
        if len(mine) < 2:
            continue
        frames = labels.frame[mine].tolist()
        mine_poses = [pose for i in frames if (pose := evidence.poses[i]) is not None]
        places = np.array([pose.apply(labels.center_m[r]) for pose, r in zip(mine_poses, mine.tolist())])
        after = np.minimum(np.arange(len(mine)) + max(1, len(mine) // 20), len(mine) - 1)
        way = places[after] - places
        seconds = (times[labels.frame[mine[after]]] - times[labels.frame[mine]]) * 1e-9
        far = np.linalg.norm(way[:, :2], axis=1)
        for j in np.flatnonzero((far > 0.8) & (far > 2 * seconds)).tolist():
            own = mine_poses[j].rotation.T @ way[j]
            rows.append(int(mine[j]))
            ahead.append(float(np.arctan2(own[1], own[0])))
    return np.array(rows, np.float64), np.array(ahead)


# ------------------------------------------------------------ degrees


def degrees(evidence: Evidence) -> FaultVerdict:
    """Whether headings have nothing to do with the points, or all lie within a degree of nothing while points say otherwise."""
    labels, name = evidence.labels, "degrees"
    if not len(labels):
        return undecidable(name, "there is no cuboid")
    small = np.abs(labels.yaw_rad) <= np.radians(np.pi) + 1e-9
    if small.all() and len(labels) >= _N_LABELS:
        trial = _trial(evidence, as_yaw(labels, np.degrees(labels.yaw_rad)), evidence.counts(labels), _moving(evidence, labels))
        if trial.is_better:
            saw = f"no yaw is more than {np.degrees(np.abs(labels.yaw_rad).max()):.1f} degrees, and {trial.said()}"
            return found(name, saw, 1 - np.exp(-trial.weight / 4), "do not turn radians into radians again")
    off, n = _off_points(evidence)
    rows, ahead = _moving(evidence, labels)
    rows = rows.astype(int)
    rows, ahead = rows[is_boxlike(labels)[rows]], ahead[is_boxlike(labels)[rows]]
    share, n_moving = _share_ahead(labels.yaw_rad[rows] - ahead), _n_tracks(labels, rows)
    seen = f"{off:.0%} of {n} cuboids would hold far more points if they were turned" if n else ""
    seen += (" and " if seen and n_moving else "") + (f"{share:.0%} of {n_moving} moving objects head where they go" if n_moving else "")
    if (n >= 8 and off > 0.35 and (n_moving < 3 or share < 0.6)) or (n_moving >= 5 and share < 0.4):
        saw = f"{seen}, by no common turn or mirror, as when degrees are taken for radians"
        return found(name, saw, 0.8 if off > 0.5 and n_moving >= 3 else 0.65, "turn the angles into radians, or read them as degrees")
    if (n >= 8 and off < 0.2 and (n_moving < 3 or share > 0.5)) or (n_moving >= 3 and share > 0.7):
        return absent(name, seen)
    return undecidable(name, f"too few cuboids show a heading: {seen}" if seen else "neither points nor motion show a heading")


def _off_points(evidence: Evidence) -> tuple[float, int]:
    """Of cuboids with enough points: the share that another heading would give a third more of them, and how many there are."""
    labels = evidence.labels
    now = evidence.counts(labels)
    turned = np.stack([evidence.counts(as_yaw(labels, labels.yaw_rad + turn)) for turn in _TURNS])
    with np.errstate(invalid="ignore"):
        most = np.nanmax(np.where(np.isnan(turned), -1, turned), axis=0)
        tells = (most >= 20) & is_boxlike(labels)
        off = tells & (most > 1.35 * now + 5)
    return float(off.sum() / max(tells.sum(), 1)), int(tells.sum())


# ------------------------------------------------------------ bottoms


def bottoms(evidence: Evidence) -> tuple[FaultVerdict, Labels]:
    """The height of the cuboids' bottoms over the ground, in heights of the cuboids."""
    labels, name = evidence.labels, "bottom_centre"
    depths = list[Float64s]()
    for cloud in evidence.clouds:
        rows = np.flatnonzero((labels.frame == cloud.frame_index) & (np.linalg.norm(labels.center_m[:, :2], axis=1) < 50))
        if cloud.ground is not None and len(rows):
            bottom = labels.center_m[rows] - labels.up[rows] * labels.size_m[rows, 2:] / 2
            depth = (cloud.ground.height_m(labels.center_m[rows, :2]) - bottom[:, 2]) / labels.size_m[rows, 2]
            depths.append(depth[np.isfinite(depth)])
    depth = np.concatenate([np.zeros(0), *depths])
    if len(depth) < 3:
        return undecidable(name, f"{len(depth)} cuboids stand on ground that a sweep shows"), labels
    middle = float(np.median(depth))
    like = float((np.abs(np.abs(depth) - 0.5) < 0.2).mean())
    saw = f"the bottoms of {len(depth)} cuboids lie {abs(middle):.2f} of their heights {'under' if middle > 0 else 'over'} the ground, in the median"
    if 0.3 < abs(middle) < 0.7 and like > 0.5:
        side = 1 if middle > 0 else -1
        change = "raise every centre by half the height: the files give bottoms" if side > 0 else "lower every centre by half the height"
        return found(name, saw, like, change), as_raised(labels, 0.5 * side)
    if abs(middle) < 0.25:
        return absent(name, saw, 1 - 2 * abs(middle)), labels
    return undecidable(name, f"{saw}, which is neither nothing nor half"), labels
