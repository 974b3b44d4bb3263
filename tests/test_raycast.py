"""The ray kernel against its slow twin."""

from __future__ import annotations

import numpy as np
import pytest

import naive
from boxwright.kernels import raycast

pytestmark = pytest.mark.kernel


def tree_of(triangles):
    """(order, bounds, links) of one mesh."""
    n = len(triangles)
    order, bounds, links = np.empty(n, np.int64), np.empty((2 * n, 6)), np.empty((2 * n, 3), np.int32)
    n_nodes = raycast.build_tree(np.asarray(triangles, np.float64).reshape(n, 9), order, bounds, links)
    return order, bounds[:n_nodes], links[:n_nodes]


def cast(origins, directions, objects, poses=None, max_distance=100.0, *, nearest=True, alone=False, moments=None):
    """The kernel on objects that are lists of parts (T, 3, 3); poses[c][k][p] are (rotation, translation), world from part, k = 0 left out."""
    corners, bounds, links, roots, first = [], [], [], [], [0]
    n_triangles = n_nodes = 0
    for parts in objects:
        for part in parts:
            order, own_bounds, own_links = tree_of(part)
            own_links = own_links.copy()
            own_links[:, :2] += np.where(own_links[:, 2:] < 0, n_triangles, n_nodes).astype(np.int32)
            corners.append(np.asarray(part, np.float64)[order])
            bounds.append(own_bounds)
            links.append(own_links)
            roots.append(n_nodes)
            n_triangles += len(part)
            n_nodes += len(own_links)
        first.append(len(roots))
    corners = np.concatenate(corners)
    poses = [[[(np.eye(3), np.zeros(3)) for _ in parts] for parts in objects]] if poses is None else poses
    inverse = np.zeros((len(poses), len(roots), 12))
    balls = np.zeros((len(poses), len(objects), 4))
    for c, moment in enumerate(poses):
        for k, parts in enumerate(objects):
            world = []
            for p, part in enumerate(parts):
                rotation, translation = moment[k][p]
                inverse[c, first[k] + p] = np.r_[rotation.T.reshape(9), -rotation.T @ translation]
                world.append(np.asarray(part).reshape(-1, 3) @ rotation.T + translation)
            world = np.concatenate(world)
            balls[c, k, :3] = world.mean(0)
            balls[c, k, 3] = np.linalg.norm(world - world.mean(0), axis=1).max() * 1.001
    n = len(origins)
    distance, triangle, thing, part = np.empty(n), np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    n_alone = np.zeros(len(objects) if alone else 0, np.int64)
    moments = np.zeros(n, np.int32) if moments is None else moments
    raycast.cast_rays(
        *(np.ascontiguousarray(a) for a in (origins, directions, moments)),
        *(np.ascontiguousarray(a) for a in (corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])),
        *(np.concatenate(bounds), np.concatenate(links), np.array(roots, np.int32), np.array(first, np.int32), inverse, balls),
        *(max_distance, nearest, distance, triangle, thing, part, n_alone),
    )
    return distance, triangle, thing, part, n_alone


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def triangles_around(rng, n, center=(0, 0, 0), spread=3.0, size=1.0):
    return rng.uniform(-spread, spread, (n, 1, 3)) + rng.uniform(-size, size, (n, 3, 3)) + np.asarray(center, float)


def turned(rng):
    """A random rotation."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("n", [1, 4, 5, 40])
def test_one_mesh_agrees_with_the_twin(rng, n):
    mesh = triangles_around(rng, n)
    origins = rng.uniform(-6, 6, (60, 3))
    directions = unit(rng.uniform(-2, 2, (60, 3)) - origins)
    distance, _, thing, _, _ = cast(origins, directions, [[mesh]])
    expected, which, _ = naive.cast_rays(origins, directions, [mesh], 100.0)
    assert np.allclose(distance, expected, rtol=0, atol=1e-9)
    assert np.array_equal(thing, which)
    assert (which >= 0).any()


def test_the_triangle_it_names_is_the_one_it_met(rng):
    mesh = triangles_around(rng, 30)
    order, _, _ = tree_of(mesh)
    origins = rng.uniform(-6, 6, (60, 3))
    directions = unit(rng.uniform(-2, 2, (60, 3)) - origins)
    distance, triangle, _, _, _ = cast(origins, directions, [[mesh]])
    for r in np.flatnonzero(triangle >= 0):
        assert naive.ray_triangle(origins[r], directions[r], mesh[order[triangle[r]]]) == pytest.approx(distance[r], abs=1e-9)


def test_moving_objects_of_several_parts(rng):
    objects = [
        [triangles_around(rng, 8, size=3.0)],
        [triangles_around(rng, 6), triangles_around(rng, 5, size=3.0)],
        [triangles_around(rng, 7, size=2.0)],
        [triangles_around(rng, 3, size=3.0)],
    ]
    moments = rng.integers(0, 3, 150).astype(np.int32)
    still = [(np.eye(3), np.zeros(3))]
    poses = [[still] + [[(turned(rng), rng.uniform(-4, 4, 3)) for _ in parts] for parts in objects[1:]] for _ in range(3)]
    origins = rng.uniform(-9, 9, (150, 3))
    directions = unit(rng.uniform(-4, 4, (150, 3)) - origins)
    distance, _, thing, part, alone = cast(origins, directions, objects, poses, alone=True, moments=moments)
    total = np.zeros(4, np.int64)
    for c in range(3):
        rays = np.flatnonzero(moments == c)
        world = [
            np.concatenate([p @ r.T + t for p, (r, t) in zip(parts, moment, strict=True)]) for parts, moment in zip(objects, poses[c], strict=True)
        ]
        expected, which, n_alone = naive.cast_rays(origins[rays], directions[rays], world, 100.0)
        assert np.allclose(distance[rays], expected, rtol=0, atol=1e-9)
        assert np.array_equal(thing[rays], which)
        total += n_alone
    assert np.array_equal(alone[1:], total[1:])
    assert set(thing.tolist()) == {-1, 0, 1, 2, 3}
    assert set(part[thing == 1].tolist()) <= {1, 2}
    without_count = cast(origins, directions, objects, poses, moments=moments)
    assert np.array_equal(without_count[0], distance)
    assert np.array_equal(without_count[2], thing)


def test_shadow_rays_say_whether_anything_is_met(rng):
    objects = [[triangles_around(rng, 10)], [triangles_around(rng, 10)]]
    origins = rng.uniform(-6, 6, (60, 3))
    directions = unit(rng.uniform(-3, 3, (60, 3)) - origins)
    nearest = cast(origins, directions, objects, max_distance=5.0)
    anything = cast(origins, directions, objects, max_distance=5.0, nearest=False)
    assert np.array_equal(nearest[1] >= 0, anything[1] >= 0)
    assert 0 < (nearest[1] >= 0).sum() < 60


def test_no_ray_slips_between_triangles_that_share_an_edge():
    steps = np.arange(5.0)
    x, y = np.meshgrid(steps, steps)
    a = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    right, up = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    floor = np.concatenate([np.stack([a, a + right, a + right + up], 1), np.stack([a, a + right + up, a + up], 1)])
    aims = np.concatenate([a + right / 2, a + up / 2, a + (right + up) / 2, a])  # edges, diagonals, corners
    origins = aims + np.array([0, 0, 3.0])
    distance, _, _, _, _ = cast(origins, np.tile([0.0, 0, -1], (len(aims), 1)), [[floor]])
    assert np.allclose(distance, 3.0, rtol=0, atol=1e-9)


def test_flat_coinciding_and_parallel_things(rng):
    triangle = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    mesh = np.concatenate([np.tile(triangle, (20, 1, 1)), np.zeros((6, 3, 3)), np.tile([[0.0, 0, 0], [1, 1, 1], [2, 2, 2]], (6, 1, 1))])
    origins = np.array([[0.2, 0.2, 1.0], [0.2, 0.2, -2.0], [-1.0, 0.2, 0.0], [0.2, 0.2, 1.0]])
    directions = np.array([[0.0, 0, -1], [0, 0, 1], [1, 0, 0], [0, 0, 1]])
    distance, _, thing, _, _ = cast(origins, directions, [[mesh]])
    expected, which, _ = naive.cast_rays(origins, directions, [mesh], 100.0)
    assert np.array_equal(thing, which)
    assert np.allclose(distance, expected)
    assert thing.tolist() == [0, 0, -1, -1]


def test_nothing_behind_and_nothing_beyond():
    wall = np.array([[[2.0, -1, -1], [2, 3, -1], [2, -1, 3]]])
    origins, ahead = np.zeros((1, 3)), np.array([[1.0, 0, 0]])
    assert cast(origins, ahead, [[wall]], max_distance=2.5)[0] == 2.0
    assert cast(origins, ahead, [[wall]], max_distance=1.5)[2] == -1
    assert cast(origins, -ahead, [[wall]])[2] == -1


def test_rays_that_are_not_finite_meet_nothing(rng):
    mesh = triangles_around(rng, 30)
    origins, directions = np.zeros((4, 3)), np.tile([1.0, 0, 0], (4, 1))
    origins[0, 1] = np.nan
    directions[1, 2] = np.nan
    origins[2] = np.inf
    with np.errstate(invalid="ignore"):
        _, triangle, _, _, _ = cast(origins, directions, [[mesh], [mesh]])
    assert triangle[:3].tolist() == [-1, -1, -1]


def test_far_from_the_origin(rng):
    mesh, shift = triangles_around(rng, 20), np.array([1e6, -2e6, 300.0])
    origins = rng.uniform(-6, 6, (40, 3))
    directions = unit(rng.uniform(-2, 2, (40, 3)) - origins)
    near, far = cast(origins, directions, [[mesh]]), cast(origins + shift, directions, [[mesh + shift]])
    assert np.array_equal(near[2], far[2])
    assert np.allclose(near[0], far[0], rtol=0, atol=1e-5)


def test_moving_everything_together_changes_nothing(rng):
    mesh, rotation, shift = triangles_around(rng, 20), turned(rng), rng.uniform(-5, 5, 3)
    origins = rng.uniform(-6, 6, (40, 3))
    directions = unit(rng.uniform(-2, 2, (40, 3)) - origins)
    before = cast(origins, directions, [[mesh]])
    after = cast(origins @ rotation.T + shift, directions @ rotation.T, [[mesh @ rotation.T + shift]])
    assert np.allclose(before[0], after[0], rtol=0, atol=1e-9)


def test_no_rays(rng):
    assert [len(a) for a in cast(np.zeros((0, 3)), np.zeros((0, 3)), [[triangles_around(rng, 3)]])] == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("n", [1, 3, 50])
def test_a_tree_holds_every_triangle_once_within_its_bounds(rng, n):
    mesh = triangles_around(rng, n)
    order, bounds, links = tree_of(mesh)
    assert sorted(order.tolist()) == list(range(n))
    met = []
    todo = [0]
    while todo:
        node = todo.pop()
        first, second, axis = links[node]
        if axis >= 0:
            for child in (first, second):
                assert (bounds[child, :3] >= bounds[node, :3]).all() and (bounds[child, 3:] <= bounds[node, 3:]).all()
            todo += [first, second]
        else:
            met += list(range(first, second))
            own = mesh[order[first:second]].reshape(-1, 3)
            assert np.array_equal(own.min(0), bounds[node, :3])
            assert np.array_equal(own.max(0), bounds[node, 3:])
    assert sorted(met) == list(range(n))
