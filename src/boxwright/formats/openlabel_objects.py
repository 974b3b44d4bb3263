"""The objects of an OpenLABEL file: their cuboids as rows, and all that stands beside these."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import FormatError
from ..limits import FARTHEST_M, limits
from .openlabel_data import Occurrences, check_data, check_item, split_named
from .openlabel_document import Document
from .openlabel_sensors import MOST_RAD
from .openlabel_shapes import Sightings
from .strict_json import Node

__all__ = ["CUBOID_NAME", "Objects", "Row", "Thing"]

CUBOID_NAME = "cuboid"  # as our writer calls it
_EGO_TYPES = {"egocar", "egovehicle", "ego"}
_OUR_FIELDS = ("is_keyframe", "origin", "visibility")
_HINT = "correct the label"


@dataclass(slots=True)
class Row:
    """A cuboid as the file has it, in the coordinate system `system`; its ten numbers are in `Objects.numbers`, from 10 * `at` on.

    source : what boxwright has no name for: "cuboid", fields of it; "object_data", what stands beside it; "object", other fields of the object there
    ours : what our writer says of it
    """

    frame: int
    system: str
    at: int
    attributes: dict[str, Any]
    source: dict[str, Any]
    ours: dict[str, Any]

    @property
    def name(self) -> str:
        fields = self.source.get("cuboid")
        return str(fields.get("name", CUBOID_NAME)) if isinstance(fields, dict) else CUBOID_NAME


@dataclass
class Thing:
    """An object.

    node : as it is declared; is_label, is_seen : whether its cuboids are labels, and its shapes in pictures
    static : data that hold always
    without : frame id -> what the object says in frames in which it has no cuboid
    beside : names of attributes that stand beside its cuboids, not in them
    """

    uid: str
    node: Node
    is_label: bool
    is_seen: bool
    rows: list[Row] = field(default_factory=list)
    static: dict[str, Any] = field(default_factory=dict)
    without: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, None] = field(default_factory=dict)
    seen: Occurrences = field(default_factory=Occurrences)
    is_seen_once: bool = False  # whether shapes in a picture are given for the object, not for a frame

    def category(self) -> str:
        """FormatError where the object's type or its key is blank: a label needs both."""
        if not self.uid.strip():
            raise self.node.wrong("an object under a key that is not empty", repr(self.uid))
        return self.node["type"].word()

    def kept(self) -> dict[str, Any]:
        """The object as it is declared, without cuboids that are labels and without what could not be read."""
        said = self.node.mapping()
        had = isinstance(said.get("object_data"), dict) and "cuboid" not in said["object_data"]
        return {**{key: value for key, value in said.items() if key != "object_data"}, **({"object_data": self.static} if self.static or had else {})}


class Objects:
    """All objects of a document. Their shapes in pictures go into `sightings`.

    numbers : ten for each row: x y z qx qy qz qw sx sy sz, or x y z rx ry rz nan sx sy sz
    """

    def __init__(self, document: Document, sightings: Sightings) -> None:
        self.document, self.systems, self.problems, self.sightings = document, document.systems, document.problems, sightings
        self.numbers = array("d")
        self._last: dict[str, Any] = {}
        self._names = {name: name for name in (*self.systems.kinds, self.systems.world) if name}
        self.things = {uid: self._thing(uid, node) for uid, node in document.top.get("objects", {}).items()}
        limits().check("tracks_per_scene", len(self.things), document.file, "objects")
        for i, (_, frame) in enumerate(document.text.frames()):
            for uid, node in frame.get("objects", {}).items():
                self._add(i, uid, node)
        for thing in self.things.values():
            self._add_static(thing)

    def _thing(self, uid: str, node: Node) -> Thing:
        node.get("name", "").text()
        kind = re.sub("[^a-z]", "", node["type"].text().lower())
        is_ours = self.document.is_ours and self.document.ours["tracks"].has(uid)
        if kind in _EGO_TYPES and not is_ours:
            self.document.notes.append(f"left out: {uid}, the recording vehicle itself")
        return Thing(uid, node, is_ours or (kind not in _EGO_TYPES and kind != "dontcare"), is_ours or kind not in _EGO_TYPES)

    def _add(self, index: int, uid: str, node: Node) -> None:
        """What an object says in one frame."""
        if uid not in self.things:
            error = FormatError("an object that is not declared", got=repr(uid), path=node.path, field=node.field, hint="add it to objects")
            self.problems.keep(error, node.value)
            return
        thing, frame_id = self.things[uid], self.document.frame_ids[index]
        with self.problems.aside(node.value):
            said = {key: value for key, value in node.mapping().items() if key != "object_data"}
            others, rows, cuboids = self._data(thing, node.get("object_data", {}), [index])
            thing.rows += rows
            cuboid = {"cuboid": cuboids} if cuboids else {}
            thing.seen.add(index, {**others, **cuboid})
            left = self.sightings.take(uid, index, _node_of(others, node)) if thing.is_seen else others
            if rows:
                _put_beside(thing, rows[0], left, said)
            elif left or said or cuboid or not others:
                sound = {**left, **cuboid}
                thing.without[frame_id] = {**said, **({"object_data": sound} if sound or "object_data" in node.value else {})}

    def _add_static(self, thing: Thing) -> None:
        """What holds always; a cuboid given so is there in all frames of the object."""
        spans = [(item["frame_start"].whole(), item["frame_end"].whole()) for item in thing.node.get("frame_intervals", [])]
        inside = [i for i, n in enumerate(self.document.text.numbers) if not spans or any(first <= n <= last for first, last in spans)]
        taken = {row.frame for row in thing.rows}
        others, rows, cuboids = self._data(thing, thing.node.get("object_data", {}), [i for i in inside if i not in taken])
        thing.rows += rows
        thing.seen.add(None, {**others, **({"cuboid": cuboids} if cuboids else {})})
        if thing.is_seen:
            n_taken = len(self.sightings.numbers)
            others = self.sightings.take(thing.uid, 0 if len(self.document.text.numbers) == 1 else None, _node_of(others, thing.node))
            thing.is_seen_once = len(self.sightings.numbers) > n_taken
        thing.static = others if thing.is_label else {**others, **({"cuboid": cuboids} if cuboids else {})}

    def _data(self, thing: Thing, data: Node, frames: Sequence[int]) -> tuple[dict[str, Any], list[Row], list[Any]]:
        """(what stands beside cuboids, a row for each cuboid that is a label and each of `frames`, the cuboids) of an `object_data`. What cannot be
        read is kept aside."""
        others = {kind: items for kind, items in data.mapping().items() if kind != "cuboid"}
        rows: list[Row] = []
        cuboids = []
        if others:
            beside = Node(others, data.path, data.field)
            others = {}
            with self.problems.aside(beside.value):
                check_data(beside)
                others = beside.value
        for item in data.get("cuboid", []):
            with self.problems.aside(item.value):
                check_item("cuboid", item)
                if thing.is_label:
                    rows += [self._row(i, item) for i in frames]
                cuboids.append(item.value)
        return others, rows, cuboids

    def _row(self, index: int, node: Node) -> Row:
        at = len(self.numbers) // 10
        numbers = self._checked(node["val"])
        system = self._system(node)
        is_ours = self.document.is_ours
        value = node.mapping()
        attributes, rest = ({}, {}) if "attributes" not in value else split_named(value["attributes"])
        ours = {key: value[key] for key in _OUR_FIELDS if key in value} if is_ours else {}
        known = ("val", "coordinate_system", "attributes", *ours, *(("source_attributes",) if is_ours else ()))
        left = {key: item for key, item in value.items() if key not in known and (key, item) != ("name", CUBOID_NAME)}
        if rest:
            left["attributes"] = rest
        source = {**node.get("source_attributes", {}).mapping()} if is_ours else {}
        if left:
            self._last = source["cuboid"] = left if left != self._last else self._last  # most cuboids say the same: once in memory
        self.numbers.extend(numbers)
        return Row(index, system, at, attributes, source, ours)

    def _checked(self, value: Node) -> list[float]:
        """Ten numbers of a cuboid, as `numbers` keeps them."""
        if value.value is None or len(value) not in (9, 10):
            raise value.wrong("9 or 10 numbers", "null" if value.value is None else str(len(value)), hint=_HINT)
        numbers: list[float] = value.numbers(len(value)).tolist()
        center, turn, size = numbers[:3], numbers[3:-3], numbers[-3:]
        if not max(map(abs, center)) < FARTHEST_M:
            raise value.wrong(f"coordinates under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in center), hint=_HINT)
        if not min(size) > 0:
            raise value.wrong("positive sizes", " ".join(f"{v:g}" for v in size), hint=_HINT)
        if not max(size) < FARTHEST_M:
            raise value.wrong(f"sizes under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in size), hint=_HINT)
        if len(turn) == 4:
            norm = math.hypot(*turn)
            if not abs(norm - 1) <= 1e-6:
                raise value.wrong("a unit quaternion x y z w", f"one of length {norm:.7g}", hint=_HINT)
            return numbers
        if not max(map(abs, turn)) < MOST_RAD:
            raise value.wrong(f"angles under {MOST_RAD:g} rad", " ".join(f"{v:g}" for v in turn), hint=_HINT)
        if sum(angle != 0 for angle in turn) > 1:
            self.document.note_once("cuboids with Euler angles about several axes are turned by Rz Ry Rx: the file does not give the order")
        return [*center, *turn, math.nan, *size]

    def _system(self, node: Node) -> str:
        """The coordinate system of a cuboid; where none is named, the only one there is, or the vehicle's."""
        said, kinds = node.mapping().get("coordinate_system"), self.systems.kinds
        if said is not None:
            name = said if type(said) is str and said in self._names else node["coordinate_system"].text()
            if name not in self._names:
                raise node["coordinate_system"].wrong(f"one of {', '.join(kinds) or 'no coordinate systems'}", repr(name), hint=_HINT)
            return self._names[name]
        if len(kinds) > 1:
            raise node.wrong(f"a coordinate_system, one of {', '.join(kinds)}", "none", hint=_HINT)
        self.document.note_once("cuboids that name no coordinate system are taken to be in the vehicle's")
        return next(iter(kinds), "")


def _node_of(data: dict[str, Any], node: Node) -> Node:
    return Node(data, node.path, f"{node.field}.object_data")


def _put_beside(thing: Thing, row: Row, others: Mapping[str, Any], said: dict[str, Any]) -> None:
    """Gives to the first cuboid of an object in a frame what the object says beside it."""
    named, left = split_named(others, row.attributes)
    row.attributes |= named
    thing.beside |= dict.fromkeys(named)
    if left:
        row.source["object_data"] = left
    if said:
        row.source["object"] = said
