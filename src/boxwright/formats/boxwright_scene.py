"""boxwright's own scene folder: a Scene goes in and comes out bit by bit.

    scene.json                          everything but sensor data; units in the keys
    lidars/<name>/<frame_id>.pcd        sweeps: .pcd, .npy, .npz or .bin; with `scale_m`, whole numbers of so many metres
    cameras/<name>/<frame_id>.png       pictures: .png or .jpg

A frame without a file has no data. Numbers are written as the shortest text that gives the same float64 back.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import Camera, FisheyeCamera, PinholeCamera
from ..cuboids import Cuboids
from ..errors import BoxwrightError, FormatError
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..problems import Problem, Problems
from ..rotations import quat_from_yaw
from ..scene import CameraSensor, Lidar, Relation, Scene
from ..tracks import Origin, Track, Visibility
from . import strict_json
from .images import IMAGE_SUFFIXES
from .limits import limits
from .sensor_files import POINT_SUFFIXES, SensorFiles, read_point_file
from .strict_json import Node

__all__ = ["CAMERA_MODELS", "VERSION", "detect", "is_safe_name", "list_scenes", "read"]

VERSION = 1
CAMERA_MODELS: dict[str, type[PinholeCamera] | type[FisheyeCamera]] = {"pinhole": PinholeCamera, "fisheye": FisheyeCamera}
VISIBILITIES = {item.name.lower(): int(item) for item in Visibility}
ORIGINS = {item.name.lower(): int(item) for item in Origin}
_MARK = re.compile(rb'"format"\s*:\s*"boxwright"')
_BAD_IN_NAMES = set('/\\:*?"<>|') | {chr(i) for i in range(32)}


def detect(path: Path) -> bool:
    """A folder with a scene.json of ours, or a folder of such folders."""
    return bool(list_scenes(path))


def list_scenes(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    if _is_ours(path):
        return [path.name]
    return sorted(child.name for child in path.iterdir() if child.is_dir() and _is_ours(child))


def _is_ours(folder: Path) -> bool:
    file = folder / "scene.json"
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return _MARK.search(stream.read(4096)) is not None


def is_safe_name(name: str) -> bool:
    """Fit to be a file's or folder's name anywhere."""
    return bool(name) and len(name) <= 128 and not name.startswith(".") and not name.endswith((".", " ")) and not set(name) & _BAD_IN_NAMES


def read(path: Path, scene: str, problems: Problems) -> Scene:
    folder = path if _is_ours(path) else path / scene
    top = strict_json.load(folder / "scene.json")
    if top["format"].text() != "boxwright":
        raise top["format"].wrong("'boxwright'")
    if top["version"].whole() != VERSION:
        raise top["version"].wrong(f"version {VERSION}", hint="read it with the boxwright that wrote it, or a newer one")
    try:
        return _scene(top, folder)
    except FormatError:
        raise
    except BoxwrightError as error:  # a value that cannot be: say in which file
        raise type(error)(
            error.what, expected=error.expected, got=error.got, path=error.path or top.path, offset=error.offset, field=error.field, hint=error.hint
        ) from None


def _scene(top: Node, folder: Path) -> Scene:
    frames = list(top["frames"])
    limits().check("frames_per_scene", len(frames), top.path, "frames")
    times = np.array([frame["timestamp_ns"].whole() for frame in frames], np.int64)
    frame_ids = [_name(frame["frame_id"]) for frame in frames]
    if len(set(frame_ids)) != len(frame_ids):
        raise top["frames"].wrong("frame ids that differ", "the same one twice")
    lidars = {lidar.name: lidar for lidar in map(_lidar, top.get("lidars", []))}
    cameras = {camera.name: camera for camera in map(_camera, top.get("cameras", []))}
    tracks = top.get("tracks", [])
    limits().check("tracks_per_scene", len(tracks), top.path, "tracks")
    label_frame = top["label_frame"].text()
    return Scene(
        name=top["name"].text(),
        times_ns=times,
        lidars=lidars,
        cameras=cameras,
        trajectory=_trajectory(top["trajectory"]) if top.has("trajectory") else None,
        tracks=[_track(track, label_frame) for track in tracks],
        data=_sensor_files(top, folder, frame_ids, times, lidars, cameras),
        has_time=top.get("has_time", True).flag(),
        label_frame=label_frame,
        frame_ids=tuple(frame_ids),
        format="boxwright",
        path=os.fspath(folder),
        tags=top.get("tags", {}).mapping(),
        relations=[_relation(relation) for relation in top.get("relations", [])],
        source_attributes=top.get("source_attributes", {}).mapping(),
        notes=[note.text() for note in top.get("notes", [])],
        problems=[Problem.from_mapping(problem.mapping()) for problem in top.get("problems", [])],
    )


def _name(node: Node) -> str:
    if not is_safe_name(node.text()):
        raise node.wrong("a name that can be a file's name", hint="use letters, digits, '-', '_' and '.'")
    return node.text()


def _pose(node: Node) -> Pose:
    if node.has("quat_wxyz"):  # written by hand
        return Pose.from_quat(node["quat_wxyz"].numbers(4), node["translation_m"].numbers(3), field=node.field)
    return Pose(node["rotation"].numbers(3, 3), node["translation_m"].numbers(3), field=node.field)


def _lidar(node: Node) -> Lidar:
    origins = tuple(tuple(float(v) for v in origin.numbers(3)) for origin in node.get("origins_m", [[0.0, 0.0, 0.0]]))
    return Lidar(_name(node["name"]), _pose(node["ego_from_lidar"]), origins)  # type: ignore[arg-type]


def _camera(node: Node) -> CameraSensor:
    model = node["model"].one_of(CAMERA_MODELS)
    numbers = {key: node[key].number() for key in ("fx_px", "fy_px", "cx_px", "cy_px")}
    distortion = tuple(item.number() for item in node.get("distortion", []))
    camera: Camera = model(node["width_px"].whole(), node["height_px"].whole(), **numbers, distortion=distortion)
    times = np.array([item.whole() for item in node["timestamp_ns"]], np.int64) if node.has("timestamp_ns") else None
    return CameraSensor(_name(node["name"]), camera, _pose(node["ego_from_cam"]), times)


def _trajectory(node: Node) -> Trajectory:
    poses = [_pose(item) for item in node]
    return Trajectory(np.array([item["timestamp_ns"].whole() for item in node], np.int64), poses)


def _track(node: Node, label_frame: str) -> Track:
    keyframes = list(node["keyframes"])
    limits().check("keyframes_per_track", len(keyframes), node.path, f"{node.field}.keyframes")
    if not keyframes:
        raise node["keyframes"].wrong("at least one keyframe", "none")
    return Track(
        track_id=node["track_id"].text(),
        category=node["category"].text(),
        times_ns=np.array([item["timestamp_ns"].whole() for item in keyframes], np.int64),
        cuboids=_cuboids(keyframes, label_frame),
        visibility=np.array([item.get("visibility", "visible").one_of(VISIBILITIES) for item in keyframes], np.uint8),
        origin=np.array([item.get("origin", "given").one_of(ORIGINS) for item in keyframes], np.uint8),
        attributes=node.get("attributes", {}).mapping(),
        keyframe_attributes=_rows(keyframes, "attributes"),
        method=node.get("method", "makima").text(),
        source_attributes=node.get("source_attributes", {}).mapping(),
        keyframe_source_attributes=_rows(keyframes, "source_attributes"),
    )


def _rows(keyframes: Sequence[Node], key: str) -> Sequence[dict[str, Any]]:
    return [item.get(key, {}).mapping() for item in keyframes] if any(item.has(key) for item in keyframes) else ()


def _cuboids(keyframes: Sequence[Node], frame: str) -> Cuboids:
    """Keyframes carry `yaw_rad` where the cuboid is upright, else `quat_wxyz`; either gives back the very bits that were written."""
    center = np.array([item["center_m"].numbers(3) for item in keyframes])
    size = np.array([item["size_m"].numbers(3) for item in keyframes])
    yaw = np.array([item["yaw_rad"].number() if item.has("yaw_rad") else np.nan for item in keyframes])
    turned = np.isnan(yaw)
    quat = quat_from_yaw(np.where(turned, 0.0, yaw))
    for i in np.flatnonzero(turned).tolist():
        quat[i] = keyframes[i]["quat_wxyz"].numbers(4)
    field = keyframes[0].field.removesuffix("[0]")
    try:
        checked = Cuboids(center, size, quat_wxyz=quat, frame=frame)
    except BoxwrightError as error:
        raise FormatError(
            error.what, expected=error.expected, got=error.got, path=keyframes[0].path, field=f"{field}.{error.field}", hint="correct the label"
        ) from None
    upright = Cuboids(center, size, yaw_rad=np.where(turned, 0.0, yaw), frame=frame)
    as_written = np.where(np.abs(np.linalg.norm(quat, axis=1, keepdims=True) - 1) < 1e-15, quat, checked.quat_wxyz)
    exact = Cuboids._trusted(center, size, as_written, None, frame)
    return Cuboids._trusted(center, size, as_written, np.where(turned, exact.yaw_rad, upright.yaw_rad), frame)


def _relation(node: Node) -> Relation:
    span = [item.whole() for item in node["span_ns"]] if node.has("span_ns") else None
    if span is not None and len(span) != 2:
        raise node["span_ns"].wrong("a first and a last time")
    return Relation(node["kind"].text(), node["subject"].text(), node["object"].text(), None if span is None else (span[0], span[1]))


def _sensor_files(top: Node, folder: Path, frame_ids: Sequence[str], times: Any, lidars: Any, cameras: Any) -> SensorFiles:
    sweeps = {name: _paths(folder / "lidars" / name, frame_ids, POINT_SUFFIXES) for name in lidars}
    images = {name: _paths(folder / "cameras" / name, frame_ids, IMAGE_SUFFIXES) for name in cameras}
    scales: dict[str, float | None] = {}
    stamps: dict[tuple[str, str], tuple[int | None, tuple[float, ...]]] = {}
    for node in top.get("lidars", []):
        name = node["name"].text()
        scales[name] = node["scale_m"].number() if node.has("scale_m") else None
        if scales[name] is not None and not scales[name] > 0:  # type: ignore[operator]
            raise node["scale_m"].wrong("a positive length")
        for frame_id, sweep in node.get("sweeps", {}).items():
            stamp = sweep["timestamp_ns"].whole() if sweep.has("timestamp_ns") else None
            stamps[name, frame_id] = stamp, tuple(float(v) for v in sweep.get("origin_m", [0.0, 0.0, 0.0]).numbers(3))

    def read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
        stamp, origin = stamps.get((sensor, frame_ids[frame_index]), (None, (0.0, 0.0, 0.0)))
        sweep = read_point_file(path, frame=sensor, scale_m=scales[sensor])
        return dataclasses.replace(sweep, timestamp_ns=int(times[frame_index]) if stamp is None else stamp, origin_m=origin)  # type: ignore[arg-type]

    return SensorFiles(sweeps, images, read_sweep, {name: sensor.camera.size_px for name, sensor in cameras.items()})


def _paths(folder: Path, frame_ids: Sequence[str], suffixes: Sequence[str]) -> list[Path]:
    """The file of every frame; the first suffix where there is none, so that an error can name it."""
    there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    paths = []
    for frame_id in frame_ids:
        found = [suffix for suffix in suffixes if frame_id + suffix in there]
        if len(found) > 1:
            raise FormatError("two files for one frame", got=", ".join(frame_id + suffix for suffix in found), path=folder, hint="remove one")
        paths.append(folder / (frame_id + (found or suffixes)[0]))
    return paths
