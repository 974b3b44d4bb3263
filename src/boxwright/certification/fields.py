"""What of a scene did not come back: for each field of formats/declared.py that the scene uses, how much there was and what is gone."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from ..arrays import Bools, Int64s
from ..formats.declared import Exactness
from ..formats.frame_rates import FIRST_FRAME
from ..formats.write_report import EDGES, EXPOSURES
from ..keyframes import State, Visibility
from ..point_labels import PointLabels
from ..scene import Scene
from ..tags import Tag
from .forms import is_another, is_cut, lost_edges
from .measured import is_tilted
from .placed import lost_cameras, lost_poses, lost_shutters, with_cameras
from .rows import Clip, CuboidRows, Pairs, Rows, ShapeRows, renamed
from .told import Gone, Loss, lost

__all__ = ["Found", "LostField", "Readings", "lost_fields", "lost_label", "tracks_gone"]

Found = tuple[int, list[Gone]]  # how much of a field was given, and what of it is gone


@dataclass(frozen=True)
class LostField:
    """field : as formats/declared.py names it. n_given, n_lost : how much of it the scene has, and how much did not come back; n_untold : of how much
    of that the writer's report says nothing. by_class : class -> of how many of its labels something is lost. is_declared, said : whether the format
    says that some of it is lost, and what it says"""

    field: str
    n_given: int
    n_lost: int
    n_untold: int
    by_class: Mapping[str, int]
    is_declared: bool
    said: str


@dataclass(frozen=True)
class Readings:
    """What was given, and what came back; frames go together."""

    given: Clip
    back: Clip
    cuboids: tuple[CuboidRows, CuboidRows, Pairs]
    shapes: tuple[ShapeRows, ShapeRows, Pairs]

    @property
    def both(self) -> Iterator[tuple[Rows, Rows, Pairs]]:
        yield self.cuboids
        yield self.shapes


def lost_fields(readings: Readings, exact: Exactness, only: frozenset[str] | None = None) -> dict[str, Found]:
    """Field -> (how much was given, what is gone), of those that were given. only : of these, where whoever read it knows no others."""
    counted: dict[str, Callable[[], Found]] = {
        "cuboids": lambda: _labels(readings.cuboids),
        "full_rotation": lambda: _tilts(readings),
        "tracks": lambda: _tracks(readings.cuboids),
        "shapes": lambda: _shapes(readings),
        "video": lambda: _tracks(readings.shapes),
        "attributes": lambda: _said(readings, lambda rows: rows.attributes),
        "other_fields": lambda: _said(readings, lambda rows: rows.sources),
        "relations": lambda: _relations(readings),
        "segmentation": lambda: _point_labels(readings),
        "poses": lambda: lost_poses(readings.given, readings.back),
        "calibration": lambda: lost_cameras(readings.given, readings.back),
        "shutters": lambda: lost_shutters(readings.given, readings.back),
        "visibility": lambda: _occluded(readings),
        "classes": lambda: _classes(readings),
        "track_ids": lambda: _names(readings),
        "keyframes": lambda: _keyframes(readings),
        "tags": lambda: _tags(readings),
        "times": lambda: _times(readings, exact.ns),
        "frame_names": lambda: _frame_names(readings),
    }
    found = {field: count() for field, count in counted.items() if only is None or field in only}
    return {field: (n, gone) for field, (n, gone) in found.items() if n}


# ------------------------------------------------------------ labels


def names_of(rows: Rows, row: int) -> list[str]:
    """What reports may call a label by: its track, its class, its camera."""
    k = int(rows.track[row])
    return [rows.track_ids[k], rows.categories[k], *(rows.cameras[k : k + 1] if isinstance(rows, ShapeRows) else ())]


def lost_label(rows: Rows, row: int, *more: str, is_less: bool = False) -> Gone:
    """A label of which something is lost. more : what else reports may call that"""
    return lost(*names_of(rows, row), *more, is_less=is_less, category=rows.category(row))


def _labels(reading: tuple[Rows, Rows, Pairs]) -> Found:
    return len(reading[0]), [lost_label(reading[0], row) for row in reading[2].lost.tolist()]


def _tilts(readings: Readings) -> Found:
    a, b, pairs = readings.cuboids
    tilted = is_tilted(a.cuboids)
    here = pairs.a[tilted[pairs.a]]
    there = pairs.b[tilted[pairs.a]]
    apart = 1 - np.abs((a.cuboids.quat_wxyz[here] * b.cuboids.quat_wxyz[there]).sum(1))
    gone = [*here[apart > 1e-12].tolist(), *pairs.lost[tilted[pairs.lost]].tolist()]
    return int(tilted.sum()), [lost_label(a, row) for row in gone]


def _tracks(reading: tuple[Rows, Rows, Pairs]) -> Found:
    """Tracks that are gone, or came back as several, or as one with another."""
    a, b, pairs = reading
    ends: dict[int, set[int]] = defaultdict(set)
    starts: dict[int, set[int]] = defaultdict(set)
    for i, j in zip(a.track[pairs.a].tolist(), b.track[pairs.b].tolist()):
        ends[i].add(j)
        starts[j].add(i)
    first = {k: row for row, k in reversed([*enumerate(a.track.tolist())])}
    gone = [k for k in first if len(ends[k]) != 1 or any(len(starts[j]) != 1 for j in ends[k])]
    return len(first), [lost_label(a, first[k]) for k in gone]


def tracks_gone(reading: tuple[Rows, Rows, Pairs]) -> int:
    """Tracks of which no label came back."""
    a, _, pairs = reading
    return len(np.setdiff1d(a.track, a.track[pairs.a]))


def _shapes(readings: Readings) -> Found:
    """Labels, and those that are gone, became another kind of shape, or one of other points or pixels."""
    a, b, pairs = readings.shapes
    n, gone = _labels(readings.shapes)
    for i, j in zip(pairs.a.tolist(), pairs.b.tolist()) if a.shapes and b.shapes else ():
        one, other = a.shapes[i], b.shapes[j]
        losses = list[Gone]()
        if is_another(one, other):
            losses.append(lost_label(a, i, one[0].KIND, is_less=is_cut(one, other)))
        elif one[0].KIND != other[0].KIND:
            losses.append(lost_label(a, i, one[0].KIND, is_less=True))
        if lost_edges(one, other):
            losses.append(lost(EDGES, category=a.category(i)))
        gone += [tuple(chain.from_iterable(losses))] if losses else []
    return n, gone


def _names(readings: Readings) -> Found:
    """Labels whose tracks have another name."""
    n, gone = 0, list[Gone]()
    for a, b, pairs in readings.both:
        n += len(pairs.a)
        both = [(i, a.track_ids[int(a.track[i])], b.track_ids[int(b.track[j])]) for i, j in zip(pairs.a.tolist(), pairs.b.tolist())]
        gone += [lost_label(a, i, is_less=True) for i, here, there in both if here != there]
    return n, gone


def _classes(readings: Readings) -> Found:
    """Labels of another class. A class may have become another one, which is told by its name: labels that did not become what most of it did, by
    that of their track alone."""
    n, gone = 0, list[Gone]()
    became: dict[str, Counter[str]] = defaultdict(Counter)
    for a, b, pairs in readings.both:
        for i, j in zip(pairs.a.tolist(), pairs.b.tolist()):
            became[a.category(i)][b.category(j)] += 1
    for a, b, pairs in readings.both:
        for i, j in zip(pairs.a.tolist(), pairs.b.tolist()):
            here, there = a.category(i), b.category(j)
            usual = became[here].most_common(1)[0][0]
            n += 1
            if here != there:
                gone.append(lost(*(names_of(a, i) if there == usual else [a.track_ids[int(a.track[i])]]), is_less=True, category=here))
    return n, gone


def _occluded(readings: Readings) -> Found:
    """Labels that are occluded, and those that no longer are, or are now and were not."""
    n, gone = 0, list[Gone]()
    for a, b, pairs in readings.both:
        here, there = (_is_occluded(rows)[index] for rows, index in ((a, pairs.a), (b, pairs.b)))
        n += int((here | there).sum())
        gone += [lost_label(a, row) for row in pairs.a[here != there].tolist()]
    return n, gone


def _is_occluded(rows: Rows) -> Bools:
    return np.zeros(len(rows), bool) if rows.visibility is None else np.asarray(rows.visibility == Visibility.OCCLUDED)


def _keyframes(readings: Readings) -> Found:
    """Labels of clips in which some lie between keyframes, and those that were set and are not now, or the reverse, or lie on other curves."""
    n, gone = 0, list[Gone]()
    for a, b, pairs in readings.both:
        if a.state is None or (a.state == State.KEYFRAME).all():
            continue
        n += len(pairs.a)
        gone += [lost_label(a, i, is_less=True) for i, j in zip(pairs.a.tolist(), pairs.b.tolist()) if _how(a, i) != _how(b, j)]
    return n, gone


def _how(rows: Rows, row: int) -> object:
    """Whether a label was set, and what curve goes through those between; None where nobody tells."""
    return None if rows.state is None else (bool(rows.state[row] == State.KEYFRAME), rows.tracks[int(rows.track[row])].method)


def _said(readings: Readings, of: Callable[[Rows], Sequence[Mapping[str, Any]]]) -> Found:
    """Labels with attributes, or with what their file has beside, and those of which one is gone, or has another value."""
    n, gone = 0, list[Gone]()
    for a, b, pairs in readings.both:
        before, after = of(a), of(b)
        for i, j in zip(pairs.a.tolist(), pairs.b.tolist()) if before else ():
            held = {name: value for name, value in before[i].items() if value is not None}
            there = after[j] if after else {}
            n += bool(held)
            names, differing = names_of(a, i), [name for name, value in held.items() if name not in there or not _is_equal(value, there[name])]
            if differing:
                gone.append(tuple(Loss(frozenset([*names, name]), _is_less(held[name], there.get(name)), a.category(i)) for name in differing))
    return n, gone


def _is_equal(value: Any, other: Any) -> bool:
    """What is true or false is no number."""
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _is_less(value: Any, other: Any) -> bool:
    """Whether one value may be the other told less exactly: the same in words, or both numbers. A text is never another text."""
    if isinstance(value, str) or other is None:
        return False
    if isinstance(other, str):
        return other in (str(value), str(value).lower(), json.dumps(value, ensure_ascii=False, default=str))
    return isinstance(value, (int, float)) and isinstance(other, (int, float))


def _relations(readings: Readings) -> Found:
    names = renamed(*readings.shapes) | renamed(*readings.cuboids)
    back = [scene for scene, _, _ in readings.back.scenes]
    there = {(one.kind, one.subject, one.object, one.span_ns is None) for scene in back for one in scene.relations}
    links = {(track.track_id, track.object_id) for scene in back for track in scene.image_tracks}
    n, gone = 0, list[Gone]()
    for scene, _, _ in readings.given.scenes:
        for one in scene.relations:
            n += 1
            is_there = (one.kind, *(names.get(end, end) for end in (one.subject, one.object)), one.span_ns is None) in there
            gone += [] if is_there else [lost(one.kind, one.subject, one.object)]
        for track in scene.image_tracks:
            if track.object_id is not None:
                n += 1
                is_there = (names.get(track.track_id, track.track_id), names.get(track.object_id, track.object_id)) in links
                gone += [] if is_there else [lost(track.track_id)]
    return n, gone


def _point_labels(readings: Readings) -> Found:
    """Sweeps with labels, and those of which a point's class is another, or points are one object that were not, or that have no labels any more."""
    n, gone = 0, list[Gone]()
    for (scene, i), (other, j) in zip(readings.given.places, readings.back.places):
        for k, name in enumerate(scene.lidars):
            if not scene.has_point_labels(i, name):
                continue
            n += 1
            lidars = list(other.lidars)
            if k >= len(lidars) or not other.has_point_labels(j, lidars[k]):
                gone.append(lost(name))
                continue
            mine, theirs = scene.point_labels(i, name), other.point_labels(j, lidars[k])
            if len(mine) != len(theirs):
                gone.append(lost(name))
            elif changed := sorted({*_changed_classes(mine, theirs), *_changed_objects(mine, theirs)}):
                gone.append(tuple(Loss(frozenset([name, one])) for one in changed))
    return n, gone


def _changed_classes(mine: PointLabels, theirs: PointLabels) -> list[str]:
    """The classes of points that have another one now."""
    ids = np.unique(np.stack([mine.class_id, theirs.class_id]), axis=1).T.tolist()
    return sorted({mine.classes.get(i, "") for i, j in ids if mine.classes.get(i, "") != theirs.classes.get(j, "")})


def _changed_objects(mine: PointLabels, theirs: PointLabels) -> list[str]:
    """The classes of points whose object is several now, or one with another's; objects may have other numbers."""
    ids = np.unique(np.stack([mine.instance_id, theirs.instance_id, mine.class_id]).astype(np.int64), axis=1).T.tolist()
    ends, starts = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for i, j, _ in ids:
        ends[i].add(j)
        starts[j].add(i)
    return sorted({mine.classes.get(k, "") for i, j, k in ids if len(ends[i]) > 1 or len(starts[j]) > 1 or (i == 0) != (j == 0)})


# ------------------------------------------------------------ the rest of the scene


def _tags(readings: Readings) -> Found:
    """Tags, and those that are gone, or have another value, camera or time, as the frames tell it whose stamps may have moved."""
    given, back = ([*_with_times(clip.scenes)] for clip in (readings.given, readings.back))
    called = {name: there for _, _, names in with_cameras(readings.given, readings.back) for name, there in names.items()}
    named = {two.name for two, _ in back}
    then = defaultdict[Any, list[Tag]](list)
    for two, when in back:
        then[two.name, when].append(two)
    gone = [
        one.name
        for one, when in given
        if not any(one.value == two.value and _is_of_camera(one, two, called) for two in then.get((one.name, when), ()))
    ]
    return len(given), [lost(name, is_less=name in named) for name in gone]


def _is_of_camera(one: Tag, two: Tag, called: Mapping[str, str]) -> bool:
    """Whether two tags may be of the same pictures. Formats may name none, where a file has one camera, or one where all of them are meant."""
    return one.camera is None or two.camera is None or called.get(one.camera, two.camera) == two.camera


def _with_times(scenes: Sequence[tuple[Scene, Int64s, Int64s]]) -> Iterator[tuple[Tag, tuple[int, ...] | None]]:
    """Tags with the first and last frame of each, and how far its time reaches beyond them; its time where it has no frame, None for a whole clip."""
    for scene, frames, places in scenes:
        cameras = {tag.camera for tag in scene.tags}
        stamps = {name: (scene.exposures_ns(name) if name is not None and name in scene.cameras else scene.times_ns)[frames] for name in cameras}
        in_time = {name: np.argsort(times, kind="stable") for name, times in stamps.items()}
        for tag in scene.tags:
            if tag.span_ns is None:
                yield tag, None
                continue
            begin, end = tag.span_ns
            order, times = in_time[tag.camera], stamps[tag.camera]
            first = int(np.searchsorted(times, begin, "left", sorter=order))
            beyond = int(np.searchsorted(times, end, "right", sorter=order))
            if first == beyond:
                yield tag, tag.span_ns
                continue
            i, j = int(order[first]), int(order[beyond - 1])
            yield tag, (int(places[i]), int(places[j]), int(times[i]) - begin, end - int(times[j]))


def _times(readings: Readings, ns: int) -> Found:
    """Frames with a stamp, and those whose stamp is another one, or that have none any more; among these those that are off as the first one is."""
    n, gone = 0, list[Gone]()
    pairs = [(scene, i, other, j) for (scene, i), (other, j) in zip(readings.given.places, readings.back.places) if scene.has_time]
    apart = [int(other.times_ns[j]) - int(scene.times_ns[i]) for scene, i, other, j in pairs]
    for (_, _, other, _), off in zip(pairs, apart):
        n += 1
        if not other.has_time or abs(off) > ns:
            gone.append(lost(FIRST_FRAME if other.has_time and abs(off - apart[0]) <= ns else None))
    n_exposed, gone_exposures = _exposures(readings, ns)
    return n + n_exposed, gone + gone_exposures


def _exposures(readings: Readings, ns: int) -> Found:
    """Pictures' times that are other than their frames', and those that are another time now. They count from the stamps of frames, which may have
    moved themselves."""
    n, gone = 0, list[Gone]()
    for (scene, i), (other, j), names in with_cameras(readings.given, readings.back):
        for name, called in names.items():
            here, there = int(scene.exposures_ns(name)[i]), int(other.exposures_ns(called)[j])
            late, later = here - int(scene.times_ns[i]), there - int(other.times_ns[j])
            n += bool(late or later)
            gone += [lost(name, EXPOSURES)] if min(abs(here - there), abs(late - later)) > ns else []
    return n, gone


def _frame_names(readings: Readings) -> Found:
    called = [(scene.frame_ids[i], other.frame_ids[j]) for (scene, i), (other, j) in zip(readings.given.places, readings.back.places)]
    return len(called), [lost(here, is_less=True) for here, there in called if here != there]
