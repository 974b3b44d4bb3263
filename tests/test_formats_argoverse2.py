"""Argoverse 2 sensor logs: numbers worked by hand, the independent loader, tables that lie."""

from __future__ import annotations

import json
import math
import re
import shutil
import sys

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import argoverse2
from boxwright.formats.images import image_bytes
from formats_scenes import CAM_AXES, MemoryData, angle_between, assert_same_labels

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra 'io')")
from pyarrow import feather  # noqa: E402

T0, STEP = 315_966_253_660_357_000, 100_000_000
YAW = 0.7
TOL = 1e-12


def save(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    feather.write_feather(pa.table(columns), str(path))


def pose_columns(poses):
    quats = np.array([[math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)] for yaw, _ in poses])
    places = np.array([place for _, place in poses], float)
    return {**{f"q{k}": quats[:, i] for i, k in enumerate("wxyz")}, **{f"t{k}_m": places[:, i] for i, k in enumerate("xyz")}}


def label_columns(**changes):
    """Car a at frames 0, 1 and 3, a sign at frame 2, and the vehicle itself."""
    stamps = T0 + STEP * np.array([0, 1, 2, 3, 0])
    columns = {
        "timestamp_ns": stamps,
        "track_uuid": ["a", "a", "s", "a", "e"],
        "category": ["REGULAR_VEHICLE", "REGULAR_VEHICLE", "SIGN", "REGULAR_VEHICLE", "EGO_VEHICLE"],
        "length_m": np.array([4.2, 4.2, 0.4, 4.2, 4.8]),
        "width_m": np.array([1.7, 1.7, 0.9, 1.7, 2.0]),
        "height_m": np.array([1.4, 1.4, 1.1, 1.4, 1.5]),
        **pose_columns([(YAW, (12.0, -3.5, 0.6))] * 5),
        "num_interior_pts": np.array([17, 16, 2, 0, 900]),
    }
    return {**columns, **changes}


def make(root, labels=None, city=None, name="log"):
    log = root / name
    save(log / "annotations.feather", **(labels or label_columns()))
    poses = [(0.25 * i, (5000.0 + i, 2400.0, 66.0)) for i in range(5)]
    save(log / "city_SE3_egovehicle.feather", **(city or {"timestamp_ns": T0 + STEP * np.arange(5), **pose_columns(poses)}))
    names = ["ring_front_center", "up_lidar", "down_lidar"]
    save(
        log / "calibration/egovehicle_SE3_sensor.feather",
        sensor_name=names,
        **pose_columns([(0.1, (1.6, 0.0, 1.4)), (0, (1.35, 0, 1.64)), (0, (1.35, 0, 1.53))]),
    )
    numbers = {"fx_px": 50.5, "fy_px": 51.5, "cx_px": 19.5, "cy_px": 29.5, "k1": -0.24, "k2": -0.21, "k3": 0.33}
    size = {"height_px": np.array([60], np.uint16), "width_px": np.array([40], np.uint16)}
    save(log / "calibration/intrinsics.feather", sensor_name=names[:1], **{k: np.array([v]) for k, v in numbers.items()}, **size)
    save(
        log / f"sensors/lidar/{T0 + STEP}.feather",
        **{k: np.array([1.5, -2.25, np.nan], np.float16) for k in "xyz"},
        intensity=np.array([1, 2, 255], np.uint8),
        laser_number=np.array([0, 31, 63], np.uint8),
        offset_ns=np.array([0, 2_654_000, -7], np.int32),
    )
    for stamp in (T0 + 4_000_000, T0 + STEP - 3_000_000, T0 + 2 * STEP + 60_000_000):
        path = log / f"sensors/cameras/ring_front_center/{stamp}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image_bytes(np.full((60, 40, 3), 77, np.uint8), 90))
    return log


def check_golden(scene):
    """Frame 1: the ego frame is turned by 0.25 and stands at (5001, 2400, 66)."""
    car = scene.cuboids(1, frame="ego")
    np.testing.assert_allclose(car.center_m, [(12.0, -3.5, 0.6)], rtol=0, atol=1e-9)
    np.testing.assert_allclose(car.size_m, [(4.2, 1.7, 1.4)], rtol=0, atol=TOL)
    np.testing.assert_allclose(car.rotation[0] @ (1, 0, 0), [math.cos(YAW), math.sin(YAW), 0], rtol=0, atol=TOL)
    world = scene.cuboids(1, frame="world")
    c, s = math.cos(0.25), math.sin(0.25)
    np.testing.assert_allclose(world.center_m, [(5001 + c * 12 + s * 3.5, 2400 + s * 12 - c * 3.5, 66.6)], rtol=0, atol=1e-9)
    np.testing.assert_allclose(world.yaw_rad, [YAW + 0.25], rtol=0, atol=TOL)


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path))
    check_golden(scene)
    assert len(scene) == 4
    car, sign = scene.tracks
    assert (car.track_id, car.category, sign.category) == ("a", "REGULAR_VEHICLE", "SIGN")
    np.testing.assert_array_equal(car.times_ns - T0, STEP * np.array([0, 1, 2, 3]))
    assert car.visibility.tolist() == [0, 0, 2, 0]  # not labelled in frame 2
    assert [row.get("num_interior_pts") for row in car.keyframe_source_attributes] == [17, 16, None, 0]
    assert any("1 EGO_VEHICLE rows are left out" in note for note in scene.notes)


def test_sensors(tmp_path):
    scene = bw.read(make(tmp_path))
    sweep = scene.points(1)
    np.testing.assert_array_equal(sweep.xyz, np.array([1.5, -2.25, np.nan], np.float32)[:, None].repeat(3, 1))
    assert (sweep.xyz.dtype, sweep.frame, sweep.timestamp_ns) == (np.float32, "lidar", T0 + STEP)
    np.testing.assert_array_equal(sweep.time_offset_ns, [0, 2_654_000, -7])
    assert sweep.is_deskewed  # the points lie in the vehicle's frame at the sweep's own time
    np.testing.assert_array_equal(sweep.fields["laser_number"], [0, 31, 63])
    np.testing.assert_array_equal(sweep.intensity, [1, 2, 255])
    assert scene.lidars["lidar"].ego_from_lidar == bw.Pose.identity()
    np.testing.assert_array_equal(scene.lidar_origins_m("ego"), [(1.35, 0, 1.64), (1.35, 0, 1.53)])
    camera = scene.camera("ring_front_center")
    assert camera.camera == bw.PinholeCamera(40, 60, 50.5, 51.5, 19.5, 29.5, (-0.24, -0.21, 0.0, 0.0, 0.33))
    np.testing.assert_allclose(camera.ego_from_cam.translation_m, (1.6, 0, 1.4))
    # the third picture is 60 ms from frame 2, which is more than half a frame, and 40 ms from frame 3
    np.testing.assert_array_equal(camera.times_ns - T0, [4_000_000, STEP - 3_000_000, 2 * STEP, 3 * STEP - 40_000_000])
    assert [scene.has_image(i, "ring_front_center") for i in range(4)] == [True, True, False, True]
    with pytest.raises(bw.FrameMissing, match=rf"sensors/lidar/{T0}.feather"):
        scene.points(0)


def test_labels_between_poses_far_apart_are_told(tmp_path):
    log = make(tmp_path)
    assert not any("no pose of their own" in note for note in bw.read(log).notes)
    save(log / "city_SE3_egovehicle.feather", timestamp_ns=np.array([T0, T0 + 3 * STEP]), **pose_columns([(0, (0, 0, 0)), (0, (3, 0, 0))]))
    (told,) = [note for note in bw.read(log).notes if "no pose of their own" in note]
    assert told.startswith("2 labelled frames, the first of them frame 1,") and "up to 0.3 s" in told


MUTATIONS = {
    "turn of pi/2": lambda c: c.replace(yaw_rad=c.yaw_rad + math.pi / 2),
    "width and length swapped": lambda c: c.replace(size_m=c.size_m[:, [1, 0, 2]]),
    "half the height": lambda c: c.replace(center_m=c.center_m + np.array([0, 0, 0.5]) * c.size_m),
    "half turn": lambda c: c.replace(yaw_rad=c.yaw_rad + math.pi),
    "sign of yaw": lambda c: c.replace(yaw_rad=-c.yaw_rad),
    "scalar last": lambda c: c.replace(quat_wxyz=np.roll(c.quat_wxyz, 1, axis=1)),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = argoverse2.cuboids_from_lwh_rows
    monkeypatch.setattr(argoverse2, "cuboids_from_lwh_rows", lambda *args: MUTATIONS[name](honest(*args)))
    scene = bw.read(make(tmp_path))
    with pytest.raises(AssertionError):
        check_golden(scene)


def test_through_our_own_folder(tmp_path):
    scene = bw.read(make(tmp_path))
    bw.write(scene, tmp_path / "own")
    again = bw.read(tmp_path / "own")
    assert_same_labels(scene, again)
    np.testing.assert_array_equal(again.points(1).xyz, scene.points(1).xyz)
    np.testing.assert_array_equal(again.image(0, "ring_front_center"), scene.image(0, "ring_front_center"))
    check_golden(again)


def test_logs_by_split_and_without_parts(tmp_path):
    make(tmp_path / "av2/train", name="one")
    make(tmp_path / "av2/val", name="two")
    assert [entry.name for entry in bw.scenes(tmp_path / "av2")] == ["one", "two"]
    log = make(tmp_path, name="bare")
    for part in ("calibration/intrinsics.feather", "calibration/egovehicle_SE3_sensor.feather"):
        (log / part).unlink()
    with pytest.raises(
        bw.CalibrationError, match=r"intrinsics.feather: no such file: expected a row for ring_front_center, .*take the pictures away"
    ):
        bw.read(log)
    shutil.rmtree(log / "sensors/cameras")
    scene = bw.read(log)
    assert not scene.cameras
    assert "no calibration: the log has no cameras" in scene.notes
    assert any(note.startswith("no calibration of up_lidar and down_lidar: ") for note in scene.notes)
    (log / "annotations.feather").unlink()
    scene = bw.read(log)
    assert (len(scene), len(scene.tracks)) == (1, 0)  # the sweep alone
    assert "annotations.feather is missing: the log has no labels" in scene.notes
    (log.parent / "test").mkdir()
    assert not any("annotations" in note for note in bw.read(log.rename(log.parent / "test/bare")).notes)
    log = make(tmp_path, name="still")
    (log / "city_SE3_egovehicle.feather").unlink()
    with pytest.warns(bw.SensorFrameFallback, match="stay in the ego frame"):
        scene = bw.read(log)
    assert (scene.label_frame, scene.tracks[0].cuboids.frame) == ("ego", "ego")
    np.testing.assert_allclose(scene.cuboids(1, frame="ego").center_m, [(12.0, -3.5, 0.6)])


BAD_LABELS = {
    "no column": ({"width_m": None}, "a column is missing: expected width_m"),
    "text": ({"length_m": ["4"] * 5}, "length_m: expected numbers, got type string"),
    "float times": ({"timestamp_ns": np.arange(5.0)}, "timestamp_ns: expected whole numbers"),
    "nan": ({"tx_m": np.array([1, np.nan, 1, 1, 1])}, "row 1: tx_m: expected finite numbers, got nan"),
    "size": ({"height_m": np.array([1.4, 1.4, -1, 1, 1])}, "row 2: length_m width_m height_m: expected positive sizes, got 0.4 0.9 -1"),
    "far": ({"ty_m": np.array([1, 1, 1e300, 1, 1])}, r"row 2: tx_m ty_m tz_m: expected coordinates under 1e\+08 m"),
    "huge": ({"width_m": np.array([1, 1e8, 1, 1, 1])}, "row 1: length_m width_m height_m: expected positive sizes, got"),
    "count": ({"num_interior_pts": np.array([17, 16, 2, -1, 900])}, "row 3: num_interior_pts: expected a whole number from 0 to 20,000,000, got -1"),
    "great count": ({"num_interior_pts": np.array([17, 2**62, 2, 0, 900])}, "row 1: num_interior_pts: expected a whole number from 0 to 20,000,000"),
    "quaternion": ({"qw": np.r_[0.5, np.full(4, math.cos(YAW / 2))]}, "row 0: qw qx qy qz: expected a unit quaternion"),
    "hole": ({"qw": pa.array([None if i == 1 else math.cos(YAW / 2) for i in range(5)])}, "row 1: qw: an empty cell; "),
    "no name": ({"category": pa.array(["REGULAR_VEHICLE", "REGULAR_VEHICLE", "SIGN", None, "EGO_VEHICLE"])}, "row 3: category: an empty cell; "),
    "blank name": (
        {"category": ["REGULAR_VEHICLE", " ", "SIGN", "REGULAR_VEHICLE", "EGO_VEHICLE"]},
        "row 1: category: expected a text that is not empty, got ' '",
    ),
    "blank track": ({"track_uuid": ["a", "a", "", "a", "e"]}, "row 2: track_uuid: expected a text that is not empty, got ''"),
    "outside": ({"timestamp_ns": T0 + STEP * np.array([0, 1, 2, 30, 0])}, "row 3: timestamp_ns: a label lies outside the poses"),
    "twice": ({"timestamp_ns": T0 + STEP * np.array([0, 0, 2, 3, 0])}, "row 1: track_uuid: a track comes twice at one time: got a"),
    "category": ({"category": ["A", "B", "C", "A", "EGO_VEHICLE"]}, "row 1: track a: a track changes its category: got A and B"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels(tmp_path, name):
    changes, message = BAD_LABELS[name]
    labels = {key: value for key, value in label_columns(**changes).items() if value is not None}
    log = make(tmp_path, labels)
    with pytest.raises(bw.FormatError, match=message) as caught:
        bw.read(log)
    assert "annotations.feather" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_kept_aside(tmp_path, name):
    """One bad row each: the others are read, and the frames stay."""
    changes, message = BAD_LABELS[name]
    labels = {key: value for key, value in label_columns(**changes).items() if value is not None}
    log = make(tmp_path, labels)
    if name in ("no column", "text", "float times"):  # nothing is left to go on with
        with pytest.raises(bw.FormatError, match=message):
            bw.read(log, strict=False)
        return
    scene = bw.read(log, strict=False)
    (problem,) = scene.problems
    assert re.search(message, str(problem))
    row = int(problem.error.offset.removeprefix("row "))
    assert problem.record["track_uuid"] == labels["track_uuid"][row]
    assert problem.record["num_interior_pts"] == labels["num_interior_pts"][row]
    assert json.loads(json.dumps(problem.record, allow_nan=False)) == problem.record
    assert sum(int((track.visibility != bw.Visibility.OUTSIDE).sum()) for track in scene.tracks) == 3
    bw.write(scene, tmp_path / "ours")
    assert bw.read(tmp_path / "ours").problems[0].mapping() == problem.mapping()


def test_bad_pose_rows_are_kept_aside(tmp_path):
    good = pose_columns([(0.25 * i, (5000.0 + i, 2400.0, 66.0)) for i in range(5)])
    bad = {**good, "qw": np.r_[good["qw"][:2], 0.5, good["qw"][3:]]}
    times = T0 + STEP * np.array([0, 2, 1, 1, 3])
    log = make(tmp_path, city={"timestamp_ns": times, **bad})
    with pytest.raises(bw.FormatError, match=r"city_SE3_egovehicle.feather, row 2: qw qx qy qz: expected a unit quaternion"):
        bw.read(log)
    scene = bw.read(log, strict=False)
    assert [(problem.error.offset, problem.error.field) for problem in scene.problems] == [("row 2", "qw qx qy qz"), ("row 3", "timestamp_ns")]
    assert (scene.trajectory.times_ns - T0).tolist() == [0, 2 * STEP, 3 * STEP]


def test_empty_cells_of_categories_stay_empty(tmp_path):
    weather = pa.array(["wet", None, "dry", None, "dry"]).dictionary_encode()
    nothing = pa.array([None] * 5, pa.string()).dictionary_encode()
    scene = bw.read(make(tmp_path, label_columns(weather=weather, nothing=nothing)))
    rows = [row for track in scene.tracks for row in track.keyframe_source_attributes if row]
    assert sorted(str(row["weather"]) for row in rows) == ["None", "None", "dry", "wet"] and {row["nothing"] for row in rows} == {None}


def test_other_bad_tables(tmp_path):
    log = make(tmp_path)
    city = log / "city_SE3_egovehicle.feather"
    raw = city.read_bytes()
    save(city, timestamp_ns=np.array([T0, T0, T0 + 1]), **pose_columns([(0, (0, 0, 0))] * 3))
    with pytest.raises(bw.FormatError, match="row 1: timestamp_ns: expected increasing times"):
        bw.read(log)
    for broken in (b"", raw[:50], raw[: len(raw) // 2], b"x" * 300):
        city.write_bytes(broken)
        with pytest.raises(bw.FormatError, match=r"city_SE3_egovehicle.feather: not a feather table"):
            bw.read(log)
    city.write_bytes(raw)
    intrinsics = log / "calibration/intrinsics.feather"
    raw = intrinsics.read_bytes()
    row = {k: np.array([50.0]) for k in ("fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "k3")}
    size = {"height_px": np.array([60]), "width_px": np.array([40])}
    save(intrinsics, sensor_name=["ring_front_center"], **{**row, "fx_px": np.array([0.0])}, **size)
    with pytest.raises(bw.CalibrationError, match=r"intrinsics.feather, row 0.*singular intrinsics"):
        bw.read(log)
    save(intrinsics, sensor_name=["other"], **row, **size)
    with pytest.raises(
        bw.CalibrationError, match=r"egovehicle_SE3_sensor.feather: sensor_name: .*expected a row for other, which is in intrinsics.feather"
    ):
        bw.read(log)
    save(intrinsics, sensor_name=["ring_front_center"] * 2, **{k: np.tile(v, 2) for k, v in (row | size).items()})
    with pytest.raises(bw.CalibrationError, match=r"intrinsics.feather, row 1: sensor_name: a sensor comes twice: got ring_front_center"):
        bw.read(log)
    intrinsics.write_bytes(raw)
    save(log / f"sensors/lidar/{T0 + STEP}.feather", x=np.zeros(3), y=np.zeros(3))
    with pytest.raises(bw.FormatError, match=rf"{T0 + STEP}.feather: frame 1, lidar: a column is missing: expected numbers z"):
        bw.read(log).points(1)


def test_a_camera_in_one_calibration_file_alone_is_refused(tmp_path):
    log = make(tmp_path)
    places, lenses = log / "calibration/egovehicle_SE3_sensor.feather", log / "calibration/intrinsics.feather"
    for path, other in ((places, lenses), (lenses, places)):
        raw = path.read_bytes()
        path.unlink()
        with pytest.raises(bw.CalibrationError, match=rf"{path.name}: no such file, and a camera needs both: expected it beside {other.name}; get"):
            bw.read(log)
        path.mkdir()
        with pytest.raises(bw.FormatError, match=rf"{path.name}: expected a file, got a folder"):
            bw.read(log)
        path.rmdir()
        path.write_bytes(raw)
    save(places, sensor_name=["ring_front_center", "stereo_front_left", "up_lidar"], **pose_columns([(0, (1, 0, 0))] * 3))
    expected = (
        r"intrinsics.feather: sensor_name: a camera has no calibration: expected a row for stereo_front_left, which is in egovehicle_SE3_sensor"
    )
    with pytest.raises(bw.CalibrationError, match=expected):
        bw.read(log)
    save(places, sensor_name=["up_lidar"], **pose_columns([(0, (1, 0, 0))]))
    with pytest.raises(bw.CalibrationError, match=r"egovehicle_SE3_sensor.feather: .*expected a row for ring_front_center, which is in intrinsics"):
        bw.read(log)


def test_pictures_without_calibration_are_refused(tmp_path):
    log = make(tmp_path)
    folder = log / "sensors/cameras/ring_side_left"
    folder.mkdir()
    bw.read(log)  # nothing in it, nothing amiss
    (folder / f"{T0}.jpg").write_bytes(image_bytes(np.zeros((60, 40, 3), np.uint8), 90))
    with pytest.raises(
        bw.CalibrationError, match=r"intrinsics.feather: .*expected a row for ring_side_left, which is in sensors/cameras; add the row"
    ):
        bw.read(log)


def test_files_with_senseless_names_are_told(tmp_path):
    log = make(tmp_path)
    assert not any("left out, their names" in note for note in bw.read(log).notes)
    sweep = (log / f"sensors/lidar/{T0 + STEP}.feather").read_bytes()
    for name in ("abc", "007", "9" * 19, ".hidden"):
        (log / f"sensors/lidar/{name}.feather").write_bytes(sweep)
    (log / "sensors/cameras/ring_front_center/1.png").write_bytes(b"")
    scene = bw.read(log)
    told = [note for note in scene.notes if "left out, " in note and "EGO" not in note]
    assert told[0].startswith("sensors/lidar: 3 files are left out, their names being no frame's, such as '007.feather'")
    assert told[1].startswith("cameras/ring_front_center: 1 file is left out") and len(told) == 2
    assert len(scene) == 4
    (log / f"sensors/lidar/{10**18}.feather").write_bytes(sweep)  # nanoseconds since 1970 have 19 digits
    assert (bw.read(log).times_ns[-1], bw.read(log).has_points(4)) == (10**18, True)


def test_what_nothing_reads_is_told(tmp_path):
    log = make(tmp_path)
    assert not any("nothing reads" in note for note in bw.read(log).notes)
    for name in ("map/a.json", "calibration/old.feather", "sensors/radar/1.feather", "sensors/cameras/1.jpg", ".hidden"):
        (log / name).parent.mkdir(parents=True, exist_ok=True)
        (log / name).write_bytes(b"")
    told = [
        "log: nothing reads 'map/'",
        "calibration: nothing reads 'old.feather'",
        "sensors: nothing reads 'radar/'",
        "cameras: nothing reads '1.jpg'",
    ]
    assert [note for note in bw.read(log).notes if "nothing reads" in note] == told


def test_pictures_of_no_frame_are_told(tmp_path):
    log = make(tmp_path)
    assert not any("no frame's" in note for note in bw.read(log).notes)
    picture = (log / f"sensors/cameras/ring_front_center/{T0 + 4_000_000}.jpg").read_bytes()
    for stamp in (T0 + 9_000_000, T0 + 10 * STEP):
        (log / f"sensors/cameras/ring_front_center/{stamp}.jpg").write_bytes(picture)
    assert "pictures that are no frame's: 2 of 5; each frame has the nearest of each camera" in bw.read(log).notes


def test_an_empty_pose_table_is_refused(tmp_path):
    """It says less than no table at all, and every label would silently lose the motion of the vehicle."""
    log = make(tmp_path)
    city = log / "city_SE3_egovehicle.feather"
    save(city, timestamp_ns=np.zeros(0, np.int64), **{name: values[:0] for name, values in pose_columns([(0, (0, 0, 0))]).items()})
    for strict in (True, False):
        with pytest.raises(bw.FormatError, match=r"city_SE3_egovehicle.feather: expected at least one pose, got an empty table; .*take it away"):
            bw.read(log, strict=strict)
    save(city, timestamp_ns=np.array([T0]), **{**pose_columns([(0, (0, 0, 0))]), "qw": np.array([2.0])})
    with pytest.warns(bw.SensorFrameFallback, match="no row of city_SE3_egovehicle.feather can be taken, so there are no poses: "):
        scene = bw.read(log, strict=False)
    assert (scene.label_frame, len(scene.problems)) == ("ego", 1)


def test_no_labels_are_told(tmp_path):
    log = make(
        tmp_path,
        {
            name: np.asarray(values)[:0] if name not in ("track_uuid", "category") else pa.array([], pa.string())
            for name, values in label_columns().items()
        },
    )
    scene = bw.read(log)
    assert (len(scene), len(scene.tracks)) == (1, 0)
    assert "annotations.feather is empty: the log has no labels" in scene.notes
    (log / "annotations.feather").unlink()
    (log / "annotations.feather").mkdir()
    with pytest.raises(bw.FormatError, match=r"annotations.feather: expected a file, got a folder"):
        bw.read(log)


def test_without_pyarrow(tmp_path, monkeypatch):
    log = make(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(bw.ExtraMissing, match=r"pip install 'boxwright\[io\]'"):
        bw.read(log)


# ------------------------------------------------------------ real recordings


@pytest.fixture(scope="module")
def clips(oracle):
    return {clip.scene: clip for clip in oracle.av2()}


@pytest.mark.parametrize("start", ["3bffdcff", "7fab2350"])
def test_agrees_with_the_independent_loader(real_data, clips, start, tmp_path):
    (name,) = [name for name in clips if name.startswith(start)]
    scene, clip = bw.read(real_data / "av2", scene=name), clips[name]
    assert len(scene) == len(clip.times_s)
    np.testing.assert_allclose((scene.times_ns - scene.times_ns[0]) * 1e-9, clip.times_s, rtol=0, atol=1e-9)
    assert {t.track_id for t in scene.tracks} == set(clip.tracks)
    sensor_tracks = {}
    for track in scene.tracks:
        truth = clip.tracks[track.track_id]
        there = track.visibility != bw.Visibility.OUTSIDE
        np.testing.assert_array_equal(np.searchsorted(scene.times_ns, track.times_ns[there]), truth.frames)
        np.testing.assert_allclose(track.cuboids.center_m[there], truth.world[:, :3], rtol=0, atol=1e-6)
        np.testing.assert_allclose(track.cuboids.size_m[there], truth.world[:, 3:6], rtol=0, atol=1e-9)
        assert angle_between(track.cuboids.quat_wxyz[there], truth.world_quats).max() < 1e-9
        turn = (track.cuboids.yaw_rad[there] - truth.world[:, 6] + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(turn).max() < 1e-9
        assert track.category == truth.name
        sensor_tracks[track.track_id] = truth
    for i in range(0, len(scene), 10):
        labels = scene.labels(i, frame="ego")
        truths = [sensor_tracks[scene.tracks[k].track_id] for k in labels.track_index]
        which = [int(np.flatnonzero(truth.frames == i)[0]) for truth in truths]
        np.testing.assert_allclose(labels.cuboids.center_m, [t.boxes[k, :3] for t, k in zip(truths, which)], rtol=0, atol=1e-6)
        assert angle_between(labels.cuboids.quat_wxyz, np.array([t.quats[k] for t, k in zip(truths, which)])).max() < 1e-9
    bw.write(scene, tmp_path / "own")
    assert_same_labels(scene, bw.read(tmp_path / "own"))


def test_sweeps_agree_with_the_independent_loader(real_data, oracle):
    n_boxes = 0
    scene = None
    for truth in oracle.av2_frames():
        scene = scene or bw.read(real_data / "av2", scene=truth.scene)
        assert scene.name == truth.scene
        i = list(scene.frame_ids).index(truth.frame)
        sweep = scene.points(i)
        np.testing.assert_array_equal(np.c_[sweep.xyz, sweep.intensity], truth.points)
        for name, camera in truth.cameras.items():
            ours = scene.camera(name).camera
            np.testing.assert_allclose(ours.matrix, camera.K, rtol=0, atol=1e-12)
            assert ours.size_px == camera.size_px
            assert (ours.distortion[0], ours.distortion[1], ours.distortion[4]) == camera.distortion
            np.testing.assert_allclose(scene.cam_from(i, name).matrix(), camera.cam_from_lidar, rtol=0, atol=1e-9)
        labels = scene.labels(i)
        counts = bw.points_in_cuboids(sweep.xyz, labels.cuboids).counts
        stamp = int(truth.frame)
        for count, k in zip(counts, labels.track_index):
            track = scene.tracks[k]
            row = track.keyframe_source_attributes[int(np.flatnonzero(track.times_ns == stamp)[0])]
            assert count == row["num_interior_pts"]
            n_boxes += 1
    assert n_boxes == 162


def test_a_table_packed_too_tightly(tmp_path):
    log = make(tmp_path)
    path, zeros = log / f"sensors/lidar/{T0 + STEP}.feather", np.zeros(1_000_000)
    feather.write_feather(pa.table({"x": zeros, "y": zeros, "z": zeros}), str(path), compression="zstd")
    with pytest.raises(bw.LimitError, match=r"compressed more tightly than allowed: expected at most 200 : 1"):
        bw.read(log).points(1)


def test_a_batch_for_every_row(tmp_path):
    """Each takes kilobytes of bookkeeping; they are put together on the way."""
    log = make(tmp_path)
    whole, path = bw.read(log), log / "annotations.feather"
    table = feather.read_table(path, memory_map=False)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    assert_same_labels(bw.read(log), whole)


def test_an_intensity_that_is_no_number_is_refused(tmp_path):
    log = make(tmp_path)
    sweep = sorted((log / "sensors/lidar").iterdir())[0]
    xyz = np.zeros(2, np.float32)
    save(sweep, x=xyz, y=xyz, z=xyz, intensity=["a", "b"])
    scene = bw.read(log)
    with pytest.raises(bw.FormatError, match=rf"{sweep.name}: .*intensity: expected numbers, got dtype object"):
        scene.points(next(i for i in range(len(scene)) if scene.has_points(i)))


# ------------------------------------------------------------ the writer


def columns_of(log, name="annotations.feather"):
    table = feather.read_table(str(log / name))
    return {column: table[column].to_pylist() for column in table.column_names}


def test_written_numbers_are_the_files_own(tmp_path):
    """The rows that were read, by track and time, and the poses and lenses, as a plain reader of tables finds them."""
    log = make(tmp_path / "in")
    report = bw.write(bw.read(log), tmp_path / "out", "argoverse2")
    assert (report.n_labels, report.n_tracks, report.n_frames) == (4, 2, 4)
    before, after = columns_of(log), columns_of(tmp_path / "out/log")
    assert set(after) == set(before)
    kept = [i for i, kind in enumerate(before["category"]) if kind != "EGO_VEHICLE"]
    rows = [[(columns["timestamp_ns"][i], columns["track_uuid"][i]) for i in which] for columns, which in ((before, kept), (after, range(4)))]
    assert sorted(rows[0]) == sorted(rows[1])
    for mine, theirs in zip(
        np.argsort(before["timestamp_ns"], kind="stable")[np.isin(np.argsort(before["timestamp_ns"], kind="stable"), kept)], range(4)
    ):
        for name in ("category", "num_interior_pts"):
            assert after[name][theirs] == before[name][mine]
        for name in ("length_m", "width_m", "height_m", "qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"):
            assert after[name][theirs] == pytest.approx(before[name][mine], abs=1e-9)
    for table in ("city_SE3_egovehicle.feather", "calibration/egovehicle_SE3_sensor.feather", "calibration/intrinsics.feather"):
        a, b = columns_of(log, table), columns_of(tmp_path / "out/log", table)
        for name, values in a.items():
            assert b[name] == (values if isinstance(values[0], str) else pytest.approx(values, abs=1e-9)), (table, name)
    check_golden(bw.read(tmp_path / "out"))


@pytest.mark.parametrize("at_once", [128, 3, 1])
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_how_many_labels_readers_fill_in(tmp_path, rng, monkeypatch, at_once):
    """Also where somebody is in a later frame of the gap, and however many frames are written together."""
    monkeypatch.setattr("boxwright.formats.labelled_frames._AT_ONCE", at_once)
    size, stamps = [[4.0, 2.0, 1.5]], np.arange(8) * 100

    def track(track_id, shown):
        gone = [i for i in range(1, 8) if i - 1 in shown and i not in shown]
        times = sorted([*shown, *gone])
        places = bw.Cuboids([[5.0 + i, 0, 0] for i in times], size * len(times), [0.0] * len(times), frame="ego")
        return bw.Track(track_id, "BUS", stamps[times], places, visibility=[2 * (i in gone) for i in times])

    tracks = [track("a", [0, 3, 5]), track("b", [0, 4, 5, 7])]  # of frames 1, 2 and 6 nobody is
    sweeps = {(i, "lidar"): bw.Sweep(rng.normal(size=(9, 3)), int(stamp)) for i, stamp in enumerate(stamps.tolist())}
    scene = bw.Scene("x", stamps, {"lidar": bw.Lidar("lidar")}, tracks=tracks, data=MemoryData(sweeps), label_frame="ego")
    report = bw.write(scene, tmp_path / "out", "argoverse2")
    shown = [len(bw.interpolate_tracks(one.tracks, one.times_ns).track_index) for one in (scene, bw.read(tmp_path / "out"))]
    assert (report.n_labels, *shown) == (7, 7, 12)  # a and b in 1 and 2, b in 6; in 3 there is a, so that b is gone, and in 4 the other way round
    assert any(line.endswith("and readers fill 5 labels in") for line in report.dropped)


def test_points_are_written_in_the_ego_frame_as_float32(tmp_path, rng):
    lidars = {
        "top": bw.Lidar("top", bw.Pose.from_yaw(math.pi / 2, (1.0, 0.0, 1.6))),
        "rear": bw.Lidar("rear", bw.Pose.from_yaw(0.0, (-1.0, 0.0, 0.0))),
    }
    sweeps = {(0, name): bw.Sweep(np.array([[2.0, 0.25, -1.5]]), 7, frame=name, intensity=np.array([9], np.uint8)) for name in lidars}
    cuboids = bw.Cuboids([[2.0, 0.0, -1.5]], [[1.0, 2.0, 1.0]], 0.3, frame="top")
    tracks = [bw.Track("a", "BUS", [7], cuboids)]
    scene = bw.Scene("x", [7, 9], lidars, tracks=tracks, data=MemoryData(sweeps), label_frame="top")
    report = bw.write(scene, tmp_path / "out", "argoverse2")
    assert (report.n_frames, report.n_labels) == (1, 1)
    assert any("1 frame with neither a sweep nor a label" in line for line in report.dropped)
    cloud = columns_of(tmp_path / "out/x/sensors/lidar", "7.feather")
    np.testing.assert_allclose([cloud["x"], cloud["y"], cloud["z"]], [[0.75, 1.0], [2.0, 0.25], [0.1, -1.5]], atol=1e-6)
    assert cloud["intensity"] == [9, 9]
    (row,) = zip(*columns_of(tmp_path / "out/x").values())
    written = dict(zip(columns_of(tmp_path / "out/x"), row))
    assert (written["length_m"], written["width_m"], written["height_m"], written["num_interior_pts"]) == (1.0, 2.0, 1.0, 1)
    np.testing.assert_allclose([written[name] for name in ("tx_m", "ty_m", "tz_m")], [1.0, 2.0, 0.1], atol=1e-12)
    np.testing.assert_allclose(2 * math.atan2(written["qz"], written["qw"]), 0.3 + math.pi / 2, atol=1e-12)


def test_times_before_zero_are_refused(tmp_path):
    with pytest.raises(bw.ArgumentError, match="expected times from 0"):
        bw.write(bw.Scene("x", [-5], {"lidar": bw.Lidar("lidar")}, label_frame="lidar"), tmp_path / "out", "argoverse2")


def test_the_real_log_there_and_back(tmp_path, real_data):
    log = real_data / "av2/sensor/7fab2350-7eaf-3b7e-a39d-6937a4c1bede"
    bw.write(bw.read(log), tmp_path / "out", "argoverse2")
    before, after = columns_of(log), columns_of(tmp_path / "out" / log.name)
    keys = [sorted(zip(columns["timestamp_ns"], columns["track_uuid"], range(len(columns["category"])))) for columns in (before, after)]
    assert [key[:2] for key in keys[0]] == [key[:2] for key in keys[1]] and len(keys[0]) == 11_364
    for name in ("length_m", "width_m", "height_m", "tx_m", "ty_m", "tz_m", "num_interior_pts"):
        a, b = (np.array(columns[name], float)[[key[2] for key in rows]] for columns, rows in zip((before, after), keys))
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_a_gap_over_a_sweep_that_nobody_is_in(tmp_path):
    """A sweep without rows is taken for one that nobody labelled, so the report says which gaps are gone."""
    times = np.arange(4) * 100_000_000
    cuboids = bw.Cuboids(np.full((2, 3), 5.0), np.ones((2, 3)), [0.1, 0.2], frame="lidar")
    gap = bw.Track("7", "car", times[[0, 1, 2]], cuboids[np.array([0, 0, 1])], visibility=[0, 2, 0])
    data = MemoryData({(i, "lidar"): bw.Sweep(np.zeros((3, 3), np.float32), int(stamp)) for i, stamp in enumerate(times)})
    scene = bw.Scene("a", times, {"lidar": bw.Lidar("lidar")}, tracks=[gap], data=data, label_frame="lidar")
    report = bw.write(scene, tmp_path / "alone", "argoverse2")
    assert any(line.startswith("gaps of tracks over frames that nobody is in") for line in report.dropped)
    beside = bw.Track("8", "car", times[[1]], cuboids[:1])
    report = bw.write(scene.replace(tracks=[gap, beside]), tmp_path / "both", "argoverse2")
    assert not any("gap" in line for line in report.dropped)
    assert [len(bw.read(tmp_path / "both").cuboids(i)) for i in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(("shift_ns", "lost", "told"), [(0, 0, 0), (3_000_000, 1, 1), (-3_000_000, 1, 1), (60_000_000, 1, 4)])
def test_pictures_exposed_where_there_are_no_poses_are_told(tmp_path, shift_ns, lost, told):
    """Poses are those of four frames: what is exposed after the last, or before the first, is found by no reader. At 60 of 100 ms
    each picture is nearer to the next frame, and the first frame has none."""
    times = T0 + STEP * np.arange(4)
    front = bw.CameraSensor("front", bw.PinholeCamera(64, 48, 40.0, 41.0, 31.5, 23.5), bw.Pose(CAM_AXES, (1, 0, 1.5)), times + shift_ns)
    data = MemoryData(
        {(i, "lidar"): bw.Sweep(np.ones((5, 3), np.float32), int(t)) for i, t in enumerate(times)},
        {(i, "front"): np.full((48, 64, 3), 90, np.uint8) for i in range(4)},
    )
    poses = bw.Trajectory(times, [bw.Pose.from_yaw(0.02 * i, (40 + 1.5 * i, 7, 0.25)) for i in range(4)])
    scene = bw.Scene("a", times, {"lidar": bw.Lidar("lidar")}, {"front": front}, poses, data=data, label_frame="lidar")
    certificate = bw.certify(scene, "argoverse2")
    assert certificate.holds and sum(line.n for line in certificate.report.dropped if "pictures" in line.fields) == told
    assert sum(one.n_lost for one in certificate.lost if one.field == "pictures") == lost
    bw.write(scene, tmp_path / "a", "argoverse2")
    back = bw.read(tmp_path / "a")
    assert sum(back.has_image(i, "front") for i in range(4)) == 4 - lost
