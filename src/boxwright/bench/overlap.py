"""IoU of cuboids, as others do it; compared as bev (A, B) and volumetric (A, B)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Float64s
from .contender import DifferenceError
from .workloads import Overlaps

__all__ = ["cv2_overlap", "cv2_rectangles", "same_overlap", "shapely_overlap", "shapely_prepared", "with_out"]


def _outlines(cuboids: Any) -> Any:
    """(M, 4, 2) counter-clockwise, of upright cuboids."""
    return cuboids.corners_m()[:, [3, 7, 6, 2], :2]


def shapely_prepared(workload: Overlaps) -> Any:
    import shapely

    return tuple(part for c in (workload.a, workload.b) for part in (shapely.polygons(_outlines(c)), np.prod(c.size_m[:, :2], axis=1)))


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
    """Around one shared origin, since cv2 computes in float32."""
    parts: list[Any] = []
    for c in (workload.a, workload.b):
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
