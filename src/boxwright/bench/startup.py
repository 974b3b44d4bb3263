"""What a user waits for: the import, the main job the first time ever and afterwards, and the compiling of everything."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from ..errors import BoxwrightError
from .results import Row

__all__ = ["startup_rows"]

IMPORT = "from time import perf_counter as now\na = now()\nimport numpy\nb = now()\nimport boxwright\nprint(now() - b)"


def _run(arguments: list[str], cwd: str | None = None, **variables: str) -> tuple[float, str]:
    """Seconds of the whole process, and what it printed."""
    start = perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=os.environ | variables, cwd=cwd, capture_output=True, text=True, timeout=900)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BoxwrightError(f"`{' '.join(arguments)[:60]}` stopped with exit code {done.returncode}", got=last)
    return perf_counter() - start, done.stdout


def startup_rows(quick: bool = False) -> list[Row]:
    """Fresh interpreters, and a fresh folder for the kernels where it says so; with all the machine's threads, as a user runs them."""
    imports = [float(_run(["-c", IMPORT])[1]) for _ in range(3 if quick else 11)]
    rows = [Row("startup", "import boxwright", "over numpy", median(imports) * 1e3)]
    if quick:
        return rows
    with tempfile.TemporaryDirectory(prefix="boxwright-bench-") as folder:
        demos = []
        for i in range(4):
            place = Path(folder) / str(i)
            place.mkdir()
            demos.append(_run(["-m", "boxwright", "demo"], cwd=str(place), NUMBA_CACHE_DIR=str(Path(folder) / "kernels"))[0])
        rows.append(Row("startup", "boxwright demo", "nothing compiled yet", demos[0] * 1e3))
        rows.append(Row("startup", "boxwright demo", "compiled before", median(demos[1:]) * 1e3))
        for title in ("nothing compiled yet", "compiled before"):
            seconds = _run(["-m", "boxwright", "warmup"], cwd=folder, NUMBA_CACHE_DIR=str(Path(folder) / "more"))[0]
            rows.append(Row("startup", "boxwright warmup", f"every kernel, {title}", seconds * 1e3))
    return rows
