"""The height of the ground, as others find it: one plane. Compared as (K,) heights under the places asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Float64s
from .contender import DifferenceError
from .workloads import Terrain

__all__ = [
    "ground_moved",
    "numpy_plane",
    "open3d_plane",
    "open3d_points",
    "our_heights",
    "plane_heights",
    "same_ground",
    "sklearn_columns",
    "sklearn_heights",
    "sklearn_plane",
    "xyz_float64",
]

NEAR_M, TRIALS = 0.2, 100


def our_heights(workload: Terrain, ground: bw.Ground) -> Float64s:
    return ground.height_m(workload.xy)


def ground_moved(workload: Terrain, ground: bw.Ground) -> tuple[int, int]:
    return workload.points.nbytes, ground.nodes_m.nbytes


def xyz_float64(workload: Terrain) -> Any:
    return workload, workload.points.astype(np.float64)


def numpy_plane(prepared: Any) -> Any:
    """RANSAC: of 100 planes through three points the one with most points within 20 cm; then least squares through these."""
    _, points = prepared
    rng = np.random.default_rng(0)
    most, best = -1, points[:0]
    for _ in range(TRIALS):
        a, b, c = points[rng.choice(len(points), 3, replace=False)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length < 1e-9:
            continue
        near = np.abs((points - a) @ (normal / length)) < NEAR_M
        if (n := int(near.sum())) > most:
            most, best = n, near
    kept = points[best]
    (slope_x, slope_y, height), *_ = np.linalg.lstsq(np.column_stack([kept[:, :2], np.ones(len(kept))]), kept[:, 2], rcond=None)
    return slope_x, slope_y, -1.0, height


def open3d_points(workload: Terrain) -> Any:
    import open3d

    return workload, open3d.geometry.PointCloud(open3d.utility.Vector3dVector(workload.points.astype(np.float64)))


def open3d_plane(prepared: Any) -> Any:
    return prepared[1].segment_plane(NEAR_M, 3, TRIALS)[0]


def plane_heights(prepared: Any, plane: Any) -> Float64s:
    a, b, c, d = plane
    heights: Float64s = -(prepared[0].xy @ np.array([a, b]) + d) / c
    return heights


def sklearn_columns(workload: Terrain) -> Any:
    points = workload.points.astype(np.float64)
    return workload, points[:, :2], points[:, 2]


def sklearn_plane(prepared: Any) -> Any:
    from sklearn.linear_model import RANSACRegressor

    return RANSACRegressor(residual_threshold=NEAR_M, max_trials=TRIALS, stop_probability=1, random_state=0).fit(*prepared[1:])


def sklearn_heights(prepared: Any, plane: Any) -> Float64s:
    heights: Float64s = plane.predict(prepared[0].xy)
    return heights


def same_ground(workload: Terrain, ours: Float64s, theirs: Float64s) -> str:
    """Our heights are known everywhere, and no worse than the rival's."""
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        raise DifferenceError(f"{int(np.isfinite(ours).sum())} heights of {len(theirs)}")
    mine, other = (float(np.percentile(np.abs(heights - workload.height_m), 90)) for heights in (ours, theirs))
    if not mine <= other + 0.02:
        raise DifferenceError(f"90 % of heights within {mine:.3f} m, the rival's within {other:.3f} m")
    return f"90 % of heights within {mine:.3f} m, the rival's within {other:.3f} m"
