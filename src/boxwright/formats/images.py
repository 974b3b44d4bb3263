"""Pictures: PNG and JPEG, their dimensions read before anything is decoded."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, FormatError
from ..limits import checked_size, limits

__all__ = ["IMAGE_SUFFIXES", "check_image", "decoded_image", "image_bytes", "image_size_px", "read_image"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
_PLAIN_BYTES = 24 << 20  # 4K: a picture up to this size may be of one colour, and then takes next to nothing in its file
Image = np.ndarray[Any, np.dtype[np.uint8]]


def image_size_px(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) as the file's header says. FormatError where it is neither PNG nor JPEG."""
    checked_size(path)
    with Path(path).open("rb") as file:
        return _size_px(file.read(1 << 20), path)


def _size_px(head: bytes, path: str | os.PathLike[str]) -> tuple[int, int]:
    size = None
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 24:
        size = struct.unpack(">II", head[16:24])
    elif head[:2] == b"\xff\xd8":
        size = _jpeg_size_px(head)
    if size is None or 0 in size:
        raise FormatError(
            "not a picture that can be read", expected="a PNG or JPEG header with width and height", path=path, hint="export the picture again"
        )
    limits().check("image_px", size[0] * size[1], path)
    return size[0], size[1]


def _is_whole_png(raw: bytes) -> bool:
    """Every chunk within the file and with the right checksum, up to IEND: libpng sets out to read what a broken length asks for."""
    at = 8
    while at + 12 <= len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        if at + 12 + length > len(raw) or zlib.crc32(memoryview(raw)[at + 4 : at + 8 + length]) != int.from_bytes(
            raw[at + 8 + length : at + 12 + length], "big"
        ):
            return False
        if raw[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + length
    return False


def _jpeg_size_px(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + struct.unpack(">H", head[at + 2 : at + 4])[0]
    return None


def _cv2() -> Any:
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(limits().image_px))  # read by OpenCV when it is loaded
    import cv2

    return cv2


def check_image(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) of a picture that is whole, without decoding it: PNG by the checksums of its chunks, JPEG by its end."""
    checked_size(path)
    return _whole_size_px(Path(path).read_bytes(), path)


def _whole_size_px(raw: bytes, path: str | os.PathLike[str]) -> tuple[int, int]:
    size = _size_px(raw[: 1 << 20], path)
    whole = _is_whole_png(raw) if raw[:1] == b"\x89" else b"\xff\xd9" in raw[-1024:]
    if not whole:
        raise FormatError(
            "the picture is cut off or damaged", expected="whole chunks up to its end marker", path=path, hint="copy or export the picture again"
        )
    if 3 * size[0] * size[1] > _PLAIN_BYTES:
        limits().check_decompressed(3 * size[0] * size[1], len(raw), path)
    return size


def read_image(path: str | os.PathLike[str]) -> Image:
    """(H, W, 3) uint8 RGB."""
    checked_size(path)
    return decoded_image(Path(path).read_bytes(), path)


def decoded_image(raw: bytes, path: str | os.PathLike[str] = "the picture") -> Image:
    """(H, W, 3) uint8 RGB of a file's bytes."""
    width, height = _whole_size_px(raw, path)
    cv2 = _cv2()
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        image = None
    if image is None:
        raise FormatError("the picture cannot be decoded", path=path, hint="export the picture again")
    if image.shape[:2] != (height, width):
        raise FormatError(
            expected=f"{width} x {height} pixels, as the header says",
            got=f"{image.shape[1]} x {image.shape[0]}",
            path=path,
            hint="export the picture again",
        )
    result: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return result


def image_bytes(image: Any, jpeg_quality: int | None = None) -> bytes:
    """A picture as a PNG file, or as a JPEG of the given quality.

    image : (H, W, 3) RGB, (H, W) grey, uint8; or (H, W) uint16 for PNG
    """
    array = np.asarray(image)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or 0 in array.shape or array.dtype not in (np.uint8, np.uint16):
        raise ArgumentError(expected="(H, W, 3) uint8 RGB or (H, W) grey", got=f"shape {array.shape}, {array.dtype}", field="image")
    if jpeg_quality is not None and not 0 <= jpeg_quality <= 100:
        raise ArgumentError(expected="a quality from 0 to 100", got=repr(jpeg_quality), field="jpeg_quality")
    cv2 = _cv2()
    if array.ndim == 3:
        array = cv2.cvtColor(np.ascontiguousarray(array), cv2.COLOR_RGB2BGR)
    if jpeg_quality is None:
        ok, data = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    else:
        ok, data = cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, int(jpeg_quality)])
    if not ok:
        raise ArgumentError("the picture cannot be encoded", got=f"shape {array.shape}, {array.dtype}", field="image")
    return bytes(data)
