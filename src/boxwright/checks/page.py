"""docs/checks.md, made of what the rules say of themselves: python -m boxwright.checks.page > docs/checks.md"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import check_rules
from .registry import ANY, Needs, Rule

__all__ = ["page"]

_HEADS = {Needs.LABELS: "Labels alone", Needs.POINTS: "With points", Needs.IMAGES: "With pictures"}
_INTRODUCTION = """# Checks

Made by `python -m boxwright.checks.page` of what each rule says of itself (`bw.check_rules()`). Do not edit it by hand.

`bw.check(scene)` and `boxwright check PATH` run these rules. A finding says what was measured at its worst, what is allowed, in which frames and
about which tracks; where there is a correction, `finding.suggestion.apply(scene)` gives the scene with it, and `findings.applied(scene)` with all of
them that do not touch the same track.

- **Severity**: an *error* cannot be right, a *warning* may be, *information* is to know. `boxwright check` ends with exit code 1 where there is an
  error, with 0 where there is none, with 2 where a file or an option cannot be used.
- **One cause, one finding**: what follows from another finding on the same track at that time is told with it (`finding.members`); five or more
  tracks that fire one rule in one frame are one finding about the recording, since a pose, a stamp or a sweep is off then.
- **Thresholds** are those below unless a profile says otherwise. `boxwright check PATH --fit-profile FILE` writes one from labels that were accepted
  (their 0.1 and 99.9 % points, where there are 200 values or more), `--profile FILE` takes it, `bw.Profile` does both in Python. Names of classes are
  those of the taxonomy, `*` is every other one:

      {"format": "boxwright-check-profile", "version": 1, "thresholds": {"speed": {"*": 60, "bus": 35}},
       "sizes_m": {"car": {"low_m": [3.0, 1.4, 1.2], "high_m": [5.6, 2.1, 2.2]}}}

- **Ids**: `finding_id` is the same for the same rule, tracks and frames; `label_digest` changes when the labels it is about do, so that a verdict on
  it can be told to be stale (`finding.is_stale(scene)`).
- **The vehicle's motion**: rules on motion look at tracks in the world's frame and are left out, with a note, where no poses are known or frames are
  not related in time. Single labels are judged in the world's frame and in the vehicle's, and are off where they are in both.
- Only keyframes are judged: what was read off the curve between them is no label of anybody's.
"""


def page(rules: Sequence[Rule]) -> str:
    """The whole page."""
    lines = [_INTRODUCTION]
    for needs, head in _HEADS.items():
        some = [rule for rule in rules if rule.needs is needs]
        if some:
            lines += [f"## {head}", "", "| rule | severity | finds | fires at |", "|---|---|---|---|"]
            lines += [f"| `{one.rule_id}` | {one.severity.name.lower()} | {one.title} | {_fires_at(one)} |" for one in some]
            lines += ["", *[line for one in some for line in _section(one)]]
    return "\n".join(lines).rstrip("\n") + "\n"


def _fires_at(rule: Rule) -> str:
    """The general threshold."""
    value = rule.thresholds.get(ANY)
    sign = "below" if rule.is_lower_bound else "above"
    return f"{sign} {value:g}{f' {rule.unit}' if rule.unit else ''}" if value is not None else "by class"


def _section(rule: Rule) -> list[str]:
    others = ", ".join(f"{name} {value:g}" for name, value in rule.thresholds.items() if name != ANY)
    lines = [f"### `{rule.rule_id}`", f"Measures {rule.measures}{f', in {rule.unit}' if rule.unit else ''}: {_fires_at(rule)}."]
    if others:
        lines.append(f"Other classes: {others}.")
    lines.append(f"Why there: {rule.source}.")
    if rule.suggests:
        lines.append(f"Correction: {rule.suggests}.")
    timed = "only where the vehicle's motion is known" if rule.is_motion else "only where frames are related in time"
    notes = [timed] * rule.is_timed + ["not fitted by a profile"] * (not rule.is_fitted)
    if rule.explains:
        notes.append(f"takes along what follows from it: {', '.join(f'`{name}`' for name in rule.explains)}")
    if notes:
        said = "; ".join(notes)
        lines.append(f"{said[0].upper()}{said[1:]}.")
    return [*lines, ""]


if __name__ == "__main__":
    sys.stdout.write(page(check_rules()))
