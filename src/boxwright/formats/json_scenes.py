"""A JSON file with the items of many scenes: where each item is is found once, and a scene is read from its own items alone."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..arrays import Int64s
from ..errors import FormatError
from .json_parts import Excerpt, ListOfParts
from .strict_json import FILE_HINT, Node

__all__ = ["ManyScenes", "PlacedItems", "placed"]

_NONE = np.zeros((0, 3), np.int64)
_SCENE_BYTES = 400  # of a scene in memory, without its rows


@dataclass(frozen=True)
class PlacedItems:
    """The items of one list. rows : scene -> (n, 3), each item's number in the list, its first byte, and the byte behind it; those of nobody, which
    every scene has, are under None. first, last : bytes of the file that all of them take; has_room : as in an Excerpt"""

    rows: Mapping[Hashable, Int64s]
    first: int
    last: int
    has_room: bool

    def of(self, scenes: Iterable[Hashable]) -> Int64s:
        own = [self.rows[scene] for scene in dict.fromkeys((*scenes, None)) if scene in self.rows]
        return np.sort(np.concatenate([_NONE, *own]), axis=0)  # in the file's order: places increase with numbers


def placed(items: Node, scene_of: Callable[[int, Node], Hashable], left: object = None) -> PlacedItems:
    """Where the items of a list are. scene_of : of an item's number and the item, None where that cannot be told, so that every scene tells what is
    wrong with it. left : what stays in memory of each until all lists are gone through"""
    if not isinstance(items, ListOfParts):
        raise items.wrong("a list")
    found: dict[Hashable, array[int]] = {}
    begin, end = -1, 0
    for number, (node, first, end) in enumerate(items.placed()):
        begin = first if begin < 0 else begin
        found.setdefault(scene_of(number, node), array("q")).extend((number, first, end))
        items.parts.keep(left, node.field)
    return PlacedItems({scene: np.array(rows, np.int64).reshape(-1, 3) for scene, rows in found.items()}, max(begin, 0), end, items.parts.has_room)


@dataclass(frozen=True)
class ManyScenes:
    """lists : name -> its items, "" where the file is the list"""

    file: Path
    lists: Mapping[str, PlacedItems]

    @property
    def n_bytes(self) -> int:
        """In memory."""
        return sum(_SCENE_BYTES + rows.nbytes for items in self.lists.values() for rows in items.rows.values())

    def only(self, *scenes: Hashable) -> Excerpt:
        """The file with the items of these scenes alone."""
        rows = {name: items.of(scenes) for name, items in self.lists.items()}
        at, pieces = 0, list[bytes]()
        with self.file.open("rb") as stream:
            for name, items in sorted(self.lists.items(), key=lambda one: one[1].first):
                if items.last:
                    pieces += [_bytes(stream, at, items.first), b",".join(_bytes(stream, first, end) for _, first, end in rows[name].tolist())]
                    at = items.last
            stream.seek(at)
            pieces.append(stream.read())
        try:
            numbers = {name: own[:, 0].tolist() for name, own in rows.items()}
            return Excerpt(b"".join(pieces).decode(), numbers, all(items.has_room for items in self.lists.values()))
        except UnicodeDecodeError:
            raise FormatError("changed while it was read", path=self.file, hint=FILE_HINT) from None


def _bytes(stream: BinaryIO, first: int, end: int) -> bytes:
    stream.seek(first)
    return stream.read(end - first)
