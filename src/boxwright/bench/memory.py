"""How much memory a call takes at its peak, over what the process held before; Linux only."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["rise_mib"]


def rise_mib(call: Callable[[], Any]) -> float | None:
    """MiB that the process grows by while `call` runs, its result included; None where the system does not tell."""
    gc.collect()
    _give_back()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
        before = _status_mib("VmRSS")
        if _status_mib("VmHWM") > before + 1:
            return None
        returned = call()
        peak = _status_mib("VmHWM")
    except OSError:
        return None
    del returned
    return max(peak - before, 0.0)


def _status_mib(field: str) -> float:
    """VmRSS, what the process holds now, or VmHWM, the most it held."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def _give_back() -> None:
    """Memory that was freed but is still the process's own would hide what the call takes."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
