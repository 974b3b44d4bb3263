"""One click in a whole sweep whose ground is known, as a plain pipeline does it. Compared as cuboids, one a click, with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Float64s, Floats
from ..cuboids import Cuboids
from ..simulation import SimulatedData
from ..terrain import Ground
from .contender import Contender, DifferenceError, Job, Work, itself

__all__ = ["FIT_AT", "JOBS", "N_CLICKS", "Clicks", "clicks", "works"]

FIT_AT, N_CLICKS = "fit_at, ground known", 20
VEHICLES = ("car", "van", "truck", "bus")
FEWEST = 50
WINDOW_M, CELL_M, LOWEST_M = 6.0, 0.3, 0.2


@dataclass(frozen=True, eq=False)
class Clicks:
    """points : (N, 3) of one sweep, ground : under it; one place (K, 3), class and true cuboid for each click, on vehicles of at least 50 points"""

    points: Floats
    ground: Ground
    clicks_m: Float64s
    categories: tuple[str, ...]
    truth: Cuboids


@cache
def clicks(n_beams: int, n_columns: int) -> Clicks:
    """The first sweep of a simulated street; vehicles by turns until there are N_CLICKS clicks."""
    scene = bw.simulate(5, 1, n_beams=n_beams, n_columns=n_columns, image_scale=0.1)
    assert scene.trajectory is not None and isinstance(scene.data, SimulatedData)
    points, whose = scene.still_points(0).xyz, scene.data.point_track_index(0)
    seen = [t for t, track in enumerate(scene.tracks) if track.category in VEHICLES and (whose == t).sum() >= FEWEST]
    chosen = [seen[i % len(seen)] for i in range(N_CLICKS)]
    rng = np.random.default_rng(5)
    places: Float64s = np.array([points[rng.choice(np.flatnonzero(whose == t))] for t in chosen], np.float64)
    lidar_from_world = scene.transform("lidar", "world", int(scene.times_ns[0]))
    truth = Cuboids.concatenate([scene.tracks[t].cuboids[:1].transformed(lidar_from_world, frame=None) for t in chosen])
    return Clicks(points, scene.ground(0), places, tuple(scene.tracks[t].category for t in chosen), truth)


def our_fits(workload: Clicks) -> list[bw.Fit]:
    pairs = zip(workload.clicks_m, workload.categories)
    return [bw.fit_at(workload.points, place, category, ground=workload.ground) for place, category in pairs]


def our_cuboids(_: Any, fits: list[bw.Fit]) -> Cuboids:
    return Cuboids([fit.cuboid.center_m for fit in fits], [fit.cuboid.size_m for fit in fits], quat_wxyz=[fit.cuboid.quat_wxyz for fit in fits])


def plain_fits(workload: Clicks) -> list[tuple[Any, float, float]]:
    """Within 6 m and 0.2 m above the ground, the cells of 0.3 m that hang together with the click's, cv2.minAreaRect around the points in them."""
    import cv2
    from scipy import ndimage

    found = []
    for place in workload.clicks_m:
        near = workload.points[(np.abs(workload.points[:, :2] - place[:2]) <= WINDOW_M).all(1)].astype(np.float64)
        near = near[near[:, 2] - workload.ground.height_m(near) > LOWEST_M]
        cell = ((near[:, :2] - place[:2] + WINDOW_M) / CELL_M).astype(np.int64)
        is_full = np.zeros(cell.max(0) + 1, np.bool_)
        is_full[cell[:, 0], cell[:, 1]] = True
        piece = ndimage.label(is_full, np.ones((3, 3)))[0][cell[:, 0], cell[:, 1]]
        own = near[piece == piece[np.argmin(((near - place) ** 2).sum(1))]]
        bottom = float(workload.ground.height_m(own.mean(0)[None])[0])
        found.append((cv2.minAreaRect(own[:, :2].astype(np.float32)), bottom, float(own[:, 2].max())))
    return found


def plain_cuboids(_: Any, found: list[tuple[Any, float, float]]) -> Cuboids:
    centers = [(*center, (low + high) / 2) for (center, _, _), low, high in found]
    sizes = [(*np.maximum(size, 1e-3), high - low) for (_, size, _), low, high in found]
    return Cuboids(centers, sizes, [np.radians(degrees) for (_, _, degrees), _, _ in found])


def same_objects(workload: Clicks, ours: Cuboids, theirs: Cuboids) -> str:
    """Methods differ, so cuboids do: ours overlap the true ones at least as well."""
    mine, other = (float(np.median(bw.iou_3d_pairs(cuboids, workload.truth))) for cuboids in (ours, theirs))
    if not mine >= other:
        raise DifferenceError(f"median IoU with the truth {mine:.2f}, the rival's {other:.2f}")
    return f"median IoU with the truth {mine:.2f}, the rival's {other:.2f}"


def clicks_moved(workload: Clicks, _: Any) -> tuple[int, int]:
    """Every click looks through the whole sweep."""
    return workload.points.nbytes * len(workload.clicks_m), 0


JOBS = (
    Job(
        verb="fitting",
        function=FIT_AT,
        ours=(Contender("boxwright", itself, our_fits, our_cuboids),),
        rivals=(Contender("scipy ndimage.label + cv2.minAreaRect", itself, plain_fits, plain_cuboids, ("scipy", "cv2")),),
        same=same_objects,
        moved=clicks_moved,
    ),
)


def works(quick: bool) -> dict[str, list[Work]]:
    if quick:
        return {FIT_AT: [Work(f"{N_CLICKS} clicks in 20k points", partial(clicks, 32, 760))]}
    return {FIT_AT: [Work(f"{N_CLICKS} clicks in 120k points", partial(clicks, 64, 2300), is_short=True)]}
