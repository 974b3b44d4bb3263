"""Anything may come as a request: it is done, or refused in one sentence, and then nothing has changed."""

from __future__ import annotations

import copy

import pytest

import boxwright as bw
from boxwright.formats.boxwright_writer import scene_mapping
from boxwright.store.accounts import ACCOUNT_VERBS
from boxwright.store.verbs import VERBS
from stores import clip

JUNK = [None, True, 0, -1, 2**70, 0.5, "", "x", "x" * 70, "\0\ud800", [], [[]], ["x"], {}, {"x": {"y": []}}, {"timestamp_ns": 5}]


@pytest.fixture
def filled(tmp_path):
    with bw.create_project(tmp_path / "p") as project:
        project.add_scene(clip())
        edits = project.edits("clip")
        edits.add_tag(bw.Tag("rain"))
        edits.add_point_edit(bw.PointEdit.of_points(2, [1, 2, 3], category="car"))
        edits.set_taxonomy(bw.Taxonomy.default())
        edits.set_point_labels(3, "lidar", bw.PointLabels([1], [7], {1: "car"}))
        edits.add_track(clip(2, "car-9").tracks[0].replace(track_id="car-9", times_ns=[500, 600]))
        edits.commit()
        project.accounts.add("anna")
        project.accounts.make_token("anna")
        yield project


def requests(project):
    """One good edit of every verb."""
    scene = project.scene_id("clip")
    car, box, other = (project.track("clip", name) for name in ("car-1", "box-1", "car-9"))
    tag, relation, point_edit = (project.entities("clip", kind)[0] for kind in ("tag", "relation", "point_edit"))
    keyframe, seen = car.keyframes[0], project.seq
    labels = project.entities("clip", "point_labels")[0]
    top = scene_mapping(clip().replace(name="another"))
    row = {"center_m": [0.0, 1, 2], "size_m": [1.0, 1, 1], "yaw_rad": 0.5}
    source = {"path": "/nowhere", "scene": "s", "format": "boxwright", "strict": True}
    files = [{"what": "sweeps", "sensor": "lidar", "files": [[0, "a.pcd", 5, "ab"]]}]
    taxonomy = project.find("", "taxonomy")
    edits = project.edits("clip")
    edits.put_track(car, car.track.take([0, 1]))
    edits.add_track(clip(2, "car-7").tracks[0])
    put, add = edits.edits
    anna, (kept, *_) = project.accounts.find("anna"), project.accounts.tokens("anna")
    token = {"account_id": anna.account_id, "scope": ["all"], "expires_ns": None}
    good = [
        {"verb": "add_scene", "id": "scene-00001", "scene": top, "path": "/x", "source": source, "files": files, "point_labels": []},
        {"verb": "rename_scene", "id": scene, "rev": 1, "name": "other"},
        {"verb": "delete_scene", "id": scene, "seen": seen},
        {"verb": "set_taxonomy", "taxonomy": dict(taxonomy.body), "rev": taxonomy.rev},
        {"verb": "set_point_labels", "scene": scene, "frame_index": 3, "sensor": "lidar", "sha256": labels.body["sha256"], "rev": labels.rev},
        {"verb": "add_tag", "scene": scene, "id": "a-new-tag", "tag": {"name": "t", "span_ns": [0, 5], "camera": "front"}},
        {"verb": "add_relation", "scene": scene, "id": "a-new-one", "relation": dict(relation.body)},
        {"verb": "add_point_edit", "scene": scene, "id": "a-new-edit", "point_edit": dict(point_edit.body)},
        {"verb": "change_tag", "id": tag.id, "rev": tag.rev, "tag": {"name": "u"}},
        {"verb": "change_relation", "id": relation.id, "rev": relation.rev, "relation": dict(relation.body)},
        {"verb": "change_point_edit", "id": point_edit.id, "rev": point_edit.rev, "point_edit": dict(point_edit.body)},
        {"verb": "delete_tag", "id": tag.id, "rev": tag.rev},
        {"verb": "delete_relation", "id": relation.id, "rev": relation.rev},
        {"verb": "delete_point_edit", "id": point_edit.id, "rev": point_edit.rev},
        add,
        put,
        {"verb": "set_track", "id": car.entity.id, "rev": car.entity.rev, "set": {"category": "van", "method": "linear", "track_id": "z"}},
        {"verb": "set_attributes", "id": keyframe.id, "kind": "keyframe", "rev": keyframe.rev, "set": {}, "remove": ["x"]},
        {"verb": "delete_track", "id": box.entity.id, "rev": box.entity.rev, "seen": seen},
        {"verb": "merge", "id": other.entity.id, "rev": 1, "into": car.entity.id, "into_rev": 1, "seen": seen, "prefer": "into"},
        {"verb": "split", "id": car.entity.id, "rev": 1, "seen": seen, "timestamp_ns": 150, "new_id": "split-0001", "track_id": "w"},
        {"verb": "add_keyframe", "track": car.entity.id, "id": "keyframe-1", "keyframe": {"timestamp_ns": 800, **row}},
        {"verb": "move_keyframe", "id": keyframe.id, "rev": keyframe.rev, "shape": row, "origin": "fit"},
        {"verb": "set_keyframe", "id": keyframe.id, "rev": keyframe.rev, "set": {"timestamp_ns": 50, "visibility": "occluded", "origin": "fit"}},
        {"verb": "delete_keyframe", "id": keyframe.id, "rev": keyframe.rev},
        {"verb": "undo", "seq": 2},
        {"verb": "restore", "id": car.entity.id, "to": 2, "seen": seen},
        {"verb": "relocate", "scene": scene, "rev": 1, "path": "/x"},
        {"verb": "add_account", "id": "account-01", "account": {"name": f"a{seen}", "kind": "human"}},
        {"verb": "set_account", "id": anna.account_id, "rev": anna.rev, "set": {"is_disabled": True}},
        {"verb": "add_token", "id": f"token-{seen:04d}", "token": {**token, "secret_sha256": f"{seen:064x}"}},
        {"verb": "revoke_token", "id": kept.token_id, "rev": kept.rev, "revoked_ns": 1},
    ]
    assert {edit["verb"] for edit in good} == set(VERBS)
    return good


def places(value, here=()):
    """Paths to everything inside a value, itself first."""
    yield here
    for key, item in value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ():
        yield from places(item, (*here, key))


def with_junk(edit, path, junk):
    changed = copy.deepcopy(edit)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = copy.deepcopy(junk)
    return changed


def outcome(project, edit):
    before = project.seq
    try:
        commit = project.commit([edit], by="anyone")
    except bw.BoxwrightError as error:
        assert "\n" not in str(error) and project.seq == before
        return "refused"
    assert commit.seq == before + 1
    return "done"


def take_back(project, seq):
    while project.seq > seq:
        project.undo(project.seq)
        seq += 2  # the edit, and its undo
        if project.seq >= seq:
            return


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"relocate"}))
def test_a_good_edit_of_every_verb_is_done(filled, verb):
    (edit,) = [edit for edit in requests(filled) if edit["verb"] == verb]
    assert outcome(filled, edit) == "done"
    if verb not in ACCOUNT_VERBS:  # which are never undone
        filled.undo(filled.seq)
    assert bw.fsck(filled).damages == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_junk_in_any_place_is_refused_or_done(filled, verb):
    (edit,) = [edit for edit in requests(filled) if edit["verb"] == verb]
    counts = {"done": 0, "refused": 0}
    paths = [path for path in places(edit) if path and path != ("verb",)]
    for k, path in enumerate(paths if len(paths) <= 60 else paths[:40] + paths[40 :: len(paths) // 30]):
        for junk in JUNK if len(path) < 3 else JUNK[k % 3 :: 3]:
            result = outcome(filled, with_junk(edit, path, junk))
            counts[result] += 1
            if result == "done":
                if verb not in ACCOUNT_VERBS:
                    filled.undo(filled.seq)
                (edit,) = [one for one in requests(filled) if one["verb"] == verb]  # revisions have gone on
    for scene in filled.scenes():
        filled.read(scene.name)
    assert counts["refused"] > 10 and bw.fsck(filled).damages == []


@pytest.mark.parametrize("edits", [None, {}, [], "x", [None], [[]], [{"verb": []}], [{"verb": "undo", "seq": 1}, {"verb": "undo", "seq": 2}]])
def test_what_is_no_request(filled, edits):
    before = filled.seq
    with pytest.raises(bw.BoxwrightError):
        filled.commit(edits)
    assert filled.seq == before
