"""Clips whose frames tell their own number: it stands in the pixels as twelve light or dark blocks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed (extra 'video')")

WIDTH, HEIGHT = 160, 96
RATE = Fraction(30)
CLOCK = Fraction(1, 30_000)


def picture(number: int) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for bit in range(12):
        row, column = divmod(bit, 4)
        image[4 + 32 * row : 28 + 32 * row, 4 + 40 * column : 36 + 40 * column] = 225 if number >> bit & 1 else 25
    return image


def number_in(image: np.ndarray) -> int:
    """The number in a picture; -1 where it has another size."""
    if image.shape != (HEIGHT, WIDTH, 3):
        return -1
    bits = [image[10 + 32 * row : 22 + 32 * row, 12 + 40 * column : 28 + 40 * column].mean() > 125 for row in range(3) for column in range(4)]
    return sum(int(bit) << i for i, bit in enumerate(bits))


def uneven_ticks(n: int, seed: int = 5) -> list[int]:
    """Times of n frames of variable rate, in units of CLOCK: from 10 to 100 a second, and a pause now and then."""
    dice = np.random.default_rng(seed)
    steps = dice.integers(300, 3000, n) + np.where(dice.random(n) < 0.02, 20_000, 0)
    return np.concatenate([[0], np.cumsum(steps)[:-1]]).tolist()


def make_clip(
    path: Path,
    codec: str,
    n: int,
    *,
    ticks: list[int] | None = None,
    gop: int = 24,
    b_frames: int = 2,
    options: dict | None = None,
    turn_deg: int = 0,
) -> list[int]:
    """Writes a clip of n frames; returns their times in nanoseconds. Skips where PyAV lacks the encoder."""
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {codec}")
    clock = CLOCK if ticks else 1 / RATE
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = 24, 0 if codec == "mjpeg" else 2
        stream.time_base = stream.codec_context.time_base = clock
        if turn_deg:
            stream.set_display_rotation(turn_deg)
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(picture(i), format="rgb24")
            frame.time_base, frame.pts = clock, ticks[i] if ticks else i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return [round(Fraction(ticks[i] if ticks else i) * clock * 10**9) for i in range(n)]


QUIET_265 = {"x265-params": "log-level=none:keyint=24:bframes=3"}
KINDS = {  # name of the file -> codec, whether of variable rate, the encoder's options
    "constant.mp4": ("libx264", False, {}),
    "variable.mp4": ("libx264", True, {}),
    "h265.mp4": ("libx265", False, QUIET_265),
    "open_gop_h265.mp4": ("libx265", True, {"x265-params": "log-level=none:keyint=24:bframes=3:open-gop=1"}),
    "open_gop.ts": ("libx264", False, {"x264-params": "open-gop=1:keyint=24:bframes=3"}),
    "variable_open_gop.ts": ("libx264", True, {"x264-params": "open-gop=1:keyint=24:bframes=3"}),
    "variable.mkv": ("libx264", True, {}),
    "open_gop.mkv": ("libx264", True, {"x264-params": "open-gop=1:keyint=24:bframes=3"}),
    "refresh.mp4": ("libx264", False, {"x264-params": "intra-refresh=1:keyint=24"}),
    "h264.avi": ("libx264", False, {}),
    "mpeg4.avi": ("mpeg4", False, {}),
    "mjpeg.avi": ("mjpeg", False, {}),
    "mpeg2.ts": ("mpeg2video", False, {}),
    "vp9.webm": ("libvpx-vp9", True, {"deadline": "realtime", "cpu-used": "8"}),
    "av1.mp4": ("libsvtav1", False, {"preset": "12", "svtav1-params": "keyint=24", "crf": "20"}),
}


def make_kind(folder: Path, name: str, n: int) -> tuple[Path, list[int]]:
    """(path, times in nanoseconds) of a clip of one of KINDS."""
    codec, is_variable, options = KINDS[name]
    path = folder / name
    return path, make_clip(path, codec, n, ticks=uneven_ticks(n) if is_variable else None, options=dict(options))
