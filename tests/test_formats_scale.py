"""Scale AI's tasks and Nucleus: numbers worked by hand, planted faults, the world and its origin, identity, and what Nucleus itself makes of it."""

from __future__ import annotations

import json
import math
import uuid

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import boxwright as bw
from boxwright.certification.clients import python_with
from boxwright.formats import scale_geometry
from boxwright.sample import sample_folder
from formats_scenes import MemoryData
from platform_scenes import (
    CENTER,
    FAULTS,
    SIZE,
    TOL,
    YAW,
    asked,
    check_golden,
    faulty,
    golden,
    moving_scene,
    same_labels_in_lidar,
    save,
    to_digits,
    tracked,
)

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
CAR = str(uuid.UUID(int=7))
ACROSS = (1.7, 4.2, 1.4)  # SIZE as Scale has it: across, along, up
FROM_NORTH = YAW - math.pi / 2
PLACES = {"0": ((100.0, 50.0, 2.0), (1, 0, 0, 0)), "1": ((101.0, 50.0, 2.0), (math.cos(0.2), 0, 0, math.sin(0.2)))}  # turned by 0.4


def geometry(center=CENTER, size=ACROSS, yaw=FROM_NORTH):
    return {"position": dict(zip("xyz", center)), "dimensions": dict(zip("xyz", size)), "yaw": yaw}


def cuboid(*args, name=CAR, **more):
    said = {"camera_used": 1, "distance_to_device": 17.25, "numberOfPoints": 64, "stationary": False, "attributes": {"heading": "front"}}
    return {"uuid": name, "label": "Car", **geometry(*args), **said, **more}


def frame_file(i, **more):
    place, heading = PLACES[str(i)]
    points = [{"x": place[0] + 3.0, "y": place[1], "z": place[2] - 1.0, "i": 0.5}] if i == 0 else []
    return {"device_position": dict(zip("xyz", place)), "device_heading": dict(zip("wxyz", heading)), "points": points, "images": [], **more}


def task(folder, *frames, **more):
    """Two frames; the LiDAR turns and moves between them."""
    save(
        folder / "annotations.json", list(frames or [{"cuboids": [cuboid()]}, {"cuboids": [cuboid((13, -3.5, 0.6)), cuboid(name="man")], "note": 1}])
    )
    for i in range(2):
        save(folder / f"frames/{i:03d}.json", frame_file(i, **more))
    return folder


def annotation(frame=0, *args, name="red car", **more):
    ids = {"annotation_id": f"{frame}/{name}", "track_reference_id": name}
    return {
        "label": "Car",
        "type": "cuboid",
        "geometry": geometry(*args),
        "reference_id": f"cloud {frame}",
        "metadata": {"colour": "red"},
        **ids,
        **more,
    }


def nucleus(folder, *annotations, **more):
    frames = [{"top": {"reference_id": f"cloud {i}", "type": "pointcloud", "url": f"s3://x/{i:03d}.json", "metadata": {}}} for i in range(2)]
    save(folder / "scenes.json", {"scenes": [{"reference_id": "street", "frames": frames, "metadata": {"city": "A"}}]})
    found = annotations or (annotation(1, (13, -3.5, 0.6), task_id="t"), annotation(0), annotation(1, name="blue car"))
    save(folder / "annotations.json", {"update": False, "annotations": list(found)})
    for i in range(2):
        save(folder / f"pointclouds/{i:03d}.json", frame_file(i, **more))
    return folder


@pytest.mark.parametrize("make", [task, nucleus])
def test_golden_numbers(tmp_path, make):
    scene = bw.read(make(tmp_path / "clip"))
    assert (len(scene), scene.has_time, scene.label_frame) == (2, False, "world")
    assert (scene.format, scene.name) == (("scale", "clip") if make is task else ("nucleus", "street"))
    assert scene.frame_ids == (("000", "001") if make is task else ("cloud 0", "cloud 1"))
    car = scene.track(CAR if make is task else "red car")
    check_golden(car.cuboids[:1])
    check_golden(car.cuboids[1:], center=(13, -3.5, 0.6))
    assert car.keyframe_attributes[0] == ({"heading": "front"} if make is task else {"colour": "red"})
    np.testing.assert_allclose(scene.transform("world", "lidar", 1).apply([(1, 0, 0)]), [(101 + math.cos(0.4), 50 + math.sin(0.4), 2)], atol=TOL)
    assert [scene.has_points(i) for i in range(2)] == [True, False]
    np.testing.assert_allclose(scene.points(0).xyz, [(3, 0, -1)], rtol=0, atol=TOL)
    assert scene.points(0).intensity.tolist() == [0.5]


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("make", [task, nucleus])
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, make, name):
    honest = scale_geometry.cuboid_from_scale
    monkeypatch.setattr(scale_geometry, "cuboid_from_scale", lambda node: FAULTS[name](*honest(node)))
    scene = bw.read(make(tmp_path / "clip"))
    with pytest.raises(AssertionError):
        check_golden(scene.tracks[0].cuboids[:1])


def written(folder, scene, format):
    bw.write(scene, folder, format)
    top = json.loads((folder / "annotations.json").read_text())
    return top[0]["cuboids"][0] if format == "scale" else {**top["annotations"][0], **top["annotations"][0]["geometry"]}


def check_written(found):
    assert found["label"] == "car"
    for part, values in (("position", CENTER), ("dimensions", ACROSS)):
        np.testing.assert_allclose([found[part][axis] for axis in "xyz"], values, rtol=0, atol=TOL)
    np.testing.assert_allclose(found["yaw"], FROM_NORTH, rtol=0, atol=TOL)


@pytest.mark.parametrize("format", ["scale", "nucleus"])
def test_written_numbers(tmp_path, format):
    found = written(tmp_path / "out", tracked(golden()), format)
    check_written(found)
    assert found["uuid" if format == "scale" else "track_reference_id"] == "7"
    assert bw.read(tmp_path / "out").label_frame == "lidar"  # no poses were known


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("format", ["scale", "nucleus"])
def test_written_numbers_catch_a_planted_fault(tmp_path, monkeypatch, format, name):
    honest = scale_geometry.scale_from_cuboids
    monkeypatch.setattr(scale_geometry, "scale_from_cuboids", lambda cuboids: honest(faulty(name, cuboids)))
    with pytest.raises(AssertionError):
        check_written(written(tmp_path / "out", tracked(golden()), format))


@pytest.mark.parametrize("format", ["scale", "nucleus"])
def test_the_world_and_its_times(tmp_path, format):
    """In the world a straight way stays one; the vehicle's way comes back as that of its LiDAR, and the frames' times to the nanosecond."""
    scene = moving_scene()
    bw.write(scene, tmp_path / "out", format)
    back = bw.read(tmp_path / "out")
    assert back.label_frame == "world" and back.has_time
    np.testing.assert_array_equal(back.times_ns, scene.times_ns)
    same_labels_in_lidar(scene, back)
    for i in range(len(scene)):
        mine, theirs = (one.transform("world", "lidar", int(one.times_ns[i])) for one in (scene, back))
        np.testing.assert_allclose(theirs.matrix(), mine.matrix(), rtol=0, atol=1e-12)
    assert back.track("walker").keyframe_attributes[1] == {"speed": 1.25}


@pytest.mark.parametrize("format", ["scale", "nucleus", "segments", "supervisely", "datumaro", "cvat_api", "openlabel", "boxwright"])
def test_times_before_zero(tmp_path, format):
    """Clocks may count from any moment: such times were written by Scale's formats, and then not read."""
    scene = moving_scene()
    shift = int(scene.times_ns[3])
    poses = [scene.transform("world", "ego", int(time)) for time in scene.times_ns]
    tracks = [track.replace(times_ns=track.times_ns - shift) for track in scene.tracks]
    early = scene.replace(times_ns=scene.times_ns - shift, trajectory=bw.Trajectory(scene.times_ns - shift, poses), tracks=tracks)
    later, again = tmp_path / "later", tmp_path / "early"
    reports = [bw.write(one, folder, format) for one, folder in ((scene, later), (early, again))]
    first, second = (bw.read(folder) for folder in (later, again))
    assert first.has_time == second.has_time and reports[0].n_labels == reports[1].n_labels > 0
    if first.has_time:
        np.testing.assert_array_equal(second.times_ns, first.times_ns - shift)


@pytest.mark.parametrize("format", ["scale", "nucleus"])
def test_places_on_a_map(tmp_path, format):
    """Scale counts points in float32, which has steps of half a metre in UTM: whole metres are taken off, and come back."""
    scene = moving_scene()
    far = np.array([500_000.3, 5_400_000.7, 210.2])
    trajectory = bw.Trajectory(
        scene.times_ns, [bw.Pose(pose.rotation, pose.translation_m + far) for pose in map(scene.world_from_ego, scene.times_ns)]
    )
    tracks = [
        track.replace(cuboids=bw.Cuboids(track.cuboids.center_m + far, track.cuboids.size_m, track.cuboids.yaw_rad, frame="world"))
        for track in scene.tracks
    ]
    sweep = bw.Sweep(np.array([[1.5, 2.5, -1.0]], np.float32), int(scene.times_ns[0]), intensity=np.array([255], np.uint8))

    class One(bw.scene.NoData):
        def points(self, frame_index, sensor):
            return sweep

        def has_points(self, frame_index, sensor):
            return frame_index == 0

    scene = scene.replace(trajectory=trajectory, tracks=tracks, data=One())
    report = bw.write(scene, tmp_path / "out", format)
    assert any("(500000, 5400001, 210) m" in note for note in report.notes)
    folder = tmp_path / "out" / ("frames" if format == "scale" else "pointclouds")
    told = json.loads(next(iter(sorted(folder.iterdir()))).read_text())
    assert max(abs(value) for point in told["points"] for value in point.values()) < 100
    back = bw.read(tmp_path / "out")
    same_labels_in_lidar(scene, back, tol=1e-8)
    np.testing.assert_allclose(back.points(0).xyz, sweep.xyz, rtol=0, atol=1e-4)
    assert back.points(0).intensity.tolist() == [1.0]


@pytest.mark.parametrize(
    ("given", "told"),
    [([np.inf, 0.25, 1.0], [1, 0.25, 1]), ([np.nan, 50.0, 200.0], [0, 0.25, 1]), ([-1.0, -np.inf, 0.5], [0, 0, 0.5]), ([np.inf, 4, 2], [1, 1, 0.5])],
)
def test_intensities_that_are_no_numbers(tmp_path, given, told):
    """One that was infinite made all others dark, and beside one that was NaN none was brought below 1."""
    scene = moving_scene()
    sweep = bw.Sweep(np.ones((3, 3), np.float32), int(scene.times_ns[0]), intensity=np.array(given, np.float32))
    bw.write(scene.replace(data=MemoryData({(0, "lidar"): sweep})), tmp_path / "out", "scale")
    assert bw.read(tmp_path / "out").points(0).intensity.tolist() == told


def without_place(folder, *frames):
    """The files of frames of a task or a scene of Nucleus, with the place of their device taken out of some."""
    files = sorted(file for file in folder.glob("*/*.json") if file.parent.name in ("frames", "pointclouds"))
    for i in frames:
        told = json.loads(files[i].read_text())
        save(files[i], {key: value for key, value in told.items() if key != "device_position"})


class Sweeps(bw.scene.NoData):
    """A point at (1.5, 2.5, -1) of the LiDAR in each frame."""

    def points(self, frame_index, sensor):
        return bw.Sweep(np.array([[1.5, 2.5, -1.0]], np.float32))

    def has_points(self, frame_index, sensor):
        return True


@pytest.mark.parametrize("format", ["scale", "nucleus"])
def test_a_place_that_is_missing(tmp_path, format):
    """Labels and points are in the world all the same: the place of one frame comes from its neighbours, and is not made up at the ends."""
    scene = moving_scene().replace(data=Sweeps())
    times = scene.times_ns
    far = [bw.Pose.from_yaw(0.2 * i, (5e5 + 2.0 * i, 5e6 + 0.3 * i, 0.0)) for i in range(5)]  # steady, on a map
    scene = scene.replace(trajectory=bw.Trajectory(times, far), lidars={"lidar": bw.Lidar("lidar")})
    bw.write(scene, tmp_path / "out", format)
    without_place(tmp_path / "out", 2)
    back = bw.read(tmp_path / "out")
    assert back.label_frame == "world" and any("1 frame does not tell where the LiDAR was" in note for note in back.notes)
    for i in range(5):
        np.testing.assert_allclose(back.cuboids(i, "world").center_m, scene.cuboids(i, "world").center_m, rtol=0, atol=1e-6)
        np.testing.assert_allclose(back.points(i).xyz, [(1.5, 2.5, -1.0)], rtol=0, atol=2e-4)
    without_place(tmp_path / "out", 0)
    with pytest.raises(bw.FormatError, match=r"expected the place of the LiDAR in the first and the last frame .* got none in 1 frame, the first"):
        bw.read(tmp_path / "out")
    back = bw.read(tmp_path / "out", strict=False)
    assert (back.label_frame, [back.has_points(i) for i in range(5)]) == ("world", [False, True, True, True, True])
    assert [len(back.cuboids(i, "world")) for i in range(5)] == [0, *(len(scene.cuboids(i, "world")) for i in range(1, 5))]
    assert [one["track_id"] for one in back.problems[0].record] == ["12"]
    assert any("is not known for 1 frame" in note for note in back.notes)
    bw.write(back, tmp_path / "ours", "boxwright")  # which wants poses for all labels


@pytest.mark.parametrize("make", [task, nucleus])
def test_without_any_place_nobody_says_that_tracks_move_with_the_sensor(tmp_path, make):
    """Scale's own coordinates are in the world; what we wrote in the frame of the clouds says so itself."""
    make(tmp_path / "in")
    without_place(tmp_path / "in", 0, 1)
    scene = bw.read(tmp_path / "in")
    assert "the motion of the vehicle" not in " ".join(bw.write(scene, tmp_path / "again", scene.format).notes)
    for found in (scene, bw.read(tmp_path / "again")):
        notes = " ".join(found.notes)
        assert "no frame tells where its device was" in notes and "stay in the frame of the clouds" not in notes
    bw.write(tracked(golden()), tmp_path / "out", "scale" if make is task else "nucleus")
    assert any("the tracks stay in the frame of the clouds" in note for note in bw.read(tmp_path / "out").notes)


def test_identity_survives(tmp_path):
    """uuids, what Scale tells of each cuboid, and what nobody knows, as they came."""
    bw.write(bw.read(task(tmp_path / "in")), tmp_path / "out", "scale")
    before, after = (json.loads((tmp_path / one / "annotations.json").read_text()) for one in ("in", "out"))
    assert to_digits(after) == to_digits(before)
    bw.write(bw.read(nucleus(tmp_path / "n")), tmp_path / "m", "nucleus")
    before, after = (json.loads((tmp_path / one / "annotations.json").read_text())["annotations"] for one in "nm")
    by_id = [{one["annotation_id"]: one for one in to_digits(some)} for some in (before, after)]
    assert by_id[0] == by_id[1]
    before, after = (json.loads((tmp_path / one / "scenes.json").read_text())["scenes"][0] for one in "nm")
    assert (after["reference_id"], after["metadata"]) == (before["reference_id"], before["metadata"])
    ids = [[item["reference_id"] for frame in one["frames"] for item in frame.values()] for one in (before, after)]
    assert ids[0] == ids[1]


def test_nucleus_keeps_the_heading_alone(tmp_path):
    report = bw.write(tracked(golden(angles=(0.1, 0.0, YAW))), tmp_path / "out", "nucleus")
    assert any("the tilt of 3 cuboids, up to 5.73 degrees" in line for line in report.dropped)


ROLL, PITCH = 0.2, -0.1  # about the axis along, and about the one across, so that the nose is up


def test_golden_pitch_and_roll(tmp_path):
    """Rz(yaw + pi/2) @ Ry(pitch) @ Rx(roll): the front is the first column, what is up the third."""
    (sy, sp, sr), (cy, cp, cr) = np.sin([YAW, PITCH, ROLL]), np.cos([YAW, PITCH, ROLL])
    (car,) = bw.read(task(tmp_path, {"cuboids": [cuboid(pitch=PITCH, roll=ROLL)]}, {"cuboids": []})).tracks
    assert car.cuboids.size_m.tolist() == [list(SIZE)] and car.cuboids.center_m.tolist() == [list(CENTER)]
    front, up = (car.cuboids.rotation[0] @ axis for axis in ((1, 0, 0), (0, 0, 1)))
    np.testing.assert_allclose(front, (cy * cp, sy * cp, -sp), rtol=0, atol=TOL)
    np.testing.assert_allclose(up, (cy * sp * cr + sy * sr, sy * sp * cr - cy * sr, cp * cr), rtol=0, atol=TOL)
    assert front[2] > 0.09


@pytest.mark.parametrize("angles", [(0.1, 0.0, YAW), (0.3, -0.2, 3.0), (math.pi / 2, 0.0, YAW), (0.0, -math.pi / 2, 0.4), (3.0, 0.1, 2.0)])
def test_pitch_and_roll_come_back(tmp_path, angles):
    """Straight up and upside down too; as scipy puts those angles together they are the corners of the cuboid, each in its place."""
    scene = tracked(golden(angles=angles))
    report = bw.write(scene, tmp_path / "out", "scale")
    assert not any("tilt" in line for line in report.dropped) and any("3 cuboids with pitch and roll" in line for line in report.notes)
    told = json.loads((tmp_path / "out/annotations.json").read_text())[0]["cuboids"][0]
    turn = Rotation.from_euler("xyz", [told["roll"], told["pitch"], told["yaw"] + math.pi / 2]).as_matrix()
    half = np.array([told["dimensions"][axis] for axis in "yxz"]) / 2
    front_left_above = np.array([told["position"][axis] for axis in "xyz"]) + turn @ half
    given = scene.tracks[0].cuboids
    np.testing.assert_allclose(front_left_above, given.center_m[0] + given.rotation[0] @ np.array(SIZE) / 2, rtol=0, atol=1e-9)
    (back,) = bw.read(tmp_path / "out").tracks
    np.testing.assert_allclose(back.cuboids.corners_m(), given.corners_m(), rtol=0, atol=1e-9)


CORNERS = """
import json, sys
import numpy as np
from nucleus.metrics.cuboid_utils import get_batch_cuboid_corners
one = json.load(open(sys.argv[1]))[0]["cuboids"][0]
place, across = ([[one[name][axis] for axis in "xyz"]] for name in ("position", "dimensions"))
turns = [np.array([one[name]]) for name in ("yaw", "pitch", "roll")]
print(json.dumps(get_batch_cuboid_corners(np.array(place), np.array(across), *turns)[0].tolist()))
"""


@pytest.mark.peers
def test_scales_own_code_puts_corners_there(tmp_path):
    """Of a cuboid with pitch and roll; its first corner is in front, to the left and above, the seventh opposite."""
    python = python_with("scale-nucleus")
    if python is None:
        pytest.skip("scale-nucleus is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = tracked(golden(angles=(0.3, -0.2, 2.0)))
    bw.write(scene, tmp_path / "out", "scale")
    corners = np.array(asked(python, CORNERS, tmp_path / "out/annotations.json"))
    given, half = scene.tracks[0].cuboids, np.array(SIZE) / 2
    ends = [given.center_m[0] + given.rotation[0] @ (half * sign) for sign in ((1, 1, 1), (-1, -1, -1))]
    np.testing.assert_allclose(corners[[0, 6]], ends, rtol=0, atol=1e-6)


def test_upright_cuboids_have_no_pitch_and_roll(tmp_path):
    assert not {"pitch", "roll"} & written(tmp_path / "out", tracked(golden()), "scale").keys()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (cuboid(CENTER, (1.7, 0, 1.4)), r"\[0\].cuboids\[0\].dimensions: expected a positive length, width and height"),
        (cuboid(yaw=1e300), "yaw: expected an angle under"),
        (cuboid(name=""), "uuid: expected a text that is not empty"),
        ({**cuboid(), "position": {"x": 1, "y": 2}}, "position: a field is missing: expected 'z'"),
    ],
)
def test_bad_records(tmp_path, bad, message):
    task(tmp_path, {"cuboids": [bad, cuboid(name="good")]}, {"cuboids": []})
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.track_id for track in scene.tracks] == ["good"] and [problem.record for problem in scene.problems] == [bad]


def test_bad_frames(tmp_path):
    task(tmp_path, device_heading={"w": 2, "x": 0, "y": 0, "z": 0})
    with pytest.raises(bw.FormatError, match=r"000.json: device_heading: expected a quaternion of length 1, got 2"):
        bw.read(tmp_path)
    task(tmp_path, boxwright_timestamp_ns=5)
    with pytest.raises(bw.FormatError, match="expected whole nanoseconds that increase, got 5"):
        bw.read(tmp_path)
    (tmp_path / "frames/001.json").unlink()
    scene = bw.read(tmp_path)
    assert scene.label_frame == "lidar" and any("frames/ has 1 files for 2 frames" in note for note in scene.notes)


@pytest.mark.peers
def test_nucleus_sees_the_front_where_it_is(tmp_path):
    """The volume is the same when width and length, and a quarter turn, go wrong together; the first four corners are the front."""
    python = python_with("scale-nucleus")
    if python is None:
        pytest.skip("scale-nucleus is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    bw.write(tracked(golden()), tmp_path / "out", "nucleus")
    code = """
import json, sys, pathlib, numpy as np
from nucleus import CuboidAnnotation
from nucleus.metrics.cuboid_utils import compute_outer_iou, get_batch_cuboid_corners
found = [CuboidAnnotation.from_json(one) for one in json.loads(pathlib.Path(sys.argv[1]).read_text())["annotations"]]
assert all(CuboidAnnotation.from_json(one.to_payload()) == one for one in found)
xyz, wlh = (np.array([[p.x, p.y, p.z] for p in parts]) for parts in zip(*((a.position, a.dimensions) for a in found)))
yaw = np.array([a.yaw for a in found])
corners = get_batch_cuboid_corners(xyz, wlh, yaw)
ours = (np.array([[12, -3.5, 0.6]]), np.array([[1.7, 4.2, 1.4]]), np.array([0.7 - np.pi / 2]))
print(json.dumps([corners[0, :4].mean(0).tolist(), float(compute_outer_iou(xyz[:1], wlh[:1], yaw[:1], *ours)[0][0, 0])]))
"""
    front, share = asked(python, code, tmp_path / "out/annotations.json")
    np.testing.assert_allclose(front, np.add(CENTER, (2.1 * math.cos(YAW), 2.1 * math.sin(YAW), 0)), rtol=0, atol=1e-9)
    assert share > 1 - 1e-6
    assert SIZE[0] / 2 == 2.1


TOOLKIT = """
import json, sys, types
sys.modules["open3d"] = types.ModuleType("open3d")  # it draws with that, and nothing is drawn here
from scale_lidar_io import helper
with open(sys.argv[1]) as file:
    print(json.dumps([helper.parse_cuboid_frame(frame).tolist() for frame in json.load(file)]))
"""


@pytest.mark.peers
def test_scales_own_toolkit_reads_a_finished_task(tmp_path):
    """Its reader of results takes the places of cuboids alone; they are ours, frame by frame, in the world."""
    python = python_with("scale-lidar-io")
    if python is None:
        pytest.skip("scale-lidar-io is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = bw.read(sample_folder(), scene="truth").replace(data=bw.scene.NoData(), image_tracks=())
    bw.write(scene, tmp_path / "out", "scale")
    told = asked(python, TOOLKIT, tmp_path / "out/annotations.json")
    assert len(told) == len(scene) and sum(map(len, told)) == len(bw.interpolate_tracks(scene.tracks, scene.times_ns)) > 100
    for i, places in enumerate(told):
        ours = scene.cuboids(i, "world").center_m
        np.testing.assert_allclose(sorted(places), sorted(ours.tolist()), rtol=0, atol=1e-9)
