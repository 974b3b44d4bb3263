"""KITTI raw written: numbers worked by hand, the same bytes, whole drives there and back, and both meanings of its XML, with Datumaro's own files."""

from __future__ import annotations

import json
import math
import re
import subprocess

import numpy as np
import pytest

import boxwright as bw
import test_formats_kitti_raw as raw
import test_formats_kitti_tracking as tracking
from boxwright.certification.clients import python_with
from boxwright.formats import kitti_raw_dialects, kitti_tracklet_writer
from boxwright.formats.kitti_poses import mercator_poses, oxts_rows_from_poses
from boxwright.rotations import euler_zyx_from_quat, quat_from_euler
from formats_scenes import full_scene
from test_formats_kitti_tracking import GOLDEN_CENTER, GOLDEN_SIZE, GOLDEN_YAW, MUTATIONS

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
NUMBERS = re.compile(r"<(tx|ty|tz|rx|ry|rz|h|w|l)>([^<]*)<")


def labels_of(folder):
    (file,) = folder.rglob("tracklet_labels.xml")
    return file.read_text("utf-8")


def written(scene, folder, **options):
    bw.write(scene, folder, "kitti_raw", **options)
    return {name: float(value) for name, value in NUMBERS.findall(labels_of(folder))}


def check_written(said, dialect="kitti"):
    """The golden car: 4.2 long, 1.7 wide, 1.4 high, its centre at z = -1.03, so that its bottom is at -1.73."""
    x, y, z = GOLDEN_CENTER
    meant = {"tz": z - 0.7, "h": 1.4, "w": 1.7, "l": 4.2} if dialect == "kitti" else {"tz": z, "h": 4.2, "w": 1.7, "l": 1.4}
    for name, value in {"tx": x, "ty": y, **meant, "rx": 0, "ry": 0, "rz": GOLDEN_YAW}.items():
        assert said[name] == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("dialect", ["kitti", "cvat"])
def test_golden_numbers(tmp_path, dialect):
    check_written(written(tracking.golden_scene(), tmp_path / "a", dialect=dialect), dialect)
    tracking.check_golden(bw.read(tmp_path / "a"))


@pytest.mark.parametrize("dialect", ["kitti", "cvat"])
@pytest.mark.parametrize("name", MUTATIONS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name, dialect):
    """In what is written, and in what is read."""
    scene = tracking.golden_scene()
    (track,) = scene.tracks
    faulty = scene.replace(tracks=[track.replace(cuboids=MUTATIONS[name](track.cuboids))])
    said = written(faulty, tmp_path / "a", dialect=dialect)
    with pytest.raises(AssertionError):
        check_written(said, dialect)
    with pytest.raises(AssertionError):
        tracking.check_golden(bw.read(tmp_path / "a"))


def test_packing_is_its_own_inverse(rng):
    quat = quat_from_euler(rng.uniform(-1, 1, (50, 3)) * (math.pi, 1.5, math.pi), "ZYX")
    cuboids = bw.Cuboids(rng.uniform(-50, 50, (50, 3)), np.tile([4.2, 1.7, 1.4], (50, 1)), quat_wxyz=quat, frame="lidar")
    for dialect, back in (("kitti", kitti_tracklet_writer.KITTI), ("cvat", kitti_tracklet_writer.CVAT)):
        poses = kitti_tracklet_writer.poses_of_cuboids(cuboids, dialect).tolist()
        sizes = (1.4, 1.7, 4.2) if back == "kitti" else (4.2, 1.7, 1.4)
        tracklet = raw.kitti_raw.Tracklet(0, 0, "Car", sizes, poses=poses)
        unpack = raw.kitti_raw.cuboids_from_bottom_poses if back == "kitti" else raw.kitti_raw.cuboids_from_center_poses
        np.testing.assert_allclose(unpack(tracklet).corners_m(), cuboids.corners_m(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(euler_zyx_from_quat(quat_from_euler([0.3, -0.2, 0.1], "ZYX")), [0.1, -0.2, 0.3], rtol=0, atol=1e-15)


OWN = """\
<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
<!DOCTYPE boost_serialization>
<boost_serialization signature="serialization::archive" version="9">
<tracklets class_id="0" tracking_level="0" version="0">
\t<count>1</count>
\t<item_version>1</item_version>
\t<item class_id="1" tracking_level="0" version="1">
\t\t<objectType>Person (sitting)</objectType>
\t\t<h>2.1672349</h>
\t\t<w>1.7057118</w>
\t\t<l>4.3293562</l>
\t\t<first_frame>3</first_frame>
\t\t<poses class_id="2" tracking_level="0" version="0">
\t\t\t<count>1</count>
\t\t\t<item_version>2</item_version>
\t\t\t<item class_id="3" tracking_level="0" version="2">
\t\t\t\t<tx>25.212516037456261</tx>
\t\t\t\t<ty>0.10000000000000001</ty>
\t\t\t\t<tz>-1.7921571450416216</tz>
\t\t\t\t<rx>0</rx>
\t\t\t\t<ry>0</ry>
\t\t\t\t<rz>-3.1842001424562025</rz>
\t\t\t\t<state>1</state>
\t\t\t\t<occlusion>2</occlusion>
\t\t\t\t<occlusion_kf>1</occlusion_kf>
\t\t\t\t<truncation>99</truncation>
\t\t\t\t<amt_occlusion>1.5</amt_occlusion>
\t\t\t\t<amt_occlusion_kf>1</amt_occlusion_kf>
\t\t\t\t<amt_border_l>0</amt_border_l>
\t\t\t\t<amt_border_r>1</amt_border_r>
\t\t\t\t<amt_border_kf>-1</amt_border_kf>
\t\t\t</item>
\t\t</poses>
\t\t<finished>1</finished>
\t</item>
</tracklets>
</boost_serialization>

"""


def test_the_same_bytes(tmp_path):
    """Whole turns, single precision, states and all: what was not edited."""
    scene = bw.read(raw.make(tmp_path / "a", OWN))
    assert not any("Datumaro" in note for note in scene.notes)
    report = bw.write(scene, tmp_path / "b", "kitti_raw")
    assert labels_of(tmp_path / "b") == OWN and not report.dropped and "1 label with truncation 2 or 99" in report.notes[0]
    (track,) = scene.tracks
    moved = track.replace(cuboids=track.cuboids.replace(center_m=track.cuboids.center_m + 1e-6))
    bw.write(scene.replace(tracks=[moved]), tmp_path / "c", "kitti_raw")
    assert "<ty>0.10000" in labels_of(tmp_path / "c") and labels_of(tmp_path / "c") != OWN
    assert "<rz>3.0989" in labels_of(tmp_path / "c")  # what is worked out anew lies in (-pi, pi]


def test_a_whole_drive_there_and_back(tmp_path):
    """Everything of it: labels, calibration, stamps, poses, points and pictures; what is left out of the GPS/IMU rows is gone."""
    scene = bw.read(raw.full_drive(tmp_path / "a"))
    report = bw.write(scene, tmp_path / "b", "kitti_raw")
    again = bw.read(tmp_path / "b")
    assert not report.dropped and (again.name, len(again.tracks)) == (scene.name, 1)
    before, after = ({path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*.*"))} for root in (tmp_path / "a", tmp_path / "b"))
    assert {str(path) for path in before if before[path] != after.get(path)} == {
        f"2011_09_26/{raw.DRIVE}/oxts/data/{i:010d}.txt" for i in range(3)
    } | {f"2011_09_26/{raw.DRIVE}/tracklet_labels.xml"}  # which was written by hand, without blanks and some fields
    for stamp in (*scene.times_ns.tolist(), scene.times_ns[0] + 70_000_000):
        np.testing.assert_allclose(again.world_from_ego(int(stamp)).matrix(), scene.world_from_ego(int(stamp)).matrix(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(again.tracks[0].cuboids.corners_m(), scene.tracks[0].cuboids.corners_m(), rtol=0, atol=1e-8)
    assert again.source_attributes == scene.source_attributes and [*again.cameras] == [*scene.cameras]
    for name, sensor in scene.cameras.items():
        other = again.cameras[name]
        assert other.camera == sensor.camera and np.array_equal(other.ego_from_cam.matrix(), sensor.ego_from_cam.matrix())
        np.testing.assert_array_equal(other.times_ns, sensor.times_ns)
    assert again.tracks[0].origin.tolist() == scene.tracks[0].origin.tolist()


def test_poses_as_gps_rows(rng):
    """A metre to the north of the equator is a metre of its meridian; the rest is the inverse of what is read."""
    (first, second) = oxts_rows_from_poses([bw.Pose.identity(), bw.Pose.from_yaw(0.5, (0.0, 1.0, 2.0))])
    assert first.tolist() == [0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(second, [math.degrees(1 / 6378137), 0, 2, 0, 0, 0.5], rtol=0, atol=1e-14)
    poses = []
    for _ in range(20):
        turn = quat_from_euler(rng.uniform(-1, 1, 3) * (math.pi, 1.5, math.pi), "ZYX")
        poses.append(bw.Pose.from_quat(turn, rng.uniform(-1, 1, 3) * (30_000, 30_000, 100) + (5e5, 5e6, 0)))
    for pose, matrix in zip(poses, mercator_poses(oxts_rows_from_poses(poses))):
        np.testing.assert_allclose(matrix, (poses[0].inverse() @ pose).matrix(), rtol=0, atol=2e-8)


def test_gaps_and_sizes_become_several_tracklets(tmp_path):
    """KITTI's tracklets have one size and no gaps; CVAT's poses outside the image fill gaps, and an attribute of ours tells what is one."""
    times = np.arange(6) * 100_000_000
    size = np.array([[4.0, 2, 1.5]] * 4 + [[4.5, 2, 1.5]])
    cuboids = bw.Cuboids(np.arange(15.0).reshape(5, 3), size, [0.1] * 5, frame="lidar")
    track = bw.Track("van", "car", times[:5], cuboids, visibility=[0, 0, bw.Visibility.OUTSIDE, 0, 0], attributes={"colour": "red", "doors": 4})
    scene = bw.Scene("2011_09_26_drive_0042_sync", times, {"lidar": bw.Lidar("lidar")}, tracks=[track], label_frame="lidar")
    report = bw.write(scene, tmp_path / "a", "kitti_raw")
    assert (report.n_tracks, report.n_labels) == (1, 4)
    assert "that 1 track is one object each: a tracklet has one size and no gaps, so that they are several" in report.dropped
    assert "attributes: colour, doors" in report.dropped
    pieces = bw.read(tmp_path / "a").tracks
    assert [(one.track_id, (one.times_ns // 100_000_000).tolist()) for one in pieces] == [("0", [0, 1]), ("1", [3]), ("2", [4])]

    report = bw.write(scene, tmp_path / "b", "kitti_raw", dialect="cvat")
    text = labels_of(tmp_path / "b")
    assert text.count("<truncation>2<") == 1 and re.findall("<count>([0-9]+)<", text) == ["2", "4", "1"]
    again = bw.read(tmp_path / "b")
    (van,) = again.tracks
    assert (van.track_id, van.visibility.tolist()) == ("van", [0, 0, 2, 0, 0])
    np.testing.assert_array_equal(van.cuboids.size_m[[0, 1, 3, 4]], size[[0, 1, 3, 4]])
    np.testing.assert_array_equal(van.cuboids.center_m[[0, 1, 3, 4]], cuboids.center_m[[0, 1, 3, 4]])
    assert van.keyframe_attributes[0]["colour"] == "red" and van.keyframe_attributes[4]["doors"] == 4

    ends = track.replace(attributes={}, keyframe_attributes=[{"colour": "red"}, {"colour": None}, {}, {}, {"colour": "blue"}])
    bw.write(scene.replace(tracks=[ends]), tmp_path / "c", "kitti_raw", dialect="cvat")
    again = bw.read(tmp_path / "c")
    assert [row.get("colour") for row in again.tracks[0].at(times[:5]).attributes] == ["red", None, None, None, "blue"]
    bw.write(again, tmp_path / "d", "kitti_raw", dialect="cvat")
    assert labels_of(tmp_path / "d") == labels_of(tmp_path / "c")


@pytest.mark.parametrize("dialect", ["kitti", "cvat"])
def test_every_field(rng, tmp_path, dialect):
    certificate = bw.certify(full_scene(rng), "kitti_raw", dialect=dialect)
    assert certificate.readings[0].holds, certificate.readings[0].reasons
    assert certificate.readings[0].tilted is None and certificate.readings[0].cuboids[0].corner_m < 1e-8


def test_refusals(tmp_path):
    with pytest.raises(bw.ArgumentError, match="dialect: expected 'kitti' or 'cvat', got 'kit'"):
        bw.write(tracking.golden_scene(), tmp_path / "a", "kitti_raw", dialect="kit")
    with pytest.raises(bw.ArgumentError, match="KITTI raw needs a LiDAR"):
        bw.write(bw.Scene("a", np.array([0])), tmp_path / "a", "kitti_raw")


# ------------------------------------------------------------ the other meaning


def datumaro_pose(**changes):
    """A pose with its fields in Datumaro's order."""
    fields = {"tx": 11.27, "ty": -1.94, "tz": -1.03, "rx": 0.0, "ry": 0.0, "rz": round(GOLDEN_YAW, 12), "state": 2, "occlusion": 1, "occlusion_kf": 0}
    fields |= {"truncation": 0, "amt_occlusion": -1, "amt_border_l": -1, "amt_border_r": -1, "amt_occlusion_kf": -1, "amt_border_kf": -1}
    said = "".join(f"<attribute><name>{k}</name><value>{v}</value></attribute>" for k, v in (("colour", "red"), ("doors", "4")))
    return "<item>" + "".join(f"<{k}>{v}</{k}>" for k, v in {**fields, **changes}.items()) + f"<attributes>{said}</attributes></item>"


def datumaro_file(*poses, kind="Car", sizes=(4.2, 1.7, 1.4), version="<item_version>0</item_version>"):
    text = raw.xml(raw.tracklet(*poses, kind=kind, h=sizes[0], w=sizes[1], l=sizes[2]))
    return text.replace("</count><item>", f"</count>{version}<item>")


def test_a_file_as_cvat_means_it(tmp_path):
    """4.2 m along x stand as h there, and the place is the centre; the pose outside the image is no label."""
    drive = tmp_path / "task 7"
    raw.put(drive / "tracklet_labels.xml", datumaro_file(datumaro_pose(), datumaro_pose(truncation=2, occlusion=-1), datumaro_pose(ry=0.2, rx=0.1)))
    raw.put(drive / "frame_list.txt", "0 front one\n1 0000000001\n2 two\n3 three\n")
    bw.write_points(bw.Sweep(np.ones((4, 3), np.float32)), drive / "velodyne_points.pcd")
    (drive / "velodyne_points/data").mkdir(parents=True)
    (drive / "velodyne_points.pcd").rename(drive / "velodyne_points/data/two.pcd")
    scene = bw.read(drive)
    tracking.check_golden(scene)
    (car,) = scene.tracks
    assert (scene.frame_ids, [scene.has_points(i) for i in range(4)], len(scene.points(2).xyz)) == (
        ("front one", "0000000001", "two", "three"),
        [False, False, True, False],
        4,
    )
    assert car.keyframe_attributes[0] == {"occlusion": 1, "truncation": 0, "colour": "red", "doors": 4} and car.visibility.tolist() == [1, 2, 1]
    np.testing.assert_allclose(scene.cuboids(2).rotation[0], bw.Pose.from_quat(quat_from_euler([0.1, 0.2, GOLDEN_YAW], "XYZ")).rotation, atol=1e-11)
    told = " | ".join(scene.notes)
    assert "was written by Datumaro, as CVAT exports it" in told and "1 pose is out of the image" in told
    assert bw.scenes(drive)[0].glance()["n_frames"] == 4
    bw.write(scene, tmp_path / "own", "kitti_raw")
    tracking.check_golden(bw.read(tmp_path / "own"))


def test_labels_of_kitti_that_went_through_datumaro(tmp_path):
    """Its marks, and KITTI's meaning: a car 4.2 m high would be none."""
    file = datumaro_file(datumaro_pose(tz=-1.73), sizes=(1.4, 1.7, 4.2))
    scene = bw.read(raw.make(tmp_path / "a", file))
    tracking.check_golden(scene)
    assert any("of labels of KITTI's own, as the sizes of 1 tracklet tell" in note for note in scene.notes)
    unknown = bw.read(raw.make(tmp_path / "b", datumaro_file(datumaro_pose(), kind="Frobnicator")))
    assert any("no tracklet is of a class whose size would tell" in note for note in unknown.notes)
    tracking.check_golden(unknown)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (raw.xml(raw.tracklet(raw.pose())), "it has no mark of either"),
        (datumaro_file(datumaro_pose(), version="<item_version>2</item_version>", sizes=(1.4, 1.7, 4.2)), "some are KITTI's and some Datumaro's"),
    ],
)
def test_what_cannot_be_told_is_said(tmp_path, file, said):
    scene = bw.read(raw.make(tmp_path, file))
    assert any("cannot be told" in note and said in note and "read as KITTI's own" in note for note in scene.notes)
    np.testing.assert_array_equal(scene.cuboids(0).size_m, [GOLDEN_SIZE])


def test_a_list_of_frames_tells_where_nothing_else_does(tmp_path):
    file = raw.xml(raw.tracklet(raw.pose(tz=-1.03, truncation=0), h=4.2, w=1.7, l=1.4))
    raw.put(tmp_path / "a" / "tracklet_labels.xml", file)
    raw.put(tmp_path / "a" / "frame_list.txt", "0 first\n")
    tracking.check_golden(bw.read(tmp_path / "a"))


@pytest.mark.parametrize("times", [[], [-5, 7], [8 * 10**18, 8 * 10**18 + 5]])
@pytest.mark.parametrize("dialect", ["kitti", "cvat"])
def test_scenes_of_little(tmp_path, times, dialect):
    """No frame; times that no line tells. Classes and names with what XML has no place for."""
    track = [bw.Track("\x00 <&", "a\x07<b>", np.array(times[:1]), bw.Cuboids([GOLDEN_CENTER], [GOLDEN_SIZE], [0.5], frame="lidar"))] if times else []
    scene = bw.Scene("x", np.array(times, np.int64), {"lidar": bw.Lidar("lidar")}, tracks=track, label_frame="lidar")
    report = bw.write(scene, tmp_path / "a", "kitti_raw", dialect=dialect)
    again = bw.read(tmp_path / "a")
    assert len(again) == len(times) and [one.category for one in again.tracks] == ["a?<b>"] * len(track)
    assert any("is a?<b>" in line for line in report.dropped) == bool(track)


def test_bad_lists_and_attributes(tmp_path):
    drive = tmp_path / "a"
    raw.put(drive / "tracklet_labels.xml", datumaro_file(datumaro_pose()))
    for text, said in (("0 a\n0 b\n", "line 2: expected the number of a frame, each once"), ("x y\n", "line 1: "), ("0\n", "line 1: ")):
        raw.put(drive / "frame_list.txt", text)
        with pytest.raises(bw.FormatError, match=said):
            bw.read(drive)
    raw.put(drive / "frame_list.txt", "0 ../../etc/passwd\n")
    assert bw.read(drive).frame_ids == ("000000",) and not bw.read(drive).has_points(0)
    raw.put(drive / "tracklet_labels.xml", datumaro_file(datumaro_pose()).replace("<name>doors</name>", ""))
    with pytest.raises(bw.FormatError, match="expected an attribute with a name and a value, got value"):
        bw.read(drive)


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("<name>doors</name>", "", {"colour": "red"}),
        ("<name>doors</name>", "<name>doors</name><name>wheels</name>", {"colour": "red"}),
        ("<name>doors</name>", "<name>colour</name>", {"colour": "red"}),
        ("<value>red</value>", "", {"doors": 4}),
    ],
)
def test_a_bad_attribute_costs_nothing_but_itself(tmp_path, old, new, left):
    drive = tmp_path / "a"
    raw.put(drive / "frame_list.txt", "0 first\n1 second\n")
    raw.put(drive / "tracklet_labels.xml", datumaro_file(datumaro_pose(), datumaro_pose()).replace(old, new, 1))
    with pytest.raises(bw.FormatError, match=r"line \d+"):
        bw.read(drive)
    scene = bw.read(drive, strict=False)
    said = [{k: v for k, v in row.items() if k in ("colour", "doors", "wheels")} for row in scene.tracks[0].keyframe_attributes]
    (problem,) = scene.problems
    assert said == [left, {"colour": "red", "doors": 4}] and (problem.record["tracklet"], problem.record["pose"]) == (0, 0)
    tracking.check_golden(scene)


@pytest.mark.parametrize(
    ("given", "back", "told"),
    [
        ({"": 1}, {}, {""}),
        ({"a\x01": 1, "a\x02": 2}, {"a?": 1}, {"a\x01", "a\x02"}),
        ({"a\x01": 1, "a?": 2}, {"a?": 2}, {"a\x01"}),
        ({" occlusion": 2}, {}, {" occlusion"}),
        ({"note": "a\r\nb"}, {"note": "a\r\nb"}, set()),
        ({" x ": 1}, {"x": 1}, {" x "}),
        ({"n": "true", "m": True, "k": "4", "l": 4}, {"n": True, "m": True, "k": 4, "l": 4}, {"n", "k"}),
        ({"n": " a ", "m": "\r"}, {"n": "a", "m": ""}, {"n", "m"}),
        ({"n": [1, 2]}, {"n": "[1, 2]"}, {"n"}),
    ],
)
def test_odd_attributes_come_back_or_are_told(tmp_path, given, back, told):
    scene = tracking.golden_scene()
    scene = scene.replace(tracks=[scene.tracks[0].replace(attributes=given, keyframe_attributes=[{}] * len(scene.tracks[0].times_ns))])
    certificate = bw.certify(scene, "kitti_raw", dialect="cvat")
    lines = [line for line in (*certificate.report.dropped, *certificate.report.rounded) if "attributes" in line.fields]
    assert certificate.holds and set().union(*(line.of for line in lines)) == told
    bw.write(scene, tmp_path / "a", "kitti_raw", dialect="cvat")
    found = bw.read(tmp_path / "a").tracks[0].keyframe_attributes[0]
    assert {name: value for name, value in found.items() if name not in ("occlusion", "truncation")} == back


@pytest.mark.parametrize(
    ("names", "back", "told"), [(["x", " y "], ["x", "y"], {" y "}), (["x", " x "], ["0", "1"], None), (["x", "\r"], ["0", "1"], None)]
)
def test_odd_names_of_tracks_are_told(tmp_path, names, back, told):
    """Alike but for blanks, and in no frame together, they were one track."""
    boxes = bw.Cuboids([GOLDEN_CENTER], [GOLDEN_SIZE], [0.5], frame="lidar")
    tracks = [bw.Track(name, "Car", [i], boxes) for i, name in enumerate(names)]
    tracks[0] = bw.Track(names[0], "Car", [0, 1], bw.Cuboids([GOLDEN_CENTER] * 2, [GOLDEN_SIZE] * 2, [0.5] * 2, frame="lidar"), visibility=[0, 2])
    scene = bw.Scene("a", np.array([0, 1]), {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")
    report = bw.write(scene, tmp_path / "a", "kitti_raw", dialect="cvat")
    assert [line.of for line in report.dropped if "track_ids" in line.fields] == [told]
    assert [track.track_id for track in bw.read(tmp_path / "a").tracks] == back


def test_names_of_tracks_that_contradict_each_other(tmp_path):
    scene = bw.read(raw.make(tmp_path / "a", raw.xml(raw.tracklet(raw.pose()), raw.tracklet(raw.pose(), kind="Van"))))
    bw.write(scene, tmp_path / "b", "kitti_raw", dialect="cvat")
    (file,) = (tmp_path / "b").rglob("tracklet_labels.xml")
    file.write_text(file.read_text().replace("<value>1</value>", "<value>0</value>"))
    assert [track.track_id for track in bw.read(tmp_path / "b").tracks] == ["0", "1"]
    assert kitti_raw_dialects.track_names([]) == []


# ------------------------------------------------------------ the clients


EXPORT = """
import json, sys
from datumaro.components.annotation import AnnotationType, Cuboid3d, LabelCategories
from datumaro.components.dataset import Dataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import PointCloud
rows = json.loads(sys.argv[2])
items = [DatasetItem(id=f"f{i}", attributes={"frame": i}, annotations=[
    Cuboid3d(position=p, rotation=r, scale=s, label=0, attributes={"track_id": t, "occluded": t == 1}) for j, t, p, r, s in rows if i == j])
    for i in range(4)]
labels = {AnnotationType.label: LabelCategories.from_iterable(["Car"])}
Dataset.from_iterable(items, categories=labels, media_type=PointCloud).export(sys.argv[1], "kitti_raw", save_media=False)
"""


@pytest.mark.peers
def test_a_file_of_datumaros_own_exporter(tmp_path):
    """Centres, sizes along x, y, z, and Rx @ Ry @ Rz, as CVAT hands them to it; a gap in a track stays one."""
    python = python_with("datumaro")
    if python is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    rows = [(i, 1, [10.5 + i, 2.25, -0.5], [0.1, -0.2, 0.75], [4.5, 1.75, 1.5]) for i in (0, 1, 3)]
    rows.append((1, 2, [5, -3, -0.75], [0, 0, -3.0], [4, 2, 1.5]))
    subprocess.run([python, "-c", EXPORT, str(tmp_path / "out"), json.dumps(rows)], check=True, capture_output=True, timeout=300)
    scene = bw.read(tmp_path / "out")
    assert scene.frame_ids == ("f0", "f1", "f2", "f3") and [len(scene.cuboids(i)) for i in range(4)] == [1, 2, 0, 1]
    assert any("was written by Datumaro, as CVAT exports it" in note for note in scene.notes)
    for i, track, position, rotation, size in rows:
        cuboid = scene.cuboids(i)[track - 1 : track]
        np.testing.assert_allclose(cuboid.center_m, [position], rtol=0, atol=1e-12)
        np.testing.assert_allclose(cuboid.size_m, [size], rtol=0, atol=1e-12)
        turn = bw.Pose.from_quat(quat_from_euler(rotation, "XYZ")).rotation
        np.testing.assert_allclose(cuboid.rotation[0], turn, rtol=0, atol=1e-12)
    assert scene.tracks[0].visibility.tolist() == [1, 1, 2, 1]


# ------------------------------------------------------------ real recordings


def test_real_tracklets_are_the_same_bytes(real_data, tmp_path):
    scene = bw.read(real_data / "kitti_raw")
    bw.write(scene, tmp_path / "a", "kitti_raw")
    (source,) = (real_data / "kitti_raw").rglob("tracklet_labels.xml")
    assert labels_of(tmp_path / "a") == source.read_text("utf-8")
    assert sum(len(track) for track in scene.tracks) == 572 and not any("Datumaro" in note for note in scene.notes)


@pytest.mark.peers
def test_datumaro_skips_what_is_out_of_the_image(real_data):
    """14 poses of truncation 2: it is told that they are skipped, and with CVAT's dialect none is."""
    if python_with("datumaro") is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = bw.read(real_data / "kitti_raw")
    own = bw.certify(scene, "kitti_raw")
    assert own.holds and own.readings[1].skipped.startswith("14 cuboids skipped by design")
    assert any("14 labels with truncation 2 or 99" in note for note in own.report.notes)
    other = bw.certify(scene, "kitti_raw", dialect="cvat")
    assert other.holds and not other.readings[1].skipped


AGAIN = """
import sys
from datumaro.components.dataset import Dataset
Dataset.import_from(sys.argv[1], "kitti_raw").export(sys.argv[2], "kitti_raw", save_media=False)
"""


@pytest.mark.peers
def test_real_tracklets_that_went_through_datumaro(real_data, tmp_path):
    """They have its marks, no labels out of the image, and 2 decimals: 0.005 m for each place, and half of what each size is off."""
    python = python_with("datumaro")
    if python is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    (source,) = (real_data / "kitti_raw").rglob("tracklet_labels.xml")
    subprocess.run([python, "-c", AGAIN, str(source.parent.resolve()), str(tmp_path / "out")], check=True, capture_output=True, timeout=300)
    scene, given = bw.read(tmp_path / "out"), bw.read(real_data / "kitti_raw")
    assert any("of labels of KITTI's own, as the sizes of 15 tracklets tell" in note for note in scene.notes)
    n = 0
    for i in range(len(scene)):
        for center, size in zip(scene.cuboids(i).center_m, scene.cuboids(i).size_m):
            near = np.abs(given.cuboids(i).center_m - center).max(axis=1)
            assert near.min() < 0.0076 and np.abs(given.cuboids(i).size_m[near.argmin()] - size).max() < 0.0051
            n += 1
    assert n == 558
