"""What was done, by whom, and which of it still shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import UnknownName
from . import schema
from .transactions import Commit, differing, image_of, value_at

__all__ = ["Blame", "commits_of", "log_of", "values_of"]

_SHAPE = "shape"  # what a keyframe's place, size and turn are called together
_APART = ("timestamp_ns", "visibility", "origin", "attributes", "source_attributes")


@dataclass(frozen=True)
class Blame:
    """Who made a value what it is.

    value : the value; of a "shape" the mapping of all that belongs to it
    rev : the entity's revision that has it first
    """

    value: Any
    rev: int
    seq: int
    account: str
    at_ns: int
    verb: str
    reason: str | None


def commits_of(connection: sa.Connection, where: sa.ColumnElement[bool], most: int | None) -> list[Commit]:
    """Transactions, the newest first."""
    of = schema.txn.c
    n_changes = sa.select(sa.func.count()).where(schema.change.c.seq == of.seq).scalar_subquery()
    asked = sa.select(of.seq, of.op_id, of.account, of.at_ns, of.verb, of.reason, of.undo_of, n_changes.label("n_changes"), of.hash)
    rows = connection.execute(asked.where(where).order_by(of.seq.desc()).limit(most))
    return [Commit(*row[:-1], bytes(row[-1])) for row in rows]


def log_of(connection: sa.Connection, scene_id: str | None, entity_id: str | None, most: int | None, before: int | None) -> list[Commit]:
    """The newest first. entity_id : a track, whose keyframes count too"""
    where: sa.ColumnElement[bool] = sa.true()
    change = schema.change.c
    if entity_id is not None:
        mine = (change.entity_id == entity_id) | (change.parent_id == entity_id)
        where = where & schema.txn.c.seq.in_(sa.select(change.seq).where(mine))
    elif scene_id is not None:
        where = where & schema.txn.c.seq.in_(sa.select(change.seq).where((change.scene_id == scene_id) | (change.entity_id == scene_id)))
    if before is not None:
        where = where & (schema.txn.c.seq < before)
    return commits_of(connection, where, most)


def values_of(connection: sa.Connection, entity_id: str) -> dict[str, Blame]:
    """Path of each value, its keys joined by "/" -> who made it so. A keyframe's place, size and turn are one value, "shape"; each attribute is its
    own; what is deleted has none."""
    change, txn = schema.change.c, schema.txn.c
    joined = schema.change.join(schema.txn, change.seq == txn.seq)
    asked = sa.select(schema.change, txn.account, txn.at_ns, txn.verb, txn.reason).select_from(joined)
    rows = connection.execute(asked.where(change.entity_id == entity_id).order_by(change.rev)).all()
    if not rows:
        raise UnknownName("no such entity", got=f"{entity_id!r:.80}", hint="project.entities(scene, kind) lists them")
    body: Mapping[str, Any] | None = None
    blames: dict[str, Blame] = {}
    for row in rows:
        image = image_of(row)
        for path in {_value_path(image.kind, path) for path in differing(body, image.body)}:
            name, value = "/".join(path), _value(image.body, path)
            blames.pop(name, None)
            if value is not None:
                blames[name] = Blame(value[0], image.rev, image.seq, row.account, int(row.at_ns), row.verb, row.reason)
        body = image.body
    return {} if body is None else blames


def _value_path(kind: str, path: tuple[str, ...]) -> tuple[str, ...]:
    if kind == "keyframe" and path[0] not in _APART:
        return (_SHAPE,)
    return path[:2] if path[0] == "attributes" else path[:1]


def _value(body: Mapping[str, Any] | None, path: tuple[str, ...]) -> tuple[Any] | None:
    """What stands there, in a tuple, or None where nothing does."""
    if body is None:
        return None
    if path == (_SHAPE,):
        return ({key: value for key, value in body.items() if key not in _APART},)
    absent = value_at({}, ("x",))
    value = value_at(body, path)
    return None if value is absent else (value,)
