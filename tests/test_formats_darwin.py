"""V7 Darwin JSON 2.0: numbers worked by hand, and back to files without loss."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

import boxwright as bw
from formats_scenes import full_scene

ID = "8f0c7a52-30bb-4c53-9a05-7c1ab2ddf0a1"


def box(x, y=20.5, w=30, h=8, **more):
    return {"bounding_box": {"x": x, "y": y, "w": w, "h": h}, "keyframe": True} | more


def label(frames=None, **more):
    """Seen in frames 0 to 4 and 6 to 7, told in 1, 3 and 7."""
    usual = {"1": box(10, instance_id={"value": "7@front"}), "3": box(14, keyframe=False), "7": box(22)}
    own = {"id": ID, "name": "car", "slot_names": ["front"], "ranges": [[0, 5], [6, 8]], "hidden_areas": [], "properties": []}
    return own | {"frames": usual if frames is None else frames, "interpolated": True, "interpolate_algorithm": "linear-1.1"} | more


def point(x, y):
    return {"x": x, "y": y}


SHAPES = {
    "polygon": {"polygon": {"paths": [[point(1, 2), point(9, 2), point(9, 7)]]}, "bounding_box": {"x": 1, "y": 2, "w": 8, "h": 5}},
    "line": {"line": {"path": [point(1, 2), point(9, 2)]}},
    "keypoint": {"keypoint": point(3.5, 4.5)},
    "ellipse": {"ellipse": {"center": point(10, 12), "radius": point(4, 2), "angle": 0.25}},
    "skeleton": {"skeleton": {"nodes": [{"name": "nose", **point(1, 2), "occluded": False}, {"name": "hip", **point(3, 4), "occluded": True}]}},
}


def document(*labels):
    slots = [
        {"slot_name": name, "type": "video", "width": 64, "height": 48, "fps": 10, "frame_count": 9, "frame_urls": [], "source_files": []}
        for name in ("front", "rear")
    ]
    return copy.deepcopy({"version": "2.0", "item": {"name": "clip", "path": "/a", "slots": slots}, "annotations": list(labels)})


def put(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clip.json").write_text(json.dumps(content))
    return folder


def full(folder):
    others = [label({"2": shape}, id=f"{k}", name=name, slot_names=["rear"], ranges=[[2, 3]]) for k, (name, shape) in enumerate(SHAPES.items())]
    said = [("colour", "red", None), ("light", "on", 3), ("light", None, 7), ("occluded", "true", 3), ("occluded", "false", 6)]
    first = label(properties=[{"name": name, "value": value, "frame_index": frame} for name, value, frame in said])
    content = document(first, *others, {"id": "t", "name": "rain", "frames": {"0": {"tag": {}, "keyframe": True}}, "ranges": [[0, 9]]})
    return put(folder, content | {"properties": [{"name": "weather", "value": "wet"}]})


def small(folder):
    content = document(label({"1": box(10)}, ranges=[[1, 2]]))
    content["item"]["slots"].pop()
    return put(folder, content)


def test_golden_numbers(tmp_path):
    scene = bw.read(put(tmp_path, document(label())))
    assert (scene.name, [*scene.cameras], len(scene), scene.has_time) == ("clip", ["front", "rear"], 9, True)
    np.testing.assert_array_equal(scene.times_ns, np.arange(9) * 100_000_000)
    assert scene.cameras["front"].camera.size_px == (64, 48)
    (track,) = scene.image_tracks
    assert (track.track_id, track.object_id, track.category, track.camera) == ("7@front", "7", "car", "front")
    filled = track.at(scene.times_ns)
    assert filled.is_valid.tolist() == [True] * 5 + [False, True, True, False]  # a range leaves out its end
    left = filled.shapes.xyxy[:, 0] + 0.5
    np.testing.assert_allclose(left[[0, 1, 2, 3, 4, 6, 7]], [10, 10, 12, 14, 16, 20, 22], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(filled.shapes.xyxy[1], [9.5, 20, 39.5, 28])
    assert track.origin[list(track.times_ns).index(300_000_000)] == 4  # FILLED


def test_hidden_areas_end_what_is_seen(tmp_path):
    (track,) = bw.read(put(tmp_path, document(label(hidden_areas=[[1, 3]])))).image_tracks
    assert track.at(np.arange(9) * 100_000_000).is_valid.tolist() == [True, False, False, True, True, False, True, True, False]


def test_hidden_areas_against_sets_of_frames(rng, tmp_path):
    """Areas that overlap, touch, or reach out of ranges; where hidden, ranges may overlap."""
    for _ in range(40):
        starts = np.sort(rng.choice(30, 4, replace=False)).tolist()
        ranges = [[a, int(rng.integers(a + 1, b + 1))] for a, b in zip(starts, [*starts[1:], 32])]
        hidden = [[int(a), int(a + n)] for a, n in zip(rng.integers(0, 30, 5), rng.integers(1, 6, 5))]
        rng.shuffle(ranges)
        seen = {f for a, b in ranges for f in range(a, b)} - {f for a, b in hidden for f in range(a, b)}
        if not seen:
            continue
        content = document(label(ranges=ranges, hidden_areas=hidden))
        for slot in content["item"]["slots"]:
            slot["frame_count"] = 40
        (track,) = bw.read(put(tmp_path, content)).image_tracks
        assert set(np.flatnonzero(track.at(np.arange(40) * 100_000_000).is_valid).tolist()) == seen
    put(tmp_path, document(label(ranges=[[0, 5], [4, 8]], hidden_areas=[[4, 5]])))
    assert bw.read(tmp_path).image_tracks[0].at(np.arange(9) * 100_000_000).is_valid.tolist() == [True] * 4 + [False] + [True] * 3 + [False]


@pytest.mark.parametrize("key", ["ranges", "hidden_areas"])
def test_more_pairs_than_keyframes_may_be(tmp_path, monkeypatch, key):
    """They are counted before anything is done with them: thousands of areas took seconds."""
    more = {"ranges": [[0, 8]], "hidden_areas": [], key: [[0, 1]] * 9}
    put(tmp_path, document(label(**more)))
    monkeypatch.setenv("BOXWRIGHT_LIMIT_KEYFRAMES_PER_TRACK", "8")
    with pytest.raises(bw.LimitError, match=key):
        bw.read(tmp_path)


@pytest.mark.parametrize("is_straight", [True, False])
def test_ends_of_ranges_lie_where_the_shape_runs(tmp_path, is_straight):
    """For every kind of shape; they were held but for boxes, and a track jumped where its range ended."""
    kinds = {
        "keypoint": ({"keypoint": point(2, 2)}, {"keypoint": point(10, 6)}),
        "line": ({"line": {"path": [point(2, 2), point(9, 9)]}}, {"line": {"path": [point(10, 6), point(17, 13)]}}),
        "ellipse": tuple({"ellipse": {"center": one, "radius": point(4, 2), "angle": 0}} for one in (point(2, 2), point(10, 6))),
        "bounding_box": (box(2, 2), box(10, 6)),
    }
    labels = [label({"0": a, "8": b}, id=name, ranges=[[0, 3], [6, 9]], interpolated=is_straight, name=name) for name, (a, b) in kinds.items()]
    for track in bw.read(put(tmp_path, document(*labels))).image_tracks:
        filled = track.at(np.arange(9) * 100_000_000)
        assert filled.is_valid.tolist() == [True] * 3 + [False] * 3 + [True] * 3
        shapes = filled.shapes
        line = isinstance(shapes, bw.Polylines)
        places = np.array([shapes.points(i)[0] if line else shapes.bounds_xyxy()[i, :2] for i in (0, 1, 2, 6, 7, 8)])
        along = np.array([0, 1, 2, 6, 7, 8]) / 8 if is_straight else np.array([0, 0, 0, 0, 0, 1])
        np.testing.assert_allclose(places - places[0], along[:, None] * (8, 4), rtol=0, atol=1e-9)


def test_every_shape(tmp_path):
    scene = bw.read(full(tmp_path))
    assert [(tag.name, tag.value, tag.span_ns, tag.camera) for tag in scene.tags] == [("weather", "wet", None, None), ("rain", True, None, None)]
    ring, line, one, ellipse, joints = scene.image_tracks[1:]
    np.testing.assert_array_equal(ring.shapes.rings(0)[0], [[0.5, 1.5], [8.5, 1.5], [8.5, 6.5]])
    np.testing.assert_array_equal(line.shapes.points(0), [[0.5, 1.5], [8.5, 1.5]])
    np.testing.assert_array_equal(one.shapes.uv, [[[3, 4]]])
    np.testing.assert_array_equal(np.c_[ellipse.shapes.center_uv, ellipse.shapes.size_px, ellipse.shapes.rotation_rad], [[9.5, 11.5, 8, 4, 0.25]])
    assert joints.shapes.skeleton.points == ("nose", "hip") and joints.shapes.visibility.tolist() == [[0, 1]]


def test_it_comes_back_as_it_was(tmp_path):
    """Frame by frame; where a range begins or ends is told now too."""
    scene = bw.read(full(tmp_path / "in"))
    report = bw.write(scene, tmp_path / "out", "darwin")
    assert not report.dropped and not report.rounded and report.n_labels == 7 + 5
    given, back = (json.loads((tmp_path / place / "clip.json").read_text()) for place in ("in", "out"))
    assert back["item"] == given["item"] and back["version"] == "2.0"
    rain = [document["annotations"].pop() for document in (given, back)]  # in each slot alike
    assert back["annotations"].pop()["slot_names"] == ["front"] and rain[1]["slot_names"] == ["rear"]
    assert all(rain[0][key] == rain[1][key] for key in ("name", "ranges", "frames"))
    for mine, theirs in zip(given["annotations"], back["annotations"], strict=True):
        assert {key: mine[key] for key in ("name", "slot_names", "ranges", "properties", "interpolated")} == {
            key: theirs[key] for key in ("name", "slot_names", "ranges", "properties", "interpolated")
        }
        for key, frame in mine["frames"].items():
            frame.pop("instance_id", None)
            if "polygon" in frame:
                frame.pop("bounding_box")
            assert {k: v for k, v in theirs["frames"][key].items() if k != "instance_id"} == {"keyframe": True, **frame}
    assert back["annotations"][0]["id"] == ID and back["annotations"][0]["frames"]["7"]["instance_id"] == {"value": "7@front"}
    again = bw.read(tmp_path / "out")
    assert [track.track_id for track in again.image_tracks] == [track.track_id for track in scene.image_tracks]


def test_the_scene_wins_over_the_kept_item(tmp_path):
    """Its name was that of the file it came from, and a rate that no longer holds stayed."""
    scene = bw.read(full(tmp_path / "in"))
    bw.write(scene.replace(name="other"), tmp_path / "out", "darwin")
    assert json.loads((tmp_path / "out/other.json").read_text())["item"]["name"] == "other"
    assert bw.read(tmp_path / "out").name == "other"
    count = {int(stamp): i for i, stamp in enumerate(scene.times_ns)}
    fast = [track.replace(times_ns=[count[int(stamp)] for stamp in track.times_ns]) for track in scene.image_tracks]
    bw.write(scene.replace(times_ns=np.arange(9), image_tracks=fast), tmp_path / "fast", "darwin")
    assert not bw.read(tmp_path / "fast").has_time


def test_single_pictures(tmp_path):
    content = document({"id": ID, "name": "car", "slot_names": ["front"], **box(10)})
    for slot in content["item"]["slots"]:
        slot |= {"type": "image", "frame_count": 1}
        slot.pop("fps")
    scene = bw.read(put(tmp_path, content))
    assert len(scene) == 1 and not scene.has_time and scene.image_tracks[0].track_id == ID
    np.testing.assert_array_equal(scene.image_tracks[0].shapes.xyxy, [[9.5, 20, 39.5, 28]])


def test_what_is_needed_is_a_keyframe(rng, tmp_path):
    """V7's client sends keyframes alone: every frame of a projected cuboid is one, as no line goes through them."""
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "out", "darwin")
    labels = json.loads((tmp_path / "out/clip 1.json").read_text())["annotations"]
    assert labels and all(frame["keyframe"] for one in labels for frame in one["frames"].values())
    seen = {track.track_id: track for track in bw.project_tracks(scene, occlusion=False).image_tracks()}
    back = bw.read(tmp_path / "out")
    assert {track.track_id: track.object_id for track in back.image_tracks} == {name: track.object_id for name, track in seen.items()}
    for track in back.image_tracks:
        mine = seen[track.track_id].at(scene.exposures_ns(track.camera))
        np.testing.assert_allclose(track.at(back.times_ns).shapes.xyxy[mine.is_valid], mine.shapes.xyxy[mine.is_valid], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (label({"1": box("10")}), "a number"),
        (label({"1": box(10, w=-1)}), "a width and a height from 0"),
        (label({"1": box(1e9)}), "under 1e+07"),
        (label({"one": box(1)}), "the number of a frame"),
        (label({"1": box(1) | SHAPES["line"], "2": SHAPES["polygon"]}), "shapes of one kind"),
        (label(ranges=[[5, 5]]), "an end behind it"),
        (label(ranges=[[0, 5], [4, 8]]), "ranges that do not overlap"),
        (label(slot_names=["left"]), "one of the slots"),
        (label(hidden_areas=[[0, 9]]), "a range with a frame"),
        (label({"1": SHAPES["skeleton"] | {"skeleton": {"nodes": []}}}), "at least one point"),
        (label({"1": box(3)}, id="good"), "annotations[1].id: expected each annotation once, got 'good' again"),
    ],
)
def test_bad_annotations(tmp_path, bad, told):
    put(tmp_path, document(label({"1": box(3)}, id="good"), bad))
    with pytest.raises(bw.FormatError) as caught:
        bw.read(tmp_path)
    assert told in str(caught.value) and "annotations[1]" in str(caught.value) and "clip.json" in str(caught.value)
    scene = bw.read(tmp_path, strict=False)
    assert len(scene.problems) == 1 and [track.track_id for track in scene.image_tracks] == ["good"]
