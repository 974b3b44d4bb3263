"""Labels in pictures between keyframes: what they are measured on, and as others do it; compared as arrays by track and then by time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Float64s, Int64s
from ..image_tracks import FilledImageTracks, ImageTracks
from ..shapes2d import Boxes, Polygons
from .contender import Contender, DifferenceError, Job, Work, itself
from .workloads import SEED

__all__ = ["ALL_BOXES", "JOBS", "OUTLINE", "ImageWorkload", "image_boxes", "outline", "works"]

ALL_BOXES = "10k tracks x 200 frames, keyframe every 10"
OUTLINE = "64 points x 10k frames, keyframe every 10"


@dataclass(frozen=True, eq=False)
class ImageWorkload:
    """tracks with their keyframes prepared, as a scene has them, and the exposures of all pictures"""

    tracks: ImageTracks
    times_ns: Int64s


def image_boxes(n: int = 10_000, n_frames: int = 200, every: int = 10) -> ImageWorkload:
    """n boxes that go through pictures of 10 Hz, a keyframe every few pictures and at the last."""
    rng = np.random.default_rng(SEED + 21)
    times, keys = _times(n_frames, every)
    made = []
    for i in range(n):
        corner = rng.uniform(0, 1500, 2) + np.cumsum(rng.normal(0, 5, (len(keys), 2)), axis=0)
        made.append(bw.ImageTrack(str(i), "car", "front", times[keys], Boxes(np.c_[corner, corner + rng.uniform(10, 200, (len(keys), 2))])))
    return ImageWorkload(ImageTracks(made), times)


def outline(n_points: int = 64, n_frames: int = 10_000, every: int = 10) -> ImageWorkload:
    """One outline that moves and breathes; each keyframe begins at another of its points."""
    rng = np.random.default_rng(SEED + 22)
    times, keys = _times(n_frames, every)
    angle = np.linspace(0, 2 * np.pi, n_points, endpoint=False)
    form = np.c_[100 * np.cos(angle), 60 * np.sin(angle)] * rng.uniform(0.8, 1.2, (n_points, 1))
    rings = [np.roll(form * rng.uniform(0.9, 1.1) + rng.uniform(0, 500, 2), rng.integers(n_points), axis=0) for _ in keys]
    return ImageWorkload(ImageTracks([bw.ImageTrack("0", "car", "front", times[keys], Polygons(rings))]), times)


def _times(n_frames: int, every: int) -> tuple[Int64s, Int64s]:
    times = np.arange(n_frames, dtype=np.int64) * 100_000_000 + 1_700_000_000_000_000_000
    return times, np.unique(np.append(np.arange(0, n_frames, every), n_frames - 1))


# ------------------------------------------------------------ boxes


def _with_out(workload: ImageWorkload) -> Any:
    return workload, [bw.interpolate_image_tracks(workload.tracks, workload.times_ns)]


def _fill_again(prepared: Any) -> FilledImageTracks:
    workload, earlier = prepared
    earlier[0] = bw.interpolate_image_tracks(workload.tracks, workload.times_ns, out=earlier[0])
    return earlier[0]  # type: ignore[no-any-return]


def _xyxy(_: Any, filled: Any) -> Float64s:
    return filled.shapes.xyxy  # type: ignore[no-any-return]


def _dense(workload: ImageWorkload) -> Any:
    """Every track has its keyframes at the same times here."""
    first = workload.times_ns[0]
    keys = (workload.tracks[0].times_ns - first) * 1e-9
    return keys, np.stack([track.shapes.bounds_xyxy() for track in workload.tracks]), (workload.times_ns - first) * 1e-9


def _numpy_boxes(prepared: Any) -> Float64s:
    keys, xyxy, times = prepared
    before = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    share = ((times - keys[before]) / (keys[before + 1] - keys[before]))[None, :, None]
    return xyxy[:, before] * (1 - share) + xyxy[:, before + 1] * share  # type: ignore[no-any-return]


def _numpy_interp(prepared: Any) -> list[Float64s]:
    keys, xyxy, times = prepared
    return [np.stack([np.interp(times, keys, side) for side in one.T], axis=-1) for one in xyxy]


def _flat(_: Any, xyxy: Any) -> Float64s:
    return np.reshape(xyxy, (-1, 4))


def _same(_: ImageWorkload, ours: Float64s, theirs: Float64s) -> str:
    if ours.shape != theirs.shape:
        raise DifferenceError(f"{ours.shape} against {theirs.shape}")
    apart = float(np.abs(ours - theirs).max(initial=0))
    if apart > 1e-9:
        raise DifferenceError(f"{apart:.3g} px apart")
    return f"{len(ours):,} rows within {apart:.1g} px"


def _boxes_moved(workload: ImageWorkload, filled: FilledImageTracks) -> tuple[int, int]:
    """Four numbers and the time of each keyframe, and its steps; four numbers, two indices, state and visibility of each row."""
    return sum(map(len, workload.tracks)) * 9 * 8, len(filled) * (4 * 8 + 2 * 4 + 2)


# ------------------------------------------------------------ polygons


def _anew(workload: ImageWorkload) -> FilledImageTracks:
    """Preparing and matching included: a list of tracks keeps nothing from call to call."""
    return bw.interpolate_image_tracks(list(workload.tracks), workload.times_ns)


def _points(_: Any, filled: Any) -> Float64s:
    return filled.shapes.uv  # type: ignore[no-any-return]


def _rings(workload: ImageWorkload) -> Any:
    track = workload.tracks[0]
    rings = track.shapes.uv.reshape(len(track), -1, 2)
    first = workload.times_ns[0]
    return (track.times_ns - first) * 1e-9, rings, (workload.times_ns - first) * 1e-9


def _numpy_rings(prepared: Any) -> Float64s:
    """Rings of equal length: the start that brings the points nearest, all starts tried at once, then straight lines."""
    keys, rings, times = prepared
    n = rings.shape[1]
    filled = np.empty((len(times), n, 2))
    starts = (np.arange(n)[:, None] + np.arange(n)) % n
    for k in range(len(keys) - 1):
        here, after = rings[k], rings[k + 1]
        apart = ((here - here.mean(0)) - (after - after.mean(0))[starts]) ** 2
        after = after[starts[apart.sum(axis=(1, 2)).argmin()]]
        rows = np.flatnonzero((times >= keys[k]) & (times < keys[k + 1]))
        share = ((times[rows] - keys[k]) / (keys[k + 1] - keys[k]))[:, None, None]
        filled[rows] = here + share * (after - here)
    filled[-1] = rings[-1]
    return filled


def _flat_points(_: Any, filled: Any) -> Float64s:
    return np.reshape(filled, (-1, 2))


def _outline_moved(workload: ImageWorkload, filled: FilledImageTracks) -> tuple[int, int]:
    return workload.tracks[0].shapes.uv.nbytes, filled.shapes.uv.nbytes  # type: ignore[attr-defined]


JOBS = (
    Job(
        verb="interpolation",
        function="interpolate_image_tracks, boxes",
        ours=(
            Contender("fresh arrays", itself, lambda w: bw.interpolate_image_tracks(w.tracks, w.times_ns), _xyxy),
            Contender("with out", _with_out, _fill_again, _xyxy),
            Contender("a plain list of tracks", itself, _anew, _xyxy),
        ),
        rivals=(
            Contender("numpy, all tracks at once", _dense, _numpy_boxes, _flat),
            Contender("numpy.interp, side by side", _dense, _numpy_interp, _flat),
        ),
        same=_same,
        moved=_boxes_moved,
    ),
    Job(
        verb="interpolation",
        function="interpolate_image_tracks, polygons",
        ours=(Contender("boxwright", itself, _anew, _points),),
        rivals=(Contender("numpy, every start tried", _rings, _numpy_rings, _flat_points),),
        same=_same,
        moved=_outline_moved,
    ),
)


def works(quick: bool) -> dict[str, list[Work]]:
    """function of a Job -> its inputs"""
    boxes, polygons = (job.function for job in JOBS)
    if quick:
        return {
            boxes: [Work("500 tracks x 200 frames", partial(image_boxes, 500))],
            polygons: [Work("64 points x 500 frames", partial(outline, 64, 500))],
        }
    return {boxes: [Work(ALL_BOXES, image_boxes, is_short=True)], polygons: [Work(OUTLINE, outline)]}
