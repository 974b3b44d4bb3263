"""Rules about points: boxes off the ground, without points, seen through, cutting their object or reaching beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Bools, Float64s
from ..containment import points_in_cuboids
from ..cuboids import Cuboid, Cuboids
from ..errors import BoxwrightError, number_of
from ..fitting import refit
from ..keyframes import Visibility
from ..overlap import iou_bev_pairs
from .context import Context, Frame, Span
from .evidence import FACES, FEWEST, SHELL_M, Evidence, beams_through, evidence_of, misfit_m, stands_on_ground
from .findings import Finding, Severity
from .registry import Needs, frame_rule
from .suggestions import SetKeyframes, Suggestion

FARTHEST_M = 40.0  # farther away, ground and faces are told by too few points
KEPT_SHARE = 0.9  # a box of the drawn size is kept where it holds so much of what a larger one does
CLEARLY = 0.6  # of what the faces were off by may be left after a correction
SEEN_WITHIN_M = 0.1  # of where it was at the stamp, so that its box may be snapped to the points as they lie
GROWN_SHARE = 0.05  # of the points inside, so many beyond a face say that the object goes on there
MOST_TURN_RAD, LEAST_IOU, LEAST_SIZE = math.radians(30), 0.2, 0.7  # a box may be snapped so far, and lose so much of a side
SLAB_M = 0.15  # this much of an empty end may be what the outermost points hide
LOW, LOW_SHARE = 0.35, 0.3  # of the height, middle and extent of where an end must be seen through: over a hood and below a bumper beams go anyway


@dataclass
class _Gathered:
    """What a rule measured, row by row of the context's: values (K,), NaN where nothing was; sentences and corrections of those that fired."""

    values: Float64s
    said: dict[int, str] = field(default_factory=dict)
    corrections: dict[int, Suggestion] = field(default_factory=dict)


def _gathered(context: Context, rule_id: str) -> _Gathered:
    kept: _Gathered = context.kept.setdefault(rule_id, _Gathered(np.full(len(context.rows), np.nan)))
    return kept


def _gather(
    context: Context,
    frame: Frame,
    rule_id: str,
    values: Float64s,
    say: Callable[[int], str],
    correct: Callable[[int], Suggestion | None] = lambda m: None,
) -> Iterator[Finding]:
    """Keeps values (M,) of a frame; those that fire are told when all frames are seen, one finding for each span of them."""
    kept = _gathered(context, rule_id)
    kept.values[frame.rows] = values
    limits = context.limits(rule_id, frame.track)
    for m in np.flatnonzero(values > limits).tolist():
        row = int(frame.rows[m])
        kept.said[row] = say(m)
        suggestion = correct(m)
        if suggestion is not None:
            kept.corrections[row] = suggestion
    return iter(())


def _told(rule_id: str, context: Context) -> Iterator[Finding]:
    """One finding for each span of rows that fire; its corrections are those of all its frames."""
    kept, rows = _gathered(context, rule_id), context.rows

    def suggestion(span: Span) -> Suggestion | None:
        parts = [kept.corrections[row] for row in range(span.first, span.last + 1) if row in kept.corrections]
        return Suggestion(parts[0].sentence, [edit for part in parts for edit in part.edits]) if parts else None

    fires = context.over(rule_id, rows.track, kept.values)
    yield from context.span_findings(rule_id, fires, kept.values, lambda span: kept.said[span.worst], suggestion)


def _keyframe(context: Context, frame: Frame, m: int, cuboid: Cuboid, sentence: str) -> Suggestion:
    """A keyframe at the frame's stamp; the cuboid is in the frame of its points."""
    scene = context.scene
    there = cuboid.as_cuboids().transformed(scene.transform(scene.label_frame, frame.name, frame.time_ns), frame=scene.label_frame)
    track = scene.tracks[int(frame.track[m])]
    return Suggestion(sentence, [SetKeyframes(track.track_id, np.array([frame.time_ns]), there)])


def _is_rigid(context: Context, frame: Frame) -> Bools:
    """(M,) bool: of a class whose points end at its box; limbs and what hangs on a bicycle reach out."""
    known = [context.known[t] for t in frame.track.tolist()]
    return np.array([one is not None and one.is_rigid and not one.is_yaw_from_motion and one.size_prior is not None for one in known], np.bool_)


# ------------------------------------------------------------ ground


@frame_rule(
    "off_ground",
    title="a box that floats or is sunken",
    measures="height of the bottom over, or depth below, the ground under it, where it is nearest to it",
    unit="m",
    thresholds=0.3,
    severity=Severity.WARNING,
    needs=Needs.POINTS,
    source="no label of Argoverse 2 or KITTI fires under 40 m",
    suggests="the box moved onto the ground",
    end=partial(_told, "off_ground"),
)
def off_ground(context: Context, frame: Frame) -> Iterator[Finding]:
    seen = evidence_of(context, frame)
    if seen is None:
        return iter(())
    told = (
        (seen.n_inside + seen.n_beyond[:, 4] >= FEWEST)
        & (seen.range_m < FARTHEST_M)
        & [stands_on_ground(context.classes[t]) for t in frame.track.tolist()]
    )

    def say(m: int) -> str:
        where = "above" if seen.height_m[m] > 0 else "below"
        return f"{context.name(int(frame.track[m]))} stands {abs(seen.height_m[m]):.2f} m {where} the ground"

    def correct(m: int) -> Suggestion:
        cuboid = frame.cuboids[m : m + 1]
        moved = cuboid.replace(center_m=cuboid.center_m - [[0.0, 0.0, seen.height_m[m]]])
        return _keyframe(context, frame, m, moved[0], "move it onto the ground")

    return _gather(context, frame, "off_ground", np.where(told, np.abs(seen.height_m), np.nan), say, correct)


# ------------------------------------------------------------ empty


@frame_rule(
    "few_points",
    title="a box that hardly any point supports",
    measures="points inside",
    unit="points",
    thresholds=5.0,
    severity=Severity.INFORMATION,
    needs=Needs.POINTS,
    source="18.4 % of the boxes of Argoverse 2 hold no point at all: to know, not to mend",
    is_lower_bound=True,
    is_fitted=False,
    groups=False,
    end=lambda context: _few_points_told(context),
)
def few_points(context: Context, frame: Frame) -> Iterator[Finding]:
    seen = evidence_of(context, frame)
    if seen is not None:
        _gathered(context, "few_points").values[frame.rows] = np.where(_said_hidden(context, frame), np.nan, seen.n_inside)
    return iter(())


def _few_points_told(context: Context) -> Iterator[Finding]:
    """One finding a track, however many frames it is about."""
    rows, values = context.rows, _gathered(context, "few_points").values
    fires = context.over("few_points", rows.track, values)
    for t in np.unique(rows.track[fires]).tolist():
        some = np.flatnonzero(fires & (rows.track == t))
        worst = int(some[np.argmin(values[some])])
        n_looked = int(np.isfinite(values[rows.of(t)]).sum())
        message = (
            f"{context.name(t)} has {values[worst]:.0f} points inside; fewer than {FEW} in {len(some)} of {number_of(n_looked, 'frame')} with points"
        )
        frames = int(rows.index[some[0]]), int(rows.index[some[-1]]), int(rows.index[worst])
        yield context.finding("few_points", frames, [t], float(values[worst]), message)


FEW = 5


def _said_hidden(context: Context, frame: Frame) -> Bools:
    """(M,) bool: labelled as occluded."""
    return np.asarray(context.rows.visibility[frame.rows] == Visibility.OCCLUDED)


@frame_rule(
    "seen_through",
    title="a box with nothing in it, in plain sight",
    measures="beams that go through the inner part of a box without points above ground and meet something behind it",
    unit="beams",
    thresholds=25.0,
    severity=Severity.WARNING,
    needs=Needs.POINTS,
    source="what a car at 80 m sends back of a sensor with 64 beams; an object that is there stops them",
    is_fitted=False,
    end=partial(_told, "seen_through"),
)
def seen_through(context: Context, frame: Frame) -> Iterator[Finding]:
    seen = evidence_of(context, frame)
    if seen is None:
        return iter(())
    values = np.where(_said_hidden(context, frame), np.nan, seen.n_through)

    def say(m: int) -> str:
        return f"{context.name(int(frame.track[m]))} holds no point above ground, and {seen.n_through[m]} beams go through it to something behind"

    return _gather(context, frame, "seen_through", values, say)


# ------------------------------------------------------------ faces


@frame_rule(
    "sliced_points",
    title="a face that cuts through its object",
    measures="points above ground 0.07 to 0.3 m beyond the faces, as a share of those there and inside",
    unit="",
    thresholds=0.4,
    severity=Severity.WARNING,
    needs=Needs.POINTS,
    source="in Argoverse 2 and KITTI medians .02 to .05, 95 % quantiles .24 to .40; what moves is taken where it was seen",
    suggests="the box snapped to its points",
    end=partial(_told, "sliced_points"),
)
def sliced_points(context: Context, frame: Frame) -> Iterator[Finding]:
    seen = evidence_of(context, frame)
    if seen is None:
        return iter(())
    told = (seen.range_m < FARTHEST_M) & _is_rigid(context, frame)

    def say(m: int) -> str:
        face = FACES[int(np.argmax(seen.n_beyond[m]))]
        beyond, n = int(seen.n_beyond[m].sum()), int(seen.n_above[m] + seen.n_beyond[m].sum())
        return f"{context.name(int(frame.track[m]))}: {beyond} of {n} points lie just beyond its faces, most at the {face}"

    values = np.where(told, seen.sliced_share, np.nan)
    return _gather(context, frame, "sliced_points", values, say, partial(_snapped, context, frame, seen))


@frame_rule(
    "loose_box",
    title="a box that reaches beyond its object",
    measures="from a face that the sensor sees inwards to the first points, where beams go through what is between",
    unit="m",
    thresholds=0.4,
    severity=Severity.WARNING,
    needs=Needs.POINTS,
    source="95 % of the faces seen in Argoverse 2, KITTI, SUSTechPOINTS and DGP stand off less than 0.4 m",
    groups=False,
    suggests="the box snapped to its points",
    end=partial(_told, "loose_box"),
)
def loose_box(context: Context, frame: Frame) -> Iterator[Finding]:
    seen = evidence_of(context, frame)
    if seen is None:
        return iter(())
    gap = np.where(((seen.range_m < FARTHEST_M) & _is_rigid(context, frame) & seen.is_still)[:, None], seen.gap_m[:, :4], np.nan)
    wide = np.argwhere(gap > np.minimum(context.limits("loose_box", frame.track), 1e9)[:, None])
    values = np.nanmax(np.where(np.isnan(gap), -np.inf, gap), axis=1, initial=0.0)
    values[wide[:, 0]] = 0.0
    faces: dict[int, str] = {}
    if len(wide):
        slabs = frame.cuboids[wide[:, 0]]
        axis, sign = wide[:, 1] // 2, 1.0 - 2.0 * (wide[:, 1] % 2)
        size, off, row = slabs.size_m.copy(), np.zeros((len(wide), 3)), np.arange(len(wide))
        depth = gap[wide[:, 0], wide[:, 1]] - SLAB_M
        off[row, axis] = sign * (size[row, axis] - depth) / 2
        size[row, axis] = depth
        off[:, 2], size[:, 2] = (LOW - 0.5) * size[:, 2], LOW_SHARE * size[:, 2]
        slabs = slabs.replace(center_m=slabs.center_m + np.einsum("mij,mj->mi", slabs.rotation, off), size_m=size)
        through = beams_through(context, frame, slabs)
        for (m, face), n in zip(wide.tolist(), through.tolist()):
            if n >= context.profile.threshold("seen_through", context.classes[int(frame.track[m])]) and gap[m, face] > values[m]:
                values[m], faces[m] = gap[m, face], FACES[face]

    def say(m: int) -> str:
        return f"{context.name(int(frame.track[m]))} reaches {values[m]:.2f} m beyond its points at the {faces[m]}, where beams go through"

    return _gather(context, frame, "loose_box", values, say, partial(_snapped, context, frame, seen))


def _snapped(context: Context, frame: Frame, seen: Evidence, m: int) -> Suggestion | None:
    """The box that its points ask for; None where they ask for nothing, and where no other box fits them clearly better.

    A drawn size that holds the object is kept: where the box is first, then where it goes when what lies beyond its faces is let in. Only where that
    leaves points out, the size of the class stands for what was not seen.
    """
    if seen.reach_m[m] > SEEN_WITHIN_M:
        return None  # its points lie elsewhere than the box; bw.refit_track takes them back
    track = int(frame.track[m])
    category = None if context.known[track] is None else context.scene.tracks[track].category
    drawn = frame.cuboids[m : m + 1]
    beyond = seen.n_beyond[m, :4] > GROWN_SHARE * max(int(seen.n_above[m]), 1)
    grow = np.where(beyond, SHELL_M, 0.0)
    step, more = np.array([grow[0] - grow[1], grow[2] - grow[3], 0.0]) / 2, np.array([grow[:2].sum(), grow[2:].sum(), 0.0])
    larger = drawn.replace(center_m=drawn.center_m + drawn.rotation[0] @ step, size_m=drawn.size_m + more)
    hints: dict[str, Any] = {"ground": frame.ground, "sensor_origins_m": context.scene.lidar_origins_m(frame.name)}
    try:
        kept = refit(frame.points, drawn[0], **hints).cuboid.as_cuboids()
        moved = refit(frame.points, larger[0], size_prior=drawn.size_m[0], **hints).cuboid.as_cuboids()
        for _ in range(2):  # as much may be cut off as the first one reaches
            larger = refit(frame.points, larger[0], category, **hints).cuboid.as_cuboids()
    except BoxwrightError:
        return None
    boxes = Cuboids.concatenate([kept, moved, larger])
    held = points_in_cuboids(frame.points, boxes).counts
    which = int(np.argmax(held >= KEPT_SHARE * held.max()))
    box = boxes[which : which + 1]
    turned = abs(math.remainder(float(box.yaw_rad[0] - frame.cuboids.yaw_rad[m]), math.pi))
    is_another = turned > MOST_TURN_RAD or (box.size_m < LEAST_SIZE * drawn.size_m).any()
    if is_another or iou_bev_pairs(frame.cuboids[m : m + 1], box)[0] < LEAST_IOU:
        return None  # another box altogether: what is there is not what was drawn
    before, after = misfit_m(context, frame, Cuboids.concatenate([drawn, box])).tolist()
    if not after < CLEARLY * before:
        return None
    return _keyframe(context, frame, m, box[0], "snap it to its points")
