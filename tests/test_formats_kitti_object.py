"""KITTI object: numbers worked by hand, the independent loader, and back to files without loss."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
import test_formats_kitti_tracking as tracking
from boxwright.formats import _READERS, _module, kitti_label_rows, kitti_object
from boxwright.formats.images import image_bytes
from formats_scenes import CAM_AXES, MemoryData, assert_same_labels, full_scene
from test_formats_kitti_tracking import CALIB, GOLDEN_CENTER, GOLDEN_ROW, MUTATIONS, P2, TOL, TR

NAMES = {"R_rect": "R0_rect:", "Tr_velo_cam": "Tr_velo_to_cam:", "Tr_imu_velo": "Tr_imu_to_velo:"}
OBJECT_CALIB = {NAMES.get(name, name): values for name, values in CALIB.items()}
DONTCARE = "DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10\n"


def row(kind="Car", golden=GOLDEN_ROW, truncated=0.25, occluded=1, extra=""):
    return f"{kind} {truncated} {occluded} -1.3 600.5 150.25 712.75 240.5 {golden}{extra}\n"


def make(root, labels, calib=OBJECT_CALIB, stem="000007", split="training"):
    for folder, text in (("label_2", labels), ("calib", tracking.calib_text(calib))):
        (root / split / folder).mkdir(parents=True, exist_ok=True)
        (root / split / folder / f"{stem}.txt").write_text(text)
    return root


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path, row()))
    tracking.check_golden(scene)
    (track,) = scene.tracks
    assert (scene.name, scene.frame_ids, scene.times_ns.tolist(), scene.has_time) == ("000007", ("000007",), [0], False)
    assert (scene.label_frame, scene.trajectory, track.track_id, track.category) == ("lidar", None, "0", "Car")
    assert track.visibility.tolist() == [bw.Visibility.OCCLUDED]
    assert track.keyframe_attributes[0] == {"truncated": 0.25, "occluded": 1}
    (drawn,) = scene.image_tracks
    assert (drawn.track_id, drawn.camera, drawn.object_id) == ("0/image_2", "image_2", "0")
    np.testing.assert_array_equal(drawn.shapes.xyxy, [[600.5, 150.25, 712.75, 240.5]])
    assert track.keyframe_source_attributes[0]["alpha_rad"] == -1.3
    camera = scene.camera("image_2").camera
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px, camera.size_px) == (700, 700, 600, 170, (1242, 375))
    x, y, z = scene.cam_from(0, "image_2").apply(GOLDEN_CENTER)  # u = (700 x + 600 z + 45.5) / (z + 0.005) of (2, 0.95, 11)
    np.testing.assert_allclose(700 * x / z + 600, (700 * 2 + 600 * 11 + 45.5) / 11.005, rtol=0, atol=1e-9)
    np.testing.assert_allclose(700 * y / z + 170, (700 * 0.95 + 170 * 11 - 0.3) / 11.005, rtol=0, atol=1e-9)
    np.testing.assert_allclose(scene.ego_from("lidar").translation_m, [0.8, -0.3, 0.8], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = kitti_object.cuboids_from_hwl_bottom
    monkeypatch.setattr(kitti_object, "cuboids_from_hwl_bottom", lambda *args: MUTATIONS[name](honest(*args)))
    scene = bw.read(make(tmp_path, row()))
    with pytest.raises(AssertionError):
        tracking.check_golden(scene)


def written_row(folder):
    bw.write(tracking.golden_scene(), folder, format="kitti_object")
    (line,) = (folder / "training/label_2/000000.txt").read_text().splitlines()
    kind, truncated, *rest = line.split()
    return ["0", "5", kind, str(int(float(truncated))), *rest]


def test_golden_numbers_written(tmp_path):
    tracking.check_written(written_row(tmp_path / "a"))
    lines = (tmp_path / "a/training/calib/000000.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["P0:", "P1:", "P2:", "P3:", "R0_rect:", "Tr_velo_to_cam:", "Tr_imu_to_velo:"]
    np.testing.assert_allclose([float(v) for v in lines[2].split()[1:]], [700, 0, 600, 0, 0, 700, 170, 0, 0, 0, 1, 0], rtol=0, atol=TOL)
    np.testing.assert_allclose([float(v) for v in lines[5].split()[1:]], TR, rtol=0, atol=TOL)


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_written_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = kitti_label_rows.hwl_bottom_from_cuboids
    monkeypatch.setattr(kitti_label_rows, "hwl_bottom_from_cuboids", lambda cuboids, rect: honest(MUTATIONS[name](cuboids), rect))
    words = written_row(tmp_path / "a")
    with pytest.raises(AssertionError):
        tracking.check_written(words)


def test_every_frame_is_a_scene_with_its_own_calibration(tmp_path):
    moved = {**OBJECT_CALIB, "P2:": [500, *P2[1:]], "Tr_velo_to_cam:": [*TR[:3], 1.06, *TR[4:]]}
    make(tmp_path, row(), moved, stem="000003")
    make(tmp_path, row())
    make(tmp_path, "", stem="000003", split="testing")
    (tmp_path / "testing/label_2/000003.txt").unlink()
    (tmp_path / "testing/label_2").rmdir()
    (tmp_path / "testing/image_2").mkdir()
    entries = bw.scenes(tmp_path)
    assert (entries.format, list(entries.names)) == ("kitti_object", ["000003", "000007", "testing/000003"])
    first, second, test = (entry.read() for entry in entries)
    assert (first.camera("image_2").camera.fx_px, second.camera("image_2").camera.fx_px) == (500, 700)
    # lidar y = -(camera x - shift): one metre more of shift moves the car a metre to the left
    np.testing.assert_allclose(first.cuboids(0).center_m - second.cuboids(0).center_m, [[0, 1, 0]], rtol=0, atol=1e-12)
    assert (len(test.tracks), test.frame_ids) == (0, ("000003",))
    assert not any("missing" in note for note in test.notes)
    assert bw.scenes(tmp_path / "training").names == ("000003", "000007")


def test_points_and_calibration_alone(tmp_path):
    """KITTI object without labels and pictures was a folder of datasets of points."""
    make(tmp_path, row())
    base = tmp_path / "training"
    (base / "label_2" / "000007.txt").unlink()
    (base / "label_2").rmdir()
    (base / "velodyne").mkdir()
    (base / "velodyne" / "000007.bin").write_bytes(np.float32([[9, 1, 0, 0.5]]).tobytes())
    for place in (tmp_path, base):
        (entry,) = bw.scenes(place)
        scene = entry.read()
        assert scene.format == "kitti_object" and len(scene.points(0)) == 1 and not scene.tracks and "image_2" in scene.cameras


def test_listing_reads_nothing(tmp_path):
    make(tmp_path, row())
    for i in range(2000):
        (tmp_path / f"training/label_2/{i:06d}.txt").touch()
    (tmp_path / "training/label_2/000005.txt").write_bytes(b"\xff")
    entries = bw.scenes(tmp_path)
    assert (len(entries), entries[1999].name) == (2000, "001999")


def test_dontcare_scores_and_rows_of_zeros(tmp_path):
    scene = bw.read(make(tmp_path, DONTCARE + row(extra=" 0.75") + row("Person_sitting", occluded=3, truncated=1), {**OBJECT_CALIB, "P3:": [0] * 12}))
    assert [(t.track_id, t.category, t.visibility.tolist()) for t in scene.tracks] == [("1", "Car", [1]), ("2", "Person_sitting", [0])]
    assert scene.tracks[0].keyframe_source_attributes[0]["score"] == 0.75
    (ignored,) = scene.source_attributes["ignore_regions"]
    assert (ignored["camera"], ignored["box_xyxy_px"], ignored["truncated"]) == ("image_2", [503.89, 169.71, 590.61, 190.13], -1)
    assert list(scene.cameras) == ["image_2"]
    report = bw.write(scene, tmp_path / "out", format="kitti_object")
    assert (report.n_labels, report.n_tracks, report.n_frames) == (2, 2, 1)
    again = bw.read(tmp_path / "out")
    assert again.source_attributes == scene.source_attributes
    for a, b in zip(scene.tracks, again.tracks):
        assert a.keyframe_attributes == b.keyframe_attributes
        assert a.keyframe_source_attributes == b.keyframe_source_attributes


BAD_LABELS = {
    "columns": (row() + "Car 0 0 1 2 3\n", "line 2: expected 15 columns, or 16 with a score, got 6"),
    "word": (row() + row(golden="1.4 1.7 4.2 2 x 11 -1.2"), "line 2: y: expected a finite number, got 'x'"),
    "nan": (row() + row(golden="1.4 1.7 4.2 2 nan 11 -1.2"), "line 2: y: expected a finite number, got 'nan'"),
    "size": (row() + row(golden="1.4 0 4.2 2 1.65 11 -1.2"), "line 2: h w l: expected a positive h, w and l, got 1.4 0 4.2"),
    "far": (row() + row(golden="1.4 1.7 4.2 2 1.65 1e300 -1.2"), r"line 2: z: expected a number under 1e\+08, got '1e300'"),
    "huge": (row() + row(golden="1.4 1.7 1e8 2 1.65 11 -1.2"), r"line 2: l: expected a number under 1e\+08, got '1e8'"),
    "truncated": (row() + row(truncated=5), "line 2: truncated: expected a number from 0 to 1, or -1, got 5"),
    "occluded": (row() + row(occluded=9), "line 2: occluded: expected 0, 1, 2, 3, or -1, got 9"),
    "left": (
        row() + row().replace("600.5", "712.8"),
        "line 2: left top right bottom: expected a box whose left is .*, got 712.8 150.25 712.75 240.5",
    ),
    "top": (row() + row().replace("150.25", "240.6"), "line 2: left top right bottom: expected a box .*, got 600.5 240.6 712.75 240.5"),
    "region": (row() + DONTCARE.replace("503.89", "700"), "line 2: left top right bottom: expected a box"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_refused_or_kept_aside(tmp_path, name):
    labels, message = BAD_LABELS[name]
    root = make(tmp_path, labels + row("Van"))
    with pytest.raises(bw.FormatError, match=message) as caught:
        bw.read(root)
    assert "label_2/000007.txt" in str(caught.value)
    assert caught.value.hint
    scene = bw.read(root, strict=False)
    assert [(t.track_id, t.category) for t in scene.tracks] == [("0", "Car"), ("2", "Van")]
    (problem,) = scene.problems
    assert problem.record == labels.splitlines()[1]
    assert "line 2" in str(problem)


def calibrations():
    """Everything that a calibration may leave out, or fill with zeros."""
    needed = ("R0_rect:", "Tr_velo_to_cam:")
    others = [name for name in OBJECT_CALIB if name not in needed]
    for gone in [[], *([name] for name in others), ["P2:", "Tr_imu_to_velo:"], others]:
        yield {name: row for name, row in OBJECT_CALIB.items() if name not in gone}
        yield {name: [0] * len(row) if name in gone else row for name, row in OBJECT_CALIB.items()}


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize("to", ["kitti_object", "kitti_tracking"])
@pytest.mark.parametrize("calib", list(calibrations()), ids=lambda calib: " ".join(name for name, row in calib.items() if any(row)))
def test_every_calibration_is_read_back(tmp_path, calib, to):
    scene = bw.read(make(tmp_path / "a", row() + DONTCARE, calib))
    rows = {NAMES.get(name, name).rstrip(":"): list(map(float, values)) for name, values in calib.items() if any(values)}
    assert scene.source_attributes["kitti_calib"] == rows
    bw.write(scene, tmp_path / "b", format=to)
    again = bw.read(tmp_path / "b")
    assert again.source_attributes["kitti_calib"] == rows
    assert [name[-1] for name in again.cameras] == [name[-1] for name in scene.cameras] == [key[1] for key in rows if key in ("P2", "P3")]
    assert again.ego_from("lidar") == scene.ego_from("lidar")
    np.testing.assert_allclose(again.cuboids(0, "lidar").center_m, [GOLDEN_CENTER], rtol=0, atol=TOL)
    text = next((tmp_path / "b/training/calib").iterdir()).read_text()
    assert ("Tr_imu_to_velo: 0.0" in text) == (to == "kitti_object" and "Tr_imu_to_velo" not in rows)


@pytest.mark.parametrize("wrong", [[0] * 12, [1e300] * 12, [float("nan")] * 12, ["a"] * 12, [1.0] * 11, None, "P"])
@pytest.mark.parametrize("name", ["P0", "P2", "Tr_imu_to_velo", "Tr_velo_to_cam"])
def test_a_calibration_that_no_reader_takes_is_not_kept(tmp_path, name, wrong):
    """A scene may carry whatever rows; they are written only where they are those of its sensors."""
    scene = bw.read(make(tmp_path / "a", row()))
    rows = {**scene.source_attributes["kitti_calib"], name: wrong}
    bw.write(scene.replace(source_attributes={"kitti_calib": rows}), tmp_path / "b", format="kitti_object")
    again = bw.read(tmp_path / "b")
    np.testing.assert_allclose(again.cuboids(0, "lidar").center_m, [GOLDEN_CENTER], rtol=0, atol=1e-9)
    for camera in scene.cameras:
        np.testing.assert_allclose(again.cam_from(0, camera).matrix(), scene.cam_from(0, camera).matrix(), rtol=0, atol=1e-9)


SENSELESS = [("occluded", 9), ("truncated", 5), ("truncated", float("nan")), ("occluded", "x"), ("box_xyxy_px", [9, 0, 1, 1]), ("score", 1e300)]


@pytest.mark.parametrize("to", ["kitti_object", "kitti_tracking"])
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
@pytest.mark.parametrize(("name", "value"), [*SENSELESS, ("alpha_rad", None), ("box_xyxy_px", [1, 2])])
def test_columns_that_no_reader_takes_are_worked_out_again(tmp_path, to, name, value):
    scene = bw.read(make(tmp_path / "a", row(extra=" 0.5") + DONTCARE))
    (track,), (region,) = scene.tracks, scene.source_attributes["ignore_regions"]
    where = "keyframe_attributes" if name in ("truncated", "occluded") else "keyframe_source_attributes"
    spoiled = track.replace(**{where: [{**getattr(track, where)[0], name: value}]})
    scene = scene.replace(tracks=[spoiled], source_attributes={**scene.source_attributes, "ignore_regions": [{**region, name: value}]})
    report = bw.write(scene, tmp_path / "b", format=to)
    assert "1 ignore regions that are not KITTI's" in report.dropped
    again = bw.read(tmp_path / "b")
    np.testing.assert_allclose(again.cuboids(0, "lidar").center_m, [GOLDEN_CENTER], rtol=0, atol=TOL)
    assert again.tracks[0].keyframe_attributes[0]["occluded"] in (0, 1)


def test_a_class_called_like_regions_without_labels(tmp_path):
    scene = bw.read(make(tmp_path / "a", row()))
    report = bw.write(scene.replace(tracks=[scene.tracks[0].replace(category="DontCare")]), tmp_path / "b", format="kitti_object")
    assert "spelling of categories: 'DontCare' is DontCare_" in report.dropped
    assert [track.category for track in bw.read(tmp_path / "b").tracks] == ["DontCare_"]


def test_labels_too_far_for_kitti_are_not_written(tmp_path):
    scene = bw.read(make(tmp_path / "a", row()))
    track = scene.tracks[0]
    far = track.replace(cuboids=track.cuboids.replace(center_m=[[2e8, 0, 0]]))
    with pytest.raises(bw.ArgumentError, match=r"coordinates and sizes under 1e\+08 m, got 2e\+08 m from the LiDAR in frame 0"):
        bw.write(scene.replace(tracks=[far]), tmp_path / "b", format="kitti_object")
    assert not (tmp_path / "b").exists()


def test_too_many_labels(tmp_path):
    make(tmp_path, row() * 10_001)
    for strict in (True, False):
        with pytest.raises(bw.LimitError, match=r"label_2/000007.txt: more labels per frame than allowed: expected at most 10,000, got 10,001"):
            bw.read(tmp_path, strict=strict)


def test_missing_and_misplaced_files(tmp_path):
    root = make(tmp_path, row())
    (root / "training/label_2/000007.txt").unlink()
    assert "label_2/000007.txt is missing: the frame has no labels" in bw.read(root).notes
    make(root, row(), {name: values for name, values in OBJECT_CALIB.items() if name != "P3:"})
    (root / "training/image_3").mkdir()
    (root / "training/image_3/000007.png").write_bytes(image_bytes(np.zeros((37, 124, 3), np.uint8)))
    with pytest.raises(bw.CalibrationError, match="a picture has no calibration: expected a row P3"):
        bw.read(root)
    (root / "training/calib/000007.txt").unlink()
    for strict in (True, False):
        with pytest.raises(bw.CalibrationError, match=r"calib/000007.txt: no calibration"):
            bw.read(root, strict=strict)


# ------------------------------------------------------------ any scene to KITTI object


def test_writing_says_what_is_lost(rng, tmp_path):
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "out", format="kitti_object")
    text = str(report)
    for lost in (
        "the frames' names: f0 is 000000, f1 is 000001, f2 is 000002, f3 is 000003",
        "the frames' times and order",
        "the poses of the vehicle",
        "which labels belong together: KITTI object has no tracks, 2 become",
        "LiDAR rear",
        "camera round: KITTI has pinhole cameras only",
        "the name of camera front: it is image_2",
        "the distortion of camera front",
        "the tilt of",
        "attributes: colour, pose, speed",
        "source attributes of labels: list, n, token",
        "tags: score, weather",
        "2 relations",
        "of the points: ring, time_offset_ns",
        "in some frames, the motion of the vehicle until camera front fires: no pose is known there",
    ):
        assert lost in text, lost
    assert "velodyne: 1 of 4 frames have no sweep" in text
    entries = bw.scenes(tmp_path / "out")
    assert len(entries) == 4
    for i, entry in enumerate(entries):
        again = entry.read()
        ours = scene.cuboids(i)
        np.testing.assert_allclose(again.cuboids(0).center_m, ours.center_m, rtol=0, atol=1e-8)
        np.testing.assert_allclose(again.cuboids(0).yaw_rad, ours.yaw_rad, rtol=0, atol=1e-9)
        # the camera fires 5 ms before the sweep while the vehicle moves: each calibration holds that
        cam_from_lidar = scene.cam_from(i, "front") if i else scene.ego_from("front").inverse() @ scene.ego_from("lidar")  # before the first pose
        np.testing.assert_allclose(again.cam_from(0, "image_2").matrix(), cam_from_lidar.matrix(), rtol=0, atol=1e-8)
        assert again.has_points(0) == scene.has_points(i)
    assert np.abs(scene.cam_from(1, "front").matrix() - scene.cam_from(2, "front").matrix()).max() > 1e-6
    np.testing.assert_array_equal(entries[0].read().image(0, "image_2"), scene.image(0, "front"))


def test_names_of_frames(rng, tmp_path):
    scene = tracking.upright_scene(rng, n=6).replace(frame_ids=[f"{7 * i:06d}" for i in range(6)])
    bw.write(scene, tmp_path / "kept", format="kitti_object")
    assert bw.scenes(tmp_path / "kept").names == tuple(f"{7 * i:06d}" for i in range(6))
    report = bw.write(scene, tmp_path / "counted", format="kitti_object", first_frame=40)
    assert bw.scenes(tmp_path / "counted").names == tuple(f"{40 + i:06d}" for i in range(6))
    assert "000000 is 000040, 000007 is 000041" in str(report)
    assert "and so on in their order to 000035, which is 000045" in str(report)
    for bad in (-1, 999_995, "7", True):
        with pytest.raises(bw.ArgumentError, match="first_frame"):
            bw.write(scene, tmp_path / "bad", format="kitti_object", first_frame=bad)
    with pytest.raises(bw.ArgumentError, match="needs a LiDAR"):
        bw.write(scene.replace(lidars={}), tmp_path / "bad", format="kitti_object")


def test_truncated_is_a_fraction_here_and_a_class_in_tracking(tmp_path):
    """The golden car half outside a picture: object holds the fraction, tracking the class, and neither passes for the other."""
    scene = bw.read(make(tmp_path, row(truncated=0.3) + row(truncated=1) + DONTCARE))
    with pytest.warns(bw.SensorFrameFallback):
        report = bw.write(scene, tmp_path / "t", format="kitti_tracking")
        assert any(line.startswith("truncated of 2 labels: a fraction from 0 to 1 in KITTI object") for line in report.rounded)
        rows = [line.split() for line in (tmp_path / "t/training/label_02/0000.txt").read_text().splitlines()]
        assert [(r[2], r[3]) for r in rows] == [("DontCare", "-1"), ("Car", "1"), ("Car", "2")]
        back = bw.read(tmp_path / "t")
    report = bw.write(back, tmp_path / "o", format="kitti_object")
    rows = [line.split() for line in (tmp_path / "o/training/label_2/000000.txt").read_text().splitlines()]
    assert [(r[0], float(r[1])) for r in rows] == [("Car", 0), ("Car", 0), ("DontCare", -1)]  # the golden car is wholly in the picture
    assert "the name of camera image_02: it is image_2" in report.dropped
    assert any(line.startswith("truncated of 2 labels") for line in report.rounded)
    same = [bw.write(one, tmp_path / name, format=f"kitti_{name}") for one, name in ((scene, "object"), (back.replace(has_time=True), "tracking"))]
    assert not any("truncated" in line for report in same for line in report.rounded)


def test_an_independent_parser_reads_what_is_written(rng, tmp_path, oracle, monkeypatch):
    camera = bw.CameraSensor("front", bw.PinholeCamera(48, 32, 30.3, 30.7, 23.1, 15.9), bw.Pose(CAM_AXES, (0.27, 0.06, -0.08)))
    beside = bw.CameraSensor("right", bw.PinholeCamera(48, 32, 30.3, 30.7, 23.1, 15.9), bw.Pose(CAM_AXES, (0.27, -0.48, -0.08)))
    scene = tracking.upright_scene(rng, cameras=(camera, beside))
    sweeps = {(i, "lidar"): bw.Sweep(rng.normal(0, 9, (30, 3)).astype(np.float32), int(t)) for i, t in enumerate(scene.times_ns)}
    images = {(i, c): rng.integers(0, 255, (32, 48, 3)).astype(np.uint8) for i in range(len(scene)) for c in ("front", "right")}
    scene = scene.replace(data=MemoryData(sweeps, images))
    bw.write(scene, tmp_path / "kitti_object", format="kitti_object")
    monkeypatch.setattr(oracle, "ROOT", tmp_path)
    frames = list(oracle.kitti_object())
    assert len(frames) == len(scene) == 6
    for i, frame in enumerate(frames):
        ours = scene.cuboids(i)
        assert len(frame.boxes) == len(ours) == (3 if i != 3 else 0)
        np.testing.assert_allclose(frame.boxes[:, :3], ours.center_m, rtol=0, atol=1e-8)
        np.testing.assert_allclose(frame.boxes[:, 3:6], ours.size_m, rtol=0, atol=1e-12)
        np.testing.assert_allclose(np.angle(np.exp(1j * (frame.boxes[:, 6] - ours.yaw_rad))), 0, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(frame.points[:, :3], scene.points(i).xyz)
        for name, source in (("image_2", "front"), ("image_3", "right")):
            np.testing.assert_allclose(frame.cameras[name].cam_from_lidar, scene.cam_from(i, source).matrix(), rtol=0, atol=1e-9)
            assert frame.cameras[name].size_px == (48, 32)


# ------------------------------------------------------------ real recordings


def test_agrees_with_the_independent_loader(real_data, oracle, tmp_path):
    frames = {frame.frame: frame for frame in oracle.kitti_object()}
    entries = bw.scenes(real_data / "kitti_object")
    assert list(entries.names) == list(frames) and len(frames) == 4
    for entry in entries:
        scene, truth = entry.read(), frames[entry.name]
        cuboids = scene.cuboids(0)
        np.testing.assert_allclose(cuboids.center_m, truth.boxes[:, :3], rtol=0, atol=1e-6)
        np.testing.assert_allclose(cuboids.size_m, truth.boxes[:, 3:6], rtol=0, atol=1e-9)
        np.testing.assert_allclose(np.angle(np.exp(1j * (cuboids.yaw_rad - truth.boxes[:, 6]))), 0, rtol=0, atol=1e-9)
        assert [t.category for t in scene.tracks] == truth.names
        sweep = scene.points(0)
        np.testing.assert_array_equal(np.c_[sweep.xyz, sweep.intensity], truth.points)
        for name, camera in truth.cameras.items():
            np.testing.assert_allclose(scene.camera(name).camera.matrix, camera.K, rtol=0, atol=1e-12)
            np.testing.assert_allclose(scene.cam_from(0, name).matrix(), camera.cam_from_lidar, rtol=0, atol=1e-9)
            assert scene.image(0, name).shape == (*camera.size_px[::-1], 3)
        assert [name for name in scene.cameras if scene.has_image(0, name)] == list(truth.cameras)
        report = bw.write(scene, tmp_path / entry.name, format="kitti_object")
        assert not report.dropped and not report.rounded
        again = bw.read(tmp_path / entry.name)
        assert_same_labels(scene, again)
        assert again.source_attributes == scene.source_attributes
        for folder in ("velodyne", "image_2", "image_3"):
            for file in (tmp_path / entry.name / "training" / folder).glob("*"):
                assert file.read_bytes() == (real_data / "kitti_object/training" / folder / file.name).read_bytes()
        ours, theirs = (
            [[line.split()[0], *map(float, line.split()[1:])] for line in (root / f"label_2/{entry.name}.txt").read_text().splitlines()]
            for root in (tmp_path / entry.name / "training", real_data / "kitti_object/training")
        )
        assert ours == theirs  # every number of every line, DontCare too


def test_each_real_folder_is_of_one_format(real_data):
    folders = {
        "kitti_object": "kitti_object",
        "kitti_object/training": "kitti_object",
        "kitti_tracking": "kitti_tracking",
        "kitti_tracking/training": "kitti_tracking",
    }
    for folder, format in folders.items():
        assert [name for name in _READERS if _module(_READERS, name).detect(real_data / folder)] == [format], folder


def test_tracking_becomes_object(real_data, oracle, tmp_path):
    scene = bw.read(real_data / "kitti_tracking", scene="0001")
    first = [region for region in scene.source_attributes["ignore_regions"] if region["frame_index"] < 3]
    short = scene.replace(times_ns=scene.times_ns[:3], frame_ids=(), source_attributes={**scene.source_attributes, "ignore_regions": first})
    bw.write(short, tmp_path / "out", format="kitti_object")
    for i, entry in enumerate(bw.scenes(tmp_path / "out")):
        again = entry.read()
        np.testing.assert_allclose(again.cuboids(0).center_m, scene.cuboids(i).center_m, rtol=0, atol=1e-6)
        np.testing.assert_allclose(again.cam_from(0, "image_2").matrix(), scene.cam_from(i, "image_02").matrix(), rtol=0, atol=1e-12)
