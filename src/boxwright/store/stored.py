"""What a project gives out: scenes as a list tells of them, tracks with the revisions that edits stand on, labels of points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import UnknownName
from ..formats.point_label_files import read_label_bytes
from ..image_tracks import ImageTrack
from ..point_labels import NoPointLabels, PointLabels
from ..tracks import Track
from .entities import Entity

__all__ = ["StoredPointLabels", "StoredScene", "StoredTrack"]


@dataclass(frozen=True)
class StoredScene:
    """What `Project.scenes` tells of a scene without reading it."""

    scene_id: str
    name: str
    format: str
    n_tracks: int
    n_keyframes: int
    last_seq: int


@dataclass(frozen=True)
class StoredTrack:
    """A track with the revisions that edits of it stand on.

    entity : the track's own
    keyframes : by time
    track : the same as boxwright's
    seen : the last transaction when it was read
    """

    entity: Entity
    keyframes: Sequence[Entity]
    track: Track | ImageTrack
    seen: int

    def keyframe(self, time_ns: int) -> Entity:
        """UnknownName where it has none at that time."""
        for one in self.keyframes:
            if (one.body or {})["timestamp_ns"] == time_ns:
                return one
        hint = "stored.track.times_ns lists them"
        raise UnknownName("the track has no keyframe at that time", got=str(time_ns), field=f"track {self.track.track_id!r}", hint=hint)


class StoredPointLabels(NoPointLabels):
    """Point labels that lie in a project, read when they are asked for.

    blob : SHA-256 in hex -> bytes
    labels : (frame index, sensor) -> SHA-256 in hex
    """

    def __init__(self, blob: Callable[[str], bytes], labels: Mapping[tuple[int, str], str]) -> None:
        self.blob, self.labels = blob, labels

    def point_labels(self, frame_index: int, sensor: str) -> PointLabels:
        if (frame_index, sensor) not in self.labels:
            return super().point_labels(frame_index, sensor)
        return read_label_bytes(self.blob(self.labels[frame_index, sensor]))

    def has_point_labels(self, frame_index: int, sensor: str) -> bool:
        return (frame_index, sensor) in self.labels
