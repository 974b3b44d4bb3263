"""Accounts and their tokens: who may ask a server for anything. They are entities of the project like others, so the log says who made, stopped and
revoked them, and when; undo leaves them alone.

A token is "bw_" and 256 random bits. Its SHA-256 is all that is kept: what is stored opens nothing. Whoever holds the database of a project is its
master whatever its accounts say; accounts are for those who come through a server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import AccessDenied, ArgumentError, ConflictError, StorageError, UnknownName
from .canonical import checked_id, new_id
from .entities import PROJECT, Entity, named
from .roles import SCOPES as ACTIONS_OF
from .transactions import Transaction

if TYPE_CHECKING:
    from .project import Project
    from .transactions import Commit

__all__ = ["ACCOUNT_VERBS", "KINDS", "SCOPES", "Account", "Accounts", "Token", "keep_secret", "kept_secret"]

Edit = Mapping[str, Any]
KINDS = ("human", "machine")
SCOPES = tuple(ACTIONS_OF)  # what a token is good for, within what its account may do
PREFIX = "bw_"
_SECRET = re.compile(r"bw_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")  # goes into logs, headers and file names as it is
_FAR_NS = 1 << 62


@dataclass(frozen=True)
class Account:
    """Somebody, or some program, that a server lets in.

    account_id : its entity's
    name : what the log calls it; never changed, and never given to another
    kind : "human" or "machine"
    """

    account_id: str
    name: str
    kind: str
    is_disabled: bool
    rev: int


@dataclass(frozen=True)
class Token:
    """What is kept of a token; its secret is shown once, when it is made.

    scope : some of SCOPES
    expires_ns : when it ends by itself, or None
    revoked_ns : when it was revoked, or None
    """

    token_id: str
    account_id: str
    scope: tuple[str, ...]
    expires_ns: int | None
    revoked_ns: int | None
    rev: int

    def is_good(self, at_ns: int) -> bool:
        return self.revoked_ns is None and (self.expires_ns is None or at_ns < self.expires_ns)


class Accounts:
    """The accounts of a project; `project.accounts`."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __repr__(self) -> str:
        return f"Accounts({', '.join(one.name for one in self.all())})"

    def all(self) -> list[Account]:
        """All of them, by name."""
        return sorted((_account(one) for one in self.project.kept("account")), key=lambda one: one.name)

    def find(self, name: str) -> Account:
        """UnknownName where there is none of that name."""
        found = self.project.find(PROJECT, "account", name) if isinstance(name, str) else None
        if found is None:
            raise UnknownName("no such account", got=f"{name!r:.80}", path=self.project.place, field="name", hint="'boxwright accounts' lists them")
        return _account(found)

    def tokens(self, name: str) -> list[Token]:
        """Those of an account, the oldest first, revoked and expired ones among them."""
        account = self.find(name)
        return [one for one in map(_token, self.project.kept("token")) if one.account_id == account.account_id]

    def add(self, name: str, kind: str = "human", *, by: str | None = None, op_id: str | None = None) -> Account:
        """A new account, which may do nothing before it has a role, and has no token yet. ConflictError where the name is taken."""
        account_id = op_id or new_id()
        self.project.commit([{"verb": "add_account", "id": account_id, "account": {"name": name, "kind": kind}}], by=by, op_id=op_id)
        return self.find(name)

    def disable(self, name: str, *, by: str | None = None, reason: str | None = None) -> Commit:
        """Its tokens are good for nothing from now on."""
        return self._set(name, True, by, reason)

    def enable(self, name: str, *, by: str | None = None, reason: str | None = None) -> Commit:
        return self._set(name, False, by, reason)

    def _set(self, name: str, is_disabled: bool, by: str | None, reason: str | None) -> Commit:
        account = self.find(name)
        edit = {"verb": "set_account", "id": account.account_id, "rev": account.rev, "set": {"is_disabled": is_disabled}}
        return self.project.commit([edit], by=by, reason=reason)

    def make_token(self, name: str, scope: Sequence[str] = ("all",), *, expires_ns: int | None = None, by: str | None = None) -> tuple[Token, str]:
        """A new token and its secret, which nobody can tell afterwards."""
        account, secret, token_id = self.find(name), new_secret(), new_id()
        body = {"account_id": account.account_id, "secret_sha256": _digest(secret).hex(), "scope": list(scope), "expires_ns": expires_ns}
        self.project.commit([{"verb": "add_token", "id": token_id, "token": body}], by=by)
        return _token(self.project.entity(token_id)), secret

    def revoke(self, token_id: str, *, by: str | None = None, reason: str | None = None) -> Commit:
        """Ends a token for good."""
        token = self.project.entity(token_id)
        edit = {"verb": "revoke_token", "id": token.id, "rev": token.rev, "revoked_ns": time.time_ns()}
        return self.project.commit([edit], by=by, reason=reason)

    def of_secret(self, secret: str) -> tuple[Account, Token]:
        """Whose token this is. AccessDenied, always in the same words, where it is none, or one that is expired, revoked, or of a disabled account.

        It is looked for by its SHA-256, so that the time a look takes tells nothing about tokens that are good.
        """
        digest = _digest(secret if isinstance(secret, str) and _SECRET.fullmatch(secret) else "")
        found = self.project.find(PROJECT, "token", digest.hex())
        if found is not None and hmac.compare_digest(bytes.fromhex((found.body or {})["secret_sha256"]), digest):
            token, account = _token(found), _account(self.project.entity((found.body or {})["account_id"]))
            if token.is_good(time.time_ns()) and not account.is_disabled:
                return account, token
        raise AccessDenied(
            "the token is not good here", hint="'boxwright accounts PROJECT token NAME' makes one on the server's machine", code="token"
        )


def new_secret() -> str:
    """256 bits from the system."""
    return PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _account(one: Entity) -> Account:
    body = one.body or {}
    return Account(one.id, body["name"], body["kind"], body["is_disabled"], one.rev)


def _token(one: Entity) -> Token:
    body = one.body or {}
    return Token(one.id, body["account_id"], tuple(body["scope"]), body["expires_ns"], body["revoked_ns"], one.rev)


# ------------------------------------------------------------ verbs


def add_account(tx: Transaction, edit: Edit) -> None:
    body = edit["account"]
    if not isinstance(body, Mapping) or set(body) != {"name", "kind"} or body["kind"] not in KINDS:
        hint = f"kind is one of {', '.join(KINDS)}"
        raise ArgumentError(expected="name and kind of an account", got=f"{body!r:.80}", field="edit.account", hint=hint)
    if not isinstance(body["name"], str) or not _NAME.fullmatch(body["name"]):
        hint = "it stands in logs and can never be changed"
        raise ArgumentError(
            expected="a name of 1 to 64 ASCII letters, digits and _.@+-, no sign first", got=f"{body['name']!r:.80}", field="name", hint=hint
        )
    if tx.named(PROJECT, named("account", body["name"])) is not None:
        raise ConflictError("an account of that name is there already", got=repr(body["name"]), field="name", hint="choose another name")
    made = {"name": body["name"], "kind": body["kind"], "is_disabled": False}
    tx.add("account", PROJECT, made, entity_id=checked_id("edit.id", edit["id"]), place=tx.next_place(PROJECT, "account"))


def set_account(tx: Transaction, edit: Edit) -> None:
    """set : is_disabled"""
    wanted = edit["set"]
    if not isinstance(wanted, Mapping) or set(wanted) != {"is_disabled"} or not isinstance(wanted["is_disabled"], bool):
        raise ArgumentError(expected="is_disabled, true or false", got=f"{wanted!r:.60}", field="edit.set", hint="names and kinds stay as they are")
    now = tx.expected(edit["id"], "account", edit["rev"], [("is_disabled",)], "edit.id")
    tx.put(now, {**(now.body or {}), **wanted})


def add_token(tx: Transaction, edit: Edit) -> None:
    body, keys = edit["token"], {"account_id", "secret_sha256", "scope", "expires_ns"}
    if not isinstance(body, Mapping) or set(body) != keys:
        raise ArgumentError(expected=", ".join(sorted(keys)), got=f"{body!r:.80}", field="edit.token", hint="project.accounts.make_token makes one")
    if not isinstance(body["secret_sha256"], str) or not re.fullmatch("[0-9a-f]{64}", body["secret_sha256"]):
        raise ArgumentError(expected="a SHA-256 in hex", got="something else", field="secret_sha256", hint="the secret itself is never sent")
    account, scope, expires_ns = tx.live(body["account_id"], "account", "account_id"), body["scope"], body["expires_ns"]
    is_list = isinstance(scope, list) and scope and all(isinstance(one, str) and one in SCOPES for one in scope) and len(set(scope)) == len(scope)
    if not is_list or ((account.body or {})["kind"] == "machine" and "all" in scope):
        hint = "a machine's token says what it is for: all is for people"
        raise ArgumentError(expected=f"some of {', '.join(SCOPES)}", got=f"{scope!r:.60}", field="scope", hint=hint)
    if expires_ns is not None and (isinstance(expires_ns, bool) or not isinstance(expires_ns, int) or not 0 < expires_ns < _FAR_NS):
        raise ArgumentError(expected="a time in nanoseconds, or none", got=f"{expires_ns!r:.40}", field="expires_ns", hint="since 1970, UTC")
    if tx.named(PROJECT, named("token", body["secret_sha256"])) is not None:
        raise ConflictError("that token is there already", field="token", hint="make another")
    made = {**{key: body[key] for key in ("account_id", "secret_sha256", "scope", "expires_ns")}, "revoked_ns": None}
    tx.add("token", PROJECT, made, entity_id=checked_id("edit.id", edit["id"]), place=tx.next_place(PROJECT, "token"))


def revoke_token(tx: Transaction, edit: Edit) -> None:
    if isinstance(edit["revoked_ns"], bool) or not isinstance(edit["revoked_ns"], int) or not 0 < edit["revoked_ns"] < _FAR_NS:
        raise ArgumentError(expected="a time in nanoseconds", got=f"{edit['revoked_ns']!r:.40}", field="edit.revoked_ns", hint="since 1970, UTC")
    now = tx.expected(edit["id"], "token", edit["rev"], [("revoked_ns",)], "edit.id")
    if (now.body or {})["revoked_ns"] is None:
        tx.put(now, {**(now.body or {}), "revoked_ns": edit["revoked_ns"]})


Verb = tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]
ACCOUNT_VERBS: dict[str, Verb] = {
    "add_account": (add_account, ("id", "account"), ()),
    "set_account": (set_account, ("id", "rev", "set"), ()),
    "add_token": (add_token, ("id", "token"), ()),
    "revoke_token": (revoke_token, ("id", "rev", "revoked_ns"), ()),
}


# ------------------------------------------------------------ secrets in files


def keep_secret(path: Path, secret: str) -> Path:
    """Writes a token where nobody but its owner can read it; the file appears whole, and is never open to others, not even while it is made."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(handle, 0o600)
            file.write(f"{secret}\n")
        part.replace(path)
    except OSError as error:
        raise StorageError(f"the token cannot be kept: {error.strerror}", path=path, hint="choose another place for it") from None
    return path


def kept_secret(path: str | os.PathLike[str]) -> str:
    """The token in a file. AccessDenied where others may read it too, StorageError where it cannot be read, ArgumentError where it holds none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(handle, encoding="ascii", errors="replace") as file:
            mode, text = os.fstat(handle).st_mode, file.read(100).strip()
    except OSError as error:
        raise StorageError(f"the token cannot be read: {error.strerror}", path=path, hint="check the path") from None
    if mode & 0o077:
        raise AccessDenied("others may read this token", got=f"mode {mode & 0o777:o}", path=path, hint="chmod 600, and make a new one", code="token")
    if not _SECRET.fullmatch(text):
        raise ArgumentError("no token in this file", path=path, field="token", hint="it holds one line, which begins with bw_")
    return text
