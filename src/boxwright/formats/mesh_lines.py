"""The rows of an ascii PLY's elements that are no points, such as faces: numbers and lists of numbers, checked line by line and left out."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import FormatError, number_of
from .number_lines import HINT_LINE, NUMBER, NumberLines

__all__ = ["MeshLines"]

_BOUNDS = {f"{sign}{size}": (int(np.iinfo(f"{sign}{size}").min), int(np.iinfo(f"{sign}{size}").max)) for sign in "iu" for size in (1, 2, 4)}
_WORD = re.compile(rb"\S+")
_AT_ONCE_BYTES = 1 << 18  # of lines that are parsed together: numbers take several times the memory of their text


@dataclass(frozen=True)
class MeshLines:
    """kinds : property -> (dtype of its numbers, dtype of a list's length or ""); first_line : number of the first line in its file"""

    name: str
    kinds: Mapping[str, tuple[str, str]]
    first_line: int
    path: str | os.PathLike[str]

    def check(self, body: bytes) -> None:
        """FormatError with the first line that is no row of the element; blank lines count for nothing."""
        stream, number = io.BytesIO(body), self.first_line
        while lines := stream.readlines(_AT_ONCE_BYTES):
            if not self._are_even(lines):
                for at, line in enumerate(lines, number):
                    self._check_line(line, at)
            number += len(lines)

    def _are_even(self, lines: list[bytes]) -> bool:
        """Whether all these lines are rows, with lists as long as those of the first: most meshes have triangles only, and are checked at once."""
        if len(lines[0]) > _AT_ONCE_BYTES:
            return False
        words, first = iter(lines[0].split()), list[tuple[str, str, int]]()  # name, dtype, length where it is one
        for name, (kind, count) in self.kinds.items():
            n = next(words, b"") if count else b"1"
            if not (n.isdigit() and len(n) <= 3):
                return False
            first += [(f"length {name}", count, int(n))] if count else []
            first += [(f"{i} {name}", kind, -1) for i in range(int(n))]
            for _ in range(int(n)):
                next(words, None)
        rows = NumberLines([name for name, _, _ in first], [kind for _, kind, _ in first], self.first_line, self.path, self.name, self.name)
        try:
            columns = rows.columns(b"".join(lines), sum(not line.isspace() for line in lines))
        except FormatError:
            return False
        return all(bool(np.all(columns[name] == n)) for name, _, n in first if n >= 0)

    def _check_line(self, line: bytes, number: int) -> None:
        words = (match.group().decode("latin-1") for match in _WORD.finditer(line))
        if line.isspace():
            return
        for name, (kind, count) in self.kinds.items():
            n = int(self._checked(words, count, f"the length of {name}", number)) if count else 1
            if n < 0:
                raise self._wrong(number, name, "a list of at least 0 numbers", str(n))
            wanted = f"a list of {number_of(n, 'number')}" if count else "a number"
            for _ in range(n):
                self._checked(words, kind, name, number, wanted)
        if n_more := sum(1 for _ in words):
            raise self._wrong(number, None, f"a row of {', '.join(self.kinds)}", f"{n_more:,} number{'s' * (n_more > 1)} more")

    def _checked(self, words: Iterator[str], kind: str, name: str, number: int, wanted: str = "a number") -> float:
        """The next number of a line, as its type allows it."""
        word = next(words, None)
        if word is None:
            raise self._wrong(number, name, wanted, "the end of the line")
        if not NUMBER.fullmatch(word):
            raise self._wrong(number, name, "a number", repr(word[:40]))
        value = float(word)
        if kind[0] != "f":
            low, high = _BOUNDS[kind]
            if not (low <= value <= high and value.is_integer()):
                raise self._wrong(number, name, f"a whole number from {low} to {high}", repr(word[:40]))
        return value

    def _wrong(self, number: int, name: str | None, expected: str, got: str) -> FormatError:
        field = f"element {self.name}" + (f", {name}" if name else "")
        return FormatError(expected=expected[:300], got=got, path=self.path, offset=f"line {number}", field=field, hint=HINT_LINE)
