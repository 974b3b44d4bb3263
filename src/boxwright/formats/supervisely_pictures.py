"""The pictures beside the clouds of a Supervisely dataset, its photo context.

    related_images/000000_pcd/front.png         a folder for each cloud, its points as _
    related_images/000000_pcd/front.png.json    {name, meta: {deviceId, timestamp, sensorsData: {extrinsicMatrix, intrinsicMatrix}}}

extrinsicMatrix is cam_from_lidar, 3 x 4 row by row, the camera looking along its z; intrinsicMatrix is 3 x 3. There is no distortion. Supervisely has
no times of frames, and in extrinsicMatrix the vehicle moves on until the picture is taken: fields of boxwright's own in the meta tell the stamp of
the frame, the exposure, and where the camera sits on the vehicle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import Camera, PinholeCamera, UncalibratedCamera
from ..errors import GeometryError
from ..frames import Pose
from ..problems import Problems
from ..scene import Scene
from . import strict_json
from .boxwright_scene import camera_name
from .cameras_of_frames import Lens, OtherLenses, Shot
from .looking import names_of, subfolders
from .pictures_of_frames import Picture, Pictures, place_of_camera, say_what_lenses_are_lost
from .reach import within_reach
from .streamed_json import json_line
from .strict_json import Node
from .write_report import Told, WriteReport

__all__ = ["CALIBRATION", "shots_beside", "write_pictures"]

CALIBRATION = "pinhole cameras without distortion stay, of others the pictures alone"
_FOLDER = "related_images"
_SAME = 1e-12
_DESCRIBED = r"[^.].*\.(?i:png|jpe?g)\.json"
_STAMP, _EXPOSURE, _MOUNT = "boxwright_frame_ns", "boxwright_exposure_ns", "boxwright_cam_from_lidar"
_OWN_META = {"deviceId", "timestamp", "sensorsData", _STAMP, _EXPOSURE, _MOUNT}


def _called(cloud: str) -> str:
    """What the folder of a cloud's pictures is called."""
    return cloud.replace(".", "_")


def shots_beside(folder: Path, clouds: Sequence[str], problems: Problems, notes: list[str]) -> tuple[list[Shot], dict[str, Any], list[int | None]]:
    """The pictures of all frames, camera -> what else its first picture tells, and the stamps of frames, None where no picture tells it.

    clouds : the names of the frames' files
    """
    shots, extras, others = list[Shot](), dict[str, Any](), OtherLenses()
    stamps: list[int | None] = [None] * len(clouds)
    there = {place.name: place for place in subfolders(folder / _FOLDER)} if (folder / _FOLDER).is_dir() else {}
    for i, cloud in enumerate(clouds):
        place = there.get(_called(cloud))
        if place is None:
            continue
        for k, name in enumerate(names_of(place, _DESCRIBED)):
            with strict_json.file_aside(place / name, problems):
                meta = strict_json.load(place / name)["meta"]
                given = meta.get("deviceId", "").value
                camera = camera_name(given if isinstance(given, str) and given.strip() else f"camera {k}")
                data = meta.get("sensorsData", {})
                file = place / name.removesuffix(".json")
                if meta.has(_STAMP):
                    stamps[i] = meta[_STAMP].whole()
                mounted = _pose(meta, _MOUNT) if _is_told(meta, _MOUNT) else _pose(data, "extrinsicMatrix")
                taken = meta[_EXPOSURE].whole() if meta.has(_EXPOSURE) else stamps[i]
                shots.append(Shot(i, camera, file if file.is_file() else None, _lens(data, others), mounted, taken))
                extras.setdefault(camera, {key: value for key, value in meta.value.items() if key not in _OWN_META})
    notes += others.notes()
    return shots, {camera: rest for camera, rest in extras.items() if rest}, stamps


def _is_told(data: Node, name: str) -> bool:
    """CVAT, which knows no cameras, writes nothing but zeros."""
    return data.has(name) and (not isinstance(data[name].value, list) or any(data[name].value))


def _lens(data: Node, others: OtherLenses) -> Lens | None:
    if not _is_told(data, "intrinsicMatrix"):
        return None
    matrix = data["intrinsicMatrix"]
    (fx, skew, cx), (_, fy, cy), _ = matrix.numbers(9).reshape(3, 3).tolist()
    if skew != 0:
        others["pinhole with a skew"] += 1
        return None
    return Lens(PinholeCamera, fx, fy, cx, cy).checked(matrix)


def _pose(data: Node, name: str) -> Pose | None:
    """lidar_from_cam"""
    if not _is_told(data, name):
        return None
    matrix = data[name]
    try:
        return Pose.from_matrix(within_reach(matrix, matrix.numbers(12)).reshape(3, 4)).inverse()
    except GeometryError as error:
        raise matrix.wrong("three rows of a rotation and a shift", error.got, "correct the calibration") from None


# ------------------------------------------------------------ writing


def write_pictures(scene: Scene, folder: Path, stems: Sequence[str], reference: str, extras: Any, report: WriteReport) -> None:
    """The pictures of all frames, with what is told of each. reference : the frame of the clouds; extras : camera -> what a file told of it"""
    uncalibrated = {name: said for name, sensor in scene.cameras.items() if (said := _why_not(sensor.camera)) is not None}
    pictures = Pictures(scene, folder, address=lambda camera, stem: f"{_FOLDER}/{_called(f'{stem}.pcd')}/{camera}")
    are_all_stamped = scene.has_time
    for i, stem in enumerate(stems):
        taken = pictures.of(i, stem)
        are_all_stamped &= bool(taken)
        for one in taken:
            extra = extras.get(one.sensor.name) if isinstance(extras, Mapping) else None
            meta: dict[str, Any] = {"deviceId": one.sensor.name, **(extra if isinstance(extra, Mapping) else {})}
            if scene.has_time:
                meta |= {"timestamp": _in_words(one.exposure_ns), _STAMP: int(scene.times_ns[i])}
                meta |= {_EXPOSURE: one.exposure_ns} if one.exposure_ns != scene.times_ns[i] else {}
            if one.sensor.name not in uncalibrated:
                place = place_of_camera(scene, i, one.sensor.name, reference)
                mount = scene.ego_from(reference).inverse() @ scene.ego_from(one.sensor.name)
                meta["sensorsData"] = _calibration(one, place)
                meta |= {_MOUNT: _rows(mount)} if np.abs(place.matrix() - mount.matrix()).max() > _SAME else {}
            told = json_line({"name": one.address.rpartition("/")[2], "meta": meta}, one.address)
            (folder / f"{one.address}.json").write_text(told + "\n", encoding="utf-8")
    if scene.has_time and not are_all_stamped:
        said = "when each frame was: frames are numbered, since pictures tell it, and not all frames have one"
        report.dropped.append(Told("times", said))
    pictures.say(report)
    say_what_lenses_are_lost(scene, uncalibrated, report)


def _calibration(picture: Picture, lidar_from_cam: Pose) -> dict[str, list[float]]:
    lens = picture.sensor.camera
    assert isinstance(lens, PinholeCamera)  # others were left out
    matrix = [lens.fx_px, 0.0, lens.cx_px, 0.0, lens.fy_px, lens.cy_px, 0.0, 0.0, 1.0]
    return {"extrinsicMatrix": _rows(lidar_from_cam), "intrinsicMatrix": matrix}


def _rows(lidar_from_cam: Pose) -> list[float]:
    """cam_from_lidar, 3 x 4 row by row."""
    rows: list[float] = np.ravel(lidar_from_cam.inverse().matrix()[:3]).tolist()
    return rows


def _why_not(camera: Camera) -> str | None:
    if isinstance(camera, UncalibratedCamera):
        return "nobody knows its lens and place"
    return None if isinstance(camera, PinholeCamera) and not any(camera.distortion) else "Supervisely has pinhole cameras without distortion alone"


def _in_words(time_ns: int) -> str:
    """ISO 8601 with nanoseconds; as it is where no calendar reaches."""
    seconds, rest = divmod(time_ns, 10**9)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    except (ValueError, OverflowError, OSError):
        return str(time_ns)
