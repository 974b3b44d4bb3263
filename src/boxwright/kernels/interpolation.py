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
    """(K,3) derivative of the centre at each keyframe, metres per nanosecond; `methods (M,)` uint8. A run of two is a straight line."""
    for track in range(len(offsets) - 1):
        first = offsets[track]
        while first < offsets[track + 1]:
            last = first
            while last + 1 < offsets[track + 1] and visibility[last] != OUTSIDE:
                last += 1
            for i in range(first, last):
                span = float(times[i + 1] - times[i])
                for axis in range(3):
                    out_tangents[i, axis] = (centers[i + 1, axis] - centers[i, axis]) / span
            for axis in range(3):
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
    largest = 0.0
    for write in range(2):
        for axis in range(3):
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
    """Tangents from the two neighbouring slopes, in place: of the parabola through three points, or PCHIP's (Fritsch and Butland) where `monotone`."""
    for axis in range(3):
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
def count_rows(offsets, times, visibility, at, out_offsets):
    """(M+1,) row offsets: how many of the sorted times `at` each track is there for."""
    total = 0
    out_offsets[0] = 0
    for track in range(len(offsets) - 1):
        begin, stop = offsets[track], offsets[track + 1]
        if len(at) and begin < stop and at[-1] >= times[begin] and at[0] <= times[stop - 1]:
            first = begin
            while first < stop:
                last = first
                while last + 1 < stop and visibility[last] != OUTSIDE:
                    last += 1
                if visibility[last] == OUTSIDE:
                    total += np.searchsorted(at, times[last]) - np.searchsorted(at, times[first])
                else:
                    total += _first_after(at, times[last], 0, len(at)) - np.searchsorted(at, times[first])
                first = last + 1
        out_offsets[track + 1] = total


@compiled
def _first_after(sorted_times, time, low, high):
    """The first index in low..high whose time is later."""
    while low < high:
        middle = (low + high) >> 1
        if sorted_times[middle] <= time:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def fill_rows(
    offsets,
    times,
    centers,
    sizes,
    quats,
    yaws,
    visibility,
    methods,
    tangents,
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
    """One row per track and time `at` (sorted) for which the track is there, in that order; state 0 is a keyframe, 1 lies between two."""
    for track in range(len(offsets) - 1):
        row, row_end = row_offsets[track], row_offsets[track + 1]
        if row == row_end:
            continue
        stop = offsets[track + 1]
        j = _first_after(at, times[offsets[track]] - 1, 0, len(at))
        i = _first_after(times, at[j], offsets[track], stop) - 1
        while row < row_end:
            if visibility[i] == OUTSIDE:
                i += 1
                while at[j] < times[i]:
                    j += 1
                continue
            begin = row
            while row < row_end and at[j] == times[i]:
                for axis in range(3):
                    out_center[row, axis] = centers[i, axis]
                    out_size[row, axis] = sizes[i, axis]
                for axis in range(4):
                    out_quat[row, axis] = quats[i, axis]
                out_yaw[row] = yaws[i]
                out_state[row] = 0
                out_time[row] = j
                row += 1
                j += 1
            if row < row_end and i + 1 < stop and at[j] < times[i + 1]:
                n = 1
                while row + n < row_end and at[j + n] < times[i + 1]:
                    n += 1
                _fill_piece(
                    i, times, centers, sizes, quats, yaws, methods[track], tangents, at[j : j + n], row, out_center, out_size, out_quat, out_yaw
                )
                for k in range(n):
                    out_state[row + k] = 1
                    out_time[row + k] = j + k
                row += n
                j += n
            for k in range(begin, row):
                out_track[k] = track
                out_visibility[k] = visibility[i]
            i += 1


@compiled
def _fill_piece(i, times, centers, sizes, quats, yaws, method, tangents, at, row, out_center, out_size, out_quat, out_yaw):
    """Times `at` strictly between keyframes i and i + 1: a cubic for the centre, straight for the size, the short arc for the rotation."""
    start = times[i]
    span = float(times[i + 1] - start)
    for axis in range(3):
        base, whole = centers[i, axis], centers[i + 1, axis] - centers[i, axis]
        a, b, c = whole, 0.0, 0.0
        if method != LINEAR:
            leave, arrive = tangents[i, axis] * span, tangents[i + 1, axis] * span
            a, b, c = leave, 3 * whole - 2 * leave - arrive, leave + arrive - 2 * whole
        size, growth = sizes[i, axis], sizes[i + 1, axis] - sizes[i, axis]
        for k in range(len(at)):
            share = float(at[k] - start) / span
            out_center[row + k, axis] = base + share * (a + share * (b + share * c))
            out_size[row + k, axis] = size + share * growth
    w, x, y, z = quats[i, 0], quats[i, 1], quats[i, 2], quats[i, 3]
    w1, x1, y1, z1 = quats[i + 1, 0], quats[i + 1, 1], quats[i + 1, 2], quats[i + 1, 3]
    if w * w1 + x * x1 + y * y1 + z * z1 < 0:
        w1, x1, y1, z1 = -w1, -x1, -y1, -z1
    # in four dimensions the arc is  start cos(angle share) + across sin(angle share)
    distance = math.sqrt((w1 - w) ** 2 + (x1 - x) ** 2 + (y1 - y) ** 2 + (z1 - z) ** 2)
    angle = 2 * math.atan2(distance, math.sqrt((w1 + w) ** 2 + (x1 + x) ** 2 + (y1 + y) ** 2 + (z1 + z) ** 2))
    scale = 1 / math.sin(angle) if angle > 0 else 0.0
    drop = 2 * math.sin(angle / 2) ** 2
    w1, x1, y1, z1 = scale * (w1 - w + drop * w), scale * (x1 - x + drop * x), scale * (y1 - y + drop * y), scale * (z1 - z + drop * z)
    upright = x == 0 and y == 0 and x1 == 0 and y1 == 0
    turn = math.copysign(2 * angle, w * z1 - z * w1)
    for k in range(len(at)):
        share = float(at[k] - start) / span
        cosine, sine = _cos_sin(share * angle)
        q0, q1, q2, q3 = cosine * w + sine * w1, cosine * x + sine * x1, cosine * y + sine * y1, cosine * z + sine * z1
        out_quat[row + k, 0], out_quat[row + k, 1], out_quat[row + k, 2], out_quat[row + k, 3] = q0, q1, q2, q3
        if upright:
            yaw = yaws[i] + share * turn
            yaw = yaw - 2 * math.pi if yaw > math.pi else yaw + 2 * math.pi if yaw <= -math.pi else yaw
        else:
            yaw = math.atan2(2 * (q1 * q2 + q0 * q3), q0 * q0 + q1 * q1 - q2 * q2 - q3 * q3)
            yaw = math.pi if yaw == -math.pi else yaw
        out_yaw[row + k] = yaw


@compiled
def _cos_sin(angle):
    """Taylor series within SMALL_ANGLE, where they are good to the last bit or two and far cheaper."""
    if angle > SMALL_ANGLE:
        return math.cos(angle), math.sin(angle)
    x = angle * angle
    sine = 1 / 6 + x * (-1 / 120 + x * (1 / 5040 + x * (-1 / 362880 + x * (1 / 39916800 - x * (1 / 6227020800)))))
    cosine = 0.5 + x * (-1 / 24 + x * (1 / 720 + x * (-1 / 40320 + x * (1 / 3628800 + x * (-1 / 479001600 + x * (1 / 87178291200))))))
    return 1 - x * cosine, angle - angle * x * sine
