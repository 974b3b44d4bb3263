"""The own scene folder: what goes in comes out bit by bit, and broken folders are refused in one sentence."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

import boxwright as bw
from formats_scenes import MemoryData, assert_same_labels, full_scene


def assert_same_scene(a, b):
    for name in ("name", "has_time", "label_frame", "frame_ids", "lidars", "tags", "source_attributes"):
        assert getattr(a, name) == getattr(b, name), name
    assert list(a.notes) == list(b.notes)
    assert list(a.relations) == list(b.relations)
    np.testing.assert_array_equal(a.times_ns, b.times_ns)
    assert list(a.cameras) == list(b.cameras)
    for x, y in zip(a.cameras.values(), b.cameras.values()):
        assert (x.name, x.camera, x.ego_from_cam) == (y.name, y.camera, y.ego_from_cam)
        assert (x.times_ns is None) == (y.times_ns is None)
        assert x.times_ns is None or np.array_equal(x.times_ns, y.times_ns)
    np.testing.assert_array_equal(a.trajectory.times_ns, b.trajectory.times_ns)
    assert [a.trajectory[i] for i in range(len(a.trajectory))] == [b.trajectory[i] for i in range(len(b.trajectory))]
    assert_same_labels(a, b)
    for x, y in zip(a.tracks, b.tracks):
        for name in ("attributes", "method", "source_attributes"):
            assert getattr(x, name) == getattr(y, name), name
        for name in ("keyframe_attributes", "keyframe_source_attributes"):
            assert list(getattr(x, name)) == list(getattr(y, name)), name
        np.testing.assert_array_equal(x.origin, y.origin)
        assert x.cuboids.frame == y.cuboids.frame
    for i in range(len(a)):
        for sensor in a.lidars:
            assert a.has_points(i, sensor) == b.has_points(i, sensor)
            if a.has_points(i, sensor):
                assert_same_sweep(a.points(i, sensor), b.points(i, sensor))
        for camera in a.cameras:
            assert a.has_image(i, camera) == b.has_image(i, camera)
            if a.has_image(i, camera):
                np.testing.assert_array_equal(a.image(i, camera), b.image(i, camera))


def assert_same_sweep(x, y):
    assert (x.timestamp_ns, x.frame, x.origin_m, x.is_deskewed, set(x.fields)) == (y.timestamp_ns, y.frame, y.origin_m, y.is_deskewed, set(y.fields))
    columns = [(x.xyz, y.xyz), *((x.fields[k], y.fields[k]) for k in x.fields)]
    for p, q in [*columns, (x.intensity, y.intensity), (x.time_offset_ns, y.time_offset_ns)]:
        assert (p is None) == (q is None)
        if p is not None:
            np.testing.assert_array_equal(p, q)
            assert p.dtype == q.dtype


@pytest.mark.parametrize("encoding", ["binary", "binary_compressed", "ascii"])
def test_comes_back_bit_by_bit(rng, tmp_path, encoding):
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "clip", pcd_encoding=encoding)
    assert (report.n_frames, report.n_tracks, report.n_labels, report.dropped, report.rounded) == (4, 2, 5, [], [])  # an end is none
    again = bw.read(tmp_path / "clip")
    assert_same_scene(scene, again)
    bw.write(again, tmp_path / "second", pcd_encoding=encoding)
    first, second = (json.loads((tmp_path / name / "scene.json").read_text()) for name in ("clip", "second"))
    assert first == second


def test_millimetres(rng, tmp_path):
    scene = full_scene(rng)
    report = bw.write(scene, tmp_path / "a", scale_m=0.001, jpeg_quality=95)
    assert len(report.rounded) == 2
    again = bw.read(tmp_path / "a")
    np.testing.assert_allclose(again.points(0).xyz, scene.points(0).xyz, rtol=0, atol=0.000502)
    np.testing.assert_array_equal(again.points(0).time_offset_ns, scene.points(0).time_offset_ns)
    assert np.abs(again.image(0, "front").astype(int) - scene.image(0, "front")).max() < 8
    bw.write(again, tmp_path / "b", scale_m=0.001)
    for name in ("f0", "f1", "f2"):  # rounding twice changes nothing, and equal sweeps give equal files
        assert (tmp_path / "a/lidars/lidar" / f"{name}.npz").read_bytes() == (tmp_path / "b/lidars/lidar" / f"{name}.npz").read_bytes()
    np.testing.assert_array_equal(bw.read(tmp_path / "b").image(0, "front"), again.image(0, "front"))


def test_scene_without_anything(tmp_path):
    bw.write(bw.Scene("empty", np.zeros(0, np.int64), has_time=False), tmp_path / "e")
    again = bw.read(tmp_path / "e")
    assert (len(again), again.tracks, again.trajectory, again.has_time) == (0, (), None, False)


def test_listing_and_naming(rng, tmp_path):
    for name in ("b", "a"):
        bw.write(bw.Scene(name, np.arange(3)), tmp_path / "set" / name)
    found = bw.scenes(tmp_path / "set")
    assert [entry.name for entry in found] == ["a", "b"]
    assert (len(found), found["b"].read().name, found[0].format) == (2, "b", "boxwright")
    with pytest.raises(bw.ArgumentError, match=r"holds 2 scenes.*a, b.*pass scene="):
        bw.read(tmp_path / "set")
    assert bw.read(tmp_path / "set", scene="a").name == "a"
    assert [bw.read(tmp_path / "set", scene=entry).name for entry in found] == ["a", "b"]
    for wrong in (0, b"a", ["a"], tmp_path):
        with pytest.raises(bw.ArgumentError, match=r"scene: expected a scene's name, or an entry of bw.scenes, got"):
            bw.read(tmp_path / "set", scene=wrong)
    with pytest.raises(bw.UnknownName, match="one of a, b, got 'c'"):
        bw.read(tmp_path / "set", scene="c")
    with pytest.raises(bw.UnknownName, match=r"expected one of boxwright.*got 'kity'"):
        bw.read(tmp_path / "set", format="kity")
    with pytest.raises(bw.UnknownName, match="no such format to write"):
        bw.write(found[0].read(), tmp_path / "x", format="kity")
    with pytest.raises(bw.FormatError, match=r"no dataset itself, but a folder of datasets: got set/ \(boxwright\); pass one of these"):
        bw.read(tmp_path)
    with pytest.raises(bw.FormatError, match="no such file or folder"):
        bw.read(tmp_path / "nowhere")


def test_outputs_appear_only_when_complete(rng, tmp_path):
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "a")
    with pytest.raises(bw.StorageError, match="not empty"):
        bw.write(scene, tmp_path / "a")
    broken = scene.replace(tags=[bw.Tag("x", object())])
    with pytest.raises(bw.ArgumentError, match="cannot be kept in JSON: a object"):
        bw.write(broken, tmp_path / "b")
    for value in (float("nan"), float("inf")):
        with pytest.raises(bw.ArgumentError, match="cannot be kept in JSON"):
            bw.write(scene.replace(tags=[bw.Tag("x", value)]), tmp_path / "b")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    with pytest.raises(bw.ArgumentError, match="expected one of jpeg_quality, pcd_encoding, scale_m, videos, got 'colour'"):
        bw.write(scene, tmp_path / "b", colour=3)
    with pytest.raises(bw.ArgumentError, match="cannot be a file's name"):
        bw.write(scene.replace(frame_ids=("../x", "b", "c", "d")), tmp_path / "b")


def test_a_picture_of_another_size(rng, tmp_path):
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    file.write_text(file.read_text().replace('"width_px": 48', '"width_px": 96'))
    with pytest.raises(bw.FormatError, match=r"front/f1.png: front: the picture does not fit its camera: expected 96 x 32 pixels.*got 48 x 32"):
        bw.read(tmp_path / "a").image(1, "front")


def test_missing_files_are_named(rng, tmp_path):
    bw.write(full_scene(rng), tmp_path / "a")
    scene = bw.read(tmp_path / "a")
    with pytest.raises(bw.FrameMissing, match=r"lidars/lidar/f3.pcd: frame 3, lidar: no sweep"):
        scene.points(3)
    (tmp_path / "a/cameras/front/f0.png").unlink()
    assert not scene.has_image(0, "front")
    with pytest.raises(bw.FrameMissing, match=r"cameras/front/f0.png"):
        scene.image(0, "front")


EDITS = {
    "NaN": (lambda t: t.replace('"value": 0.25', '"value": NaN'), bw.FormatError, "NaN is not a number"),
    "Infinity": (lambda t: t.replace('"value": 0.25', '"value": -Infinity'), bw.FormatError, "-Infinity is not a number"),
    "1e999": (lambda t: t.replace('"value": 0.25', '"value": 1e999'), bw.FormatError, "too large a number"),
    "huge int": (lambda t: t.replace('"value": 0.25', '"value": ' + "9" * 5000), bw.FormatError, "strict JSON"),
    "duplicate": (lambda t: t.replace('"name": "clip 1"', '"name": "clip 1", "name": "b"'), bw.FormatError, "the key 'name' comes twice"),
    "deep": (lambda t: t.replace('"value": 0.25', '"value": ' + "[" * 40 + "]" * 40), bw.LimitError, "json depth"),
    "very deep": (lambda t: t.replace('"value": 0.25', '"value": ' + "[" * 100_000 + "]" * 100_000), bw.LimitError, "json depth"),
    "cut": (lambda t: t[: len(t) // 2], bw.FormatError, "not JSON"),
    "empty": (lambda t: "", bw.FormatError, "scene.json: the file is empty: expected a JSON object"),
    "version": (lambda t: t.replace('"version": 2', '"version": 3'), bw.FormatError, "expected version 1 or 2, got 3"),
    "missing": (lambda t: t.replace('"size_m"', '"sise_m"', 1), bw.FormatError, r"tracks\[0\].keyframes\[0\]: unknown key: .*did you mean 'size_m'"),
    "text for number": (
        lambda t: t.replace('"fx_px": 30.3', '"fx_px": "30.3"'),
        bw.FormatError,
        r"cameras\[0\].fx_px: expected a number, got '30.3'",
    ),
    "focal": (lambda t: t.replace('"fx_px": 30.3', '"fx_px": 0'), bw.CalibrationError, r"scene.json: .*fx_px: singular intrinsics"),
    "model": (lambda t: t.replace('"fisheye"', '"fish"'), bw.FormatError, r"expected one of pinhole, fisheye, .*, got 'fish'"),
    "rotation": (lambda t: t.replace('"rotation": [[1.0', '"rotation": [[1.1', 1), bw.GeometryError, r"scene.json: lidars\[1\].*rotation matrix"),
    "visibility": (lambda t: t.replace('"visible"', '"hidden"', 1), bw.FormatError, "expected one of visible, occluded, outside, got 'hidden'"),
    "escape": (lambda t: t.replace('"frame_id": "f1"', '"frame_id": "../f1"'), bw.FormatError, r"frames\[1\].frame_id: expected a name"),
    "same frame": (
        lambda t: t.replace('"frame_id": "f1"', '"frame_id": "f0"'),
        bw.FormatError,
        r"frames\[1\].frame_id: .*'f0' twice, first in frames\[0\]",
    ),
    "time": (lambda t: t.replace('"timestamp_ns": 17', '"timestamp_ns": -17', 1), None, ""),
}


@pytest.mark.parametrize("name", EDITS)
def test_broken_scene_json(rng, tmp_path, name):
    edit, error, message = EDITS[name]
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    text = file.read_text()
    assert edit(text) != text
    file.write_text(edit(text))
    if error is None:
        bw.read(tmp_path / "a")
        return
    with pytest.raises(error, match=message) as caught:
        bw.read(tmp_path / "a")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("to", ["boxwright", "openlabel"])
def test_what_reaches_too_far_is_not_written(rng, tmp_path, to):
    """Readers refuse such numbers as broken ones."""
    scene = full_scene(rng)
    far = scene.tracks[0].replace(cuboids=scene.tracks[0].cuboids.transformed(bw.Pose(np.eye(3), (0, 2e8, 0)), frame=scene.tracks[0].cuboids.frame))
    trajectory = bw.Trajectory(scene.times_ns, [bw.Pose(np.eye(3), (0, 0, 1e8))] * len(scene))
    lidar = {name: bw.Lidar(name, bw.Pose(np.eye(3), (-1e9, 0, 0))) for name in scene.lidars}
    for changes, message in (
        ({"tracks": [far], "relations": ()}, r"track '.*': expected coordinates and sizes under 1e\+08 m, got \S+ 2e\+08"),
        ({"trajectory": trajectory}, r"scene\.trajectory: .* got 0 0 1e\+08"),
        ({"lidars": lidar}, r"scene\.lidars\['\w+'\]: .* got -1e\+09 0 0"),
    ):
        with pytest.raises(bw.ArgumentError, match=message):
            bw.write(scene.replace(**changes), tmp_path / "out", to)
        assert not (tmp_path / "out").exists()


def test_sizes_and_quaternions_name_their_keyframe(rng, tmp_path):
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    whole = json.loads(file.read_text())
    for key, value, message in (
        ("size_m", [4.1, 0.0, 1.5], "size_m: expected positive"),
        ("center_m", [1, 2], "expected 3 numbers, got 2"),
        ("yaw_rad", True, "a number"),
        ("size_m", [4.1, 1e8, 1.5], r"tracks\[0\]\.keyframes\[1\]\.size_m: expected sizes under 1e\+08 m, got 4\.1 1e\+08 1\.5"),
        ("center_m", [1, -1e9, 2], r"tracks\[0\]\.keyframes\[1\]\.center_m: expected coordinates under 1e\+08 m, got 1 -1e\+09 2"),
    ):
        top = json.loads(json.dumps(whole))
        top["tracks"][0]["keyframes"][1][key] = value
        file.write_text(json.dumps(top))
        with pytest.raises(bw.FormatError, match=message):
            bw.read(tmp_path / "a")
    top = json.loads(json.dumps(whole))
    top["tracks"][1]["keyframes"][2]["quat_wxyz"] = [0.5, 0.5, 0.5, 0.6]
    file.write_text(json.dumps(top))
    with pytest.raises(bw.FormatError, match=r"tracks\[1\].keyframes.quat_wxyz: expected unit quaternions .* at index 2"):
        bw.read(tmp_path / "a")


def test_times_out_of_order(rng, tmp_path):
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    top["frames"].reverse()
    file.write_text(json.dumps(top))
    with pytest.raises(bw.BoxwrightError, match=r"scene.json: frames\[1\].timestamp_ns: expected increasing times"):
        bw.read(tmp_path / "a")


KEEPS = {  # JSON path -> a change there and what the sentence must say
    "tracks": ("", lambda top: top.pop("tracks"), "the top level: a field is missing: expected 'tracks'"),
    "lidars": ("", lambda top: top.pop("lidars"), "the top level: a field is missing: expected 'lidars'"),
    "cameras": ("", lambda top: top.update(cameras=None), "cameras: expected a list, got null"),
    "trakcs": ("", lambda top: top.update(trakcs=top.pop("tracks")), "unknown key: .*got 'trakcs'; did you mean 'tracks'"),
    "trajectroy": ("", lambda top: top.update(trajectroy=top.pop("trajectory")), "did you mean 'trajectory'"),
    "colour at the top": ("", lambda top: top.update(colour=1), "got 'colour'; put it under 'source_attributes'"),
    "frame": ("frames.1", lambda x: x.update(blur=1), r"frames\[1\]: unknown key: expected one of frame_id, timestamp_ns, got 'blur'; remove it"),
    "lidar": ("lidars.0", lambda x: x.update(scale=0.1), r"lidars\[0\]: .*got 'scale'; did you mean 'scale_m'"),
    "lidar pose": ("lidars.0.ego_from_lidar", lambda x: x.update(translation=1), r"lidars\[0\].ego_from_lidar: .*did you mean 'translation_m'"),
    "two rotations": ("lidars.0.ego_from_lidar", lambda x: x.update(quat_wxyz=[1, 0, 0, 0]), "expected 'rotation' or 'quat_wxyz', got both"),
    "sweep": ("lidars.1.sweeps.f0", lambda x: x.update(origin=1), r"lidars\[1\].sweeps.f0: .*did you mean 'origin_m'"),
    "sweep of no frame": ("lidars.1.sweeps", lambda x: x.update(f9={}), r"lidars\[1\].sweeps: expected frame ids as keys, got 'f9'"),
    "camera": ("cameras.0", lambda x: x.update(distorsion=[]), r"cameras\[0\]: .*did you mean 'distortion'"),
    "exposures": ("cameras.0.timestamp_ns", lambda x: x.pop(), r"cameras\[0\].timestamp_ns: expected 4 times, one per frame, got 3"),
    "pose": ("trajectory.2", lambda x: x.update(rotations=1), r"trajectory\[2\]: .*did you mean 'rotation'"),
    "no poses": ("", lambda top: top.update(trajectory=[]), "trajectory: expected at least one pose"),
    "track": ("tracks.0", lambda x: x.update(catgeory="x"), r"tracks\[0\]: .*did you mean 'category'"),
    "keyframe": ("tracks.1.keyframes.2", lambda x: x.update(visible=True), r"tracks\[1\].keyframes\[2\]: .*'visibility'"),
    "no turn": ("tracks.0.keyframes.0", lambda x: x.pop("yaw_rad"), r"keyframes\[0\]: expected 'yaw_rad' or 'quat_wxyz', got neither"),
    "relation": ("relations.0", lambda x: x.update(span=1), r"relations\[0\]: .*did you mean 'span_ns'"),
    "problem": ("", lambda top: top.update(problems=[{"code": "format", "path": 3}]), r"problems\[0\].path: expected a text, got 3"),
    "same lidar": ("lidars.1", lambda x: x.update(name="lidar"), r"lidars\[1\].name: expected sensor names that differ, .*first in lidars\[0\]"),
    "same camera": ("cameras.1", lambda x: x.update(name="front"), r"cameras\[1\].name: .*'front' twice, first in cameras\[0\]"),
    "camera as lidar": ("cameras.1", lambda x: x.update(name="rear"), r"cameras\[1\].name: .*'rear' twice, first in lidars\[1\]"),
    "camera lidar": ("", lambda top: (top["lidars"].pop(0), top["cameras"][1].update(name="lidar")), r"cameras\[1\].name: .*frames of reference"),
    "sensor world": ("lidars.1", lambda x: x.update(name="world"), r"lidars\[1\].name: .*got 'world'"),
    "label frame": ("", lambda top: top.update(label_frame="map"), "label_frame: expected one of world, ego, lidar, rear, front, round, got 'map'"),
    "late poses": ("", lambda top: top["trajectory"].pop(0), r"trajectory: the poses do not cover a labelled frame: .*frames\[0\] .*by tracks\[0\]"),
    "early end": ("", lambda top: top.update(trajectory=top["trajectory"][:2]), r"frames\[2\] at .*tracks\[1\]"),
    "no category": ("tracks.1", lambda x: x.update(category=""), r"tracks\[1\].category: expected a text that is not empty, got ''"),
    "blank id": ("tracks.0", lambda x: x.update(track_id=" "), r"tracks\[0\].track_id: expected a text that is not empty"),
    "same id": ("tracks.1", lambda x: x.update(track_id="7"), r"tracks\[1\].track_id: expected every track id once, got '7' twice"),
}


@pytest.mark.parametrize("name", KEEPS)
def test_nothing_in_scene_json_is_lost_silently(rng, tmp_path, name):
    place, change, message = KEEPS[name]
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    at = top
    for step in filter(None, place.split(".")):
        at = at[int(step)] if isinstance(at, list) else at[step]
    change(at)
    file.write_text(json.dumps(top))
    with pytest.raises(bw.FormatError, match=message) as caught:
        bw.read(tmp_path / "a")
    assert str(file) in str(caught.value)
    assert caught.value.hint


def test_source_attributes_are_where_unknown_keys_go(rng, tmp_path):
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    top["source_attributes"]["colour"] = top["tracks"][0]["source_attributes"]["colour"] = "red"
    file.write_text(json.dumps(top))
    bw.write(bw.read(tmp_path / "a"), tmp_path / "b")
    again = bw.read(tmp_path / "b")
    assert (again.source_attributes["colour"], again.tracks[0].source_attributes["colour"]) == ("red", "red")


def test_labels_beyond_the_poses_are_fine_where_no_frame_shows_them(rng, tmp_path):
    """A track may begin and end between frames, and the frames without it need no pose."""
    scene = full_scene(rng)
    end = scene.trajectory.times_ns[1]
    tracks = [track.take(track.times_ns <= end) for track in scene.tracks]
    poses = bw.Trajectory(scene.times_ns[:2], [scene.trajectory[i] for i in range(2)])
    bw.write(scene.replace(tracks=tracks, trajectory=poses, relations=[]), tmp_path / "a")
    assert_same_labels(bw.read(tmp_path / "a"), scene.replace(tracks=tracks))


def test_lenient_reading_keeps_bad_tracks_aside(rng, tmp_path):
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    top["tracks"][0]["category"] = ""
    file.write_text(json.dumps(top))
    scene = bw.read(tmp_path / "a", strict=False)
    assert [track.track_id for track in scene.tracks] == ["x y"]
    assert [problem.record["track_id"] for problem in scene.problems] == ["7"]


def test_what_the_reader_refuses_is_not_written(rng, tmp_path):
    scene = full_scene(rng)
    front = scene.cameras["front"]
    for broken, message in (
        (scene.replace(cameras={"rear": dataclasses.replace(front, name="rear")}), "'rear'; rename it"),
        (scene.replace(cameras={"lidar": dataclasses.replace(front, name="lidar")}), "'lidar'; rename it"),
        (scene.replace(lidars={"ego": bw.Lidar("ego")}), "'ego'; rename it"),
        (scene.replace(tracks=[scene.tracks[0].replace(category="")]), "tracks with an id and a category"),
        (scene.replace(tracks=[scene.tracks[0].replace(track_id="")]), "tracks with an id and a category"),
        (scene.replace(trajectory=bw.Trajectory([0], [bw.Pose.identity()])), "do not cover a labelled frame: got frame 0, labelled by track '7'"),
    ):
        with pytest.raises(bw.ArgumentError, match=message):
            bw.write(broken, tmp_path / "a")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("scene: 1", "not JSON: expected a value here;"),
        ('{"format" 1}', "not JSON: expected ':' here;"),
        ('{"format": 1} 2', "not JSON: there is more after the end of the value;"),
        ('{"format": "a\nb"}', "not JSON: invalid control character( '.*')?; copy"),
        ('{"format": "boxwright", "version": 1, "name": "x', r"line 1 column 47: not JSON: the string that starts here never ends; "),
        ("{}", 'not a boxwright scene: expected an object with "format": "boxwright", got \'nothing\''),
        ("[1]", "not a boxwright scene: .*another kind of JSON"),
        ('{"format": "other"}', "not a boxwright scene: .*got 'other'"),
        ('{"format": "boxwright"}', "a field is missing: expected 'version'"),
        ('{"format": "boxwright", "version": 1}', "a field is missing: expected 'cameras'"),
    ],
)
def test_a_damaged_scene_is_told_so(tmp_path, text, message):
    """By scene.json's presence the folder is ours, whatever is in it; other scenes beside it can still be read."""
    bw.write(bw.Scene("good", [0]), tmp_path / "set/good")
    (tmp_path / "set/bad").mkdir()
    (tmp_path / "set/bad/scene.json").write_text(text)
    with pytest.raises(bw.FormatError, match=f"bad/scene.json.*{message}"):
        bw.read(tmp_path / "set/bad")
    assert bw.scenes(tmp_path / "set").names == ("bad", "good")
    assert bw.read(tmp_path / "set", "good").name == "good"


def test_points_that_are_not_finite(tmp_path):
    xyz = np.array([[1.5, 2, 3], [np.nan, 0, 0], [np.inf, 1, 1]], np.float32)
    scene = bw.Scene("n", np.arange(1), {"lidar": bw.Lidar("lidar")}, data=MemoryData({(0, "lidar"): bw.Sweep(xyz)}))
    bw.write(scene, tmp_path / "a")
    np.testing.assert_array_equal(bw.read(tmp_path / "a").points(0).xyz, xyz)
    with pytest.raises(bw.ArgumentError, match="not finite"):
        bw.write(scene, tmp_path / "b", scale_m=0.001)


def test_a_scene_too_large_to_be_read_is_told_so(rng, tmp_path, monkeypatch):
    scene = full_scene(rng)
    assert bw.write(scene, tmp_path / "usual").notes == []
    monkeypatch.setenv("BOXWRIGHT_LIMIT_JSON_VALUES", "50")
    report = bw.write(scene, tmp_path / "large")
    assert re.fullmatch("it is too large to be read within the limits: scene.json: more json values than allowed: .*JSON_VALUES.*", report.notes[0])
    assert report.notes[0] in str(report)
    with pytest.raises(bw.LimitError, match="more json values"):
        bw.read(tmp_path / "large")
    monkeypatch.delenv("BOXWRIGHT_LIMIT_JSON_VALUES")
    assert len(bw.read(tmp_path / "large").tracks) == len(scene.tracks)


def test_quaternions_that_were_normalised_are_told(rng, tmp_path):
    """Up to 1e-6 off they are normalised, with one note; beyond they are refused, or kept aside."""
    scene = full_scene(rng)
    bw.write(scene, tmp_path / "a")
    assert not any("quaternion" in note for note in bw.read(tmp_path / "a").notes)
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    free = next(track for track in top["tracks"] if track["track_id"] == "x y")
    kept = [list(keyframe["quat_wxyz"]) for keyframe in free["keyframes"]]
    for i, scale in ((0, 1 + 5e-7), (2, 1 - 9e-7)):
        free["keyframes"][i]["quat_wxyz"] = [v * scale for v in kept[i]]
    file.write_text(json.dumps(top))
    scene = bw.read(tmp_path / "a")
    assert [note for note in scene.notes if "quaternion" in note] == ["2 quaternions off unit length by up to 9e-07, normalised"]
    np.testing.assert_allclose(scene.track("x y").cuboids.quat_wxyz, kept, rtol=0, atol=1e-15)
    bw.write(scene, tmp_path / "b")
    assert list(bw.read(tmp_path / "b").notes) == list(scene.notes)  # told once, also after another round
    free["keyframes"][1]["quat_wxyz"] = [v * (1 + 2e-6) for v in kept[1]]
    file.write_text(json.dumps(top))
    with pytest.raises(bw.FormatError, match=r"scene.json: tracks\[1\].keyframes.quat_wxyz: expected unit quaternions"):
        bw.read(tmp_path / "a")
    scene = bw.read(tmp_path / "a", strict=False)
    assert [problem.record["track_id"] for problem in scene.problems] == ["x y"]


def test_rotations_of_few_digits_are_told(rng, tmp_path):
    """Calibration files of six digits are 1e-6 off: their matrices are kept as they are, and that is said."""
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    exact = bw.read(tmp_path / "a").cameras["round"].ego_from_cam.rotation
    for scale, told in ((1 + 2e-7, False), (1 + 2e-6, True)):
        top["cameras"][1]["ego_from_cam"]["rotation"] = (exact * scale).tolist()
        file.write_text(json.dumps(top))
        scene = bw.read(tmp_path / "a")
        np.testing.assert_array_equal(scene.cameras["round"].ego_from_cam.rotation, exact * scale)
        notes = [note for note in scene.notes if "orthonormal" in note]
        assert len(notes) == told and all(note.startswith("the rotation of round is off an orthonormal one by 6e-06") for note in notes)


def test_every_problem_says_where(rng, tmp_path):
    """Also those found by a Track itself, which knows no file."""
    bw.write(full_scene(rng), tmp_path / "a")
    file = tmp_path / "a/scene.json"
    top = json.loads(file.read_text())
    keyframes = top["tracks"][0]["keyframes"]
    keyframes[1]["timestamp_ns"] = keyframes[0]["timestamp_ns"]
    top["tracks"][1]["method"] = "guess"
    file.write_text(json.dumps(top))
    first, second = bw.read(tmp_path / "a", strict=False).problems
    assert first.error.path == second.error.path == str(file)
    assert first.error.field.startswith("tracks[0]") and "increasing" in str(first)
    assert second.error.field.startswith("tracks[1]") and "guess" in str(second)


def test_marks_of_ends_are_no_labels(tmp_path):
    """They were counted among the labels."""
    camera = bw.CameraSensor("cam", bw.UncalibratedCamera(64, 48))
    track = bw.ImageTrack(
        "1", "car", "cam", [0, 1, 2], bw.Boxes([[1, 2, 9, 9]] * 3), [bw.Visibility.VISIBLE, bw.Visibility.OCCLUDED, bw.Visibility.OUTSIDE]
    )
    scene = bw.Scene("a", [0, 1, 2], cameras={"cam": camera}, image_tracks=[track], label_frame="cam", has_time=False)
    assert bw.write(scene, tmp_path / "a").n_labels == 2
