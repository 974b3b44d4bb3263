"""Where in a JSON text something stands that strict JSON has no place for: Python's parser tells what it is, and not where."""

from __future__ import annotations

import json
import re

__all__ = ["NotStrictError", "place_of"]

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NUMBERS = re.compile(rf"{_STRING}|(-?(?:Infinity|NaN|[0-9][0-9.eE+-]*+))", re.DOTALL)
_KEYS = re.compile(rf"({_STRING})(\s*+:)?|([{{}}])", re.DOTALL)


class NotStrictError(ValueError):
    """said : what is wrong; token : the number, or the key that comes twice, as it is in the file"""

    def __init__(self, said: str, token: str, *, is_key: bool = False) -> None:
        super().__init__(said)
        self.token, self.is_key = token, is_key


def place_of(fault: NotStrictError, text: str) -> str | None:
    """Its line and column, both from 1, as Python tells them of other faults. None where the text has none such."""
    at = _second_key(fault.token, text) if fault.is_key else next((one.start(1) for one in _NUMBERS.finditer(text) if one[1] == fault.token), None)
    return None if at is None else f"line {text.count(chr(10), 0, at) + 1} column {at - text.rfind(chr(10), 0, at)}"


def _second_key(key: str, text: str) -> int | None:
    """Where an object has a key once more."""
    has_it = list[bool]()  # of each open object
    for token in _KEYS.finditer(text):
        string, colon, brace = token.groups()
        if brace == "{":
            has_it.append(False)
        elif brace and has_it:
            has_it.pop()
        elif colon and has_it and json.loads(string, strict=False) == key:
            if has_it[-1]:
                return token.start()
            has_it[-1] = True
    return None
