"""What must hold of a request before any of it is done: whose it is, and whether he may ask for that."""

from __future__ import annotations

import dataclasses
import getpass
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..errors import AccessDenied, ArgumentError
from . import schema
from .canonical import request_hash
from .history import commits_of
from .roles import Action, permit
from .transactions import Commit, Transaction

__all__ = ["ACTIONS", "ALONE", "account_of", "check_actions", "check_alone", "check_reason", "digest_of", "repeated"]

_MOST_REASON = 4096
_BY_OP_ID = sa.select(schema.txn.c.seq).where(schema.txn.c.op_id == sa.bindparam("op_id"))
# what an account must be allowed for each verb; of edits of labels, `check_places` sees where they are
ACTIONS: Mapping[str, Action] = {
    **dict.fromkeys(("add_scene", "relocate"), Action.IMPORT),
    **dict.fromkeys(("rename_scene", "delete_scene", "set_taxonomy", "set_member", "remove_member"), Action.ADMINISTER),
    **dict.fromkeys(("add_account", "set_account", "add_token", "revoke_token"), Action.ADMINISTER),
    **dict.fromkeys((f"{what}_{kind}" for what in ("add", "change", "delete") for kind in ("tag", "relation", "point_edit")), Action.EDIT),
    **dict.fromkeys(("add_track", "set_track", "delete_track", "merge", "split", "put_track", "set_attributes", "set_point_labels"), Action.EDIT),
    **dict.fromkeys(("add_keyframe", "move_keyframe", "set_keyframe", "delete_keyframe"), Action.EDIT),
    **dict.fromkeys(
        ("add_layer", "add_task", "delete_task", "assign_task", "unassign_task", "set_work", "set_gold", "set_guideline"), Action.ADMINISTER
    ),
    **dict.fromkeys(("take_task", "renew_task", "release_task", "submit_task", "withdraw_task"), Action.WORK),
    **dict.fromkeys(("begin_review", "renew_review", "leave_review", "accept_task", "reject_task", "reopen_task"), Action.JUDGE),
    "add_grade": Action.SEE_GOLD,
    "keep_findings": Action.FIND,
    "waive_finding": Action.WAIVE,
    "undo": Action.EDIT,  # of others' edits UNDO_OTHERS, see action_of
    "restore": Action.UNDO_OTHERS,
}


def action_of(tx: Transaction, edit: Any) -> Action | None:
    """What an edit asks for; None for what is no edit, which running it says."""
    verb = edit.get("verb") if isinstance(edit, Mapping) else None
    if verb == "undo":
        row = tx.connection.execute(sa.select(schema.txn.c.account).where(schema.txn.c.seq == _whole(edit.get("seq")))).first()
        if row is not None and row.account != tx.account:
            return Action.UNDO_OTHERS
    return ACTIONS.get(verb) if isinstance(verb, str) else None


def _whole(value: Any) -> int:
    return value if type(value) is int and 0 < value < 1 << 62 else 0


ALONE: tuple[str, ...] = (
    "undo",
    "take_task",
    "assign_task",
    "unassign_task",
    "renew_task",
    "release_task",
    "submit_task",
    "withdraw_task",
    "begin_review",
)
ALONE += ("renew_review", "leave_review", "accept_task", "reject_task", "reopen_task")


def check_alone(verbs: Sequence[str]) -> None:
    """ArgumentError for an undo, or a move of a task, among other edits: what it allows or locks holds from the next request on."""
    for verb in verbs:
        if verb in ALONE and len(verbs) > 1:
            what = "an undo is a request of its own" if verb == "undo" else "a task moves in a request of its own"
            raise ArgumentError(what, got=verb, field="edits", hint="send the others apart")


def check_actions(tx: Transaction, edits: Sequence[Any]) -> list[Action | None]:
    """What the edits ask for. AccessDenied for one that the account may make nowhere."""
    if tx.who is None:
        return []
    actions = [action_of(tx, edit) for edit in edits]
    for edit, action in zip(edits, actions):
        if action is not None:
            permit(tx.who, action, field=f"edit {edit['verb']}")
    return actions


def account_of(by: str | None, acting: str | None) -> str:
    """Whose a request is. AccessDenied where an account acts in another's name."""
    if acting is not None:
        if by not in (None, acting):
            raise AccessDenied("nobody acts in another's name", got=f"{by!r:.60}", field="by", hint="leave it out")
        return acting
    if by is None:
        try:
            return getpass.getuser()
        except (OSError, KeyError):
            return "somebody"
    if not isinstance(by, str) or not by.strip() or len(by) > 256 or not by.isprintable():
        raise ArgumentError(expected="a name of up to 256 characters", got=f"{by!r:.60}", field="by", hint="whose edits they are")
    return by


def check_reason(reason: Any) -> None:
    is_text = isinstance(reason, str) and len(reason) <= _MOST_REASON and "\0" not in reason and _is_unicode(reason)
    if reason is not None and not is_text:
        hint = "say it in words, or leave it out"
        raise ArgumentError(expected=f"a text of up to {_MOST_REASON:,} characters", got=f"{reason!r:.60}", field="reason", hint=hint)


def _is_unicode(text: str) -> bool:
    """Whether it holds no half characters, which no database takes."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def digest_of(asked: Sequence[Any], account: str, reason: str | None) -> bytes:
    """What tells a request from others that have the same id."""
    return request_hash({"edits": list(asked), "by": account, "reason": reason})


def repeated(connection: sa.Connection, op_id: str, digest: bytes) -> Commit | None:
    """What a request gave when it was done; None where it was not. ArgumentError where another request had its id."""
    if connection.execute(_BY_OP_ID, {"op_id": op_id}).first() is None:
        return None
    done = commits_of(connection, schema.txn.c.op_id == op_id, 1)[0]
    kept = connection.execute(sa.select(schema.txn.c.request_sha256).where(schema.txn.c.seq == done.seq)).scalar_one()
    if bytes(kept) != digest:
        hint = "give every request an id of its own"
        raise ArgumentError("another request had this op_id", got=done.op_id, field="op_id", hint=hint, code="op-id-reused")
    rows = connection.execute(sa.select(schema.change.c.entity_id, schema.change.c.rev).where(schema.change.c.seq == done.seq))
    return dataclasses.replace(done, revisions={row.entity_id: int(row.rev) for row in rows}, is_repeat=True)
