"""What was said of work: verdicts on tasks, grades of qualifications, and the guidelines that they cite.

A verdict says task, decision (accepted, rejected or reopened), reason, at_seq (it is about the labels after that transaction), label_digest
(of these), guideline (version and entry, or None), n_reviewer_edits, authors, and last the reviewer. A grade says task, account, qualification,
at_seq, f1, n_objects, n_errors, is_passed. The guideline says text and entries, class -> text and examples; its revision is its version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from ..errors import ArgumentError, ConflictError, UnknownName
from . import schema
from .entities import LABELS, PROJECT, Entity, named
from .places import label_changes
from .settings import is_number
from .transactions import Transaction

__all__ = ["JUDGING_VERBS", "add_verdict"]

Edit = Mapping[str, Any]
_MOST_TEXT = 100_000


# ------------------------------------------------------------ verdicts


def add_verdict(tx: Transaction, task: Entity, decision: str, edit: Edit) -> None:
    """ConflictError where the labels have changed since the reviewer saw them."""
    body, at_seq, reason = task.body or {}, edit["at_seq"], edit.get("reason") or ""
    if type(at_seq) is not int or not 0 < at_seq < tx.seq:
        hint = "the seq of the project when the labels were read"
        raise ArgumentError(expected=f"a transaction from 1 to {tx.seq - 1}", got=f"{at_seq!r:.40}", field="edit.at_seq", hint=hint)
    if not isinstance(reason, str) or len(reason) > 4096 or (decision != "accepted" and not reason.strip()):
        raise ArgumentError(expected="a reason", got=f"{reason!r:.40}", field="edit.reason", hint=f"say why it is {decision}")
    if not isinstance(edit.get("label_digest", ""), str):
        raise ArgumentError(expected="a digest", got=f"{edit['label_digest']!r:.40}", field="edit.label_digest", hint="Work makes it")
    changed = label_changes(tx, task, at_seq)
    if changed:
        raise tx.conflict(f"labels of the task have changed since transaction {at_seq}", changed[:10], None)
    said = {
        "task": task.id,
        "decision": decision,
        "reason": reason,
        "at_seq": at_seq,
        "label_digest": edit.get("label_digest", "")[:64],
        "guideline": _cited(tx, edit.get("guideline")),
        "n_reviewer_edits": _n_edits(tx, task, tx.account, body["submitted_seq"] or 0),
        "authors": list(body["authors"]),
        "reviewer": tx.account,  # the last key: work_rules.py reads up to it
    }
    tx.add("verdict", task.scene_id, said, place=tx.next_place(task.scene_id, "verdict"))


def _n_edits(tx: Transaction, task: Entity, account: str, since: int) -> int:
    """How many transactions of an account have changed labels of the scene since."""
    txn, change = schema.txn.c, schema.change.c
    joined = schema.txn.join(schema.change, txn.seq == change.seq)
    mine = (txn.seq > since) & (txn.account == account) & (change.scene_id == task.scene_id) & change.kind.in_(LABELS)
    return int(tx.connection.execute(sa.select(sa.func.count(sa.distinct(txn.seq))).select_from(joined).where(mine)).scalar() or 0)


def _cited(tx: Transaction, cited: Any) -> dict[str, Any] | None:
    """ArgumentError where there is no such version or entry of the guideline."""
    if cited is None:
        return None
    if not isinstance(cited, Mapping) or set(cited) != {"version", "entry"} or type(cited["version"]) is not int:
        raise ArgumentError(expected="version and entry", got=f"{cited!r:.80}", field="edit.guideline", hint="entry is a class, or None for the text")
    kept = tx.named(PROJECT, named("guideline"))
    image = None if kept is None or cited["version"] < 1 else tx.image(kept.id, cited["version"])
    if image is None or (cited["entry"] is not None and cited["entry"] not in (image.body or {})["entries"]):
        raise UnknownName("no such entry of the guideline", got=f"{dict(cited)!r:.80}", field="edit.guideline", hint="work.guideline() tells them")
    return {"version": cited["version"], "entry": cited["entry"]}


def add_grade(tx: Transaction, edit: Edit) -> None:
    """What a task that is done was worth. Told by who may see the answers."""
    task = tx.live(edit["task"], "task", "edit.task")
    body, grade = task.body or {}, edit["grade"]
    keys = {"at_seq", "f1", "n_objects", "n_errors", "is_passed"}
    counts = ("n_objects", "n_errors")
    fits = isinstance(grade, Mapping) and set(grade) == keys and all(type(grade[key]) is int and grade[key] >= 0 for key in counts)
    if not fits or not is_number(grade["f1"]) or not isinstance(grade["is_passed"], bool):
        raise ArgumentError(expected=", ".join(sorted(keys)), got=f"{grade!r:.80}", field="edit.grade", hint="work.grade makes one")
    if body["submitted_seq"] is None or grade["at_seq"] != body["submitted_seq"]:
        raise ConflictError("a grade is of what was submitted", got=body["name"], field="edit.grade", hint="submit the task first")
    if any((one.body or {})["task"] == task.id for one in tx.of_kind(PROJECT, "grade")):
        raise ConflictError("the task has its grade", got=body["name"], field="edit.task", hint="a qualification is done once")
    tx.add("grade", PROJECT, {"task": task.id, "account": body["assignee"], "qualification": body["qualification"], **grade})


# ------------------------------------------------------------ guidelines


def set_guideline(tx: Transaction, edit: Edit) -> None:
    """The next version of the guideline; older ones stay readable."""
    text, entries = _plain(edit["text"], "text"), {}
    if not isinstance(edit["entries"], Mapping):
        raise ArgumentError(expected="class -> entry", got=f"{edit['entries']!r:.60}", field="edit.entries", hint="{} for none")
    for name, entry in edit["entries"].items():
        if not isinstance(entry, Mapping) or set(entry) != {"text", "examples"} or not isinstance(entry["examples"], list):
            raise ArgumentError(expected="text and examples", got=f"{entry!r:.60}", field=f"edit.entries.{name:.40}", hint="examples: [] for none")
        examples = [_example(tx, one, name) for one in entry["examples"]]
        entries[str(name)] = {"text": _plain(entry["text"], name), "examples": examples}
    body = {"text": text, "entries": entries}
    old = tx.named(PROJECT, named("guideline"))
    if old is None:
        tx.add("guideline", PROJECT, body)
    else:
        tx.put(tx.expected(old.id, "guideline", edit.get("rev"), [()], "edit"), body)


def _plain(text: Any, field: str) -> str:
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise ArgumentError(
            expected=f"plain text of up to {_MOST_TEXT:,} characters", got=f"{text!r:.60}", field=f"edit.{field}", hint="write it out"
        )
    return text


def _example(tx: Transaction, one: Any, name: str) -> dict[str, Any]:
    """A frame to look at. ArgumentError where it is none, or of gold, which a guideline would give away."""
    fits = isinstance(one, Mapping) and set(one) == {"scene", "frame_index", "note"} and type(one["frame_index"]) is int
    if not fits or not isinstance(one["note"], str):
        raise ArgumentError(expected="scene, frame_index and note", got=f"{one!r:.80}", field=f"edit.entries.{name:.40}", hint="scene by its name")
    scene = tx.named(PROJECT, named("scene", one["scene"]))
    frames = None if scene is None else tx.named(scene.id, named("frames"))
    if scene is None or frames is None or not 0 <= one["frame_index"] < len((frames.body or {})["frames"]):
        got = f"{one['scene']!r:.60}, {one['frame_index']}"
        raise UnknownName("no such frame", got=got, field=f"edit.entries.{name:.40}", hint="project.scenes() lists the scenes")
    if tx.named(PROJECT, named("gold", scene.id)) is not None:
        raise ConflictError("a frame of gold is no example", got=one["scene"], field=f"edit.entries.{name:.40}", hint="show another scene")
    return dict(one)


JUDGING_VERBS: dict[str, tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]] = {
    "add_grade": (add_grade, ("task", "grade"), ()),
    "set_guideline": (set_guideline, ("text", "entries"), ("rev",)),
}
