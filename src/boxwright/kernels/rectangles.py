"""Rectangles around clusters: closeness to the edges of the bounding rectangle, then straight lines through the sides."""

import math

import numpy as np

from . import compiled, kernel

N_ANGLES = 32  # a quarter turn in steps of 2.8 degrees
N_REFINEMENTS = 3
RIVAL = 0.8  # a second peak this high, as a share of the first, is followed too
REACH = 25.0  # times the noise: points farther than this from every edge (roof, seats) count for nothing


@compiled
def _coarse_closeness(x, y, n, table):
    """Rows of 32 in `table`: 0 cosine, 1 sine (given), 2-5 lowest and highest u and v, 6 closeness; coordinates in units of the reach.

    Single precision, angles as the inner loop and one array for all rows: so the compiler makes vectors of it. The winner is weighed again in double.
    """
    zero, one = np.float32(0.0), np.float32(1.0)
    for a in range(32):
        table[64 + a] = np.float32(math.inf)
        table[96 + a] = np.float32(-math.inf)
        table[128 + a] = np.float32(math.inf)
        table[160 + a] = np.float32(-math.inf)
        table[192 + a] = zero
    for i in range(n):
        xi, yi = x[i], y[i]
        for a in range(32):
            u = table[a] * xi + table[32 + a] * yi
            v = table[a] * yi - table[32 + a] * xi
            table[64 + a] = u if u < table[64 + a] else table[64 + a]
            table[96 + a] = u if u > table[96 + a] else table[96 + a]
            table[128 + a] = v if v < table[128 + a] else table[128 + a]
            table[160 + a] = v if v > table[160 + a] else table[160 + a]
    for i in range(n):
        xi, yi = x[i], y[i]
        for a in range(32):
            u = table[a] * xi + table[32 + a] * yi
            v = table[a] * yi - table[32 + a] * xi
            d = table[96 + a] - u if table[96 + a] - u < u - table[64 + a] else u - table[64 + a]
            e = table[160 + a] - v if table[160 + a] - v < v - table[128 + a] else v - table[128 + a]
            d = e if e < d else d
            near = one - d
            near = near if near > zero else zero
            near = near * near
            table[192 + a] += near * near


@compiled
def _extents(x, y, n, angle):
    """Lowest and highest u and v at one angle."""
    c, s = math.cos(angle), math.sin(angle)
    low_u, high_u, low_v, high_v = math.inf, -math.inf, math.inf, -math.inf
    for i in range(n):
        u = c * x[i] + s * y[i]
        v = c * y[i] - s * x[i]
        low_u = u if u < low_u else low_u
        high_u = u if u > high_u else high_u
        low_v = v if v < low_v else low_v
        high_v = v if v > high_v else high_v
    return low_u, high_u, low_v, high_v


@compiled
def _closeness(x, y, n, angle, reach):
    """Sum over the points of (1 - distance to the nearest edge / reach) ** 4, none beyond the reach."""
    c, s = math.cos(angle), math.sin(angle)
    low_u, high_u, low_v, high_v = _extents(x, y, n, angle)
    total = 0.0
    inverse = 1.0 / reach
    for i in range(n):
        u = c * x[i] + s * y[i]
        v = c * y[i] - s * x[i]
        d = high_u - u if high_u - u < u - low_u else u - low_u
        e = high_v - v if high_v - v < v - low_v else v - low_v
        near = 1.0 - inverse * (e if e < d else d)
        near = near if near > 0.0 else 0.0
        near = near * near
        total += near * near
    return total


@compiled
def _straightened(x, y, n, angle, reach, noise, sums):
    """The angle at which the points near the four edges lie on straight lines, two by two parallel (total least squares).

    Each point belongs to the nearest edge; the band around an edge starts at the reach inside the bounding rectangle and then follows the points.
    """
    at = np.array(_extents(x, y, n, angle))  # where the four lines are: u low, u high, v low, v high
    band = reach
    for _ in range(N_REFINEMENTS):
        c, s = math.cos(angle), math.sin(angle)
        sums[:] = 0.0
        for i in range(n):
            u = c * x[i] + s * y[i]
            v = c * y[i] - s * x[i]
            edge = 0 if abs(u - at[0]) < abs(u - at[1]) else 1
            off = u - at[edge]
            side = 2 if abs(v - at[2]) < abs(v - at[3]) else 3
            if abs(v - at[side]) < abs(off):
                edge = side
                off = v - at[side]
            if abs(off) < band:
                near = 1.0 - (off / band) ** 2
                w = near * near
                sums[edge, 0] += w
                sums[edge, 1] += w * u
                sums[edge, 2] += w * v
                sums[edge, 3] += w * u * u
                sums[edge, 4] += w * u * v
                sums[edge, 5] += w * v * v
        # scatter about each line's own middle; that of the v edges turned by a right angle, so that all normals are the u axis
        uu, uv, vv, weight = 0.0, 0.0, 0.0, 0.0
        for edge in range(4):
            w = sums[edge, 0]
            if w > 0.0:
                mu, mv = sums[edge, 1] / w, sums[edge, 2] / w
                a, b, d = sums[edge, 3] - w * mu * mu, sums[edge, 4] - w * mu * mv, sums[edge, 5] - w * mv * mv
                weight += w
                if edge < 2:
                    uu, uv, vv = uu + a, uv + b, vv + d
                else:
                    uu, uv, vv = uu + d, uv - b, vv + a
        if weight == 0.0:
            break
        turn = 0.5 * math.atan2(-2.0 * uv, vv - uu)
        turn = max(-0.1, min(0.1, turn))
        angle += turn
        ct, st = math.cos(turn), math.sin(turn)
        for edge in range(4):  # each line turns about its own middle
            w = sums[edge, 0]
            if w > 0.0:
                mu, mv = sums[edge, 1] / w, sums[edge, 2] / w
                at[edge] = ct * mu + st * mv if edge < 2 else ct * mv - st * mu
        spread = math.sqrt(max(0.0, uu) / weight)
        band = min(band, max(4.0 * noise, 4.0 * spread))
    return angle


@compiled
def rectangle(x, y, n, noise, small_x, small_y, table, sums):
    """Angle in [0, pi/2) of the best rectangle around n points near the origin, and its extents."""
    reach = REACH * noise
    scale = 1.0 / reach
    for i in range(n):
        small_x[i] = np.float32(x[i] * scale)
        small_y[i] = np.float32(y[i] * scale)
    for a in range(N_ANGLES):
        table[a] = np.float32(math.cos(a * math.pi / 2 / N_ANGLES))
        table[32 + a] = np.float32(math.sin(a * math.pi / 2 / N_ANGLES))
    _coarse_closeness(small_x, small_y, n, table)
    first, second = -1, -1
    for a in range(N_ANGLES):
        here = table[192 + a]
        if here >= table[192 + (a - 1) % N_ANGLES] and here >= table[192 + (a + 1) % N_ANGLES]:
            if first < 0 or here > table[192 + first]:
                first, second = a, first
            elif second < 0 or here > table[192 + second]:
                second = a
    best_angle = _straightened(x, y, n, first * math.pi / 2 / N_ANGLES, reach, noise, sums)
    if second >= 0 and table[192 + second] > RIVAL * table[192 + first]:
        angle = _straightened(x, y, n, second * math.pi / 2 / N_ANGLES, reach, noise, sums)
        if _closeness(x, y, n, angle, reach) > _closeness(x, y, n, best_angle, reach):
            best_angle = angle
    best_angle -= math.floor(best_angle / (math.pi / 2)) * (math.pi / 2)
    return best_angle, _extents(x, y, n, best_angle)


@kernel
def fit_rectangles(points, offsets, noise, out_center, out_size, out_yaw):
    """One rectangle per cluster: centre, (length, width), yaw of the longer side in (-pi/2, pi/2]; NaN where fewer than three points are finite."""
    longest = 1
    for c in range(len(offsets) - 1):
        longest = max(longest, offsets[c + 1] - offsets[c])
    x, y = np.empty(longest), np.empty(longest)
    small_x, small_y = np.empty(longest, np.float32), np.empty(longest, np.float32)
    table, sums = np.empty(7 * N_ANGLES, np.float32), np.empty((4, 6))
    for c in range(len(offsets) - 1):
        n, x0, y0 = 0, 0.0, 0.0
        for i in range(offsets[c], offsets[c + 1]):
            px, py = np.float64(points[i, 0]), np.float64(points[i, 1])
            if math.isfinite(px) and math.isfinite(py):
                if n == 0:
                    x0, y0 = px, py
                x[n], y[n] = px - x0, py - y0
                n += 1
        if n < 3:
            out_center[c, 0] = out_center[c, 1] = out_size[c, 0] = out_size[c, 1] = out_yaw[c] = math.nan
            continue
        angle, (low_u, high_u, low_v, high_v) = rectangle(x, y, n, noise, small_x, small_y, table, sums)
        mid_u, mid_v = (low_u + high_u) / 2, (low_v + high_v) / 2
        out_center[c, 0] = x0 + math.cos(angle) * mid_u - math.sin(angle) * mid_v
        out_center[c, 1] = y0 + math.sin(angle) * mid_u + math.cos(angle) * mid_v
        if high_u - low_u < high_v - low_v:
            angle -= math.pi / 2 if angle > 0.0 else -math.pi / 2
            low_u, high_u, low_v, high_v = low_v, high_v, low_u, high_u
        out_size[c, 0], out_size[c, 1] = high_u - low_u, high_v - low_v
        out_yaw[c] = angle
