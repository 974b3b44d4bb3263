"""Label rows as KITTI's writers for object and tracking have them, from `truncated` on, and what such rows cannot hold.

Labels that came from KITTI and were not moved are written back digit by digit; for the others `alpha` is worked out. `truncated` and `occluded` stay
as they were said, and are worked out where nobody said them, or what cannot be, which is told. The 2-D box is
that of the object's track in the pictures, and where there is none, the projected cuboid's. A number has the decimals that are customary in a
format's own files, 6 in tracking and 2 in object, where these say it, and all its digits elsewhere.
In a scene `truncated` is a whole number where it is tracking's class (0, 1, 2), and a float where it is object's fraction.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import ArgumentError, FormatError, TimeError, number_of
from ..limits import FARTHEST_M
from ..scene import Scene
from ..tracks import Origin, Visibility, interpolate_tracks
from .kitti_boxes import NO_BOX, DrawnBoxes
from .kitti_counterparts import as_in_rows
from .kitti_labels import BOX, COLUMNS, alpha_rad, check_row, finite_numbers, hwl_bottom_from_cuboids, is_whole
from .kitti_tracking_sensors import Rig
from .point_label_files import say_point_labels_are_lost
from .write_report import Told, WriteReport

__all__ = ["SAME", "categories_in_words", "decimal_text", "ignored_rows", "label_rows", "row_text", "say_what_is_lost", "truncated_class"]

SAME = 1e-9  # metres and radians: a label is still the one that was read
_NOISE = 1e-10  # what numbers gain on their way through frames: customary decimals that are nearer say them
_AT_ONCE = 128  # frames whose labels are in memory together
_FrameRows = list[tuple[int, str]]  # track index, row
_OWN_ATTRIBUTES = {"truncated", "occluded"}
_OWN_SOURCE = {"alpha_rad", BOX, "dimensions_hwl_m", "location_rect_m", "rotation_y_rad", "score"}


def label_rows(
    scene: Scene, rig_at: Callable[[int], Rig], report: WriteReport, truncated_text: Callable[[Any, float], str], n_decimals: int
) -> Iterator[tuple[int, _FrameRows]]:
    """(frame, (track index, its row from `truncated` on) of each label) of all frames with labels, in order. Counts the labels, and says once all
    are told what of them is lost.

    rig_at : the sensors of a frame
    truncated_text : from KITTI's own value where it still holds, else None, and the part of the 2-D box that lies outside the picture
    n_decimals : of the numbers, by custom
    """
    main = rig_at(0).main_camera if len(scene) else None
    folder = next((name for name, sensor in rig_at(0).cameras.items() if sensor is main), "") if main is not None else ""
    drawn = DrawnBoxes(scene, None if main is None else main.name, folder)
    rows = _Rows(scene, rig_at, truncated_text, n_decimals)
    for first in range(0, len(scene), _AT_ONCE):
        boxes = drawn.among(first, min(first + _AT_ONCE, len(scene)))
        yield from rows.among(first, boxes)
        drawn.n_alone += len(boxes)
    report.n_labels, report.n_tracks = rows.n_labels, len(rows.tracks)
    if rows.n_tilted:
        most = f"up to {np.degrees(rows.most_tilt_rad):.2f} degrees against the LiDAR"
        said = f"the tilt of {number_of(rows.n_tilted, 'cuboid')}, {most}: KITTI keeps the heading alone"
        report.dropped.append(Told("full_rotation", said, n=rows.n_tilted))
        report.tolerance_rad = max(report.tolerance_rad, rows.most_tilt_rad)
    if rows.n_unseen:
        said = f"written as -1 -1 -1 -1 with truncated {truncated_text(None, 1.0)}"
        report.dropped.append(Told("", f"the 2-D boxes of {number_of(rows.n_unseen, 'label')} that no picture shows: {said}"))
    if rows.n_turned:
        said = f"truncated of {number_of(rows.n_turned, 'label')}: a fraction from 0 to 1 in KITTI object, a class 0, 1 or 2 in KITTI tracking"
        report.rounded.append(Told("attributes", said, ["truncated"]))
    for name, tracks in rows.impossible.items():
        which = f"of {number_of(len(tracks), 'track')}, which cannot be, and is worked out: {', '.join([*tracks][:10])}"
        report.dropped.append(Told("attributes", f"{name} {which}", tracks))
    if rows.unlike:
        said = f"which of {number_of(sum(rows.unlike.values()), 'label')} are occluded: what their attribute `occluded` says is written"
        report.dropped.append(Told("visibility", said, rows.unlike))
    if rows.remade:
        said = f"KITTI's columns of {number_of(sum(rows.remade.values()), 'label')} that were edited: they are worked out again"
        report.dropped.append(Told("other_fields", said, rows.remade))
    _say_what_tracks_lose(scene, report)
    drawn.say_what_is_lost(report)


class _Rows:
    """The rows of frames, and how many there are of which something is lost.

    n_tilted, most_tilt_rad : cuboids that stand aslant in the LiDAR's frame; n_unseen : without a 2-D box because none is drawn and no picture shows
    them; n_turned : whose `truncated` is written another way than it was read; impossible : attribute -> the names of tracks that say what cannot be
    """

    def __init__(self, scene: Scene, rig_at: Callable[[int], Rig], truncated_text: Callable[[Any, float], str], n_decimals: int) -> None:
        self.scene, self.rig_at, self.truncated_text, self.n_decimals = scene, rig_at, truncated_text, n_decimals
        self.lidar = next(iter(scene.lidars))
        self.n_labels = self.n_tilted = self.n_unseen = self.n_turned = 0
        self.most_tilt_rad = 0.0
        self.tracks = set[int]()
        self.impossible: dict[str, dict[str, None]] = {}
        self.unlike: dict[str, int] = {}  # track -> labels that are hidden where their `occluded` says otherwise, or the other way round
        self.remade: dict[str, int] = {}  # track -> labels whose columns do not hold any more

    def among(self, first: int, boxes: dict[tuple[int, int], list[float]]) -> Iterator[tuple[int, _FrameRows]]:
        """Of the frames from `first` on. boxes : (frame, track index) -> what is drawn there; those that rows have are taken out"""
        times = self.scene.times_ns[first : first + _AT_ONCE]
        many = interpolate_tracks(self.scene.tracks, times)
        frame, track = np.asarray(many.time_index, np.int64), np.asarray(many.track_index, np.int64)
        held = _last_keyframes(self.scene, times[frame], track)
        hidden = many.visibility == Visibility.OCCLUDED
        order = np.argsort(frame, kind="stable")
        ends = np.searchsorted(frame[order], np.arange(len(times) + 1)).tolist()
        for i, (start, end) in enumerate(itertools.pairwise(ends), first):
            here = order[start:end]
            if len(here):
                listed = list(zip(track[here].tolist(), held[here].tolist(), hidden[here].tolist()))
                yield i, self._frame(i, many.cuboids[here], listed, boxes)
        self.n_labels += len(many)
        self.tracks.update(np.unique(track).tolist())

    def _frame(self, i: int, cuboids: Cuboids, listed: Sequence[tuple[int, int, bool]], boxes: dict[tuple[int, int], list[float]]) -> _FrameRows:
        """listed : (track index, last keyframe, whether it is hidden) of each cuboid"""
        scene = self.scene
        if scene.label_frame != self.lidar:
            cuboids = cuboids.transformed(scene.transform(self.lidar, scene.label_frame, int(scene.times_ns[i])), frame=self.lidar)
        tilt = np.arccos(np.clip(cuboids.rotation[:, 2, 2], -1, 1))
        tilted = tilt[np.hypot(cuboids.rotation[:, 0, 2], cuboids.rotation[:, 1, 2]) > SAME]
        self.n_tilted += len(tilted)
        self.most_tilt_rad = max(self.most_tilt_rad, float(tilted.max(initial=0.0)))
        rig = self.rig_at(i)
        packed = hwl_bottom_from_cuboids(cuboids, rig.rect_from_lidar)
        if not np.abs(packed).max() < FARTHEST_M:
            got, hint = f"{np.abs(packed).max():g} m from the LiDAR in frame {i}", "leave such labels out"
            raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m", got=got, field="tracks", hint=hint)
        projected, truncation, seen = _boxes(cuboids, rig, scene, i)
        numbers = np.concatenate([alpha_rad(packed)[:, None], projected, packed], 1).tolist()
        texts = []
        for j, ((k, held, is_hidden), fraction) in enumerate(zip(listed, truncation.tolist())):
            attributes, kept, box = self._told(i, k, held, packed[j], boxes)
            if box is None:
                self.n_unseen += bool(rig.cameras) and not seen[j]
            else:
                numbers[j][1:5] = box
            if kept is not None:
                text = row_text({**attributes, **kept, BOX: numbers[j][1:5]}, self.truncated_text(attributes["truncated"], fraction), self.n_decimals)
                self.n_turned += float(text.split()[0]) != attributes["truncated"]
            else:
                attributes = {**attributes, **as_in_rows(attributes, is_hidden)}
                said, occluded = self._possible(k, attributes, "truncated"), self._possible(k, attributes, "occluded")
                truncated = self.truncated_text(said, fraction)
                self.n_turned += said is not None and float(truncated) != said
                text = f"{truncated} {int(is_hidden) if occluded is None else occluded} {_numbers_text(numbers[j], self.n_decimals)}"
            if (text.split(maxsplit=2)[1] in ("1", "2")) != is_hidden:
                name = self.scene.tracks[k].track_id
                self.unlike[name] = self.unlike.get(name, 0) + 1
            texts.append((k, text))
        return texts

    def _possible(self, k: int, attributes: Mapping[str, Any], name: str) -> Any:
        """What the label says of it, or None; that which cannot be is remembered."""
        value = attributes.get(name)
        if value is None or _CAN_BE[name](value):
            return value
        self.impossible.setdefault(name, {})[self.scene.tracks[k].track_id] = None
        return None

    def _told(
        self, i: int, k: int, held: int, packed: Float64s, boxes: dict[tuple[int, int], list[float]]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, list[float] | None]:
        """(attributes, KITTI's own columns where they still hold, the box in the picture where one is drawn)"""
        track, box = self.scene.tracks[k], boxes.pop((i, k), None) if boxes else None
        attributes = {**track.attributes, **(track._held[held] if track.keyframe_attributes else {})}
        is_key = bool(track.keyframe_source_attributes) and track.times_ns[held] == self.scene.times_ns[i]
        source = track.keyframe_source_attributes[held] if is_key else {}
        if not source:
            return attributes, None, box
        kept = _still_holds({BOX: NO_BOX, **source} if box is None else {**source, BOX: box}, attributes, packed)
        if kept is None and not _OWN_SOURCE.isdisjoint(source):
            self.remade[track.track_id] = self.remade.get(track.track_id, 0) + 1
        if box is None and kept is not None and BOX in source:
            box = list(map(float, kept[BOX]))
        return attributes, kept, box


def _is_truncated(value: Any) -> bool:
    """Tracking's class, or object's fraction; -1 in both where it is not known."""
    return is_whole(value, (-1, 0, 1, 2)) or (isinstance(value, float) and (value == -1 or 0 <= value <= 1))


_CAN_BE: dict[str, Callable[[Any], bool]] = {"truncated": _is_truncated, "occluded": lambda value: is_whole(value, (-1, 0, 1, 2, 3))}


def _last_keyframes(scene: Scene, times_ns: Int64s, track: Int64s) -> Int64s:
    """(K,) of each row the last keyframe at or before its time. track : (K,) index, those of one track together"""
    held = np.zeros(len(track), np.int64)
    starts = np.flatnonzero(np.diff(track, prepend=-1)).tolist()
    for start, end in itertools.pairwise([*starts, len(track)]):
        held[start:end] = np.searchsorted(scene.tracks[int(track[start])].times_ns, times_ns[start:end], side="right") - 1
    return held


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
    if (
        isinstance(columns["truncated"], bool)
        or len(columns[BOX]) != 4
        or len(columns["dimensions_hwl_m"]) != 3
        or len(columns["location_rect_m"]) != 3
    ):
        return False
    try:
        values = finite_numbers([columns["truncated"], *row_text(columns, "", 0).split()], Path(), 0, COLUMNS)
        check_row(values, 2 if isinstance(columns["truncated"], int) else 1, "", 0)
    except (FormatError, OverflowError):
        return False
    return True


def _is_close(then: Float64s, now: Float64s) -> bool:
    turn = (now[6] - then[6] + np.pi) % (2 * np.pi) - np.pi
    return bool(then.shape == (7,) and np.abs(then[:6] - now[:6]).max() < SAME and abs(turn) < SAME)


def row_text(columns: Mapping[str, Any], truncated: str, n_decimals: int) -> str:
    """KITTI's own columns as they were read, from `truncated` on; with 0 decimals, whole numbers are written as such."""
    numbers = [columns["alpha_rad"], *columns[BOX], *columns["dimensions_hwl_m"], *columns["location_rect_m"], columns["rotation_y_rad"]]
    numbers += [columns["score"]] if "score" in columns else []
    return f"{truncated} {decimal_text(columns['occluded'], 0)} {_numbers_text(numbers, n_decimals)}"


def _numbers_text(numbers: Sequence[float], n_decimals: int) -> str:
    return " ".join(decimal_text(number, n_decimals) for number in numbers)


def decimal_text(value: float, n_decimals: int) -> str:
    """The number with so many decimals where that says it, else with all its digits."""
    short = f"{value:.{n_decimals}f}"
    return short if abs(float(short) - value) <= _NOISE else repr(float(value))


def truncated_class(value: Any, fraction: float) -> str:
    """Tracking's 0, 1, 2: none, a part, more than half outside the picture; -1 where it is not known."""
    if isinstance(value, int):
        return str(value)
    part = fraction if value is None else float(value)
    return "-1" if part < 0 else str(bisect.bisect_right((0.01, 0.5), part))


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


def ignored_rows(scene: Scene, report: WriteReport) -> list[Mapping[str, Any]]:
    """The DontCare regions the scene was read with."""
    rows = scene.source_attributes.get("ignore_regions", [])
    good = [row for row in rows if _is_region(row, len(scene))]
    if len(good) < len(rows):
        report.dropped.append(Told("", f"{len(rows) - len(good)} ignore regions that are not KITTI's"))
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
    changed = {name: f"{name!r} is {word}" for name, word in words.items() if name != word}
    if changed:
        report.dropped.append(Told("classes", f"spelling of categories: {', '.join([*changed.values()][:10])}", changed))
    return words


# ------------------------------------------------------------ what is lost


def _say_what_tracks_lose(scene: Scene, report: WriteReport) -> None:
    gone = len(scene.tracks) - report.n_tracks
    if gone:
        report.dropped.append(Told("", f"{gone} tracks that are in no frame"))
    at_frames = sum(int((np.isin(t.times_ns, scene.times_ns) & (t.visibility != Visibility.OUTSIDE)).sum()) for t in scene.tracks)
    off = sum(int((~np.isin(t.times_ns, scene.times_ns)).sum()) for t in scene.tracks)
    if off:
        report.dropped.append(Told("", f"{off} keyframes between the frames"))
    if report.n_labels > at_frames:
        n_between = report.n_labels - at_frames
        said = f"which labels are keyframes: {n_between} of {report.n_labels} were interpolated, and now look like the others"
        report.dropped.append(Told("keyframes", said))
    if any((track.origin != Origin.GIVEN).any() for track in scene.tracks):
        report.dropped.append(Told("", "who wrote the keyframes"))


def say_what_is_lost(scene: Scene, report: WriteReport) -> None:
    say_point_labels_are_lost(scene, report)
    names = {name for track in scene.tracks for row in (track.attributes, *track.keyframe_attributes) for name in row} - _OWN_ATTRIBUTES
    source = {name for track in scene.tracks for row in track.keyframe_source_attributes for name in row} - _OWN_SOURCE
    source |= {name for track in scene.tracks for name in track.source_attributes}
    for field, what, found in (
        ("attributes", "attributes", names),
        ("other_fields", "source attributes of labels", source),
        ("", "source attributes of the scene", set(scene.source_attributes) - {"kitti_calib", "ignore_regions"}),
        ("tags", "tags", {tag.name for tag in scene.tags}),
    ):
        if found:
            report.dropped.append(Told(field, f"{what}: {', '.join(sorted(map(str, found)))}", map(str, found)))
    if scene.relations:
        n = len(scene.relations)
        report.dropped.append(Told("relations", f"{number_of(n, 'relation')} between tracks", n=n))
    if scene.problems:
        n = len(scene.problems)
        report.dropped.append(Told("", f"{n} record{'s that were' if n > 1 else ' that was'} kept aside"))
