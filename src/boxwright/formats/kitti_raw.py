"""KITTI raw: a folder of dates, one date's folder, or one synchronised drive's.

    2011_09_26/calib_cam_to_cam.txt, calib_velo_to_cam.txt, calib_imu_to_velo.txt
    2011_09_26/2011_09_26_drive_0001_sync/tracklet_labels.xml
                                          oxts/timestamps.txt, oxts/data/0000000000.txt (one GPS/IMU row each)
                                          velodyne_points/timestamps.txt, timestamps_start.txt, timestamps_end.txt, data/0000000000.bin
                                          image_00 .. image_03/timestamps.txt, data/0000000000.png

Each part may be missing. What Datumaro and CVAT write by the same names is told apart (kitti_raw_dialects.py); their clouds are .pcd files, and
frame_list.txt names the frames. A frame's time is that of its sweep, else of its GPS/IMU row, else of a picture; stamps are taken as UTC.
Without any, frames are 0.1 s apart. The ego frame is the GPS/IMU's where its calibration is there, else the velodyne's.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import FormatError, SensorFrameFallback
from ..frames import Pose, Trajectory
from ..limits import has_file, limits
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Lidar, Scene
from ..tracks import Origin, Track, Visibility
from .boxwright_scene import frame_names, is_safe_name
from .declared import Capabilities, Decimals, Exactness
from .dense_tracks import bridged_poses_note, dense_track, moved_each
from .kitti_labels import text_lines
from .kitti_poses import FRAME_NS, mercator_poses, oxts_row
from .kitti_raw_calibration import RawCalibration, read_raw_calibration
from .kitti_raw_dialects import CVAT, FRAME_LIST, KITTI, cuboids_from_center_poses, dialect_of, read_frame_list, track_names, with_labels
from .kitti_tracking import camera_sensor, sweep_reader
from .kitti_tracklets import INTERPOLATED, OWN_ID, POSE, SOURCE_POSE, Tracklet, cuboids_from_bottom_poses, read_tracklets
from .looking import subfolders
from .sensor_files import NumberedFiles, SensorFiles, read_point_file

__all__ = ["CAPABILITIES", "FOLDERS", "detect", "drive_folder", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="KITTI raw, synchronised drives",
    reads="cuboids full_rotation tracks attributes poses calibration visibility classes keyframes times frame_names sweeps pictures other_fields",
    writes="cuboids full_rotation tracks attributes poses calibration visibility classes times sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "tracks": "a tracklet has one size and a label in every frame: tracks with gaps, or of several sizes, become several tracklets",
        "attributes": "occlusion and truncation stay, others are dropped",
        "poses": "they begin at the first frame's, and those between the frames are dropped",
        "calibration": "pinhole cameras without distortion stay, at most four of them; they are renamed",
        "times": "of frames before 1970 or after 2199, and of frames that have none, 0.1 s apart",
        "sweeps": "the first LiDAR's stay, as float32",
        "pictures": "of cameras that are dropped",
    },
    frame="lidar",
    adds="truncation occlusion",
    exact=Exactness(m=1e-6, rad=1e-9),
    client="datumaro",
    client_exact=Decimals(m=0.005, rad=0.005),  # as for datumaro's own JSON: it rounds to 2 decimals
    client_skips="those with truncation 2 or 99, out of the image",
    remarks=(
        "Tracklets have no names: tracks are numbered in the order of the file.",
        "What `occlusion` and `truncation` say is `occluded` and `truncated` in KITTI object and tracking, and the other way round, where both can "
        "say it; how much is truncated is worked out there, and that a label is out of the image is lost.",
        "Of a GPS/IMU row (oxts) the place and the three angles are written, at latitude and longitude 0 for the first frame, since nobody knows "
        "where on Earth a scene's world is; velocities, accelerations and accuracies are 0. Poses come back within 1e-6 m of each other.",
        "A label between keyframes has `state` 1, as KITTI's tool writes it, and comes back as a keyframe that was filled in.",
        "What Datumaro and CVAT write by this name means another thing, centres and sizes along x, y, z: such files are known by their marks and "
        'read as they are meant; `dialect="cvat"` (`--dialect cvat`) writes them, with all attributes and the names of frames.',
        "Files that Datumaro wrote come back over their recording with what it rounds (2 decimals) and leaves out (attributes, names of tracks) "
        "as it was; a `truncation` of 0, and an `occlusion` that says no more than what is hidden, it writes where nobody said one: no edit.",
        "Datumaro skips poses whose truncation is 2 or 99, which KITTI's own files have.",
        "Canonical byte for byte: a `tracklet_labels.xml` of KITTI's own is written back as it was, edited labels aside.",
    ),
)

_CAMERAS = ("image_02", "image_03", "image_00", "image_01")
FOLDERS = {"velodyne_points": ".bin", "oxts": ".txt", **dict.fromkeys(_CAMERAS, ".png")}
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_HINT = "correct the line or get the file again"


def detect(path: Path) -> bool:
    return bool(_drives(path))


def list_scenes(path: Path) -> list[str]:
    return list(_drives(path))


def _drives(path: Path) -> dict[str, Path]:
    """Name -> folder of each drive."""
    path = path.absolute()  # "." has no name
    if not path.is_dir():
        return {}
    if _is_drive(path):
        return {path.name: path}
    dates = [path, *(child for child in subfolders(path) if re.fullmatch(r"\d{4}_\d\d_\d\d", child.name))]
    found = {drive.name: drive for date in dates for drive in subfolders(date) if "_drive_" in drive.name and _is_drive(drive)}
    return dict(sorted(found.items()))


def drive_folder(path: Path, scene: str) -> Path:
    return _drives(path)[scene]


def _is_drive(folder: Path) -> bool:
    if (folder / "tracklet_labels.xml").is_file():
        return True
    return any((folder / name / "data").is_dir() for name in FOLDERS) and not folder.name.endswith("_extract")


def read(path: Path, scene: str, problems: Problems) -> Scene:
    drive = drive_folder(path, scene)
    notes: list[str] = []
    calibration = read_raw_calibration(drive.parent, notes)
    names = read_frame_list(drive / FRAME_LIST)
    dialect, tracklets = _tracklets(drive / "tracklet_labels.xml", bool(names), problems, notes)
    files = {name: _numbered(drive / name / "data", suffix) for name, suffix in FOLDERS.items()}
    stamps = {name: _stamps(drive / name / "timestamps.txt") for name in FOLDERS}
    told = [*(max(t.frames) for t in tracklets), *names, *(max(numbers) for numbers in files.values() if numbers)]
    n_frames = max([0, *(frame + 1 for frame in told), *map(len, stamps.values())])
    limits().check("frames_per_scene", n_frames, drive)
    times = _times(stamps, n_frames, drive, notes)
    imu = calibration.velo_from_imu
    ego_from_lidar = Pose.identity() if imu is None else imu.inverse()
    cameras = _cameras(calibration, ego_from_lidar, files, stamps, times, notes)
    trajectory = _trajectory(drive, files["oxts"], stamps["oxts"], times, cameras, notes) if imu is not None else None
    if imu is None and files["oxts"]:
        notes.append("the oxts files are left out: there is no calib_imu_to_velo.txt, which says where the GPS/IMU sits")
    lidar_poses: dict[int, Pose] | None = None
    if trajectory is None:
        notes.append("no poses: the tracks stay in the LiDAR's frame, and the motion of the vehicle is in them")
        warnings.warn(f"{drive}: {notes[-1]}", SensorFrameFallback, stacklevel=4)
    else:
        tracklets = _posed(tracklets, trajectory.covers(times), drive / "tracklet_labels.xml", problems)
        lidar_poses = _lidar_poses(tracklets, times, trajectory, ego_from_lidar)
        notes += bridged_poses_note(trajectory.times_ns, times[list(lidar_poses)], times)
    extra = {"velodyne_start_ns": _stamps(drive / "velodyne_points/timestamps_start.txt")}
    extra["velodyne_end_ns"] = _stamps(drive / "velodyne_points/timestamps_end.txt")
    return Scene(
        name=scene,
        times_ns=times,
        lidars={"lidar": Lidar("lidar", ego_from_lidar)},
        cameras=cameras,
        trajectory=trajectory,
        tracks=_tracks(tracklets, times, lidar_poses, dialect),
        data=SensorFiles(
            {"lidar": _clouds(drive, names, n_frames) if names else NumberedFiles(drive / "velodyne_points/data", 10, ".bin", n_frames)},
            {name: NumberedFiles(drive / name / "data", 10, ".png", n_frames) for name in cameras},
            _pcd_reader(times) if names else sweep_reader(times),
            {name: sensor.camera.size_px for name, sensor in cameras.items()},
        ),
        label_frame="lidar" if trajectory is None else "world",
        frame_ids=frame_names([names.get(i, f"{i:010d}") for i in range(n_frames)], notes),
        format="kitti_raw",
        path=os.fspath(path),
        source_attributes={**calibration.source_attributes, **{name: values for name, values in extra.items() if values}},
        notes=notes,
    )


def _clouds(drive: Path, names: Mapping[int, str], n_frames: int) -> list[Path | None]:
    """The clouds of frames that a list names."""
    safe = {i: name for i, name in names.items() if all(map(is_safe_name, name.split("/")))}
    return [drive / "velodyne_points" / "data" / f"{safe[i]}.pcd" if i in safe else None for i in range(n_frames)]


def _pcd_reader(times: Int64s) -> Callable[[int, str, Path], Sweep]:
    def read_cloud(frame_index: int, sensor: str, path: Path) -> Sweep:
        return dataclasses.replace(read_point_file(path, frame=sensor), timestamp_ns=int(times[frame_index]))

    return read_cloud


def _numbered(folder: Path, suffix: str) -> set[int]:
    """Frame numbers for which a file is there."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return {int(name[:10]) for name in names if re.fullmatch(rf"[0-9]{{10}}{re.escape(suffix)}", name)}


def _cameras(
    calibration: RawCalibration,
    ego_from_lidar: Pose,
    files: Mapping[str, set[int]],
    stamps: Mapping[str, list[int | None]],
    times: Int64s,
    notes: list[str],
) -> dict[str, CameraSensor]:
    """The colour cameras, and the grey ones where they have pictures."""
    cameras: dict[str, CameraSensor] = {}
    for name in _CAMERAS:
        size_px = calibration.sizes_px.get(name)
        if calibration.rectified is None or size_px is None or (not files[name] and name in ("image_00", "image_01")):
            if files[name]:
                notes.append(f"the pictures of {name} are left out: they have no calibration")
            continue
        sensor = camera_sensor(calibration.rectified, name, size_px, ego_from_lidar)
        if sensor is None:
            continue
        given = stamps[name]
        exposures = None
        if any(stamp is not None for stamp in given):
            exposures = np.array([given[i] if i < len(given) and given[i] is not None else times[i] for i in range(len(times))], np.int64)
        cameras[name] = CameraSensor(name, sensor.camera, sensor.ego_from_cam, exposures)
    return cameras


# ------------------------------------------------------------ time and poses


def _stamps(path: Path) -> list[int | None]:
    """Nanoseconds since 1970 of each line, None where it is blank; nothing where there is no file."""
    if not has_file(path):
        return []
    found: list[int | None] = []
    for number, line in text_lines(path):
        limits().check("frames_per_scene", number, path)
        found += [None] * (number - 1 - len(found))
        found.append(_nanoseconds(line.strip(), path, number))
    return found


def _nanoseconds(text: str, path: Path, number: int) -> int:
    match = _STAMP.fullmatch(text)
    try:
        if match is not None:
            year, month, day, hour, minute, second = map(int, match.groups()[:6])
            moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
            if 1970 <= year < 2200:
                return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(seconds=1) * 1_000_000_000 + int(
                    (match[7] or "0").ljust(9, "0")
                )
    except ValueError:
        pass
    raise FormatError(expected="a time such as 2011-09-26 13:02:25.964389445", got=repr(text[:40]), path=path, offset=f"line {number}", hint=_HINT)


def _times(stamps: Mapping[str, list[int | None]], n_frames: int, drive: Path, notes: list[str]) -> Int64s:
    """Each frame's own time, from the first sensor that has one."""
    if not any(stamp is not None for values in stamps.values() for stamp in values):
        notes.append("no time stamps: the frames are taken to be 0.1 s apart, as synchronised drives are recorded")
        return np.arange(n_frames, dtype=np.int64) * FRAME_NS
    times = np.zeros(n_frames, np.int64)
    used: dict[str, int] = {}
    for i in range(n_frames):
        given = ((name, values[i]) for name, values in stamps.items() if i < len(values))
        source, stamp = next(((name, value) for name, value in given if value is not None), ("", None))
        if stamp is None:
            hint = "get the timestamps.txt of the whole drive"
            raise FormatError("a frame has no time", got=f"frame {i}", path=drive / "velodyne_points" / "timestamps.txt", hint=hint)
        times[i] = stamp
        used[source] = used.get(source, 0) + 1
        if i and times[i] <= times[i - 1]:
            path = drive / source / "timestamps.txt"
            got = f"{times[i]} ns after {times[i - 1]} ns"
            raise FormatError(expected="increasing times", got=got, path=path, offset=f"line {i + 1}", hint=_HINT)
    if len(used) > 1 or "velodyne_points" not in used:
        notes.append("the sweeps' own times are not all there: " + ", ".join(f"{n} frames have the time of {name}" for name, n in used.items()))
    return times


def _trajectory(
    drive: Path, numbers: set[int], stamps: list[int | None], times: Int64s, cameras: Mapping[str, CameraSensor], notes: list[str]
) -> Trajectory | None:
    """world_from_imu at the GPS/IMU's own times, and at both ends as far as frames and exposures reach by up to one frame, at constant speed."""
    frames = sorted(numbers)
    if not frames:
        return None
    rows = []
    for i in frames:
        path = drive / "oxts" / "data" / f"{i:010d}.txt"
        lines = list(islice(text_lines(path), 2))
        if len(lines) != 1:
            got = "two lines or more" if lines else "an empty file"
            raise FormatError(expected="one line of 30 numbers", got=got, path=path, hint="get the file again")
        rows.append(oxts_row(lines[0][1], path, lines[0][0]))
    poses = [Pose.from_matrix(matrix) for matrix in mercator_poses(np.array(rows).reshape(-1, 6))]
    notes.append("of the oxts rows the poses are read; velocities, accelerations and accuracies are left out")
    given = [stamps[i] if i < len(stamps) else None for i in frames]
    at = times[frames] if None in given else np.array(given, np.int64)
    if None in given or (np.diff(at) <= 0).any():
        at = times[frames]
        notes.append("the times of the oxts rows are missing or do not increase: each pose is taken to be of its frame's time")
    wanted = np.concatenate([times, *(sensor.times_ns for sensor in cameras.values() if sensor.times_ns is not None)])
    return _reaching(at, poses, int(wanted.min()), int(wanted.max()), notes)


def _reaching(at: Int64s, poses: list[Pose], first: int, last: int, notes: list[str]) -> Trajectory:
    """The trajectory with a pose more at each end that `first` and `last` lie beyond, where it is by no more than one frame."""
    stamps, carried = at.tolist(), list(poses)
    if len(poses) > 1:
        for edge, near, beyond in ((0, 1, first), (-1, -2, last)):
            lead = beyond - int(at[edge])
            if not 0 < (-lead if edge == 0 else lead) <= FRAME_NS:
                continue
            step: Float64s = poses[edge].translation_m - poses[near].translation_m
            moved = Pose(poses[edge].rotation, poses[edge].translation_m + step * (lead / (int(at[edge]) - int(at[near]))))
            stamps.insert(0 if edge == 0 else len(stamps), beyond)
            carried.insert(0 if edge == 0 else len(carried), moved)
            side = "before the first" if edge == 0 else "after the last"
            notes.append(f"frames reach {abs(lead) * 1e-6:.1f} ms {side} GPS/IMU row: the vehicle is taken to drive on at its speed there")
    return Trajectory(np.array(stamps, np.int64), carried)


# ------------------------------------------------------------ labels


def _tracklets(path: Path, has_frame_list: bool, problems: Problems, notes: list[str]) -> tuple[str, list[Tracklet]]:
    """Whose meaning the file has, and its tracklets."""
    if not has_file(path):
        notes.append("no tracklet_labels.xml: the drive has no labels")
        return KITTI, []
    file = read_tracklets(path, problems)
    dialect = dialect_of(file, has_frame_list, notes)
    tracklets = with_labels(file.tracklets, notes) if dialect == CVAT else file.tracklets
    states = [row.get("state") for tracklet in tracklets for row in tracklet.columns]
    if (n := states.count(INTERPOLATED)) > 0:
        notes.append(
            f"{n} of {len(states)} poses were interpolated by KITTI's tool: their origin is FILLED, and they are no truth for an interpolation"
        )
    return dialect, tracklets


def _posed(tracklets: list[Tracklet], is_posed: Bools, path: Path, problems: Problems) -> list[Tracklet]:
    """The tracklets without their labels in frames that have no pose; such a label cannot be placed in the world."""
    posed = []
    for tracklet in tracklets:
        good = [i for i, frame in enumerate(tracklet.frames) if is_posed[frame]]
        for i in sorted(set(range(len(tracklet.frames))) - set(good)):
            got, field, hint = f"frame {tracklet.frames[i]}", f"tracklet {tracklet.number}", "get the oxts files of the whole drive"
            error = FormatError("a labelled frame has no pose", got=got, path=path, offset=f"line {tracklet.line}", field=field, hint=hint)
            pose = dict(zip(POSE, tracklet.poses[i]))
            problems.keep(error, {"tracklet": tracklet.number, "frame": tracklet.frames[i], **pose, **tracklet.columns[i]})
        if good:
            posed.append(tracklet.at(good))
    return posed


def _lidar_poses(tracklets: list[Tracklet], times: Int64s, trajectory: Trajectory, ego_from_lidar: Pose) -> dict[int, Pose]:
    """world_from_lidar of every labelled frame, in their order."""
    frames = np.unique(np.array([frame for tracklet in tracklets for frame in tracklet.frames], np.int64))
    return {frame: trajectory.at(int(times[frame])) @ ego_from_lidar for frame in frames.tolist()}


def _tracks(tracklets: list[Tracklet], times: Int64s, lidar_poses: Mapping[int, Pose] | None, dialect: str) -> list[Track]:
    each = [cuboids_from_center_poses(tracklet) if dialect == CVAT else cuboids_from_bottom_poses(tracklet) for tracklet in tracklets]
    if lidar_poses is not None and each:  # all in one go: a file may hold thousands of short tracklets
        ends = np.cumsum([len(cuboids) for cuboids in each]).tolist()
        frames = np.concatenate([tracklet.frames for tracklet in tracklets])
        moved = moved_each(_together(each), list(lidar_poses.values()), np.searchsorted(list(lidar_poses), frames), "world")
        each = [moved[begin:end] for begin, end in zip([0, *ends], ends)]
    parts: dict[str, list[tuple[Tracklet, Cuboids]]] = {}
    for name, tracklet, cuboids in zip(track_names(tracklets), tracklets, each):
        parts.setdefault(name, []).append((tracklet, cuboids))
    return [_track(name, sorted(of, key=lambda part: part[0].frames[0]), times) for name, of in parts.items()]


def _together(each: Sequence[Cuboids]) -> Cuboids:
    if len(each) == 1:
        return each[0]
    return Cuboids(
        np.concatenate([cuboids.center_m for cuboids in each]),
        np.concatenate([cuboids.size_m for cuboids in each]),
        quat_wxyz=np.concatenate([cuboids.quat_wxyz for cuboids in each]),
        frame=each[0].frame,
    )


def _track(name: str, parts: Sequence[tuple[Tracklet, Cuboids]], times: Int64s) -> Track:
    """One of tracklets that follow each other, mostly of one."""
    first = parts[0][0]
    rows = [row for tracklet, _ in parts for row in tracklet.columns]
    poses = [pose for tracklet, _ in parts for pose in tracklet.poses]
    others = _with_ends([row for tracklet, _ in parts for row in tracklet.attributes])
    own = ("occlusion", "truncation")
    return dense_track(
        name,
        first.category,
        np.array([frame for tracklet, _ in parts for frame in tracklet.frames], np.int64),
        times,
        _together([cuboids for _, cuboids in parts]),
        visibility=[Visibility.OCCLUDED if row.get("occlusion") in (1, 2) else Visibility.VISIBLE for row in rows],
        origin=[Origin.FILLED if row.get("state") == INTERPOLATED else Origin.GIVEN for row in rows],
        attributes=[{**{key: row[key] for key in own if key in row}, **said} for row, said in zip(rows, others)],
        source_attributes=[{**{key: value for key, value in row.items() if key not in own}, SOURCE_POSE: pose} for row, pose in zip(rows, poses)],
        track_attributes={key: value for key, value in first.track_attributes.items() if key != OWN_ID},
        track_source_attributes=first.others,
    )


def _with_ends(said: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Attributes of poses in turn, each with None for what the one before said and it does not: a track's hold until they are said again."""
    befores: list[Mapping[str, Any]] = [{}, *said[:-1]] if said else []
    return [{**{name: None for name in before if name not in row}, **row} for before, row in zip(befores, said)]
