"""Processes of their own for what may go wrong: bound in memory and in time, asked for one thing after the other, and made again when they are gone.
Whatever a decoder does in one, it takes nothing else with it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TypeVar

__all__ = ["Apart", "Gone", "bind", "exactly"]

T = TypeVar("T")


class Gone(Exception):  # noqa: N818
    """The process died over what it was asked for, or took too long and was ended."""


class Apart:
    """A process that is started when it is first asked for something.

    module : what it runs, such as "boxwright.video.process"; arguments : what that is given
    handles : open files that it has, too, by the same numbers
    """

    def __init__(self, module: str, arguments: Sequence[str] = (), handles: Sequence[int] = ()) -> None:
        self._command, self._handles = [sys.executable, "-m", module, *arguments], tuple(handles)
        self._lock = threading.RLock()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, None where there is none."""
        child = self._child
        return None if child is None or child.poll() is not None else child.pid

    def ask(self, request: bytes, answer: Callable[[IO[bytes]], T], patience_s: float, *, starts: bool = True) -> T:
        """What `answer` reads of it after the request. Gone where it dies, or has not answered after patience_s; the next one has a new process.

        starts : False where only a process that runs already can know what is meant; Gone where there is none
        """
        with self._lock:
            if not starts and self.pid is None:
                raise Gone
            child = self._started()
            assert child.stdin is not None and child.stdout is not None
            clock = threading.Timer(patience_s, child.kill)
            clock.daemon = True
            clock.start()
            try:
                child.stdin.write(request)
                child.stdin.flush()
                return answer(child.stdout)
            except (OSError, EOFError, struct.error) as error:
                self.stop()
                raise Gone from error
            finally:
                clock.cancel()

    def stop(self) -> None:
        """Also in the midst of something, for which whoever asked gets Gone."""
        if (running := self._child) is not None:
            running.kill()
        with self._lock:
            child, self._child = self._child, None
            if child is not None:
                child.kill()
                child.wait()
                for pipe in (child.stdin, child.stdout):
                    if pipe is not None:
                        with contextlib.suppress(OSError):
                            pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.stop()
            source = str(Path(__file__).resolve().parents[1])
            environment = {key: value for key, value in os.environ.items() if not key.startswith("BOXWRIGHT_TOKEN")}
            environment |= {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}  # each thread of more would ask for room it never needs
            environment["PYTHONPATH"] = os.pathsep.join([source, *filter(None, [environment.get("PYTHONPATH")])])
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, close_fds=True, pass_fds=self._handles
            )
        return self._child


def exactly(pipe: IO[bytes], n: int) -> bytes:
    """EOFError where the pipe ends before."""
    data = pipe.read(n)
    if len(data) != n:
        raise EOFError
    return data


def bind(room_bytes: int, file_bytes: int = 0) -> None:
    """Of the process that calls it: what it may have of memory, and how large a file it may write."""
    resource.setrlimit(resource.RLIMIT_AS, (room_bytes, room_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
