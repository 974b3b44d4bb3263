"""Tracks: what is there when, many at once, thinning, tables; and real tracks."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.interpolation import METHODS

V, OCC, OUT = bw.Visibility.VISIBLE, bw.Visibility.OCCLUDED, bw.Visibility.OUTSIDE
KEY, BETWEEN, OUTSIDE, BEFORE, AFTER = bw.State


def a_track(times_ns, visibility=None, *, track_id="7", method="linear", **more):
    times = np.asarray(times_ns)
    center = np.c_[times.astype(float), np.zeros(len(times)), np.zeros(len(times))]
    return bw.Track(
        track_id, "car", times, bw.Cuboids(center, np.ones((len(times), 3)), 0.0, frame="world"), visibility=visibility, method=method, **more
    )


def random_tracks(rng, n=25):
    tracks = []
    for i in range(n):
        k = int(rng.integers(1, 9))
        times = np.cumsum(rng.integers(1, 12, k)) * 50_000_000 + int(rng.integers(0, 10**9))
        quat = rng.normal(size=(k, 4)) * ([1, 0, 0, 1] if i % 2 else [1, 1, 1, 1])
        boxes = bw.Cuboids(
            rng.normal(0, 10, (k, 3)), rng.uniform(1, 4, (k, 3)), quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame="world"
        )
        tracks.append(bw.Track(str(i), "car", times, boxes, visibility=rng.choice([0, 1, 2], k, p=[0.5, 0.2, 0.3]), method=METHODS[i % 4]))
    return tracks


# ------------------------------------------------------------ one track


def test_states_of_a_track_with_two_spans():
    track = a_track([10, 20, 30, 50, 60], [V, OCC, OUT, V, V])
    filled = track.at([9, 10, 15, 20, 25, 29, 30, 31, 49, 50, 55, 60, 61])
    assert filled.state.tolist() == [BEFORE, KEY, BETWEEN, KEY, BETWEEN, BETWEEN, OUTSIDE, OUTSIDE, OUTSIDE, KEY, BETWEEN, KEY, AFTER]
    assert filled.is_valid.tolist() == [False, *[True] * 5, *[False] * 3, *[True] * 3, False]
    assert filled.visibility.tolist() == [OUT, V, V, OCC, OCC, OCC, OUT, OUT, OUT, V, V, V, V]
    np.testing.assert_array_equal(filled.cuboids.center_m[:, 0], [np.nan, 10, 15, 20, 25, 29, np.nan, np.nan, np.nan, 50, 55, 60, np.nan])
    np.testing.assert_array_equal(np.isfinite(filled.cuboids.quat_wxyz).all(1), filled.is_valid)
    assert filled.cuboids.frame == "world"
    assert len(filled) == 13


def test_a_track_that_ends_outside_is_outside_for_good():
    assert a_track([10, 20], [V, OUT]).at([9, 10, 19, 20, 21, 1000]).state.tolist() == [BEFORE, KEY, BETWEEN, OUTSIDE, OUTSIDE, OUTSIDE]


def test_a_track_that_begins_outside():
    assert a_track([10, 20, 30], [OUT, OUT, V]).at([5, 10, 15, 20, 25, 30, 31]).state.tolist() == [
        BEFORE,
        OUTSIDE,
        OUTSIDE,
        OUTSIDE,
        OUTSIDE,
        KEY,
        AFTER,
    ]


@pytest.mark.parametrize("method", METHODS)
def test_no_curve_reaches_across_a_break(rng, method):
    """What comes after an OUTSIDE keyframe changes nothing before it, and the other way round."""
    times = np.arange(12) * 10**9
    center = np.cumsum(rng.normal(size=(12, 3)), 0)
    visibility = np.array([0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0])
    at = np.linspace(0, times[-1], 100).astype(np.int64)

    def filled(shift, rows):
        moved = center.copy()
        moved[rows] += shift
        return bw.Track("a", "car", times, bw.Cuboids(moved, np.ones((12, 3)), 0.0), visibility=visibility, method=method).at(at).cuboids.center_m

    early = at < times[5]
    np.testing.assert_array_equal(filled(0, slice(6, None))[early], filled(100, slice(6, None))[early])
    np.testing.assert_array_equal(filled(0, slice(0, 6))[~early], filled(100, slice(0, 6))[~early])
    assert (filled(0, slice(0, 6))[early] != filled(100, slice(0, 6))[early]).all()


def test_attributes_hold_until_they_are_named_again():
    track = a_track(
        [10, 20, 30], attributes={"colour": "red", "door": "?"}, keyframe_attributes=[{"door": "open"}, {"lights": "on"}, {"door": "shut"}]
    )
    assert track.at([5, 10, 25, 30, 99]).attributes == [
        {"colour": "red", "door": "?"},
        {"colour": "red", "door": "open"},
        {"colour": "red", "door": "open", "lights": "on"},
        {"colour": "red", "door": "shut", "lights": "on"},
        {"colour": "red", "door": "shut", "lights": "on"},
    ]
    assert a_track([10]).at([10]).attributes == [{}]


def test_attributes_of_a_row_are_its_own():
    attributes = a_track([10, 20], keyframe_attributes=[{"door": "open"}, {}]).at([10, 11]).attributes
    attributes[0]["door"] = "shut"
    assert attributes[1] == {"door": "open"}


def test_keyframe_index_and_times_come_back():
    filled = a_track([10, 20]).at([25, 5, 10])
    assert filled.keyframe_index.tolist() == [1, -1, 0]
    assert filled.times_ns.tolist() == [25, 5, 10]
    assert filled.track.track_id == "7"


# ------------------------------------------------------------ fewer keyframes


@pytest.mark.parametrize(("n", "kept"), [(1, range(11)), (3, [0, 3, 6, 9, 10]), (5, [0, 5, 10]), (10, [0, 10]), (99, [0, 10])])
def test_every_nth_keyframe_and_the_last(n, kept):
    assert a_track(range(11)).keyframes_every(n).times_ns.tolist() == list(kept)


def test_thinning_keeps_breaks_and_what_lies_beside_them():
    track = a_track(range(14), [0, 0, 0, 0, 0, 0, 2, 2, 1, 1, 0, 0, 0, 0])
    assert track.keyframes_every(4).times_ns.tolist() == [0, 4, 5, 6, 7, 8, 12, 13]
    times = np.arange(14)
    np.testing.assert_array_equal(track.keyframes_every(4).at(times).state >= OUTSIDE, track.at(times).state >= OUTSIDE)


def test_thinning_keeps_what_held():
    attributes = [{}, {"door": "open"}, {}, {}, {"door": "shut"}]
    thin = a_track(range(5), keyframe_attributes=attributes).keyframes_every(2)
    assert [row.get("door") for row in thin.at([0, 2, 4]).attributes] == [None, "open", "shut"]


@pytest.mark.parametrize("n", [0, -1, 2.5, True, "2"])
def test_thinning_wants_a_whole_number(n):
    with pytest.raises(bw.ArgumentError, match="n: expected a whole number from 1, got"):
        a_track(range(5)).keyframes_every(n)


def test_take_carries_every_column():
    track = a_track(
        range(4),
        [0, 1, 2, 0],
        origin=[0, 1, 2, 3],
        keyframe_attributes=[{"i": i} for i in range(4)],
        keyframe_source_attributes=[{"s": i} for i in range(4)],
    )
    for index in (slice(1, None, 2), [1, 3], np.array([False, True, False, True])):
        part = track.take(index)
        assert part.times_ns.tolist() == [1, 3]
        assert part.cuboids.center_m[:, 0].tolist() == [1, 3]
        assert (part.visibility.tolist(), part.origin.tolist()) == ([1, 0], [1, 3])
        assert (part.keyframe_attributes, part.keyframe_source_attributes) == ([{"i": 1}, {"i": 3}], [{"s": 1}, {"s": 3}])


# ------------------------------------------------------------ many tracks


@pytest.mark.kernel
def test_many_tracks_equal_the_slow_twin(rng):
    tracks = random_tracks(rng)
    times = np.sort(np.r_[np.arange(0, 4_000_000_000, 130_000_000), tracks[0].times_ns, tracks[1].times_ns, tracks[1].times_ns])
    many = bw.interpolate_tracks(tracks, times)
    row = 0
    for m, track in enumerate(tracks):
        states = []
        for j, t in enumerate(times):
            state, center, size, quat = naive.track_at(track.times_ns, track.cuboids, track.visibility, track.method, int(t))
            states.append(state)
            if center is None:
                continue
            assert (many.track_index[row], many.time_index[row], many.state[row]) == (m, j, state)
            np.testing.assert_allclose(many.cuboids.center_m[row], center, rtol=0, atol=1e-11)
            np.testing.assert_allclose(many.cuboids.size_m[row], size, rtol=0, atol=1e-14)
            np.testing.assert_allclose(np.abs(many.cuboids.quat_wxyz[row] @ quat), 1, rtol=0, atol=1e-14)
            row += 1
        np.testing.assert_array_equal(track.at(times).state, states)
    assert row == len(many) == len(many.cuboids)


def test_many_tracks_equal_one_at_a_time(rng):
    tracks = random_tracks(rng)
    times = rng.permutation(np.r_[np.arange(0, 3_000_000_000, 70_000_000), tracks[2].times_ns])
    many = bw.interpolate_tracks(bw.Tracks(tracks), times)
    assert (np.diff(many.track_index) >= 0).all()
    for m, track in enumerate(tracks):
        rows, alone = many.track_index == m, track.at(times)
        index = many.time_index[rows]
        assert (np.diff(times[index]) >= 0).all()
        assert sorted(index) == np.flatnonzero(alone.is_valid).tolist()
        for name in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
            np.testing.assert_array_equal(getattr(many.cuboids, name)[rows], getattr(alone.cuboids, name)[index])
        np.testing.assert_array_equal(many.state[rows], alone.state[index])
        np.testing.assert_array_equal(many.visibility[rows], alone.visibility[index])


def test_dtypes_and_frame():
    many = bw.interpolate_tracks([a_track([0, 10])], [0, 5])
    assert (many.track_index.dtype, many.time_index.dtype, many.state.dtype, many.visibility.dtype) == (np.int32, np.int32, np.uint8, np.uint8)
    assert many.cuboids.frame == "world"
    with pytest.raises(ValueError, match="read-only"):
        many.track_index[0] = 1


def test_no_tracks_and_no_times():
    assert len(bw.interpolate_tracks([], [0, 1])) == 0
    assert len(bw.interpolate_tracks([a_track([0, 10])], [])) == 0
    assert len(bw.interpolate_tracks([a_track([0, 10])], [11, -1])) == 0


def test_memory_of_an_earlier_result_is_used_again(rng):
    tracks = bw.Tracks(random_tracks(rng))
    times = np.arange(0, 3_000_000_000, 70_000_000)
    fresh = bw.interpolate_tracks(tracks, times + 5)
    first = bw.interpolate_tracks(tracks, np.r_[times, times + 1])
    again = bw.interpolate_tracks(tracks, times + 5, out=first)
    assert np.shares_memory(again.cuboids.center_m, first.cuboids.center_m)
    np.testing.assert_array_equal(again.cuboids.center_m, fresh.cuboids.center_m)
    larger = bw.interpolate_tracks(tracks, np.r_[times, times + 1, times + 2], out=again)
    assert not np.shares_memory(larger.cuboids.center_m, again.cuboids.center_m)
    with pytest.raises(bw.ArgumentError, match="out: expected an earlier result of interpolate_tracks, got ndarray"):
        bw.interpolate_tracks(tracks, times, out=np.zeros(3))


def test_a_result_does_not_change_when_another_is_made(rng):
    tracks = bw.Tracks(random_tracks(rng))
    first = bw.interpolate_tracks(tracks, [10**9])
    before = first.cuboids.center_m.copy()
    bw.interpolate_tracks(tracks, [2 * 10**9])
    np.testing.assert_array_equal(first.cuboids.center_m, before)


def test_tracks_is_a_tuple():
    one, two = a_track([0], track_id="1"), a_track([1], track_id="2")
    tracks = bw.Tracks([one, two])
    assert tracks == (one, two)
    assert bw.Tracks(tracks) is tracks
    assert len(bw.Tracks()) == 0


def test_tracks_of_different_frames_do_not_meet():
    lidar = bw.Track("8", "car", [0], bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], 0.0, frame="lidar"))
    with pytest.raises(bw.GeometryError, match="track '8': expected tracks in frame 'world', got frame 'lidar'"):
        bw.interpolate_tracks([a_track([0]), lidar], [0])
    with pytest.raises(bw.ArgumentError, match=r"tracks\[1\]: expected a Track, got int"):
        bw.Tracks([lidar, 3])


def test_threads_share_tracks(rng):
    tracks, times = bw.Tracks(random_tracks(rng)), np.arange(0, 3_000_000_000, 7_000_000)
    results = [None] * 4

    def work(i):
        results[i] = bw.interpolate_tracks(tracks, times).cuboids.center_m

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_tracks_are_freed_with_their_curves(rng):
    tracks = random_tracks(rng)
    bw.interpolate_tracks(tracks, [10**9])
    alive = [weakref.ref(track) for track in tracks]
    del tracks
    gc.collect()
    assert [ref() for ref in alive] == [None] * len(alive)


# ------------------------------------------------------------ tables


def test_tables():
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    tracks = [a_track([0, 10], [0, 1], track_id="a"), a_track([5, 6], [0, 2], track_id="b")]
    many = bw.interpolate_tracks(tracks, [0, 5, 10])
    frame, table = many.to_pandas(), many.to_arrow()
    assert isinstance(frame, pandas.DataFrame) and isinstance(table, pyarrow.Table)
    assert frame["track_id"].tolist() == table["track_id"].to_pylist() == ["a", "a", "a", "b"]
    assert frame["timestamp_ns"].tolist() == [0, 5, 10, 5]
    assert frame["state"].tolist() == ["keyframe", "between", "keyframe", "keyframe"]
    assert frame["visibility"].tolist() == ["visible", "visible", "occluded", "visible"]
    assert frame["center_x_m"].tolist() == [0, 5, 10, 5]
    alone = tracks[1].at([4, 5, 6])
    assert alone.to_pandas()["state"].tolist() == alone.to_arrow()["state"].to_pylist() == ["before", "keyframe", "outside"]
    assert alone.to_pandas()["center_x_m"].isna().tolist() == [True, False, True]


def test_reprs_tell_what_there_is():
    track = a_track([0, 10])
    assert repr(track) == "Track('7', 'car', 2 keyframes, frame='world')"
    assert repr(track.at([0, 11])) == "FilledTrack('7', 2 times, 1 valid, frame='world')"
    assert repr(bw.interpolate_tracks([track], [0, 5])) == "FilledTracks(2 cuboids of 1 track at 2 times, frame='world')"


# ------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"times_ns": [1, 0]}, bw.TimeError, "track '7'.times_ns: expected increasing times, got 1 then 0 at index 1"),
        ({"times_ns": [0]}, bw.ArgumentError, "track '7'.cuboids: expected 1 cuboid, one per keyframe, got 2"),
        ({"times_ns": [], "cuboids": bw.Cuboids.empty()}, bw.ArgumentError, "track '7': expected at least one keyframe, got none"),
        ({"times_ns": [0.0, 0.1]}, bw.ArgumentError, "convert seconds"),
        ({"visibility": [0, 3]}, bw.ArgumentError, "track '7'.visibility: .*codes of Visibility, 0 to 2"),
        ({"visibility": [0, -1]}, bw.ArgumentError, "codes of Visibility"),
        ({"visibility": [0, 0.5]}, bw.ArgumentError, "codes of Visibility"),
        ({"visibility": [0]}, bw.ArgumentError, "codes of Visibility"),
        ({"origin": [0, 200]}, bw.ArgumentError, "track '7'.origin: .*codes of Origin"),
        ({"method": "cubic"}, bw.UnknownName, "track '7'.method: no such interpolation: expected one of linear"),
        ({"keyframe_attributes": [{}]}, bw.ArgumentError, "expected 2 mappings, one per keyframe, got 1"),
        ({"keyframe_source_attributes": [{}] * 3}, bw.ArgumentError, "expected 2 mappings, one per keyframe, got 3"),
        ({"cuboids": [1, 2]}, bw.ArgumentError, "track '7'.cuboids: expected Cuboids, got list"),
    ],
)
def test_bad_track(change, kind, message):
    good = {"track_id": "7", "category": "car", "times_ns": [0, 1], "cuboids": bw.Cuboids(np.zeros((2, 3)), np.ones((2, 3)), 0.0)}
    assert len(bw.Track(**good)) == 2
    with pytest.raises(kind, match=message):
        bw.Track(**{**good, **change})


def test_a_track_takes_no_rows_of_nan():
    hole = a_track([0, 10]).at([5, 11]).cuboids
    with pytest.raises(bw.ArgumentError, match="a cuboid at every keyframe, got rows of NaN"):
        bw.Track("7", "car", [0, 1], hole)


def test_bad_times():
    with pytest.raises(bw.ArgumentError, match=r"times_ns: .*dtype float64"):
        a_track([0, 10]).at([0.5])
    with pytest.raises(bw.ArgumentError, match=r"times_ns: .*dtype float64"):
        bw.interpolate_tracks([a_track([0, 10])], [0.5])


# ------------------------------------------------------------ real tracks


@pytest.fixture(scope="module")
def av2_tracks(oracle):
    """Of both logs: stamps, ego poses, and the tracks of 21 frames or more in the world frame."""
    logs = []
    for clip in oracle.av2():
        times = np.round(clip.times_s * 1e9).astype(np.int64)
        tracks = []
        for key, t in clip.tracks.items():
            if len(t.frames) >= 21:
                boxes = bw.Cuboids(t.world[:, :3], t.world[:, 3:6], quat_wxyz=t.world_quats, frame="world")
                tracks.append(bw.Track(key, t.name, times[t.frames], boxes))
        logs.append((times, bw.Trajectory(times, clip.world_from_lidar), tracks))
    return logs


@pytest.mark.parametrize(("every", "limit_m"), [(10, 0.010), (20, 0.050)])
def test_argoverse_from_few_keyframes(av2_tracks, every, limit_m):
    errors = []
    for times, _, tracks in av2_tracks:
        assert len(tracks) > 80
        few = [track.keyframes_every(every) for track in tracks]
        many = bw.interpolate_tracks(few, times)
        for m, track in enumerate(tracks):
            filled, truth = few[m].at(track.times_ns), track.cuboids
            assert filled.is_valid.all()
            is_key = filled.state == KEY
            for name in ("center_m", "size_m", "quat_wxyz"):
                np.testing.assert_array_equal(getattr(filled.cuboids, name)[is_key], getattr(truth, name)[is_key])
            assert few[m].times_ns[-1] == track.times_ns[-1]
            errors.append(np.linalg.norm((filled.cuboids.center_m - truth.center_m)[~is_key, :2], axis=1))
            np.testing.assert_array_equal(many.cuboids.center_m[many.track_index == m][-1], truth.center_m[-1])
    errors = np.concatenate(errors)
    assert len(errors) > 20_000
    assert errors.mean() <= limit_m, f"mean {errors.mean():.4f} m over {len(errors)} cuboids"


def test_argoverse_yaw_over_half_a_turn(av2_tracks):
    """The same tracks in worlds turned by other angles: yaw is never averaged the wrong way round."""
    n_crossings = 0
    for _, _, tracks in av2_tracks:
        for track in tracks:
            thin = track.keyframes_every(10)
            plain = thin.at(track.times_ns).cuboids
            turn = bw.Pose.from_yaw(np.pi - float(track.cuboids.yaw_rad[len(track) // 2]))
            turned = thin.replace(cuboids=thin.cuboids.transformed(turn, "world")).at(track.times_ns).cuboids
            n_crossings += int((np.abs(np.diff(turned.yaw_rad)) > np.pi).sum())
            off = np.angle(np.exp(1j * (turned.yaw_rad - plain.transformed(turn).yaw_rad)))
            assert np.abs(off).max() < 1e-10
            steps = np.abs(np.angle(np.exp(1j * np.diff(turned.yaw_rad))))
            assert steps.max() < np.pi / 4
    assert n_crossings > 100


def test_parked_cars_stay_put_under_a_moving_ego(av2_tracks):
    """Keyframes as the ego saw them, carried to the world by its poses and filled there. Exact places, then the labels' own."""
    n_parked = 0
    for _, ego, tracks in av2_tracks:
        for track in tracks:
            places = track.cuboids.center_m
            if "VEHICLE" not in track.category or np.linalg.norm(places - places[0], axis=1).max() > 0.5:
                continue
            n_parked += 1
            few = track.keyframes_every(20)
            poses = [ego.at(int(t)) for t in few.times_ns]
            at = np.linspace(track.times_ns[0], track.times_ns[-1], 200).astype(np.int64)
            place = track.cuboids[0]
            in_ego = [place.transformed(pose.inverse(), "ego") for pose in poses]
            exact = bw.Cuboids.concatenate([seen.transformed(pose, "world") for seen, pose in zip(in_ego, poses)])
            filled = few.replace(cuboids=exact).at(at).cuboids
            assert np.abs(filled.center_m - place.center_m).max() < 1e-8
            assert np.abs(np.angle(np.exp(1j * (filled.yaw_rad - place.yaw_rad)))).max() < 1e-9
            labelled = few.at(at).cuboids.center_m  # hardly leaves the keyframes' own spread
            assert (labelled > few.cuboids.center_m.min(0) - 0.05).all() and (labelled < few.cuboids.center_m.max(0) + 0.05).all()
    assert n_parked >= 30


def test_parked_car_under_a_turning_ego():
    """The same with a made ego that drives a tight curve: in its own frame the car sweeps by, in the world it stands."""
    times = np.arange(0, 10_000_000_000, 100_000_000)
    seconds = times * 1e-9
    heading = 0.5 * seconds
    poses = [bw.Pose.from_yaw(h, (20 * np.sin(h) + 5e5, 20 * (1 - np.cos(h)) + 4.6e6, 0.3 * h)) for h in heading]
    ego = bw.Trajectory(times, poses)
    place = bw.Cuboids([[5e5 + 10.0, 4.6e6 + 30.0, 0.8]], [[4.5, 1.9, 1.6]], 0.3, frame="world")
    drawn = bw.Cuboids.concatenate([place.transformed(ego.at(int(t)).inverse(), "ego") for t in times[::33]])
    world = bw.Cuboids.concatenate([drawn[i].transformed(ego.at(int(t)), "world") for i, t in enumerate(times[::33])])
    filled = bw.Track("p", "car", times[::33], world).at(times).cuboids
    assert np.abs(filled.center_m - place.center_m).max() < 1e-8
    in_ego_frame = bw.interpolate(times[::33], drawn, times)
    off = [np.linalg.norm(in_ego_frame[i].transformed(ego.at(int(t))).center_m - place.center_m) for i, t in enumerate(times)]
    assert max(off) > 1.0
