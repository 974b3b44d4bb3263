"""Faults of cameras and clocks: inverted poses, lenses of another picture size, swapped cameras, poses of another moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from ..arrays import Float64s
from ..cameras import UncalibratedCamera
from ..errors import BoxwrightError
from ..frames import Pose
from ..projection import project_cuboids
from ..scene import CameraSensor, Scene
from .alignment import peak
from .evidence import Evidence
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["clocks", "inverted_cameras", "lenses", "swapped_cameras"]

_UPRIGHT, _LYING = 0.7, 0.3
_OFF_MIDDLE = 1.3
_N_BOXES = 5
_REACH_NS = 500_000_000


def _calibrated(scene: Scene) -> dict[str, CameraSensor]:
    return {name: sensor for name, sensor in scene.cameras.items() if not isinstance(sensor.camera, UncalibratedCamera)}


def _frame(scene: Scene) -> str:
    return "lidar" if scene.lidars else "ego"


# ------------------------------------------------------------ poses


def inverted_cameras(evidence: Evidence) -> FaultVerdict:
    """A camera's pictures stand upright, or would if its pose were turned round."""
    scene, name = evidence.scene, "inverted_extrinsic"
    cameras = _calibrated(scene)
    if not cameras:
        return undecidable(name, "no camera is calibrated")
    lying, standing, open_ = [], [], []
    for camera, sensor in cameras.items():
        turn = (sensor.ego_from_cam.inverse() @ scene.ego_from(_frame(scene))).rotation
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
    return undecidable(name, f"the pictures of {', '.join(open_)} tell nothing: they stand upright either way, or in neither")


def lenses(evidence: Evidence) -> FaultVerdict:
    """The principal point lies near the middle of a picture; it is off by one factor in both directions where the lens is that of pictures of
    another size."""
    name = "scaled_intrinsics"
    odd, plain, off = [], [], []
    for camera, sensor in _calibrated(evidence.scene).items():
        lens = sensor.camera
        cx, cy = getattr(lens, "cx_px", None), getattr(lens, "cy_px", None)
        if cx is None or cy is None:
            continue
        width, height = lens.size_px
        across, down = 2 * (cx + 0.5) / width, 2 * (cy + 0.5) / height
        scale = float(np.sqrt(max(across, 1e-6) * max(down, 1e-6)))
        if max(scale, 1 / scale) > _OFF_MIDDLE and max(across / down, down / across) < 1.12:
            odd.append(f"{camera} ({scale:.2f})")
        elif max(across, down, 1 / max(across, 1e-6), 1 / max(down, 1e-6)) < _OFF_MIDDLE:
            plain.append(camera)
        else:
            off.append(camera)
    if odd:
        saw = f"the principal points lie at so many times the middle of the pictures in both directions: {', '.join(odd)}"
        return found(name, saw, 0.95, "divide the focal lengths and principal points by that, or give the size of the pictures they belong to")
    if plain:
        return absent(name, f"the principal points of {', '.join(plain)} lie near the middle of the pictures", 0.9)
    why = f"the principal points of {', '.join(off)} lie off the middle in one direction, as in pictures that were cut"
    return undecidable(name, why if off else "no camera has a known lens")


# ------------------------------------------------------------ swapped


def swapped_cameras(evidence: Evidence) -> FaultVerdict:
    """Boxes drawn in pictures, or else edges in them, against what each camera's calibration says should be there."""
    scene, name = evidence.scene, "swapped_cameras"
    cameras = _calibrated(scene)
    if len(cameras) < 2:
        return undecidable(name, f"{len(cameras)} calibrated cameras cannot be swapped")
    fits = _fits_of_boxes(evidence, cameras)
    what = "boxes drawn in it overlap with projected cuboids by"
    good, gain = 0.5, 0.15
    if not fits:
        fits, what, good, gain = _fits_of_pictures(evidence, cameras), "edges in its pictures stand out at edges of the cloud by", 3.0, 2.0
    if not fits:
        return undecidable(name, "there are neither boxes of labelled objects in pictures, nor pictures with sweeps")
    wrong, right = [], []
    for camera, by_other in fits.items():
        own = by_other[camera]
        other = max((one for one in by_other if one != camera), key=lambda one: by_other[one], default=camera)
        if by_other[other] > good and by_other[other] > own + gain:
            wrong.append(f"{camera} by {own:.2f}, with the calibration of {other} by {by_other[other]:.2f}")
        elif own > good and own > by_other.get(other, 0) + (0 if other == camera else 1e-9):
            right.append(f"{camera} ({own:.2f})")
    if wrong:
        return found(name, f"{what}: {'; '.join(wrong)}", 0.9 if len(wrong) > 1 else 0.75, "exchange the calibrations, or the pictures")
    if right:
        return absent(name, f"{what} so much with its own calibration, and less with any other: {', '.join(right)}", 0.9)
    return undecidable(name, f"{what} too little to tell with any calibration")


def _fits_of_boxes(evidence: Evidence, cameras: Mapping[str, CameraSensor]) -> dict[str, dict[str, float]]:
    """Camera -> median IoU of its boxes with cuboids projected by each calibration."""
    scene, of_camera = evidence.scene, defaultdict(list)
    for box in evidence.boxes:
        of_camera[box.camera].append(box)
    fits: dict[str, dict[str, float]] = {}
    for camera, boxes in of_camera.items():
        if len(boxes) < _N_BOXES:
            continue
        boxes = boxes[:: max(1, len(boxes) // 400)]
        rows = np.array([box.row for box in boxes])
        drawn = np.array([box.xyxy for box in boxes])
        for other, sensor in cameras.items():
            shares = np.zeros(len(boxes))
            for frame in np.unique(evidence.labels.frame[rows]).tolist():
                here = evidence.labels.frame[rows] == frame
                shares[here] = _shares(evidence, sensor, _cam_from(scene, frame, camera, sensor), rows[here], drawn[here])
            fits.setdefault(camera, {})[other] = float(np.median(shares))
    return fits


def _cam_from(scene: Scene, frame: int, camera: str, sensor: CameraSensor) -> Pose:
    """cam_from_labels with the place of one camera at the exposure of another."""
    if scene.trajectory is None:
        return sensor.ego_from_cam.inverse() @ scene.ego_from(_frame(scene))
    try:
        stamp, exposure = int(scene.times_ns[frame]), int(scene.exposures_ns(camera)[frame])
        way = scene.world_from_ego(exposure).inverse() @ scene.world_from_ego(stamp)
    except BoxwrightError:
        way = Pose.identity()
    return sensor.ego_from_cam.inverse() @ way @ scene.ego_from(_frame(scene))


def _shares(evidence: Evidence, sensor: CameraSensor, pose: Pose, rows: np.ndarray, drawn: Float64s) -> Float64s:
    image = project_cuboids(evidence.labels.cuboids(rows), sensor.camera, pose)
    width, height = sensor.camera.size_px
    edge = np.array([width, height, width, height]) - 0.5
    made = np.clip(np.nan_to_num(image.xyxy), -0.5, edge)
    drawn = np.clip(drawn, -0.5, edge)
    shared = np.clip(np.minimum(made[:, 2:], drawn[:, 2:]) - np.maximum(made[:, :2], drawn[:, :2]), 0, None).prod(1)
    union = (made[:, 2:] - made[:, :2]).prod(1) + (drawn[:, 2:] - drawn[:, :2]).prod(1) - shared
    return np.where(image.visible & (union > 0), shared / np.where(union > 0, union, 1), 0.0)


def _fits_of_pictures(evidence: Evidence, cameras: Mapping[str, CameraSensor]) -> dict[str, dict[str, float]]:
    """Camera -> how far edges stand out by each calibration, in standard deviations over shifts."""
    scene = evidence.scene
    fits: dict[str, dict[str, list[float]]] = {}
    for cloud in evidence.clouds[:4]:
        for camera in cameras:
            if not scene.has_image(cloud.frame_index, camera):
                continue
            try:
                image = scene.image(cloud.frame_index, camera)
            except BoxwrightError:
                continue
            for other, sensor in cameras.items():
                if sensor.camera.size_px == cameras[camera].camera.size_px:
                    pose = _cam_from(scene, cloud.frame_index, camera, sensor)
                    fits.setdefault(camera, {}).setdefault(other, []).append(peak(image, cloud.xyz, sensor.camera, pose))
    return {camera: {other: float(np.mean(values)) for other, values in by.items()} for camera, by in fits.items()}


# ------------------------------------------------------------ clocks


def clocks(evidence: Evidence) -> FaultVerdict:
    """What stands is in one place in the world: poses of another moment move it about as the vehicle speeds up, brakes and turns."""
    scene, name = evidence.scene, "clock_offset"
    if scene.trajectory is None or not scene.has_time:
        return undecidable(name, "there are no poses with times")
    offsets = np.linspace(-_REACH_NS, _REACH_NS, 41).astype(np.int64)
    spreads, n = _spreads(evidence, offsets)
    if n < 3:
        return undecidable(name, f"{n} tracks are seen for long enough to show whether they stand, half a second of poses around each label")
    middle = len(offsets) // 2
    best = int(np.argmin(spreads))
    now, least = float(spreads[middle]), float(spreads[best])
    seconds = float(offsets[best]) * 1e-9
    if abs(best - middle) >= 2 and now - least > 0.02 and now > 1.5 * least:
        saw = f"{n} tracks that stand wander by {now:.3f} m, and by {least:.3f} m if poses are taken {seconds:+.3f} s later"
        return found(name, saw, 1 - least / now + 0.3, f"add {seconds:+.3f} s to the stamps of the sweeps, or take it off those of the poses")
    around = float(min(spreads[middle - 4], spreads[middle + 4]))
    if around > 1.25 * now and around - now > 0.005:
        return absent(name, f"{n} tracks that stand wander by {now:.3f} m, and by {around:.3f} m with poses 0.1 s off", 0.9)
    return undecidable(name, f"the vehicle's motion is too even: tracks wander by {now:.3f} m as it is, and by {around:.3f} m with poses 0.1 s off")


def _spreads(evidence: Evidence, offsets: np.ndarray) -> tuple[Float64s, int]:
    """For each offset, how far tracks that stand wander in the world, in the median; and how many there are."""
    scene, labels = evidence.scene, evidence.labels
    covered = np.ones(len(scene), bool)
    for offset in (offsets[0], offsets[-1], 0):
        covered &= scene.trajectory.covers(scene.times_ns + offset)  # type: ignore[union-attr]
    frames = np.flatnonzero(covered)[:: max(1, int(covered.sum()) // 150)]
    tracks = [np.flatnonzero((labels.track == k) & np.isin(labels.frame, frames)) for k in np.unique(labels.track).tolist()]
    tracks = [rows for rows in tracks if len(rows) >= 6]
    if len(tracks) < 3:
        return np.zeros(len(offsets)), len(tracks)
    spreads = np.empty((len(tracks), len(offsets)))
    for column, offset in enumerate(offsets.tolist()):
        poses = {i: scene.transform("world", _frame(scene), int(scene.times_ns[i] + offset)) for i in frames.tolist()}
        for k, rows in enumerate(tracks):
            places = np.array([poses[i].apply(labels.center_m[r]) for i, r in zip(labels.frame[rows].tolist(), rows.tolist())])
            spreads[k, column] = np.sqrt(((places - places.mean(0)) ** 2).sum(1).mean())
    still = spreads.min(1) < 1.0
    if still.sum() < 3:
        return np.zeros(len(offsets)), int(still.sum())
    return np.median(spreads[still], axis=0), int(still.sum())
