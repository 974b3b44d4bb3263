"""What an OpenLABEL file says about frames of reference, sensors and times."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import CAMERA_MODELS, Camera, FisheyeCamera, PinholeCamera, UncalibratedCamera
from ..errors import BoxwrightError, CalibrationError, FormatError
from ..frames import Pose
from ..limits import FARTHEST_M
from ..rotations import matrix_from_quat, quat_from_euler
from ..scene import CameraSensor, Lidar
from .strict_json import Node

__all__ = [
    "MOST_RAD",
    "Systems",
    "axes_of_cameras",
    "camera_of",
    "camera_sensor_of",
    "intrinsics_of",
    "lidar_of",
    "mounts_of",
    "place_of",
    "pose_of",
    "seconds",
    "stamps_ns",
    "systems_of",
    "time_ns",
    "uri_path",
]

# the names of models in intrinsics_custom: OpenLABEL's own fisheye is another one than ours
CUSTOM_MODELS = {"kannala_brandt" if name == "fisheye" else name: kind for name, kind in CAMERA_MODELS.items() if name != "pinhole"}
MOST_RAD = 1000.0  # an angle beyond it is none
_MOST_PX = 1e7  # a focal length or a principal point beyond it is none
_HINT = "correct the file or export it again"
_LOOKS_AHEAD = Pose([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # a camera in a system with x ahead, y left, z up


# ------------------------------------------------------------ poses


def pose_of(node: Node) -> Pose:
    """A `transform_data`: a 4 x 4 matrix, a quaternion (scalar last) or Euler angles, with a translation. FormatError where it is no rigid motion."""
    try:
        if node.has("matrix4x4"):
            matrix = node["matrix4x4"].numbers(16).reshape(4, 4)
            _check_place(node["matrix4x4"], matrix[:3, 3])
            return Pose.from_matrix(matrix, field="matrix4x4")
        if node.has("quaternion"):
            x, y, z, w = node["quaternion"].numbers(4)
            return Pose.from_quat((w, x, y, z), place_of(node["translation"]), field="quaternion")
        if node.has("euler_angles"):
            sequence = node.get("sequence", "ZYX")
            if not re.fullmatch("[XYZ]{3}", sequence.text().upper()):
                raise sequence.wrong("three of X, Y and Z", repr(sequence.value))
            angles = node["euler_angles"].numbers(3)
            if not np.abs(angles).max() < MOST_RAD:
                raise node["euler_angles"].wrong(f"angles under {MOST_RAD:g} rad", " ".join(f"{v:g}" for v in angles), hint=_HINT)
            return Pose(matrix_from_quat(quat_from_euler(angles, sequence.text().upper())), place_of(node["translation"]))
    except FormatError:
        raise
    except BoxwrightError as error:
        where = f"{node.field}.{error.field}" if error.field else node.field
        raise CalibrationError(error.what, expected=error.expected, got=error.got, path=node.path, field=where, hint=_HINT) from None
    raise node.wrong("a matrix4x4, a quaternion or euler_angles", ", ".join(node.mapping()) or "nothing")


def place_of(node: Node) -> Float64s:
    """Three coordinates in metres."""
    place = node.numbers(3)
    _check_place(node, place)
    return place


def _check_place(node: Node, place: Float64s) -> None:
    if not np.abs(place).max() < FARTHEST_M:
        raise node.wrong(f"coordinates under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in place), hint=_HINT)


@dataclass
class Systems:
    """Coordinate systems as a graph. Edges of a single frame go before those that always hold.

    kinds : name -> its type; parents : name -> the parent's name
    always : (target, source) -> target_from_source, both ways
    ego, world : which of them are the vehicle and the world; None where there is none
    """

    kinds: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)
    always: dict[tuple[str, str], Pose] = field(default_factory=dict)
    ego: str | None = None
    world: str | None = None

    def pose(self, target: str, source: str, now: Mapping[tuple[str, str], Pose]) -> Pose | None:
        """target_from_source by the shortest chain, with the edges of a frame; None where no chain joins them."""
        return self.poses(target, (source,), now).get(source)

    def poses(self, target: str, sources: Sequence[str], now: Mapping[tuple[str, str], Pose]) -> dict[str, Pose]:
        """target_from_source of each source that a chain joins, as `pose` gives it."""
        step: dict[str, tuple[str, Pose]] = {}  # the last step of the chain to each system
        front, moved, wanted = [target], _by_target(now), set(sources) - {target}
        while front and wanted:
            following = []
            for near in front:
                fixed = ((far, pose) for far, pose in self._from.get(near, ()) if (near, far) not in now)
                for far, pose in itertools.chain(moved.get(near, ()), fixed):
                    if far not in step and far != target:
                        step[far] = near, pose
                        following.append(far)
            wanted.difference_update(following)
            front = following
        found = {target: Pose.identity()}
        for source in sources:
            chain = [source]
            while chain[-1] not in found and chain[-1] in step:
                chain.append(step[chain[-1]][0])
            is_joined = chain.pop() in found
            for name in reversed(chain) if is_joined else ():
                near, pose = step[name]
                found[name] = found[near] @ pose
        return {source: found[source] for source in sources if source in found}

    @cached_property
    def _from(self) -> dict[str, list[tuple[str, Pose]]]:
        return _by_target(self.always)

    def edges(self, frame: Node) -> dict[tuple[str, str], Pose]:
        """The transforms of one frame, both ways."""
        now: dict[tuple[str, str], Pose] = {}
        for key in (transforms := frame.get("frame_properties", {}).get("transforms", {})).mapping():
            node = transforms[key]
            source, target, pose = node["src"].text(), node["dst"].text(), pose_of(node["transform_src_to_dst"])
            now[target, source], now[source, target] = pose, pose.inverse()
        return now


def _by_target(edges: Mapping[tuple[str, str], Pose]) -> dict[str, list[tuple[str, Pose]]]:
    found: dict[str, list[tuple[str, Pose]]] = {}
    for (target, source), pose in edges.items():
        found.setdefault(target, []).append((source, pose))
    return found


def n_below(parents: Mapping[str, str]) -> Counter[str]:
    """How many systems hang from each, of {name: its parent's name}; each once, and none from itself, also where parents go in a circle."""
    below, n_open = Counter[str](), Counter(parents.values())
    ready = [name for name in parents if not n_open[name]]
    left = dict.fromkeys(parents)
    while ready:  # from the leaves up
        name = ready.pop()
        del left[name]
        parent = parents[name]
        below[parent] += below[name] + 1
        n_open[parent] -= 1
        if not n_open[parent] and parent in parents:
            ready.append(parent)
    while left:
        circle = [next(iter(left))]
        while parents[circle[-1]] != circle[0]:
            circle.append(parents[circle[-1]])
        n = sum(below[name] + 1 for name in circle)
        for name in circle:
            below[name] = n - 1
            del left[name]
    return below


def mounts_of(systems: Systems, names: Sequence[str], frames: Iterable[Node]) -> tuple[dict[str, Pose], dict[str, None]]:
    """(ego_from_<sensor> as it always holds, else as the first frame has it; the sensors whose place changes from frame to frame)"""
    names = [name for name in names if systems.ego is not None and name in systems.kinds]
    found: dict[str, Pose] = {}
    moving: dict[str, None] = {}
    for edges in itertools.chain([{}], map(systems.edges, frames) if names else ()):
        left = [name for name in names if name not in moving] if edges or not found else []
        for name, pose in systems.poses(systems.ego or "", left, edges).items():
            if np.abs(pose.matrix() - found.setdefault(name, pose).matrix()).max() > 1e-9:
                moving[name] = None
    return found, moving


def systems_of(top: Node) -> Systems:
    """The vehicle is the system of a local type with most below it; the world one of a scene or geographic type."""
    systems = Systems()
    for name, node in top.get("coordinate_systems", {}).items():
        systems.kinds[name] = node.get("type", "").text().lower()
        parent = node.get("parent", "").text()
        if not parent:
            continue
        systems.parents[name] = parent
        if node.has("pose_wrt_parent"):
            pose = pose_of(node["pose_wrt_parent"])
            systems.always[parent, name], systems.always[name, parent] = pose, pose.inverse()
    worlds = [name for name, kind in systems.kinds.items() if kind.startswith(("scene", "geo", "world", "odom", "map"))]
    locals_ = [name for name, kind in systems.kinds.items() if kind.startswith("local")]
    roots = [name for name in systems.kinds if name not in systems.parents and name not in worlds]
    systems.world = worlds[0] if worlds else None
    systems.ego = max(locals_ or roots, key=n_below(systems.parents).__getitem__, default=None)
    return systems


# ------------------------------------------------------------ cameras


def camera_of(properties: Node) -> tuple[Camera, Pose] | None:
    """(camera, camera_from_system) of a stream's properties; None where the file gives no model that boxwright has.

    The fourth column of the 3 x 4 matrix is a shift of the camera in its system: K [I | K^-1 p4].
    """
    custom = properties.get("intrinsics_custom", {})
    model = custom.get("model", "").value
    if isinstance(model, str) and model in CUSTOM_MODELS:
        return _custom_camera(custom), Pose.identity()
    if not properties.has("intrinsics_pinhole"):
        return None
    node = properties["intrinsics_pinhole"]
    key = "camera_matrix" if node.has("camera_matrix") else "camera_matrix_3x4"
    projection = node[key].numbers(12).reshape(3, 4)
    matrix = projection[:, :3]
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0 or (matrix[2] != (0, 0, 1)).any() or matrix[0, 1] or matrix[1, 0]:
        raise CalibrationError(
            expected="a pinhole matrix fx 0 cx, 0 fy cy, 0 0 1 with positive focal lengths",
            got=str(matrix.tolist()),
            path=node.path,
            field=f"{node.field}.{key}",
            hint=_HINT,
        )
    _check_pixels(node[key], projection[:2])
    name = "distortion_coeffs" if node.has("distortion_coeffs") else "distortion_coeffs_1xN"
    distortion = [item.number() for item in node.get(name, [])]
    try:
        camera = PinholeCamera(
            node["width_px"].whole(), node["height_px"].whole(), matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], _opencv(distortion)
        )
    except FormatError:
        raise
    except BoxwrightError as error:
        raise CalibrationError(
            error.what, expected=error.expected, got=error.got, path=node.path, field=f"{node.field}: {error.field}", hint=_HINT
        ) from None
    return camera, Pose(np.eye(3), np.linalg.solve(matrix, projection[:, 3]))


def _custom_camera(custom: Node) -> Camera:
    """A model that OpenLABEL does not have, by our own names of its numbers."""
    kind = CUSTOM_MODELS[custom["model"].text()]
    numbers: dict[str, Any] = {}
    for item in dataclasses.fields(kind):
        if item.name in ("width_px", "height_px"):
            numbers[item.name] = custom[item.name].whole()
        elif item.default is dataclasses.MISSING or custom.has(item.name):
            node = custom[item.name]
            numbers[item.name] = tuple(part.number() for part in node) if item.name == "distortion" else node.number()
    _check_pixels(custom, np.array([0.0, *(value for name, value in numbers.items() if name.endswith("_px"))]))
    try:
        return kind(**numbers)
    except FormatError:
        raise
    except BoxwrightError as error:
        where = f"{custom.field}: {error.field}"
        raise CalibrationError(error.what, expected=error.expected, got=error.got, path=custom.path, field=where, hint=_HINT) from None


def lidar_of(name: str, stream: Node, mount: Pose | None) -> Lidar:
    """mount : ego_from_<its coordinate system>, or None where nothing is said of it"""
    origins = [tuple(place_of(item).tolist()) for item in stream.get("stream_properties", {}).get("origins_m", [[0.0, 0.0, 0.0]])]
    return Lidar(name, mount or Pose.identity(), tuple(origins))


def axes_of_cameras(metadata: Mapping[str, Any]) -> Pose:
    """<coordinate system of a camera>_from_cam: the same axes in OpenLABEL. In files of RailLabel, such as OSDaR23's, these systems have x ahead, y
    left and z up, of which their metadata tell no more than a `subschema_version` of their own.

    On OSDaR23 the labelled boxes in pictures tell it: of 595 of objects that have a cuboid too, none overlaps with that cuboid drawn through a camera
    that looks along its z, and half of them by 0.38 and more, in each of nine cameras, through one that looks along its x.
    """
    return _LOOKS_AHEAD if "subschema_version" in metadata else Pose.identity()


def camera_sensor_of(name: str, stream: Node, mount: Pose | None, axes: Pose) -> CameraSensor | None:
    """None where the file gives no model that boxwright has, or no place. axes : as `axes_of_cameras` tells"""
    model = camera_of(stream.get("stream_properties", {}))
    if model is not None and isinstance(model[0], UncalibratedCamera):
        return CameraSensor(name, model[0])
    return None if model is None or mount is None else CameraSensor(name, model[0], mount @ axes @ model[1].inverse())


def _check_pixels(node: Node, numbers: Float64s) -> None:
    if not np.abs(numbers).max() < _MOST_PX:
        raise node.wrong(f"numbers under {_MOST_PX:g} px", f"{numbers.ravel().tolist()}", hint=_HINT)


def _opencv(distortion: list[float]) -> tuple[float, ...]:
    """Padded with zeros to the next number of coefficients that OpenCV has; none where all are zero."""
    if not any(distortion):
        return ()
    length = next((n for n in (4, 5, 8, 12, 14) if n >= len(distortion)), len(distortion))
    return (*distortion, *[0.0] * (length - len(distortion)))


# ------------------------------------------------------------ times and files

_UNITS_NS = ((Decimal(10) ** 11, 10**9, "seconds"), (Decimal(10) ** 14, 10**6, "milliseconds"), (Decimal(10) ** 17, 10**3, "microseconds"))


def _unit(value: Decimal) -> tuple[int, str]:
    return next(((scale, name) for limit, scale, name in _UNITS_NS if abs(value) < limit), (1, "nanoseconds"))


def time_ns(node: Node) -> tuple[int, str]:
    """(nanoseconds, unit as read) of a timestamp: a number or a text of one, whose size tells the unit, or a date."""
    value = node.value
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,12})?", value.strip()):
        try:
            date = datetime.fromisoformat(value.strip())
        except ValueError:
            raise node.wrong("seconds, or a date such as 2026-01-31 12:00:00.5", repr(value[:40])) from None
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        since = aware - datetime(1970, 1, 1, tzinfo=UTC)
        return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000, "dates" if date.tzinfo else "dates in UTC"
    number = Decimal(value.strip()) if isinstance(value, str) else Decimal(repr(node.number()) if isinstance(value, float) else str(node.whole()))
    scale, unit = _unit(number)
    stamp = int((number * scale).to_integral_value())
    if abs(stamp) >= 2**63:
        raise node.wrong("a time within 64 bits of nanoseconds", str(value))
    return stamp, unit


def seconds(stamp_ns: int) -> str:
    """Exact decimal seconds."""
    whole, rest = divmod(abs(stamp_ns), 1_000_000_000)
    return f"{'-' if stamp_ns < 0 else ''}{whole}.{rest:09d}"


def stamps_ns(frames: Mapping[int, Node], notes: list[str]) -> tuple[Int64s, bool]:
    """(stamps, whether the file gives any) of the frames in order; without stamps, the frames' numbers."""
    nodes = {number: frame.get("frame_properties", {}) for number, frame in frames.items()}
    timed = [number for number, node in nodes.items() if node.has("timestamp")]
    if not timed:
        return np.array(list(frames), np.int64), False
    stamps: list[int] = []
    units = set()
    for number, node in nodes.items():
        stamp, unit = time_ns(node["timestamp"])
        if stamps and stamp <= stamps[-1]:
            raise node["timestamp"].wrong("increasing times", f"{stamp} ns after {stamps[-1]} ns in frame {number}")
        stamps.append(stamp)
        units.add(unit)
    if len(units) > 1:
        raise FormatError(
            "times in several units", got=", ".join(sorted(units)), path=next(iter(frames.values())).path, field="frames.timestamp", hint=_HINT
        )
    unit = units.pop()
    if unit != "seconds":
        notes.append(f"OpenLABEL does not name the unit of its times: they are read as {unit}")
    return np.array(stamps, np.int64), True


def uri_path(folder: Path, node: Node, suffixes: tuple[str, ...]) -> Path | None:
    """The file that a stream's uri names below `folder`, or None where it names none of these kinds. Nothing outside of the folder is ever named."""
    text = node.get("uri", "").text()
    parts = [part for part in re.split(r"[\\/]", text) if part not in ("", ".")]
    if not parts or "://" in text or "\0" in text or not parts[-1].lower().endswith(suffixes):
        return None
    path = folder.joinpath(*parts)
    if ".." in parts or not path.resolve().is_relative_to(folder.resolve()):
        raise node.wrong("a file in the folder of the labels", repr(text[:80]), hint="put the file beside the labels")
    return path


def intrinsics_of(camera: Camera) -> dict[str, Any]:
    """A stream's properties, which `camera_of` reads back exactly."""
    if not isinstance(camera, PinholeCamera):
        numbers = {name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(camera).items()}
        if isinstance(camera, FisheyeCamera):
            numbers["distortion"] = camera.coefficients.tolist()
        return {"intrinsics_custom": {"model": next(name for name, kind in CUSTOM_MODELS.items() if type(camera) is kind), **numbers}}
    size = {"width_px": camera.width_px, "height_px": camera.height_px}
    matrix = np.column_stack([camera.matrix, np.zeros(3)]).ravel().tolist()
    pinhole: dict[str, Any] = {**size, "camera_matrix": matrix}
    if camera.distortion:
        pinhole["distortion_coeffs"] = [*camera.distortion, *[0.0] * (5 - len(camera.distortion))]
    return {"intrinsics_pinhole": pinhole}
