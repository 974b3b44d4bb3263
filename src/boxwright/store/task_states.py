"""The states of a task, and the one table of what leads from each to another. What is not in it is refused, by the database too."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["MOVES", "TRANSITIONS", "State"]


class State(StrEnum):
    """How far a task is."""

    OPEN = "open"  # nobody has it
    ANNOTATING = "annotating"  # somebody works on it
    SUBMITTED = "submitted"  # waits for a reviewer
    IN_REVIEW = "in_review"
    REJECTED = "rejected"  # back with who made it
    ACCEPTED = "accepted"  # its labels are locked


# (state, move) -> state
TRANSITIONS: Mapping[tuple[State, str], State] = {
    (State.OPEN, "take"): State.ANNOTATING,
    (State.OPEN, "assign"): State.ANNOTATING,
    (State.ANNOTATING, "take"): State.ANNOTATING,  # over, where the lease has run out
    (State.ANNOTATING, "assign"): State.ANNOTATING,
    (State.ANNOTATING, "renew"): State.ANNOTATING,
    (State.ANNOTATING, "release"): State.OPEN,
    (State.ANNOTATING, "unassign"): State.OPEN,
    (State.ANNOTATING, "submit"): State.SUBMITTED,
    (State.SUBMITTED, "withdraw"): State.ANNOTATING,
    (State.SUBMITTED, "begin_review"): State.IN_REVIEW,
    (State.IN_REVIEW, "begin_review"): State.IN_REVIEW,  # over, where the lease has run out
    (State.IN_REVIEW, "renew_review"): State.IN_REVIEW,
    (State.IN_REVIEW, "leave_review"): State.SUBMITTED,
    (State.IN_REVIEW, "accept"): State.ACCEPTED,
    (State.IN_REVIEW, "reject"): State.REJECTED,
    (State.REJECTED, "assign"): State.REJECTED,
    (State.REJECTED, "unassign"): State.OPEN,
    (State.REJECTED, "submit"): State.SUBMITTED,
    (State.ACCEPTED, "reopen"): State.IN_REVIEW,
}
MOVES = tuple(sorted({(before.value, after.value) for (before, _), after in TRANSITIONS.items() if before is not after}))
