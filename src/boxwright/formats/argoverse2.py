"""Argoverse 2 sensor logs: one log's folder, or a folder of logs (also by split: train/, val/, test/).

    annotations.feather                        cuboids in the ego frame of their own stamp
    city_SE3_egovehicle.feather                world_from_ego
    calibration/egovehicle_SE3_sensor.feather  ego_from_<sensor>;  calibration/intrinsics.feather
    sensors/lidar/<timestamp_ns>.feather       both LiDARs as one cloud, in the ego frame of its stamp; float16
    sensors/cameras/<camera>/<timestamp_ns>.jpg

Frames are the stamps of labels and sweeps together. Needs pyarrow: the extra `io`.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..cuboids import Cuboids
from ..errors import FormatError, SensorFrameFallback
from ..frames import Pose, Trajectory
from ..limits import FARTHEST_M, has_file, limits
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track
from .argoverse2_sensors import (
    LABEL_HINT,
    POSE_COLUMNS,
    calibration,
    nearest_images,
    numbers_of,
    poses_of,
    read_sweep,
    set_bad_poses_aside,
    stamped_files,
    unused_pictures,
)
from .argoverse2_tables import Rows, read_rows
from .declared import Capabilities, Exactness
from .dense_tracks import bridged_poses_note, dense_track, moved_each
from .looking import subfolders
from .sensor_files import SensorFiles, unread_note

__all__ = ["CAPABILITIES", "detect", "list_scenes", "log_folder", "read"]

CAPABILITIES = Capabilities(
    title="Argoverse 2 sensor logs",
    reads="cuboids full_rotation tracks poses calibration classes track_ids times frame_names sweeps pictures other_fields",
    writes="cuboids full_rotation tracks poses calibration classes track_ids times sweeps pictures other_fields",
    partly={
        "other_fields": "counts of points stay",
        "calibration": "pinhole cameras with radial distortion k1, k2, k3 alone stay",
        "times": "frames with neither a sweep nor a label are dropped",
        "sweeps": "those of all LiDARs become one cloud in the ego frame, as float32",
        "pictures": "they become JPEG; those of cameras that are dropped are gone, and those exposed where there are no poses",
    },
    frame="ego",
    exact=Exactness(m=1e-9, rad=1e-9),
    client="av2",
    remarks=(
        "Points are written as float32: the dataset's own float16 has steps of 6 cm beyond 64 m.",
        "Files are equal by value, not byte by byte: their bytes depend on the version of Arrow.",
    ),
)

_SPLITS = ("train", "val", "test", "sensor", "sensor/train", "sensor/val", "sensor/test")
_LABELS = {"timestamp_ns": "i", "track_uuid": "s", "category": "s", "length_m": "f", "width_m": "f", "height_m": "f", **POSE_COLUMNS}
_LIDARS = ("up_lidar", "down_lidar")


def detect(path: Path) -> bool:
    return bool(list_scenes(path))


def list_scenes(path: Path) -> list[str]:
    return list(_logs(path))


def _logs(path: Path) -> dict[str, Path]:
    """Name -> folder of each log."""
    if not path.is_dir():
        return {}
    if _is_log(path):
        return {path.absolute().name: path}
    logs = {child.name: child for child in subfolders(path) if _is_log(child)}
    if logs:
        return logs
    found = [(split, log) for split in _SPLITS if (path / split).is_dir() for log in subfolders(path / split) if _is_log(log)]
    names = [log.name for _, log in found]
    return {log.name if names.count(log.name) == 1 else f"{split}/{log.name}": log for split, log in found}


def log_folder(path: Path, scene: str) -> Path:
    """The log itself, where it lies right in the folder, without a look at all others."""
    return path / scene if path.is_dir() and not _is_log(path) and _is_log(path / scene) else _logs(path)[scene]


def _is_log(folder: Path) -> bool:
    return (folder / "annotations.feather").is_file() or (folder / "city_SE3_egovehicle.feather").is_file()


def read(path: Path, scene: str, problems: Problems) -> Scene:
    log = log_folder(path, scene)
    notes: list[str] = []
    trajectory = _trajectory(log / "city_SE3_egovehicle.feather", problems)
    labels, label_times = _labels(log / "annotations.feather", trajectory, problems, notes)
    sweeps = stamped_files(log / "sensors" / "lidar", ".feather", notes)
    times = np.union1d(label_times, np.array(sorted(sweeps), np.int64)).astype(np.int64)
    if trajectory is None:
        lost = "no row of city_SE3_egovehicle.feather can be taken, so there are " if has_file(log / "city_SE3_egovehicle.feather") else ""
        notes.append(f"{lost}no poses: the tracks stay in the ego frame, and the motion of the vehicle is in them")
        warnings.warn(f"{log}: {notes[-1]}", SensorFrameFallback, stacklevel=4)
    else:
        notes += bridged_poses_note(trajectory.times_ns, label_times.astype(np.int64), times)
    notes += _unread(log)
    mounts, pinholes = calibration(log, notes)
    origins = tuple(tuple(mounts[name].translation_m.tolist()) for name in _LIDARS if name in mounts)
    if not origins:
        notes.append(f"no calibration of {' and '.join(_LIDARS)}: the LiDARs' light is taken to come from the ego frame's origin")
    cameras: dict[str, CameraSensor] = {}
    images: dict[str, list[Path | None]] = {}
    for name, camera in pinholes.items():
        images[name], exposures = nearest_images(log / "sensors" / "cameras" / name, times, trajectory, notes)
        cameras[name] = CameraSensor(name, camera, mounts[name], exposures)
    notes += unused_pictures(log / "sensors" / "cameras", images)
    sizes_px = {name: sensor.camera.size_px for name, sensor in cameras.items()}
    return Scene(
        name=scene,
        times_ns=times,
        lidars={"lidar": Lidar("lidar", Pose.identity(), origins or ((0.0, 0.0, 0.0),))},
        cameras=cameras,
        trajectory=trajectory,
        tracks=_tracks(labels, label_times, trajectory),
        data=SensorFiles({"lidar": [log / "sensors" / "lidar" / f"{t}.feather" for t in times]}, images, read_sweep, sizes_px),
        label_frame="ego" if trajectory is None else "world",
        frame_ids=tuple(str(t) for t in times),
        format="argoverse2",
        path=os.fspath(path),
        notes=notes,
    )


# ------------------------------------------------------------ poses


def _trajectory(path: Path, problems: Problems) -> Trajectory | None:
    if not has_file(path):
        return None
    table = read_rows(path, {"timestamp_ns": "i", **POSE_COLUMNS}, problems)
    if not len(table) and not problems.found:
        raise FormatError(
            expected="at least one pose", got="an empty table", path=path, hint="get the file again, or take it away to read without poses"
        )
    set_bad_poses_aside(table)
    times = table["timestamp_ns"].astype(np.int64)
    before = np.concatenate([[-(2**63)], np.maximum.accumulate(times)[:-1]]) if len(times) else times
    table.set_aside(
        (times <= before) & (np.arange(len(times)) > 0),
        lambda i: table.wrong(i, expected="increasing times", got=f"{times[i]} after {before[i]}", field="timestamp_ns"),
    )
    return Trajectory(table["timestamp_ns"].astype(np.int64), poses_of(table)) if len(table) else None


def _unread(log: Path) -> list[str]:
    """What is in a log that is neither a known table nor a sensor's."""
    known = {
        log: {"annotations.feather", "city_SE3_egovehicle.feather", "calibration", "sensors"},
        log / "calibration": {"egovehicle_SE3_sensor.feather", "intrinsics.feather"},
        log / "sensors": {"lidar", "cameras"},
    }
    notes = [note for folder, names in known.items() if folder.is_dir() for note in unread_note(folder, {e.name for e in folder.iterdir()} - names)]
    folder = log / "sensors" / "cameras"
    loose = [entry.name for entry in folder.iterdir() if not entry.is_dir()] if folder.is_dir() else []
    return notes + unread_note(folder, loose)


# ------------------------------------------------------------ labels


def _labels(path: Path, trajectory: Trajectory | None, problems: Problems, notes: list[str]) -> tuple[Rows, Int64s]:
    """The objects' rows in order of time, and the stamps at which there could be one; the test split has no labels, which needs no note."""
    if not has_file(path):
        if path.parent.parent.name != "test":
            notes.append("annotations.feather is missing: the log has no labels")
        return Rows({}, np.zeros(0, np.int64), path, problems), np.zeros(0, np.int64)
    table = read_rows(path, _LABELS, problems)
    if not len(table) and not problems.found:
        notes.append("annotations.feather is empty: the log has no labels")
    label_times: Int64s = np.unique(table["timestamp_ns"]).astype(np.int64)
    is_object = np.asarray(table["category"] != "EGO_VEHICLE", bool)
    if not is_object.all():
        notes.append(f"{int((~is_object).sum())} EGO_VEHICLE rows are left out: they hold the recording vehicle itself")
        table.keep(is_object)
    _set_bad_labels_aside(table, trajectory)
    order = np.argsort(table["timestamp_ns"], kind="stable")
    table.columns, table.number = {name: values[order] for name, values in table.columns.items()}, table.number[order]
    return table, label_times


def _set_bad_labels_aside(table: Rows, trajectory: Trajectory | None) -> None:
    sizes = ("length_m", "width_m", "height_m")
    size = table.stack(*sizes)
    table.set_aside(
        ~((size.min(1, initial=np.inf) > 0) & (size.max(1, initial=0) < FARTHEST_M)),
        lambda i: table.wrong(i, expected="positive sizes", got=numbers_of(table, i, sizes), field=" ".join(sizes), hint=LABEL_HINT),
    )
    set_bad_poses_aside(table)
    _set_bad_counts_aside(table)
    if trajectory is not None:
        table.set_aside(
            ~trajectory.covers(table["timestamp_ns"].astype(np.int64)),
            lambda i: table.wrong(i, "a label lies outside the poses", got=str(table["timestamp_ns"][i]), field="timestamp_ns"),
        )
    for name in ("track_uuid", "category"):
        _set_blank_aside(table, name)
    hint = "give each object its own id"
    keys = list(zip(table["track_uuid"].tolist(), table["timestamp_ns"].tolist()))
    first: dict[Any, int] = {}
    table.set_aside(
        np.array([first.setdefault(key, i) != i for i, key in enumerate(keys)], bool),
        lambda i: table.wrong(i, "a track comes twice at one time", got=table["track_uuid"][i], field="track_uuid", hint=hint),
    )
    kinds: dict[Any, str] = {}
    pairs = list(zip(table["track_uuid"].tolist(), table["category"].tolist()))
    table.set_aside(
        np.array([kinds.setdefault(track_id, kind) != kind for track_id, kind in pairs], bool),
        lambda i: table.wrong(
            i, "a track changes its category", got=f"{kinds[pairs[i][0]]} and {pairs[i][1]}", field=f"track {pairs[i][0]}", hint=hint
        ),
    )


def _set_blank_aside(table: Rows, name: str) -> None:
    table.set_aside(
        np.array([not text.strip() for text in table[name].tolist()], bool),
        lambda i: table.wrong(i, expected="a text that is not empty", got=repr(table[name][i]), field=name, hint=LABEL_HINT),
    )


def _set_bad_counts_aside(table: Rows) -> None:
    """Where the file counts the points in its cuboids, the count is one that a sweep can hold, or not known."""
    name, most = "num_interior_pts", limits().points_per_frame
    if name in table.columns:
        values = table[name]
        if values.dtype.kind in "iuf":
            is_good = (values >= 0) & (values <= most) & (values == np.rint(values)) | (values != values)
        else:
            is_good = np.array([value is None for value in values], bool)
        table.set_aside(~is_good, lambda i: table.wrong(i, expected=f"a whole number from 0 to {most:,}", got=str(values[i])[:40], field=name))


def cuboids_from_lwh_rows(table: Rows) -> Cuboids:
    """Rows length, width, height, quaternion scalar first, geometric centre, in the ego frame of their stamp."""
    size, quat = table.stack("length_m", "width_m", "height_m"), table.stack("qw", "qx", "qy", "qz")
    return Cuboids(table.stack("tx_m", "ty_m", "tz_m"), size, quat_wxyz=quat, frame="ego")


def _tracks(table: Rows, label_times: Int64s, trajectory: Trajectory | None) -> list[Track]:
    if not len(table):
        return []
    frame = np.searchsorted(label_times, table["timestamp_ns"].astype(np.int64))
    cuboids = cuboids_from_lwh_rows(table)
    if trajectory is not None:
        used, which = np.unique(frame, return_inverse=True)
        cuboids = moved_each(cuboids, [trajectory.at(int(label_times[i])) for i in used], which, "world")
    extra = [name for name, values in table.columns.items() if name not in _LABELS and values.dtype.kind in "iufOUb"]
    members: dict[str, list[int]] = {}
    for i, track_id in enumerate(table["track_uuid"]):
        members.setdefault(str(track_id), []).append(i)
    limits().check("tracks_per_scene", len(members), table.path)
    tracks = []
    for track_id, rows in members.items():
        limits().check("keyframes_per_track", len(rows), table.path, f"track {track_id}")
        sources = [{name: _plain(table[name][i]) for name in extra} for i in rows] if extra else ()
        index = np.array(rows)
        tracks.append(dense_track(track_id, str(table["category"][rows[0]]), frame[index], label_times, cuboids[index], source_attributes=sources))
    return tracks


def _plain(value: Any) -> Any:
    """As JSON can hold it: numbers that are not finite become texts, such as "nan"."""
    plain = value.item() if isinstance(value, np.generic) else value
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain
