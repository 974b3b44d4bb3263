"""The writer of boxwright's own scene folder; the layout is drawn in boxwright_scene.py."""

from __future__ import annotations

import dataclasses
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import UncalibratedCamera, model_of
from ..errors import ArgumentError, LimitError
from ..frames import Pose
from ..limits import limits
from ..rotations import quat_from_yaw
from ..scene import CameraSensor, Relation, Scene
from ..tracks import Origin, Track, Visibility
from .boxwright_files import LABELS
from .boxwright_pictures import image_track_mapping, said_at, tag_mapping
from .boxwright_scene import RESERVED_NAMES, VERSION, is_safe_name, unposed_frames
from .boxwright_videos import write_videos
from .json_shape import check_shape
from .json_text import ItemByItem, dump_into
from .point_label_files import labels_with_points, npz_label_bytes
from .reach import check_reach
from .sensor_writer import write_images, write_sweeps
from .write_report import Told, WriteReport

__all__ = ["relation_mapping", "scene_mapping", "track_mapping", "write"]


def write(
    scene: Scene,
    folder: Path,
    report: WriteReport,
    *,
    scale_m: float | None = None,
    pcd_encoding: str = "binary",
    jpeg_quality: int | None = None,
    videos: str = "copy",
) -> None:
    """Writes into `folder`, which exists and is empty.

    scale_m : sweeps become compressed .npz files of whole numbers of so many metres (0.001: millimetres), instead of .pcd files as they are
    pcd_encoding : "binary", "binary_compressed" or "ascii"
    jpeg_quality : pictures that are not in PNG or JPEG files already become JPEG of this quality instead of PNG
    videos : of cameras whose pictures are frames of a video, "copy" keeps a copy of the file in the folder, "reference" names it where it is, with
        its size and SHA-256, and "pictures" makes a picture file of every frame
    """
    if scale_m is not None and not 0 < scale_m < 1:
        raise ArgumentError(expected="a length between 0 and 1 m", got=repr(scale_m), field="scale_m")
    _check(scene)
    sweeps = write_sweeps(scene, folder, scene.frame_ids, pcd_encoding, scale_m)
    kept = write_videos(scene, folder, videos)
    write_images(scene, folder, scene.frame_ids, jpeg_quality, kept)
    _write_point_labels(scene, folder)
    top = _mapping(scene)
    for lidar in top["lidars"]:
        own = {frame_id: sweeps[lidar["name"], i].own for i, frame_id in enumerate(scene.frame_ids) if (lidar["name"], i) in sweeps}
        lidar["scale_m"], lidar["sweeps"] = scale_m, {frame_id: said for frame_id, said in own.items() if said}
    for camera in top["cameras"]:
        if camera["name"] in kept:
            camera["video"] = kept[camera["name"]]
    with (folder / "scene.json").open("w", encoding="utf-8", newline="\n") as file:
        dump_into(file, top, f"scene {scene.name!r}")
    with (folder / "scene.json").open("rb") as written, mmap(written.fileno(), 0, access=ACCESS_READ) as raw:
        try:
            check_shape(raw, limits(), "scene.json")
        except LimitError as error:
            report.notes.append(f"it is too large to be read within the limits: {error}")
    every = [*scene.tracks, *scene.image_tracks]
    report.n_frames, report.n_tracks = len(scene), len(every)
    report.n_labels = sum(int((one.visibility != Visibility.OUTSIDE).sum()) for one in every)
    if scale_m is not None:
        report.rounded.append(Told("sweeps", f"points are rounded to {scale_m:g} m", n=0))
        report.tolerance_points_m = scale_m
    if jpeg_quality is not None:
        report.rounded.append(Told("pictures", "pictures that were not in files are compressed as JPEG"))


def _check(scene: Scene) -> None:
    """ArgumentError for what the reader would refuse."""
    check_reach(scene)
    for kind, names in (("frame", scene.frame_ids), ("lidar", scene.lidars), ("camera", scene.cameras)):
        for name in names:
            if not is_safe_name(name):
                raise ArgumentError(f"the name of a {kind} cannot be a file's name", got=repr(name), field="scene", hint="rename it")
    for name in sorted({*scene.lidars, *scene.cameras} & RESERVED_NAMES | scene.cameras.keys() & {"lidar", *scene.lidars}):
        raise ArgumentError("the name of a sensor is that of another frame of reference", got=repr(name), field="scene", hint="rename it")
    longest = limits().text_characters
    every = [*scene.tracks, *scene.image_tracks]
    for text, field in [(scene.name, "scene.name"), *((text, "scene.tracks") for track in every for text in (track.track_id, track.category))]:
        if len(text) > longest:
            raise ArgumentError(
                expected=f"a name of at most {longest} characters", got=f"{len(text)}: {text[:40]!r}...", field=field, hint="shorten it"
            )
    for labelled in every:
        if not labelled.track_id.strip() or not labelled.category.strip():
            raise ArgumentError(expected="tracks with an id and a category", got=repr(labelled), field="scene.tracks")
    for track in scene.tracks:
        if scene.label_frame == "world" and scene.trajectory is not None:
            for i in unposed_frames(track, scene.trajectory, scene.times_ns)[:1]:
                raise ArgumentError(
                    "the poses do not cover a labelled frame",
                    got=f"frame {i}, labelled by track {track.track_id!r}",
                    field="scene.trajectory",
                    hint="add the poses, or end the track where they end",
                )


def scene_mapping(scene: Scene) -> dict[str, Any]:
    """The content of a scene.json: everything but sensor data and the labels of points."""
    return {name: list(value.items) if isinstance(value, ItemByItem) else value for name, value in _mapping(scene).items()}


def _mapping(scene: Scene) -> dict[str, Any]:
    """The same, long lists made as they are written."""
    trajectory = scene.trajectory
    stamps = [] if trajectory is None else trajectory.times_ns.tolist()
    return {
        "format": "boxwright",
        "version": VERSION,
        "name": scene.name,
        "source_format": scene.format,
        "has_time": scene.has_time,
        "label_frame": scene.label_frame,
        "tags": [tag_mapping(tag) for tag in scene.tags],
        "notes": list(scene.notes),
        "lidars": [
            {"name": name, "ego_from_lidar": _pose(lidar.ego_from_lidar), "origins_m": [list(origin) for origin in lidar.origins_m]}
            for name, lidar in scene.lidars.items()
        ],
        "cameras": [_camera(name, sensor) for name, sensor in scene.cameras.items()],
        "frames": ItemByItem({"frame_id": name, "timestamp_ns": int(stamp)} for name, stamp in zip(scene.frame_ids, scene.times_ns)),
        "trajectory": None if trajectory is None else ItemByItem({"timestamp_ns": t, **_pose(trajectory[i])} for i, t in enumerate(stamps)),
        "tracks": ItemByItem(track_mapping(track) for track in scene.tracks),
        "image_tracks": ItemByItem(image_track_mapping(track) for track in scene.image_tracks),
        "relations": [relation_mapping(relation) for relation in scene.relations],
        "source_attributes": dict(scene.source_attributes),
        "problems": [problem.mapping() for problem in scene.problems],
        **({"point_edits": [edit.mapping() for edit in scene.point_edits]} if scene.point_edits else {}),
    }


def _write_point_labels(scene: Scene, folder: Path) -> None:
    for name in scene.lidars:
        for i, frame_id in enumerate(scene.frame_ids):
            if scene.has_point_labels(i, name):
                file = folder / LABELS / name / f"{frame_id}.npz"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(npz_label_bytes(labels_with_points(scene, i, name)))


def _pose(pose: Pose) -> dict[str, Any]:
    return {"rotation": pose.rotation.tolist(), "translation_m": pose.translation_m.tolist()}


def _camera(name: str, sensor: CameraSensor) -> dict[str, Any]:
    camera = sensor.camera
    return {
        "name": name,
        "model": model_of(camera),
        **{name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(camera).items()},
        **({} if isinstance(camera, UncalibratedCamera) else {"ego_from_cam": _pose(sensor.ego_from_cam)}),
        **({} if sensor.rolling_shutter == "global" else {"readout_ns": sensor.readout_ns, "rolling_shutter": sensor.rolling_shutter}),
        "timestamp_ns": None if sensor.times_ns is None else np.asarray(sensor.times_ns).tolist(),
    }


def relation_mapping(relation: Relation) -> dict[str, Any]:
    span = None if relation.span_ns is None else list(relation.span_ns)
    return {"kind": relation.kind, "subject": relation.subject, "object": relation.object, "span_ns": span}


def track_mapping(track: Track) -> dict[str, Any]:
    cuboids = track.cuboids
    upright, given = quat_from_yaw(cuboids.yaw_rad), np.ascontiguousarray(cuboids.quat_wxyz)
    is_yaw = (upright.view(np.int64) == given.view(np.int64)).all(1)  # bits, since -0.0 equals 0.0
    keyframes = []
    for i, stamp in enumerate(track.times_ns):
        row: dict[str, Any] = {"timestamp_ns": int(stamp), "center_m": cuboids.center_m[i].tolist(), "size_m": cuboids.size_m[i].tolist()}
        if is_yaw[i]:
            row["yaw_rad"] = float(cuboids.yaw_rad[i])
        else:
            row["quat_wxyz"] = cuboids.quat_wxyz[i].tolist()
        row["visibility"] = Visibility(track.visibility[i]).name.lower()
        row["origin"] = Origin(track.origin[i]).name.lower()
        keyframes.append(row | said_at(track, i))
    return {
        "track_id": track.track_id,
        "category": track.category,
        "method": track.method,
        "attributes": dict(track.attributes),
        "source_attributes": dict(track.source_attributes),
        "keyframes": keyframes,
    }
