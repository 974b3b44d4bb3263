"""Work of a project on a server: the verbs of `bw.Work`, asked for over HTTP. Who may do what is decided there."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .client import RemoteProject
from .errors import GoldCanBeTold
from .remote_errors import json_of
from .store.canonical import new_id
from .store.task_states import State
from .work.effort import Effort
from .work.views import Guideline, KeptFinding, Member, Task, WorkVerdict

__all__ = ["RemoteWork"]


class RemoteWork:
    """What `bw.Work` is on the project's own machine, for the account whose token it is.

        work = bw.RemoteWork(bw.connect("https://label.example"))
        task = work.take()
        edits = work.project.edits(task.scene)
        work.submit(task)

    Methods take `op_id`, by which a request is done once; one that got no answer is sent again by itself.
    """

    def __init__(self, project: RemoteProject) -> None:
        self.project = project

    @property
    def account(self) -> str:
        return self.project.account

    def __repr__(self) -> str:
        return f"RemoteWork({self.project!r})"

    def _get(self, path: str, **query: Any) -> Any:
        return self.project._json("GET", path, **query)

    def _post(self, path: str, body: Mapping[str, Any] | None, op_id: str | None) -> Any:
        return self.project._json("POST", path, None if body is None else dict(body), key=op_id or new_id())

    def _change(self, method: str, path: str, body: Any, rev: int, op_id: str | None) -> None:
        json_of(self.project._send(method, path, body, key=op_id or new_id(), headers={"If-Match": f'"{rev}"'}), self.project.place)

    # ------------------------------------------------------------ members

    def members(self) -> list[Member]:
        """All of them, by name; to who may not read the whole project himself alone."""
        return [Member(one["account"], tuple(one["roles"]), tuple(one["scopes"]), one["rev"]) for one in self._get("/members")["members"]]

    def set_member(self, account: str, roles: Iterable[str], scopes: Iterable[str] = (), *, op_id: str | None = None) -> Member:
        """Makes an account a member, or one with other roles; never one's own."""
        self._change("PUT", f"/members/{quote(account, safe='')}", {"roles": list(roles), "scopes": list(scopes)}, self._rev(account), op_id)
        return next(one for one in self.members() if one.account == account)

    def remove_member(self, account: str, *, op_id: str | None = None) -> None:
        self._change("DELETE", f"/members/{quote(account, safe='')}", None, self._rev(account), op_id)

    def _rev(self, account: str) -> int:
        return next((one.rev for one in self.members() if one.account == account), 0)

    # ------------------------------------------------------------ making tasks

    def add_tasks(
        self,
        scene: str,
        ranges: Sequence[tuple[int, int]] | None = None,
        *,
        frames_each: int | None = None,
        replicas: int = 1,
        on_layers: bool = False,
        labels: str = "keep",
        sensors: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        instructions: str = "",
        priority: int = 0,
        op_id: str | None = None,
    ) -> list[Task]:
        """See `Work.add_tasks`."""
        lists = {"sensors": sensors, "classes": classes, "ranges": None if ranges is None else [list(one) for one in ranges]}
        said: dict[str, Any] = {key: None if value is None else list(value) for key, value in lists.items()}
        said |= {"frames_each": frames_each, "replicas": replicas, "on_layers": on_layers, "labels": labels}
        found = self._post(f"/scenes/{self.project.scene_id(scene)}/tasks", {**said, "instructions": instructions, "priority": priority}, op_id)
        return [_task(one) for one in found["tasks"]]

    def add_gold(
        self,
        scene: str,
        gold: str,
        frames: tuple[int, int] | None = None,
        *,
        labels: str = "none",
        people: int = 1,
        instructions: str = "",
        priority: int = 0,
        op_id: str | None = None,
    ) -> list[Task]:
        """See `Work.add_gold`."""
        said = {"gold": gold, "frames": None if frames is None else list(frames), "labels": labels, "people": people}
        found = self._post(f"/scenes/{self.project.scene_id(scene)}/gold", {**said, "instructions": instructions, "priority": priority}, op_id)
        if found["note"] is not None:
            warnings.warn(GoldCanBeTold(found["note"]), stacklevel=2)
        return [_task(one) for one in found["tasks"]]

    def add_qualification(
        self,
        scene: str,
        gold: str,
        frames: tuple[int, int] | None = None,
        *,
        name: str = "qualification",
        least_f1: float = 0.9,
        labels: str = "none",
        op_id: str | None = None,
    ) -> None:
        """See `Work.add_qualification`."""
        said = {"gold": gold, "frames": None if frames is None else list(frames), "name": name, "least_f1": least_f1, "labels": labels}
        self._post(f"/scenes/{self.project.scene_id(scene)}/qualifications", said, op_id)

    # ------------------------------------------------------------ tasks and their moves

    def tasks(self, *, state: str | None = None, mine: bool = False) -> list[Task]:
        """Those the account may know of, in their order."""
        return [_task(one) for one in self._get("/tasks", state=state, mine="true" if mine else None)["tasks"]]

    def task(self, task_id: str) -> Task:
        return _task(self._get(f"/tasks/{quote(task_id, safe='')}"))

    def qualify(self, *, op_id: str | None = None) -> Task | None:
        """The next qualification that is not passed; None where all are."""
        found = self._post("/qualifications/next", None, op_id)["task"]
        return None if found is None else _task(found)

    def take(self, task: Task | str | None = None, *, op_id: str | None = None) -> Task | None:
        """A task, or the most urgent that nobody has; None where there is none."""
        if task is not None:
            return self._moved(task, "take", op_id)
        found = self._post("/tasks/next", None, op_id)["task"]
        return None if found is None else _task(found)

    def _moved(self, task: Task | str, move: str, op_id: str | None, **said: Any) -> Task:
        return _task(self._post(f"/tasks/{quote(_id_of(task), safe='')}/{move}", said, op_id)["task"])

    def assign(self, task: Task | str, account: str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "assign", op_id, account=account)

    def unassign(self, task: Task | str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "unassign", op_id)

    def renew(self, task: Task | str, *, op_id: str | None = None) -> Task:
        """The lease begins anew; a minute is a good interval."""
        return self._moved(task, "renew", op_id)

    def release(self, task: Task | str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "release", op_id)

    def submit(self, task: Task | str, *, op_id: str | None = None) -> Task:
        """It is done, and waits for a reviewer. A qualification is graded at once."""
        return self._moved(task, "submit", op_id)

    def withdraw(self, task: Task | str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "withdraw", op_id)

    # ------------------------------------------------------------ review

    def begin_review(self, task: Task | str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "begin-review", op_id)

    def renew_review(self, task: Task | str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "renew-review", op_id)

    def leave_review(self, task: Task | str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "leave-review", op_id)

    def accept(
        self,
        task: Task | str,
        reason: str = "",
        *,
        at_seq: int | None = None,
        guideline: tuple[int, str | None] | None = None,
        op_id: str | None = None,
    ) -> Task:
        """at_seq : `project.seq` when the reviewer read the labels, by default now; ConflictError where labels of the task have changed since"""
        return self._moved(task, "accept", op_id, **self._verdict(reason, at_seq, guideline))

    def reject(
        self,
        task: Task | str,
        reason: str,
        *,
        at_seq: int | None = None,
        guideline: tuple[int, str | None] | None = None,
        op_id: str | None = None,
    ) -> Task:
        return self._moved(task, "reject", op_id, **self._verdict(reason, at_seq, guideline))

    def _verdict(self, reason: str, at_seq: int | None, guideline: tuple[int, str | None] | None) -> dict[str, Any]:
        cited = {} if guideline is None else {"guideline": {"version": guideline[0], "entry": guideline[1]}}
        return {"reason": reason, "at_seq": self.project.seq if at_seq is None else at_seq, **cited}

    def reopen(self, task: Task | str, reason: str, *, op_id: str | None = None) -> Task:
        return self._moved(task, "reopen", op_id, reason=reason)

    def verdicts(self, task: Task | str) -> list[WorkVerdict]:
        """On one task, the first one first."""
        found = self._get(f"/tasks/{quote(_id_of(task), safe='')}/verdicts")["verdicts"]
        return [WorkVerdict(**{**one, "guideline": None if one["guideline"] is None else tuple(one["guideline"])}) for one in found]

    def feedback(self, task: Task | str) -> dict[str, Any]:
        """What `bw.Score.to_dict` gives of a qualification that was submitted: figures, and every error."""
        return self._get(f"/tasks/{quote(_id_of(task), safe='')}/feedback")  # type: ignore[no-any-return]

    # ------------------------------------------------------------ findings, guidelines, effort, quality

    def findings(self, scene: str, *, status: str | None = None) -> list[KeptFinding]:
        found = self._get(f"/scenes/{self.project.scene_id(scene)}/findings", status=status)["findings"]
        return [KeptFinding(**one) for one in found]

    def waive(self, finding: KeptFinding, reason: str, *, op_id: str | None = None) -> None:
        """It is right, and the label stays as it is."""
        path = f"/findings/{quote(finding.entity_id, safe='')}/waive"
        self._change("POST", path, {"reason": reason}, finding.rev, op_id)

    def guideline(self, version: int | None = None) -> Guideline | None:
        """The last version, or a certain one; None where there is none yet."""
        found = self._get("/guideline", version=version)["guideline"]
        return None if found is None else Guideline(**found)

    def set_guideline(self, text: str, entries: Mapping[str, Mapping[str, Any]] | None = None, *, op_id: str | None = None) -> Guideline:
        """The next version."""
        last = self.guideline()
        body = {"text": text, "entries": {name: dict(one) for name, one in (entries or {}).items()}}
        self._change("PUT", "/guideline", body, 0 if last is None else last.version, op_id)
        made = self.guideline(1 if last is None else last.version + 1)
        assert made is not None
        return made

    def effort(self) -> list[Effort]:
        """What each account did to the labels of all tasks; an annotator is told of his own."""
        return [Effort(**one) for one in self._get("/effort")["effort"]]

    def quality(self) -> list[dict[str, Any]]:
        """Every annotator on gold: annotator, rank, and quality with intervals."""
        return self._get("/quality")["annotators"]  # type: ignore[no-any-return]


def _id_of(task: Task | str) -> str:
    return task.task_id if isinstance(task, Task) else task


def _task(row: Mapping[str, Any]) -> Task:
    lists = {key: None if row[key] is None else tuple(row[key]) for key in ("sensors", "classes")}
    return Task(**{**row, **lists, "state": State(row["state"])})
