"""One sweep of a LiDAR, and its motion compensation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Bools, Floats, Int64s, as_array, as_floats, as_points, as_times_ns, frozen, one_time_ns
from .errors import ArgumentError, number_of
from .frames import Pose, Trajectory, as_pose

__all__ = ["Sweep"]

_NO_SHIFT = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Sweep:
    """Points of one turn of a LiDAR. Where boxwright wants (N, 3) points, a Sweep stands for `xyz + origin_m`; `np.asarray(sweep)` is `xyz` alone.

    xyz : (N, 3) float32 or float64, metres, in `frame`; read-only
    timestamp_ns : the moment the sweep is stamped with, int64 nanoseconds
    frame : name of the frame the points are given in, "lidar", "ego" or a sensor's name
    intensity : (N,) as the sensor gave it, or None
    time_offset_ns : (N,) int64, a point's own time minus `timestamp_ns`, or None where the recording does not tell
    fields : further values per point (ring, return number, ...), each (N,)
    is_deskewed : the vehicle's own motion is taken out already: the points lie where the instant `timestamp_ns` would have seen the standing
        world, and `time_offset_ns` tells when each was really seen
    origin_m : (3,) float64, added to `xyz` to get the places in `frame`, as every verb does; lets UTM clouds keep millimetres
    """

    xyz: Floats
    timestamp_ns: int = 0
    frame: str = "lidar"
    intensity: NDArray[Any] | None = None
    time_offset_ns: Int64s | None = None
    fields: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    origin_m: tuple[float, float, float] = _NO_SHIFT
    is_deskewed: bool = False

    def __post_init__(self) -> None:
        xyz = as_points("xyz", self.xyz)
        object.__setattr__(self, "xyz", frozen(xyz))
        object.__setattr__(self, "timestamp_ns", one_time_ns("timestamp_ns", self.timestamp_ns))
        if self.origin_m is not _NO_SHIFT:
            object.__setattr__(self, "origin_m", tuple(as_floats("origin_m", self.origin_m, (3,)).tolist()))
        if self.intensity is not None:
            object.__setattr__(self, "intensity", self._column("intensity", self.intensity))
        if self.time_offset_ns is not None:
            object.__setattr__(self, "time_offset_ns", self._column("time_offset_ns", as_times_ns("time_offset_ns", self.time_offset_ns)))
        if not isinstance(self.fields, Mapping):
            raise ArgumentError(expected="a mapping of names to columns", got=type(self.fields).__name__, field="fields", hint="{'ring': ring}")
        if not isinstance(self.frame, str):
            raise ArgumentError(expected="a frame's name", got=repr(self.frame), field="frame", hint="'lidar', 'ego' or a sensor's name")
        if not isinstance(self.is_deskewed, (bool, np.bool_)):
            raise ArgumentError(expected="True or False", got=repr(self.is_deskewed)[:60], field="is_deskewed")
        object.__setattr__(self, "fields", {name: self._column(name, column) for name, column in self.fields.items()})

    def _column(self, name: str, values: Any) -> NDArray[Any]:
        wanted = f"({len(self.xyz)},), one value per point"
        column: NDArray[Any] = frozen(as_array(name, values, wanted))
        if column.shape != (len(self.xyz),):
            raise ArgumentError(expected=wanted, got=f"shape {column.shape}", field=name, hint="leave out the same rows as in xyz")
        return column

    def __len__(self) -> int:
        return len(self.xyz)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        return np.array(self.xyz, dtype=dtype, copy=copy)

    @property
    def is_finite(self) -> Bools:
        """(N,) bool; the others are kept, and never inside, visible or fitted."""
        finite = np.isfinite(self.xyz)
        return np.asarray(finite[:, 0] & finite[:, 1] & finite[:, 2])

    def transformed(self, target_from_source: Pose, frame: str) -> Sweep:
        """The same points in another frame, float64; the origin is turned with them, so that the digits of `xyz` stay small."""
        pose = as_pose("target_from_source", target_from_source)
        return dataclasses.replace(self, xyz=pose.apply(self.xyz), frame=frame, origin_m=tuple(pose.rotate(self.origin_m)))

    def deskewed(self, world_from_ego: Trajectory, ego_from_sweep: Pose | None = None, *, time_ns: int | None = None) -> Sweep:
        """The points of the standing world as one instant would have seen them, in the sweep's own frame at `time_ns`, float64; `origin_m` stays.

        world_from_ego : poses that cover the time of every point; TimeError otherwise
        ego_from_sweep : where the sweep's frame sits on the vehicle; the identity where the points are in the ego frame
        time_ns : the instant, by default the sweep's own stamp
        Each point keeps its own time. A sweep that is deskewed already is moved to the instant as a whole.
        """
        if self.time_offset_ns is None and not self.is_deskewed:
            raise ArgumentError(
                "the sweep has no time per point, so its motion cannot be compensated",
                field="time_offset_ns",
                hint="use it as it is, or give time_offset_ns",
            )
        from .kernels import poses

        mount = Pose.identity() if ego_from_sweep is None else as_pose("ego_from_sweep", ego_from_sweep)
        if not isinstance(world_from_ego, Trajectory):
            raise ArgumentError(
                expected="a Trajectory", got=type(world_from_ego).__name__, field="world_from_ego", hint="a scene's is scene.trajectory"
            )
        instant = self.timestamp_ns if time_ns is None else one_time_ns("time_ns", time_ns)
        sweep_from_world = (world_from_ego.at(instant) @ mount).inverse()
        offsets = np.zeros(1, np.int64) if self.is_deskewed or self.time_offset_ns is None else self.time_offset_ns
        stamps, which = _distinct(offsets)
        rotation, translation = world_from_ego.sample(stamps + self.timestamp_ns)
        # one small pose per distinct stamp: sweep(instant) from sweep(stamp); composed first, so that the world's large numbers cancel
        rotation, translation = rotation @ mount.rotation, rotation @ mount.translation_m + translation
        translation = (translation - world_from_ego.at(instant).apply(mount.translation_m)) @ sweep_from_world.rotation.T
        rotation = sweep_from_world.rotation @ rotation
        translation = translation + (rotation - np.eye(3)) @ np.array(self.origin_m)  # the origin turns too; it is added again afterwards
        which = np.zeros(len(self), np.int64) if len(stamps) == 1 else which
        xyz = np.empty((len(self), 3))
        poses.apply_each(self.xyz, which, np.ascontiguousarray(rotation), np.ascontiguousarray(translation), xyz)
        late = None if self.time_offset_ns is None else self.time_offset_ns + (self.timestamp_ns - instant)
        return dataclasses.replace(self, xyz=xyz, timestamp_ns=instant, time_offset_ns=late, is_deskewed=True)

    def __repr__(self) -> str:
        return f"Sweep({number_of(len(self), 'point')}, frame={self.frame!r}, timestamp_ns={self.timestamp_ns})"


def _distinct(offsets_ns: Int64s) -> tuple[Int64s, Int64s]:
    """Times, each once and increasing, and (N,) which of them each point has. Points that come as time goes by are not sorted once more."""
    steps = np.diff(offsets_ns)
    if len(steps) and (steps >= 0).all():
        which = np.concatenate([[0], np.cumsum(steps > 0)])
        return offsets_ns[np.concatenate([[True], steps > 0])], which
    stamps, which = np.unique(offsets_ns, return_inverse=True)
    return stamps, which
