"""KITTI .bin, NumPy .npy and .npz point files. Sizes are worked out from the header before anything is allocated; nothing is ever unpickled."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from ..errors import FormatError, LimitError
from ..points import Sweep
from .columns import columns_of_sweep, sweep_of_columns
from .limits import checked_size, limits

__all__ = ["kitti_bin_bytes", "npz_bytes", "read_kitti_bin", "read_npy", "read_npz"]

_HINT = "copy or export the file again"


def read_kitti_bin(path: str | os.PathLike[str], *, frame: str = "lidar") -> Sweep:
    """x, y, z, reflectance as little-endian float32, 16 bytes a point."""
    size = checked_size(path)
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
    rows = np.fromfile(path, "<f4").reshape(-1, 4)
    return Sweep(rows[:, :3], frame=frame, intensity=np.ascontiguousarray(rows[:, 3]))


def kitti_bin_bytes(sweep: Sweep) -> bytes:
    """A KITTI cloud: float32; where there is no intensity, 0."""
    rows = np.zeros((len(sweep), 4), "<f4")
    rows[:, :3] = sweep.xyz
    if sweep.intensity is not None:
        rows[:, 3] = sweep.intensity
    return rows.tobytes()


def read_npy(path: str | os.PathLike[str], *, frame: str = "lidar", scale_m: float | None = None) -> Sweep:
    """(N, 3) or more columns of numbers: x, y, z, intensity, column_4, ...; or records with fields x, y, z, ..."""
    size = checked_size(path)
    with Path(path).open("rb") as file:
        array = _npy(file, size, path, None)
    if array.dtype.names:
        return sweep_of_columns({name: array[name] for name in array.dtype.names}, path, frame=frame, scale_m=scale_m)
    if array.ndim != 2 or array.shape[1] < 3:
        raise FormatError(expected="(N, 3) or more columns, or records with x, y, z", got=f"shape {array.shape}", path=path, hint=_HINT)
    names = ["x", "y", "z", "intensity", *(f"column_{i}" for i in range(4, array.shape[1]))]
    return sweep_of_columns({name: array[:, i] for i, name in enumerate(names[: array.shape[1]])}, path, frame=frame, scale_m=scale_m)


def read_npz(path: str | os.PathLike[str], *, frame: str = "lidar", scale_m: float | None = None) -> Sweep:
    """Columns x, y, z, ... of one length, each an array of the archive."""
    size = checked_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, size, path)
            columns: dict[str, Any] = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name in columns:
                    raise FormatError("an array comes twice", got=repr(name[:80]), path=path, hint=_HINT)
                with archive.open(member) as file:
                    columns[name] = _npy(file, member.file_size, path, name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, FormatError | LimitError):
            raise
        raise FormatError(f"the archive is broken: {error}", path=path, hint=_HINT) from None
    n = {len(values) if values.ndim == 1 else -1 for values in columns.values()}
    if len(n) != 1 or -1 in n:
        got = ", ".join(f"{name} {values.shape}" for name, values in columns.items())[:200] or "no array"
        raise FormatError(expected="columns (N,) of one length", got=got, path=path, hint=_HINT)
    return sweep_of_columns(columns, path, frame=frame, scale_m=scale_m)


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
    total = sum(member.file_size for member in members)
    limits().check("decompressed_bytes", total, path)
    if total > limits().decompressed_ratio * max(size, 1):
        raise LimitError(
            "compressed more tightly than allowed",
            expected=f"at most {limits().decompressed_ratio} : 1",
            got=f"{total:,} B from {size:,} B",
            path=path,
            hint="if the file is sound, set BOXWRIGHT_LIMIT_DECOMPRESSED_RATIO",
        )
    if len(members) > limits().point_bytes:
        raise LimitError(expected=f"at most {limits().point_bytes} arrays", got=str(len(members)), path=path, hint=_HINT)


def _npy(file: Any, size: int, path: str | os.PathLike[str], field: str | None) -> Any:
    """One array, whose header must promise exactly the bytes that follow it."""
    stream: BinaryIO = file
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, is_fortran, dtype = read_header(stream, max_header_size=10_000)
    except (ValueError, KeyError, TypeError, SyntaxError, EOFError, OverflowError, MemoryError, RecursionError, TokenError) as error:
        raise FormatError(f"not a NumPy array: {str(error)[:120]}", path=path, field=field, hint=_HINT) from None
    if dtype.hasobject or any(dtype[name].kind not in "iuf" for name in dtype.names or ()) or (dtype.names is None and dtype.kind not in "iuf"):
        raise FormatError(expected="an array of numbers", got=f"dtype {dtype}", path=path, field=field, hint="save plain numbers")
    n = 1
    for length in shape:
        if not isinstance(length, int) or length < 0:
            raise FormatError(expected="a shape of whole numbers", got=str(shape), path=path, field=field, hint=_HINT)
        n *= length
    promised, room = n * dtype.itemsize, size - stream.tell()
    if promised != room:
        raise FormatError(
            "the file is shorter than its header says" if room < promised else "the file is longer than its header says",
            expected=f"shape {shape} of {dtype} = {promised:,} B",
            got=f"{room:,} B after the header",
            path=path,
            field=field,
            hint=_HINT,
        )
    if shape:
        limits().check("points_per_frame", shape[0], path, field)
    raw = stream.read(promised)
    if len(raw) != promised:
        raise FormatError(
            "the file is shorter than its header says", expected=f"{promised:,} B", got=f"{len(raw):,} B", path=path, field=field, hint=_HINT
        )
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if is_fortran else "C")
