"""Rules about single labels: out of place, or turned, against the labels of the same track around them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..rotations import quat_from_yaw, quat_multiply
from .context import Context
from .findings import Finding, Severity
from .registry import label_rule
from .suggestions import SetKeyframes, Suggestion

FLIPPED_RAD = np.pi / 2
TURNING = ("pedestrian", "sitting_person", "animal")  # on the spot, in the time between two frames that nobody knows


@label_rule(
    "outlier_position",
    title="labels out of place for one frame",
    measures="distance from the quadratic through up to 3 labels on each side, in the world's or the vehicle's frame, where it is smaller",
    unit="m",
    thresholds=0.2,
    severity=Severity.WARNING,
    source="hands scatter by 3 cm; at least 4 standard deviations of the noise around the label, and what an acceleration may put there "
    "between rare keyframes",
    suggests="where its neighbours have it",
)
def outlier_position(context: Context) -> Iterator[Finding]:
    courses = context.courses
    allowed = np.maximum(context.limits("outlier_position", courses.track), courses.place_allowance_m)
    fires = context.over("outlier_position", courses.track, courses.off_m) & (courses.off_m > allowed)
    fires &= courses.is_lone(courses.off_m, courses.place_spread_m)
    for j in np.flatnonzero(fires).tolist():
        frame, track = int(courses.index[j]), int(courses.track[j])
        message = f"{context.name(track)} is {courses.off_m[j]:.2f} m from where its neighbours have it in frame {frame}"
        shift, turn = courses.shift_m[j], _small_turn(courses.turn_rad[j])
        suggestion = _moved(context, j, shift, turn, "put it where its neighbours have it")
        yield context.finding("outlier_position", frame, [track], courses.off_m[j], message, threshold=allowed[j], suggestion=suggestion)


@label_rule(
    "outlier_heading",
    title="labels turned for one frame",
    measures="angle from the quadratic through up to 3 labels on each side, in the world's or the vehicle's frame, where it is smaller",
    unit="deg",
    thresholds={"*": 6.0, "pedestrian": 40.0, "sitting_person": 40.0, "animal": 60.0, "cone": 180.0, "drum": 180.0, "bollard": 180.0},
    severity=Severity.WARNING,
    source="hands scatter by 0.7 degrees, and vehicles begin to turn; at least 4 standard deviations of the noise around the label; people "
    "turn on the spot",
    suggests="the heading its neighbours have",
)
def outlier_heading(context: Context) -> Iterator[Finding]:
    courses = context.courses
    turn = np.abs(courses.turn_rad)
    allowed = np.maximum(context.limits("outlier_heading", courses.track), np.degrees(courses.turn_allowance_rad))
    fires = context.over("outlier_heading", courses.track, np.degrees(np.where(turn > FLIPPED_RAD, np.nan, turn))) & (np.degrees(turn) > allowed)
    fires &= courses.is_lone(turn, courses.turn_spread_rad)
    for j in np.flatnonzero(fires).tolist():
        frame, track = int(courses.index[j]), int(courses.track[j])
        message = f"{context.name(track)} is turned by {np.degrees(turn[j]):.1f} degrees against its neighbours in frame {frame}"
        suggestion = _moved(context, j, np.zeros(3), courses.turn_rad[j], "give it the heading of its neighbours")
        yield context.finding("outlier_heading", frame, [track], np.degrees(turn[j]), message, threshold=allowed[j], suggestion=suggestion)


@label_rule(
    "heading_flip",
    title="headings flipped by half a turn",
    measures="angle between headings of one track that follow each other",
    unit="deg",
    thresholds={
        "*": 90.0,
        "pedestrian": 135.0,
        "sitting_person": 135.0,
        "animal": 135.0,
        "cone": 180.0,
        "drum": 180.0,
        "bollard": 180.0,
        "barrier": 180.0,
    },
    severity=Severity.ERROR,
    source="nothing that rolls turns by a quarter between frames a tenth of a second apart; rarer frames are left out, and people where frames "
    "have no times",
    is_fitted=False,
    suggests="the heading turned by half a turn where the fewer labels are",
)  # fmt: skip
def heading_flip(context: Context) -> Iterator[Finding]:
    courses = context.courses
    if len(courses) < 2:
        return
    step = np.full(len(courses), np.nan)
    apart = np.degrees(np.abs((np.diff(courses.yaw_rad) + np.pi) % (2 * np.pi) - np.pi))
    is_near = (np.diff(courses.stretch) == 0) & (np.diff(courses.time_s) <= _longest_s(context))
    if not context.scene.has_time:
        is_near &= [context.classes[t] not in TURNING for t in courses.track[1:].tolist()]
    step[1:] = np.where(is_near, apart, np.nan)
    is_flip = context.over("heading_flip", courses.track, step)
    side = np.zeros(len(courses), np.int64)
    is_first = np.r_[True, np.diff(courses.stretch) != 0]
    flips = np.cumsum(is_flip)
    side = (flips - flips[np.flatnonzero(is_first)][np.cumsum(is_first) - 1] + is_flip[is_first][np.cumsum(is_first) - 1]) % 2
    for span in np.unique(courses.stretch[is_flip]):
        some = np.flatnonzero(courses.stretch == span)
        wrong = some[side[some] == (1 if side[some].sum() * 2 <= len(some) else 0)]
        for stretch in np.split(wrong, np.flatnonzero(np.diff(wrong) > 1) + 1):
            yield _flip(context, stretch, step)


def _flip(context: Context, stretch: np.ndarray, step: Float64s) -> Finding:
    """One finding for labels of a track that follow each other, all flipped."""
    courses = context.courses
    track, frames = int(courses.track[stretch[0]]), courses.index[stretch]
    after = stretch[-1] + 1
    value = np.nanmax([step[stretch[0]], step[after] if after < len(step) else np.nan])
    where = f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]} to {frames[-1]}"
    message = f"{context.name(track)} faces the other way in {where}: {value:.0f} degrees off the labels beside"
    suggestion = _turned(context, stretch, "turn it by half a turn")
    return context.finding("heading_flip", (int(frames[0]), int(frames[-1]), int(frames[0])), [track], float(value), message, suggestion=suggestion)


def _longest_s(context: Context) -> float:
    """A tenth of a second, or one step where frames are rarer, up to half a second."""
    times = context.scene.times_ns
    step = float(np.median(np.diff(times))) * 1e-9 if len(times) > 1 else 0.1
    return min(max(0.11, 1.05 * step), 0.5)


def _small_turn(turn_rad: float) -> float:
    """A correction of the place takes the heading along where it is off as well, but for flips, which have a rule of their own."""
    return float(turn_rad) if np.isfinite(turn_rad) and abs(turn_rad) < FLIPPED_RAD else 0.0


def _moved(context: Context, j: int, shift_m: Float64s, turn_rad: float, sentence: str) -> Suggestion:
    row = int(context.courses.row[j])
    cuboid = context.rows.cuboids[row : row + 1]
    quat = quat_multiply(quat_from_yaw(np.array([turn_rad])), cuboid.quat_wxyz)
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    moved = Cuboids(cuboid.center_m + shift_m, cuboid.size_m, quat_wxyz=quat, frame=cuboid.frame)
    return written(context, np.array([row]), moved, sentence)


def _turned(context: Context, stretch: np.ndarray, sentence: str) -> Suggestion:
    return turned_half(context, context.courses.row[stretch], sentence)


def turned_half(context: Context, rows: np.ndarray, sentence: str) -> Suggestion:
    """Labels of one track turned by half a turn."""
    cuboids = context.rows.cuboids[rows]
    quat = quat_multiply(quat_from_yaw(np.full(len(rows), np.pi)), cuboids.quat_wxyz)
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    return written(context, rows, Cuboids(cuboids.center_m, cuboids.size_m, quat_wxyz=quat, frame=cuboids.frame), sentence)


def written(context: Context, rows: np.ndarray, cuboids: Cuboids, sentence: str) -> Suggestion:
    """New keyframes for rows of one track."""
    index = context.rows.index[rows]
    track = context.scene.tracks[int(context.rows.track[rows[0]])]
    return Suggestion(sentence, [SetKeyframes(track.track_id, context.scene.times_ns[index], context.as_labels(cuboids, index))])
