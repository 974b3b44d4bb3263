"""What a user waits for before the first result: the import, and the kernels of the demo, compiled the first time and found on disk later."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from statistics import median

from .results import Row

__all__ = ["KERNELS", "startup_rows"]

IMPORT = "from time import perf_counter as now\na = now()\nimport numpy\nb = now()\nimport boxwright\nprint(now() - b)"

# the functions of the demo, on the smallest input that reaches their kernels
KERNELS = """
from time import perf_counter as now
begin = now()
import numpy as np
import boxwright as bw
rng = np.random.default_rng(0)
points = rng.uniform(-5, 5, (400, 3)).astype(np.float32)
cuboids = bw.Cuboids([[0, 0, 0], [1, 1, 0]], [[4, 2, 2], [4, 2, 2]], [0.1, 0.4], frame="lidar")
camera = bw.PinholeCamera(640, 480, 500, 500, 320, 240, distortion=(-0.1, 0.01, 0, 0, 0))
fisheye = bw.FisheyeCamera(640, 480, 200, 200, 320, 240)
cam_from_lidar = [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
bw.points_in_cuboids(points, cuboids)
bw.iou(cuboids, cuboids)
for lens in (camera, fisheye):
    bw.project_points(points, lens, cam_from_lidar)
    bw.project_cuboids(cuboids, lens, cam_from_lidar)
bw.refit(points, cuboids[0], category="car")
bw.fit_at(points, [0, 0, 0], category="car")
track = bw.Track("1", "car", np.array([0, 10]), cuboids)
bw.interpolate_tracks([track], np.arange(11))
print(now() - begin)
"""


def _seconds(code: str, **variables: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | variables, capture_output=True, text=True, check=True, timeout=600)
    return float(done.stdout)


def startup_rows(quick: bool = False) -> list[Row]:
    """Seconds in fresh interpreters; the compiled kernels in a fresh folder."""
    imports = [_seconds(IMPORT) for _ in range(3 if quick else 11)]
    rows = [Row("startup", "import boxwright", "over numpy", median(imports) * 1e3)]
    if quick:
        return rows
    with tempfile.TemporaryDirectory(prefix="boxwright-bench-") as folder:
        cold = _seconds(KERNELS, NUMBA_CACHE_DIR=folder)
        warm = [_seconds(KERNELS, NUMBA_CACHE_DIR=folder) for _ in range(5)]
    rows.append(Row("startup", "the demo's kernels", "imports and first calls, nothing compiled yet", cold * 1e3))
    rows.append(Row("startup", "the demo's kernels", "imports and first calls, compiled before", median(warm) * 1e3))
    return rows
