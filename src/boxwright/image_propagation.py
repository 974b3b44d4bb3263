"""A shape in pictures carried from its keyframes to other pictures: proposals, each with what the gate says of it.

Beyond the last keyframe it is followed (image_following.py tells how) until it is lost, which the last proposal says. Between two keyframes it is
followed from both, and one way fades into the other, so that both keyframes are met and what each way has drifted is spread along it. A way that is
lost fades out before it is; where both are, the frames are flagged, and lie on the track's curve through what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Bools, Float64s, Int32s, Int64s, UInt8s, some_rows
from .errors import ArgumentError, TimeError, number_of
from .image_following import ImageVerdict, Pictures, Sight, follow_shape
from .image_tracks import ImageTrack
from .keyframes import Way, ways
from .scene import Scene
from .shapes2d import Keypoints, Masks, Shapes
from .tracks import Origin, Visibility

__all__ = ["ImageProposals", "propagate_in_pictures"]

DIFFERENT_SHARE, DIFFERENT_PX = 0.3, 2.0  # of the shape's diagonal: how far a side may be from where the other way puts it
FINE = 1 << 20  # steps of a blend


@dataclass(frozen=True, eq=False)
class ImageProposals:
    """F proposed shapes of one track, in order of the way from the first frame to the last.

    track : as it was given
    frame_index, times_ns : (F,), and when the camera exposed those frames
    shapes : (F,) of the track's kind
    verdict : (F,) uint8 of ImageVerdict
    share : (F,) of the object's corners that should be in the picture, how much of their weight agrees on where it went; NaN without a picture
    residual_px : (F,) root mean square distance of those from where it put them
    likeness : (F,) correlation with the look of the keyframe, at most 1, those parts in the middle counting more
    n_points : (F,) int64 corners that agree
    notes : what could not be taken into account, one sentence each
    """

    track: ImageTrack
    frame_index: Int32s
    times_ns: Int64s
    shapes: Shapes
    verdict: UInt8s
    share: Float64s
    residual_px: Float64s
    likeness: Float64s
    n_points: Int64s
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame_index)

    @property
    def is_flagged(self) -> Bools:
        """(F,) bool: it was not found there, or not believed; a person has to look."""
        return np.asarray(self.verdict >= ImageVerdict.NO_PICTURE)

    @property
    def confidence(self) -> Float64s:
        """(F,) from 0 to 1: share times likeness; 0 where nothing was found."""
        return np.nan_to_num(self.share * np.clip(self.likeness, 0.0, 1.0), nan=0.0)

    def accept(self, which: Any = None) -> ImageTrack:
        """The track with proposals as new keyframes of Origin.PROPAGATED; its own keyframes stay as they are.

        which : mask, slice or indices of proposals; by default those that are not flagged
        A proposal that left the picture becomes an OUTSIDE keyframe, one of which parts are hidden is OCCLUDED.
        """
        rows = np.arange(len(self))[~self.is_flagged if which is None else some_rows("which", which, len(self))]
        visibility = np.zeros(len(self), np.uint8)
        visibility[self.verdict == ImageVerdict.OCCLUDED] = Visibility.OCCLUDED
        visibility[self.verdict == ImageVerdict.LEFT_PICTURE] = Visibility.OUTSIDE
        return self.track.with_keyframes(self.times_ns[rows], self.shapes[rows], visibility[rows], Origin.PROPAGATED)

    def __repr__(self) -> str:
        return f"ImageProposals({number_of(len(self), 'frame')} of image track {self.track.track_id!r}, {int(self.is_flagged.sum())} flagged)"


def propagate_in_pictures(scene: Scene, track: ImageTrack, start: int, end: int, progress: Callable[[], Any]) -> ImageProposals:
    """What `bw.propagate` does with a track in pictures.

    start, end : frames of the scene
    """
    name = f"image track {track.track_id!r}"
    if isinstance(track.shapes, Masks):
        wanted, hint = "boxes, rotated boxes, polygons, polylines or keypoints", "a mask cannot be moved by parts of pixels; carry its outline"
        raise ArgumentError(expected=wanted, got="masks", field=f"{name}.shapes", hint=hint)
    pictures = Pictures(scene, track.camera)
    is_key = (track.times_ns == pictures.times_ns[start]) & (track.visibility != Visibility.OUTSIDE)
    if not is_key.any():
        hint = "begin at a frame where somebody set it"
        raise TimeError(f"{name} has no keyframe in frame {start}", field="from_frame", hint=hint)
    if np.isnan(track.shapes[int(is_key.argmax())].bounds_xyxy()).any():
        raise ArgumentError(expected="at least one point that is marked", got="none", field=f"{name}.shapes", hint="begin at another keyframe")
    sights = [sight for way in ways(track, pictures.times_ns, start, end) for sight in _sights(pictures, track, way, progress)]
    frames = np.array([sight.frame_index for sight in sights], np.int32)

    def column(name: str) -> Float64s:
        return np.array([getattr(sight, name) for sight in sights], np.float64)

    return ImageProposals(
        track,
        frames,
        pictures.times_ns[frames],
        type(track.shapes).concatenate([track.shapes[:0], *[sight.shape for sight in sights]]),
        np.array([sight.verdict for sight in sights], np.uint8),
        column("share"),
        column("residual_px"),
        column("likeness"),
        np.array([sight.n_points for sight in sights], np.int64),
        tuple(pictures.notes),
    )


def _sights(pictures: Pictures, track: ImageTrack, way: Way, progress: Callable[[], Any]) -> list[Sight]:
    """Of the frames of one way, in its order."""

    def follow(key: int, frames: Sequence[int], progress: Callable[[], Any]) -> list[Sight]:
        is_occluded = bool(track.visibility[key] == Visibility.OCCLUDED)
        return follow_shape(pictures, track.shapes[key], _frame_of(pictures, track, key), frames, is_occluded, progress)

    if way.other is None or track.visibility[way.other] == Visibility.OUTSIDE:
        return _on_curve(track, pictures, follow(way.key, way.frames, progress))
    step = 1 if way.frames[-1] >= way.frames[0] else -1
    beyond = range(way.frames[-1] + step, _frame_of(pictures, track, way.other), step)
    if len(beyond) > len(way.frames) or pictures.gray(_frame_of(pictures, track, way.other)) is None:  # too far off to be asked, or not to be seen
        return _on_curve(track, pictures, follow(way.key, way.frames, progress))
    frames = [*way.frames, *beyond]
    one = follow(way.key, way.frames, progress)
    other = follow(way.other, frames[::-1], lambda: None)
    return _on_curve(track, pictures, _blended(track.shapes[way.other], way.frames, len(frames) + 1, one, other))


def _frame_of(pictures: Pictures, track: ImageTrack, key: int) -> int:
    """FrameMissing is not needed: the caller's keyframes lie at frames, or between two, where the frame before is taken."""
    return max(int(np.searchsorted(pictures.times_ns, track.times_ns[key], side="right")) - 1, 0)


def _blended(at_end: Shapes, frames: Sequence[int], n_steps: int, one: Sequence[Sight], other: Sequence[Sight]) -> list[Sight]:
    """From the way away from the key and the way towards it; n_steps from keyframe to keyframe."""
    place = {frame: k / n_steps for k, frame in enumerate(frames, 1)}
    onwards = {sight.frame_index: sight for sight in one}
    backwards = {sight.frame_index: sight for sight in other if sight.frame_index in place}
    reach = max((place[f] for f, sight in onwards.items() if _is_found(sight)), default=0.0)
    reach_back = max((1 - place[f] for f, sight in backwards.items() if _is_found(sight)), default=0.0)
    whole = 1 / n_steps
    reach = 1.0 if reach > place[frames[-1]] - whole / 2 else reach + whole
    reach_back = 1.0 if reach_back > 1 - place[frames[0]] - whole / 2 else reach_back + whole
    leaves = [sight.frame_index for sight in one if sight.verdict == ImageVerdict.LEFT_PICTURE]
    enters = [sight.frame_index for sight in other if sight.verdict == ImageVerdict.LEFT_PICTURE and sight.frame_index in place]
    gone = (place[leaves[0]], place[enters[0]]) if leaves and enters and place[leaves[0]] < place[enters[0]] else (2.0, 2.0)
    sights = []
    for frame in frames:
        u = place[frame]
        pair = onwards.get(frame), backwards.get(frame)
        found = [sight if sight is not None and _is_found(sight) else None for sight in pair]
        weights = [max(1 - u / reach, 0.0), max(1 - (1 - u) / reach_back, 0.0)]
        if gone[0] < u <= gone[1] and found[0] is None:
            continue
        if found[0] is not None and found[1] is not None:
            sights.append(_both(found[0], found[1], weights[1] / max(sum(weights), 1e-12)))
        elif found[0] is not None or found[1] is not None:
            sights.append(found[0] or found[1])  # type: ignore[arg-type]
        elif u == gone[0] and pair[0] is not None:
            sights.append(pair[0])
        else:
            known = pair[0] or pair[1] or Sight(frame, at_end, ImageVerdict.FEW_POINTS)
            lost = ImageVerdict.FEW_POINTS if known.verdict == ImageVerdict.LEFT_PICTURE else known.verdict
            sights.append(replace(known, verdict=lost))
    return sights


def _is_found(sight: Sight) -> bool:
    return sight.verdict in (ImageVerdict.FOLLOWED, ImageVerdict.OCCLUDED)


def _both(one: Sight, other: Sight, share: float) -> Sight:
    """Between the two, by the share of the other."""
    nearer = other if share > 0.5 else one
    bounds, others = one.shape.bounds_xyxy()[0], other.shape.bounds_xyxy()[0]
    size = float(np.hypot(*np.maximum(bounds[2:] - bounds[:2], others[2:] - others[:2])))
    if np.abs(bounds - others).max() > DIFFERENT_SHARE * size + DIFFERENT_PX:
        return replace(nearer, verdict=ImageVerdict.DIRECTIONS_DIFFER)
    shapes = type(one.shape).concatenate([one.shape, other.shape])
    shape = ImageTrack("", "", "", np.array([0, FINE]), shapes).at([round(share * FINE)]).shapes
    if isinstance(shape, Keypoints) and isinstance(nearer.shape, Keypoints):
        shape = Keypoints(shape.uv, nearer.shape.visibility, shape.skeleton)
    return replace(nearer, shape=shape)


def _on_curve(track: ImageTrack, pictures: Pictures, sights: list[Sight]) -> list[Sight]:
    """Frames in which it was not found, between some in which it was or that have keyframes: on the curve through these."""
    found = [sight for sight in sights if _is_found(sight)]
    lost = [k for k, sight in enumerate(sights) if sight.is_flagged]
    if not lost:
        return sights
    times = pictures.times_ns
    shapes = type(track.shapes).concatenate([track.shapes[:0], *[sight.shape for sight in found]])
    stamps = times[[sight.frame_index for sight in found]] if found else np.zeros(0, np.int64)
    known = track.with_keyframes(stamps, shapes, np.zeros(len(found), np.uint8), Origin.PROPAGATED)
    filled = known.at(times[[sights[k].frame_index for k in lost]])
    out = list(sights)
    for row, k in enumerate(lost):
        if filled.is_valid[row]:
            out[k] = replace(sights[k], shape=filled.shapes[row])
    return out
