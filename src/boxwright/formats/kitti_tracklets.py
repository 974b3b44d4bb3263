"""KITTI raw's `tracklet_labels.xml`: objects with one size each and a pose for each of their frames.

    boost_serialization/tracklets/item: objectType h w l first_frame finished
                                        poses/item: tx ty tz rx ry rz state occlusion truncation ...

A pose is in the velodyne's frame, (tx, ty, tz) is the *bottom* centre, the rotation is Rz(rz) Ry(ry) Rx(rx); rz leaves (-pi, pi]. Datumaro, and with
it CVAT, means other things by the same names: kitti_raw_dialects.py tells which, and by what such a file is known.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import rotations
from ..cuboids import Cuboids
from ..errors import FormatError, LimitError
from ..limits import FARTHEST_M, LABEL_BYTES, TRACK_BYTES, LabelRoom, limits
from ..problems import Problems
from .strict_xml import walk

__all__ = [
    "INTERPOLATED",
    "MOST_FIELDS",
    "OWN_ID",
    "POSE",
    "SOURCE_POSE",
    "Tracklet",
    "TrackletFile",
    "cuboids_from_bottom_poses",
    "read_tracklets",
    "value_of",
]

INTERPOLATED = 1  # `state` of a pose that KITTI's tool interpolated; 2 was set by hand
POSE = ("tx", "ty", "tz", "rx", "ry", "rz")
SOURCE_POSE = "pose_txyz_rxyz"  # the source attribute that holds a pose as it was read
OWN_ID = "boxwright.track_id"  # an attribute of ours, the track that a tracklet is of
_ATTRIBUTE = "attributes/attribute"
_TRACKLETS, _TRACKLET, _POSES, _POSE_ITEM = "tracklets", "tracklets/item", "tracklets/item/poses", "tracklets/item/poses/item"
_IN_POSE, _IN_ATTRIBUTE, _POSE_VERSION = f"{_POSE_ITEM}/", f"/{_ATTRIBUTE}/", f"{_POSES}/item_version"
_ATTRIBUTES = (f"{_TRACKLET}/{_ATTRIBUTE}", f"{_POSE_ITEM}/{_ATTRIBUTE}")
_COUNTS = (f"{_TRACKLETS}/count", f"{_POSES}/count")
_OPENED = ("", _TRACKLET, _POSE_ITEM)
_HIDDEN, _BORDERS = ("state", "occlusion", "occlusion_kf", "truncation"), ("amt_border_l", "amt_border_r", "amt_border_kf")
_BESIDE_POSE = (*_HIDDEN, "amt_occlusion", "amt_occlusion_kf", *_BORDERS)
_NAMES_IN_POSE = {f"{_IN_POSE}{name}": name for name in (*POSE, *_BESIDE_POSE)}  # KITTI's own: nearly all elements of a file
_WHOLE = re.compile("-?[0-9]{1,18}")
MOST_FIELDS = 256  # of a tracklet or a pose; as many attributes
_HINT = "correct the file or get it again"


@dataclass
class Tracklet:
    """One object.

    number : its place in the file, from 0; line : where it starts
    frames : (K,) increasing; poses : (K, 6) tx ty tz rx ry rz; columns : K mappings of what else a pose says
    others : what else the tracklet says
    attributes, track_attributes : those that Datumaro writes, of each of K poses, and of all; of a file of KITTI's own there are none
    """

    number: int
    line: int
    category: str = ""
    size_hwl_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    first_frame: int = 0
    frames: list[int] = field(default_factory=list)
    poses: list[list[float]] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    others: dict[str, Any] = field(default_factory=dict)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    track_attributes: dict[str, Any] = field(default_factory=dict)

    def at(self, rows: list[int]) -> Tracklet:
        """The tracklet with some of its poses."""
        picked: dict[str, Any] = {name: [getattr(self, name)[i] for i in rows] for name in ("frames", "poses", "columns", "attributes")}
        return dataclasses.replace(self, **picked)


@dataclass(frozen=True)
class TrackletFile:
    """What a file holds, and what tells who wrote it.

    tracklets : in the order of the file, without those of which no pose holds
    pose_version : what the first `poses` says as its `item_version`, or None
    pose_fields : the names of what the first pose says, in their order
    """

    tracklets: list[Tracklet]
    pose_version: str | None
    pose_fields: tuple[str, ...]


def cuboids_from_bottom_poses(tracklet: Tracklet) -> Cuboids:
    """(K,) cuboids in the frame "lidar"; the centre lies half the height above the bottom, along the cuboid's own z."""
    poses = np.array(tracklet.poses, np.float64).reshape(-1, 6)
    height, width, length = tracklet.size_hwl_m
    size = np.tile([length, width, height], (len(poses), 1))
    if not poses[:, 3:5].any():
        return Cuboids(poses[:, :3] + [0, 0, height / 2], size, rotations.wrap_rad(poses[:, 5]), frame="lidar")
    turn = rotations.quat_from_euler(poses[:, [5, 4, 3]], "ZYX")
    up = rotations.matrix_from_quat(turn)[:, :, 2]
    return Cuboids(poses[:, :3] + up * height / 2, size, quat_wxyz=turn, frame="lidar")


def read_tracklets(path: Path, problems: Problems) -> TrackletFile:
    reader = _Reader(path, problems)
    for is_start, name, place, line, text in walk(path):
        if is_start:
            if place in _OPENED:
                reader.start(name, place, line)
        else:
            reader.end(place, text, line)
    if reader.counts.get(_TRACKLETS) is None and not reader.n_tracklets:
        raise FormatError("no tracklets", expected="boost_serialization/tracklets", path=path, hint=_HINT)
    reader.check_count(_TRACKLETS, reader.n_tracklets)
    return TrackletFile(reader.found, reader.pose_version, reader.pose_fields)


class _Reader:
    """Takes the elements one by one, so that a file is never held as a whole."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path, self.problems, self.limits = path, problems, limits()
        self.found: list[Tracklet] = []
        self.room = LabelRoom(path)
        self.n_tracklets = self.n_poses = 0
        self.counts: dict[str, tuple[str, int]] = {}
        self.words: dict[str, tuple[str, int]] = {}  # of the tracklet at hand: name -> (text, line)
        self.pose_words: dict[str, tuple[str, int]] = {}
        self.attributes: dict[str, tuple[str, int]] = {}
        self.pose_attributes: dict[str, tuple[str, int]] = {}
        self.attribute: list[tuple[str, str, int]] = []  # of the one at hand: "name" or "value", its text and line
        self.tracklet = Tracklet(0, 0)
        self.wrong: FormatError | None = None  # with the tracklet at hand
        self.pose_wrong: FormatError | None = None
        self.pose_version: str | None = None
        self.pose_fields: tuple[str, ...] = ()

    def start(self, name: str, place: str, line: int) -> None:
        if not place and name != "boost_serialization":
            raise FormatError("not a tracklet file", expected="<boost_serialization>", got=f"<{name[:40]}>", path=self.path, hint=_HINT)
        if place == _TRACKLET:
            self.room.take(TRACK_BYTES)
            self.tracklet, self.words, self.attributes, self.n_poses = Tracklet(self.n_tracklets, line), {}, {}, 0
            self.counts.pop(_POSES, None)
            self.wrong = None
            self.n_tracklets += 1
            self.limits.check("tracks_per_scene", self.n_tracklets, self.path)
        elif place == _POSE_ITEM:
            self.room.take(LABEL_BYTES)
            self.pose_words, self.pose_attributes, self.pose_wrong = {}, {}, None
            self.n_poses += 1
            self.limits.check("keyframes_per_track", self.n_poses, self.path, f"tracklet {self.tracklet.number}")

    def end(self, place: str, text: str | None, line: int) -> None:
        name = _NAMES_IN_POSE.get(place)
        if name is not None and text is not None:
            self._field(True, name, text, line)
        elif place == _POSE_ITEM:
            self._pose(line)
        elif place == _TRACKLET:
            self._tracklet()
        elif place in _ATTRIBUTES:
            self._attribute(place.startswith(_POSE_ITEM), line)
        elif text is None or place.endswith("/attributes"):
            return
        elif _IN_ATTRIBUTE in place:
            self.attribute.append((place.rsplit("/", 1)[1], text, line))
            if len(self.attribute) > MOST_FIELDS:
                self._too_many(line)
        elif place == _POSE_VERSION:
            self.pose_version = text if self.pose_version is None else self.pose_version
        elif place in _COUNTS:
            self.counts[place.removesuffix("/count")] = (text, line)
        elif place.startswith(_IN_POSE):
            self._field(True, place.removeprefix(_IN_POSE), text, line)
        elif place.startswith(f"{_TRACKLET}/") and not place.startswith(f"{_POSES}/") and place != _POSES:
            self._field(False, place.removeprefix(f"{_TRACKLET}/"), text, line)

    def _field(self, is_of_pose: bool, name: str, text: str, line: int) -> None:
        """One that comes twice costs its pose or its tracklet, at whose end it is told."""
        words = self.pose_words if is_of_pose else self.words
        if name not in words and len(words) < MOST_FIELDS:
            words[name] = (text, line)
            return
        try:
            self._put(words, name, text, line)
        except FormatError as error:
            if is_of_pose:
                self.pose_wrong = self.pose_wrong or error
            else:
                self.wrong = self.wrong or error

    def _put(self, words: dict[str, tuple[str, int]], name: str, text: str, line: int) -> None:
        if name in words:
            raise FormatError("a field comes twice", got=name[:40], path=self.path, offset=f"line {line}", hint=_HINT)
        words[name] = (text, line)
        if len(words) > MOST_FIELDS:
            self._too_many(line)

    def _too_many(self, line: int) -> None:
        expected = f"at most {MOST_FIELDS} fields in a tracklet or a pose"
        raise LimitError(expected=expected, got="more", path=self.path, offset=f"line {line}", hint=_HINT)

    def _attribute(self, is_of_pose: bool, line: int) -> None:
        """One that does not hold costs nothing but itself."""
        elements, self.attribute = self.attribute, []
        place = {"tracklet": self.tracklet.number, **({"pose": self.n_poses - 1} if is_of_pose else {})}
        with self.problems.aside({**place, "attribute": [[name, text] for name, text, _ in elements]}):
            said: dict[str, tuple[str, int]] = {}
            for element in elements:
                self._put(said, *element)
            name, _ = said.get("name", ("", 0))
            if not name or "value" not in said:
                got = ", ".join(said) or "none of them"
                raise FormatError(expected="an attribute with a name and a value", got=got, path=self.path, offset=f"line {line}", hint=_HINT)
            self._put(self.pose_attributes if is_of_pose else self.attributes, name, *said["value"])

    def check_count(self, place: str, n: int) -> None:
        text, line = self.counts.get(place, (str(n), 0))
        if text != str(n):
            error = FormatError(
                expected=f"{text[:20]} items in {place.split('/')[-1]}, as their count says",
                got=str(n),
                path=self.path,
                offset=f"line {line}",
                hint=_HINT,
            )
            self.problems.keep(error, {"count": text})

    def _pose(self, line: int) -> None:
        """A pose that does not hold leaves a gap in its tracklet."""
        with self.problems.aside({"tracklet": self.tracklet.number, "pose": self.n_poses - 1, **_texts(self.pose_words)}):
            if self.pose_wrong is not None:
                raise self.pose_wrong
            pose = self._numbers(self.pose_words, POSE) or [self._number(self.pose_words, name, line) for name in POSE]
            columns = {name: _plain(text) for name, (text, _) in self.pose_words.items() if name not in POSE}
            self.tracklet.frames.append(self.n_poses - 1)
            self.tracklet.poses.append(pose)
            self.tracklet.columns.append(columns)
            self.tracklet.attributes.append(_values(self.pose_attributes))
            self.pose_fields = self.pose_fields or tuple(self.pose_words)

    def _tracklet(self) -> None:
        self.check_count(_POSES, self.n_poses)
        tracklet, words = self.tracklet, self.words
        with self.problems.aside({"tracklet": tracklet.number, **_texts(words)}):
            if self.wrong is not None:
                raise self.wrong
            height, width, length = (self._number(words, name, tracklet.line) for name in "hwl")
            if min(height, width, length) <= 0:
                got = f"{height} {width} {length}"
                raise FormatError(
                    expected="a positive h, w and l", got=got, path=self.path, offset=f"line {words['h'][1]}", field="h w l", hint="correct the label"
                )
            first, line = words.get("first_frame", ("", tracklet.line))
            if not re.fullmatch("[0-9]{1,9}", first):
                expected = "a whole number of up to nine digits"
                raise FormatError(expected=expected, got=repr(first[:40]), path=self.path, offset=f"line {line}", field="first_frame", hint=_HINT)
            tracklet.category, line = words.get("objectType", ("", tracklet.line))
            if not tracklet.category:
                raise FormatError("a field is missing", expected="objectType", path=self.path, offset=f"line {line}", hint=_HINT)
            if not tracklet.frames:
                raise FormatError("a tracklet without a pose", path=self.path, offset=f"line {tracklet.line}", hint="take it out of the file")
            tracklet.size_hwl_m, tracklet.first_frame = (height, width, length), int(first)
            tracklet.frames = [tracklet.first_frame + i for i in tracklet.frames]
            known = {"h", "w", "l", "first_frame", "objectType"}
            tracklet.others = {name: _plain(text) for name, (text, _) in words.items() if name not in known}
            tracklet.track_attributes = _values(self.attributes)
            self.found.append(tracklet)

    @staticmethod
    def _numbers(words: dict[str, tuple[str, int]], names: tuple[str, ...]) -> list[float] | None:
        """What `_number` makes of each, None where one does not hold: most do."""
        try:
            found = [float(words[name][0]) for name in names]
        except (KeyError, ValueError):
            return None
        return found if all(abs(value) < FARTHEST_M for value in found) else None

    def _number(self, words: dict[str, tuple[str, int]], name: str, line: int) -> float:
        if name not in words:
            raise FormatError(
                "a field is missing", expected=name, got=", ".join(words)[:100] or "none", path=self.path, offset=f"line {line}", hint=_HINT
            )
        text, line = words[name]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not abs(value) < FARTHEST_M:
            expected = f"a number under {FARTHEST_M:g}" if math.isfinite(value) else "a finite number"
            raise FormatError(expected=expected, got=repr(text[:40]), path=self.path, offset=f"line {line}", field=name, hint=_HINT)
        return value


def _texts(words: dict[str, tuple[str, int]]) -> dict[str, str]:
    return {name: text for name, (text, _) in words.items()}


def _values(words: dict[str, tuple[str, int]]) -> dict[str, Any]:
    """Attributes as Datumaro takes them: "true" and "false" are such, texts that are a number's own spelling are numbers."""
    return {name: text if name == OWN_ID else value_of(text) for name, (text, _) in words.items()}


def value_of(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    value = _plain(text)
    return value if str(value) == text else text


@functools.lru_cache(1024)  # most are 0, 1, 2 and -1
def _plain(text: str) -> Any:
    """The number that a text is, or the text."""
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text
