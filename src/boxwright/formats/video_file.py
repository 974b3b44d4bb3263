"""A video file: a scene of one camera without calibration, its frames decoded when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import UncalibratedCamera
from ..errors import FormatError, FrameMissing, number_of
from ..points import Sweep
from ..problems import Problems
from ..scene import CameraSensor, Scene
from ..video import Video
from .declared import Capabilities

__all__ = ["CAPABILITIES", "VIDEO_SUFFIXES", "VideoFrames", "detect", "list_scenes", "read", "video_camera", "videos_in"]

CAPABILITIES = Capabilities(
    title="video files",
    reads="pictures times",
    remarks=(
        "Labels of another file are laid over it with `labels=`; `bw.write_video` writes one.",
        "So are labels that come back from a platform over the recording that has them, cuboids too: `missing='drop'`, or `--drop-missing` "
        "of `convert` and `import`, leaves out the tracks, tags and attributes that were deleted there. What is read back no other than the "
        "format makes of the recording's own stays as it is: cuboids, kinds of shapes, what is occluded, attributes, classes, keyframes. "
        "Cuboids are moved by the recording's poses; a corner that moved no further than the format and its client round was not edited. A "
        "track whose polygons or lines the platform holds as boxes becomes boxes where it was moved. Boxes that were made around cuboids "
        "become labels, linked to these, once they are edited there. Tracks in pictures that the file does not have take the class that the "
        "cuboids of their object were given, and are dropped with them. `labels_camera=`, or `--labels-camera`, names the camera where the "
        "labels do not, as MOT's.",
    ),
)

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv", ".mxf", ".3gp")
_MOST_FILES = 1000  # of a folder, looked at


def detect(path: Path) -> bool:
    return path.name.lower().endswith(VIDEO_SUFFIXES) and not path.name.startswith(".") and path.is_file()


def videos_in(folder: Path) -> list[Path]:
    """The videos in a folder, each of which is a recording; none where it cannot be looked into."""
    try:
        return sorted(file for file in islice(folder.iterdir(), _MOST_FILES) if detect(file))
    except OSError:
        return []


def list_scenes(path: Path) -> list[str]:
    return [path.stem] if path.is_file() else []


@dataclass(frozen=True, eq=False)
class VideoFrames:
    """What a scene asks for its pictures, where they are frames of videos.

    videos : camera -> its video, whose frames are those of the scene
    """

    videos: Mapping[str, Video] = field(default_factory=dict)

    def points(self, frame_index: int, sensor: str) -> Sweep:
        raise FrameMissing("no sweep", field=f"frame {frame_index}, {sensor}", hint="a video has no points")

    def image(self, frame_index: int, camera: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        if not self.has_image(frame_index, camera):
            raise FrameMissing("no image", field=f"frame {frame_index}, {camera}", hint="the video has no frame here")
        return self.videos[camera].frame(frame_index)

    def has_points(self, frame_index: int, sensor: str) -> bool:
        return False

    def has_image(self, frame_index: int, camera: str) -> bool:
        return camera in self.videos and frame_index < len(self.videos[camera])

    def video_file(self, camera: str, n_frames: int) -> tuple[Path, list[int | None], str | None] | None:
        """(file, which of its frames each of the scene's is, its SHA-256 where known), None where its pictures are no frames of a video"""
        if camera not in self.videos:
            return None
        return self.videos[camera].path, [i if self.has_image(i, camera) else None for i in range(n_frames)], None


def video_camera(video: Video, problems: Problems) -> tuple[CameraSensor, list[str]]:
    """The camera of a video, called as its file, and what has to be said of it.

    A file that holds less than it says is refused in strict reading, with both numbers.
    """
    index = video.index
    hint = "copy the file again, or take the frames that are there: strict=False"
    n_whole = len(video) - int(np.isin(index.damaged_ids, index.ids).sum())
    if video.n_claimed is not None and video.n_claimed > n_whole:
        wanted = f"{number_of(video.n_claimed, 'frame')}, as it says"
        problems.keep(FormatError("the file is cut off", expected=wanted, got=f"{n_whole} whole ones", path=video.path, hint=hint))
    elif video.claimed_ns is not None and video.claimed_ns > video.duration_ns + 2 * _usual_step_ns(video):
        wanted, got = f"{video.claimed_ns * 1e-9:.3f} s, as it says", f"{video.duration_ns * 1e-9:.3f} s"
        problems.keep(FormatError("the file is cut off", expected=wanted, got=got, path=video.path, hint=hint))
    notes = ["a video carries no calibration and no poses: its camera knows its size alone, and sits at the identity"]
    clock = f", which is at {video.start_ns * 1e-9:.6f} s on the file's own clock" if video.start_ns else ""
    notes.append(f"times count from the first frame{clock}")
    notes += [f"{number_of(index.n_leading, 'frame')} at its beginning left out: built on what was cut away"] if index.n_leading else []
    notes += [f"{number_of(len(index.damaged_ids), 'frame')} cut off or marked as damaged"] if len(index.damaged_ids) else []
    return CameraSensor(video.path.stem, UncalibratedCamera(*video.size_px)), [*notes, *index.notes]


def _usual_step_ns(video: Video) -> int:
    return int(np.median(np.diff(video.times_ns))) if len(video) > 1 else video.duration_ns


def read(path: Path, scene: str, problems: Problems) -> Scene:
    video = Video(path)
    camera, notes = video_camera(video, problems)
    return Scene(
        name=scene,
        times_ns=video.times_ns,
        cameras={camera.name: camera},
        data=VideoFrames({camera.name: video}),
        label_frame=camera.name,
        format="video",
        path=os.fspath(path),
        notes=notes,
    )
