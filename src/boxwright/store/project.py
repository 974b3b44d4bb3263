"""A project: scenes with their labels, and everything that was ever done to them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import ArgumentError, CorruptionError, FrameMissing, StorageError, UnknownName
from ..formats import SceneEntry, read, scenes
from ..formats.boxwright_writer import scene_mapping
from ..garbage import without_collector
from ..outputs import as_path
from ..point_labels import NoPointLabels
from ..scene import Scene
from ..taxonomy import Taxonomy
from . import schema
from .accounts import Accounts
from .canonical import checked_id, new_id
from .edits import Edits, label_bytes
from .engines import Database
from .entities import PROJECT, Entity, columns_of, entity_of, named
from .history import Blame, log_of, values_of
from .member_verbs import checked_account
from .places import check_places
from .recorded import Source, check_file, data_of, files_of, source_body, source_of
from .requests import account_of, check_actions, check_alone, check_reason, digest_of, repeated
from .roles import Action, Standing, Where, permit
from .scene_rows import scene_from, track_from
from .sight import Sight, standing_of
from .stored import StoredPointLabels, StoredScene, StoredTrack
from .taxonomies import taxonomy_from
from .transactions import Commit, Transaction, image_of
from .undoing import images_at
from .validity import check_whole
from .verbs import run
from .words import check_words

__all__ = ["Project"]


class Project:
    """A project that is open; `bw.open_project` and `bw.create_project` give one. May be used by several threads at a time.

    place : where it lies, for messages
    account : who acts, with the rights of a member and nothing else; None on the project's own machine, where whoever can open it may do everything
    """

    def __init__(self, database: Database, account: str | None = None, scopes: Iterable[str] | None = None) -> None:
        self.database, self.account = database, account
        self.scopes = None if scopes is None else frozenset(scopes)
        self.place = database.place
        with database.reading() as connection:
            found = connection.execute(sa.select(schema.meta.c.v).where(schema.meta.c.k == "project_id")).scalar()
        if found is None:
            raise CorruptionError("the project has lost its id", path=self.place, hint="restore the last backup")
        self.project_id = str(found)

    def acting_as(self, account: str, scopes: Iterable[str] | None = None) -> Project:
        """The same project as a member sees it: he reads what he may, and every edit is his. In a project without members everybody may everything.

        scopes : of the token that is used, some of all, read, import, predict and export. Closing it leaves the project open
        """
        return Project(self.database, checked_account(account, "account"), scopes)

    def permit(self, action: Action) -> None:
        """AccessDenied where who acts may do that nowhere in the project."""
        if self.account is not None:
            with self.database.reading() as connection:
                permit(self._standing(connection), action)

    def _permit_everywhere(self) -> None:
        """AccessDenied where who acts may not read all of the project."""
        if self.account is not None:
            with self.database.reading() as connection:
                permit(self._standing(connection), Action.READ, Where())

    def _standing(self, connection: sa.Connection) -> Standing:
        return standing_of(connection, self.account or "", self.scopes)

    def _sight(self, connection: sa.Connection) -> Sight | None:
        return None if self.account is None else Sight(connection, self._standing(connection))

    def close(self) -> None:
        if self.account is None:
            self.database.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Project({self.name!r} in {self.place})"

    @cached_property
    def name(self) -> str:
        """As it was given when the project was made."""
        return str((self._found(PROJECT, "project").body or {})["name"])

    @cached_property
    def accounts(self) -> Accounts:
        """Who may ask a server for anything."""
        return Accounts(self)

    # ------------------------------------------------------------ reading

    @property
    def seq(self) -> int:
        """The last transaction; 0 where there is none."""
        with self.database.reading() as connection:
            return _last_seq(connection)

    def scenes(self) -> list[StoredScene]:
        """All of them, in the order they came."""
        of, n = schema.entity, sa.func.count()
        counting = sa.select(of.c.scene_id, of.c.kind, n, sa.func.max(of.c.seq)).where(of.c.scene_id != PROJECT, of.c.body.is_not(None))
        with self.database.reading() as connection:
            scenes = self._select(connection, (of.c.scene_id == PROJECT) & (of.c.kind == "scene"))
            counts = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in connection.execute(counting.group_by(of.c.scene_id, of.c.kind))}
        listed = []
        for one in sorted(scenes, key=lambda one: one.place):
            last = max([one.seq, *(seq for (scene_id, _), (_, seq) in counts.items() if scene_id == one.id)])
            n_tracks, n_keyframes = (counts.get((one.id, kind), (0, 0))[0] for kind in ("track", "keyframe"))
            listed.append(StoredScene(one.id, (one.body or {})["name"], (one.body or {})["source_format"], n_tracks, n_keyframes, last))
        return listed

    def scene_id(self, scene: str) -> str:
        """The id of a scene by its name. UnknownName where there is none."""
        return self._found(PROJECT, "scene", scene).id

    def find(self, scene_id: str, kind: str, *parts: Any) -> Entity | None:
        """The live entity of a kind by what names it, None where there is none; see entities.py."""
        where = (schema.entity.c.scene_id == scene_id) & (schema.entity.c.name == named(kind, *parts))
        with self.database.reading() as connection:
            found = self._select(connection, where)
        return found[0] if found else None

    def _found(self, scene_id: str, kind: str, *parts: Any) -> Entity:
        found = self.find(scene_id, kind, *parts)
        if found is None:
            got = ", ".join(f"{part!r:.80}" for part in parts) or kind
            raise UnknownName(f"no such {kind.replace('_', ' ')}", got=got, path=self.place, field=kind, hint="project.scenes() lists what there is")
        return found

    def entity(self, entity_id: str) -> Entity:
        """An entity by its id, deleted or not."""
        with self.database.reading() as connection:
            row = connection.execute(sa.select(*columns_of()).where(schema.entity.c.id == entity_id)).first()
            sight = self._sight(connection)
        if row is None or (sight is not None and not sight.sees(row.kind, row.id, row.scene_id)):
            raise UnknownName("no such entity", got=f"{entity_id!r:.80}", path=self.place, hint="project.entities(scene) lists those of a scene")
        return entity_of(row)

    def entities(self, scene: str, kind: str) -> list[Entity]:
        """The live entities of one kind in a scene, such as "tag", in their order."""
        return self.kept(kind, self.scene_id(scene))

    def kept(self, kind: str, scene_id: str = PROJECT) -> list[Entity]:
        """The live entities of one kind in a scene by its id, by default the project's own, in their order."""
        of = schema.entity
        with self.database.reading() as connection:
            found = self._select(connection, (of.c.scene_id == scene_id) & (of.c.kind == kind))
        return sorted(found, key=lambda one: (one.place, one.id))

    def track(self, scene: str, track_id: str) -> StoredTrack:
        """A track with its keyframes, of cuboids or in pictures. UnknownName where there is none."""
        scene_entity = self._found(PROJECT, "scene", scene)
        of = schema.entity
        with self.database.reading() as connection:
            seen = _last_seq(connection)
            tracks = self._select(connection, (of.c.scene_id == scene_entity.id) & (of.c.name == named("track", track_id)))
            keyframes = self._select(connection, of.c.parent_id == tracks[0].id) if tracks else []
        if not tracks:
            raise UnknownName("no such track", got=repr(track_id)[:80], field=f"scene {scene!r}", hint="project.read(scene).track_index lists them")
        keyframes.sort(key=lambda one: (one.body or {})["timestamp_ns"])
        return StoredTrack(tracks[0], keyframes, track_from(tracks[0], keyframes, (scene_entity.body or {})["label_frame"]), seen)

    def keyframe(self, scene: str, track_id: str, time_ns: int) -> Entity:
        """A keyframe of a track."""
        return self.track(scene, track_id).keyframe(time_ns)

    def read(self, scene: str, at: int | None = None) -> Scene:
        """A scene as it is now, or as it was after the transaction `at`. Its points and pictures are looked at before they are read: CorruptionError
        where a recorded file is not what it was at import."""
        with self.database.reading() as connection:
            if at is None:
                heads = self._select(connection, (schema.entity.c.scene_id == PROJECT) & (schema.entity.c.name == named("scene", scene)))
                entities = self._select(connection, schema.entity.c.scene_id == heads[0].id) if heads else []
            else:
                last = _last_seq(connection)
                if isinstance(at, bool) or not isinstance(at, int) or not 0 < at <= last:
                    raise ArgumentError(expected=f"a transaction from 1 to {last}", got=f"{at!r:.40}", field="at", hint="project.log() lists them")
                then, sight = images_at(connection, schema.change.c.kind == "scene", at), self._sight(connection)
                heads = [one for one in then if (one.body or {})["name"] == scene and (sight is None or sight.sees_scene(one.id))]
                entities = images_at(connection, schema.change.c.scene_id == heads[0].id, at) if heads else []
        if not heads:
            when = "" if at is None else f" after transaction {at}"
            raise UnknownName(f"no such scene{when}", got=repr(scene)[:80], path=self.place, field="scene", hint="project.scenes() lists them")
        return self._scene([heads[0], *entities])

    def _scene(self, entities: Sequence[Entity]) -> Scene:
        bodies: dict[str, list[Mapping[str, Any]]] = {"source": [], "files": [], "point_labels": []}
        for one in entities:
            if one.kind in bodies and one.body is not None:
                bodies[one.kind].append(one.body)
        scene = scene_from([one for one in entities if one.kind not in bodies], self.place)
        source = source_of(bodies["source"][0]) if bodies["source"] else None
        labels = {(body["frame_index"], body["sensor"]): body["sha256"] for body in bodies["point_labels"]}
        kept = StoredPointLabels(self.blob, labels) if labels else NoPointLabels()
        return scene.replace(data=data_of(source, bodies["files"], scene), point_label_data=kept)

    def _select(self, connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[Entity]:
        rows = connection.execute(sa.select(*columns_of()).where(where, schema.entity.c.body.is_not(None)))
        sight = self._sight(connection)
        return [entity_of(row) for row in rows if sight is None or sight.sees(row.kind, row.id, row.scene_id)]

    @property
    def taxonomy(self) -> Taxonomy | None:
        """The classes that edits must fit; None where nobody set any."""
        kept = self.find(PROJECT, "taxonomy")
        return None if kept is None else taxonomy_from(kept.body)

    def blob(self, sha256: str) -> bytes:
        """Bytes by their SHA-256 in hex. CorruptionError where they are gone or damaged."""
        self.permit(Action.READ)
        with self.database.reading() as connection:
            data = connection.execute(sa.select(schema.blob.c.data).where(schema.blob.c.sha256 == bytes.fromhex(sha256))).scalar()
        if data is None or hashlib.sha256(data).hexdigest() != sha256:
            raise CorruptionError("stored point labels are damaged", got=sha256, path=self.place, hint="'boxwright fsck' tells more")
        return bytes(data)

    # ------------------------------------------------------------ writing

    def edits(self, scene: str | None = None, *, by: str | None = None, op_id: str | None = None) -> Edits:
        """What a request asks for, to be filled and committed. by : whose edits they are, by default the system's user"""
        return Edits(self, scene, account_of(by, self.account), op_id)

    def commit(
        self,
        edits: Sequence[Mapping[str, Any]],
        *,
        by: str | None = None,
        op_id: str | None = None,
        reason: str | None = None,
        client_ns: int | None = None,
        blobs: Mapping[str, bytes] | None = None,
        asked: Sequence[Mapping[str, Any]] | None = None,
    ) -> Commit:
        """A request: edits as verbs.py takes them, all of them or none. Returns when it is on disk.

        op_id : the request's id; one that was done before gives what it gave then, and does nothing. ArgumentError where another request had it
        blobs : bytes that edits name by their SHA-256
        asked : by what a request that comes again is known, by default its edits; for edits that hold what was read of the project just now
        ConflictError where something has changed since, StorageError (code "disk-full") where it cannot be written: either way nothing is changed.
        """
        check_reason(reason)
        account, op_id = account_of(by, self.account), new_id() if op_id is None else checked_id("op_id", op_id)
        if not isinstance(edits, (list, tuple)) or not edits:
            raise ArgumentError(expected="at least one edit", got=f"{edits!r:.60}", field="edits", hint="a list of mappings")
        given = {digest: data for digest, data in (blobs or {}).items() if hashlib.sha256(data).hexdigest() == digest}
        digest = digest_of(edits if asked is None else asked, account, reason)
        verbs = [str(edit.get("verb")) if isinstance(edit, Mapping) else "" for edit in edits]
        check_alone(verbs)
        with self.database.writing() as connection:
            if (done := repeated(connection, op_id, digest)) is not None:
                return done
            tx = Transaction(connection, account, None if self.account is None else self._standing(connection))
            actions = check_actions(tx, edits)
            for edit in edits:
                run(tx, edit)
            check_places(tx, actions)
            if verbs != ["add_scene"]:  # which has looked at itself, and brings the labels that it has
                check_whole(tx)
                check_words(tx, given)
            self._add_blobs(tx, given)
            return tx.write(op_id, digest, verbs[0] if len(verbs) == 1 else "several", reason, client_ns)

    def _add_blobs(self, tx: Transaction, given: Mapping[str, bytes]) -> None:
        for one in tx.changed:
            if one.kind == "point_labels" and one.body is not None and one.body["sha256"] in given:
                tx.add_blob(bytes.fromhex(one.body["sha256"]), given[one.body["sha256"]])
            elif one.kind == "point_labels" and one.body is not None and not tx.has_blob(one.body["sha256"]):
                raise ArgumentError(
                    "the point labels of an edit did not come with it", got=str(one.body["sha256"])[:80], field="blobs", hint="send their bytes along"
                )

    def undo(self, seq: int, *, by: str | None = None, reason: str | None = None, op_id: str | None = None) -> Commit:
        """Takes a transaction back, as a new one that can itself be undone. ConflictError, with a list, where later edits stand on it."""
        return self.commit([{"verb": "undo", "seq": seq}], by=by, reason=reason, op_id=op_id)

    def import_scene(
        self,
        path: str | os.PathLike[str],
        scene: str | SceneEntry | None = None,
        format: str | None = None,
        *,
        labels: str | os.PathLike[str] | SceneEntry | None = None,
        labels_camera: str | None = None,
        missing: str = "keep",
        strict: bool = True,
        name: str | None = None,
        by: str | None = None,
        op_id: str | None = None,
        progress: Callable[[int], Any] = lambda n_bytes: None,
    ) -> Commit:
        """Reads one scene as `bw.read` does and adds it. Its files stay where they are; their sizes and hashes are kept.

        name : what it is called in the project, by default as in its dataset
        progress : told the bytes of every file that was hashed
        """
        self.permit(Action.IMPORT)
        recording = read(path, scene, format, labels=labels, labels_camera=labels_camera, missing=missing, strict=strict)
        chosen = scenes(path, format).names[0] if scene is None else scene.name if isinstance(scene, SceneEntry) else scene
        source = Source(as_path(path).absolute(), chosen, recording.format, strict)
        return self.add_scene(recording, source, name=name, by=by, op_id=op_id, progress=progress)

    def add_scene(
        self,
        scene: Scene,
        source: Source | None = None,
        *,
        name: str | None = None,
        by: str | None = None,
        op_id: str | None = None,
        progress: Callable[[int], Any] = lambda n_bytes: None,
    ) -> Commit:
        """Adds a scene that is made of labels alone, or whose recording `source` tells. ConflictError where its name is taken."""
        if not isinstance(scene, Scene):
            raise ArgumentError(expected="a Scene", got=type(scene).__name__, field="scene", hint="bw.read gives one; import_scene takes a path")
        scene = scene if name is None else scene.replace(name=name)
        if self.find(PROJECT, "scene", scene.name) is not None and op_id is None:
            hint = "give it another name, or delete that one"
            raise StorageError("a scene of that name is there already", got=repr(scene.name)[:80], path=self.place, field="name", hint=hint)
        files = files_of(scene, Path("/") if source is None else source.path, progress)
        if files and source is None:
            raise ArgumentError("where the recording lies is not said", field="source", hint="project.import_scene(path) reads and adds it")
        blobs: dict[str, bytes] = {}
        labelled = [(i, sensor) for sensor in scene.lidars for i in range(len(scene)) if scene.has_point_labels(i, sensor)]
        labels = [{"frame_index": i, "sensor": sensor, "sha256": label_bytes(scene.point_labels(i, sensor), blobs)} for i, sensor in labelled]
        edit = {
            "verb": "add_scene",
            "id": op_id or new_id(),
            "scene": scene_mapping(scene),
            "path": scene.path,
            "files": files,
            "point_labels": labels,
        }
        edit |= {} if source is None else {"source": source_body(source)}
        with without_collector():
            return self.commit([edit], by=by, op_id=op_id, blobs=blobs)

    # ------------------------------------------------------------ history

    def log(self, scene: str | None = None, *, track: str | None = None, most: int | None = None, before: int | None = None) -> list[Commit]:
        """Transactions, the newest first. scene, track : those that changed it; before : older than that transaction"""
        entity = None
        scene_id = None if scene is None else self.scene_id(scene)
        if track is not None:
            if scene is None:
                raise ArgumentError("a track is one of a scene", field="scene", hint="name the scene too")
            entity = self.track(scene, track).entity.id
        if scene is None:
            self._permit_everywhere()
        with self.database.reading() as connection:
            return log_of(connection, scene_id, entity, most, before)

    def changes(self, seq: int) -> list[Entity]:
        """What a transaction left of every entity it changed."""
        with self.database.reading() as connection:
            rows = connection.execute(sa.select(schema.change).where(schema.change.c.seq == seq).order_by(schema.change.c.n))
            sight = self._sight(connection)
            return [image_of(row) for row in rows if sight is None or sight.sees(row.kind, row.entity_id, row.scene_id)]

    def blame(self, entity_id: str) -> dict[str, Blame]:
        """For every value of an entity the transaction that made it what it is; see `history.values_of` for what a value is."""
        if self.account is not None:
            self.entity(entity_id)
        with self.database.reading() as connection:
            return values_of(connection, entity_id)

    # ------------------------------------------------------------ files

    def check_files(self, scene: str, progress: Callable[[int], Any] = lambda n_bytes: None) -> list[FrameMissing | CorruptionError]:
        """Looks at every recorded file of a scene; what is changed or gone comes back."""
        data: Any = self.read(scene).data
        wrong: list[FrameMissing | CorruptionError] = []
        for facts in data.facts() if hasattr(data, "facts") else ():
            try:
                check_file(facts)
            except (FrameMissing, CorruptionError) as error:
                wrong.append(error)
            progress(facts.n_bytes)
        return wrong


def _last_seq(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(sa.func.max(schema.txn.c.seq))).scalar() or 0)
