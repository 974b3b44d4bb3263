"""The writer of KITTI raw: a date's folder with its calibration and one drive; the layout is drawn in kitti_raw.py."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import ArgumentError, number_of
from ..frames import Trajectory
from ..scene import Scene
from .clouds_of_frames import frame_stems, write_clouds
from .kitti_labels import SIZE_ROW
from .kitti_poses import FRAME_NS, WORLD, oxts_rows_from_poses
from .kitti_raw import CAPABILITIES
from .kitti_raw_dialects import CVAT, FRAME_LIST, KITTI
from .kitti_tracking_sensors import Rig, put, rig_of, write_images, write_sweeps
from .kitti_tracklet_writer import SAME, write_tracklets
from .losses import lost_beside_labels, lost_of_labels, say_no_pictures
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .write_report import Told, WriteReport

__all__ = ["write"]

_DRIVE = re.compile(r"(\d{4}_\d\d_\d\d)_drive_\d{4}_(sync|extract)", re.ASCII)
_LAST_NS = 7_258_118_400_000_000_000  # 2200-01-01
_NO_MEASURES = " 0" * 24  # velocities, accelerations, accuracies and states of a GPS/IMU that nobody has
_KEPT = {"kitti_calib", "kitti_raw_calib", "velodyne_start_ns", "velodyne_end_ns"}


def write(scene: Scene, folder: Path, report: WriteReport, *, dialect: str = KITTI) -> None:
    """Writes a drive into `folder`, which exists and is empty.

    dialect : "kitti", as the dataset has it; or "cvat", labels and clouds as CVAT and Datumaro mean them, with attributes and names of frames, and
        without calibration, poses and times
    """
    if dialect not in (KITTI, CVAT):
        raise ArgumentError(expected=f"{KITTI!r} or {CVAT!r}", got=repr(dialect), field="dialect")
    if not scene.lidars:
        hint = "add one, or write another format"
        raise ArgumentError("KITTI raw needs a LiDAR: its labels stand in the LiDAR's frame", field=f"scene {scene.name!r}", hint=hint)
    check_reach(scene)
    report.tolerance_m = report.tolerance_rad = SAME
    stamps, drive = _stamps(scene, report), _drive_name(scene)
    if drive != scene.name:
        report.dropped.append(Told("", f"the scene's name {scene.name!r}: the drive is called {drive!r}"))
    date = folder / drive[:10]
    (date / drive).mkdir(parents=True)
    write_tracklets(scene, date / drive / "tracklet_labels.xml", report, dialect)
    if dialect == CVAT:
        _write_as_cvat_does(scene, date / drive, report)
    else:
        _write_sensors(scene, date, date / drive, stamps, report)
    _say_what_is_lost(scene, report)
    report.n_frames = len(scene)


def _drive_name(scene: Scene) -> str:
    if _DRIVE.fullmatch(scene.name):
        return scene.name
    first = int(scene.times_ns[0]) if len(scene) else 0
    return f"{_moment(first if 0 <= first < _LAST_NS else 0)[:10].replace('-', '_')}_drive_0000_sync"


def _stamps(scene: Scene, report: WriteReport) -> Int64s:
    """When each frame was, of which a line can tell."""
    if not scene.has_time:
        report.dropped.append(Told("", "that the frames are unrelated: KITTI's frames are 0.1 s apart"))
    elif _are_tellable(scene.times_ns):
        return scene.times_ns
    else:
        report.dropped.append(Told("times", "when the frames were: their times are not from 1970 to 2199, so that they are 0.1 s apart"))
    return np.arange(len(scene), dtype=np.int64) * FRAME_NS


def _are_tellable(times_ns: Sequence[int] | Int64s) -> bool:
    return not len(times_ns) or (min(times_ns) >= 0 and max(times_ns) < _LAST_NS)


def _moment(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest:09d}"


def _put_stamps(path: Path, times_ns: Sequence[int | None]) -> None:
    put(path, "".join(("" if stamp is None else _moment(stamp)) + "\n" for stamp in times_ns))


# ------------------------------------------------------------ as CVAT has it


def _write_as_cvat_does(scene: Scene, drive: Path, report: WriteReport) -> None:
    """The clouds, by names of frames. (Pictures have no calibration in it, and stay out.)"""
    stems = frame_stems(scene, report)
    (drive / FRAME_LIST).write_text("".join(f"{i} {stem}\n" for i, stem in enumerate(stems)), encoding="utf-8")
    write_clouds(scene, drive / "velodyne_points" / "data", stems, "binary", report)
    lost = [("poses", "where the vehicle was", scene.trajectory is not None), ("times", "when each frame was: frames are numbered", scene.has_time)]
    report.dropped += [Told(name, f"{said}: CVAT's dialect has no {name}") for name, said, is_there in lost if is_there]
    if scene.cameras:
        said = f"cameras and pictures of {', '.join(scene.cameras)}: CVAT's dialect has no calibration"
        report.dropped.append(Told("calibration pictures", said))


# ------------------------------------------------------------ as KITTI has it


def _write_sensors(scene: Scene, date: Path, drive: Path, stamps: Int64s, report: WriteReport) -> None:
    stems = [f"{i:010d}" for i in range(len(scene))]
    if list(scene.frame_ids) != stems:
        report.dropped.append(Told("frame_names", "the frames' names: they are numbered"))
    said = WriteReport("", Path())
    rig = rig_of(scene, said)
    report.dropped += [line for line in said.dropped if not line.startswith("P2 and the 2-D boxes")]  # which tracking has, and not a drive
    _write_calibration(scene, date, rig)
    points = drive / "velodyne_points"
    _put_stamps(points / "timestamps.txt", stamps.tolist())
    is_timed = stamps is scene.times_ns
    for end in ("start", "end") if is_timed else ():
        kept = scene.source_attributes.get(f"velodyne_{end}_ns")
        if isinstance(kept, (list, tuple)) and len(kept) == len(scene) and all(one is None or _is_stamp(one) for one in kept):
            _put_stamps(points / f"timestamps_{end}.txt", kept)
    write_sweeps(scene, points / "data", stems, report)
    write_images(scene, drive, "data", stems, rig, report, has_exposures=True)
    for name, sensor in rig.cameras.items():
        if sensor.times_ns is not None and is_timed and _are_tellable(sensor.times_ns):
            _put_stamps(drive / name / "timestamps.txt", sensor.times_ns.tolist())
        elif sensor.times_ns is not None:
            report.dropped.append(Told("times", f"the exposure times of camera {sensor.name}: not all times are from 1970 to 2199", [sensor.name]))
    _write_oxts(scene, drive / "oxts", stamps, stems, report)


def _is_stamp(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LAST_NS


def _write_calibration(scene: Scene, date: Path, rig: Rig) -> None:
    """The three files; as they were read, where the scene's sensors still are those."""
    kept = scene.source_attributes.get("kitti_raw_calib")
    imu = _pose_lines(rig.rows.get("Tr_imu_to_velo", [1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]))
    texts = {"calib_velo_to_cam": _pose_lines(rig.rows["Tr_velo_to_cam"]), "calib_imu_to_velo": imu}
    cams = {"R_rect_00": rig.rows["R0_rect"]}
    for folder, sensor in rig.cameras.items():
        number = int(folder[-1])
        cams[SIZE_ROW.format(number)] = [*map(float, sensor.camera.size_px)]
        cams[f"P_rect_{number:02d}"] = rig.rows[f"P{number}"]
    texts["calib_cam_to_cam"] = {name: " ".join(map(repr, map(float, row))) for name, row in cams.items()}
    if rig.rows is scene.source_attributes.get("kitti_calib") and isinstance(kept, Mapping):
        for name in texts:
            if _is_plain(kept.get(name)) and (name != "calib_cam_to_cam" or _says_sizes(kept[name], rig)):
                texts[name] = kept[name]
    for name, lines in texts.items():
        put(date / f"{name}.txt", "".join(f"{key}: {text}\n" for key, text in lines.items()))


def _is_plain(lines: Any) -> bool:
    return isinstance(lines, Mapping) and all(re.fullmatch("[ -~]*", part) for line in lines.items() for part in map(str, line))


def _says_sizes(lines: Mapping[str, str], rig: Rig) -> bool:
    """Whether a kept calibration has the sizes of the cameras' pictures."""
    try:
        said = {folder: tuple(map(float, lines[SIZE_ROW.format(int(folder[-1]))].split())) for folder in rig.cameras}
    except (KeyError, ValueError, AttributeError):
        return False
    return all(said[folder] == sensor.camera.size_px for folder, sensor in rig.cameras.items())


def _pose_lines(row: Sequence[float]) -> dict[str, str]:
    """R and T of the twelve numbers of a pose."""
    turn = [*row[0:3], *row[4:7], *row[8:11]]
    return {"R": " ".join(map(repr, map(float, turn))), "T": " ".join(map(repr, map(float, (row[3], row[7], row[11]))))}


def _write_oxts(scene: Scene, folder: Path, stamps: Int64s, stems: Sequence[str], report: WriteReport) -> None:
    """A GPS/IMU row for each frame with a pose."""
    if scene.trajectory is None or not len(scene):
        return
    posed = scene.trajectory.covers(scene.times_ns)
    labelled = np.zeros(len(scene), bool)
    for track in scene.tracks:
        labelled |= track.at(scene.times_ns).is_valid
    if not posed.any() or (labelled & ~posed).any():
        why = "some frames with labels have none, and a drive with poses needs them there"
        report.dropped.append(Told("poses", f"the poses of the vehicle: {why}"))
        return
    own = _own_rows(scene, scene.trajectory) if stamps is scene.times_ns and posed.all() else None
    at = stamps if own is None else own
    poses = {i: scene.world_from_ego(int(scene.times_ns[i] if own is None else own[i])) for i in np.flatnonzero(posed).tolist()}
    for i, row in zip(poses, oxts_rows_from_poses([*poses.values()]).tolist()):
        put(folder / "data" / f"{stems[i]}.txt", " ".join(map(repr, row)) + _NO_MEASURES + "\n")
    _put_stamps(folder / "timestamps.txt", [stamp if posed[i] else None for i, stamp in enumerate(at.tolist())])
    report.notes.append(
        "the GPS/IMU rows begin at latitude and longitude 0, since nobody knows where on Earth the scene is; their velocities, accelerations and "
        "accuracies are 0"
    )
    first = next(iter(poses.values()))
    if np.abs(first.matrix() - np.eye(4)).max() > SAME:
        report.dropped.append(Told("poses", "where the world begins: poses are against the first frame's", [WORLD]))
    if not posed.all():
        report.dropped.append(Told("poses", f"the poses of the vehicle: {number_of(int((~posed).sum()), 'frame')} have none", n=0))
    written = [*at.tolist(), *([] if own is None else _ends(scene))]
    n_others = int((~np.isin(scene.trajectory.times_ns, written)).sum()) if stamps is scene.times_ns else 0
    if n_others:
        report.dropped.append(Told("poses", f"{number_of(n_others, 'pose')} of the vehicle between the frames, or beyond them", n=0))


def _ends(scene: Scene) -> tuple[int, int]:
    """The first and the last moment of frames and exposures, as far as which the reader takes the vehicle to drive on."""
    moments = np.concatenate([scene.times_ns, *(sensor.times_ns for sensor in scene.cameras.values() if sensor.times_ns is not None)])
    return int(moments.min()), int(moments.max())


def _own_rows(scene: Scene, trajectory: Trajectory) -> Int64s | None:
    """The trajectory's own stamps, one for each frame, where it has as many and begins the world, as that of a drive that was read; what it has at an
    end beyond them, the reader adds again."""
    stamps, n = trajectory.times_ns, len(scene)
    for skipped in range(min(2, len(stamps))):
        begins = np.abs(trajectory[skipped].matrix() - np.eye(4)).max() < SAME
        found = stamps[skipped : skipped + n]
        if begins and len(found) == n and len(stamps) - n - skipped in (0, 1) and _are_tellable(found):
            first, last = _ends(scene)
            return found if first >= found[0] - FRAME_NS and last <= found[-1] + FRAME_NS else None
    return None


def _say_what_is_lost(scene: Scene, report: WriteReport) -> None:
    say_no_pictures(scene, report)
    report.dropped += lost_of_labels(scene, scene.tracks, CAPABILITIES, keeps_filled=True)
    report.dropped += lost_beside_labels(scene, CAPABILITIES)
    others = set(scene.source_attributes) - _KEPT
    if others:
        report.dropped.append(Told("", f"source attributes of the scene: {', '.join(sorted(map(str, others)))}"))
    say_point_labels_are_lost(scene, report)
