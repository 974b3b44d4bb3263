"""Sensor data that lies in files, one per sensor and frame, loaded when asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..errors import BoxwrightError, FormatError, FrameMissing
from ..points import Sweep
from .arrays_on_disk import check_array_file, read_kitti_bin, read_npy, read_npz
from .images import check_image, read_image
from .las import check_las, read_las
from .pcd import check_pcd, read_pcd
from .ply import check_ply, read_ply

__all__ = ["POINT_SUFFIXES", "NumberedFiles", "SensorFiles", "check_point_file", "image_path", "left_out_note", "read_point_file", "unread_note"]

_ASK = {"sweep": "scene.has_points(frame_index)", "image": "scene.has_image(frame_index, camera)"}
_MOST_NAMES = 5
POINT_SUFFIXES = (".pcd", ".bin", ".npy", ".npz", ".ply", ".las", ".laz")
_READERS = {".pcd": read_pcd, ".bin": read_kitti_bin, ".ply": read_ply, ".las": read_las, ".laz": read_las}
_CHECKS = {".pcd": check_pcd, ".ply": check_ply, ".las": check_las, ".laz": check_las}


def read_point_file(path: str | os.PathLike[str], *, frame: str = "lidar", scale_m: float | None = None) -> Sweep:
    """One sweep from a PCD, PLY, LAS, LAZ, KITTI .bin, .npy or .npz file. FormatError where it is none of them."""
    suffix = _point_suffix(path)
    try:
        if suffix in _READERS:
            return _READERS[suffix](path, frame=frame)
        return (read_npy if suffix == ".npy" else read_npz)(path, frame=frame, scale_m=scale_m)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path=path, hint="check its permissions") from None


def check_point_file(path: str | os.PathLike[str]) -> None:
    """FormatError or LimitError where a point file's headers are wrong or do not fit its size; its points are not read."""
    check = _CHECKS.get(_point_suffix(path), check_array_file)
    try:
        check(path)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path=path, hint="check its permissions") from None


def _point_suffix(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path).lower()
    suffix = name[name.rfind(".") :]
    if suffix in POINT_SUFFIXES and not name.endswith(".pcd.bin"):
        return suffix
    raise FormatError("not a point file", expected=f"a file ending in {', '.join(POINT_SUFFIXES)}", got=Path(path).name, path=path, hint="convert it")


@dataclass(frozen=True, eq=False)
class SensorFiles:
    """What a Scene asks for its sensor data.

    sweeps, images : sensor name -> F paths; None, or a file that is not there, is a frame without data
    read_sweep : (frame_index, sensor, path) -> Sweep
    sizes_px : camera -> (width, height) of its calibration, which every picture must have
    """

    sweeps: Mapping[str, Sequence[Path | None]] = field(default_factory=dict)
    images: Mapping[str, Sequence[Path | None]] = field(default_factory=dict)
    read_sweep: Callable[[int, str, Path], Sweep] = lambda frame_index, sensor, path: read_point_file(path, frame=sensor)
    sizes_px: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def points(self, frame_index: int, sensor: str) -> Sweep:
        path = _there(self.sweeps, "sweep", frame_index, sensor)
        with _at(path, frame_index, sensor):
            return self.read_sweep(frame_index, sensor, path)

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        path = _there(self.images, "image", frame_index, camera)
        with _at(path, frame_index, camera):
            image = read_image(path)
        self._check_size((image.shape[1], image.shape[0]), path, camera)
        return image

    def check_image(self, frame_index: int, camera: str) -> None:
        """What `image` would raise, as far as it can be known without decoding the picture."""
        path = _there(self.images, "image", frame_index, camera)
        with _at(path, frame_index, camera):
            size_px = check_image(path)
        self._check_size(size_px, path, camera)

    def _check_size(self, size_px: tuple[int, int], path: Path, camera: str) -> None:
        if size_px != self.sizes_px.get(camera, size_px):
            raise FormatError(
                "the picture does not fit its camera",
                expected="{} x {} pixels, as its calibration has it".format(*self.sizes_px[camera]),
                got="{} x {}".format(*size_px),
                path=path,
                field=camera,
                hint="scale the intrinsics as the picture was scaled",
            )

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return _is_there(self.sweeps, frame_index, sensor)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return _is_there(self.images, frame_index, camera)

    def image_path(self, frame_index: int, camera: str) -> Path | None:
        """The picture's file, or None."""
        return self.images[camera][frame_index] if self.has_image(frame_index, camera) else None


@dataclass(frozen=True)
class NumberedFiles(Sequence[Path]):
    """The files of n frames that are called by their numbers; each path is made when it is asked for, since labels may claim any number of frames."""

    folder: Path
    digits: int
    suffix: str
    n: int

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        if isinstance(index, slice):
            return [self[i] for i in range(self.n)[index]]
        return self.folder / f"{range(self.n)[index]:0{self.digits}d}{self.suffix}"


@contextmanager
def _at(path: Path, frame_index: int, sensor: str) -> Iterator[None]:
    """Errors leave with the file and the frame they are about."""
    field = f"frame {frame_index}, {sensor}"
    try:
        yield
    except BoxwrightError as error:
        where = f"{field}: {error.field}" if error.field else field
        raise type(error)(
            error.what, expected=error.expected, got=error.got, path=error.path or path, offset=error.offset, field=where, hint=error.hint
        ) from None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", path=path, field=field, hint="check its permissions") from None


def image_path(data: Any, frame_index: int, camera: str) -> Path | None:
    """The file behind a picture, where the sensor data lies in files; pictures are then copied bit by bit instead of encoded again. FormatError
    where it is damaged, as its copy would be."""
    path = data.image_path(frame_index, camera) if isinstance(data, SensorFiles) else None
    if path is not None:
        data.check_image(frame_index, camera)
    return path


def left_out_note(folder: Path, names: Iterable[str], example: str) -> list[str]:
    """A sentence about the files of a sensor's folder that its format's naming leaves out; none where there are none. Hidden files need no word."""
    left = sorted(name for name in names if not name.startswith("."))
    if not left:
        return []
    place = "/".join(folder.parts[-2:])
    said = "1 file is left out, its name" if len(left) == 1 else f"{len(left)} files are left out, their names"
    return [f"{place}: {said} being no frame's, such as {left[0]!r}: expected names like {example}"]


def unread_note(folder: Path, names: Iterable[str]) -> list[str]:
    """A sentence about files and folders that a format has no use for; none where there are none. Hidden ones need no word."""
    left = sorted(f"{name}/" if (folder / name).is_dir() else name for name in names if not name.startswith("."))
    if not left:
        return []
    rest = f" and {len(left) - _MOST_NAMES} more" if len(left) > _MOST_NAMES else ""
    return [f"{folder.absolute().name}: nothing reads {', '.join(map(repr, left[:_MOST_NAMES]))}{rest}"]


def _is_there(files: Mapping[str, Sequence[Path | None]], frame_index: int, sensor: str) -> bool:
    path = files[sensor][frame_index] if sensor in files else None
    return path is not None and path.is_file()


def _there(files: Mapping[str, Sequence[Path | None]], what: str, frame_index: int, sensor: str) -> Path:
    path = files[sensor][frame_index] if sensor in files else None
    if path is None or not path.is_file():
        there = f"the file is not there: copy it there, or take a frame that has one, as {_ASK[what]} tells"
        raise FrameMissing(
            f"no {what}",
            path=path,
            field=f"frame {frame_index}, {sensor}",
            hint=f"the recording has no {what} here" if path is None else there,
        )
    return path
