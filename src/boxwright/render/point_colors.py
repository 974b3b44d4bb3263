"""What points are coloured by, the same on the page, in the window and in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..arrays import ArrayLike, UInt8s, as_points
from ..cameras import UncalibratedCamera
from ..errors import ArgumentError, BoxwrightError
from ..occlusion import depth_map
from ..point_labels import PointLabels
from ..points import Sweep
from ..scene import Scene
from ..segmentation import apply_edits, segment
from .canvas import Color
from .labels import color_of

__all__ = ["COLOR_MODES", "ColorMode", "class_colors", "color_mode", "labels_of_points", "picture_colors", "point_colors", "ramp_colors"]

ColorMode = Literal["height", "intensity", "time", "class", "camera"]
COLOR_MODES: tuple[ColorMode, ...] = ("height", "intensity", "time", "class", "camera")
NO_CLASS: Color = (96, 105, 122)
NOT_SEEN: Color = (75, 79, 85)  # by no camera
# viridis at eleven places (Smith and van der Walt, CC0): even to the eye, and the same to one that does not tell red from green
RAMP_RGB = (
    *((68, 1, 84), (72, 36, 117), (65, 68, 135), (53, 95, 141), (42, 120, 142), (33, 145, 140)),
    *((34, 168, 132), (68, 191, 112), (122, 209, 81), (189, 223, 38), (253, 231, 37)),
)
SHARES = {"height": (0.02, 0.98), "intensity": (0.02, 0.98), "time": (0.0, 1.0)}  # quantiles at the ends of the ramp


def color_mode(value: Any, field: str = "color") -> ColorMode:
    """ArgumentError for what points cannot be coloured by."""
    if value not in COLOR_MODES:
        raise ArgumentError(expected=f"one of {', '.join(COLOR_MODES)}", got=repr(value)[:40], field=field, hint="'height' is usual")
    return value  # type: ignore[no-any-return]


def point_colors(scene: Scene, frame_index: int, sweep: Sweep, sensor: str, mode: ColorMode) -> UInt8s:
    """(N, 3) uint8 RGB of a sweep's points; by height where the sweep has no intensity, or no times, and those are asked for.

    sweep : of that frame and sensor, as `scene.still_points` or `scene.points` gives it
    """
    if mode == "class":
        return class_colors(labels_of_points(scene, frame_index, sensor)[0])
    if mode == "camera":
        rgba = picture_colors(scene, frame_index, sweep, sensor, None)
        colors: UInt8s = np.where(rgba[:, 3:] > 0, rgba[:, :3], np.array(NOT_SEEN, np.uint8))
        return colors
    values = {"height": None, "intensity": sweep.intensity, "time": sweep.time_offset_ns}[mode]
    return ramp_colors(sweep.xyz[:, 2], "height") if values is None else ramp_colors(values, mode)


def ramp_colors(values: ArrayLike, mode: str) -> UInt8s:
    """(N, 3) uint8 RGB of (N,) numbers, from the darkest to the brightest between two of their quantiles; those that are no numbers are darkest."""
    given = np.asarray(values, np.float64)
    finite = given[np.isfinite(given)]
    low, high = np.quantile(finite, SHARES[mode]) if len(finite) else (0.0, 1.0)
    share = np.clip(np.nan_to_num((given - low) / max(high - low, 1e-9), nan=0.0), 0, 1)
    table = np.stack([np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(RAMP_RGB)), column) for column in np.array(RAMP_RGB, float).T], -1)
    colors: UInt8s = np.rint(table).astype(np.uint8)[np.rint(255 * share).astype(np.int64)]
    return colors


def class_colors(labels: PointLabels) -> UInt8s:
    """(N, 3) uint8 RGB of points by their classes."""
    ids, index = np.unique(labels.class_id, return_inverse=True)
    table = np.array([color_of(labels.class_name(i)) if i else NO_CLASS for i in ids.tolist()], np.uint8).reshape(-1, 3)
    colors: UInt8s = table[index]
    return colors


def labels_of_points(scene: Scene, frame_index: int, sensor: str) -> tuple[PointLabels, str]:
    """The labels of a sweep's points with the edits by hand, and where they are from: "kept", or "cuboids" where none are kept."""
    name = scene.lidar(sensor).name
    if not scene.has_point_labels(frame_index, name):
        return segment(scene, frame_index, name), "cuboids"
    edits = [edit for edit in scene.point_edits if edit.frame_index == frame_index and scene.lidar(edit.sensor).name == name]
    labels = scene.point_labels(frame_index, name)
    return apply_edits(labels, scene.points(frame_index, name), edits) if edits else labels, "kept"


def picture_colors(scene: Scene, frame_index: int, sweep: Sweep, sensor: str, cameras: Sequence[str] | None) -> UInt8s:
    """(N, 4) uint8: the colour of the pixel that shows a point in the first of the cameras that sees it, nothing standing before it, and 255; 0 where
    none does. cameras : names, by default all"""
    rgba = np.zeros((len(sweep), 4), np.uint8)
    points, origins_m = as_points("points", sweep), scene.lidar(sensor).origins_m
    for name in scene.cameras if cameras is None else dict.fromkeys(cameras):
        camera = scene.camera(name).camera
        if isinstance(camera, UncalibratedCamera) or not scene.has_image(frame_index, name):
            continue
        try:
            pose = scene.cam_from(frame_index, name, sensor)
        except BoxwrightError:  # no pose at its exposure
            continue
        seen = depth_map(points, camera, pose, sensor_origins_m=origins_m)
        rows = np.flatnonzero(seen.sees & (rgba[:, 3] == 0))
        if not len(rows):
            continue
        image = scene.image(frame_index, name)
        u, v = np.rint(seen.image.uv[rows]).astype(np.int64).T
        inside = (u >= 0) & (v >= 0) & (u < image.shape[1]) & (v < image.shape[0])
        rgba[rows[inside], :3] = image[v[inside], u[inside]]
        rgba[rows[inside], 3] = 255
    return rgba
