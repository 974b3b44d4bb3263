"""Cameras as Scale AI has them beside each picture: where they were in the world, and a lens of Brown and Conrady's or a fisheye's.

position, heading (w, x, y, z; the camera looks along its z), fx, fy, cx, cy, and by camera_model
    brown_conrady   k1 k2 p1 p2 k3, and k4 k5 k6 beneath the fraction, as OpenCV has them
    fisheye         k1 k2 k3 k4, as cv2.fisheye has them
A picture that was made smaller has a scale_factor; its lens is that of the large one.
"""

from __future__ import annotations

from typing import Any

from ..cameras import Camera, FisheyeCamera, PinholeCamera, UncalibratedCamera
from ..frames import Pose
from ..scene import CameraSensor, Scene
from .cameras_of_frames import Lens, OtherLenses
from .pictures_of_frames import MOUNT, mount_beside_place
from .scale_geometry import pose_of
from .strict_json import Node

__all__ = [
    "CALIBRATION",
    "CAMERA_FIELDS",
    "camera_in_scale",
    "lens_from_scale",
    "lenses_left_out",
    "mount_from_scale",
    "mount_in_scale",
    "place_from_scale",
    "time_from_scale",
]

CALIBRATION = "pinhole cameras without thin prisms and tilt, and fisheyes without the edge of their circle, stay, where they have pictures"
BROWN, FISHEYE = "brown_conrady", "fisheye"
_BROWN = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_ROUND = ("k1", "k2", "k3", "k4")
_FOCAL = ("fx", "fy", "cx", "cy")
CAMERA_FIELDS = {"position", "heading", "camera_model", "scale_factor", "skew", *_FOCAL, *_BROWN}


def lens_from_scale(node: Node, others: OtherLenses) -> Lens | None:
    """None where it is of another kind, which is counted."""
    kind = node.get("camera_model", BROWN).text()
    skew = node.get("skew", 0.0).number()
    if kind not in (BROWN, FISHEYE) or skew != 0:
        others[kind if skew == 0 else f"{kind} with a skew"] += 1
        return None
    fx, fy, cx, cy = (node[name].number() for name in _FOCAL)
    factor = node.get("scale_factor", 1.0).number()
    if not factor > 0:
        raise node["scale_factor"].wrong("a number over 0", f"{factor:g}")
    if factor != 1:  # pixels of the large picture, whose first centre is (0, 0) as that of the small one is
        fx, fy, cx, cy = fx / factor, fy / factor, (cx + 0.5) / factor - 0.5, (cy + 0.5) / factor - 0.5
    terms = tuple(node.get(name, 0.0).number() for name in (_ROUND if kind == FISHEYE else _BROWN))
    if kind == FISHEYE:
        return Lens(FisheyeCamera, fx, fy, cx, cy, terms).checked(node)
    n_told = 8 if any(terms[5:]) else 5 if terms[4] else 4 if any(terms) else 0
    return Lens(PinholeCamera, fx, fy, cx, cy, terms[:n_told]).checked(node)


def place_from_scale(node: Node) -> Pose:
    """world_from_cam, less the origin of the file's coordinates."""
    return pose_of(node["position"], node["heading"])


def mount_from_scale(metadata: Node) -> Pose | None:
    """lidar_from_cam, as `mount_in_scale` tells it."""
    return place_from_scale(metadata[MOUNT]) if metadata.has(MOUNT) else None


def time_from_scale(node: Node, key: str = "timestamp") -> int | None:
    """Nanoseconds at which a picture was taken, None where it is not told."""
    if not node.has(key):
        return None
    time = node[key].number()
    if not -(2**63) <= time < 2**63:
        raise node[key].wrong("nanoseconds of 64 bits", f"{time:g}")
    return int(node[key].value)


def lenses_left_out(scene: Scene, n_terms: int) -> dict[str, str]:
    """Camera -> why Scale cannot have it. n_terms : how many of k1 k2 p1 p2 k3 k4 k5 k6 there are"""
    why = {name: _why_not(sensor.camera, n_terms) for name, sensor in scene.cameras.items()}
    return {name: said for name, said in why.items() if said is not None}


def _why_not(camera: Camera, n_terms: int) -> str | None:
    if isinstance(camera, UncalibratedCamera):
        return "nobody knows its lens and place"
    if isinstance(camera, FisheyeCamera):
        return None
    if not isinstance(camera, PinholeCamera):
        return "Scale has pinhole and fisheye lenses alone"
    return f"Scale has the terms {' '.join(_BROWN[:n_terms])} alone" if any(camera.distortion[n_terms:]) else None


def camera_in_scale(sensor: CameraSensor, place: Pose, n_terms: int) -> dict[str, Any]:
    """place : world_from_cam, less the origin"""
    lens = sensor.camera
    assert isinstance(lens, (PinholeCamera, FisheyeCamera))  # others were left out
    kind, names = (FISHEYE, _ROUND) if isinstance(lens, FisheyeCamera) else (BROWN, _BROWN[:n_terms])
    terms = (*lens.distortion, *[0.0] * len(names))[: len(names)]
    return {
        **_pose_in_scale(place),
        "camera_model": kind,
        **dict(zip(_FOCAL, (lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px))),
        **dict(zip(names, terms)),
    }


def mount_in_scale(scene: Scene, frame_index: int, camera: str) -> dict[str, Any]:
    """For the metadata of a picture that was not taken at its frame's stamp."""
    mount = mount_beside_place(scene, frame_index, camera)
    return {} if mount is None else {MOUNT: _pose_in_scale(mount)}


def _pose_in_scale(pose: Pose) -> dict[str, Any]:
    return {"position": dict(zip("xyz", pose.translation_m.tolist())), "heading": dict(zip("wxyz", pose.quat_wxyz.tolist()))}
