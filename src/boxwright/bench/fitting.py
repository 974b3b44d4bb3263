"""Rectangles around clusters, as others do it; compared as yaw (K,) of one side, centre (K, 2) and size (K, 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Float64s
from .contender import DifferenceError
from .workloads import Clusters

__all__ = [
    "cv2_rectangle",
    "cv2_rectangle_result",
    "flat_clusters",
    "flat_clusters_float32",
    "numpy_closeness",
    "numpy_closeness_result",
    "open3d_obb",
    "open3d_obb_result",
    "open3d_points",
    "same_rectangles",
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


def _yaw_error(yaw: Float64s, truth: Float64s) -> Float64s:
    """(K,) degrees, modulo a quarter turn: a rectangle does not tell its front."""
    return np.abs(np.degrees((yaw - truth + np.pi / 4) % (np.pi / 2) - np.pi / 4))


def same_rectangles(workload: Clusters, ours: Any, theirs: Any) -> str:
    """Every rectangle of ours holds its points, and the headings are at least as good as the rival's (methods differ, so rectangles do)."""
    yaw, center, size = ours
    for k, part in enumerate(flat_clusters(workload)):
        turn = np.array([[np.cos(yaw[k]), -np.sin(yaw[k])], [np.sin(yaw[k]), np.cos(yaw[k])]])
        beyond = (np.abs((part - center[k]) @ turn) - size[k] / 2).max()
        if beyond > 1e-6:
            raise DifferenceError(f"cluster {k}: a point lies {beyond:.3g} m outside of the rectangle")
    mine, other = (float(np.percentile(_yaw_error(result[0], workload.yaw_rad), 95)) for result in (ours, theirs))
    if mine > other + 0.1:
        raise DifferenceError(f"95 % of yaw errors within {mine:.2f} deg, the rival's within {other:.2f}")
    return f"p95 of yaw error {mine:.2f} deg, the rival's {other:.2f}"
