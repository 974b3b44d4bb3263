"""What a server takes on this machine, asked by this process over loopback: edits a second, what they wait for, frames of points, and its memory.

An edit is one PATCH that moves one keyframe, on disk when it is answered; every client has a connection, a token and a track of its own. Frames are
sweeps of 120,000 points. The server runs as `boxwright serve` does, with the limits of an account lifted, so that not they are measured.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import boxwright as bw

from ..errors import BoxwrightError

__all__ = ["CLIENTS", "Load", "ServerLoad", "server_from_json", "server_load"]

CLIENTS = (1, 8, 32)
N_POINTS = 120_000
_CHILD = """
import sys, boxwright as bw
from boxwright.server import Server
with bw.open_project(sys.argv[1]) as project:
    most = {"writes_per_s": 10**6, "writes_at_once": 1000, "works_at_once": 100}
    server = Server(project, port=0, changes=most)
    print(server.port, flush=True)
    server.run()
"""


@dataclass(frozen=True)
class Load:
    """So many clients at once, each with its next request when the last one is answered.

    per_s : requests that were answered; median_ms, p99_ms : what each took; cpu_ms : of the server's process for each
    """

    what: str
    n_clients: int
    per_s: float
    median_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class ServerLoad:
    """resident_mib : the server's memory before and after each minute of one client that edits and one that reads frames; none where not measured"""

    date: str
    seconds: float
    loads: tuple[Load, ...]
    resident_mib: tuple[float, ...] = ()


def server_from_json(fields: dict[str, Any]) -> ServerLoad:
    return ServerLoad(fields["date"], fields["seconds"], tuple(Load(**one) for one in fields["loads"]), tuple(fields["resident_mib"]))


def server_load(
    seconds: float = 10.0, clients: Sequence[int] = CLIENTS, memory_minutes: int = 0, progress: Callable[[str], None] | None = None
) -> ServerLoad:
    """seconds : of each measurement. ExtraMissing without the extra `serve`."""
    from .. import server  # noqa: F401, says which extra is missing

    told, loads = progress or (lambda line: None), list[Load]()
    with tempfile.TemporaryDirectory(prefix="boxwright-bench-") as name, ExitStack() as stack:
        tokens = _made(Path(name), max([2, *clients]))
        child = stack.enter_context(subprocess.Popen([sys.executable, "-c", _CHILD, str(Path(name) / "project")], stdout=subprocess.PIPE, text=True))
        stack.callback(child.terminate)
        assert child.stdout is not None
        port = int(child.stdout.readline())
        people = [_Client(port, token) for token in tokens]
        for one in people:
            stack.callback(one.connection.close)
        scenes = {one["name"]: one["scene_id"] for one in json.loads(people[0].ask("GET", "/scenes")[1])["scenes"]}
        edits = [_editing(one, scenes["street"], k) for k, one in enumerate(people)]
        frames = {kind: [_reading(one, scenes["clouds"], kind) for one in people] for kind in ("float32", "uint16")}
        works = [("edit, on disk", n, edits) for n in clients]
        works += [(f"{N_POINTS:,} points, {kind}", n, frames[kind]) for kind in frames for n in clients[:2]]
        for what, n, work in works:
            loads.append(_timed(what, work[:n], seconds, child.pid))
            told(_line(loads[-1]))
        memory = [_resident_mib(child.pid)] if memory_minutes else []
        for _ in range(memory_minutes):
            _timed("both", [edits[0], frames["float32"][1]], 60.0, child.pid)
            memory.append(_resident_mib(child.pid))
            told(f"the server has {memory[-1]:.0f} MiB")
    return ServerLoad(datetime.now(UTC).date().isoformat(), seconds, tuple(loads), tuple(memory))


def _line(one: Load) -> str:
    return f"{one.what}, {one.n_clients} at once: {one.per_s:.0f} a second, median {one.median_ms:.1f} ms, 99 % {one.p99_ms:.1f} ms"


def _made(folder: Path, n_clients: int) -> list[str]:
    """A project with a track for each client, and a recording of two sweeps; the tokens of the clients."""
    rng, times = np.random.default_rng(5), np.arange(2, dtype=np.int64) * 10**8
    tracks = [bw.Track(f"car-{k}", "car", times, bw.Cuboids([[k, 0, 0]] * 2, [[4, 2, 1.5]] * 2, 0.1, frame="lidar")) for k in range(n_clients)]
    (folder / "clouds").mkdir()
    for i in range(2):
        rng.normal(0, 30, (N_POINTS, 4)).astype(np.float32).tofile(folder / "clouds" / f"{i:06d}.bin")
    scene = bw.Scene("street", times, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")
    tokens = []
    with bw.create_project(folder / "project") as project:
        project.add_scene(scene)
        project.import_scene(folder / "clouds", name="clouds")
        for k in range(n_clients):
            project.accounts.add(f"client-{k}")
            tokens.append(project.accounts.make_token(f"client-{k}")[1])
    return tokens


class _Client:
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


def _editing(client: _Client, scene_id: str, k: int) -> Callable[[], None]:
    rows = json.loads(client.ask("GET", f"/scenes/{scene_id}/entities?kind=track&kind=keyframe")[1])["entities"]
    track = next(one["id"] for one in rows if one["kind"] == "track" and one["body"]["track_id"] == f"car-{k}")
    one = next(row for row in rows if row["parent_id"] == track)
    rev, n = [one["rev"]], [0]

    def edit() -> None:
        n[0] += 1
        body = {"verb": "move_keyframe", "shape": {"center_m": [float(n[0]), 0.0, 0.0], "size_m": [4.0, 2.0, 1.5], "yaw_rad": 0.1}}
        status, said = client.ask("PATCH", f"/entities/{one['id']}", body, If_Match=f'"{rev[0]}"', Idempotency_Key=str(uuid.uuid4()))
        _check(status == 200, said)
        rev[0] += 1

    return edit


def _reading(client: _Client, scene_id: str, encoding: str) -> Callable[[], None]:
    n = [0]

    def read() -> None:
        n[0] += 1
        status, data = client.ask("GET", f"/scenes/{scene_id}/frames/{n[0] % 2}/points?encoding={encoding}")
        _check(status == 200 and len(data) == N_POINTS * (12 if encoding == "float32" else 6), data)

    return read


def _check(is_right: bool, said: bytes) -> None:
    if not is_right:
        raise BoxwrightError("the server answered something else", got=said[:80].decode("ascii", "replace"), hint="look at its log")


def _timed(what: str, work: Sequence[Callable[[], None]], seconds: float, pid: int) -> Load:
    """All of them at once, for so long."""
    waits: list[list[float]] = [[] for _ in work]
    failed = list[BaseException]()
    end, start, cpu = perf_counter() + seconds, perf_counter(), _cpu_s(pid)

    def go(one: Callable[[], None], mine: list[float]) -> None:
        try:
            while perf_counter() < end and not failed:
                before = perf_counter()
                one()
                mine.append(perf_counter() - before)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=go, args=pair) for pair in zip(work, waits)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    every, spent = np.concatenate(waits) * 1e3, perf_counter() - start
    cpu_ms = (_cpu_s(pid) - cpu) / len(every) * 1e3
    return Load(what, len(work), len(every) / spent, float(np.median(every)), float(np.quantile(every, 0.99)), cpu_ms)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
