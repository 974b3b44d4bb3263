"""The writer of Label Studio's tasks of pictures, for scenes that were read from such: one task a picture, with what the file said of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import number_of
from ..image_tracks import ImageTrack
from ..scene import Scene
from ..shapes2d import Boxes, Keypoints, Polygons, RotatedBoxes, Shapes
from .camera_labels import EDGE_PX, CameraLabels, say_what_pictures_lose
from .json_text import as_json
from .label_studio import CAPABILITIES
from .object_links import with_link
from .write_report import Told, WriteReport
from .xml_text import quoted

__all__ = ["given_pictures", "write_pictures"]

_CONTROLS = {"textarea": "TextArea", "choices": "Choices", "number": "Number", "rating": "Rating"}
_KEYS = {"textarea": "text"}


def given_pictures(scene: Scene, cameras: Sequence[CameraLabels]) -> list[Mapping[str, Any]]:
    """The task of each frame as it was read; empty where the frames are not those of such a file."""
    given = scene.source_attributes.get("label_studio", {})
    tasks = given.get("pictures") if isinstance(given, Mapping) else None
    if not isinstance(tasks, (list, tuple)) or len(tasks) != len(scene) or len(cameras) != 1:
        return []
    return list(tasks) if all(isinstance(task, Mapping) and isinstance(task.get("data"), Mapping) for task in tasks) else []


def write_pictures(scene: Scene, one: CameraLabels, tasks: Sequence[Mapping[str, Any]], folder: Path, report: WriteReport) -> None:
    """tasks.json, a task for each picture, and interface.xml."""
    results: dict[int, list[dict[str, Any]]] = defaultdict(list)
    boxed: set[str] = set()
    changing: list[str] = []
    for track in one.tracks():
        filled = track.at(one.stamps_ns)
        track = with_link(track)
        changing += [track.track_id] if any(track.keyframe_attributes) else []
        for frame in np.flatnonzero(filled.is_valid).tolist():
            results[frame] += _regions(track, filled.shapes[frame : frame + 1], one.sensor.camera.size_px, boxed)
            report.n_labels += 1
    n_kept = 0
    for k, tag in enumerate(scene.tags):
        raw = tag.source_attributes.get("label_studio")
        at = np.flatnonzero(one.stamps_ns == tag.span_ns[0]) if tag.span_ns is not None else np.zeros(0, np.int64)
        if len(at) and tag.span_ns is not None and tag.span_ns[0] == tag.span_ns[1]:
            own = str(raw.get("id", tag.name)) if isinstance(raw, Mapping) else f"tag {k}"
            results[int(at[0])].append(_said(tag.name, tag.name if tag.value is True else tag.value, raw, own))
            n_kept += 1
    whole = [{"data": task["data"], "annotations": [{"result": results[k]}], **_beside(task)} for k, task in enumerate(tasks)]
    (folder / "tasks.json").write_text("[\n" + ",\n".join(map(as_json, whole)) + "\n]\n", "utf-8", newline="\n")
    (folder / "interface.xml").write_text(_interface(whole), "utf-8", newline="\n")
    report.tolerance_px = 1e-6
    if boxed:
        report.rounded.append(
            Told("shapes", f"shapes that Label Studio's pictures do not have, {', '.join(sorted(boxed))}: the boxes around them", boxed)
        )
    if changing:
        report.dropped.append(Told("attributes", f"attributes that change, of {number_of(len(changing), 'track')}", changing))
    if n_kept < len(scene.tags):
        n_lost = len(scene.tags) - n_kept
        report.dropped.append(Told("tags", f"{number_of(n_lost, 'tag')} of more than one picture, or of none", n=n_lost))
    say_what_pictures_lose(scene, [one], report, CAPABILITIES)


def _regions(track: ImageTrack, shapes: Shapes, camera_px: tuple[int, int], boxed: set[str]) -> list[dict[str, Any]]:
    """One label, and what is said of it."""
    source = track.source_attributes
    given_px = (source.get("original_width"), source.get("original_height"))
    size: tuple[Any, ...] = given_px if all(type(side) is int and side > 0 for side in given_px) else camera_px
    kind, value = _value(shapes, np.array(size, float), source.get("type"), boxed)
    extra = source.get("value") if kind == source.get("type") else None
    name = _word(source.get("from_name"), kind) if kind == source.get("type") else kind
    place = {"original_width": size[0], "original_height": size[1]}
    own = {"id": _word(source.get("id"), track.track_id), "type": kind, "from_name": name, "to_name": _word(source.get("to_name"), "image"), **place}
    others = {key: item for key, item in source.items() if key in ("origin", "score", "meta", "image_rotation")}
    said = source.get("said")
    raws = said if isinstance(said, Mapping) else {}
    region = {**others, **own, "value": {**(extra if isinstance(extra, Mapping) else {}), **value, kind: [track.category]}}
    return [region, *[_said(key, item, raws.get(key), own["id"], own["to_name"]) for key, item in track.attributes.items()]]


def _word(value: object, other: str) -> str:
    return value if isinstance(value, str) and value.strip() else other


def _value(shapes: Shapes, size_px: Any, given: object, boxed: set[str]) -> tuple[str, dict[str, Any]]:
    """Its kind, and places in percent."""
    scale = 100 / size_px
    if isinstance(shapes, Keypoints) and shapes.n_points == 1:
        x, y = ((shapes.uv[0, 0] + EDGE_PX) * scale).tolist()
        return "keypointlabels", {"x": x, "y": y}
    if isinstance(shapes, Polygons) and len(shapes.rings(0)) == 1:
        return "polygonlabels", {"points": ((shapes.rings(0)[0] + EDGE_PX) * scale).tolist()}
    if isinstance(shapes, RotatedBoxes):
        turn, half = float(shapes.rotation_rad[0]), shapes.size_px[0] / 2
        middle = shapes.center_uv[0] + EDGE_PX
        if given == "ellipselabels":
            (x, y), (wide, high) = (middle * scale).tolist(), (half * scale).tolist()
            return "ellipselabels", {"x": x, "y": y, "radiusX": wide, "radiusY": high, "rotation": np.rad2deg(turn).item()}
        corner = middle - [half[0] * np.cos(turn) - half[1] * np.sin(turn), half[0] * np.sin(turn) + half[1] * np.cos(turn)]
        (x, y), (width, height) = (corner * scale).tolist(), (2 * half * scale).tolist()
        return "rectanglelabels", {"x": x, "y": y, "width": width, "height": height, "rotation": np.rad2deg(turn).item()}
    if not isinstance(shapes, Boxes):
        boxed.add(shapes.KIND)
    bounds = shapes.bounds_xyxy()[0]
    (x, y), (width, height) = ((bounds[:2] + EDGE_PX) * scale).tolist(), ((bounds[2:] - bounds[:2]) * scale).tolist()
    return "rectanglelabels", {"x": x, "y": y, "width": width, "height": height, "rotation": 0}


def _beside(task: Mapping[str, Any]) -> dict[str, Any]:
    """What else came with it, behind that by which the file is known."""
    return {key: value for key, value in task.items() if key not in ("data", "annotations")}


def _said(name: str, value: Any, raw: object, own_id: str, to_name: str = "image") -> dict[str, Any]:
    """An attribute or a tag, in the kind that the file had it, else as a text."""
    if isinstance(raw, Mapping) and raw.get("type") in tuple(_CONTROLS) and isinstance(raw.get("value"), Mapping):
        key = _KEYS.get(raw["type"], raw["type"])
        is_list = raw["type"] in ("choices", "textarea") and not isinstance(value, (list, tuple))
        return {**raw, "from_name": name, "value": {**raw["value"], key: [value] if is_list else value}}
    text = value if isinstance(value, str) else as_json(value)
    return {"id": own_id, "from_name": name, "to_name": to_name, "type": "textarea", "value": {"text": [text]}}


def _interface(tasks: Sequence[Mapping[str, Any]]) -> str:
    """A control for each kind and name, with what was chosen of it."""
    controls: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    results = [region for task in tasks for region in task["annotations"][0]["result"]]
    for region in results:
        chosen = region["value"].get(region["type"])
        controls[region["type"], region["from_name"]].update(dict.fromkeys(map(str, chosen if isinstance(chosen, (list, tuple)) else ())))
    to_name = quoted(str(results[0].get("to_name", "image")) if results else "image")
    data = tasks[0].get("data", {})
    lines = [f"  <Image name={to_name} value={quoted('$' + ('image' if 'image' in data else next(iter(data), 'image')))}/>"]
    for (kind, name), values in controls.items():
        tag = _CONTROLS.get(kind) or kind.removesuffix("labels").replace("keypoint", "keyPoint")
        tag = tag if kind in _CONTROLS else f"{tag[0].upper()}{tag[1:]}Labels"
        item = "Choice" if kind == "choices" else "Label"
        inner = "".join(f"\n    <{item} value={quoted(value)}/>" for value in values if kind not in ("textarea", "number", "rating"))
        lines.append(f"  <{tag} name={quoted(name)} toName={to_name}>{inner}\n  </{tag}>")
    return "<View>\n" + "\n".join(lines) + "\n</View>\n"
