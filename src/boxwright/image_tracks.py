"""Objects over time in the pictures of one camera: keyframes with 2-D shapes, and every time between them.

What a track is at a time, how attributes hold and how keyframes are thinned is as for tracks of cuboids: keyframes.py tells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from .arrays import ArrayLike, Bools, Int32s, Int64s, UInt8s, as_times_ns, check_kind, one_index
from .errors import ArgumentError, GeometryError, number_of
from .interpolation import Storage
from .interpolation2d import ShapeCurves, as_method_2d
from .keyframes import Filled, Keyframed, items_of, one_after_another
from .shapes2d import SHAPES, Boxes, Shapes
from .tracks import ManyTable, Table

__all__ = ["FilledImageTrack", "FilledImageTracks", "ImageTrack", "ImageTracks", "interpolate_image_tracks"]


@dataclass(frozen=True, eq=False)
class ImageTrack(Keyframed):
    """One object over time in the pictures of one camera.

    camera : the camera's name
    times_ns : (K,) int64, increasing; times at which that camera exposed
    shapes : K shapes of one kind: Boxes, RotatedBoxes, Polygons, Polylines, Keypoints or Masks
    visibility : (K,) of Visibility; OUTSIDE ends a visible span, as told in keyframes.py, and its shape is where the curve runs to
    origin : (K,) of Origin
    attributes : what holds for the whole track; values may be nested
    keyframe_attributes : K mappings of what may change; a value holds until the next keyframe that names it
    method : "linear", or "hold" for a shape that stays until the next keyframe; boxes, rotated boxes and keypoints also follow the curves of
    cuboids, such
        as "makima"; masks are always held
    source_attributes, keyframe_source_attributes : fields of a file that boxwright has no name for, kept for the way back. What
        attributes nest deeper than 16 lists and mappings becomes a text
    object_id : the track_id of the same object's cuboids, or one name for all image tracks of one object; None where nobody said
    """

    LABELS: ClassVar[str] = "shapes"
    KIND: ClassVar[str] = "image track"

    track_id: str
    category: str
    camera: str
    times_ns: Int64s
    shapes: Shapes
    visibility: UInt8s = None  # type: ignore[assignment]
    origin: UInt8s = None  # type: ignore[assignment]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    keyframe_attributes: Sequence[Mapping[str, Any]] = ()
    method: str = None  # type: ignore[assignment]
    source_attributes: Mapping[str, Any] = field(default_factory=dict)
    keyframe_source_attributes: Sequence[Mapping[str, Any]] = ()
    object_id: str | None = None

    def __post_init__(self) -> None:
        name = f"image track {self.track_id!r}"
        check_kind(f"{name}.camera", self.camera, str, "a camera's name", "the name it has in the scene")
        kinds = ", ".join(kind.__name__ for kind in SHAPES.values())
        check_kind(f"{name}.shapes", self.shapes, Shapes, f"one of {kinds}", "such as bw.Boxes(xyxy)")
        check_kind(f"{name}.object_id", self.object_id, (str, type(None)), "a text, or None", "pass str(...)")
        self._check_keyframes()
        if is_empty(self.shapes).any():
            hint = "leave out the rows that are not valid"
            raise ArgumentError(expected="a shape at every keyframe", got="rows without", field=f"{name}.shapes", hint=hint)
        object.__setattr__(self, "method", as_method_2d(f"{name}.method", self.method, self.shapes))

    def at(self, times_ns: ArrayLike) -> FilledImageTrack:
        """The track at (T,) times in any order; see the top of keyframes.py for what it is where."""
        times = as_times_ns("times_ns", times_ns)
        rows = self._curves.rows(times)
        index = np.full(len(times), -1, np.int64)
        index[rows.time_index] = np.arange(len(rows.time_index))
        return FilledImageTrack(self, times, rows.shapes._taken(index), *self._states(times))

    @cached_property
    def _curves(self) -> ShapeCurves:
        return _curves([self])

    def __repr__(self) -> str:
        count = number_of(len(self), "keyframe")
        return f"ImageTrack({self.track_id!r}, {self.category!r}, camera={self.camera!r}, {count} of {type(self.shapes).__name__})"


def is_empty(shapes: Shapes) -> Bools:
    """(K,) rows that stand for no shape; a mask without pixels is one all the same, and so are keypoints that are all OUTSIDE."""
    if shapes.KIND in ("mask", "keypoints"):
        return np.zeros(len(shapes), bool)
    return np.asarray(np.isnan(shapes.bounds_xyxy()).any(axis=1))


@dataclass(frozen=True, eq=False)
class FilledImageTrack(Table, Filled):
    """An image track at T times.

    times_ns : (T,) int64
    shapes : (T,) of the track's kind; rows where the track is not there hold NaN, no ring, no pixel, or points that are OUTSIDE
    state : (T,) uint8 of State
    keyframe_index : (T,) int64, the last keyframe at or before each time, -1 before the first
    """

    track: ImageTrack
    times_ns: Int64s
    shapes: Shapes
    state: UInt8s
    keyframe_index: Int64s

    def _label_columns(self) -> dict[str, Any]:
        return _label_columns(self.shapes, self._rows()[0])

    def __repr__(self) -> str:
        kind = type(self.shapes).__name__
        return f"FilledImageTrack({self.track.track_id!r}, {number_of(len(self), 'time')}, {int(self.is_valid.sum())} valid, {kind})"


class ImageTracks(tuple[ImageTrack, ...]):
    """Image tracks of any kinds and cameras: a tuple that prepares its keyframes for interpolation once."""

    def __new__(cls, tracks: Iterable[ImageTrack] = ()) -> ImageTracks:
        if isinstance(tracks, ImageTracks):
            return tracks
        return super().__new__(cls, items_of("tracks", tracks, ImageTrack))

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(
            index if isinstance(index, slice) else one_index("tracks", index, len(self), hint="by name: scene.image_track(track_id)")
        )

    def groups(self, camera: str | None = None) -> list[tuple[ImageTracks, Int32s]]:
        """The tracks apart by camera and kind of shape, as `interpolate_image_tracks` takes them, each group with the places its tracks have here.

        camera : those of one camera alone
        """
        return [(tracks, index) for tracks, index in self._groups if camera is None or tracks[0].camera == camera]

    @cached_property
    def _groups(self) -> list[tuple[ImageTracks, Int32s]]:
        index: dict[tuple[Any, ...], list[int]] = {}
        for i, track in enumerate(self):
            shared = tuple(getattr(track.shapes, name) for name in track.shapes.SHARED)
            index.setdefault((track.camera, track.shapes.KIND, *shared), []).append(i)
        return [(ImageTracks([self[i] for i in rows]), np.array(rows, np.int32)) for rows in index.values()]

    @cached_property
    def _curves(self) -> ShapeCurves:
        camera = self[0].camera if self else None
        for track in self:
            if track.camera != camera:
                wanted, hint = f"tracks of camera {camera!r}", "ImageTracks.groups() parts them"
                raise GeometryError(expected=wanted, got=f"camera {track.camera!r}", field=f"image track {track.track_id!r}", hint=hint)
        return _curves(self)


@dataclass(frozen=True, eq=False)
class FilledImageTracks(ManyTable):
    """Many image tracks at many times: R rows, only where a track is there, by track and then by time.

    tracks, times_ns : what was asked for
    shapes : (R,) of the tracks' kind
    track_index, time_index : (R,) int32, which track and which of the times
    state : (R,) uint8, State.KEYFRAME or State.BETWEEN
    visibility : (R,) uint8 of Visibility, of the last keyframe at or before
    """

    tracks: ImageTracks
    times_ns: Int64s
    shapes: Shapes
    track_index: Int32s
    time_index: Int32s
    state: UInt8s
    visibility: UInt8s
    _storage: Storage = field(repr=False)

    def _label_columns(self) -> dict[str, Any]:
        return _label_columns(self.shapes, self._rows()[0])

    def __repr__(self) -> str:
        return f"FilledImageTracks({len(self)} {type(self.shapes).__name__} of {len(self.tracks)} tracks at {len(self.times_ns)} times)"


def interpolate_image_tracks(
    tracks: Iterable[ImageTrack], times_ns: ArrayLike, out: FilledImageTracks | None = None, *, n_threads: int = 1
) -> FilledImageTracks:
    """Many image tracks at many times, at once.

    tracks : of one camera and one kind of shape, as ImageTracks.groups() gives them; ImageTracks prepare their keyframes once, any other sequence
        in every call
    times_ns : (T,) int64 in any order
    out : an earlier result whose memory is written over where it is large enough; that result, its shapes included, must not be used any more
    n_threads : how many threads share the tracks where they fill many rows

    GeometryError where cameras, skeletons or sizes of masks differ, ArgumentError where kinds do.
    """
    tracks = ImageTracks(tracks)
    times = as_times_ns("times_ns", times_ns)
    if out is not None and not isinstance(out, FilledImageTracks):
        raise ArgumentError(
            expected="an earlier result of interpolate_image_tracks", got=type(out).__name__, field="out", hint="leave out `out` for fresh arrays"
        )
    rows = tracks._curves.rows(times, () if out is None else out._storage, n_threads)
    return FilledImageTracks(tracks, times, rows.shapes, rows.track_index, rows.time_index, rows.is_between, rows.visibility, rows.storage)


def _label_columns(shapes: Shapes, tracks: Sequence[ImageTrack]) -> dict[str, Any]:
    bounds = shapes.bounds_xyxy()
    sides = {f"{name}_px": bounds[:, i] for i, name in enumerate(("left", "top", "right", "bottom"))}
    return {"camera": [track.camera for track in tracks], "shape": [shapes.KIND] * len(shapes), **sides}


def _curves(tracks: Sequence[ImageTrack]) -> ShapeCurves:
    """The keyframes of all tracks one after the other."""
    offsets, times, visibility = one_after_another(tracks)
    shapes: Shapes = Boxes(np.zeros((0, 4)))
    if tracks:
        shapes = type(tracks[0].shapes).concatenate([track.shapes for track in tracks])
    return ShapeCurves.of(offsets, times, shapes, visibility, [track.method for track in tracks])
