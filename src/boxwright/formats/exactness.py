"""What is said of rotations that are not quite such in their file, by who reads them and who writes them as quaternions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..arrays import Float64s
from ..errors import number_of
from ..frames import Pose
from ..scene import Scene
from .write_report import Told

__all__ = ["exactness_notes", "rotations_rounded"]

_EXACT = 1e-9  # the tolerance that files are read and written with
_ROTATION = 1e-6  # digits that are lost in a calibration file, and then some


def exactness_notes(scene: Scene, norms_off: Sequence[Float64s]) -> list[str]:
    """Sentences on quaternions that were normalised, and on rotation matrices that are kept as they are written.

    norms_off : how far the norms of all quaternions that were read are from 1
    """
    off = np.concatenate([np.zeros(0), *(np.ravel(part) for part in norms_off)])
    off = off[off > _EXACT]
    notes = []
    if len(off):
        notes.append(f"{number_of(len(off), 'quaternion')} off unit length by up to {off.max():.2g}, normalised")
    poses = {name: lidar.ego_from_lidar for name, lidar in scene.lidars.items()} | {name: cam.ego_from_cam for name, cam in scene.cameras.items()}
    named = {name: pose.rotation[None] for name, pose in poses.items()}
    if scene.trajectory is not None:
        named["the poses"] = scene.trajectory.sample(scene.trajectory.times_ns)[0]
    for name, matrices in named.items():
        error = max(float(np.abs(np.linalg.det(matrices) - 1).max()), float(np.abs(matrices @ matrices.swapaxes(1, 2) - np.eye(3)).max()))
        if error > _ROTATION:
            notes.append(f"the rotation of {name} is off an orthonormal one by {error:.2g}: it is kept as it is written, the file has few digits")
    return notes


def rotations_rounded(places: Mapping[str, Pose]) -> list[Told]:
    """What a writer of quaternions says of poses whose matrices are no exact rotations, for `rounded`. places : sensor -> its pose"""
    off = {name: float(np.abs(Pose.from_quat(pose.quat_wxyz, pose.translation_m).rotation - pose.rotation).max()) for name, pose in places.items()}
    names = [name for name, by in off.items() if by > _EXACT]
    if not names:
        return []
    said = f"the rotation of {', '.join(names)}, no exact one, is a quaternion: off by up to {max(off[name] for name in names):.2g}"
    return [Told("calibration poses", said, names)]
