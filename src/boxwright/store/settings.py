"""How work is done in a project: what holds unless somebody said otherwise, and the verb that says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ArgumentError, UnknownName
from .entities import PROJECT, named
from .transactions import Transaction

__all__ = ["SETTINGS", "SETTING_VERBS", "is_number", "settings_of"]

Edit = Mapping[str, Any]
# lease_s : how long a task stays with who took it and is not heard of; idle_cap_s : the longest pause that counts as work
SETTINGS: dict[str, Any] = {"lease_s": 900.0, "idle_cap_s": 300.0, "annotators_read_all": False, "qualifications": []}


def settings_of(tx: Transaction) -> dict[str, Any]:
    kept = tx.named(PROJECT, named("work"))
    return {**SETTINGS, **((kept.body or {}) if kept else {})}


def set_work(tx: Transaction, edit: Edit) -> None:
    """set : some of the settings; the others stay as they are"""
    wanted = edit["set"]
    if not isinstance(wanted, Mapping) or not wanted or set(wanted) - set(SETTINGS):
        raise ArgumentError(expected=f"some of {', '.join(SETTINGS)}", got=f"{wanted!r:.80}", field="edit.set", hint="work.settings() tells them")
    for key in ("lease_s", "idle_cap_s"):
        value = wanted.get(key, 1.0)
        if not is_number(value) or not 0 < value < 1e7:
            raise ArgumentError(expected="seconds above 0", got=f"{value!r:.40}", field=f"edit.set.{key}", hint="such as 900")
    if not isinstance(wanted.get("annotators_read_all", False), bool):
        raise ArgumentError(
            expected="true or false", got=f"{wanted['annotators_read_all']!r:.40}", field="edit.set.annotators_read_all", hint="as said"
        )
    trials = wanted.get("qualifications", [])
    if not isinstance(trials, list):
        raise ArgumentError(expected="a list", got=f"{trials!r:.60}", field="edit.set.qualifications", hint="[] for none")
    for one in trials:
        _check_qualification(tx, one)
    old = tx.named(PROJECT, named("work"))
    if old is None:
        tx.add("work", PROJECT, {**SETTINGS, **wanted})
    else:
        now = tx.expected(old.id, "work", edit.get("rev"), [(key,) for key in wanted], "edit")
        tx.put(now, {**(now.body or {}), **wanted})


def _check_qualification(tx: Transaction, one: Any) -> None:
    keys = {"id", "name", "scene", "gold", "from_frame", "to_frame", "least_f1", "labels"}
    texts = ("id", "name", "labels")
    fits = isinstance(one, Mapping) and set(one) == keys and all(isinstance(one[key], str) and one[key] for key in texts)
    fits = fits and is_number(one["least_f1"]) and 0 <= one["least_f1"] <= 1 and one["labels"] in ("keep", "none")
    if not fits:
        hint = "work.add_qualification makes one"
        raise ArgumentError(expected=", ".join(sorted(keys)), got=f"{one!r:.80}", field="edit.set.qualifications", hint=hint)
    for key in ("scene", "gold"):
        frames = tx.named(tx.live(one[key], "scene", f"qualification.{key}").id, named("frames"))
        n, (first, last) = len((frames.body or {})["frames"]) if frames else 0, (one["from_frame"], one["to_frame"])
        if type(first) is not int or type(last) is not int or not 0 <= first <= last < n:
            raise ArgumentError(
                expected=f"frames below {n}", got=f"{first!r:.20} to {last!r:.20}", field="from_frame", hint="the first before the last"
            )
    if tx.named(PROJECT, named("gold", one["gold"])) is None:
        raise UnknownName("the answers could be read by everybody", got=str(one["gold"])[:80], field="gold", hint="set_gold hides the scene first")


def is_number(value: Any) -> bool:
    """Whether it is a finite one, and not a truth."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def set_gold(tx: Transaction, edit: Edit) -> None:
    """The labels of a scene are answers from now on: annotators and viewers do not see it any more."""
    scene = tx.live(edit["scene"], "scene", "edit.scene")
    if tx.named(PROJECT, named("gold", scene.id)) is None:
        tx.add("gold", PROJECT, {"scene": scene.id})


SETTING_VERBS: dict[str, tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]] = {
    "set_work": (set_work, ("set",), ("rev",)),
    "set_gold": (set_gold, ("scene",), ()),
}
