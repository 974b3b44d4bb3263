"""Faults of places: map coordinates, labels where no points are, bottoms for centres."""

from __future__ import annotations

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from .evidence import Evidence, Labels
from .trials import View, at_least, compared
from .turns import as_raised, mirrored
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["bottoms", "far_away", "misplaced"]

_FAR_M = 1e4
_HARDLY_SEEN_M, _UNSEEN_M = 250.0, 1000.0  # from the sensor
_REACH_M = 100.0  # at least, whatever the sweeps have
_OF_REACH = 3.0  # times the reach, where half of the cuboids lie beyond in another frame
_N_FAR = 10  # cuboids none of which is near
_NEAR_M = 30.0  # where a sweep leaves no object without points, unless it is hidden
_LEAST_SHARE, _HARDLY_ANY = 0.3, 0.05
_EMPTY = 0.3  # how often a right cuboid near the sensor holds no point, at most: it is hidden
_OFF_HALF = 0.15
_BY_CHANCE = 0.2  # how often an object lies half its height off for some other reason, at most
_RAISE, _LOWER = "raise every centre by half the height: the files give bottoms", "lower every centre by half the height"
_HIGH_M = 0.8  # half of which is well over what the ground is known to


def far_away(evidence: Evidence) -> FaultVerdict:
    """Coordinates of a map by themselves, and cuboids in another frame than the points: far beyond all of them."""
    labels, name = evidence.labels, "utm"
    places = [np.abs(labels.center_m[:, :2]).max(1)] if len(labels) else []
    clouds = [np.abs(cloud.xyz[:, :2]).max(1) for cloud in evidence.clouds if len(cloud.xyz)]
    if not places and not clouds:
        return undecidable(name, "there is neither a cuboid nor a sweep", "open a recording with one of them")
    far = float(np.median(np.concatenate(places))) if places else 0.0
    cloud = float(np.median(np.concatenate(clouds))) if clouds else 0.0
    if max(far, cloud) > _FAR_M:
        what = "cuboids" if far > _FAR_M else "points"
        step = np.spacing(np.float32(max(far, cloud)))
        saw = f"half of the {what} are more than {max(far, cloud):,.0f} m from the sensor, where float32 has steps of {step:.2g} m"
        return found(name, saw, 0.99, "give points and cuboids in the sensor's or the vehicle's frame, and the place on the map in the poses")
    away, reach = _apart(evidence)
    if len(away) >= 3 and np.median(away) > _OF_REACH * reach and (away < reach).mean() < _HARDLY_ANY:
        saw = f"cuboids are {far:,.0f} m from the sensor and points {cloud:,.0f} m, in the median; {int((away < reach).sum())} of "
        saw += f"{number_of(len(away), 'cuboid')} lie within the {reach:,.0f} m that the sweeps reach, half of them over {np.median(away):,.0f} m off"
        what = "cuboids" if far > cloud else "points"
        change = f"read the {what} in the frame that they are given in, such as a map's or a city's, and give the vehicle's poses in it"
        return found(name, saw, 0.95, f"{change}; or mend their unit")
    if places and not clouds and far > _UNSEEN_M:
        saw = f"half of the cuboids are more than {far:,.0f} m from the sensor, where none sees anything"
        return found(name, saw, 0.9, "read the cuboids in the frame that they are given in, and give the vehicle's poses in it; or mend their unit")
    if places and not clouds and far > _HARDLY_SEEN_M:
        why = f"half of the cuboids are more than {far:,.0f} m from the sensor, where few see anything, and there is no sweep"
        return undecidable(name, why, "open a recording with sweeps, or check the unit and the frame of the cuboids")
    parts = [f"cuboids are {far:.0f} m away"] * bool(places) + [f"points are {cloud:.0f} m away"] * bool(clouds)
    return absent(name, f"{' and '.join(parts)}, in the median", 0.99)


def _apart(evidence: Evidence) -> tuple[Float64s, float]:
    """(R,) how far cuboids lie, on the map, from the middle of the points of their frames; and how far the points do, all but one of a hundred."""
    labels, away, reach = evidence.labels, [np.zeros(0)], _REACH_M
    for cloud in evidence.clouds:
        rows = labels.frame == cloud.frame_index
        if len(cloud.xyz) and rows.any():
            middle = np.median(cloud.xyz[:, :2], axis=0)
            away.append(np.linalg.norm(labels.center_m[rows, :2] - middle, axis=1))
            reach = max(reach, float(np.quantile(np.linalg.norm(cloud.xyz[:, :2] - middle, axis=1), 0.99)))
    return np.concatenate(away), reach


def misplaced(evidence: Evidence) -> str:
    """What is to be said of labels that lie where no points are, as they are and mirrored; empty where they do not, or where no sweep tells."""
    near = np.linalg.norm(evidence.labels.center_m[:, :2], axis=1) < _NEAR_M
    counts = [evidence.counts(labels) for labels in (evidence.labels, mirrored(evidence.labels))]
    tells = np.isfinite(counts[0])
    track = evidence.labels.track
    n, n_near = (len(np.unique(track[some])) for some in (tells, tells & near))  # objects: cuboids of one tell the same
    held, held_near = (max(len(np.unique(track[some & (count > 0)])) for count in counts) for some in (tells, tells & near))
    if held_near < _LEAST_SHARE * n_near and at_least(n_near - held_near, n_near, _EMPTY) < 0.01:
        some = f"{held_near} of {number_of(n_near, 'object')} within {_NEAR_M:.0f} m of the sensor have cuboids that hold"
    elif n_near < 3 and n >= _N_FAR and held < _HARDLY_ANY * n:
        some = f"{number_of(n_near, 'object')} of {n} {'is' if n_near == 1 else 'are'} within {_NEAR_M:.0f} m of the sensor, and {held} hold"
    else:
        return ""
    return f"only {some} any points: they are not where the sweeps' objects are"


def bottoms(evidence: Evidence, heights_known: bool) -> tuple[FaultVerdict, Labels]:
    """The height of the cuboids' bottoms over the ground, in heights of the cuboids. heights_known : whether sizes are in the right order."""
    labels, name = evidence.labels, "bottom_centre"
    depth = _depths(evidence, 2)
    if len(depth) < 3:
        seen = _by_boxes(evidence) if heights_known else None
        if seen is not None:
            return seen
        some = f"only {number_of(len(depth), 'object')} over {_HIGH_M} m high" if len(depth) else f"no object over {_HIGH_M} m high"
        why = f"{some} where a sweep shows the ground" if evidence.clouds else "there is no sweep to show the ground"
        return undecidable(
            name, why, "label at least three such objects within 50 m, in frames with sweeps, or draw boxes around objects in pictures"
        ), labels
    middle = float(np.median(depth))
    side = 1 if middle > 0 else -1
    like = int((np.abs(side * depth - 0.5) < _OFF_HALF).sum())
    saw = f"the bottoms of {len(depth)} objects lie {abs(middle):.2f} of their heights {'under' if side > 0 else 'over'} the ground, in the median"
    if abs(middle) < 0.25:
        return absent(name, saw, 1 - 2 * abs(middle)), labels
    look = "look at a few cuboids from the side, with the sweep"
    if abs(abs(middle) - 0.5) > _OFF_HALF or at_least(like, len(depth), _BY_CHANCE) > 0.01:
        return undecidable(name, f"{saw}, which is neither nothing nor half", look), labels
    mended = as_raised(labels, 0.5 * side)
    if not heights_known and any(abs(float(np.median(_depths(evidence, k)))) < 0.25 for k in (0, 1)):
        return undecidable(name, f"{saw}; but they stand on it if sizes are in another order, which cannot be told either", look), labels
    held, now = evidence.counts(mended) > 0, evidence.counts(labels) > 0
    if held.sum() < max(3, 0.5 * (held | now).sum()):
        return undecidable(name, f"{saw}; but most hold no points, as they are and moved by half", look), labels
    return found(name, saw, like / len(depth), _RAISE if side > 0 else _LOWER), mended


def _by_boxes(evidence: Evidence) -> tuple[FaultVerdict, Labels] | None:
    """What boxes in pictures say of labels that are raised, or lowered, by half; None where they say nothing."""
    now = View(evidence, evidence.labels)
    views = {share: View(evidence, as_raised(evidence.labels, share)) for share in (0.5, -0.5)}
    trials = {share: compared(now, view) for share, view in views.items()}
    for share, trial in trials.items():
        if trial.is_nearer:
            return found("bottom_centre", f"undone, {trial.change()}", 0.9, _RAISE if share > 0 else _LOWER), views[share].labels
    if all(trial.is_further for trial in trials.values()):
        return absent("bottom_centre", f"raised by half, {trials[0.5].change()}; lowered by half, {trials[-0.5].change()}"), evidence.labels
    return None


def _depths(evidence: Evidence, height: int) -> Float64s:
    """How far under the ground the bottoms of near objects lie, in heights, when one of their sizes is taken for the height."""
    labels, depths = evidence.labels, dict[int, list[float]]()
    for cloud in evidence.clouds:
        rows = np.flatnonzero((labels.frame == cloud.frame_index) & (np.linalg.norm(labels.center_m[:, :2], axis=1) < 50))
        rows = rows[labels.size_m[rows, 2] > _HIGH_M]
        if cloud.ground is not None and len(rows):
            bottom = labels.center_m[rows] - labels.up[rows] * labels.size_m[rows, height, None] / 2
            depth = (cloud.ground.height_m(labels.center_m[rows, :2]) - bottom[:, 2]) / labels.size_m[rows, height]
            for track, one in zip(labels.track[rows].tolist(), depth.tolist()):
                depths.setdefault(track, []).append(one)
    middle = np.array([np.median(seen) for seen in depths.values()])
    return np.asarray(middle[np.isfinite(middle)], np.float64)
