"""Named or numbered points of an object, such as the joints of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from ..arrays import ArrayLike, Float64s, Int64s, UInt8s, as_array, as_floats, check_kind, check_kinds
from ..errors import ArgumentError, number_of
from ..keyframes import Visibility, as_codes
from .shapes import RowShapes

__all__ = ["Keypoints", "Skeleton"]


@dataclass(frozen=True)
class Skeleton:
    """Names of P points, and which of them are joined.

    points : P names that differ
    edges : pairs of indices into `points`
    """

    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        check_kinds("skeleton.points", self.points, str, "text", "one name for each point")
        object.__setattr__(self, "points", tuple(self.points))
        if len(set(self.points)) != len(self.points):
            twice = next(name for name in self.points if self.points.count(name) > 1)
            raise ArgumentError(expected="names that differ", got=f"{twice!r} twice", field="skeleton.points", hint="give each point its own")
        hint = "pairs of indices into points"
        check_kind("skeleton.edges", self.edges, Sequence, "a list of pairs", hint)
        edges = []
        for i, edge in enumerate(self.edges):
            pair = as_array(f"skeleton.edges[{i}]", edge, "two indices")
            if pair.shape != (2,) or pair.dtype.kind not in "iu" or pair.min() < 0 or pair.max() >= len(self.points):
                wanted = f"two indices below {len(self.points)}"
                raise ArgumentError(expected=wanted, got=f"{edge!r:.60}", field=f"skeleton.edges[{i}]", hint=hint)
            edges.append((int(pair[0]), int(pair[1])))
        object.__setattr__(self, "edges", tuple(edges))


class Keypoints(RowShapes):
    """K times the same P points.

    uv : (K, P, 2) pixels; NaN may stand where a point is OUTSIDE
    visibility : (K, P) uint8 of Visibility: VISIBLE, OCCLUDED (there, but hidden: marked where it must be), OUTSIDE (not marked); all VISIBLE if
        left out
    skeleton : names and edges, or None for points without names
    """

    KIND: ClassVar[str] = "keypoints"
    COLUMNS: ClassVar[tuple[str, ...]] = ("uv", "visibility")
    SHARED: ClassVar[tuple[str, ...]] = ("skeleton", "n_points")
    HAS_REST: ClassVar[bool] = True
    __slots__ = ("n_points", "skeleton", "uv", "visibility")
    uv: Float64s
    visibility: UInt8s
    skeleton: Skeleton | None
    n_points: int

    def __init__(self, uv: ArrayLike, visibility: ArrayLike | None = None, skeleton: Skeleton | None = None) -> None:
        places = as_floats("uv", uv, (None, None, 2), finite=False, hint="K times P points of two numbers")
        codes = as_codes("visibility", visibility, places.shape[:2], Visibility)
        bad = ~np.isfinite(places).all(axis=2) & ((codes != Visibility.OUTSIDE) | np.isinf(places).any(axis=2))
        if bad.any():
            k, p = (int(i) for i in np.argwhere(bad)[0])
            hint = "a point that is not marked has the visibility OUTSIDE"
            raise ArgumentError(expected="finite numbers", got=f"{places[k, p]} at index ({k}, {p})", field="uv", hint=hint)
        check_kind("skeleton", skeleton, (Skeleton, type(None)), "a Skeleton, or None", "make one: bw.Skeleton(points, edges)")
        if skeleton is not None and len(skeleton.points) != places.shape[1]:
            wanted = f"{number_of(len(skeleton.points), 'point')}, as the skeleton has"
            raise ArgumentError(expected=wanted, got=str(places.shape[1]), field="uv", hint="mark points that are missing OUTSIDE")
        self._set(places, codes)
        self.skeleton, self.n_points = skeleton, places.shape[1]

    def bounds_xyxy(self) -> Float64s:
        """(K, 4) around the points that are not OUTSIDE."""
        there = (self.visibility != Visibility.OUTSIDE)[..., None]
        low = np.where(there, self.uv, np.inf).min(axis=1, initial=np.inf)
        high = np.where(there, self.uv, -np.inf).max(axis=1, initial=-np.inf)
        bounds: Float64s = np.concatenate([low, high], axis=1)
        bounds[~there.any(axis=(1, 2))] = np.nan
        return bounds

    def _values(self) -> Float64s:
        values: Float64s = self.uv.reshape(len(self), 2 * self.n_points)
        return values

    def _from_values(self, values: Float64s, source: Int64s) -> Self:
        return self._with(values.reshape(len(values), self.n_points, 2), self.visibility[source])

    def _course(self, steps: Float64s) -> Float64s:
        """As the steps add up: places of points that are not marked do not count."""
        course: Float64s = np.cumsum(np.concatenate([np.zeros((1, steps.shape[1])), steps[:-1]]), axis=0)[: len(steps)]
        return course

    def _steps(self, before: Float64s, after: Float64s) -> Float64s:
        """A point that is not marked in one of the two rows stays where it is."""
        steps = after - before
        steps[np.isnan(steps)] = 0.0
        return steps
