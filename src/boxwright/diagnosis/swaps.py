"""The fault of swapped cameras: boxes that a person drew, and the pictures themselves, each against every camera's calibration."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..scene import CameraSensor
from .evidence import Evidence
from .fits import fits_of_boxes, fits_of_pictures
from .rig import calibrated
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["has_boxes_of_another", "swapped_cameras"]

_GOOD_IOU, _MORE_IOU = 0.5, 0.15
_TO_FIND, _TO_BELIEVE = 3.0, 2.0  # standard deviations: of a fault, and of what is expected
_NAME = "swapped_cameras"


@dataclass
class Told:
    """Pairs of cameras, each with what was seen: that they are swapped, that they are not, or that nothing tells."""

    wrong: dict[frozenset[str], str] = field(default_factory=dict)
    right: dict[frozenset[str], str] = field(default_factory=dict)
    open: dict[frozenset[str], str] = field(default_factory=dict)


def has_boxes_of_another(evidence: Evidence) -> bool:
    """Whether boxes drawn for one camera fit the calibration of another, so that they say nothing of labels."""
    cameras = calibrated(evidence.scene)
    return bool(_by_boxes(fits_of_boxes(evidence, cameras, cameras), _alike(cameras)).wrong)


def _alike(cameras: Mapping[str, CameraSensor]) -> list[frozenset[str]]:
    """Pairs whose pictures have one size."""
    return [frozenset(pair) for pair in itertools.combinations(cameras, 2) if len({cameras[one].camera.size_px for one in pair}) == 1]


def swapped_cameras(evidence: Evidence) -> FaultVerdict:
    """Cameras are swapped where boxes or pictures of one fit the calibration of another; they are not where pictures say so, or boxes alone
    where there are no pictures: boxes were drawn by somebody who may have had the right ones."""
    cameras = calibrated(evidence.scene)
    pairs = _alike(cameras)
    if len(cameras) < 2:
        why = "no camera is calibrated" if not cameras else "there is one calibrated camera, which cannot be swapped"
        return undecidable(_NAME, why, "open a recording with calibrated cameras")
    if not pairs:
        return _of_sizes(evidence, cameras)
    boxes = _by_boxes(fits_of_boxes(evidence, cameras, cameras), pairs)
    pictures = _by_pictures(fits_of_pictures(evidence, cameras, cameras), pairs)
    if boxes.wrong or pictures.wrong:
        return _found(boxes, pictures)
    if pictures.right and not pictures.open:
        return absent(_NAME, _of_pairs("sweeps fit pictures of ", pictures.right), 0.95)
    if not pictures.right and not pictures.open and boxes.right and not boxes.open:
        return absent(_NAME, _of_pairs("there are no pictures with sweeps, and drawn boxes fit cuboids in ", boxes.right), 0.9)
    return _undecided(boxes, pictures, pairs)


def _named(pair: frozenset[str]) -> str:
    return " and ".join(sorted(pair))


def _of_pairs(start: str, told: Mapping[frozenset[str], str]) -> str:
    return start + ", ".join(f"{_named(pair)} ({what})" for pair, what in list(told.items())[:3]) + (" and others" if len(told) > 3 else "")


def _found(boxes: Told, pictures: Told) -> FaultVerdict:
    told = [_of_pairs("boxes drawn in pictures fit each other's calibration: ", boxes.wrong)] * bool(boxes.wrong)
    told += [_of_pairs("sweeps fit pictures by each other's calibration: ", pictures.wrong)] * bool(pictures.wrong)
    names = "; ".join(_named(pair) for pair in dict.fromkeys([*boxes.wrong, *pictures.wrong]))
    if any(pair in boxes.right for pair in pictures.wrong):
        told.append("boxes fit their own")
        change = f"exchange the pictures of {names}"
    elif any(pair in pictures.right for pair in boxes.wrong):
        told.append("pictures fit their own")
        change = f"exchange the names of the cameras that boxes were drawn for: {names}"
    else:
        change = f"exchange the calibrations of {names}"
    return found(_NAME, "; ".join(told), 0.95 if boxes.wrong and pictures.wrong else 0.9, change)


def _undecided(boxes: Told, pictures: Told, pairs: list[frozenset[str]]) -> FaultVerdict:
    look = "look at a sweep drawn into the pictures: boxwright render PATH"
    if pictures.open:
        why = _of_pairs("sweeps fit pictures too little better by their own calibration than by each other's to tell: ", pictures.open)
        if any(pair in boxes.right for pair in pictures.open):
            why += "; drawn boxes fit their own calibration, but do not tell whether the pictures beneath them are the right ones"
        return undecidable(_NAME, why, look)
    if boxes.open:
        return undecidable(_NAME, _of_pairs("too few boxes are drawn around labelled objects: ", boxes.open), look)
    why = "there are neither pictures with sweeps, nor boxes drawn in pictures around labelled objects"
    return undecidable(_NAME, why, "put the pictures of labelled frames beside the sweeps")


def _of_sizes(evidence: Evidence, cameras: Mapping[str, CameraSensor]) -> FaultVerdict:
    """Of cameras no two of which have pictures of one size."""
    scene, sizes = evidence.scene, dict[str, tuple[int, int]]()
    for camera in cameras:
        frame = next((i for i in range(len(scene)) if scene.has_image(i, camera)), None)
        if frame is not None:
            height, width = scene.image(frame, camera).shape[:2]
            sizes[camera] = (width, height)
    if len(sizes) < 2:
        why = "no two cameras have pictures of one size, and there are no pictures to compare with the sizes that calibrations are for"
        return undecidable(_NAME, why, "put the pictures beside the recording")
    of_size = {sensor.camera.size_px: name for name, sensor in cameras.items()}
    wrong = {camera: of_size[size] for camera, size in sizes.items() if size != cameras[camera].camera.size_px and size in of_size}
    if wrong:
        saw = "pictures have the size of another's calibration: " + ", ".join(f"{one} that of {other}" for one, other in wrong.items())
        return found(_NAME, saw, 0.95, f"exchange the calibrations of {', '.join(wrong)}")
    return absent(_NAME, "no two cameras have pictures of one size, and each has those that its calibration is for", 0.95)


# ------------------------------------------------------------ by boxes


def _by_boxes(fits: Mapping[str, Mapping[str, float]], pairs: list[frozenset[str]]) -> Told:
    told = Told()
    for pair in pairs:
        seen = {one: (fits[one][one], fits[one][other]) for one, other in itertools.permutations(sorted(pair)) if one in fits}
        what = ", ".join(f"IoU {own:.2f} by its own, {other:.2f} by the other's in {one}" for one, (own, other) in seen.items())
        if any(other > _GOOD_IOU and other > own + _MORE_IOU for own, other in seen.values()):
            told.wrong[pair] = what
        elif seen and all(own > _GOOD_IOU and own > other + 0.02 for own, other in seen.values()):
            told.right[pair] = what
        elif seen:
            told.open[pair] = what
    return told


# ------------------------------------------------------------ by pictures


def _by_pictures(fits: Mapping[str, Mapping[str, float]], pairs: list[frozenset[str]]) -> Told:
    """By how much pictures of a pair fit their own calibrations better than each other's; frames are taken to repeat each other, not to add up."""
    told = Told()
    for pair in pairs:
        seen = [(fits[one][one], fits[one][other]) for one, other in itertools.permutations(sorted(pair)) if one in fits]
        if not seen:
            continue
        own, other = np.sum(seen, axis=0)
        single = float(np.sqrt(len(seen)))
        more = float((own - other) / (np.sqrt(2) * single))
        what = f"{abs(more):.1f} standard deviations {'better' if more > 0 else 'worse'}"
        if -more > _TO_FIND and other > _TO_FIND * single:
            told.wrong[pair] = what
        elif more > _TO_BELIEVE and own > _TO_BELIEVE * single:
            told.right[pair] = what
        else:
            told.open[pair] = what
    return told
