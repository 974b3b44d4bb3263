"""A picture of how time grows: both axes logarithmic, one panel for points and one for cuboids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Float64s, UInt8s
from ..render.canvas import Canvas, Color
from .growth import Growth

__all__ = ["growth_picture"]

PANEL_PX, HEIGHT_PX = 760, 560
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 84, 44, 56, 64
PAPER: Color = (255, 255, 255)
INK: Color = (40, 44, 52)
GRID: Color = (222, 225, 230)
COLORS: tuple[Color, ...] = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (120, 94, 160), (90, 90, 90))  # apart to colour-blind eyes too
LEGEND_PX = 22


def growth_picture(growths: Sequence[Growth]) -> UInt8s:
    """(560, 760 per panel, 3) uint8 RGB"""
    panels = [_panel([growth for growth in growths if growth.along == along], along) for along in dict.fromkeys(g.along for g in growths)]
    picture: UInt8s = np.concatenate(panels, axis=1)
    return picture


def _panel(growths: list[Growth], along: str) -> UInt8s:
    canvas = Canvas.blank(PANEL_PX, HEIGHT_PX, PAPER)
    sizes = np.log10([size for growth in growths for size in growth.sizes])
    spent = np.log10([ms for growth in growths for ms in growth.median_ms])
    low, high = np.floor([sizes.min(), spent.min()]), np.ceil([sizes.max(), spent.max()])
    span = np.maximum(high - low, 1)

    def places(x: Float64s, y: Float64s) -> Float64s:
        """(K, 2) pixels of logarithms."""
        u = LEFT_PX + (x - low[0]) / span[0] * (PANEL_PX - LEFT_PX - RIGHT_PX)
        v = HEIGHT_PX - BOTTOM_PX - (y - low[1]) / span[1] * (HEIGHT_PX - TOP_PX - BOTTOM_PX)
        return np.stack([u, v], -1)

    canvas.text(f"Time against {along}", LEFT_PX, 32, INK, 1.5)
    for x in np.arange(low[0], low[0] + span[0] + 1):
        line = places(np.array([x, x]), np.array([low[1], low[1] + span[1]]))
        canvas.line(line, GRID)
        _centred(canvas, f"{10**x:,.0f}", line[0, 0], line[0, 1] + 22)
    for y in np.arange(low[1], low[1] + span[1] + 1):
        line = places(np.array([low[0], low[0] + span[0]]), np.array([y, y]))
        canvas.line(line, GRID)
        label = f"{10**y:g} ms"
        canvas.text(label, line[0, 0] - 8 - canvas.text_size(label)[0], line[0, 1] + 5, INK)
    _centred(canvas, along, (LEFT_PX + PANEL_PX - RIGHT_PX) / 2, HEIGHT_PX - 16)
    for i, growth in enumerate(growths):
        color = COLORS[i % len(COLORS)]
        dots = places(np.log10(growth.sizes), np.log10(growth.median_ms))
        canvas.line(dots, color, 2)
        for u, v in dots:
            canvas.circle(u, v, 4, color, -1)
        v = TOP_PX + 18 + i * LEGEND_PX
        canvas.line([(LEFT_PX + 14, v - 5), (LEFT_PX + 44, v - 5)], color, 2)
        canvas.text(f"{growth.title}: exponent {growth.exponent:.2f}", LEFT_PX + 52, v, INK)
    return canvas.pixels


def _centred(canvas: Canvas, text: str, u: float, v: float) -> None:
    canvas.text(text, u - canvas.text_size(text)[0] / 2, v, INK)
