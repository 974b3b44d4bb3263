"""Damaged recordings are read in a process of their own, with bounds on its memory and time: what breaks it, or comes out of it, is told."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000
ROOM_BYTES = 64 << 20  # above four times the size of the input
FIRST_S = 2.0  # above a second for each MB: what even an empty file may take on a busy machine
MOST_HELD_BYTES = 24 << 20
ADDRESS_BYTES = 16 << 30
HANG_S = 60


@dataclass(frozen=True)
class Outcome:
    """kind : "read", "refused", or "FAULT" with what went wrong. cpu_s, peak_bytes : of this reading, beyond what the process held before it."""

    kind: str
    said: str
    cpu_s: float
    peak_bytes: int


class Child:
    """Reads recordings one after the other; starts anew after a crash."""

    def __init__(self, path: Path, format: str | None = None) -> None:
        """path : of a good recording, which is read first, so that nothing is compiled or imported later"""
        self.path, self.format, self._process = path, format, None

    def read(self, n_bytes: int, strict: bool) -> Outcome:
        """The recording as it is now. n_bytes : its size, by which its time and memory are judged."""
        if self._process is None:
            raise RuntimeError("start the child while the recording is good")
        self._pipe.send(strict)
        patience_s = HANG_S + 10 * n_bytes / MB  # by the clock: a busy machine gives a process little of it; its own time is judged below
        if not self._pipe.poll(patience_s):
            self.stop()
            return Outcome("FAULT", f"hangs for {patience_s:.0f} s", patience_s, 0)
        try:
            kind, said, cpu_s, peak_bytes, held_bytes = self._pipe.recv()
        except EOFError:
            self._process.join(10)
            code = self._process.exitcode
            self._process = None
            how = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"ended with {code}"
            return Outcome("FAULT", f"the process was {how}", 0, 0)
        if kind != "FAULT" and cpu_s > FIRST_S + n_bytes / MB:
            kind, said = "FAULT", f"{cpu_s:.1f} s for {n_bytes:,} B; {said}"
        if kind != "FAULT" and peak_bytes > 4 * n_bytes + ROOM_BYTES:
            kind, said = "FAULT", f"{peak_bytes / 2**20:.0f} MiB for {n_bytes:,} B; {said}"
        if held_bytes > MOST_HELD_BYTES:  # free memory that allocators keep would hide what the next reading takes
            self.stop()
        return Outcome(kind, said, cpu_s, peak_bytes)

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share locks with the threads of numba and arrow
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.path, self.format), daemon=True)
        self._process.start()
        theirs.close()
        if self._pipe.recv() != "ready":
            raise RuntimeError("the good recording cannot be read")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(pipe, path: Path, format: str | None) -> None:
    from mutants import consume

    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)  # the libraries of pictures write their complaints there
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=_our_warning())
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        for strict in (True, False):
            consume(path, strict, format)
    except Exception:
        pipe.send(traceback.format_exc())
        return
    pipe.send("ready")
    first = _status_bytes("VmRSS")
    with contextlib.suppress(EOFError, OSError):
        while True:
            strict = pipe.recv()
            resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + HANG_S, resource.RLIM_INFINITY))
            Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
            before, start = _status_bytes("VmRSS"), time.process_time()
            kind, said = _outcome(consume, path, strict, format)
            took = time.process_time() - start
            pipe.send((kind, said, took, max(_status_bytes("VmHWM") - before, 0), _status_bytes("VmRSS") - first))


def _our_warning() -> type[Warning]:
    from boxwright import SensorFrameFallback

    return SensorFrameFallback


def _outcome(consume, path: Path, strict: bool, format: str | None) -> tuple[str, str]:
    from boxwright import BoxwrightError
    from mutants import check_message

    try:
        consume(path, strict, format)
    except BoxwrightError as error:
        try:
            check_message(error)
        except AssertionError as fault:
            return "FAULT", str(fault)
        return "refused", str(error)
    except BaseException as error:
        places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(sys.exc_info()[2])[-4:]]
        return "FAULT", f"{type(error).__name__}: {str(error)[:300]} at {' < '.join(reversed(places))}"
    return "read", ""


def _status_bytes(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) * 1024
