"""How far labels are from other labels of the same objects: centres, yaw, overlap, by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .cuboids import Cuboids, same_frame
from .errors import ArgumentError
from .overlap import iou_bev_pairs
from .rotations import wrap_rad
from .scene import Scene
from .tracks import Origin, State, Track

__all__ = ["ClassErrors", "Errors", "GapReport", "cuboid_errors", "filled_scene", "gap_report"]


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
        raise ArgumentError(expected=f"{len(truth)} cuboids, one per true one", got=str(len(cuboids)), field="cuboids")
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
    return scene.replace(tracks=[_filled_track(track, scene.times_ns) for track in scene.tracks])


def _filled_track(track: Track, times_ns: Int64s) -> Track:
    stamps = np.union1d(track.times_ns, times_ns[(times_ns > track.times_ns[0]) & (times_ns < track.times_ns[-1])])
    filled = track.at(stamps)
    given = np.isin(stamps, track.times_ns)
    keep = given | (filled.state == State.BETWEEN)
    stamps, given, before = stamps[keep], given[keep], filled.keyframe_index[keep]
    cuboids = filled.cuboids[keep]
    center, size, quat = cuboids.center_m.copy(), cuboids.size_m.copy(), cuboids.quat_wxyz.copy()
    for column, own in ((center, track.cuboids.center_m), (size, track.cuboids.size_m), (quat, track.cuboids.quat_wxyz)):
        column[given] = own  # an OUTSIDE keyframe has a pose, though nothing is there
    return track.replace(
        times_ns=stamps,
        cuboids=Cuboids(center, size, quat_wxyz=quat, frame=track.cuboids.frame),
        visibility=track.visibility[before],
        origin=np.where(given, track.origin[before], np.uint8(Origin.FILLED)),
        keyframe_attributes=[track.keyframe_attributes[k] if g else {} for k, g in zip(before, given)] if track.keyframe_attributes else (),
        keyframe_source_attributes=[track.keyframe_source_attributes[k] if g else {} for k, g in zip(before, given)]
        if track.keyframe_source_attributes
        else (),
    )
