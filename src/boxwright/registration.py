"""An object's points from many sweeps, and where the object is in one more: points laid onto points, never a cuboid fitted anew.

Labels of the keyframes say where the object is in its points, so the gap between points and faces cancels out (ALGORITHMS: fitting each sweep by
itself is worse than interpolating, registering is better where it is gated).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .arrays import Float64s, Int32s, Int64s
from .kernels import registration as kernels

__all__ = ["ObjectModel", "Registration"]

VOXEL_M, REACH_M = 0.1, 0.5  # of the volume of nearest points
THIN_M, CELL_M = 0.05, 0.2  # points of the model closer together are one; cells that coverage is counted in
MOST_POINTS, MOST_SOURCE = 4000, 1500
WIDER = 8.0  # a place two standard deviations off weighs exp(-4 / 8) of the predicted one
NEIGHBOURS, NEIGHBOUR_M = 10, 0.5  # a surface is told by so many points, no further away
RING_SHARE, RING_FLATNESS = 0.02, 0.8  # neighbours this much narrower than long are one ring of a sweep; how far its side is believed
FIRST_ROUNDS, ROUNDS = 6, 25
WIDE_M, NARROW_M = 0.4, 0.08
NOISE_M = 0.05  # of one point, to weigh points against what is held
HELD_M, HELD_RAD = (1.0, 1.0, 0.2), 0.15  # how far from its prediction an object is looked for at all
HELD_FIRMLY_RAD = 0.01  # where points do not tell the heading
FLOOR_M, FLOOR_RAD = 0.03, math.radians(0.7)  # what a registration is never better than: other places of the object are hit in every sweep
UNSEEN_M, UNSEEN_RAD = 0.3, 0.1  # what is known of a direction that no surface tells
PREFERENCE = 0.9  # the first start is kept unless another is that much better
WORTH = 0.8  # a pose that points lie on so much worse than on the predicted one is none


@dataclass(frozen=True, eq=False)
class Registration:
    """Where an object is, seen from its predicted pose.

    pose : (4,) x, y, z in metres along the predicted cuboid's axes (z up), yaw in radians
    covariance : (4, 4)
    overlap, coverage, residual_m, n_points : how well the points lie; see kernels.registration.fitness
    """

    pose: Float64s
    covariance: Float64s
    overlap: float
    coverage: float
    residual_m: float
    n_points: int

    @property
    def score(self) -> float:
        return self.overlap * self.coverage


class ObjectModel:
    """Points of one object in its own frame (x ahead, centre 0), thinned, with the surface at each."""

    def __init__(self, size_m: Float64s, *, is_yaw_told: bool = True) -> None:
        self.half = np.ascontiguousarray(size_m, np.float64) / 2
        self.is_yaw_told = is_yaw_told
        self.points: Float64s = np.zeros((0, 3))

    def __len__(self) -> int:
        return len(self.points)

    def copy(self) -> ObjectModel:
        other = ObjectModel.__new__(ObjectModel)
        other.__dict__.update(self.__dict__)  # what a model holds is replaced, never changed
        return other

    def add(self, points: Float64s) -> None:
        """Points (N, 3) where there were none yet; the earlier ones stay as they are."""
        both = np.concatenate([self.points, points])
        _, first = np.unique(np.floor(both / THIN_M).astype(np.int64), axis=0, return_index=True)
        new = np.sort(first[first >= len(self)])
        self.points = np.concatenate([self.points, both[_some(new, (MOST_POINTS - len(self)) // 2)]])
        self.half = np.maximum(self.half, np.abs(self.points).max(0)) if len(self) else self.half
        self._prepare()

    def _prepare(self) -> None:
        self.normals, self.flatness = surfaces(self.points)
        low = self.points.min(0) - REACH_M - VOXEL_M if len(self) else np.zeros(3)
        high = self.points.max(0) + REACH_M + VOXEL_M if len(self) else np.zeros(3)
        n_x, n_y, n_z = (math.ceil(v) + 1 for v in (high - low) / VOXEL_M)
        volume = np.empty(n_x * n_y * n_z, np.int32)
        kernels.nearest_volume(self.points, low, VOXEL_M, n_x, n_y, n_z, REACH_M, volume)
        self._volume = (low, VOXEL_M, n_x, n_y, n_z, volume)
        _, cells = np.unique(np.floor(self.points / CELL_M).astype(np.int64), axis=0, return_inverse=True)
        self._cells: Int32s = cells.reshape(-1).astype(np.int32)
        self._n_cells = int(self._cells.max(initial=-1)) + 1

    def register(self, source: Float64s, starts: Float64s, expected: Float64s | None = None) -> Registration:
        """The object in points (N, 3) seen from its predicted pose.

        starts : (S, 4) poses to begin from; the first one is kept where no other leads to something clearly better. Where points lie better on the
            predicted pose than on the one that is found, that is where the object is
        expected : (4, 4) covariance of the predicted pose; what is less likely has to fit better
        """
        source = np.ascontiguousarray(source[_some(np.arange(len(source)), MOST_SOURCE)], np.float64)
        found = [self._from(source, start, FIRST_ROUNDS, WIDE_M) for start in starts] if len(starts) > 1 else []
        scores = np.array([one.score * _likelihood(one.pose, expected) for one in found] or [0.0])
        best = 0 if scores[0] >= PREFERENCE * scores.max() else int(np.argmax(scores))
        last = self._from(source, found[best].pose if found else starts[0], ROUNDS, NARROW_M)
        overlap, coverage, residual, n = self._fitness(source, np.zeros(4))
        here = replace(last, pose=np.zeros(4), overlap=overlap, coverage=coverage, residual_m=residual, n_points=n)
        return here if last.score * _likelihood(last.pose, expected) < WORTH * here.score else last

    def _fitness(self, source: Float64s, pose: Float64s) -> tuple[float, float, float, int]:
        surface = (self.points, self.normals, self.flatness, *self._volume)
        overlap, coverage, residual, n = kernels.fitness(source, *surface, self._cells, self._n_cells, self.half, pose)
        return overlap, coverage, residual, n

    def _from(self, source: Float64s, start: Float64s, n_rounds: int, narrow_m: float) -> Registration:
        yaw = HELD_RAD if self.is_yaw_told else HELD_FIRMLY_RAD
        held = (NOISE_M / np.array([*HELD_M, yaw])) ** 2
        pose, information = np.array(start, np.float64), np.empty((4, 4))
        surface = (self.points, self.normals, self.flatness, *self._volume)
        kernels.register(source, *surface, held, n_rounds, WIDE_M, narrow_m, pose, information)
        overlap, coverage, residual, n = self._fitness(source, pose)
        return Registration(pose, self._covariance(information, residual), overlap, coverage, residual, n)

    def _covariance(self, information: Float64s, residual_m: float) -> Float64s:
        """Of the pose: as the surfaces tell, with what is known without them, and never better than the floor."""
        noise = max(residual_m, NOISE_M) if math.isfinite(residual_m) else 1.0
        unseen_rad = UNSEEN_RAD if self.is_yaw_told else HELD_FIRMLY_RAD
        known = information / noise**2 + np.diag([UNSEEN_M**-2, UNSEEN_M**-2, UNSEEN_M**-2, unseen_rad**-2])
        covariance: Float64s = np.linalg.inv(known).astype(np.float64) + np.diag([FLOOR_M**2, FLOOR_M**2, FLOOR_M**2, FLOOR_RAD**2])
        return covariance


def _some(rows: Int64s, most: int) -> Int64s:
    """At most so many of the rows, spread evenly."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _likelihood(pose: Float64s, expected: Float64s | None) -> float:
    """How a pose weighs beside the predicted one; wider than normal, since the way how well points lie is no likelihood either."""
    if expected is None:
        return 1.0
    off = pose[:2]
    return math.exp(-float(off @ np.linalg.solve(expected[:2, :2] + FLOOR_M**2 * np.eye(2), off)) / WIDER)


def surfaces(points: Float64s) -> tuple[Float64s, Float64s]:
    """(M, 3) normals and (M,) flatness in [0, 1]: 1 where the neighbours lie in a plane, 0 where they are too few or lie in a ball."""
    from scipy.spatial import cKDTree

    if len(points) < 4:
        return np.zeros((len(points), 3)), np.zeros(len(points))
    count = min(NEIGHBOURS, len(points))
    distance, index = cKDTree(points).query(points, count)
    near = (distance <= NEIGHBOUR_M)[..., None]
    n = near.sum(1)
    rows = np.where(near, points[index], 0.0)
    off = np.where(near, rows - (rows.sum(1) / n)[:, None], 0.0)
    values, vectors = np.linalg.eigh(np.einsum("mki,mkj->mij", off, off))
    flatness = np.where(n[:, 0] >= 4, (values[:, 1] - values[:, 0]) / np.maximum(values[:, 1] + values[:, 0], 1e-12), 0.0)
    normals = vectors[:, :, 0]
    ahead = vectors[:, :2, 2]  # a single ring: what it runs along, on a side that is taken to stand upright
    level = np.linalg.norm(ahead, axis=1)
    is_ring = (values[:, 1] < RING_SHARE * values[:, 2]) & (n[:, 0] >= 4)
    upright = np.stack([-ahead[:, 1], ahead[:, 0], np.zeros(len(points))], 1) / np.maximum(level, 1e-12)[:, None]
    normals = np.where(is_ring[:, None], upright, normals)
    flatness = np.where(is_ring, np.where(level > 0.9, RING_FLATNESS, 0.0), np.clip(flatness, 0.0, 1.0))
    return np.ascontiguousarray(normals), flatness
