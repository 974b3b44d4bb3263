"""What a route asks for, and the one place that looks: role, object in the project, If-Match, Idempotency-Key, and only then the body."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ..errors import UnknownName
from ..store.accounts import Account
from ..store.canonical import is_id
from ..store.entities import Entity
from ..store.project import Project
from ..store.roles import Action
from .answers import Refusal
from .gate import is_open
from .strict import parse

__all__ = ["READABLE", "Asked", "CheckedRoute", "asked", "asks"]

# kinds of entities that are told over HTTP; others hold what only the server's machine should know, or have routes of their own
READABLE = ("scene", "frames", "sensor", "trajectory", "kept", "track", "keyframe", "tag", "relation", "point_edit", "point_labels", "taxonomy")
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Asks:
    """action : None where any good token will do
    match : If-Match names the revision that the change stands on
    commits : an Idempotency-Key makes it done once
    work : a computation, of which an account has so many at a time
    """

    action: Action | None
    match: bool = False
    commits: bool = False
    work: bool = False


@dataclass(frozen=True)
class Asked:
    """Who asks, for what.

    project : as the account sees it
    scene, entity : of the path, which the account may see
    rev : of If-Match
    op_id : of Idempotency-Key
    """

    account: Account
    project: Project
    scene: Entity | None
    entity: Entity | None
    rev: int | None
    op_id: str | None

    @property
    def scene_name(self) -> str:
        assert self.scene is not None
        return str((self.scene.body or {})["name"])


def asks(action: Action | None, *, match: bool = False, commits: bool = False, work: bool = False) -> Callable[[F], F]:
    """Says of an endpoint what it asks for; a route without it cannot be made."""

    def said(endpoint: F) -> F:
        endpoint.asks = Asks(action, match, commits, work)  # type: ignore[attr-defined]
        return endpoint

    return said


def asked(request: Request) -> Asked:
    return request.state.asked  # type: ignore[no-any-return]


class CheckedRoute(APIRoute):
    """A route that has looked at all of that before its endpoint runs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        wanted: Asks = self.endpoint.asks  # type: ignore[attr-defined]  # an endpoint without it is no route
        inner, methods = super().get_route_handler(), self.methods or set()

        async def handler(request: Request) -> Response:
            if not is_open(request.method, request.scope["path"]):
                request.state.asked = await anyio.to_thread.run_sync(_look, request, wanted)
            if request.method in methods & {"POST", "PUT", "PATCH"}:
                await _read(request)
            if not wanted.work:
                return await inner(request)
            counter, name = request.app.state.works, request.state.account.name
            if not counter.enter(name):
                raise Refusal(429, "busy", "too many computations at a time", {"Retry-After": "1"}, limit=request.app.state.settings.works_at_once)
            try:
                return await inner(request)
            finally:
                counter.leave(name)

        return handler


def _look(request: Request, wanted: Asks) -> Asked:
    account, token = request.state.account, request.state.token
    scopes = None if "all" in token.scope else token.scope
    project: Project = request.app.state.project.acting_as(account.name, scopes)
    if wanted.action is not None:
        project.permit(wanted.action)
    scene = _found(project, request.path_params.get("scene_id"), ("scene",))
    entity = _found(project, request.path_params.get("entity_id"), READABLE)
    return Asked(account, project, scene, entity, _rev(request, wanted), _op_id(request, wanted))


def _found(project: Project, entity_id: str | None, kinds: tuple[str, ...]) -> Entity | None:
    if entity_id is None:
        return None
    found = project.entity(entity_id) if is_id(entity_id) else None
    if found is None or found.kind not in kinds or (found.kind == "scene" and not found.is_live):
        raise UnknownName("no such thing", field="path", hint="look at the list it is from")
    return found


def _rev(request: Request, wanted: Asks) -> int | None:
    given = request.headers.getlist("if-match")
    if not wanted.match:
        return None
    if not given:
        raise Refusal(428, "if-match", "If-Match is needed", field="If-Match", hint='send the ETag of what you read, such as If-Match: "3"')
    found = _ETAG.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        raise Refusal(400, "malformed", "not a revision", field="If-Match", hint='send the ETag of what you read, such as If-Match: "3"')
    return int(found[1])


def _op_id(request: Request, wanted: Asks) -> str | None:
    given = request.headers.getlist("idempotency-key")
    if not wanted.commits:
        return None
    if len(given) != 1 or not is_id(given[0].strip('"')):
        hint = "send a new UUID with every change, and the same one when you try it again"
        raise Refusal(400, "idempotency-key", "an Idempotency-Key is needed", field="Idempotency-Key", hint=hint)
    return given[0].strip('"')


async def _read(request: Request) -> None:
    """The body, as far as it may go; parsed, where it is JSON."""
    settings = request.app.state.settings
    most = settings.body_bytes
    length = request.headers.get("content-length", "0")
    too_large = Refusal(413, "limit", "the body is too large", field="body", limit=most, hint="send less at a time")
    if not length.isdigit() or int(length) > most:
        raise too_large
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    parts, n = [], 0
    try:
        with anyio.fail_after(settings.request_s):
            async for part in request.stream():
                n += len(part)
                if n > most:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise Refusal(408, "slow", "the request took too long", limit=settings.request_s) from None
    except ClientDisconnect:  # nobody is there to be answered
        raise Refusal(400, "malformed", "the request was cut off") from None
    if n and kind != "application/json":
        raise Refusal(415, "content-type", "not JSON", field="Content-Type", got=kind, hint="send application/json")
    request._body = b"".join(parts)
    if n:
        request._json = await anyio.to_thread.run_sync(parse, request._body, settings) if n > 1 << 16 else parse(request._body, settings)
