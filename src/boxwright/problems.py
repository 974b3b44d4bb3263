"""Records of a file that cannot be taken as they are: refused in strict reading, otherwise kept aside with the reason.

What is kept of a file, records and attributes, is nested 16 deep at most, so that a file that holds it can be read again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .errors import BoxwrightError, FormatError, LimitError

__all__ = ["Problem", "Problems", "summary_of", "within_depth"]

_DEPTH = 16  # what is nested deeper becomes a text, so that a file that holds it stays within the limit of `json_depth`
_NESTED = (dict, list, tuple, Mapping)
_FLAT = {str, int, float, bool, type(None)}  # most of what is kept; asked for first, for it is asked for every label
_ONE_BYTES = 1500  # what a problem takes in memory beside its record
_SAID = ("what", "expected", "got", "path", "offset", "field", "hint")


@dataclass(frozen=True, eq=False)
class Problem:
    """A record that was left out of a scene.

    error : why; its `path`, `offset` and `field` say where
    record : the record as the file has it, of what JSON can hold: other values become texts, such as "nan"
    """

    error: BoxwrightError
    record: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "record", _for_json(self.record, _DEPTH))

    def __str__(self) -> str:
        return str(self.error)

    def mapping(self) -> dict[str, Any]:
        """For JSON; `from_mapping` gives it back."""
        given = {name: getattr(self.error, name) for name in _SAID}
        said = {name: value if isinstance(value, int) else str(value) for name, value in given.items() if value not in (None, "")}
        return {
            "code": self.error.code,
            **{name: value if isinstance(value, int) else str(value) for name, value in said.items() if value},
            "record": self.record,
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Problem:
        kinds = {kind.code: kind for kind in BoxwrightError.__subclasses__()}
        said = {name: mapping[name] for name in _SAID if name in mapping}
        return cls(kinds.get(mapping.get("code", ""), FormatError)(**said), mapping.get("record"))


class Problems:
    """What a reader meets on its way. In strict reading the first one is raised; otherwise each is kept, and reading goes on.

    most, most_bytes : how many are kept, and what they may take in memory; those beyond are counted
    Limits hold either way, and so do errors that leave nothing to go on with: those a reader raises by itself.
    """

    def __init__(self, strict: bool = True, most: int = 10_000, most_bytes: int = 16 << 20) -> None:
        self.strict, self.most, self.room_bytes = strict, most, most_bytes
        self.found: list[Problem] = []
        self.n_more = 0

    @property
    def is_full(self) -> bool:
        """Whether further problems are only counted: what is plainly one may be counted by `n_more += 1`, without an error being made for it."""
        return not self.strict and (len(self.found) >= self.most or self.room_bytes < _ONE_BYTES)

    def keep(self, error: BoxwrightError, record: Any = None) -> None:
        """Raises `error` in strict reading; else keeps the record aside."""
        if isinstance(error, LimitError):
            raise error
        if self.strict:
            error.could_be_kept_aside = True
            raise error
        if self.is_full:
            self.n_more += 1
            return
        self.room_bytes -= _ONE_BYTES
        taken = _bytes_of(record, self.room_bytes)
        if taken > self.room_bytes:
            record = "not kept: it would take too much memory; --limit kept_problem_bytes=N allows for more"
        else:
            self.room_bytes -= taken
        self.found.append(Problem(error, record))

    def aside(self, record: Any = None) -> AbstractContextManager[None, bool]:
        """A block that reads one record; what it raises is kept with the record, and the block is left."""
        return _Aside(self, record)

    def all_with(self, others: Sequence[Problem]) -> tuple[Problem, ...]:
        """`others`, which a file brought along, those found, and where some are left out, one more that tells how many."""
        kept = (*others, *self.found[: max(self.most - len(others), 0)])
        n_more = self.n_more + len(others) + len(self.found) - len(kept)
        if not n_more:
            return kept
        hint = "--limit kept_problems=N and kept_problem_bytes=N, or BOXWRIGHT_LIMIT_KEPT_PROBLEMS and so on, keep more"
        what = f"and {n_more:,} more record{'s' * (n_more > 1)} that could not be taken, which {'are' if n_more > 1 else 'is'} left out"
        return (*kept, Problem(LimitError(what, path=kept[-1].error.path if kept else None, hint=hint)))

    def summary(self) -> Sequence[str]:
        """One sentence for each kind of problem, with its number."""
        return summary_of(self.found)


class _Aside:
    """A class of its own: a generator takes three times as long, and readers enter such blocks with every label."""

    __slots__ = ("problems", "record")

    def __init__(self, problems: Problems, record: Any) -> None:
        self.problems, self.record = problems, record

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, BoxwrightError):
            return False
        self.problems.keep(error, self.record)
        return True


def summary_of(problems: Sequence[Problem]) -> list[str]:
    """One sentence for each kind of problem, with its number."""
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        error = problem.error
        kinds.setdefault(" ".join(str(part) for part in (error.what, error.expected) if part), []).append(problem)
    return [str(some[0]) if len(some) == 1 else f"{some[0]} (and {len(some) - 1:,} more like it)" for some in kinds.values()]


def within_depth(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same object; where lists and mappings are nested deeper than 16, a copy with texts in the place of what is deeper."""
    for item in kept.values():
        if type(item) not in _FLAT and _is_deeper(item, _DEPTH - 1):
            return {key: _for_json(value, _DEPTH - 1) for key, value in kept.items()}
    return kept


def _is_deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, _NESTED):
        return False
    if not depth:
        return True
    items = value.values() if isinstance(value, Mapping) else value
    return not _FLAT.issuperset(map(type, items)) and any(_is_deeper(item, depth - 1) for item in items)


def _for_json(value: Any, depth: int) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value  # numpy's own numbers and arrays
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        return {str(key): _for_json(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, (list, tuple)):
        return [_for_json(item, depth - 1) for item in value]
    return str(value)


def _bytes_of(value: Any, most: int) -> int:
    """What a record takes in memory, or something above `most`, as soon as it is more."""
    taken, front = 0, [value]
    while front and taken <= most:
        item = front.pop()
        if isinstance(item, Mapping):
            taken += 64 + 120 * len(item)
            front += [*item, *item.values()] if taken <= most else []
        elif isinstance(item, (list, tuple)):
            taken += 64 + 9 * len(item)
            front += item if taken <= most else []
        else:
            taken += 80 + (4 * len(item) if isinstance(item, str) and not item.isascii() else len(item) if isinstance(item, (str, bytes)) else 0)
    return taken
