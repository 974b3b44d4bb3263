"""Camera models: how a ray of the camera frame (x right, y down, z forward) meets the picture.

Pixels: u to the right, v down; the centre of the first pixel is (0, 0), as in OpenCV and KITTI, so a picture covers
-0.5 <= u < width_px - 0.5 and -0.5 <= v < height_px - 0.5, and a point in the picture rounds to a pixel that exists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .arrays import Float64s, as_floats, frozen
from .errors import CalibrationError

__all__ = ["Camera", "FisheyeCamera", "PinholeCamera"]


@dataclass(frozen=True)
class _Intrinsics:
    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...] = ()

    _lengths = (0,)

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for name in ("width_px", "height_px"):
            value = getattr(self, name)
            if isinstance(value, bool) or int(value) != value or value <= 0:
                raise CalibrationError(expected="a positive number of pixels", got=repr(value), field=f"{kind}.{name}")
            object.__setattr__(self, name, int(value))
        for name in ("fx_px", "fy_px", "cx_px", "cy_px"):
            value = float(getattr(self, name))
            if not math.isfinite(value) or (name[0] == "f" and value <= 0):
                wanted = "a positive focal length" if name[0] == "f" else "a finite number"
                raise CalibrationError("singular intrinsics" if name[0] == "f" else "", expected=wanted, got=value, field=f"{kind}.{name}")
            object.__setattr__(self, name, value)
        distortion = tuple(float(v) for v in as_floats(f"{kind}.distortion", self.distortion, (None,)))
        if len(distortion) not in self._lengths:
            wanted = " or ".join(str(n) for n in self._lengths)
            raise CalibrationError(expected=f"{wanted} distortion coefficients", got=str(len(distortion)), field=f"{kind}.distortion")
        object.__setattr__(self, "distortion", distortion)

    @property
    def matrix(self) -> Float64s:
        """(3, 3) intrinsic matrix K."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]])

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)"""
        return self.width_px, self.height_px


@dataclass(frozen=True)
class PinholeCamera(_Intrinsics):
    """Pinhole with Brown-Conrady distortion in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [tx ty]]]], so 0, 4, 5, 8, 12 or 14 numbers.

    The distortion is valid up to the radius where it folds back on itself (`max_radius`); beyond it there is no picture of a point.
    """

    _lengths = (0, 4, 5, 8, 12, 14)

    @cached_property
    def coefficients(self) -> Float64s:
        """(14,) distortion, filled up with zeros."""
        return frozen(np.array(self.distortion + (0.0,) * (14 - len(self.distortion))))

    @cached_property
    def max_radius(self) -> float:
        """The largest undistorted radius r = hypot(x, y) / z up to which the radial distortion grows; inf where it always does.

        With rho = r^2 the distorted radius is r * N(rho) / D(rho); its derivative in r vanishes where
        (N + 2 rho N') D - 2 rho N D' = 0. The first positive root is the fold; a pole of the rational model ends the domain too.
        """
        k1, k2, _, _, k3, k4, k5, k6 = self.coefficients[:8]
        num, den = np.polynomial.Polynomial([1, k1, k2, k3]), np.polynomial.Polynomial([1, k4, k5, k6])
        twice_rho = np.polynomial.Polynomial([0, 2])
        slope = (num + twice_rho * num.deriv()) * den - twice_rho * num * den.deriv()
        roots = np.concatenate([slope.trim().roots(), den.trim().roots()])
        real = roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0)]
        return float(np.sqrt(real.min())) if len(real) else math.inf


@dataclass(frozen=True)
class FisheyeCamera(_Intrinsics):
    """Kannala-Brandt: theta = atan2(hypot(x, y), z), r = theta + k1 theta^3 + k2 theta^5 + k3 theta^7 + k4 theta^9; valid past 90 degrees off axis.

    distortion : 0 or 4 numbers k1..k4, as in `cv2.fisheye`
    Source: Kannala and Brandt, IEEE TPAMI 28(8), 2006.
    """

    _lengths = (0, 4)

    @cached_property
    def coefficients(self) -> Float64s:
        """(4,) k1..k4."""
        return frozen(np.array(self.distortion or (0.0,) * 4))

    @cached_property
    def max_angle_rad(self) -> float:
        """The angle off axis up to which the radius grows, at most pi."""
        k1, k2, k3, k4 = self.coefficients
        roots = np.polynomial.Polynomial([1, 3 * k1, 5 * k2, 7 * k3, 9 * k4]).trim().roots()
        real = roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0)]
        return float(min(np.sqrt(real.min()), math.pi)) if len(real) else math.pi


Camera = PinholeCamera | FisheyeCamera
