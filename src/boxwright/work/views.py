"""What work gives out: members, tasks, verdicts, findings, guidelines. What an account must not know is not in what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..store import Entity
from ..store.task_states import State

__all__ = ["Guideline", "KeptFinding", "Member", "Task", "WorkVerdict", "task_of"]


@dataclass(frozen=True)
class Member:
    """Somebody who belongs to a project. scopes : what a machine is for, none of people"""

    account: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    rev: int


@dataclass(frozen=True)
class Task:
    """A range of a scene's frames to be labelled, as an account is told of it.

    scene : name of the scene to label; from_frame, to_frame : both included
    sensors, classes : what it is limited to, or None
    assignee, reviewer : who has it
    lease_until_ns : from when on somebody else may take it; None where it stays
    purpose, group, gold : told to those who may see gold alone; to all others every task is "work", but their own "qualification"
    submitted_seq : the transaction that submitted it
    """

    task_id: str
    name: str
    scene: str
    from_frame: int
    to_frame: int
    sensors: tuple[str, ...] | None
    classes: tuple[str, ...] | None
    state: State
    assignee: str | None
    reviewer: str | None
    lease_until_ns: int | None
    instructions: str
    priority: int
    submitted_seq: int | None
    rev: int
    purpose: str = "work"
    group: str | None = None
    gold: str | None = None


def task_of(one: Entity, scenes: Mapping[str, str], *, is_told: bool, account: str | None) -> Task:
    """scenes : id -> name; is_told : to somebody who may see gold"""
    body = one.body or {}
    is_own_trial = body["purpose"] == "qualification" and body["assignee"] == account
    told: dict[str, Any] = {"purpose": body["purpose"]} if is_told or is_own_trial else {}
    told |= {"group": body["group"], "gold": scenes.get(body["gold"])} if is_told else {}
    sensors, classes = (None if body[key] is None else tuple(body[key]) for key in ("sensors", "classes"))
    keys = ("name", "from_frame", "to_frame", "assignee", "reviewer", "lease_until_ns", "instructions", "priority", "submitted_seq")
    return Task(
        task_id=one.id,
        scene=scenes[one.scene_id],
        state=State(body["state"]),
        sensors=sensors,
        classes=classes,
        rev=one.rev,
        **{key: body[key] for key in keys},
        **told,
    )


@dataclass(frozen=True)
class WorkVerdict:
    """What a reviewer said of a task.

    decision : accepted, rejected or reopened
    at_seq : it is about the labels after that transaction
    is_stale : these labels have changed since
    guideline : (version, entry) that it cites, or None
    n_reviewer_edits : transactions with which the reviewer himself changed labels before he decided
    """

    verdict_id: str
    task_id: str
    decision: str
    reason: str
    reviewer: str
    at_seq: int
    guideline: tuple[int, str | None] | None
    n_reviewer_edits: int
    is_stale: bool


@dataclass(frozen=True)
class KeptFinding:
    """A finding that is kept.

    status : open, waived or fixed
    is_stale : what it is about has changed since the check
    said : what the check said, see `bw.Finding`
    """

    entity_id: str
    rev: int
    finding_id: str
    rule: str
    severity: str
    message: str
    status: str
    reason: str | None
    waived_by: str | None
    is_stale: bool
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Guideline:
    """How to label, in plain text.

    version : 1 for the first
    entries : class -> {"text": ..., "examples": [{"scene", "frame_index", "note"}]}
    """

    version: int
    text: str
    entries: Mapping[str, Mapping[str, Any]]
