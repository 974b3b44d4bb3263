"""Camera models: how a ray of the camera frame (x right, y down, z forward) meets the picture.

Pixels: u to the right, v down; the centre of the first pixel is (0, 0), as in OpenCV and KITTI, so a picture covers
-0.5 <= u < width_px - 0.5 and -0.5 <= v < height_px - 0.5, and a point in the picture rounds to a pixel that exists.
"""

from __future__ import annotations

from .fisheye import FisheyeCamera
from .intrinsics import CalibratedCamera, Camera, RoundCamera
from .panoramas import CylindricalCamera, EquirectangularCamera, PanoramaCamera
from .pinhole import PinholeCamera
from .spheres import DoubleSphereCamera, ExtendedUnifiedCamera, UnifiedCamera
from .uncalibrated import UncalibratedCamera

__all__ = [
    "CAMERA_MODELS",
    "CalibratedCamera",
    "Camera",
    "CylindricalCamera",
    "DoubleSphereCamera",
    "EquirectangularCamera",
    "ExtendedUnifiedCamera",
    "FisheyeCamera",
    "PanoramaCamera",
    "PinholeCamera",
    "RoundCamera",
    "UncalibratedCamera",
    "UnifiedCamera",
    "model_of",
]

CAMERA_MODELS: dict[str, type[Camera]] = {
    "pinhole": PinholeCamera,
    "fisheye": FisheyeCamera,
    "unified": UnifiedCamera,
    "extended_unified": ExtendedUnifiedCamera,
    "double_sphere": DoubleSphereCamera,
    "cylindrical": CylindricalCamera,
    "equirectangular": EquirectangularCamera,
    "uncalibrated": UncalibratedCamera,
}


def model_of(camera: Camera) -> str:
    """The name of a camera's model in files and in what `boxwright info` prints."""
    return next(name for name, kind in CAMERA_MODELS.items() if isinstance(camera, kind))
