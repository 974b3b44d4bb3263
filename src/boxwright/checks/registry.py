"""The rules: what each measures, when it fires, how bad that is, and what it needs. A rule is a small function that is registered here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, UnknownName
from .findings import Finding, Severity

if TYPE_CHECKING:
    from .context import Context, Frame

__all__ = ["RULES", "Needs", "Rule", "chosen_rules", "frame_rule", "label_rule"]

ANY = "*"


class Needs(StrEnum):
    """What a rule looks at."""

    LABELS = "labels"
    POINTS = "points"
    IMAGES = "images"


@dataclass(frozen=True)
class Rule:
    """One rule.

    rule_id : its name, in options, profiles and findings
    title : what is wrong where it fires, in a few words
    measures : what its value is
    unit : of value and threshold, "" for a share or a number
    thresholds : class -> what is allowed; "*" for all others
    severity : of its findings
    needs : what it looks at
    source : where the threshold comes from
    is_lower_bound : it fires below the threshold, not above
    is_timed : only where frames are related in time
    is_motion : only where they are and the ego motion is known
    groups : five or more tracks in one frame are one finding
    is_fitted : a profile may fit its threshold from accepted data
    suggests : what its correction does, "" where it has none
    explains : rules whose findings about the same tracks, at that time, are but consequences of this one's
    run : (context) -> findings, or (context, frame) -> findings where `is_per_frame`
    end : (context) -> findings, after the last frame, for rules that gather over frames
    """

    rule_id: str
    title: str
    measures: str
    unit: str
    thresholds: Mapping[str, float]
    severity: Severity
    needs: Needs
    source: str
    is_lower_bound: bool
    is_timed: bool
    is_motion: bool
    groups: bool
    is_fitted: bool
    suggests: str
    explains: tuple[str, ...]
    is_per_frame: bool
    run: Callable[..., Iterable[Finding]]
    end: Callable[[Context], Iterable[Finding]] | None = None


RULES: dict[str, Rule] = {}


def label_rule(rule_id: str, **fields: Any) -> Callable[[Callable[[Context], Iterable[Finding]]], Callable[[Context], Iterable[Finding]]]:
    """Registers a function (context) -> findings that looks at all frames at once. See `_registered` for the fields."""
    return lambda run: _registered(rule_id, run, is_per_frame=False, **fields)


def frame_rule(
    rule_id: str, **fields: Any
) -> Callable[[Callable[[Context, Frame], Iterable[Finding]]], Callable[[Context, Frame], Iterable[Finding]]]:
    """Registers a function (context, frame) -> findings that is called frame by frame, in order; `end` is called after the last one."""
    return lambda run: _registered(rule_id, run, is_per_frame=True, **fields)


def _registered(
    rule_id: str,
    run: Any,
    *,
    title: str,
    measures: str,
    unit: str,
    thresholds: float | Mapping[str, float],
    severity: Severity,
    source: str,
    needs: Needs = Needs.LABELS,
    is_lower_bound: bool = False,
    is_timed: bool = False,
    is_motion: bool = False,
    groups: bool = True,
    is_fitted: bool = True,
    suggests: str = "",
    explains: tuple[str, ...] = (),
    is_per_frame: bool = False,
    end: Callable[[Context], Iterable[Finding]] | None = None,
) -> Any:
    if rule_id in RULES:
        raise ArgumentError(expected="a rule id of its own", got=f"{rule_id!r} twice", field="rule_id")
    by_class = dict(thresholds) if isinstance(thresholds, Mapping) else {ANY: float(thresholds)}
    RULES[rule_id] = Rule(
        rule_id,
        title,
        measures,
        unit,
        by_class,
        severity,
        needs,
        source,
        is_lower_bound=is_lower_bound,
        is_timed=is_timed or is_motion,
        is_motion=is_motion,
        groups=groups,
        is_fitted=is_fitted,
        suggests=suggests,
        explains=explains,
        is_per_frame=is_per_frame,
        run=run,
        end=end,
    )
    return run


def chosen_rules(names: str | Sequence[str] | None) -> list[Rule]:
    """Rules by id, or all that need "labels", "points" or "images"; a name with "-" before it takes rules away. All of them where None."""
    if names is None:
        return list(RULES.values())
    parts = [names] if isinstance(names, str) or not isinstance(names, Iterable) else names
    asked = [name.strip() for part in parts for name in _text(part).split(",") if name.strip()]
    if not asked:
        raise ArgumentError(expected="at least one rule", got=repr(names), field="rules", hint="leave it out for all of them")
    taken = {} if any(not name.startswith("-") for name in asked) else dict(RULES)
    for name in asked:
        word = name.removeprefix("-")
        some = [rule for rule in RULES.values() if word in (rule.rule_id, rule.needs)]
        if not some:
            known = ", ".join([*Needs, *RULES])
            raise UnknownName(f"no rule is called {word!r}"[:80], expected=f"one of {known}", field="rules", hint="boxwright check --help")
        for rule in some:
            if name.startswith("-"):
                taken.pop(rule.rule_id, None)
            else:
                taken[rule.rule_id] = rule
    if not taken:
        raise ArgumentError("no rule is left", got=repr(names), field="rules", hint="take fewer away")
    return [rule for rule in RULES.values() if rule.rule_id in taken]


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise ArgumentError(
            expected="names of rules", got=repr(name)[:60], field="rules", hint="such as 'speed', or 'labels' for all that need no points"
        )
    return name
