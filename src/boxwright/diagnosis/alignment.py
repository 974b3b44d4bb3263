"""Whether a cloud fits a picture: at the right calibration, and not with the picture shifted aside.

Two measures, since each is blind where the other sees. Edges: those of things in the cloud fall on edges in the picture (J. Levinson and S. Thrun,
Automatic online calibration of cameras and lasers, RSS 2013). Brightness: how much light comes back to the LiDAR says something of how bright a
thing is in the picture, by their mutual information (G. Pandey and others, Automatic targetless extrinsic calibration of a 3D lidar and camera by
maximizing mutual information, AAAI 2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import Camera
from ..frames import Pose
from ..projection import project_points
from .evidence import Cloud

__all__ = ["fit_of"]

Picture = np.ndarray[Any, np.dtype[np.uint8]]

_CELLS = 160  # across the picture
_WIDTH_PX = 1024
_SHIFTS = (*range(-72, -23, 8), *range(24, 73, 8))
_LEAST = 60
_LEAST_POINTS = 500
_MOST_POINTS = 10_000
_GREYS, _SHINES = 16, 8


def fit_of(image: Picture, cloud: Cloud, camera: Camera, cam_from_points: Pose) -> float:
    """How much better the cloud fits the picture than with the picture shifted aside.

    The sum of both measures, each in standard deviations over the shifts, over sqrt(2): about N(0, 1) where the cloud is of elsewhere. A measure
    counts nothing where too little is in the picture.
    """
    edges = _of_edges(image, _depth_edges(cloud.xyz, camera, cam_from_points))
    return (edges + _of_brightness(image, cloud, camera, cam_from_points)) / math.sqrt(2)


def _stands_out(at: Callable[[int], float]) -> float:
    """What is had without a shift, in standard deviations over shifts."""
    far = np.array([at(shift) for shift in _SHIFTS])
    return float((at(0) - far.mean()) / max(far.std(), 1e-6))


def _of_edges(image: Picture, uv: Float64s) -> float:
    if len(uv) < _LEAST:
        return 0.0
    strength, scale = _edges(image)
    uv = uv * scale
    return _stands_out(lambda shift: max(float(_mean(strength, uv, shift + dx, dy)) for dx in (-2, 0, 2) for dy in (-2, 0, 2)))


def _of_brightness(image: Picture, cloud: Cloud, camera: Camera, cam_from_points: Pose) -> float:
    if cloud.intensity is None:
        return 0.0
    seen = project_points(cloud.xyz, camera, cam_from_points)
    rows = np.flatnonzero(seen.in_image & (seen.depth_m > 2) & (seen.depth_m < 60))
    if len(rows) < _LEAST_POINTS:
        return 0.0
    rows = rows[:: -(-len(rows) // _MOST_POINTS)]
    grey, scale = _small(image, 1.5)
    uv = np.rint(seen.uv[rows] * scale).astype(int)
    ranks = np.argsort(np.argsort(cloud.intensity[rows], kind="stable"), kind="stable").astype(np.int64)
    levels = (grey / (256 / _GREYS)).astype(int)
    return _stands_out(lambda shift: _information(levels, uv + np.array([shift, 0]), ranks * _SHINES // len(rows)))


def _information(levels: Int64s, uv: Int64s, shine: Int64s) -> float:
    """Mutual information of grey levels and ranks of intensity."""
    height, width = levels.shape
    inside = (uv >= 0).all(1) & (uv < (width, height)).all(1)
    if not inside.any():
        return 0.0
    level = levels[uv[inside, 1], uv[inside, 0]]
    share = np.bincount(shine[inside] * _GREYS + level, minlength=_SHINES * _GREYS).reshape(_SHINES, _GREYS) / inside.sum()
    alone = share.sum(1, keepdims=True) * share.sum(0, keepdims=True)
    return float((share[share > 0] * np.log(share[share > 0] / alone[share > 0])).sum())


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


def _small(image: Picture, blur_px: float) -> tuple[np.ndarray[Any, np.dtype[np.float32]], float]:
    """The picture in grey, no wider than it need be, and its scale."""
    import cv2

    scale = min(1.0, _WIDTH_PX / image.shape[1])
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(grey.astype(np.float32), (0, 0), blur_px), scale  # type: ignore[return-value]


def _edges(image: Picture) -> tuple[Float64s, float]:
    """Strength of upright edges, evened out over the picture, and the scale of the picture they are in."""
    import cv2

    small, scale = _small(image, 1.2)
    strength = np.abs(cv2.Sobel(small, cv2.CV_32F, 1, 0))
    strength = np.minimum(strength, np.quantile(strength, 0.97))
    usual = cv2.boxFilter(strength, -1, (151, 151)) + 1
    return np.asarray(cv2.GaussianBlur(strength / usual, (0, 0), 1.5), np.float64), scale


def _mean(strength: Float64s, uv: Float64s, dx: int, dy: int) -> Float64s:
    height, width = strength.shape
    column = np.rint(uv[:, 0] + dx).astype(int)
    row = np.rint(uv[:, 1] + dy).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    return np.asarray(strength[row[inside], column[inside]].mean() if inside.any() else 0.0)
