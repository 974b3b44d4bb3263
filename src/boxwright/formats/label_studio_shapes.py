"""The shapes of Label Studio's regions: places in percent of the picture from its corner, degrees about the top left corner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..shapes2d import Boxes, Keypoints, Polygons, RotatedBoxes, Shapes
from .camera_labels import EDGE_PX
from .object_links import told_object
from .strict_json import Node

__all__ = ["SHAPES", "Rectangle", "category_of", "rectangle_of", "shapes_of_rectangles", "track_of_picture"]

Rectangle = tuple[float, float, float, float, float]
_SINGLE = {"rectanglelabels": "rectangle", "ellipselabels": "ellipse", "polygonlabels": "polygon", "keypointlabels": "keypoint"}
SHAPES = {**_SINGLE, **{name: name for name in _SINGLE.values()}}
_PLACES = {"x", "y", "radiusX", "radiusY", "rotation", "points", "labels", *SHAPES}
_HINT = "correct the file or export the project again, as JSON"


def category_of(value: Node, names: tuple[str, ...]) -> str:
    for name in names:
        if value.has(name) and len(value[name]):
            return next(iter(value[name])).word()
    raise value.wrong(f"a label in {' or '.join(names)}", "none", _HINT)


def rectangle_of(node: Node, size_px: tuple[int, int]) -> Rectangle:
    """left, top, width, height in pixels from the picture's corner, and degrees."""
    across, down = size_px
    x, y, width, height = [node[name].number() for name in ("x", "y", "width", "height")]
    values = (x * across / 100, y * down / 100, width * across / 100, height * down / 100)
    if not max(map(abs, values)) < 1e7 or min(width, height) < 0:
        raise node.wrong("places under 1e+07 px, a width and a height from 0", " ".join(f"{value:g}" for value in values), _HINT)
    degrees = node.get("rotation", 0).number()
    if not abs(degrees) < 1e6:
        raise node["rotation"].wrong("degrees", f"{degrees:g}", _HINT)
    return (*values, degrees)


def shapes_of_rectangles(rows: Float64s, is_turned: bool) -> Shapes:
    if not is_turned:
        return Boxes.from_xywh(rows[:, :4] - (EDGE_PX, EDGE_PX, 0, 0))
    turn, half = np.deg2rad(rows[:, 4]), rows[:, 2:4] / 2
    cosine, sine = np.cos(turn), np.sin(turn)
    middle = rows[:, :2] + np.c_[half[:, 0] * cosine - half[:, 1] * sine, half[:, 0] * sine + half[:, 1] * cosine]
    return RotatedBoxes(middle - EDGE_PX, rows[:, 2:4], turn)


def track_of_picture(
    region: Node, track_id: str, frame: int, size_px: tuple[int, int], said: Mapping[str, tuple[Any, Mapping[str, Any]]]
) -> ImageTrack:
    """Of one label. said : name -> value of what is said of it, and all that the file tells of that"""
    kind, value = SHAPES[region["type"].value], region["value"]
    category = category_of(value, (f"{kind}labels", "labels", region["type"].value))
    scale = np.array(size_px) / 100
    shapes: Shapes
    if kind == "rectangle":
        row = rectangle_of(value, size_px)
        shapes = shapes_of_rectangles(np.array([row]), bool(row[4]))
    elif kind == "polygon":
        points = np.array([node.numbers(2) for node in value["points"]]).reshape(-1, 2)
        if len(points) < 3 or not np.abs(points * scale).max() < 1e7:
            raise value["points"].wrong("at least three points under 1e+07 px", number_of(len(points), "point"), _HINT)
        shapes = Polygons([points * scale - EDGE_PX])
    else:
        middle = np.array([value["x"].number(), value["y"].number()]) * scale
        if not np.abs(middle).max() < 1e7:
            raise value.wrong("places under 1e+07 px", " ".join(f"{one:g}" for one in middle), _HINT)
        if kind == "keypoint":
            shapes = Keypoints((middle - EDGE_PX)[None, None])
        else:
            radii = np.array([value["radiusX"].number(), value["radiusY"].number()]) * scale
            degrees = value.get("rotation", 0).number()
            if not 0 <= radii.min() <= radii.max() < 1e7 or not abs(degrees) < 1e6:
                raise value.wrong("radii from 0, and degrees", " ".join(f"{one:g}" for one in (*radii, degrees)), _HINT)
            shapes = RotatedBoxes((middle - EDGE_PX)[None], 2 * radii[None], np.deg2rad([degrees]))
    source = {**region.mapping(), "value": {key: item for key, item in value.mapping().items() if key not in _PLACES}}
    source |= {"said": {name: raw for name, (_, raw) in said.items()}} if said else {}
    attributes = {name: told for name, (told, _) in said.items()}
    linked = told_object(attributes, track_id, "camera")
    return ImageTrack(track_id, category, "camera", np.array([frame]), shapes, attributes=attributes, source_attributes=source, object_id=linked)
