"""A JSON file that is taken apart value by value: all of it as Python objects would take ten times the memory of the file."""

from __future__ import annotations

import json
import re
import sys
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from ..limits import limits
from .json_shape import taken_bytes
from .strict_json import Node, Pairs, decoder, load_text, refusing

__all__ = ["ROW", "WHOLE", "Excerpt", "JsonParts", "ListOfParts", "list_by_parts", "load_by_parts"]

_SPACE = re.compile(r"[ \t\n\r]*")
_SHORT, _MANY = 64, 10_000  # characters and number of texts that are kept once: names of fields, shapes and sensors come again and again
_SMALL = 1 << 17  # characters of a value that may be parsed unseen: whatever it is, it takes less than 4 MB
_LITTLE = 1 << 11  # characters that an item of a list may have before any is known
_MOST_PER_CHARACTER = 100  # bytes: a list in a list in a list
_MARK = re.compile(r'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|([\[{])|([\]}]))', re.DOTALL)


class _Once(dict[str, str]):
    """Texts that come again and again, each by itself: what is looked up is the same text, once in memory where it is short and among the first."""

    def __missing__(self, text: str) -> str:
        if len(text) <= _SHORT and len(self) < _MANY:
            self[text] = text
        return text


@dataclass(frozen=True)
class Excerpt:
    """A file without some items of its lists.

    numbers : list -> what number each item that is left has in the file
    has_room : whether there is room for all its values at once
    """

    text: str | None
    numbers: Mapping[str, Sequence[int]]
    has_room: bool = False


WHOLE = Excerpt(None, {})


class JsonParts:
    """A file whose values are parsed one at a time. excerpt : of it, where it was found sound before

    has_room : whether there is room for all its values at once, so that none of them is weighed
    """

    def __init__(self, file: Path, excerpt: Excerpt = WHOLE) -> None:
        self.file = file
        self._text, self.has_room = load_text(file) if excerpt.text is None else (excerpt.text, excerpt.has_room)
        self._kept_bytes = sys.getsizeof(self._text) - 4 * file.stat().st_size  # beyond what any file may take
        self._decoder, self._shared, self._limits = decoder(), _Once(), limits()
        self._again = json.JSONDecoder(object_pairs_hook=self._sharing)  # of what the other has taken once
        self._at_once = decoder(self._sharing)

    def keep(self, value: Any, field: str) -> None:
        """Counts a value that stays in memory. LimitError where all of them take too much."""
        if self.has_room:
            return
        self._kept_bytes += self._taken(value)
        self._check_room(0, field)

    def members(self, lists: Set[str]) -> dict[str, Any]:
        """The file's object, those of its members that are `lists` as offsets of their items."""
        with refusing(self.file, self._text):
            found, end = self._object(0, lambda key, at: self._list(at) if key in lists and self._text[at : at + 1] == "[" else self._value(at))
            self._end(end)
        return found  # type: ignore[no-any-return]

    def items(self) -> Iterator[tuple[Any, int, int]]:
        """The items of a file that is a list, parsed as they are asked for: (item, its offset, the one behind it)."""
        with refusing(self.file, self._text):
            end = yield from self._each(self._skipped(0), self._at_once)
            self._end(end)

    def once(self, value: Any) -> Any:
        """A value as `again` gives it, the texts that come again and again once in memory."""
        if isinstance(value, dict):
            return {self._shared[key]: self.once(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.once(item) for item in value]
        return self._shared[value] if isinstance(value, str) else value

    def again(self, at: int, end: int) -> Any:
        """A value that was parsed before, from its offset to the one behind it. LimitError, before it is made, where it would take too much."""
        if not self.has_room and not self._fits(end - at):
            self._check_room(self._taken_by(at, end), None)
        return self._again.raw_decode(self._text, at)[0]

    def n_bytes(self, start: int, end: int) -> int:
        """Of the file, between two offsets."""
        return end - start if self._text.isascii() else len(self._text[start:end].encode())

    # -------------------------------------------------------- one value at a time

    def whole(self) -> Any:
        """All of it at once."""
        with refusing(self.file, self._text):
            value, end = self._value(self._skipped(0))
            self._end(end)
        return value

    def _value(self, at: int) -> tuple[Any, int]:
        value, end = self._parsed(self._decoder, at)
        if end - at >= _SMALL and not self.has_room:
            self._kept_bytes += self._taken_by(at, end)
        return value, end

    def _parsed(self, decoder: json.JSONDecoder, at: int, likely: int = _SMALL) -> tuple[Any, int]:
        """(the value at an offset, the offset behind it). LimitError, before it is made, where it would take too much.

        likely : characters that it may have, for a start
        """
        if self.has_room:
            return decoder.raw_decode(self._text, at)
        rest, n = len(self._text) - at, likely
        while n < rest and (n <= _SMALL or self._fits(n)):
            try:
                value, n_read = decoder.raw_decode(self._text[at : at + n])
            except (ValueError, RecursionError):  # cut off, or wrong: told below, with its place in the file
                n_read = n
            if n_read < n:
                return value, at + n_read
            n *= 8
        if rest > _SMALL and not self._fits(rest):
            self._check_room(self._reckoned(at), None)
        return decoder.raw_decode(self._text, at)

    def _list(self, at: int) -> tuple[Any, int]:
        """(for each item of a list its offset, and then the one behind it; the offset behind the list); each is parsed, and let go"""
        found, behind = array("q"), at

        def each() -> Iterator[tuple[Any, int, int]]:
            nonlocal behind
            behind = yield from self._each(at, self._decoder)

        for _, first, end in each():
            found.extend((first, end))
        return found, behind

    def _each(self, at: int, decoder: json.JSONDecoder) -> Generator[tuple[Any, int, int], None, int]:
        """(item, its offset, the one behind it) of a list at an offset; at last the offset behind the list."""
        at, likely = self._skipped(at + 1), _LITTLE
        if self._text[at : at + 1] == "]":
            return at + 1
        while True:
            value, end = self._parsed(decoder, at, likely)
            yield value, at, end
            likely = max(2 * (end - at), _LITTLE)
            at = self._skipped(end)
            if self._text[at : at + 1] == "]":
                return at + 1
            at = self._skipped(self._behind(",", at))

    # -------------------------------------------------------- memory

    def _check_room(self, taken: int, field: str | None) -> None:
        self._limits.check("json_room_bytes", max(self._kept_bytes + taken, 0), self.file, field)

    def _fits(self, n_characters: int) -> bool:
        """Whether there is room for a value of so many characters, whatever it is."""
        return self._kept_bytes + _MOST_PER_CHARACTER * n_characters <= self._limits.json_room_bytes

    def _taken_by(self, at: int, end: int) -> int:
        """Bytes that the value between two offsets would take."""
        return taken_bytes(self._text[at:end].encode(), self._limits, self.file)

    def _reckoned(self, at: int) -> int:
        """As `_taken_by`, of a value whose end nobody knows yet."""
        end, depth = at, 0
        while mark := _MARK.match(self._text, end):  # at its place: a search would go through a text without an end again and again
            depth += (mark[1] is not None) - (mark[2] is not None)
            end = mark.end()
            if depth <= 0:
                break
        else:
            end = len(self._text)
        return self._taken_by(at, end)

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

    def _sharing(self, pairs: Pairs) -> dict[str, Any]:
        once = self._shared
        if len(once) < _MANY:
            return {once[key]: once[value] if type(value) is str else value for key, value in pairs}
        return {once.get(key, key): once.get(value, value) if type(value) is str else value for key, value in pairs}


class ListOfParts(Node):
    """A list of objects in a file; going through it makes each of them anew, and lets it go.

    left : what of an object stays in memory
    offsets : of each and behind it; None for a file that is the list, until it was gone through
    counted : what number each object has in the file's list, where some are left out
    """

    __slots__ = ("counted", "left", "offsets", "parts")

    def __init__(
        self, parts: JsonParts, offsets: array[int] | None, field: str, left: Callable[[Any], Any], counted: Sequence[int] | None = None
    ) -> None:
        super().__init__([], str(parts.file), field)
        self.parts, self.offsets, self.left, self.counted = parts, offsets, left, counted

    def __len__(self) -> int:
        if self.offsets is None:
            for _ in self._items():
                pass
        return len(self.offsets or ()) // 2

    def __iter__(self) -> Iterator[Node]:
        for node, _, _ in self.placed():
            yield node
            self.parts.keep(self.left(node.value), node.field)

    def placed(self) -> Iterator[tuple[Node, int, int]]:
        """Each object, of which nothing stays, with its first byte in the file and the byte behind it."""
        last, n_before = 0, 0
        numbers: Iterable[int] = count() if self.counted is None else self.counted
        for (value, at, end), i in zip(self._items(), numbers):
            first = n_before + self.parts.n_bytes(last, at)
            last, n_before = end, first + self.parts.n_bytes(at, end)
            yield Node(value, self.path, f"{self.field}[{i}]"), first, n_before

    def _items(self) -> Iterator[tuple[Any, int, int]]:
        """(object, its offset, the one behind it); an object is checked when it is made for the first time."""
        if self.offsets is not None:
            for at, end in zip(islice(self.offsets, 0, None, 2), islice(self.offsets, 1, None, 2)):
                yield self.parts.again(at, end), at, end
            return
        found = array("q")
        for value, at, end in self.parts.items():
            found.extend((at, end))
            yield value, at, end
        self.offsets = found


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
    parts = JsonParts(file, excerpt)
    if not re.match(r"\s*\[", parts._text):
        return Node(parts.whole(), str(file))
    return ListOfParts(parts, None, "", left, excerpt.numbers.get(""))


def load_by_parts(file: Path, lists: Set[str], left: Callable[[Any], Any] = _left_of, excerpt: Excerpt = WHOLE) -> Node:
    """The top of a JSON file, as `strict_json.load` has it, but for its `lists`, whose items are made one by one.

    left : what stays in memory of an item once it is read; by default that of a track of ours
    excerpt : in place of the file
    """
    parts = JsonParts(file, excerpt)
    if not re.match(r"\s*\{", parts._text):
        return Node(parts.whole(), str(file))
    top = parts.members(lists)
    taken = {
        key: ListOfParts(parts, value, key, left, excerpt.numbers.get(key)) if key in lists and isinstance(value, array) else value
        for key, value in top.items()
    }
    return _Top(taken, str(file))
