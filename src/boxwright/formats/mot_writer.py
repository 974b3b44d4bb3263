"""The writer of MOTChallenge; the layout is drawn in mot.py."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..arrays import Int64s
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..limits import FARTHEST_PX
from ..scene import CameraSensor, Scene
from ..shapes2d import Boxes
from .camera_labels import CameraLabels
from .frame_rates import checked_rate, is_rate, rate_of, say_no_rate, say_rate
from .image_labels import labels_seen, say_what_is_lost, the_camera
from .mot import CAPABILITIES, CLASSES, CORNER_PX, RATE_COMMENT, whole_rate
from .own_fields import lost_own_fields
from .write_report import Told, WriteReport

__all__ = ["write"]

_AT_ONCE = 128  # frames whose lines are in memory together
_NUMBERS = {name: number for number, name in CLASSES.items()} | {"person": 1, "people": 1, "motorcycle": 5, "cyclist": 2}


def write(scene: Scene, folder: Path, report: WriteReport, *, camera: str | None = None, frame_rate: float | None = None) -> None:
    """Writes gt/gt.txt into `folder`, which exists and is empty: a line for every frame in which a track is, keyframe or not. Beside it seqinfo.ini,
    where a rate of frames is known, the scene came with one, or there is no label.

    camera : whose labels, where the scene has labels in the pictures of several, or only cuboids and several cameras
    frame_rate : in Hz, where the scene has no time
    """
    frame_rate = checked_rate(frame_rate)
    sensor = the_camera(scene, camera, report)
    seen = labels_seen(scene, sensor)
    tracks, stamps, n_lines, n_boxless = seen.labelled, seen.stamps_ns, 0, 0
    (folder / "gt").mkdir()
    with tempfile.TemporaryFile(dir=folder) as aside, (folder / "gt" / "gt.txt").open("w", encoding="utf-8", newline="\n") as file:
        boxes = _Boxes(aside, seen)
        ids = _numbers([track.track_id for track in (*tracks, *boxes.tracks)], report)
        for first in range(0, len(stamps), _AT_ONCE):
            lines, n = _lines(tracks, ids, first, stamps[first : first + _AT_ONCE])
            lines += boxes.lines(ids, first)
            file.writelines(text for _, _, text in sorted(lines, key=lambda line: line[:2]))
            n_lines, n_boxless = n_lines + len(lines), n_boxless + n
    if n_boxless:
        report.dropped.append(Told("shapes", f"labels without a box around them, such as masks without a pixel: {n_boxless}", n=n_boxless))
    known, rate = _info(scene, sensor, frame_rate, report)
    if "frameRate" in known or "mot" in scene.source_attributes or not n_lines:  # a sequence without labels is known by nothing else
        comment = f"{RATE_COMMENT}{rate:.9f}\n" if rate is not None and round(rate, 9) != whole_rate(rate) else ""
        values = "".join(f"{name}={value}\n" for name, value in known.items())
        (folder / "seqinfo.ini").write_text(f"[Sequence]\n{comment}{values}", "utf-8", newline="\n")
        if comment:
            report.notes.append(f"seqinfo.ini tells {whole_rate(rate or 0)} frames a second, as MOT's are whole; a comment there tells {rate:.9g}")
    else:  # the challenge's tools refuse one that tells no rate, and do without the file
        said = "the scene's name, the number of frames and the size of pictures: seqinfo.ini holds them, for which no rate is known"
        report.dropped.append(Told("times", said))
    report.n_frames, report.n_tracks, report.n_labels, report.tolerance_px = len(scene), seen.n_tracks, n_lines, 1e-9
    _say_what_is_lost(seen, [*tracks, *boxes.tracks], report, frame_rate)


class _Boxes:
    """The boxes around what the camera sees of cuboids, set aside in a file while all tracks are gone through once, and read some frames at a time: a
    clip may have millions.

    tracks : as they are without all but their first keyframe
    """

    _ROW = np.dtype([("frame", np.int64), ("xyxy", np.float64, 4)])

    def __init__(self, file: IO[bytes], seen: CameraLabels) -> None:
        self.file, self.tracks, self._left = file, list[ImageTrack](), list[tuple[int, int]]()
        n_rows = 0
        for track in seen.tracks():
            if seen.n_projected:  # those labelled there come first
                filled = track.at(seen.stamps_ns)
                frames = np.flatnonzero(filled.is_valid)
                rows = np.zeros(len(frames), self._ROW)
                rows["frame"], rows["xyxy"] = frames, filled.shapes[frames].bounds_xyxy()
                file.write(rows.tobytes())
                self.tracks.append(track.take(slice(1)))
                self._left.append((n_rows, n_rows + len(rows)))
                n_rows += len(rows)

    def lines(self, ids: Mapping[str, int], first: int) -> list[tuple[int, int, str]]:
        """(frame, number, text) of the lines of the frames from `first`, which follow those asked for before."""
        lines = []
        for k, (track, (at, end)) in enumerate(zip(self.tracks, self._left)):
            self.file.seek(at * self._ROW.itemsize)
            rows = np.frombuffer(self.file.read(min(end - at, _AT_ONCE) * self._ROW.itemsize), self._ROW)
            rows = rows[rows["frame"] < first + _AT_ONCE]
            self._left[k] = (at + len(rows), end)
            number, rest = ids[track.track_id], _rest(track, {})
            places = (rows["frame"] - first).tolist()
            lines += [(i, number, _line(first + i, number, box, rest)) for i, box in zip(places, rows["xyxy"].tolist())]
        return lines


def _lines(tracks: Sequence[ImageTrack], ids: Mapping[str, int], first: int, stamps: Int64s) -> tuple[list[tuple[int, int, str]], int]:
    """((frame, number, text) of the lines of some frames; how many labels have no box: masks without a pixel, keypoints of which none is there)"""
    lines, n_boxless = list[tuple[int, int, str]](), 0
    for track in tracks:
        if track.times_ns[0] <= stamps.max() and track.times_ns[-1] >= stamps.min():
            own, n = _lines_of(track, ids[track.track_id], first, stamps)
            lines += own
            n_boxless += n
    return lines, n_boxless


def _lines_of(track: ImageTrack, number: int, first: int, stamps: Int64s) -> tuple[list[tuple[int, int, str]], int]:
    """((frame, number, text) of each line, how many labels have no box)"""
    filled = track.at(stamps)
    xyxy = filled.shapes.bounds_xyxy()
    has_box = np.isfinite(xyxy).all(axis=1)
    lines = []
    for i in np.flatnonzero(filled.is_valid & has_box).tolist():
        k = int(filled.keyframe_index[i])
        rest = _rest(track, track.keyframe_source_attributes[k] if track.keyframe_source_attributes else {})
        lines.append((i, number, _line(first + i, number, xyxy[i].tolist(), rest)))
    return lines, int((filled.is_valid & ~has_box).sum())


def _rest(track: ImageTrack, own: Mapping[str, Any]) -> Sequence[float]:
    """What a line says behind the box: as it came with the track, else that it counts, its class, and that all of it is seen."""
    rest = own.get("mot", track.source_attributes.get("mot"))
    return rest if _are_numbers(rest) else [1, _NUMBERS.get(track.category, -1), 1]


def _line(frame: int, number: int, xyxy: Sequence[float], rest: Sequence[float]) -> str:
    left, top, right, bottom = xyxy
    box = (left + CORNER_PX, top + CORNER_PX, right - left, bottom - top)
    return ",".join([str(frame + 1), str(number), *map(_number, box), *map(_number, rest)]) + "\n"


def _are_numbers(values: Any) -> bool:
    return (
        isinstance(values, Sequence)
        and 0 < len(values) <= 10
        and all(isinstance(value, (int, float)) and abs(value) < FARTHEST_PX for value in values)
    )


def _number(value: float) -> str:
    rounded = round(value, 9)
    return str(int(rounded)) if rounded == int(rounded) else repr(rounded)


def _numbers(track_ids: Sequence[str], report: WriteReport) -> Mapping[str, int]:
    """track_id -> MOT's number: the id itself where it is one."""
    numbers = {one: int(one) for one in track_ids if re.fullmatch("0|[1-9][0-9]{0,8}", one)}
    taken = set(numbers.values())
    free = (i for i in range(1, 10**9) if i not in taken)
    others = [one for one in track_ids if one not in numbers]
    for track_id in others:
        numbers[track_id] = next(free)
        report.track_names[str(numbers[track_id])] = track_id
    if others:
        said = f"{number_of(len(others), 'track id')} not a whole number under a billion, such as {others[0]!r}: numbered here"
        report.dropped.append(Told("track_ids", said, others))
    return numbers


def _info(scene: Scene, sensor: CameraSensor, frame_rate: float | None, report: WriteReport) -> tuple[Mapping[str, str], float | None]:
    """What seqinfo.ini says, without frameRate where no rate is known; and the rate."""
    width, height = sensor.camera.size_px
    known: dict[str, str] = {"name": re.sub(r"\s+", " ", scene.name)}
    rate = rate_of(scene) or (None if scene.has_time else frame_rate)
    if rate is not None and not is_rate(rate):
        say_no_rate(report, rate, "MOT's")
        rate = None
    if rate is not None:
        known["frameRate"] = str(whole_rate(rate))
    known |= {"seqLength": str(len(scene)), "imWidth": str(width), "imHeight": str(height)}
    kept = scene.source_attributes.get("mot")
    lines = known | {name: str(value) for name, value in kept.items() if name not in known} if isinstance(kept, Mapping) else known
    return {"imDir": "img1", "imExt": ".jpg"} | lines, rate


def _say_what_is_lost(seen: CameraLabels, tracks: Sequence[ImageTrack], report: WriteReport, frame_rate: float | None) -> None:
    scene = seen.scene
    report.dropped += lost_own_fields([*seen.scene.tracks, *tracks], ["mot"])
    say_what_is_lost(seen, report, CAPABILITIES, [str(i + 1) for i in range(len(scene))])
    if scene.has_time and (is_rate(rate_of(scene)) or not rate_of(scene)):
        say_rate(report, scene, "MOT")
    if not scene.has_time and frame_rate is None:
        report.notes.append("no rate of frames is known; it can be given with frame_rate=")
    others = [track for track in tracks if not isinstance(track.shapes, Boxes)]
    if others:
        said = f"{number_of(len(others), 'track')} of {', '.join(sorted({track.shapes.KIND for track in others}))}: the boxes around them"
        report.rounded.append(Told("shapes", said, [track.track_id for track in others]))
    unknown = sorted({track.category for track in tracks if track.category not in _NUMBERS and "mot" not in track.source_attributes})
    if unknown:
        report.dropped.append(Told("classes", f"classes that MOT has no number for: {', '.join(unknown[:10])}", unknown))
    known = dict.fromkeys(track.category for track in tracks if track.category in _NUMBERS and "mot" not in track.source_attributes)
    renamed = {name: f"{name} is {CLASSES[_NUMBERS[name]]}" for name in known if name != CLASSES[_NUMBERS[name]]}
    if renamed:
        report.rounded.append(Told("classes", f"classes: {', '.join(renamed.values())}", renamed))
