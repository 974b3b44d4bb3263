"""Names that a file says more than once, each given away once."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["FreeNames"]


class FreeNames:
    """What is taken gets a mark, "7'", and where that is taken too a number behind it, "7'2", "7'3"; a file may say one name a million times.

    taken : names that are not free
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken, self._n = set(taken), dict[str, int]()

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def take(self, name: str) -> str:
        """The name, or the next one that is free; it is taken from now on."""
        free = name
        while free in self._taken:
            n = self._n[name] = self._n.get(name, 0) + 1
            free = f"{name}'" if n == 1 else f"{name}'{n}"
        self._taken.add(free)
        return free
