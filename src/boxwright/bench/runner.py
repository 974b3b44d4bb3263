"""`run`: starts the measuring process, one thread for everybody, and collects what it finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import BoxwrightError, ExtraMissing, UnknownName
from .bandwidth import Bandwidth
from .batches import batch_rows
from .findings import Findings, growth_from_json, this_machine
from .rows import Row
from .server import CLIENTS, server_load
from .startup import startup_rows

__all__ = ["VERBS", "run"]

VERBS = (
    *("containment", "overlap", "projection", "occlusion", "terrain", "fitting", "interpolation", "segmentation", "tracks", "checks"),
    *("formats", "video", "growth", "batch", "startup", "server"),
)

WHOLE_PROCESSES: dict[str, Callable[[bool], Iterator[Row]]] = {"batch": batch_rows, "startup": startup_rows}

ONE_THREAD = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)


def run(
    quick: bool = False,
    verbs: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
    real_data: str | os.PathLike[str] | None = None,
    memory_minutes: int = 0,
) -> Findings:
    """Measures our functions and every rival that is installed, after showing that their results are equal.

    quick : small workloads, some seconds in all; the times are rough
    verbs : some of VERBS, all of them by default
    progress : called with one line for each thing found
    real_data : a folder of real recordings; by default the one the variable BOXWRIGHT_REAL_DATA names, none where it is not set
    memory_minutes : for how long the server's memory is watched; not where it is quick
    """
    wanted = tuple(VERBS if verbs is None else verbs)
    for verb in wanted:
        if verb not in VERBS:
            raise UnknownName("no such benchmark", expected=f"one of {', '.join(VERBS)}", got=repr(verb), field="verbs")
    found = Findings(this_machine())
    told = progress or (lambda line: None)
    for kind, fields in _measured([verb for verb in wanted if verb not in WHOLE_PROCESSES and verb != "server"], quick, real_data):
        told(_taken(found, kind, fields))
    for verb, rows in WHOLE_PROCESSES.items():
        for row in rows(quick) if verb in wanted else ():
            found.rows.append(row)
            told(_line(row))
    if "server" in wanted:
        try:
            found.server = server_load(0.3, CLIENTS[:2], 0, told) if quick else server_load(5.0, memory_minutes=memory_minutes, progress=told)
        except ExtraMissing as missing:
            told(f"the server was not measured: {missing}")
    return found


def _taken(found: Findings, kind: str, fields: dict[str, Any]) -> str:
    """Puts one finding where it belongs, and says it in a line."""
    if kind == "bandwidth":
        found.bandwidth = Bandwidth(**fields)
        return f"memory is read at {found.bandwidth.read_gb_s:.1f} and filled at {found.bandwidth.fill_gb_s:.1f} GB/s"
    if kind == "growth":
        growth = growth_from_json(fields)
        found.growths.append(growth)
        return f"{growth.function} by {growth.who}: exponent {growth.exponent:.2f} in {growth.along}"
    found.rows.append(Row.from_json(fields))
    return _line(found.rows[-1])


def _line(row: Row) -> str:
    best = row.fastest
    against = "" if best is None or best.ratio is None else f", {best.name} {best.ratio:.1f} x as long"
    return f"{row.function}, {row.workload}: {row.median_ms:.3f} ms{against}"


def _measured(verbs: Sequence[str], quick: bool, real_data: str | os.PathLike[str] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if not verbs:
        return
    real = real_data if real_data is not None else os.environ.get("BOXWRIGHT_REAL_DATA")
    command = [sys.executable, "-m", "boxwright.bench.measure", *(f"--verb={verb}" for verb in verbs)]
    command += ["--quick"] if quick else [] if real is None else [f"--real={Path(real).resolve()}"]
    # in a session of its own, so that Ctrl-C reaches this process alone, which then ends that one
    with subprocess.Popen(command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            for line in process.stdout or ():
                yield from json.loads(line).items()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise BoxwrightError("the measuring process stopped", got=f"exit code {process.returncode}", hint="its own message is printed above")
