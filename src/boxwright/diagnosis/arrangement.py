"""Labels whose axes are others than the sweeps': turned by quarters, mirrored, or with z down."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..rotations import quat_from_yaw, quat_multiply
from .evidence import Evidence, Labels
from .trials import View, compared
from .turns import mirrored

__all__ = ["Arrangement", "arrangement"]

_LEAST_SHARE = 0.5  # of the cuboids that hold points, in the right axes
_NEAR_M = 30.0
_N_NEAR = 3


@dataclass(frozen=True)
class Arrangement:
    """How labels are to be laid onto the sweeps: mirrored in y, or turned about x by a half turn (is_down); then turned about z by quarters."""

    n_quarters: int
    is_mirrored: bool = False
    is_down: bool = False

    def apply(self, labels: Labels) -> Labels:
        if self.is_mirrored or self.is_down:
            labels = mirrored(labels)
        turn, sign = quat_from_yaw(np.full(len(labels), self.n_quarters * np.pi / 2)), -1.0 if self.is_down else 1.0
        cos, sin = np.round([np.cos(self.n_quarters * np.pi / 2), np.sin(self.n_quarters * np.pi / 2)])
        center = labels.center_m @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, sign]])
        return labels.changed(center_m=center, quat_wxyz=quat_multiply(turn, labels.quat_wxyz))

    def __str__(self) -> str:
        """What is to be done, as words."""
        if self.is_mirrored:
            changes = ("negate y and yaw", "exchange x and y, and take yaw from 90 degrees", "negate x, and take yaw from 180 degrees")
            return (*changes, "exchange x and y and negate both, and take yaw from -90 degrees")[self.n_quarters]
        parts = ["negate y, z and yaw (z is down)"] * self.is_down
        parts += [f"turn places and yaws by {(0, 90, 180, -90)[self.n_quarters]} degrees about z"] * bool(self.n_quarters)
        return ", and ".join(parts)


_AS_THEY_ARE = Arrangement(0)
_OTHERS = [Arrangement(k, mirror, down) for mirror, down in ((False, False), (True, False), (False, True)) for k in range(4)][1:]


def arrangement(evidence: Evidence) -> tuple[Arrangement, str]:
    """The one by which labels lie on the sweeps far better than by any other, and what was seen; as they are where none does."""
    evidence = replace(evidence.with_later_poses(None), boxes=())  # their rows are those of all labels
    labels = evidence.labels.rows(np.isin(evidence.labels.frame, [cloud.frame_index for cloud in evidence.clouds]))
    near = np.linalg.norm(labels.center_m[:, :2], axis=1) < _NEAR_M
    views = {one: View(evidence, one.apply(labels)) for one in (_AS_THEY_ARE, *_OTHERS)}
    tells = near & np.isfinite(views[_AS_THEY_ARE].counts)
    if tells.sum() < _N_NEAR:
        return _AS_THEY_ARE, ""
    held = {one: int((view.counts[tells] > 0).sum()) for one, view in views.items()}
    best = max(held, key=lambda one: held[one])
    if best == _AS_THEY_ARE or held[best] < _LEAST_SHARE * tells.sum():
        return _AS_THEY_ARE, ""
    if not all(compared(view, views[best]).is_better for one, view in views.items() if one != best):
        return _AS_THEY_ARE, ""
    saw = f"of {int(tells.sum())} cuboids within {_NEAR_M:.0f} m of the sensor {held[_AS_THEY_ARE]} hold points, and {held[best]} in other axes"
    return best, saw
