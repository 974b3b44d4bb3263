"""TRI's Dataset Governance Policy (DGP): a scene's folder, a folder of scenes, or a list of scenes by split (scene_dataset*.json).

    scene_<hash>.json, scene.json         samples (frames), and the data they name: each a file of one sensor, with its time and world_from_sensor
    calibration/<key>.json                intrinsics, and ego_from_sensor of every sensor
    ontology/<key>.json                   names of the class ids
    point_cloud/LIDAR/*.npz               the array `data`, columns as `point_format` has them
    rgb/CAMERA_01/*.jpg
    bounding_box_3d/LIDAR/*.json          cuboids in the LiDAR's frame: geometric centre, length, width, height, quaternion
    bounding_box_2d/CAMERA_01/*.json      boxes in the pictures (dgp_boxes.py)

A frame's stamp is that of its LiDAR; cameras keep the times of their exposures, so that the motion between the two is in `scene.cam_from`.
The first LiDAR is called "lidar".
Cuboids of cameras repeat those of the LiDAR and are not read.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import FormatError, number_of
from ..frames import Pose
from ..limits import limits
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..tracks import Visibility
from . import strict_json
from .arrays_on_disk import npz_arrays
from .columns import sweep_of_columns
from .declared import Capabilities
from .dgp_boxes import BOXES, image_tracks
from .dgp_sensors import Samples, datum_path, mounts_and_cameras, pose_of, read_samples, trajectory_of, vector_of
from .label_rows import LabelRows
from .looking import head, is_dgp_scene, names_of, subfolders
from .sensor_files import SensorFiles, read_point_file
from .strict_json import Node

__all__ = ["CAPABILITIES", "detect", "list_scenes", "read", "scene_file"]

CAPABILITIES = Capabilities(
    title="TRI DGP scenes",
    reads="cuboids full_rotation tracks shapes video attributes poses calibration visibility classes track_ids times frame_names sweeps pictures",
    frame="lidar",
)

_SCENE = r"scene.*\.json"
_CUBOIDS = "1"  # BOUNDING_BOX_3D among the kinds of annotation
_KINDS = dict(enumerate(["bounding_box_2d", "bounding_box_3d", "semantic_segmentation_2d", "semantic_segmentation_3d", "instance_segmentation_2d"]))
_KINDS |= {5: "instance_segmentation_3d", 6: "depth", 10: "key_point_2d", 11: "key_line_2d", 12: "polygon_2d"}
_MOST_LISTS = 100  # a folder with more JSON files is no dataset's top: its files aren't looked into
_OWN = {"class_id", "instance_id", "attributes", "box"}
_OWN_BOX = {"pose", "length", "width", "height"}


def detect(path: Path) -> bool:
    return bool(_files(path))


def list_scenes(path: Path) -> list[str]:
    return list(_files(path))


def _files(path: Path) -> dict[str, Path]:
    """Scene's name -> its JSON file: the folder's name where the folder has one scene, else folder and file."""
    if path.is_file():
        return _named([path]) if _is_scene(path) else _of_split(path) if _is_list(path) else {}
    if not path.is_dir():
        return {}
    here = _scenes_in(path)
    if here:
        return _named(here)
    listed: dict[str, Path] = {}
    for file in _lists(path):
        listed.update(_of_split(file))
    return listed or _named([file for folder in subfolders(path) for file in _scenes_in(folder)])


def scene_file(path: Path, scene: str) -> Path:
    """Without a look at all the others, where they are folders of one scene each."""
    if path.is_dir() and not _scenes_in(path) and not _lists(path) and len(own := _scenes_in(path / scene)) == 1:
        return own[0]
    return _files(path)[scene]


def _lists(path: Path) -> list[Path]:
    tops = names_of(path, r"[^.].*\.json")
    return [path / name for name in tops if _is_list(path / name)] if len(tops) <= _MOST_LISTS else []


def _scenes_in(folder: Path) -> list[Path]:
    return [folder / name for name in names_of(folder, _SCENE) if is_dgp_scene(folder / name)]


def _is_scene(file: Path) -> bool:
    return re.fullmatch(_SCENE, file.name) is not None and is_dgp_scene(file)


def _is_list(file: Path) -> bool:
    return file.suffix == ".json" and b'"scene_splits"' in head(file)


def _of_split(file: Path) -> dict[str, Path]:
    """A scene that several splits name is listed once."""
    files: dict[Path, None] = {}
    splits = strict_json.load(file)["scene_splits"]
    for key in splits.mapping():
        for name in splits[key].get("filenames", []):
            files[datum_path(file.parent, name)] = None
    return _named(list(files), file.parent)


def _named(files: list[Path], root: Path | None = None) -> dict[str, Path]:
    places = [os.fspath(file.parent.absolute().name if root is None else file.parent.relative_to(root).as_posix()) for file in files]
    return {place if places.count(place) == 1 else f"{place}/{file.stem}": file for place, file in zip(places, files)}


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file = scene_file(path, scene)
    top, folder, notes = strict_json.load(file), file.parent, list[str]()
    samples = read_samples(top, notes)
    limits().check("frames_per_scene", len(samples.times_ns), file)
    mounts, cameras = mounts_and_cameras(samples, folder, problems, notes)
    trajectory = trajectory_of(samples, mounts, problems, notes)
    names = {"lidar" if name == samples.main else name: name for name in samples.lidars}
    ontology = _ontology(top, folder)
    rows, labelled = _rows(samples, folder, ontology, problems, notes)
    poses = None
    if trajectory is not None and samples.main is not None:
        poses = [trajectory.at(int(samples.times_ns[i])) @ mounts[samples.main] for i in labelled]
    times = samples.times_ns[labelled]
    sweeps = {ours: samples.files(name, folder) for ours, name in names.items()}
    images = {name: samples.files(name, folder) for name in cameras}
    formats = {ours: samples.point_names(name) for ours, name in names.items()}

    def read_sweep(frame_index: int, sensor: str, at: Path) -> Sweep:
        return _read_sweep(at, sensor, formats[sensor][frame_index], int(samples.times_ns[frame_index]))

    tracks = rows.tracks(times, poses, file, notes)
    in_pictures = image_tracks(samples, list(cameras), folder, _ontology(top, folder, BOXES), tracks, problems, notes)
    _tell_what_is_left_out(samples, folder, notes)
    return Scene(
        name=scene,
        times_ns=samples.times_ns,
        lidars=samples.our_lidars(mounts),
        cameras={name: CameraSensor(name, camera, mounts[name], samples.exposures(name)) for name, camera in cameras.items()},
        trajectory=trajectory,
        tracks=tracks,
        image_tracks=in_pictures,
        data=SensorFiles(sweeps, images, read_sweep, {name: camera.size_px for name, camera in cameras.items()}),
        has_time=samples.has_time,
        label_frame="lidar" if trajectory is None else "world",
        frame_ids=samples.frame_ids(),
        format="dgp",
        path=os.fspath(path),
        source_attributes={
            **{name: value for name, value in top.value.items() if name != "data" and value not in ({}, "", [])},
            **({"lidar": samples.main} if samples.main is not None else {}),
            **({"ontology": {str(key): name for key, name in ontology.items()}} if ontology else {}),
        },
        notes=notes,
    )


def _tell_what_is_left_out(samples: Samples, folder: Path, notes: list[str]) -> None:
    kinds: Counter[str] = Counter()
    n_camera_cuboids = 0
    for data in samples.data:
        for name, (_, datum) in data.items():
            for kind in datum.get("annotations", {}).mapping():
                if kind == BOXES and name in samples.cameras:
                    continue
                if kind != _CUBOIDS:
                    kinds[_KINDS.get(int(kind) if re.fullmatch("[0-9]{1,9}", kind) else -1, f"kind {kind!r:.20}")] += 1
                elif name != samples.main:
                    n_camera_cuboids += 1
    notes += [f"not read: {number_of(n, 'file')} of {kind}" for kind, n in sorted(kinds.items())]
    if n_camera_cuboids and samples.main is not None:
        notes.append(f"not read: {number_of(n_camera_cuboids, 'file')} of cuboids as other sensors see them, which repeat those of the main LiDAR")
    elif n_camera_cuboids:
        notes.append(
            f"not read: {number_of(n_camera_cuboids, 'file')} of cuboids that belong to cameras; the scene has no LiDAR, its labels are there alone"
        )
    agents = names_of(folder, r"agents.*\.json")
    if agents:
        notes.append(f"agents ({', '.join(agents)}) are not read, nor what these files name")


# ------------------------------------------------------------ points


def _read_sweep(path: Path, sensor: str, names: list[str], time_ns: int) -> Sweep:
    if path.suffix.lower() != ".npz":
        sweep = read_point_file(path, frame=sensor)
        return Sweep(sweep.xyz, time_ns, sensor, sweep.intensity, sweep.time_offset_ns, sweep.fields)
    arrays = npz_arrays(path)
    if "data" not in arrays:
        raise FormatError("an array is missing", expected="'data'", got=", ".join(arrays)[:100] or "none", path=path, hint="get the file again")
    table = arrays["data"]
    if table.dtype.names:
        columns = {name.lower(): table[name].reshape(-1) for name in table.dtype.names}
    else:
        if table.ndim != 2 or table.shape[1] < 3 or (names and table.shape[1] != len(names)):
            wanted = f"(N, {len(names)}), as point_format has it" if names else "(N, 3) or more columns"
            raise FormatError(expected=wanted, got=f"shape {table.shape}", path=path, field="data", hint="get the file again")
        names = names or ["x", "y", "z", "intensity", *(f"column_{i}" for i in range(4, table.shape[1]))]
        columns = {name: table[:, i] for i, name in enumerate(names[: table.shape[1]])}
    sweep = sweep_of_columns(columns, path, frame=sensor)
    return Sweep(sweep.xyz, time_ns, sensor, sweep.intensity, sweep.time_offset_ns, sweep.fields)


# ------------------------------------------------------------ labels


def _ontology(top: Node, folder: Path, kind: str = _CUBOIDS) -> dict[int, str]:
    keys = top.get("ontologies", {})
    if not keys.has(kind):
        return {}
    file = datum_path(folder / "ontology", Node(f"{keys[kind].text()}.json", keys.path, keys[kind].field))
    if kind != _CUBOIDS and not file.is_file():
        return {}
    names = {item.get("id", 0).whole(): item.get("name", "").text() for item in strict_json.load(file)["items"]}
    return {number: name for number, name in names.items() if name.strip()}


def _label_files(samples: Samples, folder: Path) -> Iterator[tuple[int, Path]]:
    for i, data in enumerate(samples.data):
        if samples.main in data:
            annotations = data[samples.main][1].get("annotations", {})
            if annotations.has(_CUBOIDS):
                yield i, datum_path(folder, annotations[_CUBOIDS])


def _rows(samples: Samples, folder: Path, ontology: Mapping[int, str], problems: Problems, notes: list[str]) -> tuple[LabelRows, list[int]]:
    """The labels, and which frames could hold one."""
    rows, labelled = LabelRows(), list[int]()
    for i, file in _label_files(samples, folder):
        with strict_json.file_aside(file, problems):
            annotations = [*strict_json.load(file).get("annotations", [])]
            labelled.append(i)
            for node in annotations:
                with problems.aside(node.value):
                    _add(rows, len(labelled) - 1, node, ontology)
    if not labelled:
        notes.append("the scene has no cuboids of a LiDAR")
    return rows, labelled


def _add(rows: LabelRows, frame_index: int, node: Node, ontology: Mapping[int, str]) -> None:
    """Fields that are 0 may be absent: so the files are written."""
    class_id, box = node.get("class_id", 0), node["box"]
    if class_id.whole() not in ontology:
        raise class_id.wrong("a class that the ontology names", str(class_id.value), "get the ontology that belongs to the scene")
    pose, size = cuboid_from_box(box)
    occlusion = box.get("occlusion", 0).whole()
    attributes = node.get("attributes", {}).mapping()
    rows.add(
        frame_index,
        node,
        (str(node.get("instance_id", 0).whole()), ontology[class_id.whole()]),
        (box["pose"], pose.translation_m),
        (box, size),
        pose.quat_wxyz,
        visibility=Visibility.OCCLUDED if occlusion in (1, 2) else Visibility.VISIBLE,
        attributes=attributes,
        source={
            **{name: value for name, value in node.value.items() if name not in _OWN},
            **{name: value for name, value in box.value.items() if name not in _OWN_BOX},
            "class_id": class_id.whole(),
        },
    )


def cuboid_from_box(box: Node) -> tuple[Pose, Any]:
    """The cuboid's place in the sensor's frame, and (length, width, height)."""
    return pose_of(box["pose"]), vector_of(box, ("length", "width", "height"))
