"""Rotations, poses and trajectories."""

from __future__ import annotations

import copy
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import boxwright as bw
import naive
from boxwright import rotations
from boxwright.arrays import as_floats, as_points, as_times_ns, one_time_ns

EPOCH_NS = 1_700_000_000_123_456_789


def quats(rng, n=200):
    q = rng.normal(size=(n, 4))
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def poses(rng, n=20):
    return [bw.Pose.from_quat(q, t) for q, t in zip(quats(rng, n), rng.normal(0, 100, (n, 3)))]


def close(a: bw.Pose, b: bw.Pose, tolerance=1e-12) -> bool:
    return bool(np.abs(a.rotation - b.rotation).max() <= tolerance and np.abs(a.translation_m - b.translation_m).max() <= tolerance)


# ------------------------------------------------------------ rotations


@pytest.mark.parametrize(
    ("angle", "wrapped"),
    [
        (0.0, 0.0),
        (math.pi, math.pi),
        (-math.pi, math.pi),
        (3 * math.pi, math.pi),
        (-1.25, -1.25),
        (4.0, 4.0 - 2 * math.pi),
        (-4.0, 2 * math.pi - 4.0),
        (100 * math.pi + 0.5, 0.5),
        (np.nextafter(math.pi, 4), math.pi),
        (np.nextafter(-math.pi, -4), math.pi),
    ],
)
def test_wrap_rad(angle, wrapped):
    result = rotations.wrap_rad(angle)
    assert -math.pi < result <= math.pi
    assert abs(result - wrapped) < 1e-13


def test_wrap_rad_keeps_the_bits_of_what_is_in_range(rng):
    angles = np.r_[rng.uniform(-math.pi, math.pi, 1000), math.pi, np.nextafter(-math.pi, 0), 0.0]
    np.testing.assert_array_equal(rotations.wrap_rad(angles), angles)
    assert np.isnan(rotations.wrap_rad([np.nan, np.inf])[0])


def test_matrices_equal_scipy(rng):
    q = quats(rng)
    expected = Rotation.from_quat(q, scalar_first=True).as_matrix()
    np.testing.assert_allclose(rotations.matrix_from_quat(q), expected, rtol=0, atol=1e-15)
    back = rotations.quat_from_matrix(expected)
    assert (back[:, 0] >= 0).all()
    np.testing.assert_allclose(np.abs((back * q).sum(1)), 1, rtol=0, atol=1e-14)


def test_multiplication_equals_scipy(rng):
    a, b = quats(rng), quats(rng)
    expected = (Rotation.from_quat(a, scalar_first=True) * Rotation.from_quat(b, scalar_first=True)).as_matrix()
    np.testing.assert_allclose(rotations.matrix_from_quat(rotations.quat_multiply(a, b)), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("sequence", ["XYZ", "ZYX", "ZXY", "ZYZ"])
def test_euler_angles_equal_scipy(rng, sequence):
    angles = rng.uniform(-4, 4, (200, 3))
    expected = Rotation.from_euler(sequence, angles).as_matrix()  # capitals: about the own axes
    quat = rotations.quat_from_euler(angles, sequence)
    np.testing.assert_allclose(rotations.matrix_from_quat(quat), expected, rtol=0, atol=1e-14)
    assert (quat[:, 0] >= 0).all()


def test_euler_angles_without_tilt_are_exactly_upright():
    quat = rotations.quat_from_euler([(0, 0, 4.1), (0, 0, -0.7)], "XYZ")
    assert (quat[:, 1:3] == 0).all()
    np.testing.assert_allclose(rotations.yaw_from_quat(quat), [4.1 - 2 * math.pi, -0.7], rtol=0, atol=1e-15)


def test_yaw_round_trip_and_quarter_turn(rng):
    yaw = np.r_[rng.uniform(-math.pi, math.pi, 500), math.pi, 0, math.pi / 2, -math.pi / 2]
    for back in (
        rotations.yaw_from_quat(rotations.quat_from_yaw(yaw)),
        rotations.yaw_from_quat(-rotations.quat_from_yaw(yaw)),
        rotations.yaw_from_quat(rotations.quat_from_matrix(rotations.matrix_from_yaw(yaw))),
    ):
        np.testing.assert_allclose(np.exp(1j * back), np.exp(1j * yaw), rtol=0, atol=4e-15)
        assert (back > -math.pi).all() and (back <= math.pi).all()
    np.testing.assert_allclose(rotations.matrix_from_yaw(math.pi / 2) @ [1, 0, 0], [0, 1, 0], rtol=0, atol=1e-16)


def test_yaw_is_the_heading_seen_from_above(rng):
    q = quats(rng)
    forward = rotations.matrix_from_quat(q)[:, :, 0]
    np.testing.assert_allclose(rotations.yaw_from_quat(q), np.arctan2(forward[:, 1], forward[:, 0]), rtol=0, atol=1e-12)


def test_upright_matrix_gives_exactly_upright_quat(rng):
    q = rotations.quat_from_matrix(rotations.matrix_from_yaw(rng.uniform(-math.pi, math.pi, 100)))
    assert (q[:, 1:3] == 0).all()


def test_matrix_a_little_off_gives_the_nearest_rotation(rng):
    exact = rotations.matrix_from_quat(quats(rng))
    u, _, vt = np.linalg.svd(noisy := exact + rng.normal(0, 1e-4, exact.shape))
    np.testing.assert_allclose(rotations.matrix_from_quat(rotations.quat_from_matrix(noisy)), u @ vt, rtol=0, atol=1e-7)


def test_axis_angle_equals_scipy(rng):
    axis = rng.normal(size=(50, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = rng.uniform(0, math.pi, 50)
    expected = Rotation.from_rotvec(axis * angle[:, None]).as_matrix()
    np.testing.assert_allclose(rotations.matrix_from_quat(rotations.quat_from_axis_angle(axis, angle)), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("angle_rad", [0.0, 1e-12, 1e-9, 0.3, 2.0, math.pi - 1e-6])
def test_slerp_equals_mpmath(rng, angle_rad):
    start = quats(rng, 1)[0]
    end = rotations.quat_multiply(rotations.quat_from_axis_angle([0.6, 0, 0.8], angle_rad), start)
    for share in (Fraction(0), Fraction(1, 7), Fraction(1, 2), Fraction(999, 1000), Fraction(1)):
        for sign in (1, -1):
            result = rotations.slerp(start, sign * end, float(share))
            assert min(np.abs(result - naive.slerp(start, end, share)).max(), np.abs(result + naive.slerp(start, end, share)).max()) < 2e-15
    np.testing.assert_array_equal(rotations.slerp(start, end, 0.0), start)
    np.testing.assert_array_equal(rotations.slerp(start, end, 1.0), end)


# ------------------------------------------------------------ poses


def test_pose_moves_points_as_its_matrix_does(rng):
    pose = poses(rng, 1)[0]
    points = rng.normal(0, 50, (100, 3))
    homogeneous = (pose.matrix() @ np.c_[points, np.ones(100)].T).T[:, :3]
    np.testing.assert_allclose(pose.apply(points), homogeneous, rtol=0, atol=1e-12)
    np.testing.assert_allclose(pose.apply(points[0]), homogeneous[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(pose.rotate(points), pose.apply(points) - pose.translation_m, rtol=0, atol=1e-12)
    assert pose.apply(np.zeros((2, 5, 3), np.float32)).shape == (2, 5, 3)
    assert pose.apply(points.astype(np.float32)).dtype == np.float64


def test_inverse_and_chains(rng):
    a, b, c = poses(rng, 3)
    assert close(a @ a.inverse(), bw.Pose.identity()) and close(a.inverse() @ a, bw.Pose.identity())
    assert close(a.inverse().inverse(), a)
    assert close((a @ b) @ c, a @ (b @ c))
    assert close((a @ b).inverse(), b.inverse() @ a.inverse())
    points = rng.normal(size=(10, 3))
    np.testing.assert_allclose((a @ b).apply(points), a.apply(b.apply(points)), rtol=0, atol=1e-12)


def test_inverse_of_a_matrix_with_seven_digits_is_its_own_inverse(rng):
    """Rounded calibration files: R.T is 1e-7 off, the inverse is not."""
    rounded = bw.Pose(np.round(poses(rng, 1)[0].rotation, 7), (1000, 2000, 30))
    np.testing.assert_array_equal(rounded.rotation, np.round(rounded.rotation, 7))
    points = rng.normal(0, 100, (50, 3))
    np.testing.assert_allclose(rounded.inverse().apply(rounded.apply(points)), points, rtol=0, atol=1e-11)


def test_ways_to_make_a_pose(rng):
    pose = poses(rng, 1)[0]
    assert close(bw.Pose.from_matrix(pose.matrix()), pose, 0)
    assert close(bw.Pose.from_matrix(pose.matrix()[:3]), pose, 0)
    assert close(bw.Pose.from_quat(pose.quat_wxyz, pose.translation_m), pose)
    assert close(bw.Pose.from_quat(-pose.quat_wxyz, pose.translation_m), pose)
    np.testing.assert_allclose(bw.Pose.from_yaw(math.pi / 2, (1, 2, 3)).apply([1, 0, 0]), [1, 3, 3], rtol=0, atol=1e-15)


def test_pose_is_a_value(rng):
    pose = poses(rng, 1)[0]
    same = bw.Pose(pose.rotation, pose.translation_m)
    assert pose == same and hash(pose) == hash(same) and len({pose, same}) == 1
    assert pose != bw.Pose.identity() and pose != 3
    assert copy.deepcopy(pose) == pose
    source = np.eye(3)
    held = bw.Pose(source)
    source[0, 0] = 5
    assert held == bw.Pose.identity()
    with pytest.raises(ValueError, match="read-only"):
        held.rotation[0, 0] = 2
    with pytest.raises(TypeError):
        pose @ np.eye(4)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: bw.Pose(np.eye(3) * 2), bw.GeometryError, "pose: expected a rotation matrix .* got R @ R.T off the identity by 3"),
        (lambda: bw.Pose(np.diag([1.0, 1, -1])), bw.GeometryError, "determinant of -1"),
        (lambda: bw.Pose(np.zeros((3, 3))), bw.GeometryError, "rotation matrix"),
        (lambda: bw.Pose(np.eye(4)), bw.ArgumentError, r"pose.rotation: expected \(3, 3\) float array, got shape \(4, 4\)"),
        (lambda: bw.Pose(np.full((3, 3), np.nan)), bw.ArgumentError, "finite"),
        (lambda: bw.Pose(np.eye(3), (1, 2)), bw.ArgumentError, r"pose.translation_m: expected \(3,\) float array, got shape \(2,\)"),
        (lambda: bw.Pose(np.eye(3), (1, 2, np.inf)), bw.ArgumentError, "inf at index"),
        (lambda: bw.Pose("abc"), bw.ArgumentError, "expected .* float array, got str 'abc'"),
        (lambda: bw.Pose(np.eye(3) * 1j), bw.ArgumentError, "float array"),
        (lambda: bw.Pose.from_matrix(np.eye(4) + np.eye(4)[::-1]), bw.GeometryError, "last row of 0 0 0 1"),
        (lambda: bw.Pose.from_matrix(np.eye(3)), bw.ArgumentError, r"got shape \(3, 3\)"),
        (lambda: bw.Pose.from_matrix(np.eye(5)[:, :4]), bw.ArgumentError, r"expected \(4, 4\) float array, got shape \(5, 4\)"),
        (lambda: bw.Pose.from_matrix([[1], [1, 2]]), bw.ArgumentError, "float array"),
        (lambda: bw.Pose.from_quat([1, 1, 0, 0]), bw.GeometryError, "unit quaternions .* norm 1.41421"),
        (lambda: bw.Pose.from_quat([0, 0, 0, 0]), bw.GeometryError, "norm 0"),
        (lambda: bw.Pose.from_yaw(np.nan), bw.ArgumentError, "finite"),
        (
            lambda: bw.Pose.identity().apply(np.zeros((3, 1200))),
            bw.ArgumentError,
            r"expected \(..., 3\) float array, got shape \(3, 1200\); pass one row per point",
        ),
    ],
)
def test_bad_pose(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


# ------------------------------------------------------------ trajectories


def trajectory(rng, n=20):
    times = EPOCH_NS + np.cumsum(rng.integers(1, 200_000_000, n))
    return bw.Trajectory(times, [bw.Pose.from_quat(q, t) for q, t in zip(quats(rng, n), rng.normal(0, 1e6, (n, 3)))])


def test_poses_come_back_as_given_at_their_stamps(rng):
    track = trajectory(rng)
    for i, t in enumerate(track.times_ns):
        assert track.at(int(t)) == track[i]
    assert len(list(track)) == len(track) == 20
    np.testing.assert_array_equal(track.translation_m, [pose.translation_m for pose in track])


def test_pose_at_a_time_equals_mpmath(rng):
    track = trajectory(rng)
    for t in rng.integers(track.times_ns[0], track.times_ns[-1], 50):
        i = int(np.searchsorted(track.times_ns, t, side="right")) - 1
        share = Fraction(int(t - track.times_ns[i]), int(track.times_ns[i + 1] - track.times_ns[i]))
        pose = track.at(int(t))
        with mpmath.workdps(50):
            s = mpmath.mpf(share.numerator) / share.denominator
            place = [float(mpmath.mpf(a) + s * (mpmath.mpf(b) - mpmath.mpf(a))) for a, b in zip(track[i].translation_m, track[i + 1].translation_m)]
        np.testing.assert_allclose(pose.translation_m, place, rtol=0, atol=1e-9)
        expected = rotations.matrix_from_quat(naive.slerp(track.quat_wxyz[i], track.quat_wxyz[i + 1], share))
        np.testing.assert_allclose(pose.rotation, expected, rtol=0, atol=1e-13)


def test_one_nanosecond_is_seen():
    """Float seconds since 1970 cannot tell these stamps apart."""
    fast = bw.Trajectory([EPOCH_NS, EPOCH_NS + 10], [bw.Pose.identity(), bw.Pose(np.eye(3), (10, 0, 0))])
    assert [fast.at(EPOCH_NS + k).translation_m[0] for k in range(11)] == list(range(11))


def test_nothing_outside_unless_held(rng):
    track = trajectory(rng)
    late = int(track.times_ns[-1]) + 5
    with pytest.raises(
        bw.TimeError, match=rf"expected times within \[{track.times_ns[0]}, {track.times_ns[-1]}\] ns, where poses are known, got {late}"
    ):
        track.at(late)
    assert track.at(late, outside="hold") == track[-1]
    assert track.at(int(track.times_ns[0]) - 5, outside="hold") == track[0]
    assert track.covers([track.times_ns[0] - 1, track.times_ns[0], track.times_ns[-1], late]).tolist() == [False, True, True, False]


def test_sample_takes_times_in_any_order(rng):
    track = trajectory(rng)
    at = rng.integers(track.times_ns[0], track.times_ns[-1], 30)
    rotation, translation = track.sample(at)
    for i in range(30):
        assert bw.Pose(rotation[i], translation[i]) == track.at(int(at[i]))
    assert track.sample([])[0].shape == (0, 3, 3)


def test_trajectory_of_one_pose_and_of_matrices(rng):
    one = bw.Trajectory([7], [bw.Pose.from_yaw(1)])
    assert one.at(7) == bw.Pose.from_yaw(1)
    with pytest.raises(bw.TimeError):
        one.at(8)
    track = trajectory(rng)
    again = bw.Trajectory(track.times_ns, np.stack([pose.matrix() for pose in track]))
    assert all(a == b for a, b in zip(track, again))


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: bw.Trajectory([], []), bw.ArgumentError, "trajectory: expected at least one pose, got none"),
        (lambda: bw.Trajectory([0, 1], [bw.Pose.identity()]), bw.ArgumentError, "trajectory.poses: expected 2 poses, one per time, got 1"),
        (lambda: bw.Trajectory([1, 0], [bw.Pose.identity()] * 2), bw.TimeError, "expected increasing times, got 1 then 0 at index 1"),
        (lambda: bw.Trajectory([0, 0], [bw.Pose.identity()] * 2), bw.TimeError, "increasing"),
        (lambda: bw.Trajectory([0.5], [bw.Pose.identity()]), bw.ArgumentError, "int64 nanoseconds, got dtype float64; convert seconds"),
        (lambda: bw.Trajectory([0, 1], [np.eye(4), np.eye(4) * 2]), bw.GeometryError, r"trajectory.poses\[1\]"),
        (lambda: bw.Trajectory([0], [bw.Pose.identity()]).at(0.0), bw.ArgumentError, "time_ns: expected int64 nanoseconds, got float 0.0"),
        (lambda: bw.Trajectory([0], [bw.Pose.identity()]).at(True), bw.ArgumentError, "got bool True"),
        (lambda: bw.Trajectory([0], [bw.Pose.identity()]).at(10**30), bw.ArgumentError, "int64 nanoseconds"),
        (lambda: bw.Trajectory([0], [bw.Pose.identity()]).sample([0], outside="linear"), bw.ArgumentError, "outside: expected 'raise' or 'hold'"),
    ],
)
def test_bad_trajectory(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


# ------------------------------------------------------------ arrays


def test_points_are_taken_as_they_come():
    wide = np.zeros((10, 4), np.float32)
    for given in (wide[:, :3], np.asfortranarray(wide[:, :3]), wide[::2, :3].astype(np.float64)):
        assert as_points("points", given) is given
    assert as_points("points", np.zeros((2, 3), np.float16)).dtype == np.float32
    assert as_points("points", np.zeros((2, 3), np.int64)).dtype == np.float64
    swapped = as_points("points", np.arange(6, dtype=">f4").reshape(2, 3))
    assert swapped.dtype == np.float32 and swapped.dtype.isnative and swapped[1, 2] == 5
    assert as_points("points", []).shape == (0, 3)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((3, 1200)), r"points: expected \(N, 3\) float array, got shape \(3, 1200\); pass one row per point"),
        (np.zeros((5, 4)), r"got shape \(5, 4\); pass points\[:, :3\]"),
        (np.zeros(3), r"got shape \(3,\)"),
        (np.zeros((2, 3), complex), "got dtype complex128"),
        (np.zeros((2, 3), bool), "got dtype bool"),
        ([["a", "b", "c"]], "got dtype <U1"),
        ([[1, 2, 3], [1, 2]], "got list"),
        (None, "got dtype object"),
    ],
)
def test_bad_points(value, message):
    with pytest.raises(bw.ArgumentError, match=message):
        as_points("points", value)


def test_floats_and_times():
    assert as_floats("x", [[1, 2]], (None, 2)).dtype == np.float64
    assert as_floats("x", [], (None, 2)).shape == (0, 2)
    assert as_floats("x", 3, ()).shape == ()
    with pytest.raises(bw.ArgumentError, match=r"x: expected \(N,\) float array, got list"):
        as_floats("x", ["1", "2"], (None,))
    with pytest.raises(bw.ArgumentError, match=r"nan at index \(1, 0\)"):
        as_floats("x", [[1, 2], [np.nan, 1]], (None, 2))
    assert as_times_ns("t", np.array([1, 2], np.uint64)).dtype == np.int64
    with pytest.raises(bw.ArgumentError, match="dtype uint64"):
        as_times_ns("t", np.array([2**63], np.uint64))
    assert one_time_ns("t", np.int32(5)) == 5
    assert one_time_ns("t", -(2**63)) == -(2**63)


@pytest.mark.parametrize("matrix", [np.full((3, 3), 1e300), np.array([[1e200, -1e200, 0], [1e200, 1e200, 0], [0, 0, 1]]), np.zeros((3, 3))])
def test_matrices_whose_squares_overflow_are_no_rotations(matrix):
    with pytest.raises(bw.GeometryError, match="expected a rotation matrix"):
        bw.Pose(matrix)


def test_euler_angles_there_and_back(rng):
    """Whatever the turn, at and beside the quarter turn where two of the angles are one, too."""
    angles = rng.uniform(-np.pi, np.pi, (300, 3))
    angles[:40, 1] = np.pi / 2 * rng.choice([-1, 1], 40)
    angles[40:80, 1] += np.pi / 2 - angles[40:80, 1] + rng.choice([-1, 1], 40) * 10.0 ** rng.uniform(-16, -3, 40)
    quat = rotations.quat_from_euler(angles, "XYZ")
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    back = rotations.euler_xyz_from_quat(quat)
    assert (np.abs(back[:, 1]) <= np.pi / 2).all() and (back[:, [0, 2]] > -np.pi).all() and (np.abs(back) <= np.pi).all()
    again = rotations.quat_from_euler(back, "XYZ")
    assert (1 - np.abs((again * quat).sum(1))).max() < 1e-15
    assert np.abs(rotations.matrix_from_quat(again) - rotations.matrix_from_quat(quat)).max() < 1e-14
    yaw = rng.uniform(-np.pi, np.pi, 50)
    upright = rotations.euler_xyz_from_quat(rotations.quat_from_yaw(yaw))
    assert not upright[:, :2].any() and np.abs(upright[:, 2] - yaw).max() < 1e-15


def test_points_that_are_not_finite_are_moved_without_warnings(rng):
    """Of a float32 NaN that signals, numpy warns when it is widened, of infinite ones when they are turned; damaged clouds are full of them."""
    points = rng.normal(size=(5, 3)).astype(np.float32)
    points.view(np.uint32)[2, 1] = 0x7FA00000
    points[3] = np.inf, -np.inf, 1
    moved = bw.Pose.from_yaw(0.3, (1, 2, 3)).apply(points)
    assert not np.isfinite(moved[[2, 3]]).all(1).any() and np.isfinite(np.delete(moved, [2, 3], 0)).all()
    assert np.isnan(as_points("points", bw.Sweep(points, origin_m=(1e6, 0, 0)))[2, 1])
