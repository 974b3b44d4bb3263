"""Sweeps and pictures of a scene into a folder: lidars/<name>/<stem>.pcd and cameras/<name>/<stem>.png."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..scene import Scene
from .arrays_on_disk import npz_bytes
from .images import image_bytes
from .pcd import pcd_bytes
from .sensor_files import image_path

__all__ = ["SweepFile", "write_images", "write_sweeps"]


@dataclass(frozen=True)
class SweepFile:
    """A sweep's file.

    path : relative to the folder, with slashes
    own : what a point file cannot say: a stamp of its own, an origin on the map, and that the vehicle's motion is taken out
    """

    path: str
    own: dict[str, Any]


def write_sweeps(
    scene: Scene, folder: Path, stems: Sequence[str], pcd_encoding: str, scale_m: float | None = None
) -> dict[tuple[str, int], SweepFile]:
    """(lidar, frame index) -> its file. With `scale_m`, compressed .npz files of whole numbers of so many metres instead of .pcd files."""
    files = {}
    for name in scene.lidars:
        for i, stem in enumerate(stems):
            if not scene.has_points(i, name):
                continue
            sweep = scene.points(i, name)
            path = f"lidars/{name}/{stem}.{'pcd' if scale_m is None else 'npz'}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(pcd_bytes(sweep, pcd_encoding) if scale_m is None else npz_bytes(sweep, scale_m))
            own: dict[str, Any] = {}
            if sweep.timestamp_ns != scene.times_ns[i]:
                own["timestamp_ns"] = int(sweep.timestamp_ns)
            if any(sweep.origin_m):
                own["origin_m"] = [float(v) for v in sweep.origin_m]
            if sweep.is_deskewed:
                own["is_deskewed"] = True
            files[name, i] = SweepFile(path, own)
    return files


def write_images(scene: Scene, folder: Path, stems: Sequence[str], jpeg_quality: int | None, but: Collection[str] = ()) -> dict[tuple[str, int], str]:
    """(camera, frame index) -> its file. Pictures that lie in files are copied; the others become PNG, or JPEG where a quality is given.

    but : cameras that are left out
    """
    files = {}
    for name in (name for name in scene.cameras if name not in but):
        for i, stem in enumerate(stems):
            if not scene.has_image(i, name):
                continue
            source = image_path(scene.data, i, name)
            suffix = source.suffix.lower() if source is not None else ".png" if jpeg_quality is None else ".jpg"
            path = f"cameras/{name}/{stem}{suffix}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if source is not None:
                shutil.copyfile(source, folder / path)
            else:
                (folder / path).write_bytes(image_bytes(scene.image(i, name), jpeg_quality))
            files[name, i] = path
    return files
