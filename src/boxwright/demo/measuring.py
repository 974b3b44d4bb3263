"""Points counted in every cuboid, and every cuboid in every camera."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Float64s, Int64s
from ..containment import points_in_cuboids
from ..projection import project_cuboids
from ..scene import FrameLabels, Scene
from .annotating import Progress

__all__ = ["FrameResult", "measure_frames", "write_measures"]


@dataclass(frozen=True, eq=False)
class FrameResult:
    """The cuboids of a frame, the points inside each, and each camera's boxes of the visible parts (NaN where there is none)."""

    labels: FrameLabels
    n_points: Int64s
    xyxy: dict[str, Float64s]
    truncation: dict[str, Float64s]


def measure_frames(scene: Scene, progress: Progress = lambda: None) -> list[FrameResult]:
    """Counts the points in every cuboid of every frame, and projects every cuboid into every camera.

    progress : called after every frame
    """
    results = []
    for i in range(len(scene)):
        labels = scene.labels(i)
        hits = points_in_cuboids(scene.still_points(i), labels.cuboids)
        boxes = {name: project_cuboids(labels.cuboids, sensor.camera, scene.cam_from(i, name)) for name, sensor in scene.cameras.items()}
        results.append(FrameResult(labels, hits.counts, {n: b.xyxy for n, b in boxes.items()}, {n: b.truncation for n, b in boxes.items()}))
        progress()
    return results


def write_measures(scene: Scene, results: Sequence[FrameResult], path: Path) -> None:
    """A table with one row per cuboid and frame: points inside, and its box in each camera."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        places = ("left_px", "top_px", "right_px", "bottom_px", "truncation")
        table.writerow(["frame_index", "track_id", "category", "n_points", *(f"{name}_{place}" for name in scene.cameras for place in places)])
        for i, result in enumerate(results):
            for m, t in enumerate(result.labels.track_index):
                row: list[Any] = [i, scene.tracks[t].track_id, scene.tracks[t].category, int(result.n_points[m])]
                for name in scene.cameras:
                    figures = (*result.xyxy[name][m], result.truncation[name][m])
                    row += [f"{figure:.2f}" if np.isfinite(figures[0]) else "" for figure in figures]
                table.writerow(row)
