"""The labels of an OpenLABEL file: its objects become tracks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import FormatError
from ..frames import Pose, Trajectory, unit_quats
from ..problems import Problems
from ..rotations import quat_from_euler, quat_from_matrix, quat_multiply
from ..tracks import Origin, Track, Tracks, Visibility
from .boxwright_scene import ORIGINS, VISIBILITIES
from .dense_tracks import dense_track, moved_each
from .limits import limits
from .openlabel_sensors import Systems, stamps_ns, systems_of
from .strict_json import Node

__all__ = ["ATTRIBUTE_KINDS", "CUBOID_NAME", "OURS", "Document", "Labels", "document_of"]

OURS = "boxwright"  # the field of the metadata that holds what OpenLABEL has no place for
CUBOID_NAME = "cuboid"  # as our writer calls it
ATTRIBUTE_KINDS = ("boolean", "num", "text", "vec")
_KEPT = ("metadata", "coordinate_systems", "streams", "ontologies", "resources", "actions", "events", "contexts", "tags")
_EGO_TYPES = {"egocar", "egovehicle", "ego"}
_OUR_FIELDS = ("is_keyframe", "origin", "visibility")
_HINT = "correct the label"
_UPRIGHT_FROM_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # columns: the axes x, z, -y of a cuboid whose y points down


@dataclass
class Document:
    """A file, taken apart as far as everything needs it.

    frames : number -> node, in order; edges : of each, its transforms
    ours : what our own writer left in the metadata
    source : what goes into the scene's source attributes
    """

    top: Node
    file: Path
    problems: Problems
    notes: list[str]
    ours: Node
    frames: dict[int, Node]
    times: Int64s
    has_time: bool
    systems: Systems
    edges: list[dict[tuple[str, str], Pose]]
    source: dict[str, Any]

    def note_once(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def document_of(top: Node, file: Path, problems: Problems) -> Document:
    ours = top["metadata"].get(OURS, {})
    notes: list[str] = []
    frames = _numbered_frames(top)
    limits().check("frames_per_scene", len(frames), file, "frames")
    times, has_time = stamps_ns(frames, notes)
    if not has_time and ours.has("times_ns"):
        times = np.array([item.whole() for item in ours["times_ns"]], np.int64)
    systems = systems_of(top)
    edges = [systems.edges(frame) for frame in frames.values()]
    source = {key: top[key].value for key in _KEPT if top.has(key)}
    if systems.ego is not None:
        source["ego"] = systems.ego
    return Document(top, file, problems, notes, ours, frames, times, has_time, systems, edges, source)


@dataclass
class _Row:
    """A cuboid as the file has it, in the coordinate system `system`."""

    frame: int
    system: str
    center_m: Float64s
    size_m: Float64s
    quat_wxyz: Float64s
    attributes: dict[str, Any]
    source: dict[str, Any]
    ours: dict[str, Any]


@dataclass
class _Object:
    uid: str
    name: str
    type: str
    rows: list[_Row] = field(default_factory=list)
    without: dict[str, Any] = field(default_factory=dict)  # frame -> data, for frames in which it has no cuboid


class Labels:
    """The tracks of a document.

    trajectory : world_from_ego, or None; lidars : names of the LiDARs
    """

    def __init__(self, document: Document, trajectory: Trajectory | None, lidars: Sequence[str]) -> None:
        self.document, self.trajectory, self.lidars = document, trajectory, lidars
        self.top, self.file, self.frames, self.times = document.top, document.file, document.frames, document.times
        self.systems, self.edges, self.problems, self.ours = document.systems, document.edges, document.problems, document.ours
        self.id_of: dict[str, str] = {}  # uid -> track_id
        objects = self._objects()
        self.frame, self.home = self._home([row for thing in objects for row in thing.rows])
        self.tracks = self._tracks(objects)

    def _objects(self) -> list[_Object]:
        objects = {uid: _Object(uid, node.get("name", "").text(), node["type"].text()) for uid, node in self.top.get("objects", {}).items()}
        limits().check("tracks_per_scene", len(objects), self.file, "objects")
        shapes: dict[str, dict[str, Any]] = {}
        for i, (number, frame) in enumerate(self.frames.items()):
            for uid, node in frame.get("objects", {}).items():
                if uid not in objects:
                    error = FormatError("an object that is not declared", got=repr(uid), path=self.file, field=node.field, hint="add it to objects")
                    self.problems.keep(error, node.value)
                    continue
                self._add_rows(objects[uid], i, number, node.get("object_data", {}))
        for uid, node in self.top.get("objects", {}).items():
            self._add_static_rows(objects[uid], node)
        for uid, thing in objects.items():
            node = self.top["objects"][uid]
            if not thing.rows:
                shapes[uid] = {"object": node.value, "frames": thing.without}
        own = [uid for uid, thing in objects.items() if re.sub("[^a-z]", "", thing.type.lower()) in _EGO_TYPES]
        if own:
            self.document.notes.append(f"left out: {', '.join(own)}, the recording vehicle itself")
        if shapes:
            self.document.source["objects"] = shapes
            self.document.notes.append(f"{len(shapes)} objects have no cuboid: they are kept as they are, in the source attributes")
        return [thing for uid, thing in objects.items() if thing.rows and uid not in own]

    def _add_rows(self, thing: _Object, index: int, number: int, data: Node) -> None:
        others = {key: value for key, value in data.mapping().items() if key != "cuboid"}
        if thing.type.lower() == "dontcare":  # areas without labels: their cuboids mean nothing
            if data.value:
                thing.without[str(number)] = data.value
            return
        found = False
        for node in data.get("cuboid", []):
            with self.problems.aside(node.value):
                row = self._row(index, node)
                if not found:
                    row.attributes |= _named_values(others)
                    left = _without_named_values(others)
                    if left:
                        row.source["object_data"] = left
                thing.rows.append(row)
                found = True
        if not found and others:
            thing.without[str(number)] = others

    def _add_static_rows(self, thing: _Object, node: Node) -> None:
        """A cuboid given once for all frames of an object."""
        data = node.get("object_data", {})
        if thing.type.lower() == "dontcare" or not data.has("cuboid"):
            return
        spans = [(item["frame_start"].whole(), item["frame_end"].whole()) for item in node.get("frame_intervals", [])]
        inside = [i for i, number in enumerate(self.frames) if not spans or any(first <= number <= last for first, last in spans)]
        taken = {row.frame for row in thing.rows}
        for item in data["cuboid"]:
            with self.problems.aside(item.value):
                thing.rows += [self._row(i, item) for i in inside if i not in taken]

    def _row(self, index: int, node: Node) -> _Row:
        value = node["val"]
        if value.value is None or len(value) not in (9, 10):
            raise value.wrong("9 or 10 numbers", "null" if value.value is None else str(len(value)), hint=_HINT)
        numbers = value.numbers(len(value))
        size = numbers[-3:]
        if (size <= 0).any():
            raise value.wrong("positive sizes", " ".join(f"{v:g}" for v in size), hint=_HINT)
        if len(numbers) == 10:
            x, y, z, w = numbers[3:7]
            norm = float(np.linalg.norm(numbers[3:7]))
            if not abs(norm - 1) <= 1e-6:
                raise value.wrong("a unit quaternion x y z w", f"one of length {norm:.7g}", hint=_HINT)
            quat = unit_quats("val", np.array([[w, x, y, z]]))[0]
        else:
            rx, ry, rz = numbers[3:6]
            quat = quat_from_euler(np.array([rz, ry, rx]), "ZYX")
            if np.count_nonzero((rx, ry, rz)) > 1:
                self.document.note_once("cuboids with Euler angles about several axes are turned by Rz Ry Rx: the file does not give the order")
        attributes = _named_values(node.get("attributes", {}).mapping())
        ours = {key: node[key].value for key in _OUR_FIELDS if node.has(key)} if self.ours.has("tracks") else {}
        known = {"val", "coordinate_system", "attributes", *ours, *(("source_attributes",) if self.ours.has("tracks") else ())}
        left = {key: item for key, item in node.mapping().items() if key not in known and (key, item) != ("name", CUBOID_NAME)}
        rest = _without_named_values(node.get("attributes", {}).mapping())
        if rest:
            left["attributes"] = rest
        source = {**node.get("source_attributes", {}).mapping()} if self.ours.has("tracks") else {}
        return _Row(index, self._system(node), numbers[:3], size, quat, attributes, {**source, **({"cuboid": left} if left else {})}, ours)

    def _system(self, node: Node) -> str:
        """The coordinate system of a cuboid; where none is named, the only one there is, or the vehicle's."""
        kinds = self.systems.kinds
        if node.has("coordinate_system"):
            name = node["coordinate_system"].text()
            if name not in kinds and name != self.systems.world:
                raise node["coordinate_system"].wrong(f"one of {', '.join(kinds) or 'no coordinate systems'}", repr(name), hint=_HINT)
            return name
        if len(kinds) > 1:
            raise node.wrong(f"a coordinate_system, one of {', '.join(kinds)}", "none", hint=_HINT)
        self.document.note_once("cuboids that name no coordinate system are taken to be in the vehicle's")
        return next(iter(kinds), "")

    def _home(self, rows: Sequence[_Row]) -> tuple[str, str]:
        """(the frame that tracks are kept in, its coordinate system)"""
        systems = self.systems
        if self.trajectory is not None:
            return "world", systems.world or ""
        used = [row.system for row in rows]
        common = max(dict.fromkeys(used), key=used.count) if used else ""
        if common in self.lidars:
            return common, common
        reaches = systems.ego is not None and all(systems.pose(systems.ego, name, {}) is not None for name in set(used))
        if reaches or not used:
            return "ego", systems.ego or ""
        self.document.notes.append(f"nothing says where {common!r} lies from the vehicle: the labels stay in it, under the name 'ego'")
        return "ego", common

    def _cuboids(self, rows: Sequence[_Row]) -> Cuboids | None:
        """Rows, moved to the frame the tracks are kept in; None where a row's coordinate system cannot be reached."""
        size, quat = np.stack([row.size_m for row in rows]), np.stack([row.quat_wxyz for row in rows])
        down = np.array([self._is_camera(row.system) for row in rows])
        quat = np.where(down[:, None], quat_multiply(quat, quat_from_matrix(_UPRIGHT_FROM_CAMERA)), quat)
        size = np.where(down[:, None], size[:, [0, 2, 1]], size)
        local = Cuboids(np.stack([row.center_m for row in rows]), size, quat_wxyz=quat)
        keys = [(row.system, row.frame) for row in rows]
        poses = {key: self._pose_home(*key) for key in dict.fromkeys(keys)}
        if any(pose is None for pose in poses.values()):
            return None
        if all(row.system == self.home for row in rows):
            return Cuboids._trusted(local.center_m, local.size_m, local.quat_wxyz, None, self.frame)
        order = {key: i for i, key in enumerate(poses)}
        return moved_each(local, [pose for pose in poses.values() if pose], np.array([order[key] for key in keys]), self.frame)

    def _pose_home(self, system: str, index: int) -> Pose | None:
        if system == self.home:
            return Pose.identity()
        pose = self.systems.pose(self.home, system, self.edges[index])
        if pose is None and self.trajectory is not None and self.systems.ego and self.trajectory.covers(self.times[index]):
            mount = self.systems.pose(self.systems.ego, system, self.edges[index])
            return None if mount is None else self.trajectory.at(int(self.times[index])) @ mount
        return pose

    def _is_camera(self, system: str) -> bool:
        stream = self.top.get("streams", {}).get(system, {})
        return bool(stream.get("type", "").value == "camera")

    def _tracks(self, objects: Sequence[_Object]) -> Tracks:
        tracks = []
        for thing in objects:
            many: dict[int, int] = {}
            chains: dict[int, list[_Row]] = {}
            for row in sorted(thing.rows, key=lambda row: row.frame):
                chains.setdefault(many.get(row.frame, 0), []).append(row)
                many[row.frame] = many.get(row.frame, 0) + 1
            if len(chains) > 1:
                self.document.notes.append(f"object {thing.uid} has {len(chains)} cuboids in a frame: each became a track")
            for k, rows in chains.items():
                with self.problems.aside({"uid": thing.uid, "name": thing.name, "type": thing.type}):
                    tracks.append(self._track(thing, f"{thing.uid}/{k}" if k else thing.uid, rows))
                    self.id_of.setdefault(thing.uid, tracks[-1].track_id)
        return Tracks(tracks)

    def _track(self, thing: _Object, track_id: str, rows: list[_Row]) -> Track:
        limits().check("keyframes_per_track", len(rows), self.file, f"objects.{thing.uid}")
        cuboids = self._cuboids(rows)
        if cuboids is None:
            names = ", ".join(sorted({row.system for row in rows}))
            raise FormatError(
                f"no transform leads to {self.home!r}", got=names, path=self.file, field=f"objects.{thing.uid}", hint="add the poses of these frames"
            )
        node = self.top["objects"][thing.uid]
        static = node.get("object_data", {}).mapping()
        source: dict[str, Any] = {key: node[key].value for key in ("ontology_uid", "resource_uid", "coordinate_system") if node.has(key)}
        if thing.name:
            source["name"] = thing.name
        left = {key: value for key, value in _without_named_values(static).items() if key != "cuboid"}
        if left:
            source["object_data"] = left
        if thing.without:
            source["frames_without_cuboid"] = thing.without
        hidden = [Visibility.OCCLUDED if row.attributes.get("occluded") in (1, 2) else Visibility.VISIBLE for row in rows]
        track = dense_track(
            track_id,
            thing.type,
            np.array([row.frame for row in rows]),
            self.times,
            cuboids,
            visibility=hidden,
            attributes=[row.attributes for row in rows] if any(row.attributes for row in rows) else (),
            source_attributes=[row.source for row in rows] if any(row.source for row in rows) else (),
            track_source_attributes=source,
        ).replace(attributes=_named_values(static))
        return self._as_we_wrote(track, thing.uid, rows) if self.ours.has("tracks") else track

    def _as_we_wrote(self, track: Track, uid: str, rows: Sequence[_Row]) -> Track:
        """What our own writer put down about a track: its id and method, which cuboids are keyframes and of what kind, and where curves end."""
        said = self.ours["tracks"].get(uid, {})
        of_time = {int(self.times[row.frame]): row.ours for row in rows}
        own = [of_time.get(int(stamp), {}) for stamp in track.times_ns]
        track = track.replace(
            track_id=said.get("track_id", track.track_id).text(),
            method=said.get("method", track.method).text(),
            source_attributes=said.get("source_attributes", {}).mapping(),
            visibility=[VISIBILITIES.get(row.get("visibility", ""), seen) for row, seen in zip(own, track.visibility)],
            origin=[ORIGINS.get(row.get("origin", ""), Origin.GIVEN) for row in own],
        )
        kept = np.array([row.get("is_keyframe", True) is not False for row in own])
        ends = [node for node in said.get("outside", []) if node["timestamp_ns"].whole() not in of_time]
        present = np.array(sorted(of_time))
        gaps = set(np.searchsorted(present, [node["timestamp_ns"].whole() for node in ends]).tolist())
        kept &= (track.visibility != Visibility.OUTSIDE) | [int(gap) not in gaps for gap in np.searchsorted(present, track.times_ns)]
        if (track.visibility[kept] != Visibility.OUTSIDE).any():
            track = track.take(kept)
        return _with_ends(track, ends) if ends else track


def _with_ends(track: Track, ends: Sequence[Node]) -> Track:
    """The track with the OUTSIDE keyframes that our writer put into the metadata."""
    values = np.stack([node["val"].numbers(10) for node in ends])
    poses = Cuboids(values[:, :3], values[:, 7:], quat_wxyz=values[:, [6, 3, 4, 5]], frame=track.cuboids.frame)
    times = np.append(track.times_ns, [node["timestamp_ns"].whole() for node in ends])
    order = np.argsort(times, kind="stable")

    def rows(given: Sequence[Mapping[str, Any]], key: str) -> Sequence[Mapping[str, Any]]:
        every = [*(given or [{}] * len(track)), *(node.get(key, {}).mapping() for node in ends)]
        return [every[i] for i in order.tolist()] if any(every) else ()

    return track.replace(
        times_ns=times[order],
        cuboids=Cuboids.concatenate([track.cuboids, poses])[order],
        visibility=np.append(track.visibility, [Visibility.OUTSIDE] * len(ends))[order],
        origin=np.append(track.origin, [node.get("origin", "given").one_of(ORIGINS) for node in ends])[order],
        keyframe_attributes=rows(track.keyframe_attributes, "attributes"),
        keyframe_source_attributes=rows(track.keyframe_source_attributes, "source_attributes"),
    )


def _numbered_frames(top: Node) -> dict[int, Node]:
    """Number -> frame, in order; a file without frames is one frame, in which everything holds."""
    frames = dict(top.get("frames", {}).items())
    bad = next((key for key in frames if not re.fullmatch("[0-9]{1,18}", key)), None)
    if bad is not None:
        raise top["frames"].wrong("frames called by whole numbers", repr(bad[:40]))
    numbered = {int(key): frames[key] for key in sorted(frames, key=int)}
    if len(numbered) != len(frames):
        raise top["frames"].wrong("frames with different numbers", "the same number twice")
    return numbered or {0: Node({}, top.path, "frames.0")}


def _named_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """name -> value of the attributes in an `attributes` or `object_data`, kind by kind."""
    found: dict[str, Any] = {}
    for kind in ATTRIBUTE_KINDS:
        items = data.get(kind)
        for item in items if isinstance(items, list) else []:
            if _is_plain(item):
                found[item["name"]] = item["val"]
    return found


def _is_plain(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == {"name", "val"} and isinstance(item["name"], str)


def _without_named_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """What `_named_values` leaves behind."""
    left = {}
    for key, items in data.items():
        rest = [item for item in items if not _is_plain(item)] if key in ATTRIBUTE_KINDS and isinstance(items, list) else items
        if rest:
            left[key] = rest
    return left
