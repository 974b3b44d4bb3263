"""The one rate of frames that formats have in place of times: which rates there are, and what is said of those that are none."""

from __future__ import annotations

import numpy as np

from ..arrays import Int64s, as_floats
from ..errors import ArgumentError
from .write_report import WriteReport

__all__ = ["LEAST_HZ", "MOST_HZ", "checked_rate", "is_rate", "say_no_rate", "say_one_rate"]

LEAST_HZ, MOST_HZ = 1e-3, 1e6
_UNEVEN = 0.01  # of a frame
_DIGITS = 9  # behind the point, as files tell rates


def is_rate(rate_hz: float) -> bool:
    """Whether a file can tell it, also rounded, and whoever reads that takes it for a rate."""
    return rate_hz >= LEAST_HZ and round(rate_hz, _DIGITS) < MOST_HZ


def checked_rate(frame_rate: float | None) -> float | None:
    """The option `frame_rate` of a writer, in Hz, where it is given. ArgumentError where it is no rate."""
    if frame_rate is None:
        return None
    rate = as_floats("frame_rate", frame_rate, ()).item()
    if not is_rate(rate):
        expected, hint = f"frames a second, from {LEAST_HZ:g} to under {MOST_HZ:g}", "pass the video's rate, such as 25, or leave it out"
        raise ArgumentError(expected=expected, got=f"{rate:g}", field="frame_rate", hint=hint)
    return float(rate)


def say_one_rate(report: WriteReport, times_ns: Int64s, whose: str) -> None:
    """That frames at uneven times lose them, where steps differ by more than a hundredth of a frame. times_ns : (F,) of the frames"""
    steps = np.diff(times_ns)
    if len(steps) and np.ptp(steps) > _UNEVEN * steps.mean():
        report.rounded.append(f"times: {whose} has one rate for all frames")


def say_no_rate(report: WriteReport, rate_hz: float, whose: str) -> None:
    """That the frames of a scene come at a rate that the files of that name do not have."""
    report.dropped.append(f"times: a rate of {rate_hz:g} frames a second is none that {whose} files have")
