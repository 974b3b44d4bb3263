"""Files in formats of others that Datumaro wrote, as CVAT exports them too: what it rounds there, and what it has no place for, is no edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..keyframes import Visibility
from ..scene import Scene
from ..tracks import Track
from .declared import Decimals
from .kitti_raw_dialects import CVAT, is_as_cvat, is_of_datumaro
from .supervisely import OF_CVAT

__all__ = ["names_tracks", "options_of_datumaro", "rounding", "with_unsaid"]

_ROUNDS = Decimals(m=0.005, rad=0.005)  # every number, to 2 decimals
_FILLERS = ("occlusion", "truncation")  # of KITTI raw, that it writes where nobody told them


def rounding(labels: Scene) -> Decimals | None:
    """How the numbers of a file of KITTI raw or Supervisely are rounded that Datumaro wrote; None where another did."""
    is_its = is_of_datumaro(labels.notes) or (labels.format == "supervisely" and any(OF_CVAT in one for one in _kept(labels, "objects").values()))
    return _ROUNDS if is_its else None


def _kept(labels: Scene, name: str) -> Mapping[str, Any]:
    kept = labels.source_attributes.get("supervisely", {}).get(name, {})
    return kept if isinstance(kept, Mapping) else {}


def options_of_datumaro(labels: Scene) -> dict[str, Any]:
    """With which options our writer writes files such as these labels were read from."""
    if labels.format == "kitti_raw":
        return {"dialect": CVAT} if is_as_cvat(labels.notes) else {}
    return {"layout": "clouds"} if labels.format == "supervisely" and _kept(labels, "clouds") else {}


def names_tracks(labels: Scene) -> bool:
    """Whether tracks have names in a file of KITTI raw's that Datumaro wrote: without attributes they have none but their numbers in it."""
    return _has_attributes(labels.tracks) or not all(track.track_id.isdecimal() for track in labels.tracks)


def _has_attributes(tracks: Sequence[Track]) -> bool:
    return bool({name for track in tracks for name in _names_of(track)} - {*_FILLERS})


def with_unsaid(labels: Scene, scene: Scene, written: Mapping[str, Track], tracks: Sequence[Track]) -> list[Track]:
    """The labels' tracks with what was written where a file of KITTI raw's that Datumaro wrote says nothing: fillers, and all attributes where it
    has none, for it leaves them out unless it is asked for them.

    scene : the recording, whose own fillers are told
    written, tracks : at the recording's times, with a keyframe at each frame at which they are there
    """
    if labels.format != "kitti_raw" or not is_of_datumaro(labels.notes):
        return [*tracks]
    has_some = _has_attributes(tracks)
    told = []
    for track in tracks:
        is_known = track.track_id in written and track.track_id in scene.track_index
        told.append(_with_unsaid(scene.track(track.track_id), written[track.track_id], track, has_some) if is_known else track)
    return told


def _with_unsaid(mine: Track, written: Track, track: Track, has_some: bool) -> Track:
    own, rows = _names_of(mine), list[dict[str, Any]]()
    was, now = written.at(track.times_ns), track.at(track.times_ns)
    for old, new, seen in zip(was.attributes, now.attributes, track.visibility.tolist()):
        fillers = {"occlusion": int(seen == Visibility.OCCLUDED), "truncation": 0}
        unsaid = {name for name in _FILLERS if name not in own and new.get(name) == fillers[name]}
        unsaid |= set() if has_some else old.keys() - {*_FILLERS}
        said = {name: value for name, value in new.items() if name not in unsaid}
        rows.append({**{name: value for name, value in old.items() if name in unsaid}, **said})
    return track.replace(attributes={}, keyframe_attributes=rows)


def _names_of(track: Track) -> set[str]:
    return {*track.attributes, *(name for row in track.keyframe_attributes for name in row)}
