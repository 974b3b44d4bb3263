"""Which points lie in which cuboids: a uniform bird's-eye grid over the cuboids, so that a point meets only those that reach into its cell.

A cell is found by scaling, clamping and cutting off, all of them monotone: a point between a cuboid's lowest and highest x never lands in a
cell before or behind the cuboid's own. Clamped points land in the border ring, as a rule empty.
"""

from __future__ import annotations

import numpy as np

from . import compiled, kernel

SLACK = 1e-9  # widens the ground a cuboid covers beyond all rounding; the exact test decides
MOST_ENTRIES_PER_CELL = 4
POINTS_PER_BLOCK = 1024


@kernel
def packed(centers, sizes, rotations, out_rows, out_low, out_high, out_outlines):
    """One row per cuboid: centre, half size, columns of the rotation. True if all are turned about z alone.

    out_low, out_high : extent along x, y, z
    out_outlines : direction of the own x axis seen from above (cos, sin), and the reach from the centre along it and across
    """
    is_upright = True
    for m in range(len(centers)):
        r = rotations[m]
        for axis in range(3):
            out_rows[m, axis] = centers[m, axis]
            out_rows[m, 3 + axis] = sizes[m, axis] / 2
            for i in range(3):
                out_rows[m, 6 + 3 * axis + i] = r[i, axis]
        slack = SLACK * (1 + abs(centers[m, 0]) + abs(centers[m, 1]) + abs(centers[m, 2]) + sizes[m, 0] + sizes[m, 1] + sizes[m, 2])
        for i in range(3):
            reach = (abs(r[i, 0]) * sizes[m, 0] + abs(r[i, 1]) * sizes[m, 1] + abs(r[i, 2]) * sizes[m, 2]) / 2 + slack
            out_low[m, i], out_high[m, i] = centers[m, i] - reach, centers[m, i] + reach
        norm = np.sqrt(r[0, 0] ** 2 + r[1, 0] ** 2)
        cos, sin = (r[0, 0] / norm, r[1, 0] / norm) if norm > 0 else (1.0, 0.0)
        out_outlines[m, 0], out_outlines[m, 1], out_outlines[m, 2], out_outlines[m, 3] = cos, sin, slack, slack
        for axis in range(3):
            out_outlines[m, 2] += abs(cos * r[0, axis] + sin * r[1, axis]) * sizes[m, axis] / 2
            out_outlines[m, 3] += abs(cos * r[1, axis] - sin * r[0, axis]) * sizes[m, axis] / 2
        turned = r[0, 2] != 0 or r[1, 2] != 0 or r[2, 0] != 0 or r[2, 1] != 0 or r[2, 2] != 1 or r[0, 1] != -r[1, 0] or r[0, 0] != r[1, 1]
        if turned and r[0, 0] == r[0, 0]:
            is_upright = False
    return is_upright


@kernel
def bounds(points, out_low, out_high):
    """Lowest and highest x, y, z of the finite points; inf and -inf where there is none."""
    for axis in range(3):
        low, high = np.inf, -np.inf
        for i in range(len(points)):
            value = np.float64(points[i, axis])
            if value < low and value > -np.inf:
                low = value
            if value > high and value < np.inf:
                high = value
        out_low[axis] = low
        out_high[axis] = high


@compiled
def _cell(value, low, per_metre, n):
    """0 and n + 1 are the border; NaN goes to 0."""
    place = (value - low) * per_metre + 1.0
    place = place if place > 0.0 else 0.0
    place = place if place < n + 1.0 else n + 1.0
    return np.int64(place)


@compiled
def _is_met(low, high, region_low, region_high):
    """False for cuboids out of the region and for rows of NaN."""
    return (
        low[0] <= region_high[0]
        and high[0] >= region_low[0]
        and low[1] <= region_high[1]
        and high[1] >= region_low[1]
        and low[2] <= region_high[2]
        and high[2] >= region_low[2]
    )


@compiled
def _strip(direction, across, reach, y_low, y_high):
    """Range of x where |x / direction + across y| <= reach for some y of the range."""
    one, other = across * y_low, across * y_high
    low, high = (-reach - max(one, other)) * direction, (reach - min(one, other)) * direction
    return (low, high) if low < high else (high, low)


@kernel
def grid(rows, low, high, outlines, region_low, region_high, n_cells):
    """The grid over the cuboids that meet the region: (frame, shape, cell_start, cell_cuboids).

    frame : x0, y0, cells per metre along x and y, z0, z1, mean area of a cuboid's extent
    shape : cells along x and y without the border, most cuboids in one cell
    cell_start, cell_cuboids : CSR over (ny + 2, nx + 2) cells, cuboids in rising order
    """
    frame, shape = np.empty(7), np.empty(3, np.int64)
    for k in range(7):
        frame[k] = 0.0
    for k in range(3):
        shape[k] = 0
    x0, y0, z0, x1, y1, z1 = np.inf, np.inf, np.inf, -np.inf, -np.inf, -np.inf
    n_met, area = 0, 0.0
    for m in range(len(low)):
        if _is_met(low[m], high[m], region_low, region_high):
            n_met += 1
            area += (high[m, 0] - low[m, 0]) * (high[m, 1] - low[m, 1])
            x0, x1 = min(x0, low[m, 0]), max(x1, high[m, 0])
            y0, y1 = min(y0, low[m, 1]), max(y1, high[m, 1])
            z0, z1 = min(z0, low[m, 2]), max(z1, high[m, 2])
    if n_met == 0:
        frame[4], frame[5] = 1.0, -1.0
        return frame, shape, np.zeros(6, np.int32), np.zeros(0, np.int32)
    x0, x1 = max(x0, region_low[0]), min(x1, region_high[0])
    y0, y1 = max(y0, region_low[1]), min(y1, region_high[1])
    wide, deep = max(x1 - x0, 1e-6), max(y1 - y0, 1e-6)
    frame[0], frame[1], frame[4], frame[5], frame[6] = x0, y0, z0, z1, area / n_met
    while True:
        side = np.sqrt(wide * deep / n_cells)
        nx = max(1, min(int(min(wide / side, 1e9)), n_cells))
        ny = max(1, min(int(min(deep / side, 1e9)), n_cells // nx))
        # a hair less than the whole, so that the far end falls into the last cell and not into the border
        per_x, per_y = nx / wide * (1 - 1e-12), ny / deep * (1 - 1e-12)
        n_entries, n_rows = 0, 0
        for m in range(len(low)):
            if _is_met(low[m], high[m], region_low, region_high):
                columns = _cell(high[m, 0], x0, per_x, nx) - _cell(low[m, 0], x0, per_x, nx) + 1
                reached = _cell(high[m, 1], y0, per_y, ny) - _cell(low[m, 1], y0, per_y, ny) + 1
                n_entries += columns * reached
                n_rows += reached
        if n_entries <= MOST_ENTRIES_PER_CELL * (n_cells + n_met) or nx * ny == 1:
            break
        n_cells = max(1, n_cells // 4)  # large cuboids would fill many cells
    frame[2], frame[3], shape[0], shape[1] = per_x, per_y, nx, ny
    stride, side_y = nx + 2, 1 / per_y
    cell_start = np.zeros(stride * (ny + 2) + 1, np.int32)
    cell_cuboids = np.empty(n_entries, np.int32)
    spans = np.empty((n_rows, 2), np.int32)  # of cells, for every row of cells that a cuboid reaches into
    n_spans = 0
    for m in range(len(low)):
        if not _is_met(low[m], high[m], region_low, region_high):
            continue
        first_column, last_column = _cell(low[m, 0], x0, per_x, nx), _cell(high[m, 0], x0, per_x, nx)
        cos, sin = outlines[m, 0], outlines[m, 1]
        is_askew = abs(cos) > 1e-6 and abs(sin) > 1e-6
        if is_askew:
            per_cos, per_sin = 1 / cos, -1 / sin
        for row in range(_cell(low[m, 1], y0, per_y, ny), _cell(high[m, 1], y0, per_y, ny) + 1):
            begin, end = first_column, last_column
            if is_askew and 0 < row <= ny:
                y = y0 + (row - 1) * side_y - rows[m, 1]
                x_low, x_high = _strip(per_cos, sin, outlines[m, 2], y, y + side_y)
                x_low_too, x_high_too = _strip(per_sin, cos, outlines[m, 3], y, y + side_y)
                begin = max(begin, _cell(rows[m, 0] + max(x_low, x_low_too), x0, per_x, nx))
                end = min(end, _cell(rows[m, 0] + min(x_high, x_high_too), x0, per_x, nx))
            spans[n_spans, 0], spans[n_spans, 1] = row * stride + begin, row * stride + end + 1
            n_spans += 1
            for cell in range(row * stride + begin, row * stride + end + 1):
                cell_start[cell] += 1
    total = 0
    for cell in range(len(cell_start)):
        shape[2] = max(shape[2], cell_start[cell])
        total += cell_start[cell]
        cell_start[cell] = total
    for m in range(len(low) - 1, -1, -1):  # from the back, which turns the ends of the cells into their starts
        if _is_met(low[m], high[m], region_low, region_high):
            for _ in range(_cell(high[m, 1], y0, per_y, ny) - _cell(low[m, 1], y0, per_y, ny) + 1):
                n_spans -= 1
                for cell in range(spans[n_spans, 0], spans[n_spans, 1]):
                    cell_start[cell] -= 1
                    cell_cuboids[cell_start[cell]] = m
    return frame, shape, cell_start, cell_cuboids


@kernel
def scan(points, begin, rows, is_upright, frame, shape, cell_start, cell_cuboids, out_point, out_cuboid):
    """Pairs of point and cuboid, by point and then by cuboid, from point `begin` on until there is no room left; (pairs, next point).

    Block by block: first the points in cells that hold anything are listed without a branch, then those are tested. Indices are without a sign,
    which spares the tests for negative ones.
    """
    nx, ny = shape[0], shape[1]
    stride = nx + 2
    x0, y0, per_x, per_y, z0, z1 = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    room = len(out_point)
    near_point, near_cell = np.empty(POINTS_PER_BLOCK, np.int32), np.empty(POINTS_PER_BLOCK, np.int32)
    n = 0
    for block in range(begin, len(points), POINTS_PER_BLOCK):
        n_near = 0
        for i in range(block, min(block + POINTS_PER_BLOCK, len(points))):
            x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
            cell = np.uint64(_cell(y, y0, per_y, ny) * stride + _cell(x, x0, per_x, nx))
            near_point[np.uint64(n_near)] = i
            near_cell[np.uint64(n_near)] = cell
            n_near += (cell_start[cell] != cell_start[cell + np.uint64(1)]) & (z >= z0) & (z <= z1)
        for near in range(n_near):
            i, cell = np.int64(near_point[near]), near_cell[near]
            start, stop = cell_start[cell], cell_start[cell + 1]
            if n + stop - start > room:
                return n, i
            x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
            for k in range(start, stop):
                m, u = np.uint64(cell_cuboids[np.uint64(k)]), np.uint64(n)
                dx, dy, dz = x - rows[m, 0], y - rows[m, 1], z - rows[m, 2]
                if is_upright:
                    along_x = dx * rows[m, 6] + dy * rows[m, 7]
                    along_y = dy * rows[m, 6] - dx * rows[m, 7]
                    along_z = dz
                else:
                    along_x = dx * rows[m, 6] + dy * rows[m, 7] + dz * rows[m, 8]
                    along_y = dx * rows[m, 9] + dy * rows[m, 10] + dz * rows[m, 11]
                    along_z = dx * rows[m, 12] + dy * rows[m, 13] + dz * rows[m, 14]
                out_point[u] = i
                out_cuboid[u] = m
                n += (abs(along_x) <= rows[m, 3]) & (abs(along_y) <= rows[m, 4]) & (abs(along_z) <= rows[m, 5])
    return n, len(points)


@kernel
def sort_by_cuboid(hit_point, hit_cuboid, out_offsets, out_point_index):
    """CSR from pairs by point; within a cuboid the points keep their order. out_offsets comes as zeros."""
    for k in range(len(hit_cuboid)):
        out_offsets[hit_cuboid[k] + 1] += 1
    for m in range(len(out_offsets) - 1):
        out_offsets[m + 1] += out_offsets[m]
    place = np.empty(len(out_offsets) - 1, np.int64)
    for m in range(len(place)):
        place[m] = out_offsets[m]
    for k in range(len(hit_cuboid)):
        m = hit_cuboid[k]
        out_point_index[place[m]] = hit_point[k]
        place[m] += 1


@kernel
def append_part(part_offsets, part_index, out_place, out_point_index):
    """Copies every cuboid's run to its place in the whole, and moves the place on."""
    for m in range(len(part_offsets) - 1):
        for k in range(part_offsets[m], part_offsets[m + 1]):
            out_point_index[out_place[m]] = part_index[k]
            out_place[m] += 1


@kernel
def first_cuboid(offsets, point_index, out_first):
    """The lowest cuboid that holds the point; -1 where none does."""
    for i in range(len(out_first)):
        out_first[i] = -1
    for m in range(len(offsets) - 2, -1, -1):
        for k in range(offsets[m], offsets[m + 1]):
            out_first[point_index[k]] = m
