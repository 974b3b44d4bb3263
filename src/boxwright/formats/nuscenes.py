"""nuScenes: a folder with the tables of a version, and the files they name; or that version's folder.

    v1.0-mini/scene.json ... sample_annotation.json    13 tables, each a list of records that name each other by tokens
    samples/LIDAR_TOP/*.pcd.bin                         float32 x, y, z, intensity, ring
    samples/CAM_FRONT/*.jpg

A frame is a sample, a key frame at 2 Hz; what lies between is not read. Cuboids stand in the world, sizes are width, length, height, quaternions
scalar first, stamps microseconds. Every picture and sweep has an ego pose of its own moment: all of them make the trajectory. An attribute called
vehicle.moving is the attribute `vehicle` with the value `moving`; visibility v0-40 is occluded. Tokens stay as source attributes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import PinholeCamera
from ..cuboids import Cuboids
from ..errors import BoxwrightError, CalibrationError, FormatError
from ..frames import Pose, Trajectory
from ..limits import FARTHEST_M, checked_size, limits
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track, Visibility
from .boxwright_scene import frame_names
from .declared import Capabilities, Exactness
from .dense_tracks import dense_track
from .json_parts import ROW, WHOLE, Excerpt, list_by_parts
from .looking import subfolders
from .nuscenes_places import TABLES_OF_SCENES, places_of_scenes
from .remembering import of_file, of_files
from .sensor_files import SensorFiles
from .strict_json import Node

__all__ = ["CAPABILITIES", "HIDDEN", "TABLES", "VISIBILITIES", "detect", "list_scenes", "read", "version_folder"]

CAPABILITIES = Capabilities(
    title="nuScenes",
    reads="cuboids full_rotation tracks attributes poses calibration visibility classes track_ids times sweeps pictures other_fields",
    writes="cuboids full_rotation tracks attributes poses calibration visibility classes track_ids times sweeps pictures other_fields",
    partly={
        "other_fields": "counts of points and the level of visibility stay",
        "attributes": "values become texts",
        "calibration": "pinhole cameras without distortion stay",
        "poses": "those of frames and exposures stay",
        "times": "whole microseconds",
        "sweeps": "float32 x, y, z, intensity and ring",
        "pictures": "they become JPEG; those of cameras that are dropped are gone",
    },
    frame="world",
    exact=Exactness(m=1e-9, rad=1e-9, ns=500),
    client="nuscenes-devkit",
    remarks=(
        "Key frames are read and written; sweeps and pictures between them are not.",
        "Points in a label are those that nuScenes' own file tells, else those of all LiDARs' sweeps, else those of Argoverse 2 or Waymo; "
        "where nobody knows they are 0. What is occluded is v0-40, and all else v80-100 where no file of nuScenes says more. "
        "The day is that of the first stamp, and 1970-01-01 where it tells none.",
        "The whole trainval set is beyond the limits of a JSON file as they are set; mini is not.",
    ),
)
TABLES = (
    *("category", "attribute", "visibility", "instance", "sensor", "calibrated_sensor", "ego_pose", "log", "scene", "sample", "sample_data"),
    *("sample_annotation", "map"),
)
VISIBILITIES = ("v0-40", "v40-60", "v60-80", "v80-100")
HIDDEN = VISIBILITIES[0]
_ROW_BYTES = 20
_LEFT_OF_DATA = [ROW] * 4  # a pose, a stamp and a path
_HINT = "get the tables again"
Table = Mapping[str, Node]
_Row = tuple[Float64s, str, Mapping[str, Any], Mapping[str, Any]]  # centre, size and turn, level of visibility, attributes, what else is kept


def detect(path: Path) -> bool:
    return path.is_dir() and _version(path) is not None


def _version(path: Path) -> Path | None:
    """The folder of the tables: this one, or the only one in it."""
    found = [folder for folder in (path, *subfolders(path)) if all((folder / f"{name}.json").is_file() for name in ("sample", "sample_annotation"))]
    return found[0] if found else None


def version_folder(path: Path) -> Path:
    found = _version(path)
    if found is None:
        expected, hint = "sample.json and sample_annotation.json", "give the folder of a version, or its parent"
        raise FormatError("no tables", expected=expected, path=path, hint=hint)
    return found


def list_scenes(path: Path) -> list[str]:
    return [name for name, _ in of_file(version_folder(path) / "scene.json", _names)]


def _names(file: Path) -> tuple[tuple[str, str], ...]:
    """(name, token) of each scene."""
    return tuple((node["name"].word(), token) for token, node in _table(file).items())


def read(path: Path, scene: str, problems: Problems) -> Scene:
    folder = version_folder(path)
    scenes = of_file(folder / "scene.json", _names)
    token = next((token for name, token in scenes if name == scene), None)
    if token is None:
        raise FormatError("no such scene", got=repr(scene), path=folder / "scene.json", hint=_HINT)
    own = _own_records(folder, token if len(scenes) > 1 else None)
    top = _table(folder / "scene.json", own["scene"])[token]
    tables = {name: _table(folder / f"{name}.json") for name in ("sensor", "calibrated_sensor", "category", "attribute")}
    tables["ego_pose"] = _table(folder / "ego_pose.json", own["ego_pose"])
    all_samples = _records(folder / "sample.json", excerpt=own["sample"])
    samples = sorted((node for node in all_samples if node["scene_token"].text() == top["token"].text()), key=_stamp)
    limits().check("frames_per_scene", len(samples), folder / "sample.json")
    times = np.array([_stamp(node) for node in samples], np.int64)
    if (np.diff(times) <= 0).any():
        raise FormatError("two samples at one time", path=folder / "sample.json", field="timestamp", hint=_HINT)
    frame_of = {node["token"].text(): i for i, node in enumerate(samples)}
    rig = _Rig(folder, tables, times, frame_of)
    for node in _records(folder / "sample_data.json", lambda _: _LEFT_OF_DATA, own["sample_data"]):
        rig.take(node)
    notes = ["sweeps and pictures between the key frames are not read"] if rig.n_between else []
    trajectory = rig.trajectory()
    labels = _Labels(folder, tables, _table(folder / "instance.json", own["instance"]), frame_of, trajectory, times)
    for node in _records(folder / "sample_annotation.json", labels.left_of, own["sample_annotation"]):
        with problems.aside(node.value):
            labels.take(node)
    return Scene(
        name=scene,
        times_ns=times,
        lidars=rig.lidars,
        cameras=rig.cameras(),
        trajectory=trajectory,
        tracks=labels.tracks(),
        data=SensorFiles(rig.sweeps, rig.images, rig.read_sweep, rig.sizes_px),
        label_frame="world" if trajectory is not None else "ego",
        frame_ids=frame_names([node["token"].text() for node in samples], notes),
        format="nuscenes",
        path=os.fspath(path),
        source_attributes={"nuscenes": {"token": top["token"].text(), "description": top.get("description", "").sentence()}},
        notes=notes,
    )


# ------------------------------------------------------------ tables


def _own_records(folder: Path, scene: str | None) -> Mapping[str, Excerpt]:
    """Of the tables that have records of every scene, those of one; all where it is the only one."""
    if scene is None:
        return dict.fromkeys(TABLES_OF_SCENES, WHOLE)
    places = of_files([folder / f"{name}.json" for name in TABLES_OF_SCENES], places_of_scenes)
    return {name: places.tables[name].only(scene) for name in TABLES_OF_SCENES}


def _records(path: Path, left: Callable[[Any], Any] = lambda record: record, excerpt: Excerpt = WHOLE) -> Node:
    """The records of a table, made one by one; left : what of one stays in memory once it is read."""
    node = list_by_parts(path, left, excerpt)
    len(node)
    return node


def _table(path: Path, excerpt: Excerpt = WHOLE) -> Table:
    """Token -> record."""
    found: dict[str, Node] = {}
    for node in _records(path, excerpt=excerpt):
        token = node["token"].word()
        if token in found:
            raise node["token"].wrong("each token once", f"{token!r} again", _HINT)
        found[token] = node
    return found


def _named(table: Table, node: Node) -> Node:
    """The record that a token names. FormatError where there is none."""
    token = node.text()
    if token not in table:
        raise node.wrong("the token of a record", repr(token[:80]), _HINT)
    return table[token]


def _stamp(node: Node) -> int:
    """Nanoseconds."""
    micros = node["timestamp"].whole()
    if abs(micros) > (2**63 - 1) // 1000:
        raise node["timestamp"].wrong("microseconds since 1970", str(micros))
    return micros * 1000


def _placed(node: Node) -> tuple[Float64s, Float64s]:
    """(translation in metres, rotation as a unit quaternion, scalar first)"""
    place, turn = node["translation"].numbers(3), node["rotation"].numbers(4)
    if not np.abs(place).max() < FARTHEST_M:
        raise node["translation"].wrong(f"coordinates under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in place))
    length = math.hypot(*turn)
    if not abs(length - 1) < 1e-3:
        raise node["rotation"].wrong("a unit quaternion", " ".join(f"{v:g}" for v in turn))
    return place, turn / length


def _pose(node: Node) -> Pose:
    place, turn = _placed(node)
    return Pose.from_quat(turn, place)


# ------------------------------------------------------------ sensors


class _Rig:
    """Sensors, their files, and where the vehicle was, gathered record by record."""

    def __init__(self, folder: Path, tables: Mapping[str, Table], times: Int64s, frame_of: Mapping[str, int]) -> None:
        self.root, self.tables, self.times, self.frame_of = folder.parent, tables, times, frame_of
        self.lidars: dict[str, Lidar] = {}
        self.sweeps: dict[str, list[Path | None]] = {}
        self.images: dict[str, list[Path | None]] = {}
        self.sizes_px: dict[str, tuple[int, int]] = {}
        self.lenses: dict[str, tuple[PinholeCamera, Pose]] = {}
        self.exposures: dict[str, Int64s] = {}
        self.poses: dict[int, Pose] = {}
        self.n_between = 0

    def take(self, node: Node) -> None:
        frame = self.frame_of.get(node["sample_token"].text())
        if frame is None:
            return
        if not node["is_key_frame"].flag():
            self.n_between += 1
            return
        mount = _named(self.tables["calibrated_sensor"], node["calibrated_sensor_token"])
        sensor = _named(self.tables["sensor"], mount["sensor_token"])
        name, kind = sensor["channel"].word(), sensor["modality"].word()
        if name in ("world", "ego") or "/" in name:
            raise sensor["channel"].wrong("the name of a sensor", repr(name))
        stamp = _stamp(node)
        self.poses[stamp if kind == "camera" else int(self.times[frame])] = _pose(_named(self.tables["ego_pose"], node["ego_pose_token"]))
        file = self._file(node["filename"])
        if kind == "lidar":
            self.lidars.setdefault(name, Lidar(name, _pose(mount)))
            self.sweeps.setdefault(name, [None] * len(self.times))[frame] = file
        elif kind == "camera":
            self._camera(name, mount, node)
            self.images.setdefault(name, [None] * len(self.times))[frame] = file
            self.exposures.setdefault(name, self.times.copy())[frame] = stamp

    def _file(self, node: Node) -> Path | None:
        text = node.text()
        if not text:
            return None
        if text.startswith("/") or ".." in Path(text).parts or "\\" in text:
            raise node.wrong("a path below the dataset's folder", repr(text[:80]))
        return self.root / text

    def _camera(self, name: str, mount: Node, node: Node) -> None:
        if name in self.lenses:
            return
        k = mount["camera_intrinsic"].numbers(3, 3)
        if (k[1, 0], *k[2]) != (0, 0, 0, 1) or k[0, 1] != 0:
            raise mount["camera_intrinsic"].wrong("fx 0 cx, 0 fy cy, 0 0 1", " ".join(f"{v:g}" for v in k.ravel()))
        width, height = node["width"].whole(), node["height"].whole()
        try:
            camera = PinholeCamera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
        except BoxwrightError as error:
            raise CalibrationError(error.what, expected=error.expected, got=error.got, path=mount.path, field=error.field, hint=_HINT) from None
        self.lenses[name], self.sizes_px[name] = (camera, _pose(mount)), camera.size_px

    def cameras(self) -> dict[str, CameraSensor]:
        return {name: CameraSensor(name, camera, pose, self.exposures[name]) for name, (camera, pose) in self.lenses.items()}

    def trajectory(self) -> Trajectory | None:
        stamps = sorted(self.poses)
        return Trajectory(stamps, [self.poses[stamp] for stamp in stamps]) if stamps else None

    def read_sweep(self, frame_index: int, sensor: str, path: Path) -> Sweep:
        size = checked_size(path)
        if size % _ROW_BYTES:
            raise FormatError("not whole points", expected=f"a multiple of {_ROW_BYTES} bytes", got=str(size), path=path, hint="get the file again")
        limits().check("points_per_frame", size // _ROW_BYTES, path)
        rows = np.fromfile(path, "<f4").reshape(-1, 5)
        ring = np.nan_to_num(np.clip(rows[:, 4], 0, 65535)).astype(np.uint16)
        return Sweep(np.ascontiguousarray(rows[:, :3]), int(self.times[frame_index]), sensor, rows[:, 3].copy(), fields={"ring": ring})


# ------------------------------------------------------------ labels


class _Labels:
    """Annotations, gathered record by record."""

    def __init__(
        self,
        folder: Path,
        tables: Mapping[str, Table],
        instances: Table,
        frame_of: Mapping[str, int],
        trajectory: Trajectory | None,
        times: Int64s,
    ) -> None:
        self.folder, self.tables, self.instances, self.frame_of, self.trajectory, self.times = folder, tables, instances, frame_of, trajectory, times
        self.levels = {token: node["level"].text() for token, node in _table(folder / "visibility.json").items()}
        self.rows: dict[str, dict[int, _Row]] = {}  # instance -> frame -> label

    def left_of(self, record: Any) -> Any:
        """What of an annotation stays in memory: nothing where it is of another scene."""
        is_ours = isinstance(record, dict) and isinstance(token := record.get("sample_token"), str) and token in self.frame_of
        return [ROW] * 5 if is_ours else None

    def take(self, node: Node) -> None:
        frame = self.frame_of.get(node["sample_token"].text())
        if frame is None:
            return
        token = node["instance_token"].word()
        _named(self.tables["category"], _named(self.instances, node["instance_token"])["category_token"])["name"].word()
        size = node["size"].numbers(3)
        if not (size.min() > 0 and size.max() < FARTHEST_M):
            raise node["size"].wrong("a positive width, length and height", " ".join(f"{v:g}" for v in size), "correct the label")
        place, turn = _placed(node)
        attributes: dict[str, Any] = {}
        for one in node.get("attribute_tokens", []):
            kind, _, value = _named(self.tables["attribute"], one)["name"].word(is_long=True).partition(".")
            attributes[kind] = value or True
        level = self.levels.get(node.get("visibility_token", "").text(), "")
        source = {"token": node["token"].text(), **{name: node[name].whole() for name in ("num_lidar_pts", "num_radar_pts") if node.has(name)}}
        rows = self.rows.setdefault(token, {})
        if frame in rows:
            raise node.wrong("each instance once in a sample", f"{token!r} again", "give each object an instance of its own")
        numbers = np.concatenate([place, size[[1, 0, 2]], turn])
        rows[frame] = (numbers, level, attributes, {**source, **({"visibility": level} if level else {})})

    def tracks(self) -> list[Track]:
        limits().check("tracks_per_scene", len(self.rows), self.folder / "sample_annotation.json")
        found = []
        for token, rows in self.rows.items():
            limits().check("keyframes_per_track", len(rows), self.folder / "sample_annotation.json", token)
            category = self.tables["category"][self.instances[token]["category_token"].text()]["name"].text()
            found.append(self._track(token, category, rows))
        return found

    def _track(self, token: str, category: str, rows: Mapping[int, _Row]) -> Track:
        frames = sorted(rows)
        table = np.array([rows[frame][0] for frame in frames])
        _, levels, attributes, sources = zip(*(rows[frame] for frame in frames))
        cuboids = Cuboids(table[:, :3], table[:, 3:6], quat_wxyz=table[:, 6:], frame="world" if self.trajectory is not None else "ego")
        names = list(dict.fromkeys(name for said in attributes for name in said))
        return dense_track(
            token,
            category,
            np.array(frames),
            self.times,
            cuboids,
            visibility=[Visibility.OCCLUDED if level == HIDDEN else Visibility.VISIBLE for level in levels],
            attributes=[{name: said.get(name) for name in names} for said in attributes] if names else (),
            source_attributes=sources,
        )
