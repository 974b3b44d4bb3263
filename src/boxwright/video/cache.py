"""Indices of videos, kept in the user's cache folder under the file's path, size and time of change; nothing is written beside the file.

A file of the cache that is damaged, or made by another version, is made again; where the folder cannot be written, the index is made each time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np

from ..errors import StorageError
from ..outputs import whole_file
from .index import VideoIndex, av_module, made_index

__all__ = ["cache_folder", "cached_index", "keep_index"]

_MOST_FILES = 2000
_ARRAYS = ("ids", "ticks", "key_ids", "damaged_ids", "is_decoded")


def cache_folder() -> Path:
    """BOXWRIGHT_CACHE_DIR, else the user's cache folder."""
    own = os.environ.get("BOXWRIGHT_CACHE_DIR")
    base = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache") / "boxwright"
    return base / "videos"


def cached_index(path: Path) -> VideoIndex:
    """The index of a video, from the cache where it is there and whole."""
    index = _read(path)
    if index is None:
        index = made_index(path)
        keep_index(path, index)
    return index


def keep_index(path: Path, index: VideoIndex) -> None:
    """Writes an index into the cache, where that is possible."""
    packed = io.BytesIO()
    arrays = {name: getattr(index, name) for name in _ARRAYS if getattr(index, name) is not None}
    plain = {field.name: getattr(index, field.name) for field in dataclasses.fields(index) if field.name not in _ARRAYS}
    np.savez(packed, about=np.frombuffer(json.dumps(plain).encode(), np.uint8), **arrays)
    body = packed.getvalue()
    with contextlib.suppress(StorageError, OSError):
        file = cache_folder() / f"{_name(path)}.index"
        with whole_file(file) as part:
            part.write_bytes(hashlib.sha256(body).digest() + body)
        _prune(file.parent)


def _name(path: Path) -> str:
    """Changes with the file, and with what would index it differently."""
    found, av = path.stat(), av_module()
    key = [str(path.resolve()), found.st_size, found.st_mtime_ns, av.__version__, sorted(av.library_versions.items())]
    key += [hashlib.sha256(Path(__file__).with_name(name).read_bytes()).hexdigest() for name in ("index.py", "boxes.py", "cache.py")]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _read(path: Path) -> VideoIndex | None:
    try:
        raw = (cache_folder() / f"{_name(path)}.index").read_bytes()
        if hashlib.sha256(raw[32:]).digest() != raw[:32]:
            return None
        with np.load(io.BytesIO(raw[32:]), allow_pickle=False) as held:
            fields = json.loads(bytes(held["about"]))
            fields |= {name: held[name] for name in _ARRAYS if name in held}
        for name in ("time_base", "size_px", "notes"):
            fields[name] = tuple(fields[name])
        return VideoIndex(**fields)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def _prune(folder: Path) -> None:
    """Only the indices written last are kept."""
    files = sorted(folder.glob("*.index"), key=lambda file: file.stat().st_mtime_ns)
    for file in files[:-_MOST_FILES]:
        file.unlink(missing_ok=True)
