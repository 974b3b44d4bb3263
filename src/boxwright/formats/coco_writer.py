"""The writer of COCO; the layout is drawn in coco.py."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..errors import number_of
from ..image_tracks import ImageTrack
from ..keyframes import Visibility
from ..limits import limits
from ..scene import Scene
from ..shapes2d import Boxes, Keypoints, Masks, Polygons, RotatedBoxes, Shapes
from .camera_labels import EDGE_PX, CameraLabels, camera_labels, say_what_pictures_lose
from .coco import CAPABILITIES
from .coco_shapes import NEAR_PX, ROTATED, overlap
from .file_names import file_name
from .json_text import as_json
from .object_links import with_link
from .own_fields import with_own_fields
from .write_report import Told, WriteReport

__all__ = ["write"]

_CODES = {Visibility.OUTSIDE: 0, Visibility.OCCLUDED: 1, Visibility.VISIBLE: 2}
_SAME_PX = 1e-6  # keypoints nearer to where the file had them were not moved
_NEAR_AREA = 0.2  # how far an area may be off the shape's own, as a share: some count pixels, some go by the box
Row = dict[str, Any]


def write(scene: Scene, folder: Path, report: WriteReport, *, camera: str | None = None) -> None:
    """Writes one JSON file, called as the scene, into `folder`, which exists and is empty: a label for every frame in which a track is.

    Each camera is a video; tracks of cuboids are boxes around what it sees of them.

    camera : whose labels alone
    """
    scene = with_own_fields(scene, report, "coco")
    cameras = camera_labels(scene, report, camera)
    writer = _Writer(scene, cameras, report)
    with (folder / f"{file_name(scene.name)}.json").open("w", encoding="utf-8", newline="\n") as file:
        writer.put(file)
    report.n_labels = writer.n_labels
    report.tolerance_px = 1e-9
    writer.say_what_is_lost()
    say_what_pictures_lose(scene, cameras, report, CAPABILITIES)


@dataclass
class _Writer:
    scene: Scene
    cameras: Sequence[CameraLabels]
    report: WriteReport
    n_labels: int = 0
    n_empty: int = 0
    boxed: set[str] = field(default_factory=set)
    n_holes: int = 0
    n_cut: int = 0
    n_renamed: int = 0
    n_stale: int = 0

    def __post_init__(self) -> None:
        kept = self.scene.source_attributes.get("coco", {})
        self.kept: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
        labelled = [track for one in self.cameras for track in one.labelled]
        self.categories = {(str(one.get("name")), tuple(one.get("keypoints") or ())): dict(one) for one in self._kept_list("categories")}
        self.free_categories = _free_numbers({one["id"] for one in self.categories.values()})
        self.numbers = {one.track_id: int(one.track_id) for one in labelled if re.fullmatch("0|[1-9][0-9]{0,8}", one.track_id)}
        self.free_numbers = _free_numbers(set(self.numbers.values()))
        self.images = self._images()
        self.taken = {one for track in labelled for row in track.keyframe_source_attributes if (one := _whole(row.get("id"))) is not None}
        self.used: set[int] = set()
        self.next_id = max(self.taken, default=0) + 1

    def put(self, file: TextIO) -> None:
        """Piece by piece: a scene may have a million labels."""
        info = self.kept.get("info") or {"description": self.scene.name}
        top = {"info": info, "licenses": self.kept.get("licenses") or [], "videos": self._videos()}
        own = {"info", "licenses", "videos", "categories", "images", "annotations"}
        file.write("{\n")
        for key, value in top.items():
            if key != "videos" or value:
                file.write(f"{as_json(key)}: {as_json(value)},\n")
        _put_list(file, "images", (image for own in self.images for image in own), ",\n")
        _put_list(file, "annotations", self._annotations(), ",\n")
        for key in sorted(self.kept.keys() - own):  # behind the lists by which the file is known
            file.write(f"{as_json(key)}: {as_json(self.kept[key])},\n")
        _put_list(file, "categories", self.categories.values(), "\n}\n")  # those that the labels turned out to need

    # -------------------------------------------------------- what labels point to

    @property
    def _is_single(self) -> bool:
        """Whether the pictures come from a file without videos."""
        return bool(self.kept.get("images")) and not self.kept.get("videos") and len(self.cameras) == 1

    def _videos(self) -> list[Mapping[str, Any]]:
        if self._is_single:
            return []
        known = {(one.get("scene", one.get("name")), one.get("camera", "camera")): one for one in self._kept_list("videos")}
        taken = {row.get("id") for row in known.values()}
        free = _free_numbers(taken)
        videos: list[Mapping[str, Any]] = []
        for one in self.cameras:
            same = known.get((self.scene.name, one.name))
            name = f"{self.scene.name}/{one.name}"
            videos.append(same or {"id": next(free), "name": name, "scene": self.scene.name, "camera": one.name, "n_frames": len(self.scene)})
        return videos

    def _kept_list(self, name: str) -> list[Mapping[str, Any]]:
        value = self.kept.get(name)
        return [one for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []

    def _images(self) -> list[list[Row]]:
        """Of each camera, by frame; those of the file that they came from with what the scene now says of them."""
        given = self.kept.get("images")
        kept: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        videos = [one["id"] for one in self._videos()] or [None] * len(self.cameras)
        n = len(self.scene)
        rows = [kept.get(one.name, ()) for one in self.cameras]
        old: list[list[Mapping[str, Any]]] = [[row if isinstance(row, Mapping) else {} for row in own] if len(own) == n else [{}] * n for own in rows]
        frames = _frame_numbers(old)
        taken = {_whole(row.get("id")) for rows in kept.values() for row in rows if isinstance(row, Mapping)}
        free = _free_numbers(taken)
        return [
            [self._image(one, i, row or self._new_image(one, i, next(free)), video, frames[i]) for i, row in enumerate(own)]
            for one, video, own in zip(self.cameras, videos, old)
        ]

    def _image(self, one: CameraLabels, i: int, row: Mapping[str, Any], video: int | None, frame: int) -> Row:
        said: Row = (
            {} if video is None else {"video_id": video, "frame_index" if "frame_index" in row and "frame_id" not in row else "frame_id": frame}
        )
        said |= {"timestamp_ns": int(one.stamps_ns[i])} if self.scene.has_time else {}
        return {key: value for key, value in row.items() if key != "timestamp_ns"} | said

    def _new_image(self, one: CameraLabels, i: int, number: int) -> Row:
        width, height = one.sensor.camera.size_px
        name = file_name(self.scene.frame_ids[i])
        self.n_renamed += name != self.scene.frame_ids[i]
        return {"id": number, "width": width, "height": height, "file_name": f"{file_name(one.name)}/{name}.jpg"}

    def _category(self, track: ImageTrack) -> Row:
        """By name and names of keypoints: one that the file had, or a new one."""
        key = self._category_key(track)
        if key not in self.categories:
            edges = track.shapes.skeleton.edges if isinstance(track.shapes, Keypoints) and track.shapes.skeleton is not None else ()
            points = {"keypoints": list(key[1]), "skeleton": [[a + 1, b + 1] for a, b in edges]} if key[1] else {}
            self.categories[key] = {"id": next(self.free_categories), "name": track.category, **points}
        return self.categories[key]

    def _category_key(self, track: ImageTrack) -> tuple[str, tuple[str, ...]]:
        shapes = track.shapes
        names = shapes.skeleton.points if isinstance(shapes, Keypoints) and shapes.skeleton is not None else ()
        if not names and isinstance(shapes, Keypoints):
            names = tuple(str(p) for p in range(shapes.n_points))
        known = {tuple(one.get("keypoints") or ()) for one in self._kept_list("categories") if one.get("name") == track.category}
        return track.category, names if isinstance(shapes, Keypoints) else next(iter(known), ())

    # -------------------------------------------------------- labels

    def _annotations(self) -> Iterator[Row]:
        for one, images in zip(self.cameras, self.images):
            for track in one.tracks():
                yield from self._of_track(one, images, with_link(track))

    def _of_track(self, one: CameraLabels, images: Sequence[Row], track: ImageTrack) -> Iterator[Row]:
        filled = track.at(one.stamps_ns)
        frames = np.flatnonzero(filled.is_valid)
        shapes = filled.shapes[frames]
        index, held = filled.keyframe_index[frames], track.at(track.times_ns).attributes
        is_keyframe = track.times_ns[index] == one.stamps_ns[frames]
        category = self._category(track)["id"]
        is_track = track.source_attributes.get("coco") != "single" or len(track) > 1
        told = self._shapes(shapes, [self._size_px(images[frame], track) for frame in frames.tolist()])
        for frame, k, is_own, said in zip(frames.tolist(), index.tolist(), is_keyframe.tolist(), told):
            if said is None:
                self.n_empty += 1
                continue
            source = track.keyframe_source_attributes[k] if is_own and track.keyframe_source_attributes else {}
            extra = said.pop("attributes", {})
            attributes = {**held[k], **extra}
            is_occluded = bool(track.visibility[k] == Visibility.OCCLUDED)
            if is_track:
                attributes = {name: value for name, value in attributes.items() if value is not None}
                attributes |= {"track_id": track.track_id, "occluded": is_occluded}
            elif is_occluded:
                attributes["occluded"] = True
            self.n_labels += 1
            row = _with_kept(said, source)
            self.n_stale += bool(source.get("segmentation")) and "keypoints" in row and not row["segmentation"]
            yield {
                "id": self._id(source),
                "image_id": images[frame]["id"],
                "category_id": category,
                **({"track_id": self._number(track.track_id)} if is_track else {}),  # a label that came without a track has none
                **row,
                "attributes": attributes,
            }

    def _number(self, track_id: str) -> int:
        """The id itself where it is a whole number; else the next free one."""
        if track_id not in self.numbers:
            self.numbers[track_id] = next(self.free_numbers)
        return self.numbers[track_id]

    def _id(self, source: Mapping[str, Any]) -> int:
        """The label's own, where it came with one; each once."""
        number = _whole(source.get("id"))
        if number is None or number < 0 or number in self.used:
            self.next_id += 1
            return self.next_id - 1
        self.used.add(number)
        return number

    def _size_px(self, image: Row, track: ImageTrack) -> tuple[int, int]:
        """Of one picture: what the file that it came from said, which may be less than the camera's own."""
        width, height = _whole(image.get("width")) or 0, _whole(image.get("height")) or 0
        is_told = min(width, height) > 0 and width * height <= limits().image_px
        return (width, height) if is_told else self.scene.camera(track.camera).camera.size_px

    def _shapes(self, shapes: Shapes, sizes_px: Sequence[tuple[int, int]]) -> Iterator[Row | None]:
        """bbox, area and segmentation or keypoints of each; None where there is nothing to be seen. sizes_px : of the picture of each"""
        if isinstance(shapes, Polygons) and np.diff(shapes.ring_offsets).min(initial=3) < 3:
            self.boxed.add("polygon of less than three points")
            shapes = Boxes(shapes.bounds_xyxy())
        if isinstance(shapes, Polygons) and any(overlap(shapes.rings(k)) for k in range(len(shapes))):
            self.n_holes += 1
            shapes = Masks.from_polygons(shapes, *np.max(sizes_px, axis=0).tolist())
        elif isinstance(shapes, Masks):
            self.n_cut += sum((shapes.width_px, shapes.height_px) != size for size in sizes_px)
        bounds = shapes.bounds_xyxy()
        boxes = np.c_[bounds[:, :2] + EDGE_PX, bounds[:, 2:] - bounds[:, :2]].tolist()
        if isinstance(shapes, Boxes):
            yield from ({"bbox": _short(box), "area": _short_number(box[2] * box[3]), "iscrowd": 0, "segmentation": []} for box in boxes)
            return
        for k, (box, size) in enumerate(zip(boxes, sizes_px)):
            if not all(map(math.isfinite, box)):
                yield None
                continue
            yield {"bbox": _short(box), "area": _short_number(box[2] * box[3]), "iscrowd": 0, "segmentation": []} | self._one(shapes, k, size)

    def _one(self, shapes: Shapes, k: int, size_px: tuple[int, int]) -> Row:
        if isinstance(shapes, Masks):
            return _mask(shapes[k], size_px)
        if isinstance(shapes, RotatedBoxes):
            corners = (shapes.corners_uv()[k] + EDGE_PX).ravel().tolist()
            told = [*(shapes.center_uv[k] + EDGE_PX).tolist(), *shapes.size_px[k].tolist(), math.degrees(float(shapes.rotation_rad[k]))]
            return {"area": _short_number(float(shapes.area_px2[k])), "segmentation": [_short(corners)], "attributes": {ROTATED: told}}
        if isinstance(shapes, Polygons):
            rings = [_short((ring + EDGE_PX).ravel().tolist()) for ring in shapes.rings(k)]
            return {"area": _short_number(float(shapes.area_px2[k])), "segmentation": rings}
        if isinstance(shapes, Keypoints):
            rows = [[*uv, _CODES[Visibility(code)]] for uv, code in zip(np.nan_to_num(shapes.uv[k]).tolist(), shapes.visibility[k].tolist())]
            flat = [value for row in rows for value in (row if row[2] else [0, 0, 0])]
            return {"keypoints": _short(flat), "num_keypoints": sum(row[2] > 0 for row in rows)}
        self.boxed.add(shapes.KIND)
        return {}

    def say_what_is_lost(self) -> None:
        if self.boxed:
            self.report.rounded.append(Told("shapes", f"shapes that COCO lacks, {', '.join(sorted(self.boxed))}: the boxes around them", self.boxed))
        if self.n_holes:
            said = f"{number_of(self.n_holes, 'track')} of polygons with holes: the pixels inside, as COCO knows no holes"
            self.report.rounded.append(Told("shapes", said, ["polygon"]))
        if self.n_cut:
            said = f"{number_of(self.n_cut, 'mask')} of another size than the picture: it is the picture's, from its first pixel on"
            self.report.rounded.append(Told("shapes", said, ["mask"]))
        if self.n_stale:
            self.report.dropped.append(
                Told("shapes", f"the outlines of {number_of(self.n_stale, 'object')} whose keypoints have left the box around them")
            )
        if self.n_empty:
            said = f"{number_of(self.n_empty, 'label')} of which nothing is in the picture, such as masks without a pixel"
            self.report.dropped.append(Told("shapes", said, n=self.n_empty))
        if self.scene.has_time and (self.cameras[0].stamps_ns != self.scene.times_ns).any():
            self.report.tolerance_ns = int(np.abs(self.cameras[0].stamps_ns - self.scene.times_ns).max())
            self.report.rounded.append(Told("times", f"times: frames have the stamps at which {self.cameras[0].name} exposed them", n=0))
        if self.n_renamed:
            self.report.rounded.append(Told("frame_names", f"{number_of(self.n_renamed, 'name')} of frames that no file can have", n=self.n_renamed))


def _mask(mask: Masks, size_px: tuple[int, int]) -> Row:
    """With the box around the pixels, all of them in the picture."""
    width, height = size_px
    if (mask.width_px, mask.height_px) != size_px:
        mask = _of_size(mask, width, height)
    left, top, right, bottom = mask.bounds_xyxy()[0].tolist()
    if not math.isfinite(left):
        return {}
    box = [left + EDGE_PX, top + EDGE_PX, right - left, bottom - top]
    return {"bbox": _short(box), "area": int(mask.area_px[0]), "segmentation": {"size": [height, width], "counts": mask.to_coco()[0]}}


def _of_size(mask: Masks, width_px: int, height_px: int) -> Masks:
    pixels = np.zeros((1, height_px, width_px), bool)
    given = mask.to_arrays()[:, :height_px, :width_px]
    pixels[:, : given.shape[1], : given.shape[2]] = given
    return Masks.from_arrays(pixels)


def _with_kept(said: Row, source: Mapping[str, Any]) -> Row:
    """With what the file that the label came from said, as far as it still holds."""
    others = {
        key: value for key, value in source.items() if key not in ("bbox", "area", "id", "segmentation") and (key not in said or key == "iscrowd")
    }
    box, area, holds = source.get("bbox"), source.get("area"), "bbox" not in source
    if isinstance(box, (list, tuple)) and len(box) == 4 and (_is_near(box, said["bbox"], NEAR_PX) or _is_around_points(box, said, source)):
        others["bbox"], holds = list(box), True
    is_of_points = "keypoints" in said and holds  # what is beside them is of the whole object, and fits no longer once they have left its box
    if is_of_points and source.get("segmentation"):
        others["segmentation"] = source["segmentation"]
    if (isinstance(area, (int, float)) and abs(area - said["area"]) <= max(_NEAR_AREA * said["area"], 1.0)) or (is_of_points and area is not None):
        others["area"] = area
    return said | others


def _is_around_points(box: Sequence[Any], said: Row, source: Mapping[str, Any]) -> bool:
    """Whether a box of the whole object, which the reader told from that of its keypoints, still holds: they are where they were, or inside."""
    points, told = said.get("keypoints", ()), source.get("keypoints")
    if not isinstance(told, (list, tuple)) or len(told) != len(points) or not all(map(_is_number, box)):
        return False
    if _is_near(told, points, _SAME_PX):
        return True
    left, top, width, height = box
    seen = [(u - left, v - top) for u, v, code in zip(points[::3], points[1::3], points[2::3]) if code]
    return all(0 <= u <= width and 0 <= v <= height for u, v in seen)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf


def _is_near(a: Sequence[Any], b: Sequence[float], most: float) -> bool:
    return all(_is_number(one) and abs(one - other) <= most for one, other in zip(a, b))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _frame_numbers(rows: Sequence[Sequence[Mapping[str, Any]]]) -> Sequence[int]:
    """(F,) what the file that the pictures came from called the frames, where it still orders them; else counted. rows : of each camera, by frame"""
    told = [{_whole(row.get("frame_id", row.get("frame_index"))) for row in frame if row} for frame in zip(*rows)]
    numbers = [number for one in told for number in one if number is not None and number >= 0]
    is_whole = all(len(one) == 1 for one in told) and len(numbers) == len(told)
    return numbers if is_whole and all(a < b for a, b in itertools.pairwise(numbers)) else range(len(told))


def _short_number(value: float) -> float | int:
    rounded = round(value, 9)
    return int(rounded) if rounded == int(rounded) else rounded


def _short(values: Sequence[float]) -> list[float | int]:
    """To 1e-9 px, without a point where they are whole."""
    return [_short_number(value) for value in values]


def _free_numbers(taken: set[Any]) -> Iterator[int]:
    return (number for number in range(1, 1 << 62) if number not in taken)


def _put_list(file: TextIO, name: str, rows: Iterable[Mapping[str, Any]], end: str) -> None:
    file.write(f'"{name}": [')
    for k, row in enumerate(rows):
        file.write(("\n " if k == 0 else ",\n ") + as_json(row))
    file.write(f"\n]{end}")
