"""A cuboid around the points an annotator picked: from the object's points, from one click, from a rough cuboid.

Steps: local ground, growing the object from the click, headings tried by how well the points lie on the faces the sensor can see and how well the
extents agree with the class, extents of the outermost points, and the class's size where a side was not seen, kept at the near corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from .arrays import Float64s, Floats, Int64s, as_points, frozen
from .click_sigma import click_scale, is_turn_doubtful
from .cuboids import Cuboid, Cuboids
from .errors import GeometryError, number_of
from .fit_hints import SPARE_POINTS, CheckedHints, Hints, checked_click, checked_cuboid, checked_ground, checked_hints
from .growing import REACH_FACTORS, SEEN_FULLY, Clicked, around_rough, picked, surroundings
from .kernels import fitting as kernels
from .kernels.growing import N_HEADINGS
from .points import Sweep
from .taxonomy import SizePrior
from .terrain import Ground, ground as find_ground

__all__ = ["Fit", "Sigma", "fit_at", "fit_cuboid", "refit"]

OWN_M, RIM_M = 0.15, 0.5  # points so near a cuboid are its object's; points further out, up to this, speak against it
RIM_WEIGHT, COUNT_WEIGHT, COST_WEIGHT = 0.4, 0.15, 0.015  # against the share of points on which cluster and cuboid agree; see _best_grown
FEWEST = 5  # points below which a fit is flagged
SEARCHED = 256  # points that headings are tried on
TUNING = np.array([0.2, 60.0, 1.5, 0.01, SPARE_POINTS, 0.06, 6.0, 3.0])  # see kernels.fitting.search
MOST_RAYS = 200
SOLID = (0.2, 0.55)  # between these shares of a vehicle's height no light passes anywhere: above are hood and glass, below wheels
SEEN_FROM = 0.1  # sine between the line of sight and a face, from where on its far end is believed a little
SHORT_FROM, SHORT_FULLY = 0.75, 1.0  # extents, in least sizes of the class, from where on they are believed
SIZE_NOISE_M = 0.12  # what points and labels add to the spread of a class's sizes
SIZES_TOGETHER = 0.7  # correlation of length and width within a class; 0.87 over the four cars whose data sheets taxonomy.py names
TOP_SEEN_M = 0.1  # a sensor this far above a cuboid's top sees it
# What a standard deviation is made of; the errors are those against a person's label or a simulated truth, whose faces do not lie on the points.
FACE_SIGMA_M = 0.13  # of one face where points lie on it: roundings, mirrors, how tightly people draw
HEIGHT_SIGMA_M = 0.13  # of the top, and of a bottom that is not the ground's
GROUND_SIGMA_M = 0.06
YAW_SIGMA_RAD = 0.04  # sides of cars are not straight
TURNED_SIGMA_RAD = 0.96  # where the sides may be swapped: intervals of 1.645 of it hold a quarter turn
# What is added after a click where face_margin_m is not told: labels of KITTI stand 0.01 m off the outermost points, of SUSTechPOINTS 0.03 m, of
# Argoverse 2 0.07 to 0.12 m, those of one project spread as much; and people do not set bottoms on the ground as found.
UNTOLD_FACE_M, UNTOLD_BOTTOM_M = 0.06, 0.08
UNSEEN_SHARE = 0.5  # of what an extent lacks of its class's size, how much may be an end that no point fell on


@dataclass(frozen=True, eq=False)
class Sigma:
    """Standard deviations of a fit: center_m (3,) along the axes of the frame, size_m (3,), yaw_rad; NaN where the points do not tell.

    After a click they are calibrated on simulated recordings; benchmarks/accuracy.py measures, by class and points, how often intervals of 1.645 of
    them hold the truth in others, and people's labels of real vehicles. Without `face_margin_m` they also hold what projects differ by in how far
    faces stand off the points.

    They hold for points of one object that stands, and a heading that is right modulo half a turn: under "yaw_ambiguous_90" the sides may be swapped.
    """

    center_m: Float64s
    size_m: Float64s
    yaw_rad: float


@dataclass(frozen=True, eq=False)
class Fit:
    """What was fitted, how sure it is, and what it rests on.

    cuboid : in the frame of the points
    sigma : Sigma
    observed_faces : of "front", "rear", "left", "right", "top": faces a sensor stood before, "top" where one stood above it
    flags : of "length_from_prior", "width_from_prior", "height_from_prior", "yaw_ambiguous_90", "heading_unknown_180", "yaw_from_motion" (points do
        not tell the heading of this class), "too_few_points"
    point_index : (K,) int64, sorted, of the points the fit rests on
    """

    cuboid: Cuboid
    sigma: Sigma
    observed_faces: tuple[str, ...]
    flags: frozenset[str]
    point_index: Int64s

    def __repr__(self) -> str:
        return f"Fit({self.cuboid!r}, {number_of(len(self.point_index), 'point')}, flags={{{', '.join(sorted(self.flags))}}})"


def fit_cuboid(points: Any, category: str = "car", **hints: Unpack[Hints]) -> Fit:
    """A cuboid around points that belong to one object.

    points : (N, 3) float32 or float64, metres, or a Sweep; the object's own points; those that are not finite are left out
    category : a class of Taxonomy.default(), or what a dataset calls it; says how large the object may be
    hints : any of `ground`, `sensor_origins_m`, `yaw_prior`, `size_prior`, `face_margin_m`, by name:

        ground : of bw.ground(sweep); the cuboid then stands on it. Without it the lowest point is taken for the bottom
        sensor_origins_m : (L, 3) or (3,), where the points were seen from, in their frame; by default its origin, (0, 0, 0). Must be given for
            points in the world frame; a Sweep that names this frame is refused without it
        yaw_prior : expected heading in radians, or (heading, sigma); sigma is 10 degrees unless given; says front from back too
        size_prior : (length, width, height) known from elsewhere, or a SizePrior; instead of the class's
        face_margin_m : how far faces stand off the outermost points in your project's labels, as `learn_face_margin` finds; 0.05 by default

    Raises UnknownName for an unknown class, GeometryError where fewer than 3 points are finite, ArgumentError for a Sweep in the world frame without
    sensor_origins_m.
    """
    xyz, frame = _unpack(points)
    checked = checked_hints(category, frame, hints)
    return _fit(xyz, np.flatnonzero(np.isfinite(xyz).all(1)), checked)[0]


def fit_at(points: Any, click_m: Any, category: str = "car", **hints: Unpack[Hints]) -> Fit:
    """The cuboid of the object under one click, in a whole sweep.

    points : (N, 3) float32 or float64, metres, or a Sweep
    click_m : (3,) on or beside a point of the object; (2,) where the click was made in a view from above
    ground : pass bw.ground(points) when several clicks are made in one sweep; found otherwise
    The other hints are those of `fit_cuboid`.

    Raises GeometryError where no point lies within 1 m of the click, or only ground does.
    """
    xyz, frame = _unpack(points)
    ground, click = _ground_of(xyz, hints), checked_click(click_m)
    checked = checked_hints(category, frame, hints)
    clicked = picked(xyz, click, ground, checked, category)
    checked = replace(checked, is_clicked=True)
    if not checked.is_yaw_from_motion:
        checked = replace(checked, around=surroundings(xyz, clicked.local[clicked.seed], ground, checked))
    return _best_grown(xyz, clicked, checked)


def refit(points: Any, rough_cuboid: Cuboid | Cuboids, category: str | None = None, **hints: Unpack[Hints]) -> Fit:
    """A rough cuboid, drawn by hand or predicted, snapped to its points in a whole sweep.

    rough_cuboid : one cuboid, in the frame of the points; its heading is taken as right within about 8 degrees, front and back included. Its
        object may reach out of it by up to 0.4 m
    category : the class, where known; its sizes then stand for what was not seen. Without it the rough size is kept, less what it is too large by
        where the points tell
    The other hints are those of `fit_cuboid`.

    Raises GeometryError where the cuboid's frame is not that of the sweep, or fewer than 3 points above ground lie in it.
    """
    xyz, frame = _unpack(points)
    rough = checked_cuboid(rough_cuboid, frame)
    if hints.get("yaw_prior") is None:
        hints["yaw_prior"] = (rough.yaw_rad, math.radians(8.0))
    ground = _ground_of(xyz, hints)
    checked = checked_hints("other" if category is None else category, rough.frame, hints)
    index, loose_m = around_rough(xyz, rough, ground, checked.sensor_m)
    if hints.get("size_prior") is None and category is None:
        expected, low, high = rough.size_m - loose_m, rough.size_m * [0.75, 0.7, 0.75], rough.size_m * [1.0, 1.0, 1.1]
        checked = replace(checked, prior=SizePrior(tuple(expected), tuple(np.minimum(low, expected)), tuple(high)), is_size_drawn=True)
    return _fit(xyz, index, checked)[0]


def _unpack(points: Any) -> tuple[Floats, str | None]:
    return as_points("points", points), points.frame if isinstance(points, Sweep) else None


def _ground_of(xyz: Floats, hints: Hints) -> Ground:
    """The ground that was passed, or what is found now; the hints then hold it."""
    if hints.get("ground") is None:
        hints["ground"] = find_ground(xyz)
    return checked_ground(hints["ground"])


def _best_grown(xyz: Floats, clicked: Clicked, hints: CheckedHints) -> Fit:
    """Grown with shorter and longer steps, each fitted, and fitted once more to what lies in the cuboid found; the best one of all.

    Of the best, points and cuboid agree, others keep away, and many points are explained at a low cost (that of `kernels.fitting.search`).
    """
    best: Fit | None = None
    best_score, tried = -math.inf, set()
    for factor in REACH_FACTORS:
        member = clicked.grown(factor)
        for _ in range(2):
            known, count = member.tobytes(), int(member.sum())
            if count < 3 or known in tried:
                break
            tried.add(known)
            fit, cost = _fit(xyz, clicked.index[member], hints)
            turned = (clicked.local - fit.cuboid.center_m) @ fit.cuboid.as_cuboids().rotation[0]
            beyond = (np.abs(turned[:, :2]) - fit.cuboid.size_m[:2] / 2).max(1)
            inside = beyond <= OWN_M
            agreement = int((member & inside).sum()) / int((member | inside).sum())
            rim = int((~inside & ~member & (beyond <= RIM_M)).sum()) / count
            score = agreement - RIM_WEIGHT * rim + COUNT_WEIGHT * math.log(count) - COST_WEIGHT * cost
            if score > best_score:
                best, best_score = fit, score
            member = inside
    if best is None:
        raise GeometryError(expected="at least 3 points that hang together at the click", got="fewer", field="click_m", hint="fit it with fit_cuboid")
    return best


# ---------------------------------------------------------------- which cuboid
def _fit(xyz: Floats, index: Int64s, hints: CheckedHints) -> tuple[Fit, float]:
    """The cuboid of the points at `index`, and what its heading costs."""
    if len(index) < 3:
        hint = "pass all points of the object; where there are fewer, draw the cuboid by hand"
        raise GeometryError(expected="at least 3 finite points to fit a cuboid", got=f"{len(index)}", field="points", hint=hint)
    origin = np.asarray(xyz[index[0]], np.float64)
    local = np.asarray(xyz[index], np.float64) - origin
    flags = {"too_few_points"} if len(index) < FEWEST else set()
    yaw, extent, cost = _heading(local, hints, origin, flags)
    sigma_yaw = _yaw_sigma(extent, len(index), hints)
    plan = [_side(axis, yaw, extent, len(index), sigma_yaw, hints, origin, flags) for axis in (0, 1)]
    (mid_u, length, sigma_u, sigma_l, face_u), (mid_v, width, sigma_v, sigma_w, face_v) = plan
    c, s = math.cos(yaw), math.sin(yaw)
    center_xy = np.array([c * mid_u - s * mid_v, s * mid_u + c * mid_v]) + origin[:2]
    bottom, height, sigma_z, sigma_h = _upright(local[:, 2] + origin[2], center_xy, hints, flags)
    if hints.yaw is not None:
        front_known = math.cos(yaw - hints.yaw) >= 0
        if not front_known:
            yaw, face_u, face_v = yaw + math.pi, -face_u, -face_v
    else:
        flags.add("heading_unknown_180")
        if math.cos(yaw) < 0:
            yaw, face_u, face_v = yaw + math.pi, -face_u, -face_v
    faces = [name for name, seen in (("front", face_u > 0), ("rear", face_u < 0), ("left", face_v > 0), ("right", face_v < 0)) if seen]
    if bottom + height + TOP_SEEN_M < hints.sensor_top_m:
        faces.append("top")
    sigma_yaw, own = _after_click([sigma_u, sigma_v, sigma_z, sigma_l, sigma_w, sigma_h], sigma_yaw, len(index), cost, hints, flags)
    sigma_u, sigma_v, sigma_z = own[:3].tolist()
    sigma_xy = [math.hypot(c * sigma_u, s * sigma_v), math.hypot(s * sigma_u, c * sigma_v)]
    cuboid = Cuboids([[*center_xy, bottom + height / 2]], [[length, width, height]], [yaw], frame=hints.frame)[0]
    sigma = Sigma(
        frozen(np.array([*sigma_xy, sigma_z])),
        frozen(own[3:]),
        _told_yaw_sigma(sigma_yaw, hints, flags),
    )
    return Fit(cuboid, sigma, tuple(faces), frozenset(flags), np.sort(index)), cost


def _heading(local: Float64s, hints: CheckedHints, origin: Float64s, flags: set[str]) -> tuple[float, Float64s, float]:
    """Yaw, the trimmed extents (low u, high u, low v, high v) along and across it, and what that costs."""
    sensor = hints.sensor_m - origin[:2]
    expected, spread = (
        (np.array(hints.prior.median_m[:2]), np.hypot(hints.prior.sigma_m[:2], SIZE_NOISE_M)) if hints.prior else (np.ones(2), np.full(2, 1e9))
    )
    result = np.empty(7)
    yaw = 0.0 if hints.yaw is None else hints.yaw
    yaw_costs = np.zeros(N_HEADINGS) if hints.around is None else hints.around.yaw_costs
    xy = np.ascontiguousarray(local[:, :2])
    few = xy if len(xy) <= SEARCHED else xy[np.lexsort(xy.T)[:: -(-len(xy) // SEARCHED)]]
    kernels.search(
        few, xy, float(sensor[0]), float(sensor[1]), expected, spread, yaw, hints.yaw_sigma, yaw_costs, _rays(local, origin, hints), TUNING, result
    )
    if result[6] - result[5] < 1.0:
        flags.add("yaw_ambiguous_90")
    if hints.is_yaw_from_motion:
        flags.add("yaw_from_motion")
    return float(result[0]), result[1:5], float(result[5])


def _rays(local: Float64s, origin: Float64s, hints: CheckedHints) -> Float64s:
    """(R, 4) of light that may pass through the solid part of the object's height: x and y of its end, from and to which share of its way."""
    if hints.around is None:
        return np.zeros((0, 4))
    ends = hints.around.ends_m - origin
    top = float(np.sort(local[:, 2])[-1 - len(local) // 100])
    bottom = float(hints.ground.height_m(origin[None])[0] - origin[2]) if hints.ground is not None else float(local[:, 2].min())
    low, high = (bottom + share * max(top - bottom, 0.5) for share in SOLID)
    sensor_z = hints.sensor_top_m - origin[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        when = np.sort((np.array([[low], [high]]) - sensor_z) / (ends[:, 2] - sensor_z), axis=0)
    rays = np.column_stack([ends[:, :2], when.T])[np.isfinite(when).all(0) & (when[1] > 0) & (when[0] < 1)]
    return np.ascontiguousarray(rays[:: max(1, -(-len(rays) // MOST_RAYS))])


def _side(
    axis: int, yaw: float, extent: Float64s, n: int, sigma_yaw: float, hints: CheckedHints, origin: Float64s, flags: set[str]
) -> tuple[float, float, float, float, int]:
    """(middle, size, sigma of the middle, sigma of the size, seen face) along one axis of the cuboid.

    The near face stands where the points are. The far end is believed where the face that runs along this axis was seen; otherwise the class's size
    says where it is. A wrong heading swings the ends of the other side, which shifts both faces; the far one may lie as far beyond the last point as
    points lie from each other.
    """
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    sensor = turn @ (hints.sensor_m - origin[:2])
    low, high = float(extent[2 * axis]) - hints.margin_m, float(extent[2 * axis + 1]) + hints.margin_m
    other_low, other_high = float(extent[2 - 2 * axis]), float(extent[3 - 2 * axis])
    away = sensor - [(extent[0] + extent[1]) / 2, (extent[2] + extent[3]) / 2]
    near = -1 if sensor[axis] < low else 1 if sensor[axis] > high else 0
    size = high - low
    lever = min(sigma_yaw, 0.3) * (other_high - other_low) / 2
    face = math.hypot(FACE_SIGMA_M, lever)
    sigma = math.hypot(math.sqrt(2) * face, size / math.sqrt(n))
    if hints.prior is not None:
        least, most = hints.prior.low_m[axis], hints.prior.high_m[axis]
        expected = hints.prior.median_m[axis]
        if not hints.is_size_drawn:  # what somebody drew is not mended by how a class's sides go together
            expected = _expected(axis, other_high - other_low + 2 * hints.margin_m, _seen_share(1 - axis, away, sensor, extent), hints.prior)
        seen = _seen_share(axis, away, sensor, extent)
        trust = 0.0 if hints.is_size_drawn else seen * _ramp(size / least, SHORT_FROM, SHORT_FULLY)
        if size < expected:
            spread = math.hypot(hints.prior.sigma_m[axis], SIZE_NOISE_M)
            sigma = math.hypot(sigma, (1 - trust) * spread, trust * UNSEEN_SHARE * (expected - size))
            grown = size + (1 - trust) * (expected - size)
            if grown > size + 0.1:
                flags.add(("length_from_prior", "width_from_prior")[axis])
            size = grown
        size = min(size, most + 0.1)
    else:
        size = max(size, 0.05)
    middle = (low + high) / 2 if near == 0 else low + size / 2 if near < 0 else high - size / 2
    return middle, size, math.hypot(face, sigma / 2), sigma, near


def _seen_share(axis: int, away: Float64s, sensor: Float64s, extent: Float64s) -> float:
    """From 0 to 1, how well the face that runs along an axis was seen."""
    other_low, other_high = extent[2 - 2 * axis], extent[3 - 2 * axis]
    if other_low <= sensor[1 - axis] <= other_high:
        return 0.0
    return _ramp(abs(float(away[1 - axis])) / (float(np.hypot(*away)) + 1e-9), SEEN_FROM, SEEN_FULLY)


def _expected(axis: int, other_m: float, other_seen: float, prior: SizePrior) -> float:
    """The class's size along an axis, given the other one: who is narrow is short. Linear regression, less so the less was seen of the other."""
    spread, other_spread = prior.sigma_m[axis], prior.sigma_m[1 - axis]
    if other_m < prior.low_m[1 - axis] * SHORT_FROM or other_spread <= 0:
        return prior.median_m[axis]
    told = other_seen * other_spread**2 / (other_spread**2 + SIZE_NOISE_M**2)
    off = min(max(other_m - prior.median_m[1 - axis], -2 * other_spread), 2 * other_spread)
    return prior.median_m[axis] + SIZES_TOGETHER * told * spread / other_spread * off


def _ramp(value: float, start: float, end: float) -> float:
    return min(1.0, max(0.0, (value - start) / (end - start)))


def _upright(z: Float64s, center_xy: Float64s, hints: CheckedHints, flags: set[str]) -> tuple[float, float, float, float]:
    """(bottom, height, sigma of the centre's z, sigma of the height)."""
    top = float(np.sort(z)[-1 - len(z) // 100]) + hints.margin_m
    bottom = float(hints.ground.height_m(center_xy[None])[0]) if hints.ground is not None else float(z.min())
    height = top - bottom
    sigma_bottom = GROUND_SIGMA_M if hints.ground is not None else HEIGHT_SIGMA_M
    sigma = math.hypot(HEIGHT_SIGMA_M, sigma_bottom, height / math.sqrt(len(z)))
    if hints.prior is not None:
        _, _, expected = hints.prior.median_m
        least, most = hints.prior.low_m[2], hints.prior.high_m[2]
        if not 0.85 * least <= height <= 1.15 * most:
            flags.add("height_from_prior")
            height, sigma = (expected if height < least else most), math.hypot(sigma, hints.prior.sigma_m[2], SIZE_NOISE_M)
            if hints.ground is None:  # the top is what a sensor sees of a half hidden object
                bottom = top - height
    return bottom, max(height, 0.05), math.hypot(sigma_bottom, sigma / 2), sigma


def _after_click(sigmas: list[float], sigma_yaw: float, n: int, cost: float, hints: CheckedHints, flags: set[str]) -> tuple[float, Float64s]:
    """Sigma of the heading, and (6,) along, across, of z, length, width and height, with what a click adds: it may pick the wrong points."""
    own: Float64s = np.array(sigmas)
    if not hints.is_clicked:
        return sigma_yaw, own
    scale = click_scale(n, cost, hints)
    if hints.yaw is None and not hints.is_yaw_from_motion and is_turn_doubtful(n, cost):
        flags.add("yaw_ambiguous_90")
    own = scale[:6] * own
    if not hints.is_margin_told:
        face, height = UNTOLD_FACE_M, math.hypot(UNTOLD_FACE_M, UNTOLD_BOTTOM_M)
        own = np.hypot(own, [face, face, height / 2, math.sqrt(2) * face, math.sqrt(2) * face, height])
    return sigma_yaw * float(scale[6]), own


def _yaw_sigma(extent: Float64s, n: int, hints: CheckedHints) -> float:
    """Of the heading, given that the sides are not swapped."""
    span = max(float(extent[1] - extent[0]), float(extent[3] - extent[2]), 0.1)
    from_points = math.hypot(YAW_SIGMA_RAD, FACE_SIGMA_M / span * math.sqrt(12 / n))
    return from_points if not math.isfinite(hints.yaw_sigma) else 1 / math.hypot(1 / from_points, 1 / hints.yaw_sigma)


def _told_yaw_sigma(sigma: float, hints: CheckedHints, flags: set[str]) -> float:
    """What a user is told: the points alone never tell the heading of some classes, and a swap of the sides counts."""
    if hints.is_yaw_from_motion and hints.yaw is None:
        return math.nan
    if math.isfinite(hints.yaw_sigma):
        sigma = min(sigma, hints.yaw_sigma)
    if "yaw_ambiguous_90" not in flags:
        return sigma
    return TURNED_SIGMA_RAD if not math.isfinite(hints.yaw_sigma) else 1 / math.hypot(1 / TURNED_SIGMA_RAD, 1 / hints.yaw_sigma)
