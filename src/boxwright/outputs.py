"""Outputs that appear only when they are complete."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import ArgumentError, BoxwrightError, StorageError

__all__ = ["as_path", "check_new_folder", "check_outside", "on_disk", "whole_file", "whole_folder"]


def as_path(value: object) -> Path:
    """A path a caller gave; ArgumentError where it is none."""
    if not isinstance(value, (str, os.PathLike)):
        raise ArgumentError(expected="a path", got=f"{value!r:.60}", field="path", hint="pass a str or a pathlib.Path")
    if value == "":
        raise ArgumentError(expected="a path", got="an empty text", field="path", hint="pass '.' for the folder you are in")
    return Path(value)


def check_outside(path: Path, recording: Path, field: str) -> None:
    """ArgumentError where an output lies inside the recording that is read."""
    if recording.resolve() in (path.resolve(), *path.resolve().parents):
        hint = f"choose a place outside {recording.resolve()}"
        raise ArgumentError("the output lies inside the recording that is read", got=str(path), field=field, hint=hint)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path`; moves it there when the block ends well, removes it otherwise.

    StorageError for a folder, and, without `overwrite`, for a file that is there.
    """
    target = Path(path)
    _check_free(target, overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _beside(target, target.suffix)
        part.touch(exist_ok=False)
    except OSError as error:
        raise _storage_error(error, target) from error
    try:
        yield part
        _check_free(target, overwrite)
        part.replace(target)
    except BoxwrightError:
        raise
    except OSError as error:
        raise _storage_error(error, target) from error
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; renames it to `path` when the block ends well.

    An existing non-empty folder is never overwritten: StorageError.
    """
    target = Path(path)
    check_new_folder(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = _beside(target)
        part.mkdir()
    except OSError as error:
        raise _storage_error(error, target) from error
    try:
        yield part
        if target.exists():
            target.rmdir()
        part.rename(target)
    except BoxwrightError:
        raise
    except OSError as error:
        raise _storage_error(error, target) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def on_disk(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk: a power cut leaves it as it is now. Some network disks know no such thing."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(handle)


def check_new_folder(path: str | os.PathLike[str]) -> None:
    """StorageError where a folder that is there is not empty, or the place for a new one cannot be written to."""
    target = Path(path)
    try:
        if target.is_symlink() and not target.exists():
            raise StorageError("is a link that leads nowhere", path=target, hint="choose another folder or remove this one")
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise StorageError("exists already and is not empty", path=target, hint="choose another folder or remove this one")
        parent = next(folder for folder in target.absolute().parents if folder.exists())
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise _storage_error(error, target) from error
    if not parent.is_dir():
        raise StorageError(f"cannot write: {parent} is not a folder", path=target, hint="choose a folder you may write to")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StorageError(f"cannot write: {parent} may not be written to", path=target, hint="choose a folder you may write to")


def _beside(target: Path, ending: str = "") -> Path:
    """A name that nobody has. What is made there has the rights that any new file has: threads may not ask for the umask, which is set to be read."""
    return target.with_name(f".{target.name}.{secrets.token_hex(6)}{ending}")


def _check_free(target: Path, overwrite: bool) -> None:
    if os.path.lexists(target) and target.is_dir():
        raise StorageError("is a folder", expected="a file to write", path=target, hint="choose the name of a file")
    if not overwrite and os.path.lexists(target):
        raise StorageError("exists already", path=target, hint="choose another name, remove it, or pass overwrite=True")


def _storage_error(error: OSError, target: Path) -> StorageError:
    """What the system says, and what to do about it."""
    parent = next((folder for folder in target.absolute().parents if os.path.lexists(folder)), target)
    if not parent.is_dir():
        return StorageError(f"cannot write: {parent} is not a folder", path=target, hint="choose a folder you may write to")
    hints = {
        errno.ENOSPC: "make room, or choose another disk",
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.ENOTEMPTY: "it was filled meanwhile; choose another folder",
        errno.EEXIST: "it was made meanwhile; choose another name",
    }
    hint = hints.get(error.errno or 0, "choose a folder you may write to")
    return StorageError(f"cannot write: {error.strerror or error}", path=target, hint=hint)
