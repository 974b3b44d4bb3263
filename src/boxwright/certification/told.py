"""What is gone, held against what the report of its writer tells of it: a sentence about three excuses three."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..formats.write_report import Told, WriteReport

__all__ = ["Gone", "Loss", "lost", "n_untold"]


class Loss(NamedTuple):
    """names : of the track, the class, the camera, the attribute and so on that it is about. is_less : whether it came back less exactly, as a value
    does that became a text; what is not there any more, or is wrong, is not. category : of the label that it is of, "" where it is of none"""

    names: frozenset[str]
    is_less: bool = False
    category: str = ""


Gone = tuple[Loss, ...]  # of one thing that a field counts: all of it has to be told


def lost(*names: str | None, is_less: bool = False, category: str = "") -> Gone:
    """One thing of which one loss is all there is to say."""
    return (Loss(frozenset(name for name in names if name is not None), is_less, category),)


def n_untold(gone: Sequence[Gone], field: str, report: WriteReport) -> int:
    """Of how many the report tells nothing. `dropped` tells of whatever is gone, `rounded` of what came back less exactly."""
    dropped, rounded = ([told for told in lines if field in told.fields] for lines in (report.dropped, report.rounded))
    open_ones = [[loss for loss in one if not any(_is_about(told, loss) for told in (*dropped, *(rounded if loss.is_less else ())))] for one in gone]
    n_less = sum(bool(losses) and all(loss.is_less for loss in losses) for losses in open_ones)
    n_other = sum(bool(losses) for losses in open_ones) - n_less
    return max(n_other + max(n_less - _counted(rounded), 0) - _counted(dropped), 0)


def _is_about(told: Told, loss: Loss) -> bool:
    return told.n is None if told.of is None else bool(told.of & loss.names)


def _counted(lines: Sequence[Told]) -> int:
    return sum(told.n or 0 for told in lines if told.of is None)
