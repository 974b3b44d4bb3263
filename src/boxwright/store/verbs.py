"""What a request can ask for. Each verb takes a transaction and its part of the request, which JSON can hold, and changes entities.

An edit of something that is there names the revision it was made at (`rev`), and is refused where somebody has changed since what it touches; a verb
that touches more than one thing (merge, split, delete_track, put_track) names the last transaction its maker had seen (`seen`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import ArgumentError, ConflictError, UnknownName
from ..formats.boxwright_scene import scene_of
from ..formats.strict_json import Node
from ..problems import Problems
from .canonical import checked_id
from .entities import PROJECT, Entity, named
from .scene_rows import add_rows
from .taxonomies import taxonomy_from
from .track_verbs import TRACK_VERBS
from .transactions import Transaction
from .undoing import restore, undo

__all__ = ["VERBS", "run"]

Edit = Mapping[str, Any]


def run(tx: Transaction, edit: Any) -> None:
    """One edit. ArgumentError where it is none, with what it should be."""
    if not isinstance(edit, Mapping) or edit.get("verb") not in VERBS:
        got = f"{edit.get('verb') if isinstance(edit, Mapping) else edit!r:.60}"
        raise ArgumentError(expected=f"a verb of {', '.join(VERBS)}", got=got, field="edit.verb", hint="each edit is a mapping with its verb")
    verb, required, optional = VERBS[edit["verb"]]
    keys = set(edit) - {"verb"}
    for key in sorted(set(required) - keys):
        raise ArgumentError(
            "a part of the edit is missing", expected=repr(key), field=f"edit {edit['verb']}", hint=f"it takes {', '.join(required + optional)}"
        )
    for key in sorted(keys - set(required) - set(optional)):
        raise ArgumentError(
            "unknown part of an edit", got=f"{key!r:.60}", field=f"edit {edit['verb']}", hint=f"it takes {', '.join(required + optional)}"
        )
    verb(tx, edit)


# ------------------------------------------------------------ scenes


def add_scene(tx: Transaction, edit: Edit) -> None:
    """A whole scene: what its scene.json would say, where its recording lies, the files of that, and blobs of point labels."""
    scene_id, top = checked_id("edit.id", edit["id"]), edit["scene"]
    scene_of(Node(top, "the scene"), Problems(), must_cover=False)  # what could not be read again is not taken
    if tx.named(PROJECT, named("scene", top["name"])) is not None:
        what, hint = "a scene of that name is there already", "give it another name, or delete that one"
        raise ConflictError(what, got=repr(top["name"])[:80], field="scene", hint=hint)
    add_rows(tx, scene_id, top, edit.get("path"))
    if edit.get("source") is not None:
        tx.add("source", scene_id, edit["source"])
    for place, body in enumerate(edit.get("files", ())):
        tx.add("files", scene_id, body, place=place)
    for place, body in enumerate(edit.get("point_labels", ())):
        tx.add("point_labels", scene_id, body, place=place)


def rename_scene(tx: Transaction, edit: Edit) -> None:
    scene = tx.expected(edit["id"], "scene", edit["rev"], [("name",)], "edit.id")
    if not isinstance(edit["name"], str) or not edit["name"].strip():
        raise ArgumentError(expected="a name", got=f"{edit['name']!r:.60}", field="edit.name", hint="a text that is not empty")
    tx.put(scene, {**(scene.body or {}), "name": edit["name"]})


def delete_scene(tx: Transaction, edit: Edit) -> None:
    scene = tx.live(edit["id"], "scene", "edit.id")
    everything = [scene, *tx.all_of(scene.id)]
    tx.unchanged_since(everything, edit["seen"])
    for one in everything:
        tx.remove(one)


def relocate(tx: Transaction, edit: Edit) -> None:
    """The recording lies elsewhere now."""
    source = tx.named(edit["scene"], named("source"))
    if source is None:
        raise UnknownName("the scene has no recording", got=f"{edit['scene']!r:.80}", field="edit.scene", hint="it is labels alone")
    source = tx.expected(source.id, "source", edit["rev"], [("path",)], "edit.scene")
    tx.put(source, {**(source.body or {}), "path": edit["path"]})


def set_taxonomy(tx: Transaction, edit: Edit) -> None:
    taxonomy_from(edit["taxonomy"])
    old = tx.named(PROJECT, named("taxonomy"))
    if old is None:
        tx.add("taxonomy", PROJECT, edit["taxonomy"])
    else:
        tx.put(tx.expected(old.id, "taxonomy", edit["rev"], [()], "edit"), edit["taxonomy"])


# ------------------------------------------------------------ tags, relations, edits of points


def _scene(tx: Transaction, edit: Edit) -> Entity:
    return tx.live(edit["scene"], "scene", "edit.scene")


def _add(kind: str, tx: Transaction, edit: Edit) -> None:
    scene = _scene(tx, edit)
    tx.add(kind, scene.id, edit[kind], entity_id=checked_id("edit.id", edit["id"]), place=tx.next_place(scene.id, kind))


def _change(kind: str, tx: Transaction, edit: Edit) -> None:
    tx.put(tx.expected(edit["id"], kind, edit["rev"], [()], "edit.id"), edit[kind])


def _delete(kind: str, tx: Transaction, edit: Edit) -> None:
    tx.remove(tx.expected(edit["id"], kind, edit["rev"], [()], "edit.id"))


def set_point_labels(tx: Transaction, edit: Edit) -> None:
    """The labels of one sweep's points, whose bytes come with the request."""
    scene = _scene(tx, edit)
    body = {key: edit[key] for key in ("frame_index", "sensor", "sha256")}
    frames = tx.named(scene.id, named("frames"))
    n = len((frames.body or {})["frames"]) if frames else 0
    sensor = tx.named(scene.id, named("sensor", edit["sensor"]))
    is_frame = isinstance(edit["frame_index"], int) and not isinstance(edit["frame_index"], bool) and 0 <= edit["frame_index"] < n
    if not is_frame or sensor is None or (sensor.body or {})["is"] != "lidar":
        got = f"frame {edit['frame_index']!r:.20}, {edit['sensor']!r:.40}"
        raise ArgumentError(expected=f"a LiDAR of the scene, and a frame below {n}", got=got, field="edit", hint="scene.lidars lists them")
    old = tx.named(scene.id, named("point_labels", edit["frame_index"], edit["sensor"]))
    if old is None:
        tx.add("point_labels", scene.id, body, place=tx.next_place(scene.id, "point_labels"))
    else:
        tx.put(tx.expected(old.id, "point_labels", edit["rev"], [()], "edit"), body)


# ------------------------------------------------------------ the table

Verb = tuple[Callable[[Transaction, Edit], None], tuple[str, ...], tuple[str, ...]]
VERBS: dict[str, Verb] = {
    "add_scene": (add_scene, ("id", "scene"), ("path", "source", "files", "point_labels")),
    "rename_scene": (rename_scene, ("id", "rev", "name"), ()),
    "delete_scene": (delete_scene, ("id", "seen"), ()),
    "relocate": (relocate, ("scene", "rev", "path"), ()),
    "set_taxonomy": (set_taxonomy, ("taxonomy",), ("rev",)),
    "set_point_labels": (set_point_labels, ("scene", "frame_index", "sensor", "sha256"), ("rev",)),
    **{f"add_{kind}": (partial(_add, kind), ("scene", "id", kind), ()) for kind in ("tag", "relation", "point_edit")},
    **{f"change_{kind}": (partial(_change, kind), ("id", "rev", kind), ()) for kind in ("tag", "relation", "point_edit")},
    **{f"delete_{kind}": (partial(_delete, kind), ("id", "rev"), ()) for kind in ("tag", "relation", "point_edit")},
    **TRACK_VERBS,
    "undo": (undo, ("seq",), ()),
    "restore": (restore, ("id", "to", "seen"), ()),
}
