"""The writer of Labelbox's NDJSON; the layout is drawn in labelbox.py."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, number_of
from ..image_tracks import ImageTrack
from ..keyframes import Visibility
from ..scene import Scene
from ..shapes2d import Boxes, Keypoints, Polylines, Shapes
from .camera_labels import EDGE_PX, CameraLabels, Span, camera_labels, changes_of, say_what_pictures_lose, spans_of
from .file_names import file_name
from .json_text import as_json, dumps
from .labelbox import CAPABILITIES
from .labelbox_answers import TRACK_ID
from .object_links import with_link
from .own_fields import with_own_fields
from .video_tags import VideoTag, tags_of_videos
from .write_report import Told, WriteReport

__all__ = ["write"]

_NAMES = uuid.UUID("0b0f5d0a-3f6c-5d5e-8f5d-6f1a2f9c7e43")  # of ids made from the names of scenes and tracks: the same scene gives the same ids
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOOLS = {Boxes: "rectangle", Keypoints: "point", Polylines: "line"}


def write(scene: Scene, folder: Path, report: WriteReport, *, camera: str | None = None) -> None:
    """Writes one NDJSON file, called as the scene, and ontology.json into `folder`, which exists and is empty: a data row for each camera.

    camera : whose labels alone
    """
    scene = with_own_fields(scene, report, "labelbox")
    cameras = camera_labels(scene, report, camera)
    writer = _Writer(scene, cameras, report, tags_of_videos(cameras, report))
    with (folder / f"{file_name(scene.name)}.ndjson").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(writer.lines())
    if not writer.tools and not any(writer.tags.values()):
        hint = "label something, or write another format"
        raise ArgumentError("Labelbox's files hold labels alone", expected="at least one label in a picture", field="scene", hint=hint)
    (folder / "ontology.json").write_text(dumps(writer.ontology(), "scene"), "utf-8", newline="\n")
    report.n_labels = writer.n_labels
    report.tolerance_px = 1e-6
    writer.say_what_is_lost()
    say_what_pictures_lose(scene, cameras, report, CAPABILITIES)


@dataclass
class _Writer:
    scene: Scene
    cameras: Sequence[CameraLabels]
    report: WriteReport
    tags: Mapping[str, Sequence[VideoTag]]  # by camera
    n_labels: int = 0
    n_reached: int = 0  # frames up to the last that a label or a tag tells
    ended: list[str] = field(default_factory=list)  # attributes, as often as one holds no longer
    texts: Counter[str] = field(default_factory=Counter)  # attribute -> values that became texts
    boxed: set[str] = field(default_factory=set)
    tools: dict[tuple[str, str], dict[str, bool]] = field(default_factory=dict)  # class, tool -> names of texts, and whether they change

    def lines(self) -> Iterator[str]:
        given = self.scene.source_attributes.get("labelbox", {})
        kept = given.get("global_keys", {}) if isinstance(given, Mapping) else {}
        for one in self.cameras:
            key = kept.get(one.name) if isinstance(kept, Mapping) else None
            for track in one.tracks():
                line = self._line(one, with_link(track), key if isinstance(key, str) and key else f"{self.scene.name}/{one.name}")
                if line is not None:
                    yield as_json(line) + "\n"
            for k, said in enumerate(self.tags[one.name]):
                yield as_json(self._answer(one, k, said, key if isinstance(key, str) and key else f"{self.scene.name}/{one.name}")) + "\n"

    def _answer(self, one: CameraLabels, k: int, said: VideoTag, key: str) -> dict[str, Any]:
        """The line of a tag: one choice, or several where any tag of that name has several."""
        chosen = [{"name": word} for word in said.words]
        self.n_reached = max(self.n_reached, 1 if said.span is None else said.span[1] + 1)
        answer = {"answers": chosen} if self._has_several(said.tag.name) else {"answer": chosen[0]}
        frames = {} if said.span is None else {"frames": [{"start": said.span[0] + 1, "end": said.span[1] + 1}]}
        name = f"{self.scene.name}\n{one.name}\ntag {k}"
        return {"uuid": str(uuid.uuid5(_NAMES, name)), "dataRow": {"globalKey": key}, "name": said.tag.name, **answer, **frames}

    def _has_several(self, name: str) -> bool:
        return any(len(one.words) > 1 for own in self.tags.values() for one in own if one.tag.name == name)

    def _line(self, one: CameraLabels, track: ImageTrack, key: str) -> dict[str, Any] | None:
        kind = type(track.shapes) if _is_known(track.shapes) else Boxes
        spans = list(spans_of(one, track, (kind,) if kind is type(track.shapes) else ()))
        if not spans:
            return None
        if kind is not type(track.shapes):
            self.boxed.add(track.shapes.KIND)
        self.n_labels += sum(span.last - span.first + 1 for span in spans)
        self.n_reached = max(self.n_reached, *[span.last + 1 for span in spans])
        answers = {**self._texts(track.attributes), TRACK_ID: track.track_id}
        changing = {frame: self._texts(row) for frame, row in changes_of(one, track, spans)}
        names = self.tools.setdefault((track.category, _TOOLS[kind]), {})
        for name in answers:
            names.setdefault(name, False)
        names.update(dict.fromkeys([name for row in changing.values() for name in row], True))
        own = track.source_attributes.get("uuid")
        is_id = isinstance(own, str) and _UUID.fullmatch(own) is not None
        return {
            "uuid": own if is_id else str(uuid.uuid5(_NAMES, f"{self.scene.name}\n{track.track_id}".encode("utf-8", "replace").decode())),
            "dataRow": {"globalKey": key},
            "name": track.category,
            "classifications": _answers(answers),
            "segments": [{"keyframes": [_said(keyframe, changing) for keyframe in _keyframes(span)]} for span in spans],
        }

    def _texts(self, attributes: Mapping[str, Any]) -> dict[str, str]:
        told = {name: value for name, value in attributes.items() if name.strip() and name != TRACK_ID and value is not None}
        self.ended += [name for name, value in attributes.items() if value is None]
        self.texts.update(name for name, value in told.items() if not isinstance(value, str))
        return {name: value if isinstance(value, str) else as_json(value) for name, value in told.items()}

    def ontology(self) -> dict[str, Any]:
        """In Labelbox's normal form."""
        tools = []
        for (category, tool), names in self.tools.items():
            texts: list[dict[str, Any]] = [
                {"type": "text", "name": name, "instructions": name, "required": False, "options": [], "scope": "index" if changes else "global"}
                for name, changes in names.items()
            ]
            tools.append({"tool": tool, "name": category, "required": False, "color": "#ff0000", "classifications": texts})
        return {"tools": tools, "classifications": self._questions()}

    def _questions(self) -> list[dict[str, Any]]:
        """What tags answer, with all answers there are."""
        every = [one for own in self.tags.values() for one in own]
        found = []
        for name in dict.fromkeys(one.tag.name for one in every):
            words = dict.fromkeys(word for one in every if one.tag.name == name for word in one.words)
            by_frame = any(one.span is not None for one in every if one.tag.name == name)
            kind = "checklist" if self._has_several(name) else "radio"
            options = [{"label": word, "value": word, "options": []} for word in words]
            said = {"type": kind, "name": name, "instructions": name, "required": False, "options": options}
            found.append({**said, "scope": "index" if by_frame else "global"})
        return found

    def say_what_is_lost(self) -> None:
        report = self.report
        n_beyond = len(self.scene) - self.n_reached
        if n_beyond:
            said = f"{number_of(n_beyond, 'frame')} after the last label: files of Labelbox do not tell how many a video has"
            report.dropped.append(Told("times", said, n=n_beyond))
        if self.boxed:
            said = f"shapes that Labelbox has no tracks of, {', '.join(sorted(self.boxed))}: the boxes around them"
            report.rounded.append(Told("shapes", said, self.boxed))
        if self.ended:
            what = f"{number_of(len(self.ended), 'attribute')} {'stops' if len(self.ended) == 1 else 'stop'} holding"
            report.dropped.append(Told("attributes", f"that {what}: Labelbox has no word for it, and keeps the last value", self.ended))
        if n := self.texts.total():
            report.rounded.append(Told("attributes", f"{number_of(n, 'value')} of attributes that became texts", self.texts))


def _is_known(shapes: Shapes) -> bool:
    if isinstance(shapes, Keypoints):
        return shapes.n_points == 1 and shapes.skeleton is None and bool((shapes.visibility == Visibility.VISIBLE).all())
    return isinstance(shapes, Boxes) or (isinstance(shapes, Polylines) and int(shapes.n_points.min(initial=2)) >= 2)


def _answers(texts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "answer": text} for name, text in texts.items()]


def _said(keyframe: dict[str, Any], changing: Mapping[int, Mapping[str, str]]) -> dict[str, Any]:
    """A keyframe with what attributes begin to say there."""
    texts = changing.get(keyframe["frame"] - 1)
    return {**keyframe, "classifications": _answers(texts)} if texts else keyframe


def _keyframes(span: Span) -> Iterator[dict[str, Any]]:
    shapes = span.shapes
    for k, frame in enumerate(span.frames.tolist()):
        if isinstance(shapes, Boxes):
            left, top, right, bottom = shapes.xyxy[k].tolist()
            box = {"top": top + EDGE_PX, "left": left + EDGE_PX, "height": bottom - top, "width": right - left}
            yield {"frame": frame + 1, "bbox": box}
        elif isinstance(shapes, Keypoints):
            yield {"frame": frame + 1, "point": _points(shapes.uv[k])[0]}
        elif isinstance(shapes, Polylines):
            yield {"frame": frame + 1, "line": _points(shapes.points(k))}


def _points(uv: Any) -> list[dict[str, float]]:
    return [{"x": u + EDGE_PX, "y": v + EDGE_PX} for u, v in uv.tolist()]
