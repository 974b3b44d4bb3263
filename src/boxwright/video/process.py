"""Videos opened and decoded in a process of their own, with a bound on its memory and its time: for files that nobody vouches for.

python -m boxwright.video.process PATH    is that process: it tells what the video is, or why it is none; then it reads indices of frames, and
answers width, height and RGB, or what is wrong with the frame

A hostile file can make the process hang or die. What it was asked for is then refused, and not tried again; after a few times the video is.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from ..apart import Apart, Gone, bind, exactly
from ..arrays import one_index
from ..errors import BoxwrightError, FormatError
from ..limits import limits
from .reader import Video

__all__ = ["VideoApart"]

ROOM_BYTES = 1 << 30  # what the process may take besides
ROOM_PER_PX = 30  # of the largest picture there may be: a codec keeps some twenty of them
INDEX_BYTES = 64 << 20  # of a file with its index, in the cache
KEPT_BYTES = 64 << 20  # of decoded frames
PATIENCE_S = 20.0  # for a frame
OPENING_S = 30.0  # and a second more for every OPENING_BYTES of the file, whose packets are all looked at
OPENING_BYTES = 25_000_000
MOST_DEATHS = 3
_ASKED = struct.Struct("<q")
_SIZE = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_HINT = "look at the recording: 'boxwright info' opens it"
Image = np.ndarray[Any, np.dtype[np.uint8]]


class VideoApart:
    """A video whose frames are decoded elsewhere; may be used by several threads, which take turns.

    path : the file; handles : open files that its process has, too, where the path leads to one of them
    n_frames, size_px : of the video; (width, height)

    FormatError where it is none, or takes too long or too much to be opened.
    """

    def __init__(self, path: str | os.PathLike[str], handles: Sequence[int] = ()) -> None:
        self._path = os.fspath(path)
        self._opening_s = OPENING_S + os.stat(path).st_size / OPENING_BYTES  # noqa: PTH116
        self.process = Apart("boxwright.video.process", [self._path], handles)
        self._lock = threading.Lock()
        self._is_open, self.is_closed = False, False
        self._deadly: set[int] = set()
        try:
            said = self._opened()
        except FormatError:
            self.close()
            raise
        self.n_frames, self.size_px = int(said["n_frames"]), (int(said["size_px"][0]), int(said["size_px"][1]))

    def close(self) -> None:
        self.is_closed = True
        self.process.stop()

    def __len__(self) -> int:
        return self.n_frames

    def frame(self, index: int) -> Image:
        """(H, W, 3) uint8 RGB, as `Video.frame` gives it. IndexMissing past the end; FormatError where it is damaged, or takes too much."""
        i = one_index("frame", index, self.n_frames)
        with self._lock:
            if self.is_closed:
                raise FormatError("the video is closed", hint="open it again")
            if i in self._deadly or len(self._deadly) >= MOST_DEATHS:
                raise _too_much(i, self.n_frames)
            if not self._is_open or self.process.pid is None:
                self._opened()
            try:
                found = self.process.ask(_ASKED.pack(i), _frame, PATIENCE_S, starts=False)
            except Gone:
                self._is_open = False
                self._deadly.add(i)
                raise _too_much(i, self.n_frames) from None
        if isinstance(found, str):
            raise FormatError(found, got=f"frame {i} of {self.n_frames}", hint=_HINT)
        return found

    def _opened(self) -> dict[str, Any]:
        """Waits for a new process to open the file; what it says of it."""
        self._is_open = False
        try:
            said: dict[str, Any] = self.process.ask(b"", _said, self._opening_s)
        except Gone:
            raise FormatError("a video that cannot be opened", hint=f"it takes too long, too much, or is damaged; {_HINT}") from None
        if "wrong" in said:
            self.process.stop()
            raise FormatError(said["wrong"], hint=_HINT)
        self._is_open = True
        return said


def _too_much(i: int, n: int) -> FormatError:
    return FormatError("a frame that cannot be decoded", got=f"frame {i} of {n}", hint=f"it takes too long, too much, or is damaged; {_HINT}")


def _said(pipe: IO[bytes]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(exactly(pipe, _LENGTH.unpack(exactly(pipe, _LENGTH.size))[0]))
    return said


def _frame(pipe: IO[bytes]) -> Image | str:
    """The picture, or what is wrong with it."""
    width, height = _SIZE.unpack(exactly(pipe, _SIZE.size))
    if width == 0:
        return exactly(pipe, height).decode()
    return np.frombuffer(exactly(pipe, 3 * width * height), np.uint8).reshape(height, width, 3)


# ------------------------------------------------------------ the process


def _sentence(error: Exception) -> str:
    """Without the path, which is nobody's business."""
    return (error.what or "it cannot be read") if isinstance(error, BoxwrightError) else "it takes too much, or is damaged"


def main() -> None:
    bind(ROOM_BYTES + ROOM_PER_PX * limits().image_px, INDEX_BYTES)
    asking, answering = sys.stdin.buffer, sys.stdout.buffer
    video: Video | None = None
    try:
        video = Video(sys.argv[1], cache_bytes=KEPT_BYTES)
        said: dict[str, Any] = {"n_frames": len(video), "size_px": video.size_px}
    except Exception as error:  # whatever a decoder says, there is no video
        said = {"wrong": _sentence(error)}
    text = json.dumps(said).encode()
    answering.write(_LENGTH.pack(len(text)) + text)
    answering.flush()
    while video is not None and len(asked := asking.read(_ASKED.size)) == _ASKED.size:
        try:
            image = video.frame(_ASKED.unpack(asked)[0])
        except Exception as error:
            wrong = _sentence(error).encode()
            answering.write(_SIZE.pack(0, len(wrong)) + wrong)
        else:
            answering.write(_SIZE.pack(image.shape[1], image.shape[0]) + image.tobytes())
        answering.flush()


if __name__ == "__main__":
    main()
