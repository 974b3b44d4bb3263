"""The shapes of COCO's annotations; coco.py draws the layout.

Boxes and rings count from the picture's corner, so that (0, 0) is (-0.5, -0.5) here; keypoints are the pixels themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, UInt8s
from ..errors import ArgumentError, FormatError
from ..keyframes import Visibility
from ..limits import FARTHEST_PX
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, RotatedBoxes, Shapes, Skeleton
from .camera_labels import EDGE_PX
from .strict_json import Node

__all__ = ["NEAR_PX", "ROTATED", "Skeletons", "kind_of", "overlap", "shape_of", "shapes_together"]

ROTATED = "rotated_box"  # among `attributes`: middle, size and degrees of the box whose corners `segmentation` tells
NEAR_PX = 1.0  # how far a box may be off the shape it is said to surround: files have few digits, and some count pixels otherwise
_MOST_MASK_PX = 1 << 23  # of pictures in which parts that overlap are made one mask
_MOST_DRAWN_PX = 1 << 25  # of all of them together
_MOST_COMPARED = 1000  # parts, each with each
_CODES = {0: Visibility.OUTSIDE, 1: Visibility.OCCLUDED, 2: Visibility.VISIBLE}
_NUMBERS = {visibility: number for number, visibility in _CODES.items()}
_HINT = "correct the label or export it again"
Kind = tuple[Any, ...]  # "box", ...; of keypoints and masks also what shapes of one track share


class Skeletons:
    """The keypoints of a category, where it has any."""

    def __init__(self, category: Node) -> None:
        self.names: tuple[str, ...] = tuple(node.word() for node in category.get("keypoints", []))
        edges = []
        for edge in category.get("skeleton", []):
            pair = [node.whole() - 1 for node in edge]
            if len(pair) != 2 or not all(0 <= p < len(self.names) for p in pair):
                raise edge.wrong(f"two numbers from 1 to {len(self.names)}", str(edge.value)[:40], _HINT)
            edges.append((pair[0], pair[1]))
        if len(set(self.names)) != len(self.names):
            raise category["keypoints"].wrong("names that differ", str(self.names)[:80], _HINT)
        self.edges = tuple(edges)

    def of(self, n_points: int) -> Skeleton | None:
        return Skeleton(self.names, self.edges) if len(self.names) == n_points else None


def kind_of(kind: Kind) -> str:
    return str(kind[0])


def shape_of(node: Node, attributes: dict[str, Any], skeletons: Skeletons, size_px: tuple[int, int]) -> tuple[Kind, Any, dict[str, Any]]:
    """(kind, what `shapes_together` takes, fields that the shape does not tell and that are kept).

    attributes : those that tell of the shape are taken out
    """
    kept = {name: node.value[name] for name in ("bbox", "area") if node.has(name)}
    rotated = attributes.pop(ROTATED, None)
    if node.has("keypoints"):
        kind, (uv, codes) = _keypoints(node["keypoints"], skeletons)
        if (codes != Visibility.OUTSIDE).any():
            kept |= {"segmentation": node.value["segmentation"]} if node.value.get("segmentation") else {}
            kept |= _own_points(node, uv, codes)
            return kind, (uv, codes), kept
        kept |= {"keypoints": node.value["keypoints"]}
    told = node.get("segmentation", [])
    if isinstance(told.value, dict):
        return ("mask", *size_px), _mask(told, size_px), kept
    if len(told):
        rings = [_ring(ring) for ring in told]
        if rotated is not None:
            return ("rotated_box",), _rotated(Node(rotated, node.path, f"{node.field}.attributes.{ROTATED}")), kept
        if overlap(rings):
            return ("mask", *size_px), _union(told, rings, size_px), kept
        return ("polygon",), rings, kept
    kept.pop("bbox", None)
    box = node["bbox"].numbers(4)
    if not np.abs(box).max() < FARTHEST_PX or box[2] < 0 or box[3] < 0:
        raise node["bbox"].wrong(f"left, top, a width and a height from 0, all under {FARTHEST_PX:g} px", str(box.tolist())[:60], _HINT)
    return ("box",), box, {name: value for name, value in kept.items() if not _is_area(value, box)}


def _is_area(value: Any, box: Float64s) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value - box[2] * box[3]) <= 1e-9 * max(abs(value), 1)


def _keypoints(node: Node, skeletons: Skeletons) -> tuple[Kind, tuple[Float64s, UInt8s]]:
    if len(node) % 3 or not len(node):
        raise node.wrong("three numbers for each point", str(len(node)), _HINT)
    values = node.numbers(len(node)).reshape(-1, 3)
    if not np.abs(values).max() < FARTHEST_PX:
        raise node.wrong(f"numbers under {FARTHEST_PX:g} px", f"{np.abs(values).max():g}", _HINT)
    if not np.isin(values[:, 2], list(_CODES)).all():
        raise node.wrong("0, 1 or 2 as every third number", str(values[:, 2].tolist())[:60], _HINT)
    skeleton = skeletons.of(len(values))
    codes = np.array([_CODES[int(code)] for code in values[:, 2]], np.uint8)
    uv = np.where((codes == Visibility.OUTSIDE)[:, None], np.nan, values[:, :2])
    return ("keypoints", len(values), skeleton), (uv, codes)


def _own_points(node: Node, uv: Float64s, codes: UInt8s) -> dict[str, Any]:
    """The keypoints as the file told them, where `bbox` is another box than theirs: as long as they stay, so does the box."""
    if not node.has("bbox"):
        return {}
    left, top, width, height = node["bbox"].numbers(4).tolist()
    around = [*np.nanmin(uv, axis=0) + EDGE_PX, *np.nanmax(uv, axis=0) + EDGE_PX]
    if np.abs(np.subtract(around, [left, top, left + width, top + height])).max() <= NEAR_PX:
        return {}
    told = np.c_[np.nan_to_num(uv), [_NUMBERS[Visibility(code)] for code in codes.tolist()]]
    return {"keypoints": told.ravel().tolist()}


def _ring(node: Node) -> Float64s:
    if len(node) < 6 or len(node) % 2:
        raise node.wrong("at least three pairs of numbers", str(len(node)), _HINT)
    uv = node.numbers(len(node)).reshape(-1, 2)
    if not np.abs(uv).max() < FARTHEST_PX:
        raise node.wrong(f"numbers under {FARTHEST_PX:g} px", f"{np.abs(uv).max():g}", _HINT)
    return uv - EDGE_PX


def _rotated(node: Node) -> Float64s:
    values = node.numbers(5)
    if not np.abs(values).max() < FARTHEST_PX or values[2] < 0 or values[3] < 0:
        raise node.wrong("middle, size and degrees of a box", str(values.tolist())[:60], _HINT)
    return values


def _mask(node: Node, size_px: tuple[int, int]) -> Masks:
    width, height = size_px
    said = [one.whole() for one in node["size"]]
    if said != [height, width]:
        raise node["size"].wrong(f"[{height}, {width}], height and width of the picture", str(said)[:40], _HINT)
    counts = node["counts"]
    try:
        if isinstance(counts.value, str):
            return Masks.from_coco([counts.value], width, height)
        return Masks([[one.whole() for one in counts]], width, height)
    except ArgumentError as error:
        raise FormatError(error.what, expected=error.expected, got=error.got, path=node.path, field=counts.field, hint=_HINT) from None


# ------------------------------------------------------------ parts


def overlap(rings: Sequence[Float64s]) -> bool:
    """Whether rings that are parts cover something twice: by boxwright's rule that is a hole. Pixels tell, where they are not too many."""
    if len(rings) < 2:
        return False
    low = np.array([ring.min(axis=0) for ring in rings])
    high = np.array([ring.max(axis=0) for ring in rings])
    if len(rings) <= _MOST_COMPARED:
        meet: Bools = np.asarray(((low[:, None] < high[None]) & (low[None] < high[:, None])).all(axis=2))
        np.fill_diagonal(meet, val=False)
        if not meet.any():
            return False
    origin = np.floor(low.min(axis=0)) - 1
    size = np.ceil(high.max(axis=0)) - origin + 2
    if size.prod() > _MOST_MASK_PX or (high - low).prod(axis=1).sum() > _MOST_DRAWN_PX:
        return True
    width, height = size.astype(int).tolist()
    moved = [ring - origin for ring in rings]
    return bool((_drawn(moved, width, height) != Masks.from_polygons(Polygons([moved]), width, height).to_arrays()[0]).any())


def _drawn(rings: Sequence[Float64s], width: int, height: int) -> Bools:
    """(H, W) the pixels of any of the rings, each drawn in its own part of the picture."""
    pixels = np.zeros((height, width), bool)
    for ring in rings:
        left, top = np.clip(np.floor(ring.min(axis=0)), 0, (width - 1, height - 1)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(ring.max(axis=0)) + 1, 1, (width, height)).astype(int).tolist()
        own = Masks.from_polygons(Polygons([ring - (left, top)]), max(right - left, 1), max(bottom - top, 1)).to_arrays()[0]
        pixels[top:bottom, left:right] |= own[: bottom - top, : right - left]
    return pixels


def _union(node: Node, rings: Sequence[Float64s], size_px: tuple[int, int]) -> Masks:
    width, height = size_px
    covered = sum(float(np.prod(np.minimum(np.ptp(ring, axis=0), size_px))) for ring in rings)
    if width * height > _MOST_MASK_PX or covered > _MOST_DRAWN_PX:
        expected = f"parts that do not overlap, in pictures or of parts of more than {_MOST_MASK_PX:,} pixels"
        raise node.wrong(expected, "some that do", _HINT)
    return Masks.from_arrays(_drawn(rings, width, height)[None])


def shapes_together(kind: Kind, shapes: Sequence[Any]) -> Shapes:
    """The shapes of one track."""
    if kind[0] == "box":
        return Boxes.from_xywh(np.array(shapes) - (EDGE_PX, EDGE_PX, 0, 0))
    if kind[0] == "rotated_box":
        values = np.array(shapes)
        return RotatedBoxes(values[:, :2] - EDGE_PX, values[:, 2:4], np.deg2rad(values[:, 4]))
    if kind[0] == "polygon":
        return Polygons([list(rings) for rings in shapes])
    if kind[0] == "mask":
        return Masks.concatenate(shapes)
    return Keypoints(np.array([uv for uv, _ in shapes]), np.array([codes for _, codes in shapes]), kind[2])
