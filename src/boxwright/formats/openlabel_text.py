"""An OpenLABEL file that is taken apart frame by frame: all of its labels as Python objects would take ten times the memory of the file."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..limits import limits
from .json_shape import taken_bytes
from .strict_json import Node, decoder, load_text, refusing

__all__ = ["Text"]

_SPACE = re.compile(r"[ \t\n\r]*")
_SHORT, _MANY = 64, 10_000  # characters and number of texts that are kept once: names of fields, shapes and sensors come in every frame
_SMALL = 1 << 17  # characters of a value that may be parsed unseen: whatever it is, it takes less than 4 MB
_MARK = re.compile(r'[^"\[\]{}]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|([\[{])|([\]}]))', re.DOTALL)


class Text:
    """A file, checked as JSON from end to end.

    top : its "openlabel" without the frames
    numbers : of the frames, increasing; a file without frames is one frame, number 0, in which everything holds
    """

    def __init__(self, file: Path) -> None:
        self.file, self._text = file, load_text(file)
        self._kept_bytes = sys.getsizeof(self._text) - 4 * file.stat().st_size  # beyond what any file may take
        self._decoder, self._shared = decoder(), dict[str, str]()
        self._read_frame = json.JSONDecoder(object_pairs_hook=self._sharing)
        self._at: dict[str, int] = {}
        with refusing(file):
            outer = self._object(0, self._member_of_file)
            self._end(outer[1])
        top = Node(outer[0], str(file))["openlabel"]
        top.get("frames", {}).mapping()
        keys = list(self._at)
        bad = next((key for key in keys if not re.fullmatch("[0-9]{1,18}", key)), None)
        if bad is not None:
            raise Node(None, str(file), f"{top.field}.frames").wrong("frames called by whole numbers", repr(bad[:40]))
        self._keys = {int(key): key for key in sorted(keys, key=int)}
        if len(self._keys) != len(keys):
            raise Node(None, str(file), f"{top.field}.frames").wrong("frames with different numbers", "the same number twice")
        limits().check("frames_per_scene", len(keys), file, "frames")
        self.top, self.numbers = top, list(self._keys) or [0]

    def frames(self) -> Iterator[tuple[int, Node]]:
        """(number, frame), each parsed now."""
        if not self._keys:
            yield 0, Node({}, str(self.file), f"{self.top.field}.frames.0")
        for number, key in self._keys.items():
            yield number, Node(self._parsed(self._read_frame, self._at[key])[0], str(self.file), f"{self.top.field}.frames.{key}")

    def keep(self, value: Any, field: str) -> None:
        """Counts a value out of a frame that stays in memory. LimitError where all of them take too much."""
        self._kept_bytes += self._taken(value)
        self._check_room(0, field)

    # -------------------------------------------------------- JSON, one member at a time

    def _member_of_file(self, key: str, at: int) -> tuple[Any, int]:
        return self._object(at, self._member_of_top) if key == "openlabel" and self._text[at : at + 1] == "{" else self._value(at)

    def _member_of_top(self, key: str, at: int) -> tuple[Any, int]:
        if key != "frames" or self._text[at : at + 1] != "{":
            return self._value(at)
        return None, self._object(at, self._frame)[1]

    def _frame(self, key: str, at: int) -> tuple[Any, int]:
        self._at[key] = at
        return None, self._parsed(self._decoder, at)[1]

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

    # -------------------------------------------------------- memory

    def _check_room(self, taken: int, field: str | None) -> None:
        limits().check("json_room_bytes", max(self._kept_bytes + taken, 0), self.file, field)

    def _reckoned(self, at: int) -> int:
        """Bytes that the value at an offset would take."""
        end, depth = at, 0
        for mark in _MARK.finditer(self._text, at):
            depth += (mark[1] is not None) - (mark[2] is not None)
            end = mark.end()
            if depth <= 0:
                break
        else:
            end = len(self._text)
        return taken_bytes(self._text[at:end].encode(), limits(), self.file)

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
