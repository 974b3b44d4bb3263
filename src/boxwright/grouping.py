"""Labels of several annotators that are the same object: tracks as a whole, and label by label in every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Int64s
from .cuboids import Cuboids
from .matching import IDENTITY_BONUS, LabelTable, MatchRules, shared_frames, similarities

__all__ = ["Grouping", "Units", "group_labels", "units_of"]

LEAST_SHARED = 0.3
"""Of the shorter of two tracks' frames, in which they must be alike to be one object."""


@dataclass(frozen=True, eq=False)
class Grouping:
    """What N annotators labelled, put together.

    objects : for each object, N lists of indices of tracks (several where somebody's track is broken), in an order that is not that of annotators
    rows : (U, N) int64, for each object in each frame the row of each annotator's table, -1 where he has none
    time_index, object_index : (U,) int64
    """

    objects: list[tuple[tuple[int, ...], ...]]
    rows: Int64s
    time_index: Int64s
    object_index: Int64s


class _Sets:
    """Sets that grow together; each holds what each annotator put into it."""

    def __init__(self, members: Sequence[tuple[int, set[int]]]) -> None:
        """members : (annotator, the times at which it is there)"""
        self.parent = list(range(len(members)))
        self.times: list[dict[int, set[int]]] = [{who: set(times)} for who, times in members]

    def root(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Unless somebody would be in the joined set twice at a time."""
        i, j = sorted((self.root(i), self.root(j)))
        if i == j or any(not times.isdisjoint(self.times[j].get(who, ())) for who, times in self.times[i].items()):
            return
        self.parent[j] = i
        for who, times in self.times[j].items():
            self.times[i].setdefault(who, set()).update(times)


def group_labels(tables: Sequence[LabelTable], rules: MatchRules) -> Grouping:
    """The likest tracks become one object first, then the next; then the same frame by frame, where labels of one object are favoured.

    Nobody has two labels of an object in a frame. Nothing depends on the order of the annotators.
    """
    alike = {pair: similarities(tables[pair[0]], tables[pair[1]], rules) for pair in combinations(range(len(tables)), 2)}
    objects = _objects(tables, alike, rules.least_similarity)
    object_of = [np.full(len(table.tracks), -1, np.int64) for table in tables]
    for k, members in enumerate(objects):
        for who, tracks in enumerate(members):
            object_of[who][list(tracks)] = k
    rows: list[Any] = []
    for t in range(len(tables[0].times_ns)):
        rows += [(t, k, *members) for k, members in _frame(tables, alike, object_of, t, rules.least_similarity)]
    rows.sort()
    units = np.array(rows, np.int64).reshape(-1, 2 + len(tables))
    return Grouping(objects, units[:, 2:], units[:, 0], units[:, 1])


def _objects(tables: Sequence[LabelTable], alike: Any, least: float) -> list[tuple[tuple[int, ...], ...]]:
    first = np.cumsum([0, *(len(table.tracks) for table in tables)]).tolist()
    members, names = [], []
    for who, table in enumerate(tables):
        times: list[set[int]] = [set() for _ in table.tracks]
        for track, time in zip(table.track_index.tolist(), table.time_index.tolist()):
            times[track].add(time)
        members += [(who, its) for its in times]
        names += [(min(its, default=-1), track.track_id, track.category) for track, its in zip(table.tracks, times)]
    edges = []
    for (a, b), matrices in alike.items():
        total, count = shared_frames(tables[a], tables[b], matrices, least)
        for i, j in zip(*(index.tolist() for index in np.nonzero(count))):
            p, q = first[a] + i, first[b] + j
            if count[i, j] >= LEAST_SHARED * min(len(members[p][1]), len(members[q][1])):
                edges.append((-round(float(total[i, j]), 9), *sorted((names[p], names[q])), p, q))
    sets = _Sets(members)
    for edge in sorted(edges):
        sets.join(edge[-2], edge[-1])
    together: dict[int, list[int]] = {}
    for p, (_, its) in enumerate(members):
        if its:
            together.setdefault(sets.root(p), []).append(p)
    ordered = sorted(together.values(), key=lambda group: sorted(names[p] for p in group))
    return [tuple(tuple(p - first[who] for p in group if members[p][0] == who) for who in range(len(tables))) for group in ordered]


def _frame(tables: Sequence[LabelTable], alike: Any, object_of: Sequence[Int64s], t: int, least: float) -> list[tuple[int, list[int]]]:
    """(object, N rows) of each object in one frame."""
    first = np.cumsum([0, *(int(table.offsets[t + 1] - table.offsets[t]) for table in tables)]).tolist()
    begin = [int(table.offsets[t]) for table in tables]
    whose = [who for who, table in enumerate(tables) for _ in range(*table.rows(t).indices(len(table.track_index)))]
    tracks = [int(table.track_index[row]) for table in tables for row in range(*table.rows(t).indices(len(table.track_index)))]
    kinds = [int(object_of[who][track]) for who, track in zip(whose, tracks)]
    names = [tables[who].tracks[track].track_id for who, track in zip(whose, tracks)]
    classes = [tables[who].tracks[track].category for who, track in zip(whose, tracks)]
    edges = []
    for (a, b), matrices in alike.items():
        for i, j in zip(*(index.tolist() for index in np.nonzero(matrices[t] >= least))):
            p, q = first[a] + i, first[b] + j
            score = float(matrices[t][i, j]) + IDENTITY_BONUS * (kinds[p] == kinds[q])
            edges.append((classes[p] != classes[q], -round(score, 9), *sorted((names[p], names[q])), p, q))
    sets = _Sets([(who, {t}) for who in whose])
    for edge in sorted(edges):
        sets.join(edge[-2], edge[-1])
    together: dict[int, list[int]] = {}
    for p in range(len(whose)):
        together.setdefault(sets.root(p), []).append(p)
    units = []
    for group in together.values():
        of = [kinds[p] for p in group]
        members = [-1] * len(tables)
        for p in group:
            members[whose[p]] = begin[whose[p]] + p - first[whose[p]]
        units.append((min(of, key=lambda k: (-of.count(k), k)), members))
    return units


@dataclass(frozen=True, eq=False)
class Units:
    """What N annotators say of U units, in arrays; NaN, None and False where somebody has no label.

    center_m, size_m : (U, N, 3); yaw_rad : (U, N); quat_wxyz : (U, N, 4); is_there : (U, N) bool
    categories, attributes : U lists of N
    """

    grouping: Grouping
    is_there: Bools
    center_m: Float64s
    size_m: Float64s
    quat_wxyz: Float64s
    yaw_rad: Float64s
    categories: list[list[str | None]]
    attributes: list[list[dict[str, Any] | None]]

    def cuboids(self, who: int, units: Any) -> Cuboids:
        """One annotator's cuboids of some units, which he has."""
        center, size, quat, yaw = (column[units, who] for column in (self.center_m, self.size_m, self.quat_wxyz, self.yaw_rad))
        return Cuboids._trusted(center, size, quat, yaw, None)


def units_of(tables: Sequence[LabelTable], grouping: Grouping) -> Units:
    """What every annotator says of every unit."""
    rows = grouping.rows
    is_there = rows >= 0
    shape = rows.shape
    center, size, quat, yaw = (np.full((*shape, *more), np.nan) for more in ((3,), (3,), (4,), ()))
    categories: list[list[str | None]] = [[None] * shape[1] for _ in range(shape[0])]
    attributes: list[list[dict[str, Any] | None]] = [[None] * shape[1] for _ in range(shape[0])]
    for who, table in enumerate(tables):
        units = np.flatnonzero(is_there[:, who])
        at = rows[units, who]
        for column, name in ((center, "center_m"), (size, "size_m"), (quat, "quat_wxyz"), (yaw, "yaw_rad")):
            column[units, who] = getattr(table.cuboids, name)[at]
        names, said = table.categories(), table.attributes()
        for unit, row in zip(units.tolist(), at.tolist()):
            categories[unit][who], attributes[unit][who] = names[row], said[row]
    return Units(grouping, is_there, center, size, quat, yaw, categories, attributes)
