"""Faults of places: labels where no points are, bottoms for centres."""

from __future__ import annotations

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from .evidence import Evidence, Labels
from .trials import at_least
from .turns import as_raised, mirrored
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["bottoms", "misplaced"]

_NEAR_M = 30.0  # where a sweep leaves no object without points, unless it is hidden
_LEAST_SHARE = 0.3
_OFF_HALF = 0.15
_BY_CHANCE = 0.2  # how often an object lies half its height off for some other reason, at most
_HIGH_M = 0.8  # half of which is well over what the ground is known to


def misplaced(evidence: Evidence) -> str:
    """What is to be said of labels that lie where no points are, as they are and mirrored; empty where they do not, or where no sweep tells."""
    near = np.linalg.norm(evidence.labels.center_m[:, :2], axis=1) < _NEAR_M
    counts = [evidence.counts(labels)[near] for labels in (evidence.labels, mirrored(evidence.labels))]
    tells = np.isfinite(counts[0])
    held = max(int((count[tells] > 0).sum()) for count in counts)
    n = int(tells.sum())
    if n < 3 or held >= _LEAST_SHARE * n:
        return ""
    return f"only {held} of {n} cuboids within {_NEAR_M:.0f} m of the sensor hold any points: they are not where the sweeps' objects are"


def bottoms(evidence: Evidence, heights_known: bool) -> tuple[FaultVerdict, Labels]:
    """The height of the cuboids' bottoms over the ground, in heights of the cuboids. heights_known : whether sizes are in the right order."""
    labels, name = evidence.labels, "bottom_centre"
    depth = _depths(evidence, 2)
    if len(depth) < 3:
        some = f"only {number_of(len(depth), 'object')} over {_HIGH_M} m high" if len(depth) else f"no object over {_HIGH_M} m high"
        why = f"{some} where a sweep shows the ground" if evidence.clouds else "there is no sweep to show the ground"
        return undecidable(name, why, "label at least three such objects within 50 m, in frames with sweeps"), labels
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
    counts = evidence.counts(mended)
    if (counts[np.isfinite(counts)] > 0).mean() < 0.5:
        return undecidable(name, f"{saw}; but most hold no points, as they are and moved by half", look), labels
    change = "raise every centre by half the height: the files give bottoms" if side > 0 else "lower every centre by half the height"
    return found(name, saw, like / len(depth), change), mended


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
