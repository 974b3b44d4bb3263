"""Many sweeps as one cloud: points lie where they were, movers are taken out or carried, and every point tells where it came from."""

from __future__ import annotations

import dataclasses
import gc
import warnings
import weakref

import numpy as np
import pytest

import boxwright as bw
import naive
import street
from formats_scenes import MemoryData


@pytest.fixture(scope="module")
def world():
    return bw.simulate(11, 8, n_beams=24, n_columns=420)


def places(cloud):
    return cloud.xyz.astype(np.float64) + cloud.origin_m


def true_track(scene, cloud):
    """(N,) the track each point belongs to, as the simulator knows"""
    return np.array([scene.data.point_track_index(i)[k] for i, k in zip(cloud.frame_index, cloud.point_index)])


def movers(scene):
    return [i for i, t in enumerate(scene.tracks) if np.hypot(*np.ptp(t.cuboids.center_m[:, :2], axis=0)) > 0.5]


@pytest.mark.parametrize("track_id", [None, "first mover", "first parked"])
def test_every_point_is_where_a_slow_twin_puts_it(world, rng, track_id):
    moving = movers(world)
    chosen = {None: None, "first mover": moving[0], "first parked": next(i for i in range(len(world.tracks)) if i not in moving)}[track_id]
    track = None if chosen is None else world.tracks[chosen]
    cloud = bw.aggregate(world, track, moving="keep")
    assert len(cloud) > 40
    for k in rng.choice(len(cloud), 60):
        i = int(cloud.frame_index[k])
        expected = naive.seen_place(world, i, world.points(i), int(cloud.point_index[k]), track)
        np.testing.assert_allclose(places(cloud)[k], expected, atol=2e-5)


def test_the_keepers_are_all_there(world):
    cloud = bw.aggregate(world, moving="keep")
    assert len(cloud) == sum(int(world.points(i).is_finite.sum()) for i in range(len(world)))
    for i in range(len(world)):
        rows = cloud.point_index[cloud.frame_index == i]
        sweep = world.points(i)
        assert (rows == np.flatnonzero(sweep.is_finite)).all()
        assert (cloud.intensity[cloud.frame_index == i] == sweep.intensity[rows]).all()
    assert cloud.sensors == ("lidar",) and not cloud.sensor_index.any() and cloud.frame == "world"


def test_movers_are_taken_out_and_nothing_else(world):
    cloud = bw.aggregate(world)
    everything = bw.aggregate(world, moving="keep")
    moving = movers(world)
    before, left = np.isin(true_track(world, everything), moving).sum(), np.isin(true_track(world, cloud), moving).sum()
    assert before > 500 and left <= 0.02 * before
    kept = set(zip(cloud.frame_index.tolist(), cloud.point_index.tolist()))
    lost = [k for k in range(len(everything)) if (int(everything.frame_index[k]), int(everything.point_index[k])) not in kept]
    assert len(lost) == len(everything) - len(cloud)
    for k in lost[::10]:
        i, row = int(everything.frame_index[k]), int(everything.point_index[k])
        there = [world.tracks[m] for m in moving if world.tracks[m].at(world.times_ns[i : i + 1]).is_valid[0]]
        beyond = [np.abs(naive.seen_place(world, i, world.points(i), row, track)) - track.cuboids.size_m[0] / 2 for track in there]
        assert min(far.max() for far in beyond) <= 0.1 + 1e-9


def test_without_their_own_time_fast_objects_are_missed(world):
    def left(**how):
        return np.isin(true_track(world, bw.aggregate(world, **how)), movers(world)).sum()

    assert left(margin_m=0.02) < left(margin_m=0.02, deskew=False)


def test_parked_things_are_sharper_than_with_one_pose_per_sweep(world):
    """The vehicle turns and drives while a sweep is taken."""
    parked = [i for i in range(len(world.tracks)) if i not in movers(world)]

    def outside(**how):
        far = []
        for k in parked:
            cloud = bw.aggregate(world, world.tracks[k], margin_m=0.6, **how)
            own = cloud.xyz[true_track(world, cloud) == k]
            far.append((np.abs(own) - world.tracks[k].cuboids.size_m[0] / 2).max(1).clip(0))
        return np.concatenate(far)

    with_time, without = outside(), outside(deskew=False)
    assert len(with_time) > 300
    assert np.quantile(with_time, 0.99) < 0.1 < np.quantile(without, 0.99)


def test_carried_objects_are_whole(world):
    carried = bw.aggregate(world, moving="carry", at_frame=4)
    everything = bw.aggregate(world, moving="keep")
    assert len(carried) == len(everything)
    whose = true_track(world, carried)
    for k in movers(world):
        there = world.tracks[k].at(world.times_ns[4:5])
        if there.is_valid[0]:
            cuboid = there.cuboids
            grown = bw.Cuboids(cuboid.center_m, cuboid.size_m + 0.3, quat_wxyz=cuboid.quat_wxyz, frame="world")
            inside = bw.points_in_cuboids(places(carried)[whose == k], grown).counts[0]
            assert inside >= 0.98 * (whose == k).sum()


def test_one_object_in_its_own_frame(world):
    k = movers(world)[0]
    by_id, by_track = bw.aggregate(world, world.tracks[k].track_id), bw.aggregate(world, world.tracks[k])
    assert (by_id.xyz == by_track.xyz).all() and by_id.frame == "cuboid" and by_id.origin_m == (0.0, 0.0, 0.0)
    half = world.tracks[k].cuboids.size_m[0] / 2
    assert (np.abs(by_id.xyz) <= half + 0.1001).all() and (by_id.xyz[:, 2] >= -half[2] - 1e-4).all()
    assert len(np.unique(by_id.frame_index)) > 3


def test_the_frame_of_labels_does_not_matter():
    scene = street.scene()
    tracks = []
    for track in scene.tracks:
        poses = [scene.transform("lidar", "world", int(t)) for t in track.times_ns]
        cuboids = bw.Cuboids.concatenate([track.cuboids[i : i + 1].transformed(p, frame="lidar") for i, p in enumerate(poses)])
        tracks.append(track.replace(cuboids=cuboids))
    other = scene.replace(tracks=tracks, label_frame="lidar")
    for track_id in (None, "driving"):
        one, two = bw.aggregate(scene, track_id), bw.aggregate(other, track_id)
        assert (one.point_index == two.point_index).all()
        np.testing.assert_allclose(one.xyz, two.xyz, atol=1e-5)


def test_far_from_zero_millimetres_are_kept():
    scene = street.scene()
    shift = np.array([4.5e6, 5.4e6, 300.0])
    poses = [bw.Pose(scene.trajectory[i].rotation, scene.trajectory[i].translation_m + shift) for i in range(len(scene.trajectory))]
    tracks = [t.replace(cuboids=t.cuboids.replace(center_m=t.cuboids.center_m + shift)) for t in scene.tracks]
    far = bw.aggregate(scene.replace(trajectory=bw.Trajectory(scene.trajectory.times_ns, poses), tracks=tracks))
    near = bw.aggregate(scene)
    assert (far.point_index == near.point_index).all()
    np.testing.assert_allclose(places(far) - shift, places(near), atol=1e-4)
    assert bw.points_in_cuboids(far, bw.Cuboids([np.add(shift, (112, 54, 2.75))], [[4.4, 1.8, 1.5]], np.pi, frame="world")).counts[0] > 50


def test_one_point_per_cube():
    scene = street.scene()
    everything = bw.aggregate(scene, moving="keep")
    thin = bw.aggregate(scene, moving="keep", voxel_m=0.5)
    cubes = np.floor((places(thin) - thin.origin_m) / 0.5).astype(int)
    assert len(np.unique(cubes, axis=0)) == len(thin) < len(everything) / 2
    of_all = np.unique(np.floor((places(everything) - everything.origin_m) / 0.5).astype(int), axis=0)
    assert abs(len(of_all) - len(thin)) <= 5  # rounding to float32 at a cube's face
    far = MemoryData({(0, "lidar"): bw.Sweep(np.array([[3e6, 0, 0]]))})
    one = bw.Scene("far", [0], {"lidar": bw.Lidar("lidar")}, data=far, label_frame="lidar")
    with pytest.warns(bw.SensorFrameFallback), pytest.raises(bw.LimitError, match="cubes of the origin"):
        bw.aggregate(one, voxel_m=0.5)


def test_sweeps_are_read_one_after_the_other():
    scene = street.scene()
    alive, most = weakref.WeakSet(), []

    class Watched:
        def points(self, frame_index, sensor):
            sweep = scene.data.points(frame_index, sensor)
            alive.add(sweep)
            gc.collect()
            most.append(len(alive))
            return sweep

        def has_points(self, frame_index, sensor):
            return True

        def image(self, frame_index, camera):
            raise AssertionError("no picture is needed")

        def has_image(self, frame_index, camera):
            return False

    ticks = []
    bw.aggregate(scene.replace(data=Watched()), progress=lambda: ticks.append(1))
    assert len(ticks) == len(most) == 6 and max(most) <= 2
    with pytest.raises(bw.LimitError, match="at most 1,000 points"):
        bw.aggregate(scene, max_points=1000)


def test_scenes_without_poses_say_so():
    scene = street.scene()
    tracks = [t.replace(cuboids=t.cuboids.replace(frame="lidar")) for t in scene.tracks]
    still = scene.replace(trajectory=None, tracks=tracks, label_frame="lidar")
    still = still.replace(data=MemoryData({(i, "lidar"): scene.points(i) for i in range(6)}))
    with pytest.warns(bw.SensorFrameFallback, match="laid over each other"):
        cloud = bw.aggregate(still, moving="keep")
    assert cloud.frame == "lidar"
    np.testing.assert_array_equal(cloud.xyz, np.concatenate([scene.points(i).xyz for i in range(6)]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bw.aggregate(still, "driving")


def test_sensors_frames_and_compensation():
    """Two LiDARs; one gives its points where the world was at the stamp, though each has a time."""
    times = np.array([0, 100_000_000])
    path = bw.Trajectory([-100_000_000, 200_000_000], [bw.Pose.from_yaw(0, (-1, 0, 0)), bw.Pose.from_yaw(0, (2, 0, 0))])  # 10 m/s ahead
    raw = bw.Lidar("raw", bw.Pose.from_yaw(np.pi / 2, (1, 0, 2)))
    ready = bw.Lidar("ready")
    late = np.array([50_000_000, 0])
    xyz = np.array([[1.0, 0, 0], [np.nan, 0, 0]])
    sweeps = {
        (i, name): bw.Sweep(xyz, int(times[i]), name, np.array([7, 8]), late, is_deskewed=name == "ready")
        for i in range(2)
        for name in ("raw", "ready")
    }
    scene = bw.Scene("two", times, {"raw": raw, "ready": ready}, trajectory=path, data=MemoryData(sweeps))
    cloud = bw.aggregate(scene)
    np.testing.assert_allclose(places(cloud), [[1.5, 1, 2], [1, 0, 0], [2.5, 1, 2], [2, 0, 0]], atol=1e-6)
    assert cloud.sensor_index.tolist() == [0, 1, 0, 1] and cloud.frame_index.tolist() == [0, 0, 1, 1] and cloud.intensity.tolist() == [7] * 4
    np.testing.assert_allclose(places(bw.aggregate(scene, sensors=["raw"], frames=[1], deskew=False)), [[2, 1, 2]], atol=1e-6)
    short = scene.replace(trajectory=bw.Trajectory([0, 60_000_000], [bw.Pose.identity()] * 2))
    told = bw.aggregate(short)
    assert told.notes == ("frame 1: left out, since poses do not cover it",) and len(told) == 2
    short = scene.replace(trajectory=bw.Trajectory([0, 100_000_000], [bw.Pose.identity()] * 2))
    assert bw.aggregate(short).notes == ("frame 1, raw: poses do not cover the time of every point, so the turn was taken for one instant",)


def test_what_is_refused():
    scene = street.scene()
    for wrong, error, match in (
        ({"moving": "hide"}, bw.ArgumentError, "'remove', 'carry' or 'keep'"),
        ({"margin_m": -1}, bw.ArgumentError, "at least 0 m"),
        ({"voxel_m": 0}, bw.ArgumentError, "at least 0.001 m"),
        ({"frames": [99]}, bw.FrameMissing, "a frame within 0..5"),
        ({"frames": []}, bw.FrameMissing, "no sweep"),
        ({"sensors": ["roof"]}, bw.FrameMissing, "no such LiDAR"),
        ({"track": "nobody"}, bw.UnknownName, "no such track"),
    ):
        with pytest.raises(error, match=match):
            bw.aggregate(scene, **wrong)
    lost = scene.tracks[0].replace(cuboids=scene.tracks[0].cuboids.replace(frame="ego"), times_ns=scene.tracks[0].times_ns + 10**10)
    with pytest.raises(bw.TimeError, match="no pose at any keyframe"):
        bw.aggregate(scene, lost)


def test_argoverse_sweeps_are_compensated_already(real_data):
    """Two real sweeps fall together when each is taken for one instant, and less so when each point is moved by its own time once more."""
    pytest.importorskip("pyarrow", reason="Argoverse 2 needs the extra 'io'")
    from scipy.spatial import cKDTree

    scene = bw.read(real_data / "av2" / "sensor", scene="7fab2350-7eaf-3b7e-a39d-6937a4c1bede")
    sweeps = {(i, "lidar"): scene.points(i) for i in range(len(scene)) if scene.has_points(i)}

    def apart(**said):
        cloud = bw.aggregate(scene.replace(data=MemoryData({key: dataclasses.replace(sweep, **said) for key, sweep in sweeps.items()})))
        first, second = (places(cloud)[cloud.frame_index == i] for i in np.unique(cloud.frame_index))
        return np.median(cKDTree(first).query(second)[0])

    assert apart() < apart(is_deskewed=False)
