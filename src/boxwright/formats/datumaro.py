"""Datumaro JSON with cuboids, as CVAT writes it for 3-D tasks ("Datumaro 3D 1.0"): a folder of subsets, each a scene.

    annotations/default.json            {categories: {label: {labels: [{name}]}}, items: [{id, annotations, attr: {frame}, point_cloud: {path}}]}
    point_clouds/default/000000.pcd     one cloud for each item
    images/default/000000/front.png     pictures beside it, CVAT's context images: the item's related_images: [{path: "000000/front.png"}]

A cuboid is {type: "cuboid_3d", label_id, position, rotation, scale, attributes: {track_id, keyframe, occluded, outside, ...}}: geometric centre,
Euler angles R = Rx @ Ry @ Rz, and sizes along the own x, y, z, that is length, width, height, in the frame of the cloud. (Datumaro's writer of KITTI
raw takes the same three for height, width, length.) Items are frames, in the order of their numbers where all of them tell one.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..limits import limits
from ..problems import Problems
from ..scene import Scene
from ..tracks import Origin, Visibility
from .boxwright_scene import frame_names, is_safe_name
from .cameras_of_frames import Shot
from .clouds_of_frames import is_so, quat_from_xyz, scene_of_clouds, unescaped
from .declared import Capabilities, Decimals, Exactness
from .images import IMAGE_SUFFIXES
from .json_parts import ROW, load_by_parts
from .label_rows import LabelRows
from .looking import is_known_by, names_of
from .reach import within_reach
from .strict_json import Node

__all__ = ["CAPABILITIES", "CUBOID", "INTERNAL", "NUMBER", "detect", "list_scenes", "read", "scene_file"]

CAPABILITIES = Capabilities(
    title="Datumaro JSON with cuboids, as CVAT has it for 3-D tasks",
    reads="cuboids full_rotation tracks attributes visibility classes track_ids frame_names sweeps pictures other_fields",
    writes="cuboids full_rotation tracks attributes visibility classes track_ids frame_names sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "frame_names": "those that cannot be names of files are numbered",
        "sweeps": "those of the first LiDAR stay",
        "pictures": "beside the clouds, of cameras without calibration",
    },
    frame="lidar",
    exact=Exactness(m=1e-9, rad=1e-9),
    client="datumaro",
    # of 2 decimals: each coordinate by 0.005 m and half of each size by 0.0025, sqrt(3) * 0.0075 = 0.013 together, and three angles by 0.005 rad,
    # which move the far corner of a tilted cuboid with a diagonal of 18 m by 9 * 0.015 = 0.135; near level they turn a heading by at most
    # sqrt(3) * 0.005
    client_exact=Decimals(m=0.005, rad=0.005),
    remarks=(
        "The file has all digits; Datumaro, and with it CVAT, rounds each number to 2 decimals when it reads: 0.005 m for places and sizes, "
        "0.005 rad for each angle, which moves the far corner of an upright car by up to some 2 cm and that of an upright truck of 12 m by some "
        "4 cm; where they are tilted by up to 0.3 rad, by some 3 and 6.5 cm.",
        "CVAT knows no poses, interpolates in the frame of the moving sensor, and blends headings without regard to the full turn; therefore every "
        "frame is written as a keyframe, and what it shows is what the track is in the world.",
        "An attribute of a name that CVAT uses itself (`occluded`, `track_id`, ...) is written with `boxwright.` before it.",
    ),
)

CUBOID = "cuboid_3d"
INTERNAL = ("occluded", "outside", "keyframe", "track_id", "rotation")
_PLACES = ("position", "rotation", "scale")
_CATEGORIES = re.compile(rb'"categories"\s*:\s*\{')
_IN_3D = re.compile(rb'"(type"\s*:\s*"cuboid_3d"|point_cloud"\s*:|media_type"\s*:\s*6\b)')
_OWN = {"type", "attributes", "label_id", *_PLACES}
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def detect(path: Path) -> bool:
    return bool(_files(path))


def list_scenes(path: Path) -> list[str]:
    return list(_files(path))


def _files(path: Path) -> dict[str, Path]:
    """Name -> file of each subset."""
    if path.is_file():
        return {path.stem: path} if path.suffix == ".json" and _is_3d(path) else {}
    folder = path / "annotations"
    found = {name.removesuffix(".json"): folder / name for name in names_of(folder, r"[^.].*\.json")}
    return {name: file for name, file in found.items() if _is_3d(file)}


def _is_3d(file: Path) -> bool:
    has_clouds = (file.parent.parent / "point_clouds").is_dir()
    return is_known_by(file, lambda start: _CATEGORIES.search(start) is not None and (has_clouds or _IN_3D.search(start) is not None))


def scene_file(path: Path, scene: str) -> Path:
    return _files(path)[scene]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file, notes = scene_file(path, scene), list[str]()
    top = load_by_parts(file, frozenset({"items"}), _left_of_item)
    reading = _Reading(top, file, problems)
    for item in top["items"]:
        with problems.aside(item.value):
            reading.item(item)
    order = reading.order(notes)
    clouds = _clouds(file)
    ids = [reading.ids[i] for i in order]
    names, items = frame_names(ids, notes), reading.extras
    if names != tuple(ids):
        items = {name: {**items.get(one, {}), "id": one} for name, one in zip(names, ids)}
    tracks = reading.rows.tracks(np.arange(len(names), dtype=np.int64), None, file, notes)
    kept = {"categories": top.get("categories", {}).value, "infos": top.get("infos", {}).value, "items": items}
    return scene_of_clouds(
        scene,
        names,
        [clouds.get(reading.clouds[i]) for i in order],
        tracks,
        "datumaro",
        path,
        notes=notes,
        source_attributes={"datumaro": {key: value for key, value in kept.items() if value}},
        shots=[Shot(i, camera, picture) for i, k in enumerate(order) for camera, picture in reading.pictures[k].items()],
    )


class _Reading:
    """The items of a file, one after the other.

    ids, numbers, clouds, pictures : of each, its name, the frame it says it is, the name of its cloud's file, and camera -> file beside that
    extras : id of an item -> what it says that is no cuboid
    """

    def __init__(self, top: Node, file: Path, problems: Problems) -> None:
        self.folders = [file.parent.parent / "images" / file.stem, file.parent.parent / "images"]
        self.names = [label["name"].word() for label in top["categories"].get("label", {}).get("labels", [])]
        self.problems, self.rows = problems, LabelRows()
        self.ids: list[str] = []
        self.numbers: list[int | None] = []
        self.clouds: list[str] = []
        self.pictures: list[dict[str, Path]] = []
        self.extras: dict[str, dict[str, Any]] = {}
        self.n_alone, self.others = 0, Counter[str]()
        self._taken = set[str]()

    def item(self, item: Node) -> None:
        name = item["id"].word()
        if name in self._taken:
            raise item["id"].wrong("each item once", f"{name[:40]!r} again", "give each item an id of its own")
        number = item.get("attr", {}).mapping().get("frame")
        path = item.get("point_cloud", {}).get("path", f"{name}.pcd").text()
        annotations = item.get("annotations", [])
        len(annotations)
        limits().check("frames_per_scene", len(self.ids) + 1, item.path)
        limits().check("labels_per_frame", len(annotations), item.path, item.field)
        i = len(self.ids)
        self._taken.add(name)
        self.ids.append(name)
        self.numbers.append(number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**31 else None)
        self.clouds.append(re.split(r"[/\\]", path)[-1])
        others = []
        for k, one in enumerate(annotations):
            if isinstance(one.value, dict) and isinstance(one.value.get("type"), str) and one.value["type"] != CUBOID:
                self.others[one["type"].text()] += 1
                others.append(one.value)
                continue
            with self.problems.aside(one.value):
                self._add(i, k, one)
        rest = {key: value for key, value in item.value.items() if key not in ("id", "annotations", "point_cloud", "related_images")}
        self.pictures.append({})
        others_beside = [one.value for one in item.get("related_images", []) if not self._picture(one)]
        if others_beside:
            rest["related_images"] = others_beside
        if others:
            rest["annotations"] = others
        if rest and rest != {"attr": {"frame": i}}:
            self.extras[name] = rest

    def _picture(self, node: Node) -> bool:
        """Whether it is there. Only the last two parts of its path count, so that none leads out of the folder; the camera is called as its file."""
        parts = re.split(r"[/\\]", node["path"].text())[-2:]
        name, _, suffix = parts[-1].rpartition(".")
        if f".{suffix.lower()}" not in IMAGE_SUFFIXES or not name or name in self.pictures[-1] or not all(map(is_safe_name, parts)):
            return False
        found = next((place for folder in self.folders if (place := folder.joinpath(*parts)).is_file()), None)
        if found is not None:
            self.pictures[-1][name] = found
        return found is not None

    def _add(self, i: int, k: int, node: Node) -> None:
        node["type"].one_of({CUBOID: CUBOID})
        label = node["label_id"].whole()
        if not 0 <= label < len(self.names):
            raise node["label_id"].wrong(f"a label from 0 to {len(self.names) - 1}" if self.names else "labels in the categories", str(label))
        said = node.get("attributes", {}).mapping()
        given = said.get("track_id")
        if isinstance(given, (bool, float, list, dict)):
            raise node["attributes"]["track_id"].wrong("a whole number or a text")
        track_id = "" if given is None else str(given)
        is_alone = not track_id.strip()
        if is_alone:
            self.n_alone, track_id = self.n_alone + 1, f"{self.ids[i]}/{k}"
        center, size, quat = cuboid_from_position_rotation_scale(node)
        hidden = Visibility.OCCLUDED if is_so(said.get("occluded")) else Visibility.VISIBLE
        if is_so(said.get("outside")):
            return  # the track is gone here: the last place that CVAT repeats
        source = {key: value for key, value in node.value.items() if key not in _OWN}
        if said.get("keyframe") is not None:
            source["keyframe"] = said["keyframe"]
        if is_alone:
            source["track_id"] = None
        elif isinstance(given, str) and NUMBER.fullmatch(given):
            source["track_id"] = given
        self.rows.add(
            i,
            node,
            (track_id, self.names[label]),
            (node["position"], center),
            (node["scale"], size),
            quat,
            visibility=hidden,
            origin=Origin.FILLED if said.get("keyframe") in (False, "false", "False") else Origin.GIVEN,
            attributes={unescaped(name): value for name, value in said.items() if name not in INTERNAL},
            source=source,
        )

    def order(self, notes: list[str]) -> list[int]:
        """The items as frames, their rows along with them: by their numbers where each has one of its own, else as they come."""
        numbers = [number for number in self.numbers if number is not None]
        order = list(range(len(self.ids)))
        if len(set(numbers)) == len(self.ids):
            order.sort(key=numbers.__getitem__)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        self.rows.put_in_order(place)
        if self.n_alone:
            notes.append(f"{number_of(self.n_alone, 'cuboid')} without a track_id: each became a track of its own, named by its item and place there")
        for kind, n in self.others.items():
            notes.append(f"{number_of(n, 'annotation')} of the type {kind!r} {'is' if n == 1 else 'are'} no cuboid, kept but not read")
        return order


def cuboid_from_position_rotation_scale(node: Node) -> tuple[Float64s, Float64s, Float64s]:
    """Geometric centre, (length, width, height), and the quaternion of Rx @ Ry @ Rz."""
    position, angles_rad, scale = (node[part].numbers(3) for part in _PLACES)
    return position, scale, quat_from_xyz(within_reach(node["rotation"], angles_rad, "angles"))


def _clouds(file: Path) -> dict[str, Path]:
    """Name -> file of the clouds of a subset; of a path in the file only the last part counts, so that none leads out of the folder."""
    top = file.parent.parent / "point_clouds"
    folders = [folder for folder in (top, top / file.stem) if folder.is_dir()]
    return {name: folder / name for folder in folders for name in names_of(folder, r"[^.].*\.(?i:pcd|ply|bin)")}


def _left_of_item(item: Any) -> Any:
    """What stays in memory of an item."""
    if not isinstance(item, dict) or not isinstance(item.get("annotations"), list):
        return item
    cuboids = [one for one in item["annotations"] if isinstance(one, dict)]
    return [{**item, "annotations": None}, [one.get("attributes") for one in cuboids], [ROW] * len(cuboids)]
