"""Attributes that a format holds as texts, taken back as what they are in the recording: numbers and flags."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ..image_tracks import ImageTrack
from ..tracks import Track

__all__ = ["in_kinds", "kinds_made_texts"]

_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_FLAGS = {"true": True, "false": False}
Any_Track = TypeVar("Any_Track", Track, ImageTrack)


def kinds_made_texts(own: Iterable[Track | ImageTrack], written: Iterable[Track | ImageTrack]) -> dict[str, type]:
    """Attributes that are nothing but flags (bool), fractions (float) or numbers of any kind (int) in the recording, and nothing but texts in what
    the format makes of it."""
    texts = {name for name, kinds in _kinds_of(written).items() if kinds == {str}}
    found = dict[str, type]()
    for name, kinds in _kinds_of(own).items():
        if name in texts and (kinds == {bool} or kinds <= {int, float}):
            found[name] = int if int in kinds else kinds.pop()
    return found


def in_kinds(track: Any_Track, kinds: Mapping[str, type]) -> Any_Track:
    """With the numbers and flags that texts say, of attributes of these kinds; other texts stay what they are."""
    rows = [track.attributes, *track.keyframe_attributes]
    if not any(name in kinds for row in rows for name in row):
        return track
    own, *fresh = [{name: _of_kind(value, kinds[name]) if name in kinds else value for name, value in row.items()} for row in rows]
    return track.replace(attributes=own, keyframe_attributes=fresh)


def _kinds_of(tracks: Iterable[Track | ImageTrack]) -> dict[str, set[type]]:
    """Attribute -> what it is anywhere, but for None."""
    found: dict[str, set[type]] = {}
    for track in tracks:
        for row in (track.attributes, *track.keyframe_attributes):
            for name, value in row.items():
                if value is not None:
                    found.setdefault(name, set()).add(type(value))
    return found


def _of_kind(value: Any, kind: type) -> Any:
    if not isinstance(value, str):
        return value
    if kind is bool:
        return _FLAGS.get(value.lower(), value)
    said = _NUMBER.fullmatch(value)
    if said is None or not math.isfinite(float(value)):
        return value
    return float(value) if kind is float or said[1] or said[2] else int(value)
