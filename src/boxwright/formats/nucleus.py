"""Scale Nucleus: LiDAR scenes and cuboid annotations, as its client uploads and gives them.

    scenes.json                     {scenes: [{reference_id, frames: [{lidar: {reference_id, type: "pointcloud", url, metadata}}]}]}
    annotations.json                {update, annotations: [{label, type: "cuboid", geometry: {position, dimensions, yaw}, reference_id, annotation_id,
                                    track_reference_id, metadata}]}; reference_id is that of the frame's cloud
    pointclouds/000000.json         {device_position, device_heading, points: [{x, y, z, i, d}]}
    cameras/front/000000.png        the pictures, or in images/; a frame has them beside its cloud, each by the name of its camera: {reference_id,
                                    type: "image", url, metadata, camera_params: {position, heading, fx, ...}}

All coordinates are in the world; scale_geometry.py tells what dimensions and yaw mean, scale_cameras.py what lenses there
are. Attributes are the metadata of annotations.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..limits import limits
from ..problems import Problems
from ..scene import Scene
from . import scale_geometry
from .boxwright_scene import camera_name
from .cameras_of_frames import OtherLenses, PictureFiles, Shot
from .clouds_of_frames import scene_of_places
from .declared import Capabilities, Exactness
from .json_parts import ROW, WHOLE, load_by_parts
from .json_scenes import ManyScenes, placed
from .label_rows import LabelRows
from .looking import is_known_by, names_of
from .remembering import of_file, of_files
from .scale_cameras import CALIBRATION, lens_from_scale, mount_from_scale, place_from_scale, time_from_scale
from .scale_clouds import SWEEPS, TIME, is_in_sensor_frame, place_of, read_cloud, read_head, unposed_note
from .scale_geometry import IN_WORLD
from .strict_json import Node

__all__ = ["CAPABILITIES", "CUBOID", "FIELDS", "FRAME_NAME", "IMAGE", "N_TERMS", "PARAMS", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="Scale Nucleus, LiDAR scenes with cuboid annotations",
    reads="cuboids tracks attributes poses calibration classes track_ids times frame_names sweeps pictures other_fields",
    writes="cuboids tracks attributes poses calibration classes track_ids times frame_names sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "poses": "those of the first LiDAR at the frames, and of cameras at their exposures, stay",
        "calibration": CALIBRATION + "; of others the pictures alone",
        "frame_names": "those that cannot be names of files are numbered",
        "sweeps": SWEEPS,
    },
    frame="world",
    exact=Exactness(m=1e-6, rad=1e-9),
    client="scale-nucleus",
    remarks=(
        "Every frame has its cuboids, in the world, so that what is shown is what the track is.",
        "Scale counts points in float32: on a map, whole metres are taken off all coordinates, and `boxwright_origin_m` beside the points says so.",
        "A camera's place is the one at its exposure; where it sits on the vehicle, which has moved since the frame's stamp, is told as "
        "`boxwright_lidar_from_cam` in the metadata of its picture, which nobody else reads.",
        "The addresses of the clouds are those of the files beside; put the files where Nucleus can read them before uploading.",
    ),
)

CUBOID = "cuboid"
FIELDS = {"label", "type", "geometry", "reference_id", "track_reference_id", "metadata"}
FRAME_NAME = "boxwright_frame"
IMAGE, PARAMS = "image", "camera_params"
N_TERMS = 5  # of lenses: k1 k2 p1 p2 k3
_CLOUD = "pointcloud"
_SCENE_LIST, _ANNOTATIONS = frozenset({"scenes"}), frozenset({"annotations"})
_SCENES = re.compile(rb'"scenes"\s*:\s*\[')


def detect(path: Path) -> bool:
    is_there = path.is_dir() and (path / "annotations.json").is_file()
    return is_there and is_known_by(path / "scenes.json", lambda start: _SCENES.search(start) is not None)


def list_scenes(path: Path) -> list[str]:
    return [str(name) for name in of_file(path / "scenes.json", _scenes).lists["scenes"].rows] if detect(path) else []


def _scenes(file: Path) -> ManyScenes:
    return ManyScenes(file, {"scenes": placed(load_by_parts(file, _SCENE_LIST)["scenes"], lambda k, scene: scene["reference_id"].word())})


def _annotations(files: Sequence[Path]) -> ManyScenes:
    """By what they are of: a cloud or a picture of some scene."""
    scenes, file = files
    known = {name for scene in load_by_parts(scenes, _SCENE_LIST)["scenes"] for name in _names_in(scene.value)}

    def of_what(k: int, annotation: Node) -> str | None:
        name = annotation.value.get("reference_id") if isinstance(annotation.value, dict) else None
        return name if isinstance(name, str) and name in known else None

    return ManyScenes(file, {"annotations": placed(load_by_parts(file, _ANNOTATIONS)["annotations"], of_what)})


def _names_in(scene: Any) -> Iterator[str]:
    """Of the clouds and pictures of a scene; what is wrong with it is told when it is read."""
    frames = scene.get("frames") if isinstance(scene, dict) else None
    for frame in frames if isinstance(frames, list) else ():
        for item in frame.values() if isinstance(frame, dict) else ():
            if isinstance(item, dict) and isinstance(item.get("reference_id"), str):
                yield item["reference_id"]


def read(path: Path, scene: str, problems: Problems) -> Scene:
    scenes, annotations, notes = path / "scenes.json", path / "annotations.json", list[str]()
    known = of_file(scenes, _scenes)
    node = next(iter(load_by_parts(scenes, _SCENE_LIST, excerpt=known.only(scene))["scenes"]))  # the later of two of one name is left out
    has_others = len(known.lists["scenes"].rows) > 1
    own = of_files([scenes, annotations], _annotations).only(*_names_in(node.value)) if has_others else WHOLE
    limits().check("frames_per_scene", len(node["frames"]), scenes)
    clouds = [_cloud_of(frame) for frame in node["frames"]]
    place_of_id = {cloud["reference_id"].word(): i for i, cloud in enumerate(clouds)}
    if len(place_of_id) != len(clouds):
        raise node["frames"].wrong("clouds with reference_ids that differ", "one that comes twice")
    files = _files(path, clouds)
    heads = [None if file is None else read_head(file) for file in files]
    places = [(None, np.zeros(3)) if one is None else place_of(one[0]) for one in heads]
    origin = next((shift for _, shift in places if shift.any()), np.zeros(3))
    rows = _rows(load_by_parts(annotations, _ANNOTATIONS, _left_of_annotation, own), place_of_id, origin, problems, notes)
    metadata = [cloud.get("metadata", {}).mapping() for cloud in clouds]
    names = [one.get(FRAME_NAME) for one in metadata]
    are_named = all(isinstance(name, str) and name for name in names) and len({*names}) == len(names)
    kept = {key: value for key, value in node.value.items() if key not in ("reference_id", "frames")}
    tops = [one for one, _ in filter(None, heads)]
    shots, image_ids = _shots(node["frames"], PictureFiles(path / "cameras", path / "images"), problems, notes)
    in_world = {} if any(pose for pose, _ in places) or is_in_sensor_frame(tops) else {IN_WORLD: True}
    return scene_of_places(
        scene,
        rows,
        [str(name) for name in names] if are_named else list(place_of_id),
        [one.get(TIME) for one in metadata],
        [pose for pose, _ in places],
        [file if one is not None and one[1] else None for file, one in zip(files, heads)],
        origin,
        "nucleus",
        path,
        notes,
        {"nucleus": {**({"scene": kept} if kept else {}), **in_world, "reference_ids": list(place_of_id), **image_ids}},
        read_cloud,
        unposed_note(tops),
        problems,
        shots,
    )


def _cloud_of(frame: Node) -> Node:
    """The one item of a frame that is a cloud."""
    found = [item for _, item in frame.items() if item.get("type", "").value == _CLOUD or item.has("pointcloud_url")]
    if len(found) != 1:
        raise frame.wrong("one point cloud in each frame", str(len(found)))
    return found[0]


def _shots(frames: Node, files: PictureFiles, problems: Problems, notes: list[str]) -> tuple[list[Shot], dict[str, Any]]:
    """The pictures of all frames, each by the name that its frame has for it, and what they are called in the dataset."""
    shots, others, ids = list[Shot](), OtherLenses(), dict[str, list[str | None]]()
    for i, frame in enumerate(frames):
        for name, item in frame.items():
            with problems.aside(item.value):
                kind = item.get("type", IMAGE if item.has("image_url") else "").text()
                if kind != IMAGE or not name.strip():
                    continue
                name, metadata = camera_name(name), item.get("metadata", {})
                params = item if item.has(PARAMS) else metadata
                lens, place = None, None
                if params.has(PARAMS):
                    lens, place = lens_from_scale(params[PARAMS], others), place_from_scale(params[PARAMS])
                address = item.get("url", item.mapping().get("image_url") or "").text()
                shots.append(Shot(i, name, files.find(address), lens, place, time_from_scale(metadata, TIME), mount_from_scale(metadata)))
                ids.setdefault(name, [None] * len(frames))[i] = item["reference_id"].word()
    notes += others.notes()
    return shots, {"image_ids": ids} if ids else {}


def _files(path: Path, clouds: list[Node]) -> list[Path | None]:
    """The clouds that lie in pointclouds/; of an address only the last part counts, so that none leads out of the folder."""
    folder = path / "pointclouds"
    there = {name: folder / name for name in names_of(folder, r"[^.].*\.json")}
    addresses = [cloud.get("url", cloud.mapping().get("pointcloud_url") or "").text() for cloud in clouds]
    return [there.get(re.split(r"[/\\]", address)[-1]) for address in addresses]


def _rows(top: Node, place_of_id: dict[str, int], origin: Float64s, problems: Problems, notes: list[str]) -> LabelRows:
    rows, n_alone, n_elsewhere, others = LabelRows(), 0, 0, Counter[str]()
    counts = Counter[int]()
    for node in top["annotations"]:
        with problems.aside(node.value):
            reference = node["reference_id"].text()
            kind = node.get("type", CUBOID).text()
            if kind != CUBOID:
                others[kind] += 1
                continue
            if reference not in place_of_id:
                n_elsewhere += 1
                continue
            i = place_of_id[reference]
            counts[i] += 1
            limits().check("labels_per_frame", counts[i], top.path, node.field)
            geometry = node["geometry"]
            center, size, quat = scale_geometry.cuboid_from_scale(geometry)
            given = node.get("track_reference_id", "").text()
            name = given if given.strip() else node.get("annotation_id", "").text()
            if not given.strip():
                n_alone += 1
                name = name if name.strip() else f"{reference}/{counts[i]}"
            source = {key: value for key, value in node.value.items() if key not in FIELDS}
            rows.add(
                i,
                node,
                (name, node["label"].word()),
                (geometry["position"], center + origin),
                (geometry["dimensions"], size),
                quat,
                attributes=dict(node.get("metadata", {}).mapping()),
                source=source if given.strip() else {**source, "track_reference_id": None},
            )
    rows.put_in_order(np.arange(max(len(place_of_id), 1)))
    if n_alone:
        notes.append(f"{number_of(n_alone, 'cuboid')} without a track_reference_id: each became a track of its own, named by its annotation_id")
    if n_elsewhere:
        notes.append(f"{number_of(n_elsewhere, 'cuboid')} of clouds that no scene has: left out")
    for kind, n in others.items():
        notes.append(f"{number_of(n, 'annotation')} of the type {kind!r} {'is' if n == 1 else 'are'} no cuboid: left out")
    return rows


def _left_of_annotation(node: Any) -> Any:
    """What stays in memory of an annotation."""
    return [{key: node[key] for key in node if key != "geometry"}, ROW] if isinstance(node, dict) else node
