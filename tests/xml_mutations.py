"""Damage to XML, as mutations.py has it for files of other kinds."""

from __future__ import annotations

import random
import re

from nasty import LARGE_BYTES, in_bytes, nasty_bytes

XML_PIECES = [b"", b"<a/>", b"<a>" * 100, b"<!-- -->", b"<![CDATA[", b"&lt;"]
_TAG = re.compile(rb"<(/?)([\w.:-]+)([^<>]*?)(/?)>")
_VALUE = re.compile(rb'\s([\w.:-]+)="([^"]*)"')


def in_xml(raw: bytes, dice: random.Random) -> bytes:
    """Texts of elements, values of attributes, their names, whole elements, what XML can declare."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        kind = dice.randrange(15)
        tags, whole = [*_TAG.finditer(raw)], _elements(raw)
        values = [(value.start(), value.end(), value[1], value[2]) for tag in tags for value in _VALUE.finditer(raw, *tag.span(3))]
        leaves = [*re.finditer(rb"<([\w.:-]+)(?:\s[^<>]*)?>([^<]+)</\1>", raw)]
        if not tags or not whole:
            return in_bytes(raw, dice)
        tag, (start, end) = dice.choice(tags), dice.choice(whole)
        if kind < 7 and not values:
            kind = 7
        if kind < 10 and kind > 6 and not leaves:
            kind = 10
        if kind < 7:
            raw = _other_value(raw, dice.choice(values), values, kind, dice)
        elif kind < 9:
            leaf = dice.choice(leaves)
            raw = raw[: leaf.start(2)] + _xml_bytes(dice) + raw[leaf.end(2) :]
        elif kind == 9:
            leaf, other = dice.choice(leaves), dice.choice(leaves)
            raw = raw[: leaf.start(2)] + other[2] + raw[leaf.end(2) :]
        elif kind == 10:
            raw = raw[:start] + raw[end:]
        elif kind == 11:
            n = 1 if dice.random() < 0.9 else min(3000, LARGE_BYTES // (end - start))
            raw = raw[:end] + raw[start:end] * n + raw[end:]
        elif kind == 12:
            others = [raw[slice(*dice.choice(whole))], *XML_PIECES]
            raw = raw[:start] + dice.choice((others[0], others[0] + raw[start:end], *others)) + raw[end:]
        elif kind == 13:
            entity = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
            declared, coded = raw.replace(b"<!DOCTYPE boost_serialization>", entity), raw.replace(b"UTF-8", nasty_bytes(dice))
            raw = dice.choice((declared, coded, raw + raw, b"\xef\xbb\xbf" + raw, raw[: tag.start()] + dice.choice(XML_PIECES) + raw[tag.start() :]))
        else:
            other = dice.choice((b"q", dice.choice(tags)[2]))
            raw = re.sub(rb"(</?)" + re.escape(tag[2]) + rb"(?=[\s/>])", rb"\1" + other, raw, count=dice.choice((0, 2)))
    return raw


def _other_value(
    raw: bytes, value: tuple[int, int, bytes, bytes], values: list[tuple[int, int, bytes, bytes]], kind: int, dice: random.Random
) -> bytes:
    """One attribute with a value of its own kind, another's, or none; it is gone, or twice there, or called otherwise."""
    start, end, name, text = value
    same = [other[3] for other in values if other[2] == name]
    if kind < 3:
        text = _xml_bytes(dice)
    elif kind == 3:
        text = dice.choice(same if dice.random() < 0.5 else [other[3] for other in values])
    elif kind == 4:
        text = dice.choice((b"", b"-" + text, text + b"0", text + b"." + text, b" " + text, text[:-1], text + b",", text + b";", text * 2))
    elif kind == 5:
        name = dice.choice((b"q", dice.choice(values)[2]))
    else:
        return raw[:start] + dice.choice((b"", raw[start:end] * 2)) + raw[end:]
    return raw[:start] + b" " + name + b'="' + text + b'"' + raw[end:]


def _xml_bytes(dice: random.Random) -> bytes:
    """Mostly what may stand in XML."""
    word = nasty_bytes(dice)
    return word if dice.random() < 0.2 else word.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b'"', b"&quot;").replace(b"\0", b"")


def _elements(raw: bytes) -> list[tuple[int, int]]:
    """From where to where each whole element goes, but for the outermost."""
    found, begun = [], list[tuple[bytes, int]]()
    for tag in _TAG.finditer(raw):
        if tag[4]:
            found.append(tag.span())
        elif not tag[1]:
            begun.append((tag[2], tag.start()))
        elif begun and begun[-1][0] == tag[2]:
            found.append((begun.pop()[1], tag.end()))
    return found[:-1]
