"""Tracks in pictures on their way into an OpenLABEL file; the shapes are told in openlabel_shapes.py.

A shape stands in every frame in whose picture its track is there; those between keyframes say so. Keyframes that no frame has a place for go into the
metadata, with what OpenLABEL has no field for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..image_tracks import ImageTrack
from ..keyframes import Origin, State, Visibility
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes
from ..tracks import Track
from .boxwright_pictures import image_track_mapping
from .openlabel_data import is_data
from .openlabel_shapes import ABSOLUTE, MASK, NESTED, RELATIVE, TRACK

__all__ = ["Codes", "Sight", "codes_of", "said_of", "sights_of"]

KIND_OF = {"box": "bbox", "rotated_box": "rbbox", "polygon": "poly2d", "polyline": "poly2d", "keypoints": "point2d", "mask": "binary"}
Sight = tuple[int, str, list[dict[str, Any]], Mapping[str, Any]]
Codes = dict[int, dict[str, str]]  # keyframe -> who set it and how it is seen, where that is not the usual
_TOLD = {"track_id", "category", "camera", "shape"}


def codes_of(track: Track | ImageTrack) -> Codes:
    codes: Codes = {}
    unusual = np.flatnonzero((track.origin != Origin.GIVEN) | (track.visibility != Visibility.VISIBLE))
    for k, origin, visibility in zip(unusual.tolist(), track.origin[unusual].tolist(), track.visibility[unusual].tolist()):
        codes[k] = {"origin": Origin(origin).name.lower()} if origin != Origin.GIVEN else {}
        if visibility != Visibility.VISIBLE:
            codes[k]["visibility"] = Visibility(visibility).name.lower()
    return codes


def sights_of(track: ImageTrack, exposures: Int64s, codes_of_keyframes: Codes) -> Iterator[Sight]:
    """(frame, kind of data, items without attributes of their own names, those attributes) of each frame that the track is in;
    keypoints of which none is marked have no item.

    exposures : (F,) of the track's camera; codes_of_keyframes : see `codes_of`
    """
    filled = track.at(exposures)
    there = np.flatnonzero(filled.is_valid)
    all_shapes = filled.shapes[there]
    rows = _rows(all_shapes)
    is_keyframe = (filled.state[there] == State.KEYFRAME).tolist()
    for n, (i, is_key, k) in enumerate(zip(there.tolist(), is_keyframe, filled.keyframe_index[there].tolist())):
        kept: Mapping[str, Any] = track.keyframe_source_attributes[k] if is_key and track.keyframe_source_attributes else {}
        given: Mapping[str, Any] = track.keyframe_attributes[k] if is_key and track.keyframe_attributes else {}
        own: dict[str, Any] = {TRACK: track.track_id} if is_key else {TRACK: track.track_id, "is_keyframe": False}
        codes: Mapping[str, str] = codes_of_keyframes.get(k, {}) if is_key else {}
        shapes = all_shapes[[n]] if rows is None else all_shapes
        if isinstance(shapes, Keypoints):
            items, taken = _points(track, shapes, kept)
            rest = {key: value for key, value in kept.items() if key not in taken}
            said = {**codes, **({"attributes": dict(given)} if given else {}), **({"source_attributes": rest} if rest else {})}
            items = [{**item, **own} for item in items]
            if items and said:
                items[0]["keyframe"] = said
            given = {}
        else:
            items, taken = _items(track, shapes, kept, None if rows is None else rows[n])
            rest = {key: value for key, value in kept.items() if key not in taken}
            items = [{**item, **own} for item in items]
            items[0] |= {**codes, **({"source_attributes": rest} if rest else {})}
        yield i, KIND_OF[shapes.KIND], items, given


def _items(track: ImageTrack, shapes: Shapes, kept: Mapping[str, Any], row: list[float] | None) -> tuple[list[dict[str, Any]], set[str]]:
    """(the items of a shape, the source attributes that are in them). row : its numbers, where its kind has them in `_rows`"""
    kind, taken = KIND_OF[shapes.KIND], set[str]()
    fields: Mapping[str, Any] = {}
    if "shape" in kept and _is_sound(kind, kept["shape"]):
        fields = kept["shape"]
        taken.add("shape")
    values = _values(shapes, fields) if row is None else [row]
    others: Sequence[Mapping[str, Any]] = [{}] * (len(values) - 1)
    if isinstance(kept.get("rings"), list) and len(kept["rings"]) == len(others) and all(_is_sound(kind, ring) for ring in kept["rings"]):
        others = kept["rings"]
        taken.add("rings")
    nested: list[dict[str, Any]] = [{}] * len(values)
    if isinstance(shapes, Polygons) and len(values) > 1:
        told = zip(hierarchy_of(shapes.rings(0)), (fields, *others))
        nested = [{"hierarchy": one, **({} if "hierarchy" in said else {NESTED: True})} for one, said in told]
    items = []
    for value, said, place in zip(values, (fields, *others), nested):
        item = {"name": str(said.get("name", track.track_id)), **place, **said, "coordinate_system": track.camera, "val": value}
        if kind == "poly2d":
            item |= {"mode": RELATIVE if said.get("mode") == RELATIVE else ABSOLUTE, "closed": isinstance(shapes, Polygons)}
        if isinstance(shapes, Masks):
            item |= {"encoding": MASK[0], "data_type": MASK[1], "width_px": shapes.width_px, "height_px": shapes.height_px}
        items.append(item)
    return items, taken


def _rows(shapes: Shapes) -> list[list[float]] | None:
    """The numbers of each shape, all at once, or None where kinds have more than a row of them."""
    if isinstance(shapes, Boxes):
        return np.concatenate([shapes.center_uv, shapes.size_px], 1).tolist()  # type: ignore[no-any-return]
    if isinstance(shapes, RotatedBoxes):
        return np.concatenate([shapes.center_uv, shapes.size_px, shapes.rotation_rad[:, None]], 1).tolist()  # type: ignore[no-any-return]
    return None


def _values(shapes: Shapes, fields: Mapping[str, Any]) -> list[Any]:
    """Of one shape whose kind has no `_rows`."""
    if isinstance(shapes, Masks):
        return shapes.to_coco()
    rings = shapes.rings(0) if isinstance(shapes, Polygons) else [shapes.points(0)] if isinstance(shapes, Polylines) else []
    if fields.get("mode") == RELATIVE:
        rings = [np.concatenate([ring[:1], ring[1:] - ring[0]]) for ring in rings]
    return [ring.ravel().tolist() for ring in rings]


def _points(track: ImageTrack, shapes: Keypoints, kept: Mapping[str, Any]) -> tuple[list[dict[str, Any]], set[str]]:
    """As `_items`, for the points that are marked."""
    names = shapes.skeleton.points if shapes.skeleton is not None else [str(p) for p in range(shapes.n_points)]
    said = kept.get("points", {})
    is_sound = isinstance(said, Mapping) and all(name in names and _is_point(one) for name, one in said.items())
    items = []
    for p in np.flatnonzero(shapes.visibility[0] != Visibility.OUTSIDE).tolist():
        point: Mapping[str, Any] = said.get(names[p], {}) if is_sound else {}
        item = {**point.get("shape", {}), "name": names[p], "coordinate_system": track.camera, "val": shapes.uv[0, p].tolist()}
        if point.get("attributes"):
            item["own_attributes"] = point["attributes"]
        if shapes.visibility[0, p] != Visibility.VISIBLE:
            item["visibility"] = Visibility(shapes.visibility[0, p]).name.lower()
        items.append(item)
    return items, {"points"} if is_sound and "points" in kept else set()


def _is_point(said: Any) -> bool:
    is_known = isinstance(said, Mapping) and set(said) <= {"shape", "attributes"} and isinstance(said.get("attributes", {}), Mapping)
    return is_known and _is_sound("point2d", said.get("shape", {}))


def _is_sound(kind: str, fields: Any) -> bool:
    """Whether a value can be the fields of a shape."""
    return isinstance(fields, Mapping) and TRACK not in fields and is_data({kind: [dict(fields)]})


def hierarchy_of(rings: Sequence[Float64s]) -> list[list[int]]:
    """[next, previous, first within, around] of each ring by its place in the list, -1 where there is none, as OpenCV and OpenLABEL tell it."""
    around = [[q for q, other in enumerate(rings) if q != r and _is_inside(ring[0], other)] for r, ring in enumerate(rings)]
    parents = [max(outer, key=lambda q: len(around[q]), default=-1) for outer in around]
    found = []
    for r, parent in enumerate(parents):
        beside = [q for q, one in enumerate(parents) if one == parent]
        at = beside.index(r)
        within = [q for q, one in enumerate(parents) if one == r]
        found.append([beside[at + 1] if at + 1 < len(beside) else -1, beside[at - 1] if at else -1, within[0] if within else -1, parent])
    return found


def _is_inside(point: Float64s, ring: Float64s) -> bool:
    """Even-odd."""
    ends = np.roll(ring, -1, axis=0)
    crosses = (ring[:, 1] > point[1]) != (ends[:, 1] > point[1])
    a, b = ring[crosses], ends[crosses]
    return bool((a[:, 0] + (point[1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0]) > point[0]).sum() % 2)


def said_of(track: ImageTrack, in_frames: Int64s, uid: str, category: str) -> dict[str, Any]:
    """What only boxwright reads of a track: what its object does not say, and its keyframes that are not at the times `in_frames`."""
    away = np.flatnonzero(~np.isin(track.times_ns, in_frames))
    said = image_track_mapping(track if not len(away) else track.take(away))
    more = {} if category == track.category else {"category": track.category}
    if not len(in_frames):
        more = {"category": track.category, "uid": uid}
    kept = {key: value for key, value in said.items() if key not in _TOLD and value not in (None, {}, [])}
    if not len(away):
        del kept["keyframes"]
    if "source_attributes" in kept:
        kept["source_attributes"] = {key: value for key, value in kept["source_attributes"].items() if key != "is_given_once"}
    if isinstance(track.shapes, Keypoints) and track.shapes.skeleton is None:
        kept["n_points"] = track.shapes.n_points
    return {**kept, "camera": track.camera, "shape": track.shapes.KIND, **more}
