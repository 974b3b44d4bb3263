"""What was done, by whom, and taking it back."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ..errors import ConflictError
from ..store.roles import Action
from ..store.transactions import Commit
from .answers import json_answer
from .label_routes import committed, told
from .models import UndoBody
from .rights import READABLE, CheckedRoute, asked, asks

__all__ = ["commit_dict", "router"]

router = APIRouter(prefix="/api/v1", route_class=CheckedRoute)
Most = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int | None, Query(ge=1, lt=1 << 62)]
TrackId = Annotated[str | None, Query(max_length=4096)]


def commit_dict(commit: Commit) -> dict[str, Any]:
    names = ("seq", "op_id", "account", "at_ns", "verb", "reason", "undo_of", "n_changes")
    return {**{name: getattr(commit, name) for name in names}, "hash": commit.hash.hex()}


@router.get("/log")
@asks(Action.READ)
def get_log(request: Request, most: Most = 100, before: Before = None) -> Response:
    """Transactions of the whole project, the newest first."""
    return json_answer({"transactions": [commit_dict(one) for one in asked(request).project.log(most=most, before=before)]})


@router.get("/scenes/{scene_id}/log")
@asks(Action.READ)
def get_scene_log(request: Request, scene_id: str, track_id: TrackId = None, most: Most = 100, before: Before = None) -> Response:
    """Those that changed a scene, or one of its tracks."""
    one = asked(request)
    commits = one.project.log(one.scene_name, track=track_id, most=most, before=before)
    return json_answer({"transactions": [commit_dict(commit) for commit in commits]})


@router.get("/changes/{seq}")
@asks(Action.READ)
def get_changes(request: Request, seq: Annotated[int, Path(ge=1, lt=1 << 62)]) -> Response:
    """What a transaction left of everything it changed that the account may see."""
    rows = [one for one in asked(request).project.changes(seq) if one.kind in READABLE]
    return json_answer({"seq": seq, "changes": [told(one) for one in rows]})


@router.get("/entities/{entity_id}/blame")
@asks(Action.READ)
def get_blame(request: Request, entity_id: str) -> Response:
    """For every value the transaction that made it what it is."""
    found = asked(request).project.blame(entity_id)
    hidden = {"path", "problems"}
    return json_answer({"values": {key: dataclasses.asdict(one) for key, one in found.items() if key not in hidden}})


@router.post("/undo")
@asks(Action.READ, commits=True)
def post_undo(request: Request, body: UndoBody) -> Response:
    """A transaction taken back, as a new one. 409 where later edits stand on it"""
    try:
        return committed(request, [{"verb": "undo", "seq": body.seq}], body.reason)
    except ConflictError as error:
        error.code = "later-edits" if error.code == "conflict" else error.code
        raise
