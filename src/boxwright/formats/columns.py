"""Named columns of a point file and the Sweep they make, both ways."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Floats
from ..errors import ArgumentError, BoxwrightError, FormatError
from ..points import Sweep

__all__ = ["columns_of_records", "columns_of_sweep", "name_of", "other_size", "record_bytes", "records_from", "sweep_of_columns", "without_blanks"]

OWN_NAMES = ("x", "y", "z", "intensity", "time_offset_ns")
_BLANK = re.compile("[\x00- ]")


def other_size(room: int, promised: int, expected: str, path: str | os.PathLike[str], field: str | None, offset: int | None = None) -> FormatError:
    """For a file with other bytes after its header than the header promises."""
    return FormatError(
        f"the file is {'shorter' if room < promised else 'longer'} than its header says",
        expected=f"{expected} = {promised:,} B",
        got=f"{room:,} B after the header",
        path=path,
        offset=offset,
        field=field,
        hint="nothing was read; copy or export the file again",
    )


def name_of(raw: bytes) -> str:
    """A field's name as a header has it: UTF-8, and Latin-1 where it is no UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def without_blanks(name: str) -> str:
    """A field's name as headers of points can hold it, where blanks and control characters part names: "_" in their place."""
    safe = _BLANK.sub("_", name)
    return "field" if safe in ("", "_") else safe


def records_from(file: Any, dtype: Any, n: int, path: str | os.PathLike[str]) -> Any:
    """(n,) rows of a file from where it stands, as many as its header and its size promise. FormatError where it was cut since."""
    rows = np.empty(n, dtype)
    raw, at = rows.view(np.uint8), 0
    while at < len(raw):  # the system hands out 2 GiB at most at a time
        got = file.readinto(raw[at:])
        if not got:
            raise FormatError(
                "the file became shorter while it was read", expected=f"{len(raw):,} B", got=f"{at:,} B", path=path, hint="read it again"
            )
        at += got
    return rows


def columns_of_records(table: Any) -> dict[str, Any]:
    """name -> (N,) or (N, count) views into an array of records."""
    return {name: table[name] for name in table.dtype.names}


def record_bytes(columns: Mapping[str, Any]) -> bytes:
    """N records without gaps, from name -> (N,)."""
    table = np.empty(len(next(iter(columns.values()))), np.dtype([(name, values.dtype) for name, values in columns.items()]))
    for name, values in columns.items():
        table[name] = values
    return table.tobytes()


def _plain(values: Any) -> Any:
    """As it is where numpy and the kernels take it as it is; a copy where bytes are swapped or lie across word borders."""
    array = np.asarray(values)
    return array if array.flags.aligned and array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _adjacent(parts: list[Any]) -> Floats | None:
    """(N, 3), a view, where x, y and z are floats side by side in one table; None otherwise. Arrays of their own may lie at even distances too, and
    a view of the first keeps only the first alive."""
    x, y, z = parts
    kind, base, strides = x.dtype, x.base, x.strides
    if kind not in (np.float32, np.float64) or y.dtype != kind or z.dtype != kind or not kind.isnative or not len(x):
        return None
    if not isinstance(base, np.ndarray) or y.base is not base or z.base is not base or not strides == y.strides == z.strides:
        return None
    at, *starts = (array.__array_interface__["data"][0] for array in (base, x, y, z))
    step = starts[1] - starts[0]
    if starts[2] - starts[1] != step or step <= 0 or step % kind.itemsize or not base.flags.c_contiguous or not x.flags.aligned:
        return None
    view: Floats = np.ndarray((len(x), 3), kind, base, starts[0] - at, (strides[0], step))
    return view


def sweep_of_columns(given: Mapping[str, Any], path: str | os.PathLike[str], *, frame: str, scale_m: float | None = None) -> Sweep:
    """A Sweep; x, y, z are metres, or whole numbers of `scale_m` metres, and then become float32 where that keeps a tenth of the scale."""
    missing = [name for name in "xyz" if name not in given]
    if missing:
        raise FormatError(expected="columns x, y and z", got=", ".join(given) or "none", path=path, hint="rename the columns")
    columns = {name if name in OWN_NAMES else without_blanks(name): np.asarray(values) for name, values in given.items()}
    if len(columns) < len(given):
        raise FormatError(expected="columns whose names differ", got=", ".join(given), path=path, hint="rename the columns")
    for name, values in columns.items():
        if values.dtype.kind not in "iufb":
            got, hint = f"dtype {values.dtype}", "save plain numbers"
            raise FormatError(expected="a column of numbers", got=got[:80], path=path, field=name, hint=hint)
    parts = [columns[name] for name in "xyz"]
    xyz: Floats
    if scale_m is not None and all(part.dtype.kind in "iu" for part in parts):
        reach = max((int(np.abs(part.astype(np.int64)).max(initial=0)) for part in parts), default=0)
        kind = np.float32 if reach < 2**20 else np.float64
        xyz = np.stack([part * scale_m for part in parts], 1).astype(kind)
    else:
        kind = np.float32 if all(part.dtype.kind == "f" and part.dtype.itemsize <= 4 for part in parts) else np.float64
        beside = _adjacent(parts)
        xyz = np.empty((len(parts[0]), 3), kind) if beside is None else beside
        for i, part in enumerate(parts if beside is None else ()):
            xyz[:, i] = part
    time = columns.get("time_offset_ns")
    if time is not None and time.dtype.kind not in "iu":
        raise FormatError(expected="whole nanoseconds", got=f"dtype {time.dtype}", path=path, field="time_offset_ns", hint="export the file again")
    intensity = columns.get("intensity")
    try:
        return Sweep(
            xyz,
            frame=frame,
            intensity=None if intensity is None else _plain(intensity),
            time_offset_ns=None if time is None else _plain(time),
            fields={name: _plain(values) for name, values in columns.items() if name not in OWN_NAMES},
        )
    except BoxwrightError as error:
        raise FormatError(error.what, expected=error.expected, got=error.got, path=path, field=error.field, hint="export the file again") from None


def columns_of_sweep(sweep: Sweep, scale_m: float | None = None) -> dict[str, Any]:
    """name -> (N,) of a plain number type. With `scale_m`, x, y, z are rounded to whole numbers of it (int16 where they fit, else int32)."""
    xyz = np.asarray(sweep.xyz)
    if scale_m is not None:
        if not np.isfinite(xyz).all():
            raise ArgumentError(
                "points that are not finite cannot be rounded to whole numbers", field="xyz", hint="leave them out, or write without scale_m"
            )
        whole = np.rint(xyz.astype(np.float64) / scale_m)
        reach = float(np.abs(whole).max(initial=0))
        if reach >= 2**31:
            raise ArgumentError(
                expected=f"coordinates under {2**31 * scale_m:g} m", got=f"{reach * scale_m:g} m", field="xyz", hint="choose a larger scale_m"
            )
        xyz = whole.astype(np.int16 if reach < 2**15 else np.int32)
    columns: dict[str, Any] = {name: xyz[:, i] for i, name in enumerate("xyz")}
    if sweep.intensity is not None:
        columns["intensity"] = np.asarray(sweep.intensity)
    if sweep.time_offset_ns is not None:
        time = sweep.time_offset_ns
        small = np.abs(time).max(initial=0) < 2**31
        columns["time_offset_ns"] = time.astype(np.int32) if small else time
    columns.update({name: np.asarray(values) for name, values in sweep.fields.items()})
    for name, values in columns.items():
        if not name or name == "_" or _BLANK.search(name):
            raise ArgumentError(expected="field names without spaces", got=repr(name), field="fields")
        if values.dtype == np.bool_:
            columns[name] = values.astype(np.uint8)
        elif values.dtype == np.float16:
            columns[name] = values.astype(np.float32)
        elif values.dtype.kind not in "iuf" or values.dtype.itemsize > 8:
            raise ArgumentError(expected="numbers", got=f"dtype {values.dtype}", field=f"fields[{name!r}]")
    return columns
