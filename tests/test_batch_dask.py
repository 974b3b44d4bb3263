"""Dask as an engine: the same bytes, on loopback alone, with workers that share no folder, one of which dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

import batches
import boxwright as bw

distributed = pytest.importorskip("distributed", reason="Dask's distributed is not installed (extra 'batch')")
psutil = pytest.importorskip("psutil", reason="psutil comes with Dask's distributed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra 'batch')")

from boxwright.batching.dask_engine import open_dask  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # other people's


def test_a_local_cluster_gives_what_threads_give(tmp_path):
    dataset = batches.make_dataset(tmp_path / "dataset", 3)
    bw.batch(dataset, "fill,count", tmp_path / "threads", engine="threads")
    report = bw.batch(dataset, "fill,count", tmp_path / "dask", engine="dask", n_workers=1)
    assert report.n_computed == 3 and batches.results(tmp_path / "dask") == batches.results(tmp_path / "threads")
    assert bw.batch(dataset, "fill,count", tmp_path / "dask", engine="dask", n_workers=1).n_computed == 0


def listening() -> set[str]:
    """The addresses at which this process and what it started wait for others."""
    here = psutil.Process()
    connections = [one for process in (here, *here.children(recursive=True)) for one in process.net_connections("inet")]
    return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}


def test_a_local_cluster_is_on_loopback_and_keeps_its_memory():
    before = listening()
    with open_dask(1, None) as engine:
        assert listening() - before <= {"127.0.0.1", "::1"} and "127.0.0.1" in listening()
        assert engine.n_workers == 1
        for name, least in (("MALLOC_TRIM_THRESHOLD_", 1 << 30), ("MALLOC_MMAP_THRESHOLD_", 32 << 20)):
            (said,) = engine._client.run(os.getenv, name).values()
            assert int(said) == least
        (one,) = engine._client.run(os.getenv, "OMP_NUM_THREADS").values()
        assert one == "1"


def test_nobody_is_there(tmp_path):
    dataset = batches.make_dataset(tmp_path / "dataset", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boxwright.batching.dask_engine.PATIENCE_S", 1)
        with pytest.raises(bw.ArgumentError, match=r"scheduler: no Dask scheduler can be reached: got 'tcp://127\.0\.0\.1:9'"):
            bw.batch(dataset, "fill", tmp_path / "out", engine="dask", scheduler="tcp://127.0.0.1:9")


@pytest.fixture
def cluster(tmp_path):
    """start(role, folder, *arguments, **environment) starts a scheduler or a worker on loopback; all are killed at the end."""
    running = []

    def start(role, folder, *arguments, **environment):
        folder.mkdir(exist_ok=True)
        common = ["--scheduler-file", str(tmp_path / "scheduler.json"), "--host", "127.0.0.1", "--no-dashboard"]
        command = [sys.executable, "-m", f"distributed.cli.dask_{role}", *common, *arguments]
        with (folder / "log").open("w") as log:
            running.append(subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def scheduler_at(tmp_path):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            return json.loads((tmp_path / "scheduler.json").read_text())["address"]
        except (OSError, ValueError):
            time.sleep(0.05)
    pytest.fail("the scheduler did not start")


@pytest.mark.parametrize("n_scenes", [12, pytest.param(60, marks=pytest.mark.full)])
def test_two_workers_without_a_common_folder_one_of_which_is_killed(tmp_path, cluster, n_scenes):
    """What the one who asks has of the sweeps is damaged, so that right counts can come from the workers' own copies alone."""
    good = batches.make_dataset(tmp_path / "good", n_scenes)
    bw.batch(good, "fill,count", tmp_path / "threads", engine="threads")
    mine = tmp_path / "mine"
    shutil.copytree(good, mine)
    for sweep in mine.rglob("*.pcd"):
        sweep.write_bytes(b"damaged")
    cluster("scheduler", tmp_path / "s", "--port", "0")
    address = scheduler_at(tmp_path)
    workers = []
    for name in ("a", "b"):
        own = tmp_path / name
        own.mkdir()
        shutil.copytree(good, own / "copy")
        paths = f"/elsewhere=/nowhere:{mine}={own / 'copy'}"
        arguments = ("--nthreads", "1", "--no-nanny", "--local-directory", str(own))
        workers.append(cluster("worker", own, *arguments, BOXWRIGHT_BATCH_PATHS=paths, OMP_NUM_THREADS="1"))
    with distributed.Client(address, timeout=60) as client:
        client.wait_for_workers(2, timeout=120)
    lost = []

    def kill_one(said):
        if said.n_done == 3:
            os.kill(workers[0].pid, signal.SIGKILL)
            lost.append(said)

    report = bw.batch(mine, "fill,count", tmp_path / "out", engine="dask", scheduler=address, progress=kill_one)
    assert lost and workers[0].wait(30) == -signal.SIGKILL
    assert (report.n_computed, report.n_failed) == (n_scenes, 0), report.errors
    wanted, found = (batches.results(tmp_path / name) for name in ("threads", "out"))
    assert {name for name in wanted if found[name] != wanted[name]} <= {"manifest.jsonl", "summary.html"}, "but for where it was read"
    assert workers[1].poll() is None, "who is left did what the other one had begun"


def test_convert_needs_a_folder_that_the_worker_sees(tmp_path, cluster):
    dataset = batches.make_dataset(tmp_path / "dataset", 1)
    cluster("scheduler", tmp_path / "s", "--port", "0")
    address = scheduler_at(tmp_path)
    cluster("worker", tmp_path / "w", "--nthreads", "1", "--no-nanny", BOXWRIGHT_BATCH_PATHS=f"{tmp_path / 'out'}={tmp_path / 'w' / 'out'}")
    report = bw.batch(dataset, "fill,convert", tmp_path / "out", engine="dask", scheduler=address, to="mot")
    assert report.n_failed == 1 and "does not see the batch's folder" in report.errors[0]["message"] and report.n_rows["labels"] > 0
    assert not (tmp_path / "w" / "out").exists() and not (tmp_path / "out" / "converted").exists()
