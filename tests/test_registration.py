"""An object's points laid onto more of its points: kernels against their slow twins, and known movements found again."""

from __future__ import annotations

import math

import numpy as np
import pytest

import naive
from boxwright.kernels import registration as kernels
from boxwright.registration import ObjectModel, surfaces

HALF = np.array([2.2, 0.9, 0.75])


def faces(rng, n):
    """(n, 3) points on the rear, the left side and the top of a car's cuboid."""
    points = rng.uniform(-HALF, HALF, (n, 3))
    which = rng.integers(0, 3, n)
    points[which == 0, 0] = -HALF[0]
    points[which == 1, 1] = HALF[1]
    points[which == 2, 2] = HALF[2]
    return points + rng.normal(0, 0.01, (n, 3))


def seen_from(points, pose):
    """The points of an object that is at `pose` (x, y, z, yaw) of its predicted frame."""
    cos, sin = math.cos(pose[3]), math.sin(pose[3])
    return points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + pose[:3]


def volume_of(model, voxel_m=0.1, reach_m=0.5):
    low = model.min(0) - 0.6 if len(model) else np.zeros(3)
    shape = tuple(int(v) for v in np.ceil((model.max(0) + 0.6 - low) / voxel_m)) if len(model) else (1, 1, 1)
    out = np.empty(math.prod(shape), np.int32)
    kernels.nearest_volume(model, low, voxel_m, *shape, reach_m, out)
    return low, shape, out


@pytest.mark.kernel
@pytest.mark.parametrize("case", ["random", "one", "none", "line", "twice"])
def test_the_volume_knows_the_nearest_point(rng, case):
    model = {
        "random": rng.uniform(-0.6, 0.6, (40, 3)),
        "one": np.zeros((1, 3)),
        "none": np.zeros((0, 3)),
        "line": np.c_[np.linspace(-0.5, 0.5, 11), np.zeros((11, 2))],
        "twice": np.repeat(rng.uniform(-0.3, 0.3, (5, 3)), 2, 0),
    }[case]
    low, shape, got = volume_of(model, 0.15)
    expected = naive.nearest_volume(model, low, 0.15, shape, 0.5)
    differ = got.reshape(shape) != expected
    for cell in np.argwhere(differ):  # only ties, and voxels at the very edge of the reach
        middle = low + (cell + 0.5) * 0.15
        gaps = [np.inf if m < 0 else np.linalg.norm(model[m] - middle) for m in (got.reshape(shape)[tuple(cell)], expected[tuple(cell)])]
        assert abs(min(gaps[0], 0.5) - min(gaps[1], 0.5)) < 1e-9


@pytest.mark.kernel
@pytest.mark.parametrize("n", [0, 3, 60])
def test_registration_equals_its_twin(rng, n):
    model = faces(rng, 120)
    source = np.r_[seen_from(faces(rng, n), (0.2, -0.1, 0.05, 0.06)), rng.uniform(-4, 4, (n // 3, 3))]
    normals, flatness = surfaces(model)
    low, shape, volume = volume_of(model)
    held, start = np.array([0.01, 0.01, 0.05, 0.1]), np.array([0.05, 0.0, 0.0, 0.01])
    pose, information = start.copy(), np.empty((4, 4))
    kernels.register(source, model, normals, flatness, low, 0.1, *shape, volume, held, 8, 0.4, 0.1, pose, information)
    cube = volume.reshape(shape)
    expected, expected_information = naive.registered(source, model, normals, flatness, low, 0.1, cube, held, 8, 0.4, 0.1, start)
    np.testing.assert_allclose(pose, expected, atol=1e-6)
    np.testing.assert_allclose(information, expected_information, atol=1e-4)
    cells = (np.arange(len(model)) // 3).astype(np.int32)
    got = kernels.fitness(source, model, normals, flatness, low, 0.1, *shape, volume, cells, int(cells.max()) + 1, HALF, pose)
    np.testing.assert_allclose(got, naive.fitness(source, model, normals, flatness, low, 0.1, cube, cells, HALF, pose), rtol=1e-12)


@pytest.mark.parametrize("shift", [(0, 0, 0, 0), (0.3, -0.2, 0.1, 0.08), (-0.45, 0.3, 0.0, -0.1)])
def test_a_movement_is_found(rng, shift):
    model = ObjectModel(2 * HALF)
    model.add(faces(rng, 900))
    found = model.register(seen_from(faces(rng, 500), np.array(shift)), np.zeros((1, 4)))
    assert (np.abs(found.pose - shift) < [0.02, 0.02, 0.02, 0.01]).all()
    assert found.overlap > 0.95 and found.coverage > 0.5 and found.residual_m < 0.05
    assert (np.sqrt(np.diag(found.covariance)) >= [0.03, 0.03, 0.03, 0.012]).all()


def test_far_ones_are_found_from_several_starts_only(rng):
    model = ObjectModel(2 * HALF)
    model.add(faces(rng, 900))
    source = seen_from(faces(rng, 500), np.array([2.5, 0.1, 0, 0]))
    starts = np.zeros((12, 4))
    starts[:, 0] = np.r_[0, np.arange(-1.2, 3.2, 0.4)]
    assert abs(model.register(source, starts[:1]).pose[0] - 2.5) > 1
    np.testing.assert_allclose(model.register(source, starts).pose, [2.5, 0.1, 0, 0], atol=0.02)


def test_what_stands_is_not_taken_for_its_neighbour(rng):
    """In a row of parked cars each place fits; the predicted one is kept."""
    model = ObjectModel(2 * HALF)
    model.add(faces(rng, 900))
    row = np.concatenate([seen_from(faces(rng, 700), np.array([5.4 * k, 0.02, 0, 0])) for k in (-1, 0, 1)])
    starts = np.zeros((29, 4))
    starts[1:, 0] = 0.4 * np.arange(-14, 14)
    np.testing.assert_allclose(model.register(row, starts).pose, [0, 0.02, 0, 0], atol=0.02)


def test_nobody_is_drawn_over_to_who_walks_beside(rng):
    """A few points of a person, and many of another, half a metre away: those lie on the model well enough to be believed, but worse."""
    half = np.array([0.3, 0.3, 0.9])

    def person(n, wide_m=0.25):
        angle, z = rng.uniform(-np.pi, np.pi, n), rng.uniform(-0.85, 0.85, n)
        return np.c_[wide_m * np.cos(angle), wide_m * np.sin(angle), z]

    model = ObjectModel(2 * half, is_yaw_told=False)
    model.add(person(80))
    starts, expected = np.array([[0.0, 0, 0, 0], [0.0, 0.4, 0, 0]]), np.diag([0.04, 0.04, 0.01, 0.01])
    stayed = []
    for _ in range(6):
        other = person(60, 0.33) + rng.normal(0, 0.05, (60, 3)) + [0.0, 0.75, 0.0]
        stayed.append(np.hypot(*model.register(np.r_[person(16), other], starts, expected).pose[:2]) < 0.06)
        assert abs(model.register(other, starts, expected).pose[1] - 0.75) < 0.12  # alone, that is where the points are
    assert sum(stayed) >= 5


def test_covariance_grows_where_no_surface_tells(rng):
    """A side seen alone does not tell how far along it the object is."""
    side = faces(rng, 3000)
    side = side[(np.abs(side[:, 1] - HALF[1]) < 0.04) & (np.abs(side[:, 0]) < 2.0)]
    model = ObjectModel(2 * HALF)
    model.add(side)
    sigma = np.sqrt(np.diag(model.register(side[::2], np.zeros((1, 4))).covariance))
    assert sigma[1] < 0.05 < sigma[0]


def test_headings_of_people_are_not_read_from_points(rng):
    turned = seen_from(faces(rng, 500), np.array([0, 0, 0, 0.15]))
    yaws = []
    for told in (True, False):
        model = ObjectModel(2 * HALF, is_yaw_told=told)
        model.add(faces(rng, 900))
        yaws.append(model.register(turned, np.zeros((1, 4))).pose[3])
    assert abs(yaws[0] - 0.15) < 0.01 and abs(yaws[1]) < abs(yaws[0])


def test_points_are_thinned_and_few_points_do_no_harm(rng):
    model = ObjectModel(2 * HALF)
    model.add(np.repeat(rng.uniform(-0.5, 0.5, (3, 3)), 50, 0))
    assert len(model) == 3
    copy = model.copy()
    copy.add(rng.uniform(-1, 1, (30, 3)))
    assert len(model) == 3 < len(copy)
    found = model.register(np.zeros((0, 3)), np.zeros((1, 4)))
    assert found.n_points == 0 and found.overlap == 0 and found.residual_m == math.inf and not found.pose.any()
    empty = ObjectModel(2 * HALF)
    empty.add(np.zeros((0, 3)))
    assert empty.register(rng.uniform(-1, 1, (30, 3)), np.zeros((1, 4))).overlap == 0


def test_surfaces_are_flat_on_faces_and_upright_under_one_ring(rng):
    plane = np.c_[rng.uniform(-1, 1, (300, 2)), rng.normal(0, 0.003, 300)]
    normals, flatness = surfaces(plane)
    assert np.median(flatness) > 0.95 and np.median(np.abs(normals[:, 2])) > 0.99
    ring = np.c_[np.linspace(0, 2, 60), np.zeros((60, 2))] + rng.normal(0, 0.002, (60, 3))
    normals, flatness = surfaces(ring)
    np.testing.assert_allclose(np.abs(normals), np.tile([0, 1, 0], (60, 1)), atol=0.05)
    assert (flatness > 0.5).all()
    assert (surfaces(ring[:, [2, 1, 0]])[1] == 0).all()  # a pole
    assert (surfaces(rng.uniform(-9, 9, (20, 3)))[1] == 0).all()  # nothing near
