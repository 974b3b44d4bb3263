"""Labels in pictures and tags in boxwright's own folder: bit by bit, older files, and what is refused; scenes that hold them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import boxwright as bw
from formats_scenes import full_scene
from test_shapes2d import some_of_each

COLUMNS = ("track_id", "category", "camera", "attributes", "method", "source_attributes", "object_id")


def pictured_scene(rng):
    """Every kind of shape and every field of a track in pictures, tags of a clip, a frame and an interval."""
    scene = full_scene(rng)
    times = scene.exposures_ns("front")
    tracks = [
        bw.ImageTrack(
            f"{kind} 1",
            "car",
            "front",
            times[:3],
            shapes,
            visibility=[0, 1, 2],
            origin=[0, 4, 5],
            attributes={"lights": {"brake": True, "indicator": ["left", None]}},
            keyframe_attributes=[{"pose": "walks"}, {}, {"pose": None, "deep": {"a": [1, 2.5]}}],
            source_attributes={"id": 3},
            keyframe_source_attributes=[{"z_order": 1}, {}, {}],
            object_id="7" if kind == "box" else None,
        )
        for kind, shapes in some_of_each(rng, 3).items()
    ]
    plain = bw.Keypoints(rng.uniform(0, 9, (1, 4, 2)))
    tracks += [bw.ImageTrack("dots", "sign", "round", scene.times_ns[1:2] + 1, plain, method="hold")]
    first, second = (int(stamp) for stamp in times[:2])
    tags = [
        bw.Tag("weather", ["rain", {"wind": 0.1}], source_attributes={"uuid": "a"}),
        bw.Tag("blurred", True, (first, first), "front"),
        bw.Tag("none", None),
        bw.Tag("overtaking", "left", (int(scene.times_ns[0]), int(scene.times_ns[2]))),
        bw.Tag("overtaking", "right", (second, int(scene.times_ns[3]))),
    ]
    relations = [*scene.relations, bw.Relation("behind", "box 1", "7"), bw.Relation("behind", "dots", "polygon 1", (first, second))]
    return scene.replace(image_tracks=tracks, tags=tags, relations=relations)


def assert_same_pictures(a, b):
    assert list(a.tags) == list(b.tags) and list(a.relations) == list(b.relations)
    assert [tag.span_ns for tag in a.tags] == [tag.span_ns for tag in b.tags]
    assert [track.track_id for track in a.image_tracks] == [track.track_id for track in b.image_tracks]
    for x, y in zip(a.image_tracks, b.image_tracks):
        assert [getattr(x, name) for name in COLUMNS] == [getattr(y, name) for name in COLUMNS]
        for name in ("times_ns", "visibility", "origin"):
            np.testing.assert_array_equal(getattr(x, name), getattr(y, name))
        for name in ("keyframe_attributes", "keyframe_source_attributes"):
            assert list(getattr(x, name)) == list(getattr(y, name))
        assert x.shapes.equals(y.shapes), x


def test_comes_back_bit_by_bit(rng, tmp_path):
    scene = pictured_scene(rng)
    assert {field.name for field in dataclasses.fields(bw.ImageTrack)} == {
        *COLUMNS, "times_ns", "visibility", "origin", "shapes", "keyframe_attributes", "keyframe_source_attributes",
    }  # fmt: skip
    report = bw.write(scene, tmp_path / "a")
    assert (report.n_tracks, report.n_labels, report.dropped, report.rounded) == (9, 18, [], [])  # and 7 ends
    again = bw.read(tmp_path / "a")
    assert_same_pictures(scene, again)
    bw.write(again, tmp_path / "b")
    assert (tmp_path / "a/scene.json").read_text().replace("clip 1", "") == (tmp_path / "b/scene.json").read_text().replace("clip 1", "")


def test_by_hand(tmp_path):
    """A file typed by hand, and what it must give."""
    shapes = [
        {"shape": "box", "keyframes": [{"timestamp_ns": 5, "xyxy_px": [1, 2, 3, 4.5]}]},
        {"shape": "rotated_box", "keyframes": [{"timestamp_ns": 5, "center_px": [1, 2], "size_px": [4, 3], "rotation_rad": -0.5}]},
        {"shape": "polygon", "keyframes": [{"timestamp_ns": 5, "rings_px": [[[0, 0], [4, 0], [4, 3]], [[3, 1], [3.5, 1], [3.5, 1.5]]]}]},
        {"shape": "polyline", "keyframes": [{"timestamp_ns": 5, "points_px": [[0, 0], [4, 0]]}]},
        {
            "shape": "keypoints",
            "skeleton": {"points": ["a", "b"], "edges": [[0, 1]]},
            "keyframes": [{"timestamp_ns": 5, "points_px": [[1, 2], None], "point_visibility": ["occluded", "outside"]}],
        },
        {"shape": "mask", "size_px": [10, 9], "keyframes": [{"timestamp_ns": 5, "rle": "61X13mN000`0", "visibility": "occluded"}]},
    ]
    named = [{"track_id": str(i), "category": "car", "camera": "c", **shape} for i, shape in enumerate(shapes)]
    camera = {"name": "c", "model": "pinhole", "width_px": 10, "height_px": 9, "fx_px": 9, "fy_px": 9, "cx_px": 5, "cy_px": 4}
    camera["ego_from_cam"] = {"quat_wxyz": [1, 0, 0, 0], "translation_m": [0, 0, 0]}
    frames = [{"frame_id": "a", "timestamp_ns": 5}]
    top = {"format": "boxwright", "version": 2, "name": "n", "label_frame": "ego", "frames": frames, "lidars": [], "cameras": [camera], "tracks": []}
    top |= {"image_tracks": named, "tags": [{"name": "rain"}, {"name": "speed", "value": 3.5, "span_ns": [5, 5], "camera": "c"}]}
    (tmp_path / "scene.json").write_text(json.dumps(top))
    scene = bw.read(tmp_path)
    box, turned, polygon, line, points, mask = (track.shapes for track in scene.image_tracks)
    assert box.xyxy.tolist() == [[1, 2, 3, 4.5]]
    assert (turned.center_uv.tolist(), turned.size_px.tolist(), turned.rotation_rad.tolist()) == ([[1, 2]], [[4, 3]], [-0.5])
    assert polygon.area_px2.tolist() == [6 - 0.125] and line.length_px.tolist() == [4]
    assert points.visibility.tolist() == [[1, 2]] and points.uv[0, 0].tolist() == [1, 2] and np.isnan(points.uv[0, 1]).all()
    assert points.skeleton == bw.Skeleton(("a", "b"), ((0, 1),))
    assert mask.counts.tolist() == [6, 1, 40, 4, 5, 4, 5, 4, 21] and scene.image_tracks[5].visibility.tolist() == [1]
    assert [track.method for track in scene.image_tracks] == ["linear"] * 5 + ["hold"]
    assert list(scene.tags) == [bw.Tag("rain"), bw.Tag("speed", 3.5, (5, 5), "c")]


def test_files_of_version_1(rng, tmp_path):
    bw.write(full_scene(rng).replace(tags=[]), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    del top["image_tracks"]
    top |= {"version": 1, "tags": {"weather": ["rain"], "score": 0.25, "none": None}}
    file.write_text(json.dumps(top))
    scene = bw.read(tmp_path / "a")
    assert list(scene.tags) == [bw.Tag("weather", ["rain"]), bw.Tag("score", 0.25), bw.Tag("none", None)]
    assert len(scene.image_tracks) == 0


EDITS = {
    "no camera": (lambda t: t[0].update(camera="top"), r"image_tracks\[0\].camera: expected one of front, round, got 'top'"),
    "same id": (lambda t: t[1].update(track_id="box 1"), r"image_tracks\[1\].track_id: expected every track id once, got 'box 1' twice"),
    "a cuboid's id": (lambda t: t[1].update(track_id="7"), r"image_tracks\[1\].track_id: expected every track id once"),
    "shape": (lambda t: t[0].update(shape="circle"), r"image_tracks\[0\].shape: expected one of box, .*mask, got 'circle'"),
    "misspelt": (lambda t: t[0]["keyframes"][1].update(occluded=True), r"image_tracks\[0\].keyframes\[1\]: unknown key"),
    "other shape's key": (lambda t: t[0]["keyframes"][1].update(rle="61"), r"keyframes\[1\]: unknown key: .*got 'rle'"),
    "no keyframes": (lambda t: t[0].update(keyframes=[]), r"image_tracks\[0\].keyframes: expected at least one keyframe"),
    "order": (lambda t: t[0]["keyframes"].reverse(), r"image_tracks\[0\]: image track 'box 1'.times_ns: expected increasing times"),
    "box": (lambda t: t[0]["keyframes"][0].update(xyxy_px=[3, 0, 1, 1]), r"image_tracks\[0\]: xyxy: expected left <= right"),
    "size": (lambda t: t[1]["keyframes"][0].update(size_px=[3, -1]), r"image_tracks\[1\]: size_px: expected width and height from 0"),
    "ring": (lambda t: t[2]["keyframes"][0].update(rings_px=[[]]), r"image_tracks\[2\]: polygons\[0\]: expected at least one point"),
    "no ring": (lambda t: t[2]["keyframes"][0].update(rings_px=[]), r"image_tracks\[2\]: polygons\[0\]: expected at least one ring"),
    "line": (lambda t: t[3]["keyframes"][0].update(points_px=[[1]]), r"points_px\[0\]: expected 2 numbers, got 1"),
    "points": (lambda t: t[4]["keyframes"][0].update(points_px=[[1, 2]]), r"keyframes\[0\].points_px: expected 3 points, got 1"),
    "point": (
        lambda t: t[4]["keyframes"][0].update(points_px=[None, [1, 2], [1, 2]], point_visibility=["visible"] * 3),
        r"image_tracks\[4\]: uv: expected finite numbers",
    ),
    "words": (lambda t: t[4]["keyframes"][0].update(point_visibility=["outside"]), r"point_visibility: expected 3 words, got 1"),
    "edges": (lambda t: t[4]["skeleton"].update(edges=[[0, 1, 2]]), r"skeleton.edges: expected pairs of indices"),
    "edge": (lambda t: t[4]["skeleton"].update(edges=[[0, 9]]), r"image_tracks\[4\]: skeleton.edges\[0\]: expected two indices below 3"),
    "rle": (lambda t: t[5]["keyframes"][0].update(rle="61"), r"image_tracks\[5\]: runs\[0\]: expected lengths of runs that add up to 9 x 7"),
    "mask's size": (lambda t: t[5].update(size_px=[9]), r"image_tracks\[5\].size_px: expected width and height"),
    "method": (lambda t: t[5].update(method="linear"), r"image_tracks\[5\]: image track 'mask 1'.method: no such interpolation of Masks"),
}


@pytest.mark.parametrize("name", EDITS)
def test_broken_tracks(rng, tmp_path, name):
    """Refused with the file and the place; read leniently, the track is kept aside and the others come."""
    edit, message = EDITS[name]
    scene = pictured_scene(rng)
    bw.write(scene, tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    edit(top["image_tracks"])
    file.write_text(json.dumps(top))
    with pytest.raises(bw.BoxwrightError, match=message) as caught:
        bw.read(tmp_path / "a")
    assert "scene.json" in str(caught.value) and "\n" not in str(caught.value)
    lenient = bw.read(tmp_path / "a", strict=False)
    assert len(lenient.image_tracks) == len(scene.image_tracks) - 1 and len(lenient.problems) == 1
    bw.write(lenient, tmp_path / "b")
    assert_same_pictures(lenient, bw.read(tmp_path / "b"))


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ({"value": 3}, r"tags\[0\]: a field is missing: expected 'name'"),
        ({"name": "a", "span": [1, 2]}, r"tags\[0\]: unknown key: .*did you mean 'span_ns'"),
        ({"name": "a", "span_ns": [1]}, r"tags\[0\].span_ns: expected a first and a last time"),
        ({"name": "a", "span_ns": [2, 1]}, r"scene.json: tag.span_ns: expected two times, the first not later"),
        ({"name": "a", "camera": "top"}, r"scene.json: tag 'a'.camera: no such camera"),
        ("a", r"tags\[0\]: expected an object"),
    ],
)
def test_broken_tags(rng, tmp_path, tag, message):
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tags": [tag]}))
    with pytest.raises(bw.BoxwrightError, match=message):
        bw.read(tmp_path / "a")


def test_limits_hold_for_pictures(rng, tmp_path, monkeypatch):
    bw.write(pictured_scene(rng), tmp_path / "a")
    for name, value, message in (
        ("TRACKS_PER_SCENE", 5, "image_tracks: more tracks per scene than allowed"),
        ("KEYFRAMES_PER_TRACK", 2, "more keyframes per track than allowed"),
        ("IMAGE_PX", 60, r"image_tracks\[5\].size_px: more image px than allowed: expected at most 60, got 63"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(f"BOXWRIGHT_LIMIT_{name}", str(value))
            with pytest.raises(bw.LimitError, match=message):
                bw.read(tmp_path / "a")


def places(value, here=()):
    """The way to everything in a JSON value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield *here, key
        if isinstance(item, (dict, list)):
            yield from places(item, (*here, key))


ODD = [None, True, -1, 0, 2**63, 1e300, "", "61X13mN000`0", [], {}, [[]], [[0, 0]], [1, 2], {"points": []}, [None], ["visible"], "mask", "polygon"]


def test_anything_anywhere_is_read_or_refused(rng, tmp_path):
    """One value after the other is replaced by an odd one: a scene that can be written again, or one sentence."""
    bw.write(pictured_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    text = file.read_text()
    whole = json.loads(text)
    parts = {"image_tracks": whole["image_tracks"], "tags": whole["tags"]}
    every = list(places(parts))
    n_read = 0
    for k in rng.permutation(len(every))[:300]:
        top = json.loads(text)
        *way, last = every[k]
        target = top
        for key in way:
            target = target[key]
        target[last] = ODD[int(rng.integers(len(ODD)))]
        file.write_text(json.dumps(top))
        try:
            scene = bw.read(tmp_path / "a")
        except bw.BoxwrightError as error:
            assert "\n" not in str(error) and "scene.json" in str(error)
            continue
        n_read += 1
        for frame in range(len(scene)):
            scene.boxes(frame, "front")
    assert 20 < n_read < 280


def test_many_points_and_many_keyframes_take_no_room(tmp_path):
    """A file that names many points once and has many keyframes is refused before room for their product is made."""
    keyframes = [{"timestamp_ns": i, "points_px": [] if i else [None] * 200_000} for i in range(50_000)]
    track = {"track_id": "1", "category": "car", "camera": "c", "shape": "keypoints", "keyframes": keyframes}
    top = {"format": "boxwright", "version": 2, "name": "n", "label_frame": "ego", "frames": [], "lidars": [], "cameras": [], "tracks": []}
    (tmp_path / "scene.json").write_text(json.dumps(top | {"image_tracks": [track]}))
    with pytest.raises(bw.FormatError, match=r"keyframes\[1\].points_px: expected 200,000 points, got 0"):
        bw.read(tmp_path)


numbers = st.floats(-1e6, 1e6)
points = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | numbers | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(points, min_size=1, max_size=3), min_size=1, max_size=4),
    st.dictionaries(st.text(max_size=4), json_values, max_size=3),
    st.lists(json_values, max_size=3),
)
def test_any_polygons_attributes_and_tags(tmp_path_factory, polygons, attributes, values):
    folder = tmp_path_factory.mktemp("any")
    n = len(polygons)
    shapes = bw.Polygons([[np.array(ring) for ring in polygon] for polygon in polygons])
    track = bw.ImageTrack("1", "car", "c", np.arange(n), shapes, attributes=attributes, keyframe_attributes=[attributes] * n)
    camera = bw.CameraSensor("c", bw.PinholeCamera(10, 10, 9, 9, 5, 5), bw.Pose.identity())
    tags = [bw.Tag("t", value, (i, i)) for i, value in enumerate(values)]
    scene = bw.Scene("any", np.arange(4), cameras={"c": camera}, image_tracks=[track], tags=tags)
    bw.write(scene, folder / "a")
    assert_same_pictures(scene, bw.read(folder / "a"))


# ------------------------------------------------------------ scenes, and formats without pictures


def test_a_scene_s_pictures(rng):
    scene = pictured_scene(rng)
    labels = scene.shapes(1, "front")
    assert [one.shapes.KIND for one in labels] == ["box", "rotated_box", "polygon", "polyline", "keypoints", "mask"]
    assert [one.track_index.tolist() for one in labels] == [[i] for i in range(6)]
    assert all(one.state.tolist() == [bw.State.KEYFRAME] and one.visibility.tolist() == [1] and len(one) == 1 for one in labels)
    assert labels[2].shapes.equals(scene.image_tracks[2].shapes[1])
    boxes = scene.boxes(1, "front")
    assert boxes.track_index.tolist() == [i for i in range(6) if np.isfinite(scene.image_tracks[i].shapes.bounds_xyxy()[1]).all()]
    np.testing.assert_array_equal(boxes.shapes.xyxy[0], scene.image_tracks[0].shapes.xyxy[1])
    assert scene.shapes(2, "front") == [] and len(scene.boxes(2, "front")) == 0  # OUTSIDE
    assert scene.shapes(1, "round") == []  # its keyframe lies a nanosecond after the exposure
    assert scene.image_track("dots").camera == "round"
    assert scene.exposures_ns("round") is scene.times_ns
    with pytest.raises(bw.UnknownName, match="no such image track: got '7'"):
        scene.image_track("7")
    with pytest.raises(bw.CalibrationError, match="no such camera"):
        scene.shapes(0, "top")


def test_between_exposures(rng):
    scene = pictured_scene(rng)
    times = scene.exposures_ns("front")
    track = scene.image_tracks[0].take([0, 1]).replace(times_ns=times[[0, 2]], keyframe_attributes=())
    (labels,) = scene.replace(image_tracks=[track]).shapes(1, "front")
    share = (times[1] - times[0]) / (times[2] - times[0])
    np.testing.assert_allclose(labels.shapes.xyxy[0], (1 - share) * track.shapes.xyxy[0] + share * track.shapes.xyxy[1])
    assert labels.state.tolist() == [bw.State.BETWEEN]


def test_what_a_scene_refuses(rng):
    scene = pictured_scene(rng)
    track = scene.image_tracks[0]
    for changes, message in (
        ({"image_tracks": [track.replace(camera="top")]}, "image track 'box 1'.camera: no such camera: expected one of front, round, got 'top'"),
        ({"image_tracks": [track, track]}, "scene.image_tracks: expected an id of its own, got 'box 1' twice; such as 'box 1@front', and say"),
        ({"image_tracks": [track.replace(track_id="7")]}, "scene.image_tracks: expected an id of its own, got '7' twice; such as '7@front'"),
        ({"image_tracks": [scene.tracks[0]]}, "tracks[0]: expected an ImageTrack, got Track"),
        ({"tags": [bw.Tag("a", camera="top")]}, "tag 'a'.camera: no such camera: expected one of front, round, or None, got 'top'"),
        ({"tracks": [track]}, "tracks[0]: expected a Track, got ImageTrack"),
    ):
        with pytest.raises(bw.ArgumentError) as caught:
            scene.replace(**changes)
        assert message in str(caught.value)


def test_tags_at_a_frame(rng):
    scene = pictured_scene(rng)
    assert [tag.value for tag in scene.tags_at(0)] == [["rain", {"wind": 0.1}], None, "left"]
    assert [tag.name for tag in scene.tags_at(0, "front")] == ["weather", "blurred", "none", "overtaking"]
    assert [tag.name for tag in scene.tags_at(0, "round")] == ["weather", "none", "overtaking"]
    assert [tag.value for tag in scene.tags_at(3)][2:] == ["right"]
    for wrong, message in (
        ({"name": 7}, "tag.name: expected a text, got int 7"),
        ({"span_ns": (2, 1)}, "tag.span_ns: expected two times, the first not later"),
        ({"camera": 7}, "tag.camera: expected a camera's name, or None, got int 7"),
        ({"source_attributes": None}, "tag.source_attributes: expected a mapping"),
    ):
        with pytest.raises(bw.ArgumentError) as caught:
            bw.Tag(**{"name": "a", **wrong})
        assert message in str(caught.value)


@pytest.mark.parametrize("format", ["kitti_tracking", "kitti_object"])
def test_formats_without_pictures_say_so(rng, tmp_path, format):
    report = bw.write(pictured_scene(rng), tmp_path / "a", format=format)
    assert any("6 tracks in pictures with 16 keyframes" in line for line in report.dropped), report.dropped


def test_openlabel_keeps_the_tags(rng, tmp_path):
    scene = pictured_scene(rng).replace(image_tracks=[])
    bw.write(scene, tmp_path / "a", format="openlabel")
    assert list(bw.read(tmp_path / "a").tags) == list(scene.tags)


def test_facts_of_pictures(rng):
    from boxwright.summary import scene_facts

    facts = scene_facts(pictured_scene(rng))
    box = next(row for row in facts["image_classes"] if row["shape"] == "box")
    assert box == {"category": "car", "camera": "front", "shape": "box", "n_tracks": 1, "n_keyframes": 2, "n_shapes": 2, "is_known": True}
    assert len(facts["image_classes"]) == 7
    assert facts["tags"][0] == {"name": "weather", "value": ["rain", {"wind": 0.1}], "span_ns": None, "camera": None}


def test_info_shows_pictures_and_tags(rng, tmp_path, capsys):
    from boxwright.cli import main

    bw.write(pictured_scene(rng), tmp_path / "a")
    with pytest.raises(SystemExit, match="0"):
        main(["info", str(tmp_path / "a")])
    said = capsys.readouterr().out
    assert "rotated_box" in said and "tag       blurred, front, 1700000000.118 to 1700000000.118 s" in said


def test_places_too_far_to_be_pixels(rng, tmp_path):
    """They were written, and other formats could then not be read."""
    scene = pictured_scene(rng)
    far = scene.image_tracks[0].replace(shapes=bw.Boxes([[0, 0, 1e18, 1]] * 3))
    for format in ("boxwright", "openlabel", "mot", "cvat_video", "coco", "label_studio", "darwin", "labelbox"):
        with pytest.raises(bw.ArgumentError, match=r"'box 1': expected places in pictures under 1e\+07 px, got 1e\+18"):
            bw.write(scene.replace(image_tracks=[far], relations=[]), tmp_path / "out", format)
    codes = [[bw.Visibility.VISIBLE, bw.Visibility.OUTSIDE]] * 3  # which is in no bounds, and is written all the same
    hidden = far.replace(shapes=bw.Keypoints([[[1, 1], [1e18, 1]]] * 3, codes))
    for format in ("boxwright", "cvat_video"):
        with pytest.raises(bw.ArgumentError, match=r"'box 1': expected places in pictures under 1e\+07 px, got 1e\+18"):
            bw.write(scene.replace(image_tracks=[hidden], relations=[]), tmp_path / "out", format)
    bw.write(scene, tmp_path / "clip")
    document = json.loads((tmp_path / "clip/scene.json").read_text())
    document["image_tracks"][0]["keyframes"][1]["xyxy_px"][2] = 1e18
    (tmp_path / "clip/scene.json").write_text(json.dumps(document))
    with pytest.raises(bw.FormatError, match=r"image_tracks\[0\]\.keyframes: expected places under 1e\+07 px, got 1e\+18"):
        bw.read(tmp_path / "clip")
