"""The data of OpenLABEL's objects: attributes by kind, and shapes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..errors import BoxwrightError
from .strict_json import Node

__all__ = [
    "ATTRIBUTE_KINDS",
    "DATA_KINDS",
    "Occurrences",
    "attribute_kind",
    "check_data",
    "check_item",
    "covers",
    "intervals_of",
    "is_data",
    "is_sound",
    "joined",
    "split_named",
]

ATTRIBUTE_KINDS = ("boolean", "num", "text", "vec")
_SHAPES = (
    "cuboid",
    "bbox",
    "rbbox",
    "poly2d",
    "poly3d",
    "point2d",
    "point3d",
    "line_reference",
    "area_reference",
    "mesh",
    "mat",
    "image",
    "binary",
)
DATA_KINDS = ATTRIBUTE_KINDS + _SHAPES
_SHORT = 256  # characters of a name that is never too long
_VALUES = {"boolean": "true or false", "num": "a number", "text": "a text", "vec": "a list of numbers and texts"}


def attribute_kind(value: Any) -> str | None:
    """The kind that OpenLABEL has for a value, or None."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "num"
    if isinstance(value, str):
        return "text"
    is_list = isinstance(value, (list, tuple)) and all(isinstance(item, (int, float, str)) and not isinstance(item, bool) for item in value)
    return "vec" if is_list else None


def check_data(data: Node, kinds: Collection[str] = DATA_KINDS) -> None:
    """FormatError unless `data` holds lists of objects under OpenLABEL's kinds, and each attribute among them a value of its kind."""
    for kind, items in data.mapping().items():
        if kind not in kinds:
            raise data.wrong(f"kinds of data: {', '.join(kinds)}", repr(kind[:40]))
        if type(items) is not list or not all(_is_sound(kind, item) for item in items):
            for item in data[kind]:
                check_item(kind, item)


def _is_sound(kind: str, item: Any) -> bool:
    """Whether an item is plainly one that `check_item` lets pass: most are, and it is asked of millions."""
    if type(item) is not dict or type(name := item.get("name", "")) is not str:
        return False
    if "attributes" in item and (len(name) > _SHORT or not _are_sound(item["attributes"])):
        return False
    return kind not in _VALUES or _has_value(kind, item)


def _are_sound(attributes: Any) -> bool:
    if type(attributes) is not dict or not all(kind in ATTRIBUTE_KINDS for kind in attributes):
        return False
    return all(type(items) is list and all(_is_sound(kind, item) for item in items) for kind, items in attributes.items())


def _has_value(kind: str, item: Mapping[str, Any]) -> bool:
    return "val" in item and attribute_kind(item["val"]) == kind


def check_item(kind: str, node: Node) -> None:
    """As `check_data`, for one shape or attribute."""
    item = node.mapping()
    if _is_sound(kind, item) and len(item.get("name", "")) <= _SHORT:
        return
    if "name" in item:
        node["name"].text()
    if kind in _VALUES and not _has_value(kind, item):
        raise node["val"].wrong(_VALUES[kind])
    if "attributes" in item:
        check_data(node["attributes"], ATTRIBUTE_KINDS)


def split_named(data: Mapping[str, Any], taken: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """(name -> value of the attributes in an `attributes` or `object_data`, what is left of it).

    An attribute that says more than its name and value is left, and so is one whose name comes twice or is `taken`.
    """
    found: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for kind, items in data.items():
        rest = items
        if kind in ATTRIBUTE_KINDS:
            rest = []
            for item in items:
                if len(item) == 2 and "name" in item and "val" in item and item["name"] not in found and item["name"] not in taken:
                    found[item["name"]] = item["val"]
                else:
                    rest.append(item)
        if rest or not items:
            left[kind] = rest
    return found, left


def is_data(data: Any) -> bool:
    """Whether a value is an `object_data` that a reader takes."""
    try:
        check_data(Node(data, ""))
    except BoxwrightError:
        return False
    return True


def is_sound(fields: Any) -> bool:
    """Whether a value can be the fields of a cuboid."""
    return isinstance(fields, Mapping) and is_data({"cuboid": [dict(fields)]})


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two sets of data, kind by kind."""
    both = {kind: [*items] for kind, items in first.items()}
    for kind, items in second.items():
        both[kind] = [*both.get(kind, ()), *items]
    return both


# ------------------------------------------------------------ in which frames

Spans = list[list[int]]  # [first, last] of the runs of neighbouring frames


def intervals_of(spans: Spans, numbers: Sequence[int]) -> list[dict[str, int]]:
    """`frame_intervals` of spans of frame indices; `numbers` are the frames' numbers."""
    return [{"frame_start": numbers[first], "frame_end": numbers[last]} for first, last in spans]


def covers(kept: Any, intervals: Sequence[Mapping[str, int]], numbers: Sequence[int]) -> bool:
    """Whether `kept` frame_intervals of a file still hold: they reach over `intervals`, and not beyond the frames there are."""
    try:
        spans = [(int(item["frame_start"]), int(item["frame_end"])) for item in kept]
    except (TypeError, KeyError, ValueError):
        return False
    told = {number for number in numbers if any(first <= number <= last for first, last in spans)}
    needed = (number for number in numbers for item in intervals if item["frame_start"] <= number <= item["frame_end"])
    return all(numbers[0] <= first <= last <= numbers[-1] for first, last in spans) and all(number in told for number in needed)


class Occurrences:
    """In which frames an object comes, and each of its data by name: what its `frame_intervals` and `object_data_pointers` have to say."""

    def __init__(self) -> None:
        self.spans: Spans = []
        self._data: dict[str, tuple[str, Spans, dict[str, str]]] = {}

    def add(self, index: int | None, data: Mapping[str, Any]) -> None:
        """`data` of the frame with this index, or for None what holds always; frames come in order."""
        if index is not None:
            _extend(self.spans, index)
        for kind, items in data.items():
            for item in items:
                name = item.get("name")
                if not isinstance(name, str):
                    continue
                known = self._data.get(name)
                if known is None:
                    known = self._data[name] = (kind, [], {})
                if index is not None:
                    _extend(known[1], index)
                for key, ones in item["attributes"].items() if "attributes" in item else ():
                    for one in ones:
                        if "name" in one:
                            known[2][one["name"]] = key

    def pointers(self, numbers: Sequence[int]) -> dict[str, dict[str, Any]]:
        return {
            name: {"type": kind, "frame_intervals": intervals_of(spans, numbers), **({"attribute_pointers": attributes} if attributes else {})}
            for name, (kind, spans, attributes) in self._data.items()
        }


def _extend(spans: Spans, index: int) -> None:
    last = spans[-1] if spans else None
    if last is None or index > last[1] + 1:
        spans.append([index, index])
    elif index > last[1]:
        last[1] = index
