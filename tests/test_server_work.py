"""Work as people have it over the network: what an annotator is told of gold, qualifications with every error, verdicts that cite a guideline."""

from __future__ import annotations

import contextlib
import json

import pytest

import boxwright as bw
from boxwright.scene import NoData
from serving import change, is_error, key, served

SHAPE = {"center_m": [12.0, 2, 0.8], "size_m": [4.2, 1.8, 1.6], "yaw_rad": 0.1}


@pytest.fixture
def server(tmp_path):
    with served(tmp_path) as made:
        yield made


def sent(http, path, body=None, status=200):
    answer = http.post(path, json=body, headers=key())
    assert answer.status_code == status, answer.text
    return answer.json()


def with_answers(server):
    """A scene of the same recording with one more car, whose labels are right."""
    scene = server.project.read("monday")
    more = scene.tracks[0].replace(track_id="car-2", cuboids=bw.Cuboids([[20.0, -5, 0.8]] * 2, [[4.2, 1.8, 1.6]] * 2, 0.1, frame="world"))
    server.project.add_scene(scene.replace(name="answers", tracks=[*scene.tracks, more], image_tracks=[], data=NoData()))


def test_an_annotator_cannot_tell_gold(server):
    """Whatever he asks for, before and after he has taken it: the answers of the two kinds of tasks differ in names, ids and numbers alone."""
    with_answers(server)
    ada, anna = server.http("ada"), server.http("anna")
    plain = sent(ada, f"/scenes/{server.scene_id}/tasks", {"on_layers": True, "labels": "none"})["tasks"]
    (gold,) = sent(ada, f"/scenes/{server.scene_id}/gold", {"gold": "answers"})["tasks"]
    assert gold["purpose"] == "gold" and gold["gold"] == "answers"
    before = anna.get("/tasks").json()["tasks"]
    assert {one["task_id"] for one in before} == {plain[0]["task_id"], gold["task_id"]}
    taken = [sent(anna, "/tasks/next")["task"] for _ in range(2)]
    assert {one["task_id"] for one in taken} == {one["task_id"] for one in before} and sent(anna, "/tasks/next")["task"] is None
    seen = {one["task_id"]: everything(anna, one) for one in taken}
    one, other = (shape_of(seen[task["task_id"]]) for task in (plain[0], gold))
    assert one == other
    text = json.dumps([before, taken, list(seen.values())]).lower().replace('"gold": null', "")  # of every task
    assert not any(word in text for word in ("gold", "answers", "car-2", "qualif", "honeypot"))
    names = [row["name"] for row in anna.get("/scenes").json()["scenes"]]
    assert sorted(names) == sorted(task["scene"] for task in taken)
    is_error(anna.get("/quality"), 403)
    is_error(anna.get(f"/tasks/{gold['task_id']}/feedback"), 403)
    is_error(anna.get(f"/scenes/{server.project.scene_id('answers')}"), 404)
    is_error(anna.get("/log"), 403)
    own = next(row["scene_id"] for row in anna.get("/scenes").json()["scenes"])
    is_error(anna.get(f"/scenes/{own}/frames/0/comparison", params={"other": server.project.scene_id("answers")}), 404)


def everything(http, task):
    """All that is told of a task and its scene."""
    scene_id = next(row["scene_id"] for row in http.get("/scenes").json()["scenes"] if row["name"] == task["scene"])
    log = http.get(f"/scenes/{scene_id}/log").json()
    paths = [f"/tasks/{task['task_id']}", f"/tasks/{task['task_id']}/verdicts", f"/scenes/{scene_id}", f"/scenes/{scene_id}/entities"]
    paths += [f"/scenes/{scene_id}/findings", f"/entities/{scene_id}/blame", f"/scenes/{scene_id}/frames/0/cuboids?frame=world"]
    paths += [f"/scenes/{scene_id}/timeline", f"/scenes/{scene_id}/frames/0?frame=world", f"/scenes/{scene_id}/frames/1/trails?frame=world"]
    paths += [f"/changes/{row['seq']}" for row in log["transactions"]]
    told = {f"{k}": http.get(path).json() for k, path in enumerate(paths)}
    return {**told, "log": log}


def shape_of(value, key=None):
    """Without ids, names, numbers of transactions and times, which differ between any two tasks."""
    own = {"task_id", "name", "scene", "scene_id", "id", "parent_id", "seq", "last_seq", "op_id", "at_ns", "hash", "place", "lease_until_ns"}
    if isinstance(value, dict):
        return {name: shape_of(one, name) for name, one in value.items() if name not in own}
    return [shape_of(one) for one in value] if isinstance(value, list) else value


def test_a_qualification_with_every_error(server):
    with_answers(server)
    ada, anna = server.http("ada"), server.http("anna")
    sent(ada, f"/scenes/{server.scene_id}/tasks", {"on_layers": True, "labels": "none"})
    sent(ada, f"/scenes/{server.scene_id}/qualifications", {"gold": "answers", "least_f1": 0.95})
    assert is_error(anna.post("/tasks/next", headers=key()), 403)["code"] == "qualification"
    task = sent(anna, "/qualifications/next")["task"]
    assert sent(anna, "/qualifications/next")["task"]["task_id"] == task["task_id"] and task["purpose"] == "qualification"
    is_error(anna.get(f"/tasks/{task['task_id']}/feedback"), 403)
    with bw.connect(server.server.url, server.tokens["anna"]) as remote:
        edits = remote.edits(task["scene"])
        edits.add_track(server.project.read("answers").tracks[0])
        edits.commit()
    sent(anna, f"/tasks/{task['task_id']}/submit", {})
    errors = anna.get(f"/tasks/{task['task_id']}/feedback").json()["errors"]
    assert {one["kind"] for one in errors} == {"missing"} and {one["gold_track_id"] for one in errors} == {"person-1", "car-2"}
    is_error(anna.post("/tasks/next", headers=key()), 403)
    again = sent(anna, "/qualifications/next")["task"]
    assert again["task_id"] != task["task_id"]
    with bw.connect(server.server.url, server.tokens["anna"]) as remote:
        edits = remote.edits(again["scene"])
        for track in server.project.read("answers").tracks:
            edits.add_track(track)
        edits.commit()
    sent(anna, f"/tasks/{again['task_id']}/submit", {})
    assert anna.get(f"/tasks/{again['task_id']}/feedback").json()["errors"] == []
    assert sent(anna, "/qualifications/next")["task"] is None
    assert sent(anna, "/tasks/next")["task"]["purpose"] == "work"
    told = server.http("ben").get("/quality")
    assert told.status_code == 200, told.text
    (quality,) = told.json()["annotators"]
    assert quality["annotator"] == "anna" and quality["rank"] is None and 0 < quality["quality"]["f1"]["value"] < 1


def test_a_verdict_cites_the_guideline(server):
    ada, anna, ben = (server.http(name) for name in ("ada", "anna", "ben"))
    answer = ada.put("/guideline", json={"text": "be exact", "entries": {"car": {"text": "no mirrors"}}}, headers=change(0))
    assert answer.status_code == 200
    (made,) = sent(ada, f"/scenes/{server.scene_id}/tasks", {})["tasks"]
    task = sent(anna, f"/tasks/{made['task_id']}/take", {})["task"]
    keyframe = server.project.track("monday", "car-1").keyframes[0]
    moved = anna.patch(f"/entities/{keyframe.id}", json={"verb": "move_keyframe", "shape": SHAPE}, headers=change(keyframe.rev))
    assert moved.status_code == 200
    sent(anna, f"/tasks/{task['task_id']}/submit", {})
    is_error(anna.post(f"/tasks/{task['task_id']}/begin-review", json={}, headers=key()), 403)
    sent(ben, f"/tasks/{task['task_id']}/begin-review", {})
    seq = ben.get("/project").json()["seq"]
    cited = {"reason": "its mirrors are in it", "at_seq": seq, "guideline": {"version": 1, "entry": "car"}}
    assert sent(ben, f"/tasks/{task['task_id']}/reject", cited)["task"]["state"] == "rejected"
    (verdict,) = anna.get(f"/tasks/{task['task_id']}/verdicts").json()["verdicts"]
    assert verdict["guideline"] == [1, "car"] and verdict["reason"] == cited["reason"] and not verdict["is_stale"]
    (effort,) = anna.get("/effort").json()["effort"]
    assert effort["account"] == "anna" and effort["n_edits"] == 1


@pytest.fixture
def far(server):
    """bw.RemoteWork of some accounts."""
    with contextlib.ExitStack() as stack:
        names = ("ada", "anna", "ben")
        yield {name: bw.RemoteWork(stack.enter_context(bw.connect(server.server.url, server.tokens[name]))) for name in names}


def test_the_same_verbs_from_far_away(server, far):
    """From tasks to a verdict, as `bw.Work` has it on the project's own machine; what each gives is equal."""
    with_answers(server)
    near = {name: bw.Work(server.project.acting_as(name)) for name in far}
    ada, anna, ben = far.values()
    server.project.accounts.add("zoe")
    assert ada.set_member("zoe", ["viewer"]).roles == ("viewer",) and ada.set_member("zoe", ["viewer", "annotator"]).rev == 2
    assert ada.members() == near["ada"].members() and [one.account for one in anna.members()] == ["anna"]
    ada.remove_member("zoe")
    assert "zoe" not in [one.account for one in ada.members()]
    with pytest.raises(bw.AccessDenied):
        anna.set_member("anna", ["admin"])
    made = ada.add_tasks("monday", [(0, 1), (2, 2)], on_layers=True, labels="keep", instructions="look twice", priority=2)
    assert ada.tasks() == near["ada"].tasks() == made and made[0].instructions == "look twice"
    (gold,) = ada.add_gold("monday", "answers", (0, 1), priority=1)
    ada.add_qualification("monday", "answers", (0, 2), least_f1=0.5)
    assert ada.guideline() is None
    assert ada.set_guideline("be exact", {"car": {"text": "no mirrors"}}) == near["ada"].guideline() == anna.guideline(1)
    with pytest.raises(bw.AccessDenied, match="1 qualification not passed yet"):
        anna.take()
    trial = anna.qualify(op_id="0190-qualify")
    assert trial == near["anna"].task(trial.task_id) and trial.purpose == "qualification"
    fill(anna, trial, server.project.read("answers").tracks[:2])
    assert anna.submit(trial).state == "submitted"
    assert anna.feedback(trial)["n_errors"]["missing"] == 3 and anna.qualify() is None
    one, other = anna.take(op_id="take-it-once"), anna.take(op_id="take-it-once")
    assert one.task_id == other.task_id == made[0].task_id
    assert anna.renew(one).lease_until_ns > one.lease_until_ns and anna.release(one).state == "open"
    one = anna.take(made[0])
    edits = anna.project.edits(one.scene)
    edits.set_attributes(anna.project.track(one.scene, "person-1"), {"seen": True})
    edits.commit()
    anna.withdraw(anna.submit(one))
    anna.submit(one)
    with pytest.raises(bw.AccessDenied):
        anna.begin_review(one)
    ben.leave_review(ben.begin_review(one))
    ben.renew_review(ben.begin_review(one))
    assert ben.reject(one, "look again", guideline=(1, "car")).state == "rejected"
    assert ben.verdicts(one) == near["ben"].verdicts(one) and anna.verdicts(one)[0].guideline == (1, "car")
    anna.submit(one)
    ben.begin_review(one)
    assert ben.accept(one).state == "accepted" and ben.reopen(one, "once more").state == "in_review"
    ada.unassign(ada.assign(made[1], "anna"))
    assert anna.take(gold).purpose == "work"
    anna.submit(gold)
    assert [row["annotator"] for row in ben.quality()] == ["anna"] and ben.effort() == near["ben"].effort()
    assert [one.account for one in anna.effort()] == ["anna"]
    assert ada.task(made[1].task_id).state == "open" and [one.task_id for one in ada.tasks(state="open")] == [made[1].task_id]
    assert {task.task_id for task in anna.tasks(mine=True)} == {trial.task_id, made[0].task_id, gold.task_id}


def fill(work, task, tracks):
    edits = work.project.edits(task.scene)
    for track in tracks:
        edits.add_track(track)
    edits.commit()


def test_findings_from_far_away(server, far):
    ben = far["ben"]
    scene = server.project.read("monday")
    tall = scene.tracks[0].replace(cuboids=bw.Cuboids([[12.0, 2, 4.5]] * 2, [[4.2, 1.8, 9.0]] * 2, 0.1, frame="world"))
    found = bw.check(scene.replace(tracks=[tall], image_tracks=[]), rules=["labels"])
    bw.Work(server.project).keep_findings("monday", list(found)[:1], at_seq=server.project.seq, rules=[found[0].rule])
    (kept,) = ben.findings("monday")
    assert kept.status == "open" and kept.rule == found[0].rule
    ben.waive(kept, "it is a crane")
    (waived,) = ben.findings("monday", status="waived")
    assert (waived.reason, waived.waived_by) == ("it is a crane", "ben") and ben.findings("monday", status="open") == []
    with pytest.raises(bw.ConflictError):
        ben.waive(kept, "again")


def test_gold_that_can_be_told_is_warned_of(server, far):
    with_answers(server)
    far["ada"].add_tasks("monday", [(0, 0)])
    with pytest.warns(bw.GoldCanBeTold, match="1 open task on the shared scene"):
        far["ada"].add_gold("monday", "answers")
