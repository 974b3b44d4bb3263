"""labelCloud: numbers worked by hand in its three ways of writing, planted faults, tilted cuboids against its own way of turning, identity."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import labelcloud, labelcloud_writer
from platform_scenes import CENTER, FAULTS, SIZE, TOL, YAW, check_golden, faulty, golden, moving_scene, same_labels_in_lidar, save, to_digits, tracked

DEGREES = (0.0, 0.0, math.degrees(YAW))
TILT = (20.0, 350.0, 40.1070456591576)  # degrees about z, then y, then x of the turned cuboid
BELOW = ((-1, -1), (-1, 1), (1, 1), (1, -1))


def label(center=CENTER, size=SIZE, angles=DEGREES, name="car", **more):
    dimensions = dict(zip(("length", "width", "height"), size))
    return {"name": name, "centroid": dict(zip("xyz", center)), "dimensions": dimensions, "rotations": dict(zip("xyz", angles)), **more}


def make(folder, *objects, format="centroid_abs"):
    """Three clouds; the second has no label."""
    found = {"a": list(objects) or [label(track_id="7", seen=1), label((5, 6, 0.9), name="person")], "c": [label(track_id="7")]}
    for name, listed in found.items():
        save(folder / f"labels/{name}.json", {"folder": "pointclouds", "filename": f"{name}.pcd", "path": f"x/{name}.pcd", "objects": listed})
    if format is not None:
        classes = [{"name": "car", "id": 3, "color": "#112233"}]
        save(folder / "labels/_classes.json", {"classes": classes, "default": 3, "type": "object_detection", "format": format, "created_with": "x"})
    for name in "abc":
        bw.write_points(bw.Sweep(np.array([CENTER, (1.5, 2, -1.7)], np.float32)), folder / f"pointclouds/{name}.pcd")
    return folder


def corners(center=CENTER, size=SIZE, yaw=YAW):
    """Where a hand puts them: round below, then above."""
    c, s = math.cos(yaw), math.sin(yaw)
    flat = [(x * size[0] / 2, y * size[1] / 2) for x, y in BELOW]
    return [[center[0] + c * x - s * y, center[1] + s * x + c * y, center[2] + z * size[2] / 2] for z in (-1, 1) for x, y in flat]


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path / "street"))
    assert (scene.format, scene.name, scene.frame_ids, scene.has_time, scene.label_frame) == ("labelcloud", "street", ("a", "b", "c"), False, "lidar")
    car = scene.track("7")
    check_golden(car.cuboids[:1])
    assert (car.category, car.visibility.tolist()) == ("car", [0, 2, 0])
    assert [track.track_id for track in scene.tracks] == ["7", "a/1"] and any("1 label without a track_id" in note for note in scene.notes)
    np.testing.assert_array_equal(scene.points(1).xyz[0], np.array(CENTER, np.float32))


@pytest.mark.parametrize(
    ("one", "format"),
    [
        (label(angles=(0, 0, YAW)), "centroid_rel"),
        ({"name": "car", "vertices": corners()}, "vertices"),
        ({"name": "car", "vertices": corners()}, None),
    ],
)
def test_golden_numbers_in_other_ways(tmp_path, one, format):
    check_golden(bw.read(make(tmp_path, one, format=format)).tracks[0].cuboids[:1])


@pytest.mark.parametrize(("yaw", "told"), [(-YAW, -YAW), (YAW, YAW), (-YAW, 360 - math.degrees(YAW))])
def test_degrees_or_radians_where_nobody_tells(tmp_path, yaw, told):
    """By the angles of all files: beyond half a turn of radians they are degrees."""
    make(tmp_path, label(angles=(0, 0, told)), format=None)
    (tmp_path / "labels/c.json").unlink()
    scene = bw.read(tmp_path)
    check_golden(scene.tracks[0].cuboids, yaw=yaw)
    assert any("taken for radians" in note for note in scene.notes) == (told == YAW)


def test_tilted_cuboids_turn_about_x_then_y_then_z(tmp_path):
    """As labelCloud does it: a corner is turned about the world's x, then y, then z."""
    scene = bw.read(make(tmp_path, label(angles=TILT)))
    x, y, z = np.radians(TILT)
    turn_x = np.array([[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]])
    turn_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    turn_z = np.array([[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]])
    np.testing.assert_allclose(scene.tracks[0].cuboids.rotation[0], turn_z @ turn_y @ turn_x, rtol=0, atol=TOL)
    for layout in labelcloud.FORMATS:
        bw.write(scene, tmp_path / layout, "labelcloud", layout=layout)
        back = bw.read(tmp_path / layout)
        np.testing.assert_allclose(back.tracks[0].cuboids.corners_m(), scene.tracks[0].cuboids.corners_m(), rtol=0, atol=1e-9)
    told = json.loads((tmp_path / "centroid_abs/labels/a.json").read_text())["objects"][0]["rotations"]
    np.testing.assert_allclose([told[axis] for axis in "xyz"], TILT, rtol=0, atol=1e-9)


def test_a_broken_file_beside_others_where_nobody_tells_the_angles(tmp_path):
    make(tmp_path, format=None)
    (tmp_path / "labels/c.json").write_text("{")
    with pytest.raises(bw.FormatError, match=r"c\.json"):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.track_id for track in scene.tracks] == ["7", "a/1"] and len(scene.problems) == 1


@pytest.mark.parametrize("format", [{"a": 1}, ["x"], 7, "unheard"])
def test_a_format_that_nobody_knows(tmp_path, format):
    """Then the angles tell."""
    make(tmp_path)
    save(tmp_path / "labels/_classes.json", {"classes": [], "format": format})
    check_golden(bw.read(tmp_path).track("7").cuboids[:1])


def test_whole_numbers_name_tracks_too(tmp_path):
    scene = bw.read(make(tmp_path, label(track_id=7)))
    assert [(track.track_id, track.visibility.tolist()) for track in scene.tracks] == [("7", [0, 2, 0])]


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("one", [label(), {"name": "car", "vertices": corners()}])
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, one, name):
    for honest in (labelcloud.cuboid_from_centroid, labelcloud.cuboid_from_vertices):
        monkeypatch.setattr(labelcloud, honest.__name__, lambda *args, honest=honest: FAULTS[name](*honest(*args)))
    scene = bw.read(make(tmp_path, one))
    with pytest.raises(AssertionError):
        check_golden(scene.tracks[0].cuboids[:1])


def written(folder, scene, layout="centroid_abs"):
    bw.write(scene, folder, "labelcloud", layout=layout)
    return json.loads((folder / "labels/000000.json").read_text())["objects"][0]


def check_written(centroid, vertices):
    for part, values in (("centroid", CENTER), ("dimensions", SIZE), ("rotations", DEGREES)):
        np.testing.assert_allclose(list(centroid[part].values()), values, rtol=0, atol=1e-9)
    assert list(centroid["dimensions"]) == ["length", "width", "height"]  # labelCloud takes them by place
    np.testing.assert_allclose(vertices["vertices"], corners(), rtol=0, atol=TOL)


def test_written_numbers(tmp_path):
    scene = tracked(golden())
    check_written(written(tmp_path / "c", scene), written(tmp_path / "v", scene, "vertices"))
    told = written(tmp_path / "r", tracked(golden(angles=(0, 0, -YAW))), "centroid_rel")["rotations"]
    np.testing.assert_allclose(list(told.values()), (0, 0, -YAW), rtol=0, atol=TOL)
    classes = json.loads((tmp_path / "r/labels/_classes.json").read_text())
    assert (classes["format"], classes["type"], [one["name"] for one in classes["classes"]]) == ("centroid_rel", "object_detection", ["car"])


@pytest.mark.parametrize("name", FAULTS)
def test_written_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    for honest in (labelcloud_writer.centroids_from_cuboids, labelcloud_writer.vertices_from_cuboids):
        faulted = lambda cuboids, *more, honest=honest: honest(faulty(name, cuboids), *more)  # noqa: E731
        monkeypatch.setattr(labelcloud_writer, honest.__name__, faulted)
    scene = tracked(golden())
    centroid, vertices = written(tmp_path / "c", scene), written(tmp_path / "v", scene, "vertices")
    for good in ("centroid", "vertices"):  # each of the two finds it alone
        honest_vertices, honest_centroid = {"vertices": corners()}, label()
        with pytest.raises(AssertionError):
            check_written(centroid if good == "centroid" else honest_centroid, vertices if good == "vertices" else honest_vertices)


@pytest.mark.parametrize("layout", labelcloud.FORMATS)
def test_every_frame_shows_what_the_track_is_in_the_world(tmp_path, layout):
    scene = moving_scene()
    report = bw.write(scene, tmp_path / "out", "labelcloud", layout=layout)
    same_labels_in_lidar(scene, bw.read(tmp_path / "out"))
    assert "attributes" in report.dropped and any("that 1 keyframe is occluded" in line for line in report.dropped)


def test_identity_survives(tmp_path):
    bw.write(bw.read(make(tmp_path / "in")), tmp_path / "out", "labelcloud")
    for name in ("a.json", "c.json"):
        before, after = (to_digits(json.loads((tmp_path / one / "labels" / name).read_text())) for one in ("in", "out"))
        assert after == before
    before, after = (json.loads((tmp_path / one / "labels/_classes.json").read_text()) for one in ("in", "out"))
    assert after["classes"][:1] == before["classes"] and (after["default"], after["created_with"]) == (3, "x")
    assert [one["id"] for one in after["classes"]] == [3, 4]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (label(size=(4.2, -1.7, 1.4)), r"objects\[0\].dimensions: expected a positive length, width and height"),
        (label(angles=(0, 0, 1e300)), "rotations: expected angles under"),
        ({"name": "car", "vertices": [*corners()[:7], [0, 0, 0]]}, "vertices: expected the corners of a cuboid"),
        ({"name": "car", "vertices": corners()[:7]}, "vertices: expected 8 rows, got 7"),
        ({"name": "car", "vertices": [list(CENTER)] * 8}, "vertices: expected a positive length"),
        (label(name=" "), "name: expected a text that is not empty"),
        (label(track_id=7.5), "track_id: expected a whole number or a text"),
        (label(track_id=True), "track_id: expected a whole number or a text"),
    ],
)
def test_bad_records(tmp_path, bad, message):
    make(tmp_path, bad, label(track_id="8"))
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.track_id for track in scene.tracks] == ["8", "7"] and [problem.record for problem in scene.problems] == [bad]


def test_a_tiny_angle_below_zero_is_zero():
    """-1e-17 rad was written as 360 degrees."""
    level = bw.Cuboids([[0.0, 0, 0]], [[4.0, 2, 1.5]], quat_wxyz=[[1.0, -5e-18, -5e-18, -5e-18]], frame="lidar")
    for said in labelcloud_writer.centroids_from_cuboids(level, True) + labelcloud_writer.centroids_from_cuboids(level, False):
        assert list(said["rotations"].values()) == pytest.approx([0, 0, 0], abs=1e-12)
