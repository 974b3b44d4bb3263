"""The writer of Scale Nucleus: a LiDAR scene and its cuboid annotations; the layout is drawn in nucleus.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..scene import Scene
from .clouds_of_frames import frame_stems, say_what_is_lost
from .labelled_frames import labelled_frames
from .nucleus import CAPABILITIES, CUBOID, FIELDS, FRAME_NAME, IMAGE, N_TERMS, PARAMS
from .own_fields import with_own_fields
from .pictures_of_frames import Pictures, say_what_lenses_are_lost
from .reach import check_reach
from .scale_cameras import camera_in_scale, lenses_left_out, mount_in_scale
from .scale_clouds import TIME, write_clouds
from .scale_geometry import World
from .streamed_json import StreamedJson
from .write_report import WriteReport

__all__ = ["write"]

_CLOUD = "lidar"  # what a frame calls its cloud


def write(scene: Scene, folder: Path, report: WriteReport, *, reference_id: str | None = None) -> None:
    """Writes `scenes.json`, `annotations.json`, `pointclouds/` and `cameras/` into `folder`, which exists and is empty.

    reference_id : by which the dataset knows the scene; by default its name
    """
    check_reach(scene)
    scene = with_own_fields(scene, report, "nucleus")
    report.tolerance_m, report.tolerance_rad = CAPABILITIES.exact.m, CAPABILITIES.exact.rad
    name = (scene.name if scene.name.strip() else "scene") if reference_id is None else reference_id
    world = World(scene, report)
    stems = frame_stems(scene, report)
    write_clouds(scene, world, folder / "pointclouds", stems, report)
    kept = scene.source_attributes.get("nucleus")
    kept = kept if isinstance(kept, Mapping) else {}
    ids = _reference_ids(name, stems, kept.get("reference_ids"))
    extras = kept.get("scene")
    pictures = _Pictures(scene, world, folder, ids, kept.get("image_ids"))
    frames = ({"lidar": _item(scene, i, stem, reference), **pictures.items(i, stem)} for i, (stem, reference) in enumerate(zip(stems, ids)))
    with StreamedJson(folder / "scenes.json", f"scene {scene.name!r}") as file, file.list_of_one("scenes") as one:
        one.member("reference_id", name)
        one.list("frames", frames)
        for key, value in extras.items() if isinstance(extras, Mapping) else ():
            if key not in ("reference_id", "frames"):
                one.member(key, value)
    pictures.files.say(report)
    say_what_lenses_are_lost(scene, pictures.uncalibrated, report)
    with StreamedJson(folder / "annotations.json", f"scene {scene.name!r}") as file:
        file.member("update", False)  # what is there already stays
        file.list("annotations", _annotations(scene, world, ids, report))
    world.say_what_is_lost(report)
    say_what_is_lost(scene, CAPABILITIES, report)


def _reference_ids(name: str, stems: list[str], given: Any) -> list[str]:
    """Of the clouds: as they came, where there are as many; an id is known in the whole dataset."""
    if (
        isinstance(given, (list, tuple))
        and len(given) == len(stems) == len({*map(str, given)})
        and all(isinstance(one, str) and one for one in given)
    ):
        return list(given)
    return [f"{name}/{stem}" for stem in stems]


def _item(scene: Scene, i: int, stem: str, reference_id: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {FRAME_NAME: stem}
    if scene.has_time:
        metadata[TIME] = int(scene.times_ns[i])
    return {"reference_id": reference_id, "type": "pointcloud", "url": f"pointclouds/{stem}.json", "metadata": metadata}


class _Pictures:
    """The pictures beside the clouds. given : camera -> what its pictures are called in the dataset, as they came"""

    def __init__(self, scene: Scene, world: World, folder: Path, ids: list[str], given: Any) -> None:
        self.scene, self.world, self.ids = scene, world, ids
        self.files = Pictures(scene, folder)
        self.uncalibrated = lenses_left_out(scene, N_TERMS)
        self.given = given if isinstance(given, Mapping) else {}

    def items(self, frame_index: int, stem: str) -> dict[str, dict[str, Any]]:
        """By the names of their cameras; "lidar" is that of the cloud."""
        found = {}
        for one in self.files.of(frame_index, stem):
            name = one.sensor.name
            key = name if name != _CLOUD and name.strip() else f"camera {name}"
            metadata: dict[str, Any] = {TIME: one.exposure_ns} if self.scene.has_time else {}
            if name not in self.uncalibrated:
                metadata[PARAMS] = camera_in_scale(one.sensor, self.world.camera_pose(frame_index, name), N_TERMS)
                metadata |= mount_in_scale(self.scene, frame_index, name)
            # the client looks for the camera in the metadata, and sends it beside them
            beside = {PARAMS: metadata[PARAMS]} if PARAMS in metadata else {}
            found[key] = {"reference_id": self._id(key, frame_index), "type": IMAGE, "url": one.address, "metadata": metadata, **beside}
        return found

    def _id(self, name: str, frame_index: int) -> str:
        listed = self.given.get(name)
        as_it_came = listed[frame_index] if isinstance(listed, (list, tuple)) and len(listed) == len(self.scene) else None
        return as_it_came if isinstance(as_it_came, str) and as_it_came else f"{self.ids[frame_index]}/{name}"


def _annotations(scene: Scene, world: World, ids: list[str], report: WriteReport) -> Iterator[dict[str, Any]]:
    for frame in labelled_frames(scene, world.frame, report):
        for k, (position, dimensions, yaw), attributes, source in zip(frame.tracks, world.packed(frame.cuboids), frame.attributes, frame.sources):
            track = scene.tracks[k]
            is_alone = "track_reference_id" in source and len(track) == 1  # as it came
            yield {
                "label": track.category,
                "type": CUBOID,
                "geometry": {"position": position, "dimensions": dimensions, "yaw": yaw},
                "reference_id": ids[frame.index],
                "annotation_id": f"{ids[frame.index]}/{track.track_id}",
                **({} if is_alone else {"track_reference_id": track.track_id}),
                "metadata": dict(attributes),
                **{key: value for key, value in source.items() if key not in FIELDS},
            }
