"""Large inputs shared among threads.

Kernels are serial and free of the GIL. numba's own threads are not used: under one of its threading layers they die when several Python threads call
at once. The threads made here end with the call, so that a process may be forked at any time.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .errors import ArgumentError

__all__ = ["in_parts", "worth"]

Result = TypeVar("Result")

# A pool costs 0.1 ms on quiet cores. The verbs' own lengths, named .._PER_THREAD, are about 0.4 ms of their work each, so that two parts, the least
# that are shared out, take longer alone.
PARTS_PER_THREAD = 4  # parts take different times: a thread that is done early takes another


def _as_n_threads(value: Any) -> int:
    try:
        n_threads = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        n_threads = 0
    if n_threads < 1:
        hint = "os.cpu_count() is the number of cores"
        raise ArgumentError(expected="a whole number of threads, 1 or more", got=f"{value!r:.60}", field="n_threads", hint=hint)
    return n_threads


def worth(length: int, total: int, least: int) -> int:
    """How many of `length` items make up `least` of the `total` work, at least one."""
    return max(-(-length * least // max(total, 1)), 1)


def in_parts(length: int, n_threads: int, smallest: int, work: Callable[[int, int], Result]) -> list[Result]:
    """What `work(begin, end)` returns for the parts of range(length), in their order.

    smallest : the length from which a thread of its own pays; every part but the last is a multiple of it, so that kernels which go in blocks meet
        the same blocks; an input that is no longer is one part, done by the caller, and so is everything with one thread

    `work` must do the same for every item however they are parted: then the whole has the same bits for any number of threads.
    ArgumentError where n_threads is no whole number from 1.
    """
    n_threads = _as_n_threads(n_threads)
    n_least = -(-length // smallest)
    if n_threads == 1 or n_least < 2:
        return [work(0, length)]
    step = -(-n_least // (PARTS_PER_THREAD * n_threads)) * smallest
    begins = range(0, length, step)
    with ThreadPoolExecutor(min(n_threads, len(begins))) as pool:
        return list(pool.map(work, begins, (min(begin + step, length) for begin in begins)))
