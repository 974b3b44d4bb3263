"""Labelbox: numbers worked by hand, and back to lines without loss."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.clients import python_with
from boxwright.formats.camera_labels import spans_between
from formats_scenes import full_scene
from platform_scenes import asked

UUID = "8f0c7a52-30bb-4c53-9a05-7c1ab2ddf0a1"


def keyframe(frame, left, **more):
    return {"frame": frame, "bbox": {"top": 20.5, "left": left, "height": 8, "width": 30} | more}


def line(*segments, key="street/front", track="7@front", uuid=UUID, **more):
    """Seen in frames 1 to 3 and in frame 6, counted from 1."""
    usual = ([keyframe(1, 10), keyframe(3, 14)], [keyframe(6, 20)])
    answers = [{"name": "track_id", "answer": track}, {"name": "colour", "answer": "red"}]
    own = {"uuid": uuid, "dataRow": {"globalKey": key}, "name": "car", "classifications": answers}
    return own | {"segments": [{"keyframes": list(some)} for some in segments or usual]} | more


def put(folder, *lines, name="street.ndjson"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in lines))
    return folder


def full(folder):
    point = [{"frame": 2, "point": {"x": 3.5, "y": 4.5}}]
    path = [{"frame": 2, "line": [{"x": 1, "y": 2}, {"x": 9, "y": 2}]}]
    others = [line(some, key="street/rear", track=f"{k}", uuid=f"{k}" + UUID[1:]) for k, some in enumerate((point, path))]
    return put(folder, line(), *others)


def small(folder):
    return put(folder, line([keyframe(1, 10)], classifications=[]))


def exported(folder):
    """As Labelbox exports it: every frame of every segment."""

    def seen(left, name="car", **more):
        own = {"feature_id": "abc", "name": name, "annotation_kind": "VideoBoundingBox"}
        return own | {"bounding_box": {"top": 20.5, "left": left, "height": 8, "width": 30}} | more

    told = [
        {"name": "track_id", "text_answer": {"content": "7@camera"}},
        {"name": "kind", "radio_answer": {"name": "small"}},
        {"name": "seen", "checklist_answers": [{"name": "by day"}]},
    ]
    frames = {
        "1": {"objects": {"abc": seen(10, classifications=told), "xyz": seen(1, "van")}},
        "2": {"objects": {"abc": seen(12), "m": {"name": "road", "mask": {"url": "..."}}}},
        "4": {"objects": {"abc": seen(20)}},
    }
    annotations = {"frames": frames, "segments": {"abc": [[1, 3], [4, 4]], "xyz": [[1, 2]]}, "key_frame_feature_map": {"abc": [1, 2, 4]}}
    media = {"width": 64, "height": 48, "frame_rate": 10, "frame_count": 9}
    row = {"data_row": {"id": "r", "global_key": "up/clip.mp4"}, "media_attributes": media}
    return put(folder, row | {"projects": {"p": {"labels": [{"annotations": annotations}]}}}, name="export.ndjson")


def test_golden_numbers(tmp_path):
    scene = bw.read(put(tmp_path, line()))
    assert (scene.name, [*scene.cameras], len(scene), scene.has_time) == ("street", ["front"], 6, False)
    (track,) = scene.image_tracks
    assert (track.track_id, track.object_id, track.category, track.attributes) == ("7@front", "7", "car", {"colour": "red"})
    filled = track.at(scene.times_ns)
    assert filled.is_valid.tolist() == [True, True, True, False, False, True]
    np.testing.assert_array_equal(filled.shapes.xyxy[[0, 1, 5]], [[9.5, 20, 39.5, 28], [11.5, 20, 41.5, 28], [19.5, 20, 49.5, 28]])
    assert "the picture's size is not said of front: 50 x 29 px holds all labels" in scene.notes


def test_points_of_segments_run_on_the_line(tmp_path):
    """A segment that ends between two frames that are told; its end was held, as boxes' were not."""
    frames = {str(frame): {"objects": {"p": {"feature_id": "p", "name": "tip", "point": {"x": x, "y": 2}}}} for frame, x in ((1, 0), (9, 8))}
    annotations = {"frames": frames, "segments": {"p": [[1, 3], [7, 9]]}}
    media = {"width": 64, "height": 48, "frame_rate": 10, "frame_count": 9}
    row = {"data_row": {"id": "r", "global_key": "clip.mp4"}, "media_attributes": media}
    put(tmp_path, row | {"projects": {"p": {"labels": [{"annotations": annotations}]}}}, name="export.ndjson")
    scene = bw.read(tmp_path)
    filled = scene.image_tracks[0].at(scene.times_ns)
    np.testing.assert_allclose(filled.shapes.uv[filled.is_valid, 0, 0] + 0.5, [0, 1, 2, 6, 7, 8], rtol=0, atol=1e-9)


def test_spans_that_end_where_shapes_are_told_need_no_curve(monkeypatch):
    """A curve for each track was half of what reading took; the shapes are the same."""
    told, shapes = np.array([2, 5, 9]), bw.Boxes(np.arange(12.0).reshape(3, 4) * [1, 1, 2, 2])
    curved = spans_between([(0, 4), (6, 12)], told, shapes, is_straight=True)
    assert [span.frames.tolist() for span in curved] == [[0, 2, 4], [6, 9, 12]]
    np.testing.assert_allclose(curved[0].shapes.xyxy[2], shapes.xyxy[0] + (shapes.xyxy[1] - shapes.xyxy[0]) * 2 / 3)
    with monkeypatch.context() as patched:
        patched.setattr(bw.ImageTrack, "at", None)
        plain = spans_between([(0, 5), (9, 12)], told, shapes, is_straight=True)
    assert [span.frames.tolist() for span in plain] == [[0, 2, 5], [9, 12]]
    assert [span.shapes.xyxy.tolist() for span in plain] == [shapes.xyxy[[0, 0, 1]].tolist(), shapes.xyxy[[2, 2]].tolist()]


def test_it_comes_back_as_it_was(tmp_path):
    scene = bw.read(full(tmp_path / "in"))
    assert [*scene.cameras] == ["front", "rear"] and [track.shapes.KIND for track in scene.image_tracks] == ["box", "keypoints", "polyline"]
    report = bw.write(scene, tmp_path / "out", "labelbox")
    assert not report.dropped and not report.rounded and report.n_labels == 6
    given, back = ([json.loads(text) for text in (tmp_path / place / "street.ndjson").read_text().splitlines()] for place in ("in", "out"))
    for one in (*given, *back):
        one["classifications"].sort(key=lambda answer: answer["name"])
    assert back == given


def test_exported_labels(tmp_path):
    scene = bw.read(exported(tmp_path))
    assert (scene.name, len(scene), scene.has_time, scene.cameras["camera"].camera.size_px) == ("clip", 9, True, (64, 48))
    np.testing.assert_array_equal(scene.times_ns, np.arange(9) * 10**8)
    car, van = scene.image_tracks
    assert (car.track_id, car.object_id, car.attributes) == ("7@camera", "7", {"kind": "small", "seen": ["by day"]})
    filled = car.at(scene.times_ns)
    assert filled.is_valid.tolist() == [True] * 4 + [False] * 5
    np.testing.assert_allclose(filled.shapes.xyxy[:4, 0], [9.5, 11.5, 15.5, 19.5], rtol=0, atol=1e-12)
    assert (van.track_id, van.category) == ("xyz", "van") and van.at(scene.times_ns).is_valid.tolist() == [True] * 2 + [False] * 7
    assert any("1 label of kinds" in note for note in scene.notes)


@pytest.mark.parametrize("run", [[1], [1, 2, 3], []])
def test_a_segment_that_is_no_pair(tmp_path, run):
    row = json.loads((exported(tmp_path) / "export.ndjson").read_text())
    row["projects"]["p"]["labels"][0]["annotations"]["segments"]["abc"].append(run)
    put(tmp_path, row, name="export.ndjson")
    with pytest.raises(bw.FormatError, match=r"segments\.abc\[2\]: expected a first and a last frame"):
        bw.read(tmp_path)


def test_rows_of_other_files_are_scenes(tmp_path):
    put(tmp_path, line(key="a.mp4"), line(key="b.mp4", track="9"))
    assert [entry.name for entry in bw.scenes(tmp_path)] == ["a", "b"]
    assert [entry.read().image_tracks[0].track_id for entry in bw.scenes(tmp_path)] == ["7@front", "9"]


def test_cuboids_become_boxes_that_find_their_way_back(rng, tmp_path):
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "out", "labelbox")
    tools = json.loads((tmp_path / "out/ontology.json").read_text())["tools"]
    assert [tool["name"] for tool in tools] == ["person"] and tools[0]["classifications"][0]["name"] == "track_id"
    seen = {track.track_id: track for track in bw.project_tracks(scene, occlusion=False).image_tracks()}
    back = bw.read(tmp_path / "out")
    assert {track.track_id: track.object_id for track in back.image_tracks} == {name: track.object_id for name, track in seen.items()}
    for track in back.image_tracks:
        mine = seen[track.track_id].at(scene.exposures_ns(track.camera)[: len(back)])
        np.testing.assert_allclose(track.at(back.times_ns).shapes.xyxy[mine.is_valid], mine.shapes.xyxy[mine.is_valid], rtol=0, atol=1e-9)


def test_a_scene_without_labels_is_refused(tmp_path):
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    with pytest.raises(bw.ArgumentError, match="hold labels alone"):
        bw.write(bw.Scene("a", [0], cameras={"front": camera}, label_frame="front"), tmp_path / "out", "labelbox")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (line([keyframe(0, 10)]), "from 1"),
        (line([keyframe(1.5, 10)]), "a whole number"),
        (line([keyframe(1, 10), keyframe(1, 11)]), "each frame once"),
        (line([keyframe(1, "x")]), "a number"),
        (line([keyframe(1, 10, width=-3)]), "a width and a height from 0"),
        (line([keyframe(1, 1e9)]), "under 1e+07"),
        (line([{"frame": 1}]), "a bbox, a point or a line"),
        (line([keyframe(1, 10), {"frame": 2, "point": {"x": 1, "y": 2}}]), "shapes of one kind"),
        (line([keyframe(1, 10), keyframe(5, 10)], [keyframe(3, 10)]), "segments that do not overlap"),
        (line(classifications=[{"name": "track_id", "answer": [1, 2]}]), "as the track's id"),
    ],
)
def test_bad_lines(tmp_path, bad, told):
    put(tmp_path, line(track="good"), bad)
    with pytest.raises(bw.FormatError) as caught:
        bw.read(tmp_path)
    assert told in str(caught.value) and "line 2" in str(caught.value) and "street.ndjson" in str(caught.value)
    scene = bw.read(tmp_path, strict=False)
    assert len(scene.problems) == 1 and [track.track_id for track in scene.image_tracks] == ["good"]


def test_answers_of_videos_and_frames_are_tags(tmp_path):
    """They were lost."""

    def radio(name, value, **more):
        return {"feature_id": name, "name": name, "radio_answer": {"name": value} | more}

    row = json.loads((exported(tmp_path) / "export.ndjson").read_text())
    labels = row["projects"]["p"]["labels"]
    annotations = labels[0]["annotations"]
    annotations["classifications"] = [radio("place", "town")]
    rain, sun = {"classifications": [radio("weather", "rain")]}, {"classifications": [radio("weather", "sun")]}
    for key, said in (("1", rain), ("2", rain), ("4", rain), ("5", sun)):
        annotations["frames"].setdefault(key, {}).update(said)
    annotations["frames"]["4"]["objects"]["m"] = annotations["frames"]["2"]["objects"]["m"]  # one mask in two frames
    annotations["frames"]["1"]["objects"]["xyz"]["classifications"] = [radio("door", "open", classifications=[radio("side", "left")])]
    put(tmp_path, row, name="export.ndjson")
    scene = bw.read(tmp_path)
    assert [(tag.name, tag.value, tag.span_ns, tag.camera) for tag in scene.tags] == [
        ("place", "town", None, "camera"),
        ("weather", "rain", (0, 10**8), "camera"),
        ("weather", "rain", (3 * 10**8, 3 * 10**8), "camera"),
        ("weather", "sun", (4 * 10**8, 4 * 10**8), "camera"),
    ]
    assert scene.image_tracks[1].attributes == {"door": "open", "side": "left"}
    assert any(note.startswith("1 label of kinds") for note in scene.notes)
    report = bw.write(scene, tmp_path / "out", "labelbox")
    assert not any("tag" in said for said in (*report.rounded, *report.dropped))
    back = bw.read(tmp_path / "out")
    assert [(tag.name, tag.value, tag.span_ns) for tag in back.tags] == [
        ("place", "town", None),
        ("weather", "rain", (0, 1)),
        ("weather", "rain", (3, 3)),
        ("weather", "sun", (4, 4)),
    ]
    told = [json.loads(text) for text in (tmp_path / "out/clip.ndjson").read_text().splitlines()]
    assert [one["frames"] for one in told if one["name"] == "weather"] == [[{"start": a, "end": b}] for a, b in ((1, 2), (4, 4), (5, 5))]
    questions = json.loads((tmp_path / "out/ontology.json").read_text())["classifications"]
    assert [(one["name"], one["type"], one["scope"], [option["value"] for option in one["options"]]) for one in questions] == [
        ("place", "radio", "global", ["town"]),
        ("weather", "radio", "index", ["rain", "sun"]),
    ]


def test_each_annotator_is_a_scene(tmp_path):
    """Second labels of a data row were counted, and left out."""
    row = json.loads((exported(tmp_path) / "export.ndjson").read_text())
    (first,) = row["projects"]["p"]["labels"]
    second = {"annotations": {"frames": {"2": {"objects": {"o": first["annotations"]["frames"]["1"]["objects"]["xyz"]}}}}}
    labels = ((first, "a@b.de"), (second, "c@d.de"), (second, "a@b.de"))
    row["projects"]["p"]["labels"] = [one | {"label_details": {"created_by": who}} for one, who in labels]
    other = json.loads(json.dumps(row)) | {"data_row": {"id": "s", "global_key": "up/other.mp4"}}
    other["projects"]["p"]["labels"] = other["projects"]["p"]["labels"][1:2]
    put(tmp_path, row, other, name="export.ndjson")
    entries = bw.scenes(tmp_path)
    assert [*entries.names] == ["clip by a@b.de", "clip by c@d.de", "clip by a@b.de, time 2", "other"]
    assert [[track.category for track in entry.read().image_tracks] for entry in entries] == [["car", "van"], ["van"], ["van"], ["van"]]


def test_annotators_of_two_cameras(tmp_path):
    """One annotator labelled the front alone: the scene has both cameras, and tells it."""
    row = json.loads((exported(tmp_path / "one") / "export.ndjson").read_text())
    (label,) = row["projects"]["p"]["labels"]
    rows = []
    for camera, names in (("front", ("a", "b")), ("rear", ("b",))):
        labels = [json.loads(json.dumps(label).replace("7@camera", f"7@{camera}")) | {"label_details": {"created_by": name}} for name in names]
        rows.append(row | {"data_row": {"id": camera, "global_key": f"street/{camera}"}, "projects": {"p": {"labels": labels}}})
        for one in labels:
            one["annotations"]["frames"]["1"]["objects"].pop("xyz")
    put(tmp_path, *rows)
    a, b = (entry.read() for entry in bw.scenes(tmp_path))
    assert [*a.cameras] == [*b.cameras] == ["front", "rear"]
    assert [track.track_id for track in a.image_tracks] == ["7@front"] and [track.track_id for track in b.image_tracks] == ["7@front", "7@rear"]
    assert any("1 data row of 2 without a label of a" in note for note in a.notes)


def changing_scene():
    """A walker who looks up in frame 2, and another, drawn over a gap, with a shape that Labelbox has no tracks of."""
    times = np.arange(6) * 40_000_000
    boxes = bw.Boxes([[1, 2, 9, 9], [3, 2, 11, 9], [5, 2, 13, 9]])
    said = [{"look": "down", "age": 7}, {"look": "up"}, {"look": "down"}]
    rings = bw.Polygons([[[1, 2], [9, 2.5], [8, 11]]] * 3)
    tracks = [
        bw.ImageTrack("a", "person", "front", times[[0, 2, 5]], boxes, attributes={"coat": "red"}, keyframe_attributes=said),
        bw.ImageTrack(
            "b", "person", "front", times[[0, 2, 4]], rings, visibility=[0, 2, 0], keyframe_attributes=[{}, {"look": "up"}, {"look": None}]
        ),
    ]
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    return bw.Scene("street", times, cameras={"front": camera}, image_tracks=tracks, label_frame="front", frame_ids=tuple("012345"))


def test_attributes_that_change(tmp_path):
    """Labelbox answers keyframe by keyframe; they were dropped, and of exported ones the last was taken for all frames."""
    scene = changing_scene()
    report = bw.write(scene, tmp_path / "out", "labelbox")
    first = json.loads((tmp_path / "out/street.ndjson").read_text().splitlines()[0])
    assert first["classifications"] == [{"name": "coat", "answer": "red"}, {"name": "track_id", "answer": "a"}]
    told = [(one["frame"], one.get("classifications")) for segment in first["segments"] for one in segment["keyframes"]]
    down, up = ([{"name": "look", "answer": one}] for one in ("down", "up"))
    assert told == [(1, [*down, {"name": "age", "answer": "7"}]), (3, up), (6, down)]
    assert not any("change" in line for line in report.dropped) and any("1 value of attributes that became texts" in line for line in report.rounded)
    assert any("that 1 attribute stops holding" in line for line in report.dropped)
    walker = bw.read(tmp_path / "out").image_track("a")
    assert walker.attributes == {"coat": "red"} and [dict(row) for row in walker.keyframe_attributes] == [
        {"look": "down", "age": "7"}, {"look": "up"}, {"look": "down"},
    ]  # fmt: skip


def test_exported_answers_that_change(tmp_path):
    row = json.loads((exported(tmp_path) / "export.ndjson").read_text())
    frames = row["projects"]["p"]["labels"][0]["annotations"]["frames"]
    told = [key for key, frame in sorted(frames.items(), key=lambda one: int(one[0])) if "abc" in frame.get("objects", {})]
    for k, key in enumerate(told):
        answers = frames[key]["objects"]["abc"].setdefault("classifications", [])
        answers += [{"name": "look", "text_answer": {"content": "up" if k else "down"}}, {"name": "coat", "text_answer": {"content": "red"}}]
    put(tmp_path, row, name="export.ndjson")
    track = next(one for one in bw.read(tmp_path).image_tracks if one.keyframe_attributes)
    assert len(told) > 1 and track.attributes["coat"] == "red" and "look" not in track.attributes
    assert [row["look"] for row in track.keyframe_attributes if row] == ["down", "up"]


ANSWERS = """
import json, sys
from labelbox import OntologyBuilder
from labelbox.data.serialization.ndjson.objects import NDSegments
label = NDSegments(**json.loads(open(sys.argv[1] + "/street.ndjson").readline()))
held = [[one.frame, {c.name: c.answer for c in one.classifications}] for segment in label.segments for one in segment.keyframes]
texts = OntologyBuilder.from_dict(json.load(open(sys.argv[1] + "/ontology.json"))).tools[0].classifications
print(json.dumps([held, {one.name: one.scope.value for one in texts}]))
"""


@pytest.mark.peers
def test_labelbox_holds_answers_of_keyframes(tmp_path):
    python = python_with("labelbox")
    if python is None:
        pytest.skip("labelbox is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    bw.write(changing_scene(), tmp_path / "out", "labelbox")
    held, scopes = asked(python, ANSWERS, tmp_path / "out")
    assert held == [[1, {"look": "down", "age": "7"}], [3, {"look": "up"}], [6, {"look": "down"}]]
    assert scopes == {"coat": "global", "track_id": "global", "look": "index", "age": "index"}


def test_tags_of_every_kind(tmp_path):
    times = np.arange(4) * 40_000_000
    cameras = {name: bw.CameraSensor(name, bw.UncalibratedCamera(64, 48)) for name in ("front", "rear")}
    tracks = [bw.ImageTrack(name, "car", name, times[:1], bw.Boxes([[1, 2, 9, 9]])) for name in cameras]
    tags = [bw.Tag("rain"), bw.Tag("seen", ["cars", "trams"], camera="rear"), bw.Tag("speed", 12.5, (int(times[1]), int(times[2])), "rear")]
    scene = bw.Scene("street", times, cameras=cameras, image_tracks=tracks, label_frame="front", tags=tags)
    report = bw.write(scene, tmp_path / "out", "labelbox")
    back = bw.read(tmp_path / "out")
    assert [(tag.name, tag.value, tag.span_ns, tag.camera) for tag in back.tags] == [
        ("rain", True, None, None),
        ("seen", ["cars", "trams"], None, "rear"),
        ("speed", "12.5", (1, 2), "rear"),
    ]
    lost = "\n".join(report.rounded)
    assert "1 value of tags" in lost and "between frames" not in lost
    bw.write(scene.replace(image_tracks=()), tmp_path / "alone", "labelbox", camera="rear")
    assert [tag.name for tag in bw.read(tmp_path / "alone").tags] == ["rain", "seen", "speed"]


@pytest.mark.peers
def test_labelbox_takes_tags(rng, tmp_path):
    """Its own classes for choices in videos, and the ontology that has the options."""
    python = python_with("labelbox")
    if python is None:
        pytest.skip("labelbox is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    scene = full_scene(rng)
    tags = [*scene.tags, bw.Tag("seen", ["cars", "trams"]), bw.Tag("rain")]
    certificate = bw.certify(scene.replace(tags=tags), "labelbox", tmp_path / "out", client_python=python)
    assert certificate.holds, certificate.reasons
    (file,) = (tmp_path / "out").glob("*.ndjson")
    assert sum({"answer", "answers"} & json.loads(line).keys() != set() for line in file.read_text().splitlines()) == 4


def test_answers_to_import_are_tags(tmp_path):
    row = {"uuid": UUID, "dataRow": {"globalKey": "street/front"}, "name": "weather", "answer": {"name": "rain"}}
    put(tmp_path, line(), row, row | {"name": "busy", "answer": "yes", "frames": [{"start": 2, "end": 9}]})
    scene = bw.read(tmp_path)
    assert [(tag.name, tag.value, tag.span_ns) for tag in scene.tags] == [("weather", "rain", None), ("busy", "yes", (1, 8))] and len(scene) == 9
    put(tmp_path, line(), row | {"frames": [{"start": 3, "end": 2}]})
    with pytest.raises(bw.FormatError, match="a first frame from 1 and a last one"):
        bw.read(tmp_path)


@pytest.mark.parametrize(("last", "tagged", "n_lost"), [(5, None, 3), (8, None, 0), (5, 7, 1)])
def test_frames_after_the_last_label(tmp_path, last, tagged, n_lost):
    """Of nine frames those after the last label, and after the last tag of some frames, do not come back; as many are told."""
    times = np.arange(9) * 100_000_000
    track = bw.ImageTrack("a", "car", "front", times[[1, last]], bw.Boxes([[1, 2, 11, 12], [3, 2, 13, 12]]))
    tags = [] if tagged is None else [bw.Tag("weather", "rain", span_ns=(0, int(times[tagged])))]
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(48, 32))
    scene = bw.Scene("clip", times, cameras={"front": camera}, image_tracks=[track], tags=tags, label_frame="front")
    report = bw.write(scene, tmp_path / "out", "labelbox")
    assert len(bw.read(tmp_path / "out")) == 9 - n_lost
    lost = [line for line in report.dropped if "after the last label" in line]
    assert [line.split()[0] for line in lost] == ([str(n_lost)] if n_lost else [])
    certificate = bw.certify(scene, "labelbox")
    assert certificate.holds and certificate.readings[0].n_frames_lost == n_lost
