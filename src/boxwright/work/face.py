"""What is known of work by its answers: qualifications, gold, replicas that become one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ..combining import Consensus, consensus
from ..errors import AccessDenied, ArgumentError, ConflictError
from ..scene import Scene
from ..scoring import AnnotatorQuality, Score, compare_annotators, score
from ..store import Entity
from ..store.canonical import new_id
from ..store.roles import Action
from ..store.sight import tasks_of
from ..store.task_states import State
from .effort import Effort, efforts
from .planning import Planning
from .views import Task

__all__ = ["Work"]

_DONE = (State.SUBMITTED, State.IN_REVIEW, State.REJECTED, State.ACCEPTED)


class Work(Planning):
    """Members, tasks, reviews, findings and guidelines of a project, each as far as who acts may see and do them.

        work = bw.Work(project)                        # on the project's own machine: everything
        work.set_member("anna", ["annotator"])
        work.add_tasks("0012", frames_each=50)
        mine = bw.Work(project.acting_as("anna"))
        task = mine.take()

    Methods that change something take `by`, whose name the log gets where nobody acts, and `op_id`, by which a request is done once.
    """

    # ------------------------------------------------------------ done work

    def submit(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """It is done, and waits for a reviewer. A qualification is graded at once."""
        moved = self._moved("submit_task", task, by, op_id)
        one = self._host.entity(moved.task_id)
        if (one.body or {})["purpose"] == "qualification":
            self._grade(one)
        return moved

    def _grade(self, task: Entity) -> None:
        body = task.body or {}
        if any((grade.body or {})["task"] == task.id for grade in self._host.kept("grade")):
            return  # the request came twice
        wanted = next(one for one in self._all_settings()["qualifications"] if one["id"] == body["qualification"])
        found = self._score(task)
        pictures = found.pictures.values()
        is_passed = found.f1 >= wanted["least_f1"]
        n_objects = found.overall.n_objects + sum(one.n_objects for one in pictures)
        n_errors = len(found.errors) + sum(one.n_gold + one.n_labels - 2 * one.n_matched for one in pictures)
        quality = {"f1": found.f1, "n_objects": n_objects, "n_errors": n_errors}
        grade = {"at_seq": body["submitted_seq"], **quality, "is_passed": bool(is_passed)}
        self._host.commit([{"verb": "add_grade", "task": task.id, "grade": grade}], by="boxwright")

    def _all_settings(self) -> dict[str, Any]:
        return Work(self._host).settings()

    def qualify(self, *, by: str | None = None) -> Task | None:
        """The next qualification that is not passed, made for who asks and given to him; None where he has passed all."""
        self.project.permit(Action.WORK)
        account = self.account if self.account is not None else by
        if account is None:
            raise ArgumentError("whose qualification it is, is not said", field="by", hint="work of an acting project knows, or say by=")
        grades = [grade.body or {} for grade in self._host.kept("grade")]
        passed = {grade["qualification"] for grade in grades if grade["account"] == account and grade["is_passed"]}
        with self.project.database.reading() as connection:
            mine = [one for one in tasks_of(connection) if (one.body or {})["assignee"] == account]
        for wanted in self._all_settings()["qualifications"]:
            if wanted["id"] in passed:
                continue
            for one in mine:
                if (one.body or {})["qualification"] == wanted["id"] and (one.body or {})["state"] == State.ANNOTATING:
                    return self.task(one.id)
            task_id, layer_id = new_id(), new_id()
            layer = {"scene": wanted["scene"], "id": layer_id, "name": f"{wanted['name']}~{layer_id[-6:]}", "labels": wanted["labels"]}
            said = {"purpose": "qualification", "gold": wanted["gold"], "qualification": wanted["id"], "name": wanted["name"], "is_layer": True}
            task = {"scene": layer_id, "id": task_id, "from_frame": wanted["from_frame"], "to_frame": wanted["to_frame"], **said}
            self._host.commit([{"verb": "add_layer", **layer}, {"verb": "add_task", **task}], by="boxwright")
            self._host.commit([{"verb": "assign_task", "id": task_id, "account": account}], by="boxwright")
            return self.task(task_id)
        return None

    def feedback(self, task: Task | str) -> Score:
        """Every error of a qualification that was submitted, with what is there and what should be. Of gold, reviewers and admins alone are told."""
        one = self._task_entity(task)
        body = one.body or {}
        is_own = body["purpose"] == "qualification" and body["assignee"] == self.account
        if not is_own:
            self.project.permit(Action.SEE_GOLD)
        if body["gold"] is None:
            raise ArgumentError("the task has no answers", got=body["name"], field="task", hint="reviewers judge it")
        if body["submitted_seq"] is None:
            raise AccessDenied("errors are told when the task is submitted", got=body["name"], field="task", hint="work.submit(task)")
        return self._score(one)

    def _task_entity(self, task: Task | str) -> Entity:
        return self._host.entity(self.task(task.task_id if isinstance(task, Task) else task).task_id)

    def _score(self, task: Entity, *, is_apart: bool = False) -> Score:
        """Of what was submitted, against the answers as they are now. is_apart : with objects of its own, whoever else has the same"""
        body = task.body or {}
        gold = self._host.read((self._host.entity(body["gold"]).body or {})["name"])
        gold = gold.replace(name=f"{gold.name}, {task.id}") if is_apart else gold
        frames = range(body["from_frame"], body["to_frame"] + 1)
        return dataclasses.replace(score(self._submitted(task), gold, frames=frames), annotator=body["assignee"])

    def _submitted(self, task: Entity) -> Scene:
        return self._host.read((self._host.entity(task.scene_id).body or {})["name"], at=(task.body or {})["submitted_seq"])

    # ------------------------------------------------------------ quality and effort

    def gold_scores(self, account: str | None = None) -> list[Score]:
        """Of all gold and qualifications that were submitted, or of one annotator's."""
        return [self._score(one) for one in self._done_gold() if account in (None, (one.body or {})["assignee"])]

    def _done_gold(self) -> list[Entity]:
        """Tasks with answers that were submitted, in the order in which they were."""
        self.project.permit(Action.SEE_GOLD)
        with self.project.database.reading() as connection:
            tasks = [one for one in tasks_of(connection) if (one.body or {})["gold"] is not None and (one.body or {})["state"] in _DONE]
        return sorted(tasks, key=lambda one: (one.body or {})["submitted_seq"])

    def quality(self) -> list[AnnotatorQuality]:
        """Every annotator on gold, with intervals; nobody is ranked who labelled fewer than 50 objects of it. Of a qualification the first
        try counts: before the next one its errors were told."""
        tries: dict[tuple[str, str], Entity] = {}
        for one in self._done_gold():
            body = one.body or {}
            tries.setdefault((body["assignee"], body["qualification"] or one.id), one)
        return compare_annotators([self._score(one, is_apart=True) for one in tries.values()])

    def effort(self, task: Task | str | None = None) -> list[Effort]:
        """What each account did to the labels of a task, or of all tasks. An annotator is told of his own."""
        idle_cap_s = float(self.settings()["idle_cap_s"])
        entities = None if task is None else [self._task_entity(task)]
        with self.project.database.reading() as connection:
            found = efforts(connection, tasks_of(connection) if entities is None else entities, idle_cap_s)
        return found if self._may(Action.SEE_GOLD) else [one for one in found if one.account == self.account]

    # ------------------------------------------------------------ replicas

    def replicas(self, group: str) -> dict[str, Scene]:
        """Annotator -> his labels as he submitted them, of a group of replicas that all are done."""
        self.project.permit(Action.SEE_GOLD)
        with self.project.database.reading() as connection:
            tasks: Sequence[Entity] = [one for one in tasks_of(connection) if (one.body or {})["group"] == group]
        left = [(one.body or {})["name"] for one in tasks if (one.body or {})["state"] not in _DONE]
        if left or not tasks:
            raise ConflictError("not all replicas are done", got=", ".join(left)[:80] or "none of that group", field="group", hint="wait for them")
        return {(one.body or {})["assignee"]: self._submitted(one) for one in tasks}

    def consensus(self, group: str, *, name: str | None = None, by: str | None = None, op_id: str | None = None) -> Consensus:
        """One set of labels of all replicas, see `bw.consensus`. name : kept in the project as a scene of that name, of labels alone"""
        made = consensus(self.replicas(group))
        if name is not None:
            self.project.add_scene(made.scene, name=name, by=by, op_id=op_id)
        return made
