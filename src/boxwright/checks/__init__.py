"""Labels checked against the world: rules with thresholds, findings with corrections.

findings.py suggestions.py     what is found, and what would mend it
registry.py                    the rules by name: what each measures, when it fires, what it needs
profile.py                     thresholds: shipped, of a file, fitted from accepted labels
context.py                     what rules share: labels as rows in the world frame; frames with points and pictures
running.py grouping.py         runs them; many tracks at once are one finding
rules_*.py                     the rules, each a small function
"""

from __future__ import annotations

from . import (
    rules_labels,
    rules_missing,
    rules_moments,
    rules_motion,
    rules_pairs,
    rules_pictures,
    rules_points,
    rules_recording,
    rules_sizes,
    rules_tracks,
)
from .findings import Finding, Findings, Severity
from .profile import Profile, SizeRange
from .registry import RULES, Needs, Rule
from .running import check
from .suggestions import CorrectCamera, MoveKeyframes, RemoveTrack, SetCategory, SetKeyframes, Suggestion

__all__ = [
    "RULES",
    "CorrectCamera",
    "Finding",
    "Findings",
    "MoveKeyframes",
    "Needs",
    "Profile",
    "RemoveTrack",
    "Rule",
    "SetCategory",
    "SetKeyframes",
    "Severity",
    "SizeRange",
    "Suggestion",
    "check",
    "check_rules",
    "rules_labels",
    "rules_missing",
    "rules_moments",
    "rules_motion",
    "rules_pairs",
    "rules_pictures",
    "rules_points",
    "rules_recording",
    "rules_sizes",
    "rules_tracks",
]


def check_rules() -> tuple[Rule, ...]:
    """All rules, in the order they run."""
    return tuple(RULES.values())
