"""Point clouds as JSON in the world, as Scale AI takes them: {device_position, device_heading, points: [{x, y, z, i}]}."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, as_points
from ..errors import LimitError, number_of
from ..frames import Pose
from ..limits import checked_size, limits
from ..points import Sweep
from ..scene import Scene
from . import strict_json
from .scale_geometry import ORIGIN, World, origin_of, pose_of
from .streamed_json import json_line
from .strict_json import Node
from .write_report import WriteReport

__all__ = ["TIME", "is_in_sensor_frame", "place_of", "read_cloud", "read_head", "unposed_note", "write_clouds"]

TIME = "boxwright_timestamp_ns"
_IN_SENSOR_FRAME = "boxwright_in_sensor_frame"  # set where all coordinates are in the frame of their own cloud, which Scale has no word for
_STEP_DIGITS = 4  # a tenth of a millimetre
_POINTS = re.compile(rb'"points"\s*:\s*\[')


def read_head(file: Path) -> tuple[Node, bool]:
    """What a frame's file says beside its points, and whether it has any. Points have no lists in them, so that theirs ends at the first bracket."""
    limits().check("json_bytes", checked_size(file), file)
    raw = file.read_bytes()
    begin = _POINTS.search(raw)
    end = raw.find(b"]", begin.end()) if begin else -1
    has_points = begin is not None and end > 0 and bool(raw[begin.end() : end].strip())
    if begin and end > 0:
        raw = raw[: begin.end()] + raw[end:]
    return strict_json.of_bytes(raw, file), has_points


def place_of(head: Node) -> tuple[Pose | None, Float64s]:
    """Where the device was, and what was taken off all coordinates."""
    said = head.mapping()
    pose = pose_of(head["device_position"], head["device_heading"]) if "device_position" in said and "device_heading" in said else None
    return pose, origin_of(said, head)


def is_in_sensor_frame(heads: Sequence[Node]) -> bool:
    return bool(heads) and all(head.mapping().get(_IN_SENSOR_FRAME) is True for head in heads)


def unposed_note(heads: Sequence[Node]) -> str:
    """What labels without the place of any device stand in."""
    if is_in_sensor_frame(heads):
        return "no poses: the tracks stay in the frame of the clouds, and the motion of the vehicle is in them"
    return (
        "no frame tells where its device was: coordinates stay as the file has them, which in Scale's own files is in a world that stands still; "
        "the frame called lidar here is that one, and distances from it are none from a sensor"
    )


def read_cloud(file: Path, sensor: str, timestamp_ns: int, pose: Pose | None) -> Sweep:
    """A frame's points in the frame of its device, which was at `pose` in their world; as they are where that is None."""
    points = strict_json.load(file)["points"]
    limits().check("points_per_frame", len(points), file)
    xyz = np.array([[one[axis].number() for axis in "xyz"] for one in points]).reshape(-1, 3)
    if np.abs(xyz).max(initial=0) > 1e12:
        raise LimitError("points further away than any map reaches", path=file, hint="export the file again")
    bright = np.array([one.get("i", 0.0).number() for one in points], np.float32)
    return Sweep(xyz if pose is None else pose.inverse().apply(xyz), timestamp_ns, sensor, bright)


def write_clouds(scene: Scene, world: World, folder: Path, stems: list[str], report: WriteReport) -> None:
    """A file for each frame, with the place of the first LiDAR, and its points where the frame has a sweep."""
    folder.mkdir()
    name = next(iter(scene.lidars), None)
    n_written = 0
    scaled = set[str]()
    for i, stem in enumerate(stems):
        pose = world.lidar_pose(i)
        head: dict[str, Any] = {TIME: int(scene.times_ns[i])} if scene.has_time else {}
        if world.is_in_sensor_frame:
            head[_IN_SENSOR_FRAME] = True
        if world.origin_m.any():
            head[ORIGIN] = world.origin_m.tolist()
        if pose is not None:
            head["device_position"] = dict(zip("xyz", pose.translation_m.tolist()))
            head["device_heading"] = dict(zip("wxyz", pose.quat_wxyz.tolist()))
        points: list[dict[str, float]] = []
        if name is not None and scene.has_points(i, name):
            points = _points(scene.points(i, name), pose, scaled)
            n_written += 1
        (folder / f"{stem}.json").write_text(json_line({**head, "points": points, "images": []}, stem) + "\n", encoding="utf-8")
    if n_written:
        report.rounded.append("points: steps of a tenth of a millimetre")
        report.rounded += [f"intensity: {what}" for what in sorted(scaled)]
    if n_written < len(scene) and name is not None:
        report.missing.append(f"{number_of(len(scene) - n_written, 'frame')} without a sweep of {name}")


def _points(sweep: Sweep, pose: Pose | None, scaled: set[str]) -> list[dict[str, float]]:
    kept = np.asarray(sweep.is_finite)
    xyz = as_points("sweep", sweep)[kept].astype(np.float64)
    rows = np.round(xyz if pose is None else pose.apply(xyz), _STEP_DIGITS).tolist()
    if sweep.intensity is None:
        return [{"x": x, "y": y, "z": z} for x, y, z in rows]
    bright = np.asarray(sweep.intensity)[kept].astype(np.float64)
    if np.issubdtype(sweep.intensity.dtype, np.integer):
        bright = bright / np.iinfo(sweep.intensity.dtype).max
        scaled.add(f"from 0 to 1, {np.iinfo(sweep.intensity.dtype).max} becoming 1")
    elif bright.max(initial=0) > 1:
        bright = np.clip(bright / bright.max(), 0, 1)
        scaled.add("from 0 to 1, the brightest point of each frame becoming 1")
    return [{"x": x, "y": y, "z": z, "i": i} for (x, y, z), i in zip(rows, np.round(np.nan_to_num(bright), 6).tolist())]
