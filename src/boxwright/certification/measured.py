"""How far labels moved between two readings, by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..cuboids import Cuboids
from ..overlap import iou_3d_pairs
from .forms import as_it_came, points_apart
from .rows import CuboidRows, Pairs, Rows, ShapeRows

__all__ = ["CuboidErrors", "ShapeErrors", "cuboid_errors", "is_tilted", "shape_errors", "upright"]

_LEVEL = 1e-9  # of the axes of an upright cuboid


@dataclass(frozen=True)
class CuboidErrors:
    """The cuboids of one class. NaN where none was found again.

    category : the class, or "all"
    n_given, n_lost : how many there were, and how many nobody found
    corner_m : the furthest that a corner moved
    iou : the least that a cuboid and what became of it share of their volume
    heading_rad : the furthest that a cuboid's own x axis turned
    """

    category: str
    n_given: int
    n_lost: int
    corner_m: float
    iou: float
    heading_rad: float


@dataclass(frozen=True)
class ShapeErrors:
    """The shapes in pictures of one class. NaN where none was found again.

    edge_px : the furthest that an edge moved: of the box around the shape, and of the points of shapes that have as many as before
    iou : the least that the boxes around the shapes share of their area
    n_lost : shapes of a frame that nobody found; those found as another kind of shape, or with other points or pixels, are told in
        the lost fields
    """

    category: str
    n_given: int
    n_lost: int
    edge_px: float
    iou: float


def is_tilted(cuboids: Cuboids) -> Bools:
    """(M,) whether roll or pitch turn it, in the frame it is in."""
    up = cuboids.rotation[:, :, 2]
    return np.asarray(np.hypot(up[:, 0], up[:, 1]) > _LEVEL)


def upright(cuboids: Cuboids) -> Cuboids:
    """The same without roll and pitch, in the frame they are in."""
    return Cuboids(cuboids.center_m, cuboids.size_m, cuboids.yaw_rad, frame=cuboids.frame)


def cuboid_errors(a: CuboidRows, b: CuboidRows, pairs: Pairs, counted: Bools | None = None) -> list[CuboidErrors]:
    """By class, and all of them first; counted : (P,) pairs that are measured here, by default all."""
    counted = np.ones(len(pairs.a), bool) if counted is None else counted
    before, after = a.cuboids[pairs.a], b.cuboids[pairs.b].replace(frame=a.cuboids.frame)
    corner = np.linalg.norm(before.corners_m() - after.corners_m(), axis=2).max(1, initial=0)
    share = np.minimum(iou_3d_pairs(before, after), 1.0) if len(before) else np.zeros(0)
    x, y = before.rotation[:, :, 0], after.rotation[:, :, 0]
    turn = np.arctan2(np.linalg.norm(np.cross(x, y), axis=1), (x * y).sum(1))
    rows = []
    for category, given, lost, found in _by_class(a, pairs, counted):
        numbers = _worst(corner, share, turn, found)
        rows.append(CuboidErrors(category, given, lost, *numbers))
    return rows


def _worst(corner: Float64s, share: Float64s, turn: Float64s, found: Int64s) -> tuple[float, float, float]:
    if not len(found):
        return np.nan, np.nan, np.nan
    return float(corner[found].max()), float(share[found].min()), float(turn[found].max())


def shape_errors(a: ShapeRows, b: ShapeRows, pairs: Pairs) -> list[ShapeErrors]:
    """By class, and all of them first."""
    before, after = a.xyxy[pairs.a], b.xyxy[pairs.b]
    inner = np.zeros(len(before))
    for k, (i, j) in enumerate(zip(pairs.a.tolist(), pairs.b.tolist())) if a.shapes and b.shapes else ():
        expected = as_it_came(a.shapes[i], b.shapes[j])
        if expected is not a.shapes[i]:
            before[k] = expected[0].bounds_xyxy()[expected[1]]
        inner[k] = points_apart(expected, b.shapes[j])
    edge = np.maximum(np.nan_to_num(np.abs(before - after).max(1, initial=0)), inner)
    shared = np.clip(np.minimum(before[:, 2:], after[:, 2:]) - np.maximum(before[:, :2], after[:, :2]), 0, None).prod(1)
    union = (before[:, 2:] - before[:, :2]).prod(1) + (after[:, 2:] - after[:, :2]).prod(1) - shared
    share = np.where(union > 0, shared / np.where(union > 0, union, 1), 1.0)
    rows = []
    for category, given, lost, found in _by_class(a, pairs, np.ones(len(pairs.a), bool)):
        worst = (float(edge[found].max()), float(share[found].min())) if len(found) else (np.nan, np.nan)
        rows.append(ShapeErrors(category, given, lost, *worst))
    return rows


def _by_class(rows: Rows, pairs: Pairs, counted: Bools) -> list[tuple[str, int, int, Int64s]]:
    """(class, rows given, rows lost, places of the pairs that count), of all classes and then of each."""
    of_track = np.array([*rows.categories], object)
    kind = of_track[rows.track] if len(rows) else np.zeros(0, object)
    names: Sequence[str] = sorted({*kind.tolist()})
    found = [("all", len(pairs.a) + len(pairs.lost), len(pairs.lost), np.flatnonzero(counted))]
    if len(names) > 1 or (names and names[0] != "all"):
        for name in names:
            paired, lost = kind[pairs.a] == name, int((kind[pairs.lost] == name).sum())
            found.append((name, int(paired.sum()) + lost, lost, np.flatnonzero(paired & counted)))
    return found
