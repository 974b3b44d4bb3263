"""Long documents that are written part by part: the same text as all at once."""

from __future__ import annotations

import io
from mmap import ACCESS_READ, mmap

import pytest

from boxwright.formats.json_shape import taken_bytes
from boxwright.formats.json_text import LINE_CHARACTERS, ItemByItem, dump_into, dumps
from boxwright.limits import limits

LONG = "x" * (LINE_CHARACTERS + 1)
LISTS = {
    "none": [],
    "short ones": [{"a": 1}, {"b": "grün"}, []],
    "a long one": [{"a": LONG}],
    "a long one behind short ones": [1, "two", {"a": LONG}, [3]],
    "nested ones": [{"a": [{"b": LONG}, {"c": []}]}, {"a": {}}],
    "half a character": [{"a": "\ud800" + LONG}, "\udc00"],
    **{f"a line of about {n}": ["y" * n, "zz"] for n in range(LINE_CHARACTERS - 15, LINE_CHARACTERS)},
}


@pytest.mark.parametrize("items", LISTS.values(), ids=LISTS)
def test_item_by_item(items):
    written = io.StringIO()
    dump_into(written, {"first": ItemByItem(iter(items)), "deep": {"list": ItemByItem(iter(items)), "b": LONG}, "last": LONG}, "x")
    assert written.getvalue() == dumps({"first": items, "deep": {"list": items, "b": LONG}, "last": LONG}, "x")


@pytest.mark.parametrize("text", ["a", "ü" * 70_000, "\\u00fc" * 9, "\U0001f600" * 20_000, "\\ud83d\\ude00"])
def test_a_file_takes_what_its_text_takes(tmp_path, text):
    """Looked at where it lies on the disk, or read."""
    raw = f'{{"a": [1, 2.5, {{"{text[:36]}": null}}], "b": "{text}"}}'.encode()
    (tmp_path / "a.json").write_bytes(raw)
    with (tmp_path / "a.json").open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
        assert taken_bytes(mapped, limits(), "a.json") == taken_bytes(raw, limits(), "a.json") > 2 * len(text)
