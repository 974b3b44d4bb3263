"""Classes and attributes that edits bring must be those of the project's taxonomy, whichever verb brings them.

What is there already stays as it is, also where it is moved, split or brought back, and so does what comes with a scene that is imported: the labels
of a recording are not changed by looking at them. `bw.check` tells which of them do not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError, UnknownName
from ..formats.point_label_files import read_label_bytes
from ..taxonomy import Taxonomy
from .entities import PROJECT, Entity, named
from .taxonomies import taxonomy_from
from .transactions import Transaction

__all__ = ["check_words"]


def check_words(tx: Transaction, blobs: Mapping[str, bytes]) -> None:
    """UnknownName for a class, ArgumentError for an attribute, that the taxonomy does not define so. blobs : of point labels, by their SHA-256"""
    kept = tx.named(PROJECT, named("taxonomy"))
    if kept is None:
        return
    taxonomy = taxonomy_from(kept.body or {})
    for one in tx.changed:
        body, old = one.body, tx.before(one.id)
        if body is None or one.id in tx.as_they_were:
            continue
        before: Mapping[str, Any] = (old.body or {}) if old is not None else {}
        if one.kind == "track":
            _check_track(tx, taxonomy, one, before)
        elif one.kind == "keyframe":
            _check_keyframe(tx, taxonomy, one, old)
        elif one.kind == "point_edit" and body.get("category") not in (None, before.get("category")):
            taxonomy.find(body["category"])
        elif one.kind == "point_labels" and body["sha256"] != before.get("sha256") and body["sha256"] in blobs:
            for name in read_label_bytes(blobs[body["sha256"]]).classes.values():
                taxonomy.find(name)


def _check_track(tx: Transaction, taxonomy: Taxonomy, track: Entity, before: Mapping[str, Any]) -> None:
    body = track.body or {}
    is_other = body.get("category") != before.get("category")
    fresh = _fresh(body, {} if is_other else before)
    if is_other or fresh:
        _find(taxonomy, body.get("category")).check_attributes(fresh)
    if is_other and before:
        for one in tx.children(track.id):  # what they say must be of the new class
            _find(taxonomy, body["category"]).check_attributes({}, [_attributes(one.body)])


def _check_keyframe(tx: Transaction, taxonomy: Taxonomy, one: Entity, old: Entity | None) -> None:
    track = tx.get(one.parent_id or "")
    category = (track.body or {}).get("category") if track is not None else None
    was = tx.before(old.parent_id or "") if old is not None else None
    is_moved = was is not None and (was.body or {}).get("category") != category
    fresh = _fresh(one.body, {} if old is None or is_moved else old.body or {})
    if fresh and track is not None:
        lasting = {name: value for name, value in _attributes(track.body).items() if name in fresh}
        known = _find(taxonomy, category)
        known.check_attributes({}, [fresh])
        fixed = {one.name for one in known.attributes if not one.is_mutable} & set(fresh)
        others = [_attributes(other.body) for other in tx.children(track.id)] if fixed else []
        for name in fixed:
            values = [row[name] for row in ([lasting, *others]) if name in row]
            known.check_attributes({name: values[0]}, [{name: fresh[name]}])


def _find(taxonomy: Taxonomy, category: Any) -> Any:
    if not isinstance(category, str):
        raise ArgumentError(expected="the name of a class", got=f"{category!r:.60}", field="category", hint=f"one of {', '.join(taxonomy.names)}")
    try:
        return taxonomy.find(category)
    except UnknownName as error:
        hint = f"{error.hint}; an admin adds classes to the project's taxonomy" if error.hint else "an admin adds classes to the project's taxonomy"
        raise UnknownName(error.what, field="category", hint=hint) from None


def _attributes(body: Mapping[str, Any] | None) -> Mapping[str, Any]:
    said = (body or {}).get("attributes") or {}
    if not isinstance(said, Mapping):
        raise ArgumentError(expected="a mapping", got=f"{said!r:.60}", field="attributes", hint="of names to values")
    return said


def _fresh(body: Mapping[str, Any] | None, before: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that are new, or have another value."""
    old = _attributes(before)
    return {name: value for name, value in _attributes(body).items() if name not in old or old[name] != value or type(old[name]) is not type(value)}
