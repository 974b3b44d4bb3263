"""Videos in boxwright's own scene folder: the file is kept, as a copy or where it is, and its frames are decoded when they are asked for.

A camera whose pictures are frames of a video has in scene.json

    video   {file: "videos/front.mp4", size_bytes, sha256, frame_index}     a copy in the folder
            {path: "/recordings/front.mp4", size_bytes, sha256, frame_index}     the file where it lies

frame_index : for each frame of the scene the frame of the video, counted as `bw.open_video` counts, or null for a frame without a picture.
A file of another size is refused before it is opened, and one that is not in the folder also where its SHA-256 differs.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, FormatError, FrameMissing, number_of
from ..scene import Scene
from ..video import Video
from .sensor_files import SensorFiles
from .strict_json import Node

__all__ = ["VIDEOS", "FilesAndVideos", "KeptVideo", "read_video", "write_videos"]

VIDEOS = "videos"
WAYS = ("copy", "reference", "pictures")
_CHUNK = 1 << 20
_SAID = frozenset({"size_bytes", "sha256", "frame_index"})


@dataclass(eq=False)
class KeptVideo:
    """A video that a scene.json names.

    frame_index : the frame of the video for each frame of the scene, None where it has none
    is_copy : it lies in the scene's folder
    size_px : of the camera
    """

    path: Path
    size_bytes: int
    sha256: str
    frame_index: Sequence[int | None]
    is_copy: bool
    size_px: tuple[int, int]

    @property
    def is_there(self) -> bool:
        try:
            return self.path.is_file()
        except OSError:  # no path that can be
            return False

    def has(self, frame_index: int) -> bool:
        return self.frame_index[frame_index] is not None and self.is_there

    @cached_property
    def video(self) -> Video:
        """Opened at the first frame that is asked for: whoever wants the labels alone needs neither the file nor the extra `video`."""
        hint = "put the file back that the labels were drawn on, or convert the recording again"
        size = self.path.stat().st_size
        if size != self.size_bytes:
            raise FormatError(
                "the video is not the one that was labelled", expected=f"{self.size_bytes:,} bytes", got=f"{size:,}", path=self.path, hint=hint
            )
        if not self.is_copy and (found := sha256_of(self.path)) != self.sha256:
            raise FormatError("the video is not the one that was labelled", expected=f"SHA-256 {self.sha256}", got=found, path=self.path, hint=hint)
        video = Video(self.path)
        last = max((i for i in self.frame_index if i is not None), default=-1)
        if last >= len(video) or video.size_px != self.size_px:
            (width, height), (got_width, got_height) = self.size_px, video.size_px
            wanted, got = f"{last + 1} frames or more of {width} x {height} pixels", f"{len(video)} of {got_width} x {got_height}"
            raise FormatError(expected=wanted, got=got, path=self.path, hint=hint)
        return video

    def frame(self, frame_index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        at = self.frame_index[frame_index]
        if at is None or not self.is_there:
            hint = "has_image tells which frames have one" if at is None else f"put {self.path} back"
            raise FrameMissing("no image", field=f"frame {frame_index}", hint=hint)
        return self.video.frame(at)


@dataclass(frozen=True)
class FilesAndVideos(SensorFiles):
    """Sensor data in files, the pictures of some cameras in videos."""

    videos: Mapping[str, KeptVideo] = field(default_factory=dict)

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return self.videos[camera].frame(frame_index) if camera in self.videos else super().image(frame_index, camera)

    def has_image(self, frame_index: int, camera: str) -> bool:
        return self.videos[camera].has(frame_index) if camera in self.videos else super().has_image(frame_index, camera)

    def video_file(self, camera: str, n_frames: int) -> tuple[Path, list[int | None], str | None] | None:
        """As that of `VideoFrames`; None too where the file is not there."""
        kept = self.videos.get(camera)
        return (kept.path, list(kept.frame_index), kept.sha256) if kept is not None and kept.is_there else None

    def image_path(self, frame_index: int, camera: str) -> Path | None:
        return None if camera in self.videos else super().image_path(frame_index, camera)


# ------------------------------------------------------------ in and out


def read_video(node: Node, folder: Path, n_frames: int, size_px: tuple[int, int]) -> KeptVideo:
    is_copy = node.has("file")
    node.only(_SAID | {"file" if is_copy else "path"}, frozenset())
    place = node["file" if is_copy else "path"]
    if is_copy and not re.fullmatch(rf"{VIDEOS}/[^./\\:\0][^/\\:\0]*", place.text()):
        raise place.wrong(f"a file in {VIDEOS}/", repr(place.text()[:80]))
    if not is_copy and (not os.path.isabs(place.text()) or "\0" in place.text()):  # noqa: PTH117
        raise place.wrong("a whole path from the root on", repr(place.text()[:80]))
    sha256 = node["sha256"].text()
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise node["sha256"].wrong("64 hexadecimal digits", repr(sha256[:80]))
    index = [None if item.value is None else item.whole() for item in node["frame_index"]]
    if len(index) != n_frames or any(i is not None and i < 0 for i in index):
        raise node["frame_index"].wrong(f"{number_of(n_frames, 'frame')} of the video, from 0, or null", f"{len(index)}")
    return KeptVideo(folder / place.text() if is_copy else Path(place.text()), node["size_bytes"].whole(), sha256, index, is_copy, size_px)


def write_videos(scene: Scene, folder: Path, how: str) -> dict[str, dict[str, Any]]:
    """Camera -> what scene.json says of its video, for those whose pictures are frames of one.

    how : "copy" into the folder, "reference" to the file where it is, or "pictures": none is kept, and the frames become pictures
    """
    if how not in WAYS:
        raise ArgumentError(expected=f"one of {', '.join(WAYS)}", got=repr(how)[:60], field="videos")
    said: dict[str, dict[str, Any]] = {}
    for name in scene.cameras if how != "pictures" else ():
        found = video_file(name, len(scene)) if (video_file := getattr(scene.data, "video_file", None)) else None
        if found is None:
            continue
        path, index, known = found
        if how == "copy":
            target = folder / VIDEOS / f"{name}{path.suffix}"
            target.parent.mkdir(exist_ok=True)
            place, sha256 = {"file": f"{VIDEOS}/{target.name}"}, sha256_of(path, target)
        else:
            place, sha256 = {"path": os.fspath(path.resolve())}, sha256_of(path)
        if known not in (None, sha256):
            raise FormatError("the video is not the one that was labelled", expected=f"SHA-256 {known}", got=sha256, path=path, hint="put it back")
        said[name] = {**place, "size_bytes": path.stat().st_size, "sha256": sha256, "frame_index": index}
    return said


def sha256_of(path: Path, copy: Path | None = None) -> str:
    """The SHA-256 of a file, which is copied on the way where `copy` names a new one."""
    digest = hashlib.sha256()
    with path.open("rb") as source, (Path(os.devnull) if copy is None else copy).open("wb") as target:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()
