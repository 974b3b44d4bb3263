"""Camera models: what they accept, where their pictures end, and pixels back to rays."""

from __future__ import annotations

import math

import numpy as np
import pytest

import boxwright as bw

KITTI_RAW = (-0.3728755, 0.2037299, 0.002219027, 0.001383707, -0.07233722)
PINHOLES = {
    "plain": (),
    "4": (-0.28, 0.07, 1e-3, -5e-4),
    "5": KITTI_RAW,
    "growing": (0.1, 0.02, 1e-3, 5e-4, 0.01),
    "8": (-0.3, 0.1, 1e-3, -1e-3, 0.01, 0.05, 0.02, 0.003),
    "12": (-0.2, 0.05, 1e-3, -1e-3, 0.01, 0.05, 0.02, 0.003, 1e-3, -5e-4, 7e-4, 2e-4),
    "14": (-0.2, 0.05, 1e-3, -1e-3, 0.01, 0.05, 0.02, 0.003, 1e-3, -5e-4, 7e-4, 2e-4, 0.05, -0.03),
}


def pinhole(name: str) -> bw.PinholeCamera:
    return bw.PinholeCamera(1392, 512, 960.0, 957.0, 696.0, 224.2, PINHOLES[name])


BENT = {"width_px": 1600, "height_px": 1500, "fx_px": 420.0, "fy_px": 421.0, "cx_px": 799.5, "cy_px": 751.0}
TURN = 1600 / (2 * math.pi)
WIDE = {
    "unified": bw.UnifiedCamera(**BENT, xi=1.3),
    "unified, parabolic": bw.UnifiedCamera(**BENT, xi=1.0),
    "unified, distorted": bw.UnifiedCamera(**BENT, xi=0.8, distortion=(-0.11, 0.02, 1e-3, -5e-4)),
    "unified, rational": bw.UnifiedCamera(**BENT, xi=0.7, distortion=PINHOLES["14"]),
    "unified, nearly plane": bw.UnifiedCamera(**BENT, xi=0.1),
    "extended": bw.ExtendedUnifiedCamera(**BENT, alpha=0.62, beta=1.15),
    "extended, flat": bw.ExtendedUnifiedCamera(**BENT, alpha=0.4, beta=0.8),
    "double sphere": bw.DoubleSphereCamera(**BENT, xi=-0.2, alpha=0.58),
    "double sphere, forward": bw.DoubleSphereCamera(**BENT, xi=0.25, alpha=0.41),
    "cylinder": bw.CylindricalCamera(1600, 900, TURN, 250.0, 799.5, 449.5),
    "cylinder, turned": bw.CylindricalCamera(1600, 900, TURN, 250.0, 130.0, 400.0),
    "cylinder, part": bw.CylindricalCamera(1600, 900, 500.0, 480.0, 700.0, 449.5),
    "sphere": bw.EquirectangularCamera.of_sphere(1600, 800),
    "sphere, turned": bw.EquirectangularCamera(1600, 500, TURN, 240.0, 1500.0, 300.0),
    "sphere, part": bw.EquirectangularCamera(1500, 700, 270.0, 260.0, 500.0, 300.0),
}


def fisheye(distortion=(0.02, -0.01, 0.002, -2e-4)) -> bw.FisheyeCamera:
    return bw.FisheyeCamera(1600, 1500, 420.0, 421.0, 799.5, 751.0, distortion)


@pytest.mark.parametrize("name", PINHOLES)
def test_pixels_to_rays_and_back(name, rng):
    camera = pinhole(name)
    uv = rng.uniform((-0.5, -0.5), (1391.4, 511.4), (2000, 2))
    rays = camera.rays(uv)
    assert np.isfinite(rays).all()
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1, atol=1e-14)
    back = bw.project_points(rays * rng.uniform(0.1, 100, (2000, 1)), camera, bw.Pose.identity())
    np.testing.assert_allclose(back.uv, uv, atol=1e-8)
    assert back.in_image.all()


@pytest.mark.parametrize("name", PINHOLES)
def test_rays_to_pixels_and_back(name, rng):
    camera = pinhole(name)
    angle, turn = rng.uniform(0, 0.6, 2000), rng.uniform(-np.pi, np.pi, 2000)
    rays = np.c_[np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)]
    image = bw.project_points(rays, camera, bw.Pose.identity())
    np.testing.assert_allclose(camera.rays(image.uv), rays, atol=1e-9)


def test_fisheye_pixels_and_rays_up_to_its_limit(rng):
    camera = fisheye()
    angle, turn = rng.uniform(0, math.radians(115), 3000), rng.uniform(-np.pi, np.pi, 3000)
    assert camera.max_angle_rad > math.radians(115)
    rays = np.c_[np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)]
    image = bw.project_points(rays, camera, bw.Pose.identity())
    np.testing.assert_allclose(camera.rays(image.uv), rays, atol=1e-12)
    np.testing.assert_allclose(camera.rays([(799.5, 751.0)]), [(0, 0, 1)], atol=0)


def test_pixels_beyond_the_lens_have_no_ray():
    assert np.isnan(fisheye().rays([(1e5, 751.0)])).all()
    assert np.isnan(pinhole("5").rays([(4000.0, 224.0), (np.nan, 0)])).all()
    assert np.isfinite(pinhole("plain").rays([(4000.0, 224.0)])).all()
    with pytest.raises(bw.ArgumentError, match=r"uv: expected \(N, 2\) float array, got shape \(2, 3\)"):
        pinhole("5").rays(np.zeros((2, 3)))


def test_corner_rays_span_the_picture():
    camera = pinhole("plain")
    expected = [((u - 696) / 960, (v - 224.2) / 957, 1) for v in (-0.5, 511.5) for u in (-0.5, 1391.5)]
    np.testing.assert_allclose(camera.corner_rays / camera.corner_rays[:, 2:], expected, rtol=1e-14)


@pytest.mark.parametrize("name", [n for n in PINHOLES if n != "plain"])
def test_the_fold_is_where_the_radius_stops_growing(name):
    camera = bw.PinholeCamera(1392, 512, 960.0, 957.0, 696.0, 224.2, tuple(0.0 if i in (2, 3) or i > 7 else k for i, k in enumerate(PINHOLES[name])))
    k1, k2, _, _, k3, k4, k5, k6 = camera.coefficients[:8]
    r = np.linspace(0, 6, 600_001)
    bent = r * (1 + k1 * r**2 + k2 * r**4 + k3 * r**6) / (1 + k4 * r**2 + k5 * r**4 + k6 * r**6)
    falling = np.flatnonzero(np.diff(bent) <= 0)
    if len(falling):
        assert camera.max_radius == pytest.approx(r[falling[0]], abs=2e-5)
    else:
        assert camera.max_radius > 6
    assert camera.sure_radius == min(camera.max_radius, 1e6)


def test_tangential_terms_draw_the_sure_radius_in():
    camera = bw.PinholeCamera(100, 100, 50, 50, 49.5, 49.5, (0, 0, 1e-2, 1e-2))
    assert camera.max_radius == math.inf
    # at (t, t) the derivative's determinant is (1 + 8 p t)^2 - (4 p t)^2, which vanishes first at t = -1 / (12 p)
    assert camera.sure_radius == pytest.approx(math.sqrt(2) / 12e-2, rel=0.1)
    assert camera.sure_radius <= math.sqrt(2) / 12e-2


def test_fisheye_limit():
    assert fisheye(()).max_angle_rad == math.pi
    k1 = -0.1  # 1 + 3 k1 theta^2 = 0
    assert fisheye((k1, 0, 0, 0)).max_angle_rad == pytest.approx(math.sqrt(1 / 0.3))


def test_beyond_the_image_circle_there_is_nothing():
    limit = math.radians(97)
    camera, boundless = (bw.FisheyeCamera(300, 300, 93.3, 93.3, 149.8, 149.2, (-0.021, 0.004, -0.0021, 0.0002), angle) for angle in (limit, math.pi))
    assert camera.max_angle_rad == limit < boundless.max_angle_rad and camera != boundless
    angle = np.radians([60, 96.9, 97.1, 130])
    points = np.c_[np.sin(angle) * 0.6, np.sin(angle) * 0.8, np.cos(angle)]
    image = bw.project_points(points, camera, bw.Pose.identity())
    assert image.status.tolist() == [bw.PointStatus.OK, bw.PointStatus.OK, bw.PointStatus.FOLD, bw.PointStatus.FOLD]
    assert np.isnan(image.uv).all(1).tolist() == [False, False, True, True]
    assert bw.project_points(points, boundless, bw.Pose.identity()).status[2] == bw.PointStatus.OK
    rays = camera.rays([(0, 0), (299, 299), (149.8, 149.2), (40, 60)])
    assert np.isnan(rays).all(1).tolist() == [True, True, False, False]
    assert np.isfinite(boundless.rays([(0, 0)])).all() and np.isnan(camera.corner_rays).all() and np.isfinite(boundless.corner_rays).all()
    ahead = bw.Cuboid([-2.0, -2.0, -1.2], [0.5, 0.5, 0.5], 0.0)  # 113 degrees off axis: in front of a vehicle with its camera looking back
    assert bw.project_cuboids(ahead, boundless, np.eye(4)).edges(0) and not bw.project_cuboids(ahead, camera, np.eye(4)).edges(0)
    across = bw.project_cuboids(bw.Cuboid([3.0, 0.0, 0.0], [0.5, 0.5, 4.0], 0.0), camera, np.eye(4)).edges(0)
    assert across and np.isfinite(camera.rays(np.concatenate(across) * (1 - 1e-9) + np.array([149.8, 149.2]) * 1e-9)).all()


def test_the_angle_of_an_image_circle_is_checked():
    matrix = [[90, 0, 49], [0, 90, 39], [0, 0, 1]]
    assert bw.FisheyeCamera.from_matrix(matrix, 100, 80, max_angle_rad=1.5) == bw.FisheyeCamera(100, 80, 90, 90, 49, 39, max_angle_rad=1.5)
    folds = bw.FisheyeCamera(100, 80, 90, 90, 49, 39, (-0.1, 0, 0, 0), 3.0)
    assert folds.max_angle_rad == pytest.approx(math.sqrt(1 / 0.3)) and folds == bw.FisheyeCamera(100, 80, 90, 90, 49, 39, (-0.1, 0, 0, 0))
    for angle in (0.0, -1.0, 97.0, math.nan, math.inf):
        with pytest.raises(bw.CalibrationError, match=r"FisheyeCamera.max_angle_rad: expected an angle in \(0, pi\], got .*; radians off axis"):
            bw.FisheyeCamera(100, 80, 90, 90, 49, 39, max_angle_rad=angle)


@pytest.mark.parametrize(
    "distortion", [(-0.2, 0.05, 0.05, 0.08), (-0.3, 0.1, 0.03, -0.06, 0.01, 0.05, 0.02, 0.003, 0.05, -0.03, 0.02, 0.04, 0.3, -0.2)]
)
@pytest.mark.parametrize("f_px", [120, 500])
def test_no_ray_is_one_that_the_projection_calls_folded(distortion, f_px):
    """Strong tangential terms fold the picture in some directions long before others."""
    camera = bw.PinholeCamera(640, 480, f_px, f_px * 1.02, 320, 240, distortion)
    uv = np.stack(np.meshgrid(np.arange(0, 640, 4.0), np.arange(0, 480, 4.0)), -1).reshape(-1, 2)
    rays = camera.rays(uv)
    has_ray = np.isfinite(rays).all(1)
    assert 0.5 < has_ray.mean() < 0.99
    back = bw.project_points(rays[has_ray], camera, bw.Pose.identity())
    assert back.in_image.all()
    np.testing.assert_allclose(back.uv, uv[has_ray], atol=1e-5)


@pytest.mark.parametrize("kind", [bw.PinholeCamera, bw.FisheyeCamera])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fx_px": 0.0}, "fx_px: singular intrinsics: expected a positive focal length, got 0.0"),
        ({"fy_px": -900.0}, "fy_px: singular intrinsics: expected a positive focal length, got -900.0"),
        ({"cx_px": float("nan")}, "cx_px: expected a finite number, got nan"),
        ({"width_px": 0}, "width_px: expected a positive number of pixels, got 0"),
        ({"height_px": 10.5}, "height_px: expected a positive number of pixels, got 10.5"),
        ({"distortion": (0.1, 0.2, 0.3)}, "distortion coefficients, got 3"),
    ],
)
def test_impossible_cameras_are_refused(kind, change, message):
    good = {"width_px": 100, "height_px": 80, "fx_px": 90.0, "fy_px": 90.0, "cx_px": 49.5, "cy_px": 39.5, "distortion": ()}
    with pytest.raises(bw.CalibrationError, match=message):
        kind(**(good | change))


def test_distortion_that_is_no_number_is_refused():
    with pytest.raises(bw.ArgumentError, match="distortion: expected finite numbers"):
        bw.PinholeCamera(100, 80, 90, 90, 49.5, 39.5, (0.1, float("nan"), 0, 0))


def test_cameras_are_values():
    assert pinhole("5") == pinhole("5")
    assert pinhole("5") != pinhole("4")
    assert pinhole("5").size_px == (1392, 512)
    np.testing.assert_array_equal(pinhole("5").matrix, [[960, 0, 696], [0, 957, 224.2], [0, 0, 1]])


# ---------------------------------------------------------------- from a matrix
K = np.array([[900.0, 0, 640], [0, 905.0, 360], [0, 0, 1]])


@pytest.mark.parametrize(("kind", "distortion"), [(bw.PinholeCamera, KITTI_RAW), (bw.FisheyeCamera, [0.1, 0.0, 0.0, 0.0]), (bw.PinholeCamera, ())])
def test_from_a_matrix_and_back(kind, distortion):
    camera = kind.from_matrix(K, 1280, 720, np.array(distortion))
    assert camera == kind(1280, 720, 900.0, 905.0, 640.0, 360.0, tuple(distortion)) and type(camera) is kind
    np.testing.assert_array_equal(camera.matrix, K)
    assert kind.from_matrix(camera.matrix.tolist(), *camera.size_px, camera.distortion) == camera


@pytest.mark.parametrize(
    ("matrix", "kind", "message"),
    [
        (
            np.c_[K, [1, 2, 0]],
            bw.ArgumentError,
            r"matrix: expected \(3, 3\) float array, got shape .*; of a \(3, 4\) projection pass P\[:, :3\]",
        ),
        (K * [[0], [1], [1]], bw.CalibrationError, "fx_px: singular intrinsics: expected a positive focal length, got 0.0; "),
        (np.diag([900.0, -900, 1]), bw.CalibrationError, "fy_px: singular intrinsics"),
        (K + np.array([[0, 2.0, 0], [0, 0, 0], [0, 0, 0]]), bw.CalibrationError, "matrix: skewed intrinsics: .* got 2 and 0; calibrate without skew"),
        (K * 2, bw.CalibrationError, "matrix: expected a last row of 0 0 1, got 0 0 2; divide the matrix by its last number, or transpose it"),
        (K.T, bw.CalibrationError, "matrix: expected a last row of 0 0 1, got 640 360 1"),
        (K + np.nan, bw.ArgumentError, r"matrix: expected finite numbers, got nan at index \(0, 0\)"),
        ("K", bw.ArgumentError, "matrix: expected"),
        (None, bw.ArgumentError, "matrix: expected"),
    ],
)
def test_matrices_that_are_no_intrinsics(matrix, kind, message):
    for camera in (bw.PinholeCamera, bw.FisheyeCamera):
        with pytest.raises(kind, match=f"{camera.__name__}.{message}"):
            camera.from_matrix(matrix, 1280, 720)


def test_tiny_skew_of_rounding_is_none():
    assert bw.PinholeCamera.from_matrix(K + np.array([[0, 1e-12, 0], [1e-13, 0, 0], [0, 0, 0]]), 1280, 720).fx_px == 900


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"width_px": "wide"}, "pass plain real numbers"),
        ({"width_px": None}, "pass plain real numbers"),
        ({"height_px": 10.5}, "width before height"),
        ({"height_px": math.inf}, "width before height"),
        ({"width_px": True}, "pass plain real numbers"),
        ({"fx_px": "long"}, "pass plain real numbers"),
        ({"fx_px": -1.0}, "look at the camera's calibration"),
        ({"cx_px": [1, 2]}, "check the number"),
        ({"distortion": (0.1, 0.2)}, "fill up with zeros to the next of these"),
        ({"distortion": np.zeros(15)}, "is it another lens model, or in another order?"),
        ({"distortion": np.zeros((1, 5))}, "take its only row"),
        ({"distortion": 0.1}, "put it into a list of one"),
    ],
)
def test_what_to_do_about_bad_intrinsics(change, hint):
    good = {"width_px": 640, "height_px": 480, "fx_px": 500, "fy_px": 500, "cx_px": 320, "cy_px": 240}
    with pytest.raises(bw.BoxwrightError) as caught:
        bw.PinholeCamera(**{**good, **change})
    assert hint in caught.value.hint and next(iter(change)) in caught.value.field


@pytest.mark.parametrize("kind", [bw.PinholeCamera, bw.FisheyeCamera])
@pytest.mark.parametrize("value", [1e308, -1e308, 1e9, float("inf"), float("nan")])
def test_numbers_that_no_lens_has(kind, value):
    """They would overflow in the polynomials of the lens; the error names the number."""
    names = ("fx_px", "fy_px", "cx_px", "cy_px")
    good = dict(zip(names, (40.0, 40.0, 32.0, 24.0)))
    for name in names:
        with pytest.raises(
            bw.CalibrationError, match=rf"{kind.__name__}.{name}: .*expected a (finite number|positive focal length|number under 1e\+09)"
        ):
            kind(64, 48, **{**good, name: value})
    for i in range(4):
        distortion = [value if k == i else 0.0 for k in range(4)]
        words = (
            rf"\[{i}\]: expected a coefficient under 1e\+09, got" if math.isfinite(value) else rf": expected finite numbers, got .* at index \({i},\)"
        )
        with pytest.raises((bw.CalibrationError, bw.ArgumentError), match=rf"{kind.__name__}.distortion{words}"):
            kind(64, 48, **good, distortion=distortion)
