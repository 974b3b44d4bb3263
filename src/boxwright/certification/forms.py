"""Shapes in pictures beyond the boxes around them: their points, their pixels, and what kinds they became."""

from __future__ import annotations

import numpy as np

from ..arrays import Float64s
from ..keyframes import Visibility
from ..shapes2d import Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes

__all__ = ["as_it_came", "is_another", "is_cut", "lost_edges", "points_apart"]

One = tuple[Shapes, int]


def as_it_came(one: One, other: One) -> One:
    """A shape as the kind that it became, where that follows from it: the pixels of a polygon."""
    shapes, k = one
    if isinstance(shapes, Polygons) and isinstance(other[0], Masks):
        return Masks.from_polygons(shapes[k : k + 1], other[0].width_px, other[0].height_px), 0
    return one


def is_another(one: One, other: One) -> bool:
    """Whether it differs from what it was in more than where its points are: in its pixels, in how many points and rings it has, in which points are
    hidden, and what they are called. Names of points that had none say nothing; nor does what is of another kind."""
    (a, i), (b, j) = as_it_came(one, other), other
    if isinstance(a, Masks) and isinstance(b, Masks):
        return (a.width_px, a.height_px) != (b.width_px, b.height_px) or not np.array_equal(a.runs(i), b.runs(j))
    if isinstance(a, Polygons) and isinstance(b, Polygons):
        return [*map(len, a.rings(i))] != [*map(len, b.rings(j))]
    if isinstance(a, Polylines) and isinstance(b, Polylines):
        return len(a.points(i)) != len(b.points(j))
    if isinstance(a, Keypoints) and isinstance(b, Keypoints):
        return not np.array_equal(a.visibility[i], b.visibility[j]) or _names_of(a) not in ((), _names_of(b))
    return False


def lost_edges(one: One, other: One) -> bool:
    """Whether keypoints are not joined any more as they were."""
    (a, _), (b, _) = one, other
    if not isinstance(a, Keypoints) or not isinstance(b, Keypoints) or a.skeleton is None:
        return False
    return {*a.skeleton.edges} != {*(b.skeleton.edges if b.skeleton is not None else ())}


def _names_of(shapes: Keypoints) -> tuple[str, ...]:
    return () if shapes.skeleton is None else shapes.skeleton.points


def is_cut(one: One, other: One) -> bool:
    """Whether a mask is that of another size of picture, with the same pixels as far as both reach."""
    (a, i), (b, j) = one, other
    if not isinstance(a, Masks) or not isinstance(b, Masks) or (a.width_px, a.height_px) == (b.width_px, b.height_px):
        return False
    mine, theirs = a[i : i + 1].to_arrays()[0], b[j : j + 1].to_arrays()[0]
    height, width = np.minimum(mine.shape, theirs.shape)
    rest = theirs.copy()
    rest[:height, :width] = False
    return np.array_equal(mine[:height, :width], theirs[:height, :width]) and not rest.any()


def points_apart(one: One, other: One) -> float:
    """Pixels between points with the same place in both; 0 for kinds without points, or where one has more of them than the other."""
    if one[0].KIND != other[0].KIND:
        return 0.0
    before, after = _points(*one), _points(*other)
    if before.shape != after.shape or not len(before):
        return 0.0
    return float(np.nan_to_num(np.abs(before - after)).max())


def _points(shapes: Shapes, k: int) -> Float64s:
    """None of boxes and masks; NaN where a point is not marked."""
    if isinstance(shapes, Polygons):
        return np.concatenate(shapes.rings(k))
    if isinstance(shapes, Polylines):
        return shapes.points(k)
    if isinstance(shapes, Keypoints):
        return np.where((shapes.visibility[k] == Visibility.OUTSIDE)[:, None], np.nan, shapes.uv[k])
    if isinstance(shapes, RotatedBoxes):
        return np.asarray(shapes[k : k + 1].corners_uv()[0])
    return np.zeros((0, 2))
