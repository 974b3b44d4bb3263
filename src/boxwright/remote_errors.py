"""Errors that a server tells of, raised here as the store or the core would have raised them on this machine."""

from __future__ import annotations

from typing import Any

from . import errors
from .errors import AccessDenied, ArgumentError, BoxwrightError, ConflictError, CorruptionError, LimitError, StorageError, UnknownName

__all__ = ["checked", "class_of", "json_of", "no_answer", "none_of_ours"]

# what an error is told by: the codes its class has by default, and those that stand for some reason of its own
_BY_CODE: dict[str, type[BoxwrightError]] = {
    **{one.code: one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, BoxwrightError) and one is not BoxwrightError},
    **dict.fromkeys(("token", "qualification"), AccessDenied),
    **dict.fromkeys(("locked", "taken", "task-state"), ConflictError),
    **dict.fromkeys(("disk-full", "unreachable", "served", "fault"), StorageError),
    **dict.fromkeys(("not-found", "no-task"), UnknownName),
    "busy": LimitError,
    "file-changed": CorruptionError,
}
# what HTTP alone knows
_BY_STATUS: dict[int, type[BoxwrightError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: UnknownName,
    409: ConflictError,
    412: ConflictError,
    413: LimitError,
    429: LimitError,
}


def class_of(code: str, status: int = 422) -> type[BoxwrightError]:
    return _BY_CODE.get(code) or _BY_STATUS.get(status, StorageError if status >= 500 else ArgumentError)


def checked(answer: Any, place: str) -> Any:
    """The answer, or the error it tells of. StorageError for one that no server of boxwright's gives: there are no redirects."""
    if 200 <= answer.status_code < 300:
        return answer
    said = json_of(answer, place)
    try:
        fields: dict[str, Any] = {"got": said["got"], "field": said["field"], "hint": said["hint"], "expected": said["limit"]}
        message, code, conflicts = str(said["message"]), str(said["code"]), tuple(said.get("conflicts") or ())
    except (KeyError, TypeError):
        raise none_of_ours(answer, place) from None
    if answer.status_code < 400:
        raise none_of_ours(answer, place)
    kind = class_of(code, answer.status_code)
    if kind is ConflictError:
        raise ConflictError(message, conflicts=conflicts, path=place, code=code, **fields)
    raise kind(message, path=place, code=code, **fields)


def json_of(answer: Any, place: str) -> dict[str, Any]:
    """The object that an answer holds."""
    try:
        value = answer.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise none_of_ours(answer, place)
    return value


def none_of_ours(answer: Any, place: str) -> StorageError:
    return StorageError("the answer is none of boxwright's", got=str(answer.status_code), path=place, hint="check the address")


def no_answer(error: Exception, place: str, then: str) -> StorageError:
    hint = f"check the address, and that the server runs; {then}"
    if "certificate" in str(error).lower():
        what = f"the server's certificate is not trusted: {str(error)[:120]}"
        return StorageError(what, path=place, hint="ca_file= names certificates to trust", code="unreachable")
    return StorageError(f"the server does not answer: {type(error).__name__}", path=place, hint=hint, code="unreachable")
