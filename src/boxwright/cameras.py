"""Camera models: how a ray of the camera frame (x right, y down, z forward) meets the picture.

Pixels: u to the right, v down; the centre of the first pixel is (0, 0), as in OpenCV and KITTI, so a picture covers
-0.5 <= u < width_px - 0.5 and -0.5 <= v < height_px - 0.5, and a point in the picture rounds to a pixel that exists.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self, cast

import numpy as np

from .arrays import ArrayLike, Bools, Float64s, as_floats, frozen
from .errors import CalibrationError

__all__ = ["Camera", "FisheyeCamera", "PinholeCamera"]

PLAIN, RADIAL, FULL, FISHEYE = range(4)  # how much of the model a kernel has to compute
RIM = 256  # directions in which the curve where a lens ends is known
MOST = 1e9  # of a coefficient or a number of pixels: beyond it polynomials of lenses overflow, and a calibration means nothing
FARTHEST = 1e6  # a distorted lens without a fold is followed to this radius, 0.0002 degrees short of 90
_RIM_X, _RIM_Y = np.cos(np.arange(RIM) * (2 * math.pi / RIM)), np.sin(np.arange(RIM) * (2 * math.pi / RIM))


@dataclass(frozen=True)
class _Intrinsics:
    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...] = ()

    _lengths: ClassVar[tuple[int, ...]] = (0,)

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for name in ("width_px", "height_px"):
            value = float(as_floats(f"{kind}.{name}", getattr(self, name), (), finite=False))
            if not value.is_integer() or value <= 0:
                hint = "the picture's size, width before height"
                raise CalibrationError(expected="a positive number of pixels", got=f"{value:g}", field=f"{kind}.{name}", hint=hint)
            object.__setattr__(self, name, int(value))
        for name in ("fx_px", "fy_px", "cx_px", "cy_px"):
            value = float(as_floats(f"{kind}.{name}", getattr(self, name), (), finite=False))
            is_focal = name[0] == "f"
            if not abs(value) < MOST or (is_focal and value <= 0):
                what, wanted = ("singular intrinsics", "a positive focal length") if is_focal else ("", "a finite number")
                wanted = f"a number under {MOST:g}" if MOST <= abs(value) < math.inf else wanted
                raise CalibrationError(what, expected=wanted, got=value, field=f"{kind}.{name}", hint="look at the camera's calibration")
            object.__setattr__(self, name, value)
        distortion = tuple(float(v) for v in as_floats(f"{kind}.distortion", self.distortion, (None,), hint="pass a flat list of coefficients"))
        if len(distortion) not in self._lengths:
            wanted, hint = " or ".join(str(n) for n in self._lengths), "fill up with zeros to the next of these"
            if len(distortion) > self._lengths[-1]:
                hint = "is it another lens model, or in another order?"
            raise CalibrationError(expected=f"{wanted} distortion coefficients", got=len(distortion), field=f"{kind}.distortion", hint=hint)
        i = next((i for i, value in enumerate(distortion) if abs(value) >= MOST), None)
        if i is not None:
            field, hint = f"{kind}.distortion[{i}]", "look at the camera's calibration"
            raise CalibrationError(expected=f"a coefficient under {MOST:g}", got=f"{distortion[i]:g}", field=field, hint=hint)
        object.__setattr__(self, "distortion", distortion)

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, width_px: int, height_px: int, distortion: ArrayLike = ()) -> Self:
        """From a (3, 3) intrinsic matrix K, as calibration tools and datasets give it: fx 0 cx, 0 fy cy, 0 0 1.

        matrix : for pictures of this size, with the centre of the first pixel at (0, 0)
        distortion : as the class tells

        CalibrationError where it is singular, skewed, or no K at all: these models have no skew. The first three columns of a (3, 4) projection
        matrix P = [K | K t] are a K; its last column shifts the camera by t and belongs into the pose.
        """
        place = f"{cls.__name__}.matrix"
        k = as_floats(place, matrix, (3, 3), hint="of a (3, 4) projection pass P[:, :3]; its last column belongs into the pose")
        if np.abs(k[2] - (0, 0, 1)).max() > 1e-9:
            got, hint = " ".join(f"{v:g}" for v in k[2]), "divide the matrix by its last number, or transpose it"
            raise CalibrationError(expected="a last row of 0 0 1", got=got, field=place, hint=hint)
        if max(abs(k[0, 1]), abs(k[1, 0])) > 1e-9 * abs(k[0, 0]):
            got = f"{k[0, 1]:g} and {k[1, 0]:g}"
            raise CalibrationError("skewed intrinsics", expected="0 beside the focal lengths", got=got, field=place, hint="calibrate without skew")
        return cls(width_px, height_px, k[0, 0], k[1, 1], k[0, 2], k[1, 2], tuple(as_floats(f"{cls.__name__}.distortion", distortion, (None,))))

    @property
    def matrix(self) -> Float64s:
        """(3, 3) intrinsic matrix K."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]])

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)"""
        return self.width_px, self.height_px

    @abstractmethod
    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels."""

    @cached_property
    def corner_rays(self) -> Float64s:
        """(4, 3) rays of the corners of the picture's area: top left, top right, bottom left, bottom right; NaN where the lens has none."""
        left, right, bottom = -0.5, self.width_px - 0.5, self.height_px - 0.5
        rays: Float64s = frozen(self.rays([(left, left), (right, left), (left, bottom), (right, bottom)]))
        return rays

    @property
    @abstractmethod
    def _rim_angles_rad(self) -> Float64s:
        """(RIM,) angle off axis at which the lens ends, in even steps of direction about the axis; NaN where it does not end."""

    @cached_property
    def border_rays(self) -> Float64s:
        """(RIM + 4, 3) rays just inside the curve where the lens ends, NaN where there is no end, then `corner_rays`."""
        angle = self._rim_angles_rad * (1 - 1e-9)
        rim = np.stack([np.sin(angle) * _RIM_X, np.sin(angle) * _RIM_Y, np.cos(angle)], 1)
        rays: Float64s = frozen(np.concatenate([rim, self.corner_rays]))
        return rays

    def _on_plane(self, uv: ArrayLike) -> Float64s:
        """(N, 2) pixels as multiples of the focal length from the principal point."""
        pixels = as_floats("uv", uv, (None, 2), finite=False)
        on_plane: Float64s = (pixels - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px)
        return on_plane

    def _pack(self, kind: int, limit: float, sure: float, numbers: Float64s) -> Float64s:
        """(30,): kind, fx, fy, cx, cy, width, height, limit, sure, then the coefficients: the row that the projection kernels read."""
        row = np.zeros(30)
        row[:9] = kind, self.fx_px, self.fy_px, self.cx_px, self.cy_px, self.width_px, self.height_px, limit, sure
        row[9 : 9 + len(numbers)] = numbers
        packed: Float64s = frozen(row)
        return packed


@dataclass(frozen=True)
class PinholeCamera(_Intrinsics):
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
        return radii, np.concatenate([self._is_unfolded(r * _RIM_X, r * _RIM_Y) for r in few])

    @property
    def _rim_angles_rad(self) -> Float64s:
        radii, good = self._unfolded_grid
        first = np.argmin(good, 0)
        low, high = radii[np.maximum(first - 1, 0)], radii[first]
        for _ in range(50):
            middle = (low + high) / 2
            inside = self._is_unfolded(middle * _RIM_X, middle * _RIM_Y)
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        rim = np.where(good.all(0), radii[-1], low)
        return np.arctan(np.where(rim < FARTHEST, rim, np.nan))

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
        """(30,) for the projection kernels; the limits are squared radii."""
        c = self.coefficients
        kind = FULL if c[5:].any() else RADIAL if c.any() else PLAIN
        if kind == PLAIN:
            return self._pack(kind, 1e300, 1e300, c)
        return self._pack(kind, min(self.max_radius, FARTHEST) ** 2, self.sure_radius**2, np.concatenate([c[:12], self.tilt.ravel()]))

    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels; NaN where no direction is projected to that pixel.

        The radial part is inverted by halving, the rest by Newton steps on the whole model.
        """
        plane = self._on_plane(uv)
        target = np.concatenate([plane, np.ones((len(plane), 1))], 1) @ np.linalg.inv(self.tilt).T
        target = target[:, :2] / target[:, 2:]
        limit = min(self.max_radius, FARTHEST)
        far = np.hypot(target[:, 0], target[:, 1])
        radius = np.tan(_halve(lambda angle: np.tan(angle) * self._radial(np.tan(angle) ** 2)[0], far, math.atan(limit)))
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
        rays = np.stack([a, b, np.ones_like(a)], 1)
        rays[missed] = np.nan
        unit: Float64s = rays / np.linalg.norm(rays, axis=1, keepdims=True)
        return unit

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


@dataclass(frozen=True)
class FisheyeCamera(_Intrinsics):
    """Kannala-Brandt: theta = atan2(hypot(x, y), z), r = theta + k1 theta^3 + k2 theta^5 + k3 theta^7 + k4 theta^9; valid past 90 degrees off axis.

    distortion : 0 or 4 numbers k1..k4, as in `cv2.fisheye`
    max_angle_rad : the angle off axis where the picture of the lens ends (the image circle), in (0, pi]; beyond it a point has no pixel and a pixel
        no ray. Never more than where the radius stops growing, which it is where the calibration does not tell
    Source: Kannala and Brandt, IEEE TPAMI 28(8), 2006.
    """

    max_angle_rad: float = math.pi

    _lengths = (0, 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        field, given = "FisheyeCamera.max_angle_rad", cast(Any, self.max_angle_rad)
        angle = math.pi if given is None else float(as_floats(field, given, (), finite=False))
        if not 0 < angle <= math.pi:
            hint = "radians off axis: half the lens's field of view; leave it out where nobody knows it"
            raise CalibrationError(expected="an angle in (0, pi]", got=f"{angle:g}", field=field, hint=hint)
        object.__setattr__(self, "max_angle_rad", min(angle, self._fold_rad))

    @classmethod
    def from_matrix(
        cls, matrix: ArrayLike, width_px: int, height_px: int, distortion: ArrayLike = (), max_angle_rad: float = math.pi
    ) -> FisheyeCamera:
        """As `PinholeCamera.from_matrix`; max_angle_rad as the class tells."""
        return replace(super().from_matrix(matrix, width_px, height_px, distortion), max_angle_rad=max_angle_rad)

    @cached_property
    def coefficients(self) -> Float64s:
        """(4,) k1..k4."""
        coefficients: Float64s = frozen(np.array(self.distortion or (0.0,) * 4))
        return coefficients

    @property
    def _fold_rad(self) -> float:
        """The angle off axis up to which the radius grows, at most pi."""
        k1, k2, k3, k4 = self.coefficients
        roots = np.polynomial.Polynomial([1, 3 * k1, 5 * k2, 7 * k3, 9 * k4]).trim().roots()
        real = roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots)) & (roots.real > 0)]
        return float(min(np.sqrt(real.min()), math.pi)) if len(real) else math.pi

    @property
    def _rim_angles_rad(self) -> Float64s:
        return np.full(RIM, self.max_angle_rad)

    @cached_property
    def packed(self) -> Float64s:
        """(30,) for the projection kernels; the limits are angles."""
        return self._pack(FISHEYE, self.max_angle_rad, self.max_angle_rad, self.coefficients)

    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels; NaN where no direction is projected to that pixel."""
        plane = self._on_plane(uv)
        far = np.hypot(plane[:, 0], plane[:, 1])
        theta = _halve(self._bent, far, self.max_angle_rad)
        theta[~(far <= self._bent(self.max_angle_rad) * (1 + 1e-12))] = np.nan
        aside = np.sin(theta) * np.divide(1, far, out=np.zeros_like(far), where=far > 0)
        return np.stack([plane[:, 0] * aside, plane[:, 1] * aside, np.cos(theta)], 1)

    def _bent(self, theta: Any) -> Any:
        """The distance from the principal point, in focal lengths, of a ray theta off axis."""
        k1, k2, k3, k4 = self.coefficients
        square = theta * theta
        return theta * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))


Camera = PinholeCamera | FisheyeCamera


def _halve(growing: Any, wanted: Float64s, top: float) -> Float64s:
    """(N,) where in [0, top] a growing function takes the wanted values, by halving; the end of the range where it does not."""
    low, high = np.zeros_like(wanted), np.full_like(wanted, top)
    for _ in range(56):
        middle = (low + high) / 2
        below = growing(middle) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
