"""Frames of a video by index or by time: frame i is always the same frame, whatever was asked before.

Method: all packets are read once, undecoded, and give the stamp of every frame and of every key frame (`index`). A frame is found by going to
the last key frame at or before it and decoding until its own stamp comes out. Where a container lands too late (transport streams do), decoding
begins one key frame earlier, in the end at the beginning. Frame numbers that a container estimates are never used.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from ..arrays import Int64s, frozen, one_index, one_time_ns
from ..errors import FormatError, TimeError, number_of
from ..limits import checked_size
from ..outputs import as_path
from .cache import cached_index, keep_index
from .index import VideoIndex, av_module, decoded_of, demuxed, open_stream, renamed

__all__ = ["FrameSource", "Video", "VideoCheck"]

Image = np.ndarray[Any, np.dtype[np.uint8]]
_HINT = "copy the file again, or take another frame"


class FrameSource(Protocol):
    """Pictures one after the other: a video, a folder of pictures, one camera of a scene.

    times_ns : (F,) int64, when each is shown
    size_px : (width, height) of every one
    """

    @property
    def times_ns(self) -> Int64s: ...

    @property
    def size_px(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def frame(self, index: int) -> Image:
        """(H, W, 3) uint8 RGB. IndexMissing where there is none, FormatError where it is damaged."""

    def index_at(self, time_ns: int) -> int:
        """Which one is on show at a time. TimeError before the first and after the last."""

    def frame_at(self, time_ns: int) -> Image:
        """The one on show at a time."""


@dataclass(frozen=True)
class VideoCheck:
    """What came out when every frame was decoded.

    n_claimed : frames that the container says it holds; None where it does not say
    n_frames : frames that are listed: len(video)
    n_decoded : those of them that could be decoded; missing : the indices of the others
    """

    n_claimed: int | None
    n_frames: int
    n_decoded: int
    missing: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        return self.n_decoded == self.n_frames and self.n_claimed in (None, self.n_frames)


class Video:
    """A video file. A context manager; may be used by several threads, which take turns.

    path : the file; its format is found by looking into it
    cache_bytes : decoded frames that are kept, so that going back does not decode anew

    FormatError where it is no video or nothing in it can be decoded; LimitError where it asks for too much; ExtraMissing without the extra `video`.
    """

    def __init__(self, path: str | os.PathLike[str], *, cache_bytes: int = 128 << 20) -> None:
        self.path = as_path(path)
        checked_size(self.path)
        av_module()
        self.index: VideoIndex = cached_index(self.path)
        self._order = np.argsort(self.index.ids, kind="stable")
        self._sorted_ids = self.index.ids[self._order]
        self._key_index = np.sort(self._indices_of(self.index.key_ids))
        self._times_ns = _times_ns(self.index, self.path)
        self._lock = threading.RLock()
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._kept_bytes, self._most_bytes = 0, cache_bytes
        self._missing: set[int] = set()
        self._damaged = set(self.index.damaged_ids.tolist())
        self._container: Any = None
        self._frames: Iterator[tuple[int, Any]] | None = None
        self._next = 0  # the frame that decoding on would give, where _frames is not None
        self._is_closed = False

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        width, height = self.size_px
        return f"Video({self.path.name!r}, {number_of(len(self), 'frame')}, {width} x {height}, {self.codec}, {self.duration_ns * 1e-9:.3f} s)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return (partial(Video, cache_bytes=self._most_bytes), (self.path,))

    def close(self) -> None:
        """Gives the file and the kept frames back. A closed video cannot be read any more."""
        with self._lock:
            self._is_closed = True
            self._stop()
            self._kept.clear()
            self._kept_bytes = 0

    # ------------------------------------------------------------ what is known of it

    @property
    def times_ns(self) -> Int64s:
        """(F,) int64, when each frame is shown, from the first one on, which is at 0."""
        return self._times_ns

    @property
    def duration_ns(self) -> int:
        """From the first frame to the end of the last."""
        return _ns(int(self.index.ticks[-1] - self.index.ticks[0]) + self.index.last_ticks, self.index)

    @property
    def start_ns(self) -> int:
        """When the first frame is shown on the container's own clock."""
        return _ns(int(self.index.ticks[0]), self.index)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the pictures as they are shown, turned as the file says."""
        width, height = self.index.size_px
        return (height, width) if self.index.turns % 2 else (width, height)

    @property
    def codec(self) -> str:
        return self.index.codec

    @property
    def n_claimed(self) -> int | None:
        """Frames that the container says it holds, None where it does not say; more than len(video) where the file is cut off."""
        return self.index.n_claimed if self.index.n_claimed >= 0 else None

    @property
    def claimed_ns(self) -> int | None:
        """How long the container says it is, where it says that and not how many frames it holds."""
        return _ns(self.index.claimed_ticks, self.index) if self.index.claimed_ticks >= 0 else None

    @property
    def is_constant_rate(self) -> bool:
        """Whether the frames are evenly spaced, as far as the container's clock can tell: steps differ by one tick at most."""
        steps = np.diff(self.index.ticks)
        return len(steps) < 2 or int(steps.max() - steps.min()) <= 1

    # ------------------------------------------------------------ frames

    def frame(self, index: int) -> Image:
        """(H, W, 3) uint8 RGB, the index-th frame that is shown. IndexMissing past the end, FormatError where it is damaged."""
        i = one_index("frame", index, len(self))
        with self._lock:
            return self._picture(self._decoded(i), i)

    def index_at(self, time_ns: int) -> int:
        """The frame on show at a time: the last one whose own time is not later. TimeError before the first, and once the last is over."""
        time = one_time_ns("time_ns", time_ns)
        if not 0 <= time < max(self.duration_ns, 1):
            wanted = f"a time from 0 up to {self.duration_ns} ns"
            raise TimeError(expected=wanted, got=f"{time} ns", path=self.path, hint="times count from the first frame")
        return int(np.searchsorted(self._times_ns, time, side="right")) - 1

    def frame_at(self, time_ns: int) -> Image:
        """The frame on show at a time, as `index_at` finds it."""
        return self.frame(self.index_at(time_ns))

    def __iter__(self) -> Iterator[Image]:
        return (self.frame(i) for i in range(len(self)))

    def check(self, progress: Callable[[], object] | None = None) -> VideoCheck:
        """Decodes every frame once, and tells what came out; the answer is kept with the index.

        progress : called after each frame
        """
        with self._lock:
            if self.index.is_decoded is None:
                is_decoded = np.zeros(len(self), bool)
                self._start(None)
                for i, frame in self._frames or ():
                    is_decoded[i] = self._fault(frame) is None
                    if progress is not None:
                        progress()
                self._stop()
                self.index = replace(self.index, is_decoded=is_decoded)
                keep_index(self.path, self.index)
            good = self.index.is_decoded
        missing = () if good is None else tuple(np.flatnonzero(~good).tolist())
        return VideoCheck(self.n_claimed, len(self), len(self) - len(missing), missing)

    def _decoded(self, i: int) -> Any:
        """The i-th frame as the decoder gives it."""
        if self._is_closed:
            raise FormatError("the video is closed", path=self.path, hint="open it again")
        if i in self._kept:
            self._kept.move_to_end(i)
            return self._kept[i]
        k = int(np.searchsorted(self._key_index, i, side="right")) - 1  # the last key frame at or before it
        goes_on = self._frames is not None and self._next <= i and (k < 0 or self._key_index[k] <= self._next)
        frame = self._run_to(i) if goes_on else None
        if frame is None and i not in self._missing:
            frame = self._sought(i, k)
        if frame is None:
            self._missing.add(i)
            raise FormatError("a frame that cannot be decoded", got=f"frame {i} of {len(self)}", path=self.path, hint=_HINT)
        return frame

    def _sought(self, i: int, k: int) -> Any:
        """From the last key frame before, then from earlier ones, at last from the beginning."""
        for key in (k, k - 1, k - 2, k - 4, k - 8):
            if key > 0 and self._start(int(self.index.ids[self._key_index[key]]), i):
                frame = self._run_to(i)
                if frame is not None:
                    return frame
        self._start(None)
        return self._run_to(i)

    def _run_to(self, i: int) -> Any:
        """Decodes on until the i-th frame comes, and keeps what comes before; None where it does not come."""
        for j, frame in self._frames or ():
            self._next = j + 1
            self._keep(j, frame)
            if j >= i:
                return frame if j == i else None
        self._frames = None
        return None

    def _start(self, key_id: int | None, i: int = 0) -> bool:
        """Makes decoding begin at a key frame, or at the beginning. False where the container does not find a key frame at or before the i-th."""
        av = av_module()
        if key_id is None or self._container is None:
            self._stop()
            self._container, self._stream = open_stream(self.path)
            self._stream.thread_type = "SLICE"
        if key_id is None:
            self._frames, self._next = self._shown(demuxed(self._container, self._stream, self.path), 0), 0
            return True
        try:
            self._container.seek(key_id, stream=self._stream, backward=True, any_frame=False)
        except (av.FFmpegError, ValueError, OverflowError):
            return False
        packets = demuxed(self._container, self._stream, self.path)
        for packet in packets:
            if packet.size and packet.is_keyframe and (not self.index.by_order or renamed(packet)) and packet.pts is not None:
                floor = int(self._indices_of(np.array([packet.pts]))[0])
                if floor > i:
                    return False
                self._frames, self._next = self._shown(_chained(packet, packets), floor), floor
                return True
        return False

    def _shown(self, packets: Iterator[Any], floor: int) -> Iterator[tuple[int, Any]]:
        """(index, frame) of the listed frames that come out; those before the key frame that decoding began at may lack what they build on."""
        for packet in packets:
            if packet.size and self.index.by_order and not renamed(packet):
                continue
            for frame in decoded_of(packet):
                if frame.pts is None:
                    continue
                j = int(self._indices_of(np.array([frame.pts]))[0])
                if j >= floor and j < len(self) and self.index.ids[j] == frame.pts:
                    yield j, frame

    def _indices_of(self, ids: Int64s) -> Int64s:
        """The index of each frame called so; of the next shown one, F at the end, where the name is not listed."""
        at = np.searchsorted(self._sorted_ids, ids)
        found: Int64s = np.append(self._order, len(self._order))[at]
        return found

    def _keep(self, j: int, frame: Any) -> None:
        if j in self._kept:
            return
        self._kept[j] = frame
        self._kept_bytes += _n_bytes(frame)
        while self._kept_bytes > self._most_bytes and len(self._kept) > 1:
            self._kept_bytes -= _n_bytes(self._kept.popitem(last=False)[1])

    def _stop(self) -> None:
        self._frames = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def _fault(self, frame: Any) -> str | None:
        if (frame.width, frame.height) != self.index.size_px:
            return f"its size changes to {frame.width} x {frame.height}"
        return "it is damaged" if frame.is_corrupt or frame.pts in self._damaged else None

    def _picture(self, frame: Any, i: int) -> Image:
        """As RGB, the way it is to be shown."""
        fault = self._fault(frame)
        if fault is not None:
            raise FormatError(f"a frame that cannot be used: {fault}", got=f"frame {i} of {len(self)}", path=self.path, hint=_HINT)
        try:
            image = frame.to_ndarray(format="rgb24")
        except (av_module().FFmpegError, ValueError) as error:
            raise FormatError(f"a frame that cannot be used: {error}", got=f"frame {i} of {len(self)}", path=self.path, hint=_HINT) from None
        if self.index.turns:
            image = np.rot90(image, self.index.turns)
        if self.index.is_mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(image)


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _n_bytes(frame: Any) -> int:
    return sum(plane.buffer_size for plane in frame.planes)


def _ns(ticks: int, index: VideoIndex) -> int:
    """Rounded to the nearest, in whole numbers."""
    numerator, denominator = index.time_base
    return (2 * ticks * numerator * 10**9 + denominator) // (2 * denominator)


def _times_ns(index: VideoIndex, path: Any) -> Int64s:
    first = int(index.ticks[0])
    numbers = [_ns(tick - first, index) for tick in index.ticks.tolist()]
    if numbers[-1] >= 2**62 or any(a >= b for a, b in itertools.pairwise(numbers)):
        raise FormatError("stamps that cannot be", expected="increasing times within 146 years", path=path, hint="put it into another container")
    times: Int64s = frozen(np.array(numbers, np.int64))
    return times
