"""V7's Darwin JSON 2.0: one file for an item, whose slots are the videos or pictures of a recording's cameras.

    {"version": "2.0", "item": {"name", "path", "slots": [{"slot_name", "type", "width", "height", "fps", "frame_count", ...}]}, "annotations": [...]}
    annotation   id, name, slot_names, ranges [[first, end], ...], hidden_areas, frames {"0": {shape, keyframe, instance_id}}, interpolated
    shape        bounding_box {x, y, w, h}, polygon {paths}, line {path}, keypoint {x, y}, ellipse {center, radius, angle}, skeleton {nodes}

Frames count from 0 and ranges leave out their end; pixels count from the picture's corner. A track's name is its instance id, else the id of the
annotation. Between the frames of an interpolated annotation the shape runs straight; before the first and behind the last it stays. A frame that is
no keyframe has the origin FILLED. What properties say (darwin_properties.py) are attributes, and what is occluded; tags (darwin_tags.py) are tags.
Masks and what else has no place over time here are left out, and a note tells how many.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..cameras import UncalibratedCamera
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..keyframes import Origin, Visibility
from ..limits import LABEL_BYTES, TRACK_BYTES, LabelRoom, limits
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..tags import Tag
from .boxwright_scene import camera_name
from .camera_labels import spans_between, track_of_spans
from .darwin_properties import json_properties, properties_of
from .darwin_shapes import SHAPE_KEYS, row_of, shapes_of
from .darwin_tags import TAG, tags_of_annotation, tags_of_item
from .declared import Capabilities, Exactness
from .frame_rates import frame_times, is_rate
from .json_parts import load_by_parts
from .laid_over import NO_SIZE
from .looking import files_of, head, is_known_by
from .strict_json import Node
from .video_tags import agreed

__all__ = ["CAPABILITIES", "OWN", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="V7 Darwin JSON 2.0",
    reads="shapes video attributes visibility classes track_ids relations keyframes tags times other_fields",
    writes="shapes video attributes visibility classes track_ids relations keyframes tags times other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "shapes": "turned boxes become polygons, masks the boxes around them; points that are not there are left out, and which are joined",
        "attributes": "where some values of one name are texts and others are not, all become texts; `occluded` tells what is occluded",
        "relations": "which track in pictures is which object stays, others are dropped",
        "keyframes": "where a visible span ends is a keyframe, and curves other than straight ones are keyframes throughout",
        "tags": "values of one name become texts where some are; those of some time by frames",
        "times": "one rate for all frames, from 0",
    },
    exact=Exactness(px=1e-6),
    client="darwin-py",
    client_exact=Exactness(px=0.001 + 1e-9),
    projects=True,
    remarks=(
        "The cameras of a scene are the slots of one item. The names of tracks are instance ids, which stay when labels are edited there.",
        "Frames that were filled on a straight curve between others are no keyframes, all others are: V7's client sends keyframes alone.",
        "That client rounds places and sizes of boxes to 0.001 px.",
        "Attributes and what is occluded are properties of annotations, tags those of the item or annotations of their own; `.v7/metadata.json` "
        "declares them, from which V7's client makes what a team has not.",
    ),
)

OWN = {
    "id",
    "name",
    "slot_names",
    "ranges",
    "segments",
    "hidden_areas",
    "frames",
    "interpolated",
    "interpolate_algorithm",
    "instance_id",
    "keyframe",
    "properties",
}
_TOP = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"(version|schema_ref|item|dataset|properties|annotations)"\s*:')
_ITEM = re.compile(rb'"item"\s*:\s*\{')
_VERSION = re.compile(rb'"version"\s*:\s*"2\.\d+"|"schema_ref"\s*:')
_HINT = "correct the file or export it again, as Darwin JSON 2.0"
_PROPERTY_BYTES = 300


def detect(path: Path) -> bool:
    return bool(_files(path))


def list_scenes(path: Path) -> list[str]:
    return [file.stem for file in _files(path)]


def _files(path: Path) -> list[Path]:
    return files_of(path, (".json",), _is_ours)


def _is_ours(file: Path) -> bool:
    return _TOP.match(head(file, 4096)) is not None and is_known_by(file, _has_item)


def _has_item(start: bytes) -> bool:
    return _ITEM.search(start) is not None and _VERSION.search(start) is not None


def read(path: Path, scene: str, problems: Problems) -> Scene:
    (file, *_) = files_of(path, (".json",), lambda file: file.stem == scene and _is_ours(file))  # others need not be looked into
    return _Reader(file, problems).scene(scene)


class _Reader:
    def __init__(self, file: Path, problems: Problems) -> None:
        self.file, self.problems, self.room = file, problems, LabelRoom(file)
        self.top = load_by_parts(file, {"annotations"})
        self.notes: list[str] = []
        self.n_other = 0
        self.ids = set[str]()  # of annotations
        self.json_properties, self.bounds = json_properties(file, problems), limits()
        self.tags: list[Tag] = []  # at frames
        self.slots: dict[str, Node] = {}
        for slot in self.top["item"].get("slots", []):
            name = _camera_name(slot["slot_name"].word())
            if name in self.slots:
                raise slot["slot_name"].wrong("each slot once", repr(name), _HINT)
            self.slots[name] = slot
        if not self.slots:
            raise self.top["item"].wrong("at least one slot", "none", _HINT)

    # -------------------------------------------------------- the scene

    def scene(self, name: str) -> Scene:
        counts = [slot.get("frame_count", 1).whole() for slot in self.slots.values()]
        self.n_frames = max(1, *counts)
        limits().check("frames_per_scene", self.n_frames, self.file)
        tracks = self._tracks()
        with self.problems.aside(self.top.get("properties", []).value):
            self.tags = [*tags_of_item(self.top, self.json_properties), *agreed(self.tags, list(self.slots))]
        ends = [*[int(track.times_ns[-1]) for track in tracks], *[tag.span_ns[1] for tag in self.tags if tag.span_ns is not None]]
        n_used = 1 + max(ends, default=0)
        self.n_frames = max(self.n_frames, n_used)
        rates = {slot["fps"].number() for slot in self.slots.values() if slot.has("fps")}
        rate = rates.pop() if len(rates) == 1 else 0.0
        has_time = is_rate(rate) and self.n_frames > 1
        times = frame_times(self.n_frames, rate) if has_time else np.arange(self.n_frames)
        if not has_time:
            self.notes.append("the file tells no rate of frames: they are counted")
        if self.n_other:
            self.notes.append(f"{number_of(self.n_other, 'annotation')} of kinds without a place over time, such as masks, left out")
        cameras = {camera: self._camera(camera, slot, tracks) for camera, slot in self.slots.items()}
        kept = {key: value for key, value in self.top.mapping().items() if key not in ("annotations", "properties") and not isinstance(value, Node)}
        return Scene(
            name=self.top["item"].get("name", name).text() or name,
            times_ns=times,
            cameras=cameras,
            image_tracks=[track.replace(times_ns=times[track.times_ns]) for track in tracks],
            tags=[tag if tag.span_ns is None else replace(tag, span_ns=tuple(times[[*tag.span_ns]].tolist())) for tag in self.tags],
            has_time=has_time,
            label_frame=next(iter(cameras)),
            frame_ids=tuple(map(str, range(self.n_frames))),
            format="darwin",
            path=os.fspath(self.file),
            source_attributes={"darwin": kept},
            notes=self.notes,
        )

    def _camera(self, name: str, slot: Node, tracks: Sequence[ImageTrack]) -> CameraSensor:
        width, height = slot.get("width", 0).whole(), slot.get("height", 0).whole()
        if width < 1 or height < 1:
            bounds = [track.shapes.bounds_xyxy()[:, 2:] for track in tracks if track.camera == name]
            low = np.ceil(np.nanmax(np.concatenate([*bounds, [[0.5, 0.5]]]), axis=0) + 0.5)
            width, height = (max(int(value), 1) for value in low)
            self.notes.append(f"{NO_SIZE} of {name}: {width} x {height} px holds all labels")
        limits().check("image_px", width * height, self.file, slot.field)
        return CameraSensor(name, UncalibratedCamera(width, height))

    # -------------------------------------------------------- labels

    def _tracks(self) -> list[ImageTrack]:
        tracks: dict[str, ImageTrack] = {}
        for node in self.top["annotations"]:
            with self.problems.aside(node.value):
                frames = (
                    node.get("frames", {}) if node.has("frames") or not any(key in node.value for key in (*SHAPE_KEYS, TAG)) else _one_frame(node)
                )
                kinds = {key for key in SHAPE_KEYS for frame in frames.mapping().values() if isinstance(frame, dict) and key in frame}
                kinds -= {"bounding_box"} if len(kinds) > 1 else set()  # V7 tells it beside polygons
                if not kinds and any(isinstance(frame, dict) and TAG in frame for frame in frames.mapping().values()):
                    self._tag(node, frames)
                    continue
                if not kinds:
                    self.n_other += 1
                    continue
                if len(kinds) > 1:
                    raise node.wrong("shapes of one kind", ", ".join(sorted(kinds)), _HINT)
                self.room.take(TRACK_BYTES)
                track = self._track(node, frames, kinds.pop(), tracks)
                tracks[track.track_id] = track
                limits().check("tracks_per_scene", len(tracks), self.file)
        return list(tracks.values())

    def _tag(self, node: Node, frames: Node) -> None:
        """A tag for each of its ranges; of the whole clip where it is of all frames."""
        self.room.take(LABEL_BYTES)
        ranges = self._runs(node, np.array(sorted(self._number(key, frame) for key, frame in frames.items()), np.int64))
        camera = self._slot_of(node) if node.get("slot_names", []).value else None
        n_frames = self.slots[camera or next(iter(self.slots))].get("frame_count", 1).whole()
        spans = [None if (first, last) == (0, n_frames - 1) else (first, last) for first, last in ranges]
        self.tags += tags_of_annotation(node, camera, spans, self.json_properties)

    def _slot_of(self, node: Node) -> str:
        camera = next(iter(self.slots))
        for slot in node.get("slot_names", []):
            camera = _camera_name(slot.word())
            if camera not in self.slots:
                raise slot.wrong(f"one of the slots {', '.join(self.slots)}", repr(camera), _HINT)
        return camera

    def _number(self, key: str, frame: Node) -> int:
        number = int(key) if re.fullmatch("[0-9]{1,9}", key) else -1
        if not number >= 0:
            raise frame.wrong("the number of a frame as its name", repr(key[:40]), _HINT)
        self.bounds.check("frames_per_scene", number + 1, self.file, frame.field)
        return number

    def _track(self, node: Node, frames: Node, kind: str, known: Mapping[str, ImageTrack]) -> ImageTrack:
        camera, category = self._slot_of(node), node["name"].word()
        rows: dict[int, Any] = {}
        keyframes: dict[int, bool] = {}
        instance: str | None = None
        for key, frame in frames.items():
            self.room.take(LABEL_BYTES)
            number = self._number(key, frame)
            if frame.has("instance_id") and frame["instance_id"].has("value"):
                instance = str(frame["instance_id"]["value"].value)
            if frame.has(kind):
                rows[number], keyframes[number] = row_of(kind, frame), frame.get("keyframe", default=True).flag()
        limits().check("keyframes_per_track", len(rows), self.file, node.field)
        told = np.array(sorted(rows), np.int64)
        if not len(told):
            raise node.wrong(f"a frame with a {kind}", "none", _HINT)
        shapes = shapes_of(kind, [rows[number] for number in told.tolist()], node)
        is_straight = node.get("interpolated", default=True).flag()
        self.room.take(_PROPERTY_BYTES * len(node.get("properties", [])))
        said = properties_of(
            node, category, sorted(((int(key), frame) for key, frame in frames.items()), key=lambda one: one[0]), self.json_properties
        )
        runs = _cut(self._runs(node, told), sorted({*said.frames()} - rows.keys()))
        spans = [one._replace(is_occluded=said.is_occluded(one.frames)) for one in spans_between(runs, told, shapes, is_straight=is_straight)]
        if not spans:
            raise node["ranges"].wrong("a range with a frame", "none that is not hidden", _HINT)
        own = node.get("id", "").text()
        if own in self.ids:
            raise node["id"].wrong("each annotation once", f"{own!r} again", _HINT)
        self.ids |= {own} if own else set()
        track_id = instance or own or f"annotation {len(known)}"
        if track_id in known:
            track_id = f"{track_id} {own}".strip()
        if track_id in known:
            raise node.wrong("each annotation once", f"{track_id!r} again", _HINT)
        source = {key: value for key, value in node.mapping().items() if key not in OWN and key not in SHAPE_KEYS}
        source |= {"id": own} if own and track_id != own else {}
        source |= {"shape": "ellipse"} if kind == "ellipse" else {}
        track = track_of_spans(track_id, category, camera, spans, self.n_frames, attributes=said.always, source_attributes=source)
        filled = np.array([not keyframes.get(int(frame), True) for frame in track.times_ns]) & (track.visibility != Visibility.OUTSIDE)
        more: dict[str, Any] = {} if is_straight else {"method": "hold"}
        more |= {"keyframe_attributes": said.at_keyframes(track.times_ns)} if said.changes else {}
        return track.replace(origin=np.where(filled, Origin.FILLED, Origin.GIVEN).astype(np.uint8), **more)

    def _runs(self, node: Node, told: Int64s) -> list[tuple[int, int]]:
        """First and last frames of what is seen: the ranges without the hidden areas."""
        ranges, hidden = node["ranges"] if node.has("ranges") else node.get("segments", []), node.get("hidden_areas", [])
        for pairs in (ranges, hidden):
            limits().check("keyframes_per_track", len(pairs), self.file, pairs.field)
        shown = [self._pair(pair) for pair in ranges] or [(int(told[0]), int(told[-1]) + 1)]
        edges, (n_shown, n_hidden) = _counts(shown, [self._pair(pair) for pair in hidden])
        if ((n_shown > 1) & (n_hidden == 0)).any():
            raise ranges.wrong("ranges that do not overlap", str(ranges.value)[:60], _HINT)
        seen = np.flatnonzero((n_shown == 1) & (n_hidden == 0))
        limits().check("keyframes_per_track", len(seen), self.file, node.field)
        return list(zip(edges[seen].tolist(), (edges[seen + 1] - 1).tolist()))

    def _pair(self, pair: Node) -> tuple[int, int]:
        """A last range may have no end: it goes on to the end of the video."""
        numbers = list(pair)
        if len(numbers) != 2:
            raise pair.wrong("a first frame and an end", str(len(numbers)), _HINT)
        first = numbers[0].whole()
        end = self.n_frames if numbers[1].value is None else numbers[1].whole()
        if not 0 <= first < end:
            raise pair.wrong("a first frame from 0 and an end behind it", f"{first} {end}", _HINT)
        limits().check("frames_per_scene", end, self.file, pair.field)
        return first, end


def _counts(*groups: Sequence[tuple[int, int]]) -> tuple[Int64s, list[Int64s]]:
    """(E,) where something begins or ends, and of each group (E,) how many of its pairs there are from there on."""
    pairs = [np.array(group, np.int64).reshape(-1, 2) for group in groups]
    edges = np.unique(np.concatenate(pairs))
    steps = [[np.bincount(np.searchsorted(edges, ends), minlength=len(edges)) for ends in own.T] for own in pairs]
    return edges, [np.cumsum(starts - ends) for starts, ends in steps]


def _cut(runs: Sequence[tuple[int, int]], frames: Sequence[int]) -> list[tuple[int, int]]:
    """Runs, with a new one at each of the frames within them."""
    found: list[tuple[int, int]] = []
    for first, last in runs:
        inside = frames[bisect_right(frames, first) : bisect_right(frames, last)]
        found += zip([first, *inside], [*[frame - 1 for frame in inside], last])
    return found


def _camera_name(name: str) -> str:
    return f"slot {name}" if name in ("world", "ego", "lidar") else camera_name(name)


def _one_frame(node: Node) -> Node:
    """An annotation of a single picture as one of the first frame."""
    return Node({"0": node.mapping()}, node.path, node.field)
