"""How fast this machine reads and writes memory, one thread: the limit that no kernel passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from .clock import timed

__all__ = ["Bandwidth", "measured_bandwidth"]

SWEEP_BYTES = 1_440_000  # 120,000 points of three float32


@dataclass(frozen=True)
class Bandwidth:
    """GB/s of long arrays in DRAM, of fresh pages there (the first write to memory that was just handed out), and of one sweep in the caches."""

    read_gb_s: float
    fill_gb_s: float
    fresh_fill_gb_s: float
    cached_read_gb_s: float
    cached_fill_gb_s: float

    def limit_ms(self, read_bytes: int, written_bytes: int) -> float:
        """The least time to read and write so many bytes of DRAM once."""
        return (read_bytes / self.read_gb_s + written_bytes / self.fill_gb_s) * 1e-6


def measured_bandwidth(long_bytes: int = 256_000_000, rounds: int = 9) -> Bandwidth:
    """long_bytes : should be several times the last cache"""
    long, sweep = np.ones(long_bytes // 8, np.uint64), np.ones(SWEEP_BYTES // 8, np.uint64)
    long_read, long_fill = _gb_s(lambda: np.bitwise_or.reduce(long), long.nbytes, rounds), _gb_s(lambda: long.fill(3), long.nbytes, rounds)
    many = rounds * 40
    cached_read, cached_fill = _gb_s(lambda: np.bitwise_or.reduce(sweep), sweep.nbytes, many), _gb_s(lambda: sweep.fill(3), sweep.nbytes, many)
    fresh = _gb_s(lambda: np.full(len(long), 3, np.uint64), long.nbytes, rounds)
    return Bandwidth(long_read, long_fill, fresh, cached_read, cached_fill)


def _gb_s(call: Callable[[], object], n_bytes: int, rounds: int) -> float:
    times = []
    for _ in range(rounds + 1):
        seconds, returned = timed(call)
        times.append(seconds)
        del returned
    return n_bytes / median(times[1:]) / 1e9
