"""Edits of a project, gathered and then done as one transaction."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cuboids import Cuboid, Cuboids
from ..errors import ArgumentError
from ..formats.boxwright_pictures import image_track_mapping, tag_mapping
from ..formats.boxwright_writer import relation_mapping, track_mapping
from ..formats.point_label_files import npz_label_bytes
from ..image_tracks import ImageTrack
from ..keyframes import Origin, Visibility
from ..point_labels import PointEdit, PointLabels
from ..shapes2d import Shapes
from ..tags import Relation, Tag
from ..taxonomy import Taxonomy
from ..tracks import Track
from .canonical import checked_id, new_id
from .corrections import corrected_tracks
from .entities import Entity
from .taxonomies import taxonomy_mapping

if TYPE_CHECKING:
    from ..checks import Finding
    from .project import Project
    from .stored import StoredTrack
    from .transactions import Commit

__all__ = ["Edits", "label_bytes"]


class Edits:
    """What one request asks for; `Project.edits` makes one. Every method adds an edit, and none of them does anything before `commit`.

        edits = project.edits("clip", by="anna")
        edits.move_keyframe(project.keyframe("clip", "car-1", time_ns), cuboid)
        commit = edits.commit("the wheel was outside")

    A request that failed on its way may be committed again: it has one `op_id`, and is done once. Edits stand on what they were given: where somebody
    has changed that since, `commit` raises ConflictError and changes nothing.
    """

    def __init__(self, project: Project, scene: str | None, by: str, op_id: str | None = None) -> None:
        self.project, self.by = project, by
        self.scene_id = None if scene is None else project.scene_id(scene)
        self.op_id = new_id() if op_id is None else checked_id("op_id", op_id)
        self.seen = project.seq
        self.edits: list[dict[str, Any]] = []
        self.blobs: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self.edits)

    def commit(self, reason: str | None = None) -> Commit:
        """Does all of it, or nothing; returns when it is on disk. ConflictError where something has changed since."""
        return self.project.commit(self.edits, by=self.by, op_id=self.op_id, reason=reason, blobs=self.blobs)

    def _add(self, verb: str, **said: Any) -> None:
        self.edits.append({"verb": verb, **said})

    def _scene(self) -> str:
        if self.scene_id is None:
            raise ArgumentError("these edits are of no scene", field="scene", hint="project.edits(scene, by=...) names one")
        return self.scene_id

    # ------------------------------------------------------------ tracks

    def add_track(self, track: Track | ImageTrack) -> str:
        """The id of the new track's entity."""
        if not isinstance(track, (Track, ImageTrack)):
            raise ArgumentError(expected="a Track or an ImageTrack", got=type(track).__name__, field="track", hint="bw.Track(...) makes one")
        entity_id = new_id()
        self._add("add_track", scene=self._scene(), id=entity_id, track=mapping_of(track), keyframe_ids=[new_id() for _ in range(len(track))])
        return entity_id

    def put_track(self, stored: StoredTrack, track: Track | ImageTrack) -> None:
        """The stored track becomes this one; keyframes that are the same stay as they are."""
        self._add("put_track", id=stored.entity.id, track=mapping_of(track), seen=stored.seen)

    def set_track(self, stored: StoredTrack, **values: Any) -> None:
        """values : some of category, method, object_id and track_id"""
        self._add("set_track", id=stored.entity.id, rev=stored.entity.rev, set=values)

    def delete_track(self, stored: StoredTrack) -> None:
        self._add("delete_track", id=stored.entity.id, rev=stored.entity.rev, seen=stored.seen)

    def merge(self, other: StoredTrack, into: StoredTrack, *, prefer: str | None = None) -> None:
        """prefer : whose keyframe stays where both have one, "into" or "other"; ConflictError where it is left out"""
        said = {} if prefer is None else {"prefer": prefer}
        first, second = other.entity, into.entity
        seen = min(other.seen, into.seen)
        self._add("merge", id=first.id, rev=first.rev, into=second.id, into_rev=second.rev, seen=seen, **said)

    def split(self, stored: StoredTrack, time_ns: int, track_id: str) -> str:
        """The keyframes from `time_ns` on become a track called `track_id`, whose entity's id comes back."""
        one, entity_id = stored.entity, new_id()
        self._add("split", id=one.id, rev=one.rev, seen=stored.seen, timestamp_ns=int(time_ns), new_id=entity_id, track_id=track_id)
        return entity_id

    def set_attributes(self, entity: Entity | StoredTrack, values: Mapping[str, Any] | None = None, remove: Iterable[str] = ()) -> None:
        """Of a track or a keyframe; two people may set two attributes of one thing at a time."""
        one = entity if isinstance(entity, Entity) else entity.entity
        self._add("set_attributes", id=one.id, kind=one.kind, rev=one.rev, set=dict(values or {}), remove=list(remove))

    def correct(self, finding: Finding) -> None:
        """The correction that a finding of `bw.check` suggests, where the labels are still those that were checked.

        ConflictError (code "stale") where they are not, ArgumentError where nothing is suggested, or another calibration
        """
        name = str((self.project.entity(self._scene()).body or {})["name"])
        seen, scene = self.project.seq, self.project.read(name)
        for change in corrected_tracks(finding, scene):
            stored = dataclasses.replace(self.project.track(name, change.track_id), seen=seen)
            if change.track is None:
                self.delete_track(stored)
            else:
                self.put_track(stored, change.track)

    # ------------------------------------------------------------ keyframes

    def add_keyframe(
        self,
        stored: StoredTrack,
        time_ns: int,
        label: Cuboid | Shapes,
        *,
        visibility: Visibility = Visibility.VISIBLE,
        origin: Origin = Origin.GIVEN,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """label : a Cuboid, in the scene's label frame, or one row of the track's kind of shapes"""
        entity_id = new_id()
        keyframe = _keyframe(stored, time_ns, label, visibility, origin, attributes)
        self._add("add_keyframe", track=stored.entity.id, id=entity_id, keyframe=keyframe)
        return entity_id

    def move_keyframe(self, stored: StoredTrack, time_ns: int, label: Cuboid | Shapes, *, origin: Origin = Origin.GIVEN) -> None:
        """Place, size and turn of the keyframe at a time are one value."""
        one = stored.keyframe(time_ns)
        shape = _keyframe(stored, time_ns, label, Visibility.VISIBLE, origin, None)
        said = {key: value for key, value in shape.items() if key not in ("timestamp_ns", "visibility", "origin", "attributes", "source_attributes")}
        self._add("move_keyframe", id=one.id, rev=one.rev, shape=said, origin=origin.name.lower())

    def set_keyframe(self, keyframe: Entity, *, time_ns: int | None = None, visibility: Visibility | None = None) -> None:
        wanted: dict[str, Any] = {} if time_ns is None else {"timestamp_ns": int(time_ns)}
        wanted |= {} if visibility is None else {"visibility": Visibility(visibility).name.lower()}
        self._add("set_keyframe", id=keyframe.id, rev=keyframe.rev, set=wanted)

    def delete_keyframe(self, keyframe: Entity) -> None:
        self._add("delete_keyframe", id=keyframe.id, rev=keyframe.rev)

    # ------------------------------------------------------------ tags, relations, points

    def add_tag(self, tag: Tag) -> str:
        return self._add_thing("tag", tag_mapping(tag))

    def change_tag(self, entity: Entity, tag: Tag) -> None:
        self._add("change_tag", id=entity.id, rev=entity.rev, tag=tag_mapping(tag))

    def add_relation(self, relation: Relation) -> str:
        return self._add_thing("relation", relation_mapping(relation))

    def add_point_edit(self, edit: PointEdit) -> str:
        return self._add_thing("point_edit", edit.mapping())

    def _add_thing(self, kind: str, body: Mapping[str, Any]) -> str:
        entity_id = new_id()
        self._add(f"add_{kind}", scene=self._scene(), id=entity_id, **{kind: body})
        return entity_id

    def delete(self, entity: Entity) -> None:
        """A tag, a relation or an edit of points."""
        if entity.kind not in ("tag", "relation", "point_edit"):
            hint = "delete_track and delete_keyframe delete those"
            raise ArgumentError(expected="a tag, a relation or an edit of points", got=f"a {entity.kind}", field="entity", hint=hint)
        self._add(f"delete_{entity.kind}", id=entity.id, rev=entity.rev)

    def set_point_labels(self, frame_index: int, sensor: str, labels: PointLabels) -> None:
        """The labels of all points of one sweep, in place of those that are there."""
        digest = label_bytes(labels, self.blobs)
        there = self.project.find(self._scene(), "point_labels", frame_index, sensor)
        rev = {} if there is None else {"rev": there.rev}
        self._add("set_point_labels", scene=self._scene(), frame_index=int(frame_index), sensor=sensor, sha256=digest, **rev)

    # ------------------------------------------------------------ scenes, the project

    def rename_scene(self, name: str) -> None:
        scene = self.project.entity(self._scene())
        self._add("rename_scene", id=scene.id, rev=scene.rev, name=name)

    def delete_scene(self) -> None:
        self._add("delete_scene", id=self._scene(), seen=self.seen)

    def relocate(self, path: str | os.PathLike[str]) -> None:
        """The scene's recording lies elsewhere now."""
        source = self.project.find(self._scene(), "source")
        if source is None:
            raise ArgumentError("the scene has no recording", field="scene", hint="it is labels alone")
        self._add("relocate", scene=self._scene(), rev=source.rev, path=str(Path(path).absolute()))

    def set_taxonomy(self, taxonomy: Taxonomy) -> None:
        """Classes and attributes that edits from now on must fit; what is there stays as it is."""
        old = self.project.find("", "taxonomy")
        self._add("set_taxonomy", taxonomy=taxonomy_mapping(taxonomy), **({} if old is None else {"rev": old.rev}))

    def restore(self, entity: Entity | StoredTrack, to: int) -> None:
        """A thing with all that hangs on it as it was after the transaction `to`."""
        one = entity if isinstance(entity, Entity) else entity.entity
        self._add("restore", id=one.id, to=to, seen=self.seen)


def mapping_of(track: Track | ImageTrack) -> dict[str, Any]:
    return track_mapping(track) if isinstance(track, Track) else image_track_mapping(track)


def _keyframe(
    stored: StoredTrack, time_ns: int, label: Any, visibility: Visibility, origin: Origin, attributes: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The body of a keyframe; ArgumentError where the label is not of the track's kind, or in another frame."""
    of, rows = stored.track, () if attributes is None else (dict(attributes),)
    common: dict[str, Any] = {"visibility": [visibility], "origin": [origin], "keyframe_attributes": rows}
    if isinstance(of, Track):
        if not isinstance(label, Cuboid):
            raise ArgumentError(expected="a Cuboid", got=type(label).__name__, field="label", hint="bw.Cuboid(center_m, size_m, yaw_rad) makes one")
        if label.frame not in (None, of.cuboids.frame):
            hint = "bring it there with .transformed()"
            raise ArgumentError(expected=f"a cuboid in the frame {of.cuboids.frame!r}", got=repr(label.frame), field="label", hint=hint)
        one = Cuboids._trusted(label.center_m[None], label.size_m[None], label.quat_wxyz[None], label.as_cuboids().yaw_rad, of.cuboids.frame)
        made: Track | ImageTrack = Track(of.track_id, of.category, [time_ns], one, **common)  # type: ignore[arg-type]
    else:
        if type(label) is not type(of.shapes) or len(label) != 1:
            raise ArgumentError(expected=f"one row of {type(of.shapes).__name__}", got=f"{label!r:.60}", field="label", hint="such as shapes[0]")
        made = ImageTrack(of.track_id, of.category, of.camera, [time_ns], label, **common)  # type: ignore[arg-type]
    body: dict[str, Any] = mapping_of(made)["keyframes"][0]
    return body


def label_bytes(labels: PointLabels, blobs: dict[str, bytes]) -> str:
    """Puts point labels among blobs; their SHA-256 in hex comes back."""
    raw = npz_label_bytes(labels)
    digest = hashlib.sha256(raw).hexdigest()
    blobs[digest] = raw
    return digest
