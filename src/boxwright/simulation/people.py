"""People on foot and on bicycles: jointed bodies, each limb a part that swings.

A body stands on z = 0, looks along x, and has its middle over the origin. A part's mesh has its joint at the origin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Float64s
from .chance import Chance
from .meshes import Material, Mesh, Paint, ellipsoid, joined, rod, wheel

__all__ = ["Joint", "cyclist", "pedestrian"]

SKIN = ((0.80, 0.62, 0.50), (0.55, 0.38, 0.27), (0.36, 0.24, 0.17), (0.87, 0.71, 0.60))
CLOTHES = ((0.15, 0.18, 0.30), (0.45, 0.10, 0.12), (0.75, 0.73, 0.66), (0.12, 0.12, 0.13), (0.20, 0.40, 0.30), (0.80, 0.55, 0.15), (0.35, 0.45, 0.60))
METAL = Paint(Material.MATT, (0.25, 0.26, 0.28))
TYRE = Paint(Material.RUBBER, (0.06, 0.06, 0.06))
SHOE = Paint(Material.RUBBER, (0.08, 0.07, 0.07))


@dataclass(frozen=True)
class Joint:
    """A part of a jointed body.

    parent : index of the part it hangs on; -1 for the body itself
    at_m : where the joint sits on the parent
    swing : middle and amplitude of its turn about y, radians, and its phase: middle + amplitude * sin(phase of the step + phase)
    """

    mesh: Mesh
    parent: int = -1
    at_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    swing: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def angle_rad(self, step_rad: Float64s) -> Float64s:
        middle, amplitude, phase = self.swing
        return middle + amplitude * np.sin(step_rad + phase)


def _cloth(chance: Chance) -> Paint:
    return Paint(Material.MATT, CLOTHES[chance.pick(len(CLOTHES))])


def _limb(length: float, radii: tuple[float, float], paint: Paint) -> Mesh:
    """A limb that hangs down from its joint, with a round knee or elbow."""
    return joined([rod((0, 0, 0), (0, 0, -length), radii, paint), ellipsoid((0, 0, 0), (radii[0],) * 3, paint, 8)])


def pedestrian(chance: Chance, height: float, speed: float) -> list[Joint]:
    """Someone walking at `speed` m/s, or standing: trunk with head, arms with forearms, legs with shins."""
    jacket, trousers, skin = _cloth(chance), _cloth(chance), Paint(Material.MATT, SKIN[chance.pick(len(SKIN))])
    hair = Paint(Material.RUBBER, (0.10, 0.07, 0.05))
    h = height
    hip, shoulder = 0.52 * h, 0.81 * h
    trunk = joined(
        [
            ellipsoid((0, 0, hip + 0.17 * h), (0.072 * h, 0.112 * h, 0.20 * h), jacket, 12),
            ellipsoid((0, 0, hip), (0.068 * h, 0.098 * h, 0.085 * h), trousers, 10),
            rod((0, 0, 0.80 * h), (0.005 * h, 0, 0.88 * h), 0.032 * h, skin),
            ellipsoid((0.01 * h, 0, 0.925 * h), (0.056 * h, 0.045 * h, 0.070 * h), skin, 10),
            ellipsoid((-0.006 * h, 0, 0.938 * h), (0.056 * h, 0.050 * h, 0.062 * h), hair, 10),
        ]
    )
    stride = min(speed / 1.4, 1.3)
    joints = [Joint(trunk)]
    for side, phase in ((1, 0.0), (-1, math.pi)):
        thigh = len(joints)
        joints.append(Joint(_limb(0.25 * h, (0.050 * h, 0.036 * h), trousers), 0, (0, side * 0.052 * h, 0.51 * h), (0.0, 0.42 * stride, phase)))
        shoe = ellipsoid((0.045 * h, 0, -0.245 * h), (0.075 * h, 0.028 * h, 0.020 * h), SHOE, 8)
        shin = joined([_limb(0.24 * h, (0.036 * h, 0.024 * h), trousers), shoe])
        joints.append(Joint(shin, thigh, (0, 0, -0.25 * h), (0.30 * stride, 0.28 * stride, phase - 1.9)))
        arm = len(joints)
        joints.append(
            Joint(
                _limb(0.17 * h, (0.033 * h, 0.026 * h), jacket), 0, (0, side * 0.125 * h, shoulder - 0.01 * h), (0.0, 0.35 * stride, phase + math.pi)
            )
        )
        hand = ellipsoid((0, 0, -0.165 * h), (0.024 * h, 0.018 * h, 0.034 * h), skin, 8)
        forearm = joined([_limb(0.145 * h, (0.026 * h, 0.020 * h), jacket), hand])
        joints.append(Joint(forearm, arm, (0, 0, -0.17 * h), (-0.25 - 0.2 * stride, 0.18 * stride, phase + math.pi)))
    return joints


def cyclist(chance: Chance, height: float) -> list[Joint]:
    """Bicycle and rider: legs that pedal, hands on the bar."""
    jacket, trousers, skin = _cloth(chance), _cloth(chance), Paint(Material.MATT, SKIN[chance.pick(len(SKIN))])
    frame = Paint(Material.PAINT, CLOTHES[chance.pick(len(CLOTHES))])
    helmet = Paint(Material.PAINT, CLOTHES[chance.pick(len(CLOTHES))])
    h, saddle, bar, crank = height, (-0.22, 0.0, 0.93), (0.42, 0.0, 1.02), (-0.02, 0.0, 0.29)
    tubes = [(crank, saddle), (crank, (0.34, 0, 0.62)), ((-0.17, 0, 0.80), (0.34, 0, 0.84)), ((0.32, 0, 0.95), (0.52, 0, 0.34))]
    tubes += [((-0.52, 0, 0.34), crank), ((-0.52, 0, 0.34), (-0.18, 0, 0.78)), ((0.40, -0.24, 1.02), (0.40, 0.24, 1.02))]
    hip = np.array(saddle) + np.array((0.02, 0, 0.04))
    shoulder = hip + 0.30 * h * np.array([math.sin(0.62), 0, math.cos(0.62)])
    lean = shoulder - hip
    rings = [
        ellipsoid(hip + share * lean, (0.070 * h, width * h, 0.075 * h), jacket, 10) for share, width in [(0.3, 0.095), (0.55, 0.105), (0.85, 0.115)]
    ]
    head = shoulder + np.array((0.07 * h, 0, 0.105 * h))
    body = [rod(a, b, 0.018, frame, 6) for a, b in tubes]
    body += [wheel((x, 0, 0.34), 0.34, 0.045, TYRE, METAL) for x in (-0.52, 0.52)]
    body += [*rings, rod(hip, shoulder, (0.085 * h, 0.09 * h), jacket, 10), ellipsoid(hip, (0.075 * h, 0.095 * h, 0.07 * h), trousers, 10)]
    body += [
        ellipsoid(head, (0.056 * h, 0.045 * h, 0.066 * h), skin, 10),
        ellipsoid(head - np.array((0.005, 0, -0.03)), (0.075 * h, 0.056 * h, 0.050 * h), helmet, 10),
    ]
    for side in (-1, 1):
        start, end = shoulder + np.array((0, side * 0.11 * h, 0)), np.array(bar) + np.array((0, side * 0.20, 0.02))
        elbow = (start + end) / 2 + np.array((-0.02, side * 0.05, -0.05))
        body += [rod(start, elbow, (0.033 * h, 0.026 * h), jacket), rod(elbow, end, (0.026 * h, 0.020 * h), skin)]
    joints = [Joint(joined(body))]
    for side, phase in ((1, 0.0), (-1, math.pi)):
        thigh = len(joints)
        joints.append(Joint(_limb(0.24 * h, (0.055 * h, 0.040 * h), trousers), 0, (hip[0], side * 0.075, hip[2]), (-1.10, 0.38, phase)))
        shoe = ellipsoid((0.05 * h, 0, -0.25 * h), (0.070 * h, 0.028 * h, 0.020 * h), SHOE, 8)
        joints.append(Joint(joined([_limb(0.245 * h, (0.038 * h, 0.026 * h), trousers), shoe]), thigh, (0, 0, -0.24 * h), (1.05, 0.32, phase - 1.0)))
    return joints
