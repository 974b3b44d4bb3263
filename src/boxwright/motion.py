"""How objects move: as a track's keyframes tell, and as a filter learns while it follows one (constant velocity that turns with the object)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .cuboids import Cuboid, Cuboids
from .rotations import matrix_from_yaw, quat_from_yaw, quat_multiply, wrap_rad
from .tracks import Track, Visibility

__all__ = ["ALONG_MPS", "Motion", "MotionFilter", "motion_at", "motion_of", "moved", "moves", "pose_of", "unmoved"]

WINDOW_S = 0.5  # keyframes so near tell how an object moves
ROWS_AT_ONCE = 256
MOVED_M = 0.5  # a track whose centres stay closer together than this stands

# Before anything is known: along the heading and across it, and how fast things change. Of road users in general, not of a class.
ALONG_MPS, ACROSS_MPS, TURN_RADPS = 10.0, 2.0, 0.3
ACCELERATION_MPS2, CLIMB_MPS, TURN_CHANGE_RADPS2 = 3.0, 0.3, 0.6
KNOWN_M, KNOWN_RAD = 0.01, 0.002  # of a keyframe


@dataclass(frozen=True, eq=False)
class Motion:
    """Where an object is at K moments, and how it moves then.

    cuboids : K; velocity_mps : (K, 3) in their frame; yaw_rate_radps : (K,) about z; is_known : more than one keyframe tells of it
    """

    cuboids: Cuboids
    velocity_mps: Float64s
    yaw_rate_radps: Float64s
    is_known: bool

    def __len__(self) -> int:
        return len(self.cuboids)

    @property
    def speed_mps(self) -> Float64s:
        speed: Float64s = np.linalg.norm(self.velocity_mps, axis=1)
        return speed

    def carried(self, seconds: Float64s) -> Cuboids:
        """K cuboids where their objects are so much later (K,)."""
        quat = quat_multiply(quat_from_yaw(self.yaw_rate_radps * seconds), self.cuboids.quat_wxyz)
        return self.cuboids.replace(center_m=self.cuboids.center_m + self.velocity_mps * seconds[:, None], quat_wxyz=quat)

    def localise(self, xyz: Float64s, late_s: Float64s, k: int = 0) -> Float64s:
        """(N, 3) in the object's frame, from points seen so much later (N,) than moment k."""
        off = unmoved(xyz - self.cuboids.center_m[k], late_s, self.velocity_mps[k], float(self.yaw_rate_radps[k]))
        local: Float64s = off @ self.cuboids.rotation[k]
        return local

    def place(self, local: Float64s, k: int = 0) -> Float64s:
        """(N, 3) from the object's frame to where they are at moment k."""
        placed: Float64s = local @ self.cuboids.rotation[k].T + self.cuboids.center_m[k]
        return placed


def unmoved(off: Float64s, late_s: Float64s, velocity_mps: Float64s, yaw_rate_radps: float) -> Float64s:
    """(N, 3) where points of an object were at a moment, from where they are so much later (N,): both seen from its centre at that moment."""
    still = off - late_s[:, None] * velocity_mps
    back: Float64s = still if yaw_rate_radps == 0 else np.einsum("nij,ni->nj", matrix_from_yaw(yaw_rate_radps * late_s), still)
    return back


def motion_of(track: Track, moments_ns: Int64s | None = None) -> Motion:
    """How the object moves at each keyframe: a weighted quadratic through the keyframes around it, within its visible span.

    moments_ns : (K,) when the object was where the keyframes say, by default at their times
    The weights are those of LOESS (Cleveland 1979); a quadratic keeps braking and turning out of the velocity.
    """
    moments = track.times_ns if moments_ns is None else moments_ns
    times, values = _as_rows(track, moments)
    slopes, is_known = np.zeros((len(track), 4)), False
    ends = np.flatnonzero(track.visibility == Visibility.OUTSIDE) + 1
    for span in np.split(np.arange(len(track)), ends):
        if len(span) > 1:
            slopes[span] = _slopes(times[span], values[span], times[span])
            is_known = True
    return Motion(track.cuboids, slopes[:, :3], slopes[:, 3], is_known)


def motion_at(track: Track, time_ns: int) -> Motion | None:
    """Where the object is at one moment, as its curve says, and how it moves then, as the keyframes around it do; None where it is not there."""
    filled = track.at(np.array([time_ns]))
    if not filled.is_valid[0]:
        return None
    key = int(filled.keyframe_index[0])
    outside = np.flatnonzero(track.visibility == Visibility.OUTSIDE)
    after = np.searchsorted(outside, key)
    first = int(outside[after - 1]) + 1 if after else 0
    span = np.arange(first, int(outside[after]) + 1 if after < len(outside) else len(track))
    slopes = np.zeros(4)
    if len(span) > 1:
        times, values = _as_rows(track, track.times_ns)
        slopes = _slopes(times[span], values[span], np.array([(time_ns - int(track.times_ns[0])) * 1e-9]))[0]
    return Motion(filled.cuboids, slopes[None, :3], slopes[3:], len(span) > 1)


def _as_rows(track: Track, moments_ns: Int64s) -> tuple[Float64s, Float64s]:
    """(K,) seconds, and (K, 4) x, y, z and yaw that goes on beyond pi."""
    values = np.column_stack([track.cuboids.center_m - track.cuboids.center_m[0], np.unwrap(track.cuboids.yaw_rad)])
    return (moments_ns - track.times_ns[0]) * 1e-9, values


def _slopes(times: Float64s, values: Float64s, at: Float64s) -> Float64s:
    """(R, V) time derivatives at (R,) of the given times, from (S,) times and (S, V) values."""
    slopes = np.zeros((len(at), values.shape[1]))
    for begin in range(0, len(at), ROWS_AT_ONCE):
        rows = slice(begin, begin + ROWS_AT_ONCE)
        after = times - at[rows, None]
        third = np.partition(np.abs(after), min(2, len(times) - 1), axis=1)[:, min(2, len(times) - 1)]
        reach = np.maximum(WINDOW_S, 1.5 * third)
        after = after / reach[:, None]
        weights = np.clip(1 - np.abs(after) ** 3, 0, 1) ** 3
        is_bent = (weights > 0).sum(1) > 2
        for which, order in ((is_bent, 2), (~is_bent, 1)):
            powers = after[which][:, :, None] ** np.arange(order + 1)
            weighted = powers * weights[which][:, :, None]
            left = np.einsum("rsi,rsj->rij", weighted, powers)
            found = np.linalg.solve(left, np.einsum("rsi,sv->riv", weighted, values))[:, 1] / reach[which, None]
            slopes[begin + np.flatnonzero(which)] = found
    return slopes


def moves(track: Track, times_ns: Int64s) -> bool:
    """Whether its centres at these times, and at its keyframes, lie more than MOVED_M apart."""
    at = np.union1d(times_ns, track.times_ns)
    filled = track.at(at)
    centers = filled.cuboids.center_m[filled.is_valid]
    return bool(len(times_ns)) and len(centers) > 1 and float(np.hypot(*np.ptp(centers[:, :2], axis=0))) > MOVED_M


def pose_of(cuboid: Cuboid) -> Float64s:
    """(4,) x, y, z, yaw."""
    return np.append(cuboid.center_m, cuboid.yaw_rad)


def moved(cuboid: Cuboid, shift: Float64s) -> Cuboid:
    """Shifted by x, y, z and turned about the vertical by yaw; the very same where all are 0."""
    if not shift.any():
        return cuboid
    quat = quat_multiply(quat_from_yaw(shift[3]), cuboid.quat_wxyz)
    return Cuboid(cuboid.center_m + shift[:3], cuboid.size_m, quat_wxyz=quat / np.linalg.norm(quat), frame=cuboid.frame)


class MotionFilter:
    """A Kalman filter. State: x, y, z, yaw, velocity along x and y, turn rate; times in seconds, in any direction.

    cuboid : of a keyframe at `time_s`
    velocity_mps, yaw_rate_radps : where two keyframes tell them, with their standard deviations in `sigma` (m/s, rad/s)
    """

    def __init__(
        self, time_s: float, cuboid: Cuboid, velocity_mps: Any = None, yaw_rate_radps: float = 0.0, sigma: tuple[float, float] | None = None
    ) -> None:
        self.time_s, self.cuboid, self.pose = time_s, cuboid, pose_of(cuboid)
        self.mean: Float64s = np.concatenate([self.pose, np.zeros(2) if velocity_mps is None else velocity_mps[:2], [yaw_rate_radps]])
        along = np.array([math.cos(self.pose[3]), math.sin(self.pose[3])])
        across = np.array([-along[1], along[0]])
        self.covariance: Float64s = np.diag([KNOWN_M**2] * 3 + [KNOWN_RAD**2] + [0.0] * 3)
        speed = ALONG_MPS**2 * np.outer(along, along) + ACROSS_MPS**2 * np.outer(across, across) if sigma is None else sigma[0] ** 2 * np.eye(2)
        self.covariance[4:6, 4:6] = speed
        self.covariance[6, 6] = TURN_RADPS**2 if sigma is None else sigma[1] ** 2

    @property
    def velocity_mps(self) -> Float64s:
        """(3,)"""
        return np.append(self.mean[4:6], 0.0)

    @property
    def velocity_covariance(self) -> Float64s:
        """(2, 2)"""
        return self.covariance[4:6, 4:6]

    def motion(self) -> Motion:
        """The keyframe's cuboid where the filter has it now."""
        return Motion(moved(self.cuboid, self.mean[:4] - self.pose).as_cuboids(), self.velocity_mps[None], self.mean[6:], True)

    def predict(self, time_s: float) -> None:
        """To another time, before or after."""
        dt = time_s - self.time_s
        turn = self.mean[6] * dt
        cos, sin = math.cos(turn), math.sin(turn)
        spin = np.array([[cos, -sin], [sin, cos]])
        half = np.array([[math.cos(turn / 2), -math.sin(turn / 2)], [math.sin(turn / 2), math.cos(turn / 2)]])
        change = np.eye(7)
        change[0:2, 4:6], change[4:6, 4:6], change[3, 6] = dt * half, spin, dt
        mean = change @ self.mean
        mean[3] = float(wrap_rad(mean[3]))
        noise = np.zeros((7, 7))
        for place, speed, size in ((0, 4, ACCELERATION_MPS2), (1, 5, ACCELERATION_MPS2), (3, 6, TURN_CHANGE_RADPS2)):
            both = np.array([dt * dt / 2, dt]) * size
            noise[np.ix_([place, speed], [place, speed])] = np.outer(both, both)
        noise[2, 2] = (CLIMB_MPS * dt) ** 2
        self.mean, self.covariance, self.time_s = mean, change @ self.covariance @ change.T + noise, time_s

    def update(self, pose: Float64s, covariance: Float64s) -> None:
        """A pose (4,) that was seen now."""
        self._correct(np.eye(4, 7), np.append(pose[:3] - self.mean[:3], wrap_rad(pose[3] - self.mean[3])), covariance)

    def update_height(self, z: float, sigma_m: float) -> None:
        row = np.zeros((1, 7))
        row[0, 2] = 1.0
        self._correct(row, np.array([z - self.mean[2]]), np.array([[sigma_m**2]]))

    def _correct(self, row: Float64s, off: Float64s, noise: Float64s) -> None:
        gain = self.covariance @ row.T @ np.linalg.inv(row @ self.covariance @ row.T + noise)
        self.mean = self.mean + gain @ off
        self.mean[3] = float(wrap_rad(self.mean[3]))
        left = np.eye(7) - gain @ row
        self.covariance = left @ self.covariance @ left.T + gain @ noise @ gain.T

    def ahead(self, time_s: float) -> MotionFilter:
        """The filter at another time; this one stays where it is."""
        other = MotionFilter.__new__(MotionFilter)
        other.__dict__.update(self.__dict__)  # what it holds is replaced, never changed
        other.predict(time_s)
        return other
