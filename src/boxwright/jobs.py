"""Long work with progress and cancel: a queue of threads, of which every account has its share."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import BoxwrightError, LimitError, UnknownName
from .store.canonical import new_id

__all__ = ["Cancelled", "Job", "Jobs", "Progress"]

log = logging.getLogger("boxwright.jobs")
STATES = ("queued", "running", "done", "failed", "cancelled")
_KEPT = 200  # finished jobs whose results are kept


class Cancelled(Exception):  # noqa: N818
    """Raised inside work that somebody does not want any more."""


@dataclass
class Job:
    """One piece of work.

    state : one of STATES
    n_done, n_all : steps; n_all None where nobody knows
    result : what it gave, once it is done
    error : what went wrong
    """

    job_id: str
    account: str
    what: str
    state: str = "queued"
    n_done: int = 0
    n_all: int | None = None
    made_ns: int = field(default_factory=time.time_ns)
    ended_ns: int | None = None
    result: Any = None
    error: BaseException | None = None
    is_wanted: bool = True

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


class Progress:
    """What work is told to call after each step; raises Cancelled where nobody waits for it any more."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __call__(self, n: int = 1) -> None:
        self._job.n_done += n
        if not self._job.is_wanted:
            raise Cancelled

    def expect(self, n_all: int) -> None:
        self._job.n_all = n_all


Work = Callable[[Progress], Any]


class Jobs:
    """n_threads : pieces of work at a time; per_account : those of one account that run or wait; forgotten : told of a job that is kept no more"""

    def __init__(self, n_threads: int = 2, per_account: int = 4, forgotten: Callable[[Job], None] | None = None) -> None:
        self._per_account, self._forgotten = per_account, forgotten
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._queue: deque[tuple[Job, Work]] = deque()
        self._lock = threading.Condition()
        self._is_open = True
        self._threads = [threading.Thread(target=self._work_on, name=f"boxwright-job-{k}", daemon=True) for k in range(n_threads)]
        for thread in self._threads:
            thread.start()

    def close(self, patience_s: float = 5.0) -> None:
        """What waits is dropped, what runs is told to stop, and waited for a moment."""
        with self._lock:
            self._is_open = False
            for job in self._jobs.values():
                job.is_wanted = False
            self._queue.clear()
            self._lock.notify_all()
        for thread in self._threads:
            thread.join(patience_s)

    def submit(self, account: str, what: str, work: Work) -> Job:
        """LimitError, code "busy", where the account has too many already."""
        with self._lock:
            mine = [job for job in self._jobs.values() if job.account == account and not job.is_over]
            if len(mine) >= self._per_account:
                hint = "wait for them, or cancel one"
                raise LimitError("too many jobs at a time", expected=f"at most {self._per_account}", got=str(len(mine)), hint=hint, code="busy")
            job = Job(new_id(), account, what)
            self._jobs[job.job_id] = job
            self._queue.append((job, work))
            over = [key for key, one in self._jobs.items() if one.is_over]
            gone = [self._jobs.pop(key) for key in over[: max(0, len(over) - _KEPT)]]
            self._lock.notify()
        for one in gone:
            if self._forgotten is not None:
                self._forgotten(one)
        return job

    def of(self, account: str) -> list[Job]:
        """Those of an account, the newest first."""
        with self._lock:
            return [job for job in reversed(self._jobs.values()) if job.account == account]

    def find(self, account: str, job_id: str) -> Job:
        """UnknownName for one that is not there, or is another's."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None or job.account != account:
            raise UnknownName("no such job", got=f"{job_id!r:.80}", field="job_id", hint="jobs are forgotten some time after they are done")
        return job

    def cancel(self, account: str, job_id: str) -> Job:
        """Ends it at its next step; one that is over stays as it is."""
        job = self.find(account, job_id)
        with self._lock:
            job.is_wanted = False
            if job.state == "queued":
                self._over(job, "cancelled")
        return job

    def wait(self, job: Job, timeout_s: float) -> bool:
        """Whether it is over, after so long at most."""
        with self._lock:
            return self._lock.wait_for(lambda: job.is_over, timeout_s)

    def _work_on(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._queue or not self._is_open)
                if not self._is_open:
                    return
                job, work = self._queue.popleft()
                if job.is_over:
                    continue
                job.state = "running"
            state, result, error = "done", None, None
            try:
                result = work(Progress(job))
            except Cancelled:
                state = "cancelled"
            except BoxwrightError as wrong:
                state, error = "failed", wrong
            except Exception as fault:  # of boxwright's own: whoever waits is told, and the thread goes on
                log.exception("the job %s failed", job.what)
                state, error = "failed", fault  # type: ignore[assignment]
            with self._lock:
                job.result, job.error = result, error
                self._over(job, state)

    def _over(self, job: Job, state: str) -> None:
        job.state, job.ended_ns = state, time.time_ns()
        self._lock.notify_all()
