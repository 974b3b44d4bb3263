"""The fault of the vehicle's poses: inverses of what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Bools, Float64s
from ..errors import number_of
from ..frames import Pose
from .evidence import Evidence, Labels
from .trials import at_least, in_world
from .turns import mirrored
from .verdicts import FaultVerdict, absent, found, undecidable

__all__ = ["inverted_poses"]

_NAME = "inverted_poses"
_PASSED_M = 2.0  # by which something wanders as the vehicle passes it
_OF_PASSING = 0.25  # and in the world, where it stands
_STILL_M = 1.0
_N_FRAMES = 3
_AT_REST_M, _AT_REST = 0.5, np.radians(3)
_N_STANDING, _N_PASSED = 3, 6  # objects: of those passed so many, some are parked


def inverted_poses(evidence: Evidence) -> tuple[FaultVerdict, Evidence]:
    """Things that the vehicle passes stand in the world by right poses. And the evidence with right ones, where they were found to be inverted."""
    poses = [pose for pose in evidence.poses if pose is not None]
    if len(poses) < 2:
        return undecidable(_NAME, "there are no poses of the vehicle for two frames", "open a recording with them"), evidence
    if _is_at_rest(poses):
        why = "the vehicle stands, so that its poses are as good inverted"
        return undecidable(_NAME, why, "look at a part of the drive in which the vehicle moves"), evidence
    turned = replace(evidence, poses=[None if pose is None else pose.inverse() for pose in evidence.poses])
    own, other = _standing(evidence, evidence.labels), _standing(turned, evidence.labels)
    mirror = _standing(evidence, mirrored(evidence.labels))
    n_own, n_other, n_mirror = (int(stands.sum()) for stands in (own, other, mirror))
    saw = f"{n_own} of {number_of(len(own), 'object')} that the vehicle passes {'stands' if n_own == 1 else 'stand'} by its poses, "
    saw += f"and {n_other} by their inverses"
    if at_least(n_other, n_other + n_own, 0.5) < 0.02 and at_least(n_other, n_other + n_mirror, 0.5) < 0.02:
        change = "use the inverse: world_from_ego and ego_from_world are confused"
        return found(_NAME, saw, n_other / max(n_other + n_own, 1) - 0.05, change), turned
    evidence = replace(evidence, poses_hold=max(n_own, n_mirror) >= _N_STANDING)
    if not evidence.poses_hold and (len(own) >= _N_PASSED or n_other > n_own):
        wanted = "check the poses: whether they are of this drive, and whether their rotations are the right way round; or label things that stand"
        return undecidable(_NAME, f"{saw}; so nothing is told of motion", wanted), evidence.with_later_poses(None)
    if at_least(n_own, n_own + n_other, 0.5) < 0.02:
        return absent(_NAME, saw, n_own / (n_own + n_other) - 0.05), evidence
    return undecidable(_NAME, saw if len(own) else "the vehicle passes no object", "label parked objects over more frames of the drive"), evidence


def _is_at_rest(poses: Sequence[Pose]) -> bool:
    places = np.array([pose.translation_m for pose in poses])
    ahead = np.array([pose.rotation[:2, 0] for pose in poses])
    turn = np.arccos(np.clip(ahead @ ahead[0] / np.linalg.norm(ahead, axis=1) / np.linalg.norm(ahead[0]), -1, 1))
    return bool(np.linalg.norm(places - places[0], axis=1).max() < _AT_REST_M and turn.max() < _AT_REST)


def _standing(evidence: Evidence, labels: Labels) -> Bools:
    """Of each track that the vehicle passes, whether it stands in the world."""
    known = np.array([pose is not None for pose in evidence.poses])
    rows = np.flatnonzero(known[labels.frame])
    rows = rows[np.argsort(labels.track[rows], kind="stable")]
    own, world = labels.center_m[rows], in_world(evidence, labels)[1][rows]
    parts = np.flatnonzero(np.diff(labels.track[rows])) + 1
    passed, there = (np.array([_wander(one) for one in np.split(places, parts)]) for places in (own, world))
    tells = passed > _PASSED_M
    return np.asarray(there[tells] < np.minimum(_STILL_M, _OF_PASSING * passed[tells]))


def _wander(places: Float64s) -> float:
    """How far one object is from its middle, root mean square; 0 where it is seen too seldom."""
    return float(np.sqrt(((places[:, :2] - places[:, :2].mean(0)) ** 2).sum(1).mean())) if len(places) >= _N_FRAMES else 0.0
