"""An OpenLABEL file that is taken apart frame by frame: json_parts.py says why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..limits import limits
from .json_parts import JsonParts
from .strict_json import Node, refusing

__all__ = ["Text"]


class Text(JsonParts):
    """A file, checked as JSON from end to end.

    top : its "openlabel" without the frames
    numbers : of the frames, increasing; a file without frames is one frame, number 0, in which everything holds
    """

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._places: dict[str, tuple[int, int]] = {}  # of each frame its offset and the one behind it
        self._rests: dict[str, Any] = {}
        with refusing(file, self._text):
            outer = self._object(0, self._member_of_file)
            self._end(outer[1])
        top = Node(outer[0], str(file))["openlabel"]
        top.get("frames", {}).mapping()
        keys = list(self._places)
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
        return self._told(lambda key: self.again(*self._places[key]))

    def frames_without_objects(self) -> Iterator[tuple[int, Node]]:
        """(number, frame), as they are kept."""
        return self._told(self._rests.__getitem__)

    def _told(self, value_of: Callable[[str], Any]) -> Iterator[tuple[int, Node]]:
        if not self._keys:
            yield 0, Node({}, str(self.file), f"{self.top.field}.frames.0")
        for number, key in self._keys.items():
            yield number, Node(value_of(key), str(self.file), f"{self.top.field}.frames.{key}")

    # -------------------------------------------------------- JSON, one member at a time

    def _member_of_file(self, key: str, at: int) -> tuple[Any, int]:
        return self._object(at, self._member_of_top) if key == "openlabel" and self._text[at : at + 1] == "{" else self._value(at)

    def _member_of_top(self, key: str, at: int) -> tuple[Any, int]:
        if key != "frames" or self._text[at : at + 1] != "{":
            return self._value(at)
        return None, self._object(at, self._frame)[1]

    def _frame(self, key: str, at: int) -> tuple[Any, int]:
        value, end = self._parsed(self._decoder, at)
        rest = {name: item for name, item in value.items() if name != "objects"} if isinstance(value, dict) else value
        self._places[key], self._rests[key] = (at, end), self.once(rest)
        self.keep(rest, f"openlabel.frames.{key}")
        return None, end
