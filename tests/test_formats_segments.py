"""Segments.ai's sequences: numbers worked by hand, planted faults, poses, links, identity, and what its own classes hold."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import segments, segments_writer
from platform_scenes import (
    ANGLES,
    CENTER,
    FAULTS,
    SIZE,
    TOL,
    YAW,
    check_golden,
    check_tilted,
    faulty,
    golden,
    moving_scene,
    same_labels_in_lidar,
    save,
    tracked,
)

pytestmark = pytest.mark.filterwarnings("ignore::boxwright.errors.SensorFrameFallback")
HEADING = {"qx": 0.0, "qy": 0.0, "qz": math.sin(0.2), "qw": math.cos(0.2)}  # turned by 0.4


def turned(angles=ANGLES):
    """Rx @ Ry @ Rz as qx, qy, qz, qw."""
    (sa, sb, sc), (ca, cb, cc) = np.sin(np.divide(angles, 2)), np.cos(np.divide(angles, 2))
    w, x = ca * cb * cc - sa * sb * sc, sa * cb * cc + ca * sb * sc
    y, z = ca * sb * cc - sa * cb * sc, ca * cb * sc + sa * sb * cc
    return {"qx": x, "qy": y, "qz": z, "qw": w}


def cuboid(center=CENTER, size=SIZE, yaw=YAW, track=7, category=4, number=1, **more):
    return {
        "id": number,
        "track_id": track,
        "category_id": category,
        "type": "cuboid",
        "position": dict(zip("xyz", center)),
        "dimensions": dict(zip("xyz", size)),
        "yaw": yaw,
        "is_keyframe": True,
        "attributes": {"colour": "red"},
        **more,
    }


def make(folder, *frames, poses=True, stamps=(5, "7", 9.0)):
    """Three frames; a man in the second, beside the car that is in the others."""
    found = frames or (
        {"annotations": [cuboid(number=3, type="cuboid-sync", velocity={"absolute": 1.5, "relative": None})]},
        {"annotations": [cuboid((5, 6, 0.9), track=8, category=9)]},
        {"annotations": [cuboid(rotation=turned(), is_keyframe=False)]},
    )
    links = [{"from_id": 7, "to_id": 8, "attributes": {"near": True}}, {"from_id": 8, "to_id": 7, "attributes": {"kind": "owns"}}]
    top = {"format_version": "0.2", "frames": list(found), **({} if frames else {"links": links}), "image_attributes": {"rain": False}}
    save(folder / "label.json", top)
    given = []
    for i, stamp in enumerate(stamps[: len(found)]):
        pose = {"ego_pose": {"position": {"x": 100.0 + i, "y": 50.0, "z": 2.0}, "heading": HEADING}} if poses else {}
        given.append(
            {"pcd": {"url": f"https://x/{'abc'[i]}.pcd?s=1", "type": "pcd"}, "name": "abc"[i], "timestamp": stamp, "default_z": -1.7, **pose}
        )
    save(folder / "sample.json", {"frames": given})
    names = [{"id": 4, "name": "car", "color": [1, 2, 3]}, {"id": 9, "name": "person"}]
    save(folder / "categories.json", {"format_version": "0.1", "categories": names})
    bw.write_points(bw.Sweep(np.array([CENTER, (1.5, 2, -1.7)], np.float32)), folder / "pointclouds/b.pcd")
    return folder


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path / "clip"))
    assert (scene.format, scene.name, scene.frame_ids, scene.has_time, scene.label_frame) == ("segments", "clip", ("a", "b", "c"), True, "world")
    assert scene.times_ns.tolist() == [5, 7, 9]
    car = scene.track("7")
    check_golden(car.cuboids[:1])
    check_tilted(scene.cuboids(2, "world"))
    assert (car.category, scene.track("8").category) == ("car", "person")
    assert car.origin.tolist()[::2] == [bw.Origin.GIVEN, bw.Origin.FILLED] and car.keyframe_attributes[0] == {"colour": "red"}
    np.testing.assert_allclose(scene.transform("world", "lidar", 7).apply([(1, 0, 0)]), [(101 + math.cos(0.4), 50 + math.sin(0.4), 2)], atol=TOL)
    assert [scene.has_points(i) for i in range(3)] == [False, True, False] and scene.points(1).timestamp_ns == 7
    assert [(one.kind, one.subject, one.object) for one in scene.relations] == [("link", "7", "8"), ("owns", "8", "7")]


def test_without_poses_cuboids_are_in_the_frame_of_the_cloud(tmp_path):
    scene = bw.read(make(tmp_path, poses=False, stamps=(5, 7, None)))
    assert (scene.label_frame, scene.has_time) == ("lidar", False)
    check_golden(scene.cuboids(0))


def test_a_pose_that_is_missing(tmp_path):
    """The labels are in the world as long as there is one: between poses it comes from its neighbours, before and after them nobody makes it up."""
    make(tmp_path)
    sample = json.loads((tmp_path / "sample.json").read_text())
    del sample["frames"][1]["ego_pose"]
    save(tmp_path / "sample.json", sample)
    scene = bw.read(tmp_path)
    assert scene.label_frame == "world" and any("1 frame does not tell where the LiDAR was" in note for note in scene.notes)
    np.testing.assert_allclose(scene.transform("world", "lidar", 7).translation_m, (101, 50, 2), rtol=0, atol=TOL)
    del sample["frames"][2]["ego_pose"]
    save(tmp_path / "sample.json", sample)
    with pytest.raises(bw.FormatError, match="got none in 2 frames, the first of them 'b'"):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert scene.label_frame == "world" and not scene.has_points(1) and any("is not known for 2 frames" in note for note in scene.notes)


def test_times_in_seconds_are_not_taken_for_nanoseconds(tmp_path):
    """Cut to whole numbers, two frames of one second would be at one time. Whole nanoseconds keep all digits."""
    scene = bw.read(make(tmp_path / "seconds", stamps=(1700000000.1, "1700000000.2", 1700000001)))
    assert (scene.has_time, scene.times_ns.tolist()) == (False, [0, 1, 2])
    assert any("timestamps such as 1700000000.1 are no whole nanoseconds" in note for note in scene.notes)
    scene = bw.read(make(tmp_path / "whole", stamps=(1700000000100000001, "1700000000200000003.0", 1.7e18 + 3e9)))
    assert scene.times_ns.tolist() == [1700000000100000001, 1700000000200000003, 1700000003000000000]


def test_names_of_attributes_come_back(tmp_path):
    scene = tracked(golden())
    names = {"boxwright_track_id": "mine", "boxwright.odd": 3, "colour": "red"}
    bw.write(scene.replace(tracks=[scene.tracks[0].replace(attributes=names)]), tmp_path / "out", "segments")
    (track,) = bw.read(tmp_path / "out").tracks
    assert {**track.attributes, **(track.keyframe_attributes[0] if track.keyframe_attributes else {})} == names


@pytest.mark.parametrize("name", FAULTS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = segments.cuboid_from_annotation
    monkeypatch.setattr(segments, "cuboid_from_annotation", lambda node: FAULTS[name](*honest(node)))
    scene = bw.read(make(tmp_path))
    with pytest.raises(AssertionError):
        check_golden(scene.track("7").cuboids[:1])


def written(folder, scene):
    bw.write(scene, folder, "segments")
    return json.loads((folder / "label.json").read_text())


def check_written(top):
    (first,) = top["frames"][0]["annotations"]
    assert (first["type"], first["track_id"], first["is_keyframe"], "rotation" in first) == ("cuboid", 7, True, False)
    for part, values in (("position", CENTER), ("dimensions", SIZE)):
        np.testing.assert_allclose([first[part][axis] for axis in "xyz"], values, rtol=0, atol=TOL)
    np.testing.assert_allclose(first["yaw"], YAW, rtol=0, atol=TOL)


def test_written_numbers(tmp_path):
    top = written(tmp_path / "out", tracked(golden()))
    check_written(top)
    (tilted,) = written(tmp_path / "tilted", tracked(golden(angles=ANGLES)))["frames"][0]["annotations"]
    np.testing.assert_allclose([tilted["rotation"][part] for part in turned()], list(turned().values()), rtol=0, atol=TOL)
    names = json.loads((tmp_path / "out/categories.json").read_text())["categories"]
    assert names == [{"id": 1, "name": "car"}]


@pytest.mark.parametrize("name", FAULTS)
def test_written_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = segments_writer.annotation_from_cuboids
    monkeypatch.setattr(segments_writer, "annotation_from_cuboids", lambda cuboids: honest(faulty(name, cuboids)))
    with pytest.raises(AssertionError):
        check_written(written(tmp_path / "out", tracked(golden())))


def test_the_world_and_its_times(tmp_path):
    scene = moving_scene()
    scene = scene.replace(relations=[bw.Relation("follows", "walker", "12", (int(scene.times_ns[1]), int(scene.times_ns[2])))])
    report = bw.write(scene, tmp_path / "out", "segments")
    assert any("the times in which 1 relation holds" in line for line in report.dropped)
    assert any("that 1 keyframe is occluded" in line for line in report.dropped)
    back = bw.read(tmp_path / "out")
    np.testing.assert_array_equal(back.times_ns, scene.times_ns)
    same_labels_in_lidar(scene, back)
    for i in range(len(scene)):
        mine, theirs = (one.transform("world", "lidar", int(one.times_ns[i])) for one in (scene, back))
        np.testing.assert_allclose(theirs.matrix(), mine.matrix(), rtol=0, atol=1e-12)
    assert [(one.kind, one.subject, one.object) for one in back.relations] == [("follows", "walker", "12")]
    assert [row["speed"] for row in back.track("walker").keyframe_attributes] == [0.5, 1.25]
    np.testing.assert_array_equal(back.track("12").cuboids.center_m[0], scene.track("12").cuboids.center_m[0])  # bit by bit


def test_identity_survives(tmp_path):
    bw.write(bw.read(make(tmp_path / "in")), tmp_path / "out", "segments")
    before, after = (json.loads((tmp_path / one / "label.json").read_text()) for one in ("in", "out"))
    assert after["image_attributes"] == before["image_attributes"] and after["links"] == before["links"]
    for i, (mine, theirs) in enumerate(zip(after["frames"], before["frames"], strict=True)):
        for one, other in zip(mine["annotations"], theirs["annotations"], strict=True):
            same = {**other, "is_keyframe": True}
            if i == 2:  # a quaternion was given; its own heading is written beside it
                np.testing.assert_allclose([one["rotation"][part] for part in turned()], list(turned().values()), rtol=0, atol=TOL)
                one, same = ({key: value for key, value in some.items() if key not in ("rotation", "yaw")} for some in (one, same))
            assert one == same
    mine, theirs = (json.loads((tmp_path / one / "categories.json").read_text()) for one in ("out", "in"))
    assert mine == theirs
    mine, theirs = (json.loads((tmp_path / one / "sample.json").read_text())["frames"] for one in ("out", "in"))
    assert [(one["name"], one["default_z"], int(one["timestamp"])) for one in mine] == [
        (one["name"], one["default_z"], int(one["timestamp"])) for one in theirs
    ]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (cuboid(size=(4.2, -1.7, 1.4)), r"frames\[0\].annotations\[0\].dimensions: expected a positive length, width and height"),
        (cuboid(rotation={"qx": 9, "qy": 9, "qz": 9, "qw": 9}), "rotation: expected a quaternion of length 1, got 18"),
        (cuboid(track="7"), "track_id: expected a whole number"),
        (cuboid(yaw=1e300), "yaw: expected an angle under"),
        ({**cuboid(), "dimensions": {"x": 1}}, "dimensions: a field is missing: expected 'y'"),
    ],
)
def test_bad_records(tmp_path, bad, message):
    make(tmp_path, {"annotations": [bad, cuboid(track=9)]})
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.track_id for track in scene.tracks] == ["9"] and [problem.record for problem in scene.problems] == [bad]


def test_a_label_alone(tmp_path):
    """Without the sample and the categories."""
    make(tmp_path / "in")
    (tmp_path / "label.json").write_bytes((tmp_path / "in/label.json").read_bytes())
    scene = bw.read(tmp_path / "label.json")
    assert (scene.label_frame, scene.has_time, len(scene)) == ("lidar", False, 3)
    assert scene.track("7").category == "4" and any("does not name the categories 4, 9" in note for note in scene.notes)
