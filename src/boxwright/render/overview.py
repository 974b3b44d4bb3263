"""Several pictures as one, and pictures as files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..arrays import UInt8s
from ..errors import ArgumentError, StorageError
from ..outputs import whole_file
from ..scene import Scene
from .bev import check_size_px, render_bev
from .cameras import render_cameras
from .canvas import Canvas, Color

__all__ = ["mosaic", "render_overview", "write_picture"]

GAP: Color = (5, 6, 8)
GAP_PX = 6
NAME: Color = (232, 236, 244)


def mosaic(pictures: Mapping[str, UInt8s], *, width_px: int = 1600, height_px: int = 900, columns: int | None = None) -> UInt8s:
    """Pictures in a grid, each with its name, scaled to fit their cells without being stretched.

    pictures : {name: (H, W, 3) uint8 RGB}
    columns : by default the number that shows the pictures largest

    Returns (height_px, width_px, 3) uint8 RGB.
    """
    check_size_px(width_px, height_px)
    canvas = Canvas.blank(width_px, height_px, GAP)
    if not pictures:
        return canvas.pixels
    n = len(pictures)
    columns = columns or max(range(1, n + 1), key=lambda c: _shown_area(pictures, width_px, height_px, c))
    rows = math.ceil(n / columns)
    for i, (name, picture) in enumerate(pictures.items()):
        row, column = divmod(i, columns)
        left, right = (round(k * (width_px + GAP_PX) / columns) for k in (column, column + 1))
        top, bottom = (round(k * (height_px + GAP_PX) / rows) for k in (row, row + 1))
        small = _fitted(picture, right - left - GAP_PX, bottom - top - GAP_PX)
        u = left + (right - left - GAP_PX - small.shape[1]) // 2
        v = top + (bottom - top - GAP_PX - small.shape[0]) // 2
        canvas.pixels[v : v + small.shape[0], u : u + small.shape[1]] = small
        if name:
            canvas.text(name, u + 10, v + small.shape[0] - 10, NAME, 1.0, backdrop=(8, 9, 12))
    return canvas.pixels


def render_overview(
    scene: Scene,
    frame_index: int = 0,
    *,
    width_px: int = 1600,
    height_px: int = 800,
    points: bool = False,
    labels: bool = True,
    range_m: float | None = None,
) -> UInt8s:
    """One picture of a frame: from above on the left, all cameras with their overlays on the right.

    Returns (height_px, width_px, 3) uint8 RGB.
    """
    check_size_px(width_px, height_px)
    side = min(height_px, width_px)
    if not scene.cameras:
        return render_bev(scene, frame_index, width_px=width_px, height_px=height_px, labels=labels, range_m=range_m)
    if width_px - side - GAP_PX < 64:
        raise ArgumentError(expected="width_px at least 70 more than height_px", got=f"{width_px} x {height_px}", field="width_px")
    above = render_bev(scene, frame_index, width_px=side, height_px=height_px, labels=labels, range_m=range_m)
    cameras = mosaic(render_cameras(scene, frame_index, points=points, labels=labels), width_px=width_px - side - GAP_PX, height_px=height_px)
    gap: UInt8s = np.full((height_px, GAP_PX, 3), GAP, np.uint8)
    return np.concatenate([above, gap, cameras], axis=1)


def write_picture(picture: UInt8s, path: str | os.PathLike[str]) -> None:
    """(H, W, 3) uint8 RGB into a .png or .jpg file, which appears only when it is complete."""
    import cv2

    target = Path(path)
    if target.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ArgumentError(expected="a name that ends in .png or .jpg", got=repr(target.name), field="path")
    options = [cv2.IMWRITE_PNG_COMPRESSION, 6] if target.suffix.lower() == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 92]
    done, data = cv2.imencode(target.suffix.lower(), np.ascontiguousarray(picture[..., ::-1]), options)
    if not done:
        raise StorageError("the picture could not be encoded", path=target)
    with whole_file(target) as part:
        part.write_bytes(data.tobytes())


def _fitted(picture: UInt8s, width_px: int, height_px: int) -> UInt8s:
    """As large as fits, same proportions."""
    import cv2

    scale = min(width_px / picture.shape[1], height_px / picture.shape[0])
    size = max(1, math.floor(picture.shape[1] * scale)), max(1, math.floor(picture.shape[0] * scale))
    small: UInt8s = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8)
    return small


def _shown_area(pictures: Mapping[str, UInt8s], width_px: int, height_px: int, columns: int) -> float:
    rows = math.ceil(len(pictures) / columns)
    width, height = width_px / columns - GAP_PX, height_px / rows - GAP_PX
    return sum(min(width / p.shape[1], height / p.shape[0]) ** 2 * p.shape[0] * p.shape[1] for p in pictures.values())
