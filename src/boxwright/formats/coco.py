"""COCO: one JSON file of boxes, polygons, masks and keypoints in single pictures, or in the frames of videos.

    images       id, width, height, file_name; of a video: video_id, frame_id (or TAO's frame_index), from 0
    videos       id, name; absent where pictures are single. boxwright adds scene and camera, so that cameras of one recording stay one scene
    categories   id, name; of keypoints also keypoints (names) and skeleton (pairs, from 1)
    annotations  id, image_id, category_id, bbox [left, top, width, height], area, iscrowd, segmentation, keypoints [u, v, 0 | 1 | 2, ...]
                 segmentation is a list of rings [u1, v1, u2, v2, ...] or the runs of a mask {size: [height, width], counts}

The standard knows no tracks. Here an object is one over frames where `attributes.track_id` says so, as in CVAT and Datumaro, or `track_id` (TAO) or
`instance_id` (CocoVID). Boxes and rings count from the picture's corner, keypoints are whole pixels. Several rings are parts of one object, also
where they overlap: those become a mask. What boxwright has no name for stays with the label, and all of `images`, `info` and `categories` with the
scene under "coco".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import UncalibratedCamera
from ..image_tracks import ImageTrack
from ..limits import LABEL_BYTES, TRACK_BYTES, LabelRoom, limits
from ..problems import Problems
from ..scene import CameraSensor, Scene
from .boxwright_scene import camera_name, is_safe_name
from .coco_shapes import Skeletons, kind_of, shape_of, shapes_together
from .declared import Capabilities, Exactness
from .dense_tracks import dense_image_track
from .free_names import FreeNames
from .json_parts import ROW, WHOLE, load_by_parts
from .json_scenes import ManyScenes, placed
from .looking import files_of, head, is_known_by
from .object_links import OBJECT_ID, linked_object
from .remembering import of_file, of_files
from .sensor_files import SensorFiles
from .strict_json import Node

__all__ = ["CAPABILITIES", "detect", "list_scenes", "read"]

CAPABILITIES = Capabilities(
    title="COCO, also with videos and tracks",
    reads="shapes video attributes visibility classes track_ids relations times frame_names pictures other_fields",
    writes="shapes video attributes visibility classes track_ids relations times frame_names other_fields",
    partly={
        "other_fields": "those that files of the format have of their own stay",
        "shapes": "polylines become the boxes around them, polygons with holes masks; keypoints without names are numbered",
        "relations": "which track in pictures is which object stays, others are dropped",
        "times": "the frames have the stamps of the first camera's exposures",
        "frame_names": "what no file can be called becomes _",
    },
    exact=Exactness(px=1e-9),
    client="pycocotools",
    projects=True,
    remarks=("The standard knows no tracks: they are told in `attributes.track_id` and `track_id`, the cameras in `videos`.",),
)

_TOP = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"(info|licenses|images|annotations|categories|videos|tracks|type)"\s*:')
_LISTS = frozenset({"images", "annotations"})
_NEEDED = [re.compile(rb'"' + name + rb'"\s*:\s*\[') for name in (b"images", b"annotations", b"categories")]
_OF_DATUMARO = re.compile(rb'"categories"\s*:\s*\{')
_OWN_SHAPE = {"id", "image_id", "category_id", "attributes"}
_TRACK_IDS = ("track_id", "instance_id")
_HINT = "correct the file or export it again"
_SAFE_NAME = re.compile(r"(?!.*(^|[/\\])\.\.([/\\]|$))[^/\\:\x00][^:\x00]*")
_LONGEST_NAME = 255  # bytes of a file's name, and here of the folders before it too: no system takes more in one part
Row = dict[str, Any]


def detect(path: Path) -> bool:
    return bool(_files(path))


def _files(path: Path) -> list[Path]:
    """Of a file, of a folder of such, or of one with a folder `annotations`."""
    return files_of(path, (".json",), _is_ours) or files_of(path / "annotations", (".json",), _is_ours)


def _is_ours(file: Path) -> bool:
    return _TOP.match(head(file, 4096)) is not None and is_known_by(file, _has_lists)


def _has_lists(start: bytes) -> bool:
    if _OF_DATUMARO.search(start) is not None:
        return False
    found = [one.search(start) is not None for one in _NEEDED]
    if len(start) < 1 << 16:
        return all(found)
    return any(found) and (not found[1] or b'"image_id"' in start)  # Nucleus has a list of annotations too


def list_scenes(path: Path) -> list[str]:
    return list(_places(path))


def _places(path: Path) -> Mapping[str, tuple[Path, str | None]]:
    """Scene -> (its file, its name there); None where the file has no videos."""
    return of_files(_files(path), _places_in)


def _places_in(files: Sequence[Path]) -> Mapping[str, tuple[Path, str | None]]:
    found: dict[str, tuple[Path, str | None]] = {}
    taken = FreeNames()
    for file in files:
        for name in of_file(file, _names):
            called = file.stem if name is None else name
            found[taken.take(f"{file.stem}/{called}" if called in taken else called)] = (file, name)
    return found


def _names(file: Path) -> Mapping[str | None, Mapping[int, str] | None]:
    """Scene -> the cameras of its videos, by their ids; None where the file has no videos."""
    if b'"videos"' not in head(file, limits().json_bytes):
        return {None: None}
    found: dict[str | None, dict[int, str]] = {}
    for number, (scene, camera) in _videos(load_by_parts(file, _LISTS)).items():
        found.setdefault(scene, {})[number] = camera
    return found or {None: None}


def _scenes(file: Path) -> ManyScenes:
    """The videos, pictures and labels of each scene; those of no video are of the scene ""."""
    top = load_by_parts(file, _LISTS | {"videos"})
    scenes = {number: name for number, (name, _) in _videos(top).items()}
    of_picture: dict[Any, str] = {}

    def of_image(k: int, image: Node) -> str:
        number = image["id"].whole()
        if number in of_picture:
            raise image["id"].wrong("each picture once", str(number), _HINT)
        return of_picture.setdefault(number, scenes.get(image.get("video_id", -1).whole(), ""))

    def of_label(k: int, label: Node) -> str | None:
        number = label.value.get("image_id") if isinstance(label.value, dict) else None
        return of_picture.get(number) if type(number) is int else None

    videos = placed(top["videos"], lambda k, video: scenes[video["id"].whole()])
    return ManyScenes(file, {"videos": videos, "images": placed(top["images"], of_image, ROW), "annotations": placed(top["annotations"], of_label)})


def _videos(top: Node) -> dict[int, tuple[str, str]]:
    """Video's id -> (scene, camera)."""
    found: dict[int, tuple[str, str]] = {}
    places = set[tuple[str, str]]()
    for video in top.get("videos", []):
        number, name = video["id"].whole(), video.get("name", "").text() or str(video["id"].whole())
        camera = video.get("camera", "camera").word()
        place = (video.get("scene", name).word(), camera_name(camera))
        if number in found or place in places:
            raise video.wrong("each video once", f"{name!r} again", _HINT)
        places.add(place)
        found[number] = place
    return found


def read(path: Path, scene: str, problems: Problems) -> Scene:
    file, name = _places(path)[scene]
    cameras = of_file(file, _names)
    top = load_by_parts(file, _LISTS, excerpt=of_file(file, _scenes).only(name) if len(cameras) > 1 else WHOLE)
    return _Reader(file, top, cameras[name], problems).scene(scene)


class _Reader:
    def __init__(self, file: Path, top: Node, cameras: Mapping[int, str] | None, problems: Problems) -> None:
        """cameras : of its videos, None where the file has none"""
        self.file, self.top, self.cameras, self.problems, self.room, self.notes = file, top, cameras, problems, LabelRoom(file), list[str]()
        self.categories = self._categories()
        self.place: dict[int, tuple[str, int]] = {}  # image's id -> camera, frame
        self.other_images: set[int] = set()
        self.images: dict[str, dict[int, Row]] = {}
        self.sizes: dict[int, tuple[int, int]] = {}
        self._read_images()

    def _categories(self) -> dict[int, tuple[str, Skeletons]]:
        found: dict[int, tuple[str, Skeletons]] = {}
        for node in self.top["categories"]:
            if node["id"].whole() in found:
                raise node["id"].wrong("each category once", str(node["id"].value), _HINT)
            found[node["id"].whole()] = (node["name"].word(), Skeletons(node))
        return found

    def _read_images(self) -> None:
        for node in self.top["images"]:
            number = node["id"].whole()
            if number in self.place or number in self.other_images:
                raise node["id"].wrong("each picture once", str(number), _HINT)
            if self.cameras is not None and node.get("video_id", -1).whole() not in self.cameras:
                self.other_images.add(number)
                continue
            camera = "camera" if self.cameras is None else self.cameras[node["video_id"].whole()]
            own = self.images.setdefault(camera, {})
            told = next((node[key].whole() for key in ("frame_id", "frame_index") if node.has(key)), None) if self.cameras is not None else None
            frame = len(own) if told is None else told
            if frame in own or frame < 0:
                raise node.wrong("each frame of a video once, from 0", str(frame), _HINT)
            width, height = node["width"].whole(), node["height"].whole()
            if width < 1 or height < 1:
                raise node.wrong("a width and a height from 1", f"{width} x {height}", _HINT)
            limits().check("image_px", width * height, self.file, node.field)
            own[frame], self.place[number], self.sizes[number] = node.value, (camera, frame), (width, height)
            limits().check("frames_per_scene", frame + 1, self.file, node.field)

    # -------------------------------------------------------- labels

    def _rows(self) -> dict[tuple[Any, ...], list[Row]]:
        """Labels by camera, track, category and kind of shape; those without a track are each their own."""
        groups: dict[tuple[Any, ...], list[Row]] = {}
        taken: set[tuple[str, int, str, str]] = set()
        for node in self.top["annotations"]:
            with self.problems.aside(node.value):
                row = self._row(node)
                if row is None:
                    continue
                key: tuple[Any, ...] = (row["camera"], row["track"], row["category"], row["kind"])
                place = (row["camera"], row["frame"], row["track"] or "", row["kind"])
                if row["track"] is None:
                    key = (*key, len(taken), row["frame"])
                    place = (*place[:2], f"\0{len(taken)}", place[3])
                if place in taken:
                    raise node.wrong("each object once in a picture", f"track {row['track']} again", _HINT)
                taken.add(place)
                self.room.take(LABEL_BYTES if key in groups else LABEL_BYTES + TRACK_BYTES)
                groups.setdefault(key, []).append(row)
                limits().check("tracks_per_scene", len(groups), self.file)
        return groups

    def _row(self, node: Node) -> Row | None:
        number = node["image_id"].whole()
        if number in self.other_images:
            return None
        if number not in self.place:
            raise node["image_id"].wrong("the id of a picture in `images`", str(number), _HINT)
        kind_id = node["category_id"].whole()
        if kind_id not in self.categories:
            raise node["category_id"].wrong("the id of a category in `categories`", str(kind_id), _HINT)
        category, skeletons = self.categories[kind_id]
        attributes = dict(node.get("attributes", {}).mapping())
        track = attributes.pop("track_id", None)
        for name in _TRACK_IDS:
            track = node.value.get(name) if track is None else track
        if track is not None and (isinstance(track, bool) or not isinstance(track, (int, str)) or not str(track).strip()):
            raise node.wrong("a number or a text as the track's id", repr(track)[:40], _HINT)
        linked, occluded = attributes.pop(OBJECT_ID, None), attributes.pop("occluded", False)
        kind, shape, kept = shape_of(node, attributes, skeletons, self.sizes[number])
        camera, frame = self.place[number]
        source = {key: value for key, value in node.value.items() if key not in _OWN_SHAPE and key not in _TRACK_IDS} | kept
        for name in ("segmentation", "keypoints", "num_keypoints", "bbox", "area"):
            if name not in kept:
                source.pop(name, None)
        if source.get("iscrowd") == 0:
            source.pop("iscrowd")
        source["id"] = node.get("id", -1).whole()
        return {
            "camera": camera,
            "frame": frame,
            "track": None if track is None else str(track),
            "object": linked if isinstance(linked, str) and linked else None,
            "category": category,
            "kind": kind,
            "shape": shape,
            "code": 1 if occluded is True or occluded == 1 else 0,
            "attributes": attributes,
            "source": source,
        }

    def _tracks(self, times_ns: Mapping[str, Any], index: Mapping[int, int]) -> list[ImageTrack]:
        groups, names, tracks = self._rows(), FreeNames(), []
        for (camera, told, category, kind, *_), rows in groups.items():
            rows.sort(key=lambda row: row["frame"])
            limits().check("keyframes_per_track", len(rows), self.file, f"track {told}")
            name = told if told is not None else f"label {rows[0]['source']['id']}"
            parts = (name, f"{name}@{camera}", f"{name}-{category}", f"{name}-{category}-{kind_of(kind)}")
            name = names.take(next((part for part in parts if part not in names), parts[-1]))
            frames = np.array([index[row["frame"]] for row in rows], np.int64)
            attributes = [row["attributes"] for row in rows]
            known = dict.fromkeys(key for one in attributes for key in one)
            track = dense_image_track(
                name,
                category,
                camera,
                frames,
                times_ns[camera],
                shapes_together(kind, [row["shape"] for row in rows]),
                visibility=[row["code"] for row in rows],
                attributes=[{key: one.get(key) for key in known} for one in attributes] if known else (),
                source_attributes=[row["source"] for row in rows],
                object_id=rows[0]["object"] or linked_object(name, camera),
            )
            tracks.append(track.replace(source_attributes={"coco": "single"}) if told is None else track)
        return tracks

    # -------------------------------------------------------- the scene

    def scene(self, name: str) -> Scene:
        frames = sorted({frame for own in self.images.values() for frame in own})
        index = {frame: i for i, frame in enumerate(frames)}
        stamps = {camera: self._stamps(own, frames) for camera, own in self.images.items()}
        has_time = bool(frames) and all(one is not None for one in stamps.values())
        times = {camera: one if has_time and one is not None else np.arange(len(frames)) for camera, one in stamps.items()}
        first = next(iter(times.values()), np.arange(len(frames)))
        cameras, sizes = {}, {}
        for camera in self.images or {"camera": {}}:
            found = list(dict.fromkeys(self.sizes[row["id"]] for row in self.images.get(camera, {}).values()))
            width, height = (max(size[axis] for size in found) if found else 1 for axis in (0, 1))
            limits().check("image_px", width * height, self.file, f"camera {camera}")
            own = None if np.array_equal(times.get(camera, first), first) else times[camera]
            cameras[camera] = CameraSensor(camera, UncalibratedCamera(width, height), times_ns=own)
            if len(found) == 1:
                sizes[camera] = found[0]
            elif found:
                self.notes.append(f"the pictures are of {len(found)} sizes: the camera's is {width} x {height} px, which holds all of them")
        tracks = self._tracks(times, index)
        if not has_time:
            self.notes.append("the file has no times: frames are counted")
        top = {key: value for key, value in self.top.mapping().items() if key not in ("images", "annotations") and not isinstance(value, Node)}
        return Scene(
            name=name,
            times_ns=first,
            cameras=cameras,
            image_tracks=tracks,
            data=SensorFiles(images=self._pictures(frames), sizes_px=sizes),
            has_time=has_time,
            label_frame=next(iter(cameras)),
            frame_ids=self._frame_names(frames),
            format="coco",
            path=os.fspath(self.file),
            source_attributes={"coco": {**top, "images": {camera: [own.get(frame) for frame in frames] for camera, own in self.images.items()}}},
            notes=self.notes,
        )

    def _stamps(self, own: Mapping[int, Row], frames: list[int]) -> Any:
        """When a camera exposed each frame, where every picture says so; frames without a picture lie between."""
        nodes = {frame: Node(row, str(self.file), f"image {row['id']}") for frame, row in own.items()}
        if not all(node.has("timestamp_ns") for node in nodes.values()):
            return None
        known = np.array(sorted(nodes), np.int64)
        stamps = np.array([nodes[frame]["timestamp_ns"].whole() for frame in known.tolist()], np.int64)
        if (len(stamps) > 1 and (stamps[1:] <= stamps[:-1]).any()) or len(known) < len(frames):
            self.notes.append("stamps that do not increase, or are not those of every frame: frames are counted")
            return None
        return stamps

    def _frame_names(self, frames: list[int]) -> tuple[str, ...]:
        own = next(iter(self.images.values()), {})
        names = [Path(str(own[frame].get("file_name", ""))).stem if frame in own else "" for frame in frames]
        are_names = all(map(is_safe_name, names)) and len(set(names)) == len(names)
        return tuple(names) if are_names else tuple(map(str, frames))

    def _pictures(self, frames: list[int]) -> dict[str, list[Path | None]]:
        """Beside the file, in a folder `images` there or one further up; files of no such name are not there."""
        own = self.file.absolute().parent
        found: dict[str, list[Path | None]] = {}
        for camera, rows in self.images.items():
            names = [str(rows[frame].get("file_name", "")) if frame in rows else "" for frame in frames]
            safe = [name if _is_safe(name) else "" for name in names]
            first = next(filter(None, safe), "")
            bases = [base for base in (own, own / "images", own.parent, own.parent / "images") if first and (base / first).is_file()]
            found[camera] = [bases[0] / name if bases and name else None for name in safe]
        return found


def _is_safe(name: str) -> bool:
    return _SAFE_NAME.fullmatch(name) is not None and len(name.encode("utf-8", "surrogatepass")) <= _LONGEST_NAME
