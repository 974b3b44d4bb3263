"""The writer of V7's Darwin JSON 2.0; the layout is drawn in darwin.py."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import number_of
from ..image_tracks import ImageTrack
from ..keyframes import Origin
from ..scene import Scene
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes
from .camera_labels import CameraLabels, Span, camera_labels, say_what_pictures_lose, spans_of
from .darwin import CAPABILITIES, OWN
from .darwin_properties import OCCLUDED, Properties
from .darwin_shapes import SHAPE_KEYS, shape_fields
from .darwin_tags import item_properties, tag_annotations
from .file_names import file_name
from .frame_rates import checked_rate, is_rate, say_no_rate, say_rate
from .json_text import as_json, dumps
from .losses import lost_edges
from .object_links import with_link
from .own_fields import with_own_fields
from .write_report import Told, WriteReport

__all__ = ["write"]

_SCHEMA = "https://darwin-public.s3.eu-west-1.amazonaws.com/darwin_json/2.0/schema.json"
_NAMES = uuid.UUID("5f3a7c0e-6a0f-5b8e-9d59-0f2f5e1d7b11")  # of ids made from the names of scenes and tracks: the same scene gives the same ids
_KNOWN = (Boxes, RotatedBoxes, Polygons, Polylines, Keypoints)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def write(scene: Scene, folder: Path, report: WriteReport, *, camera: str | None = None, frame_rate: float | None = None) -> None:
    """Writes one JSON file, called as the scene, and .v7/metadata.json into `folder`, which exists and is empty: an item with a slot for each camera,
    and the properties that it has.

    camera : whose labels alone
    frame_rate : in Hz, where the scene has no time
    """
    frame_rate = checked_rate(frame_rate)
    scene = with_own_fields(scene, report, "darwin")
    cameras = camera_labels(scene, report, camera)
    writer = _Writer(scene, cameras, report, frame_rate, Properties(scene.image_tracks))
    with (folder / f"{file_name(scene.name)}.json").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(writer.lines())
    (folder / ".v7").mkdir()
    (folder / ".v7" / "metadata.json").write_text(dumps(writer.properties.metadata(), "scene"), "utf-8", newline="\n")
    report.n_labels = writer.n_labels
    report.tolerance_px = 1e-6
    writer.say_what_is_lost()
    report.dropped += lost_edges(track for one in cameras for track in one.labelled)
    say_what_pictures_lose(scene, cameras, report, CAPABILITIES)


@dataclass
class _Writer:
    scene: Scene
    cameras: Sequence[CameraLabels]
    report: WriteReport
    frame_rate: float | None
    properties: Properties
    n_labels: int = 0
    boxed: set[str] = field(default_factory=set)
    n_turned: int = 0
    odd_rate_hz: float = 0.0

    def lines(self) -> Iterator[str]:
        """Annotation by annotation: a video may have a million keyframes."""
        given = self.scene.source_attributes.get("darwin", {})
        kept: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        top = {
            "version": "2.0",
            "schema_ref": _SCHEMA,
            **{k: v for k, v in kept.items() if k not in ("annotations", "item", "properties")},
            "item": self._item(kept),
            "properties": item_properties(self.scene, self.properties),
        }
        yield f'{as_json(top)[:-1]}, "annotations": ['
        n = 0
        for one in self.cameras:
            for track in one.tracks():
                annotation = self._annotation(one, with_link(track))
                if annotation is not None:
                    yield f"{',' if n else ''}\n {as_json(annotation)}"
                    n += 1
        for annotation in tag_annotations(self.cameras, _NAMES, self.properties, self.report):
            yield f"{',' if n else ''}\n {as_json(annotation)}"
            n += 1
        yield "\n]}\n"

    def _item(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        item = kept.get("item")
        item = dict(item) if isinstance(item, Mapping) else {}
        old = item.get("slots")
        slots = {slot.get("slot_name"): slot for slot in old if isinstance(slot, Mapping)} if isinstance(old, (list, tuple)) else {}
        item |= {"slots": [self._slot(one, slots.get(one.name)) for one in self.cameras]}
        return {"path": "/", **item, "name": self.scene.name}

    def _slot(self, one: CameraLabels, old: Mapping[str, Any] | None) -> dict[str, Any]:
        width, height = one.sensor.camera.size_px
        said: dict[str, Any] = {"slot_name": one.name, "width": width, "height": height, "frame_count": len(one.stamps_ns)}
        if old is None:
            said |= {"type": "video", "frame_urls": [], "source_files": [{"file_name": f"{file_name(one.name)}.mp4"}]}
        said = {**(old or {}), **said}
        own = one.rate_hz
        if own and not is_rate(own):
            self.odd_rate_hz = own
            said.pop("fps", None)
        elif own or self.frame_rate:
            said["fps"] = own or self.frame_rate
        return said

    def _annotation(self, one: CameraLabels, track: ImageTrack) -> dict[str, Any] | None:
        shown = self._shown(track)
        spans = list(spans_of(one, track, _KNOWN if shown else ()))
        if not spans:
            return None
        kept = {key: value for key, value in track.source_attributes.items() if key not in OWN - {"id"} and key not in (*SHAPE_KEYS, "shape")}
        own = kept.pop("id", track.track_id)
        is_id = isinstance(own, str) and _UUID.fullmatch(own) is not None
        instance = {} if own == track.track_id and is_id else {"instance_id": {"value": track.track_id}}
        filled = _between(track)
        frames: dict[str, Any] = {}
        for span in spans:
            self.n_labels += span.last - span.first + 1
            for frame, shape in zip(span.frames.tolist(), self._fields(span, track)):
                is_keyframe = frame in (span.first, span.last) or int(one.stamps_ns[frame]) not in filled
                frames[str(frame)] = {**shape, **instance, "keyframe": is_keyframe}
        return {
            "id": own if is_id else str(uuid.uuid5(_NAMES, f"{self.scene.name}\n{track.track_id}".encode("utf-8", "replace").decode())),
            "name": track.category,
            "slot_names": [one.name],
            "ranges": [[span.first, span.last + 1] for span in spans],
            "hidden_areas": [],
            "frames": frames,
            "interpolated": True,
            "interpolate_algorithm": "linear-1.1",
            "properties": self.properties.of_track(one, track, spans, next(iter(frames[str(spans[0].first)]))),
            **kept,
        }

    def _shown(self, track: ImageTrack) -> bool:
        """Whether V7 has the track's shapes at every keyframe; else it becomes the boxes around them."""
        is_ellipse = track.source_attributes.get("shape") == "ellipse"
        shown = not isinstance(track.shapes, Masks) and not _is_partly_there(track.shapes)
        shown = shown and all(shape_fields(track.shapes, k, is_ellipse=is_ellipse) is not None for k in range(len(track)))
        if not shown:
            self.boxed.add(track.shapes.KIND)
        elif isinstance(track.shapes, RotatedBoxes) and not is_ellipse:
            self.n_turned += 1
        return shown

    def _fields(self, span: Span, track: ImageTrack) -> Iterator[dict[str, Any]]:
        is_ellipse = track.source_attributes.get("shape") == "ellipse"
        for k in range(len(span.frames)):
            yield shape_fields(span.shapes, k, is_ellipse=is_ellipse) or {}

    def say_what_is_lost(self) -> None:
        report = self.report
        if self.boxed:
            said = f"shapes that V7 has no tracks of, or not all of, {', '.join(sorted(self.boxed))}: the boxes around them"
            report.rounded.append(Told("shapes", said, self.boxed))
        if self.n_turned:
            said = f"{number_of(self.n_turned, 'track')} of turned boxes: polygons of their four corners"
            report.rounded.append(Told("shapes", said, [RotatedBoxes.KIND]))
        if taken := self.properties.taken:
            said = f"{number_of(len(taken), 'attribute')} called `{OCCLUDED}`, which tells what is occluded in V7, or without a name"
            report.dropped.append(Told("attributes", said, taken))
        if mixed := self.properties.mixed:
            said = f"{number_of(sum(mixed.values()), 'value')} of attributes or tags that became texts, as others of that name are"
            report.rounded.append(Told("attributes tags", said, [name for pair in mixed for name in pair]))
        if self.odd_rate_hz:
            say_no_rate(report, self.odd_rate_hz, "V7's")
        elif self.scene.has_time:
            say_rate(report, self.scene, "V7")


def _between(track: ImageTrack) -> set[int]:
    """The times of keyframes that only tell what the straight line between others is."""
    if track.method != "linear" or (track.origin == Origin.FILLED).all():
        return set()
    return set(track.times_ns[track.origin == Origin.FILLED].tolist())


def _is_partly_there(shapes: Shapes) -> bool:
    """Points that are seen in some frames only, or all of them in none: V7 has a point or has it not."""
    return isinstance(shapes, Keypoints) and (shapes.visibility == 2).all(axis=0).any()
