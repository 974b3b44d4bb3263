"""Relations between objects on their way into an OpenLABEL file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import BoxwrightError
from ..scene import Relation, Scene
from .openlabel_tracks import relations_of
from .strict_json import Node

__all__ = ["relations_now"]

_ENDS = ("rdf_subjects", "rdf_objects")


def relations_now(
    scene: Scene,
    uids: Mapping[str, str],
    numbers: Sequence[int],
    kept_relations: Mapping[str, Any],
    objects: Mapping[str, Any],
    drop: Callable[[str, str], None],
) -> dict[str, Any]:
    """By uid; those that came go back as they are while the scene still has them.

    uids : of the tracks; numbers : of the frames; objects : by uid, all that are written; drop : is told what cannot be written
    """
    todo = list(scene.relations)
    id_of: dict[str, str] = {}
    for track_id, uid in uids.items():
        id_of.setdefault(uid, track_id)
    relations: dict[str, Any] = {}
    for uid, kept in kept_relations.items():
        try:
            meant = relations_of(Node(kept, "", uid), id_of, numbers, scene.times_ns.tolist())
        except BoxwrightError as error:
            drop("relations", f"the relation {uid!r}, kept from a file: {error}")
            continue
        if any(agent["type"] == "object" and agent["uid"] not in objects for key in _ENDS for agent in kept[key]):
            drop("relations", f"the relation {uid!r} of objects that the scene does not have")
        elif all(meant.count(one) <= todo.count(one) for one in meant):
            relations[uid] = kept
            for one in meant:
                todo.remove(one)
    for relation in todo:
        made = _relation(scene, relation, uids, numbers, drop)
        if made is not None:
            relations[str(next(n for n in range(len(relations) + 1) if str(n) not in relations))] = made
    return relations


def _relation(
    scene: Scene, relation: Relation, uids: Mapping[str, str], numbers: Sequence[int], drop: Callable[[str, str], None]
) -> dict[str, Any] | None:
    ends = [uids.get(name) for name in (relation.subject, relation.object)]
    if None in ends:
        drop("relations", f"the relation {relation.kind!r} of tracks that are not written: in pictures, or not in the scene")
        return None
    one: dict[str, Any] = {"name": relation.kind, "type": relation.kind}
    if relation.span_ns is not None:
        inside = np.flatnonzero((scene.times_ns >= relation.span_ns[0]) & (scene.times_ns <= relation.span_ns[1]))
        if not len(inside):
            drop("relations", f"the relation {relation.kind!r} of a time without frames")
            return None
        one["frame_intervals"] = [{"frame_start": numbers[inside[0]], "frame_end": numbers[inside[-1]]}]
    return {**one, **{key: [{"uid": uid, "type": "object"}] for key, uid in zip(_ENDS, ends)}}
