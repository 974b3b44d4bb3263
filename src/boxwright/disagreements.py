"""Where annotators disagree: one entry for each object and kind, the worst first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .arrays import Float64s, Int64s
from .differences import EXTENTS, WITHOUT_FRONT, WITHOUT_HEADING, Tolerances, kind_of
from .grouping import Units
from .matching import LabelTable
from .rotations import wrap_rad

__all__ = ["Disagreement", "disagreements"]

MOST_WEIGHT = 10.0


@dataclass(frozen=True)
class Disagreement:
    """What annotators say differently about one object.

    kind : "presence", "label", "attribute", "position", "length", "width", "height", "heading" or "flip"
    category : what most call it
    first_frame, last_frame, n_frames : of the common frames; in how many of them they disagree so
    track_ids : annotator -> ids of his tracks of the object; none where he has none
    values : annotator -> what he says where they disagree most; None where he says nothing
    off_by, unit : the largest difference, in "m" or "rad"; None where that cannot be said
    severity : frames x how many tolerances they differ by, at most 10; 10 where it cannot be measured
    name : of the attribute
    """

    kind: str
    category: str
    first_frame: int
    last_frame: int
    n_frames: int
    track_ids: Mapping[str, Sequence[str]]
    values: Mapping[str, Any]
    off_by: float | None
    unit: str
    severity: float
    name: str = ""


def disagreements(
    units: Units, tables: Sequence[LabelTable], names: Sequence[str], usual: Sequence[str], tolerances: Tolerances
) -> list[Disagreement]:
    """usual : what most call each unit"""
    index = units.grouping.object_index
    order = np.argsort(index, kind="stable")
    found: list[Disagreement] = []
    for rows in np.split(order, np.flatnonzero(np.diff(index[order])) + 1) if len(order) else []:
        found += _of_object(units, tables, names, usual, tolerances, rows)
    return sorted(found, key=lambda one: (-one.severity, one.kind, one.name, one.first_frame, json.dumps(one.track_ids, sort_keys=True)))


def _of_object(
    units: Units, tables: Sequence[LabelTable], names: Sequence[str], usual: Sequence[str], tolerances: Tolerances, rows: Int64s
) -> list[Disagreement]:
    members = units.grouping.objects[int(units.grouping.object_index[rows[0]])]
    track_ids = {name: [tables[who].tracks[i].track_id for i in members[who]] for who, name in enumerate(names)}
    kinds = [usual[row] for row in rows.tolist()]
    category = min(kinds, key=lambda kind: (-kinds.count(kind), kind))
    frames = units.grouping.time_index[rows]
    found: list[Disagreement] = []

    def add(kind: str, weight: Float64s, say: Any, off_by: Float64s | None = None, unit: str = "", name: str = "") -> None:
        """weight : tolerances by which they differ in each frame; up to 1 they agree"""
        where = np.flatnonzero(weight > 1)
        if not len(where):
            return
        worst = int(where[np.argmax(weight[where])])
        values = {who_name: say(int(rows[worst]), who) for who, who_name in enumerate(names)}
        at, off = frames[where], None if off_by is None else float(off_by[worst])
        severity = float(np.minimum(weight[where], MOST_WEIGHT).sum())
        found.append(Disagreement(kind, category, int(at.min()), int(at.max()), len(where), track_ids, values, off, unit, severity, name))

    there = units.is_there[rows]
    add("presence", np.where(there.all(1), 0.0, MOST_WEIGHT), lambda row, who: bool(units.is_there[row, who]))
    said = [{kind for kind in units.categories[row] if kind is not None} for row in rows.tolist()]
    add("label", np.where([len(kinds) > 1 for kinds in said], MOST_WEIGHT, 0.0), lambda row, who: units.categories[row][who])
    _add_attributes(add, units, rows)
    _add_geometry(add, units, rows, tolerances, category)
    return found


def _add_attributes(add: Any, units: Units, rows: Int64s) -> None:
    """One entry for each attribute; who says nothing of it disagrees with those who do."""
    said = [[one for one in units.attributes[row] if one is not None] for row in rows.tolist()]
    for name in sorted({name for row in said for one in row for name in one}):
        texts = [{json.dumps(one.get(name), sort_keys=True, default=str) for one in row} for row in said]

        def say(row: int, who: int, name: str = name) -> Any:
            return (units.attributes[row][who] or {}).get(name)

        add("attribute", np.where([len(row) > 1 for row in texts], MOST_WEIGHT, 0.0), say, name=name)


def _add_geometry(add: Any, units: Units, rows: Int64s, tolerances: Tolerances, category: str) -> None:
    """The largest difference of any two annotators, in tolerances."""
    center, size, yaw = units.center_m[rows], units.size_m[rows], units.yaw_rad[rows]
    apart, turned, flipped = np.zeros((3, len(rows)))
    for i, j in combinations(range(center.shape[1]), 2):
        apart = np.fmax(apart, np.linalg.norm(center[:, i] - center[:, j], axis=1))
        angle = np.abs(wrap_rad(yaw[:, i] - yaw[:, j]))
        turned = np.fmax(turned, np.minimum(angle, math.pi - angle))
        flipped = np.fmax(flipped, angle)
    add("position", apart / max(tolerances.position_m, 1e-9), lambda row, who: _numbers(units.center_m[row, who]), apart, "m")
    for k, extent in enumerate(EXTENTS):
        low, high = (part.reduce(size[:, :, k], axis=1) for part in (np.fmin, np.fmax))
        allowed = np.maximum(np.maximum(tolerances.size_m, tolerances.size_share * low), 1e-9)
        add(extent, (high - low) / allowed, lambda row, who, k=k: _number(units.size_m[row, who, k]), high - low, "m")
    kind = kind_of(category)
    if kind in WITHOUT_HEADING:
        return

    def say(row: int, who: int) -> float | None:
        return _number(units.yaw_rad[row, who])

    add("heading", turned / max(tolerances.heading_rad, 1e-9), say, turned, "rad")
    if kind not in WITHOUT_FRONT:
        add("flip", np.where(flipped > math.pi / 2, MOST_WEIGHT, 0.0), say, flipped, "rad")


def _number(value: Any) -> float | None:
    return float(value) if math.isfinite(value) else None


def _numbers(values: Float64s) -> list[float] | None:
    return values.tolist() if np.isfinite(values).all() else None
