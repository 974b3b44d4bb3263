"""Where a person's next keyframe is worth most: frames between keyframes, ranked by how far off the curve may be there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Float64s
from .cuboids import table_library
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

    In every gap between two keyframes the frame counts where the curve may be furthest off: by the way that the frame's points ask the cuboid to go
    (`bw.propagate`), and where points do not tell, by what the curve may miss, from the length of the gap and the change of the object's speed.
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
    scores = _sigma_m(scene, track, k, frames)
    reasons = [f"nothing is known for {(end - begin) * 1e-9:.1f} s" if scene.has_time else f"nothing is known for {len(frames)} frames"] * len(frames)
    if is_frame:
        proposals = propagate(scene, track, int(first), int(stop - 1), sensors=sensors)
        asked = _borne_out(np.where(proposals.verdict == Verdict.REGISTERED, _asked_m(proposals), 0.0))
        for row, frame in enumerate(proposals.frame_index.tolist()):
            i, verdict = frame - int(frames[0]), Verdict(proposals.verdict[row])
            if verdict == Verdict.REGISTERED and asked[row] > 0:
                scores[i], reasons[i] = asked[row], f"points lie {asked[row]:.2f} m off the curve"
            elif verdict == Verdict.REGISTERED:
                reasons[i] += ", and the points of this frame alone lie off the curve"
            elif verdict == Verdict.AGREES:
                scores[i], reasons[i] = min(scores[i], AGREED_M), "points lie on the curve"
            elif verdict == Verdict.FAR_SHIFT:
                scores[i] = max(scores[i], float(proposals.shift_m[row]))
                reasons[i] = f"points lie {proposals.shift_m[row]:.2f} m off the curve, further than is believed"
            else:
                reasons[i] = f"{reasons[i].replace('nothing is known', 'no keyframe')}, and {_UNTOLD[verdict]}"
    left, right = scene.times_ns[frames] - begin + 1, end - scene.times_ns[frames]
    best = int(np.argmax(scores * left * right))  # one in the middle helps on both sides
    frame = int(frames[best])
    return Advice(track.track_id, frame, int(scene.times_ns[frame]), float(scores[best]), reasons[best])


def _asked_m(proposals: Proposals) -> Float64s:
    """(F,) how far the points move a proposal, its ends included."""
    way = np.hypot(*(proposals.cuboids.center_m - proposals.predicted.center_m)[:, :2].T)
    turn = np.abs(np.asarray(wrap_rad(proposals.cuboids.yaw_rad - proposals.predicted.yaw_rad)))
    asked: Float64s = way + turn * proposals.cuboids.size_m[:, 0] / 2
    return asked


def _borne_out(asked: Float64s) -> Float64s:
    """(F,) the middle one of each and its neighbours: what one frame alone asks for is rarely so."""
    padded = np.pad(asked, 1, mode="edge")
    middle: Float64s = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    return middle


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
