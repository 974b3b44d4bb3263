"""The labels a consensus was made of: they lie in the merged scene's source attributes, and come back bit by bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cuboids import Cuboid, Cuboids
from .errors import BoxwrightError, FormatError, UnknownName
from .scene import Scene
from .tracks import Track, Tracks

__all__ = ["KEY", "Source", "consensus_sources", "consensus_trace", "source_record"]

KEY = "consensus"
VERSION = 1
_COLUMNS = ("center_m", "size_m", "quat_wxyz", "yaw_rad")
_CODES = ("visibility", "origin")


@dataclass(frozen=True)
class Source:
    """What one annotator gave to one merged cuboid.

    track_ids : of his tracks of the object
    cuboid : his own, in his scene's label frame; None where he has none at that time
    category : what he calls it
    center_weight, rotation_weight, size_weight : his share, 0 to 1, of each; 0 where he has none, or where it lay too far from the others
    """

    annotator: str
    track_ids: Sequence[str]
    cuboid: Cuboid | None
    category: str | None
    center_weight: float
    rotation_weight: float
    size_weight: float


def source_record(annotator: str, scene: Scene) -> dict[str, Any]:
    """What JSON can hold of one annotator's labels; numbers as they are."""
    return {"annotator": annotator, "scene": scene.name, "label_frame": scene.label_frame, "tracks": [_record(track) for track in scene.tracks]}


def _record(track: Track) -> dict[str, Any]:
    columns = {name: getattr(track.cuboids, name).tolist() for name in _COLUMNS}
    codes = {name: getattr(track, name).tolist() for name in _CODES}
    rows = {name: [dict(row) for row in getattr(track, name)] for name in ("keyframe_attributes", "keyframe_source_attributes")}
    whole = {name: dict(getattr(track, name)) for name in ("attributes", "source_attributes")}
    names = {"track_id": track.track_id, "category": track.category, "method": track.method, "times_ns": track.times_ns.tolist()}
    return {**names, **columns, **codes, **{name: value for name, value in {**whole, **rows}.items() if value}}


def consensus_sources(scene: Scene) -> dict[str, Tracks]:
    """annotator -> his tracks as he gave them, in his own scene's label frame.

    UnknownName where the scene is no consensus, FormatError where what it keeps of its sources is damaged.
    """
    kept = _kept(scene)
    try:
        return {one["annotator"]: Tracks([_track(record, one["label_frame"]) for record in one["tracks"]]) for one in kept["sources"]}
    except (BoxwrightError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what, hint = f"the sources of the consensus are damaged: {type(error).__name__} {error}", "read the scene again from where it was written"
        raise FormatError(what, path=scene.path, field=f"source_attributes.{KEY}", hint=hint) from None


def _kept(scene: Scene) -> Mapping[str, Any]:
    kept = scene.source_attributes.get(KEY)
    if not isinstance(kept, Mapping) or "sources" not in kept:
        hint = "only what bw.consensus made, kept in boxwright's own format, has sources"
        raise UnknownName("the scene is no consensus", field=f"scene {scene.name!r}", hint=hint)
    if kept.get("version") != VERSION:
        raise FormatError(
            expected=f"version {VERSION}", got=repr(kept.get("version")), path=scene.path, field=f"source_attributes.{KEY}", hint="update"
        )
    return kept


def _track(record: Mapping[str, Any], frame: str) -> Track:
    columns = [np.array(record[name], np.float64) for name in _COLUMNS]
    n = len(record["times_ns"])
    if [column.shape for column in columns] != [(n, 3), (n, 3), (n, 4), (n,)] or not (columns[1] > 0).all():
        raise ValueError(f"track {record['track_id']!r}")
    center, size, quat, yaw = columns
    return Track(
        record["track_id"],
        record["category"],
        np.array(record["times_ns"], np.int64),
        Cuboids._trusted(center, size, quat, yaw, frame),
        visibility=np.array(record["visibility"], np.uint8),
        origin=np.array(record["origin"], np.uint8),
        attributes=record.get("attributes", {}),
        keyframe_attributes=record.get("keyframe_attributes", ()),
        method=record["method"],
        source_attributes=record.get("source_attributes", {}),
        keyframe_source_attributes=record.get("keyframe_source_attributes", ()),
    )


def consensus_trace(scene: Scene, track_id: str, time_ns: int) -> list[Source]:
    """What a merged cuboid was made of: every annotator's own, and its share.

    UnknownName where the scene is no consensus or has no such track, and where nothing was merged at that time.
    """
    track = scene.track(track_id)
    at = np.flatnonzero((track.times_ns == time_ns) & (track.visibility < 2))
    told = track.source_attributes.get(KEY)
    if not isinstance(told, Mapping) or not len(at) or not track.keyframe_source_attributes:
        raise UnknownName("nothing was merged at that time", got=str(time_ns), field=f"track {track_id!r}", hint="track.times_ns lists the times")
    weights = track.keyframe_source_attributes[int(at[0])][KEY]
    traced = []
    for annotator, tracks in consensus_sources(scene).items():
        ids = list(told["track_ids"].get(annotator, ()))
        found, category = None, None
        for one in (one for one in tracks if one.track_id in ids):
            filled = one.at(np.array([time_ns]))
            if filled.is_valid[0]:
                found, category = filled.cuboids[0], one.category
        center, rotation, size = weights.get(annotator, (0.0, 0.0, 0.0))
        traced.append(Source(annotator, ids, found, category, center, rotation, size))
    return traced
