"""The writer of Supervisely projects of point clouds; the layout is drawn in supervisely.py."""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import ArgumentError
from ..keyframes import Visibility
from ..rotations import euler_xyz_from_quat, wrap_rad
from ..scene import Scene
from ..tracks import Track
from .boxwright_scene import is_safe_name
from .clouds_of_frames import escaped, frame_stems, say_what_is_lost, write_clouds
from .file_names import fitting
from .labelled_frames import LabelledFrame, labelled_frames, sensor_frame
from .own_fields import with_own_fields
from .reach import check_reach
from .streamed_json import StreamedJson, json_line
from .supervisely import CAPABILITIES, CUBOID, NAME_TAG, OCCLUDED, OF_CVAT, RESERVED
from .supervisely_pictures import write_pictures
from .write_report import Told, WriteReport

__all__ = ["write"]

_BASE = "ds0"  # the dataset that CVAT and Datumaro look for in a project of single clouds
_COLORS = ("#D0021B", "#4A90E2", "#7ED321", "#F5A623", "#9013FE", "#50E3C2", "#8B572A", "#BD10E0")
_NUMBER = re.compile("0|[1-9][0-9]{0,8}")
Span = tuple[str, Any, int, int]  # name, value, first and last frame


def write(
    scene: Scene, folder: Path, report: WriteReport, *, layout: str = "episode", dataset: str | None = None, pcd_encoding: str = "binary"
) -> None:
    """Writes a project with one dataset into `folder`, which exists and is empty.

    layout : "episode", or "clouds" for single clouds, which CVAT and Datumaro read too
    dataset : its name; by default the scene's, and ds0 for single clouds, where CVAT looks
    pcd_encoding : "binary", "binary_compressed" or "ascii"
    """
    check_reach(scene)
    scene = with_own_fields(scene, report, "supervisely")
    if layout not in ("episode", "clouds"):
        raise ArgumentError(expected="'episode' or 'clouds'", got=repr(layout), field="layout")
    own = fitting(re.sub(r"[^\w.-]", "_", scene.name).strip("._")) or "scene"
    name = (_BASE if layout == "clouds" else own) if dataset is None else dataset
    if not is_safe_name(name):
        raise ArgumentError(expected="the name of a folder", got=repr(name), field="dataset")
    if name != scene.name:
        report.dropped.append(Told("", f"the scene's name {scene.name!r}: the dataset is called {name!r}"))
    report.tolerance_m = report.tolerance_rad = 1e-9
    place = folder / name
    (place / "pointcloud").mkdir(parents=True)
    stems = frame_stems(scene, report, in_order=layout == "clouds")
    write_clouds(scene, place / "pointcloud", stems, pcd_encoding, report)
    project = _Project(scene, report, layout == "episode")
    write_pictures(scene, place, stems, sensor_frame(scene), project.kept.get("cameras"), report)
    frames = labelled_frames(scene, sensor_frame(scene), report)
    with StreamedJson(folder / "key_id_map.json", f"scene {scene.name!r}") as file:
        file.member("tags", {})
        file.member("objects", project.object_ids())
        file.mapping("figures", project.episode(place, stems, frames) if layout == "episode" else project.clouds(place, stems, frames))
        file.member("videos", project.cloud_ids)
    _put(folder / "meta.json", project.meta("point_cloud_episodes" if layout == "episode" else "point_clouds"))
    say_what_is_lost(scene, CAPABILITIES, report)


def _put(file: Path, value: Any) -> None:
    file.write_text(json_line(value, file.name) + "\n", encoding="utf-8")


class _Project:
    def __init__(self, scene: Scene, report: WriteReport, is_episode: bool) -> None:
        self.scene, self.is_episode = scene, is_episode
        kept = scene.source_attributes.get("supervisely")
        self.kept: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
        objects = self.kept.get("objects")
        self.objects: Mapping[str, Any] = objects if isinstance(objects, Mapping) else {}
        self.keys = self._object_keys()
        ids = [track.track_id for track in scene.tracks]
        given = {int(one) for one in ids if _NUMBER.fullmatch(one)}
        free = (i for i in range(1, 10**9) if i not in given)
        self.numbers = [int(one) if _NUMBER.fullmatch(one) else next(free) for one in ids]
        self.values = _kinds(scene, report)
        self.cloud_ids: dict[str, int] = {}

    def key(self, *parts: Any) -> str:
        """32 hexadecimal digits, the same for the same scene."""
        return hashlib.blake2b(json.dumps([self.scene.name, *parts]).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def _object_keys(self) -> list[str]:
        """As a file had them, else made of the tracks' names; each once."""
        keys: list[str] = []
        taken = set[str]()
        for track in self.scene.tracks:
            said = self.objects.get(track.track_id)
            key = said.get("key") if isinstance(said, Mapping) else None
            own = str(key) if _is_key(key) and key not in taken else self.key("object", track.track_id)
            taken.add(own)
            keys.append(own)
        return keys

    def is_called_by_key(self, k: int) -> bool:
        """Whether a track has its object's key for a name; Datumaro wants a number for each object of single clouds."""
        return self.is_episode and self.scene.tracks[k].track_id == self.keys[k]

    def object_ids(self) -> dict[str, int]:
        return {key: self.numbers[k] for k, key in enumerate(self.keys) if not self.is_called_by_key(k)}

    # -------------------------------------------------------- files

    def episode(self, place: Path, stems: Sequence[str], frames: Iterator[LabelledFrame]) -> Iterator[tuple[str, int]]:
        """Writes the files of an episode; its figures need no numbers."""
        field = f"scene {self.scene.name!r}"
        _put(place / "frame_pointcloud_map.json", {str(i): f"{stem}.pcd" for i, stem in enumerate(stems)})
        given = self.kept.get("annotation")
        given = given if isinstance(given, Mapping) else {}
        top = {key: value for key, value in given.items() if key not in ("objects", "key", "tags", "framesCount", "frames")}
        key, tags = given.get("key"), given.get("tags")
        with StreamedJson(place / "annotation.json", field) as file:
            for name, value in {"description": "", **top}.items():
                file.member(name, value)
            file.member("key", key if _is_key(key) else self.key("episode"))
            file.member("tags", tags if isinstance(tags, (list, tuple)) else [])
            file.member("framesCount", len(self.scene))
            file.list("objects", (self.object(k, _spans(track, self.scene)) for k, track in enumerate(self.scene.tracks)))
            file.list("frames", ({"index": one.index, "figures": self.figures(one)} for one in frames if len(one)))
        yield from ()

    def clouds(self, place: Path, stems: Sequence[str], frames: Iterator[LabelledFrame]) -> Iterator[tuple[str, int]]:
        """Writes a file for each cloud; the keys of the figures, with numbers that Datumaro asks for."""
        (place / "ann").mkdir()
        clouds, n_figures = self.kept.get("clouds"), 0
        for one in frames:
            name = f"{stems[one.index]}.pcd"
            said = clouds.get(name) if isinstance(clouds, Mapping) else None
            said = dict(said) if isinstance(said, Mapping) else {}
            key = said["key"] if _is_key(said.get("key")) and said["key"] not in self.cloud_ids else self.key("cloud", one.index)
            self.cloud_ids[key] = one.index
            figures = self.figures(one)
            for figure in figures:
                n_figures += 1
                yield figure["key"], n_figures
            objects = [
                self.object(k, [(name, value, -1, -1) for name, value in _tags_of(held, hidden).items()])
                for k, held, hidden in zip(one.tracks, one.attributes, one.is_occluded.tolist())
            ]
            _put(place / "ann" / f"{name}.json", {"description": "", "tags": [], **said, "key": key, "objects": objects, "figures": figures})

    # -------------------------------------------------------- objects and figures

    def object(self, k: int, spans: Sequence[Span]) -> dict[str, Any]:
        """The object of a track, its attributes as tags."""
        track = self.scene.tracks[k]
        said = self.objects.get(track.track_id)
        said = {key: value for key, value in said.items() if key not in ("key", "classTitle", "tags")} if isinstance(said, Mapping) else {}
        tags = [self.tag(k, n, span) for n, span in enumerate(spans)]
        if not _NUMBER.fullmatch(track.track_id) and not self.is_called_by_key(k):
            tags.append({"key": self.key("name", k), "name": NAME_TAG, "value": track.track_id})
        like_cvat: dict[str, Any] = {} if self.is_episode else {"objects": [], OF_CVAT: []}
        return {"key": self.keys[k], "classTitle": track.category, "tags": tags, **like_cvat, **said}

    def tag(self, k: int, n: int, span: Span) -> dict[str, Any]:
        name, value, first, last = span
        plain = value if self.values.get(name) == "any_number" else _text(value)
        return {"key": self.key("tag", k, n), "name": name, "value": plain, **({"frameRange": [first, last]} if first >= 0 else {})}

    def figures(self, frame: LabelledFrame) -> list[dict[str, Any]]:
        parts = [[dict(zip("xyz", row)) for row in part.tolist()] for part in geometry_from_cuboids(frame.cuboids, not self.is_episode)]
        found = []
        for k, source, position, rotation, dimensions in zip(frame.tracks, frame.sources, *parts):
            key = source.get("key")
            found.append(
                {
                    **{name: value for name, value in source.items() if name not in ("objectKey", "geometryType", "geometry")},
                    "key": key if _is_key(key) else self.key("figure", k, frame.index),
                    "objectKey": self.keys[k],
                    "geometryType": CUBOID,
                    "geometry": {"position": position, "rotation": rotation, "dimensions": dimensions},
                }
            )
        return found

    def meta(self, kind: str) -> dict[str, Any]:
        """Classes and tags; those of a file stay in their order, with what it says of them."""
        given = self.kept.get("meta")
        given = given if isinstance(given, Mapping) else {}
        classes = _known(given.get("classes"), "title")
        tags = _known(given.get("tags"), "name")
        for i, title in enumerate(self.scene.categories):
            classes.setdefault(title, {"title": title, "shape": CUBOID, "color": _COLORS[i % len(_COLORS)], "geometry_config": {}})
        for i, (name, value_type) in enumerate(self.values.items()):
            old = tags.get(name, {})
            if not old or (value_type, old.get("value_type")) not in ((value_type, value_type), ("any_string", "oneof_string")):
                tags[name] = {
                    "name": name,
                    "value_type": value_type,
                    "color": _COLORS[i % len(_COLORS)],
                    "applicable_type": "objectsOnly",
                    "classes": [],
                }
        others = {key: value for key, value in given.items() if key not in ("classes", "tags", "projectType")}
        return {**others, "classes": list(classes.values()), "tags": list(tags.values()), "projectType": kind}


def geometry_from_cuboids(cuboids: Cuboids, looks_along_x: bool) -> tuple[Float64s, Float64s, Float64s]:
    """(M, 3) each: geometric centres, the angles of Rx @ Ry @ Rz, and sizes along the own axes; supervisely.py tells along which of them it looks."""
    angles = euler_xyz_from_quat(cuboids.quat_wxyz)
    if looks_along_x:
        return cuboids.center_m, angles, cuboids.size_m
    angles = np.stack([*angles[:, :2].T, np.asarray(wrap_rad(angles[:, 2] - math.pi / 2))], 1)
    return cuboids.center_m, angles, cuboids.size_m[:, [1, 0, 2]]


# ------------------------------------------------------------ tags


def _kinds(scene: Scene, report: WriteReport) -> dict[str, str]:
    """Name of a tag -> its kind of value."""
    numbers: dict[str, bool] = {}
    changed = set[str]()
    for track in scene.tracks:
        for row in (track.attributes, *track.keyframe_attributes):
            for name, value in row.items():
                if value is not None:
                    is_number = _is_number(value)
                    changed.update([] if is_number or isinstance(value, str) else [name])
                    numbers[escaped(name, RESERVED)] = numbers.get(escaped(name, RESERVED), True) and is_number
    kinds = {name: "any_number" if is_number else "any_string" for name, is_number in numbers.items()}
    numbers_as_texts = [
        name
        for track in scene.tracks
        for row in (track.attributes, *track.keyframe_attributes)
        for name, value in row.items()
        if _is_number(value) and kinds[escaped(name, RESERVED)] == "any_string"
    ]
    changed.update(numbers_as_texts)
    if changed:
        report.rounded.append(Told("attributes", f"attributes that become texts: {', '.join(sorted(changed)[:10])}", changed))
    if any((track.visibility == Visibility.OCCLUDED).any() for track in scene.tracks):
        kinds[OCCLUDED] = "any_string"
    if any(not _NUMBER.fullmatch(track.track_id) for track in scene.tracks):
        kinds[NAME_TAG] = "any_string"
    return kinds


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json_line(value, "an attribute")


def _spans(track: Track, scene: Scene) -> list[Span]:
    """What the track says, each value with the frames in which it holds; -1 where it holds in all of them."""
    frames = np.flatnonzero(track.at(scene.times_ns).is_valid)
    if not len(frames):
        return []
    last_keyframe = np.searchsorted(track.times_ns, scene.times_ns[frames], side="right") - 1
    rows = []
    for k in range(len(track)):
        held = {**track.attributes, **(track._held[k] if track.keyframe_attributes else {})}
        rows.append(_tags_of(held, track.visibility[k] == Visibility.OCCLUDED))
    spans: list[Span] = []
    for name in dict.fromkeys(name for row in rows for name in row):
        spans += _runs(name, [rows[k].get(name) for k in last_keyframe.tolist()], frames.tolist())
    return spans


def _tags_of(held: Mapping[str, Any], is_occluded: bool) -> dict[str, Any]:
    said = {escaped(name, RESERVED): value for name, value in held.items() if value is not None}
    return {**said, **({OCCLUDED: True} if is_occluded else {})}


def _runs(name: str, values: list[Any], frames: list[int]) -> list[Span]:
    """Runs of one value, type and all."""
    runs: list[Span] = []
    for value, frame in zip(values, frames):
        if runs and type(runs[-1][1]) is type(value) and runs[-1][1] == value:
            runs[-1] = (name, value, runs[-1][2], frame)
        else:
            runs.append((name, value, frame, frame))
    told = [run for run in runs if run[1] is not None]
    return [(name, told[0][1], -1, -1)] if len(runs) == 1 and told else told


def _known(given: Any, key: str) -> dict[str, Any]:
    listed = given if isinstance(given, (list, tuple)) else ()
    return {one[key]: dict(one) for one in listed if isinstance(one, Mapping) and isinstance(one.get(key), str)}


def _is_key(key: Any) -> bool:
    try:
        return isinstance(key, str) and bool(uuid.UUID(key).hex)
    except ValueError:
        return False
