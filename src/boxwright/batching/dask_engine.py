"""Dask as an engine: a cluster on this machine, or one that is there already.

What workers send back are the files of their tables, so they need no folder in common with anybody but for the dataset, which they read themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import ArgumentError, BoxwrightError, ExtraMissing
from .computing import Outcome, Task
from .engines import ALLOCATOR, PER_WORKER, Compute, Done, in_flight

__all__ = ["open_dask"]

RETRIES = 2  # of a shard whose worker was lost
PATIENCE_S = 20


@contextmanager
def open_dask(n_workers: int, scheduler: str | None) -> Iterator[Dask]:
    """A cluster on this machine that nobody else can reach, or the one of a scheduler. ExtraMissing without Dask's `distributed`."""
    try:
        import dask
        import distributed
    except ImportError:
        raise ExtraMissing("Dask's distributed is not installed", hint="pip install 'boxwright[batch]'") from None
    if scheduler is not None:
        try:
            client = distributed.Client(scheduler, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, ValueError, TypeError, ImportError) as error:
            hint = "is a scheduler running there? `dask scheduler` starts one"
            raise ArgumentError("no Dask scheduler can be reached", got=f"{scheduler!r}: {error}"[:200], field="scheduler", hint=hint) from None
        with client:
            yield Dask(client)
        return
    # Dask has its workers give memory back after every 64 KiB, which makes the fault that ALLOCATOR cures worse
    environ = {f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in ALLOCATOR.items()}
    with (
        dask.config.set({**environ, "distributed.scheduler.allowed-failures": RETRIES, "distributed.worker.memory.terminate": 0.95}),
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.ERROR,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield Dask(client)


class Dask:
    """n_workers : threads of all workers, which may become more or fewer while it runs"""

    is_apart = True

    def __init__(self, client: Any) -> None:
        self._client = client
        if not self.n_workers:
            client.wait_for_workers(1, timeout=PATIENCE_S)

    @property
    def n_workers(self) -> int:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return sum(int(worker["nthreads"]) for worker in workers)

    def run(self, work: Compute, tasks: Iterable[Task]) -> Done:
        executor = self._client.get_executor(pure=False, retries=0)
        try:
            for task, outcome in in_flight(executor, work, tasks, lambda: max(PER_WORKER * self.n_workers, 1)):
                yield task, outcome if isinstance(outcome, Outcome) else _told(outcome)
        finally:
            executor.shutdown(wait=False)


def _told(error: BaseException) -> BaseException:
    """The error of a shard whose workers were lost, in words."""
    if type(error).__name__ in ("KilledWorker", "CommClosedError", "CancelledError", "FutureCancelledError"):
        hint = "if memory ran out, give each worker more"
        return BoxwrightError("the worker was lost each time", got=f"{error}"[:200], hint=hint, code="worker-died")
    return error
