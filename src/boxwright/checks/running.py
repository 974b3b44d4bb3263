"""Runs the rules over a scene: those on labels at once, the others frame by frame, so that every sweep is read once and none is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..errors import ArgumentError
from ..scene import Scene
from ..taxonomy import Taxonomy
from .context import Context
from .findings import Finding, Findings
from .grouping import grouped
from .profile import Profile
from .registry import Needs, Rule, chosen_rules

__all__ = ["check", "measured_values"]


def check(
    scene: Scene,
    profile: Profile | None = None,
    rules: str | Sequence[str] | None = None,
    *,
    frames: Sequence[int] | None = None,
    sensors: Sequence[str] | None = None,
    progress: Callable[[], Any] = lambda: None,
) -> Findings:
    """Labels checked against the world: sizes, motion, overlaps, points, pictures.

    profile : thresholds; those that ship where None
    rules : ids of rules, or "labels", "points", "images" for all that need these; "-speed" leaves one out. All of them where None
    frames : whose points and pictures are looked at; all of them where None. Rules on labels alone always see the whole scene
    sensors : names of the LiDARs whose points count; all of them where None
    progress : called once for each frame whose points or pictures are looked at

    The findings say what was measured, what is allowed, and where there is one, a correction: `finding.suggestion.apply(scene)`.
    UnknownName for a rule nobody knows.
    """
    if not isinstance(scene, Scene):
        raise ArgumentError(expected="a Scene", got=type(scene).__name__, field="scene", hint="bw.read gives one")
    if profile is not None and not isinstance(profile, Profile):
        raise ArgumentError(expected="a Profile", got=type(profile).__name__, field="profile", hint="bw.Profile.read(path) gives one")
    chosen = chosen_rules(rules)
    context = Context(scene, profile or Profile(), sensors)
    found = list(_run(context, chosen, frames, progress))
    return Findings(
        grouped(context, found),
        scene_name=scene.name,
        n_frames=len(scene),
        n_cuboids=len(context.rows),
        rules=[rule.rule_id for rule in chosen],
        notes=context.notes,
    )


def _run(context: Context, rules: Sequence[Rule], frames: Sequence[int] | None, progress: Callable[[], Any]) -> Iterable[Finding]:
    rules = list(_possible(context, rules))
    for rule in rules:
        if not rule.is_per_frame:
            yield from rule.run(context)
    by_frame = [rule for rule in rules if rule.is_per_frame]
    if by_frame:
        scene = context.scene
        for index in _placed(context, range(len(scene)) if frames is None else [scene._frame(i) for i in frames]):
            frame = context.frame(index)
            for rule in by_frame:
                yield from rule.run(context, frame)
            progress()
    for rule in by_frame:
        if rule.end is not None:
            yield from rule.end(context)


def _placed(context: Context, frames: Sequence[int]) -> Sequence[int]:
    """The frames whose sensors can be placed among the labels; a note says how many cannot."""
    scene = context.scene
    if scene.label_frame != "world" or scene.trajectory is None:
        return frames
    is_covered = scene.trajectory.covers(scene.times_ns)
    placed = [index for index in frames if is_covered[index]]
    if len(placed) < len(frames):
        context.notes.append(f"{len(frames) - len(placed)} of {len(frames)} frames have no pose: their points were not looked at")
    return placed


def _possible(context: Context, rules: Sequence[Rule]) -> Iterable[Rule]:
    """The rules that can run; a note says which cannot, and why."""
    scene = context.scene
    missing: dict[str, Callable[[Rule], bool]] = {
        "frames that are not related in time": lambda rule: rule.is_timed and not scene.has_time,
        "no ego poses": lambda rule: rule.is_motion and not context.has_ego_motion,
        "no points": lambda rule: rule.needs is Needs.POINTS and not context.sensors,
        "no cameras": lambda rule: rule.needs is Needs.IMAGES and not scene.cameras,
    }
    left_out: dict[str, list[str]] = {}
    for rule in rules:
        why = next((reason for reason, holds in missing.items() if holds(rule)), None)
        if why is None:
            yield rule
        else:
            left_out.setdefault(why, []).append(rule.rule_id)
    context.notes += [f"{why}: {', '.join(names)} left out" for why, names in left_out.items()]


def measured_values(
    scenes: Scene | Iterable[Scene], rules: Any, taxonomy: Taxonomy, progress: Callable[[], Any]
) -> tuple[dict[tuple[str, str], Float64s], dict[str, Float64s]]:
    """What the rules measure on labels that were accepted, by rule and class; and (T, 3) median sizes of the tracks, by class."""
    values: dict[tuple[str, str], list[Float64s]] = {}
    sizes: dict[str, list[Float64s]] = {}
    for scene in [scenes] if isinstance(scenes, Scene) else scenes:
        if not isinstance(scene, Scene):
            raise ArgumentError(expected="a Scene", got=type(scene).__name__, field="scenes", hint="bw.read gives one")
        context = Context(scene, Profile(taxonomy=taxonomy))
        context.measured = values
        for _ in _run(context, [rule for rule in chosen_rules(rules) if rule.is_fitted], None, progress):
            pass
        for track, name in zip(scene.tracks, context.classes):
            sizes.setdefault(name, []).append(np.median(track.cuboids.size_m, axis=0))
    return {key: np.concatenate(some) for key, some in values.items()}, {name: np.array(some) for name, some in sizes.items()}
