"""Looks at a project that servers and their clients take: many entities of one moment, and what an account is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..errors import CorruptionError
from . import schema
from .canonical import as_stored, compacted
from .entities import Entity, columns_of, entity_of
from .project import Project
from .roles import Standing

__all__ = ["snapshot", "snapshot_lines", "standing"]


def snapshot(project: Project, scene_id: str, kinds: Sequence[str]) -> tuple[int, list[Entity]]:
    """(the last transaction, the live entities of these kinds in a scene), of one moment."""
    asked = _live(columns_of(), scene_id, kinds)
    with project.database.reading() as connection:
        return _last(connection), [entity_of(row) for row in connection.execute(asked)]


def snapshot_lines(project: Project, scene_id: str, kinds: Sequence[str]) -> tuple[int, str]:
    """The same as JSON lists, one a line, with bodies as they are stored: kind, id, parent_id, place, rev, seq, the time of a keyframe (else null),
    body. A scene has tens of thousands of keyframes, and whoever asks wants to see a few."""
    of = schema.entity.c
    asked = _live([of.kind, of.id, of.parent_id, of.place, of.rev, of.seq, of.at_ns, of.body], scene_id, kinds)
    with project.database.reading() as connection:
        seq, rows = _last(connection), connection.execute(asked).all()
    try:
        for row in rows:  # not all at once: so many new lists and mappings keep the collector of garbage busy
            as_stored(row[-1])
    except ValueError as error:
        raise CorruptionError(f"a stored label is damaged: {error}", path=project.place, hint="'boxwright fsck' tells more") from None
    return seq, "".join(f"{compacted(list(row[:-1]))[:-1]},{row[-1]}]\n" for row in rows)


def _live(columns: Sequence[Any], scene_id: str, kinds: Sequence[str]) -> sa.Select[Any]:
    of = schema.entity.c
    return sa.select(*columns).where(of.scene_id == scene_id, of.kind.in_(kinds), of.body.is_not(None)).order_by(of.kind, of.place, of.id)


def _last(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.max(schema.txn.c.seq))).scalar() or 0)


def standing(project: Project) -> Standing:
    """What the account that acts is in the project."""
    with project.database.reading() as connection:
        return project._standing(connection)
