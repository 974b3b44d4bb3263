"""PCD point clouds: ascii, binary and binary_compressed.

The sizes in the header are worked out and compared with the file before anything is allocated. VIEWPOINT is not applied.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import UInt8s
from ..errors import ArgumentError, FormatError, number_of
from ..limits import checked_size, limits
from ..points import Sweep
from .columns import columns_of_sweep, name_of, other_size, record_bytes, records_from, sweep_of_columns
from .number_lines import NumberLines, lines_of_columns

__all__ = ["check_pcd", "pcd_bytes", "read_pcd"]

_HEAD_BYTES = 1 << 14
_PAGE_BYTES = 4096
_KINDS = {
    **{(b"F", size): f"<f{size}" for size in (4, 8)},
    **{(b"I", size): f"<i{size}" for size in (1, 2, 4, 8)},
    **{(b"U", size): f"<u{size}" for size in (1, 2, 4, 8)},
}
_HINT = "export the file again"


@dataclass(frozen=True)
class _Header:
    names: list[str]
    dtypes: list[str]
    counts: list[int]
    n_points: int
    encoding: str
    body_byte: int
    body_line: int

    @cached_property
    def value_names(self) -> list[str]:
        """One name for each number of a point: a field of several values gives name_0, name_1, ...; `_` is padding."""
        return [n if c == 1 or n == "_" else f"{n}_{k}" for n, c in zip(self.names, self.counts) for k in range(c)]

    @cached_property
    def stride(self) -> int:
        return sum(int(dtype[-1]) * count for dtype, count in zip(self.dtypes, self.counts))


def read_pcd(path: str | os.PathLike[str], *, frame: str = "lidar") -> Sweep:
    """The points of a PCD file. Fields x, y, z, intensity and time_offset_ns go to the Sweep's own places, the others to `fields`; `_` is padding.

    FormatError where the header does not fit the file, LimitError where it asks for too much.
    """
    size = checked_size(path)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        header = _checked_header(file, size, path)
        if header.encoding == "ascii":
            columns = _lines(header, path).columns(file.read(), header.n_points)
        elif header.encoding == "binary":
            columns = _beside_each_other(records_from(file, np.uint8, header.n_points * header.stride, path), header)
        else:
            columns = _compressed(records_from(file, np.uint8, size - header.body_byte, path), header, path)
    return sweep_of_columns(columns, path, frame=frame)


def check_pcd(path: str | os.PathLike[str]) -> None:
    """FormatError or LimitError where the header is wrong or does not fit the size of the file; the points are not read."""
    size = checked_size(path)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        _checked_header(file, size, path)


def _checked_header(file: Any, size: int, path: str | os.PathLike[str]) -> _Header:
    """The header, with the file standing at the first byte after it, where as many bytes follow as it promises."""
    header = _header(file.read(_HEAD_BYTES), path)
    file.seek(header.body_byte)
    room, promised = size - header.body_byte, header.n_points * header.stride
    if header.encoding == "ascii":
        lines = _lines(header, path)
        lines.check_room(header.n_points, room, lambda: lines.columns(file.read(), header.n_points))
    elif header.encoding == "binary":
        if promised != room and not (promised < room and _is_page_padding(file, header, room - promised)):
            expected = f"{number_of(header.n_points, 'point')} x {header.stride} B"
            raise other_size(room, promised, expected, path, "POINTS", header.body_byte)
    elif room or promised:
        _check_packed(file.read(8), header, room, path)
    file.seek(header.body_byte)
    return header


def _header(head: bytes, path: str | os.PathLike[str]) -> _Header:
    rows: dict[str, list[bytes]] = {}
    lines: dict[str, str] = {}
    at = number = 0
    while "DATA" not in rows:
        end = head.find(b"\n", at)
        if end < 0:
            raise FormatError(
                "the header has no DATA line",
                expected="DATA ascii, binary or binary_compressed",
                got=None if head else "an empty file",
                path=path,
                offset=len(head),
                hint=_HINT,
            )
        number += 1
        words = head[at:end].split()
        at = end + 1
        if words and not words[0].startswith(b"#"):
            key = name_of(words[0]).upper()
            key = "FIELDS" if key == "COLUMNS" else key
            if key in rows:
                raise FormatError("a header line comes twice", got=key, path=path, offset=f"line {number}", hint=_HINT)
            rows[key], lines[key] = words[1:], f"line {number}"

    def wrong(key: str, expected: str, got: str | None = None) -> FormatError:
        return FormatError(
            expected=expected,
            got=" ".join(map(name_of, rows.get(key, [b"nothing"])))[:80] if got is None else got,
            path=path,
            offset=lines.get(key),
            field=key,
            hint=_HINT,
        )

    names = [name_of(word) for word in rows.get("FIELDS", ())]
    if not names:
        raise wrong("FIELDS", "the fields' names")
    if not {"x", "y", "z"} <= set(names):
        raise wrong("FIELDS", "columns x, y and z")
    rows.setdefault("COUNT", [b"1"] * len(names))
    for key in ("SIZE", "TYPE", "COUNT"):
        if len(rows.get(key, [])) != len(names):
            raise wrong(key, f"{number_of(len(names), 'value')}, one per field")
    counts = [_whole(word) for word in rows["COUNT"]]
    dtypes = [_KINDS.get((kind.upper(), _whole(size)), "") for kind, size in zip(rows["TYPE"], rows["SIZE"])]
    if "" in dtypes:
        i = dtypes.index("")
        kind, n_bytes = name_of(rows["TYPE"][i]), name_of(rows["SIZE"][i])
        raise wrong("TYPE", "F of 4 or 8 bytes, I or U of 1, 2, 4 or 8 bytes", f"{kind} of {n_bytes} bytes for {names[i]!r}")
    if min(counts) < 0 or any(count != 1 for name, count in zip(names, counts) if name in ("x", "y", "z", "intensity", "time_offset_ns")):
        raise wrong("COUNT", "1 for x, y and z, and whole numbers for every field")
    width, height = (_whole(b" ".join(rows[key])) if key in rows else None for key in ("WIDTH", "HEIGHT"))
    n = _whole(b" ".join(rows["POINTS"])) if "POINTS" in rows else (width if width is not None else -1) * (1 if height is None else height)
    if n < 0 or (width is not None and width * (1 if height is None else height) != n):
        raise wrong("POINTS", "a number of points equal to WIDTH x HEIGHT")
    encoding = name_of(b" ".join(rows["DATA"])).lower()
    if encoding not in ("ascii", "binary", "binary_compressed"):
        raise wrong("DATA", "ascii, binary or binary_compressed")
    header = _Header(names, dtypes, counts, n, encoding, at, number + 1)
    allowed = limits()
    allowed.check("points_per_frame", n, path, "POINTS")
    allowed.check("point_bytes", header.stride, path, "SIZE x COUNT")
    kept = [name for name in header.value_names if name != "_"]
    if len(set(kept)) != len(kept):
        raise wrong("FIELDS", "each field once", next(repr(name) + " twice" for name in kept if kept.count(name) > 1))
    return header


def _whole(word: bytes) -> int:
    return int(word) if word.isdigit() and len(word) <= 18 else -1


def _is_page_padding(file: Any, header: _Header, n: int) -> bool:
    """Some writers (old PCL) take a whole page for the header when they size the file, and leave zeros at its end."""
    if n != _PAGE_BYTES - header.body_byte:
        return False
    file.seek(-n, os.SEEK_END)
    return not any(file.read(n))


def _lines(header: _Header, path: str | os.PathLike[str]) -> NumberLines:
    dtypes = [dtype for dtype, count in zip(header.dtypes, header.counts) for _ in range(count)]
    return NumberLines(header.value_names, dtypes, header.body_line, path, "POINTS", "DATA ascii")


def _named(header: _Header, fields: dict[str, Any]) -> dict[str, Any]:
    """name -> column, from every field's number as text -> (N,) or (N, count)."""
    parts = [[fields[f"{i}"]] if count == 1 else list(fields[f"{i}"].T) for i, count in enumerate(header.counts)]
    return {name: values for name, values in zip(header.value_names, [v for part in parts for v in part]) if name != "_"}


def _beside_each_other(body: UInt8s, header: _Header) -> dict[str, Any]:
    """name -> column, a view into the bytes of all points."""
    columns: dict[str, Any] = {}
    n, at, numbers = header.n_points, 0, [dtype for dtype, count in zip(header.dtypes, header.counts) for _ in range(count)]
    for name, dtype in zip(header.value_names, numbers):
        if name != "_":
            columns[name] = np.ndarray((n,), dtype, body, at if n else 0, (header.stride,))
        at += int(dtype[-1])
    return columns


def _check_packed(sizes: bytes, header: _Header, room: int, path: str | os.PathLike[str]) -> int:
    """The compressed size; FormatError unless both sizes are what the header and the file say."""
    promised = header.n_points * header.stride
    if len(sizes) < 8:
        raise FormatError("the file ends before the compressed sizes", path=path, offset=header.body_byte, hint=_HINT)
    packed, unpacked = (int(v) for v in np.frombuffer(sizes, "<u4"))
    if packed != room - 8:
        raise FormatError(
            expected=f"{packed:,} compressed bytes", got=f"{room - 8:,}", path=path, offset=header.body_byte, field="compressed size", hint=_HINT
        )
    if unpacked != promised:
        expected = f"{number_of(header.n_points, 'point')} x {header.stride} B = {promised:,} B"
        raise FormatError(expected=expected, got=f"{unpacked:,} B", path=path, offset=header.body_byte + 4, field="uncompressed size", hint=_HINT)
    if packed and not unpacked:
        raise FormatError(
            expected="no compressed bytes for 0 points",
            got=f"{packed:,}",
            path=path,
            offset=header.body_byte + 8,
            field="compressed size",
            hint=_HINT,
        )
    limits().check_decompressed(unpacked, packed, path)
    return packed


def _compressed(body: UInt8s, header: _Header, path: str | os.PathLike[str]) -> dict[str, Any]:
    from ..kernels import lzf

    promised = header.n_points * header.stride
    out = np.empty(promised, np.uint8)
    written = int(lzf.decompress(body[8:], out)) if promised else 0
    if written != promised:
        place = header.body_byte + 8 + (-1 - written if written < 0 else len(body) - 8)
        raise FormatError(
            "the compressed data is broken", expected=f"{promised:,} B of LZF", path=path, offset=place, hint="copy or export the file again"
        )
    fields, at = {}, 0
    for i, (dtype, count) in enumerate(zip(header.dtypes, header.counts)):
        end = at + np.dtype(dtype).itemsize * count * header.n_points
        values = out[at:end].view(dtype)
        fields[f"{i}"], at = values if count == 1 else values.reshape(header.n_points, count), end
    return _named(header, fields)


def pcd_bytes(sweep: Sweep, encoding: str = "binary") -> bytes:
    """A PCD file. Coordinates keep their float32 or float64; intensity, time_offset_ns and further fields follow.

    encoding : "binary", "binary_compressed" or "ascii"
    """
    if encoding not in ("ascii", "binary", "binary_compressed"):
        raise ArgumentError(expected="'ascii', 'binary' or 'binary_compressed'", got=repr(encoding), field="encoding")
    columns = {name: values.astype(values.dtype.newbyteorder("<")) for name, values in columns_of_sweep(sweep).items()}
    kinds = [({"f": "F", "i": "I", "u": "U"}[v.dtype.kind], v.dtype.itemsize) for v in columns.values()]
    n = len(sweep)
    head = "\n".join(
        [
            "# .PCD v0.7 - Point Cloud Data file format",
            "VERSION 0.7",
            f"FIELDS {' '.join(columns)}",
            f"SIZE {' '.join(str(size) for _, size in kinds)}",
            f"TYPE {' '.join(kind for kind, _ in kinds)}",
            f"COUNT {' '.join('1' for _ in kinds)}",
            f"WIDTH {n}",
            "HEIGHT 1",
            "VIEWPOINT 0 0 0 1 0 0 0",
            f"POINTS {n}",
            f"DATA {encoding}\n",
        ]
    ).encode()
    if encoding == "ascii":
        return head + lines_of_columns(columns)
    if encoding == "binary":
        return head + record_bytes(columns)
    return head + _lzf_block(b"".join(values.tobytes() for values in columns.values()))


def _lzf_block(raw: bytes) -> bytes:
    from ..kernels import lzf

    out = np.empty(len(raw) + len(raw) // 32 + 2, np.uint8)
    n = int(lzf.compress(np.frombuffer(raw, np.uint8), out)) if raw else 0
    if len(raw) > 200 * max(n, 1):
        raise ArgumentError(
            "the points are too alike for binary_compressed within the 200 : 1 limit of readers", field="encoding", hint="use 'binary'"
        )
    return np.array([n, len(raw)], "<u4").tobytes() + out[:n].tobytes()
