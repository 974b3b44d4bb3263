"""A video and a file of labels for it: read together, filled, converted and drawn, from Python and from the command line."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

import boxwright as bw
from boxwright.render.canvas import Canvas
from boxwright.render.shapes import draw_shapes
from test_cli import run
from test_formats_cvat_video import box, make, shape, track

__all__ = ["run"]

pytest.importorskip("av", reason="av (extra 'video') is not installed")

N = 6


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    file = tmp_path_factory.mktemp("videos") / "crossing.mp4"
    bw.write_video(file, [np.full((48, 64, 3), 40, np.uint8)] * N, times_ns=np.array([0, 40, 80, 160, 200, 240]) * 10**6)
    return file


@pytest.fixture
def labels(tmp_path):
    polygon = shape("polygon", 1, 'points="0.00,0.00;20.00,0.00;0.00,20.00"')
    return make(tmp_path, track(box(1) + box(3, (20, 20, 40.5, 40.25)), 4), track(polygon, 5, "road"))


def test_frames_get_their_times(clip, labels):
    scene = bw.read(clip, labels=labels)
    assert (scene.format, scene.has_time, list(scene.cameras)) == ("video", True, ["crossing"])
    car, _ = scene.image_tracks
    assert car.times_ns.tolist() == [40_000_000, 160_000_000]
    np.testing.assert_allclose(scene.boxes(2, "crossing").shapes.xyxy[0, 0], 9.5 + 10 / 3)  # at 80 ms, a third of the way
    assert [note for note in scene.notes if "come from" in note] == ["labels in pictures come from clip.xml (cvat_video)"]


def test_of_the_other_formats(clip, labels, tmp_path):
    scene = bw.read(clip, labels=labels)
    for format in ("boxwright", "mot"):
        bw.write(scene, tmp_path / format, format)
        again = bw.read(clip, labels=tmp_path / format)
        assert {one.track_id for one in again.image_tracks} == {"4", "5"}
        filled = again.image_track("4").at(scene.times_ns[1:4])
        np.testing.assert_allclose(filled.shapes.bounds_xyxy(), scene.image_track("4").at(scene.times_ns[1:4]).shapes.bounds_xyxy(), atol=1e-9)


@pytest.mark.parametrize("format", ["boxwright", "cvat_video", "labelbox", "label_studio", "darwin", "coco"])
def test_edits_come_back_to_a_recording_that_has_the_labels(clip, labels, tmp_path, format):
    """What came back takes the place of its own, with what the file does not say; what was taken out of the file stays, and is told."""
    first = bw.read(clip, labels=labels)
    car, road = (one.replace(attributes={"paint": "red"}, object_id=f"object-{one.track_id}") for one in first.image_tracks)
    bw.write(first.replace(image_tracks=[car, road], tags=[bw.Tag("rain")]), tmp_path / "own")
    moved = car.replace(shapes=bw.Boxes(car.shapes.xyxy + 1.0), attributes={"door": "open"}, object_id=None)
    bw.write(first.replace(image_tracks=[moved], tags=[bw.Tag("rain")]), tmp_path / "edited", format)
    again = bw.read(tmp_path / "own", labels=tmp_path / "edited")
    assert [one.track_id for one in again.image_tracks] == ["5", "4"]
    back = again.image_track("4")
    np.testing.assert_allclose(back.at(car.times_ns).shapes.bounds_xyxy(), car.shapes.xyxy + 1, atol=1e-6)
    assert back.attributes["paint"] == "red" and back.object_id == "object-4"
    assert again.image_track("5").attributes["paint"] == "red" and [tag.name for tag in again.tags] == ["rain"]
    assert any(
        note.startswith("1 of the 1 track in the file") and "1 track of the recording is not in the file, and stay" in note for note in again.notes
    )


def rich(camera="crossing"):
    """Tracks with what some platform or other cannot hold."""
    attributes = [{"speed": 1, "door": True}, {}, {"speed": 2}]
    own = [{"area": 5}, {}, {"area": 6}]
    times = np.array([0, 80, 200]) * 10**6
    boxes = bw.Boxes([[4, 5, 20.125, 25], [6, 5, 22, 25], [12, 5, 28, 25]])
    car = bw.ImageTrack("4", "ped", camera, times, boxes, [0, 1, 0], keyframe_attributes=attributes, keyframe_source_attributes=own)
    line = bw.Polylines([[[3, 3], [30, 4], [40, 30]], [[4, 4], [31, 5], [41, 31]], [[4, 4], [30, 5], [41, 33]]])
    polygon = bw.Polygons([[[3, 3], [30, 4], [40, 30]], [[4, 4], [31, 5], [41, 31]], [[4, 4], [30, 5], [41, 33]]])
    fields = {"attributes": {"wet": 1.5}, "source_attributes": {"class_id": 7}, "object_id": "object"}
    others = [bw.ImageTrack(str(5 + k), "rail", camera, times, shapes, [0, 1, 2], **fields) for k, shapes in enumerate((line, polygon))]
    return [car, *others]


def same_track(a, b):
    for name in ("category", "camera", "method", "object_id", "attributes", "source_attributes"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("times_ns", "visibility", "origin"):
        assert getattr(a, name).tolist() == getattr(b, name).tolist(), name
    assert a.shapes.equals(b.shapes)
    assert a.at(a.times_ns).attributes == b.at(b.times_ns).attributes
    assert [*a.keyframe_source_attributes] == [*b.keyframe_source_attributes]


PLATFORMS = ["cvat_video", "labelbox", "label_studio", "darwin", "mot", "coco"]


@pytest.mark.parametrize("format", PLATFORMS)
def test_what_nobody_touched_stays_whole(clip, tmp_path, format):
    """Polygons came back as boxes, what was occluded as not, and attributes, fields of files and classes that the platform has not were gone."""
    own = bw.read(clip).replace(image_tracks=rich())
    bw.write(own, tmp_path / "own")
    bw.write(own, tmp_path / "back", format)
    again = bw.read(tmp_path / "own", labels=tmp_path / "back")
    for one in own.image_tracks:
        same_track(again.image_track(one.track_id), one)


@pytest.mark.parametrize("format", PLATFORMS)
def test_what_was_moved_keeps_the_rest(clip, tmp_path, format):
    """The box of the last keyframe is 3 pixels off and the line's class another: nothing else has changed."""
    car, line, polygon = rich()
    moved = car.replace(shapes=bw.Boxes(car.shapes.xyxy + np.array([[0.0], [0.0], [3.0]])))
    own = bw.read(clip).replace(image_tracks=[car, line, polygon])
    bw.write(own, tmp_path / "own")
    bw.write(own.replace(image_tracks=[moved, line.replace(category="car"), polygon]), tmp_path / "back", format)
    again = bw.read(tmp_path / "own", labels=tmp_path / "back")
    back = again.image_track("4")
    times = own.exposures_ns("crossing")
    np.testing.assert_allclose(back.at(times).shapes.bounds_xyxy(), moved.at(times).shapes.bounds_xyxy(), atol=1e-6)
    assert back.at(times).attributes == car.at(times).attributes and back.category == "ped"
    assert back.at(times).visibility.tolist()[:5] == car.at(times).visibility.tolist()[:5]
    at = np.isin(back.times_ns, car.times_ns)
    assert back.shapes.xyxy[at][:2].tolist() == car.shapes.xyxy[:2].tolist()
    assert [row["area"] for row in back.keyframe_source_attributes if "area" in row] == [5, 6]
    number = {"mot": [1, 3, 1]} if format == "mot" else {}  # of the new class
    same_track(again.image_track("5"), line.replace(category="car", source_attributes={"class_id": 7, **number}))
    same_track(again.image_track("6"), polygon)


def test_frames_by_when_the_camera_exposed(tmp_path):
    """COCO has the moments of pictures; labels of a camera that exposes between the stamps of frames were refused."""
    exposed = np.array([3, 13, 23, 33])
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(64, 48), times_ns=exposed)
    car = bw.ImageTrack("4", "car", "front", exposed[[0, 2]], bw.Boxes([[1, 2, 9, 9], [3, 2, 11, 9]]))
    own = bw.Scene("a", exposed - 3, cameras={"front": camera}, image_tracks=[car], label_frame="front")
    bw.write(own, tmp_path / "own")
    moved = car.replace(shapes=bw.Boxes(car.shapes.xyxy + 5))
    bw.write(own.replace(image_tracks=[moved]), tmp_path / "back", "coco")
    back = bw.read(tmp_path / "own", labels=tmp_path / "back").image_track("4")
    np.testing.assert_allclose(back.at(exposed[:3]).shapes.xyxy, moved.at(exposed[:3]).shapes.xyxy, atol=1e-6)
    bw.write(own.replace(times_ns=exposed - 2, cameras={"front": bw.CameraSensor("front", camera.camera)}, image_tracks=()), tmp_path / "other")
    with pytest.raises(bw.TimeError, match="frames of the labels that the recording does not have"):
        bw.read(tmp_path / "other", labels=tmp_path / "back")


def test_attributes_that_were_edited_between_keyframes(clip, tmp_path):
    """They hold from where they were set, and the recording's own keyframes stay."""
    car, *others = rich()
    times = bw.read(clip).times_ns
    edited = car.with_keyframes(times[1:2], car.at(times[1:2]).shapes, np.array([0], np.uint8), bw.Origin.GIVEN)
    edited = edited.replace(keyframe_attributes=[{"speed": 1, "door": True}, {"door": False}, {}, {"speed": 2}])
    own = bw.read(clip).replace(image_tracks=[car, *others])
    bw.write(own, tmp_path / "own")
    bw.write(own.replace(image_tracks=[edited, *others]), tmp_path / "back", "cvat_video")
    back = bw.read(tmp_path / "own", labels=tmp_path / "back").image_track("4")
    assert back.times_ns.tolist() == edited.times_ns.tolist()
    assert [bool(row["door"] in (True, "true")) for row in back.at(times[:5]).attributes] == [True, False, False, False, False]
    assert back.at(times).visibility.tolist() == car.at(times).visibility.tolist()
    assert back.shapes[np.isin(back.times_ns, car.times_ns)].equals(car.shapes)


@pytest.mark.parametrize("format", ["cvat_video", "labelbox", "label_studio", "darwin"])
def test_what_was_deleted_on_a_platform(run, clip, labels, tmp_path, format):
    """It stayed, whatever was wanted."""
    first = bw.read(clip, labels=labels)
    relations = [bw.Relation("on", "4", "5"), bw.Relation("of", "4", "elsewhere")]
    bw.write(first.replace(relations=relations), tmp_path / "own")
    bw.write(first.replace(image_tracks=[first.image_track("4")]), tmp_path / "edited", format)
    again = bw.read(tmp_path / "own", labels=tmp_path / "edited", missing="drop")
    assert [one.track_id for one in again.image_tracks] == ["4"] and [*again.relations] == relations[1:]
    assert any("1 track of the recording is not in the file, and dropped" in note for note in again.notes)
    code, _, err = run("convert", tmp_path / "own", tmp_path / "out", "--labels", tmp_path / "edited", "--drop-missing")
    assert code == 0, err
    assert [one.track_id for one in bw.read(tmp_path / "out").image_tracks] == ["4"]
    bw.write(first.replace(image_tracks=[first.image_track("4").replace(track_id="9")]), tmp_path / "other", format)
    with pytest.raises(bw.FormatError, match="no track of the recording came back: expected one of its 2 tracks among the labels, got '9'"):
        bw.read(tmp_path / "own", labels=tmp_path / "other", missing="drop")


def test_tracks_of_other_cameras_were_not_deleted(tmp_path):
    """Labels of one camera tell nothing of what the others have."""
    cameras = {name: bw.CameraSensor(name, bw.UncalibratedCamera(64, 48)) for name in ("front", "rear")}
    tracks = [bw.ImageTrack(f"{k}{name}", "car", name, [0, 1], bw.Boxes([[1, 2, 9, 9]] * 2)) for name in cameras for k in (1, 2)]
    scene = bw.Scene("a", [0, 1], cameras=cameras, image_tracks=tracks, label_frame="front", has_time=False)
    bw.write(scene, tmp_path / "own")
    bw.write(scene.replace(image_tracks=tracks[:1]), tmp_path / "edited", "darwin", camera="front")
    again = bw.read(tmp_path / "own", labels=tmp_path / "edited", missing="drop")
    assert sorted(one.track_id for one in again.image_tracks) == ["1front", "1rear", "2rear"]


def test_dropping_needs_labels(run, clip):
    for missing, labels in (("drop", None), ("gone", clip)):
        with pytest.raises(bw.ArgumentError, match="missing: expected 'keep', or 'drop' with labels"):
            bw.read(clip, labels=labels, missing=missing)
    code, _, err = run("convert", clip, "out", "--drop-missing")
    assert code == 2 and "--drop-missing" in err and "--labels FILE" in err


def naive_new_tags(own, tags, cameras):
    """Pair by pair: a tag is new where the recording does not say it, of the same or all times, of the same or all cameras."""

    def says(tag, camera):
        return any(
            (one.name, one.camera) == (tag.name, camera)
            and type(one.value) is type(tag.value)
            and one.value == tag.value
            and one.span_ns in (None, tag.span_ns)
            for one in own
        )

    return [tag for tag in tags if not says(tag, None) and not all(says(tag, camera) for camera in ([tag.camera] if tag.camera else cameras))]


def test_tags_that_are_said_already(rng):
    """Against a slow twin; ten thousand tags were compared pair by pair."""
    from boxwright.formats.laid_over import _new_tags

    def some(n):
        values, spans, cameras = [True, 1, 1.0, "1", ["a", "b"], {"a": 1}], [None, (0, 1), (0, 2)], [None, "front", "rear"]
        picks = rng.integers(0, [2, len(values), len(spans), len(cameras)], (n, 4)).tolist()
        return [bw.Tag("ab"[a], values[b], spans[c], cameras[d]) for a, b, c, d in picks]

    sensors = {name: bw.CameraSensor(name, bw.UncalibratedCamera(64, 48)) for name in ("front", "rear")}
    for n in (0, 3, 12, 40):
        scene = bw.Scene("a", [0, 1, 2], cameras=sensors, label_frame="front", tags=some(n))
        tags = some(60)
        found = _new_tags(scene, tags, ["front", "rear"])
        assert found == naive_new_tags(scene.tags, tags, ["front", "rear"]) and (n > 20 or found)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('frame="3"', 'frame="9"', "labels in 6 frames"),
        ("<width>64</width>", "<width>640</width>", "labels of pictures of 64 x 48 px"),
    ],
)
def test_labels_of_another_video(clip, labels, old, new, told):
    labels.write_text(labels.read_text().replace("<size>6</size>", "<size>12</size>").replace(old, new))
    with pytest.raises(bw.FormatError, match=told) as caught:
        bw.read(clip, labels=labels)
    assert "clip.xml" in str(caught.value)


def test_cuboids_of_another_recording(clip, tmp_path):
    import street

    bw.write(street.scene(), tmp_path / "street")
    with pytest.raises(bw.TimeError, match="frames of the labels that the recording does not have"):
        bw.read(clip, labels=tmp_path / "street")


# ------------------------------------------------------------ commands


def test_info(run, clip, labels):
    code, out, _ = run("info", clip, "--labels", labels, "--json")
    facts = json.loads(out)
    assert code == 0
    assert [(one["category"], one["n_tracks"]) for one in facts["image_classes"]] == [("car", 1), ("road", 1)]


def test_fill(run, clip, labels, tmp_path):
    code, out, _ = run("fill", clip, "--labels", labels, "--keyframes-every", 2, "--out", tmp_path / "out", "--to", "cvat_video", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["error_in_pictures"]["car"]["n_tracks"] == 1
    car = bw.read(tmp_path / "out").image_track("4")
    assert car.times_ns.tolist() == [1, 2, 3]
    assert car.origin.tolist() == [bw.Origin.GIVEN, bw.Origin.FILLED, bw.Origin.GIVEN]


def test_convert_and_no_dry_run(run, clip, labels, tmp_path):
    assert run("convert", clip, tmp_path / "out", "--labels", labels, "--to", "mot")[0] == 0
    assert len((tmp_path / "out/gt/gt.txt").read_text().splitlines()) == 4
    code, _, err = run("convert", clip, "--labels", labels, "--dry-run")
    assert code == 2
    assert "--labels" in err


def test_render_a_video(run, clip, labels, tmp_path):
    code, out, _ = run("render", clip, "--labels", labels, "--out", tmp_path / "drawn.mp4", "--no-captions")
    assert code == 0
    assert f"wrote {N} frames" in out
    with bw.open_video(tmp_path / "drawn.mp4") as drawn:
        assert drawn.times_ns.tolist() == bw.read(clip).times_ns.tolist()
        assert np.abs(drawn.frame(0).astype(int) - 40).max() < 12  # no label here
        assert np.abs(drawn.frame(2)[20:40, 12:32].astype(int) - 40).max() > 60


def test_render_pictures(run, clip, labels, tmp_path):
    assert (
        run("render", clip, "--labels", labels, "--frames", "0:6:2", "--out", tmp_path / "strip.png", "--width-px", 300, "--height-px", 100)[0] == 0
    )
    assert cv2.imread(str(tmp_path / "strip.png")).shape == (100, 300, 3)
    assert run("render", clip, "--labels", labels, "--frames", "1,3", "--out", tmp_path / "folder")[0] == 0
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["000001_crossing.png", "000003_crossing.png"]
    code, _, err = run("render", clip, "--camera", "rear", "--out", tmp_path / "none")
    assert code == 2
    assert "rear" in err


# ------------------------------------------------------------ drawing

SHAPES = {
    "box": bw.Boxes([[10, 10, 30, 30]]),
    "rotated": bw.RotatedBoxes([[20, 20]], [[20, 10]], [0.4]),
    "polygon": bw.Polygons([[[10, 10], [30, 10], [20, 30]]]),
    "polyline": bw.Polylines([[[10, 10], [30, 10], [20, 30]]]),
    "keypoints": bw.Keypoints([[[10, 10], [30, 30]]], skeleton=bw.Skeleton(("a", "b"), ((0, 1),))),
    "mask": bw.Masks.from_arrays(np.pad(np.ones((1, 20, 20), bool), ((0, 0), (10, 18), (10, 34)))),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("scale", [1, 2])
def test_a_shape_is_drawn_where_it_is(name, scale):
    """What is drawn lies within the shape's own bounds and a line's width, at any scale of the picture."""
    camera = bw.CameraSensor("cam", bw.UncalibratedCamera(64, 48), bw.Pose.identity())
    one = bw.ImageTrack("1", "car", "cam", [0], SHAPES[name])
    scene = bw.Scene("a", [0], cameras={"cam": camera}, image_tracks=[one], label_frame="cam")
    canvas = Canvas.blank(64 * scale, 48 * scale, (0, 0, 0))
    draw_shapes(canvas, scene, 0, "cam", labels=False, scale_u=scale, scale_v=scale)
    v, u = np.nonzero(canvas.pixels.any(axis=2))
    left, top, right, bottom = (SHAPES[name].bounds_xyxy()[0] + 0.5) * scale - 0.5
    slack = 6
    assert left - slack <= u.min() <= left + slack and right - slack <= u.max() <= right + slack
    assert top - slack <= v.min() <= top + slack and bottom - slack <= v.max() <= bottom + slack
