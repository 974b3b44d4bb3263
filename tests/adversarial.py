"""Files that are small for what they ask: many tiny values, records or lines. Every one of n bytes or a little more."""

from __future__ import annotations

import json

SMALL_VALUES = {
    "objects": b"{}",
    "lists": b"[]",
    "lists of one": b"[5]",
    "objects of one": b'{"":0}',
    "objects of six": b'{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}',
    "zeros": b"0",
    "numbers": b"1e1",
    "texts": b'""',
    "letters": '"\u00e9"'.encode(),
    "wide letters": '"\U0001f600"'.encode(),
    "nulls": b"null",
    "nested": b'{"a":{"b":[{}]}}',
    "deep": b"[" * 20 + b"]" * 20,
}


def json_list(name: str, n_bytes: int) -> bytes:
    """A list of the value of that name."""
    item = SMALL_VALUES[name]
    return b"[" + b",".join([item] * (n_bytes // (len(item) + 1))) + b"]"


def json_keys(n_bytes: int, value: str = "0") -> bytes:
    """An object of many short keys that differ."""
    n = n_bytes // (9 + len(value))
    return b"{" + b",".join(f'"{i:x}":{value}'.encode() for i in range(n)) + b"}"


def json_texts(n_bytes: int) -> bytes:
    return json.dumps([f"{i:x}" for i in range(n_bytes // 9)]).encode()


JSON_BODIES = {
    **{name: (lambda n, name=name: json_list(name, n)) for name in SMALL_VALUES},
    "keys": json_keys,
    "keys of objects": lambda n: json_keys(n, "{}"),
    "texts that differ": json_texts,
    "never closed": lambda n: json_list("lists", n)[:-1],
    "a text with no end": lambda n: b'["' + b"a" * n,
    "a long text": lambda n: b'["' + b"\\n" * (n // 2) + b'"]',
    "opened only": lambda n: b"[" * n,
    "blanks": lambda n: b"[" + b" " * n + b"]",
}


# ------------------------------------------------------------ lines and elements

_ROW = "{}{}{} 0 0 0 0 0 0 0 1 1 1 0 0 9 0\n"  # 17 words at the shortest, of tracking; of object without the first two


def _many(row: str, n_bytes: int, start: int = 0) -> bytes:
    """The row with a number of its own in each, in place of its braces."""
    n = max(n_bytes // (len(row) + 3), 1)
    return "".join(row.format(i) for i in range(start, start + n)).encode()


TRACKING_LINES = {
    "short": lambda n: b"x\n" * (n // 2),
    "blank": lambda n: b"\n" * n,
    "spaces": lambda n: b" \r\n" * (n // 3),
    "words": lambda n: b"a b c d e f g h i j k l m n o p q\n" * (n // 34),
    "a track each": lambda n: _many("0 {} a 0 0 0 0 0 0 0 1 1 1 0 0 9 0\n", n),
    "one track": lambda n: _many("{} 0 a 0 0 0 0 0 0 0 1 1 1 0 0 9 0\n", n),
    "a type each": lambda n: _many("0 0 {} 0 0 0 0 0 0 0 1 1 1 0 0 9 0\n", n),
    "twice": lambda n: b"0 0 a 0 0 0 0 0 0 0 1 1 1 0 0 9 0\n" * (n // 35),
    "regions": lambda n: b"0 -1 DontCare 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" * (n // 43),
    "no size": lambda n: b"0 0 a 0 0 0 0 0 0 0 0 1 1 0 0 9 0\n" * (n // 35),
    "frames far apart": lambda n: b"".join(b"%d 0 a 0 0 0 0 0 0 0 1 1 1 0 0 9 0\n" % (i * 190_000 * 40 // n) for i in range(n // 40)),
}
OBJECT_LINES = {
    name: (lambda n, make=make: b"\n".join(line.split(b" ", 2)[-1] for line in make(n).split(b"\n")))
    for name, make in TRACKING_LINES.items()
    if name in ("short", "blank", "words", "a type each", "twice", "regions", "no size")
}


def _xml(body: str | bytes) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return b"<boost_serialization><tracklets><count>0</count>" + body + b"</tracklets></boost_serialization>"


_XML_POSE = "<item><tx>0</tx><ty>0</ty><tz>0</tz><rx>0</rx><ry>0</ry><rz>0</rz></item>"
_XML_HEAD = "<item><objectType>a</objectType><h>1</h><w>1</w><l>1</l><first_frame>0</first_frame><poses>"
TRACKLETS = {
    "elements": lambda n: _xml("<a/>" * (n // 4)),
    "items": lambda n: _xml("<item/>" * (n // 7)),
    "poses of nothing": lambda n: _xml(_XML_HEAD + "<item/>" * (n // 7) + "</poses></item>"),
    "poses": lambda n: _xml(_XML_HEAD + _XML_POSE * (n // len(_XML_POSE)) + "</poses></item>"),
    "tracklets": lambda n: _xml((_XML_HEAD + _XML_POSE + "</poses></item>") * (n // (len(_XML_HEAD) + len(_XML_POSE) + 15))),
    "fields": lambda n: _xml("<item>" + "".join(f"<f{i:x}/>" for i in range(n // 9)) + "</item>"),
    "fields of a pose": lambda n: _xml(_XML_HEAD + "<item>" + "".join(f"<f{i:x}/>" for i in range(n // 9)) + "</item></poses></item>"),
    "attributes": lambda n: _xml("<a " + " ".join(f'b{i:x}=""' for i in range(n // 10)) + "/>"),
    "comments": lambda n: _xml("<!---->" * (n // 7)),
    "entities": lambda n: _xml("<a>" + "&lt;" * 1000 + "</a>" + "<a>&lt;</a>" * (n // 11)),
    "texts": lambda n: _xml("<a>b</a>" * (n // 8)),
    "deep": lambda n: _xml("<a>" * 25 + "<b/>" * (n // 4) + "</a>" * 25),
    "blanks": lambda n: _xml(" " * n),
}
