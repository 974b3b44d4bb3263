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
_AT_MIDDLE = 1.1  # makers of cameras leave no more
_SHOWS = 1.25  # over _AT_MIDDLE squared: where the maker was off the other way
_CUT = 1.12  # times as far off in one direction as in the other
_CALIBRATE = "open a recording with calibrated cameras"


def calibrated(scene: Scene) -> dict[str, CameraSensor]:
    return {name: sensor for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)}


def inverted_cameras(evidence: Evidence) -> FaultVerdict:
    """A camera's pictures stand upright, or would if its pose were turned round; where one camera cannot be told, the rig cannot."""
    scene, name = evidence.scene, "inverted_extrinsic"
    cameras = calibrated(scene)
    if not cameras:
        return undecidable(name, "no camera is calibrated", _CALIBRATE)
    ego_from_points = scene.ego_from(points_frame(scene))
    lying, standing, alike, neither = list[str](), list[str](), list[str](), list[str]()
    for camera, sensor in cameras.items():
        turn = (sensor.ego_from_cam.inverse() @ ego_from_points).rotation
        upright, inverted = -float(turn[1, 2]), -float(turn[2, 1])  # how much the picture's up is the world's, as it is and turned round
        if upright < _LYING and inverted > _UPRIGHT:
            lying.append(camera)
        elif upright > _UPRIGHT and inverted < _UPRIGHT:
            standing.append(camera)
        else:
            (alike if min(upright, inverted) >= _UPRIGHT else neither).append(camera)
    if lying:
        saw = f"the pictures of {', '.join(lying)} do not stand upright, and would if the poses were turned round"
        return found(name, saw, 0.95 if len(lying) > 1 or not standing else 0.9, "use the inverse: cam_from_lidar and lidar_from_cam are confused")
    if not alike and not neither:
        return absent(name, f"the pictures of {', '.join(standing)} stand upright", 0.95)
    why = list[str]()
    if neither:
        why.append(f"the pictures of {', '.join(neither)} stand upright neither as they are nor with the pose turned round")
    if alike:
        why.append(f"the pictures of {', '.join(alike)} would stand upright whether the pose is turned round or not")
    if standing:
        why.append(f"those of {', '.join(standing)} stand upright only as they are")
    return undecidable(name, "; ".join(why), f"draw the sweep into pictures of {', '.join(alike + neither)}: boxwright render PATH")


def lenses(evidence: Evidence) -> FaultVerdict:
    """The principal point lies near the middle of a picture; it is off by one factor in both directions where the lens is that of pictures of
    another size."""
    name, cameras = "scaled_intrinsics", calibrated(evidence.scene)
    odd, plain, between, cut = dict[str, float](), dict[str, float](), dict[str, float](), list[str]()
    for camera, sensor in cameras.items():
        cx, cy = getattr(sensor.camera, "cx_px", None), getattr(sensor.camera, "cy_px", None)
        if cx is None or cy is None:
            continue
        width, height = sensor.camera.size_px
        across, down = max(2 * (cx + 0.5) / width, 1e-6), max(2 * (cy + 0.5) / height, 1e-6)
        scale, most = float(np.sqrt(across * down)), max(across, down, 1 / across, 1 / down)
        if most < _AT_MIDDLE:
            plain[camera] = most
        elif max(across / down, down / across) < _CUT:
            (odd if max(scale, 1 / scale) > _OFF_MIDDLE else between)[camera] = scale
        else:
            cut.append(camera)
    if odd:
        saw = f"principal points lie at so many times the way to the middle of the picture, across and down: {_listed(odd)}"
        change = "divide focal lengths and principal points by that, or give the size of the pictures that they belong to"
        return found(name, saw, 0.95, change)
    why = list[str]()
    if between:
        off = "principal points lie a little off the middle, at so many times the way to it, across and down"
        why.append(f"{off}: {_listed(between)}; so do lenses of pictures of another size, and chips that are not centred")
    if cut:
        why.append(f"the principal points of {', '.join(cut)} lie off the middle in one direction, as in pictures that were cut")
    if why:
        return undecidable(name, "; ".join(why), "compare the size of the pictures with the one that the calibration was made for")
    if plain:
        saw = f"the principal points of {', '.join(plain)} lie in the middle of the pictures, within a factor of {max(plain.values()):.2f}"
        return absent(name, f"{saw}; a size {_SHOWS} times another would show, a nearer one need not", 0.9)
    return undecidable(name, "no camera is calibrated" if not cameras else "no camera has a known lens", _CALIBRATE)


def _listed(scales: dict[str, float]) -> str:
    return ", ".join(f"{camera} {scale:.2f}" for camera, scale in scales.items())
