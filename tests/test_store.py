"""A project keeps what it was given, does a request once and as a whole, and refuses what stands on something that has changed."""

from __future__ import annotations

import json
import threading
import uuid

import numpy as np
import pytest
import sqlalchemy as sa

import boxwright as bw
from boxwright.store import schema
from boxwright.store.engines import check_local
from boxwright.store.snapshots import snapshot, snapshot_lines
from stores import clip, cuboid, same_scene


@pytest.fixture
def filled(project):
    project.add_scene(clip(), by="anna")
    return project


def moved(project, x, by="anna", time_ns=0, **how):
    edits = project.edits("clip", by=by, **how)
    edits.move_keyframe(project.track("clip", "car-1"), time_ns, cuboid(x))
    return edits


def x_at(project, time_ns=0, **when):
    track = project.read("clip", **when).track("car-1")
    return float(track.cuboids.center_m[track.times_ns.tolist().index(time_ns), 0])


# ------------------------------------------------------------ making and opening


def test_a_new_project_is_empty_and_can_be_opened_again(place):
    with bw.create_project(place, "streets") as made:
        assert made.scenes() == [] and made.name == "streets" and made.seq == 1
        assert bw.fsck(made).damages == []
    with bw.open_project(place) as again:
        assert again.project_id == made.project_id and again.name == "streets"
    with pytest.raises(bw.StorageError, match="already"):
        bw.create_project(place)


def test_what_is_no_project(tmp_path):
    with pytest.raises(bw.StorageError, match="there is no project: got no such folder; 'boxwright init' makes one"):
        bw.open_project(tmp_path / "none")
    (tmp_path / "project.db").write_bytes(b"SQLite format 3\0" + bytes(84))
    with pytest.raises(bw.CorruptionError, match="not a boxwright project"):
        bw.open_project(tmp_path)
    with pytest.raises(bw.ArgumentError, match="a project's folder, or a URL of PostgreSQL, got 'mysql"):
        bw.open_project("mysql://here/there")


def test_a_password_is_in_no_message():
    with pytest.raises(bw.StorageError, match="cannot be reached") as caught:
        bw.open_project("postgresql://someone:s3cret@127.0.0.1:1/nowhere?connect_timeout=2")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_network_file_systems_are_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("boxwright.store.engines._file_system", lambda folder: kind)
    with pytest.raises(bw.StorageError, match=f"a project cannot lie on a network file system: got {kind}; put the project on a local disk"):
        bw.create_project(tmp_path / "project")


def test_the_file_system_here_is_told():
    check_local(__import__("pathlib").Path("/proc"))
    from boxwright.store.engines import _file_system

    assert _file_system(__import__("pathlib").Path("/proc/self")) == "proc"


# ------------------------------------------------------------ scenes


def test_a_scene_comes_back(filled):
    same_scene(filled.read("clip"), clip())
    (listed,) = filled.scenes()
    assert (listed.name, listed.n_tracks, listed.n_keyframes, listed.last_seq) == ("clip", 2, 6, 2)
    with pytest.raises(bw.StorageError, match="a scene of that name is there already"):
        filled.add_scene(clip())
    with pytest.raises(bw.UnknownName, match="no such scene"):
        filled.read("other")


def test_a_scene_is_renamed_and_deleted_and_comes_back_by_undo(filled):
    edits = filled.edits("clip")
    edits.rename_scene("street")
    edits.commit()
    assert [one.name for one in filled.scenes()] == ["street"]
    edits = filled.edits("street")
    edits.delete_scene()
    gone = edits.commit("not needed")
    assert filled.scenes() == [] and gone.n_changes > 10
    same_scene(filled.read("clip", at=2), clip())
    filled.undo(gone.seq)
    same_scene(filled.read("street").replace(name="clip"), clip())
    assert bw.fsck(filled).damages == []


def test_what_json_lacks_is_refused_and_nothing_is_changed(filled):
    bad = clip(track_id="b").replace(name="bad", source_attributes={"x": float("nan")})
    with pytest.raises(bw.ArgumentError, match="cannot be kept in JSON"):
        filled.add_scene(bad)
    assert filled.seq == 2


def test_points_in_memory_are_no_recording(filled):
    from formats_scenes import full_scene

    with pytest.raises(bw.ArgumentError, match="the scene's points or pictures are not in files"):
        filled.add_scene(full_scene(np.random.default_rng(1)))


# ------------------------------------------------------------ edits


def test_edits_of_a_track(filled):
    commit = moved(filled, 7.5).commit("it stood in the kerb")
    assert (commit.seq, commit.verb, commit.account, commit.reason, commit.n_changes) == (3, "move_keyframe", "anna", "it stood in the kerb", 1)
    assert x_at(filled) == 7.5 and x_at(filled, at=2) == 0.0
    edits = filled.edits("clip", by="ben")
    stored = filled.track("clip", "car-1")
    edits.add_keyframe(stored, 500, cuboid(9), visibility=bw.Visibility.OCCLUDED, attributes={"lit": True})
    edits.delete_keyframe(stored.keyframe(100))
    edits.set_track(stored, category="truck", method="linear")
    edits.set_attributes(stored, {"colour": "red"})
    edits.set_keyframe(stored.keyframe(200), visibility=bw.Visibility.OUTSIDE)
    assert edits.commit().verb == "several"
    track = filled.read("clip").track("car-1")
    assert (track.category, track.method, track.attributes) == ("truck", "linear", {"colour": "red"})
    assert track.times_ns.tolist() == [0, 200, 500] and track.visibility.tolist() == [0, 2, 1]
    assert [dict(row) for row in track.keyframe_attributes] == [{}, {}, {"lit": True}]


def test_edits_in_pictures(filled):
    edits = filled.edits("clip")
    stored = filled.track("clip", "box-1")
    edits.move_keyframe(stored, 100, bw.Boxes([[5.0, 6, 7, 8]]))
    edits.add_keyframe(stored, 300, bw.Boxes([[1.0, 1, 2, 2]]))
    edits.commit()
    track = filled.read("clip").image_track("box-1")
    assert track.shapes.xyxy[1].tolist() == [5, 6, 7, 8] and track.times_ns.tolist() == [0, 100, 200, 300]
    with pytest.raises(bw.ArgumentError, match="expected one row of Boxes, got"):
        edits.move_keyframe(stored, 100, bw.Polygons([[[0, 0], [1, 0], [1, 1]]]))


def test_tags_relations_and_points(filled):
    edits = filled.edits("clip")
    edits.add_tag(bw.Tag("rain"))
    edits.add_relation(bw.Relation("follows", "box-1", "car-1"))
    edits.add_point_edit(bw.PointEdit.of_points(2, [1, 2, 3], category="car"))
    labels = bw.PointLabels([1, 0, 1], [7, 0, 7], {1: "car"}, {7: "car-1"}, 1)
    edits.set_point_labels(3, "lidar", labels)
    edits.commit()
    scene = filled.read("clip")
    assert [tag.name for tag in scene.tags] == ["rain"] and len(scene.relations) == 2 and len(scene.point_edits) == 1
    assert scene.point_labels(3).class_id.tolist() == [1, 0, 1] and scene.point_labels(3).n_contested == 1
    edits = filled.edits("clip")
    (tag,) = filled.entities("clip", "tag")
    edits.change_tag(tag, bw.Tag("snow", 3, camera="front"))
    edits.delete(filled.entities("clip", "relation")[0])
    edits.set_point_labels(3, "lidar", bw.PointLabels([0, 0, 1], [0, 0, 0], {1: "van"}))
    edits.commit()
    scene = filled.read("clip")
    assert scene.tags == [bw.Tag("snow", 3, camera="front")] and [r.kind for r in scene.relations] == ["follows"]
    assert scene.point_labels(3).classes == {1: "van"}
    edits = filled.edits("clip")
    edits.add_tag(bw.Tag("x", camera="rear"))
    with pytest.raises(bw.ArgumentError, match="no such camera"):
        edits.commit()


def test_merge_and_split(filled):
    edits = filled.edits("clip")
    new = edits.split(filled.track("clip", "car-1"), 150, "car-2")
    edits.commit()
    scene = filled.read("clip")
    assert [len(scene.track(name)) for name in ("car-1", "car-2")] == [2, 1] and filled.track("clip", "car-2").entity.id == new
    edits = filled.edits("clip")
    edits.add_relation(bw.Relation("near", "car-2", "box-1"))
    edits.commit()
    edits = filled.edits("clip")
    edits.merge(filled.track("clip", "car-2"), filled.track("clip", "car-1"))
    merged = edits.commit()
    scene = filled.read("clip")
    assert len(scene.track("car-1")) == 3 and "car-2" not in scene.track_index
    assert {r.subject for r in scene.relations} == {"car-1"}
    same_scene(scene.replace(relations=clip().relations), clip())
    filled.undo(merged.seq)
    assert len(filled.read("clip").track("car-2")) == 1
    assert bw.fsck(filled).damages == []


def test_merge_of_tracks_with_keyframes_at_the_same_time(filled):
    edits = filled.edits("clip")
    edits.add_track(bw.Track("car-2", "car", [100, 400], bw.Cuboids([[9.0, 9, 9]] * 2, [[1.0, 1, 1]] * 2, 0.0, frame="lidar")))
    edits.commit()
    for prefer, x in ((None, None), ("into", 3.0), ("other", 9.0)):
        edits = filled.edits("clip")
        edits.merge(filled.track("clip", "car-2"), filled.track("clip", "car-1"), prefer=prefer)
        if prefer is None:
            with pytest.raises(bw.ConflictError, match="both tracks have keyframes at 1 time: say with prefer whose stay"):
                edits.commit()
            continue
        seq = edits.commit().seq
        assert x_at(filled, 100) == x and len(filled.read("clip").track("car-1")) == 4
        filled.undo(seq)


def test_put_track_changes_what_is_not_the_same(filled):
    stored = filled.track("clip", "car-1")
    solved = stored.track.take([0, 2]).with_keyframes(np.array([700]), cuboid(5).as_cuboids(), np.zeros(1, np.uint8), bw.Origin.STATIC_SOLVE)
    edits = filled.edits("clip", by="solver")
    edits.put_track(stored, solved)
    commit = edits.commit()
    assert commit.n_changes == 2  # one gone, one new
    assert filled.read("clip").track("car-1").times_ns.tolist() == [0, 200, 700]
    edits = filled.edits("clip", by="solver")
    edits.put_track(filled.track("clip", "car-1"), stored.track)
    moved(filled, 1.0, time_ns=200).commit()
    with pytest.raises(bw.ConflictError, match="what it stands on has changed since"):
        edits.commit()


TAXONOMY = bw.Taxonomy(
    [
        bw.Category(
            "car", 1, (1, 2, 3), attributes=(bw.AttributeDefinition("doors", "number", is_mutable=False), bw.AttributeDefinition("lights", "flag"))
        ),
        bw.Category("truck", 2, (4, 5, 6), skeleton=bw.Skeleton(("bumper", "tail"), ((0, 1),))),
    ]
)


def with_taxonomy(project):
    edits = project.edits()
    edits.set_taxonomy(TAXONOMY)
    edits.commit()
    assert project.taxonomy == TAXONOMY
    return project


def car(category="car", attributes=None, keyframe_attributes=None, n=3):
    cuboids = bw.Cuboids([[k, 1, 2] for k in range(n)], [[4.0, 2, 1.5]] * n, 0.0, frame="lidar")
    given = {} if keyframe_attributes is None else {"keyframe_attributes": keyframe_attributes}
    return bw.Track("car-9", category, [100 * k for k in range(n)], cuboids, attributes=attributes or {}, **given)


FOREIGN = {  # verb -> an edit of it that brings a word the taxonomy lacks
    "add_track": lambda edits, stored: edits.add_track(car("dragon")),
    "add_track, attribute": lambda edits, stored: edits.add_track(car(attributes={"wings": 2})),
    "add_track, value": lambda edits, stored: edits.add_track(car(attributes={"doors": "four"})),
    "add_track, keyframe": lambda edits, stored: edits.add_track(car(keyframe_attributes=[{"wings": 2}] * 3)),
    "add_track, not mutable": lambda edits, stored: edits.add_track(car(keyframe_attributes=[{"doors": 2}, {"doors": 3}, {"doors": 2}])),
    "set_track": lambda edits, stored: edits.set_track(stored, category="dragon"),
    "put_track": lambda edits, stored: edits.put_track(stored, car("dragon")),
    "put_track, keyframe": lambda edits, stored: edits.put_track(stored, car(keyframe_attributes=[{"wings": 2}] * 3)),
    "set_attributes": lambda edits, stored: edits.set_attributes(stored, {"wings": 2}),
    "set_attributes, keyframe": lambda edits, stored: edits.set_attributes(stored.keyframes[0], {"lights": "on"}),
    "add_keyframe": lambda edits, stored: edits.add_keyframe(stored, 50, cuboid(), attributes={"wings": 2}),
    "add_point_edit": lambda edits, stored: edits.add_point_edit(bw.PointEdit(0, "lidar", category="dragon", runs=np.array([[0, 3]]))),
    "set_point_labels": lambda edits, stored: edits.set_point_labels(0, "lidar", bw.PointLabels([1, 0], [7, 0], {1: "dragon"})),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_taxonomy_binds_every_verb_that_brings_words(filled, what):
    with_taxonomy(filled)
    edits = filled.edits("clip")
    FOREIGN[what](edits, filled.track("clip", "car-1"))
    before = filled.seq
    with pytest.raises((bw.UnknownName, bw.ArgumentError), match=r"dragon|wings|doors|lights"):
        edits.commit()
    assert filled.seq == before


def test_what_is_there_stays_as_it_is(filled):
    """A class and attributes from before the taxonomy: they move, are split and come back, but nothing is added to them that does not fit."""
    edits = filled.edits("clip")
    edits.set_track(filled.track("clip", "car-1"), category="dragon")
    edits.set_attributes(filled.track("clip", "car-1"), {"wings": 2})
    edits.set_attributes(filled.track("clip", "car-1").keyframes[0], {"fire": True})
    seq = edits.commit().seq
    with_taxonomy(filled)
    moved(filled, 5.0).commit()
    edits = filled.edits("clip")
    edits.split(filled.track("clip", "car-1"), 150, "car-2")
    edits.commit()
    edits = filled.edits("clip")
    edits.set_track(filled.track("clip", "car-2"), category="car")
    with pytest.raises(bw.ArgumentError, match="wings"):
        edits.commit()
    edits = filled.edits("clip")
    edits.set_attributes(filled.track("clip", "car-2"), {}, remove=["wings"])
    edits.set_attributes(filled.track("clip", "car-2").keyframes[0], {}, remove=["fire"])
    edits.set_track(filled.track("clip", "car-2"), category="car")
    edits.set_attributes(filled.track("clip", "car-2"), {"doors": 4})
    edits.commit()
    edits = filled.edits("clip")
    edits.set_attributes(filled.track("clip", "car-1"), {"doors": 4})
    with pytest.raises(bw.UnknownName, match=r"no class is called 'dragon'.*an admin adds classes"):
        edits.commit()
    filled.add_scene(clip().replace(name="imported"))
    edits = filled.edits("clip")
    edits.restore(filled.entity(filled.scene_id("clip")), seq)
    edits.commit()
    assert dict(filled.read("clip").track("car-1").attributes) == {"wings": 2}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"verb": "explode"}, "edit.verb: expected a verb of add_scene"),
        ({"verb": "delete_keyframe"}, "edit delete_keyframe: a part of the edit is missing: expected 'id'"),
        ({"verb": "delete_keyframe", "id": "x" * 8, "rev": 1, "also": 2}, "unknown part of an edit: got 'also'"),
        ({"verb": "delete_keyframe", "id": "x" * 8, "rev": 1}, "no such keyframe"),
        ({"verb": "undo", "seq": 99}, "no such transaction: expected one of 1 to 2, got 99"),
        ("edit", "edit.verb: expected a verb"),
    ],
)
def test_a_bad_edit_is_told(filled, edit, message):
    with pytest.raises(bw.BoxwrightError, match=message.replace("(", r"\(")):
        filled.commit([edit])
    assert filled.seq == 2


BAD_KEYFRAMES = [
    ({"center_m": [0, 0, 0], "size_m": [1, 1, -1], "yaw_rad": 0.0}, "positive"),
    ({"center_m": [0, 0, 1e9], "size_m": [1, 1, 1], "yaw_rad": 0.0}, "under 1e"),
    ({"center_m": [0, 0, float("nan")], "size_m": [1, 1, 1], "yaw_rad": 0.0}, "cannot be kept in JSON"),
    ({"center_m": [0, 0], "size_m": [1, 1, 1], "yaw_rad": 0.0}, "3 numbers"),
    ({"center_m": [0, 0, 0], "size_m": [1, 1, 1]}, "'yaw_rad' or 'quat_wxyz'"),
    ({"center_m": [0, 0, 0], "size_m": [1, 1, 1], "quat_wxyz": [1, 1, 0, 0]}, "unit"),
    ({"center_m": [0, 0, 0], "size_m": [1, 1, 1], "yaw_rad": 0.0, "colour": 1}, "unknown key"),
    ({"xyxy_px": [0, 0, 1, 1]}, "unknown key"),
]


@pytest.mark.parametrize(("shape", "message"), BAD_KEYFRAMES)
def test_a_cuboid_that_cannot_be(filled, shape, message):
    keyframe = filled.keyframe("clip", "car-1", 0)
    with pytest.raises(bw.ArgumentError, match=message):
        filled.commit([{"verb": "move_keyframe", "id": keyframe.id, "rev": keyframe.rev, "shape": shape}])
    assert filled.seq == 2 and bw.fsck(filled).damages == []


def test_the_last_keyframe_and_a_taken_time(filled):
    edits = filled.edits("clip")
    stored = filled.track("clip", "car-1")
    edits.set_keyframe(stored.keyframe(0), time_ns=100)
    with pytest.raises(bw.ConflictError, match="a keyframe at 100 ns is there already"):
        edits.commit()
    edits = filled.edits("clip")
    for keyframe in stored.keyframes:
        edits.delete_keyframe(keyframe)
    with pytest.raises(bw.ConflictError, match="a track would be without a keyframe: got 'car-1'; delete the track instead"):
        edits.commit()
    edits = filled.edits("clip")
    edits.set_track(stored, track_id="box-1")
    with pytest.raises(bw.ConflictError, match="'track:box-1' is there already"):
        edits.commit()


def test_two_keyframes_change_places(filled):
    edits = filled.edits("clip")
    stored = filled.track("clip", "car-1")
    edits.set_keyframe(stored.keyframe(0), time_ns=100)
    edits.set_keyframe(stored.keyframe(100), time_ns=0)
    edits.commit()
    assert (x_at(filled, 0), x_at(filled, 100)) == (3.0, 0.0) and bw.fsck(filled).damages == []


# ------------------------------------------------------------ conflicts


def test_a_stale_edit_is_refused_with_what_is_there(filled):
    late = moved(filled, 1.0, by="late")
    moved(filled, 2.0, by="first").commit()
    with pytest.raises(bw.ConflictError, match="the keyframe has changed since revision 1: got changed by first at 3") as caught:
        late.commit()
    (conflict,) = caught.value.conflicts
    assert (conflict["expected_rev"], conflict["rev"], conflict["account"], conflict["seq"]) == (1, 2, "first", 3)
    assert conflict["body"]["center_m"][0] == 2.0 and set(conflict["changed"]) >= {"center_m", "size_m"}
    assert x_at(filled) == 2.0 and filled.seq == 3


def test_edits_of_different_values_meet(filled):
    stored = filled.track("clip", "car-1")
    one, two, three = (filled.edits("clip", by=name) for name in ("a", "b", "c"))
    one.set_attributes(stored.keyframe(0), {"lit": True})
    two.set_attributes(stored.keyframe(0), {"doors": 4})
    three.set_attributes(stored.keyframe(0), {"doors": 5})
    moving = moved(filled, 4.0)
    for edits in (one, two, moving):
        edits.commit()
    with pytest.raises(bw.ConflictError) as caught:
        three.commit()
    assert "attributes/doors" in caught.value.conflicts[0]["changed"]
    track = filled.read("clip").track("car-1")
    assert dict(track.keyframe_attributes[0]) == {"lit": True, "doors": 4} and x_at(filled) == 4.0


def test_deleting_what_somebody_has_edited(filled):
    edits = filled.edits("clip")
    edits.delete_track(filled.track("clip", "car-1"))
    moved(filled, 3.0).commit()
    with pytest.raises(bw.ConflictError, match="what it stands on has changed"):
        edits.commit()
    edits = filled.edits("clip")
    edits.delete_track(filled.track("clip", "car-1"))
    late = moved(filled, 5.0)
    edits.commit()
    with pytest.raises(bw.ConflictError, match="the keyframe is deleted") as caught:
        late.commit()
    assert caught.value.conflicts[0]["body"] is None


# ------------------------------------------------------------ a request is done once


def test_a_repeated_request_is_done_once(filled):
    edits = moved(filled, 3.5)
    first, again = edits.commit(), edits.commit()
    assert again.is_repeat and not first.is_repeat and (again.seq, again.revisions) == (first.seq, first.revisions)
    other = moved(filled, 3.6, op_id=edits.op_id)
    with pytest.raises(bw.ArgumentError, match="another request had this op_id") as caught:
        other.commit()
    assert caught.value.code == "op-id-reused" and filled.seq == 3


def test_op_ids_are_looked_at(filled):
    with pytest.raises(bw.ArgumentError, match="an id of 8 to 64 letters"):
        filled.edits("clip", op_id="'; DROP TABLE txn")
    with pytest.raises(bw.ArgumentError, match="a name of up to 256 characters"):
        filled.edits("clip", by="\x1b[2J")


def test_duplicates_at_once(filled):
    """Every request is sent three times by three threads: as many effects as requests."""
    edits = [filled.edits("clip", by=f"w{k}") for k in range(10)]
    for k, one in enumerate(edits):
        one.add_tag(bw.Tag(f"tag {k}"))
    seqs, errors = [], []

    def send(part):
        try:
            seqs.extend(one.commit().seq for one in part)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(edits[k:] + edits[:k],)) for k in (0, 3, 6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == [] and sorted(set(seqs)) == list(range(3, 13)) and len(seqs) == 30
    assert len(filled.read("clip").tags) == 10


# ------------------------------------------------------------ history


def test_undo_redo_and_conflicts(filled):
    commit = moved(filled, 3.0).commit()
    back = filled.undo(commit.seq, by="ben", reason="no")
    assert x_at(filled) == 0.0 and (back.verb, back.undo_of) == ("undo", commit.seq)
    filled.undo(back.seq)
    assert x_at(filled) == 3.0
    moved(filled, 4.0, by="later").commit()
    with pytest.raises(bw.ConflictError, match=f"later edits stand on transaction {commit.seq}: got changed by later") as caught:
        filled.undo(commit.seq)
    assert len(caught.value.conflicts) == 1 and x_at(filled) == 4.0


def test_undo_of_a_new_track_others_have_gone_on_with(filled):
    edits = filled.edits("clip")
    edits.add_track(bw.Track("new", "car", [0], cuboid().as_cuboids()))
    made = edits.commit()
    edits = filled.edits("clip", by="ben")
    edits.add_keyframe(filled.track("clip", "new"), 100, cuboid(1))
    added = edits.commit()
    with pytest.raises(bw.ConflictError, match="has keyframes"):
        filled.undo(made.seq)
    filled.undo(added.seq)
    filled.undo(made.seq)
    same_scene(filled.read("clip"), clip())


def test_restore_to_a_revision(filled):
    for x in (1.0, 2.0, 3.0):
        moved(filled, x).commit()
    edits = filled.edits("clip")
    edits.add_keyframe(filled.track("clip", "car-1"), 900, cuboid(8))
    edits.set_track(filled.track("clip", "box-1"), category="van")
    edits.commit()
    edits = filled.edits("clip")
    edits.restore(filled.track("clip", "car-1"), 3)
    edits.commit()
    scene = filled.read("clip")
    assert x_at(filled) == 1.0 and len(scene.track("car-1")) == 3 and scene.image_track("box-1").category == "van"
    edits = filled.edits("clip")
    edits.restore(filled.entity(filled.scene_id("clip")), 2)
    edits.commit()
    same_scene(filled.read("clip"), clip())
    assert bw.fsck(filled).damages == []


def test_log_and_blame(filled):
    moved(filled, 3.0, by="ben").commit("further")
    edits = filled.edits("clip", by="eve")
    edits.set_attributes(filled.keyframe("clip", "car-1", 0), {"lit": True})
    edits.commit()
    edits = filled.edits("clip")
    edits.add_tag(bw.Tag("rain"))
    edits.commit()
    assert [one.verb for one in filled.log()] == ["add_tag", "set_attributes", "move_keyframe", "add_scene", "init"]
    assert [one.seq for one in filled.log("clip", track="car-1")] == [4, 3, 2]
    assert [one.seq for one in filled.log(most=2, before=4)] == [3, 2]
    blame = filled.blame(filled.keyframe("clip", "car-1", 0).id)
    assert (blame["shape"].account, blame["shape"].reason, blame["shape"].seq) == ("ben", "further", 3)
    assert (blame["attributes/lit"].account, blame["attributes/lit"].value) == ("eve", True)
    assert blame["timestamp_ns"].verb == "add_scene"
    assert [one.kind for one in filled.changes(3)] == ["keyframe"]


# ------------------------------------------------------------ what the database itself refuses

TXN = "request_sha256,account,at_ns,client_ns,verb,undo_of,reason,response"
HOSTILE = [
    "UPDATE txn SET account='x' WHERE seq=2",
    "DELETE FROM txn WHERE seq=2",
    "UPDATE change SET after='{}' WHERE seq=2 AND n=0",
    "DELETE FROM change WHERE seq=2",
    "DELETE FROM entity",
    "UPDATE entity SET body='{}' WHERE kind='keyframe'",
    "UPDATE entity SET rev=rev+1",
    "UPDATE entity SET name='track:z' , body=NULL WHERE kind='track'",
    "INSERT INTO entity SELECT 'made-up-1',kind,scene_id,parent_id,place,'track:q',at_ns,rev,seq,body FROM entity WHERE kind='track'",
    "INSERT INTO change SELECT seq,n+9999,kind,entity_id,scene_id,parent_id,place,rev+5,after FROM change WHERE seq=2 AND n=0",
    "INSERT INTO change SELECT 1,n+9999,kind,entity_id,scene_id,parent_id,place,rev+1,after FROM change WHERE seq=2 AND n=0",
    "INSERT INTO change SELECT seq,n+9999,kind,'new-thing-1',scene_id,parent_id,place,1,'NaN' FROM change WHERE seq=2 AND n=0",
    f"INSERT INTO txn SELECT seq+5,'op-id-new',{TXN},hash,request_sha256 FROM txn WHERE seq=2",
    f"INSERT INTO txn SELECT seq+1,'op-id-new',{TXN},prev_hash,request_sha256 FROM txn WHERE seq=2",
    f"INSERT INTO txn SELECT seq+1,op_id,{TXN},hash,request_sha256 FROM txn WHERE seq=2",
]


@pytest.mark.parametrize("statement", HOSTILE)
def test_the_database_refuses(filled, statement):
    before = filled.read("clip")
    with pytest.raises(sa.exc.DBAPIError), filled.database.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    same_scene(filled.read("clip"), before)
    assert bw.fsck(filled).damages == []


def test_the_names_of_columns_are_those_of_the_tables(filled):
    inspector = sa.inspect(filled.database.engine)
    for table in (schema.meta, schema.txn, schema.change, schema.entity, schema.blob):
        assert [column["name"] for column in inspector.get_columns(table.name)] == [column.name for column in table.columns]


@pytest.mark.parametrize("n", range(1, 60))
def test_a_failure_at_any_statement_leaves_nothing(tmp_path, n):
    """The Nth statement of a merge fails, for every N: whole or nothing."""
    with bw.create_project(tmp_path / "p") as project:
        project.add_scene(clip())
        edits = project.edits("clip")
        edits.split(project.track("clip", "car-1"), 150, "car-2")
        edits.commit()
        edits = project.edits("clip")
        edits.merge(project.track("clip", "car-2"), project.track("clip", "car-1"))
        count = 0

        def fail(connection, cursor, statement, parameters, context, many):
            nonlocal count
            count += 1
            if count == n:
                raise RuntimeError("as if the machine failed")

        sa.event.listen(project.database.engine, "before_cursor_execute", fail)
        try:
            edits.commit()
        except RuntimeError:
            sa.event.remove(project.database.engine, "before_cursor_execute", fail)
            assert project.seq == 3 and "car-2" in project.read("clip").track_index and bw.fsck(project).damages == []
            edits.commit()
        else:
            assert count < n
            sa.event.remove(project.database.engine, "before_cursor_execute", fail)
        assert "car-2" not in project.read("clip").track_index


def test_ids_are_in_the_order_of_time_and_differ():
    from boxwright.store.canonical import new_id

    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000 and all(uuid.UUID(one).version == 7 and uuid.UUID(one).variant == uuid.RFC_4122 for one in ids)
    assert [one[:8] for one in ids] == sorted(one[:8] for one in ids)


def test_labels_as_lines_are_the_labels(filled):
    """On both databases: as the entities say, with bodies as they are stored."""
    edits = filled.edits("clip")
    edits.set_attributes(filled.track("clip", "car-1"), {'a "name",{<&>': [1, 1.0, -0.0, 2**60, None, "\N{GREEK SMALL LETTER ALPHA}"]})
    edits.commit()
    scene_id, kinds = filled.scene_id("clip"), ["track", "keyframe", "tag", "relation"]
    (seq, entities), (also, lines) = snapshot(filled, scene_id, kinds), snapshot_lines(filled, scene_id, kinds)
    assert seq == also == filled.seq and lines.isascii()
    for line, one in zip(lines.splitlines(), entities, strict=True):
        kind, *head, at_ns, body = json.loads(line)
        assert [kind, *head] == [one.kind, one.id, one.parent_id, one.place, one.rev, one.seq]
        assert at_ns == (one.body["timestamp_ns"] if kind == "keyframe" else None) and repr(body) == repr(one.body)
