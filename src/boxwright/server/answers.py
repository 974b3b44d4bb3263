"""One shape for every error: {code, message, field, got, limit, hint}, and `conflicts` where somebody else was first. Always application/json, never
a path of the server's, never what is stored of something the asker may not see."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import (
    AccessDenied,
    BoxwrightError,
    ConflictError,
    CorruptionError,
    FrameMissing,
    IndexMissing,
    LimitError,
    StorageError,
    UnknownName,
    one_line,
)

__all__ = ["HANDLERS", "Refusal", "error", "json_answer", "log", "refused", "unmarked"]

log = logging.getLogger("boxwright.server")
_MOST = 300
_NAMES = {400: "malformed", 401: "token", 403: "denied", 404: "not-found", 405: "method", 413: "limit", 415: "content-type", 422: "invalid"}
_NOT_FOUND = "there is no such thing, or it is not yours to see"


class Refusal(Exception):  # noqa: N818
    """Something that HTTP alone knows: answered with `status`."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers, self.more = status, code, message, headers, more

    def answer(self) -> Response:
        return error(self.status, self.code, self.message, self.headers, **self.more)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Strict JSON in ASCII: nothing in it is markup, wherever it ends up."""
    return Response(unmarked(json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))), status, headers, "application/json")


def unmarked(text: str) -> str:
    """The same JSON without a letter that markup begins with."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """more : field, got, limit, hint, conflicts"""
    fields = {key: None if more.get(key) is None else one_line(str(more[key]))[:_MOST] for key in ("field", "got", "limit", "hint")}
    body = {"code": code, "message": one_line(message)[:_MOST], **fields}
    if more.get("conflicts"):
        body["conflicts"] = more["conflicts"]
    return json_answer(body, status, headers)


def not_found() -> Response:
    """The same for what is not there and for what the asker may not see."""
    return error(404, "not-found", _NOT_FOUND, hint="look at the list it is from")


def status_of(one: BoxwrightError) -> int:
    if isinstance(one, AccessDenied):
        return 401 if one.code == "token" else 403
    if isinstance(one, ConflictError):
        return 412 if one.conflicts and one.code == "conflict" else 409
    if isinstance(one, StorageError):
        return {"disk-full": 507, "busy": 429, "unreachable": 503}.get(one.code, 409)
    if isinstance(one, CorruptionError):
        return 409
    if isinstance(one, (UnknownName, FrameMissing, IndexMissing)):
        return 404
    return 413 if isinstance(one, LimitError) else 422


def refused(one: BoxwrightError) -> Response:
    """An error of the store or the core."""
    status = status_of(one)
    if isinstance(one, UnknownName):
        return not_found()
    message = one.what or (f"expected {one.expected}" if one.expected is not None else "refused")
    if isinstance(one, (CorruptionError, StorageError)):
        log.error("%s", one)
    files = isinstance(one, (CorruptionError, StorageError, FrameMissing)) or one.path is not None
    headers = {"Retry-After": "1"} if status == 429 else {"WWW-Authenticate": "Bearer"} if status == 401 else None
    conflicts = [_shown(each) for each in one.conflicts] if isinstance(one, ConflictError) else None
    got = None if files else one.got
    return error(status, one.code, message, headers, field=one.field, got=got, limit=one.expected, hint=one.hint, conflicts=conflicts)


def _shown(conflict: Mapping[str, Any]) -> dict[str, Any]:
    """What is in the way, with nothing that only the server's machine should know."""
    body = conflict.get("body")
    if body is not None and conflict.get("kind") in ("scene", "source", "files", "account", "token", "member"):
        body = {"name": body["name"]} if "name" in body else {}
    return {**conflict, "body": body}


# ------------------------------------------------------------ handlers


async def _refusal(_: Request, one: Exception) -> Response:
    assert isinstance(one, Refusal)
    return one.answer()


async def _ours(_: Request, one: Exception) -> Response:
    assert isinstance(one, BoxwrightError)
    return refused(one)


async def _invalid(_: Request, one: Exception) -> Response:
    assert isinstance(one, RequestValidationError)
    first = one.errors()[0] if one.errors() else {"loc": (), "msg": "invalid", "type": "invalid"}
    field = ".".join(str(part) for part in first["loc"])
    got = first.get("input")
    shown = repr(got)[:80] if isinstance(got, (str, int, float, bool)) else None
    return error(422, "invalid", str(first["msg"]), field=field, got=shown, hint="docs/server.md tells what each call takes")


async def _http(_: Request, one: Exception) -> Response:
    assert isinstance(one, HTTPException)
    if one.status_code == 404:
        return not_found()
    return error(one.status_code, _NAMES.get(one.status_code, "http"), str(one.detail), one.headers)


async def _fault(_: Request, one: Exception) -> Response:
    return error(500, "fault", "a fault of the server; its log has more", hint="tell whoever runs it, with the time")


HANDLERS: dict[Any, Any] = {
    Refusal: _refusal,
    BoxwrightError: _ours,
    RequestValidationError: _invalid,
    HTTPException: _http,
    Exception: _fault,
}
