"""Scale AI's LiDAR annotation tasks: the file that a finished task links to, and the frames that the task was made of.

    annotations.json        [{cuboids: [{uuid, label, position, dimensions, yaw, attributes, ...}]}], one item for each frame
    frames/000000.json      {device_position, device_heading, points: [{x, y, z, i}], images: [{image_url, camera_index, position, heading, fx,
                            ...}]}: optional; in the order of their names
    cameras/front/000000.png    the pictures, or in images/; found by the end of image_url

All coordinates are in the world; scale_geometry.py tells what dimensions and yaw mean, scale_cameras.py what lenses there are. A cuboid's uuid is
that of its object in all frames.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..limits import limits
from ..problems import Problems
from ..scene import Scene
from . import scale_geometry
from .boxwright_scene import camera_name
from .cameras_of_frames import OtherLenses, PictureFiles, Shot, listed
from .clouds_of_frames import scene_of_places
from .declared import Capabilities, Exactness
from .json_parts import ROW, list_by_parts
from .label_rows import LabelRows
from .looking import head, is_known_by, names_of, natural
from .pictures_of_frames import MOUNT
from .scale_cameras import CALIBRATION, CAMERA_FIELDS, lens_from_scale, mount_from_scale, place_from_scale, time_from_scale
from .scale_clouds import SWEEPS, TIME, is_in_sensor_frame, place_of, read_cloud, read_head, unposed_note
from .scale_geometry import IN_WORLD, TILTS
from .strict_json import Node

__all__ = ["CAMERA", "CAPABILITIES", "FIELDS", "N_TERMS", "detect", "list_scenes", "read", "scene_file"]

CAPABILITIES = Capabilities(
    title="Scale AI's LiDAR annotation tasks",
    reads="cuboids full_rotation tracks attributes poses calibration classes track_ids times frame_names sweeps pictures other_fields",
    writes="cuboids full_rotation tracks attributes poses calibration classes track_ids times frame_names sweeps pictures other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "poses": "those of the first LiDAR at the frames, and of cameras at their exposures, stay",
        "calibration": CALIBRATION,
        "frame_names": "those that cannot be names of files, or come in another order than such files, are numbered",
        "sweeps": SWEEPS,
        "pictures": "of cameras that are dropped",
    },
    frame="world",
    exact=Exactness(m=1e-6, rad=1e-9),
    remarks=(
        "Every frame has its cuboids, in the world, so that what is shown is what the track is.",
        "Scale counts points in float32: on a map, whole metres are taken off all coordinates, and `boxwright_origin_m` beside the points says so.",
        "A camera's place is the one at its exposure; where it sits on the vehicle, which has moved since the frame's stamp, is told as "
        "`boxwright_lidar_from_cam` in the metadata of its picture, which nobody else reads.",
        "Cuboids that stand aslant have a pitch and a roll, which a task shows that was made with `pitch_and_roll_enabled`. Scale does not tell in "
        "which order they turn: they are Rz(yaw + pi/2) Ry(pitch) Rx(roll) about the axes ahead, to the left and up, as in its own code of metrics.",
        "Scale's own client knows tasks but reads no annotations. Its older toolkit, scale-lidar-io, reads where cuboids are and no more, and a test "
        "asks it; those of Nucleus, which are the same cuboids, are certified with its client.",
    ),
)

N_TERMS = 8  # of lenses: k1 k2 p1 p2 k3 k4 k5 k6
CAMERA = "boxwright_camera"  # the name of a camera, which Scale has numbers for
FIELDS = {"uuid", "label", "position", "dimensions", "yaw", *TILTS, "attributes"}
_OWN_OF_IMAGES = {"image_url", "camera_index", "timestamp", "metadata", *CAMERA_FIELDS}
_LIST = re.compile(rb"\s*\[\s*\{")
_CUBOIDS = re.compile(rb'^\s*\[\s*\{[^\[\]{}]*"cuboids"\s*:\s*\[')


def detect(path: Path) -> bool:
    return _file(path) is not None


def list_scenes(path: Path) -> list[str]:
    file = _file(path)
    return [] if file is None else [file.absolute().parent.name if file.name == "annotations.json" else file.stem]


def _file(path: Path) -> Path | None:
    file = path / "annotations.json" if path.is_dir() else path
    return file if file.suffix == ".json" and _LIST.match(head(file, 4096)) and is_known_by(file, _has_cuboids) else None


def _has_cuboids(start: bytes) -> bool:
    return _CUBOIDS.search(start) is not None


def scene_file(path: Path) -> Path:
    file = _file(path)
    assert file is not None  # it was listed
    return file


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file, notes = scene_file(path), list[str]()
    frames = list_by_parts(file, _left_of_frame)
    limits().check("frames_per_scene", len(frames), file)
    folder = file.parent / "frames"
    files = [folder / name for name in sorted(names_of(folder, r"[^.].*\.json"), key=natural)]
    if files and len(files) != len(frames):
        notes.append(f"frames/ has {len(files)} files for {len(frames)} frames: they are left out")
        files = []
    heads = [read_head(one) for one in files]
    places = [place_of(one) for one, _ in heads]
    origin = next((shift for _, shift in places if shift.any()), np.zeros(3))
    rows, extras = LabelRows(reference="lidar"), dict[str, Any]()
    for i, node in enumerate(frames):
        with problems.aside(node.value):
            cuboids = node["cuboids"]
            limits().check("labels_per_frame", len(cuboids), file, node.field)
            rest = {key: value for key, value in node.value.items() if key != "cuboids"}
            extras |= {str(i): rest} if rest else {}
            for one in cuboids:
                with problems.aside(one.value):
                    _add(rows, i, one, origin)
    shots, of_cameras = _shots([one for one, _ in heads], PictureFiles(file.parent / "cameras", file.parent / "images"), problems, notes)
    kept: dict[str, Any] = {**({"frames": extras} if extras else {}), **({"cameras": of_cameras} if of_cameras else {})}
    tops = [one for one, _ in heads]
    if not any(pose for pose, _ in places) and not is_in_sensor_frame(tops):
        kept[IN_WORLD] = True
    return scene_of_places(
        scene,
        rows,
        [one.stem for one in files] if files else [f"{i:06d}" for i in range(len(frames))],
        [one.mapping().get(TIME) for one, _ in heads] or [None] * len(frames),
        [pose for pose, _ in places] or [None] * len(frames),
        [one if has_points else None for one, (_, has_points) in zip(files, heads)] or [None] * len(frames),
        origin,
        "scale",
        path,
        notes,
        {"scale": kept} if kept else {},
        read_cloud,
        unposed_note(tops),
        problems,
        shots,
    )


def _shots(heads: list[Node], files: PictureFiles, problems: Problems, notes: list[str]) -> tuple[list[Shot], dict[str, Any]]:
    """The pictures of all frames, and camera -> what else its first picture tells."""
    shots, extras, others = list[Shot](), dict[str, Any](), OtherLenses()
    for i, top in enumerate(heads):
        for k, node in enumerate(listed(top, "images", problems)):
            with problems.aside(node.value):
                said = node.mapping()
                beside = node.get("metadata", {})
                metadata = {key: value for key, value in beside.mapping().items() if key != MOUNT}
                name = metadata.get(CAMERA)
                if not isinstance(name, str) or not name.strip():
                    name = f"camera {node.get('camera_index', k).whole()}"
                name = camera_name(name)
                lens, place = lens_from_scale(node, others), place_from_scale(node)
                file, taken = files.find(node["image_url"].text()), time_from_scale(node)
                shots.append(Shot(i, name, file, lens, place, taken, mount_from_scale(beside)))
                rest = {key: value for key, value in said.items() if key not in _OWN_OF_IMAGES}
                rest |= {"metadata": metadata} if metadata.keys() - {CAMERA} else {}
                extras.setdefault(name, rest)
    notes += others.notes()
    return shots, {name: rest for name, rest in extras.items() if rest}


def _add(rows: LabelRows, i: int, node: Node, origin: Float64s) -> None:
    center, size, quat = scale_geometry.cuboid_from_scale(node)
    said = node.get("attributes", {}).mapping()
    rows.add(
        i,
        node,
        (node["uuid"].word(), node["label"].word()),
        (node["position"], center + origin),
        (node["dimensions"], size),
        quat,
        attributes=dict(said),
        source={key: value for key, value in node.value.items() if key not in FIELDS},
    )


def _left_of_frame(frame: Any) -> Any:
    """What stays in memory of a frame."""
    if not isinstance(frame, dict) or not isinstance(frame.get("cuboids"), list):
        return frame
    cuboids = [one for one in frame["cuboids"] if isinstance(one, dict)]
    return [[{key: one[key] for key in one if key not in ("position", "dimensions", "yaw")} for one in cuboids], [ROW] * len(cuboids)]
