"""Cuboids gathered record by record from label files, one frame after the other, and the tracks they make."""

from __future__ import annotations

import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cuboids import Cuboids
from ..frames import Pose
from ..limits import FARTHEST_M, limits
from ..tracks import Origin, Track, Visibility
from .dense_tracks import dense_track, moved_each
from .free_names import FreeNames
from .strict_json import Node

__all__ = ["LabelRows"]


@dataclass
class LabelRows:
    """Labels in one frame of reference, the LiDAR's of each frame's own moment or the world; frames come in order.

    keys : (track id, category) of each row; an id that comes with two categories makes two tracks
    reference : the frame of reference that the labels stand in
    """

    frame: list[int] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    numbers: list[array[float]] = field(default_factory=list)
    visibility: list[int] = field(default_factory=list)
    origin: list[int] = field(default_factory=list)
    attributes: list[Mapping[str, Any]] = field(default_factory=list)
    sources: list[Mapping[str, Any]] = field(default_factory=list)
    reference: str = "lidar"
    _seen: set[tuple[int, str, str]] = field(default_factory=set)

    def add(
        self,
        frame_index: int,
        node: Node,
        key: tuple[str, str],
        center: tuple[Node, Float64s],
        size: tuple[Node, Float64s],
        quat_wxyz: Float64s,
        *,
        visibility: int = Visibility.VISIBLE,
        origin: int = Origin.GIVEN,
        attributes: Mapping[str, Any],
        source: Mapping[str, Any],
    ) -> None:
        """One record. FormatError where its numbers cannot be, or its track is in the frame already.

        center, size : the numbers, with the place in the file where they stand
        """
        place, extent = center[1].tolist(), size[1].tolist()  # three numbers each: numpy takes longer to begin than Python for all of it
        if not all(-FARTHEST_M < value < FARTHEST_M for value in place):
            raise center[0].wrong(f"coordinates under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in center[1]))
        if not all(0 < value < FARTHEST_M for value in extent):
            raise size[0].wrong("a positive length, width and height", " ".join(f"{v:g}" for v in size[1]), "correct the label")
        if (frame_index, *key) in self._seen:
            raise node.wrong("each object once in a frame", f"{key[1]} {key[0]!r} again", "give each object an id of its own")
        self._seen.add((frame_index, *key))
        self.frame.append(frame_index)
        self.keys.append(key)
        self.numbers.append(array("d", (*place, *extent, *quat_wxyz.tolist())))
        self.visibility.append(int(visibility))
        self.origin.append(int(origin))
        self.attributes.append(attributes)
        self.sources.append(source)

    def put_in_order(self, place: Int64s) -> None:
        """Frame f becomes frame place[f]; the rows are put in the order of their frames."""
        moved = place[self.frame] if self.frame else np.zeros(0, np.int64)
        self.frame = moved.tolist()
        self._keep(np.argsort(moved, kind="stable").tolist())

    def without(self, frames: Sequence[int]) -> list[dict[str, Any]]:
        """Takes the rows of some frames out, and gives what they told."""
        gone = set(frames)
        kept = [i for i, frame in enumerate(self.frame) if frame not in gone]
        told = [
            {"frame": frame, "track_id": key[0], "category": key[1], "center_m": row[:3], "size_m": row[3:6], "quat_wxyz": row[6:]}
            for frame, key, row in zip(self.frame, self.keys, map(array.tolist, self.numbers))
            if frame in gone
        ]
        self._keep(kept)
        return told

    def _keep(self, order: Sequence[int]) -> None:
        for name in ("frame", "keys", "numbers", "visibility", "origin", "attributes", "sources"):
            values = getattr(self, name)
            setattr(self, name, [values[i] for i in order])

    def tracks(self, times_ns: Int64s, lidar_poses: Sequence[Pose] | None, path: str | os.PathLike[str], notes: list[str]) -> list[Track]:
        """The tracks, in the world frame where there are poses.

        times_ns : of the frames that could hold a label; the rows' frames count in them
        lidar_poses : world_from_lidar of each such frame, or None
        """
        table = np.frombuffer(b"".join(self.numbers)).reshape(-1, 10)
        cuboids = Cuboids(table[:, :3], table[:, 3:6], quat_wxyz=table[:, 6:], frame=self.reference)
        frame = np.array(self.frame, np.int64)
        if lidar_poses is not None:
            cuboids = moved_each(cuboids, lidar_poses, frame, "world")
        members: dict[tuple[str, str], list[int]] = {}
        for i, key in enumerate(self.keys):
            members.setdefault(key, []).append(i)
        limits().check("tracks_per_scene", len(members), path)
        kinds_of: dict[str, list[str]] = {}
        for track_id, kind in members:
            kinds_of.setdefault(track_id, []).append(kind)
        several = {track_id: kinds for track_id, kinds in kinds_of.items() if len(kinds) > 1}
        notes += [f"track {track_id} is of several types: {', '.join(kinds)}; each became a track" for track_id, kinds in several.items()]
        tracks, taken = [], FreeNames(kinds_of)
        for (name, category), rows in members.items():
            limits().check("keyframes_per_track", len(rows), path, f"track {name}")
            track_id = name
            if name in several and several[name][0] != category:
                track_id = taken.take(f"{name}-{category}")
            index = np.array(rows)
            track = dense_track(
                track_id,
                category,
                frame[index],
                times_ns,
                cuboids[index],
                visibility=[self.visibility[i] for i in rows],
                origin=[self.origin[i] for i in rows],
                attributes=_told_in_full([self.attributes[i] for i in rows]),
                source_attributes=[self.sources[i] for i in rows] if any(self.sources[i] for i in rows) else (),
            )
            tracks.append(track)
        return tracks


def _told_in_full(attributes: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """These files tell all of each frame: what one leaves out holds no longer, so it becomes None. Nothing where nothing is told."""
    names = list(dict.fromkeys(name for row in attributes for name in row))
    return [{name: row.get(name) for name in names} for row in attributes] if names else ()
