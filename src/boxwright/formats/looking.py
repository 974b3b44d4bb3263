"""Looking at what a path holds, before anything is read: names and the first bytes of files, never more."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["files_of", "head", "is_dgp_scene", "is_file", "is_known_by", "is_openlabel", "names_of", "natural", "subfolders"]

_HEAD_BYTES, _FAR_BYTES = 1 << 16, 1 << 24
_NO_DATA = {"lost+found", "System Volume Information", "__MACOSX"}  # what systems leave at the top of a disk or an archive
_TOPS = (".json", ".ndjson", ".jsonl", ".feather", ".xml")
_DGP = re.compile(rb'"datum(_keys)?"\s*:')
_OPENLABEL = re.compile(rb'^\s*\{\s*"openlabel"\s*:')
_OURS = re.compile(rb'"(format"\s*:\s*"boxwright"|label_frame"\s*:|source_format"\s*:)')


def subfolders(path: Path) -> list[Path]:
    """The folders in a folder, links to folders too, by name; hidden ones, and those of the system, are passed over."""
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.name not in _NO_DATA and _holds(entry.is_dir)]
    return [path / name for name in sorted(names)]


def may_be_dataset(folder: Path) -> bool:
    """False for a folder of files none of which could be a dataset's top, such as a hundred thousand pictures or sweeps."""
    with os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(_TOPS) or _holds(entry.is_dir) for entry in entries)


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a file, or a link to one."""
    return _holds(entry.is_file)


def _holds(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except OSError:  # a link that leads to itself
        return False


def names_of(folder: Path, pattern: str) -> list[str]:
    """The names in a folder that fit a regular expression as a whole, sorted; none where there is no folder. Files are not touched."""
    if not folder.is_dir():
        return []
    fits = re.compile(pattern).fullmatch
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if fits(entry.name))


def files_of(path: Path, suffixes: Sequence[str], is_ours: Callable[[Path], bool]) -> list[Path]:
    """A file, or the files in a folder, sorted, that end so in either case and whose first bytes `is_ours` knows; no hidden ones of a folder."""
    if path.is_file():
        return [path] if path.suffix.lower() in suffixes and is_ours(path) else []
    return [path / name for name in names_of(path, rf"[^.].*(?i:{'|'.join(map(re.escape, suffixes))})") if is_ours(path / name)]


def natural(name: str) -> list[tuple[int, int, str]]:
    """To sort by: numbers in names count as numbers, 9.pcd comes before 10.pcd."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"([0-9]{1,18})", name)]


def head(file: Path, n_bytes: int = _HEAD_BYTES) -> bytes:
    """The first bytes of a file; none where there is no file."""
    if not file.is_file():
        return b""
    with file.open("rb") as stream:
        return stream.read(n_bytes)


def is_known_by(file: Path, knows: Callable[[bytes], bool]) -> bool:
    """Whether a file is known by its first bytes; where those do not tell, by as many more as something long may take that stands first."""
    if not file.is_file():
        return False
    start = head(file)
    return knows(start) or (len(start) == _HEAD_BYTES and knows(head(file, _FAR_BYTES)))


def is_openlabel(file: Path) -> bool:
    """Whether a JSON file begins as OpenLABEL does."""
    return _OPENLABEL.search(head(file, 4096)) is not None


def is_dgp_scene(file: Path) -> bool:
    """Whether a scene*.json is one of DGP's: it names data and samples. One of boxwright's own may do so too, telling where it comes from."""
    start = head(file, 4096)
    if _OURS.search(start) is not None or _OPENLABEL.search(start) is not None:
        return False
    top = head(file)
    return _DGP.search(top) is not None and _OURS.search(top) is None
