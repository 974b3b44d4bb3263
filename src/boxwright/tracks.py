"""One object over time: keyframes a person (or a solver) set, and every time between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from .arrays import Int64s, UInt8s, as_times_ns, frozen
from .cuboids import Cuboids
from .errors import ArgumentError

__all__ = ["Origin", "State", "Track", "Visibility"]


class Visibility(IntEnum):
    """What a keyframe says about its object."""

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


@dataclass(frozen=True, eq=False)
class Track:
    """One object over time.

    times_ns : (K,) int64, increasing
    cuboids : K cuboids in one frame; the world frame wherever the scene has poses
    visibility : (K,) of Visibility. An OUTSIDE keyframe ends a visible span: it holds the pose the curve runs to, and from its time on the object is
        gone until the next keyframe. Curves never reach across such a break.
    origin : (K,) of Origin
    attributes : what holds for the whole track
    keyframe_attributes : K mappings of what may change; a value holds until the next keyframe that names it
    method : interpolation of the centre between keyframes
    source_attributes, keyframe_source_attributes : fields of a file that boxwright has no name for, kept for the way back
    """

    track_id: str
    category: str
    times_ns: Int64s
    cuboids: Cuboids
    visibility: UInt8s = None  # type: ignore[assignment]
    origin: UInt8s = None  # type: ignore[assignment]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    keyframe_attributes: Sequence[Mapping[str, Any]] = ()
    method: str = "makima"
    source_attributes: Mapping[str, Any] = field(default_factory=dict)
    keyframe_source_attributes: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        name = f"track {self.track_id!r}"
        times = as_times_ns(f"{name}.times_ns", self.times_ns, increasing=True)
        n = len(times)
        if n == 0:
            raise ArgumentError(expected="at least one keyframe", got="none", field=name)
        if len(self.cuboids) != n:
            raise ArgumentError(expected=f"{n} cuboids, one per keyframe", got=str(len(self.cuboids)), field=f"{name}.cuboids")
        object.__setattr__(self, "times_ns", frozen(times.copy()))
        for column, kind in (("visibility", Visibility), ("origin", Origin)):
            given = getattr(self, column)
            values = np.zeros(n, np.uint8) if given is None else np.asarray(given, np.uint8)
            if values.shape != (n,) or (n and values.max() > max(kind)):
                raise ArgumentError(expected=f"({n},) codes of {kind.__name__}", got=f"{np.asarray(given)!r:.60}", field=f"{name}.{column}")
            object.__setattr__(self, column, frozen(values.copy()))
        for column in ("keyframe_attributes", "keyframe_source_attributes"):
            rows = getattr(self, column)
            if rows and len(rows) != n:
                raise ArgumentError(expected=f"{n} mappings, one per keyframe", got=str(len(rows)), field=f"{name}.{column}")

    def __len__(self) -> int:
        return len(self.times_ns)

    def replace(self, **changes: Any) -> Track:
        """A copy with some fields new."""
        return dataclasses.replace(self, **changes)

    def take(self, index: Any) -> Track:
        """The track with only the keyframes picked by a mask, slice or index array."""
        which = np.arange(len(self))[index]
        return self.replace(
            times_ns=self.times_ns[which],
            cuboids=self.cuboids[which],
            visibility=self.visibility[which],
            origin=self.origin[which],
            keyframe_attributes=[self.keyframe_attributes[i] for i in which] if self.keyframe_attributes else (),
            keyframe_source_attributes=[self.keyframe_source_attributes[i] for i in which] if self.keyframe_source_attributes else (),
        )

    def __repr__(self) -> str:
        return f"Track({self.track_id!r}, {self.category!r}, {len(self)} keyframes, frame={self.cuboids.frame!r})"
