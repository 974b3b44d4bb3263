"""What the points of a frame tell of its cuboids: how many are inside, cut off, beyond a face, and whether beams go where the object should be.

An object that moves was seen a moment before or after the frame's stamp; labels are drawn for either. Both are tried: its points as they lie, and
each taken to the stamp by the object's own motion. Where the cuboid holds its points better counts, so that what is said of a box does not depend
on that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..containment import PointHits, points_in_cuboids
from ..cuboids import Cuboids
from ..kernels import occlusion, segmentation
from .context import Context, Frame

__all__ = ["FACES", "Evidence", "beams_through", "evidence_of", "misfit_m", "stands_on_ground"]

FACES = ("front", "rear", "left", "right", "top")
SHELL_M, NOISE_M = 0.3, 0.07  # beyond a face, points still may be the object's; so near to it, ranging noise may have put them
ABOVE_M, ABOVE_SHARE = 0.2, 0.25  # lower points may be the ground's; of low things a share of the height
SPARE = 0.02  # of an object's points may lie beyond where it is said to end
FEWEST = 20  # points above ground, for what they say of faces
SLOWEST_MPS, NEAR_M = 1.0, 0.05  # what is slower, or seen so near to where it was at the stamp, has one place
MOST_REACH_M = 0.3  # how far away from where it was at the stamp a thing may have been seen for its absence to be told
INNER = 0.7  # of a cuboid's extents: beams through its rim may pass by
BEHIND_M = 0.5
BOTTOM = np.array([(0, 0, -1), (1, 1, -1), (1, -1, -1), (-1, 1, -1), (-1, -1, -1)], np.float64)
UNGROUNDED = {"sign", "other"}  # may hang or be anything


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the points of a frame tell of its M cuboids.

    cuboids : M, in the frame of the points, at the stamp
    reach_m : (M,) how far it moves in the time that the sweep takes, as far as the sweep tells times
    late_s : (M,) how much later than the stamp the points of what moves were seen, where the cuboid is drawn for the stamp; else 0
    n_inside : (M,) int64 points inside; n_above : those of them above ground
    n_beyond : (M, 5) int64 points above ground that lie 0.07 to 0.3 m beyond each of FACES, and in no other cuboid
    gap_m : (M, 5) from each face inwards to the outermost of the points above ground; NaN for faces turned away from the sensor, and with few points
    height_m : (M,) of the bottom over ground; NaN without ground
    range_m : (M,) from the sensor, seen from above
    n_through : (M,) int64 beams that go through the inner part and meet something behind; 0 where points above ground are inside, or it moves fast
    is_claimed : (N,) bool of the points: in a cuboid or within 0.3 m of it, whatever it moves by
    """

    cuboids: Cuboids
    reach_m: Float64s
    late_s: Float64s
    n_inside: Int64s
    n_above: Int64s
    n_beyond: Int64s
    gap_m: Float64s
    height_m: Float64s
    range_m: Float64s
    n_through: Int64s
    is_claimed: Bools

    @property
    def is_still(self) -> Bools:
        """(M,) bool: its points and its cuboid are of one moment, as good as."""
        return np.asarray(self.reach_m < MOST_REACH_M)

    @property
    def sliced_share(self) -> Float64s:
        """(M,) of the points above ground in and near the cuboid, how many lie beyond its faces; NaN with few."""
        beyond = self.n_beyond.sum(1)
        n = self.n_above + beyond
        return np.where(n >= FEWEST, beyond / np.maximum(n, 1), np.nan)


def evidence_of(context: Context, frame: Frame) -> Evidence | None:
    """Of all cuboids of a frame, made once for all rules; None in a frame without points or labels."""
    kept = context.kept.get("evidence")
    if kept is None or kept[0] != frame.index:
        found = _look(context, frame) if len(frame.cuboids) and len(frame.points) else None
        kept = context.kept["evidence"] = (frame.index, found)
    result: Evidence | None = kept[1]
    return result


def stands_on_ground(name: str) -> bool:
    """Whether things of a class touch the ground."""
    return name not in UNGROUNDED


def _look(context: Context, frame: Frame) -> Evidence:
    cuboids, velocity = frame.cuboids, _velocities(context, frame)
    longest = 0.0 if frame.late_s is None else float(np.abs(frame.late_s).max(initial=0.0))
    reach = np.linalg.norm(velocity, axis=1) * longest
    moved = np.flatnonzero(reach > NEAR_M)
    every = np.arange(len(cuboids))
    whose, zero = np.concatenate([every, moved]), np.zeros_like(velocity)
    found = _measured(frame, cuboids[whose], whose, np.concatenate([zero, velocity[moved]]), longest)
    score = found.n_above - found.n_beyond.sum(1)
    choice, later = every.copy(), len(cuboids) + np.arange(len(moved))
    choice[moved] = np.where(score[later] > score[moved], later, moved)
    n_inside = found.n_inside[choice]
    origin = context.scene.lidar_origins_m(frame.name).mean(0)
    gap = np.where(_faces_towards(cuboids, origin), found.gap_m[choice], np.nan)
    through = np.zeros(len(cuboids), np.int64)
    empty = np.flatnonzero((found.n_above[choice] == 0) & (reach < MOST_REACH_M))
    if len(empty):
        through[empty] = beams_through(context, frame, cuboids[empty].replace(size_m=cuboids.size_m[empty] * INNER))
    range_m = np.hypot(*(cuboids.center_m - origin)[:, :2].T)
    above, beyond = found.n_above[choice], found.n_beyond[choice]
    return Evidence(cuboids, reach, found.late_s[choice], n_inside, above, beyond, gap, _heights(frame, cuboids), range_m, through, found.is_claimed)


def _velocities(context: Context, frame: Frame) -> Float64s:
    """(M, 3) metres per second over the ground, along the axes of the points' frame; relative to the vehicle where its own motion is not known."""
    if "velocity" not in context.kept:
        context.kept["velocity"] = _row_velocities(context)
    own: Float64s = context.kept["velocity"][frame.rows]
    rows = context.rows
    if rows.frame == frame.name:
        return own
    turn: Float64s = frame.scene.transform(frame.name, rows.frame, frame.time_ns).rotate(own)
    return turn


def _row_velocities(context: Context) -> Float64s:
    """(K, 3) of all rows: from the frame before to the one after, from one of them where there is no other."""
    rows = context.rows
    velocity = np.zeros((len(rows), 3))
    if not len(rows) or not context.scene.has_time:
        return velocity
    index = np.arange(len(rows))
    is_next = (np.diff(rows.track, append=-1) == 0) & (np.diff(rows.index, append=-9) == 1)
    after = index + is_next
    before = index - np.roll(is_next, 1) if len(rows) > 1 else index
    seconds = rows.time_s[after] - rows.time_s[before]
    way = rows.cuboids.center_m[after] - rows.cuboids.center_m[before]
    np.divide(way, seconds[:, None], out=velocity, where=seconds[:, None] > 0)
    velocity[np.linalg.norm(velocity, axis=1) < SLOWEST_MPS] = 0.0
    return velocity


@dataclass(frozen=True, eq=False)
class _Measured:
    """Of (M,) cuboids, as in Evidence."""

    n_inside: Int64s
    n_above: Int64s
    n_beyond: Int64s
    gap_m: Float64s
    late_s: Float64s
    is_claimed: Bools


def _measured(frame: Frame, cuboids: Cuboids, whose: Int64s, velocity_mps: Float64s, longest_s: float) -> _Measured:
    """Points in and around cuboids, each taken to the stamp by a velocity (M, 3); `whose` (M,) is which object each cuboid is of."""
    m, speed = len(cuboids), np.linalg.norm(velocity_mps, axis=1)
    room = cuboids.size_m + 2 * SHELL_M + 2 * longest_s * np.abs(np.einsum("mi,mij->mj", velocity_mps, cuboids.rotation))
    around = points_in_cuboids(frame.points, cuboids.replace(size_m=room))
    which = np.repeat(np.arange(m), around.counts)
    local = np.empty((len(which), 3))
    segmentation.places(frame.points, around.offsets, around.point_index, cuboids.center_m, cuboids.rotation, local)
    late = np.zeros(len(which))
    if frame.late_s is not None and speed.any():
        late = np.where(speed[which] > 0, frame.late_s[around.point_index], 0.0)
        local -= late[:, None] * np.einsum("mi,mij->mj", velocity_mps, cuboids.rotation)[which]
    half = cuboids.size_m[which] / 2
    out = np.column_stack([local[:, 0], -local[:, 0], local[:, 1], -local[:, 1], local[:, 2]]) - half[:, [0, 0, 1, 1, 2]]
    is_inside = (out <= 0).all(1) & (local[:, 2] >= -half[:, 2])
    is_above = _is_above(frame, cuboids, around, which, local, half)
    own_object = np.full(len(frame.points), -1)
    own_object[around.point_index[is_inside]] = whose[which[is_inside]]
    holder = own_object[around.point_index]
    is_free = (holder < 0) | (holder == whose[which])
    is_beyond = (out > NOISE_M).any(1) & is_above & is_free & (out <= SHELL_M).all(1) & (local[:, 2] > -half[:, 2])
    beyond = np.bincount(which[is_beyond] * 5 + np.argmax(out[is_beyond], axis=1), minlength=5 * m).reshape(m, 5)
    inside = is_inside & is_above
    n_inside = np.bincount(which[is_inside], minlength=m)
    late_s = np.bincount(which[is_inside], late[is_inside], minlength=m) / np.maximum(n_inside, 1)
    is_claimed = np.zeros(len(frame.points), np.bool_)
    is_claimed[around.point_index] = True
    return _Measured(n_inside, np.bincount(which[inside], minlength=m), beyond, _gaps(which[inside], -out[inside], m), late_s, is_claimed)


def misfit_m(context: Context, frame: Frame, cuboids: Cuboids) -> Float64s:
    """(M,) how far the sides are from the outermost points above ground near them, all four together; NaN with few points.

    Points beyond count at every side, points that end before it only where the sensor sees that side.

    M cuboids for one object, against the same points: those in or within 0.3 m of any of them, as they lie.
    """
    around = points_in_cuboids(frame.points, cuboids.replace(size_m=cuboids.size_m + 2 * SHELL_M))
    xyz = np.asarray(frame.points[np.unique(around.point_index)], np.float64)
    lowest = (cuboids.center_m[:, 2] - cuboids.size_m[:, 2] / 2).min()
    above = xyz[:, 2] - lowest if frame.ground is None else frame.ground.above_m(xyz)
    xyz = xyz[above > ABOVE_M]
    towards = _faces_towards(cuboids, context.scene.lidar_origins_m(frame.name).mean(0))[:, :4]
    if len(xyz) < FEWEST:
        return np.full(len(cuboids), np.nan)
    local = np.einsum("mnj,mji->mni", xyz - cuboids.center_m[:, None], cuboids.rotation)[:, :, :2]
    odd = int(SPARE * len(xyz))
    high, low = np.partition(local, len(xyz) - 1 - odd, axis=1)[:, len(xyz) - 1 - odd], np.partition(local, odd, axis=1)[:, odd]
    half = cuboids.size_m[:, :2] / 2
    off = np.stack([high - half, -low - half], axis=2).reshape(-1, 4)
    return np.asarray(np.where(towards, np.abs(off), np.maximum(off, 0.0)).sum(1))


def _is_above(frame: Frame, cuboids: Cuboids, hits: PointHits, which: Int64s, local: Float64s, half: Float64s) -> Bools:
    """(K,) bool of the hits that are not the ground's: so high over it, or over the bottom where no ground is known."""
    least = np.minimum(ABOVE_M, ABOVE_SHARE * cuboids.size_m[:, 2])[which]
    above = local[:, 2] + half[:, 2] if frame.ground is None else frame.ground.above_m(frame.points[hits.point_index])
    return np.asarray(above > least)


def _gaps(which: Int64s, depth: Float64s, m: int) -> Float64s:
    """(M, 5) how deep below each face the outermost points lie, a few odd ones aside; NaN with few points.

    which (K,) cuboid of each point, not decreasing; depth (K, 5) below each face
    """
    gaps = np.full((m, 5), np.nan)
    begins = np.searchsorted(which, np.arange(m + 1))
    for k in np.flatnonzero(np.diff(begins) >= FEWEST).tolist():
        own = depth[begins[k] : begins[k + 1]]
        odd = int(SPARE * len(own))
        gaps[k] = np.partition(own, odd, axis=0)[odd]
    return gaps


def _faces_towards(cuboids: Cuboids, origin_m: Float64s) -> Bools:
    """(M, 5) bool: the sensor is on the outer side of a face; of the top it need not be."""
    local = np.einsum("mi,mij->mj", origin_m - cuboids.center_m, cuboids.rotation)
    half = cuboids.size_m / 2
    sides = [local[:, 0] > half[:, 0], -local[:, 0] > half[:, 0], local[:, 1] > half[:, 1], -local[:, 1] > half[:, 1]]
    return np.column_stack([*sides, np.ones(len(cuboids), np.bool_)])


def _heights(frame: Frame, cuboids: Cuboids) -> Float64s:
    """(M,) of the middle of the bottom and its corners, the median: a slope or a kerb lifts some of them."""
    if frame.ground is None:
        return np.full(len(cuboids), np.nan)
    places = np.einsum("mij,mkj->mki", cuboids.rotation, cuboids.size_m[:, None] / 2 * BOTTOM) + cuboids.center_m[:, None]
    height = frame.ground.above_m(places.reshape(-1, 3)).reshape(-1, len(BOTTOM))
    middle: Float64s = np.median(height, axis=1)
    return middle


def beams_through(context: Context, frame: Frame, cuboids: Cuboids) -> Int64s:
    """(M,) beams that go through cuboids and meet something half a metre behind or farther."""
    rows = np.ascontiguousarray(np.concatenate([cuboids.center_m, cuboids.size_m / 2, cuboids.rotation.reshape(-1, 9)], axis=1))
    total, counts, begin = np.zeros(len(cuboids), np.int64), np.zeros(len(cuboids), np.int64), 0
    scene = context.scene
    for sensor, sweep in frame.sweeps.items():
        pose = scene.transform(frame.name, sensor, frame.time_ns)
        origin = np.ascontiguousarray(pose.apply(np.array(scene.lidar(sensor).origins_m, np.float64)).mean(0))
        occlusion.beams_through(frame.points[begin : begin + len(sweep)], origin, rows, BEHIND_M, counts)
        total += counts
        begin += len(sweep)
    return total
