"""Which frames that came back are those that were given, and what is in those that have no like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import number_of
from ..formats.declared import Capabilities
from ..scene import Scene
from .fields import lost_label
from .rows import Clip, Rows, cuboid_rows, shape_rows
from .told import Gone

__all__ = ["Together", "frames_together"]


@dataclass(frozen=True)
class Together:
    """given, back : the frames of both that are the same
    n_lost : of how many that are gone hold what the format can hold; gone : the "cuboids" and "shapes" in frames that are gone
    n_extra : labels in frames that nobody gave; nobody_gave : one sentence on these frames, where anything is in them
    """

    given: Clip
    back: Clip
    n_lost: int = 0
    gone: dict[str, list[Gone]] = field(default_factory=lambda: {"cuboids": [], "shapes": []})
    n_extra: int = 0
    nobody_gave: tuple[str, ...] = ()


def frames_together(given: Clip, back: Clip, said: Capabilities) -> Together:
    """All frames where there are as many of both, else those of one stamp, or of one name where the format has names, or the first ones."""
    if len(given) == len(back):
        return Together(given, back)
    have_times = all(scene.has_time for clip in (given, back) for scene, _, _ in clip.scenes)
    found = list[tuple[int, int]]()
    if have_times or said.can_write("frame_names"):
        called = [{_called(scene, i, have_times): place for place, (scene, i) in enumerate(clip.places)} for clip in (given, back)]
        found = [(place, called[1][name]) for name, place in called[0].items() if name in called[1]]
    found = found or [(i, i) for i in range(min(len(given), len(back)))]
    kept, kept_back = [i for i, _ in found], [j for _, j in found]
    own = _rows(given)
    held = {place for kind, rows in own.items() if said.can_write(kind) for place in rows.frame.tolist()} | _with_data(given)
    gone = {kind: [lost_label(rows, row) for row in np.flatnonzero(~np.isin(rows.frame, kept)).tolist()] for kind, rows in own.items()}
    more = [frame for rows in _rows(back).values() for frame in rows.frame[~np.isin(rows.frame, kept_back)].tolist()]
    frames = {*more, *(_with_data(back) - {*kept_back})}
    nobody_gave = (f"{number_of(len(frames), 'frame')} with labels or sweeps that nobody gave",) if frames else ()
    return Together(given.taken(kept), back.taken(kept_back), len(held - {*kept}), gone, len(more), nobody_gave)


def _rows(clip: Clip) -> dict[str, Rows]:
    return {"cuboids": cuboid_rows(clip, "own"), "shapes": shape_rows(clip)}


def _with_data(clip: Clip) -> set[int]:
    """The places of frames with sweeps."""
    return {place for place, (scene, i) in enumerate(clip.places) if any(scene.has_points(i, name) for name in scene.lidars)}


def _called(scene: Scene, frame_index: int, by_time: bool) -> int | str:
    return int(scene.times_ns[frame_index]) if by_time else scene.frame_ids[frame_index]
