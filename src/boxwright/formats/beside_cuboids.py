"""Labels in pictures that did not come back from a platform, of objects whose cuboids came back with another class, or not at all."""

from __future__ import annotations

from collections.abc import Sequence, Set

from ..errors import number_of
from ..image_tracks import ImageTrack
from ..scene import Scene
from ..tracks import Track

__all__ = ["beside_cuboids"]


def beside_cuboids(scene: Scene, tracks: Sequence[Track], come: Set[str], gone: Set[str]) -> tuple[list[ImageTrack], list[str]]:
    """(the recording's own tracks in pictures that stay, what was done to them in words). Those of an object take the class that its cuboids
    were given, where both were of one class; those of an object that was deleted go with it.

    tracks : of cuboids, as they came back; come, gone : names of tracks that came back, and of those that are dropped
    """
    classes = {one.track_id: (scene.track(one.track_id).category, one.category) for one in tracks if one.track_id in scene.track_index}
    stay, renamed, left = list[ImageTrack](), list[str](), list[str]()
    for track in scene.image_tracks:
        if track.track_id in come or track.track_id in gone:
            continue
        thing = track.object_id or ""
        before, now = classes.get(thing, (track.category, track.category))
        if thing in gone and thing in scene.track_index:
            left.append(track.track_id)
        elif before != now and track.category == before:
            stay.append(track.replace(category=now))
            renamed.append(track.track_id)
        else:
            stay.append(track)
    told = []
    if renamed:
        takes = "takes the class that its object was" if len(renamed) == 1 else "take the classes that their objects were"
        told.append(f"{number_of(len(renamed), 'track')} in pictures {takes} given: {', '.join([*map(repr, renamed)][:3])}")
    if left:
        goes = "is dropped with its object, which is" if len(left) == 1 else "are dropped with their objects, which are"
        told.append(f"{number_of(len(left), 'track')} in pictures {goes} not in the file: {', '.join([*map(repr, left)][:3])}")
    return stay, told
