"""Tasks from open to accepted: who gets them, who may change what, what a verdict holds for."""

from __future__ import annotations

import dataclasses
import inspect
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import boxwright as bw
from boxwright.store.task_states import TRANSITIONS, State
from stores import clip, cuboid

PEOPLE = {"boss": ["admin"], "ann": ["annotator"], "ben": ["annotator"], "rev": ["reviewer"], "both": ["annotator", "reviewer"], "vic": ["viewer"]}


@pytest.fixture
def staffed(project):
    project.add_scene(clip(), by="host")
    work = bw.Work(project)
    for account, roles in PEOPLE.items():
        work.set_member(account, roles)
    return project


def as_(project, account):
    return bw.Work(project.acting_as(account))


def moved(project, x, time_ns=0, scene="clip"):
    edits = project.edits(scene)
    edits.move_keyframe(project.track(scene, "car-1"), time_ns, cuboid(x))
    return edits.commit()


def accepted(project, task, by="ann", reviewer="rev"):
    as_(project, by).take(task)
    as_(project, by).submit(task)
    as_(project, reviewer).begin_review(task)
    return as_(project, reviewer).accept(task)


def test_the_example_of_the_page(tmp_path, monkeypatch):
    """docs/work.md begins with it."""
    text = (Path(__file__).parent.parent / "docs" / "work.md").read_text()
    example = text.split("```python\n")[1].split("```")[0]
    with bw.create_project(tmp_path / "street") as made:
        made.add_scene(clip().replace(name="0012"))
    monkeypatch.chdir(tmp_path)
    names = {"time_ns": 100, "cuboid": cuboid(5.0)}
    exec(example, names)
    with names["project"] as project:
        (task,) = bw.Work(project).tasks()
        (verdict,) = bw.Work(project).verdicts(task)
        assert (task.state, verdict.guideline, verdict.is_stale) == (State.REJECTED, (1, "car"), False)


# ------------------------------------------------------------ the way of a task


def test_from_open_to_accepted(staffed):
    (task,) = as_(staffed, "boss").add_tasks("clip")
    assert (task.state, task.assignee, task.from_frame, task.to_frame) == (State.OPEN, None, 0, 9)
    ann, rev = as_(staffed, "ann"), as_(staffed, "rev")
    assert [one.task_id for one in ann.tasks()] == [task.task_id] and ann.project.scenes() == []
    taken = ann.take()
    assert (taken.task_id, taken.state, taken.assignee) == (task.task_id, State.ANNOTATING, "ann")
    assert taken.lease_until_ns > time.time_ns() + 800 * 10**9
    assert [one.name for one in ann.project.scenes()] == ["clip"]
    moved(ann.project, 5.0)
    assert ann.submit(taken).state is State.SUBMITTED
    with pytest.raises(bw.AccessDenied, match="only in own tasks"):
        moved(ann.project, 6.0)
    rev.begin_review(task)
    moved(rev.project, 7.0)
    assert rev.reject(task, "the wheel is outside").state is State.REJECTED
    (verdict,) = ann.verdicts(task)
    assert (verdict.decision, verdict.reason, verdict.reviewer, verdict.n_reviewer_edits) == ("rejected", "the wheel is outside", "rev", 1)
    assert not verdict.is_stale
    moved(ann.project, 8.0)
    assert ann.verdicts(task)[0].is_stale
    ann.submit(task)
    rev.begin_review(task)
    done = rev.accept(task)
    assert done.state is State.ACCEPTED
    assert [(one.decision, one.is_stale) for one in rev.verdicts(task)] == [("rejected", True), ("accepted", False)]
    assert bw.fsck(staffed).damages == []


def test_nothing_is_written_after_acceptance(staffed):
    first, second = as_(staffed, "boss").add_tasks("clip", [(0, 1), (2, 9)])
    accepted(staffed, first)
    before = staffed.seq
    for who in (staffed.acting_as("ann"), staffed.acting_as("rev"), staffed):  # the project's own machine, too
        with pytest.raises(bw.ConflictError, match="belongs to a task that is accepted") as caught:
            moved(who, 9.0)
        assert caught.value.code == "locked"
    edits = staffed.edits("clip")
    edits.delete_track(staffed.track("clip", "car-1"))
    with pytest.raises(bw.ConflictError, match="accepted"):
        edits.commit()
    edits = staffed.edits("clip")
    edits.set_track(staffed.track("clip", "car-1"), category="truck")
    with pytest.raises(bw.ConflictError, match="accepted"):
        edits.commit()
    edits = staffed.edits("clip")
    edits.set_keyframe(staffed.keyframe("clip", "car-1", 200), time_ns=150)  # into it
    with pytest.raises(bw.ConflictError, match="accepted"):
        edits.commit()
    with pytest.raises(bw.ConflictError, match="accepted"):
        staffed.undo(2)
    assert staffed.seq == before
    as_(staffed, "ben").take(second)
    moved(staffed.acting_as("ben"), 9.0, 200)
    assert [one.is_stale for one in as_(staffed, "rev").verdicts(first)] == [True]  # the labels between the keyframes hang on the next one
    as_(staffed, "rev").reopen(first, "look again")
    moved(staffed.acting_as("rev"), 4.0)
    assert [one.decision for one in as_(staffed, "rev").verdicts(first)] == ["accepted", "reopened"]


def test_the_database_locks_too(staffed, monkeypatch):
    """As it would be with a program that does not look."""
    first, _ = as_(staffed, "boss").add_tasks("clip", [(0, 1), (2, 9)])
    accepted(staffed, first)
    monkeypatch.setattr("boxwright.store.project.check_places", lambda tx, actions: None)
    before = staffed.seq
    for kind in ("move", "delete", "into", "track", "add"):
        edits, track = staffed.edits("clip"), staffed.track("clip", "car-1")
        if kind == "move":
            edits.move_keyframe(track, 0, cuboid(9.0))
        elif kind == "delete":
            edits.delete_keyframe(track.keyframe(0))
        elif kind == "into":
            edits.set_keyframe(track.keyframe(200), time_ns=150)
        elif kind == "track":
            edits.set_track(track, category="truck")
        else:
            edits.add_keyframe(track, 50, cuboid(3.0))
        with pytest.raises(bw.ConflictError, match="labels of an accepted task are locked"):
            edits.commit()
    edits = staffed.edits("clip")
    edits.set_point_labels(1, "lidar", bw.PointLabels([1, 0], [7, 0], {1: "car"}))
    with pytest.raises(bw.ConflictError, match="labels of an accepted task are locked"):
        edits.commit()
    assert staffed.seq == before
    edits = staffed.edits("clip")
    edits.set_keyframe(staffed.keyframe("clip", "car-1", 200), time_ns=250)
    edits.set_point_labels(2, "lidar", bw.PointLabels([1, 0], [7, 0], {1: "car"}))
    assert edits.commit().seq == before + 1
    assert bw.fsck(staffed).damages == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"state": "accepted"}, "a task does not move so"),
        ({"state": "open"}, None),
    ],
)
def test_the_database_knows_the_moves(staffed, monkeypatch, change, sentence):
    (task,) = as_(staffed, "boss").add_tasks("clip")
    as_(staffed, "ann").take()
    monkeypatch.setattr("boxwright.store.task_verbs._submit", lambda *_: None)
    monkeypatch.setitem(__import__("boxwright.store.task_verbs", fromlist=["x"]).TRANSITIONS, (State.ANNOTATING, "submit"), State(change["state"]))
    if sentence is None:
        assert as_(staffed, "ann").submit(task).state == change["state"]
        return
    with pytest.raises(bw.ConflictError, match=sentence):
        as_(staffed, "ann").submit(task)


def test_the_database_knows_whose_work_it_is(staffed, monkeypatch):
    (task,) = as_(staffed, "boss").add_tasks("clip")
    both = as_(staffed, "both")
    both.take()
    both.submit(task)
    with pytest.raises(bw.AccessDenied, match="nobody judges his own work"):
        both.begin_review(task)
    monkeypatch.setattr("boxwright.store.task_verbs._impartial", lambda tx, body: None)
    both.begin_review(task)
    with pytest.raises(bw.ConflictError, match="nobody judges his own work"):
        both.accept(task)
    assert both.verdicts(task) == []


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", 'brace"}', "Zoë"])
def test_the_database_knows_names_that_need_care(staffed, monkeypatch, name):
    (task,) = as_(staffed, "boss").add_tasks("clip")
    bw.Work(staffed).set_member(name, ["annotator", "reviewer"])
    as_(staffed, name).take()
    as_(staffed, name).submit(task)
    monkeypatch.setattr("boxwright.store.task_verbs._impartial", lambda tx, body: None)
    as_(staffed, name).begin_review(task)
    with pytest.raises(bw.ConflictError, match="nobody judges his own work"):
        as_(staffed, name).accept(task)


def test_a_task_moves_in_a_request_of_its_own(staffed):
    (task,) = as_(staffed, "boss").add_tasks("clip")
    with pytest.raises(bw.ArgumentError, match="a task moves in a request of its own"):
        staffed.acting_as("ann").commit([{"verb": "take_task"}, {"verb": "submit_task", "id": task.task_id}])


# ------------------------------------------------------------ who may change what


def test_an_annotator_changes_what_lies_in_his_task(staffed):
    first, second = as_(staffed, "boss").add_tasks("clip", [(0, 1), (2, 9)])
    ann = as_(staffed, "ann")
    ann.take(first)
    moved(ann.project, 1.5, 100)
    with pytest.raises(bw.AccessDenied, match="may edit labels only in own tasks"):
        moved(ann.project, 1.5, 200)
    track = ann.project.track("clip", "car-1")
    for what in ("class", "out", "delete", "labels"):
        edits = ann.project.edits("clip")
        if what == "class":
            edits.set_track(track, category="truck")  # it has a keyframe that is not his
        elif what == "out":
            edits.set_keyframe(track.keyframe(100), time_ns=300)
        elif what == "delete":
            edits.delete_track(track)
        else:
            edits.set_point_labels(5, "lidar", bw.PointLabels([1, 0], [7, 0], {1: "car"}))
        with pytest.raises(bw.AccessDenied):
            edits.commit()
    edits = ann.project.edits("clip")
    edits.add_track(bw.Track("car-2", "car", [0, 100], bw.Cuboids([[1, 1, 1], [2, 1, 1]], [[4, 2, 1.5]] * 2, 0.0, frame="lidar")))
    edits.add_tag(bw.Tag("weather", "rain"))
    edits.set_point_labels(1, "lidar", bw.PointLabels([1, 0], [7, 0], {1: "car"}))
    edits.commit()
    edits = ann.project.edits("clip")
    edits.set_track(ann.project.track("clip", "car-2"), category="truck")
    edits.commit()
    ann.take(second)
    edits = ann.project.edits("clip")
    edits.set_track(ann.project.track("clip", "car-1"), category="truck")  # now it is all his
    edits.commit()


def test_tasks_of_some_classes_and_sensors(staffed):
    boss = as_(staffed, "boss")
    (cars,) = boss.add_tasks("clip", sensors=["lidar"], classes=["car"])
    (pictures,) = boss.add_tasks("clip", sensors=["front"])
    with pytest.raises(bw.ConflictError, match="another task has some of that"):
        boss.add_tasks("clip", [(4, 5)], classes=["car"])
    with pytest.raises(bw.UnknownName, match="no such sensor"):
        boss.add_tasks("clip", sensors=["rear"])
    as_(staffed, "ann").take(cars)
    as_(staffed, "ben").take(pictures)
    ann, ben = staffed.acting_as("ann"), staffed.acting_as("ben")
    box = bw.Boxes(np.array([[2.0, 2, 3, 4]]))

    def boxed(project):
        edits = project.edits("clip")
        edits.move_keyframe(project.track("clip", "box-1"), 0, box)
        edits.commit()

    moved(ann, 3.0)
    boxed(ben)
    with pytest.raises(bw.AccessDenied):
        moved(ben, 3.0)
    with pytest.raises(bw.AccessDenied):
        boxed(ann)
    with pytest.raises(bw.AccessDenied):
        edits = ann.edits("clip")
        edits.set_track(ann.track("clip", "car-1"), category="truck")
        edits.commit()
    as_(staffed, "ann").submit(cars)
    as_(staffed, "rev").begin_review(cars)
    as_(staffed, "rev").accept(cars)
    with pytest.raises(bw.ConflictError, match="accepted"):
        moved(staffed, 3.0)
    boxed(ben)


def test_undoing_ones_own_and_others(staffed):
    (task,) = as_(staffed, "boss").add_tasks("clip")
    as_(staffed, "ann").take()
    seq = moved(staffed.acting_as("ann"), 3.0).seq
    for who in ("ben", "vic"):
        with pytest.raises(bw.AccessDenied, match="undo others' edits"):
            staffed.acting_as(who).undo(seq)
    staffed.acting_as("rev").undo(seq)
    seq = moved(staffed.acting_as("ann"), 3.0).seq
    staffed.acting_as("ann").undo(seq)
    seq = moved(staffed.acting_as("ann"), 3.0).seq
    as_(staffed, "ann").submit(task)
    with pytest.raises(bw.AccessDenied):
        staffed.acting_as("ann").undo(seq)


# ------------------------------------------------------------ leases, the queue


def test_a_lease_that_runs_out(staffed, monkeypatch):
    boss = as_(staffed, "boss")
    boss.set(lease_s=10)
    (task,) = boss.add_tasks("clip")
    now = [time.time_ns()]
    monkeypatch.setattr("boxwright.store.task_verbs.time.time_ns", lambda: now[0])
    ann, ben = as_(staffed, "ann"), as_(staffed, "ben")
    ann.take()
    now[0] += 9 * 10**9
    assert ben.take() is None
    with pytest.raises(bw.ConflictError, match="ann has the task, for 1 s more") as caught:
        ben.take(task)
    assert caught.value.code == "taken"
    ann.renew(task)
    now[0] += 9 * 10**9
    assert ben.take() is None
    now[0] += 2 * 10**9
    moved(ann.project, 3.0)  # a lease is advice: nobody else has it yet
    assert ben.take().assignee == "ben"
    with pytest.raises(bw.UnknownName):
        moved(ann.project, 3.0)
    for move in (ann.renew, ann.submit, ann.release):
        with pytest.raises(bw.AccessDenied, match="ben works on the task"):
            move(task)
    assert ben.release(task).state is State.OPEN and ann.take().assignee == "ann"


@pytest.mark.parametrize("name", ["100%", "a_b", 'say "hi"', "back\\slash", "Zoë"])
def test_names_that_need_care(staffed, name):
    """Own tasks are found by what the database has of them."""
    other = name.replace("_", "x").replace("%", "9") + "2"
    for account in (name, other):
        bw.Work(staffed).set_member(account, ["annotator"])
    (task,) = as_(staffed, "boss").add_tasks("clip")
    as_(staffed, name).take()
    assert [one.name for one in staffed.acting_as(name).scenes()] == ["clip"] and staffed.acting_as(other).scenes() == []
    moved(staffed.acting_as(name), 3.0)
    as_(staffed, name).submit(task)
    bw.Work(staffed).set_member(name, ["reviewer"])
    with pytest.raises(bw.AccessDenied, match="nobody judges his own work"):
        as_(staffed, name).begin_review(task)


def test_the_most_urgent_first(staffed):
    boss = as_(staffed, "boss")
    a, b = boss.add_tasks("clip", [(0, 1), (2, 3)])
    (c,) = boss.add_tasks("clip", [(4, 5)], priority=1)
    ann = as_(staffed, "ann")
    assert [ann.take().task_id for _ in range(3)] == [c.task_id, a.task_id, b.task_id] and ann.take() is None
    assert as_(staffed, "boss").unassign(a).state is State.OPEN
    assert boss.assign(a, "ben").assignee == "ben"
    with pytest.raises(bw.ArgumentError, match="expected an annotator, got 'rev'"):
        boss.assign(b, "rev")


def test_a_request_that_comes_twice_takes_one_task(staffed):
    boss = as_(staffed, "boss")
    made = [boss.add_tasks("clip", [(0, 1), (2, 3)], op_id="0123456789") for _ in range(2)]
    assert made[0] == made[1] and len(boss.tasks()) == 2
    ann = as_(staffed, "ann")
    first = ann.take(op_id="once-and-again")
    assert ann.take(op_id="once-and-again").task_id == first.task_id and len(ann.tasks(mine=True)) == 1


REPEATED = {
    "accept": ("in_review", lambda work, task, **more: work.accept(task, "fine", **more)),
    "add_gold": (None, lambda work, task, **more: [one.task_id for one in work.add_gold("clip", "answers", warns=False, **more)]),
    "add_qualification": (None, lambda work, task, **more: work.add_qualification("clip", "answers", **more).seq),
    "add_tasks": (None, lambda work, task, **more: [one.task_id for one in work.add_tasks("answers", frames_each=5, **more)]),
    "assign": ("open", lambda work, task, **more: work.assign(task, "ann", **more)),
    "begin_review": ("submitted", lambda work, task, **more: work.begin_review(task, **more)),
    "consensus": ("submitted", lambda work, task, **more: work.consensus(task.group, name="all", **more) and work.project.scene_id("all")),
    "hide_gold": (None, lambda work, task, **more: work.hide_gold("answers", **more).seq),
    "keep_findings": (None, lambda work, task, **more: work.keep_findings("clip", [], at_seq=2, rules=["speed"], **more).seq),
    "leave_review": ("in_review", lambda work, task, **more: work.leave_review(task, **more)),
    "reject": ("in_review", lambda work, task, **more: work.reject(task, "no", **more)),
    "release": ("annotating", lambda work, task, **more: work.release(task, **more)),
    "remove_member": (None, lambda work, task, **more: work.remove_member("vic", **more).seq),
    "renew": ("annotating", lambda work, task, **more: work.renew(task, **more)),
    "renew_review": ("in_review", lambda work, task, **more: work.renew_review(task, **more)),
    "reopen": ("accepted", lambda work, task, **more: work.reopen(task, "look again", **more)),
    "set": (None, lambda work, task, **more: work.set(lease_s=60, **more).seq),
    "set_guideline": (None, lambda work, task, **more: work.set_guideline("Label all.", **more)),
    "set_member": (None, lambda work, task, **more: work.set_member("vic", ["reviewer"], **more)),
    "submit": ("annotating", lambda work, task, **more: work.submit(task, **more)),
    "take": ("open", lambda work, task, **more: work.take(task, **more)),
    "unassign": ("annotating", lambda work, task, **more: work.unassign(task, **more)),
    "waive": (None, lambda work, task, **more: work.waive(_finding(work), "a road train", **more).seq),
    "withdraw": ("submitted", lambda work, task, **more: work.withdraw(task, **more)),
}
OTHERWISE = {  # the same method, and the same id of a request, for another thing
    "accept": lambda work, task, **more: work.accept(task, "better than fine", **more),
    "add_gold": lambda work, task, **more: work.add_gold("clip", "answers", priority=3, **more),
    "add_qualification": lambda work, task, **more: work.add_qualification("clip", "answers", least_f1=0.5, **more),
    "remove_member": lambda work, task, **more: work.remove_member("ben", **more),
    "set": lambda work, task, **more: work.set(lease_s=61, **more),
    "set_guideline": lambda work, task, **more: work.set_guideline("Label some.", **more),
    "set_member": lambda work, task, **more: work.set_member("vic", ["admin"], **more),
}


def _finding(work):
    """One that does not change: as a client had read it when it sent its request."""
    (found,) = work.findings("odd") or [None]
    return dataclasses.replace(found, rev=1)


def test_every_method_that_knows_a_request_again():
    public = {name: getattr(bw.Work, name) for name in dir(bw.Work) if name[0] != "_"}
    methods = {name for name, method in public.items() if callable(method) and "op_id" in inspect.signature(method).parameters}
    assert methods == set(REPEATED)


@pytest.mark.parametrize("method", REPEATED)
def test_a_request_that_comes_twice_is_done_once(staffed, method):
    """Also where others have done something in between, so that what it was made of has changed."""
    work, (state, ask) = bw.Work(staffed), REPEATED[method]
    for name in ("answers", "more"):
        staffed.add_scene(clip().replace(name=name))
    work.set(idle_cap_s=100)
    work.set_guideline("Label nothing.")
    task = None
    if state is not None:
        (task,) = work.add_tasks("clip", on_layers=True) if method != "consensus" else work.add_tasks("clip", replicas=2)[:1]
        for one in work.tasks():
            _brought_to(work, one, State(state), **({} if one == task else {"by": "ben"}))
    if method == "waive":
        staffed.add_scene(odd_clip())
        work.keep_findings("odd", list(bw.check(staffed.read("odd")))[:1], at_seq=staffed.seq, rules=["class_size"])
    who = "rev" if state in ("in_review", "accepted") or method == "begin_review" else "ann" if state else "boss"
    first = ask(work, task, by=who, op_id="once-and-again")
    seq = staffed.seq
    assert ask(work, task, by=who, op_id="once-and-again") == first and staffed.seq == seq
    work.set(annotators_read_all=True)
    work.set_guideline("Label more.")
    work.set_member("vic", ["viewer", "annotator"])
    work.add_tasks("more", frames_each=1)
    assert ask(work, task, by=who, op_id="once-and-again") == first and staffed.seq == seq + 4
    for asked, by in ((ask, "eve"), *((one, who) for one in [OTHERWISE.get(method)] if one)):
        with pytest.raises(bw.ArgumentError, match="another request had this op_id"):
            asked(work, task, by=by, op_id="once-and-again")
    assert staffed.seq == seq + 4


def test_sixteen_takers(place):
    """Each task goes to one of them, whoever else asks at the same time."""
    with bw.create_project(place) as project:
        project.add_scene(clip())
        work = bw.Work(project)
        work.set_member("boss", ["admin"])
        for n in range(16):
            work.set_member(f"a{n}", ["annotator"])
        work.add_tasks("clip", [(k, k) for k in range(10)])
        got, barrier = [], threading.Barrier(16)

        def run(n):
            acting = as_(project, f"a{n}")
            barrier.wait()
            while (task := acting.take()) is not None:
                got.append((task.task_id, f"a{n}"))

        threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == len({task for task, _ in got}) == 10
        assert sorted(got) == sorted((one.task_id, one.assignee) for one in work.tasks())


# ------------------------------------------------------------ verdicts, guidelines, findings


def test_a_verdict_is_about_what_was_seen(staffed):
    (task,) = as_(staffed, "boss").add_tasks("clip")
    ann, rev = as_(staffed, "ann"), as_(staffed, "rev")
    ann.take()
    ann.submit(task)
    rev.begin_review(task)
    seen = staffed.seq
    moved(rev.project, 3.0)
    with pytest.raises(bw.ConflictError, match=f"labels of the task have changed since transaction {seen}"):
        rev.accept(task, at_seq=seen)
    with pytest.raises(bw.ArgumentError, match="expected a reason"):
        rev.reject(task, " ")
    assert rev.accept(task, at_seq=staffed.seq).state is State.ACCEPTED


def test_what_is_deleted_is_still_of_its_class(staffed):
    """Of a track that is gone its class was not known, so that its keyframes were anybody's."""
    edits = staffed.edits("clip")
    edits.add_track(dataclasses.replace(clip().tracks[0], track_id="ped-1", category="pedestrian"))
    edits.commit()
    (task,) = as_(staffed, "boss").add_tasks("clip", classes=["car"])
    ann, rev = as_(staffed, "ann"), as_(staffed, "rev")
    ann.take()
    ann.submit(task)
    rev.begin_review(task)
    seen = staffed.seq
    edits = staffed.edits("clip")
    edits.delete_track(staffed.track("clip", "ped-1"))
    edits.commit()
    assert rev.accept(task, at_seq=seen).state is State.ACCEPTED
    assert [one.is_stale for one in rev.verdicts(task)] == [False]
    rev.reopen(task, "look again")
    seen = staffed.seq
    edits = staffed.edits("clip")
    edits.delete_track(staffed.track("clip", "car-1"))
    edits.commit()
    with pytest.raises(bw.ConflictError, match="labels of the task have changed since"):
        rev.accept(task, at_seq=seen)


def test_a_verdict_of_some_classes_and_sensors_is_about_these_alone(staffed):
    edits = staffed.edits("clip")
    edits.add_track(dataclasses.replace(clip().tracks[0], track_id="ped-1", category="pedestrian"))
    edits.commit()
    limits = [{"sensors": ["lidar"], "classes": ["car"]}, {"sensors": ["front"]}, {"sensors": ["lidar"], "classes": ["pedestrian"]}]
    cars, pictures, people = (as_(staffed, "boss").add_tasks("clip", [(0, 1)], **one)[0] for one in limits)
    for task in (cars, pictures, people):
        accepted(staffed, task)
    work = bw.Work(staffed)

    def stale():
        return [work.verdicts(task)[0].is_stale for task in (cars, pictures, people)]

    assert stale() == [False, False, False]
    for track_id, label, expected in (
        ("ped-1", cuboid(5.0), [False, False, True]),
        ("box-1", bw.Boxes(np.array([[9.0, 9, 19, 19]])), [False, True, True]),
        ("car-1", cuboid(5.0), [True, True, True]),
    ):
        edits = staffed.edits("clip")
        edits.move_keyframe(staffed.track("clip", track_id), 200, label)  # of frame 2, which frame 1 hangs on
        edits.commit()
        assert stale() == expected, track_id


def test_guidelines_have_versions_that_a_verdict_can_cite(staffed):
    boss, rev, ann = (as_(staffed, who) for who in ("boss", "rev", "ann"))
    assert ann.guideline() is None
    entries = {"car": {"text": "mirrors are not part of it", "examples": [{"scene": "clip", "frame_index": 3, "note": "the first one"}]}}
    boss.set_guideline("Label all.", entries)
    boss.set_guideline("Label all that moves.", {})
    assert (ann.guideline().version, ann.guideline().text, ann.guideline(1).entries) == (2, "Label all that moves.", entries)
    with pytest.raises(bw.AccessDenied):
        ann.set_guideline("no", {})
    with pytest.raises(bw.AccessDenied):
        as_(staffed, "nobody").guideline()
    with pytest.raises(bw.UnknownName, match="no such frame"):
        boss.set_guideline("x", {"car": {"examples": [{"scene": "clip", "frame_index": 10, "note": ""}]}})
    (task,) = boss.add_tasks("clip")
    ann.take()
    ann.submit(task)
    rev.begin_review(task)
    for cited in ((3, None), (2, "car"), (1, "bus")):
        with pytest.raises(bw.UnknownName, match="no such entry of the guideline"):
            rev.reject(task, "mirrors", guideline=cited)
    rev.reject(task, "mirrors", guideline=(1, "car"))
    assert ann.verdicts(task)[0].guideline == (1, "car")


def odd_clip():
    """Two cars that are much too long."""
    times = np.arange(10, dtype=np.int64) * 100_000_000
    rows = [bw.Cuboids([[k * 1.0, y, 0] for k in range(10)], [[30.0, 2, 2]] * 10, 0.0, frame="lidar") for y in (0, 20)]
    tracks = [bw.Track(f"car-{n}", "car", times, one) for n, one in enumerate(rows, 1)]
    return bw.Scene("odd", times, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")


def test_findings_are_kept_waived_and_go_stale(staffed):
    staffed.add_scene(odd_clip())
    rev = as_(staffed, "rev")
    findings = list(bw.check(staffed.read("odd")))
    assert len(findings) == 2 and {one.rule for one in findings} == {"class_size"}
    with pytest.raises(bw.AccessDenied, match="may not keep findings"):
        as_(staffed, "vic").keep_findings("odd", findings, at_seq=staffed.seq, rules=["class_size"])
    n = [rev.keep_findings("odd", findings, at_seq=staffed.seq, rules=["class_size"]).n_changes for _ in range(2)]
    assert n == [2, 0]  # the same again changes nothing
    first, second = rev.findings("odd")
    assert [first.finding_id, second.finding_id] == [one.finding_id for one in findings] and not first.is_stale
    with pytest.raises(bw.AccessDenied):
        as_(staffed, "vic").waive(first, "no")
    with pytest.raises(bw.ArgumentError, match="expected a reason"):
        rev.waive(first, "")
    rev.waive(first, "it is a road train")
    rev.keep_findings("odd", findings, at_seq=staffed.seq, rules=["class_size"])
    (waived,) = rev.findings("odd", status="waived")
    assert (waived.finding_id, waived.reason, waived.waived_by, waived.is_stale) == (first.finding_id, "it is a road train", "rev", False)
    seen = staffed.seq
    edits = staffed.edits("odd")
    edits.move_keyframe(staffed.track("odd", first.said["track_ids"][0]), 0, bw.Cuboid([0, 0, 0], [30, 2, 2], 0.0, frame="lidar"))
    edits.move_keyframe(staffed.track("odd", first.said["track_ids"][0]), 100_000_000, bw.Cuboid([1, 0, 0], [31, 2, 2], 0.0, frame="lidar"))
    edits.commit()
    assert [one.is_stale for one in rev.findings("odd")] == [True, False]
    with pytest.raises(bw.ConflictError, match="has changed since"):
        rev.keep_findings("odd", findings, at_seq=seen, rules=["class_size"])
    rev.keep_findings("odd", findings, at_seq=staffed.seq, rules=["class_size"])
    assert [(one.status, one.is_stale) for one in rev.findings("odd")] == [("open", False)] * 2
    rev.keep_findings("odd", findings[1:], at_seq=staffed.seq, rules=["speed"])  # which says nothing of class_size
    assert rev.findings("odd", status="fixed") == []
    rev.keep_findings("odd", findings[1:], at_seq=staffed.seq, rules=["class_size"])
    assert [one.finding_id for one in rev.findings("odd", status="fixed")] == [findings[0].finding_id]


def test_a_finding_about_what_is_gone_is_not_kept(staffed):
    """It was kept as open, and never went stale: what is deleted has no revision that a look at what is there could compare."""
    staffed.add_scene(odd_clip())
    rev = as_(staffed, "rev")
    found = next(iter(bw.check(staffed.read("odd"))))
    track_id = found.track_ids[0]
    early = dataclasses.replace(found, frame_index=0, last_frame_index=2, worst_frame_index=0)

    def deleted(time_ns):
        seen, edits = staffed.seq, staffed.edits("odd")
        edits.delete_keyframe(staffed.keyframe("odd", track_id, time_ns))
        edits.commit()
        return seen

    seen = deleted(700_000_000)  # further away than two keyframes: it has nothing to do with the finding
    assert rev.keep_findings("odd", [early], at_seq=seen, rules=["class_size"]).n_changes == 1
    for time_ns in (100_000_000, 400_000_000):
        seen = deleted(time_ns)
        with pytest.raises(bw.ConflictError, match=f"keyframes that a finding is about have changed since transaction {seen}") as caught:
            rev.keep_findings("odd", [early], at_seq=seen, rules=["class_size"])
        assert len(caught.value.conflicts) == 1
        rev.keep_findings("odd", [early], at_seq=staffed.seq, rules=["class_size"])
    seen, edits = staffed.seq, staffed.edits("odd")
    edits.delete_track(staffed.track("odd", track_id))
    edits.commit()
    for at_seq in (seen, staffed.seq):
        with pytest.raises(bw.ConflictError, match="a track of a finding is not there"):
            rev.keep_findings("odd", [found], at_seq=at_seq, rules=["class_size"])
    assert [one.is_stale for one in rev.findings("odd")] == [True]


# ------------------------------------------------------------ the table


@pytest.mark.parametrize("state", State)
def test_what_is_not_in_the_table_is_refused(project, state, monkeypatch):
    """Every move from every state, with all the rest as it should be."""
    from boxwright.store.task_verbs import MOVE_VERBS

    moves = {verb: verb.removesuffix("_task") for verb in MOVE_VERBS}
    assert {move for _, move in TRANSITIONS} == set(moves.values())
    project.add_scene(clip())
    work = bw.Work(project)
    for verb, move in moves.items():
        (task,) = work.add_tasks("clip", labels="none", on_layers=True)
        _brought_to(work, task, state)
        by = "rev" if move in ("begin_review", "renew_review", "leave_review", "accept", "reject", "reopen") else "ann"
        edit = {"verb": verb, "id": task.task_id}
        edit |= {"account": "ann"} if move == "assign" else {}
        edit |= {"reason": "x"} if move in ("accept", "reject", "reopen") else {}
        edit |= {"at_seq": project.seq, "label_digest": ""} if move in ("accept", "reject") else {}
        if (state, move) in TRANSITIONS:
            project.commit([edit], by=by)
            assert work.task(task.task_id).state is TRANSITIONS[state, move], move
        else:
            with pytest.raises(bw.ConflictError, match=f"a task that is {state} cannot be: {move.replace('_', ' ')}") as caught:
                project.commit([edit], by=by)
            assert caught.value.code == "task-state" and work.task(task.task_id).state is state


def _brought_to(work, task, state, by="ann"):
    way = {
        State.OPEN: (),
        State.ANNOTATING: ("take",),
        State.SUBMITTED: ("take", "submit"),
        State.IN_REVIEW: ("take", "submit", "begin_review"),
        State.REJECTED: ("take", "submit", "begin_review", "reject"),
        State.ACCEPTED: ("take", "submit", "begin_review", "accept"),
    }[state]
    for move in way:
        more = {"reason": "x"} if move in ("accept", "reject") else {}
        getattr(work, move)(task, by=by if move in ("take", "submit") else "rev", **more)
