"""What a finding's suggested correction makes of the tracks of a scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ArgumentError, ConflictError
from ..scene import Scene
from ..tracks import Track

if TYPE_CHECKING:
    from ..checks import Finding

__all__ = ["Corrected", "corrected_tracks"]


@dataclass(frozen=True)
class Corrected:
    """A track as it should be; None where it goes."""

    track_id: str
    track: Track | None


def corrected_tracks(finding: Finding, scene: Scene) -> Iterator[Corrected]:
    """The tracks that the correction changes. ArgumentError where there is none, or none of labels; ConflictError where labels have changed since."""
    mending = finding.suggestion
    if mending is None:
        raise ArgumentError("the finding suggests no correction", got=finding.rule, field="finding", hint="correct the label by hand, or waive it")
    if not mending.track_ids:
        hint = "correct the recording where it lies, and import it again"
        raise ArgumentError("the correction is one of a calibration", got=mending.sentence[:80], field="finding", hint=hint)
    if finding.is_stale(scene):
        raise ConflictError("the labels have changed since the check", got=finding.finding_id, field="finding", hint="check again", code="stale")
    after = mending.apply(scene)
    for track_id in mending.track_ids:
        made = after.tracks[after.track_index[track_id]] if track_id in after.track_index else None
        if made is not scene.track(track_id):
            yield Corrected(track_id, made)
