"""What a certificate says: what each reader found, whether that is good enough, and the sentences that tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..errors import number_of
from ..formats.declared import Exactness, spelled
from ..formats.write_report import WriteReport
from .contents import Compared
from .fields import LostField
from .measured import CuboidErrors, ShapeErrors

__all__ = ["KINDS", "Certificate", "Reading", "kinds_of"]

KINDS = {"cuboids": "cuboid", "shapes": "shape in pictures", "segmentation": "sweep of labelled points", "tags": "tag"}
_IN_WORDS = {"shapes": "shapes in pictures", "full_rotation": "roll and pitch", "video": "tracks in pictures", "segmentation": "labels of points"}


def kinds_of(labels: Mapping[str, tuple[int, int]], how: str) -> str:
    """Numbers of labels in words. labels : kind -> (how many there were, how many came back)"""
    said = [how.format(came=f"{came:,}", what=_counted(n, KINDS[kind])) for kind, (n, came) in labels.items()]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _counted(n: int, kind: str) -> str:
    first, *rest = kind.split(" ")
    return " ".join([number_of(n, first), *rest])


def _moved(what: str, by: float, allowed: float, unit: str) -> str:
    if not by:
        return f"no {what} moved"
    return f"no {what} moved by more than {spelled(by)} {unit}, allowed {'are ' + spelled(allowed) if allowed else 'is nothing'}"


def _same_contents(one: Compared) -> str:
    if one.kind == "sweeps":
        return f"in {number_of(one.n, 'sweep')} with {number_of(one.n_values, 'point')} {_moved('point', one.moved, one.allowed, 'm')}"
    said = f"in {number_of(one.n, 'picture')} "
    return said + (f"means of blocks changed by up to {spelled(one.moved)} of 255 levels" if one.allowed else "no pixel changed")


@dataclass(frozen=True)
class Reading:
    """What one reader found in what was written.

    read_with : "boxwright", or a client with its version
    frame : the frame of reference the cuboids are compared in
    exact : how far a label may move; m holds the rounding of float64 at the scene's coordinates too
    labels : kind of label ("cuboids", "shapes", "segmentation", "tags") -> how many there were, how many came back; without kinds nobody gave
    n_made : of the shapes, those that were made of the cuboids that were given, where the format has such in their place; else None
    cuboids, shapes : by class, "all" first; empty where the scene has none, or the format holds none. Where the format loses roll and pitch, against
        the cuboids as they are without; `tilted` tells how far those that have any are from where they were
    time_error_ns : the furthest that a stamp moved; None where no time was told. Where the format tells times only partly, from the first frame on
    n_frames_lost, n_extra : frames that are gone, which are no reason where they hold nothing that the format can hold; labels that nobody gave
    lost : fields of which something is gone
    reasons : why it does not hold, one sentence each
    contents : what was compared of sweeps and pictures; nothing where none came back
    skipped : which labels a client leaves out by design, as the format declares; "" where none
    """

    read_with: str
    frame: str
    exact: Exactness
    labels: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    cuboids: tuple[CuboidErrors, ...] = ()
    tilted: CuboidErrors | None = None
    shapes: tuple[ShapeErrors, ...] = ()
    time_error_ns: int | None = None
    n_frames_lost: int = 0
    n_extra: int = 0
    lost: tuple[LostField, ...] = ()
    reasons: tuple[str, ...] = ()
    n_made: int | None = None
    contents: tuple[Compared, ...] = ()
    skipped: str = ""

    @property
    def holds(self) -> bool:
        return not self.reasons

    @property
    def corner_m(self) -> float:
        """The furthest that any corner moved, with what the format does not hold; NaN where no cuboid came back."""
        moved = [one.corner_m for one in (*self.cuboids[:1], self.tilted) if one is not None]
        return float(np.fmax.reduce(moved)) if moved else np.nan

    @property
    def allowed(self) -> dict[str, float]:
        """Of `exact`, what belongs to labels and times that were compared."""
        units = [*(["m", "rad"] if self.cuboids else []), *(["px"] if self.shapes else []), *(["ns"] if self.time_error_ns is not None else [])]
        return {unit: getattr(self.exact, unit) for unit in units}

    @property
    def summary(self) -> str:
        """How many labels came back, and how far they moved."""
        if not self.labels and not self.contents:
            return "nothing could be compared" if self.reasons else "there were no labels to compare"
        labels = {kind: counts for kind, counts in self.labels.items() if kind != "cuboids" or self.n_made is None}
        said = [f"{kinds_of(labels, '{came} of {what}')} came back"] if labels else []
        if self.n_made is not None and "cuboids" in self.labels:
            n_cuboids, among = self.labels["cuboids"][0], ", which are among these shapes" if self.n_made else ""
            said.append(f"{number_of(n_cuboids, 'cuboid')} became {_counted(self.n_made, 'box in pictures')} by design{among}")
        if self.corner_m == self.corner_m:
            if self.tilted is None:
                said.append(_moved("corner", self.corner_m, self.exact.m, "m"))
            else:
                why = f"as {number_of(self.tilted.n_given, 'cuboid')} lost roll and pitch"
                but = _moved("corner", self.cuboids[0].corner_m, self.exact.m, "m")
                said.append(f"corners moved by up to {spelled(self.corner_m)} m, {why}; but for that, {but}")
        if self.shapes and self.shapes[0].edge_px == self.shapes[0].edge_px:
            said.append(_moved("edge", self.shapes[0].edge_px, self.exact.px, "px"))
        said += [_same_contents(one) for one in self.contents]
        said += [self.skipped] if self.skipped else []
        return "; ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = {kind: {"n_given": n, "n_came_back": came} for kind, (n, came) in self.labels.items()}
        return {**asdict(self), "labels": counts, "exact": self.allowed, "corner_m": self.corner_m, "holds": self.holds, "summary": self.summary}


@dataclass(frozen=True)
class Certificate:
    """The outcome of `certify`.

    format : what was written; report : what its writer said
    readings : our reader's, and that of the platform's client where it is installed
    notes : what was not looked at, and why
    holds : whether every label came back within the format's tolerance, nothing is gone but what the format says it loses, and not all of it is gone;
        of a field that the format holds partly, all only where the writer's report names it. Cameras that came back have lenses that were given
    """

    format: str
    report: WriteReport
    readings: tuple[Reading, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        return all(reading.holds for reading in self.readings)

    @property
    def reasons(self) -> list[str]:
        return [f"read with {reading.read_with}: {reason}" for reading in self.readings for reason in reading.reasons]

    @property
    def lost(self) -> Sequence[LostField]:
        """What our reader does not find again."""
        return self.readings[0].lost

    @property
    def lines(self) -> list[str]:
        """The verdict, what came of the labels by each reader, what the format does not hold, and why the certificate does not hold."""
        ours, *others = self.readings
        verdict = "does not hold" if not self.holds else f"holds for what {self.format} can hold" if self.lost else "holds"
        found = [f"the certificate {verdict}: {ours.summary}", *[f"read with {one.read_with}: {one.summary}" for one in others if one.labels]]
        gone = ", ".join(f"{_IN_WORDS.get(one.field, one.field.replace('_', ' '))} ({one.n_lost:,} of {one.n_given:,})" for one in self.lost)
        return [*found, *([f"not wholly in it: {gone}"] if gone else []), *self.reasons]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": self.format,
            "holds": self.holds,
            "lines": self.lines,
            "readings": [reading.to_dict() for reading in self.readings],
            "notes": list(self.notes),
            "dropped": self.report.dropped,
        }

    def __str__(self) -> str:
        return "\n  ".join([f"{self.format}: {self.lines[0]}", *self.lines[1:]])
