"""What is in front: the slow twin, rays as an oracle, laws, the simulator's truth, real recordings."""

from __future__ import annotations

import math

import numpy as np
import pytest

import boxwright as bw
import naive
from boxwright.kernels import occlusion as kernels
from test_cameras import PINHOLES

IDENTITY = bw.Pose.identity()
CAM_FROM_LIDAR = bw.Pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]], (0.4, 0.5, -0.3))
CAMERAS = {name: bw.PinholeCamera(120, 90, 85.0, 84.0, 59.2, 44.1, distortion) for name, distortion in PINHOLES.items()}
CAMERAS["unified"] = bw.UnifiedCamera(120, 110, 70.0, 71.0, 59.0, 55.5, (-0.1, 0.02, 1e-3, -5e-4), xi=0.9)
CAMERAS["double sphere"] = bw.DoubleSphereCamera(120, 110, 40.0, 41.0, 59.0, 55.5, xi=-0.2, alpha=0.58)
CAMERAS["cylinder"] = bw.CylindricalCamera(120, 90, 40.0, 38.0, 59.0, 44.5)
CAMERAS["sphere"] = bw.EquirectangularCamera(150, 80, 30.0, 28.0, 74.5, 39.5)
WHOLE_TURN_PX = {"across the seam": 150, "whole sphere": 160}  # in the first, what is ahead lies at the borders
CAMERAS["across the seam"] = bw.CylindricalCamera(150, 80, 75 / math.pi, 24.0, -0.5, 39.5)
CAMERAS["whole sphere"] = bw.EquirectangularCamera.of_sphere(160, 80)
CAMERAS["fisheye"] = bw.FisheyeCamera(120, 110, 34.0, 35.0, 59.0, 55.5, (0.02, -0.01, 0.002, -2e-4))


def street(rng, n=180) -> np.ndarray:
    """(n, 3) points in the lidar frame as a coarse turning sensor sees them: ground, and upright things at several distances."""
    azimuth, slope = np.meshgrid(np.linspace(-0.8, 0.8, n // 12 + 1), np.linspace(-0.35, 0.12, 12))
    azimuth, slope = (a.ravel()[:n] + rng.normal(0, 0.002, min(n, a.size)) for a in (azimuth, slope))
    wall = rng.choice([4.0, 9.0, 25.0], 40)[((azimuth + 1) * 10).astype(int)]
    reach = np.where(slope < -0.02, np.minimum(1.7 / np.maximum(-slope, 1e-3), wall), wall)
    return np.c_[reach * np.cos(azimuth), reach * np.sin(azimuth), reach * slope]


def looks_of(points, camera, pose, sensor=(0.0, 0, 0)) -> np.ndarray:
    image = bw.project_points(points, camera, pose)
    index = np.flatnonzero(image.in_image)
    looks = np.empty((len(index), 11))
    numbers = np.concatenate([pose.rotation.ravel(), pose.translation_m])
    kernels.look(points, image.uv, index, numbers, camera.packed, pose.apply(np.array(sensor)), looks)
    return looks


# ------------------------------------------------------------ the slow twin


@pytest.mark.kernel
@pytest.mark.parametrize("name", CAMERAS)
def test_everything_equals_the_twin(name, rng):
    camera, points, turn = CAMERAS[name], street(rng), WHOLE_TURN_PX.get(name, math.inf)
    points[3] = np.nan
    points[150:] = points[60]
    for cell, gaps in ((3, None), (1, None), (4, (0.06, 0.04))):
        made = bw.depth_map(points, camera, CAM_FROM_LIDAR, cell_px=cell, beam_gaps_rad=gaps, sensor_origins_m=(0.1, 0, 0.2))
        index = np.flatnonzero(made.image.in_image)
        assert len(index) > 50
        at = CAM_FROM_LIDAR.apply(points[index])
        rows = naive.beams(at, CAM_FROM_LIDAR.apply(np.array([0.1, 0, 0.2])), camera)
        extents = naive.patch_extents(rows, gaps, turn)
        range_m, nearest, sees = naive.depth_map(at, np.linalg.norm(at, axis=1), rows, extents, camera, cell, turn)
        np.testing.assert_allclose(made.range_m, range_m, atol=1e-9)
        np.testing.assert_array_equal(made.point_index, np.append(index, -1)[nearest])
        np.testing.assert_array_equal(np.flatnonzero(made.sees), index[sees])
        assert 0 < sees.sum() < len(sees)
        np.testing.assert_allclose(made.depth_m, np.append(at[:, 2], np.nan)[nearest], atol=1e-12)


@pytest.mark.kernel
@pytest.mark.parametrize("name", CAMERAS)
def test_rates_equal_small_turns_of_the_beam(name, rng):
    camera, points = CAMERAS[name], rng.normal(size=(150, 3)) * (8, 5, 3) + (9, 0, 0)
    looks = looks_of(points, camera, CAM_FROM_LIDAR)
    rows = naive.beams(looks[:, :3], CAM_FROM_LIDAR.translation_m, camera)
    assert len(rows) > 20
    np.testing.assert_allclose(looks[:, [4, 5, 6]], rows[:, :3], atol=1e-12)
    np.testing.assert_allclose(looks[:, [7, 8]], rows[:, 3:5], rtol=1e-5, atol=1e-5)


def beam_fields(rng):
    turn, rise = np.meshgrid(np.arange(14) * 0.01, np.arange(12) * 0.02)
    lattice = np.c_[turn.ravel(), rise.ravel()]
    yield "lattice", lattice
    yield "shaken", lattice + rng.normal(0, 1e-3, lattice.shape)
    yield "turned", lattice @ np.array([[0.94, 0.34], [-0.34, 0.94]])
    yield "twice", np.repeat(lattice[:60], 3, axis=0)
    yield "some again and again", np.concatenate([lattice[:120], lattice[rng.integers(0, 5, 60)], np.zeros((20, 2))])
    yield "scattered", rng.uniform(-1.4, 1.4, (200, 2))
    yield "everywhere", np.c_[rng.uniform(-np.pi, np.pi, 200), rng.uniform(-np.pi / 2, np.pi / 2, 200)]
    yield "line", np.c_[rng.uniform(-3, 3, 150), np.full(150, 0.1)]
    yield "one", np.zeros((1, 2))
    yield "poles", np.c_[np.zeros(40), np.linspace(-np.pi / 2, np.pi / 2, 40)]


@pytest.mark.kernel
def test_neighbours_equal_the_twin(rng):
    for name, angles in beam_fields(rng):
        looks = np.zeros((len(angles), 11))
        looks[:, 4:6] = angles
        for slack in (0.0, 0.006, 0.1):
            wanted = naive.next_beams(*angles.T, slack)
            for c in range(2):
                gaps, found, first = np.empty(len(angles)), np.empty(len(angles), np.int32), np.empty(len(angles), np.int32)
                kernels.neighbours(looks, slack if c else -1.0, gaps, found, first)
                np.testing.assert_array_equal(first, naive.first_equal(angles), err_msg=name)
                distance = [np.where(f >= 0, np.abs(angles[f] - angles).sum(-1), -1) for f in (found, wanted[1][:, c])]
                np.testing.assert_allclose(gaps, wanted[0][:, c], atol=1e-12, err_msg=name)
                np.testing.assert_allclose(*distance, atol=1e-12, err_msg=name)  # rounding may break a tie the other way


def test_points_that_a_driver_set_to_nothing_cost_little(rng):
    """300,000 of them at the sensor's place. Each used to be compared with every other, which took minutes, and they counted as so many beams."""
    camera, pose = CAMERAS["5"], bw.Pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]], (0.0, 0.2, 1.0))
    points = street(rng, 900)
    one, many = (bw.depth_map(np.concatenate([points, np.zeros((n, 3))]), camera, pose) for n in (1, 300_000))
    assert one.image.in_image[900]
    np.testing.assert_array_equal(many.range_m, one.range_m)
    np.testing.assert_array_equal(many.sees[:901], one.sees)
    assert many.sees[900:].all()


@pytest.mark.parametrize("name", ["plain", "5", "fisheye"])
def test_shares_equal_rays(name, rng):
    camera, points = CAMERAS[name], street(rng, 900)
    made = bw.depth_map(points, camera, CAM_FROM_LIDAR)
    center = np.c_[rng.uniform(4, 22, 60), rng.uniform(-8, 8, 60), rng.uniform(-1.5, 1, 60)]
    quat = rng.normal(size=(60, 4)) * (1, 0.2, 0.2, 1)
    cuboids = bw.Cuboids(center, rng.uniform(0.8, 5, (60, 3)), quat_wxyz=quat / np.linalg.norm(quat, axis=1, keepdims=True))
    boxes = bw.project_cuboids(cuboids, camera, CAM_FROM_LIDAR)
    size = np.prod(boxes.xyxy[:, 2:] - boxes.xyxy[:, :2], axis=1)
    share = made.visible_share(cuboids, CAM_FROM_LIDAR)
    assert ((share >= 0) & (share <= 1)).all()
    index = np.flatnonzero(made.image.in_image)
    place = np.full(len(points) + 1, -1)
    place[index] = np.arange(len(index))
    at = CAM_FROM_LIDAR.apply(points[index])
    uv = np.stack(np.meshgrid(np.arange(-0.4, camera.width_px - 0.5, 0.2), np.arange(-0.4, camera.height_px - 0.5, 0.2)), -1).reshape(-1, 2)
    rays, n_looked, n_partly = camera.rays(uv), 0, 0
    for m in np.flatnonzero(size > 30)[:25]:
        corners = CAM_FROM_LIDAR.apply(cuboids.corners_m()[m])
        if np.abs(corners).min() < 0.3 and corners[:, 2].min() < 0.3:
            continue
        wanted = naive.visible_share(corners, at, made.range_m, place[made.point_index], made.cell_px, uv, rays)
        assert abs(share[m] - wanted) < 0.04, (m, share[m], wanted)
        n_looked += 1
        n_partly += 0.05 < wanted < 0.95
    assert n_looked > 15
    assert n_partly > 5


# ------------------------------------------------------------ laws


def near_wall(points):
    """A wall 2 m high at x = 5 from y = -1 to 1, as dense as the beams."""
    y, z = np.meshgrid(np.arange(-1, 1.001, 0.04), np.arange(-1.7, 0.3, 0.04))
    return np.concatenate([points, np.c_[np.full(y.size, 5.0), y.ravel(), z.ravel()]])


def test_moving_everything_changes_nothing(rng):
    camera, points = CAMERAS["5"], street(rng, 900)
    cuboids = bw.Cuboids([[8, 0, 0], [12, 3, -1.0]], [[4, 2, 2]] * 2, [0.3, 1.2])
    quat = rng.normal(size=4)
    moved = bw.Pose.from_quat(quat / np.linalg.norm(quat), (300.0, -200.0, 40.0))
    here = bw.depth_map(points, camera, CAM_FROM_LIDAR)
    there = bw.depth_map(moved.apply(points), camera, CAM_FROM_LIDAR @ moved.inverse(), sensor_origins_m=moved.translation_m)
    np.testing.assert_allclose(there.range_m, here.range_m, atol=1e-9)
    np.testing.assert_array_equal(there.sees, here.sees)
    np.testing.assert_array_equal(there.point_index, here.point_index)
    shares = [m.visible_share(cuboids.transformed(p), CAM_FROM_LIDAR @ p.inverse()) for m, p in ((here, IDENTITY), (there, moved))]
    np.testing.assert_allclose(*shares, atol=1e-9)


@pytest.mark.parametrize("kind", [bw.CylindricalCamera, bw.EquirectangularCamera])
def test_turning_a_panorama_rolls_its_map(kind, rng):
    """The borders of a picture of the whole turn are neighbours. Patches used to end there, and beams to have no neighbours behind the camera."""
    azimuth, slope = np.meshgrid(np.linspace(-np.pi, np.pi, 120, endpoint=False), np.linspace(-0.3, 0.1, 10))
    azimuth, slope = azimuth.ravel() + rng.normal(0, 0.004, 1200), slope.ravel() + rng.normal(0, 0.002, 1200)
    reach = np.where(np.sin(5 * azimuth) > 0, 6.0, 15.0)
    points = np.c_[reach * np.cos(azimuth), reach * np.sin(azimuth), reach * slope]
    camera = kind(360, 120, 180 / np.pi, 60.0, 179.5, 59.5)
    maps = []
    for n_cells in (0, 1, 30, 90, 151):
        turn = n_cells * 2 * np.pi / 180
        about_y = bw.Pose([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
        made = bw.depth_map(points, camera, about_y @ CAM_FROM_LIDAR)
        maps.append((np.roll(made.range_m, -n_cells, axis=1), made.sees))
    filled = np.isfinite(maps[0][0])[28:38]
    assert filled.mean() > 0.6 and filled[:, [0, -1]].mean() > 0.6
    for range_m, sees in maps[1:]:
        np.testing.assert_allclose(range_m, maps[0][0], atol=1e-9)
        np.testing.assert_array_equal(sees, maps[0][1])


def test_the_order_of_points_does_not_matter(rng):
    camera, points = CAMERAS["fisheye"], street(rng, 900)
    order = rng.permutation(len(points))
    one, other = bw.depth_map(points, camera, CAM_FROM_LIDAR), bw.depth_map(points[order], camera, CAM_FROM_LIDAR)
    np.testing.assert_array_equal(one.sees[order], other.sees)
    np.testing.assert_array_equal(one.range_m, other.range_m)


def test_without_anything_before_it_a_cuboid_is_seen_whole(rng):
    cuboids = bw.Cuboids(rng.uniform((6, -3, -1), (20, 3, 1), (20, 3)), [[4, 2, 2]] * 20, rng.uniform(-3, 3, 20))
    for camera in CAMERAS.values():
        nothing = bw.depth_map(np.zeros((0, 3)), camera, CAM_FROM_LIDAR)
        assert (nothing.visible_share(cuboids, CAM_FROM_LIDAR) == 1).all()
        assert (nothing.point_index == -1).all()
        assert np.isnan(nothing.range_m).all()
        behind = bw.depth_map(rng.uniform((40, -20, -2), (50, 20, 9), (500, 3)), camera, CAM_FROM_LIDAR)
        assert behind.sees.any()
        assert (behind.visible_share(cuboids, CAM_FROM_LIDAR) == 1).all()


def test_more_before_it_never_shows_more(rng):
    cuboids = bw.Cuboids(rng.uniform((8, -4, -1), (25, 4, 1), (30, 3)), rng.uniform(1, 4, (30, 3)), rng.uniform(-3, 3, 30))
    pose, points = CAM_FROM_LIDAR, street(rng, 900)
    for camera in (CAMERAS["5"], CAMERAS["fisheye"]):
        few, more = (bw.depth_map(p, camera, pose, beam_gaps_rad=(0.01, 0.02)) for p in (points, near_wall(points)))
        before, after = few.visible_share(cuboids, pose), more.visible_share(cuboids, pose)
        assert (after <= before + 1e-12).all()
        assert (after < before - 0.2).sum() > 5
        assert (few.sees | ~more.sees[: len(points)]).all()
        assert (more.sees[: len(points)] < few.sees).any()


def test_a_cuboids_own_points_never_hide_it():
    body = bw.Cuboids([[8.0, 0, 0]], [[4, 2, 2]], 0.4)
    half, camera = np.array([2, 1, 1.0]), CAMERAS["plain"]
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 25)] * 3), -1).reshape(-1, 3)
    shell = grid[np.abs(grid).max(1) == 1]
    for margin, wanted in ((0.05, 1.0), (0.5, 0.0)):
        points = (shell * (half + margin)) @ body.rotation[0].T + body.center_m[0]
        share = bw.depth_map(points, camera, CAM_FROM_LIDAR, beam_gaps_rad=(0.04, 0.04)).visible_share(body, CAM_FROM_LIDAR)
        assert abs(share[0] - wanted) < 0.02


def test_what_is_hidden_behind_a_wall():
    """A wall 5 m ahead and a larger one 20 m ahead, both seen whole by a sensor that stands high; the camera stands at its foot."""
    y, z = np.meshgrid(np.arange(-8, 8, 0.05), np.arange(-2, 6, 0.05))
    far = np.c_[np.full(y.size, 20.0), y.ravel(), z.ravel()]
    y, z = np.meshgrid(np.arange(-1, 1.001, 0.05), np.arange(-2, 1.001, 0.05))
    near = np.c_[np.full(y.size, 5.0), y.ravel(), z.ravel()]
    camera, pose = bw.PinholeCamera(800, 600, 500.0, 500.0, 399.5, 299.5), bw.Pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    made = bw.depth_map(np.concatenate([far, near]), camera, pose, sensor_origins_m=(0, 0, 9.0))
    shadow = (np.abs(far[:, 1]) <= 4) & (far[:, 2] <= 4)  # four times as far, four times as large
    rim = (np.abs(np.abs(far[:, 1]) - 4) < 0.25) & (far[:, 2] < 4.25) | (np.abs(far[:, 2] - 4) < 0.25) & (np.abs(far[:, 1]) < 4.25)
    in_image = made.image.in_image[: len(far)]
    assert (made.sees[: len(far)] == (in_image & ~shadow))[~rim].all()
    assert made.sees[len(far) :][made.image.in_image[len(far) :]].all()
    body = bw.Cuboids([[15.0, 3.0, 0]], [[0.01, 2.0, 2.0]], 0.0)  # the shadow ends at y = 3 there, and half a gap between points farther out
    assert abs(made.visible_share(body, pose)[0] - (4 - 3 * 1.025) / 2) < 0.01


def test_shares_of_what_is_not_in_the_picture(rng):
    made = bw.depth_map(street(rng), CAMERAS["5"], CAM_FROM_LIDAR)
    cuboids = bw.Cuboids([[-10, 0, 0], [10, 200, 0], [0, 0, 0], [10, 0, 0]], [[4, 2, 2]] * 4, 0.0)
    track = bw.Track("a", "car", np.array([0, 10]), bw.Cuboids([[10, 0, 0.0]] * 2, [[4, 2, 2]] * 2, 0.0))
    gone = bw.interpolate(track.times_ns, track.cuboids, np.array([50]), missing="nan")
    np.testing.assert_array_equal(made.visible_share(cuboids, CAM_FROM_LIDAR)[:3], [0, 0, 1])
    assert np.isnan(made.visible_share(gone, CAM_FROM_LIDAR)).all()
    assert made.visible_share(cuboids[3], CAM_FROM_LIDAR).shape == (1,)
    assert made.visible_share(cuboids[:0], CAM_FROM_LIDAR).shape == (0,)
    assert repr(made).startswith("DepthMap(45 x 60 cells, ")


def test_points_in_every_layout(rng):
    points = street(rng)
    wanted = bw.depth_map(points.astype(np.float32), CAMERAS["5"], CAM_FROM_LIDAR)
    wide = np.zeros((2 * len(points), 5), np.float32)
    wide[::2, 1:4] = points
    for view in (wide[::2, 1:4], np.asfortranarray(points.astype(np.float32)), bw.Sweep(points.astype(np.float32))):
        np.testing.assert_array_equal(bw.depth_map(view, CAMERAS["5"], CAM_FROM_LIDAR).range_m, wanted.range_m)
    one = bw.depth_map([[8.0, 0, 0]], CAMERAS["5"], CAM_FROM_LIDAR)
    assert one.sees.all()
    assert (one.point_index == 0).sum() == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"cell_px": 0}, "cell_px: expected a whole number of pixels, 1 or more, got 0"),
        ({"cell_px": 1.5}, "cell_px: expected a whole number"),
        ({"cell_px": math.nan}, "cell_px: expected a whole number"),
        ({"cell_px": "2"}, "cell_px: expected a number, got str '2'"),
        ({"beam_gaps_rad": (0.0, 0.1)}, "beam_gaps_rad: expected two angles above 0"),
        ({"beam_gaps_rad": 0.1}, r"beam_gaps_rad: expected \(2,\) float array"),
        ({"beam_gaps_rad": (4.0, 2.0)}, "np.radians"),
        ({"sensor_origins_m": (1.0, 2.0)}, "sensor_origins_m: expected"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(bw.ArgumentError, match=message):
        bw.depth_map(np.zeros((4, 3)), CAMERAS["5"], IDENTITY, **options)


def test_points_in_the_world_frame_need_the_sensors_place(rng):
    sweep = bw.Sweep(street(rng), frame="world")
    with pytest.raises(bw.ArgumentError, match="do not tell where they were seen from"):
        bw.depth_map(sweep, CAMERAS["5"], CAM_FROM_LIDAR)
    assert bw.depth_map(sweep, CAMERAS["5"], CAM_FROM_LIDAR, sensor_origins_m=[(0, 0, 0)]).sees.any()


# ------------------------------------------------------------ the simulator's truth


def cuboid_ranges(cuboid, rays) -> np.ndarray:
    """(R,) how far along rays from the camera a cuboid of the cam frame begins; inf where they miss it."""
    start, way = -cuboid.center_m[0] @ cuboid.rotation[0], rays @ cuboid.rotation[0]
    with np.errstate(all="ignore"):
        ends = (np.array([[-1], [1]]) * cuboid.size_m[0, None] / 2 - start)[:, None] / way
    low, high = ends.min(0).max(-1), ends.max(0).min(-1)
    return np.where((low <= high) & (low > 0), low, np.inf)


@pytest.mark.parametrize(("seed", "beams"), [(7, {}), (11, {"n_beams": 64, "n_columns": 1800})])
def test_shares_are_near_the_simulators_truth(seed, beams):
    """Truth: pixels whose ray meets the cuboid, and whether the picture's depth there is nearer and not the object's own.

    It knows glass, what the beams missed and where things were when the picture was taken, which the sweep does not: hence a mean error.
    """
    scene = bw.simulate(seed, 12, **beams)
    errors, n_partly = [], 0
    for frame, name in ((f, c) for f in (0, 11) for c in scene.cameras):
        camera, labels = scene.camera(name).camera, scene.labels(frame, frame="world")
        u, v = np.meshgrid(np.arange(camera.width_px), np.arange(camera.height_px))
        rays = camera.rays(np.c_[u.ravel(), v.ravel()])
        reach = scene.data.depth_m(frame, name).ravel() / np.where(np.abs(rays[:, 2]) > 0.02, rays[:, 2], np.nan)
        owner = scene.data.pixel_track_index(frame, name).ravel()
        sweep, pose = scene.points(frame), scene.cam_from(frame, name, "world")
        share = bw.depth_map(sweep, camera, scene.cam_from(frame, name, sweep.frame)).visible_share(labels.cuboids, pose)
        cuboids = labels.cuboids.transformed(pose)
        for m, track in enumerate(labels.track_index):
            begins = cuboid_ranges(cuboids[[m]], rays)
            shown = np.isfinite(begins) & np.isfinite(rays[:, 0])
            if shown.sum() < 40:
                continue
            hidden = shown & (owner != track) & (reach < np.where(shown, 0.98 * begins - 0.2, 0.0))
            wanted = 1 - hidden.sum() / shown.sum()
            errors.append(abs(share[m] - wanted))
            n_partly += 0.05 < wanted < 0.95
    assert len(errors) > 30
    assert n_partly > 10
    assert np.mean(errors) < 0.08, (np.mean(errors), len(errors), n_partly)


def test_points_that_the_picture_shows_hidden():
    """Against the simulator's depth pictures: what is said to be hidden is, and nearly everything that is seen is said to be."""
    scene = bw.simulate(7, 1)
    table = np.zeros((2, 2), int)
    for name in ("front", "right"):
        sweep, camera, pose = scene.points(0), scene.camera(name).camera, scene.cam_from(0, name, "lidar")
        made = bw.depth_map(sweep, camera, pose)
        index = np.flatnonzero(made.image.in_image)
        column, row = np.floor(made.image.uv[index] + 0.5).astype(int).T
        truth = scene.data.depth_m(0, name)[row, column]
        ratio = np.linalg.norm(pose.apply(np.asarray(sweep.xyz, float)[index]), axis=1) / made.image.depth_m[index]
        hidden = truth * ratio < made.image.depth_m[index] * ratio * 0.98 - 0.2
        np.add.at(table, (hidden.astype(int), made.sees[index].astype(int)), 1)
    (false, seen), (found, missed) = table
    assert false < 0.04 * (seen + false), table
    assert found > 0.5 * (found + missed), table


# ------------------------------------------------------------ real recordings


def test_seen_from_the_sensor_itself_hardly_anything_is_hidden(real_data):
    """Each beam comes back from one place, so a camera at the sensor sees every point; what is left are uneven beams in cells of 2 px."""
    scene = bw.read(real_data / "kitti_tracking/training", scene="0001")
    camera, pose = scene.camera("image_02").camera, scene.cam_from(0, "image_02", "lidar")
    made = bw.depth_map(scene.points(0), camera, bw.Pose(pose.rotation))
    there = made.image.in_image
    assert there.sum() > 15_000
    assert (there & ~made.sees).sum() < 0.01 * there.sum()


def test_kittis_occluded_cars(real_data):
    """KITTI's annotators said in the left picture which cars something stands in front of."""
    scene = bw.read(real_data / "kitti_tracking/training", scene="0001")
    for frame in (0, 1):
        sweep, labels = scene.points(frame), scene.labels(frame, frame="lidar")
        pose = scene.cam_from(frame, "image_02", "lidar")
        made = bw.depth_map(sweep, scene.camera("image_02").camera, pose)
        share = made.visible_share(labels.cuboids, pose)
        occluded = np.array([scene.tracks[i].at([scene.times_ns[frame]]).visibility[0] for i in labels.track_index]) == bw.Visibility.OCCLUDED
        assert share[~occluded].min() > 0.9
        assert share[occluded].mean() < 0.8
        assert 0.01 < (made.image.in_image & ~made.sees).sum() / made.image.in_image.sum() < 0.06


def test_two_stacked_sensors_hide_little_ground(real_data):
    """Argoverse 2: two LiDARs with uneven beams in one cloud. Of neighbouring rings on the ground the nearer ones should not hide the others."""
    pytest.importorskip("pyarrow", reason="Argoverse 2 needs the extra 'io'")
    scene = bw.read(next((real_data / "av2/sensor").glob("7fab2350*")))
    frame = next(i for i in range(len(scene)) if scene.has_points(i))
    sweep, origins = scene.points(frame), scene.lidar_origins_m(scene.points(frame).frame)
    low = bw.ground(sweep).above_m(sweep) < 0.1
    n_there, n_hidden = 0, 0
    for name in scene.cameras:
        made = bw.depth_map(sweep, scene.camera(name).camera, scene.cam_from(frame, name, sweep.frame), sensor_origins_m=origins)
        there = made.image.in_image & low
        n_there += there.sum()
        n_hidden += (there & ~made.sees).sum()
    assert n_there > 30_000
    assert n_hidden < 0.07 * n_there, (n_hidden, n_there)
