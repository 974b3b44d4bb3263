"""KITTI tracking: a folder with `training/` (and `testing/`), or one of these two.

    label_02/0000.txt       frame track_id type truncated occluded alpha left top right bottom h w l x y z ry [score]
    calib/0000.txt          P0..P3, R_rect, Tr_velo_cam, Tr_imu_velo (or the object release's names); S_rect_02 as KITTI raw has it, width and height
                            of the pictures, is ours, for recordings without pictures
    oxts/0000.txt           GPS/IMU, one line per frame; instead of it, poses/0000.csv beside training/ or in it:
                            frame, t_s, m00..m33 = world_from_velo, row by row
    velodyne/0000/000000.bin, image_02/0000/000000.png, image_03/...

Frames are 0.1 s apart unless the csv file says otherwise. The ego frame is the GPS/IMU's where calib knows it, else the velodyne's.
"""

from __future__ import annotations

import dataclasses
import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Int64s
from ..errors import CalibrationError, FormatError, SensorFrameFallback, number_of
from ..frames import Pose, Trajectory
from ..image_tracks import ImageTrack
from ..limits import LABEL_BYTES, TRACK_BYTES, LabelRoom, has_file, limits
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track, Visibility
from .arrays_on_disk import read_kitti_bin
from .declared import Capabilities, Exactness
from .dense_tracks import bridged_poses_note, dense_track, moved_each
from .images import image_size_px
from .kitti_boxes import drawn_track
from .kitti_labels import (
    COLUMNS,
    Calibration,
    check_row,
    columns_of_row,
    cuboids_from_hwl_bottom,
    finite_numbers,
    read_calibration,
    text_lines,
    whole_number,
)
from .kitti_poses import folder_and_name, read_poses, split_folders
from .looking import names_of, subfolders
from .sensor_files import NumberedFiles, SensorFiles, left_out_note, unread_note

__all__ = ["CAMERAS", "CAPABILITIES", "USUAL_SIZE_PX", "camera_sensor", "detect", "list_scenes", "read", "scene_place", "sweep_reader"]

CAPABILITIES = Capabilities(
    title="KITTI tracking",
    reads="cuboids tracks shapes video attributes relations poses calibration visibility classes track_ids times "
    "frame_names sweeps pictures other_fields",
    writes="cuboids tracks shapes video attributes relations poses calibration visibility classes track_ids times sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "visibility": "a cuboid and its box in a picture have one, the cuboid's",
        "shapes": "the boxes of the left colour camera stay, for objects that have a cuboid there",
        "video": "as shapes",
        "attributes": "truncated and occluded stay, others are dropped",
        "relations": "which boxes in pictures are which object stays, others are dropped",
        "poses": "those between the frames are dropped",
        "calibration": "pinhole cameras without distortion stay, at most four of them; they are renamed",
        "classes": "blanks in names become _",
        "track_ids": "whole numbers stay, others are numbered",
        "times": "they are written with the poses; frames without poses are counted, 0.1 s apart; cameras fire with the frames",
        "sweeps": "the first LiDAR's stay, as float32",
        "pictures": "of cameras that are dropped",
    },
    frame="lidar",
    adds="truncated occluded",
    exact=Exactness(m=1e-6, rad=1e-9),
    remarks=(
        "Canonical byte for byte: a label file of KITTI's own, by frame and in it by track, is written back as it was, edited labels aside; numbers "
        "that 6 decimals do not say have all their digits.",
    ),
)

CAMERAS = {"image_02": "P2", "image_03": "P3", "image_00": "P0", "image_01": "P1"}
BOXES_IN = "image_02"
USUAL_SIZE_PX = (1242, 375)
_HINT = "correct the line or get the file again"
_SHORTEST = 33  # characters of a line of 17 words: what is shorter is none, which is seen in no time
_TEXTS = ("label_02", "calib", "oxts", "poses")
_ATTRIBUTES = ("truncated", "occluded")
_BOX_TRACK_BYTES = 1500  # what the boxes of a track take in memory beside its cuboids


def _looks_like(base: Path) -> bool:
    if (base / "label_02").is_dir():
        return True
    if not (base / "calib").is_dir():
        return False
    return (base / "oxts").is_dir() or any((base / name).is_dir() for name in CAMERAS) or bool(_numbered(base / "velodyne"))


def detect(path: Path) -> bool:
    return bool(split_folders(path, _looks_like))


def list_scenes(path: Path) -> list[str]:
    return [prefix + name for prefix, base in split_folders(path, _looks_like).items() for name in _sequences(base)]


def _sequences(base: Path) -> list[str]:
    """Those with labels, a calibration or data of a sensor. They are called by numbers: a README.txt is none of them."""
    texts = {name[:-4] for folder in ("label_02", "calib", "oxts") for name in names_of(base / folder, r"[0-9]+\.txt")}
    return sorted(texts.union(*(_numbered(base / folder) for folder in ("velodyne", *CAMERAS))))


def _numbered(folder: Path) -> list[str]:
    """Folders of sequences in a sensor's folder that hold something."""
    return [name for name in names_of(folder, "[0-9]+") if (folder / name).is_dir() and any((folder / name).iterdir())]


def scene_place(path: Path, scene: str) -> tuple[Path, str]:
    """(its split's folder, the sequence's name)"""
    return folder_and_name(split_folders(path, _looks_like), scene)


def read(path: Path, scene: str, problems: Problems) -> Scene:
    base, sequence = scene_place(path, scene)
    calibration = read_calibration(base / "calib" / f"{sequence}.txt")
    labels = _read_labels(base / "label_02" / f"{sequence}.txt", problems)
    notes: list[str] = list(labels.notes)
    files = _sensor_folders(base, sequence, notes)
    poses = read_poses(base, sequence, calibration.velo_from_imu, notes)
    last = [*labels.frame[-1:], *poses.frame[-1:], *(max(stems) for stems in files.values() if stems), -1]
    n_frames = int(max(last)) + 1
    limits().check("frames_per_scene", n_frames, base / "label_02" / f"{sequence}.txt", "frame")
    times = poses.times_of(n_frames)
    ego_from_lidar = Pose.identity() if calibration.velo_from_imu is None else calibration.velo_from_imu.inverse()
    trajectory = poses.trajectory(times, ego_from_lidar)
    if calibration.velo_from_imu is None and has_file(base / "oxts" / f"{sequence}.txt"):
        notes.append(f"oxts/{sequence}.txt is left out: calib has no Tr_imu_velo, which says where the GPS/IMU sits")
    if trajectory is None:
        notes.append("no poses: the tracks stay in the LiDAR's frame, and the motion of the vehicle is in them")
        warnings.warn(f"{base}, sequence {sequence}: {notes[-1]}", SensorFrameFallback, stacklevel=4)
    else:
        labels = labels.covered(trajectory.covers(times[labels.frame]), poses.path, problems)
        notes += bridged_poses_note(trajectory.times_ns, times[np.unique(labels.frame)], times)
    cameras = _cameras(base, sequence, calibration, ego_from_lidar, files, notes)
    drawn_in = BOXES_IN if BOXES_IN in cameras else None
    tracks, drawn = _tracks(labels, calibration, times, trajectory, ego_from_lidar, drawn_in)
    return Scene(
        name=scene,
        times_ns=times,
        lidars={"lidar": Lidar("lidar", ego_from_lidar)},
        cameras=cameras,
        trajectory=trajectory,
        tracks=tracks,
        image_tracks=drawn,
        data=SensorFiles(
            {"lidar": NumberedFiles(base / "velodyne" / sequence, 6, ".bin", n_frames)},
            {name: NumberedFiles(base / name / sequence, 6, ".png", n_frames) for name in cameras},
            sweep_reader(times),
            {name: sensor.camera.size_px for name, sensor in cameras.items()},
        ),
        label_frame="lidar" if trajectory is None else "world",
        format="kitti_tracking",
        path=os.fspath(path),
        source_attributes={"kitti_calib": dict(calibration.rows), "ignore_regions": labels.ignored},
        notes=notes,
    )


def sweep_reader(times: Int64s) -> Callable[[int, str, Path], Sweep]:
    """Reads the .bin file of a frame."""

    def read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
        sweep = read_kitti_bin(path, frame=sensor)
        return Sweep(sweep.xyz, int(times[frame_index]), sensor, sweep.intensity)

    return read_sweep


def _sensor_folders(base: Path, sequence: str, notes: list[str]) -> dict[str, set[int]]:
    """Folder -> frame numbers for which a file is there."""
    found = {}
    for folder, suffix in (("velodyne", ".bin"), *((name, ".png") for name in CAMERAS)):
        place = base / folder / sequence
        names = [entry.name for entry in place.iterdir()] if place.is_dir() else []
        good = {name for name in names if re.fullmatch(rf"[0-9]{{6}}{re.escape(suffix)}", name)}
        notes += left_out_note(place, set(names) - good, f"000000{suffix}")
        found[folder] = {int(name[:6]) for name in good}
    others = [child for child in subfolders(base) if child.name not in (*_TEXTS, *found)]
    unread = [f"{child.name}/{name}" for child in others for name in names_of(child, rf"{sequence}(\.\w+)?")]
    notes += unread_note(base, unread)
    return found


# ------------------------------------------------------------ cameras


def camera_sensor(calibration: Calibration, name: str, size_px: tuple[int, int], ego_from_lidar: Pose) -> CameraSensor | None:
    """Camera "image_02" (or "image_2", as the object release has it) and so on as the calibration has it, or None."""
    projection = f"P{name[-1]}"
    pinhole = calibration.pinhole(projection)
    if pinhole is None:
        return None
    cam_from_lidar = pinhole[1] @ calibration.rect_from_velo
    return CameraSensor(name, calibration.camera(projection, size_px), ego_from_lidar @ cam_from_lidar.inverse())


def _cameras(
    base: Path, sequence: str, calibration: Calibration, ego_from_lidar: Pose, files: Mapping[str, set[int]], notes: list[str]
) -> dict[str, CameraSensor]:
    """The colour cameras, and the grey ones where they have pictures. CalibrationError where there are pictures and no calibration for them."""
    cameras: dict[str, CameraSensor] = {}
    for name in CAMERAS:
        beside = next((sensor.camera.size_px for sensor in cameras.values()), USUAL_SIZE_PX)  # the rectified pictures have one size
        stems, told = files[name], calibration.sizes_px.get(CAMERAS[name])
        if not stems and not told and name in ("image_00", "image_01"):
            continue
        size_px = told or (image_size_px(base / name / sequence / f"{min(stems):06d}.png") if stems else beside)
        sensor = camera_sensor(calibration, name, size_px, ego_from_lidar)
        if sensor is not None:
            cameras[name] = sensor
            if not stems and not told:
                notes.append(f"{name} has no pictures here: its size is taken as {size_px[0]} x {size_px[1]} pixels")
        elif not stems:
            notes.append(f"calib has no row {CAMERAS[name]}: there is no camera {name}")
        else:
            raise CalibrationError(
                "the pictures have no calibration",
                expected=f"a row {CAMERAS[name]}: of 12 numbers, for the {number_of(len(stems), 'picture')} in {name}/{sequence}",
                path=calibration.path,
                field=CAMERAS[name],
                hint="add the row, or take the pictures away to read without them",
            )
    return cameras


# ------------------------------------------------------------ labels


@dataclass
class _Row:
    """A cuboid of a line.

    key : (track number, type); hwl_bottom : h w l x y z ry; line : (its number from 1, as the file has it)
    """

    frame: int
    key: tuple[int, str]
    hwl_bottom: list[float]
    columns: dict[str, Any]
    line: tuple[int, str]


@dataclass
class _Labels:
    """Rows of cuboids, sorted by frame."""

    path: Path
    rows: list[_Row]
    ignored: list[dict[str, Any]]
    notes: list[str]

    @property
    def frame(self) -> Int64s:
        return np.array([row.frame for row in self.rows], np.int64)

    def covered(self, is_covered: Bools, poses: Path | None, problems: Problems) -> _Labels:
        """Those of frames with a pose; a label without one cannot be placed in the world."""
        for row in (row for row, ok in zip(self.rows, is_covered) if not ok):
            hint = f"get the poses of the whole sequence, {poses}"
            error = FormatError("a labelled frame has no pose", got=f"frame {row.frame}", path=self.path, offset=f"line {row.line[0]}", hint=hint)
            problems.keep(error, row.line[1])
        return dataclasses.replace(self, rows=[row for row, ok in zip(self.rows, is_covered) if ok])


def _read_labels(path: Path, problems: Problems) -> _Labels:
    """Nothing but a note where there are none; the testing split has none, which needs no note."""
    rows: list[_Row] = []
    ignored: list[dict[str, Any]] = []
    seen: dict[tuple[int, int, str], int] = {}
    keys: set[tuple[int, str]] = set()
    is_there, number = has_file(path), 0
    room = LabelRoom(path)
    for number, line in text_lines(path) if is_there else ():
        if problems.is_full and len(line) < _SHORTEST:
            problems.n_more += 1
            continue
        with problems.aside(line):
            row = _read_line(line, path, number, ignored)
            room.take(LABEL_BYTES)
            if row is not None:
                first = seen.setdefault((row.frame, *row.key), number)
                if first != number:
                    got = f"track {row.key[0]} again, after line {first}"
                    raise FormatError(
                        expected="each track once in a frame", got=got, path=path, offset=f"line {number}", field="track_id", hint=_HINT
                    )
                rows.append(row)
                room.take(0 if row.key in keys else TRACK_BYTES + _BOX_TRACK_BYTES)
                keys.add(row.key)
    rows.sort(key=lambda row: row.frame)
    many: dict[int, set[str]] = {}
    for row in rows:
        many.setdefault(row.key[0], set()).add(row.key[1])
    notes = [f"track {track} is of several types: {', '.join(sorted(kinds))}; each became a track" for track, kinds in many.items() if len(kinds) > 1]
    if not number and (is_there or path.parent.parent.name != "testing"):
        notes.append(f"label_02/{path.name} is {'empty' if is_there else 'missing'}: the sequence has no labels")
    return _Labels(path, rows, ignored, notes)


def _read_line(line: str, path: Path, number: int, ignored: list[dict[str, Any]]) -> _Row | None:
    """The cuboid of a line; a DontCare region goes to `ignored`."""
    words = line.split()
    if len(words) not in (17, 18):
        raise FormatError(expected="17 columns, or 18 with a score", got=str(len(words)), path=path, offset=f"line {number}", hint=_HINT)
    frame = whole_number(words[0], path, number, "frame")
    limits().check("frames_per_scene", frame + 1, path, f"line {number}, frame")
    values = finite_numbers(words[3:], path, number, COLUMNS)
    check_row(values, 2, path, number)
    columns = columns_of_row(values)
    if words[2] == "DontCare":
        ignored.append({"frame_index": frame, "camera": BOXES_IN, **columns})
        return None
    track = whole_number(words[1], path, number, "track_id")
    if min(values[7:10]) <= 0:
        got = " ".join(words[10:13])
        raise FormatError(expected="a positive h, w and l", got=got, path=path, offset=f"line {number}", field="h w l", hint=_HINT)
    return _Row(frame, (track, words[2]), values[7:14], columns, (number, line))


def _tracks(
    labels: _Labels, calibration: Calibration, times: Int64s, trajectory: Trajectory | None, ego_from_lidar: Pose, camera: str | None
) -> tuple[list[Track], list[ImageTrack]]:
    """The tracks of the cuboids, and of the boxes in the camera's pictures."""
    frame = labels.frame
    cuboids = cuboids_from_hwl_bottom(np.array([row.hwl_bottom for row in labels.rows]).reshape(-1, 7), calibration.rect_from_velo)
    if trajectory is not None and len(cuboids):
        frames, which = np.unique(frame, return_inverse=True)
        poses = [trajectory.at(int(times[i])) @ ego_from_lidar for i in frames]
        cuboids = moved_each(cuboids, poses, which, "world")
    members: dict[tuple[int, str], list[int]] = {}
    for i, row in enumerate(labels.rows):
        members.setdefault(row.key, []).append(i)
    tracks, drawn, taken = [], [], set()
    for (number, category), indices in members.items():
        track_id = f"{number}-{category}" if number in taken else str(number)
        taken.add(number)
        limits().check("keyframes_per_track", len(indices), labels.path, f"track {number}")
        columns = [labels.rows[i].columns for i in indices]
        seen = [Visibility.OCCLUDED if row["occluded"] in (1, 2) else Visibility.VISIBLE for row in columns]
        drawn.append(drawn_track(track_id, category, camera, frame[indices], times, columns, seen))
        track = dense_track(
            track_id,
            category,
            frame[indices],
            times,
            cuboids[np.array(indices)],
            visibility=seen,
            attributes=[{name: row[name] for name in _ATTRIBUTES} for row in columns],
            source_attributes=[{name: value for name, value in row.items() if name not in _ATTRIBUTES} for row in columns],
        )
        tracks.append(track)
    limits().check("tracks_per_scene", len(tracks), labels.path)
    return tracks, [track for track in drawn if track is not None]
