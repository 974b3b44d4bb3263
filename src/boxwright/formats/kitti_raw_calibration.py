"""KITTI raw's calibration: three files in the folder of a date, lines `name: numbers`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BoxwrightError, CalibrationError, number_of
from ..frames import Pose
from ..limits import has_file
from .kitti_labels import Calibration, finite_numbers, text_lines

__all__ = ["RawCalibration", "read_raw_calibration"]

_HINT = "get the calibration files of this date"


@dataclass(frozen=True)
class RawCalibration:
    """What the three files say, as far as they are there.

    rectified : the rectified cameras by the names of the object release, or None
    velo_from_imu : velodyne from GPS/IMU, or None
    sizes_px : "image_00".. -> (width, height) of the rectified pictures
    source_attributes : `kitti_calib` as KITTI's other formats have it, and everything else by file
    """

    rectified: Calibration | None = None
    velo_from_imu: Pose | None = None
    sizes_px: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    source_attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _File:
    path: Path
    texts: dict[str, str]
    lines: dict[str, int]

    def numbers(self, name: str, n: int) -> list[float]:
        if name not in self.texts:
            raise CalibrationError("a row is missing", expected=f"{name}:", got=", ".join(self.texts)[:200] or "none", path=self.path, hint=_HINT)
        words = self.texts[name].split()
        if len(words) != n:
            place = f"line {self.lines[name]}"
            raise CalibrationError(expected=number_of(n, "number"), got=str(len(words)), path=self.path, offset=place, field=name, hint=_HINT)
        return finite_numbers(words, self.path, self.lines[name], [f"{name}[{i}]" for i in range(n)])

    def pose(self, rotation: str, translation: str | None = None) -> Pose:
        shift = (0.0, 0.0, 0.0) if translation is None else self.numbers(translation, 3)
        try:
            return Pose(np.array(self.numbers(rotation, 9)).reshape(3, 3), shift, field=rotation)
        except CalibrationError:
            raise
        except BoxwrightError as error:
            if error.path is not None:
                raise
            place = f"line {self.lines[rotation]}"
            raise CalibrationError(
                error.what, expected=error.expected, got=error.got, path=self.path, offset=place, field=error.field, hint=_HINT
            ) from None


def read_raw_calibration(folder: Path, notes: list[str]) -> RawCalibration:
    """A file that is not there takes away what it would say, with a note; one that is damaged is refused."""
    names = ("calib_cam_to_cam.txt", "calib_velo_to_cam.txt", "calib_imu_to_velo.txt")
    cams, velo, imu = files = [_file(folder / name) for name in names]
    missing = [name for name, file in zip(names, files) if file is None]
    if missing:
        notes.append(f"no calibration: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in the date's folder {folder.name}")
    rows: dict[str, list[float]] = {}
    velo_from_imu = None
    if imu is not None:
        velo_from_imu = imu.pose("R", "T")
        rows["Tr_imu_to_velo"] = _flat(velo_from_imu)
    rectified, sizes_px = None, {}
    if cams is not None and velo is not None:
        rect, cam_from_velo = cams.pose("R_rect_00"), velo.pose("R", "T")
        places = {}
        for i in range(4):
            name = f"P_rect_{i:02d}"
            if name in cams.texts:
                rows[f"P{i}"] = cams.numbers(name, 12)
                places[f"P{i}"] = (name, f"line {cams.lines[name]}")
                sizes_px[f"image_{i:02d}"] = _size_px(cams, f"S_rect_{i:02d}")
        rows["R0_rect"] = rect.rotation.ravel().tolist()
        rows["Tr_velo_to_cam"] = _flat(cam_from_velo)
        rectified = Calibration(rows, rect @ cam_from_velo, velo_from_imu, os.fspath(cams.path), places)
    source: dict[str, Any] = {"kitti_calib": rows} if rectified is not None else {}
    if len(missing) < len(names):
        source["kitti_raw_calib"] = {file.path.stem: file.texts for file in files if file is not None}
    return RawCalibration(rectified, velo_from_imu, sizes_px, source)


def _file(path: Path) -> _File | None:
    if not has_file(path):
        return None
    file = _File(path, {}, {})
    for number, line in text_lines(path):
        name, colon, text = line.partition(":")
        name = name.strip()
        if not colon or not name:
            raise CalibrationError(expected="lines 'name: numbers'", got=repr(line[:40]), path=path, offset=f"line {number}", hint=_HINT)
        if name in file.texts:
            raise CalibrationError("a row comes twice", got=name[:40], path=path, offset=f"line {number}", hint=_HINT)
        file.texts[name], file.lines[name] = text.strip(), number
    return file


def _flat(pose: Pose) -> list[float]:
    return pose.matrix()[:3].ravel().tolist()


def _size_px(file: _File, name: str) -> tuple[int, int]:
    width, height = file.numbers(name, 2)
    if width != int(width) or height != int(height) or min(width, height) < 1:
        got = f"{width} {height}"
        raise CalibrationError(expected="a width and a height", got=got, path=file.path, offset=f"line {file.lines[name]}", field=name, hint=_HINT)
    return int(width), int(height)
