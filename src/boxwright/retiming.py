"""The object's own time: boxes of moving objects, set from the moment they were seen to the moment their frame is stamped with.

A spinning LiDAR sees every object at a moment of its own, up to a tenth of a second from the stamp of the sweep. A label drawn around the points
of a moving object is where the object was at that moment, and wrong by its way until the stamp: by 1.5 m at 30 m/s and 50 ms. Taking the vehicle's
own motion out of the sweep does not help, for it is the object that moves. See arXiv 2601.14038 for how much of this is in public labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, overload

import numpy as np

from .arrays import Bools, Float64s, Int64s, frozen
from .cuboids import Cuboids, same_frame
from .errors import ArgumentError, number_of
from .frames import Pose
from .moments import base_frame
from .motion import Motion, motion_of
from .object_time import FEWEST_POINTS, ROOM_M, Placement, Seen, placement_of, points_of_keyframes
from .scene import Scene
from .tracks import Track, as_track_list

__all__ = ["Placement", "Retimed", "Retiming", "RetimingVerdict", "retime"]

MOST_RESIDUAL_M = 0.3  # farther from every face, a point tells nothing of where the faces are
SLOWEST_MPS = 0.5  # what is slower stands


class RetimingVerdict(StrEnum):
    """What became of a track."""

    MOVED = "moved"  # its boxes were drawn for another moment, and are proposed at the stamp
    STANDING = "standing"  # it does not move, so that its time makes no difference
    AT_THE_STAMP = "at_the_stamp"  # its boxes are meant for the stamp as they are
    UNDECIDED = "undecided"  # the points of the scene do not tell what its boxes are meant for
    NO_POINTS = "no_points"  # no keyframe of it has enough points whose time is known
    ONE_KEYFRAME = "one_keyframe"  # nothing tells how it moves


@dataclass(frozen=True, eq=False)
class Retimed:
    """A proposal for one track.

    track : the proposed track; the given one where the verdict is not MOVED
    verdict : whether it is proposed, or why not
    moment_ns : (K,) int64, what the box of each keyframe was drawn for: when its object was seen (the mean of its points; between its neighbours'
        where it has too few), or the middle of the sweep
    shift_m : (K,) float64, how far the centre moves; 0 where nothing is proposed
    speed_mps : (K,) float64
    n_points : (K,) int64, points of known time on and around the box
    residual_before_m, residual_after_m : mean distance of the points, brought to the stamp by the object's motion, from the nearest side or top of
        the given and of the moved box; NaN without points
    """

    track: Track
    verdict: RetimingVerdict
    moment_ns: Int64s
    shift_m: Float64s
    speed_mps: Float64s
    n_points: Int64s
    residual_before_m: float
    residual_after_m: float

    @property
    def gain_m(self) -> float:
        """By how much nearer the points come to the faces; negative where they were nearer before."""
        return self.residual_before_m - self.residual_after_m

    def __repr__(self) -> str:
        return f"Retimed({self.track.track_id!r}, {self.verdict}, shift up to {self.shift_m.max():.2f} m, gain {self.gain_m:.3f} m)"


@dataclass(frozen=True, eq=False)
class Retiming(Sequence[Retimed]):
    """The proposals of a scene, one for each track.

    placement : what the given boxes were found to be drawn for; None where the points do not tell, and nothing is proposed
    evidence : by how much the next best explanation is worse, in -2 log likelihood; from 2.7 on it counts
    notes : what could not be looked at, one sentence each: sweeps beyond the poses of the vehicle, and sweeps of which the
        poses do not cover the time of every point
    """

    proposals: tuple[Retimed, ...]
    placement: Placement | None
    evidence: float
    notes: tuple[str, ...] = ()

    @property
    def tracks(self) -> list[Track]:
        """The tracks with every proposal taken."""
        return [proposal.track for proposal in self.proposals]

    def __len__(self) -> int:
        return len(self.proposals)

    @overload
    def __getitem__(self, index: int) -> Retimed: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Retimed]: ...
    def __getitem__(self, index: int | slice) -> Retimed | Sequence[Retimed]:
        return self.proposals[index]

    def __repr__(self) -> str:
        n_moved = sum(proposal.verdict == RetimingVerdict.MOVED for proposal in self.proposals)
        return f"Retiming({number_of(len(self), 'track')}, {n_moved} moved, placement {self.placement}, evidence {self.evidence:.1f})"


def retime(
    scene: Scene, tracks: Iterable[Track] | None = None, *, placement: Placement | str | None = None, progress: Callable[[], Any] = lambda: None
) -> Retiming:
    """Proposes where the boxes of moving objects belong at the stamps of their frames, one proposal for each track.

    scene : with a time for every point (`Sweep.time_offset_ns`); deskewed sweeps and raw ones alike
    tracks : those to look at, in the world frame (in the scene's label frame where it has no poses); all of the scene's by default
    placement : what the boxes were drawn for, "stamp", "sweep_middle", "points" (of sweeps without the vehicle's motion) or "raw_points"; by default
        it is found
    progress : called once a frame

    What the boxes were drawn for is found over all rigid objects, since labels of one recording are made in one way: the explanation wins under
    which their ends stand off the points' ends most evenly. Boxes drawn for another moment are then carried on to the stamp by their object's
    motion, which is taken from the keyframes at their moments. Keyframes with too few points take their neighbours' moments.
    `scene.replace(tracks=bw.retime(scene).tracks)` takes all proposals.
    Raises GeometryError for tracks in another frame, ArgumentError where no sweep of the scene tells the time of its points.
    """
    chosen = as_track_list(scene.tracks if tracks is None else tracks)
    for track in chosen:
        same_frame(base_frame(scene), track.cuboids.frame, f"sweeps and track {track.track_id!r}")
    motions = [motion_of(track) for track in chosen]
    notes: dict[str, None] = {}
    seen = points_of_keyframes(scene, chosen, motions, notes, progress)
    found, evidence = placement_of(chosen, motions, seen) if placement is None else (_as_placement(placement), np.inf)
    proposals = [_retimed(scene, track, motion, rows, found) for track, motion, rows in zip(chosen, motions, seen)]
    return Retiming(tuple(proposals), found, evidence, tuple(notes))


def _as_placement(value: Placement | str) -> Placement:
    try:
        return Placement(value)
    except ValueError:
        expected = ", ".join(repr(str(one)) for one in Placement)
        raise ArgumentError(expected=expected, got=repr(value)[:60], field="placement", hint="leave it out to have it found") from None


def _retimed(scene: Scene, track: Track, motion: Motion, seen: dict[int, Seen], placement: Placement | None) -> Retimed:
    moments, is_seen = _moments(track, seen, placement)
    there = _where_it_was(scene, track, moments) if placement == Placement.RAW_POINTS else track
    if is_seen.any() and motion.is_known and placement != Placement.STAMP:
        motion = motion_of(there, moments)  # what was seen at its moment tells the motion better than at its stamp
    verdict = _verdict(motion, is_seen, placement)
    ahead = (track.times_ns - moments).astype(np.float64) * 1e-9
    moved = track.replace(cuboids=motion.carried(ahead)) if verdict == RetimingVerdict.MOVED else track
    residuals = _residuals(track, moved, motion, is_seen, seen)
    known = residuals[~np.isnan(residuals[:, 0])]
    before, after = known.mean(0).tolist() if len(known) else (np.nan, np.nan)
    return Retimed(
        moved,
        verdict,
        frozen(moments),
        frozen(np.linalg.norm(moved.cuboids.center_m - track.cuboids.center_m, axis=1)),
        frozen(motion.speed_mps),
        frozen(np.array([len(seen[k].xyz) if k in seen else 0 for k in range(len(track))])),
        before,
        after,
    )


def _verdict(motion: Motion, is_seen: Bools, placement: Placement | None) -> RetimingVerdict:
    if not is_seen.any():
        return RetimingVerdict.NO_POINTS
    if not motion.is_known:
        return RetimingVerdict.ONE_KEYFRAME
    if placement != Placement.RAW_POINTS and motion.speed_mps[is_seen].max() < SLOWEST_MPS:
        return RetimingVerdict.STANDING
    if placement is None:
        return RetimingVerdict.UNDECIDED
    return RetimingVerdict.AT_THE_STAMP if placement == Placement.STAMP else RetimingVerdict.MOVED


def _moments(track: Track, seen: dict[int, Seen], placement: Placement | None) -> tuple[Int64s, Bools]:
    """What each keyframe's box was drawn for: the mean time of the points around which it was drawn; between neighbours where there are too few."""
    late, is_seen = np.zeros(len(track)), np.zeros(len(track), np.bool_)
    for k, points in seen.items():
        half = track.cuboids.size_m[k] / 2
        moment = points.moment_s(half)
        for _ in range(2 if moment is not None and placement == Placement.RAW_POINTS else 0):  # the box and its points lie apart
            moment = points.moment_s(half, points.ego_mps * (moment or 0.0)) or moment
        if moment is not None:
            late[k], is_seen[k] = points.middle_s if placement == Placement.SWEEP_MIDDLE else moment, True
    if is_seen.any():
        times = track.times_ns - track.times_ns[0]
        late = np.interp(times, times[is_seen], late[is_seen])
    return track.times_ns + np.rint(late * 1e9).astype(np.int64), is_seen


def _where_it_was(scene: Scene, track: Track, moments: Int64s) -> Track:
    """Boxes drawn around raw points, freed of the vehicle's way between moment and stamp."""
    assert scene.trajectory is not None
    moments = np.clip(moments, scene.trajectory.times_ns[0], scene.trajectory.times_ns[-1])
    rows = []
    for k, (moment, stamp) in enumerate(zip(moments.tolist(), track.times_ns.tolist())):
        way = scene.world_from_ego(moment) @ scene.world_from_ego(stamp).inverse() if scene.trajectory.covers([stamp])[0] else Pose.identity()
        rows.append(track.cuboids[[k]].transformed(way, frame=track.cuboids.frame))
    return track.replace(cuboids=Cuboids.concatenate(rows))


def _residuals(given: Track, moved: Track, motion: Motion, is_seen: Bools, seen: dict[int, Seen]) -> Float64s:
    """(K, 2) mean distances of the points, carried to the stamp, from the faces of the given and of the moved box; NaN where too few points tell.

    The points are those near either box, the same for both.
    """
    residuals = np.full((len(given), 2), np.nan)
    for k in np.flatnonzero(is_seen).tolist():
        axes, half = given.cuboids.rotation[k], given.cuboids.size_m[k] / 2
        place = seen[k].carried(axes.T @ motion.velocity_mps[k], motion.yaw_rate_radps[k], 0.0)
        other = (place - axes.T @ (moved.cuboids.center_m[k] - given.cuboids.center_m[k])) @ (axes.T @ moved.cuboids.rotation[k])
        near = (np.abs(place) <= half + ROOM_M).all(1) | (np.abs(other) <= half + ROOM_M).all(1)
        if near.sum() >= FEWEST_POINTS:
            residuals[k] = _distance(place[near], half).mean(), _distance(other[near], half).mean()
    return residuals


def _distance(xyz: Float64s, half: Float64s) -> Float64s:
    """(N,) from the nearest side or top of the box, not beyond MOST_RESIDUAL_M."""
    beyond = np.abs(xyz) - half
    beyond[:, 2] = xyz[:, 2] - half[2]
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    inside = -np.minimum(beyond.max(1), 0)
    distance: Float64s = np.minimum(outside + inside, MOST_RESIDUAL_M)
    return distance
