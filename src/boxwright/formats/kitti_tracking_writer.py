"""The writer of KITTI tracking; the layout is drawn in kitti_tracking.py.

Labels that came from KITTI and were not moved are written back digit by digit; for the others the 2-D box, `truncated` and `alpha` are worked out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import ArgumentError, TimeError
from ..scene import Scene
from ..tracks import Origin, Visibility, interpolate_tracks
from .kitti_labels import alpha_rad, hwl_bottom_from_cuboids
from .kitti_tracking_sensors import Rig, calibration_text, put, rig_of, write_images, write_poses, write_sweeps
from .write_report import WriteReport

__all__ = ["write"]

_SAME = 1e-9  # metres and radians: a label is still the one that was read
_OWN_ATTRIBUTES = {"truncated", "occluded"}
_OWN_SOURCE = {"alpha_rad", "box_xyxy_px", "dimensions_hwl_m", "location_rect_m", "rotation_y_rad", "score"}


def write(scene: Scene, folder: Path, report: WriteReport, *, sequence: str | None = None) -> None:
    """Writes `training/` into `folder`, which exists and is empty.

    sequence : four digits; by default the scene's name where it is such a name, else 0000
    """
    if not scene.lidars:
        raise ArgumentError(
            "KITTI tracking needs a LiDAR: its cuboids stand upright in the LiDAR's frame", field=f"scene {scene.name!r}", hint="add one"
        )
    if sequence is None:
        sequence = scene.name if re.fullmatch(r"[0-9]{4}", scene.name) else "0000"
    elif not re.fullmatch(r"[0-9]{4}", sequence):
        raise ArgumentError(expected="four digits", got=repr(sequence), field="sequence")
    if sequence != scene.name:
        report.dropped.append(f"the scene's name {scene.name!r}: it is sequence {sequence}")
    report.tolerance_m = report.tolerance_rad = _SAME
    base = folder / "training"
    rig = rig_of(scene, report)
    put(base / "calib" / f"{sequence}.txt", calibration_text(rig.rows))
    put(base / "label_02" / f"{sequence}.txt", _label_text(scene, rig, report))
    write_poses(scene, folder / "poses" / f"{sequence}.csv", report)
    write_sweeps(scene, base / "velodyne" / sequence, report)
    write_images(scene, base, sequence, rig, report)
    _say_what_is_lost(scene, report)
    report.n_frames = len(scene)


# ------------------------------------------------------------ labels


@dataclass
class _Row:
    frame: int
    number: int
    category: str
    hwl_bottom: Float64s
    kept: Mapping[str, Any] | None  # KITTI's own columns, where they still hold
    attributes: Mapping[str, Any]
    occluded: int


def _label_text(scene: Scene, rig: Rig, report: WriteReport) -> str:
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    lidar = next(iter(scene.lidars))
    numbers = _track_numbers(scene, report)
    categories = _categories(scene, report)
    lines: list[tuple[int, int, str]] = [(int(row["frame_index"]), -1, _ignored_text(row)) for row in _ignored(scene, report)]
    tilted: list[float] = []
    unseen = 0
    frames = np.asarray(many.time_index)
    for i in np.unique(frames).tolist():
        here = np.flatnonzero(frames == i)
        cuboids = many.cuboids[here]
        if scene.label_frame != lidar:
            cuboids = cuboids.transformed(scene.transform(lidar, scene.label_frame, int(scene.times_ns[i])), frame=lidar)
        tilt = np.arccos(np.clip(cuboids.rotation[:, 2, 2], -1, 1))
        tilted += tilt[np.hypot(cuboids.rotation[:, 0, 2], cuboids.rotation[:, 1, 2]) > _SAME].tolist()
        packed = hwl_bottom_from_cuboids(cuboids, rig.rect_from_lidar)
        rows = []
        for j, k in enumerate(here.tolist()):
            track = scene.tracks[int(many.track_index[k])]
            keyframe, held = _keyframe(track.times_ns, int(scene.times_ns[i]))
            source = track.keyframe_source_attributes[keyframe] if keyframe is not None and track.keyframe_source_attributes else {}
            attributes = track.keyframe_attributes[held] if track.keyframe_attributes else {}
            occluded = attributes.get("occluded")
            if not isinstance(occluded, int) or not 0 <= occluded <= 3:
                occluded = int(many.visibility[k] == Visibility.OCCLUDED)
            kept = _still_holds(source, attributes, packed[j])
            rows.append(_Row(i, numbers[track.track_id], categories[track.category], packed[j], kept, attributes, occluded))
        texts, n_unseen = _row_texts(rows, cuboids, rig, scene, i)
        unseen += n_unseen
        lines += [(row.frame, row.number, text) for row, text in zip(rows, texts)]
    report.n_labels = len(frames)
    report.n_tracks = len(np.unique(np.asarray(many.track_index)))
    if tilted:
        report.dropped.append(
            f"the tilt of {len(tilted)} cuboids, up to {np.degrees(max(tilted)):.2f} degrees against the LiDAR: KITTI keeps their heading alone"
        )
        report.tolerance_rad = max(report.tolerance_rad, max(tilted))
    if unseen:
        report.dropped.append(f"the 2-D boxes of {unseen} labels that no picture shows: written as -1 -1 -1 -1 with truncated 2")
    _say_what_tracks_lose(scene, many.track_index, report)
    return "".join(text for _, _, text in sorted(lines, key=lambda line: line[:2]))


def _keyframe(times_ns: Int64s, stamp: int) -> tuple[int | None, int]:
    """(the keyframe at this time or None, the last one at or before)"""
    held = int(np.searchsorted(times_ns, stamp, side="right")) - 1
    return (held if times_ns[held] == stamp else None), held


def _still_holds(source: Mapping[str, Any], attributes: Mapping[str, Any], packed: Float64s) -> Mapping[str, Any] | None:
    try:
        then = np.array([*source["dimensions_hwl_m"], *source["location_rect_m"], source["rotation_y_rad"]], np.float64)
        ok = len(source["box_xyxy_px"]) == 4 and set(attributes) >= _OWN_ATTRIBUTES and _is_close(then, packed)
    except (KeyError, TypeError, ValueError):
        return None
    return source if ok else None


def _is_close(then: Float64s, now: Float64s) -> bool:
    turn = (now[6] - then[6] + np.pi) % (2 * np.pi) - np.pi
    return bool(then.shape == (7,) and np.abs(then[:6] - now[:6]).max() < _SAME and abs(turn) < _SAME)


def _row_texts(rows: list[_Row], cuboids: Cuboids, rig: Rig, scene: Scene, frame_index: int) -> tuple[list[str], int]:
    """Lines of one frame, and how many of them have no 2-D box because no picture shows them."""
    new = np.array([row.kept is None for row in rows], bool)
    boxes, truncation, seen = _boxes(cuboids[new], rig, scene, frame_index)
    alphas = alpha_rad(np.array([row.hwl_bottom for row in rows]))
    texts, k = [], 0
    for row, alpha in zip(rows, alphas):
        if row.kept is not None:
            kept = row.kept
            truncated = row.attributes["truncated"]
            occluded: Any = row.attributes["occluded"]
            numbers = [kept["alpha_rad"], *kept["box_xyxy_px"], *kept["dimensions_hwl_m"], *kept["location_rect_m"], kept["rotation_y_rad"]]
            numbers += [kept["score"]] if "score" in kept else []
        else:
            truncated, occluded = int(np.searchsorted([0.01, 0.5], truncation[k], side="right")), row.occluded
            numbers = [alpha, *boxes[k], *row.hwl_bottom]
            k += 1
        cells = [str(row.frame), str(row.number), row.category, _number(truncated), _number(occluded), *(repr(float(v)) for v in numbers)]
        texts.append(" ".join(cells) + "\n")
    return texts, int((~seen).sum()) if rig.cameras else 0


def _boxes(cuboids: Cuboids, rig: Rig, scene: Scene, frame_index: int) -> tuple[Float64s, Float64s, Bools]:
    """(M, 4) 2-D boxes in the first camera, (M,) truncation, (M,) whether the picture shows it."""
    n = len(cuboids)
    boxes, truncation, seen = np.full((n, 4), -1.0), np.ones(n), np.zeros(n, bool)
    if n and "image_02" in rig.cameras:
        from ..projection import project_cuboids

        sensor = rig.cameras["image_02"]
        lidar = next(iter(scene.lidars))
        try:
            cam_from_lidar = scene.cam_from(frame_index, sensor.name, lidar)
        except TimeError:  # exposed before the first pose or after the last: as if the vehicle stood
            cam_from_lidar = scene.ego_from(sensor.name).inverse() @ scene.ego_from(lidar)
        seen_by = project_cuboids(cuboids, sensor.camera, cam_from_lidar)
        seen = np.asarray(seen_by.visible)
        edge = np.array([sensor.camera.width_px - 1, sensor.camera.height_px - 1] * 2, np.float64)
        boxes[seen] = np.clip(seen_by.xyxy[seen], 0, edge)
        truncation[seen] = seen_by.truncation[seen]
    return boxes, truncation, seen


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))


def _ignored(scene: Scene, report: WriteReport) -> list[Mapping[str, Any]]:
    """The DontCare regions the scene was read with."""
    rows = scene.source_attributes.get("ignore_regions", [])
    good = [row for row in rows if isinstance(row, Mapping) and {"frame_index", "truncated", "occluded", *_OWN_SOURCE} - {"score"} <= set(row)]
    if len(good) < len(rows):
        report.dropped.append(f"{len(rows) - len(good)} ignore regions that are not KITTI's")
    return good


def _ignored_text(row: Mapping[str, Any]) -> str:
    numbers = [row["alpha_rad"], *row["box_xyxy_px"], *row["dimensions_hwl_m"], *row["location_rect_m"], row["rotation_y_rad"]]
    numbers += [row["score"]] if "score" in row else []
    cells = [str(int(row["frame_index"])), "-1", "DontCare", _number(row["truncated"]), _number(row["occluded"]), *(repr(float(v)) for v in numbers)]
    return " ".join(cells) + "\n"


def _track_numbers(scene: Scene, report: WriteReport) -> dict[str, int]:
    """track_id -> KITTI's number: the id itself where it is one."""
    numbers = {t.track_id: int(t.track_id) for t in scene.tracks if re.fullmatch(r"0|[1-9][0-9]{0,8}", t.track_id)}
    taken = set(numbers.values())
    free = (i for i in range(10**9) if i not in taken)
    others = [track.track_id for track in scene.tracks if track.track_id not in numbers]
    for track_id in others:
        numbers[track_id] = next(free)
    if others:
        report.dropped.append(f"{len(others)} track ids that are not whole numbers, such as {others[0]!r}: they are numbered")
    return numbers


def _categories(scene: Scene, report: WriteReport) -> dict[str, str]:
    """category -> a word of plain letters."""
    words = {name: re.sub(r"[^!-~]+", "_", name) or "_" for name in scene.categories}
    changed = [f"{name!r} is {word}" for name, word in words.items() if name != word]
    if changed:
        report.dropped.append(f"spelling of categories: {', '.join(changed[:10])}")
    return words


# ------------------------------------------------------------ what is lost


def _say_what_tracks_lose(scene: Scene, track_index: Any, report: WriteReport) -> None:
    gone = len(scene.tracks) - report.n_tracks
    if gone:
        report.dropped.append(f"{gone} tracks that are in no frame")
    at_frames = sum(int((np.isin(t.times_ns, scene.times_ns) & (t.visibility != Visibility.OUTSIDE)).sum()) for t in scene.tracks)
    off = sum(int((~np.isin(t.times_ns, scene.times_ns)).sum()) for t in scene.tracks)
    if off:
        report.dropped.append(f"{off} keyframes between the frames")
    if report.n_labels > at_frames:
        report.dropped.append(
            f"which labels are keyframes: {report.n_labels - at_frames} of {report.n_labels} were interpolated, and now look like the others"
        )
    if any((track.origin != Origin.GIVEN).any() for track in scene.tracks):
        report.dropped.append("who wrote the keyframes")


def _say_what_is_lost(scene: Scene, report: WriteReport) -> None:
    names = {name for track in scene.tracks for row in track.keyframe_attributes for name in row} - _OWN_ATTRIBUTES
    names |= {name for track in scene.tracks for name in track.attributes}
    source = {name for track in scene.tracks for row in track.keyframe_source_attributes for name in row} - _OWN_SOURCE
    source |= {name for track in scene.tracks for name in track.source_attributes}
    for what, found in (
        ("attributes", names),
        ("source attributes of labels", source),
        ("source attributes of the scene", set(scene.source_attributes) - {"kitti_calib", "ignore_regions"}),
        ("tags", set(scene.tags)),
    ):
        if found:
            report.dropped.append(f"{what}: {', '.join(sorted(map(str, found)))}")
    if scene.relations:
        report.dropped.append(f"{len(scene.relations)} relations between tracks")
    if list(scene.frame_ids) != [f"{i:06d}" for i in range(len(scene))]:
        report.dropped.append("the frames' names: they are numbered")
