"""What V7 says beside shapes: properties and tags, worked by hand, there and back, and as V7's own client holds them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
import boxwright.certification as certification
from boxwright.certification.clients import python_with
from platform_scenes import asked, save
from test_formats_darwin import ID, box, document, label, put

JSON = "as JSON spells it: true, 4 or a list"
STEP = 100_000_000


def said(name, value, frame=None):
    return {"name": name, "value": value, "frame_index": frame}


def tag(name, **more):
    return {"id": f"{name}-id", "name": name, "frames": {"0": {"tag": {}, "keyframe": True}}, "ranges": [[0, 9]], "slot_names": ["front"]} | more


def occluded(track, n_frames=9):
    """Frames in which it is, of those in which it is there."""
    filled = track.at(np.arange(n_frames) * STEP)
    return [i for i in range(n_frames) if filled.is_valid[i] and track.visibility[filled.keyframe_index[i]] == 1]


def test_properties_worked_by_hand(tmp_path):
    """Seen in frames 0 to 4 and 6 to 7, told in 1, 3 and 7; what begins in frame 2 needs a keyframe there, where the line runs."""
    properties = [
        said("colour", "red"),
        said("doors", "4"),
        said("riders", "Ann"),
        said("riders", "Bo"),
        said("light", "on", 2),
        said("light", None, 5),
        said("occluded", "true", 3),
        said("occluded", "false", 7),
    ]
    put(tmp_path, document(label(properties=properties)))
    doors = {"name": "doors", "type": "single_select", "description": JSON, "required": False, "property_values": []}
    save(tmp_path / ".v7/metadata.json", {"version": "1.0", "classes": [{"name": "car", "type": "bounding_box", "properties": [doors]}]})
    scene = bw.read(tmp_path)
    (track,) = scene.image_tracks
    assert track.attributes == {"colour": "red", "doors": 4, "riders": ["Ann", "Bo"]}
    filled = track.at(scene.times_ns)
    assert [row.get("light") for row in filled.attributes[:8]] == [None, None, "on", "on", "on", None, None, None]
    assert occluded(track) == [3, 4, 6]
    np.testing.assert_allclose(filled.shapes.xyxy[[1, 2, 3, 4], 0] + 0.5, [10, 12, 14, 16], rtol=0, atol=1e-12)


def test_words_and_texts_of_frames(tmp_path):
    """Sub-annotations: what a frame does not tell goes on."""
    frames = {"0": box(1, attributes=["wet", "old"]), "2": box(2), "4": box(3, attributes=["old"], text={"text": "AB 12"})}
    (track,) = bw.read(put(tmp_path, document(label(frames, ranges=[[0, 6]])))).image_tracks
    held = track.at(np.arange(6) * STEP).attributes
    assert held[2] == {"wet": True, "old": True}
    assert held[5] == {"wet": None, "old": True, "text": "AB 12"}


def test_tags_worked_by_hand(tmp_path):
    """Of the item, of all slots alike, of one of them, of some time."""
    rear = {"slot_names": ["rear"]}
    content = document(
        tag("rain"), tag("rain", **rear), tag("night"), tag("glare", **rear, ranges=[[2, 4], [6, 7]], properties=[said("value", "strong")])
    )
    content["properties"] = [{"name": "weather", "value": "wet"}, {"name": "checked", "value": "checked"}, {"name": "left", "value": None}]
    tags = [(one.name, one.value, one.span_ns, one.camera) for one in bw.read(put(tmp_path, content)).tags]
    assert tags == [
        ("weather", "wet", None, None),
        ("checked", True, None, None),
        ("rain", True, None, None),
        ("night", True, None, "front"),
        ("glare", "strong", (2 * STEP, 3 * STEP), "rear"),
        ("glare", "strong", (6 * STEP, 6 * STEP), "rear"),
    ]


def full():
    """All that can be said of labels, in two cameras."""
    times = np.arange(6) * STEP
    boxes = bw.Boxes([[1.5, 2, 11, 12], [3.5, 2, 13, 12], [8.5, 2, 18, 12]])
    tracks = [
        bw.ImageTrack(
            "by hand",
            "car",
            "front",
            times[[0, 2, 5]],
            boxes,
            visibility=[0, 1, 0],
            attributes={"colour": "red", "doors": 4, "electric": False, "riders": ["Ann", "Bo"], "mass": 1.5, "nested": {"a": [1, None]}, "none": ""},
            keyframe_attributes=[{"light": "on", "speed": 3}, {"light": None}, {"speed": 4.5}],
            object_id="x y",
        ),
        bw.ImageTrack("2", "car", "rear", times[[1, 3]], boxes[:2], attributes={"speed": 9, "colour": "a" * 300}, visibility=[1, 1]),
        bw.ImageTrack("3", "dog", "rear", times[[1, 3]], bw.Polygons([[[1, 2], [9, 2], [9, 7]]] * 2)),
    ]
    tags = [
        bw.Tag("weather", "wet"),
        bw.Tag("rain"),
        bw.Tag("lux", 12.5),
        bw.Tag("dirty", camera="rear"),
        bw.Tag("glare", "strong", (STEP, 3 * STEP), "front"),
        bw.Tag("tunnel", True, (0, 2 * STEP)),
    ]
    cameras = {name: bw.CameraSensor(name, bw.UncalibratedCamera(64, 48)) for name in ("front", "rear")}
    return bw.Scene("clip", times, cameras=cameras, image_tracks=tracks, tags=tags, label_frame="front", frame_ids=tuple("012345"))


def test_all_that_is_said_comes_back(tmp_path):
    scene = full()
    certificate = bw.certify(scene, "darwin")
    assert certificate.holds and [one.field for one in certificate.readings[0].lost] == ["keyframes"]  # of the polygon
    report = bw.write(scene, tmp_path / "out", "darwin")
    assert not report.dropped and not any("tags" in line or "texts" in line for line in report.rounded)
    back = bw.read(tmp_path / "out")
    assert {(one.name, one.value, one.span_ns, one.camera) for one in back.tags} == {
        (one.name, one.value, one.span_ns, one.camera) for one in scene.tags
    }
    for mine, theirs in zip(scene.image_tracks, back.image_tracks, strict=True):
        assert (theirs.track_id, theirs.object_id) == (mine.track_id, mine.object_id)
        here, there = mine.at(scene.times_ns), theirs.at(back.times_ns)
        assert here.is_valid.tolist() == there.is_valid.tolist()
        for i in np.flatnonzero(here.is_valid):
            held = [{name: value for name, value in one.attributes[i].items() if value is not None} for one in (here, there)]
            assert held[0] == held[1]
        assert occluded(theirs, 6) == occluded(mine, 6)
    assert bw.write(back, tmp_path / "again", "darwin").n_labels == report.n_labels
    bw.write(bw.read(tmp_path / "again"), tmp_path / "settled", "darwin")
    assert (tmp_path / "settled/clip.json").read_text() == (tmp_path / "again/clip.json").read_text()


@pytest.mark.parametrize("format", ["darwin", "labelbox", "label_studio"])
@pytest.mark.parametrize("first_ns", [0, 1_700_000_000_000_000_000])
def test_tags_between_frames_are_told_by_name(format, first_ns):
    """The frames' own stamps may be lost; which frames a tag is of is not."""
    scene = full()
    times = scene.times_ns + first_ns
    tracks = [track.replace(times_ns=track.times_ns + first_ns) for track in scene.image_tracks[:1]]
    spans = {"dusk": (STEP, 3 * STEP), "rain": (2 * STEP - 1, 3 * STEP), "fog": (STEP, 4 * STEP + 7)}
    tags = [bw.Tag(name, True, (first_ns + a, first_ns + b)) for name, (a, b) in spans.items()]
    certificate = bw.certify(scene.replace(times_ns=times, image_tracks=tracks, tags=tags), format)
    (line,) = [line for line in certificate.report.rounded if "tags" in line.fields]
    assert "2 tags whose time begins or ends between frames" in line and line.of == {"rain", "fog"}
    (gone,) = [one for one in certificate.lost if one.field == "tags"]
    assert (gone.n_lost, gone.n_untold) == (2, 0)
    alone = bw.certify(scene.replace(times_ns=times, image_tracks=tracks, tags=tags[:1]), format)
    assert not any("tags" in line.fields for line in alone.report.rounded) and not any(one.field == "tags" for one in alone.lost)


def test_a_tag_of_other_frames_does_not_hold(monkeypatch):
    scene = full()
    tags = [bw.Tag("dusk", True, (STEP, 3 * STEP))]

    def late(scene, *args, **kwargs):
        return bw.write(scene.replace(tags=[bw.Tag("dusk", True, (2 * STEP, 3 * STEP))]), *args, **kwargs)

    monkeypatch.setattr(certification, "write", late)
    reasons = bw.certify(scene.replace(tags=tags, image_tracks=scene.image_tracks[:1]), "darwin").reasons
    assert any("1 of 1 tags are lost" in reason for reason in reasons)


def test_what_cannot_be_said_is_told(tmp_path):
    """Texts and numbers of one name, and a name that V7's property of what is occluded has."""
    scene = full()
    first, second = scene.image_tracks[:2]
    tracks = [first.replace(attributes={"doors": 4, "occluded": True}), second.replace(attributes={"doors": "five"})]
    report = bw.write(scene.replace(image_tracks=tracks, tags=[]), tmp_path / "out", "darwin")
    assert any("1 attribute called `occluded`" in line for line in report.dropped)
    assert any("1 value of attributes or tags that became texts" in line for line in report.rounded)
    back = bw.read(tmp_path / "out").image_tracks
    assert back[0].attributes == {"doors": "4"} and back[1].attributes == {"doors": "five"}
    assert occluded(back[0], 6) == [2, 3, 4]


def test_scenes_of_jaad_lose_no_attribute(real_data):
    scene = next(entry.read() for entry in bw.scenes(real_data / "cvat_video_xml"))
    lost = {one.field: one for one in bw.certify(scene, "darwin").readings[0].lost}
    given = sum(bool(row) for track in scene.image_tracks for row in track.at(track.times_ns).attributes)
    assert given > 1000 and not {"attributes", "visibility"} & lost.keys()


CLIENT = """
import json, sys
from pathlib import Path
from darwin.datatypes import parse_property_classes, split_paths_by_metadata
from darwin.utils import parse_darwin_json

parsed = parse_darwin_json(Path(sys.argv[1]) / "clip.json", 0)
_, classes = split_paths_by_metadata(Path(sys.argv[1]))
print(json.dumps({
    "item": parsed.item_properties,
    "annotations": [
        [one.annotation_class.name, one.annotation_class.annotation_type, one.slot_names, one.segments,
         [[p.name, p.value, p.frame_index] for p in one.properties or []]] for one in parsed.annotations],
    "classes": {f"{one.name}/{one.type}": {p.name: [p.type, p.granularity.value, [v["value"] for v in p.property_values]] for p in one.properties}
                for one in classes},
}))
"""


@pytest.mark.peers
def test_the_client_holds_what_is_said(tmp_path):
    python = python_with("darwin-py")
    if python is None:
        pytest.skip("darwin-py is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    bw.write(full(), tmp_path / "out", "darwin")
    held = asked(python, CLIENT, tmp_path / "out")
    assert held["item"] == [{"name": "weather", "value": "wet"}, {"name": "rain", "value": "rain"}, {"name": "lux", "value": "12.5"}]
    car = next(one for one in held["annotations"] if one[2] == ["front"] and one[0] == "car")
    assert ["doors", "4", "global"] in car[4] and ["riders", "Bo", "global"] in car[4] and ["object_id", "x y", "global"] in car[4]
    assert [one for one in car[4] if one[0] in ("light", "occluded", "speed")] == [
        ["light", "on", 0],
        ["speed", "3", 0],
        ["light", None, 2],
        ["speed", "4.5", 5],
        ["occluded", "true", 2],
        ["occluded", "false", 5],
    ]
    assert held["classes"]["car/bounding_box"]["riders"] == ["multi_select", "annotation", ["Ann", "Bo"]]
    assert held["classes"]["car/bounding_box"]["light"] == ["single_select", "section", ["on"]]
    assert held["classes"]["car/bounding_box"]["colour"][0] == "text"  # one value is too long to be chosen
    assert [one[:4] for one in held["annotations"] if one[1] == "tag"] == [
        ["dirty", "tag", ["rear"], [[0, 6]]],
        ["glare", "tag", ["front"], [[1, 4]]],
        ["tunnel", "tag", ["front"], [[0, 3]]],
        ["tunnel", "tag", ["rear"], [[0, 3]]],
    ]


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ([said("a", "b", -1)], "a frame from 0"),
        ([said("a", 4)], "a text"),
        ([said("", "b")], "not empty"),
        ([said("a", "b", 1 << 40)], "frames"),
        ("a", "a list"),
    ],
)
def test_bad_properties(tmp_path, properties, told):
    put(tmp_path, document(label({"1": box(3)}, id="good"), label({"1": box(3)}, id=ID, properties=properties)))
    with pytest.raises(bw.BoxwrightError) as caught:
        bw.read(tmp_path)
    assert told in str(caught.value) and "annotations[1]" in str(caught.value)


def test_a_bad_metadata_beside_it_is_kept_aside(tmp_path):
    put(tmp_path, document(label(properties=[said("doors", "4")])))
    save(tmp_path / ".v7/metadata.json", {"classes": 4})
    with pytest.raises(bw.FormatError, match=r"metadata\.json"):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert scene.image_tracks[0].attributes == {"doors": "4"} and len(scene.problems) == 1


def test_values_are_spelled_as_json_where_none_is_a_text(tmp_path):
    bw.write(full(), tmp_path / "out", "darwin")
    metadata = json.loads((tmp_path / "out/.v7/metadata.json").read_text())
    car = next(one for one in metadata["classes"] if one["name"] == "car")
    spelled = {one["name"] for one in car["properties"] if one["description"] == JSON}
    assert spelled == {"doors", "electric", "mass", "nested", "speed", "occluded"}
