"""What whole tracks tell, for commands: each verb over all tracks, with progress, and what came of it in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ArgumentError, number_of
from .common import print_lines, print_table, tracked

if TYPE_CHECKING:
    from ..scene import Scene
    from ..tracks import Track

__all__ = [
    *("AdviseOption", "LockSizeOption", "OrientOption", "RefitOption", "RetimeOption", "SolveStaticOption", "ThinOption"),
    *("advised", "mended", "print_advice", "print_mended", "thinned"),
]

RetimeOption = Annotated[
    bool,
    typer.Option("--retime", help="Set boxes of moving objects from when they were seen to the frame's stamp; needs a time for every point."),
]
RefitOption = Annotated[
    bool, typer.Option("--refit", help="Snap keyframes to their points first, the object's own motion during the sweep taken out.")
]
LockSizeOption = Annotated[bool, typer.Option("--lock-size", help="Give each track one size, that of its best seen keyframes; not people.")]
SolveStaticOption = Annotated[bool, typer.Option("--solve-static", help="Give what stands, as its points and keyframes tell, one pose; needs poses.")]
OrientOption = Annotated[bool, typer.Option("--orient", help="Turn fronts ahead, as each track's whole way tells; needs poses.")]
ThinOption = Annotated[
    bool, typer.Option("--thin", help="Write the fewest keyframes that give the labels back within 0.1 m and 3 degrees, not a label in every frame.")
]
AdviseOption = Annotated[int | None, typer.Option("--advise", metavar="N", min=1, help="Tell the N frames that most need a keyframe next, and why.")]


def mended(scene: Scene, wanted: Iterable[str]) -> tuple[Scene, dict[str, Any]]:
    """The scene after the wanted ones of "retime", "refit", "lock_size", "solve_static" and "orient", in this order, and what each of them did."""
    verbs: dict[str, Callable[[Scene], tuple[list[Track], dict[str, Any]]]] = {
        "retime": _retime,
        "refit": _refit,
        "lock_size": _lock_size,
        "solve_static": _solve_static,
        "orient": _orient,
    }
    wanted, done = set(wanted), {}
    for name, verb in verbs.items():
        if name in wanted:
            tracks, done[name] = verb(scene)
            scene = scene.replace(tracks=tracks)
    return scene, done


def _retime(scene: Scene) -> tuple[list[Track], dict[str, Any]]:
    import boxwright as bw

    with tracked("when objects were seen", len(scene)) as advance:
        retiming = bw.retime(scene, progress=advance)
    shifts = [float(row.shift_m.mean()) for row in retiming if row.verdict == "moved"]
    verdicts = Counter(str(row.verdict) for row in retiming)
    mean = sum(shifts) / len(shifts) if shifts else None
    done = {"placement": retiming.placement, "evidence": retiming.evidence, "tracks": dict(verdicts), "mean_shift_m": mean}
    return retiming.tracks, {**done, "notes": list(retiming.notes)}


def _refit(scene: Scene) -> tuple[list[Track], dict[str, Any]]:
    import boxwright as bw

    done = []
    with tracked("keyframes to their points", len(scene.tracks)) as advance:
        for track in scene.tracks:
            done.append(bw.refit_track(scene, track))
            advance()
    n_fitted = sum(fit is not None for one in done for fit in one.fits)
    notes = list(dict.fromkeys(note for one in done for note in one.notes))  # tracks share sweeps
    return [one.track for one in done], {"n_fitted": n_fitted, "n_keyframes": sum(map(len, scene.tracks)), "notes": notes}


def _lock_size(scene: Scene) -> tuple[list[Track], dict[str, Any]]:
    import boxwright as bw

    tracks = []
    with tracked("one size for each track", len(scene.tracks)) as advance:
        for track in scene.tracks:
            tracks.append(bw.lock_size(scene, track))
            advance()
    return tracks, _changes(scene, tracks)


def _solve_static(scene: Scene) -> tuple[list[Track], dict[str, Any]]:
    import boxwright as bw

    solves = []
    with tracked("what stands", len(scene.tracks)) as advance:
        for track in scene.tracks:
            solves.append(bw.solve_static(scene, track))
            advance()
    return [solve.track for solve in solves], {"tracks": dict(Counter(str(solve.verdict) for solve in solves))}


def _orient(scene: Scene) -> tuple[list[Track], dict[str, Any]]:
    import boxwright as bw

    if scene.trajectory is None:
        raise ArgumentError(
            "the recording has no ego poses, so nothing tells an object's own way", field="--orient", hint="leave --orient out, or add poses"
        )
    tracks = [bw.orient(track) for track in scene.tracks]
    return tracks, _changes(scene, tracks)


def _changes(scene: Scene, tracks: list[Track]) -> dict[str, Any]:
    import numpy as np

    keys = [int((np.abs(new.cuboids.corners_m() - old.cuboids.corners_m()).max((1, 2)) > 1e-9).sum()) for new, old in zip(tracks, scene.tracks)]
    return {"n_tracks": sum(n > 0 for n in keys), "n_keyframes": sum(keys)}


def thinned(scene: Scene) -> tuple[Scene, dict[str, Any]]:
    """The fewest keyframes of every track, and how many there were."""
    import boxwright as bw

    tracks = []
    with tracked("thinning", len(scene.tracks)) as advance:
        for track in scene.tracks:
            tracks.append(bw.thin(track))
            advance()
    return scene.replace(tracks=tracks), {"n_before": sum(map(len, scene.tracks)), "n_after": sum(map(len, tracks))}


def advised(scene: Scene, most: int) -> list[dict[str, Any]]:
    import dataclasses

    import boxwright as bw

    with tracked("where a keyframe is worth most", len(scene.tracks)) as advance:
        advice = bw.advise(scene, progress=advance)
    return [dataclasses.asdict(row) for row in advice[:most]]


def print_mended(done: dict[str, Any]) -> None:
    """One line for each verb, and its notes."""

    def counts(tracks: dict[str, int]) -> str:
        return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in sorted(tracks.items()))

    lines: dict[str, Callable[[dict[str, Any]], str]] = {
        "retime": lambda row: (
            f"retime: boxes drawn for {row['placement'] or 'a moment that the points do not tell'}; {counts(row['tracks'])}"
            + (f"; those moved by {row['mean_shift_m']:.2f} m on average" if row["mean_shift_m"] is not None else "")
        ),
        "refit": lambda row: f"refit: {row['n_fitted']} of {number_of(row['n_keyframes'], 'keyframe')} snapped to their points",
        "lock_size": lambda row: f"lock size: {number_of(row['n_keyframes'], 'keyframe')} of {number_of(row['n_tracks'], 'track')} changed",
        "solve_static": lambda row: f"solve static: {counts(row['tracks'])}",
        "orient": lambda row: f"orient: {number_of(row['n_keyframes'], 'keyframe')} of {number_of(row['n_tracks'], 'track')} turned",
        "thin": lambda row: f"thin: {number_of(row['n_before'], 'label')} became {number_of(row['n_after'], 'keyframe')}",
    }
    for name, line in lines.items():
        if name in done:
            print_lines(line(done[name]), *(f"note: {note}" for note in done[name].get("notes", ())))


def print_advice(rows: list[dict[str, Any]]) -> None:
    print_table(
        "frames that most need a keyframe next" if rows else "no frame between keyframes needs one",
        ["track", "frame", "off by m", "why"],
        [(row["track_id"], row["frame_index"], row["score_m"], row["reason"]) for row in rows],
    )
