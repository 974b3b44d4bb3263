"""Cuboids as cameras saw them: each object where its own motion had taken it when the shutter was open."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int32s, Int64s, check_kind
from ..cameras import UncalibratedCamera
from ..cuboids import Cuboids
from ..errors import ArgumentError
from ..exposure import expose_cuboids
from ..motion import motion_at
from ..projection import ImageBoxes, near_poses, project_cuboids_each
from ..rotations import wrap_rad
from ..scene import Scene
from ..tracks import Track, Tracks, Visibility, interpolate_tracks

__all__ = ["Exposures", "Sightings", "cameras_of", "exposures_of", "moments_of", "objects_at", "sightings"]

_AT_ONCE = 1024  # cuboids whose corners are in memory together
RATE_STEP_NS = 5_000_000  # so long before and after a moment, for how fast things move then
MOST_CARRY_NS = 500_000_000  # beyond its first and last keyframe an object is carried no farther than this


@dataclass(frozen=True, eq=False)
class Sightings:
    """What the pictures of one camera show of tracks: R rows, by frame and then by track; rows of which nothing is in the picture are among them.

    frame_index, track_index : (R,) int32
    cuboids : (R,) in the scene's label frame, at the moment of the picture
    xyxy, whole_xyxy : (R, 4) of the visible part and of the whole, NaN as in ImageBoxes
    truncation : (R,)
    """

    frame_index: Int32s
    track_index: Int32s
    cuboids: Cuboids
    xyxy: Float64s
    whole_xyxy: Float64s
    truncation: Float64s

    @property
    def is_visible(self) -> Bools:
        """(R,) bool: a part of it is in the picture."""
        visible: Bools = ~np.isnan(self.xyxy[:, 0])
        return visible

    @property
    def center_uv(self) -> Float64s:
        """(R, 2) of the visible part."""
        middle: Float64s = (self.xyxy[:, :2] + self.xyxy[:, 2:]) / 2
        return middle


def cameras_of(scene: Scene, cameras: Any) -> list[str]:
    """Names, by default of all cameras that are calibrated; CalibrationError for one that is named and is not."""
    check_kind("scene", scene, Scene, "a Scene", "bw.read gives one")
    if cameras is None:
        return [name for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)]
    if isinstance(cameras, str) or not isinstance(cameras, Iterable):
        hint = "put it into a list" if isinstance(cameras, str) else "scene.cameras holds them by their names"
        raise ArgumentError(expected="a list of cameras' names", got=repr(cameras)[:60], field="cameras", hint=hint)
    names = list(dict.fromkeys(scene.camera(name).name for name in cameras))
    for name in names:
        scene.ego_from(name)
    return names


def moments_of(scene: Scene, camera: str, late_ns: int = 0) -> tuple[Int64s, Bools]:
    """(F,) when a camera exposed each frame, or so much later, and (F,) whether it is known where the vehicle was then."""
    moments = scene.exposures_ns(camera) + late_ns
    if scene.label_frame != "world" or scene.trajectory is None:
        return moments, np.ones(len(moments), bool)
    return moments, scene.trajectory.covers(moments)


def objects_at(tracks: Sequence[Track], moments_ns: Int64s, stamps_ns: Int64s) -> tuple[Int32s, Int32s, Cuboids]:
    """Rows (time, track, cuboid), by time and then by track, of what is there at (T,) moments.

    Between keyframes the curve tells. A moment just before the first or after the last keyframe, whose frame's stamp the track still covers, is
    reached from there by the object's own motion.
    """
    tracks = Tracks(tracks)
    many = interpolate_tracks(tracks, moments_ns)
    times, which, parts = [many.time_index], [many.track_index], [many.cuboids]
    if not np.array_equal(moments_ns, stamps_ns):
        there = interpolate_tracks(tracks, stamps_ns)
        first, last = (np.array([track.times_ns[k] for track in tracks], np.int64) for k in (0, -1))
        ends_open = np.array([track.visibility[-1] != Visibility.OUTSIDE for track in tracks], bool)
        moment, k = moments_ns[there.time_index], there.track_index
        late = moment - stamps_ns[there.time_index]
        is_beyond = ((moment < first[k]) | ((moment > last[k]) & ends_open[k])) & (np.abs(late) <= MOST_CARRY_NS)
        for row in np.flatnonzero(is_beyond).tolist():
            motion = motion_at(tracks[int(k[row])], int(stamps_ns[there.time_index[row]]))
            if motion is not None:
                times.append(there.time_index[row : row + 1])
                which.append(k[row : row + 1])
                parts.append(motion.carried(np.array([late[row] * 1e-9])))
    time_index, track_index = np.concatenate(times), np.concatenate(which)
    order = np.lexsort((track_index, time_index))
    return time_index[order], track_index[order], Cuboids.concatenate(parts)[order]


@dataclass(frozen=True, eq=False)
class Exposures:
    """When and from where a camera saw the frames of a scene.

    moments_ns, is_posed : (F,) as `moments_of` gives them
    frames : (P,) those that are posed, of P poses
    near : the P poses of the camera from the frame of the labels, as `near_poses` gives them; None where the shutter is no global one
    """

    scene: Scene
    camera: str
    moments_ns: Int64s
    is_posed: Bools
    frames: Int32s
    near: tuple[Float64s, Float64s] | None


def exposures_of(scene: Scene, camera: str, late_ns: int = 0) -> Exposures:
    """Were the pictures exposed so much later than they are said to be."""
    moments, is_posed = moments_of(scene, camera, late_ns)
    frames = np.flatnonzero(is_posed).astype(np.int32)
    near = None
    if scene.camera(camera).rolling_shutter == "global" and len(frames):
        near = near_poses(scene.transform(camera, scene.label_frame, moment) for moment in moments[frames].tolist())
    return Exposures(scene, camera, moments, is_posed, frames, near)


def sightings(seen_by: Exposures, tracks: Sequence[Track]) -> Sightings:
    """What a camera's pictures show of tracks in the scene's label frame."""
    scene, camera, frames = seen_by.scene, seen_by.camera, seen_by.frames
    moments = seen_by.moments_ns[frames]
    time_index, track_index, cuboids = objects_at(tracks, moments, scene.times_ns[frames])
    lens = scene.camera(camera).camera
    xyxy, whole, truncation = np.full((len(cuboids), 4), np.nan), np.full((len(cuboids), 4), np.nan), np.ones(len(cuboids))
    near = seen_by.near
    rates = _rates(tracks, moments, scene.times_ns[frames], time_index, track_index) if near is None else np.zeros((0, 4))
    starts = np.flatnonzero(np.diff(time_index, prepend=-1)).tolist() if near is None else range(0, len(cuboids), _AT_ONCE)
    for first, end in itertools.pairwise([*starts, len(cuboids)]):
        rows = slice(first, end)
        if near is None:
            boxes = _row_by_row(scene, camera, int(moments[time_index[first]]), cuboids[rows], rates[rows])
        else:
            boxes = project_cuboids_each(cuboids[rows], lens, near, time_index[rows])
        xyxy[rows], whole[rows], truncation[rows] = boxes.xyxy, boxes.whole_xyxy, boxes.truncation
    return Sightings(frames[time_index], track_index, cuboids, xyxy, whole, truncation)


def _rates(tracks: Sequence[Track], moments: Int64s, stamps: Int64s, time_index: Int32s, track_index: Int32s) -> Float64s:
    """(R, 4) velocity in the label frame and turn rate of rows of `objects_at`, from a moment before to one after; 0 where only one is known."""
    n = max(len(tracks), 1)
    wanted, ends, known = time_index.astype(np.int64) * n + track_index, [], np.ones(len(time_index), bool)
    for late in (-RATE_STEP_NS, RATE_STEP_NS):
        t, k, cuboids = objects_at(tracks, moments + late, stamps)
        keys = t.astype(np.int64) * n + k
        found = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        known &= keys[found] == wanted if len(keys) else False
        ends.append(np.column_stack([cuboids.center_m, cuboids.yaw_rad])[found] if len(keys) else np.zeros((len(wanted), 4)))
    step = ends[1] - ends[0]
    step[:, 3] = wrap_rad(step[:, 3])
    rates: Float64s = np.where(known[:, None], step / (2e-9 * RATE_STEP_NS), 0.0)
    return rates


def _row_by_row(scene: Scene, camera: str, moment: int, cuboids: Cuboids, rates: Float64s) -> ImageBoxes:
    """Boxes in a picture of a rolling shutter whose middle is exposed at a moment, of cuboids where they are then.

    Tracks in a frame on the vehicle move as it sees them, so it stands for them.
    """
    trajectory = scene.trajectory if scene.label_frame == "world" else None
    sensor = dataclasses.replace(scene.camera(camera), times_ns=None)
    then = Scene("exposure", np.array([moment]), scene.lidars, {camera: sensor}, trajectory)
    frame = scene.label_frame
    return expose_cuboids(then, 0, camera, cuboids, frame, velocity_mps=rates[:, :3], yaw_rate_radps=rates[:, 3])
