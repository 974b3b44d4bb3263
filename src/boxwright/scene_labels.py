"""The labels of one frame, and of one picture, as a scene gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Int32s, Int64s, UInt8s
from .cuboids import Cuboids
from .image_tracks import ImageTracks, interpolate_image_tracks
from .shapes2d import Boxes, Shapes

__all__ = ["FrameLabels", "ShapeLabels", "boxes_of", "shapes_at"]


@dataclass(frozen=True, eq=False)
class FrameLabels:
    """The labels of one frame; rows go together.

    cuboids : M cuboids
    track_index : (M,) int32 into scene.tracks
    state : (M,) of tracks.State
    """

    cuboids: Cuboids
    track_index: Int32s
    state: UInt8s


@dataclass(frozen=True, eq=False)
class ShapeLabels:
    """Labels of one picture with shapes of one kind; rows go together.

    shapes : M shapes
    track_index : (M,) int32 into scene.image_tracks
    state : (M,) of tracks.State
    visibility : (M,) of tracks.Visibility
    """

    shapes: Shapes
    track_index: Int32s
    state: UInt8s
    visibility: UInt8s

    def __len__(self) -> int:
        return len(self.track_index)


def shapes_at(tracks: ImageTracks, camera: str, time_ns: Int64s) -> list[ShapeLabels]:
    """The labels of one camera at a time (1,), one ShapeLabels for each kind of shape that has any."""
    labels = []
    for group, index in tracks.groups(camera):
        many = interpolate_image_tracks(group, time_ns)
        if len(many):
            labels.append(ShapeLabels(many.shapes, index[many.track_index], many.state, many.visibility))
    return labels


def boxes_of(labels: list[ShapeLabels]) -> ShapeLabels:
    """All of them as Boxes, in the order of their tracks; labels without a pixel or a point have none."""
    bounds = np.concatenate([np.zeros((0, 4)), *[one.shapes.bounds_xyxy() for one in labels]])
    index = np.concatenate([np.zeros(0, np.int32), *[one.track_index for one in labels]])
    state, visibility = (np.concatenate([np.zeros(0, np.uint8), *[getattr(one, name) for one in labels]]) for name in ("state", "visibility"))
    order = np.argsort(index)
    order = order[~np.isnan(bounds[order]).any(axis=1)]
    return ShapeLabels(Boxes(bounds[order]), index[order], state[order], visibility[order])
