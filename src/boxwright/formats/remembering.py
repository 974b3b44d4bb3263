"""What scenes a large file holds is known by parsing it; listing scenes and reading one ask for that in turn, and it is found once."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..limits import limits

__all__ = ["of_file"]

_MOST = 64  # files that are remembered
_SETTLED_NS = 2_000_000_000  # a file that was written within this time may be written again without its stamp telling
_known: OrderedDict[tuple[str, str], tuple[Any, Any]] = OrderedDict()
T = TypeVar("T")


def of_file(file: Path, find: Callable[[Path], T]) -> T:
    """find(file), which must be small, and which nobody may change; found again where the file or the limits have changed since."""
    said = os.stat(file)  # noqa: PTH116
    stamp = (said.st_dev, said.st_ino, said.st_size, said.st_mtime_ns, said.st_ctime_ns, limits())
    key = (f"{find.__module__}.{find.__qualname__}", os.fspath(file.absolute()))
    known = _known.get(key)
    if known is not None and known[0] == stamp:
        value: T = known[1]
        return value
    value = find(file)
    if time.time_ns() - max(said.st_mtime_ns, said.st_ctime_ns) > _SETTLED_NS:
        _known[key] = (stamp, value)
        while len(_known) > _MOST:
            _known.popitem(last=False)
    return value
