"""Wide lenses that look at a sphere first and at a plane then: unified, extended unified and double sphere."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Float64s, as_floats
from ..errors import CalibrationError
from .intrinsics import RIM, SPHERE, RoundCamera
from .pinhole import PinholeCamera

__all__ = ["DoubleSphereCamera", "ExtendedUnifiedCamera", "UnifiedCamera"]


_FAR = 1e3  # undistorted, in focal lengths: farther aside than any picture reaches, and near enough for its pixels to keep digits


@dataclass(frozen=True)
class _SphereCamera(RoundCamera):
    """One form for all: `kernels.spheres` has the formulas."""

    @property
    @abstractmethod
    def _shape(self) -> tuple[float, float, float, float]:
        """xi, alpha, beta, scale"""

    @property
    @abstractmethod
    def _open_rad(self) -> float:
        """The angle off axis up to which the undistorted radius grows."""

    @cached_property
    def _plane(self) -> PinholeCamera:
        """What is behind the sphere."""
        return PinholeCamera(self.width_px, self.height_px, self.fx_px, self.fy_px, self.cx_px, self.cy_px, self.distortion)

    @property
    def _end_rad(self) -> float:
        """Where the distortion folds, the sphere's picture does, or there is hardly any more of it."""
        return float(self._angle_of(np.array([min(self._plane.max_radius, _FAR)]))[0])

    def _number(self, name: str, wanted: str, low: float, high: float) -> None:
        """CalibrationError where a number of the shape is not within [low, high]."""
        place = f"{type(self).__name__}.{name}"
        value = float(as_floats(place, getattr(self, name), (), finite=False))
        if not low <= value <= high:
            raise CalibrationError(expected=wanted, got=f"{value:g}", field=place, hint="look at the camera's calibration")
        object.__setattr__(self, name, value)

    def _angle_of(self, radius: Float64s) -> Float64s:
        """Angles off axis of undistorted radii; where the radius never gets there, the angle up to which it grows."""
        rays = self._lifted(np.stack([radius, np.zeros_like(radius)], 1))
        angle = np.arctan2(rays[:, 0], rays[:, 2])
        return np.where(np.isfinite(angle), np.minimum(angle, self._open_rad), self._open_rad)

    def _lifted(self, plane: Float64s) -> Float64s:
        """(N, 3) unit vectors of undistorted (N, 2); NaN beyond what the sphere's picture covers."""
        xi, alpha, beta, scale = self._shape
        m = plane * scale
        square = (m * m).sum(1)
        with np.errstate(invalid="ignore"):
            ahead = (1 - beta * alpha**2 * square) / (alpha * np.sqrt(1 - (2 * alpha - 1) * beta * square) + 1 - alpha)
            away = ahead * ahead + square
            share = (ahead * xi + np.sqrt(ahead * ahead + (1 - xi * xi) * square)) / away
        rays = np.concatenate([m, ahead[:, None]], 1) * share[:, None] - (0, 0, xi)
        unit: Float64s = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return unit

    @property
    def _rim_angles_rad(self) -> Float64s:
        if not self._is_uneven:
            return np.full(RIM, self.max_angle_rad)
        return np.minimum(self._angle_of(self._plane.rim_radii), self.max_angle_rad)

    @property
    def _is_uneven(self) -> bool:
        return self._plane.sure_radius < min(self._plane.max_radius, _FAR)

    @cached_property
    def packed(self) -> Float64s:
        flat = self._plane
        sure = flat.sure_radius**2 if self._is_uneven else 1e300
        numbers = np.concatenate([flat.coefficients[:12], flat.tilt.ravel()])
        is_distorted = bool(flat.coefficients.any())
        return self._pack(SPHERE, self.max_angle_rad, sure, numbers, self._shape, uneven=self._is_uneven, distorted=is_distorted)

    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels; NaN where no direction is projected to that pixel."""
        rays = self._lifted(self._plane.undistorted(uv))
        with np.errstate(invalid="ignore"):
            beyond = ~(np.arctan2(np.hypot(rays[:, 0], rays[:, 1]), rays[:, 2]) <= self.max_angle_rad * (1 + 1e-12))
        rays[beyond] = np.nan
        return rays


@dataclass(frozen=True)
class UnifiedCamera(_SphereCamera):
    """Unified (omnidirectional, Mei): the unit sphere seen from a place xi above its centre, x / (z + xi d), then Brown-Conrady distortion.

    distortion : 0, 4, 5, 8, 12 or 14 numbers as `PinholeCamera` has them; `cv2.omnidir` has the first four. Its skew must be zero
    xi : 0 is a pinhole, 1 a parabolic mirror; above it the picture of the sphere folds where cos(angle) = -1 / xi
    max_angle_rad : the angle off axis where the picture of the lens ends, as `FisheyeCamera` has it
    Sources: Mei and Rives, ICRA 2007; Geyer and Daniilidis, ECCV 2000.
    """

    xi: float = field(kw_only=True)

    _lengths = PinholeCamera._lengths

    def __post_init__(self) -> None:
        self._number("xi", "a number from 0 to 1000", 0, 1000)
        super().__post_init__()

    @property
    def _shape(self) -> tuple[float, float, float, float]:
        return 0.0, self.xi / (1 + self.xi), 1.0, 1 + self.xi

    @property
    def _open_rad(self) -> float:
        return math.acos(-min(self.xi, 1 / self.xi if self.xi > 0 else 0.0))


@dataclass(frozen=True)
class ExtendedUnifiedCamera(_SphereCamera):
    """Extended unified: x / (alpha d + (1 - alpha) z) with d = sqrt(beta (x^2 + y^2) + z^2): an ellipsoid in place of the sphere.

    alpha : from 0, a pinhole, to 1; from .5 on it sees behind itself, and above .5 the picture of the ellipsoid folds
    beta : more than 0; 1 is the unified model
    max_angle_rad : the angle off axis where the picture of the lens ends, as `FisheyeCamera` has it
    Source: Khomutenko, Garcia and Martinet, IEEE Robotics and Automation Letters 1(1), 2016.
    """

    alpha: float = field(kw_only=True)
    beta: float = field(kw_only=True)

    def __post_init__(self) -> None:
        self._number("alpha", "a number from 0 to 1", 0, 1)
        self._number("beta", "a number from 1e-6 to 1e6", 1e-6, 1e6)
        super().__post_init__()

    @property
    def _shape(self) -> tuple[float, float, float, float]:
        return 0.0, self.alpha, self.beta, 1.0

    @property
    def _open_rad(self) -> float:
        w = _widest(self.alpha)
        return math.pi - math.atan2(math.sqrt(1 - w * w), w * math.sqrt(self.beta))


@dataclass(frozen=True)
class DoubleSphereCamera(_SphereCamera):
    """Double sphere: a unit sphere, and a second one xi behind it, whose picture is unified with alpha.

    xi : from -1 to 1, most often between -0.3 and 0.6
    alpha : from 0 to 1; from .5 on it sees far behind itself, and above .5 the picture of the second sphere folds
    max_angle_rad : the angle off axis where the picture of the lens ends, as `FisheyeCamera` has it
    Source: Usenko, Demmel and Cremers, 3DV 2018.
    """

    xi: float = field(kw_only=True)
    alpha: float = field(kw_only=True)

    def __post_init__(self) -> None:
        self._number("xi", "a number from -1 to 1", -1, 1)
        self._number("alpha", "a number from 0 to 1", 0, 1)
        super().__post_init__()

    @property
    def _shape(self) -> tuple[float, float, float, float]:
        return self.xi, self.alpha, 1.0, 1.0

    @property
    def _open_rad(self) -> float:
        """Where the second sphere is seen at its own widest: z + xi d = -w d2."""
        w, xi = _widest(self.alpha), self.xi
        rest = xi * xi * (1 - w * w)
        return math.acos(max(-xi * (1 - w * w) - w * math.sqrt(1 - rest), -1.0))


def _widest(alpha: Any) -> float:
    """-z / d at the edge of what a sphere's picture covers."""
    return float(alpha / (1 - alpha) if alpha <= 0.5 else (1 - alpha) / alpha)
