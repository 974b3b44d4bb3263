"""What files of points do not hold of the sweeps that are written into them, for reports."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ..errors import number_of
from ..points import Sweep
from .write_report import Told, WriteReport

__all__ = ["DESKEWED", "NOT_FINITE", "OWN_STAMP", "SweepLosses", "columns_of"]

OWN_STAMP, DESKEWED, NOT_FINITE = "the sweeps' own time stamps", "whether the vehicle's motion is taken out of them", "not finite"


class SweepLosses:
    """Sees sweeps one by one, and tells what is lost of any of them.

    columns : names of those that files have; None for all
    is_float32 : whether all numbers become float32
    is_deskewed : whether readers take the vehicle's motion as taken out of them
    """

    def __init__(self, columns: Collection[str] | None = None, *, is_float32: bool = False, is_deskewed: bool = False) -> None:
        self.columns, self.is_float32, self.is_deskewed = columns, is_float32, is_deskewed
        self._lost, self._rounded = set[str](), set[str]()
        self._moved_m, self._n_not_finite = 0.0, 0

    def saw(self, sweep: Sweep, stamp_ns: int, points: Any = None) -> None:
        """stamp_ns : of its frame. points : as they are written, where they become float32"""
        held = columns_of(sweep)
        kept = held.keys() if self.columns is None else held.keys() & {*self.columns}
        self.lose(held.keys() - kept)
        self.lose([OWN_STAMP] if sweep.timestamp_ns != stamp_ns else [])
        self.lose([DESKEWED] if sweep.is_deskewed != self.is_deskewed else [])
        if self.is_float32:
            self._moved_m = max(self._moved_m, _rounded(points))
            self._rounded |= {name for name in kept if self.columns is not None and _rounded(held[name])}

    def lose(self, names: Collection[str]) -> None:
        self._lost |= {*names}

    def leave_out(self, n_not_finite: int) -> None:
        self._n_not_finite += n_not_finite

    def say(self, report: WriteReport) -> None:
        if self._lost:
            report.dropped.append(Told("sweeps", f"of the points: {', '.join(sorted(self._lost))}", self._lost))
        if self._n_not_finite:
            report.dropped.append(Told("sweeps", f"{number_of(self._n_not_finite, 'point')} whose places are {NOT_FINITE}", [NOT_FINITE]))
        if self._moved_m:
            report.rounded.append(Told("sweeps", f"points are rounded to float32, by up to {self._moved_m:.2g} m", n=0))
            report.tolerance_points_m = max(report.tolerance_points_m, self._moved_m)
        if self._rounded:
            report.rounded.append(Told("sweeps", f"of the points, rounded to float32: {', '.join(sorted(self._rounded))}", self._rounded))


def columns_of(sweep: Sweep) -> dict[str, Any]:
    """What is told of its points, by name."""
    own = {"intensity": sweep.intensity, "time_offset_ns": sweep.time_offset_ns}
    return {**{name: values for name, values in own.items() if values is not None}, **sweep.fields}


def _rounded(values: Any) -> float:
    """By how much numbers change as float32."""
    if values.dtype == np.float32 or not values.size:
        return 0.0
    exact = np.asarray(values, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        change = np.abs(exact.astype(np.float32) - exact)
    return float(np.where(np.isfinite(exact), change, 0).max())
