"""Several annotators' labels of one clip become one set, each value of which tells where it comes from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .cuboids import Cuboids
from .errors import ArgumentError, number_of
from .grouping import Units, group_labels, units_of
from .matching import LabelTable, MatchRules, as_rules, check_scenes, common_times, labels_at
from .merging import Merged, angles_between, merged_rotations, merged_vectors, spreads
from .point_labels import NoPointLabels
from .rotations import yaw_from_quat
from .scene import Scene
from .sources import KEY, VERSION, source_record
from .tracks import Track, Tracks, Visibility

__all__ = ["AnnotatorSpread", "Consensus", "consensus"]

LEAST_M, LEAST_RAD = 1e-3, 1e-4


@dataclass(frozen=True)
class AnnotatorSpread:
    """How much an annotator scatters, as learnt from how much every two differ: standard deviations of each number."""

    center_m: float
    size_m: float
    angle_rad: float


@dataclass(frozen=True, eq=False)
class Consensus:
    """The merged scene, how much each annotator scatters (his weights are the inverse squares), and what had to be assumed."""

    scene: Scene
    spreads: Mapping[str, AnnotatorSpread]
    notes: Sequence[str]

    def __repr__(self) -> str:
        return f"Consensus({number_of(len(self.scene.tracks), 'track')} of {', '.join(self.spreads)})"


def consensus(scenes: Sequence[Scene] | Mapping[str, Scene], *, votes: int | None = None, rules: MatchRules | None = None) -> Consensus:
    """Labels of one clip merged, in the frames that all annotators have.

    scenes : one for each annotator, two at least; a mapping names them, otherwise the tag "annotator" does, or the scene's name
    votes : how many must have a label for it to be in the result; more than half of them where None
    rules : when two labels may be the same object

    Places, rotations and sizes are robust means, weighted by what the annotators' differences tell of each one's scatter (of two they tell nothing:
    both count the same); classes and attributes are voted on, the better annotators deciding where votes are equal; a track keeps the id that most
    of its labels have. `bw.consensus_sources` gives the sources back, `bw.consensus_trace` tells what a merged cuboid was made of; both also after
    the scene was written in boxwright's own format and read again.
    TimeError where the scenes have no frame in common, GeometryError where labels cannot be brought into the first annotator's frame.
    """
    named = sorted(check_scenes("scenes", scenes, 2), key=lambda pair: pair[0])
    names, n = [name for name, _ in named], len(named)
    needed = n // 2 + 1 if votes is None else votes
    if isinstance(needed, bool) or not isinstance(needed, int) or not 1 <= needed <= n:
        raise ArgumentError(expected=f"a number of votes from 1 to {n}", got=repr(votes), field="votes", hint="leave it out for more than half")
    base = named[0][1]
    times = common_times([scene for _, scene in named])
    tables = [labels_at(scene, times, base.label_frame) for _, scene in named]
    units = units_of(tables, group_labels(tables, as_rules(rules)))
    scatter = _spreads(units)
    center, rotation = merged_vectors(units.center_m, units.is_there, scatter[0]), merged_rotations(units.quat_wxyz, units.is_there, scatter[2])
    size = _merged_sizes(units, scatter[1])
    maker = _TrackMaker(tables, names, times, units, (center, rotation, size), 1 / scatter[0] ** 2)
    tracks, notes = maker.tracks(needed)
    notes += _notes(named, rotation)
    learnt = {name: AnnotatorSpread(*(float(part[who]) for part in scatter)) for who, name in enumerate(names)}
    kept = {
        "version": VERSION,
        "votes": needed,
        "spreads": {name: vars(one) for name, one in learnt.items()},
        "sources": [source_record(name, scene) for name, scene in named],
    }
    merged = base.replace(
        tracks=tracks,
        image_tracks=(),
        point_label_data=NoPointLabels(),
        point_edits=(),
        relations=(),
        tags=[tag for tag in base.tags if tag.name != "annotator"],
        notes=[*base.notes, *notes],
        source_attributes={**base.source_attributes, KEY: kept},
    )
    return Consensus(merged, learnt, notes)


def _spreads(units: Units) -> tuple[Float64s, Float64s, Float64s]:
    """(N,) of places, of sizes, of angles."""

    def both(i: int, j: int) -> Int64s:
        return np.flatnonzero(units.is_there[:, i] & units.is_there[:, j])

    def of(part: Float64s) -> Callable[[int, int], Float64s]:
        return lambda i, j: part[both(i, j), i] - part[both(i, j), j]

    def turns(i: int, j: int) -> Float64s:
        return angles_between(units.quat_wxyz[both(i, j), i], units.quat_wxyz[both(i, j), j])

    def objects(i: int, j: int) -> Int64s:
        return units.grouping.object_index[both(i, j)]

    n = units.is_there.shape[1]
    places, sizes = (spreads(of(part), objects, n, LEAST_M) for part in (units.center_m, units.size_m))
    return places, sizes, spreads(turns, objects, n, LEAST_RAD)


def _merged_sizes(units: Units, spread: Float64s) -> Merged:
    """Where everybody gave an object one size, it has one size; otherwise one in each frame."""
    merged = merged_vectors(units.size_m, units.is_there, spread)
    value, weight = merged.value.copy(), merged.weight.copy()
    for rows in _by_object(units.grouping.object_index):
        there, sizes = units.is_there[rows], units.size_m[rows]
        low, high = (part.reduce(np.where(there[:, :, None], sizes, np.nan), axis=0) for part in (np.fmin, np.fmax))
        if np.array_equal(low, high, equal_nan=True):
            one = merged_vectors(low[None], np.isfinite(low).all(1)[None], spread)
            value[rows], weight[rows] = one.value[0], one.weight[0]
    return Merged(value, weight, merged.is_undecided)


def _by_object(index: Int64s) -> list[Int64s]:
    order = np.argsort(index, kind="stable")
    return list(np.split(order, np.flatnonzero(np.diff(index[order])) + 1)) if len(order) else []


def _notes(named: Sequence[tuple[str, Scene]], rotation: Merged) -> list[str]:
    notes = []
    if rotation.is_undecided.any():
        n = int(rotation.is_undecided.sum())
        notes.append(
            f"{number_of(n, 'heading')} undecided, since two annotators say opposite things: that of the better, or first by name, was taken"
        )
    for what, field in (("labels in pictures", "image_tracks"), ("edits of point labels", "point_edits"), ("relations", "relations")):
        if any(getattr(scene, field) for _, scene in named):
            notes.append(f"{what} are not merged, and left out")
    if any(not isinstance(scene.point_label_data, NoPointLabels) for _, scene in named):
        notes.append("point labels are not merged, and left out: bw.segment_scene makes them from the merged cuboids")
    said = [[tag for tag in scene.tags if tag.name != "annotator"] for _, scene in named]
    if any(tags != said[0] for tags in said):
        notes.append(f"the annotators' tags differ: those of {named[0][0]} were taken")
    return notes


class _TrackMaker:
    """Merged units become tracks."""

    def __init__(
        self,
        tables: Sequence[LabelTable],
        names: Sequence[str],
        times_ns: Int64s,
        units: Units,
        merged: tuple[Merged, Merged, Merged],
        trust: Float64s,
    ) -> None:
        self.tables, self.names, self.times_ns, self.units, self.trust = tables, names, times_ns, units, trust
        self.center, self.rotation, self.size = merged
        self.taken: set[str] = set()

    def tracks(self, needed: int) -> tuple[Tracks, list[str]]:
        made, n_few, n_twice = [], 0, 0
        for rows in _by_object(self.units.grouping.object_index):
            n_votes = self.units.is_there[rows].sum(1)
            n_few += int((n_votes < needed).sum())
            enough = rows[n_votes >= needed]
            time = self.units.grouping.time_index[enough]
            order = np.lexsort((-self.units.is_there[enough].sum(1), time))
            first = np.r_[True, np.diff(time[order]) > 0] if len(order) else np.zeros(0, bool)
            n_twice += int((~first).sum())
            if first.any():
                made.append(self._track(enough[order[first]]))
        notes = [f"{number_of(n_few, 'label')} with fewer than {number_of(needed, 'vote')}: left out"] if n_few else []
        if n_twice:
            notes.append(f"{number_of(n_twice, 'label')} that would have been an object's second in a frame: left out")
        return Tracks(made), notes

    def _track(self, rows: Int64s) -> Track:
        """rows : units, by time, none twice"""
        times = self.units.grouping.time_index[rows]
        members = self.units.grouping.objects[int(self.units.grouping.object_index[rows[0]])]
        ids = {name: [self.tables[who].tracks[i].track_id for i in members[who]] for who, name in enumerate(self.names)}
        category, votes = self._category(rows)
        quat = self.rotation.value[rows]
        frame = self.tables[0].cuboids.frame
        cuboids = Cuboids._trusted(self.center.value[rows], self.size.value[rows], quat, yaw_from_quat(quat), frame)
        whole, changing = self._attributes(rows)
        weights = [{KEY: self._weights(row)} for row in rows.tolist()]
        ends = np.flatnonzero(np.diff(times) > 1)  # after them the object is gone for a while
        order = np.insert(np.arange(len(rows)), ends + 1, ends)
        is_end = np.insert(np.zeros(len(rows), bool), ends + 1, True)
        stamps = self.times_ns[times[order] + is_end]
        return Track(
            self._id(ids, rows),
            category,
            stamps,
            cuboids[order],
            visibility=np.where(is_end, Visibility.OUTSIDE, self._visibility(rows)[order]).astype(np.uint8),
            attributes=whole,
            keyframe_attributes=[{} if end else changing[i] for i, end in zip(order.tolist(), is_end)] if any(changing) else (),
            source_attributes={KEY: {"track_ids": ids, "categories": votes}},
            keyframe_source_attributes=[{} if end else weights[i] for i, end in zip(order.tolist(), is_end)],
        )

    def _weights(self, row: int) -> dict[str, list[float]]:
        """annotator -> his share of place, rotation and size."""
        there = np.flatnonzero(self.units.is_there[row]).tolist()
        return {self.names[who]: [float(part.weight[row, who]) for part in (self.center, self.rotation, self.size)] for who in there}

    def _voted(self, votes: Sequence[tuple[int, str]]) -> str:
        """What most say; where as many say something else, what the better annotators say; then what comes first."""
        number = Counter(text for _, text in votes)
        trust = {text: sum(self.trust[who] for who, said in votes if said == text) for text in number}
        return min(number, key=lambda text: (-number[text], -round(trust[text] / self.trust.max(), 9), text))

    def _category(self, rows: Int64s) -> tuple[str, dict[str, str]]:
        """What most annotators mostly call it, and what each of them calls it."""
        votes = {}
        for who, name in enumerate(self.names):
            said = [kind for row in rows.tolist() if (kind := self.units.categories[row][who]) is not None]
            if said:
                votes[name] = min(said, key=lambda kind: (-said.count(kind), kind))
        return self._voted([(self.names.index(name), kind) for name, kind in votes.items()]), votes

    def _attributes(self, rows: Int64s) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What holds throughout, and for each keyframe what changes there. What most of those who have the label do not say is left out."""
        said = []
        for row in rows.tolist():
            present = [(who, one) for who, one in enumerate(self.units.attributes[row]) if one is not None]
            voted = {}
            for name in sorted({name for _, one in present for name in one}):
                votes = [(who, json.dumps(one[name], sort_keys=True)) for who, one in present if name in one]
                if 2 * len(votes) >= len(present):
                    voted[name] = json.loads(self._voted(votes))
            said.append(voted)
        whole = {name: value for name, value in said[0].items() if all(name in one and one[name] == value for one in said)}
        changing, held = [], dict(whole)
        for one in said:
            changing.append({name: value for name, value in one.items() if name not in held or held[name] != value})
            held.update(changing[-1])
        return whole, changing

    def _visibility(self, rows: Int64s) -> Any:
        """Hidden where more than half of those who have the label say so."""
        hidden = np.zeros(len(rows))
        for who, table in enumerate(self.tables):
            at = self.units.grouping.rows[rows, who]
            hidden += (at >= 0) & (table.visibility[np.maximum(at, 0)] == Visibility.OCCLUDED) if len(table.visibility) else False
        return np.where(2 * hidden > self.units.is_there[rows].sum(1), Visibility.OCCLUDED, Visibility.VISIBLE)

    def _id(self, ids: Mapping[str, Sequence[str]], rows: Int64s) -> str:
        """The id most of the labels have and no other track has taken."""
        number: Counter[str] = Counter()
        for who, table in enumerate(self.tables):
            at = self.units.grouping.rows[rows, who]
            number.update(table.tracks[i].track_id for i in table.track_index[at[at >= 0]].tolist())
        best = sorted(number, key=lambda name: (-number[name], name))
        free = [name for name in best if name not in self.taken]
        chosen = free[0] if free else next(name for k in range(2, len(self.taken) + 3) if (name := f"{best[0]}-{k}") not in self.taken)
        self.taken.add(chosen)
        return chosen
