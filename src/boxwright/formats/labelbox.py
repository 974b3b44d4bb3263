"""Labelbox: NDJSON of labels in videos, one JSON object a line; what is written can be imported, what is exported can be read.

    to import    {"uuid", "dataRow": {"globalKey"}, "name", "classifications", "segments": [{"keyframes": [{"frame", "bbox" | "point" | "line"}]}]}
    exported     {"data_row": {"global_key"}, "media_attributes": {"width", "height", "frame_rate", "frame_count"}, "projects": {"...": {"labels":
                 [{"annotations": {"frames": {"1": {"objects": {"...": {"name", "bounding_box", ...}}}}, "segments": {"...": [[first, last]]}}}]}}}

Frames count from 1, pixels from the picture's corner. A segment is a visible span, both ends included; between its keyframes the shape runs straight.
A track's name is the answer of its text classification `track_id`, else the label's uuid; other answers are attributes. Answers of the data row, or
of its frames, are tags; a line to import that holds one has "answer", and "frames": [{"start", "end"}] where it is not of all of them. The data rows
of boxwright's own files are the cameras of one scene, other rows are scenes. Where a project has several labels of a data row, those of each
annotator are a scene, called <scene> by <annotator>. Files to import know neither sizes nor rates; exported ones do.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..cameras import UncalibratedCamera
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..limits import FARTHEST_PX, LABEL_BYTES, TRACK_BYTES, LabelRoom, limits
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..shapes2d import Boxes, Keypoints, Polylines, Shapes
from ..tags import Tag
from .camera_labels import EDGE_PX, spans_between, track_of_spans
from .declared import Capabilities, Exactness
from .frame_rates import frame_times, is_rate
from .labelbox_answers import TRACK_ID, answers_of, labels_of, once_and_changing, plain
from .labelbox_rows import LINE_HINT, Place, files_in, key_of, lines_at, places_in
from .laid_over import NO_SIZE
from .strict_json import Node
from .video_tags import agreed, value_of

__all__ = ["CAPABILITIES", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="Labelbox, NDJSON of videos",
    reads="shapes video attributes classes track_ids relations keyframes times tags other_fields",
    writes="shapes video attributes classes track_ids relations keyframes tags other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "shapes": "boxes, polylines and single points stay, others become the boxes around them",
        "attributes": "they become texts; one that stops holding keeps its last value",
        "tags": "words, or lists of them; what else becomes texts; those of some time by frames",
        "relations": "which track in pictures is which object stays, others are dropped",
        "keyframes": "where a visible span ends is a keyframe, and curves other than straight ones are keyframes throughout",
    },
    exact=Exactness(px=1e-6),
    client="labelbox",
    projects=True,
    remarks=(
        "Each camera is a data row, whose global key is <scene>/<camera>; ontology.json beside the labels has the tools and texts they need.",
        "The names of tracks are answers to the text classification `track_id`, so that they come back with edited labels.",
        "Answers of a whole video, or of its frames, are tags: choices, whose options ontology.json has.",
        "Where several labelled a data row, the labels of each annotator are a scene of their own.",
        "Files to import tell no rate of frames, no size of pictures and no number of frames, so that those after the last label are gone; "
        "exported ones do, and are read.",
    ),
)

_KINDS = {"bbox": "box", "bounding_box": "box", "point": "point", "line": "line"}


def detect(path: Path) -> bool:
    return bool(files_in(path))


def list_scenes(path: Path) -> list[str]:
    return list(places_in(path))


@dataclass
class _Label:
    """One track of a line, or of many frames of one. rows : frame -> (kind, numbers); runs : first and last frames, counted from 0;
    changes : frame -> what attributes say from there on"""

    node: Node
    track_id: str
    category: str
    camera: str
    rows: dict[int, tuple[str, Any]] = field(default_factory=dict)
    runs: list[tuple[int, int]] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)


def read(path: Path, scene: str, problems: Problems) -> Scene:
    return _Reader(places_in(path)[scene], problems).scene(scene)


class _Reader:
    def __init__(self, place: Place, problems: Problems) -> None:
        self.file, self.cameras, self.who, self.places = place.file, place.cameras, place.who, place.places
        self.problems, self.room, self.bounds = problems, LabelRoom(place.file), limits()
        self.sizes: dict[str, tuple[int, int]] = {}
        self.rates: set[float] = set()
        self.n_frames = 1
        self.others: set[tuple[str, str]] = set()  # camera, label
        self.n_without = 0  # data rows without a label of that annotator
        self.tags: list[Tag] = []  # at frames
        self.tracks: dict[str, ImageTrack] = {}

    def scene(self, name: str) -> Scene:
        for line in lines_at(self.file, self.places):
            camera = self.cameras.get(key_of(line))
            if camera is None:
                raise line.wrong("the line that was there when the file's scenes were listed", "another", "read the file again")
            if line.has("projects"):
                self._exported(line, camera)
            elif line.has("segments"):
                with self.problems.aside(line.value):
                    self._add(self._imported(line, camera))
            elif line.has("answer") or line.has("answers"):
                with self.problems.aside(line.value):
                    self._answered(line, camera)
            else:
                self.others.add((camera, f"line {line.field}"))
        self.bounds.check("frames_per_scene", self.n_frames, self.file)
        rate = self.rates.pop() if len(self.rates) == 1 else 0.0
        has_time = is_rate(rate)
        times = frame_times(self.n_frames, rate) if has_time else np.arange(self.n_frames)
        notes = [] if has_time else ["the file tells no rate of frames: they are counted"]
        if self.others:
            notes.append(f"{number_of(len(self.others), 'label')} of kinds without a place over time, such as masks, left out")
        if self.n_without:
            notes.append(f"{number_of(self.n_without, 'data row')} of {len(self.cameras)} without a label of {self.who}: there are none there")
        cameras = {camera: self._camera(camera, notes) for camera in dict.fromkeys(self.cameras.values())}
        return Scene(
            name=name,
            times_ns=times,
            cameras=cameras,
            image_tracks=[track.replace(times_ns=times[track.times_ns]) for track in self.tracks.values()],
            tags=[replace(tag, span_ns=None if tag.span_ns is None else _stamps(times, tag.span_ns)) for tag in agreed(self.tags, list(cameras))],
            has_time=has_time,
            label_frame=next(iter(cameras)),
            frame_ids=tuple(map(str, range(self.n_frames))),
            format="labelbox",
            path=os.fspath(self.file),
            source_attributes={"labelbox": {"global_keys": {camera: key for key, camera in self.cameras.items()}}},
            notes=notes,
        )

    def _camera(self, name: str, notes: list[str]) -> CameraSensor:
        size = self.sizes.get(name)
        if size is None:
            bounds = [track.shapes.bounds_xyxy()[:, 2:] for track in self.tracks.values() if track.camera == name]
            low = np.ceil(np.nanmax(np.concatenate([*bounds, [[0.5, 0.5]]]), axis=0) + 0.5)
            size = (max(int(low[0]), 1), max(int(low[1]), 1))
            notes.append(f"{NO_SIZE} of {name}: {size[0]} x {size[1]} px holds all labels")
        self.bounds.check("image_px", size[0] * size[1], self.file, f"camera {name}")
        return CameraSensor(name, UncalibratedCamera(*size))

    # -------------------------------------------------------- files to import

    def _imported(self, line: Node, camera: str) -> _Label:
        answers = answers_of(line)
        track_id = answers.pop(TRACK_ID, None) or line.get("uuid", f"line {len(self.tracks)}").word()
        label = _Label(line, str(track_id), line["name"].word(), camera, attributes=answers)
        for segment in line["segments"]:
            frames = []
            for keyframe in segment["keyframes"]:
                frames.append(self._take(label, keyframe["frame"].whole(), keyframe))
                label.changes[frames[-1]] = answers_of(keyframe)
            if frames:
                label.runs.append((min(frames), max(frames)))
        return label

    def _take(self, label: _Label, number: int, node: Node) -> int:
        """One shape; its frame, counted from 0."""
        self.room.take(LABEL_BYTES)
        if number < 1 or number - 1 in label.rows:
            raise node.wrong("each frame once, from 1", str(number), LINE_HINT)
        self.bounds.check("frames_per_scene", number, self.file, node.field)
        kind = next((key for key in _KINDS if node.has(key)), None)
        if kind is None:
            raise node.wrong("a bbox, a point or a line", ", ".join(map(str, node.mapping()))[:60] or "nothing", LINE_HINT)
        label.rows[number - 1] = (_KINDS[kind], _numbers(_KINDS[kind], node[kind]))
        return number - 1

    # -------------------------------------------------------- exported files

    def _exported(self, line: Node, camera: str) -> None:
        media = line.get("media_attributes", {})
        if media.has("width") and media.has("height"):
            self.sizes[camera] = (media["width"].whole(), media["height"].whole())
            if min(self.sizes[camera]) < 1:
                raise media.wrong("a width and a height from 1", str(self.sizes[camera]), LINE_HINT)
        if media.has("frame_rate"):
            self.rates.add(media["frame_rate"].number())
        if media.has("frame_count"):
            self.n_frames = max(self.n_frames, media["frame_count"].whole())
        labels = [labels_of(line["projects"][name]) for name in line["projects"].mapping()]
        chosen = [next(iter(own.values()), None) if self.who is None else own.get(self.who) for own in labels]
        self.n_without += self.who is not None and all(said is None for said in chosen)
        for said in chosen:
            if said is not None:
                self._say(said.get("annotations", {}), camera)
                for label in self._labels(said.get("annotations", {}), camera).values():
                    with self.problems.aside(label.node.value):
                        self._add(label)

    def _say(self, annotations: Node, camera: str) -> None:
        """Answers of the whole video, and of its frames: one tag while the same is answered frame after frame."""
        with self.problems.aside(annotations.value):
            for name, value in answers_of(annotations).items():
                self._tag(name, value, None, camera)
            frames = [(int(key) - 1, frame) for key, frame in annotations.get("frames", {}).items() if re.fullmatch("[1-9][0-9]{0,8}", key)]
            opened: dict[str, tuple[Any, int, int]] = {}
            for number, frame in sorted(frames, key=lambda one: one[0]):
                for name, value in answers_of(frame).items():
                    self.bounds.check("frames_per_scene", number + 1, self.file, frame.field)
                    said, first, last = opened.get(name, (value, number, number))
                    if type(said) is not type(value) or said != value or number > last + 1:
                        self._tag(name, said, (first, last), camera)
                        first = number
                    opened[name] = (value, first, number)
            for name, (value, first, last) in opened.items():
                self._tag(name, value, (first, last), camera)

    def _answered(self, line: Node, camera: str) -> None:
        """A line to import that is an answer alone."""
        spans: list[tuple[int, int] | None] = []
        for run in line.get("frames", []):
            first, last = run["start"].whole() - 1, run["end"].whole() - 1
            if not 0 <= first <= last:
                raise run.wrong("a first frame from 1 and a last one", str(run.value)[:40], LINE_HINT)
            self.bounds.check("frames_per_scene", last + 1, self.file, run.field)
            spans.append((first, last))
        value = plain(line["answer" if line.has("answer") else "answers"].value)
        for span in spans or [None]:
            self._tag(line["name"].word(), value, span, camera)

    def _tag(self, name: str, value: Any, span: tuple[int, int] | None, camera: str) -> None:
        self.room.take(LABEL_BYTES)
        self.tags.append(Tag(name, value_of(name, value), span, camera))
        self.n_frames = max(self.n_frames, span[1] + 1 if span else 1)

    def _labels(self, annotations: Node, camera: str) -> dict[str, _Label]:
        found: dict[str, _Label] = {}
        bad: set[str] = set()
        for key, frame in annotations.get("frames", {}).items():
            number = int(key) if re.fullmatch("[0-9]{1,9}", key) else -1
            for name, node in frame.get("objects", {}).items():
                if not any(node.has(kind) for kind in _KINDS):
                    self.others.add((camera, name))
                    continue
                with self.problems.aside(node.value):
                    if name in bad:
                        continue
                    bad.add(name)
                    answers = answers_of(node)
                    track_id = str(answers.pop(TRACK_ID, None) or name)
                    label = found.setdefault(name, _Label(node, track_id, node["name"].word(), camera))
                    label.changes[self._take(label, number, node)] = answers
                    bad.discard(name)
        for name, runs in annotations.get("segments", {}).items():
            if name in found:
                for run in runs:
                    if len(run) != 2:
                        raise run.wrong("a first and a last frame", str(run.value)[:40], LINE_HINT)
                    first, last = (one.whole() - 1 for one in run)
                    if not 0 <= first <= last:
                        raise run.wrong("a first frame from 1 and a last one", str(run.value)[:40], LINE_HINT)
                    self.bounds.check("frames_per_scene", last + 1, self.file, run.field)
                    found[name].runs.append((first, last))
        for label in found.values():
            label.attributes, label.changes = once_and_changing(label.changes)
        return {name: label for name, label in found.items() if name not in bad}

    # -------------------------------------------------------- tracks

    def _add(self, label: _Label) -> None:
        node, rows = label.node, label.rows
        if label.track_id in self.tracks:
            raise node.wrong("each track once", f"{label.track_id!r} again", LINE_HINT)
        kinds = {kind for kind, _ in rows.values()}
        if len(kinds) != 1:
            raise node.wrong("shapes of one kind", ", ".join(sorted(kinds)) or "none", LINE_HINT)
        told = np.array(sorted(rows), np.int64)
        self.bounds.check("keyframes_per_track", len(told), self.file, node.field)
        shapes = _shapes(kinds.pop(), [rows[frame][1] for frame in told.tolist()])
        runs = sorted(label.runs) or [(int(part[0]), int(part[-1])) for part in np.split(told, np.flatnonzero(np.diff(told) > 1) + 1)]
        if any(b[0] <= a[1] for a, b in itertools.pairwise(runs)):
            raise node.wrong("segments that do not overlap", str([(a + 1, b + 1) for a, b in runs])[:60], LINE_HINT)
        self.bounds.check("keyframes_per_track", len(runs), self.file, node.field)
        spans = spans_between(runs, told, shapes, is_straight=True)
        self.room.take(TRACK_BYTES)
        source = {key: value for key, value in node.mapping().items() if key in ("uuid", "feature_id")}
        n_frames = max(self.n_frames, runs[-1][1] + 1)
        track = track_of_spans(label.track_id, label.category, label.camera, spans, n_frames, attributes=label.attributes, source_attributes=source)
        if any(label.changes.values()):
            track = track.replace(keyframe_attributes=[label.changes.get(frame, {}) for frame in track.times_ns.tolist()])
        self.n_frames, self.tracks[label.track_id] = n_frames, track
        self.bounds.check("tracks_per_scene", len(self.tracks), self.file)


def _stamps(times_ns: Int64s, span: tuple[int, int]) -> tuple[int, int]:
    return int(times_ns[span[0]]), int(times_ns[span[1]])


def _numbers(kind: str, node: Node) -> Any:
    if kind == "box":
        left, top, width, height = (_number(node, name) for name in ("left", "top", "width", "height"))
        if width < 0 or height < 0:
            raise node.wrong("a width and a height from 0", f"{width:g} {height:g}", LINE_HINT)
        return [left - EDGE_PX, top - EDGE_PX, left + width - EDGE_PX, top + height - EDGE_PX]
    if kind == "point":
        return [[_number(node, "x") - EDGE_PX, _number(node, "y") - EDGE_PX]]
    points = [[_number(point, "x") - EDGE_PX, _number(point, "y") - EDGE_PX] for point in node]
    if len(points) < 2:
        raise node.wrong("at least two points", str(len(points)), LINE_HINT)
    return np.array(points)


def _number(node: Node, name: str) -> float:
    value = node[name].number()
    if not abs(value) < FARTHEST_PX:
        raise node[name].wrong(f"a number under {FARTHEST_PX:g}", f"{value:g}", LINE_HINT)
    return value


def _shapes(kind: str, rows: list[Any]) -> Shapes:
    if kind == "box":
        return Boxes(np.array(rows))
    return Keypoints(np.array(rows)) if kind == "point" else Polylines(rows)
