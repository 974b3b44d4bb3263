"""The times between keyframes in pictures.

    linear    boxes, rotated boxes (the short arc of the whole turn), keypoints, polygons and polylines, point by point along straight lines
    makima, pchip, catmull_rom
              the curves of cuboids, for the middles of boxes and rotated boxes, whose sizes and turns go as with linear, and for keypoints
    hold      as at the keyframe before, until the next; masks are always held

Points of a polygon with as many points at both keyframes go to each other in turn, from the start that brings them nearest when the two are laid
over each other; neither where a ring begins nor which way round it goes counts. With different numbers of points every point of the shorter ring
has one of the longer, chosen so that the sum of squared distances is least, and the longer ring's points between go to the side between, by arc
length (the idea of Sederberg and Greenwood, SIGGRAPH 1992, with distances for work). Between the keyframes there are as many points as in the
longer ring. A polyline keeps its ends and its direction, and its points are chosen by arc length alone. A polygon whose number of rings changes is
held.

Keyframes come out bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s, UInt8s, frozen
from .errors import UnknownName
from .interpolation import METHODS, Rows, Storage, in_order
from .kernels import interpolation as common_kernels, interpolation2d as kernels, paths as path_kernels
from .shapes2d import Shapes
from .shapes2d.paths import Paths
from .shapes2d.shapes import RowShapes
from .threads import in_parts, worth

__all__ = ["HOLD", "ShapeCurves", "ShapeRows", "as_method_2d"]

HOLD = "hold"
ROWS_PER_THREAD = 2**15
_OUTSIDE = 2


def as_method_2d(field: str, method: str | None, shapes: Shapes) -> str:
    """The method's name, by default the first that these shapes have; UnknownName otherwise."""
    known = (*METHODS, HOLD) if isinstance(shapes, RowShapes) else (METHODS[0], HOLD) if isinstance(shapes, Paths) else (HOLD,)
    if method is None:
        return known[0]
    if not isinstance(method, str) or method not in known:
        wanted, hint = f"one of {', '.join(known)}", "masks are held" if len(known) == 1 else "'linear' is the default"
        raise UnknownName(f"no such interpolation of {type(shapes).__name__}", expected=wanted, got=repr(method), field=field, hint=hint)
    return method


@dataclass(frozen=True, eq=False)
class ShapeRows(Rows):
    """shapes : (K,) of one kind"""

    shapes: Shapes


@dataclass(frozen=True, eq=False)
class ShapeCurves:
    """Keyframes of M tracks with one kind of shapes, one after the other, and how each goes to the next: ready for any times.

    offsets : (M + 1,) int64, track m has keyframes offsets[m]:offsets[m + 1]
    visibility : (K,) uint8; 2 (OUTSIDE) ends a curve, and the next keyframe starts another
    values, steps : (K, W) numbers of the shapes that have as many each, and their change to the next keyframe; W is 0 for others
    is_curved : (M,) uint8, tracks that leave the straight line; leave, arrive : (K, W) by how much, as the kernel tells
    pairs : points of paths on their way, and where those of each ring begin
    """

    offsets: Int64s
    times_ns: Int64s
    shapes: Shapes
    visibility: UInt8s
    values: Float64s
    steps: Float64s
    is_curved: UInt8s
    leave: Float64s
    arrive: Float64s
    turns: Float64s
    pairs: tuple[Float64s, Float64s, Int64s] | None

    @classmethod
    def of(cls, offsets: Int64s, times_ns: Int64s, shapes: Shapes, visibility: UInt8s, methods: Sequence[str]) -> ShapeCurves:
        """methods : M names, as `as_method_2d` gives them"""
        n = len(times_ns)
        goes_on = np.ones(n, bool)
        goes_on[offsets[1:][offsets[1:] > offsets[:-1]] - 1] = False
        goes_on &= visibility != _OUTSIDE
        kinds = {method: 0 if method == HOLD else METHODS.index(method) for method in set(methods)}
        codes = np.array([kinds[method] for method in methods], np.uint8)
        if HOLD in kinds:
            goes_on &= np.repeat(np.array([method != HOLD for method in methods], bool), np.diff(offsets))
        values, pairs = np.zeros((n, 0)), None
        steps = leave = arrive = values
        if isinstance(shapes, RowShapes):
            values = np.ascontiguousarray(shapes._values())
            steps = np.zeros_like(values)
            if n > 1:  # of all rows, those that lead to another track too: picking the others out would cost more
                steps[:-1] = shapes._steps(values[:-1], values[1:])
                steps[~goes_on] = 0.0
            leave = arrive = steps
            if codes.any():
                leave, arrive = _bends(offsets, times_ns, shapes, visibility, codes, steps, np.flatnonzero(goes_on))
        elif isinstance(shapes, Paths):
            pairs = _pairs(shapes, goes_on)
        is_curved = (codes > 0).astype(np.uint8)
        return cls(offsets, times_ns, shapes, visibility, values, steps, is_curved, leave, arrive, np.zeros((n, 1)), pairs)

    def rows(self, times_ns: Int64s, storage: Storage = (), n_threads: int = 1) -> ShapeRows:
        """The shapes at `times_ns`, any order; `storage` of earlier rows is written over where it is large enough."""
        times_ns, order = in_order(times_ns)
        row_offsets = np.empty(len(self.offsets), np.int64)
        common_kernels.count_rows(self.offsets, self.times_ns, self.visibility, times_ns, row_offsets)
        n, width = int(row_offsets[-1]), self.values.shape[1]
        is_placed = not isinstance(self.shapes, RowShapes) or self.shapes.HAS_REST
        if not storage or len(storage[1]) < n or storage[0].shape[1] != width or (is_placed and len(storage[-1]) < n):
            m = n if is_placed else 0
            widths = ((np.int32, n), (np.int32, n), (np.uint8, n), (np.uint8, n), (np.int64, m), (np.float64, m))
            storage = (np.empty((n, width)), *(np.empty(length, kind) for kind, length in widths))
        columns = [column[:n] for column in storage]

        def fill(begin: int, end: int) -> None:
            kernels.fill_values(
                begin,
                end,
                self.offsets,
                self.times_ns,
                self.visibility,
                self.turns,
                self.values,
                self.steps,
                self.is_curved,
                self.leave,
                self.arrive,
                times_ns,
                row_offsets,
                is_placed,
                *columns,
            )

        n_tracks = len(self.offsets) - 1
        in_parts(n_tracks, n_threads, worth(n_tracks, n, ROWS_PER_THREAD), fill)
        values, track_index, time_index, is_between, visibility, keyframe, share = (frozen(column) for column in columns)
        if order is not None:
            time_index = frozen(order.astype(np.int32)[time_index])
        return ShapeRows(track_index, time_index, is_between, visibility, storage, self._shapes(values, keyframe, share))

    def _shapes(self, values: Float64s, keyframe: Int64s, share: Float64s) -> Shapes:
        if isinstance(self.shapes, RowShapes):
            return self.shapes._from_values(values, keyframe)
        if not isinstance(self.shapes, Paths) or self.pairs is None:
            return self.shapes._taken(keyframe)
        paths, (start, step, pair_offsets) = self.shapes, self.pairs
        offsets, point_offsets = np.empty(len(keyframe) + 1, np.int64), np.empty(len(keyframe) + 1, np.int64)
        pair_counts = np.diff(pair_offsets[paths.offsets])
        kernels.count_points(keyframe, share, paths.n_points, pair_counts, np.diff(paths.offsets), offsets, point_offsets)
        uv, ring_offsets = np.empty((int(point_offsets[-1]), 2)), np.empty(int(offsets[-1]) + 1, np.int64)
        kernels.fill_paths(
            keyframe, share, paths.uv, paths.ring_offsets, paths.offsets, start, step, pair_offsets, offsets, point_offsets, uv, ring_offsets
        )
        return type(paths)._trusted(frozen(uv), frozen(ring_offsets), frozen(offsets))


def _bends(
    offsets: Int64s, times_ns: Int64s, shapes: RowShapes, visibility: UInt8s, codes: UInt8s, steps: Float64s, pieces: Int64s
) -> tuple[Float64s, Float64s]:
    """How curves leave and arrive beside the straight line at both ends of the `pieces`, for the numbers whose course has tangents."""
    course = shapes._course(steps)
    tangents = np.empty_like(course)
    common_kernels.tangents(offsets, times_ns, course, visibility, codes, tangents)
    leave, arrive = np.zeros_like(steps), np.zeros_like(steps)
    span = (times_ns[pieces + 1] - times_ns[pieces]).astype(np.float64)[:, None]
    whole = course[pieces + 1] - course[pieces]
    for bend, ends in ((leave, tangents[pieces]), (arrive, tangents[pieces + 1])):
        beside = ends * span - whole
        for column, of in enumerate(shapes.COURSE_OF if shapes.COURSE_OF is not None else range(steps.shape[1])):
            if of is not None:
                bend[pieces, column] = beside[:, of]
    return leave, arrive


def _pairs(paths: Paths, goes_on: Any) -> tuple[Float64s, Float64s, Int64s]:
    """How the points of each ring of each keyframe go to the next keyframe's; rings of those after which nothing goes on stay."""
    n_rings = np.diff(paths.offsets)
    goes_on = goes_on & np.r_[n_rings[:-1] == n_rings[1:], False][: len(goes_on)]
    ring_of = np.repeat(np.arange(len(n_rings)), n_rings)
    first = np.arange(len(ring_of))
    second = np.where(goes_on[ring_of], first + n_rings[ring_of], -1)
    counts = np.diff(paths.ring_offsets)
    pair_offsets = np.zeros(len(first) + 1, np.int64)
    np.cumsum(np.where(second < 0, counts, np.maximum(counts, counts[second])) if len(first) else counts, out=pair_offsets[1:])
    start, step = np.empty((int(pair_offsets[-1]), 2)), np.empty((int(pair_offsets[-1]), 2))
    path_kernels.match_rings(first, second, paths.uv, paths.ring_offsets, paths.IS_CLOSED, pair_offsets, start, step)
    return start, step, pair_offsets
