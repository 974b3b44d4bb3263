"""Cuboids and labels in pictures over the pictures of the cameras: curved edges clipped at the camera, the front face marked, captions apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import UInt8s
from ..cameras import Camera, PanoramaCamera, UncalibratedCamera
from ..cuboids import Cuboids
from ..projection import project_cuboids, project_points
from ..scene import Scene
from .bev import check_size_px
from .canvas import Canvas, Color
from .labels import Shown, free_place, lighter, shown_cuboids, shown_of_scene, vehicle_frame
from .point_colors import ColorMode, color_mode, point_colors
from .shapes import draw_shapes

__all__ = ["render_cameras"]

EMPTY: Color = (22, 25, 32)
DARK: Color = (8, 9, 12)
SOFT: Color = (92, 100, 118)
NO_PICTURE = "no picture"
NEAR_TO_FAR_M = (2.0, 10.0, 22.0, 40.0, 75.0)
NEAR_TO_FAR_RGB = ((255, 92, 70), (255, 190, 70), (140, 226, 110), (70, 190, 235), (90, 110, 240))


def render_cameras(
    scene: Scene,
    frame_index: int = 0,
    cameras: Sequence[str] | None = None,
    *,
    cuboids: Cuboids | None = None,
    categories: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    points: bool = False,
    labels: bool = True,
    width_px: int | None = None,
    color: ColorMode | None = None,
) -> dict[str, UInt8s]:
    """The pictures of a frame with its cuboids drawn in, and its labels in the pictures themselves.

    cameras : names, by default all; a camera whose picture is missing gets a dark one of its own size
    cuboids, categories, captions : cuboids to draw instead of the scene's own labels, in any frame of reference the scene can name
    points : draw the LiDAR's points too, near ones red, far ones blue
    labels : write captions
    width_px : width of the pictures; by default the cameras' own
    color : what the points are coloured by instead: "height", "intensity", "time", "class" or "camera", as on the page

    A camera that is not calibrated gets its picture with no cuboids drawn in.

    Returns {camera: (H, W, 3) uint8 RGB}.
    """
    frame, frame_index = vehicle_frame(scene), scene._frame(frame_index)
    if cuboids is None:
        shown = shown_of_scene(scene, frame_index, frame)
    else:
        shown = shown_cuboids(cuboids, categories, captions)
        frame = frame if cuboids.frame is None else cuboids.frame
    names = list(scene.cameras) if cameras is None else list(cameras)
    paint = _painted(scene, frame_index, color) if points and color is not None else None
    return {name: _overlay(scene, frame_index, name, shown, frame, points, labels, width_px, cuboids is None, paint) for name in names}


def _painted(scene: Scene, frame_index: int, color: ColorMode) -> UInt8s | None:
    """(N, 3) colours of the sweep's points."""
    mode = color_mode(color)
    return point_colors(scene, frame_index, scene.still_points(frame_index), "lidar", mode) if scene.has_points(frame_index) else None


def _overlay(
    scene: Scene,
    frame_index: int,
    name: str,
    shown: Shown,
    frame: str,
    points: bool,
    labels: bool,
    width_px: int | None,
    shapes: bool,
    paint: UInt8s | None,
) -> UInt8s:
    camera = scene.camera(name).camera
    if width_px is not None:
        check_size_px(width_px, 64)
        camera = camera.resized(width_px, max(1, round(camera.height_px * width_px / camera.width_px)))
    canvas = _background(scene, frame_index, name, camera)
    if not isinstance(camera, UncalibratedCamera):
        if points and scene.has_points(frame_index):
            sweep = scene.still_points(frame_index)
            _draw_points(canvas, project_points(sweep, camera, scene.cam_from(frame_index, name, sweep.frame)), paint)
        _draw_scene(canvas, scene, frame_index, name, camera, shown, frame, labels)
    if shapes and scene.image_tracks:
        own = scene.camera(name).camera
        scale_u, scale_v = canvas.width_px / own.width_px, canvas.height_px / own.height_px
        draw_shapes(canvas, scene, frame_index, name, labels=labels, scale_u=scale_u, scale_v=scale_v)
    return canvas.pixels


def _draw_scene(canvas: Canvas, scene: Scene, frame_index: int, name: str, camera: Camera, shown: Shown, frame: str, labels: bool) -> None:
    """Cuboids."""
    if not len(shown.cuboids):
        return
    cam_from_cuboids = scene.cam_from(frame_index, name, frame)
    boxes = project_cuboids(shown.cuboids, camera, cam_from_cuboids)
    distance = np.linalg.norm(cam_from_cuboids.apply(shown.cuboids.center_m), axis=1)
    near_first = [int(m) for m in np.argsort(distance) if boxes.visible[m]]
    scale = max(1.0, min(canvas.width_px, canvas.height_px) / 620)
    for m in reversed(near_first):
        has_seam = isinstance(camera, PanoramaCamera)
        _draw_cuboid(canvas, boxes.edges(m, range(4)), boxes.edges(m, range(4, 12)), shown.colors[m], scale, has_seam=has_seam)
    if labels:
        _draw_captions(canvas, boxes.xyxy, near_first, shown, scale)


def _background(scene: Scene, frame_index: int, name: str, camera: Camera) -> Canvas:
    import cv2

    width, height = camera.size_px
    if scene.has_image(frame_index, name):
        picture = np.array(scene.image(frame_index, name))
        if picture.shape[:2] != (height, width):
            picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return Canvas(picture)
    canvas = Canvas.blank(width, height, EMPTY)
    size = max(1.0, min(width, height) / 620)
    text_width, text_height = canvas.text_size(NO_PICTURE, size)
    canvas.text(NO_PICTURE, (width - text_width) / 2, text_height + 10, SOFT, size)  # at the top: an overview writes the camera's name at the foot
    return canvas


def _draw_points(canvas: Canvas, image: Any, paint: UInt8s | None) -> None:
    seen = np.flatnonzero(image.in_image)
    seen = seen[np.argsort(-image.depth_m[seen], kind="stable")]
    depth = image.depth_m[seen]
    far = np.stack([np.interp(depth, NEAR_TO_FAR_M, [rgb[i] for rgb in NEAR_TO_FAR_RGB]) for i in range(3)], -1).astype(np.uint8)
    uv, colors = image.uv[seen], far if paint is None else paint[seen]
    canvas.points(uv[:, 0], uv[:, 1], colors, 2 if min(canvas.width_px, canvas.height_px) > 300 else 1)


def _draw_cuboid(canvas: Canvas, front: Sequence[Any], rest: Sequence[Any], color: Color, scale: float, *, has_seam: bool) -> None:
    """The front face is filled a little and its edges are lighter, so that the heading is seen. Not filled where a seam cuts it."""
    outline = np.concatenate(front) if front else np.zeros((0, 2))
    if len(outline) and not (has_seam and np.abs(np.diff(outline[:, 0], append=outline[0, 0])).max() > canvas.width_px / 2):
        canvas.fill(outline, color, 0.25)
    width = max(1, round(1.3 * scale))
    canvas.lines([*rest, *front], DARK, width + 2, opacity=0.45)
    canvas.lines(rest, color, width)
    canvas.lines(front, lighter(color, 0.6), width)


def _draw_captions(canvas: Canvas, xyxy: Any, near_first: Sequence[int], shown: Shown, scale: float) -> None:
    """The nearest objects get their caption first; one that would cover another is left out."""
    taken: list[tuple[float, float, float, float]] = []
    for m in near_first:
        caption = shown.captions[m]
        if not caption:
            continue
        width, height = canvas.text_size(caption, scale)
        u = float(np.clip(xyxy[m, 0] + 3, 5, max(5, canvas.width_px - width - 5)))
        v = float(np.clip(xyxy[m, 1] - 6, height + 6, canvas.height_px - 6))
        if free_place(taken, u, v, width, height):
            canvas.text(caption, u, v, lighter(shown.colors[m], 0.35), scale, backdrop=DARK)
