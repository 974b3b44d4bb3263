"""A rule about what has no label: things in the points that look like vehicles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from .clusters import Cluster, vehicle_like
from .context import Context, Frame
from .evidence import evidence_of
from .findings import Finding, Severity
from .registry import Needs, frame_rule

SAME_M, SAME_FRAMES = 2.5, 3  # so near to each other, in frames so near, clusters are one thing


@dataclass
class _Thing:
    """One thing without a label, in the frames it is seen in; the place is the world's where poses are known."""

    frames: list[int]
    place_m: Float64s
    best: Cluster
    best_frame: int


@frame_rule(
    "unlabelled_object",
    title="points that look like a vehicle, without a label",
    measures="points of the cluster where it has most",
    unit="points",
    thresholds=0.0,
    severity=Severity.INFORMATION,
    needs=Needs.POINTS,
    source="sizes of passenger cars; to know, since nothing tells which part of the surroundings was to be labelled",
    is_fitted=False,
    groups=False,
    end=lambda context: _told(context),
)
def unlabelled_object(context: Context, frame: Frame) -> Iterator[Finding]:
    if frame.ground is None or not len(frame.points):
        return iter(())
    seen = evidence_of(context, frame)
    claimed = np.zeros(len(frame.points), np.bool_) if seen is None else seen.is_claimed
    origin = context.scene.lidar_origins_m(frame.name).mean(0)
    things: list[_Thing] = context.kept.setdefault("unlabelled_object", [])
    for cluster in vehicle_like(frame.points, frame.ground, claimed, origin):
        place = _place(context, frame, cluster)
        for thing in things:
            if frame.index - thing.frames[-1] <= SAME_FRAMES and np.linalg.norm(thing.place_m - place) < SAME_M:
                thing.frames.append(frame.index)
                thing.place_m = place
                if cluster.n_points > thing.best.n_points:
                    thing.best, thing.best_frame = cluster, frame.index
                break
        else:
            things.append(_Thing([frame.index], place, cluster, frame.index))
    return iter(())


def _place(context: Context, frame: Frame, cluster: Cluster) -> Float64s:
    if not context.has_ego_motion:
        return cluster.center_m[:2]
    place: Float64s = context.scene.transform("world", frame.name, frame.time_ns).apply(cluster.center_m[None])[0, :2]
    return place


def _told(context: Context) -> Iterator[Finding]:
    """Where labels were looked for only in part of the surroundings, there are many; those with most points come first."""
    for thing in sorted(context.kept.get("unlabelled_object", []), key=lambda one: -one.best.n_points):
        x, y, _ = thing.best.center_m
        length, width, height = thing.best.size_m
        message = (
            f"something {length:.1f} x {width:.1f} x {height:.1f} m at ({x:.1f}, {y:.1f}) m, {math.hypot(x, y):.0f} m away, has no label; "
            f"{number_of(thing.best.n_points, 'point')} in frame {thing.best_frame}"
        )
        frames = (thing.frames[0], thing.frames[-1], thing.best_frame)
        yield context.finding("unlabelled_object", frames, [], thing.best.n_points, message, sensor=_sensor(context))


def _sensor(context: Context) -> str | None:
    return context.sensors[0] if len(context.sensors) == 1 else None
