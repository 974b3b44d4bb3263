"""JSON as it is written: strict, in short lines, and a long document part by part."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from json.encoder import encode_basestring
from typing import Any, TextIO

import numpy as np

from ..errors import ArgumentError

__all__ = ["ItemByItem", "Members", "WrittenAlready", "as_json", "dump_into", "dumps", "plain"]

LINE_CHARACTERS = 180
_DEPTH_IN_PIECES = 3  # of objects that are written part by part: the document, what it holds, its frames
_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters, which a file can only hold escaped


def dumps(value: Any, field: str, indent: str = "") -> str:
    """Strict JSON in short lines: what fits on one line stays on one. Floats come back bit by bit. ArgumentError for what JSON lacks."""
    try:
        text = _lines(value, indent)
        if not text.isascii() and _SURROGATES.search(text):  # two halves may be one character
            text = _lines(json.loads(json.dumps(value, allow_nan=False, default=plain)), indent)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"cannot be kept in JSON: {error}", field=field, hint="keep texts, finite numbers, lists and mappings only") from None
    return _escaped(text) + "\n"


def dump_into(file: TextIO, value: Any, field: str) -> None:
    """As `dumps`, written object by object: all of a long clip's text at once would take ten times the memory of its labels."""
    for text in _pieces(value, "", field, _DEPTH_IN_PIECES):
        file.write(_escaped(text))
    file.write("\n")


class ItemByItem:
    """A list whose items are made as they are written, for a document of `dump_into`."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = items

    def pieces(self, indent: str, field: str) -> Iterator[str]:
        """As `dumps` would write the list: on one line where it fits there."""
        waiting, width, is_open = list[str](), 2, False
        for item in self.items:
            row = dumps(item, field, indent + " ")[:-1]
            waiting.append(row)
            width += len(row) + 2 * (len(waiting) > 1)
            if is_open or width > LINE_CHARACTERS or "\n" in row:
                yield from (f"{',' if is_open or k else '['}\n{indent} {text}" for k, text in enumerate(waiting))
                waiting, is_open = [], True
        yield f"\n{indent}]" if is_open else f"[{', '.join(waiting)}]"


class WrittenAlready:
    """An object of many members whose text is in a file already, as `dump_into` would write it in the place of this; see `Members`."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def pieces(self) -> Iterator[str]:
        self.file.seek(0)
        while text := self.file.read(1 << 16):
            yield text


class Members:
    """Writes an object member by member for a document of `dump_into`, so that not all of them are in memory. It has to be long: more than fits on
    a line.

    file : a file of its own; indent : of the object where it will stand, a blank for each object around it
    """

    def __init__(self, file: TextIO, indent: str, field: str) -> None:
        self.file, self.indent, self.field, self._n = file, indent, field, 0

    def add(self, key: str, item: Any) -> None:
        text = dumps(item, self.field, self.indent + " ")[:-1]
        self.file.write(f"{',' if self._n else '{'}\n{self.indent} {_ENCODER.encode(key)}: {text}")
        self._n += 1

    def done(self) -> WrittenAlready:
        self.file.write(f"\n{self.indent}}}")
        return WrittenAlready(self.file)


def _pieces(value: Any, indent: str, field: str, depth: int) -> Iterator[str]:
    if isinstance(value, WrittenAlready):
        yield from value.pieces()
        return
    if isinstance(value, ItemByItem):
        yield from value.pieces(indent, field)
        return
    is_object = isinstance(value, dict) and all(type(key) is str for key in value)
    if not depth or not is_object or not _is_long(value):
        yield dumps(value, field, indent)[:-1]
        return
    for k, (key, item) in enumerate(value.items()):
        yield f"{',' if k else '{'}\n{indent} {_ENCODER.encode(key)}: "
        yield from _pieces(item, indent + " ", field, depth - 1)
    yield f"\n{indent}}}"


def _is_long(value: Any) -> bool:
    """Whether no writing of it fits on one line: each part takes a letter, what parts it from the next, and in an object a name."""
    n, front = 0, [value]
    while front and n <= LINE_CHARACTERS:
        item = front.pop()
        if isinstance(item, (WrittenAlready, ItemByItem)):
            return True
        if isinstance(item, dict):
            n += 6 * len(item)
            front += item.values()
        elif isinstance(item, (list, tuple)):
            n += 2 * len(item)
            front += item
        else:
            n += 1
    return n > LINE_CHARACTERS


def as_json(value: Any, field: str = "scene") -> str:
    """As `dumps`, on one line without an end: for files with a row for every label."""
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"cannot be kept in JSON: {error}", field=field, hint="keep texts, finite numbers, lists and mappings only") from None
    return _escaped(text)


def _escaped(text: str) -> str:
    return text if text.isascii() else _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _lines(value: Any, indent: str) -> str:
    """Each value is made a text once: what its parts became tells whether the whole fits on one line."""
    if isinstance(value, dict):
        return _lines_of_object(value, indent)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        return text(value) if (text := _TEXTS.get(type(value))) else _ENCODER.encode(value)
    if type(value) is list and _PYTHON_NUMBERS.issuperset(map(type, value)):
        line = repr(value)  # as JSON has it
        if "n" not in line:  # neither nan nor inf
            return line
    deeper, text_of = indent + " ", _TEXTS.get
    rows = [text(item) if (text := text_of(type(item))) else _lines(item, deeper) for item in value]
    line = ", ".join(rows)
    if _fits(line) or all(isinstance(item, _NUMBERS) for item in value):
        return f"[{line}]"
    return f"[\n{deeper}" + f",\n{deeper}".join(rows) + f"\n{indent}]"


def _lines_of_object(value: dict[Any, Any], indent: str) -> str:
    deeper, text_of, quoted = indent + " ", _TEXTS.get, encode_basestring
    rows = [
        f"{quoted(key if type(key) is str else _key(key))}: {text(item) if (text := text_of(type(item))) else _lines(item, deeper)}"
        for key, item in value.items()
    ]
    line = ", ".join(rows)
    if _fits(line):
        return f"{{{line}}}"
    return f"{{\n{deeper}" + f",\n{deeper}".join(rows) + f"\n{indent}}}"


def _fits(line: str) -> bool:
    """Whether what stands in a list or an object fits on one line with its brackets; texts have no line ends in them."""
    return len(line) + 2 <= LINE_CHARACTERS and "\n" not in line


def _key(key: Any) -> str:
    """As JSON has keys that are no texts."""
    written: str = next(iter(json.loads(json.dumps({key: 0}, allow_nan=False))))
    return written


def plain(value: Any) -> Any:
    """For `json.dumps`: values of numpy as those of Python. TypeError for others."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__}")


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else _ENCODER.encode(value)


_NUMBERS = (int, float, np.number, np.bool_)
_PYTHON_NUMBERS = {int, float}
_TEXTS: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: repr,
    float: _float,
    bool: lambda value: "true" if value else "false",
    type(None): lambda value: "null",
}  # of the values of Python itself, which are most
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=plain)
