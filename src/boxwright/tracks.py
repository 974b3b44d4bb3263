"""Objects over time: keyframes a person (or a solver) set, and every time between them. What a track is at a time is told in keyframes.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .arrays import ArrayLike, Int32s, Int64s, UInt8s, as_times_ns, one_index
from .cuboids import Cuboids, as_cuboids, table_library
from .errors import ArgumentError, GeometryError, number_of
from .interpolation import Curves, Storage, method_code, spread
from .keyframes import Filled, Keyframed, Origin, State, Visibility, code_names, items_of, one_after_another

__all__ = [
    "FilledTrack",
    "FilledTracks",
    "ManyTable",
    "Origin",
    "State",
    "Table",
    "Track",
    "Tracks",
    "Visibility",
    "as_track_list",
    "interpolate_tracks",
]


@dataclass(frozen=True, eq=False)
class Track(Keyframed):
    """One object over time.

    times_ns : (K,) int64, increasing
    cuboids : K cuboids in one frame; the world frame wherever the scene has poses
    visibility : (K,) of Visibility; OUTSIDE ends a visible span, as told in keyframes.py
    origin : (K,) of Origin
    attributes : what holds for the whole track
    keyframe_attributes : K mappings of what may change; a value holds until the next keyframe that names it
    method : interpolation of the centre between keyframes
    source_attributes, keyframe_source_attributes : fields of a file that boxwright has no name for, kept for the way back. What
        attributes nest deeper than 16 lists and mappings becomes a text
    """

    LABELS: ClassVar[str] = "cuboids"

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
        object.__setattr__(self, "cuboids", as_cuboids(f"{name}.cuboids", self.cuboids))
        self._check_keyframes()
        if not np.isfinite(self.cuboids.center_m).all():
            raise ArgumentError(
                expected="a cuboid at every keyframe", got="rows of NaN", field=f"{name}.cuboids", hint="leave out the rows that are not valid"
            )
        method_code(f"{name}.method", self.method)

    def at(self, times_ns: ArrayLike) -> FilledTrack:
        """The track at (T,) times in any order; see the top of keyframes.py for what it is where."""
        times = as_times_ns("times_ns", times_ns)
        rows = self._curves.rows(times)
        return FilledTrack(self, times, spread(rows.cuboids, rows.time_index, len(times)), *self._states(times))

    @cached_property
    def _curves(self) -> Curves:
        return _curves([self])

    def __repr__(self) -> str:
        return f"Track({self.track_id!r}, {self.category!r}, {number_of(len(self), 'keyframe')}, frame={self.cuboids.frame!r})"


class Table:
    """What the rows of a filled track look like as a table."""

    def _rows(self: Any) -> tuple[list[Any], Int64s]:
        """The track of each row, and its time."""
        return [self.track] * len(self), self.times_ns

    def _columns(self: Any) -> dict[str, Any]:
        tracks, times_ns = self._rows()
        return {
            "track_id": [track.track_id for track in tracks],
            "category": [track.category for track in tracks],
            "timestamp_ns": times_ns,
            "state": code_names(State, self.state),
            "visibility": code_names(Visibility, self.visibility),
            **self._label_columns(),
        }

    def _label_columns(self: Any) -> dict[str, Any]:
        return dict(self.cuboids.columns())

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row per label, NaN where a track is not there (extra `table`)."""
        return table_library("pandas").DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row per label, NaN where a track is not there (extra `table`)."""
        return table_library("pyarrow").table(self._columns())


class ManyTable(Table):
    """That of many tracks at many times: a row wherever a track is there."""

    def __len__(self: Any) -> int:
        return len(self.track_index)

    def _rows(self: Any) -> tuple[list[Any], Int64s]:
        return [self.tracks[i] for i in self.track_index], self.times_ns[self.time_index]


@dataclass(frozen=True, eq=False)
class FilledTrack(Table, Filled):
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

    def __repr__(self) -> str:
        return f"FilledTrack({self.track.track_id!r}, {number_of(len(self), 'time')}, {int(self.is_valid.sum())} valid, frame={self.cuboids.frame!r})"


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
class FilledTracks(ManyTable):
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

    def __repr__(self) -> str:
        things = ((len(self), "cuboid"), (len(self.tracks), "track"), (len(self.times_ns), "time"))
        counts = "{} of {} at {}".format(*(number_of(n, thing) for n, thing in things))
        return f"FilledTracks({counts}, frame={self.cuboids.frame!r})"


def as_track_list(tracks: Any) -> list[Track]:
    """Tracks of any frames; ArgumentError where something else is among them."""
    return items_of("tracks", tracks, Track)


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
    offsets, times, visibility = one_after_another(tracks)
    methods = np.array([method_code("method", track.method) for track in tracks], np.uint8)
    return Curves.of(offsets, times, Cuboids.concatenate([track.cuboids for track in tracks]), visibility, methods)
