"""Shapes in pictures between keyframes; keyframes of all tracks lie one after the other, as in kernels/interpolation.py."""

from __future__ import annotations

import numpy as np

from . import kernel
from .interpolation import find_places


@kernel
def fill_values(
    first_track,
    last_track,
    offsets,
    times,
    visibility,
    turns,
    values,
    steps,
    is_curved,
    leave,
    arrive,
    at,
    row_offsets,
    is_placed,
    out_values,
    out_track,
    out_time,
    out_state,
    out_visibility,
    out_keyframe,
    out_share,
):
    """One row per track and time `at` (sorted) for which the track is there, in that order; state 0 is a keyframe, 1 lies between two.

    values (K,W) at the keyframes, steps (K,W) from each to the next, turns (K,1) zeros; a row of out_values (R,W) is values + share of the way *
    steps. Where `is_placed`, out_keyframe (R,) and out_share (R,) tell the keyframe at or before each row and the share.

    Tracks with is_curved (M,) uint8 leave the straight line: leave and arrive (K,W) are how much the tangents at both ends of a piece, times its
    length, exceed its step.
    """
    n_at, width = len(at), values.shape[1]
    pieces, ends = np.empty(n_at, np.int64), np.empty(n_at, np.int64)
    shares, angles = np.empty(n_at), np.empty(n_at)
    for track in range(first_track, last_track):
        row, n, stop = row_offsets[track], row_offsets[track + 1] - row_offsets[track], offsets[track + 1]
        if n == 0:
            continue
        n_pieces, _ = find_places(offsets[track], stop, times, visibility, turns, at, row, n, pieces, ends, shares, angles, out_time)
        k = 0
        for piece in range(n_pieces):
            i, begin, k = np.uint64(pieces[piece]), k, ends[piece]
            for m in range(begin, k):
                r = np.uint64(row + m)
                out_track[r], out_state[r], out_visibility[r] = track, shares[np.uint64(m)] != 0, visibility[i]
            if is_placed:
                for m in range(begin, k):
                    r = np.uint64(row + m)
                    out_keyframe[r], out_share[r] = i, shares[np.uint64(m)]
            while begin < k and shares[np.uint64(begin)] == 0:
                for axis in range(width):
                    out_values[row + begin, axis] = values[i, axis]
                begin += 1
            if is_curved[track]:
                for m in range(begin, k):
                    share, r = shares[np.uint64(m)], np.uint64(row + m)
                    rest = 1 - share
                    for axis in range(width):
                        bend = share * rest * (rest * leave[i, axis] - share * arrive[i, axis])
                        out_values[r, np.uint64(axis)] = values[i, axis] + share * steps[i, axis] + bend
            elif width == 4:
                a, b, c, d = values[i, 0], values[i, 1], values[i, 2], values[i, 3]
                da, db, dc, dd = steps[i, 0], steps[i, 1], steps[i, 2], steps[i, 3]
                for m in range(begin, k):
                    share, r = shares[np.uint64(m)], np.uint64(row + m)
                    out_values[r, 0], out_values[r, 1] = a + share * da, b + share * db
                    out_values[r, 2], out_values[r, 3] = c + share * dc, d + share * dd
            else:
                for m in range(begin, k):
                    share, r = shares[np.uint64(m)], np.uint64(row + m)
                    for axis in range(width):
                        out_values[r, np.uint64(axis)] = values[i, np.uint64(axis)] + share * steps[i, np.uint64(axis)]


@kernel
def count_points(keyframe, share, point_counts, pair_counts, ring_counts, out_offsets, out_point_offsets):
    """Row offsets of paths: rings and points of each row so far, (R+1,) each; those of the keyframe where it is met, else those on the way to the
    next.
    """
    out_offsets[0], out_point_offsets[0] = 0, 0
    for r in range(len(keyframe)):
        i = keyframe[r]
        out_offsets[r + 1] = out_offsets[r] + ring_counts[i]
        out_point_offsets[r + 1] = out_point_offsets[r] + (point_counts[i] if share[r] == 0 else pair_counts[i])


@kernel
def fill_paths(keyframe, share, uv, ring_offsets, offsets, start, step, pair_offsets, row_offsets, point_offsets, out_uv, out_ring_offsets):
    """The points of each row of paths, and where its rings begin; `pair_offsets (R0+1,)` of each ring of a keyframe into start and step (P,2)."""
    out_ring_offsets[0] = 0
    for r in range(len(keyframe)):
        i, point, ring = keyframe[r], point_offsets[r], row_offsets[r]
        for source in range(offsets[i], offsets[i + 1]):
            if share[r] == 0:
                for p in range(ring_offsets[source], ring_offsets[source + 1]):
                    out_uv[point, 0], out_uv[point, 1] = uv[p, 0], uv[p, 1]
                    point += 1
            else:
                for p in range(pair_offsets[source], pair_offsets[source + 1]):
                    out_uv[point, 0] = start[p, 0] + share[r] * step[p, 0]
                    out_uv[point, 1] = start[p, 1] + share[r] * step[p, 1]
                    point += 1
            ring += 1
            out_ring_offsets[ring] = point
