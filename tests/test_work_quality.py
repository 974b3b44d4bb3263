"""Gold that cannot be told, qualifications, replicas that become one, and what work took and was worth."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

import boxwright as bw
from boxwright.work.effort import active_s
from boxwright.work.planning import frame_ranges

TIMES = np.arange(8, dtype=np.int64) * 500_000_000


def scene(name, n_tracks=4, moved_m=0.0, seed=0, frames=slice(None)):
    """Cars beside each other that drive on, each labelled in every one of some frames; moved_m : standard deviation of where they are."""
    rng, tracks = np.random.default_rng(seed), []
    for n in range(n_tracks):
        center = np.c_[np.arange(8) * 2.0, np.full(8, 5.0 * n), np.zeros(8)] + rng.normal(0, 1, (8, 3)) * moved_m
        cuboids = bw.Cuboids(center, [[4.5, 1.9, 1.6]] * 8, 0.0, frame="lidar")
        tracks.append(bw.Track(f"t{n}", "car", TIMES[frames], cuboids[frames]))
    return bw.Scene(name, TIMES, {"lidar": bw.Lidar("lidar")}, tracks=tracks, label_frame="lidar")


@pytest.fixture
def staffed(place):
    with bw.create_project(place) as project:
        work = bw.Work(project)
        work.set_member("boss", ["admin"])
        for account in ("ann", "ben", "cat"):
            work.set_member(account, ["annotator"])
        work.set_member("rev", ["reviewer"])
        project.add_scene(scene("drive", 0), by="boss")
        project.add_scene(scene("answers"), by="boss")
        yield project


def as_(project, account):
    return bw.Work(project.acting_as(account))


def label(work, task, labels):
    """Gives a task the tracks of a scene."""
    edits = work.project.edits(task.scene)
    for track in labels.tracks:
        edits.add_track(track)
    return edits.commit()


def test_gold_is_told_like_any_task(staffed):
    boss = as_(staffed, "boss")
    plain = boss.add_tasks("drive", [(0, 7)], replicas=2, labels="none")
    (gold,) = boss.add_gold("drive", "answers")
    assert (gold.purpose, gold.gold, plain[0].purpose, plain[0].gold) == ("gold", "answers", "work", None)
    ann = as_(staffed, "ann")
    told = {one.task_id: one for one in ann.tasks()}
    assert set(told) == {gold.task_id, *(one.task_id for one in plain)}
    own = ("task_id", "name", "scene")
    masked = {tuple(sorted((key, repr(value)) for key, value in dataclasses.asdict(one).items() if key not in own)) for one in told.values()}
    assert len(masked) == 1
    taken = [ann.take(), ann.take()]
    assert {one.purpose for one in taken} == {"work"} and ann.take() is None  # one of the replicas is enough
    acting = staffed.acting_as("ann")
    assert [one.name for one in acting.scenes()] == sorted((one.scene for one in taken), key=[one.name for one in staffed.scenes()].index)
    shapes = [[(one.verb, one.account, one.n_changes) for one in acting.log(task.scene)] for task in taken]
    assert [verb for verb, _, _ in shapes[0]] == [verb for verb, _, _ in shapes[1]]
    for hidden in ("answers", "drive"):
        with pytest.raises(bw.UnknownName, match="no such scene"):
            acting.read(hidden)
    for kind in ("task", "gold", "grade", "work", "member", "verdict"):
        assert acting.kept(kind) == [] and all(acting.kept(kind, staffed.scene_id(one.scene)) == [] for one in taken)
    with pytest.raises(bw.UnknownName):
        acting.entity(taken[0].task_id)
    assert not ({"gold", "qualification"} & {key for one in acting.changes(staffed.seq) for key in one.body})


def test_gold_that_can_be_told_is_warned_of(staffed):
    boss = as_(staffed, "boss")
    boss.add_tasks("drive", [(0, 3)], on_layers=True)
    boss.add_gold("drive", "answers", (0, 3))
    boss.add_tasks("drive", [(4, 7)])
    with pytest.warns(bw.GoldCanBeTold, match="1 open task on the shared scene: annotators can tell gold"):
        boss.add_gold("drive", "answers", (4, 7))


def test_answers_are_for_reviewers(staffed):
    boss = as_(staffed, "boss")
    (gold,) = boss.add_gold("drive", "answers", (2, 5))
    ann = as_(staffed, "ann")
    ann.take()
    label(ann, gold, scene("x", frames=slice(2, 6)))
    ann.submit(gold)
    for call in (lambda: ann.feedback(gold), ann.gold_scores, ann.quality):
        with pytest.raises(bw.AccessDenied, match="may not see gold answers"):
            call()
    found = as_(staffed, "rev").feedback(gold)
    assert found.annotator == "ann" and found.overall.f1.value == 1 and found.frames.tolist() == [2, 3, 4, 5]
    with pytest.raises(bw.ConflictError, match="a frame of gold is no example"):
        boss.set_guideline("x", {"car": {"examples": [{"scene": "answers", "frame_index": 0, "note": ""}]}})


def test_what_was_submitted_counts(staffed):
    """Not what became of it afterwards."""
    (gold,) = as_(staffed, "boss").add_gold("drive", "answers")
    ann = as_(staffed, "ann")
    ann.take()
    label(ann, gold, scene("x", 3))
    ann.submit(gold)
    rev = as_(staffed, "rev")
    rev.begin_review(gold)
    label(rev, gold, scene("x", 4).replace(tracks=scene("x", 4).tracks[3:]))
    assert rev.feedback(gold).n_errors["missing"] == 8


def test_nobody_is_ranked_by_a_few_objects(staffed):
    staffed.add_scene(scene("many", 60), by="boss")
    boss = as_(staffed, "boss")
    boss.add_gold("drive", "many")
    boss.add_gold("drive", "answers", people=2)
    for who, moved_m in (("ann", 0.05), ("ben", 0.6)):
        work = as_(staffed, who)
        while (task := work.take()) is not None:
            n = 60 if boss.task(task.task_id).gold == "many" else 4
            label(work, task, scene("x", n, moved_m, seed=3))
            work.submit(task)
    quality = {one.annotator: one for one in as_(staffed, "rev").quality()}
    assert set(quality) == {"ann", "ben"}
    ranked = {who: one.rank for who, one in quality.items()}
    assert sorted(ranked.values(), key=str) == [1, None]
    low, high = quality["ann"].quality.ate_m.low, quality["ann"].quality.ate_m.high
    assert low <= quality["ann"].quality.ate_m.value <= high and quality["ben"].quality.ate_m.value > high


# ------------------------------------------------------------ qualifications


def test_a_qualification_comes_before_real_work(staffed):
    boss, ann = as_(staffed, "boss"), as_(staffed, "ann")
    boss.add_tasks("drive")
    boss.add_qualification("drive", "answers", (0, 3), least_f1=0.9)
    with pytest.raises(bw.AccessDenied, match="1 qualification not passed yet") as caught:
        ann.take()
    assert caught.value.code == "qualification"
    first = ann.qualify()
    assert (first.purpose, first.assignee, first.from_frame, first.to_frame) == ("qualification", "ann", 0, 3) and ann.qualify() == first
    with pytest.raises(bw.AccessDenied, match="told when the task is submitted"):
        ann.feedback(first)
    label(ann, first, scene("x", 2, frames=slice(0, 4)))
    ann.submit(first, op_id="submit-first")
    ann.submit(first, op_id="submit-first")
    found = ann.feedback(first)
    assert found.n_errors["missing"] == 8 and {one.frame_index for one in found.errors} == {0, 1, 2, 3}
    with pytest.raises(bw.ConflictError, match="a qualification is done once"):
        ann.withdraw(first)
    with pytest.raises(bw.AccessDenied):
        ann.take()
    second = ann.qualify()
    assert second.task_id != first.task_id
    label(ann, second, scene("x", 4, frames=slice(0, 4)))
    ann.submit(second)
    assert ann.feedback(second).errors == [] and ann.qualify() is None
    assert ann.take().purpose == "work"
    ben = as_(staffed, "ben")
    assert [one.purpose for one in ben.tasks()] == [] and ben.qualify().assignee == "ben"
    with pytest.raises(bw.UnknownName, match="no such task"):
        ben.feedback(first)
    grades = [(one.body["account"], one.body["f1"] > 0.9, one.body["is_passed"]) for one in staffed.kept("grade")]
    assert sorted(grades) == [("ann", False, False), ("ann", True, True)]


def test_labels_in_pictures_are_graded_too(staffed):
    """By hand: 4 cars in 8 frames are 32 cuboids, and 2 boxes in 8 pictures 16 more; without the boxes F1 is 2 * 32 / (48 + 32) = 0.8."""
    boxes = bw.Boxes(np.tile([10.0, 10, 30, 20], (8, 1)))
    seen = [bw.ImageTrack(f"b{n}", "car", "front", TIMES, boxes) for n in range(2)]
    seen[1] = seen[1].replace(shapes=bw.Boxes(boxes.xyxy + 40))
    cameras = {"front": bw.CameraSensor("front", bw.PinholeCamera(100, 80, 90, 90, 50, 40), bw.Pose.identity())}
    staffed.add_scene(scene("clip", 0).replace(cameras=cameras), by="boss")
    staffed.add_scene(scene("drawn").replace(cameras=cameras, image_tracks=seen), by="boss")
    boss, ann = as_(staffed, "boss"), as_(staffed, "ann")
    boss.add_qualification("clip", "drawn", least_f1=0.9)
    for with_boxes, wanted in ((False, (0.8, 6, 16, False)), (True, (1.0, 6, 0, True))):
        task = ann.qualify()
        edits = ann.project.edits(task.scene)
        for track in [*scene("x").tracks, *(seen if with_boxes else ())]:
            edits.add_track(track)
        edits.commit()
        ann.submit(task)
        (grade,) = [one.body for one in staffed.kept("grade") if one.body["task"] == task.task_id]
        assert (grade["f1"], grade["n_objects"], grade["n_errors"], grade["is_passed"]) == wanted
        assert ann.feedback(task).f1 == wanted[0]
    assert ann.qualify() is None


def test_only_who_may_see_gold_grades(staffed):
    boss, ann = as_(staffed, "boss"), as_(staffed, "ann")
    boss.add_qualification("drive", "answers")
    task = ann.qualify()
    grade = {"at_seq": staffed.seq, "f1": 1.0, "n_objects": 4, "n_errors": 0, "is_passed": True}
    with pytest.raises(bw.AccessDenied, match="may not see gold answers"):
        ann.project.commit([{"verb": "add_grade", "task": task.task_id, "grade": grade}])
    with pytest.raises(bw.ConflictError, match="a grade is of what was submitted"):
        boss.project.commit([{"verb": "add_grade", "task": task.task_id, "grade": grade}])


def test_answers_that_are_needed_are_not_deleted(staffed):
    boss = as_(staffed, "boss")
    staffed.add_scene(scene("other"), by="boss")
    (gold,) = boss.add_gold("drive", "answers")
    boss.add_qualification("drive", "other")

    def delete(name):
        edits = boss.project.edits(name)
        edits.delete_scene()
        return edits.commit()

    seq = staffed.seq
    for name, sentence in (("answers", "a task has its answers in the scene"), ("other", "a qualification is about"), ("drive", "a qualification")):
        with pytest.raises(bw.ConflictError, match=sentence):
            delete(name)
    with pytest.raises(bw.ConflictError, match="a task has its answers in the scene"):  # in another way
        staffed.undo(next(one.seq for one in staffed.log("answers") if one.verb == "add_scene"))
    assert staffed.seq == seq
    boss.set(qualifications=[])
    delete(gold.scene)
    for name in ("answers", "other", "drive"):
        delete(name)
    assert staffed.scenes() == [] and bw.fsck(staffed).damages == []


# ------------------------------------------------------------ replicas


def test_replicas_are_for_different_people_and_become_one(staffed):
    boss = as_(staffed, "boss")
    tasks = boss.add_tasks("drive", replicas=3, labels="none")
    assert len({one.group for one in tasks}) == 1 and len({one.scene for one in tasks}) == 3
    truth = scene("truth")
    with pytest.raises(bw.ConflictError, match="not all replicas are done"):
        boss.consensus(tasks[0].group)
    for seed, who in enumerate(("ann", "ben", "cat")):
        work = as_(staffed, who)
        task = work.take()
        assert work.take() is None
        with pytest.raises((bw.AccessDenied, bw.ConflictError)):
            work.take(next(one for one in tasks if one.task_id != task.task_id))
        label(work, task, scene("x", 4, 0.1, seed))
        work.submit(task)
        assert [one.name for one in work.project.scenes()] == [task.scene]
    with pytest.raises(bw.AccessDenied):
        as_(staffed, "ann").consensus(tasks[0].group)
    made = boss.consensus(tasks[0].group, name="drive merged")
    assert set(made.spreads) == {"ann", "ben", "cat"} and len(made.scene.tracks) == 4
    kept = staffed.read("drive merged")

    def error_m(scene):
        return np.mean([np.abs(scene.tracks[k].cuboids.center_m[:, 1] - truth.tracks[k].cuboids.center_m[:, 1]).mean() for k in range(4)])

    by_y = sorted(kept.tracks, key=lambda track: track.cuboids.center_m[0, 1])
    one = np.mean([error_m(scene("x", 4, 0.1, seed)) for seed in range(3)])
    assert error_m(kept.replace(tracks=by_y)) < one


def test_nobody_is_given_two_replicas(staffed):
    boss = as_(staffed, "boss")
    first, second = boss.add_tasks("drive", replicas=2)
    boss.assign(first, "ann")
    with pytest.raises(bw.AccessDenied, match="ann has had another replica of it"):
        boss.assign(second, "ann")
    assert boss.assign(first, "ann").assignee == "ann"  # the same one, again
    boss.assign(first, "ben")
    with pytest.raises(bw.AccessDenied, match="ann has had another replica of it"):
        boss.assign(second, "ann")
    with pytest.raises(bw.AccessDenied, match="you have had another replica of it"):
        as_(staffed, "ann").take(second)
    assert boss.assign(second, "cat").assignee == "cat"


def test_asking_for_a_task_reads_all_of_them_as_often_as_any(staffed, monkeypatch):
    """However many there are of which somebody has had a replica."""
    from boxwright.store import task_verbs

    asked = []
    for name in ("tasks_of", "settings_of"):
        real = getattr(task_verbs, name)
        monkeypatch.setattr(task_verbs, name, lambda *given, real=real: asked.append(real) or real(*given))
    boss, n = as_(staffed, "boss"), []
    for ranges in ([(0, 0)], [(k, k) for k in range(1, 8)]):
        boss.add_tasks("drive", ranges, replicas=2)
        ann = as_(staffed, "ann")
        while ann.take() is not None:
            pass
        asked.clear()
        assert ann.take() is None
        n.append(len(asked))
    assert n[0] == n[1] > 0


# ------------------------------------------------------------ effort


def test_pauses_count_for_a_while():
    assert active_s([], 300) == active_s([5], 300) == 0
    assert active_s([0, 10**9, 11 * 10**9], 300) == 11
    assert active_s([0, 10**9, 10**12], 300) == 301
    assert active_s([10**9, 0, 2 * 10**9], 300) == 2  # the clock went back


def test_what_work_took(staffed, monkeypatch):
    (task,) = as_(staffed, "boss").add_tasks("drive", on_layers=True, labels="none")
    clock = [10**18]
    monkeypatch.setattr("boxwright.store.transactions.time.time_ns", lambda: clock[0])
    ann = as_(staffed, "ann")
    ann.take()
    label(ann, task, scene("x", 2))
    for pause_s in (20, 10_000):
        clock[0] += pause_s * 10**9
        edits = ann.project.edits(task.scene)
        edits.set_attributes(ann.project.track(task.scene, "t1"), {"parked": pause_s})
        edits.commit()
    (effort,) = ann.effort(task)
    assert (effort.account, effort.active_s, effort.n_edits, effort.n_changes, effort.n_objects) == ("ann", 320.0, 3, 20, 2)
    as_(staffed, "boss").set(idle_cap_s=60)
    assert ann.effort()[0].active_s == 80.0
    assert as_(staffed, "ben").effort() == []
    with pytest.raises(bw.UnknownName):
        as_(staffed, "ben").effort(task)
    assert [one.account for one in as_(staffed, "rev").effort(task)] == ["ann"]


def test_parts_of_a_scene():
    assert frame_ranges(10, 4) == [(0, 2), (3, 5), (6, 9)]
    for n, each in ((1, 1), (7, 3), (100, 33), (5, 9)):
        parts = frame_ranges(n, each)
        assert parts[0][0] == 0 and parts[-1][1] == n - 1 and all(b - a + 1 <= each for a, b in parts)
        assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(parts))
    with pytest.raises(bw.ArgumentError):
        frame_ranges(5, 0)
