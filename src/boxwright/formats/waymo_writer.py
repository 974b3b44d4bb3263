"""The writer of Waymo's components, version 2; the layout is drawn in waymo.py."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..cameras import PinholeCamera, UncalibratedCamera
from ..cuboids import Cuboids
from ..errors import ArgumentError, ExtraMissing, number_of
from ..frames import Pose
from ..keyframes import Visibility
from ..limits import FARTHEST_M
from ..scene import CameraSensor, Scene
from ..shapes2d import Boxes
from ..tracks import interpolate_tracks
from .camera_labels import EDGE_PX
from .dense_tracks import moved_each
from .file_names import file_name
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .waymo import CAM_FROM_WAYMO, CAMERAS, KEPT_NAMES, LIDARS, PREFIX, SHUTTERS, TYPES
from .write_report import WriteReport, lost_cameras

__all__ = ["write"]

_KINDS = {name: number for number, name in TYPES.items()} | {
    **dict.fromkeys(("car", "van", "truck", "bus", "trailer", "motorcycle", "tram", "train", "vehicle"), 1),
    **dict.fromkeys(("person", "people", "walker"), 2),
    **dict.fromkeys(("traffic sign", "traffic_sign", "trafficsign"), 3),
    **dict.fromkeys(("rider", "bicyclist"), 4),
}
_TILT_RAD = 1e-9
_WHOLE = ("num_lidar_points_in_box", "num_top_lidar_points_in_box")
_KEPT = (*[f"{what}.{axis}" for what in ("speed", "acceleration") for axis in "xyz"], "difficulty_level.detection", "difficulty_level.tracking")


def write(scene: Scene, folder: Path, report: WriteReport, *, segment: str | None = None) -> None:
    """Writes the components of one segment into `folder`, which exists and is empty.

    segment : its name, which is that of its files; by default the scene's
    """
    check_reach(scene)
    writer = _Writer(scene, folder, report, file_name(scene.name if segment is None else segment))
    report.tolerance_m, report.tolerance_rad, report.tolerance_px = 1e-9, 1e-9, 1e-9
    writer.poses()
    writer.labels()
    writer.calibration()
    writer.boxes()
    report.n_frames = len(scene)
    writer.say_what_is_lost()


class _Writer:
    def __init__(self, scene: Scene, folder: Path, report: WriteReport, segment: str) -> None:
        self.scene, self.folder, self.report, self.segment = scene, folder, report, segment
        self.unit = 1000 if scene.has_time else 1  # frames without time are counted
        self.micros = _whole_micros(scene.times_ns, self.unit)
        if len(self.micros) > 1 and (np.diff(self.micros) <= 0).any():
            hint = "Waymo counts microseconds"
            raise ArgumentError(expected="frames a microsecond apart, or more", got="two at one", field="scene.times_ns", hint=hint)
        self.cameras = _numbered(list(scene.cameras), CAMERAS)
        self.lidars = _numbered(list(scene.lidars), LIDARS)
        self.strange: dict[str, str] = {}  # class -> what it became
        self.n_tilted = 0

    def put(self, part: str, columns: Mapping[str, tuple[Any, Any]], kept: Mapping[int, str] | None = None) -> None:
        """One component. columns : name -> (values, pyarrow type), without the component's name; kept : names of sensors by their numbers"""
        pa, parquet = _pyarrow()
        n = len(next(iter(columns.values()))[0])
        named = {"key.segment_context_name": pa.array([self.segment] * n, pa.string())}
        for name, (values, kind) in columns.items():
            named[name if name.startswith("key.") else PREFIX[part] + name] = pa.array(values, kind)
        table = pa.table(named)
        if kept:
            table = table.replace_schema_metadata({KEPT_NAMES: json.dumps({str(number): name for number, name in kept.items()})})
        place = self.folder / part
        place.mkdir(exist_ok=True)
        parquet.write_table(table, str(place / f"{self.segment}.parquet"), write_page_checksum=True)

    # -------------------------------------------------------- poses

    def poses(self) -> None:
        pa, _ = _pyarrow()
        trajectory = self.scene.trajectory
        if trajectory is None:
            return
        is_there = trajectory.covers(self.scene.times_ns)
        poses = [self.scene.world_from_ego(int(stamp)) for stamp in self.scene.times_ns[is_there]]
        matrices = pa.FixedSizeListArray.from_arrays(_flat(poses), 16)
        self.put(
            "vehicle_pose",
            {"key.frame_timestamp_micros": (self.micros[is_there], pa.int64()), "world_from_vehicle.transform": (matrices, matrices.type)},
        )

    # -------------------------------------------------------- cuboids

    def labels(self) -> None:
        pa, _ = _pyarrow()
        scene = self.scene
        many = interpolate_tracks(scene.tracks, scene.times_ns)
        order = np.argsort(many.time_index, kind="stable")
        frame, track = np.asarray(many.time_index, np.int64)[order], np.asarray(many.track_index, np.int64)[order]
        cuboids = self._in_ego(many.cuboids[order], frame)
        if len(cuboids) and not np.abs(cuboids.center_m).max() < FARTHEST_M:
            expected, hint = f"coordinates and sizes under {FARTHEST_M:g} m from the vehicle", "leave it out"
            raise ArgumentError(expected=expected, got="a cuboid beyond", field="tracks", hint=hint)
        self.n_tilted = int((np.abs(cuboids.quat_wxyz[:, 1:3]).max(axis=1, initial=0) > _TILT_RAD).sum())
        ids = [one.track_id if one.track_id.strip() else f"track-{k}" for k, one in enumerate(scene.tracks)]
        kinds = np.array([self._kind(one.category) for one in scene.tracks], np.int8)
        heading = np.where(cuboids.yaw_rad >= np.pi, -np.pi, cuboids.yaw_rad)
        columns: dict[str, tuple[Any, Any]] = {
            "key.frame_timestamp_micros": (self.micros[frame], pa.int64()),
            "key.laser_object_id": ([ids[k] for k in track.tolist()], pa.string()),
            **{f"box.center.{axis}": (cuboids.center_m[:, i], pa.float64()) for i, axis in enumerate("xyz")},
            **{f"box.size.{axis}": (cuboids.size_m[:, i], pa.float64()) for i, axis in enumerate("xyz")},
            "box.heading": (heading, pa.float64()),
            "type": (kinds[track] if len(kinds) else np.zeros(0, np.int8), pa.int8()),
        }
        self.put("lidar_box", columns | self._kept(frame, track))
        self.report.n_labels, self.report.n_tracks = len(frame), len(np.unique(track))

    def _kind(self, category: str) -> int:
        number = _KINDS.get(category.lower(), 0)
        if TYPES[number] != category:
            self.strange[category] = TYPES[number]
        return number

    def _in_ego(self, cuboids: Cuboids, frame: Int64s) -> Cuboids:
        scene = self.scene
        if scene.label_frame == "ego" or not len(cuboids):
            return cuboids.replace(frame="ego")
        used, which = np.unique(frame, return_inverse=True)
        poses = [scene.transform("ego", scene.label_frame, int(scene.times_ns[i])) for i in used.tolist()]
        return moved_each(cuboids, poses, which, "ego")

    def _kept(self, frame: Int64s, track: Int64s) -> dict[str, tuple[Any, Any]]:
        """What the file that the labels came from said of them: counts of points, speeds. An empty cell where nobody said."""
        pa, _ = _pyarrow()
        types = {name: pa.int64() for name in _WHOLE} | {name: pa.int8() if name.startswith("difficulty") else pa.float64() for name in _KEPT}
        said: list[Mapping[str, Any]] = [{}] * len(frame)
        for k, one in enumerate(self.scene.tracks):
            if not any(one.keyframe_source_attributes):
                continue
            place = {int(stamp): row for stamp, row in zip(one.times_ns.tolist(), one.keyframe_source_attributes)}
            for row in np.flatnonzero(track == k).tolist():
                said[row] = place.get(int(self.scene.times_ns[frame[row]]), {})
        columns = {}
        for name, kind in types.items():
            values = [row.get(name) for row in said]
            good = [value if isinstance(value, (int, float)) and not isinstance(value, bool) else None for value in values]
            if pa.types.is_integer(kind):
                most = 127 if kind == pa.int8() else 1 << 62
                good = [value if isinstance(value, int) and abs(value) <= most else None for value in good]
            if name in _WHOLE or any(value is not None for value in good):
                columns[name] = (good, kind)
        return columns

    # -------------------------------------------------------- sensors

    def calibration(self) -> None:
        pa, _ = _pyarrow()
        scene, lost = self.scene, {name: "Waymo has five cameras" for name in self.scene.cameras if name not in self.cameras}
        good: list[tuple[int, CameraSensor, tuple[float, ...]]] = []
        for name, number in self.cameras.items():
            lens = _lens(scene.cameras[name])
            if lens is None:
                if not isinstance(scene.cameras[name].camera, UncalibratedCamera):
                    lost[name] = "its lens is none that Waymo's five numbers describe"
                continue
            good.append((number, scene.cameras[name], lens))
        self.report.dropped += lost_cameras(lost)
        names = {number: name for name, number in self.cameras.items() if CAMERAS[number] != name}
        told = scene.source_attributes.get("waymo", {})
        ways = told.get("rolling_shutter_direction", {}) if isinstance(told, Mapping) else {}
        shutters = {name: number for number, name in SHUTTERS.items()}
        if self.cameras:
            poses = [sensor.ego_from_cam @ CAM_FROM_WAYMO for _, sensor, _ in good]
            matrices = pa.FixedSizeListArray.from_arrays(_flat(poses), 16)
            directions = [
                ways[one.name]
                if isinstance(ways, Mapping) and isinstance(ways.get(one.name), int) and 0 <= ways[one.name] <= 5
                else shutters[one.rolling_shutter]
                for _, one, _ in good
            ]
            columns: dict[str, tuple[Any, Any]] = {
                "key.camera_name": ([number for number, _, _ in good], pa.int8()),
                **{
                    f"intrinsic.{name}": ([lens[i] for _, _, lens in good], pa.float64())
                    for i, name in enumerate(("f_u", "f_v", "c_u", "c_v", "k1", "k2", "p1", "p2", "k3"))
                },
                "extrinsic.transform": (matrices, matrices.type),
                "width": ([sensor.camera.width_px for _, sensor, _ in good], pa.int32()),
                "height": ([sensor.camera.height_px for _, sensor, _ in good], pa.int32()),
                "rolling_shutter_direction": (directions, pa.int8()),
            }
            self.put("camera_calibration", columns, names)
        if self.lidars:
            matrices = pa.FixedSizeListArray.from_arrays(_flat([scene.lidars[name].ego_from_lidar for name in self.lidars]), 16)
            named = {number: name for name, number in self.lidars.items() if LIDARS[number] != name}
            self.put(
                "lidar_calibration",
                {"key.laser_name": (list(self.lidars.values()), pa.int8()), "extrinsic.transform": (matrices, matrices.type)},
                named,
            )

    # -------------------------------------------------------- pictures

    def boxes(self) -> None:
        pa, _ = _pyarrow()
        scene, rows, links = self.scene, list[tuple[Any, ...]](), list[tuple[Any, ...]]()
        known = {one.track_id for one in scene.tracks}
        other = 0
        for track in scene.image_tracks:
            number = self.cameras.get(track.camera)
            if number is None:
                self.report.dropped.append(f"track {track.track_id[:40]!r} in the pictures of {track.camera}")
                continue
            filled = track.at(scene.exposures_ns(track.camera))
            bounds = filled.shapes.bounds_xyxy()
            frames = np.flatnonzero(filled.is_valid & np.isfinite(bounds).all(axis=1))
            other += not isinstance(track.shapes, Boxes) or len(frames) < int(filled.is_valid.sum())
            name = track.track_id if track.track_id.strip() else f"track-{number}"
            rows.append((number, name, self._kind(track.category), frames, bounds[frames]))
            if track.object_id is not None and track.object_id in known:
                links += [(number, name, track.object_id, int(self.micros[i])) for i in frames.tolist()]
        if other:
            self.report.rounded.append(f"shapes of {number_of(other, 'track')} in pictures: the boxes around them, where there are any")
        if not rows:
            return
        counts = [len(row[3]) for row in rows]
        frame = np.concatenate([row[3] for row in rows])
        xyxy = np.concatenate([row[4] for row in rows]) + EDGE_PX
        center, size = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]
        columns: dict[str, tuple[Any, Any]] = {
            "key.frame_timestamp_micros": (self.micros[frame], pa.int64()),
            "key.camera_name": (np.repeat(np.array([row[0] for row in rows], np.int8), counts), pa.int8()),
            "key.camera_object_id": ([row[1] for row, n in zip(rows, counts) for _ in range(n)], pa.string()),
            **{f"box.center.{axis}": (center[:, i], pa.float64()) for i, axis in enumerate("xy")},
            **{f"box.size.{axis}": (size[:, i], pa.float64()) for i, axis in enumerate("xy")},
            "type": (np.repeat(np.array([row[2] for row in rows], np.int8), counts), pa.int8()),
        }
        self.put("camera_box", columns)
        self.report.n_labels, self.report.n_tracks = self.report.n_labels + len(frame), self.report.n_tracks + sum(n > 0 for n in counts)
        if links:
            kinds = (pa.int8(), pa.string(), pa.string(), pa.int64())
            names = ("key.camera_name", "key.camera_object_id", "key.laser_object_id", "key.frame_timestamp_micros")
            self.put("camera_to_lidar_box_association", {name: (list(values), kind) for name, values, kind in zip(names, zip(*links), kinds)})

    # -------------------------------------------------------- what is lost

    def say_what_is_lost(self) -> None:
        scene, report = self.scene, self.report
        if self.segment != scene.name:
            report.dropped.append(f"the scene's name {scene.name[:60]!r}: the segment is called {self.segment!r}")
        if self.strange:
            said = ", ".join(f"{name} is {kind}" for name, kind in list(self.strange.items())[:10])
            report.dropped.append(f"classes that Waymo does not have: {said}")
        if self.n_tilted:
            report.rounded.append(f"roll and pitch against the vehicle, of {number_of(self.n_tilted, 'cuboid')}: Waymo's are upright there")
        if scene.has_time and (scene.times_ns % 1000).any():
            report.rounded.append("times: whole microseconds")
        if not scene.has_time:
            report.notes.append("frames have no time: their stamps are counted in microseconds")
        report.dropped += [f"LiDAR {name}: Waymo has five" for name in scene.lidars if name not in self.lidars]
        if any(scene.has_points(i, name) for name in scene.lidars for i in range(min(len(scene), 3))):
            report.dropped.append("points")
        if any(scene.has_image(i, name) for name in scene.cameras for i in range(min(len(scene), 3))):
            report.dropped.append("pictures")
        late = [name for name in self.cameras if (scene.exposures_ns(name) != scene.times_ns).any()]
        if late:
            report.dropped.append(f"when {', '.join(late)} exposed: at the frames' stamps")
        tracks = [*scene.tracks, *scene.image_tracks]
        if any(one.attributes or any(one.keyframe_attributes) for one in tracks):
            report.dropped.append("attributes")
        if any((one.visibility == Visibility.OCCLUDED).any() for one in tracks):
            report.dropped.append("which labels are occluded")
        for n, thing in ((len(scene.tags), "tag"), (len(scene.relations), "relation"), (len(scene.problems), "record")):
            if n:
                report.dropped.append(number_of(n, thing) + (" kept aside" if thing == "record" else ""))
        say_point_labels_are_lost(scene, report)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ExtraMissing("writing Waymo's files needs pyarrow", hint="pip install 'boxwright[io]'") from None
    return pyarrow, parquet


def _whole_micros(times_ns: Int64s, unit: int) -> Int64s:
    whole = times_ns if unit == 1 else (times_ns + unit // 2) // unit
    if unit == 1 and len(whole) and np.abs(whole).max() > (1 << 62) // 1000:
        raise ArgumentError(expected="times under 2^62 ns", got=str(int(np.abs(whole).max())), field="scene.times_ns", hint="count the frames anew")
    return np.asarray(whole, np.int64)


def _numbered(names: Sequence[str], usual: Mapping[int, str]) -> dict[str, int]:
    """name -> number: Waymo's own where it has that name, the next free ones for others, as far as there are any."""
    own = {name: number for number, name in usual.items() if name in names}
    free = iter([number for number in usual if number not in own.values()])
    found = {}
    for name in names:
        number = own.get(name) or next(free, None)
        if number is not None:
            found[name] = number
    return found


def _lens(sensor: CameraSensor) -> tuple[float, ...] | None:
    """f_u f_v c_u c_v k1 k2 p1 p2 k3; None where the lens is another."""
    camera = sensor.camera
    if not isinstance(camera, PinholeCamera) or any(camera.distortion[5:]):
        return None
    lens = (*camera.distortion[:5], *[0.0] * 5)[:5]
    return (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px, *map(float, lens))


def _flat(poses: Sequence[Pose]) -> Any:
    """(N x 16,) matrices row by row."""
    return np.array([pose.matrix() for pose in poses], np.float64).reshape(-1)
