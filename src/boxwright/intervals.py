"""Figures with the range they may lie in, from resampling whole objects: the frames of one object are not independent of each other.

Intervals are BCa bootstrap intervals (Efron, Journal of the American Statistical Association 82, 1987), their levels widened as Student's t asks for
small numbers of objects (Hesterberg, The American Statistician 69, 2015, section 5.3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .arrays import Float64s
from .errors import ArgumentError

__all__ = ["LEVEL", "N_RESAMPLES", "Estimate", "check_seed", "estimate", "median_of", "ratio_of"]

LEVEL = 0.95
N_RESAMPLES = 2000
MOST_CELLS = 2**22  # of one block of weights
MOST_LEFT_OUT = 500  # beyond so many objects, those left out one at a time are a sample of them

Statistic = Callable[[Float64s], Float64s]
"""(B, U) how often each of U objects counts -> (B,) values; NaN where there is nothing to count"""


class Estimate(NamedTuple):
    """A figure and the interval that holds the true one in 95 of 100 cases; NaN where nothing can be said."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


NOTHING = Estimate(math.nan, math.nan, math.nan)


def check_seed(seed: int) -> None:
    """ArgumentError for what is no seed."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ArgumentError(expected="a whole number from 0", got=f"{seed!r:.40}", field="seed", hint="leave it out for the usual")


def ratio_of(top: Float64s, bottom: Float64s) -> Statistic:
    """Sum of `top` (U,) over sum of `bottom` (U,)."""

    def statistic(weights: Float64s) -> Float64s:
        below = weights @ bottom
        shares: Float64s = np.divide(weights @ top, below, out=np.full(len(weights), np.nan), where=below > 0)
        return shares

    return statistic


def median_of(values: Float64s) -> Statistic:
    """Median of (U,) values."""
    order = np.argsort(values, kind="stable")
    ranked = np.append(values[order], np.nan)

    def statistic(weights: Float64s) -> Float64s:
        reached = np.cumsum(weights[:, order], axis=1)
        total = reached[:, -1:] if len(values) else np.zeros((len(weights), 1))
        below, above = ((reached <= np.floor((total + step) / 2)).sum(1) for step in (-1, 0))
        return np.where(total[:, 0] > 0, (ranked[below] + ranked[above]) / 2, np.nan)

    return statistic


def estimate(statistic: Statistic, n_objects: int, *, is_share: bool = False, seed: int = 0) -> Estimate:
    """The figure of all objects, and its interval.

    is_share : from 0 to 1, 1 being perfect. Where every object is perfect, resampling shows no spread at all; the lower end is then that share of
        perfect objects which all of n objects still are in 1 of 40 cases (Clopper and Pearson, Biometrika 26, 1934)
    """
    if not n_objects:
        return NOTHING
    value = float(statistic(np.ones((1, n_objects)))[0])
    if not math.isfinite(value):
        return NOTHING
    if is_share and value == 1:
        return Estimate(value, ((1 - LEVEL) / 2) ** (1 / n_objects), 1.0)
    if n_objects < 2:
        return Estimate(value, math.nan, math.nan)
    drawn = _drawn(statistic, n_objects, seed)
    left_out = _left_out(statistic, n_objects)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < N_RESAMPLES / 2:
        return Estimate(value, math.nan, math.nan)
    if np.ptp(drawn) <= 1e-9 * abs(value) + 1e-12:
        return Estimate(value, math.nan, math.nan)  # no two objects differ: how far others might, they do not tell
    low, high = (float(v) for v in np.quantile(drawn, _levels(value, drawn, left_out[np.isfinite(left_out)], n_objects)))
    return Estimate(value, min(low, value), max(high, value))


def _drawn(statistic: Statistic, n: int, seed: int) -> Float64s:
    """(N_RESAMPLES,) values of as many objects, drawn with replacement."""
    random = np.random.Generator(np.random.Philox(seed))
    step = max(MOST_CELLS // n, 1)
    parts = []
    for begin in range(0, N_RESAMPLES, step):
        rows = min(step, N_RESAMPLES - begin)
        picked = random.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        parts.append(statistic(np.bincount(picked.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)))
    return np.concatenate(parts)


def _left_out(statistic: Statistic, n: int) -> Float64s:
    """Values with one object left out."""
    which = np.arange(n) if n <= MOST_LEFT_OUT else np.linspace(0, n - 1, MOST_LEFT_OUT).astype(np.int64)
    weights = np.ones((len(which), n))
    weights[np.arange(len(which)), which] = 0
    return statistic(weights)


def _levels(value: float, drawn: Float64s, left_out: Float64s, n: int) -> Float64s:
    """The two quantiles of the drawn values that are the ends."""
    from scipy.special import ndtr, ndtri, stdtrit

    rounding = 1e-9 * abs(value) + 1e-12  # sums of the same numbers in another order are the same figure
    below = ((drawn < value - rounding).mean() + (drawn <= value + rounding).mean()) / 2
    shift = ndtri(np.clip(below, 1 / N_RESAMPLES, 1 - 1 / N_RESAMPLES))
    away = left_out.mean() - left_out
    spread = float((away**2).sum())
    skew = float((away**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    z = math.sqrt(n / (n - 1)) * stdtrit(n - 1, np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    at = shift + z
    return np.asarray(ndtr(shift + at / np.maximum(1 - skew * at, 1e-3)))
