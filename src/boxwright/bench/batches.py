"""Whole datasets: frames a second of a batch, from its first results on, so that what workers take to start is left out; memory at its peak.

The dataset is made before the clock runs: four scenes of one traced drive, and hard links to them for the rest, so that ten thousand frames of 120k
points need no more of the disk than two hundred do, and lie in the memory of the operating system: what is measured is the work, not the disk.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BoxwrightError
from ..formats import write
from ..simulation.repeating import simulate_scenes
from .rows import Row

__all__ = ["LABELS_ALONE", "RULES", "SCENE_FRAMES", "WITH_POINTS", "BatchRate", "batch_rows", "make_dataset", "measured_rate", "workloads"]

VERBS = "fill,count,project,check"
LABELS_ALONE, WITH_POINTS = "fill, count, project, check of labels", "fill, count, project, check of labels and points"
RULES = {LABELS_ALONE: "labels", WITH_POINTS: "labels,points"}
ONE, TWO, DASK = "one process", "two processes", "Dask, two workers"
N_MADE, SCENE_FRAMES = 4, 50
N_FRAMES, N_POINTS = 1000, 120_000


@dataclass(frozen=True)
class BatchRate:
    """What a batch took.

    n_frames : that were counted: those of each worker's shards but the first
    frames_per_s : of the wall clock, all workers together; cpu_ms : of a core, a frame
    early_mib, peak_mib : the most that any process held, in the first quarter of the shards, and in all
    keeping_ms : of a core, what the process that keeps the results takes for each shard, and for starting and ending
    """

    n_frames: int
    frames_per_s: float
    cpu_ms: float
    early_mib: float
    peak_mib: float
    keeping_ms: float


def make_dataset(place: Path, n_frames: int, scene_frames: int = SCENE_FRAMES, n_points: int = N_POINTS) -> Path:
    """So many frames or a few more, in scenes of so many frames each."""
    n_scenes = -(-n_frames // scene_frames)
    made = []
    for scene in simulate_scenes(min(n_scenes, N_MADE), scene_frames, n_points=n_points, n_drives=1):
        write(scene, place / scene.name)
        made.append(place / scene.name)
    for number in range(len(made), n_scenes):
        shutil.copytree(made[number % len(made)], place / f"simulated-{number:06d}", copy_function=os.link)
    return place


def measured_rate(dataset: Path, out: Path, rules: str, n_workers: int, engine: str = "processes") -> BatchRate:
    """Runs a batch in a process of its own, and reads its log."""
    command = [sys.executable, "-m", "boxwright", "batch", VERBS, str(dataset), "--out", str(out), "--rules", rules]
    command += ["--workers", str(n_workers), "--engine", engine, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise BoxwrightError("the batch failed", got=done.stderr.strip()[-200:])
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return rate_of([row for row in rows if row["event"] == "done"], next(row for row in rows if row["event"] == "end"))


def rate_of(done: Sequence[dict[str, Any]], end: dict[str, Any]) -> BatchRate:
    """From the lines of a log: of each worker, its first shard starts the clock, which holds its imports and first calls."""
    started: set[str] = set()
    counted, begin_ns = [], 0
    for row in done:
        if row["worker"] in started:
            counted.append(row)
        else:
            started.add(row["worker"])
            begin_ns = row["at_ns"]  # all of them are at work from here on
    late = [row for row in counted if row["at_ns"] > begin_ns]
    if not late:
        raise BoxwrightError("too few shards to be measured", got=str(len(done)), hint="take more frames")
    n_frames = sum(row["n_frames"] for row in late)
    quarter = done[: max(len(done) // 4, len(started))]
    return BatchRate(
        n_frames,
        n_frames / ((late[-1]["at_ns"] - begin_ns) * 1e-9),
        sum(row["cpu_s"] for row in counted) / sum(row["n_frames"] for row in counted) * 1e3,
        max(row["peak_mib"] for row in quarter),
        max(end["peak_mib"], *(row["peak_mib"] for row in done)),
        end["cpu_s"] / len(done) * 1e3,
    )


def _title(n_points: int, workload: str) -> str:
    return f"{n_points // 1000}k points a frame, {workload}"


def workloads() -> tuple[str, ...]:
    """The full ones: one process, two, Dask."""
    return tuple(_title(N_POINTS, workload) for workload in (ONE, TWO, DASK))


def batch_rows(quick: bool = False) -> Iterator[Row]:
    """Milliseconds of the wall clock for each frame; nothing where Parquet cannot be written (extra `batch`)."""
    if importlib.util.find_spec("pyarrow") is None:
        return
    n_frames, scene_frames, n_points = (12, 2, 20_000) if quick else (N_FRAMES, SCENE_FRAMES, N_POINTS)
    jobs = [(LABELS_ALONE, ONE, 1, "processes"), (LABELS_ALONE, TWO, 2, "processes"), (WITH_POINTS, ONE, 1, "processes")]
    if importlib.util.find_spec("distributed") is not None:
        jobs.append((LABELS_ALONE, DASK, 2, "dask"))
    with tempfile.TemporaryDirectory(prefix="boxwright-bench-") as folder:
        dataset = make_dataset(Path(folder) / "dataset", n_frames, scene_frames, n_points)
        for k, (function, workload, n_workers, engine) in enumerate(jobs[:1] if quick else jobs):
            rate = measured_rate(dataset, Path(folder) / f"out-{k}", RULES[function], n_workers, engine)
            yield Row("batch", function, _title(n_points, workload), 1e3 / rate.frames_per_s, memory_mib=rate.peak_mib)
