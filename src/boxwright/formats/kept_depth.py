"""How deep things may be nested that are kept of a file beside its labels: a file they are written into puts more around them, and must be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..limits import limits
from ..scene import Scene

__all__ = ["check_kept_depth"]

_NESTS = (Mapping, list, tuple)


def check_kept_depth(scene: Scene, path: str | os.PathLike[str]) -> None:
    """LimitError where attributes or source attributes are nested deeper than `kept_depth`."""
    bounds = limits()
    for field, values in _kept(scene):
        if any(isinstance(value, _NESTS) for value in values.values()):
            bounds.check("kept_depth", _depth(values, bounds.kept_depth), path, field)


def _kept(scene: Scene) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "scene.source_attributes", scene.source_attributes
    for tag in scene.tags:
        yield f"tag {tag.name!r}", tag.source_attributes
    for track in (*scene.tracks, *scene.image_tracks):
        field = f"track {track.track_id!r}"
        yield field, track.attributes
        yield field, track.source_attributes
        for rows in (track.keyframe_attributes, track.keyframe_source_attributes):
            yield from ((field, row) for row in rows)


def _depth(value: Any, most: int) -> int:
    """Brackets in brackets, with its own; not counted beyond `most` and one more."""
    depth, here = 0, [value]
    while here and depth <= most:
        depth += 1
        inside = (item for one in here for item in (one.values() if isinstance(one, Mapping) else one))
        here = [item for item in inside if isinstance(item, _NESTS)]
    return depth
