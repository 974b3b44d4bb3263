"""How sure a fit after one click is: what its standard deviations are worth, as measured."""

from __future__ import annotations

import numpy as np

from .arrays import Float64s
from .fit_hints import CheckedHints

__all__ = ["click_scale"]

# A click can pick the wrong points, which no law of the points tells. So the standard deviations of what was picked are taken times a factor, by the
# kind of object and by how many points the fit rests on (below 20, 50, 200, and more): of along, across, z, length, width, height, yaw. Each is the
# 92 % quantile of |error| / sigma over 1.645, in simulated recordings 2000 to 2029 (one click on every object, 2,417 of them); benchmarks/accuracy.py
# measures what comes of it on other ones. None is below 0.5: people draw tops and sides less exactly than a simulator
# does. Of people and two-wheelers, whose heading is not known, both directions take the larger.
FROM_POINTS = (20, 50, 200)
SHORT_M, LONG_M = 1.2, 6.5  # lengths that tell people from two-wheelers, and cars from trucks
FACTORS = np.array((
    (  # people
        (1.07, 1.07, 0.52, 1.14, 0.50, 0.51, 1.00),
        (1.38, 1.38, 0.98, 1.34, 0.77, 0.78, 1.00),
        (1.57, 1.57, 0.63, 1.50, 0.89, 0.76, 1.00),
        (1.90, 1.90, 0.61, 0.65, 0.94, 0.53, 1.00),
    ),
    (  # two-wheelers
        (1.97, 1.97, 0.50, 0.50, 0.52, 0.60, 1.00),
        (2.82, 2.82, 0.50, 0.56, 0.68, 0.50, 1.00),
        (2.91, 2.91, 0.50, 0.74, 0.74, 0.50, 1.00),
        (2.91, 2.91, 0.50, 0.74, 0.74, 0.50, 1.00),
    ),
    (  # cars and vans
        (2.72, 1.63, 0.66, 0.69, 0.50, 0.54, 12.57),
        (2.10, 1.37, 0.75, 0.79, 0.54, 0.77, 1.26),
        (0.99, 0.80, 0.50, 0.79, 0.61, 0.73, 1.13),
        (1.02, 0.71, 0.50, 1.07, 0.61, 0.50, 0.99),
    ),
    (  # trucks, buses, trailers, trams
        (5.14, 1.58, 0.63, 0.89, 0.61, 1.31, 1.22),
        (1.00, 0.53, 0.62, 0.95, 0.87, 1.00, 0.50),
        (0.62, 0.50, 1.46, 0.50, 0.50, 1.52, 0.50),
        (1.86, 0.50, 2.44, 0.54, 0.50, 2.92, 0.50),
    ),
))  # fmt: skip


def click_scale(n: int, hints: CheckedHints) -> Float64s:
    """(7,) what sigmas along, across, of z, length, width, height and yaw are multiplied by."""
    length = 4.4 if hints.prior is None else hints.prior.median_m[0]
    kind = (0 if length < SHORT_M else 1) if hints.is_yaw_from_motion else 2 if length < LONG_M else 3
    scale: Float64s = FACTORS[kind, np.searchsorted(FROM_POINTS, n, side="right")]
    return scale
