"""What a person might have done: few clicks and few keyframes, with an unsteady hand."""

from __future__ import annotations

import numpy as np

from ..arrays import Int64s
from ..cuboids import Cuboids
from ..sample import Click
from ..scene import Scene
from ..tracks import Track, Visibility
from .chance import Chance

__all__ = ["human_inputs"]

EVERY = 10
MIN_CLICK_POINTS = 30
HAND_XY_M, HAND_Z_M, HAND_SIZE_M, HAND_YAW_RAD, HAND_CLICK_M = 0.035, 0.02, 0.03, 0.012, 0.03


def human_inputs(scene: Scene, seed: int = 7) -> tuple[list[Click], list[Track]]:
    """Clicks on some objects of a simulated scene and keyframe tracks of the others.

    Clicks fall on objects with 30 points or more in one of every tenth frames; most of what stands gets clicks, most of what moves gets keyframes.
    """
    chance = Chance(seed, 7)
    n_points = np.stack([np.bincount(scene.data.point_track_index(i) + 1, minlength=len(scene.tracks) + 1)[1:] for i in range(len(scene))])  # type: ignore[attr-defined]
    looked_at = np.unique(np.r_[np.arange(0, len(scene), EVERY), len(scene) - 1])
    clicks: list[Click] = []
    keyframes: list[Track] = []
    for t, track in enumerate(scene.tracks):
        rich = looked_at[n_points[looked_at, t] >= MIN_CLICK_POINTS]
        moves = float(np.linalg.norm(np.ptp(track.cuboids.center_m, axis=0))) > 0.5
        is_clicked = chance.one() < (0.3 if moves else 0.9)
        if len(rich) and is_clicked:
            clicks += [_click(chance, scene, int(i), t) for i in rich]
        else:
            keyframes.append(_keyframes(chance, scene, track))
    return clicks, keyframes


def _click(chance: Chance, scene: Scene, frame_index: int, track_index: int) -> Click:
    """A point of the object, rather from its middle than from its edge."""
    sweep, whose = scene.points(frame_index), scene.data.point_track_index(frame_index)  # type: ignore[attr-defined]
    own = np.asarray(sweep.xyz[whose == track_index], np.float64)
    tried = own[chance.whole(5, len(own))]
    aim = tried[np.argmin(np.linalg.norm(tried - own.mean(0), axis=1))] + HAND_CLICK_M * chance.normal(3)
    x, y, z = (round(float(v), 3) for v in aim)
    track = scene.tracks[track_index]
    return Click(frame_index, (x, y, z), track.category, track.track_id)


def _keyframes(chance: Chance, scene: Scene, track: Track) -> Track:
    """Every tenth frame and the last one, upright, one size for all of them; an OUTSIDE keyframe is kept where it is."""
    seen: Int64s = np.flatnonzero(track.visibility != Visibility.OUTSIDE)
    which = np.unique(np.r_[seen[::EVERY], seen[-1:]])
    if len(which) > 2 and which[-1] - which[-2] < EVERY // 3:  # nobody sets two keyframes side by side
        which = np.delete(which, -2)
    n = len(which)
    cuboids = track.cuboids[which]
    center = cuboids.center_m + chance.normal(3 * n).reshape(n, 3) * (HAND_XY_M, HAND_XY_M, HAND_Z_M)
    size = np.maximum(cuboids.size_m[0] + HAND_SIZE_M * chance.normal(3), 0.2)
    drawn = Cuboids(
        np.round(center, 3),
        np.round(np.broadcast_to(size, center.shape), 3),
        np.round(cuboids.yaw_rad + HAND_YAW_RAD * chance.normal(n), 4),
        frame="world",
    )
    kept = track.take(which).replace(cuboids=drawn)
    if track.visibility[-1] != Visibility.OUTSIDE:
        return kept
    end = Cuboids.concatenate([drawn, drawn[-1]])
    gone = np.r_[kept.visibility, np.uint8(Visibility.OUTSIDE)]
    return Track(track.track_id, track.category, np.r_[kept.times_ns, track.times_ns[-1]], end, visibility=gone)
