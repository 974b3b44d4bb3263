"""How far labels are from other labels of the same objects: centres, yaw, overlap, by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Int64s
from .cuboids import Cuboids, same_frame
from .errors import ArgumentError, number_of
from .image_tracks import ImageTrack
from .keyframes import Visibility
from .overlap import iou_bev_pairs
from .rotations import wrap_rad
from .scene import Scene
from .tracks import Origin, State, Track

__all__ = ["BoxErrors", "ClassErrors", "Errors", "GapReport", "box_gap_report", "cuboid_errors", "filled_scene", "gap_report"]


@dataclass(frozen=True, eq=False)
class Errors:
    """K cuboids against the true ones, row by row.

    xy_m : (K,) distance of the centres seen from above
    z_m : (K,) distance in height
    yaw_rad : (K,) in [0, pi]
    iou_bev : (K,) overlap seen from above
    """

    xy_m: Float64s
    z_m: Float64s
    yaw_rad: Float64s
    iou_bev: Float64s


def cuboid_errors(cuboids: Cuboids, truth: Cuboids) -> Errors:
    """K cuboids against K true ones in the same frame."""
    same_frame(truth.frame, cuboids.frame, "cuboids and truth")
    if len(cuboids) != len(truth):
        raise ArgumentError(expected=f"{number_of(len(truth), 'cuboid')}, one per true one", got=str(len(cuboids)), field="cuboids")
    off = cuboids.center_m - truth.center_m
    yaw = np.abs(np.atleast_1d(wrap_rad(cuboids.yaw_rad - truth.yaw_rad)))
    return Errors(np.hypot(off[:, 0], off[:, 1]), np.abs(off[:, 2]), yaw, iou_bev_pairs(cuboids, truth))


@dataclass(frozen=True)
class ClassErrors:
    """The errors of one class's labels between keyframes, metres in x and y, and radians."""

    n_tracks: int
    n_labels: int
    xy_mean_m: float
    xy_median_m: float
    xy_p95_m: float
    yaw_mean_rad: float
    yaw_median_rad: float
    yaw_p95_rad: float

    @classmethod
    def of(cls, n_tracks: int, xy_m: Float64s, yaw_rad: Float64s) -> ClassErrors:
        figures = [float(figure(values)) for values in (xy_m, yaw_rad) for figure in _FIGURES] if len(xy_m) else [float("nan")] * 6
        return cls(n_tracks, len(xy_m), *figures)


_FIGURES: tuple[Callable[[Float64s], Any], ...] = (np.mean, np.median, lambda values: np.quantile(values, 0.95))


@dataclass(frozen=True)
class GapReport:
    """What is lost when only some labels of a scene are keyframes.

    every : one label in so many was kept, and the first and last of each unbroken stretch
    frame : the frame of reference the tracks were interpolated and compared in
    total, classes : errors of the labels that were not kept, for all and by class
    """

    every: int
    method: str
    frame: str
    total: ClassErrors
    classes: Mapping[str, ClassErrors] = field(default_factory=dict)


def gap_report(scene: Scene, every: int, method: str | None = None, *, progress: Callable[[], Any] = lambda: None) -> GapReport:
    """Keeps one label in `every` of each track as a keyframe, fills the rest, and compares it with the labels.

    every : keyframe distance in labels; labels that were filled are left out
    method : interpolation; by default each track's own
    progress : called after every track
    """
    found: dict[str, list[tuple[Float64s, Float64s]]] = {}
    for track in scene.tracks:
        if (given := track.origin != Origin.FILLED).any():  # what an interpolation wrote is no truth for another
            track = track.take(given)
        few = (track if method is None else track.replace(method=method)).keyframes_every(every)
        left_out = ~np.isin(track.times_ns, few.times_ns)
        filled = few.at(track.times_ns[left_out])
        truth = track.cuboids[left_out]
        off = filled.cuboids.center_m - truth.center_m
        yaw = np.abs(np.atleast_1d(wrap_rad(filled.cuboids.yaw_rad - truth.yaw_rad)))
        found.setdefault(track.category, []).append((np.hypot(off[:, 0], off[:, 1]), yaw))
        progress()
    classes = {name: _of_rows(found[name]) for name in sorted(found)}
    total = _of_rows([row for rows in found.values() for row in rows])
    methods = sorted({track.method for track in scene.tracks}) if method is None else [method]
    return GapReport(int(every), ", ".join(methods), scene.label_frame, total, classes)


def _of_rows(rows: Sequence[tuple[Float64s, Float64s]]) -> ClassErrors:
    empty: list[Float64s] = [np.zeros(0)]
    return ClassErrors.of(len(rows), np.concatenate(empty + [xy for xy, _ in rows]), np.concatenate(empty + [yaw for _, yaw in rows]))


def filled_scene(scene: Scene) -> Scene:
    """The scene with a keyframe in every frame a track is in; those that were there stay as they are, the others carry Origin.FILLED."""
    tracks = [_filled_track(track, scene.times_ns) for track in scene.tracks]
    return scene.replace(tracks=tracks, image_tracks=[_filled_image_track(track, scene.exposures_ns(track.camera)) for track in scene.image_tracks])


def _filled_track(track: Track, times_ns: Int64s) -> Track:
    filled, stamps, given, before, keep = _filled_rows(track, times_ns)
    cuboids = filled.cuboids[keep]
    center, size, quat = cuboids.center_m.copy(), cuboids.size_m.copy(), cuboids.quat_wxyz.copy()
    for column, own in ((center, track.cuboids.center_m), (size, track.cuboids.size_m), (quat, track.cuboids.quat_wxyz)):
        column[given] = own  # an OUTSIDE keyframe has a pose, though nothing is there
    return track.replace(cuboids=Cuboids(center, size, quat_wxyz=quat, frame=track.cuboids.frame), **_filled_columns(track, stamps, given, before))


def _filled_image_track(track: ImageTrack, times_ns: Int64s) -> ImageTrack:
    filled, stamps, given, before, keep = _filled_rows(track, times_ns)
    both = type(track.shapes).concatenate([track.shapes, filled.shapes])  # an OUTSIDE keyframe has a shape, though nothing is there
    shapes = both[np.where(given, before, len(track) + np.flatnonzero(keep))]
    return track.replace(shapes=shapes, **_filled_columns(track, stamps, given, before))


def _filled_rows(track: Any, times_ns: Int64s) -> tuple[Any, Int64s, Bools, Int64s, Bools]:
    """The track at its keyframes and at the times between them; of the rows to keep the stamps, which are keyframes, and the keyframes before them;
    and which rows these are."""
    stamps = np.union1d(track.times_ns, times_ns[(times_ns > track.times_ns[0]) & (times_ns < track.times_ns[-1])])
    filled = track.at(stamps)
    given = np.isin(stamps, track.times_ns)
    keep = given | (filled.state == State.BETWEEN)
    return filled, stamps[keep], given[keep], filled.keyframe_index[keep], keep


def _filled_columns(track: Any, stamps: Int64s, given: Bools, before: Int64s) -> dict[str, Any]:
    """Times, codes and attributes of the keyframes."""
    columns: dict[str, Any] = {
        "times_ns": stamps,
        "visibility": track.visibility[before],
        "origin": np.where(given, track.origin[before], np.uint8(Origin.FILLED)),
    }
    for name in ("keyframe_attributes", "keyframe_source_attributes"):
        rows = getattr(track, name)
        columns[name] = [rows[k] if g else {} for k, g in zip(before, given)] if rows else ()
    return columns


@dataclass(frozen=True)
class BoxErrors:
    """Overlap of one class's labels in pictures, of the boxes around them, with what keyframes give there.

    n_between : labels that were no keyframe; iou_median, iou_mean, iou_p5 : of these; iou_median_all : keyframes included
    """

    n_tracks: int
    n_between: int
    iou_median: float
    iou_mean: float
    iou_p5: float
    iou_median_all: float


def box_gap_report(scene: Scene, every: int, *, progress: Callable[[], Any] = lambda: None) -> dict[str, BoxErrors]:
    """As `gap_report`, for labels in pictures: {class: errors}, and "all" of them last."""
    found: dict[str, list[tuple[Float64s, Bools]]] = {}
    for track in scene.image_tracks:
        if (given := track.origin != Origin.FILLED).any():
            track = track.take(given)
        few = track.keyframes_every(every)
        times = track.times_ns[track.visibility != Visibility.OUTSIDE]
        filled, truth = few.at(times), track.at(times)
        overlap = _overlaps(filled.shapes.bounds_xyxy(), truth.shapes.bounds_xyxy())
        found.setdefault(track.category, []).append((overlap, ~np.isin(times, few.times_ns)))
        progress()
    classes = {name: _of_overlaps(found[name]) for name in sorted(found)}
    return {**classes, "all": _of_overlaps([row for rows in found.values() for row in rows])}


def _overlaps(a: Float64s, b: Float64s) -> Float64s:
    """(K,) IoU of (K, 4) boxes, row by row; 1 where both are the same line or point."""
    shared = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(axis=1)
    joined = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared
    same = (a == b).all(axis=1)
    overlap: Float64s = np.where(same, 1.0, shared / np.where(joined > 0, joined, 1.0))
    return overlap


def _of_overlaps(rows: Sequence[tuple[Float64s, Bools]]) -> BoxErrors:
    overlap = np.concatenate([values for values, _ in rows]) if rows else np.zeros(0)
    between = overlap[np.concatenate([is_between for _, is_between in rows])] if rows else overlap
    median, mean, low = (float(figure(between)) if len(between) else np.nan for figure in (np.median, np.mean, lambda v: np.quantile(v, 0.05)))
    return BoxErrors(len(rows), len(between), median, mean, low, float(np.median(overlap)) if len(overlap) else np.nan)
