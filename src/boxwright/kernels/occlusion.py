"""What stands in front in a picture.

A point is a patch as large as the gaps between its beam and the next ones. All patches are drawn into a grid of cells, and the nearest one stays.
A row of `looks` is a point in the picture: X, Y, Z its place in the cam frame and RANGE its distance from there; AZIMUTH and BELOW where its beam
points, seen from the sensor in the camera's axes (about y, and below the x-z plane), and REACH how far it goes; U_RATE and V_RATE pixels per radian
by which the beam turns; U and V its pixel.
"""

import math

import numpy as np

from . import compiled, kernel
from .lenses import is_flat, pixel, slopes, within

X, Y, Z, RANGE, AZIMUTH, BELOW, REACH, U_RATE, V_RATE, U, V = range(11)
CONE = 0.5  # a neighbour to the right lies at most so much higher or lower, as a share of how far it is to the right
LEAST_GAP, MOST_GAP = 3e-4, 0.2  # radians: echoes of one beam are nearer to each other, and no neighbours are farther apart
STEEP, LONGEST = 6.0, 8.0  # two neighbours lie on one surface up to so much range per distance aside; it makes patches at most so much longer
MOST_CELLS = 64.0  # half a patch, of points that touch the lens
NEARER_M, NEARER_SHARE = 0.2, 0.02  # what hides something is nearer by more than this and this share of its range
OWN_M = 0.1  # points so near to a cuboid are its own
LEAST_PARTS, MOST_PARTS = 8, 32  # samples of a face along each side, and 1.5 in each cell
TURN = 2.0 * math.pi


@kernel
def look(points, points_uv, index, pose, lens, sensor, out_looks):
    """points (N, 3); points_uv (N, 2) their pixels; index (K,) those in the picture; pose (12,) cam from points; sensor (3,) in the cam frame."""
    for k in range(len(index)):
        i = index[k]
        px, py, pz = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        x = pose[0] * px + pose[1] * py + pose[2] * pz + pose[9]
        y = pose[3] * px + pose[4] * py + pose[5] * pz + pose[10]
        z = pose[6] * px + pose[7] * py + pose[8] * pz + pose[11]
        bx, by, bz = x - sensor[0], y - sensor[1], z - sensor[2]
        square = bx * bx + by * by + bz * bz
        u_x, u_y, u_z, v_x, v_y, v_z = slopes(lens, x, y, z)
        u_b, v_b = u_x * bx + u_y * by + u_z * bz, v_x * bx + v_y * by + v_z * bz
        row = out_looks[k]
        row[X], row[Y], row[Z], row[RANGE] = x, y, z, math.sqrt(x * x + y * y + z * z)
        row[AZIMUTH], row[BELOW], row[REACH] = math.atan2(bx, bz), math.atan2(by, math.sqrt(bx * bx + bz * bz)), math.sqrt(square)
        row[U_RATE] = math.sqrt(max(square * (u_x * u_x + u_y * u_y + u_z * u_z) - u_b * u_b, 0.0))
        row[V_RATE] = math.sqrt(max(square * (v_x * v_x + v_y * v_y + v_z * v_z) - v_b * v_b, 0.0))
        row[U], row[V] = points_uv[i, 0], points_uv[i, 1]


@kernel
def neighbours(looks, slack, out_gaps, out_next, out_first):
    """The nearest beam to the right of each, or below it: out_gaps (K,) radians, NaN where there is none; out_next (K,) its row, or -1;
    out_first (K,) the first row of the same beam.

    slack: negative to look to the right; else below, where beams count that are at most so many radians aside, even outside the cone.
    Beams lie in a grid with about one in each cell; the cone to the right is searched column by column, that below row by row, and so on the other
    side of where the turn begins. Equal beams, such as
    those of points that a driver sets to (0, 0, 0), are looked at once.
    """
    n = len(looks)
    left, right, top, bottom = np.inf, -np.inf, np.inf, -np.inf
    for k in range(n):
        left, right = min(left, looks[k, AZIMUTH]), max(right, looks[k, AZIMUTH])
        top, bottom = min(top, looks[k, BELOW]), max(bottom, looks[k, BELOW])
    cell = max(math.sqrt((right - left) * (bottom - top) / n), (right - left) / 4096.0, (bottom - top) / 4096.0, LEAST_GAP)
    n_x, n_y = int((right - left) / cell) + 1, int((bottom - top) / cell) + 1
    starts, rows, beams = np.zeros(n_x * n_y + 1, np.int32), np.empty(n, np.int32), np.empty((n, 2))
    _sort_by_cell(looks, left, top, cell, n_x, starts, rows, beams, out_first)
    for s in range(starts[n_x * n_y]):
        azimuth, below = beams[s, 0], beams[s, 1]
        best, found, gap = MOST_GAP, -1, np.nan
        for turn in range(3 if right - left > math.pi else 1):  # the beams of one end of the turn go on at the other
            at = azimuth if turn == 0 else azimuth - TURN if turn == 1 else azimuth + TURN
            if slack < 0.0:
                best, found, gap = _right(beams, rows, starts, n_x, n_y, left, top, cell, at, below, best, found, gap)
            else:
                best, found, gap = _below(beams, rows, starts, n_x, n_y, left, top, cell, at, below, slack, best, found, gap)
        out_gaps[rows[s]], out_next[rows[s]] = gap, found
    for k in range(n):
        out_gaps[k], out_next[k] = out_gaps[out_first[k]], out_next[out_first[k]]


@compiled
def _right(beams, rows, starts, n_x, n_y, left, top, cell, azimuth, below, best, found, gap):
    x, y, shrink = math.floor((azimuth - left) / cell), int((below - top) / cell), max(math.cos(below), 1e-3)
    for r in range(max(-x, 0), n_x - x):
        if (r - 1) * cell * shrink >= best:
            break
        high = int(CONE * (r + 1) * shrink) + 1
        for j in range(max(y - high, 0), min(y + high + 1, n_y)):
            for t in range(starts[j * n_x + x + r], starts[j * n_x + x + r + 1]):
                aside = beams[t, 0] - azimuth
                if abs(aside) <= math.pi:
                    best, found, gap = _nearer(aside * shrink, beams[t, 1] - below, 0.0, rows[t], best, found, gap)
    return best, found, gap


@compiled
def _below(beams, rows, starts, n_x, n_y, left, top, cell, azimuth, below, slack, best, found, gap):
    x, y, shrink = math.floor((azimuth - left) / cell), int((below - top) / cell), max(math.cos(below), 1e-3)
    widest = int((CONE * (best / cell + 2.0) + slack / cell) / shrink) + 1
    if x + widest < 0 or x - widest >= n_x:
        return best, found, gap
    for r in range(n_y - y):
        if (r - 1) * cell >= best:
            break
        wide, j = int((CONE * (r + 1) + slack / cell) / shrink) + 1, (y + r) * n_x
        first, last = max(x - wide, 0), min(x + wide, n_x - 1)
        for t in range(starts[j + first] if first <= last else 0, starts[j + last + 1] if first <= last else 0):
            aside = beams[t, 0] - azimuth
            if abs(aside) <= math.pi:
                best, found, gap = _nearer(beams[t, 1] - below, aside * shrink, slack, rows[t], best, found, gap)
    return best, found, gap


@compiled
def _sort_by_cell(looks, left, top, cell, n_x, starts, rows, beams, first):
    """Beams of cell c become starts[c] to starts[c + 1], in rising order of their rows; `first` tells the first row of the same beam, which alone is
    among them."""
    latest, earlier = np.empty(len(starts), np.int32), np.empty(len(rows), np.int32)  # of the beams in each cell; before each there, or -1
    for c in range(len(starts)):
        latest[c] = -1
    for k in range(len(rows)):
        c = int((looks[k, BELOW] - top) / cell) * n_x + int((looks[k, AZIMUTH] - left) / cell)
        q = latest[c]
        while q >= 0 and (looks[q, AZIMUTH] != looks[k, AZIMUTH] or looks[q, BELOW] != looks[k, BELOW]):
            q = earlier[q]
        first[k] = q if q >= 0 else k
        if q < 0:
            earlier[k], latest[c] = latest[c], k
            starts[c + 1] += 1
    for c in range(1, len(starts)):
        starts[c] += starts[c - 1]
    free = starts.copy()
    for k in range(len(rows)):
        if first[k] == k:
            c = int((looks[k, BELOW] - top) / cell) * n_x + int((looks[k, AZIMUTH] - left) / cell)
            beams[free[c], 0], beams[free[c], 1], rows[free[c]] = looks[k, AZIMUTH], looks[k, BELOW], k
            free[c] += 1


@compiled
def _nearer(along, across, slack, row, best, found, gap):
    """The nearest so far, or this one where it lies in the cone, or hardly aside, and nearer; of equally near ones the first row."""
    if LEAST_GAP < along and abs(across) <= max(CONE * along, slack):
        distance = math.sqrt(along * along + across * across)
        if distance < best or (distance == best and row < found):
            return distance, row, along
    return best, found, gap


@kernel
def patches(looks, usual, gaps, next_beam, turn, out_extents):
    """out_extents (K, 4): how far each patch reaches to the left, up, to the right and down, in pixels.

    usual (2, K) radians between beams thereabouts; gaps, next_beam: what `neighbours` found; turn: pixels after which the picture goes on at its
    other border, 0 where it does not. A patch ends half way to the next beam, or to where that
    usually is. But a surface that the camera sees less aslant than the sensor does has its points farther apart in the picture: where two beams met
    the same surface, their patches meet.
    """
    for k in range(len(looks)):
        for c in range(2):
            out_extents[k, c] = out_extents[k, 2 + c] = usual[c, k] * looks[k, U_RATE + c] / 2.0
    nearest = np.full((2, len(looks)), np.inf)
    for k in range(len(looks)):
        for c in range(2):
            q = next_beam[c, k]
            if q >= 0:
                out_extents[k, 2 + c] = _extent(looks, usual, k, q, c, gaps[c, k], turn)
                if gaps[c, k] < nearest[c, q]:
                    nearest[c, q] = gaps[c, k]
                    out_extents[q, c] = _extent(looks, usual, q, k, c, gaps[c, k], turn)


@compiled
def _extent(looks, usual, k, q, c, gap, turn):
    """How far the patch of k reaches towards its neighbour q."""
    half = usual[c, k] * looks[k, U_RATE + c] / 2.0
    own = min(half, gap * looks[k, U_RATE + c] / 2.0)
    if abs(looks[q, REACH] - looks[k, REACH]) < STEEP * gap * min(looks[q, REACH], looks[k, REACH]):
        apart = abs(looks[q, U + c] - looks[k, U + c])
        if c == 0 and turn > 0.0:
            apart = min(apart, turn - apart)
        own = min(max(own, apart / 2.0), LONGEST * half)
    return own


@kernel
def draw(looks, index, extents, cell, turn, out_range, out_row, out_sees):
    """The nearest patch of each cell, and which points nothing hides.

    index (K,) which point each look is; extents (K, 4) and turn as in `patches`; cell in pixels; out_range (rows, columns), NaN where nothing is;
    out_row (rows, columns) the row of `looks`, -1 where nothing is; out_sees (N,).
    """
    out_range[:] = np.nan
    out_row[:] = -1
    out_sees[:] = False
    for k in range(len(looks)):
        away = looks[k, RANGE]
        left, right = _cells((looks[k, U] + 0.5) / cell, extents[k, 0] / cell, extents[k, 2] / cell, out_row.shape[1])
        top, bottom = _cells((looks[k, V] + 0.5) / cell, extents[k, 1] / cell, extents[k, 3] / cell, out_row.shape[0])
        _cover(k, away, top, bottom, left, right, out_range, out_row)
        if turn > 0.0:
            for side in (-turn, turn):
                left, right = _middles((looks[k, U] + 0.5 + side) / cell, extents[k, 0] / cell, extents[k, 2] / cell)
                _cover(k, away, top, bottom, max(left, 0), min(right, out_row.shape[1]), out_range, out_row)
    for k in range(len(looks)):
        j, i = int((looks[k, V] + 0.5) / cell), int((looks[k, U] + 0.5) / cell)
        out_sees[index[k]] = not _hides(out_range[j, i], looks[k, RANGE])


@compiled
def _cover(k, away, top, bottom, left, right, out_range, out_row):
    for j in range(top, bottom):
        for i in range(left, right):
            if not out_range[j, i] <= away:
                out_range[j, i] = away
                out_row[j, i] = k


@compiled
def _middles(at, before, after):
    """The first, and one past the last, of the cells whose middle lies in the stretch around a place."""
    return math.ceil(at - min(before, MOST_CELLS) - 0.5), math.floor(at + min(after, MOST_CELLS) - 0.5) + 1


@compiled
def _cells(at, before, after, n):
    """Those, and the cell that holds the place; only cells of the picture."""
    first, end = _middles(at, before, after)
    return max(min(first, int(at)), 0), min(max(end, int(at) + 1), n)


@compiled
def _hides(near, far):
    return near < far - (NEARER_M + NEARER_SHARE * far)


@kernel
def shares(looks, rows, cell, lens, near, cuboids, out_share):
    """out_share (M,): the share of each cuboid that nothing hides, of what the picture would show were it alone.

    rows: what `draw` made; near plane in metres; cuboids (M, 15) in the cam frame: centre, half sizes, rotation by rows.
    """
    for m in range(len(cuboids)):
        body = cuboids[m]
        shown, hidden = 0.0, 0.0
        for face in range(6):
            more, less = _face(looks, rows, cell, lens, near, body, face)
            shown += more
            hidden += less
        if body[0] != body[0]:
            out_share[m] = np.nan
        elif _is_inside(body, 0.0, 0.0, 0.0, 0.0):
            out_share[m] = 1.0
        else:
            out_share[m] = 1.0 - hidden / shown if shown > 0.0 else 0.0


@compiled
def _face(looks, rows, cell, lens, near, body, face):
    """Pixels of one face that the picture would show, and those of them that are hidden, from samples in its even parts.

    The faces turned to the camera cover what is seen of a cuboid exactly once. A sample counts for the pixels that its part takes.
    """
    a, b, c = face // 2, (face // 2 + 1) % 3, (face // 2 + 2) % 3
    side = body[3 + a] if face % 2 == 0 else -body[3 + a]
    x, y, z = body[0] + side * body[6 + a], body[1] + side * body[9 + a], body[2] + side * body[12 + a]
    if not side * (x * body[6 + a] + y * body[9 + a] + z * body[12 + a]) < 0.0:
        return 0.0, 0.0
    scale = 1.5 * max(lens[1], lens[2]) / (cell * math.sqrt(x * x + y * y + z * z))
    n_b = max(int(min(2.0 * body[3 + b] * scale, MOST_PARTS)), LEAST_PARTS)
    n_c = max(int(min(2.0 * body[3 + c] * scale, MOST_PARTS)), LEAST_PARTS)
    step_b, step_c = 2.0 * body[3 + b] / n_b, 2.0 * body[3 + c] / n_c
    shown, hidden = 0.0, 0.0
    for i in range(n_b):
        for j in range(n_c):
            along_b, along_c = (i + 0.5) * step_b - body[3 + b], (j + 0.5) * step_c - body[3 + c]
            px = x + along_b * body[6 + b] + along_c * body[6 + c]
            py = y + along_b * body[9 + b] + along_c * body[9 + c]
            pz = z + along_b * body[12 + b] + along_c * body[12 + c]
            if (is_flat(lens) and pz < near) or not within(lens, px, py, pz):
                continue
            u, v = pixel(lens, px, py, pz)
            if not (-0.5 <= u < lens[5] - 0.5 and -0.5 <= v < lens[6] - 0.5):
                continue
            u_x, u_y, u_z, v_x, v_y, v_z = slopes(lens, px, py, pz)
            u_b, v_b = u_x * body[6 + b] + u_y * body[9 + b] + u_z * body[12 + b], v_x * body[6 + b] + v_y * body[9 + b] + v_z * body[12 + b]
            u_c, v_c = u_x * body[6 + c] + u_y * body[9 + c] + u_z * body[12 + c], v_x * body[6 + c] + v_y * body[9 + c] + v_z * body[12 + c]
            pixels = abs(u_b * v_c - u_c * v_b) * step_b * step_c
            shown += pixels
            distance = math.sqrt(px * px + py * py + pz * pz)
            k = rows[int((v + 0.5) / cell), int((u + 0.5) / cell)]
            if k >= 0 and _hides(looks[k, RANGE], distance) and not _is_inside(body, OWN_M, looks[k, X], looks[k, Y], looks[k, Z]):
                hidden += pixels
    return shown, hidden


@compiled
def _is_inside(body, margin, x, y, z):
    for a in range(3):
        along = (x - body[0]) * body[6 + a] + (y - body[1]) * body[9 + a] + (z - body[2]) * body[12 + a]
        if not abs(along) <= body[3 + a] + margin:
            return False
    return True


@kernel
def beams_through(points, origin, rows, margin_m, out_count):
    """How many beams pass through each cuboid and meet something `margin_m` or farther behind it.

    origin : (3,) where the light comes from; rows : (M, 15) centre, half size, rotation row by row
    """
    n = len(rows)
    beyond = np.empty(n)
    for m in range(n):
        out_count[m] = 0
        radius = np.sqrt(rows[m, 3] ** 2 + rows[m, 4] ** 2 + rows[m, 5] ** 2)
        dx, dy, dz = rows[m, 0] - origin[0], rows[m, 1] - origin[1], rows[m, 2] - origin[2]
        # seen from the origin, the sphere around the cuboid reaches so far from its middle; whole directions where the origin is in it
        far = dx * dx + dy * dy + dz * dz
        beyond[m] = -1.0 if far <= radius * radius else np.sqrt(1.0 - radius * radius / far)
    for i in range(len(points)):
        vx = np.float64(points[i, 0]) - origin[0]
        vy = np.float64(points[i, 1]) - origin[1]
        vz = np.float64(points[i, 2]) - origin[2]
        length = np.sqrt(vx * vx + vy * vy + vz * vz)
        if not (0.0 < length < np.inf):
            continue
        for m in range(n):
            dx, dy, dz = rows[m, 0] - origin[0], rows[m, 1] - origin[1], rows[m, 2] - origin[2]
            along = vx * dx + vy * dy + vz * dz
            if along < beyond[m] * length * np.sqrt(dx * dx + dy * dy + dz * dz):
                continue
            enter, leave = 0.0, np.inf
            for axis in range(3):
                step = vx * rows[m, 6 + axis] + vy * rows[m, 9 + axis] + vz * rows[m, 12 + axis]
                begin = -(dx * rows[m, 6 + axis] + dy * rows[m, 9 + axis] + dz * rows[m, 12 + axis])
                half = rows[m, 3 + axis]
                if step == 0.0:
                    if abs(begin) > half:
                        leave = -1.0
                    continue
                one, other = (-half - begin) / step, (half - begin) / step
                enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
            if enter <= leave and leave * length + margin_m <= length:
                out_count[m] += 1
