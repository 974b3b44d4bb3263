"""Points and cuboids into pictures.

A camera comes as one row of numbers (`PinholeCamera.packed` says which), a pose as twelve (rotation by rows, then translation).
Points are projected in blocks kept as columns in a scratch array, so that every step is one plain loop which the compiler turns into vector
instructions. `np.divide` stands where a divisor cannot be zero: numba's `/` would test for it, and the test ends the vectorisation.
"""

import math

import numpy as np

from . import compiled, kernel

BLOCK = 256
PLAIN, RADIAL, FULL, FISHEYE = 0, 1, 2, 3
OK, BEHIND, FOLD, OUTSIDE, NOT_FINITE, UNSURE = 0.0, 1.0, 2.0, 3.0, 4.0, 5.0  # floats until stored: vectors of whole numbers are slow to convert
X, Y, Z, U, V, STATUS = 0, BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 5 * BLOCK  # columns of the scratch array

# atan(t) / t as a polynomial in t^2 for |t| <= tan(pi / 8), by Chebyshev interpolation in forty digits: within 6e-17 of the truth
A0, A1, A2, A3, A4, A5 = 1.0, -0.3333333333332844, 0.1999999999885511, -0.14285714180976467, 0.11111106180455946, -0.09090773074808414
A6, A7, A8, A9, A10 = 0.07689953496306857, -0.06640233930429408, 0.056883492268090106, -0.04348052215716462, 0.021135373157693246
TAN_22_5_DEG = 0.41421356237309503


@kernel
def project_points(points, poses, lenses, out_image, out_status):
    """points (N, 3); poses (C, 12) cam from points; lenses (C, 30); out_image (C, 3, N) u, v, depth; out_status (C, N).

    Every block of points is read once and projected into all cameras while it lies in the cache.
    """
    source = np.empty(3 * BLOCK)
    work = np.empty(6 * BLOCK)
    for start in range(0, points.shape[0], BLOCK):
        n = min(BLOCK, points.shape[0] - start)
        _load(points[start : start + n], source, n)
        for c in range(poses.shape[0]):
            lens = lenses[c]
            n_front = _transform(source, poses[c], work, n)
            if lens[0] == FISHEYE:
                _fisheye(lens, work, n)
            elif n_front == 0:
                _behind(work, n)
            elif lens[0] == FULL:
                _full(lens, work, n)
            elif lens[0] == RADIAL:
                _radial(lens, work, n)
            else:
                _plain(lens, work, n)
            if lens[8] < lens[7]:
                _settle(lens, work, n)
            _store(work, U, out_image[c, 0, start : start + n], n)
            _store(work, V, out_image[c, 1, start : start + n], n)
            _store(work, Z, out_image[c, 2, start : start + n], n)
            _store(work, STATUS, out_status[c, start : start + n], n)


@compiled
def _load(points, source, n):
    for i in range(n):
        source[X + i] = points[i, 0]
        source[Y + i] = points[i, 1]
        source[Z + i] = points[i, 2]


@compiled
def _store(work, column, out, n):
    for i in range(n):
        out[i] = work[column + i]


@compiled
def _transform(source, pose, work, n):
    """Into the camera's frame. Returns how many points are in front.

    z becomes NaN where a coordinate is not finite, for then the sum minus itself is not 0.
    """
    n_front = 0
    r00, r01, r02, r10, r11, r12, r20, r21, r22 = pose[0], pose[1], pose[2], pose[3], pose[4], pose[5], pose[6], pose[7], pose[8]
    tx, ty, tz = pose[9], pose[10], pose[11]
    for i in range(n):
        x, y, z = source[X + i], source[Y + i], source[Z + i]
        x_cam = r00 * x + r01 * y + r02 * z + tx
        y_cam = r10 * x + r11 * y + r12 * z + ty
        z_cam = r20 * x + r21 * y + r22 * z + tz
        total = x_cam + y_cam + z_cam
        work[X + i] = x_cam
        work[Y + i] = y_cam
        work[Z + i] = z_cam if total - total == 0.0 else np.nan
        n_front += z_cam > 0.0
    return n_front


@compiled
def _behind(work, n):
    for i in range(n):
        z = work[Z + i]
        work[U + i] = np.nan
        work[V + i] = np.nan
        work[STATUS + i] = BEHIND if z == z else NOT_FINITE


@compiled
def _plain(lens, work, n):
    fx, fy, cx, cy, limit = lens[1], lens[2], lens[3], lens[4], lens[7]
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    for i in range(n):
        z = work[Z + i]
        inverse = np.divide(1.0, z if z > 0.0 else 1.0)
        a = work[X + i] * inverse
        b = work[Y + i] * inverse
        u = fx * a + cx
        v = fy * b + cy
        front = (z > 0.0) & (a * a + b * b <= limit)
        inside = (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)
        status = OK if inside else OUTSIDE
        status = status if front else BEHIND
        work[U + i] = u if front else np.nan
        work[V + i] = v if front else np.nan
        work[STATUS + i] = status if z == z else NOT_FINITE


@compiled
def _radial(lens, work, n):
    fx, fy, cx, cy, limit, sure = lens[1], lens[2], lens[3], lens[4], lens[7], lens[8]
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    k1, k2, p1, p2, k3 = lens[9], lens[10], lens[11], lens[12], lens[13]
    for i in range(n):
        z = work[Z + i]
        inverse = np.divide(1.0, z if z > 0.0 else 1.0)
        a = work[X + i] * inverse
        b = work[Y + i] * inverse
        rho = a * a + b * b
        radial = 1.0 + rho * (k1 + rho * (k2 + rho * k3))
        twist = 2.0 * (p1 * b + p2 * a)
        u = fx * (a * (radial + twist) + p2 * rho) + cx
        v = fy * (b * (radial + twist) + p1 * rho) + cy
        mapped = (z > 0.0) & (rho <= limit)
        inside = (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)
        status = OK if inside else OUTSIDE
        status = status if rho <= sure else UNSURE
        status = status if rho <= limit else FOLD
        status = status if z > 0.0 else BEHIND
        work[U + i] = u if mapped else np.nan
        work[V + i] = v if mapped else np.nan
        work[STATUS + i] = status if z == z else NOT_FINITE


@compiled
def _full(lens, work, n):
    fx, fy, cx, cy, limit, sure = lens[1], lens[2], lens[3], lens[4], lens[7], lens[8]
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    k1, k2, p1, p2, k3, k4, k5, k6 = lens[9], lens[10], lens[11], lens[12], lens[13], lens[14], lens[15], lens[16]
    s1, s2, s3, s4 = lens[17], lens[18], lens[19], lens[20]
    t00, t01, t02, t10, t11, t12, t20, t21, t22 = lens[21], lens[22], lens[23], lens[24], lens[25], lens[26], lens[27], lens[28], lens[29]
    for i in range(n):
        z = work[Z + i]
        inverse = np.divide(1.0, z if z > 0.0 else 1.0)
        a = work[X + i] * inverse
        b = work[Y + i] * inverse
        rho = a * a + b * b
        bottom_part = 1.0 + rho * (k4 + rho * (k5 + rho * k6))
        mapped = (z > 0.0) & (rho <= limit) & (bottom_part > 0.0)
        radial = np.divide(1.0 + rho * (k1 + rho * (k2 + rho * k3)), bottom_part if mapped else 1.0)
        twist = 2.0 * (p1 * b + p2 * a)
        x = a * (radial + twist) + p2 * rho + rho * (s1 + s2 * rho)
        y = b * (radial + twist) + p1 * rho + rho * (s3 + s4 * rho)
        w = t20 * x + t21 * y + t22
        mapped = mapped & (w > 0.0)
        inverse = np.divide(1.0, w if mapped else 1.0)
        u = fx * (t00 * x + t01 * y + t02) * inverse + cx
        v = fy * (t10 * x + t11 * y + t12) * inverse + cy
        inside = (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)
        status = OK if inside else OUTSIDE
        status = status if rho <= sure else UNSURE
        status = status if mapped else FOLD
        status = status if z > 0.0 else BEHIND
        work[U + i] = u if mapped else np.nan
        work[V + i] = v if mapped else np.nan
        work[STATUS + i] = status if z == z else NOT_FINITE


@compiled
def _fisheye(lens, work, n):
    fx, fy, cx, cy, limit = lens[1], lens[2], lens[3], lens[4], lens[7]
    right, bottom = lens[5] - 0.5, lens[6] - 0.5
    k1, k2, k3, k4 = lens[9], lens[10], lens[11], lens[12]
    for i in range(n):
        x, y, z = work[X + i], work[Y + i], work[Z + i]
        r = math.sqrt(x * x + y * y)
        # atan2(r, z), written out so that it becomes vector instructions
        ahead = abs(z)
        small, big = (r if r < ahead else ahead), (ahead if r < ahead else r)
        near_1 = small > TAN_22_5_DEG * big
        over, under = (small - big if near_1 else small), (small + big if near_1 else big)
        t = np.divide(over, under if under > 0.0 else 1.0)
        t2 = t * t
        theta = t * (A0 + t2 * (A1 + t2 * (A2 + t2 * (A3 + t2 * (A4 + t2 * (A5 + t2 * (A6 + t2 * (A7 + t2 * (A8 + t2 * (A9 + t2 * (A10)))))))))))
        theta = theta + math.pi / 4 if near_1 else theta
        theta = math.pi / 2 - theta if r > ahead else theta
        theta = math.pi - theta if z < 0.0 else theta
        square = theta * theta
        bent = theta * (1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
        scale = np.divide(bent, r if r > 0.0 else 1.0)
        u = fx * x * scale + cx
        v = fy * y * scale + cy
        mapped = (theta <= limit) & ((r > 0.0) | (z > 0.0))
        inside = (u >= -0.5) & (u < right) & (v >= -0.5) & (v < bottom)
        status = OK if inside else OUTSIDE
        status = status if mapped else FOLD
        status = status if (r > 0.0) | (z != 0.0) else BEHIND
        work[U + i] = u if mapped else np.nan
        work[V + i] = v if mapped else np.nan
        work[STATUS + i] = status if z == z else NOT_FINITE


@compiled
def _settle(lens, work, n):
    """Points between the radius that is sure in every direction and the radial limit, one by one; there are few, if any."""
    unsure = 0
    for i in range(n):
        unsure += work[STATUS + i] == UNSURE
    if unsure == 0:
        return
    for i in range(n):
        if work[STATUS + i] != UNSURE:
            continue
        if unfolded(lens, work[X + i] / work[Z + i], work[Y + i] / work[Z + i]):
            u, v = work[U + i], work[V + i]
            inside = u >= -0.5 and u < lens[5] - 0.5 and v >= -0.5 and v < lens[6] - 0.5
            work[STATUS + i] = OK if inside else OUTSIDE
        else:
            work[U + i] = np.nan
            work[V + i] = np.nan
            work[STATUS + i] = FOLD


@compiled
def unfolded(lens, a, b):
    """Whether the whole distortion keeps its orientation all the way from the surely good radius out to (a, b), looked at in steps of 2 %."""
    first = math.sqrt(lens[8] / (a * a + b * b))
    steps = math.ceil(-50.0 * math.log(first)) + 1
    for k in range(1, steps + 1):
        share = first ** (1.0 - k / steps)
        if not orientation(lens, a * share, b * share) > 0.0:
            return False
    return True


@compiled
def orientation(lens, a, b):
    """The determinant of the distortion's derivative at (a, b), before the tilt; -1 where the rational part or the tilt has its pole."""
    k1, k2, p1, p2, k3, k4, k5, k6 = lens[9], lens[10], lens[11], lens[12], lens[13], lens[14], lens[15], lens[16]
    s1, s2, s3, s4 = lens[17], lens[18], lens[19], lens[20]
    rho = a * a + b * b
    over = 1.0 + rho * (k1 + rho * (k2 + rho * k3))
    under = 1.0 + rho * (k4 + rho * (k5 + rho * k6))
    if under <= 0.0:
        return -1.0
    radial = over / under
    slope = ((k1 + rho * (2.0 * k2 + rho * 3.0 * k3)) - radial * (k4 + rho * (2.0 * k5 + rho * 3.0 * k6))) / under
    twist = 2.0 * (p1 * b + p2 * a)
    x = a * (radial + twist) + p2 * rho + rho * (s1 + s2 * rho)
    y = b * (radial + twist) + p1 * rho + rho * (s3 + s4 * rho)
    if lens[27] * x + lens[28] * y + lens[29] <= 0.0:
        return -1.0
    prism_x = 2.0 * (p2 + s1 + 2.0 * s2 * rho)
    prism_y = 2.0 * (p1 + s3 + 2.0 * s4 * rho)
    x_a = radial + twist + a * (2.0 * slope * a + 2.0 * p2) + prism_x * a
    x_b = a * (2.0 * slope * b + 2.0 * p1) + prism_x * b
    y_a = b * (2.0 * slope * a + 2.0 * p2) + prism_y * a
    y_b = radial + twist + b * (2.0 * slope * b + 2.0 * p1) + prism_y * b
    return x_a * y_b - x_b * y_a


# ---- cuboids. Between pixels and directions there is one continuous map, so the visible part of a cuboid is bounded by pictures of its edges, by the
# border of the picture, and by the curve where the lens ends (its fold). Its box is spanned by what the picture shows of the edges and of that
# curve, and by the picture's corners whose rays meet the cuboid.

EDGE_ENDS = np.array([(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)])
FACE_EDGES = np.array([(0, 1, 2, 3), (4, 5, 6, 7), (3, 11, 7, 8), (1, 10, 5, 9), (0, 9, 4, 8), (2, 11, 6, 10)])
RIM = 256  # samples of the curve where the lens ends, as in cameras.py
PIECES, LOOKS = 8, 16  # an edge is seen in at most so many pieces; looks along an edge where only the whole distortion tells whether it is folded
PARTS, HALVINGS = 8, 8  # a curved edge is cut into 8 parts, each of which is halved up to 8 times
TOLERANCE_PX = 0.1
DEEPER, SWINGS = 60, 512  # halvings, and vertices in all, where an edge swings around the axis behind a fisheye
VERTICES = PARTS * 2**HALVINGS + 1 + SWINGS
NO_FOLD = 1e12


@kernel
def project_cuboids(corners, border_rays, lens, near, out_boxes, out_whole):
    """corners (M, 8, 3) in the cam frame; border_rays (RIM + 4, 3) where the lens ends, then of the picture's corners, NaN where there is none;
    lens (30,); near plane in metres.

    out_boxes (M, 4): left, top, right, bottom of the part the picture shows; out_whole (M, 4): the same were the picture boundless; NaN: nothing.
    """
    rim = np.empty((RIM, 2))
    has_rim = lens[0] == FISHEYE or (lens[0] != PLAIN and lens[8] < NO_FOLD)
    if has_rim:
        for i in range(RIM):
            rim[i, 0], rim[i, 1] = _pixel(lens, border_rays[i, 0], border_rays[i, 1], border_rays[i, 2])
    ways, ends, vertices = np.empty((18, 2, 3)), np.empty((PIECES, 2)), np.empty((VERTICES, 2))
    for m in range(corners.shape[0]):
        body, box, whole = corners[m], out_boxes[m], out_whole[m]
        for k in range(2):
            box[k] = whole[k] = np.inf
            box[k + 2] = whole[k + 2] = -np.inf
        entire = True
        for w in range(_ways(lens, body, near, ways)):
            entire &= _span_way(lens, ways[w], near, ends, vertices, box, whole)
        # a cuboid whose edges are all seen covers the whole rim or nothing of it
        covers = has_rim and (not entire or (lens[0] == FISHEYE and _meets(body, border_rays[0], 0.0)))
        first = 0 if covers else RIM
        _span_rays(lens, body, border_rays, rim, first, near, box, whole)
        for k in range(4):
            box[k] = box[k] if box[0] <= box[2] else np.nan
            whole[k] = whole[k] if whole[0] <= whole[2] else np.nan


@kernel
def cuboid_edges(corners, edges, lens, near, out_uv, out_starts):
    """What the picture shows of some edges of one cuboid, as lines.

    corners (8, 3); edges (E,) rows of EDGE_ENDS; out_uv (K, 2) vertices of all lines; out_starts (L,) where each line starts.
    Returns the number of vertices and of lines; what does not fit in is counted and not written.
    """
    ways, ends, vertices, piece = np.empty((18, 2, 3)), np.empty((PIECES, 2)), np.empty((VERTICES, 2)), np.empty(4)
    _ways(lens, corners, near, ways)
    n_vertices, n_lines = 0, 0
    for e in range(edges.shape[0]):
        way = ways[edges[e]]
        for p in range(_pieces(lens, way, near, ends)):
            is_open = False
            for i in range(_trace(lens, way, ends[p, 0], ends[p, 1], vertices) - 1):
                if not _clip(lens, vertices, i, i + 1, piece):
                    is_open = False
                    continue
                if not is_open and n_lines < out_starts.shape[0]:
                    out_starts[n_lines] = n_vertices
                for k in range(2 if is_open else 0, 4, 2):
                    if n_vertices < out_uv.shape[0]:
                        out_uv[n_vertices, 0], out_uv[n_vertices, 1] = piece[k], piece[k + 1]
                    n_vertices += 1
                n_lines += not is_open
                is_open = piece[2] == vertices[i + 1, 0] and piece[3] == vertices[i + 1, 1]
    return n_vertices, n_lines


@compiled
def _ways(lens, body, near, out_ways):
    """(n, 2, 3) ends of the twelve edges; then of the cuts through faces at the near plane of a pinhole, for there the visible part ends as well."""
    n = 12
    for e in range(12):
        for k in range(3):
            out_ways[e, 0, k] = body[EDGE_ENDS[e, 0], k]
            out_ways[e, 1, k] = body[EDGE_ENDS[e, 1], k]
    for f in range(6):
        found = 0
        for i in range(4):
            a, b = EDGE_ENDS[FACE_EDGES[f, i], 0], EDGE_ENDS[FACE_EDGES[f, i], 1]
            if lens[0] != FISHEYE and found < 2 and (body[a, 2] - near) * (body[b, 2] - near) < 0.0:
                share = (near - body[a, 2]) / (body[b, 2] - body[a, 2])
                for k in range(2):
                    out_ways[n, found, k] = body[a, k] + share * (body[b, k] - body[a, k])
                out_ways[n, found, 2] = near
                found += 1
        n += found == 2
    return n


@compiled
def _span(box, u, v):
    box[0], box[1] = min(box[0], u), min(box[1], v)
    box[2], box[3] = max(box[2], u), max(box[3], v)


@compiled
def _span_chord(lens, vertices, first, last, box, whole):
    """A chord between two vertices; `whole` takes all of it, `box` what lies in the picture."""
    piece = np.empty(4)
    _span(whole, vertices[first, 0], vertices[first, 1])
    _span(whole, vertices[last, 0], vertices[last, 1])
    if _clip(lens, vertices, first, last, piece):
        _span(box, piece[0], piece[1])
        _span(box, piece[2], piece[3])


@compiled
def _span_way(lens, way, near, ends, vertices, box, whole):
    """Returns whether the lens sees the entire way."""
    n_pieces = _pieces(lens, way, near, ends)
    for p in range(n_pieces):
        for i in range(_trace(lens, way, ends[p, 0], ends[p, 1], vertices) - 1):
            _span_chord(lens, vertices, i, i + 1, box, whole)
    return n_pieces == 1 and ends[0, 0] == 0.0 and ends[0, 1] == 1.0


@compiled
def _clip(lens, vertices, first, last, out_piece):
    """Liang-Barsky: the part of a chord in the picture, as u, v, u, v; False where there is none."""
    if _swings(lens, vertices[first], vertices[last], 0.8):
        return False
    low, high = 0.0, 1.0
    for k in range(2):
        start, delta, border = vertices[first, k], vertices[last, k] - vertices[first, k], lens[5 + k] - 0.5
        if delta == 0.0:
            if not -0.5 <= start <= border:
                return False
        else:
            t0, t1 = (-0.5 - start) / delta, (border - start) / delta
            low, high = max(low, min(t0, t1)), min(high, max(t0, t1))
    if not low <= high:
        return False
    for k in range(2):
        start, end, border = vertices[first, k], vertices[last, k], lens[5 + k] - 0.5
        out_piece[k] = start if low == 0.0 else min(max(start + low * (end - start), -0.5), border)
        out_piece[k + 2] = end if high == 1.0 else min(max(start + high * (end - start), -0.5), border)
    return True


@compiled
def _pieces(lens, way, near, out_ends):
    """(n, 2) shares of a way between which the lens sees it: cut at the near plane and where the lens ends (a cone)."""
    cuts = np.empty(5)
    cuts[0] = 0.0
    n = 1
    a, b = way[0], way[1]
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    fisheye = lens[0] == FISHEYE
    level = 0.0 if fisheye else near
    if (a[2] - level) * (b[2] - level) < 0.0:
        cuts[n] = (level - a[2]) / dz
        n += 1
    across, along = 0.0, 0.0
    if fisheye:
        across, along = math.cos(lens[7]) ** 2, math.sin(lens[7]) ** 2
    elif lens[7] < NO_FOLD:
        across, along = 1.0, lens[7]
    if across > 0.0:
        square = across * (dx * dx + dy * dy) - along * dz * dz
        half = across * (a[0] * dx + a[1] * dy) - along * a[2] * dz
        rest = across * (a[0] * a[0] + a[1] * a[1]) - along * a[2] * a[2]
        root = half * half - square * rest
        if root >= 0.0:
            q = -(half + math.copysign(math.sqrt(root), half))
            for numerator, divisor in ((q, square), (rest, q)):
                if divisor != 0.0 and 0.0 < numerator / divisor < 1.0:
                    cuts[n] = numerator / divisor
                    n += 1
    for i in range(2, n):
        for j in range(i, 1, -1):
            if cuts[j] < cuts[j - 1]:
                cuts[j], cuts[j - 1] = cuts[j - 1], cuts[j]
    cuts[n] = 1.0
    n_pieces = np.int64(0)  # not a constant, for a constant handed on would be compiled as a type of its own
    for i in range(n):
        middle = (cuts[i] + cuts[i + 1]) / 2
        x, y, z = a[0] + middle * dx, a[1] + middle * dy, a[2] + middle * dz
        if fisheye:
            seen = math.atan2(math.sqrt(x * x + y * y), z) <= lens[7]
        else:
            seen = z >= near and x * x + y * y <= lens[7] * z * z
        if not seen or cuts[i] == cuts[i + 1]:
            continue
        if n_pieces > 0 and out_ends[n_pieces - 1, 1] == cuts[i]:
            out_ends[n_pieces - 1, 1] = cuts[i + 1]
        else:
            out_ends[n_pieces, 0], out_ends[n_pieces, 1] = cuts[i], cuts[i + 1]
            n_pieces += 1
    return _unfolded_pieces(lens, way, out_ends, n_pieces) if lens[8] < lens[7] else n_pieces


@compiled
def _unfolded_pieces(lens, way, ends, n):
    """What is left of pieces within the radial limit where the whole distortion has to be unfolded, as it has for points; returns their number."""
    found, n_found = np.empty((PIECES, 2)), 0
    for i in range(n):
        found[i, 0], found[i, 1] = ends[i, 0], ends[i, 1]
    for i in range(n):
        start, end = found[i, 0], found[i, 1]
        p = _part(way, start, end)
        before, opened = False, start
        for k in range(LOOKS + 2):
            here = k <= LOOKS and _is_unfolded(lens, p, k / LOOKS)
            if here == before:
                continue
            crossing = start if k == 0 else end
            if 0 < k <= LOOKS:
                low, high = (k - 1) / LOOKS, k / LOOKS
                for _ in range(40):
                    middle = (low + high) / 2
                    if _is_unfolded(lens, p, middle) == before:
                        low = middle
                    else:
                        high = middle
                crossing = start + _share(p, high if here else low) * (end - start)
            if here:
                opened = crossing
            elif n_found < PIECES and opened < crossing:
                ends[n_found, 0], ends[n_found, 1] = opened, crossing
                n_found += 1
            before = here
    return n_found


@compiled
def _is_unfolded(lens, p, pace):
    share = _share(p, pace)
    z = p[0, 2] + share * (p[1, 2] - p[0, 2])
    a, b = (p[0, 0] + share * (p[1, 0] - p[0, 0])) / z, (p[0, 1] + share * (p[1, 1] - p[0, 1])) / z
    return a * a + b * b <= lens[8] or unfolded(lens, a, b)


@compiled
def _part(way, start, end):
    """(2, 3) ends of the way between two of its shares."""
    p = np.empty((2, 3))
    for k in range(3):
        p[0, k] = way[0, k] + start * (way[1, k] - way[0, k])
        p[1, k] = way[0, k] + end * (way[1, k] - way[0, k])
    return p


@compiled
def _trace(lens, way, start, end, out_vertices):
    """Vertices of the picture of a way between two of its shares. Returns their number.

    Wherever the curve may touch the picture, chords are within TOLERANCE_PX of it. The way is paced by direction, not by metres, so that steps near
    the camera are short ones.
    """
    p = _part(way, start, end)
    parts = 1 if lens[0] == PLAIN else PARTS
    stack = np.empty((DEEPER + 2, 3))
    n, n_deep, part, top, done = 0, 0, 0, -1, 0.0
    pace = 0.0
    while True:
        u, v = _pixel_at(lens, p, pace)
        deeper = top >= HALVINGS
        may_halve = n_deep < SWINGS and top < DEEPER and _swings(lens, out_vertices[n - 1], stack[top, 1:], 0.9995) if deeper else top >= 0
        if may_halve and _is_bent(lens, out_vertices[n - 1], u, v, stack[top, 1], stack[top, 2]):
            top += 1
            n_deep += deeper
            stack[top, 0], stack[top, 1], stack[top, 2] = pace, u, v
        elif top >= 0:
            done = stack[top, 0]
            out_vertices[n, 0], out_vertices[n, 1] = stack[top, 1], stack[top, 2]
            n += 1
            top -= 1
        elif n == 0:
            out_vertices[0, 0], out_vertices[0, 1] = u, v
            n = 1
        elif parts == 1:
            out_vertices[1, 0], out_vertices[1, 1] = u, v
            return 2
        else:
            top = 0
            stack[0, 0], stack[0, 1], stack[0, 2] = pace, u, v
        if top >= 0:
            pace = (done + stack[top, 0]) / 2
        elif part == parts:
            return n
        else:
            part += 1
            pace = part / parts


@compiled
def _swings(lens, start, end, cosine):
    """Whether the directions of two pixels, seen from a fisheye's centre, differ by more than the angle of that cosine, both behind the camera.

    An edge that passes close to the axis behind runs around the rim in no time; no chord across is its picture.
    """
    x0, y0, x1, y1 = (start[0] - lens[3]) / lens[1], (start[1] - lens[4]) / lens[2], (end[0] - lens[3]) / lens[1], (end[1] - lens[4]) / lens[2]
    near, far = x0 * x0 + y0 * y0, x1 * x1 + y1 * y1
    if lens[0] != FISHEYE or x0 * x1 + y0 * y1 >= cosine * math.sqrt(near * far):
        return False
    square = math.pi**2 / 4
    aside = math.pi / 2 * (1.0 + square * (lens[9] + square * (lens[10] + square * (lens[11] + square * lens[12]))))
    return lens[8] > math.pi / 2 and min(near, far) > aside * aside


@compiled
def _is_bent(lens, start, u, v, end_u, end_v):
    """Whether a curve through three pixels leaves its chord by too much, at a place where it matters."""
    du, dv = end_u - start[0], end_v - start[1]
    length = du * du + dv * dv
    share = 0.0 if length == 0.0 else min(max(((u - start[0]) * du + (v - start[1]) * dv) / length, 0.0), 1.0)
    off = math.hypot(u - start[0] - share * du, v - start[1] - share * dv)
    if off <= TOLERANCE_PX:
        return False
    if off > 0.02 * math.sqrt(length):
        return True
    margin = 2 * off
    near_u = min(start[0], end_u) - margin <= lens[5] and max(start[0], end_u) + margin >= -1.0
    near_v = min(start[1], end_v) - margin <= lens[6] and max(start[1], end_v) + margin >= -1.0
    return near_u and near_v


@compiled
def _share(p, pace):
    """By metres, from 0 to 1, of a pace by direction."""
    first = (1.0 - pace) * math.sqrt(p[1, 0] ** 2 + p[1, 1] ** 2 + p[1, 2] ** 2)
    second = pace * math.sqrt(p[0, 0] ** 2 + p[0, 1] ** 2 + p[0, 2] ** 2)
    return second / (first + second) if first + second > 0.0 else pace


@compiled
def _pixel_at(lens, p, pace):
    share = _share(p, pace)
    dx, dy = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1]
    x, y, z = p[0, 0] + share * dx, p[0, 1] + share * dy, p[0, 2] + share * (p[1, 2] - p[0, 2])
    if x == 0.0 and y == 0.0 and z < 0.0:
        x, y = abs(z) * 1e-16 * dx, abs(z) * 1e-16 * dy  # the axis behind a fisheye is its whole rim: take the side that the way comes out on
    return _pixel(lens, x, y, z)


@compiled
def _pixel(lens, x, y, z):
    """u, v by the formula alone, inside the domain of the lens or on its edge."""
    fx, fy, cx, cy = lens[1], lens[2], lens[3], lens[4]
    if lens[0] == FISHEYE:
        r = math.sqrt(x * x + y * y)
        theta = math.atan2(r, z)
        square = theta * theta
        bent = theta * (1.0 + square * (lens[9] + square * (lens[10] + square * (lens[11] + square * lens[12]))))
        if r == 0.0 and z < 0.0:
            x = r = 1.0
        scale = bent / r if r > 0.0 else 0.0
        return fx * x * scale + cx, fy * y * scale + cy
    a, b = x / z, y / z
    if lens[0] == PLAIN:
        return fx * a + cx, fy * b + cy
    rho = a * a + b * b
    over = 1.0 + rho * (lens[9] + rho * (lens[10] + rho * lens[13]))
    under = 1.0 + rho * (lens[14] + rho * (lens[15] + rho * lens[16]))
    factor = over / under + 2.0 * (lens[11] * b + lens[12] * a)
    x = a * factor + rho * (lens[12] + lens[17] + lens[18] * rho)
    y = b * factor + rho * (lens[11] + lens[19] + lens[20] * rho)
    w = lens[27] * x + lens[28] * y + lens[29]
    return fx * (lens[21] * x + lens[22] * y + lens[23]) / w + cx, fy * (lens[24] * x + lens[25] * y + lens[26]) / w + cy


@compiled
def _span_rays(lens, body, rays, rim, first, near, box, whole):
    """The stretches of the rim that the cuboid covers (left out where `first` is RIM), and the picture's corners that it covers."""
    level = near if lens[0] != FISHEYE else 0.0
    opens = before = False
    for i in range(first, RIM + 4):
        here = _meets(body, rays[i], level)
        if i >= RIM:
            k = i - RIM
            if here:
                _span(box, -0.5 if k % 2 == 0 else lens[5] - 0.5, -0.5 if k < 2 else lens[6] - 0.5)
            continue
        if here:
            _span_chord(lens, rim, i - 1 if before else i, i, box, whole)
        if i == 0:
            opens = here
        elif i == RIM - 1 and opens and here:
            _span_chord(lens, rim, i, np.int64(0), box, whole)
        before = here


@compiled
def _meets(body, ray, near):
    """Whether a ray from the camera meets the cuboid at a depth of at least `near`, by slabs."""
    enter, leave = (near / ray[2] if near > 0.0 else 0.0 * ray[2]), np.inf
    if not enter < np.inf:
        return False
    for k in range(3):
        other = 4 if k == 0 else 1 if k == 1 else 3  # the corner opposite to corner 0 along this axis
        offset, speed, half = 0.0, 0.0, 0.0
        for i in range(3):
            axis = body[0, i] - body[other, i]
            offset -= (body[0, i] + body[6, i]) / 2 * axis
            speed += ray[i] * axis
            half += axis * axis / 2
        if not abs(offset) < np.inf:
            return False
        if speed == 0.0:
            if not abs(offset) <= half:
                return False
        else:
            t0, t1 = (-half - offset) / speed, (half - offset) / speed
            enter, leave = max(enter, min(t0, t1)), min(leave, max(t0, t1))
    return enter <= leave
