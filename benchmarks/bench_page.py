"""What the page takes, in a headless Chromium that draws in software: the first frame, frame changes, fits, drawing, and memory over many frames.

    python benchmarks/bench_page.py [--frames 1000] [--points 100000]

A recording of simulated points is made for it, so that a frame has as many as are asked for. Prints a table; needs the extra 'test' and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import boxwright as bw
from boxwright.server import Server
from browsing import Browsed, browser_or_skip

FRAMES = 40


def recording(folder, n_points):
    """A street of boxes on a plane, seen by a LiDAR that goes along it."""
    rng = np.random.default_rng(3)
    times = 1_700_000_000_000_000_000 + np.arange(FRAMES) * 100_000_000
    trajectory = bw.Trajectory(np.append(times, times[-1] + 10**8), [bw.Pose.from_yaw(0.0, (0.8 * i, 0, 0)) for i in range(FRAMES + 1)])
    places = [(12.0 + 9 * k, 4.0 * (-1) ** k) for k in range(30)]
    tracks = [
        bw.Track(f"car-{k}", "car", times[[0, -1]], bw.Cuboids([[x, y, 0.8]] * 2, [[4.4, 1.8, 1.6]] * 2, 0.0, frame="world"))
        for k, (x, y) in enumerate(places)
    ]
    data = {}
    for i in range(FRAMES):
        n_cars = n_points // 5 // len(places)
        ground = np.column_stack([rng.uniform(-60, 60, (n_points - n_cars * len(places), 2)), rng.normal(0, 0.02, n_points - n_cars * len(places))])
        cars = []
        for x, y in places:
            face = rng.uniform([-2.2, -0.9, 0], [2.2, 0.9, 1.6], (n_cars, 3))
            axis = rng.integers(0, 2, n_cars)
            face[np.arange(n_cars), axis] = np.array([2.2, 0.9])[axis] * rng.choice([-1, 1], n_cars)
            cars.append(np.add(face, (x - 0.8 * i, y, 0)))
        xyz = np.concatenate([ground, *cars]).astype(np.float32)
        data[i, "lidar"] = bw.Sweep(xyz, int(times[i]), intensity=rng.integers(0, 255, len(xyz)).astype(np.uint8))
    from formats_scenes import MemoryData

    lidars = {"lidar": bw.Lidar("lidar", bw.Pose.identity(), ((0.0, 0.0, 1.8),))}
    bw.write(bw.Scene("street", times, lidars, {}, trajectory, tracks, data=MemoryData(data, {})), folder / "street")


def cpu_s():
    """CPU time of this process, where the server runs, and of the browser's that are alive: what a busy machine does not stretch."""
    rows = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            rest = place.read_text().rpartition(")")[2].split()
            rows[int(place.parent.name)] = (int(rest[1]), int(rest[11]) + int(rest[12]))
    mine, before = {os.getpid()}, 0
    while len(mine) != before:
        before = len(mine)
        mine |= {pid for pid, (parent, _) in rows.items() if parent in mine}
    return sum(rows[pid][1] for pid in mine if pid in rows) / os.sysconf("SC_CLK_TCK")


def first_frame_s(site):
    """(seconds, CPU seconds) from the address to points and cuboids on the screen."""
    context = site.browser.new_context(viewport={"width": 1500, "height": 900})
    page = context.new_page()
    start, cpu = time.perf_counter(), cpu_s()
    page.goto(f"{site.server.start_url('anna')}&scene=street")
    while not page.evaluate(
        "() => Boolean(window.boxwright?.space?.drawn && window.boxwright.frames.pointsFrame === 0 && window.boxwright.space.shown.length)"
    ):
        page.wait_for_timeout(5)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    taken = time.perf_counter() - start, cpu_s() - cpu
    context.close()
    return taken


CHANGE = """async (frame) => {
  const { state } = boxwright;
  const start = performance.now();
  const framed = new Promise((done) => state.addEventListener('framed', done, { once: true }));
  state.go(frame);
  await framed;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  return performance.now() - start;
}"""
FIT = """async () => {
  const { state, space, api } = boxwright;
  const one = space.shown.find((each) => each.name === 'car-1');
  const click = [one.cuboid.center[0] - 2.2, one.cuboid.center[1] - 0.3, 0.8];
  const start = performance.now();
  await api.post(`/scenes/${state.scene.id}/frames/${state.frame}/fit`, { click_m: click, frame: 'world', category: 'car' });
  return performance.now() - start;
}"""
DRAW = """async () => {
  const { space } = boxwright;
  const start = performance.now();
  for (let k = 0; k < 20; k += 1) {
    space.big.camera.position.x += 0.01;
    space.draw();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const gl = space.renderer.getContext();
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }
  return (performance.now() - start) / 20;
}"""

MOVE = """async () => {
  const { space } = boxwright;
  const start = performance.now();
  for (let k = 0; k < 20; k += 1) {
    space.big.camera.position.x += 0.01;
    space.big.controls.update();
    await new Promise((done) => requestAnimationFrame(done));
  }
  return (performance.now() - start) / 20;
}"""


def memory(page, n):
    """(MB of script's heap before, after, geometries of the renderer before, after) over n frame changes."""
    session = page.page.context.new_cdp_session(page.page)

    def heap():
        session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")
        return (used["usedSize"] + used.get("backingStorageSize", 0)) / 1e6, page.evaluate("() => boxwright.space.renderer.info.memory.geometries")

    for i in range(2 * FRAMES):
        page.evaluate(CHANGE, (7 * i + 1) % FRAMES)
    before = heap()
    for i in range(n):
        page.evaluate(CHANGE, (7 * i + 3) % FRAMES)
    after = heap()
    return (*before, *after)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--points", type=int, default=100_000)
    wanted = parser.parse_args()
    playwright, browser = browser_or_skip()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        recording(folder, wanted.points)
        with bw.create_project(folder / "project") as project:
            project.import_scene(folder / "street", name="street")
            project.accounts.add("anna")
            server = Server(project, port=0, changes={"works_at_once": 20, "writes_per_s": 10_000})
            with server.in_background():
                site = Browsed(server, project, browser)
                print(f"{wanted.points:,} points a frame")
                cold = first_frame_s(site)
                again = [first_frame_s(site) for _ in range(5)]
                wall, cpu = (statistics.median(column) for column in zip(*again))
                print(f"first frame: {cold[0]:.2f} s with a fresh server, then {wall:.2f} s, {cpu:.2f} s of CPU (medians of {len(again)})")
                page = site.visit(scene="street")
                page.evaluate(FIT)
                for what, script, arguments in (
                    ("the next frame", CHANGE, range(1, 21)),
                    ("any other frame", CHANGE, [(11 * i) % FRAMES for i in range(1, 21)]),
                    ("a fit, there and back", FIT, [None] * 10),
                    ("a picture of all points", DRAW, [None] * 3),
                    ("a picture while the view moves", MOVE, [None] * 5),
                ):
                    cpu, times = cpu_s(), [page.evaluate(script, one) for one in arguments]
                    each = 1000 * (cpu_s() - cpu) / len(times) / (20 if script in (DRAW, MOVE) else 1)
                    print(f"{what}: {statistics.median(times):.0f} ms, {each:.0f} ms of CPU")
                heap, geometries, heap_after, geometries_after = memory(page, wanted.frames)
                print(f"over {wanted.frames} frame changes: {heap:.1f} -> {heap_after:.1f} MB, {geometries} -> {geometries_after} geometries")
                browser.close()
    playwright.stop()


if __name__ == "__main__":
    main()
