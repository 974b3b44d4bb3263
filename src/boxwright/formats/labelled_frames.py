"""The labels of a scene frame by frame, for writers of formats that know frames and no tracks' curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s, UInt8s
from ..cuboids import Cuboids
from ..errors import ArgumentError, number_of
from ..keyframes import State, Visibility
from ..limits import FARTHEST_M
from ..scene import Scene
from ..tracks import interpolate_tracks
from .dense_tracks import moved_each
from .write_report import Told, WriteReport

__all__ = ["LabelBlock", "LabelledFrame", "label_blocks", "labelled_frames", "say_what_is_in_no_frame", "sensor_frame"]

_AT_ONCE = 128  # frames whose labels are in memory together
Row = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class LabelBlock:
    """The N labels of some frames in a row, by frame and then by track, for formats that are tables.

    frame, track : (N,) places in the scene
    cuboids : (N,) in the frame of reference that was asked for
    state, visibility : (N,) as `interpolate_tracks` gives them
    """

    frame: Int64s
    track: Int64s
    cuboids: Cuboids
    state: UInt8s
    visibility: UInt8s


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """The cuboids of one frame, by track, and what is said of each.

    index : of the frame
    cuboids : (M,) in the frame of reference that was asked for
    tracks : M places in scene.tracks
    is_key, is_occluded : (M,) bool
    attributes : M mappings, what holds of each; values that are None are left out
    sources : M mappings, what a file said of the keyframe at this very time; empty elsewhere
    """

    index: int
    cuboids: Cuboids
    tracks: list[int]
    is_key: Bools
    is_occluded: Bools
    attributes: Sequence[Row]
    sources: Sequence[Row]

    def __len__(self) -> int:
        return len(self.tracks)


def sensor_frame(scene: Scene) -> str:
    """The frame of reference of each frame's own cloud: that of the first LiDAR, the vehicle's where there is none, else that of the labels."""
    if scene.lidars:
        return next(iter(scene.lidars))
    return "ego" if scene.label_frame == "world" and scene.trajectory is not None else scene.label_frame


def label_blocks(scene: Scene, frame: str) -> Iterator[LabelBlock]:
    """The labels of all frames, those of a hundred at a time; one block where there is no frame. ArgumentError as `labelled_frames`."""
    for first in range(0, max(len(scene), 1), _AT_ONCE):
        times = scene.times_ns[first : first + _AT_ONCE]
        many = interpolate_tracks(scene.tracks, times)
        order = np.argsort(many.time_index, kind="stable")
        of_time = np.asarray(many.time_index, np.int64)[order]
        cuboids = _placed(scene, frame, many.cuboids[order], times, of_time)
        yield LabelBlock(first + of_time, np.asarray(many.track_index, np.int64)[order], cuboids, many.state[order], many.visibility[order])


def labelled_frames(scene: Scene, frame: str, report: WriteReport) -> Iterator[LabelledFrame]:
    """All frames in turn, those without labels too. Counts the labels and tracks, and says which keyframes lie between frames.

    Every label of a frame is told, so that nobody is left to interpolate in a frame that moves with the sensor.
    ArgumentError for a cuboid that would lie beyond the reach of any reader.
    """
    seen, n_between = set[int](), 0
    for first in range(0, len(scene), _AT_ONCE):
        for one, is_between in _some_frames(scene, frame, first):
            report.n_labels += len(one)
            seen.update(one.tracks)
            n_between += is_between
            yield one
    report.n_frames, report.n_tracks = len(scene), len(seen)
    if n_between:
        report.notes.append(f"every frame has its labels, {n_between} of them from between keyframes: which were set is not told")
    say_what_is_in_no_frame(scene, report)


def _some_frames(scene: Scene, frame: str, first: int) -> Iterator[tuple[LabelledFrame, int]]:
    """The frames from `first` on, and how many labels of each lie between keyframes."""
    times = scene.times_ns[first : first + _AT_ONCE]
    many = interpolate_tracks(scene.tracks, times)
    of_time, of_track = np.asarray(many.time_index, np.int64), np.asarray(many.track_index, np.int64)
    cuboids = _placed(scene, frame, many.cuboids, times, of_time)
    said = _Said(scene, times, of_time, of_track)
    order = np.argsort(of_time, kind="stable")
    ends = np.searchsorted(of_time[order], np.arange(len(times) + 1))
    is_key, is_occluded = many.state == State.KEYFRAME, many.visibility == Visibility.OCCLUDED
    for i in range(len(times)):
        rows = order[ends[i] : ends[i + 1]]
        listed = rows.tolist()
        yield (
            LabelledFrame(
                first + i,
                cuboids[rows],
                of_track[rows].tolist(),
                is_key[rows],
                is_occluded[rows],
                [said.attributes(row) for row in listed],
                [said.source(row) if is_key[row] else {} for row in listed],
            ),
            int((~is_key[rows]).sum()),
        )


def _placed(scene: Scene, frame: str, cuboids: Cuboids, times: Int64s, of_time: Int64s) -> Cuboids:
    """The same cuboids in another frame of reference, each at its own time."""
    if frame != scene.label_frame and len(cuboids):
        used, which = np.unique(of_time, return_inverse=True)
        cuboids = moved_each(cuboids, [scene.transform(frame, scene.label_frame, int(times[i])) for i in used.tolist()], which, frame)
    farthest = _farthest(cuboids.center_m)
    if not farthest < FARTHEST_M:
        got = f"a cuboid {farthest:g} m off in the frame {frame!r}"
        raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m", got=got, field="tracks", hint="leave it out")
    return cuboids


def _farthest(center_m: Float64s) -> float:
    return float(np.abs(center_m).max(initial=0))


class _Said:
    """What keyframes say of rows. The last keyframe at or before each row's time is found once for each track."""

    def __init__(self, scene: Scene, times: Int64s, of_time: Int64s, of_track: Int64s) -> None:
        self.tracks, self.of_track = scene.tracks, of_track.tolist()
        keyframe = np.zeros(len(of_track), np.int64)
        starts = np.flatnonzero(np.diff(of_track, prepend=-1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(of_track)]):
            stamps = self.tracks[int(of_track[start])].times_ns
            keyframe[start:end] = np.searchsorted(stamps, times[of_time[start:end]], side="right") - 1
        self.keyframe = keyframe.tolist()

    def attributes(self, row: int) -> Row:
        track = self.tracks[self.of_track[row]]
        if not track.keyframe_attributes and not track.attributes:
            return {}
        held = {**track.attributes, **(track._held[self.keyframe[row]] if track.keyframe_attributes else {})}
        return {name: value for name, value in held.items() if value is not None}

    def source(self, row: int) -> Row:
        rows = self.tracks[self.of_track[row]].keyframe_source_attributes
        return rows[self.keyframe[row]] if rows else {}


def say_what_is_in_no_frame(scene: Scene, report: WriteReport) -> None:
    """For `dropped`, once the report has counted the tracks."""
    gone = len(scene.tracks) - report.n_tracks
    if gone:
        report.dropped.append(Told("", f"{number_of(gone, 'track')} that {'is' if gone == 1 else 'are'} in no frame"))
    off = sum(int((~np.isin(track.times_ns, scene.times_ns)).sum()) for track in scene.tracks)
    if off:
        report.dropped.append(Told("", f"{number_of(off, 'keyframe')} between the frames; what holds at the frames is written"))
