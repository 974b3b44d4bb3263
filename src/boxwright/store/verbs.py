"""What a request can ask for. Each verb takes a transaction and its part of the request, which JSON can hold, and changes entities.

An edit of something that is there names the revision it was made at (`rev`), and is refused where somebody has changed since what it touches; a verb
that touches more than one thing (merge, split, delete_track, put_track) names the last transaction its maker had seen (`seen`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import ArgumentError, ConflictError, UnknownName
from ..formats.boxwright_scene import scene_of
from ..formats.strict_json import Node
from ..problems import Problems
from .accounts import ACCOUNT_VERBS
from .canonical import checked_id
from .entities import PROJECT, Entity, named
from .finding_verbs import FINDING_VERBS
from .judging_verbs import JUDGING_VERBS
from .member_verbs import MEMBER_VERBS
from .recorded import checked_files, checked_source
from .scene_rows import add_rows
from .settings import SETTING_VERBS
from .task_verbs import TASK_VERBS
from .taxonomies import taxonomy_from
from .track_verbs import TRACK_VERBS
from .transactions import Transaction
from .undoing import restore, undo

__all__ = ["VERBS", "run"]

Edit = Mapping[str, Any]


def run(tx: Transaction, edit: Any) -> None:
    """One edit. ArgumentError where it is none, with what it should be."""
    name = edit.get("verb") if isinstance(edit, Mapping) else None
    if not isinstance(name, str) or name not in VERBS:
        got = f"{name if name is not None else edit!r:.60}"
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
        tx.add("source", scene_id, checked_source(edit["source"]))
    for kind in ("files", "point_labels"):
        rows = edit.get(kind, [])
        if not isinstance(rows, list):
            raise ArgumentError(expected="a list", got=f"{rows!r:.60}", field=f"edit.{kind}", hint="leave it out for none")
        for place, body in enumerate(rows):
            tx.add(kind, scene_id, checked_files(body, len(top["frames"])) if kind == "files" else checked_point_labels(body), place=place)


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
    if not isinstance(edit["path"], str) or not edit["path"]:
        raise ArgumentError(expected="a path", got=f"{edit['path']!r:.60}", field="edit.path", hint="where the recording lies now")
    source = tx.named(_scene(tx, edit).id, named("source"))
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
        tx.put(tx.expected(old.id, "taxonomy", edit.get("rev"), [()], "edit"), edit["taxonomy"])


def checked_point_labels(body: Any) -> dict[str, Any]:
    """ArgumentError where it does not say which sweep's labels they are, and by which hash they are found."""
    fits = isinstance(body, Mapping) and set(body) == {"frame_index", "sensor", "sha256"} and type(body["frame_index"]) is int
    if not fits or not isinstance(body["sensor"], str) or not re.fullmatch("[0-9a-f]{64}", str(body["sha256"])):
        hint = "the hash is that of the bytes that come along"
        raise ArgumentError(expected="frame_index, sensor and sha256 in hex", got=f"{body!r:.80}", field="point_labels", hint=hint)
    return dict(body)


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
    checked_point_labels(body)
    old = tx.named(scene.id, named("point_labels", edit["frame_index"], edit["sensor"]))
    if old is None:
        tx.add("point_labels", scene.id, body, place=tx.next_place(scene.id, "point_labels"))
    else:
        tx.put(tx.expected(old.id, "point_labels", edit.get("rev"), [()], "edit"), body)


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
    **ACCOUNT_VERBS,
    **MEMBER_VERBS,
    **SETTING_VERBS,
    **TASK_VERBS,
    **JUDGING_VERBS,
    **FINDING_VERBS,
    "undo": (undo, ("seq",), ()),
    "restore": (restore, ("id", "to", "seen"), ()),
}
