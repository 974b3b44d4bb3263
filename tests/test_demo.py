"""How long the demo takes an object to be there."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from boxwright.demo import Annotation, compare, read_sample
from boxwright.demo.annotating import MIN_POINTS, _while_seen
from boxwright.sample import sample_folder


@pytest.fixture(scope="module")
def sample():
    try:
        return read_sample(sample_folder())
    except bw.FrameMissing:
        pytest.skip("the sample data is not there")


def clicked(sample, *frames, moves):
    """The true cuboids of what moves, or of what stands, at some frames alone, with all the frames its truth has and 30 points at the first."""
    clip, found = sample.clip, []
    sweeps = {i: clip.still_points(i) for i in frames}
    for true in sample.truth.tracks:
        at = true.at(clip.times_ns)
        way = np.nanmax(np.linalg.norm(at.cuboids.center_m - at.cuboids.center_m[frames[0]], axis=1)) if at.is_valid[frames[0]] else np.nan
        if not at.is_valid[list(frames)].all() or not (way > 4 if moves else way < 0.1):
            continue
        track = bw.Track(true.track_id, true.category, clip.times_ns[list(frames)], at.cuboids[list(frames)], origin=[bw.Origin.FIT] * len(frames))
        there = track.cuboids[:1].transformed(clip.transform("lidar", "world", int(track.times_ns[0])), frame="lidar")
        if bw.points_in_cuboids(sweeps[frames[0]], there).counts[0] >= 30:
            found.append(track)
    return found


@pytest.mark.parametrize("frame", [5, 20, 40])
def test_what_moves_and_was_clicked_once_stays_in_its_frame(sample, frame):
    tracks = clicked(sample, frame, moves=True)
    assert len(tracks) >= 3
    assert _while_seen(sample.clip, tracks) == tracks


@pytest.mark.parametrize("frames", [(10,), (20,), (10, 20)])
def test_what_stands_is_there_while_its_cuboid_holds_points(sample, frames):
    tracks = clicked(sample, *frames, moves=False)
    longer = _while_seen(sample.clip, tracks)
    assert len(tracks) >= 5 and any(len(new) > len(old) for old, new in zip(tracks, longer, strict=True))
    for old, new in zip(tracks, longer, strict=True):
        assert np.isin(old.times_ns, new.times_ns).all()
        assert (new.cuboids.center_m == old.cuboids.center_m[0]).all() or new is old
        assert new is old or (new.origin == bw.Origin.STATIC_SOLVE).all()
        for stamp in np.setdiff1d(new.times_ns, old.times_ns):
            sweep = sample.clip.still_points(int(np.searchsorted(sample.clip.times_ns, stamp)))
            there = new.cuboids[:1].transformed(sample.clip.transform("lidar", "world", int(stamp)), frame="lidar")
            assert bw.points_in_cuboids(sweep, there).counts[0] >= MIN_POINTS


def test_no_tracks_stand(sample):
    assert _while_seen(sample.clip, []) == []


def test_the_comparison_counts_what_is_missing_and_what_is_too_much(sample):
    truth = sample.truth.replace(tracks=sample.truth.tracks[:3])
    one, two, _ = truth.tracks
    n = [int(track.at(truth.times_ns).is_valid.sum()) for track in truth.tracks]
    turned = two.cuboids.replace(yaw_rad=two.cuboids.yaw_rad + np.pi)
    short = truth.replace(tracks=[one.take([0]), two.replace(cuboids=turned).take([0, len(two) - 1])])
    total = compare(Annotation(short, []), truth, [])["all"]
    assert (total.n_objects, total.n_true, total.n_found, total.n_false) == (2, sum(n), 1 + n[1], 0)
    assert total.n_filled == total.n_filled_turned == n[1] - 1  # its last keyframe is OUTSIDE
    assert total.filled_yaw_rad < 1e-9
    missing = truth.replace(tracks=[one.take([0]), two, truth.tracks[2]])
    assert compare(Annotation(truth, []), missing, [])["all"].n_false == n[0] - 1
