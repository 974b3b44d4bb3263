"""Tags in formats of videos that answer questions with words, of a whole video or of some of its frames: whose they are, and in which frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Int64s
from ..errors import number_of
from ..tags import Tag
from .camera_labels import CameraLabels
from .json_text import as_json
from .write_report import Told, WriteReport

__all__ = ["VideoTag", "agreed", "frames_of_tag", "is_between_frames", "say_times_of_tags", "tags_of_videos", "value_of"]


class VideoTag(NamedTuple):
    """words : what it says; span : first and last frame from 0, None where it is of all of them"""

    tag: Tag
    words: tuple[str, ...]
    span: tuple[int, int] | None


def tags_of_videos(cameras: Sequence[CameraLabels], report: WriteReport) -> dict[str, list[VideoTag]]:
    """Those of each camera's video; a tag of no camera is told in all of them. Tags of one name are all of whole videos, or all of frames. The report
    says what is lost of them."""
    found: dict[str, list[VideoTag]] = {one.name: [] for one in cameras}
    n_other = n_outside = n_texts = 0
    between = list[str]()
    for tag in cameras[0].scene.tags:
        mine = [one for one in cameras if tag.camera in (None, one.name)]
        if not mine:
            n_other += 1
            continue
        span = None if tag.span_ns is None else frames_of_tag(tag, mine[0])
        if span is None and tag.span_ns is not None:
            n_outside += 1
            continue
        words, is_text = _words(tag)
        n_texts += not is_text
        between += [tag.name] if span is not None and is_between_frames(tag, mine[0], span) else []
        for one in mine:
            found[one.name].append(VideoTag(tag, words, span))
    timed = {one.tag.name for own in found.values() for one in own if one.span is not None}
    n_stretched = len({id(one.tag) for own in found.values() for one in own if one.tag.name in timed and one.span is None})
    for one in cameras:  # what has one name is asked of the whole video, or frame by frame
        every = (0, len(one.stamps_ns) - 1)
        found[one.name] = [tag._replace(span=every) if tag.tag.name in timed and tag.span is None else tag for tag in found[one.name]]
    if n_stretched:
        report.rounded.append(
            Told("tags", f"{number_of(n_stretched, 'tag')} of the clip, called as others of some time: they hold in all frames", n=n_stretched)
        )
    if n_other:
        report.dropped.append(Told("tags", f"{number_of(n_other, 'tag')} of cameras that are not written", n=n_other))
    if n_texts:
        report.rounded.append(Told("tags", f"{number_of(n_texts, 'value')} of tags that became texts", n=n_texts))
    say_times_of_tags(report, n_outside, between)
    return found


def say_times_of_tags(report: WriteReport, n_outside: int, between: Sequence[str]) -> None:
    """n_outside : how many tags are of a time without a frame. between : names of those whose time begins or ends where no frame is"""
    if n_outside:
        report.dropped.append(Told("tags", f"{number_of(n_outside, 'tag')} of a time without a frame", n=n_outside))
    if between:
        said = f"{number_of(len(between), 'tag')} whose time begins or ends between frames: the frames in which they hold are told, of"
        report.rounded.append(Told("tags", f"{said} {', '.join(sorted({*between}))}", between))


def frames_of_tag(tag: Tag, one: CameraLabels) -> tuple[int, int] | None:
    """First and last frame of a camera's video in which a tag of some time holds; None where it does in none."""
    first, last = tag.span_ns or (0, -1)
    stamps = _stamps_of_tag(tag, one)
    inside = np.flatnonzero((stamps >= first) & (stamps <= last))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def is_between_frames(tag: Tag, one: CameraLabels, span: tuple[int, int]) -> bool:
    """Whether the time of a tag begins before the first of its frames, or ends after the last."""
    stamps = _stamps_of_tag(tag, one)
    return tag.span_ns is not None and tag.span_ns != (int(stamps[span[0]]), int(stamps[span[1]]))


def _stamps_of_tag(tag: Tag, one: CameraLabels) -> Int64s:
    return one.scene.times_ns if tag.camera is None else one.stamps_ns


def agreed(tags: Sequence[Tag], cameras: Sequence[str]) -> list[Tag]:
    """What is said alike of the videos of several cameras, of all there are, is said of the clip, once, where it is said first."""
    saying: dict[tuple[Any, ...], set[str | None]] = {}
    for tag in tags:
        saying.setdefault(tag.key, set()).add(tag.camera)
    everywhere = {key for key, told in saying.items() if len(cameras) > 1 and told >= {*cameras}}
    found, told = list[Tag](), set[tuple[Any, ...]]()
    for tag in tags:
        if tag.key not in everywhere:
            found.append(tag)
        elif tag.key not in told:
            told.add(tag.key)
            found.append(replace(tag, camera=None))
    return found


def value_of(name: str, word: Any) -> Any:
    """What a word says; a tag that is a word alone answers with its own name."""
    return True if word == name else word


def _words(tag: Tag) -> tuple[tuple[str, ...], bool]:
    """What a tag says, and whether nothing of it has to become a text."""
    if tag.value is True:
        return (tag.name,), True
    if isinstance(tag.value, str) and tag.value.strip() and tag.value != tag.name:
        return (tag.value,), True
    if isinstance(tag.value, (list, tuple)) and len(tag.value) > 1 and all(isinstance(one, str) and one.strip() for one in tag.value):
        return tuple(tag.value), True
    return (as_json(tag.value),), False
