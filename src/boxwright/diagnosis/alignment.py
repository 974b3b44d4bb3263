"""Whether a cloud fits a picture: edges of things in the cloud fall on edges in the picture, and nowhere else as well.

After J. Levinson and S. Thrun, Automatic online calibration of cameras and lasers, RSS 2013: the sum of edge strength at depth edges, which is
largest at the right calibration; here against the same sum with the picture shifted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cameras import Camera
from ..frames import Pose
from ..projection import project_points

__all__ = ["peak"]

_CELLS = 160  # across the picture
_WIDTH_PX = 1024
_SHIFTS = (*range(-72, -23, 8), *range(24, 73, 8))
_LEAST = 60


def peak(image: np.ndarray[Any, np.dtype[np.uint8]], xyz: Float64s, camera: Camera, cam_from_points: Pose) -> float:
    """How much stronger the picture's edges are at depth edges of the cloud than with the picture shifted aside, in standard deviations of the
    latter; 0 where too few depth edges are in the picture."""
    uv = _depth_edges(xyz, camera, cam_from_points)
    if len(uv) < _LEAST:
        return 0.0
    strength, scale = _edges(image)
    uv = uv * scale
    near = max(float(_sum(strength, uv, dx, dy)) for dx in (-2, 0, 2) for dy in (-2, 0, 2))
    far = np.array([max(float(_sum(strength, uv, shift + dx, dy)) for dx in (-2, 0, 2) for dy in (-2, 0, 2)) for shift in _SHIFTS])
    return float((near - far.mean()) / max(far.std(), 1e-6))


def _depth_edges(xyz: Float64s, camera: Camera, cam_from_points: Pose) -> Float64s:
    """(K, 2) pixels where something near ends and the next cell across shows something far."""
    image = project_points(xyz, camera, cam_from_points)
    seen = image.in_image & (image.depth_m > 2) & (image.depth_m < 40)
    uv, depth = image.uv[seen], image.depth_m[seen]
    width, height = camera.size_px
    cell = width / _CELLS
    columns, rows = (uv[:, 0] / cell).astype(int).clip(0), (uv[:, 1] / cell).astype(int).clip(0)
    n_rows = int(height / cell) + 2
    nearest = np.full((n_rows, _CELLS + 2), np.inf)
    np.minimum.at(nearest, (rows, columns), depth)
    if not len(uv):
        return np.zeros((0, 2))
    is_near = depth < nearest[rows, columns] + 0.3
    left, right = nearest[rows, np.maximum(columns - 1, 0)], nearest[rows, columns + 1]
    beyond = np.zeros(len(uv), bool)
    for side in (left, right):
        beyond |= np.isfinite(side) & (side > depth + 2) & (side > 1.25 * depth)
    return np.asarray(uv[is_near & beyond])


def _edges(image: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[Float64s, float]:
    """Strength of upright edges, evened out over the picture, and the scale of the picture they are in."""
    import cv2

    scale = min(1.0, _WIDTH_PX / image.shape[1])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    strength = np.abs(cv2.Sobel(cv2.GaussianBlur(small, (0, 0), 1.2), cv2.CV_32F, 1, 0))
    strength = np.minimum(strength, np.quantile(strength, 0.97))
    usual = cv2.boxFilter(strength, -1, (151, 151)) + 1
    return np.asarray(cv2.GaussianBlur(strength / usual, (0, 0), 1.5), np.float64), scale


def _sum(strength: Float64s, uv: Float64s, dx: int, dy: int) -> Float64s:
    height, width = strength.shape
    column = np.rint(uv[:, 0] + dx).astype(int)
    row = np.rint(uv[:, 1] + dy).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.asarray(strength[row[inside], column[inside]].mean() if inside.any() else 0.0)
