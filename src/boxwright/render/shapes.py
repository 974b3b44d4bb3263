"""Labels in pictures, drawn: boxes, polygons, lines, keypoints and masks, each with a caption where it covers no other."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..image_tracks import ImageTrack
from ..keyframes import State, Visibility
from ..scene import Scene
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, Polylines, RotatedBoxes, Shapes
from .canvas import Canvas, Color
from .labels import caption_of, color_of, free_place, lighter

__all__ = ["draw_shapes"]

DARK: Color = (8, 9, 12)
MASK_OPACITY, FILL_OPACITY, OCCLUDED_OPACITY = 0.45, 0.15, 0.55


def draw_shapes(canvas: Canvas, scene: Scene, frame_index: int, camera: str, *, labels: bool, scale_u: float, scale_v: float) -> None:
    """scale_u, scale_v : the canvas's pixels in one of the camera's own

    A shape of an object whose cuboid is drawn as well is a line alone, without a caption of its own.
    """
    width = max(1.0, min(canvas.width_px, canvas.height_px) / 620)
    drawn: list[tuple[Any, ImageTrack, bool]] = []
    for group in scene.shapes(frame_index, camera):
        for k in range(len(group.shapes)):
            track = scene.image_tracks[int(group.track_index[k])]
            is_keyframe = bool(group.state[k] == State.KEYFRAME)
            is_occluded = bool(group.visibility[k] == Visibility.OCCLUDED)
            is_alone = track.object_id not in scene.track_index
            bounds = _draw(canvas, group.shapes[k], color_of(track.category), width, is_occluded, (scale_u, scale_v), is_alone)
            if is_alone:
                drawn.append((bounds, track, is_keyframe))
    taken: list[tuple[float, float, float, float]] = []
    for bounds, track, is_keyframe in sorted(drawn, key=lambda one: one[0][0] if np.isfinite(one[0]).all() else 0.0) if labels else []:
        if np.isfinite(bounds).all():
            _caption(canvas, bounds, caption_of(track.track_id, track.category) + ("" if is_keyframe else " ~"), track, width, taken)


def _draw(canvas: Canvas, shapes: Shapes, color: Color, width: float, is_occluded: bool, scale: tuple[float, float], is_filled: bool) -> Any:
    """One shape; the box around it on the canvas."""
    opacity = OCCLUDED_OPACITY if is_occluded else 1.0

    def placed(uv: Any) -> Any:
        return (np.asarray(uv) + 0.5) * scale - 0.5

    if isinstance(shapes, Masks):
        _fill_mask(canvas, shapes, color, opacity)
    elif isinstance(shapes, Keypoints):
        _draw_joints(canvas, shapes, color, width, placed)
    else:
        for path, is_closed in _paths(shapes):
            path = placed(path)
            if is_closed and is_filled:
                canvas.fill(path, color, FILL_OPACITY * opacity)
            canvas.line(path, DARK, max(1, round(1.3 * width)) + 2, closed=is_closed, opacity=0.4)
            canvas.line(path, color, max(1, round(1.3 * width)), closed=is_closed, opacity=opacity)
    low_high = shapes.bounds_xyxy()[0].reshape(2, 2)
    return placed(low_high).ravel()


def _paths(shapes: Shapes) -> list[tuple[Any, bool]]:
    if isinstance(shapes, Boxes):
        left, top, right, bottom = shapes.xyxy[0]
        return [(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), True)]
    if isinstance(shapes, RotatedBoxes):
        return [(shapes.corners_uv()[0], True)]
    if isinstance(shapes, (Polygons, Polylines)):
        cuts = shapes.ring_offsets
        return [(shapes.uv[a:b], isinstance(shapes, Polygons)) for a, b in itertools.pairwise(cuts)]
    return []


def _draw_joints(canvas: Canvas, shapes: Keypoints, color: Color, width: float, placed: Any) -> None:
    there = shapes.visibility[0] != Visibility.OUTSIDE
    uv = placed(shapes.uv[0])
    for a, b in shapes.skeleton.edges if shapes.skeleton is not None else ():
        if there[a] and there[b]:
            canvas.line([uv[a], uv[b]], color, max(1, round(1.3 * width)))
    for p in np.flatnonzero(there):
        hidden = shapes.visibility[0, p] == Visibility.OCCLUDED
        canvas.circle(uv[p, 0], uv[p, 1], 3 * width, lighter(color, 0.4), 1 if hidden else -1)


def _fill_mask(canvas: Canvas, shapes: Masks, color: Color, opacity: float) -> None:
    import cv2

    pixels = shapes.to_arrays()[0].astype(np.uint8)
    if pixels.shape != (canvas.height_px, canvas.width_px):
        pixels = np.asarray(cv2.resize(pixels, (canvas.width_px, canvas.height_px), interpolation=cv2.INTER_NEAREST))
    inside = pixels > 0
    mixed = canvas.pixels[inside] * (1 - MASK_OPACITY * opacity) + np.array(color) * MASK_OPACITY * opacity
    canvas.pixels[inside] = np.rint(mixed).astype(np.uint8)


def _caption(canvas: Canvas, bounds: Any, text: str, track: ImageTrack, width: float, taken: list[tuple[float, float, float, float]]) -> None:
    text_width, text_height = canvas.text_size(text, width)
    u = float(np.clip(bounds[0] + 3, 5, max(5, canvas.width_px - text_width - 5)))
    v = float(np.clip(bounds[1] - 6, text_height + 6, canvas.height_px - 6))
    if free_place(taken, u, v, text_width, text_height):
        canvas.text(text, u, v, lighter(color_of(track.category), 0.35), width, backdrop=DARK)
