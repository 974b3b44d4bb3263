"""What the server takes on this machine, from a second process on loopback: edits a second and what they wait for, with 1, 8 and 32 clients, and
frames of points a second.

    python benchmarks/bench_server.py [--seconds 10] [--clients 1 8 32] [--memory-minutes 10]

An edit is one PATCH that moves one keyframe, on disk when it is answered; every client has a connection, a token and a track of its own. Frames are
sweeps of 120,000 points, as float32 and as uint16. The server runs as `boxwright serve` does, with the usual limits lifted so that not they are
measured. `--memory-minutes` goes on reading frames and editing for so long, and tells the server's resident memory at the beginning and the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import boxwright as bw

ROW = "| {:<34} | {:>8} | {:>10} | {:>9} | {:>9} |"
N_POINTS = 120_000
CHILD = """
import sys, boxwright as bw
from boxwright.server import Server
with bw.open_project(sys.argv[1]) as project:
    most = {"writes_per_s": 10**6, "writes_at_once": 1000, "works_at_once": 100}
    server = Server(project, port=0, changes=most)
    print(server.port, flush=True)
    server.run()
"""


def make(folder: Path, n_clients: int) -> list[str]:
    """A project with a track for each client, and a recording of two sweeps; the tokens of the clients."""
    rng, times = np.random.default_rng(5), np.arange(2, dtype=np.int64) * 10**8
    tracks = [bw.Track(f"car-{k}", "car", times, bw.Cuboids([[k, 0, 0]] * 2, [[4, 2, 1.5]] * 2, 0.1, frame="lidar")) for k in range(n_clients)]
    (folder / "clouds").mkdir()
    for i in range(2):
        rng.normal(0, 30, (N_POINTS, 4)).astype(np.float32).tofile(folder / "clouds" / f"{i:06d}.bin")
    scene = bw.Scene("street", times, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")
    with bw.create_project(folder / "project") as project:
        project.add_scene(scene)
        project.import_scene(folder / "clouds", name="clouds")
        tokens = []
        for k in range(n_clients):
            project.accounts.add(f"client-{k}")
            tokens.append(project.accounts.make_token(f"client-{k}")[1])
    return tokens


class Client:
    """One connection that stays."""

    def __init__(self, port: int, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        sent = {**self.headers, **{key.replace("_", "-"): value for key, value in headers.items()}}
        data = None if body is None else json.dumps(body).encode()
        sent |= {} if data is None else {"Content-Type": "application/json"}
        self.connection.request(method, f"/api/v1{path}", data, sent)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def editing(client: Client, scene_id: str, k: int) -> Callable[[], None]:
    rows = json.loads(client.ask("GET", f"/scenes/{scene_id}/entities?kind=track&kind=keyframe")[1])["entities"]
    track = next(one["id"] for one in rows if one["kind"] == "track" and one["body"]["track_id"] == f"car-{k}")
    one = next(row for row in rows if row["parent_id"] == track)
    rev, n = [one["rev"]], [0]

    def edit() -> None:
        n[0] += 1
        body = {"verb": "move_keyframe", "shape": {"center_m": [float(n[0]), 0.0, 0.0], "size_m": [4.0, 2.0, 1.5], "yaw_rad": 0.1}}
        status, said = client.ask("PATCH", f"/entities/{one['id']}", body, If_Match=f'"{rev[0]}"', Idempotency_Key=str(uuid.uuid4()))
        assert status == 200, said
        rev[0] += 1

    return edit


def reading(client: Client, scene_id: str, encoding: str) -> Callable[[], None]:
    n = [0]

    def read() -> None:
        n[0] += 1
        status, data = client.ask("GET", f"/scenes/{scene_id}/frames/{n[0] % 2}/points?encoding={encoding}")
        assert status == 200 and len(data) == N_POINTS * (12 if encoding == "float32" else 6)

    return read


def timed(work: list[Callable[[], None]], seconds: float) -> list[str]:
    """number a second, and the median and 99th percentile of what each took, of so many clients at once"""
    waits: list[list[float]] = [[] for _ in work]
    end = time.perf_counter() + seconds

    def go(one: Callable[[], None], mine: list[float]) -> None:
        while time.perf_counter() < end:
            start = time.perf_counter()
            one()
            mine.append(time.perf_counter() - start)

    threads = [threading.Thread(target=go, args=pair) for pair in zip(work, waits)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every, spent = np.concatenate(waits), time.perf_counter() - start
    return [f"{len(every) / spent:,.0f} /s", f"{np.median(every) * 1e3:.1f} ms", f"{np.quantile(every, 0.99) * 1e3:.1f} ms"]


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--memory-minutes", type=float, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        tokens = make(Path(name), max(options.clients))
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(Path(name) / "project")], stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline())
            clients = [Client(port, token) for token in tokens]
            scenes = {one["name"]: one["scene_id"] for one in json.loads(clients[0].ask("GET", "/scenes")[1])["scenes"]}
            edits = [editing(client, scenes["street"], k) for k, client in enumerate(clients)]
            print(ROW.format("what", "clients", "rate", "median", "99 %"))
            print(ROW.format("-" * 34, "-" * 8, "-" * 10, "-" * 9, "-" * 9))
            for n in options.clients:
                print(ROW.format("edit, on disk", n, *timed(edits[:n], options.seconds)), flush=True)
            for encoding in ("float32", "uint16"):
                for n in options.clients[:2]:
                    work = [reading(client, scenes["clouds"], encoding) for client in clients[:n]]
                    print(ROW.format(f"{N_POINTS:,} points, {encoding}", n, *timed(work, options.seconds)), flush=True)
            if options.memory_minutes:
                before = resident_mib(child.pid)
                timed([edits[0], reading(clients[1], scenes["clouds"], "float32")], 60 * options.memory_minutes)
                print(f"resident memory: {before:.0f} MiB, after {options.memory_minutes:g} min {resident_mib(child.pid):.0f} MiB")
        finally:
            child.terminate()
            child.wait()


if __name__ == "__main__":
    main()
