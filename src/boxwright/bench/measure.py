"""The measuring process: `python -m boxwright.bench.measure`, started by `run` with one thread per library and one core.

One JSON line per finding: {"row": ...}, {"bandwidth": ...} or {"growth": ...}.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from .bandwidth import measured_bandwidth
from .clock import medians_s, timed
from .growth import measured_growths
from .memory import rise_mib
from .rivals import JOBS, Contender, DifferenceError, Job, Work, missing
from .rows import RivalTime, Row
from .suite import real_workloads, workloads

__all__ = ["own_output", "rows_of"]


@dataclasses.dataclass
class Ready:
    """A contender that has done its job once: what it took, and what came out."""

    contender: Contender
    call: Callable[[], Any]
    first_s: float
    result: Any


def _called(contender: Contender, workload: Any) -> tuple[Ready, Any]:
    """The contender, ready to be timed, and what it returned."""
    prepared = contender.prepare(workload)

    def call() -> Any:
        return contender.run(prepared)

    first_s, returned = timed(call)
    return Ready(contender, call, first_s, contender.result(prepared, returned)), returned


def rows_of(job: Job, work: Work, budget_s: float) -> Iterator[Row]:
    """A row for each way of ours. Results first: a rival whose result differs is not timed."""
    workload = work.make()
    mine, moved, rise = [], [], []
    for contender in job.ours:
        ready, returned = _called(contender, workload)
        mine.append(ready)
        moved.append(job.moved(workload, returned))
        del returned
        rise.append(rise_mib(ready.call))
    rivals = [rival for rival in job.rivals if work.against is None or rival.name in work.against]
    notes, able = _compared(job, rivals, workload, mine)
    everybody = [*mine, *able]
    seconds = medians_s(
        {ready.contender.name: ready.call for ready in everybody}, budget_s, {ready.contender.name: ready.first_s for ready in everybody}
    )
    for ready, (read_bytes, written_bytes), memory_mib in zip(mine, moved, rise):
        took = seconds[ready.contender.name]
        times = tuple(_with_time(notes[rival.name], seconds.get(rival.name), took) for rival in rivals)
        name = job.function if len(mine) == 1 else f"{job.function} ({ready.contender.name})"
        first_ms = ready.first_s * 1e3
        error = None if job.error is None else job.error(workload, ready.result)
        yield Row(job.verb, name, work.title, took * 1e3, first_ms, times, read_bytes, written_bytes, memory_mib, error)


def _compared(job: Job, rivals: list[Contender], workload: Any, mine: list[Ready]) -> tuple[dict[str, RivalTime], list[Ready]]:
    """How each rival's result compares, and those whose result is equal."""
    notes: dict[str, RivalTime] = {}
    able: list[Ready] = []
    for rival in rivals:
        if absent := missing(rival):
            notes[rival.name] = RivalTime(rival.name, None, None, None, f"{absent} cannot be imported", rival.leaves_out, is_absent=True)
            continue
        ready, _ = _called(rival, workload)
        first_ms = ready.first_s * 1e3
        try:
            said = [job.same(workload, ours.result, ready.result) for ours in mine]
        except DifferenceError as error:
            notes[rival.name] = RivalTime(rival.name, None, first_ms, None, f"DIFFERS: {error}", rival.leaves_out, is_wrong=True)
            continue
        ready.result = None
        able.append(ready)
        notes[rival.name] = RivalTime(rival.name, None, first_ms, None, said[0], rival.leaves_out)
    return notes, able


def _with_time(rival: RivalTime, seconds: float | None, ours_s: float) -> RivalTime:
    return rival if seconds is None else dataclasses.replace(rival, median_ms=seconds * 1e3, ratio=seconds / ours_s)


def all_rows(verbs: list[str], quick: bool, real: Path | None) -> Iterator[Row]:
    """Jobs in the order of their table, synthetic workloads first; those of ours that need an absent extra are left out."""
    synthetic = workloads(quick)
    found = [] if real is None else list(real_workloads(real))
    budget_s = 0.15 if quick else 1.0
    for job in JOBS:
        if job.verb in verbs and not any(missing(way) for way in job.ours):
            for work in [*synthetic[job.function], *(work for function, work in found if function == job.function)]:
                yield from rows_of(job, work, budget_s)


def own_output() -> TextIO:
    """Standard output for our lines alone: what libraries print goes to standard error from here on."""
    ours = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return ours


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--verb", action="append", default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import cv2

    cv2.setNumThreads(1)
    output = own_output()

    def say(kind: str, fields: dict[str, Any]) -> None:
        output.write(json.dumps({kind: fields}) + "\n")
        output.flush()

    say("bandwidth", dataclasses.asdict(measured_bandwidth(64_000_000, 5) if options.quick else measured_bandwidth()))
    for row in all_rows(options.verb, options.quick, options.real):
        say("row", row.as_json())
    if "growth" in options.verb:
        for growth in measured_growths(options.quick):
            say("growth", dataclasses.asdict(growth))


if __name__ == "__main__":
    main()
