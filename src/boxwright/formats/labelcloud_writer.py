"""The writer of labelCloud's labels; the layout is drawn in labelcloud.py."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import ArgumentError
from ..rotations import euler_xyz_from_quat, wrap_rad
from ..scene import Scene
from .clouds_of_frames import frame_stems, say_what_is_lost, write_clouds
from .labelcloud import CAPABILITIES, CLASSES, CORNERS, FIELDS, FORMATS, TRACK
from .labelled_frames import LabelledFrame, labelled_frames, sensor_frame
from .own_fields import with_own_fields
from .reach import check_reach
from .streamed_json import json_line
from .write_report import WriteReport

__all__ = ["write"]

_COLORS = ("#FF0000", "#00A0FF", "#00C000", "#FFA000", "#A000FF", "#00C0C0", "#A06020", "#FF00C0")


def write(scene: Scene, folder: Path, report: WriteReport, *, layout: str = "centroid_abs", pcd_encoding: str = "binary") -> None:
    """Writes `labels/` and `pointclouds/` into `folder`, which exists and is empty.

    layout : "centroid_abs" (degrees), "centroid_rel" (radians) or "vertices", as labelCloud calls them
    pcd_encoding : "binary", "binary_compressed" or "ascii"
    """
    check_reach(scene)
    scene = with_own_fields(scene, report, "labelcloud")
    if layout not in FORMATS:
        raise ArgumentError(expected=f"one of {', '.join(FORMATS)}", got=repr(layout), field="layout")
    report.tolerance_m, report.tolerance_rad = CAPABILITIES.exact.m, CAPABILITIES.exact.rad
    stems = frame_stems(scene, report, in_order=True)
    write_clouds(scene, folder / "pointclouds", stems, pcd_encoding, report)
    kept = scene.source_attributes.get("labelcloud")
    kept = kept if isinstance(kept, Mapping) else {}
    files = kept.get("files")
    (folder / "labels").mkdir()
    for one in labelled_frames(scene, sensor_frame(scene), report):
        stem = stems[one.index]
        said = files.get(scene.frame_ids[one.index]) if isinstance(files, Mapping) else None
        head = {"folder": "pointclouds", "filename": f"{stem}.pcd", "path": f"pointclouds/{stem}.pcd"}
        top = {**head, **(said if isinstance(said, Mapping) else {}), "objects": _objects(scene, one, layout)}
        (folder / "labels" / f"{stem}.json").write_text(json_line(top, stem) + "\n", encoding="utf-8")
    (folder / "labels" / CLASSES).write_text(json_line(_classes(scene, kept.get("classes"), layout), CLASSES) + "\n", encoding="utf-8")
    say_what_is_lost(scene, CAPABILITIES, report)


def _objects(scene: Scene, frame: LabelledFrame, layout: str) -> list[dict[str, Any]]:
    parts = vertices_from_cuboids(frame.cuboids) if layout == "vertices" else centroids_from_cuboids(frame.cuboids, layout == "centroid_abs")
    found = []
    for k, source, part in zip(frame.tracks, frame.sources, parts):
        track = scene.tracks[k]
        kept = {key: value for key, value in source.items() if key not in FIELDS}
        is_alone = scene.format == "labelcloud" and len(track) == 1 and track.track_id.startswith(f"{scene.frame_ids[frame.index]}/")  # as it came
        found.append({**kept, "name": track.category, **part, **({} if is_alone else {TRACK: track.track_id})})
    return found


def _degrees(angles_rad: Float64s) -> Float64s:
    """From 0 to 360, which is 0: the rest of a tiny angle below 0 is 360 itself."""
    turned = np.degrees(angles_rad) % 360
    return np.where(turned == 360, 0.0, turned)


def centroids_from_cuboids(cuboids: Cuboids, in_degrees: bool) -> list[dict[str, Any]]:
    """centroid, dimensions (length, width, height) and the angles of Rz @ Ry @ Rx: those of the way back, turned round."""
    back = euler_xyz_from_quat(cuboids.quat_wxyz * (1, -1, -1, -1))
    angles: Float64s = _degrees(-back) if in_degrees else np.asarray(wrap_rad(-back)) + 0.0
    names = (("centroid", "xyz"), ("dimensions", ("length", "width", "height")), ("rotations", "xyz"))
    rows = zip(cuboids.center_m.tolist(), cuboids.size_m.tolist(), angles.tolist())
    return [{name: dict(zip(keys, values)) for (name, keys), values in zip(names, row)} for row in rows]


def vertices_from_cuboids(cuboids: Cuboids) -> list[dict[str, Any]]:
    """The eight corners, round below and then above."""
    corners = cuboids.center_m[:, None] + np.einsum("mij,mkj->mki", cuboids.rotation, CORNERS[None] * cuboids.size_m[:, None])
    return [{"vertices": points} for points in corners.tolist()]


def _classes(scene: Scene, given: Any, layout: str) -> dict[str, Any]:
    """The classes a file had, and behind them those it had not."""
    given = given if isinstance(given, Mapping) else {}
    listed = given.get("classes")
    old = [dict(one) for one in listed if isinstance(one, Mapping) and isinstance(one.get("name"), str)] if isinstance(listed, (list, tuple)) else []
    names = {one["name"] for one in old}
    numbers = [one["id"] for one in old if isinstance(one.get("id"), int)]
    first = 1 + max(numbers, default=-1)
    new = [name for name in scene.categories if name not in names]
    more = [{"name": name, "id": first + i, "color": _COLORS[(first + i) % len(_COLORS)]} for i, name in enumerate(new)]
    return {"default": 0, **given, "classes": [*old, *more], "type": "object_detection", "format": layout}
