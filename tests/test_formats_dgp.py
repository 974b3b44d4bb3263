"""DGP scenes: numbers worked by hand, the independent loader, files that lie."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import dgp
from boxwright.formats.images import image_bytes
from boxwright.rotations import quat_from_axis_angle, quat_from_yaw, quat_multiply
from formats_scenes import assert_same_labels

CENTER, SIZE, YAW, ROLL = (12.0, -3.5, 0.6), (4.2, 1.7, 1.4), 0.7, 0.3
MOUNTS = {"LIDAR": bw.Pose.from_yaw(0.0, (1.0, 0.2, 1.9)), "FRONT": bw.Pose([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], (1.6, -0.1, 1.4))}
T0 = 1_700_000_000_203_752_000  # 2023-11-14T22:13:20.203752Z
TOL = 1e-9


def ego(t):
    """World from ego, t seconds after the first sweep: 8 m/s ahead on a bend."""
    return bw.Pose.from_yaw(0.4 + 0.2 * t, (400.0 + 8 * t, -260.0 + 2 * t * t, 12.5))


def pose(of):
    return {
        "rotation": dict(zip(("qw", "qx", "qy", "qz"), of.quat_wxyz.tolist())),
        "translation": dict(zip("xyz", of.translation_m.tolist())),
    }


def stamp(t, year="2023"):
    whole, part = divmod(203_752 + round(t * 1e6), 1_000_000)
    return f"{year}-11-14T22:13:{20 + whole:02d}.{part:06d}Z"


def annotation(instance=987620307, class_id=2, **more):
    turn = quat_multiply(quat_from_yaw(YAW), quat_from_axis_angle(np.array([1.0, 0, 0]), ROLL))
    box = {"pose": pose(bw.Pose.from_quat(turn, CENTER)), "occlusion": 1, "truncation": 0.25, **dict(zip(("length", "width", "height"), SIZE))}
    return {"attributes": {"state": "parked"}, "box": box, "class_id": class_id, "instance_id": instance, "num_points": 17, **more}


def save(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":")))


def datum(kind, sensor, i, t, inner, year):
    place = {
        "filename": f"{kind}/{sensor}/{i:03d}.{'npz' if kind == 'point_cloud' else 'jpg'}",
        "pose": pose(ego(t) @ MOUNTS[sensor]),
        "metadata": {},
    }
    identity = {"name": sensor, "log": "L", "timestamp": stamp(t, year), "index": "0"}
    return {"id": identity, "key": f"{sensor}-{i}", "datum": {"point_cloud" if kind == "point_cloud" else "image": {**place, **inner}}}


def document(n=2, year="2023", shift_s=0.211478):
    data, samples = [], []
    for i in range(n):
        cloud = {"annotations": {"1": f"bounding_box_3d/LIDAR/{i:03d}.json"}, "point_format": ["X", "Y", "Z", "INTENSITY"], "point_fields": []}
        image = {"annotations": {"0": "bounding_box_2d/FRONT/0.json"}, "width": 40, "height": 60, "channels": 3}
        data += [datum("rgb", "FRONT", i, i + shift_s, image, year), datum("point_cloud", "LIDAR", i, float(i), cloud, year)]
        samples.append({"datum_keys": [f"FRONT-{i}", f"LIDAR-{i}"], "calibration_key": "cal", "id": {"timestamp": stamp(i, year), "name": ""}})
    return {"name": "", "log": "L", "description": "by hand", "data": data, "samples": samples, "ontologies": {"0": "o2", "1": "o3"}}


def make(root, doc=None, labels=None, name="scene_01", file="scene_abc.json"):
    scene = root / name
    save(scene / file, doc or document())
    intrinsics = {"cx": 19.5, "cy": 29.5, "fx": 50.5, "fy": 51.5, "skew": 0.0}
    extrinsics = [pose(MOUNTS[sensor]) for sensor in ("LIDAR", "FRONT")]
    save(
        scene / "calibration/cal.json",
        {"names": ["LIDAR", "FRONT"], "intrinsics": [dict.fromkeys(intrinsics, 0.0), intrinsics], "extrinsics": extrinsics},
    )
    save(scene / "ontology/o3.json", {"items": [{"id": 2, "name": "Car"}, {"name": "Person"}]})
    for i in range(2):
        save(scene / f"bounding_box_3d/LIDAR/{i:03d}.json", {"annotations": (labels or {}).get(i, [annotation()])})
        (scene / "point_cloud/LIDAR").mkdir(parents=True, exist_ok=True)
        np.savez_compressed(scene / f"point_cloud/LIDAR/{i:03d}.npz", data=np.array([[1.5, 2, 3, 40], [*CENTER, 50], [np.nan, 0, 0, i]]))
    path = scene / "rgb/FRONT/001.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image_bytes(np.full((60, 40, 3), 77, np.uint8), 90))
    return scene


def check_golden(scene):
    car = scene.cuboids(1)
    np.testing.assert_allclose(car.center_m, [CENTER], rtol=0, atol=TOL)
    np.testing.assert_allclose(car.size_m, [SIZE], rtol=0, atol=TOL)
    (sy, sr), (cy, cr) = np.sin((YAW, ROLL)), np.cos((YAW, ROLL))
    np.testing.assert_allclose(car.rotation[0] @ (1, 0, 0), (cy, sy, 0), rtol=0, atol=TOL)
    np.testing.assert_allclose(car.rotation[0] @ (0, 1, 0), (-sy * cr, cy * cr, sr), rtol=0, atol=TOL)
    s, c = math.sin(0.6), math.cos(0.6)  # a second later the vehicle is at (408, -258, 12.5), turned by 0.6; the LiDAR sits at (1, 0.2, 1.9)
    x, y = CENTER[0] + 1, CENTER[1] + 0.2
    np.testing.assert_allclose(scene.cuboids(1, frame="world").center_m, [(408 + c * x - s * y, -258 + s * x + c * y, 15.0)], rtol=0, atol=TOL)


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path))
    check_golden(scene)
    (car,) = scene.tracks
    assert (scene.format, scene.name, scene.frame_ids, scene.has_time, scene.label_frame) == ("dgp", "scene_01", ("000", "001"), True, "world")
    np.testing.assert_array_equal(scene.times_ns, [T0, T0 + 1_000_000_000])
    assert (car.track_id, car.category, car.visibility.tolist()) == ("987620307", "Car", [1, 1])
    assert car.keyframe_attributes[0] == {"state": "parked"}
    assert car.keyframe_source_attributes[0] == {"num_points": 17, "occlusion": 1, "truncation": 0.25, "class_id": 2}
    assert scene.source_attributes["description"] == "by hand"
    assert scene.source_attributes["ontology"] == {"2": "Car", "0": "Person"}
    assert "named, and not there: 2 files of bounding_box_2d" in scene.notes and scene.image_tracks == ()


def in_picture(instance=987620307, class_id=2, **more):
    box = {"x": 3, "w": 20, "h": 31}  # y is 0, and may be absent
    return {"area": 620, "iscrowd": False, "attributes": {}, "box": box, "class_id": class_id, "instance_id": instance, **more}


def with_boxes(root, first, second):
    doc = document()
    for i, labels in enumerate((first, second)):
        doc["data"][2 * i]["datum"]["image"]["annotations"] = {"0": f"bounding_box_2d/FRONT/{i}.json"}
        save(root / f"scene_01/bounding_box_2d/FRONT/{i}.json", {"annotations": labels})
    save(root / "scene_01/ontology/o2.json", {"items": [{"id": 2, "name": "Car"}, {"name": "Person"}]})
    return make(root, doc)


def test_boxes_in_pictures(tmp_path):
    """They lie at the camera's exposures, and name the cuboids of the same instance."""
    scene = bw.read(
        with_boxes(tmp_path, [in_picture(), in_picture(5, 0, attributes={"pose": "sitting"})], [in_picture(box={"x": 5, "y": 1, "w": 20, "h": 30})])
    )
    car, person = scene.image_tracks
    assert (car.track_id, car.category, car.camera, car.object_id) == ("987620307/FRONT", "Car", "FRONT", "987620307")
    assert (person.track_id, person.category, person.object_id, len(person)) == ("5/FRONT", "Person", None, 1)
    np.testing.assert_array_equal(car.times_ns, scene.exposures_ns("FRONT"))
    np.testing.assert_array_equal(car.shapes.xyxy, [[3, 0, 23, 31], [5, 1, 25, 31]])
    assert person.keyframe_attributes == [{"pose": "sitting"}]
    assert car.keyframe_source_attributes[0] == {"iscrowd": False, "class_id": 2}
    assert not [note for note in scene.notes if "bounding_box_2d" in note]


BAD_BOXES = [
    ({"box": {"x": 1, "y": 2, "w": -3, "h": 4}}, "a positive width and height"),
    ({"box": {"x": 1, "y": 2, "w": 3, "h": 1e300}}, "a place in pixels"),
    ({"class_id": 77}, "a class that the ontology names"),
    ({"box": 7}, "box"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_BOXES)
def test_bad_boxes_in_pictures(tmp_path, changes, message):
    path = with_boxes(tmp_path, [in_picture(), in_picture(8, **changes)], [in_picture()])
    with pytest.raises(bw.FormatError, match=message):
        bw.read(path)
    scene = bw.read(path, strict=False)
    assert [track.track_id for track in scene.image_tracks] == ["987620307/FRONT"] and len(scene.problems) == 1


def test_an_object_twice_in_a_picture_is_refused(tmp_path):
    with pytest.raises(bw.FormatError, match="each object once in a picture"):
        bw.read(with_boxes(tmp_path, [in_picture(), in_picture()], []))


MUTATIONS = {
    "turn of pi/2": lambda p, s: (p @ bw.Pose.from_yaw(math.pi / 2), s),
    "width and length swapped": lambda p, s: (p, s[[1, 0, 2]]),
    "half the height": lambda p, s: (bw.Pose(p.rotation, np.add(p.translation_m, (0, 0, s[2] / 2))), s),
    "half turn": lambda p, s: (p @ bw.Pose.from_yaw(math.pi), s),
    "yaw alone": lambda p, s: (bw.Pose.from_yaw(math.atan2(p.rotation[1, 0], p.rotation[0, 0]), p.translation_m), s),
    "the other way round": lambda p, s: (bw.Pose(p.rotation.T, p.translation_m), s),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = dgp.cuboid_from_box
    monkeypatch.setattr(dgp, "cuboid_from_box", lambda box: MUTATIONS[name](*honest(box)))
    scene = bw.read(make(tmp_path))
    with pytest.raises(AssertionError):
        check_golden(scene)


def test_a_camera_sees_from_where_it_was_at_its_exposure(tmp_path):
    scene = bw.read(make(tmp_path))
    np.testing.assert_array_equal(scene.cameras["FRONT"].times_ns, scene.times_ns + 211_478_000)
    for i in range(2):
        told = (ego(i + 0.211478) @ MOUNTS["FRONT"]).inverse() @ ego(float(i)) @ MOUNTS["LIDAR"]
        np.testing.assert_allclose(scene.cam_from(i, "FRONT", "lidar").matrix(), told.matrix(), rtol=0, atol=TOL)
        still = MOUNTS["FRONT"].inverse() @ MOUNTS["LIDAR"]
        assert np.abs(told.matrix() - still.matrix()).max() > 1  # the motion between the two is not small
    assert scene.camera("FRONT").camera == bw.PinholeCamera(40, 60, 50.5, 51.5, 19.5, 29.5)
    assert [scene.has_image(i, "FRONT") for i in range(2)] == [False, True]
    assert scene.image(1, "FRONT").shape == (60, 40, 3)


def test_points(tmp_path):
    folder = make(tmp_path)
    scene = bw.read(folder)
    sweep = scene.points(1)
    np.testing.assert_array_equal(sweep.xyz, [(1.5, 2, 3), CENTER, (np.nan, 0, 0)])
    np.testing.assert_array_equal(sweep.intensity, [40, 50, 1])
    assert (sweep.frame, sweep.timestamp_ns, sweep.xyz.dtype) == ("lidar", T0 + 1_000_000_000, np.float64)
    assert bw.points_in_cuboids(sweep, scene.cuboids(1)).counts.tolist() == [1]
    records = np.array([(1, 2, 3, 4, 5)], [(name, "<f4") for name in ("X", "Y", "Z", "INTENSITY", "RING")])
    np.savez(folder / "point_cloud/LIDAR/001.npz", data=records)
    assert scene.points(1).fields["ring"].tolist() == [5]
    for arrays, message in (
        ({"points": np.eye(4)}, "an array is missing: expected 'data', got points"),
        ({"data": np.eye(3)}, r"\(N, 4\), as point_format"),
    ):
        np.savez(folder / "point_cloud/LIDAR/001.npz", **arrays)
        with pytest.raises(bw.FormatError, match=message):
            scene.points(1)


def test_times_beyond_2262(tmp_path):
    scene = bw.read(make(tmp_path, document(year="2463")))
    np.testing.assert_array_equal(scene.times_ns, [0, 1_000_000_000])
    np.testing.assert_array_equal(scene.cameras["FRONT"].times_ns, [211_478_000, 1_211_478_000])
    assert any("counted from the first frame" in note for note in scene.notes)
    assert scene.source_attributes["samples"][0]["id"]["timestamp"] == "2463-11-14T22:13:20.203752Z"
    check_golden(scene)


def test_without_times_and_without_poses(tmp_path):
    doc = document()
    for item in (*doc["data"], *doc["samples"]):
        del item["id"]["timestamp"]
    scene = bw.read(make(tmp_path, doc))
    assert (scene.has_time, scene.times_ns.tolist(), scene.cameras["FRONT"].times_ns) == (False, [0, 1], None)
    check_golden(scene)
    for item in doc["data"]:
        del next(iter(item["datum"].values()))["pose"]
    with pytest.warns(bw.SensorFrameFallback, match="no poses"):
        scene = bw.read(make(tmp_path, doc, name="still"))
    assert scene.label_frame == "lidar"
    np.testing.assert_allclose(scene.cuboids(0).center_m, [CENTER], rtol=0, atol=TOL)


def test_listing(tmp_path):
    make(tmp_path)
    make(tmp_path, name="scene_02", file="scene.json")
    found = bw.scenes(tmp_path)
    assert (found.names, found.format) == (("scene_01", "scene_02"), "dgp")  # though scene.json is our own name, too
    listed = ["scene_02/scene.json", "scene_01/scene_abc.json"]
    save(
        tmp_path / "scene_dataset_v1.json", {"metadata": {"name": "n"}, "scene_splits": {"0": {"filenames": listed[:1]}, "1": {"filenames": listed}}}
    )
    for place in (tmp_path, tmp_path / "scene_dataset_v1.json"):
        assert bw.scenes(place).names == ("scene_02", "scene_01")
    assert bw.scenes(tmp_path / "scene_dataset_v1.json").format == "dgp"
    assert bw.read(tmp_path, "scene_02").name == "scene_02"
    assert bw.scenes(tmp_path / "scene_02/scene.json").names == ("scene_02",)
    make(tmp_path, name="scene_01", file="scene_def.json")
    assert bw.scenes(tmp_path / "scene_01").names == ("scene_01/scene_abc", "scene_01/scene_def")
    save(tmp_path / "scene_dataset_v1.json", {"scene_splits": {"0": {"filenames": ["../out/scene_x.json"]}}})
    with pytest.raises(bw.FormatError, match="expected a path within the dataset's folder"):
        bw.scenes(tmp_path, "dgp")


def test_through_our_own_folder(tmp_path):
    scene = bw.read(make(tmp_path))
    bw.write(scene, tmp_path / "own")
    assert bw.scenes(tmp_path / "own").format == "boxwright"  # though its scene.json tells of the samples it came from
    again = bw.read(tmp_path / "own")
    assert_same_labels(scene, again)
    check_golden(again)
    np.testing.assert_array_equal(again.points(1).xyz, scene.points(1).xyz)


def in_box(**changes):
    record = annotation()
    return {**record, "box": {**record["box"], **changes}}


BAD = {
    "size": (in_box(width=-1), r"annotations\[1\]\.box: expected a positive length, width and height, got 4.2 -1 1.4"),
    "no size": ({**annotation(), "box": {"pose": annotation()["box"]["pose"]}}, r"expected a positive length, width and height, got 0 0 0"),
    "quaternion": (in_box(pose={"rotation": {"qw": 2.0}}), r"annotations\[1\]\.box\.pose\.rotation: expected unit quaternions"),
    "far": (in_box(pose={"rotation": {"qw": 1.0}, "translation": {"x": 1e200}}), "translation: expected coordinates under"),
    "class": (annotation(class_id=77), r"annotations\[1\]\.class_id: expected a class that the ontology names, got 77"),
    "twice": (annotation(instance=5), "expected each object once in a frame, got Car '5' again"),
    "no box": ({"class_id": 2}, "a field is missing: expected 'box'"),
    "no object": ([], "expected an object, got a list of 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_labels(tmp_path, name):
    record, message = BAD[name]
    folder = make(tmp_path, labels={1: [annotation(5), record, annotation(6, 0)]})
    with pytest.raises(bw.FormatError, match=r"LIDAR.001\.json: .*" + message):
        bw.read(folder)
    scene = bw.read(folder, strict=False)
    assert [(track.track_id, track.category) for track in scene.tracks] == [("987620307", "Car"), ("5", "Car"), ("6", "Person")]
    assert [problem.record for problem in scene.problems] == [record]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"annotations": [', "not JSON: expected a value here"),
        ('{"annotations": [{"id": NaN}]}', "not strict JSON: NaN is not a number"),
        ('{"annotations": {}}', "annotations: expected a list, got an object"),
    ],
)
def test_one_broken_label_file_is_kept_aside(tmp_path, text, message):
    """The labels of the other frames are read, and the broken file's frame counts as one without any."""
    folder = make(tmp_path, labels={0: [annotation(5)]})
    (folder / "bounding_box_3d/LIDAR/001.json").write_text(text)
    with pytest.raises(bw.FormatError, match=r"LIDAR.001\.json[,:] .*" + message):
        bw.read(folder)
    scene = bw.read(folder, strict=False)
    assert [(track.track_id, len(track)) for track in scene.tracks] == [("5", 1)] and len(scene) == 2
    (problem,) = scene.problems
    assert re.search(message, str(problem)) and problem.record == {"file": "001.json", "text": text}


def test_annotations_of_a_kind_with_a_very_long_number(tmp_path, monkeypatch):
    """Python refuses to make a number of 5,000 digits, which names may have where their limit is raised."""
    monkeypatch.setenv("BOXWRIGHT_LIMIT_TEXT_CHARACTERS", "5000")
    doc = document()
    inner(doc, 1)["annotations"]["7" * 5000] = "none.json"
    assert any(note.startswith("not read: 1 file of kind '777") for note in bw.read(make(tmp_path, doc)).notes)


def changed(how):
    doc = document()
    how(doc)
    return doc


def inner(doc, i):
    return next(iter(doc["data"][i]["datum"].values()))


BAD_SCENES = {
    "unknown key": (lambda doc: doc["samples"][0]["datum_keys"].append("x"), "expected the key of a datum, got 'x'"),
    "key twice": (lambda doc: doc["data"].append(doc["data"][0]), "expected each key once"),
    "sensor twice": (lambda doc: doc["samples"][0]["datum_keys"].append("LIDAR-1"), "expected each sensor once in a sample, got 'LIDAR' again"),
    "time": (lambda doc: doc["data"][0]["id"].update(timestamp="yesterday"), "expected a time as"),
    "no day": (lambda doc: doc["data"][0]["id"].update(timestamp="2023-02-30T00:00:00Z"), "expected a time as"),
    "backwards": (lambda doc: doc["samples"].reverse(), "expected increasing times, got sample 1 is not after sample 0"),
    "centuries": (lambda doc: doc["data"][0]["id"].update(timestamp="2463-02-03T00:00:00Z"), "within 73 years"),
    "no pose": (lambda doc: inner(doc, 0).pop("pose"), "a file of a sensor has no pose, while others have"),
    "quaternion": (lambda doc: inner(doc, 0)["pose"]["rotation"].update(qw=3.0), "pose.rotation: expected unit quaternions"),
    "no name": (lambda doc: inner(doc, 1).update(filename="a\ud800"), "expected a path within"),
    "long name": (lambda doc: inner(doc, 1).update(filename="a" * 300), "expected a path within"),
    "outside": (lambda doc: inner(doc, 1).update(filename="/etc/passwd"), "expected a path within the dataset's folder"),
    "two kinds": (lambda doc: doc["data"][0]["datum"].update(file_datum={}), "expected one of image, point_cloud"),
    "no calibration": (lambda doc: doc["samples"][0].update(calibration_key="none"), "no calibration"),
    "ontology": (lambda doc: doc["ontologies"].update({"1": "none"}), "no such file"),
    "labels": (lambda doc: inner(doc, 1)["annotations"].update({"1": "none.json"}), "no such file"),
}


@pytest.mark.parametrize("name", BAD_SCENES)
def test_bad_scenes(tmp_path, name):
    how, message = BAD_SCENES[name]
    folder = make(tmp_path, changed(how))
    for strict in (True, False) if name != "labels" else (True,):  # one file of labels among many is kept aside
        with pytest.raises((bw.FormatError, bw.CalibrationError), match=message) as caught:
            bw.read(folder, strict=strict)
        assert caught.value.path


def test_poses_that_contradict_the_calibration(tmp_path):
    doc = document(shift_s=0.0)
    assert not bw.read(make(tmp_path, doc)).problems
    inner(doc, 0)["pose"]["translation"]["x"] += 0.05
    folder = make(tmp_path, doc, name="b")
    with pytest.raises(bw.CalibrationError, match=r"agree with the calibration within 0.001 m and rad, got 0.0.* between LIDAR and FRONT"):
        bw.read(folder)
    assert len(bw.read(folder, strict=False).problems) == 1


def test_camera_models(tmp_path):
    folder = make(tmp_path)
    calibration = json.loads((folder / "calibration/cal.json").read_text())

    def given(**numbers):
        first = calibration["intrinsics"][1]
        save(folder / "calibration/cal.json", {**calibration, "intrinsics": [{}, {**first, **numbers}]})
        return bw.read(folder).camera("FRONT").camera

    assert given(k1=-0.2, p2=0.01).distortion == (-0.2, 0, 0, 0.01, 0)
    assert given(k4=0.1).distortion == (0, 0, 0, 0, 0, 0.1, 0, 0)
    assert given(fisheye=1, k1=0.1, k4=0.2) == bw.FisheyeCamera(40, 60, 50.5, 51.5, 19.5, 29.5, (0.1, 0, 0, 0.2))
    for numbers, got in (({"skew": 0.1}, "skew 0.1"), ({"xi": -0.2}, "xi -0.2"), ({"fisheye": 3}, "fisheye 3")):
        with pytest.raises(bw.CalibrationError, match=rf"no such camera model: expected OpenCV's pinhole or fisheye, got {got}"):
            given(**numbers)
    scene = bw.read(folder, strict=False)
    assert (list(scene.cameras), len(scene.problems)) == ([], 1)
    folder = make(tmp_path, changed(lambda doc: inner(doc, 0).update(width=41)), name="sizes")
    with pytest.raises(bw.CalibrationError, match="a camera's pictures have several sizes: got 41 x 60 and 40 x 60"):
        bw.read(folder)


# ------------------------------------------------------------ real data


@pytest.fixture(scope="module")
def real(real_data):
    path = Path(real_data) / "dgp/scene_01"
    if not path.is_dir():
        pytest.skip("the DGP scene is not there")
    return bw.read(path)


def test_real_labels_points_and_cameras_equal_the_independent_loader(real, oracle):
    """Three cameras share each exposure, and their poses differ by the digits of the file: up to 2e-7, so that far one moment has one pose."""
    for i, frame in enumerate(oracle.dgp()):
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
        np.testing.assert_array_equal(sweep.xyz.astype(np.float32), frame.points[:, :3])
        np.testing.assert_array_equal(sweep.intensity.astype(np.float32), frame.points[:, 3])
        assert real.frame_ids[i] == frame.frame
        for name, camera in frame.cameras.items():
            np.testing.assert_allclose(real.cam_from(i, name).matrix(), camera.cam_from_lidar, rtol=0, atol=5e-7)
            np.testing.assert_array_equal(real.camera(name).camera.matrix, camera.K)
            assert real.camera(name).camera.size_px == camera.size_px
            image = bw.project_points(sweep, real.camera(name).camera, real.cam_from(i, name))
            uv, _ = oracle.project(np.asarray(sweep.xyz), camera)
            assert np.abs(image.uv[image.in_image] - uv[image.in_image]).max() < 1e-3
    exposures = real.cameras["CAMERA_01"].times_ns - real.times_ns
    np.testing.assert_array_equal(exposures, [211_478_000, 211_750_000, 211_668_000])
