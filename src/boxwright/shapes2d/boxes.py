"""Boxes with their sides along the picture's, and boxes turned in it."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np

from ..arrays import ArrayLike, Float64s, Int64s, as_floats, frozen
from ..errors import GeometryError
from ..rotations import wrap_rad
from .shapes import RowShapes

__all__ = ["Boxes", "RotatedBoxes"]

_SIGNS = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])


class Boxes(RowShapes):
    """K boxes with sides along u and v.

    xyxy : (K, 4) left, top, right, bottom in pixels; may reach out of the picture; a side may be 0, never negative (GeometryError)
    """

    KIND: ClassVar[str] = "box"
    COLUMNS: ClassVar[tuple[str, ...]] = ("xyxy",)
    COURSE_OF: ClassVar[tuple[int | None, ...] | None] = (0, 1, 0, 1)
    __slots__ = ("xyxy",)
    xyxy: Float64s

    def __init__(self, xyxy: ArrayLike) -> None:
        values = as_floats("xyxy", xyxy, (None, 4), hint="left, top, right, bottom")
        bad = (values[:, 2:] < values[:, :2]).any(axis=1)
        if bad.any():
            i = int(np.argmax(bad))
            got = ", ".join(f"{v:g}" for v in values[i])
            hint = "the order is left, top, right, bottom; bw.Boxes.from_xywh takes sizes"
            raise GeometryError(expected="left <= right and top <= bottom", got=f"({got}) at index {i}", field="xyxy", hint=hint)
        self._set(values)

    @classmethod
    def from_xywh(cls, xywh: ArrayLike) -> Self:
        """From (K, 4) left, top, width, height."""
        values = as_floats("xywh", xywh, (None, 4), hint="left, top, width, height")
        return cls(np.c_[values[:, :2], values[:, :2] + values[:, 2:]])

    @property
    def center_uv(self) -> Float64s:
        """(K, 2)"""
        middle: Float64s = self.xyxy[:, :2] / 2 + self.xyxy[:, 2:] / 2
        return middle

    @property
    def size_px(self) -> Float64s:
        """(K, 2) width, height"""
        size: Float64s = self.xyxy[:, 2:] - self.xyxy[:, :2]
        return size

    @property
    def area_px2(self) -> Float64s:
        """(K,)"""
        area: Float64s = self.size_px.prod(axis=1)
        return area

    def bounds_xyxy(self) -> Float64s:
        return self.xyxy

    def _values(self) -> Float64s:
        return self.xyxy

    def _from_values(self, values: Float64s, source: Int64s) -> Self:
        return self._with(values)

    def _course(self, steps: Float64s) -> Float64s:
        return np.ascontiguousarray(self.center_uv)

    def _steps(self, before: Float64s, after: Float64s) -> Float64s:
        return after - before


class RotatedBoxes(RowShapes):
    """K boxes turned in the picture.

    center_uv : (K, 2) pixels
    size_px : (K, 2) width along the box's own first axis, height along its second; not negative
    rotation_rad : (K,) from u towards v, which is clockwise as one looks at the picture; kept in (-pi, pi]

    The same rectangle can be told in four ways, by half turns and by quarter turns with the sides exchanged. Here the four are not the same: a box
    has a first side, it keeps it from keyframe to keyframe, and between two it takes the short arc of the whole turn, as cuboids do. Where the ways
    come mixed, as from a fit of rectangles, `alike()` first tells each in the way nearest to the one before.
    """

    KIND: ClassVar[str] = "rotated_box"
    COLUMNS: ClassVar[tuple[str, ...]] = ("center_uv", "size_px", "rotation_rad")
    COURSE_OF: ClassVar[tuple[int | None, ...] | None] = (0, 1, None, None, None)
    __slots__ = ("center_uv", "rotation_rad", "size_px")
    center_uv: Float64s
    size_px: Float64s
    rotation_rad: Float64s

    def __init__(self, center_uv: ArrayLike, size_px: ArrayLike, rotation_rad: ArrayLike) -> None:
        center = as_floats("center_uv", center_uv, (None, 2))
        size = as_floats("size_px", size_px, (len(center), 2))
        if (size < 0).any():
            i = int(np.argwhere(size < 0)[0, 0])
            got = ", ".join(f"{v:g}" for v in size[i])
            raise GeometryError(expected="width and height from 0", got=f"({got}) at index {i}", field="size_px", hint="swap the ends of that side")
        angle = as_floats("rotation_rad", rotation_rad, (len(center),))
        self._set(center, size, np.atleast_1d(wrap_rad(angle)))

    @property
    def area_px2(self) -> Float64s:
        """(K,)"""
        area: Float64s = self.size_px.prod(axis=1)
        return area

    def corners_uv(self) -> Float64s:
        """(K, 4, 2), from the corner at the start of both own axes on, first along the width."""
        cosine, sine = np.cos(self.rotation_rad)[:, None], np.sin(self.rotation_rad)[:, None]
        own = _SIGNS * self.size_px[:, None]
        turned = np.stack([own[..., 0] * cosine - own[..., 1] * sine, own[..., 0] * sine + own[..., 1] * cosine], axis=-1)
        corners: Float64s = turned + self.center_uv[:, None]
        return corners

    def bounds_xyxy(self) -> Float64s:
        corners = self.corners_uv()
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def alike(self) -> Self:
        """The same rectangles, each told in that of its four ways that turns least from the row before; the first row stays."""
        size, angle = self.size_px.copy(), self.rotation_rad.copy()
        for i in range(1, len(angle)):
            quarters = round((angle[i - 1] - angle[i]) / (math.pi / 2))
            if quarters % 2:
                size[i] = size[i, ::-1]
            angle[i] += quarters * (math.pi / 2)
        return self._with(self.center_uv, frozen(size), frozen(np.asarray(wrap_rad(angle))))

    def _values(self) -> Float64s:
        return np.concatenate([self.center_uv, self.size_px, self.rotation_rad[:, None]], axis=1)

    def _from_values(self, values: Float64s, source: Int64s) -> Self:
        angle = values[:, 4]
        kept = np.where(angle > math.pi, angle - 2 * math.pi, np.where(angle <= -math.pi, angle + 2 * math.pi, angle))
        return self._with(values[:, :2], values[:, 2:4], kept)

    def _course(self, steps: Float64s) -> Float64s:
        return np.ascontiguousarray(self.center_uv)

    def _steps(self, before: Float64s, after: Float64s) -> Float64s:
        steps: Float64s = after - before
        steps[:, 4] = wrap_rad(steps[:, 4])
        return steps
