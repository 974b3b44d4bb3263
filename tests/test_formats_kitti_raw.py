"""KITTI raw: tracklets, calibration, times and poses worked by hand, hostile XML, and the independent loader."""

from __future__ import annotations

import math

import numpy as np
import pytest

import boxwright as bw
import street
import test_formats_kitti_tracking as tracking
from boxwright.formats import _READERS, _module, kitti_raw
from boxwright.formats.images import image_bytes
from boxwright.formats.kitti_counterparts import as_in_raw, as_in_rows
from formats_scenes import angle_between
from test_formats_kitti_tracking import GOLDEN_CENTER, GOLDEN_YAW, IMU, MUTATIONS, P2, TR

DRIVE = "2011_09_26_drive_0007_sync"
START_NS = 1317042145_964389445  # 2011-09-26 13:02:25.964389445 UTC
STAMP = "2011-09-26 13:02:{:012.9f}"
# bottom centre half of 1.4 below the centre; the yaw a whole turn out of range
POSE = {"tx": 11.27, "ty": -1.94, "tz": -1.73, "rx": 0, "ry": 0, "rz": GOLDEN_YAW - 2 * math.pi}
OTHERS = {"state": 2, "occlusion": 1, "occlusion_kf": 0, "truncation": 99, "amt_border_l": 0.5, "amt_border_kf": -1}


def pose(**changes):
    return "<item>" + "".join(f"<{k}>{v!r}</{k}>" for k, v in {**POSE, **OTHERS, **changes}.items()) + "</item>"


def tracklet(*poses, kind="Car", first=0, h=1.4, w=1.7, l=4.2, n=None):  # noqa: E741
    sizes = f"<h>{h}</h><w>{w}</w><l>{l}</l><first_frame>{first}</first_frame>"
    count = len(poses) if n is None else n
    return f"<item>\n<objectType>{kind}</objectType>{sizes}<poses><count>{count}</count>{''.join(poses)}</poses><finished>1</finished></item>\n"


def xml(*tracklets, head="<!DOCTYPE boost_serialization>"):
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
{head}
<boost_serialization signature="serialization::archive" version="9">
<tracklets class_id="0"><count>{len(tracklets)}</count><item_version>1</item_version>
{"".join(tracklets)}</tracklets>
</boost_serialization>
"""


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def make(root, labels):
    if labels is not None:
        put(root / "2011_09_26" / DRIVE / "tracklet_labels.xml", labels)
    return root


def line(name, values):
    return f"{name}: {' '.join(map(str, values))}\n"


def rows_3x4(values):
    return [*values[0:3], *values[4:7], *values[8:11]], [values[3], values[7], values[11]]


def stamps(offset_s, n=3):
    return "".join(STAMP.format(25.964389445 + i / 10 + offset_s) + "\n" for i in range(n))


def full_drive(root, labels=None, n=3):
    """A drive with everything: 10 m/s to the east, GPS/IMU rows 5 ms after the sweeps, pictures 2 ms before them."""
    make(root, labels if labels is not None else xml(tracklet(pose(), pose(state=1, tx=12.27))))
    date, drive = root / "2011_09_26", root / "2011_09_26" / DRIVE
    for name, values in (("velo_to_cam", TR), ("imu_to_velo", IMU)):
        rotation, shift = rows_3x4(values)
        put(date / f"calib_{name}.txt", "calib_time: 15-Mar-2012 11:37:16\n" + line("R", rotation) + line("T", shift))
    cams = "calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.950000e-02\n"
    for i in range(4):
        cams += line(f"K_{i:02d}", [9.8e02, 0, 7.0e02, 0, 9.8e02, 2.5e02, 0, 0, 1]) + line(f"S_rect_{i:02d}", ["4.800000e+01", "3.200000e+01"])
        cams += line(f"R_rect_{i:02d}", [1, 0, 0, 0, 1, 0, 0, 0, 1]) + line(f"P_rect_{i:02d}", P2 if i == 2 else [*P2[:3], -100.5 * i, *P2[4:]])
    put(date / "calib_cam_to_cam.txt", cams)
    step_deg = math.degrees(1 / (6378137 * 0.5))  # a metre to the east at 60 degrees north
    for i in range(n):
        put(drive / f"oxts/data/{i:010d}.txt", f"60 {8 + i * step_deg!r} 100 0 0 0" + " 0.5" * 24 + "\n")
        put(drive / f"velodyne_points/data/{i:010d}.bin", np.full((5 + i, 4), 0.25 + i, "<f4").tobytes())
        put(drive / f"image_02/data/{i:010d}.png", image_bytes(np.full((32, 48, 3), 20 * i, np.uint8)))
    for name, offset in (("oxts/timestamps", 0.005), ("velodyne_points/timestamps", 0), ("image_02/timestamps", -0.002)):
        put(drive / f"{name}.txt", stamps(offset, n))
    put(drive / "velodyne_points/timestamps_start.txt", stamps(-0.05, n))
    put(drive / "velodyne_points/timestamps_end.txt", stamps(0.05, n))
    return root


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path, xml(tracklet(pose(), pose(state=1, occlusion=0)), tracklet(pose(rz=3.5), kind="Person (sitting)", first=1))))
    tracking.check_golden(scene)
    car, person = scene.tracks
    assert (scene.name, len(scene), scene.label_frame, scene.has_time) == (DRIVE, 2, "lidar", True)
    assert (car.track_id, car.category, person.track_id, person.category) == ("0", "Car", "1", "Person (sitting)")
    assert (car.times_ns.tolist(), person.times_ns.tolist()) == ([0, 100_000_000], [100_000_000])
    np.testing.assert_allclose(person.cuboids.yaw_rad, [3.5 - 2 * math.pi], rtol=0, atol=1e-12)
    assert car.origin.tolist() == [bw.Origin.GIVEN, bw.Origin.FILLED]
    assert car.visibility.tolist() == [bw.Visibility.OCCLUDED, bw.Visibility.VISIBLE]
    assert car.keyframe_attributes[0] == {"occlusion": 1, "truncation": 99}
    own = {"state": 2, "occlusion_kf": 0, "amt_border_l": 0.5, "amt_border_kf": -1}
    assert car.keyframe_source_attributes[0] == {**own, "pose_txyz_rxyz": [float(value) for value in POSE.values()]}
    assert car.source_attributes == {"finished": 1}
    notes = " | ".join(scene.notes)
    for said in ("no calibration: calib_cam_to_cam.txt", "1 of 3 poses were interpolated by KITTI's tool", "no time stamps", "no poses"):
        assert said in notes


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = kitti_raw.cuboids_from_bottom_poses
    monkeypatch.setattr(kitti_raw, "cuboids_from_bottom_poses", lambda *args: MUTATIONS[name](honest(*args)))
    scene = bw.read(make(tmp_path, xml(tracklet(pose()))))
    with pytest.raises(AssertionError):
        tracking.check_golden(scene)


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
def test_a_tilted_tracklet(tmp_path):
    """rx = pi/2 after rz = 0: the cuboid's z points to -y, so that the centre lies half the height from the bottom to -y."""
    scene = bw.read(make(tmp_path, xml(tracklet(pose(rx=math.pi / 2, rz=0.0)))))
    cuboids = scene.cuboids(0)
    np.testing.assert_allclose(cuboids.center_m, [[11.27, -1.94 - 0.7, -1.73]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(cuboids.rotation[0], [[1, 0, 0], [0, 0, -1], [0, 1, 0]], rtol=0, atol=1e-12)


def test_a_whole_drive(tmp_path):
    scene = bw.read(full_drive(tmp_path))
    assert scene.times_ns.tolist() == [START_NS + i * 100_000_000 for i in range(3)]
    assert scene.label_frame == "world"
    # the first sweep is 5 ms before the first GPS/IMU row, at 10 m/s to the east
    np.testing.assert_allclose(scene.world_from_ego(START_NS).translation_m, [-0.05, 0, 0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scene.world_from_ego(START_NS + 200_000_000).translation_m, [1.95, 0, 0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scene.ego_from("lidar").translation_m, [0.8, -0.3, 0.8], rtol=0, atol=1e-12)
    tracking.check_golden(scene)
    x, y, z = GOLDEN_CENTER
    np.testing.assert_allclose(scene.tracks[0].cuboids.center_m[0], [x + 0.8 - 0.05, y - 0.3, z + 0.8], rtol=0, atol=1e-6)
    np.testing.assert_allclose(scene.cuboids(1).center_m, [[x + 1, y, z]], rtol=0, atol=1e-9)
    assert list(scene.cameras) == ["image_02", "image_03"]
    camera = scene.camera("image_02")
    assert (camera.camera.fx_px, camera.camera.size_px) == (700, (48, 32))
    assert camera.times_ns.tolist() == [START_NS - 2_000_000 + i * 100_000_000 for i in range(3)]
    # 2 ms earlier the camera was 2 cm further back, so that the car was 2 cm further ahead of it; K^-1 p4 is the camera's own shift
    ahead = scene.cam_from(1, "image_02").apply(GOLDEN_CENTER)
    np.testing.assert_allclose(ahead[2], (11 + 0.005) + 0.02, rtol=0, atol=1e-6)
    assert scene.points(2).xyz.shape == (7, 3)
    assert (scene.points(1).timestamp_ns, scene.has_points(2)) == (START_NS + 100_000_000, True)
    assert scene.image(1, "image_02")[0, 0].tolist() == [20, 20, 20]
    assert not scene.has_image(1, "image_03")
    assert scene.source_attributes["velodyne_start_ns"][0] == START_NS - 50_000_000
    assert scene.source_attributes["kitti_raw_calib"]["calib_cam_to_cam"]["corner_dist"] == "9.950000e-02"
    assert any("7.0 ms before the first GPS/IMU row" in note for note in scene.notes)


def test_a_drive_goes_on_to_the_other_formats(tmp_path):
    scene = bw.read(full_drive(tmp_path / "raw"))
    bw.write(scene, tmp_path / "own")
    own = bw.read(tmp_path / "own")
    assert own.tracks[0].origin.tolist() == scene.tracks[0].origin.tolist()
    assert own.source_attributes == scene.source_attributes
    np.testing.assert_array_equal(own.tracks[0].cuboids.center_m, scene.tracks[0].cuboids.center_m)
    report = bw.write(scene, tmp_path / "tracking", format="kitti_tracking")
    assert "source attributes of the scene: kitti_raw_calib" in str(report)
    again = bw.read(tmp_path / "tracking")
    for i in range(2):
        np.testing.assert_allclose(again.cuboids(i).center_m, scene.cuboids(i).center_m, rtol=0, atol=1e-8)
        np.testing.assert_array_equal(again.points(i).xyz, scene.points(i).xyz)


def test_roots_and_names(tmp_path):
    full_drive(tmp_path)
    drive = tmp_path / "2011_09_26" / DRIVE
    for path in (tmp_path, tmp_path / "2011_09_26", drive):
        assert [name for name in _READERS if _module(_READERS, name).detect(path)] == ["kitti_raw"]
        assert bw.scenes(path).names == (DRIVE,)
        assert len(bw.read(path).cameras) == 2
    put(tmp_path / "2011_09_28/2011_09_28_drive_0001_sync/oxts/data/0000000000.txt", "60 8 100 0 0 0\n")
    assert bw.scenes(tmp_path).names == (DRIVE, "2011_09_28_drive_0001_sync")


def without(root, *names):
    for name in names:
        (root / "2011_09_26" / name).unlink()
    return root


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
def test_what_is_missing_is_told(tmp_path):
    for names, said, n_cameras, is_posed in (
        (["calib_imu_to_velo.txt"], "the oxts files are left out", 2, False),
        (["calib_velo_to_cam.txt"], "the pictures of image_02 are left out: they have no calibration", 0, True),
        ([f"{DRIVE}/velodyne_points/timestamps.txt"], "3 frames have the time of oxts", 2, True),
        ([f"{DRIVE}/oxts/timestamps.txt"], "each pose is taken to be of its frame's time", 2, True),
        ([f"{DRIVE}/tracklet_labels.xml"], "the drive has no labels", 2, True),
    ):
        root = tmp_path / names[0].replace("/", "_")
        scene = bw.read(without(full_drive(root), *names))
        assert any(said in note for note in scene.notes), (said, scene.notes)
        assert (len(scene.cameras), scene.trajectory is not None) == (n_cameras, is_posed)


BAD_FILES = {
    f"{DRIVE}/velodyne_points/timestamps.txt": [
        (lambda t: t.replace("2011-09-26 13:02:26.0", "2011-09-31 13:02:26.0"), "line 2: expected a time such as .*got '2011-09-31"),
        (lambda t: t.replace("13:02:26.0", "13:02:24.0"), "line 2: expected increasing times"),
    ],
    f"{DRIVE}/oxts/data/0000000001.txt": [
        (lambda t: t + t, "expected one line of 30 numbers, got two lines or more"),
        (lambda t: "60 8 x 0 0 0", "line 1: alt: expected a finite number, got 'x'"),
        (lambda t: "60 8", "line 1: expected 30 numbers"),
    ],
    "calib_velo_to_cam.txt": [
        (lambda t: t.replace("R: 0 -1", "R: 0 -2"), "line 2: R: .*expected a rotation matrix"),
        (lambda t: t.replace("T: ", "T: 0 "), "line 3: T: expected 3 numbers, got 4"),
        (lambda t: t.replace("T: ", "S: "), "a row is missing: expected T:"),
        (lambda t: t + t, "a row comes twice: got calib_time"),
        (lambda t: t + "what\n", "line 4: expected lines 'name: numbers', got 'what'"),
    ],
    "calib_cam_to_cam.txt": [
        (lambda t: t.replace("S_rect_02: 4.8", "S_rect_02: 0"), "S_rect_02: expected a width and a height"),
        (lambda t: t.replace("P_rect_02: 700", "P_rect_02: 0"), "P_rect_02: singular intrinsics"),
    ],
}


@pytest.mark.parametrize(("name", "i"), [(name, i) for name, cases in BAD_FILES.items() for i in range(len(cases))])
def test_bad_files(tmp_path, name, i):
    edit, message = BAD_FILES[name][i]
    file = full_drive(tmp_path) / "2011_09_26" / name
    assert edit(file.read_text()) != file.read_text()
    file.write_text(edit(file.read_text()))
    for strict in (True, False):
        with pytest.raises((bw.FormatError, bw.CalibrationError), match=message) as caught:
            bw.read(tmp_path, strict=strict)
        assert str(file) in str(caught.value)
        assert caught.value.hint


def test_a_labelled_frame_without_a_time_or_a_pose(tmp_path):
    full_drive(tmp_path / "a", xml(tracklet(pose(), first=9)))
    with pytest.raises(bw.FormatError, match="a frame has no time: got frame 3"):
        bw.read(tmp_path / "a")
    root = full_drive(tmp_path / "b", xml(tracklet(pose(), first=7)), n=8)
    for i in range(4, 8):
        (root / f"2011_09_26/{DRIVE}/oxts/data/{i:010d}.txt").unlink()
    with pytest.raises(bw.FormatError, match="a labelled frame has no pose: got frame 7"):
        bw.read(root)
    scene = bw.read(root, strict=False)
    assert len(scene) == 8 and not scene.tracks
    (problem,) = scene.problems
    assert problem.record["frame"] == 7 and problem.record["tracklet"] == 0 and "rz" in problem.record and "occlusion" in problem.record
    assert problem.error.path.endswith("tracklet_labels.xml") and problem.error.offset.startswith("line ")


# ------------------------------------------------------------ bad tracklets

LAUGHS = "<!DOCTYPE b [" + "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10)) + "]>"
REFUSED = {
    "laughs": (xml(tracklet(pose()), head=LAUGHS), "line 2: declarations are not read"),
    "file": (xml(tracklet(pose()), head='<!DOCTYPE b SYSTEM "file:///etc/passwd">'), "line 2: declarations are not read"),
    "public": (xml(tracklet(pose()), head='<!DOCTYPE b PUBLIC "x" "http://localhost/">'), "declarations are not read"),
    "unknown entity": (xml(tracklet(pose(), kind="&car;")), "not a whole XML file: undefined entity"),
    "deep": (
        xml("<a>" * 50 + "</a>" * 50),
        r"tracklet_labels\.xml: line 5, tracklets(/a)+: more xml depth than allowed: expected at most 32, got 33",
    ),
    "long": (xml(tracklet(pose(), kind="x" * 5000)), "more text characters than allowed: expected at most 4,096"),
    "cut": (xml(tracklet(pose()))[:-40], "not a whole XML file: "),
    "empty": ("", "not a whole XML file"),
    "root": ("<annotations/>", "not a tracklet file: expected <boost_serialization>, got <annotations>"),
    "nothing": ("<boost_serialization/>", "no tracklets"),
    "encoding": ('<?xml version="1.0" encoding="no-such"?><boost_serialization/>', "not a"),
    "far": (xml(tracklet(pose(), first=999_999_999)), "more frames per scene than allowed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_strictly_and_leniently(tmp_path, name):
    labels, message = REFUSED[name]
    root = make(tmp_path, labels)
    for strict in (True, False):
        with pytest.raises((bw.FormatError, bw.LimitError), match=message):
            bw.read(root, strict=strict)


ASIDE = {
    "word": (tracklet(pose(), pose(tx="left"), pose()), "tx: expected a finite number, got \"'left'\"", [3]),
    "far": (tracklet(pose(), pose(ty=1e300), pose()), "ty: expected a number under 1e+08, got '1e+300'", [3]),
    "huge": (tracklet(pose(), l=1e8), "l: expected a number under 1e+08, got '100000000.0'", []),
    "nan": (tracklet(pose(), pose().replace("11.27", "nan"), pose()), "tx: expected a finite number, got 'nan'", [3]),
    "no ry": (tracklet(pose(), pose().replace("<ry>0</ry>", ""), pose()), "a field is missing: expected ry", [3]),
    "size": (tracklet(pose(), w=-1.7), "h w l: expected a positive h, w and l, got 1.4 -1.7 4.2", []),
    "no size": (tracklet(pose()).replace("<l>4.2</l>", ""), "a field is missing: expected l", []),
    "first": (tracklet(pose(), first=-1), "first_frame: expected a whole number of up to nine digits, got '-1'", []),
    "no type": (tracklet(pose(), kind=""), "a field is missing: expected objectType", []),
    "no pose": (tracklet(), "a tracklet without a pose", []),
    "count": (tracklet(pose(), n=2), "expected 2 items in poses, as their count says, got 1", [1]),
}


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
@pytest.mark.parametrize("name", ASIDE)
def test_kept_aside(tmp_path, name):
    bad, message, n_keyframes = ASIDE[name]
    root = make(tmp_path, xml(bad, tracklet(pose(), kind="Van")))
    with pytest.raises(bw.FormatError) as caught:
        bw.read(root)
    assert message in str(caught.value)
    assert "tracklet_labels.xml, line " in str(caught.value)
    scene = bw.read(root, strict=False)
    assert [len(track) for track in scene.tracks] == [*n_keyframes, 1]
    assert scene.tracks[-1].category == "Van" and scene.tracks[-1].track_id == "1"
    (problem,) = scene.problems
    assert message in str(problem)
    if n_keyframes == [3]:
        assert scene.tracks[0].visibility.tolist() == [1, 2, 1]
        assert problem.record["pose"] == 1


# ------------------------------------------------------------ real recordings


def test_agrees_with_the_independent_loader(real_data, oracle):
    (clip,) = oracle.kitti_raw()
    for folder in ("kitti_raw", "kitti_raw/2011_09_26", f"kitti_raw/2011_09_26/{clip.scene}"):
        assert [name for name in _READERS if _module(_READERS, name).detect(real_data / folder)] == ["kitti_raw"]
    with pytest.warns(bw.SensorFrameFallback):
        scene = bw.read(real_data / "kitti_raw")
    assert (scene.name, len(scene)) == (clip.scene, len(clip.times_s)) == (clip.scene, 108)
    np.testing.assert_allclose(scene.times_ns * 1e-9, clip.times_s, rtol=0, atol=1e-9)
    assert [track.track_id for track in scene.tracks] == list(clip.tracks) and len(scene.tracks) == 15
    n_filled = 0
    for track in scene.tracks:
        truth = clip.tracks[track.track_id]
        assert track.category == truth.name
        np.testing.assert_array_equal(np.searchsorted(scene.times_ns, track.times_ns), truth.frames)
        np.testing.assert_allclose(track.cuboids.center_m, truth.boxes[:, :3], rtol=0, atol=1e-6)
        np.testing.assert_allclose(track.cuboids.size_m, truth.boxes[:, 3:6], rtol=0, atol=1e-9)
        assert angle_between(track.cuboids.quat_wxyz, truth.quats).max() < 1e-9
        np.testing.assert_array_equal(track.origin == bw.Origin.FILLED, truth.extra["state"] == 1)
        n_filled += int((track.origin == bw.Origin.FILLED).sum())
    assert n_filled == 395
    assert any("395 of 572 poses were interpolated" in note for note in scene.notes)


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
@pytest.mark.parametrize("format", ["kitti_tracking", "kitti_object"])
def test_what_is_hidden_and_truncated_in_kittis_other_formats(tmp_path, format):
    """Both were lost there; what has a counterpart is that now, and comes back as it was."""
    said = [{"occlusion": o, "truncation": t} for o, t in ((0, 0), (1, 1), (2, 0), (-1, -1), (0, 99))]
    cuboids = bw.Cuboids([[12.0, 1.0, 0.0]] * 5, [(4.2, 1.7, 1.4)] * 5, 0.3, frame="lidar")
    hidden = [int(row["occlusion"] in (1, 2)) for row in said]
    car = bw.Track("0", "Car", np.arange(5), cuboids, hidden, keyframe_attributes=said)
    camera = bw.CameraSensor("image_02", bw.PinholeCamera(1242, 375, 721.5, 721.5, 609.5, 172.8), bw.Pose(street.AHEAD))
    lidar = bw.Lidar("lidar", bw.Pose.identity())
    scene = bw.Scene("0000", np.arange(5), {"lidar": lidar}, {"image_02": camera}, tracks=[car], label_frame="lidar", has_time=False)
    bw.write(scene, tmp_path / "out", format)
    if format == "kitti_tracking":
        rows = [row for track in bw.read(tmp_path / "out").tracks for row in track.keyframe_attributes]
    else:
        rows = [bw.read(tmp_path / "out", scene=name).tracks[0].keyframe_attributes[0] for name in bw.scenes(tmp_path / "out").names]
    assert [row["occluded"] for row in rows] == [0, 1, 2, 3, 0]
    assert [row["truncated"] for row in rows] == [0, 0, 0, -1, 0]  # the camera sees all of it
    if format == "kitti_tracking":
        bw.write(bw.read(tmp_path / "out"), tmp_path / "back", "kitti_raw")
        back = bw.read(tmp_path / "back").tracks[0].keyframe_attributes
        assert [row["occlusion"] for row in back] == [0, 1, 2, -1, 0]
        assert [row["truncation"] for row in back] == [0, 0, 0, -1, 0]


def test_how_much_is_truncated_is_some_of_it_in_raw():
    found = [as_in_raw({"truncated": value})["truncation"] for value in (-1, -1.0, 0, 0.0, 0.3, 1, 1.0, 2)]
    assert found == [-1, -1, 0, 0, 1, 1, 1, 1]
    assert as_in_raw({"truncated": True, "occluded": 7}) == as_in_raw({"truncation": 99, "truncated": 0}) == {}
    assert as_in_rows({"occlusion": 2, "truncation": 1}, is_hidden=False) == {}


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
def test_a_field_that_comes_twice(tmp_path):
    """It was refused with strict=False too; it costs its pose, or its tracklet, and is kept aside."""
    twice = pose(tx=12.27).replace("<ty>", "<tx>1.0</tx><ty>")
    sizes = tracklet(pose()).replace("<w>", "<h>9</h><w>")
    make(tmp_path, xml(tracklet(pose(), twice, pose(tx=13.27)), sizes, tracklet(pose(), kind="Van")))
    with pytest.raises(bw.FormatError, match=r"a field comes twice: got tx"):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.category for track in scene.tracks] == ["Car", "Van"]
    car = scene.tracks[0]
    assert car.cuboids.center_m[car.visibility != bw.Visibility.OUTSIDE, 0].tolist() == [11.27, 13.27]
    assert len(scene.problems) == 2 and all("comes twice" in str(problem) for problem in scene.problems)


@pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
def test_as_many_attributes_are_written_as_are_read(tmp_path):
    """More than 256 were written, and refused when they were read."""
    scene = bw.read(make(tmp_path / "in", xml(tracklet(pose()))))
    many = {f"a{i:03}": i for i in range(300)}
    track = scene.tracks[0].replace(attributes=many, keyframe_attributes=(), keyframe_source_attributes=())
    report = bw.write(scene.replace(tracks=[track]), tmp_path / "out", "kitti_raw", dialect="cvat")
    back = bw.read(tmp_path / "out").tracks[0]
    kept = {**back.attributes, **back.keyframe_attributes[0]}
    assert {name: kept[name] for name in many if name in kept} == dict(list(many.items())[:256])
    assert any(told.of is not None and {"a256", "a299"} <= told.of and "a255" not in told.of for told in report.dropped)
