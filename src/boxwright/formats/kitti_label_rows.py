"""Label rows as KITTI's writers for object and tracking have them, from `truncated` on, and what such rows cannot hold.

Labels that came from KITTI and were not moved are written back digit by digit; for the others `truncated` and `alpha` are worked out. The 2-D box is
that of the object's track in the pictures, and where there is none, the projected cuboid's.
In a scene `truncated` is a whole number where it is tracking's class (0, 1, 2), and a float where it is object's fraction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import ArgumentError, FormatError, TimeError, number_of
from ..limits import FARTHEST_M
from ..scene import Scene
from ..tracks import FilledTracks, Origin, Visibility, interpolate_tracks
from .kitti_boxes import NO_BOX, DrawnBoxes
from .kitti_labels import BOX, COLUMNS, alpha_rad, check_row, finite_numbers, hwl_bottom_from_cuboids
from .kitti_tracking_sensors import Rig
from .point_label_files import say_point_labels_are_lost
from .write_report import WriteReport

__all__ = ["SAME", "categories_in_words", "ignored_rows", "label_rows", "number_text", "row_text", "say_what_is_lost", "truncated_class"]

SAME = 1e-9  # metres and radians: a label is still the one that was read
_OWN_ATTRIBUTES = {"truncated", "occluded"}
_OWN_SOURCE = {"alpha_rad", BOX, "dimensions_hwl_m", "location_rect_m", "rotation_y_rad", "score"}


@dataclass
class _Row:
    track_index: int
    hwl_bottom: Float64s
    kept: Mapping[str, Any] | None  # KITTI's own columns, where they still hold
    box: list[float] | None  # in the picture, where one is drawn
    attributes: Mapping[str, Any]
    occluded: int


def label_rows(
    scene: Scene, rig_at: Callable[[int], Rig], report: WriteReport, truncated_text: Callable[[Any, float], str]
) -> dict[int, list[tuple[int, str]]]:
    """Frame -> (track index, its row from `truncated` on). Counts the labels, and says what of them is lost.

    rig_at : the sensors of a frame
    truncated_text : from KITTI's own value where it still holds, else None, and the part of the 2-D box that lies outside the picture
    """
    many = interpolate_tracks(scene.tracks, scene.times_ns)
    frames = np.asarray(many.time_index)
    lidar = next(iter(scene.lidars))
    tilted: list[float] = []
    unseen = n_turned = 0
    lines = {}
    main = rig_at(0).main_camera if len(scene) else None
    drawn = DrawnBoxes(scene, None if main is None else main.name)
    for i in np.unique(frames).tolist():
        here = np.flatnonzero(frames == i)
        cuboids = many.cuboids[here]
        if scene.label_frame != lidar:
            cuboids = cuboids.transformed(scene.transform(lidar, scene.label_frame, int(scene.times_ns[i])), frame=lidar)
        tilt = np.arccos(np.clip(cuboids.rotation[:, 2, 2], -1, 1))
        tilted += tilt[np.hypot(cuboids.rotation[:, 0, 2], cuboids.rotation[:, 1, 2]) > SAME].tolist()
        rig = rig_at(i)
        packed = hwl_bottom_from_cuboids(cuboids, rig.rect_from_lidar)
        if not np.abs(packed).max() < FARTHEST_M:
            got, hint = f"{np.abs(packed).max():g} m from the LiDAR in frame {i}", "leave such labels out"
            raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m", got=got, field="tracks", hint=hint)
        rows = [_row(scene, many, i, k, packed[j], drawn) for j, k in enumerate(here.tolist())]
        lines[i], n_unseen = _row_texts(rows, cuboids, rig, scene, i, truncated_text)
        unseen += n_unseen
        n_turned += sum(row.kept is not None and float(text.split()[0]) != row.attributes["truncated"] for row, (_, text) in zip(rows, lines[i]))
    report.n_labels = len(frames)
    report.n_tracks = len(np.unique(np.asarray(many.track_index)))
    if tilted:
        report.dropped.append(
            f"the tilt of {number_of(len(tilted), 'cuboid')}, up to {np.degrees(max(tilted)):.2f} degrees against the LiDAR: "
            "KITTI keeps the heading alone"
        )
        report.tolerance_rad = max(report.tolerance_rad, max(tilted))
    if unseen:
        report.dropped.append(
            f"the 2-D boxes of {number_of(unseen, 'label')} that no picture shows: written as -1 -1 -1 -1 with truncated {truncated_text(None, 1.0)}"
        )
    if n_turned:
        report.rounded.append(
            f"truncated of {number_of(n_turned, 'label')}: a fraction from 0 to 1 in KITTI object, a class 0, 1 or 2 in KITTI tracking"
        )
    _say_what_tracks_lose(scene, report)
    drawn.say_what_is_lost(set(zip(frames.tolist(), np.asarray(many.track_index).tolist())), report)
    return lines


def _row(scene: Scene, many: FilledTracks, frame_index: int, k: int, packed: Float64s, drawn: DrawnBoxes) -> _Row:
    track = scene.tracks[int(many.track_index[k])]
    keyframe, held = _keyframe(track.times_ns, int(scene.times_ns[frame_index]))
    source = track.keyframe_source_attributes[keyframe] if keyframe is not None and track.keyframe_source_attributes else {}
    attributes = track.keyframe_attributes[held] if track.keyframe_attributes else {}
    occluded = attributes.get("occluded")
    if not isinstance(occluded, int) or not 0 <= occluded <= 3:
        occluded = int(many.visibility[k] == Visibility.OCCLUDED)
    box = drawn.of.get((frame_index, int(many.track_index[k])))
    kept = _still_holds({BOX: NO_BOX, **source} if box is None else {**source, BOX: box}, attributes, packed)
    if box is None and kept is not None and BOX in source:
        box = list(map(float, kept[BOX]))
    return _Row(int(many.track_index[k]), packed, kept, box, attributes, occluded)


def _keyframe(times_ns: Int64s, stamp: int) -> tuple[int | None, int]:
    """(the keyframe at this time or None, the last one at or before)"""
    held = int(np.searchsorted(times_ns, stamp, side="right")) - 1
    return (held if times_ns[held] == stamp else None), held


def _still_holds(source: Mapping[str, Any], attributes: Mapping[str, Any], packed: Float64s) -> Mapping[str, Any] | None:
    """KITTI's own columns, where they are still those of the cuboid, and such as a reader takes."""
    try:
        then = np.array([*source["dimensions_hwl_m"], *source["location_rect_m"], source["rotation_y_rad"]], np.float64)
        ok = _is_close(then, packed) and _is_sound({**attributes, **source})
    except (KeyError, TypeError, ValueError):
        return None
    return source if ok else None


def _is_sound(columns: Mapping[str, Any]) -> bool:
    """Whether KITTI's own columns are numbers that can be; `truncated` may be object's or tracking's, the other one is made of it."""
    if len(columns[BOX]) != 4 or len(columns["dimensions_hwl_m"]) != 3 or len(columns["location_rect_m"]) != 3:
        return False
    try:
        values = finite_numbers([columns["truncated"], *row_text(columns, "").split()], Path(), 0, COLUMNS)
        check_row(values, 2 if isinstance(columns["truncated"], int) else 1, "", 0)
    except FormatError:
        return False
    return True


def _is_close(then: Float64s, now: Float64s) -> bool:
    turn = (now[6] - then[6] + np.pi) % (2 * np.pi) - np.pi
    return bool(then.shape == (7,) and np.abs(then[:6] - now[:6]).max() < SAME and abs(turn) < SAME)


def _row_texts(
    rows: list[_Row], cuboids: Cuboids, rig: Rig, scene: Scene, frame_index: int, truncated_text: Callable[[Any, float], str]
) -> tuple[list[tuple[int, str]], int]:
    """Rows of one frame, and how many of them have no 2-D box because none is drawn and no picture shows them."""
    boxes, truncation, seen = _boxes(cuboids, rig, scene, frame_index)
    alphas = alpha_rad(np.array([row.hwl_bottom for row in rows]))
    texts = []
    for row, projected, fraction, alpha in zip(rows, boxes.tolist(), truncation.tolist(), alphas):
        box = projected if row.box is None else row.box
        if row.kept is not None:
            columns = {**row.attributes, **row.kept, BOX: box}
            texts.append((row.track_index, row_text(columns, truncated_text(row.attributes["truncated"], fraction))))
        else:
            numbers = " ".join(repr(float(value)) for value in (alpha, *box, *row.hwl_bottom))
            texts.append((row.track_index, f"{truncated_text(None, fraction)} {row.occluded} {numbers}"))
    is_new = np.array([row.box is None for row in rows], bool)
    return texts, int((is_new & ~seen).sum()) if rig.cameras else 0


def row_text(columns: Mapping[str, Any], truncated: str) -> str:
    """KITTI's own columns as they were read, from `truncated` on."""
    numbers = [columns["alpha_rad"], *columns[BOX], *columns["dimensions_hwl_m"], *columns["location_rect_m"], columns["rotation_y_rad"]]
    numbers += [columns["score"]] if "score" in columns else []
    return " ".join([truncated, number_text(columns["occluded"]), *(repr(float(value)) for value in numbers)])


def truncated_class(value: Any, fraction: float) -> str:
    """Tracking's 0, 1, 2: none, a part, more than half outside the picture; -1 where it is not known."""
    if isinstance(value, int):
        return str(value)
    part = fraction if value is None else float(value)
    return "-1" if part < 0 else str(int(np.searchsorted([0.01, 0.5], part, side="right")))


def _boxes(cuboids: Cuboids, rig: Rig, scene: Scene, frame_index: int) -> tuple[Float64s, Float64s, Bools]:
    """(M, 4) 2-D boxes in the first camera, (M,) truncation, (M,) whether the picture shows it."""
    n = len(cuboids)
    boxes, truncation, seen = np.full((n, 4), -1.0), np.ones(n), np.zeros(n, bool)
    sensor = rig.main_camera
    if n and sensor is not None:
        from ..projection import project_cuboids

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


def number_text(value: Any) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))


def ignored_rows(scene: Scene, report: WriteReport) -> list[Mapping[str, Any]]:
    """The DontCare regions the scene was read with."""
    rows = scene.source_attributes.get("ignore_regions", [])
    good = [row for row in rows if _is_region(row, len(scene))]
    if len(good) < len(rows):
        report.dropped.append(f"{len(rows) - len(good)} ignore regions that are not KITTI's")
    return good


def _is_region(row: Any, n_frames: int) -> bool:
    try:
        return isinstance(row["frame_index"], int) and 0 <= row["frame_index"] < n_frames and _is_sound(row)
    except (KeyError, TypeError, ValueError):
        return False


def categories_in_words(scene: Scene, report: WriteReport) -> dict[str, str]:
    """category -> a word of plain letters, which is not the one for regions without labels."""
    words = {name: re.sub(r"[^!-~]+", "_", name) or "_" for name in scene.categories}
    words = {name: "DontCare_" if word == "DontCare" else word for name, word in words.items()}
    changed = [f"{name!r} is {word}" for name, word in words.items() if name != word]
    if changed:
        report.dropped.append(f"spelling of categories: {', '.join(changed[:10])}")
    return words


# ------------------------------------------------------------ what is lost


def _say_what_tracks_lose(scene: Scene, report: WriteReport) -> None:
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


def say_what_is_lost(scene: Scene, report: WriteReport) -> None:
    say_point_labels_are_lost(scene, report)
    names = {name for track in scene.tracks for row in track.keyframe_attributes for name in row} - _OWN_ATTRIBUTES
    names |= {name for track in scene.tracks for name in track.attributes}
    source = {name for track in scene.tracks for row in track.keyframe_source_attributes for name in row} - _OWN_SOURCE
    source |= {name for track in scene.tracks for name in track.source_attributes}
    for what, found in (
        ("attributes", names),
        ("source attributes of labels", source),
        ("source attributes of the scene", set(scene.source_attributes) - {"kitti_calib", "ignore_regions"}),
        ("tags", {tag.name for tag in scene.tags}),
    ):
        if found:
            report.dropped.append(f"{what}: {', '.join(sorted(map(str, found)))}")
    if scene.relations:
        report.dropped.append(f"{number_of(len(scene.relations), 'relation')} between tracks")
    if scene.problems:
        n = len(scene.problems)
        report.dropped.append(f"{n} record{'s that were' if n > 1 else ' that was'} kept aside")
