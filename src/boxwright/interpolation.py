"""The times between keyframes: centres along a curve, sizes along a straight line, rotations along the short arc.

Curves of the centre, by name:
    linear       straight lines
    makima       modified Akima; calm beside a stop, hardly overshoots. The default
    pchip        monotone on each axis, never overshoots (Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5(2), 1984)
    catmull_rom  tangents by three-point finite difference over the true times (Barry and Goldman's non-uniform form with the times as knots);
                 follows constant acceleration exactly, also at the ends

All pass through the keyframes bit by bit, work on each axis by itself and use the true times, never frame numbers. Two keyframes make a straight line
with every method. A thing whose keyframes are equal stands still exactly; there is no threshold of speed, since it would tear the curve.
Akima, J. ACM 17(4), 1970; modified weights as in scipy.interpolate.Akima1DInterpolator(method="makima"). Short arc: Shoemake, SIGGRAPH 1985.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import ArrayLike, Float64s, Int32s, Int64s, UInt8s, as_times_ns, frozen
from .cuboids import Cuboids, as_cuboids
from .errors import ArgumentError, TimeError, UnknownName, number_of
from .kernels import interpolation as kernels
from .threads import in_parts, worth

__all__ = ["METHODS", "CuboidRows", "Curves", "Rows", "Storage", "in_order", "interpolate", "method_code", "spread"]

Storage = tuple[NDArray[Any], ...]

ROWS_PER_THREAD = 2**14
METHODS = ("linear", "makima", "pchip", "catmull_rom")


def method_code(field: str, method: str) -> int:
    """The method's place in METHODS; UnknownName otherwise."""
    if not isinstance(method, str) or method not in METHODS:
        known = f"one of {', '.join(METHODS)}"
        raise UnknownName("no such interpolation", expected=known, got=repr(method), field=field, hint="'makima' is the default")
    return METHODS.index(method)


def interpolate(
    keyframe_times_ns: ArrayLike,
    keyframe_cuboids: Cuboids,
    times_ns: ArrayLike,
    method: str = "makima",
    missing: str = "raise",
) -> Cuboids:
    """(T,) cuboids at `times_ns`, through the keyframes.

    keyframe_times_ns : (K,) int64, increasing
    keyframe_cuboids : (K,) Cuboids, in a frame that does not move (the world's)
    times_ns : (T,) int64 in any order
    method : curve of the centre, "linear", "makima", "pchip" or "catmull_rom"
    missing : "raise" for a TimeError at a time outside the keyframes, "nan" for a row of NaN there; nothing is ever extrapolated
    """
    if missing not in ("raise", "nan"):
        hint = "'nan' gives rows of NaN outside the keyframes"
        raise ArgumentError(expected="'raise' or 'nan'", got=repr(missing), field="missing", hint=hint)
    keyframe_cuboids = as_cuboids("keyframe_cuboids", keyframe_cuboids)
    keys = as_times_ns("keyframe_times_ns", keyframe_times_ns, increasing=True)
    if len(keys) != len(keyframe_cuboids):
        wanted, got = f"{number_of(len(keys), 'cuboid')}, one per keyframe", len(keyframe_cuboids)
        raise ArgumentError(expected=wanted, got=got, field="keyframe_cuboids", hint="leave out times without a cuboid")
    times = as_times_ns("times_ns", times_ns)
    if not np.isfinite(keyframe_cuboids.center_m).all():
        raise ArgumentError(
            expected="a cuboid at every keyframe", got="rows of NaN", field="keyframe_cuboids", hint="leave out the rows that are not valid"
        )
    code = method_code("method", method)
    if missing == "raise":
        _refuse_outside(keys, times)
    curves = Curves.of(np.array([0, len(keys)]), keys, keyframe_cuboids, np.zeros(len(keys), np.uint8), np.full(1, code, np.uint8))
    rows = curves.rows(times)
    return spread(rows.cuboids, rows.time_index, len(times))


def _refuse_outside(keys: Int64s, times: Int64s) -> None:
    outside = np.ones(len(times), bool) if not len(keys) else (times < keys[0]) | (times > keys[-1])
    if outside.any():
        known = f"times within the keyframes, [{keys[0]}, {keys[-1]}] ns" if len(keys) else "at least one keyframe"
        raise TimeError(expected=known, got=f"{times[outside][0]}", field="times_ns", hint="pass missing='nan' for rows of NaN there")


def spread(cuboids: Cuboids, index: Int32s, length: int) -> Cuboids:
    """`length` cuboids: the given ones at `index` (each at most once), rows of NaN elsewhere."""
    if len(index) == length and (index[1:] > index[:-1]).all():
        return cuboids

    def column(values: Float64s) -> Float64s:
        filled = np.full((length, *values.shape[1:]), np.nan)
        filled[index] = values
        view: Float64s = frozen(filled)
        return view

    return Cuboids._trusted(column(cuboids.center_m), column(cuboids.size_m), column(cuboids.quat_wxyz), column(cuboids.yaw_rad), cuboids.frame)


def in_order(times_ns: Int64s) -> tuple[Int64s, Int64s | None]:
    """The times sorted, and where they came from; None where they were in order."""
    if len(times_ns) < 2 or not (times_ns[1:] < times_ns[:-1]).any():
        return times_ns, None
    order = np.argsort(times_ns, kind="stable")
    return times_ns[order], order


@dataclass(frozen=True, eq=False)
class Rows:
    """K labels of many tracks, by track and then by time: only where a track is there.

    track_index, time_index : (K,) int32, which track and which of the times asked for
    is_between : (K,) uint8, 0 at a keyframe, 1 between two
    visibility : (K,) uint8 of the last keyframe at or before
    """

    track_index: Int32s
    time_index: Int32s
    is_between: UInt8s
    visibility: UInt8s
    storage: Storage


@dataclass(frozen=True, eq=False)
class CuboidRows(Rows):
    """cuboids : (K,)"""

    cuboids: Cuboids


@dataclass(frozen=True, eq=False)
class Curves:
    """Keyframes of M tracks one after the other, with their tangents: ready for any times.

    offsets : (M + 1,) int64, track m has keyframes offsets[m]:offsets[m + 1]
    visibility : (K,) uint8; 2 (OUTSIDE) ends a curve, and the next keyframe starts another
    methods : (M,) uint8, places in METHODS
    """

    offsets: Int64s
    times_ns: Int64s
    cuboids: Cuboids
    visibility: UInt8s
    methods: UInt8s
    tangents: Float64s
    turns: Float64s

    @classmethod
    def of(cls, offsets: Int64s, times_ns: Int64s, cuboids: Cuboids, visibility: UInt8s, methods: UInt8s) -> Curves:
        tangents, turns = np.empty((len(times_ns), 3)), np.empty((len(times_ns), 5))
        kernels.tangents(offsets, times_ns, cuboids.center_m, visibility, methods, tangents)
        kernels.turns(offsets, cuboids.quat_wxyz, turns)
        return cls(offsets, times_ns, cuboids, visibility, methods, tangents, turns)

    def rows(self, times_ns: Int64s, storage: Storage = (), n_threads: int = 1) -> CuboidRows:
        """The cuboids at `times_ns`, any order; `storage` of earlier rows is written over where it is large enough."""
        times_ns, order = in_order(times_ns)
        row_offsets = np.empty(len(self.offsets), np.int64)
        kernels.count_rows(self.offsets, self.times_ns, self.visibility, times_ns, row_offsets)
        n = int(row_offsets[-1])
        if not storage or len(storage[0]) < n:
            storage = _new_storage(n)
        boxes = self.cuboids
        columns = [column[:n] for column in storage]

        def fill(begin: int, end: int) -> None:
            kernels.fill_rows(
                begin,
                end,
                self.offsets,
                self.times_ns,
                boxes.center_m,
                boxes.size_m,
                boxes.quat_wxyz,
                boxes.yaw_rad,
                self.visibility,
                self.methods,
                self.tangents,
                self.turns,
                times_ns,
                row_offsets,
                *columns,
            )

        n_tracks = len(self.methods)
        in_parts(n_tracks, n_threads, worth(n_tracks, n, ROWS_PER_THREAD), fill)
        center, size, quat, yaw, track_index, time_index, is_between, visibility = (frozen(column) for column in columns)
        if order is not None:
            time_index = frozen(order.astype(np.int32)[time_index])
        return CuboidRows(track_index, time_index, is_between, visibility, storage, Cuboids._trusted(center, size, quat, yaw, boxes.frame))


def _new_storage(n: int) -> Storage:
    """In one piece of memory, which a system hands out in large pages: much sooner than eight."""
    columns = ((np.float64, 3), (np.float64, 3), (np.float64, 4), (np.float64, 1), (np.int32, 1), (np.int32, 1), (np.uint8, 1), (np.uint8, 1))
    block = np.empty(n * sum(np.dtype(kind).itemsize * width for kind, width in columns), np.uint8)
    storage, start = [], 0
    for kind, width in columns:
        end = start + n * width * np.dtype(kind).itemsize
        storage.append(block[start:end].view(kind).reshape((n, width) if width > 1 else n))
        start = end
    return tuple(storage)
