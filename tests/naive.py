"""Slow twins: what every kernel must agree with, written to be read."""

from __future__ import annotations

import numpy as np

# ---------------------------------------------------------------- containment


def points_in_cuboids(points, cuboids) -> np.ndarray:
    """(M, N) bool; faces closed, float64, points that are not finite are outside."""
    points = np.asarray(points, np.float64)
    finite = np.isfinite(points).all(1)
    inside = np.zeros((len(cuboids), len(points)), bool)
    for m in range(len(cuboids)):
        if np.isfinite(cuboids.center_m[m]).all():
            dx, dy, dz = (points[finite] - cuboids.center_m[m]).T
            r = cuboids.rotation[m]
            along = np.stack([dx * r[0, k] + dy * r[1, k] + dz * r[2, k] for k in range(3)], 1)
            inside[m, finite] = (np.abs(along) <= cuboids.size_m[m] / 2).all(1)
    return inside
