"""Points in cuboids."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.cuboids import Cuboids

AV2_HITS = {"av2": (9399, 9289)}
SUSTECH_HITS = {"950": (2160, 2092), "965": (3704, 3655), "970": (6100, 6086), "975": (7514, 7279)}


def some_cuboids(rng, n, *, spread_m=20.0, tilted=False, offset_m=(0.0, 0.0, 0.0)) -> Cuboids:
    center = rng.uniform(-spread_m, spread_m, (n, 3)) * (1, 1, 0.1) + offset_m
    size = rng.uniform(0.3, 6, (n, 3))
    if not tilted:
        return Cuboids(center, size, rng.uniform(-np.pi, np.pi, n))
    quat = rng.normal(size=(n, 4))
    return Cuboids(center, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True))


def points_near(rng, cuboids, n, *, reach=1.3, dtype=np.float64) -> np.ndarray:
    """Around randomly chosen cuboids, about half of them inside."""
    which = rng.integers(len(cuboids), size=n)
    local = rng.uniform(-reach, reach, (n, 3)) * cuboids.size_m[which] / 2
    return (np.einsum("nij,nj->ni", cuboids.rotation[which], local) + cuboids.center_m[which]).astype(dtype)


def assert_same_as_twin(points, cuboids) -> bw.points_in_cuboids:
    hits = bw.points_in_cuboids(points, cuboids)
    expected = naive.points_in_cuboids(points, cuboids)
    assert hits.counts.dtype == np.int64
    np.testing.assert_array_equal(hits.counts, expected.sum(1))
    np.testing.assert_array_equal(hits.offsets, np.r_[0, np.cumsum(expected.sum(1))])
    for m in range(len(cuboids)):
        np.testing.assert_array_equal(hits.indices(m), np.flatnonzero(expected[m]))
        assert hits.indices(m).dtype == np.int64
    np.testing.assert_array_equal(hits.mask(), expected)
    first = np.where(expected.any(0), expected.argmax(0), -1) if len(cuboids) else np.full(len(np.asarray(points)), -1)
    np.testing.assert_array_equal(hits.first, first)
    assert hits.first.dtype == hits.point_index.dtype == np.int32
    return hits


@pytest.mark.kernel
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize("offset_m", [(0.0, 0.0, 0.0), (1e6, -4.6e6, 100.0)])
@pytest.mark.parametrize("n_cuboids", [1, 7, 60])
def test_equals_the_slow_twin(rng, dtype, tilted, offset_m, n_cuboids) -> None:
    cuboids = some_cuboids(rng, n_cuboids, tilted=tilted, offset_m=offset_m)
    hits = assert_same_as_twin(points_near(rng, cuboids, 200, dtype=dtype), cuboids)
    if dtype == np.float64 or offset_m[0] == 0:
        assert hits.counts.sum() > 40


@pytest.mark.kernel
@pytest.mark.parametrize("tilted", [False, True])
def test_points_that_are_not_finite_are_outside(rng, tilted) -> None:
    cuboids = some_cuboids(rng, 20, tilted=tilted)
    points = points_near(rng, cuboids, 200, reach=0.9)
    for value, axis in ((np.nan, 0), (np.inf, 1), (-np.inf, 2), (np.nan, 2), (np.inf, 0)):
        points[rng.integers(200, size=20), axis] = value
    hits = assert_same_as_twin(points, cuboids)
    assert (hits.first[~np.isfinite(points).all(1)] == -1).all()


@pytest.mark.kernel
def test_faces_are_closed() -> None:
    cuboids = Cuboids([(10.0, 20.0, 1.0)], [(4.0, 2.0, 1.5)], 0.0)
    step = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)])
    on_faces = cuboids.center_m + step * cuboids.size_m / 2
    assert bw.points_in_cuboids(on_faces, cuboids).counts[0] == 27
    outside = (on_faces + step * 1e-12)[np.abs(step).sum(1) > 0]
    assert bw.points_in_cuboids(outside, cuboids).counts[0] == 0


@pytest.mark.kernel
def test_any_layout_is_taken_and_nothing_is_written(rng) -> None:
    cuboids = some_cuboids(rng, 12)
    points = points_near(rng, cuboids, 100, dtype=np.float32)
    expected = bw.points_in_cuboids(points, cuboids).point_index
    assert len(expected) > 20
    wide = np.zeros((200, 5), np.float32)
    wide[::2, 1:4] = points
    backwards = np.ascontiguousarray(points[::-1])[::-1]
    locked = points.copy()
    locked.flags.writeable = False
    for layout in (np.asfortranarray(points), wide[::2, 1:4], backwards, locked, points.astype(np.float64), points.astype(">f4"), bw.Sweep(points)):
        np.testing.assert_array_equal(bw.points_in_cuboids(layout, cuboids).point_index, expected)


@pytest.mark.kernel
def test_slices_of_cuboids_are_taken(rng) -> None:
    cuboids = some_cuboids(rng, 12, tilted=True)
    points = points_near(rng, cuboids, 200)
    mask = bw.points_in_cuboids(points, cuboids).mask()
    for part in (slice(None, None, -1), slice(1, None, 3), [5, 2, 2]):
        np.testing.assert_array_equal(bw.points_in_cuboids(points, cuboids[part]).mask(), mask[part])


@pytest.mark.kernel
def test_rows_of_nan_hold_nothing(rng) -> None:
    cuboids = some_cuboids(rng, 6)
    points = points_near(rng, cuboids, 100)
    center = cuboids.center_m.copy()
    center[2] = np.nan
    gappy = Cuboids._trusted(center, cuboids.size_m, cuboids.quat_wxyz, cuboids.yaw_rad, None)
    whole, hits = bw.points_in_cuboids(points, cuboids), assert_same_as_twin(points, gappy)
    assert whole.counts[2] > 0
    assert hits.counts[2] == 0
    nothing = np.full((3, 3), np.nan)
    assert bw.points_in_cuboids(points, Cuboids._trusted(nothing, nothing, np.full((3, 4), np.nan), None, None)).counts.tolist() == [0, 0, 0]


@pytest.mark.kernel
def test_empty_inputs(rng) -> None:
    cuboids = some_cuboids(rng, 3)
    none = bw.points_in_cuboids(np.zeros((0, 3), np.float32), cuboids)
    assert none.counts.tolist() == [0, 0, 0]
    assert none.mask().shape == (3, 0)
    assert none.first.shape == none.indices(1).shape == (0,)
    no_cuboids = bw.points_in_cuboids(np.zeros((4, 3)), Cuboids.empty())
    assert no_cuboids.counts.shape == (0,)
    assert no_cuboids.first.tolist() == [-1] * 4
    assert no_cuboids.mask().shape == (0, 4)


@pytest.mark.kernel
def test_scattered_and_huge_cuboids(rng) -> None:
    """A cuboid far off, one that covers all, a needle and a very small one: the grid changes, the answer does not."""
    odd = Cuboids([(1e6, 1e6, 0), (0, 0, 0), (3, 3, 0), (1, 1, 0)], [(4, 2, 2), (500, 500, 50), (200, 0.01, 9), (1e-3, 1e-3, 9)], [0, 0.3, 0.8, 0])
    cuboids = Cuboids.concatenate([some_cuboids(rng, 40), odd])
    points = points_near(rng, cuboids, 200)
    hits = assert_same_as_twin(points, cuboids)
    assert hits.counts[40] > 0
    assert_same_as_twin(points[np.abs(points[:, 0]) < 1000], cuboids)


@pytest.mark.filterwarnings("error")
def test_the_largest_cuboids_are_no_warning(rng) -> None:
    for turn in (0.0, 0.3):
        assert bw.points_in_cuboids(rng.normal(size=(5, 3)), bw.Cuboids([[0, 0, 0]], [[1e308] * 3], [turn])).counts.tolist() == [5]


def test_many_points_come_in_parts(rng) -> None:
    cuboids = Cuboids.concatenate([some_cuboids(rng, 20, spread_m=3.0), some_cuboids(rng, 20, spread_m=3.0, tilted=True)])
    points = points_near(rng, cuboids, 120_000, dtype=np.float32)
    hits = bw.points_in_cuboids(points, cuboids)
    assert hits.counts.sum() > 2**18
    np.testing.assert_array_equal(hits.mask(), naive.points_in_cuboids(points, cuboids))


def test_moving_points_and_cuboids_together_changes_nothing(rng) -> None:
    cuboids = some_cuboids(rng, 30, tilted=True)
    points = points_near(rng, cuboids, 5000)
    quat = rng.normal(size=4)
    pose = bw.Pose.from_quat(quat / np.linalg.norm(quat), (100, -50, 3))
    before = bw.points_in_cuboids(points, cuboids)
    after = bw.points_in_cuboids(pose.apply(points), cuboids.transformed(pose))
    np.testing.assert_array_equal(after.point_index, before.point_index)
    np.testing.assert_array_equal(after.offsets, before.offsets)


def test_laws_of_order_scale_and_halves(rng) -> None:
    cuboids = some_cuboids(rng, 30)
    points = points_near(rng, cuboids, 5000)
    mask = bw.points_in_cuboids(points, cuboids).mask()
    order = rng.permutation(5000)
    np.testing.assert_array_equal(bw.points_in_cuboids(points[order], cuboids).mask(), mask[:, order])
    np.testing.assert_array_equal(bw.points_in_cuboids(np.r_[points, points], cuboids).counts, 2 * mask.sum(1))
    scaled = Cuboids(cuboids.center_m * 8, cuboids.size_m * 8, cuboids.yaw_rad)
    np.testing.assert_array_equal(bw.points_in_cuboids(points * 8, scaled).mask(), mask)
    flipped = Cuboids(cuboids.center_m, cuboids.size_m, cuboids.yaw_rad + np.pi)
    np.testing.assert_array_equal(bw.points_in_cuboids(points, flipped).mask(), mask)
    shift = cuboids.size_m[:, :1] / 4 * cuboids.rotation[:, :, 0]
    halves = [Cuboids(cuboids.center_m + sign * shift, cuboids.size_m * (0.5, 1, 1), cuboids.yaw_rad) for sign in (-1, 1)]
    union = bw.points_in_cuboids(points, halves[0]).mask() | bw.points_in_cuboids(points, halves[1]).mask()
    np.testing.assert_array_equal(union, mask)


def test_one_cuboid_is_a_set_of_one(rng) -> None:
    cuboids = some_cuboids(rng, 3)
    points = points_near(rng, cuboids, 300)
    assert bw.points_in_cuboids(points, cuboids[1]).counts[0] == bw.points_in_cuboids(points, cuboids).counts[1] > 0


def test_argoverse_counts_are_those_of_the_labels(oracle) -> None:
    totals = []
    for frame in oracle.av2_frames():
        xyz = frame.points[:, :3]
        hits = bw.points_in_cuboids(xyz, Cuboids(frame.boxes[:, :3], frame.boxes[:, 3:6], quat_wxyz=frame.quats, frame="ego"))
        np.testing.assert_array_equal(hits.counts, frame.n_points_label)
        upright = bw.points_in_cuboids(xyz.astype(np.float64), Cuboids(frame.boxes[:, :3], frame.boxes[:, 3:6], frame.boxes[:, 6]))
        np.testing.assert_array_equal(upright.counts, frame.n_points_label)
        totals.append(int(hits.counts.sum()))
    assert sorted(totals) == sorted(AV2_HITS["av2"])


def test_sustechpoints_totals_with_and_without_tilt(oracle) -> None:
    frames = {frame.frame.lstrip("0"): frame for frame in oracle.sustech()}
    assert frames.keys() == SUSTECH_HITS.keys()
    for name, (tilted, upright) in SUSTECH_HITS.items():
        frame = frames[name]
        center, size, xyz = frame.boxes[:, :3], frame.boxes[:, 3:6], frame.points[:, :3]
        assert bw.points_in_cuboids(xyz, Cuboids(center, size, quat_wxyz=frame.quats)).counts.sum() == tilted
        assert bw.points_in_cuboids(xyz, Cuboids(center, size, frame.boxes[:, 6])).counts.sum() == upright


@pytest.mark.parametrize("tilted", [False, True])
def test_agrees_with_a_tree_search(rng, tilted) -> None:
    spatial = pytest.importorskip("scipy.spatial")
    cuboids = some_cuboids(rng, 40, tilted=tilted)
    points = points_near(rng, cuboids, 5000)
    near = spatial.cKDTree(points).query_ball_point(cuboids.center_m, np.linalg.norm(cuboids.size_m, axis=1) / 2)
    hits = bw.points_in_cuboids(points, cuboids)
    for m, index in enumerate(near):
        local = (points[index] - cuboids.center_m[m]) @ cuboids.rotation[m]
        np.testing.assert_array_equal(hits.indices(m), np.sort(index)[(np.abs(local) <= cuboids.size_m[m] / 2).all(1)[np.argsort(index)]])


@pytest.mark.peers
def test_agrees_with_open3d(rng) -> None:
    o3d = pytest.importorskip("open3d", exc_type=ImportError, reason="open3d is a rival and an oracle (extra 'peers')")
    cuboids = some_cuboids(rng, 20, tilted=True)
    points = points_near(rng, cuboids, 5000)
    cloud = o3d.utility.Vector3dVector(points)
    hits = bw.points_in_cuboids(points, cuboids)
    for m, cuboid in enumerate(cuboids):
        box = o3d.geometry.OrientedBoundingBox(cuboid.center_m, cuboids.rotation[m], cuboid.size_m)
        np.testing.assert_array_equal(hits.indices(m), np.sort(box.get_point_indices_within_bounding_box(cloud)))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((5, 4)), r"points: expected \(N, 3\) float array, got shape \(5, 4\); pass points\[:, :3\]"),
        (np.zeros(3), r"points: expected \(N, 3\) float array, got shape \(3,\)"),
        (np.zeros((2, 3), complex), r"points: expected \(N, 3\) float array, got dtype complex128"),
        (np.array([["a", "b", "c"]]), r"points: expected \(N, 3\) float array"),
    ],
)
def test_bad_points(points, message) -> None:
    with pytest.raises(bw.ArgumentError, match=message):
        bw.points_in_cuboids(points, Cuboids([(0, 0, 0)], [(1, 1, 1)], 0))


def test_other_bad_input(rng) -> None:
    cuboids = Cuboids([(0, 0, 0)], [(1, 1, 1)], 0, frame="ego")
    with pytest.raises(bw.GeometryError, match="points and cuboids are given in different frames"):
        bw.points_in_cuboids(bw.Sweep(np.zeros((2, 3)), frame="lidar"), cuboids)
    assert bw.points_in_cuboids(bw.Sweep(np.zeros((2, 3)), frame="ego"), cuboids).counts.tolist() == [2]
    with pytest.raises(bw.ArgumentError, match="cuboids: expected Cuboids, got ndarray"):
        bw.points_in_cuboids(np.zeros((2, 3)), np.zeros((2, 7)))
    hits = bw.points_in_cuboids(np.zeros((2, 3)), cuboids)
    assert hits.indices(-1).tolist() == [0, 1]
    with pytest.raises(bw.IndexMissing, match="m: expected an index below 1, got 1; give the index of a cuboid"):
        hits.indices(1)
