"""The heading at which an object's points lie on the faces a sensor can see, with how far those faces reach."""

import math

import numpy as np

from . import compiled, kernel
from .growing import N_HEADINGS

N_BINS = 400  # of the counts that trimmed extents are read from
COARSE_STEP = math.pi / N_HEADINGS


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
def _grown_ends(low, high, size, seen):
    """The ends of a side that is too short for its class, moved away from the sensor."""
    lack = size - (high - low)
    if lack <= 0.0:
        return low, high
    if seen < 0:
        return low, low + size
    if seen > 0:
        return high - size, high
    return low - lack / 2, high + lack / 2


@compiled
def _through(rays, c, s, su, sv, ends_u, ends_v):
    """How many rays pass through the solid part of a cuboid and go on behind it."""
    n = 0
    low_u, high_u, low_v, high_v = ends_u[0] + 0.1, ends_u[1] - 0.1, ends_v[0] + 0.1, ends_v[1] - 0.1
    for i in range(len(rays)):
        du, dv = c * rays[i, 0] + s * rays[i, 1] - su, c * rays[i, 1] - s * rays[i, 0] - sv
        t0, t1 = 0.0, 1.0
        if du != 0.0:
            a, b = (low_u - su) / du, (high_u - su) / du
            t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
        elif su < low_u or su > high_u:
            continue
        if dv != 0.0:
            a, b = (low_v - sv) / dv, (high_v - sv) / dv
            t0, t1 = max(t0, min(a, b)), min(t1, max(a, b))
        elif sv < low_v or sv > high_v:
            continue
        way = math.hypot(du, dv)
        if t0 > 0.0 and (t1 - t0) * way > 0.3 and (1.0 - t1) * way > 0.3 and rays[i, 2] <= (t0 + t1) / 2 <= rays[i, 3]:
            n += 1
    return n


@compiled
def _cost(x, y, n, yaw, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, yaw_costs, rays, tuning, u, v, counts, out_extent):
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
    if len(rays):
        n_through = _through(rays, c, s, su, sv, _grown_ends(low_u, high_u, size[0], seen_u), _grown_ends(low_v, high_v, size[1], seen_v))
        cost += tuning[6] * n_through / (n_through + tuning[7])
    place = yaw / COARSE_STEP
    place -= math.floor(place / N_HEADINGS) * N_HEADINGS
    a = int(place) % N_HEADINGS
    return cost + yaw_costs[a] + (place - int(place)) * (yaw_costs[(a + 1) % N_HEADINGS] - yaw_costs[a])


@kernel
def search(points, points_all, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, yaw_costs, rays, tuning, out_result):
    """Best heading in [0, pi) of points (n, 2) given near the origin; its extents are those of all points.

    yaw_costs : what each coarse heading costs beforehand
    rays : (R, 4) x, y of where light ended, from and to which share of its way it was within the solid part of the object's height
    tuning : width of a face in metres, number of points beyond which more hardly tell more, cost of a side too short for its class, share trimmed at
        either end while searching, and of the extents given back, width of a face in the last rounds, most that light seen through the cuboid costs,
        and how many rays cost half of that
    out_result : yaw, low u, high u, low v, high v, cost, cost of the best heading about a right angle away
    """
    n, n_all = len(points), len(points_all)
    x, y = np.empty(n_all), np.empty(n_all)
    for i in range(n):
        x[i], y[i] = points[i, 0], points[i, 1]
    u, v, counts, extent = np.empty(n_all), np.empty(n_all), np.empty(N_BINS, np.int64), np.empty(4)
    loose, sharp = np.empty(8), np.empty(8)  # copies both: one that is only read would have `_cost` compiled twice
    for k in range(8):
        loose[k] = sharp[k] = tuning[k]
    sharp[0] = tuning[5]
    n_coarse = N_HEADINGS
    costs, taken = np.empty(n_coarse), np.empty(n_coarse, np.int64)
    for a in range(n_coarse):
        taken[a] = 0
        costs[a] = _cost(
            x, y, n, a * COARSE_STEP, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, yaw_costs, rays, loose, u, v, counts, extent
        )
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
                here = _cost(
                    x, y, n, middle + k * step, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, yaw_costs, rays, loose, u, v, counts, extent
                )
                if here < cost:
                    yaw, cost = middle + k * step, here
            step /= 3
        if cost < best_cost:
            best, best_cost = yaw, cost
    cost = _cost(x, y, n, best, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, yaw_costs, rays, sharp, u, v, counts, extent)
    step = math.radians(1.0)
    while step > 1e-3:  # near the right heading thinner faces tell more
        middle = best
        for k in (-2, -1, 1, 2):
            here = _cost(
                x, y, n, middle + k * step, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, yaw_costs, rays, sharp, u, v, counts, extent
            )
            if here < cost:
                best, cost = middle + k * step, here
        step /= 2
    best_cost = _cost(x, y, n, best, sensor_x, sensor_y, size, sigma, yaw_prior, yaw_sigma, yaw_costs, rays, loose, u, v, counts, extent)
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
    out_result[5], out_result[6] = best_cost, rival
