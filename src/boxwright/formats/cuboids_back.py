"""Tracks of cuboids that were written for a platform and came back edited: brought to the recording's frames and poses, and put into its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Bools, Int32s, Int64s, UInt8s
from ..cuboids import Cuboids
from ..errors import FormatError
from ..frames import Pose
from ..keyframes import Origin, Visibility
from ..rotations import quat_multiply
from ..scene import Scene
from ..tracks import FilledTrack, Track, interpolate_tracks
from .declared import Capabilities, Decimals
from .dense_tracks import dense_track, moved_each

__all__ = ["cuboids_moved", "cuboids_over", "room_for", "same_cuboids"]

_STILL = 1e-12  # of a pose that moves nothing
_SAME_M = 1e-6  # of labels that nobody moved
_SAME_RAD = 1e-6  # half of it: of rotations that a format holds


def cuboids_over(
    scene: Scene,
    labels: Scene,
    frames: Int64s,
    names: Mapping[str, str],
    path: str | os.PathLike[str],
    *,
    stands_in: str = "",
    has_all_frames: bool = False,
) -> list[Track]:
    """The labels' tracks of cuboids at the recording's frames, in the frame of reference of its own, a keyframe for every frame that has a label.

    frames : for each frame of the labels its index in the recording
    names : name -> track_id of tracks that the file calls otherwise; several with one are parts of one
    has_all_frames : whether frames that are not among the labels' have no label, or nobody knows
    stands_in : the frame of reference that the format's cuboids stand in, where it has one of its own

    FormatError where a keyframe is at no frame, or two parts of a track are at one.
    """
    if not labels.tracks:
        return []
    many = interpolate_tracks(labels.tracks, labels.times_ns)
    cuboids = _here(scene, labels, many.cuboids, many.time_index, frames, stands_in)
    covered = np.arange(len(scene)) if has_all_frames else np.unique(frames)
    stamps, place = scene.times_ns[covered], np.searchsorted(covered, frames)[many.time_index]
    bounds = np.searchsorted(many.track_index, np.arange(len(labels.tracks) + 1)).tolist()
    parts: dict[str, list[int]] = {}
    for k, track in enumerate(labels.tracks):
        _check_at_frames(track, labels.times_ns, path)
        if bounds[k] < bounds[k + 1]:
            parts.setdefault(names.get(track.track_id, track.track_id), []).append(k)
    tracks = []
    for track_id, members in parts.items():
        rows = np.concatenate([np.arange(bounds[k], bounds[k + 1]) for k in members])
        said = [_said_at(labels.tracks[k], labels.times_ns[many.time_index[bounds[k] : bounds[k + 1]]]) for k in members]
        told = [[*chain.from_iterable(one[i] for one in said)] for i in range(3)]
        first = labels.tracks[members[0]]
        order = np.argsort(place[rows], kind="stable")
        at = place[rows][order]
        if (np.diff(at) == 0).any():
            hint = "correct the labels"
            raise FormatError(expected="one label of each track in a frame", got="two", path=path, field=f"track {track_id!r}", hint=hint)
        track = dense_track(
            track_id,
            first.category,
            at,
            stamps,
            cuboids[rows[order]],
            visibility=many.visibility[rows[order]],
            origin=[told[0][i] for i in order.tolist()],
            attributes=[told[1][i] for i in order.tolist()] if any(told[1]) else (),
            source_attributes=[told[2][i] for i in order.tolist()] if any(told[2]) else (),
            track_attributes=first.attributes,
            track_source_attributes=first.source_attributes,
        )
        tracks.append(track.replace(method="linear"))
    return tracks


def _check_at_frames(track: Track, times_ns: Int64s, path: str | os.PathLike[str]) -> None:
    times = track.times_ns[track.visibility != Visibility.OUTSIDE]
    if not np.isin(times, times_ns).all():
        hint = "labels between two frames have no frame here"
        raise FormatError(expected="keyframes at frames", got="others", path=path, field=f"track {track.track_id!r}", hint=hint)


def _said_at(track: Track, times_ns: Int64s) -> tuple[list[int], list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Who wrote the label of each of (T,) times, what begins to hold there, and what the file says besides."""
    keyframe = np.searchsorted(track.times_ns, times_ns, side="right") - 1
    is_key = track.times_ns[keyframe] == times_ns
    origin = np.where(is_key, track.origin[keyframe], np.uint8(Origin.FILLED)).tolist()
    rows = list(zip(keyframe.tolist(), is_key.tolist()))
    held = (
        [track._held[k] if i == 0 or is_there else {} for i, (k, is_there) in enumerate(rows)] if any(track.keyframe_attributes) else [{}] * len(rows)
    )
    own = track.keyframe_source_attributes
    return origin, held, [own[k] if is_there else {} for k, is_there in rows] if own else [{}] * len(rows)


def _here(scene: Scene, labels: Scene, cuboids: Cuboids, time_index: Int32s, frames: Int64s, stands_in: str) -> Cuboids:
    """Cuboids of the labels' frames in the frame of reference of the recording's labels, with its own poses where it has some."""
    used = np.unique(time_index)
    poses = [_here_from_there(scene, labels, int(labels.times_ns[i]), int(scene.times_ns[frames[i]]), stands_in) for i in used.tolist()]
    if all(max(np.abs(pose.rotation - np.eye(3)).max(), np.abs(pose.translation_m).max()) < _STILL for pose in poses):
        return Cuboids._trusted(cuboids.center_m, cuboids.size_m, cuboids.quat_wxyz, None, scene.label_frame)
    return moved_each(cuboids, poses, np.searchsorted(used, time_index), scene.label_frame)


def _here_from_there(scene: Scene, labels: Scene, there_ns: int, here_ns: int, stands_in: str) -> Pose:
    """Over the LiDAR, or the vehicle where the format means that: of labels in the world it may be told otherwise where the vehicle is, and of what
    place on it."""
    over = labels.label_frame if labels.label_frame != "world" else stands_in
    if over not in ("ego", *scene.lidars):
        over = "lidar" if labels.lidars or over == "lidar" else "ego"
    over = over if scene.lidars else "ego"
    there = Pose.identity() if labels.label_frame != "world" else labels.transform(over, "world", there_ns)
    return scene.transform(scene.label_frame, over, here_ns) @ there


# ------------------------------------------------------------ edits


def room_for(said: Capabilities, written: Sequence[Track], rounds: Decimals | None = None) -> float:
    """How far a corner may move on the way to a platform and back, in metres, without having been edited. rounds : by who wrote the file"""
    exact = [one for one in (said.exact, said.client_exact, rounds) if one is not None]
    if any(isinstance(one, Decimals) for one in exact) and written:
        sizes = np.concatenate([track.cuboids.size_m for track in written])
        longest = float(np.linalg.norm(sizes, axis=1).max())
        exact = [one.exact(longest, is_tilted=True) if isinstance(one, Decimals) else one for one in exact]
    return max(_SAME_M, *(one.m for one in exact if not isinstance(one, Decimals)))


def same_cuboids(a: Cuboids, b: Cuboids, room_m: float) -> Bools:
    """(K,) rows of two sets of K of which no corner is further apart than that; rows without a cuboid are the same."""
    apart = np.abs(a.center_m - b.center_m).max(axis=1, initial=0)
    with np.errstate(invalid="ignore"):
        far = np.linalg.norm(a.corners_m() - b.corners_m(), axis=-1).max(axis=1, initial=0) > room_m
    is_same: Bools = ~far & (np.isnan(a.center_m[:, 0]) == np.isnan(b.center_m[:, 0])) & ~(apart > room_m)
    return is_same


def cuboids_moved(mine: Track, written: Track, track: Track, stamps_ns: Int64s, is_covered: Bools, is_said: Bools, room_m: float) -> Track:
    """The recording's own track with the cuboids that were moved, added and taken away; at every other frame it is where it was.

    stamps_ns, is_covered : (F,) of the recording's frames, and whether the labels have each
    written, track : have a keyframe at each frame at which they are there
    is_said : (F,) where something else was edited, so that there has to be a keyframe
    """
    was, now, own = written.at(stamps_ns), track.at(stamps_ns), mine.at(stamps_ns)
    is_edited = is_covered & ((was.is_valid != now.is_valid) | ~same_cuboids(was.cuboids, now.cuboids, room_m))
    wanted = np.where(is_edited, now.is_valid, own.is_valid)
    fresh = (is_said | (is_edited & np.isin(stamps_ns, track.times_ns[track.origin != Origin.FILLED]))) & wanted
    fresh &= is_edited | ~np.isin(stamps_ns, mine.times_ns)
    if not wanted.any() or not (is_edited.any() or fresh.any()):
        return mine
    edited = _tilted_as_before(now.cuboids, was.cuboids, own.cuboids, is_edited & own.is_valid & was.is_valid & now.is_valid)
    edits = _Edits(stamps_ns, is_edited, wanted, Cuboids.concatenate([own.cuboids, edited])[_which(is_edited)], _seen(own, now))
    kept = mine.take(stay) if (stay := edits.leave(mine)).any() else None
    fresh = fresh if fresh.any() or kept is not None else wanted
    while True:  # every keyframe bends the curve beside it
        candidate = edits.put_into(kept, mine, fresh)
        filled = candidate.at(stamps_ns)
        is_off = ((filled.is_valid != wanted) | (wanted & ~same_cuboids(filled.cuboids, edits.places, _SAME_M))) & ~fresh
        if not is_off.any():
            return candidate
        fresh = fresh | is_off


def _tilted_as_before(now: Cuboids, was: Cuboids, own: Cuboids, is_edited: Bools) -> Cuboids:
    """What came back, where the format has no place for all of a rotation turned as the recording's own by what it was turned by in the file."""
    opposite = was.quat_wxyz * np.array([1.0, -1, -1, -1])
    with np.errstate(invalid="ignore"):
        off = np.abs(quat_multiply(opposite, own.quat_wxyz)[:, 1:]).max(axis=1, initial=0)
        turned = quat_multiply(quat_multiply(now.quat_wxyz, opposite), own.quat_wxyz)
        lost = is_edited & (off > _SAME_RAD)
    if not lost.any():
        return now
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    return Cuboids._trusted(now.center_m, now.size_m, np.where(lost[:, None], turned, now.quat_wxyz), None, now.frame)


def _which(is_edited: Bools) -> Int64s:
    return np.arange(len(is_edited)) + np.where(is_edited, len(is_edited), 0)


def _seen(own: FilledTrack, now: FilledTrack) -> UInt8s:
    """(F,) as the recording has it, and as it came back where the recording has no label."""
    return np.where(own.is_valid, own.visibility, now.visibility)


class _Edits(NamedTuple):
    """What a track has to be at (F,) stamps: whether somebody edited it there, whether it is there, where, and whether it is hidden."""

    stamps_ns: Int64s
    is_edited: Bools
    wanted: Bools
    places: Cuboids
    visibility: UInt8s

    def leave(self, mine: Track) -> Bools:
        """(K,) keyframes at frames that nobody edited, and between two of these."""
        before = np.clip(np.searchsorted(self.stamps_ns, mine.times_ns, side="right") - 1, 0, None)
        after = np.clip(np.searchsorted(self.stamps_ns, mine.times_ns), None, len(self.stamps_ns) - 1)
        return ~(self.is_edited[before] | self.is_edited[after])

    def put_into(self, kept: Track | None, mine: Track, fresh: Bools) -> Track:
        """The keyframes that are kept and fresh ones; of these a visible span ends where the track is not wanted, where it was last."""
        last = np.maximum.accumulate(np.where(self.wanted, np.arange(len(self.wanted)), -1))
        is_new = fresh & (last >= 0) & ~np.isin(self.stamps_ns, () if kept is None else kept.times_ns)
        index = np.flatnonzero(is_new)
        visibility = np.where(self.wanted, self.visibility, np.uint8(Visibility.OUTSIDE))[index]
        origin = np.where(self.is_edited & self.wanted, np.uint8(Origin.GIVEN), np.uint8(Origin.FILLED))[index]
        new = Track(mine.track_id, mine.category, self.stamps_ns[index], self.places[last[index]], visibility, origin) if len(index) else None
        parts = [one for one in (kept, new) if one is not None]
        times = np.concatenate([one.times_ns for one in parts])
        order = np.argsort(times)
        return mine.replace(
            times_ns=times[order],
            cuboids=Cuboids.concatenate([one.cuboids for one in parts])[order],
            visibility=np.concatenate([one.visibility for one in parts])[order],
            origin=np.concatenate([one.origin for one in parts])[order],
            keyframe_attributes=(),  # what holds is told anew by who asked
            keyframe_source_attributes=(),
        )
