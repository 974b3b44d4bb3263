"""How far a scene may reach. What lies further is a broken number: the readers refuse it, and so nobody writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..arrays import Float64s
from ..errors import ArgumentError
from ..image_tracks import ImageTrack
from ..limits import FARTHEST_M, FARTHEST_PX
from ..scene import Scene
from ..shapes2d import Keypoints
from .strict_json import Node

__all__ = ["check_pixels", "check_reach", "within_reach"]


def within_reach(node: Node, values: Float64s, what: str = "coordinates") -> Float64s:
    """The values of a node; FormatError where one is too large."""
    if not all(-FARTHEST_M < value < FARTHEST_M for value in values.ravel().tolist()):
        raise node.wrong(f"{what} under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in values))
    return values


def check_reach(scene: Scene) -> None:
    """ArgumentError where a scene holds what a reader would refuse."""
    for field, values in _lengths(scene):
        if not np.abs(values).max(initial=0) < FARTHEST_M:
            worst = values[np.unravel_index(int(np.argmax(np.abs(values))), values.shape)[:-1]]
            got, hint = " ".join(f"{v:g}" for v in worst), "is it in millimetres, or a broken number? correct it"
            raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m", got=got, field=field, hint=hint)
    check_pixels(scene.image_tracks)


def check_pixels(tracks: Iterable[ImageTrack]) -> None:
    """As `check_reach`, for labels in pictures."""
    for track in tracks:
        shapes = track.shapes  # NaN where nothing is there; points that are not marked are in no bounds, but they are written
        bounds = np.nan_to_num(shapes.uv if isinstance(shapes, Keypoints) else shapes.bounds_xyxy())
        if not np.abs(bounds).max(initial=0) < FARTHEST_PX:
            got, field = f"{np.abs(bounds).max():g}", f"image track {track.track_id[:40]!r}"
            raise ArgumentError(expected=f"places in pictures under {FARTHEST_PX:g} px", got=got, field=field, hint="correct the broken number")


def _lengths(scene: Scene) -> Iterator[tuple[str, Float64s]]:
    for name, lidar in scene.lidars.items():
        yield f"scene.lidars[{name!r}]", lidar.ego_from_lidar.translation_m
    for name, camera in scene.cameras.items():
        yield f"scene.cameras[{name!r}]", camera.ego_from_cam.translation_m
    if scene.trajectory is not None:
        yield "scene.trajectory", scene.trajectory.sample(scene.trajectory.times_ns)[1]
    for track in scene.tracks:
        yield f"track {track.track_id[:40]!r}", track.cuboids.center_m
        yield f"track {track.track_id[:40]!r}", track.cuboids.size_m
