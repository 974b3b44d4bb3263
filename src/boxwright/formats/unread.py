"""What a path is that no format claims, in words, and what to do about it: told from names and first bytes alone."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ..errors import BoxwrightError, FormatError, number_of
from . import strict_json
from .looking import head

__all__ = ["EMPTY_JSON", "fault_of", "said_kind"]

_SMALL_BYTES = 32 << 20
_MOST_NAMES = 10_000  # of a folder, looked at
_UNPACK = "unpack it and give the folder"
_OWN_FOLDER = "give the dataset's own folder, or convert it"
_BEGINNINGS = (  # first bytes, what they say, what to do
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive", _UNPACK),
    (rb"\x1f\x8b", "a gzip archive", _UNPACK),
    (rb"BZh|\xfd7zXZ\x00|7z\xbc\xaf\x27\x1c|\x28\xb5\x2f\xfd|Rar!", "an archive", _UNPACK),
    (rb"(?s).{257}ustar", "a tar archive", _UNPACK),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|BM|II\*\x00|MM\x00\*", "one picture", "give a folder of pictures, or the dataset's own folder"),
    (rb"%PDF", "a PDF document", _OWN_FOLDER),
    (rb"SQLite format 3", "an SQLite database", "of a project, give its folder"),
    (rb"PAR1|ARROW1", "a table", "give the folder of its log"),
    (rb"#ROSBAG|\x89MCAP", "a ROS or MCAP recording", "convert it: bags are not read"),
)
_XML_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]{0,60})[\s/>]")


EMPTY_JSON = "JSON with nothing in it"


def fault_of(place: Path, hint: str) -> BoxwrightError | None:
    """What is wrong with a file that is empty, or is JSON that cannot be read, such as one that was cut: then its format cannot be told.

    hint : what to do where it is empty
    """
    if not place.is_file():
        return None
    start = head(place)
    if not start:
        return FormatError("the file is empty", path=place, hint=hint)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in (b"{", b"[") or place.stat().st_size > _SMALL_BYTES:
        return None
    try:
        strict_json.load(place)
    except BoxwrightError as error:
        return error
    return None


def said_kind(place: Path) -> tuple[str, str]:
    """(what it is, what to do), such as ("a ZIP archive", "unpack it and give the folder")."""
    return _folder(place) if place.is_dir() else _file(place)


def _folder(place: Path) -> tuple[str, str]:
    """How many files of which endings, the most frequent first."""
    n_folders, kinds = 0, Counter[str]()
    for i, entry in enumerate(place.iterdir()):
        if i == _MOST_NAMES:
            break
        if entry.is_dir():
            n_folders += 1
        else:
            kinds[entry.suffix.lower()] += 1
    parts = [number_of(n, f"{suffix} file") if suffix else f"{number_of(n, 'file')} without an ending" for suffix, n in kinds.most_common(3)]
    if len(kinds) > 3:
        parts.append("others")
    if n_folders:
        parts.append(number_of(n_folders, "folder"))
    if not parts:
        return "an empty folder", "check the path: nothing is in it"
    return f"a folder of {', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else f"a folder of {parts[0]}", _OWN_FOLDER


def _file(place: Path) -> tuple[str, str]:
    start = head(place)
    if not start:
        return "an empty file", "copy or export it again"
    for beginning, what, hint in _BEGINNINGS:
        if re.match(beginning, start):
            return what, hint
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        return _json(place, text)
    if text[:1] == b"<" and (root := _XML_ROOT.search(text)):
        return f"XML with the root <{root[1].decode()}>", _OWN_FOLDER
    if b"\x00" in start:
        return f"binary data in a file ending in {place.suffix!r}" if place.suffix else "binary data in a file without an ending", _OWN_FOLDER
    return "a text", "give the dataset's own folder: this file holds no labels that are read alone"


def _json(place: Path, text: bytes) -> tuple[str, str]:
    if re.fullmatch(rb"\[\s*\]|\{\s*\}", text.rstrip()):
        return EMPTY_JSON, "export the labels again: there are none in it"
    if text[:1] == b"[":
        return "JSON that is a list", _OWN_FOLDER
    try:
        top = strict_json.load(place).mapping() if place.stat().st_size <= _SMALL_BYTES else {}
    except BoxwrightError:
        return "JSON that cannot be read", "correct the file or export it again"
    if isinstance(top.get("$schema"), str) and ("properties" in top or "definitions" in top or "$defs" in top):
        return "a JSON schema", "give a file that is written to it: a schema says how labels are written and holds none"
    keys = [repr(key[:40]) for key in top]
    said = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
    return f"JSON with {said} at its top" if said else "JSON", _OWN_FOLDER
