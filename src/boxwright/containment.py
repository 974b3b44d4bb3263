"""Which points lie in which cuboids."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Floats, Int32s, Int64s, as_points, frozen, one_index
from .cuboids import Cuboid, Cuboids, as_cuboids, same_frame
from .errors import LimitError, number_of
from .kernels import containment as kernels
from .threads import in_parts

__all__ = ["PointHits", "points_in_cuboids"]

MOST_POINTS = 2**31 - 1
MOST_CELLS = 2**16
HITS_PER_PART = 2**18
POINTS_PER_THREAD = 2**16


class PointHits:
    """The points inside each of M cuboids, as CSR: those of cuboid m are `point_index[offsets[m]:offsets[m + 1]]`, in rising order.

    counts : (M,) int64, points in each cuboid
    offsets : (M + 1,) int64
    point_index : (offsets[-1],) int32
    n_points : how many points were asked about
    """

    __slots__ = ("_first", "counts", "n_points", "offsets", "point_index")

    def __init__(self, offsets: Int64s, point_index: Int32s, n_points: int) -> None:
        self.offsets: Int64s = frozen(offsets)
        self.point_index: Int32s = frozen(point_index)
        self.counts: Int64s = frozen(np.diff(offsets))
        self.n_points = n_points
        self._first: Int32s | None = None

    def __len__(self) -> int:
        return len(self.counts)

    def indices(self, m: int) -> Int64s:
        """(K,) int64, sorted: the points inside cuboid m; a negative m counts from the end."""
        m = one_index("m", m, len(self), hint="give the index of a cuboid; negative ones count from the end")
        return self.point_index[self.offsets[m] : self.offsets[m + 1]].astype(np.int64)

    @property
    def first(self) -> Int32s:
        """(N,) int32: the lowest index of a cuboid that holds the point, -1 where none does; made when first asked for."""
        if self._first is None:
            first = np.empty(self.n_points, np.int32)
            kernels.first_cuboid(self.offsets, self.point_index, first)
            self._first = frozen(first)
        return self._first

    def mask(self) -> Bools:
        """(M, N) bool: point n is inside cuboid m."""
        mask = np.zeros((len(self), self.n_points), np.bool_)
        mask[np.repeat(np.arange(len(self)), self.counts), self.point_index] = True
        return mask

    def __repr__(self) -> str:
        return f"PointHits({number_of(len(self), 'cuboid')}, {number_of(self.n_points, 'point')}, {number_of(len(self.point_index), 'hit')})"


def points_in_cuboids(points: Any, cuboids: Cuboids | Cuboid, *, n_threads: int = 1) -> PointHits:
    """Finds the points inside every cuboid.

    points : (N, 3) float32 or float64, metres, in the frame of the cuboids, any strides, read-only or not; or a Sweep
    cuboids : M cuboids, turned in any way; rows of NaN hold nothing
    n_threads : how many threads share the points of a large cloud

    A point p is inside where |R^T (p - c)| <= size / 2 along all three axes, in float64: faces are closed. A point that is not finite
    is inside of nothing. Cost grows with points and hits, hardly with cuboids.
    Raises ArgumentError for a wrong shape or dtype, GeometryError where a sweep's frame and the cuboids' differ.
    """
    cuboids = as_cuboids("cuboids", cuboids)
    frame = getattr(points, "frame", None)
    same_frame(frame if isinstance(frame, str) else None, cuboids.frame, "points and cuboids")
    xyz = as_points("points", points)
    if len(xyz) > MOST_POINTS:
        raise LimitError(expected=f"at most {MOST_POINTS:,} points", got=f"{len(xyz):,}", field="points", hint="split the cloud")
    n_cuboids = len(cuboids)
    rows, low, high, outlines = np.empty((n_cuboids, 15)), np.empty((n_cuboids, 3)), np.empty((n_cuboids, 3)), np.empty((n_cuboids, 4))
    is_upright = kernels.packed(cuboids.center_m, cuboids.size_m, cuboids.rotation, rows, low, high, outlines)
    grid = _grid(xyz, rows, low, high, outlines)

    def hits_of(begin: int, end: int) -> list[tuple[Int64s, Int32s]]:
        # the pairs found are sorted part by part, so that the room for them does not grow with the cloud
        most = max(min(HITS_PER_PART, (end - begin) * int(grid[1][2])), n_cuboids)
        hit_point, hit_cuboid = np.empty(most, np.int32), np.empty(most, np.int32)
        found = []
        while begin < end:
            n_hits, begin = kernels.scan(xyz[:end], begin, rows, is_upright, *grid, hit_point, hit_cuboid)
            offsets, point_index = np.zeros(n_cuboids + 1, np.int64), np.empty(n_hits, np.int32)
            kernels.sort_by_cuboid(hit_point[:n_hits], hit_cuboid[:n_hits], offsets, point_index)
            found.append((offsets, point_index))
        return found

    parts = in_parts(len(xyz), n_threads, POINTS_PER_THREAD, hits_of)
    return PointHits(*_joined([hits for part in parts for hits in part], n_cuboids), len(xyz))


def _grid(xyz: Floats, *cuboids: Float64s) -> Any:
    """Over the cuboids; cut to the cloud where they are scattered so widely that the cells would be much larger than they are."""
    n_cells = min(max(len(xyz) // 4, 64), MOST_CELLS)
    far = np.full(3, np.inf)
    grid = kernels.grid(*cuboids, -far, far, n_cells)
    _, _, per_x, per_y, _, _, area = grid[0].tolist()  # Python's floats: what overflows in the largest cuboids is no warning
    if grid[1][2] and area * per_x * per_y < 1 / 16:
        lowest, highest = np.empty(3), np.empty(3)
        kernels.bounds(xyz, lowest, highest)
        grid = kernels.grid(*cuboids, lowest, highest, n_cells)
    return grid


def _joined(parts: list[tuple[Int64s, Int32s]], n_cuboids: int) -> tuple[Int64s, Int32s]:
    """One CSR from those of consecutive runs of points."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.zeros(n_cuboids + 1, np.int64)
    for part_offsets, _ in parts:
        offsets += part_offsets
    point_index, place = np.empty(offsets[-1], np.int32), offsets[:-1].copy()
    for part_offsets, part_index in parts:
        kernels.append_part(part_offsets, part_index, place, point_index)
    return offsets, point_index
