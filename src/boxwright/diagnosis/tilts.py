"""The fault of Euler angles that are put together in another order: a common tilt turns with each cuboid's yaw."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from ..arrays import Bools, Float64s, Int64s
from ..errors import number_of
from .evidence import Evidence, Labels
from .trials import View, in_world
from .verdicts import FaultVerdict, Presence, absent, found, undecidable

__all__ = ["order_of_euler"]

_NAME = "euler_order"
_FLAT = np.radians(0.3)
_N_TILTED = 10
_TILTED = "label cuboids with pitch and roll, ten or more that head in several directions; where there are none, the order does no harm"
_SHOWN = 0.25  # of the usual tilt: by less, the usual mistake would not show in how cuboids are tilted against each other
_SPREAD = np.radians(0.5)
_ALIKE = np.radians(3)  # more than grounds, and those who draw cuboids on them, make of one tilt
_SLIGHT = 0.1  # of the usual tilt: so little between cuboids is no sign of another order
_ALL = 0.1  # of what cuboids are tilted against each other: an order that leaves no more explains it
_N_TOGETHER = 3  # of one frame, so that the median of their ups is none of two
_N_AGREEING = 8  # objects: tilts of half of them come so near to one by chance, in one of twelve orders, less than once in a thousand times
_STILL_M = 1.0


@dataclass(frozen=True)
class Together:
    """Cuboids whose ups agree in groups, in the right order of angles.

    group : (R,) which of them are together. rotation : (R, 3, 3) by which ups are turned first. what : what each group is, as words
    """

    labels: Labels
    group: Int64s
    rotation: Float64s
    what: str

    def spread(self, up: Float64s) -> float:
        """Median angle between a cuboid's up and the median one of its group; NaN where no group has enough of them."""
        apart, up = [np.zeros(0)], np.einsum("rij,rj->ri", self.rotation, up)
        for one in np.unique(self.group).tolist():
            here = up[self.group == one]
            if len(here) >= _N_TOGETHER:
                middle = np.median(here, axis=0)
                apart.append(np.arccos(np.clip(here @ (middle / np.linalg.norm(middle)), -1, 1)))
        all_of_them = np.concatenate(apart)
        return float(np.median(all_of_them)) if len(all_of_them) else float("nan")


def order_of_euler(evidence: Evidence) -> tuple[FaultVerdict, Labels]:
    """Cuboids of one frame stand on one ground, so their ups agree. Where the ground is uneven, what stands keeps its up while the vehicle turns."""
    labels = evidence.labels
    if len(labels) < _N_TILTED:
        return undecidable(_NAME, f"{number_of(len(labels), 'cuboid')} cannot be compared in tilt", _TILTED), labels
    tilted = np.arccos(np.clip(labels.up[:, 2], -1, 1)) > _FLAT
    if tilted.sum() < _N_TILTED:
        why = f"only {tilted.sum()} of {len(labels)} cuboids are tilted" if tilted.any() else "no cuboid is tilted"
        return undecidable(_NAME, f"{why}; for those that stand straight every order of Euler angles is the same", _TILTED), labels
    some = labels.rows(tilted)
    by_frame = Together(some, some.frame, np.broadcast_to(np.eye(3), (len(some), 3, 3)), "of one frame")
    verdict, mended = _told(by_frame, labels)
    if verdict.presence == Presence.UNDECIDABLE:
        standing = _standing(evidence, tilted)
        other, again = _told(standing, labels)
        if other.presence != Presence.UNDECIDABLE and len(np.unique(standing.group)) >= _N_AGREEING:
            return other, again
    return verdict, mended


def _standing(evidence: Evidence, tilted: Bools) -> Together:
    """Of tracks that stand while the vehicle turns, in the world."""
    unrest = View(evidence, evidence.labels).unrest
    known = np.array([pose is not None for pose in evidence.poses], bool)
    rows = tilted & (unrest[:, 1] < _STILL_M)[evidence.labels.track] & known[evidence.labels.frame]
    some = evidence.labels.rows(rows)
    return Together(some, some.track, in_world(evidence, some)[0], "of what stands while the vehicle turns")


def _told(together: Together, labels: Labels) -> tuple[FaultVerdict, Labels]:
    """What is to be said of cuboids that are together, and all labels with the fault undone, where it is found."""
    some, spread = together.labels, together.spread(together.labels.up)
    if np.isnan(spread):
        why = f"{number_of(len(some), 'cuboid')} are tilted, but no frame has {_N_TOGETHER} of them, to be compared with each other"
        return undecidable(_NAME, why, _TILTED), labels
    usual = float(np.median(np.arccos(np.clip(some.up[:, 2], -1, 1))))
    orders = {pair: together.spread(_reordered(some, *pair)[1]) for pair in itertools.permutations(("XYZ", "ZYX", "YXZ", "ZXY"), 2)}
    read_as, meant = min(orders, key=lambda pair: round(orders[pair], 3))  # of orders that are as good, the usual one
    least = orders[read_as, meant]
    apart = f"cuboids {together.what} are tilted {np.degrees(spread):.2g} degrees against each other"
    other = f"{np.degrees(least):.2g} as {meant}, not {read_as}"
    suits = spread > 2 * least and spread > _SLIGHT * usual  # below that there is nothing to explain
    explains_all = least < _ALL * spread and len(np.unique(some.track)) >= _N_AGREEING
    if suits and least < _ALIKE and (spread > _SPREAD or explains_all):
        quat, _ = _reordered(labels, read_as, meant)
        change = f"put the angles together as {meant}, not as {read_as}"
        return found(_NAME, f"{apart}, and {other}", 1 - least / spread, change), labels.changed(quat_wxyz=quat)
    if spread < 0.5 * usual and not suits:
        tilts = f"{number_of(len(some), 'cuboid')} {together.what} are tilted, by {np.degrees(usual):.1f} degrees"
        alike = f"{tilts}, and alike: within {np.degrees(spread):.2f}"
        if min(orders["XYZ", "ZYX"], orders["ZYX", "XYZ"]) < _SHOWN * usual:
            return undecidable(_NAME, f"{alike}; but they head such ways that they would be about as alike in another order", _TILTED), labels
        if len(np.unique(some.track)) < _N_AGREEING:
            return undecidable(_NAME, f"{alike}; but of too few objects to tell", _TILTED), labels
        return absent(_NAME, alike), labels
    if suits and least < _ALIKE:
        why = f"{apart}, and {other}: too little, or of too few objects, to be told from the slope of the ground"
    elif least < spread:
        why = f"{apart}, and still {other}, which explains only part of that"
    else:
        why = f"{apart}, and no other order of Euler angles makes them more alike"
    return undecidable(_NAME, why, "where sizes of tilts matter, look at how cuboids stand on sloping ground"), labels


def _reordered(labels: Labels, read_as: str, meant: str) -> tuple[Float64s, Float64s]:
    """Quaternions and ups with the same angles in another order."""
    import warnings

    from scipy.spatial.transform import Rotation

    x, y, z, w = labels.quat_wxyz[:, [1, 2, 3, 0]].T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at the poles two of the angles turn about one axis
        angles = Rotation.from_quat(np.stack([x, y, z, w], 1)).as_euler(read_as)
    order = [read_as.index(axis) for axis in meant]
    turns = Rotation.from_euler(meant, angles[:, order])
    return turns.as_quat()[:, [3, 0, 1, 2]], turns.as_matrix()[:, :, 2]
