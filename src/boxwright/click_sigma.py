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
        (0.93, 0.61, 1.00, 2.10, 1.10, 1.00, 0.46, 1.15, 0.42, 0.52),
        (1.32, 0.73, 1.00, 1.89, 0.58, 1.00, 1.04, 1.29, 0.75, 0.75),
        (1.67, 0.81, 1.00, 1.89, 0.58, 1.00, 1.37, 1.47, 0.84, 1.16),
        (1.88, 0.76, 1.00, 1.85, 0.49, 1.00, 0.71, 0.69, 0.95, 0.54),
    ),
    (  # cyclist
        (1.91, 1.01, 1.00, 2.09, 1.13, 1.00, 0.43, 0.30, 0.54, 0.57),
        (2.06, 0.80, 1.00, 2.92, 0.75, 1.00, 0.42, 0.55, 0.72, 0.58),
        (1.86, 0.52, 1.00, 4.27, 0.77, 1.00, 0.47, 0.69, 0.80, 0.63),
        (1.86, 0.52, 1.00, 4.27, 0.77, 1.00, 0.60, 0.81, 1.01, 0.86),
    ),
    (  # car
        (1.15, 1.78, 0.58, 2.22, 3.44, 1.45, 0.72, 0.64, 0.42, 0.54),
        (0.79, 0.64, 0.77, 3.18, 3.39, 1.81, 0.65, 0.71, 0.55, 0.69),
        (0.84, 0.77, 0.95, 0.84, 1.15, 1.81, 0.45, 0.83, 0.64, 0.65),
        (0.80, 0.78, 0.85, 0.55, 0.78, 1.26, 0.22, 0.89, 0.60, 0.24),
    ),
    (  # van
        (1.85, 4.71, 0.64, 2.54, 4.59, 1.46, 0.65, 0.91, 0.43, 0.77),
        (0.97, 0.59, 0.65, 3.96, 4.69, 1.46, 0.73, 0.88, 0.49, 0.79),
        (1.10, 0.60, 0.40, 3.96, 4.69, 1.85, 0.66, 1.09, 0.64, 0.74),
        (1.33, 0.65, 0.20, 0.56, 0.81, 1.26, 0.82, 1.62, 0.65, 1.12),
    ),
    (  # truck
        (1.57, 6.62, 0.59, 2.22, 3.65, 1.46, 0.76, 1.06, 0.73, 1.37),
        (1.21, 0.89, 0.49, 3.36, 3.88, 1.46, 0.60, 1.06, 0.64, 0.91),
        (1.02, 0.46, 0.41, 0.95, 1.66, 1.85, 0.58, 0.97, 0.34, 0.70),
        (0.86, 0.42, 0.16, 0.56, 0.81, 1.26, 2.86, 1.02, 0.39, 3.65),
    ),
    (  # bus
        (0.33, 0.44, 0.43, 2.22, 3.65, 1.46, 1.29, 0.29, 0.39, 1.06),
        (0.33, 0.44, 0.43, 3.36, 3.88, 1.46, 1.29, 0.29, 0.39, 1.06),
        (0.31, 0.48, 0.37, 0.95, 1.66, 1.85, 1.76, 0.27, 0.42, 1.58),
        (0.31, 0.48, 0.37, 0.56, 0.81, 1.26, 1.76, 0.27, 0.42, 1.58),
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
