"""labelCloud: a file of labels for each cloud.

    labels/_classes.json        {classes: [{name, id, color}], type: "object_detection", format}
    labels/000000.json          {folder, filename, path, objects: [{name, centroid, dimensions, rotations}]}, or [{name, vertices}]
    pointclouds/000000.pcd

centroid is the geometric centre, dimensions are length, width, height, rotations the angles of R = Rz @ Ry @ Rx: in degrees from 0 to 360
("centroid_abs"), or in radians from -pi to pi ("centroid_rel"). vertices ("vertices") go round below, from (-, -) over (-, +) and (+, +) to (+, -),
and then the same above; all in the frame of the cloud. Frames are files, in the order of their names.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from .. import rotations
from ..arrays import Float64s
from ..errors import FormatError, number_of
from ..limits import has_file, limits
from ..problems import Problems
from ..scene import Scene
from . import strict_json
from .clouds_of_frames import quat_of_yaw, scene_of_clouds
from .declared import Capabilities, Exactness
from .label_rows import LabelRows
from .looking import head, names_of, natural
from .reach import within_reach
from .strict_json import Node

__all__ = ["CAPABILITIES", "CLASSES", "CORNERS", "FIELDS", "FORMATS", "TRACK", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="labelCloud, a file of labels for each cloud",
    reads="cuboids full_rotation tracks classes track_ids frame_names sweeps other_fields",
    writes="cuboids full_rotation tracks classes track_ids frame_names sweeps other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "frame_names": "those that cannot be names of files, or come in another order than such files, are numbered",
        "sweeps": "those of the first LiDAR stay",
    },
    frame="lidar",
    exact=Exactness(m=1e-9, rad=1e-9),
    remarks=(
        "labelCloud knows no tracks: `track_id` beside a label is read back, but labelCloud leaves it out when it saves a file again.",
        "It saves its own labels with 8 decimals; what is written here has all digits. It is a desktop program and no library, so nobody is asked.",
        "Whether angles are degrees or radians is told by `_classes.json`, and where that is missing, by the angles of all files.",
    ),
)

CLASSES, TRACK = "_classes.json", "track_id"
FORMATS = ("centroid_abs", "centroid_rel", "vertices")
FIELDS = {"name", "centroid", "dimensions", "rotations", "vertices", TRACK}
CORNERS = np.array([[x, y, z] for z in (-0.5, 0.5) for x, y in ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5))])
_SQUARE = 1e-4  # m, how far vertices may be off a cuboid's
_LABELS, _CLOUDS = r"(?!_classes\.json)[^.].*\.json", r"[^.].*\.(?i:pcd|ply|bin|las|laz)"
_OBJECTS = re.compile(rb'"objects"\s*:\s*\[')
_HEADER = re.compile(rb'"(filename|folder|path)"\s*:')
_IS_DEGREES = {"centroid_abs": True, "centroid_rel": False}


def detect(path: Path) -> bool:
    folder = path / "labels"
    if not folder.is_dir():
        return False
    if b'"object_detection"' in head(folder / CLASSES):
        return True
    names = names_of(folder, _LABELS)
    top = head(folder / names[0]) if names else b""
    return _OBJECTS.search(top) is not None and _HEADER.search(top) is not None


def list_scenes(path: Path) -> list[str]:
    return [path.absolute().name] if detect(path) else []


def read(path: Path, scene: str, problems: Problems) -> Scene:
    notes = list[str]()
    labels = {Path(name).stem: path / "labels" / name for name in names_of(path / "labels", _LABELS)}
    clouds = {Path(name).stem: path / "pointclouds" / name for name in names_of(path / "pointclouds", _CLOUDS)}
    names = sorted({*labels, *clouds}, key=natural)
    limits().check("frames_per_scene", len(names), path)
    classes: dict[str, Any] = strict_json.load(path / "labels" / CLASSES).mapping() if has_file(path / "labels" / CLASSES) else {}
    is_degrees = _is_degrees(classes.get("format"), list(labels.values()), notes)
    rows, n_alone, kept = LabelRows(), 0, dict[str, Any]()
    for i, name in enumerate(names):
        if name not in labels:
            continue
        with strict_json.file_aside(labels[name], problems):
            top = strict_json.load(labels[name])
            objects = top["objects"]
            limits().check("labels_per_frame", len(objects), labels[name])
            kept[name] = {key: value for key, value in top.value.items() if key != "objects"}
            for k, node in enumerate(objects):
                with problems.aside(node.value):
                    n_alone += _add(rows, i, node, f"{name}/{k}", is_degrees)
    if n_alone:
        notes.append(f"{number_of(n_alone, 'label')} without a track_id: labelCloud knows no tracks, so each became one, named by file and place")
    tracks = rows.tracks(np.arange(len(names), dtype=np.int64), None, path, notes)
    told = {"labelcloud": {**({"classes": classes} if classes else {}), "files": kept}} if kept or classes else {}
    sweeps = [clouds.get(name) for name in names]
    return scene_of_clouds(scene, names, sweeps, tracks, "labelcloud", path, notes=notes, source_attributes=told)


def _is_degrees(format: Any, files: list[Path], notes: list[str]) -> bool:
    """Whether angles are degrees: as the classes' file says, else from 0 to more than half a turn in radians, or below 0 and never more."""
    if isinstance(format, str) and format in _IS_DEGREES:
        return _IS_DEGREES[format]
    lowest, highest = 0.0, 0.0
    for file in files:
        for angle in _angles(file):
            lowest, highest = min(lowest, angle), max(highest, angle)
    if highest <= math.pi + 1e-6 and lowest == 0 and highest > 0:
        notes.append("no file says whether angles are degrees or radians, and all are from 0 to 3.15: they are taken for radians")
    return highest > math.pi + 1e-6 or lowest < -math.pi - 1e-6


def _angles(file: Path) -> list[float]:
    """Those of a file that can be read; what is wrong is told later."""
    try:
        objects = strict_json.load(file).value["objects"]
        found = [value for one in objects if isinstance(one.get("rotations"), dict) for value in one["rotations"].values()]
    except (AttributeError, KeyError, TypeError, OSError, FormatError):
        return []
    return [float(value) for value in found if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9]


def _add(rows: LabelRows, i: int, node: Node, otherwise: str, is_degrees: bool) -> bool:
    """Whether the label has no track of its own."""
    has_vertices = "vertices" in node.mapping()
    center, size, quat = cuboid_from_vertices(node["vertices"]) if has_vertices else cuboid_from_centroid(node, is_degrees)
    given = node.mapping().get(TRACK)
    if isinstance(given, (bool, float, list, dict)):
        raise node[TRACK].wrong("a whole number or a text")
    name = "" if given is None else str(given)
    name = name if name.strip() else otherwise
    place, extents = (node["vertices"], node["vertices"]) if has_vertices else (node["centroid"], node["dimensions"])
    source = {key: value for key, value in node.value.items() if key not in FIELDS}
    rows.add(i, node, (name, node["name"].word()), (place, center), (extents, size), quat, attributes={}, source=source)
    return name == otherwise


def cuboid_from_centroid(node: Node, is_degrees: bool) -> tuple[Float64s, Float64s, Float64s]:
    """Geometric centre, (length, width, height), and the quaternion of Rz @ Ry @ Rx."""
    center = node["centroid"].numbers_of("xyz")
    size = node["dimensions"].numbers_of(("length", "width", "height"))
    angles = within_reach(node["rotations"], node["rotations"].numbers_of("xyz"), "angles")
    x, y, z = np.radians(angles) if is_degrees else angles
    if x == 0 and y == 0:
        return center, size, quat_of_yaw(float(z))
    quat = rotations.quat_from_euler(np.array([z, y, x]), "ZYX")
    return center, size, quat / np.linalg.norm(quat)


def cuboid_from_vertices(node: Node) -> tuple[Float64s, Float64s, Float64s]:
    """As `cuboid_from_centroid`. FormatError where the eight points are no cuboid's."""
    points = within_reach(node, node.numbers(8, 3))
    edges = np.stack([points[[2, 3, 6, 7]].mean(0), points[[1, 2, 5, 6]].mean(0), points[4:].mean(0)]) - points.mean(0)
    size = 2 * np.linalg.norm(edges, axis=1)
    if not size.min() > 0:
        raise node.wrong("a positive length, width and height", " ".join(f"{v:g}" for v in size), "correct the label")
    axes = (2 * edges / size[:, None]).T
    made = points.mean(0) + (CORNERS * size) @ axes.T
    if not (np.abs(made - points).max() < _SQUARE and np.linalg.det(axes) > 0.99 and np.abs(axes.T @ axes - np.eye(3)).max() < _SQUARE):
        raise node.wrong("the corners of a cuboid, round below and then above", "others", "export the file again")
    return points.mean(0), size, _quat(axes)


def _quat(axes: Float64s) -> Float64s:
    """Exactly upright where the axes are, up to the digits of a file."""
    if abs(axes[2, 2] - 1) < 1e-12:
        return quat_of_yaw(math.atan2(axes[1, 0], axes[0, 0]))
    return rotations.quat_from_matrix(axes)
