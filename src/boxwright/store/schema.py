"""The tables, the same on SQLite and PostgreSQL, and what the database itself refuses whatever a program asks for.

    meta       what the file is; one row is what writers of PostgreSQL queue at
    txn        the log: one row for each request that was accepted, each with the hash of the one before
    change     what it did: one row for each entity, with the whole image it left, or NULL where it deleted it
    entity     what holds now: of each entity the last change; NULL in `body` where it is deleted
    blob       bytes that are too many for a row of the log, by their SHA-256

`txn`, `change` and `blob` only grow; `entity` cannot hold what the log does not say. What an entity is, its kind and its body tell (entities.py): new
kinds need no new tables.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any

import sqlalchemy as sa

from .work_rules import WORK_INDEX, WORK_RULES, spelled_json

__all__ = ["APPLICATION_ID", "VERSION", "blob", "bring_to_2", "change", "create", "entity", "meta", "sqlite_objects", "txn"]

VERSION = 2  # 2: what tasks lock
APPLICATION_ID = 0x62785731  # "bxW1"

meta = sa.table("meta", sa.column("k"), sa.column("v"))
txn = sa.table(
    "txn",
    *map(
        sa.column,
        ("seq", "op_id", "request_sha256", "account", "at_ns", "client_ns", "verb", "undo_of", "reason", "response", "prev_hash", "hash"),
    ),
)
change = sa.table("change", *map(sa.column, ("seq", "n", "kind", "entity_id", "scene_id", "parent_id", "place", "rev", "after")))
entity = sa.table("entity", *map(sa.column, ("id", "kind", "scene_id", "parent_id", "place", "name", "at_ns", "rev", "seq", "body")))
blob = sa.table("blob", *map(sa.column, ("sha256", "data")))

_TABLES = """
CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) {STRICT};

CREATE TABLE txn(
  seq {INT} PRIMARY KEY CHECK(seq>0), op_id TEXT NOT NULL UNIQUE, request_sha256 {BYTES} NOT NULL CHECK(length(request_sha256)=32),
  account TEXT NOT NULL CHECK(account<>''), at_ns {INT} NOT NULL, client_ns {INT}, verb TEXT NOT NULL CHECK(verb<>''),
  undo_of {INT} REFERENCES txn(seq), reason TEXT, response TEXT NOT NULL,
  prev_hash {BYTES} NOT NULL CHECK(length(prev_hash)=32), hash {BYTES} NOT NULL UNIQUE CHECK(length(hash)=32)) {STRICT};

CREATE TABLE change(
  seq {INT} NOT NULL REFERENCES txn(seq), n {INT} NOT NULL CHECK(n>=0), kind TEXT NOT NULL, entity_id TEXT NOT NULL CHECK(entity_id<>''),
  scene_id TEXT NOT NULL, parent_id TEXT, place {INT} NOT NULL, rev {INT} NOT NULL CHECK(rev>0), after TEXT,
  PRIMARY KEY(seq,n), UNIQUE(entity_id,rev), CHECK({IS_JSON(after)})) {STRICT};

CREATE TABLE entity(
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, scene_id TEXT NOT NULL, parent_id TEXT REFERENCES entity(id) DEFERRABLE INITIALLY DEFERRED,
  place {INT} NOT NULL, name TEXT, at_ns {INT}, rev {INT} NOT NULL CHECK(rev>0), seq {INT} NOT NULL REFERENCES txn(seq), body TEXT,
  CHECK(body IS NOT NULL OR (name IS NULL AND at_ns IS NULL)),
  CHECK((kind='keyframe')=(parent_id IS NOT NULL)), CHECK(kind<>'keyframe' OR body IS NULL OR at_ns IS NOT NULL),
  CHECK({IS_JSON(body)})) {STRICT};
CREATE UNIQUE INDEX entity_name ON entity(scene_id,name);
CREATE UNIQUE INDEX entity_at ON entity(parent_id,at_ns);

CREATE TABLE blob(sha256 {BYTES} PRIMARY KEY CHECK(length(sha256)=32), data {BYTES} NOT NULL) {STRICT};
"""

_SAME = (
    "change.entity_id=NEW.id AND change.rev=NEW.rev AND change.seq=NEW.seq AND change.kind=NEW.kind AND change.scene_id=NEW.scene_id"
    " AND change.parent_id {IS} NEW.parent_id AND change.place=NEW.place AND change.after {IS} NEW.body"
)
_LAST = "(SELECT max(seq) FROM txn)"
# what a new row must hold: table, name, events, condition, what is said where it does not
_INSERT = ("INSERT",)
_RULES = (
    ("txn", "dense", _INSERT, f"NEW.seq=coalesce({_LAST},0)+1", "seq must be dense"),
    (
        "txn",
        "chained",
        _INSERT,
        "NOT EXISTS(SELECT 1 FROM txn WHERE seq=NEW.seq-1 AND hash<>NEW.prev_hash)",
        "prev_hash must be the hash of the transaction before",
    ),
    ("change", "last", _INSERT, f"NEW.seq={_LAST}", "changes belong to the last transaction"),
    ("change", "dense", _INSERT, "NEW.rev=(SELECT coalesce(max(rev),0)+1 FROM change WHERE entity_id=NEW.entity_id)", "rev must be dense"),
    ("entity", "logged", ("INSERT", "UPDATE"), f"EXISTS(SELECT 1 FROM change WHERE {_SAME})", "an entity is what the log says"),  # noqa: S608
)
_APPEND_ONLY = ("txn", "change", "blob")


def _spelled(text: str, is_sqlite: bool) -> str:
    words = {
        "{STRICT}": "STRICT" if is_sqlite else "",
        "{INT}": "INTEGER" if is_sqlite else "BIGINT",
        "{BYTES}": "BLOB" if is_sqlite else "BYTEA",
        "{IS}": "IS" if is_sqlite else "IS NOT DISTINCT FROM",
        **{
            f"{{IS_JSON({name})}}": f"{name} GLOB '{{*}}'" if is_sqlite else f"({name}::json) IS NOT NULL OR {name} IS NULL"
            for name in ("after", "body")
        },
    }
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return spelled_json(text, is_sqlite)


def _statements(dialect: str) -> list[str]:
    is_sqlite = dialect == "sqlite"
    made = [statement.strip() for statement in _spelled(_TABLES, is_sqlite).split(";") if statement.strip()]
    made += _rules(is_sqlite, _RULES)
    for table in (*_APPEND_ONLY, "entity"):
        for event in ("DELETE",) if table == "entity" else ("UPDATE", "DELETE"):
            made += _rule(is_sqlite, table, f"{table}_no_{event.lower()}", event, None, f"{table} is append-only")
    return [*made, *_of_work(is_sqlite)]


def _of_work(is_sqlite: bool) -> list[str]:
    return [WORK_INDEX, *_rules(is_sqlite, WORK_RULES)]


def _rules(is_sqlite: bool, rules: tuple[tuple[str, str, tuple[str, ...], str, str], ...]) -> list[str]:
    made = []
    for table, name, events, condition, what in rules:
        for event in events:
            made += _rule(is_sqlite, table, f"{table}_{name}_{event.lower()}", event, _spelled(condition, is_sqlite), what)
    return made


def _rule(is_sqlite: bool, table: str, name: str, event: str, condition: str | None, what: str) -> list[str]:
    if is_sqlite:
        when = "" if condition is None else f" WHEN NOT({condition})"
        return [f"CREATE TRIGGER {name} BEFORE {event} ON {table}{when} BEGIN SELECT RAISE(ABORT,'{what}'); END"]
    test = f"RAISE EXCEPTION '{what}';" if condition is None else f"IF NOT({condition}) THEN RAISE EXCEPTION '{what}'; END IF; RETURN NEW;"
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {test} END $$",
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


def bring_to_2(connection: sa.Connection) -> None:
    """What tasks need, in a database of version 1."""
    for statement in _of_work(connection.dialect.name == "sqlite"):
        connection.exec_driver_sql(statement)


def create(connection: sa.Connection, facts: dict[str, Any]) -> None:
    """All tables, empty, in an open transaction. facts : rows of `meta`"""
    for statement in _statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
    connection.execute(sa.insert(meta), [{"k": k, "v": str(v)} for k, v in {**facts, "version": VERSION, "queue": 0}.items()])


@cache
def sqlite_objects() -> frozenset[tuple[str, str, str, str]]:
    """(kind, name, table, text) of all that a SQLite file of this version consists of: a bit that flips in them changes what is refused."""
    with sqlite3.connect(":memory:") as fresh:
        for statement in _statements("sqlite"):
            fresh.execute(statement)
        rows = fresh.execute("SELECT type, name, tbl_name, coalesce(sql,'') FROM sqlite_master").fetchall()
    fresh.close()
    return frozenset(rows)
