"""CVAT's own annotations of a 3-D task, with all digits, as its server takes and gives them (LabeledData of its API and SDK).

    annotations.json        {version, tags, shapes, tracks: [{id, frame, label_id, group, source, attributes, shapes: [{type: "cuboid", frame, points,
                            occluded, outside, attributes}]}]}
    labels.json             [{id, name, attributes: [{id, name, mutable, input_type, values}]}], or the API's {results: [...]}: of the task
    meta.json               {size, frames: [{name}]}: of the task's data, optional
    clouds/000000.pcd

A cuboid's `points` are 16 numbers: x, y, z, Euler angles of R = Rx @ Ry @ Rz, length, width, height, and seven zeros; geometric centre, in the frame
of the cloud. Frames are numbers from 0, without times. A track stays from a shape to the next, on a straight line, and after its last to the task's
end unless that is `outside`; a shape of its own is in one frame.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import number_of
from ..limits import FARTHEST_M, has_file, limits
from ..problems import Problems
from ..scene import Scene
from ..tracks import Origin, Track, Visibility
from . import strict_json
from .clouds_of_frames import quat_from_xyz, scene_of_clouds, unescaped
from .cvat_video_meta import Label
from .declared import Capabilities, Exactness
from .free_names import FreeNames
from .json_parts import ROW, load_by_parts
from .looking import is_known_by, names_of
from .reach import within_reach
from .strict_json import Node

__all__ = ["CAPABILITIES", "CUBOID", "NAME", "OWN_SHAPE", "OWN_TRACK", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="CVAT's task annotations of its API and SDK, cuboids with all digits",
    reads="cuboids full_rotation tracks attributes visibility classes track_ids keyframes frame_names sweeps other_fields",
    writes="cuboids full_rotation tracks attributes visibility classes track_ids frame_names sweeps other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "attributes": "values that are neither texts, numbers nor flags become texts; one that stops holding keeps its last value",
        "frame_names": "those that cannot be names of files are numbered",
        "sweeps": "those of the first LiDAR stay",
    },
    frame="lidar",
    exact=Exactness(m=1e-9, rad=1e-9),
    client="cvat-sdk",
    remarks=(
        "CVAT knows no poses, and its server blends headings without regard to the full turn, so every frame is written as a keyframe; "
        '`keyframes="own"` writes those of tracks that stand in the frame of the cloud already, as they come from CVAT.',
        "The ids of labels and attributes are those of `labels.json`; make the task's labels of it, or give the writer those of the task.",
        "CVAT numbers tracks itself; a track that is not from CVAT has its name as the attribute `boxwright_track_id`.",
    ),
)

CUBOID = "cuboid"
NAME = "boxwright_track_id"
OWN_TRACK = {"label_id", "frame", "attributes", "shapes"}
OWN_SHAPE = {"type", "label_id", "frame", "points", "occluded", "outside", "attributes"}
_N_POINTS = 16
_TRACKS = re.compile(rb'"(tracks|shapes)"\s*:\s*\[')
_CUBOID = re.compile(rb'"type"\s*:\s*"cuboid"')


def detect(path: Path) -> bool:
    return _file(path) is not None


def list_scenes(path: Path) -> list[str]:
    file = _file(path)
    return [] if file is None else [file.absolute().parent.name]


def _file(path: Path) -> Path | None:
    file = path / "annotations.json" if path.is_dir() else path
    has_labels = (file.parent / "labels.json").is_file()
    is_ours = file.name == "annotations.json" and is_known_by(file, lambda top: bool(_TRACKS.search(top) and (has_labels or _CUBOID.search(top))))
    return file if is_ours else None


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file, notes = _file(path), list[str]()
    assert file is not None  # it was listed
    folder = file.parent
    labels = strict_json.load(folder / "labels.json") if has_file(folder / "labels.json") else Node([], str(folder / "labels.json"))
    meta: Mapping[str, Any] = strict_json.load(folder / "meta.json").mapping() if has_file(folder / "meta.json") else {}
    top = load_by_parts(file, frozenset({"tracks", "shapes"}), _left_of_track)
    reading = _Reading(labels, problems)
    for node in top.get("tracks", []):
        with problems.aside(node.value):
            reading.track(node)
    for node in top.get("shapes", []):
        with problems.aside(node.value):
            reading.shape(node)
    limits().check("tracks_per_scene", len(reading.found), file)
    names = _names(Node(meta, str(folder / "meta.json")), reading.last + 1)
    clouds = {name: folder / "clouds" / name for name in names_of(folder / "clouds", r"[^.].*\.(?i:pcd|ply|bin)")}
    reading.say_what_is_left_out(notes)
    kept = {"labels": labels.value, "meta": {key: value for key, value in meta.items() if key not in ("frames", "size")}, "ids": reading.server_ids}
    kept |= {key: value for key, value in top.value.items() if key not in ("tracks", "shapes", "version")}
    return scene_of_clouds(
        scene,
        [Path(name).stem for name in names],
        [clouds.get(name) for name in names],
        [one.track(len(names)) for one in reading.found],
        "cvat_api",
        path,
        notes=notes,
        source_attributes={"cvat_api": {key: value for key, value in kept.items() if value}},
    )


@dataclass
class _Found:
    """A track as it is told. frames, numbers, ... : one for each shape, increasing in time"""

    track_id: str
    category: str
    attributes: Mapping[str, Any]
    source: Mapping[str, Any]
    is_alone: bool
    frames: list[int] = field(default_factory=list)
    numbers: list[Float64s] = field(default_factory=list)
    visibility: list[int] = field(default_factory=list)
    said: list[Mapping[str, Any]] = field(default_factory=list)
    sources: list[Mapping[str, Any]] = field(default_factory=list)

    def track(self, n_frames: int) -> Track:
        """On straight lines in the frame of the cloud; to the last frame where nothing ends it."""
        goes_on = not self.is_alone and self.visibility[-1] != Visibility.OUTSIDE and self.frames[-1] < n_frames - 1
        rows = [*range(len(self.frames)), *([len(self.frames) - 1] if goes_on else [])]
        frames = [*self.frames, *([n_frames - 1] if goes_on else [])]
        table = np.array(self.numbers)[rows]
        origin = np.full(len(rows), Origin.GIVEN, np.uint8)
        if goes_on:
            origin[-1] = Origin.FILLED
        return Track(
            self.track_id,
            self.category,
            np.array(frames, np.int64),
            Cuboids(table[:, :3], table[:, 3:6], quat_wxyz=table[:, 6:], frame="lidar"),
            visibility=np.array(self.visibility, np.uint8)[rows],
            origin=origin,
            attributes=self.attributes,
            keyframe_attributes=[*self.said, *([{}] if goes_on else [])] if any(self.said) else (),
            method="linear",
            source_attributes=self.source,
            keyframe_source_attributes=[*self.sources, *([{}] if goes_on else [])] if any(self.sources) else (),
        )


class _Reading:
    """labels : id -> name and what is known of its attributes; specs : id of an attribute -> its name. last : frame that anything is in"""

    def __init__(self, labels: Node, problems: Problems) -> None:
        self.problems = problems
        self.labels: dict[int, tuple[str, Label]] = {}
        self.specs: dict[int, str] = {}
        for node in labels["results"] if isinstance(labels.value, dict) else labels:
            mutable, kinds = dict[str, bool](), dict[str, str]()
            for one in node.get("attributes", []):
                name = one["name"].word()
                self.specs[one["id"].whole()] = name
                mutable[name], kinds[name] = bool(one.get("mutable", True).value), one.get("input_type", "text").text()
            self.labels[node["id"].whole()] = (node["name"].word(), Label(mutable, kinds))
        self.found: list[_Found] = []
        self.taken, self.server_ids = FreeNames(), list[str]()
        self.last, self.others, self.unnamed = -1, Counter[str](), set[int]()

    def track(self, node: Node) -> None:
        category, label = self._label(node)
        given, own = self._own(node, label)
        found = _Found(self._name(node, given, f"track {len(self.found)}"), category, own, _rest(node, OWN_TRACK), False)
        shapes = node["shapes"]
        limits().check("keyframes_per_track", len(shapes), node.path, node.field)
        for shape in sorted(shapes, key=lambda one: one["frame"].whole()):
            with self.problems.aside(shape.value):
                self._put(found, shape, label)
        self._keep(found)

    def shape(self, node: Node) -> None:
        category, label = self._label(node)
        given, own = self._own(node, label)
        name = self._name(node, given, f"shape {len(self.found)}", "shape ")
        found = _Found(name, category, own, {"is_shape": True}, True)
        self._put(found, node, Label({}))
        self._keep(found)

    def _keep(self, found: _Found) -> None:
        if found.frames:
            self.found.append(found)
            self.last = max(self.last, found.frames[-1])

    def _label(self, node: Node) -> tuple[str, Label]:
        number = node["label_id"].whole()
        if number not in self.labels:
            self.unnamed.add(number)
        return self.labels.get(number, (str(number), Label({})))

    def _name(self, node: Node, given: Any, otherwise: str, before: str = "") -> str:
        """The track's name: the one it has with us, the server's number, or its place; each once."""
        number = node.mapping().get("id")
        is_number = isinstance(number, int) and not isinstance(number, bool)
        wanted = given if isinstance(given, str) and given.strip() else f"{before}{number}" if is_number else otherwise
        name = self.taken.take(wanted)
        if not given and is_number:
            self.server_ids.append(name)
        return name

    def _own(self, node: Node, label: Label) -> tuple[Any, dict[str, Any]]:
        """The name that a track has with us, None where it has none, and its attributes."""
        found = self._values(node, label)
        given = found.pop(NAME, None)
        return given, {unescaped(name): value for name, value in found.items()}

    def _values(self, node: Node, label: Label) -> dict[str, Any]:
        """By the names in the file; an attribute that no label tells of is called by its number."""
        found = {}
        for one in node.get("attributes", []):
            number = one["spec_id"].whole()
            name = self.specs.get(number, str(number))
            found[name] = label.value(name, one["value"].sentence())
        return found

    def _put(self, found: _Found, node: Node, label: Label) -> None:
        kind = node["type"].text()
        if kind != CUBOID:
            self.others[kind] += 1
            return
        frame = node["frame"].whole()
        limits().check("frames_per_scene", frame + 1, node.path, node.field)
        if frame < 0 or (found.frames and frame <= found.frames[-1]):
            raise node["frame"].wrong("frames from 0, each once in a track", str(frame))
        center, size, quat = cuboid_from_points(node["points"])
        row = np.concatenate([within_reach(node["points"], center), size, quat])
        if not (size.min() > 0 and size.max() < FARTHEST_M):
            raise node["points"].wrong("a positive length, width and height", " ".join(f"{v:g}" for v in size), "correct the label")
        is_outside = node.get("outside", False).flag()
        hidden = Visibility.OCCLUDED if node.get("occluded", False).flag() else Visibility.VISIBLE
        said = {} if found.is_alone else {unescaped(name): value for name, value in self._values(node, label).items()}
        found.frames.append(frame)
        found.numbers.append(row)
        found.visibility.append(int(Visibility.OUTSIDE if is_outside else hidden))
        found.said.append({} if is_outside else said)
        found.sources.append(_rest(node, OWN_SHAPE))

    def say_what_is_left_out(self, notes: list[str]) -> None:
        for kind, n in self.others.items():
            notes.append(f"{number_of(n, 'shape')} of the type {kind!r} {'is' if n == 1 else 'are'} no cuboid: left out")
        if self.unnamed:
            numbers = ", ".join(map(str, sorted(self.unnamed)[:10]))
            notes.append(f"labels.json does not name the labels {numbers}: they are called by their numbers")


def cuboid_from_points(node: Node) -> tuple[Float64s, Float64s, Float64s]:
    """Geometric centre, (length, width, height), and the quaternion of Rx @ Ry @ Rz."""
    numbers = node.numbers(_N_POINTS)
    return numbers[:3], numbers[6:9], quat_from_xyz(within_reach(node, numbers[3:6], "angles"))


def _rest(node: Node, own: set[str]) -> dict[str, Any]:
    return {key: value for key, value in node.value.items() if key not in own}


def _names(meta: Node, at_least: int) -> list[str]:
    """The names of the clouds of all frames; frames that nobody names are numbered."""
    listed = [one.get("name", "").text() for one in meta.get("frames", [])]
    n = max(at_least, len(listed), meta.get("size", 0).whole())
    limits().check("frames_per_scene", n, meta.path)
    names = [re.split(r"[/\\]", name)[-1] for name in listed] + [""] * (n - len(listed))
    names = [name or f"{i:06d}.pcd" for i, name in enumerate(names)]
    return names if len({*names}) == n else [f"{i:06d}.pcd" for i in range(n)]


def _left_of_track(node: Any) -> Any:
    """What stays in memory of a track, or of a shape."""
    if not isinstance(node, dict) or not isinstance(node.get("shapes"), list):
        return [node.get("attributes"), ROW] if isinstance(node, dict) else node
    shapes: Sequence[dict[str, Any]] = [one for one in node["shapes"] if isinstance(one, dict)]
    rest = [{key: one[key] for key in one if key not in ("points", "frame", "type")} for one in shapes]
    return [rest, [ROW] * len(shapes)]
