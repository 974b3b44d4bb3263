"""Rules about sizes: what a class may be, and that a thing keeps its size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from .context import Context, Span
from .findings import Finding, Severity
from .registry import label_rule
from .suggestions import SetKeyframes, Suggestion

AXES = ("length", "width", "height")


@label_rule(
    "class_size",
    title="a size its class does not come in",
    measures="how far a length, width or height of the track's usual size is outside the range of its class, as a share of the range's bound",
    unit="",
    thresholds=0.0,
    severity=Severity.WARNING,
    source="published dimensions in the taxonomy, and as much again as their spread",
    is_fitted=False,
    groups=False,
)
def class_size(context: Context) -> Iterator[Finding]:
    rows = context.rows
    for t, name in enumerate(context.classes):
        some, allowed = rows.of(t), context.profile.size_range(name)
        if allowed is None or some.start == some.stop:
            continue
        size = np.median(rows.cuboids.size_m[some], axis=0)
        low, high = np.array(allowed.low_m), np.array(allowed.high_m)
        outside = np.maximum(size / high - 1, 1 - size / low)
        axis = int(np.argmax(outside))
        if outside[axis] > context.profile.threshold("class_size", name):
            message = f"{context.name(t)} is {size[axis]:.2f} m in {AXES[axis]}; {name} comes in {low[axis]:.2f} to {high[axis]:.2f} m"
            index = rows.index[some]
            yield context.finding("class_size", (int(index[0]), int(index[-1]), int(index[0])), [t], outside[axis], message)


@label_rule(
    "size_change",
    title="a size that changes along its track",
    measures="how far a length, width or height is from the track's median, as a share of it",
    unit="",
    thresholds=0.01,
    severity=Severity.ERROR,
    source="a rigid thing keeps its size; 1 % as in ALGORITHMS 4.2",
    suggests="the track's median size",
)
def size_change(context: Context) -> Iterator[Finding]:
    rows = context.rows
    median = track_medians(context)
    change = np.abs(rows.cuboids.size_m / np.maximum(median[rows.track], 1e-9) - 1).max(axis=1) if len(rows) else np.zeros(0)
    is_rigid = np.array([known is None or known.is_rigid for known in context.known], np.bool_)
    change = np.where(is_rigid[rows.track], change, np.nan) if len(rows) else change

    def message(span: Span) -> str:
        size, usual = rows.cuboids.size_m[span.worst], median[rows.track[span.worst]]
        axis = int(np.argmax(np.abs(size / usual - 1)))
        return f"{context.name(int(rows.track[span.worst]))} is {size[axis]:.2f} m in {AXES[axis]}, elsewhere {usual[axis]:.2f} m"

    def suggestion(span: Span) -> Suggestion:
        some = np.arange(span.first, span.last + 1)
        track = int(rows.track[span.worst])
        cuboids = rows.cuboids[some]
        sized = Cuboids(cuboids.center_m, np.tile(median[track], (len(some), 1)), quat_wxyz=cuboids.quat_wxyz, frame=cuboids.frame)
        edit = SetKeyframes(
            context.scene.tracks[track].track_id, context.scene.times_ns[rows.index[some]], context.as_labels(sized, rows.index[some])
        )
        return Suggestion("give it the track's median size", [edit])

    yield from context.span_findings("size_change", context.over("size_change", rows.track, change), change, message, suggestion)


def track_medians(context: Context) -> Float64s:
    """(T, 3) the median size of each track."""
    rows = context.rows
    medians = np.ones((len(rows.tracks), 3))
    for t in range(len(rows.tracks)):
        some = rows.of(t)
        if some.stop > some.start:
            medians[t] = np.median(rows.cuboids.size_m[some], axis=0)
    return medians
