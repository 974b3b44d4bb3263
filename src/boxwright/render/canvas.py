"""A picture to draw on: anti-aliased lines, polygons and text at sub-pixel places, RGB."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import ArrayLike, UInt8s

__all__ = ["Canvas", "Color", "plain"]

Color = tuple[int, int, int]
SHIFT = 4  # OpenCV takes whole numbers in 1/16 pixel
LIMIT_PX = 1 << 14  # far beyond any picture; keeps the fixed-point numbers inside int32


def plain(text: str) -> str:
    """One line without control characters; they are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


class Canvas:
    """(H, W, 3) uint8 RGB in `pixels`; places are (u, v) with the centre of the first pixel at (0, 0)."""

    def __init__(self, pixels: UInt8s) -> None:
        self.pixels = np.ascontiguousarray(pixels)
        self.height_px, self.width_px = pixels.shape[:2]

    @classmethod
    def blank(cls, width_px: int, height_px: int, color: Color) -> Canvas:
        return cls(np.full((height_px, width_px, 3), color, np.uint8))

    def line(self, uv: ArrayLike, color: Color, width_px: float = 1.0, *, closed: bool = False, opacity: float = 1.0) -> None:
        """A path through (K, 2) places; parts that are not finite are left out."""
        self.lines([uv], color, width_px, closed=closed, opacity=opacity)

    def lines(self, paths: Sequence[ArrayLike], color: Color, width_px: float = 1.0, *, closed: bool = False, opacity: float = 1.0) -> None:
        """Several paths at once."""
        import cv2

        whole = [np.asarray(path, np.float64) for path in paths]
        pieces = [np.clip(p, -LIMIT_PX, LIMIT_PX) for path in whole for p in _finite_pieces(path) if len(p) > 1]
        if not pieces:
            return
        fixed = [np.round(p * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2) for p in pieces]
        closed = closed and sum(map(len, pieces)) == sum(map(len, whole))
        width = max(1, round(width_px))

        def draw(pixels: Any, offset: np.ndarray[Any, Any]) -> None:
            cv2.polylines(pixels, [f - offset for f in fixed], closed, color, width, cv2.LINE_AA, SHIFT)

        self._blend(draw, np.concatenate(pieces), opacity, width)

    def fill(self, uv: ArrayLike, color: Color, opacity: float = 1.0) -> None:
        """A polygon of (K, 2) places."""
        import cv2

        places = np.asarray(uv, np.float64)
        places = np.clip(places[np.isfinite(places).all(1)], -LIMIT_PX, LIMIT_PX)
        if len(places) < 3:
            return
        fixed = np.round(places * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)

        def draw(pixels: Any, offset: np.ndarray[Any, Any]) -> None:
            cv2.fillPoly(pixels, [fixed - offset], color, cv2.LINE_AA, SHIFT)

        self._blend(draw, places, opacity, 1)

    def circle(self, u: float, v: float, radius_px: float, color: Color, width_px: float = 1.0, *, opacity: float = 1.0) -> None:
        """A ring; filled where width_px is negative."""
        turns = np.linspace(0, 2 * math.pi, max(24, int(radius_px)), endpoint=False)
        ring = np.column_stack([u + radius_px * np.cos(turns), v + radius_px * np.sin(turns)])
        if width_px < 0:
            self.fill(ring, color, opacity)
        else:
            self.line(ring, color, width_px, closed=True, opacity=opacity)

    def text(self, text: str, u: float, v: float, color: Color, size: float = 1.0, *, backdrop: Color | None = None, bold: bool = False) -> None:
        """Text whose baseline starts at (u, v); `backdrop` puts a translucent plate beneath."""
        import cv2

        text = plain(text)
        width, height, scale, weight = _text_size(text, size, bold)
        u, v = round(u), round(v)
        if backdrop is not None:
            self.fill([(u - 4, v - height - 4), (u + width + 3, v - height - 4), (u + width + 3, v + 4), (u - 4, v + 4)], backdrop, 0.72)
        cv2.putText(self.pixels, text, (u, v), cv2.FONT_HERSHEY_SIMPLEX, scale, color, weight, cv2.LINE_AA)

    @staticmethod
    def text_size(text: str, size: float = 1.0, *, bold: bool = False) -> tuple[int, int]:
        """(width, height) of a text in pixels."""
        return _text_size(plain(text), size, bold)[:2]

    def points(self, u: Any, v: Any, colors: Any, size_px: int = 1) -> None:
        """One square per point, later ones over earlier ones."""
        u = np.floor(np.asarray(u) + 0.5 - (size_px - 1) / 2)
        v = np.floor(np.asarray(v) + 0.5 - (size_px - 1) / 2)
        keep = (u >= -size_px) & (u < self.width_px) & (v >= -size_px) & (v < self.height_px)
        column, row, shade = u[keep].astype(np.int64), v[keep].astype(np.int64), np.asarray(colors)[keep]
        # squares of one point must not be cut by the next one's: all their pixels are written in the points' own order
        step = np.arange(size_px)
        columns = (column[:, None, None] + step[None, None, :] + 0 * step[None, :, None]).ravel()
        rows = (row[:, None, None] + step[None, :, None] + 0 * step[None, None, :]).ravel()
        inside = (columns >= 0) & (columns < self.width_px) & (rows >= 0) & (rows < self.height_px)
        self.pixels[rows[inside], columns[inside]] = np.repeat(shade, size_px * size_px, axis=0)[inside]

    def _blend(self, draw: Any, places: Any, opacity: float, margin_px: int) -> None:
        """Draw on the pixels, or mix the drawing in with the given opacity, touching only the rectangle around it."""
        if opacity >= 1:
            draw(self.pixels, np.zeros(2, np.int32))
            return
        low = np.clip(np.floor(places.min(0)) - margin_px - 1, 0, (self.width_px, self.height_px)).astype(int)
        high = np.clip(np.ceil(places.max(0)) + margin_px + 2, 0, (self.width_px, self.height_px)).astype(int)
        if (high <= low).any():
            return
        window = self.pixels[low[1] : high[1], low[0] : high[0]]
        layer = window.copy()
        draw(layer, (low * (1 << SHIFT)).astype(np.int32))
        window[:] = np.rint(window + opacity * (layer.astype(np.float32) - window)).astype(np.uint8)


def _finite_pieces(uv: Any) -> list[Any]:
    """The path cut where it is not finite."""
    finite = np.isfinite(uv).all(1)
    if finite.all():
        return [uv]
    starts = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]]).astype(np.int8)))
    return [uv[a:b] for a, b in zip(starts[::2], starts[1::2])]


def _text_size(text: str, size: float, bold: bool) -> tuple[int, int, float, int]:
    import cv2

    scale, weight = 0.42 * size, max(1, round(size)) + bold
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, weight)
    return width, height, scale, weight
