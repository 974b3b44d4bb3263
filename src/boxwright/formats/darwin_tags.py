"""Tags in V7's items: properties of the item are of the whole clip, annotations without a shape of a slot or of some of its frames.

    {"id", "name": "rain", "slot_names": ["front"], "ranges": [[0, 12]], "frames": {"0": {"tag": {}, "keyframe": true}}, "properties": [...]}

The property `value` of such an annotation is what the tag says; a tag that is a word alone has none. An item's property that is such a word has its
own name for a value.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import number_of
from ..scene import Scene
from ..tags import Tag
from .camera_labels import CameraLabels
from .darwin_properties import ITEM, Pair, Properties, value_from
from .strict_json import Node
from .video_tags import frames_of_tag, is_between_frames, say_times_of_tags, value_of
from .write_report import Told, WriteReport

__all__ = ["TAG", "item_properties", "tag_annotations", "tags_of_annotation", "tags_of_item"]

TAG = "tag"
_VALUE = "value"
_OWN = {"name", "slot_names", "ranges", "segments", "hidden_areas", "frames", "properties", "interpolated"}


def tags_of_item(top: Node, as_json_of: set[Pair]) -> list[Tag]:
    """Of the whole clip; a name with several values is one tag with all of them."""
    values: dict[str, list[Any]] = {}
    kept: dict[str, dict[str, Any]] = {}
    for one in top.get("properties", []):
        name, value = one["name"].word(), one.get("value", None)
        if value.value is not None:
            values.setdefault(name, []).append(value.sentence())
            kept.setdefault(name, {key: item for key, item in one.mapping().items() if key not in ("name", "value", "frame_index")})
    return [
        Tag(name, value_of(name, value_from((ITEM, name), texts, as_json_of)), source_attributes={"darwin": kept[name]} if kept[name] else {})
        for name, texts in values.items()
    ]


def tags_of_annotation(node: Node, camera: str | None, spans: Sequence[tuple[int, int] | None], as_json_of: set[Pair]) -> list[Tag]:
    """Tags with frames for times. spans : first and last frames, None for all of them"""
    name, texts, others = node["name"].word(), list[Any](), list[Any]()
    for one in node.get("properties", []):
        is_value = one["name"].word() == _VALUE and isinstance(one.get("value", None).value, str)
        (texts if is_value else others).append(one["value"].sentence() if is_value else one.value)
    value = value_from((name, _VALUE), texts, as_json_of) if texts else True
    kept = {key: item for key, item in node.mapping().items() if key not in _OWN} | ({"properties": others} if others else {}) | {TAG: {}}
    return [Tag(name, value, span, camera, {"darwin": kept}) for span in spans]


def item_properties(scene: Scene, properties: Properties) -> list[dict[str, Any]]:
    """The tags of the whole clip."""
    found = []
    for tag in scene.tags:
        if _is_of_item(tag):
            entries = properties.entries(ITEM, "item", tag.name, tag.name if tag.value is True else tag.value, None)
            found += [{**_kept(tag), **one} for one in entries]
    return found


def tag_annotations(cameras: Sequence[CameraLabels], names: uuid.UUID, properties: Properties, report: WriteReport) -> Iterator[dict[str, Any]]:
    """The other tags: one of no camera in each slot, one of some time in its frames. names : of which ids are made"""
    n_other = n_outside = 0
    between = dict[int, str]()
    for k, tag in enumerate(cameras[0].scene.tags):
        if _is_of_item(tag) or not tag.name.strip():
            n_other += not tag.name.strip()
            continue
        mine = [one for one in cameras if tag.camera in (None, one.name)]
        n_other += not mine
        for one in mine:
            span = (0, len(one.stamps_ns) - 1) if tag.span_ns is None else frames_of_tag(tag, one)
            if span is None:
                n_outside += 1
                continue
            between |= {k: tag.name} if is_between_frames(tag, one, span) else {}
            properties.classes[tag.name, TAG] = None
            entries = [] if tag.value is True else properties.entries(tag.name, TAG, _VALUE, tag.value, None)
            kept = _kept(tag)
            others, own = kept.pop("properties", []), kept.pop("id", None)
            fresh = str(uuid.uuid5(names, f"{one.scene.name}\n{one.name}\ntag {k}".encode("utf-8", "replace").decode()))
            yield {
                "id": own if isinstance(own, str) and len(mine) == 1 else fresh,
                "name": tag.name,
                "slot_names": [one.name],
                "ranges": [[span[0], span[1] + 1]],
                "hidden_areas": [],
                "frames": {str(span[0]): {TAG: {}, "keyframe": True}},
                "interpolated": False,
                "properties": [*(others if isinstance(others, (list, tuple)) else []), *entries],
                **kept,
            }
    if n_other:
        report.dropped.append(Told("tags", f"{number_of(n_other, 'tag')} of cameras that are not written, or without a name", n=n_other))
    say_times_of_tags(report, n_outside, [*between.values()])


def _is_of_item(tag: Tag) -> bool:
    """Whether it is a property of the item: of the whole clip, and did not come as an annotation."""
    return tag.camera is None and tag.span_ns is None and bool(tag.name.strip()) and TAG not in _kept(tag)


def _kept(tag: Tag) -> dict[str, Any]:
    given = tag.source_attributes.get("darwin")
    return {key: value for key, value in given.items() if key not in _OWN - {"properties"}} if isinstance(given, Mapping) else {}
