"""Curves through keyframes: tangents once per set of tracks, then any times.

Keyframes of all tracks lie one after the other (CSR): `offsets (M+1,)`, `times (K,)` int64 nanoseconds, `centers (K,3)`, `sizes (K,3)`,
`quats (K,4)`, `yaws (K,)`, `visibility (K,)`. Code 2 of `visibility` (OUTSIDE) ends a run: a curve leads to that keyframe, none leads away from it.
"""

from __future__ import annotations

import math

import numpy as np

from . import compiled, kernel

LINEAR, MAKIMA, PCHIP = 0, 1, 2  # any other method code is Catmull-Rom
OUTSIDE = 2
SMALL_ANGLE = 0.5


@kernel
def tangents(offsets, times, centers, visibility, methods, out_tangents):
    """(K,A) derivative of the centre (K,A) at each keyframe, per nanosecond; `methods (M,)` uint8. A run of two is a straight line."""
    n_axes = centers.shape[1]
    for track in range(len(offsets) - 1):
        first = offsets[track]
        while first < offsets[track + 1]:
            last = first
            while last + 1 < offsets[track + 1] and visibility[last] != OUTSIDE:
                last += 1
            for i in range(first, last):
                span = float(times[i + 1] - times[i])
                for axis in range(n_axes):
                    out_tangents[i, axis] = (centers[i + 1, axis] - centers[i, axis]) / span
            for axis in range(n_axes):
                out_tangents[last, axis] = out_tangents[last - 1, axis] if last > first else 0.0
            if last - first >= 2:
                if methods[track] == MAKIMA:
                    _makima(out_tangents, first, last)
                elif methods[track] != LINEAR:
                    _three_point(times, out_tangents, first, last, methods[track] == PCHIP)
            first = last + 1


@compiled
def _makima(slopes, first, last):
    """Modified Akima, in place: slopes of the pieces become tangents. A weight below 1e-9 of the run's largest counts as zero (as scipy does)."""
    largest, n_axes = 0.0, slopes.shape[1]
    for write in range(2):
        for axis in range(n_axes):
            s2, s3 = slopes[first, axis], slopes[first + 1, axis]
            s1 = 2 * s2 - s3
            s0 = 2 * s1 - s2
            for i in range(first, last + 1):
                after = abs(s3 - s2) + 0.5 * abs(s3 + s2)
                before = abs(s1 - s0) + 0.5 * abs(s1 + s0)
                weight = after + before
                upcoming = slopes[i + 2, axis] if i + 2 < last else 2 * s3 - s2
                if not write:
                    largest = max(largest, weight)
                elif weight > 1e-9 * largest:
                    slopes[i, axis] = s1 + before / weight * (s2 - s1)
                else:
                    slopes[i, axis] = 0.5 * (s0 + s3)
                s0, s1, s2, s3 = s1, s2, s3, upcoming


@compiled
def _three_point(times, slopes, first, last, monotone):
    """In place: tangents of the parabola through three points, or PCHIP's (Fritsch and Butland) where `monotone`."""
    n_axes = slopes.shape[1]
    for axis in range(n_axes):
        start = _end(times[first + 1] - times[first], times[first + 2] - times[first + 1], slopes[first, axis], slopes[first + 1, axis], monotone)
        end = _end(times[last] - times[last - 1], times[last - 1] - times[last - 2], slopes[last - 1, axis], slopes[last - 2, axis], monotone)
        left = slopes[first, axis]
        for i in range(first + 1, last):
            right = slopes[i, axis]
            before, after = float(times[i] - times[i - 1]), float(times[i + 1] - times[i])
            if not monotone:
                slopes[i, axis] = (after * left + before * right) / (before + after)
            elif left * right > 0:
                slopes[i, axis] = 3 * (before + after) / ((2 * after + before) / left + (after + 2 * before) / right)
            else:
                slopes[i, axis] = 0.0
            left = right
        slopes[first, axis], slopes[last, axis] = start, end


@compiled
def _end(near_span, far_span, near, far, monotone):
    tangent = near + (near - far) * (float(near_span) / float(near_span + far_span))
    if monotone:
        if np.sign(tangent) != np.sign(near):
            return 0.0
        if np.sign(near) != np.sign(far) and abs(tangent) > 3 * abs(near):
            return 3 * near
    return tangent


@kernel
def turns(offsets, quats, out_turns):
    """(K,5) of the piece that starts at each keyframe: the angle of its short arc in four dimensions (half the turn), and a unit quaternion `across`.

    The arc is  start cos(angle share) + across sin(angle share).
    """
    for track in range(len(offsets) - 1):
        for i in range(offsets[track], offsets[track + 1]):
            for axis in range(5):
                out_turns[i, axis] = 0.0
            if i + 1 < offsets[track + 1]:
                dot = 0.0
                for axis in range(4):
                    dot += quats[i, axis] * quats[i + 1, axis]
                sign = -1.0 if dot < 0 else 1.0
                difference, total = 0.0, 0.0
                for axis in range(4):
                    difference += (sign * quats[i + 1, axis] - quats[i, axis]) ** 2
                    total += (sign * quats[i + 1, axis] + quats[i, axis]) ** 2
                angle = 2 * math.atan2(math.sqrt(difference), math.sqrt(total))  # good for tiny angles, where acos of the dot product is not
                if angle > 0:
                    drop = 2 * math.sin(angle / 2) ** 2  # 1 - cos(angle)
                    for axis in range(4):
                        across = sign * quats[i + 1, axis] - quats[i, axis] + drop * quats[i, axis]
                        out_turns[i, 1 + axis] = across / math.sin(angle)
                out_turns[i, 0] = angle


@kernel
def count_rows(offsets, times, visibility, at, out_offsets):
    """(M+1,) row offsets: how many of the sorted times `at` each track is there for."""
    total, n_at = 0, len(at)
    out_offsets[0] = 0
    for track in range(len(offsets) - 1):
        begin, stop = offsets[track], offsets[track + 1]
        if n_at > 0 and begin < stop and at[n_at - 1] >= times[begin] and at[0] <= times[stop - 1]:
            first = begin
            while first < stop:
                last = first
                while last + 1 < stop and visibility[last] != OUTSIDE:
                    last += 1
                is_open = visibility[last] != OUTSIDE  # then the row at the last keyframe counts too
                total += _first(at, times[last], is_open, np.int64(0), n_at) - _first(at, times[first], np.bool_(False), np.int64(0), n_at)
                first = last + 1
        out_offsets[track + 1] = total


@compiled
def _first(sorted_times, time, is_later, low, high):
    """The first index in low..high at the time or later, or later only. It is called without constants, for which it would be compiled anew."""
    while low < high:
        middle = (low + high) >> 1
        if sorted_times[middle] < time or (is_later and sorted_times[middle] == time):
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def fill_rows(
    first_track,
    last_track,
    offsets,
    times,
    centers,
    sizes,
    quats,
    yaws,
    visibility,
    methods,
    tangents,
    turns,
    at,
    row_offsets,
    out_center,
    out_size,
    out_quat,
    out_yaw,
    out_track,
    out_time,
    out_state,
    out_visibility,
):
    """One row per track and time `at` (sorted) for which the track is there, in that order; state 0 is a keyframe, 1 lies between two.

    Fills those of the tracks from `first_track` up to `last_track`.

    A cubic for the centre, straight for the size, the short arc for the rotation. Per track in three passes: where each row lies, cosines and sines
    (without branches, so that the compiler makes vectors of them), and the rows.
    """
    n_at = len(at)
    pieces, ends = np.empty(n_at, np.int64), np.empty(n_at, np.int64)
    shares, cosines, sines = np.empty(n_at), np.empty(n_at), np.empty(n_at)
    for track in range(first_track, last_track):
        row, n, stop = row_offsets[track], row_offsets[track + 1] - row_offsets[track], offsets[track + 1]
        if n == 0:
            continue
        n_pieces, widest = find_places(offsets[track], stop, times, visibility, turns, at, row, n, pieces, ends, shares, sines, out_time)
        if widest <= SMALL_ANGLE:
            for k in range(n):
                cosines[k], sines[k] = _cos_sin_small(sines[k])
        else:
            for k in range(n):
                cosines[k], sines[k] = math.cos(sines[k]), math.sin(sines[k])
        k = 0
        for piece in range(n_pieces):
            i, first, begin, k = np.uint64(pieces[piece]), k, k, ends[piece]  # without a sign, which spares the test for negative indices
            while begin < k and shares[np.uint64(begin)] == 0:
                _copy_keyframe(i, np.uint64(row + begin), centers, sizes, quats, yaws, out_center, out_size, out_quat, out_yaw)
                begin += 1
            for m in range(first, k):
                r = np.uint64(row + m)
                out_track[r], out_state[r], out_visibility[r] = track, m >= begin, visibility[i]
            if begin == k:
                continue
            after = i + np.uint64(1)
            span = float(times[after] - times[i])
            x0, y0, z0 = centers[i, 0], centers[i, 1], centers[i, 2]
            ax, ay, az = centers[after, 0] - x0, centers[after, 1] - y0, centers[after, 2] - z0
            if methods[track] == LINEAR:
                for m in range(begin, k):
                    share, r = shares[np.uint64(m)], np.uint64(row + m)
                    out_center[r, 0], out_center[r, 1], out_center[r, 2] = x0 + share * ax, y0 + share * ay, z0 + share * az
            else:
                ax, bx, cx = _cubic(ax, tangents[i, 0] * span, tangents[after, 0] * span)
                ay, by, cy = _cubic(ay, tangents[i, 1] * span, tangents[after, 1] * span)
                az, bz, cz = _cubic(az, tangents[i, 2] * span, tangents[after, 2] * span)
                for m in range(begin, k):
                    share, r = shares[np.uint64(m)], np.uint64(row + m)
                    out_center[r, 0] = x0 + share * (ax + share * (bx + share * cx))
                    out_center[r, 1] = y0 + share * (ay + share * (by + share * cy))
                    out_center[r, 2] = z0 + share * (az + share * (bz + share * cz))
            length, width, height = sizes[i, 0], sizes[i, 1], sizes[i, 2]
            longer, wider, higher = sizes[after, 0] - length, sizes[after, 1] - width, sizes[after, 2] - height
            qw, qx, qy, qz = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
            pw, px, py, pz = turns[i, 1], turns[i, 2], turns[i, 3], turns[i, 4]
            for m in range(begin, k):
                u, r = np.uint64(m), np.uint64(row + m)
                share, cosine, sine = shares[u], cosines[u], sines[u]
                out_size[r, 0], out_size[r, 1], out_size[r, 2] = length + share * longer, width + share * wider, height + share * higher
                out_quat[r, 0], out_quat[r, 1] = cosine * qw + sine * pw, cosine * qx + sine * px
                out_quat[r, 2], out_quat[r, 3] = cosine * qy + sine * py, cosine * qz + sine * pz
            if qx == 0 and qy == 0 and px == 0 and py == 0:
                yaw, turned = yaws[i], math.copysign(2 * turns[i, 0], qw * pz - qz * pw)
                for m in range(begin, k):
                    here = yaw + shares[np.uint64(m)] * turned
                    back = here - 2 * math.pi if here > math.pi else here
                    out_yaw[np.uint64(row + m)] = here + 2 * math.pi if here <= -math.pi else back
            else:
                for m in range(begin, k):
                    r = np.uint64(row + m)
                    w, x, y, z = out_quat[r, 0], out_quat[r, 1], out_quat[r, 2], out_quat[r, 3]
                    here = math.atan2(2 * (x * y + w * z), w * w + x * x - y * y - z * z)
                    out_yaw[r] = here + 2 * math.pi if here <= -math.pi else here


@compiled
def find_places(first, stop, times, visibility, turns, at, row, n, pieces, ends, shares, angles, out_time):
    """For each of the n rows its share of the way from the keyframe before it to the next, and of the angle; the keyframes before them, each with
    the end of its rows. Returns how many such keyframes there are, and the widest of the angles.
    """
    j = _first(at, times[first], np.bool_(False), np.int64(0), len(at))
    i = _first(times, at[j], np.bool_(True), first, stop) - 1
    k, n_pieces, widest = 0, 0, 0.0
    while k < n:
        if visibility[i] == OUTSIDE:
            i += 1
            while at[j] < times[i]:
                j += 1
            continue
        start, until, angle, pace, is_last = times[i], times[i], turns[i, 0], 0.0, i + 1 == stop
        if not is_last:
            until = times[i + 1]
            pace = 1 / float(until - start)
            widest = max(widest, angle)
        end = k
        while end < n and (is_last or at[np.uint64(j + end - k)] < until):
            end += 1
        for m in range(end - k):
            u, v = np.uint64(k + m), np.uint64(j + m)
            share = float(at[v] - start) * pace
            shares[u], angles[u] = share, share * angle
            out_time[np.uint64(row + k + m)] = v
        if end > k:
            pieces[n_pieces], ends[n_pieces] = i, end
            n_pieces += 1
        j += end - k
        k = end
        i += 1
    return n_pieces, widest


@compiled
def _copy_keyframe(i, row, centers, sizes, quats, yaws, out_center, out_size, out_quat, out_yaw):
    for axis in range(3):
        out_center[row, axis] = centers[i, axis]
        out_size[row, axis] = sizes[i, axis]
    for axis in range(4):
        out_quat[row, axis] = quats[i, axis]
    out_yaw[row] = yaws[i]


@compiled
def _cubic(whole, leave, arrive):
    """Hermite's cubic as whole = a + b + c, in the form whose last digits do not suffer from large coordinates."""
    return leave, 3 * whole - 2 * leave - arrive, leave + arrive - 2 * whole


@compiled
def _cos_sin_small(angle):
    """Taylor series, for at most SMALL_ANGLE: good to the last bit or two, and far cheaper."""
    x = angle * angle
    sine = 1 / 6 + x * (-1 / 120 + x * (1 / 5040 + x * (-1 / 362880 + x * (1 / 39916800 - x * (1 / 6227020800)))))
    cosine = 0.5 + x * (-1 / 24 + x * (1 / 720 + x * (-1 / 40320 + x * (1 / 3628800 + x * (-1 / 479001600 + x * (1 / 87178291200))))))
    return 1 - x * cosine, angle - angle * x * sine
