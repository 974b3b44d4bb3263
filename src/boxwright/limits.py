"""What a file may ask for at most. Each limit can be set: BOXWRIGHT_LIMIT_JSON_DEPTH=40 in the environment, --limit json_depth=40 in a command."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from .errors import ArgumentError, FormatError, LimitError

__all__ = [
    "FARTHEST_M",
    "FARTHEST_PX",
    "LABEL_BYTES",
    "LIMIT_NAMES",
    "TRACK_BYTES",
    "LabelRoom",
    "Limits",
    "checked_size",
    "has_file",
    "held_limits",
    "limits",
    "set_limits",
]

_FILE_TIMES = 12  # what a line of KITTI, some 230 characters, takes as a cuboid and a box in a picture, in sizes of the line
LABEL_BYTES, TRACK_BYTES = 1750, 3500  # what a label and a track take in memory, a track of one label the sum
FARTHEST_M = 1e8  # further than any map reaches, in coordinates, sizes and shifts: such a number is a broken one
FARTHEST_PX = 1e7  # likewise in pictures


@dataclass(frozen=True)
class Limits:
    """points_per_frame, image_px : counts; *_bytes : sizes; decompressed_ratio : output bytes per input byte.

    json_depth, xml_depth : brackets in brackets, elements in elements
    json_values : numbers, texts, lists and objects in one file; a log of 12,000 cuboids has 300,000
    json_room_bytes : what these and the file's text may take in memory beyond four times the file's size, reckoned before any is made
    json_items : those of one list or object
    text_characters : a name or an id in JSON, keys too, a text or name in XML, a line of a table; what is kept unread, by json_bytes
    text_bytes : a file of labels in lines or in XML
    archive_members : files in an archive
    label_room_bytes : what labels of lines and elements take in memory beyond twelve times their file's size
    kept_problems, kept_problem_bytes : records that lenient reading keeps aside, and what they take in memory; those beyond are counted
    """

    points_per_frame: int = 20_000_000
    point_bytes: int = 1024
    file_bytes: int = 4 << 30
    decompressed_bytes: int = 4 << 30
    decompressed_ratio: int = 200
    image_px: int = 64_000_000
    json_bytes: int = 512 << 20
    json_depth: int = 32
    text_bytes: int = 512 << 20
    xml_depth: int = 32
    json_values: int = 20_000_000
    json_room_bytes: int = 48 << 20
    json_items: int = 1_000_000
    text_characters: int = 4096
    archive_members: int = 100_000
    kept_problems: int = 10_000
    kept_problem_bytes: int = 16 << 20
    keyframes_per_track: int = 100_000
    tracks_per_scene: int = 50_000
    labels_per_frame: int = 10_000
    frames_per_scene: int = 200_000
    label_room_bytes: int = 44 << 20

    def check(self, name: str, value: int, path: str | os.PathLike[str], field: str | None = None) -> None:
        """LimitError where `value` is over the limit called `name`."""
        limit = getattr(self, name)
        if value > limit:
            raise LimitError(
                f"more {name.replace('_', ' ')} than allowed",
                expected=f"at most {limit:,}",
                got=f"{value:,}",
                path=path,
                field=field,
                hint=_raise_it(name),
            )

    def check_decompressed(self, size: int, packed: int, path: str | os.PathLike[str]) -> None:
        """LimitError where `packed` bytes are to become more bytes than allowed, before any of them is made."""
        self.check("decompressed_bytes", size, path)
        if size > self.decompressed_ratio * max(packed, 1):
            raise LimitError(
                "compressed more tightly than allowed",
                expected=f"at most {self.decompressed_ratio} : 1",
                got=f"{size:,} B from {packed:,} B",
                path=path,
                hint=_raise_it("decompressed_ratio"),
            )


LIMIT_NAMES = tuple(field.name for field in dataclasses.fields(Limits))
_VARIABLES = {f"BOXWRIGHT_LIMIT_{name.upper()}": name for name in LIMIT_NAMES}
_USUAL = Limits()
_said: dict[str, int] = {}  # on the command line
_held: ContextVar[Limits | None] = ContextVar("held", default=None)


def limits() -> Limits:
    """The limits of this process: those of the command line, else of the environment, else the usual ones."""
    held = _held.get()
    if held is not None:
        return held
    if not _said and not any(map(os.environ.__contains__, _VARIABLES)):  # asked for with every file
        return _USUAL
    given = {name: _whole(os.environ[variable], variable) for variable, name in _VARIABLES.items() if variable in os.environ}
    return Limits(**(given | _said))


@contextmanager
def held_limits() -> Iterator[Limits]:
    """A block in which the limits are looked up once: asked for with every label, they took a third of the time of some readers."""
    token = _held.set(limits())
    try:
        yield limits()
    finally:
        _held.reset(token)


def set_limits(texts: Sequence[str]) -> None:
    """Limits for the rest of this process from texts such as "points_per_frame=50000000", in place of those set before. ArgumentError for others."""
    said = {}
    for text in texts:
        name, is_set, number = text.partition("=")
        if name not in LIMIT_NAMES or not is_set:
            near = difflib.get_close_matches(name, LIMIT_NAMES, 1)
            hint = f"did you mean {near[0]}?" if near and near[0] != name else "write the limit, =, and a whole number"
            raise ArgumentError(expected=f"NAME=N with a name of {', '.join(LIMIT_NAMES)}", got=repr(text[:80]), field="--limit", hint=hint)
        said[name] = _whole(number, f"--limit {name}")
    _said.clear()
    _said.update(said)


def _whole(text: str, field: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ArgumentError(expected="a whole number", got=repr(text[:80]), field=field)
    return int(text)


def _raise_it(name: str) -> str:
    return f"if the file is sound, set BOXWRIGHT_LIMIT_{name.upper()} in the environment, or pass --limit {name}=N"


class LabelRoom:
    """What the labels of a file take in memory: LimitError once that is more than twelve times its size and `label_room_bytes`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.taken = path, -_FILE_TIMES * (os.stat(path).st_size if os.path.exists(path) else 0)  # noqa: PTH110, PTH116
        self.most = limits().label_room_bytes

    def take(self, n_bytes: int) -> None:
        self.taken += n_bytes
        if self.taken > self.most:
            limits().check("label_room_bytes", self.taken, self.path)


def has_file(path: Path) -> bool:
    """Whether a file is there. FormatError where something is there that is no file: it would read as if nothing were."""
    if path.is_file():
        return True
    if not os.path.lexists(path):
        return False
    got = "a folder" if path.is_dir() else "a link to nothing" if path.is_symlink() and not path.exists() else "no regular file"
    raise FormatError(expected="a file", got=got, path=path, hint="put the file there, or take away what is there")


def checked_size(path: str | os.PathLike[str]) -> int:
    """Bytes of a file within the limits. FormatError where it cannot be read."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be read: {error}", path=path, hint="check the path and its permissions") from error
    if found is None or not stat.S_ISREG(found.st_mode):
        raise FormatError("no such file", path=path, hint="check the path")
    limits().check("file_bytes", found.st_size, path)
    return found.st_size
