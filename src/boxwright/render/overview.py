"""Several pictures as one, and pictures as files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..arrays import UInt8s
from ..errors import ArgumentError, StorageError
from ..outputs import whole_file
from ..scene import Scene
from .bev import USUAL_PX, check_size_px, render_bev
from .cameras import render_cameras
from .canvas import Canvas, Color
from .point_colors import ColorMode

__all__ = ["mosaic", "render_overview", "write_picture"]

GAP: Color = (5, 6, 8)
GAP_PX = 6
NAME: Color = (232, 236, 244)


def mosaic(pictures: Mapping[str, UInt8s], *, width_px: int = 1600, height_px: int = 900, even: bool = False) -> UInt8s:
    """Pictures in rows, each with its name, as large as fits and never stretched.

    pictures : {name: (H, W, 3) uint8 RGB}
    even : all of one height, row by row, as the frames of one camera are best compared; otherwise rows fill the width and the first are larger

    Returns (height_px, width_px, 3) uint8 RGB.
    """
    check_size_px(width_px, height_px)
    canvas = Canvas.blank(width_px, height_px, GAP)
    cells = _cells([(p.shape[1], p.shape[0]) for p in pictures.values()], width_px, height_px, even)
    size = max(1.0, min(width_px, height_px) / USUAL_PX)
    for (name, picture), (u, v, width, height) in zip(pictures.items(), cells):
        canvas.pixels[v : v + height, u : u + width] = _resized(picture, width, height)
        if name:
            canvas.text(name, u + 10 * size, v + height - 10 * size, NAME, size, backdrop=(8, 9, 12))
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
    above: UInt8s | None = None,
    color: ColorMode | None = None,
) -> UInt8s:
    """One picture of a frame: from above on the left, all cameras with their overlays on the right.

    above : the picture from above where it is drawn already, (height_px, min(height_px, width_px), 3)
    color : what points are coloured by, see `render_bev` and `render_cameras`

    Returns (height_px, width_px, 3) uint8 RGB.
    """
    check_size_px(width_px, height_px)
    side = min(height_px, width_px)
    if not scene.cameras:
        return render_bev(scene, frame_index, width_px=width_px, height_px=height_px, labels=labels, range_m=range_m, color=color)
    if width_px - side - GAP_PX < 64:
        raise ArgumentError(expected="width_px at least 70 more than height_px", got=f"{width_px} x {height_px}", field="width_px")
    if above is None:
        above = render_bev(scene, frame_index, width_px=side, height_px=height_px, labels=labels, range_m=range_m, color=color)
    elif above.shape != (height_px, side, 3):
        raise ArgumentError(expected=f"({height_px}, {side}, 3) picture", got=f"shape {above.shape}", field="above")
    room = width_px - side - GAP_PX
    cells = _cells([sensor.camera.size_px for sensor in scene.cameras.values()], room, height_px)
    pictures: dict[str, UInt8s] = {}
    for name, (_, _, width, _) in zip(scene.cameras, cells):  # drawn in their final size, so that lines and captions stay sharp
        pictures |= render_cameras(scene, frame_index, [name], points=points, labels=labels, width_px=max(width, 64), color=color)
    cameras = mosaic(pictures, width_px=room, height_px=height_px)
    gap: UInt8s = np.full((height_px, GAP_PX, 3), GAP, np.uint8)
    return np.concatenate([above, gap, cameras], axis=1)


def write_picture(picture: UInt8s, path: str | os.PathLike[str]) -> None:
    """(H, W, 3) uint8 RGB into a .png or .jpg file, which appears only when it is complete."""
    import cv2

    target = Path(path)
    if target.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ArgumentError(expected="a name that ends in .png or .jpg", got=repr(target.name), field="path")
    options = [cv2.IMWRITE_PNG_COMPRESSION, 4] if target.suffix.lower() == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 92]
    done, data = cv2.imencode(target.suffix.lower(), np.ascontiguousarray(picture[..., ::-1]), options)
    if not done:
        raise StorageError("the picture could not be encoded", path=target)
    with whole_file(target) as part:
        part.write_bytes(data.tobytes())


def _resized(picture: UInt8s, width_px: int, height_px: int) -> UInt8s:
    import cv2

    if picture.shape[:2] == (height_px, width_px):
        return picture
    method = cv2.INTER_AREA if width_px < picture.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=method), np.uint8)


def _cells(sizes: Sequence[tuple[int, int]], width_px: int, height_px: int, even: bool = False) -> list[tuple[int, int, int, int]]:
    """(u, v, width, height) for each picture of (width, height): rows that fill the width, as many as show most; the first rows hold fewer.

    even : rows of one height that begin below each other; the last holds fewer
    """
    best: list[tuple[int, int, int, int]] = []
    for n_rows in range(1, len(sizes) + 1):
        rows = [list(row[::-1]) for row in np.array_split(np.arange(len(sizes))[::-1], n_rows)][::-1]
        if even:
            n = math.ceil(len(sizes) / n_rows)
            rows = [list(range(k, min(k + n, len(sizes)))) for k in range(0, len(sizes), n)]
            n_rows = len(rows)
        ratios = [sum(sizes[i][0] / sizes[i][1] for i in row) for row in rows]
        heights = [(width_px - GAP_PX * (len(row) - 1)) / ratio for row, ratio in zip(rows, ratios)]
        heights = [min(heights)] * n_rows if even else heights
        shrink = min(1.0, (height_px - GAP_PX * (n_rows - 1)) / sum(heights))
        v = max((height_px - shrink * sum(heights) - GAP_PX * (n_rows - 1)) / 2, 0.0)  # not a trillionth above the border
        left = max(min(width_px - r * shrink * h - GAP_PX * (len(row) - 1) for row, r, h in zip(rows, ratios, heights)) / 2, 0.0)
        cells = []
        for row, ratio, full in zip(rows, ratios, heights):
            height = shrink * full
            u = left if even else max((width_px - ratio * height - GAP_PX * (len(row) - 1)) / 2, 0.0)
            for i in row:
                width = height * sizes[i][0] / sizes[i][1]
                cells.append((math.floor(u), math.floor(v), max(1, math.floor(width)), max(1, math.floor(height))))
                u += width + GAP_PX
            v += height + GAP_PX
        if sum(w * h for _, _, w, h in cells) > sum(w * h for _, _, w, h in best):
            best = cells
    return best
