"""Label Studio: the JSON export of a project, a list of tasks; what is written can be imported as it is.

    [{"data": {"video": ..., ...}, "annotations": [{"result": [region, ...]}]}, ...]
    region         id, type "videorectangle", value {framesCount, duration, labels, sequence}
    sequence       keyframes {frame, time, enabled, x, y, width, height, rotation}: percent of the picture, the top left corner, and degrees about it
    of pictures    "rectanglelabels", "ellipselabels", "polygonlabels", "keypointlabels" with original_width and original_height
    what is said   label_studio_said.py: of a region an attribute, of none a tag

Frames count from 1. A keyframe that is not enabled is the last of a visible span; a span without one goes on to the end of the video. A video task is
a scene; those that boxwright wrote of one recording are its cameras. The tasks of pictures in one file are the frames of one scene. Where a task has
annotations of several, those of each annotator are a scene, called <scene> by <annotator>; cancelled ones are not read. What is chosen, written or
counted for no region is a tag of the clip or of the picture's frame, what a timeline says one of some time. Most exports do not say how large a
video's pictures are: then 100 x 100 px are taken, so that pixels are percent, until the labels are laid over the video itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import UncalibratedCamera
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..limits import LABEL_BYTES, TRACK_BYTES, LabelRoom, limits
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..tags import Tag
from .annotators import all_annotators
from .boxwright_scene import camera_name
from .camera_labels import Span, track_of_spans
from .declared import Capabilities, Exactness
from .frame_rates import frame_times, is_rate
from .free_names import FreeNames
from .json_parts import list_by_parts
from .json_scenes import ManyScenes, placed
from .label_studio_annotators import annotators, left_out, regions
from .label_studio_said import kind_of, what_is_said
from .label_studio_shapes import SHAPES, Rectangle, category_of, rectangle_of, shapes_of_rectangles, track_of_picture
from .laid_over import NO_SIZE
from .looking import files_of, head, is_known_by
from .remembering import of_file, of_files
from .strict_json import Node
from .video_tags import agreed

__all__ = ["CAPABILITIES", "OWN_NAMES", "PERCENT_PX", "detect", "list_scenes", "read", "read_sized"]

CAPABILITIES = Capabilities(
    title="Label Studio, tasks of videos and pictures",
    reads="shapes video attributes classes track_ids relations keyframes times tags other_fields",
    writes="shapes video attributes classes track_ids relations keyframes times tags other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "shapes": "boxes, turned ones too, stay as far as they are in the picture, in tasks of pictures polygons, ellipses and points too",
        "attributes": "those of a whole track stay, as texts, but for names that Label Studio itself uses",
        "relations": "which track in pictures is which object stays, others are dropped",
        "keyframes": "where a visible span ends is a keyframe, and curves other than straight ones are keyframes throughout",
        "tags": "words, or lists of them; what else becomes texts; those of some time by frames",
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
        "What is chosen, written or counted for no region is a tag of a video's clip or a picture's frame; those of some time are on a timeline.",
        "It reckons frames from times by one rate, which has to be that of the video.",
    ),
)

OWN_NAMES = {"box", "labels", "video"}
PERCENT_PX = (100, 100)
_TASKS = re.compile(rb"\A(\xef\xbb\xbf)?\s*\[\s*\{")
_VIDEO = "videorectangle"
_HINT = "correct the file or export the project again, as JSON"


def detect(path: Path) -> bool:
    return bool(_files(path))


def _files(path: Path) -> list[Path]:
    return files_of(path, (".json",), _is_ours)


def _is_ours(file: Path) -> bool:
    return _TASKS.match(head(file, 4096)) is not None and is_known_by(file, _has_results)


def _has_results(start: bytes) -> bool:
    return b'"data"' in start and b'"result"' in start and (b'"annotations"' in start or b'"predictions"' in start)


def list_scenes(path: Path) -> list[str]:
    return list(_places(path))


@dataclass(frozen=True)
class _File:
    """scenes : of its tasks, each with those who annotated one of them, None where they have one alone"""

    tasks: ManyScenes
    scenes: Mapping[tuple[str, str], Sequence[str | None]]

    @property
    def n_bytes(self) -> int:
        return self.tasks.n_bytes


def _places(path: Path) -> Mapping[str, tuple[Path, tuple[str, str], str | None]]:
    """Scene -> its file, what it is there, and the annotator whose labels they are."""
    return of_files(_files(path), _places_in)


def _places_in(files: Sequence[Path]) -> Mapping[str, tuple[Path, tuple[str, str], str | None]]:
    found: dict[str, tuple[Path, tuple[str, str], str | None]] = {}
    names = FreeNames()
    for file in files:
        known = of_file(file, _tasks)
        for scene, annotated in known.scenes.items():
            for who in annotated:
                full = scene[0] if who is None else f"{scene[0]} by {who or 'nobody'}"
                found[names.take(f"{file.stem}/{full}" if full in names else full)] = (file, scene, who)
    return found


def _tasks(file: Path) -> _File:
    annotated: dict[tuple[str, str], list[list[str]]] = {}

    def scene_of(k: int, task: Node) -> tuple[str, str]:
        scene = _scene_of(task, file, k)
        annotated.setdefault(scene, []).append(annotators(task))
        return scene

    tasks = placed(list_by_parts(file, _all_of), scene_of)
    return _File(ManyScenes(file, {"": tasks}), {scene: all_annotators(names) for scene, names in annotated.items()})


def _all_of(task: Any) -> Any:
    """What stays in memory of a task."""
    return task


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
    return task["data"].has("video") or any(kind_of(region) == _VIDEO for region in regions(task))


def read(path: Path, scene: str, problems: Problems) -> Scene:
    return read_sized(path, scene, problems, None)


def read_sized(path: Path, scene: str, problems: Problems, size_px: tuple[int, int] | None) -> Scene:
    """size_px : of the pictures of videos that do not say it themselves"""
    file, place, who = _places(path)[scene]
    chosen = [*iter(list_by_parts(file, _all_of, of_file(file, _tasks).tasks.only(place)))]  # `iter`: it would be asked for its length, and parsed
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
            camera = camera_name(data.get("camera", "camera").word())
            if camera in cameras:
                raise task.wrong("each camera of a recording once", f"{camera!r} again", _HINT)
            cameras[camera] = CameraSensor(camera, UncalibratedCamera(*self._size(task, camera)))
            own, said, n, rate = self._of_video(task, camera, cameras[camera].camera.size_px, {track.track_id for track in tracks})
            tracks += own
            tags += said
            n_frames = max(n_frames, n)
            rates |= {rate} if rate else set()
        rate = rates.pop() if len(rates) == 1 else 0.0
        times = frame_times(n_frames, rate) if rate else np.arange(n_frames)
        if not rate:
            self.notes.append("the file tells no rate of frames: they are counted")
        first, tags = tasks[0]["data"].mapping(), agreed(tags, list(cameras))
        return Scene(
            name=name,
            times_ns=times,
            cameras=cameras,
            image_tracks=[track.replace(times_ns=times[track.times_ns]) for track in tracks],
            tags=[tag if tag.span_ns is None else replace(tag, span_ns=tuple(times[[*tag.span_ns]].tolist())) for tag in tags],
            has_time=bool(rate),
            label_frame=next(iter(cameras)),
            frame_ids=tuple(map(str, range(n_frames))),
            format="label_studio",
            path=os.fspath(self.file),
            source_attributes={"label_studio": {camera: self._task(task) for camera, task in zip(cameras, tasks)}} if first else {},
            notes=[*self.notes, *self._left_out(tasks)],
        )

    def _size(self, task: Node, camera: str) -> tuple[int, int]:
        """Of a video's pictures: as the task tells it, or one of its regions."""
        told = [(task["data"], "width_px", "height_px"), *[(region, "original_width", "original_height") for region in regions(task, self.who)]]
        for node, across, down in told:
            if node.has(across) and node.has(down):
                width, height = node[across].whole(), node[down].whole()
                if width < 1 or height < 1:
                    raise node.wrong("a width and a height from 1", f"{width} x {height}", _HINT)
                limits().check("image_px", width * height, self.file, node.field)
                return width, height
        if self.size_px is None:
            self.notes.append(f"{NO_SIZE} of {camera}: places are percent of it, as if it had {PERCENT_PX[0]} x {PERCENT_PX[1]} px")
        return self.size_px or PERCENT_PX

    def _of_video(self, task: Node, camera: str, size_px: tuple[int, int], known: set[str]) -> tuple[list[ImageTrack], list[Tag], int, float]:
        """The tracks, with times in frames; what is said of all of it; how many frames; the rate, 0 where it is not told."""
        videos = [region for region in regions(task, self.who) if kind_of(region) == _VIDEO]
        values = [region.value["value"] for region in videos if isinstance(region.value.get("value"), dict)]
        keyframes = [one for value in values if isinstance(value.get("sequence"), list) for one in value["sequence"] if isinstance(one, dict)]
        numbers = _told(keyframes, "frame", int)
        base = 0 if 0 in numbers else 1
        said = what_is_said(task, self.who, (_VIDEO,), None, camera, self.room, self.problems, base)
        self.n_other += said.n_other
        ends = [*[number - base for number in numbers], *[tag.span_ns[1] for tag in said.tags if tag.span_ns is not None]]
        n_frames = max([task["data"].get("frames", 1).whole(), *_told(values, "framesCount", int), *[end + 1 for end in ends]])
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
                tracks.append(self._track(region, track_id, camera, size_px, n_frames, base, said.attributes(track_id)))
        return tracks, said.tags, n_frames, rate if is_rate(rate) else 0.0

    def _track(
        self, region: Node, track_id: str, camera: str, size_px: tuple[int, int], n_frames: int, base: int, attributes: dict[str, Any]
    ) -> ImageTrack:
        value = region["value"]
        category = category_of(value, ("labels", "videorectangle"))
        rows: dict[int, tuple[bool, Rectangle]] = {}
        for node in value["sequence"]:
            self.room.take(LABEL_BYTES)
            frame = node["frame"].whole() - base
            if frame < 0 or frame in rows:
                raise node["frame"].wrong(f"each frame once, from {base}", str(frame + base), _HINT)
            rows[frame] = (node.get("enabled", default=True).flag(), rectangle_of(node, size_px))
        limits().check("keyframes_per_track", len(rows), self.file, f"region {track_id}")
        if not rows:
            raise value["sequence"].wrong("at least one keyframe", "none", _HINT)
        table = [(frame, *rows[frame]) for frame in sorted(rows)]
        is_turned = any(row[4] for _, _, row in table)
        groups: list[tuple[list[int], list[Rectangle], int]] = []
        opened: tuple[list[int], list[Rectangle]] = ([], [])
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
        spans = [
            Span(f[0], last, np.array(f, np.int64), shapes_of_rectangles(np.array(r), is_turned), np.zeros(len(f), bool)) for f, r, last in groups
        ]
        source = {key: item for key, item in region.mapping().items() if key not in ("id", "type", "value", "from_name", "to_name")}
        return track_of_spans(track_id, category, camera, spans, n_frames, attributes=attributes, source_attributes=source)

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
            said = what_is_said(task, self.who, SHAPES, (i, i), "camera", self.room, self.problems)
            tags += said.tags
            self.n_other += said.n_other
            for region in regions(task, self.who):
                if kind_of(region) not in SHAPES:
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
                    tracks.append(track_of_picture(region, track_id, i, (width, height), said.of_regions.get(own_id, {})))
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


def _told(rows: Sequence[Mapping[str, Any]], name: str, kind: type[int] | type[float]) -> list[Any]:
    """The numbers of that name, from 0, of those that have one; what is none is told where it is read."""
    return [row[name] for row in rows if type(row.get(name)) in (int, kind) and row[name] >= 0]
