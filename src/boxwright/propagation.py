"""A cuboid carried from its keyframes to other frames: proposals, each with what the gate says of it. Only what is accepted gets into a track.

The prediction is the curve between two keyframes, beyond them constant velocity and turn rate in the world frame over the ground. The frame's points
are registered to those of the object, kept from its keyframes and from the frames so far; where they do not pass the gate, the prediction stands and
the frame is flagged. An object that stands according to its points stays exactly where it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Int32s, Int64s, UInt8s, some_rows
from .bridging import bridge
from .cuboids import Cuboids
from .errors import SensorFrameFallback, TimeError
from .following import follow
from .moments import base_frame, track_in_base
from .scene import Scene
from .sightings import Proposal, Sightings, Verdict
from .tracks import Origin, State, Track, Visibility

__all__ = ["Proposals", "Verdict", "propagate"]


@dataclass(frozen=True, eq=False)
class Proposals:
    """F proposed cuboids of one track, in order of the way from the first frame to the last.

    track : as it was given
    frame_index, times_ns : (F,)
    cuboids, predicted : (F,) in the track's frame; what is proposed, and what was expected before the points were looked at
    verdict : (F,) uint8 of Verdict
    overlap : (F,) share of the points in and around the cuboid that lie on the object's surface; NaN where there was nothing to register
    residual_m : (F,) root mean square distance of those from it
    shift_m : (F,) how far the points asked for the prediction to be moved
    n_points : (F,) int64
    notes : what could not be taken into account, one sentence each
    """

    track: Track
    frame_index: Int32s
    times_ns: Int64s
    cuboids: Cuboids
    predicted: Cuboids
    verdict: UInt8s
    overlap: Float64s
    residual_m: Float64s
    shift_m: Float64s
    n_points: Int64s
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame_index)

    @property
    def is_flagged(self) -> Bools:
        """(F,) bool: the points did not pass the gate, so that the prediction stands."""
        return np.asarray(self.verdict >= Verdict.NO_SWEEP)

    def accept(self, which: Any = None) -> Track:
        """The track with proposals as new keyframes of Origin.PROPAGATED; its own keyframes stay as they are.

        which : mask, slice or indices of proposals; by default those that are not flagged
        """
        rows = np.arange(len(self))[~self.is_flagged if which is None else some_rows("which", which, len(self))]
        track, new = self.track, self.times_ns[rows]
        times = np.concatenate([track.times_ns, new])
        order = np.argsort(times, kind="stable")

        def merged(old: UInt8s, value: int) -> UInt8s:
            return np.concatenate([old, np.full(len(rows), value, np.uint8)])[order]

        def filled(old: Sequence[Any]) -> list[Any]:
            both = [*old, *[{}] * len(rows)]
            return [both[i] for i in order] if old else []

        return track.replace(
            times_ns=times[order],
            cuboids=Cuboids.concatenate([track.cuboids, self.cuboids[rows]])[order],
            visibility=merged(track.visibility, Visibility.VISIBLE),
            origin=merged(track.origin, Origin.PROPAGATED),
            keyframe_attributes=filled(track.keyframe_attributes),
            keyframe_source_attributes=filled(track.keyframe_source_attributes),
        )

    def __repr__(self) -> str:
        return f"Proposals({len(self)} frames of track {self.track.track_id!r}, {int(self.is_flagged.sum())} flagged, frame={self.cuboids.frame!r})"


def propagate(
    scene: Scene,
    track: Track | str,
    from_frame: int,
    to_frame: int,
    *,
    sensors: Sequence[str] | None = None,
    progress: Callable[[], Any] = lambda: None,
) -> Proposals:
    """Carries a track's cuboid from a keyframe to the frames up to another one, forwards or backwards in time.

    track : a Track in the scene's label frame, or the id of one of its tracks. All its keyframes are used: between two the curve is the prediction
    from_frame : a frame with a keyframe that is not OUTSIDE
    to_frame : the last frame to propose for; frames with a keyframe are passed over, and an OUTSIDE keyframe ends the way
    sensors : names of LiDARs, all by default
    progress : called once for each proposal

    The size is that of the keyframe. Scenes without poses are followed in their sensor's frame, with a warning (SensorFrameFallback).
    Raises FrameMissing for frames that are not there, TimeError where from_frame has no keyframe, UnknownName for an unknown track.
    """
    given = track if isinstance(track, Track) else scene.track(track)
    start, end = scene._frame(from_frame), scene._frame(to_frame)
    names = tuple(scene.lidars) if sensors is None else tuple(scene.lidar(name).name for name in sensors)
    base = base_frame(scene)
    if base != "world":
        warnings.warn(
            SensorFrameFallback(f"scene {scene.name!r} has no ego poses: track {given.track_id!r} is followed in the {base} frame"), stacklevel=2
        )
    moved = track_in_base(scene, given.replace(cuboids=given.cuboids.replace(frame=given.cuboids.frame or scene.label_frame)))
    stamp = int(scene.times_ns[start])
    if moved is None or not (moved.times_ns[moved.visibility != Visibility.OUTSIDE] == stamp).any():
        hint = "begin at a frame where somebody set it, and where there is a pose"
        raise TimeError(f"track {given.track_id!r} has no keyframe in frame {start}", field="from_frame", hint=hint)
    sightings = Sightings(scene, moved, names)
    proposals = [p for stretch in _stretches(scene, moved, start, end) for p in stretch.propose(sightings, progress)]
    return _as_result(scene, given, proposals, tuple(sightings.notes))


@dataclass(frozen=True)
class _Stretch:
    """Frames between two keyframes of a track, or beyond its last one (`other` None), in the order of the way."""

    key: int
    other: int | None
    frames: tuple[int, ...]

    def propose(self, sightings: Sightings, progress: Callable[[], Any]) -> list[Proposal]:
        frames, other = list(self.frames), self.other
        is_seen = other is not None and sightings.track.visibility[other] != Visibility.OUTSIDE
        model, late_s = sightings.model_from([self.key, other] if other is not None and is_seen else [self.key])
        if other is None:
            return follow(sightings, self.key, frames, model, late_s, progress)
        return bridge(sightings, min(self.key, other), max(self.key, other), frames, model, late_s, progress)


def _stretches(scene: Scene, track: Track, start: int, end: int) -> list[_Stretch]:
    """The frames of a way, cut at the track's keyframes; a way ends where the track is OUTSIDE."""
    step = 1 if end >= start else -1
    frames = np.arange(start + step, end + step, step)
    filled = track.at(scene.times_ns[frames])
    cut: dict[tuple[int, int | None], list[int]] = {}
    for frame, state, last in zip(frames.tolist(), filled.state.tolist(), filled.keyframe_index.tolist()):
        if state == State.OUTSIDE:
            break
        if state == State.BETWEEN:
            cut.setdefault((last, last + 1) if step > 0 else (last + 1, last), []).append(frame)
        elif state != State.KEYFRAME:
            cut.setdefault((last if step > 0 else 0, None), []).append(frame)
    return [_Stretch(key, other, tuple(cut_frames)) for (key, other), cut_frames in cut.items()]


def _as_result(scene: Scene, track: Track, proposals: Sequence[Proposal], notes: tuple[str, ...]) -> Proposals:
    """In the track's own frame."""
    frames = np.array([p.frame_index for p in proposals], np.int32)
    times = scene.times_ns[frames]
    own, base = track.cuboids.frame or scene.label_frame, base_frame(scene)

    def cuboids(name: str) -> Cuboids:
        parts = []
        for proposal, stamp in zip(proposals, times.tolist()):
            cuboid = getattr(proposal, name).as_cuboids()
            parts.append(cuboid if own == base else cuboid.transformed(scene.transform(own, base, stamp), frame=own))
        return Cuboids.concatenate(parts) if parts else Cuboids.empty(own)

    def column(name: str) -> Float64s:
        return np.array([getattr(p, name) for p in proposals], np.float64)

    verdict, n_points = np.array([p.verdict for p in proposals], np.uint8), np.array([p.n_points for p in proposals], np.int64)
    scores = [column(name) for name in ("overlap", "residual_m", "shift_m")]
    return Proposals(track, frames, times, cuboids("cuboid"), cuboids("predicted"), verdict, scores[0], scores[1], scores[2], n_points, notes)
