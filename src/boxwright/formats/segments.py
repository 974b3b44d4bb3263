"""Segments.ai: the cuboid labels of a sequence of point clouds, with the sample and the categories that they are labels of.

    label.json          {format_version, frames: [{timestamp, annotations: [{id, track_id, category_id, type: "cuboid", position, dimensions, yaw,
                        rotation: {qx, qy, qz, qw}, is_keyframe, attributes}]}], links: [{from_id, to_id, attributes}]}
    sample.json         {frames: [{name, timestamp, pcd: {url, type}, ego_pose: {position, heading: {qx, qy, qz, qw}}}]}: optional
    categories.json     {categories: [{id, name, attributes}]}: optional, of the dataset's task
    pointclouds/000000.pcd
    cameras/front/000000.png    the pictures, or in images/; found by the end of their url in images of sample.json, which segments_cameras.py draws

position is the geometric centre, dimensions are along the own x, y, z, yaw turns counter-clockwise from +x; where there is a rotation, it counts.
With ego poses, which are those of the clouds' sensor, cuboids stand in the world, else in the frame of each cloud.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..frames import Pose
from ..limits import has_file, limits
from ..points import Sweep
from ..problems import Problems
from ..scene import Scene
from ..tags import Relation
from ..tracks import Origin
from . import strict_json
from .clouds_of_frames import quat_of_yaw, scene_of_places, unescaped
from .declared import Capabilities, Exactness
from .json_parts import ROW, load_by_parts
from .label_rows import LabelRows
from .looking import is_known_by, names_of
from .reach import within_reach
from .segments_cameras import CALIBRATION, quat_of, shots_of_sample
from .sensor_files import read_point_file
from .strict_json import Node

__all__ = ["CAPABILITIES", "FIELDS", "KIND", "LINK", "NAME", "SYNCED", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="Segments.ai, cuboid labels of point cloud sequences",
    reads="cuboids full_rotation tracks attributes relations poses calibration classes track_ids times frame_names sweeps pictures other_fields",
    writes="cuboids full_rotation tracks attributes relations poses calibration classes track_ids times frame_names sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "relations": "the times in which they hold are dropped",
        "poses": "those of the first LiDAR at the frames, and of cameras at their exposures, stay",
        "calibration": f"{CALIBRATION}. Cameras are known by their pictures",
        "frame_names": "those that cannot be names of files are numbered",
        "sweeps": "those of all LiDARs become one cloud in the frame of the first",
    },
    frame="world",
    exact=Exactness(m=1e-9, rad=1e-9),
    client="segments-ai",
    remarks=(
        "Upright cuboids are written with their yaw, others with the quaternion too.",
        "Segments.ai interpolates linearly between keyframes; every frame is written as a keyframe, so that what it shows is what the track is.",
        "Timestamps are taken as nanoseconds, and left out where they have fractions. When a picture was taken, where that is not at its frame's "
        "stamp, is told beside it as `boxwright_exposure_ns`, and where its camera sits as `boxwright_lidar_from_cam`, which nobody else reads. "
        "A track whose name is no whole number gets one, and its name as the attribute `boxwright_track_id`.",
    ),
)

CUBOID, SYNCED = "cuboid", "cuboid-sync"
NAME = "boxwright_track_id"  # of a track that is not called by a number
KIND, LINK = "kind", "link"  # what sort of relation a link is, and what it is where it does not say
FIELDS = {"track_id", "category_id", "position", "dimensions", "yaw", "rotation", "attributes", "is_keyframe"}
_FRAMES = re.compile(rb'"frames"\s*:\s*\[')
_TRACKED = re.compile(rb'"(track_id|category_id)"\s*:')
_CLOUD = r"[^.].*\.(?i:pcd|ply|bin|las|laz)"


def detect(path: Path) -> bool:
    return _file(path) is not None


def list_scenes(path: Path) -> list[str]:
    file = _file(path)
    return [] if file is None else [file.absolute().parent.name]


def _file(path: Path) -> Path | None:
    file = path / "label.json" if path.is_dir() else path
    is_beside = (file.parent / "sample.json").is_file() or (file.parent / "categories.json").is_file()
    is_ours = file.name == "label.json" and is_known_by(file, lambda top: bool(_FRAMES.search(top) and (is_beside or _TRACKED.search(top))))
    return file if is_ours else None


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file, notes = _file(path), list[str]()
    assert file is not None  # it was listed
    top = load_by_parts(file, frozenset({"frames"}), _left_of_frame)
    frames, reading = top["frames"], _Reading(file.parent / "categories.json", problems)
    limits().check("frames_per_scene", len(frames), file)
    for i, frame in enumerate(frames):
        with problems.aside(frame.value):
            reading.frame(i, frame)
    sample = _sample(file.parent / "sample.json", len(frames), notes)
    places = [_place(one) for one in sample]
    stamps = [_stamp(one) for one in sample]
    if None in stamps:
        stamps = reading.stamps + [None] * (len(frames) - len(reading.stamps))
    times = _whole(stamps, notes)
    names = [one.get("name", "").text() for one in sample]
    are_named = all(names) and len({*names}) == len(names)
    reading.say_what_is_left_out(notes)
    shots, of_cameras = shots_of_sample(sample, places, file.parent, problems, notes)
    kept = {key: value for key, value in top.value.items() if key != "frames"}
    told = {"label": kept, "categories": reading.categories, "sample": [_extras(one) for one in sample] if any(map(_extras, sample)) else []}
    told["cameras"] = of_cameras
    found = scene_of_places(
        scene,
        reading.rows,
        names if are_named else [f"{i:06d}" for i in range(len(frames))],
        times,
        places,
        _clouds(file.parent / "pointclouds", sample),
        np.zeros(3),
        "segments",
        path,
        notes,
        {"segments": {key: value for key, value in told.items() if value}},
        _read_cloud,
        "no poses: the tracks stay in the frame of the clouds, and the motion of the vehicle is in them",
        problems,
        shots,
    )
    return found.replace(relations=_relations(top, reading, {track.track_id for track in found.tracks}, problems))


class _Reading:
    """The frames of a label, one after the other.

    names : id of a category -> its name
    tracks : number of a track -> its name
    """

    def __init__(self, file: Path, problems: Problems) -> None:
        self.problems, self.rows = problems, LabelRows()
        self.categories: dict[str, Any] = strict_json.load(file).mapping() if has_file(file) else {}
        listed = Node(self.categories, str(file)).get("categories", [])
        self.names = {one["id"].whole(): one["name"].word() for one in listed}
        self.tracks: dict[int, str] = {}
        self.stamps: list[Decimal | None] = []
        self.others, self.unnamed = Counter[str](), set[int]()

    def frame(self, i: int, frame: Node) -> None:
        self.stamps += [None] * (i - len(self.stamps)) + [_stamp(frame)]
        annotations = frame["annotations"]
        limits().check("labels_per_frame", len(annotations), frame.path, frame.field)
        for one in annotations:
            with self.problems.aside(one.value):
                self._add(i, one)

    def _add(self, i: int, node: Node) -> None:
        kind = node["type"].text()
        if kind not in (CUBOID, SYNCED):
            self.others[kind] += 1
            return
        number, category = node["track_id"].whole(), node["category_id"].whole()
        if category not in self.names:
            self.unnamed.add(category)
        center, size, quat = cuboid_from_annotation(node)
        said = dict(node.get("attributes", {}).mapping())
        name = said.pop(NAME, None)
        track_id = name if isinstance(name, str) and name.strip() else str(number)
        source = {key: value for key, value in node.value.items() if key not in FIELDS and (key, value) != ("type", CUBOID)}
        self.rows.add(
            i,
            node,
            (track_id, self.names.get(category, str(category))),
            (node["position"], center),
            (node["dimensions"], size),
            quat,
            origin=Origin.FILLED if node.get("is_keyframe", True).value is False else Origin.GIVEN,
            attributes={unescaped(one): value for one, value in said.items()},
            source=source,
        )
        self.tracks.setdefault(number, track_id)

    def say_what_is_left_out(self, notes: list[str]) -> None:
        for kind, n in self.others.items():
            notes.append(f"{number_of(n, 'annotation')} of the type {kind!r} {'is' if n == 1 else 'are'} no cuboid: left out")
        if self.unnamed:
            numbers = ", ".join(map(str, sorted(self.unnamed)[:10]))
            notes.append(f"categories.json does not name the categories {numbers}: they are called by their numbers")


def cuboid_from_annotation(node: Node) -> tuple[Float64s, Float64s, Float64s]:
    """Geometric centre, (length, width, height) and quaternion."""
    center, size = (node[part].numbers_of("xyz") for part in ("position", "dimensions"))
    yaw = within_reach(node["yaw"], np.array([node["yaw"].number()]), "an angle")[0]
    if not node.has("rotation"):
        return center, size, quat_of_yaw(float(yaw))
    return center, size, quat_of(node["rotation"])


# ------------------------------------------------------------ the sample


def _sample(file: Path, n_frames: int, notes: list[str]) -> list[Node]:
    """The frames of the sample; empty objects where there is none of as many frames."""
    found = list(strict_json.load(file)["frames"]) if has_file(file) else []
    if found and len(found) != n_frames:
        notes.append(f"sample.json has {number_of(len(found), 'frame')} for {n_frames} of the label: it is left out")
    return found if len(found) == n_frames else [Node({}, str(file), f"frames[{i}]") for i in range(n_frames)]


def _place(frame: Node) -> Pose | None:
    """world_from_lidar."""
    if not frame.has("ego_pose"):
        return None
    position, heading = frame["ego_pose"]["position"], frame["ego_pose"]["heading"]
    return Pose.from_quat(quat_of(heading), within_reach(position, np.array([position[axis].number() for axis in "xyz"])))


def _stamp(frame: Node) -> Decimal | None:
    """As the file has it: a whole number, another one, or a text of one."""
    value = frame.mapping().get("timestamp")
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    try:
        number = Decimal(str(value))
        return number if number.is_finite() and -(2**63) <= number < 2**63 else None
    except InvalidOperation:
        return None


def _whole(stamps: list[Decimal | None], notes: list[str]) -> list[int | None]:
    """Nanoseconds; of none where one has a fraction, which are seconds, or who knows what."""
    broken = next((one for one in stamps if one is not None and one != one.to_integral_value()), None)
    if broken is not None:
        notes.append(f"timestamps such as {broken!s:.40} are no whole nanoseconds, and nobody tells their unit: frames are numbered")
        return [None] * len(stamps)
    return [None if one is None else int(one) for one in stamps]


def _extras(frame: Node) -> dict[str, Any]:
    return {key: value for key, value in frame.mapping().items() if key not in ("pcd", "images", "ego_pose", "timestamp", "name")}


def _clouds(folder: Path, sample: list[Node]) -> list[Path | None]:
    """The clouds that lie in pointclouds/; of an address only the last part counts, so that none leads out of the folder."""
    there = {name: folder / name for name in names_of(folder, _CLOUD)}
    addresses = [frame.get("pcd", {}).get("url", "").text() for frame in sample]
    return [there.get(re.split(r"[/\\]", address.partition("?")[0])[-1]) for address in addresses]


def _read_cloud(file: Path, sensor: str, timestamp_ns: int, pose: Pose | None) -> Sweep:
    return dataclasses.replace(read_point_file(file, frame=sensor), timestamp_ns=timestamp_ns)


def _relations(top: Node, reading: _Reading, known: set[str], problems: Problems) -> list[Relation]:
    found = []
    for node in top.get("links", []):
        with problems.aside(node.value):
            ends = [reading.tracks.get(node[name].whole()) for name in ("from_id", "to_id")]
            if ends[0] not in known or ends[1] not in known:
                raise node.wrong("a link between tracks of the label", f"{node['from_id'].value} and {node['to_id'].value}")
            kind = node.get("attributes", {}).mapping().get(KIND)
            found.append(Relation(kind if isinstance(kind, str) and kind.strip() else LINK, str(ends[0]), str(ends[1])))
    return found


def _left_of_frame(frame: Any) -> Any:
    """What stays in memory of a frame."""
    if not isinstance(frame, dict) or not isinstance(frame.get("annotations"), list):
        return frame
    found = [one for one in frame["annotations"] if isinstance(one, dict)]
    return [[one.get("attributes") for one in found], [ROW] * len(found)]
