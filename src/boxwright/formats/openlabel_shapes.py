"""Shapes in pictures among the data of OpenLABEL's objects, as the file has them.

    bbox     [x, y, w, h], x y the centre                  Boxes
    rbbox    [x, y, w, h, alpha], from x towards y         RotatedBoxes
    poly2d   x0 y0 x1 y1 ..., closed or not                Polygons, Polylines; with a `hierarchy`, those of one object are rings of one polygon
    point2d  [x, y]                                        Keypoints: an object's points by their names
    binary   of our own writer alone                       Masks

OpenLABEL does not say where in a pixel 0 lies. It is taken as boxwright has it, in the centre of the first pixel: nothing is moved. A shape is of the
camera whose coordinate system it names; all others, and outlines in chain codes, stay what they were: data of their object.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..arrays import Int64s
from ..limits import FARTHEST_PX, limits
from .openlabel_data import split_named
from .openlabel_document import Document
from .strict_json import Node

__all__ = ["ABSOLUTE", "KINDS", "MASK", "NESTED", "OTHERS", "RELATIVE", "TRACK", "WHO_KEEPS", "Seen", "Sightings"]

WHO_KEEPS = "OpenLABEL and boxwright's own format alone keep it"  # wherever the scene is written to, this stays true
KINDS = ("bbox", "rbbox", "poly2d", "point2d", "binary")
TRACK = "image_track"  # the field in which our writer says which track a shape is of
OTHERS = "other_attributes"  # in which our writer puts attributes of no kind that OpenLABEL has
NESTED = "is_hierarchy_made"  # marks a hierarchy that only our writer told, of what lies in what
MASK = ("coco_rle", "mask")  # encoding and data_type of our writer's masks
ABSOLUTE, RELATIVE = "MODE_POLY2D_ABSOLUTE", "MODE_POLY2D_RELATIVE"
_OUR_FIELDS = (TRACK, "is_keyframe", "origin", "visibility", "keyframe", OTHERS, NESTED)
_HINT = "correct the label"


@dataclass(slots=True)
class Seen:
    """A shape in one frame; its numbers are in `Sightings.numbers`, from `at` on.

    counts : of numbers, ring by ring; mask : (text, width, height), or None
    source : what boxwright has no name for: "shape", fields of it, and for a polygon of several rings "rings", fields of the others
    ours : what our writer says of it
    """

    frame: int
    name: str
    at: int
    counts: tuple[int, ...]
    mask: tuple[str, int, int] | None
    attributes: dict[str, Any]
    source: dict[str, Any]
    ours: dict[str, Any]


class Sightings:
    """The shapes of a document's objects in the pictures of its cameras.

    exposures : the cameras, each with the (F,) times of its pictures
    of : uid -> (camera, kind of shape, and the track where our writer names one) -> in the order of frames
    n_left, n_always : how many others there are, and how many of them hold without a frame; left_systems : what they lie in
    codes : modes of outlines that are not read, with how many have them
    """

    def __init__(self, document: Document, exposures: Mapping[str, Int64s]) -> None:
        self.document, self.exposures = document, exposures
        self.numbers = array("d")
        self.of: dict[str, dict[tuple[str, str, str], list[Seen]]] = {}
        self.n_left = self.n_always = 0
        self.left_systems, self.codes = dict[str, None](), dict[str, int]()
        self._names = {name: name for name in exposures}
        self._last: dict[str, Any] = {}
        self._nothing: dict[str, Any] = {}

    def take(self, uid: str, frame: int | None, data: Node) -> dict[str, Any]:
        """What is left of an `object_data`, once the shapes in a frame's pictures are taken from it; nothing is taken where the frame is None."""
        left: dict[str, Any] = {}
        for kind, items in data.mapping().items():
            if kind not in KINDS:
                left[kind] = items
                continue
            rest = [item.value for item in data[kind] if not self._taken(uid, frame, kind, item)]
            if rest or not items:
                left[kind] = rest
        return left

    def notes(self) -> list[str]:
        """What was left, in sentences."""
        n_coded = sum(self.codes.values())
        counts = {
            f"in the picture of no camera that the scene has ({', '.join(self.left_systems)})": self.n_left - n_coded - self.n_always,
            f"in a code that is not read ({', '.join(self.codes)})": n_coded,
            "given for an object and no frame": self.n_always,
        }
        return [f"{n} 2-D shape{' is' if n == 1 else 's are'} {what}: not read, and {WHO_KEEPS}" for what, n in counts.items() if n]

    def _taken(self, uid: str, frame: int | None, kind: str, node: Node) -> bool:
        value = node.mapping()
        system = value.get("coordinate_system")
        if kind == "binary" and TRACK not in value:
            return False
        camera = self._names.get(system) if isinstance(system, str) else None
        mode = value.get("mode", ABSOLUTE) if kind == "poly2d" else ABSOLUTE
        if mode not in (ABSOLUTE, RELATIVE):
            self.codes[str(mode)[:40]] = self.codes.get(str(mode)[:40], 0) + 1
        elif camera is None:
            self.left_systems[str(system)[:40] if system else "none named"] = None
        elif frame is None:
            self.n_always += 1
        if frame is None or camera is None or mode not in (ABSOLUTE, RELATIVE):
            self.n_left += 1
            return False
        with self.document.problems.aside(value):
            self._put(uid, frame, camera, kind, node, value)
        return True

    def _put(self, uid: str, frame: int, camera: str, kind: str, node: Node, value: Mapping[str, Any]) -> None:
        shape, values, mask = _SHAPE_OF[kind](node)
        is_ours = self.document.is_ours
        attributes, rest = ({}, {}) if "attributes" not in value else split_named(value["attributes"])
        ours = {key: value[key] for key in _OUR_FIELDS if key in value} if is_ours else self._nothing
        if OTHERS in ours:
            attributes = {**attributes, **node[OTHERS].mapping()}
        track = node[TRACK].text() if TRACK in ours else ""
        left = {key: item for key, item in value.items() if key not in _KNOWN[kind] and key not in ours}
        source = dict(node.get("source_attributes", {}).mapping()) if is_ours else {}
        if is_ours:
            left.pop("source_attributes", None)
        if NESTED in ours:
            left.pop("hierarchy", None)
        if track:
            left = {key: item for key, item in left.items() if (key, item) != ("name", track)}
        if value.get("mode") == RELATIVE:
            left["mode"] = RELATIVE
        if rest:
            left["attributes"] = rest
        rows = self.of.setdefault(uid, {}).setdefault((camera, shape, track), [])
        if shape == "polygon" and rows and rows[-1].frame == frame and "hierarchy" in value and (track or _has_hierarchy(rows[-1])):
            said = {"attributes": value["attributes"]} if value.get("attributes") else {}
            rows.append(self._with_ring(rows.pop(), values, {**left, **said}))
            return
        if left:
            self._last = source["shape"] = left if left != self._last else self._last  # most say the same: once in memory
        at = len(self.numbers)
        self.numbers.extend(values)
        counts = _FEW[len(values)] if len(values) < len(_FEW) else (len(values),)
        rows.append(Seen(frame, value.get("name", ""), at, counts, mask, attributes or self._nothing, source or self._nothing, ours))

    def _with_ring(self, whole: Seen, values: list[float], left: dict[str, Any]) -> Seen:
        """A polygon with one more ring, all of them end to end in `numbers`."""
        end = whole.at + sum(whole.counts)
        at = whole.at if end == len(self.numbers) else len(self.numbers)
        if at != whole.at:
            self.numbers.extend(self.numbers[whole.at : end])
        self.numbers.extend(values)
        rings = [*whole.source.get("rings", [{}] * (len(whole.counts) - 1)), left]
        source = {**whole.source, "rings": rings} if any(rings) else whole.source
        return dataclasses.replace(whole, at=at, counts=(*whole.counts, len(values)), source=source)


def _has_hierarchy(seen: Seen) -> bool:
    return "hierarchy" in seen.source.get("shape", {})


_FEW = [(n,) for n in range(17)]
_SAID = ("val", "coordinate_system", "attributes")
_KNOWN = {
    "bbox": _SAID,
    "rbbox": _SAID,
    "poly2d": (*_SAID, "mode", "closed"),
    "point2d": _SAID,
    "binary": (*_SAID, "encoding", "data_type", "width_px", "height_px"),
}
Parsed = tuple[str, list[float], tuple[str, int, int] | None]


def _checked(node: Node, *counts: int) -> list[float]:
    """Pixels, so many of them, or an even number from 2 on."""
    value = node["val"]
    if len(value) not in counts if counts else len(value) < 2 or len(value) % 2:
        raise value.wrong(f"{counts[0]} numbers" if counts else "pairs of numbers", str(len(value)), hint=_HINT)
    numbers: list[float] = value.numbers(len(value)).tolist()
    if not max(map(abs, numbers)) < FARTHEST_PX:
        raise value.wrong(f"numbers under {FARTHEST_PX:g} px", f"{max(numbers, key=abs):g}", hint=_HINT)
    return numbers


def _box(node: Node) -> Parsed:
    x, y, w, h = _checked(node, 4)
    if w < 0 or h < 0:
        raise node["val"].wrong("a width and a height from 0", f"{w:g} {h:g}", hint=_HINT)
    return "box", [x - w / 2, y - h / 2, x + w / 2, y + h / 2], None


def _rotated(node: Node) -> Parsed:
    numbers = _checked(node, 5)
    if numbers[2] < 0 or numbers[3] < 0:
        raise node["val"].wrong("a width and a height from 0", f"{numbers[2]:g} {numbers[3]:g}", hint=_HINT)
    if not abs(numbers[4]) < 1000.0:
        raise node["val"].wrong("an angle under 1000 rad", f"{numbers[4]:g}", hint=_HINT)
    return "rotated_box", numbers, None


def _poly(node: Node) -> Parsed:
    numbers = _checked(node)
    if node.get("mode", ABSOLUTE).value == RELATIVE:
        numbers[2:] = [value + numbers[i % 2] for i, value in enumerate(numbers[2:])]
    return "polygon" if node["closed"].flag() else "polyline", numbers, None


def _point(node: Node) -> Parsed:
    return "keypoints", _checked(node, 2), None


def _mask(node: Node) -> Parsed:
    if (node["encoding"].value, node["data_type"].value) != MASK:
        raise node["encoding"].wrong(f"{MASK[0]!r} of a {MASK[1]!r}")
    width, height = node["width_px"].whole(), node["height_px"].whole()
    if width < 1 or height < 1:
        raise node["width_px"].wrong("a picture of one pixel at least")
    limits().check("image_px", width * height, node.path, node.field)
    return "mask", [], (node["val"].sentence(), width, height)


_SHAPE_OF = {"bbox": _box, "rbbox": _rotated, "poly2d": _poly, "point2d": _point, "binary": _mask}
