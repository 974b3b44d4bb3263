"""What rules share: all labels as rows in the world frame, thresholds, findings, and one frame after the other with its points and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s, UInt8s, widened
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..errors import FrameMissing, GeometryError, TimeError
from ..keyframes import Origin, State
from ..points import Sweep
from ..projection import ImageBoxes, project_cuboids
from ..scene import FrameLabels, Scene, ShapeLabels
from ..taxonomy import Category
from ..terrain import Ground, ground
from ..tracks import Tracks, interpolate_tracks
from .courses import Courses, Steps
from .findings import Finding, Severity, finding_id, label_digest
from .profile import Profile
from .registry import RULES
from .suggestions import Suggestion

__all__ = ["Context", "Frame", "Rows", "Span"]


@dataclass(frozen=True, eq=False)
class Rows:
    """All labels at the frames' stamps: K rows, by track and then by frame.

    tracks : the scene's
    cuboids : (K,) in `frame`: "world" where the ego motion is known, else the label frame
    track, index : (K,) int64, which track and which frame
    bounds : (T + 1,) rows bounds[t] to bounds[t + 1] are those of track t
    time_s : (K,) seconds since the first frame
    is_key : (K,) bool, set there; the others lie on the curve between keyframes, or were filled from it
    visibility : (K,) uint8 of Visibility
    """

    tracks: Tracks
    cuboids: Cuboids
    frame: str
    track: Int64s
    index: Int64s
    bounds: Int64s
    time_s: Float64s
    is_key: Bools
    visibility: UInt8s

    def __len__(self) -> int:
        return len(self.track)

    def of(self, track: int) -> slice:
        return slice(int(self.bounds[track]), int(self.bounds[track + 1]))

    @cached_property
    def by_frame(self) -> tuple[Int64s, Int64s]:
        """Rows in the order of frames, and (F + 1,) where those of each frame begin."""
        order = np.argsort(self.index, kind="stable")
        n = int(self.index.max()) + 1 if len(self) else 0
        return order, np.searchsorted(self.index[order], np.arange(n + 1))

    def at(self, frame_index: int) -> Int64s:
        """The rows of a frame, by track."""
        order, begins = self.by_frame
        if frame_index + 1 >= len(begins):
            return np.zeros(0, np.int64)
        return order[begins[frame_index] : begins[frame_index + 1]]


@dataclass(frozen=True)
class Span:
    """Rows of one track that follow each other: first and last, both included, and the worst among them."""

    first: int
    last: int
    worst: int


class Context:
    """One scene while it is checked.

    scene, profile : what is checked, and what is allowed
    sensors : names of the LiDARs whose points count
    notes : what could not be checked, one sentence each; rules may add to it
    kept : rule id -> what a rule keeps from frame to frame
    """

    def __init__(self, scene: Scene, profile: Profile, sensors: Sequence[str] | None = None) -> None:
        self.scene, self.profile = scene, profile
        self.sensors = tuple(scene.lidars if sensors is None else [scene.lidar(name).name for name in sensors])
        self.notes: list[str] = []
        self.kept: dict[str, Any] = {}
        self.measured: dict[tuple[str, str], list[Float64s]] | None = None  # while a profile is fitted

    # ------------------------------------------------------------ labels

    @cached_property
    def rows(self) -> Rows:
        """All labels at all frames, in the world frame where the ego motion is known."""
        scene = self.scene
        many = interpolate_tracks(scene.tracks, scene.times_ns)
        track, index = many.track_index.astype(np.int64), many.time_index.astype(np.int64)
        cuboids, frame = many.cuboids, scene.label_frame
        if frame != "world" and self.has_ego_motion:
            cuboids, frame = _in_world(scene, cuboids, index), "world"
        bounds = np.searchsorted(track, np.arange(len(many.tracks) + 1))
        seconds = np.asarray((scene.times_ns[index] - scene.times_ns[:1]) * 1e-9, np.float64) if len(index) else np.zeros(0)
        return Rows(many.tracks, cuboids, frame, track, index, bounds, seconds, _is_key(many, track, index), many.visibility)

    @cached_property
    def has_ego_motion(self) -> bool:
        """Whether the vehicle's poses are known at all frames, so that what stands in the world stands in `rows`."""
        trajectory = self.scene.trajectory
        if trajectory is None or not len(self.scene):
            return False
        try:
            trajectory.at(int(self.scene.times_ns[0]))
            trajectory.at(int(self.scene.times_ns[-1]))
        except TimeError:
            return self.scene.label_frame == "world"
        return True

    @cached_property
    def classes(self) -> list[str]:
        """(T,) the class of each track, as the taxonomy spells it; foreign ones as they are."""
        return [track.category if known is None else known.name for track, known in zip(self.scene.tracks, self.known)]

    @cached_property
    def known(self) -> list[Category | None]:
        """(T,) the class of each track in the taxonomy, None for foreign ones."""
        return [self.profile.taxonomy.get(track.category) for track in self.scene.tracks]

    @cached_property
    def courses(self) -> Courses:
        """What neighbouring labels say of each label."""
        return Courses(self)

    @cached_property
    def steps(self) -> Steps:
        """Jumps and motion, without single labels that are off."""
        return Steps(self.courses)

    # ------------------------------------------------------------ thresholds and findings

    def limits(self, rule_id: str, track: Int64s) -> Float64s:
        """(K,) what a rule allows each of K tracks, by their class."""
        allowed = np.array([self.profile.threshold(rule_id, name) for name in self.classes], np.float64)
        return allowed[track]

    def over(self, rule_id: str, track: Int64s, values: Float64s) -> Bools:
        """(K,) bool: which of K values, measured on tracks (K,), are beyond what is allowed (below it, for a lower bound). NaN never is.

        Rules measure everything and ask here, so that a profile can be fitted from what they measure.
        """
        values = np.asarray(values, np.float64)
        self.measure(rule_id, track, values)
        allowed = self.limits(rule_id, track)
        return values < allowed if RULES[rule_id].is_lower_bound else values > allowed

    def measure(self, rule_id: str, track: Int64s, values: Float64s) -> None:
        """Keeps what was measured while a profile is fitted."""
        if self.measured is None or not RULES[rule_id].is_fitted:
            return
        names = np.array(self.classes, object)[track]
        for name in set(names):
            self.measured.setdefault((rule_id, name), []).append(values[names == name].copy())

    def finding(
        self,
        rule_id: str,
        frames: tuple[int, int, int] | int,
        tracks: Sequence[int],
        value: float,
        message: str,
        *,
        threshold: float | None = None,
        severity: Severity | None = None,
        sensor: str | None = None,
        suggestion: Suggestion | None = None,
        members: Sequence[Finding] = (),
    ) -> Finding:
        """One finding.

        frames : first, last and worst frame, or the only one
        tracks : indices of the tracks, the one to look at first
        threshold, severity : by default the rule's for the first track
        """
        rule = RULES[rule_id]
        first, last, worst = (frames, frames, frames) if isinstance(frames, int) else frames
        ids = tuple(self.scene.tracks[t].track_id for t in tracks)
        times = int(self.scene.times_ns[first]), int(self.scene.times_ns[last])
        allowed = self.profile.threshold(rule_id, self.classes[tracks[0]] if len(tracks) else "*") if threshold is None else threshold
        return Finding(
            rule_id,
            rule.severity if severity is None else severity,
            int(first),
            int(last),
            int(worst),
            int(self.scene.times_ns[worst]),
            ids,
            tuple(self.scene.tracks[t].category for t in tracks),
            sensor,
            float(value),
            float(allowed),
            rule.unit,
            message,
            suggestion,
            finding_id(rule_id, ids, times, sensor),
            label_digest(self.scene, ids, first, last),
            tuple(members),
        )

    def spans(self, fires: Bools, values: Float64s, *, bridge: int = 1) -> Iterator[Span]:
        """Rows that fire, those of one track in frames that follow each other together.

        fires, values : (K,) of `rows`; the worst has the largest value
        bridge : frames between two that fire and still belong to one span
        """
        hit = np.flatnonzero(fires)
        if not len(hit):
            return
        rows = self.rows
        is_apart = (np.diff(rows.track[hit]) != 0) | (np.diff(rows.index[hit]) > bridge + 1)
        for some in np.split(hit, np.flatnonzero(is_apart) + 1):
            yield Span(int(some[0]), int(some[-1]), int(some[np.argmax(values[some])]))

    def span_findings(
        self,
        rule_id: str,
        fires: Bools,
        values: Float64s,
        message: Callable[[Span], str],
        suggestion: Callable[[Span], Suggestion | None] = lambda span: None,
        *,
        bridge: int = 1,
    ) -> Iterator[Finding]:
        """One finding for each span of rows that fire."""
        rows = self.rows
        for span in self.spans(fires, values, bridge=bridge):
            frames = int(rows.index[span.first]), int(rows.index[span.last]), int(rows.index[span.worst])
            tracks = [int(rows.track[span.worst])]
            yield self.finding(rule_id, frames, tracks, float(values[span.worst]), message(span), suggestion=suggestion(span))

    def name(self, track: int) -> str:
        """What messages call a track."""
        one = self.scene.tracks[track]
        return f"{one.category} {one.track_id}"

    def as_labels(self, cuboids: Cuboids, index: Int64s) -> Cuboids:
        """(K,) cuboids of `rows.frame` in the scene's label frame, at frames (K,): what a suggestion writes."""
        frame = self.scene.label_frame
        if self.rows.frame == frame:
            return Cuboids(cuboids.center_m, cuboids.size_m, quat_wxyz=cuboids.quat_wxyz, frame=frame)
        times = self.scene.times_ns[np.asarray(index)]
        back = [one.as_cuboids().transformed(self.scene.transform(frame, "world", int(time)), frame=frame) for one, time in zip(cuboids, times)]
        return Cuboids.concatenate(back)

    # ------------------------------------------------------------ frame by frame

    def frame(self, frame_index: int) -> Frame:
        """A frame with its points and pictures, read when they are asked for."""
        return Frame(self, frame_index)


class Frame:
    """One frame: what is read or computed stays as long as this object does.

    index, time_ns : which frame
    name : the frame of reference of points, cuboids and ground: the LiDAR's own where one alone counts, else "ego"
    rows : (M,) of the context's rows that lie in this frame, by track: `labels.cuboids` go with them
    """

    def __init__(self, context: Context, index: int) -> None:
        self.context, self.index = context, index
        self.scene = context.scene
        self.time_ns = int(context.scene.times_ns[index])
        self.name = context.sensors[0] if len(context.sensors) == 1 else "ego"

    @cached_property
    def rows(self) -> Int64s:
        return self.context.rows.at(self.index)

    @cached_property
    def labels(self) -> FrameLabels:
        """Its M cuboids in `name`, by track."""
        return self.scene.labels(self.index, self.name)

    @property
    def cuboids(self) -> Cuboids:
        return self.labels.cuboids

    @property
    def track(self) -> Int64s:
        """(M,) the track of each cuboid."""
        return self.labels.track_index.astype(np.int64)

    @cached_property
    def sweeps(self) -> dict[str, Sweep]:
        """LiDAR -> its sweep, in its own frame at the frame's stamp; those that have none are left out.

        Where the time of each point is known, and the poses of the vehicle then, its own motion is taken out.
        """
        found = {}
        for sensor in self.context.sensors:
            if self.scene.has_points(self.index, sensor):
                found[sensor] = self.scene.still_points(self.index, sensor)
        return found

    @cached_property
    def late_s(self) -> Float64s | None:
        """(N,) when each of `points` was seen, after the frame's stamp; None where a sweep does not tell."""
        parts = []
        for sweep in self.sweeps.values():
            if sweep.time_offset_ns is None:
                return None
            parts.append((sweep.time_offset_ns + (sweep.timestamp_ns - self.time_ns)) * 1e-9)
        return np.concatenate(parts) if parts else None

    @cached_property
    def points(self) -> Any:
        """(N, 3) float32 or float64 of all LiDARs together, in `name`; (0, 3) where there are none."""
        parts = []
        for sensor, sweep in self.sweeps.items():
            xyz = sweep.xyz if not any(sweep.origin_m) else widened(sweep.xyz) + np.asarray(sweep.origin_m)
            parts.append(xyz if sensor == self.name else self.scene.ego_from(sensor).apply(xyz))
        return np.zeros((0, 3)) if not parts else parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def hits(self) -> Any:
        """Which points lie in which cuboid (`bw.points_in_cuboids`)."""
        return points_in_cuboids(self.points, self.cuboids)

    @property
    def counts(self) -> Int64s:
        """(M,) points in each cuboid."""
        return np.asarray(self.hits.counts, np.int64)

    @cached_property
    def ground(self) -> Ground | None:
        """The ground in `name`; None where there are too few points."""
        try:
            return ground(self.points)
        except GeometryError:
            return None

    def projected(self, camera: str) -> ImageBoxes:
        """Its M cuboids in a camera's picture, by track, at the camera's own exposure."""
        cuboids = self.scene.cuboids(self.index, camera)
        return project_cuboids(cuboids, self.scene.camera(camera).camera, np.eye(4))

    def boxes(self, camera: str) -> ShapeLabels:
        """The labels of a picture as boxes."""
        return self.scene.boxes(self.index, camera)

    def image(self, camera: str) -> Any:
        """(H, W, 3) uint8, or None where there is no picture."""
        try:
            return self.scene.image(self.index, camera) if self.scene.has_image(self.index, camera) else None
        except FrameMissing:
            return None


def _is_key(many: Any, track: Int64s, index: Int64s) -> Bools:
    """(K,) bool: at a keyframe that somebody or something set, not one that was read off the curve."""
    is_key: Bools = many.state == State.KEYFRAME
    for t, one in enumerate(many.tracks):
        if (one.origin == Origin.FILLED).any():
            some = np.flatnonzero(track == t)
            is_key[some] &= ~np.isin(many.times_ns[index[some]], one.times_ns[one.origin == Origin.FILLED])
    return is_key


def _in_world(scene: Scene, cuboids: Cuboids, index: Int64s) -> Cuboids:
    """Cuboids of the label frame at frames (K,), in the world frame."""
    center, quat = cuboids.center_m.copy(), cuboids.quat_wxyz.copy()
    for i in np.unique(index):
        rows = np.flatnonzero(index == i)
        some = cuboids[rows].transformed(scene.transform("world", scene.label_frame, int(scene.times_ns[i])), frame="world")
        center[rows], quat[rows] = some.center_m, some.quat_wxyz
    return Cuboids(center, cuboids.size_m, quat_wxyz=quat, frame="world")
