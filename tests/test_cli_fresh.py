"""Enter in the terminal of a server: a fresh address each time, and nothing where there is no terminal."""

from __future__ import annotations

import os
import select
import signal
import sys
import time

import pytest

from boxwright.cli.fresh import at_enter

CHILD = """
import sys
from boxwright.cli.fresh import at_enter
made = iter(range(1, 100))
done = []
with at_enter(lambda: done.append(1) or f"address {next(made)}") as is_asked:
    print("asked", is_asked, flush=True)
    while len(done) < 2:
        import time; time.sleep(0.02)
print("ended", flush=True)
"""


def test_enter_prints_a_fresh_address_each_time():
    pty = pytest.importorskip("pty")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", CHILD])
    try:
        said = _until(terminal, b"asked True")
        os.write(terminal, b"\n")
        said += _until(terminal, b"address 1")
        os.write(terminal, b"\n")
        said += _until(terminal, b"ended")
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        status = os.waitpid(pid, 0)[1]
        os.close(terminal)
    assert status == 0
    assert b"open address 1" in said
    assert b"open address 2" in said
    assert b"address 3" not in said


def _until(terminal, words):
    found, end = b"", time.monotonic() + 60
    while words not in found:
        assert select.select([terminal], [], [], max(end - time.monotonic(), 0))[0], found
        found += os.read(terminal, 4096)
    return found


def test_without_a_terminal_nothing_is_read(monkeypatch, tmp_path):
    (tmp_path / "in").write_text("\n\n")
    with (tmp_path / "in").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        with at_enter(lambda: pytest.fail("nobody pressed Enter")) as is_asked:
            assert is_asked is False
    monkeypatch.setattr(sys, "stdin", None)
    with at_enter(str) as is_asked:
        assert is_asked is False
