"""What scenes a large file holds is known by parsing it; listing scenes and reading one ask for that in turn, and it is found once."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..limits import limits

__all__ = ["of_file", "of_files"]

_MOST = 64  # files, or sets of them, that are remembered
_MOST_BYTES = 64 << 20  # of all that tell their size, but that there is always the last
_SETTLED_NS = 2_000_000_000  # a file that was written within this time may be written again without its stamp telling
_known: OrderedDict[tuple[str, ...], tuple[Any, Any]] = OrderedDict()
T = TypeVar("T")


def of_file(file: Path, find: Callable[[Path], T]) -> T:
    """find(file), which must be small or tell its `n_bytes`, and which nobody may change; found again where the file or the limits have changed."""
    return _remembered([file], find, lambda: find(file))


def of_files(files: Sequence[Path], find: Callable[[Sequence[Path]], T]) -> T:
    """As `of_file`, of several together."""
    return _remembered(files, find, lambda: find(files))


def _remembered(files: Sequence[Path], find: Callable[..., T], found: Callable[[], T]) -> T:
    stamp = (limits(), *map(_stamp, files))
    key = (f"{find.__module__}.{find.__qualname__}", *(os.fspath(file.absolute()) for file in files))
    known = _known.get(key)
    if known is not None and known[0] == stamp:
        value: T = known[1]
        return value
    value = found()
    _known[key] = (stamp, value)
    while len(_known) > _MOST or (len(_known) > 1 and sum(_n_bytes(known) for _, known in _known.values()) > _MOST_BYTES):
        _known.popitem(last=False)
    return value


def _n_bytes(value: Any) -> int:
    n_bytes: int = getattr(value, "n_bytes", 0)
    return n_bytes


def _stamp(file: Path) -> tuple[Any, ...]:
    """What tells a file from one that was there before: soon after it was written, all that is in it."""
    said = os.stat(file)  # noqa: PTH116
    is_settled = time.time_ns() - max(said.st_mtime_ns, said.st_ctime_ns) > _SETTLED_NS
    told = (said.st_dev, said.st_ino, said.st_size, said.st_mtime_ns, said.st_ctime_ns)
    if is_settled:
        return told
    with file.open("rb") as stream:
        return (*told, hashlib.file_digest(stream, "sha256").digest())
