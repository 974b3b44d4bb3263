"""The writer of ASAM OpenLABEL 1.0.0; the layout is drawn in openlabel.py.

One JSON file, with sweeps and pictures beside it. A cuboid stands in every frame in which its track is there; those between keyframes say so.
What the schema has no place for (tags, source attributes, how a track is interpolated) goes into the metadata, which may hold anything.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .. import __version__
from ..cameras import PinholeCamera, UncalibratedCamera, model_of
from ..errors import ArgumentError
from ..image_tracks import ImageTrack
from ..scene import Scene
from ..tracks import Track, Visibility
from . import json_text
from .boxwright_pictures import tag_mapping
from .boxwright_scene import is_safe_name
from .file_names import fitting
from .openlabel import SCHEMA
from .openlabel_data import Occurrences, attribute_kind, covers, intervals_of, is_data, joined, split_named
from .openlabel_document import OURS
from .openlabel_kept import Places, cuboid_name, kept_of, uids_of, uids_of_seen
from .openlabel_relation_writer import relations_now
from .openlabel_stream_writer import put_streams
from .openlabel_track_writer import OwnImageTrack, OwnTrack, end_of
from .openlabel_tracks import IN_PICTURES
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .sensor_writer import SweepFile, write_images, write_sweeps
from .write_report import Told, WriteReport

__all__ = ["write"]

_AT_ONCE = 128  # frames whose labels are in memory together
_WRITTEN = {"metadata", "coordinate_systems", "streams", "objects", "relations", "frames", "frame_intervals", "ego", "world", "label_system"}


def write(scene: Scene, folder: Path, report: WriteReport, *, pcd_encoding: str = "binary", jpeg_quality: int | None = None) -> None:
    """Writes into `folder`, which exists and is empty.

    pcd_encoding : "binary", "binary_compressed" or "ascii"
    jpeg_quality : pictures that are not in PNG or JPEG files already become JPEG of this quality instead of PNG
    """
    check_reach(scene)
    for name in (*scene.lidars, *scene.cameras):
        if not is_safe_name(name) or name in ("world", "ego"):
            raise ArgumentError("the name of a sensor cannot be a folder's and a frame's name", got=repr(name), field="scene", hint="rename it")
    stems = scene.frame_ids if all(map(is_safe_name, scene.frame_ids)) else [f"{i:06d}" for i in range(len(scene))]
    sweeps = write_sweeps(scene, folder, stems, pcd_encoding)
    images = write_images(scene, folder, stems, jpeg_quality)
    name = fitting(re.sub(r"[^\w.-]", "_", scene.name)) or "scene"
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=folder) as aside,
        (folder / f"{name}.json").open("w", encoding="utf-8") as file,
    ):
        document = Document(scene, report, sweeps, images).top(aside)
        json_text.dump_into(file, {"openlabel": document}, f"scene {scene.name!r}")
    say_point_labels_are_lost(scene, report)
    report.n_frames = len(scene)
    report.tolerance_px = 1e-9 if scene.image_tracks else 0.0
    if jpeg_quality is not None:
        report.rounded.append(Told("pictures", "pictures that were not in files are compressed as JPEG"))


class Document:
    def __init__(self, scene: Scene, report: WriteReport, sweeps: Mapping[tuple[str, int], SweepFile], images: Mapping[tuple[str, int], str]) -> None:
        self.scene, self.report, self.sweeps, self.images = scene, report, sweeps, images
        ids = list(scene.frame_ids)
        are_numbers = all(re.fullmatch("0|[1-9][0-9]{0,17}", name) for name in ids) and ids == sorted(set(ids), key=int)
        self.numbers = [int(name) for name in ids] if are_numbers else list(range(len(ids)))
        self.index_of = {name: i for i, name in enumerate(ids)}
        self.was = kept_of(scene, report)
        for name, sensor in scene.cameras.items():
            if not isinstance(sensor.camera, (PinholeCamera, UncalibratedCamera)):
                report.notes.append(
                    f"camera {name}: OpenLABEL has no {model_of(sensor.camera)} lens; it is in intrinsics_custom, which others may not know"
                )
        self.uids = uids_of(scene.tracks, self.was["objects"])
        self.uids |= uids_of_seen(scene.image_tracks, self.uids, self.was["objects"])
        self.places = Places(scene, self.was, report, self.numbers)
        self.frames = self.places.frames
        self.objects: dict[str, dict[str, Any]] = {}
        self.entries: dict[str, dict[int, list[tuple[str, Mapping[str, Any]]]]] = {}  # owner -> frame -> what is kept of an object there
        self.own_tracks: dict[str, dict[str, Any]] = {}
        self.own_image_tracks: dict[str, dict[str, Any]] = {}

    def top(self, aside: TextIO) -> dict[str, Any]:
        """aside : an empty file, for the text of the frames of a long clip"""
        scene, was = self.scene, self.was
        put_streams(scene, self.places, self.sweeps, self.images, self.report)
        frames = self._told_frames(aside)
        numbers = self.numbers
        extras = {key: value for key, value in was.items() if key not in _WRITTEN}
        intervals = [{"frame_start": numbers[0], "frame_end": numbers[-1]}] if numbers else []
        kept = was.get("frame_intervals")
        return {
            "metadata": {"name": scene.name, **was["metadata"], "schema_version": SCHEMA, OURS: self._ours()},
            "coordinate_systems": self.places.systems,
            "streams": self.places.streams,
            **extras,
            "objects": self.objects,
            "relations": relations_now(scene, self.uids, self.numbers, was["relations"], self.objects, self.drop),
            "frames": frames,
            "frame_intervals": kept if numbers and kept and covers(kept, intervals, numbers) else intervals,
        }

    def _told_frames(self, aside: TextIO) -> dict[str, Any] | json_text.WrittenAlready:
        """The frames with the objects in them, which are declared on the way; those of a long clip go into a file as they are made."""
        tracks = sorted(self.scene.tracks, key=lambda one: self.uids[one.track_id] == one.source_attributes.get("uid"))
        own: list[OwnTrack | OwnImageTrack] = [OwnTrack(self, track) for track in tracks]
        own += [OwnImageTrack(self, track) for track in self.scene.image_tracks]
        kept = self._kept_objects()
        told = {uid: Occurrences() for uid in self.objects}
        for uid, thing in self.objects.items():
            told[uid].add(None, thing.get("object_data", {}))
        members = json_text.Members(aside, "  ", f"scene {self.scene.name!r}") if len(self.frames) > _AT_ONCE else None
        frames: dict[str, Any] = {}
        for first in range(0, len(self.frames), _AT_ONCE):
            end = min(first + _AT_ONCE, len(self.frames))
            for one in own:
                one.put(first, end)
                self._put_entries(one.name, first, end)
            for i in range(first, end):
                for uid, entry in self.frames[i].get("objects", {}).items():
                    told[uid].add(i, entry.get("object_data", {}))
            for uid in kept:
                self._put_entries(f"kept {uid}", first, end)
            for i in range(first, end):
                frame = {key: value for key, value in self.frames[i].items() if value != {}}
                if members is None:
                    frames[str(self.numbers[i])] = frame
                else:
                    members.add(str(self.numbers[i]), frame)
                    self.frames[i] = {}
        for one in own:
            one.done()
        self._tell_where(told)
        self.objects |= kept
        return frames if members is None else members.done()

    def _ours(self) -> dict[str, Any]:
        """What only boxwright reads; everything else in the file is plain OpenLABEL."""
        scene, places = self.scene, self.places
        return {
            "version": __version__,
            "name": scene.name,
            **({"ego": places.ego} if places.ego in places.systems else {}),
            **({"world": places.world} if "world" in self.was or scene.trajectory is not None else {}),
            **({} if scene.has_time else {"times_ns": [int(stamp) for stamp in scene.times_ns]}),
            "tags": [tag_mapping(tag) for tag in scene.tags],
            "source_attributes": {key: value for key, value in scene.source_attributes.items() if key != "openlabel"},
            "problems": [problem.mapping() for problem in scene.problems],
            "tracks": self.own_tracks,
            **({"image_tracks": self.own_image_tracks} if self.own_image_tracks else {}),
        }

    def put_data(self, uid: str, i: int, entry: Mapping[str, Any], cuboid: Mapping[str, Any] | None = None) -> None:
        """Into frame i, beside what is there already."""
        objects = self.frames[i].setdefault("objects", {})
        old = objects.get(uid, {})
        if cuboid is not None and not old and not entry:
            objects[uid] = {"object_data": {"cuboid": [cuboid]}}
            return
        data = joined(old.get("object_data", {}), entry.get("object_data", {}))
        if cuboid is not None:
            data["cuboid"] = [*data.get("cuboid", []), cuboid]
        has_data = data or "object_data" in entry or "object_data" in old
        objects[uid] = {**old, **entry, **({"object_data": data} if has_data else {})}

    def declare(self, track: Track, uid: str, owner: str) -> None:
        """The object of a track, and what our own reader needs to know of the track."""
        source = track.source_attributes
        written = {"cuboid_system", "attributes_beside", "is_given_once"}
        if source.get("is_given_once"):
            self.drop("", f"object {uid!r}: that its cuboid is given once for all frames; it is written into each of them")
        if uid not in self.objects:
            thing: dict[str, Any] = {"name": str(source.get("name", track.track_id)), "type": track.category}
            for key in ("ontology_uid", "coordinate_system", "resource_uid"):
                if isinstance(source.get(key), Mapping if key == "resource_uid" else str):
                    thing[key] = source[key]
                    written.add(key)
            static = source.get("object_data", {})
            static = static if is_data(static) else {}
            written |= {"object_data"} if static else set()
            static = joined(self.attributes(track.attributes, f"track {track.track_id!r}"), static)
            if static:
                thing["object_data"] = static
            self.objects[uid] = thing
            for key in ("frame_intervals", "object_data_pointers"):
                if isinstance(source.get(key), list if key == "frame_intervals" else Mapping):
                    thing[key] = source[key]
                    written.add(key)
            without = source.get("frames_without_cuboid", {})
            if isinstance(without, Mapping):
                written.add("frames_without_cuboid")
                for frame_id, entry in without.items():
                    self._keep_entry(owner, uid, frame_id, entry)
        elif track.attributes:
            what = f"track {track.track_id!r}: the attributes of the whole track, which shares its object with another"
            self.drop("attributes", what, [track.track_id])
        said: dict[str, Any] = {"method": track.method, "source_attributes": {key: value for key, value in source.items() if key not in written}}
        if uid != track.track_id:
            said["track_id"] = track.track_id
        outside = np.flatnonzero(track.visibility == Visibility.OUTSIDE)
        if len(outside):  # where curves end, in no frame
            said["outside"] = [end_of(track, k) for k in outside.tolist()]
        self.own_tracks[uid if uid not in self.own_tracks else f"{uid}/{cuboid_name(track)}"] = said

    def declare_seen(self, track: ImageTrack, uid: str, owner: str) -> None:
        """An object without cuboids, as it came where it did."""
        kept = self.was["objects"].get(uid, {})
        thing, frames = kept.get("object"), kept.get("frames")
        is_kept = bool(kept.get(IN_PICTURES)) and isinstance(frames, Mapping) and isinstance(thing, Mapping) and _is_object(thing)
        thing = dict(thing) if is_kept else {"name": track.object_id or track.track_id}
        plain = {name: value for name, value in track.attributes.items() if attribute_kind(value) is not None}  # the others are in the metadata
        static = joined(self.attributes(plain, f"image track {track.track_id!r}"), split_named(thing.get("object_data", {}))[1])
        thing |= {"type": track.category, **({"object_data": static} if static or "object_data" in thing else {})}
        self.objects[uid] = thing
        for frame_id, entry in frames.items() if is_kept else ():
            self._keep_entry(owner, uid, frame_id, entry)

    def _tell_where(self, seen: Mapping[str, Occurrences]) -> None:
        """Where each object and each of its data is; what is kept of that stays where it is still true."""
        for uid, thing in self.objects.items():
            intervals = intervals_of(seen[uid].spans, self.numbers)
            kept = thing.pop("frame_intervals", None)
            thing["frame_intervals"] = kept if kept and covers(kept, intervals, self.numbers) else intervals
            pointers: dict[str, Any] = seen[uid].pointers(self.numbers)
            for name, pointer in thing.pop("object_data_pointers", {}).items():
                now = pointers.get(name, {}).get("frame_intervals", [])
                if isinstance(pointer, Mapping) and covers(pointer.get("frame_intervals"), now, self.numbers):
                    pointers[name] = pointer
            if pointers:
                thing["object_data_pointers"] = pointers

    def attributes(self, values: Mapping[str, Any], owner: str) -> dict[str, list[dict[str, Any]]]:
        """By kind, as OpenLABEL wants them; what is of none of its kinds is reported."""
        kinds: dict[str, list[dict[str, Any]]] = {}
        for name, value in values.items():
            kind = attribute_kind(value)
            if kind is None:
                self.drop("attributes", f"{owner}: the attribute {name!r}, of a kind that OpenLABEL lacks ({type(value).__name__})", [name])
            else:
                kinds.setdefault(kind, []).append({"name": name, "val": list(value) if kind == "vec" else value})
        return kinds

    def _kept_objects(self) -> dict[str, dict[str, Any]]:
        """Objects without a cuboid, as they came."""
        found: dict[str, dict[str, Any]] = {}
        for uid, kept in self.was["objects"].items():
            if kept.get(IN_PICTURES):
                continue  # with its tracks, or gone with them
            if uid in self.objects:
                self.drop("", f"object {uid!r} without a cuboid: a track has its id")
                continue
            thing, frames = kept.get("object"), kept.get("frames")
            if isinstance(thing, Mapping) and isinstance(frames, Mapping) and _is_object(thing):
                found[uid] = dict(thing)
                for frame_id, entry in frames.items():
                    self._keep_entry(f"kept {uid}", uid, frame_id, entry)
            else:
                self.drop("", f"object {uid!r}, kept from a file: it is not as an OpenLABEL file has it")
        return found

    def _keep_entry(self, owner: str, uid: str, frame_id: str, entry: Any) -> None:
        """For the frame, once that is made; owner : on whose turn"""
        if frame_id not in self.index_of:
            self.drop("", f"what object {uid!r} says in frames that the scene does not have")
        elif isinstance(entry, Mapping) and is_data(entry.get("object_data", {})):
            self.entries.setdefault(owner, {}).setdefault(self.index_of[frame_id], []).append((uid, entry))
        else:
            self.drop("", f"what is kept of object {uid!r} in frames without a cuboid: it is not as an OpenLABEL file has it")

    def _put_entries(self, owner: str, first: int, end: int) -> None:
        waiting = self.entries.get(owner, {})
        for i in [i for i in waiting if first <= i < end]:
            for uid, entry in waiting.pop(i):
                self.put_data(uid, i, entry)

    def drop(self, field: str, lost: str, of: Iterable[str] | None = None) -> None:
        if lost not in self.report.dropped:
            self.report.dropped.append(Told(field, lost, of))


def _is_object(thing: Mapping[str, Any]) -> bool:
    return isinstance(thing.get("type"), str) and isinstance(thing.get("name", ""), str) and is_data(thing.get("object_data", {}))
