"""A scene as entities, and entities as a scene: their bodies are the parts of a scene.json, so what that format keeps bit by bit is kept here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import ArgumentError, BoxwrightError, CorruptionError
from ..formats.boxwright_pictures import image_track_of
from ..formats.boxwright_scene import scene_of
from ..formats.boxwright_tracks import track_of
from ..formats.strict_json import FILE_HINT, Node
from ..image_tracks import ImageTrack
from ..problems import Problems
from ..scene import Scene
from ..tracks import Track
from .entities import PROJECT, Entity

__all__ = ["add_rows", "is_of_cuboids", "scene_from", "track_from"]

_SCENE = ("name", "source_format", "has_time", "label_frame")
_KEPT = ("source_attributes", "notes", "problems")
_LISTED = {"tag": "tags", "relation": "relations", "point_edit": "point_edits"}


def rows_of(top: Mapping[str, Any], path: str | None) -> Iterator[tuple[str, int, dict[str, Any], list[dict[str, Any]]]]:
    """(kind, place, body, bodies of keyframes) of everything a scene.json says. path : where the scene says that it lies"""
    yield "scene", 0, {**{key: top[key] for key in _SCENE}, "path": path}, []
    yield "frames", 0, {"frames": top["frames"]}, []
    sensors = [("lidar", one) for one in top["lidars"]] + [("camera", one) for one in top["cameras"]]
    for place, (what, one) in enumerate(sensors):
        yield "sensor", place, {"is": what, **one}, []
    if top["trajectory"] is not None:
        yield "trajectory", 0, {"trajectory": top["trajectory"]}, []
    yield "kept", 0, {key: top[key] for key in _KEPT}, []
    for place, one in enumerate([*top["tracks"], *top["image_tracks"]]):
        yield "track", place, {key: value for key, value in one.items() if key != "keyframes"}, one["keyframes"]
    for kind, key in _LISTED.items():
        for place, one in enumerate(top.get(key, [])):
            yield kind, place, one, []


def add_rows(tx: Any, scene_id: str, top: Mapping[str, Any], path: str | None) -> None:
    """Puts them into a transaction."""
    for kind, place, body, keyframes in rows_of(top, path):
        if kind == "scene":
            tx.add(kind, PROJECT, body, entity_id=scene_id, place=tx.next_place(PROJECT, kind))
            continue
        made = tx.add(kind, scene_id, body, place=place)
        for keyframe in keyframes:
            tx.add("keyframe", scene_id, keyframe, parent_id=made.id)


def is_of_cuboids(track: Entity) -> bool:
    """Of cuboids, and not in pictures."""
    return track.body is not None and "shape" not in track.body


def track_mapping_of(track: Entity, keyframes: Sequence[Entity]) -> dict[str, Any]:
    """As scene.json has it; where one keyframe tells of attributes, all do."""
    rows = [dict(one.body or {}) for one in keyframes]
    for key in ("attributes", "source_attributes"):
        if any(key in row for row in rows):
            rows = [row if key in row else {**row, key: {}} for row in rows]
    return {**(track.body or {}), "keyframes": rows}


def track_from(track: Entity, keyframes: Sequence[Entity], frame: str) -> Track | ImageTrack:
    """frame : the scene's label frame. ArgumentError where they do not make a track."""
    node = Node(track_mapping_of(track, keyframes), "")
    try:
        return track_of(node, frame) if is_of_cuboids(track) else image_track_of(node)
    except BoxwrightError as error:
        field = f"track {(track.body or {}).get('track_id', '')!r}: {error.field}"
        hint = "correct the edit and send it again" if error.hint == FILE_HINT else error.hint
        raise ArgumentError(error.what, expected=error.expected, got=error.got, field=field, hint=hint) from None


def scene_from(entities: Iterable[Entity], place: str, **data: Any) -> Scene:
    """The scene of its live entities. data : fields of the Scene that the store has from elsewhere; place : the project, for messages"""
    by_kind: dict[str, list[Entity]] = {}
    keyframes: dict[str, list[Entity]] = {}
    for one in sorted(entities, key=lambda one: (one.place, one.id)):
        if one.kind == "keyframe":
            keyframes.setdefault(one.parent_id or "", []).append(one)
        else:
            by_kind.setdefault(one.kind, []).append(one)
    try:
        top, head = _top(by_kind, keyframes)
        scene = scene_of(Node(top, place), Problems(), must_cover=False)
    except (KeyError, TypeError, BoxwrightError) as error:
        what = f"a stored scene is not whole: {type(error).__name__} {error}"
        raise CorruptionError(what, path=place, hint="'boxwright fsck' tells more") from None
    return scene.replace(format=head["source_format"], path=head["path"], **data)


def _top(by_kind: Mapping[str, list[Entity]], keyframes: Mapping[str, list[Entity]]) -> tuple[dict[str, Any], dict[str, Any]]:
    def body(kind: str) -> dict[str, Any]:
        return dict(by_kind[kind][0].body or {})

    head, kept = body("scene"), body("kept")
    sensors = [dict(one.body or {}) for one in by_kind.get("sensor", [])]
    tracks = by_kind.get("track", [])
    mappings = {one.id: track_mapping_of(one, sorted(keyframes.get(one.id, []), key=_time)) for one in tracks}
    return {
        "format": "boxwright",
        "version": 2,
        **{key: head[key] for key in _SCENE},
        "frames": body("frames")["frames"],
        "lidars": [_without_is(one) for one in sensors if one["is"] == "lidar"],
        "cameras": [_without_is(one) for one in sensors if one["is"] == "camera"],
        "trajectory": body("trajectory")["trajectory"] if "trajectory" in by_kind else None,
        "tracks": [mappings[one.id] for one in tracks if is_of_cuboids(one)],
        "image_tracks": [mappings[one.id] for one in tracks if not is_of_cuboids(one)],
        **{key: [one.body for one in by_kind.get(kind, [])] for kind, key in _LISTED.items()},
        **kept,
    }, head


def _without_is(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "is"}


def _time(keyframe: Entity) -> int:
    return int((keyframe.body or {})["timestamp_ns"])
