"""LAS and LAZ point clouds, LAS 1.0 to 1.4, point formats 0 to 10. Only the decompression of LAZ is left to another library (extra `io`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..limits import checked_size
from ..points import Sweep
from .columns import records_from
from .las_header import LasHeader, checked_las_header
from .laz import check_packed, unpacked

__all__ = ["check_las", "read_las"]

FAR_M = 10_000.0
ORIGIN_STEP_M = 1000.0
# field of the record -> (name, its lowest bit, number of bits)
_BITS = {
    "returns": (("return_number", 0, 3), ("number_of_returns", 3, 3), ("scan_direction_flag", 6, 1), ("edge_of_flight_line", 7, 1)),
    "classes": (("classification", 0, 5), ("synthetic", 5, 1), ("key_point", 6, 1), ("withheld", 7, 1)),
}
_NEW_BITS = {
    "returns": (("return_number", 0, 4), ("number_of_returns", 4, 4)),
    "flags": (
        ("synthetic", 0, 1),
        ("key_point", 1, 1),
        ("withheld", 2, 1),
        ("overlap", 3, 1),
        ("scanner_channel", 4, 2),
        ("scan_direction_flag", 6, 1),
        ("edge_of_flight_line", 7, 1),
    ),
}


def read_las(path: str | os.PathLike[str], *, frame: str = "lidar") -> Sweep:
    """The points of a LAS or LAZ file: xyz float64, intensity, and everything else of a point's record in `fields` under the standard's names, its
    packed bits apart (return_number, classification, ...), extra bytes as extra_NAME. gps_time stays as the file has it.

    Where a coordinate lies 10 km or more from zero, as in a map grid, `origin_m` takes a multiple of 1 km near the middle, and `xyz` is what is left.
    FormatError where the header does not fit the file, LimitError where it asks for too much, ExtraMissing for LAZ without the extra `io`.
    """
    size = checked_size(path)
    with Path(path).open("rb") as file:
        header = checked_las_header(file, size, path)
        if header.laszip is None:
            file.seek(header.points_byte)
            records = records_from(file, header.row, header.n_points, path)
        else:
            records = unpacked(file, size, header, header.laszip, path)
    xyz, origin_m = _places(records, header)
    return Sweep(xyz, frame=frame, intensity=_whole(records["intensity"]), fields=_fields(records, header), origin_m=origin_m)


def check_las(path: str | os.PathLike[str]) -> None:
    """FormatError or LimitError where the header is wrong or does not fit the size of the file; the points are not read."""
    size = checked_size(path)
    with Path(path).open("rb") as file:
        header = checked_las_header(file, size, path)
        if header.laszip is not None:
            check_packed(file, size, header, header.laszip, path)


def _places(records: Any, header: LasHeader) -> tuple[Float64s, tuple[float, float, float]]:
    """(N, 3), each axis in one piece, and the origin to add to them."""
    xyz = np.empty((3, len(records))).T
    origin = [0.0, 0.0, 0.0]
    for i, (axis, scale, offset) in enumerate(zip("XYZ", header.scale_m, header.offset_m)):
        whole = np.ascontiguousarray(records[axis])
        low, high = (float(v) * scale + offset for v in (whole.min(initial=2**31 - 1), whole.max(initial=-(2**31)))) if len(records) else (0.0, 0.0)
        if max(-low, high) >= FAR_M:
            origin[i] = round((low + high) / 2 / ORIGIN_STEP_M) * ORIGIN_STEP_M
        np.multiply(whole, scale, out=xyz[:, i])
        if offset != origin[i]:
            xyz[:, i] += offset - origin[i]
    return xyz, (origin[0], origin[1], origin[2])


def _whole(values: Any) -> Any:
    return values if values.flags.aligned and values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _fields(records: Any, header: LasHeader) -> dict[str, Any]:
    bits = _NEW_BITS if "flags" in records.dtype.names else _BITS
    fields = {}
    for name in records.dtype.names:
        if name in bits:
            packed = np.ascontiguousarray(records[name])
            fields.update({word: packed >> low & (1 << n) - 1 for word, low, n in bits[name]})
        elif name in header.scaled:
            scale, offset = header.scaled[name]
            with np.errstate(over="ignore", invalid="ignore"):
                fields[name] = records[name] * scale + offset
        elif name not in ("X", "Y", "Z", "intensity"):
            fields[name] = _whole(records[name])
    return fields
