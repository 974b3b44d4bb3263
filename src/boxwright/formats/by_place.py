"""Which track is which where a file has no names for them that last: told by where their cuboids are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from ..keyframes import Visibility
from ..tracks import Track
from .free_names import FreeNames

__all__ = ["names_by_place"]

_CELL_M = 0.1  # more than any platform rounds
_ROUNDED_M = 0.02  # so near the side of a cell, it may come back on the other


def names_by_place(written: Sequence[Track], tracks: Sequence[Track], taken: Sequence[str], numbers: Mapping[str, str]) -> dict[str, str]:
    """What the recording calls each of some tracks that came back: the one with which it has the most cuboids in common, as parts of one in other
    frames have. Those that have none in common with any are what their number was, where nothing else is that, or get names that are free.

    written : what the format makes of the recording's own; in one frame of reference with `tracks`, at the same times
    taken : ids that the recording has
    numbers : number -> track_id of what the format made, where a track keeps its number
    """
    place = defaultdict[tuple[int, ...], list[str]](list)
    for track in written:
        for cell in _cells(track, _ROUNDED_M):
            place[cell].append(track.track_id)
    common = Counter((track.track_id, own) for track in tracks for cell in _cells(track) for own in place.get(cell, ()))
    times = {track.track_id: {*_labelled(track).times_ns.tolist()} for track in tracks}
    names, full = dict[str, str](), defaultdict[str, set[int]](set)
    for (called, own), _ in common.most_common():
        if called not in names and not full[own] & times[called]:
            names[called] = own
            full[own] |= times[called]
    free = FreeNames(taken)
    for called in times:
        if called not in names:
            names[called] = numbers[called] if called in numbers and numbers[called] not in full else free.take(called)
    return names


def _labelled(track: Track) -> Track:
    return track.take(track.visibility != Visibility.OUTSIDE)


def _cells(track: Track, room_m: float = 0.0) -> Iterator[tuple[int, ...]]:
    """When and where its keyframes are, and once more with how large they are; room_m : with the cells that are as near as that too."""
    track = _labelled(track)
    numbers = np.hstack([track.cuboids.center_m, track.cuboids.size_m])
    first, last = (np.floor((numbers + off) / _CELL_M).astype(np.int64) for off in (-room_m, room_m))
    for when, low, high in zip(track.times_ns.tolist(), first.tolist(), last.tolist()):
        each = [low] if low == high else product(*((a,) if a == b else (a, b) for a, b in zip(low, high)))
        for cell in dict.fromkeys(tuple(one[:n]) for one in each for n in (3, 6)):
            yield when, *cell
