"""Intersection over union of cuboids."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.cuboids import Cuboids


def some_cuboids(rng, n, *, kind="upright", offset_m=0.0, spread_m=3.0, frame=None) -> Cuboids:
    center = rng.uniform(-spread_m, spread_m, (n, 3)) * (1, 1, 0.3) + offset_m
    size = rng.uniform(0.4, 5, (n, 3))
    yaw = rng.uniform(-np.pi, np.pi, n)
    if kind == "upright":
        return Cuboids(center, size, yaw, frame=frame)
    quat = rng.normal(size=(n, 4))
    if kind == "mixed":
        quat[::2, 1:3] = 0
    if kind == "nearly upright":
        quat[:, 1:3] = rng.choice([1e-4, 1e-9, 1e-15], (n, 1)) * rng.normal(size=(n, 2))
    return Cuboids(center, size, quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True), frame=frame)


def corners(cuboids, number=float, origin=0.0) -> list:
    return [naive.corners_of(c - origin, s, r, number) for c, s, r in zip(cuboids.center_m, cuboids.size_m, cuboids.rotation)]


def assert_sane(both) -> None:
    for part in both:
        assert part.dtype == np.float64
        assert (part >= 0).all()
        assert (part <= 1).all()


@pytest.mark.kernel
@pytest.mark.parametrize("kind", ["upright", "mixed", "tilted", "nearly upright"])
@pytest.mark.parametrize("offset_m", [0.0, 6e6])
def test_equals_the_slow_twin(rng, kind, offset_m) -> None:
    a, b = some_cuboids(rng, 12, kind=kind, offset_m=offset_m), some_cuboids(rng, 13, kind=kind, offset_m=offset_m)
    both = bw.iou(a, b)
    assert_sane(both)
    of_a, of_b = corners(a, origin=offset_m), corners(b, origin=offset_m)
    np.testing.assert_allclose(both.bev, [[naive.iou_bev(p, q) for q in of_b] for p in of_a], atol=1e-9, rtol=0)
    np.testing.assert_allclose(both.volumetric, [[naive.iou_3d(p, q) for q in of_b] for p in of_a], atol=1e-9, rtol=0)
    assert (both.volumetric > 0).sum() > 30


UNIT = ((0, 0, 0), (4, 2, 1.5), (1, 0, 0, 0))
TURNED = ((0, 0, 0), (4, 2, 1.5), (0.8, 0.2, -0.4, 0.4))
TURN_Z = (np.cos(0.15), 0, 0, np.sin(0.15))
SPECIAL = {
    "identical": (UNIT, UNIT),
    "identical, turned": (TURNED, TURNED),
    "nested": (UNIT, ((0.1, 0.2, 0), (1, 0.5, 0.25), TURN_Z)),
    "nested, turned": (((0, 0, 0), (9, 9, 9), (0.8, 0.2, -0.4, 0.4)), UNIT),
    "sharing one face's plane": (UNIT, ((1, 0, 0), (2, 1, 1), (1, 0, 0, 0))),
    "sharing top and bottom": (UNIT, ((1, 0.3, 0), (4, 2, 1.5), TURN_Z)),
    "sharing a tilted plane": (TURNED, ((0, 0, 0), (3, 1, 1.5), (0.8, 0.2, -0.4, 0.4))),
    "touching faces": (UNIT, ((4, 0, 0), (4, 2, 1.5), (1, 0, 0, 0))),
    "touching, stacked": (UNIT, ((0.5, 0, 1.5), (4, 2, 1.5), TURN_Z)),
    "touching edge": (UNIT, ((4, 2, 0), (4, 2, 1.5), (1, 0, 0, 0))),
    "touching corner": (UNIT, ((4, 2, 1.5), (4, 2, 1.5), (1, 0, 0, 0))),
    "turned by 180 degrees": (UNIT, ((0, 0, 0), (4, 2, 1.5), (0, 0, 0, 1))),
    "upside down": (UNIT, ((0, 0, 0), (4, 2, 1.5), (0, 1, 0, 0))),
    "turned by 90 degrees": (UNIT, ((0, 0, 0), (2, 4, 1.5), (np.sqrt(0.5), 0, 0, np.sqrt(0.5)))),
    "on its side": (UNIT, ((0, 0, 0), (4, 1.5, 2), (np.sqrt(0.5), np.sqrt(0.5), 0, 0))),
    "almost the same yaw": (UNIT, ((0, 0, 0), (4, 2, 1.5), (1, 0, 0, 1e-9))),
    "almost the same tilt": (UNIT, ((0, 0, 0), (4, 2, 1.5), (1, 1e-13, -1e-12, 0))),
    "almost the same tilt, turned": (TURNED, ((1e-12, 0, 1e-13), (4, 2, 1.5), (0.8, 0.2 + 1e-11, -0.4, 0.4))),
    "slivers in one plane": (((0, 0, 0), (4, 2, 1e-6), (1, 0, 0, 0)), ((0.5, 0.3, 2e-7), (4, 2, 1e-6), TURN_Z)),
    "slivers, upright": (((0, 0, 0), (4, 1e-6, 2), (1, 0, 0, 0)), ((0.5, 2e-7, 0), (4, 1e-6, 2), (1, 0, 0, 0))),
    "slivers, tilted": (((0, 0, 0), (4, 2, 1e-6), (0.8, 0.2, -0.4, 0.4)), ((1e-7, 1e-7, 2e-7), (4, 1.5, 1e-6), (0.8, 0.2, -0.4, 0.4))),
    "slivers, crossing": (((0, 0, 0), (4, 1e-6, 2), (1, 0, 0, 0)), ((0, 0, 0), (4, 1e-6, 2), (0.8, 0, 0, 0.6))),
    "sliver through a block": (((0, 0, 0), (4, 1e-6, 2), (0.8, 0.2, -0.4, 0.4)), UNIT),
    "far away": (UNIT, ((50, 0, 0), (4, 2, 1.5), (1, 0, 0, 0))),
    "above one another": (UNIT, ((0, 0, 5), (4, 2, 1.5), (1, 0, 0, 0))),
}


@pytest.mark.kernel
@pytest.mark.parametrize("offset_m", [0.0, 6e6])
@pytest.mark.parametrize("case", SPECIAL)
def test_special_cases_against_fifty_digits(case, offset_m) -> None:
    mpmath = pytest.importorskip("mpmath")
    rows = [Cuboids([np.add(center, offset_m)], [size], quat_wxyz=[np.divide(quat, np.linalg.norm(quat))]) for center, size, quat in SPECIAL[case]]
    with mpmath.workdps(50):
        p, q = (corners(row, mpmath.mpf)[0] for row in rows)
        bev, volumetric = float(naive.iou_bev(p, q)), float(naive.iou_3d(p, q, mpmath.mpf(10) ** -30))
    both = bw.iou(*rows)
    assert_sane(both)
    assert abs(both.bev[0, 0] - bev) <= 1e-9
    assert abs(both.volumetric[0, 0] - volumetric) <= 1e-9
    if case.startswith("identical"):
        assert both.bev[0, 0] == both.volumetric[0, 0] == 1
    if case in ("touching faces", "far away"):
        assert both.bev[0, 0] == both.volumetric[0, 0] == 0


@pytest.mark.parametrize("kind", ["upright", "mixed", "tilted", "nearly upright"])
def test_random_pairs_against_fifty_digits(rng, kind) -> None:
    mpmath = pytest.importorskip("mpmath")
    a, b = some_cuboids(rng, 12, kind=kind, offset_m=6e6, spread_m=1), some_cuboids(rng, 12, kind=kind, offset_m=6e6, spread_m=1)
    bev, volumetric = bw.iou_bev_pairs(a, b), bw.iou_3d_pairs(a, b)
    with mpmath.workdps(50):
        for i, (p, q) in enumerate(zip(corners(a, mpmath.mpf), corners(b, mpmath.mpf))):
            assert abs(bev[i] - naive.iou_bev(p, q)) <= 1e-9
            assert abs(volumetric[i] - naive.iou_3d(p, q, mpmath.mpf(10) ** -30)) <= 1e-9


@pytest.mark.parametrize("kind", ["upright", "tilted"])
@pytest.mark.parametrize("offset_m", [0.0, 6e6])
def test_agrees_with_shapely(rng, kind, offset_m) -> None:
    shapely = pytest.importorskip("shapely")
    a, b = some_cuboids(rng, 60, kind=kind, offset_m=offset_m, spread_m=20), some_cuboids(rng, 70, kind=kind, offset_m=offset_m, spread_m=20)
    p, q = (
        shapely.convex_hull(shapely.multipoints(s.replace(center_m=s.center_m - offset_m).corners_m()[..., :2]))[shape]
        for s, shape in ((a, np.s_[:, None]), (b, np.s_[None]))
    )
    shared = shapely.area(shapely.intersection(p, q))
    result = bw.iou_bev(a, b)
    np.testing.assert_allclose(result, shared / (shapely.area(p) + shapely.area(q) - shared), atol=1e-9, rtol=0)
    assert (result > 0).sum() > 60


@pytest.mark.parametrize("noise", [0.0, 1e-16, 1e-14, 1e-12])
def test_any_axis_may_be_the_upright_one(rng, noise) -> None:
    """All 24 turns of a cube, then a yaw: an edge that is upright has no direction from above, or a random one."""
    shapely = pytest.importorskip("shapely")
    turns = []
    for signs in itertools.product((-1, 0, 1), repeat=4):
        turns += [np.array(signs, float)] if sum(np.abs(signs)) in (1, 2, 4) and next(s for s in signs if s) > 0 else []
    quat = np.concatenate([np.array(turns)] * 3)
    assert len(turns) == 24
    yaw = np.concatenate([np.zeros(24), rng.uniform(-np.pi, np.pi, 48)]) / 2
    cos, sin, (w, x, y, z) = np.cos(yaw), np.sin(yaw), quat.T
    turned = np.stack([cos * w - sin * z, cos * x - sin * y, cos * y + sin * x, cos * z + sin * w], 1) + noise * rng.normal(size=quat.shape)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    a = Cuboids(rng.uniform(-1, 1, (72, 3)), [(4.0, 2, 1.5)] * 72, quat_wxyz=turned)
    b = a.replace(center_m=rng.uniform(-1, 1, (72, 3)))[rng.permutation(72)]
    p, q = (shapely.convex_hull(shapely.multipoints(s.corners_m()[..., :2])) for s in (a, b))
    shared = shapely.area(shapely.intersection(p[:, None], q[None]))
    expected = shared / (shapely.area(p)[:, None] + shapely.area(q) - shared)
    np.testing.assert_allclose(bw.iou_bev(a, b), expected, atol=1e-9, rtol=0)
    np.testing.assert_allclose(bw.iou(a, b).bev, expected, atol=1e-9, rtol=0)
    assert (expected > 0.05).mean() > 0.9
    np.testing.assert_allclose(np.diagonal(bw.iou_bev(a, a.replace(center_m=a.center_m + 1e-9))), 1, atol=1e-8)


def test_real_cuboids_agree_with_shapely(oracle) -> None:
    shapely = pytest.importorskip("shapely")
    for frame in oracle.av2_frames():
        cuboids = Cuboids(frame.boxes[:, :3], frame.boxes[:, 3:6], quat_wxyz=frame.quats, frame="ego")
        both = bw.iou(cuboids, cuboids)
        assert (np.diagonal(both.bev) == 1).all()
        assert (np.diagonal(both.volumetric) == 1).all()
        hulls = shapely.convex_hull(shapely.multipoints(cuboids.corners_m()[..., :2]))
        shared = shapely.area(shapely.intersection(hulls[:, None], hulls[None]))
        np.testing.assert_allclose(both.bev, shared / (shapely.area(hulls)[:, None] + shapely.area(hulls) - shared), atol=1e-9, rtol=0)


def test_counting_points_gives_the_same(rng) -> None:
    a, b = some_cuboids(rng, 1, kind="tilted", spread_m=0.1), some_cuboids(rng, 1, kind="tilted", spread_m=0.1)
    mask = bw.points_in_cuboids(rng.uniform(-5, 5, (400_000, 3)), Cuboids.concatenate([a, b])).mask()
    counted = mask.all(0).sum() / mask.any(0).sum()
    assert 0.05 < counted < 0.95
    assert abs(counted - bw.iou_3d(a, b)[0, 0]) < 0.02


@pytest.mark.kernel
@pytest.mark.parametrize("kind", ["upright", "mixed", "tilted"])
def test_symmetric_to_the_last_bit(rng, kind) -> None:
    a, b = some_cuboids(rng, 30, kind=kind), some_cuboids(rng, 40, kind=kind)
    there, back = bw.iou(a, b), bw.iou(b, a)
    np.testing.assert_array_equal(there.bev, back.bev.T)
    np.testing.assert_array_equal(there.volumetric, back.volumetric.T)


@pytest.mark.kernel
@pytest.mark.parametrize("kind", ["upright", "mixed", "tilted"])
def test_all_entries_agree(rng, kind) -> None:
    """All pairs, single pairs, one of the two measures, and given arrays: the same numbers."""
    a, b = some_cuboids(rng, 20, kind=kind), some_cuboids(rng, 20, kind=kind)
    both = bw.iou(a, b)
    np.testing.assert_array_equal(bw.iou_bev(a, b), both.bev)
    np.testing.assert_array_equal(bw.iou_3d(a, b), both.volumetric)
    np.testing.assert_array_equal(bw.iou_bev_pairs(a, b), np.diagonal(both.bev))
    np.testing.assert_array_equal(bw.iou_3d_pairs(a, b), np.diagonal(both.volumetric))
    given = (np.full((20, 20), np.nan), np.full((20, 20), 7.0))
    again = bw.iou(a, b, out=given)
    assert again.bev is given[0]
    assert again.volumetric is given[1]
    np.testing.assert_array_equal(again, both)
    np.testing.assert_array_equal(bw.iou(b, a, out=again).bev.T, both.bev)
    assert bw.iou_3d(a[3], b)[0].tolist() == both.volumetric[3].tolist()
    np.testing.assert_array_equal(bw.iou_bev(a[::-2], b[[4, 1, 1]]), both.bev[::-2][:, [4, 1, 1]])


def test_upright_shortcut_equals_the_general_way(rng) -> None:
    """Both turned the same way in space, so that nothing is upright any more: volumes keep their overlap."""
    a, b = some_cuboids(rng, 40), some_cuboids(rng, 40)
    pose = bw.Pose.from_quat(np.array([0.8, 0.2, -0.4, 0.4]), (3, 4, 5))
    np.testing.assert_allclose(bw.iou_3d(a.transformed(pose), b.transformed(pose)), bw.iou_3d(a, b), atol=1e-12)
    upside_down = bw.Pose.from_quat(np.array([0.0, 1.0, 0.0, 0.0]))
    np.testing.assert_allclose(bw.iou(a.transformed(upside_down), b.transformed(upside_down)), bw.iou(a, b), atol=1e-12)


@pytest.mark.parametrize("kind", ["upright", "tilted"])
def test_laws_of_motion_scale_and_growth(rng, kind) -> None:
    a, b = some_cuboids(rng, 30, kind=kind), some_cuboids(rng, 30, kind=kind)
    both = bw.iou(a, b)
    pose = bw.Pose.from_yaw(0.7, (100, -30, 2))
    np.testing.assert_allclose(bw.iou(a.transformed(pose), b.transformed(pose)), both, atol=1e-12)
    double = [Cuboids(s.center_m * 2, s.size_m * 2, quat_wxyz=s.quat_wxyz) for s in (a, b)]
    np.testing.assert_allclose(bw.iou(*double), both, atol=1e-13)
    # a growing cuboid around a fixed one: once it holds it, the overlap falls as its volume grows
    shares = [bw.iou_3d(a, a.replace(size_m=a.size_m * k)).diagonal() for k in (1, 1.5, 2, 4)]
    for k, share in zip((1, 1.5, 2, 4), shares):
        np.testing.assert_allclose(share, k**-3.0, atol=1e-12)
    # and while it grows, the volume shared with another never falls
    volume = a.size_m.prod(1), b.size_m.prod(1)
    shared = []
    for k in (0.5, 0.8, 1.0, 1.7, 5.0):
        ratio = bw.iou_3d_pairs(a, b.replace(size_m=b.size_m * k))
        shared.append(ratio * (volume[0] + volume[1] * k**3) / (1 + ratio))
    assert (np.diff(shared, axis=0) >= -1e-9).all()


def test_shifts_along_an_axis_have_a_formula() -> None:
    base = Cuboids([(0, 0, 0)], [(4, 2, 1.5)], 0.3)
    ahead = base.rotation[0, :, 0]
    for shift in (0.0, 0.5, 1.0, 3.9, 4.0, 4.1):
        other = base.replace(center_m=base.center_m + shift * ahead)
        expected = max(4 - shift, 0) / (4 + min(shift, 4))
        np.testing.assert_allclose(bw.iou(base, other), np.full((2, 1, 1), expected), atol=1e-12)


@pytest.mark.kernel
@pytest.mark.parametrize("kind", ["upright", "mixed"])
def test_rows_of_nan_and_empty_sets(rng, kind) -> None:
    a, b = some_cuboids(rng, 9, kind=kind), some_cuboids(rng, 8, kind=kind)
    whole = bw.iou(a, b)
    gappy = []
    for cuboids, row in ((a, 4), (b, 2)):
        columns = [array.copy() for array in (cuboids.center_m, cuboids.size_m, cuboids.quat_wxyz)]
        for column in columns:
            column[row] = np.nan
        gappy.append(Cuboids._trusted(*columns, None, None))
    both = bw.iou(*gappy)
    for part, before in zip(both, whole):
        expected = before.copy()
        expected[4, :] = expected[:, 2] = 0
        np.testing.assert_array_equal(part, expected)
        assert before[4].any()
    assert bw.iou_3d_pairs(gappy[0][4:5], gappy[1][2:3]).tolist() == bw.iou_bev_pairs(gappy[0][4:5], b[:1]).tolist() == [0]
    assert bw.iou(a, Cuboids.empty()).bev.shape == (9, 0)
    assert bw.iou(Cuboids.empty(), b).volumetric.shape == (0, 8)
    assert bw.iou_3d_pairs(Cuboids.empty(), Cuboids.empty()).shape == (0,)


def test_scattered_sets_find_all_their_pairs(rng) -> None:
    """One huge cuboid and far ones among the others; the search by x must leave nobody out."""
    a = Cuboids.concatenate([some_cuboids(rng, 50, spread_m=40), Cuboids([(0, 0, 0), (1e6, 0, 0)], [(100, 90, 9), (4, 2, 1)], 0.2)])
    b = Cuboids.concatenate([some_cuboids(rng, 50, spread_m=40), Cuboids([(1e6 + 1, 0, 0), (-20, 0, 0)], [(4, 2, 1), (60, 60, 9)], 0.2)])
    both = bw.iou(a, b)
    row, column = np.divmod(np.arange(52 * 52), 52)
    np.testing.assert_array_equal(bw.iou_bev_pairs(a[row], b[column]).reshape(52, 52), both.bev)
    assert both.bev[51, 50] > 0.5
    assert (both.bev[50] > 0).sum() > 40


def test_bad_input(rng) -> None:
    a, b = some_cuboids(rng, 3, frame="ego"), some_cuboids(rng, 4, frame="lidar")
    for verb in (bw.iou, bw.iou_3d, bw.iou_bev, bw.iou_3d_pairs, bw.iou_bev_pairs):
        with pytest.raises(bw.GeometryError, match="a and b are given in different frames: expected frame 'ego', got frame 'lidar'"):
            verb(a, b)
        with pytest.raises(bw.ArgumentError, match="b: expected Cuboids, got list"):
            verb(a, [1, 2])
    b = some_cuboids(rng, 4, frame="ego")
    for verb in (bw.iou_3d_pairs, bw.iou_bev_pairs):
        with pytest.raises(bw.ArgumentError, match="b: expected 3 cuboids, as many as a, got 4; for all pairs call iou"):
            verb(a, b)
    good, locked = np.zeros((3, 4)), np.zeros((3, 4))
    locked.flags.writeable = False
    for bad in (np.zeros((4, 3)), np.zeros((3, 4), np.float32), np.zeros((4, 3)).T, locked, None):
        with pytest.raises(bw.ArgumentError, match=r"out, volumetric: expected a writable C-contiguous float64 array of shape \(3, 4\)"):
            bw.iou(a, b, out=(good, bad))
    with pytest.raises(bw.ArgumentError, match="out: expected two arrays, for bev and volumetric, got ndarray"):
        bw.iou(a, b, out=good)
    with pytest.raises(bw.ArgumentError, match="share their memory"):
        bw.iou(a, b, out=(good, good))
