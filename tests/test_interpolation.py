"""The times between keyframes, one curve at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator
from scipy.spatial.transform import Rotation, Slerp

import boxwright as bw
import naive
from boxwright.interpolation import METHODS

EPOCH_NS = 1_700_000_000_000_000_000
RULES = pytest.mark.parametrize("method", METHODS)


def keyframes(rng, n=12, *, tilted=False, offset_m=0.0, frame="world"):
    times = EPOCH_NS + np.cumsum(rng.integers(1, 2_000_000_000, n))
    center = np.cumsum(rng.normal(0, 2, (n, 3)), 0) + offset_m
    size = rng.uniform(0.5, 5, (n, 3))
    if not tilted:
        return times, bw.Cuboids(center, size, np.cumsum(rng.normal(0, 1, n)), frame=frame)
    quat = rng.normal(size=(n, 4))
    return times, bw.Cuboids(center, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame=frame)


def within(times, n=150):
    return np.linspace(0, times[-1] - times[0], n).astype(np.int64) + times[0]


def turned_by(a_wxyz, b_wxyz):
    """(M,) angle between rotations, by chord."""
    chord = np.minimum(np.linalg.norm(a_wxyz - b_wxyz, axis=-1), np.linalg.norm(a_wxyz + b_wxyz, axis=-1))
    return 4 * np.arcsin(np.minimum(chord / 2, 1))


# ------------------------------------------------------------ against the slow twin and the rivals


@pytest.mark.kernel
@RULES
@pytest.mark.parametrize("tilted", [False, True], ids=["upright", "tilted"])
@pytest.mark.parametrize("offset_m", [0.0, 1e6])
def test_equals_the_slow_twin(rng, method, tilted, offset_m):
    times, boxes = keyframes(rng, tilted=tilted, offset_m=offset_m)
    at = within(times, 60)
    result = bw.interpolate(times, boxes, at, method=method)
    tolerance = 1e-12 + 4e-16 * offset_m
    for i, t in enumerate(at):
        _, center, size, quat = naive.track_at(times, boxes, np.zeros(len(times)), method, int(t))
        np.testing.assert_allclose(result.center_m[i], center, rtol=0, atol=10 * tolerance)
        np.testing.assert_allclose(result.size_m[i], size, rtol=0, atol=1e-14)
        assert turned_by(result.quat_wxyz[i], quat) < 4e-15
    assert result.frame == "world"
    np.testing.assert_allclose(np.linalg.norm(result.quat_wxyz, axis=1), 1, rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        np.exp(1j * result.yaw_rad), np.exp(1j * bw.Cuboids(at[:, None] * [0, 0, 0], result.size_m, quat_wxyz=result.quat_wxyz).yaw_rad), atol=2e-14
    )
    assert (result.yaw_rad > -np.pi).all() and (result.yaw_rad <= np.pi).all()


@pytest.mark.parametrize(("method", "rival"), [("makima", lambda t, y: Akima1DInterpolator(t, y, method="makima")), ("pchip", PchipInterpolator)])
@pytest.mark.parametrize("n", [3, 4, 5, 40])
def test_equals_scipy(rng, method, rival, n):
    times, boxes = keyframes(rng, n)
    center = boxes.center_m.copy()
    center[n // 2 : n // 2 + 4] = center[n // 2]  # a stop, where slopes vanish and signs change
    center[1, 2] = center[0, 2]
    at = within(times, 1000)
    expected = rival((times - times[0]) * 1e-9, center)((at - times[0]) * 1e-9)
    result = bw.interpolate(times, boxes.replace(center_m=center), at, method=method)
    np.testing.assert_allclose(result.center_m, expected, rtol=0, atol=1e-12)


def test_makima_agrees_with_scipy_where_a_weight_is_nearly_zero():
    """Slopes of a nearly standing object beside fast ones: the weights' threshold decides."""
    center = np.zeros((9, 3))
    center[:, 0] = [0, 1e-10, 3e-10, 3.5e-10, 7e-10, 9e-10, 5, 30, 70]
    center[:, 1] = [0, 0, 0, 0, 1e-13, 3e-13, 3.4e-13, 3.4e-13, 3.4e-13]
    times = np.arange(9) * 10**9
    at = np.linspace(0, times[-1], 500).astype(np.int64)
    result = bw.interpolate(times, bw.Cuboids(center, np.ones((9, 3)), 0.0), at)
    np.testing.assert_allclose(result.center_m, Akima1DInterpolator(times * 1e-9, center, method="makima")(at * 1e-9), rtol=0, atol=1e-12)


def test_slerp_equals_scipy(rng):
    times, boxes = keyframes(rng, 40, tilted=True)
    at = within(times, 1000)
    seconds = (times - times[0]) * 1e-9
    expected = Slerp(seconds, Rotation.from_quat(boxes.quat_wxyz, scalar_first=True))((at - times[0]) * 1e-9).as_quat(scalar_first=True)
    assert turned_by(bw.interpolate(times, boxes, at).quat_wxyz, expected).max() < 1e-12


@pytest.mark.kernel
@pytest.mark.parametrize("angle_rad", [0.0, 1e-300, 1e-16, 1e-12, 9e-10, 1e-6, 0.4999, 0.5001, 1.0, 2.0, 3.0, np.pi - 1e-9, np.pi])
@pytest.mark.parametrize("tilted", [False, True], ids=["upright", "tilted"])
def test_slerp_from_nothing_to_half_a_turn(rng, angle_rad, tilted):
    axis = rng.normal(size=3) if tilted else np.array([0, 0, 1.0])
    axis /= np.linalg.norm(axis)
    turn = np.r_[np.cos(angle_rad / 2), np.sin(angle_rad / 2) * axis]
    start = np.array([0.6, 0, 0, 0.8])
    end = bw.Pose.from_quat(turn) @ bw.Pose.from_quat(start)
    boxes = bw.Cuboids(np.zeros((2, 3)), np.ones((2, 3)), quat_wxyz=[start, end.quat_wxyz])
    times, at = np.array([0, 10**9]), np.array([1, 123_456_789, 500_000_000, 999_999_999])
    result = bw.interpolate(times, boxes, at)
    for quat, t in zip(result.quat_wxyz, at):
        if abs(angle_rad - np.pi) > 1e-8:
            assert turned_by(quat, naive.slerp(*boxes.quat_wxyz, Fraction(int(t), 10**9))) < 1e-14
        from_start, from_end = turned_by(quat, boxes.quat_wxyz[0]), turned_by(quat, boxes.quat_wxyz[1])
        np.testing.assert_allclose([from_start, from_end], [angle_rad * t / 1e9, angle_rad * (1 - t / 1e9)], rtol=0, atol=1e-12)


# ------------------------------------------------------------ laws


@RULES
@pytest.mark.parametrize("tilted", [False, True], ids=["upright", "tilted"])
def test_keyframes_come_back_bit_by_bit(rng, method, tilted):
    times, boxes = keyframes(rng, tilted=tilted, offset_m=4.5e6)
    again = bw.interpolate(times, boxes, times, method=method)
    for name in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
        np.testing.assert_array_equal(getattr(again, name), getattr(boxes, name))


@RULES
def test_continuous_at_keyframes(rng, method):
    times, boxes = keyframes(rng)
    for step in (-1, 1):
        near = bw.interpolate(times, boxes, times[1:-1] + step, method=method)
        assert np.abs(near.center_m - boxes.center_m[1:-1]).max() < 1e-6
        assert turned_by(near.quat_wxyz, boxes.quat_wxyz[1:-1]).max() < 1e-6


@pytest.mark.parametrize("method", ["makima", "pchip", "catmull_rom"])
def test_speed_is_continuous_at_keyframes(rng, method):
    times = np.arange(8) * 10**9
    boxes = keyframes(rng, 8)[1]
    step = 1000
    at = np.sort(np.r_[times[1:-1] - step, times[1:-1], times[1:-1] + step])
    center = bw.interpolate(times, boxes, at, method=method).center_m.reshape(-1, 3, 3)
    before, after = np.diff(center, axis=1).transpose(1, 0, 2) / (step * 1e-9)
    assert np.abs(before - after).max() < 1e-3


@RULES
def test_time_runs_backwards_as_well(rng, method):
    times, boxes = keyframes(rng)
    at = within(times)
    forth = bw.interpolate(times, boxes, at, method=method)
    back = bw.interpolate(-times[::-1], boxes[::-1], -at[::-1], method=method)[::-1]
    np.testing.assert_allclose(back.center_m, forth.center_m, rtol=0, atol=1e-12)
    np.testing.assert_allclose(back.size_m, forth.size_m, rtol=0, atol=1e-14)
    assert turned_by(back.quat_wxyz, forth.quat_wxyz).max() < 1e-14


@RULES
@pytest.mark.parametrize(("factor", "shift"), [(7, 0), (1, -EPOCH_NS), (1000, 12345)])
def test_affine_change_of_time(rng, method, factor, shift):
    times, boxes = keyframes(rng)
    times -= EPOCH_NS
    at = within(times)
    plain = bw.interpolate(times, boxes, at, method=method)
    other = bw.interpolate(times * factor + shift, boxes, at * factor + shift, method=method)
    np.testing.assert_allclose(other.center_m, plain.center_m, rtol=0, atol=1e-12)
    assert turned_by(other.quat_wxyz, plain.quat_wxyz).max() < 1e-14


@RULES
def test_constant_stays_exactly_constant(method):
    times = np.cumsum([1, 7, 10**9, 3 * 10**8, 10**10])
    quat = np.array([0.5, 0.5, -0.5, 0.5])
    boxes = bw.Cuboids(np.tile([1e6 + 0.1, -0.3, 1e-3], (5, 1)), np.tile([4.1, 1.9, 1.3], (5, 1)), quat_wxyz=np.tile(quat, (5, 1)))
    result = bw.interpolate(times, boxes, within(times), method=method)
    for name in ("center_m", "size_m", "quat_wxyz"):
        assert (getattr(result, name) == getattr(boxes, name)[0]).all()


@RULES
def test_constant_speed_is_a_straight_line(method):
    times = np.cumsum([0, 1, 2, 5, 1, 1, 4]) * 10**8
    center = (times * 1e-9)[:, None] * [3.0, -1.0, 0.2] + 1e6
    at = within(times)
    result = bw.interpolate(times, bw.Cuboids(center, np.ones((7, 3)), 0.0), at, method=method)
    np.testing.assert_allclose(result.center_m, (at * 1e-9)[:, None] * [3.0, -1.0, 0.2] + 1e6, rtol=0, atol=1e-9)


def test_catmull_rom_follows_constant_acceleration_at_uneven_times():
    times = np.cumsum([0, 1, 2, 5, 1, 1, 4]) * 10**8
    at = within(times)

    def path(t):
        return (t * 1e-9)[:, None] ** 2 * [1.5, -0.5, 0.1] + (t * 1e-9)[:, None] * [3.0, 2.0, 0.0]

    result = bw.interpolate(times, bw.Cuboids(path(times), np.ones((7, 3)), 0.0), at, method="catmull_rom")
    np.testing.assert_allclose(result.center_m, path(at), rtol=0, atol=1e-12)


@RULES
def test_sign_of_a_quaternion_means_nothing(rng, method):
    times, boxes = keyframes(rng, tilted=True)
    flipped = boxes.replace(quat_wxyz=boxes.quat_wxyz * np.where(rng.random(len(boxes)) < 0.5, -1, 1)[:, None])
    a, b = bw.interpolate(times, boxes, within(times), method=method), bw.interpolate(times, flipped, within(times), method=method)
    assert turned_by(a.quat_wxyz, b.quat_wxyz).max() < 1e-15
    np.testing.assert_allclose(np.exp(1j * a.yaw_rad), np.exp(1j * b.yaw_rad), rtol=0, atol=1e-13)


def test_splitting_at_a_filled_time_changes_nothing_for_lines(rng):
    times, boxes = keyframes(rng, tilted=True)
    at = within(times)
    middle = np.array([(times[4] + times[5]) // 2])
    more_times = np.sort(np.r_[times, middle])
    more = bw.Cuboids.concatenate([boxes[:5], bw.interpolate(times, boxes, middle, method="linear"), boxes[5:]])
    a, b = bw.interpolate(times, boxes, at, method="linear"), bw.interpolate(more_times, more, at, method="linear")
    np.testing.assert_allclose(a.center_m, b.center_m, rtol=0, atol=1e-12)
    assert turned_by(a.quat_wxyz, b.quat_wxyz).max() < 1e-14


def test_yaw_takes_the_short_way_over_half_a_turn():
    boxes = bw.Cuboids(np.zeros((2, 3)), np.ones((2, 3)), np.radians([179.0, -179.0]))
    yaw = bw.interpolate([0, 4], boxes, [0, 1, 2, 3, 4]).yaw_rad
    np.testing.assert_allclose(np.degrees(yaw), [179, 179.5, 180, -179.5, -179], rtol=0, atol=1e-12)
    back = bw.interpolate([0, 4], boxes[::-1], [0, 1, 2, 3, 4]).yaw_rad
    np.testing.assert_allclose(np.degrees(back), [-179, -179.5, 180, 179.5, 179], rtol=0, atol=1e-12)


@RULES
def test_upright_keyframes_stay_exactly_upright(rng, method):
    times, boxes = keyframes(rng, 30)
    assert bw.interpolate(times, boxes, within(times, 500), method=method).is_upright.all()


@pytest.mark.parametrize("method", ["linear", "pchip"])
def test_never_beyond_the_keyframes_around(rng, method):
    times, boxes = keyframes(rng, 20)
    at = within(times, 800)
    center = bw.interpolate(times, boxes, at, method=method).center_m
    k = np.minimum(np.searchsorted(times, at, side="right") - 1, 18)
    low, high = (pick(boxes.center_m[k], boxes.center_m[k + 1]) for pick in (np.minimum, np.maximum))
    assert (center >= low - 1e-12).all() and (center <= high + 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**11), st.floats(-1e3, 1e3), st.floats(-10, 10)), min_size=1, max_size=8),
    st.sampled_from(METHODS),
)
def test_any_keyframes_give_numbers_and_keep_their_keyframes(rows, method):
    steps, places, yaws = (np.array(column) for column in zip(*rows))
    times = np.cumsum(steps)
    boxes = bw.Cuboids(np.c_[places, -places, places / 3], np.ones((len(rows), 3)), yaws)
    result = bw.interpolate(times, boxes, np.r_[times, within(times, 20)], method=method)
    assert np.isfinite(result.center_m).all() and np.isfinite(result.quat_wxyz).all() and np.isfinite(result.yaw_rad).all()
    np.testing.assert_array_equal(result.center_m[: len(times)], boxes.center_m)


# ------------------------------------------------------------ what is not there


def test_one_keyframe_is_there_at_its_own_time_only():
    one = bw.Cuboids([[1, 2, 3]], [[1, 1, 1]], 0.5)
    np.testing.assert_array_equal(bw.interpolate([5], one, [5, 5]).center_m, [[1, 2, 3]] * 2)
    assert np.isnan(bw.interpolate([5], one, [4, 6], missing="nan").center_m).all()
    with pytest.raises(bw.TimeError, match=r"\[5, 5\] ns, got 6"):
        bw.interpolate([5], one, [5, 6])


def test_times_in_any_order_and_twice(rng):
    times, boxes = keyframes(rng, tilted=True)
    at = rng.permutation(np.r_[within(times, 50), within(times, 50)[7:9], times])
    result = bw.interpolate(times, boxes, at)
    for i in rng.permutation(len(at))[:20]:
        alone = bw.interpolate(times, boxes, at[i : i + 1])
        np.testing.assert_array_equal(result.center_m[i], alone.center_m[0])
        np.testing.assert_array_equal(result.quat_wxyz[i], alone.quat_wxyz[0])


def test_nothing_is_extrapolated(rng):
    times, boxes = keyframes(rng)
    at = np.array([times[3], times[-1] + 1, times[0] - 1, times[0]])
    with pytest.raises(bw.TimeError, match=rf"times_ns: expected times within the keyframes, \[{times[0]}, {times[-1]}\] ns, got {times[-1] + 1}"):
        bw.interpolate(times, boxes, at)
    result = bw.interpolate(times, boxes, at, missing="nan")
    assert np.isnan(result.center_m).all(1).tolist() == [False, True, True, False]
    for column in (result.size_m, result.quat_wxyz, result.yaw_rad):
        assert np.isnan(column[1:3]).all() and np.isfinite(column[[0, 3]]).all()
    assert result.frame == "world"


def test_no_keyframes_and_no_times(rng):
    nobody = bw.Cuboids.empty("world")
    assert len(bw.interpolate([], nobody, [])) == 0
    assert np.isnan(bw.interpolate([], nobody, [1, 2], missing="nan").center_m).all()
    with pytest.raises(bw.TimeError, match="at least one keyframe"):
        bw.interpolate([], nobody, [1])
    times, boxes = keyframes(rng)
    assert len(bw.interpolate(times, boxes, [])) == 0


def test_read_only_and_strided_input(rng):
    times, boxes = keyframes(rng)
    wide = np.repeat(times, 3)[::3]
    at = np.repeat(within(times), 2)[::2]
    wide.flags.writeable = at.flags.writeable = False
    np.testing.assert_array_equal(bw.interpolate(wide, boxes, at).center_m, bw.interpolate(times, boxes, within(times)).center_m)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"method": "spline"}, bw.UnknownName, "method: no such interpolation: expected one of linear, makima, pchip, catmull_rom, got 'spline'"),
        ({"missing": "hold"}, bw.ArgumentError, "missing: expected 'raise' or 'nan', got 'hold'"),
        ({"keyframe_times_ns": [0, 2, 1]}, bw.TimeError, "expected increasing times, got 2 then 1 at index 2"),
        ({"keyframe_times_ns": [0, 1, 1]}, bw.TimeError, "expected increasing times, got 1 then 1 at index 2"),
        ({"keyframe_times_ns": [0, 1]}, bw.ArgumentError, "keyframe_cuboids: expected 2 cuboids, one per keyframe, got 3"),
        ({"keyframe_times_ns": [0.0, 1.0, 2.0]}, bw.ArgumentError, "expected .* int64 nanoseconds, got dtype float64"),
        ({"keyframe_times_ns": [-(2**63), 0, 2**63 - 1]}, bw.TimeError, "146 years"),
        ({"times_ns": [[0, 1]]}, bw.ArgumentError, r"times_ns: .* got shape \(1, 2\)"),
        ({"keyframe_cuboids": np.zeros((3, 7))}, bw.ArgumentError, "keyframe_cuboids: expected Cuboids, got ndarray"),
    ],
)
def test_bad_input(change, kind, message):
    good = {"keyframe_times_ns": [0, 1, 2], "keyframe_cuboids": bw.Cuboids(np.zeros((3, 3)), np.ones((3, 3)), 0.0), "times_ns": [1]}
    assert len(bw.interpolate(**good)) == 1
    with pytest.raises(kind, match=message):
        bw.interpolate(**{**good, **change})


def test_keyframes_of_nan_are_refused():
    boxes = bw.interpolate([0], bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], 0.0), [0, 1], missing="nan")
    with pytest.raises(bw.ArgumentError, match=r"keyframe_cuboids: .*NaN"):
        bw.interpolate([0, 1], boxes, [0])
