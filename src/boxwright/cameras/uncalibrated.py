"""Cameras of which nobody knows more than the size of their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from ..arrays import ArrayLike, Float64s
from ..errors import CalibrationError
from .intrinsics import Camera

__all__ = ["UncalibratedCamera"]


@dataclass(frozen=True)
class UncalibratedCamera(Camera):
    """A camera whose picture size is known and nothing else, as that of a video file or a folder of images.

    It can be looked through and labelled in 2-D; whatever needs its lens or its place on the vehicle raises CalibrationError.
    """

    @property
    def packed(self) -> Float64s:
        self.refuse()

    @property
    def border_rays(self) -> Float64s:
        self.refuse()

    @property
    def corner_rays(self) -> Float64s:
        self.refuse()

    def rays(self, uv: ArrayLike) -> Float64s:
        """CalibrationError: no direction is known."""
        self.refuse()

    def refuse(self, field: str = "camera") -> NoReturn:
        """The CalibrationError that says what is missing."""
        raise CalibrationError(
            "the camera is not calibrated",
            expected="focal lengths, principal point, distortion and place on the vehicle",
            got=f"the picture's size alone, {self.width_px} x {self.height_px} px",
            field=field,
            hint="give its CameraSensor a PinholeCamera, or another model, from the camera's calibration",
        )
