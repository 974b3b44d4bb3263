"""CVAT for video 1.1: numbers worked by hand, an independent parser, and back to files without loss."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats.cvat_video_meta import labels_of

META = (
    "<meta><task><id>7</id><name>crossing</name><size>6</size><mode>interpolation</mode><start_frame>0</start_frame><stop_frame>5</stop_frame>"
    "<labels><label><name>car</name><attributes><attribute><name>colour</name><mutable>False</mutable><input_type>select</input_type>"
    "<default_value>red</default_value><values>red\nblue</values></attribute><attribute><name>parked</name><mutable>True</mutable>"
    "<input_type>checkbox</input_type><default_value>false</default_value><values>false</values></attribute></attributes></label><label><name>person</name></label></labels>"
    "<original_size><width>64</width><height>48</height></original_size><source>crossing.mp4</source></task><dumped>2024</dumped></meta>"
)
COLOUR = '<attribute name="colour">red</attribute>'


def shape(kind, frame, said, inside="", keyframe=1, outside=0, occluded=0):
    flags = f'frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="{occluded}"'
    return f'<{kind} {flags} {said} z_order="0">{inside}</{kind}>'


def box(frame, xyxy=(10, 20, 30.5, 40.25), inside="", **flags):
    said = " ".join(f'{name}="{value}"' for name, value in zip(("xtl", "ytl", "xbr", "ybr"), xyxy))
    return shape("box", frame, said, inside, **flags)


def track(inside, track_id=0, label="car", more='source="manual"'):
    return f'<track id="{track_id}" label="{label}" {more}>{inside}</track>'


def xml(*tracks, meta=META, version="1.1"):
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>{version}</version>{meta}{"".join(tracks)}</annotations>\n'


def make(folder, *tracks, **said):
    (folder / "clip.xml").write_text(xml(*tracks, **said))
    return folder / "clip.xml"


def full(folder):
    """Every kind of shape."""
    joints = '<points label="head" outside="0" occluded="0" points="5.00,6.00"/><points label="foot" outside="0" occluded="1" points="5.00,16.00"/>'
    lost = '<points label="head" outside="1" occluded="0" points="5.00,6.00"/><points label="foot" outside="0" occluded="0" points="7.00,16.00"/>'
    return make(
        folder,
        track(box(0, inside=COLOUR) + box(1, (11, 20, 31.5, 40.25), COLOUR, keyframe=0) + box(3, occluded=1, inside=COLOUR), 4, more='group_id="2"'),
        track(shape("box", 0, 'xtl="10" ytl="20" xbr="30" ybr="30" rotation="90.00"') + box(2, (0, 0, 4, 4), outside=1), 5),
        track(shape("ellipse", 0, 'cx="10" cy="20" rx="4" ry="3" rotation="350.00"'), 6),
        track(shape("polygon", 0, 'points="0.00,0.00;4.00,0.00;0.00,3.00"') + shape("polygon", 2, 'points="1.00,1.00;5.00,0.00"'), 7),
        track(shape("polyline", 1, 'points="0.50,0.50;4.00,0.25;9.00,3.00"'), 8),
        track(shape("points", 1, 'points="0.50,0.50;4.00,0.25"'), 9),
        track(shape("mask", 1, 'rle="1, 2, 3" left="3" top="4" width="3" height="2"'), 10),
        track(shape("skeleton", 0, "", joints) + shape("skeleton", 1, "", lost), 11, "person"),
    )


def test_golden_numbers(tmp_path):
    scene = bw.read(
        make(tmp_path, track(box(1, inside=COLOUR) + box(3, (12, 20, 32.5, 40.25), COLOUR + '<attribute name="parked">true</attribute>')))
    )
    assert (scene.name, len(scene), scene.has_time, scene.frame_ids) == ("crossing", 6, False, tuple("012345"))
    assert scene.cameras["crossing"].camera.size_px == (64, 48)
    (one,) = scene.image_tracks
    assert (one.track_id, one.category, one.camera, one.times_ns.tolist()) == ("0", "car", "crossing", [1, 3])
    np.testing.assert_array_equal(one.shapes.xyxy, [[9.5, 19.5, 30.0, 39.75], [11.5, 19.5, 32.0, 39.75]])
    assert one.attributes == {"colour": "red"}
    assert list(one.keyframe_attributes) == [{}, {"parked": True}]
    np.testing.assert_array_equal(one.at([2]).shapes.xyxy, [[10.5, 19.5, 31.0, 39.75]])


def test_every_shape(tmp_path):
    tracks = {one.track_id: one for one in bw.read(full(tmp_path)).image_tracks}
    assert tracks["4"].origin.tolist() == [bw.Origin.GIVEN, bw.Origin.FILLED, bw.Origin.GIVEN]
    assert tracks["4"].visibility.tolist() == [bw.Visibility.VISIBLE, bw.Visibility.VISIBLE, bw.Visibility.OCCLUDED]
    turned = tracks["5"].shapes
    np.testing.assert_allclose((turned.center_uv[0], turned.size_px[0]), ([19.5, 24.5], [20, 10]))
    np.testing.assert_allclose(turned.rotation_rad, [math.pi / 2, 0])
    assert tracks["5"].visibility.tolist() == [bw.Visibility.VISIBLE, bw.Visibility.OUTSIDE]
    np.testing.assert_allclose(tracks["6"].shapes.size_px, [[8, 6]])
    np.testing.assert_allclose(tracks["6"].shapes.rotation_rad, np.deg2rad([-10.0]))
    np.testing.assert_array_equal(tracks["7"].shapes.uv, [[-0.5, -0.5], [3.5, -0.5], [-0.5, 2.5], [0.5, 0.5], [4.5, -0.5]])
    np.testing.assert_array_equal(tracks["8"].shapes.uv, [[0, 0], [3.5, -0.25], [8.5, 2.5]])
    np.testing.assert_array_equal(tracks["9"].shapes.uv, [[[0, 0], [3.5, -0.25]]])
    pixels = np.zeros((48, 64), bool)
    pixels[4, 4:6] = True
    np.testing.assert_array_equal(tracks["10"].shapes.to_arrays()[0], pixels)
    joints = tracks["11"].shapes
    assert joints.skeleton.points == ("head", "foot")
    np.testing.assert_array_equal(joints.uv[0], [[4.5, 5.5], [4.5, 15.5]])
    assert joints.visibility.tolist() == [[0, 1], [2, 0]]


def assert_same(a, b):
    """The same labels, attributes and fields of the file; float noise of the half pixel's shift apart."""
    assert [one.track_id for one in a.image_tracks] == [one.track_id for one in b.image_tracks]
    assert (a.frame_ids, a.name, a.source_attributes) == (b.frame_ids, b.name, b.source_attributes)
    for x, y in zip(a.image_tracks, b.image_tracks):
        for column in ("category", "camera", "attributes", "method", "source_attributes"):
            assert getattr(x, column) == getattr(y, column), column
        for column in ("keyframe_attributes", "keyframe_source_attributes"):
            assert list(getattr(x, column)) == list(getattr(y, column)), column
        for column in ("times_ns", "visibility", "origin"):
            np.testing.assert_array_equal(getattr(x, column), getattr(y, column), column)
        assert type(x.shapes) is type(y.shapes)
        np.testing.assert_allclose(x.shapes.bounds_xyxy(), y.shapes.bounds_xyxy(), rtol=0, atol=1e-9)


def test_round_trip_of_every_shape(tmp_path):
    scene = bw.read(full(tmp_path))
    report = bw.write(scene, tmp_path / "out", "cvat_video")
    assert (report.n_tracks, report.n_labels, report.dropped, report.rounded) == (8, 13, [], [])
    again = bw.read(tmp_path / "out")
    assert_same(scene, again)
    for x, y in zip(scene.image_tracks, again.image_tracks):
        if isinstance(x.shapes, (bw.Polygons, bw.Polylines)):
            np.testing.assert_allclose(x.shapes.uv, y.shapes.uv, rtol=0, atol=1e-9)
            np.testing.assert_array_equal(x.shapes.point_offsets, y.shapes.point_offsets)
        elif isinstance(x.shapes, bw.Masks):
            np.testing.assert_array_equal(x.shapes.to_arrays(), y.shapes.to_arrays())
        elif isinstance(x.shapes, bw.Keypoints):
            np.testing.assert_array_equal(x.shapes.visibility, y.shapes.visibility)
            np.testing.assert_allclose(x.shapes.uv, y.shapes.uv, rtol=0, atol=1e-9)


def test_written_twice_is_the_same_file(tmp_path):
    bw.write(bw.read(full(tmp_path)), tmp_path / "one", "cvat_video")
    bw.write(bw.read(tmp_path / "one"), tmp_path / "two", "cvat_video")
    assert (tmp_path / "one/crossing.xml").read_bytes() == (tmp_path / "two/crossing.xml").read_bytes()


def elements(file, tag="box"):
    root = ET.parse(file).getroot()
    return [[dict(one.attrib) for one in some.findall(tag)] for some in root.findall("track")]


def test_a_track_that_ends_early_ends_in_cvat_too(tmp_path):
    """CVAT shows the last keyframe until the end of the task, unless one says that the object is gone."""
    scene = bw.read(make(tmp_path, track(box(0) + box(2)), track(box(3) + box(5), 1)))
    assert any("without an element that says so: 1;" in note for note in scene.notes)
    bw.write(scene, tmp_path / "out", "cvat_video")
    first, second = elements(tmp_path / "out/crossing.xml")
    assert [(one["frame"], one["outside"]) for one in first] == [("0", "0"), ("2", "0"), ("3", "1")]
    assert [(one["frame"], one["outside"]) for one in second] == [("3", "0"), ("5", "0")]
    again = bw.read(tmp_path / "out")
    assert_same(scene, again)
    assert not any("without an element" in note for note in again.notes)


def test_a_scene_of_other_origin(tmp_path):
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(640, 480), bw.Pose.identity())
    labels = bw.ImageTrack(
        "a", "car", "front", [0, 100, 250], bw.Boxes([[0, 0, 9, 9], [1, 0, 9, 9], [2, 0, 9, 9]]), visibility=[0, 1, 0],
        attributes={"id": "x<y"}, keyframe_attributes=[{"parked": False}, {}, {"note": 'say "hi" & go'}],
    )  # fmt: skip
    scene = bw.Scene("a/b", [0, 100, 200], cameras={"front": camera}, image_tracks=[labels], label_frame="front", tags=[bw.Tag("rain")])
    report = bw.write(scene, tmp_path / "out", "cvat_video")
    assert any("between two frames" in line for line in report.rounded)
    assert any("1 tag" in line for line in report.dropped) and any("when each frame was" in line for line in report.dropped)
    again = bw.read(tmp_path / "out")
    (track_,) = again.image_tracks
    assert (again.name, track_.track_id, track_.times_ns.tolist()) == ("a/b", "a", [0, 1, 2])
    assert track_.attributes == {"id": "x<y"}
    assert track_.at([0, 1, 2]).attributes[2] == {"id": "x<y", "parked": False}  # the note comes later
    np.testing.assert_allclose(track_.shapes.xyxy, labels.at([0, 100, 200]).shapes.xyxy, atol=1e-9)
    assert again.cameras["front"].camera.size_px == (640, 480)


def test_a_shape_that_holds_repeats_before_the_next(tmp_path):
    scene = bw.read(make(tmp_path, track(box(0) + box(4, (0, 0, 1, 1)))))
    held = scene.replace(image_tracks=[scene.image_tracks[0].replace(method="hold")])
    report = bw.write(held, tmp_path / "out", "cvat_video")
    assert any("repeat" in note for note in report.notes)
    frames = np.arange(5)
    expected = held.image_tracks[0].at(frames).shapes.xyxy
    np.testing.assert_allclose(bw.read(tmp_path / "out").image_tracks[0].at(frames).shapes.xyxy, expected, atol=1e-9)


def test_frames_of_a_step(tmp_path):
    meta = META.replace("<size>6</size>", "<size>3</size><frame_filter>step=5</frame_filter>").replace(
        "<start_frame>0</start_frame>", "<start_frame>10</start_frame>"
    )
    scene = bw.read(make(tmp_path, track(box(10) + box(20)), meta=meta))
    assert (scene.frame_ids, scene.image_tracks[0].times_ns.tolist()) == (("10", "15", "20"), [0, 2])
    bw.write(scene, tmp_path / "out", "cvat_video")
    assert [one["frame"] for one in elements(tmp_path / "out/crossing.xml")[0]] == ["10", "20"]
    assert_same(scene, bw.read(tmp_path / "out"))


@pytest.mark.parametrize(
    ("tracks", "told"),
    [
        ([track(box(0, (5, 0, 1, 2)))], ["xtl <= xbr", "5 0 1 2", "line 7", "track 0"]),
        ([track(box("x"))], ["a frame's number", "'x'", "frame"]),
        ([track(box(0) + box(0))], ["a frame comes twice"]),
        ([track(box(0, ("nan", 0, 1, 2)))], ["a number of pixels", "'nan'", "xtl"]),
        ([track(box(0) + shape("polygon", 1, 'points="0,0;1,1"'))], ["shapes of one kind", "<box>", "<polygon>"]),
        ([track(shape("cuboid", 0, ""))], ["no shape that boxwright has", "<cuboid>"]),
        ([track(shape("polygon", 0, 'points="0,0;1"'))], ["a number of pixels"]),
        ([track(shape("points", 0, 'points="0,0;1,1"') + shape("points", 1, 'points="0,0"'))], ["2 points, as in the track's first keyframe"]),
        ([track(shape("mask", 0, 'rle="1, 2" left="0" top="0" width="3" height="2"'))], ["add up to 3 x 2", "rle"]),
        ([track(shape("mask", 0, 'rle="6" left="63" top="0" width="3" height="2"'))], ["within 64 x 48", "left top width height"]),
        ([track(box(0, outside=3))], ["0 or 1", "'3'", "outside"]),
        ([track(box(0)), track(box(0))], ["an id of an earlier track", "'0'"]),
        ([track("")], ["a track without a shape"]),
        ([track(box(0), label="")], ["a track without a label"]),
        ([track(shape("skeleton", 0, "", '<points label="head" points="1,2"/><points points="3,4"/>'))], ["labels head", "one without a label"]),
    ],
)
def test_bad_records(tmp_path, tracks, told):
    """Refused with their place; kept aside in lenient reading, and what is good stays."""
    good = track(box(2), 77)
    file = make(tmp_path, *tracks, good, meta=META.replace("\n", " "))
    with pytest.raises(bw.FormatError) as caught:
        bw.read(file)
    for words in [*told, "clip.xml"]:
        if not words.startswith("line"):
            assert words in str(caught.value), str(caught.value)
    assert "line" in str(caught.value)
    scene = bw.read(file, strict=False)
    assert scene.problems
    assert "77" in [one.track_id for one in scene.image_tracks]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (xml(track(box(0)), version="2.0"), "<version>1.1</version>"),
        (xml('<image id="0" name="a.png"/>'), "CVAT for video 1.1"),
        (xml(track(box(0)))[:-20], "not a whole XML file"),
        (xml(track(box(0)), meta=META.replace("<width>64</width>", "<width>x</width>")), "a width and a height"),
        (xml(track(box(0)), meta=META.replace("<size>6</size>", "<size>-1</size>")), "a whole number"),
        (xml(track(box(0)), meta=META.replace("<size>6</size>", "<size>999999999</size>")), "frames per scene"),
    ],
)
def test_bad_files(tmp_path, text, told):
    (tmp_path / "clip.xml").write_text(text)
    with pytest.raises(bw.BoxwrightError, match=told.replace("<", ".").replace(">", ".")):
        bw.read(tmp_path / "clip.xml", strict=False)


def test_a_file_of_comments_is_looked_at_once(tmp_path):
    """An expression that may end each comment at the end of any later one would look for ages."""
    (tmp_path / "clip.xml").write_text("<!---->" * 500)
    with pytest.raises(bw.FormatError, match="no known format"):
        bw.read(tmp_path / "clip.xml")
    (tmp_path / "clip.xml").write_text(xml(track(box(0))).replace("<annotations>", "<!-- a -->  <!-- <annotations> --><annotations>"))
    assert len(bw.read(tmp_path / "clip.xml").image_tracks) == 1


def test_without_a_size(tmp_path):
    scene = bw.read(make(tmp_path, track(box(4)), meta=""))
    assert len(scene) == 5
    assert scene.cameras["camera"].camera.size_px == (31, 41)
    assert any(f"picture's size is not said of {next(iter(scene.cameras))}: " in note for note in scene.notes)


@pytest.fixture
def real_files(real_data):
    return sorted((real_data / "cvat_video_xml").glob("*.xml"))


def test_real_files_agree_with_a_plain_parser(tmp_path, real_files):
    """JAAD: every box, flag and attribute, and back to a file that says the same."""
    n_boxes = 0
    for file in real_files:
        scene = bw.read(file)
        root = ET.parse(file).getroot()
        assert len(scene.image_tracks) == len(root.findall("track"))
        bw.write(scene, tmp_path / file.stem, "cvat_video")
        (written,) = (tmp_path / file.stem).glob("*.xml")
        for labels, theirs, ours in zip(scene.image_tracks, root.findall("track"), ET.parse(written).getroot().findall("track")):
            here = labels.at(labels.times_ns)
            there = {int(one.get("frame")): one for one in theirs.findall("box")}
            assert theirs.attrib == {name: text for name, text in ours.attrib.items() if name != "id" or "id" in theirs.attrib}
            for k, frame in enumerate(labels.times_ns.tolist()):
                one = there[frame]
                corners = [float(one.get(name)) for name in ("xtl", "ytl", "xbr", "ybr")]
                np.testing.assert_allclose(labels.shapes.xyxy[k] + 0.5, corners, rtol=0, atol=1e-9)
                assert here.attributes[k] == {attribute.get("name"): attribute.text for attribute in one}
                n_boxes += 1
            again = {int(one.get("frame")): one for one in ours.findall("box")}
            for frame, one in there.items():
                said = {key: float(value) for key, value in one.attrib.items()}
                assert said == {key: float(value) for key, value in again[frame].attrib.items() if key in said}
                told = sorted((a.get("name"), a.text) for a in again[frame] if a.get("name") != "boxwright_track_id")
                assert sorted((a.get("name"), a.text) for a in one) == told
            assert all(one.get("outside") == "1" for frame, one in again.items() if frame not in there)
        back = bw.read(written)  # attributes are defined in the form of today
        before, after = (labels_of(one.source_attributes["cvat"]["meta"]) for one in (scene, back))
        assert before == after and len(before) == 3
        assert_same(scene.replace(source_attributes=back.source_attributes), back)
    assert n_boxes == 10_041


def iou_pairs(a, b):
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / ((a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - shared)


def test_real_boxes_thinned_and_filled_again(real_files):
    """Every tenth keyframe, and the frames between filled again, against the labels: people who walk, filmed from a car."""
    everywhere, between = [], []
    for file in real_files:
        for labels in bw.read(file).image_tracks:
            thin = labels.keyframes_every(10)
            there = labels.visibility != bw.Visibility.OUTSIDE
            filled = thin.at(labels.times_ns[there])
            assert filled.is_valid.all()
            overlap = iou_pairs(filled.shapes.xyxy, labels.shapes.xyxy[there])
            everywhere.append(overlap)
            between.append(overlap[filled.state == bw.State.BETWEEN])
    assert len(np.concatenate(between)) > 8000
    assert np.median(np.concatenate(everywhere)) >= 0.95
    assert np.median(np.concatenate(between)) >= 0.94


def written_from_elsewhere(folder, *tracks, size=(64, 48)):
    """(report, scene as it was, scene as it comes back) of tracks that no file of CVAT held."""
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(*size))
    scene = bw.Scene("a", [0, 1, 2], cameras={"front": camera}, image_tracks=tracks, has_time=False, label_frame="front")
    return bw.write(scene, folder, "cvat_video"), scene, bw.read(folder)


def test_fields_of_another_format_do_not_pass_for_those_of_cvat(tmp_path):
    """An "id" kept from a file of another kind took the place of the track's own, and what XML has no name for made a broken file."""
    labels = bw.ImageTrack(
        "7", "car", "front", [0, 1], bw.Boxes([[0, 0, 9, 9], [1, 0, 9, 9]]),
        source_attributes={"id": 3, "xmlns": "u:v", "1st": 1, "": "x", "grün": 2},
        keyframe_source_attributes=[{"frame": 77, "occluded": 2, "points": 4, "z_order": 5}, {"xtl": 8}],
    )  # fmt: skip
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    about = {"has_time": False, "label_frame": "front", "source_attributes": {"cvat": {"version": "1.1"}}}  # a label that was edited otherwise since
    report = bw.write(bw.Scene("a", [0, 1, 2], cameras={"front": camera}, image_tracks=[labels], **about), tmp_path / "out", "cvat_video")
    again = bw.read(tmp_path / "out")
    assert "3 fields of the file that the tracks came from, with names that mean something else in CVAT, such as id or frame" in report.dropped
    (track_,) = again.image_tracks
    assert (track_.track_id, track_.times_ns.tolist(), track_.visibility.tolist()) == ("7", [0, 1], [0, 0])
    np.testing.assert_array_equal(track_.shapes.xyxy, labels.shapes.xyxy)
    assert track_.source_attributes == {"_xmlns": "u:v", "_1st": "1", "_": "x", "gr_n": "2"}
    assert track_.keyframe_source_attributes == [{"z_order": "5"}, {}]


def test_fields_of_another_format_stay_behind(tmp_path):
    """They stood on every label of the file."""
    labels = bw.ImageTrack(
        "7", "car", "front", [0], bw.Boxes([[0, 0, 9, 9]]), source_attributes={"uuid": "x"}, keyframe_source_attributes=[{"alpha_rad": 4}]
    )
    report, _, again = written_from_elsewhere(tmp_path / "out", labels)
    assert any("fields that labels have from another format: uuid (1), alpha_rad (1)" in line for line in report.dropped)
    assert not again.image_tracks[0].source_attributes and not any(again.image_tracks[0].keyframe_source_attributes)


def saved_by_cvat(file):
    """As CVAT exports a task: its own numbers, fields and order, and the attributes that labels have."""
    text = file.read_text()
    tracks = re.findall(r"  <track .*?</track>\n", text, re.DOTALL)
    fresh = [re.sub('<track [^>]*(label="[^"]*")[^>]*>', rf'<track id="{k}" \1 source="manual">', one) for k, one in enumerate(reversed(tracks))]
    file.write_text(text[: text.index("  <track ")] + "".join(fresh) + "</annotations>\n")
    return fresh


def named_scene(names):
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    boxes = [bw.Boxes([[k, 0, k + 9, 9], [k + 1, 0, k + 10, 9]]) for k in range(len(names))]
    tracks = [bw.ImageTrack(name, "car", "front", [0, 2], one, object_id=f"object {name}") for name, one in zip(names, boxes)]
    return bw.Scene("a", [0, 1, 2], cameras={"front": camera}, image_tracks=tracks, has_time=False, label_frame="front")


def test_names_and_objects_outlive_cvat(tmp_path):
    """CVAT lost the names, and numbered tracks anew; the object was chosen among those that were there."""
    scene = named_scene(["0", "1", "walker", "by hand"])
    bw.write(scene, tmp_path, "cvat_video")
    kinds = re.findall(
        "<name>(boxwright_track_id|object_id)</name>\\s*<mutable>False</mutable>\\s*<input_type>(\\w+)<", (tmp_path / "a.xml").read_text()
    )
    assert sorted(kinds) == [("boxwright_track_id", "text"), ("object_id", "text")]
    saved_by_cvat(tmp_path / "a.xml")
    back = bw.read(tmp_path)
    assert {one.track_id: (one.object_id, one.shapes.xyxy[0, 0]) for one in back.image_tracks} == {
        one.track_id: (one.object_id, one.shapes.xyxy[0, 0]) for one in scene.image_tracks
    }
    assert not any(one.attributes for one in back.image_tracks)


def test_numbers_that_cvat_gave_outlive_cvat(tmp_path):
    """A track that was deleted there had the others take the names of those before them."""
    bw.write(named_scene(["0", "1", "2"]), tmp_path / "first", "cvat_video")
    file = tmp_path / "first/a.xml"
    file.write_text(re.sub('<attribute name="boxwright_track_id">.*?</attribute>', "", file.read_text()))  # as CVAT itself has it
    own = bw.read(file)
    bw.write(own, tmp_path / "out", "cvat_video")
    edited = tmp_path / "out/a.xml"
    edited.write_text(re.sub('  <track id="0".*?</track>\n', "", edited.read_text(), flags=re.DOTALL))
    saved_by_cvat(edited)
    assert 'id="0"' in edited.read_text() and 'id="2"' not in edited.read_text()
    back = bw.read(edited)
    assert {one.track_id: one.shapes.xyxy[0, 0] for one in back.image_tracks} == {"1": 1, "2": 2}
    kept = bw.read(file, labels=edited, missing="drop")
    assert sorted(one.track_id for one in kept.image_tracks) == ["1", "2"]


def test_tracks_that_were_copied_or_drawn_in_cvat(tmp_path):
    """A copy has the name of its original, a new track a number that may be a name."""
    bw.write(named_scene(["0", "1"]), tmp_path, "cvat_video")
    fresh = saved_by_cvat(tmp_path / "a.xml")  # "1" is 0 now, and "0" is 1
    named = '<attribute name="boxwright_track_id">{}</attribute>'
    drawn = fresh[0].replace('id="0"', 'id="1"').replace(named.format(1), named.format(""))
    file = tmp_path / "a.xml"
    file.write_text(file.read_text().replace("</annotations>", fresh[0].replace('id="0"', 'id="2"') + drawn + "</annotations>").replace(fresh[1], ""))
    scene = bw.read(tmp_path)
    assert [one.track_id for one in scene.image_tracks] == ["1", "1'", "1'2"]
    assert any("2 tracks with the name of another" in note for note in scene.notes)


def test_a_polygon_has_one_ring(tmp_path):
    """Its rings used to be written end to end, as one ring that crosses itself."""
    outer, hole = [[0, 0], [9, 0], [9, 9], [0, 9]], [[2, 2], [3, 2], [3, 3]]
    report, _, again = written_from_elsewhere(tmp_path / "out", bw.ImageTrack("1", "car", "front", [0], bw.Polygons([[hole, outer]])))
    assert any("beside the largest ring of each" in line for line in report.dropped)
    assert [ring.tolist() for ring in again.image_tracks[0].shapes.rings(0)] == [outer]


def test_points_that_are_hidden_become_a_skeleton(tmp_path):
    """Points that are not there used to come back as seen, at (0, 0)."""
    points = bw.Keypoints([[[1, 2], [np.nan, np.nan], [5, 6]]], [[0, 2, 1]])
    _, _, again = written_from_elsewhere(tmp_path / "out", bw.ImageTrack("1", "dog", "front", [0], points))
    found = again.image_tracks[0].shapes
    assert found.skeleton.points == ("0", "1", "2") and found.visibility.tolist() == [[0, 2, 1]]
    np.testing.assert_allclose(found.uv[0, [0, 2]], [[1, 2], [5, 6]], atol=1e-9)


def test_masks_larger_than_the_pictures_are_cut_off(tmp_path):
    """They used to give a file that could not be read."""
    pixels = np.zeros((1, 9, 9), bool)
    pixels[0, 2:8, 3:9] = True
    labels = bw.ImageTrack("1", "dog", "front", [0], bw.Masks.from_arrays(pixels))
    report, _, again = written_from_elsewhere(tmp_path / "out", labels, size=(5, 7))
    assert any("beyond the right and bottom edge" in line for line in report.dropped)
    np.testing.assert_array_equal(again.image_tracks[0].shapes.to_arrays(), pixels[:, :7, :5])


@pytest.mark.parametrize("angles", [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0)])
def test_boxes_that_could_turn_stay_such(tmp_path, angles):
    """Those that never did came back as boxes that cannot."""
    boxes = bw.RotatedBoxes([[10.0, 20], [12, 20]], [[8.0, 4], [8, 4]], angles)
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    scene = bw.Scene("a", [0, 1], cameras={"front": camera}, image_tracks=[bw.ImageTrack("1", "car", "front", [0, 1], boxes)], label_frame="front")
    bw.write(scene, tmp_path / "out", "cvat_video")
    (track,) = bw.read(tmp_path / "out").image_tracks
    assert isinstance(track.shapes, bw.RotatedBoxes)
    np.testing.assert_allclose(track.shapes.rotation_rad, angles, atol=1e-9)
    assert next((tmp_path / "out").iterdir()).read_text().count("rotation=") == 1


def test_texts_longer_than_cvat_takes(tmp_path):
    """They made a file that could not be read again."""
    rows = [{"one": "a" * 4096, "more": "b" * 4097, "c" * 4097: "x"}, {"many": "d" * 3000}, {"many": "e" * 3000}]
    track = bw.ImageTrack("1", "car", "front", [0, 1, 2], bw.Boxes([[1.0, 2, 3, 4]] * 3), keyframe_attributes=rows)
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    scene = bw.Scene("a", [0, 1, 2], cameras={"front": camera}, image_tracks=[track], label_frame="front")
    report = bw.write(scene, tmp_path / "out", "cvat_video")
    assert any(line.startswith("6 values of attributes that are neither") for line in report.dropped)  # two, in each of three frames
    (back,) = bw.read(tmp_path / "out").image_tracks
    assert back.at([0, 1, 2]).attributes == [{"one": "a" * 4096}, {"one": "a" * 4096, "many": "d" * 3000}, {"one": "a" * 4096, "many": "e" * 3000}]


@pytest.mark.parametrize(
    "old, new", [('"colour"', '"{}"'), ('label="car"', 'label="{}"'), ('id="0"', 'id="{}"'), ("z_order=", "{}="), ("<box", "<{}")]
)
def test_names_longer_than_a_name_may_be(tmp_path, old, new):
    """They were read, and made files of five formats that could not be read again."""
    good = xml(track(box(0, inside=COLOUR)))
    (tmp_path / "clip.xml").write_text(good.replace(old, new.format("n" * 4097)))
    with pytest.raises(bw.LimitError, match=r"clip\.xml: line \d, \w+: more text characters than allowed: expected at most 4,096, got 4,097"):
        bw.read(tmp_path)
