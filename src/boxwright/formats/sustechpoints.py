"""SUSTechPOINTS: a scene's folder, a folder of scenes, or the tool's own folder, with its scenes in data/.

    lidar/000950.pcd              points; also .bin
    label/000950.json             [{psr: {position, scale, rotation}, obj_type, obj_id, obj_attr}], in the LiDAR's frame: geometric centre,
                                  scale = l, w, h, Euler angles R = Rx @ Ry @ Rz
    camera/front/000950.jpg       calib/camera/front.json: extrinsic = cam_from_lidar (16 numbers), intrinsic (9, or 12 as in KITTI's P)
    aux_lidar/left/000950.pcd     calib/aux_lidar/left.json: translation, rotation
    ego_pose/000950.json          x, y, z (UTM, metres), azimuth, pitch, roll (degrees): optional

A frame is a name in lidar/ or label/. Names are no times, unless they are written as stamps. With ego poses the LiDAR is taken to sit on the vehicle
as the tool has it: 0.4 m over the place of the poses, with its -y ahead.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import rotations
from ..arrays import Bools, Float64s, Int64s
from ..cameras import PinholeCamera
from ..errors import BoxwrightError, CalibrationError, FormatError, SensorFrameFallback, number_of
from ..frames import Pose, Trajectory
from ..limits import has_file, limits
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track
from . import strict_json
from .declared import Capabilities
from .dense_tracks import bridged_poses_note
from .images import IMAGE_SUFFIXES, image_size_px
from .label_rows import LabelRows
from .looking import names_of, subfolders
from .sensor_files import SensorFiles, read_point_file
from .strict_json import Node

__all__ = ["CAPABILITIES", "detect", "list_scenes", "read", "scene_folder"]

CAPABILITIES = Capabilities(
    title="SUSTechPOINTS scenes",
    reads="cuboids full_rotation tracks attributes poses calibration classes track_ids times frame_names sweeps pictures",
    frame="lidar",
)

_HINT = "correct the calibration"
_POINTS = (".pcd", ".bin")
_STAMPS = ((r"[0-9]{10}\.[0-9]{1,9}", 9), (r"[0-9]{13}", 6), (r"[0-9]{16}", 3), (r"[0-9]{19}", 0))  # seconds, ms, us, ns since 1970
_OWN = {"psr", "obj_type", "obj_id", "obj_attr"}
_EGO_FROM_LIDAR = Pose(
    [[0, -1, 0], [1, 0, 0], [0, 0, 1]], (0, 0, 0.4)
)  # the tool's fixed mounting: a half turn and 0.4 m up, over axes right and ahead


def detect(path: Path) -> bool:
    return bool(list_scenes(path))


def list_scenes(path: Path) -> list[str]:
    return list(_folders(path))


def _folders(path: Path) -> dict[str, Path]:
    """Name -> folder of each scene."""
    if not path.is_dir():
        return {}
    if _is_scene(path):
        return {path.absolute().name: path}
    return _scenes_in(path) or (_scenes_in(path / "data") if (path / "data").is_dir() else {})


def scene_folder(path: Path, scene: str) -> Path:
    return _folders(path)[scene]


def _scenes_in(folder: Path) -> dict[str, Path]:
    return {child.name: child for child in subfolders(folder) if _is_scene(child) and not (child / "disable").exists()}


def _is_scene(folder: Path) -> bool:
    if not (folder / "lidar").is_dir() or not any((folder / part).is_dir() for part in ("label", "calib", "camera")):
        return False
    return any(names_of(folder / part, rf"[^.].*\.({suffixes})") for part, suffixes in (("lidar", "(?i:pcd|bin)"), ("label", "json")))


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Frame's name -> file. FormatError where two files are of one frame."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if file.suffix.lower() in suffixes and not file.name.startswith("."):
            if file.stem in found:
                raise FormatError("two files for one frame", got=f"{found[file.stem].name} and {file.name}", path=folder, hint="keep one of them")
            found[file.stem] = file
    return found


@dataclass
class _Sensors:
    lidars: dict[str, Lidar]
    cameras: dict[str, CameraSensor]
    sweeps: dict[str, list[Path | None]]
    images: dict[str, list[Path | None]]
    calib: dict[str, Any]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    folder, notes = scene_folder(path, scene), list[str]()
    clouds, labels = _by_stem(folder / "lidar", _POINTS), _by_stem(folder / "label", (".json",))
    limits().check("frames_per_scene", len({*clouds, *labels}), folder)
    names, times, has_time = _frames({*clouds, *labels}, notes)
    poses = _poses(folder / "ego_pose", names, notes)
    trajectory = Trajectory(times[list(poses)], list(poses.values())) if poses else None
    ego_from_lidar = _EGO_FROM_LIDAR if poses else Pose.identity()
    sensors = _sensors(folder, clouds, names, ego_from_lidar, notes)
    is_posed = np.ones(len(times), bool) if trajectory is None else trajectory.covers(times)
    rows = _rows({i: labels[name] for i, name in enumerate(names) if name in labels}, is_posed, problems, notes)
    if trajectory is None:
        notes.append("no ego poses: the tracks stay in the LiDAR's frame, and the motion of the vehicle is in them")
        if rows.frame:
            warnings.warn(f"{folder}: {notes[-1]}", SensorFrameFallback, stacklevel=4)
    tracks = _tracks(rows, names, times, trajectory, folder, notes)

    def read_sweep(frame_index: int, sensor: str, file: Path) -> Sweep:
        sweep = read_point_file(file, frame=sensor)
        return Sweep(sweep.xyz, int(times[frame_index]), sensor, sweep.intensity, sweep.time_offset_ns, sweep.fields)

    return Scene(
        name=scene,
        times_ns=times,
        lidars=sensors.lidars,
        cameras=sensors.cameras,
        trajectory=trajectory,
        tracks=tracks,
        data=SensorFiles(sensors.sweeps, sensors.images, read_sweep, {name: item.camera.size_px for name, item in sensors.cameras.items()}),
        has_time=has_time,
        label_frame="lidar" if trajectory is None else "world",
        frame_ids=tuple(names),
        format="sustechpoints",
        path=os.fspath(path),
        source_attributes={
            **({"calib": sensors.calib} if sensors.calib else {}),
            **({"desc": strict_json.load(folder / "desc.json").value} if has_file(folder / "desc.json") else {}),
        },
        notes=notes,
    )


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Numbers in names count as numbers: 9 comes before 10."""
    parts = re.split(r"([0-9]{1,18})", name)
    return [(0, int(part), "") if part.isascii() and part.isdecimal() else (1, 0, part) for part in parts], name


def _frames(names: Collection[str], notes: list[str]) -> tuple[list[str], Int64s, bool]:
    """Names in order, times, and whether these are stamps: they are where all names are written as such, else they are the frames' indices."""
    for pattern, zeros in _STAMPS:
        if names and all(re.fullmatch(pattern, name) for name in names):
            parts = {name: name.partition(".") for name in names}
            stamps = {name: int(whole) * 10**zeros + int(part.ljust(9, "0") if part else 0) for name, (whole, _, part) in parts.items()}
            if len({*stamps.values()}) == len(names) and max(stamps.values()) < 2**63:
                notes.append("the frames' names are taken as their times, since 1970")
                ordered = sorted(names, key=stamps.__getitem__)
                return ordered, np.array([stamps[name] for name in ordered], np.int64), True
    notes.append("the frames' names are no times: the times are the frames' indices")
    return sorted(names, key=_natural), np.arange(len(names), dtype=np.int64), False


# ------------------------------------------------------------ poses


def _poses(folder: Path, names: Sequence[str], notes: list[str]) -> dict[int, Pose]:
    """Frame's index -> world_from_ego; the world is UTM (x east, y north, z up), less the place of the first frame."""
    files = _by_stem(folder, (".json",))
    found = {i: _ego_pose(strict_json.load(files[name])) for i, name in enumerate(names) if name in files}
    if not found:
        return {}
    origin = next(iter(found.values()))[0]
    notes.append(
        f"the world is UTM less ({', '.join(repr(v) for v in origin.tolist())}), the place of the first pose; the LiDAR is taken to sit 0.4 m over "
        "the place of the poses with its -y ahead, as the tool has it"
    )
    return {i: Pose(turn, place - origin) for i, (place, turn) in found.items()}


def _ego_pose(node: Node) -> tuple[Float64s, Float64s]:
    """Place, and world_from_ego as a matrix.

    The file's axes are right, ahead, up, turned by azimuth (clockwise from north), then pitch about x, then roll about y; ours are ahead, left, up.
    """
    azimuth, pitch, roll = (math.radians(_bounded(node[name], 1e6)) for name in ("azimuth", "pitch", "roll"))
    quat = rotations.quat_from_euler((-azimuth, pitch, roll, math.pi / 2), "ZXYZ")
    return np.array([_bounded(node[axis], 1e9) for axis in "xyz"]), rotations.matrix_from_quat(quat)


def _bounded(node: Node, limit: float) -> float:
    value = node.number()
    if not abs(value) <= limit:
        raise node.wrong(f"a number within +-{limit:g}", f"{value:g}")
    return value


# ------------------------------------------------------------ sensors


def _sensors(folder: Path, clouds: Mapping[str, Path], names: Sequence[str], ego_from_lidar: Pose, notes: list[str]) -> _Sensors:
    found = _Sensors({"lidar": Lidar("lidar", ego_from_lidar)}, {}, {"lidar": [clouds.get(name) for name in names]}, {}, {})
    images = {part.name: part for part in sorted((folder / "camera").iterdir()) if part.is_dir()} if (folder / "camera").is_dir() else {}
    for name, file in _calibrations(folder / "calib" / "camera", images, "camera", notes).items():
        files = _by_stem(images[name], IMAGE_SUFFIXES) if name in images else {}
        node = strict_json.load(file)
        found.calib.setdefault("camera", {})[name] = node.value
        found.cameras[name] = _camera(name, node, files, ego_from_lidar, notes)
        found.images[name] = [files.get(frame) for frame in names]
    others = {part.name: part for part in sorted((folder / "aux_lidar").iterdir()) if part.is_dir()} if (folder / "aux_lidar").is_dir() else {}
    for name, file in _calibrations(folder / "calib" / "aux_lidar", others, "LiDAR", notes).items():
        node = strict_json.load(file)
        found.calib.setdefault("aux_lidar", {})[name] = node.value
        turn = node["rotation"].numbers(3)
        mount = Pose.from_quat(rotations.quat_from_euler(_sane(turn, node["rotation"]), "XYZ"), _sane(node["translation"].numbers(3), node))
        found.lidars[name] = Lidar(name, ego_from_lidar @ mount)
        files = _by_stem(others[name], _POINTS) if name in others else {}
        found.sweeps[name] = [files.get(frame) for frame in names]
    if (folder / "radar").is_dir():
        notes.append("radar/ is not read")
    return found


def _calibrations(folder: Path, data: Mapping[str, Path], what: str, notes: list[str]) -> dict[str, Path]:
    files = _by_stem(folder, (".json",))
    notes += [f"{what} {name} has no calibration: it is left out" for name in data if name not in files]
    if what != "camera" and "lidar" in files:
        raise CalibrationError("a further LiDAR has the first one's name", got="lidar", path=files["lidar"], hint="rename it")
    return files


def _sane(values: Float64s, node: Node) -> Float64s:
    if not np.abs(values).max() < 1e8:
        raise node.wrong("numbers under 1e8", " ".join(f"{v:g}" for v in values))
    return values


def _camera(name: str, node: Node, files: Mapping[str, Path], ego_from_lidar: Pose, notes: list[str]) -> CameraSensor:
    extrinsic = _matrix(node["extrinsic"], (16,))
    if node.has("rect"):
        extrinsic = _matrix(node["rect"], (16,)) @ extrinsic
    k = _matrix(node["intrinsic"], (9, 12))
    if (k[1, 0], *k[2, :3]) != (0, 0, 0, 1) or k[0, 1] != 0:
        raise CalibrationError(
            expected="fx 0 cx, 0 fy cy, 0 0 1", got=" ".join(f"{v:g}" for v in k[:, :3].ravel()), path=node.path, field="intrinsic", hint=_HINT
        )
    if files:
        width, height = image_size_px(next(iter(files.values())))
    else:
        width, height = (round(min(max(2 * v + 1, 1), 1e5)) for v in k[:2, 2])
        notes.append(f"camera {name} has no pictures: its size is taken as {width} x {height} pixels, with the principal point in the middle")
    try:
        camera = PinholeCamera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
        cam_from_lidar = Pose.from_matrix(extrinsic, field="extrinsic")
        if k.shape[1] == 4:  # K [I | K^-1 p4]
            cam_from_lidar = Pose(np.eye(3), np.linalg.solve(k[:, :3], k[:, 3]), field="intrinsic") @ cam_from_lidar
    except BoxwrightError as error:
        raise CalibrationError(error.what, expected=error.expected, got=error.got, path=node.path, field=error.field, hint=_HINT) from None
    return CameraSensor(name, camera, ego_from_lidar @ cam_from_lidar.inverse())


def _matrix(node: Node, lengths: Sequence[int]) -> Float64s:
    """(4, 4), (3, 3) or (3, 4) from a list row by row, or from a list of rows."""
    flat = Node([item.value for row in node for item in row], node.path, node.field) if len(node) and isinstance(node.value[0], list) else node
    if len(flat) not in lengths:
        raise node.wrong(" or ".join(number_of(n, "number") for n in lengths), str(len(flat)), _HINT)
    return _sane(flat.numbers(len(flat)), node).reshape(4 if len(flat) == 16 else 3, -1)


# ------------------------------------------------------------ labels


def _rows(files: Mapping[int, Path], is_posed: Bools, problems: Problems, notes: list[str]) -> LabelRows:
    rows, unnamed = LabelRows(), 0
    for i, file in files.items():
        labels = Node([], str(file))
        with strict_json.file_aside(file, problems):
            top = strict_json.load(file)
            len(top)  # that it is a list is known now; its items are taken one by one
            labels = top
        for k, node in enumerate(labels):
            if problems.is_full and not (isinstance(node.value, dict) and "psr" in node.value):
                problems.n_more += 1
                continue
            with problems.aside(node.value):
                given = node.mapping().get("obj_id")
                if isinstance(given, bool) or not isinstance(given, (str, int, type(None))):
                    raise node["obj_id"].wrong("a text or a whole number")
                track_id = "" if given is None else str(given)
                if not track_id.strip():
                    unnamed, track_id = unnamed + 1, f"{file.stem}/{k}"
                if not is_posed[i]:
                    raise FormatError(
                        "a label lies outside the ego poses",
                        got=f"frame {file.stem}",
                        path=file,
                        field=node.field,
                        hint="give every labelled frame a pose",
                    )
                _add(rows, i, node, track_id)
    if unnamed:
        notes.append(f"{unnamed} labels have no obj_id: each became a track of its own, named by its frame and its place in the file")
    return rows


def _add(rows: LabelRows, frame_index: int, node: Node, track_id: str) -> None:
    psr = node["psr"]
    center, size, angles_rad = cuboid_from_psr(psr)
    quat = rotations.quat_from_euler(_sane(angles_rad, psr["rotation"]), "XYZ")
    quat /= np.linalg.norm(quat)
    given = node.mapping().get("obj_attr")
    rows.add(
        frame_index,
        node,
        (track_id, node["obj_type"].word()),
        (psr["position"], center),
        (psr["scale"], size),
        quat,
        attributes={} if given in (None, "") else {"obj_attr": given},
        source={
            "psr_rotation_rad": angles_rad.tolist(),
            **{name: value for name, value in node.value.items() if name not in _OWN},
            **({"obj_id": node.value["obj_id"]} if node.value.get("obj_id", track_id) != track_id else {}),
        },
    )


def cuboid_from_psr(psr: Node) -> tuple[Float64s, Float64s, Float64s]:
    """Geometric centre, (length, width, height) and the angles of Rx @ Ry @ Rz."""
    center, size, angles_rad = (psr[part].numbers_of("xyz") for part in ("position", "scale", "rotation"))
    return center, size, angles_rad


def _tracks(rows: LabelRows, names: Sequence[str], times: Int64s, trajectory: Trajectory | None, folder: Path, notes: list[str]) -> list[Track]:
    """Every frame could hold a label: the tool writes no file for a frame without any."""
    if trajectory is None or not rows.frame:
        return rows.tracks(times, None, folder, notes)
    labelled = np.unique(rows.frame)
    notes += bridged_poses_note(trajectory.times_ns, times[labelled], times)
    poses = [trajectory.at(int(time), outside="hold") @ _EGO_FROM_LIDAR for time in times]
    return rows.tracks(times, poses, folder, notes)
