"""ASAM OpenLABEL 1.0.0: a JSON file, or a folder of such files, one scene each.

    openlabel.coordinate_systems   frames of reference; pose_wrt_parent is parent_from_child
    openlabel.streams              sensors, each in the coordinate system of its name, with intrinsics
    openlabel.frames.<number>      timestamp, transforms (dst_from_src), and for each object its data in this frame
    openlabel.objects.<uid>        name, type, and data that hold in all its frames

A cuboid is x y z qx qy qz qw sx sy sz (scalar last) or x y z rx ry rz sx sy sz, turned by Rz Ry Rx, for the
file does not give the order.
Shapes in the pictures of a camera are tracks of their own, linked to the object's cuboids: openlabel_shapes.py tells them.
What boxwright has no name for stays in the source attributes: of a keyframe ("cuboid", "shape": fields of it, "object_data": what stands beside), of
a track (those of its object), and of the scene under "openlabel" (coordinate systems, streams, frames, relations, actions, other objects, ...).
"""

from __future__ import annotations

import dataclasses
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..arrays import Int64s
from ..errors import SensorFrameFallback
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..problems import Problem, Problems
from ..scene import CameraSensor, Lidar, Scene
from .boxwright_pictures import read_tags
from .declared import Capabilities, Exactness
from .images import IMAGE_SUFFIXES
from .looking import files_of, is_openlabel, names_of
from .openlabel_document import Document, document_of
from .openlabel_sensors import axes_of_cameras, camera_of, camera_sensor_of, lidar_of, mounts_of, place_of, time_ns, uri_path
from .openlabel_text import Text
from .openlabel_tracks import Labels, relations_of
from .sensor_files import POINT_SUFFIXES, SensorFiles, read_point_file
from .strict_json import Node

__all__ = ["CAPABILITIES", "SCHEMA", "detect", "list_scenes", "read", "scene_file"]

CAPABILITIES = Capabilities(
    title="ASAM OpenLABEL 1.0.0",
    reads="cuboids full_rotation tracks shapes video attributes relations poses calibration visibility classes track_ids keyframes tags times "
    "frame_names sweeps pictures other_fields",
    writes="cuboids full_rotation tracks shapes video attributes relations poses calibration visibility classes track_ids keyframes tags times "
    "frame_names sweeps pictures other_fields",
    partly={
        "attributes": "texts, numbers, booleans and lists of them stay; null is dropped",
        "poses": "those between the frames are dropped",
    },
    exact=Exactness(m=1e-9, rad=1e-9, px=1e-9),
    remarks=(
        "Cuboids are written with quaternions, scalar last, never with Euler angles, whose order the standard leaves open.",
        "In files of RailLabel, such as OSDaR23's, the coordinate systems of cameras have x ahead, y left and z up; they are read and written so.",
        "Kognic takes such files. Its client kognic-io does nothing without the platform and an account, so the model of kognic-openlabel, which it "
        "sends, is asked; a test has kognic-io take a file as the pre-annotation of a scene.",
    ),
    client="kognic-openlabel",
)

SCHEMA = "1.0.0"


def detect(path: Path) -> bool:
    return bool(_files(path))


def list_scenes(path: Path) -> list[str]:
    return [file.stem for file in _files(path)]


def _files(path: Path) -> list[Path]:
    return files_of(path, (".json",), is_openlabel)


def scene_file(path: Path, scene: str) -> Path:
    return path if path.is_file() else path / names_of(path, rf"{re.escape(scene)}\.(?i:json)")[0]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file = scene_file(path, scene)
    text = Text(file)
    version = text.top["metadata"]["schema_version"]
    if version.text() != SCHEMA:
        raise version.wrong(f"OpenLABEL {SCHEMA}", repr(version.value), hint="convert the file to this version")
    return _Reader(document_of(text, file, problems)).scene(scene)


class _Reader:
    """One file on its way to a Scene."""

    def __init__(self, document: Document) -> None:
        self.document, self.systems, self.ours = document, document.systems, document.ours
        self.times, self.notes, self.n_frames = document.times, document.notes, len(document.frame_ids)

    def scene(self, name: str) -> Scene:
        document = self.document
        lidars, cameras = self._sensors()
        poses = self._world_from_ego()
        trajectory = Trajectory(self.times[list(poses)], list(poses.values())) if poses else None
        labels = Labels(document, trajectory, list(lidars), self._pictured(cameras))
        if labels.frame == "ego" and labels.home != (self.systems.ego or ""):
            document.source["label_system"] = labels.home
        if trajectory is None and labels.tracks:
            self.notes.append(f"no poses of the vehicle: the tracks stay in the frame {labels.frame!r}, and its motion is in them")
            warnings.warn(f"{document.file}: {self.notes[-1]}", SensorFrameFallback, stacklevel=4)
        relations = document.top.get("relations", {}).items()
        return Scene(
            name=self.ours.get("name", name).text(),
            times_ns=self.times,
            lidars=lidars,
            cameras=cameras,
            trajectory=trajectory,
            tracks=labels.tracks,
            image_tracks=labels.image_tracks,
            data=self._files(lidars, cameras),
            has_time=document.has_time,
            label_frame=labels.frame,
            frame_ids=tuple(document.frame_ids),
            format="openlabel",
            path=os.fspath(document.file),
            tags=read_tags(self.ours.get("tags", [])),
            relations=[one for _, node in relations for one in relations_of(node, labels.id_of, document.text.numbers, self.times.tolist())],
            source_attributes={**self.ours.get("source_attributes", {}).mapping(), "openlabel": document.source},
            notes=self.notes,
            problems=[Problem.from_mapping(node.mapping()) for node in self.ours.get("problems", [])],
        )

    # -------------------------------------------------------- sensors

    def _sensors(self) -> tuple[dict[str, Lidar], dict[str, CameraSensor]]:
        """Sensors by their own names, each where its coordinate system sits on the vehicle."""
        lidars, cameras = {}, {}
        axes = axes_of_cameras(self.document.top["metadata"].mapping())
        streams = dict(self.document.top.get("streams", {}).items())
        names = [name for name, node in streams.items() if node.get("type", "other").text() in ("lidar", "camera")]
        mounts, moving = mounts_of(self.systems, names, self.document.frames.values())
        for name in moving:
            self.notes.append(f"the place of {name} on the vehicle changes from frame to frame: the first that is given is used for the sensor")
        for name, node in streams.items():
            kind, pose = node.get("type", "other").text(), mounts.get(name)
            if kind == "lidar":
                if pose is None:
                    self.notes.append(f"where the LiDAR {name} sits is not said: it is taken to be the vehicle's own frame")
                lidars[name] = lidar_of(name, node, pose)
            elif kind == "camera":
                camera = camera_sensor_of(name, node, pose, axes)
                if camera is None:
                    lacks = "no place on the vehicle" if camera_of(node.get("stream_properties", {})) else "no intrinsics that boxwright has"
                    self.notes.append(f"the camera {name} is left out: {lacks}")
                    continue
                cameras[name] = dataclasses.replace(camera, times_ns=self._exposures(name))
        if cameras and axes != Pose.identity():
            self.notes.append("the coordinate systems of cameras have x ahead, y left and z up, as RailLabel has them, not z ahead as OpenLABEL does")
        return lidars, cameras

    def _stream(self, index: int, name: str) -> Node:
        """What a frame says of a sensor."""
        return self.document.properties(index).get("streams", {}).get(name, {})

    def _exposures(self, name: str) -> Int64s | None:
        stamps = []
        for i in range(self.n_frames):
            sync = self._stream(i, name).get("stream_properties", {}).get("sync", {})
            if not self.document.has_time or not sync.has("timestamp"):
                return None
            stamps.append(time_ns(sync["timestamp"])[0])
        return np.array(stamps, np.int64) if stamps else None

    def _pictured(self, cameras: Mapping[str, CameraSensor]) -> dict[str, Int64s]:
        """The cameras whose pictures may have labels, with the times of these. Where times stand still, there can be no track."""
        exposures = {name: self.times if sensor.times_ns is None else sensor.times_ns for name, sensor in cameras.items()}
        return {name: times for name, times in exposures.items() if (np.diff(times) > 0).all()}

    def _files(self, lidars: Mapping[str, Lidar], cameras: Mapping[str, CameraSensor]) -> SensorFiles:
        folder, times, has_time = self.document.file.parent, self.times, self.document.has_time
        streams = ((name, i, self._stream(i, name)) for name in lidars for i in range(self.n_frames))
        said = {(name, i): stream["stream_properties"] for name, i, stream in streams if stream.has("stream_properties")}

        def paths(name: str, suffixes: tuple[str, ...]) -> list[Path | None]:
            return [uri_path(folder, self._stream(i, name), suffixes) for i in range(self.n_frames)]

        def read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
            node = said.get((sensor, frame_index), Node({}, str(path)))
            sync, origin = node.get("sync", {}), place_of(node.get("origin_m", [0.0, 0.0, 0.0]))
            is_deskewed = node.get("is_deskewed", False).flag()
            stamp = time_ns(sync["timestamp"])[0] if sync.has("timestamp") and has_time else int(times[frame_index])
            return dataclasses.replace(
                read_point_file(path, frame=sensor), timestamp_ns=stamp, origin_m=tuple(origin.tolist()), is_deskewed=is_deskewed
            )

        sweeps = {name: paths(name, POINT_SUFFIXES) for name in lidars}
        images = {name: paths(name, IMAGE_SUFFIXES) for name in cameras}
        return SensorFiles(sweeps, images, read_sweep, {name: sensor.camera.size_px for name, sensor in cameras.items()})

    def _world_from_ego(self) -> dict[int, Pose]:
        """By frame index; nothing where the file has no world, or never says where the vehicle is."""
        ego, world = self.systems.ego, self.systems.world
        if ego is None or world is None:
            return {}
        found = {i: self.systems.pose(world, ego, self.document.edges(i)) for i in range(self.n_frames)}
        return {i: pose for i, pose in found.items() if pose is not None}
