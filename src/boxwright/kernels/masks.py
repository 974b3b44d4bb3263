"""Masks as runs, column by column: `counts (C,)` int64, first of pixels outside, then inside, in turn; `offsets (K+1,)` of the masks into it."""

from __future__ import annotations

import numpy as np

from . import compiled, kernel


@kernel
def count_runs(pixels, out_counts):
    """(K,) how many runs each of `pixels (K,N)` bool has, the first outside, if of no length."""
    for k in range(len(pixels)):
        n, now = 1, False
        for i in range(pixels.shape[1]):
            if pixels[k, i] != now:
                now = not now
                n += 1
        out_counts[k] = n


@kernel
def encode(pixels, offsets, out_counts):
    """The runs of `pixels (K,N)` bool, each mask from top to bottom, then from left to right."""
    for k in range(len(pixels)):
        c, now, length = offsets[k], False, 0
        for i in range(pixels.shape[1]):
            if pixels[k, i] != now:
                out_counts[c] = length
                c, length, now = c + 1, 0, not now
            length += 1
        out_counts[c] = length


@kernel
def decode(counts, offsets, out_pixels):
    """out_pixels (K,N) bool, zeros before."""
    for k in range(len(offsets) - 1):
        at, inside = 0, False
        for c in range(offsets[k], offsets[k + 1]):
            if inside:
                for i in range(at, at + counts[c]):
                    out_pixels[k, i] = True
            at, inside = at + counts[c], not inside


@kernel
def plain_runs(counts, offsets, out_offsets, out_counts):
    """The same masks without runs of no length but the first; out_offsets (K+1,), out_counts as long as counts."""
    out_offsets[0] = 0
    for k in range(len(offsets) - 1):
        start = out_offsets[k]
        end, inside = start, False
        for c in range(offsets[k], offsets[k + 1]):
            if counts[c] > 0 or c == offsets[k]:
                is_next = (end - start) % 2 == 1  # whether the run to come is one inside
                if end == start or is_next == inside:
                    out_counts[end] = counts[c]
                    end += 1
                else:
                    out_counts[end - 1] += counts[c]
            inside = not inside
        out_offsets[k + 1] = end


@kernel
def measures(counts, offsets, height, out_area, out_bounds):
    """(K,) pixels inside, and (K,4) first column, first row, last column, last row of them; NaN where there are none."""
    for k in range(len(offsets) - 1):
        area, at, inside = 0, 0, False
        left, top, right, bottom = -1, height, -1, -1
        for c in range(offsets[k], offsets[k + 1]):
            length = counts[c]
            if inside and length > 0:
                area += length
                first, last = at, at + length - 1
                if left < 0:
                    left = first // height
                right = last // height
                if first // height == last // height:
                    top, bottom = min(top, first % height), max(bottom, last % height)
                else:
                    top, bottom = 0, height - 1  # a run over the end of a column holds its bottom and the top of the next
            at, inside = at + length, not inside
        out_area[k] = area
        for side in range(4):
            out_bounds[k, side] = np.nan
        if area > 0:
            out_bounds[k, 0], out_bounds[k, 1], out_bounds[k, 2], out_bounds[k, 3] = left, top, right, bottom


@kernel
def shared_px(counts, offsets, other_counts, other_offsets, out):
    """(A,B) pixels that are inside both."""
    for a in range(len(offsets) - 1):
        for b in range(len(other_offsets) - 1):
            out[a, b] = _shared(counts, offsets[a], offsets[a + 1], other_counts, other_offsets[b], other_offsets[b + 1])


@compiled
def _shared(counts, i, i_end, others, j, j_end):
    total, left, right, in_a, in_b = 0, counts[i], others[j], False, False
    while True:
        step = min(left, right)
        if in_a and in_b:
            total += step
        left, right = left - step, right - step
        while left == 0:
            i, in_a = i + 1, not in_a
            if i == i_end:
                return total
            left = counts[i]
        while right == 0:
            j, in_b = j + 1, not in_b
            if j == j_end:
                return total
            right = others[j]


@kernel
def fill_rings(uv, ring_offsets, offsets, height, out_pixels):
    """out_pixels (K,W*H) bool, column by column: pixels whose centre lies inside by the even-odd rule, a centre on a ring's left or top side too."""
    most = 1
    for k in range(len(offsets) - 1):
        most = max(most, ring_offsets[offsets[k + 1]] - ring_offsets[offsets[k]])
    crossings = np.empty(most)
    for k in range(len(offsets) - 1):
        for column in range(out_pixels.shape[1] // max(height, 1)):
            n = 0
            for r in range(offsets[k], offsets[k + 1]):
                last = ring_offsets[r + 1] - 1
                for i in range(ring_offsets[r], ring_offsets[r + 1]):
                    if (uv[i, 0] > column) != (uv[last, 0] > column):
                        across = (column - uv[i, 0]) / (uv[last, 0] - uv[i, 0])
                        crossings[n] = uv[i, 1] + across * (uv[last, 1] - uv[i, 1])
                        n += 1
                    last = i
            rows = np.sort(crossings[:n])
            for c in range(0, n - 1, 2):
                first = max(int(np.ceil(max(rows[c], 0.0))), 0)
                end = min(int(np.ceil(min(rows[c + 1], float(height)))), height)
                for row in range(first, end):
                    out_pixels[k, column * height + row] = True


@kernel
def box_ious(a, b, out):
    """(A,B) of boxes (A,4) and (B,4): left, top, right, bottom."""
    for i in range(len(a)):
        area = (a[i, 2] - a[i, 0]) * (a[i, 3] - a[i, 1])
        for j in range(len(b)):
            width = min(a[i, 2], b[j, 2]) - max(a[i, 0], b[j, 0])
            height = min(a[i, 3], b[j, 3]) - max(a[i, 1], b[j, 1])
            out[i, j] = 0.0
            if width > 0 and height > 0:
                shared = width * height
                out[i, j] = shared / (area + (b[j, 2] - b[j, 0]) * (b[j, 3] - b[j, 1]) - shared)
