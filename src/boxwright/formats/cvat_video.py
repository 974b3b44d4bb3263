"""CVAT for video 1.1: an XML file, or a folder of such files, one scene each.

    annotations/meta/task                       name, size, start_frame, frame_filter, labels with their attributes, original_size
    annotations/track label id                  one object; its elements are box, polygon, ... of one kind (cvat_video_shapes.py)
    .../box frame keyframe outside occluded     keyframe="0" is a place that CVAT interpolated: kept with the origin FILLED
    .../box/attribute name                      all attributes again on every element; those that cannot change are the track's own; of them
                                                boxwright_track_id is its name

The file has no times: frames are numbers, unless a video gives them. An element that only says that the track ends one frame after its last place is
not kept; the writer says it again. A track that ends early without one ends there too, though CVAT would show its last place until the end of the
task: files whose elements stand at every frame are written so. A note tells how many do.
What boxwright has no name for stays in the source attributes: of a keyframe (z_order, ...), of a track (source, group_id, ...), and of the scene
under "cvat" (the whole `meta`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import UncalibratedCamera
from ..errors import FormatError, number_of
from ..image_tracks import ImageTrack
from ..keyframes import Origin, Visibility
from ..limits import LABEL_BYTES, TRACK_BYTES, LabelRoom, limits
from ..problems import Problems
from ..scene import CameraSensor, Scene
from .boxwright_scene import camera_name
from .cvat_video_meta import Label, labels_of, size_of, text_of, whole_of, without_attribute
from .cvat_video_shapes import ELEMENTS, check_shape, shapes_of, visibility_of
from .declared import Capabilities, Exactness
from .free_names import FreeNames
from .laid_over import NO_SIZE
from .looking import files_of, head, names_of
from .object_links import told_object
from .strict_xml import walk

__all__ = ["CAPABILITIES", "NAME", "OWN_TRACK", "detect", "list_scenes", "read", "scene_file"]

CAPABILITIES = Capabilities(
    title="CVAT for video 1.1",
    reads="shapes video attributes relations visibility classes track_ids keyframes frame_names other_fields",
    writes="shapes video attributes relations visibility classes track_ids keyframes frame_names other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "shapes": "those of one camera stay; of a polygon its largest ring, and not which keypoints are joined",
        "attributes": "values become texts",
        "relations": "which track in pictures is which object stays, others are dropped",
        "track_ids": "where a track is copied or split in CVAT, the first has the name, the others one like it",
        "keyframes": "curves other than straight ones become keyframes",
        "frame_names": "whole numbers stay, others are counted",
    },
    one_camera=True,
    projects=True,
    exact=Exactness(px=1e-9),
    client="datumaro",
    client_exact=Exactness(px=0.0052),  # 0.01 px, in float32, whose steps at 4,000 px are 0.0002
    client_refuses="mask",
    remarks=(
        "Datumaro rounds to 0.01 px, in float32, what it reads. Attributes in the form of old files are written in that of new ones.",
        "CVAT numbers tracks anew when it saves a task; a track has its name, also a number of CVAT's, as the attribute `boxwright_track_id`, "
        "and the object that it is as `object_id`, which come back with it.",
    ),
)

NAME = "boxwright_track_id"  # the attribute that is the name of a track; in older files of ours one of the XML
OWN_TRACK = {"id", "label", NAME}
_OWN_SHAPE = {"frame", "keyframe", "outside", "occluded"}
_ROOT = re.compile(rb"\A(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*+-->\s*+)*+<annotations[\s>]", re.DOTALL)
_HINT = "correct the file or export it again"
Row = dict[str, Any]


def detect(path: Path) -> bool:
    return bool(_files(path))


def list_scenes(path: Path) -> list[str]:
    return [file.stem for file in _files(path)]


def _files(path: Path) -> list[Path]:
    return files_of(path, (".xml",), _is_ours)


def _is_ours(file: Path) -> bool:
    return _ROOT.match(head(file, 4096)) is not None


def scene_file(path: Path, scene: str) -> Path:
    return path if path.is_file() else path / names_of(path, rf"{re.escape(scene)}\.(?i:xml)")[0]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file = scene_file(path, scene)
    reader = _Reader(file, problems)
    for is_start, name, place, line, said in walk(file):
        if is_start:
            reader.start(name, place, line, said)
        else:
            reader.end(name, place, said)
    return reader.scene(scene)


class _Reader:
    """Takes the elements one by one, so that a file is never held as a whole."""

    def __init__(self, file: Path, problems: Problems) -> None:
        self.file, self.problems, self.room, self.limits = file, problems, LabelRoom(file), limits()
        self.version = ""
        self.meta: list[Any] = ["meta", {}, []]
        self.open: list[list[Any]] = []  # elements of the meta that are not closed yet
        self.n_meta = self.n_tracks = 0
        self.labels: dict[str, Label] | None = None
        self.size_px: tuple[int, int] | None = None
        self.track: Row = {}
        self.rows: list[Row] = []
        self.row: Row = {}
        self.attribute: str | None = None
        self.tracks: list[ImageTrack] = []
        self.numbers: list[list[int]] = []  # of each track, the frames of its keyframes
        self.named: list[bool] = []  # of each track, whether an attribute tells its name
        self.ids: set[str] = set()  # of the others
        self.open_ends: list[int] = []  # last frames of tracks that do not say that they end there
        self.notes: dict[str, int] = {}

    # -------------------------------------------------------- elements

    def start(self, name: str, place: str, line: int, said: Mapping[str, str]) -> None:
        if not place and name != "annotations":
            raise FormatError("not a file of CVAT", expected="<annotations>", got=f"<{name[:40]}>", path=self.file, hint=_HINT)
        if place == "meta" or place.startswith("meta/"):
            self._meta_start(name, said)
        elif place == "image":
            expected, hint = "CVAT for video 1.1, whose labels are in <track>", "export the task as 'CVAT for video 1.1'"
            raise FormatError("labels of single pictures", expected=expected, got="<image>", path=self.file, offset=f"line {line}", hint=hint)
        elif place == "track":
            self.room.take(TRACK_BYTES)
            self.track, self.rows = {**said, "line": line}, []
            self.n_tracks += 1
            self.limits.check("tracks_per_scene", self.n_tracks, self.file)
        elif place.startswith("track/"):
            self._shape_start(name, place.count("/"), line, said)

    def _meta_start(self, name: str, said: Mapping[str, str]) -> None:
        self.room.take(600)
        self.n_meta += 1
        node = [name, dict(said), []]
        if name == "meta" and not self.open:
            self.meta = node
        else:
            self.open[-1][2].append(node)
        self.open.append(node)

    def _shape_start(self, name: str, depth: int, line: int, said: Mapping[str, str]) -> None:
        if depth == 1:
            self.room.take(LABEL_BYTES)
            self.row = {**said, "kind": name, "line": line, "parts": [], "attributes": {}}
            self.rows.append(self.row)
            self.limits.check("keyframes_per_track", len(self.rows), self.file, f"track {self.n_tracks - 1}")
        elif name == "attribute":
            self.room.take(300)
            self.attribute = said.get("name", "")
        elif name == "points" and self.row.get("kind") == "skeleton" and depth == 2:
            self.room.take(800)
            self.row["parts"].append({**said, "attributes": {}})

    def end(self, name: str, place: str, said: str | None) -> None:
        if self.open:
            node = self.open.pop()
            if not node[2]:
                node[2] = said or ""
        elif place == "version":
            self.version = said or ""
        elif place == "meta":
            return
        elif place == "track":
            record = {key: value for key, value in self.track.items() if key != "line"}
            with self.problems.aside(record):
                self._track()
        elif name == "attribute" and place.startswith("track/"):
            owner = self.row["parts"][-1] if place.count("/") == 3 and self.row["parts"] else self.row
            owner["attributes"][self.attribute or ""] = said or ""

    # -------------------------------------------------------- tracks

    def _error(self, what: str, line: int, **said: Any) -> FormatError:
        return FormatError(what, path=self.file, offset=f"line {line}", hint=_HINT, **said)

    def _track(self) -> None:
        number, line = self.n_tracks - 1, self.track["line"]
        track_id, category = self.track.get(NAME) or self.track.get("id", str(number)), self.track.get("label", "")
        if not category.strip():
            raise self._error("a track without a label", line, field=f"track {track_id}")
        if not track_id.strip():
            raise self._error("a track without an id", line, field="id")
        if self.labels is None:
            self.labels, self.size_px = labels_of(self.meta), size_of(self.meta)
        rows = self._good_rows(track_id)
        if not rows:
            raise self._error("a track without a shape", line, field=f"track {track_id}")
        frames, kind = [row["number"] for row in rows], rows[0]["kind"]
        given = [row["attributes"].pop(NAME, "") for row in rows]
        name = next((one for one in given if one.strip()), "")
        if not name and track_id in self.ids:
            raise self._error("an id of an earlier track", line, got=repr(track_id[:40]), field="id")
        self.ids |= set() if name else {track_id}
        track_id = name or track_id
        if len(rows) > 1 and _only_ends(rows[-2], rows[-1]):
            rows, frames = rows[:-1], frames[:-1]
        elif rows[-1]["visibility"] != Visibility.OUTSIDE:
            self.open_ends.append(frames[-1])
        own, keyframe_attributes = self._attributes(category, rows)
        source = {key: value for key, value in self.track.items() if key not in OWN_TRACK and key != "line"}
        if kind == "ellipse":
            source["shape"] = kind
        kept = [self._kept(row) for row in rows]
        track = ImageTrack(
            track_id,
            category,
            "camera",
            np.arange(len(rows)),
            shapes_of(kind, rows, self.size_px or (1, 1)),
            visibility=np.array([row["visibility"] for row in rows], np.uint8),
            origin=np.array([Origin.GIVEN if row.get("keyframe", "1") == "1" else Origin.FILLED for row in rows], np.uint8),
            object_id=told_object(own, track_id, "camera"),
            attributes=own,
            keyframe_attributes=keyframe_attributes,
            source_attributes=source,
            keyframe_source_attributes=kept if any(kept) else (),
        )
        self.tracks.append(track)
        self.numbers.append(frames)
        self.named.append(bool(name))

    def _good_rows(self, track_id: str) -> list[Row]:
        """Elements that hold, by frame; the others are kept aside."""
        good: list[Row] = []
        for row in self.rows:
            record = {key: value for key, value in row.items() if key not in ("line", "number", "visibility")}
            with self.problems.aside({"track": track_id, **record}):
                try:
                    self._check(row, good)
                except FormatError as error:
                    if error.path is not None:
                        raise
                    said = {"expected": error.expected, "got": error.got}
                    field = f"track {track_id}, {error.field}" if error.field else f"track {track_id}"
                    raise self._error(error.what, row["line"], field=field, **said) from None
                good.append(row)
        good.sort(key=lambda row: row["number"])
        return good

    def _check(self, row: Row, good: Sequence[Row]) -> None:
        kind, frame = row["kind"], row.get("frame", "")
        if kind not in ELEMENTS:
            raise FormatError("no shape that boxwright has", expected=f"one of {', '.join(ELEMENTS)}", got=f"<{kind[:40]}>", hint=_HINT)
        if good and kind != good[0]["kind"]:
            raise FormatError("a track has shapes of one kind", expected=f"<{good[0]['kind']}>", got=f"<{kind}>", hint=_HINT)
        if not re.fullmatch("[0-9]{1,9}", frame):
            raise FormatError(expected="a frame's number", got=repr(frame[:40]), field="frame", hint=_HINT)
        row["number"] = int(frame)
        if good and good[-1]["number"] >= row["number"] and any(other["number"] == row["number"] for other in good):
            raise FormatError("a frame comes twice in a track", got=frame, field="frame", hint=_HINT)
        if row.get("keyframe", "1") not in ("0", "1"):
            raise FormatError(expected="0 or 1", got=repr(row["keyframe"][:40]), field="keyframe", hint=_HINT)
        row["visibility"] = visibility_of(row)
        if kind == "mask" and self.size_px is None:
            raise FormatError("a mask needs the picture's size", expected="meta/task/original_size", got="none", hint=_HINT)
        check_shape(kind, row, good[0] if good else row, self.size_px or (1, 1))

    def _attributes(self, category: str, rows: Sequence[Row]) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
        """The track's own, and at each keyframe those that are new there."""
        label = (self.labels or {}).get(category) or Label({}, {})
        given = [{name: label.value(name, text) for name, text in row["attributes"].items()} for row in rows]
        own = {name: value for name, value in given[0].items() if not label.is_mutable.get(name, True)}
        changing = {name for name in own if any(row.get(name, own[name]) != own[name] for row in given)}
        if changing:
            self._note(f"attributes that cannot change, as the labels say, change in {category}: {', '.join(sorted(changing))}")
        own = {name: value for name, value in own.items() if name not in changing}
        held: dict[str, Any] = {}
        fresh = []
        for row in given:
            here = {name: value for name, value in row.items() if name not in own}
            if held.keys() - here.keys():
                self._note("elements that leave out attributes of the one before: those go on to hold")
            fresh.append({name: value for name, value in here.items() if name not in held or held[name] != value})
            held |= here
        return own, fresh if any(fresh) else ()

    def _note(self, text: str) -> None:
        self.notes[text] = self.notes.get(text, 0) + 1

    def _kept(self, row: Row) -> dict[str, Any]:
        known = {*_OWN_SHAPE, *ELEMENTS[row["kind"]], "kind", "line", "parts", "attributes", "number", "visibility"}
        kept = {name: value for name, value in row.items() if name not in known and (name, value) not in (("z_order", "0"), ("source", "manual"))}
        if row["visibility"] == Visibility.OUTSIDE and row.get("occluded") == "1":
            kept["occluded"] = "1"
        parts = {part["label"]: part["attributes"] for part in row["parts"] if part["attributes"]}
        return {**kept, "points": parts} if parts else kept

    # -------------------------------------------------------- the scene

    def scene(self, name: str) -> Scene:
        if self.version not in ("1.1", "1.0"):
            got = repr(self.version[:40]) if self.version else "none"
            raise FormatError(expected="<version>1.1</version>", got=got, path=self.file, hint="export the task as 'CVAT for video 1.1'")
        numbers, notes = self._frames()
        index = {number: i for i, number in enumerate(numbers)}
        camera, size_note = self._camera()
        tracks = []
        for track, name, own in zip(self.tracks, self._names(notes), self.numbers):
            times = np.array([index[number] for number in own], np.int64)
            tracks.append(track.replace(track_id=name, camera=camera.name, times_ns=times))
        n_open = sum(frame < numbers[-1] for frame in self.open_ends)
        if n_open:
            notes.append(f"tracks that end before the last frame without an element that says so: {n_open}; they are taken to end there")
        notes += [size_note] if size_note else []
        notes += [text if n == 1 else f"{text} ({number_of(n, 'time')})" for text, n in self.notes.items()]
        return Scene(
            name=text_of(self.meta, "name") or name,
            times_ns=np.arange(len(numbers)),
            cameras={camera.name: camera},
            image_tracks=tracks,
            has_time=False,
            label_frame=camera.name,
            frame_ids=tuple(str(number) for number in numbers),
            format="cvat_video",
            path=os.fspath(self.file),
            source_attributes={"cvat": {"version": self.version, "meta": without_attribute(self.meta, NAME)}} if self.n_meta else {},
            notes=["the file has no times: frames are counted", *notes],
        )

    def _names(self, notes: list[str]) -> list[str]:
        """Of all tracks: as attributes tell, of which a track that was copied or split has the same; then numbers that are free."""
        free, names = FreeNames(), [track.track_id for track in self.tracks]
        for k in sorted(range(len(names)), key=lambda k: not self.named[k]):
            names[k] = free.take(names[k])
        n_other = sum(name != track.track_id for name, track in zip(names, self.tracks))
        if n_other:
            notes.append(
                f"{number_of(n_other, 'track')} with the name of another, as where one was copied or split in CVAT: they have a mark behind it"
            )
        return names

    def _frames(self) -> tuple[list[int], list[str]]:
        """The numbers of the frames: those the task names, and all that labels name."""
        used = {number for numbers in self.numbers for number in numbers}
        size, start = whole_of(self.meta, "size"), whole_of(self.meta, "start_frame") or 0
        step = re.fullmatch(r"step=([1-9][0-9]{0,6})", text_of(self.meta, "frame_filter") or "")
        self.limits.check("frames_per_scene", max(size or 0, 0), self.file, "meta/task/size")
        if size is None:
            self.limits.check("frames_per_scene", max(used, default=0) + 1, self.file)
            return list(range(max(used, default=0) + 1)), ["the number of frames is not said: as far as labels reach"]
        named = range(start, start + size * (int(step[1]) if step else 1), int(step[1]) if step else 1)
        beyond = sorted(used - set(named))
        if beyond:
            self.limits.check("frames_per_scene", size + len(beyond), self.file)
            said = f"{number_of(len(beyond), 'frame')} with labels, such as {beyond[0]}: none of the {size:,} that the task names"
            return sorted({*named, *beyond}), [said]
        return list(named), []

    def _camera(self) -> tuple[CameraSensor, str | None]:
        source = re.split(r"[/\\]", text_of(self.meta, "source") or "")[-1]
        name = source.rpartition(".")[0] or source
        name = camera_name(name or "camera")
        size = self.size_px or size_of(self.meta)
        if size is not None:
            self.limits.check("image_px", size[0] * size[1], self.file, "meta/task/original_size")
            return CameraSensor(name, UncalibratedCamera(*size)), None
        bounds = [track.shapes.bounds_xyxy()[:, 2:].max(axis=0) for track in self.tracks]
        low = np.ceil(np.nanmax([*bounds, (0.5, 0.5)], axis=0) + 0.5).astype(int)
        width, height = (int(max(value, 1)) for value in low)
        return CameraSensor(name, UncalibratedCamera(width, height)), f"{NO_SIZE} of {name}: {width} x {height} px holds all labels"


def _only_ends(before: Row, last: Row) -> bool:
    """Whether an element says nothing but that the track is not there any more, one frame after its last place."""
    if last["visibility"] != Visibility.OUTSIDE or before["visibility"] == Visibility.OUTSIDE or last["number"] != before["number"] + 1:
        return False
    here, there = ({**row, "parts": [{**part, "outside": ""} for part in row["parts"]]} for row in (before, last))
    skipped = {"frame", "keyframe", "outside", "occluded", "line", "number", "visibility"}
    return {k: v for k, v in here.items() if k not in skipped} == {k: v for k, v in there.items() if k not in skipped}
