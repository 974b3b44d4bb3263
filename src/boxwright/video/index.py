"""Which frames a video file holds, and where decoding can begin: found once by demuxing, and kept in the user's cache folder.

The frames are those that a decoder shows when the file is decoded from its beginning, in order. The index is a function of the file alone: frame i
is the same frame whoever asks, and whatever was asked before.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Int64s
from ..errors import ExtraMissing, FormatError, LimitError, number_of
from ..limits import limits
from .boxes import check_boxes

__all__ = ["VideoIndex", "decoded_of", "demuxed", "made_index", "opened"]

_HINT = "make the file again from its source, or copy it again"
# what a video file is made of, by FFmpeg's names; playlists and scripts, which open other files and addresses, are left out
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,ogg,mxf,ivf,yuv4mpegpipe"
_ALL_KEYS = {"mjpeg", "ffv1", "rawvideo", "huffyuv", "ffvhuff", "prores", "dnxhd", "png", "jpeg2000", "utvideo", "dvvideo", "magicyuv"}
_UNUSABLE = -(2**63)
_N_FIRST = 32  # frames that are decoded to see whether the packets tell the truth


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """ids : (F,) int64, what the decoder calls each frame, in the order they are shown: its presentation stamp, except `by_order`
    ticks : (F,) int64, increasing, when each is shown, in units of time_base
    key_ids : (K,) int64, the frames at which decoding can begin, in the order of the file
    by_order : the stamps of the file are not those of its frames (AVI has none): frames are told apart by the stamp at which they are decoded, and
        shown in the decoder's order
    last_ticks : how long the last frame is shown
    size_px : (width, height) of the pictures as they are stored; turns, is_mirrored : np.rot90 by `turns`, then mirrored from left to right
    n_claimed : frames that the container says it holds, -1 where it does not say; claimed_ticks : how long it says it is, -1 likewise
    n_leading : frames before the first that can be decoded, left out
    damaged_ids : (D,) int64, frames whose packets are cut off or marked as damaged
    is_decoded : (F,) bool of what came out when all of it was decoded once, None where that has not been done
    """

    ids: Int64s
    ticks: Int64s
    key_ids: Int64s
    by_order: bool
    last_ticks: int
    time_base: tuple[int, int]
    size_px: tuple[int, int]
    turns: int
    is_mirrored: bool
    format: str
    codec: str
    n_claimed: int
    claimed_ticks: int
    n_leading: int
    damaged_ids: Int64s
    notes: tuple[str, ...] = ()
    is_decoded: np.ndarray[Any, np.dtype[np.bool_]] | None = None

    def __len__(self) -> int:
        return len(self.ids)


def av_module() -> Any:
    """PyAV. ExtraMissing where it is absent."""
    try:
        import av
    except ImportError:
        raise ExtraMissing("video needs PyAV", hint="pip install 'boxwright[video]'") from None
    return av


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """(container, the video's stream), closed at the end; see `open_stream`."""
    container, stream = open_stream(path)
    try:
        yield container, stream
    finally:
        container.close()


def open_stream(path: Path) -> tuple[Any, Any]:
    """The container and its first stream of moving pictures. FormatError where there is none, LimitError where its pictures are too large."""
    av = av_module()
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file", "max_pixels": str(min(limits().image_px, 2**31 - 1))}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise FormatError(f"not a video that can be read: {_said(error)}", path=path, hint=_HINT) from None
    try:
        stream = next((one for one in container.streams.video if not one.disposition & av.stream.Disposition.attached_pic), None)
        context = None if stream is None else stream.codec_context
        if stream is None or context is None:
            raise FormatError("no stream of pictures that can be decoded", path=path, hint="give a video file; sound alone has no frames")
        if not (context.width > 0 and context.height > 0 and stream.time_base):
            raise FormatError("the size of its pictures cannot be told", path=path, hint=_HINT)
        limits().check("image_px", context.width * context.height, path, "size of the pictures")
        context.options = {"max_pixels": options["max_pixels"]}
    except (FormatError, LimitError):
        container.close()
        raise
    return container, stream


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def demuxed(container: Any, stream: Any, path: Path) -> Iterator[Any]:
    """The packets of a stream, as far as they can be read: where the file is cut off, they end. FormatError where they never do."""
    av = av_module()
    most, n = 8 * limits().frames_per_scene, 0  # packets without a picture count too
    while True:
        try:
            for packet in container.demux(stream):
                n += 1
                if n > most:
                    limits().check("frames_per_scene", n // 8 + 1, path, "packets")
                yield packet
            return
        except IndexError:  # a packet of a stream that nobody announced: PyAV has no place for it, and goes on behind it
            n += 1
        except (av.FFmpegError, ValueError):
            return


def decoded_of(packet: Any) -> list[Any]:
    """The frames that a packet completes; none where it is damaged beyond decoding."""
    av = av_module()
    try:
        return list(packet.decode())
    except (av.FFmpegError, ValueError):
        return []


def made_index(path: Path) -> VideoIndex:
    """The index of a file, made anew. FormatError where it holds no video, or none whose frames can be told apart."""
    check_boxes(path)
    with opened(path) as (container, stream):
        listed = _listed(container, stream, path)
    with opened(path) as (container, stream):
        first = _first_frames(container, stream, path)
    if not first:
        raise FormatError("none of its frames can be decoded", got=number_of(len(listed.ids), "packet"), path=path, hint=_HINT)
    turns, is_mirrored, notes = _orientation(first[0])
    size_px = (first[0].width, first[0].height)
    index = replace(listed, size_px=size_px, turns=turns, is_mirrored=is_mirrored, notes=(*listed.notes, *notes))
    if index.by_order:
        return _from_decoding(index, path)
    shown = [frame.pts for frame in first]
    if not _fits(shown, index.ids):
        return _from_decoding(replace(index, by_order=False), path)
    at = int(np.searchsorted(index.ids, shown[0]))
    return replace(index, ids=index.ids[at:], ticks=index.ticks[at:], n_leading=at)


def _fits(shown: list[Any], ids: Int64s) -> bool:
    """Whether the frames that come out first are those that the packets promise, but for single damaged ones. They are not where two packets make a
    frame, as fields do."""
    if any(stamp is None for stamp in shown) or any(a >= b for a, b in itertools.pairwise(shown)):
        return False
    promised = ids[(ids >= shown[0]) & (ids <= shown[-1])]
    return bool(np.isin(shown, ids).all()) and len(shown) > 0.7 * len(promised)


def _listed(container: Any, stream: Any, path: Path) -> VideoIndex:
    """What demuxing tells. by_order where the stamps of the packets cannot be those of the frames."""
    claimed = _claimed(container, stream)
    stamps, keys, ends, damaged, n_hidden, is_odd = list[int](), list[int](), list[int](), list[int](), 0, False
    for packet in demuxed(container, stream, path):
        if not packet.size:
            continue
        if packet.is_discard:
            n_hidden += 1
            continue
        is_odd |= packet.pts is None
        stamp = packet.pts if packet.pts is not None else packet.dts if packet.dts is not None else _UNUSABLE
        stamps.append(stamp)
        ends.append(stamp + (packet.duration or 0))
        limits().check("frames_per_scene", len(stamps), path)
        if packet.is_keyframe:
            keys.append(stamp)
        if packet.is_corrupt:
            damaged.append(stamp)
    if not stamps:
        raise FormatError("no frame in it", path=path, hint=_HINT)
    codec, format = stream.codec_context.name, container.format.name
    ids = np.sort(np.array(stamps, np.int64))
    by_order = is_odd or bool((np.diff(ids) <= 0).any()) or (format == "avi" and codec not in _ALL_KEYS)
    base = stream.time_base
    step = int(np.median(np.diff(ids))) if len(ids) > 1 else 0
    last = max(max(ends) - int(ids[-1]), 0) or step
    n_claimed, claimed_ticks = claimed
    if format.startswith("mov") and n_claimed >= 0:
        n_claimed -= n_hidden
    if format == "avi":  # counts slots, empty ones too, and its packets tell no durations
        last = max(last, step)
        n_claimed = len(ids) if int(ids[-1]) + last >= n_claimed >= 0 else n_claimed
    return VideoIndex(
        ids=ids,
        ticks=ids,
        key_ids=np.array(keys, np.int64),
        by_order=by_order,
        last_ticks=last,
        time_base=(base.numerator, base.denominator),
        size_px=(0, 0),
        turns=0,
        is_mirrored=False,
        format=format,
        codec=codec,
        n_claimed=n_claimed,
        claimed_ticks=claimed_ticks,
        n_leading=0,
        damaged_ids=np.array(damaged, np.int64),
        notes=_stream_notes(container, stream),
    )


def _claimed(container: Any, stream: Any) -> tuple[int, int]:
    """(frames, ticks) that the container promises before a frame is read, -1 where it does not.

    MP4 and its kin list every sample in their index, from which edit lists have taken what is not shown. Matroska tells its length, which is that of
    its longest stream.
    """
    name = container.format.name
    if name.startswith("mov"):
        return len(stream.index_entries) or -1, -1
    if name == "avi":
        return stream.frames or -1, -1
    if name.startswith("matroska") and len(container.streams) == 1 and container.duration:
        return -1, int(container.duration / stream.time_base / 1_000_000)
    return -1, -1


def _stream_notes(container: Any, stream: Any) -> tuple[str, ...]:
    notes = []
    if len(container.streams.video) > 1:
        notes.append(f"{number_of(len(container.streams.video), 'stream')} of pictures, of which the first is read")
    ratio = stream.sample_aspect_ratio
    if ratio and ratio != 1:
        notes.append(f"its pixels are not square ({ratio.numerator}:{ratio.denominator}); they are left as they are stored")
    return tuple(notes)


def _first_frames(container: Any, stream: Any, path: Path) -> list[Any]:
    """The first frames that come out when decoding from the beginning."""
    frames = (frame for packet in demuxed(container, stream, path) for frame in decoded_of(packet))
    return list(itertools.islice(frames, _N_FIRST))


def _orientation(frame: Any) -> tuple[int, bool, tuple[str, ...]]:
    """Quarter turns counter-clockwise, whether mirrored afterwards, and a note where a turn is no quarter.

    A display matrix takes (x right, y down) of the stored picture to that of the shown one: its first four numbers, as a x' = a x + c y.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 0, False, ()
    m = np.frombuffer(bytes(data), np.int32)[:9].astype(np.float64)
    a, b, c, d = m[0], m[1], m[3], m[4]
    scale = max(abs(m[:5]).max(), 1)
    unit = tuple(round(v / scale) for v in (a, b, c, d))
    turns = {(1, 0, 0, 1): (0, False), (0, -1, 1, 0): (1, False), (-1, 0, 0, -1): (2, False), (0, 1, -1, 0): (3, False)}
    turns |= {(-1, 0, 0, 1): (0, True), (1, 0, 0, -1): (2, True), (0, 1, 1, 0): (3, True), (0, -1, -1, 0): (1, True)}
    if unit not in turns or np.abs(np.array(unit) * scale - (a, b, c, d)).max() > 0.01 * scale:
        return 0, False, ("its pictures are to be turned by no quarter turn; they are left as they are stored",)
    return (*turns[unit], ())


def _from_decoding(index: VideoIndex, path: Path) -> VideoIndex:
    """The index of a file whose packets do not tell the frames: all of it is decoded, and the frames are those that come out. Where packets carry no
    stamps of showing, each is called by its stamp of decoding."""
    shown, keys, damaged, seen = list[Any](), list[int](), list[int](), set[int]()
    with opened(path) as (container, stream):
        for packet in demuxed(container, stream, path):
            if packet.size and index.by_order and not renamed(packet, seen):
                raise _unordered(path)
            if packet.size and packet.is_keyframe and not packet.is_discard and packet.pts is not None:
                keys.append(packet.pts)
            if packet.size and packet.is_corrupt and packet.pts is not None:
                damaged.append(packet.pts)
            shown += [frame.pts for frame in decoded_of(packet)]
    if None in shown or len(set(shown)) < len(shown) or (not index.by_order and shown != sorted(shown)):
        if index.by_order:
            raise _unordered(path)
        return _from_decoding(replace(index, by_order=True), path)
    ids = np.array(shown, np.int64)
    return replace(index, ids=ids, ticks=np.sort(ids), key_ids=np.array(keys, np.int64), damaged_ids=np.array(damaged, np.int64), n_leading=0)


def renamed(packet: Any, seen: set[int] | None = None) -> bool:
    """Calls a packet, and with it the frame it becomes, by its stamp of decoding. False where it has none, or one that was seen before."""
    if packet.dts is None or (seen is not None and packet.dts in seen):
        return False
    packet.pts = packet.dts
    if seen is not None:
        seen.add(packet.dts)
    return True


def _unordered(path: Path) -> FormatError:
    hint = "put it into another container: ffmpeg -fflags +genpts -i FILE -c copy out.mkv"
    return FormatError("frames without stamps of their own: they cannot be told apart", path=path, hint=hint)
