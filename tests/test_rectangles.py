"""Rectangles around clusters: the bare L-shape search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import boxwright as bw
import naive


def l_shape(rng, n=200, size=(4.4, 1.8), yaw=None, center=None, noise=0.02):
    """(points (n, 2), yaw, center) of the two near sides of a rectangle, some points within."""
    yaw = rng.uniform(-np.pi / 2, np.pi / 2) if yaw is None else yaw
    center = rng.uniform(-40, 40, 2) if center is None else center
    along, across, inside = int(0.6 * n), int(0.3 * n), n - int(0.6 * n) - int(0.3 * n)
    length, width = size
    points = np.concatenate(
        [
            np.c_[rng.uniform(-length / 2, length / 2, along), np.full(along, -width / 2)] + rng.normal(0, noise, (along, 2)),
            np.c_[np.full(across, -length / 2), rng.uniform(-width / 2, width / 2, across)] + rng.normal(0, noise, (across, 2)),
            rng.uniform(-0.5, 0.5, (inside, 2)) * size,
        ]
    )
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    return points @ turn + center, yaw, center


def clusters(rng, count, n=200, **kind):
    made = [l_shape(rng, n, **kind) for _ in range(count)]
    return np.concatenate([m[0] for m in made]), np.arange(count + 1) * n, np.array([m[1] for m in made])


def angle_between(a, b, period=np.pi):
    return np.abs((np.asarray(a) - b + period / 2) % period - period / 2)


@pytest.mark.parametrize("seed", range(3))
def test_yaw_of_noisy_l_shapes(seed):
    rng = np.random.default_rng(seed)
    points, offsets, yaw = clusters(rng, 200, 500, noise=0.03)
    found = bw.fit_rectangles(points, offsets)
    assert np.degrees(np.quantile(angle_between(found.yaw_rad, yaw, np.pi / 2), 0.95)) <= 0.9
    assert found.is_valid.all() and (found.size_m[:, 0] >= found.size_m[:, 1]).all()
    assert (np.abs(found.yaw_rad) <= np.pi / 2).all()


@pytest.mark.kernel
def test_rectangles_agree_with_the_slow_twin(rng):
    for _ in range(4):
        points, _, _ = l_shape(rng, 120, noise=0.01)
        found = bw.fit_rectangles(points, [0, len(points)])
        center, size, yaw = naive.fit_rectangle(points)
        assert np.degrees(angle_between(found.yaw_rad[0], yaw)) < 0.6
        np.testing.assert_allclose(found.center_m[0], center, atol=0.05)
        np.testing.assert_allclose(found.size_m[0], size, atol=0.1)
        # at its own heading the rectangle is the bounding rectangle, and hardly less close than the best of all headings
        center, size, yaw = naive.rectangle_at(points, found.yaw_rad[0])
        np.testing.assert_allclose(found.center_m[0], center, atol=1e-9)
        np.testing.assert_allclose(found.size_m[0], size, atol=1e-9)
        assert angle_between(yaw, found.yaw_rad[0]) < 1e-9
        assert naive.closeness(points, found.yaw_rad[0]) > 0.9 * naive.closeness(points, naive.fit_rectangle(points)[2])


@pytest.mark.kernel
def test_rectangle_laws(rng):
    points, offsets, _ = clusters(rng, 3, 60)
    base = bw.fit_rectangles(points, offsets)

    def same(other, center=base.center_m, size=base.size_m, turn=0.0, atol=1e-6):
        assert angle_between(other.yaw_rad, base.yaw_rad + turn).max() < atol
        np.testing.assert_allclose(other.center_m, center, atol=atol)
        np.testing.assert_allclose(other.size_m, size, atol=atol)

    shuffled = np.concatenate([points[a:b][rng.permutation(b - a)] for a, b in itertools.pairwise(offsets)])
    same(bw.fit_rectangles(shuffled, offsets))
    same(bw.fit_rectangles(np.concatenate([np.r_[points[a:b], points[a:b]] for a, b in itertools.pairwise(offsets)]), offsets * 2))
    same(bw.fit_rectangles(points * 4.0, offsets, noise_m=0.12), base.center_m * 4, base.size_m * 4)
    shift = np.array([1e6, -5e6])
    same(bw.fit_rectangles(points + shift, offsets), base.center_m + shift)
    # a turn moves the points against the coarse headings: the lines they lie on, and so the answer, turn along
    turn = 0.4
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    same(bw.fit_rectangles(points @ matrix, offsets), base.center_m @ matrix, turn=turn, atol=0.02)


@pytest.mark.kernel
def test_rectangles_of_any_layout_and_with_bad_points(rng):
    points, offsets, _ = clusters(rng, 2, 80)
    base = bw.fit_rectangles(points, offsets)
    wide = np.zeros((160, 4))
    wide[:, 1:3] = points
    frozen = points.copy()
    frozen.flags.writeable = False
    for other in (wide[:, 1:3], np.asfortranarray(points), frozen, np.c_[points, np.full(160, np.nan)]):
        np.testing.assert_array_equal(bw.fit_rectangles(other, offsets).yaw_rad, base.yaw_rad)
    np.testing.assert_allclose(bw.fit_rectangles(points.astype(np.float32), offsets).yaw_rad, base.yaw_rad, atol=1e-3)
    dirty = np.concatenate([[[np.nan, 0.0]], points[:80], [[np.inf, np.nan]], points[80:]])
    again = bw.fit_rectangles(dirty, [0, 81, 162])
    np.testing.assert_allclose(again.yaw_rad, base.yaw_rad, atol=1e-9)
    np.testing.assert_allclose(again.center_m, base.center_m, atol=1e-9)


@pytest.mark.kernel
def test_degenerate_clusters():
    line = np.c_[np.linspace(0, 3, 10), np.linspace(0, 3, 10)]
    points = np.concatenate([np.zeros((2, 2)), line, np.ones((5, 2)), np.full((4, 2), np.nan)])
    found = bw.fit_rectangles(points, [0, 0, 2, 12, 17, 21])
    assert found.is_valid.tolist() == [False, False, True, True, False]
    assert np.isnan(found.center_m[0]).all() and np.isnan(found.size_m[4]).all()
    assert found.yaw_rad[2] == pytest.approx(np.pi / 4, abs=1e-6) and found.size_m[2] == pytest.approx([3 * np.sqrt(2), 0], abs=1e-6)
    assert found.size_m[3] == pytest.approx([0, 0]) and found.center_m[3] == pytest.approx([1, 1])
    assert found.corners_m().shape == (5, 4, 2)
    assert len(bw.fit_rectangles(np.zeros((0, 2)), [0])) == 0


def test_corners_of_rectangles_hold_the_points(rng):
    points, _, _ = l_shape(rng)
    corners = bw.fit_rectangles(points, [0, len(points)]).corners_m()[0]
    edges = np.roll(corners, -1, 0) - corners
    inward = np.c_[-edges[:, 1], edges[:, 0]]
    assert ((points[:, None] - corners) * inward).sum(-1).min() > -1e-9


@pytest.mark.parametrize(
    ("points", "offsets", "message"),
    [
        (np.zeros((5, 4)), [0, 5], r"points: expected \(N, 2\)"),
        (np.array([["a", "b"]]), [0, 1], "dtype"),
        (np.zeros((5, 2)), [0, 4], "offsets from 0 to 5"),
        (np.zeros((5, 2)), [1, 5], "offsets from 0 to 5"),
        (np.zeros((5, 2)), [0, 4, 3, 5], "not decreasing"),
        (np.zeros((5, 2)), [0.0, 5.0], "whole numbers"),
        (np.zeros((5, 2)), [], "whole numbers"),
    ],
)
def test_wrong_rectangle_input(points, offsets, message):
    with pytest.raises(bw.ArgumentError, match=message):
        bw.fit_rectangles(points, offsets)


def test_wrong_noise():
    with pytest.raises(bw.ArgumentError, match="noise_m: expected a positive length"):
        bw.fit_rectangles(np.zeros((5, 2)), [0, 5], noise_m=0.0)
