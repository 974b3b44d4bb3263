"""A project on a server, with the verbs of one that is on this machine: `bw.connect(url)`.

    project = bw.connect("http://127.0.0.1:8300")
    scene = project.read("monday")
    edits = project.edits("monday")
    edits.move_keyframe(project.track("monday", "car-1"), time_ns, cuboid)
    edits.commit("the wheel was outside")

A request that was cut off is sent again with its op_id, and is done once.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from .errors import AccessDenied, ArgumentError, UnknownName
from .remote_errors import checked, json_of, no_answer, none_of_ours
from .requesting import ADDRESS, Requests
from .scene import NoData, Scene
from .store.accounts import kept_secret
from .store.canonical import new_id
from .store.edits import Edits
from .store.entities import PROJECT, Entity, named, slot_of
from .store.history import Blame
from .store.scene_rows import scene_from, track_from
from .store.stored import StoredPointLabels, StoredScene, StoredTrack
from .store.taxonomies import taxonomy_from
from .store.transactions import Commit
from .taxonomy import Taxonomy
from .wire import RemoteData

__all__ = ["RemoteProject", "connect"]


def connect(
    url: str,
    token: str | None = None,
    *,
    token_file: str | os.PathLike[str] | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    timeout_s: float = 60.0,
) -> RemoteProject:
    """A project on a server.

    url : as boxwright serve prints it, "http://127.0.0.1:8300"; over a network "https://..."
    token : of an account; by default the environment's BOXWRIGHT_TOKEN
    token_file : a file that holds it, for its owner alone to read
    ca_file : PEM certificates to trust instead of the public ones, such as those of a house's own authority

    AccessDenied where the token is not good, StorageError where nobody answers.
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        _ = None if parts is None else parts.port  # read now, since it is only looked at then
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ArgumentError(expected=ADDRESS, got=f"{url!r:.80}", field="url", hint="boxwright serve prints it")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        hint = "use https://: a token that goes over a network in the clear is everybody's"
        raise ArgumentError("plain http to another machine", got=parts.hostname, field="url", hint=hint)
    secret = os.environ.get("BOXWRIGHT_TOKEN") if token is None else token
    if token is None and token_file is not None:
        secret = kept_secret(Path(token_file).expanduser())
    if not isinstance(secret, str) or not secret.isascii() or not secret.isprintable() or " " in secret or not secret:
        hint = "boxwright accounts PROJECT token NAME makes one"
        raise ArgumentError(expected="a token", got="none" if secret is None else "something else", field="token", hint=hint)
    project = RemoteProject(f"{parts.scheme}://{parts.netloc}", secret, timeout_s, ca_file)
    try:
        project._me = project._json("GET", "/me")
    except BaseException:
        project.close()
        raise
    return project


class RemoteProject(Requests):
    """A project on a server; `bw.connect` gives one. May be used by several threads at a time.

    place : the server's address, for messages
    """

    def __init__(self, url: str, token: str, timeout_s: float = 60.0, ca_file: str | os.PathLike[str] | None = None) -> None:
        super().__init__(url, token, timeout_s, ca_file)
        self._me: Mapping[str, Any] = {}

    def __enter__(self) -> RemoteProject:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"RemoteProject({self.place!r}, account {self.account!r})"

    # ------------------------------------------------------------ reading

    @property
    def account(self) -> str:
        """Whose token it is."""
        return str(self._me.get("account", ""))

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self._me.get("roles", ()))

    @property
    def name(self) -> str:
        return str(self._json("GET", "/project")["name"])

    @property
    def project_id(self) -> str:
        return str(self._json("GET", "/project")["project_id"])

    @property
    def seq(self) -> int:
        """The last transaction."""
        return int(self._json("GET", "/project")["seq"])

    @property
    def taxonomy(self) -> Taxonomy | None:
        kept = self._json("GET", "/taxonomy")["taxonomy"]
        return None if kept is None else taxonomy_from(kept)

    def scenes(self) -> list[StoredScene]:
        return [StoredScene(**row) for row in self._json("GET", "/scenes")["scenes"]]

    def scene_id(self, scene: str) -> str:
        """UnknownName where there is none of that name."""
        for one in self.scenes():
            if one.name == scene:
                return one.scene_id
        raise UnknownName("no such scene", got=f"{scene!r:.80}", path=self.place, field="scene", hint="project.scenes() lists what there is")

    def entity(self, entity_id: str) -> Entity:
        if not isinstance(entity_id, str) or not entity_id:
            raise UnknownName("no such entity", got=f"{entity_id!r:.80}", path=self.place, hint="project.entities(scene, kind) lists them")
        return _entity(self._json("GET", f"/entities/{quote(entity_id, safe='')}"))

    def entities(self, scene: str, kind: str) -> list[Entity]:
        return sorted(self._entities(self.scene_id(scene), [kind])[1], key=lambda one: (one.place, one.id))

    def _entities(self, scene_id: str, kinds: Sequence[str] | None = None) -> tuple[int, list[Entity]]:
        found = self._json("GET", f"/scenes/{scene_id}/entities", kind=None if kinds is None else list(kinds), compress="gzip")
        return found["seq"], [_entity(row) for row in found["entities"]]

    def find(self, scene_id: str, kind: str, *parts: Any) -> Entity | None:
        """The entity of a kind by what names it, None where there is none."""
        if scene_id == PROJECT:
            return self._of_project(kind, parts)
        wanted = named(kind, *parts)
        return next((one for one in self._entities(scene_id, [kind])[1] if slot_of(one.kind, one.body)[0] == wanted), None)

    def _of_project(self, kind: str, parts: Sequence[Any]) -> Entity | None:
        if kind == "scene":
            found = next((one for one in self.scenes() if one.name == parts[0]), None)
            return None if found is None else self.entity(found.scene_id)
        if kind != "taxonomy":
            raise ArgumentError(expected="taxonomy or scene", got=f"{kind!r:.40}", field="kind", hint="others are told on the server's machine")
        answer = self._send("GET", "/taxonomy")
        body, rev = json_of(answer, self.place)["taxonomy"], int(answer.headers["ETag"].strip('"'))
        return None if body is None else Entity("", kind, PROJECT, None, 0, rev, 0, body)

    def track(self, scene: str, track_id: str) -> StoredTrack:
        """A track with its keyframes. UnknownName where there is none."""
        scene_id = self.scene_id(scene)
        seen, found = self._entities(scene_id, ["track", "keyframe"])
        track = next((one for one in found if one.kind == "track" and (one.body or {})["track_id"] == track_id), None)
        if track is None:
            raise UnknownName("no such track", got=f"{track_id!r:.80}", field=f"scene {scene!r}", hint="project.read(scene).tracks lists them")
        keyframes = sorted((one for one in found if one.parent_id == track.id), key=lambda one: (one.body or {})["timestamp_ns"])
        frame = (self.entity(scene_id).body or {})["label_frame"]
        return StoredTrack(track, keyframes, track_from(track, keyframes, frame), seen)

    def keyframe(self, scene: str, track_id: str, time_ns: int) -> Entity:
        return self.track(scene, track_id).keyframe(time_ns)

    def read(self, scene: str) -> Scene:
        """A scene as it is now; its points, their labels and pictures are fetched when they are asked for."""
        head = self.entity(self.scene_id(scene))
        _, found = self._entities(head.id)
        made = scene_from([head, *(one for one in found if one.kind != "point_labels")], self.place)
        has_data = bool(made.lidars or made.cameras)
        data: Any = RemoteData(self._send, head.id, made) if has_data else NoData()
        bodies = [one.body or {} for one in found if one.kind == "point_labels"]
        labels = {(body["frame_index"], body["sensor"]): body["sha256"] for body in bodies}
        return made.replace(data=data, point_label_data=StoredPointLabels(lambda digest: self._kept(head.id, digest), labels))

    def _kept(self, scene_id: str, digest: str) -> bytes:
        """Kept labels of points. StorageError where they are not what their hash says."""
        answer = self._send("GET", f"/scenes/{scene_id}/point-labels/{digest}")
        if hashlib.sha256(answer.content).hexdigest() != digest:
            raise none_of_ours(answer, self.place)
        return bytes(answer.content)

    # ------------------------------------------------------------ writing

    def edits(self, scene: str | None = None, *, op_id: str | None = None) -> Edits:
        """What a request asks for, to be filled and committed."""
        project: Any = self
        return Edits(project, scene, self.account, op_id)

    def commit(
        self,
        edits: Sequence[Mapping[str, Any]],
        *,
        by: str | None = None,
        op_id: str | None = None,
        reason: str | None = None,
        client_ns: int | None = None,
        blobs: Mapping[str, bytes] | None = None,
    ) -> Commit:
        """Edits as one transaction, all of them or none; returns when it is on the server's disk. `by` can be nobody but the token's account."""
        if by not in (None, self.account):
            raise AccessDenied("nobody acts in another's name", got=f"{by!r:.60}", field="by", hint="leave it out")
        body: dict[str, Any] = {"edits": [dict(one) for one in edits]}
        body |= {} if reason is None else {"reason": reason}
        body |= {} if client_ns is None else {"client_ns": client_ns}
        body |= {"blobs": {digest: base64.b64encode(data).decode() for digest, data in blobs.items()}} if blobs else {}
        return self._commit(self._send("POST", "/edits", body, key=op_id or new_id()))

    def undo(self, seq: int, *, reason: str | None = None, op_id: str | None = None) -> Commit:
        """Takes a transaction back, as a new one. ConflictError where later edits stand on it."""
        body = {"seq": seq} | ({} if reason is None else {"reason": reason})
        return self._commit(self._send("POST", "/undo", body, key=op_id or new_id()))

    def _commit(self, answer: Any) -> Commit:
        row = json_of(answer, self.place)
        done = {name: row[name] for name in ("seq", "op_id", "account", "at_ns", "verb", "n_changes", "revisions")}
        return Commit(**done, reason=None, undo_of=None, hash=bytes.fromhex(row["hash"]), is_repeat="Idempotency-Replayed" in answer.headers)

    # ------------------------------------------------------------ history

    def log(self, scene: str | None = None, *, track: str | None = None, most: int | None = None, before: int | None = None) -> list[Commit]:
        """Transactions, the newest first."""
        path = "/log" if scene is None else f"/scenes/{self.scene_id(scene)}/log"
        found: list[Commit] = []
        while most is None or len(found) < most:
            page = 1000 if most is None else min(1000, most - len(found))
            more = {} if track is None else {"track_id": track}
            rows = self._json("GET", path, most=page, before=found[-1].seq if found else before, **more)["transactions"]
            found += [_of_log(row) for row in rows]
            if len(rows) < page:
                break
        return found

    def changes(self, seq: int) -> list[Entity]:
        return [_entity(row) for row in self._json("GET", f"/changes/{int(seq)}")["changes"]]

    def blame(self, entity_id: str) -> dict[str, Blame]:
        found = self._json("GET", f"/entities/{quote(str(entity_id), safe='')}/blame")["values"]
        return {key: Blame(**one) for key, one in found.items()}

    def feed(self, since: int | None = None) -> Iterator[tuple[int, list[Entity]]]:
        """(transaction, what it changed) as it happens, without end; since : the last transaction that was seen"""
        import json

        try:
            with self._http.stream("GET", "/feed", params={} if since is None else {"since": since}, timeout=None) as answer:
                if answer.status_code != 200:
                    answer.read()
                    checked(answer, self.place)
                for line in answer.iter_lines():
                    try:
                        row = json.loads(line)
                        seq, changes = row["seq"], row.get("changes")
                    except (ValueError, KeyError, TypeError, AttributeError):
                        raise none_of_ours(answer, self.place) from None
                    if changes is not None:
                        yield seq, [_entity(one) for one in changes]
        except self._errors as error:
            raise no_answer(error, self.place, "feed(since=...) goes on after the last transaction that was seen") from None

    # ------------------------------------------------------------ the core, where the recording is

    def fit_at(self, scene: str, frame_index: int, click_m: Sequence[float], category: str = "car", **hints: Any) -> dict[str, Any]:
        """One click becomes a cuboid: `label` in the scene's label frame, `sensor`, `sigma`, `observed_faces`, `flags`.

        hints : frame (of the click), yaw_prior, size_prior
        """
        body = {"click_m": [float(v) for v in click_m], "category": category, **hints}
        return self._json("POST", f"/scenes/{self.scene_id(scene)}/frames/{int(frame_index)}/fit", body)  # type: ignore[no-any-return]

    def refit(self, scene: str, frame_index: int, cuboid: Any, category: str | None = None) -> dict[str, Any]:
        """A rough cuboid snapped to its points; one without a frame is in the scene's label frame."""
        body = {"center_m": cuboid.center_m.tolist(), "size_m": cuboid.size_m.tolist(), "quat_wxyz": cuboid.quat_wxyz.tolist()}
        body |= {} if category is None else {"category": category}
        body |= {} if cuboid.frame is None else {"frame": cuboid.frame}
        return self._json("POST", f"/scenes/{self.scene_id(scene)}/frames/{int(frame_index)}/refit", body)  # type: ignore[no-any-return]

    def propagate(self, scene: str, track_id: str, from_frame: int, to_frame: int) -> dict[str, Any]:
        """A track carried to other frames: `proposals`, and `track` with those that passed."""
        body = {"track_id": track_id, "from_frame": int(from_frame), "to_frame": int(to_frame)}
        return self._json("POST", f"/scenes/{self.scene_id(scene)}/propagate", body)  # type: ignore[no-any-return]

    def check(
        self,
        scene: str,
        *,
        rules: Sequence[str] | None = None,
        frames: Sequence[int] | None = None,
        keep: bool = False,
        timeout_s: float = 3600,
    ) -> dict[str, Any]:
        """The labels against the world; waits for the job, and gives the findings. keep : they are kept in the project, for who may do that"""
        body = {"rules": None if rules is None else list(rules), "frames": None if frames is None else [int(i) for i in frames], "keep": keep}
        return self._job(f"/scenes/{self.scene_id(scene)}/check", body, timeout_s)

    def retime(self, scene: str, tracks: Sequence[str] | None = None, *, timeout_s: float = 3600) -> dict[str, Any]:
        """Where the boxes of moving objects belong at the stamps of their frames; waits for the job, and gives `proposals`, one for each track."""
        return self._job(f"/scenes/{self.scene_id(scene)}/retime", {"track_ids": None if tracks is None else list(tracks)}, timeout_s)

    def comparison(self, scene: str, other: str, frame_index: int) -> dict[str, Any]:
        """The labels of a frame beside those of another scene of the same recording: `pairs`, `only_a`, `only_b`."""
        path = f"/scenes/{self.scene_id(scene)}/frames/{int(frame_index)}/comparison"
        return self._json("GET", path, other=self.scene_id(other))  # type: ignore[no-any-return]

    def score(self, scene: str, gold: str, *, timeout_s: float = 3600) -> dict[str, Any]:
        return self._job("/score", {"scene_id": self.scene_id(scene), "gold_id": self.scene_id(gold)}, timeout_s)

    def agreement(self, scenes: Sequence[str], *, timeout_s: float = 3600) -> dict[str, Any]:
        return self._job("/agreement", {"scene_ids": [self.scene_id(one) for one in scenes]}, timeout_s)

    def export(self, scene: str, path: str | os.PathLike[str], format: str = "openlabel", *, timeout_s: float = 3600) -> Path:
        """A scene's labels in a format, as a ZIP file written to `path`."""
        from .outputs import whole_file

        done = self._job(f"/scenes/{self.scene_id(scene)}/export", {"format": format}, timeout_s)
        with whole_file(path) as part:
            part.write_bytes(self._send("GET", f"/exports/{done['export_id']}").content)
        return Path(path)


# ------------------------------------------------------------ answers


def _entity(row: Mapping[str, Any]) -> Entity:
    return Entity(row["id"], row["kind"], row["scene_id"], row["parent_id"], row["place"], row["rev"], row["seq"], row["body"])


def _of_log(row: Mapping[str, Any]) -> Commit:
    return Commit(**{**row, "hash": bytes.fromhex(row["hash"])})
