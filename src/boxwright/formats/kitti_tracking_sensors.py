"""What a KITTI tracking recording holds of a scene's sensors: calibration, poses, sweeps and pictures."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, as_points
from ..cameras import PinholeCamera
from ..errors import BoxwrightError, number_of
from ..frames import Pose
from ..limits import FARTHEST_M
from ..scene import CameraSensor, Scene
from .arrays_on_disk import kitti_bin_bytes
from .images import image_bytes
from .kitti_labels import CALIBRATION_LENGTHS, SIZE_ROW, Calibration
from .kitti_poses import FRAME_NS
from .kitti_tracking import USUAL_SIZE_PX, camera_sensor
from .losses import lost_between
from .sensor_files import image_path
from .sweep_losses import SweepLosses
from .write_report import Told, WriteReport, lost_cameras

__all__ = [
    "OBJECT",
    "TRACKING",
    "Rig",
    "calibration_text",
    "put",
    "rig_of",
    "sizes_without_pictures",
    "write_images",
    "write_poses",
    "write_sweeps",
]

TRACKING, OBJECT = "image_{:02d}", "image_{}"  # how the releases call the folders of the pictures
_SAME = 1e-9  # metres and radians: the calibration is still the one that was read
_LEAST_UPRIGHT = 1e-3  # sine of the angle between a camera's y axis and the LiDAR's x, y plane: headings are less exact by its inverse
_AXES = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # camera axes from LiDAR axes


@dataclass(frozen=True)
class Rig:
    """What a KITTI recording can hold of the sensors: pictures in KITTI's folders, and the calibration rows."""

    cameras: Mapping[str, CameraSensor]  # KITTI's folder -> camera of the scene
    rows: Mapping[str, list[float]]
    rect_from_lidar: Pose

    @property
    def main_camera(self) -> CameraSensor | None:
        """The one the 2-D boxes are drawn in."""
        return next((sensor for folder, sensor in self.cameras.items() if folder in (TRACKING.format(2), OBJECT.format(2))), None)


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def rig_of(scene: Scene, report: WriteReport, release: str = TRACKING) -> Rig:
    """release : TRACKING or OBJECT"""
    lidar = next(iter(scene.lidars.values()))
    for name in list(scene.lidars)[1:]:
        report.dropped.append(Told("sweeps", f"LiDAR {name}: KITTI has one LiDAR", [name]))
    kept = _kept_calibration(scene)
    if kept is not None:
        rows, rect = kept
        cameras = {release.format(int(name[-1])): sensor for name, sensor in scene.cameras.items()}
        _say_new_names(cameras, report)
        return Rig(cameras, rows, rect)
    rows = {"Tr_imu_to_velo": _flat(lidar.ego_from_lidar.inverse())}
    pinholes = {name: sensor for name, sensor in scene.cameras.items() if isinstance(sensor.camera, PinholeCamera)}
    lost = {name: "KITTI has pinhole cameras only" for name in scene.cameras if name not in pinholes}
    for name in list(pinholes):
        if _lies_level(pinholes[name].ego_from_cam.inverse() @ lidar.ego_from_lidar):
            del pinholes[name]
            lost[name] = "the y axis lies level there (it looks up or down, or lies on its side), and KITTI's headings turn about that axis"
    if not pinholes:
        report.dropped += lost_cameras(lost)
        said = "P2 and the 2-D boxes: the scene has no pinhole camera, so tools that need pictures will refuse the recording"
        report.dropped.append(Told("", said))
        rect = Pose(_AXES)
        return Rig({}, {**rows, **_rect_rows(rect)}, rect)
    left = pinholes.pop(next((name for name in (TRACKING.format(2), OBJECT.format(2)) if name in pinholes), next(iter(pinholes))))
    chosen = {release.format(2): left}
    rect = left.ego_from_cam.inverse() @ lidar.ego_from_lidar
    rows["P2"] = _projection(left.camera, np.zeros(3))
    for name, sensor in pinholes.items():
        shift = sensor.ego_from_cam.inverse() @ left.ego_from_cam
        if len(chosen) == 1 and np.abs(shift.rotation - np.eye(3)).max() < _SAME:
            chosen[release.format(3)] = sensor
            rows["P3"] = _projection(sensor.camera, shift.translation_m)
        else:
            lost[name] = "KITTI holds the first camera and one beside it that looks the same way"
    report.dropped += lost_cameras(lost)
    _say_new_names(chosen, report)
    for sensor in chosen.values():
        if isinstance(sensor.camera, PinholeCamera) and any(sensor.camera.distortion):
            said = f"the distortion of camera {sensor.name}: its pictures are written as they are, and are not rectified"
            report.dropped.append(Told("calibration", said, [sensor.name]))
    return Rig(chosen, {**rows, **_rect_rows(rect)}, rect)


def _say_new_names(cameras: Mapping[str, CameraSensor], report: WriteReport) -> None:
    report.dropped += [Told("", f"the name of camera {sensor.name}: it is {folder}") for folder, sensor in cameras.items() if sensor.name != folder]


def _kept_calibration(scene: Scene) -> tuple[Mapping[str, list[float]], Pose] | None:
    """The calibration the scene was read with, where its sensors still agree with it."""
    rows = scene.source_attributes.get("kitti_calib")
    lidar = next(iter(scene.lidars.values()))
    if not isinstance(rows, Mapping):
        return None
    try:
        for name, row in rows.items():
            if len(row) != CALIBRATION_LENGTHS[name] or not all(abs(number) < FARTHEST_M for number in row):
                return None
        rect = Pose(np.array(rows["R0_rect"]).reshape(3, 3)) @ Pose.from_matrix(np.array(rows["Tr_velo_to_cam"]).reshape(3, 4))
        imu = Pose.from_matrix(np.array(rows["Tr_imu_to_velo"]).reshape(3, 4)) if "Tr_imu_to_velo" in rows else None
        calibration = Calibration(rows, rect, imu, "source_attributes")
        for name in ("P2", "P3"):  # readers look at them, pictures or not
            calibration.pinhole(name)
        if _lies_level(rect) or not _same(lidar.ego_from_lidar, Pose.identity() if imu is None else imu.inverse()):
            return None
        for name, sensor in scene.cameras.items():
            if not re.fullmatch("image_0?[0-3]", name):
                return None
            again = camera_sensor(calibration, name, sensor.camera.size_px, lidar.ego_from_lidar)
            if again is None or again.camera != sensor.camera or not _same(again.ego_from_cam, sensor.ego_from_cam):
                return None
    except (KeyError, TypeError, ValueError, BoxwrightError):
        return None
    return rows, rect


def _lies_level(cam_from_lidar: Pose) -> bool:
    """Whether a camera's y axis lies in the LiDAR's x, y plane, so that turning about it leaves no heading there to be told from."""
    return bool(abs(cam_from_lidar.rotation[1, 2]) < _LEAST_UPRIGHT)


def _same(a: Pose, b: Pose) -> bool:
    return bool(np.abs(a.matrix() - b.matrix()).max() < _SAME)


def _rect_rows(rect: Pose) -> dict[str, list[float]]:
    return {"R0_rect": np.eye(3).ravel().tolist(), "Tr_velo_to_cam": _flat(rect)}


def _flat(pose: Pose) -> list[float]:
    return pose.matrix()[:3].ravel().tolist()


def _projection(camera: Any, cam_from_rect_m: Float64s) -> list[float]:
    """K [I | t]"""
    return np.column_stack([camera.matrix, camera.matrix @ cam_from_rect_m]).ravel().tolist()


def sizes_without_pictures(scene: Scene, rig: Rig, frames: Iterable[int]) -> dict[str, tuple[int, int]]:
    """KITTI's folder -> size of the cameras that have no picture in these frames, which would tell it, where the readers would not guess it."""
    frames, sizes_px = list(frames), {}
    in_order = sorted(rig.cameras.items(), key=lambda item: (int(item[0][-1]) + 2) % 4)  # 2, 3, 0, 1: as they are read, the others like the first
    for i, (folder, sensor) in enumerate(in_order):
        guess = in_order[0][1].camera.size_px if i else USUAL_SIZE_PX
        size_px, is_grey = sensor.camera.size_px, folder[-1] in "01"  # a grey camera without pictures is read only where its size is told
        if (is_grey or size_px != guess) and not any(scene.has_image(frame, sensor.name) for frame in frames):
            sizes_px[folder] = size_px
    return sizes_px


def calibration_text(rows: Mapping[str, list[float]], release: str = TRACKING, sizes_px: Mapping[str, tuple[int, int]] | None = None) -> str:
    """A calibration file; the object release's always has its seven rows in this order, as other tools read them by their place: zeros for none.

    sizes_px : KITTI's folder -> (width, height), rows of ours at the end
    """
    names = {"R0_rect": "R_rect", "Tr_velo_to_cam": "Tr_velo_cam", "Tr_imu_to_velo": "Tr_imu_velo"} if release == TRACKING else {}
    lines = []
    for name, length in CALIBRATION_LENGTHS.items():
        if name in rows or release == OBJECT:
            numbers = rows.get(name, [0.0] * length)
            lines.append(f"{names.get(name, name + ':')} {' '.join(map(repr, map(float, numbers)))}\n")
    lines += [f"{SIZE_ROW.format(int(folder[-1]))}: {width} {height}\n" for folder, (width, height) in (sizes_px or {}).items()]
    return "".join(lines)


def write_poses(scene: Scene, path: Path, report: WriteReport) -> None:
    """Times and poses; where the scene has neither, nothing."""
    even = np.arange(len(scene), dtype=np.int64) * FRAME_NS
    if scene.trajectory is None and (np.array_equal(scene.times_ns, even) or not scene.has_time):
        if not scene.has_time:
            report.dropped.append(Told("", "that the frames are unrelated: KITTI's frames are 0.1 s apart"))
        return
    lidar = next(iter(scene.lidars.values()))
    lines = ["frame,t_s," + ",".join(f"m{i}{j}" for i in range(4) for j in range(4))]
    posed = np.zeros(len(scene), bool) if scene.trajectory is None else scene.trajectory.covers(scene.times_ns)
    for i, stamp in enumerate(scene.times_ns):
        seconds, rest = divmod(abs(int(stamp)), 1_000_000_000)
        matrix = (scene.world_from_ego(int(stamp)) @ lidar.ego_from_lidar).matrix().ravel().tolist() if posed[i] else [""] * 16
        cells = [v if v == "" else repr(v) for v in matrix]
        lines.append(f"{i},{'-' if stamp < 0 else ''}{seconds}.{rest:09d},{','.join(cells)}")
    put(path, "\n".join(lines) + "\n")
    if scene.trajectory is not None:
        report.dropped += lost_between(scene)
        if not posed.all():
            report.dropped.append(Told("poses", f"{number_of(int((~posed).sum()), 'frame')} without a pose: they are left blank", n=0))


def write_sweeps(scene: Scene, folder: Path, stems: Sequence[str], report: WriteReport) -> None:
    name = next(iter(scene.lidars))
    losses = SweepLosses(["intensity"], is_float32=True)
    there = [i for i in range(len(scene)) if scene.has_points(i, name)]
    _say_what_is_missing("velodyne", "sweep", scene, there, report)
    for i in there:
        sweep = scene.points(i, name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stems[i]}.bin").write_bytes(kitti_bin_bytes(sweep))
        losses.saw(sweep, int(scene.times_ns[i]), as_points("sweep", sweep))
    losses.say(report)


def write_images(
    scene: Scene,
    base: Path,
    sequence: str,
    stems: Sequence[str],
    rig: Rig,
    report: WriteReport,
    *,
    has_exposures: bool = False,
    rig_at: Callable[[int], Rig] | None = None,
) -> None:
    """has_exposures : whether the format tells when cameras fire. rig_at : the sensors of a frame, where not all frames have all of them"""
    for folder, sensor in rig.cameras.items():
        there = [i for i in range(len(scene)) if scene.has_image(i, sensor.name)]
        _say_what_is_missing(folder, "picture", scene, there, report)
        for i in there:
            if rig_at is not None and folder not in rig_at(i).cameras:
                continue  # as `rig_at` has told
            target = base / folder / sequence / f"{stems[i]}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            source = image_path(scene.data, i, sensor.name)
            if source is not None and source.suffix.lower() == ".png":
                shutil.copyfile(source, target)
            else:
                target.write_bytes(image_bytes(scene.image(i, sensor.name)))
        if not has_exposures and sensor.times_ns is not None and not np.array_equal(sensor.times_ns, scene.times_ns):
            report.dropped.append(
                Told("times", f"the exposure times of camera {sensor.name}: in KITTI the cameras fire with the LiDAR", [sensor.name])
            )


def _say_what_is_missing(folder: str, what: str, scene: Scene, there: Sequence[int], report: WriteReport) -> None:
    if len(there) < len(scene):
        first = next(i for i in range(len(scene)) if i >= len(there) or there[i] != i)
        n_bare = len(scene) - len(there)
        said = f"{n_bare:,} of {len(scene):,} frames have no {what}, the first of them frame {first}" if there else f"no frame has a {what}"
        report.missing.append(Told("sweeps" if what == "sweep" else "pictures", f"{folder}: {said}", n=0))
