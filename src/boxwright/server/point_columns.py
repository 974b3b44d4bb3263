"""What a server tells of points besides their places: the sweep's own columns, labels, and colours out of the cameras' pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..aggregation import Aggregate
from ..arrays import UInt8s
from ..errors import ArgumentError
from ..occlusion import depth_map
from ..points import Sweep
from ..projection import project_points
from ..render.point_colors import labels_of_points, picture_colors
from ..scene import Scene

__all__ = ["COMPUTED", "KNOWN", "OF_MANY", "chosen_columns", "columns_of_many", "further_fields"]

KNOWN = ("intensity", "time_offset_ns", "index")  # of every sweep that has them
COMPUTED = ("class_id", "instance_id", "rgba", "uv", "sees")  # made for the request
OF_MANY = ("time_offset_ns", "class_id")  # of many sweeps as one cloud
OTHERS = "others"  # all further columns of the sweep
_PLAIN = re.compile(r"[A-Za-z0-9_]{1,40}")


def further_fields(sweep: Sweep) -> list[str]:
    """Names of the sweep's further columns that can be sent: numbers, under plain names that are not taken."""
    taken = {*KNOWN, *COMPUTED, OTHERS, "xyz"}
    return [name for name, column in sweep.fields.items() if _PLAIN.fullmatch(name) and name not in taken and column.dtype.kind in "biuf"]


def chosen_columns(scene: Scene, frame_index: int, sweep: Sweep, sensor: str, wanted: Sequence[str], cameras: Sequence[str] | None) -> dict[str, Any]:
    """name -> (N,) or (N, 4) for those of `wanted` that are not of every sweep. ArgumentError for a name that is none."""
    further = further_fields(sweep)
    names = [name for one in wanted for name in (further if one == OTHERS else [one]) if name not in KNOWN]
    columns: dict[str, Any] = {}
    labels = labels_of_points(scene, frame_index, sensor)[0] if {"class_id", "instance_id"} & set(names) else None
    for name in dict.fromkeys(names):
        if name == "rgba":
            columns[name] = picture_colors(scene, frame_index, sweep, sensor, cameras)
        elif name == "uv":
            columns[name] = _places(scene, frame_index, sweep, sensor, _one(cameras, name))
        elif name == "sees":
            columns[name] = _sees(scene, frame_index, sweep, sensor, _one(cameras, name))
        elif labels is not None and name in ("class_id", "instance_id"):
            columns[name] = getattr(labels, name)
        elif name in further:
            columns[name] = _sendable(sweep.fields[name])
        else:
            known = [*KNOWN, *COMPUTED, OTHERS, *further]
            raise ArgumentError(expected=f"some of {', '.join(known)}", got=f"{name!r:.60}", field="field", hint="each at most once")
    return columns


def columns_of_many(scene: Scene, cloud: Aggregate, at_ns: int, wanted: Sequence[str]) -> tuple[dict[str, NDArray[Any]], dict[int, str]]:
    """(name -> (N,) for those of OF_MANY that are wanted, the names of classes that points have).

    time_offset_ns : when a point was seen, from `at_ns` on; by its sweep's stamp where that does not tell
    class_id : of one table of names for all sweeps, whatever each counts by itself
    """
    times, class_id = np.zeros(len(cloud), np.int64), np.zeros(len(cloud), np.uint16)
    numbers: dict[str, int] = {}
    for rows in np.split(np.arange(len(cloud)), np.flatnonzero(np.diff(cloud.frame_index) | np.diff(cloud.sensor_index)) + 1):
        if not len(rows):
            continue
        i, sensor, index = int(cloud.frame_index[rows[0]]), cloud.sensors[cloud.sensor_index[rows[0]]], cloud.point_index[rows]
        if "time_offset_ns" in wanted:
            sweep = scene.points(i, sensor)
            times[rows] = sweep.timestamp_ns - at_ns
            if sweep.time_offset_ns is not None:
                times[rows] += sweep.time_offset_ns[index]
        if "class_id" in wanted:
            labels = labels_of_points(scene, i, sensor)[0]
            chosen = labels.class_id[index]
            for k in np.unique(chosen[chosen > 0]).tolist():
                class_id[rows[chosen == k]] = numbers.setdefault(labels.class_name(k), len(numbers) + 1)
    fits = len(times) == 0 or max(-times.min(), times.max()) < 1 << 31
    columns: dict[str, NDArray[Any]] = {"time_offset_ns": times.astype(np.int32) if fits else times, "class_id": class_id}
    return {name: columns[name] for name in dict.fromkeys(wanted)}, {k: name for name, k in numbers.items()}


def _sendable(column: NDArray[Any]) -> NDArray[Any]:
    """float16, long doubles and booleans become what every client knows."""
    if column.dtype.kind == "b":
        return column.astype(np.uint8)
    if column.dtype.kind == "f" and column.dtype.itemsize not in (4, 8):
        return column.astype(np.float32 if column.dtype.itemsize == 2 else np.float64)
    return column


def _one(cameras: Sequence[str] | None, column: str) -> str:
    if cameras is None or len(cameras) != 1:
        raise ArgumentError(expected="one camera", got="none" if not cameras else "several", field="camera", hint=f"{column} is in its picture")
    return cameras[0]


def _sees(scene: Scene, i: int, sweep: Sweep, sensor: str, camera: str) -> UInt8s:
    """(N,) uint8: 1 where a camera's picture shows a point and nothing stands before it."""
    pose, origins_m = scene.cam_from(i, camera, sensor), scene.lidar(sensor).origins_m
    return depth_map(sweep, scene.camera(camera).camera, pose, sensor_origins_m=origins_m).sees.astype(np.uint8)


def _places(scene: Scene, i: int, sweep: Sweep, sensor: str, camera: str) -> NDArray[np.float32]:
    """(N, 2) float32 pixels in the picture of a camera, NaN where a point is not in it."""
    seen = project_points(sweep, scene.camera(camera).camera, scene.cam_from(i, camera, sensor), dtype=np.float32)
    uv: NDArray[np.float32] = np.where(seen.in_image[:, None], seen.uv, np.float32(np.nan))
    return uv
