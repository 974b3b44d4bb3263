"""Waymo Open Dataset, version 2: numbers worked by hand, on files written to its public schema; no recording of it was at hand."""

from __future__ import annotations

import numpy as np
import pytest

import boxwright as bw
from formats_scenes import full_scene
from test_formats_kitti_tracking import MUTATIONS

pa = pytest.importorskip("pyarrow", reason="Waymo needs pyarrow (extra 'io')")
parquet = pytest.importorskip("pyarrow.parquet")

MICROS = 1_500_000_000_000_000
MATRIX = pa.list_(pa.float64(), 16)
POSE = [0.0, -1, 0, 100, 1, 0, 0, 200, 0, 0, 1, 3, 0, 0, 0, 1]  # a quarter turn to the left
ABOVE = [1.0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1]


def put(folder, part, component, keys, columns, **options):
    n = len(next(iter(keys.values()))[0])
    named = {"key.segment_context_name": pa.array(["seg"] * n)}
    named |= {f"key.{name}": pa.array(values, kind) for name, (values, kind) in keys.items()}
    named |= {f"[{component}].{name}": pa.array(values, kind) for name, (values, kind) in columns.items()}
    (folder / part).mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(named), str(folder / part / "seg.parquet"), store_schema=False, write_page_checksum=True, **options)


def boxes(folder, *, micros=(MICROS, MICROS + 100_000), ids=("a", "a"), types=(1, 1), heading=(0.5, -np.pi), length=4.5, rest=True, **more):
    values = {"center.x": 10.0, "center.y": 2.0, "center.z": 1.25, "size.x": length, "size.y": 1.75, "size.z": 1.5}
    columns = {f"box.{name}": ([value] * len(micros), pa.float64()) for name, value in values.items()}
    columns |= {"box.heading": (list(heading), pa.float64()), "type": (list(types), pa.int8())}
    if rest:
        columns |= {"num_lidar_points_in_box": ([7] * len(micros), pa.int64()), "speed.x": ([1.5] * len(micros), pa.float64())}
    keys = {"frame_timestamp_micros": (list(micros), pa.int64()), "laser_object_id": (list(ids), pa.string())}
    put(folder, "lidar_box", "LiDARBoxComponent", keys, columns, **more)


def full(folder):
    boxes(folder)
    stamps = {"frame_timestamp_micros": ([MICROS, MICROS + 100_000], pa.int64())}
    put(folder, "vehicle_pose", "VehiclePoseComponent", stamps, {"world_from_vehicle.transform": ([POSE, POSE], MATRIX)})
    lens = dict(zip(("f_u", "f_v", "c_u", "c_v", "k1", "k2", "p1", "p2", "k3"), (100.0, 110.0, 32.0, 24.0, 0, 0, 0, 0, 0)))
    columns = {f"intrinsic.{name}": ([value], pa.float64()) for name, value in lens.items()} | {"extrinsic.transform": ([ABOVE], MATRIX)}
    columns |= {"width": ([64], pa.int32()), "height": ([48], pa.int32()), "rolling_shutter_direction": ([2], pa.int8())}
    put(folder, "camera_calibration", "CameraCalibrationComponent", {"camera_name": ([1], pa.int8())}, columns)
    put(folder, "lidar_calibration", "LiDARCalibrationComponent", {"laser_name": ([1], pa.int8())}, {"extrinsic.transform": ([ABOVE], MATRIX)})
    one = {"camera_name": ([1], pa.int8()), "camera_object_id": (["p"], pa.string()), "frame_timestamp_micros": ([MICROS], pa.int64())}
    box = {"box.center.x": ([20.0], pa.float64()), "box.center.y": ([10.0], pa.float64())}
    box |= {"box.size.x": ([8.0], pa.float64()), "box.size.y": ([4.0], pa.float64()), "type": ([2], pa.int8())}
    put(folder, "camera_box", "CameraBoxComponent", one, box)
    put(folder, "camera_to_lidar_box_association", "CameraToLiDARBoxAssociationComponent", one | {"laser_object_id": (["a"], pa.string())}, {})


def small(folder):
    boxes(folder, micros=[MICROS], ids=["a"], types=[1], heading=[0.5], rest=False, compression="none", use_dictionary=False, write_statistics=False)


def test_golden_numbers(tmp_path):
    full(tmp_path)
    scene = bw.read(tmp_path)
    assert (scene.name, len(scene), scene.categories) == ("seg", 2, ("vehicle",))
    np.testing.assert_array_equal(scene.times_ns, [MICROS * 1000, MICROS * 1000 + 100_000_000])
    ego = scene.cuboids(0, "ego")
    np.testing.assert_allclose(ego.center_m, [[10, 2, 1.25]], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ego.size_m, [[4.5, 1.75, 1.5]])
    np.testing.assert_allclose(ego.yaw_rad, 0.5, rtol=0, atol=1e-12)
    world = scene.cuboids(0, "world")
    np.testing.assert_allclose(world.center_m, [[100 - 2, 200 + 10, 3 + 1.25]], rtol=0, atol=1e-9)
    np.testing.assert_allclose(world.yaw_rad, 0.5 + np.pi / 2, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.abs(scene.cuboids(1, "ego").yaw_rad), np.pi, rtol=0, atol=1e-12)
    assert scene.tracks[0].keyframe_source_attributes[0] == {"num_lidar_points_in_box": 7, "speed.x": 1.5}
    np.testing.assert_array_equal(scene.lidars["top"].ego_from_lidar.translation_m, [1, 0, 2])


def test_a_camera_looks_along_its_own_x(tmp_path):
    """Ten metres ahead is the middle of the picture; a metre to the left and a metre up are left of it and above it."""
    full(tmp_path)
    scene = bw.read(tmp_path)
    camera = scene.cameras["front"]
    uv = bw.project_points([[11.0, 0, 2], [11, 1, 2], [11, 0, 3]], camera.camera, camera.ego_from_cam.inverse()).uv
    np.testing.assert_allclose(uv, [[32, 24], [22, 24], [32, 13]], rtol=0, atol=1e-9)


def test_boxes_in_pictures(tmp_path):
    full(tmp_path)
    (track,) = bw.read(tmp_path).image_tracks
    assert (track.track_id, track.object_id, track.category, track.camera) == ("p", "a", "pedestrian", "front")
    np.testing.assert_array_equal(track.shapes.xyxy, [[15.5, 7.5, 23.5, 11.5]])


def tables(folder):
    return {path.relative_to(folder).as_posix(): parquet.read_table(str(path)).to_pylist() for path in sorted(folder.rglob("*.parquet"))}


def written_by_hand(folder, change=lambda cuboids: cuboids):
    """The vehicle stands at (100, 200, 3), a quarter turn to the left: what is 10 m ahead of it and 2 m to its left is at (98, 210) in the world."""
    times = np.array([MICROS * 1000, MICROS * 1000 + 100_000_000])
    poses = bw.Trajectory(times, [bw.Pose.from_yaw(np.pi / 2, (100, 200, 3))] * 2)
    cuboids = bw.Cuboids([[98, 210, 4.25]] * 2, [[4.5, 1.75, 1.5]] * 2, [0.5 + np.pi / 2, np.pi / 2 - 2.5], frame="world")
    track = bw.Track("a", "vehicle", times, change(cuboids))
    bw.write(bw.Scene("seg", times, trajectory=poses, label_frame="world", tracks=[track]), folder, "waymo")
    return tables(folder)["lidar_box/seg.parquet"]


def check_written(rows):
    values = {"center.x": 10, "center.y": 2, "center.z": 1.25, "size.x": 4.5, "size.y": 1.75, "size.z": 1.5}
    for row, heading in zip(rows, (0.5, -2.5), strict=True):
        for name, value in (values | {"heading": heading}).items():
            np.testing.assert_allclose(row[f"[LiDARBoxComponent].box.{name}"], value, rtol=0, atol=1e-9, err_msg=name)


def test_golden_numbers_written(tmp_path):
    rows = written_by_hand(tmp_path / "out")
    check_written(rows)
    assert [row["key.frame_timestamp_micros"] for row in rows] == [MICROS, MICROS + 100_000]
    assert [(row["key.laser_object_id"], row["[LiDARBoxComponent].type"]) for row in rows] == [("a", 1)] * 2


@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_written_catch_a_planted_fault(tmp_path, name):
    with pytest.raises(AssertionError):
        check_written(written_by_hand(tmp_path / "out", MUTATIONS[name]))


@pytest.mark.parametrize("at_once", [128, 1])
def test_it_comes_back_as_it_was(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr("boxwright.formats.labelled_frames._AT_ONCE", at_once)
    monkeypatch.setattr("boxwright.formats.waymo_components._ROWS_AT_ONCE", at_once)
    full(tmp_path / "in")
    scene = bw.read(tmp_path / "in")
    report = bw.write(scene, tmp_path / "out", "waymo")
    assert not report.dropped and not report.rounded and (report.n_tracks, report.n_labels) == (2, 3)
    given, back = tables(tmp_path / "in"), tables(tmp_path / "out")
    assert [*given] == [*back]
    for name, rows in given.items():
        for mine, theirs in zip(rows, back[name], strict=True):
            assert mine.keys() <= theirs.keys() and all(theirs[key] is None for key in theirs.keys() - mine.keys())
            for key, value in mine.items():
                if isinstance(value, str):
                    assert theirs[key] == value
                else:
                    np.testing.assert_allclose(theirs[key], value, rtol=0, atol=1e-9, err_msg=key)


def test_columns_are_of_the_schemas_types(tmp_path):
    full(tmp_path / "in")
    bw.write(bw.read(tmp_path / "in"), tmp_path / "out", "waymo")
    for path in (tmp_path / "in").rglob("*.parquet"):
        mine, theirs = (parquet.read_schema(str(place)) for place in (path, tmp_path / "out" / path.relative_to(tmp_path / "in")))
        for field in mine:
            found = theirs.field(field.name).type
            assert found == field.type or (pa.types.is_list(field.type) and found.list_size == 16), field.name


@pytest.mark.parametrize("fault", ["turn", "swap", "lift", "mirror"])
def test_a_mistake_shows(tmp_path, fault):
    """Each would pass where a cuboid is square, level with its frame or at no angle."""
    full(tmp_path)
    golden = bw.Cuboids([[10, 2, 1.25]], [[4.5, 1.75, 1.5]], [0.5], frame="ego")
    wrong = {
        "turn": golden.replace(quat_wxyz=bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], [0.5 + np.pi / 2]).quat_wxyz),
        "swap": golden.replace(size_m=golden.size_m[:, [1, 0, 2]]),
        "lift": golden.replace(center_m=golden.center_m + np.array([0, 0, 0.75])),
        "mirror": golden.replace(quat_wxyz=bw.Cuboids([[0, 0, 0]], [[1, 1, 1]], [-0.5]).quat_wxyz),
    }[fault]
    found = bw.read(tmp_path).cuboids(0, "ego").corners_m()
    np.testing.assert_allclose(found, golden.corners_m(), rtol=0, atol=1e-9)
    assert np.abs(found - wrong.corners_m()).max() > 0.4


def test_without_poses(tmp_path):
    boxes(tmp_path)
    with pytest.warns(bw.SensorFrameFallback):
        scene = bw.read(tmp_path)
    assert scene.label_frame == "ego" and len(scene.tracks) == 1


def test_splits(tmp_path):
    full(tmp_path / "training")
    full(tmp_path / "validation")
    assert [entry.name for entry in bw.scenes(tmp_path)] == ["training/seg", "validation/seg"]


def test_names_of_other_cameras_come_back(rng, tmp_path):
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "out", "waymo")
    said = "\n".join([*report.dropped, *report.rounded])
    for words in ("camera round: its lens", "car is vehicle", "roll and pitch", "whole microseconds", "when front exposed"):
        assert words in said
    renamed = scene.replace(cameras={"nose": bw.CameraSensor("nose", scene.cameras["front"].camera, scene.cameras["front"].ego_from_cam)})
    bw.write(renamed, tmp_path / "again", "waymo")
    back = bw.read(tmp_path / "again")
    assert [*back.cameras] == ["nose"] and len(back.lidars) == len(scene.lidars)
    np.testing.assert_allclose(back.cameras["nose"].ego_from_cam.matrix(), renamed.cameras["nose"].ego_from_cam.matrix(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"length": -4.5}, "positive sizes"),
        ({"length": np.inf}, "finite numbers"),
        ({"types": (9, 1)}, "a type from 0 to 4"),
        ({"ids": ("  ", "a")}, "an id"),
        ({"micros": (MICROS, MICROS)}, "an object comes twice"),
        ({"micros": (MICROS, MICROS + 5_000_000)}, "outside the poses"),
        ({"micros": (1 << 62, MICROS)}, "microseconds of 64 bits"),
    ],
)
def test_bad_rows(tmp_path, more, told):
    """Refused with their place; kept aside in lenient reading."""
    full(tmp_path)
    boxes(tmp_path, **more)
    with pytest.raises(bw.FormatError) as caught:
        bw.read(tmp_path)
    assert told in str(caught.value) and "row" in str(caught.value) and "seg.parquet" in str(caught.value)
    assert bw.read(tmp_path, strict=False).problems


@pytest.mark.parametrize(("matrix", "told"), [([1.0] * 16, "a rotation and a shift"), ([np.nan] * 16, "16 numbers")])
def test_bad_poses(tmp_path, matrix, told):
    full(tmp_path)
    stamps = {"frame_timestamp_micros": ([MICROS, MICROS + 100_000], pa.int64())}
    put(tmp_path, "vehicle_pose", "VehiclePoseComponent", stamps, {"world_from_vehicle.transform": ([POSE, matrix], MATRIX)})
    with pytest.raises(bw.FormatError, match=told):
        bw.read(tmp_path)


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        *[("Bus/RV/Caravan", "vehicle"), ("Motor", "vehicle"), ("REGULAR_VEHICLE", "vehicle"), ("vehicle.bus.rigid", "vehicle"), ("Tram", "vehicle")],
        *[("motorcyclist", "vehicle"), ("Person_sitting", "pedestrian"), ("people", "pedestrian"), ("Traffic Sign", "sign"), ("Rider", "cyclist")],
        *[("bicycle", "unknown"), ("DontCare", "unknown"), ("zeppelin", "unknown")],
    ],
)
def test_kinds_of_classes(tmp_path, category, kind):
    """Words of other datasets become the class that holds them, and the report tells which."""
    times = np.array([1_000_000_000, 1_100_000_000])
    track = bw.Track("a", category, times, bw.Cuboids([[4.0, 0, 1]] * 2, [[4.0, 2, 1.5]] * 2, 0.0, frame="world"))
    still = bw.Trajectory(times, [bw.Pose.identity()] * 2)
    report = bw.write(bw.Scene("clip", times, trajectory=still, label_frame="world", tracks=[track]), tmp_path / "out", "waymo")
    assert [one.category for one in bw.read(tmp_path / "out").tracks] == [kind]
    assert f"classes that Waymo does not have: {category} is {kind}" in report.dropped
