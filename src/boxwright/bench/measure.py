"""The measuring process: `python -m boxwright.bench.measure`, started by `run` with one thread per library and one core. One JSON line per row."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from .results import RivalTime, Row
from .rivals import JOBS, Contender, DifferenceError, Job, missing
from .workloads import Make, real_workloads, workloads

ROUNDS = 60
TURN_S = 0.02


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came back."""
    start = perf_counter()
    returned = call()
    return perf_counter() - start, returned


def medians_s(calls: dict[str, Callable[[], Any]], budget_s: float) -> dict[str, float]:
    """Seconds of each call. They take turns, so that a machine that slows down slows all of them; a turn's first call finds the caches full of
    another's data and is not counted where calls are short. Each takes part until its budget is spent, three turns at least."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    gc.collect()
    gc.disable()
    try:
        for turn in range(ROUNDS):
            names = [name for name in calls if turn < 3 or spent[name] < budget_s]
            if not names:
                break
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                seconds, returned = timed(calls[name])
                del returned
                spent[name] += seconds
                if seconds > TURN_S:
                    samples[name].append(seconds)
                    continue
                end = perf_counter() + TURN_S
                while perf_counter() < end:
                    seconds, returned = timed(calls[name])
                    del returned
                    spent[name] += seconds
                    samples[name].append(seconds)
    finally:
        gc.enable()
    return {name: median(times) for name, times in samples.items()}


def rows_of(job: Job, title: str, workload: Any, budget_s: float) -> Iterator[Row]:
    """A row for each way of ours. Results first: a rival whose result differs is not timed."""
    notes: dict[str, RivalTime] = {}
    ready: list[tuple[Contender, Callable[[], Any], float]] = []
    mine: list[tuple[Contender, Callable[[], Any], float, Any]] = []
    for contender in job.ours:
        prepared = contender.prepare(workload)
        call = _bound(contender, prepared)
        first_s, returned = timed(call)
        mine.append((contender, call, first_s, contender.result(prepared, returned)))
    for rival in job.rivals:
        if absent := missing(rival):
            notes[rival.name] = RivalTime(rival.name, None, None, None, f"{absent} cannot be imported", rival.leaves_out, is_absent=True)
            continue
        prepared = rival.prepare(workload)
        call = _bound(rival, prepared)
        first_s, returned = timed(call)
        try:
            said = [job.same(workload, result, rival.result(prepared, returned)) for *_, result in mine]
        except DifferenceError as error:
            notes[rival.name] = RivalTime(rival.name, None, first_s * 1e3, None, f"DIFFERS: {error}", rival.leaves_out, is_wrong=True)
            continue
        ready.append((rival, call, first_s))
        notes[rival.name] = RivalTime(rival.name, None, first_s * 1e3, None, said[0], rival.leaves_out)
    seconds = medians_s({c.name: call for c, call, *_ in mine} | {r.name: call for r, call, _ in ready}, budget_s)
    for contender, _, first_s, _ in mine:
        took = seconds[contender.name]
        rivals = tuple(_with_time(notes[rival.name], seconds.get(rival.name), took) for rival in job.rivals)
        name = job.function if len(mine) == 1 else f"{job.function} ({contender.name})"
        yield Row(job.verb, name, title, took * 1e3, first_s * 1e3, rivals)


def _bound(contender: Contender, prepared: Any) -> Callable[[], Any]:
    return lambda: contender.run(prepared)


def _with_time(rival: RivalTime, seconds: float | None, ours_s: float) -> RivalTime:
    if seconds is None:
        return rival
    return RivalTime(rival.name, seconds * 1e3, rival.first_call_ms, seconds / ours_s, rival.note, rival.leaves_out)


def all_rows(verbs: list[str], quick: bool, real: Path | None) -> Iterator[Row]:
    """Jobs in the order of their table, synthetic workloads first."""
    synthetic = workloads(quick)
    found: list[tuple[str, str, Make]] = [] if real is None else list(real_workloads(real))
    budget_s = 0.15 if quick else 3.0
    for job in JOBS:
        if verbs and job.verb not in verbs:
            continue
        for title, make in [*synthetic[job.function], *((title, make) for function, title, make in found if function == job.function)]:
            yield from rows_of(job, title, make(), budget_s)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--verb", action="append", default=[], choices=sorted({job.verb for job in JOBS}))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import cv2

    cv2.setNumThreads(1)
    for row in all_rows(options.verb, options.quick, options.real):
        sys.stdout.write(json.dumps(row.as_json()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
