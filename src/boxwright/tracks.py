"""One object over time: keyframes a person (or a solver) set, and every time between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from .arrays import ArrayLike, Bools, Int32s, Int64s, UInt8s, as_times_ns, frozen
from .cuboids import Cuboids
from .errors import ArgumentError, GeometryError
from .interpolation import Curves, Rows, method_code, spread

__all__ = ["FilledTrack", "FilledTracks", "Origin", "State", "Track", "Visibility", "interpolate_tracks"]


class Visibility(IntEnum):
    """What a keyframe says about its object."""

    VISIBLE = 0
    OCCLUDED = 1  # there, but hidden in part or whole
    OUTSIDE = 2  # gone from here on, until the next keyframe that is not OUTSIDE


class State(IntEnum):
    """What a filled time is."""

    KEYFRAME = 0
    BETWEEN = 1
    OUTSIDE = 2
    BEFORE = 3
    AFTER = 4


class Origin(IntEnum):
    """Who wrote a keyframe."""

    GIVEN = 0  # by a person, or read from a file
    FIT = 1  # fitted to points
    STATIC_SOLVE = 2  # one pose for an object that stands
    SIZE_LOCK = 3  # one size for the whole track
    FILLED = 4  # read off the curve between keyframes


@dataclass(frozen=True, eq=False)
class Track:
    """One object over time.

    times_ns : (K,) int64, increasing
    cuboids : K cuboids in one frame; the world frame wherever the scene has poses
    visibility : (K,) of Visibility. An OUTSIDE keyframe ends a visible span: it holds the pose the curve runs to, and from its time on the object is
        gone until the next keyframe. Curves never reach across such a break.
    origin : (K,) of Origin
    attributes : what holds for the whole track
    keyframe_attributes : K mappings of what may change; a value holds until the next keyframe that names it
    method : interpolation of the centre between keyframes
    source_attributes, keyframe_source_attributes : fields of a file that boxwright has no name for, kept for the way back
    """

    track_id: str
    category: str
    times_ns: Int64s
    cuboids: Cuboids
    visibility: UInt8s = None  # type: ignore[assignment]
    origin: UInt8s = None  # type: ignore[assignment]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    keyframe_attributes: Sequence[Mapping[str, Any]] = ()
    method: str = "makima"
    source_attributes: Mapping[str, Any] = field(default_factory=dict)
    keyframe_source_attributes: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        name = f"track {self.track_id!r}"
        times = as_times_ns(f"{name}.times_ns", self.times_ns, increasing=True)
        n = len(times)
        if n == 0:
            raise ArgumentError(expected="at least one keyframe", got="none", field=name)
        if len(self.cuboids) != n:
            raise ArgumentError(expected=f"{n} cuboids, one per keyframe", got=str(len(self.cuboids)), field=f"{name}.cuboids")
        object.__setattr__(self, "times_ns", frozen(times.copy()))
        for column, kind in (("visibility", Visibility), ("origin", Origin)):
            given = getattr(self, column)
            values = np.zeros(n, np.uint8) if given is None else np.asarray(given, np.uint8)
            if values.shape != (n,) or (n and values.max() > max(kind)):
                raise ArgumentError(expected=f"({n},) codes of {kind.__name__}", got=f"{np.asarray(given)!r:.60}", field=f"{name}.{column}")
            object.__setattr__(self, column, frozen(values.copy()))
        method_code(f"{name}.method", self.method)
        for column in ("keyframe_attributes", "keyframe_source_attributes"):
            rows = getattr(self, column)
            if rows and len(rows) != n:
                raise ArgumentError(expected=f"{n} mappings, one per keyframe", got=str(len(rows)), field=f"{name}.{column}")

    def __len__(self) -> int:
        return len(self.times_ns)

    def replace(self, **changes: Any) -> Track:
        """A copy with some fields new."""
        return dataclasses.replace(self, **changes)

    def take(self, index: Any) -> Track:
        """The track with only the keyframes picked by a mask, slice or index array."""
        which = np.arange(len(self))[index]
        return self.replace(
            times_ns=self.times_ns[which],
            cuboids=self.cuboids[which],
            visibility=self.visibility[which],
            origin=self.origin[which],
            keyframe_attributes=[self.keyframe_attributes[i] for i in which] if self.keyframe_attributes else (),
            keyframe_source_attributes=[self.keyframe_source_attributes[i] for i in which] if self.keyframe_source_attributes else (),
        )

    def at(self, times_ns: ArrayLike) -> FilledTrack:
        """The track at (T,) times in any order."""
        times = as_times_ns("times_ns", times_ns)
        rows = _pack([self]).rows(times)
        keyframe = np.searchsorted(self.times_ns, times, side="right") - 1
        state = np.full(len(times), State.BETWEEN, np.uint8)
        state[keyframe == len(self) - 1] = State.AFTER
        state[self.times_ns[keyframe] == times] = State.KEYFRAME
        state[self.visibility[keyframe] == Visibility.OUTSIDE] = State.OUTSIDE
        state[keyframe < 0] = State.BEFORE
        return FilledTrack(self, times, spread(rows.cuboids, rows.time_index, len(times)), frozen(state), frozen(keyframe))

    def __repr__(self) -> str:
        return f"Track({self.track_id!r}, {self.category!r}, {len(self)} keyframes, frame={self.cuboids.frame!r})"


@dataclass(frozen=True, eq=False)
class FilledTrack:
    """A track at T times.

    cuboids : (T,), rows of NaN where the track is not there
    state : (T,) uint8 of State
    keyframe_index : (T,) the last keyframe at or before each time, -1 before the first
    """

    track: Track
    times_ns: Int64s
    cuboids: Cuboids
    state: UInt8s
    keyframe_index: Int64s

    @property
    def is_valid(self) -> Bools:
        """(T,) bool: at or between keyframes, and not outside."""
        return self.state <= State.BETWEEN

    @property
    def visibility(self) -> UInt8s:
        """(T,) uint8 of Visibility, of the last keyframe at or before each time; OUTSIDE before the first."""
        values = self.track.visibility[self.keyframe_index]
        return np.where(self.keyframe_index < 0, np.uint8(Visibility.OUTSIDE), values)

    def __len__(self) -> int:
        return len(self.times_ns)


@dataclass(frozen=True, eq=False)
class FilledTracks:
    """Many tracks at many times: K rows, only where a track is there, by track and then by time.

    cuboids : (K,)
    track_index, time_index : (K,) int32, which track and which of the times asked for
    state : (K,) uint8, State.KEYFRAME or State.BETWEEN
    visibility : (K,) uint8 of the last keyframe at or before
    """

    tracks: Sequence[Track]
    times_ns: Int64s
    rows: Rows

    @property
    def cuboids(self) -> Cuboids:
        return self.rows.cuboids

    @property
    def track_index(self) -> Int32s:
        return self.rows.track_index

    @property
    def time_index(self) -> Int32s:
        return self.rows.time_index

    @property
    def state(self) -> UInt8s:
        return self.rows.is_between

    @property
    def visibility(self) -> UInt8s:
        return self.rows.visibility

    def __len__(self) -> int:
        return len(self.rows.track_index)


def interpolate_tracks(tracks: Sequence[Track], times_ns: ArrayLike, out: FilledTracks | None = None) -> FilledTracks:
    """Many tracks at many times, at once.

    tracks : in one frame, each with its own method
    times_ns : (T,) int64 in any order
    out : an earlier result whose memory is written over where it is large enough; it must not be used any more

    GeometryError where the tracks' frames differ.
    """
    times = as_times_ns("times_ns", times_ns)
    return FilledTracks(tracks, times, _pack(tracks).rows(times, () if out is None else out.rows.storage))


def _pack(tracks: Sequence[Track]) -> Curves:
    offsets = np.zeros(len(tracks) + 1, np.int64)
    np.cumsum([len(track.times_ns) for track in tracks], out=offsets[1:])
    for track in tracks:
        if track.cuboids.frame != tracks[0].cuboids.frame:
            raise GeometryError(
                expected=f"tracks in frame {tracks[0].cuboids.frame!r}", got=f"frame {track.cuboids.frame!r}", field=f"track {track.track_id!r}"
            )
    methods = np.array([method_code("method", track.method) for track in tracks], np.uint8)
    times = np.concatenate([np.zeros(0, np.int64), *[track.times_ns for track in tracks]])
    visibility = np.concatenate([np.zeros(0, np.uint8), *[track.visibility for track in tracks]])
    return Curves.of(offsets, times, Cuboids.concatenate([track.cuboids for track in tracks]), visibility, methods)
