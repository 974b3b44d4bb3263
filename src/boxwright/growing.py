"""Which points of a sweep belong to an object: those that hang together with a click, those around a rough cuboid; and what its surroundings tell."""

from __future__ import annotations

import math

import numpy as np

from .arrays import Bools, Float64s, Floats, Int64s
from .cuboids import Cuboid
from .errors import GeometryError
from .fit_hints import FACE_MARGIN_M, CheckedHints, Surroundings
from .kernels import growing as kernels
from .taxonomy import SizePrior
from .terrain import Ground

__all__ = ["Clicked", "around_rough", "picked", "surroundings"]

CLICK_REACH_M = 1.0
SEED_REACH_M, SEED_REACH_LENGTHS = 0.8, 0.35  # how far from the click, in metres or lengths of its class, an object's point above ground may be
LOWEST_M = 0.2  # points closer to the ground than this belong to it
WINDOW_LENGTHS = 1.35
REACH_FACTORS = (1.0, 0.7, 1.5, 0.5, 2.0)  # steps tried, times what the range asks for: shorter where two objects touch, longer in pieces
FEW_GROWN = 12  # a piece smaller than this is grown with longer steps
ANY_SIZE = SizePrior((2.0, 2.0, 2.0), (0.2, 0.2, 0.2), (6.0, 3.0, 3.0))

INSIDE_M, AROUND_M, STEP_M = 0.1, 0.4, 0.3  # what counts as inside of a rough cuboid; how far around it its object is looked for, in what steps
LOOSEST, SPARE = 0.4, 0.01  # of its least side, by how much a rough cuboid may be too large; share of points that may lie beyond the object
SEEN_FULLY = 0.3  # sine between the line of sight and a face, from where on its far end is believed

ALIGNED_M, OWN_LENGTHS = 20.0, 0.5  # how far around a click things tell which way vehicles stand; how near they may be its own points
ALIGNED_HEIGHTS_M = (0.3, 2.5)
CELL_M, PAIR_M = 0.3, (0.8, 3.0)  # cells whose pairs, so far apart, vote for a direction
MOST_CELLS = 1500
ALIGNED_SHARE, ALIGNED_VOTES = 0.8, 50.0  # of vehicles stand along what is around them, given many votes; half of that given so few


class Clicked:
    """The points around a click that may belong to its object.

    index : (n,) int64 into the sweep
    local : (n, 3) float64, their coordinates
    seed : which of them the click means
    reach_m : a step from point to point, at this range
    """

    __slots__ = ("index", "local", "reach_m", "seed")

    def __init__(self, index: Int64s, local: Float64s, seed: int, reach_m: float) -> None:
        self.index, self.local, self.seed, self.reach_m = index, local, seed, reach_m

    def grown(self, factor: float) -> Bools:
        """(n,) bool of the points that hang together with the seed, in steps of reach_m times a factor; longer ones where few do."""
        member, reach = np.zeros(len(self.local), np.bool_), self.reach_m * factor
        while kernels.grow(self.local, self.seed, reach, member) < FEW_GROWN and reach < 2.0:
            reach *= 1.3
        return member


def picked(xyz: Floats, click: Float64s, ground: Ground, hints: CheckedHints, category: str) -> Clicked:
    """What may belong to the object under a click; GeometryError where that is nothing."""
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
    index = _window(xyz, seed_m[:2], WINDOW_LENGTHS * prior.median_m[0], ground, low, prior.high_m[2] + 0.3)
    local = np.asarray(xyz[index], np.float64)
    gap = np.hypot(*(local - seed_m)[:, :2].T) if len(index) else np.array([math.inf])
    seed_reach = max(SEED_REACH_M, SEED_REACH_LENGTHS * prior.median_m[0])
    if gap.min() > seed_reach:
        raise GeometryError(
            f"only ground lies at the click: no point within {seed_reach:.2g} m stands {low:.2f} m or more above it",
            field="click_m",
            hint=f"click on the {category} itself, or name another class",
        )
    seed = int(np.argmin(((local - seed_m) ** 2).sum(1))) if has_z else int(np.argmin(gap))
    reach = float(np.clip(0.012 * np.hypot(*(seed_m[:2] - hints.sensor_m)) + 0.25, 0.35, 1.2))
    return Clicked(index, local, seed, reach)


def _window(xyz: Floats, center: Float64s, radius: float, ground: Ground, low: float, high: float) -> Int64s:
    """The points within a radius, from low to high above ground."""
    index, above = np.empty(len(xyz), np.int64), np.empty(len(xyz))
    x0, y0 = (float(v) for v in ground.origin_m)
    n = kernels.window(xyz, float(center[0]), float(center[1]), radius, ground.nodes_m, x0, y0, ground.spacing_m, low, high, index, above)
    return index[:n]


# ---------------------------------------------------------------- what is around it
def surroundings(xyz: Floats, place: Float64s, ground: Ground, hints: CheckedHints) -> Surroundings:
    """What the rest of a sweep tells of the object at a place: which way things around it run, and where the sensor saw past it."""
    length = (hints.prior or ANY_SIZE).median_m[0]
    index = np.empty(len(xyz), np.int64)
    n = kernels.sector(xyz, float(hints.sensor_m[0]), float(hints.sensor_m[1]), float(place[0]), float(place[1]), length, index)
    ends = np.asarray(xyz[index[:n]], np.float64)
    if hints.yaw is not None:
        return Surroundings(np.zeros(kernels.N_HEADINGS), ends)
    return Surroundings(_alignment(xyz, place, ground, OWN_LENGTHS * length), ends)


def _alignment(xyz: Floats, place: Float64s, ground: Ground, own_m: float) -> Float64s:
    """(60,) minus the logarithm of how likely headings are, over that of chance: vehicles stand along walls, kerbs, lanes and each other.

    Pairs of cells around the place vote for the direction from one to the other, as in a Hough transform; the object's own are left out.
    """
    index, votes = _window(xyz, place[:2], ALIGNED_M, ground, *ALIGNED_HEIGHTS_M), np.empty(kernels.N_HEADINGS)
    kernels.directions(xyz, index, float(place[0]), float(place[1]), own_m, ALIGNED_M, CELL_M, *PAIR_M, MOST_CELLS, votes)
    total = float(votes.sum())
    smooth = sum(weight * np.roll(votes, k) for k, weight in ((-2, 1), (-1, 2), (0, 3), (1, 2), (2, 1))) / 9
    share = ALIGNED_SHARE * total / (total + ALIGNED_VOTES)
    costs: Float64s = -np.log(1 - share + share * smooth / max(total, 1.0) * len(votes))
    return costs


# ---------------------------------------------------------------- a rough cuboid
def around_rough(xyz: Floats, rough: Cuboid, ground: Ground, sensor_m: Float64s) -> tuple[Int64s, float]:
    """The points above ground of a rough cuboid's object, and by how much that cuboid is too large.

    They are those inside, and those around that hang together with them, for the object may reach out of it: the less far, the looser it is.
    """
    half = rough.size_m / 2
    low = min(LOWEST_M, 0.3 * half[2])
    index = _window(xyz, rough.center_m[:2], math.hypot(*(half[:2] + AROUND_M)), ground, low, math.inf)
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
