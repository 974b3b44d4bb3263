"""Waymo Open Dataset, perception, version 2: parquet components, one file for each component and segment.

    lidar_box/<segment>.parquet             upright boxes in the vehicle's frame: centre, size (length x, width y, height z), heading, type
    vehicle_pose/<segment>.parquet          world_from_vehicle, 4 x 4, row by row
    camera_calibration/<segment>.parquet    fu fv cu cv k1 k2 p1 p2 k3, and where the camera sits; its x looks ahead, y left, z up
    lidar_calibration/<segment>.parquet     where each LiDAR sits
    camera_box/<segment>.parquet            boxes in pictures: centre and size
    camera_to_lidar_box_association/...     which box in a picture is which object

Columns are called key.frame_timestamp_micros, [LiDARBoxComponent].box.center.x and so on. Labels stand in the frame of the pose of their stamp, which
is the start of the sweep though the pose is near its middle. Points and pictures, which other components hold, are not read. Cameras are taken for
global shutters: how long they read is told with their pictures. What boxwright has no name for stays with the label.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import PinholeCamera
from ..cuboids import Cuboids
from ..errors import BoxwrightError, CalibrationError, FormatError, SensorFrameFallback
from ..frames import Pose, Trajectory
from ..image_tracks import ImageTrack
from ..limits import FARTHEST_M, has_file, limits
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Track
from .argoverse2_tables import HINT, Rows, parquet_table, read_rows
from .declared import Capabilities, Exactness
from .dense_tracks import dense_track, moved_each
from .free_names import FreeNames
from .looking import names_of, subfolders
from .waymo_pictures import BOX_COLUMNS, image_tracks_of, set_bad_boxes_aside

__all__ = ["CAMERAS", "CAM_FROM_WAYMO", "CAPABILITIES", "KEPT_NAMES", "LIDARS", "PREFIX", "SHUTTERS", "TYPES", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="Waymo Open Dataset, version 2",
    reads="cuboids tracks shapes video relations poses calibration classes track_ids times other_fields",
    writes="cuboids tracks shapes video relations poses calibration classes track_ids times other_fields",
    partly={
        "other_fields": "counts of points, speeds, accelerations and difficulties stay",
        "shapes": "boxes stay, others become the boxes around them; those of five cameras at most",
        "relations": "which track in pictures is which object stays, others are dropped",
        "poses": "those of the frames stay",
        "calibration": "pinhole cameras with at most k1, k2, p1, p2, k3 stay, five of them",
        "classes": "vehicle, pedestrian, sign and cyclist stay, kinds of them become these, others are unknown",
        "times": "whole microseconds; cameras fire with the frames",
    },
    frame="ego",
    exact=Exactness(m=1e-9, rad=1e-9, px=1e-9, ns=500),
    remarks=(
        "Proved on files written to the public schema alone: no recording of the dataset was at hand, and its own client is not asked.",
        "Components of points, pictures, maps and segmentation are neither read nor written.",
        "A cuboid that is upright in the world, on a vehicle that is not, loses its tilt against the vehicle.",
        "Files are equal by value, not byte by byte: their bytes depend on the version of Arrow.",
    ),
)

TYPES = {0: "unknown", 1: "vehicle", 2: "pedestrian", 3: "sign", 4: "cyclist"}
CAMERAS = {1: "front", 2: "front_left", 3: "front_right", 4: "side_left", 5: "side_right"}
LIDARS = {1: "top", 2: "front_lidar", 3: "side_left_lidar", 4: "side_right_lidar", 5: "rear"}
SHUTTERS = {0: "", 1: "top_to_bottom", 2: "left_to_right", 3: "bottom_to_top", 4: "right_to_left", 5: "global"}
CAM_FROM_WAYMO = Pose(
    [[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]], (0.0, 0.0, 0.0)
)  # from x ahead, y left, z up to x right, y down, z ahead
KEPT_NAMES = b"boxwright"  # in a file's own metadata: what cameras and LiDARs are called that are none of Waymo's
PREFIX = {
    "lidar_box": "[LiDARBoxComponent].",
    "vehicle_pose": "[VehiclePoseComponent].",
    "camera_calibration": "[CameraCalibrationComponent].",
    "lidar_calibration": "[LiDARCalibrationComponent].",
    "camera_box": "[CameraBoxComponent].",
    "camera_to_lidar_box_association": "[CameraToLiDARBoxAssociationComponent].",
}
_SPLITS = ("training", "validation", "testing", "testing_location", "domain_adaptation")
_BOX = ("box.center.x", "box.center.y", "box.center.z", "box.size.x", "box.size.y", "box.size.z", "box.heading")
_INTRINSIC = tuple(f"intrinsic.{name}" for name in ("f_u", "f_v", "c_u", "c_v", "k1", "k2", "p1", "p2", "k3"))
_MOST_MICROS = (1 << 63) // 1000 - 1
_ROTATION = 1e-5


def detect(path: Path) -> bool:
    return bool(list_scenes(path))


def list_scenes(path: Path) -> list[str]:
    return list(_places(path))


def _places(path: Path) -> dict[str, tuple[Path, str]]:
    """Scene -> the folder of its components, and the segment."""
    if not path.is_dir():
        return {}
    own = _segments(path)
    if own:
        return {name: (path, name) for name in own}
    found = [(folder, name) for folder in subfolders(path) if folder.name in _SPLITS for name in _segments(folder)]
    names = [name for _, name in found]
    return {name if names.count(name) == 1 else f"{folder.name}/{name}": (folder, name) for folder, name in found}


def _segments(folder: Path) -> list[str]:
    files = [name for part in ("lidar_box", "vehicle_pose", "camera_box") for name in names_of(folder / part, r"[^.].*\.parquet")]
    return sorted({name.removesuffix(".parquet") for name in files})


def read(path: Path, scene: str, problems: Problems) -> Scene:
    folder, segment = _places(path)[scene]
    reader = _Reader(folder, segment, problems)
    return reader.scene(scene, path)


class _Reader:
    def __init__(self, folder: Path, segment: str, problems: Problems) -> None:
        self.folder, self.segment, self.problems, self.notes = folder, segment, problems, list[str]()

    def rows(self, part: str, columns: Mapping[str, str]) -> Rows | None:
        """A component, its columns without the component's name before them; None where the segment has none."""
        path = self.folder / part / f"{self.segment}.parquet"
        if not has_file(path):
            return None
        named = {name if name.startswith("key.") else PREFIX[part] + name: kind for name, kind in columns.items()}
        table = read_rows(path, named, self.problems, load=parquet_table, dataset="Waymo's files")
        table.columns = {name.removeprefix(PREFIX[part]): values for name, values in table.columns.items()}
        if "key.segment_context_name" in table.columns and len(set(map(str, table["key.segment_context_name"]))) > 1:
            raise FormatError("several segments in one file", expected="one", path=path, field="key.segment_context_name", hint=HINT)
        return table

    def scene(self, name: str, path: Path) -> Scene:
        trajectory = self._trajectory()
        labels = self._labels(trajectory)
        boxes = self._boxes()
        parts = [table["key.frame_timestamp_micros"] for table in (labels, boxes) if table is not None]
        known = [trajectory.times_ns // 1000] if trajectory is not None else []
        micros = np.unique(np.concatenate([np.zeros(0, np.int64), *known, *parts])).astype(np.int64)
        limits().check("frames_per_scene", len(micros), self.folder, self.segment)
        times = micros * 1000
        if trajectory is None:
            self.notes.append("no vehicle_pose: the tracks stay in the vehicle's frame, and its motion is in them")
            warnings.warn(f"{self.folder}, {self.segment}: {self.notes[-1]}", SensorFrameFallback, stacklevel=4)
        cameras, told = self._cameras()
        image_tracks: list[ImageTrack] = []
        if boxes is not None and len(boxes):
            image_tracks = image_tracks_of(boxes, self._linked(), cameras, times, self._camera_name, TYPES, self.notes)
        others = [part.name for part in subfolders(self.folder) if part.name not in PREFIX and (part / f"{self.segment}.parquet").is_file()]
        if others:
            self.notes.append(f"components that are not read: {', '.join(others)}")
        return Scene(
            name=name,
            times_ns=times,
            lidars=self._lidars(),
            cameras=cameras,
            trajectory=trajectory,
            tracks=self._tracks(labels, times, trajectory),
            image_tracks=image_tracks,
            label_frame="ego" if trajectory is None else "world",
            frame_ids=tuple(map(str, micros.tolist())),
            format="waymo",
            path=os.fspath(path),
            source_attributes={"waymo": {"rolling_shutter_direction": told}} if told else {},
            notes=self.notes,
        )

    # -------------------------------------------------------- poses and sensors

    def _poses(self, table: Rows, name: str) -> list[Pose]:
        """(N,) poses of a column of 16 numbers, row by row. FormatError for what is none."""
        poses = []
        for i, value in enumerate(table[name]):
            matrix = np.asarray(value, np.float64) if getattr(value, "dtype", np.dtype(object)).kind in "fiu" else np.zeros(0)
            if matrix.shape != (16,) or not np.abs(matrix).max() < FARTHEST_M:
                raise table.wrong(i, expected=f"16 numbers under {FARTHEST_M:g}", got=str(value)[:60], field=name)
            four = matrix.reshape(4, 4)
            off = max(float(np.abs(four[:3, :3] @ four[:3, :3].T - np.eye(3)).max()), float(np.abs(four[3] - (0, 0, 0, 1)).max()))
            if off > _ROTATION or np.linalg.det(four[:3, :3]) < 0:
                raise table.wrong(i, expected="a rotation and a shift, row by row", got=f"off by {off:.2g}", field=name)
            try:
                poses.append(Pose(four[:3, :3], four[:3, 3]))
            except BoxwrightError as error:
                raise table.wrong(i, error.what, expected=error.expected, got=error.got, field=name) from None
        return poses

    def _trajectory(self) -> Trajectory | None:
        table = self.rows("vehicle_pose", {"key.frame_timestamp_micros": "i"})
        if table is None or not len(table):
            return None
        self._check_stamps(table)
        if "world_from_vehicle.transform" not in table.columns:
            raise FormatError("a column is missing", expected=PREFIX["vehicle_pose"] + "world_from_vehicle.transform", path=table.path, hint=HINT)
        micros = table["key.frame_timestamp_micros"].astype(np.int64)
        order = np.argsort(micros, kind="stable")
        twice = np.flatnonzero(np.diff(micros[order]) == 0)
        if len(twice):
            raise table.wrong(int(order[twice[0] + 1]), "two poses at one time", field="key.frame_timestamp_micros")
        poses = self._poses(table, "world_from_vehicle.transform")
        return Trajectory(micros[order] * 1000, [poses[i] for i in order.tolist()])

    def _check_stamps(self, table: Rows) -> None:
        micros = table["key.frame_timestamp_micros"].astype(np.float64)
        table.set_aside(
            ~(np.abs(micros) < _MOST_MICROS),
            lambda i: table.wrong(i, expected="microseconds of 64 bits in nanoseconds", got=f"{micros[i]:g}", field="key.frame_timestamp_micros"),
        )

    def _lidars(self) -> dict[str, Lidar]:
        table = self.rows("lidar_calibration", {"key.laser_name": "i"})
        if table is None or "extrinsic.transform" not in table.columns:
            return {}
        called = self._called(table)
        names = [called.get(str(number), LIDARS.get(number, f"laser_{number}")) for number in table["key.laser_name"].tolist()]
        if len(set(names)) < len(names):
            raise CalibrationError("a LiDAR comes twice", path=table.path, field="key.laser_name", hint=HINT)
        return {name: Lidar(name, pose) for name, pose in zip(names, self._poses(table, "extrinsic.transform"))}

    def _called(self, table: Rows) -> dict[str, str]:
        """Sensor's number -> a name of boxwright's own that the file keeps."""
        from pyarrow import parquet

        raw = (parquet.read_schema(str(table.path)).metadata or {}).get(KEPT_NAMES)
        try:
            kept = json.loads(raw) if raw else {}
        except ValueError:
            kept = {}
        if not isinstance(kept, dict):
            return {}
        return {str(key): name for key, name in kept.items() if isinstance(name, str) and name not in ("", "world", "ego", "lidar")}

    def _cameras(self) -> tuple[dict[str, CameraSensor], dict[str, int]]:
        """Cameras that are calibrated, and which way each reads."""
        columns = {"key.camera_name": "i", "width": "i", "height": "i", **dict.fromkeys(_INTRINSIC, "f")}
        table = self.rows("camera_calibration", columns)
        self.camera_names = {str(number): name for number, name in CAMERAS.items()} | (self._called(table) if table is not None else {})
        if table is None or not len(table):
            return {}, {}
        if "extrinsic.transform" not in table.columns:
            raise CalibrationError("a column is missing", expected=PREFIX["camera_calibration"] + "extrinsic.transform", path=table.path, hint=HINT)
        cameras: dict[str, CameraSensor] = {}
        told: dict[str, int] = {}
        ways = table.columns.get("rolling_shutter_direction")
        for i, pose in enumerate(self._poses(table, "extrinsic.transform")):
            name = self._camera_name(int(table["key.camera_name"][i]))
            if name in cameras:
                raise CalibrationError("a camera comes twice", got=name, path=table.path, offset=f"row {i}", field="key.camera_name", hint=HINT)
            fx, fy, cx, cy, *lens = (float(table[key][i]) for key in _INTRINSIC)
            try:
                camera = PinholeCamera(int(table["width"][i]), int(table["height"][i]), fx, fy, cx, cy, tuple(lens) if any(lens) else ())
            except BoxwrightError as error:
                said = {"expected": error.expected, "got": error.got, "field": error.field}
                raise CalibrationError(error.what, path=table.path, offset=f"row {i}", hint=HINT, **said) from None
            cameras[name] = CameraSensor(name, camera, pose @ CAM_FROM_WAYMO.inverse())
            if ways is not None and ways.dtype.kind in "iu" and int(ways[i]) != 5:
                told[name] = int(ways[i])
        return cameras, told

    def _camera_name(self, number: int) -> str:
        return self.camera_names.get(str(number), f"camera_{number}")

    # -------------------------------------------------------- labels

    def _labels(self, trajectory: Trajectory | None) -> Rows | None:
        columns = {"key.frame_timestamp_micros": "i", "key.laser_object_id": "s", "type": "i", **dict.fromkeys(_BOX, "f")}
        table = self.rows("lidar_box", columns)
        if table is None:
            self.notes.append("no lidar_box: the segment has no cuboids")
            return None
        self._check_stamps(table)
        center, size = table.stack(*_BOX[:3]), table.stack(*_BOX[3:6])
        table.set_aside(
            ~((size.min(1, initial=np.inf) > 0) & (size.max(1, initial=0) < FARTHEST_M) & (np.abs(center).max(1, initial=0) < FARTHEST_M)),
            lambda i: table.wrong(
                i, expected=f"positive sizes, coordinates under {FARTHEST_M:g} m", got=f"{size[i].tolist()} at {center[i].tolist()}"[:80], field="box"
            ),
        )
        self._check_keys(table, "key.laser_object_id", None)
        if trajectory is not None:
            table.set_aside(
                ~trajectory.covers(table["key.frame_timestamp_micros"].astype(np.int64) * 1000),
                lambda i: table.wrong(i, "a label lies outside the poses", field="key.frame_timestamp_micros"),
            )
        return table

    def _check_keys(self, table: Rows, name: str, camera: str | None) -> None:
        """Rows without an object, of no type, or of one that is there already, set aside."""
        ids, kinds = table[name].tolist(), table["type"].tolist()
        table.set_aside(
            np.array([not one.strip() or kind not in TYPES for one, kind in zip(ids, kinds)], bool),
            lambda i: table.wrong(i, expected="an id, and a type from 0 to 4", got=f"{ids[i]!r:.40}, {kinds[i]}", field=f"{name}, type"),
        )
        cameras = table[camera].tolist() if camera is not None else [0] * len(table)
        keys = list(zip(table[name].tolist(), cameras, table["key.frame_timestamp_micros"].tolist()))
        first: dict[Any, int] = {}
        table.set_aside(
            np.array([first.setdefault(key, i) != i for i, key in enumerate(keys)], bool),
            lambda i: table.wrong(i, "an object comes twice at one time", got=f"{keys[i][0]!r:.40}", field=name),
        )

    def _tracks(self, table: Rows | None, times: Int64s, trajectory: Trajectory | None) -> list[Track]:
        if table is None or not len(table):
            return []
        order = np.argsort(table["key.frame_timestamp_micros"], kind="stable")
        table.columns = {name: values[order] for name, values in table.columns.items()}
        frame = np.searchsorted(times, table["key.frame_timestamp_micros"].astype(np.int64) * 1000)
        cuboids = cuboids_from_waymo(table)
        if trajectory is not None:
            used, which = np.unique(frame, return_inverse=True)
            cuboids = moved_each(cuboids, [trajectory.at(int(times[i])) for i in used], which, "world")
        known = {"key.frame_timestamp_micros", "key.laser_object_id", "key.segment_context_name", "type", *_BOX}
        extra = [name for name, values in table.columns.items() if name not in known and values.dtype.kind in "iufOUb"]
        tracks, names = [], FreeNames()
        for (track_id, kind), index in table.members("key.laser_object_id", "type").items():
            sources = [table.said(extra, i) for i in index.tolist()]
            name = names.take(f"{track_id}-{TYPES[kind]}" if track_id in names else track_id)  # an object of two types is two tracks
            tracks.append(dense_track(name, TYPES[kind], frame[index], times, cuboids[index], source_attributes=sources if any(sources) else ()))
        return tracks

    def _boxes(self) -> Rows | None:
        table = self.rows("camera_box", BOX_COLUMNS)
        if table is not None:
            self._check_stamps(table)
            set_bad_boxes_aside(table)
            self._check_keys(table, "key.camera_object_id", "key.camera_name")
        return table

    def _linked(self) -> dict[tuple[str, int], str]:
        """(object in pictures, camera) -> object"""
        table = self.rows("camera_to_lidar_box_association", {"key.camera_name": "i", "key.camera_object_id": "s", "key.laser_object_id": "s"})
        if table is None:
            return {}
        columns = (table["key.camera_object_id"].tolist(), table["key.camera_name"].tolist(), table["key.laser_object_id"].tolist())
        return {(one, camera): other for one, camera, other in zip(*columns) if other.strip()}


def cuboids_from_waymo(table: Rows) -> Cuboids:
    """Centre, (length, width, height) as sizes along x, y, z, and heading from +x, in the vehicle's frame."""
    center: Float64s = table.stack(*_BOX[:3])
    return Cuboids(center, table.stack(*_BOX[3:6]), table[_BOX[6]].astype(np.float64), frame="ego")
