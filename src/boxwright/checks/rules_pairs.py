"""Rules about two labels at one place: tracks that are one object, and objects that go through each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s, Int64s
from ..errors import number_of
from ..overlap import iou_bev_pairs
from .context import Context
from .findings import Finding, Severity
from .registry import label_rule
from .suggestions import RemoveTrack, Suggestion

LEAST_SHARED = 3  # frames
SHARED_HEIGHT = 0.2  # of the lower one: less is one above the other
OTHER_CLASSES = 0.1
# what may share its place: one carries, pulls or pushes the other
TOGETHER = tuple(
    frozenset(pair)
    for pair in (
        ("trailer", "truck"), ("trailer", "car"), ("trailer", "van"), ("trailer", "bus"), ("trailer", "trailer"), ("trailer", "sign"),
        ("truck", "truck"), ("truck", "sign"), ("train", "train"), ("tram", "tram"), ("bus", "articulated_bus"),
        ("bicycle", "cyclist"), ("bicycle", "pedestrian"), ("bicycle", "sitting_person"), ("bicycle", "personal_mobility"),
        ("motorcycle", "motorcyclist"), ("motorcycle", "pedestrian"), ("motorcycle", "sitting_person"),
        ("pedestrian", "stroller"), ("pedestrian", "wheelchair"), ("pedestrian", "personal_mobility"), ("pedestrian", "animal"),
        ("pedestrian", "car"), ("pedestrian", "sitting_person"), ("sitting_person", "stroller"), ("sitting_person", "wheelchair"),
        ("personal_mobility", "personal_mobility"), ("sign", "sign"), ("sign", "bollard"), ("sign", "barrier"), ("sign", "cone"),
        ("sign", "drum"), ("barrier", "cone"), ("barrier", "drum"),
    )
)  # fmt: skip
TWINS = 0.6  # overlap from which two tracks may be one object


@dataclass(frozen=True, eq=False)
class Meetings:
    """Pairs of labels whose outlines meet, seen from above, and whose heights do: by pair of tracks, then by frame.

    a, b : (P,) rows of the context, a of the track that comes first; iou : (P,) seen from above
    bounds : those of one pair of tracks lie together, from bounds[i] to bounds[i + 1]
    """

    a: Int64s
    b: Int64s
    iou: Float64s
    bounds: Int64s


def meetings(context: Context) -> Meetings:
    """All labels of a frame that meet; made once for the rules here."""
    if "meetings" not in context.kept:
        context.kept["meetings"] = _meetings(context)
    found: Meetings = context.kept["meetings"]
    return found


def _meetings(context: Context) -> Meetings:
    rows = context.rows
    center, size = rows.cuboids.center_m, rows.cuboids.size_m
    reach = np.hypot(size[:, 0], size[:, 1]) / 2
    pairs = [np.zeros((0, 2), np.int64)]
    for frame in np.unique(rows.index):
        some = rows.at(int(frame))
        apart = np.hypot(*(center[some, None, :2] - center[None, some, :2]).transpose(2, 0, 1))
        near = np.argwhere(np.triu(apart < reach[some, None] + reach[None, some], 1))
        pairs.append(some[near])
    a, b = np.concatenate(pairs).T
    low = np.maximum(center[a, 2] - size[a, 2] / 2, center[b, 2] - size[b, 2] / 2)
    high = np.minimum(center[a, 2] + size[a, 2] / 2, center[b, 2] + size[b, 2] / 2)
    meet = high - low > SHARED_HEIGHT * np.minimum(size[a, 2], size[b, 2])
    a, b = a[meet], b[meet]
    iou = iou_bev_pairs(rows.cuboids[a], rows.cuboids[b]) if len(a) else np.zeros(0)
    keep = iou > 0
    a, b, iou = a[keep], b[keep], iou[keep]
    order = np.lexsort((rows.index[a], rows.track[b], rows.track[a]))
    a, b, iou = a[order], b[order], iou[order]
    is_new = np.r_[True, (np.diff(rows.track[a]) != 0) | (np.diff(rows.track[b]) != 0)] if len(a) else np.zeros(0, np.bool_)
    return Meetings(a, b, iou, np.r_[np.flatnonzero(is_new), len(a)])


def _by_pair(context: Context) -> Iterator[tuple[int, int, slice]]:
    """Two tracks, and where their meetings lie."""
    found, rows = meetings(context), context.rows
    for begin, end in zip(found.bounds[:-1].tolist(), found.bounds[1:].tolist()):
        yield int(rows.track[found.a[begin]]), int(rows.track[found.b[begin]]), slice(begin, end)


def twins(context: Context) -> dict[tuple[int, int], slice]:
    """Pairs of tracks that are one object labelled twice, with their meetings: they lie on each other wherever both are there."""
    if "twins" in context.kept:
        known: dict[tuple[int, int], slice] = context.kept["twins"]
        return known
    found, rows = meetings(context), context.rows
    pairs = {}
    for s, t, some in _by_pair(context):
        shared = len(np.intersect1d(rows.index[rows.of(s)], rows.index[rows.of(t)], assume_unique=True))
        is_twin = found.iou[some] > TWINS
        if is_twin.sum() >= min(LEAST_SHARED, shared) and is_twin.sum() >= 0.8 * shared:
            pairs[s, t] = some
    context.kept["twins"] = pairs
    return pairs


@label_rule(
    "duplicate_track",
    title="tracks that are one object",
    measures="median overlap, seen from above, of two tracks that lie on each other wherever both are there",
    unit="",
    thresholds=TWINS,
    severity=Severity.ERROR,
    source="two things cannot share more than half their place",
    is_fitted=False,
    groups=False,
    suggests="the shorter of the two tracks removed",
)
def duplicate_track(context: Context) -> Iterator[Finding]:
    found, rows, tracks = meetings(context), context.rows, context.scene.tracks
    for (s, t), some in twins(context).items():
        iou = found.iou[some]
        value = float(np.median(iou))
        length = [rows.bounds[k + 1] - rows.bounds[k] for k in (s, t)]
        keep, spare = (s, t) if length[0] >= length[1] else (t, s)
        if _may_share(context.classes[s], context.classes[t]) and context.classes[s] != context.classes[t]:
            continue
        if not context.over("duplicate_track", np.array([keep]), np.array([value]))[0]:
            continue
        index = rows.index[found.a[some]]
        frames = int(index[0]), int(index[-1]), int(index[np.argmax(iou)])
        pair = f"{context.name(keep)} and {context.name(spare)}"
        message = f"{pair} are one object labelled twice: they share {100 * value:.0f} % of their place in {number_of(len(iou), 'frame')}"
        is_within = np.isin(rows.index[rows.of(spare)], rows.index[rows.of(keep)]).all()
        suggestion = Suggestion(f"remove {tracks[spare].track_id}", [RemoveTrack(tracks[spare].track_id)]) if is_within else None
        yield context.finding("duplicate_track", frames, [keep, spare], value, message, suggestion=suggestion)


@label_rule(
    "overlap",
    title="labels that go through each other",
    measures="overlap seen from above, of two labels of one frame that share their height",
    unit="",
    thresholds=0.3,
    severity=Severity.WARNING,
    source="in four Argoverse 2 logs one pair of one class has more, which is an object labelled twice; 0.3 of one class, 0.1 of two that do "
    "not belong together, as rider and bicycle do, or trailer and truck",
    is_fitted=False,
)
def overlap(context: Context) -> Iterator[Finding]:
    found, rows = meetings(context), context.rows
    known = twins(context)
    for s, t, some in _by_pair(context):
        one, other = context.classes[s], context.classes[t]
        if (s, t) in known or _may_share(one, other):
            continue
        limit = context.limits("overlap", np.array([s, t])).min()
        allowed = limit if one == other else limit * OTHER_CLASSES / 0.3
        hit = np.flatnonzero(found.iou[some] > allowed) + some.start
        for part in np.split(hit, np.flatnonzero(np.diff(rows.index[found.a[hit]]) > 2) + 1) if len(hit) else []:
            yield _through(context, part, allowed)


def _through(context: Context, part: Int64s, allowed: float) -> Finding:
    found, rows = meetings(context), context.rows
    index = rows.index[found.a[part]]
    worst = int(np.argmax(found.iou[part]))
    pair = [int(rows.track[found.a[part[0]]]), int(rows.track[found.b[part[0]]])]
    value = float(found.iou[part[worst]])
    names = f"{context.name(pair[0])} and {context.name(pair[1])}"
    message = f"{names} go through each other: they share {100 * value:.0f} % of their place in frame {index[worst]}"
    frames = int(index[0]), int(index[-1]), int(index[worst])
    return context.finding("overlap", frames, pair, value, message, threshold=float(allowed))


def _may_share(one: str, other: str) -> bool:
    return frozenset((one, other)) in TOGETHER or "other" in (one, other)


__all__ = ["Meetings", "meetings", "twins"]
