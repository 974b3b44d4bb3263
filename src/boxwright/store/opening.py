"""Making and opening projects; older ones are brought to the present form, in one transaction and with a copy kept."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import ArgumentError, CorruptionError, StorageError
from ..outputs import as_path, check_new_folder
from . import schema
from .canonical import new_id, request_hash
from .engines import FILE, Database, check_local, check_place, is_url
from .entities import PROJECT
from .project import Project
from .transactions import Transaction

__all__ = ["MIGRATIONS", "create_project", "file_of", "open_project"]

# version -> what brings a database of that version to the next, in an open transaction
MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {1: schema.bring_to_2}


def create_project(where: str | os.PathLike[str], name: str | None = None, *, by: str | None = None) -> Project:
    """A new, empty project: a folder with a SQLite file, or tables in a database of PostgreSQL by its URL.

    where : a folder that is new or empty, or "postgresql://user@host/database"; several projects may lie in one database, each in a schema of its
        own: "?options=-csearch_path%3Dname"
    name : by default the folder's, or the database's
    """
    check_place(where)
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ArgumentError(expected="a name", got=f"{name!r:.60}", field="name", hint="a text that is not empty, or leave it out")
    if not is_url(where):
        folder = as_path(where)
        check_new_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        check_local(folder)
    database = Database(where if is_url(where) else as_path(where) / FILE)
    try:
        make_tables(database, {"project_id": new_id()})
        called = name or (as_path(where).absolute().name if database.is_sqlite else str(database.engine.url.database))
        with database.writing() as connection:
            tx = Transaction(connection, by or "boxwright")
            tx.add("project", PROJECT, {"name": called})
            tx.write(new_id(), request_hash({"init": called}), "init", None, None)
        return Project(database)
    except BaseException:
        database.close()
        raise


def make_tables(database: Database, facts: dict[str, Any]) -> None:
    """StorageError where there are some already."""
    with database.writing(is_new=True) as connection:
        if sa.inspect(connection).has_table("txn"):
            raise StorageError("there is a project already", path=database.place, hint="open it, or choose another place")
        schema.create(connection, facts)


def open_project(where: str | os.PathLike[str], *, durable: bool = True) -> Project:
    """A project that is there: its folder, or its URL. StorageError where there is none, or one of a newer boxwright."""
    check_place(where)
    database = Database(where if is_url(where) else file_of(where), durable=durable)
    try:
        _bring_up(database)
        return Project(database)
    except BaseException:
        database.close()
        raise


def file_of(where: str | os.PathLike[str]) -> Path:
    """The SQLite file of a project by its folder or the file itself, looked at before SQLite may write to it."""
    place = as_path(where)
    file = place / FILE if place.is_dir() else place
    if not file.is_file():
        hint = "'boxwright init' makes one"
        raise StorageError("there is no project", got=f"no {FILE}" if place.is_dir() else "no such folder", path=place, hint=hint)
    check_local(file.parent)
    try:
        with file.open("rb") as opened:
            head = opened.read(100)
    except OSError as error:
        raise StorageError(f"cannot be read: {error.strerror}", path=file, hint="check its permissions") from None
    is_ours = int.from_bytes(head[68:72], "big") == schema.APPLICATION_ID or _has_log(file)  # of a new project its first page may be in the log still
    if head[:16] != b"SQLite format 3\0" or not is_ours:
        raise CorruptionError("not a boxwright project, or a damaged one", path=file, hint="check the path, or restore the last backup")
    return file


def _has_log(file: Path) -> bool:
    """Whether SQLite's write-ahead log lies beside it, with something in it."""
    log = file.with_name(f"{file.name}-wal")
    return log.is_file() and log.stat().st_size > 0


def _version(connection: sa.Connection) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar() or 0)
    if not sa.inspect(connection).has_table("meta"):
        return 0
    return int(connection.execute(sa.select(schema.meta.c.v).where(schema.meta.c.k == "version")).scalar() or 0)


def _bring_up(database: Database) -> None:
    with database.reading() as connection:
        found = _version(connection)
        application = connection.exec_driver_sql("PRAGMA application_id").scalar() if database.is_sqlite and found else schema.APPLICATION_ID
    if application != schema.APPLICATION_ID:  # the first page of its file may have been in the log only, see file_of
        raise CorruptionError("not a boxwright project, or a damaged one", path=database.place, hint="check the path, or restore the last backup")
    if found == schema.VERSION:
        return
    if found == 0:
        raise StorageError("there is no project", path=database.place, hint="'boxwright init' makes one")
    if found > schema.VERSION:
        what, hint = "made by a newer boxwright", "update boxwright: pip install -U boxwright"
        raise StorageError(what, expected=f"version {schema.VERSION} or older", got=str(found), path=database.place, hint=hint)
    if database.file is not None:
        _keep_copy(database.file, found)
    with database.writing() as connection:  # all steps at once: what is cut off here is as it was
        for version in range(_version(connection), schema.VERSION):
            MIGRATIONS[version](connection)
            connection.execute(sa.update(schema.meta).where(schema.meta.c.k == "version").values(v=str(version + 1)))
            if database.is_sqlite:
                connection.exec_driver_sql(f"PRAGMA user_version={version + 1}")


def _keep_copy(file: Path, version: int) -> None:
    """Of the file before it is brought up; one that is there already is of an attempt that was cut off."""
    copy = file.with_name(f"{file.stem}-version-{version}{file.suffix}")
    if copy.exists():
        return
    part = copy.with_suffix(".part")
    part.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(part)) as target:
        source.backup(target)
    part.replace(copy)
