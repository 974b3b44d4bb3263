"""What a user waits for: the import, the main job the first time ever and afterwards, and the first call of every verb."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

from ..errors import BoxwrightError
from .rows import Row

__all__ = ["COLD", "DEMO_KERNELS", "FIRST_CALLS", "WARM", "startup_rows"]

IMPORT = "from time import perf_counter as now\na = now()\nimport numpy\nb = now()\nimport boxwright\nprint(now() - b)"
COLD, WARM = "nothing compiled yet", "compiled before"
DEMO_KERNELS, FIRST_CALLS = "kernels of the demo, CPU time", "first calls of all verbs"


def _run(arguments: list[str], cwd: str | None = None, **variables: str) -> tuple[float, float, str]:
    """Seconds of the whole process, seconds of all its cores, and what it printed."""
    start, before = perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], env=os.environ | variables, cwd=cwd, capture_output=True, text=True, timeout=900)
    seconds, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BoxwrightError(f"`{' '.join(arguments)[:60]}` stopped with exit code {done.returncode}", got=last)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def startup_rows(quick: bool = False) -> Iterator[Row]:
    """Fresh interpreters, and a fresh folder for the kernels where it says so; with all the machine's threads, as a user runs them."""
    imports = [float(_run(["-c", IMPORT])[2]) for _ in range(3 if quick else 11)]
    yield Row("startup", "import boxwright", "over numpy", median(imports) * 1e3)
    if quick:
        return
    with tempfile.TemporaryDirectory(prefix="boxwright-bench-") as folder:
        runs = []
        for i in range(4):
            place = Path(folder) / str(i)
            place.mkdir()
            runs.append(_run(["-m", "boxwright", "demo"], cwd=str(place), NUMBA_CACHE_DIR=str(Path(folder) / "kernels")))
        yield Row("startup", "boxwright demo", COLD, runs[0][0] * 1e3)
        yield Row("startup", "boxwright demo", WARM, median(run[0] for run in runs[1:]) * 1e3)
        yield Row("startup", DEMO_KERNELS, COLD, (runs[0][1] - median(run[1] for run in runs[1:])) * 1e3)
        for title in (COLD, WARM):
            _, _, said = _run(["-m", "boxwright", "warmup", "--json"], cwd=folder, NUMBA_CACHE_DIR=str(Path(folder) / "more"))
            seconds = json.loads(said)["seconds"]
            yield from (Row("startup", f"first calls of {verb}", title, spent * 1e3) for verb, spent in seconds.items())
            yield Row("startup", FIRST_CALLS, title, sum(seconds.values()) * 1e3)
