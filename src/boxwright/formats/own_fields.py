"""Fields that labels came with, which are for the format they came from: columns of KITTI and Argoverse 2 have no place in what a platform shows."""

from __future__ import annotations

from ..scene import Scene
from .write_report import WriteReport

__all__ = ["with_own_fields"]

_EVERYWHERE = {"shape"}  # that a box was drawn as an ellipse, which several platforms have
_MOST_NAMED = 8


def with_own_fields(scene: Scene, report: WriteReport, *names: str) -> Scene:
    """The scene as it is where it came from the platform, else without the fields of other formats that its labels have; a note names them.

    names : the platform's format, and what the scene's `source_attributes` call it; they tell it still where the scene was kept as boxwright's own
    """
    if scene.format in names or any(name in scene.source_attributes for name in names):
        return scene
    labels = (*scene.tracks, *scene.image_tracks)
    rows = [row for one in labels for row in (one.source_attributes, *one.keyframe_source_attributes)]
    gone = list(dict.fromkeys(name for row in rows for name in row if name not in _EVERYWHERE))
    if not gone:
        return scene
    more = f" and {len(gone) - _MOST_NAMED} more" if len(gone) > _MOST_NAMED else ""
    report.notes.append(f"fields that labels have from another format stay behind: {', '.join(gone[:_MOST_NAMED])}{more}"[:400])
    kept = [{name: value for name, value in one.source_attributes.items() if name in _EVERYWHERE} for one in labels]
    bare = [one.replace(source_attributes=own, keyframe_source_attributes=()) for one, own in zip(labels, kept)]
    return scene.replace(tracks=bare[: len(scene.tracks)], image_tracks=bare[len(scene.tracks) :])
