"""The shapes of CVAT's elements, and back.

    box         xtl ytl xbr ybr, rotation in degrees, clockwise as one looks, about the middle of the unturned box
    ellipse     cx cy rx ry rotation: kept as the rotated box around it
    polygon, polyline, points                  points="x,y;x,y;..."
    mask        rle left top width height      runs of the pixels in that rectangle, row by row, first outside
    skeleton    children points, each with a label and a point

CVAT counts pixels from the picture's corner, boxwright from the centre of the first pixel: half a pixel less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import FormatError, number_of
from ..keyframes import Visibility
from ..limits import FARTHEST_PX
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes, Skeleton

__all__ = ["ELEMENTS", "NUMBERS", "element_of", "number_text", "point_names", "read_number", "shape_lines", "shapes_of"]

HALF_PX = 0.5
NUMBERS = {"box": ("xtl", "ytl", "xbr", "ybr"), "ellipse": ("cx", "cy", "rx", "ry"), "mask": ("left", "top", "width", "height")}
ELEMENTS = {
    **{name: (*numbers, "rotation") for name, numbers in NUMBERS.items() if name != "mask"},
    "mask": (*NUMBERS["mask"], "rle"),
    **dict.fromkeys(("polygon", "polyline", "points"), ("points",)),
    "skeleton": (),
}
_HINT = "correct the file or export it again"
Row = Mapping[str, Any]


def read_number(row: Row, name: str, usual: float | None = None) -> float:
    text = row.get(name)
    if text is None and usual is not None:
        return usual
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        value = math.nan
    if not abs(value) < FARTHEST_PX:
        got = "nothing" if text is None else repr(text[:40])
        raise FormatError(expected=f"a number of pixels or degrees under {FARTHEST_PX:g}", got=got, field=name, hint=_HINT)
    return value


def number_text(value: float) -> str:
    """At least two decimals, as CVAT writes them, and no more than it takes to tell 1e-9 apart."""
    rounded = round(value, 9)
    return f"{rounded:.2f}" if rounded == round(rounded, 2) else f"{rounded!r}"


def _places(row: Row) -> list[list[float]]:
    pairs = []
    for pair in row.get("points", "").split(";"):
        u, _, v = pair.partition(",")
        pairs.append([read_number({"points": u}, "points") - HALF_PX, read_number({"points": v}, "points") - HALF_PX])
    return pairs


def _turned(row: Row) -> float:
    return read_number(row, "rotation", 0.0)


def _box(row: Row) -> list[float]:
    left, top, right, bottom = (read_number(row, name) for name in NUMBERS["box"])
    if left > right or top > bottom:
        got = f"{left:g} {top:g} {right:g} {bottom:g}"
        raise FormatError(expected="xtl <= xbr and ytl <= ybr", got=got, field="xtl ytl xbr ybr", hint=_HINT)
    return [value - HALF_PX for value in (left, top, right, bottom)]


def _ellipse(row: Row) -> list[float]:
    """The box around it, unturned."""
    u, v, rx, ry = (read_number(row, name) for name in NUMBERS["ellipse"])
    if rx < 0 or ry < 0:
        raise FormatError(expected="radii from 0", got=f"{rx:g} {ry:g}", field="rx ry", hint=_HINT)
    return [value - HALF_PX for value in (u - rx, v - ry, u + rx, v + ry)]


def _mask(size_px: tuple[int, int]) -> Callable[[Row], list[int]]:
    width, height = size_px

    def runs(row: Row) -> list[int]:
        left, top, w, h = (int(read_number(row, name)) for name in NUMBERS["mask"])
        if w < 1 or h < 1 or left < 0 or top < 0 or left + w > width or top + h > height:
            expected, got = f"a rectangle within {width} x {height} pixels", f"{w} x {h} at ({left}, {top})"
            raise FormatError(expected=expected, got=got, field="left top width height", hint=_HINT)
        words = [word.strip() for word in row.get("rle", "").split(",")]
        if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words) or sum(map(int, words)) != w * h:
            raise FormatError(expected=f"lengths of runs that add up to {w} x {h} pixels", got=repr(row.get("rle", ""))[:60], field="rle", hint=_HINT)
        lengths = np.array([int(word) for word in words])
        inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(h, w)
        columns, rows = np.nonzero(inside.T)
        return _runs_of((columns + left) * height + rows + top, width * height)

    return runs


def _runs_of(places: Int64s, n: int) -> list[int]:
    """Counts, first outside, of n pixels of which those at `places`, which increase, are inside."""
    if not len(places):
        return [n]
    breaks = np.flatnonzero(np.diff(places) != 1)
    starts, ends = places[np.r_[0, breaks + 1]], places[np.r_[breaks, len(places) - 1]] + 1
    edges = np.r_[0, np.stack([starts, ends], axis=1).ravel(), [n] * int(ends[-1] < n)]
    counts: list[int] = np.diff(edges).astype(np.int64).tolist()
    return counts


def _joints(rows: Sequence[Row]) -> Keypoints:
    names: list[str] = [part["label"] for part in rows[0]["parts"]]
    uv, codes = np.full((len(rows), len(names), 2), np.nan), np.full((len(rows), len(names)), int(Visibility.OUTSIDE), np.uint8)
    for k, row in enumerate(rows):
        for part in row["parts"]:
            p = names.index(part["label"])
            uv[k, p] = _one_place(part)
            codes[k, p] = visibility_of(part)
    return Keypoints(uv, codes, Skeleton(tuple(names)))


def _one_place(row: Row) -> list[float]:
    places = _places(row)
    if len(places) != 1:
        raise FormatError(expected="one point of a skeleton", got=f"{len(places)}", field="points", hint=_HINT)
    return places[0]


def visibility_of(row: Row) -> int:
    flags = {name: row.get(name, "0") for name in ("outside", "occluded")}
    for name, text in flags.items():
        if text not in ("0", "1"):
            raise FormatError(expected="0 or 1", got=repr(text[:40]), field=name, hint=_HINT)
    return int(Visibility.OUTSIDE if flags["outside"] == "1" else Visibility.OCCLUDED if flags["occluded"] == "1" else Visibility.VISIBLE)


def check_shape(kind: str, row: Row, first: Row, size_px: tuple[int, int]) -> None:
    """FormatError where an element is no shape, or none that goes with the first of its track."""
    if kind == "mask":
        _mask(size_px)(row)
    elif kind == "box":
        _box(row), _turned(row)
    elif kind == "ellipse":
        _ellipse(row), _turned(row)
    elif kind == "skeleton":
        names = [part.get("label", "") for part in row["parts"]]
        known = [part.get("label", "") for part in first["parts"]]
        if not all(names) or not names or len(set(names)) != len(names) or not set(names) <= set(known):
            expected = f"points with the labels {', '.join(filter(None, known))[:60] or 'of their own'}, each once"
            got = ", ".join(name or "one without a label" for name in names)[:60] or "none"
            raise FormatError(expected=expected, got=got, field="skeleton", hint=_HINT)
        for part in row["parts"]:
            _one_place(part), visibility_of(part)
    else:
        n = len(_places(row))
        if kind == "points" and n != len(_places(first)):
            raise FormatError(
                expected=f"{number_of(len(_places(first)), 'point')}, as in the track's first keyframe", got=str(n), field="points", hint=_HINT
            )


def shapes_of(kind: str, rows: Sequence[Row], size_px: tuple[int, int]) -> Shapes:
    """Shapes of elements that `check_shape` took, at least one."""
    if kind == "polygon":
        return Polygons([np.array(_places(row)) for row in rows])
    if kind == "polyline":
        return Polylines([np.array(_places(row)) for row in rows])
    if kind == "points":
        return Keypoints([_places(row) for row in rows])
    if kind == "skeleton":
        return _joints(rows)
    if kind == "mask":
        return Masks([_mask(size_px)(row) for row in rows], *size_px)
    xyxy = np.array([(_box if kind == "box" else _ellipse)(row) for row in rows])
    degrees = np.array([_turned(row) for row in rows])
    if kind == "box" and not degrees.any() and not any("rotation" in row for row in rows):
        return Boxes(xyxy)
    return RotatedBoxes((xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2], np.deg2rad(degrees))


# ------------------------------------------------------------ and back


def element_of(shapes: Shapes, is_ellipse: bool) -> str:
    """The element that such shapes become."""
    if isinstance(shapes, Keypoints):
        return "points" if point_names(shapes) is None else "skeleton"
    return "ellipse" if is_ellipse and isinstance(shapes, RotatedBoxes) else {"rotated_box": "box"}.get(shapes.KIND, shapes.KIND)


def point_names(shapes: Keypoints) -> Sequence[str] | None:
    """The labels of a skeleton's points; None where points need none. Only a skeleton can say that a point is hidden or not there."""
    if shapes.skeleton is not None:
        return shapes.skeleton.points
    return [str(p) for p in range(shapes.n_points)] if (shapes.visibility != Visibility.VISIBLE).any() else None


def shape_lines(shapes: Shapes, k: int, element: str, size_px: tuple[int, int]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """What the element of shape k says of it, and the points of a skeleton. A polygon has one ring in CVAT: the largest.

    size_px : (width, height) of the picture, at whose right and bottom edge masks are cut off
    """
    if isinstance(shapes, Boxes):
        return dict(zip(NUMBERS["box"], map(number_text, (shapes.xyxy[k] + HALF_PX).tolist()))), []
    if isinstance(shapes, RotatedBoxes):
        middle, half = shapes.center_uv[k] + HALF_PX, shapes.size_px[k] / 2
        numbers = np.r_[middle, half] if element == "ellipse" else np.r_[middle - half, middle + half]
        degrees = math.degrees(float(shapes.rotation_rad[k])) % 360
        said = dict(zip(NUMBERS[element], map(number_text, numbers.tolist())))
        is_told = round(degrees, 9) % 360 or not (k or shapes.rotation_rad.any())  # of boxes that do not turn the first says that they could
        return {**said, "rotation": number_text(degrees)} if is_told else said, []
    if isinstance(shapes, Polygons):
        rings = shapes.rings(k)
        return {"points": _points_text(rings[int(Polygons(rings).area_px2.argmax())])}, []
    if isinstance(shapes, Polylines):
        return {"points": _points_text(shapes.points(k))}, []
    if isinstance(shapes, Keypoints):
        names = point_names(shapes) if element == "skeleton" else None
        if names is None:
            return {"points": _points_text(shapes.uv[k])}, []
        return {}, [_joint(name, uv, code) for name, uv, code in zip(names, shapes.uv[k], shapes.visibility[k].tolist())]
    if isinstance(shapes, Masks):
        return _rectangle(shapes, k, *size_px), []
    raise TypeError(f"no element for {type(shapes).__name__}")


def _points_text(uv: Any) -> str:
    return ";".join(f"{number_text(u)},{number_text(v)}" for u, v in (uv + HALF_PX).tolist())


def _joint(name: str, uv: Any, code: int) -> dict[str, str]:
    flags = {"outside": str(int(code == Visibility.OUTSIDE)), "occluded": str(int(code == Visibility.OCCLUDED))}
    return {"label": name, **flags, "points": _points_text(np.nan_to_num(uv)[None])}


def _rectangle(masks: Masks, k: int, width_px: int, height_px: int) -> dict[str, str]:
    """A mask without pixels is one pixel that is outside."""
    pixels = masks[k].to_arrays()[0, :height_px, :width_px]
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 1)
    left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 1)
    inside = pixels[top:bottom, left:right].ravel()
    runs = _runs_of(np.flatnonzero(inside), inside.size)
    return {"rle": ", ".join(map(str, runs)), "left": str(left), "top": str(top), "width": str(right - left), "height": str(bottom - top)}
