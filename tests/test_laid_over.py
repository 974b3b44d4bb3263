"""Cuboids that come back from platforms over the recording that has them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import boxwright as bw
import street
from boxwright.formats.as_written import as_written
from boxwright.formats.by_place import names_by_place
from boxwright.formats.camera_labels import with_boxes_of_cuboids
from boxwright.formats.dense_tracks import dense_track
from boxwright.formats.laid_over import laid_over
from test_cli import run
from test_video_labels import same_track as same_image_track

__all__ = ["run"]

N = 12
TIMES = street.START_NS + street.STEP_NS * np.arange(N)
PLATFORMS = ["datumaro", "scale", "supervisely", "kitti_raw", "segments", "nucleus", "cvat_api", "labelcloud"]
DATASETS = ["boxwright", "nuscenes", "openlabel", "argoverse2", "waymo", "kitti_tracking"]
SPELLED = {"kitti_raw cvat": ("kitti_raw", {"dialect": "cvat"})}
EMPTY = {"visibility": None, "origin": None, "keyframe_attributes": (), "keyframe_source_attributes": ()}


def own_scene():
    """A turning vehicle with its LiDAR on the roof; a car with few keyframes on a curve that is gone for a while, and two with one in every frame."""
    poses = [bw.Pose.from_yaw(0.05 * i, (100 + 0.8 * i, 50 + 0.1 * i, 2.0)) for i in range(N)]
    lidar = bw.Lidar("lidar", bw.Pose.from_yaw(0.3, (0.4, 0.1, 1.7)))
    few = np.array([0, 3, 6, 8, 11])
    center = np.column_stack([112 + 1.3 * few + 0.1 * few**2, 54 - 0.2 * few, np.full(len(few), 2.75)])
    cuboids = bw.Cuboids(center, [street.CAR_SIZE] * len(few), 0.1 * few, frame="world")
    bend = bw.Track(
        "bend", "car", TIMES[few], cuboids, [0, 1, 2, 0, 0], attributes={"paint": "red"}, keyframe_attributes=[{"lit": True}, {}, {}, {}, {}]
    )
    k = np.arange(N)
    dense = [
        bw.Track(
            name,
            "pedestrian",
            TIMES,
            bw.Cuboids(np.column_stack([109 + 0.1 * k, y + 0.15 * k, np.full(N, 2.9)]), [(0.6, 0.7, 1.75)] * N, np.full(N, 1.0), frame="world"),
            keyframe_source_attributes=[{"num": i} for i in range(N)],
        )
        for name, y in (("walker", 45.0), ("7", 48.0))
    ]
    return bw.Scene("clip", TIMES, {"lidar": lidar}, trajectory=bw.Trajectory(TIMES, poses), tracks=[bend, *dense])


def same_track(a, b):
    for name in ("category", "method", "attributes", "source_attributes"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("times_ns", "visibility", "origin"):
        assert getattr(a, name).tolist() == getattr(b, name).tolist(), name
    for name in ("center_m", "size_m", "quat_wxyz"):
        assert getattr(a.cuboids, name).tolist() == getattr(b.cuboids, name).tolist(), name
    assert a.at(TIMES).attributes == b.at(TIMES).attributes
    assert [*a.keyframe_source_attributes] == [*b.keyframe_source_attributes]


def written(scene, folder, spelled):
    format, options = SPELLED.get(spelled, (spelled, {}))
    bw.write(scene, folder, format, **options)
    return folder


def shifted(track, k, shift):
    center = track.cuboids.center_m.copy()
    center[k] += shift
    return track.replace(cuboids=track.cuboids.replace(center_m=center))


@pytest.mark.parametrize("format", [*PLATFORMS, *SPELLED, *DATASETS])
def test_what_nobody_touched_is_bit_for_bit_the_recordings_own(tmp_path, format):
    own = own_scene()
    bw.write(own, tmp_path / "own")
    again = bw.read(tmp_path / "own", labels=written(own, tmp_path / "back", format), missing="drop")
    assert {track.track_id for track in again.tracks} == {"bend", "walker", "7"}
    for track in own.tracks:
        same_track(again.track(track.track_id), track)
    assert any("3 of the 3 tracks in the file take the place of the recording's own, 0 edited" in note for note in again.notes)


@pytest.mark.parametrize("format", [*PLATFORMS, *SPELLED, *DATASETS])
def test_one_edit_changes_one_cuboid(tmp_path, format):
    """Of a track with a keyframe in every frame, and between those of a track with few, whose curve goes on as it was at every other frame."""
    own = own_scene()
    bend, walker, other = own.tracks
    filled = bend.at(TIMES)
    turn = np.array([0.4, -0.3, 0.1])
    places = filled.cuboids.center_m.copy()
    places[4] += turn
    edited = own.replace(tracks=[in_every_frame(bend, 4, turn), shifted(walker, 5, turn), other])
    bw.write(own, tmp_path / "own")
    again = bw.read(tmp_path / "own", labels=written(edited, tmp_path / "back", format))
    same_track(again.track("7"), other)
    back = again.track("walker")
    same = np.arange(N) != 5
    assert back.cuboids.center_m[same].tolist() == walker.cuboids.center_m[same].tolist()
    np.testing.assert_allclose(back.cuboids.center_m[5], walker.cuboids.center_m[5] + turn, atol=1e-5)
    back = again.track("bend").at(TIMES)
    assert (back.is_valid == filled.is_valid).all()
    np.testing.assert_allclose(back.cuboids.center_m, places, atol=1e-5)
    assert np.isin(bend.times_ns, back.track.times_ns).all() and back.track.method == bend.method
    assert [row["paint"] for row in back.attributes] == ["red"] * N
    assert back.visibility[filled.is_valid].tolist() == filled.visibility[filled.is_valid].tolist()


def in_every_frame(track, frame, shift):
    """With a keyframe in every frame that it is in, that of one frame moved."""
    filled = track.at(TIMES)
    index = np.flatnonzero(filled.is_valid)
    cuboids = shifted(track.replace(times_ns=TIMES[index], cuboids=filled.cuboids[index], **EMPTY), index.tolist().index(frame), shift).cuboids
    rows = [{"lit": True}] * len(index)
    dense = dense_track(track.track_id, track.category, index, TIMES, cuboids, visibility=filled.visibility[index], attributes=rows)
    return dense.replace(attributes=track.attributes)


def test_labels_that_were_taken_away_and_added(run, tmp_path):
    """A track loses its last frames and gains none, one is new, one is gone; from Python and from the command line."""
    own = own_scene()
    bend, walker, other = own.tracks
    fresh = shifted(other, slice(None), [30.0, 0, 0]).replace(track_id="new")
    bw.write(own.replace(relations=[bw.Relation("with", "7", "walker")]), tmp_path / "own")
    back = written(own.replace(tracks=[bend, walker.take(slice(7)), fresh]), tmp_path / "back", "scale")
    kept = bw.read(tmp_path / "own", labels=back)
    assert {track.track_id for track in kept.tracks} == {"bend", "walker", "7", "new"}
    assert "cuboids come from back (scale)" in kept.notes
    told = "2 of the 3 tracks in the file take the place of the recording's own, 1 edited; 1 track of the recording is not in the file, "
    assert told + "and stays" in kept.notes
    same_track(kept.track("bend"), bend)
    assert kept.track("walker").at(TIMES).is_valid.tolist() == [True] * 7 + [False] * 5
    assert kept.track("walker").cuboids[:7].center_m.tolist() == walker.cuboids[:7].center_m.tolist()
    assert len(kept.relations) == 1
    project = tmp_path / "street"
    assert run("init", project)[0] == 0
    code, out, err = run("import", project, tmp_path / "own", "--labels", back, "--drop-missing")
    assert code == 0, err
    assert told + "and dropped" in out
    scene = bw.open_project(project).read("clip")
    assert {track.track_id for track in scene.tracks} == {"bend", "walker", "new"} and not scene.relations
    code, _, err = run("import", project, tmp_path / "own", "--name", "b", "--drop-missing")
    assert code == 2 and "--drop-missing" in err and "--labels FILE" in err


def test_what_was_edited_beside_the_place(tmp_path):
    """A class, an attribute of some frames and what is hidden: the cuboids are the recording's own."""
    own = own_scene()
    bend, walker, other = own.tracks
    states = [{"stands": False}] * 4 + [{"stands": True}] * 3 + [{"stands": False}] * 5
    edited = walker.replace(keyframe_attributes=states, visibility=[0] * 9 + [1] * 3)
    bw.write(own, tmp_path / "own")
    back = written(own.replace(tracks=[bend, edited, other.replace(category="cyclist")]), tmp_path / "back", "datumaro")
    again = bw.read(tmp_path / "own", labels=back)
    same_track(again.track("bend"), bend)
    same_track(again.track("7").replace(category="pedestrian"), other)
    assert again.track("7").category == "cyclist"
    found = again.track("walker")
    assert [row["stands"] for row in found.at(TIMES).attributes] == [row["stands"] for row in states]
    assert found.visibility.tolist() == [0] * 9 + [1] * 3
    assert found.cuboids.center_m.tolist() == walker.cuboids.center_m.tolist()


def test_numbers_that_came_back_as_texts(tmp_path):
    """An edited one stayed a text among the recording's numbers, so that no format of numbers took it."""
    own = own_scene()
    bend, walker, other = own.tracks
    said = [{"truncated": 0, "height": 1.5, "lit": True, "note": "1"} for _ in range(N)]
    walker, other = walker.replace(keyframe_attributes=said), other.replace(keyframe_attributes=said)
    own = own.replace(tracks=[bend, walker, other])
    bw.write(own, tmp_path / "own")
    edited = [dict(row) for row in said]
    edited[3] = {"truncated": 2, "height": 3.0, "lit": False, "note": "2"}
    edited[4] = {"truncated": "half", "height": 1.5, "lit": True, "note": "1"}
    fresh = shifted(other, slice(None), [30.0, 0, 0]).replace(track_id="new")
    back = written(own.replace(tracks=[bend, walker.replace(keyframe_attributes=edited), other, fresh]), tmp_path / "back", "nuscenes")
    again = bw.read(tmp_path / "own", labels=back)
    for track in (bend, other):
        same_track(again.track(track.track_id), track)
    for name, rows in (("walker", edited), ("new", said)):
        found = again.track(name).at(TIMES).attributes
        assert [{key: (type(value), value) for key, value in row.items()} for row in found] == [
            {key: (type(value), value) for key, value in row.items()} for row in rows
        ]


def test_edits_under_what_a_client_rounds_are_none(tmp_path):
    """Datumaro's own client writes two decimals."""
    own = own_scene()
    bw.write(own, tmp_path / "own")
    written(own, tmp_path / "back", "datumaro")
    (file,) = (tmp_path / "back").rglob("*.json")
    labels = json.loads(file.read_text())
    n = 0
    for item in labels["items"]:
        for one in item["annotations"]:
            n += "position" in one
            one |= {name: np.round(one[name], 2).tolist() for name in ("position", "rotation", "scale") if name in one}
    assert n > 30
    file.write_text(json.dumps(labels))
    again = bw.read(tmp_path / "own", labels=tmp_path / "back")
    for track in own.tracks:
        same_track(again.track(track.track_id), track)


def test_frames_that_the_file_does_not_have(tmp_path):
    """Labels of some frames tell nothing of the others; datumaro has no times, so that frames are found by their names."""
    own = own_scene()
    bw.write(own, tmp_path / "own")
    written(own.replace(tracks=[shifted(track, slice(None), [0.5, 0, 0]) for track in own.tracks]), tmp_path / "back", "datumaro")
    (file,) = (tmp_path / "back").rglob("*.json")
    labels = json.loads(file.read_text())
    labels["items"] = labels["items"][4:6]
    file.write_text(json.dumps(labels))
    again = bw.read(tmp_path / "own", labels=tmp_path / "back").track("walker")
    moved = again.cuboids.center_m[:, 0] - own.track("walker").cuboids.center_m[:, 0]
    np.testing.assert_allclose(moved, [0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0], atol=1e-9)
    labels["items"][0]["id"] = "nowhere"
    file.write_text(json.dumps(labels))
    with pytest.raises(bw.TimeError, match="frames of the labels that the recording does not have"):
        bw.read(tmp_path / "own", labels=tmp_path / "back")


def test_tracklets_are_told_by_their_places(tmp_path):
    """KITTI's have no names: when one is taken out, all after it have another number."""
    own = own_scene()
    _, walker, other = own.tracks
    bw.write(own, tmp_path / "own")
    new = shifted(other, slice(None), [20.0, 0, 0])
    back = written(own.replace(tracks=[walker, other, new.replace(track_id="new")]), tmp_path / "back", "kitti_raw")
    again = bw.read(tmp_path / "own", labels=back, missing="drop")
    assert len(again.tracks) == 3 and "bend" not in again.track_index
    for track in (walker, other):
        same_track(again.track(track.track_id), track)
    (fresh,) = [track for track in again.tracks if track.track_id not in ("walker", "7")]
    np.testing.assert_allclose(fresh.cuboids.center_m, new.cuboids.center_m, atol=1e-5)


def test_an_attribute_of_a_few_frames_ends_where_the_file_ends_it(tmp_path):
    """The recording does not tell how much is hidden: what the file says after the edit takes its place, as attributes hold on."""
    own = own_scene()
    bw.write(own, tmp_path / "own")
    walker = own.track("walker")
    seen = np.array(walker.visibility)
    seen[3:5] = bw.Visibility.OCCLUDED
    edited = own.replace(tracks=[walker.replace(visibility=seen) if one is walker else one for one in own.tracks])
    again = bw.read(tmp_path / "own", labels=written(edited, tmp_path / "back", "kitti_raw")).track("walker")
    assert again.visibility.tolist() == seen.tolist()
    hidden = [row.get("occlusion", 0) for row in again.at(TIMES).attributes]
    assert hidden == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]


def test_numbers_that_were_given_anew(tmp_path):
    """The first of two tracks without numbers is gone, and the other has its number: it is not taken for the first."""
    own = own_scene()
    _, walker, other = own.tracks
    bw.write(own, tmp_path / "own")
    again = bw.read(tmp_path / "own", labels=written(own.replace(tracks=[walker, other]), tmp_path / "back", "kitti_tracking"), missing="drop")
    assert "bend" not in again.track_index
    for track in (walker, other):
        same_track(again.track(track.track_id), track)
    far = [shifted(track, slice(None), [3.0, 0, 0]) for track in own.tracks]
    again = bw.read(tmp_path / "own", labels=written(own.replace(tracks=far), tmp_path / "far", "kitti_tracking"))
    assert {track.track_id for track in again.tracks} == {"bend", "walker", "7"}


def test_names_by_place():
    """Parts of one track are one again, but not two that are there at the same time."""

    def track(name, times, x):
        return bw.Track(
            name, "car", times, bw.Cuboids(np.column_stack([np.add(x, times), *np.zeros((2, len(times)))]), [(4, 2, 1.5)] * len(times), 0.0)
        )

    own = [track("a", [0, 1, 2, 3], 0), track("b", [0, 1, 2, 3], 50)]
    back = [track("0", [0, 1], 0), track("1", [3], 0), track("2", [0, 1], 50), track("3", [0, 1], 90), track("a", [1], 0)]
    assert names_by_place(own, back, ["a", "b"], {}) == {"0": "a", "1": "a", "2": "b", "3": "3", "a": "a'"}
    numbers = {"0": "b", "3": "b", "4": "a"}
    assert names_by_place(own, [back[0], back[3]], ["a", "b"], numbers) == {"0": "a", "3": "b"}


def test_numbers_of_tracks_are_found_again(tmp_path):
    """MOT and KITTI number tracks whose ids are no numbers; they came back as new ones."""
    own = own_scene()
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(640, 480))
    boxes = [bw.ImageTrack(name, "car", "front", TIMES[:2], bw.Boxes([[1, 2, 90, 90], [4, 2, 94, 90]]), object_id="bend") for name in ("b", "5", "a")]
    own = own.replace(cameras={"front": camera}, image_tracks=boxes, tracks=own.tracks[:1])
    bw.write(own, tmp_path / "own")
    moved = boxes[2].replace(shapes=bw.Boxes(boxes[2].shapes.xyxy + 7))
    bw.write(own.replace(image_tracks=[*boxes[:2], moved]), tmp_path / "back", "mot")
    again = bw.read(tmp_path / "own", labels=tmp_path / "back", missing="drop")
    assert {track.track_id for track in again.image_tracks} == {"a", "b", "5"}
    for track in boxes[:2]:
        same_image_track(again.image_track(track.track_id), track)
    np.testing.assert_allclose(again.image_track("a").shapes.xyxy, moved.shapes.xyxy, atol=1e-6)
    assert again.image_track("a").object_id == "bend"


def test_labels_of_one_of_several_cameras(run, tmp_path):
    """MOT does not tell whose pictures they are: it is refused, unless it is said."""
    cameras = {name: bw.CameraSensor(name, bw.UncalibratedCamera(640, 480)) for name in ("front", "rear")}
    boxes = [bw.ImageTrack(str(k), "car", name, TIMES[:2], bw.Boxes([[1, 2, 90, 90], [4, 2, 94, 90]])) for k, name in enumerate(cameras)]
    own = bw.Scene("clip", TIMES, cameras=cameras, image_tracks=boxes, label_frame="front")
    bw.write(own, tmp_path / "own")
    moved = [track.replace(shapes=bw.Boxes(track.shapes.xyxy + 7)) for track in boxes]
    bw.write(own.replace(image_tracks=moved), tmp_path / "back", "mot", camera="rear")
    with pytest.raises(bw.FormatError, match=r"one of front, rear, got 'camera'; name it with labels_camera="):
        bw.read(tmp_path / "own", labels=tmp_path / "back")
    again = bw.read(tmp_path / "own", labels=tmp_path / "back", labels_camera="rear", missing="drop")
    same_image_track(again.image_track("0"), boxes[0])
    np.testing.assert_allclose(again.image_track("1").shapes.xyxy, moved[1].shapes.xyxy, atol=1e-6)
    assert run("init", tmp_path / "street")[0] == 0
    code, _, err = run("import", tmp_path / "street", tmp_path / "own", "--labels", tmp_path / "back")
    assert code == 2 and "--labels-camera NAME" in err
    code, _, err = run("import", tmp_path / "street", tmp_path / "own", "--labels", tmp_path / "back", "--labels-camera", "rear")
    assert code == 0, err
    with pytest.raises(bw.ArgumentError, match="labels_camera: no labels are given"):
        bw.read(tmp_path / "own", labels_camera="rear")


@pytest.mark.parametrize("format", ["cvat_video", "labelbox", "label_studio", "darwin", "coco", "mot"])
def test_boxes_that_were_made_around_cuboids(tmp_path, format):
    """They came back as new labels; now one that was edited is a label of its object, and the others are none."""
    own = street.scene()
    bw.write(own, tmp_path / "own")
    options = {"camera": "front"} if format in ("cvat_video", "mot") else {}
    back = tmp_path / "back"
    bw.write(own, back, format, **options)
    named = {"labels_camera": "front"} if format == "mot" else {}
    again = bw.read(tmp_path / "own", labels=back, missing="drop", **named)
    assert not again.image_tracks and len(again.tracks) == 3
    assert any("boxes around cuboids came back as made of these" in note for note in again.notes)
    boxes = with_boxes_of_cuboids(own, ["front"])
    moved = [
        one.replace(shapes=bw.Boxes(one.shapes.xyxy + np.array([0, 0, 5, 0])), object_id=None) if one.track_id == "driving@front" else one
        for one in boxes.image_tracks
    ]
    bw.write(boxes.replace(image_tracks=moved, tracks=()), tmp_path / "edited", format, **options)
    again = bw.read(tmp_path / "own", labels=tmp_path / "edited", **named)
    (one,) = again.image_tracks
    assert (one.track_id, one.object_id, one.camera) == ("driving@front", "driving", "front")
    times = own.exposures_ns("front")
    wanted = next(track for track in moved if track.track_id == "driving@front").at(times).shapes.bounds_xyxy()
    np.testing.assert_allclose(one.at(times).shapes.bounds_xyxy(), wanted, atol=1e-5)
    assert any(note.startswith("1 box around a cuboid was edited") and "'driving@front'" in note for note in again.notes)


@pytest.mark.parametrize("format", ["scale", "segments"])
def test_labels_in_pictures_of_objects_that_came_back_otherwise(tmp_path, format):
    """A class that was given to cuboids alone left the object with two; an object that was deleted left its labels in pictures to nobody."""
    own = street.scene()
    drawn = [one.replace(category="lorry") if one.object_id == "parked" else one for one in with_boxes_of_cuboids(own, ["front"]).image_tracks]
    assert {one.object_id for one in drawn} == {"parked", "driving", "walker"}
    own = own.replace(image_tracks=drawn, relations=[bw.Relation("with", "walker@front", "driving"), bw.Relation("with", "driving@front", "driving")])
    bw.write(own, tmp_path / "own")
    parked, driving, _ = own.tracks
    edited = [parked.replace(category="van"), driving.replace(category="van")]
    bw.write(own.replace(tracks=edited, image_tracks=[], relations=[]), tmp_path / "back", format)
    kept = bw.read(tmp_path / "own", labels=tmp_path / "back")
    classes = {one.track_id: one.category for one in kept.image_tracks}
    assert classes == {"parked@front": "lorry", "driving@front": "van", "walker@front": "pedestrian"}
    assert "1 track in pictures takes the class that its object was given: 'driving@front'" in kept.notes
    left = bw.read(tmp_path / "own", labels=tmp_path / "back", missing="drop")
    assert {one.track_id: one.category for one in left.image_tracks} == {"parked@front": "lorry", "driving@front": "van"}
    assert [one.subject for one in left.relations] == ["driving@front"]
    assert "1 track in pictures is dropped with its object, which is not in the file: 'walker@front'" in left.notes


@pytest.mark.parametrize("format", ["darwin", "label_studio", "labelbox"])
def test_tags_and_attributes_that_were_deleted(tmp_path, format):
    """They stayed, whatever was wanted; they stay where nothing is to be dropped, and it is told."""
    camera = bw.CameraSensor("front", bw.UncalibratedCamera(640, 480))
    times = TIMES[:2]
    car = bw.ImageTrack("car", "car", "front", times, bw.Boxes([[1, 2, 90, 90], [4, 2, 94, 90]]), attributes={"paint": "red", "old": "yes"})
    own = bw.Scene("clip", times, cameras={"front": camera}, image_tracks=[car], label_frame="front", tags=[bw.Tag("rain"), bw.Tag("night")])
    bw.write(own, tmp_path / "own")
    bw.write(own.replace(image_tracks=[car.replace(attributes={"paint": "red"})], tags=[bw.Tag("night")]), tmp_path / "back", format)
    kept = bw.read(tmp_path / "own", labels=tmp_path / "back")
    assert [tag.name for tag in kept.tags] == ["rain", "night"] and kept.image_track("car").attributes == car.attributes
    assert any("1 tag of the recording did not come back, which stays: 'rain'" in note for note in kept.notes)
    left = bw.read(tmp_path / "own", labels=tmp_path / "back", missing="drop")
    assert [tag.name for tag in left.tags] == ["night"] and left.image_track("car").attributes == {"paint": "red"}
    assert any("1 tag of the recording did not come back, dropped: 'rain'" in note for note in left.notes)


def test_where_nobody_knows_what_a_format_makes_of_them(tmp_path):
    """Of a format that is only read: it was a merge without a word."""
    own = own_scene()
    bw.write(own, tmp_path / "own")
    bw.write(own, tmp_path / "back", "datumaro")
    labels = bw.read(tmp_path / "back")
    again = laid_over(own, labels.replace(format="sustechpoints"), tmp_path / "back", missing="drop")
    assert any("is not known (boxwright does not write sustechpoints)" in note for note in again.notes)
    for track in own.tracks:
        np.testing.assert_allclose(again.track(track.track_id).at(TIMES).cuboids.center_m, track.at(TIMES).cuboids.center_m, atol=1e-5)
    assert again.track("bend").attributes == own.track("bend").attributes


def test_what_is_as_the_recording_has_it_is_not_written_again(tmp_path, monkeypatch):
    """What the format makes of the recording's own is asked of tracks that came back otherwise alone, for it takes longer than all the rest."""
    own = own_scene()
    bend, walker, other = own.tracks
    plain = own.replace(tracks=[walker, other])
    written(own.replace(tracks=[walker, shifted(other, 3, [0.5, 0, 0])]), tmp_path / "back", "datumaro")
    asked = []

    def listening(scene, labels, cameras):
        asked.append([track.track_id for track in scene.tracks])
        return as_written(scene, labels, cameras)

    monkeypatch.setattr(sys.modules[laid_over.__module__], "as_written", listening)
    again = laid_over(plain, bw.read(tmp_path / "back"), tmp_path / "back")
    assert asked == [["7"]]
    same_track(again.track("walker"), walker)
    assert bend.track_id not in again.track_index
    np.testing.assert_allclose(again.track("7").cuboids.center_m[3], other.cuboids.center_m[3] + [0.5, 0, 0], atol=1e-9)
