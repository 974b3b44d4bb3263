"""Boxes of moving objects, set from the moment they were drawn for to the stamp."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.motion import motion_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from accuracy_retiming import drawn, errors

T0 = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def motorway():
    return bw.simulate(3, 20, image_scale=0.1, scenery="motorway")


class Changed:
    """Sensor data whose sweeps go through a function."""

    def __init__(self, data, change):
        self.data, self.change = data, change

    def points(self, frame_index, sensor):
        return self.change(self.data.points(frame_index, sensor))

    def __getattr__(self, name):
        return getattr(self.data, name)


@pytest.mark.parametrize("placement", ["points", "raw_points"])
def test_fast_boxes_come_to_where_their_objects_were(motorway, placement):
    given = drawn(motorway, placement, np.random.default_rng(0))
    retiming = bw.retime(given)
    assert retiming.placement == placement and retiming.evidence > 20
    speed, before, after = errors(motorway, given, retiming).T
    fast = speed > 10
    assert fast.sum() > 200
    assert before[fast].mean() > 5 * after[fast].mean()
    assert all(row.gain_m > 0 for row in retiming if row.shift_m.max() > 0.7 and row.n_points.sum() > 200)
    assert given.tracks[0].cuboids is not retiming.tracks[0].cuboids  # what was given stays as it is


def test_boxes_at_the_stamp_stay(motorway):
    retiming = bw.retime(motorway)
    assert retiming.placement == "stamp"
    assert {row.verdict for row in retiming} <= {"at_the_stamp", "standing", "no_points"}
    assert all(track is row for track, row in zip(motorway.tracks, retiming.tracks))
    assert all(not row.shift_m.any() and not abs(row.gain_m) > 1e-9 for row in retiming if row.n_points.any() and row.verdict == "at_the_stamp")


def test_boxes_for_the_middle_of_a_sweep_that_is_stamped_with_its_begin(motorway):
    """Stamps 50 ms earlier, the labels as they were: drawn for the middle of the sweep, as in Argoverse 2."""
    early = 50_000_000

    def earlier(sweep):
        return sweep.deskewed(motorway.trajectory, motorway.ego_from("lidar"), time_ns=sweep.timestamp_ns - early)

    times, still = motorway.times_ns - early, Changed(motorway.data, earlier)
    labels = [track.replace(times_ns=track.times_ns - early) for track in motorway.tracks]
    scene = motorway.replace(times_ns=times, tracks=labels, data=still, cameras={})
    retiming = bw.retime(scene)
    assert retiming.placement == "sweep_middle" and retiming.evidence > 5
    for true, row in zip(motorway.tracks, retiming):
        if row.verdict == "moved" and len(true) > 6:
            inner = slice(1, -1)
            wanted = true.at(true.times_ns[inner] - early).cuboids.center_m
            known = np.isfinite(wanted).all(1)
            np.testing.assert_allclose(row.track.cuboids.center_m[inner][known], wanted[known], rtol=0, atol=0.05)
            late_ns = (row.moment_ns - row.track.times_ns)[row.n_points > 50]
            np.testing.assert_allclose(late_ns, early, rtol=0, atol=200_000)


def test_a_told_placement_is_taken(motorway):
    given = drawn(motorway, "points", np.random.default_rng(0))
    told, found = bw.retime(given, placement="points"), bw.retime(given)
    assert told.placement is bw.Placement.POINTS and told.evidence == np.inf
    for a, b in zip(told, found):
        np.testing.assert_array_equal(a.track.cuboids.center_m, b.track.cuboids.center_m)
    with pytest.raises(bw.ArgumentError, match=r"placement: expected 'stamp', 'sweep_middle', 'points', 'raw_points', got 'clouds'"):
        bw.retime(given, placement="clouds")


def test_some_tracks_alone_and_progress(motorway):
    given = drawn(motorway, "points", np.random.default_rng(0))
    calls = []
    few = bw.retime(given, given.tracks[:3], placement="points", progress=lambda: calls.append(1))
    whole = bw.retime(given, placement="points")
    assert len(calls) == 20 and len(few) == 3
    for a, b in zip(few, whole):
        np.testing.assert_array_equal(a.track.cuboids.center_m, b.track.cuboids.center_m)
    assert few[0].track.track_id == given.tracks[0].track_id and len(few[1:]) == 2
    assert len(bw.retime(given, [])) == 0


def test_the_same_far_away_and_later(motorway):
    """Moving the world, turning it and starting the clock elsewhere changes nothing."""
    given = drawn(motorway, "points", np.random.default_rng(0))
    far = bw.Pose.from_yaw(2.5, (4096.0, -8192.0, 64.0))
    later = 10_000_000_000

    def moved(track):
        return track.replace(times_ns=track.times_ns + later, cuboids=track.cuboids.transformed(far, frame="world"))

    trajectory = bw.Trajectory(given.trajectory.times_ns + later, [far @ given.trajectory[i] for i in range(len(given.trajectory))])
    data = Changed(given.data, lambda sweep: dataclasses.replace(sweep, timestamp_ns=sweep.timestamp_ns + later))
    scene = given.replace(times_ns=given.times_ns + later, tracks=map(moved, given.tracks), trajectory=trajectory, data=data, cameras={})
    for a, b in zip(bw.retime(given), bw.retime(scene)):
        assert a.verdict == b.verdict
        np.testing.assert_allclose(far.apply(a.track.cuboids.center_m), b.track.cuboids.center_m, rtol=0, atol=1e-5)
        np.testing.assert_allclose(a.shift_m, b.shift_m, rtol=0, atol=1e-5)


def test_what_cannot_be_moved(motorway):
    track = drawn(motorway, "points", np.random.default_rng(0)).tracks[0]
    standing = track.replace(track_id="s", cuboids=bw.Cuboids.concatenate([track.cuboids[[0]]] * len(track)))
    away = track.replace(track_id="a", cuboids=track.cuboids.transformed(bw.Pose.from_yaw(0, (0, 0, 500.0)), frame="world"))
    rows = bw.retime(motorway, [track, track.replace(track_id="one").take([4]), away], placement="points")
    assert [row.verdict for row in rows] == ["moved", "one_keyframe", "no_points"]
    assert np.isnan(rows[2].gain_m) and not rows[2].shift_m.any()
    assert bw.retime(motorway, [standing], placement="points")[0].verdict in ("standing", "no_points")
    walker = track.replace(category="pedestrian")  # the ends of what has limbs tell nothing
    alone = bw.retime(motorway, [walker])
    assert alone.placement is None and alone.evidence == 0 and alone[0].verdict == "undecided" and alone[0].track is walker


def test_points_without_times_and_tracks_of_another_frame_are_refused(motorway):
    track = motorway.tracks[0]
    ego = track.replace(cuboids=track.cuboids.transformed(bw.Pose.identity(), frame="ego"))
    with pytest.raises(bw.GeometryError, match=r"frame"):
        bw.retime(motorway, [ego])
    timeless = motorway.replace(data=Changed(motorway.data, lambda sweep: dataclasses.replace(sweep, time_offset_ns=None)))
    with pytest.raises(bw.ArgumentError, match="no sweep of the scene tells when its points were seen"):
        bw.retime(timeless)


def naive_slopes(times_s, values, visibility):
    """One keyframe after the other, by least squares."""
    slopes = np.zeros_like(values)
    for k in range(len(times_s)):
        first = max([j + 1 for j in range(k) if visibility[j] == bw.Visibility.OUTSIDE], default=0)
        last = min([j for j in range(k, len(times_s)) if visibility[j] == bw.Visibility.OUTSIDE], default=len(times_s) - 1)
        near = range(first, last + 1)
        gaps = np.array([abs(times_s[j] - times_s[k]) for j in near])
        reach = max(0.5, 1.5 * sorted(gaps)[min(2, len(gaps) - 1)])
        rows = [(j, (1 - (gap / reach) ** 3) ** 1.5) for j, gap in zip(near, gaps) if gap < reach]
        if len(rows) > 1:
            root = np.array([weight for _, weight in rows])
            left = np.array([[(times_s[j] - times_s[k]) ** power for power in range(min(len(rows), 3))] for j, _ in rows])
            right = values[[j for j, _ in rows]]
            slopes[k] = np.linalg.lstsq(left * root[:, None], right * root[:, None], rcond=None)[0][1]
    return slopes


@pytest.mark.parametrize("n", [1, 2, 3, 5, 40, 600])
def test_motion_is_that_of_its_plain_twin(rng, n):
    times = T0 + np.cumsum(rng.integers(20_000_000, 400_000_000, n))
    yaw = np.cumsum(rng.normal(0, 0.2, n)) + 3.0
    visibility = np.where(rng.random(n) < 0.05, bw.Visibility.OUTSIDE, bw.Visibility.VISIBLE).astype(np.uint8)
    visibility[0] = bw.Visibility.VISIBLE
    center = rng.normal((1e5, -1e5, 10), 5, (n, 3))
    track = bw.Track("a", "car", times, bw.Cuboids(center, np.full((n, 3), 2.0), yaw, frame="world"), visibility=visibility)
    motion = motion_of(track)
    wanted = naive_slopes((times - times[0]) * 1e-9, np.column_stack([center - center[0], yaw]), visibility)
    np.testing.assert_allclose(np.column_stack([motion.velocity_mps, motion.yaw_rate_radps]), wanted, rtol=1e-6, atol=1e-6)
    assert motion.is_known == (n > 1)


def test_motion_of_braking_and_turning_is_exact():
    times = T0 + np.arange(12) * 100_000_000
    t = np.arange(12) * 0.1
    center = np.column_stack([20 * t - 3 * t**2, 1.5 * t**2, 0.1 * t])
    track = bw.Track("a", "car", times, bw.Cuboids(center, np.full((12, 3), 2.0), 3.0 + 0.4 * t, frame="world"))
    motion = motion_of(track)
    np.testing.assert_allclose(motion.velocity_mps, np.column_stack([20 - 6 * t, 3 * t, np.full(12, 0.1)]), rtol=0, atol=1e-9)
    np.testing.assert_allclose(motion.yaw_rate_radps, 0.4, rtol=0, atol=1e-9)  # through pi


def test_argoverse_labels_are_those_of_the_middle_of_the_sweep(real_data):
    """With real labels: the ends of moving cars fit the middle of the sweep best, and come nearer to the points at the stamp."""
    log = next((real_data / "av2" / "sensor").rglob("7fab2350*"))
    retiming = bw.retime(bw.read(log))
    assert retiming.placement == "sweep_middle"
    fast = [row for row in retiming if row.verdict == "moved" and row.speed_mps.max() > 4 and row.n_points.sum() >= 200]
    assert len(fast) >= 4 and np.mean([row.gain_m for row in fast]) > 0


def test_sweeps_beyond_the_poses_are_left_out_and_told(motorway):
    given = drawn(motorway, "points", np.random.default_rng(0))
    poses = given.trajectory
    n = len(poses) * 3 // 5
    short = given.replace(trajectory=bw.Trajectory(poses.times_ns[:n], [poses.at(int(t)) for t in poses.times_ns[:n]]))
    found = bw.retime(short)
    assert found.placement == "points" and "8 sweeps beyond the poses" in found.notes[-1]
    assert not bw.retime(given).notes
    none = bw.retime(given.replace(trajectory=bw.Trajectory(poses.times_ns[-1:] + 10**12, [bw.Pose.identity()])))
    assert {row.verdict for row in none} == {"no_points"} and none.placement is None
