"""The writer of Scale AI's LiDAR annotation tasks: annotations, and the frames to make a task of; the layout is drawn in scale.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..scene import Scene
from .clouds_of_frames import frame_stems, say_what_is_lost
from .labelled_frames import LabelledFrame, labelled_frames
from .reach import check_reach
from .scale import CAPABILITIES, FIELDS
from .scale_clouds import write_clouds
from .scale_geometry import World
from .streamed_json import write_list
from .write_report import WriteReport

__all__ = ["write"]


def write(scene: Scene, folder: Path, report: WriteReport) -> None:
    """Writes `annotations.json` and `frames/` into `folder`, which exists and is empty."""
    check_reach(scene)
    report.tolerance_m, report.tolerance_rad = CAPABILITIES.exact.m, CAPABILITIES.exact.rad
    world = World(scene, report)
    write_clouds(scene, world, folder / "frames", frame_stems(scene, report), report)
    write_list(folder / "annotations.json", f"scene {scene.name!r}", _frames(scene, world, report))
    world.say_what_is_lost(report)
    say_what_is_lost(scene, CAPABILITIES, report)


def _frames(scene: Scene, world: World, report: WriteReport) -> Iterator[dict[str, Any]]:
    kept = scene.source_attributes.get("scale")
    extras = kept.get("frames") if isinstance(kept, Mapping) else None
    for one in labelled_frames(scene, world.frame, report):
        extra = extras.get(str(one.index)) if isinstance(extras, Mapping) else None
        yield {"cuboids": _cuboids(scene, world, one), **(extra if isinstance(extra, Mapping) else {})}


def _cuboids(scene: Scene, world: World, frame: LabelledFrame) -> list[dict[str, Any]]:
    pose = world.lidar_pose(frame.index)
    device = np.zeros(3) if pose is None else pose.translation_m + world.origin_m
    away = np.linalg.norm(frame.cuboids.center_m - device, axis=1).tolist() if len(frame) else []
    found = []
    for k, (position, dimensions, yaw), attributes, source, distance in zip(
        frame.tracks, world.packed(frame.cuboids), frame.attributes, frame.sources, away
    ):
        track = scene.tracks[k]
        found.append(
            {
                "uuid": track.track_id,
                "label": track.category,
                "position": position,
                "dimensions": dimensions,
                "yaw": yaw,
                "attributes": dict(attributes),
                "distance_to_device": distance,
                **{key: value for key, value in source.items() if key not in FIELDS},
            }
        )
    return found
