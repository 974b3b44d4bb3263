"""A clip of 1,000 frames and 100 tracks goes into every format and comes back at the usual limits."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from test_writers_memory import FORMATS, clip_for


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("format", FORMATS)
def test_a_large_clip_comes_back(tmp_path, format):
    certificate = bw.certify(clip_for(format, 1000, 100), format, tmp_path / "out")
    assert certificate.holds, str(certificate)


@pytest.mark.parametrize("order", ["by frame", "by object", "any"])
def test_a_label_in_motchallenge_takes_little(tmp_path, order):
    """50,000 lines of numbers that all differ, as the challenge's own sequences have them."""
    dice = np.random.default_rng(6)
    frame, number = (part.ravel() for part in np.meshgrid(np.arange(500), np.arange(100), indexing="ij" if order == "by frame" else "xy"))
    rows = np.c_[frame + 1, number + 1, dice.integers(1, 900, (50_000, 4)), np.ones(50_000), np.ones(50_000)]
    seen = dice.integers(0, 10**6, 50_000) / 1e6
    lines = [",".join(map(str, [*row, value])) for row, value in zip(rows.astype(int).tolist(), seen.tolist())]
    if order == "any":
        dice.shuffle(lines)
    (tmp_path / "gt.txt").write_text("\n".join(lines) + "\n")
    scene = bw.read(tmp_path / "gt.txt")
    assert [len(track) for track in scene.image_tracks] == [500] * 100
    i = int(np.flatnonzero((frame == 321) & (number == 7))[0])
    track = scene.image_track("8")
    left, top, width, height = rows[i, 2:6]
    np.testing.assert_array_equal(track.shapes.xyxy[321], [left - 1.5, top - 1.5, left - 1.5 + width, top - 1.5 + height])
    assert track.keyframe_source_attributes[321] == {"mot": [1, 1, seen[i] if seen[i] != int(seen[i]) else int(seen[i])]}
