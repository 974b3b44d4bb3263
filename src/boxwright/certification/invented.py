"""What came back of labels, tags, relations and poses that nobody gave."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable

import numpy as np

from ..frames import Trajectory
from .fields import Readings
from .rows import renamed

__all__ = ["invented"]


def invented(readings: Readings, added: Collection[str]) -> list[str]:
    """One sentence for each attribute, tag, kind of relation and link that is there and was not given, and one for poses. What came back as another
    one counts as lost.

    added : attributes that the format has of every label
    """
    return [*_attributes(readings, added), *_tags(readings), *_relations(readings), *_links(readings), *_poses(readings)]


def _attributes(readings: Readings, added: Collection[str]) -> list[str]:
    """Those that their tracks have at no time, under another name neither: one that is gone there, with the same value."""
    n: Counter[str] = Counter()
    for a, b, pairs in readings.both:
        held = defaultdict[int, set[str]](set)
        for k, attributes in zip(a.track.tolist(), a.attributes):
            held[k].update(name for name, value in attributes.items() if value is not None)
        for i, j in zip(pairs.a.tolist(), pairs.b.tolist()) if b.attributes else ():
            known, there = held[int(a.track[i])].union(added), b.attributes[j]
            gone = [value for name, value in (a.attributes[i] if a.attributes else {}).items() if name not in there]
            n.update(name for name, value in there.items() if value is not None and name not in known and value not in gone)
    return [f"attribute {name} of {count} labels that nobody gave" for name, count in sorted(n.items())]


def _tags(readings: Readings) -> list[str]:
    given, back = ([(tag.name, tag.key) for scene, _, _ in clip.scenes for tag in scene.tags] for clip in (readings.given, readings.back))
    return [f"{n} of tag {name} that nobody gave" for name, n in _more(given, back)]


def _relations(readings: Readings) -> list[str]:
    names = renamed(*readings.shapes) | renamed(*readings.cuboids)
    given = [(r.kind, (names.get(r.subject, r.subject), names.get(r.object, r.object))) for s, _, _ in readings.given.scenes for r in s.relations]
    back = [(r.kind, (r.subject, r.object)) for s, _, _ in readings.back.scenes for r in s.relations]
    return [f"{n} of relation {kind} that nobody gave" for kind, n in _more(given, back)]


def _more(given: Iterable[tuple[str, Hashable]], back: Iterable[tuple[str, Hashable]]) -> list[tuple[str, int]]:
    """Name -> of how many more things than are missing of that name it is said that nobody gave them."""
    before, after = (defaultdict[str, set[Hashable]](set), defaultdict[str, set[Hashable]](set))
    for said, found in ((given, before), (back, after)):
        for name, one in said:
            found[name].add(one)
    n = {name: len(there - before[name]) - len(before[name] - there) for name, there in after.items()}
    return [(name, count) for name, count in sorted(n.items()) if count > 0]


def _links(readings: Readings) -> list[str]:
    a, b, pairs = readings.shapes
    tracks = sorted({*zip(a.track[pairs.a].tolist(), b.track[pairs.b].tolist())})
    new = [a.tracks[i].track_id for i, j in tracks if a.tracks[i].object_id is None and b.tracks[j].object_id is not None]
    return [f"a link of track {name} in pictures to an object that nobody gave" for name in dict.fromkeys(new)]


def _poses(readings: Readings) -> list[str]:
    """Where no pose was given the vehicle may stand, as in formats that need a pose for every frame; it does not drive."""
    if any(scene.trajectory is not None for scene, _, _ in readings.given.scenes):
        return []
    drives = any(scene.trajectory is not None and _drives(scene.trajectory) for scene, _, _ in readings.back.scenes)
    return ["poses of a vehicle that drives, which nobody gave"] if drives else []


def _drives(trajectory: Trajectory) -> bool:
    return bool((np.ptp(trajectory.translation_m, axis=0) > 0).any() or (np.ptp(trajectory.quat_wxyz, axis=0) > 0).any())
