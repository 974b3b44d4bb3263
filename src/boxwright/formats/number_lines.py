"""Points as text, one per line: the body of an ascii PCD or PLY file."""

from __future__ import annotations

import io
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FormatError, number_of

__all__ = ["HINT_LINE", "NUMBER", "NumberLines", "lines_of_columns"]

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE | re.ASCII)
_HINT = "export the file again"
HINT_LINE = "correct the line or export the file again"


def lines_of_columns(columns: Mapping[str, Any]) -> bytes:
    """One line per point, each number with as many digits as it takes to read the same number again."""
    rows = zip(*(values.tolist() if values.dtype.itemsize == 8 or values.dtype.kind != "f" else map(str, values) for values in columns.values()))
    return "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()


@dataclass(frozen=True)
class NumberLines:
    """What the lines hold, and how errors call them.

    names, dtypes : of a line's numbers; the name `_` is padding
    first_line : number of the body's first line in its file
    count_field, field : what the header calls the number of points, and the lines
    """

    names: Sequence[str]
    dtypes: Sequence[str]
    first_line: int
    path: str | os.PathLike[str]
    count_field: str
    field: str

    def check_room(self, n: int, room: int, read: Callable[[], object]) -> None:
        """FormatError where `room` bytes cannot hold n lines, however short their numbers.

        read : reads these few bytes as lines, and so finds the one that lacks a number, or counts them
        """
        if 2 * n * len(self.names) - 1 > room:
            read()
            raise self._too_few(n, f"{room:,} B")

    def columns(self, body: bytes, n: int) -> dict[str, Any]:
        """name -> (n,) of its dtype; blank lines count for nothing."""
        n_lines = body.count(b"\n") + (not body.endswith(b"\n")) if body.strip() else 0
        if n_lines < n:
            raise self._too_few(n, number_of(n_lines, "line"))
        if n_lines > n and (n_lines := sum(bool(line.strip()) for line in io.BytesIO(body))) > n:
            surplus, _ = next(itertools.islice(self._lines(body), n, None))
            raise FormatError(
                "the file is longer than its header says",
                expected=f"{number_of(n, 'line')} of points",
                got=f"{n_lines:,}",
                path=self.path,
                offset=f"line {surplus}",
                field=self.count_field,
                hint=_HINT,
            )
        try:
            table = np.loadtxt(io.BytesIO(body), np.float64, comments=None, ndmin=2, encoding="latin-1") if body.strip() else None
        except ValueError:
            raise self._bad_line(body) from None
        table = np.zeros((0, len(self.names))) if table is None else table
        if table.shape[1] != len(self.names):
            raise self._bad_line(body)
        if len(table) < n:
            raise self._too_few(n, number_of(len(table), "line"))
        kinds = [np.dtype(dtype) for dtype in self.dtypes]
        return {name: self._as_kind(table[:, k], kind, k, body) for k, (name, kind) in enumerate(zip(self.names, kinds)) if name != "_"}

    def _as_kind(self, values: Any, kind: np.dtype[Any], column: int, body: bytes) -> Any:
        """A column of numbers as the header's type; FormatError with the line where a number does not fit."""
        if kind.kind == "f":
            with np.errstate(over="ignore"):
                return values.astype(kind)
        info = np.iinfo(kind)
        expected = f"a whole number from {info.min} to {info.max}"
        fits = (values >= info.min) & (values <= float(info.max)) & (values == np.rint(values))
        if not fits.all():
            number, words = next(itertools.islice(self._lines(body), int(np.argmin(fits)), None))
            raise self._bad_word(words[column], number, self.names[column], expected)
        if (np.abs(values) < 2**53).all():
            return values.astype(kind)
        exact = np.empty(len(values), kind)  # float64 holds no more than 53 bits: these are read from their text
        for row, (number, words) in enumerate(self._lines(body)):
            try:
                exact[row] = int(words[column])
            except (ValueError, OverflowError):
                raise self._bad_word(words[column], number, self.names[column], expected) from None
        return exact

    def _lines(self, body: bytes) -> Iterator[tuple[int, list[str]]]:
        """(number in the file, words) of every line of points that is not blank."""
        for number, line in enumerate(body.split(b"\n"), self.first_line):
            words = line.decode("latin-1").split()
            if words:
                yield number, words

    def _too_few(self, n: int, got: str) -> FormatError:
        expected = f"{number_of(n, 'line')} of {number_of(len(self.names), 'number')}"
        return FormatError("the file is shorter than its header says", expected=expected, got=got, path=self.path, field=self.count_field, hint=_HINT)

    def _bad_word(self, word: str, number: int, name: str, expected: str) -> FormatError:
        return FormatError(expected=expected, got=repr(word[:40]), path=self.path, offset=f"line {number}", field=name, hint=HINT_LINE)

    def _bad_line(self, body: bytes) -> FormatError:
        """For a body that cannot be read: the first line that has another number of words, or a word that is no number."""
        for number, words in self._lines(body):
            if len(words) != len(self.names):
                expected = f"{number_of(len(self.names), 'number')} ({', '.join(self.names)})"[:300]
                return FormatError(expected=expected, got=str(len(words)), path=self.path, offset=f"line {number}", field=self.field, hint=HINT_LINE)
            for word, name in zip(words, self.names):
                if not NUMBER.fullmatch(word):
                    return self._bad_word(word, number, name, "a number")
        return FormatError("the points cannot be read", expected="lines of plain numbers", path=self.path, field=self.field, hint=_HINT)
