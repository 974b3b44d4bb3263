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

__all__ = ["Box", "Cloud", "Evidence", "Labels", "gathered"]

_MOST_SWEEPS = 8
_ABOVE_M = 0.25  # over the ground, where points are of objects
_FAR_M = 1e4  # no sensor on a vehicle sees so far


@dataclass(frozen=True)
class Labels:
    """R labels in the frame of the first LiDAR, or of the vehicle where there is none, at each frame's own moment.

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
    """The points of one sweep, in the LiDAR's frame. above : (N, 3) those over the ground"""

    frame_index: int
    xyz: Float64s
    above: Float64s
    ground: Ground | None


@dataclass(frozen=True)
class Box:
    """A box that a person drew in a picture around a labelled object. row : of the labels"""

    camera: str
    row: int
    xyxy: Float64s


@dataclass(frozen=True)
class Evidence:
    """poses : for each frame, world_from_(the labels' frame), None where none is known. clouds : some sweeps whose frames have labels"""

    scene: Scene
    labels: Labels
    poses: Sequence[Pose | None]
    clouds: Sequence[Cloud]
    boxes: Sequence[Box]

    def with_labels(self, labels: Labels) -> Evidence:
        return replace(self, labels=labels)

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


def gathered(scene: Scene) -> Evidence:
    """The evidence of a scene, as much of it as there is."""
    frame = "lidar" if scene.lidars else "ego"
    if scene.label_frame != "world" and scene.trajectory is None:
        frame = scene.label_frame if not scene.lidars else frame
    labels = _labels(scene, frame)
    poses = [_pose(scene, i, frame) for i in range(len(scene))]
    return Evidence(scene, labels, poses, _clouds(scene, labels), _boxes(scene, labels))


def _labels(scene: Scene, frame: str) -> Labels:
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    time_index = np.asarray(many.time_index, np.int64)
    cuboids, kept = many.cuboids, np.ones(len(many), bool)
    if len(many) and frame != scene.label_frame:
        used, which = np.unique(time_index, return_inverse=True)
        poses = [_transform(scene, frame, int(scene.times_ns[i])) for i in used.tolist()]
        kept = np.array([pose is not None for pose in poses])[which]
        cuboids = moved_each(cuboids, [pose or Pose.identity() for pose in poses], which, frame)[kept]
    return Labels(time_index[kept], np.asarray(many.track_index, np.int64)[kept], cuboids.center_m, cuboids.size_m, cuboids.quat_wxyz)


def _transform(scene: Scene, frame: str, stamp: int) -> Pose | None:
    try:
        return scene.transform(frame, scene.label_frame, stamp)
    except BoxwrightError:
        return None


def _pose(scene: Scene, frame_index: int, frame: str) -> Pose | None:
    if scene.trajectory is None or not scene.trajectory.covers(scene.times_ns[frame_index : frame_index + 1])[0]:
        return None
    return scene.transform("world", frame, int(scene.times_ns[frame_index]))


def _clouds(scene: Scene, labels: Labels) -> list[Cloud]:
    labelled = set(labels.frame.tolist())
    frames = [i for i in range(len(scene)) if scene.lidars and scene.has_points(i)]
    frames = [i for i in frames if i in labelled] or frames[:1]
    chosen = [frames[k] for k in np.unique(np.linspace(0, len(frames) - 1, _MOST_SWEEPS).round().astype(int)).tolist()] if frames else []
    return [_cloud(scene, i) for i in chosen]


def _cloud(scene: Scene, frame_index: int) -> Cloud:
    xyz = np.asarray(as_points("sweep", scene.points(frame_index)), np.float64)
    xyz = xyz[np.isfinite(xyz).all(1)]
    if len(xyz) < 3 or np.median(np.abs(xyz[:, :2])) > _FAR_M:
        return Cloud(frame_index, xyz, xyz[:0], None)
    surface = ground(xyz)
    return Cloud(frame_index, xyz, np.ascontiguousarray(xyz[xyz[:, 2] > surface.height_m(xyz[:, :2]) + _ABOVE_M]), surface)


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
