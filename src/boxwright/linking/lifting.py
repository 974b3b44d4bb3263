"""A box in a picture becomes a cuboid, by the points that the camera sees in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Float64s, Int64s, as_floats, as_points, check_kind
from ..cuboids import Cuboid
from ..errors import ArgumentError, BoxwrightError, GeometryError, number_of
from ..fitting import Fit, fit_at, fit_cuboid
from ..frames import Pose
from ..occlusion import depth_map
from ..overlap import iou_boxes
from ..points import Sweep
from ..projection import project_cuboids
from ..scene import Scene
from ..shapes2d import Boxes
from ..taxonomy import Taxonomy

__all__ = ["Lift", "LiftVerdict", "lift"]

LOWEST_M = 0.2  # points closer to the ground than this are its own
FEWEST = 5
MOST_TRIED = 4
LEAST_SPAN = 0.05  # IoU of the box with the bounds of a cluster's points, for the cluster to be tried
LEAST_IOU = 0.5  # of the box with the projected cuboid, for it to be believed
CLOSE, APART_M = 0.1, 2.0  # two candidates that fit the box about as well and stand so far apart leave it open which


class LiftVerdict(StrEnum):
    """What became of a box."""

    OK = "ok"
    NO_POINTS = "no_points"  # the camera sees none in the box that stand above the ground
    TOO_FEW_POINTS = "too_few_points"  # no cluster of them has five
    AMBIGUOUS = "ambiguous"  # another cluster, at another distance, fills the box about as well
    MISMATCH = "mismatch"  # the cuboid, projected, is not the box


@dataclass(frozen=True, eq=False)
class Lift:
    """A cuboid for a box.

    verdict : of LiftVerdict; only OK ones should be taken without a look
    fit : of the cluster's points, in the sensor's frame; None where there is none
    iou : of the box with the projected cuboid's visible part, 0 without a cuboid
    n_points : that the camera sees in the box, above the ground
    other_m : distance from the camera of the cluster that fits next best; NaN where there is none
    """

    verdict: LiftVerdict
    fit: Fit | None
    iou: float
    n_points: int
    other_m: float

    @property
    def cuboid(self) -> Cuboid | None:
        return None if self.fit is None else self.fit.cuboid

    def __repr__(self) -> str:
        return f"Lift({self.verdict.value}, {self.cuboid!r}, IoU {self.iou:.2f}, {number_of(self.n_points, 'point')} in the box)"


def lift(scene: Scene, frame_index: int, camera: str, box_xyxy: ArrayLike, category: str = "car", *, sensor: str = "lidar") -> Lift:
    """A cuboid candidate for a box drawn in a picture.

    box_xyxy : (4,) left, top, right, bottom in pixels
    category : a class of Taxonomy.default(); says how large the object may be
    sensor : the LiDAR

    Points that the camera sees in the box (`bw.depth_map`), but for the ground's, fall into clusters. Those whose bounds in the picture overlap the
    box best, nearer ones first, are fitted, each alone and with what of it lies beside the box; the cuboid that projects best onto the box is kept.
    Raises FrameMissing where the frame has no sweep, CalibrationError for a camera without calibration, UnknownName for an unknown class.
    """
    check_kind("scene", scene, Scene, "a Scene", "bw.read gives one")
    box = as_floats("box_xyxy", box_xyxy, (4,), hint="left, top, right, bottom")
    if not (box[2] > box[0] and box[3] > box[1]):
        got = ", ".join(f"{v:g}" for v in box)
        raise GeometryError(expected="left < right and top < bottom", got=f"({got})", field="box_xyxy", hint="left, top, right, bottom in pixels")
    Taxonomy.default().find(category)
    lidar, lens = scene.lidar(sensor), scene.camera(camera).camera
    border = np.array([lens.width_px, lens.height_px]) - 0.5
    box = np.concatenate([np.maximum(box[:2], -0.5), np.minimum(box[2:], border)])
    if not (box[2:] > box[:2]).all():
        got, wanted = f"{box_xyxy!r:.60}", f"a box that the picture of {lens.width_px} x {lens.height_px} holds in part"
        raise ArgumentError(expected=wanted, got=got, field="box_xyxy", hint="is it of this camera, and in pixels?")
    sweep = scene.still_points(frame_index, lidar.name)
    xyz = np.asarray(as_points("points", sweep), np.float64)
    pose = scene.cam_from(frame_index, camera, lidar.name)
    seen = depth_map(sweep, lens, pose, sensor_origins_m=lidar.origins_m)
    uv = np.asarray(seen.image.uv, np.float64)
    inside = np.flatnonzero(seen.sees & (uv >= box[:2]).all(1) & (uv <= box[2:]).all(1))
    if len(inside):
        ground = scene.ground(frame_index, lidar.name)
        inside = inside[ground.above_m(xyz[inside]) > LOWEST_M]
    if not len(inside):
        return Lift(LiftVerdict.NO_POINTS, None, 0.0, 0, math.nan)
    hints: dict[str, Any] = {"ground": scene.ground(frame_index, lidar.name), "sensor_origins_m": lidar.origins_m}
    found: list[tuple[float, float, Fit]] = []
    for cluster in _clusters(xyz, uv, inside, box, pose):
        away = float(np.median(np.linalg.norm(pose.apply(xyz[cluster]), axis=1)))
        fits = [fit for fit in _fits(xyz, cluster, lidar.name, category, hints) if fit is not None]
        if fits:
            ious = [_iou(fit, lens, pose, box) for fit in fits]
            best = int(np.argmax(ious))
            found.append((ious[best], away, fits[best]))
    if not found:
        return Lift(LiftVerdict.TOO_FEW_POINTS, None, 0.0, len(inside), math.nan)
    found.sort(key=lambda one: -one[0])
    iou, away, fit = found[0]
    verdict, other_m = LiftVerdict.OK if iou >= LEAST_IOU else LiftVerdict.MISMATCH, math.nan
    if len(found) > 1:
        other_m = found[1][1]
        if verdict is LiftVerdict.OK and found[1][0] > iou - CLOSE and abs(other_m - away) > APART_M:
            verdict = LiftVerdict.AMBIGUOUS
    return Lift(verdict, fit, iou, len(inside), other_m)


def _clusters(xyz: Float64s, uv: Float64s, inside: Int64s, box: Float64s, pose: Pose) -> list[Int64s]:
    """Points that hang together, their steps as long as their range asks for: those that fill the box best, of equal ones the nearest first."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    away = np.linalg.norm(pose.apply(xyz[inside]), axis=1)
    reach = np.clip(0.012 * away + 0.25, 0.35, 1.2)
    pairs = cKDTree(xyz[inside]).query_pairs(float(reach.max()), output_type="ndarray")
    gap = np.linalg.norm(xyz[inside][pairs[:, 0]] - xyz[inside][pairs[:, 1]], axis=1)
    pairs = pairs[gap <= np.minimum(reach[pairs[:, 0]], reach[pairs[:, 1]])]
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(inside),) * 2)
    labels = connected_components(graph, directed=False)[1]
    scored = []
    for k in np.flatnonzero(np.bincount(labels) >= FEWEST).tolist():
        own = inside[labels == k]
        bounds = np.concatenate([uv[own].min(0), uv[own].max(0)])
        span = float(iou_boxes(Boxes(bounds[None]), Boxes(box[None]))[0, 0])
        if span >= LEAST_SPAN:
            scored.append((-round(span, 1), float(np.median(away[labels == k])), own))
    scored.sort(key=lambda one: one[:2])
    return [own for _, _, own in scored[:MOST_TRIED]]


def _fits(xyz: Float64s, cluster: Int64s, frame: str, category: str, hints: dict[str, Any]) -> list[Fit | None]:
    """Of the cluster alone, and of what it belongs to in the whole sweep."""
    fits: list[Fit | None] = []
    middle = xyz[cluster][np.argmin(np.linalg.norm(xyz[cluster] - np.median(xyz[cluster], axis=0), axis=1))]
    for is_whole in (False, True):
        try:
            if is_whole:
                fits.append(fit_at(Sweep(xyz, frame=frame), middle, category, **hints))
            else:
                fit = fit_cuboid(Sweep(xyz[cluster], frame=frame), category, **hints)
                fits.append(replace(fit, point_index=cluster[fit.point_index]))
        except BoxwrightError:  # too few points, or only ground: the other attempt may do
            fits.append(None)
    return fits


def _iou(fit: Fit, lens: Any, pose: Pose, box: Float64s) -> float:
    seen = project_cuboids(fit.cuboid, lens, pose)
    return float(iou_boxes(Boxes(seen.xyxy), Boxes(box[None]))[0, 0]) if seen.visible[0] else 0.0
