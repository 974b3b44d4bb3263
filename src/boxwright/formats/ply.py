"""PLY point clouds: ascii, binary_little_endian and binary_big_endian. Other elements (the faces of a mesh) are checked and left out.

The sizes in the header are worked out and compared with the file before anything is allocated. PLY has no whole numbers of 64 bits: our own files
hold them as doubles and say so in a comment, which the reader obeys.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, FormatError, number_of
from ..limits import checked_size, limits
from ..points import Sweep
from .columns import columns_of_records, columns_of_sweep, name_of, other_size, record_bytes, records_from, sweep_of_columns
from .mesh_lines import MeshLines
from .number_lines import NumberLines, lines_of_columns

__all__ = ["check_ply", "ply_bytes", "read_ply"]

_HEAD_BYTES = 1 << 16
_HINT = "export the file again"
_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4", "double": "f8"}
_KINDS = {
    **_TYPES,
    **{f"{word}{8 * size}": f"{kind}{size}" for word, kind in (("int", "i"), ("uint", "u")) for size in (1, 2, 4)},
    "float32": "f4",
    "float64": "f8",
}
_ORDERS = {"ascii": "<", "binary_little_endian": "<", "binary_big_endian": ">"}
_INTENSITY = ("intensity", "reflectance", "scalar_intensity")
_OURS = "comment written by boxwright"
_WIDE = "comment boxwright whole numbers: "


@dataclass(frozen=True)
class _Element:
    """n rows; kinds : property -> (dtype, dtype of a list's length or "")"""

    name: str
    n: int
    kinds: dict[str, tuple[str, str]]

    @property
    def has_lists(self) -> bool:
        return any(count for _, count in self.kinds.values())

    @property
    def stride(self) -> int:
        """Bytes of a row; where it has lists, of the shortest one."""
        return sum(np.dtype(count or kind).itemsize for kind, count in self.kinds.values())


@dataclass(frozen=True)
class _Header:
    """wide : property -> "int64" or "uint64", where our own comment says that its doubles are such numbers"""

    encoding: str
    elements: list[_Element]
    wide: dict[str, str]
    is_ours: bool
    body_byte: int
    body_line: int
    line_end: bytes

    @property
    def vertex(self) -> _Element:
        return next(element for element in self.elements if element.name == "vertex")

    @property
    def dtypes(self) -> list[str]:
        """Of a point's numbers, with the file's byte order."""
        return [_ORDERS[self.encoding] + kind for kind, _ in self.vertex.kinds.values()]


def read_ply(path: str | os.PathLike[str], *, frame: str = "lidar") -> Sweep:
    """The vertices of a PLY file. x, y, z go to the Sweep's own place, so do time_offset_ns and the first of intensity, reflectance and
    scalar_Intensity that is there; the other properties to `fields`.

    FormatError where the header does not fit the file or a vertex holds a list, LimitError where it asks for too much.
    """
    size = checked_size(path)
    with Path(path).open("rb") as file:
        header = _checked_header(file, size, path)
        if header.encoding == "ascii":
            columns = _ascii(file.read(), header, path)
        elif any(element.has_lists for element in header.elements):
            columns = columns_of_records(_records_between(file.read(), header, path))
        else:
            file.seek(sum(e.n * e.stride for e in _before_vertex(header)), os.SEEK_CUR)
            columns = columns_of_records(records_from(file, _row(header), header.vertex.n, path))
    for name, kind in header.wide.items():
        columns[name] = _whole_numbers(columns[name], kind, name, path)
    if not header.is_ours and "intensity" not in columns:
        found = next((name for word in _INTENSITY for name in columns if name.lower() == word), None)
        columns = {"intensity" if name == found else name: values for name, values in columns.items()}
    return sweep_of_columns(columns, path, frame=frame)


def check_ply(path: str | os.PathLike[str]) -> None:
    """FormatError or LimitError where the header is wrong or does not fit the size of the file; the points are not read."""
    size = checked_size(path)
    with Path(path).open("rb") as file:
        _checked_header(file, size, path)


def _checked_header(file: Any, size: int, path: str | os.PathLike[str]) -> _Header:
    """The header, with the file standing at the first byte after it, where as many bytes follow as it promises."""
    header = _header(file.read(_HEAD_BYTES), path)
    file.seek(header.body_byte)
    room, vertex = size - header.body_byte, header.vertex
    if header.encoding == "ascii":
        others = sum(2 * element.n * len(element.kinds) for element in header.elements if element is not vertex)
        _lines(header, header.body_line, path).check_room(vertex.n, room - others, lambda: _ascii(file.read(), header, path))
        return header
    promised = sum(element.n * element.stride for element in header.elements)
    has_lists = any(element.has_lists for element in header.elements)
    if promised > room or (promised < room and not has_lists):
        parts = " + ".join(f"{e.n:,} {e.name} x {'at least ' * e.has_lists}{e.stride} B" for e in header.elements)
        raise other_size(room, promised, parts[:300], path, "element vertex", header.body_byte)
    return header


def _header(head: bytes, path: str | os.PathLike[str]) -> _Header:
    line_end = b"\r\n" if head.startswith(b"ply\r\n") else b"\r" if head.startswith(b"ply\r") else b"\n"
    if head[:3] != b"ply" or not head[3:].startswith(line_end):
        raise FormatError(
            "not a PLY file", expected="a first line 'ply'", got=repr(head[:8]) if head else "an empty file", path=path, offset=0, hint=_HINT
        )
    at, number, encoding = 3 + len(line_end), 1, ""
    elements: list[_Element] = []
    wide: dict[str, str] = {}
    is_ours = False
    while True:
        end = head.find(line_end, at)
        if end < 0:
            raise FormatError("the header has no line 'end_header'", path=path, offset=len(head), hint=_HINT)
        number += 1
        line = head[at:end]
        text = name_of(line)
        words = [name_of(word) for word in line.split()]
        at = end + len(line_end)

        def wrong(expected: str, got: str = text, line: int = number) -> FormatError:
            return FormatError(expected=expected, got=repr(got[:80]), path=path, offset=f"line {line}", hint=_HINT)

        match words:
            case ["end_header"]:
                break
            case ["comment", *_]:
                is_ours |= text == _OURS
                if text.startswith(_WIDE):
                    wide.update(pair.rpartition("=")[::2] for pair in words[len(_WIDE.split()) :])
            case [] | ["obj_info", *_]:
                pass
            case ["format", word, "1.0"] if word in _ORDERS and not encoding:
                encoding = word
            case ["format", *_]:
                raise wrong("one line 'format ascii | binary_little_endian | binary_big_endian 1.0'")
            case ["element", name, count] if _is_whole(count):
                if any(element.name == name for element in elements):
                    raise wrong("each element once")
                elements.append(_Element(name, int(count), {}))
            case ["property", *kind, name] if elements and _is_kind(kind):
                if name in elements[-1].kinds:
                    raise wrong("each property once")
                elements[-1].kinds[name] = (_KINDS[kind[-1]], _KINDS[kind[1]] if len(kind) == 3 else "")
            case ["property", *_]:
                raise wrong(f"a property of an element, its type one of {', '.join(_TYPES)}, or a list of them")
            case _:
                raise wrong("'element NAME COUNT', 'property TYPE NAME', 'comment', 'obj_info' or 'end_header'")
    return _fitting(_Header(encoding, elements, wide, is_ours, at, number + 1, line_end), path)


def _is_whole(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 18


def _is_kind(words: list[str]) -> bool:
    """Whether these words are a number's type, or `list`, the type of its length and that of its numbers."""
    if len(words) == 1:
        return words[0] in _KINDS
    return len(words) == 3 and words[0] == "list" and _KINDS.get(words[1], "f")[0] in "iu" and words[2] in _KINDS


def _fitting(header: _Header, path: str | os.PathLike[str]) -> _Header:
    """The header, where it holds what a cloud must have."""

    def wrong(field: str, expected: str, got: str) -> FormatError:
        return FormatError(expected=expected, got=got[:200], path=path, field=field, hint=_HINT)

    if not header.encoding:
        raise wrong("format", "a line 'format'", "none")
    vertex = next((element for element in header.elements if element.name == "vertex"), None)
    if vertex is None:
        raise wrong("element", "an element 'vertex'", ", ".join(repr(element.name) for element in header.elements) or "none")
    lists = [name for name, (_, count) in vertex.kinds.items() if count]
    if lists:
        raise FormatError(
            "a vertex holds a list",
            expected="single numbers",
            got=", ".join(lists)[:200],
            path=path,
            field="element vertex",
            hint="export without it",
        )
    if not {"x", "y", "z"} <= set(vertex.kinds):
        raise wrong("element vertex", "properties x, y and z", ", ".join(vertex.kinds) or "none")
    limits().check("points_per_frame", vertex.n, path, "element vertex")
    limits().check("point_bytes", vertex.stride, path, "element vertex")
    for name, kind in header.wide.items():
        if vertex.kinds.get(name) != ("f8", "") or kind not in ("int64", "uint64"):
            raise wrong("comment boxwright", "doubles that are int64 or uint64", f"{name}={kind}")
    return header


def _before_vertex(header: _Header) -> list[_Element]:
    return header.elements[: header.elements.index(header.vertex)]


def _row(header: _Header) -> np.dtype[Any]:
    return np.dtype(list(zip(header.vertex.kinds, header.dtypes)))


def _records_between(body: bytes, header: _Header, path: str | os.PathLike[str]) -> Any:
    """(N,) records of the vertices, where elements with lists stand before or after them: those have to be walked through to be checked."""
    at = start = 0
    for element in header.elements:
        if element.name == "vertex":
            start = at
        at = _end_of(element, body, at, _ORDERS[header.encoding])
        if at > len(body):
            expected = f"{element.n:,} row{'s' * (element.n != 1)} of the element {element.name!r}"
            raise FormatError(
                "the file is shorter than its header says",
                expected=expected,
                got=f"{len(body):,} B after the header",
                path=path,
                offset=header.body_byte + len(body),
                field=f"element {element.name}",
                hint="nothing was read; copy or export the file again",
            )
        if at < 0:
            raise FormatError(
                "a list has a negative length", path=path, offset=header.body_byte - 1 - at, field=f"element {element.name}", hint=_HINT
            )
    if at != len(body):
        raise other_size(len(body), at, "the rows of " + ", ".join(e.name for e in header.elements)[:200], path, None, header.body_byte)
    return np.frombuffer(body, _row(header), header.vertex.n, start)


def _end_of(element: _Element, body: bytes, at: int, order: str) -> int:
    """Where the rows of an element that begin at byte `at` end; beyond the body where it is too short; -1 - place of a list of negative length."""
    if not element.has_lists:
        return at + element.n * element.stride
    parts = [(struct.Struct(order + np.dtype(count or kind).char), np.dtype(kind).itemsize, bool(count)) for kind, count in element.kinds.values()]
    row, n_even = _even_rows(element, body, at, order)
    at += row * n_even
    for _ in range(element.n - n_even):
        for reader, item, is_list in parts:
            if at + reader.size > len(body):
                return len(body) + 1
            if is_list:
                (length,) = reader.unpack_from(body, at)
                if length < 0:
                    return -1 - at
                at += length * item
            at += reader.size
    return at


def _even_rows(element: _Element, body: bytes, at: int, order: str) -> tuple[int, int]:
    """(bytes of a row, number of rows from the first on that are as long as that): most meshes have triangles only, and are checked at once."""
    fields: list[Any] = []
    size = 0
    for i, (kind, count) in enumerate(element.kinds.values()):
        fields.append((f"n{i}", order + (count or kind)))
        size += np.dtype(count or kind).itemsize
        if at + size > len(body) or element.n == 0:
            return 0, 0
        if count:
            length = int(np.frombuffer(body, order + count, 1, at + size - np.dtype(count).itemsize)[0])
            if length < 0 or at + size + length * np.dtype(kind).itemsize > min(len(body), at + (1 << 20)):
                return 0, 0
            fields.append((f"items{i}", order + kind, (length,)))
            size += length * np.dtype(kind).itemsize
    rows = np.frombuffer(body, np.dtype(fields), min(element.n, (len(body) - at) // size), at)
    is_even = np.ones(len(rows), bool)
    for i, (_, count) in enumerate(element.kinds.values()):
        if count:
            is_even &= rows[f"n{i}"] == rows[f"n{i}"][0]
    return size, len(rows) if is_even.all() else int(np.argmin(is_even))


def _lines(header: _Header, first_line: int, path: str | os.PathLike[str]) -> NumberLines:
    return NumberLines(list(header.vertex.kinds), header.dtypes, first_line, path, "element vertex", "element vertex")


def _ascii(body: bytes, header: _Header, path: str | os.PathLike[str]) -> dict[str, Any]:
    """The vertices' lines, and as many lines before and after them as the other elements have rows; blank lines count for nothing."""
    if header.line_end == b"\r":
        body = body.replace(b"\r", b"\n")
    filled = [element for element in header.elements if element.kinds]
    if len(filled) == 1:
        return _lines(header, header.body_line, path).columns(body, header.vertex.n)
    columns: dict[str, Any] = {}
    for element, (start, end, first_line) in zip(filled, _places_of_lines(body, filled, header.body_line, path)):
        if element.name == "vertex":
            columns = _lines(header, first_line, path).columns(body[start:end], element.n)
        else:
            MeshLines(element.name, element.kinds, first_line, path).check(body[start:end])
    return columns


def _places_of_lines(body: bytes, elements: list[_Element], number: int, path: str | os.PathLike[str]) -> list[tuple[int, int, int]]:
    """Of every element (first byte, end, number of the first line), where the body has exactly the lines of all of them.

    number : of the body's first line in its file
    """
    stream, places = io.BytesIO(body), []
    for element in elements:
        start, first_line, found = stream.tell(), number, 0
        while found < element.n and (line := stream.readline()):
            number += 1
            found += not line.isspace()
        if found < element.n:
            raise FormatError(
                "the file is shorter than its header says",
                expected=number_of(element.n, "line"),
                got=f"{found:,}",
                path=path,
                offset=f"line {number - 1}",
                field=f"element {element.name}",
                hint=_HINT,
            )
        places.append((start, stream.tell(), first_line))
    surplus = next((at for at, line in enumerate(stream, number) if not line.isspace()), None)
    if surplus is not None:
        expected = " + ".join(f"{element.n:,} {element.name}" for element in elements)[:300]
        raise FormatError(
            "the file is longer than its header says", expected=f"{expected} lines", got="more", path=path, offset=f"line {surplus}", hint=_HINT
        )
    return places


def _whole_numbers(values: Any, kind: str, name: str, path: str | os.PathLike[str]) -> Any:
    """Doubles as the whole numbers that they stand for."""
    values = np.asarray(values, np.float64)
    low = -(2**53) if kind == "int64" else 0
    fits = (values >= low) & (values <= 2**53) & (values == np.rint(values))
    if not fits.all():
        got = f"{values[np.argmin(fits)]} at point {np.argmin(fits)}"
        raise FormatError(expected=f"whole numbers from {low} to 2^53", got=got, path=path, field=name, hint=_HINT)
    return values.astype(kind)


def ply_bytes(sweep: Sweep, encoding: str = "binary") -> bytes:
    """A PLY file. Coordinates keep their float32 or float64; intensity, time_offset_ns and further fields follow. ArgumentError where a whole
    number of 64 bits is beyond 2^53, which a double cannot hold.

    encoding : "binary" (little endian) or "ascii"
    """
    if encoding not in ("ascii", "binary"):
        raise ArgumentError(expected="'ascii' or 'binary' for a .ply file", got=repr(encoding), field="encoding")
    columns, wide = {}, []
    for name, values in columns_of_sweep(sweep).items():
        if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
            if len(values) and (values.max() > 2**53 or values.min() < -(2**53)):
                got = f"{values.max() if values.max() > 2**53 else values.min()}"
                raise ArgumentError(
                    expected="whole numbers up to 2^53 in a .ply file", got=got, field=name, hint="write a .pcd file, which keeps all 64 bits"
                )
            wide.append(f"{name}={'int64' if values.dtype.kind == 'i' else 'uint64'}")
            values = values.astype(np.float64)
        columns[name] = values.astype(values.dtype.newbyteorder("<"))
    words = {kind: word for word, kind in _TYPES.items()}
    rows = [f"property {words[values.dtype.str[1:]]} {name}" for name, values in columns.items()]
    head = ["ply", f"format {'ascii' if encoding == 'ascii' else 'binary_little_endian'} 1.0", _OURS, *([_WIDE + " ".join(wide)] if wide else [])]
    text = "\n".join([*head, f"element vertex {len(sweep)}", *rows, "end_header\n"]).encode()
    return text + (lines_of_columns(columns) if encoding == "ascii" else record_bytes(columns))
