"""Which frames carry gold: chosen so that nobody can foresee them, and anybody can choose them again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .arrays import as_floats
from .errors import ArgumentError, FormatError, FrameMissing
from .scene import Scene

__all__ = ["GoldPlan", "plan_gold"]

MARK = "boxwright-gold-plan"


@dataclass(frozen=True)
class GoldPlan:
    """The frames of gold of some scenes.

    seed, share, least_gap : how they were chosen; the same choice again gives the same frames, whatever other scenes there are
    frame_ids : scene name -> names of its frames, in their order
    """

    seed: str
    share: float
    least_gap: int
    frame_ids: Mapping[str, Sequence[str]]

    def frames(self, scene: Scene) -> list[int]:
        """Indices of a scene's gold frames. FrameMissing where the plan does not know the scene, or the scene lacks one of them."""
        if scene.name not in self.frame_ids:
            known = ", ".join(self.frame_ids) or "none"
            raise FrameMissing("the plan has no such scene", expected=f"one of {known:.200}", got=repr(scene.name), hint="plan it with the others")
        index = {name: i for i, name in enumerate(scene.frame_ids)}
        lost = [name for name in self.frame_ids[scene.name] if name not in index]
        if lost:
            hint = "give the recording that was planned"
            raise FrameMissing("the scene lacks a planned frame", got=repr(lost[0]), field=f"scene {scene.name!r}", hint=hint)
        return [index[name] for name in self.frame_ids[scene.name]]

    def to_json(self) -> str:
        """One JSON document; `from_json` gives the plan back."""
        chosen = {name: list(ids) for name, ids in self.frame_ids.items()}
        plan = {"format": MARK, "version": 1, "seed": self.seed, "share": self.share, "least_gap": self.least_gap, "frame_ids": chosen}
        return json.dumps(plan, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, *, path: str | os.PathLike[str] | None = None) -> GoldPlan:
        """FormatError where the text is no plan."""
        try:
            plan: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError("not JSON", got=str(error)[:100], path=path, hint="write the plan again") from None
        if not isinstance(plan, dict) or plan.get("format") != MARK or plan.get("version") != 1:
            raise FormatError(
                "no gold plan", expected=f'"format": "{MARK}", "version": 1', path=path, hint="write one: bw.plan_gold(scenes).to_json()"
            )
        chosen: Any = plan.get("frame_ids")
        is_sound = (
            isinstance(plan.get("seed"), str)
            and _is_number(plan.get("share"))
            and _is_number(plan.get("least_gap"))
            and isinstance(chosen, dict)
            and all(isinstance(ids, list) and all(isinstance(name, str) for name in ids) for ids in chosen.values())
        )
        if not is_sound:
            expected = "seed, share, least_gap, and frame_ids as a list of texts for each scene"
            raise FormatError("a gold plan that lacks something", expected=expected, path=path, hint="write the plan again")
        return cls(plan["seed"], float(plan["share"]), int(plan["least_gap"]), {name: tuple(ids) for name, ids in chosen.items()})

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> GoldPlan:
        """From a file. FormatError where it holds no plan."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"), path=path)
        except UnicodeDecodeError:
            raise FormatError("not a text", path=path, hint="a plan is JSON in UTF-8") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def plan_gold(scenes: Iterable[Scene], *, share: float = 0.1, least_gap: int = 5, seed: str = "gold") -> GoldPlan:
    """A share of every scene's frames, at least one, no two of them closer than `least_gap` frames.

    The order in which frames are taken is that of SHA-256 of seed, scene and frame: it needs no generator of random numbers, depends on no version,
    and a scene's frames do not change when other scenes come or go. Whoever knows the seed knows the frames: keep it from the annotators.
    """
    if not 0 < float(as_floats("share", share, ())) <= 1:
        raise ArgumentError(expected="a share above 0, at most 1", got=repr(share), field="share", hint="0.1 is every tenth frame")
    if isinstance(least_gap, bool) or not isinstance(least_gap, int) or least_gap < 1:
        raise ArgumentError(expected="a whole number from 1", got=repr(least_gap), field="least_gap", hint="1 lets neighbours be chosen")
    if not isinstance(seed, str):
        raise ArgumentError(expected="a text", got=repr(seed), field="seed", hint="pass str(...)")
    chosen: dict[str, tuple[str, ...]] = {}
    for scene in [scenes] if isinstance(scenes, Scene) else scenes:
        if not isinstance(scene, Scene):
            raise ArgumentError(expected="a Scene", got=type(scene).__name__, field="scenes", hint="bw.read gives one")
        if scene.name in chosen:
            raise ArgumentError(expected="scenes with names of their own", got=f"{scene.name!r} twice", field="scenes", hint="rename one")
        chosen[scene.name] = tuple(scene.frame_ids[i] for i in _picked(scene, share, least_gap, seed))
    return GoldPlan(seed, float(share), least_gap, chosen)


def _picked(scene: Scene, share: float, least_gap: int, seed: str) -> list[int]:
    wanted = max(round(share * len(scene)), min(len(scene), 1))
    lots = [hashlib.sha256(json.dumps([seed, scene.name, name]).encode()).digest() for name in scene.frame_ids]
    taken: list[int] = []
    for i in sorted(range(len(scene)), key=lots.__getitem__):
        if len(taken) < wanted and all(abs(i - other) >= least_gap for other in taken):
            taken.append(i)
    return sorted(taken)
