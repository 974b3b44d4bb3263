"""Several people at several tasks, at random, compared with a plain model: every step that the model allows is done, every other one is refused."""

from __future__ import annotations

import random

import pytest

import boxwright as bw
from stores import clip

PEOPLE = {
    "ann": ("annotator",),
    "ben": ("annotator",),
    "both": ("annotator", "reviewer"),
    "rev": ("reviewer",),
    "ray": ("reviewer",),
    "boss": ("admin",),
    "vic": ("viewer",),
    "stranger": (),
}
LEASE_S = 100
# which roles a move is for at all
ROLE_OF = {
    **dict.fromkeys(("take", "renew", "release", "submit", "withdraw"), "annotator"),
    **dict.fromkeys(("begin_review", "renew_review", "leave_review", "accept", "reject", "reopen"), "reviewer"),
    **dict.fromkeys(("assign", "unassign"), "admin"),
}


class Model:
    """tasks : key -> what it should be"""

    def __init__(self, keys):
        self.now = 0
        self.tasks = {key: {"state": "open", "assignee": None, "reviewer": None, "until": None, "authors": set()} for key in keys}

    def is_over(self, task):
        return task["until"] is not None and task["until"] <= self.now

    def after(self, who, move, key, other):
        """What the task would be, or None where the move must be refused. other : to whom it is assigned"""
        task = {**self.tasks[key], "authors": set(self.tasks[key]["authors"])}
        state, lease = task["state"], self.now + LEASE_S
        if ROLE_OF[move] not in PEOPLE[who]:
            return None
        own, reviewing = task["assignee"] == who, task["reviewer"] == who
        if move == "take":
            free = state == "open" or (state == "annotating" and (own or self.is_over(task)))
            return {**task, "state": "annotating", "assignee": who, "until": lease, "authors": task["authors"] | {who}} if free else None
        if move == "assign":
            fits = state in ("open", "annotating", "rejected") and "annotator" in PEOPLE[other]
            to = "rejected" if state == "rejected" else "annotating"
            return {**task, "state": to, "assignee": other, "until": None, "authors": task["authors"] | {other}} if fits else None
        if move == "unassign":
            return {**task, "state": "open", "assignee": None, "reviewer": None, "until": None} if state in ("annotating", "rejected") else None
        if move == "release":
            return {**task, "state": "open", "assignee": None, "reviewer": None, "until": None} if own and state == "annotating" else None
        if move == "renew":
            return {**task, "until": lease} if own and state == "annotating" else None
        if move == "submit":
            return {**task, "state": "submitted", "reviewer": None, "until": None} if own and state in ("annotating", "rejected") else None
        if move == "withdraw":
            return {**task, "state": "annotating", "until": lease} if own and state == "submitted" else None
        if who in task["authors"]:
            return None
        if move == "begin_review":
            free = state == "submitted" or (state == "in_review" and (reviewing or self.is_over(task)))
            return {**task, "state": "in_review", "reviewer": who, "until": lease} if free else None
        if move == "reopen":
            return {**task, "state": "in_review", "reviewer": who, "until": lease} if state == "accepted" else None
        if state != "in_review" or not reviewing:
            return None
        return {
            "renew_review": {**task, "until": lease},
            "leave_review": {**task, "state": "submitted", "reviewer": None, "until": None},
            "accept": {**task, "state": "accepted", "until": None},
            "reject": {**task, "state": "rejected", "until": None},
        }[move]

    def may_edit(self, who, key):
        task = self.tasks[key]
        if task["state"] == "in_review":
            return "reviewer" in PEOPLE[who] and task["reviewer"] == who
        return "annotator" in PEOPLE[who] and task["assignee"] == who and task["state"] in ("annotating", "rejected")


class Machine:
    def __init__(self, project, dice, monkeypatch):
        self.project, self.dice = project, dice
        project.add_scene(clip(8))
        work = bw.Work(project)
        work.set_member("boss", PEOPLE["boss"])
        for account, roles in PEOPLE.items():
            if roles and account != "boss":
                work.set_member(account, roles)
        work.set(lease_s=LEASE_S)
        self.tasks = {task.task_id: task for task in work.add_tasks("clip", [(0, 1), (2, 3), (4, 5), (6, 9)])}
        self.model, self.work = Model(self.tasks), work
        self.acting = {who: bw.Work(project.acting_as(who)) for who in PEOPLE}
        self.counts = dict.fromkeys(("done", "refused", "edited", "locked", "not edited"), 0)
        monkeypatch.setattr("boxwright.store.task_verbs.time.time_ns", lambda: self.model.now * 10**9)

    def move(self):
        who, key, other = self.dice.choice(list(PEOPLE)), self.dice.choice(list(self.tasks)), self.dice.choice(("ann", "ben", "both", "rev"))
        move = self.dice.choice(list(ROLE_OF))
        if self.dice.random() < 0.6:  # mostly somebody who has a chance
            likely = [(one, way) for one in PEOPLE for way in ROLE_OF if self.model.after(one, way, key, other) is not None]
            onward = [(one, way) for one, way in likely if way in ("submit", "begin_review", "accept", "reject")]
            who, move = self.dice.choice(onward if onward and self.dice.random() < 0.5 else likely)
        fresh, before = self.model.after(who, move, key, other), self.project.seq
        more = {"reason": "so"} if move in ("reject", "reopen") else {"account": other} if move == "assign" else {}
        call = getattr(self.acting[who], move)
        if fresh is None:
            with pytest.raises((bw.AccessDenied, bw.ConflictError, bw.ArgumentError)):
                call(key, **more)
            assert self.project.seq == before, (who, move)
            self.counts["refused"] += 1
        else:
            assert call(key, **more).state == fresh["state"]
            self.model.tasks[key] = fresh
            self.counts["done"] += 1

    def take_any(self):
        """The next one there is: of those that are open, or whose lease is over, the first."""
        who = self.dice.choice(("ann", "ben", "both"))
        free = [
            key
            for key, task in self.model.tasks.items()
            if task["state"] == "open" or (task["state"] == "annotating" and task["assignee"] != who and self.model.is_over(task))
        ]
        taken = self.acting[who].take()
        assert (taken is None) == (not free)
        if taken is not None:
            assert taken.task_id == free[0]
            self.model.tasks[free[0]] = self.model.after(who, "take", free[0], None)

    def edit(self):
        who, n = self.dice.choice(list(PEOPLE)), self.dice.randrange(8)
        key = next(key for key, task in self.tasks.items() if task.from_frame <= n <= task.to_frame)
        keyframe = self.project.keyframe("clip", "car-1", 100 * n)
        shape = {"center_m": [float(self.dice.randint(0, 10**6)), 1.0, 2.0], "size_m": [4.0, 2.0, 1.5], "yaw_rad": 0.1}
        edit = {"verb": "move_keyframe", "id": keyframe.id, "rev": keyframe.rev, "shape": shape}
        project = self.acting[who].project
        if self.model.tasks[key]["state"] == "accepted":
            with pytest.raises((bw.ConflictError, bw.AccessDenied, bw.UnknownName)):
                project.commit([edit])
            with pytest.raises(bw.ConflictError, match="accepted"):
                self.project.commit([edit])
            self.counts["locked"] += 1
        elif self.model.may_edit(who, key):
            project.commit([edit])
            self.counts["edited"] += 1
        else:
            with pytest.raises((bw.AccessDenied, bw.UnknownName)):
                project.commit([edit])
            self.counts["not edited"] += 1

    def wait(self):
        self.model.now += self.dice.choice((1, LEASE_S // 2, LEASE_S))

    def check(self):
        for task in self.work.tasks():
            expected = self.model.tasks[task.task_id]
            until = None if task.lease_until_ns is None else task.lease_until_ns / 1e9
            found = {"state": task.state, "assignee": task.assignee, "reviewer": task.reviewer, "until": until}
            assert found == {key: value for key, value in expected.items() if key != "authors"}
            assert set(self.project.entity(task.task_id).body["authors"]) == expected["authors"]


def run(place, n, seed, every, monkeypatch):
    dice = random.Random(seed)
    with bw.create_project(place) as project:
        machine = Machine(project, dice, monkeypatch)
        for k in range(n):
            dice.choices((machine.move, machine.take_any, machine.edit, machine.wait), (10, 1, 4, 2))[0]()
            if k % every == 0:
                machine.check()
        machine.check()
        assert all(count >= n / 100 for count in machine.counts.values()), machine.counts
        verdicts = project.kept("verdict", project.scene_id("clip"))
        assert verdicts and all(one.body["reviewer"] not in one.body["authors"] for one in verdicts)
        assert bw.fsck(project).damages == []


def test_some_hundred_steps(place, monkeypatch):
    run(place, 200, 1, 5, monkeypatch)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_thousands_of_steps(place, monkeypatch):
    run(place, 5000, 2, 10, monkeypatch)
