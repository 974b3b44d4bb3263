"""Edges of cuboids in pictures: cut where the lens ends, followed along their curves, clipped to the picture."""

import math

import numpy as np

from . import compiled, kernel
from .lenses import PLAIN, UNEVEN, is_flat, is_panorama, is_round, pixel, plane, unfolded
from .panoramas import beside, facing

EDGE_ENDS = np.array([(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)])
FACE_EDGES = np.array([(0, 1, 2, 3), (4, 5, 6, 7), (3, 11, 7, 8), (1, 10, 5, 9), (0, 9, 4, 8), (2, 11, 6, 10)])
PIECES, LOOKS = 8, 16  # an edge is seen in at most so many pieces; looks along an edge where only the whole distortion tells whether it is folded
PARTS, HALVINGS = 8, 8  # a curved edge is cut into 8 parts, each of which is halved up to 8 times
TOLERANCE_PX = 0.1
DEEPER, SWINGS = 60, 512  # halvings, and vertices in all, where an edge swings around the axis behind a fisheye
VERTICES = PARTS * 2**HALVINGS + 1 + SWINGS
NO_FOLD = 1e12


@kernel
def cuboid_edges(corners, edges, lens, near, out_uv, out_starts):
    """What the picture shows of some edges of one cuboid, as lines.

    corners (8, 3); edges (E,) rows of EDGE_ENDS; out_uv (K, 2) vertices of all lines; out_starts (L,) where each line starts.
    Returns the number of vertices and of lines; what does not fit in is counted and not written.
    """
    ways, ends, vertices, piece = np.empty((18, 2, 3)), np.empty((PIECES, 2)), np.empty((VERTICES, 2)), np.empty(4)
    ways_of(lens, corners, near, ways)
    n_vertices, n_lines = 0, 0
    for e in range(edges.shape[0]):
        way = ways[edges[e]]
        for p in range(pieces_of(lens, way, near, ends)):
            is_open = False
            for i in range(trace(lens, way, ends[p, 0], ends[p, 1], vertices) - 1):
                if not clip(lens, vertices, i, i + 1, piece):
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
def ways_of(lens, body, near, out_ways):
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
            if is_flat(lens) and found < 2 and (body[a, 2] - near) * (body[b, 2] - near) < 0.0:
                share = (near - body[a, 2]) / (body[b, 2] - body[a, 2])
                for k in range(2):
                    out_ways[n, found, k] = body[a, k] + share * (body[b, k] - body[a, k])
                out_ways[n, found, 2] = near
                found += 1
        n += found == 2
    return n


@compiled
def pieces_of(lens, way, near, out_ends):
    """(n, 2) shares of a way between which the lens sees it: cut at the near plane, where the lens ends (a cone), and at the seam of a panorama."""
    if is_panorama(lens):
        return _turns(lens, way, out_ends)
    cuts = np.empty(5)
    cuts[0] = 0.0
    n = 1
    a, b = way[0], way[1]
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    fisheye = is_round(lens)
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
    return _unfolded_pieces(lens, way, out_ends, n_pieces) if lens[UNEVEN] != 0.0 else n_pieces


@compiled
def _turns(lens, way, out_ends):
    """The shares of a way on either side of a panorama's seam."""
    a, b = way[0], way[1]
    aside_a, ahead_a = facing(lens, a[0], a[2])
    aside_b, ahead_b = facing(lens, b[0], b[2])
    out_ends[0, 0], out_ends[0, 1] = 0.0, 1.0
    if aside_a * aside_b < 0.0:
        share = aside_a / (aside_a - aside_b)
        if 0.0 < share < 1.0 and ahead_a + share * (ahead_b - ahead_a) <= 0.0:
            out_ends[0, 1] = out_ends[1, 0] = share
            out_ends[1, 1] = 1.0
            return np.int64(2)
    return np.int64(1 if math.isfinite(aside_a + ahead_a + aside_b + ahead_b + a[1] + b[1]) else 0)


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
    a, b = plane(lens, p[0, 0] + share * (p[1, 0] - p[0, 0]), p[0, 1] + share * (p[1, 1] - p[0, 1]), z)
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
def _between(way, start, end, share, k):
    """Coordinate k of the place that lies such a share of the way from one share of it to another."""
    first = way[0, k] + start * (way[1, k] - way[0, k])
    last = way[0, k] + end * (way[1, k] - way[0, k])
    return first + share * (last - first)


@compiled
def trace(lens, way, start, end, out_vertices):
    """Vertices of the picture of a way between two of its shares. Returns their number.

    Wherever the curve may touch the picture, chords are within TOLERANCE_PX of it. The way is paced by direction, not by metres, so that steps near
    the camera are short ones.
    """
    if lens[0] == PLAIN:  # a straight line, which its ends tell
        for k in range(2):
            x, y, z = _between(way, start, end, k, 0), _between(way, start, end, k, 1), _between(way, start, end, k, 2)
            out_vertices[k, 0], out_vertices[k, 1] = pixel(lens, x, y, z)
        return 2
    p = _part(way, start, end)
    stack = np.empty((DEEPER + 2, 3))
    n, n_deep, part, top, done = 0, 0, 0, -1, 0.0
    pace = 0.0
    while True:
        u, v = _pixel_at(lens, p, pace)
        deeper = top >= HALVINGS
        may_halve = top >= 0
        if deeper:
            may_halve = n_deep < SWINGS and top < DEEPER and _runs(lens, out_vertices[n - 1], stack[top, 1:])
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
        else:
            top = 0
            stack[0, 0], stack[0, 1], stack[0, 2] = pace, u, v
        if top >= 0:
            pace = (done + stack[top, 0]) / 2
        elif part == PARTS:
            return n
        else:
            part += 1
            pace = part / PARTS


@compiled
def _runs(lens, start, end):
    """Whether an edge passes so close to the axis behind a round lens, or to that of a panorama, that it has to be halved more often."""
    return abs(end[0] - start[0]) > 0.02 * lens[1] if is_panorama(lens) else _swings(lens, start, end, 0.9995)


@compiled
def _swings(lens, start, end, cosine):
    """Whether the directions of two pixels, seen from a round lens's centre, differ by more than the angle of that cosine, both behind the camera.

    An edge that passes close to the axis behind runs around the rim in no time; no chord across is its picture.
    """
    if not is_round(lens):
        return False
    x0, y0, x1, y1 = (start[0] - lens[3]) / lens[1], (start[1] - lens[4]) / lens[2], (end[0] - lens[3]) / lens[1], (end[1] - lens[4]) / lens[2]
    near, far = x0 * x0 + y0 * y0, x1 * x1 + y1 * y1
    if x0 * x1 + y0 * y1 >= cosine * math.sqrt(near * far) or lens[7] <= math.pi / 2:
        return False
    aside = (pixel(lens, 1.0, 0.0, 0.0)[0] - lens[3]) / lens[1]
    return min(near, far) > aside * aside


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
    x, y, z = _place_at(p, pace)
    u, v = pixel(lens, x, y, z)
    if is_panorama(lens):  # in one run, also where it ends at the seam
        x, y, z = _place_at(p, 0.5)
        u = beside(lens, u, pixel(lens, x, y, z)[0])
    return u, v


@compiled
def _place_at(p, pace):
    share = _share(p, pace)
    dx, dy = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1]
    x, y, z = p[0, 0] + share * dx, p[0, 1] + share * dy, p[0, 2] + share * (p[1, 2] - p[0, 2])
    if x == 0.0 and y == 0.0 and z < 0.0:
        x, y = abs(z) * 1e-16 * dx, abs(z) * 1e-16 * dy  # the axis behind a fisheye is its whole rim: take the side that the way comes out on
    return x, y, z


@compiled
def clip(lens, vertices, first, last, out_piece):
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
        out_piece[k] = min(max(start if low == 0.0 else start + low * (end - start), -0.5), border)
        out_piece[k + 2] = min(max(end if high == 1.0 else start + high * (end - start), -0.5), border)
    return True
