"""The ground under a sweep: low points of a fine grid, then a surface refined from coarse to fine that yields downwards sooner than upwards."""

import math

import numpy as np

from . import compiled, kernel

BAND_M = 0.15  # points this far above the lowest of their cell are averaged with it
N_ROUNDS = 2  # reweighted corrections at each spacing
PULL = 0.5  # evidence, in cells, that a correction has to outweigh
LOW_SHARE, LOW_RANK = 0.03, 1  # which cell around a node, from below, tells of the ground: far away most rays end on objects
FINEST_LOW_M = 4.0  # spacings from which on it is asked for; closer, a kerb would be taken for an object


@kernel
def bounds(points):
    """Lowest and highest finite x and y, lowest finite z, and how many points are finite."""
    low_x, high_x, low_y, high_y, low_z, n = math.inf, -math.inf, math.inf, -math.inf, math.inf, 0
    for i in range(len(points)):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        if math.isfinite(x + y + z):
            low_x = x if x < low_x else low_x
            high_x = x if x > high_x else high_x
            low_y = y if y < low_y else low_y
            high_y = y if y > high_y else high_y
            low_z = z if z < low_z else low_z
            n += 1
    return low_x, high_x, low_y, high_y, low_z, n


@kernel
def low_cells(points, x0, y0, cell_m, n_x, n_y, out_cells):
    """Writes x, y (from the corner x0, y0) and low height of every cell that holds points; returns how many there are."""
    lowest = np.empty(n_x * n_y)
    for cell in range(n_x * n_y):
        lowest[cell] = np.inf
    inverse = 1.0 / cell_m
    n = len(points)
    cell_of = np.empty(n, np.int32)
    for i in range(n):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        cell_of[i] = -1
        if math.isfinite(x + y + z):
            column, row = (x - x0) * inverse, (y - y0) * inverse
            if column >= 0.0 and row >= 0.0 and column < n_x and row < n_y:
                cell = int(row) * n_x + int(column)
                cell_of[i] = cell
                if z < lowest[cell]:
                    lowest[cell] = z
    slot = np.empty(n_x * n_y, np.int32)
    filled = 0
    for cell in range(n_x * n_y):
        slot[cell] = -1
        if lowest[cell] < np.inf:
            slot[cell] = filled
            for k in range(3):
                out_cells[filled, k] = 0.0
            out_cells[filled, 3] = 0.0
            filled += 1
    for i in range(n):
        cell = cell_of[i]
        if cell >= 0:
            above = np.float64(points[i, 2]) - lowest[cell]
            if above <= BAND_M:
                k = slot[cell]
                out_cells[k, 0] += np.float64(points[i, 0]) - x0
                out_cells[k, 1] += np.float64(points[i, 1]) - y0
                out_cells[k, 2] += above
                out_cells[k, 3] += 1.0
    for cell in range(n_x * n_y):
        k = slot[cell]
        if k >= 0:
            share = 1.0 / out_cells[k, 3]
            out_cells[k, 0] *= share
            out_cells[k, 1] *= share
            out_cells[k, 2] = lowest[cell] + out_cells[k, 2] * share
    return filled


@compiled
def _weight(residual, up, down):
    """Trust in a cell: a little above the surface costs much, since objects stand on the ground; below it less, but stray echoes are let go."""
    r = residual / up if residual > 0.0 else residual / down
    w = 1.0 / (1.0 + r * r)
    return w * w


@compiled
def _ranked(values, rank):
    """The value that would stand there if they were sorted, by Hoare's selection (CACM 4(7), 1961); reorders them."""
    low, high = 0, len(values) - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return values[rank]


@compiled
def _plane(cells, out_plane):
    """z = a + b x + c y under the cells, by reweighting with a shrinking scale."""
    n = len(cells)
    heights = np.empty(n)
    mx, my = 0.0, 0.0
    for i in range(n):
        heights[i] = cells[i, 2]
        mx += cells[i, 0]
        my += cells[i, 1]
    mx, my = mx / n, my / n
    a, b, c = _ranked(heights, n // 4), 0.0, 0.0
    s = np.empty(9)
    for scale in (4.0, 4.0, 2.0, 1.0, 0.5, 0.5):
        for k in range(9):
            s[k] = 0.0
        for i in range(n):
            x, y, z = cells[i, 0] - mx, cells[i, 1] - my, cells[i, 2]
            w = _weight(z - (a + b * x + c * y), scale, scale * 2.0)
            s[0] += w
            s[1] += w * x
            s[2] += w * y
            s[3] += w * x * x
            s[4] += w * x * y
            s[5] += w * y * y
            s[6] += w * z
            s[7] += w * x * z
            s[8] += w * y * z
        if s[0] < 1e-9:
            break
        x, y, z = s[1] / s[0], s[2] / s[0], s[6] / s[0]
        xx, xy, yy = s[3] / s[0] - x * x + 1.0, s[4] / s[0] - x * y, s[5] / s[0] - y * y + 1.0
        xz, yz = s[7] / s[0] - x * z, s[8] / s[0] - y * z
        det = xx * yy - xy * xy
        b, c = (yy * xz - xy * yz) / det, (xx * yz - xy * xz) / det
        a = z - b * x - c * y
    out_plane[0], out_plane[1], out_plane[2] = a - b * mx - c * my, b, c


@compiled
def between(nodes, column, row):
    """Bilinear; beyond the border the border's value."""
    n_y, n_x = nodes.shape
    column = min(max(column, 0.0), n_x - 1.0)
    row = min(max(row, 0.0), n_y - 1.0)
    i, j = min(int(row), n_y - 2), min(int(column), n_x - 2)
    p, q = column - j, row - i
    low = nodes[i, j] + p * (nodes[i, j + 1] - nodes[i, j])
    high = nodes[i + 1, j] + p * (nodes[i + 1, j + 1] - nodes[i + 1, j])
    return low + q * (high - low)


@compiled
def _lows(cells, rests, step, out_lows):
    """Of the cells within a spacing of each node, how far the low ones lie below the surface; 0 where they do not."""
    rows, columns = out_lows.shape
    n = len(cells)
    start = np.zeros(rows * columns + 1, np.int64)
    for k in range(n):
        j, i = min(int(cells[k, 0] / step), columns - 2), min(int(cells[k, 1] / step), rows - 2)
        for node in (i * columns + j, i * columns + j + 1, (i + 1) * columns + j, (i + 1) * columns + j + 1):
            start[node + 1] += 1
    for node in range(rows * columns):
        start[node + 1] += start[node]
    end, around = start[:-1].copy(), np.empty(4 * n)
    for k in range(n):
        j, i = min(int(cells[k, 0] / step), columns - 2), min(int(cells[k, 1] / step), rows - 2)
        for node in (i * columns + j, i * columns + j + 1, (i + 1) * columns + j, (i + 1) * columns + j + 1):
            around[end[node]] = rests[k]
            end[node] += 1
    for node in range(rows * columns):
        count = end[node] - start[node]
        low = 0.0
        if count > 0:
            low = _ranked(around[start[node] : end[node]], min(max(LOW_RANK, int(LOW_SHARE * count)), count - 1))
        out_lows[node // columns, node % columns] = min(low, 0.0)


@kernel
def surface(cells, spacing_m, n_halvings, out_nodes):
    """Heights of a grid of nodes from the low cells.

    A plane first; then corrections on grids of spacing_m * 2 ** n_halvings ... spacing_m, each fitted to what the coarser ones left.
    """
    plane = np.empty(3)
    _plane(cells, plane)
    n_y, n_x = out_nodes.shape
    width, depth = (n_x - 1) * spacing_m, (n_y - 1) * spacing_m
    n = len(cells)
    rest, off = np.empty(n), np.empty(n)
    for k in range(n):
        rest[k] = cells[k, 2] - (plane[0] + plane[1] * cells[k, 0] + plane[2] * cells[k, 1])
    before = np.empty((2, 2))
    for i in range(2):
        before[i, 0] = before[i, 1] = 0.0
    before_step = max(width, depth) + 1.0
    for level in range(n_halvings, -1, -1):
        step = spacing_m * 2.0**level
        rows, columns = max(2, math.ceil(depth / step) + 1), max(2, math.ceil(width / step) + 1)
        nodes = np.empty((rows, columns))
        for i in range(rows):
            for j in range(columns):
                nodes[i, j] = between(before, j * step / before_step, i * step / before_step)
        up, down = 0.1 + 0.01 * step, 0.3 + 0.05 * step
        weights, corrections, lows = np.empty((rows, columns)), np.empty((rows, columns)), np.zeros((rows, columns))
        if step >= FINEST_LOW_M:
            for k in range(n):
                off[k] = rest[k] - between(nodes, cells[k, 0] / step, cells[k, 1] / step)
            _lows(cells, off, step, lows)
        for _ in range(N_ROUNDS):
            for i in range(rows):
                for j in range(columns):
                    weights[i, j], corrections[i, j] = PULL, 0.0
            for k in range(n):
                column, row = cells[k, 0] / step, cells[k, 1] / step
                r = rest[k] - between(nodes, column, row)
                w = _weight(r - between(lows, column, row), up, down)
                i, j = min(int(row), rows - 2), min(int(column), columns - 2)
                p, q = column - j, row - i
                for di in range(2):
                    for dj in range(2):
                        share = w * (p if dj else 1.0 - p) * (q if di else 1.0 - q)
                        weights[i + di, j + dj] += share
                        corrections[i + di, j + dj] += share * r
            for i in range(rows):
                for j in range(columns):
                    nodes[i, j] += corrections[i, j] / weights[i, j]
        before, before_step = nodes, step
    for i in range(n_y):
        for j in range(n_x):
            x, y = j * spacing_m, i * spacing_m
            out_nodes[i, j] = between(before, x / before_step, y / before_step) + plane[0] + plane[1] * x + plane[2] * y


@kernel
def heights(points, nodes, x0, y0, spacing_m, out_height):
    """Height of the surface under each x, y; NaN where x or y is not finite."""
    for i in range(len(points)):
        x, y = np.float64(points[i, 0]), np.float64(points[i, 1])
        if math.isfinite(x + y):
            out_height[i] = between(nodes, (x - x0) / spacing_m, (y - y0) / spacing_m)
        else:
            out_height[i] = math.nan
