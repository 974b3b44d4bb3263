"""Some frames of a long recording as a scene of their own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ..point_labels import NoPointLabels
from ..points import Sweep
from ..scene import Scene, SensorData

__all__ = ["window"]


@dataclass(frozen=True)
class Shifted:
    """The sensor data of a recording from frame `first` on."""

    data: SensorData
    first: int

    def points(self, frame_index: int, sensor: str) -> Sweep:
        return self.data.points(self.first + frame_index, sensor)

    def image(self, frame_index: int, camera: str) -> Any:
        return self.data.image(self.first + frame_index, camera)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return self.data.has_points(self.first + frame_index, sensor)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.data.has_image(self.first + frame_index, camera)


def window(scene: Scene, first: int, last: int) -> Scene:
    """The frames from `first` on, up to `last` and without it; tracks keep all their keyframes, so that labels are what they are in the whole."""
    rows = slice(first, last)
    cameras = {
        name: sensor if sensor.times_ns is None else dataclasses.replace(sensor, times_ns=sensor.times_ns[rows])
        for name, sensor in scene.cameras.items()
    }
    return scene.replace(
        times_ns=scene.times_ns[rows],
        frame_ids=scene.frame_ids[rows],
        cameras=cameras,
        data=Shifted(scene.data, first),
        point_label_data=NoPointLabels(),
        point_edits=(),
    )
