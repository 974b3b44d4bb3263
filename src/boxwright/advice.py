"""Where a person's next keyframe is worth most: frames between keyframes, ranked by how far off the curve may be there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Bools, Float64s
from .bridging import TOGETHER_S
from .cuboids import Cuboids, table_library
from .errors import number_of
from .interpolation import interpolate
from .motion import moved
from .propagation import Proposals, propagate
from .rotations import wrap_rad
from .scene import Scene
from .sightings import Verdict
from .tracks import Track, Visibility, as_track_list

__all__ = ["Advice", "Advices", "advise"]

BENT_M_S2 = 1.5  # what a curve through two keyframes may miss
LEAST_BENT_M_S2 = 0.3  # and one through more
STILL_M, STILL_SIGMA_M = 0.12, 0.03  # ends so near each other are one place, known so well
AGREED_M = 0.05  # where points agree
UNTIMED_STEP_S = 0.5  # of frames whose times nobody knows
_UNTOLD = {
    Verdict.NO_SWEEP: "no sweep",
    Verdict.FEW_POINTS: "too few points",
    Verdict.LOW_OVERLAP: "points that are not the object's",
    Verdict.HIGH_RESIDUAL: "points that do not lie on the object",
}


@dataclass(frozen=True)
class Advice:
    """One frame that wants a keyframe: how far off the curve may be there, in metres, and why."""

    track_id: str
    frame_index: int
    timestamp_ns: int
    score_m: float
    reason: str


class Advices(tuple[Advice, ...]):
    """Advice, the most urgent first: at most one frame for each gap between two keyframes."""

    def _columns(self) -> dict[str, list[Any]]:
        return {name: [getattr(row, name) for row in self] for name in Advice.__dataclass_fields__}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame, one row each (extra `table`)."""
        return table_library("pandas").DataFrame(self._columns())

    def to_arrow(self) -> Any:
        """A pyarrow.Table, one row each (extra `table`)."""
        return table_library("pyarrow").table(self._columns())


def advise(
    scene: Scene,
    tracks: Track | str | Iterable[Track | str] | None = None,
    *,
    sensors: Sequence[str] | None = None,
    progress: Callable[[], Any] = lambda: None,
) -> Advices:
    """Which frames most need a keyframe of a person's next.

    tracks : a Track in the scene's label frame, the id of one of the scene's, or several; by default all of the scene's
    sensors : names of LiDARs, all by default
    progress : called once for each track

    How far the curve is off in a gap between two keyframes is told by the points of its frames (`bw.propagate`), and where they do not tell, by what
    the curve may miss: from the length of the gap and the change of the object's speed. Of every gap the frame counts whose keyframe leaves the least
    of that in all its frames. It is ranked by how far off the curve may be there.
    Frames beyond the keyframes are left out. Raises UnknownName for an unknown track.
    """
    given = scene.tracks if tracks is None else [tracks] if isinstance(tracks, (Track, str)) else tracks
    chosen = as_track_list(scene.track(track) if isinstance(track, str) else track for track in given)
    rows: list[Advice] = []
    for track in chosen:
        for k in np.flatnonzero(track.visibility[:-1] != Visibility.OUTSIDE).tolist():
            advice = _in_gap(scene, track, k, sensors)
            rows += [advice] if advice is not None else []
        progress()
    return Advices(sorted(rows, key=lambda row: -row.score_m))


def _in_gap(scene: Scene, track: Track, k: int, sensors: Sequence[str] | None) -> Advice | None:
    """The frame between keyframe k and the next that needs one most."""
    begin, end = track.times_ns[k : k + 2].tolist()
    first, stop = np.searchsorted(scene.times_ns, [begin, end])
    is_frame = first < len(scene) and scene.times_ns[first] == begin
    frames = np.arange(first + 1 if is_frame else first, stop)
    if not len(frames):
        return None
    sigma = _sigma_m(scene, track, k, frames)
    asked, is_told = np.zeros((len(frames), 3)), np.zeros(len(frames), np.bool_)
    contested = np.zeros(len(frames))
    reasons = [
        f"nothing is known for {(end - begin) * 1e-9:.1f} s" if scene.has_time else f"nothing is known for {number_of(len(frames), 'frame')}"
    ] * len(frames)
    if is_frame:
        proposals = propagate(scene, track, int(first), int(stop - 1), sensors=sensors)
        rows = proposals.frame_index - int(frames[0])
        asked[rows], contested[rows] = _asked_m(proposals), _contested_m(proposals)
        for row, verdict in zip(rows.tolist(), map(Verdict, proposals.verdict.tolist())):
            shift_m = float(proposals.shift_m[np.searchsorted(rows, row)])
            is_told[row] = verdict in (Verdict.REGISTERED, Verdict.AGREES)
            reasons[row] = _reason(verdict, reasons[row], float(np.linalg.norm(asked[row])), shift_m)
    seconds = (scene.times_ns[frames] - begin) * (1e-9 if scene.has_time else UNTIMED_STEP_S)
    off, covariance = _off_m(seconds, sigma, asked, is_told)
    best = int(np.argmin(_left_m(scene, track, k, frames, off, covariance)))
    score = float(np.sqrt((off[best] ** 2).sum() + covariance[best, best]))
    if contested.max() > score:
        best, score = int(np.argmax(contested)), float(contested.max())
    frame = int(frames[best])
    return Advice(track.track_id, frame, int(scene.times_ns[frame]), score, reasons[best])


def _reason(verdict: Verdict, unknown: str, asked_m: float, shift_m: float) -> str:
    if verdict == Verdict.REGISTERED:
        return f"points lie {asked_m:.2f} m off the curve"
    if verdict == Verdict.AGREES:
        return "points lie on the curve"
    if verdict == Verdict.FAR_SHIFT:
        return f"points lie {shift_m:.2f} m off the curve, further than is believed"
    return f"{unknown.replace('nothing is known', 'no keyframe')}, and {_UNTOLD[verdict]}"


def _asked_m(proposals: Proposals) -> Float64s:
    """(F, 3) how far the points move a proposal: along x and y, and its ends by a turn."""
    turn = np.asarray(wrap_rad(proposals.cuboids.yaw_rad - proposals.predicted.yaw_rad))
    return np.column_stack([(proposals.cuboids.center_m - proposals.predicted.center_m)[:, :2], turn * proposals.cuboids.size_m[:, 0] / 2])


def _contested_m(proposals: Proposals) -> Float64s:
    """(F,) how far off the curve points lie where that is further than is believed; the middle one of three frames, for one may err."""
    asked = np.where(np.isin(proposals.verdict, (Verdict.REGISTERED, Verdict.FAR_SHIFT)), proposals.shift_m, 0.0)
    padded = np.pad(asked, 1, mode="edge") if len(asked) else np.zeros(2)
    middle = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    contested: Float64s = np.where(proposals.verdict == Verdict.FAR_SHIFT, middle, 0.0)
    return contested


def _off_m(seconds: Float64s, sigma: Float64s, asked: Float64s, is_told: Bools) -> tuple[Float64s, Float64s]:
    """(F, 3) how far off the curve is, as the points of all frames say, and (F, F) covariance: a Gaussian process, as between keyframes anywhere."""
    prior = np.exp(-((seconds[:, None] - seconds) ** 2) / (2 * TOGETHER_S**2)) * sigma[:, None] * sigma
    told = np.flatnonzero(is_told)
    seen = prior[np.ix_(told, told)] + AGREED_M**2 * np.eye(len(told))
    gain = np.linalg.solve(seen, prior[told]).T
    return gain @ asked[told], prior - gain @ prior[told]


def _left_m(scene: Scene, track: Track, k: int, frames: Any, off: Float64s, covariance: Float64s) -> Float64s:
    """(F,) metres of error, summed over the frames, that a keyframe in each of them would leave, when the curve goes through it."""
    stamps, (begin, end) = scene.times_ns[frames], track.times_ns[k : k + 2]
    inside = np.flatnonzero(track.visibility == Visibility.OUTSIDE)
    first, last = int(inside[inside < k].max(initial=-1)) + 1, int(inside[inside > k].min(initial=len(track) - 1))
    near = track.cuboids[max(k - 2, first) : min(k + 3, last) + 1]  # a curve between two keyframes knows of two more on either side
    times = track.times_ns[max(k - 2, first) : min(k + 3, last) + 1]
    now, at = track.at(stamps).cuboids, int(np.searchsorted(times, begin, side="right"))
    reach_m = now.size_m[:, 0] / 2
    left = np.empty(len(frames))
    for j, stamp in enumerate(stamps.tolist()):
        there = moved(now[j], np.array([*off[j, :2], 0.0, off[j, 2] / reach_m[j]])).as_cuboids()
        curve = interpolate(np.insert(times, at, stamp), Cuboids.concatenate([near[:at], there, near[at:]]), stamps, method=track.method)
        way = np.column_stack([(curve.center_m - now.center_m)[:, :2], np.asarray(wrap_rad(curve.yaw_rad - now.yaw_rad)) * reach_m])
        share = np.where(stamps <= stamp, (stamps - begin) / (stamp - begin), (end - stamps) / (end - stamp))
        variance = covariance.diagonal() - 2 * share * covariance[j] + share**2 * covariance[j, j]
        left[j] = np.sqrt(((off - way) ** 2).sum(1) + np.maximum(variance, 0.0)).sum()
    return left


def _sigma_m(scene: Scene, track: Track, k: int, frames: Any) -> Float64s:
    """(F,) what the curve after keyframe k may miss: half of the change of velocity around it, times the time to either end."""
    unit = 1e-9 if scene.has_time else UNTIMED_STEP_S
    near = np.arange(max(k - 1, 0), min(k + 3, len(track)))
    places, seconds = track.cuboids.center_m[near, :2], (track.times_ns[near] - track.times_ns[k]) * unit
    left, right = ((np.abs(scene.times_ns[frames] - track.times_ns[i])) * unit for i in (k, k + 1))
    if np.hypot(*(track.cuboids.center_m[k + 1] - track.cuboids.center_m[k])[:2]) <= STILL_M:
        return np.full(len(frames), STILL_SIGMA_M)
    bent = BENT_M_S2
    if len(near) > 2:
        speeds, middles = np.diff(places, axis=0) / np.diff(seconds)[:, None], (seconds[1:] + seconds[:-1]) / 2
        bent = max(LEAST_BENT_M_S2, float((np.hypot(*np.diff(speeds, axis=0).T) / np.diff(middles)).max()))
    sigma: Float64s = STILL_SIGMA_M + bent * left * right / 2
    return sigma
