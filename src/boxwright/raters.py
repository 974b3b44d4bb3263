"""How far annotators of the same clip agree, and where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Int64s
from .cuboids import table_library
from .differences import Tolerances, as_tolerances
from .disagreements import Disagreement, disagreements
from .errors import ArgumentError
from .grouping import Units, group_labels, units_of
from .intervals import Estimate, Statistic, check_seed, estimate, ratio_of
from .matching import MatchRules, as_rules, check_scenes, common_times, labels_at
from .overlap import iou_3d_pairs
from .reliability import circular_alpha, codes_of, cohen_kappa, fleiss_kappa, interval_alpha, nominal_alpha
from .scene import Scene

__all__ = ["Agreement", "Concord", "PairConcord", "agreement"]


@dataclass(frozen=True)
class PairConcord:
    """Two annotators: share of their labels that match, mean IoU and distance of centres of what does, Cohen's kappa of its classes."""

    a: str
    b: str
    n_matched: int
    matched_share: Estimate
    iou: Estimate
    distance_m: Estimate
    kappa_class: Estimate


@dataclass(frozen=True)
class Concord:
    """How far all annotators agree; every figure with its interval, which resamples objects.

    n_objects, n_units : objects, and objects counted in every frame
    matched_share : of all labels of every two annotators, those that have a partner; everything below is about these alone
    complete_share : of the units, those everybody labelled
    iou, distance_m : means over every two annotators' labels of an object
    alpha_class, alpha_attributes : Krippendorff's alpha, nominal; of one class, whether it is that class or another
    alpha_length, alpha_width, alpha_height : Krippendorff's alpha, interval
    alpha_yaw : Krippendorff's alpha with his circular metric; a heading turned by half is the largest disagreement there is
    fleiss_class : Fleiss' kappa of the units that everybody labelled
    """

    n_objects: int
    n_units: int
    matched_share: Estimate
    complete_share: Estimate
    iou: Estimate
    distance_m: Estimate
    alpha_class: Estimate
    alpha_length: Estimate
    alpha_width: Estimate
    alpha_height: Estimate
    alpha_yaw: Estimate
    fleiss_class: Estimate
    alpha_attributes: Mapping[str, Estimate]


@dataclass(frozen=True, eq=False)
class Agreement:
    """N annotators of one clip.

    annotators : by name
    times_ns : the frames all of them have
    pairs : every two annotators
    overall, per_class, per_range : all units; those that most call so; those of a range of frames (first, last)
    disagreements : the worst first
    """

    annotators: Sequence[str]
    times_ns: Int64s
    n_labels: Mapping[str, int]
    overall: Concord
    per_class: Mapping[str, Concord]
    per_range: Mapping[tuple[int, int], Concord]
    pairs: Sequence[PairConcord]
    disagreements: Sequence[Disagreement]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON can hold (NaN where a figure is not known)."""
        return {
            "annotators": list(self.annotators),
            "n_frames": len(self.times_ns),
            "n_labels": dict(self.n_labels),
            "overall": _spelled(self.overall),
            "per_class": {name: _spelled(one) for name, one in self.per_class.items()},
            "per_range": [{"first_frame": a, "last_frame": b, **_spelled(one)} for (a, b), one in self.per_range.items()],
            "pairs": [_spelled(one) for one in self.pairs],
            "disagreements": [asdict(one) for one in self.disagreements],
        }

    def to_pandas(self) -> Any:
        """The disagreements as a pandas.DataFrame (extra `table`)."""
        return table_library("pandas").DataFrame([asdict(one) for one in self.disagreements])

    def __repr__(self) -> str:
        return f"Agreement({', '.join(self.annotators)}: matched {self.overall.matched_share}, alpha of classes {self.overall.alpha_class})"


def agreement(
    scenes: Sequence[Scene] | Mapping[str, Scene],
    *,
    rules: MatchRules | None = None,
    tolerances: Tolerances | None = None,
    range_frames: int = 50,
    seed: int = 0,
) -> Agreement:
    """How far annotators of one clip agree, in the frames that all of them have.

    scenes : one for each annotator, two at least; a mapping names them, otherwise the tag "annotator" does, or the scene's name
    rules : when two labels may be the same object
    tolerances : what two labels may differ by before it is listed as a disagreement; figures do not depend on it
    range_frames : agreement is also told for every so many frames

    TimeError where the scenes have no frame in common, GeometryError where labels cannot be brought into the first annotator's frame.
    """
    named = sorted(check_scenes("scenes", scenes, 2), key=lambda pair: pair[0])
    if isinstance(range_frames, bool) or not isinstance(range_frames, int) or range_frames < 1:
        raise ArgumentError(expected="a whole number from 1", got=repr(range_frames), field="range_frames", hint="such as 50")
    check_seed(seed)
    rules, tolerances = as_rules(rules), as_tolerances(tolerances)
    times = common_times([scene for _, scene in named])
    tables = [labels_at(scene, times, named[0][1].label_frame) for _, scene in named]
    grouping = group_labels(tables, rules)
    units = units_of(tables, grouping)
    names = [name for name, _ in named]
    usual = [_most(row) for row in units.categories]
    names_of = sorted({kind for row in units.categories for kind in row if kind is not None})
    code_of = {name: i for i, name in enumerate(names_of)}
    classes = np.array([[-1 if kind is None else code_of[kind] for kind in row] for row in units.categories], np.int64).reshape(-1, len(named))
    every = np.ones(len(usual), bool)
    ranges = [(begin, min(begin + range_frames, len(times)) - 1) for begin in range(0, len(times), range_frames)]
    at = grouping.time_index
    return Agreement(
        names,
        times,
        {name: len(table.track_index) for name, table in zip(names, tables)},
        _concord(units, classes, every, None, seed),
        {name: _concord(units, classes, np.array([kind == name for kind in usual]), code_of[name], seed) for name in sorted(set(usual))},
        {(a, b): _concord(units, classes, (at >= a) & (at <= b), None, seed) for a, b in ranges},
        [_pair(units, classes, names, i, j, seed) for i, j in combinations(range(len(names)), 2)],
        disagreements(units, tables, names, usual, tolerances),
    )


def _most(kinds: Sequence[str | None]) -> str:
    """What most say; the first by name where several are said as often."""
    said = [kind for kind in kinds if kind is not None]
    return min(said, key=lambda kind: (-said.count(kind), kind))


class _Drawn:
    """Figures of some units, whose objects are drawn together."""

    def __init__(self, units: Units, keep: Bools, seed: int) -> None:
        objects, self.index = np.unique(units.grouping.object_index[keep], return_inverse=True)
        self.n, self.seed = len(objects), seed

    def by_object(self, values: Float64s) -> Float64s:
        return np.bincount(self.index, values, self.n).astype(np.float64)

    def ratio(self, top: Float64s, bottom: Float64s, *, is_share: bool = False) -> Estimate:
        return estimate(ratio_of(self.by_object(top), self.by_object(bottom)), self.n, is_share=is_share, seed=self.seed)

    def chance_free(self, make: Any, values: Any) -> Estimate:
        statistic: Statistic = make(values, self.index, self.n)
        return estimate(statistic, self.n, seed=self.seed)


def _concord(units: Units, classes: Int64s, keep: Bools, code: int | None, seed: int) -> Concord:
    """classes : (U, N) codes, -1 where there is none; code : of the class, where it is about one"""
    drawn = _Drawn(units, keep, seed)
    there = units.is_there[keep]
    number, n_all = there.sum(1).astype(np.float64), there.shape[1]
    overlap, distance, pairs = _pairwise(units, keep)
    # of one class, how far people agree that something is it: of what another is, too
    judged = keep if code is None else np.ones(len(keep), bool)
    kinds = classes[judged] if code is None else np.where(classes < 0, -1, classes == code)
    of_class = _Drawn(units, judged, seed)
    said = [units.attributes[u] for u in np.flatnonzero(keep)]
    attributes = sorted({name for row in said for one in row if one for name in one})
    length, width, height = (drawn.chance_free(interval_alpha, units.size_m[keep][:, :, k]) for k in range(3))
    return Concord(
        drawn.n,
        int(keep.sum()),
        drawn.ratio(number * (number - 1), number * (n_all - 1), is_share=True),
        drawn.ratio((number == n_all).astype(np.float64), np.ones(len(number)), is_share=True),
        drawn.ratio(overlap, pairs, is_share=True),
        drawn.ratio(distance, pairs),
        of_class.chance_free(nominal_alpha, kinds),
        length,
        width,
        height,
        drawn.chance_free(circular_alpha, units.yaw_rad[keep]),
        of_class.chance_free(fleiss_kappa, kinds),
        {name: drawn.chance_free(nominal_alpha, codes_of([[one.get(name) if one else None for one in row] for row in said])) for name in attributes},
    )


def _pairwise(units: Units, keep: Bools) -> tuple[Float64s, Float64s, Float64s]:
    """For each kept unit, summed over every two annotators who have it: IoU, distance of centres, how many pairs."""
    total, distance, number = np.zeros((3, len(keep)))
    for i, j in combinations(range(units.is_there.shape[1]), 2):
        both = np.flatnonzero(keep & units.is_there[:, i] & units.is_there[:, j])
        total[both] += iou_3d_pairs(units.cuboids(i, both), units.cuboids(j, both))
        distance[both] += np.linalg.norm(units.center_m[both, i] - units.center_m[both, j], axis=1)
        number[both] += 1
    return total[keep], distance[keep], number[keep]


def _pair(units: Units, classes: Int64s, names: Sequence[str], i: int, j: int, seed: int) -> PairConcord:
    keep = units.is_there[:, i] | units.is_there[:, j]
    drawn = _Drawn(units, keep, seed)
    both = units.is_there[:, i] & units.is_there[:, j]
    n_both, labels = both[keep].astype(np.float64), units.is_there[keep][:, [i, j]].sum(1).astype(np.float64)
    overlap, distance = np.zeros((2, len(both)))
    overlap[both] = iou_3d_pairs(units.cuboids(i, both), units.cuboids(j, both))
    distance[both] = np.linalg.norm(units.center_m[both, i] - units.center_m[both, j], axis=1)
    return PairConcord(
        names[i],
        names[j],
        int(n_both.sum()),
        drawn.ratio(2 * n_both, labels, is_share=True),
        drawn.ratio(overlap[keep], n_both, is_share=True),
        drawn.ratio(distance[keep], n_both),
        drawn.chance_free(cohen_kappa, classes[keep][:, [i, j]]),
    )


def _spelled(one: Any) -> dict[str, Any]:
    """For JSON."""
    plain = {name: value._asdict() if isinstance(value, Estimate) else value for name, value in vars(one).items()}
    if "alpha_attributes" in plain:
        plain["alpha_attributes"] = {name: value._asdict() for name, value in one.alpha_attributes.items()}
    return plain
