"""Rules about the recording as a whole: its frames, its classes, its attributes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..errors import ArgumentError, number_of
from ..taxonomy import AttributeDefinition, SizePrior, Taxonomy
from .context import Context
from .findings import Finding, Severity
from .registry import label_rule
from .rules_sizes import track_sizes

SAME_M, SAME_RAD = 1e-4, 1e-5  # nearer than that is a copy
MOVES_M = 0.01  # more than that from frame to frame is motion
LEAST_COPIES = 3
LEAST_TRACKS = 5
MUCH_LIKELIER = 6.0  # logarithm of how much likelier a size is for another class


@label_rule(
    "missing_frames",
    title="frames left out of the recording",
    measures="time between two frames, in usual steps",
    unit="steps",
    thresholds=1.5,
    severity=Severity.WARNING,
    source="half a step more than usual: a frame is missing between",
    groups=False,
)
def missing_frames(context: Context) -> Iterator[Finding]:
    times = context.scene.times_ns
    if len(times) < 4 or not context.scene.has_time:
        return
    steps = np.diff(times) / np.median(np.diff(times))
    context.measure("missing_frames", np.zeros(0, np.int64), np.zeros(0))
    allowed = context.profile.threshold("missing_frames", "*")
    for i in np.flatnonzero(steps > allowed).tolist():
        n = max(round(float(steps[i])) - 1, 1)
        message = f"{n} frame{'s' * (n > 1)} missing between frames {i} and {i + 1}: {steps[i]:.1f} times the usual step"
        yield context.finding("missing_frames", (i, i + 1, i), [], float(steps[i]), message, threshold=allowed)


@label_rule(
    "repeated_frame",
    title="frames whose labels are a copy of the frame before",
    measures="tracks that are exactly where they were, in the vehicle's or the world's frame, while they move before and after",
    unit="tracks",
    thresholds=float(LEAST_COPIES) - 1,
    severity=Severity.ERROR,
    source="nothing stops for one frame to the tenth of a millimetre",
    is_fitted=False,
    groups=False,
)
def repeated_frame(context: Context) -> Iterator[Finding]:
    courses = context.courses
    told: dict[int, list[int]] = {}
    for center, yaw in courses.views:
        is_copy, moves = _copies(courses.track, courses.index, center, yaw)
        for i in np.unique(courses.index[is_copy]).tolist():
            here = courses.index == i
            copied, known = is_copy & here, here & np.isfinite(moves)
            around = known & (moves > MOVES_M)
            tracks = courses.track[copied & around]
            if copied.sum() == known.sum() and len(tracks) > len(told.get(i, [])):
                told[i] = tracks.tolist()
    allowed = context.profile.threshold("repeated_frame", "*")
    for i, tracks in sorted(told.items()):
        if len(tracks) > allowed:
            message = f"all labels of frame {i} are those of frame {i - 1}, though {number_of(len(tracks), 'track')} moved before and after"
            yield context.finding("repeated_frame", i, tracks, len(tracks), message, threshold=allowed)


def _copies(track: Int64s, index: Int64s, center: Float64s, yaw: Float64s) -> tuple[Any, Float64s]:
    """(J,) bool: just as in the frame before; and (J,) the smaller of how far it moves in the step before that and in the one after, NaN where one is
    not known."""
    n = len(track)
    step, is_copy = np.full(n, np.nan), np.zeros(n, np.bool_)
    if n > 1:
        follows = (np.diff(track) == 0) & (np.diff(index) == 1)
        far = np.linalg.norm(np.diff(center, axis=0), axis=1)
        turned = np.abs((np.diff(yaw) + np.pi) % (2 * np.pi) - np.pi)
        step[1:] = np.where(follows, far, np.nan)
        is_copy[1:] = follows & (far < SAME_M) & (turned < SAME_RAD)
    before, after = np.r_[np.nan, step[:-1]], np.r_[step[1:], np.nan]
    same = np.r_[False, np.diff(track) == 0]
    before = np.where(same[: len(before)], before, np.nan)
    after = np.where(np.r_[same[1:], False], after, np.nan)
    return is_copy, np.minimum(before, after)


# ------------------------------------------------------------ classes


@label_rule(
    "class_imbalance",
    title="one class with nearly all labels",
    measures="share of the most frequent class among all labels",
    unit="",
    thresholds=0.9,
    severity=Severity.INFORMATION,
    source="to know before training: the others are seen too rarely",
    is_fitted=False,
    groups=False,
)
def class_imbalance(context: Context) -> Iterator[Finding]:
    rows = context.rows
    if len(rows.tracks) < LEAST_TRACKS or not len(rows):
        return
    labels = Counter(np.array(context.classes, object)[rows.track].tolist())
    name, n = labels.most_common(1)[0]
    share, allowed = n / len(rows), context.profile.threshold("class_imbalance", "*")
    if share > allowed:
        others = ", ".join(f"{other} {m:,}" for other, m in labels.most_common()[1:6]) or "no other class"
        message = f"{100 * share:.0f} % of all labels are {name} ({n:,}); {others}"
        yield context.finding("class_imbalance", (0, len(context.scene) - 1, 0), [], share, message, threshold=allowed)


@label_rule(
    "ambiguous_class",
    title="a class whose sizes are rather another's",
    measures="share of a class's tracks whose size is much likelier for one other class",
    unit="",
    thresholds=0.2,
    severity=Severity.INFORMATION,
    source="size priors of the taxonomy, likelier by a factor of 400; annotators mix the two up, or the guideline does",
    is_fitted=False,
    groups=False,
)
def ambiguous_class(context: Context) -> Iterator[Finding]:
    size, _ = track_sizes(context)
    priors = {one.name: one.size_prior for one in context.profile.taxonomy if one.size_prior is not None}
    names = np.array(context.classes, object)
    for name in dict.fromkeys(context.classes):
        some = np.flatnonzero(names == name)
        if name not in priors or len(some) < LEAST_TRACKS:
            continue
        own = _likelihood(size[some], priors[name])
        better = {other: _likelihood(size[some], prior) - own > MUCH_LIKELIER for other, prior in priors.items() if other in names and other != name}
        for other, is_better in better.items():
            share, allowed = float(is_better.mean()), context.profile.threshold("ambiguous_class", name)
            if share > allowed:
                tracks = some[is_better].tolist()
                message = f"{len(tracks)} of {len(some)} tracks of class {name} have sizes of class {other}, {context.name(tracks[0])} for one"
                yield context.finding("ambiguous_class", (0, len(context.scene) - 1, 0), tracks, share, message, threshold=allowed)


def _likelihood(size_m: Float64s, prior: SizePrior) -> Float64s:
    """(T,) logarithm of how likely sizes (T, 3) are."""
    off = (size_m - np.array(prior.median_m)) / np.array(prior.sigma_m)
    return np.asarray(-0.5 * (off**2).sum(axis=1) - np.log(prior.sigma_m).sum())


# ------------------------------------------------------------ attributes


@label_rule(
    "attributes",
    title="attributes that are not as their class defines them",
    measures="values of one attribute that are not allowed, or change though they may not",
    unit="values",
    thresholds=0.0,
    severity=Severity.WARNING,
    source="the taxonomy; attributes it does not know are left alone, and where most say otherwise, words differ: information",
    is_fitted=False,
    groups=False,
)
def attributes(context: Context) -> Iterator[Finding]:
    told: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    carriers: Counter[str] = Counter()
    for t, (track, known) in enumerate(zip(context.scene.tracks, context.known)):
        for definition in () if known is None else known.attributes:
            said = [row[definition.name] for row in (track.attributes, *track.keyframe_attributes) if definition.name in row]
            carriers[definition.name] += bool(said)
            n, why = _wrong_values(said, definition)
            if n:
                told[definition.name].append((t, n, why))
    is_shipped = context.profile.taxonomy is Taxonomy.default()
    for name, some in told.items():
        is_other_words = is_shipped and len(some) > carriers[name] / 2
        for part in [some] if is_other_words or len(some) >= LEAST_TRACKS else [[one] for one in some]:
            t, n, why = max(part, key=lambda one: one[1])
            tracks = [t, *(other for other, _, _ in part if other != t)]
            rows = context.rows
            index = np.concatenate([rows.index[rows.of(k)] for k in tracks])
            frames = (int(index.min()), int(index.max()), int(index.min())) if len(index) else (0, 0, 0)
            who = context.name(t) if len(part) == 1 else f"{number_of(len(part), 'track')}, {context.name(t)} for one,"
            severity = Severity.INFORMATION if is_other_words else Severity.WARNING
            yield context.finding("attributes", frames, tracks, n, f"{name} of {who} is wrong: {why}", severity=severity)


def _wrong_values(said: list[Any], definition: AttributeDefinition) -> tuple[int, str]:
    """How many values are not allowed or change though they may not, and what is wrong with the first."""
    n, why = 0, ""
    for value in said:
        try:
            definition.check(value, field=definition.name)
        except ArgumentError as error:
            n, why = n + 1, why or f"expected {error.expected}, got {error.got}"
    others = [value for value in said if value != said[0]]
    if others and not definition.is_mutable:
        n, why = n + len(others), why or f"it may not change, and is {said[0]!r} and {others[0]!r}"
    return n, why
