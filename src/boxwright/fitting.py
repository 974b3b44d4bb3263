"""A cuboid around the points an annotator picked: from the object's points, from one click, from a rough cuboid.

Steps: local ground, growing the object from the click, headings tried by how well the points lie on the faces the sensor can see and how well the
extents agree with the class, extents of the outermost points, and the class's size where a side was not seen, kept at the near corner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np

from .arrays import Bools, Float64s, Floats, Int64s, as_points, frozen
from .cuboids import Cuboid, Cuboids
from .errors import GeometryError
from .fit_hints import FACE_MARGIN_M, CheckedHints, Hints, checked_click, checked_cuboid, checked_ground, checked_hints
from .kernels import fitting as kernels
from .points import Sweep
from .taxonomy import SizePrior
from .terrain import Ground, ground as find_ground

__all__ = ["Fit", "Sigma", "fit_at", "fit_cuboid", "refit"]

CLICK_REACH_M = 1.0
SEED_REACH_M = 0.8
LOWEST_M = 0.2  # points closer to the ground than this belong to it
REACH_FACTORS = (1.0, 0.7, 1.5)  # steps tried, times what the range asks for: shorter where two objects touch, longer where one is in pieces
FEW_GROWN = 12  # a piece smaller than this is grown with longer steps
EXCESS_WEIGHT, COUNT_WEIGHT = 0.003, 0.05  # what a cluster too large for its class loses, what one more point (in logarithms) gains
ANY_SIZE = SizePrior((2.0, 2.0, 2.0), (0.2, 0.2, 0.2), (6.0, 3.0, 3.0))
INSIDE_M, AROUND_M, STEP_M = 0.1, 0.4, 0.3  # what counts as inside of a rough cuboid; how far around it its object is looked for, in what steps
LOOSEST, SPARE = 0.4, 0.01  # of its least side, by how much a rough cuboid may be too large; share of points that may lie beyond the object
FEWEST = 5  # points below which a fit is flagged
SEARCHED = 256  # points that headings are tried on
TUNING = np.array([0.2, 60.0, 1.5, 0.01, 0.004, 0.06])  # see kernels.fitting.search
SEEN_FROM, SEEN_FULLY = 0.1, 0.3  # sine between the line of sight and a face, from where on its far end is believed
SHORT_FROM, SHORT_FULLY = 0.75, 1.0  # extents, in least sizes of the class, from where on they are believed
SIZE_NOISE_M = 0.12  # what points and labels add to the spread of a class's sizes
TOP_SEEN_M = 0.1  # a sensor this far above a cuboid's top sees it
# What a standard deviation is made of; the errors are those against a person's label or a simulated truth, whose faces do not lie on the points.
FACE_SIGMA_M = 0.13  # of one face where points lie on it: roundings, mirrors, how tightly people draw
HEIGHT_SIGMA_M = 0.13  # of the top, and of a bottom that is not the ground's
GROUND_SIGMA_M = 0.06
YAW_SIGMA_RAD = 0.04  # sides of cars are not straight
UNSEEN_SHARE = 0.5  # of what an extent lacks of its class's size, how much may be an end that no point fell on


@dataclass(frozen=True, eq=False)
class Sigma:
    """Standard deviations of a fit: center_m (3,) along the axes of the frame, size_m (3,), yaw_rad; NaN where the points do not tell.

    Measured by benchmarks/accuracy_fitting.py against people's labels of 122 vehicles in four recordings, which the constants were chosen on too: of
    each of x, y, z, length, width, height and yaw, after a click with at least 50 points, 71 to 88 % lie within one sigma, 89 to 99 % within two.
    Over all, fewer points included, 83 % of x and y lie within two.

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
        return f"Fit({self.cuboid!r}, {len(self.point_index)} points, flags={{{', '.join(sorted(self.flags))}}})"


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
        face_margin_m : how far faces stand off the outermost points in your project's labels; 0.05 by default

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
    index, local, seed, reach = _pick(xyz, click, ground, checked, category)
    return _best_grown(xyz, index, local, seed, reach, checked)


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
    index, loose_m = _around(xyz, rough, ground, checked.sensor_m)
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


# ---------------------------------------------------------------- which points
def _pick(xyz: Floats, click: Float64s, ground: Ground, hints: CheckedHints, category: str) -> tuple[Int64s, Float64s, int, float]:
    """Points around the click that may belong to the object (index, float64 coordinates), the seed among them, and the step at its range."""
    has_z = len(click) == 3
    at, distance = kernels.nearest(xyz, click[0], click[1], click[2] if has_z else 0.0, has_z)
    if distance > CLICK_REACH_M:
        place = ", ".join(f"{v:.2f}" for v in click)
        near = "no finite point at all" if at < 0 else f"the nearest is {distance:.2f} m away"
        raise GeometryError(
            expected=f"a click within {CLICK_REACH_M:g} m of a point", got=f"({place}): {near}", field="click_m", hint="click on the object's points"
        )
    prior = hints.prior or ANY_SIZE
    low = min(LOWEST_M, 0.15 * prior.median_m[2])
    seed_m = np.asarray(xyz[at], np.float64)
    index, _ = _window(xyz, seed_m[:2], 1.35 * prior.median_m[0], ground, low, prior.high_m[2] + 0.3)
    local = np.asarray(xyz[index], np.float64)
    gap = np.hypot(*(local - seed_m)[:, :2].T) if len(index) else np.array([math.inf])
    if gap.min() > SEED_REACH_M:
        raise GeometryError(
            f"only ground lies at the click: no point within {SEED_REACH_M:g} m stands {low:.2f} m or more above it",
            field="click_m",
            hint=f"click on the {category} itself, or name another class",
        )
    seed = int(np.argmin(((local - seed_m) ** 2).sum(1))) if has_z else int(np.argmin(gap))
    reach = float(np.clip(0.012 * np.hypot(*(seed_m[:2] - hints.sensor_m)) + 0.25, 0.35, 1.2))
    return index, local, seed, reach


def _best_grown(xyz: Floats, index: Int64s, local: Float64s, seed: int, reach: float, hints: CheckedHints) -> Fit:
    """Grown with shorter and longer steps; the fit whose cuboid holds its own points and no others, and is not too large for its class."""
    best: Fit | None = None
    best_score, tried = -math.inf, set()
    for factor in REACH_FACTORS:
        member = _grown(local, seed, factor * reach)
        count = int(member.sum())
        if count >= 3 and count not in tried:
            tried.add(count)
            fit, excess = _fit(xyz, index[member], hints)
            score = _agreement(local, member, fit) - EXCESS_WEIGHT * excess + COUNT_WEIGHT * math.log(count)
            if score > best_score:
                best, best_score = fit, score
    if best is None:
        raise GeometryError(expected="at least 3 points that hang together at the click", got="fewer", field="click_m", hint="fit it with fit_cuboid")
    return best


def _grown(local: Float64s, seed: int, reach: float) -> Bools:
    """(n,) bool of the points that hang together with the seed; with longer steps where few do."""
    member = np.zeros(len(local), np.bool_)
    while kernels.grow(local, seed, reach, member) < FEW_GROWN and reach < 2.0:
        reach *= 1.3
    return member


def _agreement(local: Float64s, member: Bools, fit: Fit) -> float:
    """Of the points in a cluster or in its cuboid, the share that is in both."""
    turned = (local - fit.cuboid.center_m) @ fit.cuboid.as_cuboids().rotation[0]
    inside = (np.abs(turned[:, :2]) <= fit.cuboid.size_m[:2] / 2 + 0.15).all(1)
    return float((member & inside).sum() / (member | inside).sum())


def _around(xyz: Floats, rough: Cuboid, ground: Ground, sensor_m: Float64s) -> tuple[Int64s, float]:
    """The points above ground of a rough cuboid's object, and by how much that cuboid is too large.

    They are those inside, and those around that hang together with them, for the object may reach out of it: the less far, the looser it is.
    """
    half = rough.size_m / 2
    low = min(LOWEST_M, 0.3 * half[2])
    index, _ = _window(xyz, rough.center_m[:2], math.hypot(*(half[:2] + AROUND_M)), ground, low, math.inf)
    place = np.asarray(xyz[index], np.float64)
    local = (place - rough.center_m) @ rough.as_cuboids().rotation[0]
    beyond = np.abs(local) - half
    core = (beyond <= [INSIDE_M, INSIDE_M, 0.3]).all(1)
    if core.sum() < 3:
        hint = "is it in the frame of the points? Draw it over points, or keep it as it is: there is nothing to fit it to"
        raise GeometryError(expected="at least 3 points above ground in the rough cuboid", got=f"{core.sum()}", field="rough_cuboid", hint=hint)
    loose_m = _looseness(local[core], place[core, 2] - ground.height_m(rough.center_m[None])[0], rough, sensor_m)
    near = (beyond <= [*np.full(2, max(INSIDE_M, AROUND_M - loose_m)), 0.3]).all(1)
    rim = np.flatnonzero(near & (beyond[:, :2].max(1) > -STEP_M))  # all that one step can lead out from, and what it leads to
    place, waiting, grown = place[rim], core[rim], np.zeros(len(rim), np.bool_)
    while waiting.any() and not core[rim].all():
        kernels.grow(place, int(np.argmax(waiting)), STEP_M, grown)
        core[rim] |= grown
        waiting &= ~grown
    return np.sort(index[core]), loose_m


def _looseness(local: Float64s, above: Float64s, rough: Cuboid, sensor_m: Float64s) -> float:
    """By how much a rough size exceeds the points inside: the middle one (of two, the less) of the axes whose two ends the sensor can see.

    People draw about as loosely along all axes.
    """
    low, high = np.quantile(local, [SPARE, 1 - SPARE], axis=0)
    extent = high - low + 2 * FACE_MARGIN_M
    extent[2] = np.quantile(above, 1 - SPARE) + FACE_MARGIN_M
    sensor = np.abs((sensor_m - rough.center_m[:2]) @ rough.as_cuboids().rotation[0][:2, :2])
    is_told = (sensor > rough.size_m[:2] / 2) & (sensor > SEEN_FULLY * np.hypot(*sensor))
    excess = np.sort((rough.size_m - extent)[[is_told[1], is_told[0], True]])
    return float(np.clip(excess[(len(excess) - 1) // 2], 0.0, LOOSEST * rough.size_m.min()))


def _window(xyz: Floats, center: Float64s, radius: float, ground: Ground, low: float, high: float) -> tuple[Int64s, Float64s]:
    index, above = np.empty(len(xyz), np.int64), np.empty(len(xyz))
    x0, y0 = (float(v) for v in ground.origin_m)
    n = kernels.window(xyz, float(center[0]), float(center[1]), radius, ground.nodes_m, x0, y0, ground.spacing_m, low, high, index, above)
    return index[:n], above[:n]


# ---------------------------------------------------------------- which cuboid
def _fit(xyz: Floats, index: Int64s, hints: CheckedHints) -> tuple[Fit, float]:
    """The cuboid of the points at `index`, and what being too large for its class costs."""
    if len(index) < 3:
        hint = "pass all points of the object; where there are fewer, draw the cuboid by hand"
        raise GeometryError(expected="at least 3 finite points to fit a cuboid", got=f"{len(index)}", field="points", hint=hint)
    origin = np.asarray(xyz[index[0]], np.float64)
    local = np.asarray(xyz[index], np.float64) - origin
    flags = {"too_few_points"} if len(index) < FEWEST else set()
    yaw, extent, excess = _heading(local, hints, origin, flags)
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
    sigma_xy = [math.hypot(c * sigma_u, s * sigma_v), math.hypot(s * sigma_u, c * sigma_v)]
    cuboid = Cuboids([[*center_xy, bottom + height / 2]], [[length, width, height]], [yaw], frame=hints.frame)[0]
    sigma = Sigma(frozen(np.array([*sigma_xy, sigma_z])), frozen(np.array([sigma_l, sigma_w, sigma_h])), _told_yaw_sigma(sigma_yaw, hints, flags))
    return Fit(cuboid, sigma, tuple(faces), frozenset(flags), np.sort(index)), excess


def _heading(local: Float64s, hints: CheckedHints, origin: Float64s, flags: set[str]) -> tuple[float, Float64s, float]:
    """Yaw, the trimmed extents (low u, high u, low v, high v) along and across it, and what their excess over the class's size costs."""
    sensor = hints.sensor_m - origin[:2]
    expected, spread = (
        (np.array(hints.prior.median_m[:2]), np.hypot(hints.prior.sigma_m[:2], SIZE_NOISE_M)) if hints.prior else (np.ones(2), np.full(2, 1e9))
    )
    result = np.empty(8)
    yaw = 0.0 if hints.yaw is None else hints.yaw
    xy = np.ascontiguousarray(local[:, :2])
    few = xy if len(xy) <= SEARCHED else xy[np.lexsort(xy.T)[:: -(-len(xy) // SEARCHED)]]
    kernels.search(few, xy, float(sensor[0]), float(sensor[1]), expected, spread, yaw, hints.yaw_sigma, TUNING, result)
    if result[6] - result[5] < 1.0:
        flags.add("yaw_ambiguous_90")
    if hints.is_yaw_from_motion:
        flags.add("yaw_from_motion")
    return float(result[0]), result[1:5], float(result[7])


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
    runs_along = not other_low <= sensor[1 - axis] <= other_high
    seen_along = abs(float(away[1 - axis])) / (float(np.hypot(*away)) + 1e-9) if runs_along else 0.0
    near = -1 if sensor[axis] < low else 1 if sensor[axis] > high else 0
    size = high - low
    lever = min(sigma_yaw, 0.3) * (other_high - other_low) / 2
    face = math.hypot(FACE_SIGMA_M, lever)
    sigma = math.hypot(math.sqrt(2) * face, size / math.sqrt(n))
    if hints.prior is not None:
        expected, least, most = hints.prior.median_m[axis], hints.prior.low_m[axis], hints.prior.high_m[axis]
        trust = 0.0 if hints.is_size_drawn else _ramp(seen_along, SEEN_FROM, SEEN_FULLY) * _ramp(size / least, SHORT_FROM, SHORT_FULLY)
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


def _yaw_sigma(extent: Float64s, n: int, hints: CheckedHints) -> float:
    """Of the heading, given that the sides are not swapped."""
    span = max(float(extent[1] - extent[0]), float(extent[3] - extent[2]), 0.1)
    from_points = math.hypot(YAW_SIGMA_RAD, FACE_SIGMA_M / span * math.sqrt(12 / n))
    return from_points if not math.isfinite(hints.yaw_sigma) else 1 / math.hypot(1 / from_points, 1 / hints.yaw_sigma)


def _told_yaw_sigma(sigma: float, hints: CheckedHints, flags: set[str]) -> float:
    """What a user is told: the points alone never tell the heading of some classes, and a swap of the sides counts."""
    if hints.is_yaw_from_motion and hints.yaw is None:
        return math.nan
    if "yaw_ambiguous_90" not in flags:
        return sigma
    return math.pi / 4 if not math.isfinite(hints.yaw_sigma) else 1 / math.hypot(4 / math.pi, 1 / hints.yaw_sigma)
