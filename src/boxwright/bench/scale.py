"""docs/scale.md, made of what benchmarks/bench_batch.py measured: what large jobs cost, and what they wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .batches import LABELS_ALONE, WITH_POINTS
from .tables import number

__all__ = ["page"]

BUSY = 0.5
JOBS = (
    ("nuScenes-sized", 40_000, "1,000 scenes of 40 key frames"),
    ("Waymo-sized", 230_000, "1,150 segments of 200 frames"),
    ("fleet-sized", 36_000_000, "1,000 hours at 10 frames a second"),
)
MACHINES = ((2, "2 cores"), (32, "32 cores"), (640, "20 machines of 32 cores"))
SOURCES = (("a hard disk", 150), ("a SATA SSD, or 4 Gbit/s of network", 500), ("10 Gbit/s of network", 1200), ("an NVMe SSD", 3000))

TEXT = """# What large jobs cost

Made by `python benchmarks/bench_batch.py --write`. Do not edit it by hand.

{date}, {cpu}, {cores} cores: {n_frames} frames of about {n_points} points, {frame_mb} MB each, in scenes of {scene_frames} frames.{busy}

{measured}

Frames a second are of the wall clock, once all workers are at work. The files lie in the memory of the operating system: the work is measured, and
not the disk. Memory is that of the largest process.

## By these rates

{costs}

That is as long as nothing but the cores is waited for, which the next part looks at; reckoned from the CPU time of a frame. Sweeps of another size
and frames with more or fewer than some 40 labels cost in proportion: about half is for points, half for labels.

{volumes}

## What is waited for, and what to change then

**The disk, first.** A core reads {core_mb_s} MB in a second ({rate} frames of {frame_mb} MB), so a disk does not feed many of them:

{sources}

- Verbs that read no sweeps (`fill`, `project`, `check --rules labels`, `score`) do not wait for it: run them apart from the others.
- Verbs that do read sweeps belong into one batch, `fill,count,project,check`: the second reading of a scene finds it in memory.
- Smaller files. Of boxwright's own scenes:

{encodings}

- Lay the data where the work is: each machine its part, on an NVMe disk of its own, and one batch for each part, not all machines on one share.

**The network, then.** With Dask only tables go back over it, {result_kb} kB a frame. Sweeps do where workers read a share: the row above of the
network is then what all machines together get.

**The process that keeps the results, last.** It takes {keeping_ms} ms of a core for each shard, its start and its end shared out, so it
keeps up with {shards_s} shards a second: what {kept_cores} cores make of scenes of {scene_frames} frames. It also waits for the disk to have
each file, several at a time, while the workers have the next shard already. Small scenes share a shard, some 64 MB of them, so that datasets of
scenes of a single frame cost about the same. Beyond that, split the dataset into several batches; their folders open as one, as
`tables-*/labels/*.parquet`.

**Memory** does not grow with the dataset, except for half a kilobyte a shard (digests, and the list of what is done): half a gigabyte for a million
shards. A worker holds a scene's labels and one sweep. **Files**: each shard has one for each table, so a million shards make millions of small ones;
join them when a batch is done: `COPY (SELECT * FROM 'tables/labels/*.parquet') TO 'labels.parquet'` in DuckDB.

**Starting**: a process takes a second or two until its first shard is under way (imports, kernels from the disk), a Dask cluster three to eight.
Kernels are compiled once for each user and machine, up to half a minute: `boxwright warmup` on every machine, before the batch.

## What is made up

The frames are those of `boxwright simulate OUT --scenes N --frames M --points 120000 --drives 1`: one drive whose light is traced, and others that
repeat it, each point measured anew (2 cm along its beam), in another place and at another time; the benchmark has hard links to four such scenes. So
files have the size, the beams and the labels of a street, all scenes of one drive have the same street and traffic, and what checks find in one they
find in all. Speed and memory may be read off such data; how good anything is may not.

A sweep of 120,000 points takes half a second to trace and some 20 ms to repeat; `--drives` says how many drives are traced.
"""


def page(found: Mapping[str, Any]) -> str:
    """The whole page; found : what bench_batch.py wrote into benchmarks/batch.json"""
    one = _of(found, LABELS_ALONE)
    rate = 1e3 / one["cpu_ms"]
    shards_s = 1e3 / one["keeping_ms"]
    return TEXT.format(
        **{key: found[key] for key in ("date", "cpu", "cores", "scene_frames")},
        n_frames=f"{found['n_frames']:,}",
        n_points=f"{found['n_points']:,}",
        frame_mb=f"{found['frame_mb']:.1f}",
        result_kb=f"{found['result_kb']:.1f}",
        busy=f" **The machine was busy with other work (load {found['load']:.1f}): frames a second are too low.**" if found["load"] > BUSY else "",
        measured=_measured(found),
        costs=_costs(found),
        volumes=_table(["job", "to be read", "tables"], [_volume(found, name, n) for name, n, _ in JOBS]),
        core_mb_s=f"{rate * found['frame_mb']:.0f}",
        rate=f"{rate:.0f}",
        sources=_table(
            ["where the sweeps lie", "MB/s", "cores it feeds"],
            [[name, f"{mb_s:,}", f"{mb_s / (rate * found['frame_mb']):.1f}"] for name, mb_s in SOURCES],
        ),
        encodings=_table(
            ["a sweep as", "MB", "ms of a core to read"], [[one["name"], f"{one['mb']:.2f}", f"{one['read_ms']:.1f}"] for one in found["encodings"]]
        ),
        keeping_ms=f"{one['keeping_ms']:.1f}",
        shards_s=f"{shards_s:,.0f}",
        kept_cores=f"{shards_s * found['scene_frames'] / rate:,.0f}",
    )


def _of(found: Mapping[str, Any], function: str) -> Mapping[str, Any]:
    """The run of one process, or of as many as were measured."""
    return min((job for job in found["jobs"] if job["function"] == function), key=lambda job: (job["engine"] != "processes", job["n_workers"]))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([f"| {' | '.join(head)} |", "|---|" + "--:|" * (len(head) - 1), *(f"| {' | '.join(row)} |" for row in rows)])


def _measured(found: Mapping[str, Any]) -> str:
    names = ("frames_per_s", "cpu_ms", "early_mib", "peak_mib")
    rows = [[f"{job['function']}: {job['engine']}, {job['n_workers']}", *(number(job[name]) for name in names)] for job in found["jobs"]]
    return _table(["verbs: engine, workers", "frames/s", "CPU ms a frame", "MiB, first quarter", "MiB, at the peak"], rows)


def _costs(found: Mapping[str, Any]) -> str:
    rows = []
    for name, n_frames, what in JOBS:
        for function in (LABELS_ALONE, WITH_POINTS):
            core_h = n_frames * _of(found, function)["cpu_ms"] / 3.6e6
            rows.append([f"{name} ({what}): {function}", f"{core_h:,.1f}", *(_duration(core_h / cores) for cores, _ in MACHINES)])
    return _table(["job", "core hours", *(name for _, name in MACHINES)], rows)


def _volume(found: Mapping[str, Any], name: str, n_frames: int) -> list[str]:
    return [name, _bytes(n_frames * found["frame_mb"]), _bytes(n_frames * found["result_kb"] / 1e3)]


def _duration(hours: float) -> str:
    if hours < 1.5:
        return f"{hours * 60:.0f} min" if hours >= 1 / 60 else f"{hours * 3600:.0f} s"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"


def _bytes(mb: float) -> str:
    return f"{mb / 1e6:,.1f} TB" if mb >= 1e6 else f"{mb / 1e3:,.1f} GB"
