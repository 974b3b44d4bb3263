"""KITTI's conventions, used by its object and tracking formats: calibration files, and cuboids as rows `h w l x y z ry`.

A row gives the *bottom* centre in the rectified frame of camera 0, and ry about that camera's y axis: the length runs along (cos ry, 0, -sin ry).
The cuboid stands upright in the velodyne's frame, where it was drawn, not in the camera's.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cameras import PinholeCamera
from ..cuboids import Cuboids
from ..errors import BoxwrightError, CalibrationError, FormatError
from ..frames import Pose
from ..limits import FARTHEST_M, checked_size, has_file, limits
from ..rotations import wrap_rad

__all__ = [
    "BOX",
    "CALIBRATION_LENGTHS",
    "COLUMNS",
    "SIZE_ROW",
    "Calibration",
    "alpha_rad",
    "check_row",
    "columns_of_row",
    "cuboids_from_hwl_bottom",
    "finite_numbers",
    "hwl_bottom_from_cuboids",
    "is_whole",
    "read_calibration",
    "text_lines",
    "whole_number",
]

_ALIASES = {"R_rect": "R0_rect", "Tr_velo_cam": "Tr_velo_to_cam", "Tr_imu_velo": "Tr_imu_to_velo"}
SIZE_ROW = "S_rect_{:02d}"
_SIZES = {SIZE_ROW.format(i): f"P{i}" for i in range(4)}
CALIBRATION_LENGTHS = {"P0": 12, "P1": 12, "P2": 12, "P3": 12, "R0_rect": 9, "Tr_velo_to_cam": 12, "Tr_imu_to_velo": 12}
_HINT = "get the calibration file that belongs to this recording"
COLUMNS = ("truncated", "occluded", "alpha", "left", "top", "right", "bottom", "h", "w", "l", "x", "y", "z", "ry", "score")
BOX = "box_xyxy_px"  # the column of the box in the picture
_LINE_HINT = "correct the line or export the file again"


@dataclass(frozen=True)
class Calibration:
    """A calibration file.

    rows : name -> its numbers, by the names of the object release
    rect_from_velo : rectified camera 0 from velodyne
    velo_from_imu : velodyne from GPS/IMU, or None
    places : name -> (its name in the file, "line 3"), for messages
    sizes_px : "P0".."P3" -> (width, height) of its pictures, where the file says it: a row like KITTI raw's, `S_rect_02: 480 300`, which no
        release of object or tracking has and other tools pass over
    """

    rows: Mapping[str, list[float]]
    rect_from_velo: Pose
    velo_from_imu: Pose | None
    path: str
    places: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sizes_px: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def pinhole(self, name: str) -> tuple[Float64s, Pose] | None:
        """K and cam_from_rect of "P0".."P3", or None where the file has none: P = K [I | K^-1 p4], so its fourth column is a shift of the camera."""
        if name not in self.rows:
            return None
        key, line = self.places.get(name, (name, None))
        projection = np.array(self.rows[name]).reshape(3, 4)
        matrix = projection[:, :3]
        if matrix[0, 0] <= 0 or matrix[1, 1] <= 0 or abs(np.linalg.det(matrix)) < 1e-12:
            raise CalibrationError(
                "singular intrinsics",
                expected="positive focal lengths",
                got=str(matrix.tolist()),
                path=self.path,
                offset=line,
                field=key,
                hint=_HINT,
            )
        if matrix[0, 1] or matrix[1, 0] or (matrix[2] != (0, 0, 1)).any():
            expected = "a pinhole matrix fx 0 cx, 0 fy cy, 0 0 1 in front"
            raise CalibrationError(expected=expected, got=str(matrix.tolist()), path=self.path, offset=line, field=key, hint=_HINT)
        return matrix, Pose(np.eye(3), np.linalg.solve(matrix, projection[:, 3]))

    def camera(self, name: str, size_px: tuple[int, int]) -> PinholeCamera:
        pinhole = self.pinhole(name)
        if pinhole is None:
            raise CalibrationError("a camera is missing", expected=name, path=self.path, hint=_HINT)
        return PinholeCamera.from_matrix(pinhole[0], *size_px)


def read_calibration(path: Path) -> Calibration:
    """Both releases: `R0_rect:` and `R_rect`, `Tr_velo_to_cam:` and `Tr_velo_cam`, with a colon or without.

    A row of zeros of a camera or of the GPS/IMU stands for one that is not there.
    """
    rows: dict[str, list[float]] = {}
    places: dict[str, tuple[str, str]] = {}
    if not has_file(path):
        raise CalibrationError("no calibration", path=path, hint=_HINT)
    for number, line in text_lines(path):
        words = line.split()
        key = words[0].rstrip(":")
        name = _ALIASES.get(key, key)
        length = 2 if name in _SIZES else CALIBRATION_LENGTHS.get(name)
        if length is None:
            continue
        if name in rows:
            got = f"{key} again, after {places[name][0]} in {places[name][1]}"
            raise CalibrationError("a row comes twice", got=got, path=path, offset=f"line {number}", hint=_HINT)
        if len(words) - 1 != length:
            expected = f"{length} numbers"
            raise CalibrationError(expected=expected, got=str(len(words) - 1), path=path, offset=f"line {number}", field=key, hint=_HINT)
        rows[name] = finite_numbers(words[1:], path, number, [f"{key}[{i}]" for i in range(length)])
        places[name] = (key, f"line {number}")
    sizes_px = {_SIZES[name]: _size_px(rows.pop(name), path, *places.pop(name)) for name in _SIZES if name in rows}
    needed = ("R0_rect", "Tr_velo_to_cam")
    rows = {name: row for name, row in rows.items() if any(row) or name in needed}
    for name in needed:
        if name not in rows:
            expected = " or ".join([name, *(alias for alias, of in _ALIASES.items() if of == name)])
            raise CalibrationError(
                "a row is missing", expected=expected, got=", ".join(key for key, _ in places.values()) or "none", path=path, hint=_HINT
            )

    def pose(name: str) -> Pose:
        key, line = places[name]
        numbers = np.array(rows[name])
        try:
            return Pose(numbers.reshape(3, 3), field=key) if len(numbers) == 9 else Pose.from_matrix(numbers.reshape(3, 4), field=key)
        except BoxwrightError as error:
            raise CalibrationError(
                error.what, expected=error.expected, got=error.got, path=path, offset=line, field=error.field, hint=_HINT
            ) from None

    rect_from_velo = pose("R0_rect") @ pose("Tr_velo_to_cam")
    return Calibration(rows, rect_from_velo, pose("Tr_imu_to_velo") if "Tr_imu_to_velo" in rows else None, os.fspath(path), places, sizes_px)


def _size_px(numbers: Sequence[float], path: Path, key: str, line: str) -> tuple[int, int]:
    width, height = map(int, numbers)
    if [width, height] != list(numbers) or min(width, height) < 1:
        expected, got = "a width and a height, whole and positive", " ".join(f"{v:g}" for v in numbers)
        raise CalibrationError(expected=expected, got=got, path=path, offset=line, field=key, hint=_HINT)
    limits().check("image_px", width * height, path, f"{line}, {key}")
    return width, height


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of every line that is not blank, one after the other: a list of a million short ones is large."""
    bounds = limits()
    bounds.check("text_bytes", checked_size(path), path)
    raw = path.read_bytes()
    if not raw.isascii():
        at = next(i for i, byte in enumerate(raw) if byte > 127)
        raise FormatError("not plain text", path=path, offset=at, hint="copy or export the file again")
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for number, row in enumerate(io.BytesIO(raw), 1):
        if len(row) > bounds.text_characters:
            bounds.check("text_characters", len(row.rstrip(b"\n")), path, f"line {number}")
        if not row.isspace():
            yield number, row.decode("ascii").rstrip("\n")


def finite_numbers(words: Sequence[str], path: Path, line: int, columns: Sequence[str]) -> list[float]:
    """Floats under FARTHEST_M; FormatError names the column of the first word that is none."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if values and min(values) > -FARTHEST_M and max(values) < FARTHEST_M and not math.isnan(sum(values)):
        return values
    for word, column in zip(words, columns):
        expected = _what_is_missing(word)
        if expected:
            raise FormatError(expected=expected, got=repr(word[:40]), path=path, offset=f"line {line}", field=column, hint=_LINE_HINT)
    return values


def whole_number(word: str, path: Path, line: int, column: str) -> int:
    """A whole number of up to nine digits, 0 or more."""
    if not re.fullmatch(r"[0-9]{1,9}", word):
        expected = f"a {column} of 0 or more" if re.fullmatch(r"-[0-9]+", word) else "a whole number of up to nine digits"
        raise FormatError(expected=expected, got=repr(word[:40]), path=path, offset=f"line {line}", field=column, hint=_LINE_HINT)
    return int(word)


def _what_is_missing(word: str) -> str:
    """What should stand in place of a word that is no number of use; nothing where it is one."""
    try:
        value = float(word)
    except ValueError:
        return "a finite number"
    return "" if abs(value) < FARTHEST_M else f"a number under {FARTHEST_M:g}" if math.isfinite(value) else "a finite number"


def check_row(values: Sequence[float], most_truncated: int, path: str | os.PathLike[str], line: int) -> None:
    """FormatError where a row's numbers, those of COLUMNS, cannot be.

    most_truncated : 1 where `truncated` is object's fraction, 2 where it is tracking's class
    """
    truncated, occluded, _, left, top, right, bottom = values[:7]
    if truncated != -1 and not 0 <= truncated <= most_truncated:
        wrong = "truncated", f"a number from 0 to {most_truncated}, or -1", f"{truncated:g}"
    elif occluded not in (-1, 0, 1, 2, 3):
        wrong = "occluded", "0, 1, 2, 3, or -1", f"{occluded:g}"
    elif left > right or top > bottom:
        wrong = "left top right bottom", "a box whose left is not right of its right, and whose top is not below its bottom", _plainly(values[3:7])
    else:
        return
    field, expected, got = wrong
    raise FormatError(expected=expected, got=got, path=path, offset=f"line {line}", field=field, hint=_LINE_HINT)


def _plainly(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)


def columns_of_row(values: Sequence[float]) -> dict[str, Any]:
    """COLUMNS of a row, with a score or without, by names with units."""
    columns: dict[str, Any] = {
        "truncated": int(values[0]) if values[0] == int(values[0]) else values[0],
        "occluded": int(values[1]) if values[1] == int(values[1]) else values[1],
        "alpha_rad": values[2],
        BOX: list(values[3:7]),
        "dimensions_hwl_m": list(values[7:10]),
        "location_rect_m": list(values[10:13]),
        "rotation_y_rad": values[13],
    }
    if len(values) == 15:
        columns["score"] = values[14]
    return columns


def cuboids_from_hwl_bottom(rows: Float64s, rect_from_velo: Pose) -> Cuboids:
    """(M,) cuboids in the frame "lidar" from (M, 7) rows h w l x y z ry; sizes must be positive."""
    height, width, length = rows[:, 0], rows[:, 1], rows[:, 2]
    velo_from_rect = rect_from_velo.inverse()
    middle = rows[:, 3:6] - np.stack([np.zeros(len(rows)), height / 2, np.zeros(len(rows))], 1)  # y points down, so up is minus
    ry = rows[:, 6]
    ahead = velo_from_rect.rotate(np.stack([np.cos(ry), np.zeros(len(rows)), -np.sin(ry)], 1))
    return Cuboids(velo_from_rect.apply(middle), np.stack([length, width, height], 1), np.arctan2(ahead[:, 1], ahead[:, 0]), frame="lidar")


def hwl_bottom_from_cuboids(cuboids: Cuboids, rect_from_velo: Pose) -> Float64s:
    """(M, 7) rows h w l x y z ry of cuboids in the LiDAR's frame; of a tilted one, the heading. The inverse of `cuboids_from_hwl_bottom`."""
    length, width, height = cuboids.size_m.T
    bottom = rect_from_velo.apply(cuboids.center_m) + np.stack([np.zeros(len(cuboids)), height / 2, np.zeros(len(cuboids))], 1)
    # heading in the velodyne's x, y is A (cos ry, -sin ry), with A the x and z columns of velo_from_rect
    velo_from_rect = rect_from_velo.inverse().rotation
    heading = np.stack([np.cos(cuboids.yaw_rad), np.sin(cuboids.yaw_rad)])
    cos_ry, minus_sin_ry = np.linalg.solve(velo_from_rect[:2, [0, 2]], heading)
    return np.column_stack([height, width, length, bottom, wrap_rad(np.arctan2(-minus_sin_ry, cos_ry))])


def alpha_rad(rows: Float64s) -> Float64s:
    """(M,) observation angles: ry less the direction in which the object is seen."""
    result: Float64s = np.atleast_1d(wrap_rad(rows[:, 6] - np.arctan2(rows[:, 3], rows[:, 5])))
    return result


def is_whole(value: Any, of: Sequence[int]) -> bool:
    """Whether a value is one of some whole numbers, and no flag."""
    return isinstance(value, int) and not isinstance(value, bool) and value in of
