"""The writer of Argoverse 2 sensor logs; the layout is drawn in argoverse2.py.

Points are written as float32: the dataset's own float16 has steps of 6 cm beyond 64 m.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s, as_points
from ..cameras import PinholeCamera
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..errors import ArgumentError, ExtraMissing, number_of
from ..frames import Pose
from ..keyframes import State, Visibility
from ..limits import FARTHEST_M
from ..scene import CameraSensor, Scene
from ..tracks import FilledTracks, interpolate_tracks
from .boxwright_scene import is_safe_name
from .dense_tracks import moved_each
from .images import image_bytes
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .sensor_files import image_path
from .write_report import WriteReport, lost_cameras, lost_in_pictures

__all__ = ["write"]

_QUAT, _PLACE, _SIZE = ("qw", "qx", "qy", "qz"), ("tx_m", "ty_m", "tz_m"), ("length_m", "width_m", "height_m")
_COUNT = "num_interior_pts"
_JPEG_QUALITY = 95


def write(scene: Scene, folder: Path, report: WriteReport, *, log: str | None = None) -> None:
    """Writes one log into `folder`, which exists and is empty.

    log : its name, which is that of its folder; by default the scene's
    """
    check_reach(scene)
    name = re.sub(r"[^\w.-]", "_", scene.name if log is None else log).strip(".") or "log"
    if name != scene.name and log is None:
        report.dropped.append(f"the scene's name {scene.name!r}: the log is called {name!r}")
    if len(scene) and scene.times_ns[0] < 0:
        raise ArgumentError(expected="times from 0", got=str(scene.times_ns[0]), field="scene.times_ns", hint="shift the times of the scene")
    place = folder / name
    place.mkdir()
    report.tolerance_m, report.tolerance_rad = 1e-9, 1e-9
    with_sweeps = _write_sweeps(scene, place / "sensors" / "lidar", report)
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    _write_labels(scene, many, place / "annotations.feather", report)
    if scene.trajectory is not None:
        poses = [scene.trajectory[i] for i in range(len(scene.trajectory))]
        _write_table(place / "city_SE3_egovehicle.feather", {"timestamp_ns": scene.trajectory.times_ns, **_pose_columns(poses)})
    cameras = _write_calibration(scene, place / "calibration", report)
    for sensor in cameras:
        _write_images(scene, sensor, place / "sensors" / "cameras" / sensor.name, report)
    is_there = with_sweeps.copy()
    is_there[many.time_index] = True
    report.n_frames = int(is_there.sum())
    _say_what_is_lost(scene, many, is_there, report)


def _write_table(path: Path, columns: dict[str, Any]) -> None:
    try:
        import pyarrow as pa
        from pyarrow import feather
    except ImportError:
        raise ExtraMissing("writing Argoverse 2 needs pyarrow", hint="pip install 'boxwright[io]'") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    typed = {name: pa.array(values, pa.string()) if isinstance(values, list) else values for name, values in columns.items()}
    feather.write_feather(pa.table(typed), str(path))


def _pose_columns(poses: Sequence[Pose]) -> dict[str, Any]:
    quats = np.array([pose.quat_wxyz for pose in poses], np.float64).reshape(-1, 4)
    places = np.array([pose.translation_m for pose in poses], np.float64).reshape(-1, 3)
    return {**dict(zip(_QUAT, quats.T.copy())), **dict(zip(_PLACE, places.T.copy()))}


# ------------------------------------------------------------ labels


def _write_labels(scene: Scene, many: FilledTracks, path: Path, report: WriteReport) -> None:
    """A row for each cuboid in each frame, in the ego frame of that frame's stamp, by time."""
    order = np.argsort(many.time_index, kind="stable")
    frame, track = np.asarray(many.time_index, np.int64)[order], np.asarray(many.track_index, np.int64)[order]
    cuboids = _in_ego(scene, many.cuboids[order], frame)
    if len(cuboids) and not np.abs(cuboids.center_m).max() < FARTHEST_M:
        got, hint = "a cuboid beyond", "leave it out"
        raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m from the vehicle", got=got, field="tracks", hint=hint)
    ids, categories = _names(scene, report)
    columns: dict[str, Any] = {
        "timestamp_ns": scene.times_ns[frame],
        "track_uuid": [ids[k] for k in track.tolist()],
        "category": [categories[k] for k in track.tolist()],
        **dict(zip(_SIZE, cuboids.size_m.T.copy())),
        **dict(zip(_QUAT, cuboids.quat_wxyz.T.copy())),
        **dict(zip(_PLACE, cuboids.center_m.T.copy())),
    }
    counts = _counts(scene, cuboids, frame, track)
    if (counts >= 0).all():
        columns[_COUNT] = counts
    else:
        unknown = int((counts < 0).sum())
        report.notes.append(f"{_COUNT} is left out: no sweep shows how many points {unknown:,} of {number_of(len(counts), 'label')} hold")
    _write_table(path, columns)
    report.n_labels, report.n_tracks = len(frame), len(np.unique(track))


def _names(scene: Scene, report: WriteReport) -> tuple[list[str], list[str]]:
    """The ids and classes of all tracks; blank ones are named."""
    ids = [track.track_id if track.track_id.strip() else f"track-{k}" for k, track in enumerate(scene.tracks)]
    categories = [track.category if track.category.strip() else "UNKNOWN" for track in scene.tracks]
    n_blank = sum(name != track.track_id for name, track in zip(ids, scene.tracks)) + sum(not track.category.strip() for track in scene.tracks)
    if n_blank:
        report.dropped.append(f"blank ids and classes: {n_blank:,}, which are named")
    return ids, categories


def _in_ego(scene: Scene, cuboids: Cuboids, frame: Int64s) -> Cuboids:
    if scene.label_frame == "ego" or not len(cuboids):
        return cuboids.replace(frame="ego")
    used, which = np.unique(frame, return_inverse=True)
    poses = [scene.transform("ego", scene.label_frame, int(scene.times_ns[i])) for i in used.tolist()]
    return moved_each(cuboids, poses, which, "ego")


def _counts(scene: Scene, cuboids: Cuboids, frame: Int64s, track: Int64s) -> Int64s:
    """(R,) points in each cuboid: as a file said, or as the sweeps show; -1 where nobody knows."""
    counts = np.full(len(cuboids), -1, np.int64)
    for row, (i, k) in enumerate(zip(frame.tolist(), track.tolist())):
        source = _source(scene.tracks[k], int(scene.times_ns[i])).get(_COUNT)
        if isinstance(source, int) and source >= 0:
            counts[row] = source
    for i in np.unique(frame[counts < 0]).tolist():
        rows = np.flatnonzero((frame == i) & (counts < 0))
        clouds = [_sweep_ego(scene, i, name) for name in scene.lidars if scene.has_points(i, name)]
        if clouds:
            counts[rows] = points_in_cuboids(np.concatenate(clouds), cuboids[rows]).counts
    return counts


def _source(track: Any, stamp: int) -> dict[str, Any]:
    k = int(np.searchsorted(track.times_ns, stamp))
    if k < len(track) and track.times_ns[k] == stamp and track.keyframe_source_attributes:
        return dict(track.keyframe_source_attributes[k])
    return {}


# ------------------------------------------------------------ sensors


def _sweep_ego(scene: Scene, frame_index: int, name: str) -> Float64s:
    return scene.lidars[name].ego_from_lidar.apply(as_points("sweep", scene.points(frame_index, name)))


def _write_sweeps(scene: Scene, folder: Path, report: WriteReport) -> Bools:
    """All LiDARs of a frame as one cloud in the ego frame; returns which frames have one."""
    there = np.zeros(len(scene), bool)
    lost, moved, missing = Counter[str](), 0.0, 0
    for i, stamp in enumerate(scene.times_ns.tolist()):
        names = [name for name in scene.lidars if scene.has_points(i, name)]
        if not names:
            missing += 1
            continue
        there[i] = True
        sweeps = [scene.points(i, name) for name in names]
        places = np.concatenate([_sweep_ego(scene, i, name) for name in names])
        with np.errstate(invalid="ignore", over="ignore"):
            moved = max(moved, float(np.nanmax(np.abs(places.astype(np.float32) - places), initial=0.0)))
        columns: dict[str, Any] = {axis: places[:, k].astype(np.float32) for k, axis in enumerate("xyz")}
        if all(sweep.intensity is not None for sweep in sweeps):
            columns["intensity"] = np.concatenate([sweep.intensity for sweep in sweeps])
        if all(sweep.time_offset_ns is not None for sweep in sweeps):
            columns["offset_ns"] = np.concatenate([sweep.time_offset_ns for sweep in sweeps])
        shared = set.intersection(*[set(sweep.fields) for sweep in sweeps])
        columns |= {name: np.concatenate([sweep.fields[name] for sweep in sweeps]) for name in sorted(shared) if name not in columns}
        lost.update({name for sweep in sweeps for name in sweep.fields} - shared)
        _write_table(folder / f"{stamp}.feather", columns)
    if len(scene.lidars) > 1:
        report.rounded.append(f"the clouds of {', '.join(scene.lidars)}: they are one cloud in the ego frame")
    if moved:
        report.rounded.append(f"points are rounded to float32, by up to {moved:.2g} m")
    if lost:
        report.dropped.append(f"of the points: {', '.join(sorted(lost))}")
    if missing and scene.lidars:
        said = f"{missing:,} of {len(scene):,} frames have no sweep" if there.any() else "no frame has a sweep"
        report.missing.append(f"sensors/lidar: {said}")
    return there


def _write_calibration(scene: Scene, folder: Path, report: WriteReport) -> list[CameraSensor]:
    """Returns the cameras that are written: pinhole ones with radial terms alone."""
    kept, mounts, lost = list[CameraSensor](), dict[str, Pose](), dict[str, str]()
    for name, sensor in scene.cameras.items():
        lens = sensor.camera
        radial = isinstance(lens, PinholeCamera) and len(lens.distortion) <= 5 and not any(lens.distortion[2:4])
        if not radial or name.endswith("lidar") or not is_safe_name(name):
            why = "has pinhole cameras with radial distortion k1, k2, k3 alone" if not radial else "cannot have a camera of that name"
            lost[name] = f"Argoverse 2 {why}"
            continue
        kept.append(sensor)
        mounts[name] = sensor.ego_from_cam
    report.dropped += lost_cameras(lost)
    for k, lidar in enumerate(scene.lidars.values()):
        for name, origin in zip(("up_lidar", "down_lidar")[k:], lidar.origins_m if len(scene.lidars) == 1 else lidar.origins_m[:1]):
            mounts[name] = lidar.ego_from_lidar @ Pose.from_yaw(0.0, origin)
    if not kept and not scene.lidars:
        return kept
    _write_table(folder / "egovehicle_SE3_sensor.feather", {"sensor_name": list(mounts), **_pose_columns(list(mounts.values()))})
    lenses = [sensor.camera for sensor in kept]
    terms = np.array([[*lens.distortion, *[0.0] * 5][:5] for lens in lenses], np.float64).reshape(-1, 5)  # type: ignore[attr-defined]
    numbers = {name: np.array([getattr(lens, name) for lens in lenses], np.float64) for name in ("fx_px", "fy_px", "cx_px", "cy_px")}
    sizes = {name: np.array([getattr(lens, name) for lens in lenses], np.int64) for name in ("height_px", "width_px")}
    radial_terms = {"k1": terms[:, 0].copy(), "k2": terms[:, 1].copy(), "k3": terms[:, 4].copy()}
    _write_table(folder / "intrinsics.feather", {"sensor_name": [sensor.name for sensor in kept], **numbers, **radial_terms, **sizes})
    return kept


def _write_images(scene: Scene, sensor: CameraSensor, folder: Path, report: WriteReport) -> None:
    made = 0
    for i, stamp in enumerate(scene.exposures_ns(sensor.name).tolist()):
        if not scene.has_image(i, sensor.name):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        source = image_path(scene.data, i, sensor.name)
        if source is not None and source.suffix.lower() in (".jpg", ".jpeg"):
            shutil.copyfile(source, folder / f"{stamp}.jpg")
        else:
            (folder / f"{stamp}.jpg").write_bytes(image_bytes(scene.image(i, sensor.name), _JPEG_QUALITY))
            made += 1
    if made:
        report.rounded.append(f"{number_of(made, 'picture')} of {sensor.name}: compressed as JPEG")


def _filled_again(many: FilledTracks, is_there: Bools) -> int:
    """How many labels are read back that were none: a frame with a sweep and no label says nothing of an object that is seen before and after it."""
    time, track = np.asarray(many.time_index, np.int64), np.asarray(many.track_index, np.int64)
    is_labelled = np.zeros(len(is_there), bool)
    is_labelled[time] = True
    labelled, silent = np.flatnonzero(is_labelled), np.cumsum(np.append(False, is_there & ~is_labelled))
    last = np.flatnonzero((track[1:] == track[:-1]) & (time[1:] > time[:-1] + 1))  # before a gap
    gone_from = labelled[np.searchsorted(labelled, time[last], side="right")]  # the first labelled frame in the gap, or the label after it
    return int((silent[gone_from] - silent[time[last] + 1]).sum())


def _say_what_is_lost(scene: Scene, many: FilledTracks, is_there: Bools, report: WriteReport) -> None:
    report.dropped += lost_in_pictures(scene.image_tracks)
    gone = len(scene) - int(is_there.sum())
    if gone:
        report.dropped.append(f"{number_of(gone, 'frame')} with neither a sweep nor a label")
    n_filled = _filled_again(many, is_there)
    if n_filled:
        said = "gaps of tracks over frames that nobody is in: a sweep without rows counts as not labelled, and readers fill"
        report.dropped.append(f"{said} {number_of(n_filled, 'label')} in")
    if list(scene.frame_ids) != [str(stamp) for stamp in scene.times_ns.tolist()]:
        report.dropped.append("the frames' names: they are called by their stamps")
    if not scene.has_time:
        report.dropped.append("that the frames are unrelated")
    if names := sorted({name for track in scene.tracks for held in (track.attributes, *track.keyframe_attributes) for name in held}):
        report.dropped.append(f"attributes: {', '.join(names)}")
    if (many.visibility == Visibility.OCCLUDED).any():
        report.dropped.append("which labels are occluded")
    if (many.state == State.BETWEEN).any():
        report.notes.append("every frame has its label: which of them were keyframes is not told")
    for what, values in (("tags", scene.tags), ("relations", scene.relations)):
        if values:
            report.dropped.append(f"{len(values)} {what}")
    if scene.problems:
        report.dropped.append(f"{number_of(len(scene.problems), 'record')} kept aside")
    say_point_labels_are_lost(scene, report)
