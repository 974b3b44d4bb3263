"""Intersection over union of cuboids, seen from above and in space.

Every pair is put in order first, thinner cuboid first, and measured in the first one's own frame: the result is symmetric to the last bit, and
large map coordinates cancel before anything else happens. Nothing here decides what touches what: areas and volumes are sums over the second
cuboid's edges or faces, cut off at the first one's faces, and change smoothly when faces come to lie in one plane.
"""

from __future__ import annotations

import numpy as np

from . import compiled, kernel

# columns of a row: smallest half size, half sizes, centre, columns of the rotation; what follows is derived
HALF, CENTER, ROTATION = 1, 4, 7
RADIUS, AREA, VOLUME, UPRIGHT = 16, 17, 18, 19
N_COLUMNS = 20
MOST_CORNERS = 96  # a convex polygon gains one corner per cut; rounding could at worst give half as many again
SLACK = 1e-9
A_POINT = 1e-30  # edges this short, measured by the cuboid, are points: the signs of their cross products would drown


@kernel
def packed(centers, sizes, rotations, out_rows):
    """One row per cuboid, columns as above; rows of NaN stay rows of NaN."""
    for m in range(len(centers)):
        row, r = out_rows[m], rotations[m]
        for axis in range(3):
            row[HALF + axis] = sizes[m, axis] / 2
            row[CENTER + axis] = centers[m, axis]
            for i in range(3):
                row[ROTATION + 3 * axis + i] = r[i, axis]
        row[0] = min(row[HALF], row[HALF + 1], row[HALF + 2])
        upright = r[0, 2] == 0 and r[1, 2] == 0 and r[2, 0] == 0 and r[2, 1] == 0 and r[2, 2] == 1
        reach_x = (abs(r[0, 0]) * sizes[m, 0] + abs(r[0, 1]) * sizes[m, 1] + abs(r[0, 2]) * sizes[m, 2]) / 2
        reach_y = (abs(r[1, 0]) * sizes[m, 0] + abs(r[1, 1]) * sizes[m, 1] + abs(r[1, 2]) * sizes[m, 2]) / 2
        row[VOLUME] = sizes[m, 0] * sizes[m, 1] * sizes[m, 2]
        if upright:
            row[RADIUS] = np.sqrt(row[HALF] ** 2 + row[HALF + 1] ** 2)
            row[AREA] = sizes[m, 0] * sizes[m, 1]
        else:
            row[RADIUS] = np.sqrt(reach_x**2 + reach_y**2)
            row[AREA] = 0.0
            for axis in range(3):  # the outline is a zonogon: as many parallelograms as pairs of edges
                other = (axis + 1) % 3
                row[AREA] += abs(r[0, axis] * r[1, other] - r[1, axis] * r[0, other]) * sizes[m, axis] * sizes[m, other]
        row[RADIUS] *= 1 + SLACK
        row[UPRIGHT] = 1.0 if upright else 0.0


@compiled
def _order(p, q):
    """-1, 0 or 1 as p comes before q, equals it, or comes after."""
    for k in range(RADIUS):
        if p[k] != q[k]:
            return -1 if p[k] < q[k] else 1
    return 0


@compiled
def _clamped(value, limit):
    return min(max(value, -limit), limit)


@compiled
def _rectangle_overlap(p, q):
    """Area shared by two upright cuboids seen from above: in p's frame, where p is |x| <= a, |y| <= b, minus the integral over q's
    edges, counter-clockwise, of y cut off at +-b, along the part of the edge with x within +-a (Green)."""
    a, b, half_x, half_y = p[HALF], p[HALF + 1], q[HALF], q[HALF + 1]
    dx, dy = q[CENTER] - p[CENTER], q[CENTER + 1] - p[CENTER + 1]
    cos_p, sin_p, cos_q, sin_q = p[ROTATION], p[ROTATION + 1], q[ROTATION], q[ROTATION + 1]
    center_x, center_y = cos_p * dx + sin_p * dy, cos_p * dy - sin_p * dx
    cos, sin = cos_p * cos_q + sin_p * sin_q, cos_p * sin_q - sin_p * cos_q
    abs_cos, abs_sin = abs(cos), abs(sin)
    if abs(center_x) >= a + abs_cos * half_x + abs_sin * half_y or abs(center_y) >= b + abs_sin * half_x + abs_cos * half_y:
        return 0.0
    if abs(cos_q * dx + sin_q * dy) >= half_x + abs_cos * a + abs_sin * b or abs(cos_q * dy - sin_q * dx) >= half_y + abs_sin * a + abs_cos * b:
        return 0.0
    length_x, length_y, width_x, width_y = cos * half_x, sin * half_x, -sin * half_y, cos * half_y
    x0, y0 = center_x + length_x - width_x, center_y + length_y - width_y
    area = 0.0
    for edge in range(4):
        if edge == 0:
            step_x, step_y = 2 * width_x, 2 * width_y
        elif edge == 1:
            step_x, step_y = -2 * length_x, -2 * length_y
        elif edge == 2:
            step_x, step_y = -2 * width_x, -2 * width_y
        else:
            step_x, step_y = 2 * length_x, 2 * length_y
        x1, y1 = x0 + step_x, y0 + step_y
        left, right = _clamped(x0, a), _clamped(x1, a)
        if left != right:
            slope = step_y / step_x
            y_left, y_right = y0 + (left - x0) * slope, y0 + (right - x0) * slope
            mean = (_clamped(y_left, b) + _clamped(y_right, b)) / 2
            low, high = min(y_left, y_right), max(y_left, y_right)
            if (high > b or low < -b) and low < b and high > -b:
                above, below = max(high - b, 0.0) / (high - low), max(-b - low, 0.0) / (high - low)
                mean = b * (above - below) + _mean_within(low, high, b) * (1 - above - below)
            area -= (right - left) * mean
        x0, y0 = x1, y1
    return area


@compiled
def _mean_within(low, high, limit):
    """Mean of a straight run from low to high over its part within +-limit."""
    return (_clamped(low, limit) + _clamped(high, limit)) / 2


@compiled
def _cut(polygon, n, along_x, along_y, along_z, limit, out):
    """Sutherland and Hodgman (CACM 17(1), 1974): the part of the polygon where along . v <= limit; number of its corners."""
    n_out = 0
    if n == 0:
        return 0
    last = n - 1
    last_beyond = along_x * polygon[last, 0] + along_y * polygon[last, 1] + along_z * polygon[last, 2] - limit
    for i in range(n):
        beyond = along_x * polygon[i, 0] + along_y * polygon[i, 1] + along_z * polygon[i, 2] - limit
        if (beyond > 0) != (last_beyond > 0):
            share = last_beyond / (last_beyond - beyond)
            for axis in range(3):
                out[n_out, axis] = polygon[last, axis] + share * (polygon[i, axis] - polygon[last, axis])
            n_out += 1
        if beyond <= 0:
            for axis in range(3):
                out[n_out, axis] = polygon[i, axis]
            n_out += 1
        last, last_beyond = i, beyond
    return n_out


@compiled
def _integral(polygon, n, weighted, base):
    """Signed area of the polygon in x, y, or the integral of z - base over it."""
    total = 0.0
    for i in range(2, n):
        cross = (polygon[i - 1, 0] - polygon[0, 0]) * (polygon[i, 1] - polygon[0, 1])
        cross -= (polygon[i - 1, 1] - polygon[0, 1]) * (polygon[i, 0] - polygon[0, 0])
        height = (polygon[0, 2] + polygon[i - 1, 2] + polygon[i, 2]) / 3 - base if weighted else 1.0
        total += cross / 2 * height
    return total


@compiled
def _outline(row, edges):
    """The half edges of a cuboid's outline seen from above, turned into the upper half plane and sorted by angle: half the zonogon's walk.

    Returns their number: an upright edge is a point from above, has no angle, and is left out.
    """
    n = 0
    for axis in range(3):
        x, y = row[ROTATION + 3 * axis] * row[HALF + axis], row[ROTATION + 3 * axis + 1] * row[HALF + axis]
        if abs(x) + abs(y) <= A_POINT * row[RADIUS]:
            continue
        if y < 0 or (y == 0 and x < 0):
            x, y = -x, -y
        at = n
        while at > 0 and edges[at - 1, 0] * y - edges[at - 1, 1] * x < 0:
            edges[at, 0], edges[at, 1] = edges[at - 1, 0], edges[at - 1, 1]
            at -= 1
        edges[at, 0], edges[at, 1] = x, y
        n += 1
    return n


@compiled
def _outline_overlap(p, q, edges, first, second):
    """Area shared by the outlines of two cuboids seen from above."""
    half = _outline(q, edges)
    x, y = q[CENTER] - p[CENTER], q[CENTER + 1] - p[CENTER + 1]
    for i in range(half):
        x, y = x - edges[i, 0], y - edges[i, 1]
    n = 2 * half
    for i in range(n):
        first[i, 0], first[i, 1], first[i, 2] = x, y, 0.0
        sign = 2.0 if i < half else -2.0
        x, y = x + sign * edges[i % half, 0], y + sign * edges[i % half, 1]
    half = _outline(p, edges)
    x, y = 0.0, 0.0
    for i in range(half):
        x, y = x - edges[i, 0], y - edges[i, 1]
    for i in range(2 * half):
        # the edge itself gives the direction: the difference of two rounded corners would not, where the edge is short
        sign = 2.0 if i < half else -2.0
        edge_x, edge_y = sign * edges[i % half, 0], sign * edges[i % half, 1]
        n = _cut(first, n, edge_y, -edge_x, 0.0, edge_y * x - edge_x * y, second)
        first, second = second, first
        x, y = x + edge_x, y + edge_y
        if n == 0:
            return 0.0
    return _integral(first, n, False, 0.0)


@compiled
def _shared_volume(p, q, local, first, second):
    """Volume shared by two cuboids, turned in any way: in p's frame, where p is |x| <= a, |y| <= b, |z| <= c, the sum over q's faces of the
    integral of z + c, cut off at 0 and at 2 c, over the face's shadow on p's rectangle; upper faces count as positive, lower as negative."""
    thin = 0 if p[HALF] == p[0] else 1 if p[HALF + 1] == p[0] else 2  # as z, since z is what is integrated
    limit_x, limit_y, limit_z = p[HALF + (thin + 1) % 3], p[HALF + (thin + 2) % 3], p[HALF + thin]
    for i in range(3):
        axis = ROTATION + 3 * ((thin + 1 + i) % 3)
        for k in range(3):
            other = ROTATION + 3 * k
            local[i, k] = (p[axis] * q[other] + p[axis + 1] * q[other + 1] + p[axis + 2] * q[other + 2]) * q[HALF + k]
        dx, dy, dz = q[CENTER] - p[CENTER], q[CENTER + 1] - p[CENTER + 1], q[CENTER + 2] - p[CENTER + 2]
        local[i, 3] = p[axis] * dx + p[axis + 1] * dy + p[axis + 2] * dz
        if abs(local[i, 3]) >= p[HALF + (thin + 1 + i) % 3] + abs(local[i, 0]) + abs(local[i, 1]) + abs(local[i, 2]):
            return 0.0
    local[2, 3] += limit_z
    volume = 0.0
    for face in range(6):
        axis, sign = face // 2, 1.0 if face % 2 else -1.0
        u, v = ((axis + 1) % 3, (axis + 2) % 3) if face % 2 else ((axis + 2) % 3, (axis + 1) % 3)
        for corner in range(4):
            sign_u, sign_v = 1.0 if corner == 0 or corner == 3 else -1.0, 1.0 if corner < 2 else -1.0
            for i in range(3):
                first[corner, i] = local[i, 3] + sign * local[i, axis] + sign_u * local[i, u] + sign_v * local[i, v]
        n = np.int64(4)  # not a constant: one handed on is compiled as a type of its own
        for side in range(5):  # z >= 0 and the four sides of the rectangle
            along_x, along_y = (0.0, 1.0, -1.0, 0.0, 0.0)[side], (0.0, 0.0, 0.0, 1.0, -1.0)[side]
            limit = 0.0 if side == 0 else limit_x if side < 3 else limit_y
            n = _cut(first, n, along_x, along_y, -1.0 if side == 0 else 0.0, limit, second)
            first, second = second, first
        volume += _integral(first, n, True, 0.0)
        n = _cut(first, n, 0.0, 0.0, -1.0, -2 * limit_z, second)
        volume -= _integral(second, n, True, 2 * limit_z)
    return volume


@compiled
def _ratio(shared, a, b):
    """Intersection over union; within 0 and 1 whatever was rounded on the way."""
    shared = min(max(shared, 0.0), a, b)
    return min(shared / (a + b - shared), 1.0)


@compiled
def _upright_pair(a, b):
    """(bird's-eye, volumetric) of two upright cuboids."""
    order = _order(a, b)
    if order == 0:
        return 1.0, 1.0
    p, q = (a, b) if order < 0 else (b, a)
    area = _rectangle_overlap(p, q)
    if area <= 0:
        return 0.0, 0.0
    height = q[CENTER + 2] - p[CENTER + 2]
    shared = min(p[HALF + 2], height + q[HALF + 2]) - max(-p[HALF + 2], height - q[HALF + 2])
    volumetric = 0.0 if shared <= 0 else _ratio(min(area, p[AREA], q[AREA]) * shared, p[VOLUME], q[VOLUME])
    return _ratio(area, p[AREA], q[AREA]), volumetric


@compiled
def _is_near(a, b):
    """False too for rows of NaN."""
    dx, dy, reach = a[CENTER] - b[CENTER], a[CENTER + 1] - b[CENTER + 1], a[RADIUS] + b[RADIUS]
    return dx * dx + dy * dy <= reach * reach


@kernel
def all_pairs(begin, rows_a, rows_b, order_b, must_clear, out_bev, out_volume, out_tilted):
    """(A, B) each, from row `begin` on; rows_b come sorted by the centre's x, order_b tells which they were. An empty array is not written.

    Near pairs that are not both upright are left to `tilted_bev` and `tilted_volume`: (row of a, row of b, place in the result) in out_tilted.
    Goes on while there is room for them; (number of them, next row).
    """
    n = len(rows_b)
    x_b = np.empty(n)
    widest = 0.0
    for j in range(n):
        x_b[j] = rows_b[j, CENTER]
        if rows_b[j, RADIUS] > widest:
            widest = rows_b[j, RADIUS]
    wants_bev, wants_volume = len(out_bev) > 0, len(out_volume) > 0
    n_columns = max(out_bev.shape[1], out_volume.shape[1])
    n_tilted = 0
    for i in range(begin, len(rows_a)):
        if n_tilted + n > len(out_tilted):
            return n_tilted, i
        if must_clear:
            for j in range(out_bev.shape[1]):
                out_bev[i, j] = 0.0
            for j in range(out_volume.shape[1]):
                out_volume[i, j] = 0.0
        a = rows_a[i]
        reach = a[RADIUS] + widest + SLACK * abs(a[CENTER])
        low, high = 0, n
        while low < high:
            middle = (low + high) // 2
            if x_b[middle] < a[CENTER] - reach:
                low = middle + 1
            else:
                high = middle
        for j in range(low, n):
            if not x_b[j] <= a[CENTER] + reach:
                break
            if not _is_near(a, rows_b[j]):
                continue
            if a[UPRIGHT] == 0 or rows_b[j, UPRIGHT] == 0:
                out_tilted[n_tilted, 0], out_tilted[n_tilted, 1], out_tilted[n_tilted, 2] = i, j, i * n_columns + order_b[j]
                n_tilted += 1
                continue
            bev, volumetric = _upright_pair(a, rows_b[j])
            if wants_bev and bev > 0:
                out_bev[i, order_b[j]] = bev
            if wants_volume and volumetric > 0:
                out_volume[i, order_b[j]] = volumetric
    return n_tilted, len(rows_a)


@kernel
def pairs(rows_a, rows_b, out_bev, out_volume, out_tilted):
    """(A,) each, row by row, into zeros; an empty array is not written. Tilted pairs as in `all_pairs`; number of them."""
    n_tilted = 0
    for i in range(len(rows_a)):
        if not _is_near(rows_a[i], rows_b[i]):
            continue
        if rows_a[i, UPRIGHT] == 0 or rows_b[i, UPRIGHT] == 0:
            out_tilted[n_tilted, 0], out_tilted[n_tilted, 1], out_tilted[n_tilted, 2] = i, i, i
            n_tilted += 1
            continue
        bev, volumetric = _upright_pair(rows_a[i], rows_b[i])
        if len(out_bev) > 0:
            out_bev[i] = bev
        if len(out_volume) > 0:
            out_volume[i] = volumetric
    return n_tilted


@kernel
def tilted_bev(rows_a, rows_b, tilted, out_bev):
    """The given pairs by the general way, seen from above; the result is flat. A kernel of its own, as is the next: many need but one of the two."""
    edges, first, second = np.empty((3, 2)), np.empty((MOST_CORNERS, 3)), np.empty((MOST_CORNERS, 3))
    for k in range(len(tilted)):
        p, q = rows_a[tilted[k, 0]], rows_b[tilted[k, 1]]
        order = _order(p, q)
        if order > 0:
            p, q = q, p
        shared = p[AREA] if order == 0 else _outline_overlap(p, q, edges, first, second)
        out_bev[tilted[k, 2]] = _ratio(shared, p[AREA], q[AREA])


@kernel
def tilted_volume(rows_a, rows_b, tilted, out_volume):
    """The given pairs by the general way, in space; the result is flat."""
    local, first, second = np.empty((3, 4)), np.empty((MOST_CORNERS, 3)), np.empty((MOST_CORNERS, 3))
    for k in range(len(tilted)):
        p, q = rows_a[tilted[k, 0]], rows_b[tilted[k, 1]]
        order = _order(p, q)
        if order > 0:
            p, q = q, p
        shared = p[VOLUME] if order == 0 else _shared_volume(p, q, local, first, second)
        out_volume[tilted[k, 2]] = _ratio(shared, p[VOLUME], q[VOLUME])
