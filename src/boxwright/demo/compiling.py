"""The first run compiles kernels on two cores: some here, some in another process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from ..cameras import FisheyeCamera, PinholeCamera
from ..containment import points_in_cuboids
from ..cuboids import Cuboids
from ..frames import Pose
from ..kernels import cache_folder
from ..overlap import iou_bev_pairs
from ..projection import project_cuboids
from ..scene import Scene

__all__ = ["compile_beside", "compile_boxes", "wait_for_kernels"]


def compile_beside() -> subprocess.Popen[bytes] | None:
    """Begins to compile the kernels of `compile_boxes` in another process, where they are not on disk yet: the first run then uses two cores."""
    if cache_folder is None or any(cache_folder.rglob("projection.project_cuboids*.nbi")):
        return None
    return subprocess.Popen([sys.executable, "-m", "boxwright.demo"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_kernels(scene: Scene, beside: subprocess.Popen[bytes] | None) -> None:
    """Compiles what counting needs, and waits for the other process; whatever it did not get done is compiled when it is called."""
    if beside is not None:
        points_in_cuboids(scene.still_points(0), scene.cuboids(0))
        beside.wait()


def compile_boxes() -> None:
    """One small call of everything that projects and compares cuboids."""
    upright = Cuboids([[10.0, 0.0, 0.0], [12.0, 1.0, 0.0]], [[4.0, 2.0, 1.5]] * 2, [0.0, 0.5])
    tilted = upright.transformed(Pose.from_quat([np.cos(0.05), np.sin(0.05), 0, 0]))
    cam_from_cuboids = Pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    for camera in (PinholeCamera(64, 48, 40, 40, 32, 24), FisheyeCamera(64, 48, 20, 20, 32, 24)):
        project_cuboids(upright, camera, cam_from_cuboids).edges(0)
    iou_bev_pairs(upright, upright)
    iou_bev_pairs(upright, tilted)
