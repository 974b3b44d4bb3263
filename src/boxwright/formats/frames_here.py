"""Which frames of a recording the frames of labels are, where they come from a file of their own."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ..arrays import Int64s
from ..errors import FormatError, TimeError, number_of
from ..scene import Scene

__all__ = ["COUNTED", "frames_here"]

COUNTED = ("cvat_video", "mot", "label_studio", "darwin", "labelbox")  # formats that count the frames of one video


def frames_here(scene: Scene, labels: Scene, own: Scene, path: str | os.PathLike[str], cameras: Sequence[str]) -> Int64s:
    """For each frame of the labels its index in the recording: by its number; by the stamps of frames or by when one of the labels' cameras exposed;
    where the recording or the format tells no times, by its name among those that the format gives the recording's frames.

    own : the recording as the format holds it
    """
    hint = "are they labels of this recording?"
    if labels.format in COUNTED:
        first = 1 if labels.format == "mot" else 0
        frames = np.array([int(name) - first for name in labels.frame_ids], np.int64)
        used = [int(np.searchsorted(labels.exposures_ns(track.camera), track.times_ns[-1])) for track in labels.image_tracks]
        ends = [int(np.searchsorted(labels.exposures_ns(tag.camera), tag.span_ns[1])) for tag in labels.tags if tag.camera and tag.span_ns]
        last = max((int(frames[i]) for i in [*used, *ends]), default=0)
        if last >= len(scene):
            raise FormatError(expected=f"labels in {number_of(len(scene), 'frame')}", got=f"in frame {last}, counted from 0", path=path, hint=hint)
        return np.minimum(frames, len(scene) - 1)
    by_time = scene.has_time and labels.has_time
    found = _by_stamps(scene, labels, cameras) if by_time else None
    if found is None and not (by_time and np.array_equal(own.times_ns, scene.times_ns)):
        found = _by_names(labels, own, len(scene))
    if found is None and not by_time:
        found = _by_stamps(scene, labels, cameras)
    if found is None:
        raise TimeError("frames of the labels that the recording does not have", path=path, hint=hint)
    return found


def _by_stamps(scene: Scene, labels: Scene, cameras: Sequence[str]) -> Int64s | None:
    for stamps in [scene.times_ns, *map(scene.exposures_ns, dict.fromkeys(cameras))]:
        order = np.argsort(stamps, kind="stable")
        at = np.searchsorted(stamps, labels.times_ns, sorter=order)
        if len(stamps) and (stamps[order[np.minimum(at, len(stamps) - 1)]] == labels.times_ns).all():
            return np.asarray(order[at], np.int64)
    return None


def _by_names(labels: Scene, own: Scene, n_frames: int) -> Int64s | None:
    index = dict(zip(own.frame_ids, range(len(own))))
    if len(index) != n_frames or len(own) != n_frames or not all(name in index for name in labels.frame_ids):
        return None
    return np.array([index[name] for name in labels.frame_ids], np.int64)
