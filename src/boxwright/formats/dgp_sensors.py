"""What a DGP scene says about its frames, sensors, times and poses."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

import numpy as np

from ..arrays import Float64s, Int64s
from ..cameras import Camera, FisheyeCamera, PinholeCamera
from ..errors import BoxwrightError, CalibrationError, FormatError, SensorFrameFallback, number_of
from ..frames import Pose, Trajectory
from ..limits import FARTHEST_M
from ..problems import Problems
from ..scene import Lidar
from . import strict_json
from .boxwright_scene import is_safe_name
from .images import image_size_px
from .strict_json import Node

__all__ = ["Samples", "datum_path", "mounts_and_cameras", "pose_of", "read_samples", "trajectory_of", "vector_of"]

_HINT = "get the scene's files again"
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_OPENCV = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4", "taux", "tauy")
_LENGTHS = (0, 5, 8, 12, 14)
_OTHER_MODELS = ("alpha", "beta", "w", "xi", "equirectangular")
_APART = 1e-3  # metres and radians: poses of one moment further apart than this contradict the calibration


@dataclass(frozen=True)
class Samples:
    """The frames.

    data : for each frame, sensor -> (kind, what the scene says of the file)
    stamps_ns : for each frame, sensor -> time on the scene's clock, where there is one
    main : the LiDAR that is called "lidar", or None
    lidars, cameras : names in order of appearance, the main LiDAR first
    calibration : each frame's key
    """

    path: str

    times_ns: Int64s
    has_time: bool
    data: list[dict[str, tuple[str, Node]]]
    stamps_ns: list[dict[str, int]]
    names: list[str]
    calibration: list[str]
    main: str | None
    lidars: list[str]
    cameras: list[str]

    def files(self, name: str, folder: Path) -> list[Path | None]:
        return [datum_path(folder, data[name][1]["filename"]) if name in data else None for data in self.data]

    def point_names(self, name: str) -> list[list[str]]:
        """The columns of each frame's cloud, in lower case; none where the scene does not say."""
        nodes = [data[name][1] if name in data else None for data in self.data]
        return [
            [] if node is None else [item.text().lower() for item in [*node.get("point_format", [])] or [*node.get("point_fields", [])]]
            for node in nodes
        ]

    def exposures(self, camera: str) -> Int64s | None:
        """When the camera took each frame; a frame that it did not take has the frame's own stamp."""
        times = np.array([stamps.get(camera, int(time)) for stamps, time in zip(self.stamps_ns, self.times_ns)], np.int64)
        return None if np.array_equal(times, self.times_ns) else times

    def our_lidars(self, mounts: Mapping[str, Pose]) -> dict[str, Lidar]:
        names = {"lidar" if name == self.main else name: name for name in self.lidars}
        return {ours: Lidar(ours, mounts[name]) for ours, name in names.items()}

    def frame_ids(self) -> tuple[str, ...]:
        """The stems of the frames' first files, else the samples' names, where these tell them apart."""
        first = [data[self.main] if self.main in data else next(iter(data.values()), None) for data in self.data]
        stems = [PurePosixPath(item[1].get("filename", "").text()).stem if item else "" for item in first]
        for names in (stems, self.names):
            if all(map(is_safe_name, names)) and len({*names}) == len(names):
                return tuple(names)
        return ()


# ------------------------------------------------------------ small things


def datum_path(folder: Path, node: Node) -> Path:
    """A file the scene names, within its folder."""
    text = node.text()
    parts = PurePosixPath(text).parts
    is_sane = text.isprintable() and len(text) <= 1000 and all(len(part.encode()) <= 200 for part in parts)
    if not parts or not is_sane or ".." in parts or text.startswith("/"):
        raise node.wrong("a path within the dataset's folder", ascii(text[:80]))
    return folder.joinpath(*parts)


def vector_of(node: Node, names: Sequence[str]) -> Float64s:
    """Fields that are 0 may be absent."""
    return np.array([node.get(name, 0).number() for name in names])


def pose_of(node: Node) -> Pose:
    """A translation x, y, z and a rotation qw, qx, qy, qz. FormatError where the quaternion is not unit."""
    shift = vector_of(node.get("translation", {}), "xyz")
    try:
        if not np.abs(shift).max() < FARTHEST_M:
            raise node["translation"].wrong(f"coordinates under {FARTHEST_M:g} m", " ".join(f"{v:g}" for v in shift))
        return Pose.from_quat(vector_of(node.get("rotation", {}), ("qw", "qx", "qy", "qz")), shift, field="rotation")
    except FormatError:
        raise
    except BoxwrightError as error:
        raise FormatError(error.what, expected=error.expected, got=error.got, path=node.path, field=f"{node.field}.rotation", hint=_HINT) from None


def _has_pose(datum: Node) -> bool:
    return datum.has("pose") and bool(vector_of(datum["pose"].get("rotation", {}), ("qw", "qx", "qy", "qz")).any())


def _stamp_ns(node: Node) -> int | None:
    """Nanoseconds since 1970, of any size; None where the text is empty."""
    if node.text() == "":
        return None
    found = _TIME.fullmatch(node.text())
    try:
        if found is None:
            raise ValueError
        seconds = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00")) - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    except (ValueError, OverflowError):
        raise node.wrong("a time as 2026-11-23T10:20:30.123456Z", repr(node.text()[:60])) from None
    return (seconds.days * 86_400 + seconds.seconds) * 1_000_000_000 + int((found[2] or "").ljust(9, "0"))


# ------------------------------------------------------------ frames


def read_samples(top: Node, notes: list[str]) -> Samples:
    by_key: dict[str, Node] = {}
    for node in top["data"]:
        if by_key.setdefault(node["key"].text(), node) is not node:
            raise node["key"].wrong("each key once", repr(node["key"].text()), _HINT)
    data, found, names, calibration = [], [], [], []
    for sample in top["samples"]:
        parts, stamps = _one_sample(sample, by_key)
        own = _stamp_ns(sample.get("id", {}).get("timestamp", ""))
        data.append(parts)
        found.append((own, stamps))
        names.append(sample.get("id", {}).get("name", "").text())
        calibration.append(sample.get("calibration_key", "").text())
    kinds = {name: kind for parts in reversed(data) for name, (kind, _) in reversed(parts.items())}
    order = list(dict.fromkeys(name for parts in data for name in parts))
    lidars = [name for name in order if kinds[name] == "point_cloud"]
    labelled = [name for name in lidars if any(name in parts and parts[name][1].get("annotations", {}).has("1") for parts in data)]
    main = next(iter([*labelled, *lidars]), None)
    if "lidar" in lidars and main != "lidar":
        raise FormatError("a further LiDAR is called 'lidar'", path=top.path, hint="rename it")
    notes += [f"{name} ({kinds[name]}) is not read" for name in order if kinds[name] not in ("point_cloud", "image")]
    frame_stamps = [stamps.get(main or "", own if own is not None else next(iter(stamps.values()), None)) for own, stamps in found]
    times, clock = _times(frame_stamps, [stamps for _, stamps in found], top, notes)
    lidars = sorted(lidars, key=lambda name: name != main)
    cameras = [name for name in order if kinds[name] == "image"]
    result = Samples(
        top.path, times, clock is not None, data, [{} for _ in data] if clock is None else clock, names, calibration, main, lidars, cameras
    )
    for name in lidars[1:]:
        if any(stamps.get(name, time) != time for stamps, time in zip(result.stamps_ns, times)):
            notes.append(f"{name} has other stamps than {main}: the motion of the vehicle between the two is left out")
    return result


def _one_sample(sample: Node, by_key: Mapping[str, Node]) -> tuple[dict[str, tuple[str, Node]], dict[str, int]]:
    parts: dict[str, tuple[str, Node]] = {}
    stamps: dict[str, int] = {}
    for key in sample["datum_keys"]:
        if key.text() not in by_key:
            raise key.wrong("the key of a datum", repr(key.text()[:60]), _HINT)
        node = by_key[key.text()]
        name = node["id"].get("name", "").text()
        inner = list(node["datum"].items())
        if len(inner) != 1:
            raise node["datum"].wrong("one of image, point_cloud, radar_point_cloud, file_datum", f"{len(inner)} of them")
        if name in parts:
            raise key.wrong("each sensor once in a sample", f"{name!r} again")
        parts[name] = inner[0]
        stamp = _stamp_ns(node["id"].get("timestamp", ""))
        if stamp is not None:
            stamps[name] = stamp
    return parts, stamps


def _times(frames: list[int | None], data: list[dict[str, int]], top: Node, notes: list[str]) -> tuple[Int64s, list[dict[str, int]] | None]:
    """The frames' times and those of all data, on one clock; frames without stamps, or with one for all, are counted instead."""
    known = [stamp for stamp in frames if stamp is not None]
    if len(known) < len(frames) or (len(frames) > 1 and len({*known}) == 1):
        notes.append("the frames have no stamps of their own: the times are the frames' indices")
        return np.arange(len(frames), dtype=np.int64), None
    for i in range(1, len(known)):
        if known[i] <= known[i - 1]:
            raise FormatError(expected="increasing times", got=f"sample {i} is not after sample {i - 1}", path=top.path, field="samples", hint=_HINT)
    every = [*known, *(stamp for stamps in data for stamp in stamps.values())]
    start = 0
    if every and (max(every) >= 2**62 or min(every) <= -(2**62)):
        start = known[0]
        notes.append("the stamps are beyond what nanoseconds since 1970 can hold: times are counted from the first frame")
        if max(every) - min(every) >= 2**61:
            raise FormatError(expected="times within 73 years of each other", got="others", path=top.path, field="data", hint=_HINT)
    return np.array([stamp - start for stamp in known], np.int64), [{name: stamp - start for name, stamp in stamps.items()} for stamps in data]


# ------------------------------------------------------------ calibration


def mounts_and_cameras(samples: Samples, folder: Path, problems: Problems, notes: list[str]) -> tuple[dict[str, Pose], dict[str, Camera]]:
    """ego_from_sensor of every sensor, and the cameras' intrinsics, as the first calibration that names the sensor has them."""
    first: dict[str, tuple[Node, Node]] = {}
    for key in dict.fromkeys(samples.calibration):
        file = datum_path(folder / "calibration", Node(f"{key}.json", str(folder), "calibration_key"))
        if not file.is_file():
            if samples.cameras:
                raise CalibrationError("no calibration", path=file, field="calibration_key", hint=_HINT)
            continue
        for name, pair in _calibration(strict_json.load(file)).items():
            known = first.setdefault(name, pair)
            if any(a.value != b.value for a, b in zip(known, pair)):
                problems.keep(
                    CalibrationError("a sensor's calibration changes within the scene", got=name, path=file, hint="split the scene where it changes")
                )
    mounts: dict[str, Pose] = {}
    cameras: dict[str, Camera] = {}
    for name in [*samples.lidars, *samples.cameras]:
        if name.casefold() in first:
            mounts[name] = pose_of(first[name.casefold()][1])
        elif name in samples.cameras:
            raise CalibrationError("a camera has no calibration", got=name, path=folder / "calibration", hint=_HINT)
        else:
            mounts[name] = Pose.identity()
            notes.append(f"{name} has no calibration: it is taken to sit at the origin of the ego frame")
        if name in samples.cameras:
            with problems.aside(first[name.casefold()][0].value):
                cameras[name] = _camera(first[name.casefold()][0], _size_px(samples, name, folder))
    return mounts, cameras


def _calibration(top: Node) -> dict[str, tuple[Node, Node]]:
    """Sensor's name, in lower case -> intrinsics and extrinsics."""
    names, intrinsics, extrinsics = (list(top[part]) for part in ("names", "intrinsics", "extrinsics"))
    if not len(names) == len(intrinsics) == len(extrinsics):
        got = f"{number_of(len(names), 'name')}, {len(intrinsics)} intrinsics, {len(extrinsics)} extrinsics"
        raise CalibrationError("lists of different lengths", got=got, path=top.path, hint=_HINT)
    return {name.text().casefold(): pair for name, *pair in zip(names, intrinsics, extrinsics)}  # type: ignore[misc]


def _size_px(samples: Samples, name: str, folder: Path) -> tuple[int, int]:
    nodes = [data[name][1] for data in samples.data if name in data]
    sizes = {(node.get("width", 0).whole(), node.get("height", 0).whole()): node for node in nodes}
    if len(sizes) > 1:
        got = " and ".join(f"{w} x {h}" for w, h in sizes)
        raise CalibrationError("a camera's pictures have several sizes", got=got, path=nodes[0].path, field=name, hint=_HINT)
    (size, node), *_ = sizes.items()
    return size if min(size) > 0 else image_size_px(datum_path(folder, node["filename"]))


def _camera(node: Node, size_px: tuple[int, int]) -> Camera:
    """Brown-Conrady, or Kannala-Brandt where `fisheye` is 1."""
    given = {name: node.get(name, 0).number() for name in ("fx", "fy", "cx", "cy", "skew", "fisheye", *_OPENCV, *_OTHER_MODELS)}
    odd = [name for name in ("skew", *_OTHER_MODELS) if given[name] != 0]
    if odd or given["fisheye"] not in (0, 1):
        got = ", ".join(f"{name} {given[name]:g}" for name in odd or ["fisheye"])
        raise CalibrationError(
            "no such camera model", expected="OpenCV's pinhole or fisheye", got=got, path=node.path, field=node.field, hint="rectify it"
        )
    numbers = tuple(given[name] for name in _OPENCV)
    n = max((i + 1 for i, value in enumerate(numbers) if value != 0), default=0)
    try:
        if given["fisheye"] == 1:
            return FisheyeCamera(*size_px, given["fx"], given["fy"], given["cx"], given["cy"], tuple(given[f"k{i}"] for i in (1, 2, 3, 4)))
        n = next(length for length in _LENGTHS if length >= n)
        return PinholeCamera(*size_px, given["fx"], given["fy"], given["cx"], given["cy"], numbers[:n])
    except BoxwrightError as error:
        where = f"{node.field} {error.field}"
        raise CalibrationError(error.what, expected=error.expected, got=error.got, path=node.path, field=where, hint=_HINT) from None


# ------------------------------------------------------------ poses


def trajectory_of(samples: Samples, mounts: Mapping[str, Pose], problems: Problems, notes: list[str]) -> Trajectory | None:
    """world_from_ego, one pose for each moment of which a file knows one: world_from_sensor @ ego_from_sensor^-1, the main LiDAR's first."""
    known: dict[int, tuple[str, Pose]] = {}
    worst, bare = (0.0, "", ""), None
    for time, data, stamps in zip(samples.times_ns, samples.data, samples.stamps_ns):
        for name in sorted((name for name in data if name in mounts), key=lambda name: [*samples.lidars, *samples.cameras].index(name)):
            if not _has_pose(data[name][1]):
                bare = data[name][1] if bare is None else bare
                continue
            moment = stamps.get(name, int(time))
            pose = pose_of(data[name][1]["pose"]) @ mounts[name].inverse()
            first, other = known.setdefault(moment, (name, pose))
            if samples.has_time and other is not pose:
                apart = max(np.abs(pose.translation_m - other.translation_m).max(), np.abs(pose.rotation - other.rotation).max())
                worst = max(worst, (float(apart), first, name))
    if not known:
        notes.append("no poses: the tracks stay in the LiDAR's frame, and the motion of the vehicle is in them")
        warnings.warn(f"{samples.path}: {notes[-1]}", SensorFrameFallback, stacklevel=5)
        return None
    if bare is not None:
        raise FormatError("a file of a sensor has no pose, while others have", path=bare.path, field=bare.field, hint=_HINT)
    if worst[0] > _APART:
        got = f"{worst[0]:.3g} between {worst[1]} and {worst[2]}"
        expected = f"poses of one moment that agree with the calibration within {_APART:g} m and rad"
        problems.keep(
            CalibrationError(expected=expected, got=got, path=samples.path, field="pose", hint="get the calibration that belongs to the scene")
        )
    times = np.array(sorted(known), np.int64)
    return Trajectory(times, [known[int(time)][1] for time in times])
