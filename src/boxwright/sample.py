"""The sample clip that comes with boxwright: where it lies, and what is in it.

    clip/scene.json, lidars/, cameras/    a recording without labels
    truth/scene.json                      its true labels
    inputs/scene.json                     keyframes as a person would set them on some objects, every ten frames or so
    inputs/clicks.json                    clicks as a person would make them on the others

A truth and an input that mean the same object share their `track_id`. `formats/sample_clip.py` makes all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import FrameMissing

__all__ = ["Click", "sample_folder"]


@dataclass(frozen=True)
class Click:
    """Somebody points at an object.

    point_m : (x, y, z) in the LiDAR's frame, on or near the surface the sweep of that frame shows
    track_id : which object the person means; several clicks may mean the same
    """

    frame_index: int
    point_m: tuple[float, float, float]
    category: str
    track_id: str


def sample_folder() -> Path:
    """The folder of the sample: inside the package, or in the checkout that an editable install runs from. FrameMissing where it is neither."""
    here = Path(__file__).resolve().parent
    for folder in (here / "sample_data", here.parents[1] / "sample_data"):
        if (folder / "clip" / "scene.json").is_file():
            return folder
    raise FrameMissing(
        "the sample data is not there",
        expected="sample_data/clip/scene.json in the package or the checkout",
        path=here / "sample_data",
        hint="install boxwright again, or make it: python -m boxwright.formats.sample_clip FOLDER",
    )
