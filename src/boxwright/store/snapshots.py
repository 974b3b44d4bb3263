"""Looks at a project that servers and their clients take: many entities of one moment, and what an account is."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from . import schema
from .entities import Entity, columns_of, entity_of
from .project import Project
from .roles import Standing

__all__ = ["snapshot", "standing"]


def snapshot(project: Project, scene_id: str, kinds: Sequence[str]) -> tuple[int, list[Entity]]:
    """(the last transaction, the live entities of these kinds in a scene), of one moment."""
    of = schema.entity.c
    asked = sa.select(*columns_of()).where(of.scene_id == scene_id, of.kind.in_(kinds), of.body.is_not(None))
    with project.database.reading() as connection:
        seq = int(connection.execute(sa.select(sa.func.max(schema.txn.c.seq))).scalar() or 0)
        return seq, [entity_of(row) for row in connection.execute(asked.order_by(of.kind, of.place, of.id))]


def standing(project: Project) -> Standing:
    """What the account that acts is in the project."""
    with project.database.reading() as connection:
        return project._standing(connection)
