"""Names of scenes, cameras and frames as names of files."""

from __future__ import annotations

import re

__all__ = ["file_name"]

_UNSAFE = re.compile(r"[^\w.\- ]")


def file_name(name: str) -> str:
    """What a file can be called everywhere; "labels" where nothing is left of the name."""
    return _UNSAFE.sub("_", name).strip(" .")[:200] or "labels"
