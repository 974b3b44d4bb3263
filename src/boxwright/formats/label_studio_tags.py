"""Tags in Label Studio's tasks of videos: choices of the whole video, and labels of its timeline where they are of some time."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from ..errors import number_of
from .camera_labels import CameraLabels
from .label_studio_said import SAID, TIMELINE
from .object_links import OBJECT_ID
from .video_tags import VideoTag, tags_of_videos
from .write_report import Told, WriteReport
from .xml_text import quoted

__all__ = ["tag_controls", "tag_results", "writable_tags"]


def writable_tags(cameras: Sequence[CameraLabels], own_names: Container[str], report: WriteReport) -> dict[str, list[VideoTag]]:
    """Camera -> its tags; a control has one name, so that tags with names of attributes or of controls that are there are left out, and told."""
    scene = cameras[0].scene
    taken = {name for track in (*scene.tracks, *scene.image_tracks) for name in track.attributes} | {OBJECT_ID}
    every = tags_of_videos(cameras, report)
    kept = {
        camera: [one for one in own if one.tag.name.strip() and one.tag.name not in taken and one.tag.name not in own_names]
        for camera, own in every.items()
    }
    n_lost = len({id(one.tag) for own in every.values() for one in own} - {id(one.tag) for own in kept.values() for one in own})
    if n_lost:
        report.dropped.append(Told("tags", f"{number_of(n_lost, 'tag')} with names of attributes, or of what Label Studio itself uses", n=n_lost))
    return kept


def tag_results(tags: Sequence[VideoTag], n_frames: int) -> Iterator[dict[str, Any]]:
    """The results of one video; in the kind that a file had them, where it still fits. n_frames : of the video"""
    for k, (tag, words, span) in enumerate(tags):
        kind = _kind(tag, span)
        raw = tag.source_attributes.get("label_studio")
        raw = raw if isinstance(raw, Mapping) and raw.get("type") == kind else {}
        value: dict[str, Any]
        if span is not None:
            value = {"ranges": [{"start": span[0] + 1, "end": min(span[1], n_frames - 1) + 1}], kind: list(words)}
        else:
            given = raw.get("value")
            value = {**(given if isinstance(given, Mapping) else {}), SAID[kind]: tag.value if kind in ("number", "rating") else list(words)}
        yield {"id": f"tag {k}", **raw, "from_name": tag.name, "to_name": "video", "type": kind, "value": value}


def tag_controls(tags: Sequence[VideoTag]) -> str:
    """Lines of the labelling interface: a control for each name, with all that is said of it."""
    lines = []
    for name in dict.fromkeys(one.tag.name for one in tags):
        mine = [one for one in tags if one.tag.name == name]
        kind = _kind(mine[0].tag, mine[0].span)
        head = f'name={quoted(name)} toName="video"'
        words = dict.fromkeys(word for one in mine for word in one.words)
        if kind == TIMELINE:
            inner = "".join(f"\n    <Label value={quoted(word)}/>" for word in words)
            lines.append(f"  <TimelineLabels {head}>{inner}\n  </TimelineLabels>\n")
        elif kind == "choices":
            inner = "".join(f"\n    <Choice value={quoted(word)}/>" for word in words)
            choice = "multiple" if any(len(one.words) > 1 for one in mine) else "single"
            lines.append(f'  <Choices {head} choice="{choice}">{inner}\n  </Choices>\n')
        else:
            lines.append(f"  <{ {'textarea': 'TextArea', 'number': 'Number', 'rating': 'Rating'}[kind] } {head}/>\n")
    return "".join(lines)


def _kind(tag: Any, span: tuple[int, int] | None) -> str:
    """The type of a tag's result: that of the file it came from, where its value is of that kind still."""
    if span is not None:
        return TIMELINE
    raw = tag.source_attributes.get("label_studio")
    kind = raw.get("type") if isinstance(raw, Mapping) else None
    is_number = isinstance(tag.value, (int, float)) and not isinstance(tag.value, bool)
    if kind == "textarea" and isinstance(tag.value, str):
        return "textarea"
    return str(kind) if kind in ("number", "rating") and is_number else "choices"
