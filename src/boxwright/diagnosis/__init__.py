"""The convention doctor: sixteen faults of conventions, calibration and clocks, found from the data alone.

Whoever gives a doctor a recording learns of each fault whether it is there, what was seen, how sure that is and what to change, or why nothing can be
said and what would let it be. A fault that is found is undone before the next is looked for, so that one does not hide another; where it cannot be
undone, what it hides is not guessed at.
"""

from __future__ import annotations

import os
from dataclasses import replace

from ..errors import ArgumentError, number_of
from ..formats import scenes
from ..scene import Scene
from .arrangement import Arrangement, arrangement
from .clocks import clocks
from .driving import inverted_poses
from .evidence import Evidence, gathered
from .headings import headings
from .placing import bottoms, far_away, misplaced
from .rig import lenses
from .sizes import order_of_sizes, scalar_last, sizes_in_doubt
from .swaps import has_boxes_of_another, swapped_cameras
from .tilts import order_of_euler
from .upright import camera_poses
from .verdicts import FAULTS, Diagnosis, FaultVerdict, Presence, found, hidden, undecidable

__all__ = ["FAULTS", "Diagnosis", "FaultVerdict", "Presence", "doctor", "examine"]

_OF_THEMSELVES = ("quaternion_xyzw", "size_hwl", "size_wlh", "euler_order")
_UPRIGHT, _MOST_LYING = 0.9, 0.3
_OF_SIZE = "cuboids that were placed by a wrong height do not lie on their points"
_OF_POSES = "things that stand wander by them, at any moment"
_OF_CAMERA = "with such a camera sweeps and boxes do not fit its pictures"
_BEARING = (
    ("size_hwl", ("left_handed", "yaw_sign", "yaw_zero_axis", "degrees", "bottom_centre"), _OF_SIZE),
    ("size_wlh", ("left_handed", "yaw_sign", "yaw_zero_axis", "degrees", "bottom_centre"), _OF_SIZE),
)
_OF_PLACES = ("left_handed", "yaw_sign", "yaw_zero_axis", "degrees", "bottom_centre", "inverted_poses", "clock_offset")


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
    listed = scenes(path, format)
    entries = list(listed) if scene is None else [listed[scene]]
    return [examine(entry.read(strict=False)) for entry in entries]


def examine(scene: Scene) -> Diagnosis:
    """The diagnosis of one scene."""
    evidence = gathered(scene)
    (inverted, axes), lens, far = camera_poses(evidence), lenses(evidence), far_away(evidence)
    verdicts, boxes = [inverted, axes, lens, far], evidence.boxes
    odd = next((one.fault for one in (inverted, axes, lens) if one.presence == Presence.FOUND), "")
    if odd or has_boxes_of_another(evidence):
        evidence = replace(evidence, boxes=())  # where they are by such cameras says nothing of labels
    if len(evidence.labels):
        more, evidence = _of_themselves(evidence)
        verdicts += more
        open_ = [one.fault for one in more if one.presence == Presence.UNDECIDABLE]
        axes_of_labels, seen = arrangement(evidence)
        mended = evidence.with_labels(axes_of_labels.apply(evidence.labels)) if axes_of_labels.is_mirrored else evidence
        blocked = _in_other_axes(axes_of_labels, seen) or _hidden(mended, far, inverted)
        if not blocked:
            more, evidence = _of_places(mended, not {"size_hwl", "size_wlh"} & set(open_))
            if axes_of_labels.is_mirrored:
                more = [found("left_handed", seen, 0.95, str(axes_of_labels)) if one.fault == "left_handed" else one for one in more]
        verdicts += blocked or more
    else:
        verdicts += _unlabelled(scene)
    verdicts.append(hidden("swapped_cameras", odd, _OF_CAMERA) if odd else swapped_cameras(replace(evidence, boxes=boxes)))
    results = {verdict.fault: verdict for verdict in verdicts}
    return Diagnosis(scene.name, tuple(_explained(results)[name] for name in FAULTS))


def _unlabelled(scene: Scene) -> list[FaultVerdict]:
    why, wanted = "there is no cuboid", "label some objects, best of several classes and headings, in frames with sweeps"
    if scene.tracks:
        why, wanted = "labels are in the world frame, and no pose of the vehicle tells where a sensor saw them", "add the poses of the vehicle"
    return [undecidable(name, why, wanted) for name in (*_OF_THEMSELVES, *_OF_PLACES)]


def _of_themselves(evidence: Evidence) -> tuple[list[FaultVerdict], Evidence]:
    """Of the faults that cuboids show by themselves."""
    scalar, labels = scalar_last(evidence)
    evidence = evidence.with_labels(labels)
    euler, labels = order_of_euler(evidence)
    evidence = evidence.with_labels(labels)
    sizes, labels = order_of_sizes(evidence)
    return [scalar, euler, *sizes], evidence.with_labels(labels)


def _hidden(evidence: Evidence, far: FaultVerdict, inverted: FaultVerdict) -> list[FaultVerdict]:
    """Where labels are not where sweeps have objects: that nothing else can be said of places. Empty where they are, or where no sweep tells."""
    if far.presence == Presence.FOUND:
        return [hidden(name, "utm", "labels and points that lie so far off cannot be compared") for name in _OF_PLACES]
    is_lying = evidence.labels.up[:, 2] < _UPRIGHT
    if is_lying.mean() > _MOST_LYING:
        of_all = f"{int(is_lying.sum())} of {number_of(len(is_lying), 'cuboid')}"
        why, wanted = f"not upright: {of_all}, so that headings and bottoms mean nothing", "mend their angles first"
        return [undecidable(name, why, wanted) for name in _OF_PLACES]
    lost = misplaced(evidence)
    if inverted.presence == Presence.FOUND and (lost or not evidence.clouds):
        why = "labels that were given in a camera's frame are in the wrong place with it"
        return [hidden(name, "inverted_extrinsic", why) for name in _OF_PLACES]
    if lost:
        wanted = "mend the pose between the frame of the labels and the LiDAR, or check that sweeps and labels are of the same frames"
        return [undecidable(name, lost, wanted) for name in _OF_PLACES]
    return []


def _in_other_axes(axes: Arrangement, seen: str) -> list[FaultVerdict]:
    """Where labels would lie on their points in axes that are turned, not mirrored."""
    if not seen or axes.is_mirrored:
        return []
    return [undecidable(name, f"{seen}: the labels' axes are not the sweeps'", f"{axes}, and run the doctor again") for name in _OF_PLACES]


def _of_places(evidence: Evidence, sizes_known: bool) -> tuple[list[FaultVerdict], Evidence]:
    """Of the faults that points and motion show. Motion is that of right poses, and points are in cuboids of the right height, so these come first;
    mirrored labels have neither, so that both are asked again."""
    inverse, evidence = inverted_poses(evidence)
    is_inverse = inverse.presence == Presence.FOUND
    clock, later_ns = (hidden("clock_offset", "inverted_poses", _OF_POSES), 0) if is_inverse else clocks(evidence)
    bottom, raised = bottoms(evidence, sizes_known)
    doubt = sizes_in_doubt(evidence)
    if doubt and bottom.presence == Presence.FOUND:
        bottom, raised = _doubted(bottom, doubt), evidence.labels
    turns, labels = headings(evidence.with_later_poses(later_ns).with_labels(raised), sizes_known)
    if doubt and any(one.presence == Presence.FOUND for one in turns if one.fault != "left_handed"):
        turns, labels = [_doubted(one, doubt) if one.presence == Presence.FOUND else one for one in turns], raised
    if not is_inverse and any(one.fault == "left_handed" and one.presence == Presence.FOUND for one in turns):
        clock, _ = clocks(evidence.with_labels(labels))
        if bottom.presence != Presence.FOUND:
            bottom, labels = bottoms(evidence.with_labels(labels), sizes_known)
    return [*turns, bottom, inverse, clock], evidence.with_labels(labels)


def _doubted(verdict: FaultVerdict, doubt: str) -> FaultVerdict:
    """What was found of cuboids whose sizes are not those of their objects, so that points and grounds fit them otherwise."""
    return undecidable(verdict.fault, f"{verdict.saw}; but {doubt}", "mend the sizes and run the doctor again")


def _explained(verdicts: dict[str, FaultVerdict]) -> dict[str, FaultVerdict]:
    """What is undecidable while another fault is there that bears on it says so."""
    there = [name for name, verdict in verdicts.items() if verdict.presence == Presence.FOUND]
    for by, names, why in _BEARING:
        for name in names:
            if by in there and verdicts[name].presence == Presence.UNDECIDABLE and "hidden" not in verdicts[name].saw:
                verdicts[name] = hidden(name, by, why)
    return verdicts
