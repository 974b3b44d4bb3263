"""A JSON file that is taken apart value by value: all of it as Python objects would take ten times the memory of the file."""

from __future__ import annotations

import json
import re
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..limits import limits
from .json_shape import taken_bytes
from .strict_json import Node, decoder, load_text, refusing

__all__ = ["ROW", "WHOLE", "Excerpt", "JsonParts", "ListOfParts", "list_by_parts", "load_by_parts"]

_SPACE = re.compile(r"[ \t\n\r]*")
_SHORT, _MANY = 64, 10_000  # characters and number of texts that are kept once: names of fields, shapes and sensors come again and again
_SMALL = 1 << 17  # characters of a value that may be parsed unseen: whatever it is, it takes less than 4 MB
_LITTLE = 1 << 11  # characters of an item of a list
_MOST_PER_CHARACTER = 100  # bytes: a list in a list in a list
_MARK = re.compile(r'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|([\[{])|([\]}]))', re.DOTALL)


@dataclass(frozen=True)
class Excerpt:
    """A file without some items of its lists. numbers : list -> what number each item that is left has in the file"""

    text: str | None
    numbers: Mapping[str, Sequence[int]]


WHOLE = Excerpt(None, {})


class JsonParts:
    """A file whose values are parsed one at a time. text : of it, where it was loaded and found sound before"""

    def __init__(self, file: Path, text: str | None = None) -> None:
        self.file, self._text = file, load_text(file) if text is None else text
        self._kept_bytes = sys.getsizeof(self._text) - 4 * file.stat().st_size  # beyond what any file may take
        self._decoder, self._shared, self._limits = decoder(), dict[str, str](), limits()
        self._again = json.JSONDecoder(object_pairs_hook=self._sharing)  # of what the other has taken once

    def keep(self, value: Any, field: str) -> None:
        """Counts a value that stays in memory. LimitError where all of them take too much."""
        self._kept_bytes += self._taken(value)
        self._check_room(0, field)

    def members(self, lists: Set[str]) -> dict[str, Any]:
        """The file's object, those of its members that are `lists` as offsets of their items."""
        with refusing(self.file):
            found, end = self._object(0, lambda key, at: self._list(at) if key in lists and self._text[at : at + 1] == "[" else self._value(at))
            self._end(end)
        return found  # type: ignore[no-any-return]

    def items(self) -> array[int]:
        """The items of a file that is a list: for each its offset, and then the bytes it takes."""
        with refusing(self.file):
            found, end = self._list(self._skipped(0))
            self._end(end)
        return found  # type: ignore[no-any-return]

    def again(self, at: int, taken: int | None = None) -> tuple[Any, int]:
        """(a value at an offset that was parsed before, the offset behind it); it takes `taken` bytes, where they are known."""
        if taken is None:
            return self._parsed(self._again, at)
        self._check_room(taken, None)
        return self._again.raw_decode(self._text, at)

    def n_bytes(self, start: int, end: int) -> int:
        """Of the file, between two offsets."""
        return end - start if self._text.isascii() else len(self._text[start:end].encode())

    # -------------------------------------------------------- one value at a time

    def whole(self) -> Any:
        """All of it at once."""
        with refusing(self.file):
            value, end = self._value(self._skipped(0))
            self._end(end)
        return value

    def _value(self, at: int) -> tuple[Any, int]:
        value, end = self._parsed(self._decoder, at)
        if end - at >= _SMALL:
            self._kept_bytes += self._reckoned(at)
        return value, end

    def _parsed(self, decoder: json.JSONDecoder, at: int) -> tuple[Any, int]:
        """(the value at an offset, the offset behind it). LimitError, before it is made, where it would take too much."""
        if at + _SMALL < len(self._text):
            try:
                value, n_read = decoder.raw_decode(self._text[at : at + _SMALL])
            except ValueError:  # cut off, or wrong: told below, with its place in the file
                n_read = _SMALL
            if n_read < _SMALL:
                return value, at + n_read
        if len(self._text) - at >= _SMALL:
            self._check_room(self._reckoned(at), None)
        return decoder.raw_decode(self._text, at)

    def _list(self, at: int) -> tuple[Any, int]:
        """(for each item of a list its offset, and then the bytes it takes; the offset behind the list); each is parsed, and let go"""
        found = array("q")
        at = self._skipped(at + 1)
        if self._text[at : at + 1] == "]":
            return found, at + 1
        while True:
            n_read = self._little(at)
            taken = _MOST_PER_CHARACTER * n_read if n_read else self._reckoned(at) if self._text[at : at + 1] in ("[", "{") else 0
            self._check_room(taken, None)
            end = at + n_read if n_read else self._decoder.raw_decode(self._text, at)[1]
            found.extend((at, taken))
            at = self._skipped(end)
            if self._text[at : at + 1] == "]":
                return found, at + 1
            at = self._skipped(self._behind(",", at))

    def _little(self, at: int) -> int:
        """Characters of a value that is so short that nothing of it needs to be reckoned before it is made; 0 where it is not, or is wrong."""
        piece = self._text[at : at + _LITTLE]
        try:
            n_read: int = self._decoder.raw_decode(piece)[1]
        except (ValueError, RecursionError):  # cut off, or wrong: told with its place in the file when all of it is read
            return 0
        return n_read if n_read < len(piece) else 0

    # -------------------------------------------------------- memory

    def _check_room(self, taken: int, field: str | None) -> None:
        self._limits.check("json_room_bytes", max(self._kept_bytes + taken, 0), self.file, field)

    def _reckoned(self, at: int) -> int:
        """Bytes that the value at an offset would take."""
        end, depth = at, 0
        while mark := _MARK.match(self._text, end):  # at its place: a search would go through a text without an end again and again
            depth += (mark[1] is not None) - (mark[2] is not None)
            end = mark.end()
            if depth <= 0:
                break
        else:
            end = len(self._text)
        return taken_bytes(self._text[at:end].encode(), self._limits, self.file)

    def _taken(self, value: Any) -> int:
        """Bytes that a value of `frames` takes; what is kept once for the file is not counted."""
        n_shared = _SHORT if len(self._shared) < _MANY else -1
        taken, front = 0, [value]
        while front:
            item = front.pop()
            taken += sys.getsizeof(item)
            if type(item) is dict:
                front += (one for pair in item.items() for one in pair if type(one) is not str or len(one) > n_shared)
            elif type(item) is list:
                front += item
        return taken

    def _object(self, at: int, member: Callable[[str, int], tuple[Any, int]]) -> tuple[Any, int]:
        """(the object at an offset, the offset behind it); `member` reads each of its values. What does not begin an object is read as it is."""
        at = self._skipped(at)
        if self._text[at : at + 1] != "{":
            return self._value(at)
        found: dict[str, Any] = {}
        at = self._skipped(at + 1)
        if self._text[at : at + 1] == "}":
            return found, at + 1
        while True:
            if self._text[at : at + 1] != '"':
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, at)
            key, at = self._value(at)
            at = self._behind(":", at)
            if key in found:
                raise ValueError(f"the key {key[:40]!r} comes twice in one object")
            found[key], at = member(key, self._skipped(at))
            at = self._skipped(at)
            if self._text[at : at + 1] == "}":
                return found, at + 1
            at = self._skipped(self._behind(",", at))

    def _behind(self, letter: str, at: int) -> int:
        at = self._skipped(at)
        if self._text[at : at + 1] != letter:
            raise json.JSONDecodeError(f"Expecting {letter!r} delimiter", self._text, at)
        return at + 1

    def _skipped(self, at: int) -> int:
        space = _SPACE.match(self._text, at)
        return at if space is None else space.end()

    def _end(self, at: int) -> None:
        if self._skipped(at) != len(self._text):
            raise json.JSONDecodeError("Extra data", self._text, self._skipped(at))

    def _sharing(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        once = self._known if len(self._shared) >= _MANY else self._once
        return {once(key): once(value) if type(value) is str else value for key, value in pairs}

    def _once(self, text: str) -> str:
        return self._shared.setdefault(text, text) if len(text) <= _SHORT else text

    def _known(self, text: str) -> str:
        return self._shared.get(text, text)


class ListOfParts(Node):
    """A list of objects in a file; going through it makes each of them anew, and lets it go.

    left : what of an object stays in memory
    counted : what number each object has in the file's list
    """

    __slots__ = ("counted", "left", "offsets", "parts")

    def __init__(self, parts: JsonParts, offsets: array[int], field: str, left: Callable[[Any], Any], numbers: Sequence[int] | None = None) -> None:
        super().__init__([], str(parts.file), field)
        self.parts, self.offsets, self.left = parts, offsets, left
        self.counted: Sequence[int] = range(len(self)) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self.offsets) // 2

    def __iter__(self) -> Iterator[Node]:
        for node, _, _ in self.placed():
            yield node
            self.parts.keep(self.left(node.value), node.field)

    def placed(self) -> Iterator[tuple[Node, int, int]]:
        """Each object, of which nothing stays, with its first byte in the file and the byte behind it."""
        last, n_before = 0, 0
        for i, at, taken in zip(self.counted, islice(self.offsets, 0, None, 2), islice(self.offsets, 1, None, 2)):
            value, end = self.parts.again(at, taken)
            first = n_before + self.parts.n_bytes(last, at)
            last, n_before = end, first + self.parts.n_bytes(at, end)
            yield Node(value, self.path, f"{self.field}[{i}]"), first, n_before


class _Top(Node):
    """An object some of whose members are ListOfParts."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Node:
        node = super().__getitem__(key)
        return node.value if isinstance(node.value, Node) else node

    def get(self, key: str, default: Any) -> Node:
        node = super().get(key, default)
        return node.value if isinstance(node.value, Node) else node


ROW = bytes(160)  # a keyframe's numbers, as rows of arrays


def _left_of(track: Any) -> Any:
    """What a track of ours leaves in memory."""
    if not isinstance(track, dict) or not isinstance(track.get("keyframes"), list):
        return track
    keyframes = [one for one in track["keyframes"] if isinstance(one, dict)]
    objects = [value for one in (track, *keyframes) for value in one.values() if isinstance(value, dict)]
    return [objects, [ROW] * len(keyframes)]


def list_by_parts(file: Path, left: Callable[[Any], Any], excerpt: Excerpt = WHOLE) -> Node:
    """The items of a JSON file that is a list, as `load_by_parts` has those of a member."""
    parts = JsonParts(file, excerpt.text)
    if not re.match(r"\s*\[", parts._text):
        return Node(parts.whole(), str(file))
    return ListOfParts(parts, parts.items(), "", left, excerpt.numbers.get(""))


def load_by_parts(file: Path, lists: Set[str], left: Callable[[Any], Any] = _left_of, excerpt: Excerpt = WHOLE) -> Node:
    """The top of a JSON file, as `strict_json.load` has it, but for its `lists`, whose items are made one by one.

    left : what stays in memory of an item once it is read; by default that of a track of ours
    excerpt : in place of the file
    """
    parts = JsonParts(file, excerpt.text)
    if not re.match(r"\s*\{", parts._text):
        return Node(parts.whole(), str(file))
    top = parts.members(lists)
    taken = {
        key: ListOfParts(parts, value, key, left, excerpt.numbers.get(key)) if key in lists and isinstance(value, array) else value
        for key, value in top.items()
    }
    return _Top(taken, str(file))
