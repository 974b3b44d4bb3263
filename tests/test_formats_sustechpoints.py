"""SUSTechPOINTS scenes: numbers worked by hand, the independent loader, files that lie."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import sustechpoints
from boxwright.formats.images import image_bytes
from formats_scenes import assert_same_labels

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
CENTER, SIZE, ANGLES = (12.0, -3.5, 0.6), (4.2, 1.7, 1.4), (0.3, 0.2, 0.7)
EXTRINSIC = [-1, 0, 0, 0.2, 0, 0, -1, 0.1, 0, -1, 0, -0.3, 0, 0, 0, 1]  # looks along the LiDAR's -y
INTRINSIC = [50.5, 0, 19.5, 0, 51.5, 29.5, 0, 0, 1]
TOL = 1e-12


def label(obj_id="7", kind="Car", center=CENTER, size=SIZE, angles=ANGLES, **more):
    psr = {part: dict(zip("xyz", values)) for part, values in (("position", center), ("scale", size), ("rotation", angles))}
    return {"psr": psr, "obj_type": kind, "obj_id": obj_id, **more}


def save(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def make(root, labels=None, names=("000950", "000965", "000970"), name="one"):
    """Three frames, pictures for the last two."""
    scene = root / name
    (scene / "lidar").mkdir(parents=True)
    for i, frame in enumerate(names):
        xyz = np.array([CENTER, (np.nan, 0, 0), (1.5 + i, 2, -1.7)], np.float32)
        bw.write_points(bw.Sweep(xyz, intensity=np.arange(3, dtype=np.float32)), scene / f"lidar/{frame}.pcd")
    for frame, found in (labels if labels is not None else {names[0]: [label()], names[2]: [label(obj_attr="door")]}).items():
        save(scene / f"label/{frame}.json", found)
    save(scene / "calib/camera/front.json", {"extrinsic": EXTRINSIC, "intrinsic": INTRINSIC, "by": "hand"})
    for frame in names[1:]:
        path = scene / f"camera/front/{frame}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image_bytes(np.full((60, 40, 3), 77, np.uint8), 90))
    return scene


def check_golden(scene):
    car = scene.cuboids(0)
    np.testing.assert_allclose(car.center_m, [CENTER], rtol=0, atol=TOL)
    np.testing.assert_allclose(car.size_m, [SIZE], rtol=0, atol=TOL)
    (s3, s2, s7), (c3, c2, c7) = np.sin(ANGLES), np.cos(ANGLES)
    ahead = (c2 * c7, c3 * s7 + s3 * s2 * c7, s3 * s7 - c3 * s2 * c7)  # Rx @ Ry @ Rz @ (1, 0, 0)
    up = (s2, -s3 * c2, c3 * c2)  # Rx @ Ry @ (0, 0, 1)
    np.testing.assert_allclose(car.rotation[0] @ (1, 0, 0), ahead, rtol=0, atol=TOL)
    np.testing.assert_allclose(car.rotation[0] @ (0, 0, 1), up, rtol=0, atol=TOL)


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path))
    check_golden(scene)
    (car,) = scene.tracks
    assert (scene.format, scene.frame_ids, scene.has_time, scene.label_frame) == ("sustechpoints", ("000950", "000965", "000970"), False, "lidar")
    assert (car.track_id, car.category, car.visibility.tolist()) == ("7", "Car", [0, 2, 0])  # not labelled in frame 1
    assert [row.get("obj_attr") for row in car.keyframe_attributes] == [None, None, "door"]
    assert car.keyframe_source_attributes[0] == {"psr_rotation_rad": list(ANGLES)}
    assert any("no ego poses" in note for note in scene.notes)


MUTATIONS = {
    "turn of pi/2": lambda c, s, a: (c, s, np.add(a, (0, 0, math.pi / 2))),
    "width and length swapped": lambda c, s, a: (c, s[[1, 0, 2]], a),
    "half the height": lambda c, s, a: (np.add(c, (0, 0, s[2] / 2)), s, a),
    "half turn": lambda c, s, a: (c, s, np.add(a, (0, 0, math.pi))),
    "sign of yaw": lambda c, s, a: (c, s, a * (1, 1, -1)),
    "yaw alone": lambda c, s, a: (c, s, a * (0, 0, 1)),
    "angles backwards": lambda c, s, a: (c, s, a[::-1]),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = sustechpoints.cuboid_from_psr
    monkeypatch.setattr(sustechpoints, "cuboid_from_psr", lambda psr: MUTATIONS[name](*honest(psr)))
    scene = bw.read(make(tmp_path))
    with pytest.raises(AssertionError):
        check_golden(scene)


def test_sensors(tmp_path):
    scene = bw.read(make(tmp_path))
    sweep = scene.points(2)
    assert (sweep.frame, sweep.timestamp_ns, len(sweep), sweep.is_finite.tolist()) == ("lidar", 2, 3, [True, False, True])
    np.testing.assert_array_equal(sweep.xyz[2], np.array([3.5, 2, -1.7], np.float32))
    assert scene.camera("front").camera == bw.PinholeCamera(40, 60, 50.5, 51.5, 19.5, 29.5)
    np.testing.assert_allclose(scene.cam_from(0, "front", "lidar").apply([(3, -10, 2)]), [(-2.8, -1.9, 9.7)], rtol=0, atol=TOL)
    assert [scene.has_image(i, "front") for i in range(3)] == [False, True, True]
    assert scene.image(1, "front").shape == (60, 40, 3)
    assert scene.source_attributes["calib"]["camera"]["front"]["by"] == "hand"


def test_a_projection_and_further_lidars(tmp_path):
    folder = make(tmp_path)
    p = [50.5, 0, 19.5, 101.0, 0, 51.5, 29.5, 0, 0, 0, 1, 0]  # the baseline moves it by 2 m
    save(folder / "calib/camera/front.json", {"extrinsic": EXTRINSIC, "intrinsic": p})
    save(folder / "calib/aux_lidar/left.json", {"translation": [1, 2, 3], "rotation": [0, 0, math.pi / 2]})
    bw.write_points(bw.Sweep(np.eye(3)), folder / "lidar.pcd")
    (folder / "aux_lidar/left").mkdir(parents=True)
    (folder / "lidar.pcd").rename(folder / "aux_lidar/left/000965.pcd")
    (folder / "camera/spare").mkdir()
    scene = bw.read(folder)
    np.testing.assert_allclose(scene.cam_from(0, "front", "lidar").apply([(3, -10, 2)]), [(-0.8, -1.9, 9.7)], rtol=0, atol=TOL)
    np.testing.assert_allclose(scene.transform("lidar", "left", 0).apply([(5, 0, 0)]), [(1, 7, 3)], rtol=0, atol=TOL)
    assert [scene.has_points(i, "left") for i in range(3)] == [False, True, False]
    assert "camera spare has no calibration: it is left out" in scene.notes


def test_ego_poses(tmp_path):
    """The vehicle drives east, its nose up by pitch in the second frame; the LiDAR looks back over its -y, 0.4 m up."""
    folder = make(tmp_path, {name: [label(center=(0, -20, 1.1), angles=(0, 0, -math.pi / 2 + 0.4))] for name in ("000950", "000965")})
    pose = {"x": 500_000.0, "y": 4_400_000.0, "z": 10.0, "azimuth": 90.0, "pitch": 0.0, "roll": 0.0}
    save(folder / "ego_pose/000950.json", pose)
    save(folder / "ego_pose/000965.json", {**pose, "x": 500_007.0, "pitch": math.degrees(0.1)})
    scene = bw.read(folder)
    assert (scene.label_frame, any("UTM less (500000.0, 4400000.0, 10.0)" in note for note in scene.notes)) == ("world", True)
    first = scene.cuboids(0, frame="world")
    np.testing.assert_allclose(first.center_m, [(20, 0, 1.5)], rtol=0, atol=1e-9)
    np.testing.assert_allclose(first.yaw_rad, [0.4], rtol=0, atol=1e-9)
    s, c = math.sin(0.1), math.cos(0.1)
    np.testing.assert_allclose(scene.cuboids(1, frame="world").center_m, [(7 + 20 * c - 1.5 * s, 0, 20 * s + 1.5 * c)], rtol=0, atol=1e-9)
    np.testing.assert_allclose(scene.transform("world", "ego", 0).rotation, np.eye(3), rtol=0, atol=TOL)
    np.testing.assert_allclose(scene.cuboids(1).center_m, [(0, -20, 1.1)], rtol=0, atol=1e-9)
    save(folder / "label/000970.json", [label()])
    with pytest.raises(bw.FormatError, match=r"000970.json: \[0\]: a label lies outside the ego poses: got frame 000970"):
        bw.read(folder)
    n_labels = sum(map(len, scene.tracks))
    scene = bw.read(folder, strict=False)
    assert [problem.record for problem in scene.problems] == [label()] and sum(map(len, scene.tracks)) == n_labels


@pytest.mark.parametrize(
    ("text", "message"),
    [("[", "not JSON: expected a value here"), (json.dumps([label(angles=(0, 0, math.nan))]), "NaN is not a number"), ("{}", "expected a list")],
)
def test_one_broken_label_file_is_kept_aside(tmp_path, text, message):
    folder = make(tmp_path)
    (folder / "label/000970.json").write_text(text)
    with pytest.raises(bw.FormatError, match=rf"000970\.json[,:] .*{message}"):
        bw.read(folder)
    scene = bw.read(folder, strict=False)
    check_golden(scene)
    (problem,) = scene.problems
    assert message in str(problem) and problem.record == {"file": "000970.json", "text": text}


@pytest.mark.parametrize(
    ("names", "stamps"),
    [
        (("1616343528.200", "1616343528.70", "1616343527.9"), (1_616_343_527_900_000_000, 1_616_343_528_200_000_000, 1_616_343_528_700_000_000)),
        (("1616343528200", "1616343528300"), (1_616_343_528_200_000_000, 1_616_343_528_300_000_000)),
        (("1616343528200000123",), (1_616_343_528_200_000_123,)),
        (("9", "10"), None),
        (("1616343528.2", "1616343528.20"), None),
    ],
)
def test_names_that_are_stamps(tmp_path, names, stamps):
    scene = bw.read(make(tmp_path, {}, names))
    assert scene.has_time == (stamps is not None)
    np.testing.assert_array_equal(scene.times_ns, range(len(names)) if stamps is None else stamps)
    assert scene.points(0).timestamp_ns == scene.times_ns[0]


def test_listing(tmp_path):
    for name in ("b", "a", "off"):
        make(tmp_path / "tool/data", name=name)
    (tmp_path / "tool/data/off/disable").touch()
    for place in (tmp_path / "tool", tmp_path / "tool/data"):
        found = bw.scenes(place)
        assert (found.format, found.names) == ("sustechpoints", ("a", "b"))
    assert bw.read(tmp_path / "tool", "b").name == "b"


def test_through_our_own_folder(tmp_path):
    scene = bw.read(make(tmp_path))
    bw.write(scene, tmp_path / "own")
    again = bw.read(tmp_path / "own")
    assert_same_labels(scene, again)
    check_golden(again)
    np.testing.assert_array_equal(again.points(1).xyz, scene.points(1).xyz)


def without(record, name):
    return {key: value for key, value in record.items() if key != name}


BAD = {
    "size": (label(size=(4.2, 0, 1.4)), r"\[1\]\.psr\.scale: expected a positive length, width and height, got 4.2 0 1.4"),
    "far": (label(center=(1e300, 0, 0)), r"\[1\]\.psr\.position: expected coordinates under"),
    "angle": (label(angles=(0, 0, 1e300)), r"\[1\]\.psr\.rotation: expected numbers under"),
    "word": (label(center=("1", 2, 3)), r"\[1\]\.psr\.position\.x: expected a number, got '1'"),
    "no type": (without(label(), "obj_type"), r"\[1\]: a field is missing: expected 'obj_type'"),
    "no psr": (without(label(), "psr"), r"\[1\]: a field is missing: expected 'psr'"),
    "id": (label(obj_id=[1]), r"\[1\]\.obj_id: expected a text or a whole number"),
    "twice": (label("8"), r"\[1\]: expected each object once in a frame, got Car '8' again"),
    "no object": (3, r"\[1\]: expected an object, got 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_labels(tmp_path, name):
    record, message = BAD[name]
    folder = make(tmp_path, {"000965": [label("8"), record, label("9")]})
    with pytest.raises(bw.FormatError, match=r"000965\.json: " + message):
        bw.read(folder)
    scene = bw.read(folder, strict=False)
    assert [track.track_id for track in scene.tracks] == ["8", "9"]
    assert [problem.record for problem in scene.problems] == [record]


def test_odd_labels_are_kept_and_told(tmp_path):
    labels = [label(""), label("5", "Car"), without(label(), "obj_id"), label(6, vertices=[1, 2])]
    scene = bw.read(make(tmp_path, {"000950": labels, "000965": [label("5", "Van")]}))
    assert sorted(track.track_id for track in scene.tracks) == ["000950/0", "000950/2", "5", "5-Van", "6"]
    assert scene.track("6").keyframe_source_attributes[0] == {"psr_rotation_rad": list(ANGLES), "vertices": [1, 2], "obj_id": 6}
    assert any("2 labels have no obj_id" in note for note in scene.notes)
    assert any("track 5 is of several types: Car, Van" in note for note in scene.notes)


BAD_CALIBRATION = {
    "15 numbers": ({"extrinsic": EXTRINSIC[1:]}, "extrinsic: expected 16 numbers, got 15"),
    "mirrored": ({"extrinsic": [1, 0, 0, 0, *EXTRINSIC[4:]]}, "extrinsic: expected a rotation matrix"),
    "skewed": ({"intrinsic": [50, 1, 19, 0, 51, 29, 0, 0, 1]}, "intrinsic: expected fx 0 cx, 0 fy cy, 0 0 1"),
    "singular": ({"intrinsic": [0, 0, 19, 0, 51, 29, 0, 0, 1]}, "singular intrinsics"),
    "singular P": ({"intrinsic": [0, 0, 19, 0, 0, 51, 29, 0, 0, 0, 1, 0]}, "singular intrinsics"),
}


@pytest.mark.parametrize("name", BAD_CALIBRATION)
def test_bad_calibration(tmp_path, name):
    change, message = BAD_CALIBRATION[name]
    folder = make(tmp_path)
    save(folder / "calib/camera/front.json", {"extrinsic": EXTRINSIC, "intrinsic": INTRINSIC, **change})
    for strict in (True, False):
        with pytest.raises((bw.FormatError, bw.CalibrationError), match=message):
            bw.read(folder, strict=strict)


# ------------------------------------------------------------ real data


@pytest.fixture(scope="module")
def real(real_data):
    path = Path(real_data) / "sustechpoints/example"
    if not path.is_dir():
        pytest.skip("the SUSTechPOINTS example is not there")
    return bw.read(path)


def test_real_labels_points_and_cameras_equal_the_independent_loader(real, oracle):
    for i, frame in enumerate(oracle.sustech()):
        labels = real.labels(i)
        ids = [real.tracks[k].track_id for k in labels.track_index]
        order = [ids.index(track_id) for track_id in frame.track_ids]
        assert sorted(order) == list(range(len(ids)))
        cuboids = labels.cuboids[order]
        assert [real.tracks[labels.track_index[k]].category for k in order] == frame.names
        np.testing.assert_allclose(cuboids.center_m, frame.boxes[:, :3], rtol=0, atol=1e-9)
        np.testing.assert_allclose(cuboids.size_m, frame.boxes[:, 3:6], rtol=0, atol=1e-9)
        np.testing.assert_allclose(cuboids.rotation, [oracle.matrix(quat) for quat in frame.quats], rtol=0, atol=1e-12)
        sweep = real.points(i)
        np.testing.assert_array_equal(sweep.xyz[sweep.is_finite], frame.points[:, :3])
        np.testing.assert_array_equal(sweep.intensity[sweep.is_finite], frame.points[:, 3])
        for name, camera in frame.cameras.items():
            np.testing.assert_allclose(real.cam_from(i, name).matrix(), camera.cam_from_lidar, rtol=0, atol=1e-12)
            np.testing.assert_array_equal(real.camera(name).camera.matrix, camera.K)
            assert real.has_image(i, name) == (camera.image is not None)


def test_real_points_in_tilted_cuboids(real):
    """The whole rotation: with yaw alone the totals are 2,092, 3,655, 6,086 and 7,279."""
    assert [int(bw.points_in_cuboids(real.points(i), real.cuboids(i)).counts.sum()) for i in range(4)] == [2160, 3704, 6100, 7514]
    flat = [bw.Cuboids(c.center_m, c.size_m, c.yaw_rad, frame="lidar") for c in map(real.cuboids, range(4))]
    assert [int(bw.points_in_cuboids(real.points(i), c).counts.sum()) for i, c in enumerate(flat)] == [2092, 3655, 6086, 7279]
