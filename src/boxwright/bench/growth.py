"""How time grows with points and with cuboids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Floats
from . import containment
from .clock import medians_s, timed
from .workloads import PointsAndCuboids, Rig, aggregated_points, cuboids_on, rig, sweep_points

__all__ = ["Growth", "measured_growths"]

POINTS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
CUBOIDS = (10, 30, 100, 300, 1000)
N_CUBOIDS, N_POINTS = 200, 120_000
KD_TREE = "scipy cKDTree, build + query"

Measured = Callable[[], Any]


@dataclass(frozen=True)
class Growth:
    """median_ms (K,) of one function at sizes (K,) of its input; along : what the sizes count, "points" or "cuboids"; who : us or a rival"""

    function: str
    who: str
    along: str
    sizes: tuple[int, ...]
    median_ms: tuple[float, ...]

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
    budget_s = 0.1 if quick else 1.5
    cloud = aggregated_points(sizes[-1])
    thinned = [np.ascontiguousarray(cloud[np.arange(n) * len(cloud) // n]) for n in sizes]
    cuboids = cuboids_on(cloud, N_CUBOIDS)
    yield from _containment("points", sizes, [PointsAndCuboids(points, cuboids) for points in thinned], budget_s)
    one = rig(1, 1)
    rigs = [Rig(points, one.cameras, one.cam_from_lidar, np.float64) for points in thinned]
    yield _growth("project_points, one camera", "boxwright", "points", sizes, [partial(_project, work) for work in rigs], budget_s)
    yield _growth("ground", "boxwright", "points", sizes, [partial(bw.ground, points) for points in thinned], budget_s)
    del thinned, rigs, cloud
    counts = CUBOIDS
    sweep: Floats = sweep_points(20_000 if quick else N_POINTS)
    yield from _containment("cuboids", counts, [PointsAndCuboids(sweep, cuboids_on(sweep, m)) for m in counts], budget_s)


def _project(work: Rig) -> Any:
    return bw.project_points(work.points_lidar, work.cameras, work.cam_from_lidar)


def _containment(along: str, sizes: tuple[int, ...], works: list[PointsAndCuboids], budget_s: float) -> Iterator[Growth]:
    """Ours, and the kd-tree's, after their results were shown equal at every size."""
    prepared = [containment.with_radius(work) for work in works]
    for work, given in zip(works, prepared):
        ours = bw.points_in_cuboids(work.points, work.cuboids)
        theirs = containment.kd_build_and_query(given)
        containment.same_hits(work, containment.hits_as_lists(None, ours), containment.sorted_lists(None, theirs))
    calls = [partial(bw.points_in_cuboids, work.points, work.cuboids) for work in works]
    yield _growth("points_in_cuboids", "boxwright", along, sizes, calls, budget_s)
    yield _growth("points_in_cuboids", KD_TREE, along, sizes, [partial(containment.kd_build_and_query, given) for given in prepared], budget_s)


def _growth(function: str, who: str, along: str, sizes: tuple[int, ...], calls: Sequence[Measured], budget_s: float) -> Growth:
    named = {str(size): call for size, call in zip(sizes, calls)}
    first_s = {name: timed(call)[0] for name, call in named.items()}
    seconds = medians_s(named, budget_s, first_s)
    return Growth(function, who, along, sizes, tuple(seconds[name] * 1e3 for name in named))
