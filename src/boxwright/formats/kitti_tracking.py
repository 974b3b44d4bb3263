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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from .. import rotations
from ..arrays import Float64s, Int64s
from ..errors import BoxwrightError, FormatError, SensorFrameFallback
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track, Visibility
from .arrays_on_disk import read_kitti_bin
from .dense_tracks import bridged_poses_note, dense_track, moved_each
from .images import image_size_px
from .kitti_labels import Calibration, cuboids_from_hwl_bottom, finite_numbers, read_calibration, text_lines
from .limits import limits
from .sensor_files import SensorFiles

__all__ = ["CAMERAS", "FRAME_NS", "camera_sensor", "detect", "list_scenes", "read"]

FRAME_NS = 100_000_000
CAMERAS = {"image_02": "P2", "image_03": "P3", "image_00": "P0", "image_01": "P1"}
_USUAL_SIZE_PX = (1242, 375)
_OBJECT_SPLITS = ("training", "testing")
_HINT = "correct the line or get the file again"


def _bases(path: Path) -> list[tuple[str, Path]]:
    """(prefix of its scenes' names, folder) of what is there; testing's scenes are called testing/0000 where training is there too."""
    if _looks_like(path):
        return [("", path)]
    found = [path / split for split in _OBJECT_SPLITS if _looks_like(path / split)]
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
    files = _sensor_folders(base, sequence)
    poses = _read_poses(base, sequence, calibration)
    last = [*labels.frame[-1:], *poses.frame[-1:], *(max(stems) for stems in files.values() if stems), -1]
    n_frames = int(max(last)) + 1
    limits().check("frames_per_scene", n_frames, base / "label_02" / f"{sequence}.txt", "frame")
    times = poses.times_of(n_frames)
    notes: list[str] = list(labels.notes)
    ego_from_lidar = Pose.identity() if calibration.velo_from_imu is None else calibration.velo_from_imu.inverse()
    trajectory = poses.trajectory(times, ego_from_lidar)
    if (base / "oxts" / f"{sequence}.txt").is_file() and calibration.velo_from_imu is None:
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


def _sensor_folders(base: Path, sequence: str) -> dict[str, set[int]]:
    """Folder -> frame numbers for which a file is there."""
    found = {}
    for folder, suffix in (("velodyne", ".bin"), *((name, ".png") for name in CAMERAS)):
        place = base / folder / sequence
        names = [entry.name for entry in place.iterdir()] if place.is_dir() else []
        found[folder] = {int(name[:6]) for name in names if re.fullmatch(rf"[0-9]{{6}}{re.escape(suffix)}", name)}
    return found


# ------------------------------------------------------------ cameras


def camera_sensor(calibration: Calibration, name: str, size_px: tuple[int, int], ego_from_lidar: Pose) -> CameraSensor | None:
    """Camera "image_02" and so on as the calibration has it, or None."""
    pinhole = calibration.pinhole(CAMERAS[name])
    if pinhole is None:
        return None
    cam_from_lidar = pinhole[1] @ calibration.rect_from_velo
    return CameraSensor(name, calibration.camera(CAMERAS[name], size_px), ego_from_lidar @ cam_from_lidar.inverse())


def _cameras(
    base: Path, sequence: str, calibration: Calibration, ego_from_lidar: Pose, files: Mapping[str, set[int]], notes: list[str]
) -> dict[str, CameraSensor]:
    """The colour cameras, and the grey ones where they have pictures."""
    cameras = {}
    for name in CAMERAS:
        stems = files[name]
        if not stems and name in ("image_00", "image_01"):
            continue
        size_px = image_size_px(base / name / sequence / f"{min(stems):06d}.png") if stems else _USUAL_SIZE_PX
        sensor = camera_sensor(calibration, name, size_px, ego_from_lidar)
        if sensor is not None:
            cameras[name] = sensor
            if not stems:
                notes.append(f"{name} has no pictures here: its size is taken as {size_px[0]} x {size_px[1]} pixels")
    return cameras


# ------------------------------------------------------------ poses


@dataclass
class _Poses:
    """Poses by frame: world_from_velo (csv) or world_from_imu (oxts), and the times a csv file gives."""

    path: Path | None = None
    frame: list[int] = field(default_factory=list)  # every frame the file names
    posed: list[int] = field(default_factory=list)
    matrices: list[Float64s] = field(default_factory=list)
    is_velo: bool = False
    stamps_ns: dict[int, int] = field(default_factory=dict)

    def times_of(self, n_frames: int) -> Int64s:
        times = np.arange(n_frames, dtype=np.int64) * FRAME_NS
        for frame, stamp in self.stamps_ns.items():
            times[frame] = stamp
        if self.stamps_ns and len(self.stamps_ns) < n_frames and any(stamp != frame * FRAME_NS for frame, stamp in self.stamps_ns.items()):
            first = next(i for i in range(n_frames) if i not in self.stamps_ns)
            raise FormatError("a frame has no time", got=f"frame {first}", path=self.path, hint="give every frame a line with its t_s")
        if (np.diff(times) <= 0).any():
            at = int(np.argmax(np.diff(times) <= 0)) + 1
            raise FormatError(
                expected="increasing times", got=f"{times[at]} ns after {times[at - 1]} ns at frame {at}", path=self.path, field="t_s", hint=_HINT
            )
        return times

    def trajectory(self, times: Int64s, ego_from_lidar: Pose) -> Trajectory | None:
        if not self.posed:
            return None
        poses = []
        for frame, matrix in zip(self.posed, self.matrices):
            try:
                pose = Pose.from_matrix(matrix, field=f"frame {frame}")
            except BoxwrightError as error:
                raise FormatError(error.what, expected=error.expected, got=error.got, path=self.path, field=error.field, hint=_HINT) from None
            poses.append(pose @ ego_from_lidar.inverse() if self.is_velo else pose)
        return Trajectory(times[self.posed], poses)


def _read_poses(base: Path, sequence: str, calibration: Calibration) -> _Poses:
    oxts = base / "oxts" / f"{sequence}.txt"
    csv = [base / "poses" / f"{sequence}.csv"]
    if base.name in _OBJECT_SPLITS:
        csv.append(base.parent / "poses" / f"{sequence}.csv")
    if oxts.is_file() and calibration.velo_from_imu is not None:
        rows = [_oxts_row(line, oxts, number) for number, line in text_lines(oxts)]
        frames = list(range(len(rows)))
        return _Poses(oxts, frames, frames, mercator_poses(np.array(rows).reshape(-1, 6)))
    for path in csv:
        if path.is_file():
            return _read_csv(path)
    return _Poses()


def _oxts_row(line: str, path: Path, number: int) -> list[float]:
    words = line.split()
    if len(words) < 6:
        expected = "30 numbers, first lat lon alt roll pitch yaw"
        raise FormatError(expected=expected, got=f"{len(words)}", path=path, offset=f"line {number}", hint=_HINT)
    return finite_numbers(words[:6], path, number, "lat lon alt roll pitch yaw")


def mercator_poses(rows: Float64s) -> list[Float64s]:
    """world_from_imu (4, 4) of each row lat, lon (degrees), alt (m), roll, pitch, yaw (rad), relative to the first.

    Mercator's projection at the first row's scale, as KITTI's development kit has it (Geiger et al., IJRR 32(11), 2013).
    """
    if not len(rows):
        return []
    radius_m = 6378137.0 * np.cos(np.radians(rows[0, 0]))
    lat, lon = np.radians(rows[:, 0]), np.radians(rows[:, 1])
    poses = np.zeros((len(rows), 4, 4))
    poses[:, :3, 3] = np.stack([radius_m * lon, radius_m * np.log(np.tan(np.pi / 4 + lat / 2)), rows[:, 2]], 1)
    axes = np.eye(3)
    roll, pitch, yaw = (rotations.matrix_from_quat(rotations.quat_from_axis_angle(axes[i], rows[:, 3 + i])) for i in range(3))
    poses[:, :3, :3] = yaw @ pitch @ roll
    poses[:, 3, 3] = 1
    first = Pose.from_matrix(poses[0]).inverse()
    relative = np.zeros_like(poses)
    relative[:, :3, :3] = first.rotation @ poses[:, :3, :3]
    relative[:, :3, 3] = (poses[:, :3, 3] - poses[0, :3, 3]) @ first.rotation.T
    relative[:, 3, 3] = 1
    return list(relative)


def _read_csv(path: Path) -> _Poses:
    lines = text_lines(path)
    header = ["frame", "t_s", *(f"m{i}{j}" for i in range(4) for j in range(4))]
    if not lines or [word.strip() for word in lines[0][1].split(",")] != header:
        raise FormatError(
            expected="a first line frame,t_s,m00,...,m33", got=lines[0][1][:60] if lines else "an empty file", path=path, offset="line 1", hint=_HINT
        )
    poses = _Poses(path, is_velo=True)
    for number, line in lines[1:]:
        words = [word.strip() for word in line.split(",")]
        if len(words) != len(header):
            raise FormatError(expected=f"{len(header)} values", got=str(len(words)), path=path, offset=f"line {number}", hint=_HINT)
        frame = _whole(words[0], path, number, "frame")
        if poses.frame and frame <= poses.frame[-1]:
            raise FormatError(
                expected="increasing frames", got=f"{frame} after {poses.frame[-1]}", path=path, offset=f"line {number}", field="frame", hint=_HINT
            )
        poses.frame.append(frame)
        poses.stamps_ns[frame] = _nanoseconds(words[1], path, number)
        if any(words[2:]):  # a time alone is allowed
            poses.posed.append(frame)
            poses.matrices.append(np.array(finite_numbers(words[2:], path, number, "m00..m33")).reshape(4, 4))
    return poses


def _nanoseconds(word: str, path: Path, line: int) -> int:
    try:
        stamp = int((Decimal(word) * 1_000_000_000).to_integral_value())
        if abs(stamp) < 2**63:
            return stamp
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise FormatError(expected="seconds", got=repr(word[:40]), path=path, offset=f"line {line}", field="t_s", hint=_HINT)


def _whole(word: str, path: Path, line: int, name: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", word):
        raise FormatError(expected="a whole number", got=repr(word[:40]), path=path, offset=f"line {line}", field=name, hint=_HINT)
    return int(word)


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
    """Nothing where there is no file: the testing split has none."""
    found, ignored = [], []
    seen: dict[tuple[int, int, str], int] = {}
    for number, line in text_lines(path) if path.is_file() else []:
        words = line.split()
        if len(words) not in (17, 18):
            raise FormatError(expected="17 columns, or 18 with a score", got=str(len(words)), path=path, offset=f"line {number}", hint=_HINT)
        frame = _whole(words[0], path, number, "frame")
        values = finite_numbers(words[3:], path, number, "truncated .. ry")
        columns = _columns(values)
        if words[2] == "DontCare":
            ignored.append({"frame_index": frame, "camera": "image_02", **columns})
            continue
        track = _whole(words[1], path, number, "track_id")
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


def _columns(values: Sequence[float]) -> dict[str, Any]:
    """A row's columns from `truncated` on, by names with units."""
    columns: dict[str, Any] = {
        "truncated": int(values[0]) if values[0] == int(values[0]) else values[0],
        "occluded": int(values[1]) if values[1] == int(values[1]) else values[1],
        "alpha_rad": values[2],
        "box_xyxy_px": list(values[3:7]),
        "dimensions_hwl_m": list(values[7:10]),
        "location_rect_m": list(values[10:13]),
        "rotation_y_rad": values[13],
    }
    if len(values) == 15:
        columns["score"] = values[14]
    return columns


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
