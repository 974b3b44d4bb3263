"""The verbs of tasks: a range of a scene's frames that one person labels and another one judges.

The body of a task says
    state, lock ("all", or "some" where it is limited), name, purpose (work, gold or qualification)
    from_frame, to_frame : the frames it is about, both included; from_ns, to_ns : the times that belong to them, up to the next task's
    sensors, classes : what it is limited to, or None; is_3d, cameras : what that means for cuboids and for pictures
    is_layer : its scene is a copy that belongs to it alone; group : of which it is one of several replicas; gold : the scene with the answers
    assignee, reviewer, lease_until_ns, authors (everybody who has had it), submitted_seq
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..errors import AccessDenied, ArgumentError, ConflictError, UnknownName, number_of
from .canonical import checked_id
from .entities import PROJECT, Entity, named
from .judging_verbs import add_verdict
from .layers import add_layer
from .member_verbs import checked_account
from .places import ALWAYS
from .roles import Role
from .settings import settings_of
from .sight import members_of, tasks_of
from .task_states import TRANSITIONS, State
from .transactions import Transaction

__all__ = ["MOVE_VERBS", "PURPOSES", "TASK_VERBS"]

Edit = Mapping[str, Any]
Body = dict[str, Any]
PURPOSES = ("work", "gold", "qualification")


# ------------------------------------------------------------ making


def add_task(tx: Transaction, edit: Edit) -> None:
    """Of frames that no other task of the scene has, or not for the same classes and sensors."""
    scene = tx.live(edit["scene"], "scene", "edit.scene")
    frames = tx.named(scene.id, named("frames"))
    times = [one["timestamp_ns"] for one in (frames.body or {})["frames"]] if frames else []
    first, last = edit["from_frame"], edit["to_frame"]
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < len(times):
        expected, hint = f"frames from 0 to {len(times) - 1}, the first before the last", "both are of the task"
        raise ArgumentError(expected=expected, got=f"{first!r:.20} to {last!r:.20}", field="edit.from_frame", hint=hint)
    name = edit.get("name") or f"{(scene.body or {})['name']} {first}-{last}"
    body: Body = {
        "state": State.OPEN.value,
        "lock": "all",
        "name": _text(name, "name"),
        "purpose": edit.get("purpose", "work"),
        "from_frame": first,
        "to_frame": last,
        "from_ns": ALWAYS[0] if first == 0 else times[first],
        "to_ns": ALWAYS[1] if last == len(times) - 1 else times[last + 1] - 1,
        **_limits(tx, scene, edit),
        **{key: edit.get(key) for key in ("group", "gold", "qualification")},
        "is_layer": bool(edit.get("is_layer", False)),
        "instructions": _text(edit.get("instructions", ""), "instructions"),
        "priority": edit.get("priority", 0),
        "assignee": None,
        "reviewer": None,
        "lease_until_ns": None,
        "authors": [],
        "submitted_seq": None,
    }
    _check_new(tx, scene, body)
    place = edit.get("place")
    if place is None:
        there = [*tasks_of(tx.connection), *(one for one in tx.changed if one.kind == "task")]
        place = max((one.place for one in there), default=-1) + 1
    elif type(place) is not int or abs(place) > 1 << 31:
        raise ArgumentError(expected="a whole number", got=f"{place!r:.40}", field="edit.place", hint="leave it out for the last")
    tx.add("task", scene.id, body, entity_id=checked_id("edit.id", edit["id"]), place=place)


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise ArgumentError(expected="a text of up to 4,096 characters", got=f"{value!r:.60}", field=f"edit.{field}", hint="say it in words")
    return value


def _limits(tx: Transaction, scene: Entity, edit: Edit) -> Body:
    """What sensors and classes mean; ArgumentError for a sensor that is not there."""
    wanted = {}
    for key in ("sensors", "classes"):
        value = edit.get(key)
        if value is not None and (not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value)):
            raise ArgumentError(expected="a list of names", got=f"{value!r:.60}", field=f"edit.{key}", hint="leave it out for all")
        wanted[key] = None if value is None else sorted(set(value))
    there = {(one.body or {})["name"]: (one.body or {})["is"] for one in tx.of_kind(scene.id, "sensor")}
    lost = set(wanted["sensors"] or ()) - set(there)
    if lost:
        raise UnknownName("no such sensor", got=repr(min(lost))[:80], field="edit.sensors", hint=f"the scene has {', '.join(there)}")
    chosen = wanted["sensors"]
    cameras = None if chosen is None else [name for name in chosen if there[name] == "camera"]
    is_3d = chosen is None or len(cameras or ()) < len(chosen)
    return {"lock": "all" if wanted["classes"] is None and chosen is None else "some", **wanted, "is_3d": is_3d, "cameras": cameras}


def _check_new(tx: Transaction, scene: Entity, body: Body) -> None:
    if (
        not isinstance(body["purpose"], str)
        or body["purpose"] not in PURPOSES
        or type(body["priority"]) is not int
        or abs(body["priority"]) > 1 << 31
    ):
        got = f"{body['purpose']!r:.40}, {body['priority']!r:.40}"
        raise ArgumentError(expected=f"one of {', '.join(PURPOSES)}, and a whole number", got=got, field="edit.purpose", hint="as priority=0")
    for key in ("group", "qualification"):
        if body[key] is not None and (not isinstance(body[key], str) or not 0 < len(body[key]) <= 64):
            raise ArgumentError(expected="an id", got=f"{body[key]!r:.60}", field=f"edit.{key}", hint="leave it out for none")
    if (body["purpose"] == "work") != (body["gold"] is None):
        raise ArgumentError("a gold task has a scene of answers, and no other has", got=body["purpose"], field="edit.gold", hint="name its scene")
    if body["gold"] is not None and tx.named(PROJECT, named("gold", tx.live(body["gold"], "scene", "edit.gold").id)) is None:
        raise ConflictError("the answers could be read by everybody", field="edit.gold", hint="set_gold hides the scene first")
    for other in (one for one in tx.of_kind(scene.id, "task") if _overlap(one.body or {}, body)):
        raise ConflictError("another task has some of that", got=(other.body or {})["name"], field="edit.from_frame", hint="choose other frames")


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a label could belong to both."""
    if one["to_frame"] < other["from_frame"] or other["to_frame"] < one["from_frame"]:
        return False
    if one["classes"] is not None and other["classes"] is not None and not set(one["classes"]) & set(other["classes"]):
        return False
    in_pictures = one["cameras"] is None or other["cameras"] is None or set(one["cameras"]) & set(other["cameras"])
    return bool((one["is_3d"] and other["is_3d"]) or in_pictures)


def delete_task(tx: Transaction, edit: Edit) -> None:
    """One that nobody has begun: what was worked on stays in the books."""
    task = tx.expected(edit["id"], "task", edit["rev"], [()], "edit.id")
    if (task.body or {})["authors"]:
        raise ConflictError("somebody has worked on the task", got=(task.body or {})["name"], field="edit.id", hint="it stays, and so do its labels")
    tx.remove(task)


# ------------------------------------------------------------ moving


def _move(move: str, tx: Transaction, edit: Edit) -> None:
    task = _next_task(tx) if move == "take" and edit.get("id") is None else _task(tx, edit["id"])
    body = dict(task.body or {})
    state = State(body["state"])
    if (state, move) not in TRANSITIONS:
        from_here = sorted(other for at, other in TRANSITIONS if at is state)
        what, hint = f"a task that is {state} cannot be: {move.replace('_', ' ')}", f"what it can be: {', '.join(from_here).replace('_', ' ')}"
        raise ConflictError(what, got=body["name"], field="edit.id", hint=hint, code="task-state")
    _RULES[move](tx, task, body, edit)
    tx.put(task, {**body, "state": TRANSITIONS[state, move].value})


def _task(tx: Transaction, task_id: Any) -> Entity:
    """One that the account may know of: Sight hides tasks as they are, but that there are some is no secret."""
    found = tx.get(task_id) if isinstance(task_id, str) else None
    if found is None or found.kind != "task" or not found.is_live or not _is_known(tx, found):
        raise UnknownName("no such task", got=f"{task_id!r:.80}", field="edit.id", hint="work.tasks() lists those there are for you")
    return found


def _is_known(tx: Transaction, task: Entity) -> bool:
    body = task.body or {}
    return tx.sees(task) or body["assignee"] == tx.account or body["purpose"] != "qualification"


def _lease(tx: Transaction) -> int:
    return time.time_ns() + int(settings_of(tx)["lease_s"] * 1e9)


def _take(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    if body["assignee"] != tx.account:
        refused = _may_take(task, _had(tx, tx.account), not_passed(tx))
        if refused is not None:
            raise refused
    _hand_to(tx, task, body, tx.account)
    body["lease_until_ns"] = _lease(tx)


def _hand_to(tx: Transaction, task: Entity, body: Body, account: str) -> None:
    """AccessDenied where he has had another replica of it."""
    if body["group"] is not None and _is_second(task, _had(tx, account)):
        raise _second(body, "you have" if account == tx.account else f"{account} has")
    body["assignee"] = account
    body["authors"] = sorted({*body["authors"], account})


def _had(tx: Transaction, account: str) -> dict[str, set[str]]:
    """Groups of replicas -> which of them an account has had."""
    found: dict[str, set[str]] = {}
    for one in tasks_of(tx.connection):
        body = one.body or {}
        if body["group"] is not None and account in body["authors"]:
            found.setdefault(body["group"], set()).add(one.id)
    return found


def _is_second(task: Entity, had: Mapping[str, set[str]]) -> bool:
    return bool(had.get((task.body or {})["group"], set()) - {task.id})


def _second(body: Mapping[str, Any], who: str) -> AccessDenied:
    return AccessDenied(f"{who} had another replica of it", got=body["name"], field="edit.id", hint="replicas are for different people")


def _may_take(task: Entity, had: Mapping[str, set[str]], left: Sequence[Mapping[str, Any]]) -> ConflictError | AccessDenied | None:
    """Why an account may not take it, or None. had : the replicas it has had; left : the qualifications before it"""
    body = task.body or {}
    if body["state"] == State.ANNOTATING and not _is_over(body):
        until = "without end" if body["lease_until_ns"] is None else f"for {max(body['lease_until_ns'] - time.time_ns(), 0) / 1e9:.0f} s more"
        return ConflictError(f"{body['assignee']} has the task, {until}", got=body["name"], field="edit.id", hint="take another", code="taken")
    if body["state"] not in (State.OPEN, State.ANNOTATING):
        return ConflictError(f"the task is {body['state']}", got=body["name"], field="edit.id", hint="take another", code="task-state")
    if _is_second(task, had):
        return _second(body, "you have")
    if body["purpose"] == "qualification":
        return AccessDenied("it is somebody else's qualification", got=body["name"], field="edit.id", hint="work.qualify() gives your own")
    if left:
        what = f"{number_of(len(left), 'qualification')} not passed yet"
        return AccessDenied(what, got=left[0]["name"], field="edit.id", hint="work.qualify() gives the next", code="qualification")
    return None


def not_passed(tx: Transaction) -> list[Mapping[str, Any]]:
    """The qualifications that the account still has before it."""
    wanted = settings_of(tx)["qualifications"]
    if not wanted:
        return []
    grades = (one.body or {} for one in tx.of_kind(PROJECT, "grade"))
    passed = {grade["qualification"] for grade in grades if grade["account"] == tx.account and grade["is_passed"]}
    return [one for one in wanted if one["id"] not in passed]


def _is_over(body: Mapping[str, Any]) -> bool:
    return body["lease_until_ns"] is not None and body["lease_until_ns"] <= time.time_ns()


def _next_task(tx: Transaction) -> Entity:
    """The most urgent that the account may take. UnknownName (code "no-task") where there is none."""
    had, left = _had(tx, tx.account), not_passed(tx)  # once: there may be many tasks, and nobody else writes meanwhile
    for one in sorted(tasks_of(tx.connection), key=lambda one: (-(one.body or {})["priority"], one.place, one.id)):
        body = one.body or {}
        is_free = body["state"] == State.OPEN or (body["state"] == State.ANNOTATING and body["assignee"] != tx.account and _is_over(body))
        if is_free:
            refused = _may_take(one, had, left)
            if refused is None:
                return one
            if refused.code == "qualification":
                raise refused
    raise UnknownName("no task is left to take", field="edit.id", hint="others have them, or all are done", code="no-task")


def _assign(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    account = checked_account(edit["account"], "edit.account")
    members = members_of(tx.connection)
    if members and not any(one["account"] == account and Role.ANNOTATOR in one["roles"] for one in members):
        raise ArgumentError(expected="an annotator", got=repr(account)[:80], field="edit.account", hint="work.members() lists them")
    _hand_to(tx, task, body, account)
    body["lease_until_ns"] = None


def _unassign(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    body.update(assignee=None, reviewer=None, lease_until_ns=None)


def _own(tx: Transaction, body: Body, role: str) -> None:
    if body[role] != tx.account:
        what = f"{body[role]} {'works on' if role == 'assignee' else 'reviews'} the task"
        raise AccessDenied(
            what, got=f"{tx.account!r:.80}", field="edit.id", hint="work.take() gives a task of your own" if role == "assignee" else None
        )


def _release(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _own(tx, body, "assignee")
    _unassign(tx, task, body, edit)


def _renew(role: str, tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _own(tx, body, role)
    body["lease_until_ns"] = _lease(tx)


def _submit(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _own(tx, body, "assignee")
    body.update(submitted_seq=tx.seq, lease_until_ns=None, reviewer=None)


def _withdraw(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _own(tx, body, "assignee")
    if body["purpose"] == "qualification":
        raise ConflictError("a qualification is done once", got=body["name"], field="edit.id", hint="its errors are told; the next one counts")
    body.update(submitted_seq=None, lease_until_ns=_lease(tx))


def _impartial(tx: Transaction, body: Body) -> None:
    if tx.account in body["authors"]:
        raise AccessDenied("nobody judges his own work", got=f"{tx.account!r:.80}", field="edit.id", hint="another reviewer can")


def _begin_review(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _impartial(tx, body)
    if body["state"] == State.IN_REVIEW and body["reviewer"] != tx.account and not _is_over(body):
        raise ConflictError(f"{body['reviewer']} reviews the task", got=body["name"], field="edit.id", hint="take another", code="taken")
    body.update(reviewer=tx.account, lease_until_ns=_lease(tx))


def _leave_review(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _own(tx, body, "reviewer")
    body.update(reviewer=None, lease_until_ns=None)


def _judge(decision: str, tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _own(tx, body, "reviewer")
    _impartial(tx, body)
    add_verdict(tx, task, decision, edit)
    body["lease_until_ns"] = None


def _reopen(tx: Transaction, task: Entity, body: Body, edit: Edit) -> None:
    _impartial(tx, body)
    add_verdict(tx, task, "reopened", {**edit, "at_seq": tx.seq - 1})
    body.update(reviewer=tx.account, lease_until_ns=_lease(tx))


_RULES: dict[str, Callable[[Transaction, Entity, Body, Edit], None]] = {
    "take": _take,
    "assign": _assign,
    "unassign": _unassign,
    "release": _release,
    "renew": partial(_renew, "assignee"),
    "submit": _submit,
    "withdraw": _withdraw,
    "begin_review": _begin_review,
    "renew_review": partial(_renew, "reviewer"),
    "leave_review": _leave_review,
    "accept": partial(_judge, "accepted"),
    "reject": partial(_judge, "rejected"),
    "reopen": _reopen,
}
_NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "take": ((), ("id",)),
    "assign": (("id", "account"), ()),
    "accept": (("id", "at_seq", "label_digest"), ("reason", "guideline")),
    "reject": (("id", "at_seq", "label_digest", "reason"), ("guideline",)),
    "reopen": (("id", "reason"), ("guideline",)),
}

Verb = tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]
# each is a request of its own: what it allows or locks holds from then on
MOVE_VERBS: dict[str, Verb] = {
    f"{move}_task" if "review" not in move else move: (partial(_move, move), *_NEEDS.get(move, (("id",), ()))) for move in _RULES
}
_OF_TASKS = ("name", "purpose", "sensors", "classes", "group", "gold", "qualification", "is_layer", "instructions", "priority", "place")
TASK_VERBS: dict[str, Verb] = {
    "add_layer": (add_layer, ("scene", "id", "name"), ("labels",)),
    "add_task": (add_task, ("scene", "id", "from_frame", "to_frame"), _OF_TASKS),
    "delete_task": (delete_task, ("id", "rev"), ()),
    **MOVE_VERBS,
}
