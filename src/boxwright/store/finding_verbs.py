"""Findings that are kept: what a check found, what became of it, and on which revisions it stands.

A finding says what `bw.check` said of it (its finding_id is its name in the scene), and
    status : open, waived (by a reviewer, with a reason) or fixed (a later check did not find it)
    at_seq : the labels that were checked are those after that transaction
    revisions : id -> revision of what it is about: its tracks, their keyframes in its frames and two to either side, or the sensor
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..checks import Suggestion
from ..errors import ArgumentError, ConflictError
from . import schema
from .entities import Entity, named
from .places import ALWAYS
from .settings import is_number
from .transactions import Transaction, image_of

__all__ = ["FINDING_KEYS", "FINDING_VERBS", "SUGGESTION", "revisions_of"]

Edit = Mapping[str, Any]
FINDING_KEYS: tuple[str, ...] = (
    "finding_id",
    "rule",
    "severity",
    "frame_index",
    "last_frame_index",
    "worst_frame_index",
    "timestamp_ns",
    "track_ids",
    "categories",
)
FINDING_KEYS += ("sensor", "value", "threshold", "unit", "message", "label_digest")
SUGGESTION = "suggestion"  # the correction that is suggested, of those that have one
_AROUND = 2  # keyframes to either side, which interpolation looks at


def keep_findings(tx: Transaction, edit: Edit) -> None:
    """All that a check of some rules found in a scene. What is waived stays so until what it is about changes; what is not found again is fixed."""
    scene = tx.live(edit["scene"], "scene", "edit.scene")
    at_seq, rules = edit["at_seq"], edit["rules"]
    if not isinstance(edit["findings"], list) or not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        got = f"{edit['findings']!r:.40}, {rules!r:.40}"
        raise ArgumentError(expected="lists of findings and of rules", got=got, field="edit.findings", hint="[] where there are none")
    tx.unchanged_since([], at_seq)
    changed = _changed_keyframes(tx, scene.id, at_seq)
    there = {(one.body or {})["finding_id"]: one for one in tx.of_kind(scene.id, "finding")}
    found = {one["finding_id"]: one for one in map(_checked, edit["findings"])}
    for place, (key, said) in enumerate(found.items()):
        about = list(_about(tx, scene.id, said))
        tx.unchanged_since(about, at_seq)
        _check_there(tx, scene.id, said, changed, at_seq)
        revisions, old = {one.id: one.rev for one in about}, there.get(key)
        if old is None:
            tx.add("finding", scene.id, _body(said, "open", at_seq, revisions), place=place)
        elif (old.body or {})["status"] != "waived" or (old.body or {})["revisions"] != revisions:
            fresh = _body(said, "open", at_seq, revisions)
            if fresh != {**(old.body or {}), "at_seq": at_seq}:
                tx.put(old, fresh)
    for key, old in there.items():
        body = old.body or {}
        if key not in found and body["rule"] in rules and body["status"] != "fixed":
            tx.put(old, {**body, "status": "fixed", "at_seq": at_seq})


def _changed_keyframes(tx: Transaction, scene_id: str, at_seq: int) -> dict[str | None, list[Entity]]:
    """Track -> what was changed after a transaction of its keyframes, as it was before."""
    later, old = schema.change.c, schema.change.alias()
    joined = schema.change.join(old, (old.c.entity_id == later.entity_id) & (old.c.rev == later.rev - 1))
    where = (later.seq > at_seq) & (later.scene_id == scene_id) & (later.kind == "keyframe") & old.c.after.is_not(None)
    found: dict[str | None, list[Entity]] = {}
    for row in tx.connection.execute(sa.select(old).select_from(joined).where(where)):
        found.setdefault(row.parent_id, []).append(image_of(row))
    return found


def _check_there(tx: Transaction, scene_id: str, said: Mapping[str, Any], changed: Mapping[str | None, Sequence[Entity]], at_seq: int) -> None:
    """ConflictError where a track of a finding is gone, or a keyframe that it was about: what is not there has no revision that could tell."""
    begin, end = _times(tx, scene_id, said)
    for track_id in said["track_ids"]:
        track = tx.named(scene_id, named("track", track_id))
        if track is None:
            hint = "read what is there now, and check it again"
            raise ConflictError("a track of a finding is not there, or no longer under that name", got=repr(track_id)[:80], hint=hint)
        if track.id not in changed:
            continue
        times = [(one.body or {})["timestamp_ns"] for one in tx.children(track.id)]
        around = _around(times, begin, end)
        low = times[around.start] if around.start > 0 else ALWAYS[0]
        high = times[around.stop - 1] if around.stop <= len(times) else ALWAYS[1]
        gone = [one.id for one in changed[track.id] if low <= (one.body or {})["timestamp_ns"] <= high]
        if gone:
            found = [one for key in dict.fromkeys(gone) if (one := tx.get(key)) is not None]
            raise tx.conflict(f"keyframes that a finding is about have changed since transaction {at_seq}", found, None)


def _body(said: Mapping[str, Any], status: str, at_seq: int, revisions: Mapping[str, int]) -> dict[str, Any]:
    return {**said, "status": status, "at_seq": at_seq, "revisions": dict(sorted(revisions.items())), "reason": None, "waived_by": None}


_TEXTS = ("finding_id", "rule", "message", "unit", "label_digest")
_WHOLE = ("frame_index", "last_frame_index", "worst_frame_index", "timestamp_ns")
_SEVERITIES = ("error", "warning", "information")


def _checked(one: Any) -> dict[str, Any]:
    fits = (
        isinstance(one, Mapping)
        and set(FINDING_KEYS) <= set(one) <= {*FINDING_KEYS, SUGGESTION}
        and all(isinstance(one[key], str) for key in _TEXTS)
        and all(type(one[key]) is int for key in _WHOLE)
        and all(one[key] is None or is_number(one[key]) for key in ("value", "threshold"))
        and all(isinstance(one[key], list) and all(isinstance(name, str) for name in one[key]) for key in ("track_ids", "categories"))
        and (one["sensor"] is None or isinstance(one["sensor"], str))
        and one["severity"] in _SEVERITIES
        and 0 < len(one["finding_id"]) <= 64
    )
    if not fits:
        hint = "work.keep_findings makes them of those of bw.check"
        raise ArgumentError(expected=", ".join(FINDING_KEYS), got=f"{one!r:.80}", field="edit.findings", hint=hint)
    mending = one.get(SUGGESTION)
    more = {} if mending is None else {SUGGESTION: Suggestion.from_dict(mending).to_dict()}
    return {**{key: one[key] for key in FINDING_KEYS}, **more}


def _about(tx: Transaction, scene_id: str, said: Mapping[str, Any]) -> Iterable[Entity]:
    """What it stands on."""
    begin, end = _times(tx, scene_id, said)
    for track_id in said["track_ids"]:
        track = tx.named(scene_id, named("track", track_id))
        if track is None:
            continue
        yield track
        keyframes = tx.children(track.id)
        yield from keyframes[_around([(one.body or {})["timestamp_ns"] for one in keyframes], begin, end)]
    sensor = None if said["sensor"] is None else tx.named(scene_id, named("sensor", said["sensor"]))
    if sensor is not None and not said["track_ids"]:
        yield sensor


def _times(tx: Transaction, scene_id: str, said: Mapping[str, Any]) -> tuple[int, int]:
    """Of the first and the last frame that a finding is about."""
    frames = tx.named(scene_id, named("frames"))
    times = [one["timestamp_ns"] for one in (frames.body or {})["frames"]] if frames else []
    first, last = said["frame_index"], said["last_frame_index"]
    if not 0 <= first <= last < len(times):
        raise ArgumentError(expected=f"frames below {len(times)}", got=f"{first!r:.20} to {last!r:.20}", field="edit.findings", hint="check again")
    return times[first], times[last]


def _around(times: Sequence[int], begin: int, end: int) -> slice:
    """Which keyframes a finding stands on: those at its times, and two to either side; its end may be beyond the last."""
    return slice(max(bisect.bisect_left(times, begin) - _AROUND, 0), bisect.bisect_right(times, end) + _AROUND)


def revisions_of(tx: Transaction, finding: Entity) -> dict[str, int]:
    """Of what a finding is about, as it is now: others than it says where it is stale."""
    return dict(sorted((one.id, one.rev) for one in _about(tx, finding.scene_id, finding.body or {})))


def waive_finding(tx: Transaction, edit: Edit) -> None:
    """It is right, and the label stays as it is. ConflictError where it is stale."""
    finding = tx.expected(edit["id"], "finding", edit["rev"], [()], "edit.id")
    body, reason = finding.body or {}, edit["reason"]
    if not isinstance(reason, str) or not reason.strip() or len(reason) > 4096:
        raise ArgumentError(expected="a reason", got=f"{reason!r:.40}", field="edit.reason", hint="say why the label stays as it is")
    if body["status"] != "open":
        raise ConflictError(f"the finding is {body['status']}", got=body["finding_id"], field="edit.id", hint="only what is open is waived")
    if revisions_of(tx, finding) != body["revisions"]:
        raise ConflictError("what the finding is about has changed", got=body["finding_id"], field="edit.id", hint="check the scene again")
    tx.put(finding, {**body, "status": "waived", "reason": reason, "waived_by": tx.account})


FINDING_VERBS: dict[str, tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]] = {
    "keep_findings": (keep_findings, ("scene", "at_seq", "rules", "findings"), ()),
    "waive_finding": (waive_finding, ("id", "rev", "reason"), ()),
}
