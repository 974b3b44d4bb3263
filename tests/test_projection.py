"""Points and cuboids into pictures: twins, mpmath and cv2 as oracles, the corner cases, laws, real recordings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import boxwright as bw
import exact
import naive
from boxwright.cuboids import EDGES
from boxwright.projection import NEAR_M, PointStatus, near_poses, project_cuboids_each
from test_cameras import PINHOLES, WIDE, fisheye, pinhole

# without the JIT the kernels compute with numpy scalars, which warn where compiled code is silent
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in (scalar|divide):RuntimeWarning")

NAMES = {"ok": 0, "behind": 1, "fold": 2, "outside": 3, "not finite": 4}
IDENTITY = bw.Pose.identity()
CAM_FROM_LIDAR = bw.Pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]], (0.1, -0.2, 0.3))
CAMERAS = {name: pinhole(name) for name in PINHOLES} | {"fisheye": fisheye(), "fisheye plain": fisheye(())} | WIDE


def tilted_pose(rng) -> bw.Pose:
    quat = rng.normal(size=4)
    return bw.Pose.from_quat(quat / np.linalg.norm(quat), rng.normal(size=3))


def cam(**changes) -> bw.PinholeCamera:
    return bw.PinholeCamera(**({"width_px": 640, "height_px": 480, "fx_px": 500.0, "fy_px": 500.0, "cx_px": 319.5, "cy_px": 239.5} | changes))


def assert_same(image: bw.ImagePoints, points, camera, pose, atol=1e-7) -> None:
    uv, depth, status = naive.project_points(points, camera, pose)
    assert [NAMES[s] for s in status] == image.status.tolist()
    size = np.fmax(1, np.abs(np.nan_to_num(uv)))
    np.testing.assert_allclose(image.uv / size, uv / size, atol=atol)
    np.testing.assert_allclose(image.depth_m, depth, atol=1e-9)


# ------------------------------------------------------------ points: the slow twin


@pytest.mark.kernel
@pytest.mark.parametrize("name", CAMERAS)
def test_points_equal_the_twin(name, rng):
    points = rng.normal(size=(150, 3)) * rng.choice([0.5, 5, 50], (150, 1))
    points[:5] = [(0, 0, 0), (0, 0, 5), (0, 0, -5), (np.nan, 1, 1), (1, np.inf, 1)]
    for pose in (IDENTITY, tilted_pose(rng)):
        assert_same(bw.project_points(points, CAMERAS[name], pose), points, CAMERAS[name], pose)


@pytest.mark.kernel
def test_points_in_every_layout(rng):
    camera, pose = pinhole("5"), tilted_pose(rng)
    points = rng.normal(size=(120, 3)) * 20
    for dtype in (np.float32, np.float64):
        cloud = points.astype(dtype)
        wide = np.zeros((240, 5), dtype)
        wide[::2, 1:4] = cloud
        frozen = cloud.copy()
        frozen.flags.writeable = False
        for view in (cloud, wide[::2, 1:4], np.asfortranarray(cloud), frozen, cloud[::-1][::-1], cloud.astype(cloud.dtype.newbyteorder())):
            before = view.copy()
            assert_same(bw.project_points(view, camera, pose), cloud, camera, pose)
            np.testing.assert_array_equal(view, before)
    assert len(bw.project_points(np.zeros((0, 3)), camera, pose)) == 0
    assert bw.project_points([], camera, pose).uv.shape == (0, 2)
    np.testing.assert_array_equal(bw.project_points(bw.Sweep(points), camera, pose).uv, bw.project_points(points, camera, pose).uv)


@pytest.mark.kernel
def test_rig_is_one_call_per_camera(rng):
    cameras = [pinhole("5"), fisheye(), pinhole("14"), pinhole("plain")]
    poses = [tilted_pose(rng) for _ in cameras]
    points = (rng.normal(size=(180, 3)) * 10).astype(np.float32)
    points[7] = np.nan
    rig = bw.project_points(points, cameras, [poses[0].matrix(), *poses[1:]])
    assert isinstance(rig, list)
    for image, camera, pose in zip(rig, cameras, poses):
        alone = bw.project_points(points, camera, pose)
        for field in ("uv", "depth_m", "status", "in_image"):
            np.testing.assert_array_equal(getattr(image, field), getattr(alone, field))


@pytest.mark.kernel
def test_out_is_filled_and_returned(rng):
    points = rng.normal(size=(60, 3)) * 10
    one = bw.project_points(points, pinhole("5"), IDENTITY)
    kept = one.uv
    again = bw.project_points(-points, pinhole("5"), IDENTITY, out=one)
    assert again is one
    assert np.shares_memory(kept, again.uv)
    np.testing.assert_array_equal(again.uv, bw.project_points(-points, pinhole("5"), IDENTITY).uv)
    rig = bw.project_points(points, [pinhole("5"), fisheye()], [IDENTITY, IDENTITY])
    filled = bw.project_points(-points, [pinhole("5"), fisheye()], [IDENTITY, IDENTITY], out=rig)
    assert all(a is b for a, b in zip(filled, rig))
    np.testing.assert_array_equal(filled[1].uv, bw.project_points(-points, fisheye(), IDENTITY).uv)


def test_result_shapes_and_types(rng):
    image = bw.project_points(rng.normal(size=(50, 3)), pinhole("5"), IDENTITY)
    assert (image.uv.shape, image.depth_m.shape, image.status.shape, image.in_image.shape) == ((50, 2), (50,), (50,), (50,))
    assert (image.uv.dtype, image.depth_m.dtype, image.status.dtype, image.in_image.dtype) == (np.float64, np.float64, np.uint8, bool)
    assert image.uv.T.flags.c_contiguous  # a view over (2, N)
    assert (np.isnan(image.uv).any(1) == ~np.isin(image.status, (PointStatus.OK, PointStatus.OUTSIDE))).all()


@pytest.mark.kernel
@pytest.mark.parametrize("name", CAMERAS)
def test_float32_results_are_the_float64_ones_rounded(name, rng):
    points = rng.normal(size=(200, 3)) * 20
    wide = bw.project_points(points, CAMERAS[name], CAM_FROM_LIDAR)
    narrow = bw.project_points(points, CAMERAS[name], CAM_FROM_LIDAR, dtype=np.float32)
    assert narrow.uv.dtype == narrow.depth_m.dtype == np.float32
    np.testing.assert_array_equal(narrow.status, wide.status)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(narrow.uv, wide.uv.astype(np.float32))


@pytest.mark.parametrize("name", CAMERAS)
def test_a_point_does_not_depend_on_its_neighbours(name, rng):
    """Points around the camera in order of azimuth come in runs that are all behind, all beyond the fold, or seen; shuffled, they are mixed."""
    n = 9000
    azimuth = np.sort(rng.uniform(-math.pi, math.pi, n))
    points = np.stack([np.sin(azimuth), rng.uniform(-0.5, 0.5, n), np.cos(azimuth)], 1) * rng.uniform(1, 80, (n, 1))
    points[:: n // 7, rng.integers(3)] = np.nan
    points[1 :: n // 7] *= [[1e-170], [1e150], [1e305], [-1e305], [np.inf], [0], [1e-310], [1e200]]
    order = rng.permutation(n)
    swept, mixed = (bw.project_points(p, CAMERAS[name], IDENTITY) for p in (points, points[order]))
    for field in ("uv", "depth_m", "status"):
        np.testing.assert_array_equal(getattr(swept, field)[order], getattr(mixed, field))
    assert set(swept.status) >= {PointStatus.OK, PointStatus.NOT_FINITE}


# ------------------------------------------------------------ points: oracles


@pytest.mark.parametrize("name", CAMERAS)
def test_equal_to_fifty_digits(name, rng):
    camera = CAMERAS[name]
    widest = 0.65 if isinstance(camera, bw.PinholeCamera) else min(math.radians(110), getattr(camera, "max_angle_rad", math.pi) * 0.999)
    angle, turn = rng.uniform(0, widest, 400), rng.uniform(-np.pi, np.pi, 400)
    angle[:3] = widest, 1e-9, math.pi / 2 if widest > 1.6 else 0.5
    rays = np.c_[np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)] * rng.uniform(0.1, 200, (400, 1))
    image = bw.project_points(rays, camera, IDENTITY)
    assert np.isin(image.status, (PointStatus.OK, PointStatus.OUTSIDE)).all()
    truth = np.array([exact.pixel(ray, camera, IDENTITY)[:2] for ray in rays], float)
    np.testing.assert_allclose(image.uv, truth, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("name", PINHOLES)
def test_equal_to_cv2(name, rng):
    cv2 = pytest.importorskip("cv2")
    camera, pose = pinhole(name), tilted_pose(rng)
    rays = camera.rays(rng.uniform((-0.5, -0.5), (1391.4, 511.4), (3000, 2))) * rng.uniform(0.5, 100, (3000, 1))
    points = pose.inverse().apply(rays)
    image = bw.project_points(points, camera, pose)
    distortion = np.array(camera.distortion) if camera.distortion else None
    theirs = cv2.projectPoints(points, cv2.Rodrigues(pose.rotation)[0], pose.translation_m, camera.matrix, distortion)[0][:, 0]
    assert image.in_image.all()
    np.testing.assert_allclose(image.uv, theirs, rtol=0, atol=1e-6)


def test_fisheye_equal_to_cv2_in_front(rng):
    cv2 = pytest.importorskip("cv2")
    camera = fisheye()
    points = np.c_[rng.normal(size=(2000, 2)) * 3, rng.uniform(0.05, 5, 2000)]
    theirs = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), camera.matrix, np.array(camera.distortion))[0][:, 0]
    np.testing.assert_allclose(bw.project_points(points, camera, IDENTITY).uv, theirs, rtol=0, atol=1e-6)


# ------------------------------------------------------------ the corner cases, one test each


def test_case_1_behind_the_camera():
    cv2 = pytest.importorskip("cv2")
    camera, point = cam(), np.array([(1, 0.5, -5.0)])
    mirrored = cv2.projectPoints(point, np.zeros(3), np.zeros(3), camera.matrix, None)[0][0, 0]
    assert 0 < mirrored[0] < 640  # what cv2 gives
    assert 0 < mirrored[1] < 480
    image = bw.project_points(np.r_[point, [(0, 0, 0.0)], [(1, 1, 0.0)]], camera, IDENTITY)
    assert image.status.tolist() == [PointStatus.BEHIND] * 3
    assert np.isnan(image.uv).all()
    assert not image.in_image.any()
    assert image.depth_m.tolist() == [-5, 0, 0]


def test_case_2_no_ghosts_beyond_the_fold(rng):
    camera = pinhole("5")
    assert camera.max_radius == pytest.approx(1.2, abs=0.02)
    angle, turn = rng.uniform(0, math.radians(89.9), 200_000), rng.uniform(-np.pi, np.pi, 200_000)
    rays = np.c_[np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)]
    image = bw.project_points(rays, camera, IDENTITY)
    assert (image.status[np.tan(angle) > camera.max_radius] == PointStatus.FOLD).all()
    seen = image.in_image
    assert seen.sum() > 5000
    np.testing.assert_allclose(camera.rays(image.uv[seen]), rays[seen], atol=1e-8)  # the lens sees each of them where it is
    # the formula alone has ghosts here
    strong = cam(distortion=(-0.32, 0, 0, 0))
    wide = np.c_[np.tan(np.linspace(0, 1.5, 1000)), np.zeros(1000), np.ones(1000)]
    r = wide[:, 0]
    formula = 500 * r * (1 - 0.32 * r**2) + 319.5
    ghosts = (r > strong.max_radius) & (formula > -0.5) & (formula < 639.5)
    assert ghosts.sum() > 20
    assert not bw.project_points(wide, strong, IDENTITY).in_image[ghosts].any()


def test_case_2_tangential_ghosts():
    camera = cam(distortion=(0, 0, 1e-3, 1e-3))  # no radial fold, yet x + 3 p x^2 = 0 again at x = -1 / (3 p)
    points = np.array([(-1 / 3e-3, 0, 1), (-1 / 12e-3, -1 / 12e-3, 1), (-0.05, 0, 1), (40.0, 0, 1), (200.0, 0, 1)])
    image = bw.project_points(points, camera, IDENTITY)
    assert image.status.tolist()[0] == PointStatus.FOLD
    assert image.status.tolist()[2:] == [PointStatus.OK, PointStatus.OUTSIDE, PointStatus.OUTSIDE]  # the far side has no fold


def test_case_3_fisheye_past_90_degrees():
    camera = fisheye(())
    for degrees in (89, 90, 91, 100, 110, 170):
        angle = math.radians(degrees)
        image = bw.project_points([(math.sin(angle), 0, math.cos(angle))], camera, IDENTITY)
        assert image.uv[0, 0] == pytest.approx(799.5 + 420 * angle, abs=1e-9)
        assert image.depth_m[0] == pytest.approx(math.cos(angle))
    assert bw.project_points([(0.0, 0, -1)], camera, IDENTITY).status[0] == PointStatus.FOLD
    narrow = fisheye((-0.1, 0, 0, 0))
    beyond = narrow.max_angle_rad + 0.01
    assert bw.project_points([(math.sin(beyond), 0, math.cos(beyond))], narrow, IDENTITY).status[0] == PointStatus.FOLD


@pytest.mark.parametrize(("camera", "distance_m", "bend_px"), [(pinhole("5"), 6.0, 9), (fisheye(), 2.0, 110)])
def test_case_4_edges_are_curves(camera, distance_m, bend_px):
    cuboids = bw.Cuboids([[0, 1.5, distance_m + 0.5]], [[8.0, 2.0, 1.0]], 0.0)
    boxes = bw.project_cuboids(cuboids, camera, IDENTITY)
    assert max(off_chord(line) for line in boxes.edges(0)) > bend_px
    corners = cuboids.corners_m()[0]
    for edge, (i, j) in enumerate(EDGES):
        dense = corners[i] + np.linspace(0, 1, 1000)[:, None] * (corners[j] - corners[i])
        image = bw.project_points(dense, camera, IDENTITY)
        lines = boxes.edges(0, [edge])
        assert bool(lines) == image.in_image.any()
        if lines:
            assert distance_to_lines(image.uv[image.in_image], lines).max() < 0.5
            on_curve = np.concatenate([line[1:-1] for line in lines])
            assert all(np.linalg.norm(image.uv - vertex, axis=1).min() < 2 for vertex in on_curve)
    everything = boxes.edges(0)
    assert len(everything) == sum(len(boxes.edges(0, [edge])) for edge in range(12))
    assert all(np.isfinite(line).all() and len(line) >= 2 for line in everything)


def off_chord(line):
    chord = line[-1] - line[0]
    return np.abs(chord[0] * (line[:, 1] - line[0, 1]) - chord[1] * (line[:, 0] - line[0, 0])).max() / np.linalg.norm(chord)


def distance_to_lines(uv, lines):
    best = np.full(len(uv), np.inf)
    for line in lines:
        for a, b in itertools.pairwise(line):
            share = np.clip(((uv - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-30), 0, 1)
            best = np.minimum(best, np.linalg.norm(uv - a - share[:, None] * (b - a), axis=1))
    return best


@pytest.mark.parametrize("camera", [cam(), cam(distortion=(-0.3, 0.1, 1e-3, -1e-3)), fisheye()])
def test_case_5_covering_holding_and_crossing(camera):
    whole = [-0.5, -0.5, camera.width_px - 0.5, camera.height_px - 0.5]
    cuboids = bw.Cuboids([[0, 0, 5.0], [0, 0, 0], [0, 0, -5]], [[500, 500, 1.0], [3, 4, 5], [1, 1, 1]], 0.0)
    boxes = bw.project_cuboids(cuboids, camera, IDENTITY)
    if isinstance(camera, bw.PinholeCamera):
        np.testing.assert_allclose(boxes.xyxy[0], whole)  # all corners outside, covers the picture
        assert bw.project_cuboids(cuboids, camera, IDENTITY).edges(0) == []
    np.testing.assert_allclose(boxes.xyxy[1], whole)  # the camera is inside
    assert boxes.visible.tolist()[:2] == [True, True]
    assert boxes.visible[2] == isinstance(camera, bw.FisheyeCamera) * False
    assert np.isnan(boxes.xyxy[2]).all()
    # a wall beside the camera, from 3 m behind to 7 m ahead: its near end lies beyond the picture's side
    wall = bw.project_cuboids(bw.Cuboids([[2.1, 0, 2.0]], [[0.2, 1, 10.0]], 0.0), camera, IDENTITY)
    assert wall.visible.all()
    near_side = bw.project_points([[2.0, 0.5, 7.0]], camera, IDENTITY).uv[0]
    assert wall.xyxy[0, 0] == pytest.approx(near_side[0], abs=0.5)
    assert 0 < wall.truncation[0] <= 1


def test_case_5_a_wall_behind_a_fisheye_covers_its_rim():
    camera = bw.FisheyeCamera(640, 480, 60.0, 60.0, 300.0, 250.0, (-0.1, 0, 0, 0))
    limit = camera.max_angle_rad
    assert math.pi / 2 < limit < math.radians(110)
    wall = bw.Cuboids([[0, 0, -1.0]], [[40, 40, 1.0]], 0.0)  # its edges are 91 degrees off axis, its middle is behind
    boxes = bw.project_cuboids(wall, camera, IDENTITY)
    radius = 60 * (limit - 0.1 * limit**3)
    np.testing.assert_allclose(boxes.xyxy[0], [300 - radius, 250 - radius, 300 + radius, 250 + radius], atol=0.1)


@pytest.mark.parametrize("y", [0.0, 1e-15, 1e-6, -1e-6, 1e-3])
@pytest.mark.parametrize("x", [0.0, 0.1])
def test_case_5_an_edge_across_the_axis_behind_a_fisheye(x, y):
    cuboid = bw.Cuboids([[x, 1 + y, -5.5]], [[2, 2, 1]], 0.0)  # its lower edges cross the axis, or all but
    narrow = bw.FisheyeCamera(1200, 1200, 300, 300, 600, 600)  # the rim lies outside
    boxes = bw.project_cuboids(cuboid, narrow, IDENTITY)
    assert not boxes.visible.any()
    assert boxes.edges(0) == []
    everything = bw.FisheyeCamera(2000, 2000, 300, 300, 1000, 1000)
    boxes = bw.project_cuboids(cuboid, everything, IDENTITY)
    lines = boxes.edges(0)
    assert min(np.linalg.norm(line - 1000, axis=1).min() for line in lines) > 300 * math.pi / 2
    for line in lines:  # no chord cuts across either
        middles = (line[1:] + line[:-1]) / 2
        assert np.linalg.norm(middles - 1000, axis=1).min() > 300 * math.pi / 2
    if y != 1e-15:  # the cuboid covers the lower half of the rim at least; where only rounding tells, it may as well not
        assert boxes.xyxy[0, 3] == pytest.approx(1000 + 300 * math.pi, abs=1)
        np.testing.assert_allclose(boxes.xyxy[0, [0, 2]], [1000 - 300 * math.pi, 1000 + 300 * math.pi], atol=3)
    if y >= 1e-6:  # the edge at y, short of the axis, runs around that half
        assert any(np.ptp(line[:, 0]) > 1800 and line[:, 1].max() > 1900 for line in lines)


def test_case_5_extremes_between_corners():
    camera = fisheye()
    cuboid = bw.Cuboids([[0, 2.0, 3]], [[20.0, 1, 1]], 0.0)
    corners = bw.project_points(cuboid.corners_m()[0], camera, IDENTITY).uv
    box = bw.project_cuboids(cuboid, camera, IDENTITY).xyxy[0]
    assert box[3] > corners[:, 1].max() + 100
    middle = bw.project_points([[0, 2.5, 2.5]], camera, IDENTITY).uv[0]
    assert box[3] == pytest.approx(middle[1], abs=0.1)


def test_case_6_pixels():
    camera = cam(fx_px=1.0, fy_px=1.0, cx_px=0.0, cy_px=0.0)
    borders = [(-0.5, 0), (np.nextafter(-0.5, -1), 0), (np.nextafter(639.5, 0), 0), (639.5, 0), (0, np.nextafter(479.5, 0)), (0, 479.5), (0, -0.5)]
    image = bw.project_points([(u, v, 1.0) for u, v in borders], camera, IDENTITY)
    assert image.in_image.tolist() == [True, False, True, False, True, False, True]
    assert (image.uv == borders).all()  # what is beside the picture keeps its pixels
    np.testing.assert_array_equal(bw.project_points([(0.0, 0, 9)], cam(), IDENTITY).uv, [(319.5, 239.5)])


def test_case_7_kitti_baseline():
    matrix = np.array([[721.5377, 0, 609.5593, 44.85728], [0, 721.5377, 172.854, 0.2163791], [0, 0, 1, 0.002745884]])
    camera = bw.PinholeCamera(1242, 375, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
    cam_from_rect = bw.Pose(np.eye(3), np.linalg.solve(matrix[:, :3], matrix[:, 3]))
    points = np.array([(1, 1.6, 8), (-4, 0, 30), (10, 2, 12.0)])
    u, v, w = matrix @ np.c_[points, np.ones(3)].T
    image = bw.project_points(points, camera, cam_from_rect)
    np.testing.assert_allclose(image.uv, np.c_[u / w, v / w], atol=1e-9)
    assert np.abs(image.uv - bw.project_points(points, camera, IDENTITY).uv).max() > 5  # the fourth column matters


def test_case_8_rotations_and_sizes():
    lidar_box = bw.Cuboids([[12, 1, -1.0]], [[4.0, 2.0, 1.5]], 0.4, frame="lidar")
    box = bw.project_cuboids(lidar_box, cam(), CAM_FROM_LIDAR).xyxy[0]
    flipped = lidar_box.replace(yaw_rad=[0.4 + math.pi])
    np.testing.assert_allclose(bw.project_cuboids(flipped, cam(), CAM_FROM_LIDAR).xyxy[0], box, atol=1e-9)
    swapped_turned = bw.Cuboids([[12, 1, -1.0]], [[2.0, 4.0, 1.5]], 0.4 + math.pi / 2)
    np.testing.assert_allclose(bw.project_cuboids(swapped_turned, cam(), CAM_FROM_LIDAR).xyxy[0], box, atol=1e-9)
    for wrong in (
        lidar_box.replace(yaw_rad=[-0.4]),
        bw.Cuboids([[12, 1, -1.0]], [[2.0, 4.0, 1.5]], 0.4),
        bw.Cuboids([[12, 1, -0.25]], [[4.0, 2, 1.5]], 0.4),
    ):
        assert np.abs(bw.project_cuboids(wrong, cam(), CAM_FROM_LIDAR).xyxy[0] - box).max() > 5
    points = lidar_box.corners_m()[0]
    corners = bw.project_points(points, cam(), CAM_FROM_LIDAR).uv
    np.testing.assert_allclose(box, [*corners.min(0), *corners.max(0)], atol=1e-9)


def test_case_9_camera_and_lidar_at_their_own_times():
    times = np.array([0, 100_000_000])
    world_from_ego = bw.Trajectory(times, [bw.Pose.identity(), bw.Pose(np.eye(3), (1.1, 0, 0))])  # 11 m/s
    at_lidar, at_camera = world_from_ego.at(0), world_from_ego.at(17_000_000)
    chain = CAM_FROM_LIDAR @ at_camera.inverse() @ at_lidar
    point = np.array([[10.0, 2, 0]])
    assert bw.project_points(point, cam(), CAM_FROM_LIDAR).depth_m - bw.project_points(point, cam(), chain).depth_m == pytest.approx(0.187)
    # an object that keeps up with the car stays where it is: it is moved by its own velocity first
    moved = bw.Cuboids([[10 + 11 * 0.017, 2, 0]], [[4, 2, 1.5]], 0.0)
    standing = bw.Cuboids([[10, 2, 0]], [[4, 2, 1.5]], 0.0)
    np.testing.assert_allclose(bw.project_cuboids(moved, cam(), chain).xyxy, bw.project_cuboids(standing, cam(), CAM_FROM_LIDAR).xyxy, atol=1e-9)


def test_case_10_depth_orders_what_meets_in_a_pixel():
    points = np.array([(0.2, 0.1, 2), (0.4, 0.2, 4), (0.8, 0.4, 8.0)])
    image = bw.project_points(points, cam(), IDENTITY)
    np.testing.assert_allclose(image.uv, image.uv[:1].repeat(3, 0))
    assert image.depth_m.tolist() == [2, 4, 8]  # enough for a z-buffer; nothing is dropped here
    hidden = bw.Cuboids([[0, 0, 5.0], [0, 0, 10]], [[2, 2, 1.0], [1, 1, 1]], 0.0)
    assert bw.project_cuboids(hidden, cam(), IDENTITY).visible.all()  # occlusion is not looked at


@pytest.mark.kernel
def test_case_11_bad_numbers(rng):
    bad = np.array([(np.nan, 0, 5), (0, np.inf, 5), (0, 0, -np.inf), (np.inf, -np.inf, 1), (1e308, 1e308, 1e308), (0, 0, 5.0), (1, 1, 5e-324)])
    for camera in CAMERAS.values():
        for kind in (np.float32, np.float64):
            with np.errstate(over="ignore"):
                image = bw.project_points(bad.astype(kind), camera, CAM_FROM_LIDAR.inverse())
            assert (image.status[:4] == PointStatus.NOT_FINITE).all()
            assert np.isnan(image.uv[:4]).all()
            assert np.isnan(image.depth_m[:4]).all()
            if image.in_image[4]:  # only where it lies in the picture indeed
                np.testing.assert_allclose(image.uv[4], bw.project_points(CAM_FROM_LIDAR.inverse().rotate([[1, 1, 1]]), camera, IDENTITY).uv[0])
        image = bw.project_points(bad[5:], camera, IDENTITY)
        assert image.in_image[0]
        assert image.in_image[1] >= isinstance(camera, bw.FisheyeCamera)  # 90 degrees off axis
        assert image.in_image[1] <= naive.sees_behind(camera)  # a pinhole's plane
    with pytest.raises(bw.GeometryError, match="positive length, width, height"):
        bw.Cuboids([[0, 0, 5]], [[1, 0, 1]], 0.0)


@pytest.mark.kernel
def test_case_11_large_coordinates(rng):
    center = np.array([4.5e6, 5.3e6, 3000.0])
    near = rng.normal(size=(150, 3)) * 10
    pose = tilted_pose(rng)
    far_pose = bw.Pose(pose.rotation, pose.translation_m - pose.rotation @ center)
    far = near + center
    image = bw.project_points(far, pinhole("5"), far_pose)
    expected = bw.project_points(far - center, pinhole("5"), pose)
    seen = image.in_image & expected.in_image
    assert seen.sum() > 3
    np.testing.assert_allclose(image.uv[seen], expected.uv[seen], atol=1e-4)  # the pose's own translation is rounded to 1e-9 m
    cuboids = bw.Cuboids([[0, 0, 0.0]], [[4, 2, 1.5]], 0.3).transformed(pose.inverse())
    shifted = bw.Cuboids(cuboids.center_m + center + pose.rotation.T @ (0, 0, 12), cuboids.size_m, quat_wxyz=cuboids.quat_wxyz)
    at_home = bw.Cuboids(shifted.center_m - center, cuboids.size_m, quat_wxyz=cuboids.quat_wxyz)
    np.testing.assert_allclose(bw.project_cuboids(shifted, cam(), far_pose).xyxy, bw.project_cuboids(at_home, cam(), pose).xyxy, atol=1e-5)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("distance_m", [0.1, 1.0, 30.0])
def test_map_coordinates_equal_fifty_digits(name, distance_m, rng):
    """Within 1e-8 px of what the given float64 numbers mean, 6,000 km from the points' own origin."""
    camera = CAMERAS[name]
    angle, turn = rng.uniform(0, 0.6, 40), rng.uniform(-np.pi, np.pi, 40)
    rays = np.c_[np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)] * rng.uniform(distance_m, 2 * distance_m, (40, 1))
    for center in rng.uniform(-6e6, 6e6, (3, 3)):
        rotation = tilted_pose(rng).rotation
        pose, points = bw.Pose(rotation, -rotation @ center), rays @ rotation + center
        image = bw.project_points(points, camera, pose)
        assert np.isin(image.status, (PointStatus.OK, PointStatus.OUTSIDE)).all()
        truth = np.array([exact.pixel(point, camera, pose) for point in points], float)
        np.testing.assert_allclose(image.uv, truth[:, :2], rtol=0, atol=1e-8)
        np.testing.assert_allclose(image.depth_m, truth[:, 2], rtol=0, atol=1e-12)


@pytest.mark.kernel
def test_a_rig_on_both_sides_of_an_origin_is_one_call_per_camera(rng):
    """Cameras of one rig may have origins of their own: 1,024 m apart where a boundary lies between them, or their points' own."""
    places = np.array([(512.0 + 3 * 1024, 1e5, 0), (513.0 + 3 * 1024, 1e5, 0), (511.0 + 3 * 1024, 1e5, 0), (1023.0, 0, 0), (1025.0, 0, 0)])
    turns = [tilted_pose(rng).rotation for _ in places]
    poses = [bw.Pose(turn, -turn @ place) for turn, place in zip(turns, places)]
    cameras = [pinhole("5"), fisheye(), pinhole("5"), fisheye(), fisheye()]
    points = np.concatenate([place + rng.normal(size=(38, 3)) * 5 for place in places])
    rig = bw.project_points(points, cameras, poses)
    for image, camera, pose, place in zip(rig, cameras, poses, places):
        alone = bw.project_points(points, camera, pose)
        for field in ("uv", "depth_m", "status"):
            np.testing.assert_array_equal(getattr(image, field), getattr(alone, field))
        assert image.in_image.any()
        np.testing.assert_array_equal(image.status, bw.project_points(points - place, camera, bw.Pose(pose.rotation)).status)


def test_cuboids_at_map_coordinates_are_those_near_by(rng):
    """Moved by whole kilometres of 1024 m, which rounds nothing: the pictures are the same."""
    shift = np.array([5860.0, -4883.0, 2.0]) * 1024
    center = np.round(rng.uniform((-3, -3, -2), (30, 3, 2), (60, 3)) * 2**20) / 2**20
    size, yaw = rng.uniform(0.3, 4, (60, 3)), rng.uniform(-np.pi, np.pi, 60)
    near, far = bw.Cuboids(center, size, yaw), bw.Cuboids(center + shift, size, yaw)
    far_pose = bw.Pose(CAM_FROM_LIDAR.rotation, -(CAM_FROM_LIDAR.rotation @ shift))
    for camera in CAMERAS.values():
        here = bw.project_cuboids(near, camera, bw.Pose(CAM_FROM_LIDAR.rotation))
        there = bw.project_cuboids(far, camera, far_pose)
        assert there.visible.any()
        for field in ("xyxy", "visible", "truncation"):
            np.testing.assert_array_equal(getattr(there, field), getattr(here, field))


def test_cuboids_each_by_a_pose_of_its_own(rng):
    """As one after the other, near the origin and at map coordinates."""
    shift = np.array([500_000.25, 5_400_000.5, 211.0])
    poses = [tilted_pose(rng) for _ in range(4)]
    poses += [pose @ bw.Pose(np.eye(3), -shift) for pose in poses]
    which = rng.integers(0, 8, 60)
    center = rng.uniform((-3, -3, -2), (30, 3, 2), (60, 3)) + np.where(which >= 4, 1, 0)[:, None] * shift
    cuboids = bw.Cuboids(center, rng.uniform(0.3, 4, (60, 3)), rng.uniform(-np.pi, np.pi, 60))
    for camera in CAMERAS.values():
        each = project_cuboids_each(cuboids, camera, near_poses(poses), which)
        assert each.visible.any()
        for m, k in enumerate(which.tolist()):
            one = bw.project_cuboids(cuboids[[m]], camera, poses[k])
            np.testing.assert_allclose(each.xyxy[m], one.xyxy[0], rtol=1e-12, atol=1e-9)
            np.testing.assert_allclose(each.truncation[m], one.truncation[0], rtol=0, atol=1e-9)


def test_absurd_poses_give_no_warning(rng):
    for far in (1e150, 1e305, 1.7e308):
        image = bw.project_points(rng.normal(size=(5, 3)), cam(), bw.Pose(np.eye(3), (far, -far, far)))
        assert not image.in_image.any()
        assert image.depth_m == pytest.approx(np.full(5, far))


# ------------------------------------------------------------ points: laws


def test_the_scale_of_a_ray_changes_nothing(rng):
    points = rng.normal(size=(500, 3))
    for camera in CAMERAS.values():
        image = bw.project_points(points, camera, IDENTITY)
        for scale in (1024.0, 1 / 64):
            scaled = bw.project_points(points * scale, camera, IDENTITY)
            np.testing.assert_array_equal(scaled.status, image.status)
            np.testing.assert_allclose(scaled.uv, image.uv, rtol=1e-12)


def test_the_optical_axis_meets_the_principal_point():
    for camera in CAMERAS.values():
        np.testing.assert_array_equal(bw.project_points([(0.0, 0, 7)], camera, IDENTITY).uv, [(camera.cx_px, camera.cy_px)])


def test_a_transform_and_its_inverse(rng):
    points, pose = rng.normal(size=(300, 3)) * 5, tilted_pose(rng)
    direct = bw.project_points(points, pinhole("5"), IDENTITY)
    around = bw.project_points(pose.inverse().apply(points), pinhole("5"), pose)
    mapped = np.isin(direct.status, (0, 3)) & (np.abs(direct.uv) < 1e4).all(1)
    np.testing.assert_allclose(around.uv[mapped], direct.uv[mapped], atol=1e-6)
    np.testing.assert_allclose(around.depth_m, direct.depth_m, atol=1e-12)


def test_project_then_unproject(rng):
    for camera in CAMERAS.values():
        points = camera.rays(rng.uniform((0, 0), np.array(camera.size_px) - 1, (400, 2)))
        points = points[np.isfinite(points).all(1)] * 20
        image = bw.project_points(points, camera, IDENTITY)
        back = camera.rays(image.uv)
        np.testing.assert_allclose(back * np.linalg.norm(points, axis=1, keepdims=True), points, atol=1e-8)


# ------------------------------------------------------------ cuboids: the slow twin


def random_cuboids(rng, m: int) -> bw.Cuboids:
    quat = rng.normal(size=(m, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    return bw.Cuboids(rng.normal(size=(m, 3)) * rng.choice([1.5, 4, 12], (m, 1)), rng.uniform(0.3, 5, (m, 3)), quat_wxyz=quat)


SMALL = {
    "plain": cam(),
    "barrel": cam(distortion=(-0.3, 0.1, 1e-3, -1e-3)),
    "pincushion": cam(distortion=(0.1, 0.02, 1e-3, -1e-3, 0.01)),
    "all": cam(distortion=PINHOLES["14"]),
    "fisheye": fisheye(),
    "round fisheye": bw.FisheyeCamera(640, 480, 60.0, 60.0, 300.0, 250.0, (-0.05, 0, 0, 0)),
    "round unified": bw.UnifiedCamera(640, 480, 240.0, 240.0, 300.0, 250.0, xi=1.4),
    "unified, distorted": bw.UnifiedCamera(640, 480, 200.0, 200.0, 300.0, 250.0, (-0.1, 0.02, 1e-3, -1e-3), xi=0.9),
    "double sphere": bw.DoubleSphereCamera(640, 480, 120.0, 120.0, 300.0, 250.0, xi=-0.2, alpha=0.58),
    "extended": bw.ExtendedUnifiedCamera(640, 480, 120.0, 120.0, 300.0, 250.0, alpha=0.5, beta=1.1),
    "cylinder, part": bw.CylindricalCamera(640, 300, 200.0, 200.0, 320.0, 150.0),
    "sphere, part": bw.EquirectangularCamera(600, 320, 110.0, 100.0, 200.0, 120.0),
    "fold in the picture": cam(fx_px=200.0, fy_px=200.0, distortion=(-0.35, 0, 0, 0)),
}


@pytest.mark.kernel
@pytest.mark.parametrize("name", SMALL)
def test_cuboids_equal_the_twin(name, rng):
    camera = SMALL[name]
    cuboids = random_cuboids(rng, 6)
    boxes = bw.project_cuboids(cuboids, camera, IDENTITY)
    truth = np.array([naive.visible_box(corners, camera, NEAR_M, 150) for corners in cuboids.corners_m()])
    assert boxes.visible.tolist() == np.isfinite(truth[:, 0]).tolist()
    # samples lie 2 px apart along the border, and along long edges
    np.testing.assert_allclose(boxes.xyxy, truth, atol=6)
    known = boxes.visible
    assert (boxes.xyxy[known, :2] <= truth[known, :2] + 0.2).all()
    assert (boxes.xyxy[known, 2:] >= truth[known, 2:] - 0.2).all()


@pytest.mark.full
@pytest.mark.parametrize("name", SMALL)
def test_many_cuboids_equal_the_twin(name, rng):
    camera = SMALL[name]
    cuboids = random_cuboids(rng, 60)
    boxes = bw.project_cuboids(cuboids, camera, IDENTITY)
    truth = np.array([naive.visible_box(corners, camera, NEAR_M, 800) for corners in cuboids.corners_m()])
    np.testing.assert_allclose(boxes.xyxy, truth, atol=2)


FOLDED = {
    "twisted": bw.PinholeCamera(640, 480, 200, 200, 320, 240, (-0.25, 0.03, 0.02, -0.02)),
    "prism": bw.PinholeCamera(640, 480, 200, 200, 320, 240, (-0.2, 0.01, 0, 0, 0, 0, 0, 0, 0.03, 0, -0.02, 0)),
    "no radial fold": bw.PinholeCamera(640, 480, 150, 150, 320, 240, (0, 0, 0.05, 0.03)),
}


@pytest.mark.parametrize("name", FOLDED)
def test_cuboids_are_seen_wherever_points_are(name, rng):
    camera = FOLDED[name]
    rays = np.c_[rng.uniform(-4, 4, (2000, 2)), np.ones(2000)]
    points = rays * rng.uniform(1, 20, (2000, 1))
    image = bw.project_points(points, camera, IDENTITY)
    beyond = np.hypot(*rays[:, :2].T) > camera.sure_radius
    assert (image.in_image & beyond).sum() >= 5
    boxes = bw.project_cuboids(bw.Cuboids(points, [(1e-6, 1e-6, 1e-6)] * 2000, 0.0), camera, IDENTITY)
    assert boxes.visible[image.in_image].all()
    assert not boxes.visible[~image.in_image].any()
    np.testing.assert_allclose((boxes.xyxy[:, :2] + boxes.xyxy[:, 2:])[image.in_image] / 2, image.uv[image.in_image], atol=0.01)


@pytest.mark.kernel
@pytest.mark.parametrize("name", FOLDED)
def test_boxes_end_where_the_points_fold(name, rng):
    camera = FOLDED[name]
    cuboids = random_cuboids(rng, 12)
    boxes = bw.project_cuboids(cuboids, camera, IDENTITY)
    for m in range(len(cuboids)):
        inside = cuboids.center_m[m] + (rng.uniform(-0.5, 0.5, (200, 3)) * cuboids.size_m[m]) @ cuboids.rotation[m].T
        image = bw.project_points(inside, camera, IDENTITY)
        uv = image.uv[image.in_image & (inside[:, 2] >= NEAR_M)]
        if len(uv):
            assert (uv >= boxes.xyxy[m, :2] - 0.5).all()
            assert (uv <= boxes.xyxy[m, 2:] + 0.5).all()


# ------------------------------------------------------------ cuboids: laws


@pytest.mark.kernel
@pytest.mark.parametrize("name", SMALL)
def test_boxes_hold_their_edges_and_points(name, rng):
    camera = SMALL[name]
    cuboids = random_cuboids(rng, 12)
    boxes = bw.project_cuboids(cuboids, camera, IDENTITY)
    right, bottom = np.array(camera.size_px) - 0.5
    assert ((boxes.truncation >= 0) & (boxes.truncation <= 1)).all()
    assert (boxes.truncation[~boxes.visible] == 1).all()
    assert np.isnan(boxes.xyxy[~boxes.visible]).all()
    for m in range(len(cuboids)):
        lines = boxes.edges(m)
        if not boxes.visible[m]:
            assert lines == []
            continue
        left, top, last_u, last_v = boxes.xyxy[m]
        assert -0.5 <= left < last_u <= right
        assert -0.5 <= top < last_v <= bottom
        for line in lines:
            assert (line >= (left - 1e-9, top - 1e-9)).all()
            assert (line <= (last_u + 1e-9, last_v + 1e-9)).all()
        inside = cuboids.center_m[m] + (rng.uniform(-0.5, 0.5, (100, 3)) * cuboids.size_m[m]) @ cuboids.rotation[m].T
        image = bw.project_points(inside, camera, IDENTITY)
        near = image.in_image & ((inside[:, 2] >= NEAR_M) | naive.sees_behind(camera))
        assert (image.uv[near] >= (left - 0.2, top - 0.2)).all()
        assert (image.uv[near] <= (last_u + 0.2, last_v + 0.2)).all()


@pytest.mark.kernel
def test_moving_world_and_camera_together_changes_nothing(rng):
    cuboids, pose = random_cuboids(rng, 15), tilted_pose(rng)
    for camera in (SMALL["barrel"], SMALL["fisheye"]):
        here = bw.project_cuboids(cuboids, camera, IDENTITY)
        there = bw.project_cuboids(cuboids.transformed(pose), camera, pose.inverse())
        assert there.visible.tolist() == here.visible.tolist()
        np.testing.assert_allclose(there.xyxy, here.xyxy, atol=1e-6)
        np.testing.assert_allclose(there.truncation, here.truncation, atol=1e-6)


def test_without_distortion_a_box_in_view_is_that_of_its_corners(rng):
    cuboids = bw.Cuboids(rng.uniform((-2, -1, 12), (2, 1, 30), (50, 3)), rng.uniform(0.2, 3, (50, 3)), rng.uniform(-3, 3, 50))
    boxes = bw.project_cuboids(cuboids, cam(), IDENTITY)
    corners = bw.project_points(cuboids.corners_m().reshape(-1, 3), cam(), IDENTITY).uv.reshape(50, 8, 2)
    np.testing.assert_allclose(boxes.xyxy, np.c_[corners.min(1), corners.max(1)], atol=1e-9)
    assert boxes.visible.all()
    assert (boxes.truncation == 0).all()
    assert [len(line) for line in boxes.edges(0)] == [2] * 12


def test_truncation_is_the_share_outside():
    # a cube of 2 m, its near face 4 m ahead: the picture of that face is 250 px wide, and lies partly to the left of the picture
    cube = bw.Cuboids([[-0.5 * 640 / 500 * 4, 0, 5.0]], [[2, 2, 2.0]], 0.0)
    boxes = bw.project_cuboids(cube, cam(), IDENTITY)
    whole = bw.project_cuboids(cube, cam(width_px=4000, cx_px=2000.0), IDENTITY).xyxy[0] - (2000 - 319.5, 0, 2000 - 319.5, 0)
    assert whole[0] < -0.5 < whole[2]
    assert boxes.truncation[0] == pytest.approx((-0.5 - whole[0]) / (whole[2] - whole[0]))
    np.testing.assert_allclose(boxes.xyxy[0], [-0.5, *whole[1:]], atol=1e-9)
    assert 0.3 < boxes.truncation[0] < 0.5


def test_front_face_and_wrong_edges():
    boxes = bw.project_cuboids(bw.Cuboids([[0, 0, 8.0]], [[2, 2, 2.0]], 0.0), cam(), IDENTITY)
    front = boxes.edges(0, range(4))
    assert len(front) == 4
    np.testing.assert_allclose([line[0] for line in front[1:]], [line[-1] for line in front[:-1]])
    assert boxes.edges(0, []) == []
    with pytest.raises(bw.ArgumentError, match="which: expected edge numbers from 0 to 11"):
        boxes.edges(0, [12])


@pytest.mark.kernel
def test_no_cuboids_and_cuboids_that_are_not_there():
    assert len(bw.project_cuboids(bw.Cuboids.empty(), cam(), IDENTITY)) == 0
    rows = bw.Cuboids._trusted(np.full((2, 3), np.nan), np.ones((2, 3)), np.full((2, 4), np.nan), np.full(2, np.nan), None)
    for camera in (cam(), fisheye(), pinhole("5")):
        boxes = bw.project_cuboids(rows, camera, IDENTITY)
        assert not boxes.visible.any()
        assert np.isnan(boxes.truncation).all()
        assert boxes.edges(1) == []
    one = bw.Cuboids([[0, 0, 8.0]], [[2, 2, 2.0]], 0.0)
    np.testing.assert_array_equal(bw.project_cuboids(one[0], cam(), IDENTITY).xyxy, bw.project_cuboids(one, cam(), IDENTITY).xyxy)


# ------------------------------------------------------------ bad input


POINTS, CAMERA = np.zeros((4, 3)), cam()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((3, 1200)), CAMERA, IDENTITY), bw.ArgumentError, r"points: expected \(N, 3\) float array, got shape \(3, 1200\)"),
        ((np.zeros((5, 4)), CAMERA, IDENTITY), bw.ArgumentError, r"got shape \(5, 4\); pass points\[:, :3\]"),
        ((np.array([["a", "b", "c"]]), CAMERA, IDENTITY), bw.ArgumentError, "points: expected .* got dtype"),
        ((POINTS, "front", IDENTITY), bw.ArgumentError, "camera: expected a camera model such as PinholeCamera, got str"),
        ((POINTS, CAMERA, np.zeros((3, 3))), bw.ArgumentError, r"cam_from_points: expected .* float array, got shape \(3, 3\)"),
        ((POINTS, CAMERA, np.diag([1, 1, 2, 1.0])), bw.GeometryError, "cam_from_points: expected a rotation matrix"),
        ((POINTS, CAMERA, np.diag([1, 1, -1, 1.0])), bw.GeometryError, "got a determinant of -1"),
        ((POINTS, CAMERA, np.full((4, 4), np.nan)), bw.ArgumentError, "cam_from_points: expected finite numbers"),
        ((POINTS, [CAMERA, CAMERA], [IDENTITY]), bw.ArgumentError, "cam_from_points: expected 2 transforms, one per camera, got 1"),
        ((POINTS, [CAMERA], IDENTITY), bw.ArgumentError, "cam_from_points: expected 1 transform, one per camera, got one Pose"),
        ((POINTS, [CAMERA], None), bw.ArgumentError, "cam_from_points: expected 1 transform, one per camera, got None"),
        ((POINTS, [CAMERA, 3], [IDENTITY, IDENTITY]), bw.ArgumentError, r"camera\[1\]: expected a camera model such as PinholeCamera, got int"),
        ((POINTS, [CAMERA, CAMERA], [IDENTITY, np.diag([2, 1, 1, 1.0])]), bw.GeometryError, r"cam_from_points\[1\]: expected a rotation"),
        ((POINTS, [], []), bw.ArgumentError, "camera: expected at least one camera, got none"),
        ((POINTS, CAMERA, IDENTITY, np.int32), bw.ArgumentError, "dtype: expected float32 or float64"),
        ((POINTS, CAMERA, IDENTITY, "wide"), bw.ArgumentError, "dtype: expected float32 or float64"),
        ((POINTS, CAMERA, IDENTITY, np.float64, np.zeros((4, 2))), bw.ArgumentError, "out: expected what project_points returned for one camera"),
    ],
)
def test_bad_points_calls(arguments, error, message):
    with pytest.raises(error, match=message):
        bw.project_points(*arguments)


def test_out_that_does_not_fit():
    one = bw.project_points(POINTS, CAMERA, IDENTITY)
    rig = bw.project_points(POINTS, [CAMERA, CAMERA], [IDENTITY, IDENTITY])
    for arguments in (
        {"points": POINTS[:3], "camera": CAMERA, "cam_from_points": IDENTITY, "out": one},
        {"points": POINTS, "camera": CAMERA, "cam_from_points": IDENTITY, "out": one, "dtype": np.float32},
        {"points": POINTS, "camera": CAMERA, "cam_from_points": IDENTITY, "out": rig[0]},
        {"points": POINTS, "camera": [CAMERA, CAMERA], "cam_from_points": [IDENTITY, IDENTITY], "out": [one, one]},
        {"points": POINTS, "camera": [CAMERA, CAMERA], "cam_from_points": [IDENTITY, IDENTITY], "out": rig[::-1]},
        {"points": POINTS, "camera": [CAMERA, CAMERA], "cam_from_points": [IDENTITY, IDENTITY], "out": []},
    ):
        with pytest.raises(bw.ArgumentError, match="out: expected what project_points returned for"):
            bw.project_points(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((1, 7)), CAMERA, IDENTITY), bw.ArgumentError, "cuboids: expected Cuboids, got ndarray"),
        ((bw.Cuboids.empty(), [CAMERA], IDENTITY), bw.ArgumentError, "camera: expected a camera model such as PinholeCamera, got list"),
        ((bw.Cuboids.empty(), CAMERA, np.diag([1, 2, 1, 1.0])), bw.GeometryError, "cam_from_cuboids: expected a rotation matrix"),
    ],
)
def test_bad_cuboid_calls(arguments, error, message):
    with pytest.raises(error, match=message):
        bw.project_cuboids(*arguments)


# ------------------------------------------------------------ real recordings


def kitti_boxes(oracle):
    """One row per label of the tracking sequences: category, truncated, smallest depth of a corner, IoU of projected and labelled box."""
    base = oracle.ROOT / "kitti_tracking/training"
    for clip in oracle.kitti_tracking():
        rect_from_velo, projections, _ = oracle.kitti_calib(base / f"calib/{clip.scene}.txt")
        matrix = projections["image_2"]
        camera = bw.PinholeCamera(1242, 375, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
        cam_from_velo = bw.Pose(np.eye(3), np.linalg.solve(matrix[:, :3], matrix[:, 3])) @ bw.Pose.from_matrix(rect_from_velo)
        for track in clip.tracks.values():
            cuboids = bw.Cuboids(track.boxes[:, :3], track.boxes[:, 3:6], quat_wxyz=track.quats, frame="lidar")
            boxes = np.nan_to_num(bw.project_cuboids(cuboids, camera, cam_from_velo).xyxy, nan=-9)
            depth = cam_from_velo.apply(cuboids.corners_m())[..., 2].min(1)
            label = track.extra["box2d"]
            both = np.prod(np.maximum(np.minimum(boxes[:, 2:], label[:, 2:]) - np.maximum(boxes[:, :2], label[:, :2]), 0), axis=1)
            union = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(label[:, 2:] - label[:, :2], axis=1) - both
            yield from zip([track.name] * len(boxes), track.extra["truncated"], depth, both / union)


def test_kitti_cuboids_meet_the_labels_own_boxes(oracle):
    rows = list(kitti_boxes(oracle))
    people = ("Pedestrian", "Person")
    clear = np.array([iou for name, truncated, depth, iou in rows if truncated == 0 and depth > 0.1 and not name.startswith(people)])
    cars = np.array([iou for name, truncated, depth, iou in rows if truncated == 0 and depth > 0.1 and name == "Car"])
    crossing = np.array([iou for _, _, depth, iou in rows if depth <= 0.1])
    assert len(clear) > 11_000
    assert np.median(clear) >= 0.992
    assert np.median(cars) >= 0.993
    assert np.percentile(cars, 5) >= 0.985
    assert len(crossing) > 100
    assert np.median(crossing) >= 0.92


def test_argoverse_rig_equals_cv2(oracle):
    cv2 = pytest.importorskip("cv2")
    frame = next(oracle.av2_frames())
    cameras, poses = [], []
    for c in frame.cameras.values():
        k1, k2, k3 = c.distortion
        cameras.append(bw.PinholeCamera(*c.size_px, c.K[0, 0], c.K[1, 1], c.K[0, 2], c.K[1, 2], (k1, k2, 0, 0, k3)))
        poses.append(c.cam_from_lidar)
    assert len(cameras) == 9
    points = frame.points[:, :3]  # strided
    images = bw.project_points(points, cameras, poses)
    for image, camera, pose in zip(images, cameras, poses):
        seen = image.in_image
        assert seen.sum() > 3000
        theirs = cv2.projectPoints(
            points[seen].astype(np.float64), cv2.Rodrigues(pose[:3, :3])[0], pose[:3, 3], camera.matrix, np.array(camera.distortion)
        )[0]
        np.testing.assert_allclose(image.uv[seen], theirs[:, 0], rtol=0, atol=1e-6)
        in_cam = points.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]
        np.testing.assert_allclose(image.depth_m, in_cam[:, 2], atol=1e-9)
        r = np.hypot(in_cam[:, 0], in_cam[:, 1]) / in_cam[:, 2]
        assert (r[seen] <= camera.max_radius).all()
        # beyond the fold the formula alone puts ghosts into some of these pictures
        back = camera.rays(image.uv[seen][::50]) * np.linalg.norm(in_cam[seen][::50], axis=1, keepdims=True)
        np.testing.assert_allclose(back, in_cam[seen][::50], atol=1e-6)


def test_argoverse_labelled_points_lie_in_their_boxes(oracle):
    frame = next(oracle.av2_frames())
    cuboids = bw.Cuboids(frame.boxes[:, :3], frame.boxes[:, 3:6], quat_wxyz=frame.quats)
    cameras = [
        bw.PinholeCamera(*c.size_px, c.K[0, 0], c.K[1, 1], c.K[0, 2], c.K[1, 2], (*c.distortion[:2], 0, 0, c.distortion[2]))
        for c in frame.cameras.values()
    ]
    poses = [c.cam_from_lidar for c in frame.cameras.values()]
    boxes = [bw.project_cuboids(cuboids, camera, pose) for camera, pose in zip(cameras, poses)]
    n_seen = 0
    for m in range(len(cuboids)):
        inside = frame.points[oracle.points_in_box(frame.points, frame.boxes[m], frame.quats[m]), :3]
        for image, seen in zip(bw.project_points(inside, cameras, poses), boxes):
            uv = image.uv[image.in_image]
            n_seen += len(uv)
            if len(uv):
                assert seen.visible[m]
                assert (uv >= seen.xyxy[m, :2] - 0.2).all()
                assert (uv <= seen.xyxy[m, 2:] + 0.2).all()
    assert n_seen > 5000


def test_edges_behind_the_cuboid_itself(rng):
    """By rays: an edge is hidden where the way from the eye to its middle goes through the cuboid."""
    n_hidden = 0
    for _ in range(40):
        pose, cuboid = (
            tilted_pose(rng),
            bw.Cuboids(rng.uniform((-3, -3, 6), (3, 3, 12), (1, 3)), [rng.uniform(0.5, 4, 3)], rng.uniform(-3, 3), frame="cam"),
        )
        there = cuboid.transformed(pose.inverse(), frame="lidar")
        hidden = bw.project_cuboids(there, cam(), pose).hidden_edges
        corners = cuboid.corners_m()[0]
        for edge, (a, b) in enumerate(EDGES):
            way = (corners[a] + corners[b]) / 2 * (1 - np.linspace(1e-3, 0.9, 400)[:, None])
            local = (way - cuboid.center_m[0]) @ cuboid.rotation[0]
            assert bool((np.abs(local) < cuboid.size_m[0] / 2 - 1e-6).all(1).any()) == hidden[0, edge]
        n_hidden += int(hidden.sum())
    assert 40 * 3 * 0.5 < n_hidden <= 40 * 8
    around = bw.Cuboids([[0, 0, 0.0]], [[4, 4, 4]], 0.3, frame="cam")
    assert not bw.project_cuboids(around, cam(), IDENTITY).hidden_edges.any()  # the camera is in it
    assert bw.project_cuboids(bw.Cuboids.empty("cam"), cam(), IDENTITY).hidden_edges.shape == (0, 12)
