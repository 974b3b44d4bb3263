"""A batch that is killed at any moment and run again gives what an undisturbed one gives, and computes nothing twice but what was in flight."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import batches
from boxwright.batching.engines import PER_WORKER

pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra 'batch')")

VERBS = "fill,count,project,check,convert"
OPTIONS = {"to": "kitti_tracking", "rules": "labels", "shard_scenes": 2}
N_SCENES, N_WORKERS = 18, 2


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A dataset, what a run over it gives, and how long that takes."""
    place = tmp_path_factory.mktemp("kills")
    dataset = batches.make_dataset(place / "dataset", N_SCENES)
    begin = time.monotonic()
    run = batches.started(dataset, VERBS, place / "out", engine="processes", n_workers=N_WORKERS, **OPTIONS)
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0 and re.search(r": (\d+) shards, \1 computed", out), err
    return dataset, batches.results(place / "out"), time.monotonic() - begin


def begun(out: Path) -> int:
    return sum(row["event"] == "begun" for row in batches.log_of(out)) if (out / "log.jsonl").is_file() else 0


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def killed(dataset: Path, out: Path, engine: str, wait_s: float, *, from_first_shard: bool) -> bool:
    """Starts a run and kills it after so long, from its start or from its first shard on; whether it was still running. Its workers end with it."""
    before = begun(out)
    run = batches.started(dataset, VERBS, out, engine=engine, n_workers=N_WORKERS, **OPTIONS)
    while from_first_shard and run.poll() is None and begun(out) == before:
        time.sleep(0.005)
    try:
        run.wait(wait_s)
    except Exception:
        workers = children(run.pid)
        os.kill(run.pid, signal.SIGKILL)
        run.communicate(timeout=60)
        end = time.monotonic() + 60
        while any(map(is_alive, workers)):
            assert time.monotonic() < end, "workers outlive the run"
            time.sleep(0.01)
        return True
    assert run.returncode == 0, run.communicate()[1]
    run.communicate()
    return False


def check_and_finish(dataset: Path, out: Path, wanted: dict[str, bytes], n_kills: int) -> None:
    run = batches.started(dataset, VERBS, out, engine="processes", n_workers=N_WORKERS, **OPTIONS)
    said, err = run.communicate(timeout=300)
    assert run.returncode == 0 and "0 failed" in said, err
    found = batches.results(out)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if found[name] != wanted[name]] == []
    assert not list(out.rglob(".*")), "half-written files are left"
    rows = batches.log_of(out)
    starts = Counter(row["shard"] for row in rows if row["event"] == "begun")
    done = set()
    for row in rows:
        assert row["event"] != "begun" or row["shard"] not in done, f"{row['shard']} was done and was computed again"
        if row["event"] == "done":
            done.add(row["shard"])
    assert N_SCENES / 4 <= len(starts) < N_SCENES and len(done) == len(starts)
    assert sum(starts.values()) - len(starts) <= n_kills * PER_WORKER * N_WORKERS


def test_killed_a_few_times(undisturbed, tmp_path):
    dataset, wanted, _ = undisturbed
    rng, out, n_kills = np.random.default_rng(4), tmp_path / "out", 0
    for engine in ("threads", "processes", "threads"):
        n_kills += killed(dataset, out, engine, rng.uniform(0.02, 0.25), from_first_shard=True)
    assert n_kills >= 2, "the runs were over before they could be killed"
    check_and_finish(dataset, out, wanted, n_kills)


@pytest.mark.full
def test_killed_twenty_times(undisturbed, tmp_path):
    dataset, wanted, lasts_s = undisturbed
    rng, n_kills, n_folders = np.random.default_rng(5), 0, 0
    while n_kills < 20:
        n_folders += 1
        out, n_here = tmp_path / f"out-{n_folders}", 0
        for _ in range(10):
            anywhere = n_kills % 2 == 0
            wait_s = rng.uniform(0, lasts_s) if anywhere else rng.uniform(0, 0.3)
            if not killed(dataset, out, ("processes", "threads")[n_kills % 3 == 2], wait_s, from_first_shard=not anywhere):
                break
            n_kills, n_here = n_kills + 1, n_here + 1
        check_and_finish(dataset, out, wanted, n_here)
