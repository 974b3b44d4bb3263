"""What points are coloured by, the same on the page, in the window and in pictures. The page is held to it in test_page_browser.py."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import street
from boxwright.render.labels import color_of
from boxwright.render.point_colors import COLOR_MODES, NO_CLASS, NOT_SEEN, RAMP_RGB, picture_colors, point_colors, ramp_colors
from boxwright.sample import sample_folder
from boxwright.viewer import desktop


@pytest.fixture(scope="module")
def scene():
    return bw.read(sample_folder() / "clip").replace(tracks=bw.read(sample_folder() / "truth").tracks)


def test_the_ramp_by_hand():
    assert ramp_colors([0.0, 0.5, 1.0, np.nan, np.inf, -np.inf], "time").tolist() == [
        *(list(RAMP_RGB[k]) for k in (0, 5, 10, 0)),
        list(RAMP_RGB[10]),
        list(RAMP_RGB[0]),
    ]
    many = ramp_colors(np.arange(101.0), "height")  # the two lowest and the two highest of a hundred are beyond the ends
    assert (many[:3] == RAMP_RGB[0]).all() and (many[98:] == RAMP_RGB[10]).all() and (many[3:98] != RAMP_RGB[0]).any(1).all()
    assert ramp_colors([], "time").shape == (0, 3) and ramp_colors([7.0, 7.0], "time").tolist() == [list(RAMP_RGB[0])] * 2


def test_modes_of_a_sweep(scene):
    sweep = scene.still_points(20)
    colors = {mode: point_colors(scene, 20, sweep, "lidar", mode) for mode in COLOR_MODES}
    assert all(found.shape == (len(sweep), 3) and found.dtype == np.uint8 for found in colors.values())
    labels = bw.segment(scene, 20)
    cars = labels.of_class("car")
    assert cars.any() and (colors["class"][cars] == color_of("car")).all() and (colors["class"][labels.class_id == 0] == NO_CLASS).all()
    assert (colors["height"] == ramp_colors(sweep.xyz[:, 2], "height")).all() and (colors["time"] == ramp_colors(sweep.time_offset_ns, "time")).all()
    bare = bw.Sweep(sweep.xyz, sweep.timestamp_ns, sweep.frame)
    assert (point_colors(scene, 20, bare, "lidar", "intensity") == colors["height"]).all()


def test_pictures_colour_what_they_show_and_not_what_is_behind(scene):
    sweep, name = scene.still_points(20), "front"
    rgba = picture_colors(scene, 20, sweep, "lidar", [name])
    pose = scene.cam_from(20, name, "lidar")
    seen = bw.depth_map(sweep, scene.camera(name).camera, pose, sensor_origins_m=scene.lidar("lidar").origins_m)
    in_image = bw.project_points(sweep, scene.camera(name).camera, pose).in_image
    assert ((rgba[:, 3] > 0) == seen.sees).all() and (in_image & ~seen.sees).sum() > 20
    u, v = np.rint(seen.image.uv[seen.sees]).astype(int).T
    assert (rgba[seen.sees, :3] == scene.image(20, name)[v, u]).all()
    assert (point_colors(scene, 20, sweep, "lidar", "camera")[picture_colors(scene, 20, sweep, "lidar", None)[:, 3] == 0] == NOT_SEEN).all()


def test_pictures_from_above_take_the_same(scene):
    drawn = {mode: bw.render_bev(scene, 20, width_px=400, height_px=400, color=mode, labels=False) for mode in (None, *COLOR_MODES)}
    for a, b in (("height", "intensity"), ("height", "time"), ("class", "camera"), (None, "class")):
        assert (drawn[a] != drawn[b]).any()
    found = {tuple(one) for one in drawn["height"].reshape(-1, 3).tolist()}
    assert {tuple(one) for one in ramp_colors(scene.points(20).xyz[:, 2], "height").tolist()} & found
    assert NO_CLASS in {tuple(one) for one in drawn["class"].reshape(-1, 3).tolist()}
    sweep = scene.points(20)
    assert bw.render_bev(sweep, color="time").shape == (1000, 1000, 3)
    with pytest.raises(bw.ArgumentError, match="color: expected one of height, intensity, time, class, camera, got 'rainbow'"):
        bw.render_bev(scene, color="rainbow")
    with pytest.raises(bw.ArgumentError, match="color: expected point_labels, to colour points by class, got points alone"):
        bw.render_bev(sweep, color="class")
    with pytest.raises(bw.ArgumentError, match="a Scene with pictures"):
        bw.render_bev(sweep.xyz, color="camera")


@pytest.mark.peers
def test_the_window_takes_the_same():
    pytest.importorskip("open3d", reason="the window needs open3d (extra 'desktop')", exc_type=ImportError)
    scene = street.scene()
    window = desktop.Window(scene, 0, visible=False, width_px=320, height_px=240)
    try:
        sweep = scene.still_points(0)
        for mode in COLOR_MODES:
            assert window.color == mode
            wanted = point_colors(scene, 0, sweep, "lidar", mode)[sweep.is_finite]
            assert (np.rint(np.asarray(window._drawn["cloud"].colors) * 255) == wanted).all()
            window.next_color()
        assert window.color == "height"
    finally:
        window.close()
