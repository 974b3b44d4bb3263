"""What work took, as the log tells: time, edits, objects."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..store import schema
from ..store.entities import LABELS, Entity
from ..store.places import spots_of, touches
from ..store.transactions import Transaction, image_of

__all__ = ["Effort", "active_s", "efforts"]


@dataclass(frozen=True)
class Effort:
    """What one account did to the labels of some tasks.

    active_s : from the first edit to the last, pauses counted for at most `idle_cap_s`; of single edits nothing
    n_edits : transactions; n_changes : things they changed; n_objects : tracks that they made or changed, or whose keyframes
    first_ns, last_ns : by the clock of who wrote them
    """

    account: str
    active_s: float
    n_edits: int
    n_changes: int
    n_objects: int
    first_ns: int
    last_ns: int


def active_s(times_ns: Iterable[int], idle_cap_s: float) -> float:
    """Of edits in the order they came; where a clock went back, no time went by."""
    return sum(min(max(b - a, 0) / 1e9, idle_cap_s) for a, b in itertools.pairwise(times_ns))


def efforts(connection: sa.Connection, tasks: Iterable[Entity], idle_cap_s: float) -> list[Effort]:
    """Of everybody who changed labels of these tasks, by name."""
    tx = Transaction(connection, "")
    by_scene: dict[str, list[Mapping[str, Any]]] = {}
    for task in tasks:
        by_scene.setdefault(task.scene_id, []).append(task.body or {})
    times: dict[str, dict[int, int]] = {}
    changes: dict[str, int] = {}
    objects: dict[str, set[str]] = {}
    txn, change = schema.txn.c, schema.change.c
    joined = schema.change.join(schema.txn, change.seq == txn.seq)
    for scene_id, bodies in by_scene.items():
        where = (change.scene_id == scene_id) & change.kind.in_(LABELS) & txn.verb.not_in(("add_scene", "add_layer"))
        asked = sa.select(schema.change, txn.account, txn.at_ns, txn.verb).select_from(joined).where(where).order_by(change.seq, change.n)
        born = _made_with(connection, scene_id)
        for row in connection.execute(asked):
            if row.seq == born:
                continue  # what a layer began with is nobody's work
            image = image_of(row)
            one = image if image.is_live else tx.image(image.id, image.rev - 1) or image
            if not any(touches(body, spot) for spot in spots_of(tx, one, before=False) for body in bodies):
                continue
            times.setdefault(row.account, {})[int(row.seq)] = int(row.at_ns)
            changes[row.account] = changes.get(row.account, 0) + 1
            if row.kind in ("track", "keyframe"):
                objects.setdefault(row.account, set()).add(row.parent_id or row.entity_id)
    made = []
    for account, stamps in sorted(times.items()):
        at = [stamps[seq] for seq in sorted(stamps)]
        found = objects.get(account, set())
        made.append(Effort(account, active_s(at, idle_cap_s), len(at), changes[account], len(found), at[0], at[-1]))
    return made


def _made_with(connection: sa.Connection, scene_id: str) -> int | None:
    """The transaction that made a scene."""
    change = schema.change.c
    return connection.execute(sa.select(change.seq).where((change.entity_id == scene_id) & (change.rev == 1))).scalar()
