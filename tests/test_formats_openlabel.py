"""OpenLABEL: numbers worked by hand, the independent loader, the official schema, round trips, files that lie."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import openlabel_text, openlabel_tracks
from boxwright.rotations import matrix_from_quat, quat_from_euler
from formats_scenes import full_scene

TOL = 1e-12
YAW = 0.7

# The vehicle turns by 0.25 rad a frame and stands at (100 + i, 50, 2). The LiDAR sits at (0.5, -0.2, 1.8), turned by a quarter to the left.
# The car in the LiDAR's frame: centre (12, -3.5, 0.6), size (4.2, 1.7, 1.4), yaw 0.7. In the vehicle: x = 0.5 + 3.5, y = -0.2 + 12, z = 2.4.
CAR_EGO = (4.0, 11.8, 2.4)
QUARTER = [0.0, -1.0, 0.0, 0.5, 1.0, 0.0, 0.0, -0.2, 0.0, 0.0, 1.0, 1.8, 0.0, 0.0, 0.0, 1.0]
CAMERA = [0.0, 0.0, 1.0, 1.6, -1.0, 0.0, 0.0, 0.1, 0.0, -1.0, 0.0, 1.4, 0.0, 0.0, 0.0, 1.0]


def ego_to_world(i):
    c, s = math.cos(0.25 * i), math.sin(0.25 * i)
    return [c, -s, 0.0, 100.0 + i, s, c, 0.0, 50.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 1.0]


def turn_between(a, b):
    """(...) in [0, pi] between two yaws."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(a) - b))))


def car(**changes):
    val = [12.0, -3.5, 0.6, 0.0, 0.0, math.sin(YAW / 2), math.cos(YAW / 2), 4.2, 1.7, 1.4]
    return {"name": "shape", "coordinate_system": "top", "val": val, "attributes": {"text": [{"name": "occlusion", "val": "0-25 %"}]}, **changes}


def document():
    frames = {}
    for i in range(3):
        frames[str(i + 4)] = {
            "frame_properties": {
                "timestamp": f"163144145{i}.299504001",
                "transforms": {"move": {"src": "base", "dst": "odom", "transform_src_to_dst": {"matrix4x4": ego_to_world(i)}}},
            },
            "objects": {"7": {"object_data": {"cuboid": [car()]}}},
        }
    return {
        "metadata": {"schema_version": "1.0.0", "annotator": "nobody"},
        "coordinate_systems": {
            "odom": {"type": "scene_cs", "parent": "", "children": ["base"]},
            "base": {"type": "local_cs", "parent": "odom", "children": ["top", "front"]},
            "top": {"type": "sensor_cs", "parent": "base", "children": [], "pose_wrt_parent": {"matrix4x4": [*QUARTER]}},
            "front": {"type": "sensor_cs", "parent": "base", "children": [], "pose_wrt_parent": {"matrix4x4": [*CAMERA]}},
        },
        "streams": {
            "top": {"type": "lidar"},
            "front": {
                "type": "camera",
                "stream_properties": {
                    "intrinsics_pinhole": {
                        "width_px": 640,
                        "height_px": 480,
                        "camera_matrix": [500.0, 0, 320.5, 60.0, 0, 510.0, 240.5, 20.4, 0, 0, 1, 0.08],
                        "distortion_coeffs": [-0.1, 0.01, 0.001, -0.002, 0.003],
                    }
                },
            },
        },
        "objects": {"7": {"name": "car7", "type": "car", "frame_intervals": [{"frame_start": 4, "frame_end": 6}]}},
        "frames": frames,
    }


def save(folder, document, name="clip.json"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"openlabel": document}), encoding="utf-8")
    return folder / name


def read(folder, document, **options):
    return bw.read(save(folder, document), **options)


def check_golden(scene):
    assert scene.frame_ids == ("4", "5", "6")
    assert scene.times_ns.tolist() == [1631441450_299504001 + i * 10**9 for i in range(3)]
    for i in range(3):
        (inside,) = scene.cuboids(i, "top")
        np.testing.assert_allclose(inside.center_m, (12, -3.5, 0.6), atol=1e-12)
        (ego,) = scene.cuboids(i, "ego")
        np.testing.assert_allclose(ego.center_m, CAR_EGO, atol=1e-12)
        np.testing.assert_allclose(ego.size_m, (4.2, 1.7, 1.4), atol=0)
        assert turn_between(ego.yaw_rad, YAW + math.pi / 2) < 1e-12
        (world,) = scene.cuboids(i, "world")
        x, y, z = CAR_EGO
        c, s = math.cos(0.25 * i), math.sin(0.25 * i)
        np.testing.assert_allclose(world.center_m, (100 + i + c * x - s * y, 50 + s * x + c * y, 2 + z), atol=1e-12)
        assert turn_between(world.yaw_rad, YAW + math.pi / 2 + 0.25 * i) < 1e-12


def test_golden_numbers(tmp_path):
    check_golden(read(tmp_path, document()))


@pytest.mark.parametrize("fault", ["a quarter turn", "length and width", "half the height"])
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, fault):
    right = openlabel_tracks.Cuboids

    def wrong(center, size, quat_wxyz, frame=None):
        made = right(center, size, quat_wxyz=quat_wxyz, frame=frame)
        if fault == "a quarter turn":
            return right(center, size, made.yaw_rad + math.pi / 2, frame=frame)
        if fault == "length and width":
            return right(center, size[:, [1, 0, 2]], quat_wxyz=quat_wxyz, frame=frame)
        return right(center + np.array([0, 0, 1]) * size[:, 2:] / 2, size, quat_wxyz=quat_wxyz, frame=frame)

    monkeypatch.setattr(openlabel_tracks, "Cuboids", wrong)
    with pytest.raises(AssertionError):
        check_golden(read(tmp_path, document()))


def test_golden_camera(tmp_path):
    """The fourth column of the matrix is K t: the camera stands off its coordinate system by -t."""
    sensor = read(tmp_path, document()).cameras["front"]
    assert (sensor.camera.width_px, sensor.camera.height_px, sensor.camera.fx_px, sensor.camera.cy_px) == (640, 480, 500.0, 240.5)
    assert sensor.camera.distortion == (-0.1, 0.01, 0.001, -0.002, 0.003)
    shift = np.linalg.solve([[500, 0, 320.5], [0, 510, 240.5], [0, 0, 1]], [60.0, 20.4, 0.08])
    np.testing.assert_allclose(sensor.ego_from_cam.translation_m, (1.6 - shift[2], 0.1 + shift[0], 1.4 + shift[1]), atol=TOL)


@pytest.mark.parametrize("form", ["quaternion", "euler", "default euler"])
def test_poses_in_every_form(tmp_path, form):
    doc = document()
    pose = {"translation": [0.5, -0.2, 1.8]}
    if form == "quaternion":
        pose["quaternion"] = [0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)]
    else:
        pose["euler_angles"] = [math.pi / 2, 0.0, 0.0] if form == "default euler" else [0.0, 0.0, math.pi / 2]
        if form == "euler":
            pose["sequence"] = "xyz"
    doc["coordinate_systems"]["top"]["pose_wrt_parent"] = pose
    check_golden(read(tmp_path, doc))


def test_euler_angles_follow_their_sequence():
    a, b, c = 0.3, -0.7, 1.1

    def turn(axis, angle):
        i, j = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = math.cos(angle)
        matrix[i, j], matrix[j, i] = -math.sin(angle), math.sin(angle)
        return matrix

    for sequence in ("ZYX", "XYZ", "YZX", "ZXZ"):
        expected = turn(sequence[0], a) @ turn(sequence[1], b) @ turn(sequence[2], c)
        np.testing.assert_allclose(matrix_from_quat(quat_from_euler(np.array([a, b, c]), sequence)), expected, atol=1e-15)


def test_nine_numbers_are_angles_about_x_y_z(tmp_path):
    doc = document()
    for frame in doc["frames"].values():
        frame["objects"]["7"]["object_data"]["cuboid"] = [car(val=[12.0, -3.5, 0.6, 0.0, 0.0, YAW, 4.2, 1.7, 1.4])]
    check_golden(read(tmp_path, doc))


def test_a_cuboid_in_a_cameras_axes_stands_upright(tmp_path):
    """x right, y down, z ahead: 4.2 long across the picture, 1.4 high, 1.7 deep, turned by 0.4 about the camera's y."""
    doc = document()
    for frame in doc["frames"].values():
        frame["objects"]["7"]["object_data"]["cuboid"] = [car(coordinate_system="front", val=[2.0, 0.5, 9.0, 0.0, 0.4, 0.0, 4.2, 1.4, 1.7])]
    (ego,) = read(tmp_path, doc).cuboids(0, "ego")
    np.testing.assert_allclose(ego.center_m, (1.6 + 9.0, 0.1 - 2.0, 1.4 - 0.5), atol=TOL)
    np.testing.assert_allclose(ego.size_m, (4.2, 1.7, 1.4), atol=TOL)
    assert turn_between(ego.yaw_rad, -math.pi / 2 - 0.4) < TOL  # its length runs to the right of the vehicle
    np.testing.assert_allclose(ego.as_cuboids().rotation[0][:, 2], (0, 0, 1), atol=TOL)


def test_nothing_is_lost_on_the_way_in(tmp_path):
    doc = document()
    doc["objects"]["9"] = {"name": "pole", "type": "pole"}
    shape = {"name": "outline", "val": [1.0, 2.0, 3.0, 4.0], "closed": False, "mode": "MODE_POLY2D_ABSOLUTE"}
    doc["frames"]["5"]["objects"]["9"] = {"object_data": {"poly2d": [shape]}}
    doc["frames"]["5"]["objects"]["7"]["object_data"]["bbox"] = [{"name": "b", "val": [1, 2, 3, 4], "coordinate_system": "front"}]
    doc["frames"]["5"]["objects"]["7"]["object_data"]["num"] = [{"name": "score", "val": 0.5}]
    doc["frames"]["5"]["objects"]["7"]["object_data"]["cuboid"][0]["uid"] = "abc"
    doc["actions"] = {"0": {"name": "a", "type": "walks"}}
    scene = read(tmp_path, doc)
    (track,) = scene.tracks
    assert track.track_id == "7" and track.source_attributes["name"] == "car7"
    assert track.keyframe_attributes[1] == {"occlusion": "0-25 %", "score": 0.5}
    kept = track.keyframe_source_attributes[1]
    assert kept["cuboid"] == {"name": "shape", "uid": "abc"} and "object_data" not in kept
    (seen,) = scene.image_tracks
    assert (seen.track_id, seen.object_id, seen.camera) == ("7/front", "7", "front") and seen.keyframe_source_attributes == [{"shape": {"name": "b"}}]
    assert scene.source_attributes["openlabel"]["objects"]["9"]["frames"] == {"5": {"object_data": {"poly2d": [shape]}}}
    assert scene.source_attributes["openlabel"]["actions"] == doc["actions"]
    assert any("objects without a cuboid" in note and note.endswith(": 1") for note in scene.notes)


def test_relations_between_tracks(tmp_path):
    doc = document()
    doc["objects"]["8"] = {"name": "b", "type": "pedestrian", "object_data": {"cuboid": [car()]}}
    ends = {"rdf_subjects": [{"uid": "7", "type": "object"}], "rdf_objects": [{"uid": "8", "type": "object"}]}
    doc["relations"] = {
        "0": {"name": "", "type": "isNear", "frame_intervals": [{"frame_start": 5, "frame_end": 6}], **ends},
        "1": {"name": "", "type": "causes", **ends, "rdf_subjects": [{"uid": "0", "type": "event"}]},
    }
    scene = read(tmp_path, doc)
    (relation,) = scene.relations
    assert (relation.kind, relation.subject, relation.object) == ("isNear", "7", "8")
    assert relation.span_ns == (int(scene.times_ns[1]), int(scene.times_ns[2]))
    assert scene.source_attributes["openlabel"]["relations"] == doc["relations"]


def test_an_object_given_once_is_there_in_all_its_frames(tmp_path):
    doc = document()
    for frame in doc["frames"].values():
        del frame["objects"]
    doc["objects"]["7"] = {"name": "", "type": "car", "frame_intervals": [{"frame_start": 5, "frame_end": 6}], "object_data": {"cuboid": [car()]}}
    scene = read(tmp_path, doc)
    assert [len(scene.cuboids(i, "top")) for i in range(3)] == [0, 1, 1]


def test_the_recording_vehicle_and_areas_without_labels_are_no_tracks(tmp_path):
    doc = document()
    doc["objects"]["-1"] = {"name": "DontCare", "type": "DontCare"}
    doc["objects"]["-2"] = {"name": "Egocar", "type": "Egocar", "object_data": {"cuboid": [car(coordinate_system="base")]}}
    areas = {"bbox": [{"name": "area", "val": [1, 2, 3, 4]}], "cuboid": [car(val=[-10, 499, -1, 0, -1, 0, -1000, -1000, -1000])]}
    doc["frames"]["4"]["objects"]["-1"] = {"object_data": areas}
    scene = read(tmp_path, doc)
    assert [track.track_id for track in scene.tracks] == ["7"]
    assert scene.source_attributes["openlabel"]["objects"]["-1"]["frames"]["4"] == {"object_data": areas}
    assert any("-2" in note for note in scene.notes)


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_without_poses_labels_stay_with_the_lidar(tmp_path):
    doc = document()
    for frame in doc["frames"].values():
        del frame["frame_properties"]["transforms"]
    scene = read(tmp_path, doc)
    assert scene.trajectory is None and scene.label_frame == "top"
    np.testing.assert_array_equal(scene.tracks[0].cuboids.center_m, [[12, -3.5, 0.6]] * 3)
    with pytest.warns(bw.SensorFrameFallback):
        bw.read(tmp_path)


TIMES = {
    "seconds": (["1631441453.299504000", "1631441454"], [1631441453_299504000, 1631441454_000000000], None),
    "a number": ([1631441453.25, 1631441454.5], [1631441453_250000000, 1631441454_500000000], None),
    "milliseconds": ([1631441453299, 1631441453399], [1631441453_299000000, 1631441453_399000000], "milliseconds"),
    "microseconds": ([1631441453299504, 1631441453399504], [1631441453_299504000, 1631441453_399504000], "microseconds"),
    "nanoseconds": (["1631441453299504001", "1631441453299504002"], [1631441453299504001, 1631441453299504002], "nanoseconds"),
    "dates": (["2020-04-11 12:00:01", "2020-04-11 12:00:02.5"], [1586606401_000000000, 1586606402_500000000], "dates in UTC"),
    "zoned": (["2020-04-11T12:00:01+02:00", "2020-04-11T12:00:02+02:00"], [1586599201_000000000, 1586599202_000000000], "dates"),
}


@pytest.mark.parametrize("name", TIMES)
def test_times(tmp_path, name):
    given, expected, said = TIMES[name]
    doc = document()
    del doc["frames"]["6"]
    for frame, stamp in zip(doc["frames"].values(), given):
        frame["frame_properties"]["timestamp"] = stamp
    scene = read(tmp_path, doc)
    assert scene.times_ns.tolist() == expected and scene.has_time
    expected_notes = [f"OpenLABEL does not name the unit of its times: they are read as {said}"] if said else []
    assert [note for note in scene.notes if "unit" in note] == expected_notes


def test_frames_without_time_are_their_numbers(tmp_path):
    doc = document()
    for frame in doc["frames"].values():
        del frame["frame_properties"]["timestamp"]
    scene = read(tmp_path, doc)
    assert scene.times_ns.tolist() == [4, 5, 6] and not scene.has_time


def broken(change):
    doc = document()
    change(doc)
    return doc


def _first(doc):
    return doc["frames"]["4"]["objects"]["7"]["object_data"]["cuboid"][0]


BAD_RECORDS = {
    "eight numbers": (lambda d: _first(d).update(val=[1.0] * 8), "val: expected 9 or 10 numbers, got 8"),
    "null": (lambda d: _first(d).update(val=None), "val: expected 9 or 10 numbers, got null"),
    "negative size": (lambda d: _first(d)["val"].__setitem__(8, -1.7), "expected positive sizes, got 4.2 -1.7 1.4"),
    "not a unit quaternion": (lambda d: _first(d)["val"].__setitem__(6, 3.0), "expected a unit quaternion x y z w, got one of length"),
    "a word": (lambda d: _first(d)["val"].__setitem__(0, "far"), "val[0]: expected a number, got 'far'"),
    "unknown system": (lambda d: _first(d).update(coordinate_system="moon"), "expected one of odom, base, top, front, got 'moon'"),
    "no system": (lambda d: _first(d).pop("coordinate_system"), "expected a coordinate_system, one of"),
    "undeclared": (lambda d: d["frames"]["4"]["objects"].update({"99": {}}), "an object that is not declared: got '99'"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_bad_records_are_refused_or_kept_aside(tmp_path, name):
    change, said = BAD_RECORDS[name]
    doc = broken(change)
    with pytest.raises(bw.FormatError) as caught:
        read(tmp_path, doc)
    message = str(caught.value)
    assert said in message and "clip.json" in message and "frames.4.objects" in message and ";" in message
    scene = read(tmp_path, doc, strict=False)
    assert len(scene.problems) == 1 and str(scene.problems[0]) == message
    assert len(scene.tracks) == 1 and len(scene.cuboids(1, "top")) == 1
    json.dumps(scene.problems[0].record)


BAD_FILES = {
    "version": (lambda d: d["metadata"].update(schema_version="0.3.3"), "expected OpenLABEL 1.0.0, got '0.3.3'"),
    "no metadata": (lambda d: d.pop("metadata"), "a field is missing: expected 'metadata'"),
    "frame key": (lambda d: d["frames"].update(first={}), "frames called by whole numbers, got 'first'"),
    "twice": (lambda d: d["frames"].update({"04": {}}), "frames with different numbers"),
    "order": (lambda d: d["frames"]["5"]["frame_properties"].update(timestamp="1"), "increasing times"),
    "one time missing": (lambda d: d["frames"]["5"]["frame_properties"].pop("timestamp"), "a field is missing: expected 'timestamp'"),
    "senseless time": (lambda d: d["frames"]["5"]["frame_properties"].update(timestamp="noon"), "seconds, or a date such as"),
    "not a rotation": (lambda d: d["coordinate_systems"]["top"]["pose_wrt_parent"]["matrix4x4"].__setitem__(0, 2.0), "a rotation matrix"),
    "short matrix": (lambda d: d["coordinate_systems"]["top"]["pose_wrt_parent"]["matrix4x4"].pop(), "matrix4x4: expected 16 numbers, got 15"),
    "no transform": (lambda d: d["coordinate_systems"]["top"].update(pose_wrt_parent={"speed": 1}), "a matrix4x4, a quaternion or euler_angles"),
    "singular": (
        lambda d: d["streams"]["front"]["stream_properties"]["intrinsics_pinhole"]["camera_matrix"].__setitem__(0, 0.0),
        "camera_matrix: expected a pinhole matrix",
    ),
    "six coefficients": (
        lambda d: d["streams"]["front"]["stream_properties"]["intrinsics_pinhole"].update(distortion_coeffs=[0.1] * 15),
        "distortion coefficients, got 15",
    ),
    "no size": (lambda d: d["streams"]["front"]["stream_properties"]["intrinsics_pinhole"].pop("width_px"), "expected 'width_px'"),
    "list of objects": (lambda d: d.update(objects=[]), "objects: expected an object, got a list of 0"),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("strict", [True, False])
def test_damage_is_refused_either_way(tmp_path, name, strict):
    change, said = BAD_FILES[name]
    with pytest.raises((bw.FormatError, bw.CalibrationError)) as caught:
        read(tmp_path, broken(change), strict=strict)
    assert said in str(caught.value) and "clip.json" in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("uri", ["../outside.pcd", "/../outside.pcd", "a/../../outside.pcd", "..\\outside.pcd"])
def test_no_file_outside_of_the_folder_is_named(tmp_path, uri):
    doc = document()
    doc["frames"]["4"]["frame_properties"]["streams"] = {"top": {"uri": uri}}
    with pytest.raises(bw.FormatError, match="a file in the folder of the labels"):
        read(tmp_path / "in", doc)


def test_a_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "in" / "top").symlink_to(tmp_path / "secret")
    doc = document()
    doc["frames"]["4"]["frame_properties"]["streams"] = {"top": {"uri": "/top/0.pcd"}}
    with pytest.raises(bw.FormatError, match="a file in the folder of the labels"):
        read(tmp_path / "in", doc)


# ------------------------------------------------------------ writing


def assert_same_scene(a, b):
    assert (a.times_ns == b.times_ns).all() and a.has_time == b.has_time and a.frame_ids == b.frame_ids and a.name == b.name
    assert {track.track_id for track in a.tracks} == {track.track_id for track in b.tracks}
    for one in a.tracks:
        other = b.track(one.track_id)
        assert (one.category, one.method, one.attributes) == (other.category, other.method, other.attributes)
        kept = {key: value for key, value in one.source_attributes.items() if key != "is_given_once"}  # which the report names
        assert kept == other.source_attributes
        np.testing.assert_array_equal(one.times_ns, other.times_ns)
        np.testing.assert_array_equal(one.visibility, other.visibility)
        np.testing.assert_array_equal(one.origin, other.origin)
        np.testing.assert_allclose(one.cuboids.corners_m(), other.cuboids.corners_m(), atol=1e-9, rtol=0)
        assert list(one.keyframe_source_attributes or [{}] * len(one)) == list(other.keyframe_source_attributes or [{}] * len(one))
    assert_same_pictures(a, b)
    for name, sensor in a.cameras.items():
        assert np.abs(sensor.ego_from_cam.matrix() - b.cameras[name].ego_from_cam.matrix()).max() < 1e-12
        assert type(sensor.camera) is type(b.cameras[name].camera)
    assert [(r.kind, r.subject, r.object, r.span_ns) for r in a.relations] == [(r.kind, r.subject, r.object, r.span_ns) for r in b.relations]
    assert list(a.tags) == list(b.tags)


def assert_same_pictures(a, b):
    assert {track.track_id for track in a.image_tracks} == {track.track_id for track in b.image_tracks}
    for one in a.image_tracks:
        other = b.image_track(one.track_id)
        assert (one.category, one.camera, one.method, one.attributes) == (other.category, other.camera, other.method, other.attributes), one
        assert one.object_id in (None, other.object_id)
        assert {key: value for key, value in one.source_attributes.items() if key != "is_given_once"} == other.source_attributes
        for name in ("times_ns", "visibility", "origin"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        for name in ("keyframe_attributes", "keyframe_source_attributes"):
            assert list(getattr(one, name) or [{}] * len(one)) == list(getattr(other, name) or [{}] * len(one)), (one, name)
        assert type(one.shapes) is type(other.shapes)
        for mine, theirs in zip(one.shapes._columns(), other.shapes._columns()):
            if isinstance(one.shapes, bw.Keypoints) and mine.ndim == 3:  # points that are not marked have no place in the file
                is_marked = one.shapes.visibility != bw.Visibility.OUTSIDE
                mine, theirs = mine[is_marked], theirs[is_marked]
            np.testing.assert_allclose(mine, theirs, atol=1e-9, rtol=0)


@pytest.fixture
def schema(real_data):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (extra 'peers')")
    return jsonschema.Draft7Validator(json.loads((real_data / "openlabel/openlabel_json_schema-v1.0.0.json").read_text()))


def test_a_scene_comes_back(tmp_path, rng):
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "out", format="openlabel")
    assert any("'pose'" in line and "NoneType" in line for line in report.dropped)
    assert report.n_tracks == len(scene.tracks)
    back = bw.read(tmp_path / "out")
    assert_same_scene(scene, back)
    for i in range(len(scene)):
        for name in scene.lidars:
            if scene.has_points(i, name):
                np.testing.assert_array_equal(scene.points(i, name).xyz, back.points(i, name).xyz)
                assert scene.points(i, name).origin_m == back.points(i, name).origin_m
                assert scene.points(i, name).timestamp_ns == back.points(i, name).timestamp_ns
        for name in scene.cameras:
            if scene.has_image(i, name):
                np.testing.assert_array_equal(scene.image(i, name), back.image(i, name))


def test_what_came_goes_back(tmp_path):
    doc = document()
    doc["objects"]["9"] = {"name": "pole", "type": "pole"}
    doc["frames"]["5"]["objects"]["9"] = {"object_data": {"text": [{"name": "t", "val": "x"}]}}
    doc["actions"] = {"0": {"name": "a", "type": "walks"}}
    doc["metadata"]["comment"] = "from elsewhere"
    scene = read(tmp_path / "in", doc)
    report = bw.write(scene, tmp_path / "out", format="openlabel")
    assert not report.dropped
    written = json.loads(next((tmp_path / "out").glob("*.json")).read_text())["openlabel"]
    assert written["actions"] == doc["actions"] and written["objects"]["9"] == doc["objects"]["9"]
    assert written["frames"]["5"]["objects"]["9"] == doc["frames"]["5"]["objects"]["9"]
    assert written["metadata"]["comment"] == "from elsewhere" and written["metadata"]["annotator"] == "nobody"
    again = bw.read(tmp_path / "out")
    check_golden_world = again.cuboids(1, "world")
    np.testing.assert_allclose(check_golden_world.center_m, scene.cuboids(1, "world").center_m, atol=1e-9)
    assert_same_scene(scene, again)


def test_written_numbers(tmp_path):
    """Scalar last, sizes along the own axes, the centre in the middle."""
    cuboids = bw.Cuboids([[12.0, -3.5, 0.6]], [[4.2, 1.7, 1.4]], YAW, frame="lidar")
    scene = bw.Scene("one", [0], {"lidar": bw.Lidar("lidar")}, tracks=[bw.Track("car a", "car", [0], cuboids)], label_frame="lidar")
    bw.write(scene, tmp_path / "out", format="openlabel")
    written = json.loads((tmp_path / "out" / "one.json").read_text())["openlabel"]
    (shape,) = written["frames"]["0"]["objects"]["0"]["object_data"]["cuboid"]
    assert shape["coordinate_system"] == "lidar"
    np.testing.assert_allclose(shape["val"], [12.0, -3.5, 0.6, 0, 0, math.sin(0.35), math.cos(0.35), 4.2, 1.7, 1.4], atol=1e-15)
    assert written["objects"]["0"]["name"] == "car a"


def test_curves_between_keyframes_come_back(tmp_path, rng):
    """Sparse keyframes, a gap, and a curve that runs on to where the object is gone."""
    times = np.arange(12) * 100_000_000
    poses = bw.Cuboids(rng.uniform(0, 9, (4, 3)), [[4.2, 1.7, 1.4]] * 4, rng.uniform(-3, 3, 4), frame="lidar")
    track = bw.Track("5", "car", times[[0, 3, 7, 9]], poses, visibility=[0, 1, 2, 0], method="linear")
    lone = bw.Track("6", "car", times[[2]] + 5, poses[:1])
    scene = bw.Scene("s", times, {"lidar": bw.Lidar("lidar")}, tracks=[track, lone], label_frame="lidar")
    report = bw.write(scene, tmp_path / "out", format="openlabel")
    assert any("track '6': 1 keyframe between the frames" in line for line in report.dropped)
    with pytest.warns(bw.SensorFrameFallback):
        back = bw.read(tmp_path / "out")
    (again,) = back.tracks
    assert_same_scene(scene.replace(tracks=[track]), back)
    now, then = again.at(times + 7), track.at(times + 7)
    np.testing.assert_array_equal(now.state, then.state)
    np.testing.assert_allclose(now.cuboids.center_m[now.is_valid], then.cuboids.center_m[then.is_valid], atol=1e-12)


@pytest.mark.parametrize("name", ["world", "a/b"])
def test_a_sensor_with_a_senseless_name_is_refused(tmp_path, name):
    scene = bw.Scene("s", [0], {name: bw.Lidar(name)}, label_frame=name)
    with pytest.raises(bw.ArgumentError, match="cannot be a folder's"):
        bw.write(scene, tmp_path / "out", format="openlabel")
    assert not (tmp_path / "out").exists()


def test_a_file_called_like_a_dgp_scene_is_openlabel_all_the_same(tmp_path):
    """What came from DGP keeps its name and, in its source attributes, DGP's keys."""
    doc = document()
    doc["metadata"]["datum_keys"] = {"datum": 1}
    save(tmp_path, doc, "scene_01.json")
    assert bw.scenes(tmp_path).format == "openlabel" and bw.scenes(tmp_path / "scene_01.json").format == "openlabel"


# ------------------------------------------------------------ real files


def test_osdar23_as_the_oracle_has_it(real_data, oracle):
    (clip,) = oracle.osdar23()
    with pytest.warns(bw.SensorFrameFallback):
        scene = bw.read(real_data / "openlabel/osdar23")
    n = 0
    for uid, track in clip.tracks.items():
        ours = scene.track(uid).at(scene.times_ns[track.frames])
        assert ours.is_valid.all() and scene.track(uid).category == track.name
        np.testing.assert_allclose(ours.cuboids.center_m, track.boxes[:, :3], atol=1e-6)
        np.testing.assert_allclose(ours.cuboids.size_m, track.boxes[:, 3:6], atol=1e-6)
        assert np.max(turn_between(ours.cuboids.yaw_rad, track.boxes[:, 6])) < 1e-9
        n += len(track.frames)
    assert n == 151 and len(scene.tracks) == len(clip.tracks)


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_osdar23_cameras_look_where_their_labels_are(real_data):
    """RailLabel's systems of cameras have x ahead: with OpenLABEL's z ahead no cuboid would be in any picture."""
    scene = bw.read(real_data / "openlabel/osdar23")
    assert any("x ahead, y left and z up, as RailLabel has them" in note for note in scene.notes)
    by_camera: dict[str, list[float]] = {}
    for track in scene.image_tracks:
        if track.shapes.KIND != "box" or track.object_id not in scene.track_index:
            continue
        seen = track.at(scene.exposures_ns(track.camera))
        for i in np.flatnonzero(seen.is_valid).tolist():
            labels = scene.labels(i, "lidar")
            rows = np.flatnonzero(labels.track_index == scene.track_index[track.object_id])
            if len(rows):
                drawn = bw.project_cuboids(labels.cuboids[rows], scene.cameras[track.camera].camera, scene.cam_from(i, track.camera))
                box = seen.shapes.bounds_xyxy()[i]
                inside = np.clip(np.minimum(drawn.xyxy[0, 2:], box[2:]) - np.maximum(drawn.xyxy[0, :2], box[:2]), 0, None).prod()
                both = (drawn.xyxy[0, 2:] - drawn.xyxy[0, :2]).prod() + (box[2:] - box[:2]).prod() - inside
                by_camera.setdefault(track.camera, []).append(float(inside / both) if drawn.visible[0] else 0.0)
    assert sum(map(len, by_camera.values())) == 595 and len(by_camera) == 9
    assert min(np.median(shares) for shares in by_camera.values()) > 0.38


def test_a_camera_of_raillabel(tmp_path):
    """Its system is at the origin of the vehicle's, turned by nothing: the camera looks ahead. It comes back, and goes back as it came."""
    given = document()
    given["metadata"]["subschema_version"] = "2.1.0"
    scene = bw.read(save(tmp_path / "in", given))
    plain = bw.read(save(tmp_path / "plain", document()))
    turned = plain.cameras["front"].ego_from_cam.rotation @ [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    np.testing.assert_allclose(scene.cameras["front"].ego_from_cam.rotation, turned, rtol=0, atol=1e-12)
    moved = scene.cameras["front"].ego_from_cam @ bw.Pose(np.eye(3), (0.5, 0, 0))
    for cameras in (scene.cameras, {"front": bw.CameraSensor("front", scene.cameras["front"].camera, moved)}):
        folder = tmp_path / f"out{cameras is scene.cameras}"
        bw.write(scene.replace(cameras=cameras), folder, "openlabel")
        back = bw.read(folder).cameras["front"].ego_from_cam
        np.testing.assert_allclose(back.matrix(), cameras["front"].ego_from_cam.matrix(), rtol=0, atol=1e-9)


def test_kitti_as_openlabel_is_kitti(real_data):
    """Vicomtech's files are cut to two decimals, so labels agree to 0.02."""
    name = "openlabel100_kitti_tracking_0012"
    scene, kitti = bw.read(real_data / "openlabel/kitti_tracking", scene=name), bw.read(real_data / "kitti_tracking", scene="0012")
    n = 0
    for i in range(len(scene)):
        ours, theirs = scene.labels(i, "VELO_TOP"), kitti.labels(i, "lidar")
        where = {scene.tracks[t].track_id: k for k, t in enumerate(ours.track_index)}
        order = [where[kitti.tracks[t].track_id] for t in theirs.track_index]
        assert len(order) == len(ours.cuboids)
        np.testing.assert_allclose(ours.cuboids.center_m[order], theirs.cuboids.center_m, atol=0.021)
        np.testing.assert_allclose(ours.cuboids.size_m[order], theirs.cuboids.size_m, atol=0.02)
        assert np.max(turn_between(ours.cuboids.yaw_rad[order], theirs.cuboids.yaw_rad), initial=0) < 0.021
        n += len(order)
    assert n == 249


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_real_files_come_back_and_pass_the_schema(real_data, tmp_path, schema):
    files = [*(real_data / "openlabel/examples").glob("*.json"), *(real_data / "openlabel/osdar23").glob("*.json")]
    assert len(files) == 13
    for file in files:
        scene = bw.read(file, strict=False)
        bw.write(scene, tmp_path / file.stem, format="openlabel")
        back = bw.read(tmp_path / file.stem, strict=False)
        written = json.loads(next((tmp_path / file.stem).glob("*.json")).read_text())
        assert list(schema.iter_errors(written)) == [], file.name
        assert_same_scene(scene, back)


@pytest.mark.peers
def test_a_full_scene_passes_the_schema(tmp_path, rng, schema):
    bw.write(full_scene(rng), tmp_path / "out", format="openlabel")
    written = json.loads(next((tmp_path / "out").glob("*.json")).read_text())
    assert list(schema.iter_errors(written)) == []
    spoilt = copy.deepcopy(written)
    next(iter(spoilt["openlabel"]["frames"].values()))["objects"] = {"a b": {}}
    assert list(schema.iter_errors(spoilt)), "the schema bites"


@pytest.mark.parametrize("model", [["brown_conrady"], {}, 7, "nobody's"])
def test_a_custom_camera_of_no_model_that_is_known(tmp_path, model):
    """Whatever stands there, the stream's other intrinsics count."""
    known = bw.read(save(tmp_path / "a", document()))
    changed = document()
    changed["streams"]["front"]["stream_properties"]["intrinsics_custom"] = {"model": model}
    assert bw.read(save(tmp_path / "b", changed)).cameras["front"].camera == known.cameras["front"].camera


def test_many_coordinate_systems_are_counted_as_the_slow_way_does(rng):
    """A soak found 2.5 s for a file of 0.24 MB with three thousand systems: each was compared with each."""
    from boxwright.formats.openlabel_sensors import n_below

    for _ in range(300):
        n = int(rng.integers(1, 9))
        parents = {str(i): str(rng.integers(0, n + 2)) for i in range(n)}  # trees, circles, and parents that nobody declares

        def hangs(name, top, parents=parents):
            seen = {name}
            while name in parents and parents[name] not in seen:
                name = parents[name]
                seen.add(name)
                if name == top:
                    return True
            return False

        found = n_below(parents)
        for top in [*parents, *parents.values()]:
            assert found[top] == sum(hangs(name, top) for name in parents), (parents, top)


def test_thousands_of_systems_and_sensors(tmp_path):
    doc = document()
    systems = doc["coordinate_systems"]
    for i in range(3000):
        name = f"s{i}"
        systems[name] = {
            "type": "sensor_cs",
            "parent": f"s{i - 1}" if i % 3 else "base",
            "children": [],
            "pose_wrt_parent": {"matrix4x4": [*QUARTER]},
        }
        doc["streams"][name] = {"type": "lidar"}
    scene = read(tmp_path, doc)
    plain = read(tmp_path / "plain", document())
    turns = {f"s{i}": scene.lidars[f"s{i}"].ego_from_lidar for i in range(3)}
    one = plain.lidars["top"].ego_from_lidar
    for name, expected in zip(turns, (one, one @ one, one @ one @ one)):
        np.testing.assert_allclose(turns[name].matrix(), expected.matrix(), atol=1e-9)
    np.testing.assert_array_equal(scene.cuboids(0, "world").center_m, plain.cuboids(0, "world").center_m)


def test_a_frame_is_made_twice(tmp_path, rng, monkeypatch):
    """Once to check the file, once for its objects; it was made a third time for what stands beside these."""
    bw.write(full_scene(rng), tmp_path / "clip", "openlabel")
    made = []
    again = openlabel_text.Text.again
    monkeypatch.setattr(openlabel_text.Text, "again", lambda self, at, end: made.append(at) or again(self, at, end))
    assert len(bw.read(tmp_path / "clip")) == len(made) == len({*made}) == 4
