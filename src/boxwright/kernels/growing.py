"""Points around a place, and the piece of them that hangs together with a seed."""

import math

import numpy as np

from . import kernel
from .terrain import _between

VERTICAL = 0.5  # a step up counts half: rings of a sweep lie further apart than points of a ring


@kernel
def nearest(points, x, y, z, has_z):
    """(index, distance) of the finite point nearest to a place, in x, y alone where z is not known; (-1, inf) where there is none."""
    best, at = math.inf, -1
    for i in range(len(points)):
        dx, dy = np.float64(points[i, 0]) - x, np.float64(points[i, 1]) - y
        dz = np.float64(points[i, 2]) - z if has_z else np.float64(points[i, 2]) * 0.0
        d = dx * dx + dy * dy + dz * dz
        if d < best:
            best, at = d, i
    return at, math.sqrt(best)


@kernel
def window(points, x, y, radius, nodes, x0, y0, spacing_m, low_m, high_m, out_index, out_above):
    """Writes index and height above ground of the finite points within a radius, from low_m to high_m above ground; returns how many."""
    n = 0
    square = radius * radius
    for i in range(len(points)):
        px, py = np.float64(points[i, 0]), np.float64(points[i, 1])
        dx, dy = px - x, py - y
        if dx * dx + dy * dy <= square:
            above = np.float64(points[i, 2]) - _between(nodes, (px - x0) / spacing_m, (py - y0) / spacing_m)
            if above >= low_m and above <= high_m:
                out_index[n] = i
                out_above[n] = above
                n += 1
    return n


@kernel
def grow(points, seed, reach, out_member):
    """Marks what can be reached from one point in steps no longer than `reach`; returns how many points that are.

    Points wait in the cells of a grid as wide as the reach and leave it when they are found, so that each is looked at a few times only.
    """
    n = len(points)
    low_x, low_y, high_x, high_y = math.inf, math.inf, -math.inf, -math.inf
    for i in range(n):
        low_x, high_x = min(low_x, points[i, 0]), max(high_x, points[i, 0])
        low_y, high_y = min(low_y, points[i, 1]), max(high_y, points[i, 1])
    n_x, n_y = int((high_x - low_x) / reach) + 1, int((high_y - low_y) / reach) + 1
    column, row = np.empty(n, np.int64), np.empty(n, np.int64)
    waiting = np.zeros(n_x * n_y, np.int64)
    for i in range(n):
        column[i] = min(int((points[i, 0] - low_x) / reach), n_x - 1)
        row[i] = min(int((points[i, 1] - low_y) / reach), n_y - 1)
        waiting[row[i] * n_x + column[i]] += 1
        out_member[i] = False
    start = np.zeros(n_x * n_y + 1, np.int64)
    for cell in range(n_x * n_y):
        start[cell + 1] = start[cell] + waiting[cell]
        waiting[cell] = 0
    order = np.empty(n, np.int64)
    for i in range(n):
        cell = row[i] * n_x + column[i]
        order[start[cell] + waiting[cell]] = i
        waiting[cell] += 1
    queue = np.empty(n, np.int64)
    queue[0] = seed
    out_member[seed] = True
    done, found = 0, 1
    square = reach * reach
    while done < found:
        i = queue[done]
        done += 1
        for r in range(max(row[i] - 1, 0), min(row[i] + 2, n_y)):
            for c in range(max(column[i] - 1, 0), min(column[i] + 2, n_x)):
                cell = r * n_x + c
                k = start[cell]
                end = start[cell] + waiting[cell]
                while k < end:
                    j = order[k]
                    dx, dy = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1]
                    dz = VERTICAL * (points[j, 2] - points[i, 2])
                    if out_member[j] or dx * dx + dy * dy + dz * dz <= square:
                        if not out_member[j]:
                            out_member[j] = True
                            queue[found] = j
                            found += 1
                        end -= 1
                        order[k] = order[end]
                        waiting[cell] -= 1
                    else:
                        k += 1
    return found
