"""Pictures are checked by where things are in them, and looked at by people."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import boxwright as bw
import street
from boxwright.render import mosaic, render_overview, write_picture
from boxwright.render.canvas import Canvas, plain
from boxwright.render.labels import MIN_LUMA, color_of, free_place

CAR = bw.Cuboids([[10.0, 5.0, 0.8]], [[4.4, 1.8, 1.5]], 0.0, frame="lidar")


@pytest.fixture(scope="module")
def scene() -> bw.Scene:
    return street.scene()


def near(picture, color, tolerance=30):
    """(K, 2) u, v of the pixels of about a colour."""
    v, u = np.nonzero(np.abs(picture.astype(int) - color).max(2) <= tolerance)
    return np.column_stack([u, v])


def uv_of(x, y, range_m=20.0, size_px=400):
    """Where (x, y) must be in a square picture from above, worked out by hand: x up, y left."""
    scale = size_px / 2 / range_m
    return (size_px - 1) / 2 - y * scale, (size_px - 1) / 2 - x * scale


def bev(cuboids, **options):
    options = {"center_m": (0, 0), "range_m": 20, "width_px": 400, "height_px": 400, "labels": False} | options
    return bw.render_bev(np.zeros((0, 3)), cuboids=cuboids, categories=["car"] * len(cuboids), **options)


def test_bev_places_a_cuboid_ahead_on_the_left():
    found = near(bev(CAR), color_of("car"))
    found = found[found[:, 0] > 60]  # not the legend
    u, v = uv_of(10, 5)
    assert abs(np.median(found[:, 0]) - u) < 3
    assert abs((found[:, 1].min() + found[:, 1].max()) / 2 - v) < 12  # the arrow reaches past the front
    assert u < 200
    assert v < 200


@pytest.mark.parametrize(("yaw", "front"), [(0, (12.2, 5)), (np.pi / 2, (10, 7.2)), (np.pi, (7.8, 5)), (-np.pi / 2, (10, 2.8))])
def test_bev_shows_the_heading(yaw, front):
    cuboids = CAR.replace(yaw_rad=[yaw])
    bright = near(bev(cuboids), (215, 219, 225), 40)
    ego_u, ego_v = uv_of(0, 0)
    bright = bright[np.hypot(bright[:, 0] - ego_u, bright[:, 1] - ego_v) > 40]  # not the vehicle's own arrow
    bright = bright[bright[:, 1] < 350]  # nor the scale bar
    assert len(bright) >= 4
    np.testing.assert_allclose(np.median(bright, axis=0), uv_of(*front), atol=4)


def test_bev_draws_points_where_they_are_and_higher_ones_on_top():
    points = np.array(
        [[5.0, -10.0, 0.0], [15.0, 2.0, 0.0], [15.0, 2.0, 6.0], [15.0, 2.0, 1.0], [np.nan, 1, 1], [np.inf, 0, 0]] + [[3.0, 3.0, 0.0]] * 40
    )
    picture = bw.render_bev(points, center_m=(0, 0), range_m=20, width_px=400, height_px=400)
    bare = bw.render_bev(np.zeros((0, 3)), center_m=(0, 0), range_m=20, width_px=400, height_px=400)
    changed = np.argwhere((picture != bare).any(2))[:, ::-1]
    for x, y, _ in points[:2]:
        assert np.hypot(*(changed - uv_of(x, y)).T).min() < 2
    u, v = (round(value) for value in uv_of(15, 2))
    assert picture[v, u].astype(int).sum() > 450  # the highest one's light colour


def test_bev_colours_the_points_of_a_cuboid():
    points = np.array([[10.0, 5.0, 0.8], [0.0, -15.0, 0.8]])
    with_points = bw.render_bev(points, cuboids=CAR, categories=["car"], center_m=(0, 0), range_m=20, width_px=400, height_px=400)
    u, v = (round(value) for value in uv_of(10, 5))
    red, green, blue = (int(c) for c in with_points[v - 1 : v + 2, u - 1 : u + 2].reshape(-1, 3).max(0))
    assert red > 200
    assert red >= green > blue


def test_bev_of_a_scene_has_trails_behind_what_moves(scene):
    with_trails = bw.render_bev(scene, 5, range_m=25, labels=False)
    without = bw.render_bev(scene, 5, range_m=25, labels=False, trails=False)
    v, u = np.nonzero((with_trails != without).any(2))
    assert len(u) > 20
    past = scene.transform("lidar", "world", int(scene.times_ns[5])).apply(scene.track("driving").cuboids.center_m)
    places = np.array([uv_of(x, y, 25, 1000) for x, y, _ in past])
    distance = np.hypot(u[:, None] - places[None, :, 0], v[:, None] - places[None, :, 1]).min(0)
    assert (distance[:2] < 4).all()


@pytest.mark.parametrize("side_px", [2000, 3000])
def test_lines_and_texts_grow_with_big_pictures(scene, side_px):
    """A picture of 3000 pixels used to have texts of the same 15 pixels as one of 1000: not to be read once it was shown whole."""

    def rows_of_title(side_px):
        scale = side_px // 1000
        title = bw.render_bev(scene, 0, width_px=side_px, height_px=side_px)[: 36 * scale, : 120 * scale]
        bright = np.flatnonzero((title.min(2) > 180).any(1))
        return bright[-1] - bright[0] + 1

    assert rows_of_title(side_px) == pytest.approx(rows_of_title(1000) * side_px / 1000, rel=0.15)
    names = [mosaic({"front": np.zeros((90, 160, 3), np.uint8)}, width_px=w, height_px=h) for w, h in ((1600, 900), (1600 * 4, 900 * 4))]
    small, large = (np.flatnonzero((picture.min(2) > 180).any(1)) for picture in names)
    assert np.ptp(large) > 3 * np.ptp(small)


def test_bev_of_nothing_and_of_far_away():
    assert bw.render_bev(np.zeros((0, 3))).shape == (1000, 1000, 3)
    far = np.random.default_rng(0).normal(size=(500, 3)) * 10 + (500_000, 5_000_000, 100)
    picture = bw.render_bev(far, width_px=300, height_px=200)
    assert picture.shape == (200, 300, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"width_px": 10}, bw.ArgumentError, "width_px"),
        ({"range_m": 0.0}, bw.ArgumentError, "range_m"),
        ({"range_m": float("nan")}, bw.ArgumentError, "range_m"),
        ({"center_m": (1, 2, 3)}, bw.ArgumentError, "center_m"),
        ({"cuboids": CAR, "categories": ["car", "car"]}, bw.ArgumentError, "1 name,"),
    ],
)
def test_bev_refuses(options, error, words):
    with pytest.raises(error, match=words):
        bw.render_bev(np.zeros((3, 3)), **options)


def test_bev_refuses_frames_that_differ(scene):
    with pytest.raises(bw.GeometryError, match="frame"):
        bw.render_bev(scene, 0, cuboids=CAR.transformed(bw.Pose.identity(), frame="world"))
    with pytest.raises(bw.FrameMissing, match=r"0\.\.5"):
        bw.render_bev(scene, 6)
    with pytest.raises(bw.ArgumentError, match=r"\(N, 3\)"):
        bw.render_bev(np.zeros((3, 4)))


def test_cameras_draw_the_projected_edges(scene):
    plain_pictures = {name: scene.image(0, name) for name in ("front",)}
    drawn = bw.render_cameras(scene, 0, labels=False)
    assert {name: picture.shape for name, picture in drawn.items()} == {"front": (360, 640, 3), "wide": (300, 300, 3)}
    changed = (drawn["front"] != plain_pictures["front"]).any(2)
    boxes = bw.project_cuboids(scene.cuboids(0), scene.camera("front").camera, scene.cam_from(0, "front"))
    assert boxes.visible.any()
    reach = np.zeros_like(changed)
    for m in np.flatnonzero(boxes.visible):
        for line in boxes.edges(m):
            u, v = np.rint(line.mean(0)).astype(int)
            assert changed[np.clip(v - 2, 0, None) : v + 3, np.clip(u - 2, 0, None) : u + 3].any()
        left, top, right, bottom = boxes.xyxy[m]
        reach[max(0, int(top) - 4) : int(bottom) + 5, max(0, int(left) - 4) : int(right) + 5] = True
    assert not (changed & ~reach).any()


def test_cameras_mark_the_front_face(scene):
    towards = bw.Cuboids([[12.0, 0.0, 1.0]], [[4.0, 2.0, 1.6]], np.pi, frame="lidar")
    away = towards.replace(yaw_rad=[0.0])
    share = []
    for cuboids in (towards, away):
        picture = bw.render_cameras(scene, 0, ["front"], cuboids=cuboids, categories=["car"], labels=False)["front"].astype(int)
        boxes = bw.project_cuboids(cuboids, scene.camera("front").camera, scene.cam_from(0, "front"))
        _, top, right, bottom = boxes.xyxy[0]
        far_right = bw.project_points(np.array([[14.0, -1.0, 1.0]]), scene.camera("front").camera, scene.cam_from(0, "front")).uv[0, 0]
        u, v = round((right + far_right) / 2), round((top + bottom) / 2)  # in the near face, beside the far one, on no edge
        share.append(np.abs(picture[v, u] - scene.image(0, "front")[v, u]).sum())
    assert share[0] > 40  # the near face is the front: filled
    assert share[1] == 0


def test_cameras_take_cuboids_that_hold_or_cross_the_camera(scene):
    around = bw.Cuboids([[0.5, 0.0, 1.5], [3.0, 1.0, 1.0]], [[8.0, 3.0, 3.0], [6.0, 2.0, 2.0]], 0.3, frame="lidar")
    for picture in bw.render_cameras(scene, 0, cuboids=around, points=True).values():
        assert picture.dtype == np.uint8


def test_cameras_scale_without_moving_anything(scene):
    full = bw.render_cameras(scene, 2, ["front"], labels=False)["front"]
    half = bw.render_cameras(scene, 2, ["front"], labels=False, width_px=320)["front"]
    assert half.shape == (180, 320, 3)
    small = cv2.resize(full, (320, 180), interpolation=cv2.INTER_AREA).astype(int)
    same = np.abs(small - half).max(2) < 60
    assert same.mean() > 0.97


def test_cameras_without_a_picture_and_unknown_ones(scene):
    wide = bw.render_cameras(scene, 0, ["wide"], points=True)["wide"]
    assert np.median(wide) < 40
    assert wide.max() > 200
    with pytest.raises(bw.CalibrationError, match="rear"):
        bw.render_cameras(scene, 0, ["rear"])


def test_overview_holds_everything(scene):
    picture = render_overview(scene, 1, width_px=900, height_px=400)
    assert picture.shape == (400, 900, 3)
    bev = bw.render_bev(scene, 1, width_px=400, height_px=400)
    assert (picture[:, :400] == bev).all()
    assert (render_overview(scene, 1, width_px=900, height_px=400, above=bev) == picture).all()
    with pytest.raises(bw.ArgumentError, match="width_px"):
        render_overview(scene, 1, width_px=420, height_px=400)
    no_cameras = scene.replace(cameras={})
    assert render_overview(no_cameras, 1, width_px=500, height_px=300).shape == (300, 500, 3)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_mosaic_stretches_nothing(n):
    pictures = {str(i): np.full((100, 150 if i % 2 else 200, 3), 60 + 20 * i, np.uint8) for i in range(n)}
    grid = mosaic(pictures, width_px=700, height_px=500)
    assert grid.shape == (500, 700, 3)
    for i in range(n):
        v, u = np.nonzero((grid == 60 + 20 * i).all(2))
        ratio = (np.ptp(u) + 1) / (np.ptp(v) + 1)
        assert ratio == pytest.approx(1.5 if i % 2 else 2.0, rel=0.03)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("size", [(375, 1242), (100, 200), (300, 100)])
def test_frames_of_one_camera_are_shown_alike(n, size):
    """All of one size, in their order; KITTI's four came to lie a trillionth above the border, which was a crash."""
    pictures = {str(i): np.full((*size, 3), 60 + 20 * i, np.uint8) for i in range(n)}
    assert mosaic(pictures, width_px=1600, height_px=800).shape == (800, 1600, 3)
    grid = mosaic(pictures, width_px=1600, height_px=800, even=True)
    places = [np.nonzero((grid == 60 + 20 * i).all(2)) for i in range(n)]
    assert len({(np.ptp(v), np.ptp(u)) for v, u in places}) == 1
    corners = [(int(v.min()), int(u.min())) for v, u in places]
    assert corners == sorted(corners) and len(set(corners)) == n


def test_pictures_as_files(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    write_picture(picture, tmp_path / "a" / "p.png")
    assert (cv2.imread(str(tmp_path / "a" / "p.png"))[..., ::-1] == picture).all()
    write_picture(picture, tmp_path / "p.jpg")
    with pytest.raises(bw.ArgumentError, match=r"\.png"):
        write_picture(picture, tmp_path / "p.gif")
    with pytest.raises(bw.StorageError):
        write_picture(picture, tmp_path / "p.jpg" / "q.png")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "p.jpg", "p.png"]


def test_a_missing_picture_is_told_where_no_name_covers_it():
    sensor = bw.CameraSensor("small", bw.PinholeCamera(120, 90, 80, 80, 60, 45), bw.Pose.identity())
    picture = bw.render_cameras(bw.Scene("bare", [0], cameras={"small": sensor}))["small"]
    v = np.nonzero((picture != picture[-1, -1]).any(2))[0]
    assert len(v) > 30
    assert v.max() < 30


def test_colours_are_stable_and_light_enough():
    assert color_of("Car") == color_of("car")
    for name in ("car", "pedestrian", "cone", "zebra", "", "Fußgänger"):
        red, green, blue = color_of(name)
        assert 0.299 * red + 0.587 * green + 0.114 * blue >= MIN_LUMA - 1


def test_canvas_leaves_out_what_is_not_finite_and_far_away():
    canvas = Canvas.blank(50, 40, (0, 0, 0))
    canvas.line([(np.nan, 1), (np.inf, 2)], (255, 255, 255))
    canvas.fill([(np.nan, 1), (3, 4), (5, 6)], (255, 255, 255))
    canvas.points([np.inf, -1e300, 1e18], [0, 1e300, 5], [(255, 255, 255)] * 3)
    canvas.line([(-1e12, 20), (1e12, 20)], (255, 0, 0))
    canvas.line([(60, 60), (70, 70)], (255, 255, 255), opacity=0.5)
    assert (canvas.pixels[20, :, 0] > 100).all()
    assert (canvas.pixels[..., 1:] == 0).all()
    assert (np.delete(canvas.pixels, [19, 20, 21], axis=0) == 0).all()


def test_captions_do_not_cover_each_other_and_hold_no_controls():
    taken = []
    assert free_place(taken, 10, 50, 60, 10)
    assert not free_place(taken, 40, 52, 60, 10)
    assert free_place(taken, 100, 50, 60, 10)
    assert plain("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\\nc\\u202e"
