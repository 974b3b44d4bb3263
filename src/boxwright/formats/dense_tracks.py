"""Labels given frame by frame, made into tracks in the frame the scene keeps them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import rotations
from ..arrays import Bools, Int64s, UInt8s
from ..cuboids import Cuboids
from ..frames import Pose
from ..image_tracks import ImageTrack
from ..shapes2d import Shapes
from ..tracks import Track, Visibility

__all__ = ["bridged_poses_note", "dense_image_track", "dense_track", "moved_each"]

MOST_SPACINGS = 2.5  # poses further apart than so many frames bridge more than one or two that were lost


def bridged_poses_note(posed_ns: Int64s, labelled_ns: Int64s, times_ns: Int64s) -> list[str]:
    """A sentence where labelled frames have no pose of their own and lie in a wide gap between poses; no sentence elsewhere.

    posed_ns, labelled_ns, times_ns : stamps of the poses, of the frames that hold labels, and of all frames; each increasing
    """
    if len(posed_ns) < 2 or len(times_ns) < 2:
        return []
    alone = labelled_ns[~np.isin(labelled_ns, posed_ns)]
    after = np.clip(np.searchsorted(posed_ns, alone), 1, len(posed_ns) - 1)
    gaps_ns = posed_ns[after] - posed_ns[after - 1]
    wide = gaps_ns > MOST_SPACINGS * np.median(np.diff(times_ns))
    if not wide.any():
        return []
    first = int(np.searchsorted(times_ns, alone[wide][0]))
    return [
        f"{int(wide.sum())} labelled frames, the first of them frame {first}, have no pose of their own: they are placed by poses interpolated "
        f"over gaps of up to {gaps_ns[wide].max() * 1e-9:.1f} s, so their labels in the world frame may be off"
    ]


def moved_each(cuboids: Cuboids, poses: Sequence[Pose], pose_index: Int64s, frame: str) -> Cuboids:
    """Cuboid i moved by poses[pose_index[i]], all at once."""
    if not len(cuboids):
        return Cuboids.empty(frame)
    turns = np.stack([pose.rotation for pose in poses])
    shifts = np.stack([pose.translation_m for pose in poses])
    quats = rotations.quat_from_matrix(turns)
    center = np.einsum("nij,nj->ni", turns[pose_index], cuboids.center_m) + shifts[pose_index]
    quat = rotations.quat_multiply(quats[pose_index], cuboids.quat_wxyz)
    quat /= np.linalg.norm(quat, axis=-1, keepdims=True)
    return Cuboids._trusted(center, cuboids.size_m, quat, None, frame)


def dense_track(
    track_id: str,
    category: str,
    frame_index: Int64s,
    times_ns: Int64s,
    cuboids: Cuboids,
    *,
    visibility: Sequence[int] = (),
    origin: Sequence[int] = (),
    attributes: Sequence[Mapping[str, Any]] = (),
    source_attributes: Sequence[Mapping[str, Any]] = (),
    track_attributes: Mapping[str, Any] | None = None,
    track_source_attributes: Mapping[str, Any] | None = None,
) -> Track:
    """A keyframe for every label; where frames without one lie between two labels, the first of them gets an OUTSIDE keyframe with the last pose.

    frame_index : (K,) increasing, into `times_ns`, the times of all frames that could hold a label
    """
    order, frames, is_gap = _with_gaps(frame_index)
    return Track(
        track_id,
        category,
        times_ns[frames],
        cuboids[order] if is_gap.any() else cuboids,
        visibility=_visibility(visibility, order, is_gap),
        origin=np.asarray(origin, np.uint8)[order] if len(origin) else None,  # type: ignore[arg-type]
        keyframe_attributes=_rows(attributes, order, is_gap),
        keyframe_source_attributes=_rows(source_attributes, order, is_gap),
        attributes=track_attributes or {},
        source_attributes=track_source_attributes or {},
    )


def dense_image_track(
    track_id: str,
    category: str,
    camera: str,
    frame_index: Int64s,
    times_ns: Int64s,
    shapes: Shapes,
    *,
    visibility: Sequence[int] = (),
    attributes: Sequence[Mapping[str, Any]] = (),
    source_attributes: Sequence[Mapping[str, Any]] = (),
    object_id: str | None = None,
) -> ImageTrack:
    """As `dense_track`, in the pictures of a camera; times_ns : of its pictures that could hold a label."""
    order, frames, is_gap = _with_gaps(frame_index)
    return ImageTrack(
        track_id,
        category,
        camera,
        times_ns[frames],
        shapes[order],
        visibility=_visibility(visibility, order, is_gap),
        keyframe_attributes=_rows(attributes, order, is_gap),
        keyframe_source_attributes=_rows(source_attributes, order, is_gap),
        object_id=object_id,
    )


def _with_gaps(frame_index: Int64s) -> tuple[Int64s, Int64s, Bools]:
    """(K,) which label each keyframe is of, (K,) its frame, and (K,) whether it is an OUTSIDE one, behind the label before a gap."""
    n = len(frame_index)
    if not n or frame_index[-1] - frame_index[0] == n - 1:  # as most are, and a file may hold thousands
        return np.arange(n), frame_index, np.zeros(n, bool)
    gap = np.flatnonzero(np.diff(frame_index) > 1)
    order = np.insert(np.arange(n), gap + 1, gap)
    is_gap = np.insert(np.zeros(n, bool), gap + 1, True)
    return order, np.where(is_gap, frame_index[order] + 1, frame_index[order]), is_gap


def _visibility(given: Sequence[int], order: Int64s, is_gap: Bools) -> UInt8s:
    seen = np.asarray(given, np.uint8)[order] if len(given) else np.zeros(len(order), np.uint8)
    return np.where(is_gap, np.uint8(Visibility.OUTSIDE), seen)


def _rows(given: Sequence[Mapping[str, Any]], order: Int64s, is_gap: Bools) -> Sequence[Mapping[str, Any]]:
    return [{} if outside else given[i] for i, outside in zip(order.tolist(), is_gap.tolist())] if given else ()
