"""How far a batch is."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["BatchProgress"]


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is.

    n_shards : of the plan; n_done : of these, n_reused of them from an earlier run; n_failed : those in which something went wrong
    n_frames : that were computed in this run
    seconds : since it began to compute
    """

    n_shards: int
    n_done: int = 0
    n_reused: int = 0
    n_failed: int = 0
    n_frames: int = 0
    seconds: float = 0.0

    @property
    def frames_per_s(self) -> float:
        """NaN before the first."""
        return self.n_frames / self.seconds if self.seconds > 0 and self.n_frames else math.nan

    @property
    def left_s(self) -> float:
        """How long it may still take, were the rest like what was computed; NaN before anything was."""
        computed = self.n_done - self.n_reused
        return self.seconds / computed * (self.n_shards - self.n_done) if computed > 0 else math.nan
