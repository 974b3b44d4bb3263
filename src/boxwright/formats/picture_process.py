"""Pictures decoded in a process of their own, with a bound on its memory and its time: a decoder that goes wrong takes nothing else with it.

python -m boxwright.formats.picture_process    is that process: it reads lengths and bytes, and answers width, height and RGB
"""

from __future__ import annotations

import contextlib
import os
import resource
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import FormatError
from ..limits import limits
from .images import decoded_image

__all__ = ["Decoder"]

ROOM_BYTES = 1 << 30  # what the process may take besides three bytes for each pixel that a picture may have, three times over
PATIENCE_S = 20.0
_HEAD = struct.Struct("<Q")
_SIZE = struct.Struct("<II")


class Decoder:
    """One process that decodes one picture after the other; started when first asked, and again when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        with self._lock:
            self._stop()

    def rgb(self, raw: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """(H, W, 3) uint8 of a PNG or JPEG. FormatError for anything else, and where it takes too long or too much."""
        with self._lock:
            child = self._started()
            clock = threading.Timer(PATIENCE_S, child.kill)
            clock.start()
            try:
                assert child.stdin is not None and child.stdout is not None
                child.stdin.write(_HEAD.pack(len(raw)) + raw)
                child.stdin.flush()
                width, height = _SIZE.unpack(_exactly(child.stdout, _SIZE.size))
                if width == 0:
                    raise FormatError("not a picture that can be read", hint="PNG and JPEG are; look at the recording")
                pixels = _exactly(child.stdout, 3 * width * height)
            except (OSError, EOFError, struct.error):
                self._stop()
                raise FormatError("a picture that cannot be decoded", hint="it takes too long, too much, or is damaged") from None
            finally:
                clock.cancel()
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            source = str(Path(__file__).resolve().parents[2])
            environment = {key: value for key, value in os.environ.items() if not key.startswith("BOXWRIGHT_TOKEN")}
            environment["OPENBLAS_NUM_THREADS"] = "1"
            environment["PYTHONPATH"] = os.pathsep.join([source, *filter(None, [environment.get("PYTHONPATH")])])
            self._child = subprocess.Popen(
                [sys.executable, "-m", "boxwright.formats.picture_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                close_fds=True,
            )
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _exactly(pipe: IO[bytes], n: int) -> bytes:
    data = pipe.read(n)
    if len(data) != n:
        raise EOFError
    return data


def main() -> None:
    """The process: bound, and deaf to everything but its pipe."""
    room = ROOM_BYTES + 9 * limits().image_px
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
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
