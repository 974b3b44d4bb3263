"""What a doctor looks at: labels as a sensor sees them, the points around them, and boxes that a person drew in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s, as_points
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..errors import BoxwrightError
from ..formats.dense_tracks import moved_each
from ..frames import Pose
from ..scene import Scene
from ..terrain import Ground, ground
from ..tracks import interpolate_tracks

__all__ = ["Box", "Cloud", "Evidence", "Labels", "gathered", "is_boxlike", "points_frame"]

_MOST_SWEEPS = 8
_ABOVE_M = 0.25  # over the ground, where points are of objects
_FAR_M = 1e4  # no sensor on a vehicle sees so far


@dataclass(frozen=True)
class Labels:
    """R labels in the frame of the first LiDAR, or of the vehicle where there is none, at each frame's own moment. Keyframes alone: what
    lies between was made of these, by poses that may be wrong, and of turns that are in no order of Euler angles.

    frame : (R,) indices of frames. track : (R,) into the scene's tracks
    center_m, size_m : (R, 3); quat_wxyz : (R, 4)
    """

    frame: Int64s
    track: Int64s
    center_m: Float64s
    size_m: Float64s
    quat_wxyz: Float64s

    def __len__(self) -> int:
        return len(self.frame)

    def cuboids(self, rows: Any = slice(None)) -> Cuboids:
        return Cuboids(self.center_m[rows], self.size_m[rows], quat_wxyz=self.quat_wxyz[rows])

    def rows(self, rows: Any) -> Labels:
        return Labels(self.frame[rows], self.track[rows], self.center_m[rows], self.size_m[rows], self.quat_wxyz[rows])

    @cached_property
    def up(self) -> Float64s:
        """(R, 3) the cuboids' own z axes."""
        return self.cuboids().rotation[:, :, 2]

    @cached_property
    def yaw_rad(self) -> Float64s:
        return self.cuboids().yaw_rad

    def changed(self, **values: Float64s) -> Labels:
        return replace(self, **values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Cloud:
    """The points of one sweep, in the LiDAR's frame. above : (K, 3) those over the ground. intensity : (N,), where the sensor told"""

    frame_index: int
    xyz: Float64s
    above: Float64s
    ground: Ground | None
    intensity: Float64s | None = None


@dataclass(frozen=True)
class Box:
    """A box that a person drew in a picture around a labelled object. row : of the labels"""

    camera: str
    row: int
    xyxy: Float64s


@dataclass(frozen=True)
class Evidence:
    """poses : for each frame, world_from_(the labels' frame), None where none is known. clouds : some sweeps whose frames have labels.
    poses_hold : whether things that stand do so by the poses, or the vehicle stands; if not, senseless motion is no sign of senseless headings
    """

    scene: Scene
    labels: Labels
    poses: Sequence[Pose | None]
    clouds: Sequence[Cloud]
    boxes: Sequence[Box]
    poses_hold: bool = True

    def with_labels(self, labels: Labels) -> Evidence:
        return replace(self, labels=labels)

    def with_later_poses(self, offset_ns: int | None) -> Evidence:
        """With the poses of so much later, where there are any; with none where None."""
        if offset_ns is None:
            return replace(self, poses=[None] * len(self.scene))
        return replace(self, poses=_poses(self.scene, offset_ns)) if offset_ns else self

    def counts(self, labels: Labels) -> Float64s:
        """(R,) points over the ground in each cuboid; NaN where its frame has no sweep."""
        found = np.full(len(labels), np.nan)
        for cloud in self.clouds:
            rows = np.flatnonzero(labels.frame == cloud.frame_index)
            if len(rows):
                found[rows] = points_in_cuboids(cloud.above, labels.cuboids(rows)).counts
        return found

    def category(self, row: int) -> str:
        return self.scene.tracks[int(self.labels.track[row])].category


def points_frame(scene: Scene) -> str:
    """The frame that sweeps, and labels with them, are looked at in."""
    return "lidar" if scene.lidars else "ego"


def gathered(scene: Scene) -> Evidence:
    """The evidence of a scene, as much of it as there is."""
    frame = points_frame(scene)
    if scene.label_frame != "world" and scene.trajectory is None:
        frame = scene.label_frame if not scene.lidars else frame
    labels = _labels(scene, frame)
    return Evidence(scene, labels, _poses(scene), _clouds(scene, labels), _boxes(scene, labels))


def _labels(scene: Scene, frame: str) -> Labels:
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    time_index = np.asarray(many.time_index, np.int64)
    track_index = np.asarray(many.track_index, np.int64)
    cuboids, kept = many.cuboids, _given(scene, time_index, track_index)
    if len(many) and frame != scene.label_frame:
        used, which = np.unique(time_index, return_inverse=True)
        poses = [_transform(scene, frame, int(scene.times_ns[i])) for i in used.tolist()]
        kept &= np.array([pose is not None for pose in poses])[which]
        cuboids = moved_each(cuboids, [pose or Pose.identity() for pose in poses], which, frame)
    cuboids = cuboids[kept]
    return Labels(time_index[kept], track_index[kept], cuboids.center_m, cuboids.size_m, cuboids.quat_wxyz)


def _given(scene: Scene, time_index: Int64s, track_index: Int64s) -> Bools:
    """(R,) whether labels are keyframes; all of them where no keyframe is at a frame."""
    n, keys = len(scene), [np.zeros(0, np.int64)]
    for k, track in enumerate(scene.tracks):
        index = np.searchsorted(scene.times_ns, track.times_ns).clip(max=n - 1)
        keys.append(k * n + index[scene.times_ns[index] == track.times_ns])
    given = np.isin(track_index * n + time_index, np.concatenate(keys))
    return given if given.any() else np.ones(len(given), bool)


def _transform(scene: Scene, frame: str, stamp: int) -> Pose | None:
    try:
        return scene.transform(frame, scene.label_frame, stamp)
    except BoxwrightError:
        return None


def _poses(scene: Scene, later_ns: int = 0) -> list[Pose | None]:
    if scene.trajectory is None:
        return [None] * len(scene)
    stamps = scene.times_ns + later_ns
    return [
        scene.transform("world", points_frame(scene), int(stamp)) if known else None for stamp, known in zip(stamps, scene.trajectory.covers(stamps))
    ]


def _clouds(scene: Scene, labels: Labels) -> list[Cloud]:
    n_labels = np.bincount(labels.frame, minlength=len(scene))
    frames = [i for i in range(len(scene)) if scene.lidars and scene.has_points(i)]
    many = 0.5 * max((n_labels[i] for i in frames), default=0)
    frames = [i for i in frames if n_labels[i] > 0 and n_labels[i] >= many] or frames[:1]
    chosen = [frames[k] for k in np.unique(np.linspace(0, len(frames) - 1, _MOST_SWEEPS).round().astype(int)).tolist()] if frames else []
    return [_cloud(scene, i) for i in chosen]


def _cloud(scene: Scene, frame_index: int) -> Cloud:
    sweep = scene.points(frame_index)
    xyz = np.asarray(as_points("sweep", sweep), np.float64)
    is_finite = np.isfinite(xyz).all(1)
    xyz = xyz[is_finite]
    intensity = None if sweep.intensity is None else np.nan_to_num(np.asarray(sweep.intensity, np.float64)[is_finite])
    if len(xyz) < 3 or np.median(np.abs(xyz[:, :2])) > _FAR_M:
        return Cloud(frame_index, xyz, xyz[:0], None, intensity)
    surface = ground(xyz)
    above = np.ascontiguousarray(xyz[xyz[:, 2] > surface.height_m(xyz[:, :2]) + _ABOVE_M])
    return Cloud(frame_index, xyz, above, surface, intensity)


def _boxes(scene: Scene, labels: Labels) -> list[Box]:
    """From tracks in pictures that say whose they are."""
    rows = {(int(frame), scene.tracks[int(track)].track_id): row for row, (frame, track) in enumerate(zip(labels.frame, labels.track))}
    found = []
    for camera in dict.fromkeys(track.camera for track in scene.image_tracks):
        for i in range(len(scene)):
            drawn = scene.boxes(i, camera)
            for k, index in enumerate(drawn.track_index.tolist()):
                row = rows.get((i, scene.image_tracks[index].object_id or ""))
                if row is not None:
                    found.append(Box(camera, row, drawn.shapes.bounds_xyxy()[k]))
    return found


def is_boxlike(labels: Labels) -> Bools:
    """(R,) whether a quarter turn would show: longer than wide, or wider than long."""
    long, wide = labels.size_m[:, 0], labels.size_m[:, 1]
    return np.asarray(np.maximum(long, wide) > 1.3 * np.minimum(long, wide))
