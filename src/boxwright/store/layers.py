"""Layers: a scene once more, for one person's labels. Its recording stays where it is, as that of the scene it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError, ConflictError
from .canonical import checked_id
from .entities import LABELS, PROJECT, Entity, named
from .transactions import Transaction

__all__ = ["add_layer"]

_OF_RECORDING = ("frames", "sensor", "trajectory", "kept", "source", "files")


def add_layer(tx: Transaction, edit: Mapping[str, Any]) -> None:
    """labels : "keep" the scene's as they are now, or "none": without labels, and without what came along with them"""
    scene, labels = tx.live(edit["scene"], "scene", "edit.scene"), edit.get("labels", "none")
    if labels not in ("keep", "none"):
        raise ArgumentError(expected="keep or none", got=f"{labels!r:.40}", field="edit.labels", hint="none to begin from nothing")
    name = edit["name"]
    if not isinstance(name, str) or not name.strip():
        raise ArgumentError(expected="a name", got=f"{name!r:.60}", field="edit.name", hint="a text that is not empty")
    if tx.named(PROJECT, named("scene", name)) is not None:
        raise ConflictError("a scene of that name is there already", got=repr(name)[:80], field="edit.name", hint="give it another name")
    layer_id = checked_id("edit.id", edit["id"])
    tx.add("scene", PROJECT, {**(scene.body or {}), "name": name}, entity_id=layer_id, place=tx.next_place(PROJECT, "scene"))
    kinds = {*_OF_RECORDING, *(LABELS if labels == "keep" else ())}
    parts = [one for one in tx.all_of(scene.id) if one.kind in kinds]
    made: dict[str, Entity] = {}
    for one in sorted(parts, key=lambda one: one.kind == "keyframe"):  # tracks before their keyframes
        body = one.body or {}
        if one.kind == "kept" and labels == "none":
            body = {"source_attributes": {}, "notes": [], "problems": []}
        made[one.id] = tx.add(one.kind, layer_id, body, parent_id=None if one.parent_id is None else made[one.parent_id].id, place=one.place)
    tx.as_they_were |= {one.id for one in made.values()}
