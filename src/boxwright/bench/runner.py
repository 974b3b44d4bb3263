"""`run`: starts the measuring process, one thread for everybody, and collects its rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..errors import BoxwrightError, UnknownName
from .results import Row

__all__ = ["VERBS", "run"]

VERBS = ("containment", "overlap", "projection", "fitting", "interpolation", "formats", "startup")

ONE_THREAD = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


def run(
    quick: bool = False,
    verbs: Sequence[str] | None = None,
    progress: Callable[[Row], None] | None = None,
    real_data: str | os.PathLike[str] | None = None,
) -> list[Row]:
    """Measures our functions and every rival that is installed, after showing that their results are equal.

    quick : small workloads, some seconds in all; the times are rough
    verbs : some of VERBS, all of them by default
    progress : called with each row as it is found
    real_data : a folder of real recordings; by default the one the variable BOXWRIGHT_REAL_DATA names, none where it is not set
    """
    wanted = tuple(VERBS if verbs is None else verbs)
    for verb in wanted:
        if verb not in VERBS:
            raise UnknownName("no such benchmark", expected=f"one of {', '.join(VERBS)}", got=repr(verb), field="verbs")
    rows: list[Row] = []
    for row in _rows(wanted, quick, real_data if real_data is not None else os.environ.get("BOXWRIGHT_REAL_DATA")):
        rows.append(row)
        if progress is not None:
            progress(row)
    return rows


def _rows(verbs: Sequence[str], quick: bool, real_data: str | os.PathLike[str] | None) -> Iterator[Row]:
    measured = [verb for verb in verbs if verb != "startup"]
    if measured:
        command = [sys.executable, "-m", "boxwright.bench.measure", *(f"--verb={verb}" for verb in measured)]
        command += ["--quick"] if quick else [] if real_data is None else [f"--real={Path(real_data).resolve()}"]
        # in a session of its own, so that Ctrl-C reaches this process alone, which then ends that one
        with subprocess.Popen(command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            try:
                for line in process.stdout or ():
                    yield Row.from_json(json.loads(line))
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise BoxwrightError("the measuring process stopped", got=f"exit code {process.returncode}", hint="its own message is printed above")
    if "startup" in verbs:
        from .startup import startup_rows

        yield from startup_rows(quick)
