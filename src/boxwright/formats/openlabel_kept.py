"""What came with a scene from an OpenLABEL file and goes back with it, as far as the scene still agrees: sensors, frames of reference, frames."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..cameras import UncalibratedCamera
from ..errors import ArgumentError, BoxwrightError
from ..frames import Pose
from ..image_tracks import ImageTrack
from ..scene import Scene
from ..tracks import Track
from .openlabel_document import transform_name
from .openlabel_objects import CUBOID_NAME
from .openlabel_sensors import Systems, axes_of_cameras, camera_sensor_of, intrinsics_of, lidar_of, mounts_of, seconds, systems_of, time_ns
from .strict_json import Node
from .write_report import Told, WriteReport

__all__ = ["Places", "cuboid_name", "kept_of", "tells", "uids_of", "uids_of_seen"]

_UID = re.compile("-?[0-9]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TABLES = ("metadata", "coordinate_systems", "streams", "objects", "relations", "frames")
_SAME_M = 1e-9


def kept_of(scene: Scene, report: WriteReport) -> dict[str, Any]:
    """What `read` put into the source attributes, by the keys of the file. What cannot have come from there is reported."""
    was = scene.source_attributes.get("openlabel", {})
    kept: dict[str, Any] = {}
    for key, value in was.items() if isinstance(was, Mapping) else [("source attributes", was)]:
        is_table = isinstance(value, Mapping) and (key == "metadata" or all(isinstance(item, Mapping) for item in value.values()))
        is_table = is_table and (key != "streams" or all(isinstance(stream.get("type", "other"), str) for stream in value.values()))
        is_bad = not is_table if key in _TABLES else key in ("ego", "world", "label_system") and not isinstance(value, str)
        if is_bad or key == "source attributes":
            report.dropped.append(Told("", f"what is kept of an OpenLABEL file under {key!r}: it is not as such a file has it"))
        else:
            kept[key] = value
    return {**{key: {} for key in _TABLES}, **kept}


class Places:
    """Where everything is in the file to be written.

    ego, world, label : names of the coordinate systems of the vehicle, the world and the labels; systems, streams, frames : as they are written,
    frames without objects
    """

    def __init__(self, scene: Scene, was: Mapping[str, Any], report: WriteReport, numbers: list[int]) -> None:
        self.scene, self.was, self.report = scene, was, report
        self.systems: dict[str, Any] = copy.deepcopy(dict(was["coordinate_systems"]))
        self.axes = axes_of_cameras(was["metadata"])
        names = {*self.systems, *scene.lidars, *scene.cameras}
        self.ego: str = was.get("ego") or _free("ego", names)
        self.world: str = was.get("world") or _free("world", {*names, self.ego})
        self.frames: list[dict[str, Any]] = [copy.deepcopy(dict(was["frames"].get(name, {}))) for name in scene.frame_ids]
        gone = len(set(was["frames"]) - set(scene.frame_ids))
        if gone:
            report.dropped.append(Told("", f"what is kept of {gone} frames that the scene does not have"))
        self._checked()
        self.changed = self._place_sensors()
        self.streams = self._streams()
        self.label = self._label()
        self._poses: dict[tuple[str, int], Pose | None] = {}
        self.graph = self._graph()
        for i, frame in enumerate(self.frames):
            self._put_place(i, frame.setdefault("frame_properties", {}), numbers[i])

    def _checked(self) -> None:
        """Lets go of what the reader would refuse."""
        try:
            self._graph()
        except BoxwrightError as error:
            self.report.dropped.append(Told("", f"the kept coordinate systems: {error}"))
            self.systems = {}
        for i, frame in enumerate(self.frames):
            try:
                Systems().edges(Node(frame, "", "frame"))
                for stream in Node(frame, "").get("frame_properties", {}).get("streams", {}).mapping().values():
                    Node(stream, "").get("stream_properties", {}).get("sync", {}).mapping()
                    Node(stream, "").get("uri", "").text()
            except BoxwrightError as error:
                self.report.dropped.append(Told("", f"what is kept of frame {self.scene.frame_ids[i]}: {error}"))
                self.frames[i] = {}

    def _graph(self) -> Systems:
        graph = systems_of(Node({"coordinate_systems": self.systems}, ""))
        graph.ego, graph.world = self.ego if self.ego in graph.kinds else None, self.world
        return graph

    # -------------------------------------------------------- sensors

    def _place_sensors(self) -> set[str]:
        """Names of the sensors that are not as they were kept; each gets a place of its own on the vehicle."""
        scene = self.scene
        sensors: dict[str, Pose] = {name: lidar.ego_from_lidar for name, lidar in scene.lidars.items()}
        sensors |= {name: sensor.ego_from_cam for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)}
        back = self.axes.inverse()  # a camera's system may have other axes than the camera
        systems = {name: pose @ back if name in scene.cameras else pose for name, pose in sensors.items()}
        if scene.trajectory is not None and self.world not in self.systems and "world" not in self.was:
            self.systems[self.world] = {"type": "scene_cs", "parent": "", "children": []}
        if self.ego not in self.systems and (sensors or scene.trajectory is not None or not self.systems):
            self.systems[self.ego] = {"type": "local_cs", "parent": "", "children": []}
            if self.world in self.systems:
                self._hang(self.ego, self.world)
        changed: set[str] = set()
        while moved := [name for name, mount in self._mounts(sensors).items() if name not in changed and not self._is_as_kept(name, mount)]:
            for name in moved:
                if name in (self.ego, self.world):
                    raise ArgumentError("a sensor has the name of another frame of reference", got=repr(name), field="scene", hint="rename it")
                self.systems.setdefault(name, {"type": "sensor_cs", "parent": "", "children": []})["pose_wrt_parent"] = _transform(systems[name])
                self._hang(name, self.ego)
            changed.update(moved)
        changed |= {name for name in scene.cameras.keys() - sensors.keys() if not self._is_as_kept(name, None)}
        for frame in self.frames if changed else ():
            self._drop_transforms(frame, lambda a, b: bool(changed & {a, b}))
        return changed

    def _mounts(self, names: Iterable[str]) -> dict[str, Pose | None]:
        """ego_from_<sensor> as a reader finds it."""
        found = mounts_of(self._graph(), list(names), (Node(frame, "") for frame in self.frames))[0]
        return {name: found.get(name) for name in names}

    def _is_as_kept(self, name: str, mount: Pose | None) -> bool:
        """Whether what is kept of a sensor, read again, is the sensor."""
        stream = self.was["streams"].get(name)
        if stream is None:
            return False
        node = Node(stream, "", name)
        try:
            if name in self.scene.lidars:
                lidar = self.scene.lidars[name]
                again = lidar_of(name, node, mount)
                is_placed = mount is not None or name not in self.systems
                is_same = again.origins_m == lidar.origins_m and _same(again.ego_from_lidar, lidar.ego_from_lidar)
                return stream.get("type") == "lidar" and is_placed and is_same
            sensor = self.scene.cameras[name]
            camera = camera_sensor_of(name, node, mount, self.axes)
        except BoxwrightError:
            return False
        if camera is None or stream.get("type") != "camera":
            return False
        return _same(camera.ego_from_cam, sensor.ego_from_cam) and intrinsics_of(camera.camera) == intrinsics_of(sensor.camera)

    def _hang(self, name: str, parent: str) -> None:
        for other in self.systems.values():
            if isinstance(other.get("children"), list) and name in other["children"]:
                other["children"] = [child for child in other["children"] if child != name]
        self.systems[name]["parent"] = parent
        if isinstance(self.systems[parent].setdefault("children", []), list):
            self.systems[parent]["children"].append(name)

    def _streams(self) -> dict[str, Any]:
        scene, streams = self.scene, dict[str, Any]()
        mounts = self._mounts(self.was["streams"])
        for name, stream in self.was["streams"].items():
            is_sensor = name in scene.lidars or name in scene.cameras
            if (name not in self.changed) if is_sensor else not _was_sensor(name, stream, mounts[name]):
                streams[name] = stream
        for name in (name for name in (*scene.lidars, *scene.cameras) if name not in streams):
            is_lidar = name in scene.lidars
            said = {"origins_m": [list(origin) for origin in scene.lidars[name].origins_m]} if is_lidar else intrinsics_of(scene.cameras[name].camera)
            old = self.was["streams"].get(name, {})
            described = {key: old[key] for key in ("description", "uri") if key in old}
            properties = old.get("stream_properties", {})
            kept = {key: value for key, value in properties.items() if not key.startswith("intrinsics_")} if isinstance(properties, Mapping) else {}
            streams[name] = {"type": "lidar" if is_lidar else "camera", **described, "stream_properties": {**kept, **said}}
        return streams

    def _label(self) -> str:
        """The coordinate system that stands for the scene's label frame."""
        name = self.scene.label_frame
        if name == "lidar" and name not in self.scene.lidars and self.scene.lidars:
            name = next(iter(self.scene.lidars))
        name = {"world": self.world, "ego": self.was.get("label_system") or self.ego}.get(name, name)
        if name not in self.systems and not (name == self.world and self.scene.trajectory is not None):
            self.systems[name] = {"type": "sensor_cs", "parent": "", "children": []}
        return name

    # -------------------------------------------------------- frames

    def _put_place(self, index: int, properties: dict[str, Any], number: int) -> None:
        """The time, the name and the vehicle's pose of a frame, where what is kept does not tell them."""
        scene, stamp = self.scene, int(self.scene.times_ns[index])
        if not scene.has_time:
            properties.pop("timestamp", None)
        elif not tells(properties.get("timestamp"), stamp):
            properties["timestamp"] = seconds(stamp)
        if scene.frame_ids[index] != str(number):
            properties["frame_id"] = scene.frame_ids[index]
        found = self.graph.pose(self.world, self.ego, self.graph.edges(Node({"frame_properties": properties}, "")))
        if scene.trajectory is None or not scene.trajectory.covers([stamp])[0]:
            if found is not None and scene.trajectory is None:
                self._drop_transforms({"frame_properties": properties}, lambda a, b: self.world in (a, b))
            return
        pose = scene.world_from_ego(stamp)
        if found is None or not _same(found, pose):
            self._drop_transforms({"frame_properties": properties}, lambda a, b: {a, b} == {self.ego, self.world})
            said = {"src": self.ego, "dst": self.world, "transform_src_to_dst": _transform(pose)}
            properties.setdefault("transforms", {})[transform_name(self.ego, self.world)] = said

    def _drop_transforms(self, frame: Mapping[str, Any], is_stale: Callable[[str, str], bool]) -> None:
        properties = frame.get("frame_properties", {})
        transforms = properties.get("transforms") or {}
        stale = [key for key, item in transforms.items() if is_stale(item["src"], item["dst"])]
        if stale:
            properties["transforms"] = {key: item for key, item in transforms.items() if key not in stale}

    def pose(self, system: str, index: int) -> Pose | None:
        """system_from_label in a frame, as a reader finds it."""
        if (system, index) not in self._poses:
            edges = self.graph.edges(Node(self.frames[index], ""))
            self._poses[system, index] = self.graph.pose(system, self.label, edges)
        return self._poses[system, index]

    def is_camera(self, system: str) -> bool:
        return bool(self.streams.get(system, {}).get("type") == "camera")


def _was_sensor(name: str, stream: Mapping[str, Any], mount: Pose | None) -> bool:
    """Whether a kept stream was a sensor of the scene, which has left it since."""
    if stream.get("type") == "lidar":
        return True
    try:
        return stream.get("type") == "camera" and camera_sensor_of(name, Node(stream, "", name), mount, Pose.identity()) is not None
    except BoxwrightError:
        return True


def cuboid_name(track: Track) -> str:
    """The name of a track's cuboids."""
    fields: Mapping[str, Any] = next((row["cuboid"] for row in track.keyframe_source_attributes if isinstance(row.get("cuboid"), Mapping)), {})
    return str(fields.get("name", CUBOID_NAME))


def uids_of(tracks: Sequence[Track], others: Collection[str]) -> dict[str, str]:
    """track_id -> uid: itself where OpenLABEL allows it, else the next free number. Cuboids of different names that came in one object stay in it."""
    taken = {track.track_id for track in tracks if _UID.fullmatch(track.track_id)} | set(others)
    names = {track.track_id: {cuboid_name(track)} for track in tracks}
    uids, number = {}, 0
    for track in tracks:
        shared = track.source_attributes.get("uid")
        if _UID.fullmatch(track.track_id):
            uids[track.track_id] = track.track_id
        elif isinstance(shared, str) and shared in names and _UID.fullmatch(shared) and cuboid_name(track) not in names[shared]:
            uids[track.track_id] = shared
            names[shared].add(cuboid_name(track))
        else:
            while str(number) in taken:
                number += 1
            uids[track.track_id] = str(number)
            number += 1
    return uids


def uids_of_seen(tracks: Sequence[ImageTrack], uids: Mapping[str, str], others: Mapping[str, Any]) -> dict[str, str]:
    """track_id -> uid of tracks in pictures: that of the cuboids they are linked to, or one for all that are linked to one name.

    uids : those of tracks of cuboids; others : kept objects
    """
    given, taken = dict[str, str](), {*uids.values(), *others}
    found, number = {}, 0
    for track in tracks:
        owner = track.object_id if track.object_id is not None else f"of {track.track_id}"
        if owner in uids:
            found[track.track_id] = uids[owner]
            continue
        if owner not in given:
            is_its_own = owner in others and bool(others[owner].get("is_in_pictures")) and owner not in uids.values()
            if _UID.fullmatch(owner) and (owner not in taken or is_its_own):
                given[owner] = owner
            else:
                while str(number) in taken:
                    number += 1
                given[owner] = str(number)
            taken.add(given[owner])
        found[track.track_id] = given[owner]
    return found


def _free(name: str, names: Iterable[str]) -> str:
    taken = set(names)
    while name in taken:
        name += "_"
    return name


def _same(a: Pose, b: Pose) -> bool:
    return bool(np.abs(a.rotation - b.rotation).max() < 1e-12 and np.abs(a.translation_m - b.translation_m).max() < _SAME_M)


def tells(value: Any, stamp: int) -> bool:
    """Whether a time of a file is this one."""
    try:
        return value is not None and time_ns(Node(value, ""))[0] == stamp
    except BoxwrightError:
        return False


def _transform(pose: Pose) -> dict[str, Any]:
    return {"matrix4x4": pose.matrix().ravel().tolist()}
