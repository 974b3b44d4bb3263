"""How well boxes that a person drew, and sweeps, fit the pictures of a camera by one calibration or another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from ..arrays import Float64s, Int64s
from ..errors import BoxwrightError
from ..frames import Pose
from ..projection import project_cuboids
from ..scene import CameraSensor, Scene
from .alignment import fit_of
from .evidence import Evidence, Labels, points_frame
from .rig import calibrated

__all__ = ["fits_of_boxes", "fits_of_pictures", "shares_of_boxes"]

_N_BOXES = 5
_MOST_FRAMES = 24
_MOST_SWEEPS = 4


def fits_of_boxes(evidence: Evidence, cameras: Iterable[str], sensors: Mapping[str, CameraSensor]) -> dict[str, dict[str, float]]:
    """Camera -> name of a calibration -> median IoU of the camera's boxes with cuboids projected by it; without cameras that have few boxes."""
    of_camera = defaultdict(list)
    cameras = set(cameras)
    for box in evidence.boxes:
        if box.camera in cameras:
            of_camera[box.camera].append(box)
    fits: dict[str, dict[str, float]] = {}
    for camera, boxes in of_camera.items():
        if len(boxes) < _N_BOXES:
            continue
        boxes = boxes[:: max(1, len(boxes) // 400)]
        rows, drawn = np.array([box.row for box in boxes]), np.array([box.xyxy for box in boxes])
        for other, sensor in sensors.items():
            shares = _of_camera(evidence, evidence.labels, camera, sensor, rows, drawn)
            fits.setdefault(camera, {})[other] = float(np.median(shares))
    return fits


def shares_of_boxes(evidence: Evidence, labels: Labels) -> tuple[Int64s, Float64s]:
    """Rows of the labels that boxes were drawn around, in pictures of calibrated cameras, and the IoU of each box with its cuboid there."""
    cameras = calibrated(evidence.scene)
    boxes = [box for box in evidence.boxes if box.camera in cameras]
    frames = np.unique(labels.frame[[box.row for box in boxes]]) if boxes else np.zeros(0, np.int64)
    some = set(frames[:: -(-len(frames) // _MOST_FRAMES) or 1].tolist())
    boxes = [box for box in boxes if int(labels.frame[box.row]) in some]
    rows, shares = [np.zeros(0, np.int64)], [np.zeros(0)]
    for camera, sensor in cameras.items():
        own = np.array([box.row for box in boxes if box.camera == camera], np.int64)
        if len(own):
            drawn = np.array([box.xyxy for box in boxes if box.camera == camera])
            rows.append(own)
            shares.append(_of_camera(evidence, labels, camera, sensor, own, drawn))
    return np.concatenate(rows), np.concatenate(shares)


def _of_camera(evidence: Evidence, labels: Labels, camera: str, sensor: CameraSensor, rows: Int64s, drawn: Float64s) -> Float64s:
    """The IoU of each box of a camera with its cuboid, by a calibration."""
    shares, frames = np.zeros(len(rows)), labels.frame[rows]
    for frame in np.unique(frames).tolist():
        here = frames == frame
        shares[here] = _shares(labels, sensor, _cam_from(evidence.scene, frame, camera, sensor), rows[here], drawn[here])
    return shares


def _cam_from(scene: Scene, frame: int, camera: str, sensor: CameraSensor) -> Pose:
    """cam_from_labels with the place of one camera at the exposure of another."""
    if scene.trajectory is None:
        return sensor.ego_from_cam.inverse() @ scene.ego_from(points_frame(scene))
    try:
        stamp, exposure = int(scene.times_ns[frame]), int(scene.exposures_ns(camera)[frame])
        way = scene.world_from_ego(exposure).inverse() @ scene.world_from_ego(stamp)
    except BoxwrightError:
        way = Pose.identity()
    return sensor.ego_from_cam.inverse() @ way @ scene.ego_from(points_frame(scene))


def _shares(labels: Labels, sensor: CameraSensor, pose: Pose, rows: Int64s, drawn: Float64s) -> Float64s:
    image = project_cuboids(labels.cuboids(rows), sensor.camera, pose)
    width, height = sensor.camera.size_px
    edge = np.array([width, height, width, height]) - 0.5
    made = np.clip(np.nan_to_num(image.xyxy), -0.5, edge)
    drawn = np.clip(drawn, -0.5, edge)
    shared = np.clip(np.minimum(made[:, 2:], drawn[:, 2:]) - np.maximum(made[:, :2], drawn[:, :2]), 0, None).prod(1)
    union = (made[:, 2:] - made[:, :2]).prod(1) + (drawn[:, 2:] - drawn[:, :2]).prod(1) - shared
    return np.where(image.visible & (union > 0), shared / np.where(union > 0, union, 1), 0.0)


def fits_of_pictures(evidence: Evidence, cameras: Iterable[str], sensors: Mapping[str, CameraSensor]) -> dict[str, dict[str, float]]:
    """Camera -> name of a calibration for pictures of that size -> how well sweeps fit its pictures by it, as `fit_of` tells."""
    scene, names = evidence.scene, list(cameras)
    fits: dict[str, dict[str, list[float]]] = {}
    every = max(1, len(evidence.clouds) // _MOST_SWEEPS)
    for cloud in evidence.clouds[::every]:
        for camera in names:
            if not scene.has_image(cloud.frame_index, camera):
                continue
            try:
                image = scene.image(cloud.frame_index, camera)
            except BoxwrightError:
                continue
            for other, sensor in sensors.items():
                if sensor.camera.size_px == scene.cameras[camera].camera.size_px:
                    pose = _cam_from(scene, cloud.frame_index, camera, sensor)
                    fits.setdefault(camera, {}).setdefault(other, []).append(fit_of(image, cloud, sensor.camera, pose))
    return {camera: {other: float(np.mean(values)) for other, values in by.items()} for camera, by in fits.items()}
