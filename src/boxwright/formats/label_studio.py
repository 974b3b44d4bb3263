"""Label Studio: the JSON export of a project, a list of tasks; what is written can be imported as it is.

    [{"data": {"video": ..., ...}, "annotations": [{"result": [region, ...]}]}, ...]
    region         id, type "videorectangle", value {framesCount, duration, labels, sequence}
    sequence       keyframes {frame, time, enabled, x, y, width, height, rotation}: percent of the picture, the top left corner, and degrees about it
    of pictures    "rectanglelabels", "ellipselabels", "polygonlabels", "keypointlabels" with original_width and original_height
    of a region    "choices", "textarea", "number", "rating" of the same id: attributes, called by their from_name

Frames count from 1. A keyframe that is not enabled is the last of a visible span; a span without one goes on to the end of the video. A video task is
a scene; those that boxwright wrote of one recording are its cameras. The tasks of pictures in one file are the frames of one scene. Where a task has
annotations of several, those of each annotator are a scene, called <scene> by <annotator>; cancelled ones are not read. What is chosen, written or
counted for no region is a tag of the clip or of the picture's frame. An export does not say how large a video's pictures are: then 100 x 100 px are
taken, so that pixels are percent, until the labels are laid over the video itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cameras import UncalibratedCamera
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..limits import LABEL_BYTES, TRACK_BYTES, LabelRoom, limits
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..shapes2d import Boxes, Keypoints, Polygons, RotatedBoxes, Shapes
from ..tags import Tag
from .camera_labels import EDGE_PX, Span, track_of_spans
from .declared import Capabilities, Exactness
from .frame_rates import frame_times, is_rate
from .free_names import FreeNames
from .label_studio_annotators import all_annotators, annotators, left_out, regions
from .laid_over import NO_SIZE
from .looking import files_of, head
from .object_links import told_object
from .remembering import of_file
from .strict_json import Node, load

__all__ = ["CAPABILITIES", "OWN_NAMES", "PERCENT_PX", "detect", "list_scenes", "read", "read_sized"]

CAPABILITIES = Capabilities(
    title="Label Studio, tasks of videos and pictures",
    reads="shapes video attributes classes track_ids relations keyframes times tags",
    writes="shapes video attributes classes track_ids relations keyframes times",
    partly={
        "shapes": "boxes, turned ones too, stay as far as they are in the picture, in tasks of pictures polygons, ellipses and points too",
        "attributes": "those of a whole track stay, as texts, but for names that Label Studio itself uses",
        "relations": "which track in pictures is which object stays, others are dropped",
        "keyframes": "where a visible span ends is a keyframe, and curves other than straight ones are keyframes throughout",
        "times": "one rate for all frames, from 0",
    },
    exact=Exactness(px=1e-6),
    client="label-studio-sdk",
    projects=True,
    within_pictures=True,
    remarks=(
        "The SDK checks it against the labelling interface that is written beside the tasks, and fills the frames between keyframes.",
        "Label Studio blends degrees without regard to the full turn: turned boxes are written at every frame, their turns without a jump.",
        "Where several annotated a task, the labels of each annotator are a scene of their own.",
        "What is chosen, written or counted for no region is read as tags, of a video's clip or of a picture's frame.",
        "It reckons frames from times by one rate, which has to be that of the video.",
    ),
)

OWN_NAMES = {"box", "labels", "video"}
PERCENT_PX = (100, 100)
_TASKS = re.compile(rb"\A(\xef\xbb\xbf)?\s*\[\s*\{")
_VIDEO = "videorectangle"
_SINGLE = {"rectanglelabels": "rectangle", "ellipselabels": "ellipse", "polygonlabels": "polygon", "keypointlabels": "keypoint"}
_SHAPES = {**_SINGLE, **{name: name for name in _SINGLE.values()}}
_SAID = {"choices": "choices", "textarea": "text", "number": "number", "rating": "rating"}
_PLACES = {"x", "y", "radiusX", "radiusY", "rotation", "points", "labels", *_SHAPES}
_Said = dict[str, dict[str, tuple[Any, Mapping[str, Any]]]]  # region's id -> name -> value, and all that the file says of it
_HINT = "correct the file or export the project again, as JSON"


def detect(path: Path) -> bool:
    return bool(_files(path))


def _files(path: Path) -> list[Path]:
    return files_of(path, (".json",), _is_ours)


def _is_ours(file: Path) -> bool:
    start = head(file)
    return (
        _TASKS.match(start) is not None and b'"data"' in start and b'"result"' in start and (b'"annotations"' in start or b'"predictions"' in start)
    )


def list_scenes(path: Path) -> list[str]:
    return list(_places(path))


def _places(path: Path) -> dict[str, tuple[Path, list[int], str | None]]:
    """Scene -> its file, its tasks there, and the annotator whose labels they are, None where a task has one alone."""
    found: dict[str, tuple[Path, list[int], str | None]] = {}
    names = FreeNames()
    for file in _files(path):
        for (name, _, who), tasks in of_file(file, _tasks).items():
            full = name if who is None else f"{name} by {who or 'nobody'}"
            found[names.take(f"{file.stem}/{full}" if full in names else full)] = (file, tasks, who)
    return found


def _tasks(file: Path) -> Mapping[tuple[str, str, str | None], list[int]]:
    """The tasks of each scene and annotator, by their places in the file."""
    own: dict[tuple[str, str], list[tuple[int, list[str]]]] = {}
    for k, task in enumerate(load(file)):
        own.setdefault(_scene_of(task, file, k), []).append((k, annotators(task)))
    found: dict[tuple[str, str, str | None], list[int]] = {}
    for scene, tasks in own.items():
        places = [k for k, _ in tasks]
        found.update({(*scene, who): places for who in all_annotators(tasks)})
    return found


def _scene_of(task: Node, file: Path, k: int) -> tuple[str, str]:
    """(name of the scene, what keeps scenes of one name apart)"""
    data = task["data"]
    if not _is_video(task):
        return file.stem, "pictures"
    if data.has("scene"):
        return data["scene"].word(), "scene"
    source = data.get("video", "").text()
    return re.split(r"[/\\=?]", source.rstrip("/\\"))[-1].rpartition(".")[0] or f"{file.stem} {k}", f"video {k}"


def _is_video(task: Node) -> bool:
    return task["data"].has("video") or any(_kind(region) == _VIDEO for region in regions(task))


def read(path: Path, scene: str, problems: Problems) -> Scene:
    return read_sized(path, scene, problems, None)


def read_sized(path: Path, scene: str, problems: Problems, size_px: tuple[int, int] | None) -> Scene:
    """size_px : of the pictures of videos that do not say it themselves"""
    file, tasks, who = _places(path)[scene]
    wanted = set(tasks)
    chosen = [task for k, task in enumerate(load(file)) if k in wanted]
    reader = _Reader(file, problems, size_px, who)
    return reader.videos(scene, chosen) if _is_video(chosen[0]) else reader.pictures(scene, chosen)


class _Reader:
    def __init__(self, file: Path, problems: Problems, size_px: tuple[int, int] | None, who: str | None) -> None:
        self.file, self.problems, self.size_px, self.who, self.room = file, problems, size_px, who, LabelRoom(file)
        self.notes: list[str] = []
        self.n_other = 0

    # -------------------------------------------------------- videos

    def videos(self, name: str, tasks: list[Node]) -> Scene:
        cameras: dict[str, CameraSensor] = {}
        tracks: list[ImageTrack] = []
        tags: list[Tag] = []
        rates: set[float] = set()
        n_frames = 1
        for task in tasks:
            data = task["data"]
            camera = data.get("camera", "camera").word()
            camera = "camera" if camera in ("world", "ego", "lidar") else camera
            if camera in cameras:
                raise task.wrong("each camera of a recording once", f"{camera!r} again", _HINT)
            cameras[camera] = CameraSensor(camera, UncalibratedCamera(*self._size(data)))
            own, said, n, rate = self._of_video(task, camera, cameras[camera].camera.size_px, {track.track_id for track in tracks})
            tracks += own
            tags += said
            n_frames = max(n_frames, n)
            rates |= {rate} if rate else set()
        rate = rates.pop() if len(rates) == 1 else 0.0
        times = frame_times(n_frames, rate) if rate else np.arange(n_frames)
        if not rate:
            self.notes.append("the file tells no rate of frames: they are counted")
        first = tasks[0]["data"].mapping()
        return Scene(
            name=name,
            times_ns=times,
            cameras=cameras,
            image_tracks=[track.replace(times_ns=times[track.times_ns]) for track in tracks],
            tags=tags,
            has_time=bool(rate),
            label_frame=next(iter(cameras)),
            frame_ids=tuple(map(str, range(n_frames))),
            format="label_studio",
            path=os.fspath(self.file),
            source_attributes={"label_studio": {camera: self._task(task) for camera, task in zip(cameras, tasks)}} if first else {},
            notes=[*self.notes, *self._left_out(tasks)],
        )

    def _size(self, data: Node) -> tuple[int, int]:
        if data.has("width_px") and data.has("height_px"):
            width, height = data["width_px"].whole(), data["height_px"].whole()
            if width < 1 or height < 1:
                raise data.wrong("a width and a height from 1", f"{width} x {height}", _HINT)
            limits().check("image_px", width * height, self.file, data.field)
            return width, height
        if self.size_px is None:
            self.notes.append(f"{NO_SIZE}: places are percent of it, as if it had {PERCENT_PX[0]} x {PERCENT_PX[1]} px")
        return self.size_px or PERCENT_PX

    def _of_video(self, task: Node, camera: str, size_px: tuple[int, int], known: set[str]) -> tuple[list[ImageTrack], list[Tag], int, float]:
        """The tracks, with times in frames; what is said of all of it; how many frames; the rate, 0 where it is not told."""
        videos = [region for region in regions(task, self.who) if _kind(region) == _VIDEO]
        said, tags = self._said(task, (_VIDEO,), None, camera)
        values = [region.value["value"] for region in videos if isinstance(region.value.get("value"), dict)]
        keyframes = [one for value in values if isinstance(value.get("sequence"), list) for one in value["sequence"] if isinstance(one, dict)]
        numbers = _told(keyframes, "frame", int)
        base = 0 if 0 in numbers else 1
        n_frames = max([task["data"].get("frames", 1).whole(), *_told(values, "framesCount", int), *[number - base + 1 for number in numbers]])
        limits().check("frames_per_scene", n_frames, self.file)
        lasts_s = max(_told(values, "duration", float), default=0.0)
        rate = task["data"].get("fps", 0).number() or (n_frames / lasts_s if lasts_s > 0 else 0.0)
        tracks, seen = list[ImageTrack](), set(known)
        for region in videos:
            with self.problems.aside(region.value):
                track_id = region.get("id", f"region {len(seen)}").word()
                if track_id in seen:
                    raise region["id"].wrong("each region once", f"{track_id!r} again", _HINT)
                seen.add(track_id)
                self.room.take(TRACK_BYTES)
                limits().check("tracks_per_scene", len(seen), self.file)
                tracks.append(
                    self._track(
                        region, track_id, camera, size_px, n_frames, base, {name: value for name, (value, _) in said.get(track_id, {}).items()}
                    )
                )
        return tracks, tags, n_frames, rate if is_rate(rate) else 0.0

    def _track(
        self, region: Node, track_id: str, camera: str, size_px: tuple[int, int], n_frames: int, base: int, attributes: dict[str, Any]
    ) -> ImageTrack:
        value = region["value"]
        category = _category(value, ("labels", "videorectangle"))
        rows: dict[int, tuple[bool, Float64s]] = {}
        for node in value["sequence"]:
            self.room.take(LABEL_BYTES)
            frame = node["frame"].whole() - base
            if frame < 0 or frame in rows:
                raise node["frame"].wrong(f"each frame once, from {base}", str(frame + base), _HINT)
            rows[frame] = (node.get("enabled", default=True).flag(), _rectangle(node, size_px))
        limits().check("keyframes_per_track", len(rows), self.file, f"region {track_id}")
        if not rows:
            raise value["sequence"].wrong("at least one keyframe", "none", _HINT)
        table = [(frame, *rows[frame]) for frame in sorted(rows)]
        is_turned = any(row[4] for _, _, row in table)
        groups: list[tuple[list[int], list[Float64s], int]] = []
        opened: tuple[list[int], list[Float64s]] = ([], [])
        for frame, is_enabled, row in table:
            opened[0].append(frame)
            opened[1].append(row)
            if not is_enabled:
                groups.append((*opened, frame))
                opened = ([], [])
        if opened[0]:
            last = max(n_frames - 1, opened[0][-1])
            more = [last] if last > opened[0][-1] else []
            groups.append(([*opened[0], *more], [*opened[1], *[opened[1][-1] for _ in more]], last))
        spans = [Span(f[0], last, np.array(f, np.int64), _shapes(np.array(r), is_turned), np.zeros(len(f), bool)) for f, r, last in groups]
        source = {key: item for key, item in region.mapping().items() if key not in ("id", "type", "value", "from_name", "to_name")}
        return track_of_spans(track_id, category, camera, spans, n_frames, attributes=attributes, source_attributes=source)

    def _said(self, task: Node, kinds: Container[str], span_ns: tuple[int, int] | None, camera: str) -> tuple[_Said, list[Tag]]:
        """What was chosen, written or counted: attributes by the ids of regions, and what is said of none of them. kinds : of regions"""
        found: _Said = {}
        tags: list[Tag] = []
        ids = {str(region.get("id", "").value) for region in regions(task, self.who) if _kind(region) in kinds}
        for region in regions(task, self.who):
            kind = _kind(region)
            key = _SAID.get(kind, "")
            if not region.get("value", {}).has(key):
                self.n_other += kind != "labels" and kind not in kinds
                continue
            value = region["value"][key].value
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            name = region["from_name"].word()
            if region.has("id") and str(region["id"].value) in ids:
                found.setdefault(region["id"].text(), {})[name] = (value, region.mapping())
            else:
                self.room.take(LABEL_BYTES)
                tags.append(Tag(name, value, span_ns, camera, {"label_studio": region.mapping()}))
        return found, tags

    def _left_out(self, tasks: list[Node]) -> list[str]:
        others = [f"{number_of(self.n_other, 'result')} of other kinds, such as relations and brushes, left out"] if self.n_other else []
        return [*others, *left_out(tasks, self.who)]

    @staticmethod
    def _task(task: Node) -> Mapping[str, Any]:
        return {key: value for key, value in task.mapping().items() if key not in ("annotations", "predictions")}

    # -------------------------------------------------------- pictures

    def pictures(self, name: str, tasks: list[Node]) -> Scene:
        limits().check("frames_per_scene", len(tasks), self.file)
        tracks: list[ImageTrack] = []
        tags: list[Tag] = []
        size, seen = (1, 1), FreeNames()
        for i, task in enumerate(tasks):
            said, own = self._said(task, _SHAPES, (i, i), "camera")
            tags += own
            for region in regions(task, self.who):
                if _kind(region) not in _SHAPES:
                    continue
                with self.problems.aside(region.value):
                    width, height = region["original_width"].whole(), region["original_height"].whole()
                    limits().check("image_px", max(width, 1) * max(height, 1), self.file, region.field)
                    if min(width, height) < 1:
                        raise region.wrong("a width and a height from 1", f"{width} x {height}", _HINT)
                    self.room.take(LABEL_BYTES + TRACK_BYTES)
                    own_id = region.get("id", f"region {len(seen)}").word()
                    track_id = seen.take(own_id)
                    limits().check("tracks_per_scene", len(seen), self.file)
                    tracks.append(_of_picture(region, track_id, i, (width, height), said.get(own_id, {})))
                    size = (max(size[0], width), max(size[1], height))
        limits().check("image_px", size[0] * size[1], self.file)
        return Scene(
            name=name,
            times_ns=np.arange(len(tasks)),
            cameras={"camera": CameraSensor("camera", UncalibratedCamera(*size))},
            image_tracks=tracks,
            tags=tags,
            has_time=False,
            label_frame="camera",
            frame_ids=tuple(map(str, range(len(tasks)))),
            format="label_studio",
            path=os.fspath(self.file),
            source_attributes={"label_studio": {"pictures": [self._task(task) for task in tasks]}},
            notes=["tasks of pictures: every label is a track of its own, frames are counted", *self.notes, *self._left_out(tasks)],
        )


def _kind(region: Node) -> str:
    kind = region.get("type", "").value
    return kind if isinstance(kind, str) else ""


def _told(rows: Sequence[Mapping[str, Any]], name: str, kind: type[int] | type[float]) -> list[Any]:
    """The numbers of that name, from 0, of those that have one; what is none is told where it is read."""
    return [row[name] for row in rows if type(row.get(name)) in (int, kind) and row[name] >= 0]


def _category(value: Node, names: tuple[str, ...]) -> str:
    for name in names:
        if value.has(name) and len(value[name]):
            return next(iter(value[name])).word()
    raise value.wrong(f"a label in {' or '.join(names)}", "none", _HINT)


def _rectangle(node: Node, size_px: tuple[int, int]) -> Float64s:
    """left, top, width, height in pixels from the picture's corner, and degrees."""
    values = np.array([node[name].number() for name in ("x", "y", "width", "height")]) * np.tile(size_px, 2) / 100
    if not np.abs(values).max() < 1e7 or values[2] < 0 or values[3] < 0:
        raise node.wrong("places under 1e+07 px, a width and a height from 0", " ".join(f"{value:g}" for value in values), _HINT)
    degrees = node.get("rotation", 0).number()
    if not abs(degrees) < 1e6:
        raise node["rotation"].wrong("degrees", f"{degrees:g}", _HINT)
    return np.append(values, degrees)


def _shapes(rows: Float64s, is_turned: bool) -> Shapes:
    if not is_turned:
        return Boxes.from_xywh(rows[:, :4] - (EDGE_PX, EDGE_PX, 0, 0))
    turn, half = np.deg2rad(rows[:, 4]), rows[:, 2:4] / 2
    cosine, sine = np.cos(turn), np.sin(turn)
    middle = rows[:, :2] + np.c_[half[:, 0] * cosine - half[:, 1] * sine, half[:, 0] * sine + half[:, 1] * cosine]
    return RotatedBoxes(middle - EDGE_PX, rows[:, 2:4], turn)


def _of_picture(region: Node, track_id: str, frame: int, size_px: tuple[int, int], said: Mapping[str, tuple[Any, Mapping[str, Any]]]) -> ImageTrack:
    kind, value = _SHAPES[region["type"].value], region["value"]
    category = _category(value, (f"{kind}labels", "labels", region["type"].value))
    scale = np.array(size_px) / 100
    shapes: Shapes
    if kind == "rectangle":
        row = _rectangle(value, size_px)
        shapes = _shapes(row[None], bool(row[4]))
    elif kind == "polygon":
        points = np.array([node.numbers(2) for node in value["points"]]).reshape(-1, 2)
        if len(points) < 3 or not np.abs(points * scale).max() < 1e7:
            raise value["points"].wrong("at least three points under 1e+07 px", number_of(len(points), "point"), _HINT)
        shapes = Polygons([points * scale - EDGE_PX])
    else:
        middle = np.array([value["x"].number(), value["y"].number()]) * scale
        if not np.abs(middle).max() < 1e7:
            raise value.wrong("places under 1e+07 px", " ".join(f"{one:g}" for one in middle), _HINT)
        if kind == "keypoint":
            shapes = Keypoints((middle - EDGE_PX)[None, None])
        else:
            radii = np.array([value["radiusX"].number(), value["radiusY"].number()]) * scale
            degrees = value.get("rotation", 0).number()
            if not 0 <= radii.min() <= radii.max() < 1e7 or not abs(degrees) < 1e6:
                raise value.wrong("radii from 0, and degrees", " ".join(f"{one:g}" for one in (*radii, degrees)), _HINT)
            shapes = RotatedBoxes((middle - EDGE_PX)[None], 2 * radii[None], np.deg2rad([degrees]))
    source = {**region.mapping(), "value": {key: item for key, item in value.mapping().items() if key not in _PLACES}}
    source |= {"said": {name: raw for name, (_, raw) in said.items()}} if said else {}
    attributes = {name: told for name, (told, _) in said.items()}
    linked = told_object(attributes, track_id, "camera")
    return ImageTrack(track_id, category, "camera", np.array([frame]), shapes, attributes=attributes, source_attributes=source, object_id=linked)
