"""Pictures become a video: H.264 in MP4, each picture shown at its own time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from ..arrays import ArrayLike, Int64s, as_floats, as_times_ns
from ..errors import ArgumentError, ExtraMissing, StorageError, number_of
from ..limits import limits
from ..outputs import whole_file
from .index import av_module

__all__ = ["write_video"]

_ENCODER = "libx264"
_CLOCKS_HZ = (1000, 90_000, 24_000, 30_000, 60_000, 12_800, 15_360, 16_000, 1_000_000, 10**9)  # usual ones first
_FASTEST_FPS = 100_000


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[Any],
    *,
    times_ns: ArrayLike | None = None,
    fps: float | Fraction | None = None,
    quality: int = 18,
    overwrite: bool = False,
) -> None:
    """Writes pictures as an MP4 file, which appears only when it is complete.

    frames : (H, W, 3) uint8 RGB each, all of one size; taken one after the other, so that they need not be in memory together
    times_ns : (F,) int64, increasing, when each is shown, counted from the first; or
    fps : how many are shown in a second, evenly
    quality : 0 (best) to 51, the encoder's constant rate factor
    A row or column is repeated where the height or width is odd, which H.264 has no colours for.

    ArgumentError for other pictures or times, StorageError where the file cannot be written or is there already, ExtraMissing without the extra
    `video`.
    """
    if (times_ns is None) == (fps is None):
        raise ArgumentError(expected="times_ns or fps", got="both" if fps is not None else "neither", field="write_video", hint="give one of them")
    if not str(path).lower().endswith((".mp4", ".m4v", ".mov")):
        raise ArgumentError(expected="a file ending in .mp4", got=os.path.basename(path), field="path")  # noqa: PTH119
    if isinstance(quality, bool) or not isinstance(quality, int) or not 0 <= quality <= 51:
        raise ArgumentError(expected="a quality from 0 (best) to 51", got=repr(quality), field="quality")
    clock, ticks = _even(fps) if fps is not None else _at_times(times_ns)
    av = av_module()
    if _ENCODER not in av.codecs_available:
        raise ExtraMissing(f"this PyAV has no encoder {_ENCODER}", hint="pip install --force-reinstall 'boxwright[video]'")
    with whole_file(path, overwrite=overwrite) as part:
        try:
            _encode(av, part, frames, clock, ticks, quality)
        except (av.FFmpegError, OSError) as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"the video cannot be written: {error}", path=path, hint="choose another place, or other pictures") from error


def _even(fps: Any) -> tuple[Fraction, Int64s | None]:
    """(seconds of a tick, None): every picture one tick."""
    rate = fps if isinstance(fps, Fraction) else Fraction(float(as_floats("fps", fps, ()))).limit_denominator(1001)
    if not 0 < rate <= _FASTEST_FPS:
        raise ArgumentError(expected=f"a rate above 0, up to {_FASTEST_FPS:,}", got=repr(fps), field="fps")
    return 1 / rate, None


def _at_times(times_ns: Any) -> tuple[Fraction, Int64s]:
    """(seconds of a tick, (F,) ticks): of the usual clocks the first on which every time is what it was, to the nanosecond."""
    times = as_times_ns("times_ns", times_ns, increasing=True)
    spans = [int(time) - int(times[0]) for time in times.tolist()]
    for hz in _CLOCKS_HZ:
        ticks = [(2 * span * hz + 10**9) // (2 * 10**9) for span in spans]
        if all((2 * tick * 10**9 + hz) // (2 * hz) == span for tick, span in zip(ticks, spans)):
            return Fraction(1, hz), np.array(ticks, np.int64)
    raise AssertionError("nanoseconds are exact on a clock of nanoseconds")


def _encode(av: Any, part: Any, frames: Iterable[Any], clock: Fraction, ticks: Int64s | None, quality: int) -> None:
    n = 0
    with av.open(os.fspath(part), "w") as container:
        stream: Any = None
        for n, picture in enumerate(frames, 1):
            image = _checked(picture, n - 1, None if stream is None else (stream.width, stream.height))
            if ticks is not None and n > len(ticks):
                raise _uneven(len(ticks), "more pictures")
            if stream is None:
                last = 1 if ticks is None else _duration(ticks, len(ticks) - 1)  # the last one's, since the rate is what the muxer takes it from
                stream = container.add_stream(_ENCODER, rate=1 / (last * clock), options={"crf": str(quality), "x264-params": "log-level=none"})
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.time_base = stream.codec_context.time_base = clock
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base, frame.pts = clock, n - 1 if ticks is None else int(ticks[n - 1])
            frame.duration = 1 if ticks is None else _duration(ticks, n - 1)
            container.mux(stream.encode(frame))
        if stream is None:
            raise ArgumentError(expected="at least one picture", got="none", field="frames", hint="choose frames that are there")
        if ticks is not None and n != len(ticks):
            raise _uneven(len(ticks), number_of(n, "picture"))
        container.mux(stream.encode())


def _duration(ticks: Int64s, i: int) -> int:
    """Until the next picture; the last is shown as long as the one before."""
    if len(ticks) == 1:
        return 1
    i = min(i, len(ticks) - 2)
    return int(ticks[i + 1] - ticks[i])


def _uneven(n: int, got: str) -> ArgumentError:
    return ArgumentError(expected=f"{number_of(n, 'picture')}, one for each time", got=got, field="frames", hint="give as many times as pictures")


def _checked(picture: Any, i: int, size_px: tuple[int, int] | None) -> Any:
    """The picture, made even; ArgumentError where it is none, or of another size than the first."""
    image = np.asarray(picture)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        got = f"shape {image.shape}, {image.dtype}"
        raise ArgumentError(expected="(H, W, 3) uint8 RGB", got=got, field=f"frames[{i}]", hint="convert the picture")
    limits().check("image_px", image.shape[0] * image.shape[1], f"frames[{i}]")
    even = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge") if any(s % 2 for s in image.shape[:2]) else image
    if size_px is not None and (even.shape[1], even.shape[0]) != size_px:
        wanted = "{} x {} pixels, as the first".format(*size_px)
        raise ArgumentError(expected=wanted, got=f"{image.shape[1]} x {image.shape[0]}", field=f"frames[{i}]", hint="scale all to one size")
    return np.ascontiguousarray(even)
