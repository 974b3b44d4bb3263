"""Points in the colours of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int32s, UInt8s, as_points, frozen
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..errors import number_of
from ..exposure import expose_points
from ..occlusion import depth_map
from ..points import Sweep
from ..scene import Scene
from .pictured import cameras_of, moments_of, objects_at

__all__ = ["ColouredPoints", "colour_points"]

MOVED_M = 0.02  # an object that moves less between stamp and exposure stands


@dataclass(frozen=True, eq=False)
class ColouredPoints:
    """The colours of N points of a sweep.

    rgb : (N, 3) uint8; (0, 0, 0) where no camera sees the point
    camera_index : (N,) int32 into `cameras`: whose picture the colour is from; -1 where no camera sees the point
    cameras : names
    uv : (N, 2) where in that picture; NaN where no camera sees the point
    """

    rgb: UInt8s
    camera_index: Int32s
    cameras: tuple[str, ...]
    uv: Float64s

    @property
    def is_coloured(self) -> Bools:
        """(N,) bool"""
        seen: Bools = self.camera_index >= 0
        return seen

    def __len__(self) -> int:
        return len(self.rgb)

    def __repr__(self) -> str:
        return f"ColouredPoints({int(self.is_coloured.sum()):,} of {number_of(len(self), 'point')}, {number_of(len(self.cameras), 'camera')})"


def colour_points(scene: Scene, frame_index: int, sensor: str = "lidar", cameras: Sequence[str] | None = None) -> ColouredPoints:
    """The colour of each point of a sweep, from the nearest camera that sees it.

    sensor : the LiDAR
    cameras : names; by default all that are calibrated; those without a picture of the frame give none

    Points lie where they are at the camera's exposure: the vehicle's motion during the sweep is taken out where the time of each point is known, and
    points in cuboids of tracks are moved on with these. Points that something nearer hides from a camera (`bw.depth_map`) get no colour from it.
    Raises FrameMissing where the frame has no sweep.
    """
    names = cameras_of(scene, cameras)
    i, lidar = scene._frame(frame_index), scene.lidar(sensor)
    xyz = _standing(scene, scene.points(i, lidar.name), lidar.name)
    labels = scene.labels(i, lidar.name) if scene.tracks else None
    owner = np.full(len(xyz), -1) if labels is None else points_in_cuboids(xyz, labels.cuboids).first
    rgb, which, uv = np.zeros((len(xyz), 3), np.uint8), np.full(len(xyz), -1, np.int32), np.full((len(xyz), 2), np.nan)
    nearest = np.full(len(xyz), np.inf)
    for c, name in enumerate(names):
        if not scene.has_image(i, name) or not moments_of(scene, name)[1][i]:
            continue
        lens, pose = scene.camera(name).camera, scene.cam_from(i, name, lidar.name)
        then = xyz if labels is None else _moved_on(scene, i, name, lidar.name, xyz, labels.cuboids, labels.track_index, owner)
        seen = depth_map(then, lens, pose, sensor_origins_m=lidar.origins_m)
        away = np.linalg.norm(pose.apply(then), axis=1)
        own = np.flatnonzero(seen.sees & (away < nearest))
        place = np.asarray(seen.image.uv[own], np.float64)
        if scene.camera(name).rolling_shutter != "global":
            image = expose_points(scene, i, name, then[own], lidar.name)
            own, place = own[image.in_image], np.asarray(image.uv[image.in_image], np.float64)
        picture = np.asarray(scene.image(i, name))
        scale = np.array([picture.shape[1] / lens.width_px, picture.shape[0] / lens.height_px])
        column, row = np.clip(np.rint((place + 0.5) * scale - 0.5).astype(np.int64), 0, np.array(picture.shape[1::-1]) - 1).T
        rgb[own], which[own], uv[own], nearest[own] = picture[row, column], c, place, away[own]
    return ColouredPoints(frozen(rgb), frozen(which), tuple(names), frozen(uv))


def _standing(scene: Scene, sweep: Sweep, sensor: str) -> Float64s:
    """(N, 3) as the frame's instant would have seen the standing world, where poses and times tell."""
    offset, trajectory = sweep.time_offset_ns, scene.trajectory
    if offset is not None and len(offset) and trajectory is not None and not sweep.is_deskewed:
        ends = np.array([offset.min(), offset.max()]) + sweep.timestamp_ns
        if trajectory.covers(ends).all():
            sweep = sweep.deskewed(trajectory, scene.lidar(sensor).ego_from_lidar)
    xyz: Float64s = np.asarray(as_points("points", sweep), np.float64)
    return xyz


def _moved_on(scene: Scene, i: int, camera: str, sensor: str, xyz: Float64s, cuboids: Cuboids, track_index: Int32s, owner: Any) -> Float64s:
    """(N, 3) with the points of what moves where it is at the camera's exposure; the sensor's frame stays that of the stamp."""
    moment, stamp = scene.exposures_ns(camera)[i : i + 1], scene.times_ns[i : i + 1]
    if moment[0] == stamp[0] or not len(cuboids):
        return xyz
    _, which, later = objects_at(scene.tracks, moment, stamp)
    later = later.transformed(scene.transform(sensor, scene.label_frame, int(stamp[0])), frame=cuboids.frame)
    place = {k: row for row, k in enumerate(which.tolist())}
    moved = xyz.copy()
    for m, k in enumerate(track_index.tolist()):
        row = place.get(k)
        if row is None or np.linalg.norm(later.center_m[row] - cuboids.center_m[m]) < MOVED_M:
            continue
        own = np.flatnonzero(owner == m)
        moved[own] = (xyz[own] - cuboids.center_m[m]) @ cuboids.rotation[m] @ later.rotation[row].T + later.center_m[row]
    return moved
