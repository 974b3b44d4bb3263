"""The one rate of frames that formats have in place of times: which rates there are, and what is said of those that are none."""

from __future__ import annotations

import numpy as np

from ..arrays import Int64s, as_floats
from ..errors import ArgumentError
from ..scene import Scene
from .losses import lost_exposures
from .write_report import Told, WriteReport

__all__ = ["FIRST_FRAME", "LEAST_HZ", "MOST_HZ", "checked_rate", "frame_times", "is_rate", "rate_of", "say_no_rate", "say_rate"]

LEAST_HZ, MOST_HZ = 1e-3, 1e6
FIRST_FRAME = "the first frame"  # what reports and certificates call it that all stamps are off by the first one
_DIGITS = 9  # behind the point, as files tell rates


def is_rate(rate_hz: float) -> bool:
    """Whether a file can tell it, also rounded, and whoever reads that takes it for a rate."""
    return rate_hz >= LEAST_HZ and round(rate_hz, _DIGITS) < MOST_HZ


def rate_of(scene: Scene) -> float:
    """Frames a second on the average; 0 where a scene has no time, or fewer frames than two."""
    span = int(scene.times_ns[-1] - scene.times_ns[0]) if scene.has_time and len(scene) > 1 else 0
    return (len(scene) - 1) * 1e9 / span if span > 0 else 0.0


def checked_rate(frame_rate: float | None) -> float | None:
    """The option `frame_rate` of a writer, in Hz, where it is given. ArgumentError where it is no rate."""
    if frame_rate is None:
        return None
    rate = as_floats("frame_rate", frame_rate, ()).item()
    if not is_rate(rate):
        expected, hint = f"frames a second, from {LEAST_HZ:g} to under {MOST_HZ:g}", "pass the video's rate, such as 25, or leave it out"
        raise ArgumentError(expected=expected, got=f"{rate:g}", field="frame_rate", hint=hint)
    return float(rate)


def say_rate(report: WriteReport, scene: Scene, whose: str) -> None:
    """What the times of a scene lose where frames are counted from 0 at one rate, that of `rate_of`."""
    report.dropped += lost_exposures(scene, scene.cameras)
    if not (rate := rate_of(scene)):
        report.dropped.append(Told("times", f"when the frame was: {whose} has one rate for all frames, and one alone has none"))
        return
    if scene.times_ns[0]:
        report.dropped.append(Told("times", f"when the first frame was: {whose} counts from 0", [FIRST_FRAME]))
    apart = int(np.abs(scene.times_ns - scene.times_ns[0] - frame_times(len(scene), rate)).max())
    if apart:
        report.tolerance_ns = apart
        report.rounded.append(Told("times", f"times: {whose} has one rate for all frames, which moves them by up to {apart / 1e6:g} ms", n=0))


def frame_times(n_frames: int, rate_hz: float) -> Int64s:
    """(F,) from 0 on, as whoever reads the rate counts them."""
    return np.round(np.arange(n_frames) * (1e9 / rate_hz)).astype(np.int64)


def say_no_rate(report: WriteReport, rate_hz: float, whose: str) -> None:
    """That the frames of a scene come at a rate that the files of that name do not have."""
    report.dropped.append(Told("times", f"times: a rate of {rate_hz:g} frames a second is none that {whose} files have"))
