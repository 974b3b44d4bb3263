"""Faults of cameras' poses: the inverse of what they should be, or with the axes of OpenGL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..frames import Pose
from ..scene import CameraSensor
from .evidence import Evidence, points_frame
from .fits import fits_of_boxes, fits_of_pictures
from .rig import CALIBRATE, calibrated
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["camera_poses"]

_UPRIGHT, _LYING = 0.7, 0.3
_GOOD_IOU, _MORE_IOU = 0.5, 0.15
_TO_FIND, _TO_BELIEVE = 3.0, 2.0  # standard deviations: of a fault, and of what is expected
_INVERTED, _AXES = "inverted_extrinsic", "camera_axes"
_CHANGES = {
    _INVERTED: "use the inverse: cam_from_lidar and lidar_from_cam are confused",
    _AXES: "turn each camera by half a turn about its x: y up and z back (OpenGL) are taken for y down and z ahead",
}
_MENDED = {_INVERTED: "turned round", _AXES: "read with OpenGL's axes"}


def camera_poses(evidence: Evidence) -> list[FaultVerdict]:
    """inverted_extrinsic and camera_axes: pictures stand upright, or would if poses were turned round, or had other axes. Of a camera that stands
    either way, boxes and pictures tell; where one camera cannot be told, the rig cannot."""
    cameras = calibrated(evidence.scene)
    if not cameras:
        return [undecidable(name, "no camera is calibrated", CALIBRATE) for name in (_INVERTED, _AXES)]
    standing, neither, told = list[str](), list[str](), dict[str, tuple[str, str]]()
    doubted = dict[str, list[str]]()  # camera -> what would have it stand too
    ego_from_points = evidence.scene.ego_from(points_frame(evidence.scene))
    for camera, sensor in cameras.items():
        turn = (sensor.ego_from_cam.inverse() @ ego_from_points).rotation
        own = -float(turn[1, 2])  # how much the picture's up is the world's
        mended = [fault for fault, up in ((_INVERTED, -float(turn[2, 1])), (_AXES, -own)) if up >= _UPRIGHT]
        if own >= _UPRIGHT and mended:
            doubted[camera] = ["", *mended]
        elif own >= _UPRIGHT:
            standing.append(camera)
        elif own < _LYING and len(mended) == 1:
            told[camera] = (mended[0], f"does not stand upright, and would if the pose were {_MENDED[mended[0]]}")
        elif own < _LYING and mended:
            doubted[camera] = mended
        else:
            neither.append(camera)
    lying = {fault for fault, _ in told.values()}
    for camera, choices in list(doubted.items()):
        among = [one for one in choices if one in lying] if "" not in choices else choices
        seen = (among[0], "does not stand upright, as others of the rig") if len(among) == 1 else _by_sight(evidence, camera, choices)
        if seen is not None:
            del doubted[camera]
            if seen[0]:
                told[camera] = seen
            else:
                standing.append(camera)
    return [_verdict(fault, told, standing, doubted, neither) for fault in (_INVERTED, _AXES)]


def _verdict(fault: str, told: dict[str, tuple[str, str]], standing: list[str], doubted: dict[str, list[str]], neither: list[str]) -> FaultVerdict:
    mine = {camera: what for camera, (name, what) in told.items() if name == fault}
    if mine:
        saw = "; ".join(f"the picture of {camera} {what}" for camera, what in list(mine.items())[:3]) + (" and others" if len(mine) > 3 else "")
        return found(fault, saw, 0.95 if len(mine) > 1 or not standing else 0.9, _CHANGES[fault])
    open_ = [camera for camera, choices in doubted.items() if fault in choices]
    if not open_ and not neither:
        parts = [f"the pictures of {', '.join(standing)} stand upright"] * bool(standing)
        others = ", ".join(camera for camera in (*told, *doubted))
        parts += [f"those of {others} would not if the poses were {_MENDED[fault]}"] * bool(others)
        return absent(fault, "; ".join(parts), 0.95)
    why = list[str]()
    if neither:
        why.append(f"the pictures of {', '.join(neither)} stand upright neither as they are nor with poses turned round or with OpenGL's axes")
    upright = [camera for camera in open_ if "" in doubted[camera]]
    if upright:
        why.append(f"the pictures of {', '.join(upright)} would stand upright whether the pose is turned round or not")
    either = [camera for camera in open_ if "" not in doubted[camera]]
    if either:
        why.append(f"the pictures of {', '.join(either)} do not stand upright, and would both with the pose turned round and with OpenGL's axes")
    if standing:
        why.append(f"those of {', '.join(standing)} stand upright only as they are")
    return undecidable(fault, "; ".join(why), f"draw the sweep into pictures of {', '.join(open_ + neither)}: boxwright render PATH")


def _by_sight(evidence: Evidence, camera: str, choices: list[str]) -> tuple[str, str] | None:
    """What drawn boxes, or sweeps in pictures, say of one camera: the fault ("" for none) and what was seen; None where they do not tell."""
    own = evidence.scene.cameras[camera]
    poses = {name: _mended(own, name, evidence.scene.ego_from(points_frame(evidence.scene))) for name in choices}
    boxes = fits_of_boxes(evidence, [camera], poses).get(camera, {})
    by_boxes = _best(boxes, _MORE_IOU)
    if by_boxes and boxes[by_boxes[0]] > _GOOD_IOU:
        return by_boxes[0], f"fits drawn boxes with IoU {boxes[by_boxes[0]]:.2f} {_as(by_boxes[0])}, and {boxes[by_boxes[1]]:.2f} {_as(by_boxes[1])}"
    pictures = fits_of_pictures(evidence, [camera], poses).get(camera, {})
    best = _best(pictures, 0.0)
    if best is None:
        return None
    enough, more = (_TO_FIND if best[0] else _TO_BELIEVE), (pictures[best[0]] - pictures[best[1]]) / np.sqrt(2)
    if pictures[best[0]] < enough or more < enough:
        return None
    return best[0], f"fits the sweep by {more:.1f} standard deviations better {_as(best[0])} than {_as(best[1])}"


def _best(fits: dict[str, float], margin: float) -> tuple[str, str] | None:
    """The best and the next, where it is so much better."""
    ranked = sorted(fits, key=lambda name: -fits[name])
    return (ranked[0], ranked[1]) if len(ranked) > 1 and fits[ranked[0]] > fits[ranked[1]] + margin else None


def _as(fault: str) -> str:
    return f"with the pose {_MENDED[fault]}" if fault else "as it is"


def _mended(sensor: CameraSensor, fault: str, ego_from_points: Pose) -> CameraSensor:
    """With one fault undone; none where it is empty."""
    pose = sensor.ego_from_cam
    if fault == _INVERTED:
        pose = ego_from_points @ pose.inverse() @ ego_from_points
    elif fault == _AXES:
        pose = pose @ Pose(np.diag([1.0, -1.0, -1.0]))
    return replace(sensor, ego_from_cam=pose)
