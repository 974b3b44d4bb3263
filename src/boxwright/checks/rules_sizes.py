"""Rules about sizes: what a class may be, and that a thing keeps its size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..errors import number_of
from .context import Context, Span
from .findings import Finding, Severity
from .registry import label_rule
from .suggestions import SetKeyframes, Suggestion

AXES = ("length", "width", "height")
ANY_SIZE = ("bollard", "sign", "barrier", "animal", "other")  # no size to speak of
DEFORMED = ("pedestrian", "sitting_person", "cyclist", "motorcyclist", "personal_mobility", "animal", "wheelchair")  # by their pose
SURE_SIGMA = 5.0


@label_rule(
    "class_size",
    title="a size its class does not come in",
    measures="how far a length, width or height of the track's usual size is outside the range of its class, as a share of the range's bound",
    unit="",
    thresholds=0.05,
    severity=Severity.WARNING,
    source="published dimensions in the taxonomy, and their spread once more on either side; boxes are drawn a few centimetres wider than things are",
    is_fitted=False,
    groups=False,
)
def class_size(context: Context) -> Iterator[Finding]:
    rows = context.rows
    for t, name in enumerate(context.classes):
        some, allowed = rows.of(t), context.profile.size_range(name)
        if allowed is None or name in ANY_SIZE or some.start == some.stop:
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
    thresholds={"*": 0.01, "tram": 0.05, "articulated_bus": 0.05},
    severity=Severity.ERROR,
    source="a rigid thing keeps its size, as all 494 tracks of four Argoverse 2 logs do; people are left out, and so are 5 standard "
    "deviations of what a track scatters all along",
    suggests="the track's median size",
)
def size_change(context: Context) -> Iterator[Finding]:
    rows = context.rows
    median, scatter = track_sizes(context)
    change = np.abs(rows.cuboids.size_m / median[rows.track] - 1)
    axis = np.argmax(np.where(change > SURE_SIGMA * scatter[rows.track], change, 0.0), axis=1)
    worst = np.take_along_axis(change, axis[:, None], axis=1)[:, 0]
    is_rigid = np.array([name not in DEFORMED for name in context.classes], np.bool_)[rows.track]
    worst = np.where(is_rigid & rows.is_key, worst, np.nan)
    fires = context.over("size_change", rows.track, worst) & (
        worst > SURE_SIGMA * np.take_along_axis(scatter[rows.track], axis[:, None], axis=1)[:, 0]
    )
    change = np.nan_to_num(worst)

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

    yield from context.span_findings("size_change", fires, change, message, suggestion)


@label_rule(
    "size_scatter",
    title="sizes drawn anew in every frame",
    measures="standard deviation of a length, width or height along a track, as a share of it; the largest of the three",
    unit="",
    thresholds={"*": 0.01, "tram": 0.05, "articulated_bus": 0.05},
    severity=Severity.INFORMATION,
    source="a rigid thing keeps its size; told once for the scene",
    suggests="one size for each track",
)
def size_scatter(context: Context) -> Iterator[Finding]:
    median, scatter = track_sizes(context)
    is_rigid = np.array([name not in DEFORMED for name in context.classes], np.bool_)
    value = np.where(is_rigid, scatter.max(axis=1, initial=0.0), np.nan)
    tracks = np.arange(len(value))
    some = tracks[context.over("size_scatter", tracks, value)]
    if not len(some):
        return
    rows, worst = context.rows, int(some[np.argmax(value[some])])
    own = [np.arange(rows.bounds[t], rows.bounds[t + 1]) for t in some]
    edits = []
    for t, part in zip(some.tolist(), own):
        cuboids = rows.cuboids[part]
        sized = Cuboids(cuboids.center_m, np.tile(median[t], (len(part), 1)), quat_wxyz=cuboids.quat_wxyz, frame=cuboids.frame)
        times = context.scene.times_ns[rows.index[part]]
        edits.append(SetKeyframes(context.scene.tracks[t].track_id, times, context.as_labels(sized, rows.index[part])))
    index = rows.index[np.concatenate(own)]
    message = f"the sizes of {number_of(len(some), 'track')} scatter from frame to frame, most {context.name(worst)}, by {100 * value[worst]:.0f} %"
    suggestion = Suggestion("give each track its median size", edits)
    tracks_told = [worst, *(t for t in some.tolist() if t != worst)]
    frames = int(index.min()), int(index.max()), int(rows.index[rows.bounds[worst]])
    yield context.finding("size_scatter", frames, tracks_told, value[worst], message, suggestion=suggestion)


def track_sizes(context: Context) -> tuple[Float64s, Float64s]:
    """(T, 3) the median size of each track, and (T, 3) how much it scatters, as a share: 1.48 times the median distance from it."""
    if "sizes" not in context.kept:
        rows = context.rows
        median, scatter = np.ones((len(rows.tracks), 3)), np.zeros((len(rows.tracks), 3))
        for t in range(len(rows.tracks)):
            size = rows.cuboids.size_m[rows.of(t)]
            if len(size):
                median[t] = np.median(size, axis=0)
                scatter[t] = 1.48 * np.median(np.abs(size / median[t] - 1), axis=0)
        context.kept["sizes"] = median, scatter
    found: tuple[Float64s, Float64s] = context.kept["sizes"]
    return found
