"""The header of a LAS or LAZ file (LAS 1.0 to 1.4), compared with the size of the file before anything is allocated."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FormatError, number_of
from ..limits import FARTHEST_M, limits
from .columns import other_size, without_blanks

__all__ = ["LasHeader", "checked_las_header"]

_HINT = "copy or export the file again"
_HEADER_BYTES = {0: 227, 1: 227, 2: 227, 3: 235, 4: 375}
_VLR_BYTES, _LONG_VLR_BYTES = 54, 60
_COARSEST_M = 1000.0  # of the coordinates' steps
_COLOR = [("red", "<u2"), ("green", "<u2"), ("blue", "<u2")]
_WAVE = [
    ("wavepacket_index", "u1"),
    ("wavepacket_offset", "<u8"),
    ("wavepacket_size", "<u4"),
    ("return_point_wave_location", "<f4"),
    ("x_t", "<f4"),
    ("y_t", "<f4"),
    ("z_t", "<f4"),
]
_OLD = [("X", "<i4"), ("Y", "<i4"), ("Z", "<i4"), ("intensity", "<u2"), ("returns", "u1"), ("classes", "u1")]
_OLD += [("scan_angle_rank", "i1"), ("user_data", "u1"), ("point_source_id", "<u2")]
_NEW = [*_OLD[:4], ("returns", "u1"), ("flags", "u1"), ("classification", "u1"), ("user_data", "u1"), ("scan_angle", "<i2")]
_NEW += [("point_source_id", "<u2"), ("gps_time", "<f8")]
_TIME, _NIR = [("gps_time", "<f8")], [("nir", "<u2")]
_FORMATS = [_OLD, _OLD + _TIME, _OLD + _COLOR, _OLD + _TIME + _COLOR, _OLD + _TIME + _WAVE, _OLD + _TIME + _COLOR + _WAVE]
_FORMATS += [_NEW, _NEW + _COLOR, _NEW + _COLOR + _NIR, _NEW + _WAVE, _NEW + _COLOR + _NIR + _WAVE]
_EXTRA_KINDS = {i + 1: kind for i, kind in enumerate(("u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"))}


@dataclass(frozen=True)
class LasHeader:
    """What the points need of the header.

    row : of one point's record, named after the standard; further bytes after the names of the file, as `extra_NAME`
    scaled : extra name -> (scale, offset) where the file gives one
    laszip : the record that tells how points are compressed, None in a LAS file
    """

    row: np.dtype[Any]
    scaled: dict[str, tuple[float, float]]
    n_points: int
    points_byte: int
    scale_m: tuple[float, float, float]
    offset_m: tuple[float, float, float]
    laszip: bytes | None


def checked_las_header(file: Any, size: int, path: str | os.PathLike[str]) -> LasHeader:
    """The header, where the file is as long as it promises; of a LAZ file the points may still be broken. FormatError and LimitError otherwise."""

    def wrong(offset: int, field: str, expected: str, got: str) -> FormatError:
        return FormatError(expected=expected, got=got, path=path, offset=offset, field=field, hint=_HINT)

    head = file.read(375)
    if head[:4] != b"LASF":
        raise FormatError(
            "not a LAS file", expected="the letters LASF", got=repr(head[:4]) if head else "an empty file", path=path, offset=0, hint=_HINT
        )
    if len(head) < 227:
        raise FormatError("the header is cut off", expected="at least 227 B", got=f"{len(head)} B", path=path, offset=len(head), hint=_HINT)
    major, minor = head[24:26]
    if major != 1 or minor not in _HEADER_BYTES:
        raise wrong(24, "version", "LAS 1.0 to 1.4", f"{major}.{minor}")
    header_bytes, points_byte, n_vlrs, kind, row_bytes, n_old = struct.unpack_from("<HIIBHI", head, 94)
    least, most = _HEADER_BYTES[minor], min(points_byte, size)
    if not least <= header_bytes <= most or len(head) < least:
        raise wrong(94, "header size", f"{least} B or more, and at most the {most:,} B before the points", f"{header_bytes} B")
    if points_byte > size:
        raise wrong(96, "offset to point data", f"a place within the file's {size:,} B", f"{points_byte:,}")
    most = (points_byte - header_bytes) // _VLR_BYTES
    if n_vlrs > most:
        raise wrong(100, "number of VLRs", f"at most {most:,} before the points at byte {points_byte:,}", f"{n_vlrs:,}")
    is_packed, kind = bool(kind & 0x80), kind & 0x7F
    if kind >= len(_FORMATS):
        raise wrong(104, "point format", "0 to 10", f"{kind}")
    standard = np.dtype(_FORMATS[kind])
    if row_bytes < standard.itemsize:
        raise wrong(105, "point record length", f"at least {standard.itemsize} B for point format {kind}", f"{row_bytes} B")
    limits().check("point_bytes", row_bytes, path, "point record length")
    n_points = n_old if minor < 4 else _wide_count(head, n_old, path)
    limits().check("points_per_frame", n_points, path, "number of points")
    scale, offset = struct.unpack_from("<3d", head, 131), struct.unpack_from("<3d", head, 155)
    for i, axis in enumerate("xyz"):
        if not 0 < scale[i] <= _COARSEST_M:
            raise wrong(131 + 8 * i, f"{axis} scale factor", f"a finite number above 0, at most {_COARSEST_M:g}", f"{scale[i]}")
        if not abs(offset[i]) < FARTHEST_M:
            raise wrong(155 + 8 * i, f"{axis} offset", f"a finite number under {FARTHEST_M:g}", f"{offset[i]}")
    file.seek(header_bytes)
    vlrs = _vlrs(file.read(points_byte - header_bytes), n_vlrs, header_bytes, path)
    laszip = next((raw for user, record, raw in vlrs if (user, record) == ("laszip encoded", 22204)), None)
    if is_packed and laszip is None:
        raise wrong(104, "point format", "a VLR 'laszip encoded', as the points are compressed", "none")
    if not is_packed:
        _check_tail(file, head, minor, size, points_byte, n_points, row_bytes, path)
    row, scaled = _row(kind, row_bytes, vlrs, path)
    return LasHeader(row, scaled, n_points, points_byte, scale, offset, laszip if is_packed else None)


def _wide_count(head: bytes, n_old: int, path: str | os.PathLike[str]) -> int:
    """The number of points of LAS 1.4, which counts them twice where the older field is wide enough."""
    n: int = struct.unpack_from("<Q", head, 247)[0]
    if n_old not in (0, n):
        raise FormatError(
            "the header counts the points twice and differently",
            expected=f"{n:,} or 0",
            got=f"{n_old:,}",
            path=path,
            offset=107,
            field="legacy number of points",
            hint=_HINT,
        )
    return n


def _vlrs(raw: bytes, n: int, begin: int, path: str | os.PathLike[str]) -> list[tuple[str, int, bytes]]:
    """(user, record id, content) of the records between header and points."""
    found, at = [], 0
    for i in range(n):
        length = struct.unpack_from("<H", raw, at + 20)[0] if at + _VLR_BYTES <= len(raw) else 0
        end = at + _VLR_BYTES + length
        if end > len(raw):
            raise FormatError(
                f"VLR {i + 1} of {n} reaches into the points",
                expected=f"at most {max(len(raw) - at, 0):,} B",
                got=f"{_VLR_BYTES + length:,} B",
                path=path,
                offset=begin + at,
                field="VLR",
                hint=_HINT,
            )
        user = raw[at + 2 : at + 18].split(b"\0")[0].decode("latin-1")
        found.append((user, struct.unpack_from("<H", raw, at + 18)[0], raw[at + _VLR_BYTES : end]))
        at = end
    return found


def _check_tail(file: Any, head: bytes, minor: int, size: int, points_byte: int, n: int, row_bytes: int, path: str | os.PathLike[str]) -> None:
    """FormatError unless the points are as many as promised, and nothing but the announced records (1.3: waveforms, 1.4: EVLRs) follows them."""
    promised, room = n * row_bytes, size - points_byte
    end = points_byte + promised
    first = struct.unpack_from("<Q", head, 235 if minor == 4 else 227)[0] if minor >= 3 else 0
    n_long = struct.unpack_from("<I", head, 243)[0] if minor == 4 else int(first > 0 and minor == 3)
    if promised > room or (promised < room and not n_long):
        raise other_size(room, promised, f"{number_of(n, 'point')} x {row_bytes} B", path, "number of points", points_byte)
    if n_long and first != end:
        expected = f"byte {end:,}, where {number_of(n, 'point')} x {row_bytes} B end"
        raise FormatError(expected=expected, got=f"byte {first:,}", path=path, field="start of the records after the points", hint=_HINT)
    for i in range(n_long):
        file.seek(end)
        raw = file.read(_LONG_VLR_BYTES)
        length = struct.unpack_from("<Q", raw, 20)[0] if len(raw) == _LONG_VLR_BYTES else 0
        if end + _LONG_VLR_BYTES + length > size:
            raise FormatError(
                f"EVLR {i + 1} of {n_long:,} reaches beyond the file",
                expected=f"at most {size - end:,} B",
                got=f"{_LONG_VLR_BYTES + length:,} B",
                path=path,
                offset=end,
                field="EVLR",
                hint=_HINT,
            )
        end += _LONG_VLR_BYTES + length
    if n_long and end != size:
        raise FormatError(
            "the file is longer than its header says", expected=f"{end:,} B", got=f"{size:,} B", path=path, offset=end, field="EVLR", hint=_HINT
        )


def _row(kind: int, row_bytes: int, vlrs: list[tuple[str, int, bytes]], path: str | os.PathLike[str]) -> tuple[np.dtype[Any], dict[str, Any]]:
    """The record of a point, with the bytes that the file adds to the standard, and what they are scaled with."""
    fields, scaled = list(_FORMATS[kind]), {}
    left = row_bytes - np.dtype(fields).itemsize
    told = next((raw for user, record, raw in vlrs if (user, record) == ("LASF_Spec", 4)), b"")
    for at in range(0, len(told) - 191, 192):
        code, options = told[at + 2 : at + 4]
        name = without_blanks("extra_" + told[at + 4 : at + 36].split(b"\0")[0].decode("utf-8", "replace").strip())
        dtype = _EXTRA_KINDS.get(code)
        width = np.dtype(dtype).itemsize if dtype else options if code == 0 else 0
        if not 0 < width <= left or any(name == other for other, _ in fields):
            raise FormatError(
                "the extra bytes are not as the file tells",
                expected=f"numbers with names that differ, in {row_bytes} B a point",
                got=f"{name.removeprefix('extra_')!r}, data type {code}",
                path=path,
                field="extra bytes",
                hint=_HINT,
            )
        fields += [(name, dtype)] if dtype else [(f"{name}_{i}", "u1") for i in range(width)]
        left -= width
        if dtype and options & 0x18:
            factor, shift = (struct.unpack_from("<d", told, at + place)[0] for place in (112, 136))
            factor, shift = factor if options & 0x08 else 1.0, shift if options & 0x10 else 0.0
            if not np.isfinite([factor, shift]).all():
                raise FormatError(
                    expected="a finite scale and offset",
                    got=f"{factor} and {shift}",
                    path=path,
                    field=f"extra bytes {name.removeprefix('extra_')!r}"[:100],
                    hint=_HINT,
                )
            scaled[name] = factor, shift
    fields += [(f"extra_byte_{i}", "u1") for i in range(left)]
    if len({name for name, _ in fields}) != len(fields):
        raise FormatError("two extra fields have one name", expected="names that differ", path=path, field="extra bytes", hint=_HINT)
    return np.dtype(fields), scaled
