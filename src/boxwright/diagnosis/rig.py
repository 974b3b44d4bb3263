"""The fault of lenses: those of another picture size."""

from __future__ import annotations

import numpy as np

from ..cameras import UncalibratedCamera
from ..scene import CameraSensor, Scene
from .evidence import Evidence
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["CALIBRATE", "calibrated", "lenses"]

_OFF_MIDDLE = 1.3
_AT_MIDDLE = 1.1  # makers of cameras leave no more
_SHOWS = 1.25  # over _AT_MIDDLE squared: where the maker was off the other way
_CUT = 1.12  # times as far off in one direction as in the other
CALIBRATE = "open a recording with calibrated cameras"


def calibrated(scene: Scene) -> dict[str, CameraSensor]:
    return {name: sensor for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)}


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
    return undecidable(name, "no camera is calibrated" if not cameras else "no camera has a known lens", CALIBRATE)


def _listed(scales: dict[str, float]) -> str:
    return ", ".join(f"{camera} {scale:.2f}" for camera, scale in scales.items())
