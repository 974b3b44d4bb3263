"""The verbs of tracks and keyframes, of cuboids and in pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import ArgumentError, ConflictError, number_of
from .canonical import checked_id, new_id
from .entities import Entity, slot_of
from .transactions import Transaction, differing

__all__ = ["TRACK_VERBS"]

Edit = Mapping[str, Any]
_SAID = ("timestamp_ns", "visibility", "origin", "attributes", "source_attributes")  # of a keyframe; the rest of its body is its shape
_OF_TRACK = ("category", "method", "object_id", "track_id")
_SIDES = ("into", "other")


def _mapping(edit: Edit, key: str) -> Mapping[str, Any]:
    value = edit.get(key, {})
    if not isinstance(value, Mapping):
        raise ArgumentError(expected="a mapping", got=f"{value!r:.60}", field=f"edit.{key}", hint="of names to values")
    return value


# ------------------------------------------------------------ tracks


def add_track(tx: Transaction, edit: Edit) -> None:
    """track : as scene.json has it, keyframes among it; keyframe_ids : one for each keyframe"""
    scene, track = tx.live(edit["scene"], "scene", "edit.scene"), _mapping(edit, "track")
    keyframes, ids = track.get("keyframes"), edit["keyframe_ids"]
    if not isinstance(keyframes, Sequence) or not isinstance(ids, Sequence) or len(keyframes) != len(ids):
        hint = "every keyframe has an id of its own"
        raise ArgumentError(expected="as many keyframe_ids as keyframes", got="another number", field="edit.keyframe_ids", hint=hint)
    body = {key: value for key, value in track.items() if key != "keyframes"}
    _named_body(body, "track_id")
    made = tx.add("track", scene.id, body, entity_id=checked_id("edit.id", edit["id"]), place=tx.next_place(scene.id, "track"))
    for keyframe, keyframe_id in zip(keyframes, ids):
        _add_keyframe(tx, made, keyframe, keyframe_id)


def _named_body(body: Mapping[str, Any], key: str) -> None:
    if not isinstance(body.get(key), str):
        raise ArgumentError(expected=f"{key}, a text", got=f"{body.get(key)!r:.60}", field="edit.track", hint="as scene.json has a track")


def _add_keyframe(tx: Transaction, track: Entity, keyframe: Any, keyframe_id: Any) -> None:
    stamp = keyframe.get("timestamp_ns") if isinstance(keyframe, Mapping) else None
    if isinstance(stamp, bool) or not isinstance(stamp, int):
        raise ArgumentError(expected="a keyframe with timestamp_ns", got=f"{keyframe!r:.60}", field="edit.keyframe", hint="as scene.json has one")
    tx.add("keyframe", track.scene_id, keyframe, entity_id=checked_id("keyframe id", keyframe_id), parent_id=track.id)


def set_track(tx: Transaction, edit: Edit) -> None:
    """set : new values for some of category, method, object_id, track_id"""
    wanted = _mapping(edit, "set")
    if not wanted or set(wanted) - set(_OF_TRACK):
        raise ArgumentError(expected=f"some of {', '.join(_OF_TRACK)}", got=", ".join(map(str, wanted))[:80] or "none", field="edit.set")
    track = tx.expected(edit["id"], "track", edit["rev"], [(key,) for key in wanted], "edit.id")
    body = {**(track.body or {}), **wanted}
    _named_body(body, "track_id")
    tx.put(track, body)
    if "track_id" in wanted:
        _point_elsewhere(tx, track, str(wanted["track_id"]))


def _point_elsewhere(tx: Transaction, track: Entity, name: str) -> None:
    """What names a track by its track_id follows it to another name: relations, edits of points, and image tracks of the same object."""
    old = (track.body or {})["track_id"]
    for kind, keys in (("relation", ("subject", "object")), ("point_edit", ("track_id",)), ("track", ("object_id",))):
        for one in tx.of_kind(track.scene_id, kind):
            body = one.body or {}
            fresh = {**body, **{key: name for key in keys if body.get(key) == old}}
            if fresh == body:
                continue
            if kind == "relation" and fresh["subject"] == fresh["object"]:
                tx.remove(one)  # two tracks that were related are one now
            else:
                tx.put(one, fresh)


def set_attributes(tx: Transaction, edit: Edit) -> None:
    """set : name -> value; remove : names. Of a track or of a keyframe; each name is a value of its own."""
    wanted, gone, kind = _mapping(edit, "set"), edit.get("remove", []), edit["kind"]
    if not isinstance(gone, list) or not all(isinstance(name, str) for name in gone):
        raise ArgumentError(expected="a list of names", got=f"{gone!r:.60}", field="edit.remove", hint="leave it out to remove none")
    if kind not in ("track", "keyframe"):
        raise ArgumentError(expected="track or keyframe", got=f"{kind!r:.40}", field="edit.kind", hint="whose attributes they are")
    one = tx.expected(edit["id"], kind, edit["rev"], [("attributes", name) for name in (*wanted, *gone)], "edit.id")
    kept = {name: value for name, value in ((one.body or {}).get("attributes") or {}).items() if name not in gone}
    tx.put(one, {**(one.body or {}), "attributes": {**kept, **wanted}})


def delete_track(tx: Transaction, edit: Edit) -> None:
    track = tx.expected(edit["id"], "track", edit["rev"], [()], "edit.id")
    keyframes = tx.children(track.id)
    tx.unchanged_since(keyframes, edit["seen"])
    for one in keyframes:
        tx.remove(one)
    tx.remove(track)


def merge(tx: Transaction, edit: Edit) -> None:
    """The keyframes of one track go to another, which keeps its name, class and attributes; the first is deleted.

    prefer : at times where both have one, whose stays, "into" or "other"; ConflictError where it is left out
    """
    other = tx.expected(edit["id"], "track", edit["rev"], [()], "edit.id")
    into = tx.expected(edit["into"], "track", edit["into_rev"], [()], "edit.into")
    if other.id == into.id or other.scene_id != into.scene_id or _shape(other) != _shape(into):
        hint = "both of cuboids, or both in one camera's pictures with one kind of shape"
        raise ArgumentError("these tracks cannot be one", expected="two tracks of one scene and kind", field="edit.into", hint=hint)
    theirs, mine = tx.children(other.id), {slot_of(one.kind, one.body)[1]: one for one in tx.children(into.id)}
    tx.unchanged_since([*theirs, *mine.values()], edit["seen"])
    prefer = edit.get("prefer")
    if prefer is not None and prefer not in _SIDES:
        raise ArgumentError(expected="into or other", got=f"{prefer!r:.40}", field="edit.prefer", hint="leave it out to be told of such times")
    both = [one for one in theirs if slot_of(one.kind, one.body)[1] in mine]
    if both and prefer is None:
        raise tx.conflict(f"both tracks have keyframes at {number_of(len(both), 'time')}: say with prefer whose stay", both[:10], None)
    for one in both:
        tx.remove(one if prefer == "into" else mine[slot_of(one.kind, one.body)[1]])
    for one in theirs:
        if one not in both or prefer == "other":
            tx.put(one, one.body or {}, parent_id=into.id)
    _point_elsewhere(tx, other, (into.body or {})["track_id"])
    tx.remove(tx.live(other.id, "track", "edit.id"))


def _shape(track: Entity) -> tuple[Any, ...]:
    return tuple((track.body or {}).get(key) for key in ("shape", "camera", "skeleton", "size_px"))


def split(tx: Transaction, edit: Edit) -> None:
    """The keyframes from a time on become a track of their own, with what holds there."""
    if isinstance(edit["timestamp_ns"], bool) or not isinstance(edit["timestamp_ns"], int):
        raise ArgumentError(expected="a time in nanoseconds", got=f"{edit['timestamp_ns']!r:.40}", field="edit.timestamp_ns", hint="a whole number")
    track = tx.expected(edit["id"], "track", edit["rev"], [()], "edit.id")
    keyframes = tx.children(track.id)
    tx.unchanged_since(keyframes, edit["seen"])
    later = [one for one in keyframes if (slot_of(one.kind, one.body)[1] or 0) >= edit["timestamp_ns"]]
    if not later or len(later) == len(keyframes):
        stamps = [slot_of(one.kind, one.body)[1] for one in keyframes]
        hint = "a track is split between two keyframes"
        raise ArgumentError(
            expected=f"a time after {stamps[0]} and up to {stamps[-1]}", got=f"{edit['timestamp_ns']!r:.40}", field="edit.timestamp_ns", hint=hint
        )
    body = {**(track.body or {}), "track_id": edit["track_id"]}
    _named_body(body, "track_id")
    made = tx.add("track", track.scene_id, body, entity_id=checked_id("edit.new_id", edit["new_id"]), place=tx.next_place(track.scene_id, "track"))
    tx.as_they_were |= {made.id, *(one.id for one in later)}
    held: dict[str, Any] = {}
    for one in keyframes[: len(keyframes) - len(later) + 1]:
        held |= (one.body or {}).get("attributes") or {}
    for i, one in enumerate(later):
        tx.put(one, {**(one.body or {}), "attributes": held} if i == 0 and held else one.body or {}, parent_id=made.id)


def put_track(tx: Transaction, edit: Edit) -> None:
    """A track as it should be, such as what a solver or a propagation gives; what is not the same is changed, added, or deleted."""
    now, track = tx.live(edit["id"], "track", "edit.id"), _mapping(edit, "track")
    keyframes = {slot_of(one.kind, one.body)[1]: one for one in tx.children(now.id)}
    body = {key: value for key, value in track.items() if key != "keyframes"}
    touched: list[Entity] = []
    if differing(now.body, body):
        touched.append(now)
        tx.put(now, body)
    rows = track.get("keyframes")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and type(row.get("timestamp_ns")) is int for row in rows):
        raise ArgumentError(expected="a track with keyframes", got=f"{rows!r:.60}", field="edit.track", hint="as scene.json has a track")
    _named_body(body, "track_id")
    for row in rows:
        old = keyframes.pop(row.get("timestamp_ns"), None)
        if old is None:
            _add_keyframe(tx, now, row, new_id())
        elif differing(old.body, row):
            touched.append(old)
            tx.put(old, row)
    for old in keyframes.values():
        touched.append(old)
        tx.remove(old)
    tx.unchanged_since(touched, edit["seen"])


# ------------------------------------------------------------ keyframes


def add_keyframe(tx: Transaction, edit: Edit) -> None:
    _add_keyframe(tx, tx.live(edit["track"], "track", "edit.track"), edit["keyframe"], edit["id"])


def move_keyframe(tx: Transaction, edit: Edit) -> None:
    """shape : what a keyframe says but for its time, visibility, origin and attributes. Place, size and turn are one value."""
    shape = _mapping(edit, "shape")
    if not shape or set(shape) & set(_SAID):
        hint = "such as center_m, size_m and yaw_rad; other verbs change the rest"
        raise ArgumentError(expected="the shape alone", got=", ".join(map(str, shape))[:80] or "nothing", field="edit.shape", hint=hint)
    now = tx.live(edit["id"], "keyframe", "edit.id")
    old = [key for key in now.body or {} if key not in _SAID]
    now = tx.expected(now.id, "keyframe", edit["rev"], [(key,) for key in {*old, *shape}], "edit.id")
    said = {key: value for key, value in (now.body or {}).items() if key in _SAID}
    tx.put(now, {"timestamp_ns": said["timestamp_ns"], **shape, **said, "origin": edit.get("origin", "given")})


def set_keyframe(tx: Transaction, edit: Edit) -> None:
    """set : new values for some of timestamp_ns, visibility and origin"""
    wanted, known = _mapping(edit, "set"), ("timestamp_ns", "visibility", "origin")
    stamp = wanted.get("timestamp_ns", 0)
    if not wanted or set(wanted) - set(known) or isinstance(stamp, bool) or not isinstance(stamp, int):
        raise ArgumentError(
            expected=f"some of {', '.join(known)}", got=f"{dict(wanted)!r:.80}", field="edit.set", hint="move_keyframe sets the shape"
        )
    now = tx.expected(edit["id"], "keyframe", edit["rev"], [(key,) for key in wanted], "edit.id")
    tx.put(now, {**(now.body or {}), **wanted})


def delete_keyframe(tx: Transaction, edit: Edit) -> None:
    now = tx.expected(edit["id"], "keyframe", edit["rev"], [()], "edit.id")
    if now.parent_id is None:
        raise ConflictError("a keyframe without a track", got=now.id, hint="'boxwright fsck' looks at the project")
    tx.remove(now)


Verb = tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]
TRACK_VERBS: dict[str, Verb] = {
    "add_track": (add_track, ("scene", "id", "track", "keyframe_ids"), ()),
    "set_track": (set_track, ("id", "rev", "set"), ()),
    "set_attributes": (set_attributes, ("id", "kind", "rev"), ("set", "remove")),
    "delete_track": (delete_track, ("id", "rev", "seen"), ()),
    "merge": (merge, ("id", "rev", "into", "into_rev", "seen"), ("prefer",)),
    "split": (split, ("id", "rev", "seen", "timestamp_ns", "new_id", "track_id"), ()),
    "put_track": (put_track, ("id", "track", "seen"), ()),
    "add_keyframe": (add_keyframe, ("track", "id", "keyframe"), ()),
    "move_keyframe": (move_keyframe, ("id", "rev", "shape"), ("origin",)),
    "set_keyframe": (set_keyframe, ("id", "rev", "set"), ()),
    "delete_keyframe": (delete_keyframe, ("id", "rev"), ()),
}
