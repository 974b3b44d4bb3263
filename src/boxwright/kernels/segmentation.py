"""Which of the cuboids that hold a point it belongs to, and which points lie in a polygon seen from above."""

from __future__ import annotations

import numpy as np

from . import kernel

FIRST, SMALLEST, NEAREST_CENTER, NEAREST_FACE = 0, 1, 2, 3


@kernel
def places(points, offsets, point_index, centers, rotations, out_local):
    """The points in each cuboid, seen along the cuboid's own axes from its centre."""
    for m in range(len(centers)):
        r = rotations[m]
        for k in range(offsets[m], offsets[m + 1]):
            i = point_index[k]
            dx = np.float64(points[i, 0]) - centers[m, 0]
            dy = np.float64(points[i, 1]) - centers[m, 1]
            dz = np.float64(points[i, 2]) - centers[m, 2]
            for axis in range(3):
                out_local[k, axis] = dx * r[0, axis] + dy * r[1, axis] + dz * r[2, axis]


@kernel
def owners(local, offsets, point_index, half, above_m, ground_m, policy, has_margin, out_owner, out_n_claims):
    """The cuboid each point belongs to, -1 where there is none, and how many claim it.

    local : along the axes of the cuboid; above_m : above the ground, of each hit, or empty
    What is below `ground_m` and in the lower half of a cuboid is not the cuboid's. A cuboid that holds a point outright goes before all that hold it
    within their margin, and then those do not count as claims. Equal claims go to the nearer centre, then to the cuboid that comes first.
    """
    n = len(out_owner)
    level, best, second = np.empty(n, np.uint8), np.empty(n), np.empty(n)
    for i in range(n):
        out_owner[i] = -1
        out_n_claims[i] = 0
        level[i] = 2
    for m in range(len(offsets) - 1):
        volume = 8 * half[m, 0] * half[m, 1] * half[m, 2]
        for k in range(offsets[m], offsets[m + 1]):
            if len(above_m) and above_m[k] < ground_m and local[k, 2] < 0:
                continue
            i = point_index[k]
            dx, dy, dz = abs(local[k, 0]) - half[m, 0], abs(local[k, 1]) - half[m, 1], abs(local[k, 2]) - half[m, 2]
            own = 0
            if has_margin and (dx > 0 or dy > 0 or dz > 0):
                own = 1
            distance = local[k, 0] ** 2 + local[k, 1] ** 2 + local[k, 2] ** 2
            if policy == SMALLEST:
                key = volume
            elif policy == NEAREST_CENTER:
                key = distance
            elif policy == NEAREST_FACE:
                key = np.sqrt(max(dx, 0.0) ** 2 + max(dy, 0.0) ** 2 + max(dz, 0.0) ** 2) if own == 1 else -max(dx, dy, dz)
            else:
                key = np.float64(m)
            if own < level[i]:
                out_n_claims[i] = 0
            if own <= level[i]:
                out_n_claims[i] += 1
            if own < level[i] or (own == level[i] and (key < best[i] or (key == best[i] and distance < second[i]))):
                level[i], best[i], second[i] = own, key, distance
                out_owner[i] = m


@kernel
def in_polygon(points, corners, low, high, out_inside):
    """Even-odd rule; a point on an edge is inside. Points that are not finite are outside."""
    x_low, x_high, y_low, y_high = np.inf, -np.inf, np.inf, -np.inf
    for k in range(len(corners)):
        x_low, x_high = min(x_low, corners[k, 0]), max(x_high, corners[k, 0])
        y_low, y_high = min(y_low, corners[k, 1]), max(y_high, corners[k, 1])
    for i in range(len(points)):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        out_inside[i] = False
        if not (x_low <= x <= x_high and y_low <= y <= y_high and low <= z <= high and np.isfinite(z)):
            continue
        is_inside, ax, ay = False, corners[-1, 0], corners[-1, 1]
        for k in range(len(corners)):
            bx, by = corners[k, 0], corners[k, 1]
            side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
            if side == 0 and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
                is_inside = True
                break
            if (ay > y) != (by > y) and (side > 0) == (by > ay):
                is_inside = not is_inside
            ax, ay = bx, by
        out_inside[i] = is_inside
