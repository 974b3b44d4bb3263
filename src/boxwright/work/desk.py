"""Work: what the members of a project do, each as far as he may."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import Finding, Findings
from ..checks.findings import label_digest
from ..errors import AccessDenied, ArgumentError, UnknownName
from ..formats.boxwright_pictures import image_track_mapping
from ..scene import Scene
from ..store import Commit, Entity, Project
from ..store.canonical import checked_id
from ..store.finding_verbs import FINDING_KEYS, SUGGESTION, revisions_of
from ..store.places import label_changes
from ..store.requests import account_of, digest_of, repeated
from ..store.roles import Action, Standing, Where, permits
from ..store.settings import SETTINGS
from ..store.sight import standing_of, tasks_of
from ..store.task_states import State
from ..store.transactions import Transaction
from .views import Guideline, KeptFinding, Member, Task, WorkVerdict, task_of

__all__ = ["Desk", "range_digest"]


class Desk:
    """What is common to all that is done in a project: tasks, verdicts, findings, guidelines. `Work` is the whole of it."""

    def __init__(self, project: Project) -> None:
        """project : acting as an account, which is asked for its rights, or the project itself"""
        self.project = project
        self._host = project if project.account is None else Project(project.database)

    @property
    def account(self) -> str | None:
        return self.project.account

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.project!r}{'' if self.account is None else f', {self.account!r}'})"

    def _commit(
        self,
        *asked: Mapping[str, Any],
        by: str | None = None,
        op_id: str | None = None,
        made: Callable[[], Sequence[Mapping[str, Any]]] | None = None,
    ) -> Commit:
        """asked : the edits, as far as they do not hang on the project as it is now, so that a request that comes again is the same
        made : gives them as a whole, where they do; not called where the request was done before
        """
        if made is None:
            return self.project.commit(list(asked), by=by, op_id=op_id)
        if op_id is not None:
            digest = digest_of(asked, account_of(by, self.account), None)
            with self.project.database.reading() as connection:
                done = repeated(connection, checked_id("op_id", op_id), digest)
            if done is not None:
                return done
        return self.project.commit(made(), by=by, op_id=op_id, asked=asked)

    def _revised(self, asked: Mapping[str, Any], kind: str, *parts: Any) -> Callable[[], Sequence[Mapping[str, Any]]]:
        """An edit of something that may be there, with the revision it is made at."""

        def made() -> Sequence[Mapping[str, Any]]:
            old = self._host.find("", kind, *parts)
            return [{**asked, **({} if old is None else {"rev": old.rev})}]

        return made

    def _left(self, commit: Commit, kind: str) -> Entity:
        """What a request left of the one thing of a kind that it changed, whatever came after."""
        return next(one for one in self._host.changes(commit.seq) if one.kind == kind)

    def _standing(self) -> Standing | None:
        if self.account is None:
            return None
        with self.project.database.reading() as connection:
            return standing_of(connection, self.account, self.project.scopes)

    def _may(self, action: Action, where: Where | None = None) -> bool:
        """where : everywhere, where it is left out"""
        who = self._standing()
        return who is None or permits(who, action, where or Where())

    # ------------------------------------------------------------ members

    def members(self) -> list[Member]:
        """All of them, by name; to who may not read the whole project himself alone."""
        is_all = self._may(Action.READ)
        made = [_member(one) for one in self._host.kept("member")]
        return sorted((one for one in made if is_all or one.account == self.account), key=lambda one: one.account)

    def set_member(
        self, account: str, roles: Iterable[str], scopes: Iterable[str] = (), *, by: str | None = None, op_id: str | None = None
    ) -> Member:
        """Makes an account a member, or one with other roles. roles : some of viewer, annotator, reviewer and admin, or machine with its scopes"""
        asked = {"verb": "set_member", "account": account, "roles": list(roles), "scopes": list(scopes)}
        return _member(self._left(self._commit(asked, by=by, op_id=op_id, made=self._revised(asked, "member", account)), "member"))

    def remove_member(self, account: str, *, by: str | None = None, op_id: str | None = None) -> Commit:
        asked = {"verb": "remove_member", "account": account}

        def made() -> Sequence[Mapping[str, Any]]:
            old = self._host.find("", "member", account)
            if old is None:
                raise UnknownName("no such member", got=f"{account!r:.80}", field="account", hint="work.members() lists them")
            return [{**asked, "rev": old.rev}]

        return self._commit(asked, by=by, op_id=op_id, made=made)

    def settings(self) -> dict[str, Any]:
        """How work is done here; qualifications with their answers are told to who may see gold."""
        kept = self._host.find("", "work")
        told = {**SETTINGS, **((kept.body or {}) if kept else {})}
        return told if self._may(Action.SEE_GOLD) else {key: value for key, value in told.items() if key != "qualifications"}

    def set(self, *, by: str | None = None, op_id: str | None = None, **settings: Any) -> Commit:
        """lease_s, idle_cap_s, annotators_read_all : see `settings`"""
        asked = {"verb": "set_work", "set": settings}
        return self._commit(asked, by=by, op_id=op_id, made=self._revised(asked, "work"))

    # ------------------------------------------------------------ tasks

    def tasks(self, scene: str | None = None, *, state: str | None = None, mine: bool = False) -> list[Task]:
        """In their order. An annotator is told of his own and of those that are open; of qualifications, everybody of his own."""
        who = self._standing()
        with self.project.database.reading() as connection:
            found = tasks_of(connection)
        scenes = {one.id: (one.body or {})["name"] for one in self._host.kept("scene")}
        is_told = who is None or permits(who, Action.SEE_GOLD)
        told = [one for one in sorted(found, key=lambda one: (one.place, one.id)) if is_told or _is_told_of(one, who)]
        made = [task_of(one, scenes, is_told=is_told, account=self.account) for one in told]
        return [
            one
            for one in made
            if scene in (None, one.scene) and state in (None, one.state) and (not mine or self.account in (one.assignee, one.reviewer))
        ]

    def task(self, task_id: str) -> Task:
        """UnknownName where there is none that the account may know of."""
        for one in self.tasks():
            if one.task_id == task_id:
                return one
        raise UnknownName("no such task", got=f"{task_id!r:.80}", field="task", hint="work.tasks() lists those there are for you")

    def _moved(self, move: str, task: Task | str | None, by: str | None, op_id: str | None, **said: Any) -> Task:
        key = task.task_id if isinstance(task, Task) else task
        edit = {"verb": move, **({} if key is None else {"id": key}), **said}
        return self._task_moved(self._commit(edit, by=by, op_id=op_id), by)

    def _task_moved(self, commit: Commit, by: str | None) -> Task:
        moved = next(one for one in map(self._host.entity, commit.revisions) if one.kind == "task")
        scenes = {moved.scene_id: (self._host.entity(moved.scene_id).body or {})["name"]}
        gold = (moved.body or {})["gold"]
        scenes |= {} if gold is None else {gold: (self._host.entity(gold).body or {})["name"]}
        return task_of(moved, scenes, is_told=self._may(Action.SEE_GOLD), account=self.account or by)

    def take(self, task: Task | str | None = None, *, by: str | None = None, op_id: str | None = None) -> Task | None:
        """A task to work on: the most urgent one that nobody has, None where there is none left; or a certain one.

        It is leased: who is not heard of (`renew`) for `settings()["lease_s"]` may lose it to somebody else. ConflictError where somebody has the one
        that is asked for, AccessDenied (code "qualification") where a qualification comes first.
        """
        try:
            return self._moved("take_task", task, by, op_id)
        except UnknownName as error:
            if error.code == "no-task":
                return None
            raise

    def assign(self, task: Task | str, account: str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """To somebody, without a lease."""
        return self._moved("assign_task", task, by, op_id, account=account)

    def unassign(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """Takes it from whoever has it; it is open again."""
        return self._moved("unassign_task", task, by, op_id)

    def renew(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """The lease begins anew; a minute is a good interval."""
        return self._moved("renew_task", task, by, op_id)

    def release(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """Gives it back; it is open again, and its labels stay."""
        return self._moved("release_task", task, by, op_id)

    def withdraw(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """Takes back what was submitted, as long as nobody reviews it."""
        return self._moved("withdraw_task", task, by, op_id)

    # ------------------------------------------------------------ review

    def begin_review(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """Never of one's own work: AccessDenied for everybody who has had the task. The reviewer may edit its labels; his verdict tells."""
        return self._moved("begin_review", task, by, op_id)

    def renew_review(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        return self._moved("renew_review", task, by, op_id)

    def leave_review(self, task: Task | str, *, by: str | None = None, op_id: str | None = None) -> Task:
        return self._moved("leave_review", task, by, op_id)

    def accept(
        self,
        task: Task | str,
        reason: str = "",
        *,
        at_seq: int | None = None,
        guideline: tuple[int, str | None] | None = None,
        by: str | None = None,
        op_id: str | None = None,
    ) -> Task:
        """The labels are right, and locked from now on.

        at_seq : `project.seq` when the reviewer read them, by default now; ConflictError where labels of the task have changed since
        guideline : (version, entry) that the verdict cites
        """
        return self._judged("accept_task", task, reason, at_seq, guideline, by, op_id)

    def reject(
        self,
        task: Task | str,
        reason: str,
        *,
        at_seq: int | None = None,
        guideline: tuple[int, str | None] | None = None,
        by: str | None = None,
        op_id: str | None = None,
    ) -> Task:
        """The labels are wrong for a reason, and go back to who made them."""
        return self._judged("reject_task", task, reason, at_seq, guideline, by, op_id)

    def reopen(self, task: Task | str, reason: str, *, by: str | None = None, op_id: str | None = None) -> Task:
        """What was accepted is looked at again, by who asks for it."""
        return self._moved("reopen_task", task, by, op_id, reason=reason)

    def _judged(self, move: str, task: Task | str, reason: str, at_seq: Any, guideline: Any, by: str | None, op_id: str | None) -> Task:
        key = task.task_id if isinstance(task, Task) else task
        cited = {} if guideline is None else {"guideline": {"version": guideline[0], "entry": guideline[1]}}
        seen = {} if at_seq is None else {"at_seq": at_seq}
        asked = {"verb": move, "id": key, "reason": reason, **seen, **cited}

        def made() -> Sequence[Mapping[str, Any]]:
            self.project.permit(Action.JUDGE)
            one = self._host.entity(key)
            if one.kind != "task" or one.body is None:
                raise UnknownName("no such task", got=f"{key!r:.80}", field="task", hint="work.tasks() lists them")
            at = self.project.seq if at_seq is None else at_seq
            digest = range_digest(self._host.read((self._host.entity(one.scene_id).body or {})["name"], at=at), one.body)
            return [{**asked, "at_seq": at, "label_digest": digest}]

        return self._task_moved(self._commit(asked, by=by, op_id=op_id, made=made), by)

    def verdicts(self, task: Task | str) -> list[WorkVerdict]:
        """On one task, the first one first."""
        key = self.task(task.task_id if isinstance(task, Task) else task).task_id
        one = self._host.entity(key)
        found = [verdict for verdict in self._host.kept("verdict", one.scene_id) if (verdict.body or {})["task"] == key]
        if not found:
            return []
        digest = range_digest(self._host.read((self._host.entity(one.scene_id).body or {})["name"]), one.body or {})
        with self.project.database.reading() as connection:
            tx = Transaction(connection, "")
            changed = {verdict.id: bool(label_changes(tx, one, (verdict.body or {})["at_seq"])) for verdict in found}
        return [_verdict(verdict, changed[verdict.id] or digest != (verdict.body or {})["label_digest"]) for verdict in found]

    # ------------------------------------------------------------ findings

    def keep_findings(
        self,
        scene: str,
        findings: Findings | Sequence[Finding],
        *,
        at_seq: int,
        rules: Iterable[str],
        by: str | None = None,
        op_id: str | None = None,
    ) -> Commit:
        """What `bw.check` found in a scene as it was after the transaction `at_seq`.

        rules : ids of the rules that were asked; what they found before, and did not find again, is fixed
        """
        said = [_finding_mapping(one) for one in findings]
        edit = {"verb": "keep_findings", "scene": self.project.scene_id(scene), "at_seq": at_seq, "rules": sorted(rules), "findings": said}
        return self._commit(edit, by=by, op_id=op_id)

    def findings(self, scene: str, *, status: str | None = None) -> list[KeptFinding]:
        """Those that are kept of a scene."""
        found = self.project.entities(scene, "finding")
        with self.project.database.reading() as connection:
            tx = Transaction(connection, "")
            stale = {one.id: revisions_of(tx, one) != (one.body or {})["revisions"] for one in found}
        return [_kept(one, stale[one.id]) for one in found if status in (None, (one.body or {})["status"])]

    def waive(self, finding: KeptFinding, reason: str, *, by: str | None = None, op_id: str | None = None) -> Commit:
        """It is right, and the label stays as it is."""
        return self._commit({"verb": "waive_finding", "id": finding.entity_id, "rev": finding.rev, "reason": reason}, by=by, op_id=op_id)

    # ------------------------------------------------------------ guidelines

    def guideline(self, version: int | None = None) -> Guideline | None:
        """The last version, or a certain one; None where there is none yet."""
        if not self._may(Action.READ, Where(is_own=True)):
            raise AccessDenied("no member of the project", got=repr(self.account)[:80], hint="an admin adds members")
        kept = self._host.find("", "guideline")
        if kept is None:
            return None
        with self.project.database.reading() as connection:
            image = kept if version is None else Transaction(connection, "").image(kept.id, version)
        if image is None:
            raise UnknownName(
                "no such version", expected=f"one of 1 to {kept.rev}", got=str(version), field="version", hint="leave it out for the last"
            )
        return _guideline(image)

    def set_guideline(
        self, text: str, entries: Mapping[str, Mapping[str, Any]] | None = None, *, by: str | None = None, op_id: str | None = None
    ) -> Guideline:
        """The next version. entries : class -> {"text", "examples": [{"scene", "frame_index", "note"}]}"""
        said = {name: {"text": one.get("text", ""), "examples": list(one.get("examples", ()))} for name, one in (entries or {}).items()}
        asked = {"verb": "set_guideline", "text": text, "entries": said}
        made = self._left(self._commit(asked, by=by, op_id=op_id, made=self._revised(asked, "guideline")), "guideline")
        return _guideline(made)


def range_digest(scene: Scene, task: Mapping[str, Any]) -> str:
    """Of a task's labels: of cuboids as `bw.ReviewVerdict` has it, and in pictures; of each track also the keyframe on either side, which what lies
    between hangs on."""
    first, last = task["from_frame"], task["to_frame"]
    begin, end = scene.times_ns[first], scene.times_ns[last]
    tracks = [track for track in scene.tracks if task["is_3d"] and (task["classes"] is None or track.category in task["classes"])]
    inside = sorted(track.track_id for track in tracks if track.times_ns[0] <= end and begin <= track.times_ns[-1])
    in_space, pictures = label_digest(scene, inside, first, last), []
    for one in sorted(scene.image_tracks, key=lambda one: one.track_id):
        is_mine = (task["classes"] is None or one.category in task["classes"]) and (task["cameras"] is None or one.camera in task["cameras"])
        if is_mine and one.times_ns[0] <= task["to_ns"] and task["from_ns"] <= one.times_ns[-1]:  # cameras expose at times of their own
            low, high = np.searchsorted(one.times_ns, task["from_ns"], side="left"), np.searchsorted(one.times_ns, task["to_ns"], side="right")
            pictures.append(image_track_mapping(one.take(slice(max(int(low) - 1, 0), int(high) + 1))))
    if not pictures:
        return in_space
    return hashlib.sha256(json.dumps([in_space, pictures], sort_keys=True, default=str).encode()).hexdigest()[:16]


def _member(one: Entity) -> Member:
    body = one.body or {}
    return Member(body["account"], tuple(body["roles"]), tuple(body["scopes"]), one.rev)


def _guideline(one: Entity) -> Guideline:
    return Guideline(one.rev, (one.body or {})["text"], (one.body or {})["entries"])


def _is_told_of(one: Entity, who: Standing | None) -> bool:
    """To an account that may not see gold."""
    if who is None:
        return True
    body = one.body or {}
    if body["assignee"] == who.account:
        return True
    if body["purpose"] == "qualification":
        return False
    return permits(who, Action.READ, Where()) or (permits(who, Action.WORK) and body["state"] == State.OPEN)


def _verdict(one: Entity, is_stale: bool) -> WorkVerdict:
    body = one.body or {}
    cited = None if body["guideline"] is None else (body["guideline"]["version"], body["guideline"]["entry"])
    keys = ("decision", "reason", "reviewer", "at_seq", "n_reviewer_edits")
    return WorkVerdict(one.id, body["task"], guideline=cited, is_stale=is_stale, **{key: body[key] for key in keys})


def _finding_mapping(one: Finding) -> dict[str, Any]:
    if not isinstance(one, Finding):
        raise ArgumentError(expected="findings of bw.check", got=type(one).__name__, field="findings", hint="bw.check(scene) gives them")
    said = {key: getattr(one, key) for key in FINDING_KEYS}
    numbers = {key: float(said[key]) if np.isfinite(said[key]) else None for key in ("value", "threshold")}
    frames = {key: int(said[key]) for key in ("frame_index", "last_frame_index", "worst_frame_index", "timestamp_ns")}
    said |= {} if one.suggestion is None else {SUGGESTION: one.suggestion.to_dict()}
    return {**said, **numbers, **frames, "severity": one.severity.name.lower(), "track_ids": list(one.track_ids), "categories": list(one.categories)}


def _kept(one: Entity, is_stale: bool) -> KeptFinding:
    body = one.body or {}
    keys = ("finding_id", "rule", "severity", "message", "status", "reason", "waived_by")
    said = {key: body[key] for key in (*FINDING_KEYS, SUGGESTION) if key in body}
    return KeptFinding(one.id, one.rev, is_stale=is_stale, said=said, **{key: body[key] for key in keys})
