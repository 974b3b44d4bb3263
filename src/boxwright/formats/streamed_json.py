"""A JSON object written member by member, its long lists item by item, so that no more than one item is in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from ..errors import ArgumentError
from .json_text import plain

__all__ = ["StreamedJson", "json_line", "write_list"]

_SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters, which a file can only hold escaped


def json_line(value: Any, field: str) -> str:
    """Strict JSON on one line. Floats come back bit by bit. ArgumentError for what JSON lacks."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"cannot be kept in JSON: {error}", field=field, hint="keep texts, finite numbers, lists and mappings only") from None
    return text if text.isascii() else _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def write_list(file: Path, field: str, items: Iterable[Any]) -> None:
    """A file that is a list, one line for each item."""
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write("[")
        for i, item in enumerate(items):
            stream.write(("," if i else "") + "\n" + json_line(item, field))
        stream.write("\n]\n")


class _Members:
    """The members of an object that is being written."""

    def __init__(self, stream: TextIO, field: str) -> None:
        self._stream, self.field, self._n = stream, field, 0

    def member(self, name: str, value: Any) -> None:
        self._begin(name)
        self._stream.write(json_line(value, self.field))

    def list(self, name: str, items: Iterable[Any]) -> None:
        """A list, one line for each item."""
        self._begin(name)
        self._stream.write("[")
        for i, item in enumerate(items):
            self._stream.write(("," if i else "") + "\n" + json_line(item, self.field))
        self._stream.write("\n]")

    def mapping(self, name: str, pairs: Iterable[tuple[str, Any]]) -> None:
        """An object, one line for each of its members."""
        self._begin(name)
        self._stream.write("{")
        for i, (key, value) in enumerate(pairs):
            self._stream.write(("," if i else "") + "\n" + json_line(key, self.field) + ": " + json_line(value, self.field))
        self._stream.write("\n}")

    @contextmanager
    def list_of_one(self, name: str) -> Iterator[_Members]:
        """A list of one object, which is written in the `with` block."""
        self._begin(name)
        self._stream.write("[\n{")
        yield _Members(self._stream, self.field)
        self._stream.write("\n}\n]")

    def _begin(self, name: str) -> None:
        self._stream.write(("," if self._n else "") + "\n" + json.dumps(name) + ": ")
        self._n += 1


class StreamedJson(_Members):
    """A file with one object; use it in a `with` block.

    field : what the values are of, for errors
    """

    def __init__(self, file: Path, field: str) -> None:
        super().__init__(file.open("w", encoding="utf-8", newline="\n"), field)

    def __enter__(self) -> Self:
        self._stream.write("{")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._stream.write("\n}\n")
        self._stream.close()
