"""The verbs of members: who is one, and what he may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import AccessDenied, ArgumentError, ConflictError, UnknownName
from .entities import PROJECT, Entity, named
from .roles import Role, roles_from
from .transactions import Transaction

__all__ = ["MEMBER_VERBS", "checked_account"]

Edit = Mapping[str, Any]


def checked_account(account: Any, field: str) -> str:
    """ArgumentError for what can be no account's name."""
    if not isinstance(account, str) or not account.strip() or len(account) > 256 or not account.isprintable():
        raise ArgumentError(expected="a name of up to 256 characters", got=f"{account!r:.60}", field=field, hint="the account's id")
    return account


def set_member(tx: Transaction, edit: Edit) -> None:
    """Makes an account a member, or one another thing. The first is an admin, and one always stays."""
    account = checked_account(edit["account"], "edit.account")
    roles, scopes = roles_from(edit["roles"], edit.get("scopes", ()))
    _not_oneself(tx, account)
    body = {"account": account, "roles": roles, "scopes": scopes}
    old = tx.named(PROJECT, named("member", account))
    if old is None:
        tx.add("member", PROJECT, body)
    else:
        tx.put(tx.expected(old.id, "member", edit.get("rev"), [()], "edit"), body)
    _check_admin(tx)


def remove_member(tx: Transaction, edit: Edit) -> None:
    account = checked_account(edit["account"], "edit.account")
    _not_oneself(tx, account)
    tx.remove(tx.expected(_member(tx, account).id, "member", edit["rev"], [()], "edit"))
    _check_admin(tx)


def _member(tx: Transaction, account: str) -> Entity:
    found = tx.named(PROJECT, named("member", account))
    if found is None:
        raise UnknownName("no such member", got=f"{account!r:.80}", field="edit.account", hint="work.members() lists them")
    return found


def _not_oneself(tx: Transaction, account: str) -> None:
    if tx.who is not None and tx.who.account == account and not tx.who.is_alone:
        raise AccessDenied("nobody changes his own roles", got=f"{account!r:.80}", field="edit.account", hint="another admin can")


def _check_admin(tx: Transaction) -> None:
    if not any(Role.ADMIN in (one.body or {})["roles"] for one in tx.of_kind(PROJECT, "member")):
        raise ConflictError("the project would be without an admin", hint="make somebody else an admin first; the first member is one")


MEMBER_VERBS: dict[str, tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]] = {
    "set_member": (set_member, ("account", "roles"), ("scopes", "rev")),
    "remove_member": (remove_member, ("account", "rev"), ()),
}
