"""Files opened beneath a folder without following links: every component by itself, from a handle of the folder, so that nothing that is swapped
between a look and an open leads anywhere else. What was opened is then read through its handle, never again by its name."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ..errors import FrameMissing, LimitError

__all__ = ["Handles", "open_beneath", "parts_beneath"]

_HINT = "recorded files lie beneath their recording's folder, or a folder that boxwright serve --root names, and are no links"


def parts_beneath(path: Path, root: Path) -> tuple[str, ...] | None:
    """The components of a path below a folder, as they are written; None where it is not below it, or goes up."""
    try:
        parts = PurePosixPath(path).relative_to(PurePosixPath(root)).parts
    except ValueError:
        return None
    return parts if parts and not any(part in ("", ".", "..") or "\0" in part for part in parts) else None


def open_beneath(root: Path, parts: tuple[str, ...], most_bytes: int) -> int:
    """A handle of a regular file. FrameMissing where it is none, where a link is on the way, or where it is gone."""
    here = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=here)
    except OSError as error:
        what = "a recorded file is behind a link" if error.errno in (errno.ELOOP, errno.ENOTDIR) else "a recorded file is not there"
        raise FrameMissing(what, hint=_HINT) from None
    finally:
        os.close(here)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise FrameMissing("a recorded file is no regular file", hint=_HINT)
    if found.st_size > most_bytes:
        os.close(handle)
        raise LimitError("a recorded file is too large", expected=f"at most {most_bytes:,} bytes", got=f"{found.st_size:,}", hint="raise the limit")
    return handle


class Handles:
    """Gives readers that want a path one that leads to an open handle, whatever has become of its name: a link to it in a folder of this process's
    own. The name is kept, since readers tell formats by it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="boxwright-serve-"))  # mode 0700

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def path_of(self, handle: int, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            path = Path(folder) / name
            path.symlink_to(f"/proc/self/fd/{handle}")
            yield path
