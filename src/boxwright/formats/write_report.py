"""What a writer kept and what it could not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import number_of

__all__ = ["Tolerance", "WriteReport", "lost_cameras"]


class Tolerance(NamedTuple):
    """How far a label may move when it is read back: m metres, rad radians."""

    m: float
    rad: float


@dataclass
class WriteReport:
    """The outcome of `write`.

    format, path : what was written, and where
    n_frames, n_tracks, n_labels : frames, tracks and labels written; those in pictures too, where the format holds them as tracks of their own
    dropped : what the format cannot hold, one sentence each
    rounded : what it holds less exactly, one sentence each
    missing : sweeps and pictures that the scene itself does not have, so that there is no file for them, one sentence each
    notes : what whoever reads it has to know, one sentence each
    tolerance : how far a label may move when it is read back, (m, rad), which are tolerance_m and tolerance_rad; tolerance_px in pictures
    """

    format: str
    path: Path
    n_frames: int = 0
    n_tracks: int = 0
    n_labels: int = 0
    dropped: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tolerance_m: float = 0.0
    tolerance_rad: float = 0.0
    tolerance_px: float = 0.0

    @property
    def tolerance(self) -> Tolerance:
        return Tolerance(self.tolerance_m, self.tolerance_rad)

    def __str__(self) -> str:
        lost = [f"  {what}: {line}" for what in ("dropped", "rounded", "missing") for line in getattr(self, what)]
        notes = [f"  note: {line}" for line in self.notes]
        counts = ", ".join(number_of(n, thing) for n, thing in ((self.n_frames, "frame"), (self.n_tracks, "track"), (self.n_labels, "label")))
        return "\n".join([f"{self.format}: {counts} in {self.path}", *lost, *notes])


def lost_cameras(why: Mapping[str, str]) -> list[str]:
    """Which cameras a format cannot hold, for `dropped`: one sentence for each reason, from camera -> reason."""
    names = {reason: [name for name, said in why.items() if said == reason] for reason in dict.fromkeys(why.values())}
    return [f"camera{'s' * (len(of) > 1)} {', '.join(of)}: {reason}" for reason, of in names.items()]
