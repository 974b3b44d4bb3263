"""The tables of MP4 and its kin, looked at before a library believes them: a few bytes can promise billions of frames,
for each of which it would make an entry (ISO/IEC 14496-12: stsz, stz2, trun)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import FormatError, number_of

__all__ = ["check_boxes"]

_PLAIN = (b"mdat", b"free", b"skip", b"wide")  # no tables in them
_TABLES = re.compile(rb"stsz|stz2|trun|cmov")
_HINT = "make the file again from its source"
_MOST_BYTES = 256 << 20  # of a header; that of 200,000 frames takes some five million


def check_boxes(path: Path) -> None:
    """FormatError where a table of samples promises more than the file has bytes for, or the header is compressed."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if not re.fullmatch(rb"[a-z]{4}", file.read(8)[4:], re.IGNORECASE):
            return  # another kind of file
        for raw in _headers(file, size):
            for found in _TABLES.finditer(raw):
                _check_table(found[0], raw[found.end() : found.end() + 12], len(raw) - found.end(), size, path)


def _headers(file: BinaryIO, size: int) -> Iterator[bytes]:
    """What lies in the boxes at the top, data left out; all the rest where a length leads nowhere."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, name = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        is_plain = name in _PLAIN and (length == 0 or 8 <= length <= size - at)
        if length < 8 or length > size - at:
            length = size - at
        if not is_plain:
            file.seek(at)
            yield file.read(min(length, _MOST_BYTES))
        at += length


def _check_table(name: bytes, numbers: bytes, n_left: int, size: int, path: Path) -> None:
    if name == b"cmov":
        raise FormatError("a compressed header, which is not read", path=path, hint="put it into another container: ffmpeg -i FILE -c copy out.mp4")
    if len(numbers) < 8:
        return
    flags, first, second = struct.unpack(">III", numbers.ljust(12, b"\0"))
    if name == b"stsz":  # one size for all, or one of four bytes for each
        n, taken = second, second * first if first else second * 4
        room = size if first else n_left
    elif name == b"stz2":
        n, taken, room = second, second * max(first & 0xFF, 4) // 8, n_left
    else:  # which numbers each sample has stands in the flags
        n, taken = first, first * max(4 * (flags >> 8 & 0xF).bit_count(), 1)
        room = n_left if flags >> 8 & 0xF else size
    if taken > room:
        what = f"{name.decode()}: a table that the file cannot hold"
        raise FormatError(what, expected=f"at most {room:,} B of them", got=f"{number_of(n, 'sample')}, {taken:,} B", path=path, hint=_HINT)
