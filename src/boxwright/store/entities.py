"""What a project keeps: one entity for each thing that somebody may change by itself, with a revision of its own.

    kind          name in its scene        body
    project       project                  name
    account       account:<name>           name, kind, is_disabled, see accounts.py
    token         token:<secret_sha256>    account_id, secret_sha256, scope, expires_ns, revoked_ns
    taxonomy      taxonomy                 the classes, see taxonomies.py
    scene         scene:<name>             name, source_format, path, has_time, label_frame; its id is what the others call their scene
    frames        frames                   frames: [{frame_id, timestamp_ns}]
    sensor        sensor:<name>            is: "lidar" or "camera", and what scene.json says of it
    trajectory    trajectory               trajectory: poses, as in scene.json
    kept          kept                     source_attributes, notes, problems: what came with the recording
    source        source                   where the recording lies and how it is read, see recorded.py
    files         files:<what>/<sensor>    its files with their sizes and hashes
    point_labels  points:<index>/<sensor>  frame_index, sensor, sha256 of the blob
    track         track:<track_id>         what scene.json says of a track, of cuboids or in pictures, without its keyframes
    keyframe                               what scene.json says of a keyframe; its parent is the track
    tag, relation, point_edit              what scene.json says of them
    member        member:<account>         account, roles, scopes
    work          work                     how work is done in this project, see settings.py
    gold          gold:<scene>             scene: the id of one whose labels are the answers of gold tasks
    guideline     guideline                text, entries; its revision is its version
    task                                   see task_verbs.py
    verdict, grade                         what was said of a task, see judging_verbs.py
    finding       finding:<finding_id>     what a check found, see finding_verbs.py

`place` is the order in which a scene lists things of a kind. Scenes themselves, and what is the project's own, belong to the scene "". An entity that
is deleted has no body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import ArgumentError
from .canonical import as_stored, compacted
from .schema import entity as table

__all__ = ["LABELS", "NOT_UNDONE", "PROJECT", "Entity", "columns_of", "entity_of", "named", "slot_of"]

PROJECT = ""  # the scene of what belongs to no scene
LABELS = ("track", "keyframe", "tag", "relation", "point_edit", "point_labels")  # what annotators change
# a revoked token, or somebody's verdict, never comes back by an undo
NOT_UNDONE = ("account", "token", "member", "work", "gold", "guideline", "task", "verdict", "grade", "finding")
_NAMED = {
    "project": "project",
    "taxonomy": "taxonomy",
    "frames": "frames",
    "trajectory": "trajectory",
    "kept": "kept",
    "source": "source",
    "work": "work",
    "guideline": "guideline",
}


_PARTS = {
    "sensor": ("name",),
    "track": ("track_id",),
    "scene": ("name",),
    "files": ("what", "sensor"),
    "point_labels": ("frame_index", "sensor"),
    "account": ("name",),
    "token": ("secret_sha256",),
    "member": ("account",),
    "gold": ("scene",),
    "finding": ("finding_id",),
}
_SHORT = {"point_labels": "points"}


@dataclass(frozen=True)
class Entity:
    """One entity as it is, or was.

    id : given by who made it
    parent_id : the track of a keyframe, else None
    rev : how often it was changed; what an edit of it must name
    seq : the transaction that changed it last
    body : None where it is deleted; not to be changed
    """

    id: str
    kind: str
    scene_id: str
    parent_id: str | None
    place: int
    rev: int
    seq: int
    body: Mapping[str, Any] | None

    @property
    def is_live(self) -> bool:
        return self.body is not None


def named(kind: str, *parts: Any) -> str:
    """The name by which an entity of a kind is found in its scene; what is not ASCII is escaped as in JSON, since no
    database takes all of it."""
    if kind in _NAMED:
        return _NAMED[kind]
    said = (compacted(part)[1:-1] if isinstance(part, str) else str(part) for part in parts)
    return f"{_SHORT.get(kind, kind)}:{'/'.join(said)}"


def slot_of(kind: str, body: Mapping[str, Any] | None) -> tuple[str | None, int | None]:
    """(name, at_ns): what no other live entity of the scene, or of the parent, may have. ArgumentError for a body that has none."""
    if body is None:
        return None, None
    try:
        if kind == "keyframe":
            if not -(1 << 63) <= body["timestamp_ns"] < 1 << 63:
                raise ArgumentError(expected="nanoseconds of 64 bits", got=str(body["timestamp_ns"])[:40], field="timestamp_ns")
            return None, int(body["timestamp_ns"])
        if kind in _PARTS:
            return named(kind, *(body[part] for part in _PARTS[kind])), None
    except (KeyError, TypeError) as error:
        raise ArgumentError(
            f"the body of a {kind} lacks something: {error}", field=kind, hint="see what is stored of it in store/entities.py"
        ) from None
    return _NAMED.get(kind), None


def entity_of(row: Any) -> Entity:
    """From a row with the columns of `columns_of`."""
    entity_id, kind, scene_id, parent_id, place, rev, seq, text = row
    return Entity(entity_id, kind, scene_id, parent_id, place, rev, seq, None if text is None else as_stored(text))


def columns_of() -> list[sa.ColumnElement[Any]]:
    return [table.c[name] for name in ("id", "kind", "scene_id", "parent_id", "place", "rev", "seq", "body")]
