"""The writer of Waymo's components, version 2; the layout is drawn in waymo.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import PinholeCamera, UncalibratedCamera
from ..errors import ArgumentError, number_of
from ..frames import Pose
from ..keyframes import State, Visibility
from ..scene import CameraSensor, Scene
from ..shapes2d import Boxes
from ..taxonomy import Taxonomy
from .camera_labels import EDGE_PX
from .file_names import file_name
from .labelled_frames import LabelBlock, label_blocks
from .losses import lost_beside_labels, lost_between, lost_exposures, lost_of_labels
from .own_fields import lost_own_fields
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .waymo import CAM_FROM_WAYMO, CAMERAS, CAPABILITIES, LIDARS, SHUTTERS, TYPES
from .waymo_components import Component, pyarrow
from .write_report import Told, WriteReport, lost_cameras

__all__ = ["write"]

_NUMBERS = {name: number for number, name in TYPES.items()} | {"people": 2}
_KINDS = {  # classes of the taxonomy: who rides a motorcycle is a vehicle with it, who stands on wheels is a pedestrian
    **dict.fromkeys(("car", "van", "truck", "bus", "articulated_bus", "trailer", "tram", "train", "motorcycle", "motorcyclist"), 1),
    **dict.fromkeys(("pedestrian", "sitting_person", "wheelchair", "personal_mobility"), 2),
    "sign": 3,
    "cyclist": 4,
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

    def component(self, part: str, kept: Mapping[int, str] | None = None) -> Component:
        return Component(self.folder, part, self.segment, kept)

    def put(self, part: str, columns: Mapping[str, tuple[Any, Any]], kept: Mapping[int, str] | None = None) -> None:
        """One component whose rows are few."""
        with self.component(part, kept) as component:
            component.add(columns)

    # -------------------------------------------------------- poses

    def poses(self) -> None:
        pa, _ = pyarrow()
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
        pa, _ = pyarrow()
        scene, is_seen = self.scene, np.zeros(len(self.scene.tracks), bool)
        ids = [one.track_id if one.track_id.strip() else f"track-{k}" for k, one in enumerate(scene.tracks)]
        kinds = np.array([self._kind(one.category) for one in scene.tracks], np.int8)
        kept = self._kept_kinds()
        with self.component("lidar_box") as component:
            for block in label_blocks(scene, "ego"):
                cuboids, track = block.cuboids, block.track
                self.n_tilted += int((np.abs(cuboids.quat_wxyz[:, 1:3]).max(axis=1, initial=0) > _TILT_RAD).sum())
                heading = np.where(cuboids.yaw_rad >= np.pi, -np.pi, cuboids.yaw_rad)
                columns: dict[str, tuple[Any, Any]] = {
                    "key.frame_timestamp_micros": (self.micros[block.frame], pa.int64()),
                    "key.laser_object_id": ([ids[k] for k in track.tolist()], pa.string()),
                    **{f"box.center.{axis}": (cuboids.center_m[:, i], pa.float64()) for i, axis in enumerate("xyz")},
                    **{f"box.size.{axis}": (cuboids.size_m[:, i], pa.float64()) for i, axis in enumerate("xyz")},
                    "box.heading": (heading, pa.float64()),
                    "type": (kinds[track], pa.int8()),
                }
                component.add(columns | self._kept(kept, block))
                is_seen[track] = True
                self.report.n_labels += len(track)
        self.report.n_tracks = int(is_seen.sum())

    def _kind(self, category: str) -> int:
        known = Taxonomy.default().get(category)
        number = _NUMBERS.get(category.lower(), 0 if known is None else _KINDS.get(known.name, 0))
        if TYPES[number] != category:
            self.strange[category] = TYPES[number]
        return number

    def _kept_kinds(self) -> dict[str, Any]:
        """Column -> type, of what the file that the labels came from said of some of them: counts of points, speeds; the counts always."""
        pa, _ = pyarrow()
        types = {name: pa.int64() for name in _WHOLE} | {name: pa.int8() if name.startswith("difficulty") else pa.float64() for name in _KEPT}
        told = set(_WHOLE)
        for one in self.scene.tracks:
            if any(one.keyframe_source_attributes):
                in_frame = np.flatnonzero(np.isin(one.times_ns, self.scene.times_ns) & (one.visibility != Visibility.OUTSIDE))
                rows = [one.keyframe_source_attributes[k] for k in in_frame.tolist()]
                told |= {name for name, kind in types.items() if any(_good(row.get(name), kind) is not None for row in rows)}
        return {name: kind for name, kind in types.items() if name in told}

    def _kept(self, kinds: Mapping[str, Any], block: LabelBlock) -> dict[str, tuple[Any, Any]]:
        """An empty cell where nobody said."""
        said: list[Mapping[str, Any]] = [{}] * len(block.frame)
        times = self.scene.times_ns[block.frame]
        for row in np.flatnonzero(block.state == State.KEYFRAME).tolist():
            one = self.scene.tracks[int(block.track[row])]
            if one.keyframe_source_attributes:
                said[row] = one.keyframe_source_attributes[int(np.searchsorted(one.times_ns, times[row]))]
        return {name: ([_good(row.get(name), kind) for row in said], kind) for name, kind in kinds.items()}

    # -------------------------------------------------------- sensors

    def calibration(self) -> None:
        pa, _ = pyarrow()
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
        scene, known = self.scene, {one.track_id for one in self.scene.tracks}
        other, unlinked, gone = list[str](), list[str](), dict[str, list[str]]()
        with self.component("camera_box") as boxes, self.component("camera_to_lidar_box_association") as links:
            for track in scene.image_tracks:
                number = self.cameras.get(track.camera)
                if number is None:
                    gone.setdefault(track.camera, []).append(track.track_id)
                    continue
                filled = track.at(scene.exposures_ns(track.camera))
                bounds = filled.shapes.bounds_xyxy()
                frames = np.flatnonzero(filled.is_valid & np.isfinite(bounds).all(axis=1))
                is_boxed = not isinstance(track.shapes, Boxes) or len(frames) < int(filled.is_valid.sum())
                other += [track.track_id] if is_boxed else []
                keys = self._keys(number, track.track_id if track.track_id.strip() else f"track-{number}", frames)
                boxes.add(keys | _box_columns(bounds[frames] + EDGE_PX, self._kind(track.category)))
                unlinked += [track.track_id] if track.object_id is not None and track.object_id not in known else []
                if track.object_id is not None and track.object_id in known and len(frames):
                    links.add(keys | {"key.laser_object_id": ([track.object_id] * len(frames), keys["key.camera_object_id"][1])})
                self.report.n_labels, self.report.n_tracks = self.report.n_labels + len(frames), self.report.n_tracks + (len(frames) > 0)
        for camera, ids in gone.items():
            said = f"{number_of(len(ids), 'track')} in the pictures of {camera}"
            self.report.dropped.append(Told("shapes video relations", said, ids))
        if unlinked:
            said = f"the links of {number_of(len(unlinked), 'track')} to objects that have no cuboid"
            self.report.dropped.append(Told("relations", said, unlinked))
        if other:
            said = f"shapes of {number_of(len(other), 'track')} in pictures: the boxes around them, where there are any"
            self.report.rounded.append(Told("shapes", said, other))

    def _keys(self, number: int, name: str, frames: Int64s) -> dict[str, tuple[Any, Any]]:
        pa, _ = pyarrow()
        return {
            "key.frame_timestamp_micros": (self.micros[frames], pa.int64()),
            "key.camera_name": ([number] * len(frames), pa.int8()),
            "key.camera_object_id": ([name] * len(frames), pa.string()),
        }

    # -------------------------------------------------------- what is lost

    def say_what_is_lost(self) -> None:
        scene, report = self.scene, self.report
        if self.segment != scene.name:
            report.dropped.append(Told("", f"the scene's name {scene.name[:60]!r}: the segment is called {self.segment!r}"))
        if self.strange:
            said = ", ".join(f"{name} is {kind}" for name, kind in list(self.strange.items())[:10])
            report.dropped.append(Told("classes", f"classes that Waymo does not have: {said}", self.strange))
        if self.n_tilted:
            said = f"roll and pitch against the vehicle, of {number_of(self.n_tilted, 'cuboid')}: Waymo's are upright there"
            report.dropped.append(Told("full_rotation", said, n=self.n_tilted))
        if scene.has_time and (scene.times_ns % 1000).any():
            report.rounded.append(Told("times", "times: whole microseconds", n=0))
        if not scene.has_time:
            report.notes.append("frames have no time: their stamps are counted in microseconds")
        report.dropped += [Told("sweeps", f"LiDAR {name}: Waymo has five", [name]) for name in scene.lidars if name not in self.lidars]
        report.dropped += lost_beside_labels(scene, CAPABILITIES, list(map(str, self.micros.tolist()))) + lost_between(scene)
        report.dropped += lost_exposures(scene, self.cameras)
        report.dropped += lost_own_fields([*scene.tracks, *scene.image_tracks], [*_WHOLE, *_KEPT])
        report.dropped += lost_of_labels(scene, [*scene.tracks, *scene.image_tracks], CAPABILITIES)
        if scene.relations:
            report.dropped.append(Told("relations", number_of(len(scene.relations), "relation"), n=len(scene.relations)))
        say_point_labels_are_lost(scene, report)


def _good(value: Any, kind: Any) -> Any:
    """As a cell of that type holds it, None where it does not."""
    pa, _ = pyarrow()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if pa.types.is_integer(kind):
        return value if isinstance(value, int) and abs(value) <= (127 if kind == pa.int8() else 1 << 62) else None
    return value


def _box_columns(xyxy: Float64s, kind: int) -> dict[str, tuple[Any, Any]]:
    pa, _ = pyarrow()
    center, size = (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]
    return {
        **{f"box.center.{axis}": (center[:, i], pa.float64()) for i, axis in enumerate("xy")},
        **{f"box.size.{axis}": (size[:, i], pa.float64()) for i, axis in enumerate("xy")},
        "type": ([kind] * len(xyxy), pa.int8()),
    }


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
