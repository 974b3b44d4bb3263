"""Argoverse 2 sensor logs: one log's folder, or a folder of logs (also by split: train/, val/, test/).

    annotations.feather                        cuboids in the ego frame of their own stamp
    city_SE3_egovehicle.feather                world_from_ego
    calibration/egovehicle_SE3_sensor.feather  ego_from_<sensor>;  calibration/intrinsics.feather
    sensors/lidar/<timestamp_ns>.feather       both LiDARs as one cloud, in the ego frame of its stamp; float16
    sensors/cameras/<camera>/<timestamp_ns>.jpg

Frames are the stamps of labels and sweeps together. Needs pyarrow: the extra `io`.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import PinholeCamera
from ..cuboids import Cuboids
from ..errors import BoxwrightError, CalibrationError, ExtraMissing, FormatError, SensorFrameFallback
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track
from .dense_tracks import bridged_poses_note, dense_track, moved_each
from .limits import checked_size, has_file, limits
from .sensor_files import SensorFiles, left_out_note

__all__ = ["detect", "list_scenes", "read"]

_HINT = "get the log's files again"
_SPLITS = ("train", "val", "test", "sensor")
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
_LIDARS = ("up_lidar", "down_lidar")
_KINDS = {"i": ("whole numbers", "iu"), "f": ("numbers", "fiu"), "s": ("texts", "OUST")}


def detect(path: Path) -> bool:
    return bool(list_scenes(path))


def list_scenes(path: Path) -> list[str]:
    return list(_logs(path))


def _logs(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        return {}
    if _is_log(path):
        return {path.name: path}
    logs = {child.name: child for child in sorted(path.iterdir()) if child.is_dir() and _is_log(child)}
    if logs:
        return logs
    found = [(split, name, log) for split in _SPLITS for name, log in _logs(path / split).items()]
    names = [name for _, name, _ in found]
    return {name if names.count(name) == 1 else f"{split}/{name}": log for split, name, log in found}


def _is_log(folder: Path) -> bool:
    return (folder / "annotations.feather").is_file() or (folder / "city_SE3_egovehicle.feather").is_file()


def read(path: Path, scene: str, problems: Problems) -> Scene:
    log = _logs(path)[scene]
    notes: list[str] = []
    trajectory = _trajectory(log / "city_SE3_egovehicle.feather")
    labels, is_object = _labels(log / "annotations.feather", notes)
    sweeps = _stamped_files(log / "sensors" / "lidar", ".feather", notes)
    label_times = np.unique(labels["timestamp_ns"])
    times = np.union1d(label_times, np.array(sorted(sweeps), np.int64)).astype(np.int64)
    if trajectory is None:
        notes.append("no poses: the tracks stay in the ego frame, and the motion of the vehicle is in them")
        warnings.warn(f"{log}: {notes[-1]}", SensorFrameFallback, stacklevel=4)
    else:
        notes += bridged_poses_note(trajectory.times_ns, label_times.astype(np.int64), times)
    mounts, pinholes = _calibration(log, notes)
    origins = tuple(tuple(mounts[name].translation_m.tolist()) for name in _LIDARS if name in mounts)
    if not origins:
        notes.append(f"no calibration of {' and '.join(_LIDARS)}: the LiDARs' light is taken to come from the ego frame's origin")
    cameras: dict[str, CameraSensor] = {}
    images: dict[str, list[Path | None]] = {}
    for name, camera in pinholes.items():
        images[name], exposures = _nearest_images(log / "sensors" / "cameras" / name, times, trajectory, notes)
        cameras[name] = CameraSensor(name, camera, mounts[name], exposures)
    sizes_px = {name: sensor.camera.size_px for name, sensor in cameras.items()}
    return Scene(
        name=scene,
        times_ns=times,
        lidars={"lidar": Lidar("lidar", Pose.identity(), origins or ((0.0, 0.0, 0.0),))},
        cameras=cameras,
        trajectory=trajectory,
        tracks=_tracks(labels, is_object, label_times, trajectory, log / "annotations.feather"),
        data=SensorFiles({"lidar": [log / "sensors" / "lidar" / f"{t}.feather" for t in times]}, images, _read_sweep, sizes_px),
        label_frame="ego" if trajectory is None else "world",
        frame_ids=tuple(str(t) for t in times),
        format="argoverse2",
        path=os.fspath(path),
        notes=notes,
    )


# ------------------------------------------------------------ tables


def _table(path: Path, columns: Mapping[str, str]) -> dict[str, Any]:
    """name -> array of the named columns and of all others; FormatError where one is missing, has holes or is of another kind."""
    try:
        import pyarrow as pa
        from pyarrow import feather
    except ImportError:
        raise ExtraMissing("reading Argoverse 2 needs pyarrow", path=path, hint="pip install 'boxwright[io]'") from None
    checked_size(path)
    try:
        table = feather.read_table(path, memory_map=False)
        table.validate(full=True)
        limits().check("points_per_frame", table.num_rows, path)
        found = {}
        for name in table.column_names:
            found[name] = table[name].to_numpy()
            if table[name].null_count and name in columns:
                row = int(np.argmax(table[name].is_null().to_numpy()))
                got = f"{table[name].null_count} empty cells"
                raise FormatError("a column has holes", got=got, path=path, offset=f"row {row}", field=name, hint=_HINT)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        if isinstance(error, BoxwrightError):
            raise
        raise FormatError(f"not a feather table: {str(error)[:150]}", path=path, hint=_HINT) from None
    for name, kind in columns.items():
        if name not in found:
            raise FormatError("a column is missing", expected=name, got=", ".join(found)[:200] or "none", path=path, hint=_HINT)
        words, kinds = _KINDS[kind]
        if found[name].dtype.kind not in kinds:
            raise FormatError(expected=words, got=f"dtype {found[name].dtype}", path=path, field=name, hint=_HINT)
        if kind == "f" and not np.isfinite(found[name]).all():
            row = int(np.argmin(np.isfinite(found[name])))
            raise FormatError(expected="finite numbers", got=str(found[name][row]), path=path, offset=f"row {row}", field=name, hint=_HINT)
    return found


def _poses(table: Mapping[str, Any], path: Path) -> list[Pose]:
    quats = np.stack([table[name] for name in ("qw", "qx", "qy", "qz")], 1).astype(np.float64)
    places = np.stack([table[name] for name in ("tx_m", "ty_m", "tz_m")], 1).astype(np.float64)
    poses = []
    for row, (quat, place) in enumerate(zip(quats, places)):
        try:
            poses.append(Pose.from_quat(quat, place))
        except BoxwrightError as error:
            raise FormatError(
                error.what, expected=error.expected, got=error.got, path=path, offset=f"row {row}", field=error.field, hint=_HINT
            ) from None
    return poses


def _trajectory(path: Path) -> Trajectory | None:
    if not has_file(path):
        return None
    table = _table(path, {"timestamp_ns": "i", **_POSE})
    times = table["timestamp_ns"].astype(np.int64)
    if not len(times):
        return None
    if (np.diff(times) <= 0).any():
        row = int(np.argmax(np.diff(times) <= 0)) + 1
        raise FormatError(
            expected="increasing times", got=f"{times[row]} after {times[row - 1]}", path=path, offset=f"row {row}", field="timestamp_ns", hint=_HINT
        )
    return Trajectory(times, _poses(table, path))


def _stamped_files(folder: Path, suffix: str, notes: list[str]) -> dict[int, Path]:
    """Stamp in the file's name -> file."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    stems = {name: name.removesuffix(suffix) for name in names if re.fullmatch(rf"(0|[1-9][0-9]{{0,18}}){re.escape(suffix)}", name)}
    files = {int(stem): folder / name for name, stem in stems.items() if int(stem) < 2**63}
    notes += left_out_note(folder, set(names) - {file.name for file in files.values()}, f"<timestamp_ns>{suffix}")
    return files


# ------------------------------------------------------------ sensors


def _calibration(log: Path, notes: list[str]) -> tuple[dict[str, Pose], dict[str, PinholeCamera]]:
    """Sensor -> its place, camera -> its intrinsics; nothing where the log has neither file. Each camera must be in both."""
    places, lenses = log / "calibration" / "egovehicle_SE3_sensor.feather", log / "calibration" / "intrinsics.feather"
    folder = log / "sensors" / "cameras"
    pictured = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and any(entry.iterdir())) if folder.is_dir() else []
    if not has_file(places) and not has_file(lenses):
        notes.append(f"no calibration: the log's cameras are left out{', with the pictures of ' if pictured else ''}{', '.join(pictured)}")
        return {}, {}
    for path, other in ((places, lenses), (lenses, places)):
        if not has_file(path):
            raise CalibrationError("no such file, and a camera needs both", expected=f"it beside {other.name}", path=path, hint=_HINT)
    table = _sensor_table(places, _POSE)
    mounts = dict(zip(map(str, table["sensor_name"]), _poses(table, places)))
    table = _sensor_table(lenses, _INTRINSICS)
    cameras = {}
    for i, name in enumerate(map(str, table["sensor_name"])):
        try:
            cameras[name] = pinhole_from_k1_k2_k3({key: table[key][i] for key in _INTRINSICS})
        except BoxwrightError as error:
            raise CalibrationError(
                error.what, expected=error.expected, got=error.got, path=lenses, offset=f"row {i}", field=error.field, hint=_HINT
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


def _sensor_table(path: Path, columns: Mapping[str, str]) -> dict[str, Any]:
    table = _table(path, {"sensor_name": "s", **columns})
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


def _read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
    table = _table(path, {})  # coordinates need not be finite
    missing = [name for name in "xyz" if name not in table or table[name].dtype.kind != "f"]
    if missing:
        raise FormatError("a column is missing", expected=f"numbers {', '.join(missing)}", got=", ".join(table)[:200], path=path, hint=_HINT)
    kind = np.float64 if any(table[name].dtype == np.float64 for name in "xyz") else np.float32
    offsets = table.get("offset_ns")
    if offsets is not None and offsets.dtype.kind not in "iu":
        raise FormatError(expected="whole numbers", got=f"dtype {offsets.dtype}", path=path, field="offset_ns", hint=_HINT)
    return Sweep(
        np.stack([table[name].astype(kind) for name in "xyz"], 1),
        int(path.stem),
        sensor,
        table.get("intensity"),
        None if offsets is None else offsets.astype(np.int64),
        {name: values for name, values in table.items() if name not in ("x", "y", "z", "intensity", "offset_ns") and values.dtype.kind in "iuf"},
    )


# ------------------------------------------------------------ labels


def _labels(path: Path, notes: list[str]) -> tuple[dict[str, Any], Any]:
    """The rows, and which of them are objects; the test split has no labels, which needs no note."""
    if not has_file(path):
        if path.parent.parent.name != "test":
            notes.append("annotations.feather is missing: the log has no labels")
        return {"timestamp_ns": np.zeros(0, np.int64)}, np.zeros(0, bool)
    table = _table(path, _LABELS)
    if not len(table["category"]):
        notes.append("annotations.feather is empty: the log has no labels")
    is_object = table["category"] != "EGO_VEHICLE"
    if not is_object.all():
        notes.append(f"{int((~is_object).sum())} EGO_VEHICLE rows are left out: they hold the recording vehicle itself")
    return table, is_object


def cuboids_from_lwh_rows(table: Mapping[str, Any], rows: Int64s, path: Path) -> Cuboids:
    """Rows length, width, height, quaternion scalar first, geometric centre, in the ego frame of their stamp."""

    def pick(*names: str) -> Float64s:
        return np.stack([table[name][rows] for name in names], 1).astype(np.float64)

    size = pick("length_m", "width_m", "height_m")
    quat = pick("qw", "qx", "qy", "qz")
    for name, bad, expected in (
        ("length_m width_m height_m", (size <= 0).any(1), "positive sizes"),
        ("qw qx qy qz", np.abs(np.linalg.norm(quat, axis=1) - 1) > 1e-6, "a unit quaternion"),
    ):
        if bad.any():
            i = int(np.argmax(bad))
            got = " ".join(f"{table[key][rows[i]]:.9g}" for key in name.split())
            raise FormatError(expected=expected, got=got, path=path, offset=f"row {rows[i]}", field=name, hint="correct the label")
    return Cuboids(pick("tx_m", "ty_m", "tz_m"), size, quat_wxyz=quat, frame="ego")


def _tracks(table: Mapping[str, Any], is_object: Any, label_times: Int64s, trajectory: Trajectory | None, path: Path) -> list[Track]:
    rows = np.flatnonzero(is_object)
    if not len(rows):
        return []
    rows = rows[np.argsort(table["timestamp_ns"][rows], kind="stable")]
    stamps = table["timestamp_ns"][rows].astype(np.int64)
    frame = np.searchsorted(label_times, stamps)
    cuboids = cuboids_from_lwh_rows(table, rows, path)
    if trajectory is not None:
        beyond = ~trajectory.covers(stamps)
        if beyond.any():
            got = f"{stamps[beyond][0]}"
            raise FormatError("a label lies outside the poses", got=got, path=path, offset=f"row {rows[beyond][0]}", field="timestamp_ns", hint=_HINT)
        used, which = np.unique(frame, return_inverse=True)
        cuboids = moved_each(cuboids, [trajectory.at(int(label_times[i])) for i in used], which, "world")
    extra = [name for name in table if name not in _LABELS and table[name].dtype.kind in "iufOUb"]
    members: dict[str, list[int]] = {}
    for i, track_id in enumerate(table["track_uuid"][rows]):
        members.setdefault(str(track_id), []).append(i)
    limits().check("tracks_per_scene", len(members), path)
    return [_track(track_id, np.array(index), table, rows, frame, label_times, cuboids, extra, path) for track_id, index in members.items()]


def _track(
    track_id: str,
    index: Int64s,
    table: Mapping[str, Any],
    rows: Int64s,
    frame: Int64s,
    label_times: Int64s,
    cuboids: Cuboids,
    extra: Sequence[str],
    path: Path,
) -> Track:
    limits().check("keyframes_per_track", len(index), path, f"track {track_id}")
    if (np.diff(frame[index]) == 0).any():
        row = int(rows[index[1:]][np.diff(frame[index]) == 0][0])
        raise FormatError(
            "a track comes twice at one time", got=track_id, path=path, offset=f"row {row}", field="track_uuid", hint="give each object its own id"
        )
    categories = sorted({str(name) for name in table["category"][rows[index]]})
    if len(categories) > 1:
        got = " and ".join(categories)
        raise FormatError("a track changes its category", got=got, path=path, field=f"track {track_id}", hint="give each object its own id")
    sources = [{name: _plain(table[name][rows[i]]) for name in extra} for i in index] if extra else ()
    return dense_track(track_id, categories[0], frame[index], label_times, cuboids[index], source_attributes=sources)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
