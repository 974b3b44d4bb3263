"""What checking a scene finds: one Finding for each thing that is wrong, and all of them as table, JSON and CSV."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from ..cuboids import table_library
from ..errors import ArgumentError
from ..scene import Scene
from .suggestions import Suggestion, all_applied

__all__ = ["Finding", "Findings", "Severity", "label_digest"]


class Severity(IntEnum):
    """How bad a finding is."""

    INFORMATION = 0  # to know, nothing to mend
    WARNING = 1  # may well be right: look at it
    ERROR = 2  # cannot be right

    @classmethod
    def named(cls, name: str) -> Severity:
        """From its name in small letters."""
        for severity in cls:
            if severity.name.lower() == name:
                return severity
        raise ArgumentError(expected="error, warning or information", got=repr(name), field="severity")


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that is wrong, or may be.

    rule : id of the rule that found it
    severity : of Severity
    frame_index, last_frame_index : the frames it is about, both included
    worst_frame_index : the frame where it is worst
    timestamp_ns : of the worst frame
    track_ids, categories : the tracks it is about, the one to look at first; none where it is about the whole recording
    sensor : camera or LiDAR it is about, or None
    value, threshold, unit : what was measured at its worst, and what is allowed
    message : one sentence
    suggestion : a correction that can be applied, or None
    finding_id : the same for the same rule, tracks and time, whatever else is in the scene and however far off the label is
    label_digest : of the labels it is about; another one when they have changed, so that a verdict on it no longer holds
    """

    rule: str
    severity: Severity
    frame_index: int
    last_frame_index: int
    worst_frame_index: int
    timestamp_ns: int
    track_ids: tuple[str, ...]
    categories: tuple[str, ...]
    sensor: str | None
    value: float
    threshold: float
    unit: str
    message: str
    suggestion: Suggestion | None = None
    finding_id: str = ""
    label_digest: str = ""
    members: Sequence[Finding] = field(default=(), repr=False)

    @property
    def n_frames(self) -> int:
        return self.last_frame_index - self.frame_index + 1

    @property
    def frames(self) -> range:
        return range(self.frame_index, self.last_frame_index + 1)

    def is_stale(self, scene: Scene) -> bool:
        """Whether the labels it is about are no longer as they were checked, or gone."""
        if any(track_id not in scene.track_index for track_id in self.track_ids) or self.last_frame_index >= len(scene):
            return True
        return label_digest(scene, self.track_ids, self.frame_index, self.last_frame_index) != self.label_digest

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; no number that is not finite."""
        row = self.row()
        row["track_ids"], row["categories"] = list(self.track_ids), list(self.categories)
        row["suggestion"] = None if self.suggestion is None else self.suggestion.to_dict()
        row["members"] = [one.to_dict() for one in self.members]
        return row

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Finding:
        """From what `to_dict` gives, without the members of a group. ArgumentError where it is something else."""
        try:
            frames = {key: int(said[key]) for key in ("frame_index", "last_frame_index", "worst_frame_index", "timestamp_ns")}
            texts = {key: str(said[key]) for key in ("rule", "unit", "message", "finding_id", "label_digest")}
            names = {key: tuple(str(name) for name in said[key]) for key in ("track_ids", "categories")}
            numbers = {key: math.nan if said[key] is None else float(said[key]) for key in ("value", "threshold")}
            severity, sensor, mending = Severity.named(said["severity"]), said["sensor"], said.get("suggestion")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ArgumentError):
                raise
            hint = "take it as Finding.to_dict gives it"
            raise ArgumentError(expected="a finding", got=f"{said!r:.60}", field="finding", hint=hint) from None
        suggestion = None if mending is None else Suggestion.from_dict(mending)
        return cls(severity=severity, sensor=sensor, suggestion=suggestion, **frames, **texts, **names, **numbers)  # type: ignore[arg-type]

    def row(self) -> dict[str, Any]:
        """One row of a table: texts and numbers only."""
        return {
            "finding_id": self.finding_id,
            "rule": self.rule,
            "severity": self.severity.name.lower(),
            "frame_index": self.frame_index,
            "last_frame_index": self.last_frame_index,
            "worst_frame_index": self.worst_frame_index,
            "timestamp_ns": self.timestamp_ns,
            "track_ids": " ".join(self.track_ids),
            "categories": " ".join(self.categories),
            "sensor": self.sensor,
            "value": _finite(self.value),
            "threshold": _finite(self.threshold),
            "unit": self.unit,
            "message": self.message,
            "suggestion": None if self.suggestion is None else self.suggestion.sentence,
            "label_digest": self.label_digest,
        }

    def __str__(self) -> str:
        return f"{self.severity.name.lower()}: {self.message}"


class Findings(tuple[Finding, ...]):
    """Findings of one scene, worst first.

    scene_name, n_frames, n_cuboids : what was checked; n_cuboids counts labels in all frames
    rules : ids of the rules that ran
    notes : what could not be checked and why, one sentence each
    """

    scene_name: str
    n_frames: int
    n_cuboids: int
    rules: tuple[str, ...]
    notes: tuple[str, ...]

    def __new__(
        cls,
        findings: Iterable[Finding] = (),
        *,
        scene_name: str = "",
        n_frames: int = 0,
        n_cuboids: int = 0,
        rules: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> Findings:
        self = super().__new__(cls, sorted(findings, key=_worst_first))
        self.scene_name, self.n_frames, self.n_cuboids = scene_name, n_frames, n_cuboids
        self.rules, self.notes = tuple(rules), tuple(notes)
        return self

    def where(
        self, *, rule: str | None = None, severity: Severity | str | None = None, track: str | None = None, frame: int | None = None
    ) -> Findings:
        """Those of one rule, of a severity or worse, about a track, about a frame; all that is given must hold."""
        least = Severity.named(severity) if isinstance(severity, str) else severity
        return self._with(
            one
            for one in self
            if rule in (None, one.rule)
            and (least is None or one.severity >= least)
            and (track is None or track in one.track_ids)
            and (frame is None or one.frame_index <= frame <= one.last_frame_index)
        )

    def _with(self, findings: Iterable[Finding]) -> Findings:
        return Findings(findings, scene_name=self.scene_name, n_frames=self.n_frames, n_cuboids=self.n_cuboids, rules=self.rules, notes=self.notes)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each severity, the worst first."""
        return {severity.name.lower(): sum(one.severity == severity for one in self) for severity in sorted(Severity, reverse=True)}

    def by_id(self, finding_id: str) -> Finding | None:
        return next((one for one in self if one.finding_id == finding_id), None)

    def applied(self, scene: Scene) -> tuple[Scene, int]:
        """A scene with the suggested corrections in it, and how many; where two change one track, that of the worse finding is taken."""
        return all_applied(scene, (one.suggestion for one in self if one.suggestion is not None))

    def to_dict(self) -> dict[str, Any]:
        """Everything, as what JSON can hold."""
        return {
            "scene": self.scene_name,
            "n_frames": self.n_frames,
            "n_cuboids": self.n_cuboids,
            "counts": self.counts,
            "rules": list(self.rules),
            "notes": list(self.notes),
            "findings": [one.to_dict() for one in self],
        }

    def to_json(self) -> str:
        """One JSON document."""
        return json.dumps(self.to_dict(), allow_nan=False, indent=1) + "\n"

    def to_csv(self) -> str:
        """CSV, one row each. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
        return csv_of([self])

    def _columns(self) -> dict[str, list[Any]]:
        rows = [one.row() for one in self]
        return {name: [row[name] for row in rows] for name in COLUMNS}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row each (extra `table`)."""
        return table_library("pandas").DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row each (extra `table`)."""
        return table_library("pyarrow").table(self._columns())

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in self.counts.items())
        return f"Findings({self.scene_name!r}, {counts})"


COLUMNS = (
    "finding_id",
    "rule",
    "severity",
    "frame_index",
    "last_frame_index",
    "worst_frame_index",
    "timestamp_ns",
    "track_ids",
    "categories",
    "sensor",
    "value",
    "threshold",
    "unit",
    "message",
    "suggestion",
    "label_digest",
)


def csv_of(several: Sequence[Findings]) -> str:
    """The findings of several scenes as one CSV; a column says which scene."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["scene", *COLUMNS])
    for findings in several:
        for one in findings:
            row = one.row()
            writer.writerow([_harmless(value) for value in (findings.scene_name, *(row[name] for name in COLUMNS))])
    return text.getvalue()


def _worst_first(one: Finding) -> tuple[Any, ...]:
    """Some thresholds are the least and some the most that may be: how many times it is passed, whichever way."""
    value, threshold = abs(one.value), abs(one.threshold)
    times = max(value, threshold) / max(min(value, threshold), 1e-9) if threshold and math.isfinite(value) else 0.0
    return (-one.severity, -times, one.frame_index, one.rule, one.track_ids)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _harmless(value: Any) -> Any:
    """A cell no spreadsheet runs (OWASP, CSV injection)."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return "" if value is None else value


def finding_id(rule: str, track_ids: Sequence[str], times_ns: tuple[int, int], sensor: str | None) -> str:
    """16 hexadecimal digits of SHA-256 over what a finding is about."""
    about = json.dumps([rule, list(track_ids), list(times_ns), sensor]).encode()
    return hashlib.sha256(about).hexdigest()[:16]


def label_digest(scene: Scene, track_ids: Sequence[str], first: int, last: int) -> str:
    """16 hexadecimal digits of SHA-256 over the class, attributes and keyframes of tracks in these frames and at the keyframe on either side.

    Poses count to the tenth of a millimetre.
    """
    digest = hashlib.sha256()
    for track_id in track_ids:
        track = scene.track(track_id)
        begin = max(int(np.searchsorted(track.times_ns, scene.times_ns[first], side="left")) - 1, 0)
        end = min(int(np.searchsorted(track.times_ns, scene.times_ns[last], side="right")) + 1, len(track))
        rows = slice(begin, end)
        said: list[Mapping[str, Any]] = [track.attributes, *(track.keyframe_attributes[rows] if track.keyframe_attributes else ())]
        digest.update(json.dumps([track_id, track.category, [dict(one) for one in said]], sort_keys=True, default=str).encode())
        pose = np.column_stack([track.cuboids.center_m[rows], track.cuboids.size_m[rows], track.cuboids.quat_wxyz[rows]])
        digest.update(track.times_ns[rows].tobytes() + track.visibility[rows].tobytes() + (np.round(pose * 1e4) + 0.0).astype(np.int64).tobytes())
    return digest.hexdigest()[:16]
