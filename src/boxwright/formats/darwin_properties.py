"""V7's properties: what is said of an annotation, always or from a frame on, and of a whole item.

    of an annotation    {"name", "value", "frame_index": null | 12}; a name with several values comes several times
    of an item          {"name", "value"}
    .v7/metadata.json   {"classes": [{"name", "type", "properties": [property, ...]}], "properties": [property, ...]}
    property            {"name", "type", "required", "property_values": [{"type", "value", "color"}], "granularity", "description"}

Values are texts. Where all values of a property are numbers, flags and the like, its description says so, and they come back as these. The property
`occluded` tells what is occluded. Frames may hold `attributes`, a list of words, and a `text` besides: those are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Int64s
from ..errors import FormatError
from ..image_tracks import ImageTrack
from ..limits import has_file, limits
from ..problems import Problems
from . import strict_json
from .camera_labels import CameraLabels, Span, changes_of
from .json_text import as_json
from .strict_json import Node

__all__ = ["ITEM", "OCCLUDED", "Properties", "Told", "json_properties", "properties_of", "value_from"]

OCCLUDED = "occluded"
ITEM = ""  # the class of an item's own properties
_JSON = "as JSON spells it: true, 4 or a list"
_FLAGS = {"true": True, "false": False}
_SCALAR = re.compile(r"true|false|null|-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,17})?")  # which most values are
_MOST_VALUES, _LONGEST = 100, 200  # of a property whose values are chosen, not typed
Pair = tuple[str, str]  # class, property


# ------------------------------------------------------------ as they are read


@dataclass
class Told:
    """What a file says of one annotation. always : name -> value; changes : frame -> name -> value from there on, None where it ends;
    occluded : frame -> whether, from there on"""

    always: dict[str, Any] = field(default_factory=dict)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)
    occluded: dict[int, bool] = field(default_factory=dict)

    def frames(self) -> list[int]:
        return sorted({*self.changes, *self.occluded})

    def is_occluded(self, frames: Int64s) -> Bools:
        """(N,) at frames."""
        told = np.array(sorted(self.occluded), np.int64)
        codes = np.array([False, *[self.occluded[frame] for frame in told.tolist()]])
        return np.asarray(codes[np.searchsorted(told, frames, side="right")])

    def at_keyframes(self, frames: Int64s) -> list[dict[str, Any]]:
        """For each of N frames, increasing, what is new there."""
        found, waiting, k = [], sorted(self.changes), 0
        for frame in frames.tolist():
            here: dict[str, Any] = {}
            while k < len(waiting) and waiting[k] <= frame:
                here |= self.changes[waiting[k]]
                k += 1
            found.append(here)
        return found


def json_properties(file: Path, problems: Problems) -> set[Pair]:
    """The properties, of classes and of the item, whose values are no texts, as .v7/metadata.json beside the file tells."""
    beside, found = file.parent / ".v7" / "metadata.json", set[Pair]()
    if has_file(beside):
        with strict_json.file_aside(beside, problems):
            top = strict_json.load(beside)
            for name, listed in [(ITEM, top), *[(one["name"].text(), one) for one in top.get("classes", [])]]:
                found |= {(name, one["name"].text()) for one in listed.get("properties", []) if one.get("description", None).value == _JSON}
    return found


def value_from(pair: Pair, texts: Sequence[Any], as_json_of: set[Pair]) -> Any:
    """What the values of one property say: one, or a list of several."""
    if pair in as_json_of:
        texts = [_parsed(text) for text in texts]
    return texts[0] if len(texts) == 1 else list(texts)


def _parsed(text: Any) -> Any:
    if isinstance(text, str) and _SCALAR.fullmatch(text):
        return json.loads(text)
    try:
        return strict_json.of_bytes(text.encode(), "").value if isinstance(text, str) else text
    except (FormatError, UnicodeEncodeError):
        return text


def properties_of(node: Node, category: str, frames: Iterable[tuple[int, Node]], as_json_of: set[Pair]) -> Told:
    """frames : those of the annotation, in order, with what they hold"""
    texts: dict[tuple[int | None, str], list[Any]] = {}
    bounds = limits()
    for one in node.get("properties", []):
        at = one.get("frame_index", None)
        number = None if at.value in (None, "global") else at.whole()
        if number is not None:
            bounds.check("frames_per_scene", number + 1, node.path, one.field)
            if number < 0:
                raise at.wrong("a frame from 0", str(number), "correct the file or export it again")
        value = one.get("value", None)
        texts.setdefault((number, one["name"].word()), []).append(None if value.value is None else value.sentence())
    told = Told()
    for (number, name), values in texts.items():
        if name == OCCLUDED and len(values) == 1 and values[0] in _FLAGS:
            told.occluded[number or 0] = _FLAGS[values[0]]
            continue
        said = value_from((category, name), values, as_json_of)
        (told.always if number is None else told.changes.setdefault(number, {}))[name] = said
    words: dict[str, Any] = {}
    for number, frame in frames:  # what a frame does not tell goes on
        new = {one.word(): True for one in frame["attributes"]} if frame.has("attributes") else words
        changed: dict[str, Any] = {name: new.get(name) for name in {**words, **new} if words.get(name) != new.get(name)}
        changed |= {"text": frame["text"]["text"].sentence()} if frame.has("text") else {}
        if changed:
            told.changes[number] = {**changed, **told.changes.get(number, {})}
        words = new
    return told


# ------------------------------------------------------------ as they are written


@dataclass
class _Known:
    """A property of a class: in which kinds of shapes, its values as far as they can be listed, how many of them are texts and how many are not."""

    kinds: dict[str, None] = field(default_factory=dict)
    values: dict[str, None] = field(default_factory=dict)
    n_texts: int = 0
    n_others: int = 0
    has_several: bool = False


class Properties:
    """What is said of annotations as they are written one after the other, and then what V7 has to know of it.

    changing : (class, name) of what some track says something else over time; all tracks of the class say from when on, then
    taken : attributes whose name tells what is occluded, or that have none, each as often as it is told
    """

    def __init__(self, tracks: Iterable[ImageTrack]) -> None:
        self.changing = {(track.category, name) for track in tracks for row in track.keyframe_attributes for name in row}
        self.known: dict[Pair, _Known] = {}
        self.classes: dict[tuple[str, str], None] = {}
        self.taken = list[str]()

    @property
    def mixed(self) -> dict[Pair, int]:
        """Properties that have texts as well -> values that are none."""
        return {pair: one.n_others for pair, one in self.known.items() if one.n_texts and one.n_others}

    def of_track(self, one: CameraLabels, track: ImageTrack, spans: Sequence[Span], kind: str) -> list[dict[str, Any]]:
        """The properties of one annotation. kind : of its shapes, as V7 calls them"""
        first = spans[0].first
        self.classes[track.category, kind] = None
        found: list[dict[str, Any]] = []
        for name, value in track.attributes.items():
            if not self._is_taken(name, value):
                at = first if (track.category, name) in self.changing else None
                found += self.entries(track.category, kind, name, value, at)
        for frame, row in changes_of(one, track, spans):
            for name, value in row.items():
                if not self._is_taken(name, value):
                    found += self.entries(track.category, kind, name, value, frame)
        before = False
        for span in spans:
            for frame, is_occluded in zip(span.frames.tolist(), span.is_occluded.tolist()):
                if is_occluded != before:
                    found += self.entries(track.category, kind, OCCLUDED, is_occluded, frame)
                    self.changing.add((track.category, OCCLUDED))
                before = is_occluded
        return found

    def _is_taken(self, name: str, value: Any) -> bool:
        taken = not name.strip() or (name == OCCLUDED and (value is None or isinstance(value, bool) or value in _FLAGS))
        self.taken += [name] if taken else []
        return taken

    def entries(self, category: str, kind: str, name: str, value: Any, frame: int | None) -> list[dict[str, Any]]:
        """A value, of a class's shapes of some kind; several where it is a list of texts."""
        known = self.known.setdefault((category, name), _Known())
        known.kinds[kind] = None
        is_several = isinstance(value, (list, tuple)) and len(value) > 1 and all(isinstance(one, str) for one in value)
        listed = [*value] if is_several else [value]
        known.has_several |= is_several
        found: list[dict[str, Any]] = []
        for one in listed:
            text = one if isinstance(one, str) or one is None else as_json(one)
            known.n_texts, known.n_others = known.n_texts + isinstance(one, str), known.n_others + (one is not None and not isinstance(one, str))
            if text is not None and len(known.values) <= _MOST_VALUES:
                known.values[text[: _LONGEST + 1]] = None
            found.append({"name": name, "value": text, **({} if category == ITEM else {"frame_index": frame})})
        return found

    def metadata(self) -> dict[str, Any]:
        """What .v7/metadata.json says, from which V7's client makes properties that are not there yet."""
        classes = [
            {"name": name, "type": kind, "description": None, "color": None, "sub_types": ["instance_id"], "properties": [*self._of(name, kind)]}
            for name, kind in self.classes
        ]
        return {"version": "1.0", "classes": classes, "properties": [*self._of(ITEM, "item")]}

    def _of(self, category: str, kind: str) -> Iterator[dict[str, Any]]:
        for (owner, name), known in self.known.items():
            if owner == category and kind in known.kinds:
                yield _declared(name, known, "item" if category == ITEM else "section" if (category, name) in self.changing else "annotation")


def _declared(name: str, known: _Known, granularity: str) -> dict[str, Any]:
    is_short = 0 < len(known.values) <= _MOST_VALUES and all(0 < len(text) <= _LONGEST for text in known.values)
    kind = "multi_select" if known.has_several else "single_select" if is_short else "text"
    listed = [{"type": "string", "value": text, "color": "auto"} for text in known.values] if kind != "text" else []
    said = _JSON if known.n_others and not known.n_texts else ""
    return {"name": name, "type": kind, "description": said, "required": False, "property_values": listed, "granularity": granularity}
