"""Supervisely projects of point clouds: numbers worked by hand, planted faults, tags in their frames, identity, and what others read."""

from __future__ import annotations

import json
import uuid

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.clients import python_with
from boxwright.formats import supervisely, supervisely_writer
from platform_scenes import (
    ANGLES,
    CENTER,
    FAULTS,
    SIZE,
    TOL,
    YAW,
    asked,
    check_golden,
    check_tilted,
    faulty,
    golden,
    moving_scene,
    same_labels_in_lidar,
    save,
    to_digits,
    tracked,
)

CAR, MAN, EPISODE = (uuid.UUID(int=n).hex for n in (7, 8, 9))


ACROSS = (1.7, 4.2, 1.4)  # SIZE as Supervisely has it: width, length, height


def figure(center=CENTER, angles=(0, 0, YAW), size=SIZE, thing=CAR, number=1, **more):
    """As CVAT has it: looking along its own x."""
    geometry = {part: dict(zip("xyz", values)) for part, values in (("position", center), ("rotation", angles), ("dimensions", size))}
    return {"key": uuid.UUID(int=100 + number).hex, "objectKey": thing, "geometryType": "cuboid_3d", "geometry": geometry, **more}


def looking_along_y(one):
    """The same as Supervisely has it."""
    turn, size = (one["geometry"][part] for part in ("rotation", "dimensions"))
    geometry = {**one["geometry"], "rotation": {**turn, "z": turn["z"] - np.pi / 2}, "dimensions": {"x": size["y"], "y": size["x"], "z": size["z"]}}
    return {**one, "geometry": geometry}


def tag(name, value, *span):
    return {"key": uuid.UUID(int=50).hex, "name": name, "value": value, **({"frameRange": list(span)} if span else {})}


OBJECTS = [
    {"key": CAR, "classTitle": "car", "tags": [tag("colour", "red"), tag("speed", 1.5, 0, 1), tag("occluded", "true", 2, 2)], "labelerLogin": "x"},
    {"key": MAN, "classTitle": "person", "tags": []},
]
META = {
    "classes": [{"title": name, "shape": "cuboid_3d", "color": "#112233", "id": n} for n, name in enumerate(("van", "car", "person"))],
    "tags": [
        {"name": name, "value_type": kind, "color": "#000000", "applicable_type": "objectsOnly", "classes": []}
        for name, kind in (("colour", "any_string"), ("speed", "any_number"), ("occluded", "any_string"))
    ],
    "projectType": "point_cloud_episodes",
}


def common(folder, dataset):
    save(folder / "meta.json", META)
    save(folder / "key_id_map.json", {"tags": {}, "objects": {CAR: 7}, "figures": {}, "videos": {}})
    bw.write_points(bw.Sweep(np.array([CENTER, (1.5, 2, -1.7)], np.float32)), folder / dataset / "pointcloud/b.pcd")
    return folder


def episode(folder, *frames):
    """Three frames, told out of order; the middle one has no car."""
    given = frames or (
        {"index": 2, "figures": [looking_along_y(figure(angles=ANGLES, number=2))]},
        {"index": 0, "figures": [figure(size=ACROSS, angles=(0, 0, YAW - np.pi / 2))]},
        {"index": 1, "figures": [looking_along_y(figure((5, 6, 0.9), thing=MAN, number=3, track="?"))]},
    )
    top = {"description": "d", "key": EPISODE, "tags": [], "objects": OBJECTS, "framesCount": 3, "frames": list(given), "datasetId": 4}
    top |= {"meta": {"made by": "x"}, "clouds": 2}  # names that we have a use for too
    save(folder / "street/annotation.json", top)
    save(folder / "street/frame_pointcloud_map.json", {str(i): f"{name}.pcd" for i, name in enumerate("abc")})
    return common(folder, "street")


def clouds(folder, dataset="ds0", of_cvat=True):
    for i, name in enumerate("abc"):
        tags = [tag("speed", 1.5)] if i < 2 else [tag("occluded", "true")]
        thing = {**OBJECTS[0], "tags": [tag("colour", "red"), *tags]}
        one = figure((5, 6, 0.9), thing=MAN, number=3) if i == 1 else figure(angles=ANGLES if i else (0, 0, YAW), number=i)
        thing = OBJECTS[1] if i == 1 else thing
        thing = {**thing, "objects": [], "figures": []} if of_cvat else thing
        one = one if of_cvat else looking_along_y(one)
        top = {"description": "", "key": uuid.UUID(int=20 + i).hex, "tags": [], "objects": [thing], "figures": [one]}
        save(folder / f"{dataset}/ann/{name}.pcd.json", top)
    return common(folder, dataset)


def clouds_of_supervisely(folder):
    return clouds(folder, of_cvat=False)


@pytest.mark.parametrize("make", [episode, clouds, clouds_of_supervisely])
def test_golden_numbers(tmp_path, make):
    """Which way a cuboid looks is another matter for Supervisely than for CVAT."""
    scene = bw.read(make(tmp_path))
    assert (scene.format, scene.frame_ids, scene.has_time, scene.label_frame) == ("supervisely", ("a", "b", "c"), False, "lidar")
    car = scene.track("7")
    check_golden(car.cuboids[:1])
    check_tilted(car.cuboids[2:])
    assert (car.category, car.visibility.tolist()) == ("car", [0, 2, 1])
    assert [row.get("colour") for row in car.keyframe_attributes] == ["red", None, "red"]
    assert [row.get("speed") for row in car.keyframe_attributes] == [1.5, None, None]
    assert [scene.has_points(i) for i in range(3)] == [False, True, False]
    np.testing.assert_array_equal(scene.points(1).xyz[0], np.array(CENTER, np.float32))
    if make is episode:
        assert scene.name == "street" and [track.track_id for track in scene.tracks] == ["7", MAN]


@pytest.mark.parametrize("name", FAULTS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = supervisely.cuboid_from_geometry
    monkeypatch.setattr(supervisely, "cuboid_from_geometry", lambda *args: FAULTS[name](*honest(*args)))
    scene = bw.read(episode(tmp_path))
    with pytest.raises(AssertionError):
        check_golden(scene.track("7").cuboids[:1])


def written(folder, scene, layout="episode"):
    bw.write(scene, folder, "supervisely", layout=layout)
    if layout == "episode":
        return json.loads((folder / "clip/annotation.json").read_text())
    return json.loads((folder / "ds0/ann/000000.pcd.json").read_text())


def check_written(top):
    figures = top["figures"] if "figures" in top else top["frames"][0]["figures"]
    (first,), (thing,) = figures, top["objects"]
    assert (first["geometryType"], first["objectKey"], thing["classTitle"]) == ("cuboid_3d", thing["key"], "car")
    is_episode = "frames" in top
    size, turn = (ACROSS, YAW - np.pi / 2) if is_episode else (SIZE, YAW)
    for part, values in (("position", CENTER), ("dimensions", size), ("rotation", (0, 0, turn))):
        np.testing.assert_allclose([first["geometry"][part][axis] for axis in "xyz"], values, rtol=0, atol=TOL)


@pytest.mark.parametrize("layout", ["episode", "clouds"])
def test_written_numbers(tmp_path, layout):
    check_written(written(tmp_path / "out", tracked(golden()), layout))
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert [(one["title"], one["shape"]) for one in meta["classes"]] == [("car", "cuboid_3d")]
    scene = bw.read(tmp_path / "out")
    assert [track.track_id for track in scene.tracks] == ["7"] and scene.frame_ids == ("000000", "000001", "000002")


@pytest.mark.parametrize("name", FAULTS)
def test_written_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = supervisely_writer.geometry_from_cuboids
    monkeypatch.setattr(supervisely_writer, "geometry_from_cuboids", lambda cuboids, *more: honest(faulty(name, cuboids), *more))
    with pytest.raises(AssertionError):
        check_written(written(tmp_path / "out", tracked(golden())))


@pytest.mark.parametrize("layout", ["episode", "clouds"])
def test_every_frame_shows_what_the_track_is_in_the_world(tmp_path, layout):
    scene = moving_scene()
    bw.write(scene, tmp_path / "out", "supervisely", layout=layout)
    back = bw.read(tmp_path / "out")
    same_labels_in_lidar(scene, back)
    walker = back.track("walker")
    assert walker.visibility.tolist() == [1, 0] and [row["speed"] for row in walker.keyframe_attributes] == [0.5, 1.25]
    assert back.track("12").keyframe_attributes[0] == {"colour": "red"} and len(back.track("12")) == 5


def by_frame(top):
    return {frame["index"]: frame["figures"] for frame in top["frames"]}


def test_identity_survives(tmp_path):
    """Keys, ids, classes nobody used, tags with their frames, and what nobody knows, as they came."""
    episode(tmp_path / "in")
    bw.write(bw.read(tmp_path / "in"), tmp_path / "out", "supervisely")
    before, after = (json.loads((tmp_path / one / "street/annotation.json").read_text()) for one in ("in", "out"))
    assert to_digits(by_frame(after)) == to_digits(by_frame(before))
    others = ("description", "key", "tags", "framesCount", "datasetId", "meta", "clouds")
    assert {key: after[key] for key in others} == {key: before[key] for key in others}
    for mine, theirs in zip(after["objects"], before["objects"], strict=True):
        assert {**mine, "tags": []} == {**theirs, "tags": []}
    named = {one["name"]: one for one in after["objects"][0]["tags"]}
    assert (named["colour"]["value"], "frameRange" in named["colour"]) == ("red", False)
    assert (named["speed"]["value"], named["speed"]["frameRange"]) == (1.5, [0, 0])  # of the frames that it is in
    assert (named["occluded"]["value"], named["occluded"]["frameRange"]) == ("true", [2, 2])
    assert json.loads((tmp_path / "out/meta.json").read_text())["classes"] == META["classes"]
    assert json.loads((tmp_path / "out/key_id_map.json").read_text())["objects"][CAR] == 7
    again = bw.read(tmp_path / "out")
    assert [track.track_id for track in again.tracks] == ["7", MAN]
    bw.write(again, tmp_path / "twice", "supervisely")
    assert to_digits(json.loads((tmp_path / "twice/street/annotation.json").read_text())) == to_digits(after)
    for name in ("meta.json", "key_id_map.json", "street/frame_pointcloud_map.json"):
        assert (tmp_path / "twice" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_names_of_attributes_that_mean_something_there(tmp_path):
    scene = tracked(golden())
    said = {"occluded": 2, "track_id": "t", "boxwright_track_id": "u", "wet": True, "list": [1, 2]}
    scene = scene.replace(tracks=[scene.tracks[0].replace(track_id="a b", attributes=said)])
    report = bw.write(scene, tmp_path / "out", "supervisely")
    (track,) = bw.read(tmp_path / "out").tracks
    assert (track.track_id, track.visibility.tolist()) == ("a b", [0, 0, 0])
    assert track.keyframe_attributes[0] == {**said, "wet": "true", "list": "[1, 2]"}
    assert any("attributes that become texts: list, wet" in line for line in report.rounded)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (figure(size=(4.2, -1.7, 1.4)), "dimensions: expected a positive length, width and height"),
        (figure(thing="?"), r"objectKey: expected the key of an object of the file, got '\?'"),
        ({**figure(), "geometry": {}}, "geometry: a field is missing"),
        (figure(angles=(0, 0, 1e300)), "rotation: expected angles under"),
    ],
)
def test_bad_records(tmp_path, bad, message):
    episode(tmp_path, {"index": 0, "figures": [bad, figure(thing=MAN)]})
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.track_id for track in scene.tracks] == [MAN] and [problem.record for problem in scene.problems] == [bad]


@pytest.mark.parametrize("make", [episode, clouds])
def test_an_object_comes_once(tmp_path, make):
    """The second of a key took the place of the first, class and all, without a word."""
    folder = make(tmp_path)
    for file in (*folder.rglob("annotation.json"), *folder.rglob("ann/*.json")):
        said = json.loads(file.read_text())
        save(file, {**said, "objects": [*said["objects"], {**said["objects"][0], "classTitle": "van"}]})
    with pytest.raises(bw.FormatError, match=r"objects\[\d\].key: expected each object once, got '\w+' again"):
        bw.read(tmp_path)
    assert "van" not in {track.category for track in bw.read(tmp_path, strict=False).tracks}


def test_other_figures_are_told(tmp_path):
    other = {**figure(), "geometryType": "point_cloud", "geometry": {"indices": [1, 2]}}
    episode(tmp_path, {"index": 0, "figures": [other, figure()]})
    scene = bw.read(tmp_path)
    assert len(scene.tracks) == 1 and any("1 figure of the type 'point_cloud' is no cuboid" in note for note in scene.notes)


@pytest.mark.peers
def test_datumaro_reads_the_single_clouds(tmp_path):
    """As CVAT does, with two decimals, and the same tracks."""
    python = python_with("datumaro")
    if python is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = moving_scene()
    bw.write(scene, tmp_path / "out", "supervisely", layout="clouds")
    for stem in scene.frame_ids:  # datumaro looks for the cloud of each
        bw.write_points(bw.Sweep(np.zeros((1, 3), np.float32)), tmp_path / f"out/ds0/pointcloud/{stem}.pcd")
    code = """
import json, sys
from datumaro.components.dataset import Dataset
items = Dataset.import_from(sys.argv[1], "sly_pointcloud")
found = [(int(i.attributes["frame"]), a) for i in items for a in i.annotations]
rows = [(i, a.attributes["track_id"], a.attributes.get("colour"), a.position, a.rotation, a.scale) for i, a in found]
print(json.dumps([[*row[:3], *map(list, row[3:])] for row in rows]))
"""
    rows = asked(python, code, tmp_path / "out")
    assert len(rows) == 7
    for frame, number, colour, position, rotation, scale in rows:
        labels = scene.labels(frame, "lidar")
        named = [scene.tracks[k].track_id for k in labels.track_index]
        mine = labels.cuboids[[named.index("12" if number == 12 else "walker")]]
        assert colour == ("red" if number == 12 else "")
        np.testing.assert_allclose(position, np.round(mine.center_m[0], 2), rtol=0, atol=TOL)
        np.testing.assert_allclose(scale, np.round(mine.size_m[0], 2), rtol=0, atol=TOL)
        np.testing.assert_allclose(rotation, np.round((0, 0, mine.yaw_rad[0]), 2), rtol=0, atol=TOL)
