"""Ground height: planes, slopes, kerbs, cars, stray echoes, and real sweeps."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.kernels import terrain as kernels


def _field(rng, n=20000, half=40.0, height=lambda x, y: 0 * x, noise=0.02):
    xy = rng.uniform(-half, half, (n, 2))
    return np.c_[xy, height(xy[:, 0], xy[:, 1]) + rng.normal(0, noise, n)]


def _block(rng, center, size, n=600):
    return rng.uniform(-0.5, 0.5, (n, 3)) * size + center


def test_slope_and_hill_are_followed(rng):
    def hill(x, y):
        return 0.12 * x - 0.05 * y + 2.0 * np.exp(-((x - 10) ** 2 + y**2) / 300)

    points = _field(rng, height=hill)
    xy = rng.uniform(-35, 35, (500, 2))
    error = bw.ground(points).height_m(xy) - hill(xy[:, 0], xy[:, 1])
    assert np.abs(error).max() < 0.12 and abs(np.median(error)) < 0.03


def test_kerb_is_followed(rng):
    points = _field(rng, height=lambda x, y: np.where(y > 5, 0.15, 0.0), n=60000)
    ground = bw.ground(points)
    x = rng.uniform(-30, 30, 200)
    assert np.median(ground.height_m(np.c_[x, np.full(200, 3.5)])) == pytest.approx(0.0, abs=0.04)
    assert np.median(ground.height_m(np.c_[x, np.full(200, 6.5)])) == pytest.approx(0.15, abs=0.04)


def test_a_cell_with_only_car_points_does_not_lift_the_ground(rng):
    points = _field(rng)
    car = np.array([12.0, 6.0, 0.0])
    points = points[(np.abs(points[:, :2] - car[:2]) > [2.3, 1.0]).any(1)]  # the car hides the road under it
    roof = _block(rng, car + np.array([0, 0, 1.45]), [4.0, 1.6, 0.05], 2000)
    hood = _block(rng, car + np.array([1.8, 0, 0.9]), [0.8, 1.6, 0.05], 500)
    wall = _block(rng, [-30.0, 0.0, 2.5], [0.2, 60.0, 3.0], 4000)
    ground = bw.ground(np.concatenate([points, roof, hood, wall]))
    under = rng.uniform(-0.5, 0.5, (200, 2)) * [4.4, 1.8] + car[:2]
    assert np.abs(ground.height_m(under)).max() < 0.2
    assert np.abs(ground.height_m(np.c_[np.full(50, -30.0), np.linspace(-25, 25, 50)])).max() < 0.25


def test_far_from_the_sensor_where_most_points_are_on_objects_the_ground_stays_down(rng):
    near, rings = _field(rng, 6000, half=12.0), []
    for r in (18.0, 26.0, 36.0, 50.0):  # rings of a sweep: few, far apart, each hidden for the most part
        angle = rng.uniform(-0.6, 0.6, 40)
        rings.append(np.c_[r * np.cos(angle), r * np.sin(angle), rng.normal(0, 0.02, 40)])
    sides = [_block(rng, [x, y, 1.0], [0.3, 1.8, 1.0], 150) for x in np.arange(30.0, 48.0, 3.0) for y in (-8.0, -3.0, 3.0, 8.0)]
    ground = bw.ground(np.concatenate([near, *rings, *sides]))
    under = np.array([[x, y] for x in np.arange(30.0, 48.0, 3.0) for y in (-8.0, -3.0, 3.0, 8.0)])
    assert np.median(np.abs(ground.height_m(under))) < 0.15 and np.abs(ground.height_m(under)).max() < 0.45


def test_stray_echoes_below_the_road_do_not_pull_it_down(rng):
    points = _field(rng)
    stray = np.c_[rng.uniform(-40, 40, (60, 2)), rng.uniform(-6, -1, 60)]
    error = bw.ground(np.concatenate([points, stray])).height_m(rng.uniform(-38, 38, (500, 2)))
    assert np.quantile(np.abs(error), 0.98) < 0.1


def test_order_and_far_away_origin_change_nothing(rng):
    points = _field(rng, 5000, height=lambda x, y: 0.05 * x)
    xy = rng.uniform(-35, 35, (100, 2))
    height = bw.ground(points).height_m(xy)
    np.testing.assert_allclose(bw.ground(points[rng.permutation(len(points))]).height_m(xy), height, atol=1e-9)
    far = np.array([5e5, 4.6e6, 300.0])
    np.testing.assert_allclose(bw.ground(points + far).height_m(xy + far[:2]), height + 300, atol=1e-3)


def test_points_that_are_not_finite_and_one_wild_echo_are_let_go(rng):
    points = _field(rng, 5000)
    dirty = np.concatenate([points, [[np.nan, 0, 0], [0, np.inf, 0], [0, 0, -np.inf], [1e5, 2e5, 40.0]]])
    ground = bw.ground(dirty)
    assert np.abs(ground.height_m(rng.uniform(-35, 35, (100, 2)))).max() < 0.1
    assert np.isnan(ground.height_m([[np.nan, 0.0], [0.0, np.inf]])).all()
    assert np.isfinite(ground.height_m([[1e9, 1e9]])).all()


def test_layouts_and_dtypes_agree(rng):
    points = _field(rng, 3000)
    xy = rng.uniform(-30, 30, (50, 3))
    height = bw.ground(points).height_m(xy)
    wide = np.zeros((3000, 5))
    wide[:, 1:4] = points
    frozen = points.copy()
    frozen.flags.writeable = False
    for same in (wide[:, 1:4], np.asfortranarray(points), frozen, bw.Sweep(points)):
        np.testing.assert_array_equal(bw.ground(same).height_m(xy[:, :2]), height)
    np.testing.assert_allclose(bw.ground(points.astype(np.float32)).height_m(xy.astype(np.float32)), height, atol=2e-2)
    np.testing.assert_array_equal(bw.ground(points).above_m(points), points[:, 2] - bw.ground(points).height_m(points))


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.full((10, 3), np.nan), np.zeros((2, 3))])
def test_too_few_points_are_refused(points):
    with pytest.raises(bw.GeometryError, match=r"at least 3 finite points.*; pass a whole sweep"):
        bw.ground(points)


def test_smallest_clouds_have_a_ground():
    assert bw.ground([[0.0, 0, 1], [1, 0, 1], [0, 1, 1]]).height_m([[0.5, 0.5]]) == pytest.approx(1.0, abs=1e-6)
    assert bw.ground(np.ones((5, 3))).height_m([[1.0, 1.0]]) == pytest.approx(1.0, abs=1e-6)


def test_wrong_queries_are_refused(rng):
    ground = bw.ground(_field(rng, 100))
    with pytest.raises(bw.ArgumentError, match=r"xy: expected \(K, 2\)"):
        ground.height_m(np.zeros(2))
    with pytest.raises(bw.ArgumentError, match="dtype"):
        ground.height_m([["a", "b"]])
    with pytest.raises(bw.ArgumentError, match="points"):
        bw.ground(np.zeros((5, 2)))


@pytest.mark.kernel
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_low_cells_equal_the_slow_twin(rng, dtype):
    points = rng.uniform(0, 6, (200, 3)).astype(dtype)
    points[5] = np.nan
    points[6, 2] = np.inf
    points[7, :2] = 2.0  # on a border between cells
    out = np.empty((12 * 12, 4))
    n = kernels.low_cells(points, 0.0, 0.0, 0.5, 12, 12, out)
    np.testing.assert_allclose(out[:n], naive.low_cells(points, 0.0, 0.0, 0.5, 12, 12), atol=1e-9)


@pytest.mark.kernel
def test_heights_equal_the_slow_twin(rng):
    nodes = rng.normal(size=(5, 7))
    xy = rng.uniform(-4, 12, (150, 2))
    xy[3, 0] = np.nan
    out = np.empty(150)
    kernels.heights(xy, nodes, -1.0, 2.0, 1.5, out)
    np.testing.assert_allclose(out, naive.grid_heights(xy, nodes, -1.0, 2.0, 1.5), atol=1e-12)


@pytest.mark.kernel
def test_a_small_surface_is_the_plane_it_came_from(rng):
    points = _field(rng, 150, half=5.0, height=lambda x, y: 0.1 * x + 0.2 * y + 3, noise=0.0)
    xy = rng.uniform(-4, 4, (50, 2))
    np.testing.assert_allclose(bw.ground(points).height_m(xy), 0.1 * xy[:, 0] + 0.2 * xy[:, 1] + 3, atol=0.02)


def test_real_labels_stand_on_the_ground(oracle):
    gaps, below = [], []
    for frame in oracle.frames():
        if frame.source == "dgp":  # thinned clouds
            continue
        ground = bw.ground(frame.points[:, :3])
        for box, quat, name in zip(frame.boxes, frame.quats, frame.names):
            near = np.hypot(*box[:2]) < 50
            if name.lower() in ("car", "van", "regular_vehicle") and near and oracle.points_in_box(frame.points, box, quat).sum() >= 5:
                gaps.append(box[2] - box[5] / 2 - ground.height_m(box[None, :2])[0])
        below.append((ground.above_m(frame.points[:, :3]) < -0.3).mean())
    assert len(gaps) > 60
    assert np.quantile(np.abs(gaps), 0.5) < 0.15 and np.quantile(np.abs(gaps), 0.9) < 0.35
    assert max(below) < 0.005
