"""Supervisely projects of point clouds: of episodes, and of single clouds as CVAT writes them too ("Sly Point Cloud"). Each dataset is a scene.

    meta.json                           {classes: [{title, shape: "cuboid_3d"}], tags: [{name, value_type}], projectType}
    key_id_map.json                     {objects: {key: id}, ...}
    street/annotation.json              of an episode: {objects, framesCount, frames: [{index, figures}]}
    street/frame_pointcloud_map.json    of an episode: {"0": "000000.pcd"}
    street/ann/000000.pcd.json          of single clouds, one for each: {objects, figures}
    street/pointcloud/000000.pcd
    street/related_images/000000_pcd/front.png  and front.png.json: pictures, which supervisely_pictures.py draws

An object is {key, classTitle, tags: [{name, value, frameRange}]}, a figure {key, objectKey, geometryType: "cuboid_3d", geometry: {position,
rotation, dimensions}}: geometric centre, Euler angles, taken as R = Rx @ Ry @ Rz, and sizes along the own x, y, z, in the frame of the cloud. In
Supervisely a cuboid looks along its own y: dimensions are width, length, height, and with a rotation of 0 it looks along +y (so its documentation
of point clouds says, "Cuboid direction vector", and its importer of nuScenes does). In CVAT and Datumaro, which write files of single clouds too, it
looks along its x; their objects have members "figures", of which Supervisely's have none. Single clouds are frames in the order of their names, and
objects with one key are one track.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..limits import has_file, limits
from ..problems import Problems
from ..scene import Scene
from ..tracks import Origin, Visibility
from . import strict_json
from .clouds_of_frames import is_so, quat_from_xyz, scene_of_clouds, times_of, unescaped
from .declared import Capabilities, Exactness
from .json_parts import ROW, load_by_parts
from .label_rows import LabelRows
from .looking import is_known_by, names_of, natural, subfolders
from .reach import within_reach
from .strict_json import Node
from .supervisely_pictures import CALIBRATION, shots_beside

__all__ = ["CAPABILITIES", "CUBOID", "NAME_TAG", "OCCLUDED", "OF_CVAT", "RESERVED", "detect", "list_scenes", "read", "scene_folder"]

CAPABILITIES = Capabilities(
    title="Supervisely projects of point cloud episodes, or of single clouds as CVAT has them",
    reads="cuboids full_rotation tracks attributes calibration visibility classes track_ids times frame_names sweeps pictures other_fields",
    writes="cuboids full_rotation tracks attributes calibration visibility classes track_ids times frame_names sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "attributes": "values that are neither texts nor numbers become texts",
        "calibration": CALIBRATION,
        "frame_names": "those that cannot be names of files are numbered",
        "times": "those of frames and exposures stay where every frame has a picture, whose meta tells them",
        "sweeps": "those of all LiDARs become one cloud in the frame of the first",
    },
    frame="lidar",
    exact=Exactness(m=1e-9, rad=1e-9),
    client="supervisely",
    remarks=(
        "Attributes are tags of objects, those of an episode with the frames where they hold; what is occluded has the tag `occluded`, as in CVAT.",
        "Supervisely knows no poses: every frame has its figures, so that what it shows is what the track is in the world.",
        "In Supervisely a cuboid looks along its own y, so dimensions are width, length, height, and a rotation of 0 looks along +y.",
        'Files of single clouds (`layout="clouds"`) are what CVAT and Datumaro read, which round each number to 2 decimals; '
        "there a cuboid looks along its x. Which of the two wrote a file is told by its objects.",
    ),
)

CUBOID = "cuboid_3d"
OCCLUDED, NAME_TAG = "occluded", "boxwright_track_id"  # the latter where the name of a track is no number
OF_CVAT = "figures"  # a member of objects, always empty, in the files of CVAT and Datumaro
KEYFRAME = "keyframe"  # whether Datumaro's label is one, where it came from its own JSON
RESERVED = (OCCLUDED, NAME_TAG, KEYFRAME, "track_id")
_CLASSES = re.compile(rb'"classes"\s*:\s*\[')
_OWN_FIGURE = {"objectKey", "geometryType", "geometry"}
_CLOUD = r"[^.].*\.(?i:pcd|ply|bin)"


def detect(path: Path) -> bool:
    return bool(_datasets(path))


def list_scenes(path: Path) -> list[str]:
    return list(_datasets(path))


def _datasets(path: Path) -> dict[str, Path]:
    """Name -> folder of each dataset of a project."""
    if not path.is_dir() or not is_known_by(path / "meta.json", lambda start: _CLASSES.search(start) is not None):
        return {}
    return {folder.name: folder for folder in subfolders(path) if _is_episode(folder) or _annotations(folder)}


def _is_episode(folder: Path) -> bool:
    return (folder / "annotation.json").is_file() and ((folder / "pointcloud").is_dir() or (folder / "frame_pointcloud_map.json").is_file())


def _annotations(folder: Path) -> list[str]:
    """The files of single clouds, as frames."""
    return sorted(names_of(folder / "ann", r"[^.].*\.(?i:pcd|ply|bin)\.json"), key=natural)


def scene_folder(path: Path, scene: str) -> Path:
    return _datasets(path)[scene]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    folder, notes = scene_folder(path, scene), list[str]()
    reading = _Reading(strict_json.load(path / "meta.json"), path / "key_id_map.json", problems)
    if _is_episode(folder):
        names = reading.episode(folder)
    else:
        names = reading.single_clouds(folder)
    files = {name: folder / "pointcloud" / name for name in names_of(folder / "pointcloud", _CLOUD)}
    for kind, n in reading.others.items():
        notes.append(f"{number_of(n, 'figure')} of the type {kind!r} {'is' if n == 1 else 'are'} no cuboid: left out")
    shots, of_cameras, stamps = shots_beside(folder, names, problems, notes)
    times = times_of(stamps, folder)
    tracks = reading.rows.tracks(times[0], None, folder, notes)
    kept = {"meta": reading.meta.value, "objects": reading.kept_objects(), "annotation": reading.top, "clouds": reading.clouds, "cameras": of_cameras}
    return scene_of_clouds(
        scene,
        [Path(name).stem for name in names],
        [files.get(name) for name in names],
        tracks,
        "supervisely",
        path,
        notes=notes,
        source_attributes={"supervisely": {key: value for key, value in kept.items() if value or key == "meta"}},
        shots=shots,
        times=times,
    )


class _Reading:
    """A dataset's objects and figures.

    looks_along_x : whether cuboids do, as CVAT has them; along their y otherwise
    objects : key -> what is told of it; in a folder of single clouds, by the last file that tells of it
    names : key -> the id of its track
    top, clouds : what is told beside objects and frames: by an episode, and by each of single clouds
    """

    def __init__(self, meta: Node, map_file: Path, problems: Problems) -> None:
        meta["classes"]
        self.meta, self.problems, self.rows = meta, problems, LabelRows()
        ids = strict_json.load(map_file).get("objects", {}).mapping() if has_file(map_file) else {}
        self.ids = {key: number for key, number in ids.items() if isinstance(number, int) and not isinstance(number, bool)}
        self.objects: dict[str, Mapping[str, Any]] = {}
        self.names: dict[str, str] = {}
        self.taken: dict[str, str] = {}
        self.others = Counter[str]()
        self.looks_along_x = False
        self.top: dict[str, Any] = {}
        self.clouds: dict[str, Any] = {}

    def episode(self, folder: Path) -> list[str]:
        """The names of the frames' clouds."""
        file = folder / "annotation.json"
        top = load_by_parts(file, frozenset({"frames"}), _left_of_frame)
        objects = self._objects(top)
        n_frames = top.get("framesCount", 0).whole()
        seen = set[int]()
        for node in top["frames"]:
            with self.problems.aside(node.value):
                index = node["index"].whole()
                if index < 0 or index in seen:
                    raise node["index"].wrong("frames from 0, each once", str(index))
                limits().check("frames_per_scene", index + 1, file)
                seen.add(index)
                n_frames = max(n_frames, index + 1)
                self._figures(index, node, objects)
        limits().check("frames_per_scene", n_frames, file)
        place = np.arange(n_frames)
        self.rows.put_in_order(place)
        self.top = {key: value for key, value in top.value.items() if key not in ("objects", "frames", "framesCount")}
        return self._episode_names(folder / "frame_pointcloud_map.json", n_frames)

    def _episode_names(self, file: Path, n_frames: int) -> list[str]:
        named: dict[str, Any] = strict_json.load(file).mapping() if has_file(file) else {}
        names = [re.split(r"[/\\]", name)[-1] if isinstance(name := named.get(str(i)), str) and name else f"{i:06d}.pcd" for i in range(n_frames)]
        return names if len(set(names)) == n_frames else [f"{i:06d}.pcd" for i in range(n_frames)]

    def single_clouds(self, folder: Path) -> list[str]:
        """The names of the clouds."""
        files = _annotations(folder)
        limits().check("frames_per_scene", len(files), folder)
        for i, name in enumerate(files):
            with strict_json.file_aside(folder / "ann" / name, self.problems):
                top = strict_json.load(folder / "ann" / name)
                self.looks_along_x = _is_of_cvat(top)
                self._figures(i, top, self._objects(top))
                rest = {key: value for key, value in top.value.items() if key not in ("objects", "figures")}
                self.clouds[name.removesuffix(".json")] = rest
        return [name.removesuffix(".json") for name in files]

    def _objects(self, top: Node) -> dict[str, tuple[str, list[tuple[str, Any, int, int]]]]:
        """Key -> class and tags (name, value, first frame, last frame) of the objects of a file."""
        found = {}
        for node in top["objects"]:
            with self.problems.aside(node.value):
                key = node["key"].word()
                if key in found:
                    raise node["key"].wrong("each object once", f"{key[:60]!r} again", "give each object a key of its own")
                tags = [_tag(tag) for tag in node.get("tags", [])]
                name = next((str(value) for tag, value, _, _ in tags if tag == NAME_TAG and isinstance(value, str) and value.strip()), None)
                name = str(self.ids.get(key, key)) if name is None else name
                if self.taken.setdefault(name, key) != key:  # an id that two keys have
                    name = key
                found[key] = (node["classTitle"].word(), [tag for tag in tags if tag[0] != NAME_TAG])
                self.names[key] = name
                self.objects[key] = {k: value for k, value in node.value.items() if k not in ("classTitle", "tags")}
        return found

    def _figures(self, index: int, top: Node, objects: Mapping[str, tuple[str, list[tuple[str, Any, int, int]]]]) -> None:
        figures = top.get("figures", [])
        limits().check("labels_per_frame", len(figures), top.path, top.field)
        for node in figures:
            with self.problems.aside(node.value):
                kind = node["geometryType"].text()
                if kind != CUBOID:
                    self.others[kind] += 1
                    continue
                key = node["objectKey"].text()
                if key not in objects:
                    raise node["objectKey"].wrong("the key of an object of the file", repr(key[:60]))
                self._add(index, node, key, *objects[key])

    def _add(self, index: int, node: Node, key: str, category: str, tags: list[tuple[str, Any, int, int]]) -> None:
        center, size, quat = cuboid_from_geometry(node["geometry"], self.looks_along_x)
        said = {name: value for name, value, first, last in tags if first <= index <= last}
        own = (OCCLUDED, KEYFRAME) if self.looks_along_x else (OCCLUDED,)
        self.rows.add(
            index,
            node,
            (self.names[key], category),
            (node["geometry"]["position"], center),
            (node["geometry"]["dimensions"], size),
            quat,
            visibility=Visibility.OCCLUDED if is_so(said.get(OCCLUDED)) else Visibility.VISIBLE,
            origin=Origin.FILLED if self.looks_along_x and said.get(KEYFRAME) in ("false", "False", False) else Origin.GIVEN,
            attributes={unescaped(name): value for name, value in said.items() if name not in own},
            source={name: value for name, value in node.value.items() if name not in _OWN_FIGURE},
        )

    def kept_objects(self) -> dict[str, Mapping[str, Any]]:
        """Track -> the key of its object, and what else is told of it."""
        return {self.names[key]: said for key, said in self.objects.items()}


def _tag(node: Node) -> tuple[str, Any, int, int]:
    """(name, value, first and last frame); one without a value is set."""
    name = node["name"].word()
    value = node.mapping().get("value")
    if isinstance(value, (list, dict)):
        raise node["value"].wrong("a text or a number")
    if not node.has("frameRange"):
        return name, True if value is None else value, 0, 2**31
    span = node["frameRange"]
    if len(span) != 2:
        raise span.wrong("a first and a last frame", str(len(span)))
    first, last = (one.whole() for one in span)
    return name, True if value is None else value, first, last


def _is_of_cvat(top: Node) -> bool:
    """Whether the file of a cloud is written as Datumaro does."""
    objects = top.mapping().get("objects")
    return isinstance(objects, list) and any(isinstance(one, dict) and OF_CVAT in one for one in objects)


def cuboid_from_geometry(geometry: Node, looks_along_x: bool) -> tuple[Float64s, Float64s, Float64s]:
    """Geometric centre, (length, width, height), and the quaternion."""
    center, angles_rad, size = (geometry[part].numbers_of("xyz") for part in ("position", "rotation", "dimensions"))
    angles_rad = within_reach(geometry["rotation"], angles_rad, "angles")
    if looks_along_x:
        return center, size, quat_from_xyz(angles_rad)
    return center, size[[1, 0, 2]], quat_from_xyz(np.add(angles_rad, (0.0, 0.0, math.pi / 2)))


def _left_of_frame(frame: Any) -> Any:
    """What stays in memory of a frame of an episode."""
    if not isinstance(frame, dict) or not isinstance(frame.get("figures"), list):
        return frame
    figures = [one for one in frame["figures"] if isinstance(one, dict)]
    return [[{key: one[key] for key in one.keys() - _OWN_FIGURE} for one in figures], [ROW] * len(figures)]
