"""When the objects of a recording were seen, how they move, and what their boxes were drawn for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .arrays import Float64s
from .containment import points_in_cuboids
from .cuboids import Cuboids
from .errors import ArgumentError, TimeError, number_of
from .moments import SeenSweep, base_frame, seen_sweep
from .motion import Motion, unmoved
from .scene import Scene
from .taxonomy import Taxonomy
from .tracks import Track, Visibility

__all__ = ["FEWEST_POINTS", "ROOM_M", "SKIN_M", "Placement", "Seen", "placement_of", "points_of_keyframes"]

ROOM_M = 0.3  # around a box, in which its object's points are looked for
SKIN_M = 0.1  # a point so far out of a box still is one that the box was drawn around
BELOW_M = 0.25  # points nearer to the bottom of a box may be the ground's
FEWEST_POINTS = 5  # in a keyframe, for it to count
PART_S = 0.02  # points of one object that come so much later were seen by themselves
FASTEST_MPS = 70.0
MARGIN_M, MARGIN_SIGMA_M = 0.05, 0.1  # what boxes stand off their points, and how far that differs from end to end
GAP_SIGMA_M = 0.12  # of one keyframe's gap between an end of its points and of its box
MOST_LOSS = 9.0  # of one track: an odd one does not outvote the others
CERTAIN = 2.7  # by so much, in -2 log likelihood, the next best explanation must be worse: one mistake in twenty


class Placement(StrEnum):
    """What the boxes of a recording were drawn for."""

    STAMP = "stamp"  # where their objects were at the stamp
    SWEEP_MIDDLE = "sweep_middle"  # where they were in the middle of a sweep that is stamped with its begin or end
    POINTS = "points"  # the points as a sweep without the vehicle's own motion shows them
    RAW_POINTS = "raw_points"  # the points as they came, in the sensor's frame at their own times


@dataclass(frozen=True, eq=False)
class Seen:
    """Points on and around the box of one keyframe, the vehicle's motion taken out, in the axes of its cuboid.

    xyz (N, 3); late_s (N,) times after the keyframe's; sensor_m (3,) where the light came from; ego_mps (3,) how the vehicle carries the box's place
    along; middle_s : of the sweep, after the keyframe's time; has_raw : the points come with the vehicle's motion in them
    """

    xyz: Float64s
    late_s: Float64s
    sensor_m: Float64s
    ego_mps: Float64s
    middle_s: float
    has_raw: bool

    def and_of(self, other: Seen) -> Seen:
        xyz, late_s = np.r_[self.xyz, other.xyz], np.r_[self.late_s, other.late_s]
        return Seen(xyz, late_s, self.sensor_m, self.ego_mps, (self.middle_s + other.middle_s) / 2, self.has_raw and other.has_raw)

    def carried(self, velocity_mps: Float64s, yaw_rate_radps: float, time_s: float) -> Float64s:
        """The points where their object's motion takes them by a time after the keyframe's; the velocity is in the axes of the cuboid."""
        return unmoved(self.xyz, self.late_s - time_s, velocity_mps, float(yaw_rate_radps))

    def moment_s(self, half: Float64s, off_m: Float64s | float = 0.0) -> float | None:
        """Mean time of the points within the box, its centre at `off_m`; None where there are too few.

        Where the sweep begins and ends on an object, or two LiDARs see it one after the other, it is the time of the larger part.
        """
        own = np.sort(self.late_s[(np.abs(self.xyz - off_m) <= half + SKIN_M).all(1)])
        part = max(np.split(own, np.flatnonzero(np.diff(own) > PART_S) + 1), key=len)
        return float(part.mean()) if len(part) >= FEWEST_POINTS else None


# ------------------------------------------------------------ points


def points_of_keyframes(
    scene: Scene, tracks: Sequence[Track], motions: Sequence[Motion], notes: dict[str, None], progress: Callable[[], Any]
) -> list[dict[int, Seen]]:
    """For each track: keyframe -> the points on and around its box. Sweeps that no pose reaches are left out, and told in `notes`."""
    seen: list[dict[int, Seen]] = [{} for _ in tracks]
    has_times, n_out_of_reach = False, 0
    for i, stamp in enumerate(scene.times_ns.tolist()):
        rows = [(t, k) for t, track in enumerate(tracks) if (k := _keyframe_at(track, stamp)) is not None]
        for lidar in scene.lidars if rows else ():
            if not scene.has_points(i, lidar):
                continue
            origin_m = tracks[rows[0][0]].cuboids.center_m[rows[0][1]]
            try:
                scene.transform(base_frame(scene), "ego", stamp)
                sweep = seen_sweep(scene, i, lidar, origin_m, deskew=True, notes=notes)
            except TimeError:
                n_out_of_reach += 1
                continue
            if not sweep.is_timed:
                continue
            has_times = True
            for (t, k), points in zip(rows, _points_of(scene, sweep, origin_m, stamp, tracks, motions, rows)):
                before = seen[t].get(k)
                seen[t][k] = points if before is None else before.and_of(points)
        progress()
    if n_out_of_reach:
        notes[f"{number_of(n_out_of_reach, 'sweep')} beyond the poses of the vehicle: keyframes there take the moments of their neighbours"] = None
    if tracks and not has_times and not n_out_of_reach:
        raise ArgumentError(
            "no sweep of the scene tells when its points were seen",
            expected="sweeps with time_offset_ns",
            field=f"scene {scene.name!r}",
            hint="read the recording from a format that keeps the time of each point",
        )
    return seen


def _keyframe_at(track: Track, stamp: int) -> int | None:
    k = int(np.searchsorted(track.times_ns, stamp))
    return k if k < len(track) and track.times_ns[k] == stamp and track.visibility[k] != Visibility.OUTSIDE else None


def _points_of(
    scene: Scene,
    sweep: SeenSweep,
    origin_m: Float64s,
    stamp: int,
    tracks: Sequence[Track],
    motions: Sequence[Motion],
    rows: list[tuple[int, int]],
) -> list[Seen]:
    """Of one sweep, for each (track, keyframe)."""
    cuboids = Cuboids.concatenate([tracks[t].cuboids[[k]] for t, k in rows])
    sensor = scene.transform(base_frame(scene), "ego", stamp).apply(scene.lidar_origins_m("ego").mean(0))
    ego_mps = _carried_along(scene, cuboids.center_m, stamp) if sweep.is_raw else np.zeros((len(rows), 3))
    reach = float(np.abs(sweep.late_s).max(initial=0.0))
    middle_s = float(sweep.late_s.min() + sweep.late_s.max()) / 2 if len(sweep.late_s) else 0.0
    turned = cuboids.rotation.transpose(0, 2, 1)
    own_mps = np.stack([motions[t].velocity_mps[k] for t, k in rows])
    speed = sum(np.abs(np.einsum("mij,mj->mi", turned, velocity)) for velocity in (own_mps, ego_mps))
    room = 2 * (ROOM_M + reach * np.minimum(speed, FASTEST_MPS))
    hits = points_in_cuboids(sweep.xyz, Cuboids(cuboids.center_m - origin_m, cuboids.size_m + room, quat_wxyz=cuboids.quat_wxyz))
    found = []
    for m in range(len(rows)):
        own = hits.indices(m)
        place = (sweep.xyz[own] - (cuboids.center_m[m] - origin_m)) @ cuboids.rotation[m]
        above = place[:, 2] > BELOW_M - cuboids.size_m[m, 2] / 2
        origin = (sensor - cuboids.center_m[m]) @ cuboids.rotation[m]
        found.append(Seen(place[above], sweep.late_s[own[above]], origin, ego_mps[m] @ cuboids.rotation[m], middle_s, sweep.is_raw))
    return found


def _carried_along(scene: Scene, center_m: Float64s, stamp: int) -> Float64s:
    """(M, 3) velocities of places fixed to the vehicle, in the base frame, at the stamp."""
    assert scene.trajectory is not None
    first, last = scene.trajectory.times_ns[[0, -1]].tolist()
    before, after = max(stamp - 20_000_000, first), min(stamp + 20_000_000, last)
    if after <= before:
        return np.zeros_like(center_m)
    still = scene.world_from_ego(stamp).inverse()
    way = (scene.world_from_ego(after) @ still).apply(center_m) - (scene.world_from_ego(before) @ still).apply(center_m)
    carried: Float64s = way / ((after - before) * 1e-9)
    return carried


# ------------------------------------------------------------ what the boxes were drawn for


def placement_of(tracks: Sequence[Track], motions: Sequence[Motion], seen: Sequence[dict[int, Seen]]) -> tuple[Placement | None, float]:
    """The explanation under which the ends of the boxes stand off those of the points most evenly, and by how much the next is worse.

    A box drawn around points keeps its end at their end, whenever they were seen; one meant for the stamp runs ahead of them or falls back, by
    the object's way between moment and stamp; one drawn around points that hold the vehicle's motion does so by the vehicle's way.
    """
    everything = [points for rows in seen for points in rows.values()]
    choices = [Placement.STAMP, Placement.POINTS]
    choices += [Placement.RAW_POINTS] * any(points.has_raw for points in everything)
    choices += [Placement.SWEEP_MIDDLE] * any(abs(points.middle_s) > PART_S for points in everything)
    losses = np.zeros(len(choices))
    for track, motion, rows in zip(tracks, motions, seen):
        category = Taxonomy.default().get(track.category)
        if category is None or (category.is_rigid and not category.is_yaw_from_motion):  # limbs reach out, and boxes hold a whole step
            loss = np.array([_unevenness(track, motion, rows, choice) for choice in choices])
            losses += np.minimum(loss - loss.min(), MOST_LOSS)
    order = np.argsort(losses)
    evidence = float(losses[order[1]] - losses[order[0]])
    return (choices[order[0]] if evidence >= CERTAIN else None), evidence


def _unevenness(track: Track, motion: Motion, seen: dict[int, Seen], placement: Placement) -> float:
    """-2 log likelihood of the gaps between the ends of the points and of the boxes; each end's own margin is a random effect."""
    gaps: dict[tuple[int, float], list[float]] = {}
    for k, points in seen.items():
        half = track.cuboids.size_m[k] / 2
        moment_s = points.moment_s(half)
        if moment_s is None:
            continue
        velocity = track.cuboids.rotation[k].T @ motion.velocity_mps[k]
        off = {
            Placement.STAMP: velocity * -moment_s,
            Placement.SWEEP_MIDDLE: velocity * (points.middle_s - moment_s),
            Placement.POINTS: 0.0,
            Placement.RAW_POINTS: points.ego_mps * -moment_s,
        }[placement]
        place = points.carried(velocity, motion.yaw_rate_radps[k], moment_s)
        across_m = half + SKIN_M + np.abs(velocity - points.ego_mps) * abs(moment_s)
        for axis in (0, 1):
            side = float(np.sign(points.sensor_m[axis]))
            others = [1 - axis, 2]
            own = place[(np.abs(place[:, others]) <= across_m[others]).all(1), axis]
            if abs(points.sensor_m[axis]) > half[axis] and len(own) >= FEWEST_POINTS:  # an end that faces the sensor
                end = float(np.quantile(side * own, 0.95)) + side * float(np.broadcast_to(off, 3)[axis])
                gaps.setdefault((axis, side), []).append(half[axis] - MARGIN_M - end)
    loss = 0.0
    for gap in map(np.array, gaps.values()):  # (A + b 11')^-1 by Sherman and Morrison
        shrink = MARGIN_SIGMA_M**2 / (1 + MARGIN_SIGMA_M**2 * len(gap) / GAP_SIGMA_M**2)
        loss += float((gap**2).sum() / GAP_SIGMA_M**2 - shrink * (gap.sum() / GAP_SIGMA_M**2) ** 2)
    return loss
