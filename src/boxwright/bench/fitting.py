"""Rectangles and cuboids around clusters, as others do it. Rectangles are compared as yaw (K,) of one side, centre (K, 2) and size (K, 2), cuboids
as Cuboids with the cluster's truth."""

from __future__ import annotations

from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Float64s, Floats
from ..cuboids import Cuboids
from ..rotations import quat_from_matrix
from .contender import DifferenceError
from .workloads import Clusters

__all__ = [
    "clusters_moved",
    "cv2_rectangle",
    "cv2_rectangle_result",
    "flat_clusters",
    "flat_clusters_float32",
    "numpy_closeness",
    "numpy_closeness_result",
    "numpy_cuboid",
    "numpy_cuboids",
    "open3d_cuboids",
    "open3d_minimal_obb",
    "open3d_obb",
    "open3d_obb_result",
    "open3d_points",
    "our_clusters",
    "our_cuboids",
    "our_cuboids_result",
    "same_cuboids",
    "same_rectangles",
    "trimesh_cuboid",
    "trimesh_cuboids",
    "trimesh_rectangle",
    "trimesh_rectangle_result",
    "whole_clusters",
    "whole_clusters_float64",
    "yaw_error_deg",
]


def flat_clusters(workload: Clusters) -> Any:
    points = workload.points[:, :2].astype(np.float64)
    return [points[i:j] for i, j in zip(workload.offsets[:-1], workload.offsets[1:])]


def flat_clusters_float32(workload: Clusters) -> Any:
    return [np.ascontiguousarray(part, np.float32) for part in flat_clusters(workload)]


def cv2_rectangle(prepared: Any) -> Any:
    import cv2

    return [cv2.minAreaRect(part) for part in prepared]


def cv2_rectangle_result(prepared: Any, returned: Any) -> Any:
    center, size, degrees = zip(*returned)
    return np.radians(degrees), np.array(center), np.array(size)


MANY_CLUSTERS = 40
ANGLES_RAD = np.radians(np.arange(90.0))


def numpy_closeness(prepared: Any) -> Any:
    """L-shape search (Zhang et al., IV 2017): 90 angles, each judged by the closeness of the points to the nearer of the four sides."""
    along, across = np.stack([np.cos(ANGLES_RAD), np.sin(ANGLES_RAD)]), np.stack([-np.sin(ANGLES_RAD), np.cos(ANGLES_RAD)])
    found = []
    for part in prepared:
        c1, c2 = part @ along, part @ across
        low1, high1, low2, high2 = c1.min(0), c1.max(0), c2.min(0), c2.max(0)
        d1 = np.minimum(high1 - c1, c1 - low1)
        d2 = np.minimum(high2 - c2, c2 - low2)
        best = int(np.argmax((1 / np.maximum(np.minimum(d1, d2), 0.01)).sum(0)))
        found.append((best, low1[best], high1[best], low2[best], high2[best]))
    return found


def numpy_closeness_result(prepared: Any, returned: Any) -> Any:
    best, low1, high1, low2, high2 = (np.array(column) for column in zip(*returned))
    yaw = ANGLES_RAD[best]
    a, b = (low1 + high1) / 2, (low2 + high2) / 2
    center = np.stack([a * np.cos(yaw) - b * np.sin(yaw), a * np.sin(yaw) + b * np.cos(yaw)], -1)
    return yaw, center, np.stack([high1 - low1, high2 - low2], -1)


def open3d_points(workload: Clusters) -> Any:
    import open3d

    points = workload.points.astype(np.float64)
    return [open3d.utility.Vector3dVector(points[i:j]) for i, j in zip(workload.offsets[:-1], workload.offsets[1:])]


def open3d_obb(prepared: Any) -> Any:
    import open3d

    return [open3d.geometry.OrientedBoundingBox.create_from_points(part) for part in prepared]


def open3d_obb_result(prepared: Any, returned: Any) -> Any:
    """The two axes that lie flattest."""
    rows = []
    for box in returned:
        rotation, extent = np.asarray(box.R), np.asarray(box.extent)
        i, j = np.sort(np.argsort(np.abs(rotation[2]))[:2])
        rows.append((np.arctan2(rotation[1, i], rotation[0, i]), *box.center[:2], extent[i], extent[j]))
    table = np.array(rows)
    return table[:, 0], table[:, 1:3], table[:, 3:]


def open3d_minimal_obb(prepared: Any) -> Any:
    import open3d

    return [open3d.geometry.OrientedBoundingBox.create_from_points_minimal(part, robust=True) for part in prepared]


def open3d_cuboids(prepared: Any, returned: Any) -> Cuboids:
    rotations = np.array([box.R for box in returned])
    return Cuboids([box.center for box in returned], [box.extent for box in returned], quat_wxyz=quat_from_matrix(rotations))


def trimesh_rectangle(prepared: Any) -> Any:
    import trimesh

    return [trimesh.bounds.oriented_bounds_2D(part) for part in prepared]


def trimesh_rectangle_result(prepared: Any, returned: Any) -> Any:
    """Its transforms put the rectangle's centre at the origin and its first side along x."""
    matrices, sizes = (np.array(column) for column in zip(*returned))
    yaw = np.arctan2(matrices[:, 0, 1], matrices[:, 0, 0])
    center = -np.einsum("kji,kj->ki", matrices[:, :2, :2], matrices[:, :2, 2])
    return yaw, center, sizes


def trimesh_cuboid(prepared: Any) -> Any:
    import trimesh

    return [trimesh.bounds.oriented_bounds(part) for part in prepared]


def trimesh_cuboids(prepared: Any, returned: Any) -> Cuboids:
    matrices, sizes = (np.array(column) for column in zip(*returned))
    rotations = matrices[:, :3, :3].swapaxes(1, 2)
    center = -np.einsum("kij,kj->ki", rotations, matrices[:, :3, 3])
    return Cuboids(center, sizes, quat_wxyz=quat_from_matrix(rotations))


def whole_clusters(workload: Clusters) -> list[Floats]:
    return [workload.points[i:j] for i, j in zip(workload.offsets[:-1], workload.offsets[1:])]


def whole_clusters_float64(workload: Clusters) -> list[Float64s]:
    return [part.astype(np.float64) for part in whole_clusters(workload)]


def numpy_cuboid(prepared: Any) -> Any:
    """The rectangle from above, from the lowest to the highest point."""
    rectangles = numpy_closeness([part[:, :2] for part in prepared])
    return rectangles, [(part[:, 2].min(), part[:, 2].max()) for part in prepared]


def numpy_cuboids(prepared: Any, returned: Any) -> Cuboids:
    yaw, center, size = numpy_closeness_result(prepared, returned[0])
    bottom, top = np.array(returned[1]).T
    return Cuboids(np.column_stack([center, (bottom + top) / 2]), np.column_stack([size, top - bottom]), yaw)


def our_clusters(workload: Clusters) -> tuple[list[Floats], float]:
    return whole_clusters(workload), workload.face_margin_m


def our_cuboids(prepared: tuple[list[Floats], float]) -> list[bw.Fit]:
    parts, face_margin_m = prepared
    return [bw.fit_cuboid(part, face_margin_m=face_margin_m) for part in parts]


def our_cuboids_result(prepared: Any, fits: list[bw.Fit]) -> Cuboids:
    return Cuboids([fit.cuboid.center_m for fit in fits], [fit.cuboid.size_m for fit in fits], quat_wxyz=[fit.cuboid.quat_wxyz for fit in fits])


def clusters_moved(workload: Clusters, _: Any) -> tuple[int, int]:
    """What comes back is next to nothing."""
    return workload.points.nbytes, 0


def same_cuboids(workload: Clusters, ours: Cuboids, theirs: Cuboids) -> str:
    """Our cuboids overlap the true ones about as well as the rival's do, or better: methods differ, so cuboids do. The tightest box is hard to beat
    where two sides are seen whole, and far off elsewhere."""
    truth = Cuboids(workload.truth.center_m, workload.truth.size_m, quat_wxyz=workload.truth.quat_wxyz)
    mine, other = (np.median(bw.iou_3d_pairs(cuboids, truth)) for cuboids in (ours, theirs))
    if not mine >= other - 0.05:
        raise DifferenceError(f"median IoU with the truth {mine:.2f}, the rival's {other:.2f}")
    return f"median IoU with the truth {mine:.2f}, the rival's {other:.2f}"


def _yaw_error(yaw: Float64s, truth: Float64s) -> Float64s:
    """(K,) degrees, modulo a quarter turn: a rectangle does not tell its front."""
    return np.abs(np.degrees((yaw - truth + np.pi / 4) % (np.pi / 2) - np.pi / 4))


def yaw_error_deg(workload: Clusters, rectangles: Any) -> float:
    """Degrees that 95 % of the headings err by at the most; half of them where there are few, since then one cluster would decide."""
    return float(np.percentile(_yaw_error(rectangles[0], workload.truth.yaw_rad), _share(workload)))


def _share(workload: Clusters) -> int:
    return 95 if len(workload.truth) >= MANY_CLUSTERS else 50


def same_rectangles(workload: Clusters, ours: Any, theirs: Any) -> str:
    """Every rectangle of ours holds its points, and the headings are at least as good as the rival's (methods differ, so rectangles do)."""
    yaw, center, size = ours
    for k, part in enumerate(flat_clusters(workload)):
        turn = np.array([[np.cos(yaw[k]), -np.sin(yaw[k])], [np.sin(yaw[k]), np.cos(yaw[k])]])
        beyond = (np.abs((part - center[k]) @ turn) - size[k] / 2).max()
        if beyond > 1e-6:
            raise DifferenceError(f"cluster {k}: a point lies {beyond:.3g} m outside of the rectangle")
    mine, other = yaw_error_deg(workload, ours), yaw_error_deg(workload, theirs)
    if mine > other + 0.1:
        raise DifferenceError(f"{_share(workload)} % of yaw errors within {mine:.2f} deg, the rival's within {other:.2f}")
    return f"{_share(workload)} % of yaw errors within {mine:.2f} deg, the rival's within {other:.2f}"
