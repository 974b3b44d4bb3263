"""The ground under a sweep: a height for any x, y, on slopes, kerbs and under parked cars."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from .arrays import PLAIN_NUMBERS, Float64s, Floats, as_array, as_points, frozen, widened
from .errors import ArgumentError, GeometryError
from .kernels import terrain as kernels

__all__ = ["Ground", "KeptGrounds", "ground"]

CELL_M = 0.5
SPACING_M = 1.0
N_HALVINGS = 5  # coarsest spacing 32 m
WIDEST_M = 500.0  # a wider cloud gets larger cells
KEPT_BYTES = 32 * 2**20  # grounds of about 100 sweeps that reach 100 m, of 16 that reach 500 m


class Ground:
    """A height under any x, y, in the frame of the points it was made from.

    origin_m : (2,) x, y of the first node
    spacing_m : metres between nodes
    nodes_m : (rows, columns) heights, rows along y; read-only
    """

    __slots__ = ("nodes_m", "origin_m", "spacing_m")

    def __init__(self, origin_m: Float64s, spacing_m: float, nodes_m: Float64s) -> None:
        self.origin_m: Float64s = frozen(origin_m)
        self.spacing_m = spacing_m
        self.nodes_m: Float64s = frozen(nodes_m)

    def height_m(self, xy: Any) -> Float64s:
        """(K,) float64 from (K, 2), or (K, 3) whose z is not read; bilinear, beyond the border its height, NaN where x or y is not finite."""
        points = as_array("xy", xy, "(K, 2) or (K, 3) numbers")
        if points.dtype not in (np.float32, np.float64):
            if points.dtype.kind not in "iuf" and points.size:
                raise ArgumentError(expected="(K, 2) or (K, 3) numbers", got=f"dtype {points.dtype}", field="xy", hint=PLAIN_NUMBERS)
            points = points.astype(np.float64)
        if points.ndim != 2 or points.shape[1] not in (2, 3):
            raise ArgumentError(expected="(K, 2) or (K, 3)", got=f"shape {points.shape}", field="xy", hint="pass one row per place: xy[None] for one")
        out = np.empty(len(points))
        kernels.heights(points, self.nodes_m, float(self.origin_m[0]), float(self.origin_m[1]), self.spacing_m, out)
        return out

    def above_m(self, points: Any) -> Float64s:
        """(N,) height of (N, 3) points above the ground."""
        xyz = as_points("points", points)
        return widened(xyz[:, 2]) - self.height_m(xyz)

    def __repr__(self) -> str:
        rows, columns = self.nodes_m.shape
        return f"Ground({rows} x {columns} nodes every {self.spacing_m:g} m, {self.nodes_m.min():.2f} to {self.nodes_m.max():.2f} m)"


def ground(points: Any) -> Ground:
    """The ground under a cloud.

    points : (N, 3) float32 or float64, metres, z up, or a Sweep; points that are not finite are left out

    Low points of a 0.5 m grid are taken; a plane, then corrections on grids of 32, 16, ... 1 m are fitted to them (multilevel scattered data
    approximation after Lee, Wolberg and Shin, IEEE TVCG 3(3), 1997), each cell weighted by how little it stands above the surface so far. A cell that
    holds only the roof of a car is therefore let go, and the surface passes under it; a kerb is followed.
    Raises GeometryError where fewer than three points are finite.
    """
    xyz = as_points("points", points)
    low_x, high_x, low_y, high_y, n_finite = _extent(xyz)
    if n_finite < 3:
        hint = "pass a whole sweep; leave out the frames that have no points"
        raise GeometryError(expected="at least 3 finite points to find the ground", got=f"{n_finite}", field="points", hint=hint)
    zoom = max(1.0, (high_x - low_x) / WIDEST_M, (high_y - low_y) / WIDEST_M)
    cell_m, spacing_m = CELL_M * zoom, SPACING_M * zoom
    n_x, n_y = (max(2, math.ceil((high - low) / cell_m) + 1) for low, high in ((low_x, high_x), (low_y, high_y)))
    cells = np.empty((min(n_x * n_y, len(xyz)), 4))
    filled = kernels.low_cells(xyz, low_x, low_y, cell_m, n_x, n_y, cells)
    nodes = np.empty((math.ceil(n_y * cell_m / spacing_m) + 1, math.ceil(n_x * cell_m / spacing_m) + 1))
    kernels.surface(cells[:filled], spacing_m, N_HALVINGS, nodes)
    return Ground(np.array([low_x, low_y]), spacing_m, nodes)


class KeptGrounds:
    """Grounds by the frame and the sensor they were found in, at most KEPT_BYTES of them: the one asked for longest ago goes first.

    Threads may share it; a copy in another process starts empty.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str], Ground] = OrderedDict()
        self._n_bytes = 0
        self._lock = Lock()

    def get(self, frame_index: int, sensor: str, find: Callable[[], Ground]) -> Ground:
        """The one that is kept, else what `find` gives."""
        key = (frame_index, sensor)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = find()  # not under the lock: two threads that want the same frame at once both look for it, and find the same
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._n_bytes += found.nodes_m.nbytes
            while self._n_bytes > KEPT_BYTES and len(self._kept) > 1:
                self._n_bytes -= self._kept.popitem(last=False)[1].nodes_m.nbytes
        return found

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> tuple[type[KeptGrounds], tuple[()]]:
        return KeptGrounds, ()


def _extent(xyz: Floats) -> tuple[float, float, float, float, int]:
    """Where the points are; of a very wide cloud the middle 99 %, so that one stray echo does not blur the grid."""
    low_x, high_x, low_y, high_y, _, n_finite = kernels.bounds(xyz)
    if n_finite >= 3 and max(high_x - low_x, high_y - low_y) > WIDEST_M:
        finite = xyz[np.isfinite(xyz).all(1)]
        low, high = np.quantile(finite[:, :2].astype(np.float64), [0.005, 0.995], axis=0)
        margin = 0.05 * (high - low) + 5.0
        low_x, low_y = np.maximum(low - margin, [low_x, low_y])
        high_x, high_y = np.minimum(high + margin, [high_x, high_y])
    return float(low_x), float(high_x), float(low_y), float(high_y), int(n_finite)
