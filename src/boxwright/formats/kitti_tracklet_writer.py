"""The writer of `tracklet_labels.xml`; the layout is drawn in kitti_tracklets.py, both its meanings in kitti_raw_dialects.py."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..cuboids import Cuboids
from ..errors import ArgumentError, number_of
from ..frames import Pose
from ..keyframes import State, Visibility
from ..limits import FARTHEST_M
from ..rotations import euler_xyz_from_quat, euler_zyx_from_quat
from ..scene import Scene
from ..tracks import Origin, Track
from .dense_tracks import moved_each
from .kitti_counterparts import as_in_raw
from .kitti_labels import is_whole
from .kitti_raw_dialects import CVAT, KITTI, OUT_OF_IMAGE
from .kitti_tracklets import INTERPOLATED, MOST_FIELDS, OWN_ID, POSE, SOURCE_POSE, value_of
from .labelled_frames import say_what_is_in_no_frame, sensor_frame
from .write_report import Told, WriteReport
from .xml_text import NO_CHARACTER

__all__ = ["SAME", "poses_of_cuboids", "write_tracklets"]

SAME = 1e-9  # metres and radians: a label is still the one that was read
_BY_HAND, _UNKNOWN = 2, -1
_AMOUNTS = {
    KITTI: ("amt_occlusion", "amt_occlusion_kf", "amt_border_l", "amt_border_r", "amt_border_kf"),
    CVAT: ("amt_occlusion", "amt_border_l", "amt_border_r", "amt_occlusion_kf", "amt_border_kf"),
}
_POSE_VERSION = {KITTI: 2, CVAT: 0}
_OWN = {"occlusion", "truncation"}
Said = Mapping[str, Any]


def poses_of_cuboids(cuboids: Cuboids, dialect: str = KITTI) -> Float64s:
    """(K, 6) tx ty tz rx ry rz of cuboids in the LiDAR's frame: the inverse of `cuboids_from_bottom_poses`, or of `cuboids_from_center_poses`."""
    if dialect == CVAT:
        return np.concatenate([cuboids.center_m, euler_xyz_from_quat(cuboids.quat_wxyz)], 1)
    down = cuboids.rotation[:, :, 2] * cuboids.size_m[:, 2:] / 2
    return np.concatenate([cuboids.center_m - down, euler_zyx_from_quat(cuboids.quat_wxyz)], 1)


def write_tracklets(scene: Scene, path: Path, report: WriteReport, dialect: str = KITTI) -> None:
    """Counts tracks and labels, and says what of them is lost beside what the format has no place for. ArgumentError for a cuboid out of all reach.

    The labels of one track are in memory at a time: the tracklets wait in a file of their own, since their number stands before them.
    """
    writer = _Tracklets(scene, report, dialect)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=path.parent) as aside:
        for track in scene.tracks:
            writer.track(track, aside)
        aside.seek(0)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write('<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>\n<!DOCTYPE boost_serialization>\n')
            file.write('<boost_serialization signature="serialization::archive" version="9">\n')
            file.write('<tracklets class_id="0" tracking_level="0" version="0">\n')
            file.write(f"\t<count>{writer.n_tracklets}</count>\n\t<item_version>1</item_version>\n")
            shutil.copyfileobj(aside, file)
            file.write("</tracklets>\n</boost_serialization>\n\n")
    writer.say_what_is_lost()


class _Tracklets:
    """Writes tracks as tracklets, and counts what is lost of them."""

    def __init__(self, scene: Scene, report: WriteReport, dialect: str) -> None:
        self.scene, self.report, self.dialect = scene, report, dialect
        self.lidar = sensor_frame(scene)
        self.places: dict[int, Pose] = {}
        self.n_tracklets = self.n_out = 0
        self.split = list[str]()
        self.heads = dict(zip(("tracklet", "poses", "pose"), (1, 2, 3)))  # what has not come yet -> its class_id
        self.lost, self.changed, self.lost_source, self.respelled = set[str](), set[str](), set[str](), dict[str, str]()
        self.names = _names_as_read([track.track_id for track in scene.tracks])
        self.misread = set[str]()  # attributes whose names or texts are others when they are read

    def track(self, track: Track, file: IO[str]) -> None:
        filled = track.at(self.scene.times_ns)
        frames = np.flatnonzero(filled.is_valid)
        if not len(frames):
            return
        cuboids = self._placed(filled.cuboids[frames], frames)
        held, state = filled.keyframe_index[frames], filled.state[frames]
        hidden = track.visibility[held] == Visibility.OCCLUDED
        said = [{**track.attributes, **(track._held[k] if track.keyframe_attributes else {})} for k in held.tolist()]
        poses = self._poses(track, cuboids, held, state == State.KEYFRAME)
        ends = np.diff(frames) != 1 if self.dialect == KITTI else np.zeros(len(frames) - 1, bool)
        ends = np.flatnonzero(ends | (np.abs(np.diff(cuboids.size_m, axis=0)).max(axis=1) > SAME)) + 1
        self.split += [track.track_id] if len(ends) else []
        self.report.n_tracks += 1
        self.report.n_labels += len(frames)
        for rows in np.split(np.arange(len(frames)), ends):
            last, texts = int(frames[rows[0]]) - 1, list[str]()
            for i in rows.tolist():
                columns = self._columns(track, int(held[i]), bool(state[i] == State.KEYFRAME), bool(hidden[i]), said[i])
                gap = int(frames[i]) - 1 - last
                if gap:
                    texts += [self._pose(poses[i], {**columns, "occlusion": _UNKNOWN, "truncation": OUT_OF_IMAGE[0]}, {})] * gap
                texts.append(self._pose(poses[i], columns, said[i]))
                last = int(frames[i])
            self._tracklet(track, cuboids.size_m[rows[0]], int(frames[rows[0]]), texts, file)

    def _placed(self, cuboids: Cuboids, frames: Int64s) -> Cuboids:
        """In the LiDAR's frame, each at its own time."""
        scene = self.scene
        if scene.label_frame != self.lidar:
            for i in frames.tolist():
                if i not in self.places:
                    self.places[i] = scene.transform(self.lidar, scene.label_frame, int(scene.times_ns[i]))
            cuboids = moved_each(cuboids, [self.places[i] for i in frames.tolist()], np.arange(len(frames)), self.lidar)
        farthest = float(np.abs(cuboids.center_m).max())
        if not farthest < FARTHEST_M:
            got = f"a cuboid {farthest:g} m from the LiDAR"
            raise ArgumentError(expected=f"coordinates and sizes under {FARTHEST_M:g} m", got=got, field="tracks", hint="leave it out")
        return cuboids

    def _poses(self, track: Track, cuboids: Cuboids, held: Int64s, is_key: Bools) -> list[list[float]]:
        """Of keyframes that are where they were read, the numbers that were read."""
        poses = poses_of_cuboids(cuboids, self.dialect)
        sources = track.keyframe_source_attributes
        for i in np.flatnonzero(is_key).tolist() if sources else ():
            then = sources[int(held[i])].get(SOURCE_POSE)
            if isinstance(then, (list, tuple)) and len(then) == len(POSE) and all(isinstance(value, (int, float)) for value in then):
                apart = poses[i] - np.array(then, np.float64)
                apart[3:] = (apart[3:] + np.pi) % (2 * np.pi) - np.pi
                if np.abs(apart).max() < SAME:
                    poses[i] = then
                else:
                    self.lost_source.add(SOURCE_POSE)
        listed: list[list[float]] = poses.tolist()
        return listed

    # -------------------------------------------------------- what a pose says

    def _columns(self, track: Track, held: int, is_key: bool, hidden: bool, said: Said) -> dict[str, Any]:
        source = track.keyframe_source_attributes[held] if is_key and track.keyframe_source_attributes else {}
        amounts = _AMOUNTS[self.dialect]
        filled_in = not is_key or track.origin[held] == Origin.FILLED
        state = source.get("state")
        if state not in (0, INTERPOLATED, _BY_HAND) or (state == INTERPOLATED) != filled_in:
            state = INTERPOLATED if filled_in else _BY_HAND
        here = {**said, **as_in_raw(said)}
        occlusion, truncation = here.get("occlusion"), here.get("truncation")
        if not is_whole(occlusion, (_UNKNOWN, 0, 1, 2)) or (occlusion in (1, 2)) != hidden:
            self.lost |= {"occlusion"} if said.get("occlusion") is not None else set()
            occlusion = int(hidden)
        if not is_whole(truncation, (_UNKNOWN, 0, 1, *OUT_OF_IMAGE)):
            self.lost |= {"truncation"} if said.get("truncation") is not None else set()
            truncation = _UNKNOWN
        elif truncation in OUT_OF_IMAGE:
            self.n_out += 1
            truncation = truncation if self.dialect == KITTI else _UNKNOWN
        key = source.get("occlusion_kf")
        columns = {"state": state, "occlusion": occlusion, "occlusion_kf": key if is_whole(key, (0, 1)) else int(self.dialect == CVAT and is_key)}
        columns["truncation"] = truncation
        columns |= {name: source[name] if _is_number(source.get(name)) else _UNKNOWN for name in amounts}
        others = {name for name, value in said.items() if value is not None} - _OWN
        self.lost |= others if self.dialect == KITTI else set()
        self.lost_source |= set(source) - {"state", "occlusion_kf", *amounts, SOURCE_POSE}
        return columns

    def _pose(self, pose: Sequence[float], columns: Said, said: Said) -> str:
        words = [f"\t\t\t\t<{name}>{_text(value)}</{name}>\n" for name, value in (*zip(POSE, pose), *columns.items())]
        attributes = self._attributes(said, "\t\t\t\t") if self.dialect == CVAT else ""
        return f"\t\t\t<item{self._head('pose', _POSE_VERSION[self.dialect])}>\n{''.join(words)}{attributes}\t\t\t</item>\n"

    def _attributes(self, said: Said, indent: str) -> str:
        """As Datumaro writes and reads them; names that are read as another one's, or as none, are left out."""
        texts, taken = list[str](), set[str]()
        for name, value in said.items():
            if value is None or (name in _OWN):
                continue
            spelled = _as_read(name)
            if len(taken) == MOST_FIELDS or not spelled or (spelled != name and spelled in {*said, *taken, *_OWN}):
                self.lost.add(name)
                continue
            taken.add(spelled)
            word = ("true" if value else "false") if isinstance(value, bool) else str(value)
            is_same = name == OWN_ID or value_of(_as_read(word)) == value
            if spelled != name or (not is_same and isinstance(value, str)):
                self.misread.add(name)
            elif not is_same:
                self.changed.add(name)
            texts.append(f"{indent}\t<attribute>\n{indent}\t\t<name>{_letters(spelled)}</name>\n")
            texts.append(f"{indent}\t\t<value>{_letters(word)}</value>\n{indent}\t</attribute>\n")
        return f"{indent}<attributes>\n{''.join(texts)}{indent}</attributes>\n" if texts else ""

    # -------------------------------------------------------- tracklets

    def _tracklet(self, track: Track, size_m: Float64s, first: int, poses: Sequence[str], file: IO[str]) -> None:
        length, width, height = size_m.tolist()
        hwl = (height, width, length) if self.dialect == KITTI else (length, width, height)
        category = NO_CHARACTER.sub("?", track.category).strip() or "_"
        if category != track.category:
            self.respelled[track.category] = category
        file.write(f"\t<item{self._head('tracklet', 1)}>\n\t\t<objectType>{_letters(category)}</objectType>\n")
        file.writelines(f"\t\t<{name}>{_size_text(value)}</{name}>\n" for name, value in zip("hwl", hwl))
        file.write(f"\t\t<first_frame>{first}</first_frame>\n\t\t<poses{self._head('poses', 0)}>\n")
        file.write(f"\t\t\t<count>{len(poses)}</count>\n\t\t\t<item_version>{_POSE_VERSION[self.dialect]}</item_version>\n")
        file.writelines(poses)
        finished = track.source_attributes.get("finished")
        own = self._attributes({OWN_ID: self.names.get(track.track_id)}, "\t\t") if self.dialect == CVAT else ""
        file.write(f"\t\t</poses>\n\t\t<finished>{finished if is_whole(finished, (0, 1)) else 1}</finished>\n{own}\t</item>\n")
        self.lost_source |= set(track.source_attributes) - {"finished"}
        if self.dialect == KITTI and str(self.n_tracklets) != track.track_id:
            self.report.track_names[str(self.n_tracklets)] = track.track_id
        self.n_tracklets += 1

    def _head(self, what: str, version: int) -> str:
        """Boost tells the class of a thing where it comes first, and not again."""
        number = self.heads.pop(what, None)
        return "" if number is None else f' class_id="{number}" tracking_level="0" version="{version}"'

    def say_what_is_lost(self) -> None:
        report = self.report
        if self.dialect == KITTI and [track.track_id for track in self.scene.tracks] != [str(i) for i in range(self.n_tracklets)]:
            report.dropped.append(Told("track_ids", "the tracks' names: tracklets have none, and are numbered in their order"))
        if self.dialect == CVAT and len(self.names) < len(self.scene.tracks):
            said = "the tracks' names: without what XML has no place for and blanks around them some are alike, or nothing, so that all are numbered"
            report.dropped.append(Told("track_ids", said))
        elif self.dialect == CVAT and (others := [name for name, word in self.names.items() if name != word]):
            report.dropped.append(Told("track_ids", f"spelling of tracks' names: {', '.join(map(repr, others[:10]))}", others))
        if self.split:
            said = f"that {number_of(len(self.split), 'track')} {'is' if len(self.split) == 1 else 'are'} one object each"
            why = "a tracklet has one size and no gaps" if self.dialect == KITTI else "a tracklet has one size, and only we know our attribute"
            report.dropped.append(Told("tracks track_ids relations", f"{said}: {why}, so that they are several", self.split))
        if self.n_out and self.dialect == CVAT:
            said = f"attributes: that {number_of(self.n_out, 'label')} lie out of the image: Datumaro would skip them"
            report.dropped.append(Told("attributes", said, ["truncation"]))
        elif self.n_out:
            said = f"{number_of(self.n_out, 'label')} with truncation 2 or 99, out of the image, as KITTI has it"
            report.notes.append(f'{said}: Datumaro and CVAT skip them; dialect="cvat" writes them so that they stay')
        for field, what, found in (("attributes", "attributes", self.lost), ("other_fields", "source attributes of labels", self.lost_source)):
            if found:
                names = [str(name) or "''" for name in sorted(found, key=str)]
                report.dropped.append(Told(field, f"{what}: {', '.join(names)}", map(str, found)))
        if self.misread:
            why = "blanks around them go, texts of a number, true and false are no texts any more, and XML has no place for some characters"
            said = f"attributes whose names or texts are others when they are read: {', '.join(sorted(map(repr, self.misread)))}; {why}"
            report.dropped.append(Told("attributes", said, self.misread))
        if self.changed:
            said = f"attributes that are another kind of value when they are read: {', '.join(sorted(self.changed))}"
            report.rounded.append(Told("attributes", said, self.changed))
        if self.respelled:
            said = f"spelling of classes: {', '.join(f'{old!r} is {new}' for old, new in [*self.respelled.items()][:10])}"
            report.dropped.append(Told("classes", said, self.respelled))
        say_what_is_in_no_frame(self.scene, report)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < FARTHEST_M


def _letters(text: str) -> str:
    return escape(NO_CHARACTER.sub("?", text), {"\r": "&#13;"})


def _as_read(text: str) -> str:
    """What readers have of a text: without what XML has no place for, and without the blanks around it."""
    return NO_CHARACTER.sub("?", text).strip()


def _text(value: int | float) -> str:
    """As boost has it: 17 digits of a number."""
    return str(value) if isinstance(value, int) else f"{value:.17g}"


def _names_as_read(names: Sequence[str]) -> dict[str, str]:
    """Names of tracks as readers have them, without those that are nothing then, or alike."""
    words = [_as_read(name) for name in names]
    n = Counter(words)
    return {name: word for name, word in zip(names, words) if word and n[word] == 1}


def _size_text(value: float) -> str:
    """Sizes are single precision there: 8 digits, where these say it."""
    short = f"{value:.8g}"
    return short if float(short) == value else f"{value:.17g}"
