"""Datumaro JSON with cuboids: numbers worked by hand, planted faults, CVAT's own way with tracks, and what Datumaro itself reads."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.clients import ask_client, python_with
from boxwright.formats import datumaro, datumaro_writer
from boxwright.formats.images import image_bytes
from boxwright.rotations import quat_from_euler
from formats_scenes import full_scene
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
    tracked,
)


def cuboid(center=CENTER, angles=(0, 0, YAW), size=SIZE, label=1, **said):
    attributes = {"occluded": False, "keyframe": True, "track_id": 7, **said}
    return {
        "id": 3,
        "type": "cuboid_3d",
        "attributes": attributes,
        "group": 0,
        "label_id": label,
        "position": list(center),
        "rotation": list(angles),
        "scale": list(size),
    }


def item(name, frame, *annotations):
    return {"id": name, "annotations": list(annotations), "attr": {"frame": frame}, "point_cloud": {"path": f"{name}.pcd"}}


def document(*items):
    labels = [{"name": name, "parent": "", "attributes": []} for name in ("van", "car")]
    return {"info": {}, "categories": {"label": {"labels": labels, "attributes": ["occluded"]}}, "items": list(items)}


def make(folder, *items):
    """The items' frames are 0, 2 and 1, in this order; the middle one has no car."""
    items = items or (
        item("a", 0, cuboid()),
        item("c", 2, cuboid(angles=ANGLES, occluded=True, keyframe=False, wet=True)),
        item("b", 1, cuboid((5, 6, 0.9), label=0, track_id="x")),
    )
    save(folder / "annotations/default.json", document(*items))
    cloud = folder / "point_clouds/default/b.pcd"
    bw.write_points(bw.Sweep(np.array([CENTER, (1.5, 2, -1.7)], np.float32)), cloud)
    return folder


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path))
    assert (scene.format, scene.name, scene.frame_ids, scene.has_time, scene.label_frame) == ("datumaro", "default", ("a", "b", "c"), False, "lidar")
    check_golden(scene.cuboids(0))
    check_tilted(scene.cuboids(2))
    car = scene.track("7")
    assert (car.track_id, car.category, car.visibility.tolist()) == ("7", "car", [0, 2, 1])
    assert car.origin.tolist()[::2] == [bw.Origin.GIVEN, bw.Origin.FILLED]  # CVAT had interpolated it
    assert [row.get("wet") for row in car.keyframe_attributes] == [None, None, True]
    assert [scene.has_points(i) for i in range(3)] == [False, True, False]
    np.testing.assert_array_equal(scene.points(1).xyz[0], np.array(CENTER, np.float32))


@pytest.mark.parametrize("name", FAULTS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = datumaro.cuboid_from_position_rotation_scale
    monkeypatch.setattr(datumaro, "cuboid_from_position_rotation_scale", lambda node: FAULTS[name](*honest(node)))
    scene = bw.read(make(tmp_path))
    with pytest.raises(AssertionError):
        check_golden(scene.cuboids(0))


def written(folder, scene, **options):
    bw.write(scene, folder, "datumaro", **options)
    return json.loads((folder / "annotations/clip.json").read_text())


def check_written(top):
    assert (top["media_type"], [label["name"] for label in top["categories"]["label"]["labels"]]) == (6, ["car"])
    assert [one["id"] for one in top["items"]] == ["000000", "000001", "000002"]
    assert [one["attr"]["frame"] for one in top["items"]] == [0, 1, 2]
    (first,) = top["items"][0]["annotations"]
    assert (first["type"], first["label_id"], first["attributes"]) == ("cuboid_3d", 0, {"occluded": False, "keyframe": True, "track_id": 7})
    np.testing.assert_allclose(first["position"], CENTER, rtol=0, atol=TOL)
    np.testing.assert_allclose(first["scale"], SIZE, rtol=0, atol=TOL)  # length, width, height
    np.testing.assert_allclose(first["rotation"], (0, 0, YAW), rtol=0, atol=TOL)


def test_written_numbers(tmp_path):
    top = written(tmp_path / "out", tracked(golden()))
    check_written(top)
    assert [one["position"][0] for item in top["items"] for one in item["annotations"]] == [12, 12, 13]
    (tilted,) = written(tmp_path / "tilted", tracked(golden(angles=ANGLES)))["items"][0]["annotations"]
    np.testing.assert_allclose(tilted["rotation"], ANGLES, rtol=0, atol=TOL)


@pytest.mark.parametrize("name", FAULTS)
def test_written_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = datumaro_writer.position_rotation_scale_from_cuboids
    monkeypatch.setattr(datumaro_writer, "position_rotation_scale_from_cuboids", lambda cuboids: honest(faulty(name, cuboids)))
    with pytest.raises(AssertionError):
        check_written(written(tmp_path / "out", tracked(golden())))


def test_every_frame_is_a_keyframe_where_the_track_is_in_the_world(tmp_path):
    """A straight way in the world is none in the frame of a turning sensor, so nothing is left to CVAT's interpolation."""
    scene = moving_scene()
    top = written(tmp_path / "out", scene)
    assert all(one["attributes"]["keyframe"] for item in top["items"] for one in item["annotations"])
    back = bw.read(tmp_path / "out")
    same_labels_in_lidar(scene, back)
    straight = bw.interpolate(back.times_ns[[0, 4]], back.track("12").cuboids[[0, 4]], back.times_ns, method="linear")
    assert np.linalg.norm(straight.center_m - back.track("12").cuboids.center_m, axis=1).max() > 0.5
    walker = back.track("walker")
    assert walker.visibility.tolist() == [1, 0] and [row["speed"] for row in walker.keyframe_attributes] == [0.5, 1.25]
    assert back.track("12").keyframe_attributes[0] == {"colour": "red"}


def test_identity_survives(tmp_path):
    """Ids, groups, labels nobody used, other annotations and what nobody knows, as they came."""
    shape = {"id": 9, "type": "label", "attributes": {}, "group": 0, "label_id": 0}
    one = cuboid(track_id="7", **{"boxwright.occluded": 2}) | {"group": 4, "object_id": 12, "seen_by": ["x"]}
    alone = cuboid((1, 2, 3))
    alone["attributes"] = {"occluded": True}
    first = item("a", 5, one, alone, shape) | {"quality": 0.5}
    scene = bw.read(make(tmp_path / "in", first, item("b", 9)))
    assert scene.tracks[0].keyframe_attributes[0]["occluded"] == 2
    assert any("1 cuboid without a track_id" in note for note in scene.notes) and any("'label'" in note for note in scene.notes)
    bw.write(scene, tmp_path / "out", "datumaro")
    top = json.loads((tmp_path / "out/annotations/default.json").read_text())
    again = top["items"][0]
    assert again["annotations"] == [one, alone, shape] and again["quality"] == 0.5
    assert [label["name"] for label in top["categories"]["label"]["labels"]] == ["van", "car"]
    assert bw.read(tmp_path / "out").tracks[0].track_id == scene.tracks[0].track_id


@pytest.mark.parametrize("given", [1.5, None, "colour", {"colour": 1}, [["colour"], 3, "colour"]])
def test_attributes_of_a_label_that_are_no_list_of_names(tmp_path, given):
    """They ended the writing in Python's words; what are names stay."""
    top = document(item("a", 0, cuboid(colour="red")))
    for label in top["categories"]["label"]["labels"]:
        label["attributes"] = given
    save(tmp_path / "in/annotations/default.json", top)
    bw.write(bw.read(tmp_path / "in"), tmp_path / "out", "datumaro")
    (back,) = (tmp_path / "out/annotations").iterdir()
    van, car = json.loads(back.read_text())["categories"]["label"]["labels"]
    assert (van["attributes"], car["attributes"]) == (["colour"] if isinstance(given, list) else [], ["colour"])


def test_what_is_outside_is_not_there(tmp_path):
    scene = bw.read(make(tmp_path, item("a", 0, cuboid()), item("b", 1, cuboid(outside=True)), item("c", 2, cuboid())))
    assert [len(scene.cuboids(i)) for i in range(3)] == [1, 0, 1]


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (cuboid(label=2), r"items\[0\].annotations\[0\].label_id: expected a label from 0 to 1, got 2"),
        (cuboid(size=(4.2, -1.7, 1.4)), r"scale: expected a positive length, width and height, got 4.2 -1.7 1.4"),
        (cuboid(center=(1, 2)), r"position: expected 3 numbers, got 2"),
        (cuboid(angles=(0, 0, 1e300)), r"rotation: expected angles under"),
        (cuboid(track_id=[1]), r"track_id: expected a whole number or a text"),
    ],
)
def test_bad_records(tmp_path, annotation, message):
    make(tmp_path, item("a", 0, annotation, cuboid(track_id=8)), item("b", 1))
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.track_id for track in scene.tracks] == ["8"]
    assert [problem.record for problem in scene.problems] == [annotation]


def test_a_dataset_of_pictures_is_none_of_it(tmp_path):
    save(tmp_path / "annotations/default.json", {"categories": {"label": {"labels": []}}, "items": [{"id": "a", "image": {"path": "a.jpg"}}]})
    assert not datumaro.detect(tmp_path)
    save(tmp_path / "annotations/instances.json", {"images": [], "categories": [{"id": 1, "name": "car"}], "annotations": []})
    assert not datumaro.detect(tmp_path)


@pytest.mark.peers
def test_datumaro_itself_reads_it(tmp_path):
    """Each number is ours, rounded to two decimals."""
    python = python_with("datumaro")
    if python is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    cuboids = golden(angles=ANGLES)
    scene = tracked(bw.Cuboids(cuboids.center_m + 0.12345, cuboids.size_m + 0.00654, quat_wxyz=cuboids.quat_wxyz, frame="lidar"))
    bw.write(scene, tmp_path / "out", "datumaro")
    told = ask_client("datumaro", "datumaro", python, tmp_path / "out")
    assert told.error is None and told.cuboids.track_ids == ["7"] and told.cuboids.categories == ["car"]
    np.testing.assert_allclose(told.cuboids.cuboids.center_m, np.round(scene.tracks[0].cuboids.center_m, 2), rtol=0, atol=TOL)
    np.testing.assert_allclose(told.cuboids.cuboids.size_m, np.round(scene.tracks[0].cuboids.size_m, 2), rtol=0, atol=TOL)
    np.testing.assert_allclose(told.cuboids.cuboids.quat_wxyz[0], quat_from_euler(np.round(ANGLES, 2), "XYZ"), rtol=0, atol=TOL)


DECLARED = """
import json, sys
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset
data = Dataset.import_from(sys.argv[1], "datumaro")
labels = data.categories()[AnnotationType.label]
said = [(set(one.attributes), labels.attributes | labels[one.label].attributes) for item in data for one in item.annotations]
print(json.dumps([len(said), sorted(set().union(*[own - known for own, known in said])), sorted(labels.attributes)]))
"""


@pytest.mark.peers
def test_datumaro_knows_every_attribute(tmp_path):
    """It warned that `keyframe` is not declared."""
    python = python_with("datumaro")
    if python is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    bw.write(bw.read(make(tmp_path / "in")), tmp_path / "out", "datumaro")
    assert asked(python, DECLARED, tmp_path / "out") == [3, [], ["keyframe", "occluded", "outside", "track_id"]]


# ------------------------------------------------------------ pictures beside the clouds


def test_pictures_beside_the_clouds(tmp_path, rng):
    """CVAT's context images: pixel by pixel, of the frames that have one; where the cameras are is told to be lost."""
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "out", "datumaro", subset="street")
    top = json.loads((tmp_path / "out/annotations/street.json").read_text())
    beside = [[one["path"] for one in item.get("related_images", [])] for item in top["items"]]
    assert beside == [[f"{item['id']}/front.png"] for item in top["items"][:3]] + [[]]
    assert any("lenses and places of 2 cameras" in line for line in report.dropped) and any("camera round" in line for line in report.dropped)
    back = bw.read(tmp_path / "out")
    assert [*back.cameras] == ["front"] and back.cameras["front"].camera == bw.UncalibratedCamera(48, 32)
    for i in range(4):
        assert back.has_image(i, "front") == scene.has_image(i, "front") == (i < 3)
    for i in range(3):
        np.testing.assert_array_equal(back.image(i, "front"), scene.image(i, "front"))
    bw.write(back, tmp_path / "again", "datumaro")
    assert {path.relative_to(tmp_path / "again") for path in (tmp_path / "again/images").rglob("*.*")} == {
        path.relative_to(tmp_path / "out") for path in (tmp_path / "out/images").rglob("*.*")
    }


def test_pictures_that_are_not_there(tmp_path, rng):
    """They stay with their item, and no path leads out of the folder; those of items out of order go to their frames."""
    make(tmp_path)
    document = json.loads((tmp_path / "annotations/default.json").read_text())
    told = {"a": ["a/left.png"], "c": ["/tmp/c/left.png", "../../secret.png", "c/right.png", "notes.txt"], "b": []}
    for one in document["items"]:
        one["related_images"] = [{"path": path} for path in told[one["id"]]]
    save(tmp_path / "annotations/default.json", document)
    (tmp_path / "secret.png").write_bytes(image_bytes(np.zeros((2, 3, 3), np.uint8)))
    (tmp_path / "images/default/c").mkdir(parents=True)
    (tmp_path / "images/default/c/left.png").write_bytes(image_bytes(np.full((4, 5, 3), 9, np.uint8)))
    scene = bw.read(tmp_path)
    assert [*scene.cameras] == ["left"] and [scene.has_image(i, "left") for i in range(3)] == [False, False, True]
    bw.write(scene, tmp_path / "out", "datumaro")
    again = {one["id"]: one for one in json.loads(next((tmp_path / "out/annotations").iterdir()).read_text())["items"]}
    assert [one["path"] for one in again["c"]["related_images"]] == ["c/left.png", "../../secret.png", "c/right.png", "notes.txt"]
    assert [one["path"] for one in again["a"]["related_images"]] == ["a/left.png"] and "related_images" not in again["b"]


PICTURES = """
import json, sys
from datumaro.components.dataset import Dataset
items = Dataset.import_from(sys.argv[1], "datumaro")
print(json.dumps({item.id: [image.data.tolist() for image in (item.media.extra_images if item.media else ())] for item in items}))
"""


@pytest.mark.peers
def test_datumaro_itself_finds_the_pictures(tmp_path, rng):
    python = python_with("datumaro")
    if python is None:
        pytest.skip("datumaro is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "out", "datumaro")
    found = asked(python, PICTURES, tmp_path / "out")
    assert [len(one) for one in found.values()] == [1, 1, 1, 0]
    for i, (picture, *_) in enumerate([*found.values()][:3]):
        np.testing.assert_array_equal(np.array(picture)[..., ::-1], scene.image(i, "front"))
