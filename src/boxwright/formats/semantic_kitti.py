"""SemanticKITTI, and KITTI odometry, whose layout it is: sequences of sweeps with a class and an object for each point.

    sequences/00/velodyne/000000.bin   the sweeps
    sequences/00/labels/000000.label   their labels, as point_label_files.py has them
    sequences/00/poses.txt             one line for each frame: 12 numbers, world_from_cam0, row by row; the world's axes are a camera's
    sequences/00/calib.txt             P0: to P3:, and Tr: which is cam0_from_velodyne
    sequences/00/times.txt             seconds, one line for each frame; 0.1 s apart where it is missing
    sequences/00/image_2/000000.png    pictures of the cameras, image_0 to image_3

PATH is what holds `sequences`, that folder, or one sequence. The ego frame is the velodyne's, and the world's axes are turned to the velodyne's too:
world_from_velodyne = Tr^-1 pose Tr. There are no cuboids. Classes keep the dataset's names; what moves has classes of its own, such as moving-car.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..arrays import Int64s
from ..errors import BoxwrightError, CalibrationError, FormatError, number_of
from ..frames import Pose, Trajectory
from ..limits import checked_size, has_file, limits
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from .declared import Capabilities
from .images import image_size_px
from .kitti_labels import CALIBRATION_LENGTHS, Calibration, finite_numbers, text_lines
from .kitti_poses import FRAME_NS, nanoseconds
from .kitti_tracking import camera_sensor, sweep_reader
from .looking import names_of, subfolders
from .point_label_files import PointLabelFiles
from .sensor_files import NumberedFiles, SensorFiles, left_out_note, unread_note

__all__ = ["CAPABILITIES", "detect", "list_scenes", "read", "sequence_folder"]

CAPABILITIES = Capabilities(
    title="SemanticKITTI and KITTI odometry",
    reads="segmentation poses calibration classes times frame_names sweeps pictures",
    writes="segmentation poses calibration times sweeps pictures",
    partly={
        "segmentation": "classes become those of the dataset, tracks become numbers",
        "poses": "those between the frames are dropped; none are written where a frame has none",
        "calibration": "pinhole cameras without distortion stay, at most four of them; they are renamed",
        "times": "cameras fire with the frames",
        "sweeps": "the first LiDAR's stay, as float32",
        "pictures": "of cameras that are dropped",
    },
    remarks=("Cuboids become labels of the points in them, by a named rule where they overlap.",),
)

CAMERAS = ("image_2", "image_3", "image_0", "image_1")
SUFFIXES = {"velodyne": ".bin", "labels": ".label", **dict.fromkeys(CAMERAS, ".png")}
_FILES = ("poses.txt", "calib.txt", "times.txt")
_MATRIX = tuple(f"m{i}{j}" for i in range(3) for j in range(4))
_HINT = "correct the line or get the file again"
_SHORTEST = 23  # characters of a line of 12 words: what is shorter is none, which is seen in no time


def _is_sequence(folder: Path) -> bool:
    """Labels say so at once; sweeps alone do beside a file that KITTI odometry has."""
    if names_of(folder / "labels", r"[0-9]{6}\.label"):
        return True
    return any((folder / name).is_file() for name in _FILES) and bool(names_of(folder / "velodyne", r"[0-9]{6}\.bin"))


def _sequences(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        return {}
    if _is_sequence(path):
        return {path.absolute().name: path}
    parent = path / "sequences" if (path / "sequences").is_dir() else path
    return {folder.name: folder for folder in subfolders(parent) if len(folder.name) == 2 and folder.name.isdecimal() and _is_sequence(folder)}


def detect(path: Path) -> bool:
    return bool(_sequences(path))


def list_scenes(path: Path) -> list[str]:
    return list(_sequences(path))


def sequence_folder(path: Path, scene: str) -> Path:
    return _sequences(path)[scene]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    base, notes = sequence_folder(path, scene), list[str]()
    files = _numbers(base, notes)
    calibration = _read_calibration(base / "calib.txt")
    poses = _read_poses(base / "poses.txt", problems)
    stamps = [nanoseconds(line.strip(), base / "times.txt", n, "times") for n, line in _lines(base / "times.txt")]
    n_frames = max([*(max(numbers) + 1 for numbers in files.values() if numbers), len(poses), len(stamps)])
    limits().check("frames_per_scene", n_frames, base)
    times = _times(stamps, n_frames, base / "times.txt", notes)
    trajectory = _trajectory(poses, times, calibration, notes)
    cameras = _cameras(base, files, calibration)
    sweeps = NumberedFiles(base / "velodyne", 6, ".bin", n_frames)

    def n_points(frame_index: int, sensor: str) -> int | None:
        return checked_size(sweeps[frame_index]) // 16 if sweeps[frame_index].is_file() else None

    return Scene(
        name=scene,
        times_ns=times,
        lidars={"lidar": Lidar("lidar")},
        cameras=cameras,
        trajectory=trajectory,
        data=SensorFiles(
            {"lidar": sweeps},
            {name: NumberedFiles(base / name, 6, ".png", n_frames) for name in cameras},
            sweep_reader(times),
            {name: sensor.camera.size_px for name, sensor in cameras.items()},
        ),
        label_frame="lidar" if trajectory is None else "world",
        format="semantic_kitti",
        path=os.fspath(path),
        source_attributes={} if calibration is None else {"kitti_calib": dict(calibration.rows)},
        notes=notes,
        point_label_data=PointLabelFiles({"lidar": NumberedFiles(base / "labels", 6, ".label", n_frames)}, n_points, problems.strict),
    )


def _numbers(base: Path, notes: list[str]) -> dict[str, set[int]]:
    """Folder -> frame numbers for which a file is there; notes of what is left out."""
    found = {}
    for folder, suffix in SUFFIXES.items():
        names = set(names_of(base / folder, ".*"))
        good = {name for name in names if len(name) == 6 + len(suffix) and name.endswith(suffix) and name[:6].isascii() and name[:6].isdecimal()}
        notes += left_out_note(base / folder, names - good, f"000000{suffix}")
        found[folder] = {int(name[:6]) for name in good}
    if not found["labels"]:
        notes.append("labels: the sequence has no point labels")
    elif found["labels"] != found["velodyne"] and found["velodyne"]:
        notes.append(
            f"sweeps without labels: {len(found['velodyne'] - found['labels'])}, labels without a sweep: {len(found['labels'] - found['velodyne'])}"
        )
    notes += unread_note(base, set(names_of(base, ".*")) - SUFFIXES.keys() - set(_FILES))
    return found


def _lines(path: Path) -> Sequence[tuple[int, str]]:
    return list(text_lines(path)) if has_file(path) else []


# ------------------------------------------------------------ times, poses, cameras


def _times(stamps: Sequence[int], n_frames: int, path: Path, notes: list[str]) -> Int64s:
    if not stamps:
        notes.append("times.txt is missing: the frames are taken to be 0.1 s apart")
        return np.arange(n_frames, dtype=np.int64) * FRAME_NS
    if len(stamps) < n_frames:
        raise FormatError(
            "a frame has no time", expected=number_of(n_frames, "line"), got=str(len(stamps)), path=path, hint="give every frame a line"
        )
    times = np.array(stamps, np.int64)
    if (times[1:] <= times[:-1]).any():
        i = int(np.argmax(times[1:] <= times[:-1])) + 1
        raise FormatError(expected="increasing times", got=f"{times[i]} ns after {times[i - 1]} ns at frame {i}", path=path, hint=_HINT)
    return times


def _read_poses(path: Path, problems: Problems) -> list[Pose | None]:
    """world_from_cam0 of each frame; None for a line that is kept aside."""
    poses: list[Pose | None] = []
    for number, line in text_lines(path) if has_file(path) else ():
        poses.append(None)
        limits().check("frames_per_scene", len(poses), path)
        if problems.is_full and len(line) < _SHORTEST:
            problems.n_more += 1
            continue
        with problems.aside(line):
            poses[-1] = _pose(line.split(), path, number)
    return poses


def _pose(words: list[str], path: Path, number: int) -> Pose:
    if len(words) != 12:
        raise FormatError(expected="12 numbers, a 3 x 4 matrix row by row", got=str(len(words)), path=path, offset=f"line {number}", hint=_HINT)
    numbers = np.array(finite_numbers(words, path, number, _MATRIX)).reshape(3, 4)
    try:
        return Pose.from_matrix(numbers)
    except BoxwrightError as error:
        raise FormatError(error.what, expected=error.expected, got=error.got, path=path, offset=f"line {number}", hint=_HINT) from None


def _trajectory(poses: Sequence[Pose | None], times: Int64s, calibration: Calibration | None, notes: list[str]) -> Trajectory | None:
    posed = [i for i, pose in enumerate(poses) if pose is not None]
    if not posed:
        notes.append("there are no poses, and no world frame")
        return None
    if calibration is None:
        notes.append("poses.txt is left out: without calib.txt nothing tells how the velodyne's axes lie to the poses' camera")
        return None
    cam_from_velo = calibration.rect_from_velo
    velo_from_cam = cam_from_velo.inverse()
    return Trajectory(times[posed], [velo_from_cam @ pose @ cam_from_velo for pose in poses if pose is not None])


def _read_calibration(path: Path) -> Calibration | None:
    """The rows as the object release calls them, so that other KITTI formats can be written with them."""
    if not has_file(path):
        return None
    rows: dict[str, list[float]] = {}
    places: dict[str, tuple[str, str]] = {}
    for number, line in text_lines(path):
        words = line.split()
        key = words[0].rstrip(":")
        name = "Tr_velo_to_cam" if key == "Tr" else key
        if name not in CALIBRATION_LENGTHS or (name != "Tr_velo_to_cam" and name[0] != "P"):
            continue
        if name in rows:
            raise CalibrationError("a row comes twice", got=f"{key} again", path=path, offset=f"line {number}", hint=_HINT)
        if len(words) != 13:
            got = str(len(words) - 1)
            raise CalibrationError(expected="12 numbers", got=got, path=path, offset=f"line {number}", field=key, hint=_HINT)
        rows[name], places[name] = finite_numbers(words[1:], path, number, [f"{key}[{i}]" for i in range(12)]), (key, f"line {number}")
    if "Tr_velo_to_cam" not in rows:
        hint = "get the calibration file that belongs to this sequence"
        raise CalibrationError("a row is missing", expected="Tr: of 12 numbers", got=", ".join(rows) or "none", path=path, hint=hint)
    try:
        cam_from_velo = Pose.from_matrix(np.array(rows["Tr_velo_to_cam"]).reshape(3, 4))
    except BoxwrightError as error:
        offset = places["Tr_velo_to_cam"][1]
        raise CalibrationError(error.what, expected=error.expected, got=error.got, path=path, offset=offset, field="Tr", hint=_HINT) from None
    rows = {name: row for name, row in rows.items() if any(row)} | {"R0_rect": np.eye(3).ravel().tolist()}
    return Calibration(rows, cam_from_velo, None, os.fspath(path), places)


def _cameras(base: Path, files: Mapping[str, set[int]], calibration: Calibration | None) -> dict[str, CameraSensor]:
    """Those with pictures. CalibrationError where there are pictures and no calibration for them."""
    cameras = {}
    for name in (name for name in CAMERAS if files[name]):
        size_px = image_size_px(base / name / f"{min(files[name]):06d}.png")
        sensor = None if calibration is None else camera_sensor(calibration, name, size_px, Pose.identity())
        if sensor is None:
            row = f"P{name[-1]}"
            expected, hint = f"a row {row}: of 12 numbers, for the pictures in {name}", "add it, or take the pictures away to read without them"
            raise CalibrationError("the pictures have no calibration", expected=expected, path=base / "calib.txt", field=row, hint=hint)
        cameras[name] = sensor
    return cameras
