"""One cause is one finding.

What follows from another finding on the same track is told with it, not beside it. Five or more tracks that fire the same rule in one frame are one
finding about the recording: a pose, a stamp or a sweep is off, not five labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import number_of
from .context import Context
from .findings import Finding
from .registry import RULES

__all__ = ["LEAST_TRACKS", "grouped"]

LEAST_TRACKS = 5
LONGEST = 5  # frames; what lasts longer is a thing of its track
BESIDE = 4  # frames before and after a finding in which its consequences lie


def grouped(context: Context, findings: Iterable[Finding]) -> list[Finding]:
    """The findings, those with one cause as one, and those of five or more tracks at one time as one."""
    kept: list[Finding] = []
    by_rule: dict[tuple[str, str | None], list[Finding]] = defaultdict(list)
    for one in explained(findings):
        can_join = RULES[one.rule].groups and one.n_frames <= LONGEST and one.track_ids
        if can_join:
            by_rule[one.rule, one.sensor].append(one)
        else:
            kept.append(one)
    for some in by_rule.values():
        kept += _of_rule(context, some)
    return kept


def explained(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are no consequence of another; those that are become members of it."""
    found = list(findings)
    causes = [one for one in found if RULES[one.rule].explains]
    consequences: dict[int, list[Finding]] = defaultdict(list)
    kept = []
    for one in found:
        cause = next((k for k, other in enumerate(causes) if other is not one and _follows(one, other)), None)
        if cause is None:
            kept.append(one)
        else:
            consequences[cause].append(one)
    number = {id(one): k for k, one in enumerate(causes)}
    told = [replace(one, members=(*one.members, *consequences[number[id(one)]])) if number.get(id(one)) in consequences else one for one in kept]
    return told


def _follows(one: Finding, cause: Finding) -> bool:
    """Whether it starts and ends within the time of the cause, about one of its tracks."""
    return (
        one.rule in RULES[cause.rule].explains
        and one.frame_index >= cause.frame_index - BESIDE
        and one.last_frame_index <= cause.last_frame_index + BESIDE
        and not set(one.track_ids).isdisjoint(cause.track_ids)
    )


def _of_rule(context: Context, findings: Sequence[Finding]) -> list[Finding]:
    at: dict[int, set[int]] = defaultdict(set)
    for k, one in enumerate(findings):
        for frame in one.frames:
            at[frame].add(k)
    crowded = sorted(f for f, some in at.items() if len({track for k in some for track in findings[k].track_ids}) >= LEAST_TRACKS)
    runs: list[list[int]] = []
    for frame in crowded:
        if runs and frame == runs[-1][-1] + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    told: set[int] = set()
    kept = []
    for run in runs:
        some = sorted({k for frame in run for k in at[frame]} - told)
        if some:
            told.update(some)
            kept.append(_together(context, [findings[k] for k in some]))
    return [*(one for k, one in enumerate(findings) if k not in told), *kept]


def _together(context: Context, findings: Sequence[Finding]) -> Finding:
    """One finding about the recording from those of many tracks."""
    worst = max(findings, key=lambda one: abs(one.value - one.threshold))
    tracks = list(dict.fromkeys(context.scene.track_index[name] for one in findings for name in one.track_ids))
    frames = min(one.frame_index for one in findings), max(one.last_frame_index for one in findings), worst.worst_frame_index
    where = f"frame {frames[0]}" if frames[0] == frames[1] else f"frames {frames[0]} to {frames[1]}"
    message = (
        f"{number_of(len(tracks), 'track')} at once in {where}: {RULES[worst.rule].title}; look at the pose, the stamp or the sweep, "
        f"not at single labels; the worst: {worst.message}"
    )
    return context.finding(
        worst.rule,
        frames,
        tracks,
        worst.value,
        message,
        threshold=worst.threshold,
        severity=max(one.severity for one in findings),
        sensor=worst.sensor,
        members=findings,
    )
