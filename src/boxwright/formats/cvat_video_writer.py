"""The writer of CVAT for video 1.1; the layout is drawn in cvat_video.py."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from xml.sax.saxutils import escape, quoteattr

from ..arrays import Int64s
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..keyframes import Origin, Visibility
from ..scene import CameraSensor, Scene
from ..shapes2d import Keypoints, Masks, Polygons
from .cvat_video import CAPABILITIES, NAME
from .cvat_video_meta import LONGEST, MOST_VALUES, Label, attribute_text, labels_of, leaf, with_labels
from .cvat_video_shapes import element_of, point_names, shape_lines
from .file_names import fitting
from .image_labels import at_exposures, frames_of, labels_seen, say_what_is_lost, the_camera
from .losses import lost_edges
from .object_links import OBJECT_ID, with_link
from .own_fields import with_own_fields
from .write_report import Told, WriteReport
from .xml_text import NO_CHARACTER

__all__ = ["write"]

_PLAIN = re.compile(r"[0-9A-Za-z_.,;\- ]*")  # as it stands in XML too
_OUTSIDE, _OCCLUDED, _FILLED = int(Visibility.OUTSIDE), int(Visibility.OCCLUDED), int(Origin.FILLED)  # members of an enum are slow to look up
_UNSAFE = re.compile(r"[^\w.\- ]")
_NUMBER = re.compile("[0-9]{1,9}")
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9_.\-]")


def write(scene: Scene, folder: Path, report: WriteReport, *, camera: str | None = None) -> None:
    """Writes one XML file, called as the scene, into `folder`, which exists and is empty.

    camera : whose labels, where the scene has labels in the pictures of several, or only cuboids and several cameras
    """
    scene = with_own_fields(scene, report, "cvat_video", "cvat")
    sensor = the_camera(scene, camera, report)
    seen = labels_seen(scene, sensor)
    seen.labelled = at_exposures(seen, report)
    writer = _Writer(scene, sensor, report, seen.stamps_ns)
    name = fitting(_UNSAFE.sub("_", scene.name).strip(" .")) or "annotations"
    with (folder / f"{name}.xml").open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
        _put(file, writer.meta(writer.called(track) for track in seen.tracks()), 1)
        for track in seen.tracks():
            file.writelines(writer.track_lines(writer.called(track)))
        file.write("</annotations>\n")
    report.n_frames, report.n_tracks, report.n_labels = len(scene), seen.n_tracks, writer.n_elements
    report.tolerance_px = 1e-9
    writer.say_what_is_lost()
    report.dropped += lost_edges(seen.labelled)
    say_what_is_lost(seen, report, CAPABILITIES, [])


@dataclass
class _Writer:
    scene: Scene
    sensor: CameraSensor
    report: WriteReport
    stamps_ns: Int64s
    n_elements: int = 0
    n_called: int = 0
    no_texts: Counter[str] = field(default_factory=Counter)  # attribute -> values that are none
    texts: Counter[str] = field(default_factory=Counter)  # attribute -> values that became texts
    n_cleaned: int = 0
    n_held: int = 0
    n_taken: int = 0
    n_rings: int = 0
    n_cut: int = 0
    labels: Mapping[str, Label] = field(default_factory=dict)  # once the meta was made

    def __post_init__(self) -> None:
        taken = {int(track.track_id) for track in self.scene.image_tracks if _NUMBER.fullmatch(track.track_id)}
        self.free = (number for number in itertools.count() if number not in taken)
        ids = list(self.scene.frame_ids)
        self.is_own = self.scene.format == "cvat_video" or "cvat" in self.scene.source_attributes
        are_numbers = all(re.fullmatch("0|[1-9][0-9]{0,8}", one) for one in ids)
        self.numbers = [int(one) for one in ids] if self.is_own and are_numbers else list(range(len(ids)))
        if any(b <= a for a, b in zip(self.numbers, self.numbers[1:])):
            self.numbers = list(range(len(ids)))

    def called(self, track: ImageTrack) -> ImageTrack:
        """With its name and the object that it is as attributes, which CVAT keeps; the numbers that it gave itself it gives anew, too."""
        linked = with_link(track, is_named=False)
        return linked.replace(attributes={**linked.attributes, NAME: track.track_id})

    # -------------------------------------------------------- the task

    def meta(self, tracks: Iterable[ImageTrack]) -> list[Any]:
        kept = self.scene.source_attributes.get("cvat", {}).get("meta")
        wanted: dict[str, dict[str, tuple[bool, set[str]]]] = {}
        skeletons: dict[str, Sequence[str]] = {}
        for track in tracks:
            into = wanted.setdefault(track.category, {})
            for is_mutable, rows in ((False, [track.attributes]), (True, track.keyframe_attributes)):
                for row in rows:
                    for name, value in row.items():
                        if len(name) > LONGEST:
                            continue
                        mutable, texts = into.get(name, (False, set()))
                        if len(texts) <= MOST_VALUES:  # more than can be listed are not; of scores there may be as many as labels
                            texts.add(self._text(value))
                        into[name] = (mutable or is_mutable, texts)
            names = point_names(track.shapes) if isinstance(track.shapes, Keypoints) else None
            if names is not None:
                skeletons[track.category] = names
        meta = with_labels(kept if isinstance(kept, list) else self._fresh_meta(), wanted, skeletons, (NAME, OBJECT_ID))
        self.labels = labels_of(meta)
        return meta

    def _fresh_meta(self) -> list[Any]:
        width, height = self.sensor.camera.size_px
        size = ["original_size", {}, [leaf("width", width), leaf("height", height)]]
        parts = [("name", self.scene.name), ("size", len(self.scene)), ("mode", "interpolation"), ("start_frame", 0)]
        parts += [("stop_frame", max(len(self.scene) - 1, 0)), ("frame_filter", ""), ("source", self.sensor.name)]
        return ["meta", {}, [["task", {}, [*[leaf(*part) for part in parts], size]]]]

    def _text(self, value: Any) -> str:
        text = attribute_text(value) or ""
        return text if len(text) <= LONGEST else ""

    # -------------------------------------------------------- tracks

    def track_lines(self, track: ImageTrack) -> Iterator[str]:
        kept = dict(track.source_attributes)
        if isinstance(track.shapes, Masks):
            size, most = (track.shapes.width_px, track.shapes.height_px), self.sensor.camera.size_px
            self.n_cut += size[0] > most[0] or size[1] > most[1]
        element = element_of(track.shapes, kept.pop("shape", None) == "ellipse")
        is_number = _NUMBER.fullmatch(track.track_id) is not None
        said = self._with_own({"id": track.track_id if is_number else str(next(self.free)), "label": track.category}, kept)
        self.n_called += NAME in track.attributes
        yield f"  <track{self._said(said)}>\n"
        frames, rows = frames_of(self.stamps_ns, track)
        filled = track.at(track.times_ns).attributes
        label = self.labels[track.category]
        said_at = [(name, value, attribute_text(value)) for k in rows for name, value in filled[k].items()]
        self.texts.update(name for name, value, text in said_at if text and label.value(name, text) != value)
        for k, (frame, row) in enumerate(zip(frames, rows)):
            if track.method == "hold" and element != "mask" and k and frame > frames[k - 1] + 1:
                yield from self._element(element, track, rows[k - 1], frame - 1, filled)
                self.n_held += 1
            yield from self._element(element, track, row, frame, filled)
        last = frames[-1]
        if track.visibility[rows[-1]] != Visibility.OUTSIDE and last + 1 < len(self.numbers):
            yield from self._element(element, track, rows[-1], last + 1, filled, is_end=True)
        yield "  </track>\n"

    def _element(
        self, element: str, track: ImageTrack, k: int, frame: int, filled: Sequence[Mapping[str, Any]], is_end: bool = False
    ) -> Iterator[str]:
        own = dict(track.keyframe_source_attributes[k]) if track.keyframe_source_attributes else {}
        given, hidden = own.pop("points", {}), own.pop("occluded", None)
        part_attributes = given if isinstance(given, Mapping) and all(isinstance(one, Mapping) for one in given.values()) else {}
        seen = int(track.visibility[k])
        is_outside = is_end or seen == _OUTSIDE
        is_occluded = seen == _OCCLUDED or (hidden == "1" and is_outside)
        numbers, parts = shape_lines(track.shapes, k, element, self.sensor.camera.size_px)
        keyframe = "0" if int(track.origin[k]) == _FILLED and not is_end else "1"
        flags = {
            "frame": str(self.numbers[frame]),
            "keyframe": keyframe,
            "outside": str(int(is_outside)),
            "occluded": str(int(is_occluded)),
        }
        said = self._with_own({**flags, **numbers, "z_order": str(own.pop("z_order", "0"))}, own, is_end)
        inner = [f"      <points{self._said(part)}>{self._attributes(part_attributes.get(part['label'], {}), '')}</points>\n" for part in parts]
        inner.append(self._attributes(filled[k], "      "))
        self.n_elements += not is_end
        if isinstance(track.shapes, Polygons) and not is_end:
            self.n_rings += len(track.shapes.rings(k)) - 1
        text = "".join(inner)
        yield f"    <{element}{self._said(said)}>\n{text}    </{element}>\n" if text else f"    <{element}{self._said(said)}/>\n"

    def _with_own(self, said: dict[str, str], kept: Mapping[str, Any], is_again: bool = False) -> dict[str, str]:
        """With fields of the file that the track came from; not those that say something else in a file of CVAT."""
        if not kept:
            return said
        more = _texts(kept)
        self.n_taken += 0 if is_again else len(said.keys() & more)
        return {**said, **{name: text for name, text in more.items() if name not in said}}

    def _attributes(self, values: Mapping[str, Any], indent: str) -> str:
        lines = []
        for name, value in values.items():
            text = attribute_text(value)
            if text is None or max(len(text), len(name)) > LONGEST:
                self.no_texts[name] += 1
                continue
            lines.append(f"{indent}<attribute name={quoteattr(self._clean(name))}>{escape(self._clean(text))}</attribute>" + ("\n" if indent else ""))
        return "".join(lines)

    def _said(self, said: Mapping[str, str]) -> str:
        return "".join([f' {name}="{text}"' if _PLAIN.fullmatch(text) else f" {name}={quoteattr(self._clean(text))}" for name, text in said.items()])

    def _clean(self, text: str) -> str:
        """What XML cannot hold becomes a question mark."""
        clean = NO_CHARACTER.sub("?", text)
        self.n_cleaned += clean != text
        return clean

    def say_what_is_lost(self) -> None:
        lost = self.report.dropped
        if n := self.no_texts.total():
            said = f"{n} values of attributes that are neither number, flag nor text of at most {LONGEST:,} letters, the name included"
            lost.append(Told("attributes", said, self.no_texts))
        if self.n_cut:
            lost.append(
                Told("shapes", f"what masks of {self.n_cut} tracks, larger than the pictures, have beyond the right and bottom edge", [Masks.KIND])
            )
        if n := self.texts.total():
            self.report.rounded.append(Told("attributes", f"{number_of(n, 'value')} of attributes that became texts", self.texts))
        if [*map(str, self.numbers)] != [*self.scene.frame_ids]:
            lost.append(Told("frame_names", "the frames' names: they are numbered"))
        if self.n_rings:
            said = f"{self.n_rings} rings of polygons, holes or parts, beside the largest ring of each: a polygon has one in CVAT"
            lost.append(Told("shapes", said, [Polygons.KIND]))
        if self.n_taken:
            said = f"{self.n_taken} fields of the file that the tracks came from, with names that mean something else in CVAT, such as id or frame"
            lost.append(Told("", said))
        if self.n_cleaned:
            said = f"characters that XML has no place for, in {self.n_cleaned} texts: they are '?'"
            lost.append(Told("classes attributes track_ids", said, n=self.n_cleaned))
        if self.n_called:
            self.report.notes.append(f"{number_of(self.n_called, 'track')} with the name as `{NAME}` beside: CVAT numbers tracks itself")
        if self.n_held:
            self.report.notes.append(f"{self.n_held} keyframes repeat the one before, for CVAT cannot hold a shape until the next keyframe")


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """As XML takes them: a name begins with a letter, and not with "xml"."""
    texts = {_UNSAFE_NAME.sub("_", str(name)): str(value) for name, value in values.items() if isinstance(value, (str, int, float))}
    return {name if re.match("(?!(?i:xml))[A-Za-z_]", name) else f"_{name}": text for name, text in texts.items()}


def _put(file: TextIO, node: Sequence[Any], depth: int) -> None:
    name, said, inside = node
    indent = "  " * depth
    attributes = "".join(f" {key}={quoteattr(NO_CHARACTER.sub('?', str(text)))}" for key, text in said.items())
    start = f"{indent}<{name}{attributes}>"
    if not inside or isinstance(inside, str):
        file.write(f"{start}{escape(NO_CHARACTER.sub('?', inside or ''))}</{name}>\n")
        return
    file.write(f"{start}\n")
    for child in inside:
        _put(file, child, depth + 1)
    file.write(f"{indent}</{name}>\n")
