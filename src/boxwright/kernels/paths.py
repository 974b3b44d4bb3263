"""Polygons: areas, and which point of one ring belongs to which of another.

Rings lie one after the other: `uv (V,2)` float64 pixels, `ring_offsets (R+1,)` into it, `offsets (K+1,)` of the shapes into the rings.
"""

from __future__ import annotations

import math

import numpy as np

from . import compiled, kernel

MOST_PAIRS = 1 << 22  # of points whose distances are weighed for one pair of rings; beyond, arc length alone decides


@kernel
def areas(uv, ring_offsets, offsets, out):
    """(K,) areas by the even-odd rule: a ring within an odd number of others is a hole. Shoelace formula about each ring's first point."""
    for k in range(len(offsets) - 1):
        total = 0.0
        for r in range(offsets[k], offsets[k + 1]):
            begin, end = ring_offsets[r], ring_offsets[r + 1]
            depth = 0
            for other in range(offsets[k], offsets[k + 1]):
                if other != r and _holds(uv, ring_offsets[other], ring_offsets[other + 1], uv[begin, 0], uv[begin, 1]):
                    depth += 1
            area = abs(_signed_area(uv, begin, end))
            total += -area if depth % 2 else area
        out[k] = total


@compiled
def _signed_area(uv, begin, end):
    area, u, v = 0.0, uv[begin, 0], uv[begin, 1]
    for i in range(begin + 1, end - 1):
        area += (uv[i, 0] - u) * (uv[i + 1, 1] - v) - (uv[i + 1, 0] - u) * (uv[i, 1] - v)
    return 0.5 * area


@compiled
def _holds(uv, begin, end, u, v):
    """Whether a ray to the right of (u, v) crosses the ring an odd number of times."""
    inside, last = False, end - 1
    for i in range(begin, end):
        if (uv[i, 1] > v) != (uv[last, 1] > v):
            across = (v - uv[i, 1]) / (uv[last, 1] - uv[i, 1])
            if u < uv[i, 0] + across * (uv[last, 0] - uv[i, 0]):
                inside = not inside
        last = i
    return inside


@kernel
def match_rings(first, second, uv, ring_offsets, is_closed, pair_offsets, out_start, out_step):
    """For Q pairs of rings, `first (Q,)` and `second (Q,)`: how the points of the one move to become the other.

    out_start, out_step (P,2): pair q has rows pair_offsets[q]:pair_offsets[q + 1], as many as the longer ring has points, in the order of its first
    ring; a point starts at out_start and ends at out_start + out_step. A negative `second` stands for a ring that stays.
    """
    most = 1
    for q in range(len(first)):
        most = max(most, pair_offsets[q + 1] - pair_offsets[q])
    dense, sparse = np.empty((most, 2)), np.empty((most, 2))
    dense_at, sparse_at = np.empty((2 * most, 2)), np.empty((2 * most, 2))
    chosen, totals = np.empty(most, np.int64), np.empty(most)
    for q in range(len(first)):
        begin, n, row = ring_offsets[first[q]], ring_offsets[first[q] + 1] - ring_offsets[first[q]], pair_offsets[q]
        if second[q] < 0:
            for i in range(n):
                for axis in range(2):
                    out_start[row + i, axis], out_step[row + i, axis] = uv[begin + i, axis], 0.0
            continue
        other, m = ring_offsets[second[q]], ring_offsets[second[q] + 1] - ring_offsets[second[q]]
        flip = is_closed and _signed_area(uv, begin, begin + n) * _signed_area(uv, other, other + m) < 0
        # the longer ring is the dense one; the second is gone through backwards where the two turn in opposite ways
        n_dense, n_sparse = max(n, m), min(n, m)
        if n >= m:
            _copy(uv, begin, n, np.bool_(False), dense)
            _copy(uv, other, m, np.bool_(flip), sparse)
        else:
            _copy(uv, other, m, np.bool_(flip), dense)
            _copy(uv, begin, n, np.bool_(False), sparse)
        _choose(dense, n_dense, sparse, n_sparse, is_closed, dense_at, sparse_at, totals, chosen)
        _pair(dense, n_dense, sparse, n_sparse, is_closed, n >= m, row, chosen, out_start, out_step)


@compiled
def _copy(uv, begin, n, backwards, out):
    for i in range(n):
        source = begin + (n - i) % n if backwards else begin + i
        out[i, 0], out[i, 1] = uv[source, 0], uv[source, 1]


@compiled
def _choose(dense, n, sparse, m, is_closed, dense_at, sparse_at, totals, chosen):
    """chosen (m,): which point of the dense ring each point of the sparse one is, rising; from n on they count from the ring's beginning again.

    Closed: the least sum of squared distances, both rings laid over each other by their middles and lengths, so that neither where a ring begins
    nor where it lies counts. Open: the first is the first and the last the last, and between them the least sum of squared differences in the share
    of arc length.
    """
    if m == 1 and not is_closed:
        chosen[0] = 0
        return
    _place(dense, n, is_closed, dense_at)
    _place(sparse, m, is_closed, sparse_at)
    width = n - m + 1
    if m * width > MOST_PAIRS:
        _choose_by_length(dense, n, sparse, m, is_closed, dense_at, sparse_at, chosen)
        return
    best, start = np.inf, 0
    if is_closed:
        step = 1 + n * m * width // (64 * MOST_PAIRS)
        for i0 in range(0, n, step):
            total = _least(dense_at, sparse_at, m, width, i0, best, totals)
            if total < best:
                best, start = total, i0
    _trace(dense_at, sparse_at, m, width, start, is_closed, totals, chosen)


@compiled
def _place(ring, n, is_closed, out_at):
    """Where each point counts as being, twice over: (u, v) from the ring's middle in lengths of the ring where closed, else (share of arc length,
    0).
    """
    length, u, v = 0.0, 0.0, 0.0
    for i in range(n):
        after = (i + 1) % n
        out_at[i, 0], out_at[i, 1] = length, 0.0
        if is_closed or after:
            side = math.hypot(ring[after, 0] - ring[i, 0], ring[after, 1] - ring[i, 1])
            length += side
            u += side * 0.5 * (ring[after, 0] + ring[i, 0] - 2 * ring[0, 0])
            v += side * 0.5 * (ring[after, 1] + ring[i, 1] - 2 * ring[0, 1])
    scale = 1 / length if length > 0 else 0.0
    for i in range(n):
        if is_closed:
            out_at[i, 0] = (ring[i, 0] - ring[0, 0] - u * scale) * scale
            out_at[i, 1] = (ring[i, 1] - ring[0, 1] - v * scale) * scale
        else:
            out_at[i, 0] *= scale
        out_at[i + n, 0], out_at[i + n, 1] = out_at[i, 0], out_at[i, 1]


@compiled
def _apart(a, i, b, j):
    return (a[i, 0] - b[j, 0]) ** 2 + (a[i, 1] - b[j, 1]) ** 2


@compiled
def _least(dense_at, sparse_at, m, width, i0, best, totals):
    """The least sum for a start at i0; infinite where it cannot be below `best`."""
    totals[0] = _apart(dense_at, i0, sparse_at, 0)
    for t in range(1, width):
        totals[t] = np.inf
    least = totals[0]
    for j in range(1, m):
        below, least = np.inf, np.inf
        for t in range(width):
            below = min(below, totals[t])
            totals[t] = below + _apart(dense_at, i0 + j + t, sparse_at, j)
            least = min(least, totals[t])
        if least >= best:
            return np.inf
    return least


@compiled
def _trace(dense_at, sparse_at, m, width, i0, is_closed, totals, chosen):
    """The points chosen where the sum is least for a start at i0."""
    came = np.empty((m, width), np.int32)
    totals[0] = _apart(dense_at, i0, sparse_at, 0)
    for t in range(1, width):
        totals[t] = np.inf
    for j in range(1, m):
        below, lowest = np.inf, 0
        for t in range(width):
            if totals[t] < below:
                below, lowest = totals[t], t
            came[j, t] = lowest
            totals[t] = below + _apart(dense_at, i0 + j + t, sparse_at, j)
    t = width - 1
    if is_closed:
        for other in range(width):
            if totals[other] < totals[t]:
                t = other
    for k in range(m):
        j = m - 1 - k
        chosen[j] = i0 + j + t
        if j > 0:
            t = came[j, t]


@compiled
def _choose_by_length(dense, n, sparse, m, is_closed, dense_at, sparse_at, chosen):
    """From the point nearest to the sparse ring's first on, each next one at the same share of arc length as near as there are points left."""
    start = 0
    if is_closed:
        for i in range(1, n):
            if _apart(dense_at, i, sparse_at, 0) < _apart(dense_at, start, sparse_at, 0):
                start = i
    whole = np.empty(2)
    for which in range(2):
        ring, count = (dense, n) if which == 0 else (sparse, m)
        length = 0.0
        for i in range(count if is_closed else count - 1):
            after = (i + 1) % count
            length += math.hypot(ring[after, 0] - ring[i, 0], ring[after, 1] - ring[i, 1])
        whole[which] = length if length > 0 else 1.0
    chosen[0], i, gone, wanted = start, start, 0.0, 0.0
    for j in range(1, m):
        wanted += math.hypot(sparse[j, 0] - sparse[j - 1, 0], sparse[j, 1] - sparse[j - 1, 1]) / whole[1]
        last = start + n - m + j
        while True:
            here, after = i % n, (i + 1) % n
            gone += math.hypot(dense[after, 0] - dense[here, 0], dense[after, 1] - dense[here, 1]) / whole[0]
            i += 1
            if i >= last or (gone >= wanted and (is_closed or j < m - 1)):
                break
        chosen[j] = i


@compiled
def _pair(dense, n, sparse, m, is_closed, is_dense_first, row, chosen, out_start, out_step):
    """Points of the dense ring between two chosen ones go to the side between their two, at their share of the way."""
    for j in range(m):
        begin, end, after = chosen[j], n, j
        if is_closed:
            after = (j + 1) % m
            end = chosen[j + 1] if j + 1 < m else chosen[0] + n
        elif j + 1 < m:
            after, end = j + 1, chosen[j + 1]
        whole = 0.0
        for i in range(begin, end):
            here, there = i % n, (i + 1) % n
            whole += math.hypot(dense[there, 0] - dense[here, 0], dense[there, 1] - dense[here, 1])
        gone = 0.0
        for i in range(begin, end):
            here, there = i % n, (i + 1) % n
            share = gone / whole if whole > 0 else (i - begin) / (end - begin)
            gone += math.hypot(dense[there, 0] - dense[here, 0], dense[there, 1] - dense[here, 1])
            r = row + here if is_dense_first else row + i - chosen[0]
            for axis in range(2):
                side = sparse[j, axis] + share * (sparse[after, axis] - sparse[j, axis])
                if is_dense_first:
                    out_start[r, axis], out_step[r, axis] = dense[here, axis], side - dense[here, axis]
                else:
                    out_start[r, axis], out_step[r, axis] = side, dense[here, axis] - side
