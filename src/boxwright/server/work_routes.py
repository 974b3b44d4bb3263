"""Work: members, tasks and their moves, verdicts, guidelines, findings, effort. Who may do what, and what each is told, says `bw.Work`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ..errors import ArgumentError
from ..qualities import quality_dict
from ..store.roles import Action
from ..work import Task, Work
from .answers import json_answer
from .geometry_routes import plain
from .label_routes import committed, etag
from .models import GoldBody, GuidelineBody, MemberBody, MoveBody, QualificationBody, TasksBody, WaiveBody
from .rights import CheckedRoute, asked, asks

__all__ = ["MOVES", "router"]

router = APIRouter(prefix="/api/v1", route_class=CheckedRoute)
AccountName = Annotated[str, Path(min_length=1, max_length=64)]
TaskId = Annotated[str, Path(min_length=8, max_length=64, pattern="^[A-Za-z0-9_-]+$")]
_Move = Callable[[Work, str, MoveBody, str | None], Any]


def _verdict(body: MoveBody) -> dict[str, Any]:
    if body.at_seq is None:
        raise ArgumentError(expected="at_seq", got="none", field="at_seq", hint="the last transaction that the reviewer saw")
    return {"at_seq": body.at_seq, "guideline": None if body.guideline is None else (body.guideline.version, body.guideline.entry)}


def _account(body: MoveBody) -> str:
    if body.account is None:
        raise ArgumentError(expected="account", got="none", field="account", hint="whose it shall be")
    return body.account


# what is done to a task, by the last part of the path
MOVES: dict[str, tuple[Action, _Move]] = {
    "take": (Action.WORK, lambda work, task, body, op_id: work.take(task, op_id=op_id)),
    "renew": (Action.WORK, lambda work, task, body, op_id: work.renew(task, op_id=op_id)),
    "release": (Action.WORK, lambda work, task, body, op_id: work.release(task, op_id=op_id)),
    "submit": (Action.WORK, lambda work, task, body, op_id: work.submit(task, op_id=op_id)),
    "withdraw": (Action.WORK, lambda work, task, body, op_id: work.withdraw(task, op_id=op_id)),
    "assign": (Action.ADMINISTER, lambda work, task, body, op_id: work.assign(task, _account(body), op_id=op_id)),
    "unassign": (Action.ADMINISTER, lambda work, task, body, op_id: work.unassign(task, op_id=op_id)),
    "begin-review": (Action.JUDGE, lambda work, task, body, op_id: work.begin_review(task, op_id=op_id)),
    "renew-review": (Action.JUDGE, lambda work, task, body, op_id: work.renew_review(task, op_id=op_id)),
    "leave-review": (Action.JUDGE, lambda work, task, body, op_id: work.leave_review(task, op_id=op_id)),
    "accept": (Action.JUDGE, lambda work, task, body, op_id: work.accept(task, body.reason, **_verdict(body), op_id=op_id)),
    "reject": (Action.JUDGE, lambda work, task, body, op_id: work.reject(task, body.reason, **_verdict(body), op_id=op_id)),
    "reopen": (Action.JUDGE, lambda work, task, body, op_id: work.reopen(task, body.reason, op_id=op_id)),
}
MoveName = Literal[
    "take",
    "renew",
    "release",
    "submit",
    "withdraw",
    "assign",
    "unassign",
    "begin-review",
    "renew-review",
    "leave-review",
    "accept",
    "reject",
    "reopen",
]


def _work(request: Request) -> Work:
    return Work(asked(request).project)


def _task(one: Task) -> dict[str, Any]:
    return plain({**dataclasses.asdict(one), "state": str(one.state)})  # type: ignore[no-any-return]


# ------------------------------------------------------------ members


@router.get("/members")
@asks(Action.READ)
def get_members(request: Request) -> Response:
    """All of them; to who may not read the whole project himself alone."""
    return json_answer({"members": [dataclasses.asdict(one) for one in _work(request).members()]})


@router.put("/members/{account}")
@asks(Action.ADMINISTER, match=True, commits=True)
def put_member(request: Request, account: AccountName, body: MemberBody) -> Response:
    """Roles of an account; never one's own. If-Match: "0" for a new member."""
    rev = asked(request).rev
    edit = {"verb": "set_member", "account": account, "roles": body.roles, "scopes": body.scopes}
    return committed(request, [{**edit, **({"rev": rev} if rev else {})}])


@router.delete("/members/{account}")
@asks(Action.ADMINISTER, match=True, commits=True)
def delete_member(request: Request, account: AccountName) -> Response:
    return committed(request, [{"verb": "remove_member", "account": account, "rev": asked(request).rev}])


# ------------------------------------------------------------ tasks


@router.get("/tasks")
@asks(Action.READ)
def get_tasks(request: Request, state: Annotated[str | None, Query(max_length=20)] = None, mine: bool = False) -> Response:
    """Those the account may know of, in their order."""
    return json_answer({"tasks": [_task(one) for one in _work(request).tasks(state=state, mine=mine)]})


@router.get("/tasks/{task_id}")
@asks(Action.READ)
def get_task(request: Request, task_id: TaskId) -> Response:
    one = _work(request).task(task_id)
    return json_answer(_task(one), headers=etag(one.rev))


@router.post("/scenes/{scene_id}/tasks")
@asks(Action.ADMINISTER, commits=True)
def post_tasks(request: Request, scene_id: str, body: TasksBody) -> Response:
    """Tasks over ranges of a scene's frames, in one transaction."""
    said = body.model_dump()
    said["ranges"] = None if body.ranges is None else [tuple(one) for one in body.ranges]
    made = _work(request).add_tasks(asked(request).scene_name, **said, op_id=asked(request).op_id)
    request.app.state.nudge()
    return json_answer({"tasks": [_task(one) for one in made]})


@router.post("/tasks/next")
@asks(Action.WORK, commits=True)
def post_next(request: Request) -> Response:
    """The most urgent task that nobody has becomes the account's; null where there is none."""
    found = _work(request).take(op_id=asked(request).op_id)
    request.app.state.nudge()
    return json_answer({"task": None if found is None else _task(found)})


@router.post("/scenes/{scene_id}/gold")
@asks(Action.ADMINISTER, commits=True)
def post_gold(request: Request, scene_id: str, body: GoldBody) -> Response:
    """Tasks of a scene whose answers are known, told to annotators as any task is; the scene with the answers is hidden from now on."""
    work = _work(request)
    made = work.add_gold(asked(request).scene_name, **_framed(body), op_id=asked(request).op_id, warns=False)
    request.app.state.nudge()
    return json_answer({"tasks": [_task(one) for one in made], "note": work.gold_note()})


@router.post("/scenes/{scene_id}/qualifications")
@asks(Action.ADMINISTER, commits=True)
def post_qualification(request: Request, scene_id: str, body: QualificationBody) -> Response:
    """What everybody must have done before real work; the scene with the answers is hidden from now on."""
    commit = _work(request).add_qualification(asked(request).scene_name, **_framed(body), op_id=asked(request).op_id)
    request.app.state.nudge()
    return json_answer({"seq": commit.seq})


def _framed(body: GoldBody | QualificationBody) -> dict[str, Any]:
    return {**body.model_dump(), "frames": None if body.frames is None else (body.frames[0], body.frames[1])}


@router.post("/qualifications/next")
@asks(Action.WORK, commits=True)
def post_next_qualification(request: Request) -> Response:
    """The next qualification that the account has not passed, as a task of its own; null where it has passed all. Submitting it grades it."""
    found = _work(request).qualify()
    request.app.state.nudge()
    return json_answer({"task": None if found is None else _task(found)})


@router.post("/tasks/{task_id}/{move}")
@asks(Action.READ, commits=True)
def post_move(request: Request, task_id: TaskId, move: MoveName, body: MoveBody) -> Response:
    """A move of the table of states. 409 where the task does not move so, or is somebody else's"""
    action, moved = MOVES[move]
    one = asked(request)
    one.project.permit(action)
    _work(request).task(task_id)  # one that the account may know of
    found = moved(_work(request), task_id, body, one.op_id)
    request.app.state.nudge()
    return json_answer({"task": _task(found)})


@router.get("/tasks/{task_id}/verdicts")
@asks(Action.READ)
def get_verdicts(request: Request, task_id: TaskId) -> Response:
    return json_answer({"verdicts": [dataclasses.asdict(one) for one in _work(request).verdicts(task_id)]})


@router.get("/tasks/{task_id}/feedback")
@asks(Action.READ, work=True)
def get_feedback(request: Request, task_id: TaskId) -> Response:
    """Every error of a qualification that was submitted."""
    return json_answer(plain(_work(request).feedback(task_id).to_dict()))


@router.get("/effort")
@asks(Action.READ, work=True)
def get_effort(request: Request) -> Response:
    """What each account did; an annotator is told of his own."""
    return json_answer({"effort": plain([dataclasses.asdict(one) for one in _work(request).effort()])})


@router.get("/quality")
@asks(Action.SEE_GOLD, work=True)
def get_quality(request: Request) -> Response:
    """Every annotator on gold, with intervals; no rank for who labelled fewer than 50 objects of it."""
    found = _work(request).quality()
    return json_answer({"annotators": [{"annotator": one.annotator, "rank": one.rank, "quality": plain(quality_dict(one.quality))} for one in found]})


# ------------------------------------------------------------ guidelines, findings


@router.get("/guideline")
@asks(Action.READ)
def get_guideline(request: Request, version: Annotated[int | None, Query(ge=1, lt=1 << 31)] = None) -> Response:
    """The last version, or a certain one; null where there is none."""
    found = _work(request).guideline(version)
    return json_answer({"guideline": None if found is None else plain(dataclasses.asdict(found))})


@router.put("/guideline")
@asks(Action.ADMINISTER, match=True, commits=True)
def put_guideline(request: Request, body: GuidelineBody) -> Response:
    """The next version; If-Match names the last, "0" where there is none."""
    rev = asked(request).rev
    entries = {name: one.model_dump() for name, one in body.entries.items()}
    return committed(request, [{"verb": "set_guideline", "text": body.text, "entries": entries, **({"rev": rev} if rev else {})}])


@router.get("/scenes/{scene_id}/findings")
@asks(Action.READ)
def get_findings(request: Request, scene_id: str, status: Literal["open", "waived", "fixed"] | None = None) -> Response:
    """Findings that are kept of a scene."""
    found = _work(request).findings(asked(request).scene_name, status=status)
    return json_answer({"findings": [plain({**dataclasses.asdict(one), "said": dict(one.said)}) for one in found]})


@router.post("/findings/{finding_id}/waive")
@asks(Action.WAIVE, match=True, commits=True)
def post_waive(request: Request, finding_id: TaskId, body: WaiveBody) -> Response:
    """It is right, and the label stays as it is."""
    return committed(request, [{"verb": "waive_finding", "id": finding_id, "rev": asked(request).rev, "reason": body.reason}])
