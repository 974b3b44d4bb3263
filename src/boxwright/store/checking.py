"""fsck: the log's chain is computed anew, what holds is replayed from it, and both are compared with what is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..errors import BoxwrightError, CorruptionError
from ..garbage import without_collector
from . import schema
from .canonical import as_stored, chained, change_line, compacted, first_hash
from .entities import PROJECT, slot_of
from .project import Project

__all__ = ["Damage", "Report", "fsck"]

_MOST = 1000  # findings that are listed
_PG_TRIGGERS = """
SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid=t.tgrelid JOIN pg_namespace n ON n.oid=c.relnamespace
WHERE NOT tgisinternal AND tgenabled='O' AND n.nspname=current_schema()
"""
_STATE = ("id", "kind", "scene_id", "parent_id", "place", "name", "at_ns", "rev", "seq", "body")


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it must be.

    table, row : where, as far as it is known
    seq : the transaction it belongs to, or None
    what : what was expected and what is there
    """

    table: str
    row: str
    seq: int | None
    what: str

    def __str__(self) -> str:
        at = "" if self.seq is None else f", transaction {self.seq}"
        return f"{self.table}, {self.row}{at}: {self.what}"


@dataclass
class Report:
    """What `fsck` found.

    damages : none where the project is whole; at most a thousand are listed, n_damages counts them all
    n_txns, n_changes, n_entities : what was looked at
    head : the hash of the last transaction in hex: whoever noted an earlier one can tell that the log only grew
    """

    place: str
    damages: list[Damage] = field(default_factory=list)
    n_damages: int = 0
    n_txns: int = 0
    n_changes: int = 0
    n_entities: int = 0
    head: str = ""

    def add(self, table: str, row: Any, seq: int | None, what: str) -> None:
        self.n_damages += 1
        if len(self.damages) < _MOST:
            self.damages.append(Damage(table, str(row)[:120], seq, what[:500]))

    def raise_if_damaged(self) -> None:
        """CorruptionError that names the first damage."""
        if self.damages:
            more = f" and {self.n_damages - 1} more" if self.n_damages > 1 else ""
            raise CorruptionError(f"the project is damaged: {self.damages[0]}{more}", path=self.place, hint="restore the last backup")


def fsck(project: Project, *, progress: Callable[[int], Any] = lambda n: None) -> Report:
    """Everything the database holds, against itself; recorded files are `Project.check_files`. progress : told the changes that were looked at"""
    report = Report(project.place)
    try:
        with without_collector(), project.database.reading() as connection:
            if project.database.is_sqlite:
                _check_sqlite(connection, report)
            else:
                _check_postgresql(connection, report)
            _check_meta(connection, report)
            last = _check_log(connection, report, project.project_id, progress)
            _check_state(connection, report, last)
            _check_blobs(connection, report)
        if not report.damages:
            with without_collector():
                _check_scenes(project, report)
    except (BoxwrightError, sa.exc.SQLAlchemyError, ValueError, TypeError, KeyError, AttributeError) as error:
        report.add("database", "unreadable", None, f"{type(error).__name__}: {error}")
    return report


def _check_meta(connection: sa.Connection, report: Report) -> None:
    """All of it is known, but the project's id, which the log's first hash hangs on."""
    found = {row.k: row.v for row in connection.execute(sa.select(schema.meta))}
    found.pop("made_ns", None)  # of projects that were made before their first transaction told it
    wanted = {"project_id": found.get("project_id"), "version": str(schema.VERSION), "queue": "0"}
    for key in sorted({*found, *wanted}):
        if found.get(key) != wanted.get(key):
            report.add("meta", key, None, f"expected {wanted.get(key)!r}, got {found.get(key)!r:.80}")


def _check_sqlite(connection: sa.Connection, report: Report) -> None:
    for row in connection.exec_driver_sql("PRAGMA integrity_check(100)"):
        if row[0] != "ok":
            report.add("database", "integrity_check", None, str(row[0]))
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        report.add(str(row[0]), row[1], None, f"refers to a row of {row[2]} that is not there")
    found = {
        tuple(row)
        for row in connection.exec_driver_sql("SELECT type, name, tbl_name, coalesce(sql,'') FROM sqlite_master WHERE name<>'sqlite_stat1'")
    }
    for kind, name, *_ in sorted(found ^ schema.sqlite_objects()):
        report.add("sqlite_master", name, None, f"the {kind} is not as this version makes it")


def _check_postgresql(connection: sa.Connection, report: Report) -> None:
    for name in ("fsync", "full_page_writes"):
        if connection.exec_driver_sql(f"SHOW {name}").scalar() != "on":
            report.add("settings", name, None, "is off: a power cut may lose what was acknowledged")
    there = {row[0] for row in connection.exec_driver_sql(_PG_TRIGGERS)}
    for kind, name, *_ in sorted(schema.sqlite_objects()):
        if kind == "trigger" and name not in there:
            report.add("pg_trigger", name, None, "is missing or switched off")


# ------------------------------------------------------------ the log


def _check_log(connection: sa.Connection, report: Report, project_id: str, progress: Callable[[int], Any]) -> dict[str, tuple[Any, ...]]:
    """The last image of every entity, as a row of `entity` without what follows from its body."""
    prev, last, expected_seq = first_hash(project_id), dict[str, tuple[Any, ...]](), 1
    changes = _by_seq(connection)
    group = next(changes, None)
    for txn in connection.execution_options(yield_per=1000).execute(sa.select(schema.txn).order_by(schema.txn.c.seq)):
        if txn.seq != expected_seq:
            report.add("txn", expected_seq, txn.seq, f"expected transaction {expected_seq}, got {txn.seq}")
        if bytes(txn.prev_hash) != prev:
            report.add("txn", txn.seq, txn.seq, "prev_hash is not the hash of the transaction before")
        while group is not None and group[0] < txn.seq:
            report.add("change", group[0], group[0], "changes of no transaction")
            group = next(changes, None)
        rows = group[1] if group is not None and group[0] == txn.seq else []
        group = next(changes, None) if rows else group
        head = (
            txn.seq,
            txn.op_id,
            bytes(txn.request_sha256).hex(),
            txn.account,
            txn.at_ns,
            txn.client_ns,
            txn.verb,
            txn.undo_of,
            txn.reason,
            txn.response,
        )
        if not _is_chained(txn, head, rows):
            report.add("txn", txn.seq, txn.seq, "its hash is not that of its columns and changes")
        for n, row in enumerate(rows):
            _check_change(report, n, row, last)
        prev, expected_seq = bytes(txn.hash), int(txn.seq) + 1
        report.n_txns += 1
        report.n_changes += len(rows)
        progress(len(rows))
    while group is not None:
        report.add("change", group[0], group[0], "changes of no transaction")
        group = next(changes, None)
    report.head = prev.hex()
    return last


def _is_chained(txn: Any, head: tuple[Any, ...], rows: list[Any]) -> bool:
    """Whether a transaction's hash is right; columns of another type, which a flipped bit can make, are wrong too."""
    try:
        return bytes(txn.hash) == chained(bytes(txn.prev_hash), head, (change_line(tuple(row)) for row in rows))
    except (TypeError, ValueError):
        return False


def _by_seq(connection: sa.Connection) -> Iterator[tuple[int, list[Any]]]:
    rows: list[Any] = []
    asked = sa.select(schema.change).order_by(schema.change.c.seq, schema.change.c.n)
    for row in connection.execution_options(yield_per=1000).execute(asked):
        if rows and rows[0].seq != row.seq:
            yield int(rows[0].seq), rows
            rows = []
        rows.append(row)
    if rows:
        yield int(rows[0].seq), rows


def _check_change(report: Report, n: int, row: Any, last: dict[str, tuple[Any, ...]]) -> None:
    seq, place_in_it, kind, entity_id, scene_id, parent_id, place, rev, after = row
    before = last.get(entity_id)
    expected = 1 if before is None else before[4] + 1
    if place_in_it != n:
        report.add("change", f"{kind} {entity_id}", seq, f"expected change {n}, got {place_in_it}")
    if rev != expected:
        report.add("change", f"{kind} {entity_id}", seq, f"expected revision {expected}, got {rev}")
    name = at_ns = None
    try:
        body = None if after is None else as_stored(after)
        if after is not None and compacted(body) != after:  # also where a key comes twice
            report.add("change", f"{kind} {entity_id}", seq, "its image is not in the form of the log")
        name, at_ns = slot_of(kind, body)
    except (ValueError, KeyError, TypeError, AttributeError, BoxwrightError) as error:
        report.add("change", f"{kind} {entity_id}", seq, f"its image cannot be read: {error}")
    last[entity_id] = (kind, scene_id, parent_id, place, rev, seq, name, at_ns, _digest(after))


def _digest(text: Any) -> bytes | None:
    return None if text is None else hashlib.sha256(text.encode() if isinstance(text, str) else b"no text: " + repr(text).encode()).digest()


# ------------------------------------------------------------ what holds


def _check_state(connection: sa.Connection, report: Report, last: dict[str, tuple[Any, ...]]) -> None:
    """Every row is what the log ends with, and none is missing."""
    asked = sa.select(*(schema.entity.c[name] for name in _STATE))
    for row in connection.execution_options(yield_per=1000).execute(asked):
        report.n_entities += 1
        entity_id, kind, scene_id, parent_id, place, name, at_ns, rev, seq, body = row
        expected = last.pop(entity_id, None)
        found = (kind, scene_id, parent_id, place, rev, seq, name, at_ns, _digest(body))
        if expected is None:
            report.add("entity", f"{kind} {entity_id}", seq, "the log knows nothing of it")
        elif found != expected:
            names = ("kind", "scene_id", "parent_id", "place", "rev", "seq", "name", "at_ns", "body")
            wrong = [column for column, a, b in zip(names, expected, found) if a != b]
            report.add("entity", f"{kind} {entity_id}", expected[5], f"its {', '.join(wrong)} is not what the log says")
    for entity_id, expected in last.items():
        report.add("entity", f"{expected[0]} {entity_id}", expected[5], "is missing")


def _check_blobs(connection: sa.Connection, report: Report) -> None:
    there = set()
    for key in connection.execute(sa.select(schema.blob.c.sha256)).all():
        data = connection.execute(sa.select(schema.blob.c.data).where(schema.blob.c.sha256 == bytes(key.sha256))).scalar()
        there.add(bytes(key.sha256).hex())
        if data is None or hashlib.sha256(data).digest() != bytes(key.sha256):
            report.add("blob", bytes(key.sha256).hex(), None, "its bytes do not have that SHA-256")
    asked = sa.select(schema.change.c.seq, schema.change.c.entity_id, schema.change.c.after).where(
        schema.change.c.kind == "point_labels", schema.change.c.after.is_not(None)
    )
    for row in connection.execute(asked):
        if as_stored(row.after).get("sha256") not in there:
            report.add("blob", row.entity_id, row.seq, "the bytes of its point labels are missing")


def _check_scenes(project: Project, report: Report) -> None:
    """Each can be read: what the database holds is not only unchanged, but makes sense."""
    for one in project.scenes():
        try:
            project.read(one.name)
        except BoxwrightError as error:
            report.add("entity", f"scene {one.scene_id}", one.last_seq, str(error))
    if project.find(PROJECT, "project") is None:
        report.add("entity", "project", None, "is missing")
