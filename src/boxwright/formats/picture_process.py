"""Pictures decoded in a process of their own, with a bound on its memory and its time.

python -m boxwright.formats.picture_process    is that process: it reads lengths and bytes, and answers width, height and RGB
"""

from __future__ import annotations

import struct
import sys
from typing import IO, Any

import numpy as np

from ..apart import Apart, Gone, bind, exactly
from ..errors import FormatError
from ..limits import limits
from .images import decoded_image

__all__ = ["Decoder"]

ROOM_BYTES = 1 << 30  # what the process may take besides three bytes for each pixel that a picture may have, three times over
PATIENCE_S = 20.0
_HEAD = struct.Struct("<Q")
_SIZE = struct.Struct("<II")
Image = np.ndarray[Any, np.dtype[np.uint8]]


class Decoder:
    """One process that decodes one picture after the other; started when first asked, and again when it is gone."""

    def __init__(self) -> None:
        self.process = Apart("boxwright.formats.picture_process")

    def close(self) -> None:
        self.process.stop()

    def rgb(self, raw: bytes) -> Image:
        """(H, W, 3) uint8 of a PNG or JPEG. FormatError for anything else, and where it takes too long or too much."""
        try:
            image = self.process.ask(_HEAD.pack(len(raw)) + raw, _image, PATIENCE_S)
        except Gone:
            raise FormatError("a picture that cannot be decoded", hint="it takes too long, too much, or is damaged") from None
        if image is None:
            raise FormatError("not a picture that can be read", hint="PNG and JPEG are; look at the recording")
        return image


def _image(pipe: IO[bytes]) -> Image | None:
    width, height = _SIZE.unpack(exactly(pipe, _SIZE.size))
    return None if width == 0 else np.frombuffer(exactly(pipe, 3 * width * height), np.uint8).reshape(height, width, 3)


def main() -> None:
    """The process: bound, and deaf to everything but its pipe."""
    bind(ROOM_BYTES + 9 * limits().image_px)
    asking, answering = sys.stdin.buffer, sys.stdout.buffer
    while len(head := asking.read(_HEAD.size)) == _HEAD.size:
        raw = asking.read(_HEAD.unpack(head)[0])
        try:
            image = decoded_image(raw)
        except Exception:  # whatever a decoder says, the answer is that there is no picture
            answering.write(_SIZE.pack(0, 0))
        else:
            answering.write(_SIZE.pack(image.shape[1], image.shape[0]) + image.tobytes())
        answering.flush()


if __name__ == "__main__":
    main()
