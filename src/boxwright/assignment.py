"""Rows given to columns so that the sum of scores is largest."""

from __future__ import annotations

import numpy as np

from .arrays import Float64s, Int64s

__all__ = ["assigned"]


def assigned(score: Float64s) -> tuple[Int64s, Int64s]:
    """Rows and columns of (A, B) scores from 0, each given once at most, where the score is above 0; by row.

    H. W. Kuhn, Naval Research Logistics 2 (1955), by scipy, of the whole matrix: where two choices are as good, other libraries that ask scipy make
    the same. Where every label is like one other at most, there is no choice.
    """
    from scipy.optimize import linear_sum_assignment

    is_open = score > 0
    if (is_open.sum(0) <= 1).all() and (is_open.sum(1) <= 1).all():
        i, j = np.nonzero(is_open)
        return i, j
    i, j = linear_sum_assignment(score, maximize=True)
    keep = score[i, j] > 0
    return i[keep], j[keep]
