"""A cuboid carried to other frames: what stands stays, what moves is followed, and what the points do not support is flagged."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import boxwright as bw
import street
from boxwright.bridging import _expected, _is_odd, _made_one, _Row
from boxwright.motion import MotionFilter
from boxwright.sightings import Proposal, Sighting, Verdict
from formats_scenes import MemoryData


@pytest.fixture(scope="module")
def world():
    return bw.simulate(11, 16, n_beams=32, n_columns=900)


@pytest.fixture(scope="module")
def street_scene():
    """The made-up street, its sweeps made once."""
    scene = street.scene()
    return scene.replace(data=MemoryData({(i, "lidar"): scene.points(i) for i in range(len(scene))}))


def off_m(proposals, truth):
    return np.hypot(*(proposals.cuboids.center_m - truth.at(proposals.times_ns).cuboids.center_m)[:, :2].T)


def n_points(scene, track, frame):
    return int((scene.data.point_track_index(frame) == scene.track_index[track.track_id]).sum())


def starts(scene, n_frames, least=40):
    """(track, first frame) of every track that is seen well for `n_frames` from there"""
    for track in scene.tracks:
        frames = np.searchsorted(scene.times_ns, track.times_ns[track.visibility != 2])
        for first in frames[:-n_frames]:
            if n_points(scene, track, int(first)) >= least:
                yield track, int(first)
                break


def moves(track):
    return np.hypot(*np.ptp(track.cuboids.center_m[:, :2], axis=0)) > 0.5


def test_what_stands_stays_to_the_last_bit(world):
    """From one keyframe, though the vehicle drives past and nobody said that it stands."""
    n = 0
    for track, first in starts(world, 10):
        if not moves(track):
            one = track.take(track.times_ns == world.times_ns[first])
            proposals = bw.propagate(world, one, first, first + 10)
            np.testing.assert_array_equal(proposals.cuboids.center_m, np.repeat(one.cuboids.center_m, 10, 0))
            np.testing.assert_array_equal(proposals.cuboids.quat_wxyz, np.repeat(one.cuboids.quat_wxyz, 10, 0))
            n += 1
    assert n >= 8


@pytest.mark.parametrize("step", [1, -1])
def test_what_moves_is_followed_from_one_keyframe(world, step):
    errors, ways = [], []
    for track, first in starts(world, 10):
        if moves(track):
            begin, end = (first, first + 10)[::step]
            one = track.take(track.times_ns == world.times_ns[begin])
            proposals = bw.propagate(world, one, begin, end)
            assert proposals.frame_index.tolist() == list(range(begin + step, end + step, step))
            believed = ~proposals.is_flagged
            errors.append(off_m(proposals, track)[believed])
            ways.append(np.hypot(*(proposals.cuboids.center_m - one.cuboids.center_m)[:, :2].T)[believed])
    errors = np.concatenate(errors)
    assert len(errors) >= 40 and np.concatenate(ways).max() > 4
    assert np.median(errors) < 0.1 and np.mean(errors < 0.3) > 0.85


def test_two_keyframes_make_a_curve_that_points_correct(world):
    """Keyframes far apart: the curve is off where the object turned or braked, and the points say by how much."""
    before, after = [], []
    for track, first in starts(world, 14, 30):
        ends = np.isin(track.times_ns, world.times_ns[[first, first + 14]])
        proposals = bw.propagate(world, track.take(ends), first, first + 14)
        assert proposals.frame_index.tolist() == list(range(first + 1, first + 14))
        truth = track.at(proposals.times_ns).cuboids.center_m
        before.append(np.hypot(*(proposals.predicted.center_m - truth)[:, :2].T))
        after.append(off_m(proposals, track))
    before, after = np.concatenate(before), np.concatenate(after)
    far = before > 0.2
    assert far.sum() >= 5 and np.median(after[far]) < np.median(before[far]) / 2
    assert np.mean(after[before < 0.05] < before[before < 0.05] + 0.03) >= 0.95


def test_nothing_is_written_until_accepted(street_scene):
    track = street_scene.track("driving").take([0])
    proposals = bw.propagate(street_scene, track, 0, 5)
    assert len(track) == 1 and proposals.track is track and len(proposals) == 5
    accepted = proposals.accept()
    assert len(accepted) == 1 + int((~proposals.is_flagged).sum())
    assert accepted.origin[0] == bw.Origin.GIVEN and (accepted.origin[1:] == bw.Origin.PROPAGATED).all()
    np.testing.assert_array_equal(accepted.cuboids.center_m[0], track.cuboids.center_m[0])
    assert len(proposals.accept([0, 2])) == 3 and len(proposals.accept(slice(0, 0))) == 1
    assert len(proposals.accept(np.ones(5, bool))) == 6
    named = track.replace(keyframe_attributes=[{"lights": "on"}])
    both = bw.propagate(street_scene, named, 0, 2).accept(slice(None))
    assert both.keyframe_attributes == [{"lights": "on"}, {}, {}]
    backwards = bw.propagate(street_scene, street_scene.track("driving").take([5]), 5, 3).accept(slice(None))
    assert (np.diff(backwards.times_ns) > 0).all() and backwards.origin[-1] == bw.Origin.GIVEN


def test_keyframes_are_passed_over_and_outside_ends_the_way(street_scene):
    track = street_scene.track("parked")
    assert len(bw.propagate(street_scene, track, 0, 5)) == 0
    assert bw.propagate(street_scene, track.take([0, 3]), 0, 5).frame_index.tolist() == [1, 2, 4, 5]
    gone = track.take([0, 3]).replace(visibility=[bw.Visibility.VISIBLE, bw.Visibility.OUTSIDE])
    assert bw.propagate(street_scene, gone, 0, 5).frame_index.tolist() == [1, 2]
    back = track.take([0, 1, 4]).replace(visibility=[0, bw.Visibility.OUTSIDE, 0])
    assert bw.propagate(street_scene, back, 4, 0).frame_index.tolist() == []
    assert bw.propagate(street_scene, back, 4, 5).frame_index.tolist() == [5]
    assert len(bw.propagate(street_scene, track, 2, 2)) == 0


def test_where_points_are_missing_the_prediction_stands_flagged(street_scene):
    track = street_scene.track("driving")
    center = track.cuboids.center_m.copy()
    center[:, 0] = 115 + 1.2 * np.arange(6)
    track = track.replace(cuboids=track.cuboids.replace(center_m=center))
    scene = street_scene.replace(tracks=[track])
    data = {(i, "lidar"): street.Data(scene).points(i, "lidar") for i in (0, 1, 3, 4, 5)}
    bare = data[4, "lidar"]
    keep = np.hypot(*(bare.xyz[:, :2] - scene.cuboids(4).center_m[0, :2]).T) > 4
    data[4, "lidar"] = bw.Sweep(bare.xyz[keep], bare.timestamp_ns)
    proposals = bw.propagate(scene.replace(data=MemoryData(data)), track.take([0, 1]), 1, 5)
    assert [bw.Verdict(v).name for v in proposals.verdict] == ["NO_SWEEP", "REGISTERED", "FEW_POINTS", "REGISTERED"]
    flagged = proposals.is_flagged
    assert flagged.tolist() == [True, False, True, False]
    np.testing.assert_array_equal(proposals.cuboids.center_m[flagged], proposals.predicted.center_m[flagged])
    assert off_m(proposals, track).max() < 0.1
    assert len(proposals.accept()) == 4


def test_an_object_that_is_not_there_any_more_is_not_found_elsewhere(street_scene):
    """Its place is empty from frame 1 on; the nearest other car stands 8 m away."""
    data = {}
    for i in range(6):
        sweep, cuboid = street_scene.points(i), street_scene.cuboids(i)[0]
        keep = (np.hypot(*(sweep.xyz[:, :2] - cuboid.center_m[:2]).T) > 3.2) | (i == 0)
        data[i, "lidar"] = bw.Sweep(sweep.xyz[keep], sweep.timestamp_ns)
    proposals = bw.propagate(street_scene.replace(data=MemoryData(data)), street_scene.track("parked").take([0]), 0, 5)
    assert proposals.is_flagged.all()
    assert off_m(proposals, street_scene.track("parked")).max() == 0


def test_scenes_without_poses_are_followed_in_their_sensors_frame(street_scene):
    cuboids = {t.track_id: bw.Cuboids.concatenate([street_scene.cuboids(i)[k : k + 1] for i in range(6)]) for k, t in enumerate(street_scene.tracks)}
    tracks = [t.replace(cuboids=cuboids[t.track_id]) for t in street_scene.tracks]
    bare = street_scene.replace(trajectory=None, tracks=tracks, label_frame="lidar")
    with pytest.warns(bw.SensorFrameFallback, match="followed in the lidar frame"):
        proposals = bw.propagate(bare, bare.track("parked").take([0]), 0, 5)
    assert proposals.cuboids.frame == "lidar"
    believed = ~proposals.is_flagged
    assert believed.sum() >= 3 and np.median(off_m(proposals, bare.track("parked"))[believed]) < 0.2


def test_labels_of_a_moving_frame_come_back_in_it(street_scene):
    """Tracks given in the LiDAR's frame though there are poses: followed in the world, proposed in the LiDAR's frame."""
    cuboids = bw.Cuboids.concatenate([street_scene.cuboids(i)[0:1] for i in range(6)])
    track = street_scene.track("parked").replace(cuboids=cuboids)
    other = street_scene.replace(tracks=[track], label_frame="lidar")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proposals = bw.propagate(other, track.take([0]), 0, 5)
    assert proposals.cuboids.frame == "lidar" and not proposals.is_flagged.any()
    np.testing.assert_allclose(proposals.cuboids.center_m, cuboids.center_m[1:], atol=1e-6)


def test_what_is_refused(street_scene):
    track = street_scene.track("driving").take([0])
    for arguments, error, match in (
        ((track, 1, 3), bw.TimeError, "no keyframe in frame 1"),
        ((track, 0, 9), bw.FrameMissing, "a frame within 0..5"),
        (("nobody", 0, 3), bw.UnknownName, "no such track"),
    ):
        with pytest.raises(error, match=match):
            bw.propagate(street_scene, *arguments)
    with pytest.raises(bw.FrameMissing, match="no such LiDAR"):
        bw.propagate(street_scene, track, 0, 3, sensors=["roof"])


def test_progress_and_notes(world):
    track = world.tracks[0]
    ticks = []
    short = world.replace(trajectory=bw.Trajectory(world.times_ns, [world.world_from_ego(int(t)) for t in world.times_ns]))
    proposals = bw.propagate(short, track.take([0]), 0, 4, progress=lambda: ticks.append(1))
    assert len(ticks) == len(proposals) == 4
    assert proposals.notes[0].startswith("frame 0, lidar: poses do not cover the time of every point")


def rows_between(shifts, noise_m=0.05):
    """Frames a tenth of a second apart between two keyframes: (F, 4) shifts that points ask for, NaN where they do not pass the gate."""
    rows, cuboid = [], bw.Cuboid((5.0, 2, 1), (4, 2, 1.5), 0.3)
    for i, shift in enumerate(shifts):
        t = 0.1 * (i + 1)
        place = 0.03 + 1.5 * t * (0.1 * (len(shifts) + 1) - t) / 2
        verdict = Verdict.REGISTERED if np.isfinite(shift).all() else Verdict.FEW_POINTS
        seen = Sighting(Proposal(i, cuboid, cuboid, verdict), np.nan_to_num(shift), np.diag(np.square([noise_m, noise_m, noise_m, 0.02])))
        rows.append(_Row(i, t, np.array([place, place, 0.1, 0.05]), None, seen))
    return rows


def test_frames_between_keyframes_help_each_other(rng):
    """A smooth miss of the curve is found better by all frames than by each, also where one shows nothing; reversed in time, it is the same."""
    t = np.linspace(0.1, 0.9, 9)
    true = np.zeros((9, 4))
    true[:, 0] = 1.2 * t * (1 - t)
    seen = true + rng.normal(0, 0.05, (9, 4)) * [1, 1, 1, 0.2]
    found = np.array([_expected(rows_between(seen), i)[0] for i in range(9)])
    assert np.abs(found - true)[:, 0].max() < 0.06 and np.sqrt(np.mean((found - true)[:, 0] ** 2)) < 0.6 * np.sqrt(np.mean((seen - true)[:, 0] ** 2))
    backwards = np.array([_expected(rows_between(seen[::-1]), i)[0] for i in range(9)])
    np.testing.assert_allclose(backwards[::-1], found, atol=1e-9)
    seen[4] = np.nan
    without, covariance = _expected(rows_between(seen), 4)
    assert abs(without[0] - true[4, 0]) < 0.08 and 0 < covariance[0, 0] < 0.06**2
    mean, covariance = _expected(rows_between(np.full((9, 4), np.nan)), 4)
    assert not mean.any() and covariance[0, 0] == pytest.approx((0.03 + 1.5 / 8) ** 2)


def test_one_frame_alone_moves_nothing():
    shifts = np.zeros((9, 4))
    shifts[4, 1] = 0.35
    rows = rows_between(shifts)
    assert _is_odd(rows[4].seen, *_expected(rows, 4, without=True)) and not _is_odd(rows[3].seen, *_expected(rows, 3, without=True))
    shifts[2:7, 1] = 0.3, 0.33, 0.35, 0.33, 0.3
    assert not _is_odd(rows_between(shifts)[4].seen, *_expected(rows_between(shifts), 4, without=True))
    made = _made_one(rows_between(shifts), 0.05, 0.03)
    assert made[4].verdict == Verdict.REGISTERED and made[4].cuboid.center_m[1] == pytest.approx(2.35, abs=0.05)
    still = _made_one(rows_between(np.full((9, 4), 0.01)), 0.05, 0.03)
    assert all(row.verdict == Verdict.AGREES and row.cuboid is row.predicted for row in still)


def test_the_filter_goes_back_the_way_it_came():
    there = MotionFilter(0.0, bw.Cuboid((1.0, 2, 3), (4, 2, 1.5), 0.5), np.array([8.0, 1.0]), 0.2, (0.1, 0.01))
    there.predict(0.7)
    assert there.mean[3] == pytest.approx(0.64) and np.hypot(*there.mean[4:6]) == pytest.approx(np.hypot(8, 1))
    there.predict(0.0)
    np.testing.assert_allclose(there.mean, [1, 2, 3, 0.5, 8, 1, 0.2], atol=1e-12)
    eigen = np.linalg.eigvalsh(there.covariance)
    assert eigen.min() > 0
    there.update(np.array([1.5, 2, 3, 0.5]), np.diag([1e-6] * 4))
    assert there.mean[0] == pytest.approx(1.5, abs=1e-4)


def test_a_real_frame_between_two_is_found(real_data):
    """SUSTechPOINTS 965, 970, 975, half a second apart and without poses: the curve misses the vehicle's own way, the points do not."""
    with pytest.warns(bw.SensorFrameFallback):
        scene = bw.read(real_data / "sustechpoints" / "example")
    before, after = [], []
    for track in scene.tracks:
        own = np.searchsorted(track.times_ns, scene.times_ns[1:])
        if np.isin(scene.times_ns[1:], track.times_ns).all() and track.at(scene.times_ns[1:]).is_valid.all():
            with pytest.warns(bw.SensorFrameFallback):
                proposals = bw.propagate(scene.replace(tracks=[]), track.take(own[[0, 2]]), 1, 3)
            truth = track.cuboids.center_m[own[1]]
            before.append(np.hypot(*(proposals.predicted.center_m - truth)[0, :2]))
            after.append(np.hypot(*(proposals.cuboids.center_m - truth)[0, :2]))
    before, after = np.array(before), np.array(after)
    far = before > 0.2
    assert len(after) >= 15 and far.sum() >= 3
    assert (after[far] < before[far]).all() and np.median(after) < np.median(before)
    assert (after < before + 0.1).all()
