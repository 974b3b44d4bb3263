"""Unified, extended unified, double sphere, cylindrical and equirectangular cameras: limits, inverses, rivals, the seam of panoramas, files."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.cuboids import EDGES
from boxwright.projection import PointStatus
from boxwright.render import render_cameras
from test_cameras import BENT, WIDE

IDENTITY = bw.Pose.identity()
ROUND = {name: camera for name, camera in WIDE.items() if hasattr(camera, "max_angle_rad")}
TURNS = {name: camera for name, camera in WIDE.items() if getattr(camera, "is_whole_turn", False)}
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in (scalar|divide):RuntimeWarning")  # without the JIT


def directions(rng, n: int) -> np.ndarray:
    rays = rng.normal(size=(n, 3))
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


# ------------------------------------------------------------ points and rays


@pytest.mark.parametrize("name", WIDE)
def test_pixels_to_rays_and_back(name, rng):
    camera = WIDE[name]
    uv = rng.uniform((-0.5, -0.5), np.array(camera.size_px) - 0.50001, (3000, 2))
    rays = camera.rays(uv)
    has_ray = np.isfinite(rays).all(1)
    assert has_ray.mean() > 0.3
    np.testing.assert_allclose(np.linalg.norm(rays[has_ray], axis=1), 1, atol=1e-14)
    back = bw.project_points(rays[has_ray] * rng.uniform(0.1, 100, (has_ray.sum(), 1)), camera, IDENTITY)
    assert back.in_image.all()
    np.testing.assert_allclose(back.uv, uv[has_ray], rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", WIDE)
def test_rays_to_pixels_and_back(name, rng):
    """Everywhere, behind the camera too: a direction has a pixel that has this direction, or is beyond the limit and has none."""
    camera, rays = WIDE[name], directions(rng, 5000)
    image = bw.project_points(rays, camera, IDENTITY)
    seen = np.isfinite(image.uv).all(1)
    assert np.isin(image.status[seen], (PointStatus.OK, PointStatus.OUTSIDE)).all() and (image.status[~seen] == PointStatus.FOLD).all()
    near = seen & (np.abs(image.uv - (800, 750)).max(1) < 4000)
    if name in ROUND:
        angle = np.arccos(rays[:, 2])
        assert (seen <= (angle <= camera.max_angle_rad)).all()
    else:
        assert seen.all()
        near = image.in_image
    np.testing.assert_allclose(camera.rays(image.uv[near]), rays[near], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in ROUND if not any(ROUND[name].distortion)])
def test_the_limit_is_where_the_radius_stops_growing(name):
    """By the papers' own formulas, looked at every 0.001 degrees."""
    camera = ROUND[name]
    free = naive.SHAPES[type(camera).__name__]
    angles = np.radians(np.arange(1, 179_000) / 1000)
    radius, limit = [], camera.max_angle_rad
    object.__setattr__(camera, "max_angle_rad", math.pi)
    try:
        for angle in angles:
            radius.append(free(camera, math.sin(angle), 0.0, math.cos(angle))[0])
    finally:
        object.__setattr__(camera, "max_angle_rad", limit)
    grows = np.diff(radius) > 0
    end = int(np.argmin(grows)) if not grows.all() else len(grows)
    far = int(np.argmax(np.array(radius) > 1000)) if max(radius) > 1000 else len(radius)
    assert angles[min(end, far, len(angles) - 1)] == pytest.approx(min(limit, angles[-1]), abs=5e-5)


@pytest.mark.parametrize(("xi", "distortion"), [(0.9, (-0.1, 0.02, 1e-3, -5e-4)), (1.3, (-0.05, 0.01, 2e-3, 1e-3)), (2.0, ())])
def test_unified_equals_cv2(xi, distortion, rng):
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "omnidir"):
        pytest.skip("this cv2 has no omnidir: it is in opencv-contrib-python-headless")
    camera, points = bw.UnifiedCamera(**BENT, xi=xi, distortion=distortion), directions(rng, 3000)
    image = bw.project_points(points, camera, IDENTITY)
    numbers = np.array(distortion or (0.0,) * 4).reshape(1, 4)
    theirs = cv2.omnidir.projectPoints(points[:, None], np.zeros(3), np.zeros(3), camera.matrix, xi, numbers)[0].reshape(-1, 2)
    assert image.in_image.sum() > 500
    np.testing.assert_allclose(image.uv[image.in_image], theirs[image.in_image], rtol=0, atol=1e-6)


def test_what_models_have_in_common(rng):
    points = directions(rng, 2000)

    def uv(camera):
        return bw.project_points(points, camera, IDENTITY).uv

    sized = {name: value for name, value in BENT.items() if name in ("width_px", "height_px", "cx_px", "cy_px")}
    unified = bw.UnifiedCamera(**sized, fx_px=420 * 1.6, fy_px=421 * 1.6, xi=0.6)
    alpha = 0.6 / 1.6  # of the same lens with another focal length
    near = points[:, 2] > -0.59
    np.testing.assert_allclose(uv(bw.ExtendedUnifiedCamera(**BENT, alpha=alpha, beta=1.0))[near], uv(unified)[near], rtol=1e-9)
    np.testing.assert_allclose(uv(bw.DoubleSphereCamera(**BENT, xi=0.0, alpha=alpha))[near], uv(unified)[near], rtol=1e-9)
    plain, flat = bw.PinholeCamera(**BENT), bw.UnifiedCamera(**BENT, xi=0.0)
    ahead = points[:, 2] > 0.01
    np.testing.assert_allclose(uv(flat)[ahead], uv(plain)[ahead], rtol=1e-12)
    assert (bw.project_points(points, flat, IDENTITY).status[points[:, 2] <= 0] == PointStatus.FOLD).all()


def test_an_image_circle_ends_every_round_lens():
    for name, camera in ROUND.items():
        narrow = dataclasses.replace(camera, max_angle_rad=1.0)
        angle = np.array([0.5, 0.999, 1.001, 1.5])
        status = bw.project_points(np.c_[np.sin(angle), 0 * angle, np.cos(angle)], narrow, IDENTITY).status
        assert (status == PointStatus.FOLD).tolist() == [False, False, True, True], name
        assert np.isnan(narrow.rays([(1e6, 751)])).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bw.UnifiedCamera(**BENT, xi=-0.1), r"UnifiedCamera.xi: expected a number from 0 to 1000, got -0.1"),
        (lambda: bw.UnifiedCamera(**BENT, xi=math.nan), r"UnifiedCamera.xi: expected a number from 0 to 1000, got nan"),
        (lambda: bw.DoubleSphereCamera(**BENT, xi=1.5, alpha=0.5), r"DoubleSphereCamera.xi: expected a number from -1 to 1, got 1.5"),
        (lambda: bw.DoubleSphereCamera(**BENT, xi=0.5, alpha=1.5), r"DoubleSphereCamera.alpha: expected a number from 0 to 1, got 1.5"),
        (lambda: bw.ExtendedUnifiedCamera(**BENT, alpha=0.5, beta=0), r"ExtendedUnifiedCamera.beta: expected a number from 1e-6 to 1e6, got 0"),
        (lambda: bw.ExtendedUnifiedCamera(**BENT, alpha=0.5, beta=1, distortion=(0.1, 0, 0, 0)), r"expected 0 distortion coefficients, got 4"),
        (lambda: bw.EquirectangularCamera(**BENT | {"fx_px": 0}), r"EquirectangularCamera.fx_px: singular intrinsics"),
        (lambda: bw.UnifiedCamera(**BENT, xi=1, max_angle_rad=4.0), r"UnifiedCamera.max_angle_rad: expected an angle in \(0, pi\]"),
    ],
)
def test_impossible_shapes_are_refused(make, message):
    with pytest.raises(bw.CalibrationError, match=message):
        make()


def test_from_a_matrix():
    matrix = [[420, 0, 799.5], [0, 421, 751], [0, 0, 1]]
    assert bw.UnifiedCamera.from_matrix(matrix, 1600, 1500, (0.1, 0, 0, 0), xi=1.1) == bw.UnifiedCamera(**BENT, xi=1.1, distortion=(0.1, 0, 0, 0))
    assert bw.DoubleSphereCamera.from_matrix(matrix, 1600, 1500, xi=-0.2, alpha=0.5) == bw.DoubleSphereCamera(**BENT, xi=-0.2, alpha=0.5)


# ------------------------------------------------------------ panoramas


def turned(points, angle: float) -> np.ndarray:
    """About the camera's y axis, to the right."""
    c, s = math.cos(angle), math.sin(angle)
    x, y, z = np.asarray(points).T
    return np.c_[c * x + s * z, y, c * z - s * x]


def test_directions_of_a_whole_sphere():
    camera = bw.EquirectangularCamera.of_sphere(360, 180)
    points = [(0, 0, 2), (3, 0, 0), (-1, 0, 0), (0, 0, -1), (-0.0, 0, -1), (0, 1, 0), (0, -1, 0), (1e-9, 0, -1), (-1e-9, 0, -1)]
    image = bw.project_points(points, camera, IDENTITY)
    np.testing.assert_allclose(image.uv[:5, 0], [179.5, 269.5, 89.5, -0.5, -0.5])
    np.testing.assert_allclose(image.uv[:, 1], [89.5] * 5 + [179.5, -0.5] + [89.5] * 2)
    np.testing.assert_allclose(image.uv[7:, 0], [359.5, -0.5], atol=1e-6)
    assert image.in_image.tolist() == [True] * 5 + [False, True, True, True]  # the lowest row's lower border is no more in the picture
    assert bw.project_points([(0, 0, 0)], camera, IDENTITY).status[0] == PointStatus.BEHIND
    np.testing.assert_allclose(camera.rays([(179.5, 89.5), (269.5, 89.5), (-0.5, 89.5)]), [(0, 0, 1), (1, 0, 0), (0, 0, -1)], atol=1e-15)
    np.testing.assert_allclose(camera.corner_rays[:, 1], [-1, -1, 1, 1])


@pytest.mark.parametrize("name", TURNS)
def test_turning_the_world_shifts_the_picture(name, rng):
    camera = TURNS[name]
    points, angle = directions(rng, 2000), 2.2
    here, there = (bw.project_points(p, camera, IDENTITY).uv for p in (points, turned(points, angle)))
    shift = (there[:, 0] - here[:, 0] - camera.fx_px * angle) / camera.width_px
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-9)
    np.testing.assert_allclose(there[:, 1], here[:, 1], rtol=1e-9)
    assert (here[:, 0] >= -0.5).all() and (here[:, 0] < camera.width_px - 0.5).all()


@pytest.mark.kernel
@pytest.mark.parametrize("name", TURNS)
def test_boxes_go_on_across_the_seam(name, rng):
    """Wherever a cuboid stands around the camera its box is the same, shifted; no seam widens it."""
    camera = TURNS[name]
    body = bw.Cuboid([0.0, 0.4, 6.0], [2.0, 1.5, 4.0], 0.4)
    middle = ((camera.width_px - 1) / 2 - camera.cx_px) / camera.fx_px
    boxes = []
    for angle in np.linspace(-math.pi, math.pi, 25):
        pose = bw.Pose(turned(np.eye(3), middle + angle).T)
        boxes.append(bw.project_cuboids(body, camera, pose).xyxy[0] - (camera.fx_px * angle, 0, camera.fx_px * angle, 0))
    truth = naive.visible_box(turned(body.as_cuboids().corners_m()[0], middle), camera, 0.01, 400)
    boxes = np.array(boxes)
    shift = np.round((boxes[:, 0] - truth[0]) / camera.width_px) * camera.width_px
    np.testing.assert_allclose(boxes - shift[:, None] * (1, 0, 1, 0), np.tile(truth, (25, 1)), atol=0.3)
    across = bw.project_cuboids(body, camera, bw.Pose(turned(np.eye(3), middle + math.pi).T))
    left, _, right, _ = across.xyxy[0]
    assert -0.5 <= left < camera.width_px - 0.5 < right < left + 400
    assert across.visible[0] and across.truncation[0] == 0


@pytest.mark.parametrize("name", TURNS)
def test_edges_wrap_at_the_seam(name):
    camera = TURNS[name]
    middle = ((camera.width_px - 1) / 2 - camera.cx_px) / camera.fx_px
    pose = bw.Pose(turned(np.eye(3), middle + math.pi).T)
    body = bw.Cuboid([0.0, 0.4, 4.0], [3.0, 1.5, 4.0], 0.4)
    boxes = bw.project_cuboids(body, camera, pose)
    corners = pose.apply(body.as_cuboids().corners_m()[0])
    for edge, (i, j) in enumerate(EDGES):
        lines = boxes.edges(0, [edge])
        assert all(np.abs(np.diff(line[:, 0])).max() < camera.width_px / 3 for line in lines)
        assert all(((line >= -0.5) & (line <= np.array(camera.size_px) - 0.5)).all() for line in lines)
        image = bw.project_points(corners[i] + np.linspace(0, 1, 800)[:, None] * (corners[j] - corners[i]), camera, IDENTITY)
        if image.in_image.any():
            assert off_lines(image.uv[image.in_image], lines).max() < 0.5
    assert any(line[:, 0].min() < 5 for line in boxes.edges(0)) and any(line[:, 0].max() > camera.width_px - 5 for line in boxes.edges(0))


def off_lines(uv, lines):
    best = np.full(len(uv), np.inf)
    for line in lines:
        for a, b in itertools.pairwise(line):
            share = np.clip(((uv - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-30), 0, 1)
            best = np.minimum(best, np.linalg.norm(uv - a - share[:, None] * (b - a), axis=1))
    return best


@pytest.mark.parametrize("offset", [0.0, 1e-12, 1e-6, 1e-3, 0.05])
def test_above_the_camera_it_is_seen_all_around(offset):
    camera = bw.EquirectangularCamera.of_sphere(1600, 800)
    above = bw.project_cuboids(bw.Cuboid([0.2, -5.0, 0.3], [2.0, 2.0, 1.0], 0.3), camera, IDENTITY)
    np.testing.assert_allclose(above.xyxy[0, :3], [-0.5, -0.5, 1599.5], atol=1e-9)
    assert 60 < above.xyxy[0, 3] < 300
    beside = bw.project_cuboids(bw.Cuboid([1 + offset, -5.0, 0.0], [2.0, 2.0, 1.0], 0.0), camera, IDENTITY)  # its side passes the pole
    left, top, right, bottom = beside.xyxy[0]
    if offset > 0:
        assert top == pytest.approx(math.degrees(math.atan(offset / 5)) / 180 * 800 - 0.5, abs=0.6)
        assert right - left == pytest.approx(1600 * math.atan2(0.5, offset) / math.pi, abs=1)
    assert bottom < 400


def test_inside_a_cuboid_every_picture_is_full():
    for name, camera in WIDE.items():
        box = bw.project_cuboids(bw.Cuboid([0.1, 0.2, -0.3], [3, 4, 5], 0.3), camera, IDENTITY).xyxy[0]
        rays = camera.rays(np.stack(np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px)), -1)[::5, ::5].reshape(-1, 2))
        if np.isfinite(rays).all():
            np.testing.assert_allclose(box, [-0.5, -0.5, camera.width_px - 0.5, camera.height_px - 0.5], err_msg=name)
        else:
            assert box[2] - box[0] > 0.5 * camera.width_px


# ------------------------------------------------------------ files and pictures


@pytest.mark.parametrize("form", ["boxwright", "openlabel"])
def test_every_model_there_and_back(tmp_path, form):
    cameras = {f"cam {i}": bw.CameraSensor(f"cam {i}", camera, bw.Pose.from_yaw(0.1 * i)) for i, camera in enumerate(WIDE.values())}
    report = bw.write(bw.Scene("rig", [0, 9], lidars={"lidar": bw.Lidar("lidar")}, cameras=cameras, label_frame="lidar"), tmp_path / "out", form)
    back = bw.read(tmp_path / "out")
    assert {name: sensor.camera for name, sensor in back.cameras.items()} == {name: sensor.camera for name, sensor in cameras.items()}
    assert not report.dropped
    if form == "openlabel":
        assert "camera cam 7: OpenLABEL has no double_sphere lens; it is in intrinsics_custom, which others may not know" in report.notes


def test_pictures_with_every_model():
    cameras = {name: bw.CameraSensor(name, camera, bw.Pose(bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]).rotation)) for name, camera in WIDE.items()}
    tracks = [
        bw.Track("ahead", "car", [0, 9], bw.Cuboids([[7.0, 0.3, 0.2]] * 2, [[4.0, 2, 1.5]] * 2, 0.2)),
        bw.Track("behind", "car", [0, 9], bw.Cuboids([[-6.0, 0.1, 0.2]] * 2, [[4.0, 2, 1.5]] * 2, 1.2)),
    ]
    scene = bw.Scene("rig", [0, 9], lidars={"lidar": bw.Lidar("lidar")}, cameras=cameras, label_frame="lidar", tracks=tracks)
    for name, picture in render_cameras(scene, 0, labels=False, width_px=400).items():
        assert picture.shape[1] == 400
        drawn = (picture.astype(int) - (22, 25, 32)).any(2)
        assert drawn[40:].any(), name
        if name in ("cylinder", "sphere"):
            assert drawn[40:, 0].any() and drawn[40:, -1].any(), name
            assert drawn[40:].mean() < 0.2, name  # a face across the seam is not filled across the whole picture
