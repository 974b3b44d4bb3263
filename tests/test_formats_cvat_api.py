"""CVAT's task annotations of its API: numbers worked by hand, planted faults, spans of tracks, identity, and what the SDK's models hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

import boxwright as bw
from boxwright.formats import cvat_api, cvat_api_writer
from platform_scenes import (
    ANGLES,
    CENTER,
    FAULTS,
    SIZE,
    TOL,
    YAW,
    check_golden,
    check_tilted,
    faulty,
    golden,
    moving_scene,
    same_labels_in_lidar,
    save,
    to_digits,
    tracked,
)

LABELS = [
    {
        "id": 31,
        "name": "car",
        "color": "#aabbcc",
        "attributes": [
            {"id": 71, "name": "colour", "mutable": False, "input_type": "text", "default_value": "", "values": []},
            {"id": 72, "name": "wet", "mutable": True, "input_type": "checkbox", "default_value": "false", "values": ["false"]},
        ],
    },
    {"id": 32, "name": "person", "attributes": []},
]


def shape(frame, center=CENTER, angles=(0, 0, YAW), size=SIZE, *, outside=False, wet=None, **more):
    said = [] if wet is None else [{"spec_id": 72, "value": wet}]
    points = [*center, *angles, *size, *[0.0] * 7]
    one = {"type": "cuboid", "frame": frame, "points": points, "occluded": False, "outside": outside, "z_order": 0, "rotation": 0.0}
    return {**one, "attributes": said, **more}


def track(*shapes, label=31, number=7, **more):
    own = [{"spec_id": 71, "value": "red"}] if label == 31 else []
    top = {"id": number, "frame": shapes[0]["frame"], "label_id": label, "group": 0, "source": "manual"}
    return {**top, "attributes": own, "shapes": list(shapes), "elements": [], **more}


def alone(frame=1, label=32, number=5):
    one = {key: value for key, value in shape(frame, (5, 6, 0.9)).items() if key != "outside"}
    return {**one, "id": number, "label_id": label, "group": 0, "source": "manual"}


def make(folder, *tracks, size=5):
    """Five frames: a car from 0 to 2, and again in 4, tilted; a person in 1."""
    found = tracks or (
        track(shape(0, wet="false"), shape(2, np.add(CENTER, (2, 0, 0)), wet="true"), shape(3, outside=True), shape(4, angles=ANGLES, occluded=True)),
    )
    save(folder / "annotations.json", {"version": 3, "tags": [], "shapes": [] if tracks else [alone()], "tracks": list(found)})
    save(folder / "labels.json", LABELS)
    save(folder / "meta.json", {"size": size, "frames": [{"name": f"x/{name}.pcd", "width": 0, "height": 0} for name in "abcde"[:size]]})
    bw.write_points(bw.Sweep(np.array([CENTER, (1.5, 2, -1.7)], np.float32)), folder / "clouds/b.pcd")
    return folder


def test_golden_numbers(tmp_path):
    scene = bw.read(make(tmp_path / "task"))
    assert (scene.format, scene.name, scene.frame_ids, scene.has_time, scene.label_frame) == ("cvat_api", "task", tuple("abcde"), False, "lidar")
    car = scene.track("7")
    check_golden(car.cuboids[:1])
    check_golden(car.at([1]).cuboids, center=np.add(CENTER, (1, 0, 0)))  # half way, on a straight line
    check_tilted(scene.cuboids(4))
    assert [len(scene.cuboids(i)) for i in range(5)] == [1, 2, 1, 0, 1]
    assert (car.category, car.visibility.tolist(), car.attributes) == ("car", [0, 0, 2, 1], {"colour": "red"})
    assert [row.get("wet") for row in car.at(range(3)).attributes] == [False, False, True]
    assert scene.track("shape 5").category == "person"
    assert [scene.has_points(i) for i in range(5)] == [False, True, False, False, False]


def test_a_track_goes_on_to_the_end(tmp_path):
    """Nobody ended it, so CVAT shows it in every frame after its last shape."""
    scene = bw.read(make(tmp_path, track(shape(1))))
    assert [len(scene.cuboids(i)) for i in range(5)] == [0, 1, 1, 1, 1]
    assert scene.tracks[0].origin.tolist() == [bw.Origin.GIVEN, bw.Origin.FILLED]


@pytest.mark.parametrize("name", FAULTS)
def test_golden_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = cvat_api.cuboid_from_points
    monkeypatch.setattr(cvat_api, "cuboid_from_points", lambda node: FAULTS[name](*honest(node)))
    scene = bw.read(make(tmp_path))
    with pytest.raises(AssertionError):
        check_golden(scene.track("7").cuboids[:1])


def written(folder, scene, **options):
    bw.write(scene, folder, "cvat_api", **options)
    return json.loads((folder / "annotations.json").read_text())


def check_written(top):
    (one,) = top["tracks"]
    assert (one["frame"], [one["frame"] for one in one["shapes"]]) == (0, [0, 1, 2])
    np.testing.assert_allclose(one["shapes"][0]["points"], [*CENTER, 0, 0, YAW, *SIZE, *[0] * 7], rtol=0, atol=TOL)


def test_written_numbers(tmp_path):
    check_written(written(tmp_path / "out", tracked(golden())))
    top = written(tmp_path / "tilted", tracked(golden(angles=ANGLES)))
    np.testing.assert_allclose(top["tracks"][0]["shapes"][0]["points"][3:6], ANGLES, rtol=0, atol=TOL)
    assert [one["name"] for one in json.loads((tmp_path / "out/labels.json").read_text())] == ["car"]
    assert [track.track_id for track in bw.read(tmp_path / "out").tracks] == ["7"]  # though CVAT gives it a number of its own


@pytest.mark.parametrize("name", FAULTS)
def test_written_numbers_catch_a_planted_fault(tmp_path, monkeypatch, name):
    honest = cvat_api_writer.points_from_cuboids
    monkeypatch.setattr(cvat_api_writer, "points_from_cuboids", lambda cuboids: honest(faulty(name, cuboids)))
    with pytest.raises(AssertionError):
        check_written(written(tmp_path / "out", tracked(golden())))


def test_every_frame_shows_what_the_track_is_in_the_world(tmp_path):
    scene = moving_scene()
    top = written(tmp_path / "out", scene)
    car, walker = top["tracks"]
    assert [one["frame"] for one in car["shapes"]] == [0, 1, 2, 3, 4]
    assert [(one["frame"], one["outside"]) for one in walker["shapes"]] == [(1, False), (2, False), (3, True)]
    back = bw.read(tmp_path / "out")
    same_labels_in_lidar(scene, back)
    assert back.track("walker").visibility.tolist() == [1, 0, 2]
    assert [row.get("speed") for row in back.track("walker").at([1, 2]).attributes] == [0.5, 1.25]  # as numbers
    assert back.track("12").attributes == {"colour": "red"}
    with pytest.raises(bw.ArgumentError, match="keyframes: expected tracks on straight lines in lidar, got tracks in world"):
        bw.write(scene, tmp_path / "own", "cvat_api", keyframes="own")


def test_identity_survives(tmp_path):
    """There and back with the track's own keyframes, everything is as CVAT gave it."""
    make(tmp_path / "in")
    scene = bw.read(tmp_path / "in")
    bw.write(scene, tmp_path / "own", "cvat_api", keyframes="own")
    for name in ("annotations.json", "labels.json"):
        before, after = (to_digits(json.loads((tmp_path / one / name).read_text())) for one in ("in", "own"))
        if name == "annotations.json":
            assert after.pop("version") == 0 and before.pop("version") == 3
        assert after == before
    bw.write(scene, tmp_path / "every", "cvat_api")
    same_labels_in_lidar(scene, bw.read(tmp_path / "every"))


def test_a_track_without_an_end_keeps_its_own_shapes(tmp_path):
    """What the reader fills in up to the last frame is no shape of CVAT's; a shape that somebody set there is, and so is one that says more."""
    still, set_there = track(shape(0)), track(shape(0), shape(2), number=8)
    moved = track(shape(0), shape(1, np.add(CENTER, (1, 0, 0)), wet="true"), number=9)
    scene = bw.read(make(tmp_path / "in", still, set_there, moved, size=3))
    top = written(tmp_path / "own", scene, keyframes="own")
    assert [[(one["frame"], one["outside"]) for one in some["shapes"]] for some in top["tracks"]] == [
        [(0, False)],
        [(0, False), (2, False)],
        [(0, False), (1, False)],
    ]
    back = bw.read(tmp_path / "own")
    same_labels_in_lidar(scene, back)
    ends = [one.replace(keyframe_attributes=[*[{}] * (len(one) - 1), {"wet": True}]) for one in back.tracks]
    top = written(tmp_path / "more", back.replace(tracks=ends), keyframes="own")
    assert [some["shapes"][-1]["frame"] for some in top["tracks"]] == [2, 2, 2]


def names_and_numbers(folder):
    return [
        (one.get("id"), track.track_id) for one, track in zip(json.loads((folder / "annotations.json").read_text())["tracks"], bw.read(folder).tracks)
    ]


def test_tracks_that_the_server_knows_by_no_number_keep_their_names(tmp_path):
    """A shape that became a track, and the second of two tracks of one number."""
    scene = bw.read(make(tmp_path / "in"))
    one = scene.track("shape 5")
    grown = one.replace(times_ns=[1, 2], cuboids=one.cuboids[[0, 0]], visibility=[0, 0], origin=[0, 0], keyframe_source_attributes=())
    bw.write(scene.replace(tracks=[scene.track("7"), grown]), tmp_path / "grown", "cvat_api")
    assert names_and_numbers(tmp_path / "grown") == [(7, "7"), (None, "shape 5")]
    bw.write(bw.read(make(tmp_path / "two", track(shape(0)), track(shape(1)))), tmp_path / "twice", "cvat_api")
    assert names_and_numbers(tmp_path / "twice") == [(7, "7"), (None, "7'")]


def test_an_attribute_that_has_the_name_of_ours(tmp_path):
    scene = tracked(golden())
    names = {"boxwright_track_id": "mine", "boxwright.odd": 3}
    bw.write(scene.replace(tracks=[scene.tracks[0].replace(attributes=names)]), tmp_path / "out", "cvat_api")
    (back,) = bw.read(tmp_path / "out").tracks
    assert (back.track_id, back.attributes) == ("7", names)
    for bad in (float("inf"), float("nan")):
        with pytest.raises(bw.ArgumentError, match="attribute 'speed' of track '7'"):
            bw.write(scene.replace(tracks=[scene.tracks[0].replace(attributes={"speed": bad})]), tmp_path / str(bad), "cvat_api")


@pytest.mark.parametrize(
    ("rows", "n"), [([{"a": 1}, {"a": None}, {}], 1), ([{"a": None}, {"a": 1}, {"a": 2}], 0), ([{"a": 1}, {"a": None}, {"a": None}], 1)]
)
def test_an_attribute_that_stops_holding_is_told(tmp_path, rows, n):
    scene = tracked(golden())
    report = bw.write(scene.replace(tracks=[scene.tracks[0].replace(keyframe_attributes=rows)]), tmp_path / "out", "cvat_api")
    assert [line.split(":")[0] for line in report.dropped if "holding" in line] == ["that 1 attribute stops holding at a keyframe"] * n


def test_labels_of_a_task(tmp_path):
    """Their ids are the server's; what they lack comes behind them."""
    save(tmp_path / "task.json", {"count": 2, "results": LABELS})
    scene = tracked(golden())
    scene = scene.replace(tracks=[scene.tracks[0].replace(attributes={"colour": "blue", "list": [1]}, keyframe_attributes=[{"wet": True}, {}, {}])])
    report = bw.write(scene, tmp_path / "out", "cvat_api", labels=tmp_path / "task.json")
    assert any("attributes that become texts: list" in line for line in report.rounded)
    (one,) = json.loads((tmp_path / "out/annotations.json").read_text())["tracks"]
    assert one["label_id"] == 31 and {"spec_id": 71, "value": "blue"} in one["attributes"]
    assert one["shapes"][0]["attributes"] == [{"spec_id": 72, "value": "true"}]
    labels = json.loads((tmp_path / "out/labels.json").read_text())
    assert [one["id"] for one in labels] == [31, 32] and [one["id"] for one in labels[0]["attributes"]] == [71, 72, 73, 74]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (track(shape(0, size=(4.2, -1.7, 1.4))), r"tracks\[0\].shapes\[0\].points: expected a positive length, width and height"),
        (track({**shape(0), "points": [1.0]}), "points: expected 16 numbers, got 1"),
        (track(shape(0, angles=(0, 0, 1e300))), "points: expected angles under"),
        (track(shape(0, (1e9, 0, 0))), "points: expected coordinates under"),
        (track(shape(-1)), "frame: expected frames from 0, each once in a track, got -1"),
        ({**track(shape(0)), "label_id": "car"}, "label_id: expected a whole number"),
    ],
)
def test_bad_records(tmp_path, bad, message):
    make(tmp_path, bad, track(shape(0), number=8))
    with pytest.raises(bw.FormatError, match=message):
        bw.read(tmp_path)
    scene = bw.read(tmp_path, strict=False)
    assert [track.track_id for track in scene.tracks] == ["8"] and len(scene.problems) == 1


def test_shapes_in_pictures_are_told(tmp_path):
    flat = {**shape(0), "type": "rectangle", "points": [1, 2, 3, 4]}
    scene = bw.read(make(tmp_path, track(flat), track(shape(0), number=8)))
    assert len(scene.tracks) == 1 and any("1 shape of the type 'rectangle' is no cuboid" in note for note in scene.notes)


def test_frames_whose_names_no_file_can_have(tmp_path):
    """They were read, and then no format with names of frames took them."""
    make(tmp_path / "in")
    save(tmp_path / "in/meta.json", {"size": 5, "frames": [{"name": f"x/{name}.pcd"} for name in ("a", "\x1b[2J", "c", "d", "e")]})
    scene = bw.read(tmp_path / "in")
    assert scene.frame_ids == ("000000", "000001", "000002", "000003", "000004")
    bw.write(scene, tmp_path / "out")
    assert bw.read(tmp_path / "out").frame_ids == scene.frame_ids
