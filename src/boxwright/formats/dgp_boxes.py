"""Boxes in the pictures of a DGP scene: bounding_box_2d/CAMERA_01/*.json.

Each holds whole pixels x, y, w, h, of the part a picture shows; the same instance_id stands with the same object's cuboid.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import number_of
from ..image_tracks import ImageTrack
from ..limits import limits
from ..problems import Problems
from ..shapes2d import Boxes
from ..tracks import Track
from . import strict_json
from .dense_tracks import dense_image_track
from .dgp_sensors import Samples, datum_path
from .strict_json import Node

__all__ = ["BOXES", "image_tracks"]

BOXES = "0"  # BOUNDING_BOX_2D among the kinds of annotation
_OWN = {"class_id", "instance_id", "attributes", "box", "area"}
_FARTHEST_PX = 1e6

_Row = tuple[int, list[int], Mapping[str, Any], Mapping[str, Any]]  # time, box, attributes, source attributes


def image_tracks(
    samples: Samples, cameras: list[str], folder: Path, ontology: Mapping[int, str], tracks: list[Track], problems: Problems, notes: list[str]
) -> list[ImageTrack]:
    """One track for each object, class and camera, "<instance>/<camera>"; its object_id is its cuboids' track where they are there."""
    found: list[ImageTrack] = []
    known = {(track.track_id, track.category): track.track_id for track in tracks}
    n_absent = 0
    for camera in cameras:
        exposures = samples.exposures(camera)
        times = samples.times_ns if exposures is None else exposures
        rows: dict[tuple[str, str], list[_Row]] = {}
        labelled: list[int] = []
        for i, data in enumerate(samples.data):
            annotations = data[camera][1].get("annotations", {}) if camera in data else None
            if annotations is None or not annotations.has(BOXES):
                continue
            file = datum_path(folder, annotations[BOXES])
            if not file.is_file():
                n_absent += 1
                continue
            with strict_json.file_aside(file, problems):
                nodes = [*strict_json.load(file).get("annotations", [])]
                labelled.append(int(times[i]))
                for node in nodes:
                    with problems.aside(node.value):
                        _add(rows, int(times[i]), node, ontology)
        limits().check("tracks_per_scene", len(rows), folder)
        moments = np.unique(np.array(labelled, np.int64))
        for (instance, category), own in rows.items():
            limits().check("keyframes_per_track", len(own), folder, f"track {instance}")
            found.append(_track(instance, category, camera, own, moments, known.get((instance, category)), {track.track_id for track in found}))
    if n_absent:
        notes.append(f"named, and not there: {number_of(n_absent, 'file')} of bounding_box_2d")
    return found


def _add(rows: dict[tuple[str, str], list[_Row]], time_ns: int, node: Node, ontology: Mapping[int, str]) -> None:
    """Fields that are 0 may be absent."""
    class_id, box = node.get("class_id", 0), node["box"]
    if class_id.whole() not in ontology:
        raise class_id.wrong("a class that the ontology names", str(class_id.value), "get the ontology that belongs to the scene")
    x, y, w, h = (box.get(name, 0).number() for name in ("x", "y", "w", "h"))
    if not (w > 0 and h > 0 and max(abs(x), abs(y), w, h) < _FARTHEST_PX):
        raise box.wrong("a place in pixels, and a positive width and height", f"{x:g} {y:g} {w:g} {h:g}", "correct the label")
    key = (str(node.get("instance_id", 0).whole()), ontology[class_id.whole()])
    if any(row[0] == time_ns for row in rows.get(key, ())):
        raise node.wrong("each object once in a picture", f"{key[1]} {key[0]!r} again", "give each object an id of its own")
    source = {**{name: value for name, value in node.value.items() if name not in _OWN}, "class_id": class_id.whole()}
    rows.setdefault(key, []).append((time_ns, [x, y, x + w, y + h], node.get("attributes", {}).mapping(), source))  # type: ignore[list-item]


def _track(instance: str, category: str, camera: str, rows: list[_Row], moments: Int64s, object_id: str | None, taken: set[str]) -> ImageTrack:
    """moments : (F,) of all labelled pictures"""
    rows = sorted(rows, key=lambda row: row[0])
    names = list(dict.fromkeys(name for row in rows for name in row[2]))
    track_id = f"{instance}/{camera}"
    return dense_image_track(
        track_id if track_id not in taken else f"{track_id}-{category}",
        category,
        camera,
        np.searchsorted(moments, [row[0] for row in rows]),
        moments,
        Boxes([row[1] for row in rows]),
        attributes=[{name: row[2].get(name) for name in names} for row in rows] if names else (),
        source_attributes=[row[3] for row in rows],
        object_id=object_id,
    )
