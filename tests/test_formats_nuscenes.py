"""nuScenes: numbers worked by hand, in tables that are read and in tables that are written, and tables that lie."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats.images import image_bytes
from boxwright.formats.nuscenes import TABLES
from formats_scenes import MemoryData

YAW, T0 = 0.7, 1_532_402_927_647_951


def quat(yaw):
    return [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]


def tables():
    """Two samples half a second apart; a car in both, a pedestrian in the second; the ego frame turned by 0.25 at (1000 + 2 i, 500, 0)."""
    samples = [{"token": f"s{i}", "timestamp": T0 + 500_000 * i, "prev": "", "next": "", "scene_token": "scene"} for i in range(2)]
    data, poses = [], []
    for i in range(2):
        for sensor, late, suffix in (("LIDAR_TOP", 0, "pcd.bin"), ("CAM_FRONT", 20_000, "jpg")):
            poses.append(
                {"token": f"e{i}{sensor}", "timestamp": T0 + 500_000 * i + late, "translation": [1000.0 + 2 * i, 500.0, 0.0], "rotation": quat(0.25)}
            )
            size = {"height": 60, "width": 40} if suffix == "jpg" else {"height": 0, "width": 0}
            name = {"filename": f"samples/{sensor}/{i}.{suffix}", "fileformat": suffix, "is_key_frame": True, **size}
            ties = {"sample_token": f"s{i}", "ego_pose_token": f"e{i}{sensor}", "calibrated_sensor_token": f"c{sensor}"}
            data.append({"token": f"d{i}{sensor}", "timestamp": T0 + 500_000 * i + late, **ties, **name, "prev": "", "next": ""})

    def annotation(token, sample, instance, place, size, yaw, visibility, attributes):
        counts = {"num_lidar_pts": 7, "num_radar_pts": 0}
        ties = {"sample_token": sample, "instance_token": instance, "visibility_token": visibility, "attribute_tokens": attributes}
        return {"token": token, **ties, "translation": place, "size": size, "rotation": quat(yaw), "prev": "", "next": "", **counts}

    mount = {"translation": [0.9, 0.0, 1.8], "rotation": quat(-math.pi / 2)}
    eye = {"translation": [1.5, 0.0, 1.5], "rotation": [0.5, -0.5, 0.5, -0.5]}
    return {
        "category": [{"token": "k1", "name": "vehicle.car", "description": ""}, {"token": "k2", "name": "human.pedestrian.adult", "description": ""}],
        "attribute": [{"token": "a1", "name": "vehicle.moving", "description": ""}],
        "visibility": [{"token": "1", "level": "v0-40", "description": ""}, {"token": "4", "level": "v80-100", "description": ""}],
        "instance": [{"token": "car", "category_token": "k1", "nbr_annotations": 2}, {"token": "man", "category_token": "k2", "nbr_annotations": 1}],
        "sensor": [{"token": f"n{name}", "channel": name, "modality": kind} for name, kind in (("LIDAR_TOP", "lidar"), ("CAM_FRONT", "camera"))],
        "calibrated_sensor": [
            {"token": "cLIDAR_TOP", "sensor_token": "nLIDAR_TOP", **mount, "camera_intrinsic": []},
            {"token": "cCAM_FRONT", "sensor_token": "nCAM_FRONT", **eye, "camera_intrinsic": [[50.5, 0, 19.5], [0, 51.5, 29.5], [0, 0, 1]]},
        ],
        "ego_pose": poses,
        "log": [{"token": "log", "logfile": "", "vehicle": "", "date_captured": "", "location": ""}],
        "scene": [{"token": "scene", "log_token": "log", "nbr_samples": 2, "name": "scene-0061", "description": "a street"}],
        "sample": samples,
        "sample_data": data,
        "sample_annotation": [
            annotation("x0", "s0", "car", [1012.0, 496.5, 0.8], [1.7, 4.2, 1.5], YAW, "4", ["a1"]),
            annotation("x1", "s1", "car", [1014.0, 497.5, 0.8], [1.7, 4.2, 1.5], YAW, "1", []),
            annotation("y1", "s1", "man", [1007.0, 503.5, 0.9], [0.6, 0.7, 1.75], -2.2, "4", []),
        ],
        "map": [{"token": "map", "category": "", "filename": "maps/none.png", "log_tokens": ["log"]}],
    }


def make(folder, changed=None):
    rows = tables() if changed is None else changed
    for name in TABLES:
        path = folder / "v1.0-mini" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows[name], indent=0))
    for place, raw in (
        ("samples/LIDAR_TOP/0.pcd.bin", np.array([[1.5, -2.25, 0.5, 9, 3]], "<f4").tobytes()),
        ("samples/CAM_FRONT/0.jpg", image_bytes(np.full((60, 40, 3), 77, np.uint8), 90)),
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(raw)
    return folder


def small(folder):
    """One label in one frame."""
    rows = tables()
    rows["sample_annotation"] = rows["sample_annotation"][:1]
    rows["sample"], rows["sample_data"] = rows["sample"][:1], rows["sample_data"][:1]
    make(folder, rows)


def check_golden(scene):
    world = scene.cuboids(0, frame="world")
    np.testing.assert_allclose(world.center_m, [[1012.0, 496.5, 0.8]], rtol=0, atol=1e-9)
    np.testing.assert_allclose(world.size_m, [[4.2, 1.7, 1.5]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(world.rotation[0] @ (1, 0, 0), [math.cos(YAW), math.sin(YAW), 0], rtol=0, atol=1e-12)
    ego = scene.cuboids(0, frame="ego")
    c, s = math.cos(0.25), math.sin(0.25)
    np.testing.assert_allclose(ego.center_m, [[c * 12 - s * 3.5, -s * 12 - c * 3.5, 0.8]], rtol=0, atol=1e-9)
    lidar = scene.cuboids(0, frame="lidar")  # x to the right, y ahead
    np.testing.assert_allclose(lidar.center_m, [[s * 12 + c * 3.5, c * 12 - s * 3.5 - 0.9, -1.0]], rtol=0, atol=1e-9)


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path))
    check_golden(scene)
    assert (scene.name, scene.format, len(scene), scene.has_time) == ("scene-0061", "nuscenes", 2, True)
    assert scene.times_ns.tolist() == [T0 * 1000, (T0 + 500_000) * 1000]
    car, man = scene.tracks
    assert (car.track_id, car.category, man.category) == ("car", "vehicle.car", "human.pedestrian.adult")
    assert car.at(scene.times_ns).attributes == [{"vehicle": "moving"}, {"vehicle": None}]
    assert car.visibility.tolist() == [0, 1]
    assert car.keyframe_source_attributes[0] == {"token": "x0", "num_lidar_pts": 7, "num_radar_pts": 0, "visibility": "v80-100"}


def _turned(row, angle):
    w, x, y, z = row["rotation"]
    c, s = math.cos(angle / 2), math.sin(angle / 2)
    row["rotation"] = [c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w]


FAULTS = {
    "a quarter turn": lambda row: _turned(row, math.pi / 2),
    "half a turn": lambda row: _turned(row, math.pi),
    "yaw of another sign": lambda row: row.update(rotation=[row["rotation"][0], *(-part for part in row["rotation"][1:])]),
    "width and length exchanged": lambda row: row["size"].insert(1, row["size"].pop(0)),
    "half the height down": lambda row: row["translation"].__setitem__(2, row["translation"][2] - row["size"][2] / 2),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_golden_numbers_catch(tmp_path, fault):
    """What a reader or a writer gets wrong most easily, done to the file."""
    rows = tables()
    for row in rows["sample_annotation"]:
        FAULTS[fault](row)
    with pytest.raises(AssertionError):
        check_golden(bw.read(make(tmp_path, rows)))


def test_sensors(tmp_path):
    scene = bw.read(make(tmp_path))
    sweep = scene.points(0)
    assert (sweep.xyz.tolist(), sweep.intensity.tolist(), sweep.fields["ring"].tolist()) == ([[1.5, -2.25, 0.5]], [9.0], [3])
    assert scene.image(0, "CAM_FRONT").shape == (60, 40, 3)
    assert [scene.has_points(i) for i in range(2)] == [True, False]
    camera = scene.cameras["CAM_FRONT"]
    assert (camera.camera.fx_px, camera.camera.cy_px, camera.times_ns[0]) == (50.5, 29.5, (T0 + 20_000) * 1000)
    np.testing.assert_allclose(camera.ego_from_cam.rotation @ (0, 0, 1), [1, 0, 0], atol=1e-12)


def written(folder):
    return {name: json.loads((folder / "v1.0-mini" / f"{name}.json").read_text()) for name in TABLES}


def test_written_numbers(tmp_path):
    """A car at (4, -2, 0.5) before a LiDAR that is 1 m ahead and 1.6 m up, on a vehicle at (100, 50) that looks along the world's y."""
    lidars = {"lidar": bw.Lidar("lidar", bw.Pose.from_yaw(0.0, (1.0, 0.0, 1.6)))}
    cuboids = bw.Cuboids([[4.0, -2.0, 0.5]] * 2, [[4.2, 1.7, 1.5]] * 2, 0.3, frame="lidar")
    times = np.array([1_000_000_000_000_123_456, 1_000_000_000_500_123_556])
    poses = [bw.Pose.from_yaw(math.pi / 2, (100.0, 50.0, 0.0))] * 2
    scene = bw.Scene("a", times, lidars, trajectory=bw.Trajectory(times, poses), label_frame="world")
    world = cuboids.transformed(poses[0] @ lidars["lidar"].ego_from_lidar, frame="world")
    track = bw.Track("t", "vehicle.car", times, world, visibility=[0, 1], attributes={"vehicle": "parked"})
    sweeps = {(0, "lidar"): bw.Sweep(np.array([[4.0, -2.0, 0.5], [90.0, 0, 0]]), int(times[0]), intensity=np.array([3.0, 4.0]))}
    report = bw.write(scene.replace(tracks=[track], data=MemoryData(sweeps)), tmp_path / "out", "nuscenes")
    assert (report.n_frames, report.n_tracks, report.n_labels) == (2, 1, 2)
    rows = written(tmp_path / "out")
    first, second = rows["sample_annotation"]
    np.testing.assert_allclose(first["translation"], [102.0, 55.0, 2.1], atol=1e-9)
    assert first["size"] == [1.7, 4.2, 1.5]
    np.testing.assert_allclose(2 * math.atan2(first["rotation"][3], first["rotation"][0]), math.pi / 2 + 0.3, atol=1e-9)
    assert (first["prev"], first["next"], second["prev"], second["next"]) == ("", second["token"], first["token"], "")
    assert [row["num_lidar_pts"] for row in (first, second)] == [1, 0]
    assert [row["visibility_token"] for row in (first, second)] == ["4", "1"]
    assert [row["timestamp"] for row in rows["sample"]] == [1_000_000_000_000_123, 1_000_000_000_500_124]
    assert [row["name"] for row in rows["attribute"]] == ["vehicle.parked"]
    assert rows["sensor"][0]["channel"] == "LIDAR_TOP"
    assert (tmp_path / "out" / rows["map"][0]["filename"]).is_file()
    assert rows["scene"][0]["first_sample_token"] == rows["sample"][0]["token"] and rows["sample"][0]["next"] == rows["sample"][1]["token"]
    file = tmp_path / "out" / rows["sample_data"][0]["filename"]
    assert np.fromfile(file, "<f4").reshape(-1, 5).tolist() == [[4.0, -2.0, 0.5, 3.0, 0.0], [90.0, 0.0, 0.0, 4.0, 0.0]]

    assert rows["log"][0]["date_captured"] == "2001-09-09"
    assert [note for note in report.notes if "_pts" in note or "visib" in note or "date" in note] == [
        "num_lidar_pts is 0 for 1 label: no sweep and no file tells how many points they hold",
        "num_radar_pts is 0 for 2 labels: no radar is known",
        "visibility_token is 4 (v80-100) for 1 label: how much of them is visible is not known",
    ]


def test_points_of_all_lidars_are_counted(tmp_path):
    """Those of the first alone were: one point before it, two behind the other, which looks back from 2 m further on, and has a sweep of its own."""
    lidars = {"lidar": bw.Lidar("lidar", bw.Pose.identity()), "rear": bw.Lidar("rear", bw.Pose.from_yaw(math.pi, (2.0, 0.0, 0.0)))}
    cuboids = bw.Cuboids([[4.0, -2.0, 0.5]] * 2, [[4.2, 1.7, 1.5]] * 2, 0.3, frame="lidar")
    ahead, behind = np.array([[4.0, -2.0, 0.5], [-2.0, 2.0, 0.5]]), np.array([[-2.0, 2.0, 0.5], [-2.0, 2.0, 0.6], [4.0, -2.0, 0.5]])
    sweeps = {(0, "lidar"): bw.Sweep(ahead, 0), (0, "rear"): bw.Sweep(behind, 0), (1, "rear"): bw.Sweep(behind, 10**8)}
    track = bw.Track("t", "car", [0, 10**8], cuboids)
    scene = bw.Scene("a", [0, 10**8], lidars, label_frame="lidar", tracks=[track], data=MemoryData(sweeps))
    bw.write(scene, tmp_path / "out", "nuscenes")
    assert [row["num_lidar_pts"] for row in written(tmp_path / "out")["sample_annotation"]] == [3, 2]


@pytest.mark.parametrize("name", ["num_interior_pts", "num_lidar_points_in_box"])
def test_points_that_another_format_counted(tmp_path, name):
    """Where a sweep is it counts (1 of 3), where none is the other file does, and what is no count is not known. The stamps are GPS's, of 1980."""
    times = np.array([315_966_265_259_836_000 + i * 100_000_000 for i in range(4)])
    cuboids = bw.Cuboids([[4.0, -2.0, 0.5]] * 3, [[4.2, 1.7, 1.5]] * 3, 0.3, frame="lidar")
    said = [{name: 3}, {name: 17}, {name: -1}]
    track = bw.Track("t", "car", times[[0, 1, 3]], cuboids, keyframe_source_attributes=said)
    data = MemoryData({(0, "lidar"): bw.Sweep(np.array([[4.0, -2.0, 0.5], [90.0, 0, 0]]), int(times[0]))})
    scene = bw.Scene("a", times, {"lidar": bw.Lidar("lidar", bw.Pose.identity())}, label_frame="lidar", tracks=[track], data=data)
    report = bw.write(scene, tmp_path / "out", "nuscenes")
    rows = written(tmp_path / "out")
    assert [row["num_lidar_pts"] for row in rows["sample_annotation"]] == [1, 17, 0, 0]
    assert "num_lidar_pts is 0 for 2 labels: no sweep and no file tells how many points they hold" in report.notes
    assert rows["log"][0]["date_captured"] == "1970-01-01"
    assert "date_captured is 1970-01-01: the frames' stamps do not tell the day" in report.notes


def test_visibility_as_a_file_said(tmp_path):
    """The level between is kept, until somebody says that the object is occluded after all."""
    given = tables()
    given["visibility"].append({"token": "2", "level": "v40-60", "description": ""})
    given["sample_annotation"][0]["visibility_token"] = "2"
    scene = bw.read(make(tmp_path / "in", given))
    token = given["sample_annotation"][0]["instance_token"]
    report = bw.write(scene, tmp_path / "out", "nuscenes")
    row = next(row for row in written(tmp_path / "out")["sample_annotation"] if row["instance_token"] == token)
    assert row["visibility_token"] == "2" and not any("visib" in note for note in report.notes)
    hidden = [one.replace(visibility=[bw.Visibility.OCCLUDED] * len(one)) for one in scene.tracks]
    bw.write(scene.replace(tracks=hidden), tmp_path / "hidden", "nuscenes")
    assert {row["visibility_token"] for row in written(tmp_path / "hidden")["sample_annotation"]} == {"1"}


def test_there_and_back(tmp_path):
    scene = bw.read(make(tmp_path / "in"))
    bw.write(scene, tmp_path / "out", "nuscenes")
    back = bw.read(tmp_path / "out")
    check_golden(back)
    before, after = tables(), written(tmp_path / "out")
    for mine, theirs in zip(before["sample_annotation"], after["sample_annotation"]):
        for name in ("translation", "size", "rotation"):
            assert theirs[name] == pytest.approx(mine[name], abs=1e-9)
        assert (theirs["instance_token"], theirs["num_lidar_pts"]) == (mine["instance_token"], mine["num_lidar_pts"])
    assert {row["name"] for row in after["category"]} == {row["name"] for row in before["category"]}
    assert back.source_attributes["nuscenes"]["description"] == "a street"


@pytest.mark.parametrize(
    ("table", "row", "name", "value", "said"),
    [
        ("sample_annotation", 0, "size", [1.7, -4.2, 1.5], "a positive width, length and height"),
        ("sample_annotation", 0, "rotation", [2, 0, 0, 0], "a unit quaternion"),
        ("sample_annotation", 0, "translation", [1e9, 0, 0], "coordinates under 1e\\+08 m"),
        ("sample_annotation", 0, "instance_token", "nobody", "the token of a record"),
        ("sample_annotation", 1, "sample_token", "s0", "each instance once in a sample"),
        ("sample_data", 0, "filename", "../../etc/passwd", "a path below the dataset's folder"),
        ("sample_data", 0, "ego_pose_token", "none", "the token of a record"),
        ("sample_data", 1, "width", 0, "width_px"),
        ("sample", 1, "timestamp", T0, "two samples at one time"),
        ("category", 1, "token", "k1", "each token once"),
        ("calibrated_sensor", 1, "camera_intrinsic", [[1, 2], [3, 4]], "3 rows"),
    ],
)
def test_tables_that_lie(tmp_path, table, row, name, value, said):
    rows = tables()
    rows[table][row][name] = value
    with pytest.raises(bw.BoxwrightError, match=said):
        bw.read(make(tmp_path, rows))


def test_bad_labels_are_kept_aside(tmp_path):
    rows = tables()
    rows["sample_annotation"][0]["size"] = [0, 0, 0]
    scene = bw.read(make(tmp_path, rows), strict=False)
    assert len(scene.problems) == 1 and sum(map(len, scene.tracks)) == 2


def test_a_sweep_that_is_cut(tmp_path):
    make(tmp_path)
    (tmp_path / "samples/LIDAR_TOP/0.pcd.bin").write_bytes(bytes(21))
    with pytest.raises(bw.FormatError, match="a multiple of 20 bytes"):
        bw.read(tmp_path).points(0)


def test_several_scenes_and_the_folder_of_the_tables(tmp_path):
    rows = tables()
    rows["scene"].append({**rows["scene"][0], "token": "other", "name": "scene-0103"})
    make(tmp_path, rows)
    assert [entry.name for entry in bw.scenes(tmp_path)] == ["scene-0061", "scene-0103"]
    assert len(bw.read(tmp_path / "v1.0-mini", scene="scene-0061")) == 2
