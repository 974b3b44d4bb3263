"""A rule about time: boxes of what moves belong where it was at the stamp of its frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..moments import base_frame
from ..retiming import Placement, Retimed, retime
from ..scene import Scene
from .context import Context
from .findings import Finding, Severity
from .registry import Needs, label_rule
from .suggestions import SetKeyframes, Suggestion

DRAWN_FOR = {
    Placement.POINTS: "where the sweep saw them",
    Placement.RAW_POINTS: "where the sweep saw them, the vehicle's own motion included",
    Placement.SWEEP_MIDDLE: "for the middle of the sweep",
}


@label_rule(
    "wrong_moment",
    title="boxes of moving objects that stand at another moment than their frame's",
    measures="how far the box must move that must move farthest",
    unit="m",
    thresholds=0.2,
    severity=Severity.WARNING,
    needs=Needs.POINTS,
    source="arXiv 2601.14038: up to 2.5 m in public labels",
    is_motion=True,
    groups=False,
    is_fitted=False,
    suggests="all boxes carried to the stamps, as bw.retime proposes",
)
def wrong_moment(context: Context) -> Iterator[Finding]:
    scene = context.scene
    tells = next((s for i in range(len(scene)) for s in context.sensors if scene.has_points(i, s) and _tells_times(scene, i, s)), None)
    if tells is None or base_frame(scene) != scene.label_frame:
        if any(scene.has_points(i, s) for i in range(len(scene)) for s in context.sensors):
            context.notes.append("no sweep tells when its points were seen: wrong_moment left out")
        return
    found = retime(scene)
    drawn_for = DRAWN_FOR.get(found.placement) if found.placement is not None else None
    if drawn_for is None:
        return
    limits = context.limits("wrong_moment", np.arange(len(scene.tracks)))
    shifts = np.array([_shift_m(one) for one in found])
    some = [int(t) for t in np.argsort(-shifts) if shifts[t] > limits[t]]
    if not some:
        return
    worst = found[some[0]]
    k = int(np.argmax(worst.shift_m))
    frames = [scene.nearest_frame(int(time)) for t in some for time in found[t].track.times_ns[[0, -1]]]
    message = (
        f"the boxes of {len(some)} moving objects are drawn {drawn_for}, not for the stamps of their frames; "
        f"the farthest off: {context.name(some[0])}, {worst.shift_m[k]:.2f} m at {worst.speed_mps[k]:.0f} m/s"
    )
    edits = [SetKeyframes(found[t].track.track_id, found[t].track.times_ns, found[t].track.cuboids) for t in some]
    place = (min(frames), max(frames), scene.nearest_frame(int(worst.track.times_ns[k])))
    yield context.finding("wrong_moment", place, some, float(shifts[some[0]]), message, suggestion=Suggestion("carry them to the stamps", edits))


def _shift_m(proposal: Retimed) -> float:
    return float(proposal.shift_m.max(initial=0.0))


def _tells_times(scene: Scene, index: int, sensor: str) -> bool:
    return scene.points(index, sensor).time_offset_ns is not None
