"""Tracks that were written for a platform and came back edited, put into the recording's own, which say more than the platform can hold.

What the format makes of the recording's own labels is what was there before the edits: only what is other than that was edited.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Bools, Int64s
from ..errors import BoxwrightError
from ..image_tracks import ImageTrack
from ..keyframes import Origin, Visibility
from ..scene import Scene
from ..sensors import NoData
from ..shapes2d import Shapes

__all__ = ["came_back", "is_moved", "written_and_read"]

_SAME_PX = 0.01  # platforms round to two decimals


def written_and_read(scene: Scene, format: str, cameras: Sequence[str]) -> Scene | None:
    """What a format makes of the recording's own labels in the pictures of some cameras; None where it cannot hold them, so that none came back."""
    from . import _READERS, _WRITERS, read, write

    own = scene.replace(tracks=(), image_tracks=[one for one in scene.image_tracks if one.camera in cameras], tags=(), relations=(), data=NoData())
    if format not in _WRITERS or format not in _READERS or not own.image_tracks:
        return None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "own"
        try:
            write(own, place, format)
            return read(place, format=format)
        except BoxwrightError:
            return None


def is_moved(written: ImageTrack, track: ImageTrack, stamps_ns: Int64s) -> bool:
    """Whether one is where the other is not, or has another shape, at any of (T,) stamps."""
    was, now = written.at(stamps_ns), track.at(stamps_ns)
    there = was.is_valid
    return bool((there != now.is_valid).any() or not _is_same(was.shapes[there], now.shapes[there]).all())


def came_back(mine: ImageTrack, written: ImageTrack, track: ImageTrack, stamps_ns: Int64s) -> ImageTrack:
    """The recording's own track with what was edited.

    written : what the format makes of it, at the recording's times and of its camera
    track : what came back
    stamps_ns : (T,) when the camera exposed

    Where nothing was moved, the keyframes are the recording's own. Otherwise they are those that came back, the recording's own among them where the
    shape is the same; where the kinds of shapes differ, all that came back.
    """
    base = _unmoved(mine, written, track) if not is_moved(written, track, stamps_ns) else _moved(mine, written, track)
    times = base.times_ns
    before, now, own = written.at(times), track.at(times), mine.at(times)
    seen = base.visibility.copy()
    is_told = (seen != Visibility.OUTSIDE) & before.is_valid & now.is_valid & own.is_valid
    seen[is_told] = np.where(now.visibility == before.visibility, own.visibility, now.visibility)[is_told]
    values = [_with_edits(*rows) for rows in zip(own.attributes, before.attributes, now.attributes)]
    attributes, fresh = _held(values, [*mine.attributes, *track.attributes])
    files = [_at(one, times) for one in (mine, written, track)]
    kept = [_with_edits(*rows) for rows in zip(*files)]
    return base.replace(
        category=mine.category if track.category == written.category else track.category,
        visibility=seen,
        attributes=attributes,
        keyframe_attributes=fresh if any(fresh) else (),
        source_attributes=_with_edits(mine.source_attributes, written.source_attributes, track.source_attributes),
        keyframe_source_attributes=kept if any(kept) else (),
        object_id=mine.object_id if track.object_id in (None, written.object_id) else track.object_id,
    )


def _unmoved(mine: ImageTrack, written: ImageTrack, track: ImageTrack) -> ImageTrack:
    """The recording's own keyframes, and more where what is said of one has changed between them."""
    was, now = written.at(track.times_ns), track.at(track.times_ns)
    rows = zip(was.attributes, now.attributes)
    edited = np.array([any(old.get(name, ...) != new[name] for name in new if name not in track.attributes) for old, new in rows], bool)
    edited |= was.visibility != now.visibility
    edited[1:] |= edited[:-1].copy()  # until where it is as it was
    there = mine.at(track.times_ns)
    new = np.flatnonzero(edited & there.is_valid & was.is_valid & now.is_valid & ~np.isin(track.times_ns, mine.times_ns))
    if not len(new):
        return mine
    return mine.with_keyframes(track.times_ns[new], there.shapes[new], there.visibility[new], Origin.GIVEN)


def _moved(mine: ImageTrack, written: ImageTrack, track: ImageTrack) -> ImageTrack:
    """The keyframes that came back, those of the recording that nobody has moved exactly as they are there."""
    if type(mine.shapes) is not type(track.shapes) or any(getattr(mine.shapes, name) != getattr(track.shapes, name) for name in mine.shapes.SHARED):
        return track
    was = written.at(track.times_ns)
    at = np.minimum(np.searchsorted(mine.times_ns, track.times_ns), len(mine) - 1)
    as_mine = (mine.times_ns[at] == track.times_ns) & was.is_valid & (track.visibility != Visibility.OUTSIDE) & _is_same(was.shapes, track.shapes)
    picked = np.where(as_mine, at, len(mine) + np.arange(len(track)))
    return track.replace(
        shapes=type(mine.shapes).concatenate([mine.shapes, track.shapes])[picked],
        origin=np.concatenate([mine.origin, track.origin])[picked],
        method=mine.method if track.method == written.method else track.method,
    )


def _is_same(a: Shapes, b: Shapes) -> Bools:
    """(K,) rows of two sets of K that are the same shape, as nearly as files tell; rows without a shape are the same."""
    if type(a) is not type(b) or any(getattr(a, name) != getattr(b, name) for name in a.SHARED):
        return np.zeros(len(a), bool)

    def is_near(one: Shapes, other: Shapes) -> bool:
        pairs = [(np.asarray(mine), np.asarray(theirs)) for mine, theirs in zip(one._columns(), other._columns())]
        return all(mine.shape == theirs.shape and np.allclose(mine, theirs, rtol=0, atol=_SAME_PX, equal_nan=True) for mine, theirs in pairs)

    return np.array([is_near(one, other) for one, other in zip(a, b)], bool)


def _with_edits(mine: Mapping[str, Any], written: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What the recording says, but what came back otherwise than it was written."""
    return {**mine, **{name: value for name, value in now.items() if name not in written or written[name] != value}}


def _held(values: Sequence[Mapping[str, Any]], lasting: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(what holds for all of a track, what is new at each keyframe), of all values at each of its keyframes. lasting : names that may hold for all"""
    first = values[0]
    own = {name: first[name] for name in dict.fromkeys(lasting) if name in first and all(name in row and row[name] == first[name] for row in values)}
    held, fresh = dict[str, Any](), list[dict[str, Any]]()
    for row in values:
        fresh.append({name: value for name, value in row.items() if name not in own and (name not in held or held[name] != value)})
        held |= fresh[-1]
    return own, fresh


def _at(track: ImageTrack, times_ns: Int64s) -> list[Mapping[str, Any]]:
    """What a file says besides at keyframes, at (T,) times; nothing where there is none."""
    rows = dict(zip(track.times_ns.tolist(), chain(track.keyframe_source_attributes)))
    return [rows.get(time, {}) for time in times_ns.tolist()]
