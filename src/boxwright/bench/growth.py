"""How time grows with points and with cuboids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

import boxwright as bw

from ..cameras import PinholeCamera
from . import containment
from .clock import medians_s, timed
from .workloads import PointsAndCuboids, Rig, aggregated_points, cuboids_on, rig, sweep_points

__all__ = ["CUBOIDS", "KD_TREE", "N_CUBOIDS", "N_POINTS", "POINTS", "Growth", "measured_growths"]

POINTS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
CUBOIDS = (10, 30, 100, 300, 1000)
N_CUBOIDS, N_POINTS = 200, 120_000
KD_TREE = "scipy cKDTree, build + query"


@dataclass(frozen=True)
class Growth:
    """median_ms (K,) of one function at sizes (K,) of its input.

    who : us or a rival
    along : what the sizes count, "points" or "cuboids"
    beside : what stays as it is, as "200 cuboids"; "" where there is nothing else
    """

    function: str
    who: str
    along: str
    beside: str
    sizes: tuple[int, ...]
    median_ms: tuple[float, ...]

    @property
    def title(self) -> str:
        """The function, what it was given besides, and whose it is where it is not ours."""
        return ", ".join(part for part in (self.function, self.beside, self.who if self.who != "boxwright" else "") if part)

    @property
    def exponent(self) -> float:
        """Slope of a straight line through the logarithms, by least squares: 1 where time is proportional to size."""
        x, y = np.log(self.sizes), np.log(self.median_ms)
        x, y = x - x.mean(), y - y.mean()
        return float((x @ y) / (x @ x))

    @property
    def ratio(self) -> float:
        """The last time over the first."""
        return self.median_ms[-1] / self.median_ms[0]


def measured_growths(quick: bool = False) -> Iterator[Growth]:
    """One cloud, thinned to each size, so that the share of points inside stays as it is; then one cloud and more and more cuboids."""
    sizes = POINTS[:4] if quick else POINTS
    budget_s = 0.1 if quick else 1.0
    cloud = aggregated_points(sizes[-1])
    thinned = [np.ascontiguousarray(cloud[np.arange(n) * len(cloud) // n]) for n in sizes]
    cuboids = cuboids_on(cloud, N_CUBOIDS)
    yield from _containment("points", f"{N_CUBOIDS} cuboids", [PointsAndCuboids(points, cuboids) for points in thinned], budget_s)
    lens = _one_camera(rig(1, 1))
    calls = {len(points): partial(bw.project_points, points, *lens) for points in thinned}
    yield _growth("project_points", "boxwright", "points", "one camera", calls, budget_s)
    yield _growth("ground", "boxwright", "points", "", {len(points): partial(bw.ground, points) for points in thinned}, budget_s)
    sweep = sweep_points(20_000 if quick else N_POINTS)
    yield from _containment("cuboids", f"{len(sweep):,} points", [PointsAndCuboids(sweep, cuboids_on(sweep, m)) for m in CUBOIDS], budget_s)


def _one_camera(work: Rig) -> tuple[PinholeCamera, bw.Pose]:
    return work.cameras[0], bw.Pose.from_matrix(work.cam_from_lidar[0])


def _containment(along: str, beside: str, works: list[PointsAndCuboids], budget_s: float) -> Iterator[Growth]:
    """Ours, and the kd-tree's, after their results were shown equal at every size."""
    ours: dict[int, Callable[[], object]] = {}
    theirs: dict[int, Callable[[], object]] = {}
    for work in works:
        size = len(work.points) if along == "points" else len(work.cuboids)
        given = containment.with_radius(work)
        ours[size] = partial(bw.points_in_cuboids, work.points, work.cuboids)
        theirs[size] = partial(containment.kd_build_and_query, given)
        hits = containment.hits_as_lists(None, bw.points_in_cuboids(work.points, work.cuboids))
        containment.same_hits(work, hits, containment.sorted_lists(None, containment.kd_build_and_query(given)))
    yield _growth("points_in_cuboids", "boxwright", along, beside, ours, budget_s)
    yield _growth("points_in_cuboids", KD_TREE, along, beside, theirs, budget_s)


def _growth(function: str, who: str, along: str, beside: str, calls: Mapping[int, Callable[[], object]], budget_s: float) -> Growth:
    first_s = {str(size): timed(call)[0] for size, call in calls.items()}
    seconds = medians_s({str(size): call for size, call in calls.items()}, budget_s, first_s)
    return Growth(function, who, along, beside, tuple(calls), tuple(seconds[str(size)] * 1e3 for size in calls))
