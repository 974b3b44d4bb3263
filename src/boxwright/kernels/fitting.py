"""Growing an object from a seed, and the heading at which its points lie on the faces a sensor can see, with how far those faces reach."""

import math

import numpy as np

from . import compiled, kernel
from .terrain import between

N_BINS = 400  # of the counts that trimmed extents are read from
COARSE_STEP = math.radians(3.0)
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


@compiled
def _trimmed(values, n, share, counts):
    """Values that a small share of n lies beyond, at either end; found by counting, to a four-hundredth of the extent."""
    low, high = math.inf, -math.inf
    for i in range(n):
        low = values[i] if values[i] < low else low
        high = values[i] if values[i] > high else high
    beyond = share * n
    if beyond < 0.5 or high - low < 1e-9:
        return low, high
    scale = N_BINS / (high - low)
    counts[:] = 0
    for i in range(n):
        counts[min(int((values[i] - low) * scale), N_BINS - 1)] += 1
    first, last = 0, N_BINS - 1
    total = 0.0
    while total + counts[first] <= beyond:
        total += counts[first]
        first += 1
    total = 0.0
    while total + counts[last] <= beyond:
        total += counts[last]
        last -= 1
    return low + first / scale, low + (last + 1) / scale


@compiled
def _seen(low, high, sensor):
    """-1 where the sensor sees the low face, 1 the high face, 0 neither: it stands between them."""
    return -1 if sensor < low else 1 if sensor > high else 0


@compiled
def _size_cost(extent, expected, sigma, short_cost):
    """Too long costs as a normal law says; too short only where the face that runs along is seen, and not without limit: it may be occluded."""
    z = (extent - expected) / sigma
    if z > 0.0:
        return 0.5 * z * z
    return short_cost * (1.0 - math.exp(-0.5 * z * z))


@compiled
def _cost(x, y, n, yaw, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, tuning, u, v, counts, out_extent):
    """Cost of one heading; writes the trimmed extents (low u, high u, low v, high v)."""
    c, s = math.cos(yaw), math.sin(yaw)
    for i in range(n):
        u[i] = c * x[i] + s * y[i]
        v[i] = c * y[i] - s * x[i]
    low_u, high_u = _trimmed(u, n, tuning[3], counts)
    low_v, high_v = _trimmed(v, n, tuning[3], counts)
    out_extent[0], out_extent[1], out_extent[2], out_extent[3] = low_u, high_u, low_v, high_v
    su, sv = c * sensor_x + s * sensor_y, c * sensor_y - s * sensor_x
    seen_u, seen_v = _seen(low_u, high_u, su), _seen(low_v, high_v, sv)
    face_u = low_u if seen_u < 0 else high_u
    face_v = low_v if seen_v < 0 else high_v
    total = 0.0
    square = tuning[0] * tuning[0]
    for i in range(n):
        du = u[i] - face_u
        dv = v[i] - face_v
        du = du * du if seen_u != 0 else 1e9
        dv = dv * dv if seen_v != 0 else 1e9
        d = du if du < dv else dv
        total += d / (d + square)
    cost = total / n * (tuning[1] * n / (n + tuning[1]))
    away_u, away_v = su - 0.5 * (low_u + high_u), sv - 0.5 * (low_v + high_v)
    away = math.hypot(away_u, away_v) + 1e-9
    cost += _size_cost(high_u - low_u, size[0], sigma[0], tuning[2] * abs(away_v) / away if seen_v != 0 else 0.0)
    cost += _size_cost(high_v - low_v, size[1], sigma[1], tuning[2] * abs(away_u) / away if seen_u != 0 else 0.0)
    if yaw_sigma < math.inf:
        off = (yaw - yaw_prior + math.pi / 2) % math.pi - math.pi / 2
        cost += 0.5 * (off / yaw_sigma) ** 2
    return cost


@kernel
def search(points, points_all, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, tuning, out_result):
    """Best heading in [0, pi) of points (n, 2) given near the origin; its extents are those of all points.

    tuning : width of a face in metres, number of points beyond which more hardly tell more, cost of a side too short for its class, share trimmed at
        either end while searching, and of the extents given back, width of a face in the last rounds
    out_result : yaw, low u, high u, low v, high v, cost, cost of the best heading about a right angle away, cost of being
        too large
    """
    n, n_all = len(points), len(points_all)
    x, y = np.empty(n_all), np.empty(n_all)
    for i in range(n):
        x[i], y[i] = points[i, 0], points[i, 1]
    u, v, counts, extent = np.empty(n_all), np.empty(n_all), np.empty(N_BINS, np.int64), np.empty(4)
    loose, sharp = np.empty(6), np.empty(6)  # copies both: one that is only read would have `_cost` compiled twice
    for k in range(6):
        loose[k] = sharp[k] = tuning[k]
    sharp[0] = tuning[5]
    n_coarse = 60
    costs, taken = np.empty(n_coarse), np.empty(n_coarse, np.int64)
    for a in range(n_coarse):
        taken[a] = 0
        costs[a] = _cost(x, y, n, a * COARSE_STEP, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, loose, u, v, counts, extent)
    best, best_cost = 0.0, math.inf
    for _ in range(4):
        start, lowest = -1, math.inf
        for a in range(n_coarse):
            here = costs[a]
            if taken[a] == 0 and here < lowest and here <= costs[(a - 1) % n_coarse] and here <= costs[(a + 1) % n_coarse]:
                start, lowest = a, here
        if start < 0:
            break
        taken[start] = 1
        yaw, cost, step = start * COARSE_STEP, lowest, COARSE_STEP / 3
        while step > 1e-3:
            middle = yaw
            for k in (-2, -1, 1, 2):
                here = _cost(x, y, n, middle + k * step, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, loose, u, v, counts, extent)
                if here < cost:
                    yaw, cost = middle + k * step, here
            step /= 3
        if cost < best_cost:
            best, best_cost = yaw, cost
    cost = _cost(x, y, n, best, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, sharp, u, v, counts, extent)
    step = math.radians(1.0)
    while step > 1e-3:  # near the right heading thinner faces tell more
        middle = best
        for k in (-2, -1, 1, 2):
            here = _cost(x, y, n, middle + k * step, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, sharp, u, v, counts, extent)
            if here < cost:
                best, cost = middle + k * step, here
        step /= 2
    best_cost = _cost(x, y, n, best, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, loose, u, v, counts, extent)
    best -= math.floor(best / math.pi) * math.pi
    for i in range(n_all):
        x[i], y[i] = points_all[i, 0], points_all[i, 1]
    c, s = math.cos(best), math.sin(best)
    for i in range(n_all):
        u[i] = c * x[i] + s * y[i]
        v[i] = c * y[i] - s * x[i]
    extent[0], extent[1] = _trimmed(u, n_all, tuning[4], counts)
    extent[2], extent[3] = _trimmed(v, n_all, tuning[4], counts)
    rival = math.inf
    for a in range(n_coarse):
        off = abs((a * COARSE_STEP - best + math.pi / 2) % math.pi - math.pi / 2)
        if off > math.radians(45.0):
            rival = min(rival, costs[a])
    out_result[0] = best
    for k in range(4):
        out_result[1 + k] = extent[k]
    size_cost = _size_cost(extent[1] - extent[0], size[0], sigma[0], 0.0) + _size_cost(extent[3] - extent[2], size[1], sigma[1], 0.0)
    out_result[5], out_result[6], out_result[7] = best_cost, rival, size_cost
