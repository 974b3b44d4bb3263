"""JSON of requests, read strictly: NaN, infinities, 1e999, a key twice, deep or endless values and half characters are refused."""

from __future__ import annotations

import json
from typing import Any

from ..formats.strict_json import decoder
from .answers import Refusal
from .settings import Settings

__all__ = ["parse"]

_MOST_DIGITS = 40
_BYTES_KEY = "blobs"  # of edits: base64, as long as the body may be


def parse(raw: bytes, settings: Settings) -> Any:
    """Refusal 400 for what is no JSON, 422 for what JSON should not say, 413 for more than the limits."""
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except RecursionError:
        raise _too_much("brackets in brackets", settings.json_depth) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise Refusal(400, "malformed", "the body is no JSON", field="body", hint="send one JSON object in UTF-8") from None
    except ValueError as wrong:  # well-formed, and yet nothing that is taken
        raise Refusal(422, "invalid", str(wrong), field="body", hint="send finite numbers, and every key once") from None
    _check_size(value, settings)
    return value


def _too_much(what: str, limit: int) -> Refusal:
    return Refusal(413, "limit", f"more {what} than allowed", field="body", limit=limit, hint="send less at a time")


def _check_size(value: Any, settings: Settings) -> None:
    """Breadth first, so that nothing deep can hurt."""
    level, n, depth = [(value, False)], 0, 0
    while level:
        below: list[tuple[Any, bool]] = []
        for one, is_bytes in level:
            if isinstance(one, str):
                _check_text(one, settings, is_bytes)
                continue
            if isinstance(one, (dict, list)) and depth == settings.json_depth:
                raise _too_much("brackets in brackets", settings.json_depth)
            if isinstance(one, dict):
                for key, item in one.items():
                    _check_text(key, settings, False)
                    below.append((item, is_bytes or (depth == 0 and key == _BYTES_KEY)))
            elif isinstance(one, list):
                below += [(item, is_bytes) for item in one]
        n += len(below)
        if n > settings.json_items:
            raise _too_much("values", settings.json_items)
        level, depth = below, depth + 1


def _check_text(text: str, settings: Settings, is_bytes: bool) -> None:
    if not is_bytes and len(text) > settings.text_characters:
        raise _too_much("characters in one text", settings.text_characters)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(422, "invalid", "half a character", field="body", hint="send whole ones") from None


def _int(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError("a number is too large")
    return int(text)


_DECODER = decoder(parse_int=_int)
