"""The shapes of V7's annotations, and back; darwin.py draws the layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..keyframes import Visibility
from ..limits import FARTHEST_PX
from ..shapes2d import Boxes, Keypoints, Polygons, Polylines, RotatedBoxes, Shapes, Skeleton
from .camera_labels import EDGE_PX
from .strict_json import Node

__all__ = ["SHAPE_KEYS", "row_of", "shape_fields", "shapes_of"]

SHAPE_KEYS = ("bounding_box", "polygon", "line", "keypoint", "ellipse", "skeleton")
_HINT = "correct the label or export it again"


def row_of(kind: str, frame: Node) -> Any:
    """What a frame tells of the shape, in boxwright's pixels."""
    node = frame[kind]
    if kind == "bounding_box":
        x, y, w, h = (_number(node, name) for name in "xywh")
        if w < 0 or h < 0:
            raise node.wrong("a width and a height from 0", f"{w:g} {h:g}", _HINT)
        return [x - EDGE_PX, y - EDGE_PX, x + w - EDGE_PX, y + h - EDGE_PX]
    if kind == "keypoint":
        return [[*_uv(node)]]
    if kind == "line":
        return _path(node["path"], 2)
    if kind == "polygon":
        paths = [*node["paths"]] if node.has("paths") else [node["path"], *node.get("additional_paths", [])]
        if not paths:
            raise node.wrong("at least one path", "none", _HINT)
        return [_path(path, 3) for path in paths]
    if kind == "ellipse":
        radius, angle = node["radius"], _number(node, "angle") if node.has("angle") else 0.0
        radii = [_number(radius, "x"), _number(radius, "y")]
        if min(radii) < 0:
            raise radius.wrong("radii from 0", f"{radii[0]:g} {radii[1]:g}", _HINT)
        return [*_uv(node["center"]), 2 * radii[0], 2 * radii[1], angle]
    points = {}
    for point in node["nodes"]:
        name = point["name"].word()
        if name in points:
            raise point["name"].wrong("each point once", repr(name), _HINT)
        points[name] = (*_uv(point), Visibility.OCCLUDED if point.get("occluded", default=False).flag() else Visibility.VISIBLE)
    if not points:
        raise node["nodes"].wrong("at least one point", "none", _HINT)
    return points


def _number(node: Node, name: str) -> float:
    value = node[name].number()
    if not abs(value) < FARTHEST_PX:
        raise node[name].wrong(f"a number under {FARTHEST_PX:g}", f"{value:g}", _HINT)
    return value


def _uv(node: Node) -> tuple[float, float]:
    return _number(node, "x") - EDGE_PX, _number(node, "y") - EDGE_PX


def _path(node: Node, least: int) -> Float64s:
    points = [_uv(point) for point in node]
    if len(points) < least:
        raise node.wrong(f"at least {least} points", str(len(points)), _HINT)
    return np.array(points)


def shapes_of(kind: str, rows: Sequence[Any], node: Node) -> Shapes:
    """The shapes of one annotation."""
    if kind == "bounding_box":
        return Boxes(np.array(rows))
    if kind == "keypoint":
        return Keypoints(np.array(rows))
    if kind == "line":
        return Polylines(rows)
    if kind == "polygon":
        return Polygons(rows)
    if kind == "ellipse":
        values = np.array(rows)
        return RotatedBoxes(values[:, :2], values[:, 2:4], values[:, 4])
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    if len(names) * len(rows) > 1 << 20:
        raise node.wrong("the same points in every frame", f"{len(names)} names in {len(rows)} frames", _HINT)
    table = np.full((len(rows), len(names), 3), np.nan)
    table[:, :, 2] = Visibility.OUTSIDE
    for k, row in enumerate(rows):
        for p, name in enumerate(names):
            if name in row:
                table[k, p] = row[name]
    is_numbered = names == tuple(str(p) for p in range(len(names)))
    return Keypoints(table[:, :, :2], table[:, :, 2].astype(np.uint8), None if is_numbered else Skeleton(names))


def shape_fields(shapes: Shapes, k: int, *, is_ellipse: bool) -> dict[str, Any] | None:
    """What a frame says of shape k; None where V7 has no such shape and the box around it is to be written, or nothing is there."""
    if isinstance(shapes, Boxes):
        left, top, right, bottom = shapes.xyxy[k].tolist()
        return {"bounding_box": {"x": left + EDGE_PX, "y": top + EDGE_PX, "w": right - left, "h": bottom - top}}
    if isinstance(shapes, RotatedBoxes):
        if is_ellipse:
            (u, v), (width, height) = shapes.center_uv[k].tolist(), shapes.size_px[k].tolist()
            middle = {"x": u + EDGE_PX, "y": v + EDGE_PX}
            return {"ellipse": {"center": middle, "radius": {"x": width / 2, "y": height / 2}, "angle": float(shapes.rotation_rad[k])}}
        return {"polygon": {"paths": [_points(shapes.corners_uv()[k])]}}
    if isinstance(shapes, Polygons):
        rings = shapes.rings(k)
        return {"polygon": {"paths": [_points(ring) for ring in rings]}} if min(map(len, rings)) >= 3 else None
    if isinstance(shapes, Polylines):
        points = shapes.points(k)
        return {"line": {"path": _points(points)}} if len(points) >= 2 else None
    if isinstance(shapes, Keypoints):
        return _keypoints(shapes, k)
    return None


def _keypoints(shapes: Keypoints, k: int) -> dict[str, Any] | None:
    codes = shapes.visibility[k].tolist()
    if shapes.skeleton is None and shapes.n_points == 1 and codes[0] == Visibility.VISIBLE:
        return {"keypoint": _points(shapes.uv[k])[0]}
    names = shapes.skeleton.points if shapes.skeleton is not None else tuple(str(p) for p in range(shapes.n_points))
    nodes = [
        {"name": name, **point, "occluded": code == Visibility.OCCLUDED}
        for name, point, code in zip(names, _points(shapes.uv[k]), codes)
        if code != Visibility.OUTSIDE and math.isfinite(point["x"])
    ]
    return {"skeleton": {"nodes": nodes}} if nodes else None


def _points(uv: Float64s) -> list[dict[str, float]]:
    return [{"x": u + EDGE_PX, "y": v + EDGE_PX} for u, v in uv.tolist()]
