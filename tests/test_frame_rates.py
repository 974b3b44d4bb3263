"""The one rate of frames that MOT, Darwin and Label Studio have: what is written is a rate that is read, or the report says that there is none."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats.frame_rates import LEAST_HZ, MOST_HZ

FORMATS = ("mot", "darwin", "label_studio")


def clip(step_ns=None):
    """Three frames, counted where no step is told."""
    times = np.arange(3) * (step_ns or 1)
    track = bw.ImageTrack("7", "car", "front", times, bw.Boxes([[1, 2, 9, 8]] * 3))
    cameras = {"front": bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))}
    return bw.Scene("a", times, cameras=cameras, image_tracks=[track], label_frame="front", has_time=step_ns is not None)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("rate", [0, -5, 1e-5, 0.0009999999999, 999_999.9999999999, MOST_HZ, 1e9, np.nan])
def test_a_rate_that_is_none_is_refused(tmp_path, format, rate):
    with pytest.raises(bw.ArgumentError, match="frame_rate"):
        bw.write(clip(), tmp_path / "out", format, frame_rate=rate)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("rate", [LEAST_HZ, 29.97, 999_999.999])
def test_a_rate_comes_back(tmp_path, format, rate):
    bw.write(clip(), tmp_path / "out", format, frame_rate=rate)
    back = bw.read(tmp_path / "out")
    assert back.has_time
    np.testing.assert_allclose(back.times_ns, np.arange(3) * 1e9 / rate, rtol=1e-12, atol=1)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("step_ns", [1, 10**13])
def test_times_at_a_rate_that_is_none_are_dropped(tmp_path, format, step_ns):
    """And said to be."""
    report = bw.write(clip(step_ns), tmp_path / "out", format)
    assert [line for line in report.dropped if f"a rate of {1e9 / step_ns:g} frames a second" in line]
    back = bw.read(tmp_path / "out")
    assert len(back.image_tracks) == 1 and (not back.has_time or format == "label_studio")
    if format == "label_studio":  # which has no frames without a rate
        assert json.loads((tmp_path / "out/tasks.json").read_text())[0]["data"]["fps"] == 1
        assert any("1 frames a second is written" in note for note in report.notes)
