"""Dense labels made sparse: the fewest keyframes from which interpolation gives every label back within a tolerance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .arrays import Bools, Float64s, Int64s
from .cuboids import Cuboids
from .errors import ArgumentError
from .interpolation import METHODS, Curves, method_code
from .tracks import Track, Visibility

__all__ = ["thin"]


def thin(track: Track, tolerance_m: float = 0.1, tolerance_rad: float = math.radians(3.0), *, methods: Sequence[str] | None = None) -> Track:
    """The track with as few of its keyframes as give the others back by interpolation.

    tolerance_m : how far a centre may be off, in space, and a length, width or height
    tolerance_rad : by how much a cuboid may be turned
    methods : curves to choose from; the one that needs the fewest keyframes is taken, the track's own where it is among the best; by default all

    The first and last keyframe of each visible span stay, and so do those that are OUTSIDE, that change the visibility, or at which an attribute
    changes. Keyframes are added where the curve is worst until it is good enough everywhere, then each is taken out again that is not needed. That
    is greedy: a few may be more than the fewest possible.
    """
    for name, value in (("tolerance_m", tolerance_m), ("tolerance_rad", tolerance_rad)):
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)) or not 0 <= value < math.inf:
            raise ArgumentError(
                expected="a number from 0", got=repr(value)[:60], field=name, hint="0 keeps all that the curve does not give back exactly"
            )
    if methods is not None and (isinstance(methods, str) or not len(methods)):
        raise ArgumentError(expected="a list of methods", got=repr(methods), field="methods", hint=f"some of {', '.join(METHODS)}")
    for method in methods or ():
        method_code("methods", method)
    choices = sorted(methods or METHODS, key=lambda method: method != track.method)
    must = _must_stay(track)
    kept = [_needed(track, must, method_code("methods", method), float(tolerance_m), float(tolerance_rad)) for method in choices]
    best = min(range(len(choices)), key=lambda i: int(kept[i].sum()))
    rows = np.flatnonzero(kept[best])
    thinned = track.take(rows).replace(method=choices[best])
    return thinned.replace(keyframe_attributes=[track._held[i] for i in rows]) if track.keyframe_attributes else thinned


def _must_stay(track: Track) -> Bools:
    """(K,) bool: ends of spans, and where something changes that no curve gives back."""
    outside = track.visibility == Visibility.OUTSIDE
    changed = np.r_[True, np.diff(track.visibility.astype(np.int64)) != 0]
    stays: Bools = outside | changed | np.r_[outside[1:], True] | np.r_[True, outside[:-1]]
    if track.keyframe_attributes:
        held = track._held
        stays |= np.array([i == 0 or held[i] != held[i - 1] for i in range(len(track))])
    return stays


def _needed(track: Track, must: Bools, method: int, tolerance_m: float, tolerance_rad: float) -> Bools:
    kept = must.copy()

    def excess() -> Float64s:
        return _excess(track, kept, method, tolerance_m, tolerance_rad)

    while (worst := excess()).max(initial=0.0) > 1.0:
        kept[_worst_of_gaps(worst, kept)] = True
    n_before = 0
    while n_before != (n_before := int(kept.sum())):  # a keyframe that is gone may make another one needless
        for k in np.flatnonzero(kept & ~must)[::-1].tolist():
            kept[k] = False
            kept[k] = excess().max(initial=0.0) > 1.0
    return kept


def _worst_of_gaps(excess: Float64s, kept: Bools) -> Int64s:
    """The worst keyframe of every gap between kept ones that is not good enough."""
    gap = np.cumsum(kept)
    order = np.lexsort((-excess, gap))
    first = np.r_[True, np.diff(gap[order]) != 0]
    worst = order[first]
    chosen: Int64s = worst[excess[worst] > 1.0]
    return chosen


def _excess(track: Track, kept: Bools, method: int, tolerance_m: float, tolerance_rad: float) -> Float64s:
    """(K,) how far each keyframe is off, in tolerances; 0 at those that are kept."""
    few = np.flatnonzero(kept)
    curves = Curves.of(np.array([0, len(few)]), track.times_ns[few], track.cuboids[few], track.visibility[few], np.full(1, method, np.uint8))
    left = np.flatnonzero(~kept)
    rows = curves.rows(track.times_ns[left])
    off = np.zeros(len(kept))
    off[left[rows.time_index]] = _off(rows.cuboids, track.cuboids[left[rows.time_index]], tolerance_m, tolerance_rad)
    return off


def _off(found: Cuboids, wanted: Cuboids, tolerance_m: float, tolerance_rad: float) -> Float64s:
    way = np.linalg.norm(found.center_m - wanted.center_m, axis=1)
    size = np.abs(found.size_m - wanted.size_m).max(1, initial=0.0)
    same = np.where((found.quat_wxyz * wanted.quat_wxyz).sum(1) < 0, -1.0, 1.0)
    turn = 4 * np.arcsin(np.minimum(np.linalg.norm(found.quat_wxyz - same[:, None] * wanted.quat_wxyz, axis=1) / 2, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([way / tolerance_m, size / tolerance_m, turn / tolerance_rad])
    off: Float64s = np.nan_to_num(shares, nan=0.0, posinf=np.inf).max(0)  # 0 / 0: exactly given back
    return off
