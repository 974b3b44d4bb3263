"""A batch's folder: what is run, which shards are done, and their files. It may be left by a kill at any moment.

    batch.json          what is run: dataset, verbs, options, version of boxwright
    manifest.jsonl      one line for each shard that was worked on: the digest of its inputs, its files with size and SHA-256, what went wrong
    log.jsonl           what was begun and done when, and where
    <table>/<shard>.parquet
    converted/<scene>/  what `convert` wrote
    errors.parquet  summary.json  summary.html
    lock                held by the run that writes here

A file appears under its name when it is whole and on the disk, and counts once its line is in the manifest: that line is the last thing that is
written of a shard. A line that a power cut takes away costs its shard, and nothing else.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, CorruptionError, StorageError
from ..outputs import check_new_folder, on_disk, whole_file
from .tables import TABLES

__all__ = ["BatchFolder", "mark_of", "open_folder"]

BATCH, MANIFEST, LOG, LOCK = "batch.json", "manifest.jsonl", "log.jsonl", "lock"
MARK = "boxwright-batch"
CONVERTED = "converted"

Record = dict[str, Any]


def mark_of(out: Path) -> str:
    """What tells one batch's folder from every other; an empty text where there is none."""
    try:
        return str(json.loads((out / BATCH).read_text(encoding="utf-8"))["mark"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


@contextmanager
def open_folder(out: Path, spec: Mapping[str, Any]) -> Iterator[BatchFolder]:
    """The folder for a run, new or of the same batch before, held until the block ends.

    StorageError where another run holds it, where it is no batch's or cannot be written to; ArgumentError where it is of another batch.
    """
    _check_place(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _cannot_write(error, out) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise _cannot_write(error, out) from error
            got = os.pread(lock, 100, 0).decode("utf-8", "replace").strip() or "another run"
            raise StorageError("another run writes here", got=got, path=out, hint="wait until it is done, or choose another folder") from None
        with ThreadPoolExecutor(len(TABLES), thread_name_prefix="boxwright-disk") as disk:
            folder = BatchFolder(out, disk)
            try:
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
                folder.take_up(spec)
            except OSError as error:
                raise error if isinstance(error, (StorageError, CorruptionError)) else _cannot_write(error, out) from error
            yield folder
    finally:
        os.close(lock)


def _check_place(out: Path) -> None:
    if not out.is_dir() or (out / BATCH).is_file():
        if not out.exists():
            check_new_folder(out)
        elif not out.is_dir():
            raise StorageError("is no folder", path=out, hint="choose the name of a folder")
        elif not os.access(out, os.W_OK | os.X_OK):
            raise StorageError("cannot write: the folder may not be written to", path=out, hint="choose a folder you may write to")
        return
    there = [name for name in os.listdir(out) if name != LOCK and not name.startswith(f".{BATCH}.")]  # noqa: PTH208
    if there:
        check_new_folder(out)
    if not os.access(out, os.W_OK | os.X_OK):
        raise StorageError("cannot write: the folder may not be written to", path=out, hint="choose a folder you may write to")


def _cannot_write(error: OSError, path: Path) -> StorageError:
    hints = {errno.ENOSPC: "make room; what is done stays, and the same command goes on from there", errno.EDQUOT: "make room, and run it again"}
    hint = hints.get(error.errno or 0, "choose a folder you may write to")
    return StorageError(f"cannot write: {error.strerror or error}", path=error.filename or path, hint=hint)


class BatchFolder:
    """A batch's folder while a run holds it."""

    def __init__(self, out: Path, disk: ThreadPoolExecutor) -> None:
        self.out, self.mark, self._disk = out, "", disk
        self.records: dict[str, Record] = {}

    # ------------------------------------------------------------ taking it up

    def take_up(self, spec: Mapping[str, Any]) -> None:
        """Makes the folder, or takes up what another run left. ArgumentError where that was of another batch."""
        place = self.out / BATCH
        if place.is_file():
            self._check_same(place, spec)
            self.mark = mark_of(self.out)
        else:
            self.mark = uuid.uuid4().hex
            self._write(place, json.dumps({"format": MARK, "version": 1, "mark": self.mark, **spec}, indent=1) + "\n")
        self._clean()
        self.records = {record["shard"]: record for record in _lines(self.out / MANIFEST) if isinstance(record.get("shard"), str)}
        self._rewrite(self.records.values())  # a torn last line would be joined to the next one

    def _check_same(self, place: Path, spec: Mapping[str, Any]) -> None:
        try:
            before = json.loads(place.read_text(encoding="utf-8"))
            if before["format"] != MARK or before["version"] != 1 or not before["mark"]:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise CorruptionError("is no batch.json of this version", path=place, hint="choose another folder, or remove this one") from None
        wanted = json.loads(json.dumps(spec))
        for name, value in wanted.items():
            if before.get(name) != value:
                field, expected, got = _difference(name, before.get(name), value)
                raise ArgumentError(
                    "the folder holds another batch", expected=expected, got=got, field=field, path=self.out, hint="choose another folder"
                )

    def _clean(self) -> None:
        """Takes away what writers that were killed left half done."""
        for folder in (self.out, *(self.out / name for name in (*TABLES, CONVERTED))):
            if folder.is_dir():
                for entry in list(os.scandir(folder)):
                    if entry.name.startswith("."):
                        path = Path(entry.path)
                        shutil.rmtree(path) if entry.is_dir(follow_symlinks=False) else path.unlink()

    def settled(self, name: str, value: Any) -> Any:
        """What the first run of the batch settled on; where none did, it is `value` from now on."""
        place = self.out / BATCH
        said = json.loads(place.read_text(encoding="utf-8"))
        if name not in said:
            self._write(place, json.dumps({**said, name: value}, indent=1) + "\n")
        return said.get(name, value)

    # ------------------------------------------------------------ shards

    def is_done(self, shard_id: str, inputs: str) -> bool:
        """Whether it was done without a fault, from the same inputs, and all its files are there."""
        record = self.records.get(shard_id)
        if record is None or record["inputs"] != inputs or record["errors"]:
            return False
        return all(_has_size(self.out / name, size) for name, (size, _) in record["files"].items())

    def keep(self, record: Record, files: Mapping[str, bytes], folders: Iterable[str]) -> None:
        """The files of a shard, and then its line."""
        before = self.records.get(record["shard"], {"files": {}})["files"]
        contents = {f"{table}/{record['shard']}.parquet": content for table, content in files.items()}
        list(self._disk.map(lambda name: self._write(self.out / name, contents[name]), contents))  # disks take several at once
        written: dict[str, tuple[int, str]] = {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()}
        written |= dict.fromkeys(folders, (-1, ""))
        for folder in {(self.out / name).parent for name in before.keys() & contents.keys()}:
            try:
                on_disk(folder)  # a power cut must not bring back what was there before
            except OSError as error:
                raise _cannot_write(error, folder) from error
        for name in before.keys() - written.keys():
            self._remove(name)
        record = {**record, "files": {name: list(said) for name, said in sorted(written.items())}}
        self._append(MANIFEST, record)
        self.records[record["shard"]] = record

    def drop_others(self, shard_ids: Iterable[str]) -> int:
        """Takes away the results of shards that are no longer there; how many."""
        gone = self.records.keys() - set(shard_ids)
        for shard_id in gone:
            for name in self.records[shard_id]["files"]:
                self._remove(name)
            del self.records[shard_id]
        return len(gone)

    def finish(self, shard_ids: Iterable[str]) -> None:
        """The manifest in the order of the shards, and no file that is of none of them."""
        self._rewrite(self.records[shard_id] for shard_id in shard_ids if shard_id in self.records)
        for folder in (self.out / name for name in TABLES):
            if folder.is_dir():
                for name in os.listdir(folder):  # noqa: PTH208
                    record = self.records.get(name.removesuffix(".parquet"))
                    if record is None or f"{folder.name}/{name}" not in record["files"]:
                        (folder / name).unlink()

    def log(self, event: str, **said: Any) -> None:
        """One line, with the time."""
        self._append(LOG, {"at_ns": time.time_ns(), "event": event, **said})

    def write_text(self, name: str, text: str | bytes) -> None:
        """A file of the whole batch; one that says the same already stays as it is."""
        content = text.encode() if isinstance(text, str) else text
        place = self.out / name
        if not place.is_file() or place.read_bytes() != content:
            self._write(place, content)

    # ------------------------------------------------------------ writing

    def _write(self, place: Path, content: str | bytes) -> None:
        try:
            with whole_file(place) as part:
                part.write_bytes(content.encode() if isinstance(content, str) else content)
                on_disk(part)
        except StorageError as error:
            cause = error.__cause__
            raise _cannot_write(cause, place) if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT) else error from None

    def _append(self, name: str, said: Record) -> None:
        line = (json.dumps(said, separators=(",", ":")) + "\n").encode()
        try:
            handle = os.open(self.out / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                while line:
                    line = line[os.write(handle, line) :]
            finally:
                os.close(handle)
        except OSError as error:
            raise _cannot_write(error, self.out / name) from error

    def _rewrite(self, records: Iterable[Record]) -> None:
        self.write_text(MANIFEST, "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))

    def _remove(self, name: str) -> None:
        place = self.out / name
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def _lines(place: Path) -> Iterator[Record]:
    """The lines that are whole; of one that a kill or a power cut tore, nothing is known, and its shard is computed again."""
    if not place.is_file():
        return
    with place.open("rb") as lines:
        for line in lines:
            try:
                record = json.loads(line)
                if isinstance(record, dict) and {"shard", "inputs", "errors", "files"} <= record.keys():
                    yield record
            except ValueError:
                continue


def _has_size(place: Path, size: int) -> bool:
    """Whether a result is there: a folder, where the size is -1, else a whole Parquet file of the size."""
    if size < 0:
        return place.is_dir()
    try:
        if place.stat().st_size != size:
            return False
        with place.open("rb") as file:
            file.seek(-4, os.SEEK_END)
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def _difference(name: str, before: Any, now: Any) -> tuple[str, str, str]:
    """Which field is another one, what it was, and what it is."""
    if name == "options" and isinstance(before, dict):
        key = next(key for key in [*before, *now] if before.get(key) != now.get(key))
        return key, f"{_shown(before.get(key))}, as before", _shown(now.get(key))
    return name, f"{_shown(before)}, as before", _shown(now)


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value!r:.120}"
