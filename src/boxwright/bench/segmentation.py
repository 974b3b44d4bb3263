"""The class and the object of every point of a sweep from its cuboids, the smallest where several hold a point; compared point by point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Int64s
from ..point_labels import PointLabels
from .containment import kd_build_and_query, numpy_containment, with_radius
from .contender import Contender, DifferenceError, Job, Work
from .workloads import PointsAndCuboids, points_and_cuboids

__all__ = ["JOBS", "SEGMENT", "works"]

SEGMENT = "segment"
NEAR_FACE_M = 1e-9


@dataclass(frozen=True, eq=False)
class OneSweep:
    """Sensor data of one frame, in memory."""

    sweep: bw.Sweep

    def points(self, frame_index: int, sensor: str) -> bw.Sweep:
        return self.sweep

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return True

    def has_image(self, frame_index: int, camera: str) -> bool:
        return False

    def image(self, frame_index: int, camera: str) -> Any:
        raise bw.FrameMissing("no image", field=camera)


def scene_of(workload: PointsAndCuboids) -> bw.Scene:
    """One frame, every cuboid a track of its own."""
    now = np.zeros(1, np.int64)
    tracks = [bw.Track(str(k), "car", now, workload.cuboids[k : k + 1]) for k in range(len(workload.cuboids))]
    data = OneSweep(bw.Sweep(workload.points))
    return bw.Scene("bench", now, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar", data=data)


def our_labels(scene: bw.Scene) -> PointLabels:
    return bw.segment(scene, 0)


def _ours(_: Any, labels: PointLabels) -> Int64s:
    return np.asarray(labels.instance_id).astype(np.int64)


def _sized(workload: PointsAndCuboids) -> Any:
    return with_radius(workload), workload.cuboids.size_m.prod(axis=1), len(workload.points)


def _smallest(found: list[Int64s], volumes: Any, n_points: int) -> Int64s:
    """Written from the largest cuboid to the smallest, so that the smallest stays."""
    instance = np.zeros(n_points, np.int64)
    for m in np.argsort(-volumes, kind="stable").tolist():
        instance[found[m]] = m + 1
    return instance


def numpy_labels(prepared: Any) -> Int64s:
    given, volumes, n_points = prepared
    return _smallest(numpy_containment(given), volumes, n_points)


def kd_labels(prepared: Any) -> Int64s:
    given, volumes, n_points = prepared
    return _smallest(kd_build_and_query(given), volumes, n_points)


def _theirs(_: Any, instance: Int64s) -> Int64s:
    return instance


def same_labels(workload: PointsAndCuboids, ours: Int64s, theirs: Int64s) -> str:
    """The same object at every point, except those within a nanometre of a face, where the order of additions decides."""
    odd = np.flatnonzero(ours != theirs) if ours.shape == theirs.shape else np.arange(len(ours))
    c = workload.cuboids
    for k in odd.tolist():
        local = np.abs(np.einsum("mij,mi->mj", c.rotation, workload.points[k].astype(np.float64) - c.center_m)) - c.size_m / 2
        if not (np.abs(local.max(axis=1)) <= NEAR_FACE_M).any():
            raise DifferenceError(f"point {k} is of object {ours[k]} against {theirs[k] if ours.shape == theirs.shape else 'none'}")
    return f"{int((ours > 0).sum()):,} of {len(ours):,} points labelled" + (f", {len(odd)} on a face" if len(odd) else "")


def labels_moved(workload: PointsAndCuboids, labels: PointLabels) -> tuple[int, int]:
    """Class and instance of each point."""
    return len(workload.points) * workload.points.strides[0], len(labels) * (2 + 4)


JOBS = (
    Job(
        verb="segmentation",
        function=SEGMENT,
        ours=(Contender("boxwright", scene_of, our_labels, _ours),),
        rivals=(
            Contender("numpy, window along x", _sized, numpy_labels, _theirs),
            Contender("scipy cKDTree, build + query", _sized, kd_labels, _theirs, ("scipy",)),
        ),
        same=same_labels,
        moved=labels_moved,
    ),
)


def works(quick: bool) -> dict[str, list[Work]]:
    """function of a Job -> its inputs"""
    if quick:
        return {SEGMENT: [Work("20k points x 100 cuboids", partial(points_and_cuboids, 20_000))]}
    return {SEGMENT: [Work("120k points x 100 cuboids", points_and_cuboids), Work("120k x 100, tilted", partial(points_and_cuboids, tilted=True))]}
