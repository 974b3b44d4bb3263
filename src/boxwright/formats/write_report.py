"""What a writer kept and what it could not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from ..errors import number_of

__all__ = ["EDGES", "EXPOSURES", "Told", "Tolerance", "WriteReport", "lost_cameras"]

EDGES = "which keypoints are joined"  # in the place of a name
EXPOSURES = "when cameras exposed"  # in the place of a name: of times that are not the frames'


class Told(str):
    """A sentence of a report, and what of a scene it is about, which certificates hold against what is gone.

    fields : names of FIELDS of declared.py, with blanks between; none for what no field counts, such as a scene's name
    of : the names it is about, of tracks, cameras, LiDARs, classes, attributes, tags, kinds of shapes; None where it tells no names
    n : how many it is about, where it tells no names, as certificates count the field; None for all there are
    """

    def __new__(cls, fields: str, text: str, of: Iterable[str] | None = None, n: int | None = None) -> Self:
        told = super().__new__(cls, text)
        told.fields, told.of, told.n = frozenset(fields.split()), None if of is None else frozenset(of), n
        return told

    fields: frozenset[str]
    of: frozenset[str] | None
    n: int | None

    def __getnewargs__(self) -> tuple[str, str, frozenset[str] | None, int | None]:  # type: ignore[override]
        return " ".join(sorted(self.fields)), str(self), self.of, self.n


class Tolerance(NamedTuple):
    """How far a label may move when it is read back: m metres, rad radians."""

    m: float
    rad: float


@dataclass
class WriteReport:
    """The outcome of `write`.

    format, path : what was written, and where
    n_frames, n_tracks, n_labels : frames, tracks and labels written; those in pictures too, where the format holds them as tracks of their own
    dropped : what the format cannot hold, one sentence each, which knows what it is about
    rounded : what it holds less exactly, one sentence each
    missing : sweeps and pictures that the scene itself does not have, so that there is no file for them, one sentence each
    notes : what whoever reads it has to know, one sentence each
    track_names : what the files call tracks that the scene calls otherwise -> track_id, of formats that number them
    tolerance : how far a label may move when it is read back, (m, rad), which are tolerance_m and tolerance_rad; tolerance_px in pictures,
        tolerance_ns of the frames' stamps, where files count at a rate; tolerance_points_m of the coordinates of points
    """

    format: str
    path: Path
    n_frames: int = 0
    n_tracks: int = 0
    n_labels: int = 0
    dropped: list[Told] = field(default_factory=list)
    rounded: list[Told] = field(default_factory=list)
    missing: list[Told] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    track_names: dict[str, str] = field(default_factory=dict)
    tolerance_m: float = 0.0
    tolerance_rad: float = 0.0
    tolerance_px: float = 0.0
    tolerance_ns: int = 0
    tolerance_points_m: float = 0.0

    @property
    def tolerance(self) -> Tolerance:
        return Tolerance(self.tolerance_m, self.tolerance_rad)

    def __str__(self) -> str:
        lost = [f"  {what}: {line}" for what in ("dropped", "rounded", "missing") for line in getattr(self, what)]
        notes = [f"  note: {line}" for line in self.notes]
        counts = ", ".join(number_of(n, thing) for n, thing in ((self.n_frames, "frame"), (self.n_tracks, "track"), (self.n_labels, "label")))
        return "\n".join([f"{self.format}: {counts} in {self.path}", *lost, *notes])


def lost_cameras(why: Mapping[str, str], fields: str = "calibration pictures") -> list[Told]:
    """Which cameras a format cannot hold, for `dropped`: one sentence for each reason, from camera -> reason. fields : what is gone with them"""
    names = {reason: [name for name, said in why.items() if said == reason] for reason in dict.fromkeys(why.values())}
    return [Told(fields, f"camera{'s' * (len(of) > 1)} {', '.join(of)}: {reason}", of) for reason, of in names.items()]
