"""KITTI object: a folder with `training/` (and `testing/`), or one of these two. Its frames are unrelated, so each is a scene of its own.

    label_2/000000.txt       type truncated occluded alpha left top right bottom h w l x y z ry [score]
    calib/000000.txt         P0..P3, R0_rect, Tr_velo_to_cam, Tr_imu_to_velo; every frame has its own
    velodyne/000000.bin, image_2/000000.png, image_3/...

The ego frame is the GPS/IMU's where calib knows it, else the velodyne's. A row of calib that is all zeros stands for a camera that is not there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CalibrationError, FormatError
from ..frames import Pose
from ..image_tracks import ImageTrack
from ..limits import has_file, limits
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track, Visibility
from .declared import Capabilities, Exactness
from .images import image_size_px
from .kitti_boxes import drawn_track
from .kitti_labels import COLUMNS, Calibration, check_row, columns_of_row, cuboids_from_hwl_bottom, finite_numbers, read_calibration, text_lines
from .kitti_poses import folder_and_name, split_folders
from .kitti_tracking import USUAL_SIZE_PX, camera_sensor
from .looking import names_of
from .sensor_files import SensorFiles

__all__ = ["CAPABILITIES", "detect", "list_scenes", "read", "scene_place"]

CAPABILITIES = Capabilities(
    title="KITTI object",
    reads="cuboids shapes attributes relations calibration visibility classes frame_names sweeps pictures other_fields",
    writes="cuboids shapes attributes relations calibration visibility classes frame_names sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "visibility": "a cuboid and its box in a picture have one, the cuboid's",
        "shapes": "the boxes of the left colour camera stay, for objects that have a cuboid there",
        "attributes": "truncated and occluded stay, others are dropped",
        "relations": "which boxes in pictures are which object stays, others are dropped",
        "calibration": "pinhole cameras without distortion stay, at most four of them; they are renamed",
        "classes": "blanks in names become _",
        "frame_names": "names of six digits stay, others are numbered",
        "sweeps": "the first LiDAR's stay, as float32",
        "pictures": "of cameras that are dropped",
    },
    frame="lidar",
    adds="truncated occluded",
    exact=Exactness(m=1e-6, rad=1e-9),
    remarks=(
        "Every frame becomes a scene of its own.",
        "The part of KITTI's columns that still holds is written as it was read.",
        "Canonical byte for byte: a label file of KITTI's own, its regions without labels last, is written back as it was, edited labels aside; "
        "numbers that 2 decimals do not say have all their digits.",
    ),
)

_CAMERAS = ("image_2", "image_3", "image_0", "image_1")
_PARTS = (("label_2", "txt"), ("calib", "txt"), ("velodyne", "bin"))
_HINT = "correct the line or get the file again"
_SHORTEST = 29  # characters of a line of 15 words: what is shorter is none, which is seen in no time


def _looks_like(base: Path) -> bool:
    if not (base / "calib").is_dir():
        return (base / "label_2").is_dir()
    has_points = bool(names_of(base / "velodyne", r"[0-9]+\.bin"))  # KITTI tracking has a folder for each drive there
    return has_points or any((base / name).is_dir() for name in ("label_2", *_CAMERAS))


def detect(path: Path) -> bool:
    return bool(split_folders(path, _looks_like))


def list_scenes(path: Path) -> list[str]:
    return [prefix + stem for prefix, base in split_folders(path, _looks_like).items() for stem in _stems(base)]


def _stems(base: Path) -> list[str]:
    """The frames for which labels, a calibration or points are there. They are called by numbers: a README.txt is none of them."""
    return sorted({name[:-4] for folder, suffix in _PARTS for name in names_of(base / folder, rf"[0-9]+\.{suffix}")})


def scene_place(path: Path, scene: str) -> tuple[Path, str]:
    """(its split's folder, the frame's name)"""
    return folder_and_name(split_folders(path, _looks_like), scene)


def read(path: Path, scene: str, problems: Problems) -> Scene:
    base, stem = scene_place(path, scene)
    calibration = read_calibration(base / "calib" / f"{stem}.txt")
    notes = ["an object frame has no time, no poses and no track ids: its labels are numbered by their lines"]
    labels = _read_labels(base / "label_2" / f"{stem}.txt", problems, notes)
    ego_from_lidar = Pose.identity() if calibration.velo_from_imu is None else calibration.velo_from_imu.inverse()
    pictures = {name: base / name / f"{stem}.png" for name in _CAMERAS}
    cameras = _cameras(pictures, calibration, ego_from_lidar, notes)
    drawn = _drawn(labels, _CAMERAS[0] if _CAMERAS[0] in cameras else None)
    return Scene(
        name=scene,
        times_ns=np.zeros(1, np.int64),
        lidars={"lidar": Lidar("lidar", ego_from_lidar)},
        cameras=cameras,
        tracks=_tracks(labels, calibration),
        image_tracks=[track for track in drawn if track is not None],
        data=SensorFiles(
            {"lidar": [base / "velodyne" / f"{stem}.bin"]},
            {name: [pictures[name]] for name in cameras},
            sizes_px={name: sensor.camera.size_px for name, sensor in cameras.items()},
        ),
        has_time=False,
        label_frame="lidar",
        frame_ids=(stem,),
        format="kitti_object",
        path=os.fspath(path),
        source_attributes={"kitti_calib": dict(calibration.rows), "ignore_regions": labels.ignored},
        notes=notes,
    )


def _cameras(pictures: dict[str, Path], calibration: Calibration, ego_from_lidar: Pose, notes: list[str]) -> dict[str, CameraSensor]:
    """The colour cameras, and the grey ones where they have a picture. CalibrationError where a picture has no calibration."""
    cameras: dict[str, CameraSensor] = {}
    for name, picture in pictures.items():
        is_there, told = has_file(picture), calibration.sizes_px.get(f"P{name[-1]}")
        if not is_there and not told and name in ("image_0", "image_1"):
            continue
        beside = next((sensor.camera.size_px for sensor in cameras.values()), USUAL_SIZE_PX)  # the rectified pictures of a frame have one size
        sensor = camera_sensor(calibration, name, told or (image_size_px(picture) if is_there else beside), ego_from_lidar)
        if sensor is not None:
            cameras[name] = sensor
            if not is_there and not told:
                notes.append(f"{name} has no picture here: its size is taken as {beside[0]} x {beside[1]} pixels")
        elif is_there:
            raise CalibrationError(
                "a picture has no calibration",
                expected=f"a row P{name[-1]}: of 12 numbers, for {name}/{picture.name}",
                path=calibration.path,
                field=f"P{name[-1]}",
                hint="add the row, or take the picture away to read without it",
            )
    return cameras


# ------------------------------------------------------------ labels


@dataclass
class _Labels:
    """M rows of cuboids: `numbers` counts the file's rows from 0, `columns` are those of `columns_of_row`."""

    numbers: list[int] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    ignored: list[dict[str, Any]] = field(default_factory=list)


def _read_labels(path: Path, problems: Problems, notes: list[str]) -> _Labels:
    """Nothing but a note where there are none; the testing split has none, which needs no note."""
    labels = _Labels()
    is_there, bounds = has_file(path), limits()
    if not is_there and path.parent.is_dir():
        notes.append(f"label_2/{path.name} is missing: the frame has no labels")
    for i, (number, line) in enumerate(text_lines(path) if is_there else ()):
        bounds.check("labels_per_frame", i + 1, path)
        if problems.is_full and len(line) < _SHORTEST:
            problems.n_more += 1
            continue
        with problems.aside(line):
            _read_line(line.split(), i, path, number, labels)
    return labels


def _read_line(words: list[str], i: int, path: Path, number: int, labels: _Labels) -> None:
    if len(words) not in (15, 16):
        raise FormatError(expected="15 columns, or 16 with a score", got=str(len(words)), path=path, offset=f"line {number}", hint=_HINT)
    values = finite_numbers(words[1:], path, number, COLUMNS)
    check_row(values, 1, path, number)
    columns = {**columns_of_row(values), "truncated": values[0]}  # a float: here it is a fraction, in tracking a class
    if words[0] == "DontCare":
        labels.ignored.append({"frame_index": 0, "camera": _CAMERAS[0], **columns})
        return
    if min(values[7:10]) <= 0:
        raise FormatError(expected="a positive h, w and l", got=" ".join(words[8:11]), path=path, offset=f"line {number}", field="h w l", hint=_HINT)
    labels.numbers.append(i)
    labels.types.append(words[0])
    labels.columns.append(columns)


def _visibility(row: dict[str, Any]) -> Visibility:
    return Visibility.OCCLUDED if row["occluded"] in (1, 2) else Visibility.VISIBLE


def _drawn(labels: _Labels, camera: str | None) -> list[ImageTrack | None]:
    """The boxes in the picture, one track for each, taken out of the columns."""
    now, here = np.zeros(1, np.int64), np.zeros(1, np.int64)
    rows = zip(labels.numbers, labels.types, labels.columns)
    return [drawn_track(str(i), category, camera, here, now, [row], [_visibility(row)]) for i, category, row in rows]


def _tracks(labels: _Labels, calibration: Calibration) -> list[Track]:
    rows = [[*row["dimensions_hwl_m"], *row["location_rect_m"], row["rotation_y_rad"]] for row in labels.columns]
    cuboids = cuboids_from_hwl_bottom(np.array(rows, np.float64).reshape(-1, 7), calibration.rect_from_velo)
    now = np.zeros(1, np.int64)
    return [
        Track(
            str(labels.numbers[i]),
            labels.types[i],
            now,
            cuboids[i : i + 1],
            visibility=np.array([_visibility(row)], np.uint8),
            keyframe_attributes=[{name: row[name] for name in ("truncated", "occluded")}],
            keyframe_source_attributes=[{name: value for name, value in row.items() if name not in ("truncated", "occluded")}],
        )
        for i, row in enumerate(labels.columns)
    ]
