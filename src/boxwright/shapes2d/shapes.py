"""What the kinds of 2-D shapes have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ..arrays import Float64s, Int64s, as_array, frozen, one_index, some_rows
from ..errors import ArgumentError, GeometryError

__all__ = ["RowShapes", "Shapes", "gathered"]


class Shapes(ABC):
    """K shapes of one kind in one picture, or of one object in K pictures. See the package for what one index gives."""

    KIND: ClassVar[str]
    SHARED: ClassVar[tuple[str, ...]] = ()  # what holds for all rows: sets where it differs do not meet
    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def bounds_xyxy(self) -> Float64s:
        """(K, 4) left, top, right, bottom in pixels; NaN where there is nothing."""

    @abstractmethod
    def _taken(self, index: Int64s) -> Self:
        """The rows at `index`, in that order; nothing is there where it is -1."""

    @abstractmethod
    def _joined(self, parts: Sequence[Self]) -> Self:
        """All rows of the parts, which share what self has in SHARED."""

    @abstractmethod
    def _columns(self) -> tuple[Any, ...]:
        """Arrays that are equal where and only where the shapes are."""

    def __getitem__(self, index: Any) -> Self:
        rows = np.arange(len(self))
        if not isinstance(index, slice) and as_array(self.KIND, index, "an index, a slice, a mask or whole numbers").ndim == 0:
            return self._taken(rows[one_index(self.KIND, index, len(self))][None])
        return self._taken(rows[some_rows(self.KIND, index, len(self))])

    def __iter__(self) -> Iterator[Self]:
        for i in range(len(self)):
            yield self[i]

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """All rows one after the other. ArgumentError without parts or with those of another kind, GeometryError where what they share differs."""
        parts = list(parts)
        if not parts:
            raise ArgumentError(expected="at least one part", got="none", field="parts", hint=f"{cls.__name__} of no rows can be one")
        kind_of, has_shared = type(parts[0]), bool(parts[0].SHARED) if isinstance(parts[0], cls) else True
        for i, part in enumerate(parts):
            if type(part) is not kind_of or not isinstance(part, cls):
                kind = type(parts[0]).__name__ if isinstance(parts[0], cls) else cls.__name__
                raise ArgumentError(expected=kind, got=type(part).__name__, field=f"parts[{i}]", hint="one kind at a time")
            if has_shared:
                parts[0]._check_shared(part, f"parts[{i}]")
        return parts[0]._joined(parts)

    def equals(self, other: object) -> bool:
        """Whether the other is of the same kind, with the same rows to the last bit; nothing equals nothing."""
        if type(other) is not type(self) or len(other) != len(self):
            return False
        if any(getattr(self, name) != getattr(other, name) for name in self.SHARED):
            return False
        pairs = zip(self._columns(), other._columns())
        return all(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f") for a, b in pairs)

    def _check_shared(self, other: Shapes, field: str) -> None:
        for name in self.SHARED:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                hint = "shapes of one set share it"
                raise GeometryError(expected=f"{name} {mine!r}", got=f"{theirs!r}", field=field, hint=hint)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"


class RowShapes(Shapes):
    """Shapes of one length: every column has a row for each, and a row of NaN where nothing is."""

    COLUMNS: ClassVar[tuple[str, ...]]
    HAS_REST: ClassVar[bool] = False  # whether rows hold more than moves
    COURSE_OF: ClassVar[tuple[int | None, ...] | None] = None  # which column of the course each number follows; None: each its own
    __slots__ = ()

    @abstractmethod
    def _values(self) -> Float64s:
        """(K, W) all that moves, as plain numbers."""

    @abstractmethod
    def _from_values(self, values: Float64s, source: Int64s) -> Self:
        """Shapes from (N, W) such numbers; `source` (N,) tells from which row of self the rest comes."""

    @abstractmethod
    def _course(self, steps: Float64s) -> Float64s:
        """(K, C) what follows a curve, from the rows' `steps` to the next where it is easier told so."""

    @abstractmethod
    def _steps(self, before: Float64s, after: Float64s) -> Float64s:
        """(N, W) how the numbers go from one row to another."""

    def _set(self, *columns: Any) -> None:
        for name, column in zip(self.COLUMNS, columns):
            object.__setattr__(self, name, _own(column))

    def _with(self, *columns: Any) -> Self:
        """Without checks: columns of the right kinds, and what all share from self."""
        made = type(self).__new__(type(self))
        made._set(*columns)
        for name in self.SHARED:
            object.__setattr__(made, name, getattr(self, name))
        return made

    def __len__(self) -> int:
        return len(getattr(self, self.COLUMNS[0]))

    def _columns(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.COLUMNS)

    def _joined(self, parts: Sequence[Self]) -> Self:
        return self._with(*(frozen(np.concatenate([getattr(part, name) for part in parts])) for name in self.COLUMNS))

    def _taken(self, index: Int64s) -> Self:
        columns = []
        for column in self._columns():
            if len(column):
                rows = column[index]
            else:
                rows = np.empty((len(index), *column.shape[1:]), column.dtype)
            if (index < 0).any():
                rows[index < 0] = np.nan if column.dtype.kind == "f" else _NOTHING
            columns.append(frozen(rows))
        return self._with(*columns)


_NOTHING = 2  # Visibility.OUTSIDE


def _own(array: Any) -> Any:
    """As it is where it is read-only already, else a read-only copy: nobody writes through a caller's own array."""
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C")
        array.flags.writeable = False
    return array


def gathered(offsets: Int64s, index: Int64s) -> tuple[Int64s, Int64s]:
    """Rows of a ragged column: their new offsets, and where their items lie in the old column; rows at -1 have none."""
    counts = np.where(index < 0, 0, np.diff(offsets)[index] if len(offsets) > 1 else 0)
    fresh = np.zeros(len(index) + 1, np.int64)
    np.cumsum(counts, out=fresh[1:])
    starts = offsets[:-1][index] if len(offsets) > 1 else np.zeros(len(index), np.int64)
    items = np.repeat(starts - fresh[:-1], counts) + np.arange(fresh[-1])
    return fresh, items
