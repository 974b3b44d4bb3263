"""What the formats of annotation platforms share: a cloud for each frame, without time and poses, and labels in the frame of that cloud."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import rotations
from ..arrays import Float64s, Int64s
from ..errors import FormatError, SensorFrameFallback, number_of
from ..frames import Pose, Trajectory
from ..points import Sweep
from ..problems import Problems
from ..scene import Lidar, Scene
from ..tracks import Track
from .boxwright_scene import frame_names, is_safe_name
from .cameras_of_frames import Cameras, Shot, cameras_of
from .declared import Capabilities
from .label_rows import LabelRows
from .looking import natural
from .losses import lost_beside_labels, lost_between, lost_of_labels, say_no_pictures
from .one_cloud import OneCloud, without_origin
from .pcd import pcd_bytes
from .point_label_files import say_point_labels_are_lost
from .sensor_files import SensorFiles, read_point_file
from .write_report import Told, WriteReport

__all__ = [
    "OWN_PREFIX",
    "escaped",
    "frame_stems",
    "is_so",
    "quat_from_xyz",
    "quat_of_yaw",
    "say_what_is_lost",
    "scene_of_clouds",
    "scene_of_places",
    "times_of",
    "unescaped",
    "write_clouds",
]

OWN_PREFIX = "boxwright."  # before names of attributes that a platform uses for something else


def escaped(name: str, reserved: Collection[str]) -> str:
    """The name of an attribute where some names mean something to the platform; `unescaped` gives it back."""
    return OWN_PREFIX + name if name in reserved or name.startswith(OWN_PREFIX) else name


def unescaped(name: str) -> str:
    return name.removeprefix(OWN_PREFIX)


def is_so(value: Any) -> bool:
    """Whether a flag of a platform, which may be a text, is set."""
    return value is True or value in ("true", "True")


def quat_of_yaw(yaw_rad: float) -> Float64s:
    """One turn about +z, of any angle: `rotations.quat_from_yaw` takes ten times as long for a single number."""
    half = (yaw_rad if -math.pi < yaw_rad <= math.pi else float(rotations.wrap_rad(yaw_rad))) / 2
    return np.array([math.cos(half), 0.0, 0.0, math.sin(half)])


def quat_from_xyz(angles_rad: Float64s) -> Float64s:
    """The unit quaternion of Rx @ Ry @ Rz, exactly upright where only the last angle is not 0."""
    if angles_rad[0] == 0 and angles_rad[1] == 0:
        return quat_of_yaw(float(angles_rad[2]))
    quat = rotations.quat_from_euler(angles_rad, "XYZ")
    return quat / np.linalg.norm(quat)


def scene_of_clouds(
    name: str,
    frame_ids: Sequence[str],
    clouds: Sequence[Path | None],
    tracks: Sequence[Track],
    format: str,
    path: Path,
    *,
    notes: Sequence[str] = (),
    source_attributes: Mapping[str, Any] | None = None,
    shots: Sequence[Shot] = (),
    times: tuple[Int64s, bool] | None = None,
) -> Scene:
    """A scene of one LiDAR, labels in its frame, and the pictures of these frames.

    times : those of the frames, and whether they are times; None where they are numbered
    """
    times_ns, has_time = (np.arange(len(frame_ids), dtype=np.int64), False) if times is None else times
    notes = list(notes)
    seen = cameras_of(shots, times_ns, has_time, None, notes)
    untold = "no poses" if has_time else "neither times nor poses: frames are numbered"

    def read_cloud(frame_index: int, sensor: str, file: Path) -> Sweep:
        return dataclasses.replace(read_point_file(file, frame=sensor), timestamp_ns=int(times_ns[frame_index]))

    return Scene(
        name=name,
        times_ns=times_ns,
        lidars={"lidar": Lidar("lidar")},
        cameras=seen.sensors,
        tracks=tracks,
        data=SensorFiles({"lidar": list(clouds)}, seen.images, read_cloud, seen.sizes_px),
        has_time=has_time,
        label_frame="lidar",
        frame_ids=frame_names(frame_ids, notes),
        format=format,
        path=os.fspath(path),
        source_attributes=source_attributes or {},
        notes=[*notes, f"the format tells {untold}, and the motion of the vehicle is in the tracks"],
    )


def scene_of_places(
    name: str,
    rows: LabelRows,
    frame_ids: Sequence[str],
    stamps: Sequence[Any],
    places: Sequence[Pose | None],
    clouds: Sequence[Path | None],
    origin: Float64s,
    format: str,
    path: Path,
    notes: list[str],
    source_attributes: Mapping[str, Any],
    read_cloud: Callable[[Path, str, int, Pose | None], Sweep],
    unposed: str,
    problems: Problems,
    shots: Sequence[Shot] = (),
) -> Scene:
    """A scene in the world where frames tell where their LiDAR was, those between them included; in the frame "lidar" where none does.

    rows : the labels, in the world as soon as one frame tells its place
    stamps : of the frames, None where they tell none
    places : world_from_lidar of the frames, less (3,) `origin`
    read_cloud : (file, sensor, timestamp_ns, world_from_lidar less `origin`, if known) -> the sweep
    unposed : a note for a scene in which no frame tells it, on what its labels stand in
    shots : the pictures, their cameras' places in the world less `origin` as soon as one frame tells its place, else in the frame of each cloud

    FormatError where labels or a cloud come before the first place or after the last; with lenient `problems` they are left out.
    """
    times, has_time = times_of(stamps, path)
    posed = {int(times[i]): pose for i, pose in enumerate(places) if pose is not None}
    near = Trajectory([*posed], [*posed.values()]) if posed else None
    rows.reference = "lidar" if near is None else "world"
    if near is not None:
        clouds = _clouds_with_a_place(near, times, rows, clouds, frame_ids, path, notes, problems)
    elif rows.frame:
        notes.append(unposed)
        warnings.warn(f"{path}: {notes[-1]}", SensorFrameFallback, stacklevel=5)
    seen = cameras_of(shots, times, has_time, near, notes)

    def read_sweep(frame_index: int, sensor: str, file: Path) -> Sweep:
        time_ns = int(times[frame_index])
        return read_cloud(file, sensor, time_ns, None if near is None else near.at(time_ns))

    return Scene(
        name=name,
        times_ns=times,
        lidars={"lidar": Lidar("lidar")},
        cameras=seen.sensors,
        trajectory=_trajectory(posed, seen, origin),
        tracks=rows.tracks(times, None, path, notes),
        data=SensorFiles({"lidar": list(clouds)}, seen.images, read_sweep, seen.sizes_px),
        has_time=has_time,
        label_frame=rows.reference,
        frame_ids=frame_names(frame_ids, notes),
        format=format,
        path=os.fspath(path),
        source_attributes=source_attributes,
        notes=notes,
    )


def _trajectory(posed: Mapping[int, Pose], seen: Cameras, origin: Float64s) -> Trajectory | None:
    """Where the vehicle was, at the frames and at the exposures of cameras."""
    if not posed:
        return None
    every = dict(sorted({**seen.places, **posed}.items()))
    return Trajectory([*every], [Pose(pose.rotation, pose.translation_m + origin) for pose in every.values()])


def _clouds_with_a_place(
    trajectory: Trajectory,
    times: Int64s,
    rows: LabelRows,
    clouds: Sequence[Path | None],
    frame_ids: Sequence[str],
    path: Path,
    notes: list[str],
    problems: Problems,
) -> list[Path | None]:
    """The clouds whose LiDAR's place is known; what lies beyond the first and the last place is refused, and what is taken from neighbours told."""
    known = np.isin(times, trajectory.times_ns)
    beyond = np.flatnonzero(~trajectory.covers(times)).tolist()
    n_between = int((~known).sum()) - len(beyond)
    if n_between:
        does = "does" if n_between == 1 else "do"
        notes.append(f"{number_of(n_between, 'frame')} {does} not tell where the LiDAR was: it is taken from the frames before and after")
    if not beyond:
        return list(clouds)
    labelled = set(rows.frame)
    used = [i for i in beyond if i in labelled or clouds[i] is not None]
    if used:
        error = FormatError(
            expected="the place of the LiDAR in the first and the last frame with labels or a cloud",
            got=f"none in {number_of(len(used), 'frame')}, the first of them {frame_ids[used[0]][:40]!r}",
            path=path,
            hint="add it, or read leniently (strict=False, --lenient), without these frames' labels and clouds",
        )
        problems.keep(error, rows.without(used))
    left_out = ": labels and clouds there are left out" if used else ""
    notes.append(f"where the LiDAR was is not known for {number_of(len(beyond), 'frame')}, before its first place or after its last{left_out}")
    return [None if i in set(beyond) else cloud for i, cloud in enumerate(clouds)]


def times_of(stamps: Sequence[Any], path: Path) -> tuple[Int64s, bool]:
    """The frames' times where all of them tell one."""
    if not stamps or any(stamp is None for stamp in stamps):
        return np.arange(len(stamps), dtype=np.int64), False
    for i, stamp in enumerate(stamps):
        if isinstance(stamp, bool) or not isinstance(stamp, int) or not -(2**63) <= stamp < 2**63 or (i and stamp <= stamps[i - 1]):
            hint = "correct the times, or leave them out"
            raise FormatError(expected="whole nanoseconds that increase", got=f"{stamp!r:.40}", path=path, field=f"the time of frame {i}", hint=hint)
    return np.array(stamps, np.int64), True


def frame_stems(scene: Scene, report: WriteReport, *, in_order: bool = False) -> list[str]:
    """Names for the files of frames: the frames' own where all of them can be files' names and differ, letters large or small, else numbers.

    in_order : whether nothing but these names tells which frame comes first; then those in another order are numbered too
    """
    ids = list(scene.frame_ids)
    are_placed = not in_order or all(natural(a) < natural(b) and natural(f"{a}.") < natural(f"{b}.") for a, b in itertools.pairwise(ids))
    if are_placed and all(map(is_safe_name, ids)) and len({one.lower() for one in ids}) == len(ids):
        return ids
    if ids:
        report.dropped.append(Told("frame_names", "the frames' names: they are numbered"))
    return [f"{i:06d}" for i in range(len(ids))]


def write_clouds(scene: Scene, folder: Path, stems: Sequence[str], pcd_encoding: str, report: WriteReport) -> set[int]:
    """The clouds as <stem>.pcd, those of several LiDARs as one; the frames that have one. Frames without one are told in the report."""
    cloud, written = OneCloud(scene), set[int]()
    for i, stem in enumerate(stems):
        sweep = cloud.of(i)
        if sweep is None:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.pcd").write_bytes(pcd_bytes(without_origin(sweep), pcd_encoding))
        written.add(i)
    cloud.say(report)
    return written


def say_what_is_lost(scene: Scene, said: Capabilities, report: WriteReport) -> None:
    """What of this scene the format has no place for, by what it says of itself."""
    if not said.can_write("shapes"):
        say_no_pictures(scene, report)
    report.dropped += lost_of_labels(scene, scene.tracks, said)
    report.dropped += lost_beside_labels(scene, said)
    report.dropped += lost_between(scene, [*scene.cameras]) if said.can_write("poses") else []
    more = list(scene.lidars)[1:]
    if more:
        report.dropped.append(Told("sweeps", f"where further LiDARs are: {', '.join(more)}", more))
    say_point_labels_are_lost(scene, report)
