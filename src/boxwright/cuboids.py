"""Cuboids: geometric centre, size along the own axes, rotation, and the name of the frame they are given in.

         z (up)               corner order (nuScenes, Argoverse 2):
         |  x (ahead)           0 (+,+,+)   4 (-,+,+)
     5---|--/----1              1 (+,-,+)   5 (-,-,+)
    /|   | /    /|              2 (+,-,-)   6 (-,-,-)
   4-----------0 |              3 (+,+,-)   7 (-,+,-)
y--| |   +     | |
   | 6---------|-2            corners 0-3 are the front face, 4-7 the rear;
   |/          |/             edges join 0-1-2-3-0, 4-5-6-7-4 and i with i + 4
   7-----------3              length along x, width along y, height along z
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from . import rotations
from .arrays import ArrayLike, Bools, Float64s, as_array, as_floats, frozen, one_index, some_rows
from .errors import ArgumentError, ExtraMissing, GeometryError
from .frames import Pose, as_pose, unit_quats

__all__ = ["CORNER_SIGNS", "EDGES", "Cuboid", "Cuboids", "as_cuboids", "same_frame", "table_library"]

CORNER_SIGNS: Float64s = frozen(np.array([(x, y, z) for x in (1.0, -1.0) for y, z in ((1, 1), (-1, 1), (-1, -1), (1, -1))]))
EDGES: tuple[tuple[int, int], ...] = (
    *((0, 1), (1, 2), (2, 3), (3, 0)),
    *((4, 5), (5, 6), (6, 7), (7, 4)),
    *((0, 4), (1, 5), (2, 6), (3, 7)),
)


@dataclass(frozen=True, eq=False, init=False)
class Cuboid:
    """One cuboid: a row of Cuboids, with the same names and the same checks. Arrays are read-only.

    center_m, size_m : (3,) metres
    yaw_rad : one number; or quat_wxyz : (4,)
    """

    center_m: Float64s
    size_m: Float64s
    quat_wxyz: Float64s
    yaw_rad: float
    frame: str | None = None

    def __init__(
        self,
        center_m: ArrayLike,
        size_m: ArrayLike,
        yaw_rad: float | None = None,
        *,
        quat_wxyz: ArrayLike | None = None,
        frame: str | None = None,
    ) -> None:
        center, size = as_floats("center_m", center_m, (3,)), as_floats("size_m", size_m, (3,))
        yaw = None if yaw_rad is None else as_floats("yaw_rad", yaw_rad, ())
        quat = None if quat_wxyz is None else as_floats("quat_wxyz", quat_wxyz, (4,))[None]
        one = Cuboids(center[None], size[None], yaw, quat_wxyz=quat, frame=frame)
        self._set(one.center_m[0], one.size_m[0], one.quat_wxyz[0], float(one.yaw_rad[0]), frame)

    def _set(self, center: Float64s, size: Float64s, quat: Float64s, yaw: float, frame: str | None) -> None:
        for name, value in zip(("center_m", "size_m", "quat_wxyz", "yaw_rad", "frame"), (center, size, quat, yaw, frame)):
            object.__setattr__(self, name, value)

    def corners_m(self) -> Float64s:
        """(8, 3)"""
        corners: Float64s = self.as_cuboids().corners_m()[0]
        return corners

    def as_cuboids(self) -> Cuboids:
        """A set of one."""
        return Cuboids._trusted(self.center_m[None], self.size_m[None], self.quat_wxyz[None], np.array([self.yaw_rad]), self.frame)

    def transformed(self, target_from_source: Pose | ArrayLike, frame: str | None = None) -> Cuboid:
        return self.as_cuboids().transformed(target_from_source, frame=frame)[0]

    def __repr__(self) -> str:
        x, y, z = self.center_m
        length, width, height = self.size_m
        return (
            f"Cuboid(center_m=({x:.3f}, {y:.3f}, {z:.3f}), size_m=({length:.3f}, {width:.3f}, {height:.3f}), "
            f"yaw_rad={self.yaw_rad:.4f}, frame={self.frame!r})"
        )


class Cuboids:
    """M cuboids in one frame; immutable.

    center_m : (M, 3) metres, geometric centre
    size_m : (M, 3) metres, (length, width, height) along the own x, y, z; positive
    yaw_rad : (M,) or one number, about +z, counter-clockwise from +x; instead of quat_wxyz
    quat_wxyz : (M, 4) unit quaternions, scalar first; a norm within 1e-6 of 1 is normalised
    frame : name of the frame ("world", "ego", "lidar" or a sensor's name); None where nobody said: such cuboids meet those of any frame unchecked

    `len`, slices, masks and index arrays give Cuboids; iterating or one index gives a Cuboid.
    Raises ArgumentError for wrong shapes and numbers that are not finite, GeometryError for sizes <= 0 and quaternions that are not unit.
    """

    __slots__ = ("_rotation", "center_m", "frame", "quat_wxyz", "size_m", "yaw_rad")

    def __init__(
        self,
        center_m: ArrayLike,
        size_m: ArrayLike,
        yaw_rad: ArrayLike | None = None,
        *,
        quat_wxyz: ArrayLike | None = None,
        frame: str | None = None,
    ) -> None:
        center = as_floats("center_m", center_m, (None, 3))
        size = as_floats("size_m", size_m, (len(center), 3))
        if (size <= 0).any():
            i = int(np.argwhere(size <= 0)[0, 0])
            got = ", ".join(f"{v:g}" for v in size[i])
            hint = "leave out the cuboids that have no size"
            raise GeometryError(expected="positive length, width, height", got=f"({got}) at index {i}", field="size_m", hint=hint)
        if (yaw_rad is None) == (quat_wxyz is None):
            got = "neither" if yaw_rad is None else "both"
            raise ArgumentError(expected="one of yaw_rad and quat_wxyz", got=got, field="Cuboids", hint="upright cuboids need yaw_rad alone")
        if quat_wxyz is not None:
            quat = unit_quats("quat_wxyz", as_floats("quat_wxyz", quat_wxyz, (len(center), 4)))
            yaw = rotations.yaw_from_quat(quat)
        else:
            one_for_all = isinstance(yaw_rad, (int, float)) or getattr(yaw_rad, "ndim", 1) == 0
            angles: Any = np.full(len(center), yaw_rad) if one_for_all else yaw_rad
            yaw = np.atleast_1d(rotations.wrap_rad(as_floats("yaw_rad", angles, (len(center),))))
            quat = rotations.quat_from_yaw(yaw)
        if frame is not None and not isinstance(frame, str):
            raise ArgumentError(expected="a frame's name", got=repr(frame), field="frame", hint="such as 'world' or 'lidar', or None")
        self._set(center, size, quat, yaw, frame)

    def _set(self, center: Float64s, size: Float64s, quat: Float64s, yaw: Float64s, frame: str | None) -> None:
        self.center_m: Float64s = _own(center)
        self.size_m: Float64s = _own(size)
        self.quat_wxyz: Float64s = _own(quat)
        self.yaw_rad: Float64s = _own(yaw)
        self.frame = frame
        self._rotation: Float64s | None = None

    @classmethod
    def _trusted(cls, center: Float64s, size: Float64s, quat: Float64s, yaw: Float64s | None, frame: str | None) -> Cuboids:
        """Without checks: float64 arrays of the right shapes; rows of NaN stand for 'no cuboid here'."""
        cuboids = cls.__new__(cls)
        cuboids._set(center, size, quat, rotations.yaw_from_quat(quat) if yaw is None else yaw, frame)
        return cuboids

    @classmethod
    def empty(cls, frame: str | None = None) -> Cuboids:
        return cls(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), frame=frame)

    @classmethod
    def concatenate(cls, parts: Sequence[Cuboids | Cuboid]) -> Cuboids:
        """All rows one after the other; GeometryError where the frames differ."""
        sets = [as_cuboids(f"parts[{i}]", part) for i, part in enumerate([parts] if isinstance(parts, (Cuboid, Cuboids)) else parts)]
        if not sets:
            return cls.empty()
        frame = sets[0].frame
        for i, part in enumerate(sets):
            if part.frame != frame:
                hint = "bring them into one frame with .transformed()"
                raise GeometryError(expected=f"cuboids in frame {frame!r}", got=f"frame {part.frame!r}", field=f"parts[{i}]", hint=hint)
        center, size, quat, yaw = (
            frozen(np.concatenate([getattr(s, name) for s in sets])) for name in ("center_m", "size_m", "quat_wxyz", "yaw_rad")
        )
        return cls._trusted(center, size, quat, yaw, frame)

    @property
    def rotation(self) -> Float64s:
        """(M, 3, 3) source-to-frame rotation matrices, read-only; exactly about z for upright cuboids."""
        if self._rotation is None:
            upright = self.is_upright
            matrix = rotations.matrix_from_yaw(self.yaw_rad)
            if not upright.all():
                matrix = np.where(upright[:, None, None], matrix, rotations.matrix_from_quat(self.quat_wxyz))
            self._rotation = frozen(np.ascontiguousarray(matrix))
        return self._rotation

    @property
    def is_upright(self) -> Bools:
        """(M,) bool: turned about z alone."""
        result: Bools = (self.quat_wxyz[:, 1] == 0) & (self.quat_wxyz[:, 2] == 0)
        return result

    def corners_m(self) -> Float64s:
        """(M, 8, 3) in the order drawn at the top of this module."""
        corners: Float64s = np.einsum("mij,mkj->mki", self.rotation, CORNER_SIGNS * (self.size_m[:, None] / 2)) + self.center_m[:, None]
        return corners

    def transformed(self, target_from_source: Pose | ArrayLike, frame: str | None = None) -> Cuboids:
        """The same cuboids in another frame.

        target_from_source : Pose or (4, 4), target frame from the frame of these cuboids
        frame : name of the target frame. Left out, the result has no named frame, and meets points and cuboids of any frame unchecked: name it
        """
        pose = as_pose("target_from_source", target_from_source)
        quat = rotations.quat_multiply(pose.quat_wxyz, self.quat_wxyz)
        quat /= np.linalg.norm(quat, axis=-1, keepdims=True)
        return Cuboids._trusted(pose.apply(self.center_m), self.size_m, quat, None, frame)

    def replace(
        self,
        *,
        center_m: ArrayLike | None = None,
        size_m: ArrayLike | None = None,
        yaw_rad: ArrayLike | None = None,
        quat_wxyz: ArrayLike | None = None,
        frame: str | None = None,
    ) -> Cuboids:
        """A copy with some columns new."""
        turned = quat_wxyz is not None or yaw_rad is not None
        return Cuboids(
            self.center_m if center_m is None else center_m,
            self.size_m if size_m is None else size_m,
            yaw_rad,
            quat_wxyz=quat_wxyz if turned else self.quat_wxyz,
            frame=self.frame if frame is None else frame,
        )

    def __len__(self) -> int:
        return len(self.center_m)

    def __iter__(self) -> Iterator[Cuboid]:
        for i in range(len(self)):
            yield self[i]

    @overload
    def __getitem__(self, index: int) -> Cuboid: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int] | Bools | np.ndarray[Any, Any]) -> Cuboids: ...
    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice) and as_array("cuboids", index, "an index, a slice, a mask or whole numbers").ndim == 0:
            index = one_index("cuboids", index, len(self))
            one = Cuboid.__new__(Cuboid)
            one._set(self.center_m[index], self.size_m[index], self.quat_wxyz[index], float(self.yaw_rad[index]), self.frame)
            return one
        index = some_rows("cuboids", index, len(self))
        center, size, quat, yaw = (frozen(column[index]) for column in (self.center_m, self.size_m, self.quat_wxyz, self.yaw_rad))
        return Cuboids._trusted(center, size, quat, yaw, self.frame)

    def columns(self) -> dict[str, Any]:
        """The columns of the tables below, by name."""
        columns: dict[str, Any] = {}
        for i, axis in enumerate("xyz"):
            columns[f"center_{axis}_m"] = self.center_m[:, i]
        for i, name in enumerate(("length_m", "width_m", "height_m")):
            columns[name] = self.size_m[:, i]
        columns["yaw_rad"] = self.yaw_rad
        for i, axis in enumerate("wxyz"):
            columns[f"quat_{axis}"] = self.quat_wxyz[:, i]
        columns["frame"] = [self.frame] * len(self)
        return columns

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row per cuboid (extra `table`)."""
        return table_library("pandas").DataFrame(self.columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row per cuboid (extra `table`)."""
        return table_library("pyarrow").table(self.columns())

    def __repr__(self) -> str:
        return f"Cuboids({len(self)}, frame={self.frame!r})"


def as_cuboids(field: str, value: Any) -> Cuboids:
    """Cuboids, or one Cuboid taken as a set of one."""
    cuboids = value.as_cuboids() if isinstance(value, Cuboid) else value
    if not isinstance(cuboids, Cuboids):
        hint = "make them: bw.Cuboids(center_m, size_m, yaw_rad)"
        raise ArgumentError(expected="Cuboids", got=type(value).__name__, field=field, hint=hint)
    return cuboids


def same_frame(a: str | None, b: str | None, what: str) -> None:
    """GeometryError where both frames are named and differ: two sets never meet silently in different frames."""
    if a is not None and b is not None and a != b:
        raise GeometryError(
            f"{what} are given in different frames",
            expected=f"frame {a!r}",
            got=f"frame {b!r}",
            hint="bring one into the other's frame with .transformed()",
        )


def _own(array: Float64s) -> Float64s:
    """Read-only and not the caller's own array."""
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, dtype=np.float64, order="C")
        array.flags.writeable = False
    return array


def table_library(name: str) -> Any:
    """pandas or pyarrow; ExtraMissing where it is not installed."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise ExtraMissing(f"{name} is not installed", hint="pip install 'boxwright[table]'") from None
