"""Tracks that were written for a platform and came back edited, put into the recording's own, which say more than the platform can hold.

What the format makes of the recording's own labels is what was there before the edits: only what is other than that was edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from ..arrays import Bools, Int64s
from ..image_tracks import ImageTrack
from ..keyframes import Filled, Origin, Visibility
from ..shapes2d import Boxes, Shapes
from ..tracks import FilledTrack, Track
from .cuboids_back import cuboids_moved, same_cuboids

__all__ = ["came_back", "cuboids_came_back", "is_as_here", "is_moved", "is_untouched"]

_SAME_PX = 0.01  # platforms round to two decimals
Any_Track = TypeVar("Any_Track", Track, ImageTrack)


def is_untouched(written: Any_Track, track: Any_Track, room_m: float = 0.0) -> bool:
    """Whether one came back just as it was written, fields of files apart: platforms number their labels anew. room_m : how far a corner of a cuboid
    may be off"""
    if (written.category, len(written)) != (track.category, len(track)):
        return False
    if not (np.array_equal(written.times_ns, track.times_ns) and np.array_equal(written.visibility, track.visibility)):
        return False
    if not _says_the_same(written, track):
        return False
    if isinstance(written, Track):
        return bool(same_cuboids(written.cuboids, track.cuboids, room_m).all())
    return written.object_id == track.object_id and bool(_is_same(written.shapes, track.shapes).all())


def _says_the_same(written: Any_Track, track: Any_Track) -> bool:
    """Whether both have the same attributes at the same keyframes, said with the track, with all of them or where they begin to hold."""
    if written.attributes == track.attributes and [*written.keyframe_attributes] == [*track.keyframe_attributes]:
        return True
    return [*written.at(written.times_ns).attributes] == [*track.at(track.times_ns).attributes]


def is_as_here(mine: Any_Track, track: Any_Track, stamps_ns: Int64s, room_m: float = 0.0) -> bool:
    """Whether what came back is what the recording itself has at (T,) stamps, so that it need not be known what the format makes of it."""
    if mine.category != track.category or (isinstance(track, ImageTrack) and track.object_id not in (None, mine.object_id)):
        return False
    own, now = mine.at(stamps_ns), track.at(stamps_ns)
    there = own.is_valid
    if not np.array_equal(there, now.is_valid) or not np.array_equal(own.visibility[there], now.visibility[there]):
        return False
    may_differ = mine.attributes != track.attributes or any(mine.keyframe_attributes) or any(track.keyframe_attributes)
    if may_differ and any(old != new for old, new, is_there in zip(own.attributes, now.attributes, there.tolist()) if is_there):
        return False
    if isinstance(own, FilledTrack):
        return bool(same_cuboids(own.cuboids, now.cuboids, room_m).all())
    return bool(_is_same(own.shapes[there], now.shapes[there]).all())


def is_moved(written: ImageTrack, track: ImageTrack, stamps_ns: Int64s) -> bool:
    """Whether one is where the other is not, or has another shape, at any of (T,) stamps."""
    was, now = written.at(stamps_ns), track.at(stamps_ns)
    there = was.is_valid
    return bool((there != now.is_valid).any() or not _is_same(was.shapes[there], now.shapes[there]).all())


def came_back(mine: ImageTrack, written: ImageTrack, track: ImageTrack, stamps_ns: Int64s, *, takes_out: bool = False) -> ImageTrack:
    """The recording's own track with what was edited.

    written : what the format makes of it, at the recording's times and of its camera
    track : what came back
    stamps_ns : (T,) when the camera exposed
    takes_out : whether attributes that were written and did not come back are taken out

    Where nothing was moved, the keyframes are the recording's own. Otherwise they are those that came back, the recording's own among them where the
    shape is the same; where the kinds of shapes differ, all that came back.
    """
    if is_untouched(written, track):
        return mine
    base = _unmoved(mine, written, track) if not is_moved(written, track, stamps_ns) else _moved(mine, written, track)
    object_id = mine.object_id if track.object_id in (None, written.object_id) else track.object_id
    return _with_what_is_said(base, mine, written, track, takes_out).replace(object_id=object_id)


def cuboids_came_back(
    mine: Track, written: Track, track: Track, stamps_ns: Int64s, is_covered: Bools, room_m: float, *, takes_out: bool = False
) -> Track:
    """As `came_back`, of a track of cuboids.

    stamps_ns, is_covered : (F,) of the recording's frames, and whether the labels have each
    room_m : how far a corner moves without having been edited

    A cuboid that nobody touched is the recording's own, and so are its keyframes; an edited one is a keyframe.
    """
    if is_untouched(written, track, room_m):
        return mine
    is_said = _is_said_anew(written.at(stamps_ns), track.at(stamps_ns), is_covered)
    base = cuboids_moved(mine, written, track, stamps_ns, is_covered, is_said, room_m)
    return _with_what_is_said(base, mine, written, track, takes_out, stamps_ns[~is_covered])


def _is_said_anew(was: Filled, now: Filled, is_covered: Bools) -> Bools:
    """(F,) where what was edited of attributes, or of what is hidden, is not what it was at the time before."""
    edits = list[Any]()
    for old, new, seen, before, is_there in zip(
        was.attributes, now.attributes, now.visibility, was.visibility, was.is_valid & now.is_valid & is_covered
    ):
        edit = (int(seen), int(before)) if seen != before else (0, 0), {name: value for name, value in new.items() if old.get(name, ...) != value}
        edits.append(edit if is_there else None)
    is_new = np.zeros(len(edits), bool)
    last: Any = ((0, 0), {})
    for i, edit in enumerate(edits):
        if edit is not None:
            is_new[i], last = edit != last, edit
    return is_new


def _with_what_is_said(
    base: Any_Track, mine: Any_Track, written: Any_Track, track: Any_Track, takes_out: bool, beyond_ns: Int64s | None = None
) -> Any_Track:
    """Keyframes with what the recording says of them, and what was edited of it: the class, attributes, what is hidden, fields of files.

    beyond_ns : stamps of frames that the labels do not have, of which they say nothing
    """
    times = base.times_ns
    before, now, own = written.at(times), track.at(times), mine.at(times)
    seen = base.visibility.copy()
    is_beyond = np.isin(times, () if beyond_ns is None else beyond_ns)
    is_told = ~is_beyond & (seen != Visibility.OUTSIDE) & before.is_valid & now.is_valid & own.is_valid
    seen[is_told] = np.where(now.visibility == before.visibility, own.visibility, now.visibility)[is_told]
    gone = _names_of(written) - _names_of(track) if takes_out else set()
    rows = [(one, old, old if beyond else new) for one, old, new, beyond in zip(own.attributes, before.attributes, now.attributes, is_beyond)]
    values = [{name: value for name, value in row.items() if name not in gone} for row in _to_its_end(rows)]
    attributes, fresh = _held(values, [*mine.attributes, *track.attributes])
    fields = _with_edits if isinstance(mine, ImageTrack) else _with_new
    kept = [fields(*row) for row in zip(*(_at(one, times) for one in (mine, written, track)))]
    return base.replace(
        category=mine.category if track.category == written.category else track.category,
        visibility=seen,
        attributes=attributes,
        keyframe_attributes=fresh if any(fresh) else (),
        source_attributes=fields(mine.source_attributes, written.source_attributes, track.source_attributes),
        keyframe_source_attributes=kept if any(kept) else (),
    )


def _names_of(track: Track | ImageTrack) -> set[str]:
    """The attributes that it has anywhere."""
    return {*track.attributes, *(name for row in track.keyframe_attributes for name in row)}


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

    if isinstance(a, Boxes) and isinstance(b, Boxes):
        is_close: Bools = np.isclose(a.xyxy, b.xyxy, rtol=0, atol=_SAME_PX, equal_nan=True)
        return np.asarray(is_close.all(axis=1))

    def is_near(one: Shapes, other: Shapes) -> bool:
        pairs = [(np.asarray(mine), np.asarray(theirs)) for mine, theirs in zip(one._columns(), other._columns())]
        return all(mine.shape == theirs.shape and np.allclose(mine, theirs, rtol=0, atol=_SAME_PX, equal_nan=True) for mine, theirs in pairs)

    return np.array([is_near(one, other) for one, other in zip(a, b)], bool)


def _with_edits(mine: Mapping[str, Any], written: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What the recording says, but what came back otherwise than it was written."""
    return {**mine, **{name: value for name, value in now.items() if name not in written or written[name] != value}}


def _with_new(mine: Mapping[str, Any], written: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What the recording says, and what came back that was not written: platforms number their cuboids anew."""
    return {**mine, **{name: value for name, value in now.items() if name not in written}}


def _to_its_end(rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Each row with its edits. What an edit began, of which the recording says nothing, holds on until the file tells otherwise."""
    begun = set[str]()
    for mine, written, now in rows:
        edited = _with_edits(mine, written, now)
        begun |= edited.keys() - mine.keys()
        yield {**{name: now[name] for name in begun if name in now}, **edited}


def _held(values: Sequence[Mapping[str, Any]], lasting: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(what holds for all of a track, what is new at each keyframe), of all values at each of its keyframes. lasting : names that may hold for all"""
    first = values[0]
    own = {name: first[name] for name in dict.fromkeys(lasting) if name in first and all(name in row and row[name] == first[name] for row in values)}
    held, fresh = dict[str, Any](), list[dict[str, Any]]()
    for row in values:
        fresh.append({name: value for name, value in row.items() if name not in own and (name not in held or held[name] != value)})
        held |= fresh[-1]
    return own, fresh


def _at(track: Track | ImageTrack, times_ns: Int64s) -> list[Mapping[str, Any]]:
    """What a file says besides at keyframes, at (T,) times; nothing where there is none."""
    rows = dict(zip(track.times_ns.tolist(), chain(track.keyframe_source_attributes)))
    return [rows.get(time, {}) for time in times_ns.tolist()]
