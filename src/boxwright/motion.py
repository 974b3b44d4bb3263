"""How an object goes on: a Kalman filter over its place, heading, velocity and turn rate (constant velocity that turns with the object)."""

from __future__ import annotations

import math

import numpy as np

from .arrays import Float64s
from .rotations import wrap_rad

__all__ = ["ALONG_M_S", "MotionFilter"]

# Before anything is known: along the heading and across it, and how fast things change. Of road users in general, not of a class.
ALONG_M_S, ACROSS_M_S, TURN_RAD_S = 10.0, 2.0, 0.3
ACCELERATION_M_S2, CLIMB_M_S, TURN_CHANGE_RAD_S2 = 3.0, 0.3, 0.6
KNOWN_M, KNOWN_RAD = 0.01, 0.002  # of a keyframe


class MotionFilter:
    """State: x, y, z, yaw, velocity along x and y, turn rate; times in seconds, in any direction.

    pose : (4,) x, y, z, yaw of a keyframe at `time_s`
    velocity, turn_rate : where two keyframes tell them, with their standard deviations in `sigma` (m/s, rad/s)
    """

    def __init__(
        self, time_s: float, pose: Float64s, velocity: Float64s | None = None, turn_rate: float = 0.0, sigma: tuple[float, float] | None = None
    ) -> None:
        self.time_s = time_s
        self.mean: Float64s = np.concatenate([pose, np.zeros(2) if velocity is None else velocity[:2], [turn_rate]])
        along = np.array([math.cos(pose[3]), math.sin(pose[3])])
        across = np.array([-along[1], along[0]])
        self.covariance: Float64s = np.diag([KNOWN_M**2] * 3 + [KNOWN_RAD**2] + [0.0] * 3)
        speed = ALONG_M_S**2 * np.outer(along, along) + ACROSS_M_S**2 * np.outer(across, across) if sigma is None else sigma[0] ** 2 * np.eye(2)
        self.covariance[4:6, 4:6] = speed
        self.covariance[6, 6] = TURN_RAD_S**2 if sigma is None else sigma[1] ** 2

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
        for place, speed, size in ((0, 4, ACCELERATION_M_S2), (1, 5, ACCELERATION_M_S2), (3, 6, TURN_CHANGE_RAD_S2)):
            both = np.array([dt * dt / 2, dt]) * size
            noise[np.ix_([place, speed], [place, speed])] = np.outer(both, both)
        noise[2, 2] = (CLIMB_M_S * dt) ** 2
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

    def ahead(self, time_s: float) -> tuple[Float64s, Float64s]:
        """(4,) pose and (4, 4) covariance at another time; the filter stays where it is."""
        other = MotionFilter.__new__(MotionFilter)
        other.time_s, other.mean, other.covariance = self.time_s, self.mean, self.covariance
        other.predict(time_s)
        return other.mean[:4], other.covariance[:4, :4]
