"""Faults of headings: mirrored labels, yaw of another sign or zero, degrees. The fewest that explain points and motion are found."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..arrays import Bools, Float64s
from ..errors import number_of
from ..rotations import wrap_rad
from ..scene import Scene
from .evidence import Evidence, Labels, is_boxlike
from .trials import NEAR, Trial, View, at_least, compared, is_alike
from .turns import as_quarter_turned, as_yaw, mirrored, mirrored_turns
from .verdicts import FaultVerdict, absent, found, hidden, undecidable

__all__ = ["headings"]

_UNDONE: dict[str, Callable[[Labels], Labels]] = {"left_handed": mirrored, "yaw_sign": mirrored_turns, "yaw_zero_axis": as_quarter_turned}
_NONE = frozenset[str]()
_SETS = [frozenset(some) for n in range(1, 4) for some in itertools.combinations(_UNDONE, n)]
_CHANGES = {"left_handed": "negate y and yaw of every label", "yaw_sign": "negate every yaw"}
_TURNS = np.arange(36) * np.radians(5)
_OFF = 0.35  # of cuboids that another heading suits far better: headings have nothing to do with the points
_WIDE = (
    "turned by a quarter cuboids hold far more points, and so they do with length and width exchanged: most are wider than long, and no class tells",
    "exchange length and width (size_wlh), or turn every yaw by 90 degrees, and look at one object",
)
_STILL_M, _STEADY = 1.0, np.radians(10)
_CLOSE = np.radians(7)  # half of the moving objects head where they go within that, where headings are meant so
_AHEAD = 0.4  # of moving objects that head where they go: headings have nothing to do with motion
_MORE = "label more objects in frames with sweeps, or more frames of objects that move (with poses), turned in several directions"


@dataclass(frozen=True)
class Fit:
    """How well headings fit on the whole.

    off, n : objects whose cuboids some other heading suits far better, of n that tell
    ahead, n_moving : objects that head where they go, of those that move
    steady, n_standing : objects that keep their heading while the vehicle turns, of those that keep their place
    poses_hold : whether motion tells, as `Evidence` has it
    is_alike : whether those that do not fit are off by about one angle, or by quarters from it, which those drawn by lot are not
    """

    off: int
    n: int
    ahead: int
    n_moving: int
    steady: int
    n_standing: int
    poses_hold: bool = True
    is_alike: bool = False

    @property
    def is_senseless(self) -> bool:
        """As if headings were drawn by lot."""
        by_points = self.n >= 8 and self.off > _OFF * self.n
        by_motion = self.poses_hold and self.n_moving >= 5 and self.ahead < _AHEAD * self.n_moving and not self._fits_points
        by_rest = self.poses_hold and self.n_standing >= 5 and self.steady < _AHEAD * self.n_standing
        if self.n_moving >= 3 and self.ahead > 0.6 * self.n_moving:
            by_points = by_rest = False
        keeps_well = self.n_standing >= 5 and self.steady > 0.7 * self.n_standing  # what means nothing does not turn as the vehicle does
        return (by_rest or ((by_motion or by_points) and not self.is_alike)) and not keeps_well

    @property
    def _fits_points(self) -> bool:
        """More than headings drawn by lot would."""
        return at_least(self.n - self.off, self.n, 1 - _OFF) < 0.05

    @property
    def is_good(self) -> bool:
        by_points = self.n >= 8 and self.off < 0.2 * self.n
        by_motion = self.n_moving >= 3 and self.ahead > 0.7 * self.n_moving
        by_rest = self.n_standing >= 5 and self.steady > 0.7 * self.n_standing
        return ((by_points or by_rest) and self.ahead >= 0.5 * self.n_moving) or by_motion

    def state(self) -> str:
        parts = []
        if self.n:
            parts.append(f"{self.off} of {number_of(self.n, 'object')} with points would hold far more if their cuboids were turned")
        if self.n_moving:
            parts.append(f"{self.ahead} of {number_of(self.n_moving, 'moving object')} head where they go")
        if self.n_standing:
            parts.append(f"{self.steady} of {number_of(self.n_standing, 'standing object')} keep their heading while the vehicle turns")
        return ", ".join(parts)


def headings(evidence: Evidence, order_known: bool) -> tuple[list[FaultVerdict], Labels]:
    """left_handed, yaw_sign, yaw_zero_axis and degrees: the fewest of them that explain points and motion, where some do.

    order_known : whether length and width are known not to be exchanged, which to points looks like a quarter turn
    """
    now = View(evidence, evidence.labels)
    views = {some: View(evidence, _undone(evidence.labels, some)) for some in _SETS} | {_NONE: now}
    again = _radians_again(evidence, now)
    chosen = _best(views)
    if again is not None and (not chosen or again[1].odds > compared(now, views[chosen]).odds):
        return _with_radians_again(evidence, *again)
    if _fit(views[chosen]).is_senseless:
        chosen = chosen & {"left_handed"}  # which places show, whatever becomes of headings
        if chosen and not compared(now, views[chosen]).is_better:
            chosen = _NONE
        if _fit(views[chosen]).is_senseless:
            return _senseless(views, chosen), views[chosen].labels
    best = views[chosen]
    results = [_of_one(name, chosen, best, evidence) for name in _UNDONE]
    if "yaw_zero_axis" in chosen and not order_known and not _of_long(best):
        results[2] = undecidable("yaw_zero_axis", *_WIDE)
    sign = _which_way(best) if "yaw_zero_axis" in chosen else 1
    labels = best.labels if sign >= 0 else _undone(evidence.labels, chosen, -1)
    return [*results, _degrees(best)], labels


def _of_long(best: View) -> bool:
    """Whether cuboids that are turned by a quarter are meant to be turned, and not to be longer than wide."""
    ahead, n = best.n_ahead(is_boxlike(best.labels)[best.moving[0]])
    size = best.labels.size_m[is_boxlike(best.labels)]
    return ahead > n / 2 if n >= 3 else bool(np.median(size[:, 0] / size[:, 1]) > 1)


def _undone(labels: Labels, faults: Iterable[str], sign: int = 1) -> Labels:
    for name, undo in _UNDONE.items():
        if name in faults:
            labels = as_quarter_turned(labels, sign) if name == "yaw_zero_axis" else undo(labels)
    return labels


def _best(views: dict[frozenset[str], View]) -> frozenset[str]:
    """The fewest faults that are better than none, none of them for nothing, and that no others are better than; empty where none are."""
    over_none = {some: compared(views[_NONE], views[some]) for some in _SETS}
    better = [some for some in _SETS if over_none[some].is_better]
    better = [some for some in better if len(some) == 1 or all(compared(views[some - {one}], views[some]).is_better for one in some)]
    for size in (1, 2, 3):
        some = [
            one for one in better if len(one) == size and not any(compared(views[one], views[other]).is_better for other in better if other != one)
        ]
        if some:
            return max(some, key=lambda one: over_none[one].odds)
    return _NONE


def _of_one(name: str, chosen: frozenset[str], best: View, evidence: Evidence) -> FaultVerdict:
    """Whether one fault is among the chosen, is not, or cannot be told: by the labels as explained against those with it the other way."""
    other = View(evidence, _undone(evidence.labels, chosen ^ {name}))
    if name in chosen:
        trial = compared(other, best)
        return found(name, f"undone, {trial.change()}", _sure(trial.odds), _CHANGES.get(name) or _quarter(best, chosen))
    trial = compared(best, other)
    if trial.is_worse:
        return absent(name, f"with it undone, {trial.change()}", _sure(-trial.odds))
    return undecidable(name, *_why(evidence, trial))


def _sure(odds: float) -> float:
    """Of one supposition against seven others."""
    return float(1 / (1 + len(_SETS) * np.exp(-odds)))


def _why(evidence: Evidence, trial: Trial) -> tuple[str, str]:
    if not trial.change() and not evidence.clouds and all(pose is None for pose in evidence.poses):
        return _without_either(evidence.scene)
    if not trial.change():
        return "no object that has points, or moves, or stands while the vehicle turns, would look different with it undone", _MORE
    if trial.leans:
        return f"it may be, but too few objects tell, or too unlike each other, to be sure: with it undone, {trial.change()}", _MORE
    return f"{'too few objects tell' if trial.is_of_few else 'what is seen fits about as well either way'}: with it undone, {trial.change()}", _MORE


def _without_either(scene: Scene) -> tuple[str, str]:
    """What is to be said where there are no sweeps, and no poses or none that are of use."""
    if scene.trajectory is None:
        return "headings show by sweeps, by poses or by boxes drawn in pictures, and there is none that tells", _MORE
    poses = number_of(len(scene.trajectory), "pose")
    if not scene.trajectory.covers(scene.times_ns).any():
        return f"headings show by sweeps or by poses: there is no sweep, and no frame is within the time of the {poses}", _MORE
    why = f"headings show by sweeps or by motion: there is no sweep, and the {poses} cannot be relied on for motion"
    return why, "look at what inverted_poses and clock_offset say of the poses, or add sweeps"


def _which_way(view: View) -> int:
    """1 or -1, as most moving objects head where they go or the opposite way; 0 where none moves."""
    rows, ahead = view.moving
    return int(np.sign(np.cos(view.labels.yaw_rad[rows] - ahead).sum().round(6))) if len(rows) else 0


def _quarter(view: View, chosen: frozenset[str]) -> str:
    way, after = _which_way(view), " after negating it" if "yaw_sign" in chosen else ""
    if way:
        return f"add {90 * way:+d} degrees to every yaw{after}"
    return f"turn every yaw by 90 degrees{after}; nothing moves, so look at one object to tell which way"


# ------------------------------------------------------------ degrees


def _fit(view: View, among: Bools | bool = True) -> Fit:
    """Of all labels, or of some."""
    chosen = is_boxlike(view.labels) & among
    ahead, n_moving = view.n_ahead(chosen[view.moving[0]])
    off, tells, turned = _off_points(view)
    off, tells = off & chosen, tells & chosen
    n_off, n_tells = (np.bincount(view.labels.track[rows], minlength=len(view.unrest)) for rows in (off, tells))
    turn, wander = view.unrest[np.unique(view.labels.track[chosen])].T
    stands = wander < _STILL_M
    rows, way = view.moving
    by_motion = is_alike(view.labels.track[rows[chosen[rows]]], (way - view.labels.yaw_rad[rows])[chosen[rows]])
    by_points = is_alike(view.labels.track[off], turned[off])
    return Fit(
        off=int((n_off > n_tells / 2).sum()),
        n=int((n_tells > 0).sum()),
        ahead=ahead,
        n_moving=n_moving,
        steady=int((stands & (turn < _STEADY)).sum()),
        n_standing=int(stands.sum()),
        poses_hold=view.evidence.poses_hold,
        is_alike=by_points or (by_motion and view.evidence.poses_hold),
    )


def _off_points(view: View) -> tuple[Bools, Bools, Float64s]:
    """(R,) whether another heading would give a cuboid a third more points; whether it has enough of them to tell; by which turn it has most."""
    labels = view.labels
    turned = np.stack([view.evidence.counts(as_yaw(labels, labels.yaw_rad + turn)) for turn in _TURNS])
    turned = np.where(np.isnan(turned), -1, turned)
    most = turned.max(0)
    tells = (most >= 20) & is_boxlike(labels)
    with np.errstate(invalid="ignore"):
        return tells & (most > 1.35 * view.counts + 5), tells, _TURNS[turned.argmax(0)]


def _senseless(views: dict[frozenset[str], View], base: frozenset[str]) -> list[FaultVerdict]:
    """Of headings that fit nothing: they are degrees, unless they would fit with one of the other faults undone."""
    fit, trial = _fit(views[base]), compared(views[_NONE], views[frozenset({"left_handed"})])
    others = [some for some in _SETS if base < some and (_fit(views[some]).is_good or compared(views[base], views[some]).is_better)]
    if others:
        why = f"headings fit nothing as they are ({fit.state()}), and too few objects tell which fault explains that"
        results = [undecidable(name, why, _MORE) for name in (*_UNDONE, "degrees")]
    else:
        saw = f"{fit.state()}, and no common turn or mirror mends that, as when degrees are taken for radians"
        sureness = 0.8 if fit.off > 0.5 * fit.n and fit.n_moving >= 3 else 0.65
        results = [hidden(name, "degrees", "headings that fit nothing look the same with it and without") for name in _UNDONE]
        results.append(found("degrees", saw, sureness, "read the angles as degrees (or write them in radians)"))
    if base:
        results[0] = found("left_handed", f"undone, {trial.change()}", _sure(trial.odds), _CHANGES["left_handed"])
    elif trial.is_worse:
        results[0] = absent("left_handed", f"with it undone, {trial.change()}", _sure(-trial.odds))
    return results


def _degrees(view: View) -> FaultVerdict:
    """Headings that fit although they would not, had they been degrees: near 0 both are the same."""
    name, yaw = "degrees", wrap_rad(view.labels.yaw_rad)
    away = np.abs(yaw) > NEAR
    fit, whole = _fit(view, away), _fit(view)
    if fit.is_good and (fit.n >= 8 or fit.n_standing >= 5 or view.usually_off(away[view.moving[0]]) < _CLOSE):
        return absent(name, f"{fit.state()}, among those turned by more than {np.degrees(NEAR):.0f} degrees")
    if whole.is_good:
        why = f"headings fit, but nearly all are within {np.degrees(NEAR):.0f} degrees of 0, where those of degrees taken for radians may fit too"
        return undecidable(name, why, "label objects that are turned, such as those of another street")
    if whole.n + whole.n_moving + whole.n_standing >= 8:
        return undecidable(
            name, f"headings neither fit nor are as by lot: {whole.state()}", "look at objects whose headings do not fit, class by class"
        )
    if whole.state():
        return undecidable(name, f"too few objects show whether their headings fit: {whole.state()}", _MORE)
    return undecidable(name, "neither points nor motion show whether headings fit", _MORE)


def _radians_again(evidence: Evidence, now: View) -> tuple[View, Trial] | None:
    """Labels with yaws, none of which is over pi degrees, as if these were radians made of radians; None unless they are better so."""
    yaw = now.labels.yaw_rad
    if not len(yaw) or (np.abs(yaw) > np.radians(np.pi) + 1e-9).any():
        return None
    view = View(evidence, as_yaw(now.labels, np.degrees(yaw)))
    trial = compared(now, view)
    return (view, trial) if trial.is_better else None


def _with_radians_again(evidence: Evidence, view: View, trial: Trial) -> tuple[list[FaultVerdict], Labels]:
    most = np.degrees(np.abs(evidence.labels.yaw_rad)).max()
    saw = f"no yaw is more than {most:.1f} degrees; taken for radians that were turned into radians again, {trial.change()}"
    verdict = found("degrees", saw, _sure(trial.odds), "do not turn radians into radians again")
    others = [_of_one(name, frozenset(), view, view.evidence.with_labels(view.labels)) for name in _UNDONE]
    return [*others, verdict], view.labels
