"""The writer of Scale AI's LiDAR annotation tasks: annotations, and the frames to make a task of; the layout is drawn in scale.py."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import number_of
from ..scene import Scene
from .clouds_of_frames import frame_stems, say_what_is_lost
from .labelled_frames import LabelledFrame, labelled_frames
from .own_fields import with_own_fields
from .pictures_of_frames import Picture, Pictures
from .reach import check_reach
from .scale import CAMERA, CAPABILITIES, FIELDS, N_TERMS
from .scale_cameras import camera_in_scale, lenses_left_out, mount_in_scale
from .scale_clouds import write_clouds
from .scale_geometry import World
from .streamed_json import write_list
from .write_report import WriteReport

__all__ = ["write"]

_NUMBERED = re.compile("camera ([0-9]{1,9})")


def write(scene: Scene, folder: Path, report: WriteReport) -> None:
    """Writes `annotations.json`, `frames/` and the pictures in `cameras/` into `folder`, which exists and is empty."""
    check_reach(scene)
    scene = with_own_fields(scene, report, "scale")
    report.tolerance_m, report.tolerance_rad = CAPABILITIES.exact.m, CAPABILITIES.exact.rad
    world = World(scene, report)
    stems = frame_stems(scene, report, in_order=True)
    pictures, numbers = Pictures(scene, folder, without=lenses_left_out(scene, N_TERMS)), _numbers(scene)
    write_clouds(scene, world, folder / "frames", stems, report, lambda i: _images(world, i, pictures.of(i, stems[i]), numbers))
    pictures.say(report)
    write_list(folder / "annotations.json", f"scene {scene.name!r}", _frames(scene, world, report))
    if world.n_tilted:
        report.notes.append(f"{number_of(world.n_tilted, 'cuboid')} with pitch and roll: make the task with pitch_and_roll_enabled")
    say_what_is_lost(scene, CAPABILITIES, report)


def _frames(scene: Scene, world: World, report: WriteReport) -> Iterator[dict[str, Any]]:
    kept = scene.source_attributes.get("scale")
    extras = kept.get("frames") if isinstance(kept, Mapping) else None
    for one in labelled_frames(scene, world.frame, report):
        extra = extras.get(str(one.index)) if isinstance(extras, Mapping) else None
        yield {"cuboids": _cuboids(scene, world, one), **(extra if isinstance(extra, Mapping) else {})}


def _images(world: World, frame_index: int, pictures: list[Picture], numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """What a frame tells of its pictures."""
    kept = world.scene.source_attributes.get("scale")
    extras = kept.get("cameras") if isinstance(kept, Mapping) else None
    found = []
    for one in pictures:
        name = one.sensor.name
        extra = extras.get(name) if isinstance(extras, Mapping) else None
        extra = dict(extra) if isinstance(extra, Mapping) else {}
        metadata = extra.pop("metadata", {})
        metadata = {**(metadata if isinstance(metadata, Mapping) else {}), **({} if _NUMBERED.fullmatch(name) else {CAMERA: name})}
        metadata |= mount_in_scale(world.scene, frame_index, name)
        when = {"timestamp": one.exposure_ns} if world.scene.has_time else {}
        found.append(
            {
                "image_url": one.address,
                "camera_index": numbers[name],
                **camera_in_scale(one.sensor, world.camera_pose(frame_index, name), N_TERMS),
                "skew": 0.0,
                "scale_factor": 1.0,
                **when,
                **({"metadata": metadata} if metadata else {}),
                **extra,
            }
        )
    return found


def _numbers(scene: Scene) -> dict[str, int]:
    """Camera -> its number; a name that was made of a number gives that back."""
    given = {name: int(found[1]) for name in scene.cameras if (found := _NUMBERED.fullmatch(name))}
    free = (i for i in itertools.count() if i not in {*given.values()})
    return {name: given[name] if name in given else next(free) for name in scene.cameras}


def _cuboids(scene: Scene, world: World, frame: LabelledFrame) -> list[dict[str, Any]]:
    pose = world.lidar_pose(frame.index)
    device = np.zeros(3) if pose is None else pose.translation_m + world.origin_m
    away = np.linalg.norm(frame.cuboids.center_m - device, axis=1).tolist() if len(frame) else []
    found = []
    for k, place, attributes, source, distance in zip(frame.tracks, world.packed_with_tilt(frame.cuboids), frame.attributes, frame.sources, away):
        track = scene.tracks[k]
        found.append(
            {
                "uuid": track.track_id,
                "label": track.category,
                **place,
                "attributes": dict(attributes),
                "distance_to_device": distance,
                **{key: value for key, value in source.items() if key not in FIELDS},
            }
        )
    return found
