"""MOTChallenge: comma-separated boxes, one object in one frame a line.

    <sequence>/gt/gt.txt       frame, id, left, top, width, height, then conf, class, visibility (MOT16 on) or conf, x, y, z (2D MOT 2015)
    <sequence>/seqinfo.ini     name, frameRate, seqLength, imWidth, imHeight, imDir, imExt
    <sequence>/img1/000001.jpg

Frames, ids and pixels count from 1: the corner of the first pixel is (1, 1) there and (-0.5, -0.5) here. An object is in the picture where it has a
line, and nowhere else: a gap between its lines ends a visible span. What the columns after the box say stays with the track as "mot", or with its
keyframes where it changes. The challenge's rates are whole, and its tools refuse others and further names: the rate of a recording that has another
stands in a comment beside the nearest whole one.
"""

from __future__ import annotations

import configparser
import math
import os
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import UncalibratedCamera
from ..errors import FormatError, number_of
from ..image_tracks import ImageTrack
from ..keyframes import Visibility
from ..limits import FARTHEST_PX, TRACK_BYTES, LabelRoom, checked_size, limits
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..shapes2d import Boxes
from .declared import Capabilities, Exactness
from .frame_rates import LEAST_HZ, frame_times
from .images import IMAGE_SUFFIXES
from .laid_over import NO_SIZE
from .looking import head, names_of, subfolders
from .sensor_files import SensorFiles

__all__ = ["CAPABILITIES", "CLASSES", "CORNER_PX", "RATE_COMMENT", "detect", "list_scenes", "read", "sequence_place", "whole_rate"]

CAPABILITIES = Capabilities(
    title="MOTChallenge",
    reads="shapes video classes track_ids times pictures other_fields",
    writes="shapes video classes track_ids times other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "shapes": "those of one camera stay; others than boxes become the boxes around them",
        "classes": "those that the challenge has numbers for stay, others are dropped",
        "track_ids": "whole numbers stay, others are numbered",
        "times": "one rate for all frames, from 0",
    },
    one_camera=True,
    projects=True,
    exact=Exactness(px=1e-9),
    client="datumaro",
    client_exact=Exactness(px=0.0156),  # 0.01 px for each of three numbers, in float32
    remarks=("Datumaro reads it with every corner and size rounded to 0.01 px.",),
)

RATE_COMMENT = "; boxwright: frames a second "  # without the sign that makes lines of values
CORNER_PX = 1.5  # MOT's place of the point that is (0, 0) here, less one corner: left = u + CORNER_PX
CLASSES = {
    1: "pedestrian",
    2: "person on vehicle",
    3: "car",
    4: "bicycle",
    5: "motorbike",
    6: "non-motorised vehicle",
    7: "static person",
    8: "distractor",
    9: "occluder",
    10: "occluder on the ground",
    11: "occluder full",
    12: "reflection",
    13: "crowd",
}
_MOST_COLUMNS = 16
_GAP = rb"[ \t]*+"  # nothing here is tried twice: a line of a thousand digits would take minutes
_NUMBER = _GAP + rb"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:e[+-]?\d++)?" + _GAP
_LINE = re.compile(rb"\s*+\d++" + _GAP + b"," + _GAP + rb"-?\d++" + _GAP + b"(?:," + _NUMBER + rb"){4,8}+\r?(?:\n|\Z)", re.IGNORECASE)
_HINT = "correct the line or get the file again"
_CLASS = 5  # its place among the numbers from `left` on
_LABEL_BYTES = 600  # what a line takes in memory


def whole_rate(rate_hz: float) -> int:
    """The nearest that the challenge's tools take."""
    return min(max(round(rate_hz), 1), 999_999)


def detect(path: Path) -> bool:
    return bool(_sequences(path))


def list_scenes(path: Path) -> list[str]:
    return [name for name, _ in _sequences(path)]


def _sequences(path: Path) -> list[tuple[str, Path]]:
    """(name, label file) of a label file, of a sequence's folder, or of a folder of such."""
    if path.is_file():
        return [(_name_of(path), path)] if path.suffix.lower() == ".txt" and _LINE.match(head(path, 4096)) else []
    if not path.is_dir():
        return []
    own = path / "gt" / "gt.txt"
    if _is_labels(own):
        return [(path.absolute().name, own)]
    below = [(folder.name, folder / "gt" / "gt.txt") for folder in subfolders(path)]
    return [(name, file) for name, file in below if _is_labels(file)]


def _is_labels(file: Path) -> bool:
    """A sequence that says what it is may have no label."""
    start = head(file, 4096)
    return _LINE.match(start) is not None or (not start.strip() and file.is_file() and (file.parents[1] / "seqinfo.ini").is_file())


def _name_of(file: Path) -> str:
    place = file.absolute()
    return place.parents[1].name if (place.parent.name, place.name) == ("gt", "gt.txt") else place.stem


def sequence_place(path: Path, scene: str) -> Path:
    return dict(_sequences(path))[scene]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file = sequence_place(path, scene)
    folder = file.absolute().parents[1] if file.name == "gt.txt" and file.absolute().parent.name == "gt" else None
    info = _Info(folder / "seqinfo.ini") if folder is not None and (folder / "seqinfo.ini").is_file() else _Info(None)
    tracks, notes = _tracks(file, problems)
    n_seen = 1 + max((int(track.times_ns[-1]) for track in tracks if track.visibility[-1] != Visibility.OUTSIDE), default=-1)
    n_frames = info.whole("seqLength") or n_seen
    if n_frames < n_seen:
        problems.keep(FormatError(expected=f"labels in {number_of(n_frames, 'frame')}, as seqLength says", got=f"in {n_seen}", path=file, hint=_HINT))
        n_frames = n_seen
    limits().check("frames_per_scene", n_frames, info.file or file)
    tracks = [_within(track, n_frames) for track in tracks]
    camera, more = _camera(info, tracks)
    rate = info.rate_hz()
    times = np.arange(n_frames) if rate is None else frame_times(n_frames, rate)
    if rate is None:
        notes.append("the rate of frames is not said: frames are counted")
    images, said = _pictures(folder, info, n_frames) if folder is not None else ([None] * n_frames, [])
    return Scene(
        name=info.text("name") or scene,
        times_ns=times,
        cameras={camera.name: camera},
        image_tracks=[track.replace(camera=camera.name, times_ns=times[track.times_ns]) for track in tracks],
        data=SensorFiles(images={camera.name: images}, sizes_px={camera.name: camera.camera.size_px}),
        has_time=rate is not None,
        label_frame=camera.name,
        frame_ids=tuple(str(i + 1) for i in range(n_frames)),
        format="mot",
        path=os.fspath(file),
        source_attributes={"mot": info.values} if info.values else {},
        notes=[*notes, *more, *said],
    )


class _Info:
    """seqinfo.ini, where there is one. values : what it says, as texts"""

    def __init__(self, file: Path | None) -> None:
        self.file, self.values = file, dict[str, str]()
        self.exact_hz: float | None = None  # what a comment tells
        if file is None:
            return
        limits().check("text_characters", checked_size(file), file)
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        try:
            text = file.read_text("utf-8-sig")
            parser.read_string(text)
            exact = re.search(rf"^{RATE_COMMENT}([0-9]{{1,6}}\.[0-9]{{1,12}})$", text, re.MULTILINE)
            self.exact_hz = None if exact is None else float(exact[1])
            self.values = dict(parser["Sequence"])
        except (configparser.Error, KeyError, UnicodeDecodeError) as error:
            expected, hint = "a section [Sequence] with lines name=value", "correct the file, or take it away"
            raise FormatError(expected=expected, got=str(error)[:80].replace("\n", " "), path=file, hint=hint) from None

    def text(self, name: str) -> str | None:
        return self.values.get(name) or None

    def number(self, name: str) -> float | None:
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,12})?", text) or float(text) < LEAST_HZ:
            raise FormatError(expected="a positive number", got=repr(text[:40]), path=self.file, field=name, hint="correct the file, or take it away")
        return float(text)

    def rate_hz(self) -> float | None:
        """That of the comment, as long as it goes with the rate that the file tells."""
        told = self.number("frameRate")
        return self.exact_hz if self.exact_hz is not None and told == whole_rate(self.exact_hz) and self.exact_hz >= LEAST_HZ else told

    def whole(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not re.fullmatch("[1-9][0-9]{0,8}", text):
            raise FormatError(
                expected="a whole number from 1", got=repr(text[:40]), path=self.file, field=name, hint="correct the file, or take it away"
            )
        return int(text)


def _camera(info: _Info, tracks: list[ImageTrack]) -> tuple[CameraSensor, list[str]]:
    width, height = info.whole("imWidth"), info.whole("imHeight")
    if width is not None and height is not None:
        limits().check("image_px", width * height, info.file or "", "imWidth imHeight")
        return CameraSensor("camera", UncalibratedCamera(width, height)), []
    low = np.ceil(np.max([*[track.shapes.bounds_xyxy()[:, 2:].max(axis=0) for track in tracks], (0.5, 0.5)], axis=0) + 0.5)
    width, height = (int(value) for value in low)
    limits().check("image_px", width * height, info.file or "", "size of the picture")
    return CameraSensor("camera", UncalibratedCamera(width, height)), [f"{NO_SIZE} of camera: {width} x {height} px holds all labels"]


def _pictures(folder: Path, info: _Info, n_frames: int) -> tuple[list[Path | None], list[str]]:
    base = folder / (info.text("imDir") or "img1")
    if base.parent != folder:
        raise FormatError(
            expected="the name of a folder beside seqinfo.ini", got=repr(info.text("imDir")), path=info.file, field="imDir", hint="correct it"
        )
    found = {name.partition(".")[0]: base / name for name in names_of(base, r"[0-9]{6}\.\w+") if name.lower().endswith(IMAGE_SUFFIXES)}
    images = [found.get(f"{i + 1:06d}") for i in range(n_frames)]
    beyond = len(found) - sum(image is not None for image in images)
    return images, [f"{number_of(beyond, 'picture')} of frames that the labels do not reach: left out"] if beyond else []


# ------------------------------------------------------------ lines


@dataclass
class _Rows:
    """The lines of one object, packed: a file may have a million.

    numbers, widths : left, top, width, height and the columns after them of all lines end to end, and how many numbers each line has
    """

    frames: array[int] = field(default_factory=lambda: array("q"))
    numbers: array[float] = field(default_factory=lambda: array("d"))
    widths: array[int] = field(default_factory=lambda: array("q"))
    places: set[int] = field(default_factory=set)

    def table(self) -> tuple[Int64s, Float64s]:
        """Frames and numbers in the order of the frames, NaN behind the numbers of shorter lines."""
        frames, widths = np.array(self.frames, np.int64), np.array(self.widths, np.int64)
        table = np.full((len(frames), int(widths.max())), np.nan)
        table[np.arange(table.shape[1]) < widths[:, None]] = self.numbers
        order = np.argsort(frames)
        return frames[order], table[order]


def _tracks(file: Path, problems: Problems) -> tuple[list[ImageTrack], list[str]]:
    """Tracks by their first frame, times in frames from 0."""
    objects: dict[int, _Rows] = {}
    room, bounds, n_unsaid = LabelRoom(file), limits(), 0
    for line, text in _lines(file):
        with problems.aside({"line": text}):
            frame, number, values = _row(file, line, text)
            room.take(_LABEL_BYTES if number in objects else _LABEL_BYTES + TRACK_BYTES)
            rows = objects.setdefault(number, _Rows())
            if frame in rows.places:
                raise FormatError("an object twice in a frame", got=f"id {number}", path=file, offset=f"line {line}", hint=_HINT)
            rows.places.add(frame)
            rows.frames.append(frame)
            rows.numbers.extend(values)
            rows.widths.append(len(values))
            bounds.check("keyframes_per_track", len(rows.frames), file, f"id {number}")
            bounds.check("tracks_per_scene", len(objects), file)
            n_unsaid += len(values) < _CLASS + 1 or values[_CLASS] == -1
    notes = [f"{number_of(n_unsaid, 'line')} without a class: taken to be pedestrians, as in all of the challenge's sequences"] if n_unsaid else []
    return [_track(number, *rows.table()) for number, rows in objects.items()], notes


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    limits().check("text_bytes", checked_size(file), file)
    with file.open("rb") as stream:
        for line, raw in enumerate(stream, 1):
            if len(raw) > limits().text_characters:
                limits().check("text_characters", len(raw), file, f"line {line}")
            if raw.strip():
                yield line, raw.decode("latin-1").strip()


def _row(file: Path, line: int, text: str) -> tuple[int, int, list[float]]:
    """Frame from 0, id, the numbers from `left` on."""

    def wrong(expected: str, got: str, field: str) -> FormatError:
        return FormatError(expected=expected, got=got, path=file, offset=f"line {line}", field=field or None, hint=_HINT)

    words = [word.strip() for word in text.split(",")]
    if not 6 <= len(words) <= _MOST_COLUMNS:
        raise wrong("frame, id, left, top, width, height and up to ten more columns", number_of(len(words), "column"), "")
    for name, word in zip(("frame", "id"), words):
        if not re.fullmatch(r"-?[0-9]{1,9}(\.0*)?", word):
            raise wrong("a whole number", repr(word[:40]), name)
    frame, number = (int(float(word)) for word in words[:2])
    if frame < 1:
        raise wrong("a frame from 1", str(frame), "frame")
    if number < 0:
        raise wrong("the id of a track", f"{number}, which stands for a detection of no track", "id")
    values = []
    for name, word in zip(("left", "top", "width", "height", *["column"] * _MOST_COLUMNS), words[2:]):
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not abs(value) < FARTHEST_PX:
            raise wrong(f"a number under {FARTHEST_PX:g}", repr(word[:40]), name)
        values.append(value)
    if values[2] < 0 or values[3] < 0:
        raise wrong("a width and a height from 0", f"{values[2]:g} {values[3]:g}", "width, height")
    return frame - 1, number, values


class _Kept(Sequence[Mapping[str, Any]]):
    """What the columns after the box say at each keyframe; each mapping is made when it is asked for.

    table : (K, M), NaN behind the numbers of shorter lines
    """

    def __init__(self, table: Float64s) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(index, slice):
            return _Kept(self._table[index])
        return {"mot": [_plain(value) for value in self._table[index].tolist() if not math.isnan(value)]}


def _track(number: int, frames: Int64s, table: Float64s) -> ImageTrack:
    """With a keyframe at each line, and one that is OUTSIDE in the first frame of each gap."""
    is_gap = np.diff(frames, append=frames[-1] + 1) > 1
    keyframes = np.concatenate([frames, frames[is_gap] + 1])
    rows = np.concatenate([np.arange(len(frames)), np.flatnonzero(is_gap)])
    order = np.argsort(keyframes)
    rests = table[:, 4:]
    kept, is_same = _Kept(rests[rows[order]]), bool(((rests == rests[0]) | (np.isnan(rests) & np.isnan(rests[0]))).all())
    n_rests = (~np.isnan(rests)).sum(axis=1)
    has_class = (n_rests > 1) & (n_rests != 4)  # of ten columns, the last three are a place
    kinds = np.unique(np.where(has_class, rests[:, 1], -1).astype(np.int64)).tolist() if rests.shape[1] > 1 else [-1]
    return ImageTrack(
        str(number),
        CLASSES.get(kinds[0], CLASSES[1]) if len(kinds) == 1 else CLASSES[1],
        "camera",
        keyframes[order],
        Boxes.from_xywh(table[rows[order], :4] - (CORNER_PX, CORNER_PX, 0, 0)),
        visibility=np.where(order < len(frames), Visibility.VISIBLE, Visibility.OUTSIDE).astype(np.uint8),
        source_attributes=kept[0] if is_same and n_rests[0] else {},
        keyframe_source_attributes=() if is_same else kept,
    )


def _plain(value: float) -> Any:
    return int(value) if value == int(value) else value


def _within(track: ImageTrack, n_frames: int) -> ImageTrack:
    """Without the keyframe that says a track is gone once the clip is over."""
    return track if track.times_ns[-1] < n_frames else track.take(track.times_ns < n_frames)
