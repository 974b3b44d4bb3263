"""Panoramas: pictures on a cylinder or a sphere around the camera, made by stitching or by cameras that look all around."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from ..arrays import ArrayLike, Float64s
from .intrinsics import CYLINDER, EQUIRECTANGULAR, FARTHEST, RIM, CalibratedCamera

__all__ = ["CylindricalCamera", "EquirectangularCamera", "PanoramaCamera"]


@dataclass(frozen=True)
class PanoramaCamera(CalibratedCamera):
    """Columns are directions about the camera's y axis: u = fx atan2(x, z) + cx.

    The seam, where the turn ends and begins again, lies opposite to the middle of the picture, whatever cx is. Nothing is behind such a camera:
    what the picture does not cover is outside of it.
    """

    _kind: ClassVar[int]

    @property
    def is_whole_turn(self) -> bool:
        """Whether the picture goes all around, so that its right border is its left one; boxes go on there."""
        return abs(2 * math.pi * self.fx_px - self.width_px) <= 1e-6 * self.width_px

    @property
    def _rim_angles_rad(self) -> Float64s:
        return np.full(RIM, np.nan)

    @cached_property
    def packed(self) -> Float64s:
        middle = ((self.width_px - 1) / 2 - self.cx_px) / self.fx_px
        shape = math.cos(middle), math.sin(middle), self.width_px if self.is_whole_turn else 0.0
        return self._pack(self._kind, 1e300, 1e300, np.zeros(0), shape)

    def rays(self, uv: ArrayLike) -> Float64s:
        """(N, 3) unit vectors in the cam frame from (N, 2) pixels; NaN where no direction is projected to that pixel."""
        plane = self._on_plane(uv)
        cosine, sine = self._level_and_down(plane[:, 1])
        rays: Float64s = np.stack([np.sin(plane[:, 0]) * cosine, sine, np.cos(plane[:, 0]) * cosine], 1)
        beyond = ~(np.abs(plane[:, 0] - ((self.width_px - 1) / 2 - self.cx_px) / self.fx_px) <= math.pi * (1 + 1e-6))
        rays[beyond] = np.nan
        return rays

    @abstractmethod
    def _level_and_down(self, height: Float64s) -> tuple[Any, Any]:
        """Cosine and sine of the angle below the camera's x-z plane, at heights in focal lengths; NaN where there is none."""


@dataclass(frozen=True)
class CylindricalCamera(PanoramaCamera):
    """Cylindrical: u = fx atan2(x, z) + cx, v = fy y / hypot(x, z) + cy; upright lines stay upright lines.

    What is straight above or below, by more than a million times its distance aside, has no pixel.
    """

    _kind = CYLINDER

    def _level_and_down(self, height: Float64s) -> tuple[Any, Any]:
        with np.errstate(invalid="ignore"):
            height = np.where(np.abs(height) <= FARTHEST, height, np.nan)
        length = np.hypot(1, height)
        return 1 / length, height / length


@dataclass(frozen=True)
class EquirectangularCamera(PanoramaCamera):
    """Equirectangular: u = fx atan2(x, z) + cx, v = fy atan2(y, hypot(x, z)) + cy; `of_sphere` makes the one of a whole sphere."""

    _kind = EQUIRECTANGULAR

    @classmethod
    def of_sphere(cls, width_px: int, height_px: int) -> Self:
        """A picture of all directions with the z axis in its middle; twice as wide as high where pixels are square."""
        return cls(width_px, height_px, width_px / (2 * math.pi), height_px / math.pi, (width_px - 1) / 2, (height_px - 1) / 2)

    def _level_and_down(self, height: Float64s) -> tuple[Any, Any]:
        with np.errstate(invalid="ignore"):
            height = np.where(np.abs(height) <= math.pi / 2 * (1 + 1e-12), height, np.nan)
        return np.cos(height), np.sin(height)
