"""Point labels against gold: intersection over union and panoptic quality of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Float64s, Int64s, check_kinds
from .errors import ArgumentError, number_of
from .point_labels import UNLABELLED, PointLabels

__all__ = ["PointComparison", "compare_point_labels"]

_HALF = 0.5  # of the union: an object that shares more with one of gold can share so much with no other


@dataclass(frozen=True, eq=False)
class PointComparison:
    """How labels agree with gold, over all points that gold labels. C classes, by name; arrays read-only.

    names : C + 1, the first of them "unlabelled"
    confusion : (C + 1, C + 1) int64, points by class of gold (rows) and found (columns); those that gold leaves unlabelled are in row 0, and count
        for nothing below
    iou : (C,) intersection over union; NaN where neither side has a point
    n_matched, n_extra, n_missed : (C,) int64, objects that match one of gold by more than half of their union, that match none, and of gold that none
        matches; points of a class without an object count as one object a sweep
    segmentation_quality : (C,) mean intersection over union of what matches; NaN where nothing does
    recognition_quality : (C,) F1 of the objects; panoptic_quality : their product, 0 where nothing matches; NaN where there is no object
    """

    names: tuple[str, ...]
    confusion: Int64s
    iou: Float64s
    n_matched: Int64s
    n_extra: Int64s
    n_missed: Int64s
    segmentation_quality: Float64s
    recognition_quality: Float64s
    panoptic_quality: Float64s

    @property
    def mean_iou(self) -> float:
        """Over the classes that either side has; NaN where there is none."""
        return _mean(self.iou)

    @property
    def mean_panoptic_quality(self) -> float:
        return _mean(self.panoptic_quality)

    @property
    def is_perfect(self) -> bool:
        """Whether every point that gold labels is of the same class and object."""
        return not any((figure < 1).any() for figure in (self.iou, self.panoptic_quality))

    @property
    def accuracy(self) -> float:
        """Share of the points that gold labels whose class is right."""
        n = int(self.confusion[1:].sum())
        return float(np.trace(self.confusion[1:, 1:])) / n if n else float("nan")

    def by_class(self) -> dict[str, dict[str, float]]:
        """Class -> its numbers, by name; classes that neither side has are left out."""
        columns = ("iou", "panoptic_quality", "segmentation_quality", "recognition_quality", "n_matched", "n_extra", "n_missed")
        has = ~np.isnan(self.iou)
        return {name: {column: getattr(self, column)[i].item() for column in columns} for i, name in enumerate(self.names[1:]) if has[i]}

    def __repr__(self) -> str:
        return f"PointComparison({int((~np.isnan(self.iou)).sum())} classes, mean IoU {self.mean_iou:.3f}, PQ {self.mean_panoptic_quality:.3f})"


def compare_point_labels(found: PointLabels | Sequence[PointLabels], gold: PointLabels | Sequence[PointLabels]) -> PointComparison:
    """Labels against gold, of one sweep or of many, class by class; classes are the same where their names are.

    found, gold : of the same sweeps in the same order

    Points that gold leaves unlabelled count for nothing, and an object found mostly on such points neither. An object is what points of one class and
    instance make in one sweep. Panoptic quality after Kirillov, He, Girshick, Rother and Dollar (CVPR 2019), summed over sweeps.
    ArgumentError where the numbers of sweeps or of points differ.
    """
    pairs = _pairs(found, gold)
    names = (UNLABELLED, *dict.fromkeys(name for labels in (pair[k] for k in (1, 0) for pair in pairs) for name in labels.classes.values()))
    index = {name: i for i, name in enumerate(names)}
    n = len(names)
    confusion, counts, overlap = np.zeros((n, n), np.int64), np.zeros((3, n), np.int64), np.zeros(n)
    for mine, other in pairs:
        of_found, of_gold = (_class_index(labels, index) for labels in (mine, other))
        confusion += np.bincount(of_gold * n + of_found, minlength=n * n).reshape(n, n)
        _add_objects(_objects(of_found, mine), _objects(of_gold, other), counts, overlap)
    judged = confusion[1:]
    right = np.diagonal(confusion)[1:].astype(np.float64)
    union = judged.sum(1) + judged[:, 1:].sum(0) - right
    matched, extra, missed = counts[:, 1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        iou, segmentation = right / union, overlap[1:] / matched
        recognition = matched / (matched + extra / 2 + missed / 2)
    quality = np.where(matched > 0, segmentation, 0.0) * recognition
    for array in (confusion, iou, matched, extra, missed, segmentation, recognition, quality):
        array.setflags(write=False)
    return PointComparison(names, confusion, iou, matched, extra, missed, segmentation, recognition, quality)


def _pairs(found: PointLabels | Sequence[PointLabels], gold: PointLabels | Sequence[PointLabels]) -> list[tuple[PointLabels, PointLabels]]:
    sides = [[given] if isinstance(given, PointLabels) else given for given in (found, gold)]
    for name, side in zip(("found", "gold"), sides):
        check_kinds(name, side, PointLabels, "PointLabels", "bw.segment and scene.point_labels give them")
    if len(sides[0]) != len(sides[1]):
        wanted = f"{number_of(len(sides[1]), 'sweep')}, as many as of gold"
        raise ArgumentError(expected=wanted, got=str(len(sides[0])), field="found", hint="leave out the same")
    for k, (mine, other) in enumerate(zip(sides[0], sides[1])):
        if len(mine) != len(other):
            hint = "are they of the same sweep?"
            raise ArgumentError(expected=f"{len(other):,} points, as many as of gold", got=f"{len(mine):,}", field=f"found[{k}]", hint=hint)
    return list(zip(sides[0], sides[1]))


def _class_index(labels: PointLabels, index: dict[str, int]) -> Int64s:
    lookup = np.zeros(2**16, np.int64)
    for class_id, name in labels.classes.items():
        lookup[class_id] = index[name]
    found: Int64s = lookup[labels.class_id]
    return found


def _objects(class_index: Int64s, labels: PointLabels) -> tuple[Int64s, Int64s, Int64s]:
    """(N,) the object of each point, (O,) the class of each, and (O,) how many points it has."""
    keys, which, sizes = np.unique((class_index << 32) | labels.instance_id.astype(np.int64), return_inverse=True, return_counts=True)
    return which.astype(np.int64), keys >> 32, sizes.astype(np.int64)


def _add_objects(found: tuple[Int64s, Int64s, Int64s], gold: tuple[Int64s, Int64s, Int64s], counts: Int64s, overlap: Float64s) -> None:
    """Adds to matched, extra and missed objects by class, and to the sums of intersection over union of those matched."""
    (which, kind, size), (gold_which, gold_kind, gold_size) = found, gold
    pairs, shared = np.unique(which * max(len(gold_kind), 1) + gold_which, return_counts=True)
    a, b = np.divmod(pairs, max(len(gold_kind), 1))
    on_nothing = np.bincount(a, np.where(gold_kind[b] == 0, shared, 0), len(kind)) if len(a) else np.zeros(len(kind))
    alike = (kind[a] == gold_kind[b]) & (kind[a] > 0)
    a, b, shared = a[alike], b[alike], shared[alike]
    iou = shared / (size[a] - on_nothing[a] + gold_size[b] - shared)
    is_match = iou > _HALF
    n = counts.shape[1]
    np.add.at(overlap, kind[a[is_match]], iou[is_match])
    alone, gold_alone = np.ones(len(kind), bool), np.ones(len(gold_kind), bool)
    alone[a[is_match]], gold_alone[b[is_match]] = False, False
    counts[0] += np.bincount(kind[a[is_match]], minlength=n)
    counts[1] += np.bincount(kind[alone & (on_nothing <= size / 2)], minlength=n)
    counts[2] += np.bincount(gold_kind[gold_alone], minlength=n)


def _mean(values: Float64s) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
