"""What the project means to reach, and whether it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from .batches import LABELS_ALONE, WITH_POINTS, workloads
from .checks import LABELS_CHECKED, N_SWEEPS, ON_LABELS, ON_POINTS, POINTS_CHECKED
from .clicking import FIT_AT, N_CLICKS
from .findings import Findings
from .growth import CUBOIDS, KD_TREE, N_CUBOIDS, N_POINTS, POINTS, Growth
from .interpolation2d import ALL_BOXES, OUTLINE
from .rows import Row
from .startup import COLD, DEMO_KERNELS, FIRST_CALLS, WARM
from .suite import N_CLUSTERS

__all__ = ["TARGETS", "Target", "Verdict", "verdicts"]

Measure = Callable[[Findings], float | None]


@dataclass(frozen=True)
class Target:
    """measure gives None where the run did not measure it; lowest and highest are what it must lie between"""

    kernel: str
    wanted: str
    measure: Measure
    unit: str
    lowest: float = -math.inf
    highest: float = math.inf


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured; short_by is the share that lacks, 0 where the target is met, None where it was not measured."""

    target: Target
    measured: float | None

    @property
    def short_by(self) -> float | None:
        if self.measured is None:
            return None
        target = self.target
        if self.measured < target.lowest:
            return 1 - self.measured / target.lowest
        if self.measured > target.highest:
            return self.measured / target.highest - 1 if target.highest else math.inf
        return 0.0


def verdicts(found: Findings, targets: Sequence[Target] | None = None) -> list[Verdict]:
    return [Verdict(target, target.measure(found)) for target in (TARGETS if targets is None else targets)]


# ------------------------------------------------------------ what is measured


def _row(found: Findings, function: str, workload: str) -> Row | None:
    return next((row for row in found.rows if (row.function, row.workload) == (function, workload)), None)


def _against(found: Findings, *, function: str, workload: str, rival: str) -> float | None:
    row = _row(found, function, workload)
    return None if row is None else next((time.ratio for time in row.rivals if time.name == rival), None)


def _ms(found: Findings, *, function: str, workload: str, shared_by: int = 1) -> float | None:
    row = _row(found, function, workload)
    return None if row is None else row.median_ms / shared_by


def _extra_mib(found: Findings, *, function: str, workload: str) -> float | None:
    """Memory at the peak beside the result."""
    row = _row(found, function, workload)
    return None if row is None or row.memory_mib is None or row.written_bytes is None else max(row.memory_mib - row.written_bytes / 2**20, 0.0)


def _error(found: Findings, *, function: str, workload: str) -> float | None:
    row = _row(found, function, workload)
    return None if row is None else row.error


def _over_write_limit(found: Findings, *, function: str, workload: str) -> float | None:
    row = _row(found, function, workload)
    if row is None or row.written_bytes is None or found.bandwidth is None:
        return None
    return row.median_ms / found.bandwidth.limit_ms(0, row.written_bytes)


def _different(found: Findings, *, function: str, workload: str, rival: str) -> float | None:
    """1 where our result differs from the rival's, 0 where it is equal."""
    row = _row(found, function, workload)
    times = [] if row is None else [time for time in row.rivals if time.name == rival and not time.is_absent]
    return float(times[0].is_wrong) if times else None


def _grown(found: Findings, function: str, sizes: tuple[int, ...], beside: str) -> Growth | None:
    """Ours, over the whole span of sizes: a quick run's is too short to be judged."""
    wanted = (function, "boxwright", sizes, beside)
    return next((growth for growth in found.growths if (growth.function, growth.who, growth.sizes, growth.beside) == wanted), None)


def _exponent(found: Findings, *, function: str, beside: str) -> float | None:
    growth = _grown(found, function, POINTS, beside)
    return None if growth is None else growth.exponent


def _with_cuboids(found: Findings) -> float | None:
    growth = _grown(found, "points_in_cuboids", CUBOIDS, f"{N_POINTS:,} points")
    return None if growth is None else growth.ratio


def _batch_ratio(found: Findings, *, slow: str, fast: str) -> float | None:
    """What one way of running a batch takes over what another does."""
    both = [_ms(found, function=LABELS_ALONE, workload=workload) for workload in (slow, fast)]
    return None if both[0] is None or both[1] is None else both[0] / both[1]


# ------------------------------------------------------------ the targets

BATCH_ONE, BATCH_TWO, BATCH_DASK = workloads()
OPEN3D, NUMPY, SHAPELY = "open3d OrientedBoundingBox", "numpy", "shapely STRtree (from above only)"
RIG_64, RIG_32 = "120k points x 6 cameras, float64", "120k points x 6 cameras, float32"
PAIRS, PAIRS_AFAR = "1000 x 1000 cuboids", "1000 x 1000, 6e6 m from the origin"
CLUSTERS = f"{N_CLUSTERS} clusters, 216k points"
FILLED = "10k tracks x 200 frames, keyframe every 10"


def _times(kernel: str, lowest: float, rival: str, function: str, workload: str) -> Target:
    return Target(kernel, f">= {lowest:g} x {rival}", partial(_against, function=function, workload=workload, rival=rival), "x", lowest=lowest)


def _inside(workload: str, lowest: float, rival: str) -> Target:
    return _times(f"points_in_cuboids, {workload}", lowest, rival, "points_in_cuboids", workload)


def _equal(kernel: str, wanted: str, function: str, workload: str, rival: str) -> Target:
    return Target(kernel, wanted, partial(_different, function=function, workload=workload, rival=rival), "differ", highest=0)


def _at_most(kernel: str, wanted: str, measure: Measure, unit: str, highest: float) -> Target:
    return Target(kernel, wanted, measure, unit, highest=highest)


TARGETS = (
    _inside("120k x 100 far", 18, KD_TREE),
    _inside("120k x 100 far, tilted", 16, KD_TREE),
    _inside("120k x 100 far", 28, OPEN3D),
    _inside("120k x 1000", 12, KD_TREE),
    _inside("120k x 1000", 70, OPEN3D),
    _inside("10 M x 200", 15, KD_TREE),
    _at_most(
        "points_in_cuboids, 10 M x 200",
        "<= 60 MiB beside the result",
        partial(_extra_mib, function="points_in_cuboids", workload="10 M x 200"),
        "MiB",
        60,
    ),
    _times("project_points, six cameras, float64", 7, NUMPY, "project_points (fresh arrays)", RIG_64),
    _times("project_points, six cameras, float64", 35, "cv2.projectPoints, z > 0 first", "project_points (fresh arrays)", RIG_64),
    _times("project_points, six cameras, float32", 10, NUMPY, "project_points (fresh arrays)", RIG_32),
    _equal("project_points, six cameras", "no ghost points: equal to numpy with a fold test", "project_points (fresh arrays)", RIG_64, NUMPY),
    _times("iou, fresh arrays", 7, SHAPELY, "iou (fresh arrays)", PAIRS),
    _times("iou, with out", 11, SHAPELY, "iou (with out)", PAIRS),
    _equal("iou", "within 1e-9 of shapely", "iou (fresh arrays)", PAIRS, SHAPELY),
    _equal("iou, 6e6 m from the origin", "within 1e-9 of shapely near the origin", "iou (fresh arrays)", PAIRS_AFAR, SHAPELY),
    _times("fit_rectangles", 1, "cv2.minAreaRect", "fit_rectangles", CLUSTERS),
    _at_most("fit_rectangles", "p95 of yaw error <= 0.9 deg", partial(_error, function="fit_rectangles", workload=CLUSTERS), "deg", 0.9),
    _at_most(
        "fit_cuboid",
        "<= 3 ms a cluster",
        partial(_ms, function="fit_cuboid", workload=f"{CLUSTERS}, one by one", shared_by=N_CLUSTERS),
        "ms",
        3,
    ),
    _at_most(
        "fit_at, ground known",
        "<= 20 ms a click in 120k points",
        partial(_ms, function=FIT_AT, workload=f"{N_CLICKS} clicks in 120k points", shared_by=N_CLICKS),
        "ms",
        20,
    ),
    _at_most("ground", "<= 15 ms for 120k points", partial(_ms, function="ground", workload="120k points"), "ms", 15),
    _times("interpolate_tracks, linear", 17, "numpy, all tracks at once", "interpolate_tracks, linear (fresh arrays)", FILLED),
    _at_most(
        "interpolate_tracks, linear, with out",
        "<= 1.6 x the time to write the result",
        partial(_over_write_limit, function="interpolate_tracks, linear (with out)", workload=FILLED),
        "x",
        1.6,
    ),
    _at_most(
        "interpolate_image_tracks, boxes, prepared, with out",
        "10k tracks x 200 frames <= 30 ms",
        partial(_ms, function="interpolate_image_tracks, boxes (with out)", workload=ALL_BOXES),
        "ms",
        30,
    ),
    _at_most(
        "interpolate_image_tracks, polygons",
        "64 points x 10k frames, matching included, <= 1 s",
        partial(_ms, function="interpolate_image_tracks, polygons", workload=OUTLINE),
        "ms",
        1000,
    ),
    _at_most(ON_LABELS, f"{LABELS_CHECKED} <= 2 s", partial(_ms, function=ON_LABELS, workload=LABELS_CHECKED), "ms", 2000),
    _at_most(ON_POINTS, "<= 40 ms a sweep of 120k points", partial(_ms, function=ON_POINTS, workload=POINTS_CHECKED, shared_by=N_SWEEPS), "ms", 40),
    _at_most(
        "batch, labels checked",
        ">= 60 frames of 120k points a second and core",
        partial(_ms, function=LABELS_ALONE, workload=BATCH_ONE),
        "ms",
        1000 / 60,
    ),
    _at_most(
        "batch, points checked", ">= 20 frames of 120k points a second and core", partial(_ms, function=WITH_POINTS, workload=BATCH_ONE), "ms", 50
    ),
    Target("batch, two processes", ">= 1.6 x one", partial(_batch_ratio, slow=BATCH_ONE, fast=BATCH_TWO), "x", lowest=1.6),
    _at_most("batch, Dask", "<= 1.15 x the time of two processes", partial(_batch_ratio, slow=BATCH_DASK, fast=BATCH_TWO), "x", 1.15),
    *(
        Target(f"growth of {function}", "exponent 1.0 +- 0.1 in points", partial(_exponent, function=function, beside=beside), "", 0.9, 1.1)
        for function, beside in (("points_in_cuboids", f"{N_CUBOIDS} cuboids"), ("project_points", "one camera"))
    ),
    _at_most("growth of points_in_cuboids", "10 to 1000 cuboids on one cloud <= 6 x", _with_cuboids, "x", 6),
    _at_most(
        "small call",
        "<= 0.1 ms for 100 cuboids x 1,000 points",
        partial(_ms, function="points_in_cuboids", workload="small call: 1,000 x 100"),
        "ms",
        0.1,
    ),
    _at_most(
        "first call",
        "kernels of the demo, nothing compiled yet, <= 20 s of CPU time",
        partial(_ms, function=DEMO_KERNELS, workload=COLD, shared_by=1000),
        "s",
        20,
    ),
    _at_most(
        "first call",
        "all verbs, kernels on disk, the import of numba included, <= 0.5 s",
        partial(_ms, function=FIRST_CALLS, workload=WARM, shared_by=1000),
        "s",
        0.5,
    ),
    _at_most(
        "first call",
        "import boxwright <= 0.3 s over numpy",
        partial(_ms, function="import boxwright", workload="over numpy", shared_by=1000),
        "s",
        0.3,
    ),
)
