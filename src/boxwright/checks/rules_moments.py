"""A rule about time: boxes of what moves belong where it was at the stamp of its frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import UInt8s
from ..moments import base_frame
from ..points import Sweep
from ..retiming import Placement, Retimed, retime
from ..scene import Scene, SensorData
from ..tracks import Track
from .context import Context
from .findings import Finding, Severity
from .registry import Needs, label_rule
from .suggestions import SetKeyframes, Suggestion

SLOWEST_MPS = 2.0  # what is slower moves by 0.2 m at most in a sweep
MOST_SWEEPS = 6  # that are looked at to find what boxes are drawn for
DRAWN_FOR = {
    Placement.POINTS: "where the sweep saw them",
    Placement.RAW_POINTS: "where the sweep saw them, the vehicle's own motion included",
    Placement.SWEEP_MIDDLE: "for the middle of the sweep",
}


@label_rule(
    "wrong_moment",
    title="boxes of moving objects that stand at another moment than their frame's",
    measures="how far the box must move that must move farthest",
    unit="m",
    thresholds=0.2,
    severity=Severity.WARNING,
    needs=Needs.POINTS,
    source="arXiv 2601.14038: up to 2.5 m in public labels",
    is_motion=True,
    groups=False,
    is_fitted=False,
    suggests="all boxes carried to the stamps, as bw.retime proposes",
)
def wrong_moment(context: Context) -> Iterator[Finding]:
    scene = context.scene
    first = {name: next((i for i in range(len(scene)) if scene.has_points(i, name)), None) for name in context.sensors}
    sweeps = [scene.points(i, name) for name, i in first.items() if i is not None]
    if base_frame(scene) != scene.label_frame or not any(sweep.time_offset_ns is not None for sweep in sweeps):
        if sweeps:
            context.notes.append("no sweep tells when its points were seen: wrong_moment left out")
        return
    moving = [track for track in scene.tracks if _moves(track)]
    frames = _frames_with_points_and_pose(scene)
    if not moving or not frames:
        return
    few = [frames[k] for k in np.linspace(0, len(frames) - 1, min(MOST_SWEEPS, len(frames))).astype(int).tolist()]
    found = retime(_with_sweeps_of(scene, few), moving)
    drawn_for = DRAWN_FOR.get(found.placement) if found.placement is not None else None
    if drawn_for is None:
        return
    found = retime(_with_sweeps_of(scene, frames), moving, placement=found.placement)
    which = [scene.track_index[one.track.track_id] for one in found]
    limits = context.limits("wrong_moment", np.array(which, np.int64))
    shifts = np.array([_shift_m(one) for one in found])
    some = [int(k) for k in np.argsort(-shifts) if shifts[k] > limits[k]]
    if not some:
        return
    worst = found[some[0]]
    k = int(np.argmax(worst.shift_m))
    ends = [scene.nearest_frame(int(time)) for one in some for time in found[one].track.times_ns[[0, -1]]]
    message = (
        f"the boxes of {len(some)} moving objects are drawn {drawn_for}, not for the stamps of their frames; "
        f"the farthest off: {context.name(which[some[0]])}, {worst.shift_m[k]:.2f} m at {worst.speed_mps[k]:.0f} m/s"
    )
    edits = [SetKeyframes(found[t].track.track_id, found[t].track.times_ns, found[t].track.cuboids) for t in some]
    tracks = [which[one] for one in some]
    place = (min(ends), max(ends), scene.nearest_frame(int(worst.track.times_ns[k])))
    yield context.finding("wrong_moment", place, tracks, float(shifts[some[0]]), message, suggestion=Suggestion("carry them to the stamps", edits))


def _moves(track: Track) -> bool:
    """Whether it ever is fast enough for its moment to matter."""
    seconds = np.diff(track.times_ns) * 1e-9
    way = np.linalg.norm(np.diff(track.cuboids.center_m, axis=0), axis=1)
    return bool(len(way) and (way / seconds).max() > SLOWEST_MPS)


def _frames_with_points_and_pose(scene: Scene) -> list[int]:
    with_points = [i for i in range(len(scene)) if any(scene.has_points(i, name) for name in scene.lidars)]
    if scene.trajectory is None:
        return with_points
    is_covered = scene.trajectory.covers(scene.times_ns)
    return [i for i in with_points if is_covered[i]]


def _with_sweeps_of(scene: Scene, frames: list[int]) -> Scene:
    """With the sweeps of some frames alone. A few, evenly over the recording, tell what boxes are drawn for: it is one thing for all of it."""
    return scene.replace(data=_Some(scene.data, frozenset(frames)))


@dataclass(frozen=True)
class _Some:
    """The data of a scene, with points in some frames alone."""

    data: SensorData
    frames: frozenset[int]

    def points(self, frame_index: int, sensor: str) -> Sweep:
        return self.data.points(frame_index, sensor)

    def image(self, frame_index: int, camera: str) -> UInt8s:
        return self.data.image(frame_index, camera)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return frame_index in self.frames and self.data.has_points(frame_index, sensor)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.data.has_image(frame_index, camera)


def _shift_m(proposal: Retimed) -> float:
    return float(proposal.shift_m.max(initial=0.0))
