"""The sensors of an Argoverse 2 log: tables of poses, calibration, sweeps and pictures; the layout is drawn in argoverse2.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..cameras import PinholeCamera
from ..errors import BoxwrightError, CalibrationError, FormatError
from ..frames import Pose, Trajectory, many_poses, unit_quats
from ..limits import FARTHEST_M, has_file
from ..points import Sweep
from ..rotations import matrix_from_quat
from .argoverse2_tables import HINT, Rows, read_rows
from .looking import names_of
from .sensor_files import left_out_note

__all__ = [
    "LABEL_HINT",
    "POSE_COLUMNS",
    "calibration",
    "nearest_images",
    "numbers_of",
    "poses_of",
    "read_sweep",
    "set_bad_poses_aside",
    "stamped_files",
    "unused_pictures",
]

LABEL_HINT = "correct the label"
POSE_COLUMNS = {"qw": "f", "qx": "f", "qy": "f", "qz": "f", "tx_m": "f", "ty_m": "f", "tz_m": "f"}
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


# ------------------------------------------------------------ tables of poses


def poses_of(table: Rows) -> list[Pose]:
    quats, places = table.stack("qw", "qx", "qy", "qz"), table.stack("tx_m", "ty_m", "tz_m")
    if (np.abs(np.linalg.norm(quats, axis=1) - 1) <= 1e-6).all():
        many = many_poses(matrix_from_quat(unit_quats("pose.quat_wxyz", quats)), places)
        if many is not None:
            return many
    poses = []
    for row, (quat, place) in enumerate(zip(quats, places)):  # one of them is none: which, and why
        try:
            poses.append(Pose.from_quat(quat, place))
        except BoxwrightError as error:
            raise table.wrong(row, error.what, expected=error.expected, got=error.got, field=error.field or "pose") from None
    return poses


def set_bad_poses_aside(table: Rows) -> None:
    names, places = ("qw", "qx", "qy", "qz"), ("tx_m", "ty_m", "tz_m")
    table.set_aside(
        ~(np.abs(table.stack(*places)).max(1, initial=0) < FARTHEST_M),
        lambda i: table.wrong(
            i, expected=f"coordinates under {FARTHEST_M:g} m", got=numbers_of(table, i, places), field=" ".join(places), hint=LABEL_HINT
        ),
    )
    table.set_aside(
        ~(np.abs(np.linalg.norm(table.stack(*names), axis=1) - 1) <= 1e-6),
        lambda i: table.wrong(i, expected="a unit quaternion", got=numbers_of(table, i, names), field=" ".join(names), hint=LABEL_HINT),
    )


def numbers_of(table: Rows, i: int, names: Sequence[str]) -> str:
    return " ".join(f"{table[name][i]:.9g}" for name in names)


# ------------------------------------------------------------ calibration, pictures, sweeps


def stamped_files(folder: Path, suffix: str, notes: list[str]) -> dict[int, Path]:
    """Stamp in the file's name -> file."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    stems = {name: name.removesuffix(suffix) for name in names if re.fullmatch(_STAMP + re.escape(suffix), name)}
    files = {int(stem): folder / name for name, stem in stems.items() if int(stem) < 2**63}
    notes += left_out_note(folder, set(names) - {file.name for file in files.values()}, f"<timestamp_ns>{suffix}")
    return files


def calibration(log: Path, notes: list[str]) -> tuple[dict[str, Pose], dict[str, PinholeCamera]]:
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
    table = _sensor_table(places, POSE_COLUMNS)
    set_bad_poses_aside(table)
    mounts = dict(zip(map(str, table["sensor_name"]), poses_of(table)))
    table = _sensor_table(lenses, _INTRINSICS)
    cameras = {}
    for i, name in enumerate(map(str, table["sensor_name"])):
        try:
            cameras[name] = _pinhole_from_k1_k2_k3({key: table[key][i] for key in _INTRINSICS})
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


def _pinhole_from_k1_k2_k3(row: Mapping[str, Any]) -> PinholeCamera:
    """A row of intrinsics.feather: k1, k2, k3 are radial terms, which come as k1 k2 p1 p2 k3 in OpenCV's order."""
    fx, fy, cx, cy = (float(row[key]) for key in ("fx_px", "fy_px", "cx_px", "cy_px"))
    k1, k2, k3 = (float(row[key]) for key in ("k1", "k2", "k3"))
    return PinholeCamera(int(row["width_px"]), int(row["height_px"]), fx, fy, cx, cy, (k1, k2, 0.0, 0.0, k3))


def nearest_images(folder: Path, times: Int64s, trajectory: Trajectory | None, notes: list[str]) -> tuple[list[Path | None], Int64s | None]:
    """The picture nearest to each frame, at most half a frame away, and when it was taken."""
    files = stamped_files(folder, ".jpg", notes)
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


def unused_pictures(folder: Path, images: Mapping[str, Sequence[Path | None]]) -> list[str]:
    """A sentence on the pictures that are no frame's: cameras fire more often than the LiDAR turns."""
    n_all = sum(len(names_of(folder / name, _STAMP + r"\.jpg")) for name in images)
    n_used = len({path for paths in images.values() for path in paths if path is not None and path.is_file()})
    return [f"pictures that are no frame's: {n_all - n_used:,} of {n_all:,}; each frame has the nearest of each camera"] if n_used < n_all else []


def read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
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
