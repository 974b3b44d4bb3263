"""KITTI tracking: a folder with `training/` (and `testing/`), or one of these two.

    label_02/0000.txt       frame track_id type truncated occluded alpha left top right bottom h w l x y z ry [score]
    calib/0000.txt          P0..P3, R_rect, Tr_velo_cam, Tr_imu_velo (or the object release's names)
    oxts/0000.txt           GPS/IMU, one line per frame; instead of it, poses/0000.csv beside training/ or in it:
                            frame, t_s, m00..m33 = world_from_velo, row by row
    velodyne/0000/000000.bin, image_02/0000/000000.png, image_03/...

Frames are 0.1 s apart unless the csv file says otherwise. The ego frame is the GPS/IMU's where calib knows it, else the velodyne's.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..errors import CalibrationError, FormatError, SensorFrameFallback
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track, Visibility
from .arrays_on_disk import read_kitti_bin
from .dense_tracks import bridged_poses_note, dense_track, moved_each
from .images import image_size_px
from .kitti_labels import COLUMNS, Calibration, columns_of_row, cuboids_from_hwl_bottom, finite_numbers, read_calibration, text_lines, whole_number
from .kitti_poses import SPLITS, read_poses
from .limits import has_file, limits
from .sensor_files import SensorFiles, left_out_note

__all__ = ["CAMERAS", "USUAL_SIZE_PX", "camera_sensor", "detect", "list_scenes", "read"]

CAMERAS = {"image_02": "P2", "image_03": "P3", "image_00": "P0", "image_01": "P1"}
USUAL_SIZE_PX = (1242, 375)
_HINT = "correct the line or get the file again"


def _bases(path: Path) -> list[tuple[str, Path]]:
    """(prefix of its scenes' names, folder) of what is there; testing's scenes are called testing/0000 where training is there too."""
    if _looks_like(path):
        return [("", path)]
    found = [path / split for split in SPLITS if _looks_like(path / split)]
    return [("" if i == 0 else f"{base.name}/", base) for i, base in enumerate(found)]


def _looks_like(base: Path) -> bool:
    if (base / "label_02").is_dir():
        return True
    if not (base / "calib").is_dir():
        return False
    return (base / "oxts").is_dir() or any((base / name).is_dir() for name in CAMERAS)


def detect(path: Path) -> bool:
    return bool(list_scenes(path))


def list_scenes(path: Path) -> list[str]:
    names = []
    for prefix, base in _bases(path):
        stems = {file.stem for folder in ("label_02", "calib") for file in (base / folder).glob("*.txt")}
        names += [prefix + stem for stem in sorted(stems)]
    return names


def read(path: Path, scene: str, problems: Problems) -> Scene:
    prefix, base = next((prefix, base) for prefix, base in reversed(_bases(path)) if scene.startswith(prefix))
    sequence = scene.removeprefix(prefix)
    calibration = read_calibration(base / "calib" / f"{sequence}.txt")
    labels = _read_labels(base / "label_02" / f"{sequence}.txt")
    notes: list[str] = list(labels.notes)
    files = _sensor_folders(base, sequence, notes)
    poses = read_poses(base, sequence, calibration.velo_from_imu)
    last = [*labels.frame[-1:], *poses.frame[-1:], *(max(stems) for stems in files.values() if stems), -1]
    n_frames = int(max(last)) + 1
    limits().check("frames_per_scene", n_frames, base / "label_02" / f"{sequence}.txt", "frame")
    times = poses.times_of(n_frames)
    ego_from_lidar = Pose.identity() if calibration.velo_from_imu is None else calibration.velo_from_imu.inverse()
    trajectory = poses.trajectory(times, ego_from_lidar)
    if calibration.velo_from_imu is None and has_file(base / "oxts" / f"{sequence}.txt"):
        notes.append("the oxts file is left out: calib has no Tr_imu_velo, which says where the GPS/IMU sits")
    if trajectory is None:
        notes.append("no poses: the tracks stay in the LiDAR's frame, and the motion of the vehicle is in them")
        warnings.warn(f"{base}, sequence {sequence}: {notes[-1]}", SensorFrameFallback, stacklevel=4)
    elif len(labels.frame) and not trajectory.covers(times[labels.frame]).all():
        bad = labels.frame[~trajectory.covers(times[labels.frame])][0]
        raise FormatError("a labelled frame has no pose", got=f"frame {bad}", path=poses.path, hint="get the poses of the whole sequence")
    else:
        notes += bridged_poses_note(trajectory.times_ns, times[np.unique(labels.frame)], times)
    cameras = _cameras(base, sequence, calibration, ego_from_lidar, files, notes)
    return Scene(
        name=scene,
        times_ns=times,
        lidars={"lidar": Lidar("lidar", ego_from_lidar)},
        cameras=cameras,
        trajectory=trajectory,
        tracks=_tracks(labels, calibration, times, trajectory, ego_from_lidar),
        data=SensorFiles(
            {"lidar": [base / "velodyne" / sequence / f"{i:06d}.bin" for i in range(n_frames)]},
            {name: [base / name / sequence / f"{i:06d}.png" for i in range(n_frames)] for name in cameras},
            _sweep_reader(times),
            {name: sensor.camera.size_px for name, sensor in cameras.items()},
        ),
        label_frame="lidar" if trajectory is None else "world",
        format="kitti_tracking",
        path=os.fspath(path),
        source_attributes={"kitti_calib": dict(calibration.rows), "ignore_regions": labels.ignored},
        notes=notes,
    )


def _sweep_reader(times: Int64s) -> Any:
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
    cameras = {}
    for name in CAMERAS:
        stems = files[name]
        if not stems and name in ("image_00", "image_01"):
            continue
        size_px = image_size_px(base / name / sequence / f"{min(stems):06d}.png") if stems else USUAL_SIZE_PX
        sensor = camera_sensor(calibration, name, size_px, ego_from_lidar)
        if sensor is not None:
            cameras[name] = sensor
            if not stems:
                notes.append(f"{name} has no pictures here: its size is taken as {size_px[0]} x {size_px[1]} pixels")
        elif stems:
            raise CalibrationError(
                "the pictures have no calibration",
                expected=f"a row {CAMERAS[name]}: of 12 numbers, for the {len(stems)} pictures in {name}/{sequence}",
                path=calibration.path,
                field=CAMERAS[name],
                hint="add the row, or take the pictures away to read without them",
            )
    return cameras


# ------------------------------------------------------------ labels


@dataclass
class _Labels:
    """Rows of cuboids, sorted by frame.

    frame : (M,); key : (track number, type); rows : (M, 7) h w l x y z ry; attributes, sources : M mappings
    """

    path: Path
    frame: Int64s
    keys: list[tuple[int, str]]
    rows: Float64s
    attributes: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    ignored: list[dict[str, Any]]
    notes: list[str]


def _read_labels(path: Path) -> _Labels:
    """Nothing but a note where there are none; the testing split has none, which needs no note."""
    found, ignored = [], []
    seen: dict[tuple[int, int, str], int] = {}
    lines = text_lines(path) if has_file(path) else None
    for number, line in lines or []:
        words = line.split()
        if len(words) not in (17, 18):
            raise FormatError(expected="17 columns, or 18 with a score", got=str(len(words)), path=path, offset=f"line {number}", hint=_HINT)
        frame = whole_number(words[0], path, number, "frame")
        values = finite_numbers(words[3:], path, number, COLUMNS)
        columns = columns_of_row(values)
        if words[2] == "DontCare":
            ignored.append({"frame_index": frame, "camera": "image_02", **columns})
            continue
        track = whole_number(words[1], path, number, "track_id")
        if min(values[7:10]) <= 0:
            raise FormatError(
                expected="a positive h, w and l", got=" ".join(words[10:13]), path=path, offset=f"line {number}", field="h w l", hint=_HINT
            )
        if (frame, track, words[2]) in seen:
            got = f"track {track} again, after line {seen[frame, track, words[2]]}"
            raise FormatError(expected="each track once in a frame", got=got, path=path, offset=f"line {number}", field="track_id", hint=_HINT)
        seen[frame, track, words[2]] = number
        found.append((frame, (track, words[2]), values[7:14], columns))
    found.sort(key=lambda item: item[0])
    many: dict[int, set[str]] = {}
    for _, (track, kind), _, _ in found:
        many.setdefault(track, set()).add(kind)
    notes = [f"track {track} is of several types: {', '.join(sorted(kinds))}; each became a track" for track, kinds in many.items() if len(kinds) > 1]
    if not lines and (lines is not None or path.parent.parent.name != "testing"):
        notes.append(f"label_02/{path.name} is {'missing' if lines is None else 'empty'}: the sequence has no labels")
    return _Labels(
        path,
        np.array([item[0] for item in found], np.int64),
        [item[1] for item in found],
        np.array([item[2] for item in found]).reshape(-1, 7),
        [{name: item[3][name] for name in ("truncated", "occluded")} for item in found],
        [{name: value for name, value in item[3].items() if name not in ("truncated", "occluded")} for item in found],
        ignored,
        notes,
    )


def _tracks(labels: _Labels, calibration: Calibration, times: Int64s, trajectory: Trajectory | None, ego_from_lidar: Pose) -> list[Track]:
    cuboids = cuboids_from_hwl_bottom(labels.rows, calibration.rect_from_velo)
    if trajectory is not None and len(cuboids):
        frames, which = np.unique(labels.frame, return_inverse=True)
        poses = [trajectory.at(int(times[frame])) @ ego_from_lidar for frame in frames]
        cuboids = moved_each(cuboids, poses, which, "world")
    members: dict[tuple[int, str], list[int]] = {}
    for i, key in enumerate(labels.keys):
        members.setdefault(key, []).append(i)
    tracks, taken = [], set()
    for (number, category), rows in members.items():
        track_id = f"{number}-{category}" if number in taken else str(number)
        taken.add(number)
        limits().check("keyframes_per_track", len(rows), labels.path, f"track {number}")
        index = np.array(rows)
        hidden = [Visibility.OCCLUDED if labels.attributes[i]["occluded"] in (1, 2) else Visibility.VISIBLE for i in rows]
        track = dense_track(
            track_id,
            category,
            labels.frame[index],
            times,
            cuboids[index],
            visibility=hidden,
            attributes=[labels.attributes[i] for i in rows],
            source_attributes=[labels.sources[i] for i in rows],
        )
        tracks.append(track)
    limits().check("tracks_per_scene", len(tracks), labels.path)
    return tracks
