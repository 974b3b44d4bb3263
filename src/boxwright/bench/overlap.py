"""IoU of cuboids, as others do it; compared as bev (A, B) and volumetric (A, B)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from .contender import DifferenceError
from .workloads import Overlaps

__all__ = [
    "cv2_overlap",
    "cv2_rectangles",
    "halfspaces",
    "near_origin",
    "pairs_moved",
    "same_overlap",
    "same_volumetric",
    "scipy_overlap",
    "shapely_overlap",
    "shapely_prepared",
    "with_out",
]


def near_origin(workload: Overlaps) -> Overlaps:
    """The same place around a common centre in whole metres, which takes nothing from the coordinates: far out the rivals' own arithmetic fails."""
    shift = np.round(workload.a.center_m.mean(0))

    def moved(cuboids: Cuboids) -> Cuboids:
        return Cuboids(cuboids.center_m - shift, cuboids.size_m, quat_wxyz=cuboids.quat_wxyz)

    return Overlaps(moved(workload.a), moved(workload.b))


def _outlines(cuboids: Cuboids) -> Float64s:
    """(M, 4, 2) counter-clockwise, of upright cuboids."""
    return cuboids.corners_m()[:, [3, 7, 6, 2], :2]


def shapely_prepared(workload: Overlaps) -> Any:
    import shapely

    near = near_origin(workload)
    return tuple(part for c in (near.a, near.b) for part in (shapely.polygons(_outlines(c)), np.prod(c.size_m[:, :2], axis=1)))


def shapely_overlap(prepared: Any) -> Any:
    """A tree over one set, the exact intersection of the pairs it finds; bird's-eye view only."""
    import shapely

    a, area_a, b, area_b = prepared
    i, j = shapely.STRtree(b).query(a)
    shared = shapely.area(shapely.intersection(a[i], b[j]))
    bev = np.zeros((len(a), len(b)))
    bev[i, j] = shared / (area_a[i] + area_b[j] - shared)
    return bev


def cv2_rectangles(workload: Overlaps) -> Any:
    near = near_origin(workload)
    parts: list[Any] = []
    for c in (near.a, near.b):
        rows = np.column_stack([c.center_m[:, :2], c.size_m[:, :2], np.degrees(c.yaw_rad)])
        parts += [rows, [((r[0], r[1]), (r[2], r[3]), r[4]) for r in rows.tolist()]]
    return parts


def cv2_overlap(prepared: Any) -> Any:
    """Pairs within reach of each other by radius, then cv2's intersection; bird's-eye view only, float32."""
    import cv2

    a, rectangles_a, b, rectangles_b = prepared
    radius_a, radius_b = np.hypot(a[:, 2], a[:, 3]) / 2, np.hypot(b[:, 2], b[:, 3]) / 2
    gap = np.hypot(a[:, None, 0] - b[None, :, 0], a[:, None, 1] - b[None, :, 1])
    bev = np.zeros((len(a), len(b)))
    for i, j in zip(*np.nonzero(gap < radius_a[:, None] + radius_b)):
        kind, corners = cv2.rotatedRectangleIntersection(rectangles_a[i], rectangles_b[j])
        if kind:
            shared = cv2.contourArea(cv2.convexHull(corners))
            bev[i, j] = shared / (a[i, 2] * a[i, 3] + b[j, 2] * b[j, 3] - shared)
    return bev


def _with_volume(workload: Overlaps, bev: Float64s) -> Float64s:
    """The 3-D IoU of upright cuboids, from the one seen from above."""
    a, b = workload.a, workload.b
    area_a, area_b = np.prod(a.size_m[:, :2], axis=1)[:, None], np.prod(b.size_m[:, :2], axis=1)
    shared = bev * (area_a + area_b) / (1 + bev)
    top = np.minimum((a.center_m[:, 2] + a.size_m[:, 2] / 2)[:, None], b.center_m[:, 2] + b.size_m[:, 2] / 2)
    bottom = np.maximum((a.center_m[:, 2] - a.size_m[:, 2] / 2)[:, None], b.center_m[:, 2] - b.size_m[:, 2] / 2)
    volume = shared * np.maximum(top - bottom, 0)
    result: Float64s = volume / (area_a * a.size_m[:, 2][:, None] + area_b * b.size_m[:, 2] - volume)
    return result


def with_out(workload: Overlaps) -> Any:
    """The workload, and two arrays for the results."""
    shape = len(workload.a), len(workload.b)
    return workload, (np.zeros(shape), np.zeros(shape))


def same_overlap(workload: Overlaps, ours: Any, theirs: Any) -> str:
    bev, volumetric = ours
    tolerance = 1e-9 if theirs[1] == "float64" else 5e-4
    worst = float(np.abs(bev - theirs[0]).max(initial=0))
    worst_volume = float(np.abs(volumetric - _with_volume(workload, theirs[0])).max(initial=0))
    if max(worst, worst_volume) > tolerance:
        raise DifferenceError(f"IoU apart by {worst:.3g} from above, {worst_volume:.3g} in 3-D, more than {tolerance:g}")
    return f"{int((bev > 0).sum()):,} overlaps within {max(worst, worst_volume):.1g}"


def halfspaces(workload: Overlaps) -> Any:
    """The six planes of each cuboid, its centre, volume and radius."""
    near, parts = near_origin(workload), []
    for c in (near.a, near.b):
        rotation, half = c.rotation, c.size_m / 2
        normals = np.concatenate([rotation.swapaxes(1, 2), -rotation.swapaxes(1, 2)], 1)
        distance = np.einsum("mij,mj->mi", normals, c.center_m) + np.tile(half, 2)
        parts.append((np.concatenate([normals, -distance[..., None]], 2), c.center_m, np.prod(c.size_m, axis=1), np.linalg.norm(half, axis=1)))
    return parts


def scipy_overlap(prepared: Any) -> Float64s:
    """Pairs within reach of each other by radius; a point inside of both by linear programming, then the corners of their twelve half-spaces, and
    the volume of their hull."""
    from scipy.optimize import linprog
    from scipy.spatial import ConvexHull, HalfspaceIntersection

    (planes_a, center_a, volume_a, radius_a), (planes_b, center_b, volume_b, radius_b) = prepared
    gap = np.linalg.norm(center_a[:, None] - center_b, axis=2)
    volumetric = np.zeros(gap.shape)
    for i, j in zip(*np.nonzero(gap < radius_a[:, None] + radius_b)):
        planes = np.concatenate([planes_a[i], planes_b[j]])
        inner = linprog([0, 0, 0, -1], np.column_stack([planes[:, :3], np.ones(12)]), -planes[:, 3], bounds=[(None, None)] * 3 + [(0, None)])
        if inner.status == 0 and inner.x[3] > 1e-7:
            shared = ConvexHull(HalfspaceIntersection(planes, inner.x[:3]).intersections).volume
            volumetric[i, j] = shared / (volume_a[i] + volume_b[j] - shared)
    return volumetric


def same_volumetric(workload: Overlaps, ours: Float64s, theirs: Float64s) -> str:
    worst = float(np.abs(ours - theirs).max(initial=0))
    if not worst <= 1e-9:
        raise DifferenceError(f"IoU apart by {worst:.3g}, more than 1e-9")
    return f"{int((ours > 0).sum()):,} overlaps within {worst:.1g}"


def pairs_moved(workload: Overlaps, returned: Any) -> tuple[int, int]:
    results = returned if isinstance(returned, tuple) else (returned,)
    return (len(workload.a) + len(workload.b)) * 10 * 8, sum(result.nbytes for result in results)
