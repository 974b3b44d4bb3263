"""Chance: raw Philox integers and nothing else, so that a seed means the same on every machine and with every numpy.

Only whole-number and exactly rounded arithmetic happens here: numpy's own distributions may change between versions, logarithms between machines.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Float64s, Int64s

__all__ = ["Chance"]

_SUM_OF_EIGHT = np.sqrt(8 / 12) * 65536  # standard deviation of the sum of eight uniform 16-bit numbers


class Chance:
    """A stream of random numbers of its own for every (seed, purpose, index).

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Philox4x64, as numpy's bit generator gives it).
    """

    def __init__(self, seed: int, purpose: int, index: int = 0) -> None:
        self._bits = np.random.Philox(key=(purpose << 96) | (index << 64) | seed)

    def _raw(self, n: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        return np.asarray(self._bits.random_raw(n), np.uint64).reshape(n)

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> Float64s:
        """(n,) in [low, high), 53 bits."""
        numbers: Float64s = (self._raw(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return low + numbers * (high - low)

    def normal(self, n: int) -> Float64s:
        """(n,) of nearly normal numbers, mean 0 and deviation 1, within +-4.9: sums of eight uniform ones (Irwin and Hall)."""
        pieces = self._raw(2 * n).view(np.uint16).reshape(n, 8).astype(np.int64)
        numbers: Float64s = (pieces.sum(1) - 4 * 65535) / _SUM_OF_EIGHT
        return numbers

    def whole(self, n: int, below: int) -> Int64s:
        """(n,) whole numbers in [0, below)."""
        return (self._raw(n) % np.uint64(below)).astype(np.int64)

    def one(self, low: float = 0.0, high: float = 1.0) -> float:
        return float(self.uniform(1, low, high)[0])

    def pick(self, below: int) -> int:
        return int(self.whole(1, below)[0])
