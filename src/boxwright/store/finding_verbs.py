"""Findings that are kept: what a check found, what became of it, and on which revisions it stands.

A finding says what `bw.check` said of it (its finding_id is its name in the scene), and
    status : open, waived (by a reviewer, with a reason) or fixed (a later check did not find it)
    at_seq : the labels that were checked are those after that transaction
    revisions : id -> revision of what it is about: its tracks, their keyframes in its frames and two to either side, or the sensor
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import ArgumentError, ConflictError
from .entities import Entity, named
from .settings import is_number
from .transactions import Transaction

__all__ = ["FINDING_KEYS", "FINDING_VERBS", "revisions_of"]

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
_AROUND = 2  # keyframes to either side, which interpolation looks at


def keep_findings(tx: Transaction, edit: Edit) -> None:
    """All that a check of some rules found in a scene. What is waived stays so until what it is about changes; what is not found again is fixed."""
    scene = tx.live(edit["scene"], "scene", "edit.scene")
    at_seq, rules = edit["at_seq"], edit["rules"]
    if not isinstance(edit["findings"], list) or not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        got = f"{edit['findings']!r:.40}, {rules!r:.40}"
        raise ArgumentError(expected="lists of findings and of rules", got=got, field="edit.findings", hint="[] where there are none")
    there = {(one.body or {})["finding_id"]: one for one in tx.of_kind(scene.id, "finding")}
    found = {one["finding_id"]: one for one in map(_checked, edit["findings"])}
    for place, (key, said) in enumerate(found.items()):
        about = list(_about(tx, scene.id, said))
        tx.unchanged_since(about, at_seq)
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


def _body(said: Mapping[str, Any], status: str, at_seq: int, revisions: Mapping[str, int]) -> dict[str, Any]:
    return {**said, "status": status, "at_seq": at_seq, "revisions": dict(sorted(revisions.items())), "reason": None, "waived_by": None}


_TEXTS = ("finding_id", "rule", "message", "unit", "label_digest")
_WHOLE = ("frame_index", "last_frame_index", "worst_frame_index", "timestamp_ns")
_SEVERITIES = ("error", "warning", "information")


def _checked(one: Any) -> dict[str, Any]:
    fits = (
        isinstance(one, Mapping)
        and set(one) == set(FINDING_KEYS)
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
    return {key: one[key] for key in FINDING_KEYS}


def _about(tx: Transaction, scene_id: str, said: Mapping[str, Any]) -> Iterable[Entity]:
    """What it stands on."""
    frames = tx.named(scene_id, named("frames"))
    times = [one["timestamp_ns"] for one in (frames.body or {})["frames"]] if frames else []
    first, last = said["frame_index"], said["last_frame_index"]
    if not 0 <= first <= last < len(times):
        raise ArgumentError(expected=f"frames below {len(times)}", got=f"{first!r:.20} to {last!r:.20}", field="edit.findings", hint="check again")
    for track_id in said["track_ids"]:
        track = tx.named(scene_id, named("track", track_id))
        if track is None:
            continue
        yield track
        keyframes = tx.children(track.id)
        inside = [k for k, one in enumerate(keyframes) if times[first] <= (one.body or {})["timestamp_ns"] <= times[last]]
        before = sum((one.body or {})["timestamp_ns"] < times[first] for one in keyframes)
        low, high = (inside[0], inside[-1] + 1) if inside else (before, before)
        yield from keyframes[max(low - _AROUND, 0) : high + _AROUND]
    sensor = None if said["sensor"] is None else tx.named(scene_id, named("sensor", said["sensor"]))
    if sensor is not None and not said["track_ids"]:
        yield sensor


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
