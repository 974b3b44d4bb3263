"""The finished annotation against the known truth, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s, Int64s
from ..label_errors import Errors, cuboid_errors
from ..scene import Scene
from ..tracks import State, Track, interpolate_tracks
from .annotating import Annotation
from .measuring import FrameResult

__all__ = ["ClassResult", "compare"]


@dataclass(frozen=True)
class ClassResult:
    """One class against the truth: medians of the fits, means of the frames between keyframes, and how much of the truth is there.

    n_true : the truth's cuboids, of all its objects in all frames
    n_found : those of them that the annotation has, right or wrong in place
    n_false : cuboids where the truth has none
    fit_yaw_rad, filled_yaw_rad : of the axis, in [0, pi / 2]; which end is the front is counted apart, in n_turned and n_filled_turned
    """

    n_objects: int
    n_true: int
    n_found: int
    n_false: int
    n_fits: int
    fit_xy_m: float
    fit_yaw_rad: float
    fit_iou_bev: float
    n_turned: int
    n_filled: int
    filled_xy_m: float
    filled_yaw_rad: float
    n_filled_turned: int
    n_points: int
    n_boxes: int

    @property
    def sums(self) -> tuple[int, int]:
        """Points counted in the cuboids of all frames, boxes seen in all pictures."""
        return self.n_points, self.n_boxes


@dataclass(frozen=True, eq=False)
class _Compared:
    """One object against the truth."""

    fits: Errors
    filled: Errors
    n_true: int
    n_found: int
    n_false: int


def compare(annotation: Annotation, truth: Scene, results: Sequence[FrameResult]) -> dict[str, ClassResult]:
    """Each class, and "all", against the truth; objects of the truth that the annotation lacks count too, with all their frames."""
    scene = annotation.scene
    fits = {track.track_id: track for track in annotation.fits}
    rows: dict[str, list[_Compared]] = {}
    for track in scene.tracks:
        rows.setdefault(track.category, []).append(_compared(track, fits.get(track.track_id), truth.track(track.track_id), scene.times_ns))
    n_objects = {name: len(found) for name, found in rows.items()}
    for true in truth.tracks:
        if true.track_id not in scene.track_index:
            none = cuboid_errors(true.cuboids[:0], true.cuboids[:0])
            rows.setdefault(true.category, []).append(_Compared(none, none, int(true.at(scene.times_ns).is_valid.sum()), 0, 0))
    sums = _sums(scene, results)
    table = {name: _class_result(n_objects.get(name, 0), rows[name], *sums.get(name, (0, 0))) for name in sorted(rows)}
    every = [row for name in sorted(rows) for row in rows[name]]
    table["all"] = _class_result(len(scene.tracks), every, *np.sum([*sums.values(), (0, 0)], axis=0))
    return table


def _compared(track: Track, fits: Track | None, truth: Track, times_ns: Int64s) -> _Compared:
    is_there, is_true = track.at(times_ns).is_valid, truth.at(times_ns).is_valid
    n_found, n_false = int((is_there & is_true).sum()), int((is_there & ~is_true).sum())
    return _Compared(_fit_errors(fits, truth), _filled_errors(track, truth, times_ns), int(is_true.sum()), n_found, n_false)


def _fit_errors(fits: Track | None, truth: Track) -> Errors:
    if fits is None:
        return cuboid_errors(truth.cuboids[:0], truth.cuboids[:0])
    true = truth.at(fits.times_ns)
    return cuboid_errors(fits.cuboids[true.is_valid], true.cuboids[true.is_valid])


def _filled_errors(track: Track, truth: Track, times_ns: Int64s) -> Errors:
    filled = interpolate_tracks([track], times_ns)
    between = filled.state == State.BETWEEN
    true = truth.at(times_ns[filled.time_index[between]])
    return cuboid_errors(filled.cuboids[between][true.is_valid], true.cuboids[true.is_valid])


def _sums(scene: Scene, results: Sequence[FrameResult]) -> dict[str, tuple[int, int]]:
    """Points counted and boxes projected, by class."""
    sums: dict[str, tuple[int, int]] = {track.category: (0, 0) for track in scene.tracks}
    for result in results:
        visible = sum((np.isfinite(xyxy[:, 0]).astype(int) for xyxy in result.xyxy.values()), np.zeros(len(result.n_points), int))
        for m, t in enumerate(result.labels.track_index):
            points, boxes = sums[scene.tracks[t].category]
            sums[scene.tracks[t].category] = points + int(result.n_points[m]), boxes + int(visible[m])
    return sums


def _class_result(n_objects: int, rows: Sequence[_Compared], n_points: int, n_boxes: int) -> ClassResult:
    def column(which: str, name: str) -> Float64s:
        return np.concatenate([np.zeros(0), *(getattr(getattr(row, which), name) for row in rows)])

    yaw, filled_xy, filled_yaw = column("fits", "yaw_rad"), column("filled", "xy_m"), column("filled", "yaw_rad")
    return ClassResult(
        n_objects=n_objects,
        n_true=sum(row.n_true for row in rows),
        n_found=sum(row.n_found for row in rows),
        n_false=sum(row.n_false for row in rows),
        n_fits=len(yaw),
        fit_xy_m=_middle(column("fits", "xy_m")),
        fit_yaw_rad=_middle(np.minimum(yaw, np.pi - yaw)),
        fit_iou_bev=_middle(column("fits", "iou_bev")),
        n_turned=int((yaw > np.pi / 2).sum()),
        n_filled=len(filled_yaw),
        filled_xy_m=float(filled_xy.mean()) if len(filled_xy) else float("nan"),
        filled_yaw_rad=float(np.minimum(filled_yaw, np.pi - filled_yaw).mean()) if len(filled_yaw) else float("nan"),
        n_filled_turned=int((filled_yaw > np.pi / 2).sum()),
        n_points=int(n_points),
        n_boxes=int(n_boxes),
    )


def _middle(values: Float64s) -> float:
    return float(np.median(values)) if len(values) else float("nan")
