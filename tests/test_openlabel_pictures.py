"""Shapes in pictures through OpenLABEL: by hand, there and back, in the schema, counted on real files, and what is refused or left."""

from __future__ import annotations

import collections
import json
import math
import re

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats.openlabel_image_writer import hierarchy_of
from formats_scenes import full_scene
from test_formats_boxwright_pictures import pictured_scene
from test_formats_openlabel import assert_same_pictures, assert_same_scene, document, read, save, schema  # noqa: F401
from test_openlabel_round_trip import lost, there_and_back

ABSOLUTE = "MODE_POLY2D_ABSOLUTE"


def shape(val, name="s", **said):
    return {"name": name, "coordinate_system": "front", "val": val, **said}


def outline(val, closed=True, **said):
    return shape(val, closed=closed, mode=said.pop("mode", ABSOLUTE), **said)


def with_data(*data, uid="9"):
    """The document with an object that says `data` of each frame in turn."""
    doc = document()
    doc["objects"].setdefault(uid, {"name": "x", "type": "sign", "object_data": {"text": [{"name": "owner", "val": "city"}]}})
    for frame, one in zip(doc["frames"].values(), data):
        if one is not None:
            frame["objects"].setdefault(uid, {}).setdefault("object_data", {}).update(one)
    return doc


def test_golden_numbers(tmp_path):
    """Centre and size of a box, the turn from x towards y, points as they are: nothing is moved by half a pixel."""
    data = {
        "bbox": [shape([100.0, 50.0, 30.0, 10.0], attributes={"text": [{"name": "seen", "val": "half"}], "vec": [{"name": "v", "val": [1, "a"]}]})],
        "rbbox": [shape([10.0, 20.0, 8.0, 4.0, 0.3])],
        "poly2d": [outline([0, 0, 4, 0, 4, 3]), outline([1.5, 2.5, 3.5, 4.5], closed=False)],
        "point2d": [shape([7.0, 8.0], "nose"), shape([9.0, 10.0], "ear", id=3)],
    }
    scene = read(tmp_path, with_data(None, data))
    found = {track.shapes.KIND: track for track in scene.image_tracks}
    assert all((track.camera, track.category, track.object_id) == ("front", "sign", "9") for track in found.values())
    assert all(track.times_ns.tolist() == [scene.exposures_ns("front")[1]] and track.attributes == {"owner": "city"} for track in found.values())
    assert found["box"].shapes.xyxy.tolist() == [[85.0, 45.0, 115.0, 55.0]]
    assert found["box"].keyframe_attributes == [{"seen": "half", "v": [1, "a"]}]
    turned = found["rotated_box"].shapes
    np.testing.assert_allclose(turned.corners_uv()[0, 1], [10 + 4 * math.cos(0.3) + 2 * math.sin(0.3), 20 + 4 * math.sin(0.3) - 2 * math.cos(0.3)])
    assert found["polygon"].shapes.rings(0)[0].tolist() == [[0, 0], [4, 0], [4, 3]]
    assert found["polyline"].shapes.points(0).tolist() == [[1.5, 2.5], [3.5, 4.5]]
    points = found["keypoints"].shapes
    assert points.skeleton.points == ("nose", "ear") and points.uv.tolist() == [[[7, 8], [9, 10]]]
    assert found["keypoints"].keyframe_source_attributes == [{"points": {"ear": {"shape": {"id": 3}}}}]


def test_an_object_has_cuboids_and_shapes(tmp_path):
    doc = with_data({"bbox": [shape([5.0, 5, 2, 2])]}, None, {"bbox": [shape([6.0, 5, 2, 2])]}, uid="7")
    scene = read(tmp_path, doc)
    (track,) = scene.image_tracks
    assert (track.track_id, track.object_id, track.attributes) == ("7/front", "7", {}) and scene.track("7").category == track.category == "car"
    assert track.visibility.tolist() == [bw.Visibility.VISIBLE, bw.Visibility.OUTSIDE, bw.Visibility.VISIBLE]
    assert [len(scene.boxes(i, "front")) for i in range(3)] == [1, 0, 1]


def test_the_moment_of_a_picture(tmp_path):
    doc = with_data({"bbox": [shape([5.0, 5, 2, 2])]}, {"bbox": [shape([6.0, 5, 2, 2])]})
    for i, frame in enumerate(doc["frames"].values()):
        frame["frame_properties"]["streams"] = {"front": {"stream_properties": {"sync": {"timestamp": f"163144145{i}.5"}}}}
    (track,) = read(tmp_path, doc).image_tracks
    assert track.times_ns.tolist() == [1631441450_500000000, 1631441451_500000000]


def test_several_of_a_kind_are_told_apart(tmp_path):
    """By their names where these differ, else by their order."""
    a, b = shape([5.0, 5, 2, 2], "a"), shape([9.0, 5, 2, 2], "b")
    found = read(tmp_path / "names", with_data({"bbox": [a, b]}, {"bbox": [b]}, {"bbox": [b, a]})).image_tracks
    assert {track.track_id: track.shapes.center_uv[:, 0].tolist() for track in found} == {"9/front/a": [5, 5, 5], "9/front/b": [9, 9, 9]}
    same = [shape([5.0, 5, 2, 2]), shape([9.0, 5, 2, 2])]
    found = read(tmp_path / "order", with_data({"bbox": same}, {"bbox": same})).image_tracks
    assert {track.track_id: track.shapes.center_uv[:, 0].tolist() for track in found} == {"9/front/0": [5, 5], "9/front/1": [9, 9]}


def test_rings_of_one_object(tmp_path):
    """OpenLABEL tells which ring lies in which; here a ring within another is a hole."""
    seen = {"text": [{"name": "seen", "val": "well"}]}
    outer, hole = [0.0, 0, 10, 0, 10, 10, 0, 10], [2.0, 2, 4, 2, 4, 4, 2, 4]
    doc = with_data({"poly2d": [outline(outer, hierarchy=[-1, -1, 1, -1]), outline(hole, name="hole", hierarchy=[-1, -1, -1, 0], attributes=seen)]})
    scene, back, written, report = there_and_back(tmp_path, save(tmp_path / "in", doc))
    (track,) = scene.image_tracks
    assert track.shapes.area_px2.tolist() == [96.0]
    assert lost(doc, written) == [] and report.dropped == []
    assert_same_scene(scene, back)


def test_hierarchies():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    rings = [square * 10, square * 4 + 1, square + 2, square * 2 + 6, square + 20]
    assert hierarchy_of(rings) == [[4, -1, 1, -1], [3, -1, 2, 0], [-1, -1, -1, 1], [-1, 1, -1, 0], [-1, 0, -1, -1]]


def test_points_told_from_the_first(tmp_path):
    """The schema's second mode: all points but the first are relative to it."""
    doc = with_data({"poly2d": [outline([10.0, 20, 1, 0, 1, 2], mode="MODE_POLY2D_RELATIVE")]})
    scene, _, written, _ = there_and_back(tmp_path, save(tmp_path / "in", doc))
    assert scene.image_tracks[0].shapes.rings(0)[0].tolist() == [[10, 20], [11, 20], [11, 22]]
    assert lost(doc, written) == []


LEFT = {
    "no camera": ({"bbox": [shape([1, 2, 3, 4], coordinate_system="top")]}, r"1 2-D shape is in the picture of no camera that the scene has \(top\)"),
    "nothing named": ({"point2d": [{"name": "p", "val": [1, 2]}]}, r"no camera that the scene has \(none named\)"),
    "a chain code": (
        {"poly2d": [shape(["5", "5", "1", "mBIIOIII"], mode="MODE_POLY2D_SRF6DCC", closed=True)]},
        r"code that is not read \(MODE_POLY2D_SRF6DCC\)",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_other_shapes_stay_as_they_are(tmp_path, name):
    data, note = LEFT[name]
    doc = with_data(None, data)
    scene, back, written, report = there_and_back(tmp_path, save(tmp_path / "in", doc))
    assert scene.image_tracks == () and lost(doc, written) == [] and report.dropped == []
    assert any(re.search(note, line) for line in scene.notes), scene.notes
    assert_same_scene(scene, back)


def test_without_frames(tmp_path):
    """One picture: what an object says always, it says of it. In a clip such a shape stays as it is."""
    doc = document()
    doc["objects"] = {"3": {"name": "b", "type": "sign", "object_data": {"bbox": [shape([5, 6, 4, 2])]}}}
    clip = json.loads(json.dumps(doc))
    for frame in clip["frames"].values():
        del frame["objects"]
    kept = read(tmp_path / "clip", clip)
    assert kept.image_tracks == () and any("given for an object and no frame" in note for note in kept.notes)
    del doc["frames"]
    scene = bw.read(save(tmp_path / "one", doc))
    assert scene.boxes(0, "front").shapes.xyxy.tolist() == [[3, 5, 7, 7]]
    report = bw.write(scene, tmp_path / "out", "openlabel")
    assert any("given once" in line for line in report.dropped)
    assert_same_pictures(scene, bw.read(tmp_path / "out"))


# ------------------------------------------------------------ there and back


@pytest.mark.peers
def test_every_shape_comes_back(tmp_path, rng, schema):  # noqa: F811
    scene = pictured_scene(rng)
    report = bw.write(scene, tmp_path / "out", "openlabel")
    assert not any("picture" in line for line in report.dropped) and report.tolerance_px == 1e-9
    assert [line for line in report.dropped if line.startswith("image track")] == ["image track 'keypoints 1': where points are that are not marked"]
    assert_same_pictures(scene, bw.read(tmp_path / "out"))
    told = [(relation.kind, relation.subject, relation.object) for relation in bw.read(tmp_path / "out").relations]
    assert ("behind", "dots", "polygon 1") in told and len(told) == len(scene.relations)
    written = json.loads(next((tmp_path / "out").glob("*.json")).read_text())
    assert list(schema.iter_errors(written)) == []
    linked = next(uid for uid, said in written["openlabel"]["objects"].items() if said["name"] == scene.track("7").source_attributes.get("name", "7"))
    assert any("bbox" in frame["objects"].get(linked, {}).get("object_data", {}) for frame in written["openlabel"]["frames"].values())


def test_shapes_between_keyframes_and_frames(tmp_path, rng):
    """Between keyframes a frame holds what is interpolated, and a keyframe between frames comes back all the same."""
    scene = full_scene(rng)
    times = scene.exposures_ns("front")
    boxes = bw.Boxes([[0, 0, 10, 10], [4, 0, 16, 10], [8, 2, 30, 16]])
    sparse = bw.ImageTrack("a", "car", "front", [times[0], times[1] + 5, times[3]], boxes, method="linear")
    scene = scene.replace(image_tracks=[sparse])
    bw.write(scene, tmp_path / "out", "openlabel")
    back = bw.read(tmp_path / "out")
    assert_same_pictures(scene, back)
    document = json.loads(next((tmp_path / "out").glob("*.json")).read_text())["openlabel"]
    vals = [
        box["val"] for frame in document["frames"].values() for thing in frame["objects"].values() for box in thing["object_data"].get("bbox", [])
    ]
    middle = sparse.at(times).shapes
    np.testing.assert_allclose(vals, np.c_[middle.center_uv, middle.size_px])


def test_frames_with_points_of_which_none_is_marked_are_counted(tmp_path, rng):
    """They come back as labels, and the report told fewer."""
    scene = full_scene(rng).replace(tracks=[])
    times = scene.exposures_ns("front")[:3]
    points = bw.Keypoints(np.full((2, 2, 2), 5.0), np.array([[0, 0], [2, 2]], np.uint8))
    scene = scene.replace(image_tracks=[bw.ImageTrack("7", "person", "front", times[[0, 2]], points)])
    n = int(scene.image_tracks[0].at(scene.exposures_ns("front")).is_valid.sum())
    report = bw.write(scene, tmp_path / "out", "openlabel")
    back = bw.read(tmp_path / "out")
    assert n == int(back.image_tracks[0].at(back.exposures_ns("front")).is_valid.sum()) == report.n_labels >= 3


def test_what_was_changed_is_what_comes_back(tmp_path):
    """A box that was moved, a track that was taken away, another class."""
    doc = with_data(*[{"bbox": [shape([5.0 + i, 5, 2, 2], "a"), shape([9.0, 5, 2, 2], "b")]} for i in range(3)])
    scene = read(tmp_path / "in", doc)
    track = scene.image_track("9/front/a")
    moved = track.replace(shapes=bw.Boxes(track.shapes.xyxy + 1.5), category="light")
    changed = scene.replace(image_tracks=[moved])
    bw.write(changed, tmp_path / "out", "openlabel")
    assert_same_pictures(changed, bw.read(tmp_path / "out"))
    bw.write(scene.replace(image_tracks=()), tmp_path / "none", "openlabel")
    written = json.loads(next((tmp_path / "none").glob("*.json")).read_text())["openlabel"]
    assert "9" not in written["objects"]


def test_another_program_moved_a_box(tmp_path):
    """What stands in the frames counts, not what the writer put down."""
    scene = read(tmp_path / "in", with_data({"bbox": [shape([5.0, 5, 2, 2])]}, {"bbox": [shape([6.0, 5, 2, 2])]}))
    bw.write(scene, tmp_path / "out", "openlabel")
    file = next((tmp_path / "out").glob("*.json"))
    written = json.loads(file.read_text())
    written["openlabel"]["frames"]["5"]["objects"]["9"]["object_data"]["bbox"][0]["val"][0] = 50
    file.write_text(json.dumps(written))
    assert bw.read(tmp_path / "out").image_tracks[0].shapes.center_uv[:, 0].tolist() == [5, 50]


# ------------------------------------------------------------ what is wrong

BAD = {
    "three numbers": ({"bbox": [shape([1, 2, 3])]}, "4 numbers"),
    "a width below 0": ({"bbox": [shape([1, 2, -3, 4])]}, "a width and a height from 0"),
    "far away": ({"bbox": [shape([1e9, 2, 3, 4])]}, "numbers under 1e"),
    "an angle": ({"rbbox": [shape([1, 2, 3, 4, 1e4])]}, "an angle under 1000 rad"),
    "an odd number": ({"poly2d": [outline([1, 2, 3])]}, "pairs of numbers"),
    "no points": ({"poly2d": [outline([])]}, "pairs of numbers"),
    "open or closed": ({"poly2d": [shape([1, 2, 3, 4], mode=ABSOLUTE)]}, "closed"),
    "a text": ({"point2d": [shape([1, "2"])]}, "a number"),
    "no value": ({"bbox": [{"name": "a", "coordinate_system": "front"}]}, "'val'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_shapes(tmp_path, name):
    data, told = BAD[name]
    good = {"bbox": [shape([5.0, 5, 2, 2], "good")]}
    doc = with_data(good, data, good)
    with pytest.raises(bw.FormatError, match=told) as caught:
        read(tmp_path, doc)
    assert "frames.5.objects.9.object_data" in caught.value.field and caught.value.hint
    scene = bw.read(tmp_path / "clip.json", strict=False)
    assert len(scene.problems) == 1 and scene.problems[0].record == next(iter(data.values()))[0]
    assert [len(track) for track in scene.image_tracks] == [3] and len(scene.track("7")) == 3


# ------------------------------------------------------------ real files


@pytest.mark.filterwarnings("ignore::boxwright.SensorFrameFallback")
def test_counted_independently(real_data):
    """Every shape of every real file is in a track of its camera, or said to be kept."""
    files = [file for file in sorted((real_data / "openlabel").rglob("*.json")) if "schema" not in file.name]
    assert len(files) == 22
    n = collections.Counter()
    for file in files:
        doc, scene = json.loads(file.read_text())["openlabel"], bw.read(file, strict=False)
        told, seen = collections.Counter(), collections.Counter()
        for i, number in enumerate(sorted(doc.get("frames", {}), key=int)):
            for uid, thing in doc["frames"][number].get("objects", {}).items():
                for kind in ("bbox", "poly2d"):
                    for one in thing.get("object_data", {}).get(kind, []):
                        n[kind] += 1
                        if one.get("coordinate_system") in scene.cameras:
                            values = one["val"] if kind == "poly2d" else [one["val"][0], one["val"][1]]
                            told[i, uid, one["coordinate_system"], *np.round(values, 6).tolist()] += 1
        for track in scene.image_tracks:
            index = {int(stamp): i for i, stamp in enumerate(scene.exposures_ns(track.camera))}
            for k in np.flatnonzero(track.visibility != bw.Visibility.OUTSIDE).tolist():
                one = track.shapes[[k]]
                values = one.center_uv[0] if isinstance(one, bw.Boxes) else one.uv.ravel()
                seen[index[int(track.times_ns[k])], track.object_id, track.camera, *np.round(values, 6).tolist()] += 1
        assert told == seen, file.name
        n["seen"] += sum(seen.values())
        n["osdar"] += sum(seen.values()) if "osdar" in str(file) else 0
    assert n["osdar"] == 1049 + 500  # 160 boxes and 2 outlines lie in the radar's plane
    assert n["bbox"] > 30_000 and n["seen"] > 30_000 and n["poly2d"] == 502


def test_a_mask_is_one_without_the_rest_of_what_our_writer_says(tmp_path, rng):
    """Its record tells how it is encoded; kept as it is, it would be taken for one after the next writing."""
    scene = pictured_scene(rng)
    bw.write(scene, tmp_path / "out", format="openlabel")
    file = next((tmp_path / "out").glob("*.json"))
    file.write_text(file.read_text().replace('"boxwright": {', '"someone": {', 1))
    read = bw.read(file)
    masks = [track for track in read.image_tracks if isinstance(track.shapes, bw.Masks)]
    wanted = [track for track in scene.image_tracks if isinstance(track.shapes, bw.Masks)]
    assert len(masks) >= 1
    assert any(np.array_equal(masks[0].shapes.to_arrays()[0], arrays) for track in wanted for arrays in track.shapes.to_arrays())
    bw.write(read, tmp_path / "again", format="openlabel")
    assert len(bw.read(tmp_path / "again").image_tracks) == len(read.image_tracks)
