"""KITTI tracking: numbers worked by hand, the independent loader, and back to files without loss."""

from __future__ import annotations

import math
import re
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import kitti_labels, kitti_tracking
from boxwright.formats.images import image_bytes
from formats_scenes import CAM_AXES, MemoryData, angle_between, assert_same_labels, full_scene, tilted

# The rig of the golden numbers: camera axes from velodyne axes exactly (x = -y, y = -z, z = x), moved by (0.06, -0.08, -0.27).
TR = [0, -1, 0, 0.06, 0, 0, -1, -0.08, 1, 0, 0, -0.27]
P2 = [700, 0, 600, 45.5, 0, 700, 170, -0.3, 0, 0, 1, 0.005]
IMU = [1, 0, 0, -0.8, 0, 1, 0, 0.3, 0, 0, 1, -0.8]
CALIB = {
    "P2:": P2,
    "P3:": [700, 0, 600, -334.5, 0, 700, 170, 2.2, 0, 0, 1, 0.003],
    "R_rect": [1, 0, 0, 0, 1, 0, 0, 0, 1],
    "Tr_velo_cam": TR,
    "Tr_imu_velo": IMU,
}
# A car 4.2 long, 1.7 wide, 1.4 high; bottom centre (2, 1.65, 11) in the camera, ry = -1.2.
# velodyne centre: x = z + 0.27 = 11.27, y = -(x - 0.06) = -1.94, z = -(y - h/2 + 0.08) = -(1.65 - 0.7 + 0.08) = -1.03
# heading: the length runs along (cos ry, 0, -sin ry) in the camera, which is (-sin ry, -cos ry) in velodyne x, y: yaw = atan2(-cos ry, -sin ry)
GOLDEN_ROW = "1.4 1.7 4.2 2 1.65 11 -1.2"
GOLDEN_CENTER = (11.27, -1.94, -1.03)
GOLDEN_SIZE = (4.2, 1.7, 1.4)
GOLDEN_YAW = -math.pi / 2 + 1.2  # -(-1.2) - pi/2
TOL = 1e-12


def calib_text(rows=CALIB):
    return "".join(f"{name} {' '.join(map(str, values))}\n" for name, values in rows.items())


def make(root, labels, calib=None, csv=None, sequence="0000"):
    for folder, text in (("label_02", labels), ("calib", calib_text() if calib is None else calib)):
        (root / "training" / folder).mkdir(parents=True, exist_ok=True)
        (root / "training" / folder / f"{sequence}.txt").write_text(text)
    if csv is not None:
        (root / "poses").mkdir(exist_ok=True)
        (root / "poses" / f"{sequence}.csv").write_text(csv)
    return root


HEADER = "frame,t_s," + ",".join(f"m{i}{j}" for i in range(4) for j in range(4)) + "\n"


def csv_line(frame, pose, t=None):
    return f"{frame},{frame / 10 if t is None else t},{','.join(map(repr, pose.matrix().ravel().tolist()))}\n"


def still(n):
    """world_from_velo: a known turn and shift for each frame."""
    return HEADER + "".join(csv_line(i, bw.Pose.from_yaw(0.3, (10.0 + i, 20.0, 1.5))) for i in range(n))


def row(frame=0, track=5, kind="Car", golden=GOLDEN_ROW, truncated=0, occluded=1, extra=""):
    return f"{frame} {track} {kind} {truncated} {occluded} -1.3 600.5 150.25 712.75 240.5 {golden}{extra}\n"


def check_golden(scene):
    cuboids = scene.cuboids(0, frame="lidar")
    np.testing.assert_allclose(cuboids.center_m, [GOLDEN_CENTER], rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboids.size_m, [GOLDEN_SIZE], rtol=0, atol=TOL)
    np.testing.assert_allclose(cuboids.yaw_rad, [GOLDEN_YAW], rtol=0, atol=TOL)
    ahead = cuboids.rotation[0] @ (1, 0, 0)
    np.testing.assert_allclose(ahead, [math.cos(GOLDEN_YAW), math.sin(GOLDEN_YAW), 0], rtol=0, atol=TOL)


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path, row(), csv=still(1)))
    check_golden(scene)
    (track,) = scene.tracks
    assert (track.track_id, track.category, track.cuboids.frame) == ("5", "Car", "world")
    # world_from_velo of frame 0: a turn of 0.3, then a shift of (10, 20, 1.5)
    x, y, z = GOLDEN_CENTER
    c, s = math.cos(0.3), math.sin(0.3)
    np.testing.assert_allclose(track.cuboids.center_m, [(10 + c * x - s * y, 20 + s * x + c * y, 1.5 + z)], rtol=0, atol=1e-12)
    np.testing.assert_allclose(track.cuboids.yaw_rad, [GOLDEN_YAW + 0.3], rtol=0, atol=1e-12)
    assert track.visibility.tolist() == [bw.Visibility.OCCLUDED]
    assert track.keyframe_attributes[0] == {"truncated": 0, "occluded": 1}
    (drawn,) = scene.image_tracks
    assert (drawn.track_id, drawn.camera, drawn.object_id, drawn.category) == ("5/image_02", "image_02", "5", "Car")
    np.testing.assert_array_equal(drawn.shapes.xyxy, [[600.5, 150.25, 712.75, 240.5]])
    assert drawn.visibility.tolist() == [bw.Visibility.OCCLUDED] and "box_xyxy_px" not in track.keyframe_source_attributes[0]


def test_golden_camera(tmp_path):
    """u = (700 x + 600 z + 45.5) / (z + 0.005) for a point of the rectified camera 0, and P2's last column is folded in."""
    scene = bw.read(make(tmp_path, row(), csv=still(1)))
    camera = scene.camera("image_02").camera
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (700, 700, 600, 170)
    x, y, z = scene.cam_from(0, "image_02").apply(GOLDEN_CENTER)
    rect = np.array([2, 1.65 - 0.7, 11])
    np.testing.assert_allclose(700 * x / z + 600, (700 * rect[0] + 600 * rect[2] + 45.5) / (rect[2] + 0.005), rtol=0, atol=1e-9)
    np.testing.assert_allclose(700 * y / z + 170, (700 * rect[1] + 170 * rect[2] - 0.3) / (rect[2] + 0.005), rtol=0, atol=1e-9)


MUTATIONS = {
    "turn of pi/2": lambda c: c.replace(yaw_rad=c.yaw_rad + math.pi / 2),
    "width and length swapped": lambda c: c.replace(size_m=c.size_m[:, [1, 0, 2]]),
    "half the height": lambda c: c.replace(center_m=c.center_m + [0, 0, 0.5] * c.size_m),
    "half turn": lambda c: c.replace(yaw_rad=c.yaw_rad + math.pi),
    "sign of yaw": lambda c: c.replace(yaw_rad=-c.yaw_rad),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = kitti_labels.cuboids_from_hwl_bottom
    monkeypatch.setattr(kitti_tracking, "cuboids_from_hwl_bottom", lambda *args: MUTATIONS[name](honest(*args)))
    scene = bw.read(make(tmp_path, row(), csv=still(1)))
    with pytest.raises(AssertionError):
        check_golden(scene)


def golden_scene():
    """The golden car as a scene of our own, with a camera that looks ahead."""
    track = bw.Track("5", "Car", np.array([0]), bw.Cuboids([GOLDEN_CENTER], [GOLDEN_SIZE], [GOLDEN_YAW], frame="lidar"))
    camera = bw.CameraSensor("front", bw.PinholeCamera(1242, 375, 700, 700, 600, 170), bw.Pose(CAM_AXES, (0.27, 0.06, -0.08)))
    return bw.Scene("0003", np.array([0]), {"lidar": bw.Lidar("lidar")}, {"front": camera}, tracks=[track], label_frame="lidar")


def written_row(scene, folder):
    bw.write(scene, folder, format="kitti_tracking")
    (line,) = (folder / "training/label_02/0003.txt").read_text().splitlines()
    return line.split()


def check_written(words):
    assert words[:5] == ["0", "5", "Car", "0", "0"]
    values = [float(word) for word in words[5:]]
    np.testing.assert_allclose(values[5:], [float(word) for word in GOLDEN_ROW.split()], rtol=0, atol=TOL)
    np.testing.assert_allclose(values[0], -1.2 - math.atan2(2, 11), rtol=0, atol=TOL)  # alpha = ry - atan2(x, z)
    corners = []
    for along in (-2.1, 2.1):
        for across in (-0.85, 0.85):
            for y in (1.65, 1.65 - 1.4):
                x, z = 2 + along * math.cos(-1.2) + across * math.sin(-1.2), 11 - along * math.sin(-1.2) + across * math.cos(-1.2)
                corners.append((700 * x / z + 600, 700 * y / z + 170))
    u, v = np.transpose(corners)
    np.testing.assert_allclose(values[1:5], [u.min(), v.min(), u.max(), v.max()], rtol=0, atol=1e-6)


def test_a_sweep_or_picture_that_is_not_there_says_what_to_do(tmp_path):
    scene = bw.read(make(tmp_path, row(), csv=still(1)))
    with pytest.raises(
        bw.FrameMissing, match=r"000000.bin: frame 0, lidar: no sweep; .*copy it there, or take a frame that has one, as scene.has_points"
    ):
        scene.points(0)
    with pytest.raises(bw.FrameMissing, match=r"no image; .*as scene.has_image\(frame_index, camera\) tells"):
        scene.image(0, "image_02")


def test_how_far_a_label_may_move(rng, tmp_path):
    report = bw.write(full_scene(rng), tmp_path / "k", format="kitti_tracking")
    assert report.tolerance == (report.tolerance_m, report.tolerance_rad) == (report.tolerance.m, report.tolerance.rad)
    assert 0 < report.tolerance.m < 1e-3
    with pytest.raises(AttributeError):
        report.tolerance = (1.0, 1.0)


def test_golden_numbers_written(tmp_path):
    check_written(written_row(golden_scene(), tmp_path / "a"))
    assert "P2: 700.0 0.0 600.0 0.0" in (tmp_path / "a/training/calib/0003.txt").read_text()


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_written_catch_a_planted_fault(tmp_path, monkeypatch, name):
    from boxwright.formats import kitti_label_rows as writer

    honest = writer.hwl_bottom_from_cuboids
    monkeypatch.setattr(writer, "hwl_bottom_from_cuboids", lambda cuboids, rect: honest(MUTATIONS[name](cuboids), rect))
    words = written_row(golden_scene(), tmp_path / "a")
    with pytest.raises(AssertionError):
        check_written(words)


def test_packing_is_its_own_inverse(rng):
    rect = tilted(0.1, 0.2) @ bw.Pose(CAM_AXES).inverse()
    cuboids = bw.Cuboids(rng.uniform(-50, 50, (200, 3)), rng.uniform(0.3, 9, (200, 3)), rng.uniform(-math.pi, math.pi, 200), frame="lidar")
    again = kitti_labels.cuboids_from_hwl_bottom(kitti_labels.hwl_bottom_from_cuboids(cuboids, rect), rect)
    np.testing.assert_allclose(again.center_m, cuboids.center_m, rtol=0, atol=1e-12)
    np.testing.assert_allclose(again.yaw_rad, cuboids.yaw_rad, rtol=0, atol=1e-12)


def test_oxts_worked_by_hand(tmp_path):
    """One degree of longitude at 60 degrees north is 6378137 * cos(60) * pi / 180 m; the second pose is turned left by 90 degrees and 2 m higher."""
    tail = " 0" * 24 + "\n"
    root = make(tmp_path, row() + row(frame=1))
    (root / "training/oxts").mkdir()
    (root / "training/oxts/0000.txt").write_text(f"60 8 100 0 0 0{tail}60 9 102 0 0 {math.pi / 2}{tail}")
    scene = bw.read(root)
    np.testing.assert_allclose(scene.trajectory[0].matrix(), np.eye(4), rtol=0, atol=1e-9)
    np.testing.assert_allclose(scene.trajectory[1].translation_m, [6378137 * 0.5 * math.pi / 180, 0, 2], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scene.trajectory[1].rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(scene.lidars["lidar"].ego_from_lidar.translation_m, [0.8, -0.3, 0.8], rtol=0, atol=1e-12)


def csv_without(n, missing):
    lines = still(n).splitlines(keepends=True)
    return lines[0] + "".join(line for i, line in enumerate(lines[1:]) if i not in missing)


@pytest.mark.parametrize(
    ("missing", "labelled", "expected"),
    [
        (range(3, 17), range(20), "14 labelled frames, the first of them frame 3, have no pose of their own.*up to 1.5 s"),
        ((4, 5), range(20), "2 labelled frames, the first of them frame 4.*up to 0.3 s"),
        ((4, 9), range(20), None),  # single frames that were lost
        (range(3, 17), (0, 1, 19), None),  # nothing is labelled there
        ((), range(20), None),
    ],
)
def test_labels_between_poses_far_apart_are_told(tmp_path, missing, labelled, expected):
    scene = bw.read(make(tmp_path, "".join(row(i) for i in labelled), csv=csv_without(20, set(missing))))
    told = [note for note in scene.notes if "no pose of their own" in note]
    assert len(told) == (expected is not None)
    assert expected is None or re.search(expected, told[0])


def test_dontcare_gaps_scores_and_two_types(tmp_path):
    dontcare = "0 -1 DontCare -1 -1 -10 219.31 188.49 245.5 218.56 -1000 -1000 -1000 -10 -1 -1 -1\n"
    labels = dontcare + row(0) + row(1, occluded=3) + row(4, occluded=0, extra=" 0.75") + row(2, track=9, kind="Van") + row(3, track=9, kind="Car")
    scene = bw.read(make(tmp_path, labels, csv=still(6)))
    assert len(scene) == 6
    first, van, car = scene.tracks
    np.testing.assert_array_equal(first.times_ns, np.array([0, 1, 2, 4]) * 100_000_000)
    assert first.visibility.tolist() == [1, 0, 2, 0]  # occluded 3 is 'unknown'
    np.testing.assert_array_equal(first.cuboids.center_m[2], first.cuboids.center_m[1])
    assert first.keyframe_source_attributes[3]["score"] == 0.75
    assert [len(scene.cuboids(i)) for i in range(6)] == [1, 1, 1, 1, 1, 0]
    assert (van.track_id, van.category, car.track_id, car.category) == ("9", "Van", "9-Car", "Car")
    assert any("track 9 is of several types: Car, Van" in note for note in scene.notes)
    (ignored,) = scene.source_attributes["ignore_regions"]
    assert (ignored["frame_index"], ignored["box_xyxy_px"]) == (0, [219.31, 188.49, 245.5, 218.56])
    report = bw.write(scene, tmp_path / "out", format="kitti_tracking")
    assert report.n_labels == 5
    again = bw.read(tmp_path / "out")
    assert again.source_attributes == scene.source_attributes
    assert again.tracks[0].keyframe_source_attributes[3]["score"] == 0.75


def rows_of(folder):
    return [line.split() for line in (folder / "training/label_02/0000.txt").read_text().splitlines()]


def test_boxes_in_pictures_are_tracks_and_go_back_as_they_are(tmp_path):
    """Once: what is drawn is the image track's, what nobody drew the cuboid's, projected; a row whose box is -1 -1 -1 -1 has none."""
    none = row(2).replace("600.5 150.25 712.75 240.5", "-1 -1 -1 -1")
    scene = bw.read(make(tmp_path / "a", row(0) + row(1, occluded=0) + none + row(4, extra=" 0.5"), csv=still(5)))
    (drawn,) = scene.image_tracks
    assert (drawn.times_ns // 100_000_000).tolist() == [0, 1, 2, 4] and drawn.visibility.tolist() == [1, 0, 2, 1]
    assert [len(scene.boxes(i, "image_02")) for i in range(5)] == [1, 1, 0, 0, 1]
    assert [(one.track_id, one.is_given) for one in bw.link(scene)] == [("5", True)]
    report = bw.write(scene, tmp_path / "b", format="kitti_tracking")
    assert not report.dropped and not report.rounded
    before, after = rows_of(tmp_path / "a"), rows_of(tmp_path / "b")
    assert [[*one[:3], *map(float, one[3:])] for one in before] == [[*one[:3], *map(float, one[3:])] for one in after]

    moved = drawn.replace(shapes=bw.Boxes(drawn.shapes.xyxy + np.array([1, 2, 3, 4])))
    other = bw.ImageTrack("alone", "Car", "image_02", drawn.times_ns[:2], drawn.shapes[:2], keyframe_attributes=[{"lit": True}] * 2)
    report = bw.write(scene.replace(image_tracks=[moved, other]), tmp_path / "c", format="kitti_tracking")
    assert report.dropped == ["1 track in pictures with 2 keyframes, of class Car (1), with attributes lit"]
    found = rows_of(tmp_path / "c")
    assert [float(word) for word in found[0][6:10]] == [601.5, 152.25, 715.75, 244.5] and found[0][:6] == after[0][:6]
    assert found[2] == after[2]  # no box is still none

    bw.write(scene.replace(image_tracks=[]), tmp_path / "d", format="kitti_tracking")
    projected = bw.project_cuboids(scene.cuboids(0), scene.camera("image_02").camera, scene.cam_from(0, "image_02")).xyxy[0]
    np.testing.assert_allclose([float(word) for word in rows_of(tmp_path / "d")[0][6:10]], projected, atol=1e-9)


def test_a_row_has_one_class(tmp_path):
    """The cuboid's, for the box too, which was not told."""
    scene = bw.read(make(tmp_path / "a", row(0) + row(1), csv=still(2)))
    other = scene.replace(tracks=[scene.tracks[0].replace(category="Van")])
    report = bw.write(other, tmp_path / "b", format="kitti_tracking")
    assert report.dropped == ["the classes of 1 track in pictures that are others than their objects': 5/image_02"]
    again = bw.read(tmp_path / "b")
    assert [one.category for one in (*again.tracks, *again.image_tracks)] == ["Van", "Van"]
    assert bw.certify(other, "kitti_tracking").holds


def test_what_occluded_says_is_written_and_told(tmp_path):
    """Of a cuboid that is seen although its attribute says otherwise, which came back hidden without a word."""
    scene = bw.read(make(tmp_path / "a", row(0) + row(1), csv=still(2)))
    other = scene.replace(tracks=[scene.tracks[0].replace(visibility=[1, 0])], image_tracks=[])
    report = bw.write(other, tmp_path / "b", format="kitti_tracking")
    assert report.dropped == ["which of 1 label are occluded: what their attribute `occluded` says is written"]
    assert bw.read(tmp_path / "b").tracks[0].visibility.tolist() == [1, 1]


def test_a_cuboid_that_moved_keeps_its_drawn_box(tmp_path):
    scene = bw.read(make(tmp_path / "a", row(0) + row(1), csv=still(2)))
    track, (drawn,) = scene.tracks[0], scene.image_tracks
    moved = track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + np.array([0, 0.5, 0])))
    more = drawn.replace(keyframe_attributes=[{"lit": True}] * 2, shapes=bw.RotatedBoxes([[40, 30]] * 2, [[20, 10]] * 2, [0, 0]))
    report = bw.write(scene.replace(tracks=[moved], image_tracks=[drawn]), tmp_path / "b", format="kitti_tracking")
    assert report.dropped == ["KITTI's columns of 2 labels that were edited: they are worked out again"]
    assert [float(word) for word in rows_of(tmp_path / "b")[0][6:10]] == [600.5, 150.25, 712.75, 240.5]
    report = bw.write(scene.replace(image_tracks=[more]), tmp_path / "c", format="kitti_tracking")
    assert report.dropped == ["the shapes of 1 track in pictures: KITTI has the boxes around them", "attributes of tracks in pictures: lit"]
    assert [float(word) for word in rows_of(tmp_path / "c")[0][6:10]] == [30, 25, 50, 35]


def test_without_poses_the_sensor_frame_is_used_loudly(tmp_path):
    root = make(tmp_path, row())
    with pytest.warns(bw.SensorFrameFallback, match="the tracks stay in the LiDAR's frame"):
        scene = bw.read(root)
    assert scene.label_frame == "lidar"
    assert scene.trajectory is None
    check_golden(scene)
    assert any("no poses" in note for note in scene.notes)


def test_both_spellings_of_the_calibration_and_both_roots(tmp_path):
    new = {"R_rect": "R0_rect:", "Tr_velo_cam": "Tr_velo_to_cam:", "Tr_imu_velo": "Tr_imu_to_velo:"}
    root = make(tmp_path, row(), calib_text({new.get(name, name): values for name, values in CALIB.items()}), csv=still(1))
    check_golden(bw.read(root))
    check_golden(bw.read(root / "training"))
    shutil.copytree(root / "training", root / "testing")
    assert [entry.name for entry in bw.scenes(root)] == ["0000", "testing/0000"]


BAD_LABELS = {
    "columns": ("0 5 Car 0 0 1 2 3\n", "line 1: expected 17 columns"),
    "word": (row(golden="1.4 1.7 4.2 2 x 11 -1.2"), "line 1: y: expected a finite number, got 'x'"),
    "nan": (row() + row(1, golden="1.4 1.7 4.2 2 nan 11 -1.2"), "line 2: y: expected a finite number, got 'nan'"),
    "height": (row(golden="1,4 1.7 4.2 2 1.65 11 -1.2"), "line 1: h: expected a finite number, got '1,4'"),
    "score": (row(extra=" high"), "line 1: score: expected a finite number, got 'high'"),
    "size": (row() + row(1, golden="1.4 0 4.2 2 1.65 11 -1.2"), "line 2: h w l: expected a positive h, w and l, got 1.4 0 4.2"),
    "far": (row(golden="1.4 1.7 4.2 2 -1e300 11 -1.2"), r"line 1: y: expected a number under 1e\+08, got '-1e300'"),
    "truncated": (row(truncated=3), "line 1: truncated: expected a number from 0 to 2, or -1, got 3"),
    "occluded": (row(occluded=9), "line 1: occluded: expected 0, 1, 2, 3, or -1, got 9"),
    "box": (row().replace("600.5", "712.8"), "line 1: left top right bottom: expected a box whose left is"),
    "twice": (row() + row(), "line 2: track_id: expected each track once in a frame"),
    "frame": (row(frame=-3), "line 1: frame: expected a frame of 0 or more, got '-3'"),
    "track": (row(track="a"), "line 1: track_id: expected a whole number of up to nine digits, got 'a'"),
    "no track": (row(track=-1), "line 1: track_id: expected a track_id of 0 or more, got '-1'"),
    "far frame": (row(frame=999_999_999), "frames per scene"),
    "no pose": (row(frame=7), "a labelled frame has no pose: got frame 7"),
    "binary": ("\x00\xff\n", "not plain text"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels(tmp_path, name):
    labels, message = BAD_LABELS[name]
    root = make(tmp_path, labels, csv=still(3))
    with pytest.raises((bw.FormatError, bw.LimitError), match=message) as caught:
        bw.read(root)
    assert str(root) in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_kept_aside(tmp_path, name):
    """A bad line among good ones is kept as it is; the others are read."""
    labels, message = BAD_LABELS[name]
    good = row(2, track=77)
    root = make(tmp_path, labels + good, csv=still(3))
    if name in ("far frame", "binary"):  # a limit, and no text at all
        with pytest.raises((bw.FormatError, bw.LimitError), match=message):
            bw.read(root, strict=False)
        return
    scene = bw.read(root, strict=False)
    (problem,) = scene.problems
    assert re.search(message, str(problem))
    number = int(problem.error.offset.removeprefix("line "))
    assert problem.record == (labels + good).splitlines()[number - 1]
    assert "77" in {track.track_id for track in scene.tracks}
    assert sum(int((track.visibility != bw.Visibility.OUTSIDE).sum()) for track in scene.tracks) == len((labels + good).splitlines()) - 1
    bw.write(scene, tmp_path / "ours")
    assert bw.read(tmp_path / "ours").problems[0].mapping() == problem.mapping()


BAD_CALIB = {
    "short": (lambda t: t.replace("R_rect 1 ", "R_rect "), "line 3: R_rect: expected 9 numbers, got 8"),
    "word": (lambda t: t.replace("0.06", "a"), r"line 4: Tr_velo_cam\[3\]: expected a finite number, got 'a'"),
    "missing": (
        lambda t: t.replace("Tr_velo_cam", "Tr_other"),
        "a row is missing: expected Tr_velo_to_cam or Tr_velo_cam, got P2, P3, R_rect, Tr_imu_velo",
    ),
    "twice": (lambda t: t + "R0_rect: 1 0 0 0 1 0 0 0 1\n", "line 6: a row comes twice: got R0_rect again, after R_rect in line 3"),
    "not a rotation": (lambda t: t.replace("R_rect 1 0", "R_rect 2 0"), "line 3: R_rect: expected a rotation matrix"),
    "mirrored": (lambda t: t.replace("0 -1 0 0.06", "0 1 0 0.06"), "line 4: Tr_velo_cam: expected a rotation matrix"),
    "half a size": (lambda t: t + "S_rect_02: 640\n", "line 6: S_rect_02: expected 2 numbers, got 1"),
    "a size of parts": (
        lambda t: t + "S_rect_02: 640.5 480\n",
        "line 6: S_rect_02: expected a width and a height, whole.*got 640.5 480",
    ),
    "no size": (lambda t: t + "S_rect_03: 0 480\n", "line 6: S_rect_03: expected a width and a height, whole and positive, got 0 480"),
    "singular": (lambda t: t.replace("P2: 700", "P2: 0"), "line 1: P2: singular intrinsics"),
}


@pytest.mark.parametrize("name", BAD_CALIB)
def test_bad_calibration(tmp_path, name):
    edit, message = BAD_CALIB[name]
    assert edit(calib_text()) != calib_text()
    root = make(tmp_path, row(), edit(calib_text()), csv=still(1))
    with pytest.raises((bw.CalibrationError, bw.FormatError), match=message) as caught:
        bw.read(root)
    assert "calib/0000.txt" in str(caught.value)


def test_missing_calibration(tmp_path):
    root = make(tmp_path, row(), csv=still(1))
    (root / "training/calib/0000.txt").unlink()
    with pytest.raises(bw.CalibrationError, match=r"calib/0000.txt: no calibration"):
        bw.read(root)


BAD_CSV = {
    "header": (lambda t: t.replace("t_s", "t"), "line 1: expected a first line frame,t_s"),
    "values": (lambda t: t.replace("\n1,0.1,", "\n1,"), "line 3: expected 18 values, got 17"),
    "order": (lambda t: t.replace("\n1,0.1,", "\n0,0.1,"), "line 3: frame: expected increasing frames"),
    "time": (lambda t: t.replace("\n1,0.1,", "\n1,-0.1,"), "t_s: expected increasing times"),
    "seconds": (lambda t: t.replace("\n1,0.1,", "\n1,soon,"), "line 3: t_s: expected seconds, got 'soon'"),
    "endless": (lambda t: t.replace("\n1,0.1,", "\n1,1e400,"), "line 3: t_s: expected seconds"),
    "rotation": (lambda t: t.replace("0.0,1.0,1.5", "0.0,1.2,1.5"), "frame 0.*rotation"),
    "last row": (lambda t: t.replace("0.0,0.0,0.0,1.0\n", "0.0,0.0,0.5,1.0\n"), "frame 0: expected a last row of 0 0 0 1"),
    "number": (lambda t: t.replace("0.0,1.0,1.5", "0.0,one,1.5"), "line 2: m22: expected a finite number, got 'one'"),
    "empty": (lambda t: "", "an empty file"),
}


@pytest.mark.parametrize("name", BAD_CSV)
def test_bad_poses(tmp_path, name):
    edit, message = BAD_CSV[name]
    assert edit(still(3)) != still(3)
    with pytest.raises(bw.FormatError, match=message) as caught:
        bw.read(make(tmp_path, row(), csv=edit(still(3))))
    assert "0000.csv" in str(caught.value)


def picture(root, name="image_02/0000/000000.png", size_px=(124, 37)):
    path = root / "training" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image_bytes(np.zeros((size_px[1], size_px[0], 3), np.uint8)))


@pytest.mark.parametrize("folder", ["image_02", "image_00"])
def test_pictures_without_calibration_are_refused(tmp_path, folder):
    key = kitti_tracking.CAMERAS[folder]
    root = make(tmp_path, row(), calib_text({name: values for name, values in CALIB.items() if name != "P2:"}), csv=still(1))
    assert list(bw.read(root).cameras) == ["image_03"]  # no pictures, nothing amiss
    picture(root, f"{folder}/0000/000000.png")
    with pytest.raises(
        bw.CalibrationError, match=rf"calib/0000.txt: {key}: the pictures have no calibration: expected a row {key}: .*1 picture "
    ) as caught:
        bw.read(root)
    assert "add the row" in caught.value.hint


def test_labels_that_are_not_there_are_told(tmp_path):
    root = make(tmp_path, "", csv=still(2))
    labels = root / "training/label_02/0000.txt"
    assert "label_02/0000.txt is empty: the sequence has no labels" in bw.read(root).notes
    labels.unlink()
    scene = bw.read(root)
    assert (len(scene), len(scene.tracks)) == (2, 0)
    assert "label_02/0000.txt is missing: the sequence has no labels" in scene.notes
    (root / "training").rename(root / "testing")
    assert not any("label_02" in note for note in bw.read(root).notes)


def test_what_is_no_file_is_refused(tmp_path):
    root = make(tmp_path, row(), csv=still(1))
    for name in ("training/label_02/0000.txt", "training/calib/0000.txt", "poses/0000.csv", "training/oxts/0000.txt"):
        path = root / name
        kept = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        path.mkdir(parents=True)
        with pytest.raises(bw.FormatError, match=f"{name}: expected a file, got a folder; put the file there"):
            bw.read(root)
        path.rmdir()
        path.symlink_to(root / "nowhere")
        with pytest.raises(bw.FormatError, match=f"{name}: expected a file, got a link to nothing"):
            bw.read(root)
        path.unlink()
        if kept is not None:
            path.write_bytes(kept)
    bw.read(root)


def test_unknown_classes_are_told_once(tmp_path):
    lines = row(0) + row(1) + row(0, 6, "Zebra") + row(1, 6, "Zebra") + row(0, 7, "Zebra") + row(0, 8, "Ufo") + row(0, 9, "Ignore")
    scene = bw.read(make(tmp_path, lines, csv=still(2)))
    told = "classes that the taxonomy does not know: Ufo (1 track), Zebra (2 tracks); they have no size prior, and a colour made from their names"
    assert [note for note in scene.notes if "taxonomy" in note] == [told]
    bw.write(scene, tmp_path / "own")
    assert [note for note in bw.read(tmp_path / "own").notes if "taxonomy" in note] == [told]
    bw.write(scene.replace(tracks=scene.tracks[:1]), tmp_path / "known")
    assert not any("taxonomy" in note for note in bw.read(tmp_path / "known").notes)


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    root = make(tmp_path, row(), csv=still(1))
    honest = Path.read_bytes

    def read_bytes(path):
        if path.parent.name == "label_02":
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(bw.FormatError, match=r"label_02/0000.txt: cannot be read: Permission denied; check"):
        bw.read(root)


def test_empty_oxts(tmp_path):
    root = make(tmp_path, row(), csv=still(1))
    (root / "training/oxts").mkdir()
    for text in ("", "\n \n"):
        (root / "training/oxts/0000.txt").write_text(text)
        with pytest.raises(
            bw.FormatError, match=r"oxts/0000.txt: expected a line for each frame, first lat lon .*, got an empty file; .*take it away"
        ):
            bw.read(root)
    (root / "training/oxts/0000.txt").write_text("60 8 100 0 zero 0" + " 0" * 24)
    with pytest.raises(bw.FormatError, match=r"oxts/0000.txt, line 1: pitch: expected a finite number, got 'zero'"):
        bw.read(root)


def test_files_with_senseless_names_are_told(tmp_path):
    root = make(tmp_path, row(), csv=still(1))
    picture(root)
    assert not any("left out" in note for note in bw.read(root).notes)
    for name in ("image_02/0000/abc.png", "image_02/0000/1.png", "velodyne/0000/000000.pcd", "velodyne/0000/.hidden"):
        picture(root, name)
    told = [note for note in bw.read(root).notes if "left out" in note]
    assert told[0].startswith("velodyne/0000: 1 file is left out") and "'000000.pcd'" in told[0] and told[0].endswith("names like 000000.bin")
    assert told[1].startswith("image_02/0000: 2 files are left out") and len(told) == 2


SECOND = "image_03 has no pictures here: its size is taken as 1242 x 375 pixels"


def test_what_nothing_reads_is_told(tmp_path):
    root = make(tmp_path, row(), csv=still(1))
    assert bw.read(root).notes == ["image_02 has no pictures here: its size is taken as 1242 x 375 pixels", SECOND]
    for name in ("radar/0000/a.bin", "det_02/0000.txt", "det_02/0001.txt", "det_02/readme.md"):
        (root / "training" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "training" / name).write_text("x")
    assert bw.read(root).notes[0] == "training: nothing reads 'det_02/0000.txt', 'radar/0000/'"


def test_missing_projections_are_told(tmp_path):
    root = make(tmp_path, row(), calib=calib_text({name: values for name, values in CALIB.items() if name != "P2:"}), csv=still(1))
    scene = bw.read(root)
    assert (list(scene.cameras), scene.notes) == (["image_03"], ["calib has no row P2: there is no camera image_02", SECOND])


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_poses_that_are_left_out_are_told(tmp_path):
    root = make(tmp_path, row(), csv=still(1))
    (root / "training/poses").mkdir()
    shutil.copy(root / "poses/0000.csv", root / "training/poses")
    told = f"the poses of {root.name}/poses/0000.csv are left out: those of training/poses/0000.csv are taken"
    assert told in bw.read(root).notes
    (root / "training/oxts").mkdir()
    (root / "training/oxts/0000.txt").write_text("60 8 100 0 0 0" + " 0" * 24)
    notes = [note for note in bw.read(root).notes if "poses" in note]
    assert notes == [f"the poses of {of}/poses/0000.csv are left out: those of training/oxts/0000.txt are taken" for of in ("training", root.name)]
    (root / "training/calib/0000.txt").write_text(calib_text({name: values for name, values in CALIB.items() if name != "Tr_imu_velo"}))
    notes = bw.read(root).notes
    assert told in notes and any(note.startswith("oxts/0000.txt is left out: calib has no Tr_imu_velo") for note in notes)


def test_a_table_of_poses_without_a_row_is_refused(tmp_path):
    root = make(tmp_path, row(), csv=HEADER)
    with pytest.raises(bw.FormatError, match=r"poses/0000.csv: expected a line for each frame after the first, got none; .*take it away"):
        bw.read(root)


def test_sequences_of_sensor_files_alone_are_listed(tmp_path):
    """Their points have no calibration, which is refused and not passed over."""
    root = make(tmp_path, row(), csv=still(1))
    for name in ("velodyne/0003/000000.bin", "image_03/0004/000000.png", "velodyne/extra/000000.bin"):
        (root / "training" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "training" / name).write_bytes(b"")
    (root / "training/velodyne/0009").mkdir()
    assert bw.scenes(root).names == ("0000", "0003", "0004")
    for name in ("0003", "0004"):
        with pytest.raises(bw.CalibrationError, match=rf"calib/{name}.txt: no calibration"):
            bw.read(root, name)
    for folder in ("image_03", "label_02"):
        shutil.rmtree(root / "training" / folder)
    assert (bw.scenes(root).format, bw.scenes(root).names) == ("kitti_tracking", ("0000", "0003"))


def test_writing_says_what_the_scene_does_not_have(tmp_path):
    root = make(tmp_path, row() + row(1) + row(2), csv=still(3))
    for name in ("image_02/0000/000000.png", "image_02/0000/000002.png"):
        picture(root, name)
    report = bw.write(bw.read(root), tmp_path / "out", format="kitti_tracking")
    assert report.missing == [
        "velodyne: no frame has a sweep",
        "image_02: 1 of 3 frames have no picture, the first of them frame 1",
        "image_03: no frame has a picture",
    ]
    assert f"  missing: {report.missing[1]}" in str(report)


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("format", ["kitti_tracking", "kitti_object"])
def test_the_size_of_cameras_without_pictures_is_written_and_read(tmp_path, format):
    """Otherwise the borders of the pictures, and what of a box is in them, would be those of another camera."""
    scene = golden_scene().replace(cameras={"front": small_camera()})
    report = bw.write(scene, tmp_path / "small", format=format)
    assert not any("size" in line for line in report.dropped)
    calib = next((tmp_path / "small/training/calib").iterdir()).read_text()
    assert calib.splitlines()[-1] == "S_rect_02: 640 480"
    again = bw.read(tmp_path / "small")
    (camera,) = again.cameras.values()
    assert camera.camera == small_camera().camera
    assert not any("size" in note for note in again.notes)
    assert "S_rect_02" not in again.source_attributes["kitti_calib"]
    bw.write(again, tmp_path / "twice", format=format)
    assert next((tmp_path / "twice/training/calib").iterdir()).read_text() == calib


def test_the_usual_size_and_that_of_pictures_need_no_row(tmp_path):
    root = make(tmp_path, row(), csv=still(1))
    bw.write(bw.read(root), tmp_path / "out", format="kitti_tracking")
    assert "S_rect" not in (tmp_path / "out/training/calib/0000.txt").read_text()
    picture(root, "image_02/0000/000000.png")
    scene = bw.read(root)
    assert scene.camera("image_03").camera.size_px == scene.camera("image_02").camera.size_px != (1242, 375)
    bw.write(scene, tmp_path / "with pictures", format="kitti_tracking")
    assert "S_rect" not in (tmp_path / "with pictures/training/calib/0000.txt").read_text()


def test_a_grey_camera_without_pictures_is_there_where_its_size_is_told(tmp_path):
    calib = {**CALIB, "P0:": CALIB["P2:"]}
    root = make(tmp_path, row(), calib_text(calib) + "S_rect_00: 640 480\n", csv=still(1))
    scene = bw.read(root)
    assert scene.camera("image_00").camera.size_px == (640, 480)
    bw.write(scene, tmp_path / "out", format="kitti_tracking")
    assert bw.read(tmp_path / "out").camera("image_00").camera == scene.camera("image_00").camera


def small_camera():
    return bw.CameraSensor("front", bw.PinholeCamera(640, 480, 300, 300, 320, 240), bw.Pose(CAM_AXES, (0.27, 0.06, -0.08)))


def test_bad_sensor_files(tmp_path):
    root = make(tmp_path, row(), csv=still(3))
    for folder, name, raw in (("velodyne", "000001.bin", bytes(31)), ("image_02", "000002.png", image_bytes(np.zeros((37, 124, 3), np.uint8)))):
        (root / f"training/{folder}/0000").mkdir(parents=True)
        (root / f"training/{folder}/0000/{name}").write_bytes(raw)
    scene = bw.read(root)
    assert (scene.camera("image_02").camera.size_px, [scene.has_points(i) for i in range(3)]) == ((124, 37), [False, True, False])
    with pytest.raises(bw.FormatError, match=r"000001.bin, byte 16: frame 1, lidar: not a KITTI cloud.*31 B, 15 B more"):
        scene.points(1)
    with pytest.raises(bw.FrameMissing, match=r"velodyne/0000/000002.bin"):
        scene.points(2)
    with pytest.raises(bw.FrameMissing, match=r"image_03/0000/000002.png"):
        scene.image(2, "image_03")
    with pytest.raises(bw.CalibrationError, match="expected one of image_02, image_03, got 'image_05'"):
        scene.image(2, "image_05")


def test_empty_sequence(tmp_path):
    with pytest.warns(bw.SensorFrameFallback):
        scene = bw.read(make(tmp_path, ""))
    assert (len(scene), len(scene.tracks)) == (0, 0)
    bw.write(scene, tmp_path / "out", format="kitti_tracking")


# ------------------------------------------------------------ any scene to KITTI


def test_writing_says_what_is_lost(rng, tmp_path):
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "out", format="kitti_tracking")
    text = str(report)
    for lost in (
        "the scene's name 'clip 1'",
        "LiDAR rear",
        "camera round: KITTI has pinhole cameras only",
        "the name of camera front: it is image_02",
        "the distortion of camera front",
        "1 track id not a whole number under a billion, such as 'x y': numbered here",
        "the tilt of",
        "attributes: colour, pose, speed",
        "source attributes of labels: list, n, token",
        "source attributes of the scene: site",
        "tags: score, weather",
        "2 relations",
        "who wrote the keyframes",
        "of the points: ring, time_offset_ns",
        "1 pose of the vehicle between the frames",
        "the exposure times of camera front",
        "the frames' names",
    ):
        assert lost in text, lost
    again = bw.read(tmp_path / "out")
    np.testing.assert_array_equal(again.times_ns, scene.times_ns)
    np.testing.assert_allclose(again.cam_from(1, "image_02").matrix(), scene.transform("front", "lidar", int(scene.times_ns[1])).matrix(), atol=1e-9)
    np.testing.assert_array_equal(again.image(0, "image_02"), scene.image(0, "front"))
    np.testing.assert_array_equal(again.points(1).xyz, scene.points(1).xyz)
    np.testing.assert_allclose(again.cuboids(0).center_m, scene.cuboids(0).center_m, rtol=0, atol=1e-8)
    np.testing.assert_allclose(again.cuboids(0).yaw_rad, scene.cuboids(0).yaw_rad, rtol=0, atol=1e-9)


def upright_scene(rng, cameras=(), n=6):
    """Cars that stand upright in the LiDAR of a moving vehicle: all that KITTI can hold."""
    times = 1_600_000_000_000_000_007 + np.arange(n) * 99_999_999
    poses = [bw.Pose.from_yaw(0.1 * i, (5e5 + i, 5.4e6 - i, 200.0)) for i in range(n)]
    tracks = []
    for k in range(3):
        flat = bw.Cuboids(
            rng.uniform([5, -20, -2], [50, 20, 1], (n, 3)), np.tile(rng.uniform(0.5, 5, 3), (n, 1)), rng.uniform(-3, 3, n), frame="lidar"
        )
        world = bw.Cuboids.concatenate([flat[i].transformed(poses[i], frame="world") for i in range(n)])
        tracks.append(bw.Track(str(k), "Car", times, world, visibility=[0, 1, 0, 2, 0, 0]))
    lidars = {"lidar": bw.Lidar("lidar")}
    sweeps = {(2, "lidar"): bw.Sweep(rng.normal(0, 9, (30, 3)).astype(np.float32), int(times[2]), intensity=rng.random(30).astype(np.float32))}
    return bw.Scene("0007", times, lidars, {c.name: c for c in cameras}, bw.Trajectory(times, poses), tracks, MemoryData(sweeps))


def test_without_cameras(rng, tmp_path):
    scene = upright_scene(rng)
    report = bw.write(scene, tmp_path / "out", format="kitti_tracking")
    assert any("P2 and the 2-D boxes: the scene has no pinhole camera" in line for line in report.dropped)
    again = bw.read(tmp_path / "out")
    assert not again.cameras
    assert_same_labels(scene, again, exact=False, tol_m=1e-9, tol_rad=1e-9)
    np.testing.assert_array_equal(again.points(2).intensity, scene.points(2).intensity)


def test_an_independent_parser_reads_what_is_written(rng, tmp_path, oracle, monkeypatch):
    """Labels, poses, calibration and sweeps, as a parser that shares no line with ours finds them."""
    camera = bw.CameraSensor("front", bw.PinholeCamera(48, 32, 30.3, 30.7, 23.1, 15.9), bw.Pose(CAM_AXES, (0.27, 0.06, -0.08)))
    beside = bw.CameraSensor("right", camera.camera, bw.Pose(CAM_AXES, (0.27, -0.48, -0.08)))
    scene = upright_scene(rng, cameras=(camera, beside))
    images = {(2, name): rng.integers(0, 255, (32, 48, 3)).astype(np.uint8) for name in ("front", "right")}
    scene = scene.replace(data=MemoryData(scene.data.sweeps, images))
    bw.write(scene, tmp_path / "kitti_tracking", format="kitti_tracking")
    monkeypatch.setattr(oracle, "ROOT", tmp_path)
    (clip,) = oracle.kitti_tracking()
    assert clip.scene == "0007" and set(clip.tracks) == {"0", "1", "2"}
    for i, stamp in enumerate(scene.times_ns.tolist()):
        np.testing.assert_allclose(clip.world_from_lidar[i], scene.world_from_ego(stamp).matrix(), rtol=1e-12, atol=1e-12)
    for track in scene.tracks:
        theirs = clip.tracks[track.track_id]
        assert theirs.name == "Car" and theirs.frames.tolist() == [0, 1, 2, 4, 5]  # in frame 3 it is outside
        assert theirs.extra["occluded"].tolist() == [0, 1, 0, 0, 0]
        for row, i in enumerate(theirs.frames.tolist()):
            ours = scene.cuboids(i, frame="lidar")[int(track.track_id)]
            np.testing.assert_allclose(theirs.boxes[row, :3], ours.center_m, rtol=0, atol=1e-8)
            np.testing.assert_allclose(theirs.boxes[row, 3:6], ours.size_m, rtol=0, atol=1e-12)
            assert abs(np.angle(np.exp(1j * (theirs.boxes[row, 6] - ours.yaw_rad)))) < 1e-9
            world = track.cuboids[i]
            np.testing.assert_allclose(theirs.world[row, :3], world.center_m, rtol=0, atol=1e-7)
    (frame,) = oracle.kitti_tracking_frames()
    np.testing.assert_array_equal(frame.points[:, :3], scene.points(2).xyz)
    np.testing.assert_array_equal(frame.points[:, 3], scene.points(2).intensity)
    for name, source in (("image_2", "front"), ("image_3", "right")):
        np.testing.assert_allclose(frame.cameras[name].cam_from_lidar, scene.cam_from(2, source).matrix(), rtol=0, atol=1e-9)


def test_behind_and_beside_the_picture(rng, tmp_path):
    """Labels that no picture shows are written, not dropped; those at its edge are cut to it."""
    camera = bw.CameraSensor("front", bw.PinholeCamera(1242, 375, 700, 700, 600, 170), bw.Pose(CAM_AXES, (0.27, 0.06, -0.08)))
    scene = golden_scene()
    places = [(-11.0, 2.0, -1.0), (10.0, 8.5, -1.0), (10.0, -30.0, -1.0), (1.2, 0.5, -0.4)]
    tracks = [bw.Track(str(i), "Car", np.array([0]), bw.Cuboids([p], [GOLDEN_SIZE], [0.3], frame="lidar")) for i, p in enumerate(places)]
    report = bw.write(scene.replace(tracks=tracks, cameras={"front": camera}), tmp_path / "a", format="kitti_tracking")
    rows = [line.split() for line in (tmp_path / "a/training/label_02/0003.txt").read_text().splitlines()]
    assert len(rows) == report.n_labels == 4
    boxes = np.array([[float(v) for v in row[6:10]] for row in rows])
    assert rows[0][3] == rows[2][3] == "2"
    np.testing.assert_array_equal(boxes[[0, 2]], -1)
    assert rows[1][3] in "12"
    assert boxes[1, 0] == 0 < boxes[1, 2]
    assert (boxes[3] >= 0).all()
    assert (boxes[3, 2:] <= (1241, 374)).all()
    assert any("2-D boxes of 2 labels that no picture shows" in line for line in report.dropped)


def test_keyframes_become_labels(rng, tmp_path):
    scene = upright_scene(rng)
    sparse = scene.replace(tracks=[track.take([0, 1, 5]) for track in scene.tracks])
    report = bw.write(sparse, tmp_path / "out", format="kitti_tracking")
    assert report.n_labels == 18
    assert any("which labels are keyframes: 9 of 18 were interpolated" in line for line in report.dropped)
    again = bw.read(tmp_path / "out")
    for i in range(6):
        np.testing.assert_allclose(again.cuboids(i).center_m, sparse.cuboids(i).center_m, rtol=0, atol=1e-9)


def test_a_moved_label_gets_a_new_box(tmp_path):
    """Where none is drawn; what was said of the truncation stays."""
    root = make(tmp_path, row(truncated=2), csv=still(1))
    scene = bw.read(root)
    bw.write(scene, tmp_path / "same", format="kitti_tracking")
    line = (tmp_path / "same/training/label_02/0000.txt").read_text().split()
    assert [float(v) for v in line[3:]] == [float(v) for v in row(truncated=2).split()[3:]]
    moved = scene.tracks[0].replace(cuboids=scene.tracks[0].cuboids.replace(center_m=scene.tracks[0].cuboids.center_m + np.array([0.1, 0, 0])))
    bw.write(scene.replace(tracks=[moved], image_tracks=[]), tmp_path / "moved", format="kitti_tracking")
    certificate = bw.certify(scene.replace(tracks=[moved]), "kitti_tracking")
    assert certificate.holds and not any(one.field == "attributes" for one in certificate.readings[0].lost)
    line = (tmp_path / "moved/training/label_02/0000.txt").read_text().split()
    assert line[3:5] == ["2", "1"]
    assert float(line[6]) != 600.5


@pytest.mark.parametrize(
    ("name", "value", "step_m", "written"),
    [
        ("truncated", 5, 0.1, ["0", "1"]),
        ("truncated", True, 0.1, ["0", "1"]),
        ("truncated", True, 0.0, ["0", "1"]),
        ("occluded", 9, 0.0, ["2", "0"]),
        ("occluded", True, 0.1, ["2", "0"]),
    ],
)
def test_what_cannot_be_is_worked_out_and_told(tmp_path, name, value, step_m, written):
    """The golden car is wholly in the picture and seen."""
    (track,) = (scene := bw.read(make(tmp_path, row(truncated=2), csv=still(1)))).tracks
    said = [{**track.keyframe_attributes[0], name: value}]
    cuboids = track.cuboids.replace(center_m=track.cuboids.center_m + np.array([step_m, 0, 0]))
    moved = track.replace(cuboids=cuboids, visibility=[0], keyframe_attributes=said)
    report = bw.write(scene.replace(tracks=[moved], image_tracks=[]), tmp_path / "moved", format="kitti_tracking")
    assert (tmp_path / "moved/training/label_02/0000.txt").read_text().split()[3:5] == written
    (told,) = [line for line in report.dropped if "attributes" in line.fields]
    assert (str(told), told.of) == (f"{name} of 1 track, which cannot be, and is worked out: 5", {"5"})


def test_writer_arguments(rng, tmp_path):
    scene = upright_scene(rng)
    with pytest.raises(bw.ArgumentError, match="four digits, got '7'"):
        bw.write(scene, tmp_path / "a", format="kitti_tracking", sequence="7")
    with pytest.raises(bw.ArgumentError, match="needs a LiDAR"):
        bw.write(scene.replace(lidars={}), tmp_path / "a", format="kitti_tracking")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------ real recordings


@pytest.fixture(scope="module")
def clips(oracle):
    return {clip.scene: clip for clip in oracle.kitti_tracking()}


SEQUENCES = ["0000", "0001", "0003", "0004", "0005", "0007", "0009", "0012", "0017"]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_agrees_with_the_independent_loader(real_data, clips, sequence, tmp_path):
    scene, clip = bw.read(real_data / "kitti_tracking", scene=sequence), clips[sequence]
    assert len(scene) == len(clip.times_s)
    np.testing.assert_allclose(scene.times_ns * 1e-9, clip.times_s, rtol=0, atol=1e-9)
    assert [t.track_id for t in scene.tracks] == list(clip.tracks)
    for track in scene.tracks:
        truth = clip.tracks[track.track_id]
        there = track.visibility != bw.Visibility.OUTSIDE
        np.testing.assert_array_equal(np.searchsorted(scene.times_ns, track.times_ns[there]), truth.frames)
        np.testing.assert_allclose(track.cuboids.center_m[there], truth.world[:, :3], rtol=0, atol=1e-6)
        np.testing.assert_allclose(track.cuboids.size_m[there], truth.world[:, 3:6], rtol=0, atol=1e-9)
        assert angle_between(track.cuboids.quat_wxyz[there], truth.world_quats).max() < 1e-9
        assert track.category == truth.name
    again = None
    for i in range(0, len(scene), 20):  # back in the LiDAR's frame, frame by frame
        labels = scene.labels(i)
        for cuboid, k in zip(labels.cuboids, labels.track_index):
            truth = clip.tracks[scene.tracks[k].track_id]
            (box,) = truth.boxes[truth.frames == i]
            np.testing.assert_allclose(cuboid.center_m, box[:3], rtol=0, atol=1e-6)
            turn = (cuboid.yaw_rad - box[6] + np.pi) % (2 * np.pi) - np.pi
            assert abs(turn) < 1e-9
    for i in (0, len(scene) - 1):
        world_from_lidar = scene.transform("world", "lidar", int(scene.times_ns[i])).matrix()
        np.testing.assert_allclose(world_from_lidar, clip.world_from_lidar[i], rtol=0, atol=1e-6)
    if sequence in ("0001", "0012"):
        bw.write(scene, tmp_path / "out", format="kitti_tracking")
        again = bw.read(tmp_path / "out")
        assert_same_labels(scene, again, exact=False, tol_m=1e-9, tol_rad=1e-9)
        assert again.source_attributes == scene.source_attributes
        ours, theirs = (
            sorted([tuple(map(float, (w[:2] + w[3:]))) for w in map(str.split, (root / f"label_02/{sequence}.txt").read_text().splitlines())])
            for root in (tmp_path / "out/training", real_data / "kitti_tracking/training")
        )
        assert ours == theirs  # every number of every line, DontCare too


def test_frames_agree_with_the_independent_loader(real_data, oracle):
    scene = bw.read(real_data / "kitti_tracking", scene="0001")
    frames = list(islice(oracle.kitti_tracking_frames(), 2))  # the others have no sweeps
    assert [i for i in range(len(scene)) if scene.has_points(i)] == [int(f.frame) for f in frames]
    for truth in frames:
        i = int(truth.frame)
        sweep = scene.points(i)
        np.testing.assert_array_equal(np.c_[sweep.xyz, sweep.intensity], truth.points)
        for name, camera in truth.cameras.items():
            ours = name.replace("_", "_0")
            np.testing.assert_allclose(scene.camera(ours).camera.matrix, camera.K, rtol=0, atol=1e-12)
            np.testing.assert_allclose(scene.cam_from(i, ours).matrix(), camera.cam_from_lidar, rtol=0, atol=1e-9)
            assert scene.image(i, ours).shape == (*camera.size_px[::-1], 3)
