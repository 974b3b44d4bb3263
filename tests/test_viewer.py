"""The desktop window, drawn without a display."""

from __future__ import annotations

import builtins
import os
import sys

import numpy as np
import pytest

import boxwright as bw
import street
from boxwright.cli import main
from boxwright.render.labels import color_of
from boxwright.viewer import desktop


@pytest.fixture(scope="module")
def open3d():
    try:
        return pytest.importorskip("open3d", reason="the window needs open3d (extra 'desktop')", exc_type=ModuleNotFoundError)
    except ImportError as error:
        pytest.skip(f"open3d cannot be loaded: {error}; apt-get install libusb-1.0-0")


@pytest.fixture(scope="module")
def window(open3d, tmp_path_factory):
    window = desktop.Window(street.scene(), 0, visible=False, width_px=640, height_px=480, pictures_to=tmp_path_factory.mktemp("pictures"))
    yield window
    window.close()


def near(picture, color, tolerance=25):
    return np.argwhere(np.abs(picture.astype(int) - color).max(2) <= tolerance)[:, ::-1]


@pytest.mark.peers
def test_the_window_shows_points_cuboids_and_headings(window):
    picture = window.picture()
    assert picture.shape == (480, 640, 3)
    cars = near(picture, color_of("car"))
    walkers = near(picture, color_of("pedestrian"))
    assert len(cars) > 100
    assert len(walkers) > 15
    assert len(near(picture, (255, 255, 255), 3)) > 20  # the arrows
    # from behind the vehicle the walker, on the right of the road, is right of the cars; up is up
    assert np.median(walkers[:, 0]) > np.median(cars[:, 0])
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 15  # heights of the points


@pytest.mark.peers
def test_keys_change_frames_and_trails(window):
    first = window.picture()
    window.previous()
    assert window.frame_index == 0
    for _ in range(9):
        window.next()
    assert window.frame_index == len(window.scene) - 1
    last = window.picture()
    assert (first != last).any()
    window.toggle_trails()
    without = window.picture()
    assert len(near(without, color_of("car"))) < len(near(last, color_of("car")))
    window.toggle_trails()
    assert (window.picture() == last).all()


@pytest.mark.peers
def test_a_key_writes_the_camera_pictures(window):
    written = window.write_pictures()
    assert sorted(path.name for path in written) == [f"{window.frame_index:06d}_front.png", f"{window.frame_index:06d}_wide.png"]
    assert all(path.stat().st_size > 1000 for path in written)


@pytest.mark.peers
def test_no_picture_goes_into_the_recording(window, tmp_path, monkeypatch):
    for scene in (window.scene.replace(path=str(tmp_path)), window.scene.replace(path=str(tmp_path / "elsewhere"))):
        monkeypatch.setattr(window, "scene", scene)
        monkeypatch.setattr(window, "pictures_to", tmp_path / "boxwright-view")
        if scene.path == str(tmp_path):
            with pytest.raises(bw.ArgumentError, match="pictures: the output lies inside the recording that is read"):
                window.write_pictures()
            assert not list(tmp_path.iterdir())
        else:
            assert len(window.write_pictures()) == 2


@pytest.mark.peers
def test_a_scene_of_labels_alone(open3d):
    scene = bw.Scene("labels", street.times_ns(), trajectory=street.trajectory(), tracks=street.tracks())
    assert len(near(desktop.picture_of_window(scene, 1, width_px=320, height_px=240), color_of("car"))) > 10
    empty = bw.Scene("nothing", street.times_ns())
    assert desktop.picture_of_window(empty, 0, width_px=320, height_px=240).shape == (240, 320, 3)


def test_a_missing_extra_is_said_before_a_missing_display_and_the_keys(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "open3d", None)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delitem(os.environ, name, raising=False)
    bw.write(street.scene(), tmp_path / "scene")
    with pytest.raises(SystemExit):
        main(["view", str(tmp_path / "scene"), "--desktop"])
    out, err = capsys.readouterr()
    assert out == ""
    assert "pip install 'boxwright[desktop]'" in err


@pytest.mark.peers
def test_no_display_is_said(open3d, monkeypatch, tmp_path, capsys):
    if not sys.platform.startswith("linux"):
        pytest.skip("Linux alone has no display by environment")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delitem(os.environ, name, raising=False)
    with pytest.raises(bw.BoxwrightError, match="render"):
        desktop.open_window(street.scene())
    bw.write(street.scene(), tmp_path / "scene")
    with pytest.raises(SystemExit):
        main(["view", str(tmp_path / "scene"), "--desktop"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'open3d'", name="open3d"), r"boxwright\[desktop\]"),
        (ImportError("libusb-1.0.so.0: cannot open shared object file"), "apt-get install libusb-1.0-0"),
        (ImportError("libGL.so.1: cannot open shared object file"), "libgl1"),
    ],
)
def test_a_missing_library_is_named(monkeypatch, error, words):
    real = builtins.__import__

    def without_open3d(name, *rest, **kwargs):
        if name == "open3d":
            raise error
        return real(name, *rest, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_open3d)
    with pytest.raises(bw.ExtraMissing, match=words):
        desktop.picture_of_window(street.scene())


@pytest.mark.parametrize(("start", "end"), [((0, 0, 0), (0, 0, 2)), ((1, 2, 3), (4, 2, 3)), ((0, 0, 0), (1, 1, 1))])
def test_bars_are_closed_and_as_thick_as_said(start, end):
    vertices, triangles = desktop._prism(start, end, 0.1)
    along = np.subtract(end, start) / np.linalg.norm(np.subtract(end, start))
    off = vertices - start - np.outer((vertices - start) @ along, along)
    np.testing.assert_allclose(np.linalg.norm(off, axis=1), 0.1 / np.sqrt(2))
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


@pytest.mark.peers
def test_frames_without_points_or_labels_come_and_go(open3d):
    """Forth and back over a frame that has neither: nothing of the frames beside it stays, and all of theirs comes back."""
    scene = street.scene()

    class Gap:
        def has_points(self, frame_index, sensor):
            return frame_index != 1

        def __getattr__(self, name):
            return getattr(scene.data, name)

    tracks = [track.take(track.times_ns == scene.times_ns[0]) for track in scene.tracks if (track.times_ns == scene.times_ns[0]).any()]
    gap = desktop.Window(scene.replace(tracks=tracks, data=Gap()), 0, visible=False, width_px=320, height_px=240)
    try:
        first = gap.picture()
        gap.next()
        bare = gap.picture()
        gap.previous()
        again = gap.picture()
    finally:
        gap.close()
    assert len(near(first, color_of("car"))) > 25 and not len(near(bare, color_of("car")))
    assert len(np.unique(bare.reshape(-1, 3), axis=0)) < len(np.unique(first.reshape(-1, 3), axis=0)) / 2  # the axes alone
    assert (again != first).any(2).mean() < 0.001  # what was gone is drawn in another order, which decides ties
