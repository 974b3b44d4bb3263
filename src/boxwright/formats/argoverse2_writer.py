"""The writer of Argoverse 2 sensor logs; the layout is drawn in argoverse2.py.

Points are written as float32: the dataset's own float16 has steps of 6 cm beyond 64 m.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s, as_points
from ..cameras import PinholeCamera
from ..containment import points_in_cuboids
from ..errors import ArgumentError, ExtraMissing, number_of
from ..frames import Pose
from ..keyframes import State, Visibility
from ..scene import CameraSensor, Scene
from .argoverse2_sensors import nearest_images
from .boxwright_scene import is_safe_name
from .exactness import rotations_rounded
from .file_names import fitting
from .images import image_bytes
from .labelled_frames import LabelBlock, label_blocks
from .losses import has_filled, lost_problems, say_no_pictures
from .own_fields import lost_own_fields
from .point_label_files import say_point_labels_are_lost
from .reach import check_reach
from .sensor_files import image_path
from .sweep_losses import SweepLosses, columns_of
from .write_report import Told, WriteReport, lost_cameras

__all__ = ["write"]

_QUAT, _PLACE, _SIZE = ("qw", "qx", "qy", "qz"), ("tx_m", "ty_m", "tz_m"), ("length_m", "width_m", "height_m")
_COUNT = "num_interior_pts"
_JPEG_QUALITY = 95


def write(scene: Scene, folder: Path, report: WriteReport, *, log: str | None = None) -> None:
    """Writes one log into `folder`, which exists and is empty.

    log : its name, which is that of its folder; by default the scene's
    """
    check_reach(scene)
    name = fitting(re.sub(r"[^\w.-]", "_", scene.name if log is None else log).strip(".")) or "log"
    if name != scene.name and log is None:
        report.dropped.append(Told("", f"the scene's name {scene.name!r}: the log is called {name!r}"))
    if len(scene) and scene.times_ns[0] < 0:
        raise ArgumentError(expected="times from 0", got=str(scene.times_ns[0]), field="scene.times_ns", hint="shift the times of the scene")
    place = folder / name
    place.mkdir()
    report.tolerance_m, report.tolerance_rad = 1e-9, 1e-9
    with_sweeps = _write_sweeps(scene, place / "sensors" / "lidar", report)
    labels = _write_labels(scene, place / "annotations.feather", report)
    if scene.trajectory is not None:
        where = _pose_columns(scene.trajectory.quat_wxyz, scene.trajectory.translation_m)
        _write_table(place / "city_SE3_egovehicle.feather", {"timestamp_ns": scene.trajectory.times_ns, **where})
    cameras = _write_calibration(scene, place / "calibration", report)
    is_there = with_sweeps | labels.is_labelled
    for sensor in cameras:
        pictures = place / "sensors" / "cameras" / sensor.name
        _write_images(scene, sensor, pictures, report)
        _say_which_pictures_are_lost(scene, sensor, pictures, is_there, report)
    report.n_frames = int(is_there.sum())
    _say_what_is_lost(scene, labels, is_there, report)


def _arrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        raise ExtraMissing("writing Argoverse 2 needs pyarrow", hint="pip install 'boxwright[io]'") from None
    return pa


def _write_table(path: Path, columns: dict[str, Any]) -> None:
    _write_tables(path, [columns])


def _write_tables(path: Path, parts: Iterable[dict[str, Any]]) -> None:
    """A feather file of the rows of all parts, at least one, none of which is kept."""
    pa = _arrow()
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = pa.ipc.IpcWriteOptions(compression="lz4" if pa.Codec.is_available("lz4") else None)
    with ExitStack() as stack:
        writer = None
        for columns in parts:
            table = pa.table({name: pa.array(values, pa.string()) if isinstance(values, list) else values for name, values in columns.items()})
            writer = writer or stack.enter_context(pa.ipc.new_file(str(path), table.schema, options=packed))
            writer.write_table(table)


def _pose_columns(quats: Float64s, places: Float64s) -> dict[str, Any]:
    return {**dict(zip(_QUAT, quats.T.copy())), **dict(zip(_PLACE, places.T.copy()))}


# ------------------------------------------------------------ labels


@dataclass(eq=False)
class _Labels:
    """is_labelled : (F,) frames with a label. before_gaps : frames of labels whose track is in none of the next frames, and in a later one"""

    is_labelled: Bools
    before_gaps: list[Int64s] = field(default_factory=list)
    has_occluded: bool = False
    has_between: bool = False


def _write_labels(scene: Scene, path: Path, report: WriteReport) -> _Labels:
    """A row for each cuboid in each frame, in the ego frame of that frame's stamp, by time."""
    said = _Labels(np.zeros(len(scene), bool))
    counts = [_counts(scene, block) for block in label_blocks(scene, "ego")]
    n, n_unknown = sum(map(len, counts)), sum(int((some < 0).sum()) for some in counts)
    if n_unknown:
        report.notes.append(f"{_COUNT} is left out: no sweep shows how many points {n_unknown:,} of {number_of(n, 'label')} hold")
    _write_tables(path, _label_columns(scene, [] if n_unknown else counts, said, report))
    report.n_labels = n
    return said


def _label_columns(scene: Scene, counts: Sequence[Int64s], said: _Labels, report: WriteReport) -> Iterator[dict[str, Any]]:
    """counts : of each block; none where they are not written"""
    ids, categories = _names(scene, report)
    last = np.full(len(scene.tracks), -1)  # frame that each track was last seen in
    for k, block in enumerate(label_blocks(scene, "ego")):
        cuboids, track = block.cuboids, block.track
        yield {
            "timestamp_ns": scene.times_ns[block.frame],
            "track_uuid": [ids[i] for i in track.tolist()],
            "category": [categories[i] for i in track.tolist()],
            **dict(zip(_SIZE, cuboids.size_m.T.copy())),
            **dict(zip(_QUAT, cuboids.quat_wxyz.T.copy())),
            **dict(zip(_PLACE, cuboids.center_m.T.copy())),
            **({_COUNT: counts[k]} if counts else {}),
        }
        said.is_labelled[block.frame] = True
        said.before_gaps.append(_before_gaps(block, last))
        said.has_occluded |= bool((block.visibility == Visibility.OCCLUDED).any())
        said.has_between |= bool((block.state == State.BETWEEN).any())
    report.n_tracks = int((last >= 0).sum())


def _before_gaps(block: LabelBlock, last: Int64s) -> Int64s:
    """As in `_Labels`, of gaps that end in this block. last : (M,) the frame that each track was last seen in, -1 before; brought up to date"""
    order = np.argsort(block.track, kind="stable")
    track, frame = block.track[order], block.frame[order]
    before = np.roll(frame, 1)
    is_first = np.diff(track, prepend=-1) > 0
    before[is_first] = last[track[is_first]]
    last[track] = frame  # the last of each is the last one set
    return before[(before >= 0) & (frame > before + 1)]


def _names(scene: Scene, report: WriteReport) -> tuple[list[str], list[str]]:
    """The ids and classes of all tracks; blank ones are named."""
    ids = [track.track_id if track.track_id.strip() else f"track-{k}" for k, track in enumerate(scene.tracks)]
    categories = [track.category if track.category.strip() else "UNKNOWN" for track in scene.tracks]
    n_blank = sum(name != track.track_id for name, track in zip(ids, scene.tracks)) + sum(not track.category.strip() for track in scene.tracks)
    if n_blank:
        report.dropped.append(Told("track_ids classes", f"blank ids and classes: {n_blank:,}, which are named"))
    return ids, categories


def _counts(scene: Scene, block: LabelBlock) -> Int64s:
    """(N,) points in each cuboid: as a file said, or as the sweeps show; -1 where nobody knows."""
    frame, counts = block.frame, np.full(len(block.frame), -1, np.int64)
    told = np.array([any(_COUNT in row for row in track.keyframe_source_attributes) for track in scene.tracks], bool)
    for row in np.flatnonzero(told[block.track]).tolist() if told.any() else []:
        source = _source(scene.tracks[int(block.track[row])], int(scene.times_ns[frame[row]])).get(_COUNT)
        if isinstance(source, int) and source >= 0:
            counts[row] = source
    for i in np.unique(frame[counts < 0]).tolist():
        rows = np.flatnonzero((frame == i) & (counts < 0))
        clouds = [_sweep_ego(scene, i, name) for name in scene.lidars if scene.has_points(i, name)]
        if clouds:
            counts[rows] = points_in_cuboids(np.concatenate(clouds), block.cuboids[rows]).counts
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
    losses, missing = SweepLosses(is_float32=True, is_deskewed=True), 0
    for i, stamp in enumerate(scene.times_ns.tolist()):
        names = [name for name in scene.lidars if scene.has_points(i, name)]
        if not names:
            missing += 1
            continue
        there[i] = True
        sweeps = [scene.points(i, name) for name in names]
        places = np.concatenate([_sweep_ego(scene, i, name) for name in names])
        columns: dict[str, Any] = {axis: places[:, k].astype(np.float32) for k, axis in enumerate("xyz")}
        if all(sweep.intensity is not None for sweep in sweeps):
            columns["intensity"] = np.concatenate([sweep.intensity for sweep in sweeps])
        if all(sweep.time_offset_ns is not None for sweep in sweeps):
            columns["offset_ns"] = np.concatenate([sweep.time_offset_ns + (sweep.timestamp_ns - stamp) for sweep in sweeps])
        shared = set.intersection(*[set(sweep.fields) for sweep in sweeps])
        columns |= {name: np.concatenate([sweep.fields[name] for sweep in sweeps]) for name in sorted(shared) if name not in columns}
        for sweep in sweeps:
            losses.saw(sweep, stamp, places)
            losses.lose(columns_of(sweep).keys() - columns.keys() - ({"time_offset_ns"} if "offset_ns" in columns else set()))
        _write_table(folder / f"{stamp}.feather", columns)
    if len(scene.lidars) > 1:
        report.dropped.append(
            Told("sweeps", f"the clouds of {', '.join(scene.lidars)} as such: they are one cloud in the ego frame", [*scene.lidars][1:])
        )
    losses.say(report)
    if missing and scene.lidars:
        said = f"{missing:,} of {len(scene):,} frames have no sweep" if there.any() else "no frame has a sweep"
        report.missing.append(Told("sweeps", f"sensors/lidar: {said}"))
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
    report.rounded += rotations_rounded(mounts)
    turns, places = (np.array([getattr(pose, name) for pose in mounts.values()], np.float64) for name in ("quat_wxyz", "translation_m"))
    where = _pose_columns(turns.reshape(-1, 4), places.reshape(-1, 3))
    _write_table(folder / "egovehicle_SE3_sensor.feather", {"sensor_name": list(mounts), **where})
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
        report.rounded.append(Told("pictures", f"{number_of(made, 'picture')} of {sensor.name}: compressed as JPEG", [sensor.name]))


def _say_which_pictures_are_lost(scene: Scene, sensor: CameraSensor, folder: Path, is_there: Bools, report: WriteReport) -> None:
    """Those of frames for which the reader finds another picture, or none."""
    frames = np.flatnonzero(is_there)
    found, taken_ns = nearest_images(folder, scene.times_ns[frames], scene.trajectory, [])
    exposures_ns = scene.exposures_ns(sensor.name)[frames]
    n_late = int((exposures_ns != (scene.times_ns[frames] if taken_ns is None else taken_ns)).sum())
    if n_late:
        report.dropped.append(
            Told("times", f"when {sensor.name} exposed {number_of(n_late, 'frame')}: readers find none of its pictures there", n=n_late)
        )
    own = exposures_ns.tolist()
    n_lost = sum(scene.has_image(i, sensor.name) and path != folder / f"{t}.jpg" for i, t, path in zip(frames.tolist(), own, found))
    if n_lost:
        why = "exposed before the first pose or after the last, or over half a frame away: readers find none for their frames, or another one"
        report.dropped.append(Told("pictures", f"{number_of(n_lost, 'picture')} of {sensor.name}, {why}", n=n_lost))


def _filled_again(labels: _Labels, is_there: Bools) -> int:
    """How many labels are read back that were none: a frame with a sweep and no label says nothing of an object that is seen before and after it."""
    labelled, silent = np.flatnonzero(labels.is_labelled), np.cumsum(np.append(False, is_there & ~labels.is_labelled))
    last = np.concatenate([np.zeros(0, np.int64), *labels.before_gaps])
    gone_from = labelled[np.searchsorted(labelled, last, side="right")]  # the first labelled frame in the gap, or the label after it
    return int((silent[gone_from] - silent[last + 1]).sum())


def _say_what_is_lost(scene: Scene, labels: _Labels, is_there: Bools, report: WriteReport) -> None:
    say_no_pictures(scene, report)
    gone = len(scene) - int(is_there.sum())
    if gone:
        report.dropped.append(Told("times", f"{number_of(gone, 'frame')} with neither a sweep nor a label", n=gone))
    n_filled = _filled_again(labels, is_there)
    if n_filled:
        said = "gaps of tracks over frames that nobody is in: a sweep without rows counts as not labelled, and readers fill"
        report.dropped.append(Told("", f"{said} {number_of(n_filled, 'label')} in"))
    if list(scene.frame_ids) != [str(stamp) for stamp in scene.times_ns.tolist()]:
        report.dropped.append(Told("frame_names", "the frames' names: they are called by their stamps"))
    if not scene.has_time:
        report.dropped.append(Told("times", "that the frames are unrelated", n=0))
    if names := sorted({name for track in scene.tracks for held in (track.attributes, *track.keyframe_attributes) for name in held}):
        report.dropped.append(Told("attributes", f"attributes: {', '.join(names)}", names))
    report.dropped += lost_own_fields(scene.tracks, [_COUNT])
    if labels.has_occluded:
        report.dropped.append(Told("visibility", "which labels are occluded"))
    if labels.has_between or has_filled(scene.tracks):
        report.dropped.append(Told("keyframes", "which labels are keyframes: every frame has its own"))
    for what, values in (("tags", scene.tags), ("relations", scene.relations)):
        if values:
            report.dropped.append(Told(what, f"{len(values)} {what}", n=len(values)))
    report.dropped += lost_problems(scene)
    say_point_labels_are_lost(scene, report)
