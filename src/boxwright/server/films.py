"""Videos that are open, a few at a time, each decoded in a process of its own; files that cannot be decoded in bounded time are not tried again."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CorruptionError, FormatError, StorageError
from ..video.process import VideoApart
from .beneath import Handles

__all__ = ["Films", "state_of"]

MOST_OPEN = 12  # processes; of the others the one that was asked longest ago ends
_MOST_REFUSED = 1000
_REFUSED_S = 600.0  # after which a file that could not be opened is tried again
_State = tuple[int, ...]


def state_of(handle: int) -> _State:
    """Changes with the file, and where it is another one."""
    stat = os.fstat(handle)
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


class _Film:
    """One of them; its process has a handle of its own, through which it opens the file again now and then. state : which file that is"""

    def __init__(self, handles: Handles, handle: int, name: str, state: _State) -> None:
        self.state = state
        with ExitStack() as stack:
            own = os.dup(handle)
            stack.callback(os.close, own)
            self.video = VideoApart(stack.enter_context(handles.path_of(own, name)), [own])
            stack.callback(self.video.close)
            self._held = stack.pop_all()

    def close(self) -> None:
        self._held.close()


class Films:
    """handles : give readers a path that leads to an open handle"""

    def __init__(self, handles: Handles) -> None:
        self._handles = handles
        self._open: OrderedDict[Path, _Film] = OrderedDict()
        self._refused: OrderedDict[_State, tuple[float, str]] = OrderedDict()
        self._lock, self._opening, self._is_closed = threading.Lock(), dict[Path, threading.Lock](), False

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            gone = list(self._open.values())
            self._open.clear()
        for one in gone:
            one.close()

    def frame(self, handle: int, path: Path, index: int, size_px: tuple[int, int] | None) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """(H, W, 3) uint8 RGB of an open file, which had that path. CorruptionError where its pictures have another size than its camera."""
        state = state_of(handle)
        while True:
            film = self._film(path, handle, state)
            if size_px not in (None, film.video.size_px):
                raise CorruptionError("the video does not fit its camera", hint="look at the recording", code="file-changed")
            try:
                return film.video.frame(index)
            except FormatError:
                if not film.video.is_closed or self._is_closed:  # ended by others, who needed room: once more
                    raise

    def _film(self, path: Path, handle: int, state: _State) -> _Film:
        with self._lock:
            if self._is_closed:
                raise StorageError("the server is ending", hint="ask again when it runs", code="unreachable")
            opening = self._opening.setdefault(path, threading.Lock())
        try:
            with opening:
                return self._opened(path, handle, state)
        finally:
            with self._lock:
                self._opening.pop(path, None)  # whoever comes next finds it open, or refused

    def _opened(self, path: Path, handle: int, state: _State) -> _Film:
        with self._lock:
            if state in self._refused and time.monotonic() < self._refused[state][0]:
                raise FormatError(self._refused[state][1], hint="look at the recording")
            if path in self._open and self._open[path].state == state:
                self._open.move_to_end(path)
                return self._open[path]
        try:
            made = _Film(self._handles, handle, path.name, state)
        except FormatError as error:
            with self._lock:
                self._refused[state] = (time.monotonic() + _REFUSED_S, error.what)
                self._refused.move_to_end(state)
                if len(self._refused) > _MOST_REFUSED:
                    self._refused.popitem(last=False)
            raise
        with self._lock:
            gone = [self._open.pop(path)] if path in self._open else []  # another file had its name
            self._open[path] = made
            gone += [] if len(self._open) <= MOST_OPEN else [self._open.popitem(last=False)[1]]
        for one in gone:
            one.close()
        return made
