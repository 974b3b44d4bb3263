"""JSON that means what it says: no NaN, no duplicate keys, bounded depth; and access to it that names the field when it is not as expected."""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s
from ..errors import BoxwrightError, FormatError, LimitError
from ..limits import checked_size, limits
from ..problems import Problems
from .json_faults import NotStrictError, place_of
from .json_shape import check_shape

__all__ = [
    "FILE_HINT",
    "Node",
    "Pairs",
    "decoder",
    "file_aside",
    "load",
    "load_text",
    "of_bytes",
    "refusing",
]

FILE_HINT = "correct the file or export it again"
_HINT = "copy or export the file again"

_INT64 = range(-(2**63), 2**63)
_NUMBERS = {int, float}
_Place = tuple["str | _Place", "str | int"]
Pairs = list[tuple[str, Any]]
_SHORT = 256  # a text up to so many characters is never too long: the limits aren't looked up for it


class Node:
    """A value in a JSON file that knows where it stands; every accessor raises FormatError, the field named, where the value is of another kind."""

    __slots__ = ("_place_of", "path", "value")

    def __init__(self, value: Any, path: str, field: str | _Place = "") -> None:
        """field : where it stands, as a text, or as (where the value stands that it is in, its key or index there)"""
        self.value, self.path, self._place_of = value, path, field

    @property
    def field(self) -> str:
        """Made when it is asked for: most values are as expected, and a file has millions."""
        keys, place = list[str | int](), self._place_of
        while isinstance(place, tuple):
            place, key = place
            keys.append(key)
        for key in reversed(keys):
            place = f"{place}[{key}]" if isinstance(key, int) else f"{place}.{key}" if place else key
        return place

    def wrong(self, expected: str, got: Any = None, hint: str | None = None) -> FormatError:
        shown = _kind(self.value) if got is None else got
        return FormatError(expected=expected, got=shown, path=self.path, field=self._place(), hint=hint or FILE_HINT)

    def mapping(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return self.value

    def __getitem__(self, key: str) -> Node:
        if key not in self.mapping():
            raise FormatError("a field is missing", expected=f"{key!r}", path=self.path, field=self._place(), hint="export the file again")
        return Node(self.value[key], self.path, (self._place_of, key))

    def get(self, key: str, default: Any) -> Node:
        """The field, or a node of the default where it is absent or null."""
        value = self.mapping().get(key)
        return Node(default if value is None else value, self.path, (self._place_of, key))

    def has(self, key: str) -> bool:
        return self.mapping().get(key) is not None

    def only(self, required: Set[str], optional: Set[str] = frozenset()) -> None:
        """FormatError where a key is none of these, or a required one is missing."""
        keys = self.mapping().keys()
        if keys - required - optional:
            key = min(keys - required - optional)
            known = sorted(required | optional)
            near = difflib.get_close_matches(key, known, 1)
            other = "put it under 'source_attributes'" if "source_attributes" in optional else "remove it"
            hint = f"did you mean {near[0]!r}?" if near else f"{other}, or correct it"
            raise FormatError(
                "unknown key", expected=f"one of {', '.join(known)}", got=repr(key[:80]), path=self.path, field=self._place(), hint=hint
            )
        for key in sorted(required - keys):
            raise FormatError(
                "a field is missing",
                expected=repr(key),
                got=f"only {', '.join(sorted(keys)) or 'an empty object'}",
                path=self.path,
                field=self._place(),
                hint="add it, empty where there is nothing, or export the file again",
            )

    def _place(self) -> str:
        return self.field or "the top level"

    def __iter__(self) -> Iterator[Node]:
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        for i, item in enumerate(self.value):
            yield Node(item, self.path, (self._place_of, i))

    def items(self) -> Iterator[tuple[str, Node]]:
        for key in self.mapping():
            yield key, self[key]

    def __len__(self) -> int:
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return len(self.value)

    def text(self) -> str:
        """A name, an id, a word: nothing long. LimitError where it is."""
        if len(self.sentence()) > _SHORT:
            limits().check("text_characters", len(self.value), self.path, self._place())
        return self.value  # type: ignore[no-any-return]

    def sentence(self) -> str:
        """A text of any length."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        return self.value

    def word(self, *, is_long: bool = False) -> str:
        """A text that is not empty. is_long : of any length"""
        if not (self.sentence() if is_long else self.text()).strip():
            raise self.wrong("a text that is not empty", repr(self.value))
        return self.value  # type: ignore[no-any-return]

    def one_of(self, names: dict[str, Any]) -> Any:
        if self.text() not in names:
            raise self.wrong(f"one of {', '.join(names)}", repr(self.value))
        return names[self.value]

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def whole(self) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value not in _INT64:
            raise self.wrong("a whole number of 64 bits")
        return self.value

    def number(self) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.wrong("a number")
        try:
            return float(self.value)
        except OverflowError:
            raise self.wrong("a number of 64 bits") from None

    def numbers(self, *shape: int) -> Float64s:
        """A float64 array of nested lists; (3,) for numbers(3), (3, 3) for numbers(3, 3)."""
        if not shape:
            return np.float64(self.number())  # type: ignore[return-value]
        if len(self) != shape[0]:
            raise self.wrong(f"{shape[0]} {'rows' if len(shape) > 1 else 'numbers'}", str(len(self)))
        if len(shape) == 1 and (found := _plain_numbers(self.value)) is not None:
            return found
        return np.array([item.numbers(*shape[1:]) for item in self], np.float64)

    def numbers_of(self, keys: Sequence[str]) -> Float64s:
        """A float64 array of some fields, each a number."""
        said = self.mapping()
        found = _plain_numbers([said.get(key) for key in keys])
        return np.array([self[key].number() for key in keys]) if found is None else found


def _plain_numbers(values: list[Any]) -> Float64s | None:
    """The numbers, at once, where all are such, and None elsewhere."""
    try:
        return np.array(values, np.float64) if _NUMBERS.issuperset(map(type, values)) else None
    except OverflowError:
        return None


def load(path: str | os.PathLike[str]) -> Node:
    """The top of a JSON file. FormatError where it is not strict JSON, LimitError where it is too large or too deep."""
    text, _ = load_text(path, in_parts=False)
    with refusing(path, text):
        value = decoder().decode(text)
    return Node(value, os.fspath(path))


@contextmanager
def file_aside(path: Path, problems: Problems) -> Iterator[None]:
    """A block that reads one of many files; what is wrong with the whole file is kept as a problem, its text beside it, and the block is left."""
    try:
        yield
    except FormatError as error:
        if problems.strict:
            raise
        try:
            text = None if problems.is_full else path.read_bytes().decode(errors="replace")
        except OSError:
            text = None
        problems.keep(error, {"file": path.name, "text": text})


def load_text(path: str | os.PathLike[str], *, in_parts: bool = True) -> tuple[str, bool]:
    """(a JSON file, not parsed yet, within the limits; whether there is room for all its values at once). FormatError where it is no text.

    in_parts : it will be parsed part by part, so that its values are never there all at once
    """
    limits().check("json_bytes", checked_size(path), path)
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path=path, hint="check its permissions") from None
    return _checked_text(raw, path, in_parts)


def of_bytes(raw: bytes, path: str | os.PathLike[str]) -> Node:
    """The top of JSON that a file of another kind holds."""
    limits().check("json_bytes", len(raw), path)
    text, _ = _checked_text(raw, path, in_parts=False)
    with refusing(path, text):
        value = decoder().decode(text)
    return Node(value, os.fspath(path))


def _checked_text(raw: bytes, path: str | os.PathLike[str], in_parts: bool) -> tuple[str, bool]:
    if not raw.strip():
        raise FormatError("the file is empty", expected="a JSON object", path=path, hint=_HINT)
    has_room = check_shape(raw, limits(), path, in_parts)
    try:
        return raw.decode("utf-8"), has_room
    except UnicodeDecodeError as error:
        raise FormatError("not UTF-8 text", path=path, offset=error.start, hint=_HINT) from None


def decoder(made: Callable[[Pairs], dict[str, Any]] = dict, parse_int: Callable[[str], int] | None = None) -> json.JSONDecoder:
    """Raises ValueError for NaN, infinities, numbers beyond float64 and a key that comes twice. made : an object of its pairs"""

    def checked(pairs: Pairs) -> dict[str, Any]:
        result = made(pairs)
        if len(result) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise NotStrictError(f"the key {twice[:40]!r} comes twice in one object", twice, is_key=True)
        return result

    return json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, parse_int=parse_int, object_pairs_hook=checked)


@contextmanager
def refusing(path: str | os.PathLike[str], text: str) -> Iterator[None]:
    """What a `decoder` raises leaves as FormatError or LimitError, with the place. text : of the file"""
    try:
        yield
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {_in_words(error.msg)}", path=path, offset=f"line {error.lineno} column {error.colno}", hint=_HINT) from None
    except RecursionError:
        raise LimitError("brackets nested too deeply", path=path, hint=_HINT) from None
    except BoxwrightError:
        raise
    except NotStrictError as error:
        raise FormatError(f"not strict JSON: {error}", path=path, offset=place_of(error, text), hint=FILE_HINT) from None
    except ValueError as error:  # whole numbers of more digits than Python takes
        raise FormatError(f"not strict JSON: {error}", path=path, hint=_HINT) from None


def _in_words(message: str) -> str:
    """What Python's parser says at a place, as a clause of its own: the place is said beside it."""
    what = message.removesuffix(" starting at").removesuffix(" at").replace("Unterminated string", "the string that starts here never ends")
    what = what.replace("Expecting value", "expected a value here").replace("Expecting", "expected").replace(" delimiter", " here")
    what = what.replace("Extra data", "there is more after the end of the value").replace("Invalid", "invalid").replace("Illegal", "illegal")
    return what


def _no_constant(text: str) -> Any:
    raise NotStrictError(f"{text} is not a number", text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotStrictError(f"{text[:40]} is too large a number", text)
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: f"a list of {len(value) if isinstance(value, list) else 0}", type(None): "null"}
    return names.get(type(value)) or f"{value!r:.60}"
