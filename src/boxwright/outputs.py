"""Outputs that appear only when they are complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import StorageError

__all__ = ["check_new_folder", "whole_file", "whole_folder"]


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside `path`; moves it there when the block ends well, removes it otherwise."""
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror}", path=target, hint="choose a folder you may write to") from error
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror}", path=target) from error
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
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror}", path=target, hint="choose a folder you may write to") from error
    try:
        yield part
        part.chmod(0o777 & ~_umask())
        if target.exists():
            target.rmdir()
        part.rename(target)
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror}", path=target) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


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
        raise StorageError(f"cannot write: {error.strerror}", path=target, hint="choose a folder you may write to") from error
    if not parent.is_dir():
        raise StorageError(f"cannot write: {parent} is not a folder", path=target, hint="choose a folder you may write to")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StorageError(f"cannot write: {parent} may not be written to", path=target, hint="choose a folder you may write to")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
