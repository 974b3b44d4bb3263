"""Label Studio: numbers worked by hand, and back to tasks without loss."""

from __future__ import annotations

import copy
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import boxwright as bw
from boxwright.certification.clients import python_with
from formats_scenes import full_scene
from platform_scenes import asked
from test_cli import run

__all__ = ["run"]


def keyframe(frame, x, *, enabled=True, rotation=0, **more):
    return {"frame": frame, "enabled": enabled, "rotation": rotation, "x": x, "y": 25, "width": 12.5, "height": 50, "time": frame / 25} | more


def region(name="abc", sequence=None, label="car", **more):
    """Seen in frames 1 to 3, and from 6 on."""
    usual = [keyframe(1, 10), keyframe(3, 20, enabled=False), keyframe(6, 50)]
    value = {"framesCount": 8, "duration": 0.32, "labels": [label], "sequence": usual if sequence is None else sequence}
    return {"id": name, "from_name": "box", "to_name": "video", "type": "videorectangle", "value": value, "origin": "manual"} | more


SAID = {"id": "abc", "from_name": "colour", "to_name": "video", "type": "choices", "value": {"choices": ["red"]}}
SIZE = {"width_px": 64, "height_px": 48}


def task(*regions, **data):
    return {"id": 3, "data": {"video": "/data/upload/1/street.mp4", **data}, "annotations": [{"id": 9, "result": list(regions)}]}


def picture_task(*regions, name="a.png"):
    return {"id": 4, "data": {"image": name}, "annotations": [{"was_cancelled": True, "result": [region()]}, {"result": list(regions)}]}


def of_picture(kind, **value):
    return {
        "id": kind,
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "original_width": 200,
        "original_height": 100,
        "value": {kind: ["car"]} | value,
    }


def put(folder, *tasks):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tasks.json").write_text(json.dumps(copy.deepcopy(tasks)))
    return folder


def full(folder):
    turned = region("turned", [keyframe(1, 10, rotation=30), keyframe(2, 20, rotation=390)], "van")
    return put(folder, task(region(), SAID, turned, scene="a", camera="front", **SIZE), task(region("x@rear"), scene="a", camera="rear", **SIZE))


def small(folder):
    return put(folder, task(region(sequence=[keyframe(1, 10)])))


def test_golden_numbers(tmp_path):
    scene = bw.read(put(tmp_path, task(region(), SAID, **SIZE)))
    assert (scene.name, len(scene), scene.has_time) == ("street", 8, True)
    np.testing.assert_array_equal(scene.times_ns, np.arange(8) * 40_000_000)
    assert scene.cameras["camera"].camera.size_px == (64, 48)
    (track,) = scene.image_tracks
    assert (track.track_id, track.category, track.attributes) == ("abc", "car", {"colour": "red"})
    np.testing.assert_allclose(track.shapes.xyxy[0], [5.9, 11.5, 13.9, 35.5], rtol=0, atol=1e-12)
    filled = track.at(scene.times_ns)
    assert filled.is_valid.tolist() == [True] * 3 + [False] * 2 + [True] * 3  # what is never disabled goes on to the end
    np.testing.assert_allclose(filled.shapes.xyxy[1, 0], 6.4 + 3.2 - 0.5, rtol=0, atol=1e-12)
    np.testing.assert_allclose(filled.shapes.xyxy[7], filled.shapes.xyxy[5])


def test_turned_boxes_turn_about_their_corner(tmp_path):
    """A quarter turn clockwise takes the box from the right of its corner to below it."""
    (track,) = bw.read(put(tmp_path, task(region(sequence=[keyframe(1, 50, rotation=90)]), **SIZE))).image_tracks
    np.testing.assert_allclose(track.shapes.bounds_xyxy()[0], [32 - 24 - 0.5, 11.5, 31.5, 12 + 8 - 0.5], rtol=0, atol=1e-12)


def test_round_trip(tmp_path):
    scene = bw.read(full(tmp_path / "in"))
    assert [*scene.cameras] == ["front", "rear"] and scene.image_track("x@rear").object_id == "x"
    report = bw.write(scene, tmp_path / "out", "label_studio")
    assert not report.dropped and report.n_labels == 3 * 6 + 2
    assert report.rounded == ["1 track of other curves than straight ones through even steps: keyframes at every frame"]  # which turns
    back = bw.read(tmp_path / "out")
    np.testing.assert_array_equal(back.times_ns, scene.times_ns)
    for mine, theirs in zip(scene.image_tracks, back.image_tracks, strict=True):
        assert (mine.track_id, mine.category, mine.camera) == (theirs.track_id, theirs.category, theirs.camera)
        one, other = mine.at(scene.times_ns), theirs.at(scene.times_ns)
        np.testing.assert_array_equal(one.is_valid, other.is_valid)
        for a, b in zip(one.shapes[one.is_valid]._columns(), other.shapes[one.is_valid]._columns()):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)
    told = json.loads((tmp_path / "out/tasks.json").read_text())
    assert told[0]["id"] == 3 and told[0]["data"]["video"] == "/data/upload/1/street.mp4"
    regions = told[0]["annotations"][0]["result"]
    assert regions[0]["origin"] == "manual" and regions[1]["value"] == {"text": ["red"]}


def test_turns_do_not_jump(tmp_path):
    """Label Studio blends degrees as numbers: what is written from 350 to 10 degrees goes through 0."""
    turns = np.deg2rad([350, 0, 10])
    boxes = bw.RotatedBoxes([[30, 20]] * 3, [[10, 5]] * 3, turns)
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    scene = bw.Scene(
        "a",
        np.arange(3) * 10**8,
        cameras={"front": camera},
        image_tracks=[bw.ImageTrack("1", "car", "front", np.arange(3) * 10**8, boxes)],
        label_frame="front",
    )
    bw.write(scene, tmp_path / "out", "label_studio")
    sequence = json.loads((tmp_path / "out/tasks.json").read_text())[0]["annotations"][0]["result"][0]["value"]["sequence"]
    np.testing.assert_allclose(np.diff([one["rotation"] for one in sequence]), 10, rtol=0, atol=1e-9)


def test_uneven_times_are_written_frame_by_frame(tmp_path):
    """Label Studio goes straight over frames, boxwright over time."""
    times = np.array([0, 10, 30, 70]) * 10**7
    boxes = bw.Boxes([[0, 0, 9, 9], [70, 0, 79, 9]])
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(100, 48))
    scene = bw.Scene(
        "a", times, cameras={"front": camera}, image_tracks=[bw.ImageTrack("1", "car", "front", times[[0, 3]], boxes)], label_frame="front"
    )
    report = bw.write(scene, tmp_path / "out", "label_studio")
    assert any("one rate" in line for line in report.rounded)
    (track,) = bw.read(tmp_path / "out").image_tracks
    np.testing.assert_allclose(track.shapes.xyxy[:, 0], [0, 10, 30, 70], rtol=0, atol=1e-9)


def test_what_leaves_the_picture_ends_with_it(tmp_path):
    """Label Studio refuses places beyond 0 to 100 percent."""
    boxes = bw.Boxes([[-30, 5, 10, 15], [70, 5, 80, 15]])
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    tracks = [bw.ImageTrack("1", "car", "front", [0, 4], boxes), bw.ImageTrack("2", "car", "front", [0], boxes[1])]
    scene = bw.Scene("a", range(5), cameras={"front": camera}, image_tracks=tracks, has_time=False, label_frame="front")
    report = bw.write(scene, tmp_path / "out", "label_studio", frame_rate=25)
    assert any("1 track reaching out" in line for line in report.rounded) and any("1 track of which nothing" in line for line in report.dropped)
    (track,) = bw.read(tmp_path / "out").image_tracks
    np.testing.assert_allclose(track.shapes.xyxy[:, [0, 2]], [[-0.5, 10], [-0.5, 27.5], [20, 45], [45, 62.5]], rtol=0, atol=1e-9)


def test_percent_become_pixels_over_the_recording(tmp_path):
    put(tmp_path / "labels", task(region()))
    labels = bw.read(tmp_path / "labels")
    assert any("size is not said" in note for note in labels.notes) and labels.cameras["camera"].camera.size_px == (100, 100)
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    bw.write(bw.Scene("a", np.arange(8) * 10**8, cameras={"front": camera}, label_frame="front"), tmp_path / "clip")
    (track,) = bw.read(tmp_path / "clip", labels=tmp_path / "labels").image_tracks
    np.testing.assert_allclose(track.shapes.xyxy[0], [5.9, 11.5, 13.9, 35.5], rtol=0, atol=1e-12)
    assert track.times_ns[1] == 2 * 10**8


def test_tasks_of_pictures(tmp_path):
    box = of_picture("rectanglelabels", x=10, y=20, width=5, height=50, rotation=0)
    ring = of_picture("polygonlabels", points=[[0, 0], [50, 0], [50, 100]])
    ellipse = of_picture("ellipselabels", x=50, y=50, radiusX=10, radiusY=20, rotation=0)
    point = of_picture("keypointlabels", x=50, y=50, width=0.3)
    scene = bw.read(put(tmp_path, picture_task(box, ring), picture_task(ellipse, point, name="b.png")))
    assert (scene.name, len(scene), scene.has_time, scene.cameras["camera"].camera.size_px) == ("tasks", 2, False, (200, 100))
    box, ring, ellipse, point = scene.image_tracks
    np.testing.assert_allclose(box.shapes.xyxy, [[19.5, 19.5, 29.5, 69.5]])
    np.testing.assert_allclose(ring.shapes.rings(0)[0], [[-0.5, -0.5], [99.5, -0.5], [99.5, 99.5]])
    np.testing.assert_allclose(ellipse.shapes.bounds_xyxy(), [[79.5, 29.5, 119.5, 69.5]])
    np.testing.assert_allclose(point.shapes.uv, [[[99.5, 49.5]]])
    assert [track.times_ns.tolist() for track in scene.image_tracks] == [[0], [0], [1], [1]]


def test_cuboids_become_boxes_that_find_their_way_back(rng, tmp_path):
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "out", "label_studio")
    seen = {track.track_id: track for track in bw.project_tracks(scene, occlusion=False).image_tracks()}
    back = bw.read(tmp_path / "out")
    assert seen and {track.track_id: track.object_id for track in back.image_tracks} == {name: track.object_id for name, track in seen.items()}
    for track in back.image_tracks:
        mine = seen[track.track_id].at(scene.exposures_ns(track.camera))
        np.testing.assert_allclose(track.at(back.times_ns).shapes.xyxy[mine.is_valid], mine.shapes.xyxy[mine.is_valid], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"x": "10"}, "a number"),
        ({"width": -1}, "a width and a height from 0"),
        ({"x": 1e9}, "under 1e+07 px"),
        ({"frame": 3}, "each frame once"),
        ({"frame": 1.5}, "a whole number"),
        ({"enabled": 1}, "true or false"),
        ({"rotation": 1e9}, "degrees"),
    ],
)
def test_bad_keyframes(tmp_path, change, told):
    bad = region("bad", [keyframe(1, 10) | change, keyframe(3, 20)])
    put(tmp_path, task(region(), bad, **SIZE))
    with pytest.raises(bw.FormatError) as caught:
        bw.read(tmp_path)
    assert told in str(caught.value) and "result[1]" in str(caught.value) and "tasks.json" in str(caught.value)
    scene = bw.read(tmp_path, strict=False)
    assert len(scene.problems) == 1 and len(scene.image_tracks) == 1


def annotated(who, *regions, **more):
    return {"completed_by": who, "result": list(regions)} | more


def test_each_annotator_is_a_scene(tmp_path):
    """The second annotation of a task was left out, and nothing told it."""
    box, other = (of_picture("rectanglelabels", x=x, y=20, width=5, height=50, rotation=0) for x in (10, 40))
    both = picture_task() | {
        "annotations": [annotated(1, box), annotated({"id": 2, "email": "b@c.de"}, other), annotated(3, box, was_cancelled=True)]
    }
    once = picture_task(name="b.png") | {"annotations": [annotated(1, other, other)]}
    put(tmp_path, both, once, picture_task(name="c.png") | {"annotations": []})
    entries = bw.scenes(tmp_path)
    assert [*entries.names] == ["tasks by annotator 1", "tasks by b@c.de"]
    first, second = (entry.read() for entry in entries)
    assert [len(scene) for scene in (first, second)] == [3, 3]  # so that they can be compared
    assert any("2 tasks of 3 without an annotation of b@c.de" in note for note in second.notes)
    assert [track.shapes.xyxy[0, 0] for track in first.image_tracks] == [19.5, 79.5, 79.5]
    assert [track.shapes.xyxy[0, 0] for track in second.image_tracks] == [79.5]


def test_annotators_of_a_video_and_predictions(tmp_path):
    two = task(SAID) | {"annotations": [annotated(1, region()), annotated(1, region(label="van"))]}
    put(tmp_path, two | {"predictions": [{"result": [region()]}]})
    assert [*bw.scenes(tmp_path).names] == ["street by annotator 1", "street by annotator 1, time 2"]
    scenes = [entry.read() for entry in bw.scenes(tmp_path)]
    assert [scene.image_tracks[0].category for scene in scenes] == ["car", "van"]
    assert all(any("1 prediction left out" in note for note in scene.notes) for scene in scenes)


def test_what_is_said_of_pictures_and_videos_is_a_tag(tmp_path):
    """Choices of no region were lost, and so were those of regions whose ids several pictures share."""
    box = of_picture("rectanglelabels", x=10, y=20, width=5, height=50, rotation=0)
    colour, light = SAID | {"id": box["id"]}, SAID | {"id": "none", "from_name": "light", "value": {"choices": ["day"]}}
    brush = {"id": "b", "type": "brushlabels", "value": {"rle": []}}
    scene = bw.read(put(tmp_path / "pictures", picture_task(box, colour), picture_task(box, colour, light, brush, name="b.png")))
    assert [track.attributes for track in scene.image_tracks] == [{"colour": "red"}] * 2
    assert [(tag.name, tag.value, tag.span_ns, tag.camera) for tag in scene.tags] == [("light", "day", (1, 1), "camera")]
    assert any("1 result of other kinds" in note for note in scene.notes)
    scene = bw.read(put(tmp_path / "video", task(region(), SAID, light, **SIZE)))
    assert scene.image_tracks[0].attributes == {"colour": "red"}
    assert [(tag.name, tag.value, tag.span_ns) for tag in scene.tags] == [("light", "day", None)]
    bw.write(scene, tmp_path / "out", "label_studio")
    assert [(tag.name, tag.value, tag.span_ns) for tag in bw.read(tmp_path / "out").tags] == [("light", "day", None)]
    (told,) = [one for one in json.loads((tmp_path / "out/tasks.json").read_text())[0]["annotations"][0]["result"] if one["id"] == "none"]
    assert told == light


def tagged():
    """Frames of 40 ms, two cameras, and every kind of tag."""
    times = np.arange(8) * 40_000_000
    cameras = {name: bw.CameraSensor(name, bw.UncalibratedCamera(64, 48)) for name in ("front", "rear")}
    tracks = [bw.ImageTrack(name, "car", name, times[:2], bw.Boxes([[1, 2, 9, 9]] * 2), attributes={"colour": "red"}) for name in cameras]
    tags = [
        bw.Tag("rain"),
        bw.Tag("weather", ["rain", "fog"], camera="front"),
        bw.Tag("speed", 12.5, camera="rear"),
        bw.Tag("light", "dark", (int(times[2]), int(times[5])), "rear"),
        bw.Tag("light", "day", None, "rear"),
        bw.Tag("honks", True, (int(times[3]) - 1, int(times[3]) + 1), "front"),
        bw.Tag("colour", "of no car"),
        bw.Tag("between frames", True, (int(times[3]) + 1, int(times[3]) + 2)),
    ]
    return bw.Scene("a", times, cameras=cameras, image_tracks=tracks, label_frame="front", frame_ids=[*map(str, range(8))], tags=tags)


def test_tags_of_videos(tmp_path):
    """They were read and not written. A timeline tells the frames of those of some time, counted from 1."""
    scene = tagged()
    report = bw.write(scene, tmp_path / "out", "label_studio")
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())
    front, rear = ([one for one in task["annotations"][0]["result"] if one["id"].startswith("tag")] for task in tasks)
    assert [(one["from_name"], one["type"], one["value"]) for one in front] == [
        ("rain", "choices", {"choices": ["rain"]}),
        ("weather", "choices", {"choices": ["rain", "fog"]}),
        ("honks", "timelinelabels", {"ranges": [{"start": 4, "end": 4}], "timelinelabels": ["honks"]}),
    ]
    assert [one["value"].get("ranges") for one in rear] == [None, None, [{"start": 3, "end": 6}], [{"start": 1, "end": 8}]]
    assert rear[0] == front[0]  # what is said of the clip is asked with each of its videos
    back = bw.read(tmp_path / "out")
    ms = 1_000_000
    assert [(tag.name, tag.value, tag.span_ns, tag.camera) for tag in back.tags] == [
        ("rain", True, None, None),
        ("weather", ["rain", "fog"], None, "front"),
        ("honks", True, (120 * ms, 120 * ms), "front"),
        ("speed", "12.5", None, "rear"),
        ("light", "dark", (80 * ms, 200 * ms), "rear"),
        ("light", "day", (0, 280 * ms), "rear"),
    ]
    lost = "\n".join([*report.dropped, *report.rounded])
    names = ("1 tag with names of attributes", "1 tag of a time without", "1 value of tags that")
    for words in (*names, "1 tag of the clip, called as"):
        assert words in lost
    again = bw.write(back, tmp_path / "again", "label_studio")
    assert again.dropped == [] and bw.read(tmp_path / "again").tags == back.tags


def test_tags_that_the_videos_disagree_on(tmp_path):
    """What is said alike of all cameras is said once; once for each camera otherwise."""
    bw.write(tagged(), tmp_path / "out", "label_studio")
    tasks = json.loads((tmp_path / "out/tasks.json").read_text())
    edited = next(one for one in tasks[1]["annotations"][0]["result"] if one["from_name"] == "rain")
    edited["value"]["choices"] = ["hail"]
    put(tmp_path / "edited", *tasks)
    said = [(tag.value, tag.camera) for tag in bw.read(tmp_path / "edited").tags if tag.name == "rain"]
    assert said == [(True, "front"), ("hail", "rear")]


@pytest.mark.parametrize("ranges", [[{"start": 0, "end": 3}], [{"start": 5, "end": 3}], [{"start": 1.5, "end": 3}]])
def test_bad_timelines(tmp_path, ranges):
    said = {"id": "t", "from_name": "light", "to_name": "video", "type": "timelinelabels", "value": {"ranges": ranges, "timelinelabels": ["dark"]}}
    put(tmp_path, task(region(), said, **SIZE))
    with pytest.raises(bw.FormatError, match=r"result\[1\].*(from 1|whole number)"):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert len(scene.problems) == 1 and len(scene.image_tracks) == 1


def test_the_size_that_a_region_tells(tmp_path):
    scene = bw.read(put(tmp_path, task(region(original_width=64, original_height=48))))
    assert scene.cameras["camera"].camera.size_px == (64, 48) and not any("size is not said" in note for note in scene.notes)


@pytest.mark.parametrize("format", ["coco", "mot"])
def test_pixels_that_are_percent_are_told_when_they_are_written(tmp_path, run, format):
    report = bw.write(bw.read(put(tmp_path / "in", task(region()))), tmp_path / "out", format)
    assert any("the picture's size is not said of camera: " in note for note in report.notes)
    code, out, _ = run("convert", tmp_path / "in", tmp_path / "again", "--to", format, "--json")
    assert code == 0 and sum("size is not said" in note for note in json.loads(out)["notes"]) == 1


@pytest.mark.peers
def test_the_interface_takes_tags(tmp_path):
    """Label Studio's own check of results against the labelling interface."""
    python = python_with("label-studio-sdk")
    if python is None:
        pytest.skip("label-studio-sdk is not installed, nor named by BOXWRIGHT_CLIENT_PYTHON")
    bw.write(tagged(), tmp_path / "out", "label_studio")
    assert asked(python, CHECK, tmp_path / "out") == [True, True]


CHECK = """
import json, sys
from pathlib import Path
from label_studio_sdk.label_interface import LabelInterface
folder = Path(sys.argv[1])
interface = LabelInterface((folder / "interface.xml").read_text())
print(json.dumps([bool(interface.validate_annotation(task["annotations"][0])) for task in json.loads((folder / "tasks.json").read_text())]))
"""


def test_tags_and_annotators_over_the_recording(tmp_path):
    """Tags of frames have the stamps of the recording, and its camera."""
    light = SAID | {"id": "none", "from_name": "light", "value": {"choices": ["day"]}}
    box = of_picture("rectanglelabels", x=10, y=20, width=5, height=50, rotation=0)
    tasks = [picture_task() | {"annotations": [annotated(1, box), annotated(2, box)]}, picture_task() | {"annotations": [annotated(2, light)]}]
    put(tmp_path / "labels", *tasks)
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(200, 100))
    bw.write(bw.Scene("a", [5, 9, 12], cameras={"front": camera}, label_frame="front"), tmp_path / "clip")
    with pytest.raises(bw.ArgumentError, match="labels= an entry of"):
        bw.read(tmp_path / "clip", labels=tmp_path / "labels")
    scene = bw.read(tmp_path / "clip", labels=bw.scenes(tmp_path / "labels")["tasks by annotator 2"])
    assert [(tag.name, tag.span_ns, tag.camera) for tag in scene.tags] == [("light", (9, 9), "front")]
    assert [track.times_ns.tolist() for track in scene.image_tracks] == [[5]]


def test_labels_of_one_annotator_at_the_command_line(tmp_path, run):
    """An entry of a list could be told in Python alone."""
    box, other = (of_picture("rectanglelabels", x=x, y=20, width=5, height=50, rotation=0) for x in (10, 40))
    put(tmp_path / "labels", picture_task() | {"annotations": [annotated(1, box), annotated(2, other, box | {"id": "b"})]})
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(200, 100))
    bw.write(bw.Scene("a", [5], cameras={"front": camera}, label_frame="front"), tmp_path / "clip")
    code, out, _ = run("info", tmp_path / "clip", "--labels", f"{tmp_path / 'labels'}::tasks by annotator 2", "--json")
    assert code == 0, out
    assert [one["n_tracks"] for one in json.loads(out)["image_classes"]] == [2]
    code, _, err = run("info", tmp_path / "clip", "--labels", tmp_path / "labels")
    assert code == 2 and "FILE::NAME" in err and "tasks by annotator 1" in err
    code, _, err = run("info", tmp_path / "clip", "--labels", f"{tmp_path / 'labels'}::tasks by annotator 3")
    assert code == 2 and "tasks by annotator 3" in err and "tasks by annotator 1" in err and "Traceback" not in err


def test_tasks_of_pictures_come_back_as_they_were(tmp_path):
    """They became one task of a video, without the pictures' addresses."""
    box = of_picture("rectanglelabels", x=10, y=20, width=5, height=50, rotation=0)
    turned = of_picture("rectanglelabels", x=50, y=20, width=5, height=10, rotation=30) | {"id": "turned"}
    ring = of_picture("polygonlabels", points=[[0, 0], [50, 0], [50, 100]], closed=True)
    ellipse = of_picture("ellipselabels", x=50, y=50, radiusX=10, radiusY=20, rotation=0)
    point = of_picture("keypointlabels", x=50, y=50, width=0.3)
    colour = SAID | {"id": box["id"], "to_name": "image"}
    light = {"id": "l", "from_name": "light", "to_name": "image", "type": "choices", "value": {"choices": ["day", "rain"]}}
    tasks = [picture_task(box, colour, turned, ring), picture_task(ellipse, point, box, light, name="b.png")]
    scene = bw.read(put(tmp_path / "in", *tasks))
    report = bw.write(scene, tmp_path / "out", "label_studio")
    assert not report.rounded and not report.dropped and report.n_labels == 6
    told = json.loads((tmp_path / "out/tasks.json").read_text())
    for given, back in zip(tasks, told, strict=True):
        assert back["data"] == given["data"] and back["id"] == given["id"]
        for one, other in zip(given["annotations"][1]["result"], back["annotations"][0]["result"], strict=True):
            assert {key: one[key] for key in one if key != "value"} == {key: other[key] for key in other if key != "value"}
            assert one["value"].keys() == other["value"].keys()
            for key, value in one["value"].items():
                is_place = not isinstance(value, bool) and key != one["type"]
                assert other["value"][key] == (pytest.approx(np.array(value), abs=1e-9) if is_place else value)
    faces = (tmp_path / "out/interface.xml").read_text()
    assert all(f"<{name} " in faces for name in ("RectangleLabels", "PolygonLabels", "EllipseLabels", "KeyPointLabels", "Choices"))


@pytest.mark.parametrize(
    "make", [full, lambda folder: put(folder, picture_task(of_picture("rectanglelabels", rectanglelabels=["car"], x=1, y=2, width=5, height=5)))]
)
def test_tasks_are_known_whatever_else_came_with_them(tmp_path, make):
    """What a file says beside data and annotations was written before them, and where it was long nobody knew the file again."""
    make(tmp_path / "in")
    file = next((tmp_path / "in").iterdir())
    file.write_text(json.dumps([{**one, "meta": {"told": "x" * 200_000}} for one in json.loads(file.read_text())]))
    scene = bw.scenes(tmp_path / "in", "label_studio")[0].read()
    bw.write(scene, tmp_path / "out", "label_studio")
    back = bw.scenes(tmp_path / "out")
    assert back.format == "label_studio" and len(back[0].read().image_tracks) == len(scene.image_tracks) > 0
    assert all(len(one["meta"]["told"]) == 200_000 for one in json.loads((tmp_path / "out/tasks.json").read_text()))


def test_the_interface_holds_what_xml_can(tmp_path):
    """A class with half a character, or with a control character, ended in an error of Python's or in a file that is no XML."""
    track = bw.ImageTrack("1", 'car \ud800\x00 "<&', "front", [0], bw.Boxes([[1.0, 2, 3, 4]]))
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48))
    scene = bw.Scene("a", [0], cameras={"front": camera}, image_tracks=[track], has_time=False, label_frame="front")
    bw.write(scene, tmp_path / "out", "label_studio", frame_rate=25)
    labels = [one.get("value") for one in ET.parse(tmp_path / "out/interface.xml").iter("Label")]
    assert labels == ['car ?? "<&']
    assert bw.read(tmp_path / "out").image_tracks[0].category == track.category
