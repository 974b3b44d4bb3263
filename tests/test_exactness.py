"""Kernels against exact rationals, fifty digits and half spaces: near by, 6,000 km away, and where inputs are hard; laws that cost no digit."""

from __future__ import annotations

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import boxwright as bw
import every_verb
import exact
import naive
from boxwright.interpolation import METHODS
from boxwright.projection import PointStatus
from test_cameras import fisheye, pinhole

OFFSETS_M = pytest.mark.parametrize("offset_m", [0.0, 6e6], ids=["near", "far"])
TILTED = pytest.mark.parametrize("tilted", [False, True], ids=["upright", "tilted"])
WHOLE_KM = np.array([5860.0, -4883.0, 3.0]) * 1024  # sums of it and multiples of 2**-20 m are exact
IDENTITY = bw.Pose.identity()


def quats(rng, n: int, *, tilted: bool = True) -> np.ndarray:
    quat = rng.normal(size=(n, 4))
    if not tilted:
        quat[:, 1:3] = 0
    return quat / np.linalg.norm(quat, axis=1, keepdims=True)


def some_cuboids(rng, n: int, *, tilted: bool, offset_m: float = 0.0, spread_m: float = 3.0) -> bw.Cuboids:
    center = on_grid(rng.uniform(-spread_m, spread_m, (n, 3)) * (1, 1, 0.3)) + offset_m
    return bw.Cuboids(center, rng.uniform(0.3, 6, (n, 3)), quat_wxyz=quats(rng, n, tilted=tilted))


def on_grid(values: np.ndarray) -> np.ndarray:
    """To multiples of 2**-20 m, a thousandth of a millimetre."""
    return np.round(values * 2**20) / 2**20


def moved(cuboids: bw.Cuboids, by_m) -> bw.Cuboids:
    return bw.Cuboids._trusted(cuboids.center_m + by_m, cuboids.size_m, cuboids.quat_wxyz, cuboids.yaw_rad, cuboids.frame)


# ------------------------------------------------------------ containment


def margins_m(cuboids: bw.Cuboids) -> np.ndarray:
    """Nearer to a face than this the answer may be either, however far both are from the origin."""
    return 2e-15 * (1 + cuboids.size_m.sum(1))


def around(rng, cuboids: bw.Cuboids, n_random: int, n_near: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and the cuboid of each: anywhere around it, and from 1e-13 to 1e-6 m before or behind one of its faces."""
    n = n_random + n_near
    which = rng.integers(len(cuboids), size=n)
    half = cuboids.size_m[which] / 2
    local = rng.uniform(-1.3, 1.3, (n, 3)) * half
    near, axis = np.arange(n_random, n), rng.integers(3, size=n_near)
    local[near] /= 1.3
    off = 10 ** rng.uniform(-13, -6, n_near) * rng.choice([-1, 1], n_near)
    local[near, axis] = (half[near, axis] + off) * rng.choice([-1, 1], n_near)
    return np.einsum("nij,nj->ni", cuboids.rotation[which], local) + cuboids.center_m[which], which


def check_containment(points: np.ndarray, which: np.ndarray, cuboids: bw.Cuboids) -> None:
    inside = np.zeros(len(points), bool)
    hits = bw.points_in_cuboids(points, cuboids)
    for m in range(len(cuboids)):
        own = np.flatnonzero(which == m)
        inside[own] = np.isin(own, hits.indices(m))
    beyond = exact.beyond_faces(points, cuboids, which)
    decided = np.abs(np.array(beyond, float)) > margins_m(cuboids)[which]
    assert decided.mean() > 0.97
    expected = np.array([distance <= 0 for distance in beyond])
    assert 0.2 < expected.mean() < 0.8
    np.testing.assert_array_equal(inside[decided], expected[decided])


@TILTED
@OFFSETS_M
def test_containment_equals_exact_rationals(rng, tilted, offset_m):
    cuboids = some_cuboids(rng, 30, tilted=tilted, offset_m=offset_m, spread_m=20)
    check_containment(*around(rng, cuboids, 3000, 3000), cuboids)


@pytest.mark.full
@TILTED
@OFFSETS_M
def test_a_million_points_equal_exact_rationals(rng, tilted, offset_m):
    cuboids = some_cuboids(rng, 300, tilted=tilted, offset_m=offset_m, spread_m=60)
    check_containment(*around(rng, cuboids, 250_000, 25_000), cuboids)


@pytest.mark.kernel
@pytest.mark.parametrize("shift", [np.zeros(3), WHOLE_KM], ids=["near", "far"])
def test_points_on_faces_edges_and_corners_are_inside_and_the_next_number_is_not(rng, shift):
    center, size = on_grid(rng.uniform(-20, 20, (5, 3))) + shift, on_grid(rng.uniform(0.5, 6, (5, 3))) * 2
    cuboids = bw.Cuboids(center, size, [0.0] * 5)
    steps = np.array([step for step in itertools.product((-1, 0, 1), repeat=3) if any(step)])
    for m in range(5):
        on = center[m] + steps * size[m] / 2
        assert set(bw.points_in_cuboids(on, cuboids).indices(m)) == set(range(26))
        step = np.maximum(np.spacing(np.abs(on)), 2**-46)  # a smaller one would be lost when the centre is subtracted
        off = on + steps * step
        assert bw.points_in_cuboids(off, cuboids).counts[m] == 0


@TILTED
def test_laws_of_containment_cost_no_digit(rng, tilted):
    """Moved by whole kilometres, scaled by powers of two, shuffled and repeated, the very same points are inside, on the faces too."""
    cuboids = some_cuboids(rng, 25, tilted=tilted, spread_m=6)
    points = on_grid(np.concatenate([around(rng, cuboids, 3000, 0)[0], cuboids.corners_m().reshape(-1, 3)]))
    mask = bw.points_in_cuboids(points, cuboids).mask()
    assert mask.sum() > 2000
    np.testing.assert_array_equal(bw.points_in_cuboids(points + WHOLE_KM, moved(cuboids, WHOLE_KM)).mask(), mask)
    for scale in (2.0**-30, 2.0**-3, 2.0**20):
        scaled = bw.Cuboids._trusted(cuboids.center_m * scale, cuboids.size_m * scale, cuboids.quat_wxyz, cuboids.yaw_rad, None)
        np.testing.assert_array_equal(bw.points_in_cuboids(points * scale, scaled).mask(), mask)
    order = rng.permutation(len(points))
    np.testing.assert_array_equal(bw.points_in_cuboids(points[order], cuboids).mask(), mask[:, order])
    np.testing.assert_array_equal(bw.points_in_cuboids(np.tile(points, (3, 1)), cuboids).counts, 3 * mask.sum(1))


@OFFSETS_M
def test_half_turns_halves_and_motion_of_tilted_cuboids(rng, offset_m):
    cuboids = some_cuboids(rng, 25, tilted=True, offset_m=offset_m, spread_m=6)
    points = around(rng, cuboids, 4000, 0)[0]
    mask = bw.points_in_cuboids(points, cuboids).mask()
    w, x, y, z = cuboids.quat_wxyz.T
    for turned in ((-x, w, z, -y), (-y, -z, w, x), (-z, y, -x, w)):  # by half a turn about the own x, y, z
        np.testing.assert_array_equal(bw.points_in_cuboids(points, cuboids.replace(quat_wxyz=np.stack(turned, 1))).mask(), mask)
    for axis in range(3):
        shift, part = cuboids.size_m[:, axis, None] / 4 * cuboids.rotation[:, :, axis], np.where(np.arange(3) == axis, 0.5, 1.0)
        low, high = (
            bw.points_in_cuboids(points, cuboids.replace(center_m=cuboids.center_m + sign * shift, size_m=cuboids.size_m * part)).mask()
            for sign in (-1, 1)
        )
        np.testing.assert_array_equal(low | high, mask)
    pose = bw.Pose.from_quat(quats(rng, 1)[0], (100, -50, 3))
    np.testing.assert_array_equal(bw.points_in_cuboids(pose.apply(points), cuboids.transformed(pose)).mask(), mask)


# ------------------------------------------------------------ overlap


def heights(a: bw.Cuboid, b: bw.Cuboid) -> tuple[Fraction, Fraction, Fraction]:
    """Shared and own heights of two upright cuboids."""
    (za, ha), (zb, hb) = (exact.fractions((box.center_m[2], box.size_m[2])) for box in (a, b))
    return max(min(za + ha / 2, zb + hb / 2) - max(za - ha / 2, zb - hb / 2), Fraction(0)), ha, hb


def upright_iou_3d(a: bw.Cuboid, b: bw.Cuboid) -> Fraction:
    """From the exact bird's-eye overlap and the heights."""
    p, q = (naive.corners_of(box.center_m, box.size_m, box.as_cuboids().rotation[0], Fraction) for box in (a, b))
    of_a, of_b = (naive.area_2d(naive.hull_2d([c[:2] for c in corners])) for corners in (p, q))
    bev = naive.iou_bev(p, q)
    shared, ha, hb = heights(a, b)
    volume = bev / (1 + bev) * (of_a + of_b) * shared
    return volume / (of_a * ha + of_b * hb - volume)


@TILTED
@OFFSETS_M
def test_overlap_from_above_equals_exact_rationals(rng, tilted, offset_m):
    a, b = (some_cuboids(rng, 40, tilted=tilted, offset_m=offset_m, spread_m=1.5) for _ in range(2))
    bev = bw.iou_bev_pairs(a, b)
    assert (bev > 0).sum() > 25
    for i in range(40):
        assert abs(exact.iou_bev(a[i], b[i]) - Fraction(bev[i])) <= Fraction(1, 10**9)


@OFFSETS_M
def test_overlap_of_upright_cuboids_equals_exact_rationals(rng, offset_m):
    a, b = (some_cuboids(rng, 40, tilted=False, offset_m=offset_m, spread_m=1.5) for _ in range(2))
    volumetric = bw.iou_3d_pairs(a, b)
    assert (volumetric > 0).sum() > 25
    for i in range(40):
        assert abs(upright_iou_3d(a[i], b[i]) - Fraction(volumetric[i])) <= Fraction(1, 10**9)


def check_half_spaces(rng, n: int, offset_m: float) -> None:
    a, b = (some_cuboids(rng, n, tilted=True, offset_m=offset_m, spread_m=2) for _ in range(2))
    volumetric = bw.iou_3d_pairs(a, b)
    assert (volumetric > 0).mean() > 0.6
    np.testing.assert_allclose(volumetric, [exact.iou_3d(p, q) for p, q in zip(a, b)], rtol=0, atol=1e-9)


@OFFSETS_M
def test_overlap_of_tilted_cuboids_equals_half_spaces(rng, offset_m):
    check_half_spaces(rng, 150, offset_m)


@pytest.mark.full
@OFFSETS_M
def test_many_tilted_cuboids_equal_half_spaces(rng, offset_m):
    check_half_spaces(rng, 10_000, offset_m)


HARD = {  # shift of the centre and size of the second one; the first is 4 x 2 x 1.5
    "equal": ((0, 0, 0), (4, 2, 1.5)),
    "nested": ((0.25, 0.125, 0), (2, 1, 0.5)),
    "nested, three faces in common": ((1, 0.5, 0.5), (2, 1, 0.5)),
    "one plane in common": ((1, 0.5, 0), (4, 1, 1.5)),
    "a sliver within": ((0.5, 0, 0), (2, 1e-6, 1)),
    "a sliver on a face": ((0, 1, 0), (4, 1e-6, 1.5)),
    "faces touch": ((4, 0, 0), (4, 2, 1.5)),
    "edges touch": ((4, 2, 0), (4, 2, 1.5)),
    "corners touch": ((4, 2, 1.5), (4, 2, 1.5)),
    "stacked": ((0, 0, 1.5), (4, 2, 1.5)),
    "a hair apart": ((4 + 2**-20, 0, 0), (4, 2, 1.5)),
    "a hair together": ((4 - 2**-20, 0, 0), (4, 2, 1.5)),
}


@pytest.mark.kernel
@pytest.mark.parametrize("turn", [0.0, 1.0, 0.3], ids=["0", "pi", "0.3"])
@pytest.mark.parametrize("offset_m", [np.zeros(3), WHOLE_KM], ids=["near", "far"])
@pytest.mark.parametrize("case", HARD)
def test_hard_pairs_equal_exact_rationals(case, offset_m, turn):
    shift, size = HARD[case]
    yaw = np.pi if turn == 1 else 0.0
    a, b = bw.Cuboids([offset_m], [(4, 2, 1.5)], 0.0), bw.Cuboids([np.add(offset_m, shift)], [size], yaw)
    if turn == 0.3:  # both turned together, so that what touched nearly touches
        cos, sin = np.cos(0.3), np.sin(0.3)
        place = [shift[0] * cos - shift[1] * sin, shift[0] * sin + shift[1] * cos, shift[2]]
        a, b = bw.Cuboids([offset_m], [(4, 2, 1.5)], 0.3), bw.Cuboids([np.add(offset_m, place)], [size], 0.3)
    for p, q in ((a, b), (b, a)):
        both = bw.iou(p, q)
        assert abs(exact.iou_bev(p[0], q[0]) - Fraction(both.bev[0, 0])) <= Fraction(1, 10**9)
        assert abs(upright_iou_3d(p[0], q[0]) - Fraction(both.volumetric[0, 0])) <= Fraction(1, 10**9)
        assert 0 <= both.bev[0, 0] <= 1 and 0 <= both.volumetric[0, 0] <= 1
        if case in ("equal", "stacked") and turn == 0:
            assert both.bev[0, 0] == 1
        if case in ("faces touch", "edges touch", "corners touch", "a hair apart") and turn == 0:
            assert both.bev[0, 0] == both.volumetric[0, 0] == 0


@TILTED
def test_laws_of_overlap_cost_no_digit(rng, tilted):
    a, b = (some_cuboids(rng, 40, tilted=tilted) for _ in range(2))
    both = bw.iou(a, b)
    assert (both.volumetric > 0).sum() > 200
    np.testing.assert_array_equal(bw.iou(moved(a, WHOLE_KM), moved(b, WHOLE_KM)), both)
    for scale in (2.0**-20, 2.0**10):
        scaled = [bw.Cuboids._trusted(s.center_m * scale, s.size_m * scale, s.quat_wxyz, s.yaw_rad, None) for s in (a, b)]
        np.testing.assert_array_equal(bw.iou(*scaled), both)
    order = rng.permutation(40)
    np.testing.assert_array_equal(bw.iou(a, b[order]), np.array(both)[:, :, order])
    np.testing.assert_array_equal(bw.iou(b, a), np.array(both).transpose(0, 2, 1))
    assert (np.diagonal(bw.iou(a, a), axis1=1, axis2=2) == 1).all()


@pytest.mark.full
@OFFSETS_M
def test_a_hundred_thousand_upright_pairs_equal_shapely(rng, offset_m):
    """Random ones, equal ones, ones with a plane in common, and slivers."""
    shapely = pytest.importorskip("shapely")
    n = 100_000
    a, b = (some_cuboids(rng, n, tilted=False, spread_m=2) for _ in range(2))
    center, size, quat = b.center_m.copy(), b.size_m.copy(), b.quat_wxyz.copy()
    equal, level, sliver = slice(0, 10_000), slice(10_000, 30_000), slice(30_000, 50_000)
    center[equal], size[equal], quat[equal] = a.center_m[equal], a.size_m[equal], a.quat_wxyz[equal]
    quat[level] = a.quat_wxyz[level]
    center[level] = on_grid(a.center_m[level] + a.rotation[level, :, 0] * rng.uniform(0, 3, (20_000, 1)))  # so that moving them rounds nothing
    size[level, 1:] = a.size_m[level, 1:]
    size[sliver, rng.integers(3)] = 1e-6
    b = bw.Cuboids(center, size, quat_wxyz=quat)
    outlines = [shapely.polygons(s.corners_m()[:, [0, 1, 5, 4], :2]) for s in (a, b)]
    area = [s.size_m[:, 0] * s.size_m[:, 1] for s in (a, b)]
    shared = shapely.area(shapely.intersection(*outlines))
    low = np.maximum(*(s.center_m[:, 2] - s.size_m[:, 2] / 2 for s in (a, b)))
    high = np.minimum(*(s.center_m[:, 2] + s.size_m[:, 2] / 2 for s in (a, b)))
    volume = shared * np.maximum(high - low, 0)
    far = [moved(s, offset_m) for s in (a, b)]
    np.testing.assert_allclose(bw.iou_bev_pairs(*far), shared / (area[0] + area[1] - shared), rtol=0, atol=1e-9)
    total = area[0] * a.size_m[:, 2] + area[1] * b.size_m[:, 2] - volume
    np.testing.assert_allclose(bw.iou_3d_pairs(*far), volume / total, rtol=0, atol=1e-9)


# ------------------------------------------------------------ projection


@pytest.mark.parametrize("camera", [pinhole("plain"), pinhole("8"), pinhole("14"), fisheye()], ids=["plain", "8", "14", "fisheye"])
@OFFSETS_M
def test_projection_near_the_camera_plane_and_far_aside(rng, camera, offset_m):
    """Depths from 1e-10 m to 1e4 m on both sides. The sign is the exact one; the pixel that of a point within 1e-12 m or 1e-15 of its distance."""
    rotation, center = bw.Pose.from_quat(quats(rng, 1)[0]).rotation, rng.uniform(-1, 1, 3) * offset_m
    pose, n = bw.Pose(rotation, -rotation @ center), 400
    cam = np.c_[rng.uniform(-1, 1, (n, 2)), rng.choice([-1, 1], n)] * 10.0 ** rng.uniform((-3, -3, -10), (4, 4, 4), (n, 3))
    points = cam @ rotation + center
    image = bw.project_points(points, camera, pose)
    n_compared = 0
    for i in range(n):
        room_m = 1e-12 + 1e-15 * np.abs(cam[i]).max()
        place = exact.in_camera(points[i], pose)
        assert abs(place[2] - mpmath.mpf(image.depth_m[i])) <= room_m
        if isinstance(camera, bw.PinholeCamera) and abs(place[2]) > room_m:
            assert (image.status[i] == PointStatus.BEHIND) == (place[2] < 0)
        if image.status[i] in (PointStatus.OK, PointStatus.OUTSIDE) and abs(place[2]) > 2 * room_m:
            truth = exact.onto_picture(camera, *place)
            room_px = 1e-9 + 1e-13 * np.abs(image.uv[i]).max()
            for axis, sign in itertools.product(range(3), (-1, 1)):
                other = exact.onto_picture(camera, *(v + sign * room_m * (k == axis) for k, v in enumerate(place)))
                room_px += max(abs(p - q) for p, q in zip(other, truth))
            assert max(abs(p - mpmath.mpf(q)) for p, q in zip(truth, image.uv[i])) <= room_px
            n_compared += 1
    assert n_compared > 60


def test_laws_of_projection_cost_no_digit(rng):
    """World and camera moved by whole kilometres; the ray longer by powers of two."""
    points = on_grid(rng.uniform(-40, 40, (2000, 3)))
    axes = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    for camera in (pinhole("plain"), pinhole("5"), pinhole("14"), fisheye()):
        here, there = bw.project_points(points, camera, bw.Pose(axes)), bw.project_points(points + WHOLE_KM, camera, bw.Pose(axes, -axes @ WHOLE_KM))
        longer = bw.project_points(points * 2.0**12, camera, bw.Pose(axes))
        assert here.in_image.sum() > 20
        for field in ("uv", "depth_m", "status"):
            np.testing.assert_array_equal(getattr(there, field), getattr(here, field))
        np.testing.assert_array_equal(longer.uv, here.uv)
        np.testing.assert_array_equal(longer.status, here.status)


def test_a_pose_there_and_back(rng):
    """Within 1e-9 m near by. At 6,000 km a double's last place is 9e-10 m, which every step rounds to: a few of them."""
    points = rng.uniform(-100, 100, (2000, 3))
    for quat in quats(rng, 20):
        pose = bw.Pose.from_quat(quat, rng.uniform(-100, 100, 3))
        np.testing.assert_allclose(pose.inverse().apply(pose.apply(points)), points, rtol=0, atol=1e-9)
        far = bw.Pose.from_quat(quat, rng.uniform(-6e6, 6e6, 3))
        np.testing.assert_allclose(far.inverse().apply(far.apply(points)), points, rtol=0, atol=8 * np.spacing(6e6))


# ------------------------------------------------------------ interpolation


@pytest.mark.parametrize("method", METHODS)
@OFFSETS_M
def test_interpolation_equals_fifty_digits(rng, method, offset_m):
    """Within 1e-12 m and 1e-10 rad, and the last place of a double at 6,000 km; keyframes 1 ns, seconds and a year apart, stops, equal rotations."""
    steps = rng.integers(50_000_000, 2_000_000_000, 20)
    if method in ("linear", "pchip"):  # the others overshoot by millions of kilometres there
        steps[[3, 4, 11]] = 1, 3 * 10**16, 10
    times = 1_700_000_000_000_000_000 + np.cumsum(steps)
    center = np.cumsum(rng.normal(0, 2, (20, 3)), 0)
    center[6:9], center[14, 1] = center[6], center[13, 1]
    center += offset_m
    quat = quats(rng, 20)
    quat[5], quat[16] = -quat[4], quat[15] + 1e-12 * rng.normal(size=4)
    boxes = bw.Cuboids(center, rng.uniform(0.5, 5, (20, 3)), quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True))
    at = np.concatenate([times[:-1] + (share * np.diff(times)).astype(np.int64) for share in (0.001, 0.3, 0.5, 0.98)])
    filled = bw.interpolate(times, boxes, at, method=method)
    for i, t in enumerate(at):
        truth = exact.curve(times, boxes.center_m, int(t), method)
        for axis in range(3):
            room = 1e-12 + (np.spacing(offset_m) if offset_m else 0)
            assert abs(truth[axis] - mpmath.mpf(filled.center_m[i, axis])) <= room
        k = np.searchsorted(times, t, side="right") - 1
        share = Fraction(int(t - times[k]), int(times[k + 1] - times[k]))
        for p, q, size in zip(exact.fractions(boxes.size_m[k]), exact.fractions(boxes.size_m[k + 1]), exact.fractions(filled.size_m[i])):
            assert abs(p + share * (q - p) - size) <= Fraction(1, 10**12)
        assert exact.turned_by(filled.quat_wxyz[i], naive.slerp(boxes.quat_wxyz[k], boxes.quat_wxyz[k + 1], share)) <= 1e-10
    again = bw.interpolate(times, boxes, times, method=method)
    for field in ("center_m", "size_m", "quat_wxyz", "yaw_rad"):
        np.testing.assert_array_equal(getattr(again, field), getattr(boxes, field))


@pytest.mark.parametrize("off_rad", [0.0, 1e-16, 1e-12, 1e-9, 1e-6])
@pytest.mark.parametrize("sign", [1, -1])
def test_rotations_half_a_turn_apart_turn_evenly(rng, off_rad, sign):
    """Either way round is right; the angles to both ends are the exact shares of half a turn."""
    for start, axis in zip(quats(rng, 10), quats(rng, 10)):
        axis = np.r_[0, axis[1:] / np.linalg.norm(axis[1:])]
        half = np.pi / 2 - off_rad / 2
        turn = bw.Pose.from_quat(np.cos(half) * np.array([1.0, 0, 0, 0]) + np.sin(half) * axis)
        end = sign * (turn @ bw.Pose.from_quat(start)).quat_wxyz
        boxes = bw.Cuboids(np.zeros((2, 3)), np.ones((2, 3)), quat_wxyz=[start, end])
        whole = exact.turned_by(*boxes.quat_wxyz)
        assert whole == pytest.approx(np.pi - off_rad, abs=1e-14)
        for share, quat in zip((0.125, 0.5, 0.75), bw.interpolate([0, 1000], boxes, [125, 500, 750]).quat_wxyz):
            assert exact.turned_by(boxes.quat_wxyz[0], quat) == pytest.approx(share * whole, abs=1e-10)
            assert exact.turned_by(boxes.quat_wxyz[1], quat) == pytest.approx((1 - share) * whole, abs=1e-10)


# ------------------------------------------------------------ fitting


@pytest.mark.kernel
def test_rectangles_cost_no_digit_far_away(rng):
    points = on_grid(np.concatenate([rng.uniform(-2, 2, (50, 2)) * (1, 0.4), rng.uniform(-3, 3, (40, 2)) * (0.3, 1)]))
    here, there = (bw.fit_rectangles(points + shift, [0, 50, 90]) for shift in (np.zeros(2), WHOLE_KM[:2]))
    np.testing.assert_array_equal(there.yaw_rad, here.yaw_rad)
    np.testing.assert_array_equal(there.size_m, here.size_m)
    np.testing.assert_allclose(there.center_m - WHOLE_KM[:2], here.center_m, rtol=0, atol=2 * np.spacing(6e6))


def test_fits_and_ground_are_the_same_far_away(rng):
    """The same points are taken; what is found differs by the last places of map coordinates."""
    points = on_grid(every_verb.scene_points(rng).astype(np.float64))
    level = WHOLE_KM * (1, 1, 0)
    xy = on_grid(rng.uniform(-40, 40, (200, 2)))
    np.testing.assert_array_equal(bw.ground(points + level).height_m(xy + level[:2]), bw.ground(points).height_m(xy))
    for verb, *more in ((bw.fit_cuboid,), (bw.fit_at, (5.8, 3.0, -1.0)), (bw.refit, (8.125, 3.125, -0.875))):
        here, there = (
            verb(
                (points[20_000:21_500] if verb is bw.fit_cuboid else points) + shift,
                *(bw.Cuboid(place + shift, (4.6, 2.0, 1.6), 0.05) if verb is bw.refit else np.array(place) + shift for place in more),
                category="car",
                sensor_origins_m=shift[None],
            )
            for shift in (np.zeros(3), level)
        )
        np.testing.assert_array_equal(there.point_index, here.point_index)
        np.testing.assert_allclose(there.cuboid.center_m - level, here.cuboid.center_m, rtol=0, atol=1e-9)
        np.testing.assert_allclose(there.cuboid.size_m, here.cuboid.size_m, rtol=0, atol=1e-9)
        assert there.cuboid.yaw_rad == pytest.approx(here.cuboid.yaw_rad, abs=1e-12)
