"""Where things are: a pose `target_from_source`, and poses over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from . import rotations
from .arrays import PLAIN_NUMBERS, ArrayLike, Bools, Float64s, Int64s, as_array, as_floats, as_times_ns, frozen, one_index, one_time_ns, widened
from .errors import ArgumentError, GeometryError, TimeError, number_of

__all__ = ["Pose", "Trajectory", "as_pose", "many_poses"]

UNIT_HINT = "divide each by its norm where the order is right: scipy's is x, y, z, w"
ROTATION_TOLERANCE = 1e-5  # calibration files carry seven digits; their matrices are kept as they are written


class Pose:
    """A rigid motion `target_from_source`: `target_from_source.apply(points_source)` gives the points in the target frame.

    rotation : (3, 3) float64, read-only; kept as given, at most 1e-5 away from orthonormal
    translation_m : (3,) float64, read-only; the source's origin seen in the target frame

    Chains read from right to left and neighbours match: `world_from_ego @ ego_from_lidar`.
    Raises GeometryError where `rotation` is not a rotation.
    """

    __slots__ = ("_quat", "rotation", "translation_m")
    __array_ufunc__ = None  # numpy leaves `pose @ array` to us, which refuses it

    def __init__(self, rotation: ArrayLike, translation_m: ArrayLike = (0.0, 0.0, 0.0), *, field: str = "pose") -> None:
        matrix = as_floats(f"{field}.rotation", rotation, (3, 3))
        with np.errstate(over="ignore", invalid="ignore"):  # of senseless numbers, which leave no number smaller than the tolerance
            error = float(np.abs(matrix @ matrix.T - np.eye(3)).max())
        if not error <= ROTATION_TOLERANCE or np.linalg.det(matrix) < 0:
            got = f"a determinant of {np.linalg.det(matrix):.6g}" if error <= ROTATION_TOLERANCE else f"R @ R.T off the identity by {error:.3g}"
            hint = "a mirrored or scaled frame is no pose" if error <= ROTATION_TOLERANCE else "bw.Pose.from_quat(quat_wxyz) makes it exact"
            raise GeometryError(expected="a rotation matrix (orthonormal, determinant +1)", got=got, field=field, hint=hint)
        self.rotation: Float64s = frozen(matrix.copy())
        self.translation_m: Float64s = frozen(as_floats(f"{field}.translation_m", translation_m, (3,)).copy())
        self._quat: Float64s | None = None

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, *, field: str = "pose") -> Pose:
        """From (4, 4) or (3, 4) homogeneous; the last row must be 0 0 0 1."""
        array = as_array(field, matrix, "(4, 4) float array")
        shape = (3, 4) if array.shape == (3, 4) else (4, 4)
        array = as_floats(field, matrix, shape, hint="pass a bw.Pose, or a homogeneous matrix, the last column the translation")
        if len(array) == 4 and np.abs(array[3] - (0, 0, 0, 1)).max() > 1e-9:
            got = " ".join(f"{v:g}" for v in array[3])
            raise GeometryError(expected="a last row of 0 0 0 1", got=got, field=field, hint="is the matrix transposed, or a projection?")
        return cls(array[:3, :3], array[:3, 3], field=field)

    @classmethod
    def from_quat(cls, quat_wxyz: ArrayLike, translation_m: ArrayLike = (0.0, 0.0, 0.0), *, field: str = "pose") -> Pose:
        """From a unit quaternion, scalar first; a norm within 1e-6 of 1 is accepted and normalised."""
        quat = unit_quats(f"{field}.quat_wxyz", as_floats(f"{field}.quat_wxyz", quat_wxyz, (4,))[None])[0]
        return cls(rotations.matrix_from_quat(quat), translation_m, field=field)

    @classmethod
    def from_yaw(cls, yaw_rad: float, translation_m: ArrayLike = (0.0, 0.0, 0.0)) -> Pose:
        """A turn about +z."""
        return cls(rotations.matrix_from_yaw(as_floats("yaw_rad", yaw_rad, ())), translation_m)

    @classmethod
    def identity(cls) -> Pose:
        return cls(np.eye(3))

    @property
    def quat_wxyz(self) -> Float64s:
        """(4,) of the nearest rotation, w >= 0."""
        if self._quat is None:
            self._quat = frozen(rotations.quat_from_matrix(self.rotation))
        return self._quat

    def matrix(self) -> Float64s:
        """(4, 4) homogeneous."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = self.translation_m
        return matrix

    def inverse(self) -> Pose:
        """source_from_target; the matrix inverse, not the transpose, so that digits lost in a file are not lost twice."""
        inverse: Float64s = np.linalg.inv(self.rotation).astype(np.float64)
        return _trusted(inverse, -inverse @ self.translation_m)

    def __matmul__(self, other: Pose) -> Pose:
        if not isinstance(other, Pose):
            return NotImplemented
        return _trusted(self.rotation @ other.rotation, self.rotation @ other.translation_m + self.translation_m)

    def apply(self, points: ArrayLike) -> Float64s:
        """(..., 3) float64, in the target frame, from (..., 3) in the source frame."""
        with np.errstate(invalid="ignore", over="ignore"):  # infinite ones become NaN, which is what they are in another frame
            return _vectors("points", points) @ self.rotation.T + self.translation_m

    def rotate(self, vectors: ArrayLike) -> Float64s:
        """(..., 3) directions turned, not moved."""
        with np.errstate(invalid="ignore", over="ignore"):
            return _vectors("vectors", vectors) @ self.rotation.T

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pose):
            return NotImplemented
        return np.array_equal(self.rotation, other.rotation) and np.array_equal(self.translation_m, other.translation_m)

    def __hash__(self) -> int:
        return hash((self.rotation.tobytes(), self.translation_m.tobytes()))

    def __repr__(self) -> str:
        x, y, z = self.translation_m
        return f"Pose(translation_m=({x:.3f}, {y:.3f}, {z:.3f}), quat_wxyz=({', '.join(f'{q:.4f}' for q in self.quat_wxyz)}))"


def _vectors(field: str, value: ArrayLike) -> Float64s:
    array = as_array(field, value, "(..., 3) float array")
    if array.dtype.kind not in "iuf":
        raise ArgumentError(expected="(..., 3) float array", got=f"dtype {array.dtype}", field=field, hint=PLAIN_NUMBERS)
    array = widened(array)
    if array.ndim == 0 or array.shape[-1] != 3:
        raise ArgumentError(expected="(..., 3) float array", got=f"shape {array.shape}", field=field, hint="pass one row per point")
    return array


def _trusted(rotation: Float64s, translation_m: Float64s) -> Pose:
    pose = Pose.__new__(Pose)
    pose.rotation = frozen(rotation)
    pose.translation_m = frozen(translation_m)
    pose._quat = None
    return pose


def many_poses(rotations: Float64s, translations_m: Float64s) -> list[Pose] | None:
    """Of (N, 3, 3) and (N, 3), as Pose takes each of them; None where one of them is no pose."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(rotations @ rotations.transpose(0, 2, 1) - np.eye(3)).max(initial=0)
        if not error <= ROTATION_TOLERANCE or not (np.linalg.det(rotations) >= 0).all() or not np.isfinite(translations_m).all():
            return None
    return [_trusted(rotation, shift) for rotation, shift in zip(rotations.copy(), translations_m.copy())]


def as_pose(field: str, value: Pose | ArrayLike) -> Pose:
    """A Pose, or a (4, 4) matrix taken as one."""
    return value if isinstance(value, Pose) else Pose.from_matrix(value, field=field)


_norms_off: ContextVar[list[Float64s] | None] = ContextVar("norms_off", default=None)


@contextmanager
def listening_to_norms() -> Iterator[list[Float64s]]:
    """Yields a list that takes, while the block runs, how far the norms of all quaternions that come in are from 1."""
    heard: list[Float64s] = []
    token = _norms_off.set(heard)
    try:
        yield heard
    finally:
        _norms_off.reset(token)


def unit_quats(field: str, quats: Float64s) -> Float64s:
    """(M, 4) normalised; a norm further than 1e-6 from 1 is refused, since it means another order or a broken file."""
    norms = np.linalg.norm(quats, axis=-1)
    listener = _norms_off.get()
    if listener is not None:
        listener.append(np.abs(norms - 1))
    bad = ~(np.abs(norms - 1) <= 1e-6)
    if bad.any():
        i = int(np.argmax(bad))
        raise GeometryError(expected="unit quaternions (w, x, y, z)", got=f"norm {norms[i]:.6g} at index {i}", field=field, hint=UNIT_HINT)
    exact = np.abs(norms - 1) <= 4e-16
    return np.where(exact[..., None], quats, quats / norms[..., None])


class Trajectory:
    """Poses `world_from_ego` (or any target from source) over time.

    times_ns : (T,) int64, increasing
    poses : T of Pose, or (T, 4, 4)

    `at` interpolates: positions linearly, rotations along the short arc at constant speed. At a stamp the pose comes back as given.
    Outside the stamps `at` raises TimeError; `outside="hold"` takes the first or last pose instead.
    """

    def __init__(self, times_ns: ArrayLike, poses: Sequence[Pose] | ArrayLike, *, field: str = "trajectory") -> None:
        self.times_ns: Int64s = frozen(as_times_ns(f"{field}.times_ns", times_ns, increasing=True).copy())
        try:
            given: list[Any] = list(poses)  # type: ignore[arg-type]
        except TypeError:
            got, hint = type(poses).__name__, "pass one pose per time, also where there is one"
            raise ArgumentError(expected="a list of poses", got=got, field=f"{field}.poses", hint=hint) from None
        if len(given) != len(self.times_ns):
            wanted = f"{number_of(len(self.times_ns), 'pose')}, one per time"
            raise ArgumentError(expected=wanted, got=f"{len(given)}", field=f"{field}.poses", hint="leave out times without a pose")
        items = [as_pose(f"{field}.poses[{i}]", pose) for i, pose in enumerate(given)]
        if not items:
            raise ArgumentError(expected="at least one pose", got="none", field=field, hint="pass None for a scene without a trajectory")
        self._rotations: Float64s = np.stack([pose.rotation for pose in items])
        self._translations: Float64s = np.stack([pose.translation_m for pose in items])
        self._quats: Float64s = rotations.quat_from_matrix(self._rotations)

    def __len__(self) -> int:
        return len(self.times_ns)

    def __getitem__(self, index: int) -> Pose:
        index = one_index("trajectory", index, len(self), hint="it takes one index; .translation_m and .quat_wxyz take slices")
        return _trusted(self._rotations[index], self._translations[index])

    @property
    def translation_m(self) -> Float64s:
        """(T, 3)"""
        view: Float64s = frozen(self._translations)
        return view

    @property
    def quat_wxyz(self) -> Float64s:
        """(T, 4)"""
        view: Float64s = frozen(self._quats)
        return view

    def covers(self, times_ns: ArrayLike) -> Bools:
        """(K,) bool: times within the first and last stamp."""
        times = as_times_ns("times_ns", times_ns)
        within: Bools = (times >= self.times_ns[0]) & (times <= self.times_ns[-1])
        return within

    def at(self, time_ns: int, *, outside: str = "raise") -> Pose:
        """The pose at one time."""
        rotation, translation = self.sample(np.array([one_time_ns("time_ns", time_ns)]), outside=outside)
        return _trusted(rotation[0], translation[0])

    def sample(self, times_ns: ArrayLike, *, outside: str = "raise") -> tuple[Float64s, Float64s]:
        """(K, 3, 3) rotations and (K, 3) translations at (K,) times in any order."""
        if outside not in ("raise", "hold"):
            raise ArgumentError(expected="'raise' or 'hold'", got=repr(outside), field="outside", hint="'hold' takes the nearest pose")
        times = as_times_ns("times_ns", times_ns)
        beyond = ~self.covers(times)
        if beyond.any() and outside == "raise":
            raise TimeError(
                expected=f"times within [{self.times_ns[0]}, {self.times_ns[-1]}] ns, where poses are known",
                got=f"{times[beyond][0]}",
                field="times_ns",
                hint="pass outside='hold' to take the nearest pose",
            )
        times = np.clip(times, self.times_ns[0], self.times_ns[-1])
        before = np.clip(np.searchsorted(self.times_ns, times, side="right") - 1, 0, len(self) - 1)
        after = np.minimum(before + 1, len(self) - 1)
        span = np.maximum(self.times_ns[after] - self.times_ns[before], 1)
        share = (times - self.times_ns[before]) / span
        translation = self._translations[before] + share[:, None] * (self._translations[after] - self._translations[before])
        rotation = rotations.matrix_from_quat(rotations.slerp(self._quats[before], self._quats[after], share))
        exact = share == 0
        rotation[exact] = self._rotations[before[exact]]
        translation[exact] = self._translations[before[exact]]
        return rotation, translation

    def __repr__(self) -> str:
        seconds = (self.times_ns[-1] - self.times_ns[0]) * 1e-9
        length = np.linalg.norm(np.diff(self._translations, axis=0), axis=1).sum()
        return f"Trajectory({number_of(len(self), 'pose')}, {seconds:.2f} s, {length:.1f} m)"
