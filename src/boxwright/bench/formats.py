"""Point files, written once and read by others; compared as (N, 3) places and (N,) intensities, which must be equal number by number."""

from __future__ import annotations

import shutil
import struct
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Floats
from ..formats import read_points, write_points
from ..formats.arrays_on_disk import kitti_bin_bytes
from ..points import Sweep
from .contender import DifferenceError

__all__ = [
    "PointFile",
    "file_moved",
    "laspy_read",
    "laspy_result",
    "numpy_records",
    "numpy_result",
    "open3d_read",
    "open3d_result",
    "our_read",
    "our_result",
    "point_file",
    "pypcd4_read",
    "pypcd4_result",
    "same_points",
]

SCALE_M = 0.001
LAS_ROW = np.dtype([("xyz", "<i4", 3), ("intensity", "<u2"), ("rest", "u1", 6)])
FLOATS = np.dtype([("xyz", "<f4", 3), ("intensity", "<f4")])


@dataclass(frozen=True, eq=False)
class PointFile:
    """One file of x, y, z and intensity, in a folder of its own that goes with it; body_byte : where its points begin"""

    path: Path
    body_byte: int

    def __post_init__(self) -> None:
        weakref.finalize(self, shutil.rmtree, self.path.parent, ignore_errors=True)


def _las_bytes(xyz: Floats, intensity: Any) -> bytes:
    head = b"LASF" + bytes(20) + bytes((1, 2)) + bytes(68) + struct.pack("<HIIBHI", 227, 227, 0, 0, LAS_ROW.itemsize, len(xyz))
    rows = np.zeros(len(xyz), LAS_ROW)
    rows["xyz"], rows["intensity"] = np.rint(xyz.astype(np.float64) / SCALE_M), intensity
    return head + bytes(20) + struct.pack("<6d", *[SCALE_M] * 3, 0, 0, 0) + bytes(48) + rows.tobytes()


def point_file(xyz: Floats, kind: str) -> PointFile:
    """kind : the file's name after the first dot; compressed.pcd is a binary_compressed PCD"""
    path = Path(tempfile.mkdtemp(prefix="boxwright-bench-")) / f"points.{kind}"
    sweep = Sweep(xyz, intensity=np.random.default_rng(1).integers(0, 256, len(xyz)).astype(np.float32))
    if kind == "bin":
        path.write_bytes(kitti_bin_bytes(sweep))
    elif kind == "las":
        path.write_bytes(_las_bytes(xyz, sweep.intensity))
    else:
        write_points(sweep, path, encoding="binary_compressed" if kind == "compressed.pcd" else "binary")
    size = len(xyz) * (LAS_ROW if kind == "las" else FLOATS).itemsize
    return PointFile(path, max(path.stat().st_size - size, 0))


def our_read(workload: PointFile) -> Any:
    return read_points(workload.path)


def file_moved(workload: PointFile, sweep: Sweep) -> tuple[int, int]:
    return workload.path.stat().st_size, sweep.xyz.nbytes + (0 if sweep.intensity is None else sweep.intensity.nbytes)


def our_result(_: Any, sweep: Sweep) -> Any:
    return np.asarray(sweep.xyz) + sweep.origin_m, sweep.intensity


def numpy_records(workload: PointFile) -> Any:
    """What every reader has to do at least; of a LAS file the places are worked out too."""
    is_las = workload.path.suffix == ".las"
    rows = np.fromfile(workload.path, LAS_ROW if is_las else FLOATS, offset=workload.body_byte)
    return (rows["xyz"] * SCALE_M if is_las else rows["xyz"]), rows["intensity"]


def numpy_result(_: Any, both: Any) -> Any:
    return both


def open3d_read(workload: PointFile) -> Any:
    import open3d

    return open3d.t.io.read_point_cloud(workload.path)


def open3d_result(_: Any, cloud: Any) -> Any:
    return cloud.point.positions.numpy(), cloud.point["intensity"].numpy()[:, 0]


def pypcd4_read(workload: PointFile) -> Any:
    import pypcd4

    return pypcd4.PointCloud.from_path(workload.path)


def pypcd4_result(_: Any, cloud: Any) -> Any:
    return cloud.numpy(("x", "y", "z")), cloud.pc_data["intensity"]


def laspy_read(workload: PointFile) -> Any:
    import laspy

    cloud = laspy.read(workload.path)
    return cloud.xyz, cloud.intensity


def laspy_result(_: Any, both: Any) -> Any:
    return np.asarray(both[0]), np.asarray(both[1])


def same_points(workload: PointFile, ours: Any, theirs: Any) -> str:
    """Equal; where whole numbers are scaled, up to a nanometre."""
    (xyz, intensity), (other_xyz, other_intensity) = ours, theirs
    if xyz.shape != other_xyz.shape or not np.array_equal(intensity, other_intensity):
        raise DifferenceError(f"{len(xyz)} points against {len(other_xyz)}, or another intensity")
    apart = float(np.abs(np.asarray(xyz, np.float64) - other_xyz).max(initial=0))
    if not apart <= (1e-9 if workload.path.suffix == ".las" else 0):
        raise DifferenceError(f"points {apart:g} m apart")
    return f"{len(xyz):,} points equal"
