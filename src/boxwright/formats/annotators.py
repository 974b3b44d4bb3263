"""Labels of several annotators of the same data: one set of them is read at a time, and where data has several, each annotator's are a scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .strict_json import Node

__all__ = ["all_annotators", "by_annotator", "called"]


def called(value: object) -> str:
    """A name, an address or a number, as scenes are called after it."""
    if type(value) is int:
        return f"annotator {value}"
    return value if isinstance(value, str) and value.strip() and value.isprintable() and ", time " not in value else "somebody"


def by_annotator(labels: Iterable[tuple[str, Node]]) -> dict[str, Node]:
    """Annotator -> labels, in the file's order; a second time of one is another."""
    found: dict[str, Node] = {}
    times = Counter[str]()
    for who, node in labels:
        times[who] += 1
        found[who if times[who] == 1 else f"{who}, time {times[who]}"] = node
    return found


def all_annotators(names: Sequence[Sequence[str]]) -> list[str | None]:
    """All annotators, given those of each piece of data; None alone where none has several."""
    if all(len(some) < 2 for some in names):
        return [None]
    return [*dict.fromkeys(name for some in names for name in some)]
