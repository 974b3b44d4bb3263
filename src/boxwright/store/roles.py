"""Who may do what: roles, actions, and the one function that everything an account asks for goes through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..errors import AccessDenied, ArgumentError

__all__ = ["RIGHTS", "SCOPES", "Action", "Right", "Role", "Standing", "Where", "permit", "permits", "roles_from"]


class Role(StrEnum):
    """What a member is; one may be several at once, but a machine is nothing else."""

    VIEWER = "viewer"
    ANNOTATOR = "annotator"
    REVIEWER = "reviewer"
    ADMIN = "admin"
    MACHINE = "machine"


class Action(StrEnum):
    """What can be asked for."""

    READ = "read the project"
    EDIT = "edit labels"
    WORK = "work on tasks"  # take, renew, release, submit
    JUDGE = "judge work"
    SEE_GOLD = "see gold answers"
    FIND = "keep findings"
    WAIVE = "waive findings"
    UNDO_OTHERS = "undo others' edits"
    IMPORT = "import scenes"
    EXPORT = "export"
    ADMINISTER = "administer"  # taxonomy, guidelines, members, tokens, tasks, roots, deleting scenes


class Right(StrEnum):
    """What a role has of an action."""

    NO = "no"
    YES = "yes"
    OWN = "in own tasks"
    REVIEWED = "in tasks under own review"
    BEFORE_WORK = "where no task has begun"


_N, _Y, _OWN = Right.NO, Right.YES, Right.OWN
_COLUMNS = (Role.VIEWER, Role.ANNOTATOR, Role.REVIEWER, Role.ADMIN, Role.MACHINE)
_TABLE: dict[Action, tuple[Right, ...]] = {
    Action.READ: (_Y, _OWN, _Y, _Y, _Y),
    Action.EDIT: (_N, _OWN, Right.REVIEWED, _N, Right.BEFORE_WORK),
    Action.WORK: (_N, _Y, _N, _N, _N),
    Action.JUDGE: (_N, _N, _Y, _N, _N),
    Action.SEE_GOLD: (_N, _N, _Y, _Y, _N),
    Action.FIND: (_N, _N, _Y, _Y, _Y),
    Action.WAIVE: (_N, _N, _Y, _Y, _N),
    Action.UNDO_OTHERS: (_N, _N, _Y, _Y, _N),
    Action.IMPORT: (_N, _N, _N, _Y, _Y),
    Action.EXPORT: (_N, _N, _Y, _Y, _Y),
    Action.ADMINISTER: (_N, _N, _N, _Y, _N),
}
RIGHTS: Mapping[tuple[Role, Action], Right] = {(role, action): row[k] for action, row in _TABLE.items() for k, role in enumerate(_COLUMNS)}
# what a token, or a machine, may be used for within its rights
SCOPES: Mapping[str, frozenset[Action]] = {
    "all": frozenset(Action),
    "read": frozenset({Action.READ}),
    "import": frozenset({Action.IMPORT}),
    "predict": frozenset({Action.READ, Action.EDIT, Action.FIND}),
    "export": frozenset({Action.READ, Action.EXPORT}),
}


@dataclass(frozen=True)
class Standing:
    """An account in a project.

    roles : none where it is no member
    scopes : some of SCOPES: what a machine may be used for, and what the token says that is used; None where nothing narrows it
    is_alone : the project has no members, so that whoever reaches it may do everything
    """

    account: str
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[str] | None = None
    is_alone: bool = False


@dataclass(frozen=True)
class Where:
    """What a thing is to an account, as far as rights depend on it.

    is_own : in a task of its own that it may still change
    is_reviewed : in a task that it reviews
    is_begun : in a task that somebody has begun or done
    """

    is_own: bool = False
    is_reviewed: bool = False
    is_begun: bool = False


SOMEWHERE = Where(is_own=True, is_reviewed=True)  # the best that can be: who may not do it here may do it nowhere


def permits(who: Standing, action: Action, where: Where = SOMEWHERE) -> bool:
    """Whether one of an account's roles has the right, there; nothing else in boxwright decides this."""
    scopes = who.scopes
    if Role.MACHINE in who.roles and scopes is None:
        scopes = frozenset()
    if scopes is not None and not any(action in SCOPES[scope] for scope in scopes if scope in SCOPES):
        return False
    if who.is_alone:
        return True
    held = {
        Right.NO: False,
        Right.YES: True,
        Right.OWN: where.is_own,
        Right.REVIEWED: where.is_reviewed,
        Right.BEFORE_WORK: not where.is_begun,
    }
    return any(held[RIGHTS[role, action]] for role in who.roles)


def permit(who: Standing, action: Action, where: Where = SOMEWHERE, *, field: str | None = None) -> None:
    """AccessDenied where `permits` says no."""
    if permits(who, action, where):
        return
    if not who.roles and not who.is_alone:
        raise AccessDenied("no member of the project", got=repr(who.account)[:80], field=field, hint="an admin adds members")
    rights = {RIGHTS[role, action] for role in who.roles} - {Right.NO}
    mine = ", ".join(sorted(who.roles)) or "everybody"
    if who.scopes is not None and not any(action in SCOPES.get(scope, ()) for scope in who.scopes):
        what, hint = f"its token or scope does not allow to {action}", f"scopes are {', '.join(SCOPES)}"
    elif rights:
        what, hint = f"may {action} only {' or '.join(sorted(rights))}", "take the task, or ask whoever has it"
    else:
        able = [role.value for role in Role if RIGHTS[role, action] is not Right.NO]
        what, hint = f"may not {action}", f"{' or '.join(able)} may"
    raise AccessDenied(what, got=f"{who.account!r:.80}, {mine}", field=field, hint=hint)


def roles_from(roles: Iterable[str], scopes: Iterable[str]) -> tuple[list[str], list[str]]:
    """Both sorted. ArgumentError where nobody can be that."""
    if not all(isinstance(given, (list, tuple)) and all(isinstance(one, str) for one in given) for given in (roles, scopes)):
        raise ArgumentError(expected="lists of names", got=f"{roles!r:.40}, {scopes!r:.40}", field="roles", hint='such as roles=["annotator"]')
    chosen, narrowed = sorted(set(roles)), sorted(set(scopes))
    if not chosen or set(chosen) - set(Role):
        raise ArgumentError(
            expected=f"some of {', '.join(Role)}", got=", ".join(chosen)[:80] or "none", field="roles", hint="remove_member takes all away"
        )
    is_machine = Role.MACHINE in chosen
    if is_machine and len(chosen) > 1:
        raise ArgumentError("a machine is nothing else", got=", ".join(chosen), field="roles", hint="give it an account of its own")
    of_machines = [scope for scope in SCOPES if scope != "all"]
    if set(narrowed) - set(of_machines) or is_machine != bool(narrowed):
        expected = f"some of {', '.join(of_machines)} for a machine, none for people"
        raise ArgumentError(expected=expected, got=", ".join(narrowed)[:80] or "none", field="scopes", hint="they say what a machine is for")
    return chosen, narrowed
