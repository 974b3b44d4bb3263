"""How sure a fit after one click is: what its standard deviations are worth, as measured."""

from __future__ import annotations

import numpy as np

from .arrays import Float64s
from .fit_hints import CheckedHints

__all__ = ["FROM_POINTS", "KINDS", "click_scale", "is_doubtful", "is_turn_doubtful", "kind_of"]

# A click can pick the wrong points, and classes differ in what of them is seen; no law of the points tells. So sigmas of what was picked are taken
# times a factor: by the kind of object, by how many points the fit rests on (below 20, 50, 200, and more), and those of place and heading also by
# whether the points lie badly on the faces that can be seen, which is what wrong points do. benchmarks/sigma_factors.py makes the table from
# simulated recordings 4000 to 4299; benchmarks/accuracy.py measures what comes of it on other ones.
KINDS = ("pedestrian", "cyclist", "car", "van", "truck", "bus")
FROM_POINTS = (20, 50, 200)
DOUBT_COSTS = (4.5, 9.0, 16.0, 20.0)  # of kernels.fitting.search, which sums over points up to a limit; by points
SHORT_M, LENGTHS_M = 1.2, (4.75, 6.5, 9.75)  # of other classes: what tells people from two-wheelers, and cars, vans, trucks and buses
# along, across and of yaw; the same in doubt; of z, length, width, height
FACTORS = np.array((
    (  # pedestrian
        (0.93, 0.60, 1.00, 2.07, 1.02, 1.00, 0.47, 1.15, 0.42, 0.52),
        (1.33, 0.72, 1.00, 1.89, 0.70, 1.00, 1.06, 1.29, 0.74, 0.77),
        (1.67, 0.80, 1.00, 1.89, 0.70, 1.00, 1.36, 1.47, 0.83, 1.11),
        (1.92, 0.76, 1.00, 1.93, 0.43, 1.00, 0.73, 0.69, 0.98, 0.55),
    ),
    (  # cyclist
        (1.94, 1.03, 1.00, 2.14, 1.02, 1.00, 0.44, 0.30, 0.54, 0.56),
        (2.07, 1.06, 1.00, 3.02, 0.79, 1.00, 0.56, 0.54, 0.74, 0.64),
        (2.02, 0.50, 1.00, 4.37, 0.79, 1.00, 0.49, 0.69, 0.79, 0.67),
        (2.02, 0.50, 1.00, 4.37, 0.79, 1.00, 0.58, 0.81, 1.01, 0.81),
    ),
    (  # car
        (1.11, 1.75, 0.59, 2.17, 3.44, 7.09, 0.70, 0.65, 0.42, 0.54),
        (0.78, 0.63, 0.77, 3.72, 3.43, 1.73, 0.65, 0.71, 0.55, 0.69),
        (0.83, 0.78, 0.95, 0.90, 1.25, 1.83, 0.47, 0.82, 0.64, 0.65),
        (0.80, 0.78, 0.85, 0.57, 0.76, 1.25, 0.23, 0.90, 0.60, 0.24),
    ),
    (  # van
        (1.72, 4.59, 0.59, 2.68, 4.46, 9.14, 0.63, 0.92, 0.44, 0.77),
        (0.96, 0.58, 0.61, 3.61, 4.95, 5.85, 0.75, 0.89, 0.49, 0.81),
        (1.09, 0.60, 0.41, 3.61, 4.95, 5.85, 0.63, 1.08, 0.64, 0.73),
        (1.32, 0.65, 0.20, 0.59, 0.81, 1.25, 0.81, 1.60, 0.65, 1.13),
    ),
    (  # truck
        (1.58, 7.71, 0.59, 2.29, 3.69, 7.44, 0.50, 1.07, 0.76, 0.77),
        (1.22, 1.21, 0.46, 3.72, 4.11, 1.92, 0.56, 1.08, 0.71, 0.82),
        (1.01, 0.47, 0.40, 1.18, 1.74, 1.93, 0.58, 0.94, 0.34, 0.70),
        (0.85, 0.42, 0.16, 0.59, 0.81, 1.25, 2.89, 1.02, 0.39, 3.66),
    ),
    (  # bus
        (0.30, 0.37, 0.41, 2.29, 3.69, 7.44, 1.29, 0.29, 0.41, 1.06),
        (0.30, 0.37, 0.41, 3.72, 4.11, 1.92, 1.29, 0.29, 0.41, 1.06),
        (0.31, 0.47, 0.37, 1.18, 1.74, 1.93, 1.81, 0.27, 0.41, 1.60),
        (0.31, 0.47, 0.37, 0.59, 0.81, 1.25, 1.81, 0.27, 0.41, 1.60),
    ),
))  # fmt: skip


def click_scale(n: int, cost: float, hints: CheckedHints) -> Float64s:
    """(7,) what sigmas along, across, of z, length, width, height and yaw are multiplied by.

    n, cost : how many points the fit rests on, and what their best heading costs
    """
    row = FACTORS[kind_of(hints), np.searchsorted(FROM_POINTS, n, side="right")]
    along, across, yaw = row[3:6] if is_doubtful(n, cost) else row[:3]
    return np.array([along, across, *row[6:], yaw])


def is_doubtful(n: int, cost: float) -> bool:
    """Whether points lie worse on the faces that can be seen than most objects' own do."""
    return cost > DOUBT_COSTS[int(np.searchsorted(FROM_POINTS, n, side="right"))]


def is_turn_doubtful(n: int, cost: float) -> bool:
    """Whether the sides may well be swapped: of such vehicles about one in three was, of the others one in fifteen at the most."""
    return n < FROM_POINTS[1] and is_doubtful(n, cost)


def kind_of(hints: CheckedHints) -> int:
    """Index into KINDS; other classes are taken for the one that is about as long."""
    if hints.category in KINDS:
        return KINDS.index(hints.category)
    length = 4.4 if hints.prior is None else hints.prior.median_m[0]
    return int(length >= SHORT_M) if hints.is_yaw_from_motion else 2 + int(np.searchsorted(LENGTHS_M, length))
