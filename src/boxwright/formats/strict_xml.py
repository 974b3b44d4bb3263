"""XML read piece by piece, by a reader that cannot be made to grow: no declared entities, no files fetched, bounded depth and text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ..errors import BoxwrightError, FormatError
from ..limits import checked_size, limits

__all__ = ["Event", "walk"]

_CHUNK_BYTES = 1 << 16
_HINT = "copy or export the file again"


Event = tuple[bool, str, str, int, Any]
"""The start or the end of an element: is_start, name, field, line, said.

field : the names from below the root down to the element, with slashes between; "" for the root itself
said : its attributes at its start; at its end what stands in it, without the blanks around it, or None where it holds other elements
"""


def walk(path: str | os.PathLike[str]) -> Iterator[Event]:
    """The elements of a file in its order. FormatError where it is no whole XML file, or declares more than the name of its type."""
    limits().check("text_bytes", checked_size(path), path)
    walker = _Walker(path)
    with Path(path).open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            try:
                walker.parser.Parse(chunk, not chunk)
            except BoxwrightError:
                raise
            except expat.ExpatError as error:
                what = f"not a whole XML file: {expat.ErrorString(error.code)}"
                raise FormatError(what, path=path, offset=f"line {error.lineno}", hint=_HINT) from None
            except (LookupError, ValueError) as error:  # encodings that nobody knows
                raise FormatError(f"not an XML file that can be read: {str(error)[:80]}", path=path, hint=_HINT) from None
            yield from walker.events
            walker.events.clear()
            if not chunk:
                return


_NAMES = ("name", "label", "id")  # attributes that hold one


class _Walker:
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.events = path, list[Event]()
        self.limits = limits()  # looked up once: it reads the environment
        self.most_characters = self.limits.text_characters
        self.root = ""
        self.places: list[str] = []  # of the open elements
        self.is_leaf = False  # whether nothing but text came since an element began
        self.text: list[str] = []
        self.n_characters = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._entity

    def _line(self) -> int:
        return int(self.parser.CurrentLineNumber)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        places = self.places
        depth = len(places)
        if depth >= self.limits.xml_depth:
            self.limits.check("xml_depth", depth + 1, self.path, f"line {self._line()}, {places[-1][:200]}")
        longest = max(map(len, (name, *attributes, *(attributes[key] for key in _NAMES if key in attributes)))) if attributes else len(name)
        if longest > self.most_characters:
            self.limits.check("text_characters", longest, self.path, f"line {self._line()}, {name[:80]}")
        place = f"{places[-1]}/{name}" if depth > 1 else name if depth else ""
        self.root = self.root or name
        places.append(place)
        self.is_leaf = True
        if self.n_characters:
            self.text.clear()
            self.n_characters = 0
        self.events.append((True, name, place, self.parser.CurrentLineNumber, attributes))

    def _end(self, name: str) -> None:
        text = None if not self.is_leaf else self.text[0].strip() if len(self.text) == 1 else "".join(self.text).strip()
        self.events.append((False, name, self.places.pop(), self.parser.CurrentLineNumber, text))
        self.is_leaf = False
        if self.n_characters:
            self.text.clear()
            self.n_characters = 0

    def _characters(self, text: str) -> None:
        self.n_characters += len(text)
        if self.n_characters > self.most_characters:
            self.limits.check(
                "text_characters", self.n_characters, self.path, f"line {self._line()}, {(self.places[-1].rpartition('/')[2] or self.root)[:80]}"
            )
        self.text.append(text)

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, has_subset: Any) -> None:
        """The bare name is harmless, and boost writes it."""
        if system_id is not None or public_id is not None or has_subset:
            raise self._declares(f"the document type {name[:40]!r} with more than its name")

    def _entity(self, name: str, *rest: Any) -> None:
        raise self._declares(f"the entity {name[:40]!r}")

    def _declares(self, what: str) -> FormatError:
        return FormatError(
            "declarations are not read from label files",
            expected="no declaration but a bare <!DOCTYPE name>",
            got=what,
            path=self.path,
            offset=f"line {self._line()}",
            hint="take the declaration out of the file",
        )
