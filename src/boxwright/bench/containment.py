"""Points in cuboids, as others do it; compared as a list of sorted index arrays, one per cuboid."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Bools, Float64s
from ..containment import PointHits
from .contender import DifferenceError
from .workloads import PointsAndCuboids

__all__ = [
    "av2_containment",
    "av2_prepared",
    "hits_as_lists",
    "hits_moved",
    "kd_build_and_query",
    "kd_prepared",
    "kd_query",
    "numpy_containment",
    "nuscenes_containment",
    "nuscenes_prepared",
    "open3d_containment",
    "open3d_prepared",
    "same_hits",
    "sorted_lists",
    "with_radius",
]


def _inside(points: Float64s, center: Float64s, half: Float64s, rotation: Float64s) -> Bools:
    inside: Bools = np.all(np.abs((points - center) @ rotation) <= half, axis=1)
    return inside


def _as_float64(workload: PointsAndCuboids) -> Any:
    c = workload.cuboids
    return workload.points.astype(np.float64), c.center_m, c.size_m / 2, c.rotation


def with_radius(workload: PointsAndCuboids) -> Any:
    points, center, half, rotation = _as_float64(workload)
    return points, center, half, rotation, np.linalg.norm(half, axis=1)


def numpy_containment(prepared: Any) -> Any:
    """A window along x first, then the exact test."""
    points, center, half, rotation, radius = prepared
    x, found = np.ascontiguousarray(points[:, 0]), []
    for c, h, r, reach in zip(center, half, rotation, radius):
        near = np.flatnonzero(np.abs(x - c[0]) <= reach)
        found.append(near[_inside(points[near], c, h, r)])
    return found


def _kd_tree(points: Float64s) -> Any:
    from scipy.spatial import cKDTree

    return cKDTree(points, leafsize=32, balanced_tree=False, compact_nodes=False)


def kd_query(prepared: Any) -> Any:
    points, center, half, rotation, radius, tree = prepared
    around = tree.query_ball_point(center, radius * (1 + 1e-12), return_sorted=False)
    found = []
    for near, c, h, r in zip(around, center, half, rotation):
        index = np.array(near, np.int64)
        found.append(index[_inside(points[index], c, h, r)])
    return found


def kd_build_and_query(prepared: Any) -> Any:
    return kd_query((*prepared, _kd_tree(prepared[0])))


def kd_prepared(workload: PointsAndCuboids) -> Any:
    prepared = with_radius(workload)
    return (*prepared, _kd_tree(prepared[0]))


def open3d_prepared(workload: PointsAndCuboids) -> Any:
    import open3d

    c = workload.cuboids
    boxes = [open3d.geometry.OrientedBoundingBox(*row) for row in zip(c.center_m, c.rotation, c.size_m)]
    return open3d.utility.Vector3dVector(workload.points.astype(np.float64)), boxes


def open3d_containment(prepared: Any) -> Any:
    points, boxes = prepared
    return [box.get_point_indices_within_bounding_box(points) for box in boxes]


def av2_prepared(workload: PointsAndCuboids) -> Any:
    from av2.geometry.se3 import SE3
    from av2.structures.cuboid import Cuboid

    c = workload.cuboids
    rows = zip(c.center_m, c.rotation, c.size_m)
    return workload.points.astype(np.float64), [Cuboid(SE3(rotation, center), *size) for center, rotation, size in rows]


def av2_containment(prepared: Any) -> Any:
    points, cuboids = prepared
    return [np.flatnonzero(cuboid.compute_interior_points(points)[1]) for cuboid in cuboids]


def nuscenes_prepared(workload: PointsAndCuboids) -> Any:
    from nuscenes.utils.data_classes import Box
    from pyquaternion import Quaternion

    c = workload.cuboids
    boxes = [Box(center, size[[1, 0, 2]], Quaternion(quat)) for center, size, quat in zip(c.center_m, c.size_m, c.quat_wxyz)]
    return np.ascontiguousarray(workload.points.astype(np.float64).T), boxes


def nuscenes_containment(prepared: Any) -> Any:
    from nuscenes.utils.geometry_utils import points_in_box

    points, boxes = prepared
    return [np.flatnonzero(points_in_box(box, points)) for box in boxes]


def hits_moved(workload: PointsAndCuboids, hits: PointHits) -> tuple[int, int]:
    """Of rows that are not packed every byte comes along."""
    return len(workload.points) * workload.points.strides[0], hits.offsets.nbytes + hits.point_index.nbytes


def sorted_lists(prepared: Any, returned: Any) -> Any:
    return [np.sort(np.asarray(index, np.int64)) for index in returned]


def hits_as_lists(prepared: Any, hits: Any) -> Any:
    return [hits.indices(m) for m in range(len(hits))]


def same_hits(workload: PointsAndCuboids, ours: Any, theirs: Any) -> str:
    """The same points, except those within a nanometre of a face, where the order of additions decides."""
    n_total, n_face = 0, 0
    c = workload.cuboids
    for m, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        n_total += len(a)
        odd = np.setxor1d(a, b)
        if len(odd):
            local = np.abs((workload.points[odd].astype(np.float64) - c.center_m[m]) @ c.rotation[m]) - c.size_m[m] / 2
            if (np.abs(local.max(1)) > 1e-9).any():
                raise DifferenceError(f"cuboid {m}: {len(a)} against {len(b)} points")
            n_face += len(odd)
    return f"{n_total:,} hits equal" + (f", {n_face} on a face differ" if n_face else "")
