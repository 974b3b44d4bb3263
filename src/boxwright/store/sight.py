"""What an account is in a project, and which of its things it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from . import schema
from .canonical import as_stored, compacted
from .entities import PROJECT, Entity, columns_of, entity_of, named
from .roles import Action, Role, Standing, Where, permits

__all__ = ["Sight", "members_of", "standing_of", "tasks_of"]

_NOBODYS = ("member", "task", "gold", "grade", "verdict", "work")  # told by work, to each what he may know; as they are, to whoever may see gold
_SECRET = ("account", "token")  # for admins
of_kind = schema.entity.c.kind
_LIVE = schema.entity.c.body.is_not(None)
_TASKS = sa.select(*columns_of()).where((of_kind == sa.literal_column("'task'")) & _LIVE)  # as it stands in the index
_TASKS_OF = _TASKS.where(schema.entity.c.scene_id == sa.bindparam("scene"))


def members_of(connection: sa.Connection) -> list[Mapping[str, Any]]:
    """The bodies of all members."""
    where = (schema.entity.c.scene_id == PROJECT) & (of_kind == "member") & _LIVE
    return [as_stored(row.body) for row in connection.execute(sa.select(schema.entity.c.body).where(where).order_by(schema.entity.c.id))]


def standing_of(connection: sa.Connection, account: str, scopes: Iterable[str] | None = None) -> Standing:
    """scopes : what the token that is used was narrowed to, None where it was not"""
    members = members_of(connection)
    mine = next((one for one in members if one["account"] == account), None)
    narrowed = None if scopes is None else frozenset(scopes)
    if mine is None:
        return Standing(account, scopes=narrowed, is_alone=not members)
    if Role.MACHINE in mine["roles"]:
        own = frozenset(mine["scopes"])
        narrowed = own if narrowed is None or "all" in narrowed else narrowed & own
    return Standing(account, frozenset(map(Role, mine["roles"])), narrowed)


def tasks_of(connection: sa.Connection, scene_id: str | None = None) -> list[Entity]:
    """The tasks that there are, of all scenes or of one."""
    if scene_id is None:
        return [entity_of(row) for row in connection.execute(_TASKS)]
    return [entity_of(row) for row in connection.execute(_TASKS_OF, {"scene": scene_id})]


def _scenes_of(connection: sa.Connection, account: str) -> frozenset[str]:
    """The scenes of an account's tasks. Of all tasks the database gives those alone whose text can name it."""
    text = f'"assignee":{compacted(account)}'
    rows = map(entity_of, connection.execute(_TASKS.where(schema.entity.c.body.contains(text, autoescape=True))))
    return frozenset(one.scene_id for one in rows if (one.body or {})["assignee"] == account)


def _setting(connection: sa.Connection, key: str) -> Any:
    of = schema.entity.c
    text = connection.execute(sa.select(of.body).where((of.scene_id == PROJECT) & (of.name == named("work")))).scalar()
    return None if text is None else as_stored(text).get(key)


class Sight:
    """Which entities an account is shown. What it is not shown is to it as if it were not there."""

    def __init__(self, connection: sa.Connection, who: Standing) -> None:
        self._is_admin = permits(who, Action.ADMINISTER)
        self.is_all = permits(who, Action.READ, Where()) and permits(who, Action.SEE_GOLD)
        self._gold: frozenset[str] = frozenset()
        self._shown: frozenset[str] | None = None  # None: every scene but gold
        self._layers: frozenset[str] = frozenset()
        if self.is_all:
            return
        of = schema.entity.c
        marks = connection.execute(sa.select(of.body).where((of.scene_id == PROJECT) & (of.kind == "gold") & _LIVE))
        self._gold = frozenset(as_stored(row.body)["scene"] for row in marks)
        if permits(who, Action.READ, Where()):
            return
        if not permits(who, Action.READ):
            self._shown = frozenset()
            return
        mine = _scenes_of(connection, who.account)
        if _setting(connection, "annotators_read_all"):
            self._layers = frozenset(one.scene_id for one in tasks_of(connection) if (one.body or {})["is_layer"]) - mine
        else:
            self._shown = mine

    def sees_scene(self, scene_id: str) -> bool:
        if self.is_all:
            return True
        return scene_id not in self._gold and scene_id not in self._layers and (self._shown is None or scene_id in self._shown)

    def sees(self, kind: str, entity_id: str, scene_id: str) -> bool:
        """scene_id : as the entity has it, "" for a scene itself and for what is the project's own"""
        if kind in _SECRET:
            return self._is_admin
        if self.is_all:
            return True
        if kind in _NOBODYS:
            return False
        if kind == "scene":
            return self.sees_scene(entity_id)
        return scene_id == PROJECT or self.sees_scene(scene_id)
