"""boxwright's own scene folder: a Scene goes in and comes out bit by bit.

    scene.json                          everything but sensor data; units in the keys
    lidars/<name>/<frame_id>.pcd        sweeps: .pcd, .npy, .npz or .bin; with `scale_m`, whole numbers of so many metres
    cameras/<name>/<frame_id>.png       pictures: .png or .jpg
    videos/<camera>.mp4                 or a video whose frames they are, as boxwright_videos.py has it
    point_labels/<lidar>/<frame_id>.npz the class and object of each point of a sweep, as point_label_files.py has it

A key that is not in the tables below is refused, since a misspelt one would be lost; what boxwright has no name for goes under `source_attributes`.
A frame without a file has no data; a file of no frame is told in a note, and the data of no sensor are refused.
Numbers are written as the shortest text that gives the same float64 back.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..cameras import CAMERA_MODELS, Camera, UncalibratedCamera
from ..errors import BoxwrightError, FormatError, number_of
from ..frames import Pose, Trajectory, many_poses
from ..limits import FARTHEST_M, limits
from ..problems import Problem, Problems
from ..scene import CameraSensor, Lidar, Relation, Scene
from ..tracks import Track, Visibility
from .boxwright_files import label_files, read_point_edits, sensor_files, stray_notes
from .boxwright_pictures import placed, read_image_tracks, read_span, read_tags
from .boxwright_tracks import one_rotation, track_of
from .boxwright_videos import read_video
from .declared import FIELDS, Capabilities
from .file_names import file_name, fitting
from .json_parts import load_by_parts
from .looking import is_dgp_scene, subfolders
from .reach import within_reach
from .strict_json import Node

__all__ = [
    "CAPABILITIES",
    "RESERVED_NAMES",
    "VERSION",
    "camera_name",
    "detect",
    "frame_names",
    "is_safe_name",
    "list_scenes",
    "read",
    "relation_of",
    "scene_file",
    "scene_of",
    "unposed_frames",
]

CAPABILITIES = Capabilities(
    title="boxwright's own scene folder",
    reads=" ".join(FIELDS),
    writes=" ".join(FIELDS),
)

VERSION = 2
_READ_VERSIONS = (1, VERSION)  # 1 had no image_tracks, and its tags were an object of names and values
RESERVED_NAMES = frozenset({"world", "ego"})  # frames of reference, which no sensor can be called

TOP_KEYS = frozenset({"format", "version", "name", "label_frame", "frames", "lidars", "cameras", "tracks"})
TOP_EXTRAS = frozenset(
    {"source_format", "has_time", "tags", "notes", "trajectory", "relations", "source_attributes", "problems", "image_tracks", "point_edits"}
)
FRAME_KEYS = frozenset({"frame_id", "timestamp_ns"})
POSE_KEYS, POSE_EXTRAS = frozenset({"translation_m"}), frozenset({"rotation", "quat_wxyz"})
LIDAR_KEYS, LIDAR_EXTRAS = frozenset({"name", "ego_from_lidar"}), frozenset({"origins_m", "scale_m", "sweeps"})
CAMERA_KEYS, CAMERA_EXTRAS = (
    frozenset({"name", "model"}),
    frozenset({"timestamp_ns", "readout_ns", "rolling_shutter", "video"}),
)  # and what the model has
PROBLEM_KEYS, PROBLEM_TEXTS = frozenset({"code"}), frozenset({"what", "expected", "got", "path", "field", "hint"})
RELATION_KEYS, RELATION_EXTRAS = frozenset({"kind", "subject", "object"}), frozenset({"span_ns"})
_BAD_IN_NAMES = set('/\\:*?"<>|') | {chr(i) for i in range(32)}


def detect(path: Path) -> bool:
    """A folder with a scene.json, that file, or a folder of such folders; whether the file is sound is for `read` to tell."""
    return next(_scenes(path), None) is not None


def list_scenes(path: Path) -> list[str]:
    return list(_scenes(path))


def _scenes(path: Path) -> Iterator[str]:
    if path.is_file():
        if path.name == "scene.json" and _is_ours(path):
            yield path.absolute().parent.name
    elif (path / "scene.json").is_file():
        if _is_ours(path / "scene.json"):
            yield path.absolute().name
    elif path.is_dir():
        yield from (child.name for child in subfolders(path) if _is_ours(child / "scene.json"))


def _is_ours(file: Path) -> bool:
    """A damaged scene.json is still ours, so that its damage is told; one of DGP's is not, nor the table of that name among those of nuScenes."""
    return file.is_file() and not (file.parent / "sample_annotation.json").is_file() and not is_dgp_scene(file)


def scene_file(path: Path, scene: str) -> Path:
    if path.is_file():
        return path
    return path / "scene.json" if (path / "scene.json").is_file() else path / scene / "scene.json"


def is_safe_name(name: str) -> bool:
    """Fit to be a file's or folder's name anywhere."""
    return bool(name) and name == fitting(name) and not name.startswith(".") and not set(name) & _BAD_IN_NAMES


def camera_name(name: str) -> str:
    """What a camera that a file calls so is called here: without what no file's name can have, and not as a frame of reference."""
    kept = name if is_safe_name(name) else file_name(name)
    return kept if kept not in RESERVED_NAMES | {"lidar"} else "camera"


def frame_names(names: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """The names, where every one of them can be a file's; else the frames are numbered, and notes say so: no other format could have them."""
    unsafe = next((name for name in names if not is_safe_name(name)), None)
    if unsafe is None:
        return tuple(names)
    notes.append(f"a frame's name such as {unsafe[:40]!r} cannot be a file's: frames are numbered")
    return tuple(f"{i:06d}" for i in range(len(names)))


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file = scene_file(path, scene)
    top = load_by_parts(file, frozenset({"tracks", "image_tracks"}))
    mark = top.get("format", "nothing").value if isinstance(top.value, dict) else None
    if mark != "boxwright":
        raise FormatError(
            "not a boxwright scene",
            expected='an object with "format": "boxwright"',
            got=f"{'another kind of JSON' if mark is None else repr(mark)[:60]}",
            path=top.path,
            field="format",
            hint="export the scene again, or pass format= where the folder is of another format",
        )
    if top["version"].whole() not in _READ_VERSIONS:
        raise top["version"].wrong(f"version {' or '.join(map(str, _READ_VERSIONS))}", hint="read it with a newer boxwright")
    try:
        return _scene(top, file, problems)
    except FormatError:
        raise
    except BoxwrightError as error:  # a value that cannot be: say in which file
        raise type(error)(
            error.what, expected=error.expected, got=error.got, path=error.path or top.path, offset=error.offset, field=error.field, hint=error.hint
        ) from None


def _scene(top: Node, file: Path, problems: Problems) -> Scene:
    scene = scene_of(top, problems)
    frame_ids, lidars, cameras = list(scene.frame_ids), scene.lidars, scene.cameras
    videos = {
        node["name"].text(): read_video(node["video"], file.parent, len(frame_ids), cameras[node["name"].text()].camera.size_px)
        for node in top["cameras"]
        if node.has("video")
    }
    strays = stray_notes(file, frame_ids, list(lidars), list(cameras), videos)
    data = sensor_files(top, file.parent, frame_ids, scene.times_ns, lidars, cameras, videos)
    return scene.replace(
        data=data,
        path=os.fspath(file.parent),
        notes=list(dict.fromkeys([*scene.notes, *strays])),
        point_label_data=label_files(file.parent, frame_ids, lidars, data),
    )


def scene_of(top: Node, problems: Problems, *, must_cover: bool = True) -> Scene:
    """The scene that the content of a scene.json tells, without sensor data.

    must_cover : whether poses must cover every labelled frame
    """
    top.only(TOP_KEYS, TOP_EXTRAS)
    frame_ids, times = _frames(top["frames"])
    _check_sensor_names(top)
    lidars = {lidar.name: lidar for lidar in map(_lidar, top["lidars"])}
    cameras = {camera.name: camera for camera in (_camera(node, len(times)) for node in top["cameras"])}
    label_frame = top["label_frame"].text()
    known = dict.fromkeys(["world", "ego", "lidar", *lidars, *cameras])
    if label_frame not in known:
        raise top["label_frame"].wrong(f"one of {', '.join(known)}", repr(label_frame))
    trajectory = _trajectory(top["trajectory"]) if top.has("trajectory") else None
    covering = trajectory if label_frame == "world" and must_cover else None
    tracks = _tracks(top["tracks"], label_frame, covering, times, problems)
    return Scene(
        name=top["name"].text(),
        times_ns=times,
        lidars=lidars,
        cameras=cameras,
        trajectory=trajectory,
        tracks=tracks,
        has_time=top.get("has_time", True).flag(),
        label_frame=label_frame,
        frame_ids=tuple(frame_ids),
        format="boxwright",
        tags=read_tags(top.get("tags", [])),
        relations=[relation_of(relation) for relation in top.get("relations", [])],
        source_attributes=top.get("source_attributes", {}).mapping(),
        notes=[note.sentence() for note in top.get("notes", [])],
        problems=_problems(top.get("problems", [])),
        image_tracks=read_image_tracks(top.get("image_tracks", []), {track.track_id for track in tracks}, cameras, problems),
        point_edits=read_point_edits(top.get("point_edits", []), len(times), lidars, problems),
    )


def _frames(node: Node) -> tuple[list[str], Int64s]:
    """Names and stamps of the frames."""
    limits().check("frames_per_scene", len(node), node.path, "frames")
    frame_ids: dict[str, int] = {}
    times: list[int] = []
    for frame in node:
        frame.only(FRAME_KEYS)
        name, stamp = _name(frame["frame_id"]), frame["timestamp_ns"].whole()
        if name in frame_ids:
            raise frame["frame_id"].wrong("frame ids that differ", f"{name!r} twice, first in frames[{frame_ids[name]}]")
        if times and stamp <= times[-1]:
            raise frame["timestamp_ns"].wrong("increasing times", f"{times[-1]} then {stamp}")
        frame_ids[name] = len(times)
        times.append(stamp)
    return list(frame_ids), np.array(times, np.int64)


def _check_sensor_names(top: Node) -> None:
    """A name stands for one sensor's files and for one frame of reference."""
    first: dict[str, str] = {}
    for kind, reserved in (("lidars", RESERVED_NAMES), ("cameras", RESERVED_NAMES | {"lidar"})):
        for sensor in top[kind]:
            name = _name(sensor["name"])
            if name in first:
                raise sensor["name"].wrong("sensor names that differ", f"{name!r} twice, first in {first[name]}")
            if name in reserved:
                raise sensor["name"].wrong(f"another name than {', '.join(sorted(reserved))}, which are frames of reference", repr(name))
            first[name] = sensor.field


def _name(node: Node) -> str:
    if not is_safe_name(node.text()):
        raise node.wrong("a name that can be a file's name", hint="use letters, digits, '-', '_' and '.'")
    return node.text()


def _pose(node: Node, extra: frozenset[str] = frozenset()) -> Pose:
    node.only(POSE_KEYS | extra, POSE_EXTRAS)
    one_rotation(node, "rotation")
    shift_m = within_reach(node["translation_m"], node["translation_m"].numbers(3))
    if node.has("quat_wxyz"):  # written by hand
        return Pose.from_quat(node["quat_wxyz"].numbers(4), shift_m, field=node.field)
    return Pose(node["rotation"].numbers(3, 3), shift_m, field=node.field)


def _lidar(node: Node) -> Lidar:
    node.only(LIDAR_KEYS, LIDAR_EXTRAS)
    origins = tuple(tuple(float(v) for v in origin.numbers(3)) for origin in node.get("origins_m", [[0.0, 0.0, 0.0]]))
    return Lidar(_name(node["name"]), _pose(node["ego_from_lidar"]), origins)  # type: ignore[arg-type]


def _camera(node: Node, n_frames: int) -> CameraSensor:
    model = node["model"].one_of(CAMERA_MODELS)
    is_placed = model is not UncalibratedCamera
    own = {field.name: field for field in dataclasses.fields(model)}
    wanted = {name for name, field in own.items() if field.default is dataclasses.MISSING}
    node.only(CAMERA_KEYS | wanted | ({"ego_from_cam"} if is_placed else set()), CAMERA_EXTRAS | own.keys())
    for name in sorted(wanted):
        if not node.has(name):  # null
            raise node[name].wrong("a number")
    camera: Camera = model(**{name: _of_lens(name, node[name]) for name in own if node.has(name)})
    times = np.array([item.whole() for item in node["timestamp_ns"]], np.int64) if node.has("timestamp_ns") else None
    if times is not None and len(times) != n_frames:
        raise node["timestamp_ns"].wrong(f"{number_of(n_frames, 'time')}, one per frame", str(len(times)))
    place = _pose(node["ego_from_cam"]) if is_placed else Pose.identity()
    return CameraSensor(_name(node["name"]), camera, place, times, node.get("readout_ns", 0).whole(), node.get("rolling_shutter", "global").text())


def _of_lens(name: str, node: Node) -> Any:
    if name in ("width_px", "height_px"):
        return node.whole()
    return tuple(item.number() for item in node) if name == "distortion" else node.number()


def _trajectory(node: Node) -> Trajectory:
    if not len(node):
        raise node.wrong("at least one pose, or null", "none")
    poses = _plain_poses(node.value) or [_pose(item, frozenset({"timestamp_ns"})) for item in node]
    return Trajectory(np.array([item["timestamp_ns"].whole() for item in node], np.int64), poses)


def _plain_poses(items: Any) -> list[Pose] | None:
    """Thousands of poses as boxwright writes them, all at once; None where one is otherwise, which reading them one by one then tells of."""
    wanted = {"timestamp_ns", "rotation", "translation_m"}
    try:
        if not all(type(item) is dict and item.keys() == wanted for item in items):
            return None
        rotations, shifts = ([item[key] for item in items] for key in ("rotation", "translation_m"))
        if not all(type(v) is float for rows in (*(row for item in rotations for row in item), *shifts) for v in rows):
            return None
        turns, places = np.array(rotations), np.array(shifts)
    except (TypeError, ValueError):
        return None
    fits = turns.shape == (len(items), 3, 3) and places.shape == (len(items), 3) and np.abs(places).max(initial=0) < FARTHEST_M
    return many_poses(turns, places) if fits else None


def _tracks(node: Node, label_frame: str, trajectory: Trajectory | None, times_ns: Int64s, problems: Problems) -> list[Track]:
    """The tracks; `trajectory` must cover the frames they label, where it is given."""
    limits().check("tracks_per_scene", len(node), node.path, "tracks")
    tracks: dict[str, Track] = {}
    for item in node:
        with problems.aside(item.value), placed(item):
            track = track_of(item, label_frame)
            if track.track_id in tracks:
                raise item["track_id"].wrong("every track id once", f"{track.track_id!r} twice")
            if trajectory is not None:
                for i in unposed_frames(track, trajectory, times_ns)[:1]:
                    raise FormatError(
                        "the poses do not cover a labelled frame",
                        expected=f"times within [{trajectory.times_ns[0]}, {trajectory.times_ns[-1]}] ns",
                        got=f"frames[{i}] at {times_ns[i]} ns, labelled by {item.field}",
                        path=node.path,
                        field="trajectory",
                        hint="add the poses, or end the track where they end",
                    )
            tracks[track.track_id] = track
    return list(tracks.values())


def unposed_frames(track: Track, trajectory: Trajectory, times_ns: Int64s) -> Int64s:
    """Indices of the frames that the track labels and whose time the trajectory does not cover."""
    beyond = np.flatnonzero(~trajectory.covers(times_ns))
    last = np.searchsorted(track.times_ns, times_ns[beyond], side="right") - 1
    at_end = (last == len(track) - 1) & (track.times_ns[last] != times_ns[beyond])
    return np.asarray(beyond[(last >= 0) & ~at_end & (track.visibility[last] != Visibility.OUTSIDE)])


def _problems(node: Node) -> list[Problem]:
    limits().check("kept_problems", len(node) - 16, node.path, node.field)  # each reading that leaves some out adds one that says so
    return [_problem(problem) for problem in node]


def _problem(node: Node) -> Problem:
    node.only(PROBLEM_KEYS, PROBLEM_TEXTS | {"offset", "record"})
    for key in node.mapping().keys() & (PROBLEM_KEYS | PROBLEM_TEXTS):
        node[key].sentence()
    if "offset" in node.mapping() and not isinstance(node["offset"].value, int):
        node["offset"].sentence()
    return Problem.from_mapping(node.mapping())


def relation_of(node: Node) -> Relation:
    node.only(RELATION_KEYS, RELATION_EXTRAS)
    return Relation(node["kind"].text(), node["subject"].text(), node["object"].text(), read_span(node))
