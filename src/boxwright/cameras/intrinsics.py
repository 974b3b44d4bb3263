"""What every camera model has: the size of its picture, and what the projection needs to know of its lens."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self, cast

import numpy as np

from ..arrays import ArrayLike, Float64s, as_floats, frozen
from ..errors import CalibrationError

PLAIN, RADIAL, FULL, FISHEYE, SPHERE, CYLINDER, EQUIRECTANGULAR = range(7)  # how much of the model a kernel has to compute
ROW = 36  # numbers that tell a kernel all about a lens
RIM = 256  # directions in which the curve where a lens ends is known
MOST = 1e9  # of a coefficient or a number of pixels: beyond it polynomials of lenses overflow, and a calibration means nothing
FARTHEST = 1e6  # a distorted lens without a fold is followed to this radius, 0.0002 degrees short of 90
RIM_X, RIM_Y = np.cos(np.arange(RIM) * (2 * math.pi / RIM)), np.sin(np.arange(RIM) * (2 * math.pi / RIM))


@dataclass(frozen=True)
class Camera:
    """The size of a camera's pictures; every model is one of these."""

    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for name in ("width_px", "height_px"):
            value = float(as_floats(f"{kind}.{name}", getattr(self, name), (), finite=False))
            if not value.is_integer() or value <= 0:
                hint = "the picture's size, width before height"
                raise CalibrationError(expected="a positive number of pixels", got=f"{value:g}", field=f"{kind}.{name}", hint=hint)
            object.__setattr__(self, name, int(value))

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)"""
        return self.width_px, self.height_px

    def resized(self, width_px: int, height_px: int) -> Self:
        """The same view in a picture of another size; half a pixel because the first one's centre is (0, 0)."""
        across, down = width_px / self.width_px, height_px / self.height_px
        scales = {"fx_px": across, "fy_px": down, "cx_px": across, "cy_px": down}
        numbers = {name: getattr(self, name) for name in scales if hasattr(self, name)}
        new = {name: value * scales[name] if name[0] == "f" else (value + 0.5) * scales[name] - 0.5 for name, value in numbers.items()}
        return replace(self, width_px=width_px, height_px=height_px, **new)

    @property
    @abstractmethod
    def packed(self) -> Float64s:
        """(ROW,) that the projection kernels read: kind, fx, fy, cx, cy, width, height, limit, sure, 21 coefficients, 4 numbers of the shape, uneven,
        distorted."""

    @property
    @abstractmethod
    def border_rays(self) -> Float64s:
        """(RIM + 4, 3) rays just inside the curve where the lens ends, NaN where there is no end, then `corner_rays`."""

    @property
    @abstractmethod
    def corner_rays(self) -> Float64s:
        """(4, 3) rays of the corners of the picture's area: top left, top right, bottom left, bottom right; NaN where the lens has none."""

    @abstractmethod
    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels; NaN where no direction is projected to that pixel."""


@dataclass(frozen=True)
class CalibratedCamera(Camera):
    """A lens whose pictures are scaled by focal lengths about a principal point."""

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...] = ()

    _lengths: ClassVar[tuple[int, ...]] = (0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = type(self).__name__
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
    def from_matrix(cls, matrix: ArrayLike, width_px: int, height_px: int, distortion: ArrayLike = (), **lens: float) -> Self:
        """From a (3, 3) intrinsic matrix K, as calibration tools and datasets give it: fx 0 cx, 0 fy cy, 0 0 1.

        matrix : for pictures of this size, with the centre of the first pixel at (0, 0)
        distortion, lens : as the class tells

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
        coefficients = tuple(as_floats(f"{cls.__name__}.distortion", distortion, (None,)))
        return cls(width_px, height_px, k[0, 0], k[1, 1], k[0, 2], k[1, 2], coefficients, **lens)

    @property
    def matrix(self) -> Float64s:
        """(3, 3) intrinsic matrix K."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]])

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
        rim = np.stack([np.sin(angle) * RIM_X, np.sin(angle) * RIM_Y, np.cos(angle)], 1)
        rays: Float64s = frozen(np.concatenate([rim, self.corner_rays]))
        return rays

    def _on_plane(self, uv: ArrayLike) -> Float64s:
        """(N, 2) pixels as multiples of the focal length from the principal point."""
        pixels = as_floats("uv", uv, (None, 2), finite=False)
        on_plane: Float64s = (pixels - (self.cx_px, self.cy_px)) / (self.fx_px, self.fy_px)
        return on_plane

    def _pack(
        self, kind: int, limit: float, sure: float, numbers: Float64s, shape: Sequence[float] = (), *, uneven: bool = False, distorted: bool = False
    ) -> Float64s:
        row = np.zeros(ROW)
        row[:9] = kind, self.fx_px, self.fy_px, self.cx_px, self.cy_px, self.width_px, self.height_px, limit, sure
        row[9 : 9 + len(numbers)] = numbers
        row[30 : 30 + len(shape)] = shape
        row[34:] = uneven, distorted
        packed: Float64s = frozen(row)
        return packed


@dataclass(frozen=True)
class RoundCamera(CalibratedCamera):
    """A lens that ends at an angle off axis, the same all around, which may be beyond 90 degrees."""

    max_angle_rad: float = math.pi

    def __post_init__(self) -> None:
        super().__post_init__()
        field, given = f"{type(self).__name__}.max_angle_rad", cast(Any, self.max_angle_rad)
        angle = math.pi if given is None else float(as_floats(field, given, (), finite=False))
        if not 0 < angle <= math.pi:
            hint = "radians off axis: half the lens's field of view; leave it out where nobody knows it"
            raise CalibrationError(expected="an angle in (0, pi]", got=f"{angle:g}", field=field, hint=hint)
        object.__setattr__(self, "max_angle_rad", min(angle, self._end_rad))

    @property
    @abstractmethod
    def _end_rad(self) -> float:
        """The angle off axis up to which the model holds, at most pi."""

    @property
    def _rim_angles_rad(self) -> Float64s:
        return np.full(RIM, self.max_angle_rad)


def halve(growing: Any, wanted: Float64s, top: float) -> Float64s:
    """(N,) where in [0, top] a growing function takes the wanted values, by halving; the end of the range where it does not."""
    low, high = np.zeros_like(wanted), np.full_like(wanted, top)
    for _ in range(56):
        middle = (low + high) / 2
        below = growing(middle) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
