"""Points into pictures, as others do it; compared as one (uv (N, 2), is_in_image (N,)) per camera."""

from __future__ import annotations

from typing import Any

import numpy as np

import boxwright as bw

from .contender import DifferenceError
from .workloads import Rig

__all__ = ["cv2_prepared", "cv2_projection", "numpy_projection", "rig_matrices", "same_images", "spread_images", "with_out", "with_poses"]


def with_poses(workload: Rig) -> Any:
    """The workload, and its transforms as poses."""
    return workload, [bw.Pose.from_matrix(matrix) for matrix in workload.cam_from_lidar]


def with_out(workload: Rig) -> Any:
    """The workload, its poses, and images to be filled."""
    _, poses = with_poses(workload)
    return workload, poses, bw.project_points(workload.points_lidar, workload.cameras, poses, dtype=workload.dtype)


def rig_matrices(workload: Rig) -> Any:
    points = np.ascontiguousarray(workload.points_lidar, workload.dtype)
    matrices = [m.astype(workload.dtype) for m in workload.cam_from_lidar]
    return points, workload.cameras, matrices


def numpy_projection(prepared: Any) -> Any:
    """Points in front of each camera only, and within its lens's radius; Brown-Conrady with five coefficients."""
    points, cameras, matrices = prepared
    kind, images = points.dtype.type, []
    for camera, matrix in zip(cameras, matrices):
        k1, k2, p1, p2, k3 = (kind(v) for v in camera.coefficients[:5])
        fx, fy, cx, cy = (kind(v) for v in (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px))
        cam = points @ matrix[:3, :3].T + matrix[:3, 3]
        front = np.flatnonzero(cam[:, 2] > 0)
        x, y, z = cam[front].T
        x, y = x / z, y / z
        xx, yy, xy = x * x, y * y, x * y
        rho = xx + yy
        radial = 1 + rho * (k1 + rho * (k2 + rho * k3))
        with np.errstate(over="ignore", invalid="ignore"):  # far off the axis, beyond the fold
            u = fx * (x * radial + 2 * p1 * xy + p2 * (rho + 2 * xx)) + cx
            v = fy * (y * radial + p1 * (rho + 2 * yy) + 2 * p2 * xy) + cy
        inside = (rho < camera.max_radius**2) & (u >= -0.5) & (v >= -0.5) & (u < camera.width_px - 0.5) & (v < camera.height_px - 0.5)
        images.append((front, u, v, inside))
    return images


def cv2_prepared(workload: Rig) -> Any:
    import cv2

    points = np.ascontiguousarray(workload.points_lidar, np.float64)
    lenses = [
        (m, cv2.Rodrigues(m[:3, :3])[0], m[:3, 3].copy(), c.matrix, c.coefficients[:5].copy(), c)
        for c, m in zip(workload.cameras, workload.cam_from_lidar)
    ]
    return points, lenses


def cv2_projection(prepared: Any) -> Any:
    """cv2.projectPoints of the points in front of each camera. It has no fold test."""
    import cv2

    points, lenses = prepared
    images = []
    for matrix, rotation, translation, intrinsics, distortion, camera in lenses:
        front = np.flatnonzero(points @ matrix[2, :3] + matrix[2, 3] > 0)
        uv = cv2.projectPoints(points[front], rotation, translation, intrinsics, distortion)[0][:, 0]
        u, v = uv[:, 0], uv[:, 1]
        inside = (u >= -0.5) & (v >= -0.5) & (u < camera.width_px - 0.5) & (v < camera.height_px - 0.5)
        images.append((front, u, v, inside))
    return images


def spread_images(prepared: Any, returned: Any) -> Any:
    n, images = len(prepared[0]), []
    for front, u, v, inside in returned:
        uv, is_in = np.full((n, 2), np.nan), np.zeros(n, bool)
        uv[front], is_in[front] = np.stack([u, v], -1), inside
        images.append((uv, is_in))
    return images


def same_images(workload: Rig, ours: Any, theirs: Any) -> str:
    """Every point we see is where the rival sees it; what only the rival sees lies beyond the fold, or on the picture's border."""
    tolerance = 1e-6 if workload.dtype == np.float64 else 0.05
    worst, n_seen, n_ghosts = 0.0, 0, 0
    for camera, matrix, (uv, is_in), (other_uv, other_in) in zip(workload.cameras, workload.cam_from_lidar, ours, theirs, strict=True):
        both = is_in & other_in
        worst = max(worst, float(np.abs(uv[both] - other_uv[both]).max(initial=0)))
        n_seen += int(is_in.sum())
        cam = workload.points_lidar.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        beyond = np.hypot(cam[:, 0], cam[:, 1]) >= (camera.max_radius - 1e-5) * cam[:, 2]
        seen = np.where(is_in[:, None], uv, other_uv)
        border = np.minimum(np.abs(seen + 0.5), np.abs(seen - (camera.width_px - 0.5, camera.height_px - 0.5))).min(1) <= tolerance
        n_ghosts += int((other_in & ~is_in & beyond).sum())
        if ((is_in != other_in) & ~border & ~(other_in & beyond)).any():
            raise DifferenceError(f"{int((is_in != other_in).sum())} points are seen by one alone")
    if worst > tolerance:
        raise DifferenceError(f"{worst:.3g} px apart, more than {tolerance:g}")
    return f"{n_seen:,} pixels within {worst:.1g} px" + (f"; {n_ghosts:,} ghost points of the rival" if n_ghosts else "")
