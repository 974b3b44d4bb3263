"""Names of scenes, cameras and frames as names of files."""

from __future__ import annotations

import re

__all__ = ["file_name", "fitting"]

_UNSAFE = re.compile(r"[^\w.\- ]")
_MOST_BYTES = 200  # file systems take 255, an ending and a mark of ours included


def file_name(name: str) -> str:
    """What a file can be called everywhere; "labels" where nothing is left of the name."""
    return fitting(_UNSAFE.sub("_", name).strip(" .")) or "labels"


def fitting(name: str) -> str:
    """As much of a name as a file's can hold, which does not end with a point or blank."""
    return name.encode("utf-8", "ignore")[:_MOST_BYTES].decode("utf-8", "ignore").rstrip(" .")
