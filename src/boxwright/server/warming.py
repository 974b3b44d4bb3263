"""Kernels compiled in the background from the start on, so that whoever opens the page does not wait for each of them at its first use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Warming"]

_log = logging.getLogger("boxwright.server")


class Warming:
    """Calls one after the other, each of which has something compiled.

    steps : name -> call, in the order in which they are done; set before `start`
    doing : the name of the one that is being done, None before and after
    """

    def __init__(self) -> None:
        self.steps: Mapping[str, Callable[[], Any]] = {}
        self.doing: str | None = None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins, in a thread of its own."""
        self.doing = next(iter(self.steps), None)  # told from the start on, not only once the thread runs
        self._thread = threading.Thread(target=self._run, name="warming", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends after the step that is being done: a process must not end while the compiler works. Again it does nothing."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        for name, call in self.steps.items():
            if self._ending.is_set():
                break
            self.doing = name
            try:
                call()
            except Exception as error:  # the kernel is compiled when it is asked for, and says then what is wrong
                _log.warning("%s could not be made ready: %s", name, error)
        self.doing = None
