"""What was measured of one function on one input."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

__all__ = ["RivalTime", "Row"]


@dataclass(frozen=True)
class RivalTime:
    """What a rival took. median_ms is None where it was not timed; `note` says why, or how its result compares."""

    name: str
    median_ms: float | None
    first_call_ms: float | None
    ratio: float | None
    note: str
    leaves_out: str = ""
    is_absent: bool = False
    is_wrong: bool = False


@dataclass(frozen=True)
class Row:
    """One of our functions on one workload.

    first_call_ms : holds loading or compiling of the kernel
    rivals : ratio is the rival's median over ours
    read_bytes, written_bytes : the input once and the result once, the least that any method must move; None where that says nothing
    memory_mib : what the process grew by at the most, the result included; None where the system does not tell
    error : how far our result is from the truth, where there is one
    """

    verb: str
    function: str
    workload: str
    median_ms: float
    first_call_ms: float | None = None
    rivals: tuple[RivalTime, ...] = ()
    read_bytes: int | None = None
    written_bytes: int | None = None
    memory_mib: float | None = None
    error: float | None = None

    @property
    def fastest(self) -> RivalTime | None:
        """The fastest rival that does the whole job within the clock."""
        timed = [rival for rival in self.rivals if rival.median_ms is not None and not rival.leaves_out]
        return min(timed, key=lambda rival: rival.median_ms or 0.0, default=None)

    @property
    def lost_to(self) -> list[RivalTime]:
        """Every rival that does the whole job, and sooner; the fastest first."""
        won = [rival for rival in self.rivals if rival.ratio is not None and rival.ratio < 1 and not rival.leaves_out]
        return sorted(won, key=lambda rival: rival.ratio or 0.0)

    @property
    def is_wrong(self) -> bool:
        """A rival's result differed."""
        return any(rival.is_wrong for rival in self.rivals)

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Row:
        return cls(**{**fields, "rivals": tuple(RivalTime(**rival) for rival in fields["rivals"])})
