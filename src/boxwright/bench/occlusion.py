"""Depth maps, as a z-buffer in numpy makes them; compared as (range of each cell, which points are seen)."""

from __future__ import annotations

from typing import Any

import numpy as np

import boxwright as bw

from .contender import DifferenceError
from .workloads import Rig

__all__ = ["depth_moved", "numpy_depth", "our_depth", "same_depth", "with_camera", "with_pose"]

GAPS_RAD = (0.0021, 0.0078)  # of the workload's beams; said, since a plain z-buffer does not find them
CELL_PX = 2


def with_pose(workload: Rig) -> Any:
    return workload.points_lidar, workload.cameras[0], bw.Pose.from_matrix(workload.cam_from_lidar[0])


def our_depth(prepared: Any) -> bw.DepthMap:
    return bw.depth_map(*prepared, beam_gaps_rad=GAPS_RAD, cell_px=CELL_PX)


def depth_moved(workload: Rig, made: bw.DepthMap) -> tuple[int, int]:
    return workload.points_lidar.nbytes, made.range_m.nbytes + made.sees.nbytes


def with_camera(workload: Rig) -> Any:
    return workload.points_lidar.astype(np.float64), workload.cameras[0], workload.cam_from_lidar[0]


def numpy_depth(prepared: Any) -> Any:
    """Every point into every cell that its patch covers, the nearest kept by np.minimum.at. Brown-Conrady with five coefficients."""
    points, camera, matrix = prepared
    k1, k2, p1, p2, k3 = camera.coefficients[:5]
    cam = points @ matrix[:3, :3].T + matrix[:3, 3]
    front = np.flatnonzero(cam[:, 2] > 0)
    a, b = cam[front, 0] / cam[front, 2], cam[front, 1] / cam[front, 2]
    rho = a * a + b * b
    near = rho < camera.max_radius**2
    front, a, b, rho = front[near], a[near], b[near], rho[near]
    radial, slope = 1 + rho * (k1 + rho * (k2 + rho * k3)), k1 + rho * (2 * k2 + rho * 3 * k3)
    u = camera.fx_px * (a * radial + 2 * p1 * a * b + p2 * (rho + 2 * a * a)) + camera.cx_px
    v = camera.fy_px * (b * radial + p1 * (rho + 2 * b * b) + 2 * p2 * a * b) + camera.cy_px
    inside = (u >= -0.5) & (v >= -0.5) & (u < camera.width_px - 0.5) & (v < camera.height_px - 0.5)
    seen, a, b, radial, slope, u, v = (array[inside] for array in (front, a, b, radial, slope, u, v))
    at = cam[seen]
    beam, away = at - matrix[:3, 3], np.linalg.norm(at, axis=1)
    cross = 2 * a * b * slope + 2 * (p1 * a + p2 * b)
    of_u = camera.fx_px * np.stack([radial + 2 * a * a * slope + 2 * p1 * b + 6 * p2 * a, cross])
    of_v = camera.fy_px * np.stack([cross, radial + 2 * b * b * slope + 6 * p1 * b + 2 * p2 * a])
    stretches = []
    for slopes, gap, place, size in ((of_u, GAPS_RAD[0], u, camera.width_px), (of_v, GAPS_RAD[1], v, camera.height_px)):
        turn = np.stack([slopes[0], slopes[1], -(slopes[0] * a + slopes[1] * b)], 1) / at[:, 2:]
        rate = np.sqrt((beam * beam).sum(1) * (turn * turn).sum(1) - (turn * beam).sum(1) ** 2)
        half, middle, n = np.minimum(gap / 2 * rate / CELL_PX, 64), (place + 0.5) / CELL_PX, -(-size // CELL_PX)
        own = middle.astype(np.int64)
        first = np.minimum(np.ceil(middle - half - 0.5).astype(np.int64), own).clip(0, n - 1)
        last = np.maximum(np.floor(middle + half - 0.5).astype(np.int64), own).clip(0, n - 1)
        stretches.append((own, first, last - first + 1, n))
    (column, left, across, n_columns), (row, top, down, n_rows) = stretches
    n_cells = across * down
    owner = np.repeat(np.arange(len(seen)), n_cells)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(n_cells) - n_cells, n_cells)
    cell = (top[owner] + step // across[owner]) * n_columns + left[owner] + step % across[owner]
    ranges = np.full(n_rows * n_columns, np.inf)
    np.minimum.at(ranges, cell, away[owner])
    sees = np.zeros(len(points), bool)
    sees[seen] = ranges[row * n_columns + column] >= away - (0.2 + 0.02 * away)
    return ranges.reshape(n_rows, n_columns), sees


def same_depth(workload: Rig, ours: Any, theirs: Any) -> str:
    """The same cells are filled, with the same ranges, and the same points are seen."""
    (range_m, sees), (other_m, other_sees) = ours, theirs
    filled = np.isfinite(range_m)
    if range_m.shape != other_m.shape or (filled != np.isfinite(other_m)).any():
        raise DifferenceError(f"{int(filled.sum())} cells are filled, the rival's {int(np.isfinite(other_m).sum())}")
    worst = float(np.abs(range_m[filled] - other_m[filled]).max(initial=0))
    if not worst <= 1e-9 or (sees != other_sees).any():
        raise DifferenceError(f"{worst:.3g} m apart; {int((sees != other_sees).sum())} points are seen by one alone")
    return f"{int(filled.sum()):,} cells within {worst:.1g} m, {int(sees.sum()):,} points seen"
