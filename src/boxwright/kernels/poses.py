"""Points moved by poses."""

from __future__ import annotations

import numpy as np

from . import kernel


@kernel
def apply_each(points, which, rotations, translations, out):
    """Each point by the pose that `which` names for it; sums in double precision."""
    for i in range(len(points)):
        r, t = rotations[which[i]], translations[which[i]]
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        for axis in range(3):
            out[i, axis] = r[axis, 0] * x + r[axis, 1] * y + r[axis, 2] * z + t[axis]
