"""Sweeps and their motion compensation."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.formats.arrays_on_disk import kitti_bin_bytes
from boxwright.kernels import poses

SWEEP_NS = 1_700_000_000_000_000_000


def drive(n=21, speed_mps=15.0, turn_rps=0.6):
    """A tight curve at 1e5 m from the map's origin."""
    times = SWEEP_NS - 100_000_000 + np.arange(n) * 10_000_000
    t = (times - SWEEP_NS) * 1e-9
    radius = speed_mps / turn_rps
    return bw.Trajectory(
        times, [bw.Pose.from_yaw(turn_rps * s, (1e5 + radius * np.sin(turn_rps * s), -1e5 - radius * np.cos(turn_rps * s), 0.1 * s)) for s in t]
    )


def seen_on_the_way(rng, ego, mount, n=400):
    """A standing world and the sweep a moving sensor makes of it, each point at its own time."""
    offsets = rng.integers(-100_000_000, 100_000_001, n)
    world = np.array([1e5, -1e5, 0]) + rng.uniform(-50, 50, (n, 3))
    xyz = np.array([(ego.at(SWEEP_NS + int(dt)) @ mount).inverse().apply(p) for dt, p in zip(offsets, world)])
    return world, bw.Sweep(xyz, timestamp_ns=SWEEP_NS, time_offset_ns=offsets, intensity=np.arange(n))


@pytest.mark.parametrize(
    "mount", [bw.Pose.identity(), bw.Pose.from_quat(np.array([0.9, 0.1, -0.2, np.sqrt(1 - 0.86)]), (1.5, -0.4, 1.9))], ids=["ego", "mounted"]
)
@pytest.mark.parametrize("shift_ns", [None, -60_000_000, 100_000_000])
def test_deskewed_points_are_where_the_world_is(rng, mount, shift_ns):
    ego = drive()
    world, sweep = seen_on_the_way(rng, ego, mount)
    instant = SWEEP_NS if shift_ns is None else SWEEP_NS + shift_ns
    still = sweep.deskewed(ego, mount, time_ns=None if shift_ns is None else instant)
    np.testing.assert_allclose(still.xyz, (ego.at(instant) @ mount).inverse().apply(world), rtol=0, atol=1e-9)
    assert np.abs(still.xyz - sweep.xyz).max() > 0.5
    assert still.timestamp_ns == instant and still.is_deskewed and not sweep.is_deskewed
    np.testing.assert_array_equal(still.time_offset_ns + instant, sweep.time_offset_ns + SWEEP_NS)  # each point keeps its own time
    np.testing.assert_array_equal(still.intensity, sweep.intensity)


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (100.0, -40.0, 3.0)])
@pytest.mark.parametrize("mount", [bw.Pose.identity(), bw.Pose.from_yaw(0.3, (1.5, -0.4, 1.9))], ids=["ego", "mounted"])
def test_deskewed_once_only(rng, mount, origin):
    """A deskewed sweep is never deskewed again, only moved as a whole: by whatever way, an instant sees the same."""
    ego = drive()
    _, sweep = seen_on_the_way(rng, ego, mount)
    sweep = bw.Sweep(sweep.xyz - np.array(origin), SWEEP_NS, time_offset_ns=sweep.time_offset_ns, origin_m=origin)
    still = sweep.deskewed(ego, mount)
    np.testing.assert_allclose(still.deskewed(ego, mount).xyz, still.xyz, rtol=0, atol=1e-9)
    later = SWEEP_NS + 70_000_000
    straight, by_the_way = sweep.deskewed(ego, mount, time_ns=later), still.deskewed(ego, mount, time_ns=later)
    np.testing.assert_allclose(by_the_way.xyz, straight.xyz, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(by_the_way.time_offset_ns, straight.time_offset_ns)
    timeless = bw.Sweep(still.xyz, SWEEP_NS, origin_m=origin, is_deskewed=True)  # a dataset that deskews and keeps no times
    np.testing.assert_allclose(timeless.deskewed(ego, mount, time_ns=later).xyz, straight.xyz, rtol=0, atol=1e-9)
    with pytest.raises(bw.ArgumentError, match="is_deskewed: expected True or False"):
        bw.Sweep(sweep.xyz, is_deskewed="yes")


def test_standing_ego_changes_nothing(rng):
    ego = bw.Trajectory([SWEEP_NS - 10**9, SWEEP_NS + 10**9], [bw.Pose.from_yaw(1, (5, 6, 7))] * 2)
    sweep = bw.Sweep(rng.normal(0, 30, (100, 3)), SWEEP_NS, time_offset_ns=rng.integers(-(10**8), 10**8, 100))
    np.testing.assert_allclose(sweep.deskewed(ego).xyz, sweep.xyz, rtol=0, atol=1e-12)


def test_deskewing_keeps_points_that_are_not_finite(rng):
    xyz = rng.normal(0, 30, (4, 3))
    xyz[1, 2], xyz[2, 0] = np.nan, np.inf
    sweep = bw.Sweep(xyz, SWEEP_NS, time_offset_ns=np.arange(4))
    with np.errstate(invalid="ignore"):
        still = sweep.deskewed(drive())
    assert still.is_finite.tolist() == sweep.is_finite.tolist() == [True, False, False, True]


def test_deskewing_wants_times_and_poses(rng):
    xyz = np.zeros((2, 3))
    with pytest.raises(bw.ArgumentError, match="time_offset_ns: the sweep has no time per point"):
        bw.Sweep(xyz, SWEEP_NS).deskewed(drive())
    with pytest.raises(bw.TimeError, match="where poses are known"):
        bw.Sweep(xyz, SWEEP_NS, time_offset_ns=[0, 10**9]).deskewed(drive())
    with pytest.raises(bw.TimeError, match="where poses are known"):
        bw.Sweep(xyz, SWEEP_NS, time_offset_ns=[0, 1]).deskewed(drive(), time_ns=0)


def test_a_sweep_is_an_array(rng):
    xyz = rng.normal(size=(5, 3)).astype(np.float32)
    sweep = bw.Sweep(xyz)
    assert np.shares_memory(np.asarray(sweep), xyz)
    assert np.asarray(sweep, np.float64).dtype == np.float64
    assert np.mean(sweep, axis=0).shape == (3,)
    assert len(sweep) == 5 and len(bw.Sweep([])) == 0
    with pytest.raises(ValueError, match="read-only"):
        sweep.xyz[0, 0] = 1
    assert bw.points_in_cuboids(sweep, bw.Cuboids([[0, 0, 0]], [[100, 100, 100]], 0.0)).counts.tolist() == [5]


def test_strides_are_kept():
    wide = np.zeros((6, 4), np.float32)
    assert np.shares_memory(bw.Sweep(wide[::2, :3]).xyz, wide)


def test_another_frame(rng):
    sweep = bw.Sweep(rng.normal(size=(5, 3)).astype(np.float32), 7, intensity=[1, 2, 3, 4, 5], fields={"ring": np.arange(5)})
    ego_from_lidar = bw.Pose.from_yaw(0.5, (1, 2, 3))
    moved = sweep.transformed(ego_from_lidar, "ego")
    np.testing.assert_array_equal(moved.xyz, ego_from_lidar.apply(sweep.xyz))
    assert (moved.frame, moved.timestamp_ns, moved.xyz.dtype) == ("ego", 7, np.float64)
    np.testing.assert_array_equal(moved.fields["ring"], np.arange(5))
    np.testing.assert_array_equal(moved.intensity, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(sweep.transformed(ego_from_lidar.matrix(), "ego").xyz, moved.xyz)


def test_origin_goes_with_its_points(rng):
    """Places on the map are xyz + origin_m, before and after a turn."""
    sweep = bw.Sweep(rng.uniform(-50, 50, (20, 3)), origin_m=(5e5, 4.6e6, 100), frame="world")
    pose = bw.Pose.from_yaw(0.7, (3, 4, 5))
    moved = sweep.transformed(pose, "other")
    np.testing.assert_allclose(moved.xyz + moved.origin_m, pose.apply(sweep.xyz + np.array(sweep.origin_m)), rtol=0, atol=1e-8)
    assert np.abs(moved.xyz).max() < 100
    assert moved.origin_m != sweep.origin_m


@pytest.mark.parametrize("origin", [(100.0, -40.0, 3.0), (5e5, 4.6e6, 100.0)])
def test_deskewing_turns_the_origin_too(rng, origin):
    """The same places, whether they are split into xyz and origin or not."""
    ego = drive()
    _, sweep = seen_on_the_way(rng, ego, bw.Pose.from_yaw(0.3, (1.5, -0.4, 1.9)))
    far = bw.Sweep(sweep.xyz, SWEEP_NS, time_offset_ns=sweep.time_offset_ns, origin_m=origin)
    whole = bw.Sweep(sweep.xyz + np.array(origin), SWEEP_NS, time_offset_ns=sweep.time_offset_ns)
    still = far.deskewed(ego)
    assert still.origin_m == origin
    np.testing.assert_allclose(still.xyz + np.array(origin), whole.deskewed(ego).xyz, rtol=0, atol=1e-7)


def test_verbs_add_the_origin(rng, tmp_path):
    sweep = bw.Sweep(rng.uniform(-1, 1, (50, 3)).astype(np.float32), origin_m=(100.0, 0.0, 0.0))
    there = bw.Sweep(sweep.xyz.astype(np.float64) + np.array([100.0, 0.0, 0.0]))
    cuboids = bw.Cuboids([[100.0, 0, 0], [0, 0, 0]], [[2, 2, 2], [2, 2, 2]], [0.0, 0.0])
    assert bw.points_in_cuboids(sweep, cuboids).counts.tolist() == [50, 0]
    camera, cam_from_lidar = bw.PinholeCamera(64, 48, 50, 50, 31.5, 23.5), bw.Pose(np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]]))
    np.testing.assert_array_equal(bw.project_points(sweep, camera, cam_from_lidar).uv, bw.project_points(there, camera, cam_from_lidar).uv)
    assert bw.ground(sweep).origin_m[0] == pytest.approx(99.0, abs=0.5)
    np.testing.assert_array_equal(bw.render_bev(sweep), bw.render_bev(there))
    bw.write_points(sweep, tmp_path / "a.pcd")
    np.testing.assert_array_equal(bw.read_points(tmp_path / "a.pcd").xyz, there.xyz)
    (tmp_path / "a.bin").write_bytes(kitti_bin_bytes(sweep))
    np.testing.assert_array_equal(bw.read_points(tmp_path / "a.bin").xyz, there.xyz.astype(np.float32))
    np.testing.assert_array_equal(np.asarray(sweep), sweep.xyz)  # numpy sees what is stored


def test_repr():
    assert repr(bw.Sweep(np.zeros((1200, 3)), 5)) == "Sweep(1,200 points, frame='lidar', timestamp_ns=5)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"xyz": np.zeros((3, 100))}, r"xyz: expected \(N, 3\) float array, got shape \(3, 100\)"),
        ({"intensity": [1, 2]}, r"intensity: expected \(3,\), one value per point, got shape \(2,\)"),
        ({"fields": {"ring": np.zeros((3, 1))}}, r"ring: expected \(3,\), one value per point, got shape \(3, 1\)"),
        ({"time_offset_ns": [0, 1]}, "time_offset_ns: expected .*one value per point"),
        ({"time_offset_ns": [0.0, 0.1, 0.2]}, "time_offset_ns: expected .*int64 nanoseconds, got dtype float64"),
        ({"timestamp_ns": 1.5}, "timestamp_ns: expected int64 nanoseconds, got float 1.5"),
        ({"origin_m": (1, 2)}, r"origin_m: expected \(3,\) float array"),
    ],
)
def test_bad_sweep(arguments, message):
    with pytest.raises(bw.ArgumentError, match=message):
        bw.Sweep(**{"xyz": np.zeros((3, 3)), **arguments})


@pytest.mark.kernel
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_point_goes_by_its_own_pose(rng, dtype):
    points = rng.uniform(-100, 100, (400, 3)).astype(dtype)[::2]
    points[:3] = [[np.nan, 0, 0], [np.inf, 1, 1], [0, 0, 0]]
    some = [bw.Pose.from_yaw(a, (1e5, -a, a)) for a in rng.uniform(-3, 3, 7)]
    rotations, translations = np.array([one.rotation for one in some]), np.array([one.translation_m for one in some])
    which, out = rng.integers(0, 7, len(points)), np.empty((len(points), 3))
    poses.apply_each(points, which, rotations, translations, out)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(out, naive.apply_each(points, which, rotations, translations), rtol=1e-14, atol=1e-9)
    poses.apply_each(points[:0], which[:0], rotations, translations, out[:0])


def test_times_in_any_order_deskew_alike(rng):
    """Sensors write points as time goes by; where they do not, the same comes out."""
    ego = drive()
    _, sweep = seen_on_the_way(rng, ego, bw.Pose.identity())
    order = np.argsort(sweep.time_offset_ns, kind="stable")
    sorted_one = bw.Sweep(sweep.xyz[order], SWEEP_NS, time_offset_ns=sweep.time_offset_ns[order])
    np.testing.assert_array_equal(sorted_one.deskewed(ego).xyz, sweep.deskewed(ego).xyz[order])
    twice = bw.Sweep(sweep.xyz[[0, 1, 1]], SWEEP_NS, time_offset_ns=[5, 5, 9])
    assert len(twice.deskewed(ego)) == 3 and not len(bw.Sweep(np.zeros((0, 3)), SWEEP_NS, time_offset_ns=[]).deskewed(ego))
