"""Rules about motion in the world's frame: what vehicles, people and standing things can and cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..arrays import Bools, Float64s
from ..rotations import wrap_rad
from .context import Context
from .findings import Finding, Severity
from .registry import RULES, label_rule
from .rules_labels import turned_half
from .suggestions import Suggestion

SURE_SIGMA = 4.0
MOVING_MPS = 2.0
LEAST_FLIPPED = 3  # labels
STANDING = ("cone", "drum", "bollard", "barrier", "sign")
PEOPLE = ("pedestrian", "sitting_person", "stroller", "wheelchair")


@label_rule(
    "speed",
    title="speeds that cannot be",
    measures="speed over the ground, of the curve through up to 3 labels on each side",
    unit="m/s",
    thresholds={
        "*": 70.0, "truck": 40.0, "bus": 40.0, "articulated_bus": 35.0, "trailer": 40.0, "tram": 35.0, "train": 100.0, "bicycle": 25.0,
        "cyclist": 25.0, "pedestrian": 11.0, "sitting_person": 11.0, "stroller": 8.0, "wheelchair": 8.0, "personal_mobility": 25.0, "animal": 20.0,
    },
    severity=Severity.ERROR,
    source="250 km/h on the fastest roads; limiters of lorries and coaches with room downhill; sprinters",
    is_motion=True,
)  # fmt: skip
def speed(context: Context) -> Iterator[Finding]:
    steps = context.steps
    yield from _findings(context, "speed", steps.speed_mps, np.zeros(len(steps)), lambda k: f"goes {steps.speed_mps[k]:.1f} m/s")


@label_rule(
    "acceleration",
    title="accelerations that cannot be",
    measures="change of velocity over the ground, of the quadratic through up to 3 labels on each side",
    unit="m/s^2",
    thresholds={"*": 8.0, "truck": 7.0, "bus": 7.0, "articulated_bus": 6.0, "trailer": 7.0, "tram": 4.0, "train": 3.0, "motorcycle": 10.0,
                "motorcyclist": 10.0, "pedestrian": 10.0, "animal": 15.0},
    severity=Severity.WARNING,
    source="tyres on dry asphalt, and sprinters; 99.9 % of the differences in Argoverse 2 are below 5.6 (cars) and 8.1 (people); 4 standard "
    "deviations of chance are taken off",
    is_motion=True,
    explains=("jerk",),
)  # fmt: skip
def acceleration(context: Context) -> Iterator[Finding]:
    value, noise = context.steps.acceleration_mps2
    yield from _findings(context, "acceleration", value, noise, lambda k: f"changes its speed by {value[k]:.1f} m/s^2")


@label_rule(
    "jerk",
    title="jerks that cannot be",
    measures="change of acceleration over the ground, of the cubic through 3 labels on each side",
    unit="m/s^3",
    thresholds={"*": 60.0, "pedestrian": 100.0, "animal": 150.0},
    severity=Severity.WARNING,
    source="full braking that builds up in a sixth of a second; 4 standard deviations of chance are taken off",
    is_motion=True,
)
def jerk(context: Context) -> Iterator[Finding]:
    value, noise = context.steps.jerk_mps3
    yield from _findings(context, "jerk", value, noise, lambda k: f"changes its acceleration by {value[k]:.0f} m/s^3")


@label_rule(
    "yaw_rate",
    title="turns faster than can be",
    measures="turn rate of the straight line through up to 3 headings on each side",
    unit="rad/s",
    thresholds={"*": 2.5, "truck": 1.5, "bus": 1.5, "articulated_bus": 1.5, "trailer": 1.5, "tram": 0.7, "train": 0.3, "pedestrian": 12.0,
                "sitting_person": 12.0, "animal": 12.0, "stroller": 6.0, "wheelchair": 6.0, "personal_mobility": 6.0, "cone": 100.0, "drum": 100.0,
                "bollard": 100.0},
    severity=Severity.WARNING,
    source="99.9 % of the vehicles' rates in Argoverse 2 are below 2.1; lorries by their turning circle; 4 standard deviations of chance are "
    "taken off",
    is_motion=True,
)  # fmt: skip
def yaw_rate(context: Context) -> Iterator[Finding]:
    value, noise = context.steps.yaw_rate_radps
    yield from _findings(context, "yaw_rate", np.abs(value), noise, lambda k: f"turns by {abs(value[k]):.1f} rad/s")


def _findings(context: Context, rule_id: str, values: Float64s, noise: Float64s, says: Callable[[int], str]) -> Iterator[Finding]:
    """One finding for each stretch of labels that are beyond what is allowed by more than chance."""
    steps = context.steps
    sure = np.nan_to_num(values, nan=0.0) - SURE_SIGMA * np.nan_to_num(noise, nan=0.0) > context.limits(rule_id, steps.track)
    fires = context.over(rule_id, steps.track, values) & sure
    yield from stretches(context, rule_id, fires, np.nan_to_num(values), lambda k: f"{context.name(int(steps.track[k]))} {says(k)}")


def stretches(
    context: Context,
    rule_id: str,
    fires: Bools,
    values: Float64s,
    says: Callable[[int], str],
    suggestion: Callable[[np.ndarray], Suggestion | None] = lambda some: None,
    least: int = 1,
) -> Iterator[Finding]:
    """One finding for each stretch of labels of `context.steps` that fire; (H,) each."""
    steps = context.steps
    hit = np.flatnonzero(fires)
    parts = np.split(hit, np.flatnonzero((np.diff(hit) > 2) | (np.diff(steps.track[hit]) != 0)) + 1) if len(hit) else []
    for some in parts:
        if len(some) < least:
            continue
        worst = int(some[np.argmax(values[some])])
        frames = int(steps.index[some[0]]), int(steps.index[some[-1]]), int(steps.index[worst])
        allowed = context.limits(rule_id, steps.track[worst : worst + 1])[0]
        message = f"{says(worst)} in frame {frames[2]}; at most {allowed:g} {RULES[rule_id].unit} is allowed"
        yield context.finding(rule_id, frames, [int(steps.track[worst])], values[worst], message, suggestion=suggestion(some))


# ------------------------------------------------------------ heading against motion


def _slip_deg(context: Context) -> Float64s:
    """(H,) angle between heading and motion of vehicles and riders; NaN where they are slow, and for people and round things."""
    steps = context.steps
    course = np.arctan2(steps.velocity_mps[:, 1], steps.velocity_mps[:, 0])
    slip = np.degrees(np.abs(np.asarray(wrap_rad(steps.yaw_rad - np.nan_to_num(course)))))
    known = np.array([name not in (*PEOPLE, *STANDING, "animal", "personal_mobility") for name in context.classes], np.bool_)[steps.track]
    chance = SURE_SIGMA * np.maximum(steps.noise_m, 0.01) * np.nan_to_num(steps.motion.gain[:, 1], nan=1.0) / steps.near.step_s
    is_moving = np.nan_to_num(steps.speed_mps, nan=0.0) > np.maximum(MOVING_MPS, chance)
    return np.where(known & is_moving, slip, np.nan)


@label_rule(
    "lateral_slip",
    title="things that slide sideways",
    measures="angle between heading and motion, above 2 m/s",
    unit="deg",
    thresholds=30.0,
    severity=Severity.WARNING,
    source="cars in Argoverse 2 stay below 25 degrees",
    is_motion=True,
)
def lateral_slip(context: Context) -> Iterator[Finding]:
    steps, slip = context.steps, _slip_deg(context)
    sideways = np.where(slip > 90, 180 - slip, slip)
    fires = context.over("lateral_slip", steps.track, sideways)
    says = lambda k: f"{context.name(int(steps.track[k]))} slides, heading and motion {sideways[k]:.0f} degrees apart"  # noqa: E731
    yield from stretches(context, "lateral_slip", fires, np.nan_to_num(sideways), says, least=2)


@label_rule(
    "heading_against_motion",
    title="things that go backwards",
    measures="angle between heading and motion, above 2 m/s, for three labels or more",
    unit="deg",
    thresholds=120.0,
    severity=Severity.WARNING,
    source="reversing is slower",
    is_motion=True,
    is_fitted=False,
    suggests="the heading turned by half a turn along the whole stretch",
)
def heading_against_motion(context: Context) -> Iterator[Finding]:
    steps, slip = context.steps, _slip_deg(context)
    fires = context.over("heading_against_motion", steps.track, slip)
    says = lambda k: f"{context.name(int(steps.track[k]))} goes backwards at {steps.speed_mps[k]:.1f} m/s"  # noqa: E731

    def suggestion(some: np.ndarray) -> Suggestion:
        """All labels that face the same way before and after, also where the thing is slow."""
        track = int(steps.track[some[0]])
        own = np.flatnonzero(steps.track == track)
        flips = np.abs(np.asarray(wrap_rad(np.diff(steps.yaw_rad[own])))) > np.pi / 2
        part = np.r_[0, np.cumsum(flips)]
        same = own[part == part[np.searchsorted(own, some[0])]]
        return turned_half(context, steps.row[same], "turn it by half a turn")

    yield from stretches(context, "heading_against_motion", fires, np.nan_to_num(slip), says, suggestion, least=LEAST_FLIPPED)


# ------------------------------------------------------------ what stands


@label_rule(
    "static_moves",
    title="standing things that move",
    measures="how far apart the middle positions of the first and the last quarter of the track are",
    unit="m",
    thresholds=0.5,
    severity=Severity.WARNING,
    source="half a metre tells moving from standing in all of boxwright",
    is_motion=True,
    groups=False,
    suggests="",
)
def static_moves(context: Context) -> Iterator[Finding]:
    courses = context.courses
    for t, name in enumerate(context.classes):
        some = np.flatnonzero(courses.track == t)
        says_parked = context.scene.tracks[t].attributes.get("motion") == "parked"
        if len(some) < 2 or not (name in STANDING or says_parked):
            continue
        quarter = max(len(some) // 4, 1)
        moved = np.median(courses.center_m[some[-quarter:], :2], axis=0) - np.median(courses.center_m[some[:quarter], :2], axis=0)
        value = np.array([np.hypot(*moved)])
        allowed = context.limits("static_moves", np.array([t]))[0] + SURE_SIGMA * courses.noise_m[some[0]] / np.sqrt(quarter)
        if context.over("static_moves", np.array([t]), value)[0] and value[0] > allowed:
            frames = int(courses.index[some[0]]), int(courses.index[some[-1]]), int(courses.index[some[-1]])
            what = "is said to be parked" if says_parked else "stands"
            yield context.finding("static_moves", frames, [t], value[0], f"{context.name(t)} {what}, and moves {value[0]:.1f} m", threshold=allowed)
