"""What a format makes of a recording's own labels: what was there before somebody edited them on a platform."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BoxwrightError, SensorFrameFallback
from ..scene import Scene
from ..sensors import NoData
from .of_datumaro import names_tracks, options_of_datumaro

__all__ = ["AsWritten", "as_written"]


@dataclass(frozen=True)
class AsWritten:
    """What a format makes of the recording's own labels, read back.

    scene : the recording's own where nobody knows; why : why nobody does
    names : name -> track_id of tracks that the format calls otherwise than the recording, as those do that number them
    keeps_names : False of a format that only counts its tracks, so that all have other numbers once one is taken out
    """

    scene: Scene
    why: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    keeps_names: bool = True


def as_written(scene: Scene, labels: Scene, cameras: Sequence[str]) -> AsWritten:
    """The recording's own cuboids, labels in the pictures of some cameras, and tags, written in the labels' format and read back."""
    from . import _READERS, _WRITERS, capabilities, options_of, read, write

    format = labels.format
    tracks = scene.tracks if labels.tracks or capabilities()[format].projects else ()
    own = scene.replace(tracks=tracks, image_tracks=[one for one in scene.image_tracks if one.camera in cameras], relations=(), data=NoData())
    if format == "boxwright" or not (own.tracks or own.image_tracks or own.tags):
        return AsWritten(own)
    if format not in _WRITERS or format not in _READERS:
        return AsWritten(own, f"boxwright does not write {format}")
    taken = options_of(format)
    options: dict[str, Any] = {"camera": cameras[0]} if "camera" in taken and len(cameras) == 1 else {}
    options |= options_of_datumaro(labels)
    is_counted = "dialect" in taken and not ("dialect" in options and names_tracks(labels))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", SensorFrameFallback)
        place = Path(folder) / "own"
        try:
            report = write(own, place, format, **options)
            return AsWritten(read(place, format=format), names=report.track_names, keeps_names=not is_counted)
        except BoxwrightError as error:
            return AsWritten(own, f"{format} cannot hold them: {error}".replace(str(place), scene.name))
