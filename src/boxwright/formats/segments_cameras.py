"""The pictures of a frame as Segments.ai has them: {name, url, row, col, intrinsics, extrinsics, distortion, camera_convention}.

extrinsics are where the camera is in the frame of the cloud, that is lidar_from_cam: {translation, rotation: {qx, qy, qz, qw}}. The camera looks
along its z with camera_convention "OpenCV", against its z, y up, with "OpenGL", which it is where nothing is told. intrinsics: {intrinsic_matrix},
3 x 3. distortion: {model: "brown-conrady", coefficients: {k1, k2, k3, p1, p2}}, with k4, k5, k6 beneath the fraction, or {model: "fisheye",
coefficients: {k1, k2, k3, k4}}, both as OpenCV has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import Camera, FisheyeCamera, PinholeCamera, UncalibratedCamera
from ..frames import Pose
from ..problems import Problems
from ..scene import Scene
from .boxwright_scene import camera_name
from .cameras_of_frames import Lens, OtherLenses, PictureFiles, Shot, listed
from .pictures_of_frames import MOUNT, Picture, mount_beside_place, place_of_camera
from .reach import within_reach
from .strict_json import Node

__all__ = ["CALIBRATION", "images_in_segments", "lenses_left_out", "quat_of", "shots_of_sample"]

CALIBRATION = "pinhole cameras without thin prisms and tilt, and fisheyes without the edge of their circle, stay; of others the pictures alone"
_BROWN = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_ROUND = ("k1", "k2", "k3", "k4")
_MODELS = {"brown-conrady": _BROWN, "fisheye": _ROUND}
_EXPOSURE = "boxwright_exposure_ns"  # of a picture that was not taken at its frame's stamp
_OWN = {"name", "url", "intrinsics", "extrinsics", "distortion", "camera_convention", _EXPOSURE, MOUNT}
_CV_FROM_GL = np.diag([1.0, -1.0, -1.0])


def shots_of_sample(
    sample: Sequence[Node], places: Sequence[Pose | None], folder: Path, problems: Problems, notes: list[str]
) -> tuple[list[Shot], dict[str, Any]]:
    """The pictures of all frames, and camera -> what else its first picture tells.

    places : world_from_lidar of each frame; as soon as one is known, cameras are placed in the world
    """
    files = PictureFiles(folder / "cameras", folder / "images")
    shots, extras, others = list[Shot](), dict[str, Any](), OtherLenses()
    in_world = any(place is not None for place in places)
    for i, frame in enumerate(sample):
        for k, node in enumerate(listed(frame, "images", problems)):
            with problems.aside(node.value):
                given = node.get("name", "").text()
                name = camera_name(given if given.strip() else f"camera {k}")
                lens, pose, place = _lens(node, others), _pose(node), places[i]
                if in_world:
                    pose = None if pose is None or place is None else place @ pose
                exposure = node[_EXPOSURE].whole() if node.has(_EXPOSURE) else None
                mount = _pose_of(node[MOUNT]) if node.has(MOUNT) else None
                shots.append(Shot(i, name, files.find(node["url"].text()), lens, pose, exposure, mount))
                extras.setdefault(name, {key: value for key, value in node.value.items() if key not in _OWN})
    notes += others.notes()
    return shots, extras


def _lens(node: Node, others: OtherLenses) -> Lens | None:
    if not node.has("intrinsics"):
        return None
    matrix = node["intrinsics"]["intrinsic_matrix"]
    (fx, skew, cx), (_, fy, cy), _ = matrix.numbers(3, 3).tolist()
    kind, terms = "brown-conrady", tuple[float, ...]()
    if node.has("distortion"):
        kind = node["distortion"]["model"].text()
        coefficients = node["distortion"].get("coefficients", {})
        terms = tuple(coefficients.get(name, 0.0).number() for name in _MODELS.get(kind, ()))
    if kind not in _MODELS or skew != 0:
        others[kind if skew == 0 else f"{kind} with a skew"] += 1
        return None
    if kind == "fisheye":
        return Lens(FisheyeCamera, fx, fy, cx, cy, terms).checked(node)
    n_told = 8 if any(terms[5:]) else 5 if any(terms[4:]) else 4 if any(terms) else 0
    return Lens(PinholeCamera, fx, fy, cx, cy, terms[:n_told]).checked(node)


def _pose(node: Node) -> Pose | None:
    """lidar_from_cam, the camera looking along its z."""
    if not node.has("extrinsics"):
        return None
    pose, said = _pose_of(node["extrinsics"]), node.get("camera_convention", "OpenGL")
    return pose if said.one_of({"OpenCV": True, "OpenGL": False}) else pose @ Pose(_CV_FROM_GL)


def _pose_of(node: Node) -> Pose:
    where = node["translation"]
    return Pose.from_quat(quat_of(node["rotation"]), within_reach(where, np.array([where[axis].number() for axis in "xyz"])))


def quat_of(node: Node) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A unit quaternion, scalar first. FormatError where its length is not 1."""
    quat = np.array([node[part].number() for part in ("qw", "qx", "qy", "qz")])
    norm = float(np.linalg.norm(within_reach(node, quat)))
    if not 0.99 < norm < 1.01:
        raise node.wrong("a quaternion of length 1", f"{norm:.4g}")
    return quat / norm


# ------------------------------------------------------------ writing


def lenses_left_out(scene: Scene) -> dict[str, str]:
    """Camera -> why Segments.ai cannot have its lens."""
    why = {name: _why_not(sensor.camera) for name, sensor in scene.cameras.items()}
    return {name: said for name, said in why.items() if said is not None}


def _why_not(camera: Camera) -> str | None:
    if isinstance(camera, UncalibratedCamera):
        return "nobody knows its lens and place"
    if isinstance(camera, FisheyeCamera):
        return None
    if not isinstance(camera, PinholeCamera):
        return "Segments.ai has pinhole and fisheye lenses alone"
    return f"Segments.ai has the terms {' '.join(_BROWN)} alone" if any(camera.distortion[len(_BROWN) :]) else None


def images_in_segments(
    scene: Scene, frame_index: int, pictures: Sequence[Picture], reference: str, extras: Any, uncalibrated: Mapping[str, str]
) -> list[dict[str, Any]]:
    """reference : the frame of the cloud. extras : camera -> what a file told of it. uncalibrated : cameras whose pictures alone are written"""
    columns = {name: k for k, name in enumerate(scene.cameras)}
    found = []
    for one in pictures:
        name = one.sensor.name
        extra = extras.get(name) if isinstance(extras, Mapping) else None
        image = {"name": name, "url": one.address, "row": 0, "col": columns[name], **(extra if isinstance(extra, Mapping) else {})}
        if scene.has_time and one.exposure_ns != int(scene.times_ns[frame_index]):
            image[_EXPOSURE] = one.exposure_ns
        if name not in uncalibrated:
            image |= _calibration(one.sensor.camera, place_of_camera(scene, frame_index, name, reference))
            mount = mount_beside_place(scene, frame_index, name)
            image |= {} if mount is None else {MOUNT: _extrinsics(mount)}
        found.append(image)
    return found


def _calibration(lens: Camera, pose: Pose) -> dict[str, Any]:
    """pose : lidar_from_cam"""
    assert isinstance(lens, (PinholeCamera, FisheyeCamera))  # others were left out
    told: dict[str, Any] = {
        "intrinsics": {"intrinsic_matrix": [[lens.fx_px, 0.0, lens.cx_px], [0.0, lens.fy_px, lens.cy_px], [0.0, 0.0, 1.0]]},
        "extrinsics": _extrinsics(pose),
        "camera_convention": "OpenCV",
    }
    model = "fisheye" if isinstance(lens, FisheyeCamera) else "brown-conrady"
    if model == "fisheye" or any(lens.distortion):
        names = _MODELS[model] if any(lens.distortion[5:]) or model == "fisheye" else _BROWN[:5]
        told["distortion"] = {"model": model, "coefficients": dict(zip(names, (*lens.distortion, *[0.0] * len(names))))}
    return told


def _extrinsics(pose: Pose) -> dict[str, Any]:
    turn = dict(zip(("qw", "qx", "qy", "qz"), pose.quat_wxyz.tolist()))
    return {"translation": dict(zip("xyz", pose.translation_m.tolist())), "rotation": turn}
