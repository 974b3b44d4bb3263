"""The JSON of requests: what counts as deep, and half characters."""

from __future__ import annotations

import pytest

from boxwright.server.answers import Refusal
from boxwright.server.settings import Settings
from boxwright.server.strict import parse

SETTINGS = Settings(frozenset())


def refused(raw):
    with pytest.raises(Refusal) as refusal:
        parse(raw, SETTINGS)
    return refusal.value.status


@pytest.mark.parametrize("inner", [b"", b"1", b'"x"', b"{}"])
@pytest.mark.parametrize(("before", "after"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_thirty_two_levels(inner, before, after):
    """Each bracket is one, whatever is in the last."""
    if not inner and before != b"[":
        inner = b"null"
    levels = SETTINGS.json_depth - (inner == b"{}")
    assert SETTINGS.json_depth == 32
    parse(before * levels + inner + after * levels, SETTINGS)
    assert refused(before * (levels + 1) + inner + after * (levels + 1)) == 413


def test_half_characters():
    """In texts, keys and what is passed on as bytes; whole ones beyond the first plane are none."""
    for raw in (rb'["\ud800"]', rb'{"\udfff": 1}', rb'{"blobs": {"a": "\udc00"}}', rb'["x\ud800y"]'):
        assert refused(raw) == 422
    assert parse(rb'["\ud83d\ude00", "\ue000"]', SETTINGS) == ["\U0001f600", "\ue000"]


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999", b"1" * 41, b"1" * 5000])
def test_numbers_that_are_none(number):
    assert refused(b"[" + number + b"]") == 422
    assert parse(b"[" + b"1" * 40 + b"]", SETTINGS) == [int("1" * 40)]


def test_a_long_text_is_looked_at_as_a_whole():
    """And not in a step of Python for each character, which keeps all other requests waiting."""
    import sys

    steps = 0

    def count(*_):
        nonlocal steps
        steps += 1
        return count

    text, before = "x" * 200_000, sys.gettrace()
    sys.settrace(count)
    try:
        parse(b'{"blobs": {"a": "' + text.encode() + b'"}}', SETTINGS)
    finally:
        sys.settrace(before)
    assert steps < 1000
