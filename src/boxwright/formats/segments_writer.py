"""The writer of Segments.ai's cuboid labels of point cloud sequences; the layout is drawn in segments.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import number_of
from ..frames import Pose
from ..scene import Scene
from .clouds_of_frames import escaped, frame_stems, say_what_is_lost, write_clouds
from .labelled_frames import LabelledFrame, labelled_frames, sensor_frame
from .own_fields import with_own_fields
from .pictures_of_frames import Picture, Pictures, say_what_lenses_are_lost
from .reach import check_reach
from .segments import CAPABILITIES, FIELDS, KIND, LINK, NAME, SYNCED
from .segments_cameras import images_in_segments, lenses_left_out
from .streamed_json import StreamedJson
from .write_report import Told, WriteReport

__all__ = ["write"]

_NUMBER = re.compile("0|[1-9][0-9]{0,8}")
_VERSION = "0.2"


def write(scene: Scene, folder: Path, report: WriteReport, *, pcd_encoding: str = "binary") -> None:
    """Writes label, sample, categories, clouds and pictures into `folder`, which exists and is empty.

    pcd_encoding : "binary", "binary_compressed" or "ascii"
    """
    check_reach(scene)
    scene = with_own_fields(scene, report, "segments")
    report.tolerance_m, report.tolerance_rad = CAPABILITIES.exact.m, CAPABILITIES.exact.rad
    kept = scene.source_attributes.get("segments")
    label = _Label(scene, kept if isinstance(kept, Mapping) else {})
    stems = frame_stems(scene, report)
    clouds = write_clouds(scene, folder / "pointclouds", stems, pcd_encoding, report)
    pictures = Pictures(scene, folder)
    field = f"scene {scene.name!r}"
    with StreamedJson(folder / "sample.json", field) as file:
        file.list("frames", (label.sample(i, stem, i in clouds, pictures.of(i, stem)) for i, stem in enumerate(stems)))
    pictures.say(report)
    say_what_lenses_are_lost(scene, label.uncalibrated, report)
    with StreamedJson(folder / "label.json", field) as file:
        for name, value in label.top().items():
            file.member(name, value)
        file.list("links", label.links(report))
        file.list("frames", map(label.frame, labelled_frames(scene, label.reference, report)))
    with StreamedJson(folder / "categories.json", field) as file:
        for name, value in label.categories().items():
            file.member(name, value)
    if scene.trajectory is None:
        report.notes.append(f"no poses are known: every frame is told in {label.reference}, and the motion of the vehicle is in the tracks")
    say_what_is_lost(scene, CAPABILITIES, report)


class _Label:
    def __init__(self, scene: Scene, kept: Mapping[str, Any]) -> None:
        self.scene, self.kept = scene, kept
        self.uncalibrated = lenses_left_out(scene)
        self.reference = "world" if scene.trajectory is not None else sensor_frame(scene)
        ids = [track.track_id for track in scene.tracks]
        given = {int(one) for one in ids if _NUMBER.fullmatch(one)}
        free = (i for i in range(1, 10**9) if i not in given)
        self.numbers = [int(one) if _NUMBER.fullmatch(one) else next(free) for one in ids]
        self.listed = self._listed()
        self.category_ids = {one["name"]: one["id"] for one in self.listed}

    def _listed(self) -> list[dict[str, Any]]:
        """The categories a file had, and behind them those it had not."""
        given = self.kept.get("categories")
        old = given.get("categories") if isinstance(given, Mapping) else None
        good = [dict(one) for one in old if _is_category(one)] if isinstance(old, (list, tuple)) else []
        listed = list({one["id"]: one for one in {one["name"]: one for one in good}.values()}.values())
        names, taken = {one["name"] for one in listed}, {one["id"] for one in listed}
        free = (i for i in range(1, 10**9) if i not in taken)
        return [*listed, *[{"id": next(free), "name": name} for name in self.scene.categories if name not in names]]

    def categories(self) -> dict[str, Any]:
        given = self.kept.get("categories")
        others = {key: value for key, value in given.items() if key != "categories"} if isinstance(given, Mapping) else {}
        return {"format_version": "0.1", **others, "categories": self.listed}

    def top(self) -> dict[str, Any]:
        given = self.kept.get("label")
        others = {key: value for key, value in given.items() if key not in ("frames", "links")} if isinstance(given, Mapping) else {}
        return {"format_version": _VERSION, **others}

    def sample(self, i: int, stem: str, has_cloud: bool, pictures: list[Picture]) -> dict[str, Any]:
        scene = self.scene
        frame: dict[str, Any] = {"name": stem, "pcd": {"url": f"pointclouds/{stem}.pcd" if has_cloud else "", "type": "pcd"}}
        if scene.has_time:
            frame["timestamp"] = int(scene.times_ns[i])
        if scene.trajectory is not None:
            mount = next(iter(scene.lidars.values())).ego_from_lidar if scene.lidars else Pose.identity()
            pose = scene.trajectory.at(int(scene.times_ns[i]), outside="hold") @ mount
            heading = dict(zip(("qw", "qx", "qy", "qz"), pose.quat_wxyz.tolist()))
            frame["ego_pose"] = {"position": dict(zip("xyz", pose.translation_m.tolist())), "heading": heading}
        extras = self.kept.get("sample")
        mine = extras[i] if isinstance(extras, (list, tuple)) and len(extras) == len(scene) else None
        images = images_in_segments(scene, i, pictures, sensor_frame(scene), self.kept.get("cameras"), self.uncalibrated)
        return {"images": images, **(mine if isinstance(mine, Mapping) else {}), **frame}

    def links(self, report: WriteReport) -> list[dict[str, Any]]:
        place = {track.track_id: k for k, track in enumerate(self.scene.tracks)}
        given = self.kept.get("label")
        listed = given.get("links") if isinstance(given, Mapping) else None
        as_it_came = {_ends(one): one for one in listed if isinstance(one, Mapping)} if isinstance(listed, (list, tuple)) else {}
        found, n_lost, n_timed = [], 0, 0
        for one in self.scene.relations:
            if one.subject not in place or one.object not in place:
                n_lost += 1
                continue
            n_timed += one.span_ns is not None
            ends = {"from_id": self.numbers[place[one.subject]], "to_id": self.numbers[place[one.object]]}
            link = dict(as_it_came.get(_ends(ends), {}))
            said = link.get("attributes")
            said = dict(said) if isinstance(said, Mapping) else {}
            if one.kind != LINK or KIND in said:
                said[KIND] = one.kind
            found.append({**link, **ends, **({"attributes": said} if said else {})})
        if n_lost:
            report.dropped.append(Told("relations", f"{number_of(n_lost, 'relation')} with a track in pictures", n=n_lost))
        if n_timed:
            report.dropped.append(Told("relations", f"the times in which {number_of(n_timed, 'relation')} hold{'s' * (n_timed == 1)}", n=n_timed))
        return found

    def frame(self, frame: LabelledFrame) -> dict[str, Any]:
        stamp = {"timestamp": int(self.scene.times_ns[frame.index])} if self.scene.has_time else {}
        parts = annotation_from_cuboids(frame.cuboids)
        annotations = []
        for n, (k, attributes, source, part) in enumerate(zip(frame.tracks, frame.attributes, frame.sources, parts), 1):
            track = self.scene.tracks[k]
            said = {escaped(name, (NAME,)): value for name, value in attributes.items()}
            if not _NUMBER.fullmatch(track.track_id):
                said[NAME] = track.track_id
            one = {"id": n, "track_id": self.numbers[k], "category_id": self.category_ids[track.category], "type": "cuboid", **part}
            kept = {key: value for key, value in source.items() if key not in FIELDS and (key != "type" or value == SYNCED)}
            annotations.append({**one, "is_keyframe": True, "attributes": said, **kept})
        return {**stamp, "annotations": annotations}


def annotation_from_cuboids(cuboids: Cuboids) -> Iterator[dict[str, Any]]:
    """position, dimensions (length, width, height) and yaw of each, and its quaternion where it is not upright."""
    upright = (cuboids.quat_wxyz[:, 1] == 0) & (cuboids.quat_wxyz[:, 2] == 0)
    numbers: list[Float64s] = [cuboids.center_m, cuboids.size_m, cuboids.quat_wxyz]
    yaws = np.asarray(cuboids.yaw_rad).tolist()
    for center, size, quat, yaw, is_upright in zip(*(part.tolist() for part in numbers), yaws, upright.tolist()):
        rotation = {} if is_upright else {"rotation": dict(zip(("qw", "qx", "qy", "qz"), quat))}
        yield {"position": dict(zip("xyz", center)), "dimensions": dict(zip("xyz", size)), "yaw": yaw, **rotation}


def _ends(link: Mapping[str, Any]) -> tuple[str, str]:
    return str(link.get("from_id")), str(link.get("to_id"))


def _is_category(one: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(one.get("name"), str) and isinstance(one.get("id"), int) and not isinstance(one["id"], bool)
