"""What a picture shows of the labels: cuboids with a colour and a caption each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cuboids import Cuboids
from ..errors import ArgumentError, number_of
from ..scene import Scene
from ..taxonomy import Taxonomy
from .canvas import Color

__all__ = ["Shown", "caption_of", "color_of", "free_place", "lighter", "shown_cuboids", "shown_of_scene", "vehicle_frame"]

MIN_LUMA = 120  # darker colours would be lost on a dark ground


@dataclass(frozen=True, eq=False)
class Shown:
    """M cuboids and, for each, its class, colour and caption."""

    cuboids: Cuboids
    categories: Sequence[str]
    colors: Sequence[Color]
    captions: Sequence[str]


def color_of(category: str, taxonomy: Taxonomy | None = None) -> Color:
    """The class's colour in a taxonomy, by default boxwright's own, made light enough for a dark ground; the same for the same name, always."""
    color = (taxonomy or Taxonomy.default()).color(category)
    luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    return color if luma >= MIN_LUMA else lighter(color, (MIN_LUMA - luma) / (255 - luma))


def lighter(color: Color, share: float) -> Color:
    """A colour moved towards white."""
    red, green, blue = (round(c + share * (255 - c)) for c in color)
    return red, green, blue


def vehicle_frame(scene: Scene) -> str:
    """The frame a frame of the scene is best shown in: the LiDAR's, else the vehicle's, else the one its labels are in."""
    return "lidar" if scene.lidars else "ego" if scene.trajectory is not None else scene.label_frame


def shown_cuboids(cuboids: Cuboids, categories: Sequence[str] | None = None, captions: Sequence[str] | None = None) -> Shown:
    """Cuboids given by hand."""
    names = [""] * len(cuboids) if categories is None else list(categories)
    texts = names if captions is None else list(captions)
    for field, given in (("categories", names), ("captions", texts)):
        if len(given) != len(cuboids):
            raise ArgumentError(expected=f"{number_of(len(cuboids), 'name')}, one per cuboid", got=str(len(given)), field=field)
    return Shown(cuboids, names, [color_of(name) for name in names], texts)


def shown_of_scene(scene: Scene, frame_index: int, frame: str) -> Shown:
    """The labels of a frame; the caption is the class and the track's id."""
    if not scene.tracks:
        return shown_cuboids(Cuboids(np.zeros((0, 3)), np.zeros((0, 3)), 0.0, frame=frame))
    labels = scene.labels(frame_index, frame)
    tracks = [scene.tracks[i] for i in labels.track_index]
    names = [track.category for track in tracks]
    return shown_cuboids(labels.cuboids, names, [caption_of(track.track_id, track.category) for track in tracks])


def free_place(taken: list[tuple[float, float, float, float]], u: float, v: float, width: float, height: float) -> bool:
    """True, and taken from now on, where a caption at (u, v) of that size covers no earlier one."""
    plate = (u - 4, v - height - 4, u + width + 4, v + 4)
    if any(plate[0] < b[2] and b[0] < plate[2] and plate[1] < b[3] and b[1] < plate[3] for b in taken):
        return False
    taken.append(plate)
    return True


def caption_of(track_id: str, category: str) -> str:
    """Class and id; an id that says the class already stands alone, and a long one (a hash) is cut."""
    name = track_id if len(track_id) <= 16 else track_id[:6]
    return name if name.lower().startswith(category.lower()) else f"{category} {name}"
