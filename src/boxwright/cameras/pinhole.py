"""Pinhole cameras with Brown-Conrady distortion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Bools, Float64s, frozen
from .intrinsics import FARTHEST, FULL, PLAIN, RADIAL, RIM, RIM_X, RIM_Y, CalibratedCamera, halve


@dataclass(frozen=True)
class PinholeCamera(CalibratedCamera):
    """Pinhole with Brown-Conrady distortion in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4 [tx ty]]]], so 0, 4, 5, 8, 12 or 14 numbers.

    The distortion is valid up to the radius where it folds back on itself (`max_radius`); beyond it there is no picture of a point.
    """

    _lengths = (0, 4, 5, 8, 12, 14)

    @cached_property
    def coefficients(self) -> Float64s:
        """(14,) distortion, filled up with zeros."""
        coefficients: Float64s = frozen(np.array(self.distortion + (0.0,) * (14 - len(self.distortion))))
        return coefficients

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

    @cached_property
    def sure_radius(self) -> float:
        """The largest radius up to which the whole distortion, tangential, prism and tilt included, keeps its orientation in every direction.

        At most `max_radius`. Between the two some directions may be folded already; points there are looked at one by one.
        """
        radii, good = self._unfolded_grid
        return float(radii[-1] if good.all() else radii[max(int(np.argmin(good.all(1))) - 1, 0)])

    @cached_property
    def _unfolded_grid(self) -> tuple[Float64s, Bools]:
        """(G,) radii up to the radial limit, and (G, RIM) whether the distortion keeps its orientation there."""
        limit = min(self.max_radius, FARTHEST)
        if not self.coefficients[[2, 3, 8, 9, 10, 11, 12, 13]].any():
            return np.array([limit]), np.ones((1, RIM), bool)
        radii = np.concatenate([np.linspace(0, min(limit, 4), 401)[1:-1], np.geomspace(min(limit, 4) * (1 - 1e-9), limit, 200)])
        few = np.array_split(radii[:, None], 20)  # what fits in the cache takes half the time
        return radii, np.concatenate([self._is_unfolded(r * RIM_X, r * RIM_Y) for r in few])

    @property
    def _rim_angles_rad(self) -> Float64s:
        rim = self.rim_radii
        return np.arctan(np.where(rim < FARTHEST, rim, np.nan))

    @property
    def rim_radii(self) -> Float64s:
        """(RIM,) the radius at which the distortion folds in even steps of direction, at most FARTHEST."""
        radii, good = self._unfolded_grid
        first = np.argmin(good, 0)
        low, high = radii[np.maximum(first - 1, 0)], radii[first]
        for _ in range(50):
            middle = (low + high) / 2
            inside = self._is_unfolded(middle * RIM_X, middle * RIM_Y)
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        rim: Float64s = np.where(good.all(0), radii[-1], low)
        return rim

    @cached_property
    def tilt(self) -> Float64s:
        """(3, 3) homography of the tilted sensor (Scheimpflug); the identity where tx and ty are zero."""
        (sin_x, sin_y), (cos_x, cos_y) = np.sin(self.coefficients[12:]), np.cos(self.coefficients[12:])
        about_y = np.array([[cos_y, 0, -sin_y], [0, 1, 0], [sin_y, 0, cos_y]])
        turn = about_y @ np.array([[1, 0, 0], [0, cos_x, sin_x], [0, -sin_x, cos_x]])
        tilt: Float64s = frozen(np.array([[turn[2, 2], 0, -turn[0, 2]], [0, turn[2, 2], -turn[1, 2]], [0, 0, 1]]) @ turn)
        return tilt

    @cached_property
    def packed(self) -> Float64s:
        """(ROW,) for the projection kernels; the limits are squared radii."""
        c = self.coefficients
        kind = FULL if c[5:].any() else RADIAL if c.any() else PLAIN
        if kind == PLAIN:
            return self._pack(kind, 1e300, 1e300, c)
        numbers, limit = np.concatenate([c[:12], self.tilt.ravel()]), min(self.max_radius, FARTHEST)
        return self._pack(kind, limit**2, self.sure_radius**2, numbers, uneven=self.sure_radius < limit, distorted=True)

    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels; NaN where no direction is projected to that pixel."""
        undistorted = self.undistorted(uv)
        rays = np.concatenate([undistorted, np.ones((len(undistorted), 1))], 1)
        unit: Float64s = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return unit

    def undistorted(self, uv: ArrayLike) -> Float64s:
        """(N, 2) x / z and y / z of what is projected to (N, 2) pixels; NaN where nothing is.

        The radial part is inverted by halving, the rest by Newton steps on the whole model.
        """
        plane = self._on_plane(uv)
        target = np.concatenate([plane, np.ones((len(plane), 1))], 1) @ np.linalg.inv(self.tilt).T
        target = target[:, :2] / target[:, 2:]
        limit = min(self.max_radius, FARTHEST)
        far = np.hypot(target[:, 0], target[:, 1])
        radius = np.tan(halve(lambda angle: np.tan(angle) * self._radial(np.tan(angle) ** 2)[0], far, math.atan(limit)))
        if not self.distortion:
            radius = far
        a, b = (target * np.divide(radius, far, out=np.ones_like(far), where=far > 0)[:, None]).T
        with np.errstate(all="ignore"):
            for _ in range(8 if self.coefficients.any() else 0):
                x, y, x_a, x_b, y_a, y_b = self._bend(a, b)
                x, y, determinant = x - target[:, 0], y - target[:, 1], x_a * y_b - x_b * y_a
                a, b = a - (y_b * x - x_b * y) / determinant, b - (x_a * y - y_a * x) / determinant
            x, y = self._bend(a, b)[:2]
            missed = np.hypot(x - target[:, 0], y - target[:, 1]) > 1e-9 * (1 + far)
            missed |= ~(np.hypot(a, b) <= limit * (1 - 1e-14)) | ~self._is_unfolded(a, b)
        unsure = np.flatnonzero(~missed & (np.hypot(a, b) > self.sure_radius))
        missed[unsure] = ~self._is_reached(a[unsure], b[unsure])
        undistorted: Float64s = np.stack([a, b], 1)
        undistorted[missed] = np.nan
        return undistorted

    def _radial(self, rho: Any) -> tuple[Any, Any, Any]:
        """The radial factor at rho = r^2, its derivative in rho, and the divisor of the rational model."""
        k1, k2, _, _, k3, k4, k5, k6 = self.coefficients[:8]
        under = 1 + rho * (k4 + rho * (k5 + rho * k6))
        factor = (1 + rho * (k1 + rho * (k2 + rho * k3))) / under
        return factor, ((k1 + rho * (2 * k2 + rho * 3 * k3)) - factor * (k4 + rho * (2 * k5 + rho * 3 * k6))) / under, under

    def _bend(self, a: Any, b: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
        """Distorted x, y of the undistorted a, b (the tilt left out), and the derivatives x_a, x_b, y_a, y_b."""
        p1, p2 = self.coefficients[2:4]
        s1, s2, s3, s4 = self.coefficients[8:12]
        rho = a * a + b * b
        factor, slope, _ = self._radial(rho)
        factor = factor + 2 * (p1 * b + p2 * a)
        x, y = a * factor + rho * (p2 + s1 + s2 * rho), b * factor + rho * (p1 + s3 + s4 * rho)
        by_a, by_b = 2 * slope * a + 2 * p2, 2 * slope * b + 2 * p1
        in_x, in_y = 2 * (p2 + s1 + 2 * s2 * rho), 2 * (p1 + s3 + 2 * s4 * rho)
        return x, y, factor + a * by_a + in_x * a, a * by_b + in_x * b, b * by_a + in_y * a, factor + b * by_b + in_y * b

    def _is_reached(self, a: Float64s, b: Float64s) -> Bools:
        """Where the distortion keeps its orientation all the way from the sure radius, in the steps of 2 % that `kernels.lenses.unfolded` takes."""
        first = self.sure_radius / np.hypot(a, b)
        steps = np.ceil(-50 * np.log(first)) + 1
        reached = np.ones(len(a), np.bool_)
        for k in range(1, int(steps.max(initial=0)) + 1):
            share = first ** (1 - np.minimum(k / steps, 1))
            reached &= self._is_unfolded(a * share, b * share)
        return reached

    def _is_unfolded(self, a: Any, b: Any) -> Bools:
        """Where the distortion keeps its orientation and neither the rational model nor the tilt has passed a pole."""
        x, y, x_a, x_b, y_a, y_b = self._bend(a, b)
        unfolded: Bools = (x_a * y_b > x_b * y_a) & (self._radial(a * a + b * b)[2] > 0)
        unfolded &= (self.tilt[2, 0] * x + self.tilt[2, 1] * y + self.tilt[2, 2]) > 0
        return unfolded
