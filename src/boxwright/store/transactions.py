"""One request, one transaction: it is found again, or done as a whole, or leaves nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from ..errors import ArgumentError, ConflictError, UnknownName
from . import schema
from .canonical import as_stored, canonical, chained, change_line, compact, first_hash, is_id, new_id
from .entities import Entity, columns_of, entity_of, slot_of
from .roles import Standing
from .sight import Sight

__all__ = ["Commit", "Transaction", "differing", "image_of", "taken", "value_at"]

Path = tuple[str, ...]
_ABSENT = object()
_COLUMNS = ("id", "kind", "scene_id", "parent_id", "place", "name", "at_ns", "rev", "seq", "body")
_UPDATE = (
    sa.update(schema.entity)
    .where((schema.entity.c.id == sa.bindparam("an_id")) & (schema.entity.c.rev == sa.bindparam("from_rev")))
    .values({name: sa.bindparam(f"new_{name}") for name in ("parent_id", "place", "name", "at_ns", "rev", "seq", "body")})
)
_SETTLE = (
    sa.update(schema.entity)
    .where(schema.entity.c.id == sa.bindparam("an_id"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("name", "at_ns")})
)
# statements of every request, made once: SQLAlchemy keeps what it compiled for them
_LAST = sa.select(schema.txn.c.seq, schema.txn.c.hash).order_by(schema.txn.c.seq.desc()).limit(1)
_INSERT_TXN, _INSERT_CHANGE, _INSERT_ENTITY = (sa.insert(table) for table in (schema.txn, schema.change, schema.entity))
_GET = sa.select(*columns_of()).where(schema.entity.c.id == sa.bindparam("id"))
_NAMED = sa.select(*columns_of()).where((schema.entity.c.scene_id == sa.bindparam("scene")) & (schema.entity.c.name == sa.bindparam("name")))


@dataclass(frozen=True)
class Commit:
    """A transaction of the log.

    seq : its number, dense from 1; the order of what happened, whatever clocks say
    op_id : the id its client gave it
    at_ns : when it was written, by the clock of who wrote it
    verb : what was asked for; "several" for a request of several edits
    undo_of : the transaction it takes back, or None
    n_changes : how many entities it changed
    hash : of the log up to here
    revisions : entity id -> revision it left; of a commit just made or repeated
    is_repeat : the request had been done before, and was not done again
    """

    seq: int
    op_id: str
    account: str
    at_ns: int
    verb: str
    reason: str | None
    undo_of: int | None
    n_changes: int
    hash: bytes
    revisions: Mapping[str, int] = field(default_factory=dict, repr=False)
    is_repeat: bool = False


class Transaction:
    """What verbs work on: entities as they are with what this request has changed so far. Nothing is written before `write`."""

    def __init__(self, connection: sa.Connection, account: str, who: Standing | None = None) -> None:
        """account : whose request it is; who : what he is, None where his rights are not asked for"""
        self.connection, self.account, self.who = connection, account, who
        self._sight = None if who is None else Sight(connection, who)
        last = connection.execute(_LAST).first()
        if last is None:
            project_id = connection.execute(sa.select(schema.meta.c.v).where(schema.meta.c.k == "project_id")).scalar_one()
            self.seq, self.prev_hash = 1, first_hash(project_id)
        else:
            self.seq, self.prev_hash = int(last.seq) + 1, bytes(last.hash)
        self.undo_of: int | None = None
        self.as_they_were: set[str] = set()  # ids of what says what it, or what it was made of, said before: no taxonomy is asked
        self._changed: dict[str, Entity] = {}
        self._loaded: dict[str, Entity | None] = {}  # nobody else writes meanwhile
        self._old: dict[str, Entity] = {}  # of changed ones, what they were
        self._slots: dict[tuple[Any, ...], str] = {}  # of live changed ones: (scene or parent, name, at_ns) -> id
        self._families: dict[str | None, dict[str, None]] = {}  # parent -> ids of changed ones that are, or were, its children
        self._texts: dict[str, str | None] = {}
        self._blobs: dict[bytes, bytes] = {}

    # ------------------------------------------------------------ reading

    def get(self, entity_id: str) -> Entity | None:
        """As it is now, deleted or not; None where there never was one."""
        if entity_id in self._changed:
            return self._changed[entity_id]
        if entity_id not in self._loaded:
            row = self.connection.execute(_GET, {"id": entity_id}).first() if is_id(entity_id) else None
            self._loaded[entity_id] = None if row is None else entity_of(row)
        return self._loaded[entity_id]

    def live(self, entity_id: Any, kind: str, field: str) -> Entity:
        """One that is there. ConflictError where it is deleted, UnknownName where it never was, ArgumentError where it is of another kind."""
        found = self.get(entity_id) if isinstance(entity_id, str) else None
        if found is None or not self.sees(found):
            raise UnknownName(f"no such {kind}", got=f"{entity_id!r:.80}", field=field, hint="read the scene again")
        if found.kind != kind:
            raise ArgumentError(expected=f"a {kind}", got=f"a {found.kind}", field=field, hint="look at its kind")
        if not found.is_live:
            raise self.conflict(f"the {kind} is deleted", [found], None)
        return found

    def sees(self, one: Entity) -> bool:
        """Whether the account is shown it; what this request has made it may go on with."""
        return self._sight is None or one.id in self._changed or self._sight.sees(one.kind, one.id, one.scene_id)

    def named(self, scene_id: str, name: str) -> Entity | None:
        """The live entity of that name in a scene."""
        if (scene_id, name, None) in self._slots:
            return self._changed[self._slots[scene_id, name, None]]
        row = self.connection.execute(_NAMED, {"scene": scene_id, "name": name}).first()
        return None if row is None or row.id in self._changed else entity_of(row)

    def in_its_place(self, one: Entity) -> Entity | None:
        """A live entity that this request leaves as it is, and that has the name or the time which it gives to `one`."""
        name, at_ns = slot_of(one.kind, one.body)
        if (name is None and at_ns is None) or not self._has_moved(one):
            return None
        of = schema.entity.c
        where = (of.scene_id == one.scene_id) & (of.name == name) if at_ns is None else (of.parent_id == one.parent_id) & (of.at_ns == at_ns)
        row = self.connection.execute(sa.select(*columns_of()).where(where)).first()
        return None if row is None or row.id in self._changed else entity_of(row)

    def _has_moved(self, one: Entity) -> bool:
        """Whether its name, time or parent are others than before this request."""
        old = self._old.get(one.id)
        return old is None or old.parent_id != one.parent_id or slot_of(old.kind, old.body) != slot_of(one.kind, one.body)

    def children(self, parent_id: str) -> list[Entity]:
        """The live keyframes of a track, by time."""
        where = (schema.entity.c.parent_id == parent_id) & schema.entity.c.at_ns.is_not(None)
        return self._merged(where, self.changed_children(parent_id), lambda one: slot_of(one.kind, one.body)[1])

    def before(self, entity_id: str) -> Entity | None:
        """As it was before this request; None where it was not there."""
        old = self._old.get(entity_id) if entity_id in self._changed else self.get(entity_id)
        return None if old is None or old.rev == 0 else old

    def children_before(self, parent_id: str) -> list[Entity]:
        """The live keyframes of a track as they were before this request."""
        where = (schema.entity.c.parent_id == parent_id) & schema.entity.c.at_ns.is_not(None)
        return [entity_of(row) for row in self.connection.execute(sa.select(*columns_of()).where(where))]

    def changed_children(self, parent_id: str) -> list[Entity]:
        """The live keyframes of a track that this request has changed."""
        return [one for key in self._families.get(parent_id, ()) if (one := self._changed[key]).is_live and one.parent_id == parent_id]

    def of_kind(self, scene_id: str, kind: str) -> list[Entity]:
        """The live entities of one kind in a scene, in their order."""
        where = (schema.entity.c.scene_id == scene_id) & (schema.entity.c.kind == kind) & schema.entity.c.body.is_not(None)
        mine = [one for one in self._changed.values() if one.is_live and one.scene_id == scene_id and one.kind == kind]
        return self._merged(where, mine, lambda one: (one.place, one.id))

    def all_of(self, scene_id: str) -> list[Entity]:
        """The live entities of a scene."""
        where = (schema.entity.c.scene_id == scene_id) & schema.entity.c.body.is_not(None)
        return self._merged(where, [one for one in self._changed.values() if one.is_live and one.scene_id == scene_id], lambda one: one.id)

    def _merged(self, where: Any, mine: list[Entity], key: Any) -> list[Entity]:
        rows = self.connection.execute(sa.select(*columns_of()).where(where))
        return sorted([*(entity_of(row) for row in rows if row.id not in self._changed), *mine], key=key)

    def unchanged_since(self, found: Sequence[Entity], seen: Any) -> None:
        """ConflictError where somebody has changed one of these after the transaction `seen`."""
        if isinstance(seen, bool) or not isinstance(seen, int) or not 0 <= seen < self.seq:
            hint = "the seq of the last transaction when the scene was read"
            raise ArgumentError(expected=f"a transaction from 0 to {self.seq - 1}", got=f"{seen!r:.40}", field="seen", hint=hint)
        late = [one for one in found if one.seq > seen and one.rev > 0]
        if late:
            raise self.conflict(f"what it stands on has changed since transaction {seen}", late, None)

    def next_place(self, scene_id: str, kind: str) -> int:
        of_kind = (schema.entity.c.scene_id == scene_id) & (schema.entity.c.kind == kind)
        last = self.connection.execute(sa.select(sa.func.max(schema.entity.c.place)).where(of_kind)).scalar()
        mine = [one.place for one in self._changed.values() if one.scene_id == scene_id and one.kind == kind]
        return max([-1 if last is None else int(last), *mine]) + 1

    def image(self, entity_id: str, rev: int) -> Entity | None:
        """What an entity was at a revision; None before its first."""
        row = self.connection.execute(sa.select(schema.change).where((schema.change.c.entity_id == entity_id) & (schema.change.c.rev == rev))).first()
        return None if row is None else image_of(row)

    # ------------------------------------------------------------ changing

    def expected(self, entity_id: Any, kind: str, rev: Any, touched: Iterable[Path], field: str) -> Entity:
        """One that an edit may change which was made at revision `rev`: nobody has changed it since, or not what the edit touches.

        touched : paths into the body; () for the whole of it
        """
        now = self.live(entity_id, kind, field)
        if isinstance(rev, bool) or not isinstance(rev, int) or not 0 <= rev <= now.rev:
            got, hint = f"{rev!r:.40}", "the rev of the entity as it was read; 0 for one made in the same request"
            raise ArgumentError(expected=f"a revision from 1 to {now.rev}", got=got, field=f"{field}: rev", hint=hint)
        if rev == now.rev:
            return now
        then = self.image(now.id, rev)
        if then is None or not then.is_live or any(value_at(then.body, path) != value_at(self._stored(now), path) for path in touched):
            raise self.conflict(f"the {kind} has changed since revision {rev}", [now], rev)
        return now

    def _stored(self, now: Entity) -> Mapping[str, Any] | None:
        """Its body before this request."""
        image = self.image(now.id, now.rev) if now.id in self._changed else now
        return None if image is None else image.body

    def conflict(self, what: str, found: Sequence[Entity], rev: int | None) -> ConflictError:
        """The error that says who changed these, and what."""
        conflicts = []
        for one in found:
            then = None if rev is None else self.image(one.id, rev)
            last = self.connection.execute(
                sa.select(schema.txn.c.seq, schema.txn.c.account, schema.txn.c.at_ns).where(schema.txn.c.seq == one.seq)
            ).first()
            who = {} if last is None else {"seq": int(last.seq), "account": last.account, "at_ns": int(last.at_ns)}
            changed = [] if then is None else ["/".join(path) for path in differing(then.body, one.body)]
            said = {"id": one.id, "kind": one.kind, "expected_rev": rev, "rev": one.rev, "body": one.body, "changed": changed}
            conflicts.append({**said, **who})
        by = sorted({f"{one['account']} at {one['seq']}" for one in conflicts if "account" in one})
        hint = "read what is there now and decide again"
        return ConflictError(what, got=f"changed by {', '.join(by)}" if by else None, hint=hint, conflicts=conflicts)

    def add(
        self, kind: str, scene_id: str, body: Mapping[str, Any], *, entity_id: str | None = None, parent_id: str | None = None, place: int = 0
    ) -> Entity:
        """A new entity. ConflictError where its id or its name is taken."""
        if entity_id is not None and self.get(entity_id) is not None:
            raise ConflictError("an entity with that id is there already", got=repr(entity_id), hint="leave the id out for a new one")
        return self._put(Entity(entity_id or new_id(), kind, scene_id, parent_id, place, 0, self.seq, body))

    def put(self, now: Entity, body: Mapping[str, Any], **changes: Any) -> Entity:
        """Another body, and perhaps another parent, for an entity."""
        self._old.setdefault(now.id, now)
        return self._put(replace(now, body=body, **changes))

    def remove(self, now: Entity) -> None:
        self._old.setdefault(now.id, now)
        self._put(replace(now, body=None))

    def has_blob(self, sha256: str) -> bool:
        """Whether bytes with that SHA-256, in hex, are stored."""
        try:
            digest = bytes.fromhex(sha256)
        except (TypeError, ValueError):
            return False
        return self.connection.execute(sa.select(schema.blob.c.sha256).where(schema.blob.c.sha256 == digest)).first() is not None

    def add_blob(self, digest: bytes, data: bytes) -> None:
        self._blobs[digest] = data

    def _put(self, new: Entity) -> Entity:
        text, body = (None, None) if new.body is None else canonical(new.body, f"the {new.kind}")
        if new.id in self._changed:
            self._slots = {slot: key for slot, key in self._slots.items() if key != new.id}
        made = replace(new, body=body)
        self._texts[new.id], self._changed[new.id] = text, made
        name, at_ns = slot_of(made.kind, made.body)
        if name is not None or at_ns is not None:
            slot = (made.scene_id if at_ns is None else made.parent_id, name, at_ns)
            if slot in self._slots:
                raise taken(made)
            self._slots[slot] = made.id
        self._families.setdefault(made.parent_id, {})[made.id] = None
        return made

    @property
    def changed(self) -> list[Entity]:
        return list(self._changed.values())

    # ------------------------------------------------------------ writing

    def write(self, op_id: str, request_sha256: bytes, verb: str, reason: str | None, client_ns: int | None) -> Commit:
        """Everything at once, log and state."""
        account = self.account
        before = self._before()
        made = {key: one for key, one in self._changed.items() if one.rev > 0 or one.is_live}
        rows = []
        for n, one in enumerate(made.values()):
            head = {"seq": self.seq, "n": n, "kind": one.kind, "entity_id": one.id, "scene_id": one.scene_id}
            rows.append({**head, "parent_id": one.parent_id, "place": one.place, "rev": one.rev + 1, "after": self._texts[one.id]})
        at_ns, response = time.time_ns(), compact({"seq": self.seq, "n_changes": len(rows)}, "response")
        head_columns = (self.seq, op_id, request_sha256.hex(), account, at_ns, client_ns, verb, self.undo_of, reason, response)
        digest = chained(self.prev_hash, head_columns, (change_line(tuple(row.values())) for row in rows))
        row = dict(zip((column.name for column in schema.txn.columns), (*head_columns, self.prev_hash, digest)))
        self.connection.execute(_INSERT_TXN, {**row, "request_sha256": request_sha256})
        self._write_blobs()
        if rows:
            self.connection.execute(_INSERT_CHANGE, rows)
        self._write_state(made, before)
        revisions = {one.id: one.rev + 1 for one in made.values()}
        return Commit(self.seq, op_id, account, at_ns, verb, reason, self.undo_of, len(rows), digest, revisions)

    def _before(self) -> set[str]:
        """Ids of changed entities that the database knows."""
        return {one.id for one in self._changed.values() if one.rev > 0}

    def _write_blobs(self) -> None:
        for digest, data in self._blobs.items():
            if self.connection.execute(sa.select(schema.blob.c.sha256).where(schema.blob.c.sha256 == digest)).first() is None:
                self.connection.execute(sa.insert(schema.blob).values(sha256=digest, data=data))

    def _write_state(self, made: Mapping[str, Entity], before: set[str]) -> None:
        """Deletions first, so that their names and times are free; what moves waits at places that nobody has until all have left theirs."""
        known = [one for one in made.values() if one.id in before]
        moving = [one for one in known if one.is_live and slot_of(one.kind, one.body) != (None, None) and self._has_moved(one)]
        rows = {one.id: self._state_row(one) for one in known}
        waiting = {one.id: {**rows[one.id], **_waiting_room(n, rows[one.id])} for n, one in enumerate(moving)}
        for live in (False, True):
            part = [waiting.get(one.id, rows[one.id]) for one in known if one.is_live == live]
            if part and self.connection.execute(_UPDATE, part).rowcount not in (len(part), -1):
                raise ConflictError("an entity has changed meanwhile; nothing was changed", hint="send the edit again")
        if moving:
            self.connection.execute(_SETTLE, [{key: rows[one.id][key] for key in ("an_id", "new_name", "new_at_ns")} for one in moving])
        fresh = [self._state_row(one) for one in made.values() if one.id not in before]
        if fresh:
            self.connection.execute(_INSERT_ENTITY, [{name: row["an_id" if name == "id" else f"new_{name}"] for name in _COLUMNS} for row in fresh])

    def _state_row(self, one: Entity) -> dict[str, Any]:
        name, at_ns = slot_of(one.kind, one.body)
        head = {"an_id": one.id, "from_rev": one.rev, "new_kind": one.kind, "new_scene_id": one.scene_id, "new_parent_id": one.parent_id}
        rest = {"new_place": one.place, "new_name": name, "new_at_ns": at_ns, "new_rev": one.rev + 1, "new_seq": self.seq}
        return {**head, **rest, "new_body": self._texts[one.id]}


def taken(one: Entity) -> ConflictError:
    """That another live entity has the name or the time of this one."""
    name, at_ns = slot_of(one.kind, one.body)
    what = f"a keyframe at {at_ns} ns" if name is None else f"{name!r}"
    return ConflictError(f"{what} is there already", hint="change that one, or choose another name or time")


def _waiting_room(n: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """A name or a time that no entity has."""
    return {"new_name": f"moving {row['an_id']}"} if row["new_at_ns"] is None else {"new_at_ns": n - (1 << 63)}


def image_of(row: Any) -> Entity:
    """What a row of `change` left."""
    body = None if row.after is None else as_stored(row.after)
    return Entity(row.entity_id, row.kind, row.scene_id, row.parent_id, row.place, row.rev, row.seq, body)


def value_at(body: Any, path: Path) -> Any:
    for key in path:
        body = body.get(key, _ABSENT) if isinstance(body, Mapping) else _ABSENT
    return body


def differing(then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[Path]:
    """Paths of values that are not the same in both: keys of the body, and of the mappings of attributes in it."""
    found: list[Path] = []
    before, after = then or {}, now or {}
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
        if isinstance(old, Mapping) and new is _ABSENT:
            new = {}
        elif isinstance(new, Mapping) and old is _ABSENT:
            old = {}
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += [(key, *path) for path in differing(old, new)]
        elif not _same(old, new):
            found.append((key,))
    return found


def _same(old: Any, new: Any) -> bool:
    """1 and 1.0 and True are three values."""
    if type(old) is not type(new):
        return False
    if isinstance(old, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    return bool(old == new)
