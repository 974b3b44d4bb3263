"""Which points of a sweep an object may have, which way the things around it run, and what is seen behind it."""

import math

import numpy as np

from . import kernel
from .terrain import between

N_HEADINGS = 60  # over half a turn
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
            above = np.float64(points[i, 2]) - between(nodes, (px - x0) / spacing_m, (py - y0) / spacing_m)
            if above >= low_m and above <= high_m:
                out_index[n] = i
                out_above[n] = above
                n += 1
    return n


@kernel
def directions(points, index, seed_x, seed_y, left_out, radius, cell_m, nearest_m, furthest_m, most, out_votes):
    """Which ways the things around a place run: votes of pairs of cells, by the direction from one to the other modulo half a turn.

    index : of the points within the radius; those nearer than `left_out` do not vote
    most : cells beyond which a regular part of them votes
    """
    n_side = math.ceil(2 * radius / cell_m) + 1
    slot = np.full(n_side * n_side, -1, np.int32)
    sums = np.zeros((len(index), 3))
    cells = np.empty(len(index), np.int32)
    filled = 0
    for i in index:
        dx, dy = np.float64(points[i, 0]) - seed_x, np.float64(points[i, 1]) - seed_y
        if dx * dx + dy * dy < left_out * left_out:
            continue
        cell = int((dy + radius) / cell_m) * n_side + int((dx + radius) / cell_m)
        if slot[cell] < 0:
            slot[cell] = filled
            cells[filled] = cell
            filled += 1
        k = slot[cell]
        sums[k, 0] += dx
        sums[k, 1] += dy
        sums[k, 2] += 1.0
    stride = max(1, (filled + most - 1) // most)
    for k in range(filled):
        sums[k, 0] /= sums[k, 2]
        sums[k, 1] /= sums[k, 2]
        if cells[k] % stride:
            slot[cells[k]] = -1
    reach = math.ceil(furthest_m / cell_m)
    for a in range(N_HEADINGS):
        out_votes[a] = 0.0
    for k in range(filled):
        if cells[k] % stride:
            continue
        row, column = cells[k] // n_side, cells[k] % n_side
        for r in range(row, min(row + reach + 1, n_side)):
            for c in range(column + 1 if r == row else max(column - reach, 0), min(column + reach + 1, n_side)):
                other = slot[r * n_side + c]
                if other >= 0:
                    dx, dy = sums[other, 0] - sums[k, 0], sums[other, 1] - sums[k, 1]
                    square = dx * dx + dy * dy
                    if nearest_m * nearest_m <= square <= furthest_m * furthest_m:
                        out_votes[int(math.atan2(dy, dx) * (N_HEADINGS / math.pi) + 2 * N_HEADINGS + 0.5) % N_HEADINGS] += 1.0


@kernel
def sector(points, sensor_x, sensor_y, x, y, radius, out_index):
    """Writes the finite points seen beyond or within a disc, from the sensor; returns how many."""
    n = 0
    cx, cy = x - sensor_x, y - sensor_y
    for i in range(len(points)):
        px, py = np.float64(points[i, 0]) - sensor_x, np.float64(points[i, 1]) - sensor_y
        along = cx * px + cy * py
        if along > 0.0 and math.isfinite(along + points[i, 2]):
            across = cx * py - cy * px
            square = px * px + py * py
            if across * across <= radius * radius * square and along >= cx * cx + cy * cy - radius * math.hypot(cx, cy):
                out_index[n] = i
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
    waiting, start = np.empty(n_x * n_y, np.int64), np.empty(n_x * n_y + 1, np.int64)
    for cell in range(n_x * n_y):
        waiting[cell] = 0
    for i in range(n):
        column[i] = min(int((points[i, 0] - low_x) / reach), n_x - 1)
        row[i] = min(int((points[i, 1] - low_y) / reach), n_y - 1)
        waiting[row[i] * n_x + column[i]] += 1
        out_member[i] = False
    start[0] = 0
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
