"""The writer of KITTI tracking; the layout is drawn in kitti_tracking.py, the rows are those of kitti_label_rows.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import ArgumentError, number_of
from ..scene import Scene
from .kitti_label_rows import SAME, categories_in_words, ignored_rows, label_rows, row_text, say_what_is_lost, truncated_class
from .kitti_tracking_sensors import TRACKING, Rig, calibration_text, put, rig_of, sizes_without_pictures, write_images, write_poses, write_sweeps
from .write_report import Told, WriteReport

__all__ = ["write"]

_DECIMALS = 6  # of the numbers in KITTI's own files


def write(scene: Scene, folder: Path, report: WriteReport, *, sequence: str | None = None) -> None:
    """Writes `training/` into `folder`, which exists and is empty.

    sequence : four digits; by default the scene's name where it is such a name, else 0000
    """
    if not scene.lidars:
        raise ArgumentError(
            "KITTI tracking needs a LiDAR: its cuboids stand upright in the LiDAR's frame",
            field=f"scene {scene.name!r}",
            hint="add one, or write another format",
        )
    if sequence is None:
        sequence = scene.name if re.fullmatch(r"[0-9]{4}", scene.name) else "0000"
    elif not re.fullmatch(r"[0-9]{4}", sequence):
        raise ArgumentError(expected="four digits", got=repr(sequence), field="sequence")
    if sequence != scene.name:
        report.dropped.append(Told("", f"the scene's name {scene.name!r}: it is sequence {sequence}"))
    report.tolerance_m = report.tolerance_rad = SAME
    base = folder / "training"
    rig = rig_of(scene, report)
    put(base / "calib" / f"{sequence}.txt", calibration_text(rig.rows, sizes_px=sizes_without_pictures(scene, rig, range(len(scene)))))
    (base / "label_02").mkdir()
    with (base / "label_02" / f"{sequence}.txt").open("w", encoding="ascii", newline="\n") as file:
        file.writelines(_label_lines(scene, rig, report))
    write_poses(scene, folder / "poses" / f"{sequence}.csv", report)
    stems = [f"{i:06d}" for i in range(len(scene))]
    write_sweeps(scene, base / "velodyne" / sequence, stems, report)
    write_images(scene, base, sequence, stems, rig, report)
    say_what_is_lost(scene, report)
    if list(scene.frame_ids) != stems:
        report.dropped.append(Told("frame_names", "the frames' names: they are numbered"))
    report.n_frames = len(scene)


def _label_lines(scene: Scene, rig: Rig, report: WriteReport) -> Iterator[str]:
    """By frame, and in it by number, the regions without labels first."""
    numbers = _track_numbers(scene, report)
    categories = categories_in_words(scene, report)
    ignored: dict[int, list[str]] = {}
    for columns in ignored_rows(scene, report):
        frame = int(columns["frame_index"])
        text = f"{frame} -1 DontCare {row_text(columns, truncated_class(columns['truncated'], 0.0), _DECIMALS)}\n"
        ignored.setdefault(frame, []).append(text)
    waiting = sorted(ignored)
    for frame, rows in label_rows(scene, lambda frame_index: rig, report, truncated_class, _DECIMALS):
        while waiting and waiting[0] <= frame:
            yield from ignored[waiting.pop(0)]
        lines = []
        for k, text in rows:
            track = scene.tracks[k]
            number = numbers[track.track_id]
            lines.append((number, f"{frame} {number} {categories[track.category]} {text}\n"))
        yield from (text for _, text in sorted(lines, key=lambda line: line[0]))
    for frame in waiting:
        yield from ignored[frame]


def _track_numbers(scene: Scene, report: WriteReport) -> dict[str, int]:
    """track_id -> KITTI's number: the id itself where it is one."""
    numbers = {t.track_id: int(t.track_id) for t in scene.tracks if re.fullmatch(r"0|[1-9][0-9]{0,8}", t.track_id)}
    taken = set(numbers.values())
    free = (i for i in range(10**9) if i not in taken)
    others = [track.track_id for track in scene.tracks if track.track_id not in numbers]
    for track_id in others:
        numbers[track_id] = next(free)
        report.track_names[str(numbers[track_id])] = track_id
    if others:
        said = f"{number_of(len(others), 'track id')} not a whole number under a billion, such as {others[0]!r}: numbered here"
        in_pictures = [f"{track_id}/{TRACKING.format(2)}" for track_id in others]
        report.dropped.append(Told("track_ids", said, [*others, *in_pictures]))
    return numbers
