"""Array aliases, and the one place where shapes, dtypes and finiteness of user input are checked."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ArgumentError, IndexMissing, TimeError

Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
UInt8s = NDArray[np.uint8]
Bools = NDArray[np.bool_]

__all__ = [
    "ArrayLike",
    "Bools",
    "Float64s",
    "Floats",
    "Int32s",
    "Int64s",
    "UInt8s",
    "as_array",
    "as_floats",
    "as_points",
    "as_times_ns",
    "check_kind",
    "check_kinds",
    "frozen",
    "one_index",
    "one_time_ns",
    "some_rows",
    "widened",
]


PLAIN_NUMBERS = "pass plain real numbers, such as array.astype(float)"
MAX_TIME_NS = 2**63 - 1
MAX_SPAN_NS = 2**62  # differences of times, and twice them, stay within int64


def as_points(field: str, value: Any) -> Floats:
    """(N, 3) float32 or float64, as it came where that is possible (any strides, read-only or not); whole numbers and float16 are widened.

    A Sweep with an `origin_m` gives its places in its frame, float64 `xyz + origin_m`, so that no verb overlooks the origin.
    """
    array = as_array(field, value, "(N, 3) float array")
    if array.dtype not in (np.float32, np.float64):
        if array.dtype.kind not in "iuf" and array.size:
            raise ArgumentError(expected="(N, 3) float array", got=f"dtype {array.dtype}", field=field, hint=PLAIN_NUMBERS)
        array = array.astype(np.float32 if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        if array.size == 0 and array.ndim < 2:
            return np.zeros((0, 3), array.dtype)
        too_wide = array.ndim == 2 and array.shape[1] > 3 and array.shape[0] != 3
        hint = "pass points[:, :3]" if too_wide else "pass one row per point"
        raise ArgumentError(expected="(N, 3) float array", got=f"shape {array.shape}", field=field, hint=hint)
    origin = getattr(value, "origin_m", None)
    return array if origin is None or not np.any(origin) else widened(array) + np.asarray(origin, np.float64)


def widened(array: Any) -> Float64s:
    """As float64. A float32 NaN may signal, and numpy would warn of it; it is a NaN like any other."""
    with np.errstate(invalid="ignore"):
        return np.asarray(array, np.float64)


def as_floats(field: str, value: ArrayLike, shape: tuple[int | None, ...], *, finite: bool = True, hint: str | None = None) -> Float64s:
    """C-contiguous float64 of the given shape; None stands for any length. Raises where a value is not finite; `hint` is for other shapes."""
    array = as_array(field, value, _spell(shape))
    if array.size and array.dtype.kind not in "iuf":
        raise ArgumentError(expected=_spell(shape), got=_describe(value), field=field, hint=PLAIN_NUMBERS)
    array = np.asarray(array, dtype=np.float64, order="C")
    if array.size == 0 and array.ndim == 1 and len(shape) == 2 and not shape[0]:
        array = array.reshape(0, shape[1] or 0)
    if array.ndim != len(shape) or any(want is not None and want != have for want, have in zip(shape, array.shape)):
        hint = _shape_hint(shape, array.shape) or hint or "check the number and order of its axes"
        raise ArgumentError(expected=_spell(shape), got=f"shape {array.shape}", field=field, hint=hint)
    if finite and not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        hint = "leave out what is not finite" if at else "pass a finite number"
        raise ArgumentError(expected="finite numbers", got=f"{array[at]}{f' at index {at}' if at else ''}", field=field, hint=hint)
    return array


def as_times_ns(field: str, value: ArrayLike, *, increasing: bool = False) -> Int64s:
    """(T,) int64 nanoseconds; floats are refused, since float64 cannot hold a nanosecond stamp."""
    array = as_array(field, value, "(T,) int64 nanoseconds")
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu" or (array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max):
        raise ArgumentError(expected="(T,) int64 nanoseconds", got=f"dtype {array.dtype}", field=field, hint="convert seconds with round(t * 1e9)")
    if array.ndim != 1:
        raise ArgumentError(expected="(T,) int64 nanoseconds", got=f"shape {array.shape}", field=field, hint="pass a flat list of times")
    array = np.ascontiguousarray(array, dtype=np.int64)
    if increasing and (array[1:] <= array[:-1]).any():
        i = int(np.argmax(array[1:] <= array[:-1]))
        raise TimeError(
            expected="increasing times",
            got=f"{array[i]} then {array[i + 1]} at index {i + 1}",
            field=field,
            hint="sort by time and drop repeated times",
        )
    if increasing and int(array[-1]) - int(array[0]) > MAX_SPAN_NS:
        got = f"{array[0]} to {array[-1]} ns"
        raise TimeError(expected="times within 146 years of each other", got=got, field=field, hint="are all of them nanoseconds of one clock?")
    return array


def one_time_ns(field: str, value: Any) -> int:
    """One int64 nanosecond stamp."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or not -MAX_TIME_NS - 1 <= value <= MAX_TIME_NS:
        raise ArgumentError(expected="int64 nanoseconds", got=_describe(value), field=field, hint="convert seconds with round(t * 1e9)")
    return int(value)


def as_array(field: str, value: Any, expected: str) -> NDArray[Any]:
    """Any array; ArgumentError where numpy cannot make one, and where values are masked: they would silently count as they lie beneath."""
    if _is_masked(value):
        hint = "leave out the masked rows, or pass values.filled(...)"
        raise ArgumentError(expected=f"{expected} without a mask", got="masked values", field=field, hint=hint)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, OverflowError):  # rows of different lengths, and things that only look like arrays
        hint = "pass plain numbers in rows of one length"
        raise ArgumentError(expected=expected, got=_describe(value), field=field, hint=hint) from None


def _is_masked(value: Any, depth: int = 4) -> bool:
    """Whether an array in lists up to `depth` deep, more than any argument has, holds masked values."""
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.is_masked(value))
    if depth == 0 or not isinstance(value, (list, tuple)):
        return False
    return any(_is_masked(part, depth - 1) for part in value if isinstance(part, (list, tuple, np.ma.MaskedArray)))


def check_kind(field: str, value: Any, kinds: type | tuple[type, ...], expected: str, hint: str) -> None:
    """ArgumentError where a value is not of a kind it must be of."""
    if not isinstance(value, kinds):
        raise ArgumentError(expected=expected, got=_describe(value), field=field, hint=hint)


def check_kinds(field: str, values: Any, kind: type, thing: str, hint: str) -> None:
    """ArgumentError where a value is not a list or tuple of one kind."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise ArgumentError(expected=f"a list of {thing}s", got=_describe(values), field=field, hint=hint)
    for i, value in enumerate(values):
        check_kind(f"{field}[{i}]", value, kind, f"a {thing}", hint)


def one_index(field: str, index: Any, length: int, *, hint: str = "negative ones count from the end") -> int:
    """A whole number from -length to length - 1, as one from 0; IndexMissing otherwise, so that loops by index still end."""
    try:
        i = operator.index(index)
    except TypeError:
        i = None
    if i is None or isinstance(index, bool):
        raise ArgumentError(expected="one whole number", got=_describe(index), field=field, hint=hint)
    if not -length <= i < length:
        known = f"an index below {length}" if length else "no index at all, since it is empty"
        raise IndexMissing(expected=known, got=i, field=field, hint=hint)
    return i % length


def some_rows(field: str, index: Any, length: int) -> Any:
    """A slice, or (K,) int64 of a (length,) mask or of whole numbers: what picks rows."""
    expected = f"a slice, a ({length},) mask or whole numbers"
    if isinstance(index, slice):
        try:
            index.indices(length)
        except (TypeError, ValueError):
            raise ArgumentError(expected=expected, got=repr(index), field=field, hint="slice with whole numbers") from None
        return index
    array = as_array(field, index, expected)
    if array.ndim == 1 and array.dtype == np.bool_:
        if len(array) != length:
            raise ArgumentError(expected=f"a mask of {length}", got=f"one of {len(array)}", field=field, hint="make the mask from these rows")
        return np.flatnonzero(array)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ArgumentError(expected=expected, got=_describe(index), field=field, hint="pass one index, or a flat list of them")
    outside = (array >= length) | (array < -length) if array.size else np.zeros(0, bool)
    if outside.any():
        raise IndexMissing(expected=f"indices below {length}", got=int(array[outside][0]), field=field, hint="negative ones count from the end")
    return array.astype(np.int64)


def frozen(array: NDArray[Any]) -> Any:
    """A read-only view, so that value types can share their arrays."""
    view = array.view()
    view.flags.writeable = False
    return view


def _spell(shape: tuple[int | None, ...]) -> str:
    if not shape:
        return "a number"
    letters = iter("NKT")
    inner = ", ".join(next(letters) if n is None else str(n) for n in shape)
    return f"({inner},) float array" if len(shape) == 1 else f"({inner}) float array"


def _shape_hint(shape: tuple[int | None, ...], have: tuple[int, ...]) -> str | None:
    """What to do about a shape that is nearly right."""

    def fits(other: tuple[int, ...]) -> bool:
        return len(other) == len(shape) and all(want is None or want == got for want, got in zip(shape, other))

    if fits(have[::-1]):
        return "transpose it"
    if fits((1, *have)):
        return "put it into a list of one"
    if have[:1] == (1,) and fits(have[1:]):
        return "take its only row"
    if len(have) == len(shape) and fits((shape[0] or have[0], *have[1:])):
        return f"pass {shape[0]} rows, not {have[0]}"
    return None


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
