"""One clip: sensors, frames, where the vehicle was, and the labels.

Frames of reference a scene can name: "world", "ego", "lidar" (the first LiDAR), and every sensor by its own name.

A frame on the vehicle moves with it, so it belongs to a moment: a frame's stamp, but for a camera its own exposure of that frame.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s, one_time_ns
from .cameras import UncalibratedCamera
from .cuboids import Cuboids
from .errors import ArgumentError, FrameMissing, TimeError, UnknownName, number_of
from .frames import Pose, Trajectory
from .image_tracks import ImageTracks
from .point_labels import PointLabels
from .points import Sweep
from .scene_fields import SceneFields
from .scene_labels import FrameLabels, ShapeLabels, boxes_of, shapes_at
from .sensors import CameraFrames, CameraSensor, Lidar, NoData, SensorData
from .tags import Relation, Tag
from .terrain import Ground, KeptGrounds, ground
from .tracks import interpolate_tracks

__all__ = ["CameraSensor", "FrameLabels", "Lidar", "NoData", "Relation", "Scene", "SensorData", "ShapeLabels", "Tag"]


@dataclass(frozen=True, eq=False)
class Scene(SceneFields):
    """One clip.

    times_ns : (F,) int64, increasing; the frames' stamps. Unrelated frames have times_ns = index and has_time False
    lidars, cameras : sensors with calibration, in order; the first LiDAR is "lidar"
    trajectory : world_from_ego over time, or None
    tracks : the labels; in the world frame where there is a trajectory, else in the frame `label_frame` of each frame's own moment
    image_tracks : the labels in pictures, at the exposures of their cameras; no id is that of another track, of cuboids or in pictures
    tags : what holds of the clip, of frames, of intervals
    data : where points and pictures come from
    point_label_data : where labels of single points come from; a mapping (frame index, sensor) -> PointLabels is taken too
    point_edits : edits by hand of point labels, applied one after the other when `bw.segment` makes them from the cuboids
    frame_ids : F names of the frames in their files
    source_attributes : what a file said that boxwright has no name for
    notes : what the reader had to assume or leave out, one sentence each
    problems : records left out when reading with `strict=False`, each with its error
    """

    def __repr__(self) -> str:
        sensors = ", ".join([*self.lidars, *self.cameras])
        counts = f"{number_of(len(self), 'frame')}, {number_of(len(self.tracks), 'track')}"
        return f"Scene({self.name!r}, {counts}, sensors: {sensors or 'none'}, format={self.format!r})"

    def replace(self, **changes: Any) -> Scene:
        """A copy with some fields new."""
        changed = dataclasses.replace(self, **changes)
        is_same = all(getattr(changed, name) is getattr(self, name) for name in ("data", "lidars", "trajectory"))
        if is_same and np.array_equal(changed.times_ns, self.times_ns):
            changed.__dict__["_grounds"] = self._grounds
        return changed

    # ------------------------------------------------------------ sensor data

    def points(self, frame_index: int, sensor: str = "lidar") -> Sweep:
        """The sweep of a frame, loaded now, in the sensor's own frame. FrameMissing where there is none."""
        return self.data.points(self._frame(frame_index), self.lidar(sensor).name)

    def still_points(self, frame_index: int, sensor: str = "lidar") -> Sweep:
        """The sweep of a frame as its stamp would have seen the standing world, so that points lie where the frame's cuboids do.

        It is as `points` gives it where the recording does not tell when its points were seen, or where the vehicle was at these moments.
        """
        i, lidar = self._frame(frame_index), self.lidar(sensor)
        sweep, time_ns = self.data.points(i, lidar.name), int(self.times_ns[i])
        offset = np.zeros(1, np.int64) if sweep.is_deskewed else sweep.time_offset_ns
        if self.trajectory is None or offset is None or not len(offset) or (sweep.is_deskewed and sweep.timestamp_ns == time_ns):
            return sweep
        moments = [time_ns, sweep.timestamp_ns + int(offset.min()), sweep.timestamp_ns + int(offset.max())]
        return sweep.deskewed(self.trajectory, lidar.ego_from_lidar, time_ns=time_ns) if self.trajectory.covers(moments).all() else sweep

    def ground(self, frame_index: int, sensor: str = "lidar") -> Ground:
        """The ground under `still_points` of a frame, as `bw.ground` finds it: found once, and kept for the next click.

        The last 32 MiB are kept, of about 100 frames, and shared with copies that `replace` makes. FrameMissing where there is no sweep,
        GeometryError where it has fewer than three finite points.
        """
        i, name = self._frame(frame_index), self.lidar(sensor).name
        return self._grounds.get(i, name, lambda: ground(self.still_points(i, name)))

    @cached_property
    def _grounds(self) -> KeptGrounds:
        return KeptGrounds()

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """(H, W, 3) uint8 RGB, loaded now. FrameMissing where there is none."""
        return self.data.image(self._frame(frame_index), self.camera(camera).name)

    def frames(self, camera: str) -> CameraFrames:
        """The pictures of one camera, as a `FrameSource`: by index, or by the time of exposure."""
        sensor = self.camera(camera)
        times_ns = self.times_ns if sensor.times_ns is None else sensor.times_ns
        return CameraFrames(times_ns, sensor.camera.size_px, partial(self.image, camera=sensor.name))

    def has_points(self, frame_index: int, sensor: str = "lidar") -> bool:
        i = self._frame(frame_index)
        return bool(self.lidars) and self.data.has_points(i, self.lidar(sensor).name)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.data.has_image(self._frame(frame_index), self.camera(camera).name)

    def point_labels(self, frame_index: int, sensor: str = "lidar") -> PointLabels:
        """The labels of the points of a sweep, loaded now, as they are kept: one per point, in the order of `points`. FrameMissing where there are
        none; `bw.segment` makes them from the cuboids."""
        return self.point_label_data.point_labels(self._frame(frame_index), self.lidar(sensor).name)

    def has_point_labels(self, frame_index: int, sensor: str = "lidar") -> bool:
        i = self._frame(frame_index)
        return bool(self.lidars) and self.point_label_data.has_point_labels(i, self.lidar(sensor).name)

    def _frame(self, frame_index: int) -> int:
        if isinstance(frame_index, bool) or not isinstance(frame_index, (int, np.integer)):
            hint = "for the frame nearest to a time, scene.nearest_frame(time_ns)"
            raise ArgumentError(expected="a frame's index", got=repr(frame_index), field="frame_index", hint=hint)
        if not len(self):
            raise FrameMissing("the scene has no frames", got=str(frame_index), field=f"scene {self.name!r}", hint="read one that has")
        if not -len(self) <= frame_index < len(self):
            known, hint = f"a frame within 0..{len(self) - 1}", "len(scene) tells how many there are"
            raise FrameMissing(expected=known, got=str(frame_index), field=f"scene {self.name!r}", hint=hint)
        return int(frame_index) % len(self)

    # ------------------------------------------------------------ frames of reference

    def ego_from(self, frame: str) -> Pose:
        """Where a sensor sits on the vehicle. CalibrationError for a camera that is not calibrated."""
        if frame == "ego":
            return Pose.identity()
        if not isinstance(frame, str):
            raise ArgumentError(expected="a frame's name", got=repr(frame), field="frame", hint="'world', 'ego', 'lidar' or a sensor's name")
        if frame in self.cameras:
            sensor = self.cameras[frame]
            if isinstance(sensor.camera, UncalibratedCamera):
                sensor.camera.refuse(f"camera {frame}")
            return sensor.ego_from_cam
        if frame in self.lidars or (frame == "lidar" and self.lidars):
            return self.lidar(frame).ego_from_lidar
        raise UnknownName(
            "no such frame of reference",
            expected=f"world, ego, lidar, or one of {', '.join([*self.lidars, *self.cameras]) or 'no sensors'}",
            got=repr(frame),
            field=f"scene {self.name!r}",
            hint="scene.lidars and scene.cameras list the sensors",
        )

    def world_from_ego(self, time_ns: int) -> Pose:
        """Where the vehicle was. TimeError outside the trajectory, FrameMissing where the scene has no poses."""
        return self._poses().at(one_time_ns("time_ns", time_ns))

    def _poses(self) -> Trajectory:
        if self.trajectory is None:
            raise FrameMissing(
                "the scene has no ego poses, so it has no world frame",
                field=f"scene {self.name!r}",
                hint="use the sensor's frame",
            )
        return self.trajectory

    def transform(self, target: str, source: str, time_ns: int, *, target_time_ns: int | None = None) -> Pose:
        """target_from_source, each at its own moment (by default the same).

        With two moments the ego motion between them is in the pose; without a trajectory two different moments are refused.
        """
        target_time = time_ns if target_time_ns is None else target_time_ns
        if target == source and target_time == time_ns:
            return Pose.identity()
        if "world" not in (target, source) and target_time == time_ns:
            return self.ego_from(target).inverse() @ self.ego_from(source)
        left = Pose.identity() if target == "world" else self.world_from_ego(target_time) @ self.ego_from(target)
        right = Pose.identity() if source == "world" else self.world_from_ego(time_ns) @ self.ego_from(source)
        return left.inverse() @ right

    def cam_from(self, frame_index: int, camera: str, source: str = "lidar") -> Pose:
        """cam_from_source for a frame: the source at the frame's stamp, the camera at its own exposure, ego motion between them included."""
        i = self._frame(frame_index)
        stamp, exposure = int(self.times_ns[i]), int(self.exposures_ns(camera)[i])
        if self.trajectory is None:
            exposure = stamp
        return self.transform(camera, source, stamp, target_time_ns=exposure)

    def exposures_ns(self, camera: str) -> Int64s:
        """(F,) int64, when a camera exposed each frame: the frames' stamps where it fires with them."""
        times = self.camera(camera).times_ns
        return self.times_ns if times is None else times

    # ------------------------------------------------------------ labels

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted({track.category for track in self.tracks}))

    def labels(self, frame_index: int, frame: str = "lidar") -> FrameLabels:
        """The cuboids of a frame with the tracks they belong to, in any named frame; tracks between keyframes are interpolated.

        Objects are where they were at the frame's stamp; a camera sees them from where it was at its exposure, as `cam_from` does. So
        `scene.cuboids(i, "front")` are `scene.cuboids(i, "lidar")` transformed by `scene.cam_from(i, "front")`. A frame without labels needs no pose.
        """
        i = self._frame(frame_index)
        many = interpolate_tracks(self.tracks, self.times_ns[i : i + 1])
        frame = next(iter(self.lidars)) if frame == "lidar" and "lidar" not in self.lidars and self.lidars else frame
        if not self.tracks:
            cuboids = Cuboids.empty(frame)
        elif frame == self.label_frame:
            cuboids = many.cuboids
        elif not len(many):  # known by name, though the moment need not have a pose
            _ = self._poses() if frame == "world" else self.ego_from(frame)
            cuboids = Cuboids.empty(frame)
        elif frame in self.cameras:
            cuboids = many.cuboids.transformed(self.cam_from(i, frame, self.label_frame), frame=frame)
        else:
            cuboids = many.cuboids.transformed(self.transform(frame, self.label_frame, int(self.times_ns[i])), frame=frame)
        return FrameLabels(cuboids, many.track_index, many.state)

    def cuboids(self, frame_index: int, frame: str = "lidar") -> Cuboids:
        """The cuboids of a frame, in any named frame."""
        return self.labels(frame_index, frame).cuboids

    def shapes(self, frame_index: int, camera: str) -> list[ShapeLabels]:
        """The labels of a picture, at the camera's exposure, one ShapeLabels for each kind of shape that has any; between keyframes they are
        interpolated.
        """
        when = self.exposures_ns(camera)[self._frame(frame_index)][None]
        return shapes_at(ImageTracks(self.image_tracks), camera, when)

    def boxes(self, frame_index: int, camera: str) -> ShapeLabels:
        """All labels of a picture as Boxes, of whatever kind their shapes are, in the order of `image_tracks`. Labels without a pixel have none."""
        return boxes_of(self.shapes(frame_index, camera))

    def tags_at(self, frame_index: int, camera: str | None = None) -> list[Tag]:
        """The tags that hold at a frame: those of the clip, and those whose span it lies in; with a camera, also those of its pictures."""
        i = self._frame(frame_index)
        stamp, exposure = int(self.times_ns[i]), 0 if camera is None else int(self.exposures_ns(camera)[i])
        return [tag for tag in self.tags if tag.camera in (None, camera) and tag.holds_at(stamp if tag.camera is None else exposure)]

    def lidar_origins_m(self, frame: str = "lidar") -> Float64s:
        """(L, 3) where the light of all LiDARs comes from, in a frame on the vehicle."""
        target = self.ego_from(frame).inverse()
        places = [(target @ lidar.ego_from_lidar).apply(lidar.origins_m) for lidar in self.lidars.values()]
        return np.concatenate(places) if places else np.zeros((0, 3))

    def nearest_frame(self, time_ns: int) -> int:
        """The frame whose stamp is nearest. TimeError for a scene without frames."""
        if not len(self):
            raise TimeError("the scene has no frames", field=f"scene {self.name!r}", hint="read one that has")
        time = one_time_ns("time_ns", time_ns)
        later = int(np.searchsorted(self.times_ns, time))
        return min(range(max(later - 1, 0), min(later + 1, len(self))), key=lambda i: abs(int(self.times_ns[i]) - time))
