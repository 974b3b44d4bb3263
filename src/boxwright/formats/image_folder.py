"""A folder of pictures and nothing else: a scene of one camera without calibration or time, one picture a frame in the order of their names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s, frozen, one_index, one_time_ns
from ..cameras import UncalibratedCamera
from ..errors import FormatError, TimeError, number_of
from ..limits import limits
from ..outputs import as_path
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..video import FrameSource, Video
from .declared import Capabilities
from .images import IMAGE_SUFFIXES, image_size_px, read_image
from .looking import is_file, natural
from .sensor_files import SensorFiles, unread_note

__all__ = ["CAPABILITIES", "ImageFolder", "detect", "list_scenes", "open_video", "read"]

CAPABILITIES = Capabilities(title="folders of pictures", reads="pictures frame_names")

_SYSTEMS = {"thumbs.db", "desktop.ini"}


def detect(path: Path) -> bool:
    """Only where nothing else is in the folder: pictures beside other files are part of something."""
    if not path.is_dir():
        return False
    n = 0
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _SYSTEMS:
                continue
            if not (_is_picture(entry.name) and is_file(entry)):
                return False
            n += 1
    return n > 0


def list_scenes(path: Path) -> list[str]:
    return [path.absolute().name] if path.is_dir() and _files(path) else []


def n_files(path: Path) -> int:
    return len(_files(path))


def _is_picture(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def _files(path: Path) -> list[Path]:
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries if _is_picture(entry.name) and is_file(entry)]
    return [path / name for name in sorted(names, key=natural)]


class ImageFolder:
    """The pictures of a folder as frames, in the order of their names, numbers counting as numbers; the same interface as a `Video`.

    Their times are their indices. FormatError where there is none, or where they are not all of one size.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = as_path(path)
        if not self.path.is_dir():
            raise FormatError("no such folder", path=self.path, hint="check the path")
        self.files = tuple(_files(self.path))
        limits().check("frames_per_scene", len(self.files), self.path)
        if not self.files:
            raise FormatError("no picture in it", expected=f"files ending in {', '.join(IMAGE_SUFFIXES)}", path=self.path, hint="give another folder")
        twice = [b for a, b in zip(self.files, self.files[1:]) if a.stem == b.stem]
        if twice:
            raise FormatError("two files for one frame", got=twice[0].stem, path=self.path, hint="keep one file per frame")
        self._size_px = image_size_px(self.files[0])
        for file in self.files[1:]:
            self._check(image_size_px(file), file)
        self._times_ns: Int64s = frozen(np.arange(len(self.files), dtype=np.int64))

    def _check(self, size_px: tuple[int, int], file: Path) -> None:
        if size_px != self._size_px:
            wanted = "{} x {} pixels, as ".format(*self._size_px) + self.files[0].name
            hint = "scale all to one size, or put them into folders by size"
            raise FormatError("pictures of different sizes", expected=wanted, got="{} x {}".format(*size_px), path=file, hint=hint)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        return f"ImageFolder({self.path.name!r}, {number_of(len(self), 'picture')}, {self._size_px[0]} x {self._size_px[1]})"

    @property
    def times_ns(self) -> Int64s:
        """(F,) int64: the indices, since pictures tell no time."""
        return self._times_ns

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of every picture."""
        return self._size_px

    def frame(self, index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """(H, W, 3) uint8 RGB. IndexMissing past the end, FormatError where the picture is damaged."""
        file = self.files[one_index("frame", index, len(self))]
        image = read_image(file)
        self._check((image.shape[1], image.shape[0]), file)
        return image

    def index_at(self, time_ns: int) -> int:
        """A picture's time is its index. TimeError for others."""
        time = one_time_ns("time_ns", time_ns)
        if not 0 <= time < len(self):
            raise TimeError(expected=f"an index below {len(self)}", got=str(time), path=self.path, hint="pictures tell no time")
        return time

    def frame_at(self, time_ns: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The picture of that index."""
        return self.frame(self.index_at(time_ns))


def open_video(path: str | os.PathLike[str]) -> FrameSource:
    """The frames of a video file, or the pictures of a folder, by index or by time.

    A `Video`, or an `ImageFolder`. ExtraMissing where a file needs the extra `video`.
    """
    place = as_path(path)
    return ImageFolder(place) if place.is_dir() else Video(place)


def read(path: Path, scene: str, problems: Problems) -> Scene:
    folder = ImageFolder(path)
    name = path.absolute().name or "camera"
    with os.scandir(path) as entries:
        others = [entry.name for entry in entries if not _is_picture(entry.name) and entry.name.lower() not in _SYSTEMS]
    notes = ["pictures carry no calibration, no time and no poses: their camera knows its size alone, and sits at the identity"]
    return Scene(
        name=scene,
        times_ns=folder.times_ns,
        cameras={name: CameraSensor(name, UncalibratedCamera(*folder.size_px))},
        data=SensorFiles({}, {name: folder.files}, sizes_px={name: folder.size_px}),
        has_time=False,
        label_frame=name,
        frame_ids=tuple(file.stem for file in folder.files),
        format="images",
        path=os.fspath(path),
        notes=[*notes, *unread_note(path, others)],
    )
