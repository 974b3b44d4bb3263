"""Which frames have sweeps, and what a command says where one has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import FrameMissing, GeometryError

if TYPE_CHECKING:
    from ..points import Sweep
    from ..scene import Scene

__all__ = ["frames_without_points", "frames_without_sweep", "said_spans", "usable_sweep"]

MOST_SPANS = 6
FEWEST_POINTS = 3  # a cuboid or a ground needs as many


def said_spans(spans: Sequence[tuple[int, int]]) -> str:
    """ "0-1, 5 and 3 more spans" """
    said = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans[:MOST_SPANS])
    return said if len(spans) <= MOST_SPANS else f"{said} and {len(spans) - MOST_SPANS} more spans"


def usable_sweep(scene: Scene, frame_index: int) -> Sweep:
    """The sweep of a frame, as its stamp would have seen the standing world.

    FrameMissing, with the nearest frame that has one, where there is none; GeometryError where it has too few points.
    """
    if not scene.has_points(frame_index):
        raise FrameMissing("no sweep", path=scene.path, field=f"frame {frame_index}", hint=_nearest(scene, frame_index))
    sweep = scene.still_points(frame_index)
    n_finite = int(sweep.is_finite.sum())
    if n_finite < FEWEST_POINTS:
        got = f"{n_finite}" if n_finite == len(sweep) else f"{n_finite} among {len(sweep):,}"
        raise GeometryError(
            expected=f"at least {FEWEST_POINTS} finite points", got=got, path=scene.path, field=f"frame {frame_index}", hint="choose another frame"
        )
    return sweep


def _nearest(scene: Scene, frame_index: int) -> str:
    from ..summary import frame_spans

    frames = [i for i in range(len(scene)) if scene.has_points(i)]
    if not frames:
        return "no frame of this recording has one, so choose another recording"
    nearest = min(frames, key=lambda i: abs(i - frame_index))
    return f"the nearest frame with one is {nearest}; sweeps are in frames {said_spans(frame_spans(set(frames).__contains__, len(scene)))}"


def frames_without_sweep(scene: Scene, frames: Sequence[int]) -> list[int]:
    return [i for i in frames if not scene.has_points(i)]


def frames_without_points(scene: Scene, frames: Sequence[int]) -> list[int]:
    """Those that have no sweep, or one without a finite point."""
    return [i for i in frames if not scene.has_points(i) or not scene.points(i).is_finite.any()]
