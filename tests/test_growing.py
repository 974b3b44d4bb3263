"""Which points an object has, and what its surroundings tell."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.fit_hints import checked_hints
from boxwright.growing import surroundings
from boxwright.kernels import growing as kernels


def wall(rng, yaw, away, n=400):
    """A wall 12 m long, its middle `away` to the side of the origin."""
    along = rng.uniform(-6, 6, n)
    c, s = np.cos(yaw), np.sin(yaw)
    return np.c_[c * along - s * away, s * along + c * away, rng.uniform(0.5, 2.0, n)]


@pytest.mark.parametrize("yaw", [0.0, 0.6, 1.9, 2.9])
def test_vehicles_are_expected_to_stand_along_walls(rng, yaw):
    field = np.c_[rng.uniform(-30, 30, (8000, 2)), rng.normal(0, 0.02, 8000)]
    points = np.concatenate([field, wall(rng, yaw, 5.0), wall(rng, yaw, -6.0)])
    costs = surroundings(points, np.zeros(3), bw.ground(points), checked_hints("car", None, {"sensor_origins_m": [-20.0, 0, 2]})).yaw_costs
    off = (np.argmin(costs) * np.pi / 60 - yaw + np.pi / 2) % np.pi - np.pi / 2
    assert abs(off) < np.radians(5)
    assert costs.min() < -1.5 and costs[(np.argmin(costs) + 30) % 60] > 0.3


def test_nothing_around_tells_nothing(rng):
    field = np.c_[rng.uniform(-30, 30, (8000, 2)), rng.normal(0, 0.02, 8000)]
    around = surroundings(field, np.zeros(3), bw.ground(field), checked_hints("car", None, {"sensor_origins_m": [-20.0, 0, 2]}))
    np.testing.assert_array_equal(around.yaw_costs, np.zeros(60))
    given = surroundings(field, np.zeros(3), bw.ground(field), checked_hints("car", None, {"sensor_origins_m": [-20.0, 0, 2], "yaw_prior": 0.3}))
    np.testing.assert_array_equal(given.ends_m, around.ends_m)
    assert (given.ends_m[:, 0] > -5).all() and len(given.ends_m) > 100  # beyond the place, seen from -20


@pytest.mark.kernel
def test_growing_equals_the_slow_twin(rng):
    points = rng.uniform(0, 5, (150, 3))
    for seed, reach in ((0, 0.6), (7, 0.5), (20, 0.4), (3, 0.05), (3, 20.0)):
        member = np.zeros(150, np.bool_)
        n = kernels.grow(points, seed, reach, member)
        np.testing.assert_array_equal(member, naive.connected(points, seed, reach))
        assert n == member.sum()


@pytest.mark.kernel
def test_window_and_nearest(rng):
    points = rng.uniform(-3, 3, (200, 3))
    points[7] = np.nan
    nodes = np.zeros((3, 3))
    index, above = np.empty(200, np.int64), np.empty(200)
    n = kernels.window(points, 0.5, -0.5, 1.5, nodes, -5.0, -5.0, 5.0, 0.2, 2.0, index, above)
    inside = (np.hypot(points[:, 0] - 0.5, points[:, 1] + 0.5) <= 1.5) & (points[:, 2] >= 0.2) & (points[:, 2] <= 2.0)
    np.testing.assert_array_equal(index[:n], np.flatnonzero(inside))
    np.testing.assert_array_equal(above[:n], points[inside, 2])
    at, distance = kernels.nearest(points, 1.0, 1.0, 0.0, True)
    away = np.linalg.norm(points - [1.0, 1.0, 0.0], axis=1)
    assert at == np.nanargmin(away) and distance == pytest.approx(np.nanmin(away))
    flat = np.hypot(points[:, 0] - 1.0, points[:, 1] - 1.0)
    assert kernels.nearest(points, 1.0, 1.0, 9.0, False)[0] == np.nanargmin(flat)
    assert kernels.nearest(points[7:8], 0.0, 0.0, 0.0, True) == (-1, np.inf)


@pytest.mark.kernel
def test_directions_equal_the_slow_twin(rng):
    points = rng.uniform(-3, 3, (90, 3))  # every pair votes, which takes long without the JIT
    votes = np.empty(60)
    kernels.directions(points, np.arange(90), 0.1, -0.2, 0.7, 6.0, 0.3, 0.8, 3.0, 10_000, votes)
    np.testing.assert_array_equal(votes, naive.directions(points, [0.1, -0.2], 0.7, 0.3, 6.0, 0.8, 3.0, 60))
    turned = np.c_[-points[:, 1], points[:, 0], points[:, 2]]  # a quarter turn moves the votes by half of them; cells turn along
    kernels.directions(points, np.arange(90), 0.0, 0.0, 0.7, 6.0, 1e-2, 0.8, 0.9, 10_000, votes)
    other = np.empty(60)
    kernels.directions(turned, np.arange(90), 0.0, 0.0, 0.7, 6.0, 1e-2, 0.8, 0.9, 10_000, other)
    assert votes.sum() > 20 and np.abs(np.roll(votes, 30) - other).sum() <= 2


@pytest.mark.kernel
def test_many_cells_vote_in_part(rng):
    points = np.c_[rng.uniform(-5, 5, (200, 2)), np.ones(200)]
    all_votes, fewer = np.empty(60), np.empty(60)
    kernels.directions(points, np.arange(200), 0.0, 0.0, 0.0, 6.0, 0.3, 0.8, 3.0, 1000, all_votes)
    kernels.directions(points, np.arange(200), 0.0, 0.0, 0.0, 6.0, 0.3, 0.8, 3.0, 50, fewer)
    assert 0 < fewer.sum() < all_votes.sum() / 4


@pytest.mark.kernel
def test_a_sector_holds_what_is_seen_through_or_beyond_a_disc(rng):
    points = rng.uniform(-20, 20, (200, 3))
    points[3] = np.nan
    sensor, place, radius = np.array([-3.0, 1.0]), np.array([5.0, 4.0]), 2.5
    out = np.empty(200, np.int64)
    n = kernels.sector(points, *sensor, *place, radius, out)
    way, off = place - sensor, points[:, :2] - sensor
    length, distance = np.hypot(*way), np.hypot(*off.T)
    angle = np.arccos((off @ way) / (distance * length))
    expected = (angle <= np.arcsin(radius / length)) & (distance * np.cos(angle) >= length - radius)
    np.testing.assert_array_equal(out[:n], np.flatnonzero(expected))
    assert n > 3
