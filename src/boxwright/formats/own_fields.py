"""Fields that labels came with, which are for the format they came from: columns of KITTI and Argoverse 2 have no place in what a platform shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain

from ..errors import number_of
from ..image_tracks import ImageTrack
from ..scene import Scene
from ..tracks import Track
from .write_report import Told, WriteReport

__all__ = ["lost_own_fields", "with_own_fields"]

_ELLIPSE = [("shape", "ellipse")]  # that a box was drawn as one, which several platforms have
_MOST_NAMED = 8


def with_own_fields(scene: Scene, report: WriteReport, *names: str) -> Scene:
    """The scene as it is where it came from the platform, else without the fields of other formats that its labels have; the report names them.

    names : the platform's format, and what the scene's `source_attributes` call it; they tell it still where the scene was kept as boxwright's own
    """
    if scene.format in names or any(name in scene.source_attributes for name in names):
        return scene
    labels: list[Track | ImageTrack] = [*scene.tracks, *scene.image_tracks]
    gone = lost_own_fields(labels, (), _ELLIPSE)
    if not gone:
        return scene
    report.dropped += gone
    kept = [{name: value for name, value in _ELLIPSE if one.source_attributes.get(name) == value} for one in labels]
    bare = [one.replace(source_attributes=own, keyframe_source_attributes=()) for one, own in zip(labels, kept)]
    return scene.replace(tracks=bare[: len(scene.tracks)], image_tracks=bare[len(scene.tracks) :])


def lost_own_fields(labels: Sequence[Track | ImageTrack], kept: Collection[str], kept_values: Collection[tuple[str, str]] = ()) -> list[Told]:
    """Of a format that has places for the kept ones alone: the others by name, with how many keyframes or tracks have them.

    kept, kept_values : names; and names that have one value, of tracks
    """
    of_tracks = (name for one in labels for name, value in one.source_attributes.items() if name not in kept and (name, value) not in kept_values)
    of_keyframes = (name for one in labels for row in one.keyframe_source_attributes for name in row if name not in kept)
    n_of = Counter(chain(of_tracks, of_keyframes))
    if not n_of:
        return []
    named = ", ".join(f"{name} ({n:,})" for name, n in n_of.most_common(_MOST_NAMED))
    more = f" and {number_of(len(n_of) - _MOST_NAMED, 'other')}" if len(n_of) > _MOST_NAMED else ""
    return [Told("other_fields", f"fields that labels have from another format: {named}{more}"[:400], n_of)]
