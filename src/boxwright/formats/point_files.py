"""Point files on their own, or a folder of them, one per frame in the order of their names: a scene without labels and without time."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from ..errors import BoxwrightError, FormatError
from ..limits import limits
from ..points import Sweep
from ..problems import Problems
from ..scene import Lidar, Scene
from .declared import Capabilities
from .looking import is_file, natural
from .sensor_files import POINT_SUFFIXES, SensorFiles, check_point_file, read_point_file

__all__ = ["CAPABILITIES", "detect", "list_scenes", "n_files", "read"]

CAPABILITIES = Capabilities(
    title="point files: PCD, PLY, LAS, LAZ, KITTI .bin, .npy, .npz",
    reads="sweeps frame_names",
    remarks=("`bw.write_points` writes a single PCD or PLY file.",),
)


def detect(path: Path) -> bool:
    if not path.is_dir():
        return bool(_files(path))
    with os.scandir(path) as entries:
        return any(_is_points(entry.name) and is_file(entry) for entry in entries)


def list_scenes(path: Path) -> list[str]:
    return [path.stem if path.is_file() else path.absolute().name] if _files(path) else []


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if _is_points(path.name) else []
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        files = [path / entry.name for entry in entries if _is_points(entry.name) and is_file(entry)]
    return sorted(files, key=lambda file: natural(file.name))


def n_files(path: Path) -> int:
    return len(_files(path))


def _is_points(name: str) -> bool:
    return name.lower().endswith(POINT_SUFFIXES) and not name.lower().endswith(".pcd.bin") and not name.startswith(".")


def read(path: Path, scene: str, problems: Problems) -> Scene:
    files = _files(path)
    limits().check("frames_per_scene", len(files), path)
    stems = [file.stem for file in files]
    if len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise FormatError("two files for one frame", got=twice, path=path, hint="keep one file per frame")

    first = read_point_file(files[0], frame="lidar") if path.is_file() else None  # one file is read at once, so that its damage shows on opening
    notes = [*(_damage(files) if first is None else []), "point files carry no time, no poses and no labels"]

    def read_sweep(frame_index: int, sensor: str, file: Path) -> Sweep:
        sweep = read_point_file(file, frame=sensor) if first is None else first
        return dataclasses.replace(sweep, timestamp_ns=frame_index)

    return Scene(
        name=scene,
        times_ns=np.arange(len(files), dtype=np.int64),
        lidars={"lidar": Lidar("lidar")},
        data=SensorFiles({"lidar": files}, {}, read_sweep),
        has_time=False,
        label_frame="lidar",
        frame_ids=tuple(stems),
        format="points",
        path=os.fspath(path),
        notes=notes,
    )


def _damage(files: list[Path]) -> list[str]:
    """A sentence where headers are wrong or do not fit their files; one damaged sweep does not keep the others from being read."""
    errors = []
    for file in files:
        try:
            check_point_file(file)
        except BoxwrightError as error:
            errors.append(error)
    return [f"{len(errors)} of {len(files)} point files are damaged: {errors[0]}"] if errors else []
