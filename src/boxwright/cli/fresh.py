"""Fresh addresses for a browser while a server answers: those with a one-time code are good once, for a minute."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator

from .common import print_lines

__all__ = ["PRESS_ENTER", "at_enter"]

PRESS_ENTER = "Enter prints a fresh address, for another tab"
_LOOK_S = 0.3


@contextlib.contextmanager
def at_enter(address: Callable[[], str]) -> Iterator[bool]:
    """While the block runs, Enter in the terminal prints what `address` makes; whether there is a terminal to press it in."""
    try:
        terminal = sys.stdin.fileno()
        is_terminal = os.isatty(terminal)
    except (AttributeError, OSError, ValueError):
        is_terminal = False
    if not is_terminal:
        yield False
        return
    ending = threading.Event()
    thread = threading.Thread(target=_listen, args=(terminal, address, ending), name="enter", daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ending.set()
        thread.join()


def _listen(terminal: int, address: Callable[[], str], ending: threading.Event) -> None:
    while not ending.is_set():
        try:
            if os.tcgetpgrp(terminal) != os.getpgrp():  # in the background: a process that reads then is stopped
                ending.wait(_LOOK_S)
                continue
            if not select.select([terminal], [], [], _LOOK_S)[0]:
                continue
            if not os.read(terminal, 4096):
                return
        except OSError:  # the terminal is gone
            return
        print_lines(f"open {address()}")
        sys.stdout.flush()
