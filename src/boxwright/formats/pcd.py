"""PCD point clouds: ascii, binary and binary_compressed.

The sizes in the header are worked out and compared with the file before anything is allocated. VIEWPOINT is not applied.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, FormatError, LimitError
from ..points import Sweep
from .columns import columns_of_sweep, sweep_of_columns
from .limits import checked_size, limits

__all__ = ["pcd_bytes", "read_pcd"]

_HEAD_BYTES = 1 << 16
_PAGE_BYTES = 4096
_KINDS = {
    **{("F", size): f"<f{size}" for size in (4, 8)},
    **{("I", size): f"<i{size}" for size in (1, 2, 4, 8)},
    **{("U", size): f"<u{size}" for size in (1, 2, 4, 8)},
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

    @property
    def stride(self) -> int:
        return sum(np.dtype(dtype).itemsize * count for dtype, count in zip(self.dtypes, self.counts))


def read_pcd(path: str | os.PathLike[str], *, frame: str = "lidar") -> Sweep:
    """The points of a PCD file. Fields x, y, z, intensity and time_offset_ns go to the Sweep's own places, the others to `fields`; `_` is padding.

    FormatError where the header does not fit the file, LimitError where it asks for too much.
    """
    size = checked_size(path)
    with Path(path).open("rb") as file:
        header = _header(file.read(_HEAD_BYTES), path)
        room = size - header.body_byte
        file.seek(header.body_byte)
        if header.encoding == "ascii":
            columns = _ascii(file.read(), header, path)
        elif header.encoding == "binary":
            promised = header.n_points * header.stride
            if not promised <= room <= promised + _PAGE_BYTES:
                raise _other_size(header, room, path)
            body = file.read()
            if len(body) != promised and not _is_page_padding(header, body[promised:]):
                raise _other_size(header, room, path)
            columns = _records(body[:promised], header)
        else:
            columns = _compressed(file.read(), header, path)
    return sweep_of_columns(columns, path, frame=frame)


def _header(head: bytes, path: str | os.PathLike[str]) -> _Header:
    rows: dict[str, list[str]] = {}
    lines: dict[str, str] = {}
    at = number = 0
    while "DATA" not in rows:
        end = head.find(b"\n", at)
        if end < 0:
            raise FormatError(
                "the header has no DATA line", expected="DATA ascii, binary or binary_compressed", path=path, offset=len(head), hint=_HINT
            )
        number += 1
        words = head[at:end].decode("latin-1").split()
        at = end + 1
        if words and not words[0].startswith("#"):
            key = {"COLUMNS": "FIELDS"}.get(words[0].upper(), words[0].upper())
            if key in rows:
                raise FormatError("a header line comes twice", got=key, path=path, offset=f"line {number}", hint=_HINT)
            rows[key], lines[key] = words[1:], f"line {number}"

    def wrong(key: str, expected: str, got: str | None = None) -> FormatError:
        return FormatError(
            expected=expected,
            got=" ".join(rows.get(key, ["nothing"]))[:80] if got is None else got,
            path=path,
            offset=lines.get(key),
            field=key,
            hint=_HINT,
        )

    names = rows.get("FIELDS") or []
    if not names:
        raise wrong("FIELDS", "the fields' names")
    kept = [name for name in names if name != "_"]
    if len(set(kept)) != len(kept):
        raise wrong("FIELDS", "each field once")
    rows.setdefault("COUNT", ["1"] * len(names))
    for key in ("SIZE", "TYPE", "COUNT"):
        if len(rows.get(key, [])) != len(names):
            raise wrong(key, f"{len(names)} values, one per field")
    counts = [_whole(word) for word in rows["COUNT"]]
    dtypes = [_KINDS.get((kind.upper(), _whole(size)), "") for kind, size in zip(rows["TYPE"], rows["SIZE"])]
    if "" in dtypes:
        i = dtypes.index("")
        raise wrong("TYPE", "F of 4 or 8 bytes, I or U of 1, 2, 4 or 8 bytes", f"{rows['TYPE'][i]} of {rows['SIZE'][i]} bytes for {names[i]!r}")
    if min(counts) < 0 or any(count != 1 for name, count in zip(names, counts) if name in ("x", "y", "z", "intensity", "time_offset_ns")):
        raise wrong("COUNT", "1 for x, y and z, and whole numbers for every field")
    width, height = (_whole(" ".join(rows[key])) if key in rows else None for key in ("WIDTH", "HEIGHT"))
    n = _whole(" ".join(rows["POINTS"])) if "POINTS" in rows else (width if width is not None else -1) * (1 if height is None else height)
    if n < 0 or (width is not None and width * (1 if height is None else height) != n):
        raise wrong("POINTS", "a number of points equal to WIDTH x HEIGHT")
    encoding = " ".join(rows["DATA"]).lower()
    if encoding not in ("ascii", "binary", "binary_compressed"):
        raise wrong("DATA", "ascii, binary or binary_compressed")
    header = _Header(names, dtypes, counts, n, encoding, at)
    limits().check("points_per_frame", n, path, "POINTS")
    limits().check("point_bytes", header.stride, path, "SIZE x COUNT")
    return header


def _whole(word: str) -> int:
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= 18 else -1


def _other_size(header: _Header, room: int, path: str | os.PathLike[str]) -> FormatError:
    promised = header.n_points * header.stride
    return FormatError(
        "the file is shorter than its header says" if room < promised else "the file is longer than its header says",
        expected=f"{header.n_points:,} points x {header.stride} B = {promised:,} B",
        got=f"{room:,} B after the header",
        path=path,
        offset=header.body_byte,
        field="POINTS",
        hint="nothing was read; copy or export the file again",
    )


def _is_page_padding(header: _Header, rest: bytes) -> bool:
    """Some writers (old PCL) take a whole page for the header when they size the file, and leave zeros at its end."""
    return len(rest) == _PAGE_BYTES - header.body_byte and not any(rest)


def _fields(header: _Header) -> list[tuple[int, str, str, int]]:
    """(place, unique name, dtype, count) of every field, padding included."""
    return [(i, f"{i}", dtype, count) for i, (dtype, count) in enumerate(zip(header.dtypes, header.counts))]


def _named(header: _Header, pick: Any) -> dict[str, Any]:
    """name -> column, where pick(i) gives field i as (N,) or (N, count); a field of several values becomes name_0, name_1, ..."""
    columns: dict[str, Any] = {}
    for i, (name, count) in enumerate(zip(header.names, header.counts)):
        if name != "_":
            values = pick(i)
            parts = {name: values} if count == 1 else {f"{name}_{k}": values[:, k] for k in range(count)}
            columns.update(parts)
    return columns


def _records(body: bytes, header: _Header) -> dict[str, Any]:
    kinds = [(name, dtype) if count == 1 else (name, dtype, (count,)) for _, name, dtype, count in _fields(header)]
    table = np.frombuffer(body, np.dtype(kinds), header.n_points)
    return _named(header, lambda i: table[f"{i}"])


def _compressed(body: bytes, header: _Header, path: str | os.PathLike[str]) -> dict[str, Any]:
    from ..kernels import lzf

    promised = header.n_points * header.stride
    if len(body) < 8 and not (promised == 0 and not body):
        raise FormatError("the file ends before the compressed sizes", path=path, offset=header.body_byte, hint=_HINT)
    packed, unpacked = (int(v) for v in np.frombuffer(body[:8] or bytes(8), "<u4"))
    if packed != len(body[8:]):
        raise FormatError(
            expected=f"{packed:,} compressed bytes", got=f"{len(body[8:]):,}", path=path, offset=header.body_byte, field="compressed size", hint=_HINT
        )
    if unpacked != promised:
        expected = f"{header.n_points:,} points x {header.stride} B = {promised:,} B"
        raise FormatError(expected=expected, got=f"{unpacked:,} B", path=path, offset=header.body_byte + 4, field="uncompressed size", hint=_HINT)
    limits().check("decompressed_bytes", unpacked, path)
    if unpacked > limits().decompressed_ratio * max(packed, 1):
        raise LimitError(
            "compressed more tightly than allowed",
            expected=f"at most {limits().decompressed_ratio} : 1",
            got=f"{unpacked:,} B from {packed:,} B",
            path=path,
            hint="if the file is sound, set BOXWRIGHT_LIMIT_DECOMPRESSED_RATIO",
        )
    out = np.empty(unpacked, np.uint8)
    written = int(lzf.decompress(np.frombuffer(body, np.uint8, offset=8), out)) if unpacked else 0
    if written != unpacked:
        place = header.body_byte + 8 + (-1 - written if written < 0 else packed)
        raise FormatError(
            "the compressed data is broken", expected=f"{unpacked:,} B of LZF", path=path, offset=place, hint="copy or export the file again"
        )
    ends = np.cumsum([0, *(np.dtype(d).itemsize * c * header.n_points for d, c in zip(header.dtypes, header.counts))])

    def pick(i: int) -> Any:
        values = out[ends[i] : ends[i + 1]].view(header.dtypes[i])
        return values if header.counts[i] == 1 else values.reshape(header.n_points, header.counts[i])

    return _named(header, pick)


def _ascii(body: bytes, header: _Header, path: str | os.PathLike[str]) -> dict[str, Any]:
    n, width = header.n_points, sum(header.counts)
    lines = body.count(b"\n") + (not body.endswith(b"\n")) if body.strip() else 0
    if lines < n or 2 * n * width - 1 > len(body):
        raise FormatError(
            "the file is shorter than its header says",
            expected=f"{n:,} lines of {width} numbers",
            got=f"{lines:,} lines",
            path=path,
            field="POINTS",
            hint=_HINT,
        )
    table = np.zeros((0, width))
    if body.strip():
        try:
            table = np.loadtxt(io.BytesIO(body), np.float64, comments=None, ndmin=2, encoding="latin-1", max_rows=n + 1)
        except ValueError as error:
            raise FormatError(
                f"a line of points cannot be read: {error}", expected=f"{width} numbers", path=path, field="DATA ascii", hint=_HINT
            ) from None
    if table.shape != (n, width):
        got = f"{len(table):,}{' or more' if len(table) > n else ''} lines of {table.shape[1]}"
        raise FormatError(
            "the header does not fit the points", expected=f"{n:,} lines of {width} numbers", got=got, path=path, field="POINTS", hint=_HINT
        )
    starts = np.cumsum([0, *header.counts])

    def pick(i: int) -> Any:
        part = table[:, starts[i] : starts[i + 1]]
        kind = np.dtype(header.dtypes[i])
        if kind.kind in "iu":
            info = np.iinfo(kind)
            if not ((part >= info.min) & (part <= min(info.max, 2**53))).all() or (part != np.rint(part)).any():
                raise FormatError(expected=f"whole numbers of {kind.itemsize} bytes", got="others", path=path, field=header.names[i], hint=_HINT)
        with np.errstate(over="ignore"):
            values = part.astype(kind)
        return values[:, 0] if header.counts[i] == 1 else values

    return _named(header, pick)


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
        rows = zip(*(values.tolist() if values.dtype.itemsize == 8 or values.dtype.kind != "f" else map(str, values) for values in columns.values()))
        return head + "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()
    if encoding == "binary":
        table = np.empty(n, np.dtype([(name, values.dtype) for name, values in columns.items()]))
        for name, values in columns.items():
            table[name] = values
        return head + table.tobytes()
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
