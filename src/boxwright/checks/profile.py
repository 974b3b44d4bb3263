"""Thresholds of a project: those that ship, those of a file, those fitted from accepted labels."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import as_floats
from ..errors import ArgumentError, FormatError, UnknownName
from ..outputs import as_path, whole_file
from ..scene import Scene
from ..taxonomy import Taxonomy
from .registry import ANY, RULES

__all__ = ["Profile", "SizeRange"]

MARK = "boxwright-check-profile"
LOW_SHARE, HIGH_SHARE = 0.001, 0.999
LEAST_VALUES = 200  # fewer tell nothing about the last tenth of a percent
LEAST_TRACKS = 20


@dataclass(frozen=True)
class SizeRange:
    """What sizes a class may have: (length, width, height) in metres."""

    low_m: tuple[float, float, float]
    high_m: tuple[float, float, float]

    def __post_init__(self) -> None:
        low, high = (as_floats(f"sizes_m.{name}", value, (3,)) for name, value in (("low", self.low_m), ("high", self.high_m)))
        if (low <= 0).any() or (high < low).any():
            raise ArgumentError(expected="0 < low <= high", got=f"{self.low_m}, {self.high_m}", field="sizes_m", hint="length, width, height")
        object.__setattr__(self, "low_m", tuple(low.tolist()))
        object.__setattr__(self, "high_m", tuple(high.tolist()))


@dataclass(frozen=True, eq=False)
class Profile:
    """What is allowed, where it differs from what the rules and the taxonomy say.

    thresholds : rule id -> class -> value; "*" holds for the classes that are not named
    sizes_m : class -> SizeRange
    taxonomy : classes, their sizes and attributes
    """

    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    sizes_m: Mapping[str, SizeRange] = field(default_factory=dict)
    taxonomy: Taxonomy = field(default_factory=Taxonomy.default)

    def __post_init__(self) -> None:
        for rule_id, by_class in self.thresholds.items():
            if rule_id not in RULES:
                known = f"one of {', '.join(RULES)}"
                raise UnknownName(f"no rule is called {rule_id!r}"[:80], expected=known, field="thresholds", hint="leave it out")
            for name, value in by_class.items():
                place = f"thresholds.{rule_id}.{name}"
                if isinstance(value, bool) or float(as_floats(place, value, (), hint="one number")) < 0:
                    raise ArgumentError(expected="a number from 0", got=repr(value), field=place, hint=f"in {RULES[rule_id].unit or 'shares'}")
                self._check_class(name, place)
        for name, sizes in self.sizes_m.items():
            if not isinstance(sizes, SizeRange):
                raise ArgumentError(expected="a SizeRange", got=repr(sizes)[:60], field=f"sizes_m.{name}", hint="SizeRange(low_m, high_m)")
            self._check_class(name, f"sizes_m.{name}")

    def _check_class(self, name: str, place: str) -> None:
        if name == ANY:
            return
        try:
            category = self.taxonomy.find(name)
        except UnknownName as error:
            raise UnknownName(error.what, field=place, hint=error.hint) from None
        if category.name != name:
            raise ArgumentError(expected=f"the class's own name, {category.name!r}", got=repr(name), field=place)

    def threshold(self, rule_id: str, category: str) -> float:
        """What a rule allows a class (its name in the taxonomy, or a foreign one)."""
        mine, shipped = self.thresholds.get(rule_id, {}), RULES[rule_id].thresholds
        for table, name in ((mine, category), (mine, ANY), (shipped, category), (shipped, ANY)):
            if name in table:
                return float(table[name])
        return math.inf if not RULES[rule_id].is_lower_bound else -math.inf

    def size_range(self, category: str) -> SizeRange | None:
        """What sizes a class may have; None where nothing is known."""
        if category in self.sizes_m:
            return self.sizes_m[category]
        known = self.taxonomy.get(category)
        if known is None or known.size_prior is None:
            return None
        return _allowed(known.size_prior.low_m, known.size_prior.high_m)

    # ------------------------------------------------------------ files

    def to_json(self) -> str:
        """One JSON document; `from_json` gives the profile back. The taxonomy is not in it."""
        sizes = {name: {"low_m": list(one.low_m), "high_m": list(one.high_m)} for name, one in self.sizes_m.items()}
        thresholds = {rule_id: dict(by_class) for rule_id, by_class in self.thresholds.items()}
        return json.dumps({"format": MARK, "version": 1, "thresholds": thresholds, "sizes_m": sizes}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, *, taxonomy: Taxonomy | None = None, path: str | os.PathLike[str] | None = None) -> Profile:
        """FormatError where the text is no profile, UnknownName where it names a rule or class that is not there."""
        try:
            given: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError("not JSON", got=str(error)[:100], path=path, hint="a profile is what `boxwright check --fit-profile` writes") from None
        if not isinstance(given, dict) or given.get("format") != MARK or given.get("version") != 1:
            hint = "write one: boxwright check PATH --fit-profile FILE"
            raise FormatError("no profile of checks", expected=f'"format": "{MARK}", "version": 1', path=path, hint=hint)
        more = sorted(set(given) - {"format", "version", "thresholds", "sizes_m"})
        if more:
            expected = "format, version, thresholds and sizes_m"
            raise FormatError(expected=expected, got=f"also {more[0]!r:.60}", path=path, hint="leave it out; is it misspelt?")
        thresholds = {rule: dict(by) for rule, by in _mapping(given.get("thresholds", {}), "thresholds", path)}
        sizes = {name: _size_range(by, f"sizes_m.{name}", path) for name, by in _mapping(given.get("sizes_m", {}), "sizes_m", path)}
        try:
            return cls(thresholds, sizes, taxonomy or Taxonomy.default())
        except (ArgumentError, UnknownName) as error:
            raise type(error)(error.what, expected=error.expected, got=error.got, field=error.field, path=path, hint=error.hint) from None

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, taxonomy: Taxonomy | None = None) -> Profile:
        """From a file. FormatError where it holds no profile."""
        try:
            return cls.from_json(as_path(path).read_text(encoding="utf-8"), taxonomy=taxonomy, path=path)
        except UnicodeDecodeError:
            raise FormatError("not a text", path=path, hint="a profile is JSON in UTF-8") from None

    def write(self, path: str | os.PathLike[str]) -> None:
        """Into a file, which appears when it is complete."""
        with whole_file(as_path(path)) as part:
            Path(part).write_text(self.to_json(), encoding="utf-8")

    # ------------------------------------------------------------ from accepted labels

    @classmethod
    def fitted(
        cls,
        scenes: Scene | Iterable[Scene],
        *,
        rules: Any = None,
        taxonomy: Taxonomy | None = None,
        progress: Callable[[], Any] = lambda: None,
    ) -> Profile:
        """Thresholds such that accepted labels pass: the 0.1 and 99.9 % points of what each rule measures on them, for each class.

        scenes : labels that were accepted
        rules : as for `check`; those that cannot be fitted keep what they have

        A class with fewer than 200 values of a rule keeps the shipped threshold, one with fewer than 20 tracks its sizes.
        """
        from .running import measured_values

        values, sizes = measured_values(scenes, rules, taxonomy or Taxonomy.default(), progress)
        thresholds: dict[str, dict[str, float]] = {}
        for (rule_id, category), many in sorted(values.items()):
            finite = many[np.isfinite(many)]
            if len(finite) >= LEAST_VALUES:
                share = LOW_SHARE if RULES[rule_id].is_lower_bound else HIGH_SHARE
                thresholds.setdefault(rule_id, {})[category] = round(float(max(np.quantile(finite, share), 0.0)), 4)
        ranges = {}
        for category, rows in sorted(sizes.items()):
            if len(rows) >= LEAST_TRACKS:
                low, high = np.quantile(rows, [LOW_SHARE, HIGH_SHARE], axis=0)
                ranges[category] = SizeRange(tuple(np.round(low, 3).tolist()), tuple(np.round(high, 3).tolist()))
        return cls(thresholds, ranges, taxonomy or Taxonomy.default())


def _allowed(low_m: Iterable[float], high_m: Iterable[float]) -> SizeRange:
    """The range a class may have, from the nine in ten of its size prior: as wide again on either side, so that the smallest and the largest that
    are sold are in it (of cars: 2.70 m and 6.36 m long).
    """
    low, high = np.array(list(low_m)), np.array(list(high_m))
    spread = high - low
    return SizeRange(tuple(np.maximum(low - spread, 0.5 * low).tolist()), tuple((high + spread).tolist()))


def _mapping(value: Any, place: str, path: Any) -> list[tuple[str, dict[str, Any]]]:
    """Items of a mapping of mappings; FormatError where it is none."""
    if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
        raise FormatError(expected="an object of objects", got=f"{value!r:.60}", field=place, path=path, hint='such as {"speed": {"car": 60}}')
    return list(value.items())


def _size_range(value: dict[str, Any], place: str, path: Any) -> SizeRange:
    if set(value) != {"low_m", "high_m"}:
        raise FormatError(expected="low_m and high_m", got=", ".join(value)[:60], field=place, path=path, hint="length, width, height each")
    try:
        return SizeRange(value["low_m"], value["high_m"])
    except ArgumentError as error:
        raise FormatError(expected=error.expected, got=error.got, field=place, path=path, hint=error.hint) from None
