"""How far people agree beyond chance: Krippendorff's alpha, Fleiss' and Cohen's kappa, as statistics that resample whole objects.

Units are what was judged, coders who judged. A unit belongs to an object: the frames of one object are drawn together. Alpha takes units judged by
two coders or more; what is missing is left out, not counted as a disagreement. Where all judgements are the same nothing can be said beyond chance:
the figures are NaN.

K. Krippendorff, Content Analysis, 4th edition (2018), chapter 12; J. L. Fleiss, Psychological Bulletin 76 (1971); J. Cohen, Educational and
Psychological Measurement 20 (1960).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .intervals import Statistic

__all__ = ["circular_alpha", "codes_of", "cohen_kappa", "fleiss_kappa", "interval_alpha", "nominal_alpha"]


def codes_of(values: Sequence[Sequence[Any]]) -> Int64s:
    """(U, N) whole numbers from 0 for N judgements, of what JSON can hold, of U units; -1 for None."""
    texts = [
        [value if value is None or type(value) is str else f"\0{json.dumps(value, sort_keys=True, default=str)}" for value in row] for row in values
    ]
    known = {text: i for i, text in enumerate(sorted({text for row in texts for text in row if text is not None}))}
    return np.array([[-1 if text is None else known[text] for text in row] for row in texts], np.int64).reshape(len(values), -1)


def nominal_alpha(codes: Int64s, object_index: Int64s, n_objects: int) -> Statistic:
    """Krippendorff's alpha of (U, N) codes, -1 where nothing was said; all differences are equal."""
    counts = _counts(codes)
    number = counts.sum(1)
    counts, number = counts * (number > 1)[:, None], number * (number > 1)
    within = (number**2 - (counts**2).sum(1)) / np.maximum(number - 1, 1)
    columns = _by_object(np.column_stack([within, number, counts]), object_index, n_objects)

    def statistic(weights: Float64s) -> Float64s:
        sums = weights @ columns
        return _alpha(sums[:, 0], sums[:, 1] ** 2 - (sums[:, 2:] ** 2).sum(1), sums[:, 1])

    return statistic


def interval_alpha(values: Float64s, object_index: Int64s, n_objects: int) -> Statistic:
    """Krippendorff's alpha of (U, N) numbers, NaN where nothing was said; differences count by their squares."""
    known = np.isfinite(values)
    known = known & (known.sum(1) > 1)[:, None]
    # alpha does not depend on where zero is, and small numbers keep their digits
    x = np.where(known, values - (values[known].mean() if known.any() else 0.0), 0.0)
    number, total, squares = known.sum(1), x.sum(1), (x**2).sum(1)
    within = 2 * (number * squares - total**2) / np.maximum(number - 1, 1)
    columns = _by_object(np.column_stack([within, number, total, squares]), object_index, n_objects)

    def statistic(weights: Float64s) -> Float64s:
        inside, n, first, second = (weights @ columns).T
        return _alpha(inside, 2 * (n * second - first**2), n)

    return statistic


def circular_alpha(angles_rad: Float64s, object_index: Int64s, n_objects: int) -> Statistic:
    """Krippendorff's alpha of (U, N) angles of a full turn, NaN where nothing was said; a difference d counts sin^2(d / 2).

    That is his metric for circular data: it has no seam at pi, is the square of the difference / 2 where that is small, and largest at half a turn.
    """
    known = np.isfinite(angles_rad)
    known = known & (known.sum(1) > 1)[:, None]
    east, north = (np.where(known, part(np.where(known, angles_rad, 0.0)), 0.0).sum(1) for part in (np.cos, np.sin))
    number = known.sum(1)
    within = (number**2 - east**2 - north**2) / 2 / np.maximum(number - 1, 1)
    columns = _by_object(np.column_stack([within, number, east, north]), object_index, n_objects)

    def statistic(weights: Float64s) -> Float64s:
        inside, n, x, y = (weights @ columns).T
        return _alpha(inside, (n**2 - x**2 - y**2) / 2, n)

    return statistic


def fleiss_kappa(codes: Int64s, object_index: Int64s, n_objects: int) -> Statistic:
    """Fleiss' kappa of (U, N) codes; only units that all N coders judged count."""
    counts = _counts(codes)
    n_coders = codes.shape[1]
    whole = np.all(codes >= 0, axis=1)
    agreed = ((counts**2).sum(1) - n_coders) / max(n_coders * (n_coders - 1), 1)
    columns = _by_object(np.column_stack([agreed, np.ones(len(codes)), counts]) * whole[:, None], object_index, n_objects)

    def statistic(weights: Float64s) -> Float64s:
        sums = weights @ columns
        n = sums[:, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = ((sums[:, 2:] / (n * n_coders)[:, None]) ** 2).sum(1)
            return _kappa(sums[:, 0] / n, chance)

    return statistic


def cohen_kappa(codes: Int64s, object_index: Int64s, n_objects: int) -> Statistic:
    """Cohen's kappa of (U, 2) codes; only units that both judged count."""
    both = np.all(codes >= 0, axis=1)
    n_codes = int(codes.max(initial=0)) + 1
    first, second = (np.eye(n_codes)[np.maximum(codes[:, k], 0)] for k in range(2))
    columns = np.column_stack([codes[:, 0] == codes[:, 1], np.ones(len(codes)), first, second]) * both[:, None]
    columns = _by_object(columns, object_index, n_objects)

    def statistic(weights: Float64s) -> Float64s:
        sums = weights @ columns
        n = sums[:, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = (sums[:, 2 : 2 + n_codes] * sums[:, 2 + n_codes :]).sum(1) / n**2
            return _kappa(sums[:, 0] / n, chance)

    return statistic


def _counts(codes: Int64s) -> Float64s:
    """(U, C) how often each code was given to each unit."""
    n_codes = int(codes.max(initial=0)) + 1
    counts = np.zeros((len(codes), n_codes))
    unit, coder = np.nonzero(codes >= 0)
    np.add.at(counts, (unit, codes[unit, coder]), 1)
    return counts


def _by_object(columns: Float64s, object_index: Int64s, n_objects: int) -> Float64s:
    sums = np.zeros((n_objects, columns.shape[1]))
    np.add.at(sums, object_index, columns)
    return sums


def _alpha(within: Float64s, all_pairs: Float64s, n: Float64s) -> Float64s:
    """1 - observed / expected disagreement; NaN where none is expected."""
    expected = all_pairs / np.maximum(n - 1, 1)
    is_known = expected > 1e-12 * np.maximum(n, 1)
    ratio: Float64s = np.divide(within, expected, out=np.full(len(n), np.nan), where=is_known)
    return 1 - ratio


def _kappa(agreed: Float64s, chance: Float64s) -> Float64s:
    room = 1 - chance
    kappa: Float64s = np.divide(agreed - chance, room, out=np.full(len(room), np.nan), where=room > 1e-12)
    return kappa
