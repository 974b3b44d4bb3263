"""The writer of ASAM OpenLABEL 1.0.0; the layout is drawn in openlabel.py.

One JSON file, with sweeps and pictures beside it. A cuboid stands in every frame in which its track is there; those between keyframes say so.
What the schema has no place for (tags, source attributes, how a track is interpolated) goes into the metadata, which may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..arrays import Float64s
from ..errors import ArgumentError
from ..frames import Pose
from ..scene import Scene
from ..tracks import Origin, State, Track, Visibility
from . import strict_json
from .boxwright_scene import is_safe_name
from .openlabel import SCHEMA
from .openlabel_objects import ATTRIBUTE_KINDS, CUBOID_NAME, OURS
from .openlabel_sensors import intrinsics_of
from .sensor_writer import SweepFile, write_images, write_sweeps
from .write_report import WriteReport

__all__ = ["write"]

_UID = re.compile("-?[0-9]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SHAPES = {"bbox", "rbbox", "poly2d", "poly3d", "image", "mat", "binary", "point2d", "point3d", "line_reference", "area_reference", "mesh"}
_DATA = _SHAPES | set(ATTRIBUTE_KINDS)


def write(scene: Scene, folder: Path, report: WriteReport, *, pcd_encoding: str = "binary", jpeg_quality: int | None = None) -> None:
    """Writes into `folder`, which exists and is empty.

    pcd_encoding : "binary", "binary_compressed" or "ascii"
    jpeg_quality : pictures that are not in PNG or JPEG files already become JPEG of this quality instead of PNG
    """
    for name in (*scene.lidars, *scene.cameras):
        if not is_safe_name(name) or name in ("world", "ego"):
            raise ArgumentError("the name of a sensor cannot be a folder's and a frame's name", got=repr(name), field="scene", hint="rename it")
    stems = scene.frame_ids if all(map(is_safe_name, scene.frame_ids)) else [f"{i:06d}" for i in range(len(scene))]
    sweeps = write_sweeps(scene, folder, stems, pcd_encoding)
    images = write_images(scene, folder, stems, jpeg_quality)
    document = _Document(scene, report, sweeps, images).top()
    name = re.sub(r"[^\w.-]", "_", scene.name) or "scene"
    (folder / f"{name}.json").write_text(strict_json.dumps({"openlabel": document}, f"scene {scene.name!r}"), encoding="utf-8")
    report.n_frames = len(scene)
    if jpeg_quality is not None:
        report.rounded.append("pictures that were not in files are compressed as JPEG")


class _Document:
    def __init__(self, scene: Scene, report: WriteReport, sweeps: Mapping[tuple[str, int], SweepFile], images: Mapping[tuple[str, int], str]) -> None:
        self.scene, self.report, self.sweeps, self.images = scene, report, sweeps, images
        ids = list(scene.frame_ids)
        are_numbers = all(re.fullmatch("0|[1-9][0-9]{0,17}", name) for name in ids) and ids == sorted(set(ids), key=int)
        self.numbers = [int(name) for name in ids] if are_numbers else list(range(len(ids)))
        self.uids = _uids(scene.tracks)
        self.frames: dict[int, dict[str, Any]] = {number: {} for number in self.numbers}
        self.was: Mapping[str, Any] = scene.source_attributes.get("openlabel", {})

    def top(self) -> dict[str, Any]:
        scene = self.scene
        self._properties()
        objects = {self.uids[track.track_id]: self._object(track) for track in scene.tracks}
        self._shapes(objects)
        kept = {key: self.was[key] for key in ("ontologies", "resources", "actions", "events", "contexts", "tags") if key in self.was}
        metadata = {key: value for key, value in self.was.get("metadata", {}).items() if key != OURS}
        numbers = self.numbers
        return {
            "metadata": {"name": scene.name, **metadata, "schema_version": SCHEMA, OURS: self._ours()},
            "coordinate_systems": self._systems(),
            "streams": self._streams(),
            **kept,
            "objects": objects,
            "relations": self._relations(),
            "frames": {str(number): frame for number, frame in self.frames.items()},
            "frame_intervals": [{"frame_start": numbers[0], "frame_end": numbers[-1]}] if numbers else [],
        }

    def _ours(self) -> dict[str, Any]:
        """What only boxwright reads; everything else in the file is plain OpenLABEL."""
        scene = self.scene
        tracks = {}
        for track in scene.tracks:
            said: dict[str, Any] = {"method": track.method, "source_attributes": dict(track.source_attributes)}
            if self.uids[track.track_id] != track.track_id:
                said["track_id"] = track.track_id
            outside = np.flatnonzero(track.visibility == Visibility.OUTSIDE)
            if len(outside):  # where curves end, in no frame
                said["outside"] = [_end(track, k) for k in outside.tolist()]
            tracks[self.uids[track.track_id]] = said
        return {
            "version": __version__,
            "name": scene.name,
            **({} if scene.has_time else {"times_ns": [int(stamp) for stamp in scene.times_ns]}),
            "tags": dict(scene.tags),
            "source_attributes": {key: value for key, value in scene.source_attributes.items() if key != "openlabel"},
            "problems": [problem.mapping() for problem in scene.problems],
            "tracks": tracks,
        }

    # -------------------------------------------------------- sensors and frames

    def _systems(self) -> dict[str, Any]:
        scene = self.scene
        sensors = {**{name: lidar.ego_from_lidar for name, lidar in scene.lidars.items()}, **{n: c.ego_from_cam for n, c in scene.cameras.items()}}
        systems: dict[str, Any] = {}
        if scene.trajectory is not None:
            systems["world"] = {"type": "scene_cs", "parent": "", "children": ["ego"]}
        systems["ego"] = {"type": "local_cs", "parent": "world" if scene.trajectory is not None else "", "children": list(sensors)}
        for name, pose in sensors.items():
            systems[name] = {"type": "sensor_cs", "parent": "ego", "children": [], "pose_wrt_parent": _transform(pose)}
        for name, system in self.was.get("coordinate_systems", {}).items():  # of sensors that boxwright has no model for
            if name not in systems and system.get("parent") == self.was.get("ego") and "pose_wrt_parent" in system:
                systems[name] = {**system, "parent": "ego", "children": []}
                systems["ego"]["children"].append(name)
        return systems

    def _streams(self) -> dict[str, Any]:
        scene = self.scene
        was = self.was.get("streams", {})
        streams = {name: stream for name, stream in was.items() if name not in scene.lidars and name not in scene.cameras}
        for name, lidar in scene.lidars.items():
            properties = {"origins_m": [list(origin) for origin in lidar.origins_m]}
            streams[name] = {"type": "lidar", **_described(was.get(name, {})), "stream_properties": properties}
        for name, sensor in scene.cameras.items():
            streams[name] = {"type": "camera", **_described(was.get(name, {})), "stream_properties": intrinsics_of(sensor.camera)}
        return streams

    def _properties(self) -> None:
        scene = self.scene
        posed = np.zeros(len(scene), bool) if scene.trajectory is None else scene.trajectory.covers(scene.times_ns)
        for i, (number, frame) in enumerate(self.frames.items()):
            properties: dict[str, Any] = {}
            stamp = int(scene.times_ns[i])
            if scene.has_time:
                properties["timestamp"] = _seconds(stamp)
            if scene.frame_ids[i] != str(number):
                properties["frame_id"] = scene.frame_ids[i]
            if posed[i]:
                properties["transforms"] = {
                    "ego_to_world": {"src": "ego", "dst": "world", "transform_src_to_dst": _transform(scene.world_from_ego(stamp))}
                }
            streams = {name: stream for name in (*scene.lidars, *scene.cameras) if (stream := self._stream_now(name, i))}
            if streams:
                properties["streams"] = streams
            frame["frame_properties"] = properties
        if scene.trajectory is not None:
            between = int((~np.isin(scene.trajectory.times_ns, scene.times_ns)).sum())
            if between:
                self.report.dropped.append(f"{between} poses of the vehicle between the frames: the frames' own poses are written")

    def _stream_now(self, name: str, i: int) -> dict[str, Any]:
        """What holds for a sensor in one frame: its file, when it fired, an origin of its points."""
        stream: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        stamp = None
        if name in self.scene.cameras:
            exposures = self.scene.cameras[name].times_ns
            stamp = None if exposures is None else int(exposures[i])
            if (name, i) in self.images:
                stream["uri"] = self.images[name, i]
        elif (name, i) in self.sweeps:
            file = self.sweeps[name, i]
            stream["uri"], stamp = file.path, file.own.get("timestamp_ns")
            properties.update({key: file.own[key] for key in ("origin_m", "is_deskewed") if key in file.own})
        if stamp is not None and self.scene.has_time:
            properties["sync"] = {"timestamp": _seconds(stamp)}
        return {**stream, **({"stream_properties": properties} if properties else {})}

    # -------------------------------------------------------- labels

    def _object(self, track: Track) -> dict[str, Any]:
        """The object, its cuboids put into the frames."""
        uid, times = self.uids[track.track_id], self.scene.times_ns
        filled = track.at(times)
        there = np.flatnonzero(filled.is_valid)
        off_frame = ~np.isin(track.times_ns, times) & (track.visibility != Visibility.OUTSIDE)
        if off_frame.any():
            self.report.dropped.append(
                f"track {track.track_id!r}: {int(off_frame.sum())} keyframes between the frames; its cuboids in the frames are written"
            )
        values = _values(filled.cuboids.center_m, filled.cuboids.quat_wxyz, filled.cuboids.size_m)
        is_key = (filled.state == State.KEYFRAME) | bool(off_frame.any())
        source: Mapping[str, Any] = track.source_attributes
        for i in there.tolist():
            k = int(filled.keyframe_index[i])
            cuboid: dict[str, Any] = {"name": CUBOID_NAME, "coordinate_system": self.scene.label_frame, "val": values[i].tolist()}
            data: dict[str, Any] = {}
            if filled.state[i] == State.KEYFRAME:
                given = track.keyframe_attributes[k] if track.keyframe_attributes else {}
                kept = track.keyframe_source_attributes[k] if track.keyframe_source_attributes else {}
                cuboid |= self._kept_of(kept, data)
                attributes = self._attributes(given, f"track {track.track_id!r}")
                cuboid["attributes"] = _joined(cuboid.get("attributes", {}), attributes)
                if track.origin[k] != Origin.GIVEN:
                    cuboid["origin"] = Origin(track.origin[k]).name.lower()
                if track.visibility[k] != Visibility.VISIBLE:
                    cuboid["visibility"] = Visibility(track.visibility[k]).name.lower()
            elif not is_key[i]:
                cuboid["is_keyframe"] = False
            if not cuboid.get("attributes"):
                cuboid.pop("attributes", None)
            self.frames[self.numbers[i]].setdefault("objects", {})[uid] = {"object_data": {**data, "cuboid": [cuboid]}}
        for number, data in source.get("frames_without_cuboid", {}).items():
            self._put_shapes(uid, number, data)
        self.report.n_tracks += bool(len(there))
        self.report.n_labels += len(there)
        static = _joined(source.get("object_data", {}), self._attributes(track.attributes, f"track {track.track_id!r}"))
        described = {key: source[key] for key in ("ontology_uid", "resource_uid", "coordinate_system") if key in source}
        intervals = [{"frame_start": self.numbers[a], "frame_end": self.numbers[b]} for a, b in _runs(there)]
        pointers = {"cuboid": {"type": "cuboid", "frame_intervals": intervals}}
        thing = {"name": str(source.get("name", track.track_id)), "type": track.category, **described, "frame_intervals": intervals}
        return {**thing, **({"object_data": static} if static else {}), "object_data_pointers": pointers}

    def _kept_of(self, kept: Mapping[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Fields of the cuboid that came with it; `data` takes the shapes that stood beside it."""
        shapes = kept.get("object_data", {})
        if isinstance(shapes, Mapping) and set(shapes) <= _DATA:
            data.update(shapes)
        fields = kept.get("cuboid", {}) if isinstance(kept.get("cuboid", {}), Mapping) else {}
        rest = {key: value for key, value in kept.items() if key not in ("cuboid", "object_data")}
        return {**fields, **({"source_attributes": rest} if rest else {})}

    def _attributes(self, values: Mapping[str, Any], owner: str) -> dict[str, list[dict[str, Any]]]:
        """By kind, as OpenLABEL wants them; what is of none of its kinds is reported."""
        kinds: dict[str, list[dict[str, Any]]] = {}
        for name, value in values.items():
            kind = _kind(value)
            if kind is None:
                lost = f"{owner}: the attribute {name!r}, of a kind that OpenLABEL lacks ({type(value).__name__})"
                if lost not in self.report.dropped:
                    self.report.dropped.append(lost)
            else:
                kinds.setdefault(kind, []).append({"name": name, "val": list(value) if kind == "vec" else value})
        return kinds

    def _shapes(self, objects: dict[str, Any]) -> None:
        """Objects without a cuboid, as they came."""
        for uid, kept in self.was.get("objects", {}).items():
            if uid in objects:
                self.report.dropped.append(f"object {uid!r} without a cuboid: a track has its id")
                continue
            objects[uid] = kept["object"]
            for number, data in kept["frames"].items():
                self._put_shapes(uid, number, data)

    def _put_shapes(self, uid: str, number: str, data: Mapping[str, Any]) -> None:
        if int(number) in self.frames:
            self.frames[int(number)].setdefault("objects", {}).setdefault(uid, {"object_data": dict(data)})
        else:
            lost = f"shapes of object {uid!r} in frames that the scene does not have"
            self.report.dropped += [] if lost in self.report.dropped else [lost]

    def _relations(self) -> dict[str, Any]:
        relations = dict(self.was.get("relations", {}))
        for relation in self.scene.relations:
            ends = [self.uids.get(name) for name in (relation.subject, relation.object)]
            if None in ends:
                self.report.dropped.append(f"the relation {relation.kind!r} of tracks that the scene does not have")
                continue
            one: dict[str, Any] = {"name": relation.kind, "type": relation.kind}
            if relation.span_ns is not None:
                inside = np.flatnonzero((self.scene.times_ns >= relation.span_ns[0]) & (self.scene.times_ns <= relation.span_ns[1]))
                if not len(inside):
                    self.report.dropped.append(f"the relation {relation.kind!r} of a time without frames")
                    continue
                one["frame_intervals"] = [{"frame_start": self.numbers[inside[0]], "frame_end": self.numbers[inside[-1]]}]
            one["rdf_subjects"], one["rdf_objects"] = ([{"uid": uid, "type": "object"}] for uid in ends)
            relations[str(next(n for n in range(len(relations) + 1) if str(n) not in relations))] = one
        return relations


def _transform(pose: Pose) -> dict[str, Any]:
    return {"matrix4x4": pose.matrix().ravel().tolist()}


def _described(stream: Mapping[str, Any]) -> dict[str, Any]:
    return {key: stream[key] for key in ("description", "uri") if key in stream}


def _seconds(stamp_ns: int) -> str:
    """Exact decimal seconds."""
    whole, rest = divmod(abs(stamp_ns), 1_000_000_000)
    return f"{'-' if stamp_ns < 0 else ''}{whole}.{rest:09d}"


def _values(center: Float64s, quat_wxyz: Float64s, size: Float64s) -> Float64s:
    """(M, 10) x y z qx qy qz qw sx sy sz"""
    return np.concatenate([center, quat_wxyz[:, [1, 2, 3, 0]], size], 1)


def _end(track: Track, k: int) -> dict[str, Any]:
    """An OUTSIDE keyframe, which no frame holds."""
    value = _values(track.cuboids.center_m[[k]], track.cuboids.quat_wxyz[[k]], track.cuboids.size_m[[k]])[0]
    end: dict[str, Any] = {"timestamp_ns": int(track.times_ns[k]), "val": value.tolist(), "origin": Origin(track.origin[k]).name.lower()}
    for key, rows in (("attributes", track.keyframe_attributes), ("source_attributes", track.keyframe_source_attributes)):
        if rows and rows[k]:
            end[key] = dict(rows[k])
    return end


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "num"
    if isinstance(value, str):
        return "text"
    is_list = isinstance(value, (list, tuple))
    return "vec" if is_list and (all(map(_is_number, value)) or all(isinstance(item, str) for item in value)) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two sets of data, kind by kind."""
    return {kind: [*first.get(kind, []), *second.get(kind, [])] for kind in dict.fromkeys((*first, *second))}


def _runs(index: Any) -> list[tuple[int, int]]:
    """(first, last) of the runs of neighbours in increasing indices."""
    if not len(index):
        return []
    cuts = np.flatnonzero(np.diff(index) > 1)
    return list(zip(index[np.r_[0, cuts + 1]].tolist(), index[np.r_[cuts, len(index) - 1]].tolist()))


def _uids(tracks: Sequence[Track]) -> dict[str, str]:
    """track_id -> uid: itself where OpenLABEL allows it, else the next free number."""
    taken = {track.track_id for track in tracks if _UID.fullmatch(track.track_id)}
    uids, number = {}, 0
    for track in tracks:
        if track.track_id in taken:
            uids[track.track_id] = track.track_id
            continue
        while str(number) in taken:
            number += 1
        uids[track.track_id] = str(number)
        number += 1
    return uids
