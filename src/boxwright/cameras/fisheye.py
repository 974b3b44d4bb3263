"""Fisheye cameras after Kannala and Brandt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Float64s, frozen
from .intrinsics import FISHEYE, RoundCamera, halve


@dataclass(frozen=True)
class FisheyeCamera(RoundCamera):
    """Kannala-Brandt: theta = atan2(hypot(x, y), z), r = theta + k1 theta^3 + k2 theta^5 + k3 theta^7 + k4 theta^9; valid past 90 degrees off axis.

    distortion : 0 or 4 numbers k1..k4, as in `cv2.fisheye`
    max_angle_rad : the angle off axis where the picture of the lens ends (the image circle), in (0, pi]; beyond it a point has no pixel and a pixel
        no ray. Never more than where the radius stops growing, which it is where the calibration does not tell
    Source: Kannala and Brandt, IEEE TPAMI 28(8), 2006.
    """

    _lengths = (0, 4)

    @cached_property
    def coefficients(self) -> Float64s:
        """(4,) k1..k4."""
        coefficients: Float64s = frozen(np.array(self.distortion or (0.0,) * 4))
        return coefficients

    @property
    def _end_rad(self) -> float:
        """The angle off axis up to which the radius grows, at most pi."""
        k1, k2, k3, k4 = self.coefficients
        roots = np.polynomial.Polynomial([1, 3 * k1, 5 * k2, 7 * k3, 9 * k4]).trim().roots()
        real = roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0)]
        return float(min(np.sqrt(real.min()), math.pi)) if len(real) else math.pi

    @cached_property
    def packed(self) -> Float64s:
        """(ROW,) for the projection kernels; the limits are angles."""
        return self._pack(FISHEYE, self.max_angle_rad, self.max_angle_rad, self.coefficients)

    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels; NaN where no direction is projected to that pixel."""
        plane = self._on_plane(uv)
        far = np.hypot(plane[:, 0], plane[:, 1])
        theta = halve(self._bent, far, self.max_angle_rad)
        theta[~(far <= self._bent(self.max_angle_rad) * (1 + 1e-12))] = np.nan
        aside = np.sin(theta) * np.divide(1, far, out=np.zeros_like(far), where=far > 0)
        return np.stack([plane[:, 0] * aside, plane[:, 1] * aside, np.cos(theta)], 1)

    def _bent(self, theta: Any) -> Any:
        """The distance from the principal point, in focal lengths, of a ray theta off axis."""
        k1, k2, k3, k4 = self.coefficients
        square = theta * theta
        return theta * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
