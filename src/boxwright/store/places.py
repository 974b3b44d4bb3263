"""Where labels are, as tasks see it: at a time or over a span, of an object of a class, in a camera or in space; and what that allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import ConflictError
from . import schema
from .entities import LABELS, Entity, named
from .roles import Action, Where, permit
from .sight import tasks_of
from .task_states import State
from .transactions import Transaction, image_of

__all__ = ["ALWAYS", "Spot", "check_places", "covers", "label_changes", "spots_of", "touches"]

ALWAYS = (-(1 << 62), (1 << 62) - 1)  # what moves waits before it, see transactions.py
Body = Mapping[str, Any]


@dataclass(frozen=True)
class Spot:
    """A place that a label has.

    span_ns : first and last time, both included; ALWAYS for what belongs to the whole scene
    category : None for what is of no class
    camera : None for what is in space
    is_of_all : neither in a camera nor in space: what is said of the scene
    """

    span_ns: tuple[int, int]
    category: str | None = None
    camera: str | None = None
    is_of_all: bool = False


def spots_of(tx: Transaction, one: Entity, *, before: bool) -> Iterator[Spot]:
    """Of one image of a label. before : as things were before this request"""
    body = one.body
    if body is None:
        return
    if one.kind == "keyframe":
        yield _spot(_track_body(tx, one.parent_id, before=before), (body["timestamp_ns"],) * 2)
    elif one.kind == "track":
        for keyframe in _keyframes(tx, one.id, before=before):
            yield _spot(body, ((keyframe.body or {})["timestamp_ns"],) * 2)
    elif one.kind in ("tag", "relation"):
        span = body.get("span_ns")
        yield Spot(ALWAYS if span is None else (span[0], span[1]), camera=body.get("camera"), is_of_all=body.get("camera") is None)
    else:
        yield Spot(_frame_ns(tx, one.scene_id, body["frame_index"]))


def _spot(track: Body, span_ns: tuple[int, int]) -> Spot:
    return Spot(span_ns, track.get("category"), track.get("camera"))


def _track_body(tx: Transaction, track_id: str | None, *, before: bool) -> Body:
    """Of one that is deleted meanwhile, too."""
    for one in (tx.before(track_id or ""), tx.get(track_id or "")) if before else (tx.get(track_id or ""), tx.before(track_id or "")):
        if one is not None and one.body is not None:
            return one.body
    now = tx.get(track_id or "")
    last = None if now is None else tx.image(now.id, now.rev - 1)  # what deletes something is its next revision
    return {} if last is None else last.body or {}


def _keyframes(tx: Transaction, track_id: str, *, before: bool) -> Sequence[Entity]:
    return tx.children_before(track_id) if before else tx.children(track_id)


def _frame_ns(tx: Transaction, scene_id: str, index: int) -> tuple[int, int]:
    frames = tx.named(scene_id, named("frames"))
    stamp = (frames.body or {})["frames"][index]["timestamp_ns"] if frames else 0
    return stamp, stamp


def _fits(task: Body, spot: Spot) -> bool:
    """As far as classes and sensors go."""
    if task["classes"] is not None and spot.category is not None and spot.category not in task["classes"]:
        return False
    if spot.is_of_all:
        return True
    if spot.camera is None:
        return bool(task["is_3d"])
    return task["cameras"] is None or spot.camera in task["cameras"]


def covers(task: Body, spot: Spot) -> bool:
    """Whether a place lies in a task. What belongs to the whole scene lies in each of its tasks."""
    if not _fits(task, spot):
        return False
    return spot.span_ns == ALWAYS or (task["from_ns"] <= spot.span_ns[0] and spot.span_ns[1] <= task["to_ns"])


def touches(task: Body, spot: Spot) -> bool:
    """Whether a task has some of it. What belongs to the whole scene belongs to tasks over all of it alone."""
    if not _fits(task, spot):
        return False
    if spot.span_ns == ALWAYS:
        return (task["from_ns"], task["to_ns"], task["lock"]) == (*ALWAYS, "all")
    return bool(task["from_ns"] <= spot.span_ns[1] and spot.span_ns[0] <= task["to_ns"])


def label_changes(tx: Transaction, task: Entity, at_seq: int) -> list[Entity]:
    """The labels that a task has some of, now or before, and that were changed after a transaction; as they are now."""
    change = schema.change.c
    where = (change.seq > at_seq) & (change.scene_id == task.scene_id) & change.kind.in_(LABELS)
    found: dict[str, Entity] = {}
    for row in tx.connection.execute(sa.select(schema.change).where(where).order_by(change.seq, change.n)):
        if row.entity_id in found:
            continue
        images = [image_of(row), tx.image(row.entity_id, row.rev - 1)]
        spots = [spot for one in images if one is not None for spot in spots_of(tx, one, before=False)]
        now = tx.get(row.entity_id)
        if now is not None and any(touches(task.body or {}, spot) for spot in spots):
            found[now.id] = now
    return list(found.values())


def check_places(tx: Transaction, actions: Sequence[Action | None]) -> None:
    """ConflictError for labels of an accepted task, whoever changes them; AccessDenied for labels where the account may not change them."""
    tasks: dict[str, list[Body]] = {}
    is_asked = tx.who is not None and Action.EDIT in actions
    for one in tx.changed:
        if one.kind not in LABELS or (one.rev == 0 and not one.is_live):
            continue
        scene = tx.get(one.scene_id)
        if scene is None or scene.rev == 0:
            continue  # a scene that this request brings
        if one.scene_id not in tasks:
            tasks[one.scene_id] = [task.body or {} for task in tasks_of(tx.connection, one.scene_id)]
        if not tasks[one.scene_id] and not is_asked:
            continue
        old = tx.before(one.id)
        spots = {*spots_of(tx, one, before=False), *(spots_of(tx, old, before=True) if old is not None else ())}
        for spot in spots:
            _check_spot(tx, tasks[one.scene_id], one, spot, is_asked=is_asked)


def _check_spot(tx: Transaction, tasks: Sequence[Body], one: Entity, spot: Spot, *, is_asked: bool) -> None:
    for task in tasks:
        if task["state"] == State.ACCEPTED and touches(task, spot):
            hint = "a reviewer can reopen the task"
            raise ConflictError(f"the {one.kind} belongs to a task that is accepted", got=task["name"], field=one.kind, hint=hint, code="locked")
    if is_asked and tx.who is not None:
        permit(tx.who, Action.EDIT, where_of(tx.who.account, tasks, spot), field=one.kind)


def where_of(account: str, tasks: Sequence[Body], spot: Spot) -> Where:
    """What a place is to an account."""
    own = (State.ANNOTATING, State.REJECTED)
    return Where(
        is_own=any(task["assignee"] == account and task["state"] in own and covers(task, spot) for task in tasks),
        is_reviewed=any(task["reviewer"] == account and task["state"] == State.IN_REVIEW and covers(task, spot) for task in tasks),
        is_begun=any(task["state"] != State.OPEN and (spot.span_ns == ALWAYS or touches(task, spot)) for task in tasks),
    )
