"""What the labels around each label say of it: local polynomials over all tracks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Bools, Float64s, Int64s

__all__ = ["REACH", "Curves", "Neighbours", "fitted", "middles_rad", "neighbours", "one_sided"]

REACH = 3  # labels on each side


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For each of K labels those around it on its track, itself in the middle.

    row : (K, 2 * REACH + 1) int64
    is_there : (K, 2 * REACH + 1) bool
    after : (K, 2 * REACH + 1) how much later, in steps; 0 where there is none
    step_s : (K,) the usual time between them
    """

    row: Int64s
    is_there: Bools
    after: Float64s
    step_s: Float64s

    @property
    def n_before(self) -> Int64s:
        return np.asarray(self.is_there[:, :REACH].sum(axis=1))

    @property
    def n_after(self) -> Int64s:
        return np.asarray(self.is_there[:, REACH + 1 :].sum(axis=1))


def neighbours(span: Int64s, time_s: Float64s) -> Neighbours:
    """Of labels that lie by track and time: (K,) the unbroken span each belongs to, and (K,) their times."""
    n = len(span)
    row = np.arange(n)[:, None] + np.arange(-REACH, REACH + 1)
    inside = (row >= 0) & (row < n)
    row = np.clip(row, 0, max(n - 1, 0))
    is_there = inside & (span[row] == span[:, None])
    after_s = np.where(is_there, time_s[row] - time_s[:, None], 0.0)
    n_steps = (np.abs(np.arange(-REACH, REACH + 1)) * is_there).sum(axis=1)
    step_s = np.abs(after_s).sum(axis=1) / np.maximum(n_steps, 1)
    step_s = np.where(step_s > 0, step_s, 1.0)
    return Neighbours(row, is_there, after_s / step_s[:, None], step_s)


@dataclass(frozen=True, eq=False)
class Curves:
    """Polynomials around K labels, in steps of time from each of them.

    coefficients : (K, P, V); NaN where there are too few labels
    gain : (K, P) standard deviation of each coefficient for labels with one of 1
    spread : (K,) root of the mean squared distance of the labels used, over what is left of freedom; 0 where none is left
    """

    coefficients: Float64s
    gain: Float64s
    spread: Float64s


def fitted(near: Neighbours, values: Float64s, used: Bools, order: int, which: Bools) -> Curves:
    """Least squares through the neighbours.

    values : (K, V) of the labels, or (K, 2 * REACH + 1, V) where each has its neighbours' values of its own
    used : (K, 2 * REACH + 1) bool, which neighbours count
    which : (K,) bool, for which labels a curve is wanted; they need more than `order` neighbours
    """
    some = np.flatnonzero(which & (used.sum(axis=1) > order))
    of_neighbours = values[near.row[some]] if values.ndim == 2 else values[some]
    n_values = values.shape[-1]
    coefficients = np.full((len(near.row), order + 1, n_values), np.nan)
    gain, spread = np.full((len(near.row), order + 1), np.nan), np.full(len(near.row), np.nan)
    if not len(some):
        return Curves(coefficients, gain, spread)
    powers = near.after[some][:, :, None] ** np.arange(order + 1)
    weighted = powers * used[some][:, :, None]
    inverse = np.linalg.inv(np.einsum("kni,knj->kij", weighted, powers))
    found = np.einsum("kij,knj,knv->kiv", inverse, weighted, of_neighbours, optimize=True)
    coefficients[some] = found
    gain[some] = np.sqrt(np.maximum(np.einsum("kii->ki", inverse), 0))
    left = (of_neighbours - powers @ found) * used[some][:, :, None]
    freedom = used[some].sum(axis=1) - order - 1
    spread[some] = np.sqrt((left**2).sum(axis=(1, 2)) / np.maximum(freedom, 1))
    return Curves(coefficients, gain, spread)


def middles_rad(near: Neighbours, yaw_rad: Float64s, used: Bools) -> tuple[Float64s, Float64s]:
    """Angles that can be fitted: (K,) the mean direction of the neighbours used, and (K, 2 * REACH + 1, 1) their own from that."""
    of_neighbours = yaw_rad[near.row]
    middle = np.arctan2((np.sin(of_neighbours) * used).sum(axis=1), (np.cos(of_neighbours) * used).sum(axis=1))
    apart = of_neighbours - middle[:, None]
    return middle, (apart - 2 * np.pi * np.round(apart / (2 * np.pi)))[:, :, None]


def one_sided(near: Neighbours, *, before: bool) -> Bools:
    """(K, 2 * REACH + 1) the label and two before it, or two after."""
    used = near.is_there.copy()
    used[:, : REACH - 2] = False
    used[:, REACH + 3 :] = False
    if before:
        used[:, REACH + 1 :] = False
    else:
        used[:, :REACH] = False
    return used
