"""Labels: entities as they are, and edits of them as the store's verbs."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ..errors import ArgumentError, UnknownName
from ..store.entities import LABELS, Entity
from ..store.roles import Action
from ..store.snapshots import snapshot, snapshot_lines
from ..store.transactions import Commit
from ..store.verbs import VERBS
from .answers import json_answer, unmarked
from .models import EditsBody, PatchBody
from .rights import READABLE, CheckedRoute, asked, asks

__all__ = ["committed", "etag", "router", "told", "told_commit"]

router = APIRouter(prefix="/api/v1", route_class=CheckedRoute)
# what only the server's machine does: accounts, tokens, where recordings lie, grades; to submit a task has a route of its own, since it grades
NOT_OVER_HTTP = frozenset({"relocate", "add_account", "set_account", "add_token", "revoke_token", "add_grade", "submit_task"})
_DELETES = {
    "track": "delete_track",
    "keyframe": "delete_keyframe",
    "tag": "delete_tag",
    "relation": "delete_relation",
    "point_edit": "delete_point_edit",
}
_CHANGES = {
    "track": ("set_track", "set_attributes", "put_track", "split"),
    "keyframe": ("move_keyframe", "set_keyframe", "set_attributes"),
    "tag": ("change_tag",),
    "relation": ("change_relation",),
    "point_edit": ("change_point_edit",),
}
LINES = "application/x-ndjson"
KINDS = tuple(kind for kind in READABLE if kind not in ("scene", "taxonomy"))
Kinds = Annotated[list[str] | None, Query(alias="kind", max_length=20, description="of these kinds alone; repeatable")]


def told(one: Entity) -> dict[str, Any]:
    """An entity as JSON, without what only the server's machine should know."""
    body = one.body
    if body is not None and one.kind == "scene":
        body = {**body, "path": None}
    elif body is not None and one.kind == "kept":
        body = {**body, "problems": []}  # they name files
    names = ("id", "kind", "scene_id", "parent_id", "place", "rev", "seq")
    return {**{name: getattr(one, name) for name in names}, "body": body}


def etag(rev: int) -> dict[str, str]:
    return {"ETag": f'"{rev}"'}


def committed(request: Request, edits: Sequence[Mapping[str, Any]], reason: str | None = None, **more: Any) -> Response:
    """The edits as one transaction, answered when it is on disk. The same key and body again give the same answer."""
    one = asked(request)
    commit = one.project.commit(list(edits), op_id=one.op_id, reason=reason, **more)
    request.app.state.nudge()
    return told_commit(commit)


def told_commit(commit: Commit) -> Response:
    """What a transaction was."""
    body = {"seq": commit.seq, "op_id": commit.op_id, "verb": commit.verb, "n_changes": commit.n_changes, "revisions": dict(commit.revisions)}
    headers = {"Idempotency-Replayed": "true"} if commit.is_repeat else {}
    if len(commit.revisions) == 1:
        headers |= etag(next(iter(commit.revisions.values())))
    return json_answer({**body, "hash": commit.hash.hex(), "account": commit.account, "at_ns": commit.at_ns}, headers=headers)


def checked_edits(edits: Sequence[Mapping[str, Any]]) -> None:
    """ArgumentError for what is no edit over HTTP; nothing that names a path is one."""
    for edit in edits:
        verb = edit.get("verb")
        if not isinstance(verb, str) or verb not in VERBS or verb in NOT_OVER_HTTP:
            expected = f"a verb of {', '.join(sorted(set(VERBS) - NOT_OVER_HTTP))}"
            raise ArgumentError(expected=expected, got=f"{verb!r:.60}", field="edits.verb", hint="docs/server.md lists them")
        if verb == "add_scene" and any(edit.get(key) for key in ("path", "source", "files")):
            hint = "recordings are imported on the server's machine: boxwright import"
            raise ArgumentError("a scene that comes over the network names no files", field="edits.add_scene", hint=hint)


@router.get("/scenes/{scene_id}/entities", responses={200: {"content": {"application/json": {}, LINES: {}}}})
@asks(Action.READ)
def get_entities(
    request: Request,
    scene_id: str,
    kind: Kinds = None,
    form: Annotated[Literal["json", "lines"], Query(description="lines: of labels alone, each a JSON list in a line of its own")] = "json",
    compress: Literal["no", "gzip"] = "no",
) -> Response:
    """All entities of a scene, of one moment: with these a client makes the scene. `seq` is that moment. As lines, the first is {"seq"}, and
    each of the others a list: kind, id, parent_id, place, rev, seq, the time of a keyframe or null, body."""
    wanted = (KINDS if form == "json" else LABELS) if kind is None else tuple(kind)
    for one in wanted:
        if one not in (known := KINDS if form == "json" else LABELS):
            raise ArgumentError(expected=f"one of {', '.join(known)}", got=f"{one!r:.60}", field="kind", hint="leave it out for all")
    if form == "lines":
        seen, lines = snapshot_lines(asked(request).project, scene_id, wanted)
        data, kind_of = unmarked(f'{{"seq":{seen}}}\n{lines}').encode(), LINES
    else:
        seen, rows = snapshot(asked(request).project, scene_id, wanted)
        data, kind_of = bytes(json_answer({"seq": seen, "entities": [told(row) for row in rows]}).body), "application/json"
    if compress == "gzip":
        return Response(gzip.compress(data, 1, mtime=0), headers={"Content-Encoding": "gzip"}, media_type=kind_of)
    return Response(data, media_type=kind_of)


@router.get("/scenes/{scene_id}/point-labels/{sha256}", responses={200: {"content": {"application/octet-stream": {}}}})
@asks(Action.READ)
def get_kept_point_labels(request: Request, scene_id: str, sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]) -> Response:
    """Kept labels of a sweep's points, as an .npz of numpy's, by the hash that the entities of kind point_labels tell."""
    one = asked(request)
    if all((kept.body or {})["sha256"] != sha256 for kept in one.project.kept("point_labels", scene_id)):
        raise UnknownName("no such point labels", field="sha256", hint="the scene's entities of kind point_labels tell which there are")
    headers = {"Content-Disposition": "attachment", "Cache-Control": "private, no-cache"}
    return Response(one.project.blob(sha256), headers=headers, media_type="application/octet-stream")


@router.get("/entities/{entity_id}")
@asks(Action.READ)
def get_entity(request: Request, entity_id: str) -> Response:
    one = asked(request).entity
    assert one is not None
    return json_answer(told(one), headers=etag(one.rev))


@router.patch("/entities/{entity_id}")
@asks(Action.EDIT, match=True, commits=True)
def patch_entity(request: Request, entity_id: str, body: PatchBody) -> Response:
    """verb and its arguments, without id and rev: If-Match says the revision. 412 where somebody has changed what it touches"""
    entity, said = asked(request).entity, body.model_dump()
    assert entity is not None
    verbs = _CHANGES.get(entity.kind, ())
    if body.verb not in verbs:
        hint = f"a {entity.kind.replace('_', ' ')} is changed by these"
        raise ArgumentError(expected=f"one of {', '.join(verbs) or 'none'}", got=f"{body.verb!r:.60}", field="verb", hint=hint)
    if "id" in said or "rev" in said:
        raise ArgumentError("id and rev are told by the path and If-Match", field="id", hint="leave them out")
    said |= {"kind": entity.kind} if body.verb == "set_attributes" else {}
    named = {"id": entity_id} if body.verb == "put_track" else {"id": entity_id, "rev": asked(request).rev}
    return committed(request, [{**said, **named}])


@router.delete("/entities/{entity_id}")
@asks(Action.EDIT, match=True, commits=True)
def delete_entity(request: Request, entity_id: str, seen: Annotated[int | None, Query(ge=0, lt=1 << 62)] = None) -> Response:
    """seen : of a track, whose keyframes go too, the last transaction that was seen"""
    entity = asked(request).entity
    assert entity is not None
    if entity.kind not in _DELETES:
        raise ArgumentError(expected=f"one of {', '.join(_DELETES)}", got=entity.kind, field="entity_id", hint="others are not deleted")
    if entity.kind == "track" and seen is None:
        raise ArgumentError(expected="seen, the last transaction that was seen", got="none", field="seen", hint="its keyframes go too")
    more = {"seen": seen} if entity.kind == "track" else {}
    return committed(request, [{"verb": _DELETES[entity.kind], "id": entity_id, "rev": asked(request).rev, **more}])


@router.post("/edits")
@asks(Action.READ, commits=True)
def post_edits(request: Request, body: EditsBody) -> Response:
    """Edits as one transaction: all of them or none. Each names the revision it stands on; the store says who may do what, where."""
    checked_edits(body.edits)
    return committed(request, body.edits, body.reason, client_ns=body.client_ns, blobs=_blobs(body.blobs))


def _blobs(given: Mapping[str, str]) -> dict[str, bytes]:
    blobs = {}
    for digest, text in given.items():
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ArgumentError(expected="base64", got=f"{text!r:.20}", field="blobs", hint="bytes of point labels, by their SHA-256") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise ArgumentError("not the SHA-256 of these bytes", got=f"{digest!r:.80}", field="blobs", hint="in hex")
        blobs[digest] = data
    return blobs
