"""What a scene is made of, and what must hold of it."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .arrays import Int64s, as_times_ns, check_kind, check_kinds, frozen
from .errors import ArgumentError, CalibrationError, FrameMissing, UnknownName
from .frames import Trajectory
from .image_tracks import ImageTrack, ImageTracks
from .point_labels import MappedPointLabels, NoPointLabels, PointEdit, PointLabelData
from .problems import Problem, within_depth
from .sensors import CameraSensor, Lidar, NoData, SensorData
from .tags import Relation, Tag
from .tracks import Track, Tracks, as_track_list

__all__ = ["SceneFields"]

_DATA = ("points", "image", "has_points", "has_image")
_LABEL_DATA = ("point_labels", "has_point_labels")


@dataclass(frozen=True, eq=False)
class SceneFields:
    """The fields of a Scene, which tells what they are; looked at once, and found by their names."""

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
    tags: Sequence[Tag] = ()
    relations: Sequence[Relation] = ()
    source_attributes: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    problems: Sequence[Problem] = ()
    point_label_data: PointLabelData = field(default_factory=NoPointLabels)
    point_edits: Sequence[PointEdit] = ()
    image_tracks: Sequence[ImageTrack] = ImageTracks()

    def __post_init__(self) -> None:
        self._check_kinds()
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
        self._check_point_labels()
        object.__setattr__(self, "tracks", self._in_label_frame(self.tracks))
        if len(self.track_index) != len(self.tracks):
            twice = next(track.track_id for i, track in enumerate(self.tracks) if self.track_index[track.track_id] != i)
            hint = "give each object an id of its own"
            raise ArgumentError(expected="every track id once", got=f"{twice!r} twice", field="scene.tracks", hint=hint)
        object.__setattr__(self, "image_tracks", ImageTracks(self.image_tracks))
        self._check_pictures()
        self._check_label_frame()

    def _check_kinds(self) -> None:
        """ArgumentError where a field is not what it is said to be; the others are looked at by what makes them."""
        check_kind("scene.name", self.name, str, "a text", "give it a name")
        for what, kind in (("lidars", Lidar), ("cameras", CameraSensor)):
            sensors, hint = getattr(self, what), f"give a dict by their own names: {{x.name: x for x in {what}}}"
            check_kind(f"scene.{what}", sensors, Mapping, f"a mapping of name to {kind.__name__}", hint)
            for name, sensor in sensors.items():
                check_kind(f"scene.{what}[{name!r}]", sensor, kind, f"a {kind.__name__}", hint)
                if sensor.name != name:
                    raise ArgumentError(expected=f"the sensor called {name!r}", got=repr(sensor.name), field=f"scene.{what}", hint=hint)
        check_kind("scene.trajectory", self.trajectory, (Trajectory, type(None)), "a Trajectory, or None", "make one: bw.Trajectory(times_ns, poses)")
        if not all(callable(getattr(self.data, name, None)) for name in _DATA):
            expected, got = f"an object with the methods {', '.join(_DATA)}", f"{self.data!r:.60}"
            raise ArgumentError(expected=expected, got=got, field="scene.data", hint="leave it out for labels alone")
        check_kind("scene.has_time", self.has_time, (bool, np.bool_), "True or False", "False where the frames have no relation in time")
        check_kind("scene.label_frame", self.label_frame, str, "a frame's name", "'world', 'ego', 'lidar' or a sensor's name")
        check_kinds("scene.frame_ids", self.frame_ids, str, "text", "one per frame, or leave them out")
        check_kind("scene.format", self.format, str, "a text", "name the format it was read from")
        check_kind("scene.path", self.path, (str, type(None)), "a text, or None", "pass os.fspath(path)")
        check_kind("scene.source_attributes", self.source_attributes, Mapping, "a mapping", "give a dict of what JSON can hold")
        object.__setattr__(self, "source_attributes", within_depth(self.source_attributes))
        check_kinds("scene.tags", self.tags, Tag, "Tag", "make them: bw.Tag(name, value)")
        check_kinds("scene.relations", self.relations, Relation, "Relation", "make them: bw.Relation(kind, subject, object)")
        check_kinds("scene.notes", self.notes, str, "text", "one sentence each")
        check_kinds("scene.problems", self.problems, Problem, "Problem", "readers make them; leave it out otherwise")

    def _check_point_labels(self) -> None:
        """Looks at where point labels come from, and at the edits, which must be of a frame and a LiDAR of the scene."""
        if isinstance(self.point_label_data, Mapping):
            object.__setattr__(self, "point_label_data", MappedPointLabels(self.point_label_data))
        if not all(callable(getattr(self.point_label_data, name, None)) for name in _LABEL_DATA):
            expected, got = f"an object with the methods {', '.join(_LABEL_DATA)}, or a mapping", f"{self.point_label_data!r:.60}"
            raise ArgumentError(expected=expected, got=got, field="scene.point_label_data", hint="{(0, 'lidar'): labels}")
        check_kinds("scene.point_edits", self.point_edits, PointEdit, "PointEdit", "make them with PointEdit.of_points and so on")
        for k, edit in enumerate(self.point_edits):
            if edit.frame_index >= len(self):
                known, hint = f"a frame within 0..{len(self) - 1}", "leave out edits of frames that are gone"
                raise FrameMissing(expected=known, got=str(edit.frame_index), field=f"scene.point_edits[{k}]", hint=hint)
            self.lidar(edit.sensor)

    def _check_pictures(self) -> None:
        """ArgumentError where labels in pictures, or tags, name a camera that is not there, or an id is taken."""
        for i, track in enumerate(self.image_tracks):
            name, hint = f"image track {track.track_id!r}", "scene.cameras holds the cameras by their names"
            if track.camera not in self.cameras:
                known = f"one of {', '.join(self.cameras) or 'none'}"
                raise ArgumentError("no such camera", expected=known, got=repr(track.camera), field=f"{name}.camera", hint=hint)
            if track.track_id in self.track_index or self.image_track_index[track.track_id] != i:
                hint = f"such as {f'{track.track_id}@{track.camera}'!r}, and say with object_id that they are one object"
                raise ArgumentError(expected="an id of its own", got=f"{track.track_id!r} twice", field="scene.image_tracks", hint=hint)
        for tag in self.tags:
            if tag.camera is not None and tag.camera not in self.cameras:
                known = f"one of {', '.join(self.cameras) or 'none'}, or None"
                raise ArgumentError("no such camera", expected=known, got=repr(tag.camera), field=f"tag {tag.name!r}.camera", hint="add it first")

    def _check_label_frame(self) -> None:
        """ArgumentError where no such frame can be, or tracks lie in one that is not there."""
        known = dict.fromkeys(["world", "ego", "lidar", *self.lidars, *self.cameras])
        if self.label_frame not in known:
            hint = "add the sensor, or bring the tracks into another frame"
            raise ArgumentError(expected=f"one of {', '.join(known)}", got=repr(self.label_frame), field="scene.label_frame", hint=hint)
        if self.label_frame == "world" and self.trajectory is None and self.tracks:
            raise ArgumentError(
                "tracks in the world frame need a trajectory",
                field="scene.trajectory",
                hint="give one, or set label_frame to a sensor's name",
            )
        if self.label_frame == "lidar" and not self.lidars and "lidar" not in self.cameras and self.tracks:
            hint = "add one: lidars={'lidar': bw.Lidar('lidar')}"
            raise ArgumentError("tracks in the LiDAR's frame need a LiDAR", field="scene.lidars", hint=hint)

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

    # ------------------------------------------------------------ by name

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

    @cached_property
    def track_index(self) -> Mapping[str, int]:
        """track_id -> index into `tracks`."""
        return {track.track_id: i for i, track in enumerate(self.tracks)}

    def track(self, track_id: str) -> Track:
        if not isinstance(track_id, str) or track_id not in self.track_index:
            hint = "scene.track_index lists them; by number, scene.tracks[i]"
            raise UnknownName("no such track", got=repr(track_id), field=f"scene {self.name!r}", hint=hint)
        return self.tracks[self.track_index[track_id]]

    @cached_property
    def image_track_index(self) -> Mapping[str, int]:
        """track_id -> index into `image_tracks`."""
        return {track.track_id: i for i, track in enumerate(self.image_tracks)}

    def image_track(self, track_id: str) -> ImageTrack:
        if not isinstance(track_id, str) or track_id not in self.image_track_index:
            hint = "scene.image_track_index lists them; by number, scene.image_tracks[i]"
            raise UnknownName("no such image track", got=repr(track_id), field=f"scene {self.name!r}", hint=hint)
        return self.image_tracks[self.image_track_index[track_id]]
