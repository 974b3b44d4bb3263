"""An OpenLABEL file, taken apart as far as its sensors and its labels need it, and what of it is kept for the way back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..frames import Pose
from ..problems import Problems
from .openlabel_sensors import Systems, seconds, stamps_ns, systems_of
from .openlabel_text import Text
from .strict_json import Node

__all__ = ["OURS", "Document", "document_of", "transform_name"]

OURS = "boxwright"  # the field of the metadata that holds what OpenLABEL has no place for


@dataclass
class Document:
    """frames : number -> node without its objects, in order; frame_ids : their names
    ours : what our own writer left in the metadata
    source : what goes into the scene's source attributes under "openlabel"
    """

    text: Text
    file: Path
    problems: Problems
    notes: list[str]
    ours: Node
    frames: dict[int, Node]
    frame_ids: list[str]
    times: Int64s
    has_time: bool
    systems: Systems
    source: dict[str, Any]

    @property
    def top(self) -> Node:
        return self.text.top

    @property
    def is_ours(self) -> bool:
        return self.ours.has("tracks")

    def edges(self, index: int) -> dict[tuple[str, str], Pose]:
        """The transforms of a frame."""
        return self.systems.edges(self.frames[self.text.numbers[index]])

    def properties(self, index: int) -> Node:
        return self.frames[self.text.numbers[index]].get("frame_properties", {})

    def note_once(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def document_of(text: Text, file: Path, problems: Problems) -> Document:
    top, notes = text.top, list[str]()
    ours = top["metadata"].get(OURS, {})
    frames = dict(text.frames_without_objects())
    for node in frames.values():
        node.mapping()
    times, has_time = stamps_ns(frames, notes)
    if not has_time and ours.has("times_ns"):
        times = np.array([item.whole() for item in ours["times_ns"]], np.int64)
    systems = systems_of(top)
    if systems.ego is not None and systems.world is None:
        systems.world = _unlisted(systems, frames.values())
    systems.ego = ours["ego"].text() if ours.has("ego") and ours["ego"].text() in systems.kinds else systems.ego
    systems.world = ours["world"].text() if ours.has("world") else systems.world
    is_ours = ours.has("tracks")
    ids = [node.get("frame_properties", {}).get("frame_id", str(n)).text() if is_ours else str(n) for n, node in frames.items()]
    document = Document(text, file, problems, notes, ours, frames, ids, times, has_time, systems, {})
    document.source = _kept(document)
    return document


def _unlisted(systems: Systems, frames: Iterable[Node]) -> str | None:
    """A system that only the frames' transforms name."""
    named = {name for node in frames for pair in systems.edges(node) for name in pair}
    return next((name for name in sorted(named - set(systems.kinds))), None)


def transform_name(ego: str, world: str) -> str:
    """How our writer calls the pose of the vehicle."""
    return f"{ego}_to_{world}"


def _kept(document: Document) -> dict[str, Any]:
    """What stands outside of the objects, as far as the scene itself does not tell it."""
    top, systems, numbers = document.top, document.systems, document.text.numbers
    whole = [{"frame_start": numbers[0], "frame_end": numbers[-1]}]
    source = {key: value for key, value in top.mapping().items() if key not in ("frames", "objects") and value not in (None, {}, [], whole)}
    source["metadata"] = {key: value for key, value in top["metadata"].mapping().items() if key not in (OURS, "schema_version")}
    source |= {key: name for key, name in (("ego", systems.ego), ("world", systems.world)) if name is not None}
    frames = {name: left for i, name in enumerate(document.frame_ids) if (left := _left_of_frame(document, i))}
    return {**source, **({"frames": frames} if frames else {})}


def _left_of_frame(document: Document, index: int) -> dict[str, Any]:
    """A frame without its objects, its time, its name, and the pose of the vehicle, where these are written as our writer does."""
    frame = document.frames[document.text.numbers[index]].mapping()
    left = {key: value for key, value in frame.items() if key != "frame_properties"}
    properties = dict(document.properties(index).mapping())
    if document.has_time and properties.get("timestamp") == seconds(int(document.times[index])):
        del properties["timestamp"]
    if document.is_ours:
        properties.pop("frame_id", None)
    ego, world = document.systems.ego, document.systems.world
    if ego is not None and world is not None and isinstance(properties.get("transforms"), dict):
        name = transform_name(ego, world)
        others = {key: value for key, value in properties["transforms"].items() if not (key == name and _is_plain(value, ego, world))}
        properties["transforms"] = others
        if not others:
            del properties["transforms"]
    return {**left, **({"frame_properties": properties} if properties else {})}


def _is_plain(transform: Any, ego: str, world: str) -> bool:
    if not (isinstance(transform, dict) and isinstance(transform.get("transform_src_to_dst"), dict)):
        return False
    said = {key: value for key, value in transform.items() if key != "transform_src_to_dst"}
    return said == {"src": ego, "dst": world} and list(transform["transform_src_to_dst"]) == ["matrix4x4"]
