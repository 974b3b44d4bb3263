"""The writer of nuScenes: all thirteen tables, so that the dataset's own kit opens it; the layout is drawn in nuscenes.py."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s, as_points
from ..cameras import PinholeCamera
from ..cuboids import Cuboids
from ..errors import ArgumentError, number_of
from ..frames import Pose
from ..keyframes import State, Visibility
from ..limits import FARTHEST_M
from ..scene import CameraSensor, Scene
from ..tracks import Track, interpolate_tracks
from .boxwright_scene import is_safe_name
from .dense_tracks import moved_each
from .exactness import rotations_rounded
from .images import image_bytes
from .json_text import as_json
from .losses import has_filled, lost_between, lost_problems, say_no_pictures
from .nuscenes import HIDDEN, TABLES, VISIBILITIES
from .nuscenes_counts import COUNTS, Counts, said_at
from .own_fields import lost_own_fields
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .sensor_files import image_path
from .sweep_losses import SweepLosses
from .write_report import Told, WriteReport, lost_cameras

__all__ = ["write"]

_JPEG_QUALITY = 95
_NO_DATE = "1970-01-01"
_DATES_NS = (946_684_800_000_000_000, 4_102_444_800_000_000_000)  # from 2000 to 2100: stamps beyond count from elsewhere
_FIRST = "LIDAR_TOP"  # what the kit asks for
_ROWS_AT_ONCE = 16_384  # labels that are in memory together, as far as tracks can be parted


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
    (folder / version).mkdir()
    with ExitStack() as files:
        _Writer(scene, folder, report, {name: files.enter_context(_Table(folder / version / f"{name}.json")) for name in TABLES}).fill()
    report.n_frames, report.tolerance_m, report.tolerance_rad = len(scene), 1e-9, 1e-9
    _say_what_is_lost(scene, report)


class _Table:
    """A file with a list of records, written one by one; use it in a `with` block."""

    def __init__(self, file: Path) -> None:
        self.file, self.n = file, 0

    def __enter__(self) -> _Table:
        self._stream = self.file.open("w", encoding="utf-8", newline="\n")
        self._stream.write("[\n")
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.write("\n]\n")
        self._stream.close()

    def append(self, record: dict[str, Any]) -> None:
        self._stream.write((",\n" if self.n else "") + as_json(record, self.file.stem))
        self.n += 1


def _is_ring(values: Any) -> bool:
    """Whether they come back: as whole numbers from 0 to 65535."""
    return bool(((values >= 0) & (values <= 65535) & (values == np.floor(values))).all())


def _numbers(values: Any) -> list[Any]:
    listed: list[Any] = np.asarray(values, np.float64).tolist()
    return listed


class _Writer:
    def __init__(self, scene: Scene, folder: Path, report: WriteReport, rows: dict[str, _Table]) -> None:
        self.scene, self.folder, self.report, self.rows = scene, folder, report, rows
        self.unit = 1000 if scene.has_time else 1  # frames without time are counted
        self.micros = [self.micro(stamp) for stamp in scene.times_ns.tolist()]
        if any(b <= a for a, b in zip(self.micros, self.micros[1:])):
            hint = "nuScenes counts microseconds"
            raise ArgumentError(expected="frames a microsecond apart, or more", got="two at one", field="scene.times_ns", hint=hint)
        self.samples = [self.token("sample", i) for i in range(len(scene))]
        self.known: dict[tuple[str, str], str] = {}
        self.texts = Counter[str]()  # attribute -> values that became texts
        self.sweeps = SweepLosses(["intensity", "ring"], is_float32=True)
        self.compressed = Counter[str]()  # camera -> pictures that became JPEG
        self.n_levels = 0  # labels of which nobody said how much of them is visible

    def micro(self, stamp: int) -> int:
        return min((int(stamp) + self.unit // 2) // self.unit, (2**63 - 1) // 1000)

    def token(self, *parts: Any) -> str:
        """32 hexadecimal digits, the same for the same scene."""
        return hashlib.blake2b(json.dumps([self.scene.name, *parts]).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def date(self) -> str:
        """The day of the first frame, in UTC, where its stamp counts from 1970."""
        first = int(self.scene.times_ns[0]) if self.scene.has_time and len(self.scene) else 0
        if _DATES_NS[0] <= first < _DATES_NS[1]:
            return str(np.datetime64(first, "ns").astype("datetime64[D]"))
        self.report.notes.append(f"date_captured is {_NO_DATE}: the frames' stamps do not tell the day")
        return _NO_DATE

    def named(self, table: str, name: str, **more: Any) -> str:
        """The token of a record that is known by its name."""
        if (table, name) not in self.known:
            self.known[table, name] = self.token(table, name)
            self.rows[table].append({"token": self.known[table, name], "name": name, **more})
        return self.known[table, name]

    def fill(self) -> None:
        scene, log, top = self.scene, self.token("log"), self.token("scene")
        rows = self.rows
        rows["log"].append({"token": log, "logfile": "", "vehicle": "", "date_captured": self.date(), "location": "unknown"})
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
        mounts = {name: lidar.ego_from_lidar for name, lidar in scene.lidars.items()}
        mounts |= {name: camera.ego_from_cam for name, camera in scene.cameras.items() if name not in lost}
        self.report.rounded += rotations_rounded(mounts)
        self.sweeps.say(self.report)
        for name, n in self.compressed.items():
            self.report.rounded.append(Told("pictures", f"{number_of(n, 'picture')} of {name}: compressed as JPEG", [name]))
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
            rows[:, 4] = ring = np.asarray(sweep.fields["ring"])
            self.sweeps.lose(["ring"] if not _is_ring(ring) else [])
        self.sweeps.saw(sweep, int(scene.times_ns[i]), as_points("sweep", sweep))
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
            self.compressed[name] += 1
        return file

    # -------------------------------------------------------- labels

    def labels(self) -> None:
        """Track by track, as many at once as make up a batch."""
        counts = Counts(self.scene, self.in_world, self.cloud)
        at_once = max(_ROWS_AT_ONCE // max(len(self.scene), 1), 1)
        is_between = False
        for first in range(0, len(self.scene.tracks), at_once):
            many = interpolate_tracks(self.scene.tracks[first : first + at_once], self.scene.times_ns)
            frames = np.asarray(many.time_index, np.int64)
            cuboids = self.in_world(many.cuboids, frames)
            ends = np.searchsorted(many.track_index, np.arange(len(many.tracks) + 1)).tolist()
            for k, (start, end) in enumerate(itertools.pairwise(ends), first):
                if end > start:
                    is_hidden = many.visibility[start:end] == Visibility.OCCLUDED
                    self.track(k, frames[start:end], cuboids[start:end], is_hidden, counts)
            self.report.n_labels += len(many)
            is_between |= bool((many.state == State.BETWEEN).any())
        self.report.n_tracks = self.rows["instance"].n
        if n := self.texts.total():
            self.report.rounded.append(Told("attributes", f"{number_of(n, 'value')} of attributes that became texts", self.texts))
        if is_between or has_filled(self.scene.tracks):
            self.report.dropped.append(Told("keyframes", "which labels are keyframes: every frame has its own"))
        self.report.notes += counts.notes()
        if self.n_levels:
            said = f"visibility_token is {len(VISIBILITIES)} ({VISIBILITIES[-1]}) for {number_of(self.n_levels, 'label')}"
            self.report.notes.append(f"{said}: how much of them is visible is not known")

    def track(self, k: int, frames: Int64s, cuboids: Cuboids, is_hidden: Bools, counts: Counts) -> None:
        track = self.scene.tracks[k]
        instance = track.track_id if track.track_id.strip() else self.token("instance", k)
        tokens = [self.token("sample_annotation", k, i) for i in frames.tolist()]
        kind = self.named("category", track.category if track.category.strip() else "unknown", description="")
        ends = {"first_annotation_token": tokens[0], "last_annotation_token": tokens[-1]}
        self.rows["instance"].append({"token": instance, "category_token": kind, "nbr_annotations": len(tokens), **ends})
        has_attributes = bool(track.attributes) or any(track.keyframe_attributes)
        held = track.at(self.scene.times_ns[frames]).attributes if has_attributes else itertools.repeat({})
        levels = self.levels(track, frames, is_hidden)
        parts = zip(cuboids.center_m.tolist(), cuboids.size_m[:, [1, 0, 2]].tolist(), cuboids.quat_wxyz.tolist())
        rows = zip(tokens, frames.tolist(), levels, held, parts, counts.of(k, frames))
        for j, (token, i, level, said, (place, size, turn), points) in enumerate(rows):
            self.rows["sample_annotation"].append(
                {
                    "token": token,
                    "sample_token": self.samples[i],
                    "instance_token": instance,
                    "visibility_token": level,
                    "attribute_tokens": self.attributes(said),
                    "translation": place,
                    "size": size,
                    "rotation": turn,
                    **self.neighbours(tokens, j),
                    **dict(zip(COUNTS, points)),
                }
            )

    def levels(self, track: Track, frames: Int64s, is_hidden: Bools) -> list[str]:
        """The token of each label's visibility: as a file of nuScenes said, else of what is occluded the lowest, of all others the highest."""
        tokens = []
        for said, hidden in zip(said_at(track, self.scene.times_ns[frames]), is_hidden.tolist()):
            level = said.get("visibility")
            is_known = level in VISIBILITIES and (level == HIDDEN) == hidden
            self.n_levels += not (is_known or hidden)
            tokens.append(str(VISIBILITIES.index(level if is_known else HIDDEN if hidden else VISIBILITIES[-1]) + 1))
        return tokens

    def attributes(self, held: Mapping[str, Any]) -> list[str]:
        self.texts.update(name for name, value in held.items() if not isinstance(value, str) and value is not None)
        texts = [f"{name}.{value if isinstance(value, str) else json.dumps(value)}" for name, value in held.items() if value is not None]
        return [self.named("attribute", text, description="") for text in texts]

    def in_world(self, cuboids: Cuboids, frame: Int64s) -> Cuboids:
        """ArgumentError for a cuboid beyond the reach of any reader."""
        if self.scene.label_frame != "world" and len(cuboids):
            used, which = np.unique(frame, return_inverse=True)
            target = "ego" if self.scene.trajectory is None else "world"
            poses = [self.scene.transform(target, self.scene.label_frame, int(self.scene.times_ns[i])) for i in used.tolist()]
            cuboids = moved_each(cuboids, poses, which, target)
        if len(cuboids) and not np.abs(cuboids.center_m).max() < FARTHEST_M:
            raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m", got="a cuboid beyond", field="tracks", hint="leave it out")
        return cuboids

    def cloud(self, i: int) -> Float64s:
        """The sweeps of all LiDARs in the world; no points where there are none."""
        stamp, parts = int(self.scene.times_ns[i]), [np.zeros((0, 3))]
        for name, lidar in self.scene.lidars.items():
            if self.scene.has_points(i, name):
                points = as_points("sweep", self.scene.points(i, name))
                parts.append((self.pose(stamp, stamp) @ lidar.ego_from_lidar).apply(points))
        return np.concatenate(parts)


def _say_what_is_lost(scene: Scene, report: WriteReport) -> None:
    say_no_pictures(scene, report)
    report.dropped += lost_between(scene, [*scene.cameras])
    report.dropped.append(Told("frame_names", "the frames' names: they are tokens"))
    report.dropped += lost_own_fields(scene.tracks, [*COUNTS, "visibility"])
    if scene.lidars and _FIRST not in scene.lidars:
        report.dropped.append(Told("", f"the name of LiDAR {next(iter(scene.lidars))}: it is {_FIRST}"))
    if scene.trajectory is None:
        report.notes.append("no poses are known: the world is the vehicle's own frame at every frame, and its motion is in the tracks")
    if not scene.has_time:
        report.dropped.append(Told("", "that the frames are unrelated"))
    if scene.has_time and (np.asarray(scene.times_ns) % 1000).any():
        report.rounded.append(Told("times", "times: whole microseconds", n=0))
    for what, values in (("tags", scene.tags), ("relations", scene.relations)):
        if values:
            report.dropped.append(Told(what, f"{len(values)} {what}", n=len(values)))
    report.dropped += lost_problems(scene)
    say_point_labels_are_lost(scene, report)
