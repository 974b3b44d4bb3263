"""How well tracks follow tracks: HOTA, CLEAR and IDF1, of any labels whose likeness is known, 3-D or 2-D.

Input everywhere: for each of T frames the ids of what is there, whole numbers from 0, and a matrix of likeness from 0 to 1:
    gold_ids[t] (A,), label_ids[t] (B,), similarity[t] (A, B)
What the definitions leave open (ties of rounding, what a frame without labels does to continuity) is as in trackeval, whose figures are published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Float64s, Int64s
from .assignment import assigned

__all__ = ["ALPHAS", "Clear", "Hota", "Identity", "clear", "hota", "identity"]

ALPHAS: Float64s = np.arange(0.05, 0.99, 0.05)
EPS = float(np.finfo(np.float64).eps)
STAY = 1000.0  # above any sum of likeness: a track that was followed goes on being followed where it can


@dataclass(frozen=True, eq=False)
class Hota:
    """Higher order tracking accuracy; means over the thresholds ALPHAS, and the values there.

    NaN where there are neither labels nor gold.
    """

    hota: float
    deta: float
    assa: float
    loca: float
    hota_alpha: Float64s
    deta_alpha: Float64s
    assa_alpha: Float64s
    loca_alpha: Float64s


@dataclass(frozen=True)
class Clear:
    """CLEAR MOT at one threshold.

    mota : 1 - (missed + extraneous + switches) / gold; motp : mean likeness of what matched
    n_switches : times a gold track goes over to another label track
    n_fragments : times following a gold track is taken up again
    n_mostly_tracked, n_partly_tracked, n_mostly_lost : gold tracks followed for more than 80 %, for 20 to 80 %, for less
    """

    mota: float
    motp: float
    n_matched: int
    n_missed: int
    n_extraneous: int
    n_switches: int
    n_fragments: int
    n_mostly_tracked: int
    n_partly_tracked: int
    n_mostly_lost: int


@dataclass(frozen=True)
class Identity:
    """Every gold track given to one label track at most, so that most frames are right (at one threshold)."""

    idf1: float
    idp: float
    idr: float
    n_true: int
    n_missed: int
    n_extraneous: int


Ids = Sequence[Int64s]
Similarities = Sequence[Float64s]


def hota(gold_ids: Ids, label_ids: Ids, similarity: Similarities) -> Hota:
    """Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-object Tracking, IJCV 129 (2021)."""
    n_gold, n_label = _counts(gold_ids), _counts(label_ids)
    if not n_gold.sum() and not n_label.sum():
        nothing = np.full(len(ALPHAS), np.nan)
        return Hota(np.nan, np.nan, np.nan, np.nan, nothing, nothing, nothing, nothing)
    alignment = _alignment(gold_ids, label_ids, similarity, n_gold, n_label)
    gold, label, alike = _aligned_matches(gold_ids, label_ids, similarity, alignment)
    deta, assa, loca = np.zeros((3, len(ALPHAS)))
    for k, alpha in enumerate(ALPHAS.tolist()):
        at = alike >= alpha - EPS
        n_true = int(at.sum())
        deta[k] = n_true / max(1, n_gold.sum() + n_label.sum() - n_true)
        loca[k] = max(1e-10, alike[at].sum()) / max(1e-10, n_true)
        pair, count = np.unique(gold[at] * len(n_label) + label[at], return_counts=True)
        if n_true:
            union = n_gold[pair // len(n_label)] + n_label[pair % len(n_label)] - count
            assa[k] = (count * (count / np.maximum(1, union))).sum() / n_true
    both = np.sqrt(deta * assa)
    return Hota(float(both.mean()), float(deta.mean()), float(assa.mean()), float(loca.mean()), both, deta, assa, loca)


def _alignment(gold_ids: Ids, label_ids: Ids, similarity: Similarities, n_gold: Int64s, n_label: Int64s) -> Float64s:
    """(G, L): how much two tracks are one over the whole clip, as a Jaccard index of frames weighted by likeness."""
    shared = np.zeros((len(n_gold), len(n_label)))
    for gold, label, alike in zip(gold_ids, label_ids, similarity):
        if len(gold) and len(label):
            union = alike.sum(0) + alike.sum(1)[:, None] - alike
            shared[gold[:, None], label] += np.divide(alike, union, out=np.zeros_like(alike), where=union > EPS)
    union = n_gold[:, None] + n_label - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _aligned_matches(gold_ids: Ids, label_ids: Ids, similarity: Similarities, alignment: Float64s) -> tuple[Int64s, Int64s, Float64s]:
    """Gold id, label id and likeness of every pair in every frame."""
    parts: list[tuple[Int64s, Int64s, Float64s]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for gold, label, alike in zip(gold_ids, label_ids, similarity):
        if len(gold) and len(label):
            i, j = assigned(alignment[gold[:, None], label] * alike)
            parts.append((gold[i], label[j], alike[i, j]))
    gold_part, label_part, alike_part = zip(*parts)
    return np.concatenate(gold_part), np.concatenate(label_part), np.concatenate(alike_part)


def clear(gold_ids: Ids, label_ids: Ids, similarity: Similarities, threshold: float = 0.5) -> Clear:
    """Bernardin and Stiefelhagen, CLEAR MOT, EURASIP J. Image and Video Processing (2008); mostly tracked and lost after Li et al., CVPR 2009.

    Whom a track followed in the frame before it keeps following where it may; then the summed likeness decides. Frames with nothing in one of the
    two change nothing about that.
    """
    n_gold, n_label = _counts(gold_ids), _counts(label_ids)
    followed, restarts = np.zeros((2, len(n_gold)), np.int64)
    last_ever, last_frame = np.full((2, len(n_gold)), -1, np.int64)
    n_switches, total = 0, 0.0
    for gold, label, alike in zip(gold_ids, label_ids, similarity):
        if not len(gold) or not len(label):
            continue
        score = np.where(alike < threshold - EPS, 0.0, alike + STAY * (last_frame[gold][:, None] == label))
        i, j = assigned(score)
        who, whom = gold[i], label[j]
        n_switches += int(((last_ever[who] >= 0) & (last_ever[who] != whom)).sum())
        restarts[who] += last_frame[who] < 0
        last_ever[who] = whom
        last_frame[:] = -1
        last_frame[who] = whom
        followed[who] += 1
        total += float(alike[i, j].sum())
    n_true, n_all = int(followed.sum()), int(n_gold.sum())
    share = followed[n_gold > 0] / n_gold[n_gold > 0]
    mostly, lost = int((share > 0.8).sum()), int((share < 0.2).sum())
    n_extraneous = int(n_label.sum()) - n_true
    is_nothing = not n_all and not n_label.sum()
    mota = np.nan if is_nothing else (n_true - n_extraneous - n_switches) / max(1, n_all)
    motp = total / n_true if n_true else np.nan
    n_fragments = int((restarts[restarts > 0] - 1).sum())
    partly = len(share) - mostly - lost
    return Clear(float(mota), motp, n_true, n_all - n_true, n_extraneous, n_switches, n_fragments, mostly, partly, lost)


def identity(gold_ids: Ids, label_ids: Ids, similarity: Similarities, threshold: float = 0.5) -> Identity:
    """Ristani et al., Performance Measures and a Data Set for Multi-target, Multi-camera Tracking, ECCV workshops 2016."""
    n_gold, n_label = _counts(gold_ids), _counts(label_ids)
    shared = np.zeros((len(n_gold), len(n_label)), np.int64)
    for gold, label, alike in zip(gold_ids, label_ids, similarity):
        i, j = np.nonzero(alike >= threshold)
        shared[gold[i], label[j]] += 1
    n_true = int(shared[assigned(shared.astype(np.float64))].sum())
    n_all, n_given = int(n_gold.sum()), int(n_label.sum())
    if not n_all and not n_given:
        return Identity(np.nan, np.nan, np.nan, 0, 0, 0)
    idf1 = n_true / max(1.0, (n_all + n_given) / 2)
    return Identity(idf1, n_true / max(1, n_given), n_true / max(1, n_all), n_true, n_all - n_true, n_given - n_true)


def _counts(ids: Ids) -> Int64s:
    """Frames of each id."""
    together = np.concatenate([np.zeros(0, np.int64), *ids])
    counts: Int64s = np.bincount(together).astype(np.int64)
    return counts
