"""Many sweeps as one cloud, each point where it was at its own moment: of a whole scene, or of one object in its own frame.

The vehicle's way takes its own motion out, per point where a recording tells when each point was seen. What moves by itself is taken out, or carried
by its track to one moment. Sweeps are read one after the other, and only what is kept stays in memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Bools, Float64s, Int32s, Int64s, UInt8s, as_floats, frozen
from .errors import ArgumentError, FrameMissing, LimitError, SensorFrameFallback, TimeError, number_of
from .moments import SeenSweep, base_frame, own_points, seen_sweep, track_in_base
from .motion import Motion, motion_at, moves
from .scene import Scene
from .tracks import Track

__all__ = ["Aggregate", "aggregate"]

MARGIN_M = 0.1
MOST_POINTS = 50_000_000
KEY_BITS = 21  # of a cube's place along each axis


@dataclass(frozen=True, eq=False)
class Aggregate:
    """N points of many sweeps in one frame. Where boxwright wants (N, 3) points it stands for `xyz + origin_m`, as a Sweep does.

    xyz : (N, 3) float32, metres, about `origin_m`: exact to half a millimetre up to 8 km from it
    frame : "world"; "cuboid" for the points of one object (centre 0, x ahead); a sensor's frame where the scene has no poses
    intensity : (N,) as the sensors gave it, None where a sweep has none
    frame_index : (N,) int32, the frame a point was seen in
    sensor_index : (N,) uint8, by which of `sensors`
    point_index : (N,) int32, its row in that sweep
    origin_m : (3,) added to `xyz` to get the places in `frame`
    notes : what was left out or could not be compensated, one sentence each
    """

    xyz: NDArray[np.float32]
    frame: str
    intensity: NDArray[Any] | None
    frame_index: Int32s
    sensor_index: UInt8s
    point_index: Int32s
    sensors: tuple[str, ...]
    origin_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.xyz)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.xyz, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"Aggregate({number_of(len(self), 'point')} of {number_of(len(np.unique(self.frame_index)), 'frame')}, frame={self.frame!r})"


def aggregate(
    scene: Scene,
    track: Track | str | None = None,
    *,
    frames: Iterable[int] | None = None,
    sensors: Sequence[str] | None = None,
    moving: str = "remove",
    at_frame: int | None = None,
    deskew: bool = True,
    margin_m: float = MARGIN_M,
    voxel_m: float | None = None,
    max_points: int = MOST_POINTS,
    progress: Callable[[], Any] = lambda: None,
) -> Aggregate:
    """The points of many sweeps as one cloud: in the world frame, or those of one object in its own frame.

    track : the object, a Track of the scene's label frame or the id of one of its tracks; None for the whole scene in the world frame
    frames : which frames, all by default; those without a sweep are passed over
    sensors : names of LiDARs, all by default
    moving : of a whole scene, what becomes of the points in cuboids of tracks whose centres lie more than 0.5 m apart: "remove", "carry" (moved with
        their cuboid to where it is at `at_frame`) or "keep" (left where they were, as a trail)
    at_frame : the moment that carried objects are shown at, by default the middle frame; the nearest one where a track is not there
    deskew : points are placed by their own time, the vehicle's and the object's motion during a turn included, where the sweep tells them
    margin_m : how far outside of a cuboid (below it excepted) points still count as its own
    voxel_m : keeps only the first point in each cube of this edge, so that memory grows with the place seen and not with time
    max_points : LimitError beyond so many kept points
    progress : called after every sweep

    Points that are not finite are left out. A scene without poses warns (SensorFrameFallback) and gives its sensor frames laid over each other; one
    object in its own frame needs no poses. Raises FrameMissing where no sweep is there, UnknownName for an unknown track.
    """
    if moving not in ("remove", "carry", "keep"):
        raise ArgumentError(expected="'remove', 'carry' or 'keep'", got=repr(moving), field="moving", hint="'carry' moves objects with their track")
    margin, voxel = _length("margin_m", margin_m, 0.0), None if voxel_m is None else _length("voxel_m", voxel_m, 1e-3)
    names = tuple(scene.lidars) if sensors is None else tuple(scene.lidar(name).name for name in sensors)
    chosen = [scene._frame(i) for i in (range(len(scene)) if frames is None else frames)]
    sweeps = [(i, name) for i in chosen for name in names if scene.has_points(i, name)]
    if not sweeps:
        raise FrameMissing("no sweep in the chosen frames", field=f"scene {scene.name!r}", hint="scene.has_points(i) tells which frames have one")
    union = _Union(voxel, max_points)
    if scene.trajectory is not None:
        sweeps = _posed(scene, sweeps, union.notes)
    what = _whole_scene(scene, sorted({i for i, _ in sweeps}), moving, at_frame) if track is None else _one(scene, track)
    for i, name in sweeps:
        stamp = int(scene.times_ns[i])
        if what.is_there(stamp):
            seen = seen_sweep(scene, i, name, what.origin_m, deskew=deskew, notes=union.notes)
            union.add(i, names.index(name), seen, *what.pick(seen, stamp, margin))
        progress()
    return union.joined("cuboid" if track is not None else base_frame(scene), names, what.origin_m)


def _posed(scene: Scene, sweeps: list[tuple[int, str]], notes: dict[str, None]) -> list[tuple[int, str]]:
    """The sweeps of frames whose moment has a pose."""
    assert scene.trajectory is not None
    is_covered = scene.trajectory.covers(scene.times_ns[[i for i, _ in sweeps]])
    for (i, _), covered in zip(sweeps, is_covered):
        if not covered:
            notes[f"frame {i}: left out, since poses do not cover it"] = None
    if not is_covered.any():
        raise FrameMissing("no pose at any of the chosen frames", field=f"scene {scene.name!r}", hint="scene.trajectory.covers(scene.times_ns) tells")
    return [sweep for sweep, covered in zip(sweeps, is_covered) if covered]


# ---------------------------------------------------------------- what is kept of it
Picked = tuple[Int64s, Float64s]  # rows of the sweep, and their places in the result


@dataclass(frozen=True, eq=False)
class _One:
    """One object in its own frame."""

    track: Track
    origin_m: Float64s = field(default_factory=lambda: np.zeros(3))

    def is_there(self, time_ns: int) -> bool:
        return motion_at(self.track, time_ns) is not None

    def pick(self, seen: SeenSweep, time_ns: int, margin_m: float) -> Picked:
        motion = motion_at(self.track, time_ns)
        return own_points(seen, [] if motion is None else [motion], self.origin_m, margin_m)[0]


@dataclass(frozen=True, eq=False)
class _Whole:
    """A whole scene; `carried_to` says where each moving track is shown, None where its points are taken out."""

    tracks: Sequence[Track]
    carried_to: Sequence[Motion | None]
    origin_m: Float64s

    def is_there(self, time_ns: int) -> bool:
        return True

    def pick(self, seen: SeenSweep, time_ns: int, margin_m: float) -> Picked:
        motions = [motion_at(track, time_ns) for track in self.tracks]
        there = [(motion, shown) for motion, shown in zip(motions, self.carried_to) if motion is not None]
        keep, xyz = np.ones(len(seen.xyz), np.bool_), seen.xyz.copy()
        for (rows, local), (_, shown) in zip(own_points(seen, [motion for motion, _ in there], self.origin_m, margin_m), there):
            if shown is None:
                keep[rows] = False
            else:
                xyz[rows] = shown.place(local) - self.origin_m
        return np.flatnonzero(keep), xyz[keep]


def _one(scene: Scene, track: Track | str) -> _One:
    given = track if isinstance(track, Track) else scene.track(track)
    placed = track_in_base(scene, given)
    if placed is None:
        raise TimeError("no pose at any keyframe", field=f"track {given.track_id!r}", hint="add poses that cover its keyframes")
    return _One(placed)


def _whole_scene(scene: Scene, frames: Sequence[int], moving: str, at_frame: int | None) -> _Whole:
    base = base_frame(scene)
    if base != "world":
        warnings.warn(
            SensorFrameFallback(f"scene {scene.name!r} has no ego poses: its sweeps are laid over each other in the {base} frame, uncompensated"),
            stacklevel=3,
        )
    times = scene.times_ns[frames]
    origin = np.zeros(3) if base != "world" else np.round(scene.world_from_ego(int(times[len(times) // 2])).translation_m)
    if moving == "keep":
        return _Whole([], [], origin)
    shown_ns = int(scene.times_ns[frames[len(frames) // 2] if at_frame is None else scene._frame(at_frame)])
    movers: list[Track] = []
    shown: list[Motion | None] = []
    for track in filter(None, (track_in_base(scene, track) for track in scene.tracks)):
        there = track.at(times).is_valid
        if moves(track, times[there]):
            movers.append(track)
            nearest = times[there][np.argmin(np.abs(times[there] - shown_ns))]
            at = motion_at(track, shown_ns)
            shown.append(None if moving == "remove" else motion_at(track, int(nearest)) if at is None else at)
    return _Whole(movers, shown, origin)


class _Union:
    """What was kept so far, sweep by sweep."""

    def __init__(self, voxel_m: float | None, max_points: int) -> None:
        self.voxel_m, self.max_points, self.n = voxel_m, max_points, 0
        self.notes: dict[str, None] = {}
        self.xyz: list[NDArray[np.float32]] = []
        self.intensity: list[NDArray[Any]] | None = []
        self.frame_index: list[Int32s] = []
        self.sensor_index: list[UInt8s] = []
        self.point_index: list[Int32s] = []
        self.taken: Int64s = np.zeros(0, np.int64)

    def add(self, frame_index: int, sensor_index: int, seen: SeenSweep, rows: Int64s, xyz: Float64s) -> None:
        if self.voxel_m is not None:
            new = self._new(xyz / self.voxel_m)
            rows, xyz = rows[new], xyz[new]
        self.n += len(rows)
        if self.n > self.max_points:
            hint = "pass fewer frames, voxel_m to thin them, or a larger max_points"
            raise LimitError(expected=f"at most {self.max_points:,} points", got=f"more, by frame {frame_index}", field="max_points", hint=hint)
        self.xyz.append(xyz.astype(np.float32))
        self.frame_index.append(np.full(len(rows), frame_index, np.int32))
        self.sensor_index.append(np.full(len(rows), sensor_index, np.uint8))
        self.point_index.append(seen.point_index[rows])
        if seen.intensity is None:
            self.intensity = None
        elif self.intensity is not None:
            self.intensity.append(seen.intensity[rows])

    def _new(self, cubes: Float64s) -> Bools:
        """(K,) bool: the first points in cubes that hold none yet."""
        place: Int64s = np.floor(cubes).astype(np.int64) + (1 << (KEY_BITS - 1))
        if ((place < 0) | (place >> KEY_BITS != 0)).any():
            raise LimitError(
                expected=f"points within {1 << (KEY_BITS - 1):,} cubes of the origin", got="points further away", field="voxel_m", hint="widen it"
            )
        x, y, z = place.T
        keys, first = np.unique((x << (2 * KEY_BITS)) | (y << KEY_BITS) | z, return_index=True)
        at = np.searchsorted(self.taken, keys)
        fresh = (self.taken[np.minimum(at, len(self.taken) - 1)] != keys) if len(self.taken) else np.ones(len(keys), np.bool_)
        self.taken = np.insert(self.taken, at[fresh], keys[fresh])
        is_new = np.zeros(len(cubes), np.bool_)
        is_new[first[fresh]] = True
        return is_new

    def joined(self, frame: str, sensors: tuple[str, ...], origin_m: Float64s) -> Aggregate:
        xyz = _joined(self.xyz, np.zeros((0, 3), np.float32))
        intensity = None if self.intensity is None or not self.intensity else _joined(self.intensity, self.intensity[0][:0])
        frame_index = _joined(self.frame_index, np.zeros(0, np.int32))
        sensor_index = _joined(self.sensor_index, np.zeros(0, np.uint8))
        point_index = _joined(self.point_index, np.zeros(0, np.int32))
        x, y, z = origin_m.tolist()
        return Aggregate(xyz, frame, intensity, frame_index, sensor_index, point_index, sensors, (x, y, z), tuple(self.notes))


def _joined(parts: list[NDArray[Any]], empty: NDArray[Any]) -> NDArray[Any]:
    """One read-only array; the parts are let go, so that no more than one column is there twice."""
    whole: NDArray[Any] = frozen(np.concatenate(parts) if parts else empty)
    parts.clear()
    return whole


def _length(name: str, value: float, least: float) -> float:
    length = float(as_floats(name, value, (), hint="pass one length in metres"))
    if length < least:
        raise ArgumentError(expected=f"a length of at least {least:g} m", got=f"{length:g}", field=name, hint="metres")
    return length
