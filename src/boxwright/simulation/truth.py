"""What is true: tracks with a keyframe in every frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Float64s, Int64s
from ..cuboids import Cuboids
from ..frames import Pose
from ..rotations import quat_from_matrix
from ..tracks import Track, Visibility
from .actors import Actor
from .lidar import Turn

__all__ = ["true_tracks"]

OCCLUDED_SHARE = 0.6  # fewer of its rays than this arrive: something stands before it


def true_tracks(
    cast: Sequence[Actor], turns: Sequence[Turn], times_s: Float64s, times_ns: Int64s, world_from_site: Pose, min_points: int
) -> tuple[list[Track], list[int]]:
    """Tracks of everything that ever got `min_points` points, and which actor each one is.

    A track runs from the first frame with a point on it to the last one; where frames come after that, an OUTSIDE keyframe ends it.
    Between them a frame is OCCLUDED where less than OCCLUDED_SHARE of the rays that point at the object get there.
    """
    n_points = np.stack([np.bincount(np.maximum(turn.object_index, 0), minlength=len(cast) + 1) for turn in turns])
    n_hits, n_alone = np.stack([turn.n_hits for turn in turns]), np.stack([turn.n_alone for turn in turns])
    tracks: list[Track] = []
    which: list[int] = []
    for k, actor in enumerate(cast, 1):
        if n_points[:, k].max(initial=0) < min_points:
            continue
        seen = np.flatnonzero(n_points[:, k])
        last = min(int(seen[-1]) + 1, len(times_ns) - 1)
        frames = np.arange(seen[0], last + 1)
        visibility = np.where(n_hits[frames, k] < OCCLUDED_SHARE * n_alone[frames, k], Visibility.OCCLUDED, Visibility.VISIBLE).astype(np.uint8)
        if last > seen[-1]:
            visibility[-1] = Visibility.OUTSIDE
        rotation, place = actor.cuboid_pose(times_s[frames])
        quats = quat_from_matrix(world_from_site.rotation @ rotation)
        cuboids = Cuboids(
            world_from_site.apply(place),
            np.broadcast_to(actor.size_m, place.shape),
            quat_wxyz=quats / np.linalg.norm(quats, axis=1, keepdims=True),
            frame="world",
        )
        tracks.append(Track(f"{actor.category}-{len(tracks) + 1:02d}", actor.category, times_ns[frames], cuboids, visibility=visibility))
        which.append(k)
    return tracks, which
