"""ASAM OpenLABEL 1.0.0: a JSON file, or a folder of such files, one scene each.

    openlabel.coordinate_systems   frames of reference; pose_wrt_parent is parent_from_child
    openlabel.streams              sensors, each in the coordinate system of its name, with intrinsics
    openlabel.frames.<number>      timestamp, transforms (dst_from_src), and for each object its data in this frame
    openlabel.objects.<uid>        name, type, and data that hold in all its frames

A cuboid is x y z qx qy qz qw sx sy sz (scalar last) or x y z rx ry rz sx sy sz, turned by Rz Ry Rx, for the
file does not give the order.
What boxwright has no name for (2-D shapes, actions, events, tags with data, ...) stays in the source attributes under "openlabel".
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
from ..scene import CameraSensor, Lidar, Relation, Scene
from . import strict_json
from .images import IMAGE_SUFFIXES
from .looking import is_openlabel, names_of
from .openlabel_objects import Document, Labels, document_of
from .openlabel_sensors import camera_of, time_ns, uri_path
from .sensor_files import POINT_SUFFIXES, SensorFiles, read_point_file
from .strict_json import Node

__all__ = ["SCHEMA", "detect", "list_scenes", "read", "scene_file"]

SCHEMA = "1.0.0"


def detect(path: Path) -> bool:
    return bool(_files(path))


def list_scenes(path: Path) -> list[str]:
    return [file.stem for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if _is_ours(path) else []
    return [path / name for name in names_of(path, r"[^.].*\.(?i:json)") if _is_ours(path / name)]


def _is_ours(file: Path) -> bool:
    return file.suffix.lower() == ".json" and is_openlabel(file)


def scene_file(path: Path, scene: str) -> Path:
    return path if path.is_file() else path / names_of(path, rf"{re.escape(scene)}\.(?i:json)")[0]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file = scene_file(path, scene)
    top = strict_json.load(file)["openlabel"]
    version = top["metadata"]["schema_version"]
    if version.text() != SCHEMA:
        raise version.wrong(f"OpenLABEL {SCHEMA}", repr(version.value), hint="convert the file to this version")
    return _Reader(document_of(top, file, problems)).scene(scene)


class _Reader:
    """One file on its way to a Scene."""

    def __init__(self, document: Document) -> None:
        self.document, self.top, self.file, self.ours = document, document.top, document.file, document.ours
        self.frames, self.times, self.systems, self.edges, self.notes = (
            document.frames,
            document.times,
            document.systems,
            document.edges,
            document.notes,
        )

    def scene(self, name: str) -> Scene:
        self.lidars, self.cameras = self._sensors()
        poses = self._world_from_ego()
        self.trajectory = Trajectory(self.times[list(poses)], list(poses.values())) if poses else None
        labels = Labels(self.document, self.trajectory, list(self.lidars))
        if self.trajectory is None and labels.tracks:
            self.notes.append(f"no poses of the vehicle: the tracks stay in the frame {labels.frame!r}, and its motion is in them")
            warnings.warn(f"{self.file}: {self.notes[-1]}", SensorFrameFallback, stacklevel=4)
        return Scene(
            name=self.ours.get("name", name).text(),
            times_ns=self.times,
            lidars=self.lidars,
            cameras=self.cameras,
            trajectory=self.trajectory,
            tracks=labels.tracks,
            data=self._files(),
            has_time=self.document.has_time,
            label_frame=labels.frame,
            frame_ids=tuple(node.get("frame_properties", {}).get("frame_id", str(number)).text() for number, node in self.frames.items()),
            format="openlabel",
            path=os.fspath(self.file),
            tags=self.ours.get("tags", {}).mapping(),
            relations=self._relations(labels.id_of),
            source_attributes={**self.ours.get("source_attributes", {}).mapping(), "openlabel": self.document.source},
            notes=self.notes,
            problems=[Problem.from_mapping(node.mapping()) for node in self.ours.get("problems", [])],
        )

    # -------------------------------------------------------- sensors

    def _sensors(self) -> tuple[dict[str, Lidar], dict[str, CameraSensor]]:
        """Sensors by their own names, each where its coordinate system sits on the vehicle."""
        lidars, cameras = {}, {}
        for name, node in self.top.get("streams", {}).items():
            kind, properties = node.get("type", "other").text(), node.get("stream_properties", {})
            pose = self._mount(name)
            if kind == "lidar":
                if pose is None:
                    self.notes.append(f"where the LiDAR {name} sits is not said: it is taken to be the vehicle's own frame")
                origins = [tuple(item.numbers(3).tolist()) for item in properties.get("origins_m", [[0.0, 0.0, 0.0]])]
                lidars[name] = Lidar(name, pose or Pose.identity(), tuple(origins))
            elif kind == "camera":
                model = camera_of(properties)
                if model is None or pose is None:
                    lacks = "no intrinsics that boxwright has" if model is None else "no place on the vehicle"
                    self.notes.append(f"the camera {name} is left out: {lacks}")
                    continue
                cameras[name] = CameraSensor(name, model[0], pose @ model[1].inverse(), self._exposures(name))
        return lidars, cameras

    def _mount(self, name: str) -> Pose | None:
        """ego_from_<sensor>: as it always holds, else as the first frame has it; a mounting that moves gets a note."""
        systems = self.systems
        if systems.ego is None or name not in systems.kinds:
            return None
        always = systems.pose(systems.ego, name, {})
        found = {i: systems.pose(systems.ego, name, edges) for i, edges in enumerate(self.edges) if edges}
        poses = [always, *(pose for pose in found.values())]
        known = [pose for pose in poses if pose is not None]
        if known and max(np.abs(pose.matrix() - known[0].matrix()).max() for pose in known) > 1e-9:
            self.notes.append(f"the place of {name} on the vehicle changes from frame to frame: the first that is given is used for the sensor")
        return known[0] if known else None

    def _exposures(self, name: str) -> Int64s | None:
        stamps = []
        for frame in self.frames.values():
            sync = frame.get("frame_properties", {}).get("streams", {}).get(name, {}).get("stream_properties", {}).get("sync", {})
            if not self.document.has_time or not sync.has("timestamp"):
                return None
            stamps.append(time_ns(sync["timestamp"])[0])
        return np.array(stamps, np.int64) if stamps else None

    def _files(self) -> SensorFiles:
        def paths(name: str, suffixes: tuple[str, ...]) -> list[Path | None]:
            nodes = (frame.get("frame_properties", {}).get("streams", {}).get(name, {}) for frame in self.frames.values())
            return [uri_path(self.file.parent, node, suffixes) for node in nodes]

        def read_sweep(frame_index: int, sensor: str, path: Path) -> Sweep:
            node = list(self.frames.values())[frame_index].get("frame_properties", {}).get("streams", {}).get(sensor, {}).get("stream_properties", {})
            sync, origin = node.get("sync", {}), node.get("origin_m", [0.0, 0.0, 0.0]).numbers(3)
            is_deskewed = node.get("is_deskewed", False).flag()
            stamp = time_ns(sync["timestamp"])[0] if sync.has("timestamp") and self.document.has_time else int(self.times[frame_index])
            return dataclasses.replace(
                read_point_file(path, frame=sensor), timestamp_ns=stamp, origin_m=tuple(origin.tolist()), is_deskewed=is_deskewed
            )

        return SensorFiles(
            {name: paths(name, POINT_SUFFIXES) for name in self.lidars},
            {name: paths(name, IMAGE_SUFFIXES) for name in self.cameras},
            read_sweep,
            {name: sensor.camera.size_px for name, sensor in self.cameras.items()},
        )

    def _world_from_ego(self) -> dict[int, Pose]:
        """By frame index; nothing where the file has no world, or never says where the vehicle is."""
        systems = self.systems
        if systems.ego is None:
            return {}
        if systems.world is None:  # a system that only the frames' transforms name
            named = {name for edges in self.edges for pair in edges for name in pair}
            systems.world = next((name for name in sorted(named - set(systems.kinds))), None)
        if systems.world is None:
            return {}
        found = {i: systems.pose(systems.world, systems.ego, edges) for i, edges in enumerate(self.edges)}
        return {i: pose for i, pose in found.items() if pose is not None}

    def _relations(self, id_of: Mapping[str, str]) -> list[Relation]:
        """Between objects that became tracks, once for each pair and interval; the others stay in the source."""
        relations, kept = [], {}
        for uid, node in self.top.get("relations", {}).items():
            ends = [[(item["type"].text(), item["uid"].text()) for item in node[key]] for key in ("rdf_subjects", "rdf_objects")]
            if not all(kind == "object" and name in id_of for end in ends for kind, name in end):
                kept[uid] = node.value
                continue
            spans = [self._span(item) for item in node.get("frame_intervals", [])]
            pairs = [(id_of[subject], id_of[target]) for _, subject in ends[0] for _, target in ends[1]]
            relations += [Relation(node["type"].text(), subject, target, span) for subject, target in pairs for span in spans or (None,)]
        if kept:
            self.document.source["relations"] = kept
        return relations

    def _span(self, node: Node) -> tuple[int, int]:
        first, last = node["frame_start"].whole(), node["frame_end"].whole()
        inside = [i for i, number in enumerate(self.frames) if first <= number <= last]
        if not inside:
            raise node.wrong("an interval that holds a frame", f"{first} to {last}")
        return int(self.times[inside[0]]), int(self.times[inside[-1]])
