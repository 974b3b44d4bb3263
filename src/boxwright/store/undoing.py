"""Taking back: a transaction undone, or a thing brought to what it was, each as a new transaction that can itself be undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ..errors import ArgumentError, UnknownName
from . import schema
from .entities import NOT_UNDONE, Entity
from .transactions import Transaction, image_of

__all__ = ["images_at", "restore", "undo"]

Edit = Mapping[str, Any]


def undo(tx: Transaction, edit: Edit) -> None:
    """Every entity of a transaction as it was before. ConflictError, with a list, where later edits stand on it that were not taken back."""
    seq = edit["seq"]
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 < seq < tx.seq:
        raise UnknownName(
            "no such transaction", expected=f"one of 1 to {tx.seq - 1}", got=f"{seq!r:.40}", field="seq", hint="'boxwright log' lists them"
        )
    rows = tx.connection.execute(sa.select(schema.change).where(schema.change.c.seq == seq).order_by(schema.change.c.n)).all()
    for row in rows:
        _check_undone(row.kind)
    late = [now for row in rows if (now := tx.get(row.entity_id)) is not None and not _is_as_left(tx, now, row.rev)]
    if late:
        raise tx.conflict(f"later edits stand on transaction {seq}", late, None)
    for row in rows:
        now = tx.get(row.entity_id)
        if now is None:
            raise UnknownName("an entity of the log is not there", got=row.entity_id, hint="'boxwright fsck' looks at the project")
        before = tx.image(now.id, row.rev - 1)
        if before is None or not before.is_live:
            if now.is_live:
                tx.remove(now)
        else:
            tx.put(now, before.body or {}, parent_id=before.parent_id, place=before.place)
            tx.as_they_were.add(now.id)
    tx.undo_of = seq


def _is_as_left(tx: Transaction, now: Entity, rev: int) -> bool:
    """Whether an entity is what a revision left: nothing has changed it since, or all of that was taken back."""
    return now.rev == rev or _made(tx, now.id, now.rev) == _made(tx, now.id, rev)


def _made(tx: Transaction, entity_id: str, rev: int) -> int:
    """The revision that first was what this one is: where a transaction was taken back, the one before it."""
    of, txn = schema.change.c, schema.txn.c
    undone = sa.select(txn.undo_of).select_from(schema.change.join(schema.txn, txn.seq == of.seq)).where(of.entity_id == entity_id)
    while (seq := tx.connection.execute(undone.where(of.rev == rev)).scalar()) is not None:
        there = tx.connection.execute(sa.select(of.rev).where((of.entity_id == entity_id) & (of.seq == seq))).scalar()
        if there is None:
            break
        rev = int(there) - 1
    return rev


def restore(tx: Transaction, edit: Edit) -> None:
    """An entity with all that hangs on it (a track with its keyframes, a scene with everything) as it was after the transaction `to`."""
    entity_id, to = edit["id"], edit["to"]
    if isinstance(to, bool) or not isinstance(to, int) or not 0 < to < tx.seq:
        hint = "'boxwright log' lists them"
        raise ArgumentError(expected=f"a transaction from 1 to {tx.seq - 1}", got=f"{to!r:.40}", field="edit.to", hint=hint)
    top = tx.get(entity_id) if isinstance(entity_id, str) else None
    if top is None:
        raise UnknownName("no such entity", got=f"{entity_id!r:.80}", field="edit.id", hint="read the scene again")
    _check_undone(top.kind)
    now = {one.id: one for one in _with_children(tx, top) if one.kind not in NOT_UNDONE}
    images = [one for one in images_at(tx.connection, _family(top), to) if one.kind not in NOT_UNDONE]
    then = {one.id: one for one in images if top.kind != "track" or top.id in (one.id, one.parent_id)}
    tx.unchanged_since(list(now.values()), edit["seen"])
    for key, one in now.items():
        if key not in then and one.is_live:
            tx.remove(one)
    for key, image in then.items():
        current = now.get(key) or tx.get(key)
        if current is None or not image.is_live or (current.body == image.body and current.parent_id == image.parent_id):
            continue
        tx.unchanged_since([current], edit["seen"])
        tx.put(current, image.body or {}, parent_id=image.parent_id, place=image.place)
        tx.as_they_were.add(current.id)


def _check_undone(kind: str) -> None:
    if kind in NOT_UNDONE:
        raise ArgumentError(f"no {kind} is ever undone", field=kind, hint="change it: what was once allowed or revoked must not come back unseen")


def _with_children(tx: Transaction, top: Entity) -> Iterable[Entity]:
    yield top
    if top.kind == "scene":
        yield from tx.all_of(top.id)
    elif top.kind == "track":
        yield from tx.children(top.id)


def _family(top: Entity) -> sa.ColumnElement[bool]:
    """Which changes can be of it."""
    own = schema.change.c.entity_id == top.id
    if top.kind == "scene":
        return own | (schema.change.c.scene_id == top.id)
    return own | ((schema.change.c.scene_id == top.scene_id) & (schema.change.c.kind == "keyframe")) if top.kind == "track" else own


def images_at(connection: sa.Connection, where: sa.ColumnElement[bool], seq: int) -> list[Entity]:
    """The live entities among some as they were after a transaction."""
    change = schema.change
    last = (
        sa.select(change.c.entity_id, sa.func.max(change.c.rev).label("rev"))
        .where(where & (change.c.seq <= seq))
        .group_by(change.c.entity_id)
        .subquery()
    )
    joined = change.join(last, (change.c.entity_id == last.c.entity_id) & (change.c.rev == last.c.rev))
    rows = connection.execute(sa.select(change).select_from(joined).where(change.c.after.is_not(None)))
    return [image_of(row) for row in rows]
