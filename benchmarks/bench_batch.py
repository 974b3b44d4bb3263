"""Whole datasets: frames a second of a batch on one and two processes and on Dask, with checks of labels and of points, and its memory.

    python benchmarks/bench_batch.py [--frames 10000] [--points 120000] [--engines processes dask] [--write] [--quick]

Ten thousand frames take some twenty minutes on two quiet cores, and 0.5 GB of the disk for the dataset, which is made first, outside the clock:
four scenes of 50 frames, and hard links to them. `--write` keeps what was found in benchmarks/batch.json and makes docs/scale.md of it. Exit code 1
where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boxwright as bw
from boxwright.bench.batches import LABELS_ALONE, RULES, SCENE_FRAMES, WITH_POINTS, BatchRate, make_dataset, measured_rate
from boxwright.bench.findings import this_machine
from boxwright.bench.scale import page

ROOT = Path(__file__).resolve().parents[1]
ROW = "| {:<62} | {:>8} | {:>7} | {:>7} | {:>7} | {:>9} | {:>8} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--points", type=int, default=120_000)
    parser.add_argument("--engines", nargs="+", default=["processes", "dask"], choices=["processes", "dask"])
    parser.add_argument("--write", action="store_true", help="keep the figures, and make docs/scale.md of them")
    parser.add_argument("--quick", action="store_true", help="200 frames of 20,000 points; rough")
    asked = parser.parse_args()
    n_frames, n_points = (200, 20_000) if asked.quick else (asked.frames, asked.points)
    scene_frames = min(SCENE_FRAMES, max(n_frames // 8, 1))
    jobs = [(LABELS_ALONE, 1, "processes"), (LABELS_ALONE, 2, "processes"), (WITH_POINTS, 1, "processes")]
    jobs += [(LABELS_ALONE, 2, "dask")] if "dask" in asked.engines else []
    machine, rates = this_machine(), {}
    with tempfile.TemporaryDirectory(prefix="boxwright-bench-") as folder:
        begin = time.perf_counter()
        dataset = make_dataset(Path(folder) / "dataset", n_frames, scene_frames, n_points)
        made_s = time.perf_counter() - begin
        print(f"{n_frames:,} frames of about {n_points:,} points in scenes of {scene_frames}, made in {made_s:.0f} s", flush=True)
        print(ROW.format("job, engine x workers", "frames/s", "a core", "CPU ms", "wall s", "early MiB", "peak MiB"))
        print("|---" + "|--:" * 6 + "|", flush=True)
        for k, (function, n_workers, engine) in enumerate(jobs):
            begin = time.perf_counter()
            rates[function, n_workers, engine] = rate = measured_rate(dataset, Path(folder) / f"out-{k}", RULES[function], n_workers, engine)
            figures = (rate.frames_per_s, rate.frames_per_s / n_workers, rate.cpu_ms, time.perf_counter() - begin, rate.early_mib, rate.peak_mib)
            print(ROW.format(f"{function}, {engine} x {n_workers}", *(f"{value:,.1f}" for value in figures)), flush=True)
        found = {
            **{name: getattr(machine, name) for name in ("date", "cpu", "cores")},
            "load": machine.load or 0.0,
            "n_frames": n_frames,
            "n_points": n_points,
            "scene_frames": scene_frames,
            "frame_mb": size_of(dataset) / n_frames / 1e6,
            "result_kb": size_of(Path(folder) / "out-0") / n_frames / 1e3,
            "encodings": encodings(dataset, Path(folder)),
            "jobs": [{"function": f, "engine": e, "n_workers": n, **asdict(rate)} for (f, n, e), rate in rates.items()],
        }
    if asked.write:
        (ROOT / "benchmarks" / "batch.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (ROOT / "docs" / "scale.md").write_text(page(found), encoding="utf-8")
    sys.exit(judged(rates))


def encodings(dataset: Path, place: Path) -> list[dict[str, Any]]:
    """What a sweep takes of the disk, and of a core to be read, in each way boxwright's own scenes have it."""
    scene = bw.read(dataset, "simulated-000000")
    scene = scene.replace(tracks=[], cameras={}, times_ns=scene.times_ns[:2], frame_ids=scene.frame_ids[:2])
    ways = {
        "PCD, as it is": {},
        "PCD, compressed": {"pcd_encoding": "binary_compressed"},
        "millimetres, compressed (scale_m=0.001)": {"scale_m": 0.001},
    }
    found = []
    for k, (name, options) in enumerate(ways.items()):
        bw.write(scene, place / f"encoded-{k}", **options)
        again, spent = bw.read(place / f"encoded-{k}"), []
        for _ in range(7):
            begin = time.process_time()
            again.points(0)
            spent.append(time.process_time() - begin)
        found.append({"name": name, "mb": size_of(place / f"encoded-{k}" / "lidars") / 2e6, "read_ms": min(spent) * 1e3})
    return found


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def judged(rates: dict[tuple[str, int, str], BatchRate]) -> int:
    """Each target with what was measured; 1 where one is missed."""
    one, two, points = rates[LABELS_ALONE, 1, "processes"], rates[LABELS_ALONE, 2, "processes"], rates[WITH_POINTS, 1, "processes"]
    dask = rates.get((LABELS_ALONE, 2, "dask"))
    grown = max(rate.peak_mib / rate.early_mib for rate in rates.values())
    targets = [
        ("frames/s and core, labels checked", one.frames_per_s, ">=", 60),
        ("frames/s and core, points checked", points.frames_per_s, ">=", 20),
        ("two processes over one", two.frames_per_s / one.frames_per_s, ">=", 1.6),
        ("memory, all shards over the first quarter", grown, "<=", 1.1),
        *([("Dask's time over that of the pool", two.frames_per_s / dask.frames_per_s, "<=", 1.15)] if dask else []),
    ]
    missed = 0
    for name, value, sign, wanted in targets:
        is_met = value >= wanted if sign == ">=" else value <= wanted
        missed += not is_met
        print(f"{name}: {value:.2f}, wanted {sign} {wanted:g}: {'met' if is_met else 'MISSED'}")
    return int(missed > 0)


if __name__ == "__main__":
    main()
