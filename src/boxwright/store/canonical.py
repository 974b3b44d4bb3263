"""What the log is made of: JSON in one form, ids, and the chain of hashes. docs/store.md tells the form in full."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

from ..errors import ArgumentError

__all__ = [
    "GENESIS",
    "as_stored",
    "canonical",
    "chained",
    "change_line",
    "checked_id",
    "compact",
    "compacted",
    "first_hash",
    "is_id",
    "new_id",
    "parsed",
    "request_hash",
]

GENESIS = b"boxwright log 1\n"
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def canonical(value: Any, field: str) -> tuple[str, Any]:
    """(its compact text, the value that this text has), as `compact` and `parsed` of it give them."""
    try:
        plain = parsed(json.dumps(value, allow_nan=False, default=_plain))
        return compacted(plain), plain
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"cannot be kept in JSON: {error}", field=field, hint="keep texts, finite numbers, lists and mappings only") from None


def compact(value: Any, field: str) -> str:
    """A value as one line of ASCII JSON: keys in the order they came in, floats as the shortest text that gives the same 64 bits back, so that 1 and
    1.0, 0.0 and -0.0 differ. ArgumentError for what JSON lacks: NaN, infinities, keys that are no text, other types."""
    return canonical(value, field)[0]


def parsed(text: str) -> Any:
    """The value of a compact text. ValueError where it is no strict JSON."""
    return _DECODER.decode(text)


def as_stored(text: str) -> Any:
    """The value of a text that `compact` made: a key that comes twice is not looked for. ValueError as of `parsed`."""
    return _PLAIN.decode(text)


def compacted(value: Any) -> str:
    """The compact text of what `parsed` gave."""
    return _ENCODER.encode(value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key comes twice in one object")
    return result


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


# made once: json.loads and json.dumps would make one for every value
_DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
_PLAIN = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False)
_SORTING = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False, sort_keys=True)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__}")


def request_hash(request: Any) -> bytes:
    """SHA-256 of a request with its keys sorted: a client that sends it again may order them otherwise."""
    return hashlib.sha256(_SORTING.encode(canonical(request, "request")[1]).encode()).digest()


def change_line(change: Sequence[Any]) -> str:
    """Of one row of `change`: its columns but the last as a JSON list, and on the next line the image it left, or null."""
    *columns, after = change
    parts = [
        encode_basestring_ascii(one) if type(one) is str else str(one) if type(one) is int else "null" if one is None else compacted(one)
        for one in columns
    ]
    return f"[{','.join(parts)}]\n{'null' if after is None else after}\n"


def first_hash(project_id: str) -> bytes:
    """What the first transaction's `prev_hash` is: another project's log never fits."""
    return hashlib.sha256(GENESIS + project_id.encode()).digest()


def chained(prev_hash: bytes, head: Sequence[Any], lines: Iterable[str]) -> bytes:
    """SHA-256 of the hash before, the columns of the transaction, and the lines of its changes.

    head : seq, op_id, request_sha256 in hex, account, at_ns, client_ns, verb, undo_of, reason, response
    """
    digest = hashlib.sha256(prev_hash)
    digest.update(f"{compacted(list(head))}\n".encode())
    for line in lines:
        digest.update(line.encode())
    return digest.digest()


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): in the order of time, and not to be guessed. Whoever makes a thing makes its id, so that making it twice is
    making it once."""
    number = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(value: Any) -> bool:
    """Whether it can be an entity's or a request's id."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def checked_id(field: str, value: Any) -> str:
    """ArgumentError for what can be no id."""
    if not is_id(value):
        hint = "leave it out for a new one, or pass str(uuid.uuid4())"
        raise ArgumentError(expected="an id of 8 to 64 letters, digits, '-' and '_'", got=f"{value!r:.80}", field=field, hint=hint)
    return str(value)
