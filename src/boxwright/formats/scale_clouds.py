"""Point clouds as JSON in the world, as Scale AI takes them: {device_position, device_heading, points: [{x, y, z, i, d}], images}; d is the number
of a point's LiDAR, told where there are several."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, as_points
from ..errors import LimitError
from ..frames import Pose
from ..limits import checked_size, limits
from ..points import Sweep
from ..scene import Scene
from . import strict_json
from .one_cloud import WHICH, OneCloud
from .scale_geometry import ORIGIN, World, origin_of, pose_of
from .streamed_json import json_line
from .strict_json import Node
from .write_report import Told, WriteReport

__all__ = ["SWEEPS", "TIME", "is_in_sensor_frame", "place_of", "read_cloud", "read_head", "unposed_note", "write_clouds"]

SWEEPS = "those of all LiDARs become one cloud in the frame of the first, in steps of 0.1 mm, without their fields, intensity from 0 to 1"
TIME = "boxwright_timestamp_ns"
_IN_SENSOR_FRAME = "boxwright_in_sensor_frame"  # set where all coordinates are in the frame of their own cloud, which Scale has no word for
_STEP_DIGITS = 4  # a tenth of a millimetre
_BRIGHT_DIGITS = 6
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
    xyz = np.array([one.numbers_of("xyz") for one in points]).reshape(-1, 3)
    if np.abs(xyz).max(initial=0) > 1e12:
        raise LimitError("points further away than any map reaches", path=file, hint="export the file again")
    bright = np.array([one.get("i", 0.0).number() for one in points], np.float32)
    devices = {WHICH: np.array([_device(one) for one in points])} if any("d" in one.value for one in points) else {}
    return Sweep(xyz if pose is None else pose.inverse().apply(xyz), timestamp_ns, sensor, bright, fields=devices)


def _device(point: Node) -> int:
    number = point.get("d", 0).whole()
    if not 0 <= number < 2**31:
        raise point["d"].wrong("the number of a device", str(number))
    return number


def write_clouds(
    scene: Scene, world: World, folder: Path, stems: list[str], report: WriteReport, images: Callable[[int], list[dict[str, Any]]] | None = None
) -> None:
    """A file for each frame, with the place of the first LiDAR, and the points of all of them where the frame has a sweep.

    images : frame index -> what is told of its pictures
    """
    folder.mkdir()
    cloud, scaled = OneCloud(scene, ["intensity", WHICH]), set[str]()
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
        sweep = cloud.of(i)
        if sweep is not None:
            cloud.losses.leave_out(int((~sweep.is_finite).sum()))
        told = {"points": [] if sweep is None else _points(sweep, pose, scaled), "images": [] if images is None else images(i)}
        (folder / f"{stem}.json").write_text(json_line({**head, **told}, stem) + "\n", encoding="utf-8")
    if cloud.n_clouds:
        report.rounded.append(Told("sweeps", "points: steps of a tenth of a millimetre", n=0))
        report.rounded += [Told("sweeps", f"intensity: {what}", ["intensity"]) for what in sorted(scaled)]
        report.tolerance_points_m = 10.0**-_STEP_DIGITS
    cloud.say(report)


def _points(sweep: Sweep, pose: Pose | None, scaled: set[str]) -> list[dict[str, float]]:
    kept = np.asarray(sweep.is_finite)
    xyz = as_points("sweep", sweep)[kept].astype(np.float64)
    columns: dict[str, list[float]] = dict(zip("xyz", np.round(xyz if pose is None else pose.apply(xyz), _STEP_DIGITS).T.tolist()))
    if sweep.intensity is not None:
        columns["i"] = np.round(_bright(np.asarray(sweep.intensity)[kept], scaled), _BRIGHT_DIGITS).tolist()
    if WHICH in sweep.fields and np.issubdtype(sweep.fields[WHICH].dtype, np.integer):
        columns["d"] = sweep.fields[WHICH][kept].tolist()
    names = list(columns)
    return [dict(zip(names, row)) for row in zip(*columns.values())]


def _bright(intensity: Any, scaled: set[str]) -> Float64s:
    """From 0 to 1; what is no number is dark, and what is infinite as bright as any."""
    if np.issubdtype(intensity.dtype, np.integer):
        scaled.add(f"from 0 to 1, {np.iinfo(intensity.dtype).max} becoming 1")
        return np.asarray(intensity / np.iinfo(intensity.dtype).max, np.float64)
    bright: Float64s = intensity.astype(np.float64)
    most = max(float(bright[np.isfinite(bright)].max(initial=0)), 1.0)
    if most > 1:
        scaled.add("from 0 to 1, the brightest point of each frame becoming 1")
    bright = np.clip(np.nan_to_num(bright, posinf=most) / most, 0, 1)
    if most == 1 and not np.array_equal(np.round(bright, _BRIGHT_DIGITS), intensity):
        scaled.add(f"from 0 to 1, rounded to {_BRIGHT_DIGITS} decimals")
    return bright
