"""The writer of KITTI object: every frame of a scene becomes a numbered frame with its own calibration; the layout is drawn in kitti_object.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, TimeError, number_of
from ..scene import CameraSensor, Scene
from .kitti_label_rows import SAME, categories_in_words, decimal_text, ignored_rows, label_rows, row_text, say_what_is_lost
from .kitti_labels import BOX
from .kitti_tracking_sensors import OBJECT, Rig, calibration_text, put, rig_of, sizes_without_pictures, write_images, write_sweeps
from .write_report import Told, WriteReport

__all__ = ["write"]

_DECIMALS = 2  # of the numbers in KITTI's own files
_MOST_FRAMES = 1_000_000  # six digits


def write(scene: Scene, folder: Path, report: WriteReport, *, first_frame: int | None = None) -> None:
    """Writes `training/` into `folder`, which exists and is empty.

    first_frame : number of the first frame; by default the frames keep their names where these are six digits, and are counted from 0 elsewhere
    """
    if not scene.lidars:
        raise ArgumentError(
            "KITTI object needs a LiDAR: its cuboids stand upright in the LiDAR's frame",
            field=f"scene {scene.name!r}",
            hint="add one, or write another format",
        )
    stems = _stems(scene, first_frame, report)
    report.tolerance_m = report.tolerance_rad = SAME
    base = folder / "training"
    rig, rig_at = _rigs(scene, report)
    ignored: dict[int, list[str]] = {}
    regions = WriteReport("", Path())
    for columns in ignored_rows(scene, regions):
        ignored.setdefault(int(columns["frame_index"]), []).append(f"DontCare {_region_text(columns)}\n")
    _write_labels(scene, rig, rig_at, base, stems, ignored, report)
    report.dropped += regions.dropped
    write_sweeps(scene, base / "velodyne", stems, report)
    write_images(scene, base, "", stems, rig, report, rig_at=rig_at)
    _say_what_object_lacks(scene, report)
    say_what_is_lost(scene, report)
    report.n_frames = len(scene)


def _write_labels(
    scene: Scene, rig: Rig, rig_at: Callable[[int], Rig], base: Path, stems: Sequence[str], ignored: Mapping[int, Sequence[str]], report: WriteReport
) -> None:
    """The labels and the calibration of each frame. rig : the sensors as they are mounted; ignored : frame -> rows of regions without labels"""
    words = WriteReport("", Path())
    categories = categories_in_words(scene, words)
    rows, upcoming = label_rows(scene, rig_at, report, _truncated_fraction, _DECIMALS), None
    for i, stem in enumerate(stems):
        upcoming = next(rows, None) if upcoming is None else upcoming
        here, upcoming = (upcoming[1], None) if upcoming is not None and upcoming[0] == i else ([], upcoming)
        texts = [f"{categories[scene.tracks[k].category]} {text}\n" for k, text in here]
        put(base / "label_2" / f"{stem}.txt", "".join([*texts, *ignored.get(i, ())]))
        own = rig_at(i)
        put(base / "calib" / f"{stem}.txt", calibration_text(own.rows, OBJECT, sizes_without_pictures(scene, own, [i])))
    for _ in rows:  # to its end, where it says what is lost
        pass
    report.dropped += words.dropped


def _stems(scene: Scene, first_frame: int | None, report: WriteReport) -> list[str]:
    """Six digits for each frame."""
    n = len(scene)
    names = list(scene.frame_ids)
    if first_frame is None:
        if len(set(names)) == n and all(re.fullmatch("[0-9]{6}", name) for name in names):
            return names
        first_frame = 0
    if isinstance(first_frame, bool) or not isinstance(first_frame, int) or not 0 <= first_frame <= _MOST_FRAMES - n:
        expected = f"a number of up to six digits, also for the last of {number_of(n, 'frame')}"
        raise ArgumentError(expected=expected, got=repr(first_frame), field="first_frame")
    stems = [f"{first_frame + i:06d}" for i in range(n)]
    if names != stems and n:
        shown = ", ".join(f"{name} is {stem}" for name, stem in list(zip(names, stems))[:5])
        last = f", and so on in their order to {names[-1]}, which is {stems[-1]}" if n > 5 else ""
        report.dropped.append(Told("frame_names", f"the frames' names: {shown}{last}"))
    return stems


def _rigs(scene: Scene, report: WriteReport) -> tuple[Rig, Callable[[int], Rig]]:
    """The sensors as they are mounted, and those of each frame, which hold the motion of the vehicle between sweep and exposure."""
    mounted = rig_of(scene, report, OBJECT)
    exposed = [s.name for s in scene.cameras.values() if s.times_ns is not None and not np.array_equal(s.times_ns, scene.times_ns)]
    if scene.trajectory is None or not exposed:
        return mounted, lambda frame_index: mounted
    if "kitti_calib" in scene.source_attributes:  # it holds the cameras as they are mounted
        scene = scene.replace(source_attributes={})
    said = f"where {', '.join(exposed)} are mounted: frames have them where they were when they fired, as their sweeps see it"
    report.dropped.append(Told("calibration", said, exposed))
    lidar = next(iter(scene.lidars))
    aside: set[str] = set()

    def rig_at(frame_index: int) -> Rig:
        cameras = {}
        said = WriteReport("", Path())
        for name in (sensor.name for sensor in mounted.cameras.values()):
            sensor = scene.cameras[name]
            try:
                ego_from_cam = scene.ego_from(lidar) @ scene.cam_from(frame_index, name, lidar).inverse()
            except TimeError:  # exposed before the first pose or after the last: as if the vehicle stood
                ego_from_cam = sensor.ego_from_cam
                said.dropped.append(Told("", f"the motion of the vehicle until camera {name} fires: no pose is known there"))
            cameras[name] = CameraSensor(name, sensor.camera, ego_from_cam)
        rig = rig_of(scene.replace(cameras=cameras, image_tracks=(), tags=()), said, OBJECT)
        new = [line for line in said.dropped if line not in aside and line not in report.dropped]
        aside.update(new)
        report.dropped.extend(Told(" ".join(line.fields), f"in some frames, {line}", line.of, line.n) for line in new)
        return rig

    return mounted, rig_at


def _truncated_fraction(value: Any, fraction: float) -> str:
    """Object's part of the 2-D box that lies outside the picture, from 0 to 1; -1 where it is not known. Tracking's classes are worked out again."""
    if value == -1:
        return "-1"
    return decimal_text(value if isinstance(value, float) else float(fraction), _DECIMALS)


def _region_text(columns: Mapping[str, Any]) -> str:
    """Of a region without labels: decimals for its box alone, what else it says are whole numbers that stand for nothing."""
    words = row_text(columns, _truncated_fraction(columns["truncated"], 0.0), 0).split()
    box = [decimal_text(number, _DECIMALS) for number in columns[BOX]]
    return " ".join([*words[:3], *box, *words[7:]])


def _say_what_object_lacks(scene: Scene, report: WriteReport) -> None:
    if scene.has_time:
        report.dropped.append(Told("times", "the frames' times and order: frames of KITTI object are unrelated"))
    if scene.trajectory is not None:
        report.dropped.append(Told("poses", "the poses of the vehicle: KITTI object has none"))
    if len(scene) > 1 and scene.tracks:
        said = f"which labels belong together: KITTI object has no tracks, {report.n_tracks} become {number_of(report.n_labels, 'label')}"
        report.dropped.append(Told("tracks video track_ids", said))
    elif [track.track_id for track in scene.tracks] != [str(i) for i in range(len(scene.tracks))]:
        report.dropped.append(Told("track_ids", "the tracks' names: KITTI object has none"))
