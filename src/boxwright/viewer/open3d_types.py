"""Points and cuboids as open3d's geometries, and back (extra `desktop`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..arrays import Float64s, as_floats, as_points
from ..cuboids import Cuboid, Cuboids, as_cuboids
from ..errors import ArgumentError
from ..points import Sweep
from ..rotations import quat_from_matrix
from .desktop import load_open3d

__all__ = ["from_open3d", "to_open3d"]

_KNOWN = "a PointCloud, an OrientedBoundingBox, an AxisAlignedBoundingBox, or a list of such boxes"


def to_open3d(thing: Any, colors: Any = None) -> Any:
    """What boxwright has as what open3d draws and computes with.

    thing : a Sweep or (N, 3) points become an `open3d.geometry.PointCloud`, all N of them, NaN too; Cuboids become a list of
        `OrientedBoundingBox`, whose `extent` is `size_m` and whose `R` turns their own axes; one Cuboid becomes one
    colors : (N, 3) 0 to 255, one for each point or cuboid, or one (3,) for all

    open3d has no frames' names and no time of points: they stay behind. ExtraMissing without open3d.
    """
    o3d = load_open3d()
    if isinstance(thing, (Cuboid, Cuboids)):
        cuboids = as_cuboids("thing", thing)
        shades = _colors(colors, len(cuboids))
        boxes = []
        for m, rotation in enumerate(cuboids.rotation):
            box = o3d.geometry.OrientedBoundingBox(cuboids.center_m[m], rotation, cuboids.size_m[m])
            if shades is not None:
                box.color = shades[m]
            boxes.append(box)
        return boxes[0] if isinstance(thing, Cuboid) else boxes
    points = as_points("thing", thing)
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(np.ascontiguousarray(points, np.float64)))
    shades = _colors(colors, len(points))
    if shades is not None:
        cloud.colors = o3d.utility.Vector3dVector(shades)
    return cloud


def from_open3d(thing: Any, frame: str | None = None) -> Sweep | Cuboids:
    """What open3d has as what boxwright takes.

    thing : a point cloud (of `open3d.geometry`, or of `open3d.t.geometry` with what else it knows of its points as `fields`) becomes a Sweep; boxes,
        turned or along the axes, become Cuboids
    frame : the name of the frame that it is in; a Sweep's is "lidar" where nothing is said, Cuboids have none then

    ArgumentError for anything else, and for boxes that are mirrored or have no size. ExtraMissing without open3d.
    """
    o3d = load_open3d()
    if isinstance(thing, (o3d.geometry.PointCloud, o3d.t.geometry.PointCloud)):
        return _sweep(thing, frame or "lidar")
    boxes = [thing] if isinstance(thing, _boxes(o3d)) else list(thing) if isinstance(thing, Iterable) else [None]
    if not all(isinstance(one, _boxes(o3d)) for one in boxes):
        hint = "meshes, lines and images have no counterpart"
        raise ArgumentError(expected=_KNOWN, got=type(thing).__name__, field="thing", hint=hint)
    return _cuboids(boxes, o3d, frame)


def _boxes(o3d: Any) -> tuple[type, ...]:
    return o3d.geometry.OrientedBoundingBox, o3d.geometry.AxisAlignedBoundingBox


def _sweep(cloud: Any, frame: str) -> Sweep:
    if hasattr(cloud, "points"):
        return Sweep(np.array(cloud.points, np.float64).reshape(-1, 3), frame=frame)
    columns = {name: cloud.point[name].cpu().numpy() for name in cloud.point}
    xyz = columns.pop("positions", np.zeros((0, 3), np.float32))
    flat = {name: column.reshape(len(column)).copy() for name, column in columns.items() if column.size == len(column) == len(xyz)}
    return Sweep(xyz.copy(), frame=frame, intensity=flat.pop("intensity", None), fields=flat)


def _cuboids(boxes: Sequence[Any], o3d: Any, frame: str | None) -> Cuboids:
    if not boxes:
        return Cuboids.empty(frame)
    kind = o3d.geometry.OrientedBoundingBox
    turned = [one if isinstance(one, kind) else kind.create_from_axis_aligned_bounding_box(one) for one in boxes]
    rotation: Float64s = np.array([one.R for one in turned], np.float64)
    off = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    wrong = np.flatnonzero((off > 1e-5) | (np.linalg.det(rotation) < 0))
    if len(wrong):
        hint = "exchange two of its axes and their extents"
        raise ArgumentError("a box that is mirrored, or whose axes are not at right angles", got=f"box {wrong[0]}", field="thing", hint=hint)
    return Cuboids([one.center for one in turned], [one.extent for one in turned], quat_wxyz=quat_from_matrix(rotation), frame=frame)


def _colors(colors: Any, n: int) -> Float64s | None:
    if colors is None:
        return None
    one = np.ndim(colors) == 1
    shades = as_floats("colors", colors, (3,) if one else (n, 3), hint="red, green and blue from 0 to 255")
    if shades.size and (shades.min() < 0 or shades.max() > 255):
        raise ArgumentError(expected="0 to 255", got=f"{shades.min():g} to {shades.max():g}", field="colors", hint="red, green and blue")
    return np.ascontiguousarray(np.broadcast_to(shades, (n, 3))) / 255
