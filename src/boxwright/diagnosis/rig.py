"""Faults of cameras, each by itself: inverted poses, lenses of another picture size."""

from __future__ import annotations

import numpy as np

from ..cameras import UncalibratedCamera
from ..scene import CameraSensor, Scene
from .evidence import Evidence, points_frame
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["calibrated", "inverted_cameras", "lenses"]

_UPRIGHT, _LYING = 0.7, 0.3
_OFF_MIDDLE = 1.3
_CALIBRATE = "open a recording with calibrated cameras"


def calibrated(scene: Scene) -> dict[str, CameraSensor]:
    return {name: sensor for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)}


def inverted_cameras(evidence: Evidence) -> FaultVerdict:
    """A camera's pictures stand upright, or would if its pose were turned round."""
    scene, name = evidence.scene, "inverted_extrinsic"
    cameras = calibrated(scene)
    if not cameras:
        return undecidable(name, "no camera is calibrated", _CALIBRATE)
    ego_from_points = scene.ego_from(points_frame(scene))
    lying, standing, open_ = [], [], []
    for camera, sensor in cameras.items():
        turn = (sensor.ego_from_cam.inverse() @ ego_from_points).rotation
        upright, inverted = -float(turn[1, 2]), -float(turn[2, 1])  # how much the picture's up is the world's, as it is and turned round
        if upright < _LYING and inverted > _UPRIGHT:
            lying.append(camera)
        elif upright > _UPRIGHT and inverted < _UPRIGHT:
            standing.append(camera)
        else:
            open_.append(camera)
    if lying:
        saw = f"the pictures of {', '.join(lying)} do not stand upright, and would if the poses were turned round"
        return found(name, saw, 0.95 if len(lying) > 1 or not standing else 0.9, "use the inverse: cam_from_lidar and lidar_from_cam are confused")
    if standing:
        more = f"; {', '.join(open_)} would stand either way" if open_ else ""
        return absent(name, f"the pictures of {', '.join(standing)} stand upright{more}", 0.95)
    why = f"the pictures of {', '.join(open_)} stand upright whether the pose is turned round or not, or in neither case"
    return undecidable(name, why, "draw the sweep into a picture: boxwright render PATH")


def lenses(evidence: Evidence) -> FaultVerdict:
    """The principal point lies near the middle of a picture; it is off by one factor in both directions where the lens is that of pictures of
    another size."""
    name, cameras = "scaled_intrinsics", calibrated(evidence.scene)
    odd, plain, off = dict[str, float](), list[str](), list[str]()
    for camera, sensor in cameras.items():
        cx, cy = getattr(sensor.camera, "cx_px", None), getattr(sensor.camera, "cy_px", None)
        if cx is None or cy is None:
            continue
        width, height = sensor.camera.size_px
        across, down = 2 * (cx + 0.5) / width, 2 * (cy + 0.5) / height
        scale = float(np.sqrt(max(across, 1e-6) * max(down, 1e-6)))
        if max(scale, 1 / scale) > _OFF_MIDDLE and max(across / down, down / across) < 1.12:
            odd[camera] = scale
        elif max(across, down, 1 / max(across, 1e-6), 1 / max(down, 1e-6)) < _OFF_MIDDLE:
            plain.append(camera)
        else:
            off.append(camera)
    if odd:
        said = ", ".join(f"{camera} {scale:.2f}" for camera, scale in odd.items())
        saw = f"principal points lie at so many times the way to the middle of the picture, across and down: {said}"
        change = "divide focal lengths and principal points by that, or give the size of the pictures that they belong to"
        return found(name, saw, 0.95, change)
    if plain:
        return absent(name, f"the principal points of {', '.join(plain)} lie near the middle of the pictures", 0.9)
    if off:
        why = f"the principal points of {', '.join(off)} lie off the middle in one direction, as in pictures that were cut"
        return undecidable(name, why, "compare the size of the pictures with the one that the calibration was made for")
    return undecidable(name, "no camera is calibrated" if not cameras else "no camera has a known lens", _CALIBRATE)
