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
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..cameras import PinholeCamera
from ..cuboids import Cuboids
from ..errors import BoxwrightError, CalibrationError, FormatError, SensorFrameFallback
from ..frames import Pose, Trajectory
from ..limits import FARTHEST_M, has_file, limits
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track
from .argoverse2_tables import HINT, Rows, read_rows
from .declared import Capabilities, Exactness
from .dense_tracks import bridged_poses_note, dense_track, moved_each
from .looking import names_of, subfolders
from .sensor_files import SensorFiles, left_out_note, unread_note

__all__ = ["CAPABILITIES", "detect", "list_scenes", "log_folder", "read"]

CAPABILITIES = Capabilities(
    title="Argoverse 2 sensor logs",
    reads="cuboids full_rotation tracks poses calibration classes track_ids times frame_names sweeps pictures",
    writes="cuboids full_rotation tracks poses calibration classes track_ids times sweeps pictures",
    partly={
        "calibration": "pinhole cameras with radial distortion k1, k2, k3 alone stay",
        "times": "frames with neither a sweep nor a label are dropped",
        "sweeps": "those of all LiDARs become one cloud in the ego frame, as float32",
        "pictures": "they become JPEG; those of cameras that are dropped are gone",
    },
    frame="ego",
    exact=Exactness(m=1e-9, rad=1e-9),
    client="av2",
    remarks=("Points are written as float32: the dataset's own float16 has steps of 6 cm beyond 64 m.",),
)

_LABEL_HINT = "correct the label"
_SPLITS = ("train", "val", "test", "sensor", "sensor/train", "sensor/val", "sensor/test")
_POSE = {"qw": "f", "qx": "f", "qy": "f", "qz": "f", "tx_m": "f", "ty_m": "f", "tz_m": "f"}
_LABELS = {"timestamp_ns": "i", "track_uuid": "s", "category": "s", "length_m": "f", "width_m": "f", "height_m": "f", **_POSE}
_INTRINSICS = {
    "fx_px": "f",
    "fy_px": "f",
    "cx_px": "f",
    "cy_px": "f",
    "k1": "f",
    "k2": "f",
    "k3": "f",
    "height_px": "i",
    "width_px": "i",
}
_STAMP = "(0|[1-9][0-9]{0,18})"
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
    sweeps = _stamped_files(log / "sensors" / "lidar", ".feather", notes)
    times = np.union1d(label_times, np.array(sorted(sweeps), np.int64)).astype(np.int64)
    if trajectory is None:
        lost = "no row of city_SE3_egovehicle.feather can be taken, so there are " if has_file(log / "city_SE3_egovehicle.feather") else ""
        notes.append(f"{lost}no poses: the tracks stay in the ego frame, and the motion of the vehicle is in them")
        warnings.warn(f"{log}: {notes[-1]}", SensorFrameFallback, stacklevel=4)
    else:
        notes += bridged_poses_note(trajectory.times_ns, label_times.astype(np.int64), times)
    notes += _unread(log)
    mounts, pinholes = _calibration(log, notes)
    origins = tuple(tuple(mounts[name].translation_m.tolist()) for name in _LIDARS if name in mounts)
    if not origins:
        notes.append(f"no calibration of {' and '.join(_LIDARS)}: the LiDARs' light is taken to come from the ego frame's origin")
    cameras: dict[str, CameraSensor] = {}
    images: dict[str, list[Path | None]] = {}
    for name, camera in pinholes.items():
        images[name], exposures = _nearest_images(log / "sensors" / "cameras" / name, times, trajectory, notes)
        cameras[name] = CameraSensor(name, camera, mounts[name], exposures)
    notes += _unused_pictures(log / "sensors" / "cameras", images)
    sizes_px = {name: sensor.camera.size_px for name, sensor in cameras.items()}
    return Scene(
        name=scene,
        times_ns=times,
        lidars={"lidar": Lidar("lidar", Pose.identity(), origins or ((0.0, 0.0, 0.0),))},
        cameras=cameras,
        trajectory=trajectory,
        tracks=_tracks(labels, label_times, trajectory),
        data=SensorFiles({"lidar": [log / "sensors" / "lidar" / f"{t}.feather" for t in times]}, images, _read_sweep, sizes_px),
        label_frame="ego" if trajectory is None else "world",
        frame_ids=tuple(str(t) for t in times),
        format="argoverse2",
        path=os.fspath(path),
        notes=notes,
    )


# ------------------------------------------------------------ poses


def _poses(table: Rows) -> list[Pose]:
    poses = []
    for row, (quat, place) in enumerate(zip(table.stack("qw", "qx", "qy", "qz"), table.stack("tx_m", "ty_m", "tz_m"))):
        try:
            poses.append(Pose.from_quat(quat, place))
        except BoxwrightError as error:
            raise table.wrong(row, error.what, expected=error.expected, got=error.got, field=error.field or "pose") from None
    return poses


def _trajectory(path: Path, problems: Problems) -> Trajectory | None:
    if not has_file(path):
        return None
    table = read_rows(path, {"timestamp_ns": "i", **_POSE}, problems)
    if not len(table) and not problems.found:
        raise FormatError(
            expected="at least one pose", got="an empty table", path=path, hint="get the file again, or take it away to read without poses"
        )
    _set_bad_poses_aside(table)
    times = table["timestamp_ns"].astype(np.int64)
    before = np.concatenate([[-(2**63)], np.maximum.accumulate(times)[:-1]]) if len(times) else times
    table.set_aside(
        (times <= before) & (np.arange(len(times)) > 0),
        lambda i: table.wrong(i, expected="increasing times", got=f"{times[i]} after {before[i]}", field="timestamp_ns"),
    )
    return Trajectory(table["timestamp_ns"].astype(np.int64), _poses(table)) if len(table) else None


def _set_bad_poses_aside(table: Rows) -> None:
    names, places = ("qw", "qx", "qy", "qz"), ("tx_m", "ty_m", "tz_m")
    table.set_aside(
        ~(np.abs(table.stack(*places)).max(1, initial=0) < FARTHEST_M),
        lambda i: table.wrong(
            i, expected=f"coordinates under {FARTHEST_M:g} m", got=_numbers(table, i, places), field=" ".join(places), hint=_LABEL_HINT
        ),
    )
    table.set_aside(
        ~(np.abs(np.linalg.norm(table.stack(*names), axis=1) - 1) <= 1e-6),
        lambda i: table.wrong(i, expected="a unit quaternion", got=_numbers(table, i, names), field=" ".join(names), hint=_LABEL_HINT),
    )


def _numbers(table: Rows, i: int, names: Sequence[str]) -> str:
    return " ".join(f"{table[name][i]:.9g}" for name in names)


def _stamped_files(folder: Path, suffix: str, notes: list[str]) -> dict[int, Path]:
    """Stamp in the file's name -> file."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    stems = {name: name.removesuffix(suffix) for name in names if re.fullmatch(_STAMP + re.escape(suffix), name)}
    files = {int(stem): folder / name for name, stem in stems.items() if int(stem) < 2**63}
    notes += left_out_note(folder, set(names) - {file.name for file in files.values()}, f"<timestamp_ns>{suffix}")
    return files


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


# ------------------------------------------------------------ sensors


def _calibration(log: Path, notes: list[str]) -> tuple[dict[str, Pose], dict[str, PinholeCamera]]:
    """Sensor -> its place, camera -> its intrinsics; nothing where the log has neither file. Each camera must be in both."""
    places, lenses = log / "calibration" / "egovehicle_SE3_sensor.feather", log / "calibration" / "intrinsics.feather"
    folder = log / "sensors" / "cameras"
    pictured = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and any(entry.iterdir())) if folder.is_dir() else []
    if not has_file(places) and not has_file(lenses):
        if pictured:
            expected, hint = (
                f"a row for {', '.join(pictured)}, which have pictures",
                "get the log's calibration, or take the pictures away to read without",
            )
            raise CalibrationError("no such file", expected=expected, path=lenses, hint=hint)
        notes.append("no calibration: the log has no cameras")
        return {}, {}
    for path, other in ((places, lenses), (lenses, places)):
        if not has_file(path):
            raise CalibrationError("no such file, and a camera needs both", expected=f"it beside {other.name}", path=path, hint=HINT)
    table = _sensor_table(places, _POSE)
    _set_bad_poses_aside(table)
    mounts = dict(zip(map(str, table["sensor_name"]), _poses(table)))
    table = _sensor_table(lenses, _INTRINSICS)
    cameras = {}
    for i, name in enumerate(map(str, table["sensor_name"])):
        try:
            cameras[name] = pinhole_from_k1_k2_k3({key: table[key][i] for key in _INTRINSICS})
        except BoxwrightError as error:
            raise CalibrationError(
                error.what, expected=error.expected, got=error.got, path=lenses, offset=f"row {i}", field=error.field, hint=HINT
            ) from None
    mounted = [name for name in mounts if not name.endswith("lidar")]
    for path, known, others, where in (
        (places, mounts, cameras, lenses.name),
        (lenses, cameras, mounted, places.name),
        (lenses, cameras, pictured, "sensors/cameras"),
    ):
        for name in others:
            if name not in known:
                expected = f"a row for {name}, which is in {where}"
                hint = "add the row, or take the camera away everywhere"
                raise CalibrationError("a camera has no calibration", expected=expected, path=path, field="sensor_name", hint=hint)
    return mounts, cameras


def _sensor_table(path: Path, columns: Mapping[str, str]) -> Rows:
    table = read_rows(path, {"sensor_name": "s", **columns})
    names = list(map(str, table["sensor_name"]))
    if len(set(names)) < len(names):
        row = next(i for i, name in enumerate(names) if name in names[:i])
        raise CalibrationError("a sensor comes twice", got=names[row], path=path, offset=f"row {row}", field="sensor_name", hint="keep one row of it")
    return table


def pinhole_from_k1_k2_k3(row: Mapping[str, Any]) -> PinholeCamera:
    """A row of intrinsics.feather: k1, k2, k3 are radial terms, which come as k1 k2 p1 p2 k3 in OpenCV's order."""
    fx, fy, cx, cy = (float(row[key]) for key in ("fx_px", "fy_px", "cx_px", "cy_px"))
    k1, k2, k3 = (float(row[key]) for key in ("k1", "k2", "k3"))
    return PinholeCamera(int(row["width_px"]), int(row["height_px"]), fx, fy, cx, cy, (k1, k2, 0.0, 0.0, k3))


def _nearest_images(folder: Path, times: Int64s, trajectory: Trajectory | None, notes: list[str]) -> tuple[list[Path | None], Int64s | None]:
    """The picture nearest to each frame, at most half a frame away, and when it was taken."""
    files = _stamped_files(folder, ".jpg", notes)
    if not files or not len(times):
        return [folder / f"{t}.jpg" for t in times], None
    stamps = np.array(sorted(files), np.int64)
    after = np.clip(np.searchsorted(stamps, times), 1, max(len(stamps) - 1, 1))
    near = np.where(
        np.abs(stamps[np.minimum(after, len(stamps) - 1)] - times) < np.abs(stamps[after - 1] - times), np.minimum(after, len(stamps) - 1), after - 1
    )
    reach = int(np.median(np.diff(times))) // 2 if len(times) > 1 else 50_000_000
    found = np.abs(stamps[near] - times) <= reach
    if trajectory is not None:
        found &= trajectory.covers(stamps[near])
    paths: list[Path | None] = [files[int(stamps[k])] if ok else None for k, ok in zip(near, found)]
    return paths, np.where(found, stamps[near], times)


def _unused_pictures(folder: Path, images: Mapping[str, Sequence[Path | None]]) -> list[str]:
    """A sentence on the pictures that are no frame's: cameras fire more often than the LiDAR turns."""
    n_all = sum(len(names_of(folder / name, _STAMP + r"\.jpg")) for name in images)
    n_used = len({path for paths in images.values() for path in paths if path is not None and path.is_file()})
    return [f"pictures that are no frame's: {n_all - n_used:,} of {n_all:,}; each frame has the nearest of each camera"] if n_used < n_all else []


def _read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
    table = read_rows(path, {}).columns  # coordinates need not be finite
    missing = [name for name in "xyz" if name not in table or table[name].dtype.kind != "f"]
    if missing:
        raise FormatError("a column is missing", expected=f"numbers {', '.join(missing)}", got=", ".join(table)[:200], path=path, hint=HINT)
    kind = np.float64 if any(table[name].dtype == np.float64 for name in "xyz") else np.float32
    offsets = table.get("offset_ns")
    if offsets is not None and offsets.dtype.kind not in "iu":
        raise FormatError(expected="whole numbers", got=f"dtype {offsets.dtype}", path=path, field="offset_ns", hint=HINT)
    intensity = table.get("intensity")
    if intensity is not None and intensity.dtype.kind not in "iuf":
        raise FormatError(expected="numbers", got=f"dtype {intensity.dtype}", path=path, field="intensity", hint=HINT)
    return Sweep(
        np.stack([table[name].astype(kind) for name in "xyz"], 1),
        int(path.stem),
        sensor,
        intensity,
        None if offsets is None else offsets.astype(np.int64),
        {name: values for name, values in table.items() if name not in ("x", "y", "z", "intensity", "offset_ns") and values.dtype.kind in "iuf"},
        is_deskewed=True,
    )


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
        lambda i: table.wrong(i, expected="positive sizes", got=_numbers(table, i, sizes), field=" ".join(sizes), hint=_LABEL_HINT),
    )
    _set_bad_poses_aside(table)
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
        lambda i: table.wrong(i, expected="a text that is not empty", got=repr(table[name][i]), field=name, hint=_LABEL_HINT),
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
