"""How many points of LiDARs and radars nuScenes' labels hold: as a file said, or as a sweep shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..arrays import Float64s, Int32s, Int64s
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..errors import number_of
from ..scene import Scene
from ..tracks import Track, interpolate_tracks

__all__ = ["COUNTS", "Counts", "said_at"]

COUNTS = ("num_lidar_pts", "num_radar_pts")
_CARRIED = ("num_interior_pts", "num_lidar_points_in_box")  # what Argoverse 2 and Waymo say of the same


class Counts:
    """Points of LiDARs and radars in each cuboid of a scene: as a file of nuScenes said, else as the sweeps of all LiDARs show, else as a file of
    another format said, else none.

    in_world : cuboids and the frame of each -> the same in the world
    cloud : index of a frame -> (N, 3) metres, the sweeps of all LiDARs in the world
    n_unknown : labels so far whose points nobody knows
    n_no_radar : labels so far of whose points of radars no file said anything
    """

    def __init__(self, scene: Scene, in_world: Callable[[Cuboids, Int64s], Cuboids], cloud: Callable[[int], Float64s]) -> None:
        self._scene, self._in_world, self._cloud = scene, in_world, cloud
        self.n_unknown = self.n_no_radar = 0
        seen = [i for i in range(len(scene)) if any(scene.has_points(i, name) for name in scene.lidars)]
        every = np.concatenate([*[self._counted(i) for i in seen], np.zeros((0, 3), np.int32)])
        self._counted_points = every[np.lexsort((every[:, 1], every[:, 0]))]  # track, frame, points

    def _counted(self, i: int) -> Int32s:
        """(M, 3) track, frame, points of the cuboids of a frame of which no file of nuScenes said how many there are."""
        scene = self._scene
        many = interpolate_tracks(scene.tracks, scene.times_ns[i : i + 1])
        tracks = np.asarray(many.track_index)
        new = np.array([_told(said_at(scene.tracks[k], scene.times_ns[i : i + 1])[0]) is None for k in tracks.tolist()], bool)
        found = np.zeros((int(new.sum()), 3), np.int32)
        if len(found):
            cuboids = self._in_world(many.cuboids[np.flatnonzero(new)], np.full(len(found), i))
            found[:, 0], found[:, 1] = tracks[new], i
            found[:, 2] = points_in_cuboids(self._cloud(i), cuboids).counts
        return found

    def of(self, k: int, frames: Int64s) -> list[tuple[int, int]]:
        """(points of LiDARs, points of radars) of a track's labels in some frames, 0 where nobody knows."""
        table = self._counted_points
        start, end = np.searchsorted(table[:, 0], [k, k + 1]).tolist()
        seen = dict(zip(table[start:end, 1].tolist(), table[start:end, 2].tolist()))
        found = []
        for i, said in zip(frames.tolist(), said_at(self._scene.tracks[k], self._scene.times_ns[frames])):
            told = _told(said)
            if told is None:
                points = seen[i] if i in seen else next((n for n in map(_whole, map(said.get, _CARRIED)) if n is not None), None)
                self.n_unknown += points is None
                told = (points or 0, 0)
            self.n_no_radar += _whole(said.get(COUNTS[1])) is None
            found.append(told)
        return found

    def notes(self) -> list[str]:
        """What was filled in without being known."""
        unknown = (
            (COUNTS[0], self.n_unknown, "no sweep and no file tells how many points they hold"),
            (COUNTS[1], self.n_no_radar, "no radar is known"),
        )
        return [f"{name} is 0 for {number_of(n, 'label')}: {why}" for name, n, why in unknown if n]


def said_at(track: Track, stamps: Int64s) -> list[Mapping[str, Any]]:
    """What a file said of a track's labels at some stamps; nothing where there is no keyframe."""
    rows = track.keyframe_source_attributes
    if not any(rows):
        return [{}] * len(stamps)
    at = np.minimum(np.searchsorted(track.times_ns, stamps), len(track) - 1)
    return [rows[row] if is_key else {} for row, is_key in zip(at.tolist(), (track.times_ns[at] == stamps).tolist())]


def _told(said: Mapping[str, Any]) -> tuple[int, int] | None:
    """None where no file of nuScenes said how many points of LiDARs there are; what is no count counts as none."""
    if not isinstance(said.get(COUNTS[0]), int):
        return None
    lidar, radar = (_whole(said.get(name)) or 0 for name in COUNTS)
    return lidar, radar


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and value >= 0 else None
