"""Which object a track in pictures is, in formats that have no field for it: the track's name tells it, or an attribute."""

from __future__ import annotations

from typing import Any

from ..image_tracks import ImageTrack

__all__ = ["OBJECT_ID", "linked_object", "told_object", "with_link"]

OBJECT_ID = "object_id"
_BETWEEN = "@/"  # as boxwright calls what cameras see of cuboids, and as it calls the boxes of KITTI and DGP


def linked_object(track_id: str, camera: str) -> str | None:
    """The object that the name of a track in pictures tells, as "<object>@<camera>" or "<object>/<camera>"."""
    for mark in _BETWEEN:
        name = track_id.removesuffix(mark + camera)
        if name and name != track_id:
            return name
    return None


def with_link(track: ImageTrack, *, is_named: bool = True) -> ImageTrack:
    """With the attribute `object_id`, where its name does not tell which object it is. is_named : whether that name comes back"""
    if track.object_id is None or (is_named and track.object_id == linked_object(track.track_id, track.camera)):
        return track
    return track.replace(attributes={**track.attributes, OBJECT_ID: track.object_id})


def told_object(attributes: dict[str, Any], track_id: str, camera: str) -> str | None:
    """The object, which is taken out of what was read as attributes of a track; else that of its name."""
    told = attributes.get(OBJECT_ID)
    if isinstance(told, str) and told:
        del attributes[OBJECT_ID]
        return told
    return linked_object(track_id, camera)
