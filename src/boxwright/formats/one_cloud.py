"""All LiDARs of a frame as one cloud in the frame of the first, for formats that have one cloud for each frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ..arrays import Int64s, as_points
from ..errors import number_of
from ..frames import Pose
from ..points import Sweep
from ..scene import Scene
from .sweep_losses import SweepLosses
from .write_report import Told, WriteReport

__all__ = ["WHICH", "OneCloud", "without_origin"]

WHICH = "lidar_index"  # a field of the points: the place of their LiDAR in the scene's list


class OneCloud:
    """The clouds of a scene, one for each frame. `say` tells the report what became of several LiDARs."""

    def __init__(self, scene: Scene, columns: Collection[str] | None = None) -> None:
        """columns : which of the points the files have; all of them where None"""
        self.losses = SweepLosses(columns)
        self.scene, self.names = scene, list(scene.lidars)
        self.n_clouds = 0
        self._lost = set[str]()

    def of(self, frame_index: int) -> Sweep | None:
        """The sweep of the only LiDAR as it is; of several, their points where the first one's frame has them. None where no LiDAR has any."""
        there = [name for name in self.names if self.scene.has_points(frame_index, name)]
        if not there:
            return None
        self.n_clouds += 1
        sweeps = {name: self.scene.points(frame_index, name) for name in there}
        for sweep in sweeps.values():
            self.losses.saw(sweep, int(self.scene.times_ns[frame_index]))
        return sweeps[there[0]] if len(self.names) == 1 else self._together(frame_index, sweeps)

    def _together(self, frame_index: int, sweeps: dict[str, Sweep]) -> Sweep:
        first, found = self.names[0], list(sweeps.values())
        stamp = sweeps[first].timestamp_ns if first in sweeps else int(self.scene.times_ns[frame_index])
        places = [self._moved(sweep, name, stamp) for name, sweep in sweeps.items()]
        shared = sorted(set.intersection(*[set(one.fields) for one in found]) - {WHICH})
        self._lost.update({name for one in found for name in one.fields} - {*shared, WHICH})
        if len({one.intensity is None for one in found}) > 1:
            self._lost.add("intensity")
        if len({one.time_offset_ns is None for one in found}) > 1:
            self._lost.add("time_offset_ns")
        index = np.repeat([self.names.index(name) for name in sweeps], [len(one) for one in found])
        return Sweep(
            np.concatenate(places),
            stamp,
            first,
            _joined([one.intensity for one in found]),
            _joined([None if one.time_offset_ns is None else _since(one, stamp) for one in found]),
            {**{name: np.concatenate([one.fields[name] for one in found]) for name in shared}, WHICH: index.astype(np.uint8)},
            is_deskewed=all(one.is_deskewed for one in found),
        )

    def _moved(self, sweep: Sweep, name: str, stamp: int) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
        """In the frame of the first LiDAR at `stamp`; as the numbers are where it is that already."""
        first = self.names[0]
        points = as_points("sweep", sweep)
        pose = self._first_from(name, sweep.timestamp_ns, stamp)
        if name == first and sweep.timestamp_ns == stamp:
            return points
        moved = pose.apply(points)
        return moved.astype(np.float32) if points.dtype == np.float32 else moved

    def _first_from(self, name: str, time_ns: int, stamp: int) -> Pose:
        trajectory = self.scene.trajectory
        moves = trajectory is not None and time_ns != stamp and bool(trajectory.covers([time_ns, stamp]).all())
        return self.scene.transform(self.names[0], name, time_ns if moves else stamp, target_time_ns=stamp)

    def say(self, report: WriteReport) -> None:
        if len(self.names) > 1 and self.n_clouds:
            said = f"they are one cloud in the frame of {self.names[0]}, with `{WHICH}` for each point"
            report.dropped.append(Told("sweeps", f"the clouds of {', '.join(self.names)} as such: {said}", self.names[1:]))
        if self.names and self.n_clouds < len(self.scene):
            said = f"{number_of(len(self.scene) - self.n_clouds, 'frame')} without a sweep of {' or '.join(self.names)}"
            report.missing.append(Told("sweeps", said))
        if self._lost:
            said = f"of the points: {', '.join(sorted(self._lost))}, which some LiDARs have and others have not"
            report.dropped.append(Told("sweeps", said, self._lost))
        self.losses.say(report)


def _since(sweep: Sweep, stamp: int) -> Int64s:
    offsets: Int64s = np.asarray(sweep.time_offset_ns, np.int64) + (sweep.timestamp_ns - stamp)
    return offsets


def _joined(columns: Sequence[Any]) -> Any:
    """One column where all have it."""
    kept = [column for column in columns if column is not None]
    return np.concatenate(kept) if len(kept) == len(columns) else None


def without_origin(sweep: Sweep) -> Sweep:
    """The same points with the shift in their coordinates, for files that cannot tell it apart."""
    return dataclasses.replace(sweep, xyz=as_points("sweep", sweep), origin_m=(0.0, 0.0, 0.0)) if any(sweep.origin_m) else sweep
