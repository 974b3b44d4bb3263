"""Points into pictures, as others do it; compared as one (uv (N, 2), is_in_image (N,)) per camera."""

from __future__ import annotations

from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Bools, Float64s
from .contender import DifferenceError
from .workloads import Boxes, Fisheye, Rig

__all__ = [
    "boxes_moved",
    "cv2_boxes",
    "cv2_fisheye",
    "cv2_prepared",
    "cv2_projection",
    "fisheye_matrices",
    "fisheye_moved",
    "fisheye_pose",
    "numpy_boxes",
    "numpy_fisheye",
    "numpy_projection",
    "our_fisheye_result",
    "rig_matrices",
    "rig_moved",
    "same_boxes",
    "same_fisheye",
    "same_images",
    "spread_fisheye",
    "spread_images",
    "with_out",
    "with_poses",
]


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


def rig_moved(workload: Rig, images: list[bw.ImagePoints]) -> tuple[int, int]:
    return workload.points_lidar.nbytes, sum(image.uv.nbytes + image.depth_m.nbytes + image.status.nbytes for image in images)


def fisheye_pose(workload: Fisheye) -> Any:
    return workload, bw.Pose.from_matrix(workload.cam_from_lidar)


def our_fisheye_result(_: Any, image: bw.ImagePoints) -> tuple[Float64s, Bools]:
    """Of the points ahead: the rivals know no others."""
    return np.asarray(image.uv, np.float64), image.in_image & (image.depth_m > 0)


def fisheye_moved(workload: Fisheye, image: bw.ImagePoints) -> tuple[int, int]:
    return workload.points_lidar.nbytes, image.uv.nbytes + image.depth_m.nbytes + image.status.nbytes


def fisheye_matrices(workload: Fisheye) -> Any:
    return workload.points_lidar.astype(np.float64), workload.cam_from_lidar, workload.camera


def numpy_fisheye(prepared: Any) -> Any:
    points, matrix, camera = prepared
    cam = points @ matrix[:3, :3].T + matrix[:3, 3]
    front = np.flatnonzero(cam[:, 2] > 0)
    x, y, z = cam[front].T
    away = np.hypot(x, y)
    angle = np.arctan2(away, z)
    square = angle * angle
    k1, k2, k3, k4 = camera.coefficients
    scale = angle * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4)))) / np.where(away > 0, away, 1)
    return front, camera.fx_px * x * scale + camera.cx_px, camera.fy_px * y * scale + camera.cy_px


def cv2_fisheye(prepared: Any) -> Any:
    """cv2.fisheye.projectPoints of the points ahead."""
    import cv2

    points, matrix, camera = prepared
    front = np.flatnonzero(points @ matrix[2, :3] + matrix[2, 3] > 0)
    turn = cv2.Rodrigues(matrix[:3, :3])[0]
    uv = cv2.fisheye.projectPoints(points[front, None], turn, matrix[:3, 3].copy(), camera.matrix, camera.coefficients)[0][:, 0]
    return front, uv[:, 0], uv[:, 1]


def spread_fisheye(prepared: Any, returned: Any) -> tuple[Float64s, Bools]:
    points, _, camera = prepared
    front, u, v = returned
    uv, is_in = np.full((len(points), 2), np.nan), np.zeros(len(points), bool)
    uv[front] = np.stack([u, v], -1)
    is_in[front] = (u >= -0.5) & (v >= -0.5) & (u < camera.width_px - 0.5) & (v < camera.height_px - 0.5)
    return uv, is_in


def same_fisheye(workload: Fisheye, ours: tuple[Float64s, Bools], theirs: tuple[Float64s, Bools]) -> str:
    (uv, is_in), (other_uv, other_in) = ours, theirs
    if not np.array_equal(is_in, other_in):
        raise DifferenceError(f"{int((is_in != other_in).sum())} points are seen by one alone")
    worst = float(np.abs(uv[is_in] - other_uv[is_in]).max(initial=0))
    if not worst <= 1e-6:
        raise DifferenceError(f"{worst:.3g} px apart")
    return f"{int(is_in.sum()):,} pixels within {worst:.1g} px"


def boxes_moved(workload: Boxes, boxes: bw.ImageBoxes) -> tuple[int, int]:
    return len(workload.cuboids_cam) * 10 * 8, boxes.xyxy.nbytes + boxes.visible.nbytes + boxes.truncation.nbytes


def numpy_boxes(workload: Boxes) -> Float64s:
    """The box around the corners: right where a cuboid lies whole in the picture and the lens is straight."""
    corners, camera = workload.cuboids_cam.corners_m(), workload.camera
    u = camera.fx_px * corners[..., 0] / corners[..., 2] + camera.cx_px
    v = camera.fy_px * corners[..., 1] / corners[..., 2] + camera.cy_px
    return np.stack([u.min(1), v.min(1), u.max(1), v.max(1)], -1)


def cv2_boxes(workload: Boxes) -> Float64s:
    """As `numpy_boxes`, the corners by cv2.projectPoints."""
    import cv2

    corners, zero = workload.cuboids_cam.corners_m().reshape(-1, 3), np.zeros(3)
    uv = cv2.projectPoints(corners, zero, zero, workload.camera.matrix, None)[0].reshape(-1, 8, 2)
    boxes: Float64s = np.concatenate([uv.min(1), uv.max(1)], -1)
    return boxes


def same_boxes(workload: Boxes, ours: Float64s, theirs: Float64s) -> str:
    apart = np.abs(ours - theirs)
    if not (len(ours) == len(workload.cuboids_cam) and apart.max(initial=0) <= 1e-6):
        raise DifferenceError(f"boxes {np.max(apart):.3g} px apart")
    return f"{len(ours):,} boxes within {apart.max(initial=0):.1g} px"
