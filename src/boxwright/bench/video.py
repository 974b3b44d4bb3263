"""Clips whose pictures hold their own number; what comes out is the list of the numbers read from the pictures, compared with those asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..video import Video
from .contender import DifferenceError

__all__ = ["Clip", "clip", "clip_moved", "cv2_clip", "cv2_frames", "cv2_numbers", "our_clip", "our_frames", "our_numbers", "same_frames"]

WIDTH, HEIGHT, N_BITS = 640, 360, 12
CLOCK = Fraction(1, 30_000)


@dataclass(frozen=True, eq=False)
class Clip:
    """A video in a folder of its own, which goes with it; order : (K,) the frames that are asked for"""

    path: Path
    order: np.ndarray[Any, np.dtype[np.int64]]

    def __post_init__(self) -> None:
        weakref.finalize(self, shutil.rmtree, self.path.parent, ignore_errors=True)


def _picture(number: int) -> Any:
    """Twelve blocks, light or dark, over a texture that moves."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    image = np.repeat((70 + (u + 3 * number) // 4 % 40 + v // 6 % 20)[..., None], 3, 2).astype(np.uint8)
    for bit in range(N_BITS):
        row, column = divmod(bit, 4)
        image[20 + 120 * row : 100 + 120 * row, 20 + 160 * column : 140 + 160 * column] = 225 if number >> bit & 1 else 25
    return image


def _number(image: Any) -> int:
    bits = [image[40 + 120 * row : 80 + 120 * row, 50 + 160 * column : 110 + 160 * column].mean() > 125 for row in range(3) for column in range(4)]
    return sum(int(bit) << i for i, bit in enumerate(bits))


def clip(suffix: str, n: int, n_asked: int | None, *, is_variable: bool = False, open_gop: bool = False) -> Clip:
    """n frames of H.264 with B-frames and a key frame every 30; asked for are n_asked at random, or all in order where None"""
    import av

    path = Path(tempfile.mkdtemp(prefix="boxwright-bench-")) / f"clip{suffix}"
    dice = np.random.default_rng(1)
    ticks = np.cumsum(dice.integers(300, 3000, n)) if is_variable else np.arange(n) * 1000
    with av.open(str(path), "w", options={"fflags": "bitexact"}) as container:  # Matroska gives each file a random name otherwise
        stream = container.add_stream("libx264", rate=30, options={"x264-params": f"log-level=none:keyint=30:bframes=2:open-gop={int(open_gop)}"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = stream.codec_context.time_base = CLOCK
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(_picture(i), format="rgb24")
            frame.time_base, frame.pts = CLOCK, int(ticks[i] - ticks[0])
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Clip(path, np.arange(n) if n_asked is None else dice.integers(0, n, n_asked))


def our_clip(workload: Clip) -> Any:
    """The index is made once for a file, and kept; no decoded frame is kept, so that each repetition decodes again."""
    return Video(workload.path, cache_bytes=0), workload.order.tolist()


def our_frames(prepared: Any) -> Any:
    video, order = prepared
    return [video.frame(i) for i in order]


def our_numbers(_: Any, images: Any) -> Any:
    return [_number(image) for image in images]


def cv2_clip(workload: Clip) -> Any:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what it says of groups it enters too late
    import cv2

    return cv2.VideoCapture(str(workload.path)), workload.order.tolist()


def cv2_frames(prepared: Any) -> Any:
    """By CAP_PROP_POS_FRAMES where the next frame is not the one that comes next anyway; as RGB, as ours are."""
    import cv2

    capture, order = prepared
    capture.set(cv2.CAP_PROP_POS_FRAMES, order[0])
    at, images = order[0], []
    for i in order:
        if i != at:
            capture.set(cv2.CAP_PROP_POS_FRAMES, i)
        is_there, image = capture.read()
        images.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if is_there else None)
        at = i + 1
    return images


def cv2_numbers(_: Any, images: Any) -> Any:
    return [-1 if image is None else _number(image) for image in images]


def same_frames(workload: Clip, ours: Any, theirs: Any) -> str:
    """Ours must be the frames that were asked for; how many of a rival's are not is said."""
    wrong = [i for i, number in zip(workload.order.tolist(), ours) if number != i]
    if wrong or len(ours) != len(workload.order):
        raise DifferenceError(f"{len(wrong)} of our own {len(ours)} frames are not the ones asked for, frame {wrong[0] if wrong else '?'} first")
    n_wrong = sum(number != i for i, number in zip(workload.order.tolist(), theirs)) + len(workload.order) - len(theirs)
    return f"{n_wrong} of {len(workload.order)} frames are other ones" if n_wrong else f"all {len(workload.order)} frames are the right ones"


def clip_moved(workload: Clip, images: Any) -> tuple[int, int]:
    return workload.path.stat().st_size, sum(image.nbytes for image in images)
