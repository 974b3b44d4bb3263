"""What is measured of batches, from their logs; and docs/scale.md, which is made of it."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

import boxwright as bw
from boxwright.bench import batches, scale, targets
from boxwright.bench.findings import Findings, this_machine
from boxwright.bench.rows import Row
from boxwright.bench.runner import WHOLE_PROCESSES

ROOT = Path(__file__).resolve().parents[1]


def done(at_s, worker, n_frames=10, cpu_s=0.5, peak_mib=100.0):
    return {"event": "done", "at_ns": int(at_s * 1e9), "worker": worker, "n_frames": n_frames, "cpu_s": cpu_s, "peak_mib": peak_mib}


def test_the_clock_starts_when_all_workers_are_at_work():
    rows = [done(5, "a", cpu_s=9), done(6, "a"), done(7, "b", cpu_s=9), done(8, "a", 20, 1.0), done(9, "b"), done(9.5, "a", peak_mib=130)]
    rate = batches.rate_of(rows, {"peak_mib": 120.0, "cpu_s": 0.6})
    assert (rate.n_frames, rate.frames_per_s) == (40, 40 / 2.5)
    assert rate.cpu_ms == pytest.approx(2.5 / 50 * 1e3)
    assert (rate.early_mib, rate.peak_mib, rate.keeping_ms) == (100, 130, pytest.approx(100))
    with pytest.raises(bw.BoxwrightError, match="too few shards"):
        batches.rate_of(rows[:1], {"peak_mib": 1, "cpu_s": 1})


def test_a_small_dataset_is_made_and_measured(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra 'batch')")
    dataset = batches.make_dataset(tmp_path / "data", 12, 2, 2000)
    found = bw.scenes(dataset)
    assert len(found) == 6 and len(found[5].read()) == 2
    first, again = (next((dataset / name / "lidars" / "lidar").iterdir()) for name in (found.names[0], found.names[4]))
    assert os.path.samefile(first, again), "no bytes of its own"  # noqa: PTH121
    rate = batches.measured_rate(dataset, tmp_path / "out", "labels", 1)
    assert rate.n_frames == 10 and rate.frames_per_s > 0 and rate.cpu_ms > 0 and rate.peak_mib < 2000


def test_targets_of_batches():
    one, two, dask = batches.workloads()
    rows = [Row("batch", batches.LABELS_ALONE, name, ms) for name, ms in ((one, 10.0), (two, 5.0), (dask, 6.0))]
    found = Findings(this_machine(), [*rows, Row("batch", batches.WITH_POINTS, one, 60.0)])
    said = {verdict.target.kernel: (verdict.measured, verdict.short_by) for verdict in targets.verdicts(found) if "batch" in verdict.target.kernel}
    assert said["batch, labels checked"] == (10, 0) and said["batch, two processes"] == (2, 0)
    assert said["batch, points checked"] == (60, pytest.approx(0.2)) and said["batch, Dask"] == (1.2, pytest.approx(1.2 / 1.15 - 1))
    assert set(WHOLE_PROCESSES) == {"batch", "startup"}


def test_the_page_of_scale_is_what_was_measured():
    if not (ROOT / "docs").is_dir():
        pytest.skip("needs the checkout, not the wheel")
    found = json.loads((ROOT / "benchmarks" / "batch.json").read_text(encoding="utf-8"))
    assert (ROOT / "docs" / "scale.md").read_text(encoding="utf-8") == scale.page(found)
    again = scale.page({**found, "jobs": [{**job, "cpu_ms": 2 * job["cpu_ms"]} for job in found["jobs"]]})
    core_hours = [float(page.split("fleet-sized")[1].split("|")[1].replace(",", "")) for page in (scale.page(found), again)]
    assert core_hours[1] == pytest.approx(2 * core_hours[0], rel=0.02)


def test_the_extra_has_what_a_local_cluster_needs():
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("needs the checkout, not the wheel")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"dask", "distributed"} <= set(extras["batch"]) and any(name.startswith("pyarrow") for name in extras["batch"])
