"""Inputs shared among threads: the same bits for any number, and from several Python threads under every threading layer of numba."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
import every_verb
from boxwright.threads import in_parts, worth

HERE = Path(__file__).resolve().parent
PACKAGE = Path(bw.__file__).resolve().parent
needs_jit = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="takes too long without the JIT")


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    return every_verb.digests()


# ------------------------------------------------------------ parts


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("length", "smallest"), [(0, 4), (1, 4), (4, 4), (5, 4), (8, 4), (103, 4), (103, 1), (1000, 64), (7, 10**9)])
def test_parts_cover_everything_once_and_come_in_order(length, smallest, n_threads):
    parts = in_parts(length, n_threads, smallest, lambda begin, end: (begin, end))
    assert [i for part in parts for i in range(*part)] == list(range(length))
    assert all((end - begin) % smallest == 0 for begin, end in parts[:-1])
    assert len(parts) == 1 if n_threads == 1 or length <= smallest else 2 <= len(parts) <= 4 * n_threads


def test_parts_run_at_the_same_time_and_leave_no_thread_behind():
    before = threading.active_count()
    together = threading.Barrier(3, timeout=60)
    in_parts(3, 3, 1, lambda begin, end: together.wait())
    assert threading.active_count() == before
    assert in_parts(3, 1, 1, lambda begin, end: threading.current_thread()) == [threading.current_thread()]


def test_what_a_part_raises_is_raised():
    def work(begin: int, end: int) -> None:
        if begin >= 3:
            raise MemoryError(begin)

    with pytest.raises(MemoryError, match="3"):
        in_parts(10, 3, 1, work)


def test_worth_is_at_least_one_item():
    assert [worth(10, 1000, 100), worth(10, 1000, 101), worth(10, 1000, 1), worth(10, 0, 5), worth(0, 0, 5)] == [1, 2, 1, 50, 1]


# ------------------------------------------------------------ verbs


def large() -> dict[str, tuple[Callable[[int], object], object]]:
    """Verb -> (call with a number of threads, the module that shares), on input large enough to be shared as it is."""
    rng = np.random.default_rng(11)
    points = every_verb.scene_points(rng, 200_000)
    boxes, tilted = every_verb.cuboids(rng, 700), every_verb.cuboids(rng, 700, tilted=True)
    many = bw.Cuboids.concatenate([boxes, tilted] * 8)
    moved = bw.Cuboids(many.center_m + 0.3, many.size_m, quat_wxyz=many.quat_wxyz, frame=many.frame)
    lenses, mounts = every_verb.cameras()
    tracks = bw.Tracks(every_verb.tracks(rng) * 60)
    times = rng.permutation(np.arange(0, 6_000_000_000, 50_000_000))
    offsets = np.sort(np.r_[0, rng.integers(0, 40_000, 300), 40_000])
    return {
        "points_in_cuboids, hits in parts": (lambda n: bw.points_in_cuboids(points, boxes, n_threads=n), bw.containment),
        "points_in_cuboids, tilted, strided": (lambda n: bw.points_in_cuboids(points[::2], tilted, n_threads=n), bw.containment),
        "points_in_cuboids, nobody": (lambda n: bw.points_in_cuboids(points, bw.Cuboids.empty(), n_threads=n), bw.containment),
        "project_points": (lambda n: bw.project_points(points, lenses[0], mounts[0], n_threads=n), bw.projection),
        "project_points, rig": (lambda n: bw.project_points(points, lenses, mounts, dtype=np.float32, n_threads=n), bw.projection),
        "iou": (lambda n: bw.iou(boxes, tilted, n_threads=n), bw.overlap),
        "iou, out": (lambda n: bw.iou(boxes, boxes[:600], out=(np.full((700, 600), np.nan), np.full((700, 600), 7.0)), n_threads=n), bw.overlap),
        "iou_3d": (lambda n: bw.iou_3d(tilted, boxes, n_threads=n), bw.overlap),
        "iou_bev": (lambda n: bw.iou_bev(boxes, boxes, n_threads=n), bw.overlap),
        "iou_3d_pairs": (lambda n: bw.iou_3d_pairs(many, moved, n_threads=n), bw.overlap),
        "iou_bev_pairs": (lambda n: bw.iou_bev_pairs(many, moved, n_threads=n), bw.overlap),
        "fit_rectangles": (lambda n: bw.fit_rectangles(points[:40_000], offsets, n_threads=n), bw.rectangles),
        "interpolate_tracks": (lambda n: bw.interpolate_tracks(tracks, times, n_threads=n), bw.interpolation),
        "interpolate_tracks, out": (
            lambda n: bw.interpolate_tracks(tracks, times, out=bw.interpolate_tracks(tracks, times), n_threads=n),
            bw.interpolation,
        ),
    }


LARGE = large()


def bits(result: object) -> list[bytes]:
    return [array.tobytes() for array in every_verb.flatten(result)]


@needs_jit
@pytest.mark.parametrize("verb", LARGE)
def test_any_number_of_threads_gives_the_same_bits(verb, monkeypatch):
    call, module = LARGE[verb]
    alone = bits(call(1))
    assert any(alone) or verb.endswith("nobody")
    parts: list[int] = []

    def noted(*arguments):
        done = in_parts(*arguments)
        parts.append(len(done))
        return done

    monkeypatch.setattr(module, "in_parts", noted)
    for n_threads in (2, 3, 7):
        assert bits(call(n_threads)) == alone
        assert parts[-1] > 1  # it was shared


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "2", True, None, np.float64(2)])
def test_wrong_numbers_of_threads(n_threads):
    none, camera = bw.Cuboids.empty(), bw.PinholeCamera(640, 480, 500.0, 500.0, 320.0, 240.0)
    for call in (
        lambda: bw.points_in_cuboids(np.zeros((0, 3)), none, n_threads=n_threads),
        lambda: bw.project_points(np.zeros((0, 3)), camera, bw.Pose.identity(), n_threads=n_threads),
        *(lambda verb=verb: verb(none, none, n_threads=n_threads) for verb in (bw.iou, bw.iou_3d, bw.iou_bev, bw.iou_3d_pairs, bw.iou_bev_pairs)),
        lambda: bw.fit_rectangles(np.zeros((0, 2)), [0], n_threads=n_threads),
        lambda: bw.interpolate_tracks([], [], n_threads=n_threads),
    ):
        with pytest.raises(
            bw.ArgumentError, match=r"n_threads: expected a whole number of threads, 1 or more, got .*; os.cpu_count\(\) is the number"
        ):
            call()


# ------------------------------------------------------------ several Python threads at once


@needs_jit
def test_verbs_called_from_several_threads_at_once(digests: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    for module, constants in every_verb.LEAST.items():
        for name, value in constants.items():
            monkeypatch.setattr(module, name, value)
    with ThreadPoolExecutor(4) as pool:
        for run in [pool.submit(every_verb.digests, n_threads) for n_threads in (1, 2, 3, 7)]:
            assert run.result(timeout=300) == digests


AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numba, numpy as np
import every_verb

@numba.njit(parallel=True)
def somebody_elses(x):
    total = 0.0
    for i in numba.prange(len(x)):
        total += x[i]
    return total

every_verb.share_small_input()
somebody_elses(np.ones(1000))
assert numba.threading_layer() == sys.argv[1], numba.threading_layer()
with ThreadPoolExecutor(4) as pool:
    runs = [pool.submit(every_verb.digests, n) for n in (1, 2, 3, 7)]
    while not all(run.done() for run in runs):
        assert somebody_elses(np.ones(1000)) == 1000
    runs = [run.result() for run in runs]
assert all(run == runs[0] for run in runs)
for name, digest in runs[0].items():
    print(digest, name)
"""


def child(code: str, *args: str, **variables: str) -> dict[str, str]:
    """The digests that a fresh process prints."""
    environment = {**os.environ, "PYTHONPATH": f"{PACKAGE.parent}{os.pathsep}{HERE}", **variables}
    done = subprocess.run([sys.executable, "-c", code, *args], env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return {name: digest for digest, name in (line.split(" ", 1) for line in done.stdout.splitlines())}


@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_safe_under_every_threading_layer_of_numba(digests: dict[str, str], layer: str):
    """While the main thread runs a parallel kernel of somebody else's, so that the layer is in use."""
    assert child(AT_ONCE, layer, NUMBA_THREADING_LAYER=layer) == digests


@needs_jit
@pytest.mark.full
def test_verbs_first_compiled_from_several_threads_at_once(tmp_path: Path, digests: dict[str, str]):
    """A cold cache, four threads, everything compiled while others wait or compile too."""
    assert child(AT_ONCE, "workqueue", NUMBA_THREADING_LAYER="workqueue", NUMBA_CACHE_DIR=str(tmp_path)) == digests
