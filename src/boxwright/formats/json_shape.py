"""What a JSON file would take in memory, found from its brackets, commas, colons and texts, a piece at a time, before any value is made."""

from __future__ import annotations

import os
import re
from mmap import mmap

import numpy as np

from ..arrays import Int64s, UInt8s
from ..limits import Limits

__all__ = ["check_shape", "taken_bytes"]

_PIECE_BYTES = 1 << 16
_SHORT_BYTES, _MOST_PER_BYTE = 1 << 12, 100  # a list in a list in a list takes the most
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_KEY = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*+:', re.DOTALL)
_COLON_NEXT = re.compile(rb"\s*+:")
_OPEN_LIST, _OPEN_OBJECT, _CLOSE, _COMMA, _COLON = range(1, 6)
_KINDS = np.zeros(256, np.uint8)
_KINDS[list(b"[{]},:")] = _OPEN_LIST, _OPEN_OBJECT, _CLOSE, _CLOSE, _COMMA, _COLON
_STEPS = np.array([0, 1, 1, -1, 0, 0], np.int8)
# what CPython takes: an object of up to so many pairs, a number, a text beside its letters (plain ones, others), each pair of an object in the making
_PAIRS = np.array([5, 10, 21, 42, 85, 170])
_SIZES = np.array([192, 280, 472, 840, 1592, 3336])
_NUMBER_BYTES, _TEXT_BYTES, _PARSER_BYTES = 32, (64, 96), 72
_GOES_ON = bytes(range(0x80, 0xC0))  # of a letter of several bytes, all but the first
_WIDE_ESCAPE = re.compile(rb"\\u[dD][89abAB]")
_MOST_KEYS = 20_000  # that are told apart: an object's key is one text, however often it comes


def check_shape(raw: bytes | mmap, bounds: Limits, path: str | os.PathLike[str], in_parts: bool = False) -> bool:
    """LimitError where brackets, all values, those of one list or object, or what all of them take in memory at once is too much.

    in_parts : they will not be there at once; whether they could be is returned
    """
    if _is_plainly_within(raw, bounds):
        return True
    room = _shape_of(raw, bounds, path).room_bytes(raw)
    if not in_parts:
        bounds.check("json_room_bytes", room, path)
    return room <= bounds.json_room_bytes


def _is_plainly_within(raw: bytes | mmap, bounds: Limits) -> bool:
    """Whether a text is so short, and has so few brackets, that nothing in it can pass a limit: so are most lines of files that have many."""
    if len(raw) > _SHORT_BYTES or not isinstance(raw, bytes) or raw.count(b"[") + raw.count(b"{") > bounds.json_depth:
        return False
    return len(raw) <= min(bounds.json_values, bounds.json_items, bounds.text_characters) and _MOST_PER_BYTE * len(raw) <= bounds.json_room_bytes


def taken_bytes(raw: bytes | mmap, bounds: Limits, path: str | os.PathLike[str]) -> int:
    """What all values of a text may take in memory at once."""
    return _shape_of(raw, bounds, path).taken_bytes(raw, _letters(raw)[1])


def _shape_of(raw: bytes | mmap, bounds: Limits, path: str | os.PathLike[str]) -> _Shape:
    shape = _Shape(bounds, path)
    at = 0
    while at < len(raw):
        end = min(at + _PIECE_BYTES, len(raw))
        piece = raw[at:end]
        rest, n_texts = _STRING.subn(b"", piece)
        cut = rest.find(b'"')
        if cut >= 0:  # a text that goes on behind the piece
            begin = end - (len(rest) - cut)
            whole = _STRING.match(raw, begin)
            piece, rest, end = piece[: begin - at], rest[:cut], whole.end() if whole else len(raw)
            n_texts += 1
            shape.text_bytes += end - begin
            if _COLON_NEXT.match(raw, end):
                shape.n_more_keys += 1
                shape.check_key(raw[begin:end])
        shape.n_texts += n_texts
        shape.text_bytes += len(piece) - len(rest)
        shape.keys(piece)
        shape.add(np.frombuffer(rest, np.uint8))
        at = end
    return shape


class _Shape:
    """The counts so far. is_object, n_commas : of the open list or object of each depth"""

    def __init__(self, bounds: Limits, path: str | os.PathLike[str]) -> None:
        self.bounds, self.path = bounds, path
        self.counts = np.zeros(6, np.int64)
        self.depth = self.most_items = self.n_texts = self.text_bytes = self.n_more_keys = self.taken = 0
        self.known_keys: set[bytes] = set()
        self.is_object: dict[int, bool] = {}
        self.n_commas: dict[int, int] = {}

    def keys(self, piece: bytes) -> None:
        """Counts the keys that differ; those cut by the end of a piece are counted one by one."""
        found = _KEY.findall(piece)
        self.check_key(max(found, key=len, default=b""))
        if len(self.known_keys) < _MOST_KEYS:
            self.known_keys.update(found)
        else:
            self.n_more_keys += len(found)

    def check_key(self, key: bytes) -> None:
        """LimitError where it is longer than a name may be."""
        if len(key) - 2 > self.bounds.text_characters:
            n = len(re.sub(rb"\\u....|\\.|[^\x80-\xbf]", b"x", key, flags=re.DOTALL).translate(None, _GOES_ON)) - 2
            self.bounds.check("text_characters", n, self.path, "a key")

    def add(self, text: UInt8s) -> None:
        """`text` : the piece without its strings."""
        kinds = _KINDS[text]
        kinds = kinds[kinds > 0]
        self.counts += np.bincount(kinds, minlength=6)
        self.bounds.check("json_values", int(self.counts[[_OPEN_LIST, _OPEN_OBJECT, _COMMA]].sum()), self.path)
        depth = np.cumsum(_STEPS[kinds], dtype=np.int64) + self.depth
        self.bounds.check("json_depth", int(depth.max(initial=0)), self.path)
        self.depth = int(depth[-1]) if len(depth) else self.depth
        level = depth + (kinds == _CLOSE)
        is_colon = kinds == _COLON
        for here in np.unique(level[~is_colon]).tolist():  # at most as many as json_depth
            self._level(here, kinds[(level == here) & ~is_colon])
        self.bounds.check("json_items", self.most_items, self.path)

    def _level(self, here: int, kinds: UInt8s) -> None:
        """The lists and objects of one depth: each opens, has commas, and closes."""
        marks = np.flatnonzero(kinds != _COMMA)
        before = self.n_commas.get(here, 0)
        if not len(marks):
            self.n_commas[here] = before + len(kinds)
        else:
            marked = kinds[marks]
            n_commas = np.diff(marks, prepend=-1) - 1
            n_commas[0] += before
            opened_by = np.concatenate([[_OPEN_OBJECT if self.is_object.get(here) else _OPEN_LIST], marked[:-1]])
            ends = marked == _CLOSE
            n_items, is_object = n_commas[ends] + 1, opened_by[ends] == _OPEN_OBJECT
            self.taken += int(_object_bytes(n_items[is_object]).sum() + _list_bytes(n_items[~is_object]).sum())
            self.most_items = max(self.most_items, int(n_items[n_items > 1].max(initial=0)))
            self.n_commas[here], self.is_object[here] = len(kinds) - 1 - int(marks[-1]), int(marked[-1]) == _OPEN_OBJECT
        if self.n_commas[here]:
            self.most_items = max(self.most_items, self.n_commas[here] + 1)

    def room_bytes(self, raw: bytes | mmap) -> int:
        """Bytes that the file, its text and its values may take beyond four times the size of the file."""
        n_letters, width = _letters(raw)
        return max(n_letters * width + max(self.taken_bytes(raw, width), len(raw)) - 4 * len(raw), 0)

    def taken_bytes(self, raw: bytes | mmap, width: int) -> int:
        """Bytes that the values may take; `width` : of a letter of the text."""
        n_pairs, n_commas = int(self.counts[_COLON]), int(self.counts[_COMMA])
        width_in_texts = max(width, 4 if _WIDE_ESCAPE.search(raw) else 2 if raw.find(b"\\u") >= 0 else 1)
        open_now = np.array([*self.n_commas.values(), 0], np.int64) + 1  # where the file ends too early
        n_keys, n_others = min(len(self.known_keys) + self.n_more_keys, n_pairs), max(self.n_texts - n_pairs, 0)
        taken = self.taken + int(np.maximum(_object_bytes(open_now), _list_bytes(open_now)).sum())
        taken += max(n_commas + 1 - n_others, 0) * _NUMBER_BYTES + min(self.most_items, n_pairs) * _PARSER_BYTES
        return taken + (n_keys + n_others) * _TEXT_BYTES[width_in_texts > 1] + min(self.text_bytes, len(raw)) * width_in_texts


def _letters(raw: bytes | mmap) -> tuple[int, int]:
    """(how many letters the file has, bytes that each takes in memory)"""
    if isinstance(raw, bytes) and raw.isascii():
        return len(raw), 1
    n, largest = 0, 0
    for at in range(0, len(raw), _PIECE_BYTES):
        piece = np.frombuffer(raw, np.uint8, min(_PIECE_BYTES, len(raw) - at), at)
        n += int(np.count_nonzero((piece & 0xC0) != 0x80))
        largest = max(largest, int(piece.max()))
    return n, 1 if largest < 0xC4 else 2 if largest < 0xF0 else 4


def _list_bytes(n_items: Int64s) -> Int64s:
    """Of lists, without what is in them."""
    room: Int64s = 64 + 8 * ((n_items + (n_items >> 3) + 6) & ~3)
    return room


def _object_bytes(n_pairs: Int64s) -> Int64s:
    """Of objects, without what is in them."""
    return np.where(n_pairs <= _PAIRS[-1], _SIZES[np.searchsorted(_PAIRS[:-1], n_pairs)], 50 * n_pairs)
