"""KITTI .bin, NumPy .npy and .npz point files. Sizes are worked out from the header before anything is allocated; nothing is ever unpickled."""

from __future__ import annotations

import ast
import contextlib
import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import as_points
from ..errors import BoxwrightError, FormatError, LimitError
from ..limits import checked_size, limits
from ..points import Sweep
from .columns import columns_of_records, columns_of_sweep, other_size, records_from, sweep_of_columns

__all__ = ["check_array_file", "kitti_bin_bytes", "npz_arrays", "npz_bytes", "read_kitti_bin", "read_npy", "read_npz"]

_HINT = "copy or export the file again"
_ZIP_END_BYTES = 22 + 0xFFFF  # the last record of a zip archive, with its comment
_ZIP_ENTRY_BYTES = 46  # a member's entry in the archive's directory, without its name
_MOST_COLUMNS = 8  # of a table that is wider than long: one with more has its points side by side, or nobody knows
_NUMBER = re.compile(r"[<>|=](?:f[248]|[iu][1248])")


def check_array_file(path: str | os.PathLike[str]) -> None:
    """FormatError where a .bin, .npy or .npz file has not the size or the headers that it must have; the points are not read."""
    size = checked_size(path)
    suffix = Path(path).suffix.lower()
    if suffix == ".bin":
        _check_kitti_size(size, path)
    elif suffix == ".npy":
        with Path(path).open("rb") as file:
            _checked_npy_header(file, size, path, None)
    else:
        with _archive(path) as archive:
            _check_members(archive.infolist(), size, path)
            for member in archive.infolist():
                with archive.open(member) as file:
                    _checked_npy_header(file, member.file_size, path, member.filename.removesuffix(".npy"))


def read_kitti_bin(path: str | os.PathLike[str], *, frame: str = "lidar") -> Sweep:
    """x, y, z, reflectance as little-endian float32, 16 bytes a point."""
    size = checked_size(path)
    _check_kitti_size(size, path)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        rows = records_from(file, "<f4", size // 4, path).astype(np.float32, copy=False).reshape(-1, 4)
    return Sweep(rows[:, :3], frame=frame, intensity=rows[:, 3])


def _check_kitti_size(size: int, path: str | os.PathLike[str]) -> None:
    if size % 16:
        raise FormatError(
            "not a KITTI cloud",
            expected="16 B a point (float32 x, y, z, reflectance)",
            got=f"{size:,} B, {size % 16} B more than whole points",
            path=path,
            offset=size - size % 16,
            hint=_HINT,
        )
    limits().check("points_per_frame", size // 16, path)


def kitti_bin_bytes(sweep: Sweep) -> bytes:
    """A KITTI cloud: float32, the origin added; where there is no intensity, 0."""
    rows = np.zeros((len(sweep), 4), "<f4")
    rows[:, :3] = as_points("sweep", sweep)
    if sweep.intensity is not None:
        rows[:, 3] = sweep.intensity
    return rows.tobytes()


def read_npy(path: str | os.PathLike[str], *, frame: str = "lidar", scale_m: float | None = None) -> Sweep:
    """(N, 3) or more columns of numbers: x, y, z, intensity, column_4, ...; or records with fields x, y, z, ..."""
    size = checked_size(path)
    with Path(path).open("rb") as file:
        array = _npy(file, size, path, None)
    return _sweep_of_table(array, path, frame, scale_m)


def _sweep_of_table(array: Any, path: str | os.PathLike[str], frame: str, scale_m: float | None) -> Sweep:
    return sweep_of_columns(_columns_of_table(array, path), path, frame=frame, scale_m=scale_m)


def _columns_of_table(array: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    if array.dtype.names:
        return columns_of_records(array)
    if array.ndim != 2 or array.shape[1] < 3:
        raise FormatError(expected="(N, 3) or more columns, or records with x, y, z", got=f"shape {array.shape}", path=path, hint=_HINT)
    names = ["x", "y", "z", "intensity", *(f"column_{i}" for i in range(4, array.shape[1]))]
    return {name: array[:, i] for i, name in enumerate(names[: array.shape[1]])}


def read_npz(path: str | os.PathLike[str], *, frame: str = "lidar", scale_m: float | None = None) -> Sweep:
    """Columns x, y, z, ... of one length, each an array of the archive; or a table called xyz or points, with further columns beside it; or one
    table alone, of any name. A table is what `read_npy` takes."""
    columns = npz_arrays(path)
    tables = [name for name in ("xyz", "points") if name in columns] if "x" not in columns else []
    if len(columns) == 1:
        return _sweep_of_table(next(iter(columns.values())), path, frame, scale_m)
    if len(tables) == 1:
        beside = {name: values.reshape(len(values)) if values.shape[1:] == (1,) else values for name, values in columns.items()}
        parts = _columns_of_table(beside.pop(tables[0]), path)
        if twice := sorted(set(parts) & set(beside)):
            raise FormatError(f"{twice[0]!r} is there twice", expected=f"it in {tables[0]!r} or beside it", got="both", path=path, hint=_HINT)
        columns = parts | beside
    n = {len(values) if values.ndim == 1 else -1 for values in columns.values()}
    if len(n) != 1 or -1 in n:
        got = ", ".join(f"{name} {values.shape}" for name, values in columns.items())[:200] or "no array"
        raise FormatError(expected="columns (N,) of one length", got=got, path=path, hint="name a table of points 'xyz' or 'points', or save x, y, z")
    return sweep_of_columns(columns, path, frame=frame, scale_m=scale_m)


def npz_arrays(path: str | os.PathLike[str]) -> dict[str, Any]:
    """name -> array of numbers, all that the archive holds."""
    size = checked_size(path)
    arrays: dict[str, Any] = {}
    with _archive(path) as archive:
        members = archive.infolist()
        _check_members(members, size, path)
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise FormatError("an array comes twice", got=repr(name[:80]), path=path, hint=_HINT)
            with archive.open(member) as file:
                arrays[name] = _npy(file, member.file_size, path, name)
    return arrays


@contextlib.contextmanager
def _archive(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    """An open .npz; whatever zipfile and zlib raise on it is a FormatError."""
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, OverflowError, zlib.error, struct.error) as error:
        if isinstance(error, BoxwrightError):
            raise
        raise FormatError(f"the archive is broken: {error}", path=path, hint=_HINT) from None


def _check_directory(path: str | os.PathLike[str]) -> None:
    """LimitError where an archive's directory has room for too many members: zipfile makes an object for each before anyone can count them."""
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _ZIP_END_BYTES))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at >= 0 and at + 16 <= len(tail):
        directory_bytes = min(int.from_bytes(tail[at + 12 : at + 16], "little"), size)  # of a zip64 archive it isn't said here
        limits().check("archive_members", directory_bytes // _ZIP_ENTRY_BYTES, path)


def npz_bytes(sweep: Sweep, scale_m: float | None = None) -> bytes:
    """A .npz with one compressed array per column; with `scale_m` the coordinates are whole numbers of it. Equal sweeps give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, values in columns_of_sweep(sweep, scale_m).items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def _check_members(members: list[zipfile.ZipInfo], size: int, path: str | os.PathLike[str]) -> None:
    limits().check_decompressed(sum(member.file_size for member in members), size, path)
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FormatError(
                expected="arrays stored or deflated", got=f"zip method {member.compress_type}", path=path, hint="save it with numpy.savez_compressed"
            )
    if len(members) > limits().point_bytes:
        raise LimitError(expected=f"at most {limits().point_bytes} arrays", got=str(len(members)), path=path, hint=_HINT)


def _npy(stream: Any, size: int, path: str | os.PathLike[str], field: str | None) -> Any:
    """One array, whose header must promise exactly the bytes that follow it."""
    dtype, shape, is_fortran, promised = _checked_npy_header(stream, size, path, field)
    raw = stream.read(promised)
    if len(raw) != promised:
        raise FormatError(
            "the file is shorter than its header says", expected=f"{promised:,} B", got=f"{len(raw):,} B", path=path, field=field, hint=_HINT
        )
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if is_fortran else "C")


def _checked_npy_header(stream: Any, size: int, path: str | os.PathLike[str], field: str | None) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """(dtype, shape, is_fortran, bytes of the array), within the limits; FormatError unless exactly those bytes follow in a file of `size`."""
    dtype, shape, is_fortran, header_bytes = _npy_header(stream, path, field)
    promised, room = math.prod(shape) * dtype.itemsize, size - header_bytes
    if promised != room:
        raise other_size(room, promised, f"shape {shape} of {dtype}", path, field)
    if len(shape) == 2 and _MOST_COLUMNS < shape[1] > shape[0] >= 3 and not dtype.names:
        raise FormatError(
            "a table that may lie on its side",
            expected="(N, 3) or more columns, one row per point",
            got=f"shape {shape}, which may be {shape[1]:,} points, an axis in each row, as well as {shape[0]}",
            path=path,
            field=field,
            hint="save array.T if each row is an axis; else name the columns: a .npz of x, y, z and so on",
        )
    if shape:  # a side of 0 hides from the sizes how long the others are
        limits().check("points_per_frame", shape[0], path, field)
        limits().check("point_bytes", math.prod(shape[1:]) * dtype.itemsize, path, field)
    return dtype, shape, is_fortran, promised


def _npy_header(stream: Any, path: str | os.PathLike[str], field: str | None) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """(dtype, shape, is_fortran, bytes of the header). NumPy's own reader raises a dozen kinds of exceptions."""

    def wrong(expected: str, got: str) -> FormatError:
        return FormatError(
            "not a NumPy array of numbers", expected=expected, got=got[:80], path=path, field=field, hint="save plain numbers with numpy.save"
        )

    start = stream.read(12)
    wide = start[6:7] in (b"\x02", b"\x03")
    if start[:6] != b"\x93NUMPY" or start[6:8] not in (b"\x01\0", b"\x02\0", b"\x03\0") or len(start) < 12:
        raise wrong("a NumPy header", repr(start[:8]))
    length = int.from_bytes(start[8:12] if wide else start[8:10], "little")
    begin = 12 if wide else 10
    if length > 10_000:
        raise wrong("a header of at most 10,000 B", f"{length:,} B")
    text = (start[begin:] + stream.read(max(length - (12 - begin), 0)))[:length].decode("latin-1")
    try:
        header = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        header = None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise wrong("descr, fortran_order and shape", repr(text))
    descr, shape, is_fortran = header["descr"], header["shape"], header["fortran_order"]
    columns = descr if isinstance(descr, list) else [("", descr)]
    if not all(isinstance(c, tuple) and len(c) == 2 and isinstance(c[0], str) and isinstance(c[1], str) and _NUMBER.fullmatch(c[1]) for c in columns):
        raise wrong("an array of numbers", repr(descr))
    if not columns or len({name for name, _ in columns}) != len(columns) or (isinstance(descr, list) and "" in dict(columns)):
        raise wrong("columns with names that differ", repr(descr))
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or not isinstance(is_fortran, bool) or len(shape) > 8:
        raise wrong("a shape of whole numbers", f"{shape!r}")
    return np.dtype(columns if isinstance(descr, list) else descr), shape, is_fortran, begin + length
