"""Labels in pictures and tags in boxwright's own JSON: read and written side by side, bit by bit.

    image_tracks   [{track_id, category, camera, shape, keyframes: [{timestamp_ns, <the shape>, visibility, origin, attributes}], method, ...}]
    tags           [{name, value, span_ns, camera}]; in version 1 an object of names and values

What a keyframe holds of its shape, in pixels whose first has its centre at (0, 0):

    box           xyxy_px [left, top, right, bottom]
    rotated_box   center_px, size_px, rotation_rad
    polygon       rings_px, each a list of points
    polyline      points_px
    keypoints     points_px, null for one that is not placed; point_visibility, where not all are visible. The track has `skeleton` {points, edges}
    or n_points mask          rle, compressed as in COCO. The track has `size_px` [width, height]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import BoxwrightError, FormatError, number_of
from ..image_tracks import ImageTrack
from ..keyframes import Keyframed, Origin, Visibility, code_names
from ..limits import FARTHEST_PX, limits
from ..problems import Problems
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes, Skeleton
from ..tags import Tag
from .strict_json import Node

__all__ = [
    "ORIGINS",
    "VISIBILITIES",
    "image_track_mapping",
    "image_track_of",
    "placed",
    "read_image_tracks",
    "read_span",
    "read_tags",
    "rows_of",
    "said_at",
    "shape_mappings",
    "tag_mapping",
]

VISIBILITIES = {item.name.lower(): int(item) for item in Visibility}
ORIGINS = {item.name.lower(): int(item) for item in Origin}

TRACK_KEYS = frozenset({"track_id", "category", "camera", "shape", "keyframes"})
TRACK_EXTRAS = frozenset({"method", "attributes", "source_attributes", "object_id"})
KEYFRAME_KEYS = frozenset({"timestamp_ns"})
KEYFRAME_EXTRAS = frozenset({"visibility", "origin", "attributes", "source_attributes"})
TAG_KEYS, TAG_EXTRAS = frozenset({"name"}), frozenset({"value", "span_ns", "camera", "source_attributes"})


@contextmanager
def placed(node: Node) -> Iterator[None]:
    """Errors about values that cannot be leave with the file and the place in it."""
    try:
        yield
    except BoxwrightError as error:
        if error.path is not None:
            raise
        field = f"{node.field}: {error.field}" if error.field else node.field
        raise type(error)(
            error.what, expected=error.expected, got=error.got, path=node.path, offset=error.offset, field=field, hint=error.hint
        ) from None


# ------------------------------------------------------------ tags


def read_tags(node: Node) -> list[Tag]:
    if isinstance(node.value, dict):  # version 1
        return [Tag(name, item.value) for name, item in node.items()]
    return [_tag(item) for item in node]


def _tag(node: Node) -> Tag:
    node.only(TAG_KEYS, TAG_EXTRAS)
    value = node.mapping().get("value", True)
    camera = node["camera"].text() if node.has("camera") else None
    return Tag(node["name"].text(), value, read_span(node), camera, node.get("source_attributes", {}).mapping())


def tag_mapping(tag: Tag) -> dict[str, Any]:
    span = None if tag.span_ns is None else list(tag.span_ns)
    said = {"span_ns": span, "camera": tag.camera, "source_attributes": dict(tag.source_attributes) or None}
    return {"name": tag.name, "value": tag.value, **{key: value for key, value in said.items() if value is not None}}


def read_span(node: Node) -> tuple[int, int] | None:
    span = [item.whole() for item in node["span_ns"]] if node.has("span_ns") else None
    if span is not None and len(span) != 2:
        raise node["span_ns"].wrong("a first and a last time")
    return None if span is None else (span[0], span[1])


def rows_of(keyframes: Sequence[Node], key: str) -> Sequence[dict[str, Any]]:
    """What keyframes say under a key, one mapping for each; none where no keyframe says anything."""
    return [item.get(key, {}).mapping() for item in keyframes] if any(item.has(key) for item in keyframes) else ()


# ------------------------------------------------------------ reading tracks


def read_image_tracks(node: Node, taken: Set[str], cameras: Mapping[str, Any], problems: Problems) -> list[ImageTrack]:
    """taken : ids of tracks of cuboids, which no image track can have"""
    limits().check("tracks_per_scene", len(node), node.path, "image_tracks")
    tracks: dict[str, ImageTrack] = {}
    for item in node:
        with problems.aside(item.value), placed(item):
            track = image_track_of(item)
            if track.track_id in tracks or track.track_id in taken:
                raise item["track_id"].wrong("every track id once", f"{track.track_id!r} twice")
            if track.camera not in cameras:
                raise item["camera"].wrong(f"one of {', '.join(cameras) or 'none'}", repr(track.camera))
            tracks[track.track_id] = track
    return list(tracks.values())


def image_track_of(node: Node) -> ImageTrack:
    reader = _READERS[node["shape"].one_of({name: name for name in _READERS})]
    node.only(TRACK_KEYS, TRACK_EXTRAS | reader.of_track)
    keyframes = list(node["keyframes"])
    limits().check("keyframes_per_track", len(keyframes), node.path, f"{node.field}.keyframes")
    if not keyframes:
        raise node["keyframes"].wrong("at least one keyframe", "none")
    for keyframe in keyframes:
        keyframe.only(KEYFRAME_KEYS | reader.needed, KEYFRAME_EXTRAS | reader.more)
    shapes = reader.read(node, keyframes)
    farthest = np.abs(np.nan_to_num(shapes.bounds_xyxy())).max(initial=0)
    if not farthest < FARTHEST_PX:
        raise node["keyframes"].wrong(f"places under {FARTHEST_PX:g} px", f"{farthest:g}", hint="correct the broken number")
    return ImageTrack(
        track_id=node["track_id"].word(),
        category=node["category"].word(),
        camera=node["camera"].text(),
        times_ns=np.array([item["timestamp_ns"].whole() for item in keyframes], np.int64),
        shapes=shapes,
        visibility=np.array([item.get("visibility", "visible").one_of(VISIBILITIES) for item in keyframes], np.uint8),
        origin=np.array([item.get("origin", "given").one_of(ORIGINS) for item in keyframes], np.uint8),
        attributes=node.get("attributes", {}).mapping(),
        keyframe_attributes=rows_of(keyframes, "attributes"),
        method=node["method"].text() if node.has("method") else None,  # type: ignore[arg-type]
        source_attributes=node.get("source_attributes", {}).mapping(),
        keyframe_source_attributes=rows_of(keyframes, "source_attributes"),
        object_id=node["object_id"].text() if node.has("object_id") else None,
    )


class _Reader:
    """How one kind of shape lies in a file: keys that a keyframe needs, those it may have, those of the track."""

    def __init__(
        self, read: Callable[[Node, list[Node]], Shapes], needed: Set[str], more: Set[str] = frozenset(), of_track: Set[str] = frozenset()
    ) -> None:
        self.read, self.needed, self.more, self.of_track = read, needed, more, of_track


def _boxes(_: Node, keyframes: list[Node]) -> Shapes:
    return Boxes(np.array([item["xyxy_px"].numbers(4) for item in keyframes]))


def _rotated(_: Node, keyframes: list[Node]) -> Shapes:
    center, size = (np.array([item[key].numbers(2) for item in keyframes]) for key in ("center_px", "size_px"))
    return RotatedBoxes(center, size, np.array([item["rotation_rad"].number() for item in keyframes]))


def _polygons(_: Node, keyframes: list[Node]) -> Shapes:
    return Polygons([[_points(ring) for ring in item["rings_px"]] for item in keyframes])


def _polylines(_: Node, keyframes: list[Node]) -> Shapes:
    return Polylines([_points(item["points_px"]) for item in keyframes])


def _points(node: Node) -> Any:
    return node.numbers(len(node), 2) if len(node) else np.zeros((0, 2))


def _keypoints(node: Node, keyframes: list[Node]) -> Shapes:
    skeleton = None
    if node.has("skeleton"):
        node["skeleton"].only(frozenset({"points"}), frozenset({"edges"}))
        edges = tuple((edge[0], edge[1]) for edge in ([end.whole() for end in pair] for pair in node["skeleton"].get("edges", [])) if len(edge) == 2)
        if len(edges) != len(node["skeleton"].get("edges", [])):
            raise node["skeleton"]["edges"].wrong("pairs of indices")
        skeleton = Skeleton(tuple(name.text() for name in node["skeleton"]["points"]), edges)
    n = len(skeleton.points) if skeleton else len(keyframes[0]["points_px"])
    for item in keyframes:  # before room is made for n points at each
        if len(item["points_px"]) != n:
            raise item["points_px"].wrong(number_of(n, "point"), str(len(item["points_px"])))
    uv, visibility = np.full((len(keyframes), n, 2), np.nan), np.zeros((len(keyframes), n), np.uint8)
    for k, item in enumerate(keyframes):
        for p, point in enumerate(item["points_px"]):
            if point.value is not None:
                uv[k, p] = point.numbers(2)
        if item.has("point_visibility"):
            codes = [code.one_of(VISIBILITIES) for code in item["point_visibility"]]
            if len(codes) != n:
                raise item["point_visibility"].wrong(f"{n} words", str(len(codes)))
            visibility[k] = codes
    return Keypoints(uv, visibility, skeleton)


def _masks(node: Node, keyframes: list[Node]) -> Shapes:
    size = [side.whole() for side in node["size_px"]]
    if len(size) != 2:
        raise node["size_px"].wrong("width and height")
    limits().check("image_px", size[0] * size[1], node.path, f"{node.field}.size_px")
    return Masks.from_coco([item["rle"].sentence() for item in keyframes], *size)


_READERS = {
    "box": _Reader(_boxes, {"xyxy_px"}),
    "rotated_box": _Reader(_rotated, {"center_px", "size_px", "rotation_rad"}),
    "polygon": _Reader(_polygons, {"rings_px"}),
    "polyline": _Reader(_polylines, {"points_px"}),
    "keypoints": _Reader(_keypoints, {"points_px"}, {"point_visibility"}, {"skeleton"}),
    "mask": _Reader(_masks, {"rle"}, of_track={"size_px"}),
}


# ------------------------------------------------------------ writing tracks


def said_at(track: Keyframed, k: int) -> dict[str, Any]:
    """The attributes of keyframe k, of every keyframe where any has some."""
    said = {"attributes": track.keyframe_attributes, "source_attributes": track.keyframe_source_attributes}
    return {key: dict(rows[k]) for key, rows in said.items() if rows}


def image_track_mapping(track: ImageTrack) -> dict[str, Any]:
    of_track, of_keyframes = shape_mappings(track.shapes)
    keyframes = []
    visibility, origin = code_names(Visibility, track.visibility), code_names(Origin, track.origin)
    for i, stamp in enumerate(track.times_ns.tolist()):
        row: dict[str, Any] = {"timestamp_ns": stamp, **of_keyframes[i], "visibility": visibility[i], "origin": origin[i]}
        keyframes.append(row | said_at(track, i))
    return {
        "track_id": track.track_id,
        "category": track.category,
        "camera": track.camera,
        "object_id": track.object_id,
        "shape": track.shapes.KIND,
        **of_track,
        "method": track.method,
        "attributes": dict(track.attributes),
        "source_attributes": dict(track.source_attributes),
        "keyframes": keyframes,
    }


def shape_mappings(shapes: Shapes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the track says of its shapes, and what each keyframe says."""
    if isinstance(shapes, Boxes):
        return {}, [{"xyxy_px": row} for row in shapes.xyxy.tolist()]
    if isinstance(shapes, RotatedBoxes):
        columns = zip(shapes.center_uv.tolist(), shapes.size_px.tolist(), shapes.rotation_rad.tolist())
        return {}, [{"center_px": center, "size_px": size, "rotation_rad": angle} for center, size, angle in columns]
    if isinstance(shapes, Polygons):
        return {}, [{"rings_px": [ring.tolist() for ring in shapes.rings(k)]} for k in range(len(shapes))]
    if isinstance(shapes, Polylines):
        return {}, [{"points_px": shapes.points(k).tolist()} for k in range(len(shapes))]
    if isinstance(shapes, Keypoints):
        skeleton = shapes.skeleton
        said = {} if skeleton is None else {"skeleton": {"points": list(skeleton.points), "edges": [list(edge) for edge in skeleton.edges]}}
        return said, [_keypoints_mapping(shapes, k) for k in range(len(shapes))]
    if isinstance(shapes, Masks):
        return {"size_px": [shapes.width_px, shapes.height_px]}, [{"rle": text} for text in shapes.to_coco()]
    raise FormatError("no such kind of shape", got=type(shapes).__name__, hint="write it as polygons or masks")


def _keypoints_mapping(shapes: Keypoints, k: int) -> dict[str, Any]:
    row: dict[str, Any] = {"points_px": [None if np.isnan(point).any() else point.tolist() for point in shapes.uv[k]]}
    if shapes.visibility[k].any():
        row["point_visibility"] = code_names(Visibility, shapes.visibility[k])
    return row
