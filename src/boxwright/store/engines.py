"""A project's database: a SQLite file in the project's folder, or PostgreSQL by URL; transactions of both, and their errors in one sentence."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import ArgumentError, BoxwrightError, ConflictError, CorruptionError, ExtraMissing, StorageError
from . import schema

__all__ = ["FILE", "Database", "check_local", "check_place", "is_url"]

FILE = "project.db"
BUSY_S = 60  # how long a writer waits for another
AGAIN = "try again when it is done"
_PRAGMAS = ("foreign_keys=ON", "synchronous=FULL", "trusted_schema=OFF", "cell_size_check=ON", "fullfsync=1", "checkpoint_fullfsync=1")
_REMOTE = {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "beegfs", "gpfs", "glusterfs", "ocfs2", "gfs2", "davfs"}
_REMOTE_FUSE = ("sshfs", "s3fs", "goofys", "gcsfuse", "rclone", "glusterfs", "mount-s3", "blobfuse", "ceph", "davfs", "juicefs", "smbnetfs")


def is_url(place: object) -> bool:
    return isinstance(place, str) and place.partition("://")[0] in ("postgresql", "postgres", "postgresql+psycopg")


class Database:
    """Where a project lies. `reading` is one consistent view, `writing` one transaction with nobody else in it.

    place : how it is called in messages, without a password
    folder : the project's folder, None with PostgreSQL
    """

    def __init__(self, where: str | os.PathLike[str], *, durable: bool = True) -> None:
        """durable : False leaves out the flush to the disk at each commit, for benchmarks and for tests that show why it is there"""
        if is_url(where):
            self.folder, self.file = None, None
            url = sa.make_url(str(where)).set(drivername="postgresql+psycopg")
            self.place = url.render_as_string(hide_password=True).replace("+psycopg", "")
            try:
                self.engine = sa.create_engine(url, pool_size=16, max_overflow=16, isolation_level="READ COMMITTED")
            except ModuleNotFoundError:
                raise ExtraMissing("a project in PostgreSQL needs psycopg", hint="pip install 'boxwright[postgres]'") from None
            sa.event.listen(self.engine, "connect", _on_postgresql)
        else:
            self.file = Path(where)
            self.folder = self.file.parent
            # SQLite lets writers that wait ask again and again, longer and longer apart: of many, one is passed over for seconds
            self._turn = threading.Lock()
            self.place = str(self.file)
            options: dict[str, Any] = {"timeout": BUSY_S, "check_same_thread": False}
            self.engine = sa.create_engine(sa.URL.create("sqlite", database=str(self.file)), connect_args=options, pool_size=16, max_overflow=16)
            sa.event.listen(self.engine, "connect", _on_sqlite if durable else _on_sqlite_not_durable)
            sa.event.listen(self.engine, "begin", _begin)

    @property
    def is_sqlite(self) -> bool:
        return self.file is not None

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Everything that is read is of one moment."""
        with self._told(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @contextmanager
    def writing(self, *, is_new: bool = False) -> Iterator[sa.Connection]:
        """Commits at the end of the block, and returns when that is on disk; an error leaves nothing behind. Writers take turns.

        is_new : there are no tables yet
        """
        with self._told(), self._in_turn(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection = connection.execution_options(begin="BEGIN IMMEDIATE")
            try:
                if not self.is_sqlite and not is_new:
                    connection.execute(sa.select(schema.meta.c.v).where(schema.meta.c.k == "queue").with_for_update())
                yield connection
                connection.commit()
            except sa.exc.DBAPIError:
                connection.invalidate()  # what failed to write is not asked again
                raise

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Nobody else of this process writes to this database during the block; PostgreSQL has a queue of its own."""
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_S):
            raise StorageError(f"another request has been writing for {BUSY_S} s; nothing was changed", path=self.place, hint=AGAIN, code="busy")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the database as ours."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self._ours(error) from error
        except UnicodeDecodeError as error:  # what SQLite says of damage quotes it, and Python's driver takes that for a text
            if not self.is_sqlite:
                raise
            hint = "'boxwright fsck' tells where; restore the last backup"
            raise CorruptionError("the database is damaged: a name in it is no text any more", path=self.place, hint=hint) from error
        except sa.exc.TimeoutError as error:
            hint = "try again when some are done"
            raise StorageError("too many requests at a time", path=self.place, hint=hint, code="busy") from error

    def _ours(self, error: sa.exc.DBAPIError) -> BoxwrightError:
        said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        code, name = getattr(error.orig, "sqlite_errorcode", None), getattr(error.orig, "sqlstate", None) or ""
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE) or name in ("53100", "58030"):
            what = f"disk full: {self._free()}; nothing was changed"
            return StorageError(what, path=self.place, hint="make room and send the edit again", code="disk-full")
        if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            what = f"another program has been writing for {BUSY_S} s; nothing was changed"
            return StorageError(what, path=self.place, hint=AGAIN, code="busy")
        if code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return CorruptionError(f"the database is damaged: {said}", path=self.place, hint="'boxwright fsck' tells where; restore the last backup")
        if code is not None and code & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return StorageError(f"cannot be opened for writing: {said}", path=self.place, hint="check the path and its permissions")
        if (code is not None and code & 0xFF == sqlite3.SQLITE_CONSTRAINT) or name[:2] in ("23", "P0"):
            return ConflictError(f"the database refused it: {said}; nothing was changed", path=self.place, hint="read what is there and try again")
        if name[:2] in ("08", "28", "3D", "57") or (not self.is_sqlite and not name):
            return StorageError(
                f"cannot be reached: {said}", path=self.place, hint="check the address, the account and that the server runs", code="unreachable"
            )
        return StorageError(f"the database said: {said}; nothing was changed", path=self.place, hint="'boxwright fsck' looks at the project")

    def _free(self) -> str:
        try:
            free = shutil.disk_usage(self.folder or "/").free if self.is_sqlite else None
        except OSError:
            free = None
        return "no more can be written" if free is None else f"no more can be written, {free / 1e6:,.1f} MB free"


def _on_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says so, not where the driver guesses
    cursor = connection.cursor()
    mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    if mode != "wal":
        raise StorageError(expected="a write-ahead log", got=f"journal_mode={mode}", hint="put the project on a local disk")


def _on_sqlite_not_durable(connection: Any, record: Any) -> None:
    _on_sqlite(connection, record)
    connection.execute("PRAGMA synchronous=NORMAL")


def _on_postgresql(connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit=on")
        cursor.execute("SET client_min_messages=warning")
    connection.commit()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def check_local(folder: Path) -> None:
    """StorageError for a folder on a network file system: SQLite's write-ahead log needs memory that all its users share, and locks that hold."""
    kind = _file_system(folder)
    is_remote = kind in _REMOTE or (kind.startswith("fuse") and any(name in kind for name in _REMOTE_FUSE))
    if is_remote:
        hint = "put the project on a local disk, or use PostgreSQL for a team"
        raise StorageError("a project cannot lie on a network file system", got=kind, path=folder, hint=hint)


def _file_system(folder: Path) -> str:
    """The kind of the mount that holds a folder; '' where the system does not tell."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    real, best = os.path.realpath(folder), ("", "")
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].encode().decode("unicode_escape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, right.split(" ")[0])
    return best[1]


def check_place(where: Any) -> None:
    """ArgumentError for what is neither a folder nor a URL of PostgreSQL."""
    if not isinstance(where, (str, os.PathLike)) or (isinstance(where, str) and "://" in where and not is_url(where)):
        hint = "such as 'project' or 'postgresql://user@host/database'"
        raise ArgumentError(expected="a project's folder, or a URL of PostgreSQL", got=f"{where!r:.80}", field="project", hint=hint)
