"""The files of boxwright's own scene folder: which of them belong to a frame of a sensor, and what is said of the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..arrays import Int64s
from ..errors import CalibrationError, FormatError
from ..point_labels import PointEdit
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar
from .boxwright_pictures import placed
from .boxwright_videos import VIDEOS, FilesAndVideos, KeptVideo
from .images import IMAGE_SUFFIXES
from .point_label_files import PointLabelFiles
from .sensor_files import POINT_SUFFIXES, SensorFiles, left_out_note, read_point_file, unread_note
from .strict_json import Node

__all__ = ["LABELS", "label_files", "read_point_edits", "sensor_files", "stray_notes"]

LABELS = "point_labels"
SWEEP_EXTRAS = frozenset({"timestamp_ns", "origin_m", "is_deskewed"})
_DATA = {"lidars": ("sweeps", POINT_SUFFIXES), "cameras": ("pictures", IMAGE_SUFFIXES), LABELS: ("point labels", (".npz",))}


def sensor_files(
    top: Node,
    folder: Path,
    frame_ids: Sequence[str],
    times: Int64s,
    lidars: Mapping[str, Lidar],
    cameras: Mapping[str, CameraSensor],
    videos: Mapping[str, KeptVideo],
) -> SensorFiles:
    """Where the points and pictures of every frame are, or would be."""
    sweeps = {name: _paths(folder / "lidars" / name, frame_ids, POINT_SUFFIXES) for name in lidars}
    images = {name: _paths(folder / "cameras" / name, frame_ids, IMAGE_SUFFIXES) for name in cameras}
    scales: dict[str, float | None] = {}
    own: dict[tuple[str, str], dict[str, Any]] = {}
    known = set(frame_ids)
    for node in top["lidars"]:
        name = node["name"].text()
        scales[name] = node["scale_m"].number() if node.has("scale_m") else None
        if scales[name] is not None and not scales[name] > 0:  # type: ignore[operator]
            raise node["scale_m"].wrong("a positive length")
        for frame_id, sweep in node.get("sweeps", {}).items():
            if frame_id not in known:
                raise node["sweeps"].wrong("frame ids as keys", repr(frame_id[:80]))
            sweep.only(frozenset(), SWEEP_EXTRAS)
            own[name, frame_id] = {"is_deskewed": sweep.get("is_deskewed", False).flag()}
            if sweep.has("timestamp_ns"):
                own[name, frame_id]["timestamp_ns"] = sweep["timestamp_ns"].whole()
            if sweep.has("origin_m"):
                own[name, frame_id]["origin_m"] = tuple(sweep["origin_m"].numbers(3).tolist())

    def read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
        said = {"timestamp_ns": int(times[frame_index]), **own.get((sensor, frame_ids[frame_index]), {})}
        return dataclasses.replace(read_point_file(path, frame=sensor, scale_m=scales[sensor]), **said)

    return FilesAndVideos(sweeps, images, read_sweep, {name: sensor.camera.size_px for name, sensor in cameras.items()}, videos)


def label_files(folder: Path, frame_ids: Sequence[str], lidars: Mapping[str, Lidar], data: SensorFiles) -> PointLabelFiles:
    """Where the point labels of every frame are, or would be."""

    def n_points(frame_index: int, sensor: str) -> int | None:
        return len(data.points(frame_index, sensor)) if data.has_points(frame_index, sensor) else None

    return PointLabelFiles({name: [folder / LABELS / name / f"{frame_id}.npz" for frame_id in frame_ids] for name in lidars}, n_points)


def read_point_edits(node: Node, n_frames: int, lidars: Mapping[str, Lidar], problems: Problems) -> list[PointEdit]:
    """Those of `point_edits`."""
    edits = []
    for item in node:
        with problems.aside(item.value), placed(item):
            edit = PointEdit.from_mapping(item.mapping())
            if edit.frame_index >= n_frames:
                raise item["frame_index"].wrong(f"a frame below {n_frames}", str(edit.frame_index))
            if edit.sensor not in lidars and not (edit.sensor == "lidar" and lidars):
                raise item["sensor"].wrong(f"one of {', '.join(lidars) or 'no LiDARs'}", repr(edit.sensor[:80]))
            edits.append(edit)
    return edits


def stray_notes(file: Path, frame_ids: Sequence[str], lidars: Sequence[str], cameras: Sequence[str], videos: Mapping[str, KeptVideo]) -> list[str]:
    """A sentence for every place that holds what no frame or sensor names, and for every video that is not there. CalibrationError for the data of a
    sensor that `file`, the scene.json, does not have."""
    folder = file.parent
    notes = unread_note(folder, _names(folder) - {file.name, VIDEOS, *_DATA})
    notes += unread_note(folder / VIDEOS, _names(folder / VIDEOS) - {video.path.name for video in videos.values() if video.is_copy})
    notes += [f"the video of {name} is not there: {video.path}" for name, video in videos.items() if not video.is_there]
    for kind, sensors in (("lidars", lidars), ("cameras", cameras), (LABELS, lidars)):
        what, suffixes = _DATA[kind]
        loose = _names(folder / kind) - set(sensors)
        for name in sorted(name for name in loose if _names(folder / kind / name)):
            raise CalibrationError(
                f"{what} have no calibration",
                expected=f"a sensor called {name!r}, for the data in {kind}/{name}",
                got=", ".join(sensors) or "none",
                path=file,
                field=kind,
                hint="add the sensor, or take its folder away to read without it",
            )
        notes += unread_note(folder / kind, loose)
        named = {frame_id + suffix for frame_id in frame_ids for suffix in suffixes}
        for name in sensors:
            notes += left_out_note(folder / kind / name, _names(folder / kind / name) - named, f"<frame_id>{suffixes[0]}")
    return notes


def _names(folder: Path) -> set[str]:
    """What is in a folder but for hidden files; nothing where there is no folder."""
    return {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")} if folder.is_dir() else set()


def _paths(folder: Path, frame_ids: Sequence[str], suffixes: Sequence[str]) -> list[Path]:
    """The file of every frame; the first suffix where there is none, so that an error can name it."""
    there = _names(folder)
    paths = []
    for frame_id in frame_ids:
        found = [suffix for suffix in suffixes if frame_id + suffix in there]
        if len(found) > 1:
            raise FormatError("two files for one frame", got=", ".join(frame_id + suffix for suffix in found), path=folder, hint="remove one")
        paths.append(folder / (frame_id + (found or suffixes)[0]))
    return paths
