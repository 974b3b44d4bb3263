"""Anything may come as a request: it is done, or refused in one sentence, and then nothing has changed."""

from __future__ import annotations

import copy

import pytest

import boxwright as bw
from boxwright.formats.boxwright_writer import scene_mapping
from boxwright.store.accounts import ACCOUNT_VERBS
from boxwright.store.finding_verbs import FINDING_KEYS, FINDING_VERBS
from boxwright.store.judging_verbs import JUDGING_VERBS
from boxwright.store.member_verbs import MEMBER_VERBS
from boxwright.store.settings import SETTING_VERBS
from boxwright.store.task_verbs import MOVE_VERBS, TASK_VERBS
from boxwright.store.verbs import VERBS
from stores import clip

WORK_VERBS = {**MEMBER_VERBS, **SETTING_VERBS, **TASK_VERBS, **JUDGING_VERBS, **FINDING_VERBS}
NEVER_UNDONE = {*ACCOUNT_VERBS, *WORK_VERBS} - {"add_layer"}

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
    assert {edit["verb"] for edit in good} == set(VERBS) - set(WORK_VERBS)
    return good


def good_edit(project, verb):
    if verb in WORK_VERBS:
        return {"verb": verb, **work_request(project, verb)}
    return next(edit for edit in requests(project) if edit["verb"] == verb)


def work_request(project, verb):
    """A good edit of a verb of work, with a task of its own that is as far as it must be."""
    work, scene, n = bw.Work(project), project.scene_id("clip"), project.seq
    if not work.members():
        work.set_member("boss", ["admin"])
        work.set_member("anyone", ["annotator", "reviewer"])
    if verb in MEMBER_VERBS:
        made = {"account": f"a{n}", "roles": ["machine"], "scopes": ["export"]}
        return made if verb == "set_member" else {"account": "a", "rev": work.set_member("a", ["viewer"]).rev}
    if verb == "set_work":
        work.hide_gold("clip")
        kept, task = project.find("", "work"), {"id": "q", "name": "first", "scene": scene, "gold": scene, "from_frame": 0, "to_frame": 1}
        wanted = {"lease_s": 60, "annotators_read_all": True, "qualifications": [{**task, "least_f1": 0.5, "labels": "none"}]}
        return {"set": wanted, **({} if kept is None else {"rev": kept.rev})}
    if verb == "set_guideline":
        kept, example = project.find("", "guideline"), {"scene": "clip", "frame_index": 1, "note": "so"}
        return {"text": "x", "entries": {"car": {"text": "y", "examples": [example]}}, **({} if kept is None else {"rev": kept.rev})}
    if verb in FINDING_VERBS:
        said = dict.fromkeys(FINDING_KEYS, 0) | {"finding_id": f"f{n}", "rule": "r", "severity": "error", "message": "m", "unit": "m", "sensor": None}
        said |= {"track_ids": ["car-1"], "categories": ["car"], "label_digest": "0"}
        kept = {"scene": scene, "at_seq": project.seq, "rules": ["r"], "findings": [said]}
        if verb == "keep_findings":
            return kept
        project.commit([{"verb": "keep_findings", **kept}])
        return {"id": next(one.entity_id for one in work.findings("clip", status="open")), "rev": 1, "reason": "so"}
    if verb == "set_gold":
        return {"scene": scene}
    layer = {"scene": scene, "id": f"layer-{n:05d}", "name": f"layer {n}", "labels": "none"}
    if verb == "add_layer":
        return layer
    work.hide_gold("clip")
    task = {"scene": layer["id"], "id": f"task-{n:05d}", "from_frame": 1, "to_frame": 5, "name": "t", "purpose": "gold", "gold": scene, "group": None}
    task |= {"sensors": ["lidar"], "classes": ["car"], "is_layer": True, "instructions": "i", "priority": 1, "place": 3}
    project.commit([{"verb": "add_layer", **layer}, *([] if verb == "add_task" else [{"verb": "add_task", **task}])])
    if verb == "add_task":
        return task
    return {"id": task["id"], "rev": 1} if verb == "delete_task" else moved_so_far(project, work, task["id"], verb)


def moved_so_far(project, work, task, verb):
    review = ("begin_review", "renew_review", "leave_review", "accept_task", "reject_task", "reopen_task")
    before = {"take_task": (), "assign_task": (), "withdraw_task": ("take", "submit"), "add_grade": ("take", "submit")}
    ways = {"begin_review": ("take", "submit"), "reopen_task": ("take", "submit", "begin_review", "accept")}
    way = before.get(verb, ways.get(verb, ("take", "submit", "begin_review") if verb in review else ("take",)))
    for move in way:
        by = "anyone" if (move in ("take", "submit")) != (verb in review) or (move == "begin_review" and verb != "reopen_task") else "somebody"
        getattr(work, move)(task, by="third" if verb == "reopen_task" and move in ("begin_review", "accept") else by)
    if verb == "add_grade":
        return {"task": task, "grade": {"at_seq": work.task(task).submitted_seq, "f1": 0.5, "n_objects": 3, "n_errors": 1, "is_passed": True}}
    said = {"id": task, "account": "anyone"} if verb == "assign_task" else {"id": task}
    said |= {"reason": "so"} if verb in ("accept_task", "reject_task", "reopen_task") else {}
    return said | ({"at_seq": project.seq, "label_digest": "0"} if verb in ("accept_task", "reject_task") else {})


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


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"relocate"}))
def test_a_good_edit_of_every_verb_is_done(filled, verb):
    assert outcome(filled, good_edit(filled, verb)) == "done"
    if verb not in NEVER_UNDONE:
        filled.undo(filled.seq)
    assert bw.fsck(filled).damages == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_junk_in_any_place_is_refused_or_done(filled, verb):
    edit = good_edit(filled, verb)
    counts = {"done": 0, "refused": 0}
    paths = [path for path in places(edit) if path and path != ("verb",)]
    for k, path in enumerate(paths if len(paths) <= 60 else paths[:40] + paths[40 :: len(paths) // 30]):
        for junk in JUNK if len(path) < 3 and verb not in MOVE_VERBS else JUNK[k % 3 :: 3]:
            result = outcome(filled, with_junk(edit, path, junk))
            counts[result] += 1
            if result == "done":
                if verb not in NEVER_UNDONE:
                    filled.undo(filled.seq)
                edit = good_edit(filled, verb)  # revisions have gone on
    for scene in filled.scenes():
        filled.read(scene.name)
    assert counts["refused"] > (3 if verb in MOVE_VERBS else 10) and bw.fsck(filled).damages == []


@pytest.mark.parametrize("edits", [None, {}, [], "x", [None], [[]], [{"verb": []}], [{"verb": "undo", "seq": 1}, {"verb": "undo", "seq": 2}]])
def test_what_is_no_request(filled, edits):
    before = filled.seq
    with pytest.raises(bw.BoxwrightError):
        filled.commit(edits)
    assert filled.seq == before
