"""Small datasets for tests of batches, what is compared of two batches, and a batch in a process of its own that may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boxwright as bw
import street
from boxwright.batching.tables import TABLES

WHOLE = ("manifest.jsonl", "errors.parquet", "summary.json", "summary.html")
RUN = """
import json, sys
import boxwright as bw
if __name__ == "__main__":
    path, verbs, out, options = sys.argv[1:]
    print(bw.batch(path, verbs, out, **json.loads(options)))
"""


def some_scene(number: int) -> bw.Scene:
    """The small street; no two are alike."""
    scene = street.scene(f"street-{number}")
    tracks = [track.replace(track_id=f"{track.track_id}-{number}") for track in scene.tracks]
    return scene.replace(tracks=tracks[: 2 + number % 2], cameras={"front": scene.cameras["front"]}, data=Points(scene.data))


class Points:
    """Sweeps without pictures."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def points(self, frame_index: int, sensor: str) -> bw.Sweep:
        return self.data.points(frame_index, sensor)

    def image(self, frame_index: int, camera: str) -> Any:
        raise bw.FrameMissing("no image", field=f"frame {frame_index}")

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return True

    def has_image(self, frame_index: int, camera: str) -> bool:
        return False


def make_dataset(place: Path, n_scenes: int) -> Path:
    for number in range(n_scenes):
        bw.write(some_scene(number), place / f"street-{number}")
    return place


def results(out: Path) -> dict[str, bytes]:
    """Every file of results, by its path in the folder."""
    files = [file for folder in (*TABLES, "converted") for file in (out / folder).rglob("*") if file.is_file()]
    return {str(file.relative_to(out)): file.read_bytes() for file in [*files, *(out / name for name in WHOLE)]}


def log_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def started(dataset: Path, verbs: str, out: Path, **options: Any) -> subprocess.Popen[str]:
    """A batch in a process of its own, which leads a group of its own."""
    script = out.parent / "run_batch.py"
    script.write_text(RUN)
    command = [sys.executable, str(script), str(dataset), verbs, str(out), json.dumps(options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ), start_new_session=True)
