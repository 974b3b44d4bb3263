"""What a conversion would meet and lose: everything is read, leniently, and nothing is kept on disk."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import widened
from ..errors import BoxwrightError, ExtraMissing, SensorFrameFallback, number_of
from ..outputs import as_path
from ..point_labels import PointLabels
from ..points import Sweep
from ..problems import Problem
from ..scene import NoData, Scene
from . import SceneEntry, check_writable, scenes, writer_of
from .point_label_files import labels_with_points
from .sensor_files import SensorFiles
from .write_report import WriteReport

__all__ = ["DryRun", "dry_run"]


@dataclass
class DryRun:
    """The outcome of `dry_run`.

    scenes : names of those that were looked at
    problems : everything that strict reading or writing would refuse, or that could not be read at all; the record is None for a whole file
    notes : what the readers had to assume or leave out, as `scene.notes`
    warnings : sweeps that hold points which are not finite, one sentence for each LiDAR: they are read and kept, but never counted
    dropped, rounded, missing : as in a WriteReport. A note or one of these that several scenes share comes once, with their number
    """

    format: str
    scenes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def dry_run(
    path: Any, scene: str | None = None, format: str | None = None, to: str = "boxwright", *, progress: Callable[[], Any] = lambda: None
) -> DryRun:
    """Reads one scene, or all where none is named, with all sweeps and pictures, and writes them nowhere.

    Labels are read leniently, sweeps in full; pictures are not decoded: their headers, checksums and ends are looked at.
    to : the format whose losses are told; progress : called once for each scene
    """
    check_writable(to, "to")
    found = scenes(as_path(path), format)
    result = DryRun(to)
    said: dict[str, dict[str, list[str]]] = {"notes": {}, "dropped": {}, "rounded": {}, "missing": {}}
    for entry in found if scene is None else [found[scene]]:
        result.scenes.append(entry.name)
        notes, report = _one(entry, to, result)
        for name, lines in said.items():
            for line in dict.fromkeys(notes if name == "notes" else getattr(report, name)):
                lines.setdefault(line, []).append(entry.name)
        progress()
    for name, lines in said.items():
        setattr(result, name, [_with_scenes(line, where, len(result.scenes)) for line, where in lines.items()])
    return result


def _with_scenes(line: str, where: list[str], n_scenes: int) -> str:
    return line if n_scenes == 1 else f"{where[0]}: {line}" if len(where) == 1 else f"{line} (in {number_of(len(where), 'scene')})"


def _one(entry: SceneEntry, to: str, result: DryRun) -> tuple[Sequence[str], WriteReport]:
    """The scene's notes, and what its writing loses."""
    report = WriteReport(to, Path())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SensorFrameFallback)  # a note says it too
            recording = entry.read(strict=False)
    except ExtraMissing:
        raise
    except BoxwrightError as error:
        result.problems.append(Problem(error))
        return (), report
    result.problems += recording.problems
    thin = _Thin()
    for name in recording.lidars:
        _check_sweeps(recording, name, thin, result)
        _check_point_labels(recording, name, thin, result)
    for name in recording.cameras:
        _check_images(recording, name, thin, result)
    edits = [edit if edit.runs is None else replace(edit, runs=edit.runs[:0]) for edit in recording.point_edits]  # of points that are not there
    with tempfile.TemporaryDirectory(prefix="boxwright-") as folder:
        try:
            writer_of(to)(recording.replace(data=thin, point_label_data=thin, point_edits=edits), Path(folder), report)
        except BoxwrightError as error:
            result.problems.append(Problem(error))
    return [*recording.notes, *report.notes], report


class _Thin(NoData):
    """What a writer needs to say what it would lose: one point of every sweep, with its labels, one pixel of every picture."""

    def __init__(self) -> None:
        self.sweeps: dict[tuple[int, str], Sweep] = {}
        self.images: set[tuple[int, str]] = set()
        self.labels: dict[tuple[int, str], PointLabels] = {}

    def points(self, frame_index: int, sensor: str) -> Sweep:
        return self.sweeps[frame_index, sensor]

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return np.zeros((1, 1, 3), np.uint8)

    def point_labels(self, frame_index: int, sensor: str) -> PointLabels:
        return self.labels[frame_index, sensor]

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return (frame_index, sensor) in self.sweeps

    def has_point_labels(self, frame_index: int, sensor: str) -> bool:
        return (frame_index, sensor) in self.labels

    def has_image(self, frame_index: int, camera: str) -> bool:
        return (frame_index, camera) in self.images


def _check_sweeps(recording: Scene, name: str, thin: _Thin, result: DryRun) -> None:
    bad: list[tuple[str, int]] = []
    for i in range(len(recording)):
        if not recording.has_points(i, name):
            continue
        try:
            sweep = recording.points(i, name)
        except BoxwrightError as error:
            result.problems.append(Problem(error))
            continue
        thin.sweeps[i, name] = _worst_point(sweep)
        n_bad = len(sweep) - int(np.count_nonzero(sweep.is_finite))
        if n_bad:
            bad.append((f"{n_bad:,} of {len(sweep):,} in frame {i}", n_bad))
    if bad:
        most = max(bad, key=lambda item: item[1])[0]
        result.warnings.append(f"{recording.name}: points that are not finite in {number_of(len(bad), 'sweep')} of {name}, the most of them {most}")


def _check_point_labels(recording: Scene, name: str, thin: _Thin, result: DryRun) -> None:
    for i in range(len(recording)):
        if not recording.has_point_labels(i, name):
            continue
        try:
            labels = labels_with_points(recording, i, name)
        except BoxwrightError as error:
            result.problems.append(Problem(error))
            continue
        n = len(thin.sweeps[i, name]) if (i, name) in thin.sweeps else 0
        thin.labels[i, name] = PointLabels(labels.class_id[:n], labels.instance_id[:n], labels.classes, labels.instances)


def _worst_point(sweep: Sweep) -> Sweep:
    """The point that float32 would move most, alone."""
    place = widened(sweep.xyz) + np.asarray(sweep.origin_m)
    with np.errstate(invalid="ignore", over="ignore"):
        change = np.abs(place.astype(np.float32) - place).max(1, initial=0)
    k = int(np.argmax(np.where(np.isfinite(change), change, -1))) if len(sweep) else 0
    part = slice(k, k + 1)
    return Sweep(
        np.array(sweep.xyz[part]),
        sweep.timestamp_ns,
        sweep.frame,
        None if sweep.intensity is None else np.array(sweep.intensity[part]),
        None if sweep.time_offset_ns is None else np.array(sweep.time_offset_ns[part]),
        {name: np.array(values[part]) for name, values in sweep.fields.items()},
        sweep.origin_m,
    )


def _check_images(recording: Scene, name: str, thin: _Thin, result: DryRun) -> None:
    for i in range(len(recording)):
        if not recording.has_image(i, name):
            continue
        try:
            if isinstance(recording.data, SensorFiles):
                recording.data.check_image(i, name)
            else:
                recording.image(i, name)
        except BoxwrightError as error:
            result.problems.append(Problem(error))
            continue
        thin.images.add((i, name))
