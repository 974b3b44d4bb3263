"""Times of calls that take turns.

The clock is the CPU time of the process, all its threads. On one core it is what a wall clock shows, less the time that the core worked for others:
with a wall clock a busy machine flatters short calls, which fit between two interruptions, against long ones."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import process_time
from typing import Any

__all__ = ["CLOCK", "medians_s", "timed"]

CLOCK = "CPU time of one core"
ROUNDS = 60
TURN_S = 0.02
FEWEST_TURNS = 3
LONG_S = 2.0  # what takes longer than this is timed once: its spread is small against it


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came back."""
    start = process_time()
    returned = call()
    return process_time() - start, returned


def medians_s(calls: Mapping[str, Callable[[], Any]], budget_s: float, first_s: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each call. They take turns, so that a machine that slows down slows all of them; a turn's first call finds the caches full of
    another's data and is not counted where calls are short. Each takes part until its budget is spent, three turns at least.

    first_s : what their first calls took, which are not counted
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0.0)
    fewest = {name: 1 if first_s[name] > LONG_S else FEWEST_TURNS for name in calls}
    gc.collect()
    gc.disable()
    try:
        for turn in range(ROUNDS):
            names = [name for name in calls if turn < fewest[name] or spent[name] < budget_s]
            if not names:
                break
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                seconds, returned = timed(calls[name])
                del returned
                spent[name] += seconds
                if seconds > TURN_S:
                    samples[name].append(seconds)
                    continue
                end = process_time() + TURN_S
                while process_time() < end:
                    seconds, returned = timed(calls[name])
                    del returned
                    spent[name] += seconds
                    samples[name].append(seconds)
    finally:
        gc.enable()
    return {name: median(times) for name, times in samples.items()}
