"""Where labels in pictures and projected cuboids disagree, and why: the camera's calibration, its clock, or single labels.

A side of a box that a person drew lies off that of the projected cuboid by

    shift of the camera (u or v)  +  speed of that side in the picture x how late the picture was really taken  +  margin people leave  +  error

The first three are one for all labels of a camera. They are found with Tukey's biweight, so that single wrong labels do not pull at them, and their
standard deviations with the pairs of tracks as clusters (Liang and Zeger, Biometrika 73, 1986): frames of one object are no independent witnesses.
A few objects tell little of how much objects differ. What sides of all of them are off by counts as much as PRIOR of them (the moderated variance of
Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004), and Student's t has that many degrees of freedom more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int32s, Int64s
from ..cuboids import table_library
from ..errors import number_of
from ..image_tracks import ImageTracks
from ..keyframes import Visibility
from ..overlap import iou_boxes
from ..scene import Scene
from ..shapes2d import Boxes
from ..tracks import Tracks
from .matching import boxes_in_pictures
from .pictured import exposures_of, sightings
from .projecting import ProjectedTracks, project_tracks

__all__ = ["CameraOffset", "LinkOffsets", "link_offsets"]

STEP_NS = 10_000_000  # so long before and after the exposure, for speeds in the picture
CUT_PX = 1.5  # a side so near to the border may have been cut off there
SEEN_FROM = 0.7  # boxes of what is hidden more than this are drawn around the rest, as one likes
OWN_PX, OWN_SHARE = 1.0, 0.03  # what a hand is off by, in pixels, and as a share of the box
SURE, LEAST_PX = 0.9973, 1.0  # a cause counts where chance leaves it so surely within its deviation (three sigma of many), and it moves boxes so far
ODD, ODD_PX, ODD_SHARE = 5.0, 3.0, 0.1  # a label is odd beyond so many robust deviations, and pixels, and this share of its box
FEWEST_PAIRS = 3
PRIOR = 4.0  # degrees of freedom
TUKEY = 4.685


@dataclass(frozen=True)
class CameraOffset:
    """What all labels of one camera have in common, label less projected cuboid.

    n_pairs, n_rows : pairs of tracks and boxes that it rests on
    shift_px, shift_sigma_px : along u and v; NaN where fewer than three pairs tell
    shift_rad : the same as angles in the middle of the picture
    late_s, late_sigma_s : by how much later than `times_ns` the labelled pictures seem to be taken; NaN where that cannot be told: nothing moves
        enough, so that neither zero nor a picture's neighbours can be ruled out; the other figures are then found without it
    margin_px : by which labels reach further than the cuboids, on each side
    residual_px : usual (1.48 x median) distance that remains, of a side of a box of no size
    median_iou : of all boxes of the camera
    causes : of "shift" and "time", those that are there beyond doubt and move boxes by a pixel or more
    n_odd : boxes that are off by themselves
    """

    camera: str
    n_pairs: int
    n_rows: int
    shift_px: tuple[float, float]
    shift_sigma_px: tuple[float, float]
    shift_rad: tuple[float, float]
    late_s: float
    late_sigma_s: float
    margin_px: float
    residual_px: float
    median_iou: float
    causes: tuple[str, ...]
    n_odd: int

    def __str__(self) -> str:
        u, v = self.shift_px
        shift = f"({u:.2f}, {v:.2f}) +- ({self.shift_sigma_px[0]:.2f}, {self.shift_sigma_px[1]:.2f}) px, margin {self.margin_px:.2f} px"
        late = f"{self.late_s * 1e3:.1f} +- {self.late_sigma_s * 1e3:.1f} ms"
        said = "; ".join({"shift": "a constant shift: calibration", "time": "an offset along the motion: time"}[cause] for cause in self.causes)
        return (
            f"{self.camera}: {number_of(self.n_rows, 'box')} of {number_of(self.n_pairs, 'object')}, IoU {self.median_iou:.3f}; "
            f"shift {'cannot be told' if math.isnan(u) else shift}, late {'cannot be told' if math.isnan(self.late_s) else late}, "
            f"rest {self.residual_px:.2f} px; "
            f"{said or 'no common cause'}; {self.n_odd} odd labels"
        )


@dataclass(frozen=True, eq=False)
class OffsetRows:
    """The columns of LinkOffsets, which tells what they are."""

    camera_index: Int32s
    image_track_index: Int32s
    track_index: Int32s
    frame_index: Int32s
    times_ns: Int64s
    label_xyxy: Float64s
    projected_xyxy: Float64s
    speed_pxps: Float64s
    visible_share: Float64s
    iou: Float64s
    is_used: Bools
    rest_px: Float64s
    is_odd: Bools


@dataclass(frozen=True, eq=False)
class LinkOffsets(OffsetRows):
    """Labels in pictures against projected cuboids of the same objects: R rows, by camera, image track and frame.

    image_tracks, tracks : what the indices count in; cameras : names
    camera_index, image_track_index, track_index, frame_index : (R,) int32
    times_ns : (R,) int64, of the exposures
    label_xyxy, projected_xyxy : (R, 4), both cut off at the picture's border
    offset_px : (R, 4) label less projected: left, top, right, bottom; positive is to the right and down
    speed_pxps : (R, 4) of the projected sides in the picture
    iou : (R,)
    visible_share : (R,) as in ProjectedTracks
    is_used : (R,) bool: the summary of its camera rests on it; others are occluded
    rest_px : (R, 4) what the camera's summary does not explain; NaN where a side is cut off by the border, or the row not used
    is_odd : (R,) bool: off by itself: the label, or the cuboid, is wrong there
    summary : one CameraOffset for each camera with rows
    """

    image_tracks: ImageTracks
    tracks: Tracks
    cameras: tuple[str, ...]
    summary: tuple[CameraOffset, ...]

    @property
    def offset_px(self) -> Float64s:
        offset: Float64s = self.label_xyxy - self.projected_xyxy
        return offset

    def __len__(self) -> int:
        return len(self.iou)

    def _columns(self) -> dict[str, Any]:
        sides = {
            f"{name}{side}_{unit}": values[:, i]
            for name, values, unit in (("", self.offset_px, "px"), ("speed_", self.speed_pxps, "pxps"), ("rest_", self.rest_px, "px"))
            for i, side in enumerate(("left", "top", "right", "bottom"))
        }
        return {
            "image_track_id": [self.image_tracks[i].track_id for i in self.image_track_index.tolist()],
            "track_id": [self.tracks[i].track_id for i in self.track_index.tolist()],
            "category": [self.tracks[i].category for i in self.track_index.tolist()],
            "camera": [self.cameras[i] for i in self.camera_index.tolist()],
            "frame_index": self.frame_index,
            "timestamp_ns": self.times_ns,
            "iou": self.iou,
            "visible_share": self.visible_share,
            **sides,
            "is_used": self.is_used,
            "is_odd": self.is_odd,
        }

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row per box (extra `table`)."""
        return table_library("pandas").DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row per box (extra `table`)."""
        return table_library("pyarrow").table(self._columns())

    def __repr__(self) -> str:
        return f"LinkOffsets({number_of(len(self), 'box')} in {number_of(len(self.summary), 'camera')}, {int(self.is_odd.sum())} odd)"


def link_offsets(scene: Scene, cameras: Sequence[str] | None = None, *, occlusion: bool = True) -> LinkOffsets:
    """How labels in pictures and cuboids of the same objects disagree: every box, and what all boxes of a camera have in common.

    scene : whose image tracks name their cuboid track as object_id: `bw.link(scene).accept()`
    cameras : names; by default all that are calibrated
    occlusion : look, where there are sweeps, what is hidden (`project_tracks` does); boxes of objects hidden by more than 30 %, or said to be
        OCCLUDED where no points tell, stay out of the summary

    Of causes, a constant shift speaks for the camera's calibration, one along the motion in the picture for its clock, and what is left, for single
    labels. A side at the border of the picture is not looked at.
    """
    projected = project_tracks(scene, cameras, occlusion=occlusion)
    tracks = ImageTracks(scene.image_tracks)
    parts, summary = [_Rows.none()], []
    for c, camera in enumerate(projected.cameras):
        rows = _Rows.of(scene, projected, tracks, c, camera)
        if len(rows.iou):
            summary.append(_explain(scene, camera, rows))
        parts.append(rows)
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in OffsetRows.__dataclass_fields__}
    return LinkOffsets(**columns, image_tracks=tracks, tracks=projected.tracks, cameras=projected.cameras, summary=tuple(summary))


class _Rows(OffsetRows):
    """Those of one camera; `_explain` fills in what is NaN and False at first."""

    @classmethod
    def none(cls) -> _Rows:
        index, boxes, flag = np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0, bool)
        return cls(index, index, index, index, np.zeros(0, np.int64), boxes, boxes, boxes, np.zeros(0), np.zeros(0), flag, boxes, flag)

    @classmethod
    def of(cls, scene: Scene, projected: ProjectedTracks, tracks: ImageTracks, c: int, camera: str) -> _Rows:
        own, track_a, frame_a, label = boxes_in_pictures(scene, camera)
        linked = np.array([scene.track_index.get(track.object_id or "", -1) for track in own], np.int64)
        place = np.array([scene.image_track_index[track.track_id] for track in own], np.int32)
        here = np.flatnonzero(projected.camera_index == c)
        at = {(f, k): row for f, k, row in zip(projected.frame_index[here].tolist(), projected.track_index[here].tolist(), here.tolist())}
        if not len(own):
            return cls.none()
        row = np.array([at.get((f, k), -1) for f, k in zip(frame_a.tolist(), linked[track_a].tolist())], np.int64)
        keep = np.flatnonzero(row >= 0)
        keep = keep[np.lexsort((frame_a[keep], track_a[keep]))]
        row, label = row[keep], label[keep]
        boxes, share = projected.visible_xyxy[row], projected.visible_share[row]
        iou = np.array([iou_boxes(Boxes(a[None]), Boxes(b[None]))[0, 0] for a, b in zip(label, boxes)], np.float64)
        hidden = np.where(np.isnan(share), projected.visibility[row] == Visibility.OCCLUDED, share < SEEN_FROM)
        hidden |= _said_hidden(own, track_a[keep], scene.exposures_ns(camera)[frame_a[keep]])
        speed = _speeds(scene, camera, projected.frame_index[row], projected.track_index[row], boxes)
        image_index, rest = place[track_a[keep]], np.full((len(row), 4), np.nan)
        index = (np.full(len(row), c, np.int32), image_index, projected.track_index[row], projected.frame_index[row], projected.times_ns[row])
        return cls(*index, label, boxes, speed, share, iou, ~hidden, rest, np.zeros(len(row), bool))


def _said_hidden(tracks: ImageTracks, track_index: Int64s, times_ns: Int64s) -> Bools:
    hidden = np.zeros(len(times_ns), bool)
    for a in np.unique(track_index).tolist():
        own = track_index == a
        hidden[own] = tracks[a].at(times_ns[own]).visibility == Visibility.OCCLUDED
    return hidden


def _speeds(scene: Scene, camera: str, frame_index: Int32s, track_index: Int32s, now: Float64s) -> Float64s:
    """(R, 4) pixels per second of the projected sides, from a moment before to one after; from one of them where the other is not known, else 0."""
    ends, seconds = [], []
    wanted = frame_index.astype(np.int64) * max(len(scene.tracks), 1) + track_index
    for late in (-STEP_NS, STEP_NS):
        seen = sightings(exposures_of(scene, camera, late), scene.tracks)
        keys = seen.frame_index.astype(np.int64) * max(len(scene.tracks), 1) + seen.track_index
        found = np.clip(np.searchsorted(keys, wanted), 0, max(len(keys) - 1, 0))
        is_there = (keys[found] == wanted) & seen.is_visible[found] if len(keys) else np.zeros(len(wanted), bool)
        ends.append(np.where(is_there[:, None], seen.xyxy[found], now) if len(keys) else now)
        seconds.append(np.where(is_there, late * 1e-9, 0.0))
    span = seconds[1] - seconds[0]
    speed: Float64s = (ends[1] - ends[0]) / np.where(span > 0, span, 1.0)[:, None]
    return speed


def _explain(scene: Scene, camera: str, rows: _Rows) -> CameraOffset:
    """The summary; `rest_px` and `is_odd` of the rows are filled in."""
    lens = scene.camera(camera).camera
    border = np.array([-0.5, -0.5, lens.width_px - 0.5, lens.height_px - 0.5])
    is_cut = (np.abs(rows.label_xyxy - border) < CUT_PX) | (np.abs(rows.projected_xyxy - border) < CUT_PX)
    size = np.tile(rows.projected_xyxy[:, 2:] - rows.projected_xyxy[:, :2], 2)
    offset, usual = rows.label_xyxy - rows.projected_xyxy, np.hypot(OWN_PX, OWN_SHARE * size)
    where = np.nonzero(~is_cut & rows.is_used[:, None])
    axis, outwards = where[1] % 2, np.where(where[1] < 2, -1.0, 1.0)
    design = np.column_stack([axis == 0, axis == 1, rows.speed_pxps[where], outwards]).astype(np.float64)
    _, pair = np.unique(rows.image_track_index[where[0]], return_inverse=True)
    n_pairs = int(pair.max(initial=-1)) + 1
    found, sigma, scale = _robust(design / usual[where][:, None], offset[where] / usual[where], pair, axis)
    if not _tells_time(float(found[2]), float(sigma[2]) * _sure(n_pairs), scene.exposures_ns(camera)):
        design[:, 2] = 0
        found, sigma, scale = _robust(design / usual[where][:, None], offset[where] / usual[where], pair, axis)
    rows.rest_px[where] = offset[where] - design @ np.nan_to_num(found)
    with np.errstate(invalid="ignore"):
        limit = np.maximum(np.maximum(ODD * scale * usual, ODD_PX), ODD_SHARE * size)
        rows.is_odd[:] = (np.abs(rows.rest_px) > limit).any(1)
    if n_pairs < FEWEST_PAIRS:
        found[:], sigma[:] = np.nan, np.nan
    fast = float(np.quantile(np.abs(design[:, 2]), 0.9)) if len(design) else 0.0
    moves = np.abs(found) * [1.0, 1.0, fast, 1.0]
    is_sure = (np.abs(found) > _sure(n_pairs) * sigma) & (moves >= LEAST_PX)
    causes = ("shift",) * bool(is_sure[:2].any()) + ("time",) * bool(is_sure[2])
    focal = getattr(lens, "fx_px", math.nan), getattr(lens, "fy_px", math.nan)
    return CameraOffset(
        camera,
        n_pairs,
        len(np.unique(where[0])),
        (float(found[0]), float(found[1])),
        (float(sigma[0]), float(sigma[1])),
        (float(found[0] / focal[0]), float(found[1] / focal[1])),
        float(found[2]),
        float(sigma[2]),
        float(found[3]),
        float(scale * OWN_PX),
        float(np.median(rows.iou)),
        causes,
        int(rows.is_odd.sum()),
    )


def _tells_time(late_s: float, reach_s: float, exposures_ns: Int64s) -> bool:
    """Whether an interval of late_s +- reach_s says something: it leaves out zero, or the halves of the way to the pictures before and after."""
    halfway_s = float(np.median(np.diff(exposures_ns))) * 0.5e-9 if len(exposures_ns) > 1 else 0.0
    return abs(late_s) > reach_s or reach_s <= halfway_s


def _sure(n_pairs: int) -> float:
    """How many standard deviations, found from so few pairs, are not chance: Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(max(n_pairs - 1, 0) + PRIOR, (1 + SURE) / 2))


def _robust(design: Float64s, values: Float64s, cluster: Int64s, axis: Int64s) -> tuple[Float64s, Float64s, float]:
    """(V,) unknowns and (V,) their standard deviations, NaN where the rows do not tell them apart, and the robust scale of what remains.

    cluster, axis : (N,) the object of each row, and the axis its value is along: an object that is off is off alike along one axis
    """
    found, sigma = np.full(design.shape[1], np.nan), np.full(design.shape[1], np.nan)
    told = _told(design)
    x = design[:, told]
    if not len(values) or not len(told):
        return found, sigma, float(1.4826 * np.median(np.abs(values))) if len(values) else math.nan
    weights, scale = np.ones(len(values)), math.inf
    guess: Any = np.zeros(len(told))
    for step in range(60):
        root = np.sqrt(weights)
        guess = np.linalg.lstsq(x * root[:, None], values * root, rcond=None)[0]
        rest = values - x @ guess
        scale = max(float(1.4826 * np.median(np.abs(rest))), 1e-9)
        if step < 20:  # the least absolute distances first, which a third of wrong rows does not lead astray
            weights = 1 / np.maximum(np.abs(rest), 0.1 * scale)
        else:
            weights = np.clip(1 - (rest / (TUKEY * scale)) ** 2, 0, None) ** 2
    u = (rest / (TUKEY * scale)) ** 2
    slope = np.where(u < 1, (1 - u) * (1 - 5 * u), 0.0)  # of a row's pull (Huber, Robust Statistics, 1981, section 7.6)
    bread = np.linalg.pinv((x * weights[:, None]).T @ x) * (weights.sum() / max(float(slope.sum()), 0.1 * float(weights.sum())))
    n = int(cluster.max()) + 1
    pulls, expected = np.zeros((n, len(told))), np.zeros((2 * n, len(told)))
    np.add.at(pulls, cluster, x * (weights * rest)[:, None])
    np.add.at(expected, 2 * cluster + axis, x * (weights * scale)[:, None])
    seen, thought = pulls.T @ pulls * (n / max(n - 1, 1)), expected.T @ expected
    spread = bread @ ((n - 1) * seen + PRIOR * thought) @ bread / (n - 1 + PRIOR)
    found[told], sigma[told] = guess, np.sqrt(np.maximum(np.diag(spread), 0))
    return found, sigma, scale


def _told(design: Float64s) -> Int64s:
    """Columns that differ from all those before them: speeds that are nowhere, or everywhere one, tell no time."""
    told: list[int] = []
    for v in (0, 1, 3, 2):
        column = design[:, v]
        norm = float(np.linalg.norm(column))
        before = design[:, told]
        if norm > 1e-9:
            rest = column - before @ np.linalg.lstsq(before, column, rcond=None)[0] if told else column
            if float(np.linalg.norm(rest)) > 1e-3 * norm:
                told.append(v)
    return np.array(sorted(told), np.int64)
