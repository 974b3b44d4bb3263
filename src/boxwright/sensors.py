"""What a scene sees with: LiDARs and cameras with their places on the vehicle, and where points and pictures come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from .arrays import Int64s, as_floats, as_times_ns, check_kind, frozen, one_index, one_time_ns
from .cameras import Camera, UncalibratedCamera
from .errors import ArgumentError, FrameMissing, TimeError
from .frames import Pose
from .points import Sweep

__all__ = ["CameraFrames", "CameraSensor", "Lidar", "NoData", "SensorData"]

SHUTTERS = ("global", "top_to_bottom", "bottom_to_top", "left_to_right", "right_to_left")
MOST_READOUT_NS = 10**9
_NAME_HINT = "give it a name"
_POSE_HINT = "make one: bw.Pose(rotation, translation_m)"


@dataclass(frozen=True)
class Lidar:
    """A LiDAR on the vehicle, or several whose points come as one cloud.

    ego_from_lidar : where the frame of its points sits; the identity where its points come in the ego frame
    origins_m : where its light comes from, one place for each unit, in the frame of its points
    """

    name: str
    ego_from_lidar: Pose = field(default_factory=Pose.identity)
    origins_m: tuple[tuple[float, float, float], ...] = ((0.0, 0.0, 0.0),)

    def __post_init__(self) -> None:
        check_kind("lidar.name", self.name, str, "a text", _NAME_HINT)
        check_kind(f"lidar {self.name}.ego_from_lidar", self.ego_from_lidar, Pose, "a Pose", _POSE_HINT)
        origins = as_floats(f"lidar {self.name}.origins_m", self.origins_m, (None, 3))
        if not len(origins):
            raise ArgumentError(expected="at least one place", got="none", field=f"lidar {self.name}.origins_m", hint="leave it out for the origin")
        object.__setattr__(self, "origins_m", tuple(map(tuple, origins.tolist())))


@dataclass(frozen=True, eq=False)
class CameraSensor:
    """A camera on the vehicle.

    camera : its intrinsics
    ego_from_cam : where it sits; may be left out for an UncalibratedCamera, of which nobody asks it
    times_ns : (F,) int64, when it exposed each frame; None where it fires with the frames. With a rolling shutter the moment of the picture's middle
    readout_ns : from its first row (or column) to its last; 0 for a global shutter
    rolling_shutter : which way it reads: "global", "top_to_bottom", "bottom_to_top", "left_to_right" or "right_to_left"
    """

    name: str
    camera: Camera
    ego_from_cam: Pose = None  # type: ignore[assignment]
    times_ns: Int64s | None = None
    readout_ns: int = 0
    rolling_shutter: str = "global"

    def __post_init__(self) -> None:
        check_kind("camera.name", self.name, str, "a text", _NAME_HINT)
        check_kind(f"camera {self.name}.camera", self.camera, Camera, "a camera model such as PinholeCamera", "make one from its intrinsics")
        if cast(Any, self.ego_from_cam) is None and isinstance(self.camera, UncalibratedCamera):
            object.__setattr__(self, "ego_from_cam", Pose.identity())
        check_kind(f"camera {self.name}.ego_from_cam", self.ego_from_cam, Pose, "a Pose", _POSE_HINT)
        if self.times_ns is not None:
            object.__setattr__(self, "times_ns", frozen(as_times_ns(f"camera {self.name}.times_ns", self.times_ns).copy()))
        if self.rolling_shutter not in SHUTTERS:
            wanted, field = f"one of {', '.join(SHUTTERS)}", f"camera {self.name}.rolling_shutter"
            raise ArgumentError(expected=wanted, got=repr(self.rolling_shutter)[:60], field=field, hint="which way the picture is read")
        readout = one_time_ns(f"camera {self.name}.readout_ns", self.readout_ns)
        if not 0 <= readout <= MOST_READOUT_NS or (readout > 0) == (self.rolling_shutter == "global"):
            wanted = f"from 1 to {MOST_READOUT_NS} with a rolling shutter, 0 with a global one"
            got, field = f"{readout} with {self.rolling_shutter}", f"camera {self.name}.readout_ns"
            raise ArgumentError(expected=wanted, got=got, field=field, hint="nanoseconds from the first row to the last")
        object.__setattr__(self, "readout_ns", readout)


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
class CameraFrames:
    """The pictures of one camera of a scene; the same interface as a `Video`.

    times_ns : (F,) int64, when each was exposed
    size_px : (width, height) of every picture
    picture : what gives one by its index
    """

    times_ns: Int64s
    size_px: tuple[int, int]
    picture: Callable[[int], np.ndarray[Any, np.dtype[np.uint8]]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.times_ns)

    def frame(self, index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """(H, W, 3) uint8 RGB. IndexMissing past the end, FrameMissing where the camera has no picture there."""
        return self.picture(one_index("frame", index, len(self)))

    def index_at(self, time_ns: int) -> int:
        """The last one that is not later. TimeError before the first, and from a usual step after the last."""
        time = one_time_ns("time_ns", time_ns)
        if not len(self):
            raise TimeError("there are no frames", field="time_ns", hint="choose a scene that has some")
        before = np.flatnonzero(self.times_ns <= time)
        i = int(before[np.argmax(self.times_ns[before])]) if len(before) else -1
        first, last = int(self.times_ns.min()), int(self.times_ns.max())
        end = last + max(int(np.median(np.diff(self.times_ns))) if len(self) > 1 else 1, 1)
        if not first <= time < end:
            expected = f"a time from {first} up to {end} ns"
            raise TimeError(expected=expected, got=f"{time} ns", field="time_ns", hint="scene.times_ns tells when frames are")
        return i

    def frame_at(self, time_ns: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The picture on show at a time."""
        return self.frame(self.index_at(time_ns))
