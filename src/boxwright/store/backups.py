"""Backups while others write, and the way back: one file for a project of either kind, which either kind can be made of again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import StorageError
from ..outputs import as_path, check_new_folder, whole_file
from . import schema
from .checking import fsck
from .engines import FILE, Database, check_local, check_place, is_url
from .opening import file_of, make_tables, open_project
from .project import Project

__all__ = ["backup", "restore_backup"]

_TABLES = (("meta", "k"), ("txn", "seq"), ("blob", "sha256"))
_ROWS = 1000


def backup(project: Project, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """The whole project of one moment as one file, which appears only when it is complete and on disk; others may write meanwhile.

    Recorded files are not in it: they stay where they are. Copying project.db by hand is no backup: the newest edits lie beside it.
    """
    target = as_path(path)
    with whole_file(target, overwrite=overwrite) as part:
        part.unlink()
        if project.database.file is not None:
            _copy_sqlite(project.database.file, part)
        else:
            with contextlib.closing(_Owned(Database(part))) as made:
                _copy_rows(project.database, made.database)
                with made.database.engine.connect() as connection:
                    connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _alone(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
    handle = os.open(target.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(handle)  # the new name, too
    finally:
        os.close(handle)
    return target


class _Owned:
    def __init__(self, database: Database) -> None:
        self.database = database

    def close(self) -> None:
        self.database.close()


def _copy_sqlite(source: Path, target: Path) -> None:
    """In one step, so that writers cannot come between; SQLite copies what is committed, from both of its files."""
    try:
        with contextlib.closing(sqlite3.connect(source, timeout=60)) as one, contextlib.closing(sqlite3.connect(target)) as other:
            one.backup(other, pages=-1)
    except sqlite3.Error as error:
        raise StorageError(f"the backup failed: {error}", path=target, hint="make room, or look at the project with 'boxwright fsck'") from None


def _alone(file: Path) -> None:
    """A file that needs none beside it."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)


def restore_backup(path: str | os.PathLike[str], where: str | os.PathLike[str], *, progress: Callable[[int], Any] = lambda n: None) -> Project:
    """A new project from a backup, in a folder or in PostgreSQL, whatever the backup was made of. The backup is looked at as `fsck` does first:
    CorruptionError names what is wrong with it.

    progress : told the changes that were looked at
    """
    check_place(where)
    file = file_of(path)
    with open_project(file) as old:
        report = fsck(old, progress=progress)
        report.raise_if_damaged()
        if is_url(where):
            target = Database(where)
            try:
                _copy_rows(old.database, target)
            finally:
                target.close()
            return open_project(where)
        folder = as_path(where)
        check_new_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        check_local(folder)
        _copy_sqlite(file, folder / FILE)
    return open_project(folder)


def _copy_rows(source: Database, target: Database) -> None:
    """Row by row through the same rules as any write: a log that does not hold together is refused."""
    make_tables(target, {})
    with source.reading() as one, target.writing() as other:
        other.execute(sa.delete(schema.meta))
        for name, order in _TABLES[:1]:
            _copy_table(one, other, getattr(schema, name), order)
        for row in one.execute(sa.select(schema.blob.c.sha256)).all():
            data = one.execute(sa.select(schema.blob.c.data).where(schema.blob.c.sha256 == bytes(row.sha256))).scalar_one()
            other.execute(sa.insert(schema.blob).values(sha256=bytes(row.sha256), data=bytes(data)))
        for txn in one.execution_options(yield_per=_ROWS).execute(sa.select(schema.txn).order_by(schema.txn.c.seq)):
            other.execute(sa.insert(schema.txn).values({name: _plain(value) for name, value in txn._mapping.items()}))
            changes = one.execute(sa.select(schema.change).where(schema.change.c.seq == txn.seq).order_by(schema.change.c.n))
            for part in changes.partitions(_ROWS):
                other.execute(sa.insert(schema.change), [dict(row._mapping) for row in part])
        of = schema.entity.c
        parents_first = (of.kind == "task", of.parent_id.is_not(None), of.id)  # and last what locks the others
        for part in one.execution_options(yield_per=_ROWS).execute(sa.select(schema.entity).order_by(*parents_first)).partitions(_ROWS):
            other.execute(sa.insert(schema.entity), [dict(row._mapping) for row in part])


def _copy_table(one: sa.Connection, other: sa.Connection, table: Any, order: str) -> None:
    rows = one.execute(sa.select(table).order_by(table.c[order])).all()
    other.execute(sa.insert(table), [{name: _plain(value) for name, value in row._mapping.items()} for row in rows])


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
