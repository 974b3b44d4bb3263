"""A camera of which nobody knows more than the size of its pictures: kept, shown, looked through, and refused where a lens is needed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import boxwright as bw
from boxwright.cli import app
from boxwright.render import render_cameras

MISSING = (
    r"the camera is not calibrated: expected focal lengths, principal point, distortion and place on the vehicle, "
    r"got the picture's size alone, 64 x 48 px; give its CameraSensor a PinholeCamera, or another model, from the camera's calibration"
)
DASH = bw.UncalibratedCamera(64, 48)
PICTURE = np.arange(64 * 48 * 3, dtype=np.uint32).astype(np.uint8).reshape(48, 64, 3)


class Pictures:
    def points(self, frame_index, sensor):
        raise bw.FrameMissing("no sweep")

    def image(self, frame_index, camera):
        return PICTURE

    def has_points(self, frame_index, sensor):
        return False

    def has_image(self, frame_index, camera):
        return True


def clip(**changes) -> bw.Scene:
    tracks = [bw.Track("a", "car", [0, 9], bw.Cuboids([[9.0, 0, 0]] * 2, [[4.0, 2, 1]] * 2, 0.0))]
    fields = {"lidars": {"lidar": bw.Lidar("lidar")}, "cameras": {"dash": bw.CameraSensor("dash", DASH)}, "label_frame": "lidar", "tracks": tracks}
    return bw.Scene("drive", [0, 9], **{**fields, **changes}, data=Pictures())


def test_it_has_a_size_and_nothing_else():
    assert DASH.size_px == (64, 48) and bw.UncalibratedCamera(64.0, 48) == DASH
    with pytest.raises(bw.CalibrationError, match=r"UncalibratedCamera.width_px: expected a positive number of pixels, got 0"):
        bw.UncalibratedCamera(0, 48)
    with pytest.raises(bw.CalibrationError, match=f"camera: {MISSING}"):
        DASH.rays([(1, 2)])


@pytest.mark.parametrize(
    ("verb", "place"),
    [
        (lambda: bw.project_points(np.ones((2, 3)), DASH, np.eye(4)), "camera"),
        (lambda: bw.project_points(np.ones((2, 3)), [bw.PinholeCamera(64, 48, 40, 40, 32, 24), DASH], [np.eye(4)] * 2), r"camera\[1\]"),
        (lambda: bw.project_cuboids(bw.Cuboid([9, 0, 0], [4, 2, 1], 0), DASH, np.eye(4)), "camera"),
        (lambda: bw.depth_map(np.ones((2, 3)), DASH, np.eye(4)), "camera"),
        (lambda: clip().cam_from(0, "dash"), "camera dash"),
        (lambda: clip().ego_from("dash"), "camera dash"),
        (lambda: clip().transform("lidar", "dash", 0), "camera dash"),
        (lambda: clip().cuboids(0, "dash"), "camera dash"),
        (lambda: clip().lidar_origins_m("dash"), "camera dash"),
    ],
)
def test_what_needs_a_lens_or_a_place_says_what_is_missing(verb, place):
    with pytest.raises(bw.CalibrationError, match=f"^{place}: {MISSING}$"):
        verb()


def test_a_calibrated_camera_still_needs_its_place():
    with pytest.raises(bw.ArgumentError, match=r"camera front.ego_from_cam: expected a Pose, got NoneType None"):
        bw.CameraSensor("front", bw.PinholeCamera(64, 48, 40, 40, 32, 24))


def test_its_picture_is_shown_with_nothing_drawn_in():
    np.testing.assert_array_equal(render_cameras(clip(), 0)["dash"], PICTURE)
    assert render_cameras(clip(), 0, points=True, width_px=128)["dash"].shape == (96, 128, 3)


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
@pytest.mark.parametrize("form", ["boxwright", "openlabel"])
def test_there_and_back(tmp_path, form):
    scene = clip(cameras={"dash": bw.CameraSensor("dash", DASH, times_ns=[1, 12])})
    for where in ("once", "twice"):
        bw.write(scene, tmp_path / where, form)
        scene = bw.read(tmp_path / where)
        assert scene.camera("dash").camera == DASH and scene.camera("dash").times_ns.tolist() == [1, 12]


def test_its_file_holds_no_place(tmp_path):
    bw.write(clip(), tmp_path / "out")
    (camera,) = json.loads((tmp_path / "out" / "scene.json").read_text())["cameras"]
    assert {key: camera[key] for key in camera if key not in ("images", "timestamp_ns")} == {
        "name": "dash", "model": "uncalibrated", "width_px": 64, "height_px": 48,
    }  # fmt: skip


def test_info_tells_it(tmp_path):
    bw.write(clip(), tmp_path / "out")
    said = CliRunner().invoke(app, ["info", str(tmp_path / "out")])
    assert said.exit_code == 0 and "dash: 2 images, 64 x 48, uncalibrated" in said.output
    assert "frames of reference: ego, lidar\n" in said.output
    facts = json.loads(CliRunner().invoke(app, ["info", str(tmp_path / "out"), "--json"]).output)
    assert facts["cameras"][0]["model"] == "uncalibrated" and facts["cameras"][0]["position_ego_m"] is None


@pytest.mark.parametrize("form", ["kitti_object", "kitti_tracking"])
def test_formats_that_cannot_hold_it_say_so(tmp_path, form):
    report = bw.write(clip(), tmp_path / "out", form)
    assert any("dash" in line for line in report.dropped)
