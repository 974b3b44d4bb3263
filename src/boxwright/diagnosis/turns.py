"""How labels lie as one fault or another would have it: each function undoes its fault."""

from __future__ import annotations

import numpy as np

from ..arrays import Float64s
from ..rotations import quat_from_yaw, quat_multiply
from .evidence import Labels

__all__ = ["REORDERS", "as_quarter_turned", "as_raised", "as_scalar_first", "as_scalar_last", "as_yaw", "mirrored", "mirrored_turns", "permuted"]

REORDERS = {"size_hwl": (2, 1, 0), "size_wlh": (1, 0, 2)}
_MIRROR = np.array([1.0, -1.0, 1.0, -1.0])


def as_scalar_last(labels: Labels) -> Labels:
    return labels.changed(quat_wxyz=labels.quat_wxyz[:, [3, 0, 1, 2]])


def as_scalar_first(labels: Labels) -> Labels:
    return labels.changed(quat_wxyz=labels.quat_wxyz[:, [1, 2, 3, 0]])


def permuted(labels: Labels, order: tuple[int, ...]) -> Labels:
    return labels.changed(size_m=labels.size_m[:, order])


def mirrored_turns(labels: Labels) -> Labels:
    """Yaw the other way round, places as they are."""
    return labels.changed(quat_wxyz=labels.quat_wxyz * _MIRROR)


def mirrored(labels: Labels) -> Labels:
    """Places and turns mirrored at the plane y = 0."""
    return labels.changed(center_m=labels.center_m * (1, -1, 1), quat_wxyz=labels.quat_wxyz * _MIRROR)


def as_quarter_turned(labels: Labels, sign: int = 1) -> Labels:
    return labels.changed(quat_wxyz=quat_multiply(labels.quat_wxyz, quat_from_yaw(np.full(len(labels), sign * np.pi / 2))))


def as_raised(labels: Labels, share: float) -> Labels:
    """Along the cuboids' own up by a share of their heights."""
    return labels.changed(center_m=labels.center_m + labels.up * (share * labels.size_m[:, 2:]))


def as_yaw(labels: Labels, yaw_rad: Float64s) -> Labels:
    return labels.changed(quat_wxyz=quat_from_yaw(yaw_rad))
