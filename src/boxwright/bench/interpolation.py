"""Times between keyframes, as others do it; compared as centre (K, 3) and quat_wxyz (K, 4), by track, then by time."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import boxwright as bw

from ..arrays import Float64s
from ..cuboids import Cuboids
from ..tracks import FilledTracks
from .contender import DifferenceError
from .workloads import Tracks

__all__ = [
    "fill_again",
    "filled_result",
    "flat_interpolation",
    "keyframes",
    "numpy_interpolation",
    "one_track",
    "one_track_moved",
    "one_track_result",
    "packed",
    "same_tracks",
    "scipy_interpolation",
    "scipy_makima",
    "tracks_moved",
    "with_out",
]


def keyframes(workload: Tracks) -> Any:
    """Seconds after the first frame, and dense arrays: here every track has as many keyframes."""
    first = workload.times_ns[0]
    keys = np.stack([(t.times_ns - first) * 1e-9 for t in workload.tracks])
    center = np.stack([t.cuboids.center_m for t in workload.tracks])
    quat = np.stack([t.cuboids.quat_wxyz for t in workload.tracks])
    size = np.stack([t.cuboids.size_m for t in workload.tracks])
    return keys, center, quat, size, (workload.times_ns - first) * 1e-9


def numpy_interpolation(prepared: Any) -> Any:
    """All tracks at once: they share their keyframe times."""
    keys, center, quat, size, times = prepared
    before, share = _places(keys[0], times)
    at_center = center[:, before] * (1 - share) + center[:, before + 1] * share
    at_size = size[:, before] * (1 - share) + size[:, before + 1] * share
    return at_center, at_size, _slerp(quat, before, share)


def _places(keys: Float64s, times: Float64s) -> Any:
    """Between which keyframes each time lies, and how far along."""
    before = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    return before, ((times - keys[before]) / (keys[before + 1] - keys[before]))[None, :, None]


def _slerp(quat: Float64s, before: Any, share: Float64s) -> Float64s:
    """(N, T, 4) between keyframes `before` and the next, along the short arc."""
    a, b = quat[:, before], quat[:, before + 1]
    dot = np.einsum("ntk,ntk->nt", a, b)[..., None]
    b = np.where(dot < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), 0, 1))
    sine = np.sin(angle)
    near = sine < 1e-8
    weight_b = np.where(near, share, np.sin(share * angle) / np.where(near, 1, sine))
    weight_a = np.where(near, 1 - share, np.sin((1 - share) * angle) / np.where(near, 1, sine))
    return a * weight_a + b * weight_b


def scipy_makima(prepared: Any) -> Any:
    """scipy's modified Akima for the centres of all tracks at once, numpy for the rest."""
    from scipy.interpolate import Akima1DInterpolator

    keys, center, quat, size, times = prepared
    before, share = _places(keys[0], times)
    at_center = Akima1DInterpolator(keys[0], center.swapaxes(0, 1), method="makima")(times).swapaxes(0, 1)
    at_size = size[:, before] * (1 - share) + size[:, before + 1] * share
    return at_center, at_size, _slerp(quat, before, share)


def flat_interpolation(prepared: Any, returned: Any) -> Any:
    center, _, quat = returned
    return np.reshape(center, (-1, 3)), np.reshape(quat, (-1, 4))


def scipy_interpolation(prepared: Any) -> Any:
    """Slerp and interp1d-style `np.interp`, one track after the other."""
    from scipy.spatial.transform import Rotation, Slerp

    keys, center, quat, size, times = prepared
    centers, sizes, quats = [], [], []
    for t, c, q, s in zip(keys, center, quat, size):
        centers.append(np.stack([np.interp(times, t, c[:, k]) for k in range(3)], -1))
        sizes.append(np.stack([np.interp(times, t, s[:, k]) for k in range(3)], -1))
        quats.append(Slerp(t, Rotation.from_quat(q[:, [1, 2, 3, 0]]))(times).as_quat()[:, [3, 0, 1, 2]])
    return centers, sizes, quats


def packed(workload: Tracks) -> Tracks:
    """With its keyframes prepared, as a scene has them; the rivals get theirs as dense arrays."""
    return dataclasses.replace(workload, tracks=bw.Tracks(workload.tracks))


def with_out(workload: Tracks) -> Any:
    """The workload, and an earlier result whose memory is written over again and again."""
    workload = packed(workload)
    return workload, [bw.interpolate_tracks(workload.tracks, workload.times_ns)]


def fill_again(prepared: Any) -> Any:
    workload, earlier = prepared
    earlier[0] = bw.interpolate_tracks(workload.tracks, workload.times_ns, out=earlier[0])
    return earlier[0]


def filled_result(prepared: Any, filled: Any) -> Any:
    return filled.cuboids.center_m, filled.cuboids.quat_wxyz


def same_tracks(workload: Tracks, ours: Any, theirs: Any) -> str:
    if len(ours[0]) != len(theirs[0]):
        raise DifferenceError(f"{len(ours[0])} against {len(theirs[0])} rows")
    apart = float(np.abs(ours[0] - theirs[0]).max(initial=0))
    turned = float(np.abs(1 - np.abs(np.einsum("kj,kj->k", ours[1], theirs[1]))).max(initial=0))
    if apart > 1e-9 or turned > 1e-12:
        raise DifferenceError(f"centres {apart:.3g} m apart, quaternions 1 - |dot| = {turned:.3g}")
    return f"{len(ours[0]):,} cuboids within {apart:.1g} m"


def tracks_moved(workload: Tracks, filled: FilledTracks) -> tuple[int, int]:
    """Ten numbers and the time of each keyframe; ten numbers, the heading, two indices, state and visibility of each row."""
    return sum(len(track) for track in workload.tracks) * 11 * 8, len(filled) * (11 * 8 + 2 * 4 + 2)


def one_track(workload: Tracks) -> Any:
    track = workload.tracks[0]
    return track.times_ns, track.cuboids, workload.times_ns, workload.method


def one_track_result(_: Any, cuboids: Cuboids) -> tuple[Float64s, Float64s]:
    return cuboids.center_m, cuboids.quat_wxyz


def one_track_moved(workload: Tracks, cuboids: Cuboids) -> tuple[int, int]:
    return len(workload.tracks[0]) * 11 * 8, len(cuboids) * 11 * 8
