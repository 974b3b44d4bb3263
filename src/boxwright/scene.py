"""One clip: sensors, frames, where the vehicle was, and the labels.

Frames of reference a scene can name: "world", "ego", "lidar" (the first LiDAR), and every sensor by its own name.

A frame on the vehicle moves with it, so it belongs to a moment: a frame's stamp, but for a camera its own exposure of that frame.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from .arrays import Float64s, Int32s, Int64s, UInt8s, as_times_ns, frozen, one_time_ns
from .cameras import Camera
from .cuboids import Cuboids
from .errors import ArgumentError, CalibrationError, FrameMissing, TimeError, UnknownName
from .frames import Pose, Trajectory
from .points import Sweep
from .problems import Problem
from .tracks import Track, Tracks, as_track_list, interpolate_tracks

__all__ = ["CameraSensor", "FrameLabels", "Lidar", "Relation", "Scene", "SensorData"]


@dataclass(frozen=True)
class Lidar:
    """A LiDAR on the vehicle, or several whose points come as one cloud.

    ego_from_lidar : where the frame of its points sits; the identity where its points come in the ego frame
    origins_m : where its light comes from, one place for each unit, in the frame of its points
    """

    name: str
    ego_from_lidar: Pose = field(default_factory=Pose.identity)
    origins_m: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),)


@dataclass(frozen=True, eq=False)
class CameraSensor:
    """A camera on the vehicle.

    camera : its intrinsics
    ego_from_cam : where it sits
    times_ns : (F,) int64, when it exposed each frame; None where it fires with the frames
    """

    name: str
    camera: Camera
    ego_from_cam: Pose
    times_ns: Int64s | None = None


@dataclass(frozen=True)
class Relation:
    """`subject` does `kind` to `object` (track ids) in a span of time, or always where the span is None."""

    kind: str
    subject: str
    object: str
    span_ns: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class FrameLabels:
    """The labels of one frame; rows go together.

    cuboids : M cuboids
    track_index : (M,) int32 into scene.tracks
    state : (M,) of tracks.State
    """

    cuboids: Cuboids
    track_index: Int32s
    state: UInt8s


class SensorData(Protocol):
    """Where a scene gets its points and pictures from, when asked."""

    def points(self, frame_index: int, sensor: str) -> Sweep: ...

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]: ...

    def has_points(self, frame_index: int, sensor: str) -> bool: ...

    def has_image(self, frame_index: int, camera: str) -> bool: ...


class NoData:
    """For scenes made of labels alone."""

    def points(self, frame_index: int, sensor: str) -> Sweep:
        raise FrameMissing("no sweep", field=f"frame {frame_index}, {sensor}", hint="this scene is labels alone")

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        raise FrameMissing("no image", field=f"frame {frame_index}, {camera}", hint="this scene is labels alone")

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return False

    def has_image(self, frame_index: int, camera: str) -> bool:
        return False


@dataclass(frozen=True, eq=False)
class Scene:
    """One clip.

    times_ns : (F,) int64, increasing; the frames' stamps. Unrelated frames have times_ns = index and has_time False
    lidars, cameras : sensors with calibration, in order; the first LiDAR is "lidar"
    trajectory : world_from_ego over time, or None
    tracks : the labels; in the world frame where there is a trajectory, else in the frame `label_frame` of each frame's own moment
    data : where points and pictures come from
    frame_ids : F names of the frames in their files
    source_attributes : what a file said that boxwright has no name for
    notes : what the reader had to assume or leave out, one sentence each
    problems : records left out when reading with `strict=False`, each with its error
    """

    name: str
    times_ns: Int64s
    lidars: Mapping[str, Lidar] = field(default_factory=dict)
    cameras: Mapping[str, CameraSensor] = field(default_factory=dict)
    trajectory: Trajectory | None = None
    tracks: Sequence[Track] = Tracks()
    data: SensorData = field(default_factory=NoData)
    has_time: bool = True
    label_frame: str = "world"
    frame_ids: Sequence[str] = ()
    format: str = "boxwright"
    path: str | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)
    relations: Sequence[Relation] = ()
    source_attributes: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    problems: Sequence[Problem] = ()

    def __post_init__(self) -> None:
        times = as_times_ns("scene.times_ns", self.times_ns, increasing=True)
        object.__setattr__(self, "times_ns", frozen(times.copy()))
        if not self.frame_ids:
            object.__setattr__(self, "frame_ids", tuple(f"{i:06d}" for i in range(len(times))))
        if len(self.frame_ids) != len(times):
            hint = "one per frame, or leave them out"
            raise ArgumentError(expected=f"{len(times)} frame ids", got=str(len(self.frame_ids)), field="scene.frame_ids", hint=hint)
        for name, sensor in self.cameras.items():
            if sensor.times_ns is not None and len(sensor.times_ns) != len(times):
                wanted, hint = f"{len(times)} exposure times", "one per frame, or None where it fires with the frames"
                raise ArgumentError(expected=wanted, got=str(len(sensor.times_ns)), field=f"camera {name}.times_ns", hint=hint)
        object.__setattr__(self, "tracks", self._in_label_frame(self.tracks))
        if len(self.track_index) != len(self.tracks):
            twice = next(track.track_id for i, track in enumerate(self.tracks) if self.track_index[track.track_id] != i)
            hint = "give each object an id of its own"
            raise ArgumentError(expected="every track id once", got=f"{twice!r} twice", field="scene.tracks", hint=hint)
        if self.label_frame == "world" and self.trajectory is None and self.tracks:
            raise ArgumentError(
                "tracks in the world frame need a trajectory",
                field="scene.trajectory",
                hint="give one, or set label_frame to a sensor's name",
            )

    def _in_label_frame(self, tracks: Iterable[Track]) -> Tracks:
        """Cuboids of no named frame are taken to be in the label frame; those of another are refused."""
        labelled = []
        for track in as_track_list(tracks):
            if track.cuboids.frame is None:
                track = track.replace(cuboids=track.cuboids.replace(frame=self.label_frame))
            elif track.cuboids.frame != self.label_frame:
                raise ArgumentError(
                    expected=f"cuboids in the scene's label frame {self.label_frame!r}",
                    got=f"{track.cuboids.frame!r}",
                    field=f"track {track.track_id!r}",
                    hint="bring them there with .transformed(), or name another label_frame",
                )
            labelled.append(track)
        return tracks if isinstance(tracks, Tracks) and all(map(operator.is_, labelled, tracks)) else Tracks(labelled)

    def __len__(self) -> int:
        return len(self.times_ns)

    def __repr__(self) -> str:
        sensors = ", ".join([*self.lidars, *self.cameras])
        return f"Scene({self.name!r}, {len(self)} frames, {len(self.tracks)} tracks, sensors: {sensors or 'none'}, format={self.format!r})"

    def replace(self, **changes: Any) -> Scene:
        """A copy with some fields new."""
        return dataclasses.replace(self, **changes)

    # ------------------------------------------------------------ sensor data

    def points(self, frame_index: int, sensor: str = "lidar") -> Sweep:
        """The sweep of a frame, loaded now, in the sensor's own frame. FrameMissing where there is none."""
        return self.data.points(self._frame(frame_index), self.lidar(sensor).name)

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """(H, W, 3) uint8 RGB, loaded now. FrameMissing where there is none."""
        return self.data.image(self._frame(frame_index), self.camera(camera).name)

    def has_points(self, frame_index: int, sensor: str = "lidar") -> bool:
        return bool(self.lidars) and self.data.has_points(self._frame(frame_index), self.lidar(sensor).name)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.data.has_image(self._frame(frame_index), self.camera(camera).name)

    def camera(self, name: str) -> CameraSensor:
        """A camera by name. CalibrationError where the scene has no calibration for it."""
        if not isinstance(name, str) or name not in self.cameras:
            raise CalibrationError(
                "no such camera, or no calibration for it",
                expected=f"one of {', '.join(self.cameras) or 'none'}",
                got=repr(name),
                field=f"scene {self.name!r}",
                hint="scene.cameras lists them",
            )
        return self.cameras[name]

    def lidar(self, name: str) -> Lidar:
        """A LiDAR by name; "lidar" is the first. FrameMissing where there is none."""
        if isinstance(name, str) and name in self.lidars:
            return self.lidars[name]
        if name == "lidar" and self.lidars:
            return next(iter(self.lidars.values()))
        known, hint = f"one of {', '.join(self.lidars) or 'none'}", "scene.lidars lists them"
        raise FrameMissing("no such LiDAR", expected=known, got=repr(name), field=f"scene {self.name!r}", hint=hint)

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
        """Where a sensor sits on the vehicle."""
        if frame == "ego":
            return Pose.identity()
        if not isinstance(frame, str):
            raise ArgumentError(expected="a frame's name", got=repr(frame), field="frame", hint="'world', 'ego', 'lidar' or a sensor's name")
        if frame in self.cameras:
            return self.cameras[frame].ego_from_cam
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
        i, sensor = self._frame(frame_index), self.camera(camera)
        stamp = int(self.times_ns[i])
        exposure = stamp if sensor.times_ns is None else int(sensor.times_ns[i])
        if self.trajectory is None:
            exposure = stamp
        return self.transform(camera, source, stamp, target_time_ns=exposure)

    # ------------------------------------------------------------ labels

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(sorted({track.category for track in self.tracks}))

    @cached_property
    def track_index(self) -> Mapping[str, int]:
        """track_id -> index into `tracks`."""
        return {track.track_id: i for i, track in enumerate(self.tracks)}

    def track(self, track_id: str) -> Track:
        if not isinstance(track_id, str) or track_id not in self.track_index:
            hint = "scene.track_index lists them; by number, scene.tracks[i]"
            raise UnknownName("no such track", got=repr(track_id), field=f"scene {self.name!r}", hint=hint)
        return self.tracks[self.track_index[track_id]]

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
