"""A cuboid carried from its keyframes to other frames: proposals, each with what the gate says of it. Only what is accepted gets into a track.

The prediction is the curve between two keyframes, beyond them constant velocity and turn rate in the world frame over the ground. The frame's points
are registered to those of the object, kept from its keyframes and from the frames so far; where they do not pass the gate, the prediction stands and
the frame is flagged. An object that stands according to its points stays exactly where it is.

A track in pictures is carried by the pictures: image_propagation.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from .arrays import Bools, Float64s, Int32s, Int64s, UInt8s, some_rows
from .bridging import bridge
from .cuboids import Cuboids
from .errors import ArgumentError, SensorFrameFallback, TimeError, number_of
from .following import follow
from .image_following import ImageVerdict
from .image_propagation import ImageProposals, propagate_in_pictures
from .image_tracks import ImageTrack
from .keyframes import Way, ways
from .moments import base_frame, track_in_base
from .scene import Scene
from .sightings import Proposal, Sightings, Verdict
from .tracks import Origin, Track, Visibility

__all__ = ["ImageProposals", "ImageVerdict", "Proposals", "Verdict", "propagate"]


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
        return self.track.with_keyframes(self.times_ns[rows], self.cuboids[rows], np.full(len(rows), Visibility.VISIBLE, np.uint8), Origin.PROPAGATED)

    def __repr__(self) -> str:
        count = number_of(len(self), "frame")
        return f"Proposals({count} of track {self.track.track_id!r}, {int(self.is_flagged.sum())} flagged, frame={self.cuboids.frame!r})"


@overload
def propagate(
    scene: Scene, track: Track, from_frame: int, to_frame: int, *, sensors: Sequence[str] | None = None, progress: Callable[[], Any] = ...
) -> Proposals: ...
@overload
def propagate(scene: Scene, track: ImageTrack, from_frame: int, to_frame: int, *, progress: Callable[[], Any] = ...) -> ImageProposals: ...
@overload
def propagate(
    scene: Scene, track: str, from_frame: int, to_frame: int, *, sensors: Sequence[str] | None = None, progress: Callable[[], Any] = ...
) -> Any: ...
def propagate(
    scene: Scene,
    track: Track | ImageTrack | str,
    from_frame: int,
    to_frame: int,
    *,
    sensors: Sequence[str] | None = None,
    progress: Callable[[], Any] = lambda: None,
) -> Proposals | ImageProposals:
    """Carries a track's cuboid, or its shape in pictures, from a keyframe to the frames up to another one, forwards or backwards in time.

    track : a Track in the scene's label frame, an ImageTrack of one of its cameras, or the id of one of its tracks of either kind. All its keyframes
        are used: a cuboid's curve between two is the prediction, a shape is followed from both
    from_frame : a frame with a keyframe that is not OUTSIDE
    to_frame : the last frame to propose for; frames with a keyframe are passed over, and an OUTSIDE keyframe ends the way
    sensors : names of LiDARs, all by default; a track in pictures has its camera
    progress : called once for each frame; what it raises ends the work

    The size is that of the keyframe. Scenes without poses are followed in their sensor's frame, with a warning (SensorFrameFallback).
    Raises FrameMissing for frames that are not there, TimeError where from_frame has no keyframe, UnknownName for an unknown track.
    """
    given = _given(scene, track)
    start, end = scene._frame(from_frame), scene._frame(to_frame)
    if isinstance(given, ImageTrack):
        if sensors is not None:
            hint = "leave it out: the track names its camera"
            raise ArgumentError("a track in pictures has no LiDAR", got=f"{sensors!r:.60}", field="sensors", hint=hint)
        return propagate_in_pictures(scene, given, start, end, progress)
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
    proposals = [p for way in ways(moved, scene.times_ns, start, end) for p in _proposed(sightings, way, progress)]
    return _as_result(scene, given, proposals, tuple(sightings.notes))


def _given(scene: Scene, track: Track | ImageTrack | str) -> Track | ImageTrack:
    """UnknownName where the scene has neither."""
    if isinstance(track, ImageTrack):
        scene.camera(track.camera)
        return track
    if isinstance(track, Track):
        return track
    return scene.image_track(track) if isinstance(track, str) and track in scene.image_track_index else scene.track(track)


def _proposed(sightings: Sightings, way: Way, progress: Callable[[], Any]) -> list[Proposal]:
    frames, other = list(way.frames), way.other
    is_seen = other is not None and sightings.track.visibility[other] != Visibility.OUTSIDE
    model, late_s = sightings.model_from([way.key, other] if other is not None and is_seen else [way.key])
    if other is None:
        return follow(sightings, way.key, frames, model, late_s, progress)
    return bridge(sightings, min(way.key, other), max(way.key, other), frames, model, late_s, progress)


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
