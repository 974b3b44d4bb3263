"""Clusters of points that no cuboid claims and that look like a vehicle: as long, wide and high as one, with points along its sides, and alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Bools, Float64s, Floats, Int64s
from ..rectangles import fit_rectangles
from ..terrain import Ground

__all__ = ["Cluster", "vehicle_like"]

CELL_M, NEAREST_M, FARTHEST_M = 0.3, 3.0, 40.0
LOW_M, TALL_M = 0.3, 2.6  # points from here on are an object's; from there on those of trees and walls
FEWEST = 80
LENGTH_M, WIDTH_M, TOP_M = (3.2, 5.6), (1.4, 2.2), (1.1, 2.3)
RIM_M, RIM_SHARE = 0.3, 0.7  # of the points, so many lie so near to the sides of the rectangle


@dataclass(frozen=True)
class Cluster:
    """center_m : (3,) in the frame of the points, half way up; size_m : (3,); n_points : above ground"""

    center_m: Float64s
    size_m: Float64s
    yaw_rad: float
    n_points: int


def vehicle_like(points: Floats, ground: Ground, is_claimed: Bools, origin_m: Float64s) -> list[Cluster]:
    """points (N, 3); is_claimed (N,) by cuboids; origin_m where the sensor is."""
    from scipy import ndimage

    off = points[:, :2] - origin_m[:2].astype(points.dtype)
    with np.errstate(invalid="ignore"):
        far2 = off[:, 0] * off[:, 0] + off[:, 1] * off[:, 1]
        index = np.flatnonzero((far2 > NEAREST_M**2) & (far2 < FARTHEST_M**2))
    above = ground.above_m(points[index])
    stands = above > LOW_M
    index, above = index[stands], above[stands]
    if not len(index):
        return []
    cell = ((off[index] + FARTHEST_M) / CELL_M).astype(np.int64)
    side = math.ceil(2 * FARTHEST_M / CELL_M) + 1
    flat = cell[:, 0] * side + cell[:, 1]
    grid = np.zeros(side * side, np.bool_)
    grid[flat] = True
    labels, _ = ndimage.label(grid.reshape(side, side), structure=np.ones((3, 3)))
    which = labels.ravel()[flat]
    order = np.argsort(which, kind="stable")
    index, above = index[order], above[order]
    begins = np.flatnonzero(np.diff(which[order], prepend=0))
    likely = np.flatnonzero(_may_be(begins, off[index], above, is_claimed[index]))
    ends = np.append(begins[1:], len(index))
    rows = [slice(int(begins[k]), int(ends[k])) for k in likely.tolist()]
    return _rectangular([np.asarray(points[index[some]], np.float64) for some in rows], [above[some] for some in rows]) if rows else []


def _may_be(begins: Int64s, off_m: Floats, above: Float64s, is_claimed: Bools) -> Bools:
    """(C,) bool of clusters, whose points begin at `begins`: enough, none claimed, of a vehicle's height and no wider than one is long."""
    counts = np.diff(np.append(begins, len(above)))
    top = np.maximum.reduceat(above, begins)
    fits = (counts >= FEWEST) & (top > TOP_M[0]) & (top < min(TOP_M[1], TALL_M)) & ~np.logical_or.reduceat(is_claimed, begins)
    for axis in (0, 1):
        place = np.ascontiguousarray(off_m[:, axis])
        fits &= np.maximum.reduceat(place, begins) - np.minimum.reduceat(place, begins) < LENGTH_M[1] + 0.3
    return np.asarray(fits)


def _rectangular(parts: list[Float64s], above: list[Float64s]) -> list[Cluster]:
    found = fit_rectangles(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))
    clusters = []
    for k, (xyz, height) in enumerate(zip(parts, above)):
        (length, width), yaw = found.size_m[k], float(found.yaw_rad[k])
        if not (LENGTH_M[0] < length < LENGTH_M[1] and WIDTH_M[0] < width < WIDTH_M[1]):
            continue
        c, s = math.cos(yaw), math.sin(yaw)
        local = (xyz[:, :2] - found.center_m[k]) @ np.array([[c, -s], [s, c]])
        depth = np.minimum(length / 2 - np.abs(local[:, 0]), width / 2 - np.abs(local[:, 1]))
        if np.mean(depth < RIM_M) < RIM_SHARE or height.min() > 2 * LOW_M:
            continue
        top = float(height.max())
        floor = float(np.median(xyz[:, 2] - height))
        clusters.append(Cluster(np.array([*found.center_m[k], floor + top / 2]), np.array([length, width, top]), yaw, len(xyz)))
    return clusters
