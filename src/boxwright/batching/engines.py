"""What runs shards: threads, processes or Dask, behind one method that takes tasks and gives outcomes, in whatever order they are done.

An engine takes tasks from the iterator as it has room for them, so that there are never more in flight than twice its workers, and gives each back
with its outcome, or with the error that kept it from having one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import Protocol

from ..errors import ArgumentError, BoxwrightError, UnknownName
from .computing import Outcome, Task

__all__ = ["ALLOCATOR", "ENGINES", "Engine", "check_engine", "in_flight", "open_engine"]

ENGINES = ("processes", "threads", "dask")
PER_WORKER = 2  # in flight: one that is worked on, and the next
# glibc maps fresh memory for every array of a sweep, and gives it back when the array goes: on virtual machines, where touching fresh pages is slow,
# that takes as long as the work. A worker keeps what it had instead. 32 MiB is the most that glibc takes as the second number.
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
OF_WORKERS = {**ONE_THREAD, **ALLOCATOR}

Compute = Callable[[Task], Outcome]
Done = Iterator[tuple[Task, Outcome | BaseException]]


class Engine(Protocol):
    """n_workers : how many work at a time, as far as that is known; is_apart : they are processes of their own"""

    is_apart: bool

    @property
    def n_workers(self) -> int: ...

    def run(self, work: Compute, tasks: Iterable[Task]) -> Done: ...


def n_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def check_engine(name: str, n_workers: int | None, scheduler: str | None) -> None:
    """UnknownName for an engine nobody knows, ArgumentError for numbers that cannot be."""
    if name not in ENGINES:
        raise UnknownName("no such engine", expected=f"one of {', '.join(ENGINES)}", got=repr(name), field="engine")
    if scheduler is not None and name != "dask":
        raise ArgumentError("a scheduler is Dask's", got=f"engine {name!r}", field="scheduler", hint="pass engine='dask'")
    if scheduler is not None and n_workers is not None:
        raise ArgumentError("a scheduler has workers of its own", got=str(n_workers), field="n_workers", hint="leave one of the two out")
    if n_workers is not None and (isinstance(n_workers, bool) or not isinstance(n_workers, int) or n_workers < 1):
        raise ArgumentError(expected="a whole number from 1", got=repr(n_workers), field="n_workers", hint="by default one for each core")


@contextmanager
def open_engine(name: str, n_workers: int | None, scheduler: str | None) -> Iterator[Engine]:
    """An engine by name, closed when the block ends."""
    if name == "dask":
        from .dask_engine import open_dask

        with open_dask(n_workers or n_cores(), scheduler) as dask:
            yield dask
        return
    pool = Threads(n_workers or n_cores()) if name == "threads" else Processes(n_workers or n_cores())
    with contextlib.closing(pool):
        yield pool


def in_flight(executor: Executor, work: Compute, tasks: Iterable[Task], most: Callable[[], int]) -> Done:
    """Hands tasks to an executor of the standard library's kind, never more than `most()` at a time."""
    waiting: dict[Future[Outcome], Task] = {}
    coming = iter(tasks)
    try:
        while True:
            while len(waiting) < most():
                task = next(coming, None)
                if task is None:
                    break
                try:
                    waiting[executor.submit(work, task)] = task
                except BrokenExecutor as broken:
                    yield task, broken
            if not waiting:
                return
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                error = future.exception()
                yield waiting.pop(future), future.result() if error is None else error
    finally:
        for future in waiting:
            future.cancel()


class Threads:
    """Threads of this process; the kernels leave them free, what is plain Python does not."""

    is_apart = False

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._pool = ThreadPoolExecutor(n_workers, thread_name_prefix="boxwright-batch")

    def run(self, work: Compute, tasks: Iterable[Task]) -> Done:
        return in_flight(self._pool, work, tasks, lambda: PER_WORKER * self.n_workers)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class Processes:
    """Processes made anew (spawned), each with one thread. They end when this one does, however it ends.

    Where one of them dies, nobody knows whose shard it was: those in flight are tried again, one at a time, and the one that dies once more is told.
    """

    is_apart = True

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        self._pool: ProcessPoolExecutor | None = None
        self._before = {name: os.environ.get(name) for name in OF_WORKERS}
        os.environ.update(OF_WORKERS)  # whoever spawns hands its environment on

    def run(self, work: Compute, tasks: Iterable[Task]) -> Done:
        coming = iter(tasks)
        while True:
            suspects: list[Task] = []
            for task, outcome in in_flight(self._open(), work, _until(coming, suspects), lambda: PER_WORKER * self.n_workers):
                if isinstance(outcome, BrokenProcessPool):
                    suspects.append(task)
                else:
                    yield task, outcome
            if not suspects:
                return
            self._close_pool()
            for task in suspects:
                yield from self._alone(work, task)

    def _alone(self, work: Compute, task: Task) -> Done:
        for _, outcome in in_flight(self._open(), work, [task], lambda: 1):
            if isinstance(outcome, BrokenProcessPool):
                self._close_pool()
                hint = "if memory ran out, try fewer workers"
                yield task, BoxwrightError("the worker's process ended, killed or out of memory", hint=hint, code="worker-died")
            else:
                yield task, outcome

    def _open(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.n_workers, multiprocessing.get_context("spawn"), initializer=_begin)
            try:
                self._pool.submit(int).result()
            except BrokenProcessPool as error:
                hint = "a script that calls bw.batch needs `if __name__ == '__main__':` around it"
                raise BoxwrightError("the worker processes cannot start", hint=hint) from error
        return self._pool

    def _close_pool(self) -> None:
        """At once: where all is done nobody works on anything, and where not, nobody waits for it."""
        if self._pool is not None:
            processes = list((getattr(self._pool, "_processes", None) or {}).values())
            for process in processes:
                process.kill()
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def close(self) -> None:
        self._close_pool()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _until(coming: Iterator[Task], suspects: list[Task]) -> Iterator[Task]:
    """The tasks, until a process died."""
    while not suspects:
        task = next(coming, None)
        if task is None:
            return
        yield task


def _begin() -> None:
    """In a new process: Ctrl-C is the parent's, and whoever loses its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
