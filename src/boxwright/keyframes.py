"""What tracks of cuboids and tracks in pictures share: one set of laws for keyframes, visible spans and attributes that hold.

What a track is at a time:

    before the first keyframe                                         BEFORE    not there
    at a keyframe that is not OUTSIDE                                 KEYFRAME  there, exactly as it was set
    between two keyframes, the earlier one not OUTSIDE                BETWEEN   there, interpolated
    at an OUTSIDE keyframe, and until the next that is not OUTSIDE    OUTSIDE   not there
    after the last keyframe                                           AFTER     not there (OUTSIDE where the last one is)

An OUTSIDE keyframe ends a visible span and holds the place the curve runs to; no curve leads away from it. Nothing is ever extrapolated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from .arrays import Bools, Int64s, UInt8s, as_array, as_times_ns, check_kind, frozen, some_rows
from .errors import ArgumentError, number_of
from .problems import within_depth

__all__ = ["Filled", "Keyframed", "Origin", "State", "Visibility", "Way", "as_codes", "code_names", "items_of", "one_after_another", "ways"]


class Visibility(IntEnum):
    """What a keyframe says about its object, or about one point of a skeleton."""

    VISIBLE = 0
    OCCLUDED = 1  # there, but hidden in part or whole
    OUTSIDE = 2  # gone from here on, until the next keyframe that is not OUTSIDE


class State(IntEnum):
    """What a filled time is."""

    KEYFRAME = 0
    BETWEEN = 1
    OUTSIDE = 2
    BEFORE = 3
    AFTER = 4


class Origin(IntEnum):
    """Who wrote a keyframe."""

    GIVEN = 0  # by a person, or read from a file
    FIT = 1  # fitted to points
    STATIC_SOLVE = 2  # one pose for an object that stands
    SIZE_LOCK = 3  # one size for the whole track
    FILLED = 4  # read off the curve between keyframes
    PROPAGATED = 5  # carried from other keyframes by the points


class Keyframed:
    """What every kind of track does with its keyframes; the dataclasses below it have these fields, and their labels under the name LABELS."""

    LABELS: ClassVar[str]
    KIND: ClassVar[str] = "track"

    track_id: str
    category: str
    times_ns: Int64s
    visibility: UInt8s
    origin: UInt8s
    attributes: Mapping[str, Any]
    keyframe_attributes: Sequence[Mapping[str, Any]]
    method: str
    source_attributes: Mapping[str, Any]
    keyframe_source_attributes: Sequence[Mapping[str, Any]]

    def _check_keyframes(self) -> None:
        """ArgumentError where a field of those above is not what it is said to be; times and codes become arrays."""
        name = f"{self.KIND} {self.track_id!r}"
        for column in ("track_id", "category"):
            check_kind(f"{name}.{column}", getattr(self, column), str, "a text", "pass str(...)")
        for column in ("attributes", "source_attributes"):
            check_kind(f"{name}.{column}", getattr(self, column), Mapping, "a mapping", "give a dict of what JSON can hold")
            object.__setattr__(self, column, within_depth(getattr(self, column)))
        times = as_times_ns(f"{name}.times_ns", self.times_ns, increasing=True)
        n, labels = len(times), getattr(self, self.LABELS)
        if n == 0:
            raise ArgumentError(expected="at least one keyframe", got="none", field=name, hint="leave out tracks without keyframes")
        if len(labels) != n:
            one = self.LABELS.removesuffix("s")
            wanted, hint = f"{number_of(n, one)}, one per keyframe", f"leave out times without a {one}"
            raise ArgumentError(expected=wanted, got=len(labels), field=f"{name}.{self.LABELS}", hint=hint)
        object.__setattr__(self, "times_ns", frozen(times.copy()))
        for column, kind in (("visibility", Visibility), ("origin", Origin)):
            object.__setattr__(self, column, as_codes(f"{name}.{column}", getattr(self, column), (n,), kind))
        for column in ("keyframe_attributes", "keyframe_source_attributes"):
            rows = getattr(self, column)
            if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows) or len(rows) not in (0, n):
                wanted, hint = f"{number_of(n, 'mapping')}, one per keyframe", "an empty one where a keyframe says nothing"
                got = len(rows) if isinstance(rows, Sequence) and len(rows) != n else f"{rows!r:.60}"
                raise ArgumentError(expected=wanted, got=got, field=f"{name}.{column}", hint=hint)
            if any(within_depth(row) is not row for row in rows):
                object.__setattr__(self, column, [within_depth(row) for row in rows])

    def __len__(self) -> int:
        return len(self.times_ns)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields new."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def take(self, index: Any) -> Self:
        """The track with only the keyframes picked by a mask, slice or index array."""
        which = np.arange(len(self))[some_rows(f"{self.KIND} {self.track_id!r}", index, len(self))]
        return self.replace(
            times_ns=self.times_ns[which],
            visibility=self.visibility[which],
            origin=self.origin[which],
            keyframe_attributes=[self.keyframe_attributes[i] for i in which] if self.keyframe_attributes else (),
            keyframe_source_attributes=[self.keyframe_source_attributes[i] for i in which] if self.keyframe_source_attributes else (),
            **{self.LABELS: getattr(self, self.LABELS)[which]},
        )

    def with_keyframes(self, times_ns: Int64s, labels: Any, visibility: UInt8s, origin: Origin) -> Self:
        """With new ones, at times where there is none yet; they say nothing of attributes, so that what holds goes on."""
        times = np.concatenate([self.times_ns, times_ns])
        order = np.argsort(times, kind="stable")
        mine, new = getattr(self, self.LABELS), len(times_ns)

        def filled(old: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
            both = [*old, *[{}] * new]
            return [both[i] for i in order] if old else []

        return self.replace(
            times_ns=times[order],
            visibility=np.concatenate([self.visibility, visibility])[order],
            origin=np.concatenate([self.origin, np.full(new, origin, np.uint8)])[order],
            keyframe_attributes=filled(self.keyframe_attributes),
            keyframe_source_attributes=filled(self.keyframe_source_attributes),
            **{self.LABELS: type(mine).concatenate([mine, labels])[order]},
        )

    def keyframes_every(self, n: int) -> Self:
        """The track with every n-th keyframe, counted anew in each visible span; the first and last of a span stay, and OUTSIDE keyframes stay.

        Attributes that held at a kept keyframe are written there, so that dropping the keyframe that named them does not lose them.
        """
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ArgumentError(expected="a whole number from 1", got=repr(n), field="n", hint="1 keeps every keyframe")
        outside = self.visibility == Visibility.OUTSIDE
        index = np.arange(len(self))
        starts = ~outside & np.r_[True, outside[:-1]]
        ends = ~outside & np.r_[outside[1:], True]
        since_start = index - np.maximum.accumulate(np.where(starts, index, 0))
        kept = np.flatnonzero(outside | ends | (since_start % n == 0))
        thinned = self.take(kept)
        return thinned.replace(keyframe_attributes=[self._held[i] for i in kept]) if self.keyframe_attributes else thinned

    def _states(self, times: Int64s) -> tuple[UInt8s, Int64s]:
        """(T,) of State as told at the top of this module, and the last keyframe at or before each time, -1 before the first."""
        keyframe = np.searchsorted(self.times_ns, times, side="right") - 1
        state = np.full(len(times), State.BETWEEN, np.uint8)
        state[keyframe == len(self) - 1] = State.AFTER
        state[self.times_ns[keyframe] == times] = State.KEYFRAME
        state[self.visibility[keyframe] == Visibility.OUTSIDE] = State.OUTSIDE
        state[keyframe < 0] = State.BEFORE
        return frozen(state), frozen(keyframe)

    @cached_property
    def _held(self) -> list[Mapping[str, Any]]:
        """K mappings: what holds from each keyframe on. New ones only where keyframes name some of the attributes and not others."""
        held: list[Mapping[str, Any]] = []
        for named in self.keyframe_attributes or [{}] * len(self):
            before = held[-1] if held else {}
            held.append(before if not named else named if before.keys() <= named.keys() else {**before, **named})
        return held


@dataclass(frozen=True)
class Way:
    """Frames between two keyframes of a track, or beyond its last one (`other` None), in the order of the way; `key` is the one they begin at."""

    key: int
    other: int | None
    frames: tuple[int, ...]


def ways(track: Any, times_ns: Int64s, start: int, end: int) -> list[Way]:
    """The frames after `start` up to `end`, forwards or backwards, cut at the track's keyframes; they end where it is OUTSIDE.

    times_ns : (F,) of the frames
    """
    step = 1 if end >= start else -1
    frames = np.arange(start + step, end + step, step)
    filled = track.at(times_ns[frames])
    cut: dict[tuple[int, int | None], list[int]] = {}
    for frame, state, last in zip(frames.tolist(), filled.state.tolist(), filled.keyframe_index.tolist()):
        if state == State.OUTSIDE:
            break
        if state == State.BETWEEN:
            cut.setdefault((last, last + 1) if step > 0 else (last + 1, last), []).append(frame)
        elif state != State.KEYFRAME:
            cut.setdefault((last if step > 0 else 0, None), []).append(frame)
    return [Way(key, other, tuple(between)) for (key, other), between in cut.items()]


class Filled:
    """What every kind of track says of its T times; the dataclasses below it have these fields."""

    track: Any
    times_ns: Int64s
    state: UInt8s
    keyframe_index: Int64s

    @property
    def is_valid(self) -> Bools:
        """(T,) bool: at or between keyframes, and not outside."""
        return self.state <= State.BETWEEN

    @property
    def visibility(self) -> UInt8s:
        """(T,) uint8 of Visibility, of the last keyframe at or before each time; OUTSIDE before the first."""
        values = self.track.visibility[self.keyframe_index]
        return np.where(self.keyframe_index < 0, np.uint8(Visibility.OUTSIDE), values)

    @property
    def attributes(self) -> list[dict[str, Any]]:
        """T mappings: the track's own, and what the keyframes so far said; a value holds until the next keyframe that names it."""
        held = self.track._held
        return [{**self.track.attributes, **(held[i] if i >= 0 else {})} for i in self.keyframe_index]

    def __len__(self) -> int:
        return len(self.times_ns)


def as_codes(field: str, values: Any, shape: tuple[int, ...], kind: type[IntEnum]) -> UInt8s:
    """uint8 codes of `kind` of that shape, all 0 where none are given."""
    if values is None:
        none: UInt8s = frozen(np.zeros(shape, np.uint8))
        return none
    most = _most_code(kind)
    if type(values) is np.ndarray and values.dtype == np.uint8 and values.shape == shape and values.max(initial=0) <= most:
        same: UInt8s = frozen(values.copy())
        return same
    wanted = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)}) codes of {kind.__name__}, 0 to {most}"
    array = as_array(field, values, wanted)
    codes_hold = np.isin(array, [int(code) for code in kind]).all()
    if array.shape != shape or not codes_hold:
        hint = ", ".join(f"{code:d} is {code.name}" for code in kind)
        raise ArgumentError(expected=wanted, got=f"{values!r:.60}", field=field, hint=hint)
    codes: UInt8s = frozen(array.astype(np.uint8))
    return codes


@cache
def _most_code(kind: type[IntEnum]) -> int:
    """The codes of every kind are 0 to this one. Asked for with every track."""
    return int(max(kind))


def code_names(kind: type[IntEnum], codes: UInt8s) -> list[str]:
    """Their names in small letters."""
    names = {int(code): code.name.lower() for code in kind}
    return [names[code] for code in codes.tolist()]


T = TypeVar("T")


def one_after_another(tracks: Sequence[Keyframed]) -> tuple[Int64s, Int64s, UInt8s]:
    """The keyframes of M tracks: (M + 1,) offsets, with those of track m at offsets[m]:offsets[m + 1], their times, and their visibility."""
    offsets = np.zeros(len(tracks) + 1, np.int64)
    stamps = [track.times_ns for track in tracks]
    np.cumsum(list(map(len, stamps)), out=offsets[1:])
    times = np.concatenate([np.zeros(0, np.int64), *stamps])
    return offsets, times, np.concatenate([np.zeros(0, np.uint8), *[track.visibility for track in tracks]])


def items_of(field: str, values: Any, kind: type[T]) -> list[T]:
    """A list of one kind from anything that can be gone through; ArgumentError where something else is among them."""
    hint = f"pass a list of bw.{kind.__name__}"
    try:
        items = list(values)
    except TypeError:
        raise ArgumentError(expected=field, got=type(values).__name__, field=field, hint=hint) from None
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            article = "an" if kind.__name__[0] in "AEIOU" else "a"
            raise ArgumentError(expected=f"{article} {kind.__name__}", got=type(item).__name__, field=f"{field}[{i}]", hint=hint)
    return items
