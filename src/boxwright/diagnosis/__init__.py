"""The convention doctor: fourteen faults of conventions, calibration and clocks, found from the data alone.

Whoever gives a doctor a recording learns of each fault whether it is there, what was seen, how sure that is and what to change, or why nothing can be
said. A fault of the labels that is found is undone before the next is looked for, so that one does not hide another.
"""

from __future__ import annotations

import os

from ..errors import ArgumentError
from ..formats import scenes
from ..scene import Scene
from .evidence import Evidence, gathered
from .placing import bottoms, degrees, headings
from .rig import clocks, inverted_cameras, lenses, swapped_cameras
from .sizes import far_away, order_of_euler, order_of_sizes, scalar_last
from .verdicts import FAULTS, Diagnosis, FaultVerdict, Presence, undecidable

__all__ = ["FAULTS", "Diagnosis", "FaultVerdict", "Presence", "doctor", "examine"]

_ALONE = ("quaternion_xyzw", "utm", "inverted_extrinsic", "scaled_intrinsics")  # do not need labels in a sensor's own coordinates


def doctor(path: str | os.PathLike[str] | Scene, scene: str | None = None, format: str | None = None) -> list[Diagnosis]:
    """What is wrong with the conventions of a recording, as far as its data tell: one Diagnosis for each scene.

    path : a recording, as `bw.read` takes it, or a Scene. It is read leniently, so that records that cannot be taken do not hide what is wrong with
        the others
    scene : which one, by name; all of them where None
    """
    if isinstance(path, Scene):
        return [examine(path)]
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(expected="a path, or a Scene", got=type(path).__name__, field="path")
    found = scenes(path, format)
    entries = list(found) if scene is None else [found[scene]]
    return [examine(entry.read(strict=False)) for entry in entries]


def examine(scene: Scene) -> Diagnosis:
    """The diagnosis of one scene."""
    evidence = gathered(scene)
    scalar, labels = scalar_last(evidence)
    evidence = evidence.with_labels(labels)
    far = far_away(evidence)
    results = {"quaternion_xyzw": scalar, "utm": far}
    if far.presence == Presence.FOUND:
        results |= {name: undecidable(name, "bring the coordinates home first, and ask again") for name in FAULTS if name not in _ALONE}
    else:
        results |= _of_places(evidence)
    for verdict in (inverted_cameras(evidence), lenses(evidence)):
        results[verdict.fault] = verdict
    return Diagnosis(scene.name, tuple(results[name] for name in FAULTS))


def _of_places(evidence: Evidence) -> dict[str, FaultVerdict]:
    """Of the faults that need labels in a sensor's coordinates: each is undone before the next is looked for."""
    euler, labels = order_of_euler(evidence)
    evidence = evidence.with_labels(labels)
    sizes, labels = order_of_sizes(evidence)
    evidence = evidence.with_labels(labels)
    turns, labels = headings(evidence)
    evidence = evidence.with_labels(labels)
    bottom, labels = bottoms(evidence)
    evidence = evidence.with_labels(labels)
    verdicts = [euler, *sizes, *turns, bottom, degrees(evidence), swapped_cameras(evidence), clocks(evidence)]
    return {verdict.fault: verdict for verdict in verdicts}
