"""What is said in Label Studio beside shapes: of a region, which makes an attribute, and of no region, which makes a tag.

{"id", "from_name": "colour", "type": "choices", "value": {"choices": ["red"]}}           or "textarea", "number", "rating"
{"id", "from_name": "light", "type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 9}], "timelinelabels": ["dark"]}}
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..limits import LABEL_BYTES, LabelRoom, limits
from ..problems import Problems
from ..tags import Tag
from .label_studio_annotators import regions
from .strict_json import Node
from .video_tags import value_of

__all__ = ["SAID", "TIMELINE", "Said", "kind_of", "what_is_said"]

SAID = {"choices": "choices", "textarea": "text", "number": "number", "rating": "rating"}  # type -> key of its value
TIMELINE = "timelinelabels"
_HINT = "correct the file or export the project again, as JSON"


@dataclass
class Said:
    """of_regions : region's id -> name -> value, and all that the file tells of it. tags : what is said of no region; in a video those of some time
    with frames for times. n_other : results that are neither"""

    of_regions: dict[str, dict[str, tuple[Any, Mapping[str, Any]]]] = field(default_factory=dict)
    tags: list[Tag] = field(default_factory=list)
    n_other: int = 0

    def attributes(self, region_id: str) -> dict[str, Any]:
        return {name: value for name, (value, _) in self.of_regions.get(region_id, {}).items()}


def kind_of(region: Node) -> str:
    kind = region.get("type", "").value
    return kind if isinstance(kind, str) else ""


def what_is_said(
    task: Node, who: str | None, kinds: Container[str], span: tuple[int, int] | None, camera: str, room: LabelRoom, problems: Problems, base: int = 1
) -> Said:
    """By an annotator of a task. kinds : those of its regions; span : the frame of a picture; base : what a video's first frame is called"""
    said = Said()
    ids = {str(region.get("id", "").value) for region in regions(task, who) if kind_of(region) in kinds}
    for region in regions(task, who):
        kind = kind_of(region)
        if kind == TIMELINE:
            with problems.aside(region.value):
                said.tags += _of_some_time(region, camera, room, base)
            continue
        key = SAID.get(kind, "")
        if not region.get("value", {}).has(key):
            said.n_other += kind != "labels" and kind not in kinds
            continue
        value = region["value"][key].value
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        name = region["from_name"].word()
        if region.has("id") and str(region["id"].value) in ids:
            said.of_regions.setdefault(region["id"].text(), {})[name] = (value, region.mapping())
        else:
            room.take(LABEL_BYTES)
            said.tags.append(Tag(name, value_of(name, value) if kind == "choices" else value, span, camera, {"label_studio": region.mapping()}))
    return said


def _of_some_time(region: Node, camera: str, room: LabelRoom, base: int) -> list[Tag]:
    """A tag for each range of frames and each label, with frames for times."""
    name, found = region["from_name"].word(), []
    for one in region["value"]["ranges"]:
        first, last = one["start"].whole() - base, one["end"].whole() - base
        if not 0 <= first <= last:
            raise one.wrong(f"a first frame from {base} and a last one", f"{first + base} and {last + base}", _HINT)
        limits().check("frames_per_scene", last + 1, region.path, one.field)
        for label in region["value"][TIMELINE]:
            room.take(LABEL_BYTES)
            found.append(Tag(name, value_of(name, label.word()), (first, last), camera))
    return found
