"""What a file may ask for at most. Each limit can be raised through the environment: BOXWRIGHT_LIMIT_POINTS_PER_FRAME=50000000."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArgumentError, FormatError, LimitError

__all__ = ["Limits", "checked_size", "has_file", "limits"]


@dataclass(frozen=True)
class Limits:
    """points_per_frame, image_px : counts; *_bytes : sizes; decompressed_ratio : output bytes per input byte; json_depth : nested brackets."""

    points_per_frame: int = 20_000_000
    point_bytes: int = 1024
    file_bytes: int = 4 << 30
    decompressed_bytes: int = 4 << 30
    decompressed_ratio: int = 200
    image_px: int = 64_000_000
    json_bytes: int = 512 << 20
    json_depth: int = 32
    keyframes_per_track: int = 100_000
    tracks_per_scene: int = 50_000
    frames_per_scene: int = 1_000_000

    def check(self, name: str, value: int, path: str | os.PathLike[str], field: str | None = None) -> None:
        """LimitError where `value` is over the limit called `name`."""
        limit = getattr(self, name)
        if value > limit:
            raise LimitError(
                f"more {name.replace('_', ' ')} than allowed",
                expected=f"at most {limit:,}",
                got=f"{value:,}",
                path=path,
                field=field,
                hint=f"if the file is sound, set BOXWRIGHT_LIMIT_{name.upper()}",
            )

    def check_decompressed(self, size: int, packed: int, path: str | os.PathLike[str]) -> None:
        """LimitError where `packed` bytes are to become more bytes than allowed, before any of them is made."""
        self.check("decompressed_bytes", size, path)
        if size > self.decompressed_ratio * max(packed, 1):
            raise LimitError(
                "compressed more tightly than allowed",
                expected=f"at most {self.decompressed_ratio} : 1",
                got=f"{size:,} B from {packed:,} B",
                path=path,
                hint="if the file is sound, set BOXWRIGHT_LIMIT_DECOMPRESSED_RATIO",
            )


def limits() -> Limits:
    """The limits of this process."""
    given = {}
    for field in dataclasses.fields(Limits):
        text = os.environ.get(f"BOXWRIGHT_LIMIT_{field.name.upper()}")
        if text is not None:
            if not text.isdecimal():
                raise ArgumentError(expected="a whole number", got=repr(text), field=f"BOXWRIGHT_LIMIT_{field.name.upper()}")
            given[field.name] = int(text)
    return Limits(**given)


def has_file(path: Path) -> bool:
    """Whether a file is there. FormatError where something is there that is no file: it would read as if nothing were."""
    if path.is_file():
        return True
    if not os.path.lexists(path):
        return False
    got = "a folder" if path.is_dir() else "a link to nothing" if path.is_symlink() and not path.exists() else "no regular file"
    raise FormatError(expected="a file", got=got, path=path, hint="put the file there, or take away what is there")


def checked_size(path: str | os.PathLike[str]) -> int:
    """Bytes of a file within the limits. FormatError where it cannot be read."""
    try:
        if not Path(path).is_file():
            raise FormatError("no such file", path=path, hint="check the path")
        size = Path(path).stat().st_size
    except (OSError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"cannot be read: {error}", path=path, hint="check the path and its permissions") from error
    limits().check("file_bytes", size, path)
    return size
