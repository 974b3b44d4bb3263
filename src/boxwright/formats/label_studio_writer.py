"""The writer of Label Studio's tasks; the layout is drawn in label_studio.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import number_of
from ..image_tracks import ImageTrack
from ..scene import Scene
from ..shapes2d import Boxes, RotatedBoxes, Shapes
from .camera_labels import EDGE_PX, CameraLabels, Span, camera_labels, say_what_pictures_lose, spans_of
from .file_names import file_name
from .frame_rates import checked_rate, is_rate, say_no_rate, say_rate
from .json_text import as_json
from .label_studio import CAPABILITIES, OWN_NAMES
from .label_studio_pictures import given_pictures, write_pictures
from .label_studio_tags import tag_controls, tag_results, writable_tags
from .object_links import with_link
from .own_fields import with_own_fields
from .video_tags import VideoTag
from .write_report import Told, WriteReport
from .xml_text import quoted

__all__ = ["write"]

_USUAL_HZ = 1.0


def write(scene: Scene, folder: Path, report: WriteReport, *, camera: str | None = None, frame_rate: float | None = None) -> None:
    """Writes tasks.json, a task for the video of every camera, and interface.xml, the labelling interface, into `folder`, which exists and is empty.
    A scene that was read from tasks of pictures has a task for each picture.

    camera : whose labels alone
    frame_rate : in Hz, where the scene has no time; Label Studio reckons frames from it
    """
    scene = with_own_fields(scene, report, "label_studio")
    frame_rate = checked_rate(frame_rate)
    cameras = camera_labels(scene, report, camera, cut=True)
    if pictures := given_pictures(scene, cameras):
        write_pictures(scene, cameras[0], pictures, folder, report)
        return
    writer = _Writer(scene, cameras, report, frame_rate)
    writer.tags = writable_tags(cameras, OWN_NAMES, report)
    with (folder / "tasks.json").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(writer.tasks())
    (folder / "interface.xml").write_text(writer.interface(), "utf-8", newline="\n")
    report.n_labels = writer.n_labels
    report.tolerance_px = 1e-6
    writer.say_what_is_lost()
    say_what_pictures_lose(scene, cameras, report, CAPABILITIES)


@dataclass
class _Writer:
    scene: Scene
    cameras: Sequence[CameraLabels]
    report: WriteReport
    frame_rate: float | None
    n_labels: int = 0
    boxed: set[str] = field(default_factory=set)
    lost_names: set[str] = field(default_factory=set)
    changing: list[str] = field(default_factory=list)  # tracks whose attributes change
    texts: Counter[str] = field(default_factory=Counter)  # attribute -> values that became texts
    classes: dict[str, None] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)  # of attributes that have a text
    tags: dict[str, list[VideoTag]] = field(default_factory=dict)  # by camera
    odd_rate_hz: float = 0.0

    def rate_hz(self, one: CameraLabels) -> float:
        told = one.rate_hz
        if told and not is_rate(told):
            self.odd_rate_hz = told
            return _USUAL_HZ
        return told or self.frame_rate or _USUAL_HZ

    # -------------------------------------------------------- tasks

    def tasks(self) -> Iterator[str]:
        yield "["
        for k, one in enumerate(self.cameras):
            yield ",\n" if k else "\n"
            yield from self._task(one)
        yield "\n]\n"

    def _task(self, one: CameraLabels) -> Iterator[str]:
        """Region by region: a video may have a million keyframes."""
        given = self.scene.source_attributes.get("label_studio", {})
        kept = given.get(one.name, {}) if isinstance(given, Mapping) else {}
        kept = kept if isinstance(kept, Mapping) else {}
        width, height = one.sensor.camera.size_px
        rate = self.rate_hz(one)
        own = {"scene": self.scene.name, "camera": one.name, "width_px": width, "height_px": height, "fps": rate, "frames": len(self.scene)}
        given = kept.get("data")
        data = {"video": f"{file_name(one.name)}.mp4", **(given if isinstance(given, Mapping) else {}), **own}
        yield f'{as_json({"data": data})[:-1]}, "annotations": [{{"result": ['  # by which the file is known: what else came comes behind
        n = 0
        for track in one.tracks():
            for region in self._regions(one, with_link(track), rate):
                yield f"{',' if n else ''}\n {as_json(region)}"
                n += 1
        for region in tag_results(self.tags[one.name], len(one.stamps_ns)):
            yield f"{',' if n else ''}\n {as_json(region)}"
            n += 1
        yield "\n]}]"
        yield from (f", {as_json({key: value})[1:-1]}" for key, value in kept.items() if key not in ("data", "annotations", "predictions"))
        yield "}"

    def _regions(self, one: CameraLabels, track: ImageTrack, rate: float) -> Iterator[dict[str, Any]]:
        self.classes[track.category] = None
        self.names.update(dict.fromkeys(name for name in track.attributes if not _is_lost(name)))
        sequence: list[dict[str, Any]] = []
        kinds, size_px = (Boxes, RotatedBoxes), one.sensor.camera.size_px
        for span in spans_of(one, track, kinds):
            self.n_labels += span.last - span.first + 1
            sequence += _keyframes(span, size_px, rate)
            if not isinstance(track.shapes, kinds):
                self.boxed.add(track.shapes.KIND)
        if not sequence:
            return
        n = len(one.stamps_ns)
        value = {"framesCount": n, "duration": n / rate, "labels": [track.category], "sequence": sequence}
        own = {"id": track.track_id, "from_name": "box", "to_name": "video", "type": "videorectangle"}
        yield {**{key: item for key, item in track.source_attributes.items() if key in ("origin", "score", "meta")}, **own, "value": value}
        for name, said in track.attributes.items():
            if _is_lost(name):
                self.lost_names.add(name)
                continue
            self.texts[name] += not isinstance(said, str)
            text = said if isinstance(said, str) else as_json(said)
            yield {"id": track.track_id, "from_name": name, "to_name": "video", "type": "textarea", "value": {"text": [text]}}
        self.changing += [track.track_id] if any(track.keyframe_attributes) else []

    # -------------------------------------------------------- the labelling interface

    def interface(self) -> str:
        """All classes, and a text for each attribute, once the tasks were written; the rate is that of the first camera."""
        labels = "".join(f"    <Label value={quoted(name)}/>\n" for name in self.classes or ["object"])
        texts = "".join(f'  <TextArea name={quoted(name)} toName="video" perRegion="true"/>\n' for name in self.names)
        controls = tag_controls([one for own in self.tags.values() for one in own])
        rate = f"{self.rate_hz(self.cameras[0]):.9g}"
        return (
            f'<View>\n  <Labels name="labels" toName="video">\n{labels}  </Labels>\n'
            f'  <Video name="video" value="$video" frameRate="{rate}"/>\n  <VideoRectangle name="box" toName="video"/>\n{texts}{controls}</View>\n'
        )

    def say_what_is_lost(self) -> None:
        report = self.report
        if self.boxed:
            said = f"shapes that Label Studio has no tracks of, {', '.join(sorted(self.boxed))}: the boxes around them"
            report.rounded.append(Told("shapes", said, self.boxed))
        if self.lost_names:
            said = f"attributes of names that Label Studio itself uses: {', '.join(sorted(self.lost_names))[:80]}"
            report.dropped.append(Told("attributes", said, self.lost_names))
        if self.changing:
            report.dropped.append(Told("attributes", f"attributes that change, of {number_of(len(self.changing), 'track')}", self.changing))
        if n := self.texts.total():
            report.rounded.append(Told("attributes", f"{number_of(n, 'value')} of attributes that became texts", self.texts))
        if self.odd_rate_hz:
            say_no_rate(report, self.odd_rate_hz, "Label Studio's")
            report.notes.append(f"a rate of {_USUAL_HZ:g} frames a second is written in its place, as Label Studio reckons frames from one")
        elif self.scene.has_time:
            say_rate(report, self.scene, "Label Studio")
        if not self.scene.has_time and self.frame_rate is None:
            report.notes.append(f"no rate of frames is known: {_USUAL_HZ:g} a second is written, frame_rate= says the video's")


def _is_lost(name: str) -> bool:
    """A name that Label Studio itself uses, or none."""
    return name in OWN_NAMES or not name.strip()


def _keyframes(span: Span, size_px: tuple[int, int], rate: float) -> Iterator[dict[str, Any]]:
    """Of a visible span; the last is not enabled, which ends it."""
    table = _percent(span.shapes, size_px).tolist()
    last = len(table) - 1
    for k, (frame, (x, y, width, height, degrees)) in enumerate(zip(span.frames.tolist(), table)):
        yield {
            "frame": frame + 1,
            "enabled": k < last,
            "rotation": degrees,
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "time": (frame + 1) / rate,
        }


def _percent(shapes: Shapes, size_px: tuple[int, int]) -> Any:
    """(N, 5) x, y, width, height in percent, and degrees that do not jump."""
    scale = 100 / np.tile(size_px, 2)
    if isinstance(shapes, RotatedBoxes):
        turn, half = np.unwrap(shapes.rotation_rad), shapes.size_px / 2
        cosine, sine = np.cos(turn), np.sin(turn)
        corner = shapes.center_uv - np.c_[half[:, 0] * cosine - half[:, 1] * sine, half[:, 0] * sine + half[:, 1] * cosine]
        return np.c_[np.clip(np.c_[corner + EDGE_PX, shapes.size_px] * scale, 0, 100), np.rad2deg(turn)]
    bounds = shapes.bounds_xyxy()
    return np.c_[np.clip(np.c_[bounds[:, :2] + EDGE_PX, bounds[:, 2:] - bounds[:, :2]] * scale, 0, 100), np.zeros(len(bounds))]
