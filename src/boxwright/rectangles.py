"""Rectangles around many clusters at once: the bare L-shape search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import PLAIN_NUMBERS, Float64s, Int64s, as_array, as_floats
from .errors import ArgumentError
from .kernels import rectangles as kernels
from .threads import in_parts, worth

__all__ = ["Rectangles", "fit_rectangles"]

POINTS_PER_THREAD = 2**13


@dataclass(frozen=True, eq=False)
class Rectangles:
    """Rectangles in x, y, one row per cluster; a row of NaN where a cluster has fewer than three finite points.

    center_m : (C, 2)
    size_m : (C, 2) length and width of the points' extent, length >= width; zero where all points lie on a line
    yaw_rad : (C,) of the longer side, in (-pi/2, pi/2]: a rectangle has no front
    """

    center_m: Float64s
    size_m: Float64s
    yaw_rad: Float64s

    def __len__(self) -> int:
        return len(self.yaw_rad)

    @property
    def is_valid(self) -> Any:
        """(C,) bool"""
        return np.isfinite(self.yaw_rad)

    def corners_m(self) -> Float64s:
        """(C, 4, 2) counter-clockwise, starting ahead on the left."""
        c, s = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        ahead = np.stack([c, s], -1) * (self.size_m[:, :1] / 2)
        left = np.stack([-s, c], -1) * (self.size_m[:, 1:] / 2)
        return np.stack([self.center_m + i * ahead + j * left for i, j in ((1, 1), (-1, 1), (-1, -1), (1, -1))], 1)


def fit_rectangles(points: Any, offsets: Any, *, noise_m: float = 0.03, n_threads: int = 1) -> Rectangles:
    """The bare L-shape search for many clusters at once: no ground, no priors, no sensor.

    points : (N, 2) or (N, 3) float32 or float64, metres; z is not read; cluster c is points[offsets[c]:offsets[c + 1]]
    offsets : (C + 1,) whole numbers from 0 to N, not decreasing
    noise_m : ranging noise, sets how wide the band along an edge is
    n_threads : how many threads share the clusters where there are many points

    Of 32 headings the one with the largest closeness is taken, the sum over the points of (1 - d / (25 noise)) ** 4 with d the distance
    to the nearest edge of the bounding rectangle (after Zhang, Xu, Dong and Dolan, IEEE IV 2017, with a smooth criterion); then straight lines,
    parallel or at right angles, are laid through the points of its sides by total least squares. The size is that of the bounding rectangle there.
    """
    array = _as_points_2d(points)
    starts = _as_offsets(offsets, len(array))
    if not as_floats("noise_m", noise_m, (), finite=False) > 0 or math.isinf(noise_m):
        raise ArgumentError(expected="a positive length in metres", got=repr(noise_m), field="noise_m", hint="0.03 suits most LiDARs")
    n = len(starts) - 1
    center, size, yaw = np.empty((n, 2)), np.empty((n, 2)), np.empty(n)

    def fit(begin: int, end: int) -> None:
        part = slice(begin, end)
        kernels.fit_rectangles(array, starts[begin : end + 1], float(noise_m), center[part], size[part], yaw[part])

    in_parts(n, n_threads, worth(n, len(array), POINTS_PER_THREAD), fit)
    return Rectangles(center, size, yaw)


def _as_points_2d(value: Any) -> Any:
    array = as_array("points", value, "(N, 2) or (N, 3) float array")
    if array.size == 0 and array.ndim == 1:
        return np.zeros((0, 2))
    if array.dtype not in (np.float32, np.float64):
        if array.dtype.kind not in "iuf":
            raise ArgumentError(expected="(N, 2) or (N, 3) float array", got=f"dtype {array.dtype}", field="points", hint=PLAIN_NUMBERS)
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        hint = "pass points[:, :3]" if array.ndim == 2 and array.shape[1] > 3 else "pass one row per point"
        raise ArgumentError(expected="(N, 2) or (N, 3) float array", got=f"shape {array.shape}", field="points", hint=hint)
    return array


def _as_offsets(value: Any, n_points: int) -> Int64s:
    hint = "np.r_[0, counts.cumsum()], counts being the clusters' numbers of points"
    array = as_array("offsets", value, "(C + 1,) whole numbers")
    if array.ndim != 1 or len(array) < 1 or array.dtype.kind not in "iu":
        got = f"shape {array.shape}, dtype {array.dtype}"
        raise ArgumentError(expected="(C + 1,) whole numbers", got=got, field="offsets", hint=hint)
    starts = np.ascontiguousarray(array, np.int64)
    if starts[0] != 0 or starts[-1] != n_points:
        wanted, got = f"offsets from 0 to {n_points}, the number of points", f"{starts[0]} to {starts[-1]}"
        raise ArgumentError(expected=wanted, got=got, field="offsets", hint=hint)
    if (np.diff(starts) < 0).any():
        i = int(np.argmin(np.diff(starts) >= 0))
        raise ArgumentError(expected="offsets, not decreasing", got=f"{starts[i]} then {starts[i + 1]} at index {i + 1}", field="offsets", hint=hint)
    return starts
