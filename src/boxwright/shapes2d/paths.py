"""Polygons and polylines: as many points as each needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ..arrays import ArrayLike, Float64s, Int64s, as_array, as_floats, frozen
from ..errors import ArgumentError
from ..kernels import paths as kernels
from .shapes import Shapes, gathered

__all__ = ["Paths", "Polygons", "Polylines"]


class Paths(Shapes):
    """K shapes of rings or lines, one after the other.

    uv : (V, 2) the points of all
    ring_offsets : (R + 1,) int64, ring r has the points ring_offsets[r]:ring_offsets[r + 1]
    offsets : (K + 1,) int64, shape k has the rings offsets[k]:offsets[k + 1]
    """

    IS_CLOSED: ClassVar[bool]
    __slots__ = ("offsets", "ring_offsets", "uv")
    uv: Float64s
    ring_offsets: Int64s
    offsets: Int64s

    @classmethod
    def from_columns(cls, uv: ArrayLike, ring_offsets: ArrayLike, offsets: ArrayLike) -> Self:
        """From the three columns; every shape has a ring at least, every ring a point at least."""
        points = as_floats("uv", uv, (None, 2))
        rings = _as_offsets("ring_offsets", ring_offsets, len(points))
        made = cls._trusted(points, rings, _as_offsets("offsets", offsets, len(rings) - 1))
        made._check_counts()
        return made

    @classmethod
    def _trusted(cls, uv: Float64s, ring_offsets: Int64s, offsets: Int64s) -> Self:
        """Without checks; a shape without rings stands for 'nothing here'."""
        made = cls.__new__(cls)
        made._set(uv, ring_offsets, offsets)
        return made

    def _set(self, uv: Float64s, ring_offsets: Int64s, offsets: Int64s) -> None:
        for name, column in (("uv", uv), ("ring_offsets", ring_offsets), ("offsets", offsets)):
            setattr(self, name, column if not column.flags.writeable else frozen(column.copy()))

    def _check_counts(self) -> None:
        return

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def point_offsets(self) -> Int64s:
        """(K + 1,) int64, shape k has the points point_offsets[k]:point_offsets[k + 1]."""
        starts: Int64s = self.ring_offsets[self.offsets]
        return starts

    @property
    def n_points(self) -> Int64s:
        """(K,) int64"""
        return np.diff(self.point_offsets)

    def bounds_xyxy(self) -> Float64s:
        bounds = np.full((len(self), 4), np.nan)
        starts, counts = self.point_offsets[:-1], self.n_points
        there = counts > 0
        if there.any():
            bounds[there, :2] = np.minimum.reduceat(self.uv, starts[there], axis=0)
            bounds[there, 2:] = np.maximum.reduceat(self.uv, starts[there], axis=0)
        return bounds

    def _taken(self, index: Int64s) -> Self:
        offsets, rings = gathered(self.offsets, index)
        ring_offsets, points = gathered(self.ring_offsets, rings)
        return self._trusted(frozen(self.uv[points]), frozen(ring_offsets), frozen(offsets))

    def _joined(self, parts: Sequence[Self]) -> Self:
        return self._trusted(
            frozen(np.concatenate([part.uv for part in parts])),
            _end_to_end([part.ring_offsets for part in parts]),
            _end_to_end([part.offsets for part in parts]),
        )

    def _columns(self) -> tuple[Any, ...]:
        return self.uv, self.ring_offsets, self.offsets


class Polygons(Paths):
    """K polygons, each of one ring of points or of several.

    polygons : for each an (N, 2) array of pixels, or a list of such rings. A ring closes itself: its first point is not repeated at the end

    A place is inside where a ray from it crosses the rings an odd number of times: a ring within another is a hole, rings beside each other are parts
    of one object. Formats whose parts may overlap (COCO) or say outright which ring is a hole (OpenLABEL) are brought to this by their readers.
    A ring may have a single point or two, and an area of 0.
    """

    KIND: ClassVar[str] = "polygon"
    IS_CLOSED: ClassVar[bool] = True
    __slots__ = ()

    def __init__(self, polygons: Sequence[Any]) -> None:
        rings, offsets = [], [0]
        for i, polygon in enumerate(_listed("polygons", polygons)):
            own = [polygon] if _is_ring(polygon) else list(_listed(f"polygons[{i}]", polygon))
            if not own:
                raise ArgumentError(expected="at least one ring", got="none", field=f"polygons[{i}]", hint="leave out what has no points")
            rings += [as_points_uv(f"polygons[{i}]" + (f"[{r}]" if len(own) > 1 else ""), ring) for r, ring in enumerate(own)]
            offsets.append(len(rings))
        self._set(*_laid_out(rings), np.array(offsets, np.int64))

    def _check_counts(self) -> None:
        _check_some("offsets", self.offsets, "ring", "polygon")
        _check_some("ring_offsets", self.ring_offsets, "point", "ring")

    def rings(self, k: int) -> list[Float64s]:
        """The rings of polygon k, each (N, 2)."""
        return [self.uv[self.ring_offsets[r] : self.ring_offsets[r + 1]] for r in range(self.offsets[k], self.offsets[k + 1])]

    @property
    def area_px2(self) -> Float64s:
        """(K,) of what is inside; right where rings do not cross, holes and islands in holes included."""
        out = np.empty(len(self))
        kernels.areas(self.uv, self.ring_offsets, self.offsets, out)
        return out


class Polylines(Paths):
    """K lines through points, from the first to the last.

    lines : for each an (N, 2) array of pixels, N from 1
    """

    KIND: ClassVar[str] = "polyline"
    IS_CLOSED: ClassVar[bool] = False
    __slots__ = ()

    def __init__(self, lines: Sequence[Any]) -> None:
        points = [as_points_uv(f"lines[{i}]", line) for i, line in enumerate(_listed("lines", lines))]
        self._set(*_laid_out(points), np.arange(len(points) + 1))

    def _check_counts(self) -> None:
        _check_some("ring_offsets", self.ring_offsets, "point", "line")
        if not np.array_equal(self.offsets, np.arange(len(self.ring_offsets))):
            raise ArgumentError(expected="one line for each", got="several", field="offsets", hint="each line is a polyline of its own")

    def points(self, k: int) -> Float64s:
        """(N, 2) the points of line k."""
        line: Float64s = self.uv[self.point_offsets[k] : self.point_offsets[k + 1]]
        return line

    @property
    def length_px(self) -> Float64s:
        """(K,)"""
        steps = np.linalg.norm(np.diff(self.uv, axis=0, append=np.zeros((1, 2))), axis=1)
        last = self.ring_offsets[1:] - 1
        steps[last] = 0.0
        total = np.r_[0.0, np.cumsum(steps)]
        length: Float64s = np.diff(total[self.point_offsets])
        return length


def as_points_uv(field: str, value: Any) -> Float64s:
    """(N, 2) finite pixels, N from 1."""
    points = as_floats(field, value, (None, 2), hint="N points of two numbers")
    if not len(points):
        raise ArgumentError(expected="at least one point", got="none", field=field, hint="leave out what has no points")
    return points


def _listed(field: str, value: Any) -> Any:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        raise ArgumentError(expected="a list", got=f"{value!r:.60}", field=field, hint="one array of points for each shape")
    return value


def _is_ring(polygon: Any) -> bool:
    """(N, 2) points, and not a list of rings."""
    if isinstance(polygon, np.ndarray):
        return polygon.ndim != 3
    first = polygon[0] if isinstance(polygon, (list, tuple)) and polygon else None
    return first is not None and np.ndim(first) < 2 if not isinstance(first, (list, tuple)) else not any(np.ndim(v) for v in first[:1])


def _laid_out(rings: list[Float64s]) -> tuple[Float64s, Int64s]:
    offsets = np.zeros(len(rings) + 1, np.int64)
    np.cumsum([len(ring) for ring in rings], out=offsets[1:])
    return np.concatenate([np.zeros((0, 2)), *rings]), offsets


def _end_to_end(parts: Sequence[Int64s]) -> Int64s:
    """Offsets of all parts, one after the other."""
    counts = np.concatenate([np.diff(part) for part in parts])
    offsets: Int64s = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return frozen(offsets)  # type: ignore[no-any-return]


def _as_offsets(field: str, value: ArrayLike, n: int) -> Int64s:
    array = as_array(field, value, "(K + 1,) whole numbers")
    good = array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu" and array[0] == 0 and array[-1] == n and (array[1:] >= array[:-1]).all()
    if not good:
        wanted = f"whole numbers that rise from 0 to {n}"
        raise ArgumentError(expected=wanted, got=f"{value!r:.60}", field=field, hint="where each begins, and the end of the last")
    return array.astype(np.int64)


def _check_some(field: str, offsets: Int64s, item: str, whole: str) -> None:
    if (np.diff(offsets) == 0).any():
        i = int(np.argmax(np.diff(offsets) == 0))
        raise ArgumentError(expected=f"at least one {item}", got=f"a {whole} without, at index {i}", field=field, hint="leave it out")
