"""boxwright accounts"""

from __future__ import annotations

import dataclasses
import datetime
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError
from .common import JsonOption, path_of, print_json, print_lines, print_table
from .projects import ByOption, ProjectArgument, ReasonOption

if TYPE_CHECKING:
    from ..store import Account, Project, Token

_ACTIONS = ("list", "add", "disable", "enable", "token", "revoke")
_DAY_NS = 86_400 * 10**9

ActionArgument = Annotated[str, typer.Argument(metavar="ACTION", help="list, add NAME, disable NAME, enable NAME, token NAME, or revoke TOKEN_ID.")]
WhoArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Of an account; to list, those whose tokens are shown; to revoke, a token's id.")
]
MachineOption = Annotated[bool, typer.Option("--machine", help="To add: a program, whose tokens say what they are for.")]
ScopeOption = Annotated[
    list[str] | None, typer.Option("--scope", metavar="SCOPE", help="Of a token: all, read, import, predict or export; repeatable.")
]
DaysOption = Annotated[int | None, typer.Option("--days", metavar="N", min=1, max=36500, help="When a token ends by itself; by default never.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", parser=path_of, help="Write a token there, for its owner alone to read.")]


def accounts(
    project: ProjectArgument,
    action: ActionArgument = "list",
    name: WhoArgument = None,
    machine: MachineOption = False,
    scope: ScopeOption = None,
    days: DaysOption = None,
    out: OutOption = None,
    by: ByOption = None,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who may ask a server for anything, and with which tokens.

    Accounts and tokens are made here, on the machine that has the project, and nowhere else. A token is shown once: what is kept of it opens nothing.

    Example: boxwright accounts street add anna
    """
    import boxwright as bw

    if action not in _ACTIONS:
        raise ArgumentError(expected=f"one of {', '.join(_ACTIONS)}", got=repr(action)[:60], field="ACTION")
    if action != "list" and name is None:
        raise ArgumentError(expected="a token's id" if action == "revoke" else "a name", got="none", field="NAME", hint=f"{action} needs one")
    with bw.open_project(project) as opened:
        if action == "list":
            _list(opened, name, as_json)
        elif action == "token":
            _make_token(opened, str(name), scope or ["all"], days, out, by, as_json)
        else:
            said = _change(opened, action, str(name), machine, by, reason)
            if as_json:
                print_json({"done": said})
            else:
                print_lines(said)


def _change(opened: Project, action: str, name: str, machine: bool, by: str | None, reason: str | None) -> str:
    """Does it; what was done comes back in a sentence."""
    if action == "add":
        made = opened.accounts.add(name, "machine" if machine else "human", by=by)
        return f"made the account {made.name} of a {made.kind}; 'boxwright accounts PROJECT token {made.name}' makes its first token"
    if action == "revoke":
        opened.accounts.revoke(name, by=by, reason=reason)
        return f"revoked {name}"
    (opened.accounts.disable if action == "disable" else opened.accounts.enable)(name, by=by, reason=reason)
    return f"{action}d the account {name}"


def _make_token(opened: Project, name: str, scope: list[str], days: int | None, out: Path | None, by: str | None, as_json: bool) -> None:
    from ..store.accounts import keep_secret

    expires_ns = None if days is None else time.time_ns() + days * _DAY_NS
    token, secret = opened.accounts.make_token(name, scope, expires_ns=expires_ns, by=by)
    if out is not None:
        keep_secret(out, secret)
    if as_json:
        print_json({**_token_dict(token), "token": secret if out is None else None, "file": out})
        return
    print_lines(f"{secret}" if out is None else f"wrote {out}: for its owner alone to read", f"token {token.token_id} of {name}, {_until(token)}")


def _list(opened: Project, name: str | None, as_json: bool) -> None:
    chosen = opened.accounts.all() if name is None else [opened.accounts.find(name)]
    tokens = {one.name: opened.accounts.tokens(one.name) for one in chosen}
    if as_json:
        print_json({"accounts": [{**_account_dict(one), "tokens": [_token_dict(token) for token in tokens[one.name]]} for one in chosen]})
    elif name is None:
        rows = [
            [one.name, one.kind, "disabled" if one.is_disabled else "", sum(t.is_good(time.time_ns()) for t in tokens[one.name])] for one in chosen
        ]
        print_table(f"{opened.place}: accounts", ["account", "kind", "state", "good tokens"], rows)
    else:
        print_table(f"tokens of {name}", ["token", "for", "until"], [[t.token_id, ", ".join(t.scope), _until(t)] for t in tokens[name]])


def _until(token: Token) -> str:
    if token.revoked_ns is not None:
        return f"revoked {_when(token.revoked_ns)}"
    return "good until it is revoked" if token.expires_ns is None else f"until {_when(token.expires_ns)}"


def _when(at_ns: int) -> str:
    return datetime.datetime.fromtimestamp(at_ns / 1e9, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _account_dict(one: Account) -> dict[str, Any]:
    return dataclasses.asdict(one)


def _token_dict(one: Token) -> dict[str, Any]:
    return {**dataclasses.asdict(one), "scope": list(one.scope)}
