"""Rules about which labels are one track: gaps, pieces, changed places, changed classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s, Int64s
from ..interpolation import interpolate
from ..rotations import wrap_rad
from .context import Context
from .findings import Finding, Severity
from .registry import label_rule
from .suggestions import MoveKeyframes, SetKeyframes, Suggestion

LONGEST_GAP_S = 1.0
LONGEST_BREAK_S = 1.0
NEAR_M, NEAR_PER_S = 0.5, 2.0  # how far from where it would be a thing may begin anew, and how much more for each second
ALIKE_SIZE = 0.25
ALIKE_RAD = np.radians(35)
OF_A_JUMP = (
    "outlier_position", "outlier_heading", "heading_flip", "size_change", "speed", "acceleration", "jerk", "yaw_rate", "lateral_slip",
    "heading_against_motion", "static_moves",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Stretches:
    """Rows of one track in frames that follow each other: S of them.

    first, last : (S,) rows; track : (S,)
    """

    first: Int64s
    last: Int64s
    track: Int64s


def stretches_of(context: Context) -> Stretches:
    """The unbroken stretches of all tracks; made once for the rules here."""
    if "stretches" not in context.kept:
        rows = context.rows
        is_new = np.ones(len(rows), np.bool_)
        is_new[1:] = (np.diff(rows.track) != 0) | (np.diff(rows.index) > 1)
        first = np.flatnonzero(is_new)
        last = np.r_[first[1:], len(rows)] - 1 if len(first) else first
        context.kept["stretches"] = Stretches(first, last, rows.track[first])
    found: Stretches = context.kept["stretches"]
    return found


# ------------------------------------------------------------ gaps


@label_rule(
    "gap",
    title="tracks with frames left out",
    measures="frames without a label within a track, up to a second",
    unit="frames",
    thresholds=0.0,
    severity=Severity.WARNING,
    source="what is there before and after was there between; longer gaps may be meant, and information is all it is where frames have no times",
    is_fitted=False,
    suggests="labels read off the curve through those around the gap",
)
def gap(context: Context) -> Iterator[Finding]:
    rows, found = context.rows, stretches_of(context)
    for k in range(1, len(found.first)):
        if found.track[k] != found.track[k - 1]:
            continue
        before, after = int(found.last[k - 1]), int(found.first[k])
        n_missing = int(rows.index[after] - rows.index[before]) - 1
        track = int(found.track[k])
        is_short = rows.time_s[after] - rows.time_s[before] <= LONGEST_GAP_S + 1e-6 if context.scene.has_time else n_missing <= 1
        if not (is_short and context.over("gap", np.array([track]), np.array([float(n_missing)]))[0]):
            continue
        frames = int(rows.index[before]) + 1, int(rows.index[after]) - 1
        where = f"frame {frames[0]}" if n_missing == 1 else f"frames {frames[0]} to {frames[1]}"
        suggestion = _filled(context, track, before, after)
        message = f"{context.name(track)} has no label in {where}, and has before and after"
        severity = None if context.scene.has_time else Severity.INFORMATION
        yield context.finding("gap", (*frames, frames[0]), [track], n_missing, message, severity=severity, suggestion=suggestion)


def _filled(context: Context, track: int, before: int, after: int) -> Suggestion:
    """The curve through two labels on each side, where they follow without a break."""
    rows = context.rows
    around = np.arange(before - 1, after + 2)
    is_own = (around >= rows.bounds[track]) & (around < rows.bounds[track + 1])
    around = around[is_own]
    around = around[(rows.index[around] >= rows.index[before] - 2) & (rows.index[around] <= rows.index[after] + 2)]
    index = np.arange(rows.index[before] + 1, rows.index[after])
    times = context.scene.times_ns
    cuboids = interpolate(times[rows.index[around]], rows.cuboids[around], times[index])
    edit = SetKeyframes(context.scene.tracks[track].track_id, times[index], context.as_labels(cuboids, index))
    return Suggestion("fill the gap from the labels around it", [edit])


# ------------------------------------------------------------ pieces, and classes that change


@dataclass(frozen=True)
class Break:
    """One stretch ends and another, of another track, begins where it would be: their numbers, and how far off it begins."""

    before: int
    after: int
    off_m: float
    allowed_m: float


def breaks(context: Context) -> list[Break]:
    """Stretches that go on as another track, each end with the nearest beginning and each beginning with the nearest end."""
    if "breaks" in context.kept:
        known: list[Break] = context.kept["breaks"]
        return known
    rows, found = context.rows, stretches_of(context)
    n_frames = len(context.scene)
    best: dict[int, Break] = {}
    taken: dict[int, Break] = {}
    candidates: list[Break] = []
    starts = rows.index[found.first] if len(found.first) else np.zeros(0, np.int64)
    for k in range(len(found.first)):
        end = int(found.last[k])
        if rows.index[end] >= n_frames - 1:
            continue
        soon = np.flatnonzero((starts > rows.index[end]) & (found.track != found.track[k]))
        if context.scene.has_time:
            soon = soon[rows.time_s[found.first[soon]] - rows.time_s[end] <= LONGEST_BREAK_S]
        else:
            soon = soon[starts[soon] == rows.index[end] + 1]
        candidates += [one for after in soon.tolist() if (one := _break(context, k, after)) is not None]
    for one in sorted(candidates, key=lambda one: one.off_m):
        if one.before not in best and one.after not in taken:
            best[one.before] = taken[one.after] = one
    context.kept["breaks"] = [best[k] for k in sorted(best)]
    return list(context.kept["breaks"])


def _break(context: Context, before: int, after: int) -> Break | None:
    rows, found = context.rows, stretches_of(context)
    end, start = int(found.last[before]), int(found.first[after])
    dt = float(rows.time_s[start] - rows.time_s[end])
    ahead = _going(context, np.arange(max(end - 3, found.first[before]), end + 1), start)
    back = _going(context, np.arange(start, min(start + 3, found.last[after]) + 1), end)
    off = min(float(np.hypot(*(ahead - rows.cuboids.center_m[start])[:2])), float(np.hypot(*(back - rows.cuboids.center_m[end])[:2])))
    allowed = float(context.limits("fragmented_track", found.track[[before]])[0]) + NEAR_PER_S * dt
    if off > min(allowed, float(rows.cuboids.size_m[[end, start], :2].max()) / 2 + 0.2):
        return None
    size = rows.cuboids.size_m[[end, start]]
    is_alike = np.abs(np.log(size[0] / size[1])).max() <= np.log(1 + ALIKE_SIZE)
    turn = abs(float(wrap_rad(rows.cuboids.yaw_rad[end] - rows.cuboids.yaw_rad[start])))
    turn = min(turn, np.pi - turn)
    is_round = size[:, 0].max() < 1.5
    return Break(before, after, off, allowed) if is_alike and (turn <= ALIKE_RAD or is_round) else None


def _going(context: Context, some: Int64s, to: int) -> Float64s:
    """(3,) where rows of one track lead at the time of another row: straight on, or staying where there is one only."""
    rows = context.rows
    center, time = rows.cuboids.center_m[some], rows.time_s[some]
    near = int(np.argmin(np.abs(time - rows.time_s[to])))
    if len(some) < 2 or not context.scene.has_time:
        return np.asarray(center[near])
    late = time - time.mean()
    velocity = (late[:, None] * (center - center.mean(axis=0))).sum(axis=0) / (late**2).sum()
    return np.asarray(center[near] + velocity * (rows.time_s[to] - time[near]))


def _pieces(context: Context, *, of_one_class: bool) -> Iterator[tuple[Break, int, int]]:
    """Breaks after which a track goes on as another of its class, or of another class, and which tracks these are."""
    found = stretches_of(context)
    for one in breaks(context):
        host, piece = int(found.track[one.before]), int(found.track[one.after])
        if (context.classes[host] == context.classes[piece]) == of_one_class:
            yield one, host, piece


@label_rule(
    "fragmented_track",
    title="objects in pieces",
    measures="distance from where a track would be to where another of its class and size begins, up to a second after it ends",
    unit="m",
    thresholds=NEAR_M,
    severity=Severity.WARNING,
    source="no other thing of that size can be there; 2 m more for each second between",
    is_lower_bound=True,
    is_fitted=False,
    groups=False,
    suggests="the later track joined to the earlier",
    explains=("gap",),
)
def fragmented_track(context: Context) -> Iterator[Finding]:
    rows, found, times = context.rows, stretches_of(context), context.scene.times_ns
    for one, host, piece in _pieces(context, of_one_class=True):
        end, start = int(found.last[one.before]), int(found.first[one.after])
        ids = [context.scene.tracks[t].track_id for t in (host, piece)]
        last = int(found.last[one.after])
        begins = f"{ids[1]} begins in frame {rows.index[start]}, {one.off_m:.2f} m from where it would be"
        message = f"{context.name(host)} ends in frame {rows.index[end]}, and {begins}"
        edit = MoveKeyframes(ids[1], ids[0], int(times[rows.index[start]]), int(times[rows.index[last]]))
        suggestion = Suggestion(f"join {ids[1]} to {ids[0]}", [edit])
        frames = int(rows.index[end]), int(rows.index[start]), int(rows.index[start])
        yield context.finding("fragmented_track", frames, [host, piece], one.off_m, message, threshold=one.allowed_m, suggestion=suggestion)


@label_rule(
    "class_flip",
    title="objects that change their class",
    measures="distance from where a track would be to where another of its size and another class begins, up to a second after it ends",
    unit="m",
    thresholds=NEAR_M,
    severity=Severity.ERROR,
    source="a thing keeps its class; 2 m more for each second between",
    is_lower_bound=True,
    is_fitted=False,
    groups=False,
    suggests="the class of the longer track, and the two joined",
    explains=("gap",),
)
def class_flip(context: Context) -> Iterator[Finding]:
    rows = context.rows
    told: dict[frozenset[int], list[Break]] = {}
    for one, host, piece in _pieces(context, of_one_class=False):
        told.setdefault(frozenset((host, piece)), []).append(one)
    for pair, some in told.items():
        keep, spare = sorted(pair, key=lambda t: rows.bounds[t] - rows.bounds[t + 1])
        own = rows.of(spare)
        names = [context.scene.tracks[t] for t in (keep, spare)]
        frames = int(rows.index[own.start]), int(rows.index[own.stop - 1]), int(rows.index[own.start])
        message = f"{context.name(keep)} is a {names[1].category} in frames {frames[0]} to {frames[1]}, as {names[1].track_id}"
        times = context.scene.times_ns[list(frames[:2])]
        edit = MoveKeyframes(names[1].track_id, names[0].track_id, int(times[0]), int(times[1]))
        suggestion = Suggestion(f"make it a {names[0].category} throughout, as {names[0].track_id}", [edit])
        worst = min(some, key=lambda one: one.off_m)
        yield context.finding("class_flip", frames, [keep, spare], worst.off_m, message, threshold=worst.allowed_m, suggestion=suggestion)


# ------------------------------------------------------------ changed places


@label_rule(
    "id_switch",
    title="tracks that change places",
    measures="how far a track jumps, to where another would be that jumps as well, or ends, or begins",
    unit="m",
    thresholds=1.0,
    severity=Severity.ERROR,
    source="what no acceleration of its class makes of one step, and a metre more",
    is_timed=True,
    is_fitted=False,
    groups=False,
    suggests="the two tracks swapped while they are changed",
    explains=(*OF_A_JUMP, "jump"),
)
def id_switch(context: Context) -> Iterator[Finding]:
    open_pairs: dict[tuple[int, int], tuple[int, float]] = {}
    for frame, s, t, jump in sorted(_switches(context)):
        pair = (min(s, t), max(s, t))
        if pair in open_pairs:
            first, was = open_pairs.pop(pair)
            yield _switch(context, pair, first, frame - 1, max(was, jump))
        else:
            open_pairs[pair] = (frame, jump)
    for pair, (first, jump) in open_pairs.items():
        rows = context.rows
        last = max(int(rows.index[rows.bounds[t + 1] - 1]) for t in pair)
        yield _switch(context, pair, first, last, jump)


def _switch(context: Context, pair: tuple[int, int], first: int, last: int, jump: float) -> Finding:
    a, b = (context.scene.tracks[t].track_id for t in pair)
    begin, end = int(context.scene.times_ns[first]), int(context.scene.times_ns[last])
    edits = [MoveKeyframes(a, b, begin, end), MoveKeyframes(b, a, begin, end)]
    names = f"{context.name(pair[0])} and {context.name(pair[1])}"
    message = f"{names} change places in frame {first}: they jump by {jump:.1f} m, each to where the other would be"
    suggestion = Suggestion(f"swap them in frames {first} to {last}", edits)
    return context.finding("id_switch", (first, last, first), list(pair), jump, message, suggestion=suggestion)


def _switches(context: Context) -> Iterator[tuple[int, int, int, float]]:
    """Frame, two tracks and the jump, where both jump in that frame to where the other would be."""
    steps = context.steps
    jumps = np.flatnonzero(steps.is_jump & context.over("id_switch", steps.track, steps.jump_m))
    for frame in np.unique(steps.index[jumps]):
        some = jumps[steps.index[jumps] == frame]
        ahead = np.array([_ahead(context, int(h)) for h in some])
        here = steps.center_m[some, :2]
        cross = np.linalg.norm(ahead[:, None, :2] - here[None], axis=2)
        own = np.diag(cross)
        both = cross + cross.T
        for i, k in np.argwhere(np.triu(both < 0.5 * (own[:, None] + own[None]), 1)).tolist():
            yield int(frame), int(steps.track[some[i]]), int(steps.track[some[k]]), float(max(own[i], own[k]))


def _ahead(context: Context, h: int) -> Float64s:
    """(3,) where the labels before a jump lead to."""
    steps = context.steps
    before = np.arange(max(h - 3, 0), h)
    before = before[(steps.track[before] == steps.track[h])]
    late = steps.time_s[before] - steps.time_s[before].mean()
    center = steps.center_m[before]
    scale = float((late**2).sum())
    velocity = (late[:, None] * (center - center.mean(axis=0))).sum(axis=0) / scale if scale > 0 else np.zeros(3)
    return np.asarray(center.mean(axis=0) + velocity * (steps.time_s[h] - steps.time_s[before].mean()))


@label_rule(
    "jump",
    title="tracks that jump",
    measures="how far apart a label and the one before are, each seen from its own side of the track",
    unit="m",
    thresholds=1.0,
    severity=Severity.ERROR,
    source="what no acceleration of its class makes of one step, and a metre more",
    is_timed=True,
    is_fitted=False,
    explains=OF_A_JUMP,
)
def jump(context: Context) -> Iterator[Finding]:
    steps = context.steps
    switched = {(frame, t) for frame, s, u, _ in _switches(context) for t in (s, u)}
    for h in np.flatnonzero(steps.is_jump & context.over("jump", steps.track, steps.jump_m)).tolist():
        frame, track = int(steps.index[h]), int(steps.track[h])
        if (frame, track) not in switched:
            message = f"{context.name(track)} jumps by {steps.jump_m[h]:.1f} m from frame {steps.index[h - 1]} to frame {frame}"
            yield context.finding("jump", (int(steps.index[h - 1]), frame, frame), [track], float(steps.jump_m[h]), message)
