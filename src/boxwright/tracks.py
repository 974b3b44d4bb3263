"""Objects over time: keyframes a person (or a solver) set, and every time between them.

What a track is at a time:

    before the first keyframe                                         BEFORE    not there
    at a keyframe that is not OUTSIDE                                 KEYFRAME  there, exactly as it was set
    between two keyframes, the earlier one not OUTSIDE                BETWEEN   there, interpolated
    at an OUTSIDE keyframe, and until the next that is not OUTSIDE    OUTSIDE   not there
    after the last keyframe                                           AFTER     not there (OUTSIDE where the last one is)

An OUTSIDE keyframe ends a visible span and holds the pose the curve runs to; no curve leads away from it. Nothing is ever extrapolated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np

from .arrays import ArrayLike, Bools, Int32s, Int64s, UInt8s, as_array, as_times_ns, check_kind, frozen, one_index, some_rows
from .cuboids import Cuboids, as_cuboids, table_library
from .errors import ArgumentError, GeometryError
from .interpolation import Curves, Storage, method_code, spread

__all__ = ["FilledTrack", "FilledTracks", "Origin", "State", "Track", "Tracks", "Visibility", "as_track_list", "interpolate_tracks"]


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
    PROPAGATED = 5  # carried from other keyframes by the points


@dataclass(frozen=True, eq=False)
class Track:
    """One object over time.

    times_ns : (K,) int64, increasing
    cuboids : K cuboids in one frame; the world frame wherever the scene has poses
    visibility : (K,) of Visibility; OUTSIDE ends a visible span, as told at the top of this module
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
        for column in ("track_id", "category"):
            check_kind(f"{name}.{column}", getattr(self, column), str, "a text", "pass str(...)")
        for column in ("attributes", "source_attributes"):
            check_kind(f"{name}.{column}", getattr(self, column), Mapping, "a mapping", "give a dict of what JSON can hold")
        times = as_times_ns(f"{name}.times_ns", self.times_ns, increasing=True)
        n = len(times)
        if n == 0:
            raise ArgumentError(expected="at least one keyframe", got="none", field=name, hint="leave out tracks without keyframes")
        object.__setattr__(self, "cuboids", as_cuboids(f"{name}.cuboids", self.cuboids))
        if len(self.cuboids) != n:
            wanted = f"{n} cuboids, one per keyframe"
            raise ArgumentError(expected=wanted, got=len(self.cuboids), field=f"{name}.cuboids", hint="leave out times without a cuboid")
        object.__setattr__(self, "times_ns", frozen(times.copy()))
        if not np.isfinite(self.cuboids.center_m).all():
            raise ArgumentError(
                expected="a cuboid at every keyframe", got="rows of NaN", field=f"{name}.cuboids", hint="leave out the rows that are not valid"
            )
        for column, kind in (("visibility", Visibility), ("origin", Origin)):
            object.__setattr__(self, column, _codes(f"{name}.{column}", getattr(self, column), n, kind))
        method_code(f"{name}.method", self.method)
        for column in ("keyframe_attributes", "keyframe_source_attributes"):
            rows = getattr(self, column)
            if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows) or len(rows) not in (0, n):
                wanted, hint = f"{n} mappings, one per keyframe", "an empty one where a keyframe says nothing"
                got = len(rows) if isinstance(rows, Sequence) and len(rows) != n else f"{rows!r:.60}"
                raise ArgumentError(expected=wanted, got=got, field=f"{name}.{column}", hint=hint)

    def __len__(self) -> int:
        return len(self.times_ns)

    def replace(self, **changes: Any) -> Track:
        """A copy with some fields new."""
        return dataclasses.replace(self, **changes)

    def take(self, index: Any) -> Track:
        """The track with only the keyframes picked by a mask, slice or index array."""
        which = np.arange(len(self))[some_rows(f"track {self.track_id!r}", index, len(self))]
        return self.replace(
            times_ns=self.times_ns[which],
            cuboids=self.cuboids[which],
            visibility=self.visibility[which],
            origin=self.origin[which],
            keyframe_attributes=[self.keyframe_attributes[i] for i in which] if self.keyframe_attributes else (),
            keyframe_source_attributes=[self.keyframe_source_attributes[i] for i in which] if self.keyframe_source_attributes else (),
        )

    def keyframes_every(self, n: int) -> Track:
        """The track with every n-th keyframe, counted anew in each visible span; the first and last of a span stay, and OUTSIDE keyframes stay.

        Attributes that held at a kept keyframe are written there, so that dropping the keyframe that named them does not lose them.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ArgumentError(expected="a whole number from 1", got=repr(n), field="n", hint="1 keeps every keyframe")
        outside = self.visibility == Visibility.OUTSIDE
        index = np.arange(len(self))
        starts = ~outside & np.r_[True, outside[:-1]]
        ends = ~outside & np.r_[outside[1:], True]
        since_start = index - np.maximum.accumulate(np.where(starts, index, 0))
        kept = np.flatnonzero(outside | ends | (since_start % n == 0))
        thinned = self.take(kept)
        return thinned.replace(keyframe_attributes=[self._held[i] for i in kept]) if self.keyframe_attributes else thinned

    def at(self, times_ns: ArrayLike) -> FilledTrack:
        """The track at (T,) times in any order; see the top of this module for what it is where."""
        times = as_times_ns("times_ns", times_ns)
        rows = self._curves.rows(times)
        keyframe = np.searchsorted(self.times_ns, times, side="right") - 1
        state = np.full(len(times), State.BETWEEN, np.uint8)
        state[keyframe == len(self) - 1] = State.AFTER
        state[self.times_ns[keyframe] == times] = State.KEYFRAME
        state[self.visibility[keyframe] == Visibility.OUTSIDE] = State.OUTSIDE
        state[keyframe < 0] = State.BEFORE
        return FilledTrack(self, times, spread(rows.cuboids, rows.time_index, len(times)), frozen(state), frozen(keyframe))

    @cached_property
    def _curves(self) -> Curves:
        return _curves([self])

    @cached_property
    def _held(self) -> list[dict[str, Any]]:
        """K mappings: what holds from each keyframe on."""
        held: list[dict[str, Any]] = []
        for named in self.keyframe_attributes or [{}] * len(self):
            held.append({**held[-1], **named} if held else dict(named))
        return held

    def __repr__(self) -> str:
        return f"Track({self.track_id!r}, {self.category!r}, {len(self)} keyframes, frame={self.cuboids.frame!r})"


def _codes(field: str, values: Any, n: int, kind: type[IntEnum]) -> UInt8s:
    """(n,) uint8 codes of `kind`, all 0 where none are given."""
    wanted = f"({n},) codes of {kind.__name__}, 0 to {max(kind):d}"
    array = np.zeros(n, np.uint8) if values is None else as_array(field, values, wanted)
    codes_hold = array.max(initial=0) <= max(kind) if array.dtype == np.uint8 else np.isin(array, [int(code) for code in kind]).all()
    if array.shape != (n,) or not codes_hold:
        hint = ", ".join(f"{code:d} is {code.name}" for code in kind)
        raise ArgumentError(expected=wanted, got=f"{values!r:.60}", field=field, hint=hint)
    codes: UInt8s = frozen(array.astype(np.uint8))
    return codes


class _Table:
    """What the rows of a filled track, or of many, look like as a table."""

    def _columns(self: Any) -> dict[str, Any]:
        tracks, times_ns = self._rows()
        return {
            "track_id": [track.track_id for track in tracks],
            "category": [track.category for track in tracks],
            "timestamp_ns": times_ns,
            "state": _names(State, self.state),
            "visibility": _names(Visibility, self.visibility),
            **self.cuboids.columns(),
        }

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row per cuboid, NaN where a track is not there (extra `table`)."""
        return table_library("pandas").DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row per cuboid, NaN where a track is not there (extra `table`)."""
        return table_library("pyarrow").table(self._columns())


@dataclass(frozen=True, eq=False)
class FilledTrack(_Table):
    """A track at T times.

    times_ns : (T,) int64
    cuboids : (T,), rows of NaN where the track is not there
    state : (T,) uint8 of State
    keyframe_index : (T,) int64, the last keyframe at or before each time, -1 before the first
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

    @property
    def attributes(self) -> list[dict[str, Any]]:
        """T mappings: the track's own, and what the keyframes so far said; a value holds until the next keyframe that names it."""
        held = self.track._held
        return [{**self.track.attributes, **(held[i] if i >= 0 else {})} for i in self.keyframe_index]

    def __len__(self) -> int:
        return len(self.times_ns)

    def _rows(self) -> tuple[list[Track], Int64s]:
        return [self.track] * len(self), self.times_ns

    def __repr__(self) -> str:
        return f"FilledTrack({self.track.track_id!r}, {len(self)} times, {int(self.is_valid.sum())} valid, frame={self.cuboids.frame!r})"


class Tracks(tuple[Track, ...]):
    """Tracks in one frame: a tuple that prepares its keyframes for interpolation once.

    GeometryError where the tracks' frames differ.
    """

    def __new__(cls, tracks: Iterable[Track] = ()) -> Tracks:
        if isinstance(tracks, Tracks):
            return tracks
        self = super().__new__(cls, as_track_list(tracks))
        for track in self:
            if track.cuboids.frame != self[0].cuboids.frame:
                wanted, got = self[0].cuboids.frame, track.cuboids.frame
                hint = "bring their cuboids into one frame with .transformed()"
                raise GeometryError(expected=f"tracks in frame {wanted!r}", got=f"frame {got!r}", field=f"track {track.track_id!r}", hint=hint)
        return self

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(
            index if isinstance(index, slice) else one_index("tracks", index, len(self), hint="by name: scene.track(track_id)")
        )

    @cached_property
    def _curves(self) -> Curves:
        return _curves(self)


@dataclass(frozen=True, eq=False)
class FilledTracks(_Table):
    """Many tracks at many times: K rows, only where a track is there, by track and then by time.

    tracks, times_ns : what was asked for
    cuboids : (K,)
    track_index, time_index : (K,) int32, which track and which of the times
    state : (K,) uint8, State.KEYFRAME or State.BETWEEN
    visibility : (K,) uint8 of Visibility, of the last keyframe at or before
    """

    tracks: Tracks
    times_ns: Int64s
    cuboids: Cuboids
    track_index: Int32s
    time_index: Int32s
    state: UInt8s
    visibility: UInt8s
    _storage: Storage = field(repr=False)

    def __len__(self) -> int:
        return len(self.track_index)

    def _rows(self) -> tuple[list[Track], Int64s]:
        return [self.tracks[i] for i in self.track_index], self.times_ns[self.time_index]

    def __repr__(self) -> str:
        return f"FilledTracks({len(self)} cuboids of {len(self.tracks)} tracks at {len(self.times_ns)} times, frame={self.cuboids.frame!r})"


def as_track_list(tracks: Any) -> list[Track]:
    """Tracks of any frames; ArgumentError where something else is among them."""
    try:
        items = list(tracks)
    except TypeError:
        raise ArgumentError(expected="tracks", got=type(tracks).__name__, field="tracks", hint="pass a list of bw.Track") from None
    for i, track in enumerate(items):
        if not isinstance(track, Track):
            raise ArgumentError(expected="a Track", got=type(track).__name__, field=f"tracks[{i}]", hint="pass a list of bw.Track")
    return items


def interpolate_tracks(tracks: Iterable[Track], times_ns: ArrayLike, out: FilledTracks | None = None, *, n_threads: int = 1) -> FilledTracks:
    """Many tracks at many times, at once.

    tracks : in one frame, each with its own method; Tracks (scene.tracks are) prepare their keyframes once, any other sequence in every call
    times_ns : (T,) int64 in any order
    out : an earlier result whose memory is written over where it is large enough; that result, its cuboids included, must not be used any more
    n_threads : how many threads share the tracks where they fill many rows

    GeometryError where the tracks' frames differ.
    """
    tracks = Tracks(tracks)
    times = as_times_ns("times_ns", times_ns)
    if out is not None and not isinstance(out, FilledTracks):
        raise ArgumentError(
            expected="an earlier result of interpolate_tracks", got=type(out).__name__, field="out", hint="leave out `out` for fresh arrays"
        )
    rows = tracks._curves.rows(times, () if out is None else out._storage, n_threads)
    return FilledTracks(tracks, times, rows.cuboids, rows.track_index, rows.time_index, rows.is_between, rows.visibility, rows.storage)


def _curves(tracks: Sequence[Track]) -> Curves:
    """The keyframes of all tracks one after the other."""
    offsets = np.zeros(len(tracks) + 1, np.int64)
    np.cumsum([len(track) for track in tracks], out=offsets[1:])
    methods = np.array([method_code("method", track.method) for track in tracks], np.uint8)
    times = np.concatenate([np.zeros(0, np.int64), *[track.times_ns for track in tracks]])
    visibility = np.concatenate([np.zeros(0, np.uint8), *[track.visibility for track in tracks]])
    return Curves.of(offsets, times, Cuboids.concatenate([track.cuboids for track in tracks]), visibility, methods)


def _names(kind: type[IntEnum], codes: UInt8s) -> list[str]:
    names = {int(code): code.name.lower() for code in kind}
    return [names[code] for code in codes.tolist()]
