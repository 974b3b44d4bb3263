"""A track of cuboids as boxwright's own files have it, read bit by bit as it was written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import BoxwrightError, FormatError
from ..limits import FARTHEST_M, limits
from ..rotations import quat_from_yaw
from ..tracks import Track
from .boxwright_pictures import ORIGINS, VISIBILITIES, rows_of
from .reach import within_reach
from .strict_json import Node

__all__ = ["one_rotation", "track_of"]

TRACK_KEYS, TRACK_EXTRAS = frozenset({"track_id", "category", "keyframes"}), frozenset({"method", "attributes", "source_attributes"})
KEYFRAME_KEYS = frozenset({"timestamp_ns", "center_m", "size_m"})
KEYFRAME_EXTRAS = frozenset({"yaw_rad", "quat_wxyz", "visibility", "origin", "attributes", "source_attributes"})


def track_of(node: Node, label_frame: str) -> Track:
    node.only(TRACK_KEYS, TRACK_EXTRAS)
    keyframes = list(node["keyframes"])
    limits().check("keyframes_per_track", len(keyframes), node.path, f"{node.field}.keyframes")
    if not keyframes:
        raise node["keyframes"].wrong("at least one keyframe", "none")
    for keyframe in keyframes:
        keyframe.only(KEYFRAME_KEYS, KEYFRAME_EXTRAS)
        one_rotation(keyframe, "yaw_rad")
    return Track(
        track_id=node["track_id"].word(),
        category=node["category"].word(),
        times_ns=np.array([item["timestamp_ns"].whole() for item in keyframes], np.int64),
        cuboids=_cuboids(keyframes, label_frame),
        visibility=np.array([item.get("visibility", "visible").one_of(VISIBILITIES) for item in keyframes], np.uint8),
        origin=np.array([item.get("origin", "given").one_of(ORIGINS) for item in keyframes], np.uint8),
        attributes=node.get("attributes", {}).mapping(),
        keyframe_attributes=rows_of(keyframes, "attributes"),
        method=node.get("method", "makima").text(),
        source_attributes=node.get("source_attributes", {}).mapping(),
        keyframe_source_attributes=rows_of(keyframes, "source_attributes"),
    )


def _cuboids(keyframes: Sequence[Node], frame: str) -> Cuboids:
    """Keyframes carry `yaw_rad` where the cuboid is upright, else `quat_wxyz`; either gives back the very bits that were written."""
    center, size = (_triples(keyframes, key) for key in ("center_m", "size_m"))
    for key, values in (("center_m", center), ("size_m", size)):
        if np.abs(values).max() >= FARTHEST_M:
            i = int(np.argmax(np.abs(values).max(1)))
            within_reach(keyframes[i][key], values[i], "coordinates" if key == "center_m" else "sizes")
    yaw = np.array([item["yaw_rad"].number() if item.has("yaw_rad") else np.nan for item in keyframes])
    turned = np.isnan(yaw)
    quat = quat_from_yaw(np.where(turned, 0.0, yaw))
    for i in np.flatnonzero(turned).tolist():
        quat[i] = keyframes[i]["quat_wxyz"].numbers(4)
    field = keyframes[0].field.removesuffix("[0]")
    try:
        checked = Cuboids(center, size, quat_wxyz=quat, frame=frame)
    except BoxwrightError as error:
        raise FormatError(
            error.what, expected=error.expected, got=error.got, path=keyframes[0].path, field=f"{field}.{error.field}", hint="correct the label"
        ) from None
    upright = Cuboids(center, size, yaw_rad=np.where(turned, 0.0, yaw), frame=frame)
    as_written = np.where(np.abs(np.linalg.norm(quat, axis=1, keepdims=True) - 1) < 1e-15, quat, checked.quat_wxyz)
    exact = Cuboids._trusted(center, size, as_written, None, frame)
    return Cuboids._trusted(center, size, as_written, np.where(turned, exact.yaw_rad, upright.yaw_rad), frame)


def _triples(keyframes: Sequence[Node], key: str) -> Float64s:
    """(K, 3) of a key that every keyframe has: at once where all is as usual, one by one where something is not, which then is named."""
    values = [item.value.get(key) for item in keyframes]
    if all(type(row) is list and len(row) == 3 and type(row[0]) is type(row[1]) is type(row[2]) is float for row in values):
        return np.array(values)
    return np.array([item[key].numbers(3) for item in keyframes])


def one_rotation(node: Node, other: str) -> None:
    """FormatError unless one of `other` and quat_wxyz is given."""
    n = node.has(other) + node.has("quat_wxyz")
    if n != 1:
        raise node.wrong(f"{other!r} or 'quat_wxyz'", "both" if n else "neither")
