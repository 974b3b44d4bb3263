"""The compressed points of a LAZ file. The table of its chunks and the sizes within them are checked before the decompressor sees them: it believes
what it is told, asks for that much memory, and panics where that was wrong."""

from __future__ import annotations

import io
import os
import struct
from typing import Any

import numpy as np

from ..errors import ExtraMissing, FormatError, number_of
from ..limits import limits
from .las_header import LasHeader

__all__ = ["check_packed", "unpacked"]

_HINT = "copy or export the file again"
_ANY_SIZE = 0xFFFFFFFF
# LASzip's item -> (bytes, layers of a chunk it is packed in where chunks have layers)
_ITEMS = {6: (20, 0), 7: (8, 0), 8: (6, 0), 9: (29, 0), 10: (30, 9), 11: (6, 1), 12: (8, 2), 13: (29, 1)}


def check_packed(file: Any, size: int, header: LasHeader, laszip: bytes, path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """(number of chunks, byte of their table, layers of a chunk or 0), where they can be true; FormatError and LimitError otherwise."""

    def wrong(field: str, expected: str, got: str, offset: int | None = None) -> FormatError:
        return FormatError("the compressed points are broken", expected=expected, got=got, path=path, offset=offset, field=field, hint=_HINT)

    if len(laszip) < 34 or len(laszip) < 34 + 6 * struct.unpack_from("<H", laszip, 32)[0]:
        raise wrong("VLR 'laszip encoded'", "34 B and 6 B an item", f"{len(laszip)} B")
    compressor, chunk_points, n_items = (struct.unpack_from(kind, laszip, at)[0] for kind, at in (("<H", 0), ("<I", 12), ("<H", 32)))
    items = [struct.unpack_from("<3H", laszip, 34 + 6 * i) for i in range(n_items)]
    if compressor not in (2, 3):
        raise wrong("VLR 'laszip encoded'", "compressor 2 or 3", str(compressor))
    row_bytes = sum(width for _, width, _ in items)
    if row_bytes != header.row.itemsize or any(width != _ITEMS.get(kind, (width,))[0] for kind, width, _ in items):
        raise wrong("VLR 'laszip encoded'", f"items of {header.row.itemsize} B together, as the point records have", f"{row_bytes} B")
    kinds = [kind for kind, *_ in items]
    known = (10, 11, 12, 13, 14) if compressor == 3 else (6, 7, 8, 9, 0)
    if kinds[0] != known[0] or len(set(kinds)) != n_items or not set(kinds) <= set(known):
        raise wrong("VLR 'laszip encoded'", f"items from {known}, each once and {known[0]} first", f"{kinds}")
    limits().check_decompressed(header.n_points * row_bytes, size - header.points_byte, path)
    n = header.n_points
    file.seek(header.points_byte)
    raw = file.read(8)
    table = struct.unpack("<q", raw)[0] if len(raw) == 8 else -2
    if table == -1:
        file.seek(-8, os.SEEK_END)
        table = struct.unpack("<q", file.read(8))[0]
    if not header.points_byte + 8 <= table <= size - 8:
        raise wrong("chunk table", f"a place from {header.points_byte + 8:,} to {size - 8:,}", f"{table:,}", header.points_byte)
    file.seek(table)
    version, n_chunks = struct.unpack("<2I", file.read(8))
    if chunk_points == 0 or version != 0:
        raise wrong("chunk table", "version 0, and chunks of at least 1 point", f"version {version}, {chunk_points} points", table)
    fewest = -(-n // chunk_points)
    most = min(n, (table - header.points_byte - 8) // row_bytes) if chunk_points == _ANY_SIZE else fewest
    if not fewest <= n_chunks <= most:
        raise wrong("number of chunks", f"{fewest:,}" if most == fewest else f"{fewest:,} to {most:,}", f"{n_chunks:,}", table + 4)
    layers = sum(width if kind == 14 else _ITEMS[kind][1] for kind, width, _ in items) if compressor == 3 else 0
    return n_chunks, table, layers


def unpacked(file: Any, size: int, header: LasHeader, laszip: bytes, path: str | os.PathLike[str]) -> Any:
    """(N,) records. ExtraMissing without the extra `io`."""
    n_chunks, table, layers = check_packed(file, size, header, laszip, path)
    try:
        import lazrs
    except ImportError:
        raise ExtraMissing(
            "compressed LAS files need lazrs", path=path, hint="install the extra: pip install 'boxwright[io]', or convert the file to .las"
        ) from None
    records = np.empty(header.n_points, header.row)
    if not n_chunks:
        return records
    file.seek(header.points_byte)
    raw = file.read(size - header.points_byte)
    body = memoryview(raw)[8 : table - header.points_byte]
    try:
        stream = io.BytesIO(raw)
        stream.seek(table - header.points_byte)
        chunks = lazrs.read_chunk_table_only(stream, lazrs.LazVlr(laszip))
        chunks = _checked_chunks(chunks, body, header, laszip, layers, path)
        lazrs.decompress_points_with_chunk_table(body, laszip, records.view(np.uint8).reshape(-1), chunks)
    except FormatError:
        raise
    except BaseException as error:
        if not isinstance(error, lazrs.LazrsError) and type(error).__name__ != "PanicException":  # Rust's panics are no Exception
            raise
        raise FormatError(
            f"the compressed points are broken: {' '.join(str(error).split())[:120]}", path=path, offset=header.points_byte, hint=_HINT
        ) from None
    return records


def _checked_chunks(
    chunks: list[tuple[int, int]], body: memoryview, header: LasHeader, laszip: bytes, layers: int, path: str | os.PathLike[str]
) -> list[tuple[int, int]]:
    """(points, bytes) of each chunk, together all points and all bytes; and in chunks with layers their sizes must fill the chunk."""
    chunk_points = struct.unpack_from("<I", laszip, 12)[0]
    n, row_bytes = header.n_points, header.row.itemsize
    if chunk_points != _ANY_SIZE:
        chunks = [(min(chunk_points, n - i * chunk_points), n_bytes) for i, (_, n_bytes) in enumerate(chunks)]
    totals = sum(points for points, _ in chunks), sum(n_bytes for _, n_bytes in chunks)
    if totals != (n, len(body)) or min(min(chunk) for chunk in chunks) <= 0:
        expected = f"chunks of {number_of(n, 'point')} and {len(body):,} B together"
        got = f"{totals[0]:,} points and {totals[1]:,} B"
        raise FormatError("the compressed points are broken", expected=expected, got=got, path=path, field="chunk table", hint=_HINT)
    at = 0
    for i, (_, n_bytes) in enumerate(chunks):
        head = row_bytes + 4 + 4 * layers if layers else row_bytes
        said = head + (sum(struct.unpack_from(f"<{layers}I", body, at + row_bytes + 4)) if layers and head <= n_bytes else 0)
        if said > n_bytes or (layers and said != n_bytes):
            raise FormatError(
                "the compressed points are broken",
                expected=f"{n_bytes:,} B in chunk {i + 1}",
                got=f"{said:,} B",
                path=path,
                offset=header.points_byte + 8 + at,
                field="chunk",
                hint=_HINT,
            )
        at += n_bytes
    return chunks
