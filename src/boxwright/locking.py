"""One size for a whole track, that of its best seen keyframes."""

from __future__ import annotations

import numpy as np

from .arrays import ArrayLike, Float64s, as_floats
from .containment import points_in_cuboids
from .cuboids import Cuboids
from .errors import ArgumentError
from .moments import seen_sweep, track_in_base
from .scene import Scene
from .taxonomy import Taxonomy
from .tracks import Origin, Track, Visibility

__all__ = ["lock_size"]

END_M, END_SHARE = 0.2, 0.1  # points so near a face, in metres or lengths, lie on it
UNSEEN_WEIGHT = 1e-3  # of a keyframe where a dimension was not seen
FULL_POINTS = 10.0  # more points on a face do not tell more of a size
AROUND_M = 0.1  # beyond the cuboid, where its points may lie


def lock_size(scene: Scene, track: Track | str, *, size_sigma_m: ArrayLike | None = None, deforming: bool = False) -> Track:
    """The track with one size: the median of its keyframes' sizes, each dimension weighted by how well it was seen.

    track : a Track in the scene's label frame, or the id of one of its tracks
    size_sigma_m : (K, 3) standard deviations of the keyframes' sizes, where they come from fits: `fit.sigma.size_m`. By default a dimension counts by
        the points near both of its ends
    deforming : also classes whose shape changes, such as pedestrians; otherwise these are given back as they are

    The side that faces the sensor stays where it was in every keyframe, and so does the bottom; where the sensor is beside neither end, the middle
    does. Keyframes that change are of Origin.SIZE_LOCK. Raises UnknownName for an unknown track.
    """
    given = track if isinstance(track, Track) else scene.track(track)
    category = Taxonomy.default().get(given.category)
    if category is not None and not category.is_rigid and not deforming:
        return given
    there = given.visibility != Visibility.OUTSIDE
    if not there.any():
        return given
    if size_sigma_m is None:
        weights = _seen_ends(scene, given)
    else:
        sigma = as_floats("size_sigma_m", size_sigma_m, (len(given), 3), finite=False, hint="one row per keyframe: fit.sigma.size_m")
        if (sigma <= 0).any():
            raise ArgumentError(expected="positive standard deviations", got="0 or less", field="size_sigma_m", hint="NaN where it is not known")
        weights = np.where(np.isfinite(sigma), 1 / np.where(np.isfinite(sigma), sigma, 1.0) ** 2, UNSEEN_WEIGHT)
    sizes = given.cuboids.size_m
    size: Float64s = np.array([_weighted_median(sizes[there, axis], weights[there, axis]) for axis in range(3)])
    grown = size - sizes
    is_new = (grown != 0).any(1)
    offset = np.column_stack([_near_side(scene, given) * grown[:, :2] / -2, grown[:, 2] / 2])
    center = given.cuboids.center_m + np.einsum("kij,kj->ki", given.cuboids.rotation, offset)
    cuboids = given.cuboids.replace(center_m=np.where(is_new[:, None], center, given.cuboids.center_m), size_m=np.tile(size, (len(given), 1)))
    return given.replace(cuboids=cuboids, origin=np.where(is_new, np.uint8(Origin.SIZE_LOCK), given.origin))


def _near_side(scene: Scene, track: Track) -> Float64s:
    """(K, 2) -1 or 1: the end along x and y that the sensor stands beyond; 0 where it is beside neither, or nobody knows where it was."""
    side = np.zeros((len(track), 2))
    own, origins = track.cuboids.frame or scene.label_frame, scene.lidar_origins_m("ego")
    if not len(origins):
        return side
    for k, stamp in enumerate(track.times_ns.tolist()):
        if own == "world" and (scene.trajectory is None or not scene.trajectory.covers(track.times_ns[k : k + 1]).all()):
            continue
        sensor = scene.transform(own, "ego", stamp).apply(origins.mean(0))
        local = ((sensor - track.cuboids.center_m[k]) @ track.cuboids.rotation[k])[:2]
        side[k] = np.where(np.abs(local) > track.cuboids.size_m[k, :2] / 2, np.sign(local), 0.0)
    return side


def _seen_ends(scene: Scene, track: Track) -> Float64s:
    """(K, 3) weights: the fewer of the points near two opposite faces, up to FULL_POINTS; of the height, those near the top."""
    weights = np.full((len(track), 3), UNSEEN_WEIGHT)
    based = track_in_base(scene, track.replace(cuboids=track.cuboids.replace(frame=track.cuboids.frame or scene.label_frame)))
    for k in range(0 if based is None else len(based)):
        assert based is not None
        row, frame = int(np.searchsorted(track.times_ns, based.times_ns[k])), int(np.searchsorted(scene.times_ns, based.times_ns[k]))
        if frame == len(scene) or scene.times_ns[frame] != based.times_ns[k]:
            continue
        cuboid, center = based.cuboids[k : k + 1], based.cuboids.center_m[k]
        half, wide = cuboid.size_m[0] / 2, Cuboids(np.zeros((1, 3)), cuboid.size_m + 2 * AROUND_M, quat_wxyz=cuboid.quat_wxyz)
        names = [name for name in scene.lidars if scene.has_points(frame, name)]
        xyz = [seen_sweep(scene, frame, name, center, deskew=True, notes={}).xyz for name in names]
        local = np.concatenate([np.zeros((0, 3)), *(points[points_in_cuboids(points, wide).indices(0)] for points in xyz)]) @ cuboid.rotation[0]
        local = local[local[:, 2] > END_M - half[2]]  # below may be the ground's
        near = np.maximum(END_M, END_SHARE * 2 * half)
        low, high = (local < near - half).sum(0), (local > half - near).sum(0)
        low[2] = high[2]
        weights[row] = np.maximum(np.minimum(np.minimum(low, high), FULL_POINTS), UNSEEN_WEIGHT)
    return weights


def _weighted_median(values: Float64s, weights: Float64s) -> float:
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    return float(values[order[int(np.searchsorted(share, share[-1] / 2))]])
