"""The writer of nuScenes: all thirteen tables, so that the dataset's own kit opens it; the layout is drawn in nuscenes.py."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, as_points
from ..cameras import PinholeCamera
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..errors import ArgumentError, number_of
from ..frames import Pose
from ..keyframes import State, Visibility
from ..limits import FARTHEST_M
from ..scene import CameraSensor, Scene
from ..tracks import FilledTracks, interpolate_tracks
from .boxwright_scene import is_safe_name
from .dense_tracks import moved_each
from .images import image_bytes
from .nuscenes import HIDDEN, TABLES, VISIBILITIES
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .sensor_files import image_path
from .write_report import WriteReport, lost_cameras, lost_in_pictures

__all__ = ["write"]

_JPEG_QUALITY = 95
_COUNTS = ("num_lidar_pts", "num_radar_pts")
_FIRST = "LIDAR_TOP"  # what the kit asks for


def write(scene: Scene, folder: Path, report: WriteReport, *, version: str = "v1.0-mini") -> None:
    """Writes the tables and files of one scene into `folder`, which exists and is empty.

    version : the name of the tables' folder, which the dataset's kit asks for
    """
    check_reach(scene)
    if not is_safe_name(version):
        raise ArgumentError(expected="the name of a folder", got=repr(version), field="version")
    for name in (*scene.lidars, *scene.cameras):
        if not is_safe_name(name) or name in ("world", "ego"):
            raise ArgumentError("the name of a sensor cannot be a folder's", got=repr(name), field="scene", hint="rename it")
    tables = _Tables(scene, folder, report)
    tables.fill()
    (folder / version).mkdir()
    for name in TABLES:
        (folder / version / f"{name}.json").write_text(_lines(tables.rows[name]), "utf-8")
    report.n_frames, report.tolerance_m, report.tolerance_rad = len(scene), 1e-9, 1e-9
    _say_what_is_lost(scene, report)


def _lines(rows: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows) + "\n]\n"


def _numbers(values: Any) -> list[Any]:
    listed: list[Any] = np.asarray(values, np.float64).tolist()
    return listed


class _Tables:
    def __init__(self, scene: Scene, folder: Path, report: WriteReport) -> None:
        self.scene, self.folder, self.report = scene, folder, report
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self.unit = 1000 if scene.has_time else 1  # frames without time are counted
        self.micros = [self.micro(stamp) for stamp in scene.times_ns.tolist()]
        if any(b <= a for a, b in zip(self.micros, self.micros[1:])):
            hint = "nuScenes counts microseconds"
            raise ArgumentError(expected="frames a microsecond apart, or more", got="two at one", field="scene.times_ns", hint=hint)
        self.samples = [self.token("sample", i) for i in range(len(scene))]
        self.known: dict[tuple[str, str], str] = {}

    def micro(self, stamp: int) -> int:
        return min((int(stamp) + self.unit // 2) // self.unit, (2**63 - 1) // 1000)

    def token(self, *parts: Any) -> str:
        """32 hexadecimal digits, the same for the same scene."""
        return hashlib.blake2b(json.dumps([self.scene.name, *parts]).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def named(self, table: str, name: str, **more: Any) -> str:
        """The token of a record that is known by its name."""
        if (table, name) not in self.known:
            self.known[table, name] = self.token(table, name)
            self.rows[table].append({"token": self.known[table, name], "name": name, **more})
        return self.known[table, name]

    def fill(self) -> None:
        scene, log, top = self.scene, self.token("log"), self.token("scene")
        rows = self.rows
        rows["log"].append({"token": log, "logfile": "", "vehicle": "", "date_captured": "1970-01-01", "location": "unknown"})
        (self.folder / "maps").mkdir()
        (self.folder / "maps" / "none.png").write_bytes(b"")
        rows["map"].append({"category": "semantic_prior", "token": self.token("map"), "filename": "maps/none.png", "log_tokens": [log]})
        ends = {"first_sample_token": self.samples[0] if self.samples else "", "last_sample_token": self.samples[-1] if self.samples else ""}
        kept = scene.source_attributes.get("nuscenes")
        said = str(kept.get("description", "")) if isinstance(kept, Mapping) else ""
        about = {"nbr_samples": len(scene), **ends, "name": scene.name, "description": said}
        rows["scene"].append({"token": top, "log_token": log, **about})
        for i, (token, stamp) in enumerate(zip(self.samples, self.micros)):
            rows["sample"].append({"token": token, "timestamp": stamp, **self.neighbours(self.samples, i), "scene_token": top})
        for k, level in enumerate(VISIBILITIES, 1):
            shown = f"between {level[1:].replace('-', ' and ')} % of the object are visible"
            rows["visibility"].append({"token": str(k), "level": level, "description": shown})
        for k, lidar in enumerate(scene.lidars.values()):
            self.sensor(lidar.name, "lidar", lidar.ego_from_lidar, [], channel=lidar.name if k or _FIRST in scene.lidars else _FIRST)
        if not scene.lidars:
            self.sensor(_FIRST, "lidar", Pose.identity(), [])
        lost: dict[str, str] = {}
        for camera in scene.cameras.values():
            if not isinstance(camera.camera, PinholeCamera) or any(camera.camera.distortion):
                lost[camera.name] = "nuScenes has pinhole cameras without distortion alone"
                continue
            lens = camera.camera
            matrix = [[lens.fx_px, 0.0, lens.cx_px], [0.0, lens.fy_px, lens.cy_px], [0.0, 0.0, 1.0]]
            self.sensor(camera.name, "camera", camera.ego_from_cam, matrix, camera)
        self.report.dropped += lost_cameras(lost)
        self.labels()

    @staticmethod
    def neighbours(tokens: list[str], i: int) -> dict[str, str]:
        return {"prev": tokens[i - 1] if i else "", "next": tokens[i + 1] if i + 1 < len(tokens) else ""}

    # -------------------------------------------------------- sensors

    def sensor(
        self, name: str, modality: str, mount: Pose, matrix: list[list[float]], camera: CameraSensor | None = None, channel: str | None = None
    ) -> None:
        """The sensor, how it is mounted, and a record for each frame, with a file where it has one."""
        sensor, mounted = self.token("sensor", name), self.token("calibrated_sensor", name)
        self.rows["sensor"].append({"token": sensor, "channel": channel or name, "modality": modality})
        place = {"translation": _numbers(mount.translation_m), "rotation": _numbers(mount.quat_wxyz), "camera_intrinsic": _numbers(matrix)}
        self.rows["calibrated_sensor"].append({"token": mounted, "sensor_token": sensor, **place})
        tokens = [self.token("sample_data", name, i) for i in range(len(self.scene))]
        exposures = self.scene.times_ns if camera is None else self.scene.exposures_ns(name)
        for i, token in enumerate(tokens):
            ego = self.token("ego_pose", name, i)
            stamp = int(exposures[i])
            pose = self.pose(stamp, int(self.scene.times_ns[i]))
            moved = {"translation": _numbers(pose.translation_m), "rotation": _numbers(pose.quat_wxyz)}
            self.rows["ego_pose"].append({"token": ego, "timestamp": self.micro(stamp), **moved})
            file = self.sweep(name, i) if camera is None else self.picture(name, i, stamp)
            width, height = (0, 0) if camera is None else camera.camera.size_px
            self.rows["sample_data"].append(
                {
                    "token": token,
                    "sample_token": self.samples[i],
                    "ego_pose_token": ego,
                    "calibrated_sensor_token": mounted,
                    "timestamp": self.micro(stamp),
                    "fileformat": "jpg" if camera is not None else "pcd",
                    "is_key_frame": True,
                    "height": height,
                    "width": width,
                    "filename": file,
                    **self.neighbours(tokens, i),
                }
            )

    def pose(self, stamp: int, frame_stamp: int) -> Pose:
        """world_from_ego; where none is known the vehicle stands at the origin."""
        trajectory = self.scene.trajectory
        if trajectory is None:
            return Pose.identity()
        for time in (stamp, frame_stamp):
            if trajectory.covers(np.array([time]))[0]:
                return trajectory.at(time)
        first, last = int(trajectory.times_ns[0]), int(trajectory.times_ns[-1])
        return trajectory.at(min(max(stamp, first), last))

    def sweep(self, name: str, i: int) -> str:
        scene = self.scene
        if name not in scene.lidars or not scene.has_points(i, name):
            return ""
        sweep = scene.points(i, name)
        rows = np.zeros((len(sweep), 5), "<f4")
        rows[:, :3] = as_points("sweep", sweep)
        if sweep.intensity is not None:
            rows[:, 3] = sweep.intensity
        if "ring" in sweep.fields:
            rows[:, 4] = sweep.fields["ring"]
        file = f"samples/{name}/{i:06d}__{name}__{self.micros[i]}.pcd.bin"
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / file).write_bytes(rows.tobytes())
        return file

    def picture(self, name: str, i: int, stamp: int) -> str:
        if not self.scene.has_image(i, name):
            return ""
        file = f"samples/{name}/{i:06d}__{name}__{self.micro(stamp)}.jpg"
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        source = image_path(self.scene.data, i, name)
        if source is not None and source.suffix.lower() in (".jpg", ".jpeg"):
            shutil.copyfile(source, self.folder / file)
        else:
            (self.folder / file).write_bytes(image_bytes(self.scene.image(i, name), _JPEG_QUALITY))
        return file

    # -------------------------------------------------------- labels

    def labels(self) -> None:
        scene = self.scene
        many = interpolate_tracks(scene.tracks, scene.times_ns)
        cuboids = self.in_world(many.cuboids, np.asarray(many.time_index, np.int64))
        if len(cuboids) and not np.abs(cuboids.center_m).max() < FARTHEST_M:
            raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m", got="a cuboid beyond", field="tracks", hint="leave it out")
        times, frames, counts = scene.times_ns, np.asarray(many.time_index, np.int64), self.counts(many, cuboids)
        for k in np.unique(np.asarray(many.track_index)).tolist():
            track, here = scene.tracks[k], np.flatnonzero(many.track_index == k)
            instance = track.track_id if track.track_id.strip() else self.token("instance", k)
            tokens = [self.token("sample_annotation", k, i) for i in frames[here].tolist()]
            kind = self.named("category", track.category if track.category.strip() else "unknown", description="")
            ends = {"first_annotation_token": tokens[0], "last_annotation_token": tokens[-1]}
            self.rows["instance"].append({"token": instance, "category_token": kind, "nbr_annotations": len(tokens), **ends})
            held = track.at(times[frames[here]]).attributes
            for j, row in enumerate(here.tolist()):
                cuboid, i = cuboids[row], int(frames[row])
                is_hidden = many.visibility[row] == Visibility.OCCLUDED
                self.rows["sample_annotation"].append(
                    {
                        "token": tokens[j],
                        "sample_token": self.samples[i],
                        "instance_token": instance,
                        "visibility_token": str(VISIBILITIES.index(HIDDEN) + 1 if is_hidden else len(VISIBILITIES)),
                        "attribute_tokens": self.attributes(held[j]),
                        "translation": _numbers(cuboid.center_m),
                        "size": _numbers(cuboid.size_m[[1, 0, 2]]),
                        "rotation": _numbers(cuboid.quat_wxyz),
                        **self.neighbours(tokens, j),
                        **dict(zip(_COUNTS, counts[row])),
                    }
                )
        self.report.n_labels, self.report.n_tracks = len(many), len(self.rows["instance"])
        if (many.state == State.BETWEEN).any():
            self.report.notes.append("every frame has its label: which of them were keyframes is not told")

    def attributes(self, held: Mapping[str, Any]) -> list[str]:
        texts = [f"{name}.{value if isinstance(value, str) else json.dumps(value)}" for name, value in held.items() if value is not None]
        return [self.named("attribute", text, description="") for text in texts]

    def in_world(self, cuboids: Cuboids, frame: Any) -> Cuboids:
        if self.scene.label_frame == "world" or not len(cuboids):
            return cuboids
        used, which = np.unique(frame, return_inverse=True)
        target = "ego" if self.scene.trajectory is None else "world"
        poses = [self.scene.transform(target, self.scene.label_frame, int(self.scene.times_ns[i])) for i in used.tolist()]
        return moved_each(cuboids, poses, which, target)

    def counts(self, many: FilledTracks, cuboids: Cuboids) -> list[tuple[int, int]]:
        """Points of LiDARs and radars in each cuboid: as a file said, else as the first LiDAR's sweep shows, else none."""
        frames, found = np.asarray(many.time_index, np.int64), np.zeros((len(many), 2), np.int64)
        known = np.zeros(len(many), bool)
        for row, (i, k) in enumerate(zip(frames.tolist(), np.asarray(many.track_index).tolist())):
            track, stamp = self.scene.tracks[k], self.scene.times_ns[i]
            at = int(np.searchsorted(track.times_ns, stamp))
            is_key = at < len(track) and track.times_ns[at] == stamp and len(track.keyframe_source_attributes) > 0
            said = [track.keyframe_source_attributes[at].get(name) for name in _COUNTS] if is_key else [None, None]
            known[row] = isinstance(said[0], int)
            found[row] = [value if isinstance(value, int) and value >= 0 else 0 for value in said]
        for i in np.unique(frames[~known]).tolist():
            rows = np.flatnonzero((frames == i) & ~known)
            found[rows, 0] = points_in_cuboids(self.cloud(i), cuboids[rows]).counts
        return [(int(lidar), int(radar)) for lidar, radar in found]

    def cloud(self, i: int) -> Float64s:
        """The first LiDAR's sweep in the world; no points where there is none."""
        name = next(iter(self.scene.lidars), None)
        if name is None or not self.scene.has_points(i, name):
            return np.zeros((0, 3))
        stamp = int(self.scene.times_ns[i])
        points = as_points("sweep", self.scene.points(i, name))
        return (self.pose(stamp, stamp) @ self.scene.lidars[name].ego_from_lidar).apply(points)


def _say_what_is_lost(scene: Scene, report: WriteReport) -> None:
    report.dropped += lost_in_pictures(scene.image_tracks)
    report.dropped.append("the frames' names: they are tokens")
    if scene.lidars and _FIRST not in scene.lidars:
        report.dropped.append(f"the name of LiDAR {next(iter(scene.lidars))}: it is {_FIRST}")
    if scene.trajectory is None:
        report.notes.append("no poses are known: the world is the vehicle's own frame at every frame, and its motion is in the tracks")
    if not scene.has_time:
        report.dropped.append("that the frames are unrelated")
    if scene.has_time and (np.asarray(scene.times_ns) % 1000).any():
        report.rounded.append("times: whole microseconds")
    for what, values in (("tags", scene.tags), ("relations", scene.relations)):
        if values:
            report.dropped.append(f"{len(values)} {what}")
    if _lost_fields(scene):
        report.dropped.append("of the points all but intensity and ring")
    if scene.problems:
        report.dropped.append(f"{number_of(len(scene.problems), 'record')} kept aside")
    say_point_labels_are_lost(scene, report)


def _lost_fields(scene: Scene) -> list[str]:
    """Fields of the first sweep that have no place."""
    for name in scene.lidars:
        for i in range(len(scene)):
            if scene.has_points(i, name):
                sweep = scene.points(i, name)
                return [*[field for field in sweep.fields if field != "ring"], *(["time_offset_ns"] if sweep.time_offset_ns is not None else [])]
    return []
