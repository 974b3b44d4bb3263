"""What must hold when a request is done: every track is one that boxwright can make, nothing hangs in the air."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError, BoxwrightError, ConflictError
from ..formats.boxwright_files import read_point_edits
from ..formats.boxwright_pictures import read_tags
from ..formats.boxwright_scene import relation_of
from ..formats.strict_json import Node
from ..image_tracks import ImageTrack
from ..problems import Problems
from ..scene import Lidar
from .entities import Entity, named, slot_of
from .scene_rows import track_from
from .settings import settings_of
from .sight import tasks_of
from .transactions import Transaction, taken

__all__ = ["check_whole"]


def check_whole(tx: Transaction) -> None:
    """ArgumentError for what cannot be, ConflictError for what others stand on: a keyframe without its track, a track without a keyframe."""
    scenes: dict[str, Entity | None] = {}
    tracks: dict[str, Entity] = {}
    for one in tx.changed:
        if one.scene_id not in scenes:
            scenes[one.scene_id] = tx.get(one.scene_id) if one.scene_id else None
        scene = scenes[one.scene_id]
        if one.scene_id and one.is_live and (scene is None or not scene.is_live):
            raise ConflictError(f"the scene of a {one.kind} is deleted", hint="bring the scene back first")
        if one.kind == "keyframe":
            track = tx.get(one.parent_id or "")
            if one.is_live and (track is None or not track.is_live):
                raise tx.conflict("the track of a keyframe is deleted", [track] if track else [], None)
            if track is not None:
                tracks[track.id] = track
        elif one.kind == "track":
            tracks[one.id] = one
        elif one.kind == "scene" and not one.is_live:
            _check_unasked(tx, one)
        _check_slot(tx, one)
        _check_body(tx, one)
    for track in tracks.values():
        _check_track(tx, track, scenes[track.scene_id])


def _check_unasked(tx: Transaction, scene: Entity) -> None:
    """ConflictError where a scene that goes holds the answers of a task, or is asked about in a qualification."""
    changed = {one.id for one in tx.changed}
    tasks = [*(one for one in tasks_of(tx.connection) if one.id not in changed), *(one for one in tx.changed if one.kind == "task" and one.is_live)]
    for task in tasks:
        body = task.body or {}
        if body["gold"] == scene.id:
            hint = "what was done there is compared with them; delete the layer of the task first"
            raise ConflictError("a task has its answers in the scene", got=body["name"], field="edit.id", hint=hint)
    for one in settings_of(tx)["qualifications"]:
        if scene.id in (one["scene"], one["gold"]):
            raise ConflictError(
                "a qualification is about the scene", got=one["name"], field="edit.id", hint="work.set(qualifications=...) without it"
            )


def _check_slot(tx: Transaction, one: Entity) -> None:
    """A name or a time that a live entity has which this request leaves as it is."""
    other = tx.in_its_place(one)
    if other is not None:
        error = taken(one)
        raise ConflictError(error.what, hint=error.hint, conflicts=tx.conflict("", [other], None).conflicts)


def _check_body(tx: Transaction, one: Entity) -> None:
    """Tags, relations and edits of points as their readers take them."""
    if not one.is_live or one.kind not in ("tag", "relation", "point_edit"):
        return
    body: Mapping[str, Any] = one.body or {}
    try:
        if one.kind == "tag":
            camera = read_tags(Node([body], ""))[0].camera
            if camera is not None:
                _check_sensor(tx, one.scene_id, camera, "camera")
        elif one.kind == "relation":
            relation_of(Node(body, ""))
        else:
            frames = tx.named(one.scene_id, named("frames"))
            lidars = {
                (s.body or {})["name"]: Lidar((s.body or {})["name"]) for s in tx.of_kind(one.scene_id, "sensor") if (s.body or {})["is"] == "lidar"
            }
            read_point_edits(Node([body], ""), len((frames.body if frames else None or {})["frames"]), lidars, Problems())  # type: ignore[index]
    except ConflictError:
        raise
    except BoxwrightError as error:
        raise ArgumentError(error.what, expected=error.expected, got=error.got, field=f"{one.kind}: {error.field}", hint=error.hint) from None


def _check_sensor(tx: Transaction, scene_id: str, name: Any, what: str) -> None:
    sensor = tx.named(scene_id, named("sensor", name))
    if sensor is None or (sensor.body or {})["is"] != what:
        raise ArgumentError(f"no such {what}", got=f"{name!r:.80}", field=what, hint="the scene lists its sensors")


def _check_track(tx: Transaction, track: Entity, scene: Entity | None) -> None:
    keyframes = tx.changed_children(track.id)
    if not track.is_live:
        if left := tx.children(track.id):
            raise tx.conflict("a deleted track has keyframes", left, None)
        return
    if not keyframes:
        keyframes = tx.children(track.id)[:1]
    if not keyframes:
        hint = "delete the track instead of its last keyframe"
        raise ConflictError("a track would be without a keyframe", got=repr((track.body or {})["track_id"]), hint=hint)
    keyframes.sort(key=lambda one: slot_of(one.kind, one.body)[1] or 0)
    made = track_from(track, keyframes, (scene.body or {})["label_frame"] if scene else "world")
    if isinstance(made, ImageTrack):
        _check_sensor(tx, track.scene_id, made.camera, "camera")
