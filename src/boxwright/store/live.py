"""A scene that is read once and then kept up with its project: of what a transaction changes only that is made anew.

A server answers questions about a scene after every edit of it; reading thousands of keyframes again each time would take longer than anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ..errors import BoxwrightError, UnknownName
from ..formats.boxwright_files import read_point_edits
from ..formats.boxwright_pictures import read_tags
from ..formats.boxwright_scene import relation_of
from ..formats.strict_json import Node
from ..image_tracks import ImageTrack
from ..point_labels import NoPointLabels
from ..problems import Problems
from ..scene import Scene
from ..tracks import Track
from . import schema
from .entities import LABELS, PROJECT, Entity, columns_of, entity_of
from .project import Project
from .scene_rows import track_from
from .stored import StoredPointLabels
from .transactions import image_of

__all__ = ["LiveScene"]

_STATIC = ("scene", "frames", "sensor", "trajectory", "kept", "source", "files")
_LAST = sa.select(sa.func.max(schema.txn.c.seq))


class LiveScene:
    """One scene of a project, as it was after the transaction `seen`.

    scene : with its labels
    labels_seq : a transaction since which no label has changed, up to `seen`
    """

    def __init__(self, project: Project, scene_id: str) -> None:
        self._project, self._scene_id = project, scene_id
        self.seen = self.labels_seq = 0
        self.scene: Scene
        self._read()

    def _read(self) -> None:
        """All of it, of one moment. UnknownName where it is gone."""
        of = schema.entity.c
        with self._project.database.reading() as connection:
            seen = int(connection.execute(_LAST).scalar() or 0)
            head = connection.execute(sa.select(*columns_of()).where(of.id == self._scene_id, of.kind == "scene", of.body.is_not(None))).first()
            rows = connection.execute(sa.select(*columns_of()).where(of.scene_id == self._scene_id, of.body.is_not(None))).all()
        if head is None:
            raise UnknownName("no such scene", got=self._scene_id, path=self._project.place, hint="project.scenes() lists them")
        entities = [entity_of(row) for row in rows]
        scene = self._project._scene([entity_of(head), *entities])
        self._entities = {one.id: one for one in entities if one.kind in LABELS}
        self._children: dict[str, set[str]] = {}
        for one in self._entities.values():
            if one.kind == "keyframe":
                self._children.setdefault(one.parent_id or "", set()).add(one.id)
        made: dict[str, Track | ImageTrack] = {track.track_id: track for track in scene.tracks}
        made |= {track.track_id: track for track in scene.image_tracks}
        self._tracks = {one.id: made[(one.body or {})["track_id"]] for one in self._entities.values() if one.kind == "track"}
        self.scene, self.seen, self.labels_seq = scene, seen, seen

    def catch_up(self) -> bool:
        """Takes what has happened since; whether that was more than labels, so that all of the scene was read again."""
        of = schema.change.c
        mine = (of.scene_id == self._scene_id) | ((of.scene_id == PROJECT) & (of.entity_id == self._scene_id))
        with self._project.database.reading() as connection:
            seen = int(connection.execute(_LAST).scalar() or 0)
            if seen == self.seen:
                return False
            rows = connection.execute(sa.select(schema.change).where((of.seq > self.seen) & mine).order_by(of.seq, of.n)).all()
        changes = [image_of(row) for row in rows]
        kinds = {one.kind for one in changes}
        try:
            if kinds & set(_STATIC):
                raise _Other
            if kinds & set(LABELS):
                self.scene, self.labels_seq = self._changed(changes, kinds), changes[-1].seq
        except (_Other, BoxwrightError, KeyError, TypeError):  # nothing that is kept can be trusted; reading it says what is wrong
            self._read()
            return True
        self.seen = seen
        return False

    def _changed(self, changes: Iterable[Entity], kinds: set[str]) -> Scene:
        fields: dict[str, Any] = {}
        dirty = self._take(changes)
        for key in dirty:
            track = self._entities.get(key)
            if track is None:
                self._tracks.pop(key, None)
            else:
                keyframes = sorted((self._entities[one] for one in self._children.get(key, ())), key=lambda one: (one.body or {})["timestamp_ns"])
                self._tracks[key] = track_from(track, keyframes, self.scene.label_frame)
        if dirty:
            tracks = [self._tracks[one.id] for one in self._of_kind("track")]
            fields["tracks"] = [one for one in tracks if isinstance(one, Track)]
            fields["image_tracks"] = [one for one in tracks if isinstance(one, ImageTrack)]
        if "tag" in kinds:
            fields["tags"] = read_tags(self._node("tag"))
        if "relation" in kinds:
            fields["relations"] = [relation_of(one) for one in self._node("relation")]
        if "point_edit" in kinds:
            fields["point_edits"] = read_point_edits(self._node("point_edit"), len(self.scene), self.scene.lidars, Problems())
        if "point_labels" in kinds:
            bodies: list[Any] = [one.body for one in self._of_kind("point_labels")]
            known = {(body["frame_index"], body["sensor"]): body["sha256"] for body in bodies}
            fields["point_label_data"] = StoredPointLabels(self._project.blob, known) if known else NoPointLabels()
        return self.scene.replace(**fields)

    def _take(self, changes: Iterable[Entity]) -> set[str]:
        """Keeps what is new; the ids of the tracks that are others now."""
        dirty: set[str] = set()
        for one in changes:
            if one.kind not in LABELS:
                continue
            old = self._entities.pop(one.id, None)
            if old is not None and old.kind == "keyframe":
                self._children[old.parent_id or ""].discard(one.id)
                dirty.add(old.parent_id or "")
            if one.is_live:
                self._entities[one.id] = one
                if one.kind == "keyframe":
                    self._children.setdefault(one.parent_id or "", set()).add(one.id)
                    dirty.add(one.parent_id or "")
            if one.kind == "track":
                dirty.add(one.id)
        return dirty

    def _of_kind(self, kind: str) -> Sequence[Entity]:
        return sorted((one for one in self._entities.values() if one.kind == kind), key=lambda one: (one.place, one.id))

    def _node(self, kind: str) -> Node:
        return Node([one.body for one in self._of_kind(kind)], kind)


class _Other(Exception):  # noqa: N818
    """More than labels has changed."""
