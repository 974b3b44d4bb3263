"""A shape followed away from a keyframe, picture after picture, until it is lost.

The keyframe's look is the reference: every picture is aligned with it, so that small errors do not add up. Where the object has changed too much for
that, it is aligned with the picture before, which becomes the new reference; the keyframe's look still has to be recognised, or it is lost. What is
hidden for a few pictures may come back where its motion takes it; until then it is flagged.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from .arrays import Float64s, frozen
from .errors import FormatError, FrameMissing
from .patches import Alignment, Gray, Patch, Similarity, align, rings_of, search
from .scene import Scene
from .shapes2d import Boxes, Keypoints, Polygons, Polylines, RotatedBoxes, Shapes
from .tracks import Visibility

__all__ = ["ImageVerdict", "Pictures", "Sight", "follow_shape"]

KEPT_BYTES = 192 << 20  # of grey pictures
FEWEST, LEAST_SHARE, LEAST_SEEN = 5, 0.3, 0.35  # the gate, against the reference
SURE_SHARE, SURE_SEEN = 0.5, 0.6  # to come back by, and to become a reference
LEAST_KEY_SEEN, OCCLUDED_SEEN = 0.2, 0.5  # of the keyframe's look
PATIENCE, LEAVING_PATIENCE = 5, 15  # pictures in a row without it
LEFT_SHARE, LEAVING_SHARE = 0.1, 0.6  # of a shape's bounds that is still in the picture
CUT_LIKENESS, THUMBNAIL_PX = 0.3, (48, 27)
RESCALED = 1.35
OWN_PX, OWN_SHARE = 2.0, 0.02  # how far the keyframe may put a point from where the picture before puts it


class ImageVerdict(IntEnum):
    """What the gate says of a proposal in a picture. All from NO_PICTURE on are flagged: there the motion so far stands."""

    FOLLOWED = 0
    OCCLUDED = 1  # followed by what is seen of it
    LEFT_PICTURE = 2  # it ends here, OUTSIDE
    NO_PICTURE = 3
    FEW_POINTS = 4  # too few points agree on where it went
    UNLIKE_KEYFRAME = 5  # what is there does not look like it any more
    DIRECTIONS_DIFFER = 6  # from the keyframe before it is elsewhere than from the one after
    CUT = 7  # another picture altogether


@dataclass(frozen=True, eq=False)
class Sight:
    """A shape, a set of one, in one frame, and why it is believed to be there."""

    frame_index: int
    shape: Shapes
    verdict: ImageVerdict
    n_points: int = 0
    share: float = math.nan
    residual_px: float = math.nan
    likeness: float = math.nan

    @property
    def is_flagged(self) -> bool:
        return self.verdict >= ImageVerdict.NO_PICTURE


class Pictures:
    """Grey pictures of one camera, each read once as long as so many fit into memory; backwards they are read in forward runs."""

    def __init__(self, scene: Scene, camera: str) -> None:
        self.scene, self.camera = scene, camera
        self.times_ns = scene.exposures_ns(camera)
        self.size_px = scene.camera(camera).camera.size_px
        self.notes: dict[str, None] = {}
        self._n_kept = max(KEPT_BYTES // (self.size_px[0] * self.size_px[1]), 4)
        self._kept: OrderedDict[int, Gray | None] = OrderedDict()

    def walk(self, frames: Sequence[int]) -> Iterator[tuple[int, Gray | None]]:
        """Each with its picture, or None where there is none."""
        n = max(self._n_kept // 2, 1)
        for k in range(0, len(frames), n):
            run = frames[k : k + n]
            if len(run) > 1 and run[1] < run[0]:
                for frame in run[::-1]:
                    self.gray(frame)
            for frame in run:
                yield frame, self.gray(frame)

    def gray(self, frame: int) -> Gray | None:
        import cv2

        if frame in self._kept:
            self._kept.move_to_end(frame)
            return self._kept[frame]
        picture: Gray | None = None
        try:
            if self.scene.has_image(frame, self.camera):
                picture = np.asarray(cv2.cvtColor(self.scene.image(frame, self.camera), cv2.COLOR_RGB2GRAY), np.uint8)
        except FormatError:
            self.notes[f"the picture of frame {frame} cannot be read"] = None
        self._kept[frame] = picture
        while len(self._kept) > self._n_kept:
            self._kept.popitem(last=False)
        return picture


def follow_shape(pictures: Pictures, shape: Shapes, key: int, frames: Sequence[int], is_occluded: bool, progress: Callable[[], Any]) -> list[Sight]:
    """From the keyframe in frame `key` to frames that lie away from it one after the other, all before or all after it; ends where it is lost.

    shape : a set of one
    is_occluded : whether the keyframe is; then so is all that follows
    """
    sights: list[Sight] = []
    gray = pictures.gray(key)
    if gray is None:
        raise FrameMissing("no picture to begin with", got=f"frame {key}", field="from_frame", hint="begin at a keyframe in a frame with a picture")
    object_ = _Object(gray, shape, int(pictures.times_ns[key]), is_occluded)
    n_lost = 0
    for frame, picture in pictures.walk(frames):
        progress()
        time_ns = int(pictures.times_ns[frame])
        if picture is None:
            sights.append(Sight(frame, object_.shape_at(object_.predicted(time_ns)), ImageVerdict.NO_PICTURE))
            continue
        sight = object_.step(frame, picture, time_ns, n_lost > 0)
        sights.append(sight)
        n_lost = n_lost + 1 if sight.is_flagged else 0
        is_leaving = inside_share(sight.shape, picture) < LEAVING_SHARE
        if sight.verdict in (ImageVerdict.LEFT_PICTURE, ImageVerdict.CUT) or n_lost > (LEAVING_PATIENCE if is_leaving else PATIENCE):
            break
    return _without_wait(sights)


def _without_wait(sights: list[Sight]) -> list[Sight]:
    """Of the frames in which it was waited for in vain, the first alone."""
    if sights and sights[-1].verdict == ImageVerdict.LEFT_PICTURE:
        return sights
    n = len(sights)
    while n and sights[n - 1].is_flagged:
        n -= 1
    while n < len(sights) and sights[n].verdict == ImageVerdict.NO_PICTURE:
        n += 1
    return sights[: n + 1]


@dataclass(frozen=True, eq=False)
class _Reference:
    """A patch, and where the object was in its picture."""

    patch: Patch
    pose: Similarity

    def align(self, gray: Gray, pose: Similarity) -> tuple[Alignment, Similarity]:
        """And the pose it finds; poses are pictures from the keyframe's."""
        found = align(self.patch, gray, pose @ self.pose.inverse())
        return found, found.now_from_then @ self.pose


@dataclass(eq=False)
class _Object:
    """What is known of it so far."""

    gray: Gray  # the last picture that it was found in
    shape: Shapes  # at the keyframe
    time_ns: int
    is_occluded: bool
    pose: Similarity = field(default_factory=Similarity)
    velocity: complex = 0.0  # of its middle, pixels in a nanosecond

    def __post_init__(self) -> None:
        self.key = self.anchor = _Reference(Patch(self.gray, self.shape), self.pose)
        self.before: _Reference | None = self.key
        bounds = self.shape.bounds_xyxy()[0]
        self.middle = complex(*(bounds[:2] + bounds[2:]) / 2)
        self.thumbnail = _thumbnail(self.gray)
        self.own = self.shape

    def predicted(self, time_ns: int) -> Similarity:
        """Moved on, neither turned nor scaled any further."""
        return Similarity(self.pose.turn, self.pose.shift + self.velocity * (time_ns - self.time_ns))

    def shape_at(self, pose: Similarity) -> Shapes:
        """As last seen, moved there."""
        return moved(self.own, pose @ self.pose.inverse())

    def step(self, frame: int, gray: Gray, time_ns: int, is_lost: bool) -> Sight:
        guess = self.predicted(time_ns)
        thumbnail = _thumbnail(gray)
        is_cut = _correlation(self.thumbnail, thumbnail) < CUT_LIKENESS
        found, pose, reference = self._find(gray, guess, may_search=not is_cut)
        is_sure = found.share >= SURE_SHARE and found.seen >= SURE_SEEN
        likeness, seen = (found.likeness, found.seen) if reference is self.key else self.key.patch.likeness(*self.key.patch.look(gray, pose))
        if reference is not self.key and seen >= SURE_SEEN:  # it looks as at the keyframe again: what has drifted since is taken back
            again, refined = self.key.align(gray, pose)
            if _passes(again) and again.share >= SURE_SHARE and again.seen >= SURE_SEEN:
                found, pose, reference = again, refined, self.key
                is_sure, likeness, seen = True, again.likeness, again.seen
        is_it = _passes(found) and seen >= LEAST_KEY_SEEN and (is_sure or not (is_cut or is_lost))
        place = self.shape_at(pose if is_it else guess)
        figures = (found.n_points, found.share, found.residual_px, likeness)
        if inside_share(place, gray) < LEFT_SHARE:
            return Sight(frame, place, ImageVerdict.LEFT_PICTURE, *figures)
        if not is_it:
            few = found.n_points < FEWEST or found.share < LEAST_SHARE
            why = ImageVerdict.CUT if is_cut else ImageVerdict.FEW_POINTS if few else ImageVerdict.UNLIKE_KEYFRAME
            return Sight(frame, place, why, *figures)
        if isinstance(place, Keypoints):
            place = self._with_own_points(place, gray, pose, found, reference)
        self._remember(gray, time_ns, pose, place, found, reference, thumbnail)
        is_hidden = self.is_occluded or seen < OCCLUDED_SEEN
        return Sight(frame, place, ImageVerdict.OCCLUDED if is_hidden else ImageVerdict.FOLLOWED, *figures)

    def _find(self, gray: Gray, guess: Similarity, may_search: bool) -> tuple[Alignment, Similarity, _Reference]:
        """Against the reference; against the picture before where that is not enough; at last from farther around."""
        guesses = [guess] if abs(guess.shift - self.pose.shift) < 1.0 else [guess, self.pose]
        best: tuple[Alignment, Similarity, _Reference] | None = None
        for start in guesses:
            found, pose = self.anchor.align(gray, start)
            if found.share >= SURE_SHARE and found.seen >= SURE_SEEN and _passes(found):
                return found, pose, self.anchor
            best = _better(best, (found, pose, self.anchor))
        before = self._before()
        if before is not self.anchor:
            for start in guesses:
                found, pose = before.align(gray, start)
                if _passes(found):
                    again, refined = self.anchor.align(gray, pose)
                    if _passes(again):
                        return again, refined, self.anchor
                    if found.share >= SURE_SHARE and found.seen >= SURE_SEEN:
                        return found, pose, before
                best = _better(best, (found, pose, before))
        if may_search and (best is None or not _passes(best[0])):
            for start in guesses:
                place = search(self.anchor.patch, gray, start @ self.anchor.pose.inverse())
                if place is not None:
                    found, pose = self.anchor.align(gray, place @ self.anchor.pose)
                    best = _better(best, (found, pose, self.anchor))
        assert best is not None
        return best

    def _before(self) -> _Reference:
        """The look of the last picture it was found in, made when it is asked for."""
        if self.before is None:
            self.before = _Reference(Patch(self.gray, self.own), self.pose)
        return self.before

    def _with_own_points(self, place: Keypoints, gray: Gray, pose: Similarity, found: Alignment, reference: _Reference) -> Keypoints:
        """Each point where it went by itself; those that are not found go with the others, OCCLUDED."""
        if self._before() is not reference:
            near, _ = self._before().align(gray, pose)
        else:
            near = found
        uv, visibility = place.uv[0].copy(), place.visibility[0].copy()
        if near.own_uv is None or near.is_own is None or not _passes(near):
            return place
        size = float(np.ptp(uv[visibility < Visibility.OUTSIDE], axis=0).max(initial=0.0)) if (visibility < Visibility.OUTSIDE).any() else 0.0
        reach = max(OWN_PX, 0.25 * size)
        there = near.is_own & (visibility < Visibility.OUTSIDE) & (np.linalg.norm(near.own_uv - uv, axis=1) < reach)
        hidden = ~there & (visibility == Visibility.VISIBLE)
        uv[there] = near.own_uv[there]
        if reference is not self._before() and found.own_uv is not None and found.is_own is not None:
            close = there & found.is_own & (np.linalg.norm(found.own_uv - uv, axis=1) < max(OWN_PX, OWN_SHARE * size))
            uv[close] = found.own_uv[close]
        visibility[there & (self._key_visibility() == Visibility.VISIBLE)] = Visibility.VISIBLE
        visibility[hidden] = Visibility.OCCLUDED
        return Keypoints(uv[None], visibility[None], place.skeleton)

    def _key_visibility(self) -> Any:
        assert isinstance(self.shape, Keypoints)
        return self.shape.visibility[0]

    def _remember(self, gray: Gray, time_ns: int, pose: Similarity, place: Shapes, found: Alignment, reference: _Reference, thumbnail: Any) -> None:
        way = (pose.turn * self.middle + pose.shift) - (self.pose.turn * self.middle + self.pose.shift)
        self.velocity = way / (time_ns - self.time_ns) if time_ns != self.time_ns else 0.0
        self.gray, self.time_ns, self.pose, self.own, self.thumbnail = gray, time_ns, pose, place, thumbnail
        if reference is not self.anchor:
            self.anchor = reference
        self.before = None
        ratio = pose.scale / self.anchor.pose.scale
        if not 1 / RESCALED < ratio < RESCALED and found.share >= SURE_SHARE and found.seen >= SURE_SEEN:
            self.anchor = self._before()


def moved(shape: Shapes, target_from_source: Similarity) -> Shapes:
    """A set of one, elsewhere. A box stays upright: it is moved and scaled, not turned."""
    apply, scale = target_from_source.apply, target_from_source.scale
    if isinstance(shape, Boxes):
        center, half = apply(shape.center_uv), shape.size_px * scale / 2
        return Boxes(np.c_[center - half, center + half])
    if isinstance(shape, RotatedBoxes):
        return RotatedBoxes(apply(shape.center_uv), shape.size_px * scale, shape.rotation_rad + target_from_source.rotation_rad)
    if isinstance(shape, (Polygons, Polylines)):
        return type(shape)._trusted(frozen(apply(shape.uv)), shape.ring_offsets, shape.offsets)
    assert isinstance(shape, Keypoints)
    return Keypoints(apply(shape.uv), shape.visibility, shape.skeleton)


def inside_share(shape: Shapes, gray: Gray) -> float:
    """Of the area of what is looked at around a shape, how much lies in the picture."""
    rings, radius = rings_of(shape)
    points = np.concatenate(rings)
    low, high = points.min(axis=0) - radius, points.max(axis=0) + radius
    inside = np.clip(np.minimum(high, np.array(gray.shape[::-1]) - 0.5) - np.maximum(low, -0.5), 0, None)
    return float((inside / np.maximum(high - low, 1e-9)).prod())


def _passes(found: Alignment) -> bool:
    return found.n_points >= FEWEST and found.share >= LEAST_SHARE and found.seen >= LEAST_SEEN


def _better(one: Any, other: Any) -> Any:
    """The one that passes, or else agrees more."""
    if one is None:
        return other
    return max((one, other), key=lambda way: (_passes(way[0]), way[0].share * way[0].seen))


def _thumbnail(gray: Gray) -> Float64s:
    import cv2

    return np.asarray(cv2.resize(gray, THUMBNAIL_PX, interpolation=cv2.INTER_AREA), np.float64)


def _correlation(one: Float64s, other: Float64s) -> float:
    """1 where either is of one grey, since nothing can be told then."""
    a, b = one - one.mean(), other - other.mean()
    size = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > 0 else 1.0
