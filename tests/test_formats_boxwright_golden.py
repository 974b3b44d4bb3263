"""boxwright's own scene folder in numbers: a file typed by hand and what it must give, a scene typed by hand and the file it must become.

A reader and a writer that are wrong in the same way give every scene back bit by bit; these numbers do not follow them.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import boxwright_tracks, boxwright_writer
from boxwright.formats.images import image_bytes
from test_formats_kitti_tracking import MUTATIONS

TOL = 1e-12

# At 0.1 s the vehicle stands at (20, -4, 1) and looks along +y of the world: its x is the world's y, its y the world's -x.
# The LiDAR sits at (1, 0, 2) on it, turned by half a turn about z. A camera at (2, 0, 1.5) looks ahead: x right, y down, z ahead.
SCENE = """{
  "format": "boxwright", "version": 1, "name": "by hand", "label_frame": "world",
  "frames": [{"frame_id": "a", "timestamp_ns": 5000000000}, {"frame_id": "b", "timestamp_ns": 5100000000}],
  "lidars": [
    {"name": "top", "ego_from_lidar": {"rotation": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]], "translation_m": [1, 0, 2]}, "origins_m": [[0, 0, 0.25]],
     "sweeps": {"b": {"timestamp_ns": 5100000007, "origin_m": [100, 0, 0]}}}
  ],
  "cameras": [
    {"name": "front", "model": "pinhole", "width_px": 8, "height_px": 6, "fx_px": 10, "fy_px": 20, "cx_px": 3, "cy_px": 2.5,
     "ego_from_cam": {"quat_wxyz": [0.5, -0.5, 0.5, -0.5], "translation_m": [2, 0, 1.5]}}
  ],
  "trajectory": [
    {"timestamp_ns": 5000000000, "rotation": [[0, -1, 0], [1, 0, 0], [0, 0, 1]], "translation_m": [20, -5, 1]},
    {"timestamp_ns": 5100000000, "quat_wxyz": [0.7071067811865476, 0, 0, 0.7071067811865476], "translation_m": [20, -4, 1]}
  ],
  "tracks": [
    {"track_id": "car 1", "category": "car", "keyframes": [
      {"timestamp_ns": 5000000000, "center_m": [18, 7, 1.75], "size_m": [4.2, 1.7, 1.4], "yaw_rad": 1.8},
      {"timestamp_ns": 5100000000, "center_m": [18, 8, 1.75], "size_m": [4.2, 1.7, 1.4], "yaw_rad": 2.0, "visibility": "occluded"}]},
    {"track_id": "tilted", "category": "truck", "keyframes": [
      {"timestamp_ns": 5100000000, "center_m": [24, 6, 3], "size_m": [9, 2.5, 3.5], "quat_wxyz": [0.8, 0, 0.6, 0]}]}
  ]
}
"""
CLOUD = """VERSION 0.7
FIELDS x y z intensity
SIZE 4 4 4 4
TYPE F F F F
COUNT 1 1 1 1
WIDTH 2
HEIGHT 1
POINTS 2
DATA ascii
-11 2 -0.5 0.25
0.5 -1.5 3 1
"""
# In the vehicle's frame at 0.1 s a place (x, y, z) of the world is (y + 4, 20 - x, z - 1): car (12, 2, 0.75), truck (10, -4, 2).
# In the LiDAR's that is (1 - x, -y, z - 2): car (-11, -2, -1.25), truck (-9, 4, 0). A yaw there is that of the world less a quarter and half a turn.
CENTERS = [(-11, -2, -1.25), (-9, 4, 0)]
SIZES = [(4.2, 1.7, 1.4), (9, 2.5, 3.5)]
YAW = 2.0 - 3 * math.pi / 2  # -2.7124
# The truck's own x is (1 - 2 * 0.36, 0, -2 * 0.48) = (0.28, 0, -0.96) in the world, along -y in the vehicle's frame and along y in the LiDAR's.
TRUCK_AHEAD = (0, 0.28, -0.96)


def folder_by_hand(root):
    for name in ("lidars/top", "cameras/front"):
        (root / name).mkdir(parents=True)
    (root / "scene.json").write_text(SCENE)
    (root / "lidars/top/b.pcd").write_text(CLOUD)
    (root / "cameras/front/a.png").write_bytes(image_bytes(np.full((6, 8, 3), (10, 20, 30), np.uint8)))
    return root


def check_read(scene):
    cuboids = scene.cuboids(1, frame="lidar")
    np.testing.assert_allclose(cuboids.center_m, CENTERS, rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboids.size_m, SIZES, rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboids.rotation[0] @ (1, 0, 0), (math.cos(YAW), math.sin(YAW), 0), rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboids.yaw_rad[0], YAW, rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboids.rotation[1] @ (1, 0, 0), TRUCK_AHEAD, rtol=0, atol=TOL)


def test_golden_numbers(tmp_path):
    scene = bw.read(folder_by_hand(tmp_path / "clip"))
    check_read(scene)
    assert (scene.name, scene.frame_ids, scene.times_ns.tolist(), scene.has_time) == ("by hand", ("a", "b"), [5_000_000_000, 5_100_000_000], True)
    assert [(track.track_id, track.category, track.visibility.tolist()) for track in scene.tracks] == [
        ("car 1", "car", [0, 1]),
        ("tilted", "truck", [0]),
    ]
    np.testing.assert_allclose(scene.cuboids(0, "world").yaw_rad, [1.8], rtol=0, atol=0)
    assert scene.notes == []


def test_golden_sensors(tmp_path):
    scene = bw.read(folder_by_hand(tmp_path / "clip"))
    sweep = scene.points(1)
    np.testing.assert_array_equal(sweep.xyz, np.float32([(-11, 2, -0.5), (0.5, -1.5, 3)]))
    np.testing.assert_array_equal(sweep.intensity, np.float32([0.25, 1]))
    assert (sweep.timestamp_ns, sweep.origin_m, sweep.frame) == (5_100_000_007, (100.0, 0.0, 0.0), "top")
    assert (scene.has_points(0), scene.has_image(0, "front"), scene.has_image(1, "front")) == (False, True, False)
    assert scene.image(0, "front")[5, 7].tolist() == [10, 20, 30]
    assert scene.lidar_origins_m("ego").tolist() == [[1.0, 0.0, 2.25]]
    # the car is at (12, 2, 0.75) on the vehicle, so 2 m to the camera's left, 0.75 m below it, 10 m ahead
    seen = scene.cam_from(1, "front").apply([CENTERS[0]])
    np.testing.assert_allclose(seen, [(-2, 0.75, 10)], rtol=0, atol=TOL)
    pixel = bw.project_points(np.array([CENTERS[0]], float), scene.camera("front").camera, scene.cam_from(1, "front"))
    np.testing.assert_allclose(pixel.uv, [(3 + 10 * -0.2, 2.5 + 20 * 0.075)], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = boxwright_tracks._cuboids
    monkeypatch.setattr(boxwright_tracks, "_cuboids", lambda *args: MUTATIONS[name](honest(*args)))
    scene = bw.read(folder_by_hand(tmp_path / "clip"))
    with pytest.raises(AssertionError):
        check_read(scene)


def scene_by_hand():
    """The car of the file above, in the LiDAR's frame."""
    upright = (math.cos(0.15), 0, 0, math.sin(0.15))
    cuboids = bw.Cuboids([(-11, -2, -1.25), (-11, -3, -1.25)], [(4.2, 1.7, 1.4)] * 2, quat_wxyz=[upright, (0.8, 0, 0.6, 0)], frame="lidar")
    track = bw.Track("car 1", "car", [5_000_000_000, 5_100_000_000], cuboids, visibility=[0, 2])
    camera = bw.CameraSensor("front", bw.FisheyeCamera(8, 6, 10, 20, 3, 2.5), bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (2, 0, 1.5)))
    return bw.Scene("by hand", [5_000_000_000, 5_100_000_000], {"lidar": bw.Lidar("lidar")}, {"front": camera}, tracks=[track], label_frame="lidar")


def written(folder):
    bw.write(scene_by_hand(), folder)
    return json.loads((folder / "scene.json").read_text())


def check_written(top):
    (track,) = top["tracks"]
    upright, tilted = track["keyframes"]
    assert upright["center_m"] == [-11, -2, -1.25] and tilted["center_m"] == [-11, -3, -1.25]
    assert upright["size_m"] == tilted["size_m"] == [4.2, 1.7, 1.4]
    np.testing.assert_allclose(upright["yaw_rad"], 0.3, rtol=0, atol=TOL)
    assert "quat_wxyz" not in upright
    np.testing.assert_allclose(tilted["quat_wxyz"], [0.8, 0, 0.6, 0], rtol=0, atol=TOL)


def test_golden_numbers_written(tmp_path):
    top = written(tmp_path / "clip")
    check_written(top)
    (track,), (lidar,), (camera,) = top["tracks"], top["lidars"], top["cameras"]
    assert (top["format"], top["version"], top["name"], top["label_frame"], top["trajectory"]) == ("boxwright", 2, "by hand", "lidar", None)
    assert [frame["timestamp_ns"] for frame in top["frames"]] == [5_000_000_000, 5_100_000_000]
    assert [key["visibility"] for key in track["keyframes"]] == ["visible", "outside"]
    assert [key["timestamp_ns"] for key in track["keyframes"]] == [5_000_000_000, 5_100_000_000]
    assert lidar["ego_from_lidar"] == {"rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "translation_m": [0, 0, 0]}
    assert camera["ego_from_cam"] == {"rotation": [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], "translation_m": [2, 0, 1.5]}
    assert (camera["model"], camera["width_px"], camera["height_px"]) == ("fisheye", 8, 6)
    assert [camera[key] for key in ("fx_px", "fy_px", "cx_px", "cy_px")] == [10, 20, 3, 2.5]


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_written_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = boxwright_writer.track_mapping
    monkeypatch.setattr(boxwright_writer, "track_mapping", lambda track: honest(track.replace(cuboids=MUTATIONS[name](track.cuboids))))
    with pytest.raises(AssertionError):
        check_written(written(tmp_path / "clip"))
